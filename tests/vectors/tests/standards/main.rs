//! One module per standard: its own examples must pass, and each rule it states has a row that breaks just that rule.
#![cfg(test)]

mod bitstring_status_list;
mod corpora;
mod did_key;
mod did_webvh;
mod iso_18013_5;
mod iso_18013_5_annex_b;
mod jcs;
mod rfc9901;
mod token_status_list;
mod vc_di;
mod vc_di_ecdsa;
mod vc_di_eddsa;
mod vcdm;
