//! Sessions: made, decided, erased.

use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use base64ct::{Base64, Encoding as _};
use serde_json::{Map, Value, json};
use url::Url;
use warifu_keys::Secret;
use warifu_server::Now;
use warifu_server::extract::Json;

use super::{AnyId, Body, Client, Front, Id, Refusal, both, text};
use crate::kyc::session::{NewSession, ReferenceSource};
use crate::{Application, Error};

/// Largest body of a new session, in bytes: a portrait of 1 MB in base64, and the rest.
const SESSION: usize = 1536 * 1024;

/// The door for new sessions.
pub(super) fn creation() -> Router<Front> {
    both(Router::new(), "/v3/session", post(create).layer(DefaultBodyLimit::max(SESSION)))
}

/// All others.
pub(super) fn router() -> Router<Front> {
    let router = both(Router::new(), "/v3/session/{id}/decision", get(decision));
    both(router, "/v3/session/{id}/delete", delete(erase))
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

/// `GET /v3/session/{id}/decision/`.
async fn decision(State(front): State<Front>, Now(now): Now, AnyId(id): AnyId) -> Result<Response, Refusal> {
    Ok(Json(front.0.decision(id.0, now).await?).into_response())
}

/// `DELETE /v3/session/{id}/delete/`: erases everything about the person.
async fn erase(State(front): State<Front>, Now(now): Now, id: Id) -> Result<Response, Refusal> {
    front.0.erase_session(id.0, now).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
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
        reference: match text(body, "reference_source")? {
            None | Some("kept_face") => ReferenceSource::Kept,
            Some("presented_credential") => ReferenceSource::PresentedCredential,
            Some(_) => return Err(bad("reference_source", "Not a valid choice.")),
        },
        portrait_image: portrait.transpose().map_err(|_| bad("portrait_image", "Send a JPEG in base64."))?,
    })
}
