//! The parts of OAuth 2 that issuance stands on: errors, access tokens, DPoP, authorization server metadata.
//!
//! RFC 6749 (errors), RFC 6750 and RFC 9449 (how a token is presented and bound to a key), RFC 8414 (metadata). PAR,
//! PKCE and client attestation come with the authorization code flow.

pub mod dpop;
mod error;
mod metadata;
mod token;

pub use error::{Code, Endpoint, OAuthError};
pub use metadata::ServerMetadata;
pub(crate) use token::hash as token_hash;
pub use token::{AccessToken, Scheme};
