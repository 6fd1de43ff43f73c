//! What an attacker, or a broken wallet, sends: each is refused by the exact check, the request is used up, and whoever posted
//! learns one word.

use std::time::Duration;

use serde_json::{Map, Value, json};
use warifu_credential::ClaimPath;
use warifu_credential::sd_jwt::KeyBinding;
use warifu_keys::jws::{self, Header, Unverified};
use warifu_keys::x509::Purpose;
use warifu_keys::{base64url, sha256};
use warifu_openid4vc::vp::holder::PresentationRequest;
use warifu_openid4vc::vp::response::VpToken;
use warifu_trust::bundle::Credentials;

use crate::world::{World, asked, leaf, outcomes, policy};

/// Answers with what `make` gives; the checks that failed, and the whole result.
async fn failing(world: &World, make: impl FnOnce(&PresentationRequest) -> VpToken) -> (Vec<String>, Value) {
    let (id, link) = world.ask(policy("identity")).await;
    let request = world.open(&link).await;
    let response = request.respond(&make(&request), &*world.entropy).unwrap();
    let answer = world.carry(&response).await;
    assert_eq!((answer.status, answer.json()), (400, json!({"error": "invalid_request"})));
    // Whatever came of it, the same answer is not taken again.
    assert_eq!(world.carry(&response).await.json(), json!({"error": "invalid_request"}));
    let result = world.result(&id).await;
    assert_eq!(result["state"], "refused", "{result}");
    for shown in result["presentations"].as_array().unwrap() {
        assert_eq!(shown["claims"], json!({}));
    }
    for check in result["checks"].as_array().unwrap() {
        assert_ne!(check["detail"], "", "{check}: every check says its value or reason");
    }
    let failed = outcomes(&result).into_iter().filter(|(_, outcome)| outcome == "fail").map(|(name, _)| name);
    (failed.collect(), result)
}

fn one(text: String) -> VpToken {
    VpToken::of([("kyc".to_owned(), text)])
}

/// The presentation with other disclosures, and a key binding that covers them.
fn redisclosed(world: &World, text: &str, change: impl FnOnce(&mut Vec<String>)) -> String {
    let mut parts: Vec<String> = text.split('~').map(str::to_owned).collect();
    let binding = parts.pop().unwrap();
    let jwt = parts.remove(0);
    change(&mut parts);
    let front = format!("{jwt}~{}~", parts.join("~"));
    let mut claims = Unverified::parse(&binding).unwrap().dangerous_claims().unwrap();
    claims.insert("sd_hash".to_owned(), json!(base64url::encode(&sha256(front.as_bytes()))));
    format!("{front}{}", jws::sign_claims(Header::typ("kb+jwt"), &claims, &world.wallet.key).unwrap())
}

#[tokio::test]
async fn disclosures_that_do_not_belong() {
    let world = World::new("disclosures").await;
    type Change = fn(&mut Vec<String>);
    let rows: [(&str, Change); 6] = [
        ("twice", |parts| parts.push(parts[0].clone())),
        ("without a digest", |parts| parts.push(base64url::encode(br#"["c2FsdHNhbHRzYWx0c2FsdA","given_name","X"]"#))),
        ("a reserved name", |parts| parts.push(base64url::encode(br#"["c2FsdHNhbHRzYWx0c2FsdA","_sd",["x"]]"#))),
        ("of another shape", |parts| parts.push(base64url::encode(br#"{"given_name":"X"}"#))),
        ("no encoding", |parts| parts.push("%%%".to_owned())),
        ("an empty one", |parts| parts.push(String::new())),
    ];
    for (name, change) in rows {
        let (failed, _) = failing(&world, |request| {
            one(redisclosed(&world, &world.wallet.present(&asked(), &world.binding(request)), change))
        })
        .await;
        assert_eq!(failed, ["signature"], "{name}");
    }
    // As it came, it is accepted: the test's own hands are clean.
    let (id, link) = world.ask(policy("identity")).await;
    let request = world.open(&link).await;
    let text = redisclosed(&world, &world.wallet.present(&asked(), &world.binding(&request)), |_| ());
    assert_eq!(world.respond(&request, text).await.status, 200);
    assert_eq!(world.result(&id).await["state"], "accepted");
}

/// `VP1FinalVerifierKbJwtIatInPast` and `VP1FinalVerifierKbJwtIatInFuture`.
#[tokio::test]
async fn key_bindings_of_another_time() {
    let world = World::new("times").await;
    let year = Duration::from_secs(365 * 86_400);
    let minutes = Duration::from_secs(61);
    for (name, ahead, by) in [("a year ago", false, year), ("in a year", true, year), ("a minute ahead", true, minutes)]
    {
        let (failed, _) = failing(&world, |request| {
            let binding = world.binding(request);
            let issued_at = if ahead { binding.issued_at + by } else { binding.issued_at - by };
            one(world.wallet.present(&asked(), &KeyBinding { issued_at, ..binding }))
        })
        .await;
        assert_eq!(failed, ["key_binding"], "{name}");
    }
}

#[tokio::test]
async fn credentials_that_were_not_asked_for() {
    let world = World::new("others").await;
    let (failed, result) = failing(&world, |request| {
        let other = world.minted_as("https://issuer.example/vct/other/1", &world.issuer, &world.signer);
        one(other.present(&asked(), &world.binding(request)))
    })
    .await;
    assert_eq!(failed, ["query_satisfied"]);
    assert!(result.to_string().contains("another type"), "{result}");

    // An SD-JWT VC where an mdoc was asked for: it is none.
    let (failed, _) = failing(&world, |request| {
        VpToken::of([("kyc-mdoc".to_owned(), world.wallet.present(&asked(), &world.binding(request)))])
    })
    .await;
    assert_eq!(failed, ["signature"]);

    // Both alternatives in full are one too many only where the other is no option of its own; an answer to a query that
    // was never asked, or two where one was asked, is no answer at all.
    for vp_token in [
        |text: String| json!({"kyc": [text], "extra": ["x"]}),
        |text: String| json!({"kyc": [text, "x"]}),
        |_: String| json!({"kyc": "text"}),
        |_: String| json!([]),
    ] {
        let (id, link) = world.ask(policy("identity")).await;
        let request = world.open(&link).await;
        let text = world.wallet.present(&asked(), &world.binding(&request));
        let payload = json!({"vp_token": vp_token(text), "state": request.object().state});
        let key = request.object().encryption_key().unwrap();
        let encryption = warifu_keys::jwe::Encryption::A256Gcm;
        let sealed = payload.to_string().into_bytes();
        let jwe = warifu_keys::jwe::encrypt(&sealed, key, encryption, Map::new(), &*world.entropy).unwrap();
        let url = world.url.join(&format!("vp/{id}/response")).unwrap();
        let answer = world.carry(&warifu_openid4vc::http::Request::form(url, &[("response", &jwe)])).await;
        assert_eq!((answer.status, answer.json()), (400, json!({"error": "invalid_request"})));
        let result = world.result(&id).await;
        assert_eq!((&result["state"], &result["reason"]), (&json!("failed"), &json!("no_usable_vp_token")));
    }
}

#[tokio::test]
async fn chains_that_lead_nowhere() {
    let world = World::new("chains").await;
    let shown = |signer: &Credentials, request: &PresentationRequest| {
        // Minted by hand: the holder would not take it.
        let text = world.wallet.present(&asked(), &world.binding(request));
        let (jwt, rest) = text.split_once('~').unwrap();
        let jws = Unverified::parse(jwt).unwrap();
        let header = Header::typ("dc+sd-jwt").x5c(&signer.chain);
        let forged = jws::sign_claims(header, &jws.dangerous_claims().unwrap(), &signer.key).unwrap();
        let front = rest.rsplit_once('~').unwrap().0;
        let front = format!("{forged}~{front}~");
        let mut claims = Unverified::parse(text.rsplit('~').next().unwrap()).unwrap().dangerous_claims().unwrap();
        claims.insert("sd_hash".to_owned(), json!(base64url::encode(&sha256(front.as_bytes()))));
        one(format!("{front}{}", jws::sign_claims(Header::typ("kb+jwt"), &claims, &world.wallet.key).unwrap()))
    };
    // Of the trusted authority, but for another purpose; ended before; begun after; and its own.
    let past = "2024-01-01T00:00:00Z".parse().unwrap();
    let future = "2027-01-01T00:00:00Z".parse().unwrap();
    let start = "2026-11-22T00:00:00Z".parse().unwrap();
    let name = "Utopia Identity Services";
    let expired = leaf(&world.issuer, &*world.entropy, name, Purpose::DocumentSigner, past);
    let early = leaf(&world.issuer, &*world.entropy, name, Purpose::DocumentSigner, future);
    let access = leaf(&world.issuer, &*world.entropy, name, Purpose::Access, start);
    for (case, signer) in [("expired", &expired), ("not begun", &early), ("another purpose", &access)] {
        let (failed, _) = failing(&world, |request| shown(signer, request)).await;
        assert_eq!(failed, ["issuer_trusted"], "{case}");
    }
    let (foreign, signer) = world.stranger();
    let (failed, _) = failing(&world, |request| shown(&signer, request)).await;
    assert_eq!(failed, ["issuer_trusted"], "{}", foreign.certificate().subject());
    // The trusted leaf with another key behind it.
    let borrowed = Credentials { chain: world.signer.chain.clone(), key: signer.key.clone() };
    let (failed, _) = failing(&world, |request| shown(&borrowed, request)).await;
    assert_eq!(failed, ["signature"]);
    let none = Credentials { chain: Vec::new(), key: world.signer.key.clone() };
    let (failed, _) = failing(&world, |request| shown(&none, request)).await;
    assert_eq!(failed, ["issuer_trusted"], "no chain at all");
}

/// A JWE that says `zip` is refused before anything is unpacked.
#[tokio::test]
async fn compressed_answers() {
    let world = World::new("zip").await;
    let (id, link) = world.ask(policy("identity")).await;
    let request = world.open(&link).await;
    let text = world.wallet.present(&asked(), &world.binding(&request));
    let response = request.respond(&one(text.clone()), &*world.entropy).unwrap();
    let body = String::from_utf8(response.body.clone()).unwrap();
    let jwe = body.strip_prefix("response=").unwrap();
    let (header, rest) = jwe.split_once('.').unwrap();
    let mut header: Map<String, Value> = serde_json::from_slice(&base64url::decode(header).unwrap()).unwrap();
    header.insert("zip".to_owned(), json!("DEF"));
    let header = base64url::encode(&serde_json::to_vec(&header).unwrap());
    let zipped =
        warifu_openid4vc::http::Request::form(response.url.clone(), &[("response", &format!("{header}.{rest}"))]);
    let answer = world.carry(&zipped).await;
    assert_eq!((answer.status, answer.json()), (400, json!({"error": "invalid_request"})));
    assert_eq!(world.result(&id).await["state"], "opened", "it is no answer to this request");
    assert_eq!(world.respond(&request, text).await.status, 200);
}

/// The answer to one request, sent to another, or once that has ended.
#[tokio::test]
async fn answers_at_the_wrong_door() {
    let world = World::new("doors").await;
    let (first, link) = world.ask(policy("identity")).await;
    let request = world.open(&link).await;
    let (second, link) = world.ask(policy("identity")).await;
    let other = world.open(&link).await;
    let text = world.wallet.present(&asked(), &world.binding(&request));
    let mut crossed = request.respond(&one(text.clone()), &*world.entropy).unwrap();
    crossed.url = other.object().response_uri.clone();
    assert_eq!(world.carry(&crossed).await.status, 400);
    assert_eq!(world.result(&second).await["state"], "opened");
    for id in ["x", &"A".repeat(43), "..%2f..", &"%00".repeat(9)] {
        crossed.url = world.url.join(&format!("vp/{id}/response")).unwrap();
        let answer = world.carry(&crossed).await;
        assert_eq!((answer.status, answer.json()), (404, json!({"error": "invalid_request"})), "{id}");
    }
    // An answer under another request's key, with this one's nonce: the state inside is the other's.
    assert_eq!(world.respond(&request, text).await.status, 200);
    assert_eq!(world.result(&first).await["state"], "accepted");
    let stale = world.wallet.present(&[ClaimPath::claim("given_name")], &world.binding(&other));
    world.hands.step(Duration::from_secs(300));
    assert_eq!(world.respond(&other, stale).await.status, 400);
    assert_eq!(world.result(&second).await["state"], "expired");
}
