//! What reviewers do: statuses, corrections, notes. And what a sandbox is told to come to.

use axum::extract::{RawPathParams, State};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use utoipa_axum::routes;
use uuid::Uuid;
use warifu_server::Now;
use warifu_server::extract::Json;
use warifu_session::{FeatureStatus, Status};

use super::super::openapi::bodies;
use super::super::openapi::{Changed, Looked, SessionId};
use super::{Body, Client, Doors, Front, Id, Refusal, both, text};
use crate::Error;
use crate::kyc::resubmit::{REASON, Reopen, Repeat};
use crate::kyc::review::{Activity, COMMENT, Feature, StatusChange};
use crate::kyc::scenario::Scenario;

/// Most steps that a request names.
const NODES: usize = 50;

pub(super) fn reads() -> Doors {
    both(Doors::default(), routes!(reviews))
}

pub(super) fn corrections() -> Doors {
    both(Doors::default(), routes!(update_data))
}

pub(super) fn changes() -> Doors {
    let doors = both(Doors::default(), routes!(update_status));
    let doors = both(doors, routes!(update_feature));
    let doors = both(doors, routes!(arm));
    both(doors, routes!(note))
}

/// The session that was changed.
#[derive(Serialize, ToSchema)]
struct ChangedSession {
    /// Its identifier.
    session_id: Uuid,
}

/// The feature that was changed.
#[derive(Serialize, ToSchema)]
struct ChangedFeature {
    /// The session.
    session_id: Uuid,
    /// The feature.
    feature: Feature,
    /// What it is now.
    status: FeatureStatus,
}

/// What was corrected.
#[derive(Serialize, ToSchema)]
struct ChangedData {
    /// The session.
    session_id: Uuid,
    /// Names of the values.
    changed_fields: Vec<String>,
}

/// What a sandbox session will come to.
#[derive(Serialize, ToSchema)]
struct ArmedSession {
    /// The session.
    session_id: Uuid,
    /// The scenario.
    #[schema(value_type = String, example = "document_expired")]
    scenario: Scenario,
}

/// Gives a session another status.
///
/// `Resubmitted` reopens it: the link of the person works again. 400 where the session can not become that.
#[utoipa::path(
    patch, path = "/v3/session/{id}/update-status/", tag = "reviews", operation_id = "session_update_status",
    params(SessionId), request_body = bodies::StatusUpdate, responses((status = 200, description = "It was changed.", body = ChangedSession), Changed)
)]
async fn update_status(
    State(front): State<Front>,
    client: Client,
    Now(now): Now,
    id: Id,
    body: Body,
) -> Result<Response, Refusal> {
    let body = body?.0;
    let word = text(&body, "new_status")?.ok_or_else(|| bad("new_status", "This field is required."))?;
    let status = match word.parse() {
        Ok(status @ (Status::Approved | Status::Declined | Status::Resubmitted)) => status,
        Ok(_) | Err(_) => return Err(bad("new_status", "Must be one of Approved, Declined, Resubmitted.").into()),
    };
    if body.get("send_email").and_then(Value::as_bool) == Some(true) {
        return Err(bad("send_email", "This issuer sends no mail; send the session's link yourself.").into());
    }
    let change = StatusChange { status, comment: comment(&body)?, reopen: nodes(&body)? };
    front.0.update_status(id.0, change, &client.0.name, now).await?;
    Ok(Json(ChangedSession { session_id: id.0 }).into_response())
}

/// Gives one feature of a session another status.
#[utoipa::path(
    patch, path = "/v3/session/{id}/features/{node}/update-status/", tag = "reviews",
    operation_id = "session_update_feature",
    params(SessionId, ("node" = String, Path, description = "Name of the feature, or `default` with the name in the body.")),
    request_body = bodies::FeatureUpdate, responses((status = 200, description = "It was changed.", body = ChangedFeature), Changed)
)]
async fn update_feature(
    State(front): State<Front>,
    client: Client,
    Now(now): Now,
    id: Id,
    path: RawPathParams,
    body: Body,
) -> Result<Response, Refusal> {
    let body = body?.0;
    let node = path.iter().find(|(name, _)| *name == "node").map_or("", |(_, node)| node);
    let named = match node {
        "default" => text(&body, "feature")?.ok_or_else(|| bad("feature", "Name the feature."))?,
        other => other,
    };
    let feature = Feature::named(named).ok_or(Error::NoSuchSession);
    let feature =
        if node == "default" { feature.map_err(|_| bad("feature", "Not a valid choice."))? } else { feature? };
    let word = text(&body, "new_status")?.or(text(&body, "status")?);
    let status = match word.map(str::parse) {
        Some(Ok(status @ (FeatureStatus::Approved | FeatureStatus::Declined | FeatureStatus::InReview))) => status,
        None => return Err(bad("new_status", "This field is required.").into()),
        Some(_) => return Err(bad("new_status", "Must be one of Approved, Declined, In Review.").into()),
    };
    front.0.update_feature(id.0, (feature, status), &comment(&body)?, &client.0.name, now).await?;
    Ok(Json(ChangedFeature { session_id: id.0, feature, status }).into_response())
}

/// Corrects what was read. What was read stays beside it.
#[utoipa::path(
    patch, path = "/v3/session/{id}/update-data/", tag = "reviews", operation_id = "session_update_data",
    params(SessionId), request_body = bodies::DataUpdate, responses((status = 200, description = "It was corrected.", body = ChangedData), Changed)
)]
async fn update_data(
    State(front): State<Front>,
    client: Client,
    Now(now): Now,
    id: Id,
    body: Body,
) -> Result<Response, Refusal> {
    let changed = front.0.update_data(id.0, &body?.0, &client.0.name, now).await?;
    Ok(Json(ChangedData { session_id: id.0, changed_fields: changed }).into_response())
}

/// What reviewers did to a session, oldest first.
#[utoipa::path(
    get, path = "/v3/sessions/{id}/reviews/", tag = "reviews", operation_id = "review_list", params(SessionId),
    responses((status = 200, description = "The entries.", body = Vec<Activity>), Looked)
)]
async fn reviews(State(front): State<Front>, id: Id) -> Result<Response, Refusal> {
    Ok(Json(front.0.activity(id.0).await?).into_response())
}

/// Adds a note to a session. The status in it changes nothing.
#[utoipa::path(
    post, path = "/v3/sessions/{id}/reviews/", tag = "reviews", operation_id = "review_note", params(SessionId),
    request_body = bodies::Note, responses((status = 201, description = "The entry.", body = Activity), Changed)
)]
async fn note(
    State(front): State<Front>,
    client: Client,
    Now(now): Now,
    id: Id,
    body: Body,
) -> Result<Response, Refusal> {
    let body = body?.0;
    let status = text(&body, "new_status")?.map(str::parse).transpose();
    let status = status.map_err(|_| bad("new_status", "Not a valid choice."))?;
    let comment = comment(&body)?;
    if comment.is_empty() {
        return Err(bad("comment", "This field is required.").into());
    }
    let entry = front.0.add_note(id.0, (status, &comment), &client.0.name, now).await?;
    Ok((axum::http::StatusCode::CREATED, Json(entry)).into_response())
}

/// Says what a sandbox session will come to. Only while nobody has begun it.
#[utoipa::path(
    post, path = "/v3/session/{id}/sandbox/arm/", tag = "sessions", operation_id = "sandbox_arm", params(SessionId),
    request_body = bodies::Armed, responses((status = 200, description = "It will come to this.", body = ArmedSession), Changed)
)]
async fn arm(State(front): State<Front>, Now(now): Now, id: Id, body: Body) -> Result<Response, Refusal> {
    let body = body?.0;
    let slug = text(&body, "scenario")?.ok_or_else(|| bad("scenario", "This field is required."))?;
    let scenario = Scenario::named(slug)?;
    front.0.arm(id.0, scenario, now).await?;
    Ok(Json(ArmedSession { session_id: id.0, scenario }).into_response())
}

fn comment(body: &Map<String, Value>) -> Result<String, Error> {
    let comment = text(body, "comment")?.unwrap_or_default();
    if comment.chars().count() > COMMENT {
        return Err(bad("comment", "Ensure this field has at most 2000 characters."));
    }
    Ok(comment.to_owned())
}

/// Which steps are to be repeated.
fn nodes(body: &Map<String, Value>) -> Result<Reopen, Error> {
    let wrong = || bad("nodes_to_resubmit", "Send a list of objects with node_id and feature.");
    let nodes = match body.get("nodes_to_resubmit") {
        None | Some(Value::Null) => return Ok(Reopen::Worst),
        Some(Value::Array(nodes)) if nodes.len() <= NODES => nodes,
        Some(_) => return Err(wrong()),
    };
    if nodes.is_empty() {
        return Err(bad("nodes_to_resubmit", "Name at least one step to repeat."));
    }
    nodes.iter().map(repeat).collect::<Result<_, _>>().map(Reopen::At)
}

/// `{"node_id": …, "feature": …, "reason": …}`: the reason is what the person reads.
fn repeat(node: &Value) -> Result<Repeat, Error> {
    const FIELD: &str = "nodes_to_resubmit";
    let node = node.as_object().ok_or_else(|| bad(FIELD, "Send a list of objects with node_id and feature."))?;
    let member = |name: &str| match node.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.trim()).filter(|text| !text.is_empty())),
        Some(_) => Err(bad(FIELD, "Send a list of objects with node_id and feature.")),
    };
    // What a questionnaire asks follows from its node alone.
    let feature = member("feature")?.filter(|name| *name != "QUESTIONNAIRE" || !node.contains_key("node_id"));
    let feature = feature.map(|name| Feature::named(name).ok_or_else(|| bad(FIELD, "This step can not be repeated.")));
    let (feature, id, reason) = (feature.transpose()?, member("node_id")?, member("reason")?);
    if feature.is_none() && id.is_none() {
        return Err(bad(FIELD, "Send a list of objects with node_id and feature."));
    }
    if reason.is_some_and(|reason| reason.chars().count() > REASON || reason.chars().any(char::is_control)) {
        return Err(bad(FIELD, "Ensure that each reason is one line of at most 500 characters."));
    }
    Ok(Repeat { node: id.map(str::to_owned), feature, reason: reason.map(str::to_owned) })
}

fn bad(field: &'static str, why: &str) -> Error {
    Error::Field { field, why: why.to_owned() }
}
