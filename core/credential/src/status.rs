//! Status of credentials: Token Status List (draft-ietf-oauth-status-list-20) as JWT and CWT, and the identifier list of
//! ISO/IEC 18013-5 (second edition, section 12.3.6).
//!
//! * [`StatusList`] is the packed list, [`StatusReference`] and [`StatusReferences`] what credentials say of theirs.
//! * [`StatusToken`] and [`IdentifierList`] are signed lists that were checked; [`TokenClaims`] is what both say beside
//!   the list, [`TrustedSigner`] whose signature counts.
//! * [`Cache`] keeps checked lists while they are fresh; [`Aggregation`] names all lists of an issuer.
//!
//! Nothing here fetches: bytes and time come from the caller. MACs (`COSE_Mac0`) are left out, as they need a secret that
//! issuer and verifier share.

use jiff::Timestamp;
use serde_json::{Value, json};
use url::Url;
use warifu_keys::cbor::CborError;
use warifu_keys::cose::CoseError;
use warifu_keys::jws::JwsError;
use warifu_keys::signer::SignerError;
use warifu_keys::x509::X509Error;

mod aggregation;
mod cwt;
mod identifier_list;
mod jwt;
mod list;
mod reader;
mod reference;
mod token;

pub use aggregation::{Aggregation, MAX_LISTS};
pub use identifier_list::{IDENTIFIERS_MEDIA_TYPE, IdentifierList, Identifiers, MAX_IDENTIFIERS};
pub use list::{Bits, MAX_INFLATED, StatusList};
pub use reader::{Cache, Limits, Listed, Wanted};
pub use reference::{IdentifierReference, MAX_IDENTIFIER, StatusReferences};
pub use token::{Encoding, ListSigner, StatusToken, TokenClaims, TrustedSigner};

/// Header `typ` of a status list token in JWT form.
pub const TYP: &str = "statuslist+jwt";
/// Media type of a status list token in JWT form.
pub const MEDIA_TYPE: &str = "application/statuslist+jwt";
/// Media type, and protected header 16, of a status list token in CWT form.
pub const MEDIA_TYPE_CWT: &str = "application/statuslist+cwt";

/// Why a status list or its token was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// `bits` is not 1, 2, 4 or 8.
    #[error("{0} bits per entry are not allowed")]
    Bits(u64),
    /// The status value does not fit into the entry.
    #[error("status value {value} does not fit into {bits} bits")]
    ValueTooLarge {
        /// The value.
        value: u8,
        /// Bits per entry.
        bits: u8,
    },
    /// The list has no such entry.
    #[error("index {idx} is outside the list of {len} entries")]
    OutOfRange {
        /// The index asked for.
        idx: u64,
        /// Entries in the list.
        len: u64,
    },
    /// `lst` is not base64url.
    #[error("the list is not base64url")]
    NotBase64url,
    /// `lst` is not a ZLIB stream.
    #[error("the list is not a ZLIB stream")]
    NotZlib,
    /// Bytes follow the ZLIB stream in `lst`.
    #[error("bytes follow the compressed list")]
    Trailing,
    /// More bytes than [`MAX_INFLATED`].
    #[error("the list is too large")]
    TooLarge,
    /// `status` in a credential has no `status_list` of `idx` and an http or https `uri`.
    #[error("the status reference is malformed")]
    Reference,
    /// The token's JWS can not be read.
    #[error("status token: {0}")]
    Jws(String),
    /// The token's COSE_Sign1 can not be read.
    #[error("status token: {0}")]
    Cose(CoseError),
    /// The claims of a token in CWT form are not acceptable CBOR.
    #[error("claims of the status token: {0}")]
    Cbor(#[from] CborError),
    /// The token is of another type.
    #[error("the token's type is `{found}`")]
    Type {
        /// What its header says.
        found: String,
    },
    /// The token's signature is wrong, or was made by none of the issuer's keys.
    #[error("the status token's signature is wrong")]
    Signature,
    /// The signer's chain was refused.
    #[error("status token signer: {0}")]
    Chain(#[from] X509Error),
    /// A claim is missing or of the wrong kind.
    #[error("claim `{0}` of the status token is missing or malformed")]
    Claim(&'static str),
    /// `sub` is not the URI that the credential names.
    #[error("the token is of list `{found}`")]
    Subject {
        /// What `sub` says.
        found: String,
    },
    /// `iat` lies in the future.
    #[error("the token was issued in the future, at {at}")]
    IssuedInFuture {
        /// Its `iat`.
        at: Timestamp,
    },
    /// `exp` has passed.
    #[error("the token expired at {at}")]
    Expired {
        /// Its `exp`.
        at: Timestamp,
    },
    /// A list that mobile documents refer to has one bit per entry (ISO/IEC 18013-5 section 12.3.6).
    #[error("a list for mobile documents has 1 bit per entry, this one has {0}")]
    MdocBits(u8),
    /// A list that mobile documents refer to is a CWT (ISO/IEC 18013-5 section 12.3.6).
    #[error("a list for mobile documents is a CWT")]
    MdocEncoding,
    /// A list that mobile documents refer to expires (ISO/IEC 18013-5 section 12.3.6).
    #[error("a list for mobile documents has an `exp`")]
    MdocExpiry,
    /// The chain of a list that mobile documents refer to is protected (ISO/IEC 18013-5 section 12.3.6).
    #[error("the certificates of a list for mobile documents are in the protected header")]
    MdocChain,
    /// An identifier is empty or longer than [`MAX_IDENTIFIER`] bytes.
    #[error("an identifier of {0} bytes is not allowed")]
    Identifier(usize),
    /// More identifiers than [`MAX_IDENTIFIERS`].
    #[error("the list has too many identifiers")]
    TooManyIdentifiers,
    /// A status list aggregation is not `{"status_lists": […]}` of http or https URIs.
    #[error("the status list aggregation is malformed: {0}")]
    Aggregation(&'static str),
    /// The signing key could not be used.
    #[error("the status signing key could not be used: {0}")]
    Signer(String),
}

impl From<JwsError> for Error {
    fn from(error: JwsError) -> Self {
        match error {
            JwsError::Certificate(error) => Self::Chain(error),
            JwsError::Type { found, .. } => Self::Type { found: shortened(&found) },
            JwsError::BadSignature | JwsError::AlgorithmMismatch { .. } => Self::Signature,
            other => Self::Jws(other.to_string()),
        }
    }
}

impl From<CoseError> for Error {
    fn from(error: CoseError) -> Self {
        match error {
            CoseError::Certificate(error) => Self::Chain(error),
            CoseError::Type { found, .. } => Self::Type { found: shortened(&found) },
            CoseError::BadSignature | CoseError::AlgorithmMismatch { .. } => Self::Signature,
            other => Self::Cose(other),
        }
    }
}

impl From<SignerError> for Error {
    fn from(error: SignerError) -> Self {
        Self::Signer(error.0)
    }
}

/// Status of one entry (draft-20 section 7.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Status {
    /// 0: valid.
    Valid,
    /// 1: revoked, for good.
    Invalid,
    /// 2: suspended, may become valid again.
    Suspended,
    /// Application-specific (3, 12 to 15) or reserved; never to be taken for valid.
    Other(u8),
}

impl Status {
    /// The value in the list.
    #[must_use]
    pub fn value(self) -> u8 {
        match self {
            Self::Valid => 0,
            Self::Invalid => 1,
            Self::Suspended => 2,
            Self::Other(value) => value,
        }
    }

    /// The status of a value in the list.
    #[must_use]
    pub fn from_value(value: u8) -> Self {
        match value {
            0 => Self::Valid,
            1 => Self::Invalid,
            2 => Self::Suspended,
            other => Self::Other(other),
        }
    }
}

/// Where a credential's status is listed: the claim `status.status_list` (draft-20 section 6.2).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct StatusReference {
    /// URI of the status list token, http or https; also the token's `sub`.
    pub uri: Url,
    /// Index in the list.
    pub idx: u64,
}

impl StatusReference {
    /// Reads the value of a credential's `status` claim; other mechanisms than `status_list` are refused.
    pub fn from_status_claim(status: &Value) -> Result<Self, Error> {
        let list = status.get("status_list").ok_or(Error::Reference)?;
        let idx = list.get("idx").and_then(Value::as_u64).ok_or(Error::Reference)?;
        let uri = list.get("uri").and_then(Value::as_str).ok_or(Error::Reference)?;
        Ok(Self { uri: http_url(uri).ok_or(Error::Reference)?, idx })
    }

    /// The value of a credential's `status` claim.
    #[must_use]
    pub fn to_status_claim(&self) -> Value {
        json!({ "status_list": { "idx": self.idx, "uri": self.uri.as_str() } })
    }
}

fn http_url(text: &str) -> Option<Url> {
    Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}

/// Foreign text, fit for a message.
fn shortened(text: &str) -> String {
    text.chars().take(80).collect()
}

#[cfg(test)]
mod tests;
