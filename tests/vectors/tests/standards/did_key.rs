//! did:key and did:jwk: the identifiers and documents that their specifications publish.

use serde_json::{Value, json};
use warifu_keys::{Algorithm, Jwk};
use warifu_w3c::did::{Did, DidError, Documents, Relationship, jwk, key};

/// did:key specification 0.9, sections on Ed25519, P-256 and P-384 test vectors.
#[test]
fn published_identifiers() {
    for (text, algorithm) in [
        ("did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK", Algorithm::EdDsa),
        ("did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp", Algorithm::EdDsa),
        ("did:key:zDnaerDaTF5BXEavCrfRZEk316dpbLsfPDZ3WJ5hRTPFU2169", Algorithm::Es256),
        ("did:key:zDnaerx9CtbPJ1q36T5Ln5wYt3MQYeGRG5ehnPAmxcf5mDZpv", Algorithm::Es256),
        ("did:key:z82Lm1MpAkeJcix9K8TMiLd5NMAhnwkjjCBeWHXyu3U4oT2MVJJKXkcVBgjGhnLBn2Kaau9", Algorithm::Es384),
        ("did:key:z82LkvCwHNreneWpsgPEbV3gu1C6NFJEBg4srfJ5gdxEsMGRJUz2sG9FE42shbn2xkZJh54", Algorithm::Es384),
    ] {
        let did = Did::parse(text).unwrap();
        let found = key::key(&did).unwrap();
        assert_eq!(found.algorithm(), algorithm, "{text}");
        assert_eq!(key::from_key(&found), did);
        let method = format!("{text}#{}", did.id());
        for relationship in Relationship::ALL {
            assert_eq!(Documents::offline().key(&method, relationship).unwrap(), (did.clone(), found.clone()));
        }
    }
}

#[test]
fn a_fragment_names_the_same_key() {
    let one = "z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK";
    let other = "z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp";
    assert!(key::key_of_method(&format!("did:key:{one}#{one}")).is_ok());
    let crossed = format!("did:key:{one}#{other}");
    assert_eq!(key::key_of_method(&crossed), Err(DidError::NoSuchMethod(crossed.chars().take(80).collect())));
    let found = Documents::offline().key(&crossed, Relationship::AssertionMethod);
    assert!(matches!(found, Err(DidError::NoSuchMethod(_))));
    for bad in ["did:key:z6LSeu9HkTHSfLLeUs2nnzUSNedgDUevfNQgQjQC23ZCit6F", "did:key:zQ3sh", "did:key:f00"] {
        assert!(matches!(key::key(&Did::parse(bad).unwrap()), Err(DidError::Identifier { .. })), "{bad}");
    }
}

/// The P-256 example of the did:jwk specification.
#[test]
fn published_jwk_document() {
    let text = "did:jwk:eyJjcnYiOiJQLTI1NiIsImt0eSI6IkVDIiwieCI6ImFjYklRaXVNczNpOF91c3pFakoydHBUdFJNNEVVM3l6OTFQSDZDZEgy\
                VjAiLCJ5IjoiX0tjeUxqOXZXTXB0bm1LdG00NkdxRHo4d2Y3NEk1TEtncmwyR3pIM25TRSJ9";
    let public = json!({
        "crv": "P-256",
        "kty": "EC",
        "x": "acbIQiuMs3i8_uszEjJ2tpTtRM4EU3yz91PH6CdH2V0",
        "y": "_KcyLj9vWMptnmKtm46GqDz8wf74I5LKgrl2GzH3nSE",
    });
    let did = Did::parse(text).unwrap();
    let method = format!("{text}#0");
    let expected = json!({
        "@context": ["https://www.w3.org/ns/did/v1", "https://w3id.org/security/suites/jws-2020/v1"],
        "id": text,
        "verificationMethod": [{ "id": method, "type": "JsonWebKey2020", "controller": text, "publicKeyJwk": public }],
        "assertionMethod": [method],
        "authentication": [method],
        "capabilityInvocation": [method],
        "capabilityDelegation": [method],
        "keyAgreement": [method],
    });
    assert_eq!(Value::Object(jwk::resolve(&did).unwrap().members().clone()), expected);
    assert_eq!(jwk::from_key(&Jwk::from_value(&public).unwrap().public_key().unwrap()), did);
}

#[test]
fn a_jwk_identifier_holds_one_public_signing_key() {
    let of = |jwk: &Value| format!("did:jwk:{}", warifu_keys::base64url::encode(jwk.to_string().as_bytes()));
    let public = json!({ "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" });
    let with = |name: &str, value: &str| {
        let mut jwk = public.clone();
        jwk[name] = value.into();
        jwk::resolve(&Did::parse(&of(&jwk)).unwrap())
    };
    assert!(with("use", "sig").unwrap().members().get("keyAgreement").is_none());
    for (name, value) in [("use", "enc"), ("d", "AA"), ("crv", "X25519"), ("x", "AA")] {
        assert!(matches!(with(name, value), Err(DidError::Identifier { .. })), "{name}");
    }
    assert!(jwk::resolve(&Did::parse("did:jwk:bm90LWpzb24").unwrap()).is_err());
    assert!(jwk::resolve(&Did::parse("did:jwk:e31").unwrap()).is_err());
}
