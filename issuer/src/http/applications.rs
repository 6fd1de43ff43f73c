//! The operator's door to the applications. Their keys open the session API; the operator's key opens nothing else than
//! this.

use axum::Router;
use axum::extract::{FromRequestParts, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, patch, post};
use serde_json::{Value, json};
use uuid::Uuid;
use warifu_server::Now;
use warifu_server::extract::{ApiKey, Json, Path};

use super::Front;
use super::api::{Body, Refusal, both, text};
use crate::application::NewKey;
use crate::embed::NotAnOrigin;
use crate::kyc::workflow::Environment;
use crate::{Application, Error};

/// Header of the operator's key.
const OPERATOR_KEY: &str = "x-operator-key";

pub(super) fn router() -> Router<Front> {
    let router = both(Router::new(), "/v3/applications", get(list).post(create));
    let router = both(router, "/v3/applications/{id}", patch(change));
    let router = both(router, "/v3/applications/{id}/rotate", post(rotate));
    both(router, "/v3/applications/{id}/revoke", post(revoke))
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

/// `POST /v3/applications/`: `{"name": …, "environment": "live" | "sandbox"}` makes an application and shows its key once.
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

/// `GET /v3/applications/`: all of them, oldest first, without their keys.
async fn list(State(front): State<Front>, _: Operator) -> Result<Response, Refusal> {
    let all = front.0.applications().all().await?;
    let results: Vec<Value> = all.iter().map(row).collect();
    Ok(Json(json!({ "count": results.len(), "next": null, "previous": null, "results": results })).into_response())
}

/// `PATCH /v3/applications/{id}/`: `{"embed_origins": ["https://bank.example"]}` says whose pages may embed its sessions.
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

/// `POST /v3/applications/{id}/rotate/`: a fresh key in place of the one before.
async fn rotate(
    State(front): State<Front>,
    _: Operator,
    Now(now): Now,
    Path(id): Path<Uuid>,
) -> Result<Response, Refusal> {
    let made = front.0.applications().rotate(id, front.0.entropy(), now).await?;
    Ok(Json(shown(&made)).into_response())
}

/// `POST /v3/applications/{id}/revoke/`: takes the key away.
async fn revoke(
    State(front): State<Front>,
    _: Operator,
    Now(now): Now,
    Path(id): Path<Uuid>,
) -> Result<Response, Refusal> {
    Ok(Json(row(&front.0.applications().revoke(id, now).await?)).into_response())
}

fn shown(made: &NewKey) -> Value {
    let mut shown = row(&made.application);
    shown["api_key"] = made.key.as_str().into();
    shown
}

fn row(application: &Application) -> Value {
    json!({
        "application_id": application.id,
        "name": application.name,
        "environment": application.environment,
        "created_at": application.created_at,
        "embed_origins": application.embed_origins,
        "has_key": application.has_key(),
    })
}
