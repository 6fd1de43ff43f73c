//! The Digital Credentials API: both halves by hand, in every protocol; and every rule broken once (appendix A).

use super::*;
use crate::vp::dc_api::holder::{self as wallet, PresentationRequest as ApiRequest, ReceivedRequest as Received};
use crate::vp::dc_api::verifier::{
    Answer, AwaitingResponse, Error as ApiError, ReceivedResponse, RequestBuilder, RequestData, Signature,
};
use crate::vp::dc_api::{Content, MAX_ORIGINS, MAX_SIGNATURES, Origin, Protocol};
use crate::vp::identity::{Answers, Maker, Proof, Terms};
use crate::vp::request::ResponseMode;

const ORIGIN: &str = "https://shop.example";

fn origin() -> Origin {
    Origin::parse(ORIGIN).unwrap()
}

fn builder(verifier: &Verifier) -> RequestBuilder {
    let query = verifier.ask().request().query.clone();
    RequestBuilder::new(vec![Origin::parse("https://www.shop.example").unwrap(), origin()], query)
}

fn ask(verifier: &Verifier) -> AwaitingResponse {
    builder(verifier).build(&verifier.entropy, now()).unwrap()
}

fn signature<'a>(verifier: &'a Verifier, client_id: &'a ClientId) -> Signature<'a> {
    Signature { client_id, proof: Proof::Certificate(&verifier.chain), signer: &verifier.key, verifier_info: None }
}

fn received(data: &RequestData, origin: &str) -> Result<Received, holder::Error> {
    Received::parse(data.protocol, Value::Object(data.data.clone()).to_string().as_bytes(), origin)
}

fn authenticate(data: &RequestData) -> Result<wallet::AuthenticRequest, holder::Error> {
    received(data, ORIGIN)?.authenticate(&Terms::default(), now())
}

#[track_caller]
fn refused<T: std::fmt::Debug>(found: Result<T, holder::Error>, expected: fn(&holder::Error) -> bool) {
    let error = found.unwrap_err();
    assert!(expected(&error), "{error:?}");
}

/// What the page posts to its server.
fn message(protocol: &str, data: Value) -> Vec<u8> {
    json!({ "protocol": protocol, "data": data }).to_string().into_bytes()
}

fn presented(answer: Answer) -> ReceivedResponse {
    match answer {
        Answer::Presented(response) => *response,
        Answer::Refused(refusal) => panic!("{refusal:?}"),
    }
}

fn exchange(awaiting: &AwaitingResponse, data: &RequestData) -> (ApiRequest, ReceivedResponse) {
    let request = authenticate(data).unwrap().understand(&[]).unwrap();
    let response = request.respond(&token(), &Seeded::dangerous_new("wallet")).unwrap();
    let answer = awaiting.clone().accept(&message(data.protocol, response), &origin(), later(299)).unwrap();
    (request, presented(answer))
}

#[test]
fn whole_exchange_in_every_protocol() {
    let verifier = Verifier::for_hosts("shop", &["shop.example"]);
    let awaiting = ask(&verifier);
    let (hash, dns) = (verifier.client_id(), ClientId::x509_san_dns("shop.example").unwrap());
    let signatures = [signature(&verifier, &hash), signature(&verifier, &dns)];
    let requests = [
        (awaiting.unsigned(), vec![]),
        (awaiting.signed(&signatures[0], now()).unwrap(), vec![&hash]),
        (awaiting.multisigned(&signatures, now()).unwrap(), vec![&hash, &dns]),
    ];
    for (data, client_ids) in requests {
        let (request, response) = exchange(&awaiting, &data);
        assert_eq!(request.signed().iter().map(|signed| &signed.client_id).collect::<Vec<_>>(), client_ids);
        assert!(
            request
                .signed()
                .iter()
                .all(|signed| matches!(&signed.maker, Maker::Certificate(chain) if *chain == verifier.chain))
        );
        assert_eq!((request.origin(), request.nonce()), (ORIGIN, awaiting.content().nonce.as_str()));
        assert_eq!(response.vp_token, token());
        // The audience is the origin, whoever signed.
        assert_eq!((request.audience(), response.audience()), (format!("origin:{ORIGIN}"), format!("origin:{ORIGIN}")));
        let key = awaiting.content().encryption_key().unwrap().public_key().unwrap();
        let nonce = &awaiting.content().nonce;
        let transcript =
            SessionTranscript::new(&Handover::OpenId4VpDcApi { origin: ORIGIN, nonce, encryption_key: Some(&key) });
        assert_eq!(request.session_transcript().unwrap(), transcript);
        assert_eq!(response.session_transcript().unwrap(), transcript);
    }
    let stored = serde_json::to_string(&awaiting).unwrap();
    assert_eq!(serde_json::from_str::<AwaitingResponse>(&stored).unwrap(), awaiting);
    assert!(!format!("{awaiting:?}").contains(&awaiting.content().nonce));
}

/// Appendix A.2 and A.3: where the parameters stand.
#[test]
fn shapes_of_the_requests() {
    let verifier = Verifier::new("shop");
    let (awaiting, id) = (ask(&verifier), verifier.client_id());
    let info = json!([{ "format": "jwt", "data": "a.b.c" }]);
    let signature = Signature { verifier_info: Some(&info), ..signature(&verifier, &id) };

    let unsigned = awaiting.unsigned();
    assert_eq!(unsigned.protocol, "openid4vp-v1-unsigned");
    for absent in ["client_id", "expected_origins", "state", "response_uri", "redirect_uri", "aud", "iss"] {
        assert!(!unsigned.data.contains_key(absent), "{absent}");
    }
    assert_eq!(unsigned.data["response_mode"], "dc_api.jwt");

    let signed = awaiting.signed(&signature, now()).unwrap();
    assert_eq!((signed.protocol, signed.data.len()), ("openid4vp-v1-signed", 1));
    let jws = jws::Unverified::parse(signed.data["request"].as_str().unwrap()).unwrap();
    assert_eq!(jws.header_text("typ"), Some(TYP));
    let claims = jws.dangerous_claims().unwrap();
    assert_eq!(claims["expected_origins"], json!(["https://www.shop.example", ORIGIN]));
    assert_eq!((&claims["client_id"], &claims["verifier_info"]), (&json!(id.as_str()), &info));

    let several = awaiting.multisigned(&[signature], now()).unwrap();
    assert_eq!(several.protocol, "openid4vp-v1-multisigned");
    let request = &several.data["request"];
    let part = |name: &str| request["signatures"][0][name].as_str().unwrap();
    let compact = format!("{}.{}.{}", part("protected"), request["payload"].as_str().unwrap(), part("signature"));
    let jws = jws::Unverified::parse(&compact).unwrap();
    assert_eq!((jws.header_text("client_id"), jws.header("verifier_info")), (Some(id.as_str()), Some(&info)));
    let claims = jws.verify_claims(&verifier.key.public_key()).unwrap();
    assert!(!claims.contains_key("client_id") && !claims.contains_key("verifier_info"));
    assert_eq!(authenticate(&several).unwrap().signed()[0].verifier_info.as_ref(), Some(&info));
}

#[test]
fn every_request_has_its_own_key_and_nonce() {
    let verifier = Verifier::new("shop");
    let (first, second) = (ask(&verifier), ask(&verifier));
    assert_ne!(first.content().nonce, second.content().nonce);
    assert_ne!(first.content().encryption_key(), second.content().encryption_key());
}

/// A signed request that somebody else replays from their own page.
#[test]
fn a_signed_request_from_another_page() {
    let verifier = Verifier::new("shop");
    let (awaiting, id) = (ask(&verifier), verifier.client_id());
    let signature = signature(&verifier, &id);
    for data in [awaiting.signed(&signature, now()).unwrap(), awaiting.multisigned(&[signature], now()).unwrap()] {
        let from = |origin: &str| received(&data, origin).unwrap().authenticate(&Terms::default(), now());
        from("https://www.shop.example").unwrap();
        // Simple comparison: another spelling is another origin.
        for other in [
            "https://evil.example",
            "https://shop.example/",
            "https://SHOP.example",
            "https://shop.example:443",
            "http://shop.example",
            "shop.example",
            "",
            "origin:https://shop.example",
        ] {
            refused(from(other), |e| matches!(e, holder::Error::OtherOrigin));
        }
    }
}

fn sign_with(verifier: &Verifier, changes: Value) -> RequestData {
    let awaiting = ask(verifier);
    let id = verifier.client_id();
    let data = awaiting.signed(&signature(verifier, &id), now()).unwrap();
    let jws = jws::Unverified::parse(data.data["request"].as_str().unwrap()).unwrap();
    let mut claims = jws.dangerous_claims().unwrap();
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => drop(claims.remove(name)),
            value => drop(claims.insert(name.clone(), value.clone())),
        }
    }
    let jwt = jws::sign_claims(Header::typ(TYP).x5c(&verifier.chain), &claims, &verifier.key).unwrap();
    RequestData { protocol: data.protocol, data: Map::from_iter([("request".to_owned(), json!(jwt))]) }
}

#[test]
fn signed_requests_with_one_rule_broken() {
    let (verifier, other) = (Verifier::new("shop"), Verifier::new("other"));
    let check = |changes: Value, expected: fn(&holder::Error) -> bool| {
        refused(authenticate(&sign_with(&verifier, changes)), expected);
    };
    let parameter = |e: &holder::Error, name: &str| matches!(e, holder::Error::Request(RequestError::Parameter(found)) if *found == name);
    authenticate(&sign_with(&verifier, json!({ "aud": null, "state": "x", "iss": "y" }))).unwrap();
    for bad in [Value::Null, json!([]), json!(ORIGIN), json!([1]), json!(vec![ORIGIN; MAX_ORIGINS + 1])] {
        let error = authenticate(&sign_with(&verifier, json!({ "expected_origins": bad }))).unwrap_err();
        assert!(parameter(&error, "expected_origins"), "{error:?}");
    }
    check(json!({ "expected_origins": ["https://evil.example"] }), |e| matches!(e, holder::Error::OtherOrigin));
    check(json!({ "client_id": null }), |e| matches!(e, holder::Error::Request(RequestError::Parameter("client_id"))));
    check(json!({ "client_id": other.client_id().as_str() }), |e| matches!(e, holder::Error::OtherCertificate));
    check(json!({ "client_id": "origin:https://shop.example" }), |e| {
        matches!(e, holder::Error::Request(RequestError::ClientId(_)))
    });
    check(json!({ "aud": "https://wallet.example" }), |e| matches!(e, holder::Error::OtherAudience));
    check(json!({ "exp": now().as_second() }), |e| matches!(e, holder::Error::Expired { .. }));
    check(json!({ "iat": later(3600).as_second() }), |e| matches!(e, holder::Error::Ahead));
    // Over the API nothing is posted anywhere, and nothing goes in the clear unless the wallet says so.
    check(json!({ "response_mode": "direct_post.jwt" }), |e| {
        matches!(e, holder::Error::Request(RequestError::NotSupported { .. }))
    });
    check(json!({ "response_mode": "dc_api" }), |e| matches!(e, holder::Error::NotEncrypted));

    let id = verifier.client_id();
    let claims = jws::Unverified::parse(sign_with(&verifier, json!({})).data["request"].as_str().unwrap()).unwrap();
    let claims = claims.dangerous_claims().unwrap();
    let data = |jwt: String| RequestData {
        protocol: Protocol::Signed.name(),
        data: Map::from_iter([("request".to_owned(), json!(jwt))]),
    };
    let sign = |header: Header, key: &SigningKey| data(jws::sign_claims(header, &claims, key).unwrap());
    refused(authenticate(&sign(Header::typ("JWT").x5c(&verifier.chain), &verifier.key)), |e| {
        matches!(e, holder::Error::Jws(JwsError::Type { .. }))
    });
    refused(authenticate(&sign(Header::typ(TYP).x5c(&verifier.chain), &other.key)), |e| {
        matches!(e, holder::Error::Jws(JwsError::BadSignature))
    });
    let error = ask(&verifier).signed(&signature(&other, &id), now()).unwrap_err();
    assert!(matches!(error, ApiError::Proof(ProofError::OtherCertificate(_))));
    // A request over redirects is none over the API, nor the other way round.
    let posted = verifier.sign(&verifier.ask());
    refused(authenticate(&data(posted)), |e| matches!(e, holder::Error::Request(RequestError::NotSupported { .. })));
    let jwt = sign_with(&verifier, json!({})).data["request"].as_str().unwrap().to_owned();
    refused(verifier.authenticate(jwt), |e| matches!(e, holder::Error::Request(RequestError::NotSupported { .. })));
}

/// Appendix A.2: what is not signed names nobody, whatever it says.
#[test]
fn an_unsigned_request_names_nobody() {
    let verifier = Verifier::new("shop");
    let mut data = ask(&verifier).unsigned();
    data.data.insert("client_id".to_owned(), json!("x509_hash:lies"));
    data.data.insert("expected_origins".to_owned(), json!(["https://evil.example"]));
    let authentic = authenticate(&data).unwrap();
    assert!(authentic.signed().is_empty());
    assert!(authentic.understand(&[]).unwrap().content().expected_origins.is_empty());
}

#[test]
fn multisigned_requests() {
    let (verifier, other) = (Verifier::new("shop"), Verifier::new("other"));
    let (id, other_id) = (verifier.client_id(), other.client_id());
    let awaiting = ask(&verifier);
    let good = awaiting.multisigned(&[signature(&verifier, &id), signature(&other, &other_id)], now()).unwrap();
    let broken = |at: &[usize]| {
        let mut data = good.clone();
        for at in at {
            data.data["request"]["signatures"][*at]["signature"] =
                good.data["request"]["signatures"][1 - *at]["signature"].clone();
        }
        authenticate(&data)
    };
    assert_eq!(broken(&[]).unwrap().signed().len(), 2);
    // One that does not hold is left out, and names nobody; without any there is no request.
    assert_eq!(broken(&[0]).unwrap().signed().iter().map(|s| &s.client_id).collect::<Vec<_>>(), [&other_id]);
    assert_eq!(broken(&[1]).unwrap().signed().iter().map(|s| &s.client_id).collect::<Vec<_>>(), [&id]);
    refused(broken(&[0, 1]), |e| matches!(e, holder::Error::Jws(JwsError::BadSignature)));

    // What belongs to one signature must not stand in the payload.
    let header = || Header::typ(TYP).x5c(&verifier.chain).with("client_id", json!(id.as_str()));
    let with = |name: &str, value: Value, header: Header| {
        let mut claims = jws::Unverified::parse(
            sign_with(&verifier, json!({ "client_id": null })).data["request"].as_str().unwrap(),
        )
        .unwrap()
        .dangerous_claims()
        .unwrap();
        claims.insert(name.to_owned(), value);
        let jwt = jws::sign_claims(header, &claims, &verifier.key).unwrap();
        let [protected, payload, signature] = jwt.split('.').collect::<Vec<_>>()[..] else { panic!("three") };
        let request = json!({ "payload": payload, "signatures": [{ "protected": protected, "signature": signature }] });
        authenticate(&RequestData {
            protocol: Protocol::Multisigned.name(),
            data: Map::from_iter([("request".to_owned(), request)]),
        })
    };
    with("more", json!(1), header()).unwrap();
    refused(with("client_id", json!(id.as_str()), header()), |e| {
        matches!(e, holder::Error::Request(RequestError::Forbidden("client_id")))
    });
    refused(with("verifier_info", json!([{ "format": "x", "data": "y" }]), header()), |e| {
        matches!(e, holder::Error::Request(RequestError::Forbidden("verifier_info")))
    });
    refused(with("more", json!(1), Header::typ(TYP).x5c(&verifier.chain)), |e| {
        matches!(e, holder::Error::Request(RequestError::Parameter("client_id")))
    });
    assert!(matches!(awaiting.multisigned(&[], now()), Err(ApiError::Signatures(0))));
    let many = vec![signature(&verifier, &id); MAX_SIGNATURES + 1];
    assert!(matches!(awaiting.multisigned(&many, now()), Err(ApiError::Signatures(_))));
}

#[test]
fn malformed_requests() {
    let check = |protocol: &str, data: &str, expected: fn(&holder::Error) -> bool| {
        refused(Received::parse(protocol, data.as_bytes(), ORIGIN), expected);
    };
    for protocol in ["openid4vp", "openid4vp-v2-signed", "OpenID4VP-v1-signed", "org-iso-mdoc", ""] {
        check(protocol, "{}", |e| matches!(e, holder::Error::Protocol(_)));
    }
    for bad in ["", "[]", "x", r#"{"a":1,"a":2}"#] {
        check("openid4vp-v1-unsigned", bad, |e| matches!(e, holder::Error::Data("data")));
    }
    check("openid4vp-v1-signed", "{}", |e| matches!(e, holder::Error::Data("request")));
    check("openid4vp-v1-signed", r#"{"request":{}}"#, |e| matches!(e, holder::Error::Data("request")));
    check("openid4vp-v1-multisigned", r#"{"request":"a.b.c"}"#, |e| matches!(e, holder::Error::Data("payload")));
    check("openid4vp-v1-multisigned", r#"{"request":{"payload":"e30"}}"#, |e| {
        matches!(e, holder::Error::Data("signatures"))
    });
    check("openid4vp-v1-multisigned", r#"{"request":{"payload":"e30","signatures":[]}}"#, |e| {
        matches!(e, holder::Error::Data("signatures"))
    });
    check("openid4vp-v1-multisigned", r#"{"request":{"payload":"e30","signatures":[{"protected":"e30"}]}}"#, |e| {
        matches!(e, holder::Error::Data("signature"))
    });
    let many = json!({ "request": { "payload": "e30", "signatures": vec![json!({ "protected": "", "signature": "" }); MAX_SIGNATURES + 1] } });
    check("openid4vp-v1-multisigned", &many.to_string(), |e| matches!(e, holder::Error::Data("signatures")));
    check("openid4vp-v1-unsigned", &" ".repeat(super::super::request::MAX_BYTES + 1), |e| {
        matches!(e, holder::Error::Body)
    });
}

/// What is authentic and not understood is answered by a code and nothing else (appendix A.4).
#[test]
fn requests_that_are_not_understood() {
    let verifier = Verifier::new("shop");
    let check = |changes: Value, code: ErrorCode| {
        let misunderstood = authenticate(&sign_with(&verifier, changes.clone())).unwrap().understand(&[]).unwrap_err();
        assert_eq!(misunderstood.reason.code(), code, "{changes}");
        assert_eq!(misunderstood.answer, json!({ "error": code.name() }));
        let answer = ask(&verifier).accept(&message("openid4vp-v1-signed", misunderstood.answer), &origin(), now());
        assert!(matches!(answer, Ok(Answer::Refused(refusal)) if refusal.error == code.name()));
    };
    check(json!({ "nonce": null }), ErrorCode::InvalidRequest);
    check(json!({ "nonce": "a b" }), ErrorCode::InvalidRequest);
    check(json!({ "dcql_query": null }), ErrorCode::InvalidRequest);
    check(json!({ "dcql_query": null, "scope": "x" }), ErrorCode::InvalidScope);
    check(json!({ "verifier_info": [] }), ErrorCode::InvalidRequest);
    let entry = TransactionData::new("urn:example:unknown", &["kyc"], Map::new()).unwrap();
    check(json!({ "transaction_data": [entry.encoded()] }), ErrorCode::InvalidTransactionData);
}

#[test]
fn responses_with_one_rule_broken() {
    let verifier = Verifier::new("shop");
    let awaiting = ask(&verifier);
    let key = awaiting.content().encryption_key().unwrap().clone();
    let seal = |members: Value, to: &Jwk| {
        let entropy = Seeded::dangerous_new("wallet");
        let jwe = jwe::encrypt(members.to_string().as_bytes(), to, Encryption::A128Gcm, Map::new(), &entropy).unwrap();
        json!({ "response": jwe })
    };
    let good = || json!({ "vp_token": { "kyc": ["a~"] } });
    let protocol = Protocol::Unsigned.name();
    presented(awaiting.clone().accept(&message(protocol, seal(good(), &key)), &origin(), now()).unwrap());
    let check = |data: Value, expected: fn(&ApiError) -> bool| {
        let error = awaiting.clone().accept(&message(protocol, data.clone()), &origin(), now()).unwrap_err();
        assert!(expected(&error), "{data}: {error:?}");
    };
    check(good(), |e| matches!(e, ApiError::NotEncrypted));
    check(json!({}), |e| matches!(e, ApiError::NoVpToken));
    check(json!({ "response": 1 }), |e| matches!(e, ApiError::Member("response")));
    check(json!({ "response": "a.b" }), |e| matches!(e, ApiError::Decryption(JweError::Malformed)));
    check(seal(json!({}), &key), |e| matches!(e, ApiError::NoVpToken));
    check(seal(json!({ "vp_token": { "kyc": ["a~"] }, "error": "access_denied" }), &key), |e| {
        matches!(e, ApiError::NoVpToken)
    });
    check(seal(json!({ "vp_token": { "pid": ["a~"] } }), &key), |e| {
        matches!(e, ApiError::VpToken(VpTokenError::NotAsked(_)))
    });
    check(seal(json!({ "vp_token": { "kyc": ["a~", "b~"] } }), &key), |e| {
        matches!(e, ApiError::VpToken(VpTokenError::Count { found: 2, .. }))
    });
    let other = ask(&verifier).content().encryption_key().unwrap().clone();
    check(seal(good(), &other), |e| matches!(e, ApiError::OtherKey));
    check(seal(good(), &Jwk { kid: None, ..other }), |e| matches!(e, ApiError::Decryption(JweError::Decryption)));
    let header = warifu_keys::base64url::encode(br#"{"alg":"ECDH-ES","enc":"A128GCM","zip":"DEF"}"#);
    let zipped = format!("{header}..AAAAAAAAAAAAAAAA.AA.AAAAAAAAAAAAAAAAAAAAAA");
    check(json!({ "response": zipped }), |e| matches!(e, ApiError::Decryption(JweError::Compressed)));

    let body = message(protocol, seal(good(), &key));
    let at = |origin: &str, at| awaiting.clone().accept(&body, &Origin::parse(origin).unwrap(), at);
    assert!(matches!(at("https://evil.example", now()), Err(ApiError::OtherOrigin)));
    assert!(matches!(at(ORIGIN, later(300)), Err(ApiError::Expired { .. })));
    // Where two pages may ask, each has an audience of its own.
    let elsewhere = presented(at("https://www.shop.example", now()).unwrap());
    assert_eq!(elsewhere.audience(), "origin:https://www.shop.example");
    for bad in [
        json!([]),
        json!({ "data": {} }),
        json!({ "protocol": "x", "data": {} }),
        json!({ "protocol": protocol, "data": "x" }),
    ] {
        assert!(awaiting.clone().accept(bad.to_string().as_bytes(), &origin(), now()).is_err(), "{bad}");
    }
    let large = vec![b' '; super::super::response::MAX_BYTES + 1];
    assert!(matches!(awaiting.accept(&large, &origin(), now()), Err(ApiError::TooLarge(_))));
}

#[test]
fn responses_in_the_clear() {
    let verifier = Verifier::new("shop");
    let awaiting = builder(&verifier).answered_in_the_clear().build(&verifier.entropy, now()).unwrap();
    assert_eq!(awaiting.content().response_mode(), ResponseMode::DcApi);
    let data = awaiting.unsigned();
    refused(authenticate(&data), |e| matches!(e, holder::Error::NotEncrypted));
    let terms = Terms { answers: Answers::AsAsked, ..Terms::default() };
    let request = received(&data, ORIGIN).unwrap().authenticate(&terms, now()).unwrap().understand(&[]).unwrap();
    let answer = request.respond(&token(), &Seeded::dangerous_new("wallet")).unwrap();
    assert_eq!(answer, json!({ "vp_token": token().to_value() }));
    let response = presented(awaiting.clone().accept(&message(data.protocol, answer), &origin(), now()).unwrap());
    assert_eq!(response.session_transcript().unwrap(), request.session_transcript().unwrap());
    let other = message(data.protocol, json!({ "response": "a.b.c.d.e" }));
    assert!(matches!(awaiting.accept(&other, &origin(), now()), Err(ApiError::OtherKey)));
}

#[test]
fn origins() {
    for good in [
        ORIGIN,
        "https://shop.example:8443",
        "http://localhost:8080",
        "http://127.0.0.1",
        "https://xn--bcher-kva.example",
    ] {
        assert_eq!(Origin::parse(good).unwrap().as_str(), good);
    }
    for bad in [
        "",
        "shop.example",
        "https://shop.example/",
        "https://SHOP.example",
        "https://shop.example:443",
        "http://shop.example",
        "https://user@shop.example",
        "javascript:alert(1)",
        "data:text/html,x",
        "wss://shop.example",
        "ftp://shop.example",
        "null",
        "https://bücher.example",
    ] {
        assert!(Origin::parse(bad).is_err(), "`{bad}`");
    }
    assert_eq!(Origin::of(&Url::parse("https://shop.example:443/en/page?x#y").unwrap()).unwrap(), origin());
    let verifier = Verifier::new("shop");
    let none = RequestBuilder::new(Vec::new(), verifier.ask().request().query.clone());
    assert!(matches!(none.build(&verifier.entropy, now()), Err(ApiError::Origins(0))));
}

proptest::proptest! {
    #[test]
    fn never_panics(text in ".{0,120}", bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..120), protocol in 0usize..3, name in proptest::sample::select(vec!["request", "nonce", "dcql_query", "client_metadata", "expected_origins", "response_mode"])) {
        let verifier = Verifier::new("shop");
        let awaiting = ask(&verifier);
        let name_of = Protocol::ALL[protocol].name();
        let _ = Origin::parse(&text);
        let _ = awaiting.clone().accept(&bytes, &origin(), now());
        let _ = Received::parse(name_of, &bytes, &text).and_then(|received| received.authenticate(&Terms::default(), now()));
        let mut data = awaiting.unsigned();
        data.data.insert(name.to_owned(), serde_json::from_slice(&bytes).unwrap_or(json!(text)));
        let _ = Content::try_from(data.data.clone());
        let data = RequestData { protocol: name_of, ..data };
        if let Ok(authentic) = authenticate(&data) {
            let _ = authentic.understand(&[]);
        }
    }
}
