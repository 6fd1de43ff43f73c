//! The blocklist doors of the v3 API, in their older form: faces only, named by a session.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;
use uuid::Uuid;
use warifu_server::Now;
use warifu_server::extract::{Json, Query};

use super::Front;
use super::api::{Body, Client, Refusal};
use super::openapi::{Changed, Doors, bodies, both};
use crate::Error;
use crate::kyc::faces::Blocked;

/// What else the older API can block.
const OTHERS: [&str; 3] = ["document", "phone", "email"];

pub(super) fn doors() -> Doors {
    let doors = both(Doors::default(), routes!(add));
    let doors = both(doors, routes!(remove));
    both(doors, routes!(list))
}

/// An entry of the blocklist.
#[derive(Serialize, ToSchema)]
struct BlocklistEntry {
    /// Always `face`.
    #[schema(example = "face")]
    r#type: &'static str,
    #[serde(flatten)]
    blocked: Blocked,
}

/// The blocklist.
#[derive(Serialize, ToSchema)]
struct Blocklist {
    /// How many there are.
    count: usize,
    /// Always `null`: this is all of them.
    next: Option<String>,
    /// Always `null`.
    previous: Option<String>,
    /// The entries.
    results: Vec<BlocklistEntry>,
}

/// Whether an entry was taken off.
#[derive(Serialize, ToSchema)]
struct Unblocked {
    /// The session.
    session_id: Uuid,
    /// Whether it was there.
    removed: bool,
}

/// Puts the face of a session on the blocklist.
///
/// The entry stays when the session is erased, until it is taken off.
#[utoipa::path(
    post, path = "/v3/blocklist/add/", tag = "blocklist", operation_id = "blocklist_add", request_body = bodies::Block,
    responses((status = 200, description = "The entry.", body = BlocklistEntry), Changed)
)]
async fn add(State(front): State<Front>, client: Client, Now(now): Now, body: Body) -> Result<Response, Refusal> {
    let session = named(&body?.0, "blocklist_")?;
    front.0.check_owner(client.0.id, session).await?;
    let blocked = front.0.block_face(session, now).await?;
    Ok(Json(row(blocked)).into_response())
}

/// Takes the face of a session off the blocklist.
#[utoipa::path(
    post, path = "/v3/blocklist/remove/", tag = "blocklist", operation_id = "blocklist_remove",
    request_body = bodies::Unblock, responses((status = 200, description = "It is not on the list.", body = Unblocked), Changed)
)]
async fn remove(State(front): State<Front>, client: Client, Now(now): Now, body: Body) -> Result<Response, Refusal> {
    let session = named(&body?.0, "unblock_")?;
    front.0.check_owner(client.0.id, session).await?;
    let removed = front.0.unblock_face(session, now).await?;
    Ok(Json(Unblocked { session_id: session, removed }).into_response())
}

#[derive(Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
struct Listed {
    /// `face`; there is nothing of `document`, `phone` and `email`.
    item_type: Option<String>,
}

/// Lists the blocklist.
#[utoipa::path(
    get, path = "/v3/blocklist/", tag = "blocklist", operation_id = "blocklist_list", params(Listed),
    responses((status = 200, description = "The entries.", body = Blocklist))
)]
async fn list(State(front): State<Front>, client: Client, Query(listed): Query<Listed>) -> Result<Response, Refusal> {
    let rows = match listed.item_type.as_deref() {
        None | Some("face") => front.0.blocked_faces(client.0.id).await?,
        // Nothing of these kinds can be put there, so none of them is.
        Some(other) if OTHERS.contains(&other) => Vec::new(),
        Some(_) => return Err(bad("item_type", "Must be one of face, document, phone, email.").into()),
    };
    let results: Vec<BlocklistEntry> = rows.into_iter().map(row).collect();
    Ok(Json(Blocklist { count: results.len(), next: None, previous: None, results }).into_response())
}

fn row(blocked: Blocked) -> BlocklistEntry {
    BlocklistEntry { r#type: "face", blocked }
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
