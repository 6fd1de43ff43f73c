//! What is made of a decided session: credentials and shares.

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde_json::{Map, Value, json};
use warifu_server::Now;
use warifu_server::extract::Json;
use warifu_session::share::Life;

use super::{Body, Front, Id, Refusal, answer, both, scope, text};
use crate::{Error, ShareRequest};

pub(super) fn router() -> Router<Front> {
    let router = both(Router::new(), "/v3/session/{id}/share", post(share));
    let router = both(router, "/v3/session/{id}/offer", post(offer));
    let router = both(router, "/v3/session/{id}/revoke", post(revoke));
    let router = both(router, "/v3/session/{id}/suspend", post(suspend));
    both(router, "/v3/session/{id}/reinstate", post(reinstate))
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
    // Whoever names an `audience` knows a person's session by this older word.
    if body.0.contains_key("audience") {
        answer["session_kind"] = json!("kyc");
    }
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
