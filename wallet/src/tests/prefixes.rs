//! Every way in which a verifier can prove who it is, in every response mode; and what is refused.

use serde_json::{Value, json};
use warifu_credential::ClaimPath;
use warifu_keys::jws::{self, Header, JwsError};
use warifu_keys::{PublicKey, Signer as _, SigningKey, base64url};
use warifu_openid4vc::dcql::DcqlError;
use warifu_openid4vc::http::{Method, UrlError};
use warifu_openid4vc::vp::client_id::ClientId;
use warifu_openid4vc::vp::holder::Error as Broken;
use warifu_openid4vc::vp::identity::{ATTESTATION_TYP, AttestationError};
use warifu_openid4vc::vp::request::{RequestError, TYP};
use warifu_openid4vc::vp::response::Received;
use warifu_openid4vc::vp::transaction_data;
use warifu_openid4vc::vp::verifier::{Answer, AwaitingResponse};
use warifu_trust::ServiceType;
use warifu_w3c::did;

use super::world::{Ask, By, CLIENT, World, now};
use crate::consent::{Asked, Ready};
use crate::present::{PresentError, Request};
use crate::store::AnswerRule;
use crate::{Error, Wallet};

const WEB: &str = "did:web:verifier.example";
const ATTESTER: &str = "https://attester.example";

fn claims() -> Vec<ClaimPath> {
    vec![ClaimPath::claim("family_name")]
}

fn did_client(did: &str) -> ClientId {
    ClientId::decentralized_identifier(did).unwrap()
}

/// The document of the did:web, with this key.
fn document(key: &PublicKey, relationship: &str) -> String {
    let method =
        json!({ "id": "#a", "type": "JsonWebKey", "controller": WEB, "publicKeyJwk": key.to_jwk().to_value() });
    json!({ "id": WEB, "verificationMethod": [method], relationship: ["#a"] }).to_string()
}

/// An attestation of this key, with some claims replaced.
fn attestation(signer: &SigningKey, key: &SigningKey, changes: &Value) -> String {
    let mut claims = json!({ "iss": ATTESTER, "sub": "shop", "exp": now().as_second() + 3600,
        "iat": now().as_second(), "cnf": { "jwk": key.public_key().to_jwk().to_value() } });
    let members = claims.as_object_mut().unwrap();
    members.extend(changes.as_object().unwrap().clone());
    jws::sign_claims(Header::typ(ATTESTATION_TYP), members, signer).unwrap()
}

/// A world that lists a verifier by every kind of name, and asks by each of them.
struct Names {
    world: std::sync::Arc<World>,
    attester: SigningKey,
}

impl Names {
    fn new() -> Self {
        let world = World::new(None);
        let attester = SigningKey::generate_p256(world.entropy.as_ref());
        let key = world.client_key.public_key();
        let names = [
            format!("decentralized_identifier:{}", did::jwk::from_key(&key)),
            format!("decentralized_identifier:{}", did::key::from_key(&key)),
            format!("decentralized_identifier:{WEB}"),
            "decentralized_identifier:did:example:shop".to_owned(),
            "verifier_attestation:shop".to_owned(),
            format!("redirect_uri:{CLIENT}/vp/0/response"),
            format!("redirect_uri:{CLIENT}/vp/1/response"),
        ];
        world.list(ServiceType::Access, vec![], vec![], &names.each_ref().map(String::as_str));
        world.list(ServiceType::VerifierAttestation, vec![], vec![attester.public_key().to_jwk()], &[ATTESTER]);
        world.serve("/.well-known/did.json", document(&key, "authentication"));
        Self { world, attester }
    }

    fn key(&self) -> PublicKey {
        self.world.client_key.public_key()
    }

    /// Every prefix with what proves it. `number` is that of the request.
    fn all(&self, number: usize) -> Vec<(&'static str, ClientId, By)> {
        let key = self.key();
        let (jwk, of_key) = (did::jwk::from_key(&key), did::key::from_key(&key));
        let shop = attestation(&self.attester, &self.world.client_key, &json!({}));
        vec![
            ("x509_hash", ClientId::x509_hash(&self.world.access.0), By::Certificate),
            ("x509_san_dns", ClientId::x509_san_dns("verifier.example").unwrap(), By::Certificate),
            ("did:jwk", did_client(jwk.as_str()), By::Method(did::jwk::method(&key))),
            ("did:key", did_client(of_key.as_str()), By::Method(did::key::method(&key))),
            ("did:web", did_client(WEB), By::Method(format!("{WEB}#a"))),
            ("verifier_attestation", ClientId::verifier_attestation("shop").unwrap(), By::Attestation(shop)),
            (
                "redirect_uri",
                ClientId::redirect_uri(&format!("{CLIENT}/vp/{number}/response").parse().unwrap()).unwrap(),
                By::Certificate,
            ),
        ]
    }

    async fn wallet(&self, answers: AnswerRule) -> Wallet {
        let wallet = self.world.wallet_with_credential().await;
        let settings = wallet.settings().unwrap();
        wallet.set_settings(crate::store::Settings { answers, ..settings }).unwrap();
        wallet
    }
}

async fn answered(wallet: &Wallet, request: Request) {
    let consent = request.question().agree(now());
    wallet.present(Ready::agreed(request, consent, now()).unwrap(), now()).await.unwrap();
}

/// Each prefix, fetched both ways, in both response modes, by wallets of both minds.
#[tokio::test]
async fn every_prefix_in_every_mode() {
    for at in 0..7 {
        for method in [Method::Get, Method::Post] {
            for in_the_clear in [false, true] {
                for answers in [AnswerRule::Encrypted, AnswerRule::AsAsked] {
                    let names = Names::new();
                    let wallet = names.wallet(answers).await;
                    let (name, client_id, by) = names.all(0).swap_remove(at);
                    let row = format!("{name} {method:?} clear: {in_the_clear} {answers:?}");
                    let ask = Ask { method, in_the_clear, ..Ask::new(client_id.clone(), by, &claims()) };
                    let inspected = wallet.inspect_request(&names.world.ask(ask), now()).await;
                    if in_the_clear && answers == AnswerRule::Encrypted {
                        assert_eq!(inspected.unwrap_err().code(), "answer_not_encrypted", "{row}");
                        assert!(names.world.posted().is_empty(), "{row}");
                        continue;
                    }
                    let request = inspected.unwrap_or_else(|error| panic!("{row}: {error}"));
                    let asker = &request.question().asker;
                    assert_eq!(
                        (asker.name.as_str(), asker.identifier.as_str()),
                        ("Bank B", client_id.as_str()),
                        "{row}"
                    );
                    let certified = name.starts_with("x509");
                    assert_eq!(asker.certificate_name.as_deref(), certified.then_some("Bank B Ltd"), "{row}");
                    answered(&wallet, request).await;
                    let posted = names.world.posted();
                    assert_eq!(posted.len(), 1, "{row}");
                    assert_eq!(posted[0].starts_with(b"vp_token="), in_the_clear, "{row}");
                    let answer = names.world.awaiting("0").accept(Received::parse(&posted[0]).unwrap(), now());
                    let Answer::Presented(answer) = answer.unwrap() else { panic!("{row}") };
                    let text = answer.vp_token.0["kyc"][0].text().unwrap().to_owned();
                    let binding = text.rsplit('~').next().unwrap();
                    let binding = jws::Unverified::parse(binding).unwrap().dangerous_claims().unwrap();
                    assert_eq!(binding["aud"], json!(client_id.as_str()), "{row}");
                }
            }
        }
    }
}

/// A request in the link itself, signed.
#[tokio::test]
async fn a_request_by_value() {
    let names = Names::new();
    let wallet = names.wallet(AnswerRule::Encrypted).await;
    let key = names.key();
    let client_id = did_client(did::jwk::from_key(&key).as_str());
    names.world.ask(Ask::new(client_id.clone(), By::Method(did::jwk::method(&key)), &claims()));
    let object = names.world.awaiting("0");
    let method = did::jwk::method(&key);
    let proof = warifu_openid4vc::vp::identity::Proof::VerificationMethod(&method);
    let jwt = object.sign(proof, &names.world.client_key, None, now()).unwrap();
    let link = |client_id: &str| {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.append_pair("client_id", client_id).append_pair("request", &jwt);
        format!("openid4vp://?{}", query.finish())
    };
    let before = names.world.asked().len();
    let request = wallet.inspect_request(&link(client_id.as_str()), now()).await.unwrap();
    let asked = names.world.asked().split_off(before);
    assert!(asked.iter().all(|address| address.ends_with("/trusted-list")), "nothing else is fetched: {asked:?}");
    answered(&wallet, request).await;
    // Another listed name outside than inside.
    let found = wallet.inspect_request(&link("verifier_attestation:shop"), now()).await;
    broken(found, "another name outside", |e| matches!(e, Broken::Attestation(AttestationError::Missing)));
    assert_eq!(names.world.posted().len(), 1);
}

#[track_caller]
fn refused(found: Result<Request, Error>, expected: &str, row: &str) {
    let error = found.err().unwrap_or_else(|| panic!("{row}: it was taken"));
    assert_eq!(error.code(), expected, "{row}: {error}");
}

/// Refused as a request, for exactly this reason.
#[track_caller]
fn broken(found: Result<Request, Error>, row: &str, expected: Why) {
    match found.err().unwrap_or_else(|| panic!("{row}: it was taken")) {
        Error::Present(PresentError::Request(reason)) => assert!(expected(&reason), "{row}: {reason:?}"),
        other => panic!("{row}: {other}"),
    }
}

type Why = fn(&Broken) -> bool;

/// Attacks, each with the reason of its refusal. Nothing is ever posted.
#[tokio::test]
async fn what_is_refused() {
    let names = Names::new();
    let (world, wallet) = (&names.world, names.wallet(AnswerRule::AsAsked).await);
    let key = names.key();
    let other = SigningKey::generate_p256(world.entropy.as_ref());
    let hash = || ClientId::x509_hash(&world.access.0);
    let inspect = async |client_id: ClientId, by: By| {
        wallet.inspect_request(&world.ask(Ask::new(client_id, by, &claims())), now()).await
    };

    // Nobody whom the list names: and nobody is asked for anything, neither for the request nor for the DID.
    let before = world.asked().len();
    let stranger = did_client("did:web:stranger.example");
    refused(inspect(stranger, By::Method("did:web:stranger.example#a".to_owned())).await, "unknown_verifier", "did");
    let of_other = did::jwk::from_key(&other.public_key());
    let method = did::jwk::method(&other.public_key());
    refused(inspect(did_client(of_other.as_str()), By::Method(method)).await, "unknown_verifier", "did:jwk");
    let jwt = attestation(&names.attester, &world.client_key, &json!({ "sub": "other" }));
    let client = ClientId::verifier_attestation("other").unwrap();
    refused(inspect(client, By::Attestation(jwt)).await, "unknown_verifier", "attested, not listed");
    let elsewhere = ClientId::redirect_uri(&"https://stranger.example/cb".parse().unwrap()).unwrap();
    refused(inspect(elsewhere, By::Certificate).await, "unknown_verifier", "redirect_uri");
    let asked = world.asked().split_off(before);
    assert!(asked.iter().all(|address| address.ends_with("/trusted-list")), "{asked:?}");

    // DIDs: a method that is not known, a document that is not there, is another's, or does not name the key.
    let unknown = did_client("did:example:shop");
    refused(inspect(unknown, By::Method("did:example:shop#a".to_owned())).await, "did_not_resolved", "method");
    let web = async || inspect(did_client(WEB), By::Method(format!("{WEB}#a"))).await;
    for (body, expected) in [
        (document(&key, "keyAgreement"), "did_not_resolved"),
        (document(&key, "authentication").replace(WEB, "did:web:evil.example"), "did_not_resolved"),
        ("no document".to_owned(), "did_not_resolved"),
    ] {
        world.serve("/.well-known/did.json", body.clone());
        refused(web().await, expected, &body);
    }
    world.serve("/.well-known/did.json", document(&other.public_key(), "authentication"));
    broken(web().await, "another key", |e| matches!(e, Broken::Jws(JwsError::BadSignature)));
    world.serve("/.well-known/did.json", document(&key, "assertionMethod"));
    assert!(web().await.is_ok());
    // The method of another DID than the client's.
    let foreign = did::key::method(&other.public_key());
    let sign = move |awaiting: &AwaitingResponse, header: Header, key: &SigningKey| {
        jws::sign_claims(header, &awaiting.request().to_claims(None), key).unwrap()
    };
    let with_kid = {
        let other = other.clone();
        By::Object(Box::new(move |awaiting| sign(awaiting, Header::typ(TYP).kid(&foreign), &other)))
    };
    broken(inspect(did_client(WEB), with_kid).await, "foreign method", |e| matches!(e, Broken::OtherMethod));

    // Attestations: of another attester, for another key, expired.
    let shop = || ClientId::verifier_attestation("shop").unwrap();
    use AttestationError as A;
    let rows: [(&str, String, Why); 4] = [
        ("another attester", attestation(&other, &world.client_key, &json!({ "iss": "https://evil.example" })), |e| {
            matches!(e, Broken::Attestation(A::UnknownAttester(_)))
        }),
        ("forged", attestation(&other, &world.client_key, &json!({})), |e| {
            matches!(e, Broken::Attestation(A::Jws(JwsError::BadSignature)))
        }),
        ("expired", attestation(&names.attester, &world.client_key, &json!({ "exp": now().as_second() })), |e| {
            matches!(e, Broken::Attestation(A::Expired { .. }))
        }),
        ("answered elsewhere", attestation(&names.attester, &world.client_key, &json!({ "redirect_uris": [] })), |e| {
            matches!(e, Broken::ForeignResponseUri)
        }),
    ];
    for (row, jwt, why) in rows {
        broken(inspect(shop(), By::Attestation(jwt)).await, row, why);
    }
    let stolen = attestation(&names.attester, &world.client_key, &json!({}));
    let thief = {
        let other = other.clone();
        By::Object(Box::new(move |awaiting| {
            sign(awaiting, Header::typ(TYP).with("jwt", Value::from(stolen.as_str())), &other)
        }))
    };
    broken(inspect(shop(), thief).await, "stolen", |e| matches!(e, Broken::Jws(JwsError::BadSignature)));

    // Request objects: another certificate, another client inside, another typ, no signature, another audience.
    let access = (world.access.0.clone(), world.access.1.clone());
    let object = |header: Header, change: fn(&mut serde_json::Map<String, Value>)| {
        let key = access.1.clone();
        By::Object(Box::new(move |awaiting: &AwaitingResponse| {
            let mut claims = awaiting.request().to_claims(None);
            change(&mut claims);
            jws::sign_claims(header.clone(), &claims, &key).unwrap()
        }))
    };
    let chain = std::slice::from_ref(&access.0);
    let good = || Header::typ(TYP).x5c(chain);
    assert!(inspect(hash(), object(good(), |_| {})).await.is_ok());
    let rows: Vec<(&str, By, Why)> = vec![
        (
            "another client inside",
            object(good(), |claims| {
                claims.insert("client_id".to_owned(), json!("decentralized_identifier:did:web:verifier.example"));
            }),
            |e| matches!(e, Broken::OtherClientId),
        ),
        ("wrong typ", object(Header::typ("JWT").x5c(chain), |_| {}), |e| {
            matches!(e, Broken::Jws(JwsError::Type { .. }))
        }),
        (
            "another audience",
            object(good(), |claims| drop(claims.insert("aud".to_owned(), json!("https://a.example")))),
            |e| matches!(e, Broken::OtherAudience),
        ),
        (
            "foreign http response URI",
            object(good(), |claims| {
                claims.insert("response_uri".to_owned(), json!("http://127.0.0.1:9999/"));
            }),
            |e| matches!(e, Broken::Request(RequestError::ResponseUri(UrlError::Insecure(_)))),
        ),
        (
            "redirect_uri beside",
            object(good(), |claims| {
                claims.insert("redirect_uri".to_owned(), json!("https://verifier.example/"));
            }),
            |e| matches!(e, Broken::Request(RequestError::Forbidden("redirect_uri"))),
        ),
        (
            "transaction data of an unknown type",
            object(good(), |claims| {
                let entry = json!({ "type": "urn:example:pay", "credential_ids": ["kyc"] }).to_string();
                claims.insert("transaction_data".to_owned(), json!([base64url::encode(entry.as_bytes())]));
            }),
            |e| matches!(e, Broken::Request(RequestError::TransactionData(transaction_data::Error::UnknownType(_)))),
        ),
        (
            "a query of too many credentials",
            object(good(), |claims| {
                let one =
                    |at: i32| json!({ "id": format!("q{at}"), "format": "dc+sd-jwt", "meta": { "vct_values": ["x"] } });
                claims.insert("dcql_query".to_owned(), json!({ "credentials": (0..65).map(one).collect::<Vec<_>>() }));
            }),
            |e| matches!(e, Broken::Request(RequestError::Query(DcqlError::TooLarge(_)))),
        ),
        (
            "a query too deep to read",
            object(good(), |claims| {
                claims.insert("dcql_query".to_owned(), json!({ "credentials": [[[[[[]]]]]] }));
            }),
            |e| matches!(e, Broken::Request(RequestError::Query(DcqlError::Member(_)))),
        ),
        (
            "another's certificate",
            By::Object({
                let other = other.clone();
                let header = good();
                Box::new(move |awaiting| {
                    jws::sign_claims(header.clone(), &awaiting.request().to_claims(None), &other).unwrap()
                })
            }),
            |e| matches!(e, Broken::Jws(JwsError::BadSignature)),
        ),
        (
            "no signature",
            By::Object(Box::new(|awaiting| {
                let header = base64url::encode(format!(r#"{{"alg":"none","typ":"{TYP}"}}"#).as_bytes());
                let claims = Value::from(awaiting.request().to_claims(None)).to_string();
                format!("{header}.{}.", base64url::encode(claims.as_bytes()))
            })),
            |e| matches!(e, Broken::Jws(JwsError::Algorithm(_))),
        ),
        ("no object", By::Object(Box::new(|_| "{}".to_owned())), |e| matches!(e, Broken::Jws(JwsError::Malformed))),
        ("too large", By::Object(Box::new(|_| "a".repeat(300_000))), |e| matches!(e, Broken::Body)),
    ];
    for (row, by, why) in rows {
        broken(inspect(hash(), by).await, row, why);
    }
    // An answer to another host than the one that the certificate was looked up by.
    let dns = ClientId::x509_san_dns("verifier.example").unwrap();
    let away = object(good(), |claims| drop(claims.insert("response_uri".to_owned(), json!("https://evil.example/r"))));
    broken(inspect(dns, away).await, "foreign response URI", |e| matches!(e, Broken::ForeignResponseUri));
    // The wallet's nonce is not in it.
    let stale = Ask { method: Method::Post, ..Ask::new(hash(), object(good(), |_| {}), &claims()) };
    let link = world.ask(stale);
    broken(wallet.inspect_request(&link, now()).await, "no wallet_nonce", |e| matches!(e, Broken::WalletNonce));
    // Signed under a prefix that nobody can sign for, at an address that the list names.
    let number = 1;
    let listed = ClientId::redirect_uri(&format!("{CLIENT}/vp/{number}/response").parse().unwrap()).unwrap();
    let signed = inspect(listed.clone(), object(good(), |_| {})).await;
    broken(signed, "signed redirect_uri", |e| matches!(e, Broken::CanNotBeSigned));
    // Unsigned: at a listed address, answered somewhere else; under a prefix whose requests are signed.
    let link = world.ask(Ask::new(listed.clone(), By::Certificate, &claims()));
    assert!(wallet.inspect_request(&link, now()).await.is_ok());
    let response = "response_uri=https%3A%2F%2Fverifier.example%2Fvp%2F1%2Fresponse";
    assert!(link.contains(response), "{link}");
    let elsewhere = link.replace(response, "response_uri=https%3A%2F%2Fevil.example%2Fr");
    let found = wallet.inspect_request(&elsewhere, now()).await;
    broken(found, "unsigned, answered elsewhere", |e| matches!(e, Broken::ForeignResponseUri));
    let named = url::form_urlencoded::byte_serialize(listed.as_str().as_bytes()).collect::<String>();
    let certified = url::form_urlencoded::byte_serialize(hash().as_str().as_bytes()).collect::<String>();
    let unsigned = link.replace(&named, &certified);
    let found = wallet.inspect_request(&unsigned, now()).await;
    broken(found, "unsigned under x509_hash", |e| matches!(e, Broken::NotSigned));
    // Fetched over plain http from elsewhere than this machine.
    let plain =
        format!("openid4vp://?client_id={certified}&request_uri=http%3A%2F%2Fverifier.example%2Fvp%2F0%2Frequest");
    let found = wallet.inspect_request(&plain, now()).await;
    broken(found, "http", |e| matches!(e, Broken::Url(UrlError::Insecure(_))));

    assert!(world.posted().is_empty());
}
