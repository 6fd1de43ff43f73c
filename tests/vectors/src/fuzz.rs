//! The doors that take foreign bytes, one function each, for the fuzzers in `fuzz/` and for the replay of their corpora.
//!
//! A target passes when it returns: whatever the bytes are, nothing panics, hangs or takes more memory than its cap.
//! Where a parser also writes, the target demands that what was read is written back the same.

use warifu_credential::sd_jwt;

/// One door: takes anything, returns.
pub type Target = fn(&[u8]);

/// Every target by the name of its binary and its folder in `fuzz/corpus`.
pub const TARGETS: &[(&str, Target)] = &[("sd_jwt", sd_jwt)];

/// An SD-JWT VC as an issuer sends it.
pub fn sd_jwt(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = sd_jwt::Received::parse(text);
    }
}
