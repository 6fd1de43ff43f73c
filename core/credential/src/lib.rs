//! Credentials: made by the issuer, held and presented by the wallet, authenticated by the verifier.
//!
//! A credential's life is a chain of types; each step consumes the one before and only the last has readable claims:
//! [`sd_jwt::Received`] or [`sd_jwt::Presentation`], [`mdoc::Received`] or [`mdoc::Presentation`], then [`Authentic`], then
//! [`Verified`]. Status lists are in [`status`], the selfie protocol in [`face_template`] and [`selfie_reauth`], what is
//! minted in [`profile`] with [`kyc`] and [`pid`]. [`inspect`] and [`report`] are for people who want to see or to know why.
//!
//! Everything is a pure function of its arguments: time, entropy and fetched documents come from the caller.

mod authentic;
mod chain_cache;
pub mod claim_path;
#[cfg(test)]
mod example;
pub mod face_template;
pub mod inspect;
pub mod kyc;
pub mod mdoc;
pub mod person;
pub mod pid;
pub mod profile;
pub mod report;
pub mod sd_jwt;
pub mod selfie_reauth;
pub mod status;
pub mod type_metadata;

pub use authentic::{Authentic, SettleError, Verified};
pub use chain_cache::ChainCache;
pub use claim_path::{ClaimPath, PathStep};

/// A credential format; each has a module of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// SD-JWT VC (draft-ietf-oauth-sd-jwt-vc-19 over RFC 9901).
    SdJwtVc,
    /// ISO mdoc (ISO/IEC 18013-5, second edition).
    Mdoc,
}

impl Format {
    /// The format identifier of OpenID4VCI 1.0 appendix A and OpenID4VP 1.0 appendix B.
    #[must_use]
    pub fn identifier(self) -> &'static str {
        match self {
            Self::SdJwtVc => "dc+sd-jwt",
            Self::Mdoc => "mso_mdoc",
        }
    }

    /// The format of an identifier; `None` for those that are not supported.
    #[must_use]
    pub fn from_identifier(identifier: &str) -> Option<Self> {
        match identifier {
            "dc+sd-jwt" => Some(Self::SdJwtVc),
            "mso_mdoc" => Some(Self::Mdoc),
            _ => None,
        }
    }
}
