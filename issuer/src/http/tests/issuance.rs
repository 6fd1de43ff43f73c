//! OpenID4VCI 1.0, as wallets call it.

use std::cell::Cell;

use warifu_credential::mdoc;
use warifu_credential::sd_jwt::Received;
use warifu_credential::status::{Aggregation, Status as Entry, StatusReference, StatusToken};
use warifu_openid4vc::http::Method;
use warifu_openid4vc::oauth::dpop;
use warifu_openid4vc::vci::offer::{CredentialOffer, OfferLink};
use warifu_openid4vc::vci::{PRE_AUTHORIZED_CODE, proof};
use warifu_w3c::bitstring_status_list;
use warifu_w3c::context::Contexts;
use warifu_w3c::did::{self, Documents};
use warifu_w3c::verify::Verifier;

use super::*;
use crate::kyc::session::OpenSession;
use crate::kyc::stage::Stage;
use crate::vci::CredentialConfiguration;

const CONFIGURATION: &str = "kyc-identity-sd-jwt";

const BASE: &str = "http://127.0.0.1:7001";

/// A wallet with one DPoP key.
struct Wallet {
    key: SigningKey,
    count: Cell<u32>,
}

impl Wallet {
    fn new(world: &World) -> Self {
        Self { key: SigningKey::generate_p256(&*world.entropy), count: Cell::new(0) }
    }

    fn dpop(&self, world: &World, path: &str, token: Option<&str>) -> String {
        self.count.set(self.count.get() + 1);
        let url = Url::parse(&format!("{BASE}{path}")).unwrap();
        let jti = format!("jti-{}-{}", self.key.public_key().to_jwk().x, self.count.get());
        let claims = dpop::Claims {
            method: Method::Post,
            url: &url,
            iat: world.now(),
            jti: &jti,
            access_token: token,
            nonce: None,
        };
        dpop::prove(&self.key, &claims).unwrap()
    }
}

fn form(code: &str, tx_code: Option<&str>) -> String {
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    form.append_pair("grant_type", PRE_AUTHORIZED_CODE).append_pair("pre-authorized_code", code);
    if let Some(tx_code) = tx_code {
        form.append_pair("tx_code", tx_code);
    }
    form.finish()
}

async fn token(world: &World, proof: Option<&str>, body: String) -> Answer {
    let mut request = Request::post("/token").header("content-type", "application/x-www-form-urlencoded");
    if let Some(proof) = proof {
        request = request.header("dpop", proof);
    }
    world.send(request.body(Body::from(body)).unwrap()).await
}

async fn credential(world: &World, access: &str, proof: &str, body: &Value) -> Answer {
    let request = Request::post("/credential").header("authorization", format!("DPoP {access}")).header("dpop", proof);
    world.send(request.header("content-type", "application/json").body(Body::from(body.to_string())).unwrap()).await
}

/// Offer, code and transaction code of an approved session.
async fn offer(world: &World, id: Uuid) -> (CredentialOffer, String, String) {
    let offered = world.api("POST", &format!("/v3/session/{id}/offer/"), json!({})).await.json();
    let OfferLink::ByReference(url) = OfferLink::parse(offered["offer"].as_str().unwrap()).unwrap() else {
        panic!("by value")
    };
    let by_reference = CredentialOffer::parse(&world.get(url.path()).await.body).unwrap();
    let by_value = OfferLink::parse(offered["offer_by_value"].as_str().unwrap()).unwrap();
    assert_eq!(by_value, OfferLink::ByValue(by_reference.clone()));
    let code = by_reference.pre_authorized_code().unwrap().code.clone();
    (by_reference, code, offered["tx_code"].as_str().unwrap().to_owned())
}

async fn access(world: &World, wallet: &Wallet, id: Uuid) -> String {
    let (_, code, tx_code) = offer(world, id).await;
    let answer = token(world, Some(&wallet.dpop(world, "/token", None)), form(&code, Some(&tx_code))).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.json()["token_type"], "DPoP");
    answer.json()["access_token"].as_str().unwrap().to_owned()
}

async fn nonce(world: &World) -> String {
    let answer = world.send(Request::post("/nonce").body(Body::empty()).unwrap()).await;
    assert_eq!(answer.headers["cache-control"], "no-store");
    answer.json()["c_nonce"].as_str().unwrap().to_owned()
}

fn request(world: &World, keys: &[SigningKey], nonce: &str) -> Value {
    request_for(CONFIGURATION, world, keys, nonce)
}

fn request_for(configuration: &str, world: &World, keys: &[SigningKey], nonce: &str) -> Value {
    let proofs: Vec<_> =
        keys.iter().map(|key| proof::prove(key, BASE, None, Some(nonce), world.now()).unwrap()).collect();
    json!({ "credential_configuration_id": configuration, "proofs": { "jwt": proofs } })
}

fn keys(world: &World, count: usize) -> Vec<SigningKey> {
    (0..count).map(|_| SigningKey::generate_p256(&*world.entropy)).collect()
}

async fn status(world: &World, reference: &StatusReference) -> Entry {
    let answer = world.get(reference.uri.path()).await;
    assert_eq!(answer.headers["content-type"], "application/statuslist+jwt");
    let token = StatusToken::verify(&answer.text(), &reference.uri, &world.anchor, world.now()).unwrap();
    token.status(reference.idx).unwrap()
}

#[tokio::test]
async fn from_offer_to_credential_to_revocation() {
    let world = World::new();
    let (id, _) = world.approved().await;
    let wallet = Wallet::new(&world);
    let access = access(&world, &wallet, id).await;
    let keys = keys(&world, 3);
    let nonce = nonce(&world).await;
    let body = request(&world, &keys, &nonce);
    let proof = wallet.dpop(&world, "/credential", Some(&access));
    let answer = credential(&world, &access, &proof, &body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let credentials = answer.json()["credentials"].as_array().unwrap().clone();
    assert_eq!(credentials.len(), 3);
    let mut references = Vec::new();
    for (credential, key) in credentials.iter().zip(&keys) {
        let text = credential["credential"].as_str().unwrap();
        let authentic =
            Received::parse(text).unwrap().authenticate(std::slice::from_ref(&world.anchor), world.now()).unwrap();
        assert_eq!(authentic.vct(), format!("{BASE}/vct/kyc-identity/1"));
        assert_eq!(authentic.holder_key(), Some(&key.public_key()));
        references.push(authentic.status_reference().unwrap().clone());
    }
    assert!(references.iter().enumerate().all(|(at, one)| !references[..at].contains(one)), "{references:?}");
    for reference in &references {
        assert_eq!(status(&world, reference).await, Entry::Valid);
    }

    // The same nonce does not serve twice, nor does the same DPoP proof.
    let again = wallet.dpop(&world, "/credential", Some(&access));
    let answer = credential(&world, &access, &again, &body).await;
    assert_eq!((answer.status, &answer.json()["error"]), (400, &json!("invalid_nonce")));
    let answer = credential(&world, &access, &proof, &request(&world, &keys, &self::nonce(&world).await)).await;
    assert_eq!((answer.status, &answer.json()["error"]), (401, &json!("invalid_dpop_proof")));

    let path = format!("/v3/session/{id}/revoke/");
    assert_eq!(world.api("POST", &path, json!({ "reason": "lost" })).await.json()["revoked"], 3);
    for reference in &references {
        assert_eq!(status(&world, reference).await, Entry::Invalid);
    }
    // For good, and nothing more is minted.
    assert_eq!(world.api("POST", &path, json!({})).await.json()["revoked"], 0);
    let more = request(&world, &keys, &self::nonce(&world).await);
    let answer = credential(&world, &access, &wallet.dpop(&world, "/credential", Some(&access)), &more).await;
    assert_eq!((answer.status, &answer.json()["error"]), (400, &json!("credential_request_denied")));
    assert_eq!(world.api("POST", &format!("/v3/session/{id}/offer/"), json!({})).await.status, 410);
}

/// One offer, one token, a request for each configuration: every profile in every encoding, each bound to its key and
/// listed somewhere of its own.
#[tokio::test]
async fn every_configuration_of_an_offer_can_be_had() {
    let world = World::new();
    let (id, _) = world.approved().await;
    let wallet = Wallet::new(&world);
    let (offer, ..) = offer(&world, id).await;
    let offered: Vec<&str> = offer.credential_configuration_ids.iter().map(String::as_str).collect();
    assert_eq!(offered, CredentialConfiguration::ALL.map(CredentialConfiguration::id));
    let access = access(&world, &wallet, id).await;
    let anchors = std::slice::from_ref(&world.anchor);
    let mut nonce = nonce(&world).await;
    let mut references = Vec::new();
    for configuration in CredentialConfiguration::ALL {
        use CredentialConfiguration::{KycMdoc, KycSdJwt, KycW3c, PidMdoc, PidSdJwt};
        let keys = keys(&world, 2);
        let body = request_for(configuration.id(), &world, &keys, &nonce);
        let answer = credential(&world, &access, &wallet.dpop(&world, "/credential", Some(&access)), &body).await;
        assert_eq!(answer.status, 200, "{configuration:?}: {}", answer.text());
        // Wallets of the drafts before the standard take the nonce of their next request from here.
        nonce = answer.json()["c_nonce"].as_str().unwrap().to_owned();
        let credentials = answer.json()["credentials"].as_array().unwrap().clone();
        assert_eq!(credentials.len(), 2);
        for (credential, key) in credentials.iter().zip(&keys) {
            let text = credential["credential"].as_str().unwrap_or_default();
            let authentic = match configuration {
                // Has a test of its own.
                KycW3c => continue,
                KycSdJwt | PidSdJwt => Received::parse(text).unwrap().authenticate(anchors, world.now()).unwrap(),
                KycMdoc | PidMdoc => {
                    mdoc::Received::from_base64url(text).unwrap().authenticate(anchors, world.now()).unwrap()
                }
            };
            let types = match configuration {
                KycSdJwt => format!("{BASE}/vct/kyc-identity/1"),
                KycMdoc => "org.warifu.kyc.1".to_owned(),
                PidSdJwt => "urn:eudi:pid:1".to_owned(),
                PidMdoc => "eu.europa.ec.eudi.pid.1".to_owned(),
                KycW3c => unreachable!(),
            };
            assert_eq!(authentic.vct(), types);
            assert_eq!(authentic.holder_key(), Some(&key.public_key()));
            let reference = authentic.status_reference().unwrap().clone();
            let wanted = authentic.wanted_status().unwrap();
            let answer = world
                .send(
                    Request::get(reference.uri.path())
                        .header("accept", wanted.accept::<StatusToken>())
                        .body(Body::empty())
                        .unwrap(),
                )
                .await;
            let token: StatusToken = wanted.check(&answer.body, world.now()).unwrap();
            let verified = authentic.settle(&token, world.now()).unwrap();
            let claims = verified.claims();
            let names = claims.get(&types).unwrap_or(claims);
            assert_eq!(names["family_name"], "ERIKSSON");
            assert_eq!(names["place_of_birth"]["locality"], "ZENITH");
            references.push(reference);
        }
    }
    assert!(references.iter().enumerate().all(|(at, one)| !references[..at].contains(one)), "{references:?}");
}

/// A W3C credential is an object with a proof of its own, about the key of the proof; anybody can verify it with the
/// context and the status list that the issuer serves, and it never has the face template.
#[tokio::test]
async fn a_w3c_credential_holds_until_it_is_revoked() {
    let world = World::new();
    let (id, _) = world.approved().await;
    let wallet = Wallet::new(&world);
    let access = access(&world, &wallet, id).await;
    let keys = keys(&world, 1);
    let body = request_for("kyc-identity-w3c", &world, &keys, &nonce(&world).await);
    let answer = credential(&world, &access, &wallet.dpop(&world, "/credential", Some(&access)), &body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let credential = answer.json()["credentials"][0]["credential"].clone();

    let address = format!("{BASE}{}", warifu_schemas::json_ld::KYC_CONTEXT_PATH);
    let context = world.get(warifu_schemas::json_ld::KYC_CONTEXT_PATH).await;
    assert_eq!(context.headers["content-type"], "application/ld+json");
    let contexts = Contexts::builtin().with(&address, &context.text()).unwrap();
    let documents = Documents::offline();
    let verifier = Verifier { documents: &documents, contexts: &contexts, now: world.now() };
    let verified = verifier.credential(&credential.to_string()).unwrap();
    let verified = verified.credential();
    assert_eq!(verified.issuer(), world.issuer.did());
    let subjects = verified.subjects();
    assert_eq!(subjects[0]["id"], did::jwk::from_key(&keys[0].public_key()).as_str());
    assert_eq!((&subjects[0]["family_name"], &subjects[0]["sex"]), (&json!("ERIKSSON"), &json!(2)));
    assert!(!credential.to_string().contains("face_template"));

    let entry = credential["credentialStatus"].as_object().unwrap();
    let entry = bitstring_status_list::Entry::parse(entry).unwrap();
    let path = entry.list.strip_prefix(BASE).unwrap().to_owned();
    let status = async || {
        let list = world.get(&path).await;
        assert_eq!(list.headers["content-type"], "application/vc");
        let verifier = Verifier { documents: &documents, contexts: &contexts, now: world.now() };
        let list = verifier.credential(&list.text()).unwrap();
        bitstring_status_list::status(&entry, verified.issuer(), &list).unwrap().value
    };
    assert_eq!(status().await, 0);
    world.api("POST", &format!("/v3/session/{id}/revoke/"), json!({})).await;
    assert_eq!(status().await, 1);
}

/// What the document does not show can not be minted, so it is not offered.
#[tokio::test]
async fn a_pid_is_offered_only_where_everything_it_needs_is_known() {
    let world = World::new();
    let (id, token) = world.approved().await;
    let forget = |open: &mut OpenSession| {
        let Stage::Decided { identity, .. } = &mut open.personal.stage else { panic!("not decided") };
        identity.birth_place = None;
        Ok("session.changed")
    };
    world.issuer.change(&token, world.now(), forget).await.unwrap();
    let (offer, ..) = offer(&world, id).await;
    assert_eq!(offer.credential_configuration_ids, ["kyc-identity-sd-jwt", "kyc-identity-mdoc", "kyc-identity-w3c"]);
}

#[tokio::test]
async fn five_wrong_codes_kill_the_offer() {
    let world = World::new();
    let (id, _) = world.approved().await;
    let wallet = Wallet::new(&world);
    let (_, code, tx_code) = offer(&world, id).await;
    let wrong = if tx_code == "000000" { "000001" } else { "000000" };
    for _ in 0..5 {
        let answer = token(&world, Some(&wallet.dpop(&world, "/token", None)), form(&code, Some(wrong))).await;
        assert_eq!((answer.status, &answer.json()["error"]), (400, &json!("invalid_grant")));
    }
    let answer = token(&world, Some(&wallet.dpop(&world, "/token", None)), form(&code, Some(&tx_code))).await;
    assert_eq!(
        (answer.status, &answer.json()["error"]),
        (400, &json!("invalid_grant")),
        "the right code after five wrong ones"
    );
}

#[tokio::test]
async fn a_code_sent_many_times_at_once_is_redeemed_once() {
    let world = World::new();
    let (id, _) = world.approved().await;
    let wallet = Wallet::new(&world);
    let (_, code, tx_code) = offer(&world, id).await;
    let send =
        async || token(&world, Some(&wallet.dpop(&world, "/token", None)), form(&code, Some(&tx_code))).await.status;
    let (a, b, c, d) = tokio::join!(send(), send(), send(), send());
    let mut statuses = [a, b, c, d];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 400, 400, 400]);
}

#[tokio::test]
async fn refusals_of_the_token_endpoint() {
    let world = World::new();
    let (id, _) = world.approved().await;
    let wallet = Wallet::new(&world);
    let (_, code, tx_code) = offer(&world, id).await;
    let check = async |proof: Option<String>, body: String, error: &str| {
        let answer = token(&world, proof.as_deref(), body).await;
        assert_eq!((answer.status, answer.json()["error"].as_str()), (400, Some(error)), "{}", answer.text());
    };
    let fresh = || Some(wallet.dpop(&world, "/token", None));
    check(None, form(&code, Some(&tx_code)), "invalid_dpop_proof").await;
    check(Some("x".to_owned()), form(&code, Some(&tx_code)), "invalid_dpop_proof").await;
    check(Some(wallet.dpop(&world, "/other", None)), form(&code, Some(&tx_code)), "invalid_dpop_proof").await;
    check(fresh(), form(&code, None), "invalid_request").await;
    check(fresh(), form("unknown", Some(&tx_code)), "invalid_grant").await;
    check(fresh(), "grant_type=authorization_code&code=x".to_owned(), "unsupported_grant_type").await;
    check(fresh(), String::new(), "invalid_request").await;
    check(fresh(), format!("{}&tx_code=1", form(&code, Some(&tx_code))), "invalid_request").await;
    // After all that the code still serves, once.
    let answer = token(&world, fresh().as_deref(), form(&code, Some(&tx_code))).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    check(fresh(), form(&code, Some(&tx_code)), "invalid_grant").await;
    // An offer that nobody took in time is over.
    let (offer, code, tx_code) = offer(&world, id).await;
    assert!(offer.pre_authorized_code().is_some());
    world.hands.step(Duration::from_secs(601));
    check(fresh(), form(&code, Some(&tx_code)), "invalid_grant").await;
}

#[tokio::test]
async fn refusals_of_the_credential_endpoint() {
    let world = World::new();
    let (id, _) = world.approved().await;
    let (wallet, thief) = (Wallet::new(&world), Wallet::new(&world));
    let access = access(&world, &wallet, id).await;
    let keys = keys(&world, 1);
    let good = request(&world, &keys, &nonce(&world).await);
    let check = async |wallet: &Wallet, token: &str, body: Value, status: u16, error: &str| {
        let answer = credential(&world, token, &wallet.dpop(&world, "/credential", Some(token)), &body).await;
        assert_eq!((answer.status, answer.json()["error"].as_str()), (status, Some(error)), "{}", answer.text());
    };
    check(&thief, &access, good.clone(), 401, "invalid_token").await;
    check(&wallet, "unknown", good.clone(), 401, "invalid_token").await;
    check(&wallet, &access, json!({}), 400, "invalid_credential_request").await;
    check(&wallet, &access, json!({ "credential_configuration_id": "other" }), 400, "unknown_credential_configuration")
        .await;
    check(&wallet, &access, json!({ "credential_configuration_id": CONFIGURATION }), 400, "invalid_proof").await;
    check(&wallet, &access, request(&world, &keys, "made-up"), 400, "invalid_nonce").await;
    let many = self::keys(&world, 11);
    check(&wallet, &access, request(&world, &many, &nonce(&world).await), 400, "invalid_proof").await;
    let none = world.send(Request::post("/credential").body(Body::empty()).unwrap()).await;
    assert_eq!(none.status, 401);
    assert!(none.headers.contains_key("www-authenticate"));
    // Nothing of this used the nonce up.
    let answer = credential(&world, &access, &wallet.dpop(&world, "/credential", Some(&access)), &good).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    world.hands.step(Duration::from_secs(3600));
    check(&wallet, &access, good, 401, "invalid_token").await;
    assert!(world.issuer.forget_expired(world.now()).await.unwrap() > 0);
}

#[tokio::test]
async fn public_documents() {
    let world = World::new();
    let metadata = world.get("/.well-known/openid-credential-issuer").await.json();
    assert_eq!(metadata["credential_issuer"], BASE);
    assert_eq!(metadata["credential_configurations_supported"][CONFIGURATION]["format"], "dc+sd-jwt");
    let server = world.get("/.well-known/oauth-authorization-server").await.json();
    assert_eq!(server["token_endpoint"], format!("{BASE}/token"));
    assert_eq!(server["pre-authorized_grant_anonymous_access_supported"], true);
    let types = world.get("/vct/kyc-identity/1").await.json();
    assert_eq!(types["vct"], format!("{BASE}/vct/kyc-identity/1"));
    assert_eq!(world.get("/status/0").await.status, 404, "not begun");
    assert_eq!(world.get("/status/1").await.status, 404);
    assert_eq!(world.get("/status/x").await.status, 404);
    assert_eq!(world.get("/offer/unknown").await.status, 404);
}

#[tokio::test]
async fn suspended_and_reinstated() {
    let world = World::new();
    let (id, page) = world.approved().await;
    let wallet = Wallet::new(&world);
    let access = access(&world, &wallet, id).await;
    let keys = keys(&world, 2);
    let ask = async |nonce: &str| {
        let body = request(&world, &keys, nonce);
        credential(&world, &access, &wallet.dpop(&world, "/credential", Some(&access)), &body).await
    };
    let answer = ask(&nonce(&world).await).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let text = answer.json()["credentials"][0]["credential"].as_str().unwrap().to_owned();
    let anchors = std::slice::from_ref(&world.anchor);
    let authentic = Received::parse(&text).unwrap().authenticate(anchors, world.now()).unwrap();
    let reference = authentic.status_reference().unwrap();
    let change = async |what: &str| world.api("POST", &format!("/v3/session/{id}/{what}/"), json!({})).await;

    assert_eq!(change("suspend").await.json(), json!({ "session_id": id, "suspended": 2 }));
    assert_eq!(change("suspend").await.json()["suspended"], 0);
    assert_eq!(status(&world, reference).await, Entry::Suspended);
    assert_eq!(change("offer").await.status, 409);
    assert_eq!(ask(&nonce(&world).await).await.json()["error"], "credential_request_denied");
    assert!(world.get(&format!("/en/session/{page}")).await.text().contains("suspended"));

    assert_eq!(change("reinstate").await.json(), json!({ "session_id": id, "reinstated": 2 }));
    assert_eq!(status(&world, reference).await, Entry::Valid);
    assert_eq!(ask(&nonce(&world).await).await.status, 200);

    assert_eq!(change("revoke").await.json()["revoked"], 4);
    assert_eq!(change("reinstate").await.status, 410);
    assert_eq!(change("suspend").await.status, 410);
    assert_eq!(status(&world, reference).await, Entry::Invalid);
}

/// Draft-ietf-oauth-status-list-20 sections 8 and 9.
#[tokio::test]
async fn lists_are_served_to_everyone_in_both_encodings() {
    let world = World::new();
    let (id, _) = world.approved().await;
    let wallet = Wallet::new(&world);
    let access = access(&world, &wallet, id).await;
    let body = request(&world, &keys(&world, 1), &nonce(&world).await);
    assert_eq!(
        credential(&world, &access, &wallet.dpop(&world, "/credential", Some(&access)), &body).await.status,
        200
    );
    let get = async |path: &str, headers: &[(&str, &str)]| {
        let request = headers.iter().fold(Request::get(path), |request, (name, value)| request.header(*name, *value));
        let response = world.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        (parts, to_bytes(body, 8 << 20).await.unwrap().to_vec())
    };
    let uri = Url::parse(&format!("{BASE}/status/0")).unwrap();

    let (jwt, plain) = get("/status/0", &[("accept", "application/statuslist+jwt")]).await;
    assert_eq!(jwt.headers["content-type"], "application/statuslist+jwt");
    assert_eq!(jwt.headers["access-control-allow-origin"], "*");
    assert_eq!(jwt.headers["vary"], "accept, accept-encoding");
    assert_eq!(jwt.headers["cache-control"], "public, max-age=10");
    assert!(!jwt.headers.contains_key("content-encoding"));
    StatusToken::verify(&plain, &uri, &world.anchor, world.now()).unwrap();

    let (zipped, body) = get("/status/0", &[("accept-encoding", "br, gzip;q=0.8")]).await;
    assert_eq!(zipped.headers["content-encoding"], "gzip");
    let mut unzipped = Vec::new();
    std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(body.as_slice()), &mut unzipped).unwrap();
    assert_eq!(unzipped, plain);
    let (whole, _) = get("/status/0", &[("accept-encoding", "gzip;q=0")]).await;
    assert!(!whole.headers.contains_key("content-encoding"));

    let cwt = [("accept", "application/statuslist+cwt"), ("accept-encoding", "gzip")];
    let (cwt, body) = get("/status/0", &cwt).await;
    assert_eq!(cwt.headers["content-type"], "application/statuslist+cwt");
    assert!(!cwt.headers.contains_key("content-encoding"));
    StatusToken::verify(&body, &uri, &world.anchor, world.now()).unwrap();

    assert_eq!(get("/status/0", &[("accept", "text/html")]).await.0.status, 406);
    assert_eq!(get("/status/0?time=1700000000", &[]).await.0.status, 501);
    assert_eq!(get("/status/0?time=yesterday", &[]).await.0.status, 400);
    assert_eq!(get("/status/7", &[]).await.0.status, 404);

    let (all, body) = get("/status", &[]).await;
    assert_eq!(all.headers["content-type"], "application/json");
    assert_eq!(all.headers["access-control-allow-origin"], "*");
    assert_eq!(Aggregation::parse(&body).unwrap().lists(), [uri]);
    for metadata in ["openid-credential-issuer", "oauth-authorization-server"] {
        let document = world.get(&format!("/.well-known/{metadata}")).await.json();
        assert_eq!(document["status_list_aggregation_endpoint"], format!("{BASE}/status"), "{metadata}");
    }
}
