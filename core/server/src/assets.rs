//! What pages load: one stylesheet, one script per behaviour, the logo. Nothing comes from anywhere else.

use std::sync::LazyLock;

use axum::{
    Router,
    extract::{Path, Request},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
    routing::get,
};
use warifu_keys::{base64url, sha256};

use crate::Problem;

/// A script module of the shared pages. Each enhances the markup of one component and does nothing without it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Script {
    /// The camera panel for documents.
    Camera,
    /// The camera panel for faces: live hints, and a recording for a liveness challenge.
    Capture,
    /// Reading a QR code with the camera.
    Scan,
    /// Live regions and countdowns.
    Poll,
    /// Copy buttons.
    Copy,
    /// Lists of countries.
    Countries,
    /// Events for a page that embeds this one.
    Embed,
    /// The way back to who sent the reader here, by itself after a while.
    Return,
}

impl Script {
    pub(crate) fn file(self) -> &'static str {
        match self {
            Self::Camera => "camera.js",
            Self::Capture => "capture.js",
            Self::Scan => "scan.js",
            Self::Poll => "poll.js",
            Self::Copy => "copy.js",
            Self::Countries => "countries.js",
            Self::Embed => "embed.js",
            Self::Return => "return.js",
        }
    }
}

struct Asset {
    name: &'static str,
    kind: &'static str,
    content: &'static str,
    /// Changes with the content.
    mark: String,
}

static ASSETS: LazyLock<Vec<Asset>> = LazyLock::new(|| {
    const SCRIPT: &str = "text/javascript; charset=utf-8";
    let files = [
        ("warifu.css", "text/css; charset=utf-8", include_str!("../assets/warifu.css")),
        ("camera.js", SCRIPT, include_str!("../assets/camera.js")),
        ("capture.js", SCRIPT, include_str!("../assets/capture.js")),
        ("scan.js", SCRIPT, include_str!("../assets/scan.js")),
        // What the three import, without a mark: asked for again every time.
        ("panel.js", SCRIPT, include_str!("../assets/panel.js")),
        ("poll.js", SCRIPT, include_str!("../assets/poll.js")),
        ("copy.js", SCRIPT, include_str!("../assets/copy.js")),
        ("countries.js", SCRIPT, include_str!("../assets/countries.js")),
        ("embed.js", SCRIPT, include_str!("../assets/embed.js")),
        ("return.js", SCRIPT, include_str!("../assets/return.js")),
        ("logo.svg", "image/svg+xml", include_str!("../assets/logo.svg")),
    ];
    let mark = |content: &str| base64url::encode(&sha256(content.as_bytes())[..9]);
    files.into_iter().map(|(name, kind, content)| Asset { name, kind, content, mark: mark(content) }).collect()
});

/// The address of an asset; it changes with the content, so browsers may keep what they have for ever.
#[must_use]
pub(crate) fn address(name: &str) -> String {
    let mark = ASSETS.iter().find(|asset| asset.name == name).map_or("", |asset| &asset.mark);
    format!("/assets/{name}?{mark}")
}

/// `GET /assets/{name}`. A role merges this into its router; its own scripts go through [`asset`].
pub fn router<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new().route("/assets/{name}", get(serve))
}

async fn serve(Path(name): Path<String>, request: Request) -> Response {
    match ASSETS.iter().find(|asset| asset.name == name) {
        Some(found) => asset(found.kind, found.content, &found.mark, request.headers(), request.uri().query()),
        None => Problem::not_found("there is no such file").into_response(),
    }
}

/// An asset of a role's own: `mark` must change with the content. Kept for a year when the query names the mark,
/// asked again every time otherwise.
#[must_use]
pub fn asset(
    kind: &'static str,
    content: &'static str,
    mark: &str,
    request: &HeaderMap,
    query: Option<&str>,
) -> Response {
    let tag = format!("\"{mark}\"");
    let keep = if query == Some(mark) { "public, max-age=31536000, immutable" } else { "no-cache" };
    let headers = [(header::CACHE_CONTROL, keep), (header::ETAG, &tag), (header::CONTENT_TYPE, kind)];
    if request.get(header::IF_NONE_MATCH).is_some_and(|known| known == tag.as_str()) {
        return (StatusCode::NOT_MODIFIED, headers).into_response();
    }
    (headers, content).into_response()
}

/// The embedders of a page that nobody may embed.
const NOBODY: &str = " 'none'";

/// The content security policy of our pages. `form_targets` are further places a form of this page may lead to, such
/// as `openid4vp:` or `http://127.0.0.1:7002`; browsers judge redirects after a form by this list as well. `embedders`
/// are the origins whose pages may show this one in a frame; without any, nobody's may.
#[must_use]
pub(crate) fn content_security_policy(form_targets: &[String], embedders: &[String]) -> HeaderValue {
    let sources = |sources: &[String]| -> String {
        let plain = |source: &&String| {
            source.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b';' | b',' | b'*' | b'\''))
        };
        sources.iter().filter(plain).map(|source| format!(" {source}")).collect()
    };
    let targets = sources(form_targets);
    let ancestors = sources(embedders);
    let ancestors = if ancestors.is_empty() { NOBODY } else { &ancestors };
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; \
         media-src 'self' blob:; connect-src 'self'; form-action 'self'{targets}; frame-ancestors{ancestors}; \
         base-uri 'none'"
    );
    HeaderValue::try_from(policy).unwrap_or(HeaderValue::from_static("default-src 'none'"))
}

/// Middleware for every router that serves pages: the headers that keep a page ours. A page's own policy stays.
pub async fn security_headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    let policy = headers.entry(header::CONTENT_SECURITY_POLICY).or_insert_with(|| content_security_policy(&[], &[]));
    // The older header knows all or nobody; where the policy names somebody, it alone speaks.
    if policy.to_str().is_ok_and(|policy| policy.contains("frame-ancestors 'none'")) {
        headers.entry("x-frame-options").or_insert(HeaderValue::from_static("DENY"));
    }
    let others = [
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("permissions-policy", "camera=(self), microphone=(), geolocation=(), payment=(), usb=()"),
        ("cross-origin-opener-policy", "same-origin"),
    ];
    for (name, value) in others {
        headers.entry(HeaderName::from_static(name)).or_insert(HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests {
    use axum::{body::Body, middleware};
    use tower::ServiceExt;

    use super::*;

    async fn ask(uri: &str, known: &str) -> Response {
        let router = router::<()>().layer(middleware::from_fn(security_headers));
        let request = Request::get(uri).header("if-none-match", known).body(Body::empty()).unwrap();
        router.oneshot(request).await.unwrap()
    }

    #[tokio::test]
    async fn assets_are_typed_kept_and_recognised() {
        for asset in ASSETS.iter() {
            let response = ask(&address(asset.name), "").await;
            assert_eq!(response.status(), 200);
            assert_eq!(response.headers()["content-type"], asset.kind);
            assert_eq!(response.headers()["cache-control"], "public, max-age=31536000, immutable");
            assert_eq!(response.headers()["x-content-type-options"], "nosniff");
            let tag = response.headers()["etag"].to_str().unwrap().to_owned();
            assert_eq!(ask(&format!("/assets/{}", asset.name), &tag).await.status(), 304);
        }
        assert_eq!(ask("/assets/warifu.css?old", "").await.headers()["cache-control"], "no-cache");
        assert_eq!(ask("/assets/nothing", "").await.status(), 404);
    }

    #[test]
    fn a_policy_cannot_be_widened_by_a_form_target() {
        let policy = content_security_policy(&["openid4vp:".to_owned(), "x; script-src *".to_owned()], &[]);
        let policy = policy.to_str().unwrap();
        assert!(policy.contains("form-action 'self' openid4vp:;"), "{policy}");
        assert!(!policy.contains('*') && !policy.contains("unsafe"), "{policy}");
    }

    #[test]
    fn a_page_is_framed_by_whom_it_names_and_nobody_else() {
        let framed = |by: &[&str]| {
            let by: Vec<String> = by.iter().map(|origin| (*origin).to_owned()).collect();
            content_security_policy(&[], &by).to_str().unwrap().to_owned()
        };
        assert!(framed(&[]).contains("frame-ancestors 'none';"));
        assert!(framed(&["https://bank.example"]).contains("frame-ancestors https://bank.example;"));
        for wide in ["*", "https://*.example", "x; frame-ancestors *", "'self'"] {
            assert!(framed(&[wide]).contains("frame-ancestors 'none';"), "{wide}");
        }
    }

    #[tokio::test]
    async fn the_older_header_is_silent_where_somebody_is_named() {
        let answer = async |by: &'static [&'static str]| {
            let by: Vec<String> = by.iter().map(|origin| (*origin).to_owned()).collect();
            let page = move || async move { [(header::CONTENT_SECURITY_POLICY, content_security_policy(&[], &by))] };
            let router = Router::<()>::new().route("/", get(page)).layer(middleware::from_fn(security_headers));
            router.oneshot(Request::get("/").body(Body::empty()).unwrap()).await.unwrap()
        };
        assert_eq!(answer(&[]).await.headers()["x-frame-options"], "DENY");
        assert!(!answer(&["https://bank.example"]).await.headers().contains_key("x-frame-options"));
    }
}
