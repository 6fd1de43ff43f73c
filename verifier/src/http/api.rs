//! For the partner's own servers, by API key.
//!
//! `/v1` is our own and answers mistakes with problem documents; `/v3` mirrors another API and says them its way.

use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, FromRef, FromRequestParts, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};
use utoipa::ToSchema;
use utoipa_axum::router::{UtoipaMethodRouter, UtoipaMethodRouterExt as _};
use utoipa_axum::routes;
use uuid::Uuid;
use warifu_server::extract::{ApiKey, Json, Path};
use warifu_server::{Now, Problem};
use warifu_session::share;

use super::Doors;
use super::openapi::Detail;
use crate::Verifier;
use crate::import::{ImportError, ImportRequest, Session};
use crate::policy::QueryError;
use crate::request::{Created, NewRequest, RequestError};

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

/// What is asked of a wallet.
#[derive(ToSchema)]
#[schema(example = json!({ "policy": "identity", "purpose": "Opening an account" }))]
#[expect(dead_code, reason = "describes what is read from JSON")]
struct PresentationRequest {
    /// A named policy; the first one where neither policy nor query is given.
    #[schema(required = false)]
    policy: Option<String>,
    /// A DCQL query (OpenID4VP 1.0 section 6) in place of a policy.
    #[schema(required = false, value_type = Object)]
    dcql_query: Option<Value>,
    /// The formats in which it may be answered; all that the policy or query takes when absent.
    #[schema(required = false)]
    formats: Option<Vec<String>>,
    /// `true` for the default demand of a selfie, or the demand itself.
    #[schema(required = false)]
    selfie_reauth: Option<Value>,
    /// What the claims are for.
    #[schema(required = false)]
    purpose: Option<String>,
    /// Where the page leads back to, at one of the configured `return_origins`.
    #[schema(required = false)]
    return_url: Option<String>,
    /// The language of `page_url`: `en` or `ja`.
    #[schema(required = false)]
    language: Option<String>,
    /// The client identifier prefix to ask by, one of those configured: `x509_hash`, `x509_san_dns`,
    /// `decentralized_identifier`, `verifier_attestation` or `redirect_uri`. The first of them when absent.
    #[schema(required = false)]
    client_id_prefix: Option<String>,
    /// `direct_post.jwt` (when absent) or `direct_post`: the answer comes in the clear.
    #[schema(required = false)]
    response_mode: Option<String>,
    /// `get` (when absent) or `post`: how the link has the wallet fetch the request.
    #[schema(required = false)]
    request_uri_method: Option<String>,
}

/// How a request stands.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes what is written as JSON")]
struct RequestState {
    /// Identifier.
    request_id: String,
    /// The policy, where one was named.
    policy: Option<String>,
    /// What the claims are for.
    purpose: String,
    /// `waiting`, `opened`, `unconfirmed`, `accepted`, `refused`, `denied`, `failed` or `expired`. `unconfirmed`: every check
    /// of an answer by our page holds, and it counts once it is confirmed in the browser that began.
    #[schema(example = "accepted")]
    state: String,
    /// When it was made.
    created_at: jiff::Timestamp,
    /// When it ends.
    expires_at: jiff::Timestamp,
    /// Once it was answered: every check by its name.
    #[schema(required = false, value_type = Vec<Object>)]
    checks: Option<Vec<Value>>,
    /// Once it was answered: what was shown.
    #[schema(required = false, value_type = Vec<Object>)]
    presentations: Option<Vec<Value>>,
    /// The claims, where one credential was shown.
    #[schema(required = false, value_type = Object)]
    claims: Option<Value>,
    /// Its issuer, where one credential was shown.
    #[schema(required = false, value_type = Object)]
    issuer: Option<Value>,
    /// While it is `unconfirmed`, what is missing: `response_code` (the wallet's user comes back in the browser that began)
    /// or `confirmation_code` (they type there what the other device shows).
    #[schema(required = false)]
    awaits: Option<String>,
    /// Once it is `accepted`, what says that the answer belongs to the person in front of the page: `response_code`,
    /// `confirmation_code` or `dc_api`. `none` for an answer by `link`: you gave it out, so you have to know to whom.
    #[schema(required = false)]
    confirmed_by: Option<String>,
    /// Why it failed.
    #[schema(required = false)]
    reason: Option<String>,
}

/// A share to be taken in.
#[derive(ToSchema)]
#[schema(example = json!({ "share_token": "eyJhbGciOiJFQ0RILUVTIiwiZW5jIjoiQTI1NkdDTSJ9…", "trust_review": true, "vendor_data": "user-77" }))]
#[expect(dead_code, reason = "describes what is read from JSON")]
struct ShareImport {
    /// The token, as the issuer or the wallet made it.
    share_token: String,
    /// Whether the status of the source is taken over; the session starts in review otherwise.
    trust_review: bool,
    /// Your workflow; the only one there is when absent.
    #[schema(required = false)]
    workflow_id: Option<String>,
    /// Your own identifier of the person, at most 256 characters.
    #[schema(required = false, max_length = 256)]
    vendor_data: Option<String>,
}

/// An imported session: the decision of its source, cut to what was shared, with what is your own beside it.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes what is written as JSON")]
struct ImportedSession {
    /// Of an issuer's share: the decision.
    #[serde(flatten)]
    decision: Option<warifu_session::decision::Decision>,
    /// Pairwise name of the person towards you.
    user_pid: String,
    /// Who stands behind the data, by the trusted list.
    issuer: String,
    /// What the share was for.
    purpose: String,
    /// What it covers.
    scope: Vec<String>,
    /// Of a wallet's share: the claims.
    #[schema(required = false, value_type = Object)]
    claims: Option<Value>,
}

/// The door for shares, which takes a token and the rest of the body.
pub(super) fn import_door() -> UtoipaMethodRouter<Doors> {
    routes!(import).layer(DefaultBodyLimit::max(share::MAX_BYTES + 64 * 1024))
}

/// Makes a presentation request.
///
/// Show the person `page_url`, or `link` as a QR code; ask for the result by the identifier.
#[utoipa::path(
    post, path = "/v1/requests", tag = "requests", operation_id = "request_create",
    request_body = PresentationRequest, responses((status = 201, description = "The request.", body = Created))
)]
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

/// How a request stands, with every check once it was answered.
#[utoipa::path(
    get, path = "/v1/requests/{id}", tag = "requests", operation_id = "request_get",
    params(("id" = String, Path, description = "Identifier of the request.")),
    responses(
        (status = 200, description = "How it stands.", body = RequestState),
        (status = 404, description = "There is no such request.", body = Detail),
    )
)]
pub(super) async fn show(
    _: Partner,
    State(verifier): State<Arc<Verifier>>,
    Now(now): Now,
    Path(id): Path<String>,
) -> Result<Response, RequestError> {
    let record = verifier.request(&id, now).await?;
    Ok((NO_STORE, Json(record.public())).into_response())
}

/// Hands over the result of an accepted request, once.
///
/// Afterwards only the values that the policy keeps are still here; the verdict stays. Values that nobody collects are gone
/// after 15 minutes.
#[utoipa::path(
    post, path = "/v1/requests/{id}/result", tag = "requests", operation_id = "request_collect",
    params(("id" = String, Path, description = "Identifier of the request.")),
    responses(
        (status = 200, description = "The result with its values.", body = RequestState),
        (status = 404, description = "There is no such request.", body = Detail),
        (status = 409, description = "There is no result yet.", body = Detail),
        (status = 410, description = "It was collected before, or has waited for too long.", body = Detail),
    )
)]
pub(super) async fn collect(
    _: Partner,
    State(verifier): State<Arc<Verifier>>,
    Now(now): Now,
    Path(id): Path<String>,
) -> Result<Response, RequestError> {
    let record = verifier.collect(&id, now).await?;
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

/// Takes over a session that a person shared, once.
///
/// The token must be meant for you and fresh, its producer trusted, the consent valid.
#[utoipa::path(
    post, path = "/v3/session/import-shared/", tag = "imports", operation_id = "session_import_shared",
    request_body = ShareImport,
    responses(
        (status = 201, description = "The new session.", body = ImportedSession),
        (status = 401, description = "The token is no good, or has expired.", body = Detail),
        (status = 403, description = "The key is wrong, the share is for someone else, or it was imported before.", body = Detail),
        (status = 404, description = "The source is gone, or the workflow is none of yours.", body = Detail),
        (status = 503, description = "Too many imports at once. Try again.", body = Detail),
    )
)]
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

/// The decision of an imported session.
#[utoipa::path(
    get, path = "/v3/session/{id}/decision/", tag = "imports", operation_id = "session_decision",
    params(("id" = Uuid, Path, description = "Identifier of the session.")),
    responses(
        (status = 200, description = "The decision.", body = ImportedSession),
        (status = 404, description = "There is no such session.", body = Detail),
    )
)]
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
pub(super) fn import_request(value: Value) -> Result<ImportRequest, Refused> {
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
            Self::Query(QueryError::Unsupported { .. } | QueryError::Format | QueryError::NotAsked { .. }) => {
                (StatusCode::BAD_REQUEST, "unsupported_query")
            }
            Self::Purpose(_) => (StatusCode::BAD_REQUEST, "bad_purpose"),
            Self::Reauth(_) => (StatusCode::BAD_REQUEST, "bad_selfie_reauth"),
            Self::NotFound => (StatusCode::NOT_FOUND, "not_found"),
            Self::Expired => (StatusCode::GONE, "expired"),
            Self::OutOfTurn => (StatusCode::CONFLICT, "out_of_turn"),
            Self::Response(_) => (StatusCode::BAD_REQUEST, "bad_response"),
            Self::ClientIdPrefix(_) => (StatusCode::BAD_REQUEST, "unknown_client_id_prefix"),
            Self::ResponseMode(_) => (StatusCode::BAD_REQUEST, "unknown_response_mode"),
            Self::RequestUriMethod(_) => (StatusCode::BAD_REQUEST, "unknown_request_uri_method"),
            Self::Unregistered(_) => (StatusCode::BAD_REQUEST, "not_registered"),
            Self::RegistrationExpired { .. } => (StatusCode::CONFLICT, "registration_expired"),
            Self::Wallet(_) => (StatusCode::BAD_REQUEST, "wallet_metadata"),
            Self::ReturnUrl => (StatusCode::BAD_REQUEST, "bad_return_url"),
            Self::Language(_) => (StatusCode::BAD_REQUEST, "unknown_language"),
            Self::NotAnswered => (StatusCode::CONFLICT, "no_result"),
            Self::Collected => (StatusCode::GONE, "collected"),
            Self::ResponseCode => (StatusCode::FORBIDDEN, "wrong_response_code"),
            Self::ConfirmationCode { .. } => (StatusCode::FORBIDDEN, "wrong_confirmation_code"),
            Self::OtherBrowser => (StatusCode::FORBIDDEN, "other_browser"),
            Self::OtherOrigin => (StatusCode::FORBIDDEN, "other_origin"),
            Self::Protocols => (StatusCode::BAD_REQUEST, "unknown_protocols"),
            Self::Make(_) | Self::Store(_) => return Problem::internal(&self).into_response(),
        };
        Problem::new(status, code, self.to_string()).into_response()
    }
}
