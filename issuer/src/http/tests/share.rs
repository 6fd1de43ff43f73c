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
pub(super) async fn world() -> (World, AgreementKey, run::Running) {
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

impl World {
    /// The facts of the newest entry, and its action.
    async fn newest(&self) -> (String, std::collections::BTreeMap<String, String>) {
        let entry = self.logged().await.pop().unwrap().entry;
        (entry.action, entry.facts)
    }

    pub(super) async fn consent(&self, token: &str, body: Value) -> String {
        let request = Request::post(format!("/session/{token}/consent")).header("accept", "application/json");
        let request = request.header("content-type", "application/json").body(Body::from(body.to_string()));
        let answer = self.send(request.unwrap()).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()["consent_id"].as_str().unwrap().to_owned()
    }
}

/// Every try, made or refused, with who, to whom, what for, how much, until when and how it ended.
#[tokio::test]
async fn every_share_is_logged() {
    let (world, _, running) = world().await;
    let (id, token) = world.approved().await;
    let (young, _) = world.session().await;
    let share = async |id: Uuid, body: Value| world.api("POST", &format!("/v3/session/{id}/share/"), body).await;
    world.consent(&token, json!({ "audience": "partner-b", "purpose": "onboarding", "scope": ["face_match"] })).await;
    let (action, facts) = world.newest().await;
    assert_eq!((&*action, &*facts["audience"], &*facts["scope"]), ("consent.recorded", "partner-b", "face_match"));
    let pid = facts["user_pid"].clone();

    let rows = [
        (id, json!({}), 200, "created", "partner-b", "onboarding", "face_match", "2026-11-22T10:15:00Z"),
        (
            id,
            json!({ "expires_in": 60 }),
            200,
            "created",
            "partner-b",
            "onboarding",
            "face_match",
            "2026-11-22T10:01:00Z",
        ),
        (id, json!({ "scope": ["kyc"] }), 403, "no_consent", "partner-b", "onboarding", "kyc", "2026-11-22T10:15:00Z"),
        (
            id,
            json!({ "purpose": "for Anna Maria" }),
            403,
            "no_consent",
            "partner-b",
            "not consented to",
            "as consented",
            "2026-11-22T10:15:00Z",
        ),
        (
            id,
            json!({ "audience": "anna@example.org" }),
            403,
            "no_consent",
            "audience:",
            "none",
            "as consented",
            "2026-11-22T10:15:00Z",
        ),
        (young, json!({}), 400, "not_decided", "partner-b", "none", "as consented", "2026-11-22T10:15:00Z"),
    ];
    for (session, mut body, status, outcome, audience, purpose, scope, expires) in rows {
        let told = body.to_string();
        if body.get("audience").is_none() {
            body["audience"] = json!("partner-b");
        }
        let answer = share(session, body).await;
        assert_eq!(answer.status, status, "{told}: {}", answer.text());
        let (action, facts) = world.newest().await;
        assert_eq!(action, if status == 200 { "share.created" } else { "share.refused" }, "{told}");
        assert_eq!((&*facts["outcome"], &*facts["purpose"], &*facts["scope"]), (outcome, purpose, scope), "{told}");
        assert_eq!(facts["expires"], expires, "{told}");
        assert!(facts["audience"].starts_with(audience), "{told}: {facts:?}");
        assert!(!facts["audience"].contains("anna"), "{facts:?}");
        assert_eq!(facts["user_pid"] == pid, session == id && audience == "partner-b", "{told}");
        let share_id =
            if status == 200 { answer.json()["share_id"].as_str().unwrap().to_owned() } else { "none".to_owned() };
        assert_eq!(facts["share_id"], share_id, "{told}");
    }
    assert_eq!(world.api("DELETE", &format!("/v3/session/{id}/delete/"), json!({})).await.status, 200);
    assert_eq!(share(id, json!({ "audience": "partner-b" })).await.status, 410);
    let (action, facts) = world.newest().await;
    assert_eq!((&*action, &*facts["outcome"], facts.get("user_pid")), ("share.refused", "erased", None));
    running.stop().await;
}

#[tokio::test]
async fn a_consent_that_was_taken_back_shares_nothing_more() {
    let (world, _, running) = world().await;
    let (id, token) = world.approved().await;
    let body = json!({ "audience": "partner-b", "purpose": "onboarding", "scope": ["kyc"] });
    let first = world.consent(&token, body.clone()).await;
    // Agreed to twice, and once for another purpose.
    let second = world.consent(&token, body.clone()).await;
    let other = json!({ "audience": "partner-b", "purpose": "credit check", "scope": ["id_verification"] });
    let other = world.consent(&token, other).await;
    let share = async |purpose: &str| {
        let body = json!({ "audience": "partner-b", "purpose": purpose });
        world.api("POST", &format!("/v3/session/{id}/share/"), body).await
    };
    assert_eq!(share("onboarding").await.status, 200);

    let page = world.get(&format!("/en/session/{token}/consents")).await;
    assert_eq!(page.status, 200);
    for text in ["Bank B", "onboarding", "credit check", "Take back", &first] {
        assert!(page.text().contains(text), "{text}: {}", page.text());
    }
    assert!(world.get(&format!("/en/session/{token}")).await.text().contains("/consents\""));
    assert!(world.get(&format!("/ja/session/{token}/consents")).await.text().contains("撤回する"));
    let withdraw = async |consent: &str| {
        let path = format!("/session/{token}/consents/{consent}/withdraw?lang=en");
        world.send(Request::post(path).body(Body::empty()).unwrap()).await.status
    };
    // A page of a stranger can not press the button.
    let path = format!("/session/{token}/consents/{first}/withdraw");
    let foreign = Request::post(path).header("sec-fetch-site", "cross-site").body(Body::empty()).unwrap();
    assert_eq!(world.send(foreign).await.status, 403);
    assert_eq!(share("onboarding").await.status, 200);

    let sink = webhooks::Sink::new().await;
    let body = json!({ "label": "x", "url": sink.url, "subscribed_events": ["consent.withdrawn"] });
    assert_eq!(world.api("POST", "/v3/webhook/destinations/", body).await.status, 201);
    let before = world.logged().await.len();
    assert_eq!((withdraw(&first).await, withdraw(&first).await, withdraw(&second).await), (303, 303, 303));
    assert_eq!(withdraw(&Uuid::nil().to_string()).await, 404);
    assert_eq!(withdraw("nonsense").await, 404);
    let logged = world.logged().await;
    assert_eq!(logged.len(), before + 1, "once");
    let entry = &logged.last().unwrap().entry;
    assert_eq!((&*entry.action, &*entry.facts["by"]), ("consent.withdrawn", "person"));
    assert!(entry.facts["consent"].contains(&first) && entry.facts["consent"].contains(&second), "{entry:?}");

    let refused = share("onboarding").await;
    assert_eq!(refused.status, 403);
    assert!(refused.text().contains(&second), "it names the consent: {}", refused.text());
    let (_, facts) = world.newest().await;
    assert_eq!((&*facts["outcome"], &facts["consent"]), ("consent_withdrawn", &second));
    assert_eq!(share("credit check").await.status, 200, "another purpose is another consent");

    // What is to be told to others.
    let told = warifu_store::Collection::<crate::ConsentWithdrawn>::of(&world.issuer.store);
    let told = told.collect(warifu_store::Query::by("at", warifu_store::Range::All)).await.unwrap();
    let told: Vec<_> = told.into_iter().map(|loaded| loaded.value).collect();
    assert_eq!(told.len(), 2);
    assert!(told.iter().all(|event| event.audience == "partner-b" && event.session_id == id));

    world.issuer.deliver_due().await.unwrap();
    let events: Vec<Value> = sink.take().iter().map(webhooks::Got::event).collect();
    assert_eq!(events.len(), 1, "told once");
    assert_eq!(events[0]["webhook_type"], "consent.withdrawn");
    assert_eq!(events[0]["consent"]["audience"], "partner-b");
    assert_eq!(events[0]["consent"]["user_pid"], json!(told[0].user_pid));
    assert_eq!(events[0].get("decision"), None);

    // The receipts keep what was, under the issuer's signature, and outlive the session.
    let listed = async || world.api("GET", &format!("/v3/session/{id}/consents/"), json!({})).await.json();
    let states = |listed: &Value| {
        let mut states: Vec<(String, String)> = listed["consents"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| (it["consent_id"].as_str().unwrap().to_owned(), it["state"].as_str().unwrap().to_owned()))
            .collect();
        states.sort();
        states
    };
    let before = listed().await;
    let key = world.issuer.document_signer.public_key();
    for consent in before["consents"].as_array().unwrap() {
        let receipt = warifu_session::consent::SignedReceipt::from_compact(consent["receipt"].as_str().unwrap());
        let verified = receipt.verify(&key).unwrap().receipt;
        let withdrawn = consent["consent_id"] != json!(other);
        assert_eq!(verified.events.len(), if withdrawn { 2 } else { 1 });
        assert_eq!(consent["withdrawn_at"].is_string(), withdrawn);
    }
    // A client may pass a withdrawal on.
    let path = format!("/v3/session/{id}/consents/{other}/withdraw/");
    assert_eq!(world.api("POST", &path, json!({})).await.json()["state"], "withdrawn");
    assert_eq!(world.newest().await.1["by"], "client");
    assert_eq!(share("credit check").await.status, 403);
    let stranger = Request::post(&path).body(Body::empty()).unwrap();
    assert_eq!(world.send(stranger).await.status, 403);
    let before = listed().await;
    assert_eq!(world.api("DELETE", &format!("/v3/session/{id}/delete/"), json!({})).await.status, 200);
    assert_eq!(states(&listed().await), states(&before));
    running.stop().await;
}

/// Of a share and a withdrawal at the same moment, the withdrawal is never the one that is overlooked.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_share_that_races_a_withdrawal_was_made_before_it_or_not_at_all() {
    let (world, _, running) = world().await;
    for _ in 0..10 {
        let (id, token) = world.approved().await;
        let body = json!({ "audience": "partner-b", "purpose": "onboarding", "scope": ["kyc"] });
        let consent = world.consent(&token, body).await.parse().unwrap();
        let request = crate::ShareRequest {
            audience: "partner-b".to_owned(),
            life: warifu_session::share::Life::default(),
            purpose: None,
            scope: None,
        };
        let (shares, withdrawn) = (Arc::clone(&world.issuer), Arc::clone(&world.issuer));
        let now = world.now();
        let share = tokio::spawn(async move { shares.share(id, request, now).await });
        let withdrawal =
            tokio::spawn(
                async move { withdrawn.withdraw_consent(&token, consent, crate::WithdrawnBy::Person, now).await },
            );
        let (share, withdrawal) = (share.await.unwrap(), withdrawal.await.unwrap());
        withdrawal.unwrap();
        let subject = world.issuer.session_reference(id);
        let actions: Vec<String> = world
            .logged()
            .await
            .into_iter()
            .filter(|sealed| sealed.entry.subject == subject)
            .map(|sealed| sealed.entry.action)
            .filter(|action| action.starts_with("share.") || action == "consent.withdrawn")
            .collect();
        let expected = match share {
            Ok(_) => ["share.created", "consent.withdrawn"],
            Err(_) => ["consent.withdrawn", "share.refused"],
        };
        assert_eq!(actions, expected);
    }
    running.stop().await;
}
