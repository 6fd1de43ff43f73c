//! Keys and what is said with them: JWK, JWS, JWE, COSE, X.509 and the [`Signer`] joint.
//!
//! This is the only crate that names the cryptography behind JOSE, COSE and X.509. Everything here is a pure function of
//! its arguments: time comes in as [`jiff::Timestamp`], randomness as [`Entropy`], certificates as bytes.
//!
//! Algorithms: `ES256` (P-256 with SHA-256), `ES384` (P-384 with SHA-384), `ES512` (P-521 with SHA-512) and `EdDSA`
//! (Ed25519) signatures; `ECDH-ES` on P-256 with `A128GCM` or `A256GCM` encryption. RSA and `none` are left out on purpose,
//! so no header can talk a verifier into them; HMAC is there only as the code of a COSE_Mac0, under a key of a type of its
//! own.

pub mod at_rest;
pub mod base64url;
pub mod cbor;
mod compact;
pub mod cose;
pub mod entropy;
pub mod hash;
pub mod json;
pub mod jwe;
pub mod jwk;
pub mod jws;
#[cfg(feature = "pkcs11")]
pub mod pkcs11;
mod private_jwk;
pub mod secret;
mod signature;
pub mod signer;
pub mod x509;

pub use entropy::Entropy;
pub use hash::{HashAlgorithm, sha256};
pub use jwk::{Algorithm, Jwk, PublicKey};
pub use secret::Secret;
pub use signer::{Signer, SigningKey};

/// Whether two byte strings are equal, in time that depends on their lengths only.
#[must_use]
pub fn equal_in_constant_time(a: &[u8], b: &[u8]) -> bool {
    use subtle::ConstantTimeEq as _;
    a.ct_eq(b).into()
}
