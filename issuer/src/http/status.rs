//! The status lists, for whoever looks a credential up: no key, from any page, in either encoding
//! (draft-ietf-oauth-status-list-20 section 8).

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Deserialize;
use warifu_credential::status::Encoding;
use warifu_server::extract::{Json, Path, Query};
use warifu_server::{Now, Problem};

use super::{Front, api};
use crate::Error;
use crate::status::Token;

pub(super) fn router() -> Router<Front> {
    Router::new()
        .route("/status", get(lists))
        .route("/status/{list}", get(list))
        .route("/status/{list}/bitstring", get(bitstring))
}

/// Who may read the lists: everyone (draft-20 section 8.1 asks for CORS).
const ANYONE: (header::HeaderName, HeaderValue) = (header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));

/// `GET /status`: where all lists are.
async fn lists(State(front): State<Front>) -> Result<Response, Problem> {
    let lists = front.0.status_lists().await.map_err(|error| problem(&error))?;
    let age = format!("public, max-age={}", front.0.config().status_ttl.as_secs());
    Ok(([ANYONE], [(header::CACHE_CONTROL, age)], Json(lists.to_json())).into_response())
}

/// The moment that is asked about, in seconds since 1970.
#[derive(Deserialize)]
struct Moment {
    time: Option<i64>,
}

/// `GET /status/{n}`: a status list token, as JWT or CWT; with `?time=` as it was then.
async fn list(
    State(front): State<Front>,
    Now(now): Now,
    Path(list): Path<u32>,
    Query(moment): Query<Moment>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let encoding = encoding(&headers).ok_or_else(|| {
        let detail = "status lists are application/statuslist+jwt and application/statuslist+cwt";
        Problem::new(StatusCode::NOT_ACCEPTABLE, "not_acceptable", detail)
    })?;
    let token = match moment.time {
        None => front.0.status_list(list, encoding, now).await,
        Some(time) => front.0.status_list_at(list, encoding, time, now).await.map(Arc::new),
    };
    let token = token.map_err(|error| problem(&error))?;
    Ok(answer(&token, &headers))
}

/// `GET /status/{n}/bitstring`: the same list for W3C credentials, as a signed credential.
async fn bitstring(State(front): State<Front>, Now(now): Now, Path(list): Path<u32>) -> Result<Response, Problem> {
    let made = front.0.bitstring_status_list(list, now).await.map_err(|error| problem(&error))?;
    let age = format!("public, max-age={}", front.0.config().status_ttl.as_secs());
    let described = [(header::CONTENT_TYPE, HeaderValue::from_static("application/vc")), ANYONE];
    Ok((described, [(header::CACHE_CONTROL, age)], made.to_string()).into_response())
}

fn answer(token: &Token, headers: &HeaderMap) -> Response {
    let age = format!("public, max-age={}", token.max_age.as_secs());
    let described = [
        (header::CONTENT_TYPE, HeaderValue::from_static(token.encoding.media_type())),
        (header::VARY, HeaderValue::from_static("accept, accept-encoding")),
        ANYONE,
    ];
    let fresh = [(header::CACHE_CONTROL, age)];
    match &token.gzip {
        Some(gzip) if weight(headers, &header::ACCEPT_ENCODING, &["gzip", "*"]) > 0 => {
            (described, fresh, [(header::CONTENT_ENCODING, "gzip")], gzip.clone()).into_response()
        }
        Some(_) | None => (described, fresh, token.bytes.clone()).into_response(),
    }
}

/// The encoding that the caller likes best; a JWT where it is all the same.
fn encoding(headers: &HeaderMap) -> Option<Encoding> {
    if !headers.contains_key(header::ACCEPT) {
        return Some(Encoding::Jwt);
    }
    let weight =
        |encoding: Encoding| weight(headers, &header::ACCEPT, &[encoding.media_type(), "application/*", "*/*"]);
    let (jwt, cwt) = (weight(Encoding::Jwt), weight(Encoding::Cwt));
    match jwt.max(cwt) {
        0 => None,
        best if best == jwt => Some(Encoding::Jwt),
        _ => Some(Encoding::Cwt),
    }
}

/// The weight that a list header gives to the first of `names` it has, in thousandths; 0 where it has none (RFC 9110
/// section 12.4.2).
fn weight(headers: &HeaderMap, name: &header::HeaderName, names: &[&str]) -> u16 {
    let items =
        || headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).flat_map(|text| text.split(','));
    let of = |wanted: &&str| {
        items().find_map(|item| {
            let mut parts = item.split(';').map(str::trim);
            let named = parts.next().is_some_and(|found| found.eq_ignore_ascii_case(wanted));
            let q = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
            let weight = q.map_or(1.0, |q| q.trim().parse::<f32>().unwrap_or(0.0));
            // At most 1000, so it fits.
            named.then_some((weight.clamp(0.0, 1.0) * 1000.0).round() as u16)
        })
    };
    names.iter().find_map(of).unwrap_or(0)
}

fn problem(error: &Error) -> Problem {
    let status = api::status(error);
    let code = match error {
        Error::NoSuchList => "no_such_list",
        Error::NoHistory => "no_history",
        Error::NotInHistory => "not_in_history",
        _ => "internal",
    };
    // Whether history is kept is no failure, though it has a status above 500.
    let text = if matches!(error, Error::NoHistory) { error.to_string() } else { api::text_of(error, status) };
    Problem::new(status, code, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_caller_chooses_the_encoding() {
        let check = |accept: &[&str], expected: Option<Encoding>| {
            let mut headers = HeaderMap::new();
            for value in accept {
                headers.append(header::ACCEPT, HeaderValue::from_str(value).unwrap());
            }
            assert_eq!(encoding(&headers), expected, "{accept:?}");
        };
        const JWT: &str = "application/statuslist+jwt";
        const CWT: &str = "application/statuslist+cwt";
        check(&[], Some(Encoding::Jwt));
        check(&["*/*"], Some(Encoding::Jwt));
        check(&["application/*"], Some(Encoding::Jwt));
        check(&[JWT], Some(Encoding::Jwt));
        check(&[CWT], Some(Encoding::Cwt));
        check(&["Application/StatusList+CWT"], Some(Encoding::Cwt));
        check(&[CWT, JWT], Some(Encoding::Jwt));
        check(&["application/statuslist+jwt, application/statuslist+cwt;q=0.5"], Some(Encoding::Jwt));
        check(&["application/statuslist+jwt;q=0.4 , application/statuslist+cwt ; q=0.5"], Some(Encoding::Cwt));
        check(&["application/statuslist+jwt;q=0, */*"], Some(Encoding::Cwt));
        check(&["text/html"], None);
        check(&["application/statuslist+jwt;q=0"], None);
        check(&["application/statuslist+jwt;q=many"], None);
        check(&[""], None);
    }
}
