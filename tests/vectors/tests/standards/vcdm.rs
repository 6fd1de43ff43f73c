//! W3C VCDM 2.0: the `kyc` attributes as a verifiable credential, secured in every way, with the context that is built
//! from the same table as all other encodings.

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use warifu_keys::entropy::Seeded;
use warifu_keys::{Algorithm, HashAlgorithm, Signer as _, SigningKey};
use warifu_schemas::{json_ld, kyc};
use warifu_w3c::attestation::{Minting, Securing, credential, mint};
use warifu_w3c::bitstring_status_list::{Bitstring, Entry, Listing, Purpose, credential as list_credential, status};
use warifu_w3c::context::Contexts;
use warifu_w3c::credential::Credential;
use warifu_w3c::data_integrity::Cryptosuite;
use warifu_w3c::did::{Documents, key};
use warifu_w3c::jose;
use warifu_w3c::verify::Verifier;

const CONTEXT: &str = "https://issuer.example/contexts/kyc-identity/1";
const LIST: &str = "https://issuer.example/bitstring/1";

fn now() -> Timestamp {
    "2026-11-23T09:12:34Z".parse().unwrap()
}

/// Claims as the `kyc` profile has them.
fn claims() -> Map<String, Value> {
    let value = json!({
        "family_name": "ERIKSSON",
        "given_name": "ANNA MARIA",
        "birthdate": "1974-08-12",
        "nationalities": ["SE", "QU"],
        "sex": 2,
        "place_of_birth": { "country": "SE", "region": "X", "locality": "ZENITH" },
        "picture": "data:image/jpeg;base64,/9j/4AECAw==",
        "issuing_country": "QU",
        "issuing_authority": "PASSPORT OFFICE",
        "date_of_issuance": "2022-04-15",
        "date_of_expiry": "2032-04-15",
        "document_number": "L898902C3",
        "age_equal_or_over": { "16": true, "18": true, "21": true, "65": false },
        "assurance": {
            "level": "substantial",
            "verified_at": "2026-11-23T09:00:00Z",
            "method": "document",
            "checks": ["document.mrz", "face.match"],
        },
        "attestation_legal_category": kyc::LEGAL_CATEGORY,
        "face_template": { "model": "sface@sha256-AA", "value": "AA" },
    });
    value.as_object().unwrap().clone()
}

fn contexts() -> Contexts {
    let context = json_ld::context(&kyc::PROFILE, CONTEXT, json_ld::KYC_TYPE);
    Contexts::builtin().with(CONTEXT, &context.to_string()).unwrap()
}

fn minting<'a>(issuer: &'a str, status: &'a Entry) -> Minting<'a> {
    Minting {
        issuer,
        holder: "did:example:holder",
        context: CONTEXT,
        credential_type: json_ld::KYC_TYPE,
        now: now(),
        lifetime_days: 90,
        status: Some(status),
    }
}

#[test]
fn every_attribute_is_signed_and_the_template_stays_out() {
    let entry = Entry::new(Purpose::Revocation, 7, LIST);
    let attestation = credential(&claims(), &minting("did:example:issuer", &entry)).unwrap();
    let text = contexts().canonical(attestation.members(), HashAlgorithm::Sha256).unwrap();
    for (name, value) in claims() {
        let term = format!("<{CONTEXT}#{name}>");
        assert_eq!(text.contains(&term), name != "face_template", "{name} {value}\n{text}");
    }
    for line in [
        format!("<did:example:holder> <{CONTEXT}#birthdate> \"1974-08-12\"^^<http://www.w3.org/2001/XMLSchema#date> ."),
        format!("<did:example:holder> <{CONTEXT}#sex> \"2\"^^<http://www.w3.org/2001/XMLSchema#integer> ."),
        format!("<did:example:holder> <{CONTEXT}#nationalities> \"SE\" ."),
        format!("<did:example:holder> <{CONTEXT}#picture> <data:image/jpeg;base64,/9j/4AECAw==> ."),
    ] {
        assert!(text.contains(&line), "{line}\n{text}");
    }
    for part in ["age_equal_or_over-65", "assurance-checks", "place_of_birth-locality"] {
        assert!(text.contains(&format!("<{CONTEXT}#{part}>")), "{part}\n{text}");
    }
    assert!(!text.contains("sface"));
    let members = attestation.members();
    assert_eq!(members["validFrom"], "2026-11-23T00:00:00Z");
    assert_eq!(members["validUntil"], "2027-02-21T00:00:00Z");
    assert_eq!(members["credentialStatus"]["statusListIndex"], "7");
}

#[test]
fn minted_verified_and_revoked() {
    let contexts = contexts();
    let documents = Documents::offline();
    let verifier = Verifier { documents: &documents, contexts: &contexts, now: now() };
    let entry = Entry::new(Purpose::Revocation, 7, LIST);
    for (securing, algorithm) in [
        (Securing::DataIntegrity(Cryptosuite::EcdsaRdfc2019), Algorithm::Es256),
        (Securing::DataIntegrity(Cryptosuite::EcdsaRdfc2019), Algorithm::Es384),
        (Securing::DataIntegrity(Cryptosuite::EcdsaJcs2019), Algorithm::Es256),
        (Securing::DataIntegrity(Cryptosuite::EddsaRdfc2022), Algorithm::EdDsa),
        (Securing::DataIntegrity(Cryptosuite::EddsaJcs2022), Algorithm::EdDsa),
        (Securing::Jose, Algorithm::Es256),
        (Securing::Jose, Algorithm::EdDsa),
    ] {
        let signer = SigningKey::generate(algorithm, &Seeded::dangerous_new("w3c"));
        let issuer = key::from_key(&signer.public_key()).to_string();
        let method = key::method(&signer.public_key());
        let text = mint(&claims(), &minting(&issuer, &entry), securing, &method, &signer, &contexts).unwrap();
        let verified = verifier.credential(&text).unwrap();
        let attested = verified.credential();
        assert_eq!(attested.subjects()[0]["family_name"], "ERIKSSON");
        let entry = Entry::parse(attested.statuses()[0]).unwrap();

        for (value, good) in [(0, true), (1, false)] {
            let mut list = Bitstring::new(0, 1).unwrap();
            list.set(7, value).unwrap();
            let listing = Listing {
                url: LIST,
                issuer: &issuer,
                purpose: Purpose::Revocation,
                valid_from: now(),
                valid_until: now() + jiff::SignedDuration::from_hours(1),
            };
            let list = Credential::from_members(list_credential(&listing, &list).unwrap()).unwrap();
            let list = verifier.credential(&jose::sign_credential(&list, &method, &signer).unwrap()).unwrap();
            assert_eq!(status(&entry, attested.issuer(), &list).unwrap().is_good(), good, "{securing:?}");
        }
    }
}

/// A claim that the context does not define can not be signed as RDF.
#[test]
fn a_claim_without_a_term_is_refused() {
    let signer = SigningKey::generate_p256(&Seeded::dangerous_new("w3c"));
    let issuer = key::from_key(&signer.public_key()).to_string();
    let method = key::method(&signer.public_key());
    let entry = Entry::new(Purpose::Revocation, 7, LIST);
    let mut claims = claims();
    claims.insert("shoe_size".to_owned(), 43.into());
    let securing = Securing::DataIntegrity(Cryptosuite::EcdsaRdfc2019);
    assert!(mint(&claims, &minting(&issuer, &entry), securing, &method, &signer, &contexts()).is_err());
}
