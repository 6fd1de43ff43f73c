//! Rows that break what a verifier asks.

use super::*;

/// A longer nonce and state, a parameter that nobody knows, and a key without `use`.
#[test]
pub(super) fn VP1FinalWalletAlternateHappyFlow() {
    let verifier = Verifier::new("shop");
    let mut metadata = verifier.ask().request().to_claims(None)["client_metadata"].clone();
    metadata["jwks"]["keys"][0].as_object_mut().unwrap().remove("use");
    let (nonce, state) = ("n".repeat(32), "s".repeat(64));
    let changes = json!({ "nonce": nonce, "state": state, "unknown": { "x": 1 }, "client_metadata": metadata });
    let request = verifier.authenticate(verifier.sign_with(changes)).unwrap().understand(&[]).unwrap();
    assert_eq!((request.nonce(), request.object().state.as_deref()), (nonce.as_str(), Some(state.as_str())));
    request.respond(&token(), &verifier.entropy).unwrap();
    // In the link, unknown parameters and another order.
    let link = "openid4vp://?random=1&request_uri=https%3A%2F%2Fshop.example%2Fr&client_id=";
    let link = format!("{link}{}", verifier.client_id());
    assert_eq!(RequestUri::parse(&link).unwrap().client_id, verifier.client_id());
    let done = Url::parse("https://shop.example/done#response_code=1").unwrap();
    let answer = ResponseAnswer { redirect_uri: Some(done.clone()) };
    assert_eq!(ResponseAnswer::parse(&answer.respond()).unwrap().redirect_uri, Some(done));
}

#[test]
pub(super) fn VP1FinalWalletFewerClaimsThanAvailable() {
    let world = World::new();
    let claims = world.exchange(|request| world.present(request)).unwrap();
    for withheld in ["family_name", "nationalities"] {
        assert_eq!(claims.get(withheld), None);
    }
}

#[test]
pub(super) fn VP1FinalWalletHappyFlow() {
    let world = World::new();
    assert_eq!(world.exchange(|request| world.present(request)).unwrap()["given_name"], "Ada");
}

/// A post-quantum key of a parameter set that does not exist, and a key of a made-up type, beside the usable one.
#[test]
pub(super) fn VP1FinalWalletIgnoresUnusableEncryptionKey() {
    let verifier = Verifier::new("shop");
    let awaiting = verifier.ask();
    let mut claims = awaiting.request().to_claims(None);
    let keys = claims["client_metadata"]["jwks"]["keys"].as_array_mut().unwrap();
    keys.insert(0, json!({ "kty": "AKP", "alg": "ML-KEM-4096", "pub": "AAAA", "use": "enc", "kid": "pq" }));
    keys.push(
        json!({ "kty": "MADE-UP", "alg": "ECDH-ES", "use": "enc", "kid": "x", "crv": "P-256", "x": "AA", "y": "AA" }),
    );
    let jwt = jws::sign_claims(Header::typ(TYP).x5c(&verifier.chain), &claims, &verifier.key).unwrap();
    let request = verifier.authenticate(jwt).unwrap().understand(&[]).unwrap();
    let post = request.respond(&token(), &verifier.entropy).unwrap();
    presented(accept(awaiting, &post.body, now()).unwrap());
}

#[test]
pub(super) fn VP1FinalWalletInvalidClientIdPrefix() {
    let verifier = Verifier::new("shop");
    let id = format!("invalid_scheme:{}", verifier.client_id().original());
    let error = verifier.authenticate(verifier.sign_with(json!({ "client_id": id }))).unwrap_err();
    assert!(matches!(error, holder::Error::Request(RequestError::ClientId(_))));
    assert_eq!(error.code(), ErrorCode::InvalidRequest);
    let link = format!("openid4vp://?client_id={id}&request_uri=https%3A%2F%2Fshop.example%2Fr");
    assert!(matches!(RequestUri::parse(&link), Err(holder::Error::ClientId(_))));
}

#[test]
pub(super) fn VP1FinalWalletInvalidRequestObjectSignature() {
    let verifier = Verifier::new("shop");
    let good = verifier.sign(&verifier.ask());
    let (input, _) = good.rsplit_once('.').unwrap();
    let other = SigningKey::generate_p256(&verifier.entropy).sign(input.as_bytes()).unwrap();
    let error = verifier.authenticate(format!("{input}.{}", base64url::encode(&other))).unwrap_err();
    assert!(matches!(error, holder::Error::Jws(JwsError::BadSignature)));
    for typ in ["JWT", "", "oauth-authz-req"] {
        let claims = verifier.ask().request().to_claims(None);
        let jwt = jws::sign_claims(Header::typ(typ).x5c(&verifier.chain), &claims, &verifier.key).unwrap();
        assert!(matches!(verifier.authenticate(jwt), Err(holder::Error::Jws(JwsError::Type { .. }))));
    }
}

#[test]
pub(super) fn VP1FinalWalletMismatchedClientIdInRequestObject() {
    let verifier = Verifier::new("shop");
    let bad = format!("{}-bad", verifier.client_id());
    let error = verifier.authenticate(verifier.sign_with(json!({ "client_id": bad }))).unwrap_err();
    assert!(matches!(error, holder::Error::Request(RequestError::ClientId(_))));
    let other = Verifier::new("other").client_id();
    let error = verifier.authenticate(verifier.sign_with(json!({ "client_id": other.as_str() }))).unwrap_err();
    assert!(matches!(error, holder::Error::OtherClientId));
}

#[test]
pub(super) fn VP1FinalWalletMissingNonce() {
    let verifier = Verifier::new("shop");
    let authentic = verifier.authenticate(verifier.sign_with(json!({ "nonce": null }))).unwrap();
    let misunderstood = authentic.understand(&[]).unwrap_err();
    assert!(matches!(misunderstood.reason, holder::Error::Request(RequestError::Parameter("nonce"))));
    assert_eq!(misunderstood.reason.code(), ErrorCode::InvalidRequest);
}

/// One valid signature is enough; the broken one names nobody.
#[test]
pub(super) fn VP1FinalWalletMultiSignedOneInvalidSignature() {
    let (verifier, other) = (Verifier::new("shop"), Verifier::new("other"));
    let (id, other_id) = (verifier.client_id(), other.client_id());
    let origin = dc_api::Origin::parse("https://shop.example").unwrap();
    let builder = dc_api::verifier::RequestBuilder::new(vec![origin.clone()], verifier.ask().request().query.clone());
    let awaiting = builder.build(&verifier.entropy, now()).unwrap();
    let signatures = [(&id, &verifier), (&other_id, &other)].map(|(client_id, verifier)| dc_api::verifier::Signature {
        client_id,
        proof: Proof::Certificate(&verifier.chain),
        signer: &verifier.key,
        verifier_info: None,
    });
    let mut request = awaiting.multisigned(&signatures, now()).unwrap();
    let first = &mut request.data["request"]["signatures"][0]["signature"];
    *first = json!(base64url::encode(&verifier.key.sign(b"something else").unwrap()));
    let data = Value::Object(request.data).to_string();
    let received = dc_api::holder::ReceivedRequest::parse(request.protocol, data.as_bytes(), origin.as_str()).unwrap();
    let authentic = received.authenticate(&Terms::default(), now()).unwrap();
    assert_eq!(authentic.signed().iter().map(|signed| &signed.client_id).collect::<Vec<_>>(), [&other_id]);
    let answer = authentic.understand(&[]).unwrap().respond(&token(), &verifier.entropy).unwrap();
    let message = json!({ "protocol": request.protocol, "data": answer }).to_string();
    assert!(matches!(awaiting.accept(message.as_bytes(), &origin, now()), Ok(dc_api::verifier::Answer::Presented(_))));
}

/// Without `claims` nothing leaves that can be withheld.
#[test]
pub(super) fn VP1FinalWalletNoClaimsInDcqlQuery() {
    let world = World::new();
    let query = json!({ "credentials": [{ "id": "kyc", "format": "dc+sd-jwt", "meta": { "vct_values": ["urn:x"] } }] });
    let selection = dcql::select(&Query::from_value(&query).unwrap(), &[world.candidate()]).unwrap();
    assert!(selection.answers[0].choices[0].disclose.is_empty());
    let shown = world.held().reveals(&[]).unwrap();
    for withheld in ["given_name", "family_name", "nationalities"] {
        assert_eq!(shown.get(withheld), None);
    }
    assert_eq!(shown["vct"], "urn:x");
}

fn with_another(required: bool) -> Query {
    let query = |id: &str, vct: &str| json!({ "id": id, "format": "dc+sd-jwt", "meta": { "vct_values": [vct] } });
    let sets = json!([{ "options": [["kyc"]] }, { "options": [["other"]], "required": required }]);
    Query::from_value(
        &json!({ "credentials": [query("kyc", "urn:x"), query("other", "urn:none")], "credential_sets": sets }),
    )
    .unwrap()
}

#[test]
pub(super) fn VP1FinalWalletOptionalCredentialSet() {
    let selection = dcql::select(&with_another(false), &[World::new().candidate()]).unwrap();
    assert_eq!(selection.answers.iter().map(|answer| answer.query_id.as_str()).collect::<Vec<_>>(), ["kyc"]);
}

#[test]
pub(super) fn VP1FinalWalletRedirectUriWithDirectPost() {
    let verifier = Verifier::new("shop");
    let jwt = verifier.sign_with(json!({ "redirect_uri": "https://shop.example/cb" }));
    let error = verifier.authenticate(jwt).unwrap_err();
    assert!(matches!(error, holder::Error::Request(RequestError::Forbidden("redirect_uri"))));
    assert_eq!(error.code(), ErrorCode::InvalidRequest);
}

#[test]
pub(super) fn VP1FinalWalletRequestUriMethodPost() {
    let verifier = Verifier::new("shop");
    let fetch = post_link(&verifier).fetch(&Seeded::dangerous_new("wallet"));
    let request = fetch.request();
    assert_eq!(
        (request.method, request.header_value("accept")),
        (Method::Post, Some("application/oauth-authz-req+jwt"))
    );
    assert_eq!(request.header_value("content-type"), Some("application/x-www-form-urlencoded"));
    let post = RequestUriPost::parse(&request.body).unwrap();
    assert!(post.wallet_metadata.is_some());
    let jwt = verifier.ask().sign_for(&verifier.chain, &verifier.key, &post, &verifier.entropy, now()).unwrap();
    let response = Response { status: 200, headers: Vec::new(), body: jwt.into_bytes() };
    fetch.answer(&response).unwrap().authenticate(now()).unwrap();
}

/// Nothing is given, not even what is there.
#[test]
pub(super) fn VP1FinalWalletRequiredNonMatchingCredential() {
    let error = dcql::select(&with_another(true), &[World::new().candidate()]).unwrap_err();
    assert_eq!(error.unmet.iter().map(|unmet| unmet.query_id.as_str()).collect::<Vec<_>>(), ["other"]);
    let verifier = Verifier::new("shop");
    let request = understood(&verifier, &verifier.ask());
    assert!(request.respond(&VpToken::default(), &verifier.entropy).is_err());
    let body = String::from_utf8(request.refuse(ErrorCode::AccessDenied).body).unwrap();
    assert!(body.starts_with("error=access_denied"), "{body}");
}

/// The response would go where the client identifier may not be answered: for the prefixes that say where.
#[test]
pub(super) fn VP1FinalWalletResponseUriNotClientId() {
    let verifier = Verifier::for_hosts("shop", &["shop.example"]);
    let id = ClientId::x509_san_dns("shop.example").unwrap();
    let changes = json!({ "client_id": id.as_str(), "response_uri": "https://evil.example/response" });
    let error = ReceivedRequest::new(verifier.sign_with(changes), id).authenticate(now()).unwrap_err();
    assert!(matches!(error, holder::Error::ForeignResponseUri));
    assert_eq!(error.code(), ErrorCode::InvalidRequest);
    let uri = Url::parse("https://shop.example/response/1").unwrap();
    let id = ClientId::redirect_uri(&uri).unwrap();
    let builder = RequestBuilder::by(id, uri, verifier.ask().request().query.clone());
    let link =
        builder.build(&verifier.entropy, now()).unwrap().unsigned_link(holder::Scheme::Openid4vp, now()).unwrap();
    let link = link.replace("response_uri=https%3A%2F%2Fshop", "response_uri=https%3A%2F%2Fevil");
    assert!(matches!(holder::unsigned_request(&link, &Terms::default()), Err(holder::Error::ForeignResponseUri)));
}

#[test]
pub(super) fn VP1FinalWalletUnknownTransactionDataType() {
    let verifier = Verifier::new("shop");
    let entry = TransactionData::new("urn:example:unknown", &["kyc"], Map::new()).unwrap();
    let authentic =
        verifier.authenticate(verifier.sign_with(json!({ "transaction_data": [entry.encoded()] }))).unwrap();
    let misunderstood = authentic.understand(&["urn:warifu:selfie-reauth:1"]).unwrap_err();
    assert_eq!(misunderstood.reason.code(), ErrorCode::InvalidTransactionData);
}

#[test]
pub(super) fn VP1FinalWalletWrongExpectedOrigins() {
    let verifier = Verifier::new("shop");
    let origin = dc_api::Origin::parse("https://other.example").unwrap();
    let builder = dc_api::verifier::RequestBuilder::new(vec![origin], verifier.ask().request().query.clone());
    let signature = dc_api::verifier::Signature {
        client_id: &verifier.client_id(),
        proof: Proof::Certificate(&verifier.chain),
        signer: &verifier.key,
        verifier_info: None,
    };
    let request = builder.build(&verifier.entropy, now()).unwrap().signed(&signature, now()).unwrap();
    let data = Value::Object(request.data).to_string();
    let received = dc_api::holder::ReceivedRequest::parse(request.protocol, data.as_bytes(), "https://shop.example");
    let error = received.unwrap().authenticate(&Terms::default(), now()).unwrap_err();
    assert!(matches!(error, holder::Error::OtherOrigin));
    assert_eq!(error.code(), ErrorCode::InvalidRequest);
}
