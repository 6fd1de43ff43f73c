//! The audit log's doors, for whoever runs the issuer: the log speaks of the sessions of every application.

use std::sync::Arc;

use axum::Router;
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::middleware::from_extractor_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::json;
use warifu_server::audit;
use warifu_server::extract::Json;

use super::Front;
use super::api::{Client, Refusal};
use super::applications::Operator;
use crate::application::BUILT_IN;
use crate::{Error, Issuer};

pub(super) fn router(issuer: &Arc<Issuer>) -> Router<Front> {
    let guard = from_extractor_with_state::<Auditor, _>(Front(Arc::clone(issuer)));
    audit::router(issuer.audit_log().clone()).route("/v3/audit/purges", get(purges)).route_layer(guard)
}

/// `GET /v3/audit/purges`: the receipts of what was purged, newest first.
async fn purges(State(front): State<Front>) -> Result<Response, Refusal> {
    Ok(Json(json!({ "purges": front.0.purge_receipts().await? })).into_response())
}

/// Whoever holds the operator's key or a key of the settings.
struct Auditor;

impl FromRequestParts<Front> for Auditor {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, front: &Front) -> Result<Self, Refusal> {
        if Operator::from_request_parts(parts, front).await.is_ok() {
            return Ok(Self);
        }
        let Client(application) = Client::from_request_parts(parts, front).await?;
        if application.id == BUILT_IN { Ok(Self) } else { Err(Error::OperatorKey.into()) }
    }
}
