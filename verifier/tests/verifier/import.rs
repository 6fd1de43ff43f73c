//! Shares of both producers, taken in once and refused for every reason.

use std::time::Duration;

use axum::http::Method;
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use uuid::Uuid;
use warifu_credential::sd_jwt::KeyBinding;
use warifu_credential::status::Status;
use warifu_credential::{ClaimPath, face_template};
use warifu_keys::jwe::AgreementKey;
use warifu_keys::{Jwk, Secret, Signer as _};
use warifu_session::consent::{Given, Party, Receipt, UserPid};
use warifu_session::decision::{Decision, SessionKind};
use warifu_session::share::{Content, Life, NewShare, Scope, Terms, holder_issuer, seal};
use warifu_store::audit::Log;
use warifu_trust::bundle::Credentials;
use warifu_trust::entity::{ServiceStatus, ServiceType};
use warifu_verifier::acceptance::{Assurance, Begins, Rule};

use crate::world::{AUDIENCE, Answer, WORKFLOW, Wallet, World, asked};

const PATH: &str = "v3/session/import-shared/";

/// How a share is made; the default is a good one.
struct Making {
    audience: &'static str,
    to: Option<Jwk>,
    life: i64,
    disclosed: Vec<ClaimPath>,
    consented: Vec<&'static str>,
    nonce: Option<&'static str>,
}

impl Default for Making {
    fn default() -> Self {
        let consented = vec!["given_name", "family_name", "birthdate"];
        Self { audience: AUDIENCE, to: None, life: 900, disclosed: asked(), consented, nonce: None }
    }
}

fn user_pid(audience: &str) -> UserPid {
    UserPid::derive(&Secret::new(vec![7; 32]), "", audience)
}

fn receipt(making: &Making, now: Timestamp) -> Receipt {
    let text = |text: &str| text.to_owned();
    let given = Given {
        id: Uuid::from_u128(1),
        user_pid: user_pid(making.audience),
        purpose: text("onboarding"),
        claims: making.consented.iter().map(|name| name.parse().unwrap()).collect(),
        recipient: Party {
            party_id: text(making.audience),
            party_address: text("1 Example Street"),
            party_name: text("Bank B"),
            party_contact: text("mailto:privacy@bank-b.example"),
            party_type: text("PII controller"),
        },
        privacy_notice: text("https://bank-b.example/privacy"),
        language: text("en"),
        retention_period: text("P5Y"),
        jurisdiction: text("EU"),
        withdrawal_method: text("in the wallet"),
        validity_seconds: 86_400,
    };
    Receipt::given(given, now)
}

fn terms(world: &World, making: &Making, issuer: String) -> Terms {
    let share = NewShare {
        issuer,
        audience: making.audience.to_owned(),
        session_kind: SessionKind::User,
        purpose: "onboarding".to_owned(),
        scope: vec![Scope::Kyc],
        user_pid: user_pid(making.audience),
        life: Life::from_seconds(making.life).unwrap(),
    };
    Terms::new(share, world.now(), &*world.entropy).unwrap()
}

fn sealed(world: &World, making: &Making, terms: &Terms, content: Content) -> String {
    let to = making.to.clone().unwrap_or_else(|| world.share_key.public_jwk());
    seal(terms, content, &to, &*world.entropy).unwrap()
}

fn from_wallet(world: &World, wallet: &Wallet, making: &Making) -> String {
    let terms = terms(world, making, holder_issuer(&wallet.key.public_key()));
    let binding = KeyBinding {
        audience: making.audience.to_owned(),
        nonce: making.nonce.map_or_else(|| terms.id().to_string(), str::to_owned),
        issued_at: world.now(),
        extra: Map::new(),
    };
    let presentation = wallet.present(&making.disclosed, &binding);
    let receipt = receipt(making, world.now());
    let content = Content::from_wallet(&terms, &receipt, presentation, &wallet.key).unwrap();
    sealed(world, making, &terms, content)
}

fn decision(session: u128, status: &str) -> Decision {
    let document = json!({
        "node_id": "document", "status": "Approved", "verification_method": "document", "assurance": "documentary",
        "first_name": "ANNA MARIA", "last_name": "ERIKSSON", "date_of_birth": "1974-08-12",
        "portrait_image": "https://issuer.example/portrait",
    });
    serde_json::from_value(json!({
        "session_id": Uuid::from_u128(session), "session_kind": "user", "session_number": 12,
        "session_url": "https://issuer.example/s/42", "status": status, "workflow_id": "wf_issuer",
        "features": [{"feature": "ID_VERIFICATION", "status": "Approved"}], "vendor_data": "the issuer's own",
        "created_at": "2026-11-23T09:00:00Z", "environment": "sandbox", "id_verifications": [document],
    }))
    .unwrap()
}

fn from_issuer(world: &World, by: &Credentials, decision: &Decision, making: &Making) -> String {
    let terms = terms(world, making, "https://issuer.example".to_owned());
    let receipt = receipt(making, world.now());
    let content = Content::from_issuer(&terms, receipt, decision, &by.chain, &by.key).unwrap();
    sealed(world, making, &terms, content)
}

async fn import(world: &World, token: &str) -> Answer {
    world.post(PATH, &json!({"share_token": token, "trust_review": true, "workflow_id": WORKFLOW})).await
}

/// Demands a refusal in the shape of the mirrored API, and an audit entry that names the reason.
async fn refused(world: &World, token: &str, status: u16, code: &str) {
    let answer = import(world, token).await;
    assert_eq!(answer.status, status, "{code}: {}", answer.text);
    let body = answer.json();
    assert!(body["detail"].is_string() && body.as_object().unwrap().len() == 1, "{body}");
    assert_eq!(answer.header("content-type"), "application/json");
    let newest = Log::of(&world.store).newest().await.unwrap().unwrap();
    let entry = serde_json::to_string(&newest).unwrap();
    assert!(entry.contains("share.refused") && entry.contains(code), "{code}: {entry}");
}

#[tokio::test]
async fn a_wallets_share() {
    let world = World::new("wallet share").await;
    let token = from_wallet(&world, &world.wallet, &Making::default());
    let body = json!({"share_token": token, "trust_review": true, "vendor_data": "customer-1"});
    let answer = world.post(PATH, &body).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    let session = answer.json();
    for (member, expected) in [
        ("session_number", json!(1)),
        ("session_kind", json!("user")),
        ("session_url", Value::Null),
        ("status", json!("Approved")),
        ("workflow_id", json!(WORKFLOW)),
        ("vendor_data", json!("customer-1")),
        ("created_at", json!("2026-11-23T09:30:00Z")),
        ("expires_at", json!("2026-11-30T09:30:00Z")),
        ("issuer", json!("Utopia Identity Services")),
        ("purpose", json!("onboarding")),
        ("scope", json!(["kyc"])),
        ("claims", json!({"given_name": "ANNA MARIA", "family_name": "ERIKSSON", "birthdate": "1974-08-12"})),
    ] {
        assert_eq!(session[member], expected, "{member}: {session}");
    }
    let id = session["session_id"].as_str().unwrap();
    for slash in ["", "/"] {
        assert_eq!(world.get(&format!("v3/session/{id}/decision{slash}")).await.json(), session);
    }
    refused(&world, &token, 403, "already_imported").await;
    // The person may share anew; the partner sees that it is the same person.
    let token = from_wallet(&world, &world.wallet, &Making::default());
    let again = import(&world, &token).await.json();
    assert_eq!((&again["session_number"], &again["user_pid"]), (&json!(2), &session["user_pid"]));
}

#[tokio::test]
async fn an_issuers_share() {
    let world = World::new("issuer share").await;
    let making = Making { life: 86_400, ..Making::default() };
    let token = from_issuer(&world, &world.signer, &decision(42, "Approved"), &making);
    let second = from_issuer(&world, &world.signer, &decision(42, "Approved"), &making);
    world.hands.step(Duration::from_secs(80_000));
    let answer = world.post(PATH, &json!({"share_token": token, "trust_review": false})).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    let session = answer.json();
    assert_eq!(session["status"], "In Review", "review is not trusted");
    assert_eq!(session["shared_from_session"], json!(Uuid::from_u128(42)));
    assert_ne!(session["session_id"], session["shared_from_session"]);
    assert_eq!(session["workflow_id"], WORKFLOW);
    assert_eq!(session["vendor_data"], Value::Null, "what the issuer noted for itself stays there");
    assert_eq!(session["id_verifications"][0]["last_name"], "ERIKSSON");
    assert_eq!(session["id_verifications"][0]["portrait_image"], Value::Null);
    // Another share of the same session is the same source.
    refused(&world, &second, 403, "already_imported").await;
    let declined = from_issuer(&world, &world.signer, &decision(43, "Declined"), &Making::default());
    assert_eq!(import(&world, &declined).await.json()["status"], "Declined");
}

/// A share lives up to a day, much longer than a request.
#[tokio::test]
async fn a_wallets_share_is_good_for_its_whole_life() {
    let world = World::new("long share").await;
    let token = from_wallet(&world, &world.wallet, &Making { life: 3600, ..Making::default() });
    world.hands.step(Duration::from_secs(3599));
    assert_eq!(import(&world, &token).await.status, 201);
}

#[tokio::test]
async fn of_racing_imports_one_wins() {
    let world = World::new("race").await;
    let token = from_wallet(&world, &world.wallet, &Making::default());
    let others: Vec<String> = (0..4).map(|_| from_wallet(&world, &world.wallet, &Making::default())).collect();
    let world = std::sync::Arc::new(world);
    let mut tasks = tokio::task::JoinSet::new();
    for token in std::iter::repeat_n(token, 16).chain(others) {
        let world = std::sync::Arc::clone(&world);
        tasks.spawn(async move { import(&world, &token).await });
    }
    let answers = tasks.join_all().await;
    let mut numbers: Vec<u64> = answers.iter().filter_map(|it| it.json()["session_number"].as_u64()).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, [1, 2, 3, 4, 5]);
    assert_eq!(answers.iter().filter(|answer| answer.status == 403).count(), 15);
}

#[tokio::test]
async fn imports_are_counted_by_the_month() {
    let world = World::new("counted").await;
    let usage = async |query: &str| world.get(&format!("v3/billing/usage/{query}")).await;
    for _ in 0..2 {
        let token = from_wallet(&world, &world.wallet, &Making::default());
        assert_eq!(import(&world, &token).await.status, 201);
        assert_eq!(import(&world, &token).await.status, 403);
    }
    let november = usage("").await.json();
    assert_eq!((&november["month"], &november["environment"]), (&json!("2026-11"), &json!("sandbox")));
    let line = &november["lines"][0];
    assert_eq!((&line["item"], &line["count"], &line["unit_price"]), (&json!("import"), &json!(2), &json!("0.3000")));
    assert_eq!(november["total"], "0.0000", "a sandbox costs nothing");
    assert_eq!(usage("?month=2026-12").await.json()["lines"][0]["count"], 0);
    assert_eq!(usage("?month=2026-10").await.json()["lines"][0]["count"], 0);
    assert_eq!(world.get("v3/billing/prices").await.json()["prices"][0]["paid_by"], "importer");
    for month in ["2026", "2026-13", "9999-12", "x"] {
        let refused = usage(&format!("?month={month}")).await;
        assert_eq!(refused.status, 400, "{month}");
        assert!(refused.json()["month"].is_array(), "{}", refused.text);
    }
    let nobody = world.send(Method::GET, "v3/billing/usage/", &[], Vec::new()).await;
    assert!(matches!(nobody.status, 401 | 403), "{}", nobody.status);
}

#[tokio::test]
async fn tokens_that_are_no_good() {
    let world = World::new("bad tokens").await;
    let good = |making: Making| from_wallet(&world, &world.wallet, &making);
    refused(&world, "nonsense", 401, "not_a_share_token").await;
    let token = good(Making::default());
    let mut parts: Vec<String> = token.split('.').map(str::to_owned).collect();
    let flipped = if parts[3].starts_with('A') { "B" } else { "A" };
    parts[3].replace_range(..1, flipped);
    refused(&world, &parts.join("."), 401, "can_not_be_opened").await;
    refused(&world, &good(Making { nonce: Some("another share"), ..Making::default() }), 401, "nonce").await;
    refused(&world, &"a".repeat((1 << 20) + 1), 401, "too_large").await;

    // For somebody else: sealed to their key, or to ours in their name.
    let other = AgreementKey::generate(&*world.entropy).public_jwk();
    let foreign = Making { audience: "partner-a", to: Some(other), ..Making::default() };
    refused(&world, &good(foreign), 403, "other_key").await;
    refused(&world, &good(Making { audience: "partner-a", ..Making::default() }), 403, "wrong_audience").await;

    let token = good(Making { life: 60, ..Making::default() });
    world.hands.step(Duration::from_secs(60));
    refused(&world, &token, 401, "expired").await;
    world.hands.step(Duration::from_secs(600));
    let early = good(Making::default());
    world.hands.set("2026-11-23T09:30:00Z".parse().unwrap());
    refused(&world, &early, 401, "not_yet_valid").await;
}

#[tokio::test]
async fn what_the_person_did_not_agree_to_is_not_taken() {
    let world = World::new("consent").await;
    let making = |extra: ClaimPath, consented: Vec<&'static str>| {
        let disclosed = [asked(), vec![extra]].concat();
        let consented = [vec!["given_name", "family_name", "birthdate"], consented].concat();
        from_wallet(&world, &world.wallet, &Making { disclosed, consented, ..Making::default() })
    };
    let of_age = || ClaimPath::claim("age_equal_or_over").name("18");
    refused(&world, &making(ClaimPath::claim("document_number"), vec![]), 403, "beyond_consent").await;
    refused(&world, &making(of_age(), vec!["age_equal_or_over.21"]), 403, "beyond_consent").await;
    let template = making(ClaimPath::claim(face_template::CLAIM), vec![face_template::CLAIM]);
    refused(&world, &template, 403, "beyond_consent").await;
    for (extra, consented) in [
        (of_age(), "age_equal_or_over.18"),
        (of_age(), "age_equal_or_over"),
        (ClaimPath::claim("nationalities").index(1), "nationalities.1"),
        (ClaimPath::claim("nationalities"), "nationalities"),
    ] {
        let answer = import(&world, &making(extra, vec![consented])).await;
        assert_eq!(answer.status, 201, "{consented}: {}", answer.text);
    }
}

#[tokio::test]
async fn producers_that_are_not_trusted() {
    let world = World::new("producers").await;
    let (authority, stranger) = world.stranger();
    let wallet = world.minted_by(&authority, &stranger, 90);
    refused(&world, &from_wallet(&world, &wallet, &Making::default()), 403, "issuer_trusted").await;
    let token = from_issuer(&world, &stranger, &decision(42, "Approved"), &Making::default());
    refused(&world, &token, 403, "not_trusted").await;

    world.set_standing("issuer", ServiceType::KycIssuance, ServiceStatus::Suspended);
    refused(&world, &from_wallet(&world, &world.wallet, &Making::default()), 403, "issuer_trusted").await;
    let token = from_issuer(&world, &world.signer, &decision(42, "Approved"), &Making::default());
    refused(&world, &token, 403, "not_trusted").await;
    world.set_standing("issuer", ServiceType::KycIssuance, ServiceStatus::Granted);
    // What was refused is not used up.
    world.hands.step(Duration::from_secs(1));
    assert_eq!(import(&world, &token).await.status, 201);

    world.outside.lock().unwrap().status_up = false;
    let token = from_wallet(&world, &world.wallet, &Making::default());
    refused(&world, &token, 401, "not_revoked").await;
    world.outside.lock().unwrap().status_up = true;
    world.outside.lock().unwrap().status = Status::Invalid;
    refused(&world, &token, 401, "not_revoked").await;
}

#[tokio::test]
async fn a_withdrawn_partner_receives_nothing() {
    let world = World::new("withdrawn").await;
    let token = from_wallet(&world, &world.wallet, &Making::default());
    world.set_standing(AUDIENCE, ServiceType::ShareReceiving, ServiceStatus::Withdrawn);
    refused(&world, &token, 403, "not_trusted").await;
    world.outside.lock().unwrap().registry_up = false;
    world.hands.step(Duration::from_secs(3600));
    let token = from_issuer(&world, &world.signer, &decision(42, "Approved"), &Making::default());
    refused(&world, &token, 403, "not_trusted").await;
}

#[tokio::test]
async fn bodies_and_keys() {
    let world = World::new("bodies").await;
    let required = json!(["This field is required."]);
    for (body, expected) in [
        (json!({}), json!({"share_token": required, "trust_review": required})),
        (json!({"share_token": "x"}), json!({"trust_review": required})),
        (json!({"share_token": " ", "trust_review": true}), json!({"share_token": ["This field may not be blank."]})),
        (json!({"share_token": 5, "trust_review": true}), json!({"share_token": ["Not a valid string."]})),
        (json!({"share_token": "x", "trust_review": "yes"}), json!({"trust_review": ["Must be a valid boolean."]})),
        (
            json!({"share_token": "x", "trust_review": true, "vendor_data": "x".repeat(257)}),
            json!({"vendor_data": ["Ensure this field has no more than 256 characters."]}),
        ),
        (json!([]), json!({"non_field_errors": ["A JSON object is expected."]})),
    ] {
        let answer = world.post(PATH, &body).await;
        assert_eq!((answer.status, answer.json()), (400, expected), "{body}");
    }
    let unknown = json!({"share_token": "x", "trust_review": true, "workflow_id": "wf_other"});
    let answer = world.post(PATH, &unknown).await;
    assert_eq!(answer.status, 404);
    assert!(answer.json()["detail"].as_str().unwrap().contains("wf_other"));

    let key = ("x-api-key", crate::world::API_KEY);
    let json_type = ("content-type", "application/json");
    for (headers, body, status) in [
        (vec![key, json_type], b"{".to_vec(), 400),
        (vec![key, json_type], br#"{"share_token":"a","share_token":"b"}"#.to_vec(), 400),
        (vec![key, json_type], vec![b' '; 2 << 20], 413),
        (vec![key], b"{}".to_vec(), 415),
        (vec![json_type], b"{".to_vec(), 403),
        (vec![("x-api-key", "wrong"), json_type], b"{}".to_vec(), 403),
    ] {
        let answer = world.send(Method::POST, PATH, &headers, body).await;
        assert_eq!(answer.status, status, "{}", answer.text);
        let members = answer.json();
        assert!(members["detail"].is_string(), "{members}");
        // What is too large for the whole server is refused before it comes to this door.
        assert!(members.as_object().unwrap().len() == 1 || status == 413, "{members}");
    }
    for (id, headers, status) in [
        ("not-a-uuid", vec![key], 404),
        ("00000000-0000-0000-0000-000000000001", vec![key], 404),
        ("not-a-uuid", vec![], 403),
    ] {
        let answer = world.send(Method::GET, &format!("v3/session/{id}/decision/"), &headers, Vec::new()).await;
        assert_eq!(answer.status, status);
        assert_eq!(answer.json().as_object().unwrap().len(), 1);
    }
}

/// Every import, taken or refused, with who, to whom, what for, how much, until when and how it ended; of a token that is
/// not known to be genuine, that it came and why it was refused.
#[tokio::test]
async fn every_import_is_logged() {
    let world = World::new("log").await;
    let newest = async || Log::of(&world.store).newest().await.unwrap().unwrap().entry;
    let token = from_wallet(&world, &world.wallet, &Making::default());
    let extra =
        Making { disclosed: [asked(), vec![ClaimPath::claim("document_number")]].concat(), ..Making::default() };
    let beyond = from_wallet(&world, &world.wallet, &extra);
    let (_, stranger) = world.stranger();
    let untrusted = from_issuer(&world, &stranger, &decision(42, "Approved"), &Making::default());
    let issuers = from_issuer(&world, &world.signer, &decision(42, "Declined"), &Making::default());
    let rows = [
        (&token, "share.imported", "Approved", true),
        (&token, "share.refused", "already_imported", true),
        (&beyond, "share.refused", "beyond_consent", true),
        (&issuers, "share.imported", "Declined", true),
        (&untrusted, "share.refused", "not_trusted", false),
        (&"nonsense".to_owned(), "share.refused", "not_a_share_token", false),
    ];
    let person = user_pid(AUDIENCE);
    let mut shares = std::collections::BTreeSet::new();
    for (token, action, outcome, genuine) in rows {
        import(&world, token).await;
        let entry = newest().await;
        let fact = |name: &str| entry.facts.get(name).map(String::as_str);
        assert_eq!((&*entry.action, fact("outcome")), (action, Some(outcome)));
        assert_eq!(fact("audience"), Some(AUDIENCE), "{outcome}");
        let known = |expected| if genuine { Some(expected) } else { None };
        assert_eq!(fact("user_pid"), known(person.as_str()), "{outcome}");
        assert_eq!((fact("purpose"), fact("scope")), (known("onboarding"), known("kyc")), "{outcome}");
        assert_eq!(fact("expires"), known("2026-11-23T09:45:00Z"), "{outcome}");
        assert_eq!(fact("share_id").is_some(), genuine, "{outcome}");
        shares.extend(fact("share_id").map(str::to_owned));
        // Who the person is stands nowhere.
        assert!(!serde_json::to_string(&entry).unwrap().contains("ERIKSSON"));
    }
    assert_eq!(shares.len(), 3, "the second try was the first share again");
}

#[tokio::test]
async fn the_log_has_doors_for_the_partner_only() {
    let world = World::new("audit doors").await;
    let token = from_wallet(&world, &world.wallet, &Making::default());
    assert_eq!(import(&world, &token).await.status, 201);
    for path in ["v3/audit/entries", "v3/audit/checkpoint", "v3/audit/proof/inclusion?index=0&size=1"] {
        let refused = world.send(Method::GET, path, &[("x-api-key", "wrong")], Vec::new()).await;
        assert_eq!(refused.status, 403, "{path}");
    }
    let entries = world.get("v3/audit/entries").await.json();
    assert_eq!((&entries["size"], &entries["entries"][0]["entry"]["action"]), (&json!(1), &json!("share.imported")));
    let proof = world.get("v3/audit/proof/inclusion?index=0&size=1").await.json();
    assert_eq!(proof["hashes"], json!([]));
}

/// The partner's own rules: which issuers, how old, and whether a person looks first.
#[tokio::test]
async fn a_partner_decides_for_itself_whose_verifications_it_takes() {
    let rule = |issuer: &str, max_age_days, decision| Rule {
        issuer: issuer.to_owned(),
        max_age_days,
        minimum_assurance: None,
        decision,
    };
    let day = Duration::from_secs(86_400);
    let shared =
        |world: &World, session| from_issuer(world, &world.signer, &decision(session, "Approved"), &Making::default());

    let world = World::importing("others only", vec![rule("another", None, Begins::Automatic)]).await;
    refused(&world, &shared(&world, 1), 403, "issuer_not_accepted").await;
    let wallet = from_wallet(&world, &world.wallet, &Making::default());
    refused(&world, &wallet, 403, "issuer_not_accepted").await;

    let world = World::importing("with a look", vec![rule("*", None, Begins::Review)]).await;
    assert_eq!(import(&world, &shared(&world, 1)).await.json()["status"], "In Review");

    let world = World::importing("fresh only", vec![rule("*", Some(7), Begins::Automatic)]).await;
    assert_eq!(import(&world, &shared(&world, 1)).await.json()["status"], "Approved");
    // A wallet that does not show when the person was verified is not taken at its word.
    let wallet = from_wallet(&world, &world.wallet, &Making::default());
    refused(&world, &wallet, 403, "verification_age_unknown").await;
    let mut old = decision(2, "Approved");
    old.created_at = world.now() - 8 * day;
    let old = from_issuer(&world, &world.signer, &old, &Making::default());
    refused(&world, &old, 403, "verification_too_old").await;

    let strong = Rule { minimum_assurance: Some(Assurance::Cryptographic), ..rule("*", None, Begins::Automatic) };
    let world = World::importing("strong only", vec![strong]).await;
    refused(&world, &shared(&world, 1), 403, "verification_too_weak").await;
    let wallet = from_wallet(&world, &world.wallet, &Making::default());
    refused(&world, &wallet, 403, "verification_assurance_unknown").await;
}
