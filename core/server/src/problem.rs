//! The answer to a mistake: a problem document (RFC 9457), or for people a small page.

use std::{fmt, sync::LazyLock};

use axum::{
    http::{HeaderValue, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use maud::html;
use serde::Serialize;

use crate::{
    page::Page,
    run,
    text::{Catalogue, Lang},
};

/// The problems that every server says itself, and the shared messages therefore explain.
const SHARED: [&str; 7] =
    ["not_found", "method_not_allowed", "body_too_large", "file_too_large", "rate_limited", "internal", "timeout"];

/// The shared messages alone: no role is known where its router was not asked. A test reads them.
static WORDS: LazyLock<Option<Catalogue>> = LazyLock::new(|| Catalogue::new(&[]).ok());

/// A refusal in the dialect of our own endpoints.
///
/// Answered as `application/problem+json` with `title` (the phrase of the status), `status`, `detail`, and two
/// members of our own: `code` and `correlation_id`, the name under which the log knows this request. The `type` is
/// `about:blank`, so it is left out (RFC 9457 section 4.2.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The status of the answer.
    pub status: StatusCode,
    /// What a program decides by: stable, in snake case.
    pub code: &'static str,
    /// What a person reads: what was wrong and what to do. No secret, no inner cause.
    pub detail: String,
}

impl Problem {
    /// A problem with this status, code and explanation.
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self { status, code, detail: detail.into() }
    }

    /// 400: the request cannot be understood.
    pub fn bad_request(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, detail)
    }

    /// 404: there is no such thing.
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", detail)
    }

    /// 500, with the cause in the log and not in the answer.
    pub fn internal(cause: &dyn fmt::Display) -> Self {
        tracing::error!(%cause, "internal error");
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "something failed on our side; try again, and name the correlation id if you ask for help",
        )
    }

    /// The problem as a page, where it is one that every server has; `None` where only its role can explain it.
    /// `address` is where the page can be had in another language.
    pub(crate) fn page(&self, lang: Lang, address: Option<&Uri>) -> Option<Response> {
        let words = WORDS.as_ref().filter(|_| SHARED.contains(&self.code))?.words(lang);
        let page = Page::new(words, words.say(&format!("problem-{}", self.code))).status(self.status);
        let page = if let Some(address) = address { page.at(address) } else { page };
        let main = html! {
            p { (words.say(&format!("problem-{}-what", self.code))) }
            div class="actions" { a class="button secondary" href="/" { (words.say("problem-home")) } }
            p class="reference" { code { (self.code) } }
        };
        Some(page.main(main).into_response())
    }
}

#[derive(Serialize)]
struct Document<'a> {
    title: &'a str,
    status: u16,
    code: &'a str,
    detail: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    correlation_id: Option<String>,
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let document = Document {
            title: self.status.canonical_reason().unwrap_or("Problem"),
            status: self.status.as_u16(),
            code: self.code,
            detail: &self.detail,
            correlation_id: run::correlation(),
        };
        // A struct of texts and a number always has a JSON form.
        let body = serde_json::to_vec(&document).unwrap_or_default();
        let json = HeaderValue::from_static("application/problem+json");
        let mut response = (self.status, [(header::CONTENT_TYPE, json)], body).into_response();
        // For the server, which may say it to a person instead.
        response.extensions_mut().insert(self);
        response
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.status.as_u16(), self.code, self.detail)
    }
}

impl std::error::Error for Problem {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shared_problems_are_explained_in_every_language() {
        let catalogue = Catalogue::new(&[]).unwrap();
        for lang in Lang::ALL {
            for code in SHARED {
                for id in [format!("problem-{code}"), format!("problem-{code}-what")] {
                    assert_ne!(catalogue.words(lang).say(&id), id, "{lang}");
                }
            }
        }
        let own = Problem::bad_request("own_code", "what only the role knows");
        assert!(own.page(Lang::En, None).is_none());
    }
}
