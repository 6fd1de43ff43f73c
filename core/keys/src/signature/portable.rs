//! Pure Rust: `p256`, `p384`, `p521` and `ed25519-dalek`. Runs in a browser, and is the reference for what is valid.

use ed25519_dalek::Signer as _;
use p256::ecdsa::signature::hazmat::{PrehashSigner, PrehashVerifier};

use crate::hash::HashAlgorithm;
use crate::jwk::{KeyError, PublicKey};
use crate::signer::{PrivateKey, SignerError};

/// Checks an ECDSA signature `r || s` under any hash that has at least half the width of the curve.
pub(crate) fn verify_ecdsa(
    key: &PublicKey,
    hash: HashAlgorithm,
    message: &[u8],
    signature: &[u8],
) -> Result<(), KeyError> {
    let digest = hash.digest(message);
    let bad = |_| KeyError::BadSignature;
    match key {
        PublicKey::P256(key) => {
            let signature = p256::ecdsa::Signature::from_slice(signature).map_err(bad)?;
            p256::ecdsa::VerifyingKey::from(key).verify_prehash(&digest, &signature).map_err(bad)
        }
        PublicKey::P384(key) => {
            let signature = p384::ecdsa::Signature::from_slice(signature).map_err(bad)?;
            p384::ecdsa::VerifyingKey::from(key).verify_prehash(&digest, &signature).map_err(bad)
        }
        PublicKey::P521(key) => {
            let signature = p521::ecdsa::Signature::from_slice(signature).map_err(bad)?;
            p521::ecdsa::VerifyingKey::from(key).verify_prehash(&digest, &signature).map_err(bad)
        }
        PublicKey::Ed25519(_) => Err(KeyError::BadSignature),
    }
}

/// Checks an Ed25519 signature by the strict rule.
pub(crate) fn verify_ed25519(key: &PublicKey, message: &[u8], signature: &[u8]) -> Result<(), KeyError> {
    let PublicKey::Ed25519(key) = key else { return Err(KeyError::BadSignature) };
    let signature = ed25519_dalek::Signature::from_slice(signature).map_err(|_| KeyError::BadSignature)?;
    key.verify_strict(message, &signature).map_err(|_| KeyError::BadSignature)
}

/// Signs with deterministic nonces (RFC 6979 for ECDSA) and gives the JOSE form.
pub(crate) fn sign(key: &PrivateKey, message: &[u8]) -> Result<Vec<u8>, SignerError> {
    let refused = |error: p256::ecdsa::Error| SignerError(error.to_string());
    Ok(match key {
        PrivateKey::P256(key) => {
            let signature: p256::ecdsa::Signature =
                key.sign_prehash(&HashAlgorithm::Sha256.digest(message)).map_err(refused)?;
            signature.to_bytes().to_vec()
        }
        PrivateKey::P384(key) => {
            let signature: p384::ecdsa::Signature =
                key.sign_prehash(&HashAlgorithm::Sha384.digest(message)).map_err(refused)?;
            signature.to_bytes().to_vec()
        }
        PrivateKey::P521(key) => {
            let signature: p521::ecdsa::Signature =
                key.sign_prehash(&HashAlgorithm::Sha512.digest(message)).map_err(refused)?;
            signature.to_bytes().to_vec()
        }
        PrivateKey::Ed25519(key) => key.try_sign(message).map_err(refused)?.to_bytes().to_vec(),
    })
}
