//! How often one caller may call: a token bucket per key, told to the caller in `X-RateLimit-*` headers.
//!
//! Left out on purpose: headers such as `x-forwarded-for`, which anyone can write. Behind a reverse proxy all callers
//! without a known key come from its address and share a bucket.

use std::{
    collections::HashMap,
    fmt,
    net::{IpAddr, Ipv6Addr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use axum::{
    extract::{ConnectInfo, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode},
    middleware::Next,
    response::{IntoResponse, Response},
};

use crate::{Problem, extract::ApiKey};

/// Most callers remembered at once. Beyond it, those whose bucket is full again are forgotten first.
const CALLERS: usize = 100_000;

/// So many calls in so much time, all at once if the caller likes.
#[derive(Clone, Copy, Debug)]
pub struct Rate {
    /// Size of the bucket.
    pub calls: u32,
    /// Time in which an empty bucket fills up.
    pub per: Duration,
}

/// Counts calls by key. Cheap to clone; clones share the count.
#[derive(Clone)]
pub struct Limiter {
    rate: Rate,
    known: Option<Arc<Known>>,
    buckets: Arc<Mutex<HashMap<String, Bucket>>>,
}

/// Whether a role knows an API key.
type Known = dyn Fn(&ApiKey) -> bool + Send + Sync;

impl fmt::Debug for Limiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Limiter({:?})", self.rate)
    }
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    left: f64,
    at: Instant,
}

/// What one call found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Standing {
    /// Whether the call may go on.
    pub allowed: bool,
    /// Size of the bucket.
    pub limit: u32,
    /// Whole calls left after this one.
    pub remaining: u32,
    /// Time until the next call is allowed; zero while some remain.
    pub retry_after: Duration,
    /// Time until the bucket is full.
    pub full_in: Duration,
}

impl Limiter {
    /// A limiter in which every key starts with a full bucket.
    #[must_use]
    pub fn new(rate: Rate) -> Self {
        Self { rate, known: None, buckets: Arc::default() }
    }

    /// The same, with a bucket for each API key that the role knows, wherever it is used from. Any other key counts for
    /// nothing, or whoever invents keys would have as many buckets.
    #[must_use]
    pub fn by_key(mut self, known: impl Fn(&ApiKey) -> bool + Send + Sync + 'static) -> Self {
        self.known = Some(Arc::new(known));
        self
    }

    /// Takes a call out of the bucket of `key`.
    #[must_use]
    pub fn call(&self, key: &str, now: Instant) -> Standing {
        let size = f64::from(self.rate.calls.max(1));
        let refill = size / self.rate.per.as_secs_f64().max(0.001);
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let level = |bucket: &Bucket| {
            let passed = now.saturating_duration_since(bucket.at).as_secs_f64();
            (bucket.left + passed * refill).min(size)
        };
        if buckets.len() >= CALLERS && !buckets.contains_key(key) {
            buckets.retain(|_, bucket| level(bucket) < size);
            if buckets.len() >= CALLERS {
                // Many strangers at once: the newcomer waits rather than the memory growing.
                return Standing {
                    allowed: false,
                    limit: self.rate.calls,
                    remaining: 0,
                    retry_after: self.rate.per,
                    full_in: self.rate.per,
                };
            }
        }
        let bucket = buckets.entry(key.to_owned()).or_insert(Bucket { left: size, at: now });
        let mut left = level(bucket);
        let allowed = left >= 1.0;
        if allowed {
            left -= 1.0;
        }
        *bucket = Bucket { left, at: now };
        let until = |calls: f64| Duration::from_secs_f64(((calls - left) / refill).max(0.0));
        Standing {
            allowed,
            limit: self.rate.calls,
            remaining: whole(left),
            retry_after: if left >= 1.0 { Duration::ZERO } else { until(1.0) },
            full_in: until(size),
        }
    }
}

impl Standing {
    fn headers(self, headers: &mut HeaderMap) {
        let reset = SystemTime::now() + self.full_in;
        let reset = reset.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let mut put = |name, number: u64| {
            headers.insert(HeaderName::from_static(name), HeaderValue::from(number));
        };
        put("x-ratelimit-limit", self.limit.into());
        put("x-ratelimit-remaining", self.remaining.into());
        put("x-ratelimit-reset", reset);
        if !self.allowed {
            put("retry-after", self.retry_after.as_secs().max(1));
        }
    }
}

/// Middleware: `router.layer(axum::middleware::from_fn_with_state(limiter, limit::by_caller))`.
///
/// Calls count by the address of the connection, or by an API key that the role knows ([`Limiter::by_key`]). A caller
/// beyond the rate gets a 429 problem; every answer carries `X-RateLimit-Limit`, `-Remaining` and `-Reset` (seconds
/// since the epoch).
pub async fn by_caller(State(limiter): State<Limiter>, request: Request, next: Next) -> Response {
    let standing = limiter.call(&limiter.caller(&request), Instant::now());
    let mut response = if standing.allowed {
        next.run(request).await
    } else {
        let wait = standing.retry_after.as_secs().max(1);
        let detail = format!("too many requests; try again in {wait} s");
        Problem::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited", detail).into_response()
    };
    standing.headers(response.headers_mut());
    response
}

impl Limiter {
    fn caller(&self, request: &Request) -> String {
        let known = |key: &ApiKey| self.known.as_ref().is_some_and(|known| known(key));
        if let Some(key) = ApiKey::from_headers(request.headers()).filter(known) {
            return key.hash().to_string();
        }
        match request.extensions().get::<ConnectInfo<SocketAddr>>() {
            Some(ConnectInfo(address)) => subscriber(address.ip()).to_string(),
            None => "unknown".to_owned(),
        }
    }
}

/// The second half of an IPv6 address is for its owner to choose (RFC 4291 section 2.5.1), so only the first half counts.
fn subscriber(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
    }
}

/// Between 0 and the size of the bucket, so it fits.
fn whole(calls: f64) -> u32 {
    calls as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_empties_and_fills() {
        let limiter = Limiter::new(Rate { calls: 3, per: Duration::from_secs(60) });
        let start = Instant::now();
        let left: Vec<_> = (0..3).map(|_| limiter.call("a", start).remaining).collect();
        assert_eq!(left, [2, 1, 0]);
        let refused = limiter.call("a", start);
        assert!(!refused.allowed);
        assert_eq!(refused.retry_after.as_secs_f64().round(), 20.0);
        assert!(limiter.call("b", start).allowed, "another caller is not held up");
        assert!(!limiter.call("a", start + Duration::from_secs(19)).allowed);
        assert!(limiter.call("a", start + Duration::from_secs(21)).allowed);
        let rested = limiter.call("a", start + Duration::from_secs(600));
        assert_eq!((rested.allowed, rested.remaining), (true, 2));
    }

    #[test]
    fn only_known_keys_have_a_bucket_of_their_own() {
        let request = |address: &str, key: &str| {
            let mut request = Request::get("/").header("x-api-key", key).body(axum::body::Body::empty()).unwrap();
            request.extensions_mut().insert(ConnectInfo(SocketAddr::new(address.parse().unwrap(), 40_000)));
            request
        };
        let rate = Rate { calls: 3, per: Duration::from_secs(60) };
        let open = Limiter::new(rate);
        let kept = crate::extract::ApiKeyHash::of("known");
        let keyed = open.clone().by_key(move |key| key.is(&kept));
        let check = |limiter: &Limiter, address, key, expected: &str| {
            assert_eq!(limiter.caller(&request(address, key)), expected, "{address} {key}");
        };
        check(&open, "192.0.2.7", "known", "192.0.2.7");
        check(&keyed, "192.0.2.7", "invented", "192.0.2.7");
        check(&keyed, "192.0.2.7", "", "192.0.2.7");
        check(&keyed, "192.0.2.7", "known", &kept.to_string());
        check(&keyed, "192.0.2.8", "known", &kept.to_string());
        check(&open, "2001:db8:1:2:3:4:5:6", "", "2001:db8:1:2::");
        check(&open, "::ffff:192.0.2.7", "", "192.0.2.7");
    }
}
