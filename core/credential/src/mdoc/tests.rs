//! One mdoc of one holder in one session, and ways to break each part of it alone.

use jiff::Timestamp;
use serde_json::json;
use warifu_keys::cbor::{self, Value};
use warifu_keys::cose::{self, Headers, Payload};
use warifu_keys::entropy::Seeded;
use warifu_keys::jwe::AgreementKey;
use warifu_keys::{PublicKey, Signer, SigningKey};

use super::issuer_signed::IssuerSigned;
use super::members::Members;
use super::*;
use crate::example::{World, after, now, world};
use crate::status::StatusReferences;
use crate::{Authentic, Format, Verified};

mod issue;
mod properties;
mod reader;
mod status;

const DOC_TYPE: &str = "org.example.membership.1";
const NAMESPACE: &str = "org.example.membership.1";
const MDL: &str = "org.iso.18013.5.1";

fn elements() -> DataElements {
    let date = Value::Tag(1004, Box::new(Value::from("1984-01-26")));
    DataElements::new()
        .with(NAMESPACE, "family_name", Value::from("MUSTERMANN"))
        .with(NAMESPACE, "given_name", Value::from("ERIKA"))
        .with(NAMESPACE, "birth_date", date)
        .with(NAMESPACE, "portrait", Value::Bytes(vec![0xff, 0xd8, 0xff, 0xe0]))
        .with(MDL, "issuing_country", Value::from("UT"))
        .with(MDL, "sex", Value::from(2))
}

/// The device may sign these.
fn authorizations() -> KeyAuthorizations {
    KeyAuthorizations {
        name_spaces: vec!["org.example.device.1".to_owned()],
        data_elements: [(NAMESPACE.to_owned(), vec!["nickname".to_owned()])].into(),
    }
}

fn validity() -> Validity {
    Validity { signed: after(-60), valid_from: after(-60), valid_until: after(3600), expected_update: None }
}

fn issue_with(world: &World, device_key: &PublicKey, status: Option<&StatusReferences>) -> Vec<u8> {
    let key_authorizations = &authorizations();
    let issuance = Issuance { doc_type: DOC_TYPE, device_key, key_authorizations, validity: validity(), status };
    issue(&elements(), &issuance, world.issuer(), &world.entropy).unwrap()
}

fn issued(world: &World) -> Vec<u8> {
    issue_with(world, &world.holder.public_key(), None)
}

fn receive(world: &World, bytes: &[u8]) -> Result<Authentic, Error> {
    Received::parse(bytes)?.authenticate(&world.anchors(), now())
}

fn verified(world: &World, bytes: &[u8]) -> Verified {
    receive(world, bytes).unwrap().settle_without_status(now()).unwrap()
}

fn held(world: &World) -> Held {
    Held::keep(verified(world, &issued(world))).unwrap()
}

fn transcript() -> SessionTranscript {
    SessionTranscript::new(&Handover::OpenId4Vp {
        client_id: "x509_hash:verifier",
        nonce: "n-0S6_WzA2Mj",
        encryption_key: None,
        response_uri: "https://verifier.example/response",
    })
}

fn verify(world: &World, response: &[u8]) -> Result<(Authentic, DeviceSigned), Error> {
    let transcript = transcript();
    let session = Session { transcript: &transcript, reader_key: None };
    DeviceResponse::parse(response)?.only()?.authenticate(&world.anchors(), now(), &session)
}

/// A response with these elements, signed by the holder.
fn present(world: &World, elements: &[(&str, &str)]) -> Vec<u8> {
    let key = DeviceKey::Signs(&world.holder);
    held(world).present(elements, &DataElements::new(), &transcript(), key).unwrap()
}

const SOME: &[(&str, &str)] = &[(NAMESPACE, "family_name"), (NAMESPACE, "birth_date"), (MDL, "issuing_country")];

/// The value at a path of text keys and array positions, to be changed.
fn at<'a>(mut value: &'a mut Value, path: &[&str]) -> &'a mut Value {
    for step in path {
        value = match value {
            Value::Array(items) => items.get_mut(step.parse::<usize>().unwrap()).unwrap(),
            Value::Map(pairs) => {
                let place = pairs.iter().position(|(key, _)| key.as_text() == Some(*step));
                &mut pairs[place.unwrap_or_else(|| panic!("no `{step}`"))].1
            }
            other => panic!("nothing below {other:?}"),
        };
    }
    value
}

fn remove(map: &mut Value, name: &str) {
    map.as_map_mut().unwrap().retain(|(key, _)| key.as_text() != Some(name));
}

fn put(map: &mut Value, name: &str, value: Value) {
    remove(map, name);
    map.as_map_mut().unwrap().push((Value::from(name), value));
}

/// Changes the value inside an encoded data item.
fn inside(item: &mut Value, change: impl FnOnce(&mut Value)) {
    let mut value = cbor::parse(cbor::embedded(item).unwrap()).unwrap();
    change(&mut value);
    *item = cbor::embed(cbor::encode(&value));
}

/// Changes a structure as bytes.
fn changed(bytes: &[u8], change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let mut value = cbor::parse(bytes).unwrap();
    change(&mut value);
    cbor::encode(&value)
}

/// `issuerAuth` with another mobile security object, well signed by the issuer.
fn resigned(world: &World, issuer_auth: &mut Value, change: impl FnOnce(&mut Value)) {
    let Value::Bytes(payload) = at(issuer_auth, &["2"]) else { panic!("the payload is attached") };
    let mut mso = cbor::parse(payload).unwrap();
    inside(&mut mso, change);
    *issuer_auth = signed(world, &cbor::encode(&mso));
}

fn signed(world: &World, payload: &[u8]) -> Value {
    let headers = Headers::default().x5chain(&world.chain);
    cose::sign1(&headers, Payload::Attached(payload), b"", &world.signer).unwrap().to_value().unwrap()
}

/// A freshly issued mdoc with another, well signed, mobile security object.
fn issued_with(world: &World, change: impl FnOnce(&mut Value)) -> Vec<u8> {
    changed(&issued(world), |issued| resigned(world, at(issued, &["issuerAuth"]), change))
}

/// A response with this device-signed part, well signed by the holder.
fn answered(world: &World, name_spaces: &Value) -> Vec<u8> {
    changed(&present(world, SOME), |response| {
        let device = at(response, &["documents", "0", "deviceSigned"]);
        let name_spaces = cbor::encode(name_spaces);
        let message = transcript().device_authentication(DOC_TYPE, &name_spaces);
        let signature = cose::sign1(&Headers::default(), Payload::Detached(&message), b"", &world.holder).unwrap();
        put(device, "nameSpaces", cbor::embed(name_spaces));
        *at(device, &["deviceAuth", "deviceSignature"]) = signature.to_value().unwrap();
    })
}

fn tdate_of(instant: Timestamp) -> Value {
    Value::Tag(0, Box::new(Value::from(instant.to_string())))
}
