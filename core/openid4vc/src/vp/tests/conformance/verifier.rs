//! Rows that break what a wallet sends.

use super::*;

#[test]
pub(super) fn VP1FinalVerifierHappyFlow() {
    let world = World::new();
    let claims = world.exchange(|request| world.present(request)).unwrap();
    assert_eq!((&claims["given_name"], claims.get("family_name")), (&json!("Ada"), None));
}

#[test]
pub(super) fn VP1FinalVerifierInvalidCredentialSignature() {
    let world = World::new();
    let broken = |request: &PresentationRequest| {
        let good = world.present(request);
        let (jwt, rest) = good.split_once('~').unwrap();
        let (input, _) = jwt.rsplit_once('.').unwrap();
        let signature = base64url::encode(&world.holder.sign(input.as_bytes()).unwrap());
        // With a key binding JWT that fits, so that nothing but the signature is wrong.
        let (disclosures, key_binding) = rest.rsplit_once('~').unwrap();
        let sd_jwt = format!("{input}.{signature}~{disclosures}~");
        let mut claims = jws::Unverified::parse(key_binding).unwrap().dangerous_claims().unwrap();
        claims.insert("sd_hash".to_owned(), json!(base64url::encode(&sha256(sd_jwt.as_bytes()))));
        format!("{sd_jwt}{}", jws::sign_claims(Header::typ("kb+jwt"), &claims, &world.holder).unwrap())
    };
    refused(world.exchange(broken), |e| matches!(e, sd_jwt::Error::Jws(JwsError::BadSignature)));
}

#[test]
pub(super) fn VP1FinalVerifierInvalidKbJwtAud() {
    let world = World::new();
    let with = |aud: &str| world.exchange(|request| world.bound(request, &world.holder, json!({ "aud": aud })));
    refused(with("x509_san_dns:invalid.example"), |e| matches!(e, sd_jwt::Error::Audience { .. }));
    // Without its prefix it is another identifier.
    let bare = world.verifier.client_id().original().to_owned();
    refused(with(&bare), |e| matches!(e, sd_jwt::Error::Audience { .. }));
}

#[test]
pub(super) fn VP1FinalVerifierInvalidKbJwtNonce() {
    let world = World::new();
    let wrong = |request: &PresentationRequest| world.bound(request, &world.holder, json!({ "nonce": "other" }));
    refused(world.exchange(wrong), |e| matches!(e, sd_jwt::Error::Nonce));
}

#[test]
pub(super) fn VP1FinalVerifierInvalidKbJwtSignature() {
    let world = World::new();
    let broken = |request: &PresentationRequest| {
        let good = world.present(request);
        let at = good.rfind('.').unwrap() + 5;
        let other = if good.as_bytes()[at] == b'A' { "B" } else { "A" };
        format!("{}{other}{}", &good[..at], &good[at + 1..])
    };
    refused(world.exchange(broken), |e| matches!(e, sd_jwt::Error::KeyBindingSignature));
    // Another's key signs, however well.
    let foreign = |request: &PresentationRequest| world.bound(request, &world.signer, json!({}));
    refused(world.exchange(foreign), |e| matches!(e, sd_jwt::Error::KeyBindingSignature));
    // None at all.
    let missing = |request: &PresentationRequest| {
        let good = world.present(request);
        format!("{}~", good.rsplit_once('~').unwrap().0)
    };
    refused(world.exchange(missing), |e| matches!(e, sd_jwt::Error::NoKeyBinding));
}

#[test]
pub(super) fn VP1FinalVerifierInvalidSdHash() {
    let world = World::new();
    let hash = base64url::encode(&sha256(b"another presentation"));
    let wrong = |request: &PresentationRequest| world.bound(request, &world.holder, json!({ "sd_hash": hash }));
    refused(world.exchange(wrong), |e| matches!(e, sd_jwt::Error::SdHash));
    // A disclosure less than what was signed over.
    let less = |request: &PresentationRequest| {
        let good = world.present(request);
        let (jwt, key_binding) = (good.split('~').next().unwrap(), good.rsplit('~').next().unwrap());
        format!("{jwt}~{key_binding}")
    };
    refused(world.exchange(less), |e| matches!(e, sd_jwt::Error::SdHash));
}

#[test]
pub(super) fn VP1FinalVerifierInvalidSessionTranscript() {
    let world = World::new();
    let key_authorizations = &KeyAuthorizations { name_spaces: Vec::new(), data_elements: [].into() };
    let validity =
        mdoc::Validity { signed: now(), valid_from: now(), valid_until: later(86_400), expected_update: None };
    let device_key: &PublicKey = &world.holder.public_key();
    let issuance = mdoc::Issuance { doc_type: "org.x", device_key, key_authorizations, validity, status: None };
    let elements = DataElements::new().with("ns", "given_name", cbor::Value::from("Ada"));
    let issuer = IssuerKey { signer: &world.signer, chain: &world.chain };
    let bytes = mdoc::issue(&elements, &issuance, issuer, &world.entropy).unwrap();
    let held = mdoc::Held::dangerous_reload(&bytes).unwrap();

    let query = Query {
        credentials: vec![CredentialQuery::mdoc("kyc", "org.x", vec![ClaimPath::claim("ns").name("given_name")])],
        credential_sets: None,
    };
    let uri = Url::parse("https://shop.example/response/1").unwrap();
    let ask = || {
        RequestBuilder::new(&world.verifier.chain[0], uri.clone(), query.clone())
            .build(&world.verifier.entropy, now())
            .unwrap()
    };
    let awaiting = ask();
    let request = understood(&world.verifier, &awaiting);
    let exchange = |transcript: &SessionTranscript| {
        let key = DeviceKey::Signs(&world.holder);
        let response = held.present(&[("ns", "given_name")], &DataElements::new(), transcript, key).unwrap();
        let vp_token = VpToken::of([("kyc".to_owned(), base64url::encode(&response))]);
        let post = request.respond(&vp_token, &world.entropy).unwrap();
        let received = presented(accept(awaiting.clone(), &post.body, now()).unwrap());
        let own = received.request.session_transcript().unwrap();
        let session = mdoc::Session { transcript: &own, reader_key: None };
        let text = received.vp_token.0["kyc"][0].text().unwrap().to_owned();
        let document = mdoc::DeviceResponse::from_base64url(&text).unwrap().only().unwrap();
        document.authenticate(std::slice::from_ref(&world.root), now(), &session).map(drop)
    };
    exchange(&request.session_transcript().unwrap()).unwrap();
    // Another request of the same verifier, the same request answered in the clear, and one over the API.
    exchange(&ask().request().session_transcript().unwrap()).unwrap_err();
    let object = request.object();
    let (client_id, nonce) = (object.client_id.as_str(), object.nonce.as_str());
    let response_uri = object.response_uri.as_str();
    let handovers = [
        Handover::OpenId4Vp { client_id, nonce, encryption_key: None, response_uri },
        Handover::OpenId4Vp { client_id: "x509_hash:other", nonce, encryption_key: None, response_uri },
        Handover::OpenId4VpDcApi { origin: "https://shop.example", nonce, encryption_key: None },
    ];
    for handover in handovers {
        let error = exchange(&SessionTranscript::new(&handover)).unwrap_err();
        assert!(matches!(error, mdoc::Error::DeviceSignature(_)), "{error:?}");
    }
}

#[test]
pub(super) fn VP1FinalVerifierKbJwtIatInFuture() {
    let world = World::new();
    let with =
        |at: Timestamp| world.exchange(|request| world.bound(request, &world.holder, json!({ "iat": at.as_second() })));
    with(later(30)).unwrap();
    for ahead in [120, 86_400, 86_400 * 365] {
        refused(with(later(ahead)), |e| matches!(e, sd_jwt::Error::KeyBindingInFuture { .. }));
    }
}

#[test]
pub(super) fn VP1FinalVerifierKbJwtIatInPast() {
    let world = World::new();
    let with =
        |at: Timestamp| world.exchange(|request| world.bound(request, &world.holder, json!({ "iat": at.as_second() })));
    with(later(-200)).unwrap();
    for ago in [600, 86_400, 86_400 * 365 * 5] {
        refused(with(later(-ago)), |e| matches!(e, sd_jwt::Error::KeyBindingTooOld { .. }));
    }
}

/// `cnf.jwk` with nothing but `kty`, `crv`, `x` and `y`.
#[test]
pub(super) fn VP1FinalVerifierMinimalCnfJwk() {
    let world = World::new();
    let jwk = world.held().claims()["cnf"]["jwk"].as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(jwk, ["crv", "kty", "x", "y"]);
    world.exchange(|request| world.present(request)).unwrap();
}

/// The same object to whoever fetches; handing it out once is the request URI's.
#[test]
pub(super) fn VP1FinalVerifierRequestUriFetchedTwice() {
    let verifier = Verifier::new("shop");
    let awaiting = verifier.ask();
    let (first, second) = (understood(&verifier, &awaiting), understood(&verifier, &awaiting));
    assert_eq!(first.object(), second.object());
    // Only one of two responses can be taken: the first consumes what waits for it.
    let post = first.respond(&token(), &verifier.entropy).unwrap();
    presented(accept(awaiting, &post.body, now()).unwrap());
}

#[test]
pub(super) fn VP1FinalVerifierRequestUriMethodPost() {
    let verifier = Verifier::new("shop");
    let fetch = post_link(&verifier).fetch(&Seeded::dangerous_new("wallet"));
    let post = RequestUriPost::parse(&fetch.request().body).unwrap();
    let jwt = verifier.ask().sign_for(&verifier.chain, &verifier.key, &post, &verifier.entropy, now()).unwrap();
    let claims = jws::Unverified::parse(&jwt).unwrap().verify_claims(&verifier.key.public_key()).unwrap();
    assert_eq!(claims["wallet_nonce"], json!(post.wallet_nonce.unwrap()));
    let bare = RequestUriPost::default();
    let jwt = verifier.ask().sign_for(&verifier.chain, &verifier.key, &bare, &verifier.entropy, now()).unwrap();
    assert!(!jws::Unverified::parse(&jwt).unwrap().dangerous_claims().unwrap().contains_key("wallet_nonce"));
}
