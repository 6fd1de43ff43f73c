//! For the partner's own servers, by API key.
//!
//! `/v1` is our own and answers mistakes with problem documents; `/v3` mirrors another API and says them its way.

use std::sync::Arc;

use axum::extract::{FromRef, FromRequestParts, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};
use uuid::Uuid;
use warifu_server::extract::{ApiKey, Json, Path};
use warifu_server::{Now, Problem};

use crate::Verifier;
use crate::import::{ImportError, ImportRequest, Session};
use crate::policy::QueryError;
use crate::request::{NewRequest, RequestError};

/// A caller who showed the partner's API key. Stands before the body in every handler, so that nobody else's is read.
pub(super) struct Partner;

impl<S: Send + Sync> FromRequestParts<S> for Partner
where
    Arc<Verifier>: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let verifier = Arc::<Verifier>::from_ref(state);
        match ApiKey::from_headers(&parts.headers) {
            Some(key) if key.is(&verifier.config.api_key) => Ok(Self),
            Some(_) | None => Err(Problem::new(
                StatusCode::FORBIDDEN,
                "api_key",
                "You do not have permission to perform this action: the API key is missing or wrong.",
            )),
        }
    }
}

const NO_STORE: [(&str, &str); 1] = [("cache-control", "no-store")];

/// `POST /v1/requests`: makes a presentation request.
pub(super) async fn create(
    _: Partner,
    State(verifier): State<Arc<Verifier>>,
    Now(now): Now,
    Json(members): Json<Map<String, Value>>,
) -> Result<Response, Response> {
    // By way of an object, because serde would also read a struct from an array.
    let new: NewRequest = serde_json::from_value(Value::Object(members))
        .map_err(|error| Problem::bad_request("bad_json", error.to_string()).into_response())?;
    let created = verifier.create_request(new, now).await.map_err(IntoResponse::into_response)?;
    Ok((StatusCode::CREATED, NO_STORE, Json(created)).into_response())
}

/// `GET /v1/requests/{id}`: how a request stands, with every check once it was answered.
pub(super) async fn show(
    _: Partner,
    State(verifier): State<Arc<Verifier>>,
    Now(now): Now,
    Path(id): Path<String>,
) -> Result<Response, RequestError> {
    let record = verifier.request(&id, now).await?;
    Ok((NO_STORE, Json(record.public())).into_response())
}

/// A refusal in the words of the mirrored API: `{"detail": …}`, or `{"field": ["…"]}` for a body.
pub(super) struct Refused(StatusCode, Value);

impl Refused {
    fn detail(status: StatusCode, text: &str) -> Self {
        Self(status, json!({"detail": text}))
    }

    pub(super) fn field(status: StatusCode, name: &str, text: &str) -> Self {
        Self(status, json!({ (name): [text] }))
    }
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        Self::detail(problem.status, &problem.detail)
    }
}

impl From<ImportError> for Refused {
    fn from(error: ImportError) -> Self {
        tracing::info!(code = error.code(), "an import was refused");
        let status = StatusCode::from_u16(error.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        if let ImportError::Store(cause) = &error {
            tracing::error!(%cause, "an import could not be stored");
        }
        Self::detail(status, &error.to_string())
    }
}

impl From<warifu_store::Error> for Refused {
    fn from(error: warifu_store::Error) -> Self {
        Problem::internal(&error).into()
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        (self.0, NO_STORE, Json(self.1)).into_response()
    }
}

/// `POST /v3/session/import-shared/`.
pub(super) async fn import(
    partner: Result<Partner, Problem>,
    State(verifier): State<Arc<Verifier>>,
    Now(now): Now,
    body: Result<Json<Value>, Problem>,
) -> Result<Response, Refused> {
    partner?;
    let Json(body) = body?;
    let session = verifier.import(import_request(body)?, now).await?;
    Ok((StatusCode::CREATED, NO_STORE, Json(imported(&session))).into_response())
}

/// `GET /v3/session/{id}/decision/` of an imported session.
pub(super) async fn decision(
    partner: Result<Partner, Problem>,
    State(verifier): State<Arc<Verifier>>,
    Path(id): Path<String>,
) -> Result<Response, Refused> {
    partner?;
    let not_found = || Refused::detail(StatusCode::NOT_FOUND, "Not found.");
    let id: Uuid = id.parse().map_err(|_| not_found())?;
    let session = verifier.sessions.load(&id).await?.ok_or_else(not_found)?;
    Ok((NO_STORE, Json(imported(&session.value))).into_response())
}

/// The body, every member of it judged.
fn import_request(value: Value) -> Result<ImportRequest, Refused> {
    let refuse = |fields| Err(Refused(StatusCode::BAD_REQUEST, fields));
    let Value::Object(map) = value else {
        return refuse(json!({"non_field_errors": ["A JSON object is expected."]}));
    };
    let mut wrong = Map::new();
    let mut text = |name: &str, required: bool| match map.get(name) {
        Some(Value::String(text)) if required && text.trim().is_empty() => {
            wrong.insert(name.to_owned(), json!(["This field may not be blank."]));
            None
        }
        Some(Value::String(text)) => Some(text.clone()),
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
        None | Some(Value::Null) => {
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
        Some(_) | None => refuse(Value::Object(wrong)),
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

impl IntoResponse for RequestError {
    fn into_response(self) -> Response {
        let (status, code) = match &self {
            Self::UnknownPolicy(_) => (StatusCode::BAD_REQUEST, "unknown_policy"),
            Self::PolicyAndQuery => (StatusCode::BAD_REQUEST, "policy_and_query"),
            Self::Query(QueryError::Dcql(_)) => (StatusCode::BAD_REQUEST, "bad_query"),
            Self::Query(QueryError::Unsupported { .. } | QueryError::Format) => {
                (StatusCode::BAD_REQUEST, "unsupported_query")
            }
            Self::Purpose(_) => (StatusCode::BAD_REQUEST, "bad_purpose"),
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
