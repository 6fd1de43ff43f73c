//! Presentation: OpenID for Verifiable Presentations 1.0 with signed request objects by reference, the client identifier
//! prefix `x509_hash`, and encrypted answers by `direct_post.jwt`, as HAIP 1.0 section 5.1 demands.
//!
//! [`verifier`] asks and takes the answer, [`holder`] reads the request and answers. Both speak in the wire types of
//! [`request`], [`response`] and [`transaction_data`]; [`purpose`] is an entry of the request's `verifier_info`.

pub mod holder;
pub mod purpose;
pub mod request;
pub mod response;
pub mod transaction_data;
pub mod verifier;

pub use response::{Presentation, VpToken};

#[cfg(test)]
mod tests;
