//! Changes of the list, for whoever holds the administrator's token (`authorization: Bearer …` or `x-api-key`).
//!
//! One token is one pair of eyes: approval by a second administrator is not built yet.

use axum::extract::{FromRequestParts, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use warifu_server::extract::{ApiKey, Json, Path, Query};
use warifu_server::{Now, Problem};
use warifu_store::audit::Sealed;
use warifu_trust::{ServiceStatus, ServiceType, TrustedEntity, lote};

use super::App;
use crate::{Actor, Error, Issue};

/// Proof that the request carried the token.
pub(super) struct Administrator;

impl FromRequestParts<App> for Administrator {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let presented = ApiKey::from_request_parts(parts, app).await?;
        match &app.registry.config().admin {
            Some(kept) if presented.is(kept) => Ok(Self),
            Some(_) => {
                Err(Problem::new(StatusCode::UNAUTHORIZED, "api_key_wrong", "this token is not the administrator's"))
            }
            None => Err(Problem::new(
                StatusCode::FORBIDDEN,
                "no_administrator",
                "this registry has no administrator's token",
            )),
        }
    }
}

impl Administrator {
    fn because(&self, reason: &str) -> Actor {
        Actor::administrator("token", reason)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Admission {
    party: lote::TrustedEntity,
    reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StatusChange {
    /// All services of the party when absent.
    #[serde(default)]
    service: Option<String>,
    status: String,
    reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Publication {
    reason: String,
}

#[derive(Deserialize)]
pub(super) struct From {
    #[serde(default)]
    from: u64,
}

/// The list that shows the change.
#[derive(Serialize)]
pub(super) struct Published {
    sequence: u64,
    issued: Timestamp,
    next_update: Timestamp,
}

impl std::convert::From<Issue> for Published {
    fn from(issue: Issue) -> Self {
        Self { sequence: issue.sequence, issued: issue.issued, next_update: issue.next_update }
    }
}

/// `POST /admin/parties`: admits a party, given as it will stand in the list.
pub(super) async fn admit(
    administrator: Administrator,
    State(app): State<App>,
    Now(now): Now,
    Json(admission): Json<Admission>,
) -> Result<(StatusCode, Json<Published>), Error> {
    let entity = TrustedEntity::from_wire(&admission.party)?;
    let issue = app.registry.admit(&entity, &administrator.because(&admission.reason), now).await?;
    Ok((StatusCode::CREATED, Json(issue.into())))
}

/// `POST /admin/parties/{id}/status`: grants, suspends or withdraws one service or all.
pub(super) async fn set_status(
    administrator: Administrator,
    State(app): State<App>,
    Now(now): Now,
    Path(id): Path<String>,
    Json(change): Json<StatusChange>,
) -> Result<Json<Published>, Problem> {
    let service = change.service.as_deref().map(service_named).transpose()?;
    let status = status_named(&change.status)?;
    let by = administrator.because(&change.reason);
    Ok(Json(app.registry.set_status(&id, service, status, &by, now).await?.into()))
}

/// `POST /admin/publish`: a new list with the same parties.
pub(super) async fn publish(
    administrator: Administrator,
    State(app): State<App>,
    Now(now): Now,
    Json(publication): Json<Publication>,
) -> Result<Json<Published>, Error> {
    Ok(Json(app.registry.publish(&administrator.because(&publication.reason), now).await?.into()))
}

/// `GET /admin/audit?from=N`: up to 200 entries from that number on.
pub(super) async fn audit(
    _: Administrator,
    State(app): State<App>,
    Query(From { from }): Query<From>,
) -> Result<Json<Vec<Sealed>>, Error> {
    Ok(Json(app.registry.audit(from).await?))
}

/// The service of this word, as forms and requests write it.
pub(super) fn service_named(word: &str) -> Result<ServiceType, Problem> {
    ServiceType::from_word(word).ok_or_else(|| {
        let known: Vec<_> = ServiceType::ALL.iter().map(|service| service.word()).collect();
        Problem::bad_request("bad_service", format!("name one of these services: {}", known.join(", ")))
    })
}

fn status_named(word: &str) -> Result<ServiceStatus, Problem> {
    ServiceStatus::ALL.into_iter().find(|status| status.word() == word).ok_or_else(|| {
        let known: Vec<_> = ServiceStatus::ALL.iter().map(|status| status.word()).collect();
        Problem::bad_request("bad_status", format!("name one of these statuses: {}", known.join(", ")))
    })
}
