//! What is made of a decided session: credentials and shares.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;
use utoipa_axum::routes;
use uuid::Uuid;
use warifu_server::Now;
use warifu_server::extract::Json;
use warifu_session::share::Life;

use super::super::openapi::bodies::{Reason, ShareBody};
use super::super::openapi::{Changed, Detail, SessionId};
use super::{Body, Doors, Front, Id, Refusal, answer, both, scope, text};
use crate::kyc::share::Shared;
use crate::vci::Offered;
use crate::{Error, ShareRequest};

pub(super) fn doors() -> Doors {
    let doors = both(Doors::default(), routes!(share));
    let doors = both(doors, routes!(offer));
    let doors = both(doors, routes!(revoke));
    let doors = both(doors, routes!(suspend));
    both(doors, routes!(reinstate))
}

/// A credential offer for an approved session.
///
/// Each call makes a new offer; the one before opens nothing any more. 400 where the session has nothing to offer.
#[utoipa::path(
    post, path = "/v3/session/{id}/offer/", tag = "credentials", operation_id = "credential_offer", params(SessionId),
    responses((status = 200, description = "The offer.", body = Offered),
    (status = 400, description = "The session is not approved, or there is no credential for it.", body = Detail), Changed)
)]
async fn offer(State(front): State<Front>, Now(now): Now, id: Id) -> Result<Response, Refusal> {
    Ok(Json(front.0.offer(id.0, now).await?).into_response())
}

/// A share token of a finished session, for a partner.
///
/// The person must have consented to audience, purpose and scope. `session_kind` is `kyc` where the request says `audience`;
/// `for_application_id` is given back where it was sent.
#[utoipa::path(
    post, path = "/v3/session/{id}/share/", tag = "sharing", operation_id = "session_share", params(SessionId),
    request_body = ShareBody,
    responses((status = 200, description = "The token.", body = Shared),
    (status = 401, description = "The key is missing or wrong: the one operation that does not say 403.", body = Detail),
    (status = 403, description = "No consent covers this, it was taken back, or the audience may not receive.", body = Detail), Changed)
)]
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
    // Whoever names an `audience` knows a person's session by this older word.
    if body.0.contains_key("audience") {
        answer["session_kind"] = json!("kyc");
    }
    if let Some(application) = body.0.get("for_application_id") {
        answer["for_application_id"] = application.clone();
    }
    Ok(Json(answer).into_response())
}

/// Revokes the credentials of a session, for good.
#[utoipa::path(
    post, path = "/v3/session/{id}/revoke/", tag = "credentials", operation_id = "credential_revoke", params(SessionId),
    request_body = Option<Reason>, responses((status = 200, description = "They are revoked.", body = Revoked), Changed)
)]
async fn revoke(State(front): State<Front>, Now(now): Now, id: Id, body: Body) -> Result<Response, Refusal> {
    let revoked = front.0.revoke(id.0, &reason(body), now).await?;
    Ok(Json(Revoked { session_id: id.0, revoked }).into_response())
}

/// Suspends the credentials of a session until they are reinstated or revoked.
#[utoipa::path(
    post, path = "/v3/session/{id}/suspend/", tag = "credentials", operation_id = "credential_suspend", params(SessionId),
    request_body = Option<Reason>, responses((status = 200, description = "They are suspended.", body = Suspended), Changed)
)]
async fn suspend(State(front): State<Front>, Now(now): Now, id: Id, body: Body) -> Result<Response, Refusal> {
    let suspended = front.0.suspend(id.0, &reason(body), now).await?;
    Ok(Json(Suspended { session_id: id.0, suspended }).into_response())
}

/// Makes the suspended credentials of a session valid again.
#[utoipa::path(
    post, path = "/v3/session/{id}/reinstate/", tag = "credentials", operation_id = "credential_reinstate", params(SessionId),
    request_body = Option<Reason>, responses((status = 200, description = "They are valid.", body = Reinstated), Changed)
)]
async fn reinstate(State(front): State<Front>, Now(now): Now, id: Id, body: Body) -> Result<Response, Refusal> {
    let reinstated = front.0.reinstate(id.0, &reason(body), now).await?;
    Ok(Json(Reinstated { session_id: id.0, reinstated }).into_response())
}

/// How many credentials were revoked.
#[derive(Serialize, ToSchema)]
struct Revoked {
    /// The session.
    session_id: Uuid,
    /// Those that were not revoked before.
    revoked: usize,
}

/// How many credentials were suspended.
#[derive(Serialize, ToSchema)]
struct Suspended {
    /// The session.
    session_id: Uuid,
    /// Those that were valid before.
    suspended: usize,
}

/// How many credentials are valid again.
#[derive(Serialize, ToSchema)]
struct Reinstated {
    /// The session.
    session_id: Uuid,
    /// Those that were suspended before.
    reinstated: usize,
}

/// The reason is a courtesy: a call without body does the same.
fn reason(body: Body) -> String {
    let reason = body.ok().and_then(|body| body.0.get("reason").and_then(Value::as_str).map(str::to_owned));
    reason.unwrap_or_else(|| "not said".to_owned())
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
