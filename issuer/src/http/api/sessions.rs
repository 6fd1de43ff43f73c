//! Sessions: made, decided, erased.

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use base64ct::{Base64, Encoding as _};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use url::Url;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::UtoipaMethodRouterExt as _;
use utoipa_axum::routes;
use uuid::Uuid;
use warifu_keys::Secret;
use warifu_server::Now;
use warifu_server::extract::{Json, Query};
use warifu_session::Status;
use warifu_session::decision::SessionKind;
use warifu_session::webhook::singular;

use super::super::openapi::{Changed, Detail, Looked, SessionId, bodies};
use super::{AnyId, Body, Client, Doors, Front, Id, Refusal, both, text};
use crate::billing::Cost;
use crate::kyc::decision::Explained;
use crate::kyc::expected::{contact_details, expected_details};
use crate::kyc::review::Activity;
use crate::kyc::scenario::Scenario;
use crate::kyc::session::{CallbackMethod, NewSession, ReferenceSource};
use crate::kyc::workflow::Kind;
use crate::{Application, Error};

/// Largest body of a new session, in bytes: a portrait of 1 MB in base64, and the rest.
const SESSION: usize = 1536 * 1024;

/// Most sessions that are erased at once.
const MANY: usize = 1_000;

/// The door for new sessions.
pub(super) fn creation() -> Doors {
    both(Doors::default(), routes!(create).layer(DefaultBodyLimit::max(SESSION)))
}

pub(super) fn reads() -> Doors {
    both(Doors::default(), routes!(decision))
}

pub(super) fn changes() -> Doors {
    both(both(Doors::default(), routes!(erase)), routes!(erase_many))
}

/// A session that was made, or given back.
#[derive(Serialize, ToSchema)]
struct CreatedSession {
    /// Identifier.
    session_id: Uuid,
    /// Running number inside the application.
    #[schema(example = 101)]
    session_number: u64,
    /// Person or company.
    session_kind: SessionKind,
    /// What the link of the person is made with. Whoever has it can take the session over.
    #[schema(example = "aB3xQ9zK7m2p")]
    session_token: String,
    /// Where to send the person.
    #[schema(example = "https://issuer.example/en/session/aB3xQ9zK7m2p")]
    url: String,
    /// Your own identifier of the person.
    #[schema(example = "user-1042")]
    vendor_data: Option<String>,
    /// Your own data.
    metadata: Option<Value>,
    /// Status word.
    status: Status,
    /// Where the person is sent at the end.
    callback: Option<Url>,
    /// The workflow.
    workflow_id: Uuid,
    /// Its version, which the session keeps.
    #[schema(example = 3)]
    workflow_version: u32,
    /// `first_verification` or `biometric_authentication`.
    #[schema(value_type = String, example = "first_verification")]
    workflow_type: Kind,
}

/// A decision, with what `?include=events` adds. `?version=v2` gives each feature as one object under its older name instead.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes what is written as JSON")]
struct DecisionAnswer {
    #[serde(flatten)]
    decision: Explained,
    /// With `include=events`: what the audit log knows of the session.
    #[schema(required = false)]
    events: Option<Vec<Value>>,
    /// With `include=events`: what reviewers did.
    #[schema(required = false)]
    activity_reviews: Option<Vec<Activity>>,
    /// With `include=events`: what of the session is on a blocklist.
    #[schema(required = false)]
    blocklisted: Option<Blocklisted>,
    /// With `include=events`: what the session costs.
    #[schema(required = false)]
    cost_breakdown: Option<Cost>,
}

/// What of a session is on a blocklist.
#[derive(Serialize, ToSchema)]
struct Blocklisted {
    /// Its face.
    face: bool,
}

/// What was erased.
#[derive(Serialize, ToSchema)]
struct ErasedSession {
    /// The session.
    session_id: Uuid,
    /// Its running number.
    session_number: u64,
    /// `deleted`, or `nothing_kept`.
    #[schema(example = "deleted")]
    face_retention_outcome: &'static str,
    /// Always `null`: no face outlives its session.
    biometric_template_uuid: Option<Uuid>,
}

/// How many sessions were erased.
#[derive(Serialize, ToSchema)]
struct ErasedSessions {
    /// In this call.
    deleted: usize,
    /// Whether `delete_all` has to be asked again.
    more: bool,
}

/// Makes a session, or gives back the unfinished one of the same person.
///
/// The same `vendor_data` with an unfinished session on the same version of the workflow gives that session again, with the new
/// callback and metadata.
#[utoipa::path(
    post, path = "/v3/session/", tag = "sessions", operation_id = "session_create", request_body = bodies::NewSession,
    responses((status = 201, description = "The session; send the person to `url`.", body = CreatedSession))
)]
async fn create(State(front): State<Front>, client: Client, Now(now): Now, body: Body) -> Result<Response, Refusal> {
    let created = front.0.create_session(new_session(client.0, &body?.0)?, now).await?;
    let session = created.session;
    let answer = CreatedSession {
        session_id: session.id,
        session_number: session.number,
        session_kind: SessionKind::User,
        session_token: created.token,
        url: created.url,
        vendor_data: session.vendor_data,
        metadata: session.metadata,
        status: session.status,
        callback: session.callback,
        workflow_id: session.workflow.id,
        workflow_version: session.workflow.version,
        workflow_type: session.workflow.kind,
    };
    Ok((StatusCode::CREATED, Json(answer)).into_response())
}

#[derive(Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
struct Asked {
    /// `events` adds what happened.
    include: Option<String>,
    /// `v2` gives the older shape.
    version: Option<String>,
}

/// The decision of a session, as far as it is.
///
/// Every feature is an array with one item for each node of the workflow, and `null` until data exists. What nobody has is 404
/// before the key is looked at.
#[utoipa::path(
    get, path = "/v3/session/{id}/decision/", tag = "sessions", operation_id = "session_decision",
    params(SessionId, Asked), responses((status = 200, description = "The decision.", body = DecisionAnswer), Looked)
)]
async fn decision(
    State(front): State<Front>,
    Now(now): Now,
    AnyId(id): AnyId,
    Query(asked): Query<Asked>,
) -> Result<Response, Refusal> {
    let mut decision = json!(front.0.decision(id.0, now).await?);
    if asked.include.as_deref().is_some_and(|parts| parts.split(',').any(|part| part.trim() == "events")) {
        decision["events"] = json!(front.0.events(id.0).await?);
        decision["activity_reviews"] = json!(front.0.activity(id.0).await?);
        decision["blocklisted"] = json!(Blocklisted { face: front.0.is_blocked(id.0).await? });
        decision["cost_breakdown"] = json!(front.0.cost(id.0).await?);
    }
    Ok(Json(if asked.version.as_deref() == Some("v2") { singular(decision) } else { decision }).into_response())
}

/// Erases everything about the person.
///
/// The record without the person, issued share tokens and entries of the blocklist stay. 409 under a legal hold.
#[utoipa::path(
    delete, path = "/v3/session/{id}/delete/", tag = "sessions", operation_id = "session_delete", params(SessionId),
    request_body = Option<bodies::Deletion>, responses((status = 200, description = "It is erased.", body = ErasedSession), Changed)
)]
async fn erase(State(front): State<Front>, Now(now): Now, id: Id, body: Bytes) -> Result<Response, Refusal> {
    check_deletion(&body)?;
    let erased = front.0.erase_session(id.0, now).await?;
    let answer = ErasedSession {
        session_id: id.0,
        session_number: erased.number,
        face_retention_outcome: if erased.had_face { "deleted" } else { "nothing_kept" },
        biometric_template_uuid: None,
    };
    Ok(Json(answer).into_response())
}

/// Refuses instructions that could not be followed, rather than erasing more or less than was asked for.
fn check_deletion(body: &[u8]) -> Result<(), Error> {
    let bad = |field, why: &str| Err(Error::Field { field, why: why.to_owned() });
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(());
    }
    let Ok(Value::Object(body)) = serde_json::from_slice::<Value>(body) else {
        return bad("detail", "Send a JSON object, or no body.");
    };
    match body.get("retain_face_embeddings") {
        None | Some(Value::Null | Value::Bool(false)) => {}
        Some(_) => return bad("retain_face_embeddings", "Faces are not kept beyond their session here."),
    }
    match body.get("face_retention_days") {
        None | Some(Value::Null) => {}
        Some(days) if days.as_i64().is_some_and(|days| (1..=3650).contains(&days)) => {}
        Some(_) => return bad("face_retention_days", "Ensure this value is between 1 and 3650."),
    }
    match text(&body, "deletion_instruction")? {
        None | Some("operational_session_delete" | "privacy_erasure") => Ok(()),
        Some(_) => bad("deletion_instruction", "Must be one of operational_session_delete, privacy_erasure."),
    }
}

/// Erases the sessions of some numbers, or all of them.
///
/// At most 1000 in one call; `more` says that there are more.
#[utoipa::path(
    post, path = "/v3/sessions/delete/", tag = "sessions", operation_id = "session_delete_many",
    request_body = bodies::Deletions,
    responses((status = 200, description = "They are erased.", body = ErasedSessions), (status = 409, description = "One of them is under a legal hold.", body = Detail))
)]
async fn erase_many(
    State(front): State<Front>,
    client: Client,
    Now(now): Now,
    body: Body,
) -> Result<Response, Refusal> {
    let body = body?.0;
    let application = client.0.id;
    let wrong = || Error::Field { field: "session_numbers", why: "Send a list of at most 1000 numbers.".to_owned() };
    let (ids, all) = match (body.get("session_numbers"), body.get("delete_all")) {
        (None | Some(Value::Null), Some(Value::Bool(true))) => (front.0.some_sessions(application, MANY).await?, true),
        (Some(Value::Array(numbers)), None | Some(Value::Null | Value::Bool(false))) if numbers.len() <= MANY => {
            let numbers: Option<Vec<u64>> = numbers.iter().map(Value::as_u64).collect();
            (front.0.numbered(application, &numbers.ok_or_else(wrong)?).await?, false)
        }
        _ => return Err(wrong().into()),
    };
    for id in &ids {
        front.0.erase_session(*id, now).await?;
    }
    // So many at once; whoever wants all gone asks until there are no more.
    let more = all && ids.len() == MANY;
    Ok(Json(ErasedSessions { deleted: ids.len(), more }).into_response())
}

fn new_session(application: Application, body: &Map<String, Value>) -> Result<NewSession, Error> {
    let bad = |field, why: &str| Error::Field { field, why: why.to_owned() };
    let workflow = text(body, "workflow_id")?.map(str::parse).transpose();
    let portrait = text(body, "portrait_image")?.map(|text| {
        // Some clients send the address that a browser makes of a picture.
        let text = text.strip_prefix("data:image/jpeg;base64,").unwrap_or(text);
        Base64::decode_vec(text).map(Secret::new)
    });
    let callback = text(body, "callback")?.map(Url::parse).transpose();
    Ok(NewSession {
        application: Some(application),
        workflow: workflow.map_err(|_| bad("workflow_id", "Must be a valid UUID."))?,
        vendor_data: text(body, "vendor_data")?.map(str::to_owned),
        metadata: body.get("metadata").filter(|value| !value.is_null()).cloned(),
        callback: callback.map_err(|_| bad("callback", "Enter a valid URL."))?,
        language: text(body, "language")?.map(str::to_owned),
        callback_method: match text(body, "callback_method")? {
            None | Some("initiator") => CallbackMethod::Initiator,
            Some("completer") => CallbackMethod::Completer,
            Some("both") => CallbackMethod::Both,
            Some(_) => return Err(bad("callback_method", "Must be one of initiator, completer, both.")),
        },
        contact: contact_details(body.get("contact_details"))?,
        expected: expected_details(body.get("expected_details"))?,
        scenario: text(body, "sandbox_scenario")?.map(Scenario::named).transpose()?,
        reference: match text(body, "reference_source")? {
            None | Some("kept_face") => ReferenceSource::Kept,
            Some("presented_credential") => ReferenceSource::PresentedCredential,
            Some(_) => return Err(bad("reference_source", "Not a valid choice.")),
        },
        portrait_image: portrait.transpose().map_err(|_| bad("portrait_image", "Send a JPEG in base64."))?,
    })
}
