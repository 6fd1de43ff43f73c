//! Signed lists: whose signature counts, and the rules that all encodings share (draft-ietf-oauth-status-list-20 sections
//! 5 and 8.3).

use jiff::{SignedDuration, Timestamp};
use url::Url;
use warifu_keys::PublicKey;
use warifu_keys::x509::{self, Certificate, Purpose, VerifiedChain};

use super::{Bits, Error, MEDIA_TYPE, MEDIA_TYPE_CWT, Status, StatusList, http_url, shortened};
use crate::sd_jwt::CLOCK_SKEW;

/// How a signed list is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Encoding {
    /// JSON Web Token.
    Jwt,
    /// CBOR Web Token.
    Cwt,
}

impl Encoding {
    /// The media type of a status list token.
    #[must_use]
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Jwt => MEDIA_TYPE,
            Self::Cwt => MEDIA_TYPE_CWT,
        }
    }
}

/// Whose signature on a list counts: that of whoever the credential is from, and nobody else's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrustedSigner<'a> {
    /// A document signer under the trust anchor that the credential was found under; the anchor may also be the very
    /// certificate that signed, where a trusted list names end-entity certificates.
    Anchor(&'a Certificate),
    /// One of the keys that the issuer publishes in its metadata, for issuers that are known by their address.
    Issuer {
        /// The issuer's identifier (`iss` of the credential).
        id: &'a str,
        /// Its keys.
        keys: &'a [PublicKey],
    },
}

impl<'a> From<&'a Certificate> for TrustedSigner<'a> {
    fn from(anchor: &'a Certificate) -> Self {
        Self::Anchor(anchor)
    }
}

/// Who signed a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListSigner {
    /// The holder of this certificate, found under this anchor.
    Chain(Box<VerifiedChain>),
    /// The issuer with this identifier.
    Issuer(String),
}

impl ListSigner {
    /// The trust anchor it was found under; `None` for an issuer that is known by its address.
    #[must_use]
    pub fn anchor(&self) -> Option<&Certificate> {
        match self {
            Self::Chain(chain) => Some(&chain.anchor),
            Self::Issuer(_) => None,
        }
    }

    /// Whether this is whom the credential's issuer is trusted through.
    #[must_use]
    pub fn is(&self, trusted: &TrustedSigner<'_>) -> bool {
        match (self, trusted) {
            (Self::Chain(chain), TrustedSigner::Anchor(anchor)) => chain.anchor == **anchor,
            (Self::Issuer(found), TrustedSigner::Issuer { id, .. }) => found == id,
            (Self::Chain(_), TrustedSigner::Issuer { .. }) | (Self::Issuer(_), TrustedSigner::Anchor(_)) => false,
        }
    }
}

impl TrustedSigner<'_> {
    /// Finds who signed: `verify` checks the signature with a key and gives the claims, `chain` is what the header names.
    ///
    /// # Errors
    /// [`Error::Chain`] and [`Error::Signature`]; whatever `verify` says for the one key of a chain.
    pub(super) fn verify<T>(
        &self,
        chain: impl FnOnce() -> Result<Vec<Certificate>, Error>,
        verify: impl Fn(&PublicKey) -> Result<T, Error>,
        now: Timestamp,
    ) -> Result<(ListSigner, T), Error> {
        match self {
            Self::Anchor(anchor) => {
                let anchors = std::slice::from_ref(*anchor);
                let chain = x509::verify_chain(&chain()?, anchors, Purpose::DocumentSigner, now)?;
                let claims = verify(&chain.leaf.public_key()?)?;
                Ok((ListSigner::Chain(Box::new(chain)), claims))
            }
            Self::Issuer { id, keys } => {
                let claims = keys.iter().map(verify).find(|claims| !matches!(claims, Err(Error::Signature)));
                Ok((ListSigner::Issuer((*id).to_owned()), claims.unwrap_or(Err(Error::Signature))?))
            }
        }
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
    /// `aggregation_uri`: where the issuer names all its lists.
    pub aggregation_uri: Option<Url>,
}

/// The claims that all encodings share, as read.
pub(super) struct Read<'a> {
    pub(super) sub: &'a str,
    pub(super) issued_at: Timestamp,
    pub(super) expires: Option<Timestamp>,
    pub(super) ttl: Option<SignedDuration>,
}

/// When a checked list holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Validity {
    pub(super) issued_at: Timestamp,
    pub(super) expires: Option<Timestamp>,
    pub(super) fresh_until: Timestamp,
}

impl Read<'_> {
    /// Holds the claims against the list wanted and the time (draft-20 section 8.3, step 4).
    pub(super) fn check(&self, uri: &Url, now: Timestamp) -> Result<Validity, Error> {
        if http_url(self.sub).as_ref() != Some(uri) {
            return Err(Error::Subject { found: shortened(self.sub) });
        }
        if self.issued_at > now.saturating_add(CLOCK_SKEW).unwrap_or(Timestamp::MAX) {
            return Err(Error::IssuedInFuture { at: self.issued_at });
        }
        if let Some(at) = self.expires.filter(|at| now >= *at) {
            return Err(Error::Expired { at });
        }
        // The time to live counts from when the copy was fetched.
        let lived = self.ttl.map(|ttl| now.saturating_add(ttl).unwrap_or(Timestamp::MAX));
        let ends = [self.expires, lived].into_iter().flatten().min();
        let fresh_until = ends.unwrap_or(Timestamp::MAX);
        Ok(Validity { issued_at: self.issued_at, expires: self.expires, fresh_until })
    }
}

/// A status list whose signature, subject and validity were checked.
#[derive(Debug, Clone)]
pub struct StatusToken {
    pub(super) uri: Url,
    pub(super) list: StatusList,
    pub(super) signer: ListSigner,
    pub(super) validity: Validity,
    pub(super) aggregation_uri: Option<Url>,
    pub(super) encoding: Encoding,
    /// Whether the signer's certificates were signed too; always so in a JWT.
    pub(super) protected_chain: bool,
}

impl StatusToken {
    /// Checks a fetched token: type, signature, `sub` equal to `uri`, `iat`, `exp`, and the list itself (draft-20 section
    /// 8.3).
    ///
    /// `signer` is whoever the credential is from whose status is wanted: the trust anchor of
    /// [`crate::Authentic::issuer`], or the keys of an issuer that is known by its address.
    pub fn verify<'a>(
        token: &(impl AsRef<[u8]> + ?Sized),
        uri: &Url,
        signer: impl Into<TrustedSigner<'a>>,
        now: Timestamp,
    ) -> Result<Self, Error> {
        let (token, signer) = (token.as_ref(), signer.into());
        // A CWT begins with a tag, a compact JWS with a letter: no media type has to be believed.
        match token.first() {
            Some(0x80..) => Self::verify_cwt(token, uri, &signer, now),
            Some(..0x80) | None => Self::verify_jwt(token, uri, &signer, now),
        }
    }

    /// Demands what ISO/IEC 18013-5 (second edition, section 12.3.6) asks of lists that mobile documents refer to, beyond
    /// the draft: a CWT with `exp`, its chain in the protected header, and 1 bit per entry.
    pub fn check_for_mdoc(&self) -> Result<(), Error> {
        if self.encoding != Encoding::Cwt {
            return Err(Error::MdocEncoding);
        }
        if !self.protected_chain {
            return Err(Error::MdocChain);
        }
        if self.validity.expires.is_none() {
            return Err(Error::MdocExpiry);
        }
        match self.list.bits() {
            Bits::One => Ok(()),
            other => Err(Error::MdocBits(other.count())),
        }
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

    /// Who signed it.
    #[must_use]
    pub fn signer(&self) -> &ListSigner {
        &self.signer
    }

    /// How it was encoded.
    #[must_use]
    pub fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// Bits per entry.
    #[must_use]
    pub fn bits(&self) -> Bits {
        self.list.bits()
    }

    /// `iat`.
    #[must_use]
    pub fn issued_at(&self) -> Timestamp {
        self.validity.issued_at
    }

    /// Last instant at which this copy may be used: the earlier of `exp` and the time of the check plus `ttl`. A cache
    /// drops the copy then.
    #[must_use]
    pub fn fresh_until(&self) -> Timestamp {
        self.validity.fresh_until
    }

    /// `aggregation_uri`: where the issuer names all its lists.
    #[must_use]
    pub fn aggregation_uri(&self) -> Option<&Url> {
        self.aggregation_uri.as_ref()
    }

    /// Whether the token says what was valid at `time`: `iat` <= `time` < `exp`. An answer to a question with `?time=`
    /// that does not is the current list of a server that ignores the parameter, and must be refused (draft-20 section
    /// 8.4).
    #[must_use]
    pub fn covers(&self, time: Timestamp) -> bool {
        self.validity.issued_at <= time && self.validity.expires.is_some_and(|expires| time < expires)
    }

    pub(super) fn size(&self) -> usize {
        self.list.as_bytes().len()
    }
}
