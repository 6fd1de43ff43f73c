//! Requests under every client identifier prefix, in every response mode, fetched by `GET` and by `POST`.

use serde_json::{Value, json};
use warifu_credential::mdoc::{DataElements, DeviceKey};
use warifu_keys::jwe::{AgreementKey, Encryption, Sealed};
use warifu_keys::{SigningKey, base64url};
use warifu_openid4vc::http as wire;
use warifu_openid4vc::vp::client_id::Prefix;
use warifu_openid4vc::vp::holder::{PresentationRequest, RequestUri, unsigned_request};
use warifu_openid4vc::vp::identity::{Answers, Maker, Terms};
use warifu_openid4vc::vp::response::VpToken;
use warifu_openid4vc::vp::wallet_metadata::WalletMetadata;
use warifu_verifier::http::Rates;
use warifu_verifier::identity::Identity;
use warifu_w3c::did::{Did, Document, web};

use crate::world::{Answer, World, asked, policy};

/// Opens a link by value or by reference.
async fn open(world: &World, link: &str) -> PresentationRequest {
    if link.contains("request_uri=") {
        return world.open(link).await;
    }
    let terms = Terms { answers: Answers::AsAsked, ..Terms::default() };
    unsigned_request(link, &terms).unwrap().understand(&["urn:warifu:selfie-reauth:1"]).unwrap()
}

fn wire(answer: Answer) -> wire::Response {
    wire::Response { status: answer.status, headers: Vec::new(), body: answer.text.into_bytes() }
}

#[tokio::test]
async fn every_prefix_in_every_mode() {
    let world = World::new("prefixes").await;
    let holder = world.minted_mdoc(&world.issuer, &world.signer, SigningKey::generate_p256(&*world.entropy), 90);
    for prefix in Prefix::ALL {
        for mode in ["direct_post", "direct_post.jwt"] {
            for method in ["get", "post"] {
                let wanted = json!({
                    "policy": "identity", "client_id_prefix": prefix.name(), "response_mode": mode,
                    "request_uri_method": method,
                });
                for mdoc in [false, true] {
                    let case = format!("{} {mode} {method} {mdoc}", prefix.name());
                    let (id, link) = world.ask(wanted.clone()).await;
                    assert_eq!(link.contains("request_uri_method=post"), method == "post" && prefix.is_signed());
                    let request = open(&world, &link).await;
                    assert_eq!(request.client_id().prefix(), prefix, "{case}");
                    assert_eq!(request.object().response_mode().name(), mode, "{case}");
                    match (prefix, request.maker()) {
                        (Prefix::X509Hash | Prefix::X509SanDns, Maker::Certificate(chain)) => {
                            assert_eq!(*chain, world.access.chain);
                        }
                        (Prefix::DecentralizedIdentifier, Maker::VerificationMethod { .. })
                        | (Prefix::VerifierAttestation, Maker::Attested(_))
                        | (Prefix::RedirectUri, Maker::Anybody) => {}
                        (_, maker) => panic!("{case}: {maker:?}"),
                    }
                    let vp_token = if mdoc {
                        let elements =
                            ["given_name", "family_name", "birth_date"].map(|name| ("org.warifu.kyc.1", name));
                        let transcript = request.session_transcript().unwrap();
                        let key = DeviceKey::Signs(&holder.key);
                        let response = holder.held.present(&elements, &DataElements::new(), &transcript, key).unwrap();
                        VpToken::of([("kyc-mdoc".to_owned(), base64url::encode(&response))])
                    } else {
                        let text = world.wallet.present(&asked(), &world.binding(&request));
                        VpToken::of([("kyc".to_owned(), text)])
                    };
                    let response = request.respond(&vp_token, &*world.entropy).unwrap();
                    let answer = world.carry(&response).await;
                    assert_eq!((answer.status, answer.json()), (200, json!({})), "{case}");
                    let result = world.result(&id).await;
                    assert_eq!(
                        (&result["state"], &result["confirmed_by"]),
                        (&json!("accepted"), &json!("none")),
                        "{case}"
                    );
                    let aud = result["checks"].as_array().unwrap().iter().find(|check| check["name"] == "aud").unwrap();
                    assert_eq!(aud["detail"], request.client_id().as_str(), "{case}");
                    // The answer uses it up, whatever way it was handed out.
                    let again = world.carry(&response).await;
                    assert!([400, 404].contains(&again.status), "{case}: {}", again.status);
                    assert_eq!(again.json(), json!({"error": "invalid_request"}));
                }
            }
        }
    }
}

/// An answer made for the verifier under one of its names is none under another.
#[tokio::test]
async fn an_answer_is_for_one_name() {
    let world = World::new("one name").await;
    let (_, other) = world.ask(json!({"policy": "identity", "client_id_prefix": "x509_san_dns"})).await;
    let other = open(&world, &other).await;
    let (id, link) = world.ask(policy("identity")).await;
    let request = open(&world, &link).await;
    let mut binding = world.binding(&request);
    binding.audience = other.client_id().as_str().to_owned();
    assert_eq!(world.respond(&request, world.wallet.present(&asked(), &binding)).await.status, 400);
    let result = world.result(&id).await;
    assert_eq!(result["state"], "refused");
    assert_eq!(crate::world::outcomes(&result)["aud"], "fail");
}

/// Noise at the common address of answers ends nobody's request, and a request by value has no object to fetch.
#[tokio::test]
async fn requests_by_value() {
    let world = World::new("by value").await;
    let wanted = json!({"policy": "identity", "client_id_prefix": "redirect_uri", "response_mode": "direct_post"});
    let (id, link) = world.ask(wanted.clone()).await;
    assert!(!link.contains("request_uri="), "{link}");
    assert_eq!(world.get(&format!("vp/{id}/request")).await.status, 404);
    let request = open(&world, &link).await;
    assert_eq!(request.object().response_uri, world.url.join("vp/response").unwrap());
    let (_, stranger) = world.ask(wanted).await;
    let stranger = open(&world, &stranger).await;
    let token = |request: &PresentationRequest| {
        VpToken::of([("kyc".to_owned(), world.wallet.present(&asked(), &world.binding(request)))])
            .to_value()
            .to_string()
    };
    let post = async |fields: &[(&str, &str)]| {
        let request = wire::Request::form(world.url.join("vp/response").unwrap(), fields);
        world.carry(&request).await.status
    };
    assert_eq!(post(&[("vp_token", &token(&request))]).await, 404);
    assert_eq!(post(&[("vp_token", &token(&request)), ("state", "wrong")]).await, 404);
    assert_eq!(post(&[("vp_token", &token(&request)), ("state", &"A".repeat(5000))]).await, 404);
    let by_path = wire::Request::form(
        world.url.join(&format!("vp/{id}/response")).unwrap(),
        &[("vp_token", &token(&request)), ("state", request.object().state.as_deref().unwrap())],
    );
    assert_eq!(world.carry(&by_path).await.status, 404, "answers come to one address");
    assert_eq!(world.result(&id).await["state"], "waiting");
    // With another request's state it is that one's answer, and bears the wrong nonce.
    assert_eq!(
        post(&[("vp_token", &token(&request)), ("state", stranger.object().state.as_deref().unwrap())]).await,
        400
    );
    assert_eq!(world.result(&id).await["state"], "waiting");
    assert_eq!(
        post(&[("vp_token", &token(&request)), ("state", request.object().state.as_deref().unwrap())]).await,
        200
    );
    assert_eq!(world.result(&id).await["state"], "accepted");
}

#[tokio::test]
async fn a_request_is_not_made_in_every_manner() {
    let only = |config: &mut warifu_verifier::Config| config.identity = Identity::default();
    let world = World::configured("manners", Rates::SANDBOX, only).await;
    for (body, code) in [
        (json!({"client_id_prefix": "redirect_uri"}), "unknown_client_id_prefix"),
        (json!({"client_id_prefix": "x509_san_dns"}), "unknown_client_id_prefix"),
        (json!({"client_id_prefix": "openid_federation"}), "unknown_client_id_prefix"),
        (json!({"client_id_prefix": ""}), "unknown_client_id_prefix"),
        (json!({"response_mode": "fragment"}), "unknown_response_mode"),
        (json!({"response_mode": "dc_api.jwt"}), "unknown_response_mode"),
        (json!({"request_uri_method": "POST"}), "unknown_request_uri_method"),
        (json!({"request_uri_method": 1}), "bad_json"),
    ] {
        let answer = world.post("v1/requests", &body).await;
        assert_eq!((answer.status, &answer.json()["code"]), (400, &json!(code)), "{body}");
    }
    let (_, link) = world.ask(json!({"client_id_prefix": "x509_hash"})).await;
    assert_eq!(world.open(&link).await.client_id().prefix(), Prefix::X509Hash);
    assert_eq!(world.get(".well-known/did.json").await.status, 404, "there is no did:web");
}

/// A did:web is served at the address it names, and is what requests are signed with.
#[tokio::test]
async fn a_did_web_is_served_where_it_says() {
    for path in ["", ":verifiers:b"] {
        let named = |config: &mut warifu_verifier::Config| {
            // The DID names a host and the way to it is https, which a proxy in front speaks.
            config.base_url = "https://bank-b.example/".parse().unwrap();
            config.identity.prefixes = vec![Prefix::DecentralizedIdentifier];
            config.identity.did = Some(Did::parse(&format!("did:web:bank-b.example{path}")).unwrap());
        };
        let world = World::configured("did web", Rates::SANDBOX, named).await;
        let did = format!("did:web:bank-b.example{path}");
        let address = web::document_url(&Did::parse(&did).unwrap()).unwrap();
        let served = world.get(address.path().trim_start_matches('/')).await;
        assert_eq!((served.status, served.header("content-type")), (200, "application/did+json"));
        let document: Document = web::document(&Did::parse(&did).unwrap(), served.text.as_bytes()).unwrap();
        let created = world.post("v1/requests", &json!({"client_id_prefix": "decentralized_identifier"})).await.json();
        let link = RequestUri::parse(created["link"].as_str().unwrap()).unwrap();
        assert_eq!(link.client_id.original(), did);
        // The address in the link is the proxy's.
        let uri = link.request_uri.clone();
        let object = world.get(&format!("{}?{}", &uri.path()[1..], uri.query().unwrap())).await;
        let received = warifu_openid4vc::vp::holder::ReceivedRequest::new(object.text, link.client_id);
        let method = received.verification_method().unwrap().unwrap();
        let key = document.key(&method, warifu_w3c::did::Relationship::Authentication).unwrap();
        let terms = Terms { verification_methods: &[(method, key)], ..Terms::default() };
        received.authenticate_with(&terms, world.now()).unwrap();
    }
}

/// `VP1FinalVerifierRequestUriMethodPost` and `VP1FinalVerifierRequestUriFetchedTwice`.
#[tokio::test]
async fn a_wallet_that_posts_is_heard() {
    let world = World::new("posts").await;
    let (id, link) = world.ask(json!({"policy": "identity", "request_uri_method": "post"})).await;
    let uri = || RequestUri::parse(&link).unwrap();
    let post = async |body: &str| {
        let url = uri().request_uri;
        let request = wire::Request { body: body.as_bytes().to_vec(), ..wire::Request::form(url, &[]) };
        world.carry(&request).await
    };
    // What is malformed, or could not be answered, leaves the request to another wallet.
    let own = WalletMetadata::own(&Prefix::ALL);
    let changed = |change: fn(&mut WalletMetadata)| {
        let mut metadata = own.clone();
        change(&mut metadata);
        let fields = [("wallet_metadata", metadata.to_value().to_string())];
        url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
    };
    for body in [
        "wallet_nonce=".to_owned(),
        "wallet_nonce=a&wallet_nonce=b".to_owned(),
        format!("wallet_nonce={}", "a".repeat(2000)),
        "wallet_metadata=%7B".to_owned(),
        "wallet_metadata=%7B%7D".to_owned(),
        changed(|it| it.client_id_prefixes_supported = vec!["redirect_uri".to_owned()]),
        changed(|it| it.request_object_signing_algs = Some(vec!["RS256".to_owned()])),
        changed(|it| it.response_encryptions = Some(vec!["A256CBC-HS512".to_owned()])),
        changed(|it| it.vp_formats_supported.clear()),
    ] {
        let answer = post(&body).await;
        assert_eq!((answer.status, &answer.json()["code"]), (400, &json!("wallet_metadata")), "{body}");
    }
    assert_eq!(post(&"a".repeat(70_000)).await.status, 413);
    assert_eq!(world.result(&id).await["state"], "waiting");

    // With its nonce and encrypted to its key.
    let awaiting = uri().fetch_sealed(&own, &*world.entropy).unwrap();
    let answer = world.carry(awaiting.request()).await;
    assert_eq!((answer.status, answer.header("content-type")), (200, "application/oauth-authz-req+jwt"));
    let sealed = Sealed::parse(&answer.text).unwrap();
    let another = AgreementKey::generate(&*world.entropy);
    assert!(sealed.decrypt(&another).is_err(), "{:?}", Encryption::A256Gcm);
    let request = world.understood(awaiting.answer(&wire(answer)).unwrap());
    let text = world.wallet.present(&asked(), &world.binding(&request));
    assert_eq!(world.respond(&request, text).await.status, 200);
    assert_eq!(world.result(&id).await["state"], "accepted");

    // Once, whichever method came first.
    for first in ["get", "post"] {
        let (_, link) = world.ask(json!({"policy": "identity", "request_uri_method": first})).await;
        world.open(&link).await;
        for method in [wire::Method::Get, wire::Method::Post] {
            let again = RequestUri { method, ..RequestUri::parse(&link).unwrap() }.fetch(&*world.entropy);
            let answer = world.carry(again.request()).await;
            assert_eq!(
                (answer.status, &answer.json()["code"]),
                (409, &json!("out_of_turn")),
                "{first} then {method:?}"
            );
        }
    }
    // The key of the link is the request's own: another one opens nothing, and tells nothing.
    let (other, _) = world.ask(policy("identity")).await;
    for key in ["AAAA", &"A".repeat(43)] {
        assert_eq!(world.get(&format!("vp/{other}/request?key={key}")).await.status, 404);
    }
    assert_eq!(world.result(&other).await["state"], Value::from("waiting"));
}
