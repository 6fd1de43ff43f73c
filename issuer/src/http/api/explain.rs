//! Why a session is what it is.

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use warifu_server::Now;
use warifu_server::extract::Json;

use super::{Front, Id, Refusal, both};

pub(super) fn router() -> Router<Front> {
    both(Router::new(), "/v3/session/{id}/explain", get(explain))
}

/// `GET /v3/session/{id}/explain/`.
async fn explain(State(front): State<Front>, Now(now): Now, id: Id) -> Result<Response, Refusal> {
    Ok(Json(front.0.explain(id.0, now).await?).into_response())
}
