//! The wallet's way to other machines: the second seam beside the store.
//!
//! The wallet speaks in [`Request`] and [`Response`] values. On a computer they travel through the project's outbound
//! client; in a browser they can travel through `fetch`; in tests they reach the other half by a call.

use async_trait::async_trait;
use url::Url;
use warifu_openid4vc::http::{Method, Request, Response};
use warifu_server::fetch::{self, Fetcher};

/// Why no answer came. An answer with an error status is an answer.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Unanswered(pub String);

/// Sends one request and gives what comes back. No redirects are followed.
#[async_trait]
pub trait Wire: Send + Sync {
    /// The answer, whatever its status.
    async fn send(&self, request: Request) -> Result<Response, Unanswered>;
}

#[async_trait]
impl Wire for Fetcher {
    async fn send(&self, request: Request) -> Result<Response, Unanswered> {
        let headers: Vec<(&str, &str)> = request.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let method = match request.method {
            Method::Get => axum::http::Method::GET,
            Method::Post => axum::http::Method::POST,
        };
        let answer = Self::send(self, method, &request.url, &headers, request.body).await;
        let answer = answer.map_err(|error: fetch::Error| Unanswered(error.to_string()))?;
        let text = |value: &axum::http::HeaderValue| value.to_str().ok().map(str::to_owned);
        let headers = answer.headers.iter().filter_map(|(name, value)| Some((name.to_string(), text(value)?)));
        Ok(Response { status: answer.status.as_u16(), headers: headers.collect(), body: answer.body })
    }
}

/// The body of a `GET` that was answered with 200.
pub(crate) async fn get(wire: &dyn Wire, url: &Url, accept: &str) -> Result<Vec<u8>, Unanswered> {
    let answer = wire.send(Request::get(url.clone(), accept)).await?;
    if answer.status != 200 {
        let origin = url.origin().ascii_serialization();
        return Err(Unanswered(format!("`{origin}` answered with status {}", answer.status)));
    }
    Ok(answer.body)
}
