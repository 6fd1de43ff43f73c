//! For wallets that show a credential: the request object by reference, and the place that takes the answer.

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::json;
use warifu_server::Now;
use warifu_server::extract::{Json, Path};

use super::{Front, api};
use crate::Error;

/// Largest answer, in bytes: one presentation of one claim.
const ANSWER: usize = 128 * 1024;

pub(super) fn router() -> Router<Front> {
    Router::new()
        .route("/presentation/{id}/request", get(request_object))
        .route("/presentation/{id}/response", post(response).layer(DefaultBodyLimit::max(ANSWER)))
}

/// `GET /presentation/{id}/request`: the signed request object, handed out once (OpenID4VP 1.0 section 5.10).
async fn request_object(State(front): State<Front>, Now(now): Now, Path(id): Path<String>) -> Response {
    match front.0.request_object(&id, now).await {
        Ok(object) => {
            let kind = (header::CONTENT_TYPE, "application/oauth-authz-req+jwt");
            ([kind, (header::CACHE_CONTROL, "no-store")], object).into_response()
        }
        Err(error) => refused(&error),
    }
}

/// `POST /presentation/{id}/response`: the wallet's answer, 200 also for a denial (OpenID4VP 1.0 section 8.2). What is wrong
/// with a credential the person reads on the page; whoever posts here learns `invalid_request`.
async fn response(
    State(front): State<Front>,
    Now(now): Now,
    Path(id): Path<String>,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let body = match body {
        Ok(body) => body,
        Err(rejection) => return invalid_request(rejection.status()),
    };
    match front.0.take_presentation(&id, &body, now).await {
        Ok(None | Some(crate::kyc::presented::Unusable::NotShown)) => {
            ([(header::CACHE_CONTROL, "no-store")], Json(json!({}))).into_response()
        }
        Ok(Some(_)) => invalid_request(StatusCode::BAD_REQUEST),
        Err(error) => refused(&error),
    }
}

fn refused(error: &Error) -> Response {
    let status = api::status(error);
    api::text_of(error, status);
    if status.is_server_error() {
        return (status, [(header::CACHE_CONTROL, "no-store")], Json(json!({ "error": "server_error" })))
            .into_response();
    }
    invalid_request(status)
}

fn invalid_request(status: StatusCode) -> Response {
    (status, [(header::CACHE_CONTROL, "no-store")], Json(json!({ "error": "invalid_request" }))).into_response()
}
