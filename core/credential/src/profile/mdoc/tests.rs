use jiff::SignedDuration;
use serde_json::json;
use warifu_keys::Signer as _;
use warifu_schemas::{kyc, pid};

use super::*;
use crate::Verified;
use crate::example::{World, now, world};
use crate::face_template::{self, FaceTemplateClaim};
use crate::mdoc::{DeviceKey, DeviceResponse, DeviceSigned, Handover, Held, Received, Session, SessionTranscript};
use crate::selfie_reauth::{Assertion, Demand, Entry, Liveness, Policy, ReauthError, check_device_signed};

fn mint(world: &World, claims: &ProfileClaims) -> Held {
    let key = world.holder.public_key();
    let minting = Minting { vct: "", holder_key: &key, status: None, lifetime_days: 90, now: now() };
    let bytes = mint_mdoc(claims, &minting, world.issuer(), &world.entropy).unwrap();
    let authentic = Received::parse(&bytes).unwrap().authenticate(&world.anchors(), now()).unwrap();
    Held::keep(authentic.settle_without_status(now()).unwrap()).unwrap()
}

fn kyc_claims() -> ProfileClaims {
    crate::kyc::tests::identity().to_claims(now().to_zoned(jiff::tz::TimeZone::UTC).date()).unwrap()
}

fn date(text: &str) -> Value {
    Value::Tag(1004, Box::new(Value::from(text)))
}

/// The day is blurred to its start, but no mdoc is signed before its signer or outlives it.
#[test]
fn an_mdoc_keeps_within_its_signer() {
    let world = world("edges");
    let leaf = &world.chain[0];
    let (begins, ends) = (leaf.not_before().unwrap(), leaf.not_after().unwrap());
    let hour = SignedDuration::from_hours(1);
    let key = world.holder.public_key();
    for now in [begins.checked_add(hour).unwrap(), ends.checked_sub(hour).unwrap()] {
        let minting = Minting { vct: "", holder_key: &key, status: None, lifetime_days: 90, now };
        let bytes = mint_mdoc(&kyc_claims(), &minting, world.issuer(), &world.entropy).unwrap();
        let authentic = Received::parse(&bytes).unwrap().authenticate(&world.anchors(), now).unwrap();
        let held = Held::keep(authentic.settle_without_status(now).unwrap()).unwrap();
        let mso = held.mdoc().mso();
        assert!(mso.signed >= begins && mso.valid_until <= ends, "{mso:?}");
        assert!(mso.signed == begins || mso.valid_until == ends, "{mso:?}");
    }
}

#[test]
fn kyc_in_cbor() {
    let world = world("kyc mdoc");
    let held = mint(&world, &kyc_claims());
    assert_eq!(held.doc_type(), kyc::PROFILE.doctype);
    let element = |name: &str| held.mdoc().element(kyc::PROFILE.doctype, name).cloned();
    assert_eq!(element("family_name"), Some(Value::from("ERIKSSON")));
    assert_eq!(element("birth_date"), Some(date("1974-08-12")));
    assert_eq!(element("nationality"), Some(Value::Array(vec!["QU".into(), "SE".into()])));
    assert_eq!(element("sex"), Some(Value::from(2)));
    assert_eq!(element("portrait"), Some(Value::Bytes(vec![0xff, 0xd8, 0xff, 0xe0, 1, 2, 3])));
    assert_eq!(element("age_over_18"), Some(Value::Bool(true)));
    assert_eq!(element("age_over_65"), Some(Value::Bool(false)));
    let assurance = element("assurance").unwrap();
    let verified_at = warifu_keys::cbor::member(&assurance, "verified_at").unwrap();
    assert_eq!(*verified_at, Value::Tag(0, Box::new(Value::from("2026-11-23T09:00:00Z"))));
    // The country of the document that was checked, not of who signs here.
    assert_eq!(element("issuing_country"), Some(Value::from("QU")));
    let template = FaceTemplateClaim::of_mdoc(&held).unwrap().unwrap();
    assert_eq!(template.dimension(), 128);
    // As JSON the elements are the claims again, but for the picture's bytes.
    let claims = kyc_claims();
    assert_eq!(held.claims()[kyc::PROFILE.doctype]["assurance"], claims.values()["assurance"]);
    assert_eq!(held.claims()[kyc::PROFILE.doctype]["face_template"], claims.values()["face_template"]);
}

#[test]
fn pid_in_cbor() {
    let held = mint(&world("pid mdoc"), &{
        let person = crate::pid::tests::person();
        // The world's document signer is of `UT`, and a PID's issuing country is its issuer's.
        crate::pid::PidClaims { issuing_country: "UT".parse().unwrap(), ..person }.to_claims().unwrap()
    });
    let namespace = pid::PROFILE.doctype;
    assert_eq!(held.doc_type(), "eu.europa.ec.eudi.pid.1");
    let mut claims = held.claims()[namespace].clone();
    assert_eq!(claims["portrait"].take(), "_9j_4AECAw");
    assert_eq!(
        claims,
        json!({
            "family_name": "Mustermann", "given_name": "Erika", "birth_date": "1984-01-26",
            "place_of_birth": {"country": "DE", "locality": "Berlin"}, "nationality": ["DE", "QS"], "portrait": null,
            "resident_address": "Heidestraße 17, 51147 Köln", "resident_country": "DE", "resident_city": "Köln",
            "resident_postal_code": "51147", "resident_street": "Heidestraße",
            "personal_administrative_number": "123456782", "family_name_birth": "Gabler", "given_name_birth": "Erika",
            "sex": 5, "email_address": "erika@example.com", "mobile_phone_number": "+49123456789",
            "issuing_authority": "Sandbox", "issuing_country": "UT", "issuing_jurisdiction": "DE-BE",
            "issuance_date": "2026-11-01", "expiry_date": "2031-10-31", "document_number": "SB-1",
            "attestation_legal_category": "sandbox, not a PID",
        })
    );
    for name in ["birth_date", "issuance_date", "expiry_date"] {
        let value = held.mdoc().element(namespace, name).unwrap();
        assert!(matches!(value, Value::Tag(1004, _)), "{name}");
    }
    assert_eq!(held.mdoc().mso().key_authorizations, KeyAuthorizations::default());
}

#[test]
fn opting_out_of_the_portrait() {
    let row = pid::PROFILE.element("portrait").unwrap();
    assert_eq!(element_value(&pid::PROFILE, row, &json!("")), Some(Value::Bytes(Vec::new())));
}

#[test]
fn values_of_another_kind_are_refused() {
    let check = |element: &str, value: Json| {
        let row = kyc::PROFILE.element(element).unwrap();
        assert_eq!(element_value(&kyc::PROFILE, row, &value), None, "{element} {value}");
    };
    check("family_name", json!(1));
    check("birth_date", json!("1974-8-12"));
    check("birth_date", json!("1974-08-12T00:00:00Z"));
    check("sex", json!("2"));
    check("sex", json!(-1));
    check("age_over_18", json!("true"));
    check("nationality", json!("SE"));
    check("nationality", json!([1]));
    check("portrait", json!("data:image/png;base64,AAAA"));
    check("portrait", json!("data:image/jpeg;base64,*"));
    check("place_of_birth", json!({"planet": "Earth"}));
    check("assurance", json!({"verified_at": "yesterday"}));
    check("face_template", json!({"scale": 0.5}));
    let values = Map::from_iter([("sex".to_owned(), json!("f"))]);
    assert!(matches!(ProfileClaims::new(&kyc::PROFILE, values).to_mdoc(), Err(Error::Claim("sex"))));
}

fn demand() -> Entry {
    Entry::new(&Demand {
        credential_ids: vec!["kyc".to_owned()],
        purpose: "login".to_owned(),
        max_age: 60,
        liveness: Liveness::Passive,
        operating_point: "fmr-1e-3".to_owned(),
    })
    .unwrap()
}

/// The selfie protocol of DESIGN over an mdoc: the answer is device-signed, the template stays withheld.
#[test]
fn selfie_reauth_with_an_mdoc() {
    let world = world("selfie mdoc");
    let held = mint(&world, &kyc_claims());
    let namespace = kyc::PROFILE.doctype;
    let entry = demand();
    let model = FaceTemplateClaim::of_mdoc(&held).unwrap().unwrap().model().clone();
    let assertion = Assertion {
        matched_at: now(),
        model: model.clone(),
        operating_point: "fmr-1e-3".to_owned(),
        liveness: Liveness::Passive,
        template_digest: face_template::mdoc_template_digest(&held).unwrap(),
    };
    let transcript = SessionTranscript::new(&Handover::OpenId4VpDcApi {
        origin: "https://verifier.example",
        nonce: "n-0S6_WzA2Mj",
        encryption_key: None,
    });
    let answer = |elements: &[(&str, &str)], said: &DataElements| -> (Verified, DeviceSigned) {
        let response = held.present(elements, said, &transcript, DeviceKey::Signs(&world.holder)).unwrap();
        let session = Session { transcript: &transcript, reader_key: None };
        let document = DeviceResponse::parse(&response).unwrap().only().unwrap();
        let (authentic, device) = document.authenticate(&world.anchors(), now(), &session).unwrap();
        (authentic.settle_without_status(now()).unwrap(), device)
    };
    let policy = Policy { allowed_models: vec![model], max_age: SignedDuration::from_secs(60) };
    let said = assertion.device_elements(&[entry.encoded()]);
    let (verified, device) = answer(&[(namespace, "age_over_18")], &said);
    let facts = check_device_signed(&entry, &device, &verified, &policy, now()).unwrap();
    assert_eq!(facts.matched_at, now());

    let refused = |said: &DataElements, elements: &[(&str, &str)], expected: ReauthError| {
        let (verified, device) = answer(elements, said);
        assert_eq!(check_device_signed(&entry, &device, &verified, &policy, now()).unwrap_err(), expected);
    };
    refused(&DataElements::new(), &[], ReauthError::NotCovered);
    refused(&assertion.device_elements(&["other"]), &[], ReauthError::NotCovered);
    refused(&said, &[(namespace, "face_template")], ReauthError::TemplateDisclosed);
    let other = Assertion { template_digest: "AAAA".to_owned(), ..assertion.clone() };
    refused(&other.device_elements(&[entry.encoded()]), &[], ReauthError::OtherTemplate);
    let early = now().checked_sub(SignedDuration::from_secs(61)).unwrap();
    let old = Assertion { matched_at: early, ..assertion.clone() };
    refused(&old.device_elements(&[entry.encoded()]), &[], ReauthError::TooOld { at: early });
    let soon = now().checked_add(SignedDuration::from_secs(61)).unwrap();
    let future = Assertion { matched_at: soon, ..assertion };
    refused(&future.device_elements(&[entry.encoded()]), &[], ReauthError::InFuture { at: soon });
    // Said in the presentation of another copy.
    let copy = mint(&world, &kyc_claims());
    let response = copy.present(&[], &said, &transcript, DeviceKey::Signs(&world.holder)).unwrap();
    let document = DeviceResponse::parse(&response).unwrap().only().unwrap();
    let session = Session { transcript: &transcript, reader_key: None };
    let (_, other) = document.authenticate(&world.anchors(), now(), &session).unwrap();
    let error = check_device_signed(&entry, &other, &verified, &policy, now()).unwrap_err();
    assert_eq!(error, ReauthError::OtherPresentation);
}
