//! One module per standard: its own examples must pass, and each rule it states has a row that breaks just that rule.
#![cfg(test)]

mod corpora;
mod rfc9901;
