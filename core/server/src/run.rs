//! The door for requests: listening, limits, correlation, draining.
//!
//! Every request gets a correlation id (a sane `x-request-id` of the caller, or a fresh one), which is on every log
//! line, in the answer's `x-request-id` and in every [`Problem`]. The log names the path template, never the path, the
//! query or the body. A handler that panics or takes too long becomes a problem; the process lives on. People, who ask
//! for pages, get the problems that every server has (an address where nothing is, too many calls) as a page.

use std::{
    any::Any,
    future::Future,
    io,
    net::SocketAddr,
    panic::AssertUnwindSafe,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    Router,
    body::HttpBody,
    extract::{ConnectInfo, DefaultBodyLimit, MatchedPath, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header, request::Parts},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use futures::FutureExt;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
    service::TowerToHyperService,
};
use tokio::{net::TcpListener, sync::Semaphore, task::JoinHandle};
use tower::ServiceExt;
use tower_http::limit::RequestBodyLimitLayer;
use tracing::Instrument;
use warifu_keys::Entropy;

use crate::{Problem, System, text::Lang};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

tokio::task_local! {
    static CORRELATION: String;
}

/// The correlation id of the request that is being answered, or `None` outside of one.
#[must_use]
pub fn correlation() -> Option<String> {
    CORRELATION.try_with(Clone::clone).ok()
}

/// What one server takes, at most.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Bytes of a body where the route does not say otherwise with [`DefaultBodyLimit::max`].
    pub body: usize,
    /// Bytes of any body, whatever a route says.
    pub largest_body: usize,
    /// Bytes of the request line and all headers.
    pub headers: usize,
    /// Time for the headers to arrive.
    pub headers_within: Duration,
    /// Time for a handler to answer; a stream that was begun may last longer.
    pub answer_within: Duration,
    /// Connections at once; more wait.
    pub connections: usize,
    /// Time for running requests to end when the server stops.
    pub drain_within: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body: 256 * 1024,
            largest_body: 40 * 1024 * 1024,
            headers: 32 * 1024,
            headers_within: Duration::from_secs(15),
            answer_within: Duration::from_secs(60),
            connections: 4096,
            drain_within: Duration::from_secs(10),
        }
    }
}

/// A bound address that does not answer yet: the address can go into the configuration of what will answer there.
#[derive(Debug)]
pub struct Listener {
    inner: TcpListener,
    address: SocketAddr,
}

impl Listener {
    /// Binds; port 0 takes a free one.
    ///
    /// # Errors
    /// The system's reason, with the address in it.
    pub async fn bind(address: SocketAddr) -> io::Result<Self> {
        let named = |error: io::Error| io::Error::new(error.kind(), format!("cannot listen on {address}: {error}"));
        let inner = TcpListener::bind(address).await.map_err(named)?;
        let address = inner.local_addr()?;
        Ok(Self { inner, address })
    }

    /// Where it listens, with the real port.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until `stop` is ready, then lets running requests end.
    pub async fn serve(self, router: Router, limits: Limits, stop: impl Future<Output = ()>) {
        let router = with_limits(router, &limits);
        let mut connection = http1::Builder::new();
        connection
            .timer(TokioTimer::new())
            .header_read_timeout(limits.headers_within)
            .max_buf_size(limits.headers.max(8192));
        let draining = GracefulShutdown::new();
        let places = Arc::new(Semaphore::new(limits.connections));
        let mut stop = std::pin::pin!(stop);
        loop {
            let accept = async {
                let place = Arc::clone(&places).acquire_owned().await;
                (self.inner.accept().await, place)
            };
            let (accepted, place) = tokio::select! {
                accepted = accept => accepted,
                () = &mut stop => break,
            };
            let (stream, peer) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Out of file handles, most likely: let some connections end first.
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            };
            let _ = stream.set_nodelay(true);
            let service = router.clone().map_request(move |mut request: axum::http::Request<_>| {
                request.extensions_mut().insert(ConnectInfo(peer));
                request
            });
            let serving = connection.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
            let serving = draining.watch(serving);
            tokio::spawn(async move {
                let _place = place;
                if let Err(error) = serving.await {
                    tracing::debug!(%error, "a connection ended early");
                }
            });
        }
        drop(self.inner);
        if tokio::time::timeout(limits.drain_within, draining.shutdown()).await.is_err() {
            tracing::warn!("requests still ran when the server stopped");
        }
    }

    /// Serves in the background until [`Running::stop`] or until the handle is dropped.
    #[must_use = "the server stops when the handle is dropped"]
    pub fn spawn(self, router: Router, limits: Limits) -> Running {
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let address = self.address;
        let task = tokio::spawn(self.serve(router, limits, async {
            // A dropped handle stops the server as well.
            let _ = stopped.await;
        }));
        Running { address, stop, task }
    }
}

/// A server in the background.
#[derive(Debug)]
pub struct Running {
    address: SocketAddr,
    stop: tokio::sync::oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Running {
    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops accepting and waits until running requests have ended.
    pub async fn stop(self) {
        let _ = self.stop.send(());
        if let Err(error) = self.task.await {
            tracing::error!(%error, "the server ended badly");
        }
    }
}

/// Ready when the process is asked to stop: interrupt, or termination where the system has it.
pub async fn asked_to_stop() {
    let interrupt = async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    #[cfg(unix)]
    let terminate = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => drop(signal.recv().await),
            Err(_) => std::future::pending().await,
        }
    };
    #[cfg(not(unix))]
    let terminate = std::future::pending::<()>();
    tokio::select! {
        () = interrupt => {}
        () = terminate => {}
    }
}

/// The router as [`Listener::serve`] runs it, for tests that call it without a network.
pub fn with_limits(router: Router, limits: &Limits) -> Router {
    router
        .layer(DefaultBodyLimit::max(limits.body))
        .layer(RequestBodyLimitLayer::new(limits.largest_body))
        .layer(middleware::from_fn_with_state(limits.answer_within, guard))
}

async fn guard(State(within): State<Duration>, request: Request, next: Next) -> Response {
    let id = correlation_of(&request);
    let begun = Instant::now();
    let method = request.method().clone();
    let path = request.extensions().get::<MatchedPath>().map_or("(no route)", MatchedPath::as_str).to_owned();
    let span = tracing::info_span!("request", %method, path, id);
    let (parts, body) = request.into_parts();
    let person = Person::who_asks(&parts);
    let request = Request::from_parts(parts, body);
    let answering = async {
        let handled = AssertUnwindSafe(next.run(request)).catch_unwind();
        let response = match tokio::time::timeout(within, handled).await {
            Ok(Ok(response)) => in_our_dialect(response),
            Ok(Err(panic)) => Problem::internal(&message(&*panic)).into_response(),
            Err(_) => Problem::new(StatusCode::SERVICE_UNAVAILABLE, "timeout", "this took too long; try again")
                .into_response(),
        };
        let mut response = match person {
            Some(person) => person.reads(response),
            None => response,
        };
        let (status, ms) = (response.status().as_u16(), begun.elapsed().as_millis());
        if response.status().is_server_error() {
            tracing::warn!(status, ms, "answered");
        } else {
            tracing::info!(status, ms, "answered");
        }
        // Checked or made by us, so always a header value.
        if let Some(value) = correlation().and_then(|id| HeaderValue::try_from(id).ok()) {
            response.headers_mut().insert(REQUEST_ID, value);
        }
        response
    };
    CORRELATION.scope(id.clone(), answering).instrument(span).await
}

fn correlation_of(request: &Request) -> String {
    let sane = |id: &&str| {
        (8..=64).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
    };
    match request.headers().get(REQUEST_ID).and_then(|value| value.to_str().ok()).filter(sane) {
        Some(id) => id.to_owned(),
        None => {
            let source: &dyn Entropy = &System;
            format!("{:016x}", u64::from_be_bytes(source.array()))
        }
    }
}

/// The framework's own refusals have no body, or plain text; a caller of ours gets a problem. What a role answered in
/// its own dialect stays.
fn in_our_dialect(response: Response) -> Response {
    let empty = response.body().size_hint().exact() == Some(0);
    let problem = match response.status() {
        StatusCode::NOT_FOUND if empty => Problem::not_found("there is nothing at this address"),
        status @ StatusCode::METHOD_NOT_ALLOWED if empty => {
            let mut problem = Problem::new(status, "method_not_allowed", "this address does not take that method");
            if let Some(allowed) = response.headers().get(header::ALLOW).and_then(|value| value.to_str().ok()) {
                problem.detail = format!("{}; it takes {allowed}", problem.detail);
            }
            problem
        }
        status @ StatusCode::PAYLOAD_TOO_LARGE if empty || is_plain_text(&response) => {
            Problem::new(status, "body_too_large", "the body is larger than this server takes")
        }
        _ => return response,
    };
    instead_of(response, problem.into_response())
}

fn is_plain_text(response: &Response) -> bool {
    let kind = response.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    kind.is_some_and(|kind| kind.starts_with("text/plain"))
}

/// Another body; headers that it does not set itself stay, such as `allow` and those of the content security policy.
fn instead_of(old: Response, mut new: Response) -> Response {
    let (parts, _) = old.into_parts();
    let mut headers = parts.headers;
    headers.remove(header::CONTENT_LENGTH);
    headers.extend(std::mem::take(new.headers_mut()));
    *new.headers_mut() = headers;
    new
}

/// A person behind a browser, as far as a page for them needs it.
struct Person {
    lang: Lang,
    /// The address, where opening it again repeats the request.
    address: Option<Uri>,
}

impl Person {
    /// `None` for programs.
    fn who_asks(parts: &Parts) -> Option<Self> {
        prefers_a_page(&parts.headers).then(|| Self {
            lang: Lang::asked(parts),
            address: (parts.method == Method::GET).then(|| parts.uri.clone()),
        })
    }

    /// Problems that every server has as a page, all else as it is.
    fn reads(&self, response: Response) -> Response {
        let problem = response.extensions().get::<Problem>();
        match problem.and_then(|problem| problem.page(self.lang, self.address.as_ref())) {
            Some(page) => instead_of(response, page),
            None => response,
        }
    }
}

/// Whether `Accept` names pages, and no problem document before them (RFC 9110 section 12.5.1). `*/*` names none.
fn prefers_a_page(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or("");
    let quality = |wanted: &[&str]| {
        let parts = accept.split(',').take(20).filter_map(|part| {
            let mut pieces = part.split(';').map(str::trim);
            let kind = pieces.next()?;
            let quality = pieces.find_map(|piece| piece.strip_prefix("q=")).map_or(Ok(1.0), str::parse::<f32>);
            wanted.iter().any(|wanted| wanted.eq_ignore_ascii_case(kind)).then(|| quality.unwrap_or(0.0))
        });
        parts.fold(0.0, f32::max)
    };
    let page = quality(&["text/html"]);
    page > 0.0 && page >= quality(&["application/json", "application/problem+json"])
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("a handler panicked: {}", text.unwrap_or("no message"))
}

#[cfg(test)]
mod tests {
    use axum::{
        body::{Body, to_bytes},
        routing::{get, post},
    };
    use serde_json::{Value, json};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    fn router() -> Router {
        Router::new()
            .route("/ok", get(async || correlation().unwrap()))
            .route("/panics", get(async || -> String { panic!("secret inner cause") }))
            .route("/sleeps", get(async || tokio::time::sleep(Duration::from_secs(60)).await))
            .route("/echo", post(async |body: axum::body::Bytes| body))
            .route("/dialect", post(async || (StatusCode::PAYLOAD_TOO_LARGE, axum::Json(json!({"detail": "own"})))))
            .layer(middleware::from_fn(crate::assets::security_headers))
    }

    fn limits() -> Limits {
        Limits { body: 100, answer_within: Duration::from_millis(50), ..Limits::default() }
    }

    async fn answer(request: axum::http::request::Builder, body: &'static str) -> (StatusCode, String, Value) {
        let request = request.body(Body::from(body)).unwrap();
        let response = with_limits(router(), &limits()).oneshot(request).await.unwrap();
        let id = response.headers()["x-request-id"].to_str().unwrap().to_owned();
        let status = response.status();
        let body = to_bytes(response.into_body(), 10_000).await.unwrap();
        let body =
            serde_json::from_slice(&body).unwrap_or_else(|_| Value::String(String::from_utf8(body.to_vec()).unwrap()));
        (status, id, body)
    }

    #[tokio::test]
    async fn the_correlation_id_goes_through() {
        let (_, id, body) = answer(Request::get("/ok").header("x-request-id", "abc-12345"), "").await;
        assert_eq!((id.as_str(), body), ("abc-12345", Value::from("abc-12345")));
        let (_, id, body) = answer(Request::get("/ok").header("x-request-id", "no spaces\tplease"), "").await;
        assert_eq!(id.len(), 16);
        assert_eq!(body, Value::from(id));
    }

    #[tokio::test]
    async fn every_mistake_is_a_problem() {
        let check = async |request, body, status: u16, code| {
            let (got, id, problem) = answer(request, body).await;
            assert_eq!((got.as_u16(), &problem["code"]), (status, &Value::from(code)), "{problem}");
            assert_eq!(problem["correlation_id"], Value::from(id));
            assert!(!problem.to_string().contains("secret inner cause"));
        };
        check(Request::get("/nowhere"), "", 404, "not_found").await;
        check(Request::post("/ok"), "", 405, "method_not_allowed").await;
        check(Request::get("/panics"), "", 500, "internal").await;
        check(Request::get("/sleeps"), "", 503, "timeout").await;
        let long = "x".repeat(101).leak();
        check(Request::post("/echo"), long, 413, "body_too_large").await;
        let (status, ..) = answer(Request::post("/echo"), "short").await;
        assert_eq!(status, 200);
        let (status, _, own) = answer(Request::post("/dialect"), "").await;
        assert_eq!((status.as_u16(), own), (413, json!({"detail": "own"})));
    }

    #[tokio::test]
    async fn people_read_a_page_instead() {
        const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
        let check = async |request: axum::http::request::Builder, status: u16, says: &str| {
            let request = request.header("accept", BROWSER).body(Body::from("x".repeat(101))).unwrap();
            let response = with_limits(router(), &limits()).oneshot(request).await.unwrap();
            assert_eq!(
                (response.status().as_u16(), &response.headers()["content-type"]),
                (status, &"text/html; charset=utf-8".parse().unwrap())
            );
            assert!(response.headers()["content-security-policy"].to_str().unwrap().contains("style-src 'self'"));
            let id = response.headers()["x-request-id"].to_str().unwrap().to_owned();
            let page = to_bytes(response.into_body(), 100_000).await.unwrap();
            let page = String::from_utf8(page.to_vec()).unwrap();
            assert!(page.contains(says) && page.contains(&id) && !page.contains("secret inner cause"), "{page}");
        };
        check(Request::get("/nowhere"), 404, "There is nothing at this address").await;
        check(Request::get("/ja/nowhere"), 404, "lang=\"ja\"").await;
        check(Request::get("/nowhere").header("accept-language", "ja"), 404, "/nowhere?lang=en").await;
        check(Request::post("/ok"), 405, "method_not_allowed").await;
        check(Request::post("/echo"), 413, "body_too_large").await;
        check(Request::get("/panics"), 500, "internal").await;
    }

    #[test]
    fn programs_are_told_from_people() {
        let check = |accept: &str, page: bool| {
            let headers = HeaderMap::from_iter([(header::ACCEPT, accept.parse().unwrap())]);
            assert_eq!(prefers_a_page(&headers), page, "{accept}");
        };
        check("text/html", true);
        check("Text/HTML;level=1;q=0.4, */*", true);
        check("application/json;q=0.5, text/html", true);
        check("application/json, text/html;q=0.9", false);
        check("text/html;q=0", false);
        check("*/*", false);
        check("", false);
    }

    async fn talk(address: SocketAddr, request: &str) -> String {
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer).await;
        answer
    }

    #[tokio::test]
    async fn a_real_server_listens_limits_headers_and_drains() {
        let listener = Listener::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let address = listener.address();
        assert_ne!(address.port(), 0);
        let slow = Router::new().route(
            "/slow",
            get(async |ConnectInfo(peer): ConnectInfo<SocketAddr>| {
                tokio::time::sleep(Duration::from_millis(100)).await;
                peer.ip().to_string()
            }),
        );
        let limits = Limits { headers: 8192, ..Limits::default() };
        let running = listener.spawn(slow, limits);
        let large = format!("GET /slow HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(20_000));
        let refused = talk(address, &large).await;
        assert!(refused.is_empty() || refused.starts_with("HTTP/1.1 431"), "{refused}");

        let underway =
            tokio::spawn(
                async move { talk(address, "GET /slow HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await },
            );
        tokio::time::sleep(Duration::from_millis(30)).await;
        running.stop().await;
        let answer = underway.await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("127.0.0.1"), "{answer}");
        assert!(tokio::net::TcpStream::connect(address).await.is_err());
    }
}
