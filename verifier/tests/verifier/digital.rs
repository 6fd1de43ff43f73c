//! Requests over the Digital Credentials API: what the page gets for the browser, what it may bring back, and from where.

use axum::http::Method;
use serde_json::{Map, Value, json};
use warifu_credential::mdoc::{DataElements, DeviceKey};
use warifu_credential::sd_jwt::KeyBinding;
use warifu_keys::{Signer as _, SigningKey, base64url};
use warifu_openid4vc::vp::client_id::Prefix;
use warifu_openid4vc::vp::dc_api::Protocol;
use warifu_openid4vc::vp::dc_api::holder::{PresentationRequest, ReceivedRequest, refusal};
use warifu_openid4vc::vp::identity::{Answers, Attester, Terms};
use warifu_openid4vc::vp::response::{ErrorCode, VpToken};

use crate::pages::{begin, id_of, keep};
use crate::world::{ATTESTER, Answer, World, asked, outcomes, policy};

/// What the browser says of the page.
fn origin(world: &World) -> String {
    world.url.origin().ascii_serialization()
}

async fn post(world: &World, path: &str, cookies: &str, origin: &str, body: &Value) -> Answer {
    let mut headers = vec![("content-type", "application/json"), ("cookie", cookies)];
    if !origin.is_empty() {
        headers.push(("origin", origin));
    }
    // Browsers that can ask wallets say this as well.
    headers.push(("sec-fetch-site", "same-origin"));
    world.send(Method::POST, path, &headers, body.to_string().into_bytes()).await
}

/// The data that the page gets for one protocol.
async fn data(world: &World, page: &str, cookies: &str, protocol: Protocol) -> Value {
    let path = format!("request/{}/digital", id_of(page));
    let answer = post(world, &path, cookies, &origin(world), &json!({"protocols": [protocol.name()]})).await;
    assert_eq!((answer.status, answer.header("cache-control")), (200, "no-store"), "{}", answer.text);
    let requests = answer.json()["requests"].as_array().unwrap().clone();
    assert_eq!((requests.len(), &requests[0]["protocol"]), (1, &json!(protocol.name())));
    requests[0]["data"].clone()
}

fn read(world: &World, protocol: Protocol, data: &Value, origin: &str) -> PresentationRequest {
    let key = world.access.key.public_key();
    let method = warifu_w3c::did::jwk::method(&key);
    let attesters = [Attester { identifier: ATTESTER.to_owned(), key: world.attester.public_key() }];
    let terms = Terms { verification_methods: &[(method, key)], attesters: &attesters, answers: Answers::AsAsked };
    let received = ReceivedRequest::parse(protocol.name(), data.to_string().as_bytes(), origin).unwrap();
    received.authenticate(&terms, world.now()).unwrap().understand(&["urn:warifu:selfie-reauth:1"]).unwrap()
}

fn binding(world: &World, request: &PresentationRequest) -> KeyBinding {
    let entries: Vec<_> = request.transaction_data().iter().map(|entry| entry.encoded()).collect();
    let extra = if entries.is_empty() { Map::new() } else { world.assertion().key_binding_claims(&entries) };
    KeyBinding { audience: request.audience(), nonce: request.nonce().to_owned(), issued_at: world.now(), extra }
}

fn good(world: &World, request: &PresentationRequest) -> VpToken {
    VpToken::of([("kyc".to_owned(), world.wallet.present(&asked(), &binding(world, request)))])
}

async fn respond(world: &World, page: &str, cookies: &str, origin: &str, protocol: Protocol, data: Value) -> Answer {
    let body = json!({"protocol": protocol.name(), "data": data});
    post(world, &format!("request/{}/digital/response?lang=en", id_of(page)), cookies, origin, &body).await
}

#[tokio::test]
async fn every_protocol_and_both_forms_of_answer() {
    let world = World::new("digital").await;
    let holder = world.minted_mdoc(&world.issuer, &world.signer, SigningKey::generate_p256(&*world.entropy), 90);
    for protocol in Protocol::ALL {
        for mode in ["direct_post", "direct_post.jwt"] {
            for prefix in [Prefix::X509Hash, Prefix::DecentralizedIdentifier, Prefix::RedirectUri] {
                for mdoc in [false, true] {
                    let case = format!("{} {mode} {} {mdoc}", protocol.name(), prefix.name());
                    let wanted =
                        json!({"policy": "identity", "response_mode": mode, "client_id_prefix": prefix.name()});
                    let created = world.post("v1/requests", &wanted).await.json();
                    let first = world.browse(created["page_url"].as_str().unwrap(), "").await;
                    let cookie = first.header("set-cookie").split(';').next().unwrap().to_owned();
                    let page = first.header("location").to_owned();
                    let data = data(&world, &page, &cookie, protocol).await;
                    let request = read(&world, protocol, &data, &origin(&world));
                    let signers: Vec<Prefix> =
                        request.signed().iter().map(|signed| signed.client_id.prefix()).collect();
                    match protocol {
                        Protocol::Unsigned => assert!(signers.is_empty()),
                        Protocol::Signed if prefix == Prefix::RedirectUri => {
                            assert_eq!(signers, [Prefix::X509Hash], "{case}");
                        }
                        Protocol::Signed => assert_eq!(signers, [prefix], "{case}"),
                        Protocol::Multisigned => assert_eq!(signers.len(), 4, "{case}"),
                    }
                    for signed in request.signed() {
                        assert!(signed.verifier_info.as_ref().unwrap().to_string().contains("Open an account"));
                    }
                    let encrypted = request.content().encryption_key().is_some();
                    assert_eq!(encrypted, mode == "direct_post.jwt", "{case}");
                    let vp_token = if mdoc {
                        let elements =
                            ["given_name", "family_name", "birth_date"].map(|name| ("org.warifu.kyc.1", name));
                        let transcript = request.session_transcript().unwrap();
                        let key = DeviceKey::Signs(&holder.key);
                        let shown = holder.held.present(&elements, &DataElements::new(), &transcript, key).unwrap();
                        VpToken::of([("kyc-mdoc".to_owned(), base64url::encode(&shown))])
                    } else {
                        good(&world, &request)
                    };
                    let data = request.respond(&vp_token, &*world.entropy).unwrap();
                    let answer = respond(&world, &page, &cookie, &origin(&world), protocol, data.clone()).await;
                    assert_eq!((answer.status, answer.json()), (200, json!({"next": page})), "{case}");
                    let result = world.result(id_of(&page)).await;
                    assert_eq!(
                        (&result["state"], &result["confirmed_by"]),
                        (&json!("accepted"), &json!("dc_api")),
                        "{case}: {result}"
                    );
                    assert!(world.browse(&page, &cookie).await.text.contains("ERIKSSON"));
                    // Answered once, by any way.
                    let again = respond(&world, &page, &cookie, &origin(&world), protocol, data).await;
                    assert_eq!((again.status, &again.json()["code"]), (409, &json!("out_of_turn")), "{case}");
                }
            }
        }
    }
}

#[tokio::test]
async fn a_selfie_is_demanded_here_too() {
    let world = World::new("digital selfie").await;
    for with in [true, false] {
        let (page, cookie) = begin(&world, "en", "identity-selfie").await;
        let data = data(&world, &page, &cookie, Protocol::Signed).await;
        let request = read(&world, Protocol::Signed, &data, &origin(&world));
        let mut binding = binding(&world, &request);
        if !with {
            binding.extra = Map::new();
        }
        let vp_token = VpToken::of([("kyc".to_owned(), world.wallet.present(&asked(), &binding))]);
        let data = request.respond(&vp_token, &*world.entropy).unwrap();
        let answer = respond(&world, &page, &cookie, &origin(&world), Protocol::Signed, data).await;
        assert_eq!(answer.json(), json!({"next": page}), "the page learns the same of either");
        let result = world.result(id_of(&page)).await;
        assert_eq!(outcomes(&result)["selfie_reauth"], if with { "pass" } else { "fail" });
        assert_eq!(result["state"], if with { "accepted" } else { "refused" });
    }
}

/// The origin that the browser names is what counts: not another page's, not one inside the answer.
#[tokio::test]
async fn answers_of_other_pages_and_other_browsers() {
    let world = World::new("digital origin").await;
    let (page, cookie) = begin(&world, "en", "identity").await;
    let begin_path = format!("request/{}/digital", id_of(&page));
    let wanted = json!({"protocols": ["openid4vp-v1-unsigned"]});
    let (_, foreign) = begin(&world, "en", "identity").await;
    for cookies in ["", &*foreign] {
        let refused = post(&world, &begin_path, cookies, &origin(&world), &wanted).await;
        assert_eq!((refused.status, &refused.json()["code"]), (403, &json!("other_browser")));
    }
    let none = respond(&world, &page, &cookie, &origin(&world), Protocol::Signed, json!({})).await;
    assert_eq!(none.json()["code"], "out_of_turn", "nothing was asked of the browser");
    for (body, code) in [
        (json!({"protocols": []}), "unknown_protocols"),
        (json!({"protocols": ["org-iso-mdoc", ""]}), "unknown_protocols"),
        (json!({}), "bad_json"),
    ] {
        let refused = post(&world, &begin_path, &cookie, &origin(&world), &body).await;
        assert_eq!((refused.status, &refused.json()["code"]), (400, &json!(code)), "{body}");
    }
    let data = data(&world, &page, &cookie, Protocol::Unsigned).await;
    assert!(data.get("client_id").is_none() && data.get("expected_origins").is_none());
    let request = read(&world, Protocol::Unsigned, &data, &origin(&world));
    let answer = request.respond(&good(&world, &request), &*world.entropy).unwrap();
    for other in ["", "null", "https://attacker.example", "http://127.0.0.1:1", "http://localhost:1/", "*"] {
        let refused = respond(&world, &page, &cookie, other, Protocol::Unsigned, answer.clone()).await;
        assert_eq!((refused.status, &refused.json()["code"]), (403, &json!("other_origin")), "`{other}`");
    }
    for cookies in ["", &*foreign] {
        let refused = respond(&world, &page, cookies, &origin(&world), Protocol::Unsigned, answer.clone()).await;
        assert_eq!((refused.status, &refused.json()["code"]), (403, &json!("other_browser")));
    }
    // What a page of another site makes the browser send never arrives.
    let headers = [("content-type", "application/json"), ("cookie", &*cookie), ("sec-fetch-site", "cross-site")];
    let body = json!({"protocol": "openid4vp-v1-unsigned", "data": answer}).to_string().into_bytes();
    let path = format!("request/{}/digital/response", id_of(&page));
    assert_eq!(world.send(Method::POST, &path, &headers, body).await.status, 403);
    assert_eq!(world.result(id_of(&page)).await["state"], "waiting");
    let taken = respond(&world, &page, &cookie, &origin(&world), Protocol::Unsigned, answer).await;
    assert_eq!(taken.status, 200);
}

/// Presentations that were made for another origin, another request or in another way.
#[tokio::test]
async fn presentations_made_for_something_else() {
    let world = World::new("digital wrong").await;
    let holder = world.minted_mdoc(&world.issuer, &world.signer, SigningKey::generate_p256(&*world.entropy), 90);
    let mdoc = |request: &PresentationRequest| {
        let elements = ["given_name", "family_name", "birth_date"].map(|name| ("org.warifu.kyc.1", name));
        let transcript = request.session_transcript().unwrap();
        let shown =
            holder.held.present(&elements, &DataElements::new(), &transcript, DeviceKey::Signs(&holder.key)).unwrap();
        VpToken::of([("kyc-mdoc".to_owned(), base64url::encode(&shown))])
    };
    for case in ["client_id for origin", "another origin", "another origin's mdoc", "an older request", "another nonce"]
    {
        let (page, cookie) = begin(&world, "en", "identity").await;
        let older = data(&world, &page, &cookie, Protocol::Unsigned).await;
        let data = data(&world, &page, &cookie, Protocol::Unsigned).await;
        let request = read(&world, Protocol::Unsigned, &data, &origin(&world));
        let elsewhere = read(&world, Protocol::Unsigned, &data, "https://attacker.example");
        let (vp_token, failing) = match case {
            "client_id for origin" => {
                let hash = world.access.chain[0].sha256_base64url();
                let binding = KeyBinding { audience: format!("x509_hash:{hash}"), ..binding(&world, &request) };
                (VpToken::of([("kyc".to_owned(), world.wallet.present(&asked(), &binding))]), "aud")
            }
            "another origin" => (good(&world, &elsewhere), "aud"),
            "another origin's mdoc" => (mdoc(&elsewhere), "key_binding"),
            "an older request" => (good(&world, &read(&world, Protocol::Unsigned, &older, &origin(&world))), "nonce"),
            _ => {
                let binding = KeyBinding { nonce: "another".to_owned(), ..binding(&world, &request) };
                (VpToken::of([("kyc".to_owned(), world.wallet.present(&asked(), &binding))]), "nonce")
            }
        };
        let answer = request.respond(&vp_token, &*world.entropy).unwrap();
        assert_eq!(respond(&world, &page, &cookie, &origin(&world), Protocol::Unsigned, answer).await.status, 200);
        let result = world.result(id_of(&page)).await;
        assert_eq!(result["state"], "refused", "{case}");
        assert_eq!(outcomes(&result)[failing], "fail", "{case}: {result}");
        assert_eq!(result["claims"].as_object().map(Map::len).unwrap_or_default(), 0, "{case}");
    }
}

#[tokio::test]
async fn what_is_no_answer_ends_it_by_name() {
    let world = World::new("digital form").await;
    for (made, reason) in [
        ("text", "malformed"),
        ("no protocol", "malformed"),
        ("nothing", "no_usable_vp_token"),
        ("in the clear", "not_encrypted"),
        ("an older key", "other_key"),
    ] {
        let (page, cookie) = begin(&world, "en", "identity").await;
        let older = data(&world, &page, &cookie, Protocol::Signed).await;
        let older = read(&world, Protocol::Signed, &older, &origin(&world));
        let data = data(&world, &page, &cookie, Protocol::Signed).await;
        let request = read(&world, Protocol::Signed, &data, &origin(&world));
        let body = match made {
            "text" => json!("text"),
            "no protocol" => json!({"data": {}}),
            "nothing" => json!({"protocol": Protocol::Signed.name(), "data": {}}),
            "in the clear" => {
                json!({"protocol": Protocol::Signed.name(), "data": {"vp_token": good(&world, &request).to_value()}})
            }
            _ => {
                let sealed = older.respond(&good(&world, &request), &*world.entropy).unwrap();
                json!({"protocol": Protocol::Signed.name(), "data": sealed})
            }
        };
        let path = format!("request/{}/digital/response", id_of(&page));
        let answer = post(&world, &path, &cookie, &origin(&world), &body).await;
        assert_eq!((answer.status, &answer.json()["code"]), (400, &json!("bad_response")), "{made}");
        let result = world.result(id_of(&page)).await;
        assert_eq!((&result["state"], &result["reason"]), (&json!("failed"), &json!(reason)), "{made}");
    }
    let (page, cookie) = begin(&world, "en", "identity").await;
    data(&world, &page, &cookie, Protocol::Signed).await;
    let refused = refusal(ErrorCode::AccessDenied);
    assert_eq!(respond(&world, &page, &cookie, &origin(&world), Protocol::Signed, refused).await.status, 200);
    assert_eq!(world.result(id_of(&page)).await["state"], "denied");
    let (page, cookie) = begin(&world, "en", "identity").await;
    data(&world, &page, &cookie, Protocol::Signed).await;
    let path = format!("request/{}/digital/response", id_of(&page));
    let headers = [("content-type", "application/json"), ("cookie", &*cookie), ("sec-fetch-site", "same-origin")];
    let huge = world.send(Method::POST, &path, &headers, vec![b'a'; (4 << 20) + 1]).await;
    assert_eq!(huge.status, 413);
    world.hands.step(std::time::Duration::from_secs(300));
    let late = respond(&world, &page, &cookie, &origin(&world), Protocol::Signed, json!({})).await;
    assert_eq!((late.status, &late.json()["code"]), (410, &json!("expired")));
}

/// Whoever answers first, by whatever way, uses the request up.
#[tokio::test]
async fn both_ways_lead_to_one_answer() {
    let world = World::new("both ways").await;
    let (id, link) = world.ask(policy("identity")).await;
    let by_link = world.open(&link).await;
    assert_eq!(world.respond(&by_link, world.wallet.present(&asked(), &world.binding(&by_link))).await.status, 200);
    assert_eq!(world.result(&id).await["confirmed_by"], "none");

    let (page, cookie) = begin(&world, "en", "identity").await;
    let seen = world.browse(&page, &cookie).await;
    let by_link = world.open(&crate::pages::link_of(&seen)).await;
    let data = data(&world, &page, &cookie, Protocol::Signed).await;
    let request = read(&world, Protocol::Signed, &data, &origin(&world));
    let answer = request.respond(&good(&world, &request), &*world.entropy).unwrap();
    assert_eq!(respond(&world, &page, &cookie, &origin(&world), Protocol::Signed, answer).await.status, 200);
    let late = world.respond(&by_link, world.wallet.present(&asked(), &world.binding(&by_link))).await;
    assert_eq!((late.status, late.json()), (400, json!({"error": "invalid_request"})));
    assert_eq!(world.result(id_of(&page)).await["confirmed_by"], "dc_api");
}

/// The page has the button for its script, hidden without it, and the script is its own file under the strict policy.
#[tokio::test]
async fn the_page_offers_it_where_the_browser_can() {
    let world = World::new("digital page").await;
    let (page, cookie) = begin(&world, "en", "identity").await;
    let seen = world.browse(&page, &cookie).await;
    assert!(seen.text.contains("<section hidden data-digital=\"/request/"), "{}", seen.text);
    let (_, rest) = seen.text.split_once("src=\"/scripts/").unwrap();
    let script = world.browse(&format!("scripts/{}", rest.split('"').next().unwrap()), "").await;
    assert_eq!((script.status, script.header("content-type")), (200, "text/javascript; charset=utf-8"));
    assert!(script.header("cache-control").contains("immutable") && script.text.contains("DigitalCredential"));
    let policy = seen.header("content-security-policy");
    assert!(policy.contains("script-src 'self';") && !policy.contains("unsafe"), "{policy}");
    keep(&world, "digital-en", &seen).await;
    // For a browser that did not begin there is nothing to press.
    assert!(!world.browse(&page, "").await.text.contains("data-digital="));
}
