//! Requests and answers: what is accepted, every check failing alone, and what does not count as an answer.

use std::time::Duration;

use axum::http::Method;
use jiff::SignedDuration;
use serde_json::{Map, Value, json};
use warifu_credential::sd_jwt::KeyBinding;
use warifu_credential::status::Status;
use warifu_credential::{ClaimPath, face_template};
use warifu_keys::jwe::{self, AgreementKey, Encryption};
use warifu_keys::jws::{self, Header, Unverified};
use warifu_keys::{Jwk, SigningKey, base64url, sha256};
use warifu_openid4vc::vp::holder::PresentationRequest;
use warifu_openid4vc::vp::purpose::Purpose;
use warifu_openid4vc::vp::response::{ErrorCode, VpToken};
use warifu_trust::entity::{ServiceStatus, ServiceType};

use crate::world::{API_KEY, World, asked, outcomes, policy};

const NAMES: [&str; 10] = [
    "signature",
    "issuer_trusted",
    "key_binding",
    "aud",
    "nonce",
    "alg_allowed",
    "not_expired",
    "not_revoked",
    "query_satisfied",
    "selfie_reauth",
];

#[tokio::test]
async fn accepted() {
    let world = World::new("accepted").await;
    let (id, link) = world.ask(policy("identity")).await;
    assert_eq!(world.result(&id).await["state"], "waiting");
    let request = world.open(&link).await;
    assert_eq!(world.result(&id).await["state"], "opened");
    let presentation = world.wallet.present(&asked(), &world.binding(&request));
    let answer = world.respond(&request, presentation).await;
    assert_eq!((answer.status, answer.json()), (200, json!({})));
    let result = world.result(&id).await;
    assert_eq!(result["state"], "accepted", "{result}");
    let claims = json!({"given_name": "ANNA MARIA", "family_name": "ERIKSSON", "birthdate": "1974-08-12"});
    assert_eq!(result["claims"], claims);
    assert_eq!(result["issuer"], "Utopia Identity Services");
    assert_eq!(result["presentations"][0]["query_id"], "kyc");
    let outcomes = outcomes(&result);
    assert_eq!(outcomes.len(), 10);
    for (name, outcome) in outcomes {
        assert_eq!(outcome, if name == "selfie_reauth" { "not_run" } else { "pass" }, "{name}");
    }
}

/// The signed request says what for, with or without a selfie; a partner's own words stand in place of the policy's.
#[tokio::test]
async fn the_request_carries_its_purpose() {
    let world = World::new("purpose").await;
    let check = async |body: Value, expected: [&str; 2]| {
        let (id, link) = world.ask(body.clone()).await;
        let request = world.open(&link).await;
        let info = request.object().verifier_info.clone().unwrap();
        let purpose = Purpose::from_verifier_info(&info).unwrap().unwrap();
        assert_eq!(["en", "ja"].map(|language| purpose.in_language(language)), expected, "{body}");
        assert_eq!(world.result(&id).await["purpose"], expected[0]);
    };
    check(policy("identity"), ["Open an account", "口座の開設"]).await;
    check(policy("identity-selfie"), ["Open an account", "口座の開設"]).await;
    check(policy("of-age"), ["Prove that you are of age", "18 歳以上であることの証明"]).await;
    check(json!({"policy": "identity", "purpose": "Rent a bicycle"}), ["Rent a bicycle"; 2]).await;
}

#[tokio::test]
async fn accepted_with_a_selfie_and_a_nested_claim() {
    let world = World::new("selfie").await;
    let (id, link) = world.ask(policy("identity-selfie")).await;
    let request = world.open(&link).await;
    let presentation = world.wallet.present(&asked(), &world.binding(&request));
    assert_eq!(world.respond(&request, presentation).await.status, 200);
    let result = world.result(&id).await;
    assert!(outcomes(&result).values().all(|outcome| outcome == "pass"), "{result}");

    let (id, link) = world.ask(policy("of-age")).await;
    let request = world.open(&link).await;
    let paths = [ClaimPath::claim("age_equal_or_over").name("18")];
    let presentation = world.wallet.present(&paths, &world.binding(&request));
    assert_eq!(world.respond(&request, presentation).await.status, 200);
    assert_eq!(world.result(&id).await["claims"], json!({"age_equal_or_over": {"18": true}}));
}

/// Two credentials in one answer: the outcome of each check is the worst of the two.
#[tokio::test]
async fn several_presentations() {
    let world = World::new("several").await;
    let vct = world.wallet.held.vct();
    let query = |id: &str, claim: &str| {
        json!({
            "id": id, "format": "dc+sd-jwt", "meta": {"vct_values": [vct]}, "claims": [{"path": [claim]}],
        })
    };
    let ask = || json!({"dcql_query": {"credentials": [query("a", "given_name"), query("b", "family_name")]}});
    let other = world.minted_by(&world.issuer, &world.signer, 90);
    let parts = |request: &PresentationRequest, nonce: Option<&str>| {
        let binding = world.binding(request);
        let first = world.wallet.present(&[ClaimPath::claim("given_name")], &binding);
        let binding = KeyBinding { nonce: nonce.map_or(binding.nonce, str::to_owned), ..binding };
        let second = other.present(&[ClaimPath::claim("family_name")], &binding);
        VpToken::of([("a".to_owned(), first), ("b".to_owned(), second)])
    };
    let (id, link) = world.ask(ask()).await;
    let request = world.open(&link).await;
    let response = request.respond(&parts(&request, None), &*world.entropy).unwrap();
    assert_eq!(world.carry(&response).await.status, 200);
    let result = world.result(&id).await;
    assert_eq!(result["presentations"][0]["claims"], json!({"given_name": "ANNA MARIA"}));
    assert_eq!(result["presentations"][1]["claims"], json!({"family_name": "ERIKSSON"}));

    let (id, link) = world.ask(ask()).await;
    let request = world.open(&link).await;
    let response = request.respond(&parts(&request, Some("another")), &*world.entropy).unwrap();
    assert_eq!(world.carry(&response).await.status, 400);
    let result = world.result(&id).await;
    assert_eq!(outcomes(&result)["nonce"], "fail");
    assert_eq!(outcomes(&result)["not_revoked"], "not_run");
    assert_eq!(result["presentations"].as_array().unwrap().len(), 1);
    assert_eq!(result["presentations"][0]["claims"], json!({}));
}

/// Answers `policy` with what `present` makes, and demands that exactly the named checks fail.
async fn fails(
    world: &World,
    name: &str,
    failing: &[&str],
    present: impl FnOnce(&World, &PresentationRequest) -> String,
) -> Value {
    let (id, link) = world.ask(policy(name)).await;
    let request = world.open(&link).await;
    let answer = world.respond(&request, present(world, &request)).await;
    assert_eq!((answer.status, answer.json()), (400, json!({"error": "invalid_request"})), "{failing:?}");
    let result = world.result(&id).await;
    assert_eq!(result["state"], "refused");
    let outcomes = outcomes(&result);
    for name in NAMES {
        assert_eq!(outcomes[name] == "fail", failing.contains(&name), "{name} where {failing:?} fail: {result}");
    }
    for shown in result["presentations"].as_array().unwrap() {
        assert_eq!(shown["claims"], json!({}), "no claim of a refused answer is kept");
    }
    result
}

/// The presentation with another key binding JWT.
fn rebound(presentation: &str, key: &SigningKey, change: impl FnOnce(&mut Map<String, Value>)) -> String {
    let (front, key_binding) = presentation.rsplit_once('~').unwrap();
    let mut claims = Unverified::parse(key_binding).unwrap().dangerous_claims().unwrap();
    change(&mut claims);
    format!("{front}~{}", jws::sign_claims(Header::typ("kb+jwt"), &claims, key).unwrap())
}

fn good(world: &World, request: &PresentationRequest) -> String {
    world.wallet.present(&asked(), &world.binding(request))
}

#[tokio::test]
async fn every_check_of_the_credential_fails_alone() {
    let world = World::new("credential").await;
    let result = fails(&world, "identity", &["signature"], |world, request| {
        let text = good(world, request);
        let mut parts: Vec<String> = text.split('~').map(str::to_owned).collect();
        let last = parts.len() - 1;
        let disclosure = parts[1..last]
            .iter()
            .position(|part| String::from_utf8(base64url::decode(part).unwrap()).unwrap().contains("ERIKSSON"));
        let at = 1 + disclosure.unwrap();
        let changed = String::from_utf8(base64url::decode(&parts[at]).unwrap()).unwrap().replace("ERIKSSON", "ERIKSEN");
        parts[at] = base64url::encode(changed.as_bytes());
        let front = parts[..last].join("~") + "~";
        let sd_hash = base64url::encode(&sha256(front.as_bytes()));
        rebound(&format!("{front}{}", parts[last]), &world.wallet.key, |claims| {
            claims.insert("sd_hash".to_owned(), json!(sd_hash));
        })
    })
    .await;
    assert_eq!(outcomes(&result)["issuer_trusted"], "not_run", "nothing is known of who signed");

    fails(&world, "identity", &["issuer_trusted"], |world, request| {
        let (foreign, signer) = world.stranger();
        world.minted_by(&foreign, &signer, 90).present(&asked(), &world.binding(request))
    })
    .await;

    // Midnight comes between the request and the answer.
    world.hands.set("2026-11-23T23:58:00Z".parse().unwrap());
    let result = fails(&world, "identity", &["not_expired"], |world, request| {
        let short = world.minted_by(&world.issuer, &world.signer, 1);
        world.hands.step(Duration::from_secs(120));
        short.present(&asked(), &world.binding(request))
    })
    .await;
    assert_eq!(outcomes(&result)["issuer_trusted"], "pass");
}

#[tokio::test]
async fn what_is_revoked_or_can_not_be_looked_up_is_refused() {
    let world = World::new("revoked").await;
    world.outside.lock().unwrap().status_up = false;
    fails(&world, "identity", &["not_revoked"], good).await;
    world.outside.lock().unwrap().status_up = true;
    for status in [Status::Invalid, Status::Suspended, Status::Other(3)] {
        world.outside.lock().unwrap().status = status;
        world.hands.step(Duration::from_secs(601));
        let result = fails(&world, "identity", &["not_revoked"], good).await;
        assert_eq!(outcomes(&result)["not_expired"], "pass");
    }
    world.outside.lock().unwrap().status = Status::Valid;
    world.set_standing("issuer", ServiceType::Status, ServiceStatus::Suspended);
    world.hands.step(Duration::from_secs(601));
    fails(&world, "identity", &["not_revoked"], good).await;
}

#[tokio::test]
async fn without_a_usable_list_everything_is_refused() {
    let world = World::new("no list").await;
    world.outside.lock().unwrap().registry_up = false;
    fails(&world, "identity", &["issuer_trusted"], good).await;
    // The registry is back: asked again soon, and from then on its list serves until its own end.
    world.outside.lock().unwrap().registry_up = true;
    world.hands.step(Duration::from_secs(6));
    assert_accepted(&world).await;
    world.outside.lock().unwrap().registry_up = false;
    world.hands.step(Duration::from_secs(1800));
    assert_accepted(&world).await;
    world.hands.step(Duration::from_secs(1800));
    fails(&world, "identity", &["issuer_trusted"], good).await;
}

async fn assert_accepted(world: &World) {
    let (id, link) = world.ask(policy("identity")).await;
    let request = world.open(&link).await;
    assert_eq!(world.respond(&request, good(world, &request)).await.status, 200);
    assert_eq!(world.result(&id).await["state"], "accepted");
}

#[tokio::test]
async fn a_suspended_issuer_is_refused_by_name() {
    let world = World::new("suspended").await;
    assert_accepted(&world).await;
    world.set_standing("issuer", ServiceType::KycIssuance, ServiceStatus::Suspended);
    let result = fails(&world, "identity", &["issuer_trusted"], good).await;
    let check = result["checks"].as_array().unwrap().iter().find(|check| check["name"] == "issuer_trusted").unwrap();
    assert!(check["detail"].as_str().unwrap().contains("suspended"), "{check}");
}

#[tokio::test]
async fn every_check_of_the_key_binding_fails_alone() {
    let world = World::new("binding").await;
    let front = |text: &str| text.rsplit_once('~').unwrap().0.to_owned() + "~";
    let result = fails(&world, "identity", &["key_binding"], |world, request| front(&good(world, request))).await;
    assert_eq!(outcomes(&result)["signature"], "not_run", "the signature was not looked at");

    fails(&world, "identity", &["key_binding"], |world, request| {
        let foreign = SigningKey::generate_p256(&*world.entropy);
        rebound(&good(world, request), &foreign, |_| ())
    })
    .await;
    for (name, value) in [("sd_hash", json!("AAAA")), ("iat", json!(1)), ("iat", json!("now")), ("iat", json!(1e11))] {
        fails(&world, "identity", &["key_binding"], |world, request| {
            rebound(&good(world, request), &world.wallet.key, |claims| drop(claims.insert(name.to_owned(), value)))
        })
        .await;
    }
    for name in ["aud", "nonce"] {
        for value in [json!("x509_hash:another"), Value::Null] {
            fails(&world, "identity", &[name], |world, request| {
                rebound(&good(world, request), &world.wallet.key, |claims| drop(claims.insert(name.to_owned(), value)))
            })
            .await;
        }
    }
    fails(&world, "identity", &["alg_allowed"], |world, request| {
        rebound(&good(world, request), &SigningKey::generate_ed25519(&*world.entropy), |_| ())
    })
    .await;
    fails(&world, "identity", &["alg_allowed"], |world, request| {
        let none = base64url::encode(br#"{"alg":"none","typ":"kb+jwt"}"#);
        let text = good(world, request);
        let (front, key_binding) = text.rsplit_once('~').unwrap();
        let payload = key_binding.split('.').nth(1).unwrap();
        format!("{front}~{none}.{payload}.AA")
    })
    .await;
    fails(&world, "identity", &["signature"], |_, _| "garbage".to_owned()).await;
}

#[tokio::test]
async fn what_was_asked_for_and_no_more() {
    let world = World::new("query").await;
    fails(&world, "identity", &["query_satisfied"], |world, request| {
        world.wallet.present(&asked()[..2], &world.binding(request))
    })
    .await;
    for extra in ["document_number", "nationalities", "age_equal_or_over"] {
        fails(&world, "identity", &["query_satisfied"], |world, request| {
            let paths = [asked(), vec![ClaimPath::claim(extra)]].concat();
            world.wallet.present(&paths, &world.binding(request))
        })
        .await;
    }
    // One entry of an array and one member of an object may stand alone; their neighbours may not come along.
    for (asked, given, status) in [
        (json!(["nationalities", 1]), ClaimPath::claim("nationalities").index(1), 200),
        (json!(["nationalities", null]), ClaimPath::claim("nationalities"), 200),
        (json!(["age_equal_or_over", "18"]), ClaimPath::claim("age_equal_or_over"), 400),
        (json!(["age_equal_or_over"]), ClaimPath::claim("age_equal_or_over"), 200),
    ] {
        let vct = world.wallet.held.vct();
        let credential = json!({
            "id": "kyc", "format": "dc+sd-jwt", "meta": {"vct_values": [vct]}, "claims": [{"path": asked}],
        });
        let (_, link) = world.ask(json!({"dcql_query": {"credentials": [credential]}})).await;
        let request = world.open(&link).await;
        let presentation = world.wallet.present(&[given], &world.binding(&request));
        assert_eq!(world.respond(&request, presentation).await.status, status, "{credential}");
    }
}

#[tokio::test]
async fn the_selfie_has_to_be_real() {
    let world = World::new("reauth").await;
    let with = |world: &World, request: &PresentationRequest, assertion: &selfie::Assertion| {
        let entries: Vec<_> = request.transaction_data().iter().map(|entry| entry.encoded()).collect();
        let extra = assertion.key_binding_claims(&entries);
        world.wallet.present(&asked(), &KeyBinding { extra, ..world.binding(request) })
    };
    fails(&world, "identity-selfie", &["selfie_reauth"], |world, request| {
        world.wallet.present(&asked(), &KeyBinding { extra: Map::new(), ..world.binding(request) })
    })
    .await;
    let changes: [fn(&mut selfie::Assertion); 5] = [
        |it| it.matched_at -= SignedDuration::from_secs(60),
        |it| it.matched_at += SignedDuration::from_secs(60),
        |it| it.model = selfie::model_id("other"),
        |it| it.operating_point = "fmr-1e-1".to_owned(),
        |it| it.template_digest = base64url::encode(&[9; 32]),
    ];
    for change in changes {
        fails(&world, "identity-selfie", &["selfie_reauth"], |world, request| {
            let mut assertion = world.assertion();
            change(&mut assertion);
            with(world, request, &assertion)
        })
        .await;
    }
    // A disclosed template is no secret of the device any more, and nobody asked for it either.
    fails(&world, "identity-selfie", &["selfie_reauth", "query_satisfied"], |world, request| {
        let paths = [asked(), vec![ClaimPath::claim(face_template::CLAIM)]].concat();
        world.wallet.present(&paths, &world.binding(request))
    })
    .await;
    // An active check of liveness is demanded and only a passive one was made.
    let active = json!({"max_age": 60, "liveness": "active", "operating_point": "fmr-1e-3"});
    let (id, link) = world.ask(json!({"policy": "identity", "selfie_reauth": active})).await;
    let request = world.open(&link).await;
    assert_eq!(world.respond(&request, good(&world, &request)).await.status, 400);
    assert_eq!(outcomes(&world.result(&id).await)["selfie_reauth"], "fail");
}

mod selfie {
    pub(super) use warifu_credential::selfie_reauth::Assertion;

    pub(super) fn model_id(name: &str) -> warifu_credential::face_template::ModelId {
        warifu_credential::face_template::ModelId::new(name, &[2; 32]).unwrap()
    }
}

#[tokio::test]
async fn handed_out_once_and_answered_once() {
    let world = World::new("once").await;
    let (id, link) = world.ask(policy("identity")).await;
    let path = format!("vp/{id}/request");
    assert_eq!(world.get("vp/AAAA/request").await.status, 404);
    let early = world.send(Method::POST, &format!("vp/{id}/response"), &[], b"error=access_denied".to_vec()).await;
    assert_eq!(early.status, 400, "nobody has the request yet");
    let request = world.open(&link).await;
    assert_eq!(world.get(&path).await.status, 409);

    let presentation = good(&world, &request);
    let vp_token = VpToken::of([("kyc".to_owned(), presentation)]);
    let response = request.respond(&vp_token, &*world.entropy).unwrap();
    let all = at_once(&response, 8).await;
    assert_eq!(all.iter().filter(|status| **status == 200).count(), 1, "{all:?}");
    assert_eq!(all.iter().filter(|status| **status == 400).count(), 7, "{all:?}");
    assert_eq!(world.carry(&response).await.status, 400);
    assert_eq!(world.result(&id).await["state"], "accepted");
    assert_eq!(world.get(&path).await.status, 409);
}

/// The same response so often at the same time.
async fn at_once(response: &warifu_openid4vc::http::Request, times: usize) -> Vec<u16> {
    let mut tasks = tokio::task::JoinSet::new();
    let client = warifu_server::fetch::Fetcher::new(
        warifu_server::fetch::Policy::Loopback,
        warifu_server::fetch::Limits::default(),
    )
    .unwrap();
    for _ in 0..times {
        let (client, response) = (client.clone(), response.clone());
        tasks.spawn(async move {
            let body = response.body.clone();
            let kind = "application/x-www-form-urlencoded";
            client.post_bytes(&response.url, kind, body, &[]).await.unwrap().status.as_u16()
        });
    }
    tasks.join_all().await
}

#[tokio::test]
async fn what_came_too_late() {
    let world = World::new("late").await;
    let (id, link) = world.ask(policy("identity")).await;
    let request = world.open(&link).await;
    let presentation = good(&world, &request);
    let (unopened, _) = world.ask(policy("identity")).await;
    world.hands.step(Duration::from_secs(300));
    assert_eq!(world.respond(&request, presentation).await.status, 400);
    assert_eq!(world.result(&id).await["state"], "expired");
    assert_eq!(world.get(&format!("vp/{unopened}/request")).await.status, 410);
    assert_eq!(world.result(&unopened).await["state"], "expired");
}

#[tokio::test]
async fn noise_does_not_end_a_request() {
    let world = World::new("noise").await;
    let (id, link) = world.ask(policy("identity")).await;
    let request = world.open(&link).await;
    let path = format!("vp/{id}/response");
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let another = AgreementKey::generate(&*world.entropy).public_jwk();
    let stranger = jwe::encrypt(b"{}", &another, Encryption::A256Gcm, Map::new(), &*world.entropy).unwrap();
    let noise = [
        String::new(),
        "response=".to_owned(),
        "response=a.b.c.d.e".to_owned(),
        "response=a&response=b".to_owned(),
        "vp_token=%7B%7D".to_owned(),
        "error=access_denied".to_owned(),
        "error=access_denied&state=wrong".to_owned(),
        format!("response={stranger}"),
        "\u{0}\u{1}%ff%fe".to_owned(),
    ];
    for body in noise {
        let answer = world.send(Method::POST, &path, &form, body.clone().into_bytes()).await;
        assert_eq!((answer.status, answer.json()), (400, json!({"error": "invalid_request"})), "`{body}`");
    }
    let huge = world.send(Method::POST, &path, &form, vec![b'a'; (4 << 20) + 1]).await;
    assert_eq!(huge.status, 413);
    assert_eq!(world.result(&id).await["state"], "opened");
    assert_eq!(world.respond(&request, good(&world, &request)).await.status, 200);
}

#[tokio::test]
async fn an_answer_in_the_wrong_form_ends_it() {
    let world = World::new("form").await;
    let (id, link) = world.ask(policy("identity")).await;
    let request = world.open(&link).await;
    let state = request.object().state.clone().unwrap();
    let plain = json!({"kyc": [good(&world, &request)]}).to_string();
    let plain = warifu_openid4vc::http::Request::form(
        world.url.join(&format!("vp/{id}/response")).unwrap(),
        &[("vp_token", &plain), ("state", &state)],
    );
    assert_eq!(world.carry(&plain).await.status, 400);
    let result = world.result(&id).await;
    assert_eq!((&result["state"], &result["reason"]), (&json!("failed"), &json!("not_encrypted")));

    // Named as ours, encrypted to another key; then ours, with another state, and with no answer inside.
    for (payload, ours, reason) in [
        (json!({}), false, "can_not_be_decrypted"),
        (json!({"vp_token": {"kyc": ["a~"]}, "state": "wrong"}), true, "wrong_state"),
        (json!({"state": "STATE"}), true, "no_usable_vp_token"),
        (json!({"state": "STATE", "vp_token": {"other": ["a~"]}}), true, "no_usable_vp_token"),
        (json!({"state": "STATE", "vp_token": {"kyc": []}}), true, "no_usable_vp_token"),
    ] {
        let (id, link) = world.ask(policy("identity")).await;
        let request = world.open(&link).await;
        let key = request.object().encryption_key().unwrap();
        let another = AgreementKey::generate(&*world.entropy).public_jwk();
        let to = if ours { key.clone() } else { Jwk { kid: key.kid.clone(), ..another } };
        let payload = payload.to_string().replace("STATE", request.object().state.as_deref().unwrap());
        let jwe = jwe::encrypt(payload.as_bytes(), &to, Encryption::A256Gcm, Map::new(), &*world.entropy).unwrap();
        let url = world.url.join(&format!("vp/{id}/response")).unwrap();
        let response = warifu_openid4vc::http::Request::form(url, &[("response", &jwe)]);
        assert_eq!(world.carry(&response).await.status, 400);
        let result = world.result(&id).await;
        assert_eq!((&result["state"], &result["reason"]), (&json!("failed"), &json!(reason)), "{payload}");
    }
}

#[tokio::test]
async fn a_denial_is_an_answer() {
    let world = World::new("denial").await;
    let (id, link) = world.ask(policy("identity")).await;
    let request = world.open(&link).await;
    let answer = world.carry(&request.refuse(ErrorCode::AccessDenied)).await;
    assert_eq!((answer.status, answer.json()), (200, json!({})));
    assert_eq!(world.result(&id).await["state"], "denied");
    assert_eq!(world.respond(&request, good(&world, &request)).await.status, 400);
    assert_eq!(world.result(&id).await["state"], "denied");
}

#[tokio::test]
async fn requests_that_are_not_made() {
    let world = World::new("bad requests").await;
    let credential = |more: Value| {
        let mut credential = json!({"id": "kyc", "format": "dc+sd-jwt", "meta": {"vct_values": ["x"]}});
        credential.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({"dcql_query": {"credentials": [credential]}})
    };
    let w3c = json!({"format": "ldp_vc", "meta": {"type_values": [["x"]]}});
    let mdoc = json!({"format": "mso_mdoc", "meta": {"doctype_value": "x"}, "claims": [{"path": ["face_template"]}]});
    for (body, code) in [
        (json!({"policy": "nobody's"}), "unknown_policy"),
        (json!({"policy": "identity", "dcql_query": {}}), "policy_and_query"),
        (json!({"dcql_query": {}}), "bad_query"),
        (json!({"dcql_query": {"credentials": []}}), "bad_query"),
        (credential(w3c), "unsupported_query"),
        (credential(mdoc), "bad_query"),
        (json!({"policy": "identity", "formats": "ldp_vc"}), "bad_json"),
        (credential(json!({"require_cryptographic_holder_binding": false})), "unsupported_query"),
        (credential(json!({"trusted_authorities": [{"type": "etsi_tl", "values": ["x"]}]})), "unsupported_query"),
        (json!({"policy": "identity", "purpose": ""}), "bad_purpose"),
        (json!({"policy": "identity", "purpose": "x".repeat(201)}), "bad_purpose"),
        (json!({"policy": "identity", "selfie_reauth": {"max_age": 0}}), "bad_selfie_reauth"),
        (json!({"policy": "identity", "selfie_reauth": {"max_agee": 5}}), "bad_json"),
        (json!({"policy": "identity", "selfie_reath": true}), "bad_json"),
        (json!([]), "bad_json"),
    ] {
        let answer = world.post("v1/requests", &body).await;
        assert_eq!((answer.status, &answer.json()["code"]), (400, &json!(code)), "{body}: {}", answer.text);
    }
    // A selfie can be demanded with a query of one's own, too.
    world.ask(credential(json!({"id": "mine"}))).await;
    let mut own = credential(json!({"id": "mine"}));
    own["selfie_reauth"] = json!(true);
    world.ask(own.clone()).await;
    own["formats"] = json!("mso_mdoc");
    assert_eq!(
        world.post("v1/requests", &own).await.json()["code"],
        "unsupported_query",
        "it takes the other format only"
    );

    for key in [&[][..], &[("x-api-key", "wrong")], &[("authorization", "Bearer wrong")]] {
        let headers = [key, &[("content-type", "application/json")]].concat();
        let answer = world.send(Method::POST, "v1/requests", &headers, b"{".to_vec()).await;
        assert_eq!((answer.status, &answer.json()["code"]), (403, &json!("api_key")));
        assert_eq!(world.send(Method::GET, "v1/requests/x", &headers, Vec::new()).await.status, 403);
    }
    let bearer = [("authorization", format!("Bearer {API_KEY}"))];
    let bearer = [(bearer[0].0, bearer[0].1.as_str())];
    assert_eq!(world.send(Method::GET, "v1/requests/x", &bearer, Vec::new()).await.status, 404);
    for id in ["x", "AAAA%00", &"A".repeat(43), &"A".repeat(5000)] {
        assert_eq!(world.get(&format!("v1/requests/{id}")).await.status, 404);
    }
}
