//! Why a share is refused, by rule, and what the import endpoint answers.

use jiff::Timestamp;
use warifu_keys::json::JsonError;
use warifu_keys::jwe::JweError;
use warifu_keys::jws::JwsError;
use warifu_keys::signer::SignerError;
use warifu_keys::x509::X509Error;

use super::{MAX_LIFE, MIN_LIFE, TYP};
use crate::consent::ConsentError;

/// Why a share could not be made, or a share token was refused.
#[derive(Debug, thiserror::Error)]
pub enum ShareError {
    /// More bytes than [`MAX_BYTES`].
    #[error("a share token of {0} bytes is too large")]
    TooLarge(usize),
    /// Not a JWE, or one that asks for other algorithms.
    #[error("the share token: {0}")]
    Envelope(#[source] JweError),
    /// The header's `typ` is another one.
    #[error("`typ` is `{0}`, expected `{TYP}`")]
    Type(String),
    /// The content encryption is not `A256GCM`.
    #[error("content encryption `{0}` is not allowed for shares")]
    Encryption(&'static str),
    /// The token is sealed to another key.
    #[error("the share token is sealed to another key")]
    OtherKey,
    /// The token can not be opened: it was changed, or the key is wrong.
    #[error("the share token can not be opened")]
    Decryption,
    /// What is inside is not a share.
    #[error("inside the share token: {0}")]
    Content(#[from] JsonError),
    /// A member inside has an impossible value.
    #[error("inside the share token: `{0}` is not usable")]
    Member(&'static str),
    /// The life is shorter than 60 seconds or longer than a day.
    #[error("a share lives {MIN_LIFE} to {MAX_LIFE} seconds, not {0}")]
    Life(i64),
    /// The share is made for someone else.
    #[error("the share is made for another audience")]
    WrongAudience,
    /// The share has run out.
    #[error("the share expired at {at}")]
    Expired {
        /// When.
        at: Timestamp,
    },
    /// The share begins later.
    #[error("the share begins only at {at}")]
    NotYetValid {
        /// When.
        at: Timestamp,
    },
    /// The issuer's signature over the decision.
    #[error("the issuer's signature: {0}")]
    Signature(#[from] JwsError),
    /// The issuer's certificates.
    #[error("the issuer's certificates: {0}")]
    Certificate(#[from] X509Error),
    /// The signature inside was made for another share, or the claims were changed.
    #[error("the signature inside belongs to another share")]
    OtherShare,
    /// `iss` does not name the key that signed.
    #[error("`iss` does not name the holder key")]
    IssuerMismatch,
    /// The consent receipt is unusable.
    #[error("{0}")]
    Consent(#[from] ConsentError),
    /// The consent receipt speaks of something else.
    #[error("the consent receipt names another {0}")]
    ConsentMismatch(&'static str),
    /// The decision holds more than the scope covers.
    #[error("the decision exceeds the scope of the share")]
    BeyondScope,
    /// The session has no decision to share.
    #[error("a session that is `{0}` can not be shared")]
    NotDecided(crate::Status),
    /// The same source was imported by this application before. Raised by the importer.
    #[error("this share was imported before")]
    AlreadyImported,
    /// The source session is gone. Raised by the importer.
    #[error("the source session is gone")]
    SourceGone,
    /// The share could not be signed.
    #[error(transparent)]
    Unsigned(#[from] SignerError),
}

impl ShareError {
    /// The HTTP status of the import endpoint: 401 for a token that is no good, 403 for one that is good but not for
    /// this importer, 404 for a source that is gone, 400 for a share that should not have been asked for.
    #[must_use]
    pub fn http_status(&self) -> u16 {
        match self {
            Self::TooLarge(_)
            | Self::Envelope(_)
            | Self::Type(_)
            | Self::Encryption(_)
            | Self::OtherKey
            | Self::Decryption
            | Self::Content(_)
            | Self::Member(_)
            | Self::Life(_)
            | Self::Expired { .. }
            | Self::NotYetValid { .. }
            | Self::Signature(_)
            | Self::Certificate(_)
            | Self::OtherShare
            | Self::IssuerMismatch
            | Self::BeyondScope => 401,
            Self::WrongAudience | Self::Consent(_) | Self::ConsentMismatch(_) | Self::AlreadyImported => 403,
            Self::SourceGone => 404,
            Self::NotDecided(_) => 400,
            Self::Unsigned(_) => 500,
        }
    }

    /// Stable name of the rule that failed, for logs and catalogues of texts.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::TooLarge(_) => "too_large",
            Self::Envelope(_) => "not_a_share_token",
            Self::Type(_) => "wrong_type",
            Self::Encryption(_) => "wrong_encryption",
            Self::OtherKey => "other_key",
            Self::Decryption => "can_not_be_opened",
            Self::Content(_) | Self::Member(_) => "malformed",
            Self::Life(_) => "life_out_of_range",
            Self::WrongAudience => "wrong_audience",
            Self::Expired { .. } => "expired",
            Self::NotYetValid { .. } => "not_yet_valid",
            Self::Signature(_) => "bad_signature",
            Self::Certificate(_) => "untrusted_certificate",
            Self::OtherShare => "signature_of_another_share",
            Self::IssuerMismatch => "issuer_mismatch",
            Self::Consent(_) => "no_consent",
            Self::ConsentMismatch(_) => "consent_for_something_else",
            Self::BeyondScope => "beyond_scope",
            Self::NotDecided(_) => "not_decided",
            Self::AlreadyImported => "already_imported",
            Self::SourceGone => "source_gone",
            Self::Unsigned(_) => "not_signed",
        }
    }
}
