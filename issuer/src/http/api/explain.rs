//! Why a session is what it is.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use utoipa_axum::routes;
use warifu_server::Now;
use warifu_server::extract::Json;

use super::super::openapi::{Looked, SessionId};
use super::{Doors, Front, Id, Refusal, both};
use crate::kyc::explain::Explanation;

pub(super) fn doors() -> Doors {
    both(Doors::default(), routes!(explain))
}

/// Why a session is what it is.
///
/// Every check with its measure, its threshold and the setting of the workflow that made it count.
#[utoipa::path(
    get, path = "/v3/session/{id}/explain/", tag = "sessions", operation_id = "session_explain", params(SessionId),
    responses((status = 200, description = "The explanation.", body = Explanation), Looked)
)]
async fn explain(State(front): State<Front>, Now(now): Now, id: Id) -> Result<Response, Refusal> {
    Ok(Json(front.0.explain(id.0, now).await?).into_response())
}
