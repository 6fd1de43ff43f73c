//! The doors that take foreign bytes, one function each, for the fuzzers in `fuzz/` and for the replay of their corpora.
//!
//! A target passes when it returns: whatever the bytes are, nothing panics, hangs or takes more memory than its cap.
//! Where a parser also writes, the target demands that what was read is written back the same.

use warifu_credential::sd_jwt;
use warifu_keys::{cbor, cose};

/// One door: takes anything, returns.
pub type Target = fn(&[u8]);

/// Every target by the name of its binary and its folder in `fuzz/corpus`.
pub const TARGETS: &[(&str, Target)] = &[
    ("sd_jwt", sd_jwt),
    ("sd_jwt_presentation", sd_jwt_presentation),
    ("sd_jwt_json", sd_jwt_json),
    ("cbor", cbor),
    ("cose_sign1", cose_sign1),
];

/// An SD-JWT VC as an issuer sends it, opened without its signature: what is kept comes back letter by letter.
pub fn sd_jwt(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = sd_jwt::Received::parse(text);
        if let Ok(held) = sd_jwt::Held::dangerous_reload(text) {
            assert_eq!(held.text(), text);
        }
    }
}

/// An SD-JWT VC with a key binding JWT.
pub fn sd_jwt_presentation(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = sd_jwt::Presentation::parse(text);
    }
}

/// An SD-JWT in JSON form: what is read has the compact form's separators only where they belong.
pub fn sd_jwt_json(bytes: &[u8]) {
    if let Ok(text) = sd_jwt::json_form::to_compact(bytes) {
        let jwt = text.split('~').next().unwrap_or_default();
        assert_eq!(jwt.split('.').count(), 3);
        let _ = sd_jwt::Received::parse_json(bytes);
        let _ = sd_jwt::Presentation::parse_json(bytes);
    }
}

/// One CBOR item; what is read is written back to the same bytes.
pub fn cbor(bytes: &[u8]) {
    if let Ok(value) = cbor::parse(bytes) {
        assert_eq!(cbor::encode(&value), bytes);
    }
}

/// A COSE_Sign1 with its chain, tagged or not.
pub fn cose_sign1(bytes: &[u8]) {
    if let Ok(message) = cose::Sign1::parse(bytes) {
        let _ = message.x5chain();
    }
    let _ = cose::Sign1::parse_tagged(bytes);
}
