//! The arithmetic behind [`PublicKey::verify`] and [`SigningKey`](crate::SigningKey), in two implementations: [`portable`]
//! everywhere, and `aws_lc` where the feature of that name is on. Both give the same verdicts.
//!
//! What counts as a valid signature: ECDSA as FIPS 186-5 has it, with `r` and `s` from 1 to the order less 1; a high `s`
//! is as good as a low one, as no standard served here forbids it. The fixed form `r || s` has exactly the curve's
//! width. DER occurs in X.509 only, and only in its one canonical encoding. Ed25519 goes by the strict rule: canonical
//! `s`, no key and no commitment of small order, the cofactorless equation.

use crate::hash::HashAlgorithm;
use crate::jwk::{KeyError, PublicKey};

#[cfg(feature = "aws-lc")]
pub(crate) mod aws_lc;
pub(crate) mod portable;
#[cfg(test)]
mod tests;

/// Checks `signature` in JOSE form by the key's own algorithm.
pub(crate) fn verify(key: &PublicKey, message: &[u8], signature: &[u8]) -> Result<(), KeyError> {
    match key.algorithm().hash() {
        Some(hash) => verify_ecdsa(key, hash, message, signature),
        None => portable::verify_ed25519(key, message, signature),
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
    let fixed = from_x509(key, signature)?;
    match hash {
        Some(hash) => verify_ecdsa(key, hash, message, &fixed),
        None => portable::verify_ed25519(key, message, &fixed),
    }
}

/// The JOSE form of a signature in its X.509 form, which must be the one canonical DER encoding.
fn from_x509(key: &PublicKey, signature: &[u8]) -> Result<Vec<u8>, KeyError> {
    let bad = |_| KeyError::BadSignature;
    Ok(match key {
        PublicKey::P256(_) => p256::ecdsa::Signature::from_der(signature).map_err(bad)?.to_bytes().to_vec(),
        PublicKey::P384(_) => p384::ecdsa::Signature::from_der(signature).map_err(bad)?.to_bytes().to_vec(),
        PublicKey::P521(_) => p521::ecdsa::Signature::from_der(signature).map_err(bad)?.to_bytes().to_vec(),
        PublicKey::Ed25519(_) => signature.to_vec(),
    })
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
    #[cfg(feature = "aws-lc")]
    if let Some(verdict) = aws_lc::verify_ecdsa(key, hash, message, signature) {
        return verdict;
    }
    portable::verify_ecdsa(key, hash, message, signature)
}
