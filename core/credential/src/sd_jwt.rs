//! SD-JWT VC (draft-ietf-oauth-sd-jwt-vc-19) on SD-JWT (RFC 9901).
//!
//! The issuer's half is [`Claims`] and [`issue`]; the wallet keeps a [`Held`] and presents from it; the verifier starts
//! at [`Presentation`]. An issuer is known by its `x5c` chain (HAIP 1.0) or, where policy allows it, by the keys on its
//! web site ([`issuer_metadata`]); the types that come out tell the two apart. The compact form is the form inside; the
//! JSON form is read ([`json_form`]) and never written.

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use warifu_keys::hash::HashAlgorithm;
use warifu_keys::jws::{JwsError, Unverified};
use warifu_keys::x509::{self, Certificate, Purpose, X509Error};
use warifu_keys::{PublicKey, base64url};

mod compact;
mod disclosure;
mod error;
mod held;
mod issue;
mod issued;
pub mod issuer_metadata;
pub mod json_form;
mod key_binding;

pub use error::Error;
pub use held::Held;
pub use issue::{Claims, IssuerKey, Registered, issue};
pub use issuer_metadata::WebIssuer;
pub use json_form::to_compact;
pub use key_binding::{KeyBinding, KeyBindingRules, KeyBound, Presentation};

pub(crate) use compact::SdJwt;
pub(crate) use issued::{Issued, Standing};

use disclosure::Content;
use issuer_metadata::{IssuerKeys, IssuerMetadataError};

use crate::authentic::{Contents, Form};
use crate::{Authentic, ChainCache};

/// Header `typ` of the issuer-signed JWT.
pub const TYP: &str = "dc+sd-jwt";
/// Media type of an SD-JWT VC.
pub const MEDIA_TYPE: &str = "application/dc+sd-jwt";
/// Header `typ` of a key binding JWT.
pub const KEY_BINDING_TYP: &str = "kb+jwt";
/// Longest SD-JWT accepted, in bytes; enough for a portrait of several hundred kilobytes.
pub const MAX_BYTES: usize = 2 * 1024 * 1024;
/// Most disclosures accepted.
pub const MAX_DISCLOSURES: usize = 1000;
/// Deepest nesting accepted, disclosures put in their places.
pub const MAX_DEPTH: usize = 32;
/// How far a clock that wrote an `iat` or `nbf` may run ahead of ours.
pub const CLOCK_SKEW: SignedDuration = SignedDuration::from_secs(60);

/// Claims that are never selectively disclosable, parts included (SD-JWT VC draft-19 section 2.2.2.3).
pub const NEVER_SELECTIVE: [&str; 8] = ["iss", "nbf", "exp", "cnf", "vct", "vct#integrity", "aka_vcts", "status"];

/// A credential that came over the wire: nothing in it may be believed.
pub struct Received {
    unopened: Unopened,
}

/// Shows nothing: claims are personal data.
impl fmt::Debug for Received {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Received(..)")
    }
}

impl Received {
    /// Reads an SD-JWT as an issuer sends it: without a key binding JWT (RFC 9901 section 7.2).
    pub fn parse(text: &str) -> Result<Self, Error> {
        let (unopened, key_binding) = Unopened::parse(text)?;
        if key_binding.is_empty() { Ok(Self { unopened }) } else { Err(Error::KeyBindingFromIssuer) }
    }

    /// Reads an SD-JWT in JSON form (RFC 9901 section 8), with the rules of [`Received::parse`].
    pub fn parse_json(bytes: &[u8]) -> Result<Self, Error> {
        Self::parse(&to_compact(bytes)?)
    }

    /// The `iss` claim that nobody has verified: only to know whose keys to fetch ([`issuer_metadata`]).
    #[must_use]
    pub fn dangerous_issuer(&self) -> Option<String> {
        self.unopened.dangerous_issuer()
    }

    /// Checks the type, the issuer's chain up to one of `anchors`, the signature, every disclosure (RFC 9901 section
    /// 7.1) and the validity at `now`.
    pub fn authenticate(self, anchors: &[Certificate], now: Timestamp) -> Result<Authentic, Error> {
        self.unopened.by_chain(anchors, now)
    }

    /// As [`Received::authenticate`], where the chain need not be verified again if `chains` knows it.
    pub fn authenticate_with(
        self,
        chains: &mut ChainCache,
        anchors: &[Certificate],
        now: Timestamp,
    ) -> Result<Authentic, Error> {
        self.unopened.by_kept_chain(chains, anchors, now)
    }

    /// As [`Received::authenticate`], with the keys that the issuer publishes on its web site instead of a chain: the
    /// key named by `kid` must have signed, and `iss` must be theirs (SD-JWT VC draft-19, section on JWT VC issuer
    /// metadata).
    pub fn authenticate_by_metadata(self, keys: &IssuerKeys, now: Timestamp) -> Result<Authentic<WebIssuer>, Error> {
        self.unopened.by_metadata(keys, now)
    }
}

/// An SD-JWT whose issuer-signed JWT was not verified.
struct Unopened {
    sd_jwt: SdJwt,
    contents: Vec<Content>,
    jws: Unverified,
}

impl Unopened {
    /// Reads all but what follows the last `~`, and gives that.
    fn parse(text: &str) -> Result<(Self, &str), Error> {
        let (sd_jwt, contents, key_binding) = SdJwt::parse(text)?;
        let jws = Unverified::parse(sd_jwt.jwt())?;
        Ok((Self { sd_jwt, contents, jws }, key_binding))
    }

    fn dangerous_issuer(&self) -> Option<String> {
        self.jws.dangerous_claims().ok()?.get("iss")?.as_str().map(str::to_owned)
    }

    fn by_chain(self, anchors: &[Certificate], now: Timestamp) -> Result<Authentic, Error> {
        self.jws.expect_typ(TYP)?;
        let issuer = x509::verify_chain(&self.jws.x5c()?, anchors, Purpose::DocumentSigner, now)?;
        let key = issuer.leaf.public_key()?;
        self.with_issuer(issuer, &key, now)
    }

    fn by_kept_chain(
        self,
        chains: &mut ChainCache,
        anchors: &[Certificate],
        now: Timestamp,
    ) -> Result<Authentic, Error> {
        self.jws.expect_typ(TYP)?;
        let (issuer, key) = chains.verify(&self.jws, anchors, Purpose::DocumentSigner, now).map_err(chain_refused)?;
        let (issuer, key) = (issuer.clone(), key.clone());
        self.with_issuer(issuer, &key, now)
    }

    fn by_metadata(self, keys: &IssuerKeys, now: Timestamp) -> Result<Authentic<WebIssuer>, Error> {
        self.jws.expect_typ(TYP)?;
        let issuer = keys.signer_of(&self.jws)?;
        let key = issuer.key().clone();
        let authentic = self.with_issuer(issuer, &key, now)?;
        match authentic.contents.claims.get("iss").and_then(Value::as_str) {
            Some(issuer) if issuer == keys.issuer() => Ok(authentic),
            Some(_) | None => Err(IssuerMetadataError::OtherIssuer.into()),
        }
    }

    fn with_issuer<Issuer>(self, issuer: Issuer, key: &PublicKey, now: Timestamp) -> Result<Authentic<Issuer>, Error> {
        let (sd_jwt, contents) = self.open(key, now)?;
        Ok(Authentic { contents, issuer, form: Form::SdJwtVc(sd_jwt) })
    }

    /// Everything after the issuer's key is known.
    fn open(self, key: &PublicKey, now: Timestamp) -> Result<(SdJwt, Contents), Error> {
        let (sd_jwt, contents) = self.sd_jwt.open(self.jws.verify_claims(key)?, self.contents)?;
        let soon = now.saturating_add(CLOCK_SKEW).unwrap_or(Timestamp::MAX);
        match (contents.not_before, contents.issued_at, contents.expires) {
            (Some(from), _, _) if from > soon => Err(Error::NotYetValid { from }),
            (_, Some(at), _) if at > soon => Err(Error::IssuedInFuture { at }),
            (_, _, Some(at)) if now >= at => Err(Error::Expired { at }),
            (_, _, _) => Ok((sd_jwt, contents)),
        }
    }
}

/// Certificates that are missing or can not be read are a fault of the header; all else is the issuer's.
fn chain_refused(error: JwsError) -> Error {
    match error {
        JwsError::Certificate(error @ (X509Error::Missing | X509Error::Malformed(_))) => {
            Error::Jws(JwsError::Certificate(error))
        }
        JwsError::Certificate(error) => Error::Issuer(error),
        other => Error::Jws(other),
    }
}

/// A NumericDate (RFC 7519 section 2): seconds since 1970, fractions cut off.
pub(crate) fn numeric_date(value: &Value) -> Option<Timestamp> {
    let seconds = value.as_i64().or_else(|| {
        let seconds = value.as_f64()?.floor();
        // Well inside of what both types hold; year 9999 is about 2.5e11.
        (seconds.abs() < 1e12).then_some(seconds as i64)
    })?;
    Timestamp::from_second(seconds).ok()
}

/// Digest of an ASCII text as SD-JWT writes it (RFC 9901 section 4.2.3).
fn digest(hash: HashAlgorithm, text: &str) -> String {
    base64url::encode(&hash.digest(text.as_bytes()))
}

#[cfg(test)]
mod tests;
