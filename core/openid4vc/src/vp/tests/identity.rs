//! Client identifiers: each prefix proved by its own means, and by nothing else.

use warifu_keys::PublicKey;

use super::*;
use crate::vp::client_id::Prefix;
use crate::vp::holder::unsigned_request;
use crate::vp::identity::{ATTESTATION_TYP, Answers, AttestationError, Attester, Maker, Proof, ProofError, Terms};

const DID: &str = "did:web:shop.example";
const METHOD: &str = "did:web:shop.example#key-1";

/// A request of this identifier, answered at `shop.example`.
fn ask(verifier: &Verifier, client_id: ClientId) -> AwaitingResponse {
    let query = verifier.ask().request().query.clone();
    let uri = Url::parse("https://shop.example/response/1").unwrap();
    RequestBuilder::by(client_id, uri, query).build(&verifier.entropy, now()).unwrap()
}

#[track_caller]
fn refused<T: std::fmt::Debug>(found: Result<T, holder::Error>, expected: fn(&holder::Error) -> bool) {
    let error = found.unwrap_err();
    assert!(expected(&error), "{error:?}");
}

#[test]
fn x509_san_dns() {
    let verifier = Verifier::for_hosts("shop", &["Shop.example", "www.shop.example"]);
    let id = ClientId::x509_san_dns("shop.example").unwrap();
    let awaiting = ask(&verifier, id.clone());
    let jwt = verifier.sign(&awaiting);
    let authentic = ReceivedRequest::new(jwt.clone(), id.clone()).authenticate(now()).unwrap();
    assert_eq!((authentic.client_id(), authentic.chain()), (&id, &verifier.chain[..]));
    assert!(matches!(authentic.maker(), Maker::Certificate(_)));

    // A certificate for other names, and the right one with an identifier that is not in it.
    let other = Verifier::for_hosts("other", &["other.example"]);
    let error = awaiting.sign(&other.chain, &other.key, None, now()).unwrap_err();
    assert!(matches!(error, Error::Proof(ProofError::OtherCertificate(_))));
    let forged = jws::sign_claims(Header::typ(TYP).x5c(&other.chain), &awaiting.request().to_claims(None), &other.key);
    refused(ReceivedRequest::new(forged.unwrap(), id).authenticate(now()), |e| {
        matches!(e, holder::Error::OtherCertificate)
    });
    let elsewhere = ClientId::x509_san_dns("elsewhere.example").unwrap();
    refused(ReceivedRequest::new(jwt, elsewhere).authenticate(now()), |e| matches!(e, holder::Error::OtherCertificate));
}

/// The response of `x509_san_dns` goes to the host of the name only, whatever the certificate says beside it.
#[test]
fn x509_san_dns_is_answered_at_its_own_host() {
    let verifier = Verifier::for_hosts("shop", &["shop.example", "www.shop.example"]);
    let id = ClientId::x509_san_dns("shop.example").unwrap();
    for uri in
        ["https://www.shop.example/response", "https://evil.example/shop.example", "https://shop.example.evil.example/"]
    {
        let mut claims = ask(&verifier, id.clone()).request().to_claims(None);
        claims.insert("response_uri".to_owned(), json!(uri));
        let jwt = jws::sign_claims(Header::typ(TYP).x5c(&verifier.chain), &claims, &verifier.key).unwrap();
        refused(ReceivedRequest::new(jwt, id.clone()).authenticate(now()), |e| {
            matches!(e, holder::Error::ForeignResponseUri)
        });
        let query = verifier.ask().request().query.clone();
        let builder = RequestBuilder::by(id.clone(), Url::parse(uri).unwrap(), query);
        assert!(matches!(builder.build(&verifier.entropy, now()), Err(Error::ForeignResponseUri(_))));
    }
}

#[test]
fn decentralized_identifier() {
    let (verifier, other) = (Verifier::new("shop"), Verifier::new("other"));
    let id = ClientId::decentralized_identifier(DID).unwrap();
    let awaiting = ask(&verifier, id.clone());
    let jwt = awaiting.sign(Proof::VerificationMethod(METHOD), &verifier.key, None, now()).unwrap();
    let received = || ReceivedRequest::new(jwt.clone(), id.clone());
    assert_eq!(received().verification_method().unwrap().as_deref(), Some(METHOD));
    let with = |methods: &[(String, PublicKey)]| {
        received().authenticate_with(&Terms { verification_methods: methods, ..Terms::default() }, now())
    };
    let resolved = |method: &str, key: &SigningKey| vec![(method.to_owned(), key.public_key())];
    let authentic = with(&resolved(METHOD, &verifier.key)).unwrap();
    assert!(matches!(authentic.maker(), Maker::VerificationMethod { method, .. } if method == METHOD));
    // No certificate, so a list of certificates trusts nobody here.
    assert!(authentic.chain().is_empty());

    refused(with(&[]), |e| matches!(e, holder::Error::UnresolvedMethod(_)));
    refused(with(&resolved("did:web:shop.example#key-2", &verifier.key)), |e| {
        matches!(e, holder::Error::UnresolvedMethod(_))
    });
    refused(with(&resolved(METHOD, &other.key)), |e| matches!(e, holder::Error::Jws(JwsError::BadSignature)));
    refused(received().authenticate(now()), |e| matches!(e, holder::Error::UnresolvedMethod(_)));

    // The method of another DID, whose key the wallet knows just as well.
    let claims = awaiting.request().to_claims(None);
    for kid in [
        "did:web:evil.example#key-1",
        "did:web:shop.example.evil.example#key-1",
        "did:web:shop.example",
        "#key-1",
        "did:web:shop.example#",
    ] {
        let jwt = jws::sign_claims(Header::typ(TYP).kid(kid), &claims, &other.key).unwrap();
        let methods = resolved(kid, &other.key);
        let terms = Terms { verification_methods: &methods, ..Terms::default() };
        refused(ReceivedRequest::new(jwt, id.clone()).authenticate_with(&terms, now()), |e| {
            matches!(e, holder::Error::OtherMethod)
        });
        let error = awaiting.sign(Proof::VerificationMethod(kid), &verifier.key, None, now()).unwrap_err();
        assert!(matches!(error, Error::Proof(ProofError::OtherMethod(_))), "{kid}");
    }
    // A certificate is no DID.
    let jwt = jws::sign_claims(Header::typ(TYP).x5c(&verifier.chain), &claims, &verifier.key).unwrap();
    refused(ReceivedRequest::new(jwt, id).authenticate(now()), |e| matches!(e, holder::Error::OtherMethod));
}

/// An attestation for `subject` and `key` with some claims replaced (`null` removes one).
fn attestation(typ: &str, attester: &SigningKey, key: &SigningKey, changes: Value) -> String {
    let mut claims = json!({ "iss": "https://attester.example", "sub": "shop.example", "exp": later(3600).as_second(),
        "iat": now().as_second(), "cnf": { "jwk": key.public_key().to_jwk().to_value() } });
    let claims = claims.as_object_mut().unwrap();
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => drop(claims.remove(name)),
            value => drop(claims.insert(name.clone(), value.clone())),
        }
    }
    jws::sign_claims(Header::typ(typ), claims, attester).unwrap()
}

#[test]
fn verifier_attestation() {
    let (verifier, other) = (Verifier::new("shop"), Verifier::new("other"));
    let attester = SigningKey::generate_p256(&Seeded::dangerous_new("attester"));
    let attesters = [Attester { identifier: "https://attester.example".to_owned(), key: attester.public_key() }];
    let terms = Terms { attesters: &attesters, ..Terms::default() };
    let id = ClientId::verifier_attestation("shop.example").unwrap();
    let awaiting = ask(&verifier, id.clone());
    let good = attestation(ATTESTATION_TYP, &attester, &verifier.key, json!({}));
    let jwt = awaiting.sign(Proof::Attestation(&good), &verifier.key, None, now()).unwrap();
    let authentic = ReceivedRequest::new(jwt.clone(), id.clone()).authenticate_with(&terms, now()).unwrap();
    let Maker::Attested(attested) = authentic.maker() else { panic!("attested") };
    assert_eq!((attested.issuer(), attested.subject()), ("https://attester.example", "shop.example"));
    refused(ReceivedRequest::new(jwt, id.clone()).authenticate(now()), |e| {
        matches!(e, holder::Error::Attestation(AttestationError::UnknownAttester(_)))
    });

    // Each attestation with one rule broken, in a request that its key has signed.
    let check = |attestation: String, at: Timestamp, expected: fn(&AttestationError) -> bool| {
        let header = Header::typ(TYP).with("jwt", json!(attestation));
        let jwt = jws::sign_claims(header, &awaiting.request().to_claims(None), &verifier.key).unwrap();
        match ReceivedRequest::new(jwt, id.clone()).authenticate_with(&terms, at).unwrap_err() {
            holder::Error::Attestation(error) => assert!(expected(&error), "{error:?}"),
            other => panic!("{other:?}"),
        }
    };
    let with = |changes: Value| attestation(ATTESTATION_TYP, &attester, &verifier.key, changes);
    check(with(json!({ "sub": "evil.example" })), now(), |e| matches!(e, AttestationError::OtherSubject));
    check(with(json!({ "iss": "https://evil.example" })), now(), |e| matches!(e, AttestationError::UnknownAttester(_)));
    check(with(json!({ "exp": now().as_second() })), now(), |e| matches!(e, AttestationError::Expired { .. }));
    check(with(json!({ "exp": null })), now(), |e| matches!(e, AttestationError::Claim("exp")));
    check(with(json!({ "sub": null })), now(), |e| matches!(e, AttestationError::Claim("sub")));
    check(with(json!({ "cnf": null })), now(), |e| matches!(e, AttestationError::Claim("cnf")));
    check(with(json!({ "cnf": { "jkt": "x" } })), now(), |e| matches!(e, AttestationError::Claim("cnf")));
    check(with(json!({ "nbf": later(600).as_second() })), now(), |e| matches!(e, AttestationError::Ahead));
    check(with(json!({ "redirect_uris": "https://shop.example" })), now(), |e| {
        matches!(e, AttestationError::Claim("redirect_uris"))
    });
    check(attestation("JWT", &attester, &verifier.key, json!({})), now(), |e| {
        matches!(e, AttestationError::Jws(JwsError::Type { .. }))
    });
    check(attestation(ATTESTATION_TYP, &other.key, &verifier.key, json!({})), now(), |e| {
        matches!(e, AttestationError::Jws(JwsError::BadSignature))
    });
    check("a.b".to_owned(), now(), |e| matches!(e, AttestationError::Jws(JwsError::Malformed)));

    // A stolen attestation: the thief has another key.
    let header = Header::typ(TYP).with("jwt", json!(good));
    let stolen = jws::sign_claims(header, &awaiting.request().to_claims(None), &other.key).unwrap();
    refused(ReceivedRequest::new(stolen, id.clone()).authenticate_with(&terms, now()), |e| {
        matches!(e, holder::Error::Jws(JwsError::BadSignature))
    });
    let bare = jws::sign_claims(Header::typ(TYP), &awaiting.request().to_claims(None), &verifier.key).unwrap();
    refused(ReceivedRequest::new(bare, id).authenticate_with(&terms, now()), |e| {
        matches!(e, holder::Error::Attestation(AttestationError::Missing))
    });
    for (jwt, key) in [(with(json!({ "sub": "evil.example" })), &verifier.key), (good, &other.key)] {
        let error = awaiting.sign(Proof::Attestation(&jwt), key, None, now()).unwrap_err();
        assert!(matches!(error, Error::Proof(ProofError::OtherAttestation(_))));
    }
}

#[test]
fn an_attestation_may_say_where_its_subject_is_answered() {
    let verifier = Verifier::new("shop");
    let attester = SigningKey::generate_p256(&Seeded::dangerous_new("attester"));
    let attesters = [Attester { identifier: "https://attester.example".to_owned(), key: attester.public_key() }];
    let terms = Terms { attesters: &attesters, ..Terms::default() };
    let id = ClientId::verifier_attestation("shop.example").unwrap();
    let authenticate = |uris: Value| {
        let jwt = attestation(ATTESTATION_TYP, &attester, &verifier.key, json!({ "redirect_uris": uris }));
        let jwt = ask(&verifier, id.clone()).sign(Proof::Attestation(&jwt), &verifier.key, None, now()).unwrap();
        ReceivedRequest::new(jwt, id.clone()).authenticate_with(&terms, now())
    };
    authenticate(json!(["https://a.example", "https://shop.example/response/1"])).unwrap();
    for uris in [json!([]), json!(["https://shop.example/response"]), json!(["https://shop.example/response/1/"])] {
        refused(authenticate(uris), |e| matches!(e, holder::Error::ForeignResponseUri));
    }
}

#[test]
fn redirect_uri_is_never_signed() {
    let verifier = Verifier::new("shop");
    let uri = Url::parse("https://shop.example/response/1").unwrap();
    let id = ClientId::redirect_uri(&uri).unwrap();
    let awaiting = ask(&verifier, id.clone());
    let proofs = [Proof::Certificate(&verifier.chain), Proof::VerificationMethod(METHOD), Proof::Attestation("a.b.c")];
    for proof in proofs {
        let error = awaiting.sign(proof, &verifier.key, None, now()).unwrap_err();
        assert!(matches!(error, Error::Proof(ProofError::OtherWay(_))));
    }
    let jwt =
        jws::sign_claims(Header::typ(TYP).x5c(&verifier.chain), &awaiting.request().to_claims(None), &verifier.key);
    refused(ReceivedRequest::new(jwt.unwrap(), id.clone()).authenticate(now()), |e| {
        matches!(e, holder::Error::CanNotBeSigned)
    });

    let link = awaiting.unsigned_link(holder::Scheme::Openid4vp, now()).unwrap();
    let authentic = unsigned_request(&link, &Terms::default()).unwrap();
    assert_eq!((authentic.client_id(), authentic.maker()), (&id, &Maker::Anybody));
    assert!(authentic.chain().is_empty());
    let request = authentic.understand(&[]).unwrap();
    assert_eq!(request.nonce(), awaiting.request().nonce);
    let post = request.respond(&token(), &Seeded::dangerous_new("wallet")).unwrap();
    presented(accept(awaiting.clone(), &post.body, now()).unwrap());
    assert_eq!(awaiting.request().session_transcript().unwrap(), request.session_transcript().unwrap());

    // The response URI may be left out, and nothing else may stand there.
    let written = "response_uri=https%3A%2F%2Fshop.example%2Fresponse%2F1";
    let without = link.replace(&format!("&{written}"), "").replace(&format!("?{written}"), "?");
    assert_ne!(without, link);
    unsigned_request(&without, &Terms::default()).unwrap();
    let elsewhere = link.replace(written, "response_uri=https%3A%2F%2Fevil.example%2Fresponse%2F1");
    refused(unsigned_request(&elsewhere, &Terms::default()), |e| matches!(e, holder::Error::ForeignResponseUri));
    let parameter = |more: &str| unsigned_request(&format!("{link}&{more}"), &Terms::default());
    refused(parameter("request_uri=https%3A%2F%2Fevil.example"), |e| matches!(e, holder::Error::LinkParameter(_)));
    refused(parameter("request=a.b.c"), |e| matches!(e, holder::Error::LinkParameter(_)));
    refused(parameter("nonce=other"), |e| matches!(e, holder::Error::LinkParameter(_)));
    refused(parameter("verifier_info=%7B"), |e| matches!(e, holder::Error::LinkParameter(_)));
    refused(parameter("redirect_uri=https%3A%2F%2Fshop.example"), |e| {
        matches!(e, holder::Error::Request(RequestError::Forbidden("redirect_uri")))
    });
}

/// A request of a signed prefix is not taken without a signature, and cannot be asked for so.
#[test]
fn signed_prefixes_are_never_taken_unsigned() {
    let verifier = Verifier::new("shop");
    for id in [
        verifier.client_id(),
        ClientId::x509_san_dns("shop.example").unwrap(),
        ClientId::decentralized_identifier(DID).unwrap(),
        ClientId::verifier_attestation("shop.example").unwrap(),
    ] {
        let awaiting = ask(&verifier, id.clone());
        let error = awaiting.unsigned_link(holder::Scheme::HaipVp, now()).unwrap_err();
        assert!(matches!(error, Error::Proof(ProofError::OtherWay(_))), "{id}");
        let uri = Url::parse("https://shop.example/response/1").unwrap();
        let unsigned = ask(&verifier, ClientId::redirect_uri(&uri).unwrap());
        let link = unsigned.unsigned_link(holder::Scheme::HaipVp, now()).unwrap();
        let mut swapped = url::form_urlencoded::Serializer::new(String::new());
        let (_, query) = link.split_once('?').unwrap();
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            swapped.append_pair(&name, if name == "client_id" { id.as_str() } else { &value });
        }
        let link = format!("haip-vp://?{}", swapped.finish());
        refused(unsigned_request(&link, &Terms::default()), |e| matches!(e, holder::Error::NotSigned));
        // A signature that is none.
        let header = warifu_keys::base64url::encode(br#"{"alg":"none","typ":"oauth-authz-req+jwt"}"#);
        let body =
            warifu_keys::base64url::encode(Value::from(awaiting.request().to_claims(None)).to_string().as_bytes());
        refused(ReceivedRequest::new(format!("{header}.{body}."), id).authenticate(now()), |e| {
            matches!(e, holder::Error::Jws(JwsError::Algorithm(_)))
        });
    }
    assert_eq!(Prefix::ALL.iter().filter(|prefix| prefix.is_signed()).count(), 4);
}

/// What proves one prefix proves no other one.
#[test]
fn no_proof_passes_for_another() {
    let verifier = Verifier::for_hosts("shop", &["shop.example"]);
    let attester = SigningKey::generate_p256(&Seeded::dangerous_new("attester"));
    let attestation = attestation(ATTESTATION_TYP, &attester, &verifier.key, json!({}));
    let proofs =
        [Proof::Certificate(&verifier.chain), Proof::VerificationMethod(METHOD), Proof::Attestation(&attestation)];
    let ids = [
        (verifier.client_id(), 0),
        (ClientId::x509_san_dns("shop.example").unwrap(), 0),
        (ClientId::decentralized_identifier(DID).unwrap(), 1),
        (ClientId::verifier_attestation("shop.example").unwrap(), 2),
    ];
    let attesters = [Attester { identifier: "https://attester.example".to_owned(), key: attester.public_key() }];
    let methods = [(METHOD.to_owned(), verifier.key.public_key())];
    let terms = Terms { verification_methods: &methods, attesters: &attesters, answers: Answers::Encrypted };
    for (id, way) in &ids {
        let awaiting = ask(&verifier, id.clone());
        for (at, proof) in proofs.iter().enumerate() {
            let signed = awaiting.sign(*proof, &verifier.key, None, now());
            assert_eq!(signed.is_ok(), at == *way, "{id} by {proof:?}");
            let Ok(jwt) = signed else { continue };
            for (other, _) in &ids {
                let taken = ReceivedRequest::new(jwt.clone(), other.clone()).authenticate_with(&terms, now());
                assert_eq!(taken.is_ok(), other == id, "{id} for {other}");
            }
        }
    }
}
