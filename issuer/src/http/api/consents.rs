//! The consents of a session: what a client sees of them, and that one can be taken back through the client.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;
use warifu_server::Now;
use warifu_server::extract::{Json, Path};

use super::super::openapi::{Changed, Looked, SessionId};
use super::{Doors, Front, Id, Refusal, both};
use crate::{Consent, Error};

pub(super) fn doors() -> Doors {
    both(both(Doors::default(), routes!(list)), routes!(withdraw))
}

/// The consents of a session.
#[derive(Serialize, ToSchema)]
struct Consents {
    /// All of them, newest last.
    consents: Vec<Consent>,
}

/// The consents of a session, with their signed receipts.
#[utoipa::path(
    get, path = "/v3/session/{id}/consents/", tag = "sharing", operation_id = "consent_list", params(SessionId),
    responses((status = 200, description = "The consents.", body = Consents), Looked)
)]
async fn list(State(front): State<Front>, Now(now): Now, id: Id) -> Result<Response, Refusal> {
    Ok(Json(Consents { consents: front.0.consents(id.0, now).await? }).into_response())
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct ConsentPath {
    /// Identifier of the consent.
    consent: String,
}

/// Takes a consent back, for a client whom the person told.
#[utoipa::path(
    post, path = "/v3/session/{id}/consents/{consent}/withdraw/", tag = "sharing", operation_id = "consent_withdraw",
    params(SessionId, ConsentPath), responses((status = 200, description = "The consent as it is now.", body = Consent), Changed)
)]
async fn withdraw(
    State(front): State<Front>,
    Now(now): Now,
    id: Id,
    Path(path): Path<ConsentPath>,
) -> Result<Response, Refusal> {
    let consent = path.consent.parse().map_err(|_| Error::NoSuchConsent)?;
    Ok(Json(front.0.withdraw_consent_of(id.0, consent, now).await?).into_response())
}
