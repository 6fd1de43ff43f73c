//! Whole issuances: the holder's requests are answered by the issuer's half, by hand, without a network.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use url::Url;
use warifu_keys::entropy::Seeded;
use warifu_keys::{Signer, SigningKey};

use super::credential::{CredentialRequest, CredentialResponse, Issued};
use super::holder::{Acceptance, Accepting, Choice, Described, Error, Issuance, Offered, Progress, Stopped};
use super::issuer::{self, AccessGrant, Binding, Clients, OfferState, Terms, TokenPolicy, TxCodeTerms};
use super::metadata::{Batch, Configuration, IssuerIdentifier, IssuerMetadata};
use super::nonce::{NonceKey, NonceResponse};
use super::offer::{CredentialOffer, OfferLink, Scheme};
use super::token::TokenRequest;
use crate::http::{Request, Response};
use crate::oauth::{AccessToken, Code, Endpoint, OAuthError, ServerMetadata, dpop};

const ISSUER: &str = "https://issuer.example/tenant";

fn now() -> Timestamp {
    "2026-11-23T10:00:00Z".parse().unwrap()
}

fn url(path: &str) -> Url {
    Url::parse(&format!("{ISSUER}{path}")).unwrap()
}

/// How this issuer departs from the plain course.
#[derive(Default)]
struct Quirks {
    /// Demands this DPoP nonce.
    dpop_nonce: Option<&'static str>,
    /// Says nothing of DPoP and takes bearer tokens.
    bearer: bool,
    /// Refuses as many nonces as stale.
    stale_nonces: RefCell<u32>,
    /// Replaces an answer: path and body.
    instead: Option<(&'static str, Response)>,
}

/// The issuer role in small: stores, and a function for each endpoint.
struct Issuer {
    entropy: Seeded,
    quirks: Quirks,
    metadata: IssuerMetadata,
    nonce_key: NonceKey,
    offers: RefCell<BTreeMap<String, OfferState>>,
    grants: RefCell<BTreeMap<String, AccessGrant>>,
    /// Markers of proofs and nonces.
    seen: RefCell<BTreeSet<String>>,
    log: RefCell<Vec<String>>,
}

impl Issuer {
    fn new(quirks: Quirks) -> Self {
        let entropy = Seeded::dangerous_new("the issuer");
        let nonce_key = NonceKey::generate(&entropy);
        let metadata = IssuerMetadata {
            credential_issuer: IssuerIdentifier::parse(ISSUER).unwrap(),
            authorization_servers: None,
            credential_endpoint: url("/credential"),
            nonce_endpoint: Some(url("/nonce")),
            deferred_credential_endpoint: None,
            notification_endpoint: None,
            credential_request_encryption: None,
            credential_response_encryption: None,
            batch_credential_issuance: Some(Batch { batch_size: 4 }),
            status_list_aggregation_endpoint: None,
            display: Vec::new(),
            credential_configurations_supported: BTreeMap::from([
                ("kyc".to_owned(), Configuration::sd_jwt_vc("urn:x", "kyc")),
                ("kyc-mdoc".to_owned(), Configuration::mdoc("org.x", "kyc-mdoc")),
            ]),
        };
        let (offers, grants, seen, log) = Default::default();
        Self { entropy, quirks, metadata, nonce_key, offers, grants, seen, log }
    }

    /// A new offer as a link, and the transaction code that goes another way.
    fn offer(&self) -> (String, Option<String>) {
        let terms = Terms {
            credential_issuer: self.metadata.credential_issuer.clone(),
            configuration_ids: vec!["kyc".to_owned(), "kyc-mdoc".to_owned()],
            subject: "session-1".to_owned(),
            life: SignedDuration::from_mins(10),
            tx_code: TxCodeTerms::Numeric { digits: 6, description: Some("in your mail".to_owned()) },
        };
        let new = OfferState::open(terms, &self.entropy, now());
        self.offers.borrow_mut().insert(new.state.key().to_owned(), new.state);
        (OfferLink::ByValue(new.offer).to_uri(Scheme::HaipVci), new.tx_code)
    }

    fn send(&self, request: &Request, now: Timestamp) -> Response {
        let path = request.url.path().to_owned();
        self.log.borrow_mut().push(path.rsplit('/').next().unwrap().to_owned());
        if let Some((_, instead)) = self.quirks.instead.as_ref().filter(|(at, _)| path.ends_with(at)) {
            return instead.clone();
        }
        match path.as_str() {
            "/.well-known/openid-credential-issuer/tenant" => Response::json(200, &self.metadata),
            "/.well-known/oauth-authorization-server/tenant" => {
                let mut server = ServerMetadata::pre_authorized(ISSUER, url("/token"));
                if self.quirks.bearer {
                    server.dpop_signing_alg_values_supported.clear();
                }
                Response::json(200, &server)
            }
            "/tenant/token" => self.token(request, now).unwrap_or_else(|error| error.respond(Endpoint::Token)),
            "/tenant/nonce" => {
                assert!(request.body.is_empty() && request.header_value("authorization").is_none());
                Response::json(200, &NonceResponse { c_nonce: self.nonce_key.mint(&self.entropy, now) })
            }
            "/tenant/credential" => {
                self.credential(request, now).unwrap_or_else(|error| error.respond(Endpoint::Resource))
            }
            other => panic!("no endpoint `{other}`"),
        }
    }

    fn proven(
        &self,
        request: &Request,
        token: Option<&str>,
        now: Timestamp,
    ) -> Result<Option<dpop::Proven>, OAuthError> {
        let Some(header) = request.header_value("dpop") else { return Ok(None) };
        let proven = dpop::Received::parse(header)?.verify(request.method, &request.url, now, token)?;
        if let Some(nonce) = self.quirks.dpop_nonce.filter(|nonce| proven.nonce.as_deref() != Some(nonce)) {
            return Err(OAuthError::use_dpop_nonce(nonce));
        }
        if !self.seen.borrow_mut().insert(proven.replay_marker()) {
            return Err(OAuthError::new(Code::InvalidDpopProof, "the proof was used before"));
        }
        Ok(Some(proven))
    }

    fn token(&self, request: &Request, now: Timestamp) -> Result<Response, OAuthError> {
        let proven = self.proven(request, None, now)?;
        let form = TokenRequest::parse(&request.body)?;
        let key = issuer::code_key(&form.pre_authorized_code);
        let state = self.offers.borrow().get(&key).cloned().ok_or_else(issuer::unknown_code)?;
        let binding = if self.quirks.bearer { Binding::DpopOrBearer } else { Binding::Dpop };
        let policy = TokenPolicy { binding, clients: Clients::Anonymous };
        let transition = state.redeem(&form, proven.as_ref(), policy, &self.entropy, now);
        self.offers.borrow_mut().insert(key, transition.state);
        let redeemed = transition.outcome?;
        self.grants.borrow_mut().insert(redeemed.grant.key().to_owned(), redeemed.grant);
        Ok(redeemed.response.respond())
    }

    fn credential(&self, request: &Request, now: Timestamp) -> Result<Response, OAuthError> {
        let token = AccessToken::parse(request.header_value("authorization"))?;
        let proven = self.proven(request, Some(token.expose()), now)?;
        let grant = self.grants.borrow().get(&token.hash()).cloned().ok_or_else(issuer::unknown_token)?;
        grant.authorize(&token, proven.as_ref(), now)?;
        let asked = CredentialRequest::parse(&request.body)?;
        let order = grant.order(&asked, &self.metadata, &self.nonce_key, now)?;
        let mut stale = self.quirks.stale_nonces.borrow_mut();
        if *stale > 0 {
            *stale -= 1;
            return Err(OAuthError::new(Code::InvalidNonce, "stale"));
        }
        for nonce in &order.nonces {
            if !self.seen.borrow_mut().insert(nonce.marker.clone()) {
                return Err(issuer::nonce_used());
            }
        }
        let mint = |key: &warifu_keys::PublicKey| format!("{} for {key:?}", order.configuration_id);
        let issued = Issued::compact(order.keys.iter().map(mint).collect());
        Ok(CredentialResponse::Issued(issued.with_c_nonce(self.nonce_key.mint(&self.entropy, now))).respond())
    }
}

/// The wallet role in small.
struct Wallet {
    entropy: Seeded,
}

impl Wallet {
    fn new() -> Self {
        Self { entropy: Seeded::dangerous_new("the wallet") }
    }

    fn key(&self) -> Arc<dyn Signer> {
        Arc::new(SigningKey::generate_p256(&self.entropy))
    }

    fn describe(&self, issuer: &Issuer, link: &str) -> Result<Described, Error> {
        let OfferLink::ByValue(offer) = OfferLink::parse(link).unwrap() else { panic!("by value") };
        let offered = Offered::new(offer)?;
        let response = issuer.send(&offered.request(), now());
        let server = offered.answer(&response)?;
        let response = issuer.send(&server.request(), now());
        server.answer(&response)
    }

    fn acceptance(&self, tx_code: Option<String>, choices: &[(&str, usize)]) -> Acceptance {
        let choice = |(id, keys): &(&str, usize)| Choice {
            configuration_id: (*id).to_owned(),
            keys: (0..*keys).map(|_| self.key()).collect(),
        };
        Acceptance { tx_code, client_id: None, dpop: self.key(), choices: choices.iter().map(choice).collect() }
    }

    fn run(&self, issuer: &Issuer, mut accepting: Accepting) -> Result<Vec<Issuance>, Stopped> {
        for _ in 0..20 {
            let response = issuer.send(accepting.request(), now());
            match accepting.answer(&response, &self.entropy, now())? {
                Progress::Again(next) => accepting = next,
                Progress::Issued(issued) => return Ok(issued),
            }
        }
        panic!("the exchange does not end");
    }

    fn accept(&self, issuer: &Issuer, choices: &[(&str, usize)]) -> Result<Vec<Issuance>, Stopped> {
        let (link, tx_code) = issuer.offer();
        let described = self.describe(issuer, &link).unwrap();
        let accepting = described.accept(self.acceptance(tx_code, choices), &self.entropy, now()).unwrap();
        self.run(issuer, accepting)
    }
}

fn log(issuer: &Issuer) -> String {
    issuer.log.borrow()[2..].join(" ")
}

#[test]
fn two_configurations_in_batches() {
    let issuer = Issuer::new(Quirks::default());
    let issued = Wallet::new().accept(&issuer, &[("kyc", 3), ("kyc-mdoc", 1)]).unwrap();
    assert_eq!(log(&issuer), "token nonce credential nonce credential");
    assert_eq!(
        issued.iter().map(|item| (item.format.as_str(), item.credentials.len())).collect::<Vec<_>>(),
        [("dc+sd-jwt", 3), ("mso_mdoc", 1)]
    );
    for item in &issued {
        for (credential, key) in item.credentials.iter().zip(&item.keys) {
            assert_eq!(*credential, json!(format!("{} for {key:?}", item.configuration_id)));
        }
    }
}

#[test]
fn described_before_anything_is_agreed() {
    let issuer = Issuer::new(Quirks::default());
    let (link, _) = issuer.offer();
    let described = Wallet::new().describe(&issuer, &link).unwrap();
    assert_eq!(described.configurations().map(|(id, _)| id).collect::<Vec<_>>(), ["kyc", "kyc-mdoc"]);
    assert_eq!(described.tx_code().unwrap().description.as_deref(), Some("in your mail"));
    assert_eq!(described.batch_size(), 4);
}

#[test]
fn dpop_nonces_are_obeyed_once() {
    let issuer = Issuer::new(Quirks { dpop_nonce: Some("n1"), ..Quirks::default() });
    Wallet::new().accept(&issuer, &[("kyc", 1)]).unwrap();
    assert_eq!(log(&issuer), "token token nonce credential credential");
    let again = OAuthError::use_dpop_nonce("never right").respond(Endpoint::Token);
    let issuer = Issuer::new(Quirks { instead: Some(("/token", again)), ..Quirks::default() });
    let stopped = Wallet::new().accept(&issuer, &[("kyc", 1)]).unwrap_err();
    assert!(matches!(stopped.reason, Error::Refused { code, .. } if code == "use_dpop_nonce"));
    assert_eq!(log(&issuer), "token token");
}

#[test]
fn stale_c_nonce_is_replaced_once() {
    let issuer = Issuer::new(Quirks { stale_nonces: RefCell::new(1), ..Quirks::default() });
    Wallet::new().accept(&issuer, &[("kyc", 1)]).unwrap();
    assert_eq!(log(&issuer), "token nonce credential nonce credential");
    let issuer = Issuer::new(Quirks { stale_nonces: RefCell::new(9), ..Quirks::default() });
    let stopped = Wallet::new().accept(&issuer, &[("kyc", 1)]).unwrap_err();
    assert!(matches!(stopped.reason, Error::Refused { code, .. } if code == "invalid_nonce"));
    assert_eq!(log(&issuer), "token nonce credential nonce credential");
}

/// The claims of the first proof in a credential request.
fn proof_claims(request: &Request) -> Value {
    let body = warifu_keys::json::parse(&request.body).unwrap();
    let proof = warifu_keys::jws::Unverified::parse(body["proofs"]["jwt"][0].as_str().unwrap()).unwrap();
    Value::Object(proof.dangerous_claims().unwrap())
}

#[test]
fn c_nonce_of_a_response_serves_where_no_endpoint_does() {
    let mut issuer = Issuer::new(Quirks::default());
    issuer.metadata.nonce_endpoint = None;
    let wallet = Wallet::new();
    let (link, tx_code) = issuer.offer();
    let described = wallet.describe(&issuer, &link).unwrap();
    let acceptance = wallet.acceptance(tx_code, &[("kyc", 1), ("kyc-mdoc", 1)]);
    let token = described.accept(acceptance, &wallet.entropy, now()).unwrap();
    let go_on =
        |accepting: Accepting, response: &Response| match accepting.answer(response, &wallet.entropy, now()).unwrap() {
            Progress::Again(next) => next,
            Progress::Issued(_) => panic!("two were chosen"),
        };
    let response = issuer.send(token.request(), now());
    let first = go_on(token, &response);
    assert_eq!(proof_claims(first.request()).get("nonce"), None);
    let issued = Issued::compact(vec!["a~".to_owned()]).with_c_nonce("n2".to_owned());
    let second = go_on(first, &CredentialResponse::Issued(issued).respond());
    assert_eq!(proof_claims(second.request())["nonce"], "n2");
}

#[test]
fn an_issuer_that_demands_a_nonce_says_invalid_proof_without_one() {
    let mut issuer = Issuer::new(Quirks::default());
    issuer.metadata.nonce_endpoint = None;
    let stopped = Wallet::new().accept(&issuer, &[("kyc", 1)]).unwrap_err();
    assert!(matches!(stopped.reason, Error::Refused { code, .. } if code == "invalid_proof"));
}

#[test]
fn bearer_where_the_server_knows_no_dpop() {
    let issuer = Issuer::new(Quirks { bearer: true, ..Quirks::default() });
    Wallet::new().accept(&issuer, &[("kyc", 1)]).unwrap();
    // A server that says it binds tokens must.
    let token = Response::json(200, &json!({ "access_token": "t", "token_type": "Bearer" }));
    let issuer = Issuer::new(Quirks { instead: Some(("/token", token)), ..Quirks::default() });
    assert!(matches!(Wallet::new().accept(&issuer, &[("kyc", 1)]).unwrap_err().reason, Error::TokenType(_)));
}

#[test]
fn issued_before_a_failure_is_kept() {
    let issuer = Issuer::new(Quirks::default());
    let wallet = Wallet::new();
    let (link, tx_code) = issuer.offer();
    let described = wallet.describe(&issuer, &link).unwrap();
    let mut accepting =
        described.accept(wallet.acceptance(tx_code, &[("kyc", 2), ("kyc-mdoc", 1)]), &wallet.entropy, now()).unwrap();
    let mut credentials = 0;
    let stopped = loop {
        let mut response = issuer.send(accepting.request(), now());
        if accepting.request().url.path().ends_with("/credential") {
            credentials += 1;
            if credentials == 2 {
                response = OAuthError::new(Code::CredentialRequestDenied, "no").respond(Endpoint::Resource);
            }
        }
        match accepting.answer(&response, &wallet.entropy, now()) {
            Ok(Progress::Again(next)) => accepting = next,
            Ok(Progress::Issued(_)) => panic!("the second was denied"),
            Err(stopped) => break stopped,
        }
    };
    assert!(matches!(stopped.reason, Error::Refused { code, .. } if code == "credential_request_denied"));
    assert_eq!(stopped.issued.len(), 1);
}

#[test]
fn replayed_requests_are_refused() {
    let issuer = Issuer::new(Quirks::default());
    let wallet = Wallet::new();
    let (link, tx_code) = issuer.offer();
    let described = wallet.describe(&issuer, &link).unwrap();
    let mut accepting = described.accept(wallet.acceptance(tx_code, &[("kyc", 1)]), &wallet.entropy, now()).unwrap();
    let mut sent = Vec::new();
    loop {
        sent.push(accepting.request().clone());
        let response = issuer.send(accepting.request(), now());
        match accepting.answer(&response, &wallet.entropy, now()).unwrap() {
            Progress::Again(next) => accepting = next,
            Progress::Issued(_) => break,
        }
    }
    let error = |response: &Response| response.body_json().unwrap()["error"].clone();
    for request in [&sent[0], &sent[2]] {
        assert_eq!(error(&issuer.send(request, now())), "invalid_dpop_proof", "{request:?}");
        assert_eq!(error(&issuer.send(request, now() + SignedDuration::from_secs(3600))), "invalid_dpop_proof");
    }
    // With a fresh proof of another key the token is still bound, and with the right key the nonce is used up.
    let credential = &sent[2];
    let token = credential.header_value("authorization").unwrap().strip_prefix("DPoP ").unwrap();
    let fresh = |signer: &dyn Signer, jti: &str| {
        let claims = dpop::Claims {
            method: credential.method,
            url: &credential.url,
            iat: now(),
            jti,
            access_token: Some(token),
            nonce: None,
        };
        let mut request = credential.clone();
        request.headers.retain(|(name, _)| *name != "dpop");
        request.header("dpop", dpop::prove(signer, &claims).unwrap())
    };
    let stolen = issuer.send(&fresh(wallet.key().as_ref(), "a"), now());
    assert_eq!((stolen.status, error(&stolen)), (401, json!("invalid_token")));
    let without = Request { headers: Vec::new(), ..credential.clone() };
    assert_eq!(issuer.send(&without, now()).status, 401);
}

#[test]
fn used_c_nonce_is_refused() {
    let issuer = Issuer::new(Quirks { bearer: true, ..Quirks::default() });
    let wallet = Wallet::new();
    let (link, tx_code) = issuer.offer();
    let described = wallet.describe(&issuer, &link).unwrap();
    let mut accepting = described.accept(wallet.acceptance(tx_code, &[("kyc", 1)]), &wallet.entropy, now()).unwrap();
    let last = loop {
        let request = accepting.request().clone();
        let response = issuer.send(&request, now());
        match accepting.answer(&response, &wallet.entropy, now()).unwrap() {
            Progress::Again(next) => accepting = next,
            Progress::Issued(_) => break request,
        }
    };
    let replayed = issuer.send(&last, now());
    assert_eq!((replayed.status, replayed.body_json().unwrap()["error"].clone()), (400, json!("invalid_nonce")));
}

#[test]
fn agreement_is_checked_before_anything_is_sent() {
    let issuer = Issuer::new(Quirks::default());
    let wallet = Wallet::new();
    let check = |tx_code: Option<&str>, choices: &[(&str, usize)], expected: fn(&Error) -> bool| {
        let (link, _) = issuer.offer();
        let described = wallet.describe(&issuer, &link).unwrap();
        let acceptance = wallet.acceptance(tx_code.map(str::to_owned), choices);
        let error = described.accept(acceptance, &wallet.entropy, now()).unwrap_err();
        assert!(expected(&error), "{error}");
    };
    check(None, &[("kyc", 1)], |e| matches!(e, Error::TxCode { needed: true }));
    check(Some("1"), &[], |e| matches!(e, Error::NothingChosen));
    check(Some("1"), &[("kyc", 1), ("kyc", 1)], |e| matches!(e, Error::NothingChosen));
    check(Some("1"), &[("other", 1)], |e| matches!(e, Error::UnknownConfiguration(_)));
    check(Some("1"), &[("kyc", 0)], |e| matches!(e, Error::Keys { found: 0, most: 4 }));
    check(Some("1"), &[("kyc", 5)], |e| matches!(e, Error::Keys { found: 5, most: 4 }));
}

/// The issuer's metadata with `member` replaced, as the wallet sees it.
fn describe_with(member: &str, value: Value) -> Result<(), Error> {
    let issuer = Issuer::new(Quirks::default());
    let (link, _) = issuer.offer();
    let mut metadata = serde_json::to_value(&issuer.metadata).unwrap();
    metadata[member] = value;
    let OfferLink::ByValue(offer) = OfferLink::parse(&link).unwrap() else { panic!("by value") };
    Offered::new(offer)?.answer(&Response::json(200, &metadata)).map(drop)
}

#[test]
fn metadata_rules() {
    let check = |member: &str, value: Value, expected: fn(&Error) -> bool| {
        let error = describe_with(member, value).unwrap_err();
        assert!(expected(&error), "{member}: {error}");
    };
    assert!(describe_with("unknown", json!(1)).is_ok());
    check("credential_issuer", json!("https://issuer.example/tenant/"), |e| matches!(e, Error::OtherIssuer { .. }));
    check("credential_issuer", json!("https://ISSUER.example/tenant"), |e| matches!(e, Error::OtherIssuer { .. }));
    check("credential_endpoint", json!("http://issuer.example/"), |e| {
        matches!(e, Error::Endpoint { endpoint: "credential_endpoint", .. })
    });
    check("notification_endpoint", json!("http://127.0.0.1:9/"), |e| {
        matches!(e, Error::Endpoint { endpoint: "notification_endpoint", .. })
    });
    check("authorization_servers", json!(["http://127.0.0.1:9"]), |e| {
        matches!(e, Error::Endpoint { endpoint: "authorization_servers", .. })
    });
    check("nonce_endpoint", json!("ftp://issuer.example/"), |e| {
        matches!(e, Error::Endpoint { endpoint: "nonce_endpoint", .. })
    });
    check("credential_configurations_supported", json!({}), |e| matches!(e, Error::UnknownConfiguration(_)));
    check("credential_endpoint", Value::Null, |e| matches!(e, Error::Answer { .. }));
    let encrypted = json!({ "alg_values_supported": ["ECDH-ES"], "enc_values_supported": ["A128GCM"], "encryption_required": true });
    check("credential_response_encryption", encrypted, |e| matches!(e, Error::NotSupported(_)));
}

#[test]
fn authorization_server_must_be_listed() {
    let offer = |server: &str| {
        let grant = json!({ "pre-authorized_code": "c", "authorization_server": server });
        let offer = json!({ "credential_issuer": ISSUER, "credential_configuration_ids": ["kyc"], "grants": { super::PRE_AUTHORIZED_CODE: grant } });
        CredentialOffer::parse(offer.to_string().as_bytes()).unwrap()
    };
    let issuer = Issuer::new(Quirks::default());
    let mut metadata = issuer.metadata.clone();
    let answer = |metadata: &IssuerMetadata| {
        Offered::new(offer("https://as.example")).unwrap().answer(&Response::json(200, metadata))
    };
    assert!(matches!(answer(&metadata), Err(Error::UnknownServer(_))));
    let servers = ["https://other.example", "https://as.example"].map(|id| IssuerIdentifier::parse(id).unwrap());
    metadata.authorization_servers = Some(servers.to_vec());
    let server = answer(&metadata).unwrap();
    assert_eq!(server.request().url.as_str(), "https://as.example/.well-known/oauth-authorization-server");
    let mut other =
        ServerMetadata::pre_authorized("https://as.example/", Url::parse("https://as.example/token").unwrap());
    assert!(matches!(server.clone().answer(&Response::json(200, &other)), Err(Error::OtherIssuer { .. })));
    other.issuer = "https://as.example".to_owned();
    other.grant_types_supported = vec!["authorization_code".to_owned()];
    assert!(matches!(server.answer(&Response::json(200, &other)), Err(Error::GrantNotSupported)));
}

#[test]
fn bad_answers() {
    let check = |path: &'static str, response: Response, expected: fn(&Error) -> bool| {
        let issuer = Issuer::new(Quirks { instead: Some((path, response)), ..Quirks::default() });
        let stopped = Wallet::new().accept(&issuer, &[("kyc", 1)]).unwrap_err();
        assert!(expected(&stopped.reason), "{path}: {}", stopped.reason);
    };
    let page = || Response { status: 502, headers: Vec::new(), body: b"<html>".to_vec() };
    check("/token", page(), |e| matches!(e, Error::Status { status: 502, .. }));
    check("/nonce", page(), |e| matches!(e, Error::Status { status: 502, .. }));
    check("/nonce", Response::json(200, &json!({ "c_nonce": "" })), |e| matches!(e, Error::Answer { .. }));
    check("/credential", page(), |e| matches!(e, Error::Status { status: 502, .. }));
    check("/credential", Response::json(200, &json!([])), |e| matches!(e, Error::Answer { .. }));
    let two = json!({ "credentials": [{ "credential": "a" }, { "credential": "b" }] });
    check("/credential", Response::json(200, &two), |e| matches!(e, Error::TooManyCredentials { found: 2, keys: 1 }));
    let later = json!({ "transaction_id": "t", "interval": 9 });
    check("/credential", Response::json(202, &later), |e| matches!(e, Error::Deferred { interval: 9, .. }));
    let denied = Response {
        status: 401,
        headers: vec![("WWW-Authenticate".to_owned(), "DPoP error=\"invalid_token\"".to_owned())],
        body: Vec::new(),
    };
    check("/credential", denied, |e| matches!(e, Error::Refused { code, .. } if code == "invalid_token"));
}

proptest::proptest! {
    #[test]
    fn never_panics(status in 100u16..600, body in ".{0,100}", header in "[ -~]{0,60}", member in proptest::sample::select(vec!["credential_issuer", "credential_endpoint", "display", "credential_configurations_supported", "authorization_servers", "batch_credential_issuance"])) {
        let issuer = Issuer::new(Quirks::default());
        let wallet = Wallet::new();
        let headers = vec![("www-authenticate".to_owned(), header.clone()), ("dpop-nonce".to_owned(), header)];
        let response = Response { status, headers, body: body.clone().into_bytes() };
        let _ = describe_with(member, json!(body));
        let _ = describe_with(member, json!({ body.as_str(): { "format": body } }));
        let (link, tx_code) = issuer.offer();
        let OfferLink::ByValue(offer) = OfferLink::parse(&link).unwrap() else { panic!("by value") };
        let offered = Offered::new(offer).unwrap();
        let _ = offered.clone().answer(&response);
        let described = wallet.describe(&issuer, &link).unwrap();
        let mut accepting = described.accept(wallet.acceptance(tx_code, &[("kyc", 1)]), &wallet.entropy, now()).unwrap();
        // The answer comes at each step in turn.
        for good in 0..3 {
            let (link, tx_code) = issuer.offer();
            let next = wallet.describe(&issuer, &link).unwrap().accept(wallet.acceptance(tx_code, &[("kyc", 1)]), &wallet.entropy, now());
            for _ in 0..good {
                let answer = issuer.send(accepting.request(), now());
                let Ok(Progress::Again(further)) = accepting.answer(&answer, &wallet.entropy, now()) else { panic!("a good answer") };
                accepting = further;
            }
            let _ = accepting.answer(&response, &wallet.entropy, now());
            accepting = next.unwrap();
        }
    }
}
