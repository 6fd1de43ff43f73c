//! The blocklist doors of the v3 API, in their older form: faces only, named by a session.

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;
use warifu_server::Now;
use warifu_server::extract::{Json, Query};

use super::Front;
use super::api::{Body, Client, Refusal, both};
use crate::Error;
use crate::kyc::faces::Blocked;

/// What else the older API can block.
const OTHERS: [&str; 3] = ["document", "phone", "email"];

pub(super) fn router() -> Router<Front> {
    let router = both(Router::new(), "/v3/blocklist/add", post(add));
    let router = both(router, "/v3/blocklist/remove", post(remove));
    both(router, "/v3/blocklist", get(list))
}

/// `POST /v3/blocklist/add/`: `{"session_id": …, "blocklist_face": true}`.
async fn add(State(front): State<Front>, client: Client, Now(now): Now, body: Body) -> Result<Response, Refusal> {
    let session = named(&body?.0, "blocklist_")?;
    front.0.check_owner(client.0.id, session).await?;
    let blocked = front.0.block_face(session, now).await?;
    Ok((StatusCode::OK, Json(row(&blocked))).into_response())
}

/// `POST /v3/blocklist/remove/`: `{"session_id": …, "unblock_face": true}`.
async fn remove(State(front): State<Front>, client: Client, Now(now): Now, body: Body) -> Result<Response, Refusal> {
    let session = named(&body?.0, "unblock_")?;
    front.0.check_owner(client.0.id, session).await?;
    let removed = front.0.unblock_face(session, now).await?;
    Ok(Json(json!({ "session_id": session, "removed": removed })).into_response())
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Listed {
    item_type: Option<String>,
}

/// `GET /v3/blocklist/?item_type=face`.
async fn list(State(front): State<Front>, client: Client, Query(listed): Query<Listed>) -> Result<Response, Refusal> {
    let rows = match listed.item_type.as_deref() {
        None | Some("face") => front.0.blocked_faces(client.0.id).await?,
        // Nothing of these kinds can be put there, so none of them is.
        Some(other) if OTHERS.contains(&other) => Vec::new(),
        Some(_) => return Err(bad("item_type", "Must be one of face, document, phone, email.").into()),
    };
    let results: Vec<Value> = rows.iter().map(row).collect();
    Ok(Json(json!({ "count": results.len(), "next": null, "previous": null, "results": results })).into_response())
}

fn row(blocked: &Blocked) -> Value {
    let mut row = json!(blocked);
    row["type"] = "face".into();
    row
}

/// The session that is named. What can not be blocked here is refused, not passed over.
fn named(body: &Map<String, Value>, verb: &str) -> Result<Uuid, Error> {
    let wants = |kind: &str| body.get(&format!("{verb}{kind}")).and_then(Value::as_bool).unwrap_or(false);
    if OTHERS.into_iter().any(wants) {
        return Err(bad("item_type", "Only faces can be on this blocklist."));
    }
    if !wants("face") {
        return Err(bad("item_type", "Name what to do: blocklist_face to add, unblock_face to remove."));
    }
    let id =
        body.get("session_id").and_then(Value::as_str).ok_or_else(|| bad("session_id", "This field is required."))?;
    id.parse().map_err(|_| bad("session_id", "Must be a valid UUID."))
}

fn bad(field: &'static str, why: &str) -> Error {
    Error::Field { field, why: why.to_owned() }
}
