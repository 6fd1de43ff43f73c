//! Consent and share, with a registry on loopback.

use axum::routing::get;
use warifu_keys::jwe::AgreementKey;
use warifu_server::run::Listener;
use warifu_session::share::{Claimed, Received};
use warifu_trust::entity::Standing;
use warifu_trust::list::Operator;
use warifu_trust::{Service, ServiceStatus, ServiceType, TrustedEntity, TrustedList};

use super::*;

/// A registry that lists one partner, and the world that asks it.
async fn world() -> (World, AgreementKey, run::Running) {
    let entropy = Seeded::dangerous_new("registry");
    let root = authority("Utopia Trust", &entropy);
    let (certificate, key) = certified(&root, "Utopia Trust", Purpose::ListSigner, &entropy);
    let partner = AgreementKey::generate(&entropy);
    let service = Service {
        service_type: ServiceType::ShareReceiving,
        name: "Share receiving".to_owned(),
        certificates: vec![],
        keys: vec![partner.public_jwk()],
        identifiers: vec!["partner-b".to_owned()],
        current: Standing { status: ServiceStatus::Granted, since: start() - Duration::from_secs(60) },
        history: vec![],
    };
    let entity = TrustedEntity {
        id: "partner-b".to_owned(),
        name: "Bank B".to_owned(),
        website: "https://bank-b.example/".to_owned(),
        street: "1 Harbour Road".to_owned(),
        country: "UT".to_owned(),
        contact: "mailto:privacy@bank-b.example".to_owned(),
        services: vec![service],
    };
    let operator = Operator {
        name: "Utopia Trust".to_owned(),
        territory: "UT".to_owned(),
        scheme: "UT:Utopia sandbox".to_owned(),
        information: "https://trust.example/".to_owned(),
    };
    let list = TrustedList::new(operator, 1, start(), start() + Duration::from_secs(86_400), vec![entity]).unwrap();
    let signed = list.sign(&[certificate], &key, start()).unwrap();
    let listener = Listener::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = format!("http://{}", listener.address());
    let router = axum::Router::new().route("/trusted-list", get(async move || signed.clone()));
    let running = listener.spawn(router, run::Limits::default());
    let folder =
        Models::load(&Folder::new("nowhere"), Parts { face: false, liveness: false, document: false }).unwrap();
    (World::with(folder, &address, Some(root.certificate().clone())), partner, running)
}

#[tokio::test]
async fn only_what_was_consented_to_whom_it_was() {
    let (world, partner, running) = world().await;
    let (id, token) = world.approved().await;
    let share = format!("/v3/session/{id}/share/");
    let refused = world.api("POST", &share, json!({ "audience": "partner-b" })).await;
    assert_eq!(refused.status, 403, "without consent: {}", refused.text());

    let consent = async |body: Value| {
        let request = Request::post(format!("/session/{token}/consent")).header("accept", "application/json");
        world.send(request.header("content-type", "application/json").body(Body::from(body.to_string())).unwrap()).await
    };
    let stranger = consent(json!({ "audience": "stranger", "purpose": "onboarding", "scope": ["kyc"] })).await;
    assert_eq!((stranger.status, &stranger.json()["code"]), (403, &json!("audience_not_trusted")));
    assert!(stranger.text().contains("is not listed"), "{}", stranger.text());
    assert_eq!(consent(json!({ "audience": "partner-b", "purpose": "", "scope": ["kyc"] })).await.status, 400);
    assert_eq!(consent(json!({ "audience": "partner-b", "purpose": "x", "scope": [] })).await.status, 400);
    let page = world
        .get(&format!("/en/session/{token}/consent?audience=partner-b&purpose=onboarding&scope=id_verification"))
        .await;
    assert!(page.text().contains("Bank B") && page.text().contains("ERIKSSON"), "{}", page.text());
    let given =
        consent(json!({ "audience": "partner-b", "purpose": "onboarding", "scope": ["id_verification"] })).await;
    assert_eq!(given.status, 200, "{}", given.text());

    let wider = world.api("POST", &share, json!({ "audience": "partner-b", "scope": ["kyc"] })).await;
    assert_eq!(wider.status, 403, "more than consented: {}", wider.text());
    let other = world.api("POST", &share, json!({ "audience": "partner-b", "purpose": "marketing" })).await;
    assert_eq!(other.status, 403, "another purpose: {}", other.text());

    let shared = world.api("POST", &share, json!({ "for_application_id": "partner-b" })).await.json();
    assert_eq!((&shared["session_kind"], &shared["audience"]), (&json!("user"), &json!("partner-b")));
    assert_eq!(shared["expires_at"], "2026-11-22T11:00:00Z");
    let received = Received::open(shared["share_token"].as_str().unwrap(), &partner).unwrap();
    let Claimed::Issuer(claimed) = received.addressed_to("partner-b", world.now()).unwrap() else {
        panic!("not an issuer's")
    };
    let authentic = claimed.authenticate(std::slice::from_ref(&world.anchor), world.now()).unwrap();
    let decision = authentic.decision().unwrap();
    assert_eq!(decision.session_id, id);
    assert_eq!(decision.id_verifications.as_ref().unwrap()[0].last_name.as_deref(), Some("ERIKSSON"));
    assert!(decision.liveness_checks.is_none() && decision.face_matches.is_none());
    let short = world.api("POST", &share, json!({ "audience": "partner-b", "expires_in": 60 })).await.json();
    assert_eq!(short["expires_at"], "2026-11-22T10:01:00Z");
    running.stop().await;
}

#[tokio::test]
async fn without_a_list_nobody_receives() {
    let world = World::new();
    let (_, token) = world.approved().await;
    let request = Request::post(format!("/session/{token}/consent")).header("accept", "application/json");
    let body = json!({ "audience": "partner-b", "purpose": "onboarding", "scope": ["kyc"] });
    let answer = world
        .send(request.header("content-type", "application/json").body(Body::from(body.to_string())).unwrap())
        .await;
    assert_eq!((answer.status, &answer.json()["code"]), (403, &json!("audience_not_trusted")), "{}", answer.text());
}
