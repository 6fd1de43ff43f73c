//! HTTP messages as plain values, and which URLs of strangers may be called.
//!
//! Nothing here opens a connection. The caller sends a [`Request`] with its own client (no redirects, a byte cap, no
//! private hosts outside development) and hands the [`Response`] back.

use std::fmt;

use serde::Serialize;
use serde_json::Value;
use url::{Host, Url, form_urlencoded};
use warifu_keys::json::{self, JsonError};

/// Longest URL that is read or called, in bytes.
pub const MAX_URL_BYTES: usize = 4096;

/// An HTTP method.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Method {
    /// `GET`.
    Get,
    /// `POST`.
    Post,
}

impl Method {
    /// The method as it stands in the request line and in DPoP's `htm`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
        }
    }
}

/// A request to be sent. `Debug` shows neither header values nor body nor query: they carry codes and tokens.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    /// Method.
    pub method: Method,
    /// Where to.
    pub url: Url,
    /// Header names in lower case with their values.
    pub headers: Vec<(&'static str, String)>,
    /// Body; empty for `GET`.
    pub body: Vec<u8>,
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.headers.iter().map(|(name, _)| *name).collect();
        let url = without_query(&self.url);
        write!(f, "Request({} {url} {names:?} {} bytes)", self.method.name(), self.body.len())
    }
}

impl Request {
    /// A `GET` that accepts `accept`.
    #[must_use]
    pub fn get(url: Url, accept: &str) -> Self {
        Self { method: Method::Get, url, headers: vec![("accept", accept.to_owned())], body: Vec::new() }
    }

    /// A `POST` without a body.
    #[must_use]
    pub fn post(url: Url) -> Self {
        let headers = vec![("accept", "application/json".to_owned())];
        Self { method: Method::Post, url, headers, body: Vec::new() }
    }

    /// A `POST` of form fields (`application/x-www-form-urlencoded`).
    #[must_use]
    pub fn form(url: Url, fields: &[(&str, &str)]) -> Self {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let mut request = Self::post(url);
        request.headers.push(("content-type", "application/x-www-form-urlencoded".to_owned()));
        request.body = body.into_bytes();
        request
    }

    /// A `POST` of a JSON value.
    #[must_use]
    pub fn json(url: Url, body: &Value) -> Self {
        let mut request = Self::post(url);
        request.headers.push(("content-type", "application/json".to_owned()));
        request.body = body.to_string().into_bytes();
        request
    }

    /// Adds a header; `name` in lower case.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// The value of the first header of this (lower-case) name.
    #[must_use]
    pub fn header_value(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| *found == name).map(|(_, value)| value.as_str())
    }
}

/// An answer that was received, or one to be given. `Debug` does not show the body.
#[derive(Clone, PartialEq, Eq)]
pub struct Response {
    /// Status code.
    pub status: u16,
    /// Headers; names compare without regard to case.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: Vec<u8>,
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Response({} {} bytes)", self.status, self.body.len())
    }
}

impl Response {
    /// A JSON answer that no cache keeps.
    #[must_use]
    pub fn json(status: u16, body: &impl Serialize) -> Self {
        let body = serde_json::to_vec(body).unwrap_or_default();
        let headers = [("content-type", "application/json"), ("cache-control", "no-store")];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        Self { status, headers, body }
    }

    /// Adds a header.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The first header of this name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// Whether the status is 2xx.
    #[must_use]
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The media type without its parameters, in lower case.
    #[must_use]
    pub fn media_type(&self) -> Option<String> {
        let text = self.header("content-type")?;
        Some(text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
    }

    /// The body as a JSON value; duplicate members, over-size and over-depth are refused.
    pub fn body_json(&self) -> Result<Value, JsonError> {
        json::parse(&self.body)
    }
}

/// Why a URL of a stranger will not be called.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// Not a URL, without a host, with user information or a fragment, or longer than [`MAX_URL_BYTES`].
    #[error("`{0}` is not an acceptable URL")]
    Malformed(String),
    /// Plain HTTP to another machine.
    #[error("`{0}` is not an https URL")]
    Insecure(String),
}

/// Reads a URL that may be called: `https`, or `http` to this very machine (a development set-up; the caller's client
/// decides whether private hosts may be reached at all).
pub fn callable(text: &str) -> Result<Url, UrlError> {
    let malformed = || UrlError::Malformed(shorten(text));
    if text.len() > MAX_URL_BYTES {
        return Err(malformed());
    }
    let url = Url::parse(text).map_err(|_| malformed())?;
    check_callable(&url)?;
    Ok(url)
}

/// [`callable`] for a URL that was read already.
pub fn check_callable(url: &Url) -> Result<(), UrlError> {
    let malformed = || UrlError::Malformed(shorten(url.as_str()));
    let host = url.host().ok_or_else(malformed)?;
    let length_ok = url.as_str().len() <= MAX_URL_BYTES;
    if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() || !length_ok {
        return Err(malformed());
    }
    let local = match host {
        Host::Domain(name) => name == "localhost",
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    };
    match url.scheme() {
        "https" => Ok(()),
        "http" if local => Ok(()),
        _ => Err(UrlError::Insecure(shorten(url.as_str()))),
    }
}

/// [`check_callable`] for a URL that a stranger at `origin` named: `https`, or the very origin. So nobody elsewhere can
/// point a wallet at a plain HTTP service on its own machine.
pub fn check_callable_from(url: &Url, origin: &Url) -> Result<(), UrlError> {
    check_callable(url)?;
    if url.scheme() == "https" || url.origin() == origin.origin() {
        Ok(())
    } else {
        Err(UrlError::Insecure(shorten(url.as_str())))
    }
}

/// The fields of a form body or query. A field that occurs twice is refused: `Err` names it (RFC 6749 section 3.1).
pub(crate) fn form_fields(body: &[u8]) -> Result<Vec<(String, String)>, String> {
    let mut fields: Vec<(String, String)> = Vec::new();
    for (name, value) in form_urlencoded::parse(body) {
        if fields.iter().any(|(seen, _)| *seen == name) {
            return Err(shorten(&name));
        }
        if fields.len() == 64 {
            return Err("more than 64 fields".to_owned());
        }
        fields.push((name.into_owned(), value.into_owned()));
    }
    Ok(fields)
}

/// The field of this name.
pub(crate) fn field<'a>(fields: &'a [(String, String)], name: &str) -> Option<&'a str> {
    fields.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
}

/// The URL without query and fragment.
pub(crate) fn without_query(url: &Url) -> Url {
    let mut bare = url.clone();
    bare.set_query(None);
    bare.set_fragment(None);
    bare
}

/// Foreign text, cut for an error message.
pub(crate) fn shorten(text: &str) -> String {
    text.chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callable_urls() {
        for good in ["https://issuer.example/a?b=c", "http://127.0.0.1:8080/x", "http://localhost/", "http://[::1]:1/"]
        {
            assert!(callable(good).is_ok(), "`{good}`");
        }
        for insecure in ["http://issuer.example/", "http://127.0.0.1.example/", "ftp://issuer.example/"] {
            assert!(matches!(callable(insecure), Err(UrlError::Insecure(_))), "`{insecure}`");
        }
        let bad = ["", "issuer.example", "https://user@issuer.example/", "https://a.example/#f", "file:///etc/passwd"];
        for bad in bad {
            assert!(matches!(callable(bad), Err(UrlError::Malformed(_))), "`{bad}`");
        }
        assert!(callable(&format!("https://a.example/{}", "a".repeat(MAX_URL_BYTES))).is_err());
    }

    #[test]
    fn callable_from_an_origin() {
        let check = |url: &str, origin: &str, expected: bool| {
            let (url, origin) = (Url::parse(url).unwrap(), Url::parse(origin).unwrap());
            assert_eq!(check_callable_from(&url, &origin).is_ok(), expected, "`{url}` from `{origin}`");
        };
        check("https://a.example/x", "https://b.example/", true);
        check("http://127.0.0.1:81/x", "http://127.0.0.1:81/", true);
        check("http://127.0.0.1:82/x", "http://127.0.0.1:81/", false);
        check("http://127.0.0.1:81/x", "https://a.example/", false);
        check("http://a.example/x", "http://a.example/", false);
    }

    #[test]
    fn forms_refuse_repetition() {
        assert_eq!(form_fields(b"a=1&a=2"), Err("a".to_owned()));
        let fields = form_fields(b"a=1%2B&b").unwrap();
        assert_eq!((field(&fields, "a"), field(&fields, "b"), field(&fields, "c")), (Some("1+"), Some(""), None));
        assert!(form_fields("x&".repeat(3).as_bytes()).is_err());
    }

    #[test]
    fn debug_is_silent() {
        let request = Request::form(callable("https://a.example/token?code=hidden").unwrap(), &[("tx_code", "493536")])
            .header("authorization", "DPoP secret-token");
        let text = format!("{request:?}");
        assert!(!text.contains("hidden") && !text.contains("493536") && !text.contains("secret-token"), "{text}");
    }
}
