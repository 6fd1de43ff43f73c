//! Proof of possession: the key binding JWT (RFC 9901 section 4.3) and the verifier's half.

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};
use warifu_keys::jws::{JwsError, Unverified};
use warifu_keys::x509::Certificate;
use warifu_keys::{PublicKey, equal_in_constant_time};

use super::{Error, KEY_BINDING_TYP, SdJwt, authenticate, numeric_date};
use crate::Authentic;

/// What the holder says in the key binding JWT.
#[derive(Debug, Clone, PartialEq)]
pub struct KeyBinding {
    /// `aud`: the verifier's client identifier with its prefix (OpenID4VP 1.0 section 5.9).
    pub audience: String,
    /// `nonce` of the request.
    pub nonce: String,
    /// `iat`.
    pub issued_at: Timestamp,
    /// Further claims, such as `transaction_data_hashes`; none of `aud`, `nonce`, `iat`, `sd_hash`.
    pub extra: Map<String, Value>,
}

/// What the verifier demands of the key binding JWT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyBindingRules<'a> {
    /// The verifier's own client identifier with its prefix.
    pub audience: &'a str,
    /// The nonce of the request.
    pub nonce: &'a str,
    /// How long ago the presentation may have been made.
    pub max_age: SignedDuration,
    /// How far the holder's clock may be off, either way.
    pub leeway: SignedDuration,
}

/// A presentation that came over the wire: nothing in it may be believed.
pub struct Presentation {
    pub(super) sd_jwt: SdJwt,
    pub(super) jws: Unverified,
    pub(super) key_binding: Unverified,
}

/// Shows nothing: claims are personal data.
impl fmt::Debug for Presentation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Presentation(..)")
    }
}

impl Presentation {
    /// Reads an SD-JWT with a key binding JWT; [`Error::NoKeyBinding`] if that is missing. Whether key binding is
    /// needed is never decided by whether it is there (RFC 9901 section 7.3).
    pub fn parse(text: &str) -> Result<Self, Error> {
        let (sd_jwt, key_binding) = SdJwt::parse(text)?;
        if key_binding.is_empty() {
            return Err(Error::NoKeyBinding);
        }
        let jws = Unverified::parse(&sd_jwt.jwt)?;
        let key_binding = Unverified::parse(key_binding).map_err(Error::KeyBinding)?;
        Ok(Self { sd_jwt, jws, key_binding })
    }

    /// Checks the credential as [`super::Received::authenticate`] does, and the key binding JWT by `rules`.
    pub fn authenticate(
        self,
        anchors: &[Certificate],
        now: Timestamp,
        rules: &KeyBindingRules<'_>,
    ) -> Result<(Authentic, KeyBound), Error> {
        let authentic = authenticate(&self.jws, self.sd_jwt, anchors, now)?;
        let key = authentic.holder_key().ok_or(Error::NoHolderKey)?;
        let bound = check(&self.key_binding, key, authentic.sd_jwt.sd_hash(), now, rules)?;
        Ok((authentic, bound))
    }
}

pub(super) fn check(
    jws: &Unverified,
    key: &PublicKey,
    sd_hash: String,
    now: Timestamp,
    rules: &KeyBindingRules<'_>,
) -> Result<KeyBound, Error> {
    // The exact type: RFC 9901 section 4.3 leaves no alternative spelling.
    if jws.header_text("typ") != Some(KEY_BINDING_TYP) {
        return Err(Error::KeyBindingType(jws.header_text("typ").unwrap_or_default().chars().take(40).collect()));
    }
    let claims = jws.verify_claims(key).map_err(|error| match error {
        JwsError::AlgorithmMismatch { .. } => Error::KeyBindingAlgorithm,
        JwsError::BadSignature => Error::KeyBindingSignature,
        other => Error::KeyBinding(other),
    })?;
    let text = |name: &'static str| claims.get(name).and_then(Value::as_str).ok_or(Error::KeyBindingClaim(name));
    let same = |a: &str, b: &str| equal_in_constant_time(a.as_bytes(), b.as_bytes());
    let audience = text("aud")?;
    if audience != rules.audience {
        return Err(Error::Audience { found: audience.chars().take(120).collect() });
    }
    if !same(text("nonce")?, rules.nonce) {
        return Err(Error::Nonce);
    }
    if !same(text("sd_hash")?, &sd_hash) {
        return Err(Error::SdHash);
    }
    let issued_at = claims.get("iat").and_then(numeric_date).ok_or(Error::KeyBindingClaim("iat"))?;
    let age = now.duration_since(issued_at);
    if age > rules.max_age.saturating_add(rules.leeway) {
        return Err(Error::KeyBindingTooOld { at: issued_at });
    }
    if -age > rules.leeway {
        return Err(Error::KeyBindingInFuture { at: issued_at });
    }
    Ok(KeyBound { claims, issued_at, sd_hash })
}

/// The claims of a key binding JWT that was checked: the holder of the key said this, to this verifier, now.
#[derive(Clone, PartialEq)]
pub struct KeyBound {
    claims: Map<String, Value>,
    issued_at: Timestamp,
    sd_hash: String,
}

impl KeyBound {
    /// All claims of the key binding JWT.
    #[must_use]
    pub fn claims(&self) -> &Map<String, Value> {
        &self.claims
    }

    /// `iat`.
    #[must_use]
    pub fn issued_at(&self) -> Timestamp {
        self.issued_at
    }

    /// `sd_hash`: which presentation it belongs to.
    #[must_use]
    pub fn sd_hash(&self) -> &str {
        &self.sd_hash
    }
}

impl fmt::Debug for KeyBound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyBound({})", self.sd_hash)
    }
}
