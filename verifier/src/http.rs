//! The doors of the verifier: for the partner's servers, for wallets, for people.

mod api;
#[expect(unused_qualifications, reason = "utoipa writes them")]
mod billing;
mod button;
mod confirm;
mod cookie;
mod digital;
mod events;
pub mod openapi;
mod pages;
#[expect(unused_qualifications, reason = "utoipa writes them")]
mod policies;
mod result;
mod wallet;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRef};
use axum::http::header::CONTENT_TYPE;
use axum::middleware::{from_extractor_with_state, from_fn, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use serde_json::Value;
use warifu_openid4vc::vp::{response, wallet_metadata};
use warifu_server::limit::{self, Limiter, Rate};
use warifu_server::{Clock, assets, audit, csrf};

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

/// How often one caller may call at each kind of door.
#[derive(Debug, Clone, Copy)]
pub struct Rates {
    /// The partner's servers, by API key.
    pub api: Rate,
    /// Wallets, by address: two calls a request.
    pub wallets: Rate,
    /// Pages, by address; an open page asks every two seconds how things stand.
    pub pages: Rate,
}

impl Default for Rates {
    fn default() -> Self {
        let minute = |calls| Rate { calls, per: Duration::from_secs(60) };
        Self { api: minute(1200), wallets: minute(120), pages: minute(300) }
    }
}

impl Rates {
    /// For a sandbox, where all people, wallets and measurements come from one machine.
    pub const SANDBOX: Self = {
        let plenty = Rate { calls: 1_000_000, per: Duration::from_secs(60) };
        Self { api: plenty, wallets: plenty, pages: plenty }
    };
}

/// Everything this verifier answers to, at the default rates: generous in a sandbox.
pub fn router(verifier: Arc<Verifier>) -> Router {
    let rates = if verifier.config.sandbox { Rates::SANDBOX } else { Rates::default() };
    router_with(verifier, rates)
}

/// Everything this verifier answers to.
pub fn router_with(verifier: Arc<Verifier>, rates: Rates) -> Router {
    let limited = |rate| from_fn_with_state(Limiter::new(rate), limit::by_caller);
    let pages = Router::new()
        .route("/", get(pages::front))
        .route("/{lang}/", get(pages::start))
        .route("/{lang}/request", post(pages::begin))
        .route("/{lang}/request/{id}", get(pages::request))
        .route("/{lang}/request/{id}/confirm", post(confirm::confirm))
        .route("/request/{id}/return", get(confirm::come_back))
        .route("/request/{id}/state", get(pages::state))
        .route("/request/{id}/digital", post(digital::begin))
        .route(
            "/request/{id}/digital/response",
            post(digital::response).layer(DefaultBodyLimit::max(response::MAX_BYTES)),
        )
        .route(digital::SCRIPT_PATH, get(digital::script))
        .route(button::PATH, get(button::script))
        .layer(from_fn(csrf::same_origin))
        .layer(limited(rates.pages));
    let for_wallets_that_post =
        post(wallet::request_object_for).layer(DefaultBodyLimit::max(wallet_metadata::MAX_BYTES));
    let wallets = Router::new()
        .route("/vp/{id}/request", get(wallet::request_object).merge(for_wallets_that_post))
        .route("/vp/{id}/response", post(wallet::response).layer(DefaultBodyLimit::max(response::MAX_BYTES)))
        .route("/vp/response", post(wallet::response_by_value).layer(DefaultBodyLimit::max(response::MAX_BYTES)))
        .layer(limited(rates.wallets));
    let key = verifier.config.api_key;
    let partner = Limiter::new(rates.api).by_key(move |shown| shown.is(&key));
    let api = openapi::router()
        .merge(
            audit::router(verifier.audit_log().clone())
                .route_layer(from_extractor_with_state::<api::Partner, _>(Doors(Arc::clone(&verifier)))),
        )
        .layer(from_fn_with_state(partner, limit::by_caller));
    let document = match (verifier.config.identity.document_path(), verifier.config.identity.document(&verifier.bundle))
    {
        (Some(path), Some(document)) => Router::new().route(&path, get(async move || did_document(&document))),
        (None, _) | (_, None) => Router::new(),
    };
    Router::new()
        .merge(document)
        .merge(pages)
        .merge(wallets)
        .merge(api)
        .route("/health", get(async || "ok"))
        .merge(assets::router())
        .layer(from_fn(assets::security_headers))
        .with_state(Doors(verifier))
}

/// The document of the verifier's did:web, at the address that the DID names.
fn did_document(document: &Value) -> Response {
    ([(CONTENT_TYPE, "application/did+json")], document.to_string()).into_response()
}
