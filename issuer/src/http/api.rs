//! The v3 session API for clients: existing integrations know it. Paths are taken with and without the last slash.

use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRequestParts, RawPathParams, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, delete, get, post};
use base64ct::{Base64, Encoding as _};
use serde_json::{Map, Value, json};
use url::Url;
use uuid::Uuid;
use warifu_keys::Secret;
use warifu_server::extract::{ApiKey, Json};
use warifu_server::{Now, Problem};
use warifu_session::share::{Life, Scope};

use super::Front;
use crate::kyc::session::NewSession;
use crate::{Application, Error, ShareRequest};

/// Largest body of a new session, in bytes: a portrait of 1 MB in base64, and the rest.
const SESSION: usize = 1536 * 1024;

/// The door for new sessions.
pub(super) fn sessions() -> Router<Front> {
    both(Router::new(), "/v3/session", post(create).layer(DefaultBodyLimit::max(SESSION)))
}

/// All others.
pub(super) fn router() -> Router<Front> {
    let router = both(Router::new(), "/v3/session/{id}/decision", get(decision));
    let router = both(router, "/v3/session/{id}/share", post(share));
    let router = both(router, "/v3/session/{id}/offer", post(offer));
    let router = both(router, "/v3/session/{id}/revoke", post(revoke));
    let router = both(router, "/v3/session/{id}/suspend", post(suspend));
    let router = both(router, "/v3/session/{id}/reinstate", post(reinstate));
    both(router, "/v3/session/{id}/delete", delete(erase))
}

pub(super) fn both(router: Router<Front>, path: &str, method: MethodRouter<Front>) -> Router<Front> {
    router.route(path, method.clone()).route(&format!("{path}/"), method)
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

/// `POST /v3/session/{id}/offer/`: a credential offer for an approved session.
async fn offer(State(front): State<Front>, Now(now): Now, id: Id) -> Result<Response, Refusal> {
    Ok(Json(front.0.offer(id.0, now).await?).into_response())
}

/// `POST /v3/session/{id}/share/`: a share token for a partner.
async fn share(
    State(front): State<Front>,
    Now(now): Now,
    id: Result<Id, Refusal>,
    body: Body,
) -> Result<Response, Response> {
    let id = id.map_err(|refusal| match refusal {
        // The one endpoint that answers 401 to a bad key.
        Refusal::Service(Error::ApiKey) => answer(StatusCode::UNAUTHORIZED, &Error::ApiKey.to_string()),
        other => other.into_response(),
    })?;
    let body = body.map_err(IntoResponse::into_response)?;
    let request = share_request(&body.0).map_err(|error| Refusal::Service(error).into_response())?;
    let shared = front.0.share(id.0, request, now).await.map_err(|error| Refusal::Service(error).into_response())?;
    let mut answer = json!(shared);
    if let Some(application) = body.0.get("for_application_id") {
        answer["for_application_id"] = application.clone();
    }
    Ok(Json(answer).into_response())
}

/// `POST /v3/session/{id}/revoke/`: revokes the credentials of a session, for good.
async fn revoke(State(front): State<Front>, Now(now): Now, id: Id, body: Body) -> Result<Response, Refusal> {
    let revoked = front.0.revoke(id.0, &reason(body), now).await?;
    Ok(Json(json!({ "session_id": id.0, "revoked": revoked })).into_response())
}

/// `POST /v3/session/{id}/suspend/`: suspends the credentials of a session until they are reinstated or revoked.
async fn suspend(State(front): State<Front>, Now(now): Now, id: Id, body: Body) -> Result<Response, Refusal> {
    let suspended = front.0.suspend(id.0, &reason(body), now).await?;
    Ok(Json(json!({ "session_id": id.0, "suspended": suspended })).into_response())
}

/// `POST /v3/session/{id}/reinstate/`: makes the suspended credentials of a session valid again.
async fn reinstate(State(front): State<Front>, Now(now): Now, id: Id, body: Body) -> Result<Response, Refusal> {
    let reinstated = front.0.reinstate(id.0, &reason(body), now).await?;
    Ok(Json(json!({ "session_id": id.0, "reinstated": reinstated })).into_response())
}

/// The reason is a courtesy: a call without body does the same.
fn reason(body: Body) -> String {
    let reason = body.ok().and_then(|body| body.0.get("reason").and_then(Value::as_str).map(str::to_owned));
    reason.unwrap_or_else(|| "not said".to_owned())
}

/// `DELETE /v3/session/{id}/delete/`: erases everything about the person.
async fn erase(State(front): State<Front>, Now(now): Now, id: Id) -> Result<Response, Refusal> {
    front.0.erase_session(id.0, now).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
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
        portrait_image: portrait.transpose().map_err(|_| bad("portrait_image", "Send a JPEG in base64."))?,
    })
}

/// All spellings of the share request; the first that is present wins.
fn share_request(body: &Map<String, Value>) -> Result<ShareRequest, Error> {
    let bad = |field, why: &str| Error::Field { field, why: why.to_owned() };
    let first = |names: &[&'static str]| names.iter().copied().find(|name| body.contains_key(*name));
    let audience = match first(&["audience", "for_application_id", "partner_client_id"]) {
        Some(name) => text(body, name)?,
        None => None,
    };
    let audience = audience.ok_or_else(|| bad("audience", "This field is required."))?;
    let life = match first(&["expires_in", "ttl_in_seconds"]) {
        Some(name) => {
            let seconds = body.get(name).and_then(Value::as_i64);
            let range = || bad(name, "Ensure this value is between 60 and 86400.");
            Life::from_seconds(seconds.ok_or_else(range)?).map_err(|_| range())?
        }
        None if body.contains_key("for_application_id") && !body.contains_key("audience") => Life::HOUR,
        None => Life::default(),
    };
    Ok(ShareRequest {
        audience: audience.to_owned(),
        life,
        purpose: text(body, "purpose")?.map(str::to_owned),
        scope: body.get("scope").filter(|value| !value.is_null()).map(scope).transpose()?,
    })
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
            _ => status(&error),
        };
        answer(status, &text_of(&error, status))
    }
}

/// The status that belongs to an error, at the API and on the pages.
pub(super) fn status(error: &Error) -> StatusCode {
    match error {
        Error::NoSuchSession
        | Error::NoSuchApplication
        | Error::NoSuchOffer
        | Error::NoSuchList
        | Error::NotInHistory
        | Error::NoSuchWorkflow => StatusCode::NOT_FOUND,
        Error::Field { .. }
        | Error::OutOfTurn(_)
        | Error::NotDecided(_)
        | Error::NotApproved(_)
        | Error::NoReference
        | Error::OtherModel
        | Error::NoFace
        | Error::NoIdentity
        | Error::SandboxSession => StatusCode::BAD_REQUEST,
        Error::Over(_) | Error::Erased | Error::Revoked => StatusCode::GONE,
        Error::TooManyTries => StatusCode::TOO_MANY_REQUESTS,
        Error::ApiKey | Error::OperatorKey | Error::NoConsent(_) | Error::Audience { .. } => StatusCode::FORBIDDEN,
        Error::Consent(_) => StatusCode::BAD_REQUEST,
        Error::Share(error) => StatusCode::from_u16(error.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
        Error::Busy | Error::Suspended | Error::NotSuspendable => StatusCode::CONFLICT,
        // Draft-ietf-oauth-status-list-20 section 8.4.
        Error::NoHistory => StatusCode::NOT_IMPLEMENTED,
        Error::Setting(_)
        | Error::Models(_)
        | Error::Store(_)
        | Error::Vault(_)
        | Error::Mint(_)
        | Error::Template(_)
        | Error::Status(_)
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
