//! What the test vectors of the two families of cryptosuites have in common: one credential, one proof of it, and every
//! value on the way.

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use warifu_keys::{Algorithm, base64url};
use warifu_w3c::context::{CREDENTIALS_V2, Contexts};
use warifu_w3c::data_integrity::{Cryptosuite, Expected, Proof, ProofError, verify};
use warifu_w3c::did::{Documents, Relationship};

/// The context that the vectors use beside that of the standard: every other term is in one vocabulary.
pub(crate) const EXAMPLES: &str = "https://www.w3.org/ns/credentials/examples/v2";
/// As published beside the vectors (`credentials-examples-v2.json`).
const EXAMPLES_TEXT: &str = r#"{"@context": {"@vocab": "https://www.w3.org/ns/credentials/examples#"}}"#;

pub(crate) fn contexts() -> Contexts {
    Contexts::builtin().with(EXAMPLES, EXAMPLES_TEXT).unwrap()
}

/// The credential that all vectors sign.
pub(crate) fn credential() -> Map<String, Value> {
    let value = json!({
        "@context": [CREDENTIALS_V2, EXAMPLES],
        "id": "urn:uuid:58172aac-d8ba-11ed-83dd-0b3aef56cc33",
        "type": ["VerifiableCredential", "AlumniCredential"],
        "name": "Alumni Credential",
        "description": "A minimum viable example of an Alumni Credential.",
        "issuer": "https://vc.example/issuers/5678",
        "validFrom": "2023-01-01T00:00:00Z",
        "credentialSubject": { "id": "did:example:abcdefgh", "alumniOf": "The School of Examples" },
    });
    object(value)
}

pub(crate) fn object(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The hash data of a signed document: proof configuration first, document second.
pub(crate) fn hash_data(suite: Cryptosuite, algorithm: Algorithm, signed: &Map<String, Value>) -> String {
    let mut document = signed.clone();
    let mut configuration = object(document.remove("proof").unwrap());
    configuration.remove("proofValue");
    configuration.insert("@context".to_owned(), document["@context"].clone());
    hex(&suite.hash_data(&document, &configuration, algorithm, &contexts()).unwrap())
}

/// Verifies as it is, and no more once any word of it is changed.
#[track_caller]
pub(crate) fn check(signed: &Map<String, Value>, suite: Cryptosuite) {
    let now: Timestamp = "2023-03-01T00:00:00Z".parse().unwrap();
    let expected = Expected { purpose: Relationship::AssertionMethod, challenge: None, domain: None, now };
    let verify = |document: &Map<String, Value>| -> Result<Vec<Proof>, ProofError> {
        verify(document, &expected, &Documents::offline(), &contexts())
    };
    assert_eq!(verify(signed).unwrap()[0].suite(), suite);
    for change in [
        &(|value: &mut Value| value["credentialSubject"]["alumniOf"] = "The School of Life".into())
            as &dyn Fn(&mut Value),
        &|value| value["issuer"] = "https://vc.example/issuers/5679".into(),
        &|value| value["proof"]["created"] = "2023-02-24T23:36:39Z".into(),
        &|value| value["type"] = json!(["VerifiableCredential"]),
    ] {
        let mut value = Value::Object(signed.clone());
        change(&mut value);
        assert!(matches!(verify(&object(value)), Err(ProofError::Signature)));
    }
    let mut undefined = Value::Object(signed.clone());
    undefined["@context"] = json!([CREDENTIALS_V2]);
    assert!(verify(&object(undefined)).is_err());
}

/// A private JWK from the secret scalar or seed of the vectors' key pairs (multibase, two bytes of multicodec).
pub(crate) fn private_jwk(secret: &str, public: &Value) -> String {
    let bytes = warifu_w3c::multikey::from_base58(secret).unwrap();
    let mut jwk = public.clone();
    jwk["d"] = base64url::encode(&bytes[2..]).into();
    jwk.to_string()
}
