//! Proof of possession: the key binding JWT (RFC 9901 section 4.3) and the verifier's half.

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};
use warifu_keys::jws::{JwsError, Unverified};
use warifu_keys::x509::Certificate;
use warifu_keys::{PublicKey, equal_in_constant_time};

use super::{Error, KEY_BINDING_TYP, SdJwt, Unopened, WebIssuer, json_form, numeric_date};
use crate::authentic::Form;
use crate::sd_jwt::issuer_metadata::IssuerKeys;
use crate::{Authentic, ChainCache};

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
    unopened: Unopened,
    key_binding: Unverified,
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
        let (unopened, key_binding) = Unopened::parse(text)?;
        if key_binding.is_empty() {
            return Err(Error::NoKeyBinding);
        }
        let key_binding = Unverified::parse(key_binding).map_err(Error::KeyBinding)?;
        Ok(Self { unopened, key_binding })
    }

    /// Reads an SD-JWT with a key binding JWT in JSON form (RFC 9901 section 8), with the rules of
    /// [`Presentation::parse`].
    pub fn parse_json(bytes: &[u8]) -> Result<Self, Error> {
        Self::parse(&json_form::to_compact(bytes)?)
    }

    /// The `iss` claim that nobody has verified: only to know whose keys to fetch.
    #[must_use]
    pub fn dangerous_issuer(&self) -> Option<String> {
        self.unopened.dangerous_issuer()
    }

    /// Checks the credential as [`Received::authenticate`](super::Received::authenticate) does, and the key binding JWT
    /// by `rules`.
    pub fn authenticate(
        self,
        anchors: &[Certificate],
        now: Timestamp,
        rules: &KeyBindingRules<'_>,
    ) -> Result<(Authentic, KeyBound), Error> {
        bind(self.unopened.by_chain(anchors, now)?, &self.key_binding, now, rules)
    }

    /// As [`Presentation::authenticate`], where the issuer's chain need not be verified again if `chains` knows it.
    pub fn authenticate_with(
        self,
        chains: &mut ChainCache,
        anchors: &[Certificate],
        now: Timestamp,
        rules: &KeyBindingRules<'_>,
    ) -> Result<(Authentic, KeyBound), Error> {
        bind(self.unopened.by_kept_chain(chains, anchors, now)?, &self.key_binding, now, rules)
    }

    /// Checks the credential as [`Received::authenticate_by_metadata`](super::Received::authenticate_by_metadata) does,
    /// and the key binding JWT by `rules`.
    pub fn authenticate_by_metadata(
        self,
        keys: &IssuerKeys,
        now: Timestamp,
        rules: &KeyBindingRules<'_>,
    ) -> Result<(Authentic<WebIssuer>, KeyBound), Error> {
        bind(self.unopened.by_metadata(keys, now)?, &self.key_binding, now, rules)
    }
}

/// The rules about the presentation as a whole, once the credential is authentic.
fn bind<Issuer>(
    authentic: Authentic<Issuer>,
    key_binding: &Unverified,
    now: Timestamp,
    rules: &KeyBindingRules<'_>,
) -> Result<(Authentic<Issuer>, KeyBound), Error> {
    // Whom the issuer made the credential for, if it says so (RFC 9901 section 7.1 step 6, RFC 7519 section 4.1.3).
    match authentic.contents.claims.get("aud") {
        None => {}
        Some(Value::String(audience)) if audience == rules.audience => {}
        Some(Value::Array(audiences)) if audiences.iter().any(|audience| audience == rules.audience) => {}
        Some(_) => return Err(Error::CredentialAudience),
    }
    let key = authentic.holder_key().ok_or(Error::NoHolderKey)?;
    let Form::SdJwtVc(sd_jwt) = &authentic.form else { return Err(Error::Malformed) };
    let bound = check(key_binding, key, sd_jwt, now, rules)?;
    Ok((authentic, bound))
}

/// The rules of RFC 9901 section 7.3 step 5.
pub(super) fn check(
    jws: &Unverified,
    key: &PublicKey,
    sd_jwt: &SdJwt,
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
    let sd_hash = sd_jwt.sd_hash();
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
    check_life(&claims, now, rules.leeway)?;
    Ok(KeyBound { claims, issued_at, sd_hash })
}

/// A JWT that says how long it lives is held to it (RFC 9901 section 7.3 step 5.h, RFC 7519 sections 4.1.4 and 4.1.5).
fn check_life(claims: &Map<String, Value>, now: Timestamp, leeway: SignedDuration) -> Result<(), Error> {
    let time = |name: &'static str| {
        claims.get(name).map(|value| numeric_date(value).ok_or(Error::KeyBindingClaim(name))).transpose()
    };
    if let Some(at) = time("exp")?
        && now.duration_since(at) >= leeway
    {
        return Err(Error::KeyBindingExpired { at });
    }
    if let Some(from) = time("nbf")?
        && from.duration_since(now) > leeway
    {
        return Err(Error::KeyBindingNotYetValid { from });
    }
    Ok(())
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
