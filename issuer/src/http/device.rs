//! The cookie by which the hosted pages know a device again, see [`crate::kyc::device`].

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use warifu_server::text::Lang;

use crate::Issuer;
use crate::kyc::device::DeviceId;

/// Name of the cookie.
const COOKIE: &str = "warifu_device";

/// Who opens a page.
#[derive(Debug)]
pub(super) struct Visitor {
    /// The device, where it was here before.
    pub(super) device: Option<DeviceId>,
    /// Whether another page shows this one in a frame.
    pub(super) framed: bool,
    /// Whether a browser only looks ahead: nobody is there yet.
    pub(super) looks_ahead: bool,
}

impl<S: Send + Sync> FromRequestParts<S> for Visitor {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(&parts.headers))
    }
}

impl Visitor {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let cookies = headers.get_all(header::COOKIE).iter().filter_map(|cookies| cookies.to_str().ok());
        let mut pairs = cookies.flat_map(|cookies| cookies.split(';')).filter_map(|pair| pair.trim().split_once('='));
        Self {
            device: pairs.find(|(name, _)| *name == COOKIE).and_then(|(_, value)| DeviceId::parse(value)),
            framed: matches!(text("sec-fetch-dest"), "iframe" | "frame"),
            looks_ahead: text("sec-purpose").starts_with("prefetch"),
        }
    }

    /// Lets the browser say from now on that it is this device, at the pages and doors of this session and nowhere else.
    ///
    /// In a frame of another site a browser sends only what is `SameSite=None`; such a cookie is `Partitioned`, so that it
    /// is the device inside that one site.
    pub(super) fn remember(&self, response: &mut Response, issuer: &Issuer, token: &str, device: &DeviceId) {
        let config = issuer.config();
        let secure = if config.base_url.scheme() == "https" { "; Secure" } else { "" };
        let site = if self.framed { "; SameSite=None; Secure; Partitioned" } else { "; SameSite=Lax" };
        let secure = if self.framed { "" } else { secure };
        let (value, life) = (device.expose(), config.session_life.as_secs());
        let pages = Lang::ALL.iter().map(|lang| format!("/{lang}/session/{token}"));
        for path in pages.chain([format!("/session/{token}")]) {
            let cookie = format!("{COOKIE}={value}; Path={path}; HttpOnly; Max-Age={life}{site}{secure}");
            if let Ok(cookie) = HeaderValue::try_from(cookie) {
                response.headers_mut().append(header::SET_COOKIE, cookie);
            }
        }
    }
}
