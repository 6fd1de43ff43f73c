//! What a client says about how long a session's data stay.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::routes;
use uuid::Uuid;
use warifu_server::Now;
use warifu_server::extract::Json;

use super::super::openapi::bodies::{Ending, Reason};
use super::super::openapi::{Changed, SessionId};
use super::{Body, Doors, Front, Id, Refusal, both, text};
use crate::Error;
use crate::retention::{Class, Hold, Retention};

pub(super) fn doors() -> Doors {
    let doors = both(Doors::default(), routes!(end));
    let doors = both(doors, routes!(hold));
    both(doors, routes!(lift))
}

/// What the clocks of a session go by.
#[derive(Serialize, ToSchema)]
struct SessionRetention {
    /// The session.
    session_id: Uuid,
    /// When something last happened to it.
    last_activity: Option<Timestamp>,
    /// When the relationship ended.
    ended_at: Option<Timestamp>,
    /// Why nothing may go.
    hold: Option<Hold>,
    /// What is gone.
    purged: Vec<Class>,
}

/// Says when the relationship with the person ended.
///
/// The clocks of retention start then. `{}` ends it now; `{"ended_at": null}` says that it goes on.
#[utoipa::path(
    post, path = "/v3/session/{id}/end/", tag = "retention", operation_id = "session_end", params(SessionId),
    request_body = Ending, responses((status = 200, description = "What the clocks go by now.", body = SessionRetention), Changed)
)]
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

/// Keeps everything of a session until the hold is lifted.
#[utoipa::path(
    post, path = "/v3/session/{id}/hold/", tag = "retention", operation_id = "session_hold", params(SessionId),
    request_body = Reason, responses((status = 200, description = "What the clocks go by now.", body = SessionRetention), Changed)
)]
async fn hold(State(front): State<Front>, Now(now): Now, id: Id, body: Body) -> Result<Response, Refusal> {
    let body = body?.0;
    let reason = text(&body, "reason")?.unwrap_or_default();
    Ok(answer(id.0, &front.0.hold(id.0, reason, now).await?))
}

/// Lifts a hold.
#[utoipa::path(
    post, path = "/v3/session/{id}/hold/lift/", tag = "retention", operation_id = "session_hold_lift", params(SessionId),
    request_body = Reason, responses((status = 200, description = "What the clocks go by now.", body = SessionRetention), Changed)
)]
async fn lift(State(front): State<Front>, Now(now): Now, id: Id, body: Body) -> Result<Response, Refusal> {
    let body = body?.0;
    let reason = text(&body, "reason")?.unwrap_or_default();
    Ok(answer(id.0, &front.0.lift_hold(id.0, reason, now).await?))
}

fn answer(id: Uuid, retention: &Retention) -> Response {
    let Retention { last_activity, ended_at, hold, purged } = retention;
    let answer = SessionRetention {
        session_id: id,
        last_activity: *last_activity,
        ended_at: *ended_at,
        hold: hold.clone(),
        purged: purged.iter().copied().collect(),
    };
    Json(answer).into_response()
}
