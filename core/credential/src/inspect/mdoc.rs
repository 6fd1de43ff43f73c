//! ISO mdoc (`IssuerSigned`, `DeviceResponse`) and CWT (status lists): the parts, and which digest fits.

use serde_json::{Map, Value as Json, json};
use warifu_keys::cbor::{self, Value, embedded, member};
use warifu_keys::cose::{self, Sign1};
use warifu_keys::{HashAlgorithm, base64url};

use super::certificate;
use crate::mdoc::DataElements;

/// Bytes that are shown of a byte string.
const SHOWN: usize = 32;

/// What stands in CBOR bytes; `None` where they are none of the structures.
pub(super) fn inspect(bytes: &[u8]) -> Option<Json> {
    let value = cbor::parse(bytes).ok()?;
    let mut problems = Vec::new();
    let mut report = if let Value::Tag(18, inner) = value {
        cwt(*inner, &mut problems)?
    } else if member(&value, "issuerAuth").is_some() {
        with_format("IssuerSigned", vec![document(&value, &mut problems)])
    } else {
        let documents = member(&value, "documents")?.as_array()?;
        let documents = documents.iter().map(|one| presented(one, &mut problems)).collect();
        let mut report = with_format("DeviceResponse", documents);
        report.insert("status".to_owned(), member(&value, "status").map_or(Json::Null, plain));
        report
    };
    super::note(&mut report, problems);
    Some(Json::Object(report))
}

fn with_format(structure: &str, documents: Vec<Json>) -> Map<String, Json> {
    Map::from_iter([
        ("format".to_owned(), Json::from("mso_mdoc")),
        ("structure".to_owned(), Json::from(structure)),
        ("documents".to_owned(), Json::Array(documents)),
    ])
}

/// One document of a device response.
fn presented(value: &Value, problems: &mut Vec<String>) -> Json {
    let Some(signed) = member(value, "issuerSigned") else {
        problems.push("a document has no `issuerSigned`".to_owned());
        return Json::Null;
    };
    let mut shown = document(signed, problems);
    let device = member(value, "deviceSigned");
    let elements = device.and_then(|device| member(device, "nameSpaces")).and_then(embedded);
    let elements = elements.and_then(|bytes| cbor::parse(bytes).ok());
    let auth = device.and_then(|device| member(device, "deviceAuth")).and_then(Value::as_map);
    if let Some(members) = shown.as_object_mut() {
        members.insert("doc_type".to_owned(), member(value, "docType").map_or(Json::Null, plain));
        members.insert("device_signed".to_owned(), elements.as_ref().map_or(Json::Null, plain));
        let kinds = auth.into_iter().flatten().map(|(kind, _)| plain(kind));
        members.insert("device_auth".to_owned(), kinds.collect());
    }
    shown
}

/// What the issuer signed, and the elements that came with it.
fn document(signed: &Value, problems: &mut Vec<String>) -> Json {
    let auth = member(signed, "issuerAuth").cloned().map(Sign1::from_value);
    let auth = match auth {
        Some(Ok(auth)) => auth,
        Some(Err(error)) => {
            problems.push(format!("issuerAuth: {error}"));
            return Json::Null;
        }
        None => return Json::Null,
    };
    let payload = auth.dangerous_payload().and_then(|payload| cbor::parse(payload).ok());
    let mso = payload.as_ref().and_then(embedded).and_then(|bytes| cbor::parse(bytes).ok()).unwrap_or_else(|| {
        problems.push("the mobile security object is unreadable".to_owned());
        Value::Null
    });
    let at = |name: &str| member(&mso, name).map_or(Json::Null, plain);
    let mut elements = Vec::new();
    let mut signed_digests = 0;
    for (_, digests) in member(&mso, "valueDigests").and_then(Value::as_map).into_iter().flatten() {
        signed_digests += digests.as_map().map_or(0, Vec::len);
    }
    for (namespace, items) in member(signed, "nameSpaces").and_then(Value::as_map).into_iter().flatten() {
        for item in items.as_array().into_iter().flatten() {
            elements.push(element(namespace, item, &mso, problems));
        }
    }
    json!({
        "doc_type": at("docType"),
        "header": header(&auth),
        "version": at("version"),
        "digest_algorithm": at("digestAlgorithm"),
        "validity": at("validityInfo"),
        "device_key": device_key(&mso),
        "key_authorizations": member(&mso, "deviceKeyInfo").and_then(|info| member(info, "keyAuthorizations")).map_or(Json::Null, plain),
        "status": at("status"),
        "digests_without_element": signed_digests - elements.len().min(signed_digests),
        "elements": elements,
    })
}

fn header(auth: &Sign1) -> Json {
    let chain = auth.x5chain().map(|chain| chain.iter().map(|one| certificate(one.der())).collect::<Vec<_>>());
    json!({
        "alg": auth.algorithm().name(),
        "x5chain": chain.map_or_else(|error| Json::from(error.to_string()), Json::from),
    })
}

fn device_key(mso: &Value) -> Json {
    let Some(key) = member(mso, "deviceKeyInfo").and_then(|info| member(info, "deviceKey")) else { return Json::Null };
    match cose::key_from_value(key) {
        Ok(key) => json!({
            "algorithm": key.algorithm().name(),
            "thumbprint": base64url::encode(&key.thumbprint()),
        }),
        Err(error) => Json::from(error.to_string()),
    }
}

fn element(namespace: &Value, item: &Value, mso: &Value, problems: &mut Vec<String>) -> Json {
    let bytes = embedded(item).unwrap_or_default();
    let Ok(fields) = cbor::parse(bytes) else {
        problems.push(format!("an item of {} is unreadable", plain(namespace)));
        return Json::Null;
    };
    let name = member(&fields, "elementIdentifier").map_or(Json::Null, plain);
    let id = member(&fields, "digestID");
    let digests = member(mso, "valueDigests").and_then(Value::as_map).into_iter().flatten();
    let signed = digests
        .filter(|(key, _)| key == namespace)
        .filter_map(|(_, ids)| ids.as_map())
        .flatten()
        .find(|(key, _)| Some(key) == id)
        .and_then(|(_, digest)| digest.as_bytes());
    let hash = member(mso, "digestAlgorithm").and_then(Value::as_text).and_then(HashAlgorithm::from_mdoc_name);
    let fits = hash.is_some_and(|hash| {
        signed.is_some_and(|signed| hash.digest(&cbor::encode(&cbor::embed(bytes.to_vec()))) == *signed)
    });
    if !fits {
        problems.push(format!("element {name} of {} is not what the issuer signed", plain(namespace)));
    }
    json!({
        "namespace": plain(namespace),
        "element": name,
        "value": member(&fields, "elementValue").map_or(Json::Null, plain),
        "digest_id": id.map_or(Json::Null, plain),
        "digest_fits": fits,
    })
}

/// A CWT in a COSE_Sign1, with the names of its registered claims.
fn cwt(value: Value, problems: &mut Vec<String>) -> Option<Map<String, Json>> {
    let sign1 = match Sign1::from_value(value) {
        Ok(sign1) => sign1,
        Err(error) => {
            problems.push(error.to_string());
            return Some(Map::from_iter([("format".to_owned(), Json::from("COSE_Sign1"))]));
        }
    };
    let claims = cbor::parse(sign1.dangerous_payload()?).ok()?;
    let mut report = Map::from_iter([("format".to_owned(), Json::from("CWT"))]);
    report.insert("header".to_owned(), header(&sign1));
    let names = [
        (1, "iss"),
        (2, "sub"),
        (4, "exp"),
        (5, "nbf"),
        (6, "iat"),
        (65530, "identifier_list"),
        (65533, "status_list"),
        (65534, "ttl"),
    ];
    for (key, claim) in claims.as_map()? {
        let key = key.as_integer().and_then(|number| i64::try_from(number).ok());
        let name = names.iter().find(|(number, _)| Some(*number) == key).map(|(_, name)| (*name).to_owned());
        report.insert(name.or_else(|| key.map(|key| key.to_string())).unwrap_or_default(), plain(claim));
    }
    Some(report)
}

/// A CBOR value for a person: byte strings as hexadecimal digits, cut short, with their length; dates as text.
fn plain(value: &Value) -> Json {
    match value {
        Value::Bytes(bytes) => {
            let digits: String = bytes.iter().take(SHOWN).map(|byte| format!("{byte:02x}")).collect();
            let more = if bytes.len() > SHOWN { "…" } else { "" };
            Json::from(format!("h'{digits}{more}' ({} bytes)", bytes.len()))
        }
        Value::Tag(24, inner) => match inner.as_bytes().and_then(|bytes| cbor::parse(bytes).ok()) {
            Some(inside) => plain(&inside),
            None => plain(inner),
        },
        Value::Tag(_, inner) => plain(inner),
        Value::Array(items) => items.iter().map(plain).collect(),
        Value::Map(members) => {
            let name = |key: &Value| match plain(key) {
                Json::String(text) => text,
                other => other.to_string(),
            };
            Json::Object(members.iter().map(|(key, value)| (name(key), plain(value))).collect())
        }
        scalar => DataElements::new().with("", "", scalar.clone()).to_json()[""][""].take(),
    }
}
