//! Base64url without padding (RFC 4648 section 5, RFC 7515 section 2), decoded strictly.

use base64ct::{Base64, Base64UrlUnpadded, Encoding as _};

/// The text is not base64url without padding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not base64url without padding")]
pub struct NotBase64Url;

/// `bytes` as base64url without padding.
#[must_use]
pub fn encode(bytes: &[u8]) -> String {
    Base64UrlUnpadded::encode_string(bytes)
}

/// The bytes behind `text`. Padding, white space, the standard alphabet and non-zero trailing bits are refused.
pub fn decode(text: &str) -> Result<Vec<u8>, NotBase64Url> {
    Base64UrlUnpadded::decode_vec(text).map_err(|_| NotBase64Url)
}

/// `bytes` as padded standard base64, the form of `x5c` (RFC 7515 section 4.1.6) and of data URLs.
#[must_use]
pub fn encode_standard(bytes: &[u8]) -> String {
    Base64::encode_string(bytes)
}

/// The bytes behind padded standard base64.
pub fn decode_standard(text: &str) -> Result<Vec<u8>, NotBase64Url> {
    Base64::decode_vec(text).map_err(|_| NotBase64Url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strict() {
        assert_eq!(encode(b"\xfb\xff"), "-_8");
        assert_eq!(decode("-_8").unwrap(), b"\xfb\xff");
        for bad in ["-_8=", "+/8", " -_8", "-_9", "A"] {
            assert_eq!(decode(bad), Err(NotBase64Url), "`{bad}`");
        }
    }
}
