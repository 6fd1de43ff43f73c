//! Data Integrity EdDSA Cryptosuites 1.0: the test vectors of `eddsa-rdfc-2022` and `eddsa-jcs-2022`.

use serde_json::{Value, json};
use warifu_keys::{Algorithm, SigningKey};
use warifu_vectors::{vector, vector_text};
use warifu_w3c::data_integrity::{Cryptosuite, Options, sign};
use warifu_w3c::did::Relationship;
use warifu_w3c::multikey;

use crate::vc_di::{check, contexts, credential, hash_data, object, private_jwk};

const KEY: &str = "z6MkrJVnaZkeFzdQyMZu1cgjg7k1pZZ6pvBQ7XJPt4swbTQ2";

fn file(name: &str) -> Option<Value> {
    Some(serde_json::from_slice(&vector("vc_di_eddsa", &format!("vc_di_eddsa/{name}"))?).unwrap())
}

#[test]
fn rdfc_hashes_and_signature() {
    let (Some(signed), Some(pair)) = (file("signedDataInt.json"), file("keyPair.json")) else { return };
    let signed = object(signed);
    let mut unsigned = signed.clone();
    unsigned.remove("proof");
    assert_eq!(unsigned, credential());
    let text = |name: &str| vector_text("rdfc", &format!("vc_di_eddsa/{name}")).unwrap().trim().to_owned();
    let expected = text("proofHashDataInt.txt") + &text("docHashDataInt.txt");
    assert_eq!(hash_data(Cryptosuite::EddsaRdfc2022, Algorithm::EdDsa, &signed), expected);
    check(&signed, Cryptosuite::EddsaRdfc2022);

    // Ed25519 has one signature per key and message, so ours is the published one.
    let public = multikey::decode(pair["publicKeyMultibase"].as_str().unwrap()).unwrap();
    let private = private_jwk(pair["privateKeyMultibase"].as_str().unwrap(), &public.to_jwk().to_value());
    let key = SigningKey::from_private_jwk(&private).unwrap();
    let created = "2023-02-24T23:36:38Z".parse().unwrap();
    let method = format!("did:key:{KEY}#{KEY}");
    let options = Options::new(Cryptosuite::EddsaRdfc2022, &method, Relationship::AssertionMethod, created);
    assert_eq!(sign(&credential(), &options, &key, &contexts()).unwrap(), signed);
}

/// The values of appendix B.2 of the standard.
#[test]
fn jcs_hashes_and_signature() {
    let mut signed = credential();
    let proof = json!({
        "type": "DataIntegrityProof",
        "cryptosuite": "eddsa-jcs-2022",
        "created": "2023-02-24T23:36:38Z",
        "verificationMethod": format!("did:key:{KEY}#{KEY}"),
        "proofPurpose": "assertionMethod",
        "@context": signed["@context"],
        "proofValue": "z2HnFSSPPBzR36zdDgK8PbEHeXbR56YF24jwMpt3R1eHXQzJDMWS93FCzpvJpwTWd3GAVFuUfjoJdcnTMuVor51aX",
    });
    signed.insert("proof".to_owned(), proof);
    let expected = "66ab154f5c2890a140cb8388a22a160454f80575f6eae09e5a097cabe539a1db\
                    59b7cb6251b8991add1ce0bc83107e3db9dbbab5bd2c28f687db1a03abc92f19";
    assert_eq!(hash_data(Cryptosuite::EddsaJcs2022, Algorithm::EdDsa, &signed), expected);
    check(&signed, Cryptosuite::EddsaJcs2022);
}
