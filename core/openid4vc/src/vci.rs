//! Issuance: OpenID for Verifiable Credential Issuance 1.0, the pre-authorised code flow.
//!
//! Wire types are written once here and used by both halves. [`issuer`] holds the issuer's state values, [`holder`] the
//! wallet's chain, [`proof`] the proof of possession of the holder's keys, [`nonce`] the `c_nonce`.

pub mod credential;
pub mod holder;
pub mod issuer;
pub mod metadata;
pub mod nonce;
pub mod offer;
pub mod proof;
pub mod token;

/// The grant type of the pre-authorised code flow (OpenID4VCI 1.0 section 6.1).
pub const PRE_AUTHORIZED_CODE: &str = "urn:ietf:params:oauth:grant-type:pre-authorized_code";
/// The type of `authorization_details` entries (OpenID4VCI 1.0 section 5.1.1).
pub const OPENID_CREDENTIAL: &str = "openid_credential";

#[cfg(test)]
mod tests;
