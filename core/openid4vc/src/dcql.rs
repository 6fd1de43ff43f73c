//! The Digital Credentials Query Language (OpenID4VP 1.0 section 6).
//!
//! [`Query`] is parsed with caps on everything a stranger can repeat. The wallet asks [`select`] which of its credentials
//! answer it and with which claims; the verifier re-checks what came back with [`check_response`], because the wallet's
//! choice binds nobody (section 8.6).

mod check;
mod query;
mod select;

pub use check::{ResponseError, check_response};
pub use query::{
    AuthorityType, ClaimsQuery, CredentialQuery, CredentialSetQuery, DcqlError, Meta, Query, TrustedAuthority, limits,
};
pub use select::{Answer, Candidate, Choice, Disclosure, NotSatisfiable, Selection, Unmet, select};

#[cfg(test)]
mod small_model;
#[cfg(test)]
mod tests;
