//! The Digital Credentials API for the page of a request: what the page's script fetches and posts.

use std::sync::{Arc, LazyLock};

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::json;
use warifu_keys::{base64url, sha256};
use warifu_openid4vc::vp::dc_api::Protocol;
use warifu_openid4vc::vp::dc_api::verifier::RequestData;
use warifu_server::assets::asset;
use warifu_server::extract::{Json, Path};
use warifu_server::text::Lang;
use warifu_server::{Now, Problem};

use super::cookie::Cookies;
use crate::Verifier;
use crate::request::RequestError;

/// Where the script of the page lies.
pub(super) const SCRIPT_PATH: &str = "/scripts/digital-credential.js";
const SCRIPT: &str = include_str!("../../assets/digital-credential.js");
/// Changes with the script.
static MARK: LazyLock<String> = LazyLock::new(|| base64url::encode(&sha256(SCRIPT.as_bytes())[..9]));

/// The address of the script; browsers may keep what lies there.
pub(super) fn script_address() -> String {
    format!("{SCRIPT_PATH}?{}", *MARK)
}

/// `GET /scripts/digital-credential.js`.
pub(super) async fn script(headers: HeaderMap, RawQuery(query): RawQuery) -> Response {
    asset("text/javascript; charset=utf-8", SCRIPT, &MARK, &headers, query.as_deref())
}

#[derive(Debug, Deserialize)]
pub(super) struct Begin {
    /// The exchange protocols that the browser lets through, in the order of preference.
    protocols: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Begun {
    requests: Vec<RequestData>,
}

/// `POST /request/{id}/digital`: the data for `navigator.credentials.get`. Protocols that are not known are passed over.
pub(super) async fn begin(
    State(verifier): State<Arc<Verifier>>,
    Now(now): Now,
    Path(id): Path<String>,
    cookies: Cookies,
    Json(Begin { protocols }): Json<Begin>,
) -> Result<Response, RequestError> {
    let mut known: Vec<Protocol> = Vec::new();
    for protocol in protocols.iter().filter_map(|name| Protocol::from_name(name)) {
        if !known.contains(&protocol) {
            known.push(protocol);
        }
    }
    let requests = verifier.begin_digital(&id, cookies.transaction(&id).as_ref(), &known, now).await?;
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(Begun { requests })).into_response())
}

/// `POST /request/{id}/digital/response`: what the browser gave. The page learns where to go on, and nothing of the checks.
pub(super) async fn response(
    State(verifier): State<Arc<Verifier>>,
    Now(now): Now,
    Path(id): Path<String>,
    cookies: Cookies,
    lang: Lang,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Response> {
    let body =
        body.map_err(|rejection| Problem::new(rejection.status(), "bad_body", rejection.body_text()).into_response())?;
    let origin = headers.get(header::ORIGIN).and_then(|origin| origin.to_str().ok());
    let taken = verifier.take_digital(&id, cookies.transaction(&id).as_ref(), origin, &body, now).await;
    match taken {
        Ok(()) => {
            let next = json!({ "next": format!("/{lang}/request/{id}") });
            Ok(([(header::CACHE_CONTROL, "no-store")], Json(next)).into_response())
        }
        Err(RequestError::Response(error)) => {
            tracing::info!(error, "a response was not taken");
            Err(RequestError::Response("it is no answer to this request".to_owned()).into_response())
        }
        Err(error) => Err(error.into_response()),
    }
}
