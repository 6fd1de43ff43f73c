//! For the partner's own servers, by API key.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use uuid::Uuid;
use warifu_server::extract::{ApiKey, Json, Path};
use warifu_server::{Now, Problem};

use crate::Verifier;
use crate::import::{ImportError, ImportRequest, Session};
use crate::request::{NewRequest, RequestError};

/// `{"detail": …}`, as the mirrored API says everything that went wrong.
fn detail(status: StatusCode, text: &str) -> Response {
    (status, [("cache-control", "no-store")], Json(json!({"detail": text}))).into_response()
}

/// The caller's key, or the answer of the mirrored API for a bad one.
fn admit(verifier: &Verifier, headers: &HeaderMap) -> Result<(), Box<Response>> {
    match ApiKey::from_headers(headers) {
        Some(key) if key.is(&verifier.config.api_key) => Ok(()),
        Some(_) | None => Err(Box::new(detail(
            StatusCode::FORBIDDEN,
            "You do not have permission to perform this action: the API key is missing or wrong.",
        ))),
    }
}

/// `POST /v1/requests`: makes a presentation request.
pub(super) async fn create(
    State(verifier): State<Arc<Verifier>>,
    Now(now): Now,
    headers: HeaderMap,
    Json(new): Json<NewRequest>,
) -> Response {
    if let Err(refusal) = admit(&verifier, &headers) {
        return *refusal;
    }
    match verifier.create_request(new, now).await {
        Ok(created) => (StatusCode::CREATED, [("cache-control", "no-store")], Json(created)).into_response(),
        Err(error) => error.into_response(),
    }
}

/// `GET /v1/requests/{id}`: how a request stands, with every check once it was answered.
pub(super) async fn show(
    State(verifier): State<Arc<Verifier>>,
    Now(now): Now,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Response {
    if let Err(refusal) = admit(&verifier, &headers) {
        return *refusal;
    }
    match verifier.request(&id, now).await {
        Ok(record) => ([("cache-control", "no-store")], Json(record.public())).into_response(),
        Err(error) => error.into_response(),
    }
}

/// `POST /v3/session/import-shared/`.
pub(super) async fn import(
    State(verifier): State<Arc<Verifier>>,
    Now(now): Now,
    headers: HeaderMap,
    body: Result<Json<Value>, Problem>,
) -> Response {
    if let Err(refusal) = admit(&verifier, &headers) {
        return *refusal;
    }
    let request = match body {
        Ok(Json(value)) => match import_request(value) {
            Ok(request) => request,
            Err(fields) => return (StatusCode::BAD_REQUEST, Json(fields)).into_response(),
        },
        Err(problem) => return detail(problem.status, &problem.detail),
    };
    match verifier.import(request, now).await {
        Ok(session) => (StatusCode::CREATED, [("cache-control", "no-store")], Json(imported(&session))).into_response(),
        Err(error) => {
            tracing::info!(code = error.code(), "an import was refused");
            error.into_response()
        }
    }
}

/// The body, or `{"field": ["what is wrong"]}` as the mirrored API answers.
fn import_request(value: Value) -> Result<ImportRequest, Value> {
    let Value::Object(map) = value else { return Err(json!({"non_field_errors": ["A JSON object is expected."]})) };
    let mut wrong = serde_json::Map::new();
    let mut text = |name: &str, required: bool| match map.get(name) {
        Some(Value::String(text)) if text.len() <= 2 * 1024 * 1024 => Some(text.clone()),
        None | Some(Value::Null) if !required => None,
        None | Some(Value::Null) => {
            wrong.insert(name.to_owned(), json!(["This field is required."]));
            None
        }
        Some(_) => {
            wrong.insert(name.to_owned(), json!(["Not a valid string."]));
            None
        }
    };
    let (share_token, workflow_id, vendor_data) =
        (text("share_token", true), text("workflow_id", false), text("vendor_data", false));
    let trust_review = match map.get("trust_review") {
        Some(Value::Bool(trust)) => *trust,
        None => {
            wrong.insert("trust_review".to_owned(), json!(["This field is required."]));
            false
        }
        Some(_) => {
            wrong.insert("trust_review".to_owned(), json!(["Must be a valid boolean."]));
            false
        }
    };
    if vendor_data.as_ref().is_some_and(|text| text.chars().count() > 256) {
        wrong.insert("vendor_data".to_owned(), json!(["Ensure this field has no more than 256 characters."]));
    }
    match share_token {
        Some(share_token) if wrong.is_empty() => {
            Ok(ImportRequest { share_token, trust_review, workflow_id, vendor_data })
        }
        Some(_) | None => Err(Value::Object(wrong)),
    }
}

/// `GET /v3/session/{id}/decision/` of an imported session.
pub(super) async fn decision(
    State(verifier): State<Arc<Verifier>>,
    headers: HeaderMap,
    Path(id): Path<Uuid>,
) -> Response {
    if let Err(refusal) = admit(&verifier, &headers) {
        return *refusal;
    }
    match verifier.sessions.load(&id).await {
        Ok(Some(loaded)) => Json(imported(&loaded.value)).into_response(),
        Ok(None) => detail(StatusCode::NOT_FOUND, "Not found."),
        Err(error) => Problem::internal(&error).into_response(),
    }
}

/// An imported session in the words of the mirrored API, with what is our own beside it.
fn imported(session: &Session) -> Value {
    let mut value = session.decision.as_ref().map_or_else(|| json!({}), |decision| json!(decision));
    if let (Some(members), Value::Object(own)) = (value.as_object_mut(), json!(session)) {
        members.extend(own.into_iter().filter(|(name, _)| name != "decision"));
    }
    value
}

impl IntoResponse for ImportError {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        if let Self::Store(cause) = &self {
            tracing::error!(%cause, "an import could not be stored");
            return detail(status, "The import could not be stored.");
        }
        detail(status, &self.to_string())
    }
}

impl IntoResponse for RequestError {
    fn into_response(self) -> Response {
        let (status, code) = match &self {
            Self::UnknownPolicy(_) => (StatusCode::BAD_REQUEST, "unknown_policy"),
            Self::Query(_) => (StatusCode::BAD_REQUEST, "bad_query"),
            Self::Purpose => (StatusCode::BAD_REQUEST, "bad_purpose"),
            Self::Reauth(_) => (StatusCode::BAD_REQUEST, "bad_selfie_reauth"),
            Self::NotFound => (StatusCode::NOT_FOUND, "not_found"),
            Self::Expired => (StatusCode::GONE, "expired"),
            Self::OutOfTurn => (StatusCode::CONFLICT, "out_of_turn"),
            Self::Response(_) => (StatusCode::BAD_REQUEST, "bad_response"),
            Self::Make(_) | Self::Store(_) => return Problem::internal(&self).into_response(),
        };
        Problem::new(status, code, self.to_string()).into_response()
    }
}
