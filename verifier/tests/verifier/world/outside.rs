//! What stands around the verifier: a registry that publishes a list, an issuer that serves status lists and type metadata.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::get;
use jiff::{SignedDuration, Timestamp};
use url::Url;
use warifu_credential::status::{Bits, Status, StatusList, TokenClaims};
use warifu_server::clock::Hands;
use warifu_server::run::Listener;
use warifu_trust::bundle::Credentials;
use warifu_trust::list::{Operator, TrustedList};

use super::{IDX, Outside};

pub(super) async fn listen() -> Listener {
    Listener::bind("127.0.0.1:0".parse().unwrap()).await.unwrap()
}

pub(super) fn registry(outside: Arc<Mutex<Outside>>, hands: Hands, signer: Credentials) -> Router {
    let sequence = Mutex::new(0);
    let sequence = Arc::new(sequence);
    let serve = move || {
        let (outside, hands, signer, sequence) =
            (Arc::clone(&outside), hands.clone(), signer.clone(), Arc::clone(&sequence));
        async move {
            let outside = outside.lock().unwrap();
            if !outside.registry_up {
                return Err(StatusCode::SERVICE_UNAVAILABLE);
            }
            let operator = Operator {
                name: "Sandbox Registry".to_owned(),
                territory: "UT".to_owned(),
                scheme: "Sandbox".to_owned(),
                information: "https://registry.example".to_owned(),
            };
            let mut sequence = sequence.lock().unwrap();
            *sequence += 1;
            let now = hands.clock().now();
            let until = now + SignedDuration::from_hours(1);
            let list = TrustedList::new(operator, *sequence, now, until, outside.entities.clone()).unwrap();
            Ok(list.sign(&signer.chain, &signer.key, now).unwrap())
        }
    };
    Router::new().route("/trusted-list", get(serve))
}

pub(super) fn status_lists(outside: Arc<Mutex<Outside>>, hands: Hands, signer: Credentials, uri: Url) -> Router {
    let serve = move |headers: HeaderMap| {
        let (outside, hands, signer, uri) = (Arc::clone(&outside), hands.clone(), signer.clone(), uri.clone());
        async move {
            let mut outside = outside.lock().unwrap();
            outside.status_asked += 1;
            if !outside.status_up {
                return Err(StatusCode::SERVICE_UNAVAILABLE);
            }
            let now = hands.clock().now();
            // Who can read a JWT says so, as for an SD-JWT VC; an mdoc's list comes as CWT.
            let jwt = headers["accept"].to_str().unwrap().contains("statuslist+jwt");
            Ok(if jwt {
                status_token(&signer, &uri, outside.status, now).into_bytes()
            } else {
                status_cwt(&signer, &uri, outside.status, now)
            })
        }
    };
    Router::new().route("/status/1", get(serve))
}

/// `GET /types/{name}`: type metadata.
pub(super) fn types(outside: Arc<Mutex<Outside>>) -> Router {
    let serve = async move |axum::extract::Path(name): axum::extract::Path<String>| {
        let known = outside.lock().unwrap().types.get(&name).cloned();
        known.map(|metadata| metadata.to_string()).ok_or(StatusCode::NOT_FOUND)
    };
    Router::new().route("/types/{name}", get(serve))
}

pub(super) fn status_token(signer: &Credentials, uri: &Url, status: Status, now: Timestamp) -> String {
    let mut list = StatusList::new(Bits::Two, 1000).unwrap();
    list.set(IDX, status).unwrap();
    list.sign(&status_claims(uri, now), &signer.chain, &signer.key).unwrap()
}

/// A list of one bit an entry, as mdocs have it.
pub(super) fn status_cwt(signer: &Credentials, uri: &Url, status: Status, now: Timestamp) -> Vec<u8> {
    let mut list = StatusList::new(Bits::One, 1000).unwrap();
    list.set(IDX, status).unwrap();
    list.sign_cwt(&status_claims(uri, now), &signer.chain, &signer.key).unwrap()
}

pub(super) fn status_claims(uri: &Url, now: Timestamp) -> TokenClaims {
    TokenClaims {
        uri: uri.clone(),
        issued_at: now,
        expires: now + SignedDuration::from_hours(2),
        ttl: SignedDuration::from_secs(600),
        aggregation_uri: None,
    }
}
