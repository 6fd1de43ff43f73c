//! The door outwards: the only client of the project that opens connections.
//!
//! Addresses come from strangers (a `request_uri`, a status list, a webhook), so the client reaches only what anyone
//! on the Internet could reach: `https` on public addresses, judged after the name was resolved and on the very
//! addresses the connection is made to. It follows no redirect, uses no proxy of the environment, unpacks nothing and
//! stops reading at its cap.

use std::{
    error::Error as StdError,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use reqwest::{
    Client,
    dns::{Addrs, Name, Resolve, Resolving},
    redirect,
};
use serde::Serialize;
use url::{Host, Url};

/// Where the client may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// `https` to public addresses.
    Public,
    /// The same, and `http` or `https` to this machine (`localhost`, `127.0.0.0/8`, `::1`). For development and tests.
    Loopback,
}

/// How long and how much, at most.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Time for the connection.
    pub connect_within: Duration,
    /// Time for everything, from the name to the last byte.
    pub answer_within: Duration,
    /// Bytes of the answer's body.
    pub body: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { connect_within: Duration::from_secs(4), answer_within: Duration::from_secs(12), body: 2 * 1024 * 1024 }
    }
}

/// The client. Cheap to clone; connections are kept and shared.
#[derive(Clone, Debug)]
pub struct Fetcher {
    client: Client,
    policy: Policy,
    limits: Limits,
}

/// An answer, whatever its status.
#[derive(Clone, Debug)]
pub struct Response {
    /// The status.
    pub status: StatusCode,
    /// All headers; [`Response::header`] reads one as text.
    pub headers: HeaderMap,
    /// The body, as it came.
    pub body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The address is not one this client may go to.
    #[error("`{address}` is not allowed: {why}")]
    NotAllowed {
        /// The address, without path and query.
        address: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The host could not be found or reached, or its certificate is not accepted.
    #[error("`{address}` cannot be reached")]
    Unreachable {
        /// The address, without path and query.
        address: String,
        /// What the connection says.
        #[source]
        cause: Box<dyn StdError + Send + Sync>,
    },
    /// The answer did not come in time.
    #[error("`{address}` did not answer in time")]
    Timeout {
        /// The address, without path and query.
        address: String,
    },
    /// The answer is larger than the cap.
    #[error("the answer of `{address}` is larger than {cap} bytes")]
    TooLarge {
        /// The address, without path and query.
        address: String,
        /// The cap.
        cap: usize,
    },
    /// A header or body of the request cannot be written.
    #[error("the request cannot be written: {0}")]
    BadRequest(String),
    /// The client could not be built on this machine.
    #[error("the outbound client cannot be set up")]
    SetUp(#[source] Box<dyn StdError + Send + Sync>),
}

/// What a receiver said to a [`Fetcher::deliver`].
#[derive(Clone, Debug)]
pub struct Delivered {
    /// The status.
    pub status: StatusCode,
    /// The beginning of the body.
    pub excerpt: Vec<u8>,
}

impl Response {
    /// A header as text, or `None` when it is absent or not text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The media type without parameters, in lower case; empty when absent.
    #[must_use]
    pub fn content_type(&self) -> String {
        let text = self.header("content-type").unwrap_or("");
        text.split(';').next().unwrap_or("").trim().to_ascii_lowercase()
    }
}

impl Fetcher {
    /// A client under this policy.
    ///
    /// # Errors
    /// [`Error::SetUp`] when the machine has no certificate store to check servers against.
    pub fn new(policy: Policy, limits: Limits) -> Result<Self, Error> {
        let client = Client::builder()
            .redirect(redirect::Policy::none())
            .no_proxy()
            .referer(false)
            .connect_timeout(limits.connect_within)
            .timeout(limits.answer_within)
            .pool_idle_timeout(Duration::from_secs(30))
            .dns_resolver(Arc::new(Guarded(policy)))
            .user_agent(concat!("warifu/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| Error::SetUp(error.into()))?;
        Ok(Self { client, policy, limits })
    }

    /// `GET`, with an `accept` header.
    ///
    /// # Errors
    /// See [`Error`]; an answer with an error status is an answer.
    pub async fn get(&self, url: &Url, accept: &str) -> Result<Response, Error> {
        self.send(Method::GET, url, &[("accept", accept)], Vec::new()).await
    }

    /// `POST` of an `application/x-www-form-urlencoded` body.
    ///
    /// # Errors
    /// As [`Fetcher::get`].
    pub async fn post_form(
        &self,
        url: &Url,
        form: &[(&str, &str)],
        headers: &[(&str, &str)],
    ) -> Result<Response, Error> {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        self.post_bytes(url, "application/x-www-form-urlencoded", body.into_bytes(), headers).await
    }

    /// `POST` of a JSON body.
    ///
    /// # Errors
    /// As [`Fetcher::get`].
    pub async fn post_json<T: Serialize + Sync + ?Sized>(
        &self,
        url: &Url,
        value: &T,
        headers: &[(&str, &str)],
    ) -> Result<Response, Error> {
        let body = serde_json::to_vec(value).map_err(|error| Error::BadRequest(error.to_string()))?;
        self.post_bytes(url, "application/json", body, headers).await
    }

    /// `POST` of a body of any type.
    ///
    /// # Errors
    /// As [`Fetcher::get`].
    pub async fn post_bytes(
        &self,
        url: &Url,
        content_type: &str,
        body: Vec<u8>,
        headers: &[(&str, &str)],
    ) -> Result<Response, Error> {
        let headers = [&[("content-type", content_type)], headers].concat();
        self.send(Method::POST, url, &headers, body).await
    }

    /// Any request. An empty body sends none.
    ///
    /// # Errors
    /// As [`Fetcher::get`].
    pub async fn send(
        &self,
        method: Method,
        url: &Url,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Result<Response, Error> {
        allowed(self.policy, url)?;
        let mut request = self.client.request(method.clone(), url.clone()).headers(header_map(headers)?);
        if !body.is_empty() || method == Method::POST {
            request = request.body(body);
        }
        let mut answer = request.send().await.map_err(|error| self.explained(url, error))?;
        let too_large = || Error::TooLarge { address: shown(url), cap: self.limits.body };
        if answer.content_length().is_some_and(|length| length > self.limits.body as u64) {
            return Err(too_large());
        }
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(|error| self.explained(url, error))? {
            if body.len() + chunk.len() > self.limits.body {
                return Err(too_large());
            }
            body.extend_from_slice(&chunk);
        }
        let (status, headers) = (answer.status(), std::mem::take(answer.headers_mut()));
        tracing::debug!(%method, address = shown(url), status = status.as_u16(), bytes = body.len(), "fetched");
        Ok(Response { status, headers, body })
    }

    /// Whether this client may go to an address, as far as can be said before its name is resolved.
    ///
    /// # Errors
    /// [`Error::NotAllowed`].
    pub fn allows(&self, url: &Url) -> Result<(), Error> {
        allowed(self.policy, url)
    }

    /// `POST` of which only the status matters: at most `excerpt` bytes of the answer are read, and an answer that stops
    /// half way through its body is still an answer. Everything has to end `within` this time.
    ///
    /// # Errors
    /// As [`Fetcher::get`], without [`Error::TooLarge`].
    pub async fn deliver(
        &self,
        url: &Url,
        headers: &[(&str, &str)],
        body: Vec<u8>,
        within: Duration,
        excerpt: usize,
    ) -> Result<Delivered, Error> {
        allowed(self.policy, url)?;
        let request = self.client.post(url.clone()).headers(header_map(headers)?).timeout(within).body(body);
        let mut answer = request.send().await.map_err(|error| self.explained(url, error))?;
        let mut read = Vec::new();
        while read.len() < excerpt
            && let Ok(Some(chunk)) = answer.chunk().await
        {
            read.extend_from_slice(&chunk[..chunk.len().min(excerpt - read.len())]);
        }
        Ok(Delivered { status: answer.status(), excerpt: read })
    }

    fn explained(&self, url: &Url, error: reqwest::Error) -> Error {
        // The path and query may hold secrets; they must not reach a log through an error's text.
        let error = error.without_url();
        let address = shown(url);
        let mut cause: Option<&(dyn StdError + 'static)> = Some(&error);
        while let Some(inner) = cause {
            if let Some(NotPublic(why)) = inner.downcast_ref() {
                return Error::NotAllowed { address, why };
            }
            cause = inner.source();
        }
        if error.is_timeout() {
            return Error::Timeout { address };
        }
        Error::Unreachable { address, cause: error.into() }
    }
}

/// Scheme, host and port.
fn shown(url: &Url) -> String {
    url.origin().ascii_serialization()
}

fn header_map(headers: &[(&str, &str)]) -> Result<HeaderMap, Error> {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        let name = HeaderName::try_from(*name).map_err(|_| Error::BadRequest(format!("header name `{name}`")))?;
        let value = HeaderValue::try_from(*value).map_err(|_| Error::BadRequest(format!("value of `{name}`")))?;
        // Hop-by-hop headers and the host belong to the client.
        if [header::HOST, header::CONTENT_LENGTH, header::TRANSFER_ENCODING, header::CONNECTION].contains(&name) {
            return Err(Error::BadRequest(format!("`{name}` is not the caller's to set")));
        }
        map.append(name, value);
    }
    Ok(map)
}

/// What can be judged before a name is resolved. Addresses written as numbers never reach the resolver.
fn allowed(policy: Policy, url: &Url) -> Result<(), Error> {
    let refuse = |why| Err(Error::NotAllowed { address: shown(url), why });
    if !url.username().is_empty() || url.password().is_some() {
        return refuse("an address must not carry a user name or password");
    }
    let (loops, public) = match url.host() {
        Some(Host::Domain(name)) => (names_this_machine(name), !names_this_machine(name)),
        Some(Host::Ipv4(ip)) => (ip.is_loopback(), is_public(ip.into())),
        Some(Host::Ipv6(ip)) => (ip.is_loopback(), is_public(ip.into())),
        None => return refuse("an address needs a host"),
    };
    match (url.scheme(), policy) {
        ("https", _) if public => Ok(()),
        ("https" | "http", Policy::Loopback) if loops => Ok(()),
        ("https", _) => refuse("not a public address"),
        ("http", _) => refuse("only https is allowed"),
        _ => refuse("not a web address"),
    }
}

/// `localhost` and all names below it (RFC 6761 section 6.3).
fn names_this_machine(name: &str) -> bool {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    name == "localhost" || name.ends_with(".localhost")
}

/// Whether anyone on the Internet could reach this address. By the IANA special-purpose registries (RFC 6890).
fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    let special = a == 0                                   // this network
        || ip.is_private()
        || (a == 100 && b & 0xc0 == 64)                    // shared by carriers (RFC 6598)
        || ip.is_loopback()
        || ip.is_link_local()
        || (a, b, c) == (192, 0, 0)                        // protocol assignments
        || ip.is_documentation()
        || (a, b, c) == (192, 88, 99)                      // 6to4 relays (RFC 7526)
        || (a == 198 && b & 0xfe == 18)                    // benchmarking (RFC 2544)
        || a >= 224; // multicast, reserved, broadcast
    !special
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    let s = ip.segments();
    // Addresses of networks that translate to IPv4 (RFC 6052) are as public as the address inside.
    if s[..6] == [0x64, 0xff9b, 0, 0, 0, 0] {
        let [a, b] = s[6].to_be_bytes();
        let [c, d] = s[7].to_be_bytes();
        return is_public_v4(Ipv4Addr::new(a, b, c, d));
    }
    let special = (s[0] == 0x2001 && (s[1] < 0x200 || s[1] == 0xdb8)) // protocol assignments and Teredo; documentation
        || s[0] == 0x2002                                  // 6to4: an IPv4 address inside
        || (s[0] == 0x3fff && s[1] < 0x1000); // documentation (RFC 9637)
    // Only 2000::/3 is global unicast; loopback, mapped, unique local, link-local and multicast lie outside.
    s[0] & 0xe000 == 0x2000 && !special
}

/// A name led to an address this client may not go to.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct NotPublic(&'static str);

/// Resolves with the system and refuses what is not public. A name with one private address among public ones is
/// refused whole: that is how a name is turned against the inside.
struct Guarded(Policy);

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let policy = self.0;
        Box::pin(async move {
            if names_this_machine(name.as_str()) {
                let here = match policy {
                    Policy::Loopback => [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()],
                    Policy::Public => return Err(NotPublic("the name stands for this machine").into()),
                };
                let addresses = here.into_iter().map(|ip: IpAddr| SocketAddr::new(ip, 0));
                return Ok(Box::new(addresses) as Addrs);
            }
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            judged(found).map_err(Into::into)
        })
    }
}

fn judged(found: Vec<SocketAddr>) -> Result<Addrs, NotPublic> {
    if found.iter().all(|address| is_public(address.ip())) {
        Ok(Box::new(found.into_iter()))
    } else {
        Err(NotPublic("the name leads to an address that is not public"))
    }
}

#[cfg(test)]
mod tests {
    use axum::{Router, response::Redirect, routing::get};

    use super::*;
    use crate::run::{Limits as Door, Listener, Running};

    #[track_caller]
    fn check(policy: Policy, url: &str, expected: bool) {
        assert_eq!(allowed(policy, &url.parse().unwrap()).is_ok(), expected, "{policy:?} {url}");
    }

    #[test]
    fn only_public_https_is_allowed() {
        for url in ["https://example.com/", "https://1.1.1.1/", "https://example.com:8443/", "https://[2606:4700::1]/"]
        {
            check(Policy::Public, url, true);
            check(Policy::Loopback, url, true);
        }
        let never = [
            "http://example.com/",
            "http://1.1.1.1/",
            "ftp://example.com/",
            "https://10.0.0.1/",
            "https://172.20.1.1/",
            "https://192.168.1.1/",
            "https://169.254.169.254/latest/",
            "https://100.64.0.1/",
            "https://0.0.0.0/",
            "https://[fe80::1]/",
            "https://[fd00::1]/",
            "https://[::ffff:10.0.0.1]/",
            "https://[::ffff:127.0.0.1]/",
            "https://[64:ff9b::a00:1]/",
            "https://[2002:a00:1::]/",
            "https://224.0.0.1/",
            "https://255.255.255.255/",
            "https://user@example.com/",
            "https://user:pass@example.com/",
            "https://[::]/",
            "https://[2001:db8::1]/",
            "data:text/plain,x",
            "file:///etc/passwd",
            "https://0xa000001/",
            "https://167772161/",
            "http://192.168.1.1/",
        ];
        for url in never {
            check(Policy::Public, url, false);
            check(Policy::Loopback, url, false);
        }
        let only_here = [
            "http://127.0.0.1:8080/",
            "http://localhost/",
            "https://localhost/",
            "http://[::1]/",
            "http://a.localhost./",
            "http://2130706433/",
            "http://127.1/",
        ];
        for url in only_here {
            check(Policy::Public, url, false);
            check(Policy::Loopback, url, true);
        }
    }

    #[test]
    fn a_name_with_a_private_address_is_refused_whole() {
        let at = |ip: &str| SocketAddr::new(ip.parse().unwrap(), 0);
        assert_eq!(judged(vec![at("1.1.1.1"), at("2606:4700::1")]).map(Iterator::count).ok(), Some(2));
        for inside in ["10.1.2.3", "127.0.0.1", "::1", "::ffff:192.168.0.1", "169.254.169.254"] {
            assert!(judged(vec![at("1.1.1.1"), at(inside)]).is_err(), "{inside}");
        }
    }

    #[tokio::test]
    async fn the_resolver_keeps_names_of_this_machine_inside() {
        let name = || "anything.localhost".parse::<Name>().unwrap();
        assert!(Guarded(Policy::Public).resolve(name()).await.is_err());
        let here: Vec<_> = Guarded(Policy::Loopback).resolve(name()).await.ok().unwrap().collect();
        assert!(here.iter().all(|address| address.ip().is_loopback()));
    }

    async fn server() -> (Running, Url) {
        let router = Router::new()
            .route(
                "/ok",
                get(async |headers: HeaderMap| {
                    let seen = format!("{:?} {:?}", headers.get("accept"), headers.get("referer"));
                    ([("dpop-nonce", "n1"), ("content-type", "Text/Plain; charset=utf-8")], seen)
                })
                .post(async |headers: HeaderMap, body: String| {
                    format!("{}: {body}", headers["content-type"].to_str().unwrap())
                }),
            )
            .route("/moved", get(async || Redirect::temporary("/ok")))
            .route("/large", get(async || vec![b'x'; 5000]))
            .route(
                "/endless",
                get(async || {
                    let chunks = futures::stream::repeat_with(|| Ok::<_, std::io::Error>(vec![b'x'; 1000]));
                    axum::body::Body::from_stream(chunks)
                }),
            )
            .route("/slow", get(async || tokio::time::sleep(Duration::from_secs(30)).await));
        let running = Listener::bind("127.0.0.1:0".parse().unwrap()).await.unwrap().spawn(router, Door::default());
        let url = format!("http://localhost:{}/", running.address().port()).parse().unwrap();
        (running, url)
    }

    fn fetcher(policy: Policy) -> Fetcher {
        let limits = Limits { body: 4096, answer_within: Duration::from_millis(400), ..Limits::default() };
        Fetcher::new(policy, limits).unwrap()
    }

    #[tokio::test]
    async fn a_loopback_server_is_reached_only_where_allowed() {
        let (_running, url) = server().await;
        let ok = url.join("ok").unwrap();
        let answer = fetcher(Policy::Loopback).get(&ok, "application/jwt").await.unwrap();
        assert_eq!((answer.status.as_u16(), answer.header("dpop-nonce")), (200, Some("n1")));
        assert_eq!(answer.content_type(), "text/plain");
        assert_eq!(answer.body, br#"Some("application/jwt") None"#);
        let refused = fetcher(Policy::Public).get(&ok, "*/*").await;
        assert!(matches!(refused, Err(Error::NotAllowed { .. })), "{refused:?}");

        let fetcher = fetcher(Policy::Loopback);
        let form = fetcher.post_form(&ok, &[("a", "1 &"), ("b", "ü")], &[]).await.unwrap();
        assert_eq!(form.body, b"application/x-www-form-urlencoded: a=1+%26&b=%C3%BC");
        let json = fetcher.post_json(&ok, &serde_json::json!({"a": 1}), &[("dpop", "x")]).await.unwrap();
        assert_eq!(json.body, br#"application/json: {"a":1}"#);
        let refused = fetcher.post_bytes(&ok, "a/b", vec![], &[("host", "elsewhere")]).await;
        assert!(matches!(refused, Err(Error::BadRequest(_))), "{refused:?}");
    }

    #[tokio::test]
    async fn redirects_large_and_slow_answers_are_not_followed() {
        let (_running, url) = server().await;
        let fetcher = fetcher(Policy::Loopback);
        let get = async |path| fetcher.get(&url.join(path).unwrap(), "*/*").await;
        let moved = get("moved").await.unwrap();
        assert_eq!((moved.status.as_u16(), moved.header("location")), (307, Some("/ok")));
        for path in ["large", "endless"] {
            let refused = get(path).await;
            assert!(matches!(refused, Err(Error::TooLarge { cap: 4096, .. })), "{path}: {refused:?}");
        }
        let refused = get("slow?secret=1").await;
        assert!(matches!(&refused, Err(Error::Timeout { address }) if !address.contains("secret")), "{refused:?}");
    }

    /// A receiver that answers and then dribbles, or never stops, has answered.
    #[tokio::test]
    async fn a_delivery_reads_the_beginning_only() {
        let endless = || {
            let chunks = futures::stream::repeat_with(|| Ok::<_, std::io::Error>(vec![b'x'; 1000]));
            (StatusCode::CREATED, axum::body::Body::from_stream(chunks))
        };
        let dribbling = || {
            let first = futures::stream::iter([Ok::<_, std::io::Error>(vec![b'y'; 3])]);
            axum::body::Body::from_stream(futures::StreamExt::chain(first, futures::stream::pending()))
        };
        let router = Router::new()
            .route("/endless", axum::routing::post(async move || endless()))
            .route("/dribbling", axum::routing::post(async move || dribbling()))
            .route("/slow", axum::routing::post(async || tokio::time::sleep(Duration::from_secs(30)).await));
        let running = Listener::bind("127.0.0.1:0".parse().unwrap()).await.unwrap().spawn(router, Door::default());
        let url: Url = format!("http://localhost:{}/", running.address().port()).parse().unwrap();
        let fetcher = Fetcher::new(Policy::Loopback, Limits::default()).unwrap();
        let deliver = async |path: &str| {
            let headers = [("user-agent", "Test/1")];
            let within = Duration::from_millis(300);
            fetcher.deliver(&url.join(path).unwrap(), &headers, b"{}".to_vec(), within, 16).await
        };
        let answered = deliver("endless").await.unwrap();
        assert_eq!((answered.status.as_u16(), answered.excerpt), (201, vec![b'x'; 16]));
        let answered = deliver("dribbling").await.unwrap();
        assert_eq!((answered.status.as_u16(), answered.excerpt), (200, b"yyy".to_vec()));
        assert!(matches!(deliver("slow").await, Err(Error::Timeout { .. })));
        let inside = Fetcher::new(Policy::Public, Limits::default()).unwrap();
        let refused = inside.deliver(&url, &[], Vec::new(), Duration::from_secs(1), 0).await;
        assert!(matches!(refused, Err(Error::NotAllowed { .. })), "{refused:?}");
    }

    #[tokio::test]
    async fn a_closed_port_is_unreachable_and_the_query_stays_private() {
        let listener = Listener::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let url: Url = format!("http://{}/x?code=secret", listener.address()).parse().unwrap();
        drop(listener);
        let error = fetcher(Policy::Loopback).get(&url, "*/*").await.unwrap_err();
        assert!(matches!(error, Error::Unreachable { .. }), "{error:?}");
        assert!(!format!("{error:?}").contains("secret"), "{error:?}");
    }
}
