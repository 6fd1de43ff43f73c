//! OpenID4VCI 1.0 for wallets, and the type metadata of the credential.

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::Serialize;
use warifu_openid4vc::oauth::{Endpoint, OAuthError};
use warifu_schemas::json_ld::KYC_CONTEXT_PATH;
use warifu_schemas::kyc::VCT_PATH;
use warifu_server::extract::{Json, Path};
use warifu_server::{Now, Problem};

use super::{Front, api};
use crate::Error;

/// The token endpoint.
pub(super) fn tokens() -> Router<Front> {
    Router::new().route("/token", post(token))
}

/// All other doors.
pub(super) fn router() -> Router<Front> {
    Router::new()
        .route("/.well-known/openid-credential-issuer", get(issuer_metadata))
        .route("/.well-known/oauth-authorization-server", get(server_metadata))
        .route("/offer/{id}", get(offer))
        .route("/nonce", post(nonce))
        .route("/credential", post(credential))
        .route(VCT_PATH, get(type_metadata))
        .route(KYC_CONTEXT_PATH, get(context))
}

async fn issuer_metadata(State(front): State<Front>) -> Response {
    kept(&front.0.metadata.issuer)
}

async fn server_metadata(State(front): State<Front>) -> Response {
    kept(&front.0.metadata.server)
}

async fn type_metadata(State(front): State<Front>) -> Response {
    kept(&warifu_schemas::type_metadata(&warifu_schemas::kyc::PROFILE, &front.0.config().address(VCT_PATH)))
}

/// The JSON-LD context of W3C credentials; a JSON-LD processor on any page may read it.
async fn context(State(front): State<Front>) -> Response {
    let described = [
        (header::CONTENT_TYPE, "application/ld+json"),
        (header::CACHE_CONTROL, "public, max-age=300"),
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
    ];
    (described, front.0.kyc_context().to_string()).into_response()
}

/// Public documents that change with the program only.
fn kept(document: &impl Serialize) -> Response {
    ([(header::CACHE_CONTROL, "public, max-age=300")], Json(document)).into_response()
}

/// `GET /offer/{id}`: the offer behind a reference.
async fn offer(State(front): State<Front>, Now(now): Now, Path(id): Path<String>) -> Result<Response, Problem> {
    let offer = front.0.offer_object(&id, now).await.map_err(|error| problem(&error))?;
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(offer)).into_response())
}

/// `POST /token`.
async fn token(State(front): State<Front>, Now(now): Now, headers: HeaderMap, body: Bytes) -> Response {
    match one(&headers, "dpop") {
        Ok(proof) => match front.0.token(&body, proof, now).await {
            Ok(answer) => sent(answer.respond()),
            Err(error) => sent(error.respond(Endpoint::Token)),
        },
        Err(error) => sent(error.respond(Endpoint::Token)),
    }
}

/// `POST /nonce`.
async fn nonce(State(front): State<Front>, Now(now): Now) -> Response {
    // OpenID4VCI 1.0 section 7.2: not to be cached.
    ([(header::CACHE_CONTROL, "no-store")], Json(front.0.nonce(now))).into_response()
}

/// `POST /credential`.
async fn credential(State(front): State<Front>, Now(now): Now, headers: HeaderMap, body: Bytes) -> Response {
    let asked = async {
        let authorization = one(&headers, "authorization")?;
        let proof = one(&headers, "dpop")?;
        front.0.credential(authorization, proof, &body, now).await
    };
    match asked.await {
        Ok(answer) => sent(answer.respond()),
        Err(error) => sent(error.respond(Endpoint::Resource)),
    }
}

/// A header that may come once (RFC 9449 section 4.3: not more than one DPoP header).
fn one<'h>(headers: &'h HeaderMap, name: &str) -> Result<Option<&'h str>, OAuthError> {
    use warifu_openid4vc::oauth::Code;
    let mut found = headers.get_all(name).iter();
    match (found.next(), found.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => match value.to_str() {
            Ok(text) => Ok(Some(text)),
            Err(_) => Err(OAuthError::new(Code::InvalidRequest, "a header is not text")),
        },
        (Some(_), Some(_)) => Err(OAuthError::new(Code::InvalidRequest, "a header is repeated")),
    }
}

fn sent(answer: warifu_openid4vc::http::Response) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = (status, answer.body).into_response();
    for (name, value) in &answer.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name.as_str()), HeaderValue::try_from(value.as_str())) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

fn problem(error: &Error) -> Problem {
    let status = api::status(error);
    let code = match error {
        Error::NoSuchOffer => "no_such_offer",
        _ => "internal",
    };
    Problem::new(status, code, api::text_of(error, status))
}
