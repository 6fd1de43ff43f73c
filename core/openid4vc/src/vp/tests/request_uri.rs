//! The request URI by `POST`: what a wallet says about itself, its nonce, and sealed request objects (section 5.10); and
//! responses in the clear (section 8.2).

use warifu_keys::jwe::Sealed;

use super::*;
use crate::vp::client_id::Prefix;
use crate::vp::holder::{RequestLink, Scheme};
use crate::vp::identity::{Answers, Terms};
use crate::vp::request::ResponseMode;
use crate::vp::wallet_metadata::{WalletMetadata, WalletMetadataError};

fn link(verifier: &Verifier, method: Method) -> RequestUri {
    let request_uri = Url::parse("https://shop.example/request/1").unwrap();
    RequestUri { client_id: verifier.client_id(), request_uri, method }
}

fn own() -> WalletMetadata {
    WalletMetadata::own(&[Prefix::X509Hash])
}

fn response(body: String) -> Response {
    Response { status: 200, headers: Vec::new(), body: body.into_bytes() }
}

#[test]
fn metadata_round_trip() {
    let mut metadata = own();
    assert_eq!(WalletMetadata::parse(&metadata.to_value().to_string()).unwrap(), metadata);
    let key = Verifier::new("x").ask().request().encryption_key().unwrap().clone();
    metadata.request_encryption = Some((key, vec![Encryption::A256Gcm]));
    assert_eq!(WalletMetadata::parse(&metadata.to_value().to_string()).unwrap(), metadata);
    // What is left out has the standard's defaults.
    let bare = WalletMetadata::parse(r#"{"vp_formats_supported":{}, "more": 1}"#).unwrap();
    assert_eq!(bare.client_id_prefixes_supported, ["pre-registered"]);
    assert_eq!((bare.response_encryptions, bare.request_encryption), (None, None));
}

#[test]
fn malformed_posts() {
    let check = |body: &str, expected: WalletMetadataError| {
        assert_eq!(RequestUriPost::parse(body.as_bytes()), Err(expected), "{body}");
    };
    let metadata = |value: Value| {
        url::form_urlencoded::Serializer::new(String::new()).append_pair("wallet_metadata", &value.to_string()).finish()
    };
    assert_eq!(RequestUriPost::parse(b"").unwrap(), RequestUriPost::default());
    assert_eq!(RequestUriPost::parse(b"other=1").unwrap(), RequestUriPost::default());
    let nonce = WalletMetadataError::Body("wallet_nonce is not acceptable");
    check("wallet_nonce=", nonce.clone());
    check("wallet_nonce=%22", nonce.clone());
    check(&format!("wallet_nonce={}", "a".repeat(1025)), nonce);
    check("wallet_nonce=a&wallet_nonce=a", WalletMetadataError::Body("a field is repeated"));
    check(&"a".repeat(64 * 1024 + 1), WalletMetadataError::Body("it is too large"));
    check("wallet_metadata=x", WalletMetadataError::Member("wallet_metadata"));
    check(&metadata(json!([])), WalletMetadataError::Member("wallet_metadata"));
    check(&metadata(json!({})), WalletMetadataError::Member("vp_formats_supported"));
    let with = |name: &str, value: Value| metadata(json!({ "vp_formats_supported": {}, name: value }));
    for name in [
        "client_id_prefixes_supported",
        "request_object_signing_alg_values_supported",
        "authorization_encryption_alg_values_supported",
        "authorization_encryption_enc_values_supported",
    ] {
        for bad in [json!([]), json!("x"), json!([1]), json!(vec!["x"; 65])] {
            let RequestUriPost { .. } = match RequestUriPost::parse(with(name, bad).as_bytes()) {
                Err(WalletMetadataError::Member(found)) => {
                    assert_eq!(found, name);
                    continue;
                }
                other => panic!("{other:?}"),
            };
        }
    }
    check(&with("jwks", json!({})), WalletMetadataError::Member("jwks"));
    check(&with("jwks", json!({ "keys": [] })), WalletMetadataError::RequestEncryption);
}

/// A request object that this wallet could not understand or answer is not handed out.
#[test]
fn a_wallet_that_could_not_answer() {
    let verifier = Verifier::new("shop");
    let check = |metadata: WalletMetadata, expected: Option<WalletMetadataError>| {
        let post = RequestUriPost { wallet_nonce: None, wallet_metadata: Some(metadata) };
        match (verifier.ask().sign_for(&verifier.chain, &verifier.key, &post, &verifier.entropy, now()), expected) {
            (Ok(_), None) => {}
            (Err(Error::Wallet(found)), Some(expected)) => assert_eq!(found, expected),
            (found, expected) => panic!("{found:?}, expected {expected:?}"),
        }
    };
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    check(own(), None);
    let prefixes = names(&["x509_san_dns", "pre-registered"]);
    check(
        WalletMetadata { client_id_prefixes_supported: prefixes, ..own() },
        Some(WalletMetadataError::Prefix("x509_hash")),
    );
    check(
        WalletMetadata { request_object_signing_algs: Some(names(&["EdDSA"])), ..own() },
        Some(WalletMetadataError::SigningAlgorithm(warifu_keys::Algorithm::Es256)),
    );
    check(WalletMetadata { request_object_signing_algs: None, ..own() }, None);
    let only = |format: &str| Map::from_iter([(format.to_owned(), json!({}))]);
    check(WalletMetadata { vp_formats_supported: only("dc+sd-jwt"), ..own() }, None);
    check(WalletMetadata { vp_formats_supported: only("mso_mdoc"), ..own() }, Some(WalletMetadataError::Formats));
    check(WalletMetadata { response_encryptions: Some(names(&["A128GCM"])), ..own() }, None);
    check(
        WalletMetadata { response_encryptions: Some(names(&["A256CBC-HS512"])), ..own() },
        Some(WalletMetadataError::ResponseEncryption),
    );
    check(
        WalletMetadata { response_algs: Some(names(&["RSA-OAEP"])), ..own() },
        Some(WalletMetadataError::ResponseEncryption),
    );
}

#[test]
fn a_sealed_request_object() {
    let verifier = Verifier::new("shop");
    let (awaiting, wallet) = (verifier.ask(), Seeded::dangerous_new("wallet"));
    let fetch = link(&verifier, Method::Post).fetch_sealed(&own(), &wallet).unwrap();
    let post = RequestUriPost::parse(&fetch.request().body).unwrap();
    let sealed = awaiting.sign_for(&verifier.chain, &verifier.key, &post, &verifier.entropy, now()).unwrap();
    assert_eq!(Sealed::parse(&sealed).unwrap().header_text("cty"), Some("JWT"));
    assert_eq!(Sealed::parse(&sealed).unwrap().encryption(), Encryption::A256Gcm);
    fetch.clone().answer(&response(sealed.clone())).unwrap().authenticate(now()).unwrap();

    // In the clear though sealed was demanded, and sealed to somebody else.
    let plain = awaiting.sign(&verifier.chain, &verifier.key, post.wallet_nonce.as_deref(), now()).unwrap();
    assert!(matches!(fetch.answer(&response(plain)), Err(holder::Error::Sealed)));
    let other = link(&verifier, Method::Post).fetch_sealed(&own(), &Seeded::dangerous_new("other")).unwrap();
    assert!(matches!(other.answer(&response(sealed.clone())), Err(holder::Error::Sealed)));
    // A wallet that offered no key takes no sealed object.
    let open = link(&verifier, Method::Post).fetch(&wallet).answer(&response(sealed)).unwrap().authenticate(now());
    assert!(matches!(open, Err(holder::Error::Jws(JwsError::Malformed))));
    assert!(matches!(
        link(&verifier, Method::Get).fetch_sealed(&own(), &wallet),
        Err(holder::Error::RequestUriMethod(_))
    ));
}

/// Where the key is only offered, the object may come either way, and no third.
#[test]
fn a_request_object_that_may_be_sealed() {
    let verifier = Verifier::new("shop");
    let (awaiting, wallet) = (verifier.ask(), Seeded::dangerous_new("wallet"));
    let fetch = link(&verifier, Method::Post).fetch_offering(&own(), &wallet);
    let post = RequestUriPost::parse(&fetch.request().body).unwrap();
    let sealed = awaiting.sign_for(&verifier.chain, &verifier.key, &post, &verifier.entropy, now()).unwrap();
    let plain = awaiting.sign(&verifier.chain, &verifier.key, post.wallet_nonce.as_deref(), now()).unwrap();
    for object in [sealed.clone(), plain] {
        fetch.clone().answer(&response(object)).unwrap().authenticate(now()).unwrap();
    }
    let other = link(&verifier, Method::Post).fetch_offering(&own(), &Seeded::dangerous_new("other"));
    assert!(matches!(other.answer(&response(sealed)), Err(holder::Error::Sealed)));
    assert!(matches!(fetch.answer(&response("a.b.c.d".to_owned())), Err(holder::Error::Sealed)));
    let get = link(&verifier, Method::Get).fetch_offering(&own(), &wallet);
    assert!(get.request().body.is_empty() && get.request().method == Method::Get);
}

/// By reference, by value, unsigned; and what is none of them.
#[test]
fn what_a_link_holds() {
    let verifier = Verifier::new("shop");
    let awaiting = verifier.ask();
    let reference = link(&verifier, Method::Get).to_uri(Scheme::Openid4vp);
    assert!(matches!(RequestLink::parse(&reference), Ok(RequestLink::ByReference(_))));
    let encoded = |fields: &[(&str, &str)]| {
        let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        format!("openid4vp://?{query}")
    };
    let (client_id, jwt) = (verifier.client_id(), verifier.sign(&awaiting));
    let value = encoded(&[("client_id", client_id.as_str()), ("request", &jwt), ("nonce", "of nobody")]);
    let Ok(RequestLink::ByValue(received)) = RequestLink::parse(&value) else { panic!("by value") };
    let request = received.authenticate(now()).unwrap().understand(&[]).unwrap();
    assert_eq!(request.nonce(), awaiting.request().nonce);
    // The object's own client identifier counts, and it must be the link's.
    let other = Verifier::new("other").client_id();
    let swapped = encoded(&[("client_id", other.as_str()), ("request", &jwt)]);
    let Ok(RequestLink::ByValue(received)) = RequestLink::parse(&swapped) else { panic!("by value") };
    assert!(matches!(received.authenticate(now()), Err(holder::Error::OtherCertificate)));

    let uri = Url::parse("https://shop.example/response/1").unwrap();
    let query = Query { credentials: vec![CredentialQuery::sd_jwt_vc("pid", "urn:x", vec![])], credential_sets: None };
    let unsigned = RequestBuilder::by(ClientId::redirect_uri(&uri).unwrap(), uri, query);
    let unsigned = unsigned.build(&verifier.entropy, now()).unwrap().unsigned_link(Scheme::Openid4vp, now()).unwrap();
    let Ok(RequestLink::Unsigned(found)) = RequestLink::parse(&unsigned) else { panic!("unsigned") };
    assert!(found.read(&Terms::default()).unwrap().chain().is_empty());

    let check = |fields: &[(&str, &str)], expected: fn(&holder::Error) -> bool| {
        let error = RequestLink::parse(&encoded(fields)).unwrap_err();
        assert!(expected(&error), "{fields:?}: {error}");
    };
    let id = ("client_id", client_id.as_str());
    let parameter = |e: &holder::Error| matches!(e, holder::Error::LinkParameter(_));
    check(&[id], parameter);
    check(&[("request", &jwt)], parameter);
    check(&[id, ("request", &jwt), ("request_uri_method", "post")], parameter);
    check(&[id, ("request", &jwt), ("request_uri", "https://shop.example/r")], parameter);
    check(&[id, ("request", &jwt), ("request", &jwt)], parameter);
    check(&[id, ("dcql_query", "{}")], |e| matches!(e, holder::Error::NotSigned));
    check(&[("client_id", "shop"), ("dcql_query", "{}")], |e| matches!(e, holder::Error::ClientId(_)));
    let long = "a".repeat(300_000);
    check(&[id, ("request", &long)], |e| matches!(e, holder::Error::NotARequestLink));
}

/// Every fetch has its own nonce, and an object made for one does not answer another.
#[test]
fn a_nonce_of_another_fetch() {
    let verifier = Verifier::new("shop");
    let (awaiting, wallet) = (verifier.ask(), Seeded::dangerous_new("wallet"));
    let (first, second) = (link(&verifier, Method::Post).fetch(&wallet), link(&verifier, Method::Post).fetch(&wallet));
    let post = RequestUriPost::parse(&first.request().body).unwrap();
    let jwt = awaiting.sign_for(&verifier.chain, &verifier.key, &post, &verifier.entropy, now()).unwrap();
    first.answer(&response(jwt.clone())).unwrap().authenticate(now()).unwrap();
    let error = second.answer(&response(jwt)).unwrap().authenticate(now()).unwrap_err();
    assert!(matches!(error, holder::Error::WalletNonce));
}

#[test]
fn responses_in_the_clear() {
    let verifier = Verifier::new("shop");
    let awaiting = verifier.builder().answered_in_the_clear().build(&verifier.entropy, now()).unwrap();
    assert_eq!(awaiting.request().response_mode(), ResponseMode::DirectPost);
    let claims = awaiting.request().to_claims(None);
    assert_eq!((&claims["response_mode"], claims["client_metadata"].get("jwks")), (&json!("direct_post"), None));
    let stored = serde_json::to_string(&awaiting).unwrap();
    assert_eq!(serde_json::from_str::<AwaitingResponse>(&stored).unwrap(), awaiting);

    let received = || ReceivedRequest::new(verifier.sign(&awaiting), verifier.client_id());
    assert!(matches!(received().authenticate(now()), Err(holder::Error::NotEncrypted)));
    let terms = Terms { answers: Answers::AsAsked, ..Terms::default() };
    let request = received().authenticate_with(&terms, now()).unwrap().understand(&[]).unwrap();
    let post = request.respond(&token(), &Seeded::dangerous_new("wallet")).unwrap();
    let response = presented(accept(awaiting.clone(), &post.body, now()).unwrap());
    assert_eq!(response.vp_token, token());
    // Without encryption there is no thumbprint in the session of an mdoc.
    let object = request.object();
    let transcript = SessionTranscript::new(&Handover::OpenId4Vp {
        client_id: object.client_id.as_str(),
        nonce: &object.nonce,
        encryption_key: None,
        response_uri: object.response_uri.as_str(),
    });
    assert_eq!(request.session_transcript().unwrap(), transcript);
    assert_eq!(response.request.session_transcript().unwrap(), transcript);

    let check = |fields: &[(&str, &str)], expected: fn(&Error) -> bool| {
        let body = Request::form(object.response_uri.clone(), fields).body;
        let error = accept(awaiting.clone(), &body, now()).unwrap_err();
        assert!(expected(&error), "{fields:?}: {error:?}");
    };
    let (state, vp_token) = (awaiting.state(), r#"{"kyc":["a~"]}"#);
    check(&[("vp_token", vp_token)], |e| matches!(e, Error::State));
    check(&[("vp_token", vp_token), ("state", "other")], |e| matches!(e, Error::State));
    check(&[("vp_token", "x"), ("state", state)], |e| matches!(e, Error::Json(_)));
    check(&[("vp_token", r#"{"kyc":["a"],"kyc":["b"]}"#), ("state", state)], |e| matches!(e, Error::Json(_)));
    check(&[("vp_token", r#"{"pid":["a"]}"#), ("state", state)], |e| matches!(e, Error::VpToken(_)));
    check(&[("vp_token", vp_token), ("error", "access_denied"), ("state", state)], |e| matches!(e, Error::NoVpToken));
    // An encrypted answer to a request that has no key is somebody else's.
    let other = verifier.ask();
    let body = sealed(&other, json!({}), Encryption::A256Gcm, other.request().encryption_key().unwrap());
    assert!(matches!(accept(awaiting.clone(), &body, now()), Err(Error::OtherKey)));
    assert!(!awaiting.is_meant_by(&Received::parse(&body).unwrap()));
    let nameless = Jwk { kid: Some(String::new()), ..other.request().encryption_key().unwrap().clone() };
    let body = sealed(&other, json!({}), Encryption::A256Gcm, &nameless);
    assert!(!awaiting.is_meant_by(&Received::parse(&body).unwrap()));
}

/// A key that the mode does not need is not looked at.
#[test]
fn keys_of_a_request_in_the_clear_are_ignored() {
    let verifier = Verifier::new("shop");
    let jwt = verifier.sign_with(json!({ "response_mode": "direct_post" }));
    let terms = Terms { answers: Answers::AsAsked, ..Terms::default() };
    let received = ReceivedRequest::new(jwt, verifier.client_id());
    let request = received.authenticate_with(&terms, now()).unwrap().understand(&[]).unwrap();
    assert_eq!(request.object().encryption_key(), None);
}

#[test]
fn formats_that_nobody_can_present() {
    let verifier = Verifier::new("shop");
    let check = |changes: Value, expected: Option<ErrorCode>| {
        let understood = verifier.authenticate(verifier.sign_with(changes.clone())).unwrap().understand(&[]);
        assert_eq!(understood.err().map(|error| error.reason.code()), expected, "{changes}");
    };
    let metadata = verifier.ask().request().to_claims(None)["client_metadata"].clone();
    let formats = |formats: Value| {
        let mut metadata = metadata.clone();
        metadata["vp_formats_supported"] = formats;
        json!({ "client_metadata": metadata })
    };
    let unsupported = Some(ErrorCode::VpFormatsNotSupported);
    check(formats(json!({ "dc+sd-jwt": {} })), None);
    check(formats(json!({})), unsupported);
    check(formats(json!({ "mso_mdoc": {} })), unsupported);
    check(formats(json!({ "dc+sd-jwt": { "kb-jwt_alg_values": ["ES256K"] } })), unsupported);
    check(formats(json!({ "dc+sd-jwt": { "sd-jwt_alg_values": ["ES256", "ES256K"] } })), None);
    let w3c = json!({ "id": "w", "format": "ldp_vc", "meta": { "type_values": [["T"]] } });
    check(json!({ "dcql_query": { "credentials": [w3c] } }), unsupported);
    let both = json!([w3c, { "id": "s", "format": "dc+sd-jwt", "meta": { "vct_values": ["t"] } }]);
    check(json!({ "dcql_query": { "credentials": both } }), None);
}

/// `verifier_info` speaks of credentials that are asked for, in entries of a format and a text or object.
#[test]
fn verifier_info() {
    let verifier = Verifier::new("shop");
    let check = |info: Value, fine: bool| {
        let understood =
            verifier.authenticate(verifier.sign_with(json!({ "verifier_info": info }))).unwrap().understand(&[]);
        assert_eq!(understood.is_ok(), fine, "{info}");
    };
    let entry = |ids: Value| json!([{ "format": "jwt", "data": "a.b.c", "credential_ids": ids }]);
    check(json!([{ "format": "jwt", "data": "a.b.c" }, { "format": "x", "data": {} }]), true);
    check(entry(json!(["kyc"])), true);
    check(entry(json!(["other"])), false);
    check(entry(json!([])), false);
    check(entry(json!("kyc")), false);
    check(json!([{ "format": "jwt", "data": 1 }]), false);
    check(json!([{ "format": 1, "data": "x" }]), false);
    check(json!(vec![json!({ "format": "jwt", "data": "x" }); 17]), false);
}

proptest::proptest! {
    #[test]
    fn never_panics(text in ".{0,120}", name in proptest::sample::select(vec!["vp_formats_supported", "jwks", "client_id_prefixes_supported"])) {
        let _ = WalletMetadata::parse(&text);
        let _ = WalletMetadata::parse(&json!({ "vp_formats_supported": {}, name: text }).to_string());
        let _ = RequestUriPost::parse(text.as_bytes());
        let _ = holder::unsigned_request(&format!("openid4vp://?{text}"), &Terms::default());
    }
}
