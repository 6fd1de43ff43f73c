//! The issuer's front: the v3 session API for clients, hosted pages for people, OpenID4VCI for wallets.
//!
//! Each door answers in its own dialect: the API with `{"detail": …}` or `{"field": ["…"]}`, the pages with pages (or
//! problem documents for programs), issuance with OAuth errors.

use std::sync::Arc;

use axum::Router;
use axum::extract::FromRef;
use axum::middleware;
use warifu_server::text::{BadCatalogue, Catalogue, Lang};
use warifu_server::{Clock, assets};

use crate::Issuer;

mod api;
mod pages;
mod person;
mod vci;

/// What handlers share.
#[derive(Clone)]
struct Front(Arc<Issuer>);

impl FromRef<Front> for Clock {
    fn from_ref(front: &Front) -> Self {
        front.0.clock.clone()
    }
}

/// Everything this issuer answers.
pub fn router(issuer: Arc<Issuer>) -> Router {
    Router::new()
        .merge(api::router())
        .merge(person::router())
        .merge(vci::router())
        .merge(assets::router())
        .layer(middleware::from_fn(assets::security_headers))
        .with_state(Front(issuer))
}

/// The messages of the hosted pages.
pub(crate) fn catalogue() -> Result<Catalogue, BadCatalogue> {
    Catalogue::new(&[(Lang::En, include_str!("../locales/en.ftl")), (Lang::Ja, include_str!("../locales/ja.ftl"))])
}

#[cfg(test)]
mod tests;
