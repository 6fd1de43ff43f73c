//! Forms that only our own pages can send.
//!
//! Two defences, both on: [`same_origin`] refuses unsafe requests that a browser says come from another site, and
//! forms carry a [`Csrf`] token bound to the person's session cookie.

use axum::{
    extract::Request,
    http::{HeaderMap, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use warifu_keys::{base64url, equal_in_constant_time};

use crate::Problem;

/// Name of the hidden field that carries the token.
pub const FIELD: &str = "csrf";

/// Makes and checks form tokens: HMAC-SHA-256 over the session's identifier under a secret of this server.
#[derive(Clone)]
pub struct Csrf {
    secret: [u8; 32],
}

impl std::fmt::Debug for Csrf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Csrf")
    }
}

impl Csrf {
    /// Tokens under this secret, drawn at random when the server starts or kept with its other keys.
    #[must_use]
    pub fn new(secret: [u8; 32]) -> Self {
        Self { secret }
    }

    /// The token for forms of this session. `session` is a secret that only the person's browser sends, such as the
    /// value of the session cookie.
    #[must_use]
    pub fn token(&self, session: &str) -> String {
        let mut block = [0; 64];
        block[..32].copy_from_slice(&self.secret);
        let mut mac = Hmac::<Sha256>::new(&block.into());
        mac.update(b"warifu form 1\0");
        mac.update(session.as_bytes());
        base64url::encode(&mac.finalize().into_bytes())
    }

    /// Whether a form's token belongs to this session.
    ///
    /// # Errors
    /// A 403 problem that tells the person to load the page again.
    pub fn check(&self, session: &str, token: &str) -> Result<(), Problem> {
        if equal_in_constant_time(self.token(session).as_bytes(), token.as_bytes()) {
            return Ok(());
        }
        Err(Problem::new(StatusCode::FORBIDDEN, "form_expired", "this form is no longer valid; load the page again"))
    }
}

/// Middleware for routers of pages: refuses what another site makes a browser send.
///
/// Trusts `Sec-Fetch-Site`, which all current browsers send and no script can set; older browsers are judged by
/// `Origin` against `Host`. Requests without either come from programs, which carry no cookies by themselves.
pub async fn same_origin(request: Request, next: Next) -> Response {
    let safe = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    if safe || from_our_pages(request.headers()) {
        next.run(request).await
    } else {
        Problem::new(StatusCode::FORBIDDEN, "cross_site", "this form was sent from another site").into_response()
    }
}

fn from_our_pages(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or(""));
    match (text(header::HeaderName::from_static("sec-fetch-site")), text(header::ORIGIN)) {
        (Some(site), _) => matches!(site, "same-origin" | "none"),
        (None, Some(origin)) => {
            let host = text(header::HOST);
            origin.split_once("://").map(|(_, host)| host) == host
        }
        (None, None) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_belongs_to_one_session() {
        let csrf = Csrf::new([7; 32]);
        let token = csrf.token("session-a");
        assert!(csrf.check("session-a", &token).is_ok());
        assert!(csrf.check("session-b", &token).is_err());
        assert!(csrf.check("session-a", "").is_err());
        assert!(Csrf::new([8; 32]).check("session-a", &token).is_err());
    }

    #[test]
    fn other_sites_are_told_apart() {
        let check = |rows: &[(&'static str, &'static str)], expected| {
            let headers = rows.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
            assert_eq!(from_our_pages(&headers), expected, "{rows:?}");
        };
        check(&[], true);
        check(&[("sec-fetch-site", "same-origin")], true);
        check(&[("sec-fetch-site", "none")], true);
        check(&[("sec-fetch-site", "cross-site")], false);
        check(&[("sec-fetch-site", "same-site")], false);
        check(&[("origin", "https://issuer.example"), ("host", "issuer.example")], true);
        check(&[("origin", "https://evil.example"), ("host", "issuer.example")], false);
        check(&[("origin", "null"), ("host", "issuer.example")], false);
        check(&[("sec-fetch-site", "cross-site"), ("origin", "https://a"), ("host", "a")], false);
    }
}
