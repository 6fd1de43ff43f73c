//! The v3 session API for clients: existing integrations know it. Paths are taken with and without the last slash.

use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};
use uuid::Uuid;
use warifu_server::Problem;
use warifu_server::extract::{ApiKey, Json};
use warifu_session::share::Scope;

use super::Front;
use super::openapi::{Doors, both};
use crate::{Application, Error};

mod billing;
mod consents;
mod credential;
mod explain;
mod list;
mod retention;
mod review;
mod sessions;

/// The door for new sessions.
pub(super) fn creation() -> Doors {
    sessions::creation()
}

/// The doors that change something.
pub(super) fn changes() -> Doors {
    sessions::changes()
        .merge(credential::doors())
        .merge(review::changes())
        .merge(consents::doors())
        .merge(retention::doors())
}

/// The door for corrections.
pub(super) fn corrections() -> Doors {
    review::corrections()
}

/// All others: they only read.
pub(super) fn reads() -> Doors {
    sessions::reads().merge(list::doors()).merge(review::reads()).merge(explain::doors()).merge(billing::doors())
}

/// The application whose API key the request carries.
pub(super) struct Client(pub(super) Application);

impl FromRequestParts<Front> for Client {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, front: &Front) -> Result<Self, Refusal> {
        let key = ApiKey::from_headers(&parts.headers).ok_or(Refusal::Service(Error::ApiKey))?;
        front.0.application_of(&key).await?.map(Self).ok_or(Refusal::Service(Error::ApiKey))
    }
}

pub(super) type Body = Result<Object, Refusal>;

/// A JSON object.
pub(super) struct Object(pub(super) Map<String, Value>);

impl axum::extract::FromRequest<Front> for Object {
    type Rejection = Refusal;

    async fn from_request(request: axum::extract::Request, front: &Front) -> Result<Self, Refusal> {
        match Json::<Value>::from_request(request, front).await {
            Ok(Json(Value::Object(object))) => Ok(Self(object)),
            Ok(_) => Err(Refusal::Request(Problem::bad_request("bad_json", "send a JSON object"))),
            Err(problem) => Err(Refusal::Request(problem)),
        }
    }
}

/// The session in the path, which is the caller's own. A text that is no UUID names no session, and neither does one of
/// another application.
pub(super) struct Id(pub(super) Uuid);

impl FromRequestParts<Front> for Id {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, front: &Front) -> Result<Self, Refusal> {
        let Client(application) = Client::from_request_parts(parts, front).await?;
        let id = named(parts, front).await?;
        front.0.check_owner(application.id, id).await?;
        Ok(Self(id))
    }
}

/// As [`Id`], but what nobody has is 404 before the key is looked at: clients of the decision rely on it.
struct AnyId(Id);

impl FromRequestParts<Front> for AnyId {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, front: &Front) -> Result<Self, Refusal> {
        let id = named(parts, front).await?;
        if front.0.sessions().load(&id).await.map_err(Error::from)?.is_none() {
            return Err(Error::NoSuchSession.into());
        }
        Id::from_request_parts(parts, front).await.map(Self)
    }
}

async fn named(parts: &mut Parts, front: &Front) -> Result<Uuid, Refusal> {
    let path = RawPathParams::from_request_parts(parts, front).await.map_err(|_| Error::NoSuchSession)?;
    let id = path.iter().find(|(name, _)| *name == "id").and_then(|(_, text)| text.parse().ok());
    id.ok_or(Refusal::Service(Error::NoSuchSession))
}

/// A text member that may be absent, null or empty.
pub(super) fn text<'a>(body: &'a Map<String, Value>, field: &'static str) -> Result<Option<&'a str>, Error> {
    match body.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.as_str()).filter(|text| !text.is_empty())),
        Some(_) => Err(Error::Field { field, why: "Not a valid string.".to_owned() }),
    }
}

/// A list of scope words.
pub(super) fn scope(value: &Value) -> Result<Vec<Scope>, Error> {
    let bad = |why: &str| Error::Field { field: "scope", why: why.to_owned() };
    let words = value.as_array().filter(|words| !words.is_empty()).ok_or_else(|| bad("Expected a list of items."))?;
    let word = |word: &Value| word.as_str().and_then(|word| word.parse().ok());
    words.iter().map(|item| word(item).ok_or_else(|| bad("Not a valid choice."))).collect()
}

/// An error in the dialect of the v3 API.
pub(super) enum Refusal {
    /// What the service refused.
    Service(Error),
    /// What could not be read.
    Request(Problem),
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Service(error)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let error = match self {
            Self::Service(error) => error,
            Self::Request(problem) => return answer(problem.status, &problem.detail),
        };
        let status = match &error {
            Error::Field { field, why } => {
                return (StatusCode::BAD_REQUEST, Json(json!({ *field: [why] }))).into_response();
            }
            Error::NoSuchWorkflow => {
                return (StatusCode::BAD_REQUEST, Json(json!({ "workflow_id": [error.to_string()] }))).into_response();
            }
            Error::Workflow(refused) => return super::workflows::refusal(refused),
            _ => status(&error),
        };
        answer(status, &text_of(&error, status))
    }
}

/// The status that belongs to an error, at the API and on the pages.
pub(super) fn status(error: &Error) -> StatusCode {
    match error {
        Error::NoSuchSession
        | Error::NoSuchConsent
        | Error::NoSuchApplication
        | Error::NoSuchDestination
        | Error::NoSuchDelivery
        | Error::NoSuchOffer
        | Error::NoSuchRequest
        | Error::NoSuchList
        | Error::NotInHistory
        | Error::NoSuchWorkflow => StatusCode::NOT_FOUND,
        Error::Field { .. }
        | Error::Workflow(_)
        | Error::OutOfTurn(_)
        | Error::NotDecided(_)
        | Error::NotApproved(_)
        | Error::NoReference
        | Error::NoAccessCertificate
        | Error::Unreadable
        | Error::OtherModel
        | Error::NoFace
        | Error::NoIdentity
        | Error::Transition(_)
        | Error::ApprovedByReviewer
        | Error::SandboxSession => StatusCode::BAD_REQUEST,
        Error::Over(_) | Error::Erased | Error::Revoked => StatusCode::GONE,
        Error::TooManyTries => StatusCode::TOO_MANY_REQUESTS,
        Error::ApiKey
        | Error::NoReport(_)
        | Error::OperatorKey
        | Error::NoConsent(_)
        | Error::ConsentWithdrawn { .. }
        | Error::Audience { .. } => StatusCode::FORBIDDEN,
        Error::Consent(_) => StatusCode::BAD_REQUEST,
        Error::Share(error) => StatusCode::from_u16(error.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
        Error::Busy | Error::OnHold { .. } | Error::Suspended | Error::NotSuspendable => StatusCode::CONFLICT,
        // Draft-ietf-oauth-status-list-20 section 8.4.
        Error::NoHistory => StatusCode::NOT_IMPLEMENTED,
        Error::Setting(_)
        | Error::Models(_)
        | Error::Store(_)
        | Error::Vault(_)
        | Error::Mint(_)
        | Error::Template(_)
        | Error::Status(_)
        | Error::Asking(_)
        | Error::Task(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// What the caller may read of an error. Inner causes go to the log.
pub(super) fn text_of(error: &Error, status: StatusCode) -> String {
    if status.is_server_error() {
        tracing::error!(%error, "internal error");
        "Something failed on our side. Try again.".to_owned()
    } else {
        error.to_string()
    }
}

pub(super) fn answer(status: StatusCode, detail: &str) -> Response {
    (status, Json(json!({ "detail": detail }))).into_response()
}
