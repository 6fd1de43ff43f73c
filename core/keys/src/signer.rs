//! The signing joint: a key file today, a hardware module or key service tomorrow.

use std::fmt;

use p256::pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _, LineEnding};
use zeroize::Zeroizing;

use crate::jwe::AgreementKey;
use crate::jwk::{Algorithm, KeyError, PublicKey};
use crate::{Entropy, signature};

/// The key could not sign.
#[derive(Debug, thiserror::Error)]
#[error("the signing key could not be used: {0}")]
pub struct SignerError(pub String);

/// One of the four open joints: something that holds a private key and signs with it.
///
/// Calls may block (a hardware module does); the callers in the roles treat signing as quick work.
pub trait Signer: Send + Sync {
    /// The public half.
    fn public_key(&self) -> PublicKey;

    /// Signature over `message` in JOSE form: `r || s`, each of the curve's width, or the 64 bytes of Ed25519.
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignerError>;

    /// The algorithm of the key.
    fn algorithm(&self) -> Algorithm {
        self.public_key().algorithm()
    }
}

/// A private key in memory; wiped when dropped, silent in `Debug`.
///
/// ECDSA nonces are deterministic (RFC 6979), unless [`with_fast_path`](Self::with_fast_path) was asked for.
#[derive(Clone)]
pub struct SigningKey {
    key: PrivateKey,
    #[cfg(feature = "aws-lc")]
    fast: Option<std::sync::Arc<signature::aws_lc::KeyPair>>,
}

/// The secret half by curve.
#[derive(Clone)]
pub(crate) enum PrivateKey {
    /// Signs ES256.
    P256(p256::ecdsa::SigningKey),
    /// Signs ES384.
    P384(p384::ecdsa::SigningKey),
    /// Signs ES512.
    P521(p521::ecdsa::SigningKey),
    /// Signs EdDSA.
    Ed25519(ed25519_dalek::SigningKey),
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({:?})", self.public_key())
    }
}

impl SigningKey {
    pub(crate) fn new(key: PrivateKey) -> Self {
        Self {
            key,
            #[cfg(feature = "aws-lc")]
            fast: None,
        }
    }

    /// The same key, which from now on signs with AWS-LC where the feature `aws-lc` is on: for keys that a server signs
    /// with all day. AWS-LC draws the nonces of ECDSA, so two signatures of one message differ.
    #[must_use]
    pub fn with_fast_path(self) -> Self {
        Self {
            #[cfg(feature = "aws-lc")]
            fast: signature::aws_lc::KeyPair::new(&self.key).map(std::sync::Arc::new),
            ..self
        }
    }

    pub(crate) fn key(&self) -> &PrivateKey {
        &self.key
    }

    /// A fresh key for `algorithm`.
    #[must_use]
    pub fn generate(algorithm: Algorithm, entropy: &dyn Entropy) -> Self {
        match algorithm {
            Algorithm::Es256 => Self::generate_p256(entropy),
            Algorithm::Es384 => Self::generate_p384(entropy),
            Algorithm::Es512 => Self::generate_p521(entropy),
            Algorithm::EdDsa => Self::generate_ed25519(entropy),
        }
    }

    /// A fresh P-256 key.
    #[must_use]
    pub fn generate_p256(entropy: &dyn Entropy) -> Self {
        loop {
            let scalar = Zeroizing::new(entropy.array::<32>());
            // Zero and values above the group order are drawn again (probability below 2^-32).
            if let Ok(key) = p256::ecdsa::SigningKey::from_slice(scalar.as_slice()) {
                return Self::new(PrivateKey::P256(key));
            }
        }
    }

    /// A fresh P-384 key.
    #[must_use]
    pub fn generate_p384(entropy: &dyn Entropy) -> Self {
        loop {
            let scalar = Zeroizing::new(entropy.array::<48>());
            if let Ok(key) = p384::ecdsa::SigningKey::from_slice(scalar.as_slice()) {
                return Self::new(PrivateKey::P384(key));
            }
        }
    }

    /// A fresh P-521 key.
    #[must_use]
    pub fn generate_p521(entropy: &dyn Entropy) -> Self {
        loop {
            let mut scalar = Zeroizing::new(entropy.array::<66>());
            // 521 bits: seven of the first byte are not part of the number.
            scalar[0] &= 1;
            if let Ok(key) = p521::ecdsa::SigningKey::from_slice(scalar.as_slice()) {
                return Self::new(PrivateKey::P521(key));
            }
        }
    }

    /// A fresh Ed25519 key.
    #[must_use]
    pub fn generate_ed25519(entropy: &dyn Entropy) -> Self {
        let seed = Zeroizing::new(entropy.array::<32>());
        Self::new(PrivateKey::Ed25519(ed25519_dalek::SigningKey::from_bytes(&seed)))
    }

    /// The key in a PKCS#8 PEM text (RFC 5958).
    pub fn from_pkcs8_pem(pem: &str) -> Result<Self, KeyError> {
        if let Ok(key) = p256::ecdsa::SigningKey::from_pkcs8_pem(pem) {
            return Ok(Self::new(PrivateKey::P256(key)));
        }
        if let Ok(key) = p384::ecdsa::SigningKey::from_pkcs8_pem(pem) {
            return Ok(Self::new(PrivateKey::P384(key)));
        }
        if let Ok(key) = p521::ecdsa::SigningKey::from_pkcs8_pem(pem) {
            return Ok(Self::new(PrivateKey::P521(key)));
        }
        let key = ed25519_dalek::SigningKey::from_pkcs8_pem(pem).map_err(|_| KeyError::Malformed)?;
        Ok(Self::new(PrivateKey::Ed25519(key)))
    }

    /// The key as PKCS#8 PEM.
    pub fn to_pkcs8_pem(&self) -> Result<Zeroizing<String>, KeyError> {
        match &self.key {
            PrivateKey::P256(key) => key.to_pkcs8_pem(LineEnding::LF).map_err(|_| KeyError::Malformed),
            PrivateKey::P384(key) => key.to_pkcs8_pem(LineEnding::LF).map_err(|_| KeyError::Malformed),
            PrivateKey::P521(key) => key.to_pkcs8_pem(LineEnding::LF).map_err(|_| KeyError::Malformed),
            PrivateKey::Ed25519(key) => key.to_pkcs8_pem(LineEnding::LF).map_err(|_| KeyError::Malformed),
        }
    }

    /// The same P-256 key for key agreement; `None` for other curves. A key serves one of the two uses, never both:
    /// this is for keys that are stored in the one PEM form of all private keys.
    #[must_use]
    pub fn agreement_key(&self) -> Option<AgreementKey> {
        match &self.key {
            PrivateKey::P256(key) => AgreementKey::from_bytes(key.to_bytes().as_slice()).ok(),
            PrivateKey::P384(_) | PrivateKey::P521(_) | PrivateKey::Ed25519(_) => None,
        }
    }
}

impl Signer for SigningKey {
    fn public_key(&self) -> PublicKey {
        match &self.key {
            PrivateKey::P256(key) => PublicKey::P256(key.verifying_key().into()),
            PrivateKey::P384(key) => PublicKey::P384(key.verifying_key().into()),
            PrivateKey::P521(key) => PublicKey::P521(key.verifying_key().into()),
            PrivateKey::Ed25519(key) => PublicKey::Ed25519(key.verifying_key()),
        }
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignerError> {
        #[cfg(feature = "aws-lc")]
        if let Some(fast) = &self.fast {
            return fast.sign(message);
        }
        signature::portable::sign(&self.key, message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::Seeded;

    #[test]
    fn signs_and_survives_pem() {
        let entropy: &dyn Entropy = &Seeded::dangerous_new("signer");
        for algorithm in Algorithm::ALL {
            let key = SigningKey::generate(algorithm, entropy);
            assert_eq!(key.algorithm(), algorithm);
            let again = SigningKey::from_pkcs8_pem(&key.to_pkcs8_pem().unwrap()).unwrap();
            assert_eq!(again.public_key(), key.public_key());
            let signature = again.sign(b"message").unwrap();
            assert_eq!(signature.len(), algorithm.signature_bytes(), "{algorithm}");
            key.public_key().verify(b"message", &signature).unwrap();
            assert_eq!(key.public_key().verify(b"massage", &signature), Err(KeyError::BadSignature));
            let spki = key.public_key().to_spki_der().unwrap();
            assert_eq!(PublicKey::from_spki_der(&spki).unwrap(), key.public_key());
            assert_eq!(key.public_key().to_jwk().public_key().unwrap(), key.public_key());
        }
    }
}
