//! Token Status List (draft-ietf-oauth-status-list-20), JWT form: building, signing, and looking up.
//!
//! Left out: the CWT form (comes with mdoc), status list aggregation, and historical lookups (`?time=`).

use std::fmt;
use std::io::{Read as _, Write as _};

use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};
use url::Url;
use warifu_keys::jws::{self, Header, JwsError};
use warifu_keys::signer::SignerError;
use warifu_keys::x509::{self, Certificate, Purpose, VerifiedChain, X509Error};
use warifu_keys::{Signer, base64url};

use crate::sd_jwt::{CLOCK_SKEW, numeric_date};

mod reference;

pub use reference::{IdentifierReference, MAX_IDENTIFIER, StatusReferences};

/// Header `typ` of a status list token.
pub const TYP: &str = "statuslist+jwt";
/// Media type of a status list token.
pub const MEDIA_TYPE: &str = "application/statuslist+jwt";
/// Largest list after inflation, in bytes: 64 million entries of one bit.
pub const MAX_INFLATED: usize = 8 * 1024 * 1024;

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
    /// `lst` is not base64url of a zlib stream, or the stream has trailing bytes.
    #[error("the list is not a zlib stream in base64url")]
    NotZlib,
    /// More than [`MAX_INFLATED`] bytes.
    #[error("the list is too large")]
    TooLarge,
    /// `status_list` in a credential is not `{idx, uri}` with an http or https URI.
    #[error("the status reference is malformed")]
    Reference,
    /// The token's JWS is malformed, of another type, or its signature is wrong.
    #[error("status token: {0}")]
    Jws(String),
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
    /// The signing key could not be used.
    #[error("the status signing key could not be used: {0}")]
    Signer(String),
}

impl From<JwsError> for Error {
    fn from(error: JwsError) -> Self {
        match error {
            JwsError::Certificate(error) => Self::Chain(error),
            other => Self::Jws(other.to_string()),
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

/// Bits per entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Bits {
    /// Valid and invalid only.
    One,
    /// Values 0 to 3.
    Two,
    /// Values 0 to 15.
    Four,
    /// Values 0 to 255.
    Eight,
}

impl Bits {
    /// 1, 2, 4 or 8.
    #[must_use]
    pub fn count(self) -> u8 {
        match self {
            Self::One => 1,
            Self::Two => 2,
            Self::Four => 4,
            Self::Eight => 8,
        }
    }

    /// The member of this size; [`Error::Bits`] for any other than 1, 2, 4 and 8.
    pub fn from_count(count: u64) -> Result<Self, Error> {
        match count {
            1 => Ok(Self::One),
            2 => Ok(Self::Two),
            4 => Ok(Self::Four),
            8 => Ok(Self::Eight),
            other => Err(Error::Bits(other)),
        }
    }

    fn mask(self) -> u8 {
        u8::MAX >> (8 - self.count())
    }
}

/// A list of statuses, packed (draft-20 section 4.1): entry `i` starts at the least significant free bit of its byte.
#[derive(Clone, PartialEq, Eq)]
pub struct StatusList {
    bits: Bits,
    bytes: Vec<u8>,
}

impl fmt::Debug for StatusList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StatusList({} entries of {} bits)", self.len(), self.bits.count())
    }
}

impl StatusList {
    /// A list of at least `len` entries, all valid; the length is rounded up to whole bytes. Lists that would exceed
    /// [`MAX_INFLATED`] are [`Error::TooLarge`].
    pub fn new(bits: Bits, len: usize) -> Result<Self, Error> {
        let size = len.div_ceil(usize::from(8 / bits.count()));
        if size > MAX_INFLATED {
            return Err(Error::TooLarge);
        }
        Ok(Self { bits, bytes: vec![0; size] })
    }

    /// A list from its packed bytes.
    pub fn from_bytes(bits: Bits, bytes: Vec<u8>) -> Result<Self, Error> {
        if bytes.len() > MAX_INFLATED { Err(Error::TooLarge) } else { Ok(Self { bits, bytes }) }
    }

    /// The packed bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Bits per entry.
    #[must_use]
    pub fn bits(&self) -> Bits {
        self.bits
    }

    /// Entries in the list.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.bytes.len() as u64 * u64::from(8 / self.bits.count())
    }

    /// Whether the list has no entries.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The status at `idx`, or [`Error::OutOfRange`].
    pub fn get(&self, idx: u64) -> Result<Status, Error> {
        let (byte, shift) = self.place(idx)?;
        let value = self.bytes.get(byte).map(|byte| byte >> shift & self.bits.mask());
        value.map(Status::from_value).ok_or(Error::OutOfRange { idx, len: self.len() })
    }

    /// Sets the status at `idx`; [`Error::OutOfRange`] or [`Error::ValueTooLarge`] leave the list as it was.
    pub fn set(&mut self, idx: u64, status: Status) -> Result<(), Error> {
        let (value, mask) = (status.value(), self.bits.mask());
        if value > mask {
            return Err(Error::ValueTooLarge { value, bits: self.bits.count() });
        }
        let out_of_range = Error::OutOfRange { idx, len: self.len() };
        let (byte, shift) = self.place(idx)?;
        let byte = self.bytes.get_mut(byte).ok_or(out_of_range)?;
        *byte = *byte & !(mask << shift) | value << shift;
        Ok(())
    }

    /// The list in its compressed wire form, `lst`.
    pub fn encode(&self) -> Result<String, Error> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
        let compressed = encoder.write_all(&self.bytes).and_then(|()| encoder.finish());
        // Writing into memory has no other reason to fail than memory itself.
        Ok(base64url::encode(&compressed.map_err(|_| Error::TooLarge)?))
    }

    /// Reads `lst`; inflates at most [`MAX_INFLATED`] bytes.
    pub fn decode(bits: Bits, lst: &str) -> Result<Self, Error> {
        let compressed = base64url::decode(lst).map_err(|_| Error::NotZlib)?;
        let mut decoder = ZlibDecoder::new(compressed.as_slice());
        let mut bytes = Vec::new();
        decoder.by_ref().take(MAX_INFLATED as u64 + 1).read_to_end(&mut bytes).map_err(|_| Error::NotZlib)?;
        if bytes.len() > MAX_INFLATED {
            return Err(Error::TooLarge);
        }
        if decoder.total_in() != compressed.len() as u64 {
            return Err(Error::NotZlib);
        }
        Ok(Self { bits, bytes })
    }

    /// Signs the list as a status list token (draft-20 section 5.1). `chain` is the signer's, leaf first, without the
    /// root.
    ///
    /// Deployed verifiers demand the key that signed the credentials, so sign with the document signer.
    pub fn sign(&self, claims: &TokenClaims, chain: &[Certificate], signer: &dyn Signer) -> Result<String, Error> {
        let mut payload = Map::new();
        payload.insert("sub".to_owned(), Value::from(claims.uri.as_str()));
        payload.insert("iat".to_owned(), Value::from(claims.issued_at.as_second()));
        payload.insert("exp".to_owned(), Value::from(claims.expires.as_second()));
        payload.insert("ttl".to_owned(), Value::from(claims.ttl.as_secs()));
        payload.insert("status_list".to_owned(), json!({ "bits": self.bits.count(), "lst": self.encode()? }));
        Ok(jws::sign_claims(Header::typ(TYP).x5c(chain), &payload, signer)?)
    }

    fn place(&self, idx: u64) -> Result<(usize, u32), Error> {
        let out_of_range = || Error::OutOfRange { idx, len: self.len() };
        if idx >= self.len() {
            return Err(out_of_range());
        }
        let per_byte = u64::from(8 / self.bits.count());
        let byte = usize::try_from(idx / per_byte).map_err(|_| out_of_range())?;
        Ok((byte, (idx % per_byte) as u32 * u32::from(self.bits.count())))
    }
}

/// What a status list token says beside the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenClaims {
    /// `sub`: the URI that the token is served at and that credentials name.
    pub uri: Url,
    /// `iat`.
    pub issued_at: Timestamp,
    /// `exp`: from then on the token counts no more.
    pub expires: Timestamp,
    /// `ttl`: how long a copy may be used after fetching, in whole seconds above 0.
    pub ttl: SignedDuration,
}

/// A status list whose signature, subject and validity were checked.
#[derive(Debug, Clone)]
pub struct StatusToken {
    uri: Url,
    list: StatusList,
    signer: VerifiedChain,
    issued_at: Timestamp,
    fresh_until: Timestamp,
}

impl StatusToken {
    /// Checks a fetched token: type, signature by a document signer under `anchor`, `sub` equal to `uri`, `iat`, `exp`,
    /// and the list itself (draft-20 section 8.3).
    ///
    /// `anchor` is the trust anchor of the credential whose status is wanted ([`crate::Authentic::issuer`]); it may
    /// also be the very certificate that signed, where a trusted list names end-entity certificates.
    pub fn verify(token: &str, uri: &Url, anchor: &Certificate, now: Timestamp) -> Result<Self, Error> {
        let jws = jws::Unverified::parse(token.trim())?;
        jws.expect_typ(TYP)?;
        let chain = jws.x5c()?;
        let signer = x509::verify_chain(&chain, std::slice::from_ref(anchor), Purpose::DocumentSigner, now)?;
        let claims = jws.verify_claims(&signer.leaf.public_key()?)?;
        Self::from_claims(&claims, uri, signer, now)
    }

    fn from_claims(
        claims: &Map<String, Value>,
        uri: &Url,
        signer: VerifiedChain,
        now: Timestamp,
    ) -> Result<Self, Error> {
        let sub = claims.get("sub").and_then(Value::as_str).ok_or(Error::Claim("sub"))?;
        if http_url(sub).as_ref() != Some(uri) {
            return Err(Error::Subject { found: sub.chars().take(80).collect() });
        }
        let issued_at = claims.get("iat").and_then(numeric_date).ok_or(Error::Claim("iat"))?;
        if issued_at > now.saturating_add(CLOCK_SKEW).unwrap_or(Timestamp::MAX) {
            return Err(Error::IssuedInFuture { at: issued_at });
        }
        let mut fresh_until = Timestamp::MAX;
        if let Some(exp) = claims.get("exp") {
            let at = numeric_date(exp).ok_or(Error::Claim("exp"))?;
            if now >= at {
                return Err(Error::Expired { at });
            }
            fresh_until = at;
        }
        if let Some(ttl) = claims.get("ttl") {
            // A positive number of seconds, counted from when the copy was fetched.
            let seconds = ttl.as_f64().filter(|seconds| *seconds > 0.0).ok_or(Error::Claim("ttl"))?;
            let ttl = SignedDuration::try_from_secs_f64(seconds).unwrap_or(SignedDuration::MAX);
            fresh_until = fresh_until.min(now.saturating_add(ttl).unwrap_or(Timestamp::MAX));
        }
        let list = claims.get("status_list").ok_or(Error::Claim("status_list"))?;
        let bits = list.get("bits").and_then(Value::as_u64).ok_or(Error::Claim("bits"))?;
        let lst = list.get("lst").and_then(Value::as_str).ok_or(Error::Claim("lst"))?;
        let list = StatusList::decode(Bits::from_count(bits)?, lst)?;
        Ok(Self { uri: uri.clone(), list, signer, issued_at, fresh_until })
    }

    /// The status at `idx`, or [`Error::OutOfRange`].
    pub fn status(&self, idx: u64) -> Result<Status, Error> {
        self.list.get(idx)
    }

    /// Where the list is served.
    #[must_use]
    pub fn uri(&self) -> &Url {
        &self.uri
    }

    /// Who signed it, and under which anchor.
    #[must_use]
    pub fn signer(&self) -> &VerifiedChain {
        &self.signer
    }

    /// `iat`.
    #[must_use]
    pub fn issued_at(&self) -> Timestamp {
        self.issued_at
    }

    /// Last instant at which this copy may be used: the earlier of `exp` and the time of the check plus `ttl`. A cache
    /// drops the copy then.
    #[must_use]
    pub fn fresh_until(&self) -> Timestamp {
        self.fresh_until
    }
}

fn http_url(text: &str) -> Option<Url> {
    Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}

#[cfg(test)]
mod tests;
