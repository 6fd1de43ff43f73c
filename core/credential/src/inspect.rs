//! What is written in a credential, for a person to look at: every part decoded, nothing of it believed.
//!
//! Reading here is lenient where verifying is strict, so that a broken credential can be looked at too: what does not fit
//! is named under `problems`. No signature is checked; that is what the format's own `authenticate` is for.

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use warifu_keys::x509::Certificate;
use warifu_keys::{base64url, json as strict};

use crate::sd_jwt::{numeric_date, to_compact};

mod mdoc;
mod sd_jwt;

/// Largest input looked at, in bytes.
pub const MAX_BYTES: usize = 4 * 1024 * 1024;

/// Why nothing can be said about the bytes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// More than [`MAX_BYTES`].
    #[error("{0} bytes are too many")]
    TooLarge(usize),
    /// None of the formats.
    #[error("this is no credential format that is known here: neither SD-JWT, JWS, mdoc nor JSON")]
    Unknown,
}

/// Decodes an SD-JWT (with or without key binding), an mdoc (`IssuerSigned` or `DeviceResponse`, as CBOR, base64url or
/// hexadecimal digits), a CWT, a W3C credential, or a JWS whatever its type: always an object with the member `format`.
///
/// # Errors
/// [`Error`]; what is wrong inside of a known format is named in the answer under `problems`.
pub fn inspect(bytes: &[u8]) -> Result<Value, Error> {
    if bytes.len() > MAX_BYTES {
        return Err(Error::TooLarge(bytes.len()));
    }
    let text = std::str::from_utf8(bytes).ok().map(str::trim);
    if let Some(text) = text.filter(|text| text.contains('~')) {
        return Ok(sd_jwt::inspect(text));
    }
    if let Some(report) = text.and_then(jws).or_else(|| text.and_then(json)) {
        return Ok(report);
    }
    let decoded = [Some(bytes.to_vec()), text.and_then(|text| base64url::decode(text).ok()), text.and_then(from_hex)];
    decoded.into_iter().flatten().find_map(|bytes| mdoc::inspect(&bytes)).ok_or(Error::Unknown)
}

/// The bytes that hexadecimal digits stand for; white space between them is passed over.
pub(crate) fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let (pairs, []) = digits.as_chunks::<2>() else { return None };
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect()
}

/// An SD-JWT in JSON form (RFC 9901 section 8), or a W3C credential or presentation (VCDM 2.0).
fn json(text: &str) -> Option<Value> {
    let document = strict::parse_object(text.as_bytes()).ok()?;
    if let Ok(compact) = to_compact(text.as_bytes()) {
        return Some(sd_jwt::inspect(&compact));
    }
    let types = match document.get("type")? {
        Value::Array(types) => types.clone(),
        one => vec![one.clone()],
    };
    let is = |name: &str| types.iter().any(|one| one == name);
    let format = match (is("VerifiableCredential"), is("VerifiablePresentation")) {
        (true, _) => "ldp_vc",
        (false, true) => "ldp_vp",
        (false, false) => return None,
    };
    let member = |name: &str| document.get(name).cloned().unwrap_or(Value::Null);
    let validity = ["validFrom", "validUntil"].into_iter().filter_map(|name| Some((name, document.get(name)?)));
    let validity: Map<String, Value> = validity.map(|(name, at)| (name.to_owned(), at.clone())).collect();
    Some(json!({
        "format": format,
        "type": types,
        "issuer": member("issuer"),
        "holder": member("holder"),
        "validity": validity,
        "status": member("credentialStatus"),
        "proof": member("proof"),
        "subject": member("credentialSubject"),
        "credentials": member("verifiableCredential"),
        "context": member("@context"),
    }))
}

/// Header and payload of a compact JWS, its type as the format.
fn jws(text: &str) -> Option<Value> {
    let mut problems = Vec::new();
    let (header, payload) = jwt(text, &mut problems)?;
    let mut report = Map::from_iter([
        ("format".to_owned(), header.get("typ").cloned().unwrap_or_else(|| Value::from("JWS"))),
        ("header".to_owned(), Value::Object(show_header(header))),
        ("validity".to_owned(), validity(&payload)),
        ("payload".to_owned(), Value::Object(payload)),
    ]);
    note(&mut report, problems);
    Some(Value::Object(report))
}

/// Header and payload of a compact JWS; `None` where it does not even have three parts with a JSON header.
fn jwt(text: &str, problems: &mut Vec<String>) -> Option<(Map<String, Value>, Map<String, Value>)> {
    let mut parts = text.split('.');
    let (Some(header), Some(payload), Some(_), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
        return None;
    };
    let header = strict::parse_object(&base64url::decode(header).ok()?).ok()?;
    let payload = base64url::decode(payload).map_err(|_| "it is not base64url".to_owned());
    let payload = payload.and_then(|bytes| strict::parse_object(&bytes).map_err(|error| error.to_string()));
    let payload = payload.unwrap_or_else(|why| {
        problems.push(format!("the payload is unreadable: {why}"));
        Map::new()
    });
    Some((header, payload))
}

/// A JOSE header with its certificates taken apart.
fn show_header(mut header: Map<String, Value>) -> Map<String, Value> {
    if let Some(Value::Array(chain)) = header.get_mut("x5c") {
        for item in chain {
            let der = item.as_str().and_then(|text| base64url::decode_standard(text).ok());
            *item = der.map_or(Value::Null, |der| certificate(&der));
        }
    }
    header
}

/// What a certificate says; a string with the reason where it can not be read.
fn certificate(der: &[u8]) -> Value {
    let certificate = match Certificate::from_der(der) {
        Ok(certificate) => certificate,
        Err(error) => return Value::from(error.to_string()),
    };
    let instant = |instant: Result<Timestamp, _>| instant.map_or(Value::Null, |at| Value::from(at.to_string()));
    let key = certificate.public_key();
    json!({
        "subject": certificate.subject(),
        "issuer": certificate.issuer(),
        "not_before": instant(certificate.not_before()),
        "not_after": instant(certificate.not_after()),
        "algorithm": key.map_or(Value::Null, |key| Value::from(key.algorithm().name())),
        "sha256": certificate.sha256_base64url(),
    })
}

/// `iat`, `nbf` and `exp` as instants.
fn validity(payload: &Map<String, Value>) -> Value {
    let instants = ["iat", "nbf", "exp"].into_iter().filter_map(|name| {
        let at = numeric_date(payload.get(name)?)?;
        Some((name.to_owned(), Value::from(at.to_string())))
    });
    Value::Object(instants.collect())
}

fn note(report: &mut Map<String, Value>, problems: Vec<String>) {
    if !problems.is_empty() {
        report.insert("problems".to_owned(), Value::from(problems));
    }
}

#[cfg(test)]
mod tests;
