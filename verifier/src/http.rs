//! The doors of the verifier: for the partner's servers, for wallets, for people.

mod api;
mod pages;
mod wallet;

use std::sync::Arc;

use axum::Router;
use axum::extract::FromRef;
use axum::middleware::from_fn;
use axum::routing::{get, post};
use warifu_server::{Clock, assets, csrf};

use crate::Verifier;

#[derive(Clone)]
struct Doors(Arc<Verifier>);

impl FromRef<Doors> for Arc<Verifier> {
    fn from_ref(doors: &Doors) -> Self {
        Self::clone(&doors.0)
    }
}

impl FromRef<Doors> for Clock {
    fn from_ref(doors: &Doors) -> Self {
        doors.0.clock.clone()
    }
}

/// Everything this verifier answers to.
pub fn router(verifier: Arc<Verifier>) -> Router {
    let pages = Router::new()
        .route("/", get(pages::front))
        .route("/{lang}/", get(pages::start))
        .route("/{lang}/request", post(pages::begin))
        .route("/{lang}/request/{id}", get(pages::request))
        .layer(from_fn(csrf::same_origin));
    Router::new()
        .merge(pages)
        .route("/request/{id}/state", get(pages::state))
        .route("/v1/requests", post(api::create))
        .route("/v1/requests/{id}", get(api::show))
        .route("/v3/session/import-shared", post(api::import))
        .route("/v3/session/import-shared/", post(api::import))
        .route("/v3/session/{id}/decision", get(api::decision))
        .route("/v3/session/{id}/decision/", get(api::decision))
        .route("/vp/{id}/request", get(wallet::request_object))
        .route("/vp/{id}/response", post(wallet::response))
        .route("/health", get(async || "ok"))
        .merge(assets::router())
        .layer(from_fn(assets::security_headers))
        .with_state(Doors(verifier))
}
