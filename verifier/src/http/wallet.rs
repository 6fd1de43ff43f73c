//! For wallets: the request object by reference, and the place that takes the answer.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use warifu_server::Now;
use warifu_server::extract::{Json, Path};

use crate::Verifier;
use crate::request::RequestError;

/// `GET /vp/{id}/request`: the signed request object, handed out once (OpenID4VP 1.0 section 5.10).
pub(super) async fn request_object(
    State(verifier): State<Arc<Verifier>>,
    Now(now): Now,
    Path(id): Path<String>,
) -> Response {
    match verifier.hand_out(&id, now).await {
        Ok(object) => {
            let headers =
                [(header::CONTENT_TYPE, "application/oauth-authz-req+jwt"), (header::CACHE_CONTROL, "no-store")];
            (headers, object).into_response()
        }
        Err(error) => error.into_response(),
    }
}

/// `POST /vp/{id}/response`: the wallet's answer. Whatever is wrong with it, the wallet learns `invalid_request` and the
/// partner learns the check; nothing about the verification leaks to whoever posts here.
pub(super) async fn response(
    State(verifier): State<Arc<Verifier>>,
    Now(now): Now,
    Path(id): Path<String>,
    body: Bytes,
) -> Response {
    let no_store = [(header::CACHE_CONTROL, "no-store")];
    match verifier.take_answer(&id, &body, now).await {
        Ok(accepted) if accepted.is_accepted() => (no_store, Json(json!({}))).into_response(),
        Ok(_) => (StatusCode::BAD_REQUEST, no_store, Json(json!({"error": "invalid_request"}))).into_response(),
        Err(RequestError::NotFound) => {
            (StatusCode::NOT_FOUND, no_store, Json(json!({"error": "invalid_request"}))).into_response()
        }
        Err(error @ (RequestError::Store(_) | RequestError::Make(_))) => error.into_response(),
        Err(_) => (StatusCode::BAD_REQUEST, no_store, Json(json!({"error": "invalid_request"}))).into_response(),
    }
}
