//! The arithmetic behind [`PublicKey::verify`] and [`SigningKey`](crate::SigningKey).
//!
//! What counts as a valid signature: ECDSA as FIPS 186-5 has it, with `r` and `s` from 1 to the order less 1; a high `s`
//! is as good as a low one, as no standard served here forbids it. The fixed form `r || s` has exactly the curve's
//! width. DER occurs in X.509 only, and only in its one canonical encoding. Ed25519 goes by the strict rule: canonical
//! `s`, no key and no commitment of small order, the cofactorless equation.

use ed25519_dalek::Signer as _;
use p256::ecdsa::signature::hazmat::{PrehashSigner, PrehashVerifier};

use crate::hash::HashAlgorithm;
use crate::jwk::{KeyError, PublicKey};
use crate::signer::{PrivateKey, SignerError};

/// Checks `signature` in JOSE form by the key's own algorithm.
pub(crate) fn verify(key: &PublicKey, message: &[u8], signature: &[u8]) -> Result<(), KeyError> {
    match key.algorithm().hash() {
        Some(hash) => verify_ecdsa(key, hash, message, signature),
        None => verify_ed25519(key, message, signature),
    }
}

/// Checks a signature of X.509: DER for elliptic curves, the bare 64 bytes for Ed25519. Certificates name the hash of an
/// ECDSA signature apart from the curve (RFC 5758 section 3.2); Ed25519 has none.
pub(crate) fn verify_x509(
    key: &PublicKey,
    hash: Option<HashAlgorithm>,
    message: &[u8],
    signature: &[u8],
) -> Result<(), KeyError> {
    let bad = |_| KeyError::BadSignature;
    let fixed = match key {
        PublicKey::P256(_) => p256::ecdsa::Signature::from_der(signature).map_err(bad)?.to_bytes().to_vec(),
        PublicKey::P384(_) => p384::ecdsa::Signature::from_der(signature).map_err(bad)?.to_bytes().to_vec(),
        PublicKey::P521(_) => p521::ecdsa::Signature::from_der(signature).map_err(bad)?.to_bytes().to_vec(),
        PublicKey::Ed25519(_) => signature.to_vec(),
    };
    match hash {
        Some(hash) => verify_ecdsa(key, hash, message, &fixed),
        None => verify_ed25519(key, message, &fixed),
    }
}

/// The X.509 form of a signature in JOSE form.
pub(crate) fn to_x509(key: &PublicKey, signature: &[u8]) -> Result<Vec<u8>, KeyError> {
    let bad = |_| KeyError::BadSignature;
    Ok(match key {
        PublicKey::P256(_) => p256::ecdsa::Signature::from_slice(signature).map_err(bad)?.to_der().as_bytes().to_vec(),
        PublicKey::P384(_) => p384::ecdsa::Signature::from_slice(signature).map_err(bad)?.to_der().as_bytes().to_vec(),
        PublicKey::P521(_) => p521::ecdsa::Signature::from_slice(signature).map_err(bad)?.to_der().as_bytes().to_vec(),
        PublicKey::Ed25519(_) => signature.to_vec(),
    })
}

fn verify_ecdsa(key: &PublicKey, hash: HashAlgorithm, message: &[u8], signature: &[u8]) -> Result<(), KeyError> {
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

fn verify_ed25519(key: &PublicKey, message: &[u8], signature: &[u8]) -> Result<(), KeyError> {
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
