//! The reader's checks: each row breaks one rule and nothing else.

use std::slice::from_ref;

use warifu_keys::cbor::CborError;
use warifu_keys::cose::CoseError;
use warifu_keys::jwk::KeyError;
use warifu_keys::x509::issue::{Authority, Period, Request, Subject};
use warifu_keys::x509::{Certificate, Purpose, X509Error};
use warifu_keys::{Algorithm, HashAlgorithm};

use super::*;

const ITEM: [&str; 3] = ["nameSpaces", NAMESPACE, "0"];

fn refused(world: &World, bytes: &[u8]) -> Error {
    receive(world, bytes).unwrap_err()
}

/// Refusals of a changed freshly issued mdoc.
#[track_caller]
fn check_issued(change: impl FnOnce(&mut Value), expected: &Error) {
    let world = world("reader");
    assert_eq!(&refused(&world, &changed(&issued(&world), change)), expected);
}

/// Refusals of a changed mobile security object, well signed.
#[track_caller]
fn check_mso(change: impl FnOnce(&mut Value), expected: &Error) {
    let world = world("reader");
    assert_eq!(&refused(&world, &issued_with(&world, change)), expected);
}

/// Refusals of a changed device response.
#[track_caller]
fn check_response(change: impl FnOnce(&mut Value), expected: &Error) {
    let world = world("reader");
    let response = changed(&present(&world, SOME), change);
    assert_eq!(&verify(&world, &response).map(|_| ()).unwrap_err(), expected);
}

fn named(element: &str) -> (String, String) {
    (NAMESPACE.to_owned(), element.to_owned())
}

/// `isomdl` 0.2 accepts this one: its reader compares no digests.
#[test]
fn a_tampered_element_under_an_intact_signature_is_refused() {
    let (namespace, element) = named("birth_date");
    let change = |issued: &mut Value| {
        inside(at(issued, &ITEM), |item| {
            put(item, "elementValue", Value::Tag(1004, Box::new(Value::from("2004-01-26"))));
        });
    };
    check_issued(change, &Error::DigestMismatch { namespace, element });
    // In a device response too, where the device's signature stays right.
    let world = world("tampered");
    let response = changed(&present(&world, SOME), |response| {
        let item = at(response, &["documents", "0", "issuerSigned", "nameSpaces", NAMESPACE, "0"]);
        inside(item, |item| put(item, "elementValue", Value::from("x")));
    });
    assert!(matches!(verify(&world, &response), Err(Error::DigestMismatch { .. })));
}

/// `isomdl` 0.2 accepts this one: its reader looks at no validity.
#[test]
fn an_expired_mso_is_refused() {
    let world = world("expired");
    let received = Received::parse(&issued(&world)).unwrap();
    let error = received.authenticate(&world.anchors(), after(3600)).unwrap_err();
    assert_eq!(error, Error::Expired { at: after(3600) });
    let received = Received::parse(&issued(&world)).unwrap();
    received.authenticate(&world.anchors(), after(3599)).unwrap();
    // And between being authenticated and settled.
    let authentic = receive(&world, &issued(&world)).unwrap();
    assert!(matches!(authentic.settle_without_status(after(3600)), Err(crate::SettleError::Expired { .. })));
}

/// `isomdl` 0.2 accepts this one: its reader looks no digest up.
#[test]
fn an_element_that_is_not_in_the_mso_is_refused() {
    let (namespace, element) = named("birth_date");
    let change = |issued: &mut Value| {
        inside(at(issued, &ITEM), |item| put(item, "digestID", Value::from(77)));
    };
    check_issued(change, &Error::NoDigest { namespace, element });
    let change = |issued: &mut Value| {
        let items = at(issued, &["nameSpaces", NAMESPACE]).clone();
        put(at(issued, &["nameSpaces"]), "org.example.other", items);
    };
    let namespace = "org.example.other".to_owned();
    check_issued(change, &Error::NoDigest { namespace, element: "birth_date".to_owned() });
}

#[test]
fn the_right_element_under_another_name_is_refused() {
    // The digests of two elements swapped by the sender: every item is the issuer's, each in the other's place.
    let world = world("swapped");
    let bytes = changed(&issued(&world), |issued| {
        let items = at(issued, &["nameSpaces", NAMESPACE]).as_array_mut().unwrap();
        let id = |item: &Value| {
            let value = cbor::parse(cbor::embedded(item).unwrap()).unwrap();
            cbor::member(&value, "digestID").unwrap().clone()
        };
        let (first, second) = (id(&items[0]), id(&items[1]));
        inside(&mut items[0], |item| put(item, "digestID", second));
        inside(&mut items[1], |item| put(item, "digestID", first));
    });
    assert!(matches!(refused(&world, &bytes), Error::DigestMismatch { .. }));
}

#[test]
fn items() {
    let (namespace, element) = named("birth_date");
    let twice = |issued: &mut Value| {
        let items = at(issued, &["nameSpaces", NAMESPACE]).as_array_mut().unwrap();
        let copy = items[0].clone();
        items.push(copy);
    };
    check_issued(twice, &Error::DuplicateElement { namespace: namespace.clone(), element });
    let world = world("reader");
    let bytes = changed(&issued(&world), |issued| {
        let items = at(issued, &["nameSpaces", NAMESPACE]).as_array_mut().unwrap();
        inside(&mut items[0], |item| put(item, "digestID", Value::from(1)));
        inside(&mut items[1], |item| put(item, "digestID", Value::from(1)));
    });
    assert_eq!(refused(&world, &bytes), Error::DuplicateDigestId { namespace, digest_id: 1 });

    let item = |change: fn(&mut Value)| move |issued: &mut Value| inside(at(issued, &ITEM), change);
    let short = Error::ShortRandom { element: "birth_date".to_owned(), length: 15 };
    check_issued(item(|item| put(item, "random", Value::Bytes(vec![0; 15]))), &short);
    check_issued(item(|item| put(item, "digestID", Value::from(1_u32 << 31))), &Error::Member("digestID"));
    check_issued(item(|item| put(item, "digestID", Value::from(-1))), &Error::Member("digestID"));
    for name in ["digestID", "random", "elementIdentifier", "elementValue"] {
        check_issued(|issued| inside(at(issued, &ITEM), |item| remove(item, name)), &Error::Member(name));
    }
    check_issued(|issued| *at(issued, &ITEM) = Value::Null, &Error::Member("IssuerSignedItemBytes"));
    check_issued(|issued| put(issued, "nameSpaces", Value::from(1)), &Error::Member("nameSpaces"));
    let none = Value::Map(vec![(Value::from(NAMESPACE), Value::Array(Vec::new()))]);
    check_issued(|issued| put(issued, "nameSpaces", none), &Error::Member("nameSpaces"));
    let trailing = |issued: &mut Value| {
        let bytes = cbor::embedded(at(issued, &ITEM)).unwrap().to_vec();
        *at(issued, &ITEM) = cbor::embed([bytes, vec![0]].concat());
    };
    check_issued(trailing, &Error::Cbor { part: "IssuerSignedItem", source: CborError::Trailing });
}

#[test]
fn issuer_auth() {
    let unknown = Error::UnknownMember("namespaces".to_owned());
    check_issued(|issued| put(issued, "namespaces", Value::Map(Vec::new())), &unknown);
    check_issued(|issued| remove(issued, "issuerAuth"), &Error::Member("issuerAuth"));
    let bit = |issued: &mut Value| {
        let Value::Bytes(signature) = at(issued, &["issuerAuth", "3"]) else { panic!("a signature") };
        signature[17] ^= 4;
    };
    check_issued(bit, &Error::IssuerAuth(CoseError::BadSignature));
    let detached = |issued: &mut Value| *at(issued, &["issuerAuth", "2"]) = Value::Null;
    check_issued(detached, &Error::IssuerAuth(CoseError::Detached));
    let without_chain = |issued: &mut Value| *at(issued, &["issuerAuth", "1"]) = Value::Map(Vec::new());
    check_issued(without_chain, &Error::Issuer(X509Error::Missing));
    let header = |pairs: Value| Value::Bytes(cbor::encode(&pairs));
    // EdDSA under a P-256 key.
    let eddsa = header(Value::Map(vec![(Value::from(1), Value::from(-8))]));
    let expected = CoseError::AlgorithmMismatch { alg: Algorithm::EdDsa };
    check_issued(|issued| *at(issued, &["issuerAuth", "0"]) = eddsa, &Error::IssuerAuth(expected));
    // `alg` where nobody signs it.
    let unprotected = |issued: &mut Value| {
        *at(issued, &["issuerAuth", "0"]) = Value::Bytes(Vec::new());
        at(issued, &["issuerAuth", "1"]).as_map_mut().unwrap().push((Value::from(1), Value::from(-7)));
    };
    let expected = CoseError::Algorithm("(none in the protected header)".to_owned());
    check_issued(unprotected, &Error::IssuerAuth(expected));
    // Signed by somebody else, with the issuer's chain.
    let world = world("reader");
    let bytes = changed(&issued(&world), |issued| {
        let Value::Bytes(payload) = at(issued, &["issuerAuth", "2"]).clone() else { panic!("a payload") };
        let headers = Headers::default().x5chain(&world.chain);
        let auth = cose::sign1(&headers, Payload::Attached(&payload), b"", &world.holder).unwrap();
        *at(issued, &["issuerAuth"]) = auth.to_value().unwrap();
    });
    assert_eq!(refused(&world, &bytes), Error::IssuerAuth(CoseError::BadSignature));
}

/// A document signer of `country` and `purpose` under a root of `UT`, and an mdoc of it, bound to its own key.
fn by_another_signer(country: &str, purpose: Purpose, algorithm: Algorithm) -> (Certificate, Vec<u8>, SigningKey) {
    let entropy = Seeded::dangerous_new("signer");
    let subject = |name: &str, country: &str| Subject {
        common_name: name.to_owned(),
        organization: None,
        country: country.to_owned(),
    };
    let period = Period::days(after(-86_400), 30);
    let key = SigningKey::generate_p256(&entropy);
    let root =
        Authority::self_signed(&subject("Root", "UT"), key, period, "https://issuer.example/", &entropy).unwrap();
    let signer = SigningKey::generate(algorithm, &entropy);
    let request = Request {
        subject: subject("Signer", country),
        public_key: &signer.public_key(),
        period,
        purpose,
        dns_names: Vec::new(),
        uris: Vec::new(),
    };
    let chain = [root.issue(&request, &entropy).unwrap()];
    let (device_key, key_authorizations) = (signer.public_key(), KeyAuthorizations::default());
    let issuance = Issuance {
        doc_type: DOC_TYPE,
        device_key: &device_key,
        key_authorizations: &key_authorizations,
        validity: validity(),
        status: None,
    };
    let issuer = crate::sd_jwt::IssuerKey { signer: &signer, chain: &chain };
    let bytes = issue(&elements(), &issuance, issuer, &entropy).unwrap();
    (root.certificate().clone(), bytes, signer)
}

#[test]
fn signers() {
    let refused = |root: &Certificate, bytes: &[u8]| {
        Received::parse(bytes).unwrap().authenticate(from_ref(root), now()).map(|_| ())
    };
    let (root, good, _) = by_another_signer("UT", Purpose::DocumentSigner, Algorithm::Es256);
    refused(&root, &good).unwrap();
    let error = refused(&world("other").root, &good).unwrap_err();
    assert!(matches!(error, Error::Issuer(X509Error::NoAnchor { .. })), "{error}");
    let (root, bytes, _) = by_another_signer("UT", Purpose::Access, Algorithm::Es256);
    assert!(matches!(refused(&root, &bytes), Err(Error::Issuer(X509Error::WrongPurpose { .. }))));
    let (root, bytes, _) = by_another_signer("XX", Purpose::DocumentSigner, Algorithm::Es256);
    let expected = Error::SignerCountry { signer: "XX".to_owned(), authority: "UT".to_owned() };
    assert_eq!(refused(&root, &bytes).unwrap_err(), expected);
}

/// A chain that was verified before is as good as one that is verified now, and no better.
#[test]
fn remembered_chains() {
    let (world, other) = (world("chains"), by_another_signer("UT", Purpose::DocumentSigner, Algorithm::Es256));
    let mut chains = crate::ChainCache::new(4);
    let transcript = transcript();
    let session = Session { transcript: &transcript, reader_key: None };
    let response = present(&world, SOME);
    let mut verify = |response: &[u8], anchors: &[Certificate], at: Timestamp| {
        let document = DeviceResponse::parse(response).unwrap().only().unwrap();
        let (authentic, _) = document.authenticate_with(&mut chains, anchors, at, &session)?;
        Ok::<_, Error>(authentic.issuer().leaf.clone())
    };
    for _ in 0..2 {
        assert_eq!(verify(&response, &world.anchors(), now()).unwrap(), world.chain[0]);
        let strange = verify(&response, from_ref(&other.0), now()).unwrap_err();
        assert!(matches!(strange, Error::Issuer(X509Error::NoAnchor { .. })), "{strange}");
        let late = verify(&response, &world.anchors(), after(3600)).unwrap_err();
        assert_eq!(late, Error::Expired { at: after(3600) });
    }
    let tampered = changed(&response, |response| {
        let Value::Bytes(signature) = at(response, &["documents", "0", "issuerSigned", "issuerAuth", "3"]) else {
            panic!("a signature")
        };
        signature[5] ^= 1;
    });
    let error = verify(&tampered, &world.anchors(), now()).unwrap_err();
    assert_eq!(error, Error::IssuerAuth(CoseError::BadSignature));
    let received = Received::parse(&other.1).unwrap();
    assert!(received.authenticate_with(&mut chains, &world.anchors(), now()).is_err());
    let received = Received::parse(&other.1).unwrap();
    received.authenticate_with(&mut chains, from_ref(&other.0), now()).unwrap();
}

/// Issuers and devices with every algorithm of the project.
#[test]
fn every_algorithm() {
    let transcript = transcript();
    for algorithm in Algorithm::ALL {
        let (root, bytes, key) = by_another_signer("UT", Purpose::DocumentSigner, algorithm);
        let authentic = Received::parse(&bytes).unwrap().authenticate(from_ref(&root), now()).unwrap();
        let held = Held::keep(authentic.settle_without_status(now()).unwrap()).unwrap();
        let key = DeviceKey::Signs(&key);
        let response = held.present(SOME, &DataElements::new(), &transcript, key).unwrap();
        let session = Session { transcript: &transcript, reader_key: None };
        let document = DeviceResponse::parse(&response).unwrap().only().unwrap();
        document.authenticate(from_ref(&root), now(), &session).unwrap_or_else(|error| panic!("{algorithm}: {error}"));
    }
}

/// `issuing_country` is the signer's where it speaks of this mdoc, and nobody's concern where it speaks of another.
#[test]
fn issuing_country() {
    let world = world("country");
    let foreign = elements().with(MDL, "issuing_country", Value::from("XX"));
    let (device_key, key_authorizations) = (world.holder.public_key(), KeyAuthorizations::default());
    let issuance = Issuance {
        doc_type: DOC_TYPE,
        device_key: &device_key,
        key_authorizations: &key_authorizations,
        validity: validity(),
        status: None,
    };
    let bytes = issue(&foreign, &issuance, world.issuer(), &world.entropy).unwrap();
    let expected = Error::IssuingCountry { found: "XX".to_owned(), signer: "UT".to_owned() };
    assert_eq!(refused(&world, &bytes), expected);
    // In a namespace where the element is about another document it is no concern of the signer's.
    let other = elements().with(NAMESPACE, "issuing_country", Value::from("XX"));
    let bytes = issue(&other, &issuance, world.issuer(), &world.entropy).unwrap();
    receive(&world, &bytes).unwrap();
}

#[test]
fn mobile_security_object() {
    let part = "MobileSecurityObject";
    check_mso(|mso| put(mso, "version", Value::from("2.0")), &Error::Version { part, found: "2.0".to_owned() });
    let md5 = Error::DigestAlgorithm("MD5".to_owned());
    check_mso(|mso| put(mso, "digestAlgorithm", Value::from("MD5")), &md5);
    for name in ["version", "digestAlgorithm", "valueDigests", "deviceKeyInfo", "docType", "validityInfo"] {
        check_mso(|mso| remove(mso, name), &Error::Member(name));
    }
    let digests = Value::Map(vec![(Value::from(NAMESPACE), Value::Map(vec![(Value::from("0"), Value::Null)]))]);
    check_mso(|mso| put(mso, "valueDigests", digests), &Error::Member("valueDigests"));
    let no_key = |mso: &mut Value| put(at(mso, &["deviceKeyInfo"]), "deviceKey", Value::Map(Vec::new()));
    check_mso(no_key, &Error::DeviceKey(KeyError::Malformed));
    let authorizations = |mso: &mut Value| put(at(mso, &["deviceKeyInfo"]), "keyAuthorizations", Value::from(1));
    check_mso(authorizations, &Error::Member("keyAuthorizations"));
    let status = |mso: &mut Value| put(mso, "status", Value::Map(Vec::new()));
    check_mso(status, &Error::StatusReference(crate::status::Error::Reference));

    let world = world("reader");
    let payload = [cbor::encode(&Value::from(1)), cbor::encode(&Value::Map(Vec::new()))];
    for payload in payload {
        let bytes = changed(&issued(&world), |issued| *at(issued, &["issuerAuth"]) = signed(&world, &payload));
        assert_eq!(refused(&world, &bytes), Error::Member("MobileSecurityObjectBytes"));
    }
}

/// SHA-384 and SHA-512 are read; the algorithm of the digests is the one that was signed.
#[test]
fn digest_algorithms() {
    let world = world("digests");
    for hash in HashAlgorithm::ALL {
        let bytes = issued(&world);
        let signed = IssuerSigned::from_cbor(cbor::parse(&bytes).unwrap()).unwrap();
        let mut mso = signed.dangerous_mso().unwrap();
        mso.digest_algorithm = hash;
        let relabelled =
            changed(&bytes, |issued| *at(issued, &["issuerAuth"]) = super::signed(&world, &mso.to_payload()));
        if hash != HashAlgorithm::Sha256 {
            assert!(matches!(refused(&world, &relabelled), Error::DigestMismatch { .. }), "{hash}");
        }
        for (namespace, item) in signed.elements() {
            let digest = item_digest(hash, item.bytes.clone());
            mso.value_digests.get_mut(namespace).unwrap().insert(item.digest_id, digest);
        }
        let redone = changed(&bytes, |issued| *at(issued, &["issuerAuth"]) = super::signed(&world, &mso.to_payload()));
        receive(&world, &redone).unwrap();
    }
}

#[test]
fn validity_info() {
    let time = |name: &'static str, value: Value| move |mso: &mut Value| put(at(mso, &["validityInfo"]), name, value);
    check_mso(time("signed", tdate_of(after(61))), &Error::ValidityInfo("validFrom lies before signed"));
    let order = Error::ValidityInfo("validUntil does not lie after validFrom");
    check_mso(time("validUntil", tdate_of(after(-60))), &order);
    let outside = Error::ValidityInfo("signed outside of the validity of the signer's certificate");
    check_mso(time("signed", tdate_of(after(-86_400 * 31))), &outside);
    check_mso(time("validFrom", tdate_of(after(61))), &Error::NotYetValid { from: after(61) });
    check_mso(time("validUntil", tdate_of(after(-1))), &Error::Expired { at: after(-1) });
    let future = |mso: &mut Value| {
        for name in ["signed", "validFrom"] {
            put(at(mso, &["validityInfo"]), name, tdate_of(after(61)));
        }
    };
    check_mso(future, &Error::SignedInFuture { at: after(61) });

    for text in ["2026-11-23T09:30:00.5Z", "2026-11-23T09:30:00+00:00", "2026-11-23", "2026-13-23T09:30:00Z"] {
        let value = Value::Tag(0, Box::new(Value::from(text)));
        check_mso(time("validFrom", value), &Error::Member("validFrom"));
    }
    check_mso(time("signed", Value::from("2026-11-23T09:30:00Z")), &Error::Member("signed"));
    check_mso(time("expectedUpdate", Value::from(1)), &Error::Member("expectedUpdate"));
}

#[test]
fn device_responses() {
    let part = "DeviceResponse";
    check_response(
        |response| put(response, "version", Value::from("1.1")),
        &Error::Version { part, found: "1.1".to_owned() },
    );
    check_response(|response| put(response, "status", Value::from(12)), &Error::Status(12));
    check_response(|response| put(response, "status", Value::from(-1)), &Error::Member("status"));
    check_response(|response| remove(response, "status"), &Error::Member("status"));
    check_response(|response| remove(response, "documents"), &Error::NoDocument);
    let errors = |response: &mut Value| {
        remove(response, "documents");
        let error = Value::Map(vec![(Value::from(DOC_TYPE), Value::from(0))]);
        put(response, "documentErrors", Value::Array(vec![error]));
    };
    check_response(errors, &Error::NoDocument);
    check_response(|response| put(response, "documents", Value::Array(Vec::new())), &Error::Member("documents"));
    let many = |response: &mut Value| {
        let documents = at(response, &["documents"]).as_array_mut().unwrap();
        *documents = vec![documents[0].clone(); MAX_DOCUMENTS + 1];
    };
    check_response(many, &Error::Member("documents"));
    let document = |change: fn(&mut Value)| move |response: &mut Value| change(at(response, &["documents", "0"]));
    let other_type = document(|document| put(document, "docType", Value::from("org.iso.18013.5.1.mDL")));
    let expected = Error::DocType { document: "org.iso.18013.5.1.mDL".to_owned(), signed: DOC_TYPE.to_owned() };
    check_response(other_type, &expected);
    for name in ["docType", "issuerSigned", "deviceSigned"] {
        check_response(|response| remove(at(response, &["documents", "0"]), name), &Error::Member(name));
    }
}

#[test]
fn device_signed() {
    let device =
        |change: fn(&mut Value)| move |response: &mut Value| change(at(response, &["documents", "0", "deviceSigned"]));
    let bytes = |device: &mut Value| remove(device, "nameSpaces");
    check_response(device(bytes), &Error::Member("nameSpaces"));
    let no_item = |device: &mut Value| put(device, "nameSpaces", Value::Bytes(vec![0xa0]));
    check_response(device(no_item), &Error::Member("DeviceNameSpacesBytes"));
    let unknown = |device: &mut Value| put(device, "nameSpace", Value::Null);
    check_response(device(unknown), &Error::UnknownMember("nameSpace".to_owned()));
    check_response(device(|device| remove(device, "deviceAuth")), &Error::Member("deviceAuth"));
    check_response(device(|device| put(device, "deviceAuth", Value::Map(Vec::new()))), &Error::Member("deviceAuth"));
    let both = |device: &mut Value| {
        let signature = at(device, &["deviceAuth", "deviceSignature"]).clone();
        put(at(device, &["deviceAuth"]), "deviceMac", signature);
    };
    check_response(device(both), &Error::Member("deviceAuth"));
    let signature_as_mac = |device: &mut Value| {
        let signature = at(device, &["deviceAuth", "deviceSignature"]).clone();
        put(device, "deviceAuth", Value::Map(vec![(Value::from("deviceMac"), signature)]));
    };
    check_response(device(signature_as_mac), &Error::DeviceMac(CoseError::Algorithm("-7".to_owned())));
    let bit = |device: &mut Value| {
        let Value::Bytes(signature) = at(device, &["deviceAuth", "deviceSignature", "3"]) else { panic!("bytes") };
        signature[40] ^= 1;
    };
    check_response(device(bit), &Error::DeviceSignature(CoseError::BadSignature));
    let attached = |device: &mut Value| *at(device, &["deviceAuth", "deviceSignature", "2"]) = Value::Bytes(vec![1]);
    check_response(device(attached), &Error::DeviceSignature(CoseError::Attached));
    // Elements that were put in after the device signed.
    let added = |device: &mut Value| {
        let elements = DataElements::new().with(NAMESPACE, "nickname", Value::from("x"));
        put(device, "nameSpaces", cbor::embed(cbor::encode(&elements.to_cbor())));
    };
    check_response(device(added), &Error::DeviceSignature(CoseError::BadSignature));
}

#[test]
fn device_signed_elements_need_the_issuers_leave() {
    let world = world("leave");
    let with = |namespace: &str, element: &str| {
        let elements = DataElements::new().with(namespace, element, Value::from("x"));
        verify(&world, &answered(&world, &elements.to_cbor())).map(|_| ())
    };
    with(NAMESPACE, "nickname").unwrap();
    with("org.example.device.1", "whatever").unwrap();
    for (namespace, element) in [(NAMESPACE, "family_name"), ("org.example.device.2", "nickname"), (MDL, "nickname")] {
        let expected = Error::NotAuthorized { namespace: namespace.to_owned(), element: element.to_owned() };
        assert_eq!(with(namespace, element).unwrap_err(), expected);
    }
    let empty = Value::Map(vec![(Value::from("org.example.device.1"), Value::Map(Vec::new()))]);
    let error = verify(&world, &answered(&world, &empty)).map(|_| ()).unwrap_err();
    assert_eq!(error, Error::Member("DeviceNameSpaces"));
}

/// A response to another verifier, another request, another key to encrypt to, or over another channel.
#[test]
fn other_sessions() {
    let world = world("sessions");
    let response = present(&world, SOME);
    let key = world.signer.public_key();
    let check = |handover: Handover<'_>| {
        let transcript = SessionTranscript::new(&handover);
        let session = Session { transcript: &transcript, reader_key: None };
        let presentation = DeviceResponse::parse(&response).unwrap().only().unwrap();
        let error = presentation.authenticate(&world.anchors(), now(), &session).map(|_| ()).unwrap_err();
        assert_eq!(error, Error::DeviceSignature(CoseError::BadSignature), "{handover:?}");
    };
    let (client_id, nonce, response_uri) = ("x509_hash:verifier", "n-0S6_WzA2Mj", "https://verifier.example/response");
    check(Handover::OpenId4Vp { client_id: "x509_hash:other", nonce, encryption_key: None, response_uri });
    check(Handover::OpenId4Vp { client_id, nonce: "other", encryption_key: None, response_uri });
    check(Handover::OpenId4Vp { client_id, nonce, encryption_key: Some(&key), response_uri });
    check(Handover::OpenId4Vp { client_id, nonce, encryption_key: None, response_uri: "https://other.example/" });
    check(Handover::OpenId4VpDcApi { origin: client_id, nonce, encryption_key: None });
}

/// The holder of another mdoc answers with this one.
#[test]
fn another_device() {
    let world = world("device");
    let thief = SigningKey::generate_p256(&world.entropy);
    let message = transcript().device_authentication(DOC_TYPE, &[0xa0]);
    let signature = cose::sign1(&Headers::default(), Payload::Detached(&message), b"", &thief).unwrap();
    let response = changed(&present(&world, SOME), |response| {
        *at(response, &["documents", "0", "deviceSigned", "deviceAuth", "deviceSignature"]) =
            signature.to_value().unwrap();
    });
    let error = verify(&world, &response).map(|_| ()).unwrap_err();
    assert_eq!(error, Error::DeviceSignature(CoseError::BadSignature));
}
