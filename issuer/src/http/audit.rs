//! The audit log's doors, for whoever runs the issuer: the log speaks of the sessions of every application.

use std::sync::Arc;

use axum::Router;
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::middleware::from_extractor_with_state;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::{OpenApi, ToSchema};
use utoipa_axum::routes;
use warifu_server::audit;
use warifu_server::extract::Json;

use super::Front;
use super::api::{Client, Refusal};
use super::applications::Operator;
use super::openapi::Doors;
use crate::application::BUILT_IN;
use crate::retention::PurgeReceipt;
use crate::{Error, Issuer};

pub(super) fn router(issuer: &Arc<Issuer>) -> Router<Front> {
    let guard = from_extractor_with_state::<Auditor, _>(Front(Arc::clone(issuer)));
    let purges = Router::from(Doors::default().routes(routes!(purges)));
    audit::router(issuer.audit_log().clone()).merge(purges).route_layer(guard)
}

/// What the document says of the door below; those of the log are the same in every role, and described by the server.
#[derive(OpenApi)]
#[openapi(paths(purges))]
pub(super) struct Described;

/// The receipts of what was purged.
#[derive(Serialize, ToSchema)]
struct Purges {
    /// Newest first.
    purges: Vec<PurgeReceipt>,
}

/// The receipts of what was purged, newest first.
#[utoipa::path(
    get, path = "/v3/audit/purges", tag = "audit", operation_id = "audit_purges",
    security(("operator_key" = []), ("api_key" = [])),
    responses((status = 200, description = "The receipts.", body = Purges))
)]
async fn purges(State(front): State<Front>) -> Result<Response, Refusal> {
    Ok(Json(Purges { purges: front.0.purge_receipts().await? }).into_response())
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
