//! The consents of a session: what a client sees of them, and that one can be taken back through the client.

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::json;
use warifu_server::Now;
use warifu_server::extract::{Json, Path};

use super::{Front, Id, Refusal, both};
use crate::Error;

pub(super) fn router() -> Router<Front> {
    let router = both(Router::new(), "/v3/session/{id}/consents", get(list));
    both(router, "/v3/session/{id}/consents/{consent}/withdraw", post(withdraw))
}

/// `GET /v3/session/{id}/consents/`: all of them with their signed receipts, newest last.
async fn list(State(front): State<Front>, Now(now): Now, id: Id) -> Result<Response, Refusal> {
    Ok(Json(json!({ "consents": front.0.consents(id.0, now).await? })).into_response())
}

#[derive(Deserialize)]
struct ConsentPath {
    consent: String,
}

/// `POST /v3/session/{id}/consents/{consent}/withdraw/`: for a client whom the person told.
async fn withdraw(
    State(front): State<Front>,
    Now(now): Now,
    id: Id,
    Path(path): Path<ConsentPath>,
) -> Result<Response, Refusal> {
    let consent = path.consent.parse().map_err(|_| Error::NoSuchConsent)?;
    Ok(Json(front.0.withdraw_consent_of(id.0, consent, now).await?).into_response())
}
