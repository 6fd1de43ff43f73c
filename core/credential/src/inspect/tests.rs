use proptest::prelude::*;
use serde_json::json;
use warifu_keys::Signer as _;
use warifu_keys::cbor::Value as Cbor;

use super::*;
use crate::example::{after, list_uri, now, token_claims, world};
use crate::mdoc::{self, DataElements, Issuance, KeyAuthorizations, Validity};
use crate::sd_jwt::{Claims, Registered, issue};
use crate::status::{Bits, StatusList, StatusReference};

fn credential() -> String {
    let world = world("inspect");
    let status = StatusReference { uri: list_uri(), idx: 7 };
    let claims = json!({ "name": "Anna", "place": { "town": "Zenith" }, "tags": ["a", "b"] });
    let Value::Object(claims) = claims else { unreachable!() };
    let registered = Registered {
        vct: "urn:example",
        issuer: None,
        issued_at: Some(now()),
        not_before: None,
        expires: None,
        holder_key: None,
        status: Some(&status),
    };
    let claims = Claims::new(claims).selective_throughout();
    issue(&claims, &registered, world.issuer(), &world.entropy).unwrap()
}

#[test]
fn every_disclosure_has_its_place() {
    let report = inspect(credential().as_bytes()).unwrap();
    assert_eq!(report["format"], "dc+sd-jwt");
    assert_eq!(report["type"], "urn:example");
    assert_eq!(report["header"]["alg"], "ES256");
    assert!(report["header"]["x5c"][0]["subject"].as_str().unwrap().contains("CN="));
    assert_eq!(report["validity"], json!({ "iat": now().to_string() }));
    assert_eq!(report["status"]["status_list"]["idx"], 7);
    assert_eq!(report["digests_without_disclosure"], 0);
    let mut paths: Vec<String> =
        report["disclosures"].as_array().unwrap().iter().map(|one| one["path"].to_string()).collect();
    paths.sort();
    assert_eq!(
        paths,
        [r#"["name"]"#, r#"["place","town"]"#, r#"["place"]"#, r#"["tags",0]"#, r#"["tags",1]"#, r#"["tags"]"#]
    );
    assert!(report.get("problems").is_none(), "{report}");
}

#[test]
fn what_does_not_fit_is_named() {
    let text = credential();
    let problems = |text: &str| inspect(text.as_bytes()).unwrap()["problems"].clone();
    let (jws, rest) = text.split_once('~').unwrap();
    let foreign = format!("{jws}~WyJzYWx0IiwiYSIsMV0~");
    assert!(problems(&foreign)[0].as_str().unwrap().contains("has no digest"), "{}", problems(&foreign));
    assert!(problems(&format!("{jws}~AAAA~"))[0].as_str().unwrap().contains("disclosure 0"));
    assert!(problems(&format!("x~{rest}"))[0].as_str().unwrap().contains("no JWS"));
    assert!(problems(&format!("{text}x"))[0].as_str().unwrap().contains("no JWS"));
    assert_eq!(inspect(b"hello"), Err(Error::Unknown));
    assert_eq!(inspect(&vec![b'a'; MAX_BYTES + 1]), Err(Error::TooLarge(MAX_BYTES + 1)));
}

#[test]
fn an_mdoc_is_taken_apart_in_every_spelling() {
    let world = world("inspect");
    let elements = DataElements::new().with("org.example.1", "name", "Anna".into());
    let elements = elements.with("org.example.1", "portrait", Cbor::Bytes(vec![0xff; 100]));
    let issuance = Issuance {
        doc_type: "org.example.1",
        device_key: &world.holder.public_key(),
        key_authorizations: &KeyAuthorizations::default(),
        validity: Validity { signed: now(), valid_from: now(), valid_until: after(3600), expected_update: None },
        status: None,
    };
    let bytes = mdoc::issue(&elements, &issuance, world.issuer(), &world.entropy).unwrap();
    let report = inspect(&bytes).unwrap();
    assert_eq!((&report["format"], &report["structure"]), (&json!("mso_mdoc"), &json!("IssuerSigned")));
    let document = &report["documents"][0];
    assert_eq!(document["doc_type"], "org.example.1");
    assert_eq!(document["header"]["alg"], "ES256");
    assert_eq!(document["validity"]["validUntil"], "2026-11-23T10:30:00Z");
    assert_eq!(document["digests_without_element"], 0);
    let shown = document["elements"].as_array().unwrap();
    let value = |name: &str| &shown.iter().find(|one| one["element"] == name).unwrap()["value"];
    assert_eq!(value("name"), "Anna");
    assert_eq!(value("portrait"), &json!(format!("h'{}…' (100 bytes)", "ff".repeat(32))));
    assert!(shown.iter().all(|one| one["digest_fits"] == true) && report.get("problems").is_none(), "{report}");

    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(inspect(hex.as_bytes()).unwrap(), report);
    assert_eq!(inspect(base64url::encode(&bytes).as_bytes()).unwrap(), report);

    // The name changed: the digest no longer fits, and that is said.
    let at = bytes.windows(4).position(|window| window == b"Anna").unwrap();
    let mut changed = bytes;
    changed[at] = b'E';
    let report = inspect(&changed).unwrap();
    assert!(report["problems"][0].as_str().unwrap().contains("not what the issuer signed"), "{report}");
}

#[test]
fn json_forms_are_taken_apart() {
    let document = json!({
        "@context": ["https://www.w3.org/ns/credentials/v2"],
        "type": ["VerifiableCredential"],
        "issuer": "did:example:i",
        "validFrom": "2026-01-01T00:00:00Z",
        "credentialSubject": { "id": "did:example:s" },
        "proof": { "type": "DataIntegrityProof", "cryptosuite": "ecdsa-jcs-2019" },
    });
    let report = inspect(document.to_string().as_bytes()).unwrap();
    assert_eq!((&report["format"], &report["issuer"]), (&json!("ldp_vc"), &json!("did:example:i")));
    assert_eq!(report["validity"], json!({ "validFrom": "2026-01-01T00:00:00Z" }));
    assert_eq!(report["proof"]["cryptosuite"], "ecdsa-jcs-2019");

    let text = credential();
    let (jwt, rest) = text.split_once('~').unwrap();
    let parts: Vec<&str> = jwt.split('.').collect();
    let disclosures: Vec<&str> = rest.split('~').filter(|part| !part.is_empty()).collect();
    let general = json!({
        "payload": parts[1],
        "protected": parts[0],
        "signature": parts[2],
        "header": { "disclosures": disclosures },
    });
    assert_eq!(inspect(general.to_string().as_bytes()).unwrap(), inspect(text.as_bytes()).unwrap());
    assert_eq!(inspect(b"{}"), Err(Error::Unknown));
}

#[test]
fn a_status_list_in_cbor_is_taken_apart() {
    let world = world("inspect");
    let list = StatusList::new(Bits::One, 100).unwrap();
    let token = list.sign_cwt(&token_claims(&list_uri()), &world.chain, &world.signer).unwrap();
    let report = inspect(&token).unwrap();
    assert_eq!((&report["format"], &report["sub"]), (&json!("CWT"), &json!(list_uri().as_str())));
    assert_eq!(report["status_list"]["bits"], 1);
    assert!(report["header"]["x5chain"][0]["subject"].is_string(), "{report}");
}

#[test]
fn digests_that_occur_twice_do_not_lead_in_circles() {
    let text = credential();
    let (jws, rest) = text.split_once('~').unwrap();
    let first = rest.split('~').next().unwrap();
    assert!(inspect(format!("{jws}~{first}~{first}~").as_bytes()).is_ok());
}

proptest! {
    #[test]
    fn never_panics(bytes in prop::collection::vec(any::<u8>(), 0..200), at in 0..4000_usize, byte in any::<u8>()) {
        let _ = inspect(&bytes);
        let mut mutated = credential().into_bytes();
        let at = at % mutated.len();
        mutated[at] = byte;
        let _ = inspect(&mutated);
    }
}
