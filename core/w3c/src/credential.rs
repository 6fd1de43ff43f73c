//! The data model: verifiable credentials and presentations (W3C VCDM 2.0 section 4).
//!
//! [`Credential`] and [`Presentation`] are well formed and no more: nobody has vouched for a word in them. They become
//! [`Verified`](crate::verify::Verified) through [`crate::verify`] only.

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use url::Url;
use warifu_keys::json::{self as strict, JsonError};

use crate::context::CREDENTIALS_V2;
use crate::time;

/// Largest credential or presentation, in bytes of JSON.
pub const MAX_BYTES: usize = 2 * 1024 * 1024;
/// Most entries of one list.
pub const MAX_LIST: usize = 256;
/// Most credentials in one presentation.
pub const MAX_CREDENTIALS: usize = 64;

/// Why a document is no credential or presentation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ModelError {
    /// More than [`MAX_BYTES`].
    #[error("a document of {0} bytes is too large")]
    TooLarge(usize),
    /// Not acceptable JSON.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// `@context` does not begin with that of VCDM 2.0 (section 4.3).
    #[error("`@context` does not begin with {CREDENTIALS_V2}")]
    Context,
    /// `type` does not name this kind of document (section 4.5).
    #[error("`type` does not include {0}")]
    Type(&'static str),
    /// A member is absent where it must not be.
    #[error("`{0}` is missing")]
    Missing(&'static str),
    /// A member has not the shape of section 4.
    #[error("`{0}` is malformed")]
    Malformed(&'static str),
    /// A member of the 1.1 model, which this one would silently ignore.
    #[error("`{0}` belongs to an older data model")]
    OldModel(&'static str),
    /// `validFrom` is after `validUntil` (section 4.9).
    #[error("the validity ends before it begins")]
    EmptyValidity,
    /// `validFrom` has not come.
    #[error("valid from {0}, which has not come")]
    NotYetValid(Timestamp),
    /// `validUntil` has passed.
    #[error("valid until {0}, which has passed")]
    NoLongerValid(Timestamp),
}

/// A well-formed credential.
#[derive(Debug, Clone, PartialEq)]
pub struct Credential {
    members: Map<String, Value>,
    issuer: String,
    valid_from: Option<Timestamp>,
    valid_until: Option<Timestamp>,
}

impl Credential {
    /// Reads a credential.
    pub fn parse(bytes: &[u8]) -> Result<Self, ModelError> {
        Self::from_members(object(bytes)?)
    }

    /// Checks the members of a credential.
    pub fn from_members(members: Map<String, Value>) -> Result<Self, ModelError> {
        check_header(&members, "VerifiableCredential")?;
        for old in ["issuanceDate", "expirationDate"] {
            if members.contains_key(old) {
                return Err(ModelError::OldModel(old));
            }
        }
        let issuer = party(&members, "issuer")?.ok_or(ModelError::Missing("issuer"))?;
        let valid_from = instant(&members, "validFrom")?;
        let valid_until = instant(&members, "validUntil")?;
        if let (Some(from), Some(until)) = (valid_from, valid_until)
            && from > until
        {
            return Err(ModelError::EmptyValidity);
        }
        let subjects = objects(&members, "credentialSubject")?;
        if subjects.is_empty() {
            return Err(ModelError::Missing("credentialSubject"));
        }
        for subject in subjects {
            if subject.is_empty() {
                return Err(ModelError::Malformed("credentialSubject"));
            }
            optional_url(subject, "id", "credentialSubject")?;
        }
        for (name, identified) in [
            ("credentialStatus", Identified::Optionally),
            ("credentialSchema", Identified::Always),
            ("termsOfUse", Identified::Optionally),
            ("evidence", Identified::Optionally),
            ("refreshService", Identified::Optionally),
        ] {
            check_typed(&members, name, identified)?;
        }
        check_related(&members)?;
        for name in ["name", "description"] {
            check_text(&members, name)?;
        }
        Ok(Self { members, issuer, valid_from, valid_until })
    }

    /// Everything the credential says.
    #[must_use]
    pub fn members(&self) -> &Map<String, Value> {
        &self.members
    }

    /// Who says it, as a URL.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The credential's own identifier.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.members.get("id").and_then(Value::as_str)
    }

    /// Whether `type` includes this.
    #[must_use]
    pub fn has_type(&self, name: &str) -> bool {
        includes(self.members.get("type"), name)
    }

    /// The subjects, at least one.
    #[must_use]
    pub fn subjects(&self) -> Vec<&Map<String, Value>> {
        objects(&self.members, "credentialSubject").unwrap_or_default()
    }

    /// The entries of `credentialStatus`.
    #[must_use]
    pub fn statuses(&self) -> Vec<&Map<String, Value>> {
        objects(&self.members, "credentialStatus").unwrap_or_default()
    }

    /// Demands that `now` lies in the validity, both ends included; clocks may differ by [`time::LEEWAY`].
    pub fn check_validity(&self, now: Timestamp) -> Result<(), ModelError> {
        if let Some(from) = self.valid_from.filter(|from| time::is_ahead(*from, now)) {
            return Err(ModelError::NotYetValid(from));
        }
        if let Some(until) = self.valid_until.filter(|until| *until < now) {
            return Err(ModelError::NoLongerValid(until));
        }
        Ok(())
    }
}

/// A well-formed presentation.
#[derive(Debug, Clone, PartialEq)]
pub struct Presentation {
    members: Map<String, Value>,
    holder: Option<String>,
}

impl Presentation {
    /// Reads a presentation (VCDM 2.0 section 4.13).
    pub fn parse(bytes: &[u8]) -> Result<Self, ModelError> {
        Self::from_members(object(bytes)?)
    }

    /// Checks the members of a presentation; not yet those of the credentials in it.
    pub fn from_members(members: Map<String, Value>) -> Result<Self, ModelError> {
        check_header(&members, "VerifiablePresentation")?;
        let holder = party(&members, "holder")?;
        if objects(&members, "verifiableCredential")?.len() > MAX_CREDENTIALS {
            return Err(ModelError::Malformed("verifiableCredential"));
        }
        check_typed(&members, "termsOfUse", Identified::Optionally)?;
        Ok(Self { members, holder })
    }

    /// A presentation of these credentials: secured objects, or the compact form of `vc+jwt`.
    pub fn of(holder: Option<&str>, credentials: &[Value]) -> Result<Self, ModelError> {
        let credentials: Vec<Value> = credentials
            .iter()
            .map(|credential| credential.as_str().map_or_else(|| credential.clone(), envelope))
            .collect();
        let mut members = Map::from_iter([
            ("@context".to_owned(), json!([CREDENTIALS_V2])),
            ("type".to_owned(), json!(["VerifiablePresentation"])),
            ("verifiableCredential".to_owned(), Value::Array(credentials)),
        ]);
        members.extend(holder.map(|holder| ("holder".to_owned(), holder.into())));
        Self::from_members(members)
    }

    /// Everything the presentation says.
    #[must_use]
    pub fn members(&self) -> &Map<String, Value> {
        &self.members
    }

    /// Who presents, as a URL.
    #[must_use]
    pub fn holder(&self) -> Option<&str> {
        self.holder.as_deref()
    }

    /// The credentials inside, enveloped or not.
    #[must_use]
    pub fn credentials(&self) -> Vec<&Map<String, Value>> {
        objects(&self.members, "verifiableCredential").unwrap_or_default()
    }
}

/// An `EnvelopedVerifiableCredential` around a `vc+jwt` (VCDM 2.0 section 4.13.1).
#[must_use]
pub fn envelope(jwt: &str) -> Value {
    json!({
        "@context": CREDENTIALS_V2,
        "id": format!("data:application/vc+jwt,{jwt}"),
        "type": "EnvelopedVerifiableCredential",
    })
}

/// The `vc+jwt` in an `EnvelopedVerifiableCredential`; `None` for other documents.
pub fn opened(members: &Map<String, Value>) -> Result<Option<&str>, ModelError> {
    if !includes(members.get("type"), "EnvelopedVerifiableCredential") {
        return Ok(None);
    }
    check_context(members)?;
    let jwt = members.get("id").and_then(Value::as_str).and_then(|id| id.strip_prefix("data:application/vc+jwt,"));
    jwt.map(Some).ok_or(ModelError::Malformed("id"))
}

fn object(bytes: &[u8]) -> Result<Map<String, Value>, ModelError> {
    if bytes.len() > MAX_BYTES {
        return Err(ModelError::TooLarge(bytes.len()));
    }
    Ok(strict::parse_object(bytes)?)
}

fn check_header(members: &Map<String, Value>, kind: &'static str) -> Result<(), ModelError> {
    check_context(members)?;
    if !includes(members.get("type"), kind) {
        return Err(ModelError::Type(kind));
    }
    optional_url(members, "id", "id")
}

/// Section 4.3: the context of VCDM 2.0 first, then addresses or objects.
fn check_context(members: &Map<String, Value>) -> Result<(), ModelError> {
    let one = members.get("@context").map(std::slice::from_ref);
    let list = members.get("@context").and_then(Value::as_array).map(Vec::as_slice).or(one).unwrap_or_default();
    let others = |entry: &Value| entry.is_object() || entry.as_str().is_some_and(is_url);
    match list {
        [first, rest @ ..] if first == CREDENTIALS_V2 && rest.len() <= MAX_LIST && rest.iter().all(others) => Ok(()),
        _ => Err(ModelError::Context),
    }
}

fn includes(types: Option<&Value>, name: &str) -> bool {
    match types {
        Some(Value::String(one)) => one == name,
        Some(Value::Array(list)) if list.len() <= MAX_LIST => {
            list.iter().all(Value::is_string) && list.iter().any(|entry| entry == name)
        }
        Some(_) | None => false,
    }
}

/// Issuer or holder: a URL, or an object whose `id` is one.
fn party(members: &Map<String, Value>, name: &'static str) -> Result<Option<String>, ModelError> {
    let id = match members.get(name) {
        None => return Ok(None),
        Some(Value::Object(object)) => object.get("id").and_then(Value::as_str),
        Some(other) => other.as_str(),
    };
    id.filter(|id| is_url(id)).map(|id| Some(id.to_owned())).ok_or(ModelError::Malformed(name))
}

fn instant(members: &Map<String, Value>, name: &'static str) -> Result<Option<Timestamp>, ModelError> {
    match members.get(name) {
        None => Ok(None),
        Some(value) => value.as_str().and_then(time::parse).map(Some).ok_or(ModelError::Malformed(name)),
    }
}

/// A member that is an object or a list of objects.
fn objects<'a>(members: &'a Map<String, Value>, name: &'static str) -> Result<Vec<&'a Map<String, Value>>, ModelError> {
    let object = |value: &'a Value| value.as_object().ok_or(ModelError::Malformed(name));
    match members.get(name) {
        None => Ok(Vec::new()),
        Some(Value::Array(list)) if list.len() <= MAX_LIST => list.iter().map(object).collect(),
        Some(one) => Ok(vec![object(one)?]),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Identified {
    Always,
    Optionally,
}

/// Members of sections 4.10 to 5.5: each has a `type`, and an `id` that is a URL.
fn check_typed(members: &Map<String, Value>, name: &'static str, identified: Identified) -> Result<(), ModelError> {
    for entry in objects(members, name)? {
        let typed = match entry.get("type") {
            Some(Value::String(_)) => true,
            Some(Value::Array(list)) => !list.is_empty() && list.iter().all(Value::is_string),
            Some(_) | None => false,
        };
        if !typed || (identified == Identified::Always && !entry.contains_key("id")) {
            return Err(ModelError::Malformed(name));
        }
        optional_url(entry, "id", name)?;
    }
    Ok(())
}

/// Section 5.3: every related resource once, with a digest.
fn check_related(members: &Map<String, Value>) -> Result<(), ModelError> {
    let name = "relatedResource";
    let mut seen = Vec::new();
    for entry in objects(members, name)? {
        let id = entry.get("id").and_then(Value::as_str).filter(|id| is_url(id));
        let digest =
            ["digestSRI", "digestMultibase"].iter().any(|digest| entry.get(*digest).is_some_and(Value::is_string));
        match id {
            Some(id) if digest && !seen.contains(&id) => seen.push(id),
            Some(_) | None => return Err(ModelError::Malformed(name)),
        }
    }
    Ok(())
}

/// Section 11.1: a text, an object with `@value`, or a list of such.
fn check_text(members: &Map<String, Value>, name: &'static str) -> Result<(), ModelError> {
    let one = |value: &Value| value.is_string() || value.get("@value").is_some_and(Value::is_string);
    let fits = match members.get(name) {
        None => true,
        Some(Value::Array(list)) => !list.is_empty() && list.len() <= MAX_LIST && list.iter().all(one),
        Some(value) => one(value),
    };
    if fits { Ok(()) } else { Err(ModelError::Malformed(name)) }
}

fn optional_url(members: &Map<String, Value>, member: &str, name: &'static str) -> Result<(), ModelError> {
    match members.get(member) {
        None => Ok(()),
        Some(value) if value.as_str().is_some_and(is_url) => Ok(()),
        Some(_) => Err(ModelError::Malformed(name)),
    }
}

fn is_url(text: &str) -> bool {
    Url::parse(text).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credential() -> Value {
        json!({
            "@context": [CREDENTIALS_V2],
            "type": ["VerifiableCredential"],
            "issuer": { "id": "did:example:issuer", "name": "An issuer" },
            "validFrom": "2026-01-01T00:00:00Z",
            "validUntil": "2027-01-01T00:00:00+01:00",
            "name": [{ "@value": "Ein Name", "@language": "de" }],
            "credentialSubject": { "id": "did:example:holder", "name": "Anna" },
            "credentialStatus": { "type": "BitstringStatusListEntry", "id": "https://issuer.example/status#1" },
            "credentialSchema": { "type": "JsonSchema", "id": "https://issuer.example/schema" },
            "relatedResource": [{ "id": "https://issuer.example/r", "digestSRI": "sha384-x" }],
        })
    }

    fn with(name: &str, value: Value) -> Result<Credential, ModelError> {
        let mut credential = credential();
        credential[name] = value;
        Credential::parse(credential.to_string().as_bytes())
    }

    #[test]
    fn each_rule_has_its_own_refusal() {
        let good = Credential::parse(credential().to_string().as_bytes()).unwrap();
        assert_eq!((good.issuer(), good.subjects().len(), good.statuses().len()), ("did:example:issuer", 1, 1));
        use ModelError::{Context, EmptyValidity, Malformed, Missing, OldModel, Type};
        for (name, value, expected) in [
            ("@context", json!("https://www.w3.org/2018/credentials/v1"), Context),
            ("@context", json!(["https://www.w3.org/ns/did/v1", CREDENTIALS_V2]), Context),
            ("@context", json!([CREDENTIALS_V2, 1]), Context),
            ("@context", Value::Null, Context),
            ("type", json!("Credential"), Type("VerifiableCredential")),
            ("type", json!(["VerifiableCredential", 1]), Type("VerifiableCredential")),
            ("id", json!("abc"), Malformed("id")),
            ("issuer", json!("issuer"), Malformed("issuer")),
            ("issuer", json!({ "name": "x" }), Malformed("issuer")),
            ("issuer", json!(["did:example:issuer"]), Malformed("issuer")),
            ("validFrom", json!("2026-01-01T00:00:00"), Malformed("validFrom")),
            ("validUntil", json!(1), Malformed("validUntil")),
            ("validUntil", json!("2025-12-31T23:59:59Z"), EmptyValidity),
            ("issuanceDate", json!("2026-01-01T00:00:00Z"), OldModel("issuanceDate")),
            ("expirationDate", json!("2026-01-01T00:00:00Z"), OldModel("expirationDate")),
            ("credentialSubject", json!([]), Missing("credentialSubject")),
            ("credentialSubject", json!({}), Malformed("credentialSubject")),
            ("credentialSubject", json!("did:example:holder"), Malformed("credentialSubject")),
            ("credentialSubject", json!({ "id": "abc" }), Malformed("credentialSubject")),
            ("credentialStatus", json!({ "id": "https://issuer.example/status" }), Malformed("credentialStatus")),
            ("credentialStatus", json!([{ "type": [] }]), Malformed("credentialStatus")),
            ("credentialSchema", json!({ "type": "JsonSchema" }), Malformed("credentialSchema")),
            ("termsOfUse", json!({}), Malformed("termsOfUse")),
            ("evidence", json!(["x"]), Malformed("evidence")),
            ("relatedResource", json!({ "id": "https://issuer.example/r" }), Malformed("relatedResource")),
            (
                "relatedResource",
                json!(vec![json!({ "id": "https://issuer.example/r", "digestSRI": "sha384-x" }); 2]),
                Malformed("relatedResource"),
            ),
            ("name", json!({ "@language": "de" }), Malformed("name")),
        ] {
            assert_eq!(with(name, value.clone()).unwrap_err(), expected, "{name}: {value}");
        }
        let mut without = credential();
        without.as_object_mut().unwrap().remove("issuer");
        assert_eq!(Credential::parse(without.to_string().as_bytes()), Err(Missing("issuer")));
        assert!(matches!(Credential::parse(b"[]"), Err(ModelError::Json(JsonError::NotAnObject))));
        assert_eq!(Credential::parse(&vec![b' '; MAX_BYTES + 1]), Err(ModelError::TooLarge(MAX_BYTES + 1)));
    }

    #[test]
    fn validity() {
        let credential = Credential::parse(credential().to_string().as_bytes()).unwrap();
        let check = |now: &str| credential.check_validity(now.parse().unwrap());
        assert!(matches!(check("2025-12-31T23:54:59Z"), Err(ModelError::NotYetValid(_))));
        assert_eq!(check("2025-12-31T23:56:00Z"), Ok(()));
        assert_eq!(check("2026-12-31T23:00:00Z"), Ok(()));
        assert!(matches!(check("2026-12-31T23:00:01Z"), Err(ModelError::NoLongerValid(_))));
    }

    #[test]
    fn presentations_and_envelopes() {
        let presentation = Presentation::of(Some("did:example:holder"), &[credential(), "a.b.c".into()]).unwrap();
        let again = Presentation::parse(Value::Object(presentation.members().clone()).to_string().as_bytes()).unwrap();
        assert_eq!((again.holder(), again.credentials().len()), (Some("did:example:holder"), 2));
        assert_eq!(opened(again.credentials()[0]), Ok(None));
        assert_eq!(opened(again.credentials()[1]), Ok(Some("a.b.c")));
        let mut other = envelope("a.b.c");
        other["id"] = "data:application/vc+sd-jwt,a.b.c".into();
        assert_eq!(opened(other.as_object().unwrap()), Err(ModelError::Malformed("id")));
        other["@context"] = "https://www.w3.org/2018/credentials/v1".into();
        assert_eq!(opened(other.as_object().unwrap()), Err(ModelError::Context));
        let many = vec![credential(); MAX_CREDENTIALS + 1];
        assert_eq!(Presentation::of(None, &many), Err(ModelError::Malformed("verifiableCredential")));
        assert_eq!(Presentation::of(Some("anna"), &[]), Err(ModelError::Malformed("holder")));
        let credential = credential().to_string();
        assert_eq!(Presentation::parse(credential.as_bytes()), Err(ModelError::Type("VerifiablePresentation")));
    }

    proptest::proptest! {
        #[test]
        fn never_panics(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            let _ = Credential::parse(&bytes);
            let _ = Presentation::parse(&bytes);
        }
    }
}
