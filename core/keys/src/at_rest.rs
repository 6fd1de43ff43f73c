//! What lies in a store and is not to be read there: sealed with XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03), under a
//! random nonce of 192 bits that stands in front.

use std::fmt;

use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};

use crate::{Entropy, Secret, sha256};

/// Length of a key in bytes.
pub const KEY: usize = 32;
/// Length of a nonce in bytes.
const NONCE: usize = 24;

/// Why something sealed could not be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AtRestError {
    /// The key does not have [`KEY`] bytes.
    #[error("the key has {0} bytes instead of {KEY}")]
    KeyLength(usize),
    /// Another key, another context, or changed bytes.
    #[error("sealed data do not open with this key")]
    Sealed,
}

/// A key for data at rest: wiped when dropped, silent in `Debug`.
#[derive(Clone)]
pub struct AtRestKey(Secret);

impl AtRestKey {
    /// The key of these bytes.
    ///
    /// # Errors
    /// [`AtRestError::KeyLength`] unless they are [`KEY`].
    pub fn new(bytes: Secret) -> Result<Self, AtRestError> {
        match bytes.expose().len() {
            KEY => Ok(Self(bytes)),
            other => Err(AtRestError::KeyLength(other)),
        }
    }

    /// A fresh key.
    #[must_use]
    pub fn generate(entropy: &dyn Entropy) -> Self {
        Self(Secret::new(entropy.array::<KEY>().to_vec()))
    }

    /// The key for one use that follows from a secret with at least as many random bits, such as a private key.
    #[must_use]
    pub fn derived(label: &str, secret: &Secret) -> Self {
        let text = Secret::new([label.as_bytes(), b"\0", secret.expose()].concat());
        Self(Secret::new(sha256(text.expose()).to_vec()))
    }

    /// The bytes, for sealing them with another key.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        self.0.expose()
    }

    /// Seals `plain`. What it is for (`context`) must be said again to open it, so one thing cannot stand in for another.
    ///
    /// # Errors
    /// [`AtRestError::Sealed`] never happens in practice; the cipher reports lengths beyond 256 GB with it.
    pub fn seal(&self, context: &str, plain: &[u8], entropy: &dyn Entropy) -> Result<Vec<u8>, AtRestError> {
        let nonce = entropy.array::<NONCE>();
        let payload = Payload { msg: plain, aad: context.as_bytes() };
        let body = self.cipher()?.encrypt(&XNonce::from(nonce), payload).map_err(|_| AtRestError::Sealed)?;
        Ok([&nonce[..], &body].concat())
    }

    /// Opens what was sealed with the same context.
    ///
    /// # Errors
    /// [`AtRestError::Sealed`] for another key, another context or changed bytes.
    pub fn open(&self, context: &str, sealed: &[u8]) -> Result<Secret, AtRestError> {
        let (nonce, body) = sealed.split_first_chunk::<NONCE>().ok_or(AtRestError::Sealed)?;
        let payload = Payload { msg: body, aad: context.as_bytes() };
        let opened = self.cipher()?.decrypt(&XNonce::from(*nonce), payload);
        opened.map(Secret::new).map_err(|_| AtRestError::Sealed)
    }

    fn cipher(&self) -> Result<XChaCha20Poly1305, AtRestError> {
        XChaCha20Poly1305::new_from_slice(self.0.expose()).map_err(|_| AtRestError::KeyLength(self.0.expose().len()))
    }
}

impl fmt::Debug for AtRestKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AtRestKey(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::Seeded;

    #[test]
    fn opens_under_its_own_key_and_context_alone() {
        let entropy = Seeded::dangerous_new("at rest");
        let key = AtRestKey::generate(&entropy);
        let sealed = key.seal("request 1", b"plain", &entropy).unwrap();
        assert_eq!(key.open("request 1", &sealed).unwrap().expose(), b"plain");
        assert_ne!(key.seal("request 1", b"plain", &entropy).unwrap(), sealed, "a nonce of its own");
        let check = |key: &AtRestKey, context: &str, sealed: &[u8]| {
            assert_eq!(key.open(context, sealed).map(drop), Err(AtRestError::Sealed), "{context}");
        };
        check(&AtRestKey::generate(&entropy), "request 1", &sealed);
        check(&key, "request 2", &sealed);
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            check(&key, "request 1", &changed);
            check(&key, "request 1", &sealed[..at]);
        }
        assert_eq!(AtRestKey::new(Secret::new(vec![0; 31])).map(drop), Err(AtRestError::KeyLength(31)));
    }

    #[test]
    fn a_derived_key_depends_on_secret_and_label() {
        let of = |label: &str, secret: u8| AtRestKey::derived(label, &Secret::new(vec![secret; 32])).expose().to_vec();
        assert_eq!(of("a", 1), of("a", 1));
        assert_ne!(of("a", 1), of("a", 2));
        assert_ne!(of("a", 1), of("b", 1));
    }
}
