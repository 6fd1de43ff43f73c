//! Presentation: OpenID for Verifiable Presentations 1.0, over redirects and over the Digital Credentials API ([`dc_api`]).
//! Unless somebody says otherwise it is as HAIP 1.0 section 5 demands: signed requests of the client identifier prefix
//! `x509_hash`, encrypted answers.
//!
//! [`verifier`] asks and takes the answer, [`holder`] reads the request and answers. Whose request it is stands in
//! [`client_id`], how that is proved in [`identity`], what a wallet says about itself in [`wallet_metadata`]. Both halves
//! speak in the wire types of [`request`], [`response`] and [`transaction_data`]; [`purpose`] and [`registration`] are
//! entries of the request's `verifier_info`.

pub mod client_id;
pub mod dc_api;
pub mod holder;
pub mod identity;
pub mod purpose;
pub mod registration;
pub mod request;
pub mod response;
mod secret_text;
pub mod transaction_data;
pub mod verifier;
pub mod wallet_metadata;

pub use response::{Presentation, VpToken};

#[cfg(test)]
mod tests;
