//! The operator's door to the applications. Their keys open the session API; the operator's key opens nothing else than
//! this.

use axum::extract::{FromRequestParts, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::routes;
use uuid::Uuid;
use warifu_server::Now;
use warifu_server::extract::{ApiKey, Json, Path};

use super::Front;
use super::api::{Body, Refusal, text};
use super::openapi::{Doors, Found, OneId, bodies, both};
use crate::application::NewKey;
use crate::embed::{EmbedOrigin, NotAnOrigin};
use crate::kyc::workflow::Environment;
use crate::{Application, Error};

/// Header of the operator's key.
const OPERATOR_KEY: &str = "x-operator-key";

pub(super) fn doors() -> Doors {
    let doors = both(Doors::default(), routes!(list, create));
    let doors = both(doors, routes!(change));
    let doors = both(doors, routes!(rotate));
    both(doors, routes!(revoke))
}

/// An application.
#[derive(Serialize, ToSchema)]
#[schema(as = Application)]
struct Row {
    /// Identifier.
    application_id: Uuid,
    /// Name for people.
    #[schema(example = "Bank A")]
    name: String,
    /// Real people or specimens.
    environment: Environment,
    /// When it was made.
    created_at: Timestamp,
    /// Whose pages may embed its sessions.
    #[schema(value_type = Vec<String>, example = json!(["https://bank.example"]))]
    embed_origins: Vec<EmbedOrigin>,
    /// Whether it has a key.
    has_key: bool,
}

/// An application with its new key.
#[derive(Serialize, ToSchema)]
struct ApplicationWithKey {
    #[serde(flatten)]
    application: Row,
    /// The key. It is shown this once: only its hash is kept.
    api_key: String,
}

/// The applications.
#[derive(Serialize, ToSchema)]
struct ApplicationList {
    /// How many there are.
    count: usize,
    /// Always `null`: this is all of them.
    next: Option<String>,
    /// Always `null`.
    previous: Option<String>,
    /// Oldest first.
    results: Vec<Row>,
}

/// Whoever holds the operator's key.
pub(super) struct Operator;

impl FromRequestParts<Front> for Operator {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, front: &Front) -> Result<Self, Refusal> {
        let key = ApiKey::from_header(&parts.headers, OPERATOR_KEY);
        let kept = front.0.config().operator_key;
        match key.zip(kept) {
            Some((key, kept)) if key.is(&kept) => Ok(Self),
            Some(_) | None => Err(Error::OperatorKey.into()),
        }
    }
}

/// Makes an application, and shows its key once.
#[utoipa::path(
    post, path = "/v3/applications/", tag = "applications", operation_id = "application_create", security(("operator_key" = [])),
    request_body = bodies::NewApplication, responses((status = 201, description = "The application.", body = ApplicationWithKey))
)]
async fn create(State(front): State<Front>, _: Operator, Now(now): Now, body: Body) -> Result<Response, Refusal> {
    let body = body?.0;
    let required = || Error::Field { field: "name", why: "This field is required.".to_owned() };
    let name = text(&body, "name")?.ok_or_else(required)?;
    let environment = match text(&body, "environment")? {
        None | Some("live") => Environment::Live,
        Some("sandbox") => Environment::Sandbox,
        Some(_) => {
            let why = "Must be one of live, sandbox.".to_owned();
            return Err(Error::Field { field: "environment", why }.into());
        }
    };
    let made = front.0.applications().create(name, environment, front.0.entropy(), now).await?;
    Ok((StatusCode::CREATED, Json(shown(&made))).into_response())
}

/// Lists the applications, without their keys.
#[utoipa::path(
    get, path = "/v3/applications/", tag = "applications", operation_id = "application_list", security(("operator_key" = [])),
    responses((status = 200, description = "The applications.", body = ApplicationList))
)]
async fn list(State(front): State<Front>, _: Operator) -> Result<Response, Refusal> {
    let all = front.0.applications().all().await?;
    let results: Vec<Row> = all.iter().map(row).collect();
    Ok(Json(ApplicationList { count: results.len(), next: None, previous: None, results }).into_response())
}

/// Says whose pages may embed the sessions of an application.
#[utoipa::path(
    patch, path = "/v3/applications/{id}/", tag = "applications", operation_id = "application_update", security(("operator_key" = [])),
    params(OneId), request_body = bodies::Embedding,
    responses((status = 200, description = "The application.", body = Row), Found)
)]
async fn change(
    State(front): State<Front>,
    _: Operator,
    Now(now): Now,
    Path(id): Path<Uuid>,
    body: Body,
) -> Result<Response, Refusal> {
    let bad = |why: String| Error::Field { field: "embed_origins", why };
    let body = body?.0;
    let origins =
        body.get("embed_origins").and_then(Value::as_array).ok_or_else(|| bad("Send a list of origins.".into()))?;
    let origin = |origin: &Value| {
        let parsed = origin.as_str().unwrap_or_default().parse();
        parsed.map_err(|error: NotAnOrigin| bad(error.to_string()))
    };
    let origins = origins.iter().map(origin).collect::<Result<_, _>>()?;
    Ok(Json(row(&front.0.applications().embed(id, origins, now).await?)).into_response())
}

/// Gives an application a fresh key in place of the one before.
#[utoipa::path(
    post, path = "/v3/applications/{id}/rotate/", tag = "applications", operation_id = "application_rotate", security(("operator_key" = [])),
    params(OneId), responses((status = 200, description = "The application with its key.", body = ApplicationWithKey), Found)
)]
async fn rotate(
    State(front): State<Front>,
    _: Operator,
    Now(now): Now,
    Path(id): Path<Uuid>,
) -> Result<Response, Refusal> {
    let made = front.0.applications().rotate(id, front.0.entropy(), now).await?;
    Ok(Json(shown(&made)).into_response())
}

/// Takes the key of an application away.
#[utoipa::path(
    post, path = "/v3/applications/{id}/revoke/", tag = "applications", operation_id = "application_revoke", security(("operator_key" = [])),
    params(OneId), responses((status = 200, description = "The application.", body = Row), Found)
)]
async fn revoke(
    State(front): State<Front>,
    _: Operator,
    Now(now): Now,
    Path(id): Path<Uuid>,
) -> Result<Response, Refusal> {
    Ok(Json(row(&front.0.applications().revoke(id, now).await?)).into_response())
}

fn shown(made: &NewKey) -> ApplicationWithKey {
    ApplicationWithKey { application: row(&made.application), api_key: made.key.as_str().to_owned() }
}

fn row(application: &Application) -> Row {
    Row {
        application_id: application.id,
        name: application.name.clone(),
        environment: application.environment,
        created_at: application.created_at,
        embed_origins: application.embed_origins.clone(),
        has_key: application.has_key(),
    }
}
