//! The server's fast path: ECDSA and Ed25519 signing by AWS-LC, some three times faster than [`portable`](super::portable)
//! for ECDSA. Verifying Ed25519 stays with `portable`: AWS-LC is no faster there, and its rule is not the strict one.
//!
//! AWS-LC draws the nonces of ECDSA itself, so unlike the portable ones its ECDSA signatures differ from call to call: a
//! key signs with it only after [`with_fast_path`](crate::SigningKey::with_fast_path).

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED, ECDSA_P384_SHA384_FIXED_SIGNING,
    ECDSA_P521_SHA384_FIXED, ECDSA_P521_SHA512_FIXED, ECDSA_P521_SHA512_FIXED_SIGNING, EcdsaKeyPair,
    EcdsaSigningAlgorithm, EcdsaVerificationAlgorithm, Ed25519KeyPair, UnparsedPublicKey,
};
use p256::elliptic_curve::sec1::ToSec1Point as _;
use zeroize::Zeroizing;

use crate::hash::HashAlgorithm;
use crate::jwk::{KeyError, PublicKey};
use crate::signer::{PrivateKey, SignerError};

/// Checks an ECDSA signature `r || s`; `None` where AWS-LC does not join the curve and the hash in this form.
pub(crate) fn verify_ecdsa(
    key: &PublicKey,
    hash: HashAlgorithm,
    message: &[u8],
    signature: &[u8],
) -> Option<Result<(), KeyError>> {
    let algorithm: &'static EcdsaVerificationAlgorithm = match (key, hash) {
        (PublicKey::P256(_), HashAlgorithm::Sha256) => &ECDSA_P256_SHA256_FIXED,
        (PublicKey::P384(_), HashAlgorithm::Sha384) => &ECDSA_P384_SHA384_FIXED,
        (PublicKey::P521(_), HashAlgorithm::Sha384) => &ECDSA_P521_SHA384_FIXED,
        (PublicKey::P521(_), HashAlgorithm::Sha512) => &ECDSA_P521_SHA512_FIXED,
        (PublicKey::P256(_) | PublicKey::P384(_) | PublicKey::P521(_) | PublicKey::Ed25519(_), _) => return None,
    };
    let verdict = match key {
        PublicKey::P256(key) => {
            UnparsedPublicKey::new(algorithm, key.to_sec1_point(false).as_bytes()).verify(message, signature)
        }
        PublicKey::P384(key) => {
            UnparsedPublicKey::new(algorithm, key.to_sec1_point(false).as_bytes()).verify(message, signature)
        }
        PublicKey::P521(key) => {
            UnparsedPublicKey::new(algorithm, key.to_sec1_point(false).as_bytes()).verify(message, signature)
        }
        PublicKey::Ed25519(_) => return None,
    };
    Some(verdict.map_err(|_| KeyError::BadSignature))
}

/// A private key as AWS-LC holds it; wiped by AWS-LC when dropped.
pub(crate) enum KeyPair {
    /// ES256, ES384 or ES512.
    Ecdsa(EcdsaKeyPair),
    /// EdDSA.
    Ed25519(Ed25519KeyPair),
}

impl KeyPair {
    /// The same key; `None` if AWS-LC refuses it, which it does for no valid key.
    pub(crate) fn new(key: &PrivateKey) -> Option<Self> {
        let ecdsa = |algorithm: &'static EcdsaSigningAlgorithm, secret: &[u8], public: &[u8]| {
            EcdsaKeyPair::from_private_key_and_public_key(algorithm, secret, public).map(Self::Ecdsa).ok()
        };
        match key {
            PrivateKey::P256(key) => ecdsa(
                &ECDSA_P256_SHA256_FIXED_SIGNING,
                Zeroizing::new(key.to_bytes()).as_slice(),
                key.verifying_key().to_sec1_point(false).as_bytes(),
            ),
            PrivateKey::P384(key) => ecdsa(
                &ECDSA_P384_SHA384_FIXED_SIGNING,
                Zeroizing::new(key.to_bytes()).as_slice(),
                key.verifying_key().to_sec1_point(false).as_bytes(),
            ),
            PrivateKey::P521(key) => ecdsa(
                &ECDSA_P521_SHA512_FIXED_SIGNING,
                Zeroizing::new(key.to_bytes()).as_slice(),
                key.verifying_key().to_sec1_point(false).as_bytes(),
            ),
            PrivateKey::Ed25519(key) => {
                Ed25519KeyPair::from_seed_and_public_key(key.as_bytes(), key.verifying_key().as_bytes())
                    .map(Self::Ed25519)
                    .ok()
            }
        }
    }

    /// Signs and gives the JOSE form.
    pub(crate) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignerError> {
        match self {
            Self::Ecdsa(pair) => pair
                .sign(&SystemRandom::new(), message)
                .map(|signature| signature.as_ref().to_vec())
                .map_err(|_| SignerError("AWS-LC could not sign".to_owned())),
            Self::Ed25519(pair) => Ok(pair.sign(message).as_ref().to_vec()),
        }
    }
}
