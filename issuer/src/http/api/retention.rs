//! What a client says about how long a session's data stay.

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde_json::{Value, json};
use uuid::Uuid;
use warifu_server::Now;
use warifu_server::extract::Json;

use super::{Body, Front, Id, Refusal, both, text};
use crate::Error;
use crate::retention::Retention;

pub(super) fn router() -> Router<Front> {
    let router = both(Router::new(), "/v3/session/{id}/end", post(end));
    let router = both(router, "/v3/session/{id}/hold", post(hold));
    both(router, "/v3/session/{id}/hold/lift", post(lift))
}

/// `POST /v3/session/{id}/end/`: `{}` ends the relationship now, `{"ended_at": …}` at that instant; `null` resumes it.
async fn end(State(front): State<Front>, Now(now): Now, id: Id, body: Body) -> Result<Response, Refusal> {
    let body = body?.0;
    let ended_at = match body.get("ended_at") {
        None => Some(now),
        Some(Value::Null) => None,
        Some(value) => {
            let bad =
                || Error::Field { field: "ended_at", why: "Send an instant, such as 2026-11-22T10:00:00Z.".to_owned() };
            Some(value.as_str().and_then(|text| text.parse().ok()).ok_or_else(bad)?)
        }
    };
    Ok(answer(id.0, &front.0.end_relationship(id.0, ended_at, now).await?))
}

/// `POST /v3/session/{id}/hold/`: `{"reason": …}` keeps everything until the hold is lifted.
async fn hold(State(front): State<Front>, Now(now): Now, id: Id, body: Body) -> Result<Response, Refusal> {
    let body = body?.0;
    let reason = text(&body, "reason")?.unwrap_or_default();
    Ok(answer(id.0, &front.0.hold(id.0, reason, now).await?))
}

/// `POST /v3/session/{id}/hold/lift/`: `{"reason": …}`.
async fn lift(State(front): State<Front>, Now(now): Now, id: Id, body: Body) -> Result<Response, Refusal> {
    let body = body?.0;
    let reason = text(&body, "reason")?.unwrap_or_default();
    Ok(answer(id.0, &front.0.lift_hold(id.0, reason, now).await?))
}

fn answer(id: Uuid, retention: &Retention) -> Response {
    let Retention { last_activity, ended_at, hold, purged } = retention;
    let answer = json!({
        "session_id": id, "last_activity": last_activity, "ended_at": ended_at, "hold": hold, "purged": purged,
    });
    Json(answer).into_response()
}
