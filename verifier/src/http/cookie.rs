//! The cookie that makes a browser the one a request belongs to (see [`crate::transaction`]).

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::header::{COOKIE, SET_COOKIE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName};

use crate::Config;
use crate::transaction::TransactionId;

/// How long a browser may look at a result, in seconds.
const MAX_AGE: u32 = 3600;

/// One cookie for each request, so that two pages in one browser do not disturb each other.
fn name(request_id: &str) -> String {
    format!("transaction-{request_id}")
}

/// The header that gives the browser its secret. `Lax` and not `Strict`, because people come to `page_url` from the
/// partner's own site.
pub(super) fn set(config: &Config, request_id: &str, transaction: &TransactionId) -> (HeaderName, String) {
    let secure = if config.base_url.scheme() == "https" { "; Secure" } else { "" };
    let (name, value) = (name(request_id), transaction.as_str());
    (SET_COOKIE, format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={MAX_AGE}{secure}"))
}

/// The secrets that a browser sent along.
pub(super) struct Cookies(HeaderMap);

impl Cookies {
    /// The secret for this request.
    pub(super) fn transaction(&self, request_id: &str) -> Option<TransactionId> {
        let name = name(request_id);
        let headers = self.0.get_all(COOKIE).iter().filter_map(|header| header.to_str().ok());
        let mut pairs = headers.flat_map(|header| header.split(';')).filter_map(|pair| pair.trim().split_once('='));
        pairs.find(|(found, _)| *found == name).and_then(|(_, value)| TransactionId::parse(value))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Cookies {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self(parts.headers.clone()))
    }
}
