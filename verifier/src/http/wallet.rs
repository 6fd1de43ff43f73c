//! For wallets: the request object by reference, and the places that take answers.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::json;
use warifu_openid4vc::vp::response::ResponseAnswer;
use warifu_openid4vc::vp::wallet_metadata::RequestUriPost;
use warifu_server::extract::{Json, Path, Query};
use warifu_server::{Now, Problem};

use crate::Verifier;
use crate::exchange::Taken;
use crate::request::RequestError;

/// What stands in the links of a request beside its identifier.
#[derive(Debug, Deserialize)]
pub(super) struct Marks {
    /// The key of a partner's link.
    key: Option<String>,
    /// `device` in the link for the same device.
    on: Option<String>,
}

/// `GET /vp/{id}/request`: the signed request object, handed out once (OpenID4VP 1.0 section 5.10).
pub(super) async fn request_object(
    State(verifier): State<Arc<Verifier>>,
    Now(now): Now,
    Path(id): Path<String>,
    Query(marks): Query<Marks>,
) -> Result<Response, RequestError> {
    hand_out(&verifier, &id, &marks, None, now).await
}

/// `POST /vp/{id}/request`: the same for a wallet that says something about itself, which may have it encrypted.
pub(super) async fn request_object_for(
    State(verifier): State<Arc<Verifier>>,
    Now(now): Now,
    Path(id): Path<String>,
    Query(marks): Query<Marks>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Response> {
    let body =
        body.map_err(|rejection| Problem::new(rejection.status(), "bad_body", rejection.body_text()).into_response())?;
    let post = RequestUriPost::parse(&body).map_err(|error| RequestError::Wallet(error).into_response())?;
    hand_out(&verifier, &id, &marks, Some(&post), now).await.map_err(IntoResponse::into_response)
}

async fn hand_out(
    verifier: &Verifier,
    id: &str,
    marks: &Marks,
    post: Option<&RequestUriPost>,
    now: jiff::Timestamp,
) -> Result<Response, RequestError> {
    let object = verifier.hand_out(id, (marks.key.as_deref(), marks.on.as_deref()), post, now).await?;
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
    match body {
        Ok(body) => answered(verifier.take_answer(&id, &body, now).await),
        Err(rejection) => invalid_request(rejection.status()),
    }
}

/// `POST /vp/response`: answers to requests by value, whose client identifier is this address.
pub(super) async fn response_by_value(
    State(verifier): State<Arc<Verifier>>,
    Now(now): Now,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    match body {
        Ok(body) => answered(verifier.take_answer_by_value(&body, now).await),
        Err(rejection) => invalid_request(rejection.status()),
    }
}

fn answered(taken: Result<Taken, RequestError>) -> Response {
    match taken {
        Ok(Taken::Accepted { redirect_uri } | Taken::Denied { redirect_uri }) => {
            let answer = ResponseAnswer { redirect_uri }.respond();
            let headers = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")];
            (headers, answer.body).into_response()
        }
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
