//! Integrity metadata: which bytes a reference means (SD-JWT VC draft-19, section on the integrity of referenced
//! documents; W3C Subresource Integrity section 3 for the syntax).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use warifu_keys::hash::HashAlgorithm;
use warifu_keys::{base64url, equal_in_constant_time};

/// Longest text read, in bytes.
const MAX_BYTES: usize = 2048;

/// Why a document is not the one that was meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IntegrityError {
    /// Not hash expressions `<algorithm>-<base64>` with white space between them.
    #[error("the integrity metadata is malformed")]
    Malformed,
    /// None of its algorithms is SHA-256, SHA-384 or SHA-512.
    #[error("the integrity metadata names no hash that is supported")]
    Unsupported,
    /// The document has another digest.
    #[error("the document is not the one that was meant: wrong digest")]
    Mismatch,
}

/// The digests that a document may have, by the strongest algorithm among those that were given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Integrity {
    text: String,
    hash: HashAlgorithm,
    digests: Vec<Vec<u8>>,
}

impl Integrity {
    /// Checks the octets of a document: one of the digests of the strongest algorithm must be its own.
    pub fn check(&self, document: &[u8]) -> Result<(), IntegrityError> {
        let found = self.hash.digest(document);
        if self.digests.iter().any(|digest| equal_in_constant_time(digest, &found)) {
            Ok(())
        } else {
            Err(IntegrityError::Mismatch)
        }
    }
}

impl FromStr for Integrity {
    type Err = IntegrityError;

    /// Weaker digests count for nothing beside stronger ones; expressions with an unknown algorithm are passed over, and
    /// if no other is there, that is [`IntegrityError::Unsupported`]. Options after `?` mean nothing (SRI section 3.1).
    fn from_str(text: &str) -> Result<Self, IntegrityError> {
        if text.len() > MAX_BYTES {
            return Err(IntegrityError::Malformed);
        }
        let mut known = Vec::new();
        let mut expressions = 0;
        for expression in text.split_ascii_whitespace() {
            expressions += 1;
            let expression = expression.split('?').next().unwrap_or_default();
            let (name, digest) = expression.split_once('-').ok_or(IntegrityError::Malformed)?;
            let hash = match name {
                "sha256" => HashAlgorithm::Sha256,
                "sha384" => HashAlgorithm::Sha384,
                "sha512" => HashAlgorithm::Sha512,
                _ => continue,
            };
            let digest = base64url::decode_standard(digest).map_err(|_| IntegrityError::Malformed)?;
            if digest.len() != hash.digest_bytes() {
                return Err(IntegrityError::Malformed);
            }
            known.push((hash, digest));
        }
        if expressions == 0 {
            return Err(IntegrityError::Malformed);
        }
        let strength = |hash: &HashAlgorithm| hash.digest_bytes();
        let hash = known.iter().map(|(hash, _)| *hash).max_by_key(strength).ok_or(IntegrityError::Unsupported)?;
        let digests = known.into_iter().filter(|(other, _)| *other == hash).map(|(_, digest)| digest).collect();
        Ok(Self { text: text.to_owned(), hash, digests })
    }
}

impl fmt::Display for Integrity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl TryFrom<String> for Integrity {
    type Error = IntegrityError;

    fn try_from(text: String) -> Result<Self, IntegrityError> {
        text.parse()
    }
}

impl From<Integrity> for String {
    fn from(integrity: Integrity) -> Self {
        integrity.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expression(name: &str, hash: HashAlgorithm, document: &[u8]) -> String {
        format!("{name}-{}", base64url::encode_standard(&hash.digest(document)))
    }

    #[test]
    fn the_strongest_wins() {
        let sha256 = |document: &[u8]| expression("sha256", HashAlgorithm::Sha256, document);
        let sha384 = |document: &[u8]| expression("sha384", HashAlgorithm::Sha384, document);
        let sha512 = |document: &[u8]| expression("sha512", HashAlgorithm::Sha512, document);
        let check = |text: String, expected: Result<(), IntegrityError>| {
            let found = text.parse::<Integrity>().and_then(|integrity| integrity.check(b"meant"));
            assert_eq!(found, expected, "{text}");
        };
        for one in [sha256, sha384, sha512] {
            check(one(b"meant"), Ok(()));
            check(one(b"meant") + "?option", Ok(()));
            check(format!("  {}\n{} ", one(b"other"), one(b"meant")), Ok(()));
            check(one(b"other"), Err(IntegrityError::Mismatch));
        }
        check(format!("{} {}", sha256(b"meant"), sha384(b"other")), Err(IntegrityError::Mismatch));
        check(format!("{} {}", sha512(b"meant"), sha384(b"other")), Ok(()));
        check(format!("md5-AAAA {}", sha256(b"meant")), Ok(()));
        check("md5-AAAA".to_owned(), Err(IntegrityError::Unsupported));
        check("SHA256-AAAA".to_owned(), Err(IntegrityError::Unsupported));
        for bad in ["", " ", "sha256", "sha256-", "sha256-AAAA", "sha256-****", "x"] {
            check(bad.to_owned(), Err(IntegrityError::Malformed));
        }
        check("a-b ".repeat(1000), Err(IntegrityError::Malformed));
    }

    /// Written by another implementation: the example of W3C Subresource Integrity section 1.2.1 has this form.
    #[test]
    fn empty_document() {
        let integrity: Integrity = "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=".parse().unwrap();
        assert_eq!(integrity.check(b""), Ok(()));
        assert_eq!(integrity.check(b" "), Err(IntegrityError::Mismatch));
    }
}
