//! What everyone may fetch: the signed list and whether the registry is well.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::Serialize;
use warifu_server::Now;
use warifu_server::extract::Json;
use warifu_trust::list::MEDIA_TYPE;

use super::App;
use crate::Error;

/// `GET /trusted-list`: the newest list. Readers ask every time with `If-None-Match`, so that a suspension is seen soon.
pub(super) async fn trusted_list(State(app): State<App>, Now(now): Now, headers: HeaderMap) -> Result<Response, Error> {
    let issue = app.registry.current(now).await?;
    let tag = format!("\"{}\"", issue.sequence);
    let known = headers.get(header::IF_NONE_MATCH).is_some_and(|known| known == tag.as_str());
    let headers =
        [(header::ETAG, tag.as_str()), (header::CACHE_CONTROL, "no-cache"), (header::CONTENT_TYPE, MEDIA_TYPE)];
    Ok(if known { (StatusCode::NOT_MODIFIED, headers).into_response() } else { (headers, issue.jws).into_response() })
}

#[derive(Serialize)]
struct Health {
    status: &'static str,
    sequence: Option<u64>,
    next_update: Option<Timestamp>,
}

/// `GET /health`: 200 when readers can trust the newest list now, 503 otherwise.
pub(super) async fn health(State(app): State<App>, Now(now): Now) -> Result<Response, Error> {
    let trust = app.registry.trust(now).await?;
    let (code, status) = match trust.list() {
        Some(_) => (StatusCode::OK, "ok"),
        None => (StatusCode::SERVICE_UNAVAILABLE, "no_list"),
    };
    let list = trust.list();
    let health =
        Health { status, sequence: list.map(|list| list.sequence()), next_update: list.map(|list| list.next_update()) };
    Ok((code, Json(health)).into_response())
}
