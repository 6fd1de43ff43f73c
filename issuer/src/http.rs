//! The issuer's front: the v3 session API for clients, hosted pages for people, OpenID4VCI and OpenID4VP for wallets.
//!
//! Each door answers in its own dialect: the API with `{"detail": …}` or `{"field": ["…"]}`, the pages with pages (or
//! problem documents for programs), issuance and presentation with OAuth errors. Whoever calls too often gets a problem document, or a
//! page, at every door.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::FromRef;
use axum::middleware::{from_fn, from_fn_with_state};
use warifu_server::limit::{self, Limiter, Rate};
use warifu_server::text::{BadCatalogue, Catalogue, Lang};
use warifu_server::{Clock, assets};

use self::openapi::Doors;
use crate::Issuer;
use crate::kyc::workflow::Environment;

#[expect(unused_qualifications, reason = "utoipa writes them")]
mod api;
mod applications;
mod audit;
#[expect(unused_qualifications, reason = "utoipa writes them")]
mod blocklist;
mod consents;
mod device;
mod media;
pub mod openapi;
mod pages;
mod person;
mod questions;
#[expect(unused_qualifications, reason = "utoipa writes them")]
pub(crate) mod report;
mod status;
mod vci;
mod vp;
#[expect(unused_qualifications, reason = "utoipa writes them")]
mod webhooks;
#[expect(unused_qualifications, reason = "utoipa writes them")]
mod workflows;

/// What handlers share.
#[derive(Clone)]
struct Front(Arc<Issuer>);

impl FromRef<Front> for Clock {
    fn from_ref(front: &Front) -> Self {
        front.0.clock.clone()
    }
}

/// How often one caller may call at each kind of door. Clients count by their API key, all others by address.
#[derive(Debug, Clone, Copy)]
pub struct Rates {
    /// New sessions.
    pub sessions: Rate,
    /// Pictures: each costs seconds of a core.
    pub uploads: Rate,
    /// The token endpoint, where codes could be guessed.
    pub tokens: Rate,
    /// Changes that clients make: statuses, deletions, shares, offers.
    pub changes: Rate,
    /// Corrections of what was read.
    pub corrections: Rate,
    /// Everything else, together; an open page asks every two seconds how things stand.
    pub others: Rate,
}

impl Default for Rates {
    fn default() -> Self {
        let minute = |calls| Rate { calls, per: Duration::from_secs(60) };
        Self {
            sessions: minute(600),
            uploads: minute(60),
            tokens: minute(120),
            changes: minute(300),
            corrections: minute(10),
            others: minute(600),
        }
    }
}

impl Rates {
    /// For a sandbox, where all people, wallets and measurements come from one machine.
    pub const SANDBOX: Self = {
        let plenty = Rate { calls: 1_000_000, per: Duration::from_secs(60) };
        Self { sessions: plenty, uploads: plenty, tokens: plenty, changes: plenty, corrections: plenty, others: plenty }
    };
}

/// Everything this issuer answers, at the default rates: generous in a sandbox.
pub fn router(issuer: Arc<Issuer>) -> Router {
    let rates = match issuer.config().environment {
        Environment::Sandbox => Rates::SANDBOX,
        Environment::Live => Rates::default(),
    };
    router_with(issuer, rates)
}

/// Everything this issuer answers.
pub fn router_with(issuer: Arc<Issuer>, rates: Rates) -> Router {
    let limited = |rate| {
        let issuer = Arc::clone(&issuer);
        let limiter = Limiter::new(rate).by_key(move |key| issuer.knows(key));
        from_fn_with_state(limiter, limit::by_caller)
    };
    let Api { creation, changes, corrections, others } = Api::doors();
    let others = Router::from(others)
        .merge(audit::router(&issuer))
        .merge(person::router())
        .merge(consents::router())
        .merge(media::router())
        .merge(vci::router())
        .merge(vp::router())
        .merge(status::router());
    Router::new()
        .merge(Router::from(creation).route_layer(limited(rates.sessions)))
        .merge(Router::from(changes).route_layer(limited(rates.changes)))
        .merge(Router::from(corrections).route_layer(limited(rates.corrections)))
        .merge(person::uploads().merge(questions::router()).route_layer(limited(rates.uploads)))
        .merge(vci::tokens().route_layer(limited(rates.tokens)))
        .merge(others.route_layer(limited(rates.others)))
        .merge(assets::router())
        .layer(from_fn(assets::security_headers))
        .with_state(Front(issuer))
}

/// The doors of the v3 API, each with what the document says of it, by the rate they share.
struct Api {
    creation: Doors,
    changes: Doors,
    corrections: Doors,
    others: Doors,
}

impl Api {
    fn doors() -> Self {
        let others = api::reads()
            .merge(applications::doors())
            .merge(blocklist::doors())
            .merge(workflows::doors())
            .merge(webhooks::doors())
            .merge(report::doors())
            .merge(openapi::doors());
        Self { creation: api::creation(), changes: api::changes(), corrections: api::corrections(), others }
    }

    fn into_document(self) -> utoipa::openapi::OpenApi {
        let Self { creation, changes, corrections, others } = self;
        creation.merge(changes).merge(corrections).merge(others).into_openapi()
    }
}

/// The messages of the hosted pages.
pub(crate) fn catalogue() -> Result<Catalogue, BadCatalogue> {
    Catalogue::new(&[(Lang::En, include_str!("../locales/en.ftl")), (Lang::Ja, include_str!("../locales/ja.ftl"))])
}

#[cfg(test)]
mod tests;
