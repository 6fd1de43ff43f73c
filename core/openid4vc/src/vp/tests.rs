//! Whole presentations: both halves by hand, without a network; and every rule broken once.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};
use url::Url;
use warifu_credential::ClaimPath;
use warifu_credential::mdoc::{Handover, SessionTranscript};
use warifu_keys::entropy::Seeded;
use warifu_keys::jwe::{self, Encryption, JweError};
use warifu_keys::jws::{self, Header, JwsError};
use warifu_keys::x509::issue::{self, Authority, Period, Subject};
use warifu_keys::x509::{Certificate, Purpose};
use warifu_keys::{Jwk, Signer as _, SigningKey};

use super::client_id::ClientId;
use super::holder::{self, AuthenticRequest, PresentationRequest, ReceivedRequest, RequestUri};
use super::identity::ProofError;
use super::request::{RequestError, RequestObject, TYP};
use super::response::{BodyError, ErrorCode, Received, ResponseAnswer, VpToken, VpTokenError};
use super::transaction_data::{self, TransactionData};
use super::verifier::{Answer, AwaitingResponse, Error, ReceivedResponse, RequestBuilder};
use super::wallet_metadata::RequestUriPost;
use crate::dcql::{CredentialQuery, Query};
use crate::http::{self, Method, Request, Response};

mod conformance;
mod dc_api;
mod identity;
mod registration;
mod request_uri;

fn now() -> Timestamp {
    "2026-11-23T10:00:00Z".parse().unwrap()
}

fn later(seconds: i64) -> Timestamp {
    now() + SignedDuration::from_secs(seconds)
}

/// A verifier with its access certificate.
struct Verifier {
    entropy: Seeded,
    key: SigningKey,
    chain: Vec<Certificate>,
}

impl Verifier {
    fn new(seed: &str) -> Self {
        Self::for_hosts(seed, &[])
    }

    /// A verifier whose certificate names these hosts.
    fn for_hosts(seed: &str, hosts: &[&str]) -> Self {
        let entropy = Seeded::dangerous_new(seed);
        let name = |name: &str| Subject { common_name: name.to_owned(), organization: None, country: "UT".to_owned() };
        let period = Period::days(now(), 300);
        let root_key = SigningKey::generate_p256(&entropy);
        let root =
            Authority::self_signed(&name("Access CA"), root_key, period, "https://ca.example", &entropy).unwrap();
        let key = SigningKey::generate_p256(&entropy);
        let request = issue::Request {
            subject: name("Shop"),
            public_key: &key.public_key(),
            period,
            purpose: Purpose::Access,
            dns_names: hosts.iter().map(|host| (*host).to_owned()).collect(),
            uris: Vec::new(),
        };
        let leaf = root.issue(&request, &entropy).unwrap();
        Self { entropy, key, chain: vec![leaf] }
    }

    fn builder(&self) -> RequestBuilder {
        let query = Query {
            credentials: vec![CredentialQuery::sd_jwt_vc("kyc", "urn:x", vec![ClaimPath::claim("given_name")])],
            credential_sets: None,
        };
        RequestBuilder::new(&self.chain[0], Url::parse("https://shop.example/response/1").unwrap(), query)
    }

    fn ask(&self) -> AwaitingResponse {
        self.builder().build(&self.entropy, now()).unwrap()
    }

    fn sign(&self, awaiting: &AwaitingResponse) -> String {
        awaiting.sign(&self.chain, &self.key, None, now()).unwrap()
    }

    /// A request object with some claims replaced (`null` removes one), signed as it should be.
    fn sign_with(&self, changes: Value) -> String {
        let mut claims = self.ask().request().to_claims(None);
        for (name, value) in changes.as_object().unwrap() {
            match value {
                Value::Null => drop(claims.remove(name)),
                value => drop(claims.insert(name.clone(), value.clone())),
            }
        }
        jws::sign_claims(Header::typ(TYP).x5c(&self.chain), &claims, &self.key).unwrap()
    }

    fn client_id(&self) -> ClientId {
        ClientId::x509_hash(&self.chain[0])
    }

    fn authenticate(&self, jwt: String) -> Result<AuthenticRequest, holder::Error> {
        ReceivedRequest::new(jwt, self.client_id()).authenticate(now())
    }
}

fn understood(verifier: &Verifier, awaiting: &AwaitingResponse) -> PresentationRequest {
    verifier.authenticate(verifier.sign(awaiting)).unwrap().understand(&["urn:example:pay"]).unwrap()
}

/// A response URI without a path has two spellings; the one that the verifier wrote counts (appendix B.2.6.1).
#[test]
fn the_session_has_the_response_uri_as_it_was_written() {
    let verifier = Verifier::new("shop");
    let jwt = verifier.sign_with(json!({ "response_uri": "https://shop.example" }));
    let request = verifier.authenticate(jwt).unwrap().understand(&[]).unwrap();
    let object = request.object();
    let key = object.encryption_key().unwrap().public_key().unwrap();
    let transcript = |response_uri| {
        let client_id = object.client_id.as_str();
        let nonce = &object.nonce;
        SessionTranscript::new(&Handover::OpenId4Vp { client_id, nonce, encryption_key: Some(&key), response_uri })
    };
    assert_eq!(request.session_transcript().unwrap(), transcript("https://shop.example"));
    assert_ne!(request.session_transcript().unwrap(), transcript("https://shop.example/"));
}

fn token() -> VpToken {
    VpToken::of([("kyc".to_owned(), "a.b.c~d~e.f.g".to_owned())])
}

fn accept(awaiting: AwaitingResponse, body: &[u8], at: Timestamp) -> Result<Answer, Error> {
    awaiting.accept(Received::parse(body)?, at)
}

fn presented(answer: Answer) -> ReceivedResponse {
    match answer {
        Answer::Presented(response) => *response,
        Answer::Refused(refusal) => panic!("{refusal:?}"),
    }
}

#[test]
fn whole_exchange_by_get() {
    let verifier = Verifier::new("shop");
    let awaiting = verifier.ask();
    let link = RequestUri {
        client_id: verifier.client_id(),
        request_uri: Url::parse("https://shop.example/request/1").unwrap(),
        method: Method::Get,
    };
    let wallet = Seeded::dangerous_new("wallet");
    let fetch = RequestUri::parse(&link.to_uri(holder::Scheme::HaipVp)).unwrap().fetch(&wallet);
    assert_eq!(fetch.request().header_value("accept"), Some("application/oauth-authz-req+jwt"));
    let body = verifier.sign(&awaiting).into_bytes();
    let received = fetch.answer(&Response { status: 200, headers: Vec::new(), body }).unwrap();
    let authentic = received.authenticate(now()).unwrap();
    assert_eq!(authentic.chain(), verifier.chain);
    let request = authentic.understand(&[]).unwrap();
    assert_eq!((request.client_id(), request.nonce()), (&verifier.client_id(), awaiting.request().nonce.as_str()));
    let post = request.respond(&token(), &wallet).unwrap();
    assert_eq!(post.url.as_str(), "https://shop.example/response/1");
    assert_eq!(post.header_value("content-type"), Some("application/x-www-form-urlencoded"));

    let received = Received::parse(&post.body).unwrap();
    assert_eq!(received.key_id(), Some(awaiting.key_id()));
    let Received::Encrypted(sealed) = &received else { panic!("encrypted") };
    assert_eq!(sealed.encryption(), Encryption::A256Gcm);
    let response = presented(awaiting.clone().accept(received, later(299)).unwrap());
    assert_eq!(response.vp_token, token());
    assert_eq!(response.request.session_transcript().unwrap(), request.session_transcript().unwrap());
    assert_eq!(&response.request, awaiting.request());

    let done = ResponseAnswer { redirect_uri: Some(Url::parse("https://shop.example/done#response_code=1").unwrap()) };
    assert_eq!(ResponseAnswer::parse(&done.respond()).unwrap(), done);
}

#[test]
fn whole_exchange_by_post_with_the_wallets_nonce() {
    let verifier = Verifier::new("shop");
    let awaiting = verifier.ask();
    let link = RequestUri {
        client_id: verifier.client_id(),
        request_uri: Url::parse("https://shop.example/request/1").unwrap(),
        method: Method::Post,
    };
    let fetch = link.fetch(&Seeded::dangerous_new("wallet"));
    let nonce = RequestUriPost::parse(&fetch.request().body).unwrap().wallet_nonce.unwrap();
    let answer = |nonce: Option<&str>| {
        let body = awaiting.sign(&verifier.chain, &verifier.key, nonce, now()).unwrap().into_bytes();
        fetch.clone().answer(&Response { status: 200, headers: Vec::new(), body }).unwrap().authenticate(now())
    };
    answer(Some(&nonce)).unwrap();
    assert!(matches!(answer(None), Err(holder::Error::WalletNonce)));
    assert!(matches!(answer(Some("other")), Err(holder::Error::WalletNonce)));
    for status in [302, 404, 500] {
        let response = Response { status, headers: Vec::new(), body: Vec::new() };
        assert!(matches!(fetch.clone().answer(&response), Err(holder::Error::Status(found)) if found == status));
    }
    assert!(RequestUriPost::parse(b"wallet_nonce=a&wallet_nonce=a").is_err());
    assert!(RequestUriPost::parse(b"wallet_nonce=%22").is_err());
}

#[test]
fn every_request_has_its_own_key_nonce_and_state() {
    let verifier = Verifier::new("shop");
    let (first, second) = (verifier.ask(), verifier.ask());
    assert_ne!(first.key_id(), second.key_id());
    assert_ne!(first.state(), second.state());
    assert_ne!(first.request().nonce, second.request().nonce);
    let claims = first.request().to_claims(None);
    assert_eq!(claims["client_metadata"]["encrypted_response_enc_values_supported"], json!(["A256GCM", "A128GCM"]));
    assert_eq!(claims["aud"], "https://self-issued.me/v2");
    let stored = serde_json::to_string(&first).unwrap();
    assert_eq!(serde_json::from_str::<AwaitingResponse>(&stored).unwrap(), first);
    assert!(!format!("{first:?}").contains(first.state()));
}

#[test]
fn signing_needs_the_right_certificate_and_key() {
    let (verifier, other) = (Verifier::new("shop"), Verifier::new("other"));
    let awaiting = verifier.ask();
    assert!(matches!(
        awaiting.sign(&other.chain, &other.key, None, now()),
        Err(Error::Proof(ProofError::OtherCertificate(_)))
    ));
    assert!(matches!(
        awaiting.sign(&verifier.chain, &other.key, None, now()),
        Err(Error::Proof(ProofError::OtherCertificate(_)))
    ));
    assert!(matches!(
        awaiting.sign(&Vec::new(), &verifier.key, None, now()),
        Err(Error::Proof(ProofError::Certificate(_)))
    ));
    assert!(matches!(awaiting.sign(&verifier.chain, &verifier.key, None, later(300)), Err(Error::Expired { .. })));
}

#[test]
fn request_objects_that_are_not_the_verifiers() {
    let (verifier, other) = (Verifier::new("shop"), Verifier::new("other"));
    let check = |jwt: String, expected: fn(&holder::Error) -> bool| {
        let error = verifier.authenticate(jwt).unwrap_err();
        assert!(expected(&error), "{error}");
    };
    let claims = verifier.ask().request().to_claims(None);
    let sign = |header: Header, key: &SigningKey| jws::sign_claims(header, &claims, key).unwrap();
    let good = || Header::typ(TYP).x5c(&verifier.chain);
    verifier.authenticate(sign(good(), &verifier.key)).unwrap();
    check(other.sign(&other.ask()), |e| matches!(e, holder::Error::OtherCertificate));
    check(sign(good(), &other.key), |e| matches!(e, holder::Error::Jws(JwsError::BadSignature)));
    check(sign(Header::typ("JWT").x5c(&verifier.chain), &verifier.key), |e| {
        matches!(e, holder::Error::Jws(JwsError::Type { .. }))
    });
    check(sign(Header::typ(TYP), &verifier.key), |e| matches!(e, holder::Error::Jws(JwsError::Certificate(_))));
    check(sign(Header::typ(TYP).jwk(&verifier.key.public_key()), &verifier.key), |e| {
        matches!(e, holder::Error::Jws(JwsError::Certificate(_)))
    });
    check(sign(good().with("crit", json!(["x"])), &verifier.key), |e| {
        matches!(e, holder::Error::Jws(JwsError::Critical))
    });
    check("a".repeat(super::request::MAX_BYTES + 1), |e| matches!(e, holder::Error::Body));
    let mut changed = verifier.sign(&verifier.ask()).into_bytes();
    let at = changed.iter().position(|byte| *byte == b'.').unwrap() + 40;
    changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
    check(String::from_utf8(changed).unwrap(), |e| matches!(e, holder::Error::Jws(_)));
}

#[test]
fn request_objects_with_one_rule_broken() {
    let (verifier, other) = (Verifier::new("shop"), Verifier::new("other"));
    let check = |changes: Value, expected: fn(&holder::Error) -> bool| {
        let error = verifier.authenticate(verifier.sign_with(changes.clone())).unwrap_err();
        assert!(expected(&error), "{changes}: {error}");
    };
    let second = now().as_second();
    check(json!({ "client_id": other.client_id().as_str() }), |e| matches!(e, holder::Error::OtherClientId));
    check(json!({ "client_id": null }), |e| matches!(e, holder::Error::Request(RequestError::Parameter("client_id"))));
    check(json!({ "client_id": "x509_san_dns:shop.example" }), |e| matches!(e, holder::Error::OtherClientId));
    check(json!({ "client_id": "origin:https://shop.example" }), |e| {
        matches!(e, holder::Error::Request(RequestError::ClientId(_)))
    });
    check(json!({ "aud": "https://wallet.example" }), |e| matches!(e, holder::Error::OtherAudience));
    check(json!({ "aud": null }), |e| matches!(e, holder::Error::OtherAudience));
    check(json!({ "exp": second }), |e| matches!(e, holder::Error::Expired { .. }));
    check(json!({ "exp": "tomorrow" }), |e| matches!(e, holder::Error::Request(RequestError::Parameter("exp"))));
    check(json!({ "iat": second + 3600 }), |e| matches!(e, holder::Error::Ahead));
    check(json!({ "response_type": "code" }), |e| {
        matches!(e, holder::Error::Request(RequestError::NotSupported { .. }))
    });
    for mode in ["fragment", "dc_api.jwt", "direct_post.JWT"] {
        check(json!({ "response_mode": mode }), |e| {
            matches!(e, holder::Error::Request(RequestError::NotSupported { .. }))
        });
    }
    check(json!({ "response_mode": "direct_post" }), |e| matches!(e, holder::Error::NotEncrypted));
    check(json!({ "redirect_uri": "https://shop.example/" }), |e| {
        matches!(e, holder::Error::Request(RequestError::Forbidden("redirect_uri")))
    });
    check(json!({ "response_uri": null }), |e| {
        matches!(e, holder::Error::Request(RequestError::Parameter("response_uri")))
    });
    check(json!({ "response_uri": "http://shop.example/" }), |e| {
        matches!(e, holder::Error::Request(RequestError::ResponseUri(_)))
    });
}

#[test]
fn requests_that_are_authentic_but_not_understood() {
    let verifier = Verifier::new("shop");
    let check = |changes: Value, code: ErrorCode| {
        let misunderstood =
            verifier.authenticate(verifier.sign_with(changes.clone())).unwrap().understand(&[]).unwrap_err();
        assert_eq!(misunderstood.reason.code(), code, "{changes}: {misunderstood}");
        // The verifier gets the error where it asked for it.
        let fields = String::from_utf8(misunderstood.answer.body).unwrap();
        assert!(fields.starts_with(&format!("error={}", code.name())), "{fields}");
    };
    check(json!({ "nonce": null }), ErrorCode::InvalidRequest);
    check(json!({ "nonce": "a b" }), ErrorCode::InvalidRequest);
    check(json!({ "state": "\"" }), ErrorCode::InvalidRequest);
    check(json!({ "dcql_query": null }), ErrorCode::InvalidRequest);
    check(json!({ "dcql_query": { "credentials": [] } }), ErrorCode::InvalidRequest);
    check(json!({ "scope": "openid" }), ErrorCode::InvalidRequest);
    check(json!({ "scope": "openid", "dcql_query": null }), ErrorCode::InvalidScope);
    check(json!({ "client_metadata": null }), ErrorCode::InvalidRequest);
    check(json!({ "verifier_info": [] }), ErrorCode::InvalidRequest);
    let metadata = verifier.ask().request().to_claims(None)["client_metadata"].clone();
    let with = |path: &str, value: Value| {
        let mut metadata = metadata.clone();
        *metadata.pointer_mut(path).unwrap() = value;
        json!({ "client_metadata": metadata })
    };
    check(with("/jwks/keys", json!([])), ErrorCode::InvalidRequest);
    check(with("/jwks/keys/0/use", json!("sig")), ErrorCode::InvalidRequest);
    check(with("/jwks/keys/0/alg", json!("ECDH-ES+A256KW")), ErrorCode::InvalidRequest);
    check(with("/jwks/keys/0/x", json!("AA")), ErrorCode::InvalidRequest);
    check(with("/encrypted_response_enc_values_supported", json!(["A256CBC-HS512"])), ErrorCode::InvalidRequest);
    check(with("/vp_formats_supported", json!(1)), ErrorCode::InvalidRequest);
    let unbound = json!({ "credentials": [{ "id": "q", "format": "dc+sd-jwt", "meta": { "vct_values": ["t"] }, "require_cryptographic_holder_binding": false }] });
    check(json!({ "dcql_query": unbound, "state": null }), ErrorCode::InvalidRequest);
}

#[test]
fn transaction_data_must_be_known() {
    let verifier = Verifier::new("shop");
    let entry = |kind: &str, id: &str| TransactionData::new(kind, &[id], Map::new()).unwrap();
    let ask = |entry: TransactionData| verifier.builder().transaction_data(entry).build(&verifier.entropy, now());
    let awaiting = ask(entry("urn:example:pay", "kyc")).unwrap();
    let request = understood(&verifier, &awaiting);
    assert_eq!(
        request.transaction_data_for("kyc").map(TransactionData::hash).collect::<Vec<_>>(),
        [entry("urn:example:pay", "kyc").hash()]
    );
    assert_eq!(request.transaction_data_for("other").count(), 0);

    let unknown = ask(entry("urn:example:unknown", "kyc")).unwrap();
    let misunderstood =
        verifier.authenticate(verifier.sign(&unknown)).unwrap().understand(&["urn:example:pay"]).unwrap_err();
    assert_eq!(misunderstood.reason.code(), ErrorCode::InvalidTransactionData);
    assert!(String::from_utf8(misunderstood.answer.body).unwrap().contains("error=invalid_transaction_data"));
    // A verifier can not even ask for what no wallet could bind.
    let no_query = ask(entry("urn:example:pay", "other")).unwrap_err();
    assert!(matches!(no_query, Error::Request(RequestError::TransactionData(transaction_data::Error::Credential(_)))));
    let claims =
        |value: Value| verifier.authenticate(verifier.sign_with(json!({ "transaction_data": value }))).unwrap();
    let many = vec![entry("urn:example:pay", "kyc").encoded().to_owned(); transaction_data::MAX_ENTRIES + 1];
    for bad in [json!([]), json!("x"), json!([1]), json!(["e30"]), json!(many)] {
        let reason = claims(bad).understand(&["urn:example:pay"]).unwrap_err().reason;
        assert_eq!(reason.code(), ErrorCode::InvalidTransactionData);
    }
}

/// A response of these members, encrypted to the request's key.
fn sealed(awaiting: &AwaitingResponse, members: Value, encryption: Encryption, to: &Jwk) -> Vec<u8> {
    let entropy = Seeded::dangerous_new("wallet");
    let jwe = jwe::encrypt(members.to_string().as_bytes(), to, encryption, Map::new(), &entropy).unwrap();
    Request::form(awaiting.request().response_uri.clone(), &[("response", &jwe)]).body
}

#[test]
fn responses_with_one_rule_broken() {
    let verifier = Verifier::new("shop");
    let awaiting = verifier.ask();
    let key = awaiting.request().encryption_key().unwrap().clone();
    let good = || json!({ "vp_token": { "kyc": ["a~"] }, "state": awaiting.state() });
    let with = |members: Value| sealed(&awaiting, members, Encryption::A128Gcm, &key);
    let check = |body: &[u8], at: Timestamp, expected: fn(&Error) -> bool| {
        let error = accept(awaiting.clone(), body, at).unwrap_err();
        assert!(expected(&error), "{error}");
    };
    presented(accept(awaiting.clone(), &with(good()), now()).unwrap());
    check(&with(good()), later(300), |e| matches!(e, Error::Expired { .. }));
    check(&with(json!({ "vp_token": { "kyc": ["a~"] }, "state": "other" })), now(), |e| matches!(e, Error::State));
    check(&with(json!({ "vp_token": { "kyc": ["a~"] } })), now(), |e| matches!(e, Error::State));
    check(&with(json!({ "state": awaiting.state() })), now(), |e| matches!(e, Error::NoVpToken));
    check(
        &with(json!({ "state": awaiting.state(), "vp_token": { "kyc": ["a~"] }, "error": "access_denied" })),
        now(),
        |e| matches!(e, Error::NoVpToken),
    );
    let token = |token: Value| with(json!({ "state": awaiting.state(), "vp_token": token }));
    for bad in [json!({}), json!([]), json!("a~"), json!({ "kyc": "a~" }), json!({ "kyc": [1] })] {
        check(&token(bad), now(), |e| matches!(e, Error::VpToken(VpTokenError::Malformed)));
    }
    check(&token(json!({ "kyc": [] })), now(), |e| matches!(e, Error::VpToken(VpTokenError::Count { found: 0, .. })));
    check(&token(json!({ "kyc": ["a~", "b~"] })), now(), |e| {
        matches!(e, Error::VpToken(VpTokenError::Count { found: 2, .. }))
    });
    check(&token(json!({ "kyc": ["a~"], "pid": ["b~"] })), now(), |e| {
        matches!(e, Error::VpToken(VpTokenError::NotAsked(_)))
    });

    let other = verifier.ask();
    let other_key = other.request().encryption_key().unwrap().clone();
    check(&sealed(&awaiting, good(), Encryption::A256Gcm, &other_key), now(), |e| matches!(e, Error::OtherKey));
    let nameless = Jwk { kid: None, ..other_key };
    check(&sealed(&awaiting, good(), Encryption::A256Gcm, &nameless), now(), |e| {
        matches!(e, Error::Decryption(JweError::Decryption))
    });
    let nameless = Jwk { kid: None, ..key.clone() };
    presented(accept(awaiting.clone(), &sealed(&awaiting, good(), Encryption::A256Gcm, &nameless), now()).unwrap());
}

#[test]
fn responses_that_are_not_encrypted_as_demanded() {
    let awaiting = Verifier::new("shop").ask();
    let check = |fields: &[(&str, &str)], expected: fn(&Error) -> bool| {
        let body = Request::form(awaiting.request().response_uri.clone(), fields).body;
        let error = accept(awaiting.clone(), &body, now()).unwrap_err();
        assert!(expected(&error), "{fields:?}: {error}");
    };
    let state = awaiting.state();
    check(&[("vp_token", r#"{"kyc":["a~"]}"#), ("state", state)], |e| matches!(e, Error::NotEncrypted));
    check(&[("state", state)], |e| matches!(e, Error::NoVpToken));
    check(&[], |e| matches!(e, Error::NoVpToken));
    check(&[("error", "access_denied")], |e| matches!(e, Error::State));
    check(&[("error", "access_denied"), ("state", "other")], |e| matches!(e, Error::State));
    check(&[("response", "a.b.c")], |e| matches!(e, Error::Body(BodyError::Jwe(JweError::Malformed))));
    check(&[("response", "x"), ("response", "x")], |e| matches!(e, Error::Body(BodyError::Repeated(_))));
    let other = |header: Value| {
        format!(
            "{}..AAAAAAAAAAAAAAAA.AA.AAAAAAAAAAAAAAAAAAAAAA",
            warifu_keys::base64url::encode(header.to_string().as_bytes())
        )
    };
    let wrong_enc = other(json!({ "alg": "ECDH-ES", "enc": "A128CBC-HS256" }));
    check(
        &[("response", &wrong_enc)],
        |e| matches!(e, Error::Body(BodyError::Jwe(JweError::Algorithm(name))) if name == "A128CBC-HS256"),
    );
    let wrong_alg = other(json!({ "alg": "RSA-OAEP", "enc": "A128GCM" }));
    check(
        &[("response", &wrong_alg)],
        |e| matches!(e, Error::Body(BodyError::Jwe(JweError::Algorithm(name))) if name == "RSA-OAEP"),
    );
    let zipped = other(json!({ "alg": "ECDH-ES", "enc": "A128GCM", "zip": "DEF" }));
    check(&[("response", &zipped)], |e| matches!(e, Error::Body(BodyError::Jwe(JweError::Compressed))));
    assert!(matches!(Received::parse(&vec![b'a'; super::response::MAX_BYTES + 1]), Err(BodyError::TooLarge(_))));
}

#[test]
fn refusals() {
    let verifier = Verifier::new("shop");
    let awaiting = verifier.ask();
    let request = understood(&verifier, &awaiting);
    let post = request.refuse(ErrorCode::AccessDenied);
    assert_eq!(Received::parse(&post.body).unwrap().state(), Some(awaiting.state()));
    match accept(awaiting.clone(), &post.body, now()).unwrap() {
        Answer::Refused(refusal) => assert_eq!(refusal.error, "access_denied"),
        Answer::Presented(_) => panic!("a refusal"),
    }
    // An error may come encrypted too.
    let key = awaiting.request().encryption_key().unwrap().clone();
    let body =
        sealed(&awaiting, json!({ "error": "access_denied", "state": awaiting.state() }), Encryption::A256Gcm, &key);
    assert!(matches!(accept(awaiting, &body, now()), Ok(Answer::Refused(_))));
}

#[test]
fn the_wallet_answers_what_was_asked_only() {
    let verifier = Verifier::new("shop");
    let request = understood(&verifier, &verifier.ask());
    let wallet = Seeded::dangerous_new("wallet");
    let wrong = VpToken::of([("pid".to_owned(), "a~".to_owned())]);
    assert!(matches!(request.respond(&wrong, &wallet), Err(holder::Error::VpToken(VpTokenError::NotAsked(_)))));
    assert!(matches!(
        request.respond(&VpToken::default(), &wallet),
        Err(holder::Error::VpToken(VpTokenError::Malformed))
    ));
}

#[test]
fn weaker_encryption_where_the_verifier_knows_no_other() {
    let verifier = Verifier::new("shop");
    let mut metadata = verifier.ask().request().to_claims(None)["client_metadata"].clone();
    metadata.as_object_mut().unwrap().remove("encrypted_response_enc_values_supported");
    // Keys that this wallet can not use stand beside the one it can.
    metadata["jwks"]["keys"]
        .as_array_mut()
        .unwrap()
        .insert(0, json!({ "kty": "RSA", "n": "AQAB", "e": "AQAB", "alg": "RSA-OAEP" }));
    let request = verifier
        .authenticate(verifier.sign_with(json!({ "client_metadata": metadata })))
        .unwrap()
        .understand(&[])
        .unwrap();
    let post = request.respond(&token(), &Seeded::dangerous_new("wallet")).unwrap();
    let Received::Encrypted(sealed) = Received::parse(&post.body).unwrap() else { panic!("encrypted") };
    assert_eq!(sealed.encryption(), Encryption::A128Gcm);
}

#[test]
fn response_uri_on_this_machine_is_for_this_machine_only() {
    let verifier = Verifier::new("shop");
    let local = Url::parse("http://127.0.0.1:8080/response").unwrap();
    let awaiting = RequestBuilder::new(&verifier.chain[0], local, verifier.ask().request().query.clone());
    let awaiting = awaiting.build(&verifier.entropy, now()).unwrap();
    let from = |place: &str| {
        let link = RequestUri {
            client_id: verifier.client_id(),
            request_uri: Url::parse(place).unwrap(),
            method: Method::Get,
        };
        let body = verifier.sign(&awaiting).into_bytes();
        let response = Response { status: 200, headers: Vec::new(), body };
        link.fetch(&verifier.entropy).answer(&response).unwrap().authenticate(now())
    };
    from("http://127.0.0.1:8080/request").unwrap();
    let error = from("https://shop.example/request").unwrap_err();
    assert!(matches!(error, holder::Error::Request(RequestError::ResponseUri(http::UrlError::Insecure(_)))));
}

#[test]
fn a_verifier_can_not_ask_to_be_answered_in_the_open() {
    let verifier = Verifier::new("shop");
    let query = verifier.ask().request().query.clone();
    let builder = RequestBuilder::new(&verifier.chain[0], Url::parse("http://shop.example/").unwrap(), query);
    assert!(matches!(builder.build(&verifier.entropy, now()), Err(Error::ResponseUri(http::UrlError::Insecure(_)))));
}

proptest::proptest! {
    #[test]
    fn never_panics(text in ".{0,120}", bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..120), name in proptest::sample::select(vec!["client_id", "nonce", "state", "dcql_query", "client_metadata", "transaction_data", "verifier_info", "exp", "iat", "response_uri"])) {
        let verifier = Verifier::new("shop");
        let _ = ClientId::parse(&text);
        let _ = RequestUriPost::parse(&bytes);
        let _ = ReceivedRequest::new(text.clone(), verifier.client_id()).authenticate(now());
        let _ = RequestObject::from_claims(&Map::from_iter([(name.to_owned(), Value::from(text.as_str()))]));
        let mut claims = verifier.ask().request().to_claims(None);
        claims.insert(name.to_owned(), serde_json::from_slice(&bytes).unwrap_or(Value::from(text.as_str())));
        let _ = RequestObject::from_claims(&claims);
        let _ = accept(verifier.ask(), &bytes, now());
        let key = verifier.ask().request().encryption_key().unwrap().clone();
        let awaiting = verifier.ask();
        let _ = accept(awaiting.clone(), &sealed(&awaiting, json!(text), Encryption::A256Gcm, &key), now());
    }
}
