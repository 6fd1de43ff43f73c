//! Sessions: made, decided, erased.

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use base64ct::{Base64, Encoding as _};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use url::Url;
use warifu_keys::Secret;
use warifu_server::Now;
use warifu_server::extract::{Json, Query};

use super::{AnyId, Body, Client, Front, Id, Refusal, both, text};
use crate::kyc::expected::{contact_details, expected_details};
use crate::kyc::scenario::Scenario;
use crate::kyc::session::{CallbackMethod, NewSession, ReferenceSource};
use crate::{Application, Error};

/// Largest body of a new session, in bytes: a portrait of 1 MB in base64, and the rest.
const SESSION: usize = 1536 * 1024;

/// Most sessions that are erased at once.
const MANY: usize = 1_000;

/// The door for new sessions.
pub(super) fn creation() -> Router<Front> {
    both(Router::new(), "/v3/session", post(create).layer(DefaultBodyLimit::max(SESSION)))
}

pub(super) fn reads() -> Router<Front> {
    both(Router::new(), "/v3/session/{id}/decision", get(decision))
}

pub(super) fn changes() -> Router<Front> {
    let router = both(Router::new(), "/v3/session/{id}/delete", delete(erase));
    both(router, "/v3/sessions/delete", post(erase_many))
}

/// `POST /v3/session/`: a new session, or the unfinished one of the same `vendor_data`.
async fn create(State(front): State<Front>, client: Client, Now(now): Now, body: Body) -> Result<Response, Refusal> {
    let created = front.0.create_session(new_session(client.0, &body?.0)?, now).await?;
    let session = created.session;
    let answer = json!({
        "session_id": session.id,
        "session_number": session.number,
        "session_kind": "user",
        "session_token": created.token,
        "url": created.url,
        "vendor_data": session.vendor_data,
        "metadata": session.metadata,
        "status": session.status,
        "callback": session.callback,
        "workflow_id": session.workflow.id,
        "workflow_version": session.workflow.version,
        "workflow_type": session.workflow.kind,
    });
    Ok((StatusCode::CREATED, Json(answer)).into_response())
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Asked {
    include: Option<String>,
    version: Option<String>,
}

/// `GET /v3/session/{id}/decision/`; `?include=events` adds what happened, `?version=v2` gives the older shape.
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
        decision["blocklisted"] = json!({ "face": front.0.is_blocked(id.0).await? });
        decision["cost_breakdown"] = json!(front.0.cost(id.0).await?);
    }
    Ok(Json(if asked.version.as_deref() == Some("v2") { singular(decision) } else { decision }).into_response())
}

/// The shape before version 3: one object for each feature, under its older name, in place of an array.
fn singular(mut decision: Value) -> Value {
    const NAMES: &[(&str, &str)] = &[
        ("id_verifications", "id_verification"),
        ("nfc_verifications", "nfc"),
        ("liveness_checks", "liveness"),
        ("face_matches", "face_match"),
        ("ip_analyses", "ip_analysis"),
        ("aml_screenings", "aml"),
        ("phone_verifications", "phone"),
        ("email_verifications", "email"),
        ("poa_verifications", "poa"),
        ("database_validations", "database_validation"),
        ("questionnaire_responses", "questionnaire"),
    ];
    if let Some(members) = decision.as_object_mut() {
        for (plural, singular) in NAMES {
            if let Some(items) = members.remove(*plural) {
                members.insert((*singular).to_owned(), items.get(0).cloned().unwrap_or_default());
            }
        }
    }
    decision
}

/// `DELETE /v3/session/{id}/delete/`: erases everything about the person. Faces are never kept beyond that.
async fn erase(State(front): State<Front>, Now(now): Now, id: Id, body: Bytes) -> Result<Response, Refusal> {
    check_deletion(&body)?;
    let erased = front.0.erase_session(id.0, now).await?;
    let answer = json!({
        "session_id": id.0,
        "session_number": erased.number,
        "face_retention_outcome": if erased.had_face { "deleted" } else { "nothing_kept" },
        "biometric_template_uuid": null,
    });
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

/// `POST /v3/sessions/delete/`: erases the sessions of some numbers, or all of them.
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
    Ok(Json(json!({ "deleted": ids.len(), "more": more })).into_response())
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
