//! The SHA-2 family (FIPS 180-4) under the names that SD-JWT and ISO mdoc give it.

use std::fmt;

use sha2::Digest as _;

/// A hash function that digests in credentials and signatures may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HashAlgorithm {
    /// 32 bytes; what SD-JWT means when `_sd_alg` is absent (RFC 9901 section 4.1.1).
    Sha256,
    /// 48 bytes.
    Sha384,
    /// 64 bytes.
    Sha512,
}

impl HashAlgorithm {
    /// All of them, strongest last.
    pub const ALL: [Self; 3] = [Self::Sha256, Self::Sha384, Self::Sha512];

    /// The name in `_sd_alg` and in transaction data: IANA "Named Information Hash Algorithm" (RFC 9901 section 4.1.1).
    #[must_use]
    pub fn sd_jwt_name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha-256",
            Self::Sha384 => "sha-384",
            Self::Sha512 => "sha-512",
        }
    }

    /// The hash of this `_sd_alg` name, compared exactly; `None` for any other.
    #[must_use]
    pub fn from_sd_jwt_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|hash| hash.sd_jwt_name() == name)
    }

    /// The name in `digestAlgorithm` of a mobile security object (ISO/IEC 18013-5 section 9.1.2.5).
    #[must_use]
    pub fn mdoc_name(self) -> &'static str {
        match self {
            Self::Sha256 => "SHA-256",
            Self::Sha384 => "SHA-384",
            Self::Sha512 => "SHA-512",
        }
    }

    /// The hash of this `digestAlgorithm` name, compared exactly; `None` for any other.
    #[must_use]
    pub fn from_mdoc_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|hash| hash.mdoc_name() == name)
    }

    /// How many bytes [`digest`](Self::digest) gives.
    #[must_use]
    pub fn digest_bytes(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }

    /// The digest of `bytes`.
    #[must_use]
    pub fn digest(self, bytes: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha256 => sha2::Sha256::digest(bytes).to_vec(),
            Self::Sha384 => sha2::Sha384::digest(bytes).to_vec(),
            Self::Sha512 => sha2::Sha512::digest(bytes).to_vec(),
        }
    }
}

impl fmt::Display for HashAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.mdoc_name())
    }
}

/// SHA-256 of `bytes`.
#[must_use]
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    sha2::Sha256::digest(bytes).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The digests of `abc` in FIPS 180-4's examples.
    #[test]
    fn abc() {
        let check = |hash: HashAlgorithm, start: [u8; 4]| {
            let digest = hash.digest(b"abc");
            assert_eq!(digest[..4], start, "{hash}");
            assert_eq!(digest.len(), hash.digest_bytes(), "{hash}");
            assert_eq!(HashAlgorithm::from_sd_jwt_name(hash.sd_jwt_name()), Some(hash));
            assert_eq!(HashAlgorithm::from_mdoc_name(hash.mdoc_name()), Some(hash));
        };
        check(HashAlgorithm::Sha256, [0xba, 0x78, 0x16, 0xbf]);
        check(HashAlgorithm::Sha384, [0xcb, 0x00, 0x75, 0x3f]);
        check(HashAlgorithm::Sha512, [0xdd, 0xaf, 0x35, 0xa1]);
        assert_eq!(sha256(b"abc")[..], HashAlgorithm::Sha256.digest(b"abc"));
    }

    /// The two formats write the names differently, and neither ignores case.
    #[test]
    fn names_are_exact() {
        for name in ["SHA-256", "sha256", "sha-1", "sha-256-128", ""] {
            assert_eq!(HashAlgorithm::from_sd_jwt_name(name), None, "`{name}`");
        }
        for name in ["sha-256", "SHA256", "SHA-1", ""] {
            assert_eq!(HashAlgorithm::from_mdoc_name(name), None, "`{name}`");
        }
    }
}
