//! The registration certificate goes with every request, and nothing beyond it is asked.

use std::time::Duration;

use serde_json::{Value, json};
use warifu_keys::jws::{self, Header};
use warifu_keys::x509::Purpose;
use warifu_openid4vc::vp::purpose::Purpose as AskedFor;
use warifu_openid4vc::vp::registration::{ReceivedRegistration, TYP, check_registered};
use warifu_verifier::http::Rates;
use warifu_verifier::identity::OwnRegistration;

use crate::world::{World, authority, leaf, policy};

const VCT: &str = "https://issuer.example/vct/kyc-identity/1";

/// What a registrar says: all of the built-in policies but the age.
fn registered(claims: &[&[&str]]) -> Value {
    let claim: Vec<Value> = claims.iter().map(|path| json!({ "path": path })).collect();
    let elements: Vec<Value> = ["given_name", "family_name", "birth_date", "age_over_18"]
        .iter()
        .map(|name| json!({ "path": ["org.warifu.kyc.1", name] }))
        .collect();
    json!([
        { "format": "dc+sd-jwt", "meta": { "vct_values": [VCT] }, "claim": claim },
        { "format": "mso_mdoc", "meta": { "doctype_value": "org.warifu.kyc.1" }, "claim": elements },
    ])
}

const ALL: &[&[&str]] = &[&["given_name"], &["family_name"], &["birthdate"], &["age_equal_or_over"]];

#[tokio::test]
async fn it_goes_with_every_request_and_bounds_it() {
    let entropy = warifu_keys::entropy::Seeded::dangerous_new("registrar");
    let start: jiff::Timestamp = "2026-11-22T00:00:00Z".parse().unwrap();
    let root = authority(&entropy, "Registrar", start);
    let registrar = leaf(&root, &entropy, "Registrar", Purpose::Registrar, start);
    let expires: jiff::Timestamp = "2026-11-23T09:40:00Z".parse().unwrap();
    let certificate = |credentials: Value| {
        let claims = json!({
            "sub": "VATES-1", "name": "Bank B", "iat": start.as_second(), "exp": expires.as_second(),
            "entitlements": ["https://uri.etsi.org/19475/Entitlement/Service_Provider"], "credentials": credentials,
        });
        jws::sign_claims(Header::typ(TYP).x5c(&registrar.chain), claims.as_object().unwrap(), &registrar.key).unwrap()
    };
    let jwt = certificate(registered(ALL));
    let own = OwnRegistration::parse(&format!("{jwt}\n")).unwrap();
    let world = World::configured("registered", Rates::SANDBOX, |config| {
        config.identity.registration = Some(own);
    })
    .await;
    for name in ["identity", "of-age"] {
        let (_, link) = world.ask(policy(name)).await;
        let request = world.open(&link).await;
        let info = request.object().verifier_info.clone().unwrap();
        assert!(AskedFor::from_verifier_info(&info).unwrap().is_some(), "beside the purpose");
        let mut found = ReceivedRegistration::from_verifier_info(&info).unwrap();
        let read = found.remove(0).authenticate(std::slice::from_ref(root.certificate()), world.now()).unwrap();
        check_registered(&[read], request.query()).unwrap();
    }

    let query = |credential: Value| json!({"dcql_query": {"credentials": [credential]}});
    let sd_jwt = |path: Value| json!({"id": "a", "format": "dc+sd-jwt", "meta": {"vct_values": [VCT]}, "claims": [{"path": path}]});
    world.ask(query(sd_jwt(json!(["age_equal_or_over", "21"])))).await;
    let mut whole = sd_jwt(json!(["x"]));
    whole.as_object_mut().unwrap().remove("claims");
    let mut other = sd_jwt(json!(["given_name"]));
    other["meta"]["vct_values"] = json!([VCT, "urn:other"]);
    for (body, said) in [
        (query(sd_jwt(json!(["document_number"]))), "document_number"),
        (query(whole), "as a whole"),
        (query(other), "type"),
    ] {
        let refused = world.post("v1/requests", &body).await;
        assert_eq!((refused.status, &refused.json()["code"]), (400, &json!("not_registered")), "{body}");
        assert!(refused.json()["detail"].as_str().unwrap().contains(said), "{}", refused.text);
    }

    // Its time ends: no wallet would take it any more.
    world.hands.step(Duration::from_secs(600));
    let refused = world.post("v1/requests", &policy("identity")).await;
    assert_eq!((refused.status, &refused.json()["code"]), (409, &json!("registration_expired")));
}

/// A policy beyond the certificate does not even start.
#[test]
fn a_certificate_is_read_strictly() {
    let key = warifu_keys::SigningKey::generate_p256(&warifu_keys::entropy::Seeded::dangerous_new("read"));
    let sign =
        |typ: &str, claims: Value| jws::sign_claims(Header::typ(typ), claims.as_object().unwrap(), &key).unwrap();
    let claims = json!({
        "sub": "VATES-1", "name": "Bank B", "iat": 1_795_000_000, "entitlements": ["x"], "credentials": registered(ALL),
    });
    assert!(OwnRegistration::parse(&sign(TYP, claims.clone())).is_ok());
    assert!(OwnRegistration::parse(&sign("JWT", claims.clone())).is_err());
    for name in ["sub", "name", "iat", "entitlements", "credentials"] {
        let mut without = claims.clone();
        without.as_object_mut().unwrap().remove(name);
        assert!(OwnRegistration::parse(&sign(TYP, without)).is_err(), "{name}");
    }
    assert!(OwnRegistration::parse("").is_err());
}
