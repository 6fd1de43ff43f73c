//! Registration certificates: read, believed or refused, and what the user is told.

use serde_json::{Value, json};
use warifu_credential::ClaimPath;
use warifu_credential::status::Status;
use warifu_openid4vc::vp::client_id::ClientId;
use warifu_openid4vc::vp::registration::FORMATS;
use warifu_trust::ServiceType;
use warifu_w3c::did;

use super::world::{Ask, By, CLIENT, World, now};
use crate::Error;
use crate::consent::{Asked, Question, Warning};

fn paths(names: &[&str]) -> Vec<ClaimPath> {
    names.iter().map(|name| ClaimPath::claim(name)).collect()
}

/// What the user is asked where the verifier brings these certificates.
async fn asked(world: &std::sync::Arc<World>, claims: &[&str], certificates: &[String]) -> Result<Question, Error> {
    let wallet = world.wallet_with_credential().await;
    let entries = certificates.iter().map(|jwt| json!({ "format": FORMATS[0], "data": jwt }));
    let info = (!certificates.is_empty()).then(|| Value::Array(entries.collect()));
    let client_id = ClientId::x509_hash(&world.access.0);
    let ask = Ask { verifier_info: info, ..Ask::new(client_id, By::Certificate, &paths(claims)) };
    let request = wallet.inspect_request(&world.ask(ask), now()).await;
    if request.is_err() {
        let entry = &wallet.history().unwrap()[0];
        assert_eq!(entry.party.name, "Bank B");
    }
    assert!(world.posted().is_empty());
    Ok(request?.question().clone())
}

#[tokio::test]
async fn what_the_user_is_told() {
    let registered = World::new(None);
    registered.list_registrar();
    let good = registered.registration(&json!({}));
    let question = asked(&registered, &["family_name"], std::slice::from_ref(&good)).await.unwrap();
    assert_eq!(question.warnings, []);
    assert_eq!(question.purpose.as_deref(), Some("As registered"));
    assert!(!serde_json::to_string(&question).unwrap().contains("warning"));

    let beyond = asked(&registered, &["family_name", "birthdate"], std::slice::from_ref(&good)).await.unwrap();
    let told = Warning::BeyondRegistration { query_id: "kyc".to_owned(), claim: Some("Date of birth".to_owned()) };
    assert_eq!(beyond.warnings, [told]);
    let told = json!([{ "warning": "beyond_registration", "query_id": "kyc", "claim": "Date of birth" }]);
    assert_eq!(serde_json::to_value(&beyond).unwrap()["warnings"], told);

    let other = json!({ "credentials": [{ "format": "dc+sd-jwt", "meta": { "vct_values": ["urn:other"] } }] });
    let other = asked(&registered, &["family_name"], &[registered.registration(&other)]).await.unwrap();
    assert_eq!(other.warnings, [Warning::BeyondRegistration { query_id: "kyc".to_owned(), claim: None }]);
    // Two certificates cover what neither covers alone only where each query has one of its own.
    let both = [
        registered
            .registration(&json!({ "credentials": [{ "format": "mso_mdoc", "meta": { "doctype_value": "x" } }] })),
        good,
    ];
    assert_eq!(asked(&registered, &["family_name"], &both).await.unwrap().warnings, []);

    let none = asked(&registered, &["family_name"], &[]).await.unwrap();
    assert_eq!(none.warnings, [Warning::NotRegistered]);
    assert_eq!(serde_json::to_value(&none).unwrap()["warnings"], json!([{ "warning": "not_registered" }]));
    // A list without registrars expects nothing, and believes nothing.
    let free = World::new(None);
    let question = asked(&free, &["birthdate"], &[registered.registration(&json!({}))]).await.unwrap();
    assert_eq!((question.warnings, question.purpose), (vec![], None));
}

#[tokio::test]
async fn what_does_not_hold_is_refused() {
    let world = World::new(None);
    world.list_registrar();
    let stranger = World::new(None);
    let forged = {
        let jwt = world.registration(&json!({}));
        let (head, signature) = jwt.rsplit_once('.').unwrap();
        let flipped = if signature.starts_with('A') { "B" } else { "A" };
        format!("{head}.{flipped}{}", &signature[1..])
    };
    // The seeds of both worlds are one, so another registrar is a leaf of another authority.
    let own = {
        let (leaf, key) = &stranger.access;
        let claims = warifu_keys::jws::Unverified::parse(&world.registration(&json!({}))).unwrap();
        let claims = claims.dangerous_claims().unwrap();
        let header = warifu_keys::jws::Header::typ("rc-wrp+jwt").x5c(std::slice::from_ref(leaf));
        warifu_keys::jws::sign_claims(header, &claims, key).unwrap()
    };
    for (row, jwt) in [
        ("forged", forged),
        ("by itself", own),
        ("another party's", world.registration(&json!({ "sub": "partner-c" }))),
        ("expired", world.registration(&json!({ "exp": now().as_second() }))),
        ("of tomorrow", world.registration(&json!({ "iat": now().as_second() + 86_400 }))),
        ("without credentials", world.registration(&json!({ "credentials": null }))),
        ("no token", "a.b".to_owned()),
    ] {
        let error = asked(&world, &["family_name"], &[jwt]).await.unwrap_err();
        assert_eq!(error.code(), "bad_registration", "{row}: {error}");
    }
    // One good certificate does not carry a bad one.
    let both = [world.registration(&json!({})), world.registration(&json!({ "sub": "partner-c" }))];
    assert_eq!(asked(&world, &["family_name"], &both).await.unwrap_err().code(), "bad_registration");
}

#[tokio::test]
async fn a_registration_that_was_taken_back() {
    let world = || {
        let world = World::new(None);
        world.list_registrar();
        let status = json!({ "status": { "status_list": { "uri": format!("{CLIENT}/status"), "idx": 1 } } });
        let jwt = world.registration(&status);
        (world, jwt)
    };
    let (valid, jwt) = world();
    valid.serve_registrar_status(Status::Valid);
    assert_eq!(asked(&valid, &["family_name"], &[jwt]).await.unwrap().warnings, []);
    let (revoked, jwt) = world();
    revoked.serve_registrar_status(Status::Invalid);
    let error = asked(&revoked, &["family_name"], &[jwt]).await.unwrap_err();
    assert_eq!(error.code(), "registration_not_in_force", "{error}");
    // Nobody can say: nothing is believed.
    let (silent, jwt) = world();
    assert_eq!(asked(&silent, &["family_name"], &[jwt]).await.unwrap_err().code(), "unanswered");
    let (garbled, jwt) = world();
    garbled.serve("/status", "a.b.c".to_owned());
    assert_eq!(asked(&garbled, &["family_name"], &[jwt]).await.unwrap_err().code(), "registration_not_in_force");
}

/// Whoever has no certificate is known to the registrar by its name in the list.
#[tokio::test]
async fn a_did_is_registered_too() {
    let world = World::new(None);
    world.list_registrar();
    let key = warifu_keys::Signer::public_key(&world.client_key);
    let client_id = ClientId::decentralized_identifier(did::jwk::from_key(&key).as_str()).unwrap();
    world.list(ServiceType::Access, vec![], vec![], &[client_id.as_str()]);
    let wallet = world.wallet_with_credential().await;
    let ask = async |jwt: String| {
        let info = json!([{ "format": FORMATS[1], "data": jwt }]);
        let by = By::Method(did::jwk::method(&key));
        let ask = Ask { verifier_info: Some(info), ..Ask::new(client_id.clone(), by, &paths(&["family_name"])) };
        wallet.inspect_request(&world.ask(ask), now()).await
    };
    assert_eq!(ask(world.registration(&json!({}))).await.unwrap().question().warnings, []);
    let other = ask(world.registration(&json!({ "sub": "partner-c" }))).await.unwrap_err();
    assert_eq!(other.code(), "bad_registration");
}
