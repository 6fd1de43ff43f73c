//! Multibase, multihash and Multikey: binary values as self-describing text (W3C Controlled Identifiers 1.0 sections 2.2.2
//! and 2.4).

use warifu_keys::{Algorithm, PublicKey, sha256};

/// Longest text in base58 that is decoded, in characters: decoding takes the square of it.
const MAX_CHARACTERS: usize = 256;

/// Why a text is no multibase value, or no key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MultikeyError {
    /// Not base58btc behind the letter `z`, or too long.
    #[error("`{0}` is not a base58btc multibase value")]
    NotBase58(String),
    /// The multicodec in front names no supported public key.
    #[error("the multicodec of `{0}` is no supported public key")]
    UnknownCodec(String),
    /// Behind the right multicodec stands no key.
    #[error("`{0}` holds no valid key")]
    NotAKey(String),
}

/// `bytes` as multibase in base58btc, with the letter `z` in front.
#[must_use]
pub fn to_base58(bytes: &[u8]) -> String {
    format!("z{}", bs58::encode(bytes).into_string())
}

/// The bytes behind a multibase text in base58btc.
pub fn from_base58(text: &str) -> Result<Vec<u8>, MultikeyError> {
    let refused = || MultikeyError::NotBase58(short(text));
    let body = text.strip_prefix('z').filter(|body| body.len() <= MAX_CHARACTERS).ok_or_else(refused)?;
    bs58::decode(body).into_vec().map_err(|_| refused())
}

/// The SHA-256 multihash of `bytes` in bare base58btc, as did:webvh writes hashes (`Qm…`).
#[must_use]
pub fn multihash(bytes: &[u8]) -> String {
    // 0x12 is SHA-256, 0x20 its length (multihash).
    bs58::encode([&[0x12, 0x20][..], &sha256(bytes)].concat()).into_string()
}

/// Whether `text` has the form of a SHA-256 multihash.
#[must_use]
pub fn is_multihash(text: &str) -> bool {
    text.len() <= MAX_CHARACTERS
        && bs58::decode(text).into_vec().is_ok_and(|bytes| bytes.len() == 34 && bytes.starts_with(&[0x12, 0x20]))
}

/// The key as Multikey text.
#[must_use]
pub fn encode(key: &PublicKey) -> String {
    to_base58(&[&codec(key.algorithm())[..], &key.to_compact()].concat())
}

/// The key behind a Multikey text.
pub fn decode(text: &str) -> Result<PublicKey, MultikeyError> {
    let bytes = from_base58(text)?;
    let algorithm = Algorithm::ALL.into_iter().find(|algorithm| bytes.starts_with(&codec(*algorithm)));
    let algorithm = algorithm.ok_or_else(|| MultikeyError::UnknownCodec(short(text)))?;
    PublicKey::from_compact(algorithm, &bytes[2..]).map_err(|_| MultikeyError::NotAKey(short(text)))
}

/// The multicodec of a public key, as a varint.
fn codec(algorithm: Algorithm) -> [u8; 2] {
    match algorithm {
        Algorithm::EdDsa => [0xed, 0x01],
        Algorithm::Es256 => [0x80, 0x24],
        Algorithm::Es384 => [0x81, 0x24],
        Algorithm::Es512 => [0x82, 0x24],
    }
}

fn short(text: &str) -> String {
    text.chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    use warifu_keys::entropy::Seeded;
    use warifu_keys::{Signer as _, SigningKey};

    use super::*;

    #[test]
    fn there_and_back() {
        let entropy = Seeded::dangerous_new("multikey");
        for (algorithm, start) in [
            (Algorithm::EdDsa, "z6Mk"),
            (Algorithm::Es256, "zDna"),
            (Algorithm::Es384, "z82L"),
            (Algorithm::Es512, "z2J9"),
        ] {
            let key = SigningKey::generate(algorithm, &entropy).public_key();
            let text = encode(&key);
            assert!(text.starts_with(start), "{text}");
            assert_eq!(decode(&text).unwrap(), key);
        }
    }

    #[test]
    fn refuses() {
        let check = |text: &str, expected: fn(String) -> MultikeyError| {
            assert_eq!(decode(text).unwrap_err(), expected(short(text)), "{text}");
        };
        check("6MkrJVnaZkeFzdQyMZu1cgjg7k1pZZ6pvBQ7XJPt4swbTQ2", MultikeyError::NotBase58);
        check("z0OIl", MultikeyError::NotBase58);
        check(&format!("z{}", "1".repeat(300)), MultikeyError::NotBase58);
        check("z", MultikeyError::UnknownCodec);
        check(&to_base58(&[0xec, 0x01, 7]), MultikeyError::UnknownCodec);
        check(&to_base58(&[0xed, 0x01, 7]), MultikeyError::NotAKey);
        assert!(is_multihash(&multihash(b"x")) && !is_multihash("QmX") && !is_multihash("0"));
    }

    proptest::proptest! {
        #[test]
        fn never_panics(text in "z?[1-9A-Za-z]{0,80}") {
            let _ = decode(&text);
            let _ = is_multihash(&text);
        }
    }
}
