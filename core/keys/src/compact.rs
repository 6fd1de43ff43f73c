//! Public keys in their shortest binary form, as Multikey and did:key carry them: SEC 1 compressed points, and the 32
//! bytes of Ed25519.

use p256::elliptic_curve::sec1::ToSec1Point as _;

use crate::jwk::{Algorithm, KeyError, PublicKey};

impl PublicKey {
    /// The compressed point (SEC 1 section 2.3.3: 33, 49 or 67 bytes), or the 32 bytes of Ed25519 (RFC 8032 section
    /// 5.1.5).
    #[must_use]
    pub fn to_compact(&self) -> Vec<u8> {
        match self {
            Self::P256(key) => key.to_sec1_point(true).as_bytes().to_vec(),
            Self::P384(key) => key.to_sec1_point(true).as_bytes().to_vec(),
            Self::P521(key) => key.to_sec1_point(true).as_bytes().to_vec(),
            Self::Ed25519(key) => key.as_bytes().to_vec(),
        }
    }

    /// The key for `algorithm` in its compact form; [`KeyError::Malformed`] for other lengths, for uncompressed points,
    /// and for what is no point of the curve.
    pub fn from_compact(algorithm: Algorithm, bytes: &[u8]) -> Result<Self, KeyError> {
        // SEC 1 also reads uncompressed and compact-x points; one key has one form here.
        let compressed = |width: usize| bytes.len() == width + 1 && matches!(bytes.first(), Some(2 | 3));
        let malformed = |_| KeyError::Malformed;
        match algorithm {
            Algorithm::Es256 if compressed(32) => {
                p256::PublicKey::from_sec1_bytes(bytes).map(Self::P256).map_err(malformed)
            }
            Algorithm::Es384 if compressed(48) => {
                p384::PublicKey::from_sec1_bytes(bytes).map(Self::P384).map_err(malformed)
            }
            Algorithm::Es512 if compressed(66) => {
                p521::PublicKey::from_sec1_bytes(bytes).map(Self::P521).map_err(malformed)
            }
            Algorithm::EdDsa => {
                let bytes = bytes.try_into().map_err(|_| KeyError::Malformed)?;
                ed25519_dalek::VerifyingKey::from_bytes(&bytes).map(Self::Ed25519).map_err(|_| KeyError::Malformed)
            }
            Algorithm::Es256 | Algorithm::Es384 | Algorithm::Es512 => Err(KeyError::Malformed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::Seeded;
    use crate::{Signer as _, SigningKey};

    #[test]
    fn there_and_back() {
        let entropy = Seeded::dangerous_new("compact");
        for algorithm in Algorithm::ALL {
            let key = SigningKey::generate(algorithm, &entropy).public_key();
            let bytes = key.to_compact();
            assert_eq!(PublicKey::from_compact(algorithm, &bytes).unwrap(), key);
            assert_eq!(PublicKey::from_compact(algorithm, &bytes[1..]), Err(KeyError::Malformed));
            let other = if algorithm == Algorithm::Es256 { Algorithm::Es384 } else { Algorithm::Es256 };
            assert_eq!(PublicKey::from_compact(other, &bytes), Err(KeyError::Malformed));
        }
        // An x that belongs to no point, and a point that is not compressed.
        assert_eq!(
            PublicKey::from_compact(Algorithm::Es256, &[&[2][..], &[0xff; 32]].concat()),
            Err(KeyError::Malformed)
        );
        assert_eq!(PublicKey::from_compact(Algorithm::Es256, &[4; 65]), Err(KeyError::Malformed));
    }
}
