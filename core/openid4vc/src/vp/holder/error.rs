//! Why a request is not answered, over redirects and over the Digital Credentials API alike.

use jiff::Timestamp;
use warifu_keys::jwe::JweError;
use warifu_keys::jws::JwsError;
use warifu_keys::x509::X509Error;

use crate::http::UrlError;
use crate::vp::client_id::NotAClientId;
use crate::vp::identity::AttestationError;
use crate::vp::request::RequestError;
use crate::vp::response::{ErrorCode, VpTokenError};

/// Why a request is not answered.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not a link of a known scheme.
    #[error("not a presentation request link")]
    NotARequestLink,
    /// A parameter of the link is missing, repeated or malformed.
    #[error("link parameter `{0}` is missing or malformed")]
    LinkParameter(String),
    /// `request_uri_method` is neither `get` nor `post`.
    #[error("request_uri_method `{0}` is not known")]
    RequestUriMethod(String),
    /// A URL that will not be called.
    #[error("request_uri: {0}")]
    Url(#[from] UrlError),
    /// The client identifier is none, or of a prefix that is not supported.
    #[error(transparent)]
    ClientId(#[from] NotAClientId),
    /// The request URI did not answer with 200.
    #[error("the request URI answered with status {0}")]
    Status(u16),
    /// Longer than [`MAX_BYTES`](crate::vp::request::MAX_BYTES), or not text.
    #[error("the request object is too large or not text")]
    Body,
    /// Not a signed request object.
    #[error("the request object: {0}")]
    Jws(#[from] JwsError),
    /// A certificate can not be used.
    #[error("the verifier's certificate: {0}")]
    Certificate(#[from] X509Error),
    /// The certificate is not the one that the client identifier names.
    #[error("the certificate does not belong to the client identifier")]
    OtherCertificate,
    /// The object names no verification method, or one of another DID.
    #[error("the verification method does not belong to the client identifier")]
    OtherMethod,
    /// The key of a verification method was not brought along.
    #[error("the key of verification method `{0}` is not known")]
    UnresolvedMethod(String),
    /// The verifier attestation does not hold.
    #[error(transparent)]
    Attestation(#[from] AttestationError),
    /// A signed request under a prefix for which nobody can sign.
    #[error("requests of this client identifier can not be signed")]
    CanNotBeSigned,
    /// An unsigned request under a prefix whose requests are signed.
    #[error("requests of this client identifier must be signed")]
    NotSigned,
    /// The response would go where this client identifier may not be answered.
    #[error("the response URI does not belong to the client identifier")]
    ForeignResponseUri,
    /// The response is asked for in the clear.
    #[error("the response is not to be encrypted")]
    NotEncrypted,
    /// The object is encrypted to another key, or to one that the wallet did not offer.
    #[error("the request object can not be opened")]
    Sealed,
    /// A request over the Digital Credentials API of a protocol that is not known.
    #[error("protocol `{0}` is not known")]
    Protocol(String),
    /// The data of a request over the Digital Credentials API are not what its protocol demands.
    #[error("the request's data: `{0}` is missing or malformed")]
    Data(&'static str),
    /// The request was made for other origins.
    #[error("the request is not for this origin")]
    OtherOrigin,
    /// The client identifier inside the object differs from the link's.
    #[error("the request object is of another client identifier")]
    OtherClientId,
    /// `aud` is not a wallet's.
    #[error("the request object is for another audience")]
    OtherAudience,
    /// `wallet_nonce` is missing or another.
    #[error("the request object does not carry the wallet's nonce")]
    WalletNonce,
    /// `exp` has passed.
    #[error("the request expired at {at}")]
    Expired {
        /// When it ended.
        at: Timestamp,
    },
    /// `iat` lies ahead.
    #[error("the request is dated ahead")]
    Ahead,
    /// The content is malformed or not supported.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// The answer does not fit the query.
    #[error("the answer: {0}")]
    VpToken(#[from] VpTokenError),
    /// The answer can not be encrypted.
    #[error("the answer: {0}")]
    Encryption(#[from] JweError),
}

impl Error {
    /// What the verifier may be told about it.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::RequestUriMethod(_) => ErrorCode::InvalidRequestUriMethod,
            Self::Request(RequestError::TransactionData(_)) => ErrorCode::InvalidTransactionData,
            Self::Request(RequestError::Scope) => ErrorCode::InvalidScope,
            Self::Request(RequestError::Formats) => ErrorCode::VpFormatsNotSupported,
            Self::NotARequestLink
            | Self::LinkParameter(_)
            | Self::Url(_)
            | Self::ClientId(_)
            | Self::Status(_)
            | Self::Body
            | Self::Jws(_)
            | Self::Certificate(_)
            | Self::OtherCertificate
            | Self::OtherMethod
            | Self::UnresolvedMethod(_)
            | Self::Attestation(_)
            | Self::CanNotBeSigned
            | Self::NotSigned
            | Self::ForeignResponseUri
            | Self::NotEncrypted
            | Self::Sealed
            | Self::Protocol(_)
            | Self::Data(_)
            | Self::OtherOrigin
            | Self::OtherClientId
            | Self::OtherAudience
            | Self::WalletNonce
            | Self::Expired { .. }
            | Self::Ahead
            | Self::Request(_)
            | Self::VpToken(_)
            | Self::Encryption(_) => ErrorCode::InvalidRequest,
        }
    }
}
