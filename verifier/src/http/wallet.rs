//! For wallets: the request object by reference, and the place that takes the answer.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use warifu_server::Now;
use warifu_server::extract::{Json, Path};

use crate::Verifier;
use crate::exchange::Taken;
use crate::request::RequestError;

/// `GET /vp/{id}/request`: the signed request object, handed out once (OpenID4VP 1.0 section 5.10).
pub(super) async fn request_object(
    State(verifier): State<Arc<Verifier>>,
    Now(now): Now,
    Path(id): Path<String>,
) -> Result<Response, RequestError> {
    let object = verifier.hand_out(&id, now).await?;
    let headers = [(header::CONTENT_TYPE, "application/oauth-authz-req+jwt"), (header::CACHE_CONTROL, "no-store")];
    Ok((headers, object).into_response())
}

/// `POST /vp/{id}/response`: the wallet's answer, 200 also for a denial (OpenID4VP 1.0 section 8.2). Whatever is wrong
/// with an answer, the wallet learns `invalid_request` and the partner learns the check: nothing about the verification
/// leaks to whoever posts here.
pub(super) async fn response(
    State(verifier): State<Arc<Verifier>>,
    Now(now): Now,
    Path(id): Path<String>,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let body = match body {
        Ok(body) => body,
        Err(rejection) => return invalid_request(rejection.status()),
    };
    match verifier.take_answer(&id, &body, now).await {
        Ok(Taken::Accepted | Taken::Denied) => ([(header::CACHE_CONTROL, "no-store")], Json(json!({}))).into_response(),
        Ok(Taken::Refused) => invalid_request(StatusCode::BAD_REQUEST),
        Err(RequestError::NotFound) => invalid_request(StatusCode::NOT_FOUND),
        Err(error @ (RequestError::Store(_) | RequestError::Make(_))) => error.into_response(),
        Err(error) => {
            tracing::info!(%error, "a response was not taken");
            invalid_request(StatusCode::BAD_REQUEST)
        }
    }
}

fn invalid_request(status: StatusCode) -> Response {
    (status, [(header::CACHE_CONTROL, "no-store")], Json(json!({"error": "invalid_request"}))).into_response()
}
