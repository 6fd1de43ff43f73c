//! The doors of the verifier: for the partner's servers, for wallets, for people.

mod api;
#[expect(unused_qualifications, reason = "utoipa writes them")]
mod billing;
mod cookie;
pub mod openapi;
mod pages;
mod result;
mod wallet;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRef};
use axum::middleware::{from_extractor_with_state, from_fn, from_fn_with_state};
use axum::routing::{get, post};
use warifu_openid4vc::vp::response;
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
        .route("/request/{id}/state", get(pages::state))
        .layer(from_fn(csrf::same_origin))
        .layer(limited(rates.pages));
    let wallets = Router::new()
        .route("/vp/{id}/request", get(wallet::request_object))
        .route("/vp/{id}/response", post(wallet::response).layer(DefaultBodyLimit::max(response::MAX_BYTES)))
        .layer(limited(rates.wallets));
    let key = verifier.config.api_key;
    let partner = Limiter::new(rates.api).by_key(move |shown| shown.is(&key));
    let api = openapi::router()
        .merge(
            audit::router(verifier.audit_log().clone())
                .route_layer(from_extractor_with_state::<api::Partner, _>(Doors(Arc::clone(&verifier)))),
        )
        .layer(from_fn_with_state(partner, limit::by_caller));
    Router::new()
        .merge(pages)
        .merge(wallets)
        .merge(api)
        .route("/health", get(async || "ok"))
        .merge(assets::router())
        .layer(from_fn(assets::security_headers))
        .with_state(Doors(verifier))
}
