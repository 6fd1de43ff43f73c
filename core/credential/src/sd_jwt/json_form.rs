//! SD-JWTs in JWS JSON serialisation (RFC 9901 section 8), read into the compact form that everything else works on.
//!
//! The flattened form, and the general form with exactly one signature. Of the unprotected header only `disclosures` and
//! `kb_jwt` mean anything here: the rest is protected by nobody.

use serde_json::{Map, Value};
use warifu_keys::base64url;
use warifu_keys::json::{self, JsonError};

use super::{MAX_BYTES, MAX_DISCLOSURES};

/// Why a JSON form was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JsonFormError {
    /// Not acceptable JSON.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// A member is missing or of the wrong kind; of the texts, each must be base64url.
    #[error("member `{0}` is missing or malformed")]
    Member(&'static str),
    /// Members of the flattened form beside `signatures` (RFC 7515 section 7.2.2).
    #[error("flattened and general form are mixed")]
    Mixed,
    /// The general form with another number of signatures than one.
    #[error("{0} signatures, where exactly one is read")]
    Signatures(usize),
    /// A header parameter is protected and unprotected at once (RFC 7515 section 7.2.1).
    #[error("header parameter `{0}` occurs twice")]
    HeaderTwice(String),
    /// `crit` is not protected (RFC 7515 section 4.1.11).
    #[error("the unprotected header has critical extensions")]
    Critical,
    /// More disclosures than [`MAX_DISCLOSURES`].
    #[error("{0} disclosures are too many")]
    TooManyDisclosures(usize),
}

/// The compact form of an SD-JWT, or of an SD-JWT with key binding JWT, in JSON form (RFC 9901 section 8.1).
///
/// Nothing is verified. The text that comes back is the one that `sd_hash` is taken over.
pub fn to_compact(bytes: &[u8]) -> Result<String, JsonFormError> {
    if bytes.len() > MAX_BYTES {
        return Err(JsonError::TooLarge(bytes.len()).into());
    }
    let whole = json::parse_object(bytes)?;
    let signed = match whole.get("signatures") {
        None => &whole,
        Some(Value::Array(signatures)) => {
            if ["protected", "header", "signature"].iter().any(|member| whole.contains_key(*member)) {
                return Err(JsonFormError::Mixed);
            }
            match signatures.as_slice() {
                [signature] => signature.as_object().ok_or(JsonFormError::Member("signatures"))?,
                other => return Err(JsonFormError::Signatures(other.len())),
            }
        }
        Some(_) => return Err(JsonFormError::Member("signatures")),
    };
    let protected = part(signed, "protected")?;
    let none = Map::new();
    let unprotected = match signed.get("header") {
        None => &none,
        Some(Value::Object(header)) => header,
        Some(_) => return Err(JsonFormError::Member("header")),
    };
    check_headers(protected, unprotected)?;
    let mut text = format!("{protected}.{}.{}~", part(&whole, "payload")?, part(signed, "signature")?);
    for disclosure in disclosures(unprotected)? {
        text.push_str(encoded(disclosure, "disclosures")?);
        text.push('~');
    }
    if let Some(key_binding) = unprotected.get("kb_jwt") {
        let key_binding = key_binding.as_str().filter(|text| text.split('.').count() == 3);
        let key_binding = key_binding.ok_or(JsonFormError::Member("kb_jwt"))?;
        if !key_binding.split('.').all(is_base64url) {
            return Err(JsonFormError::Member("kb_jwt"));
        }
        text.push_str(key_binding);
    }
    Ok(text)
}

fn check_headers(protected: &str, unprotected: &Map<String, Value>) -> Result<(), JsonFormError> {
    if unprotected.contains_key("crit") {
        return Err(JsonFormError::Critical);
    }
    let protected = base64url::decode(protected).map_err(|_| JsonFormError::Member("protected"))?;
    let protected = json::parse_object(&protected)?;
    match unprotected.keys().find(|name| protected.contains_key(*name)) {
        Some(name) => Err(JsonFormError::HeaderTwice(name.chars().take(40).collect())),
        None => Ok(()),
    }
}

fn disclosures(unprotected: &Map<String, Value>) -> Result<&[Value], JsonFormError> {
    match unprotected.get("disclosures") {
        None => Ok(&[]),
        Some(Value::Array(list)) if list.len() > MAX_DISCLOSURES => Err(JsonFormError::TooManyDisclosures(list.len())),
        Some(Value::Array(list)) => Ok(list),
        Some(_) => Err(JsonFormError::Member("disclosures")),
    }
}

fn part<'a>(object: &'a Map<String, Value>, name: &'static str) -> Result<&'a str, JsonFormError> {
    encoded(object.get(name).ok_or(JsonFormError::Member(name))?, name)
}

/// A text that can stand between `.` and `~` without becoming two.
fn encoded<'a>(value: &'a Value, name: &'static str) -> Result<&'a str, JsonFormError> {
    value.as_str().filter(|text| is_base64url(text)).ok_or(JsonFormError::Member(name))
}

fn is_base64url(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}
