//! The `c_nonce` (OpenID4VCI 1.0 section 7): made without state, believed for five minutes, used once.
//!
//! A nonce is `time || 128 random bits || HMAC-SHA256 of both, cut to 128 bits` in base64url. Any node that has the key
//! can check it, and nothing is stored when one is handed out (the nonce endpoint is open to everybody). Being used once
//! needs memory: [`NonceKey::check`] gives a [`SingleUse`] marker that the issuer creates in its store, in the same
//! commit as the issuance; a marker that exists already is a nonce that was used.

use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use warifu_keys::json::{self, JsonError};
use warifu_keys::{Entropy, Secret, base64url, equal_in_constant_time};

use crate::oauth;

/// How long a nonce is good for.
pub const LIFE: SignedDuration = SignedDuration::from_secs(300);

const TAG_BYTES: usize = 16;
const BODY_BYTES: usize = 8 + 16;

/// Why a nonce was refused. Each of them is `invalid_nonce` on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NonceError {
    /// Not a nonce that this issuer made.
    #[error("the nonce was not made here")]
    Foreign,
    /// Older than [`LIFE`], or dated ahead.
    #[error("the nonce has expired")]
    Expired,
}

/// A marker that may exist once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SingleUse {
    /// Key of the marker in the store.
    pub marker: String,
    /// From this instant on the nonce is refused as expired, so the marker may be forgotten.
    pub expires: Timestamp,
}

/// The issuer's key for making and checking nonces.
#[derive(Debug, Clone)]
pub struct NonceKey(Secret);

impl NonceKey {
    /// A key from at least 32 secret bytes, the same on every node of an issuer.
    #[must_use]
    pub fn new(secret: Secret) -> Self {
        Self(secret)
    }

    /// A fresh key, for an issuer that runs on one node.
    #[must_use]
    pub fn generate(entropy: &dyn Entropy) -> Self {
        Self(Secret::new(entropy.array::<32>().to_vec()))
    }

    /// A fresh nonce.
    #[must_use]
    pub fn mint(&self, entropy: &dyn Entropy, now: Timestamp) -> String {
        let mut bytes = now.as_second().to_be_bytes().to_vec();
        bytes.extend_from_slice(&entropy.array::<16>());
        let tag = self.tag(&bytes);
        bytes.extend_from_slice(&tag[..TAG_BYTES]);
        base64url::encode(&bytes)
    }

    /// Checks that `nonce` was made with this key and is not too old; the marker says whether it was used.
    pub fn check(&self, nonce: &str, now: Timestamp) -> Result<SingleUse, NonceError> {
        if nonce.len() > 128 {
            return Err(NonceError::Foreign);
        }
        let bytes = base64url::decode(nonce).map_err(|_| NonceError::Foreign)?;
        let (body, tag) = bytes.split_at_checked(BODY_BYTES).ok_or(NonceError::Foreign)?;
        if !equal_in_constant_time(tag, &self.tag(body)[..TAG_BYTES]) {
            return Err(NonceError::Foreign);
        }
        let seconds: [u8; 8] = body[..8].try_into().map_err(|_| NonceError::Foreign)?;
        let made = Timestamp::from_second(i64::from_be_bytes(seconds)).map_err(|_| NonceError::Foreign)?;
        let expires = made.checked_add(LIFE).map_err(|_| NonceError::Expired)?;
        // Nodes of one issuer may differ by some seconds.
        if now >= expires || made.duration_since(now) > SignedDuration::from_secs(10) {
            return Err(NonceError::Expired);
        }
        Ok(SingleUse { marker: oauth::token_hash(nonce), expires })
    }

    fn tag(&self, body: &[u8]) -> [u8; 32] {
        match Hmac::<sha2::Sha256>::new_from_slice(self.0.expose()) {
            Ok(mut mac) => {
                mac.update(b"c_nonce");
                mac.update(body);
                mac.finalize().into_bytes().into()
            }
            // HMAC takes keys of every length.
            Err(_) => unreachable!("HMAC has no wrong key length"),
        }
    }
}

/// The answer of the nonce endpoint (section 7.2). It is given with `Cache-Control: no-store`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NonceResponse {
    /// The nonce.
    pub c_nonce: String,
}

impl NonceResponse {
    /// Parses the answer; an empty nonce is malformed.
    pub fn parse(bytes: &[u8]) -> Result<Self, JsonError> {
        let response: Self = json::parse_as(bytes)?;
        if response.c_nonce.is_empty() {
            return Err(JsonError::Malformed("the nonce is empty".to_owned()));
        }
        Ok(response)
    }

    /// The answer as a JSON value.
    #[must_use]
    pub fn to_value(&self) -> Value {
        serde_json::to_value(self).unwrap_or(Value::Null)
    }
}

#[cfg(test)]
mod tests {
    use warifu_keys::entropy::Seeded;

    use super::*;

    #[test]
    fn believed_for_five_minutes() {
        let entropy = Seeded::dangerous_new("nonce");
        let key = NonceKey::generate(&entropy);
        let now: Timestamp = "2026-11-23T10:00:00Z".parse().unwrap();
        let nonce = key.mint(&entropy, now);
        let at = |seconds| key.check(&nonce, now + SignedDuration::from_secs(seconds));
        assert_eq!(at(0).unwrap(), at(299).unwrap());
        assert_eq!(at(300), Err(NonceError::Expired));
        assert_eq!(at(-11), Err(NonceError::Expired));
        assert_ne!(at(0).unwrap().marker, key.check(&key.mint(&entropy, now), now).unwrap().marker);
    }

    #[test]
    fn any_changed_character_is_refused() {
        let entropy = Seeded::dangerous_new("nonce");
        let key = NonceKey::generate(&entropy);
        let now: Timestamp = "2026-11-23T10:00:00Z".parse().unwrap();
        let nonce = key.mint(&entropy, now);
        for at in 0..nonce.len() {
            let mut bytes = nonce.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            assert!(key.check(&String::from_utf8(bytes).unwrap(), now).is_err(), "position {at}");
        }
        let other = NonceKey::generate(&entropy);
        assert_eq!(other.check(&nonce, now), Err(NonceError::Foreign));
        for bad in ["", "AAAA", &nonce[..nonce.len() - 4], &format!("{nonce}AAAA"), &"A".repeat(500)] {
            assert_eq!(key.check(bad, now), Err(NonceError::Foreign), "`{bad}`");
        }
    }

    proptest::proptest! {
        #[test]
        fn never_panics(text in ".{0,80}") {
            let key = NonceKey::new(Secret::new(vec![7; 32]));
            assert!(key.check(&text, Timestamp::UNIX_EPOCH).is_err());
            let _ = NonceResponse::parse(text.as_bytes());
        }
    }
}
