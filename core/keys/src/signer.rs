//! The signing joint: a key file today, a hardware module or key service tomorrow.

use std::fmt;

use p256::pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _, LineEnding};
use zeroize::Zeroizing;

use crate::Entropy;
use crate::jwk::{Algorithm, KeyError, PublicKey};

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

    /// Signature over `message` in JOSE form (`r || s`, or 64 bytes Ed25519).
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignerError>;

    /// The algorithm of the key.
    fn algorithm(&self) -> Algorithm {
        self.public_key().algorithm()
    }
}

/// A private key in memory; wiped when dropped, silent in `Debug`.
#[derive(Clone)]
pub enum SigningKey {
    /// NIST P-256, signs ES256 (deterministic nonces, RFC 6979).
    P256(p256::ecdsa::SigningKey),
    /// Ed25519.
    Ed25519(ed25519_dalek::SigningKey),
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({:?})", self.public_key())
    }
}

impl SigningKey {
    /// A fresh P-256 key.
    #[must_use]
    pub fn generate_p256(entropy: &dyn Entropy) -> Self {
        loop {
            let scalar = Zeroizing::new(entropy.array::<32>());
            // Zero and values above the group order are drawn again (probability below 2^-32).
            if let Ok(key) = p256::ecdsa::SigningKey::from_slice(scalar.as_slice()) {
                return Self::P256(key);
            }
        }
    }

    /// A fresh Ed25519 key.
    #[must_use]
    pub fn generate_ed25519(entropy: &dyn Entropy) -> Self {
        let seed = Zeroizing::new(entropy.array::<32>());
        Self::Ed25519(ed25519_dalek::SigningKey::from_bytes(&seed))
    }

    /// The key in a PKCS#8 PEM text (RFC 5958).
    pub fn from_pkcs8_pem(pem: &str) -> Result<Self, KeyError> {
        if let Ok(key) = p256::ecdsa::SigningKey::from_pkcs8_pem(pem) {
            return Ok(Self::P256(key));
        }
        ed25519_dalek::SigningKey::from_pkcs8_pem(pem).map(Self::Ed25519).map_err(|_| KeyError::Malformed)
    }

    /// The key as PKCS#8 PEM.
    pub fn to_pkcs8_pem(&self) -> Result<Zeroizing<String>, KeyError> {
        match self {
            Self::P256(key) => key.to_pkcs8_pem(LineEnding::LF).map_err(|_| KeyError::Malformed),
            Self::Ed25519(key) => key.to_pkcs8_pem(LineEnding::LF).map_err(|_| KeyError::Malformed),
        }
    }
}

impl Signer for SigningKey {
    fn public_key(&self) -> PublicKey {
        match self {
            Self::P256(key) => PublicKey::P256(key.verifying_key().into()),
            Self::Ed25519(key) => PublicKey::Ed25519(key.verifying_key()),
        }
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignerError> {
        match self {
            Self::P256(key) => {
                use p256::ecdsa::signature::Signer as _;
                let signature: p256::ecdsa::Signature =
                    key.try_sign(message).map_err(|error| SignerError(error.to_string()))?;
                Ok(signature.to_bytes().to_vec())
            }
            Self::Ed25519(key) => {
                use ed25519_dalek::Signer as _;
                Ok(key.try_sign(message).map_err(|error| SignerError(error.to_string()))?.to_bytes().to_vec())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::Seeded;

    #[test]
    fn signs_and_survives_pem() {
        let entropy: &dyn Entropy = &Seeded::dangerous_new("signer");
        for key in [SigningKey::generate_p256(entropy), SigningKey::generate_ed25519(entropy)] {
            let again = SigningKey::from_pkcs8_pem(&key.to_pkcs8_pem().unwrap()).unwrap();
            assert_eq!(again.public_key(), key.public_key());
            let signature = again.sign(b"message").unwrap();
            key.public_key().verify(b"message", &signature).unwrap();
            assert_eq!(key.public_key().verify(b"massage", &signature), Err(KeyError::BadSignature));
            let spki = key.public_key().to_spki_der().unwrap();
            assert_eq!(PublicKey::from_spki_der(&spki).unwrap(), key.public_key());
            assert_eq!(key.public_key().to_jwk().public_key().unwrap(), key.public_key());
        }
    }
}
