//! The way back from the wallet: the address with the response code, and the form for the confirmation code (see
//! [`crate::confirmation`]).

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use serde::Deserialize;
use warifu_server::Now;
use warifu_server::extract::{Form, Path, Query};
use warifu_server::page::components::{self, Tone};
use warifu_server::text::{Lang, Words};

use super::cookie::Cookies;
use super::pages::{explain, page, words};
use crate::Verifier;
use crate::confirmation::{ConfirmedBy, Returned, Unconfirmed};
use crate::request::{Record, RequestError};
use crate::transaction::TransactionId;

#[derive(Debug, Deserialize)]
pub(super) struct Brought {
    response_code: Option<String>,
}

/// `GET /request/{id}/return`: where a wallet sends its user's browser (OpenID4VP 1.0 section 8.2). The browser that began
/// goes on to the result; one that has only the code is shown what the other one must be told, or refused.
pub(super) async fn come_back(
    State(verifier): State<Arc<Verifier>>,
    Now(now): Now,
    Path(id): Path<String>,
    Query(Brought { response_code }): Query<Brought>,
    cookies: Cookies,
    lang: Lang,
) -> Response {
    let to_page = || Redirect::to(&format!("/{lang}/request/{id}")).into_response();
    // A denial comes back without a code.
    let Some(code) = response_code else { return to_page() };
    let code = TransactionId::parse(&code).ok_or(RequestError::ResponseCode);
    let returned = match code {
        Ok(code) => verifier.come_back(&id, &code, cookies.transaction(&id).as_ref(), now).await,
        Err(error) => Err(error),
    };
    match returned {
        Ok(Returned::Confirmed) => to_page(),
        Ok(Returned::Code(code)) => shown_code(&verifier, lang, &code),
        Err(error) => refused(&verifier, lang, error),
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct Typed {
    code: String,
}

/// `POST /{lang}/request/{id}/confirm`: the code that the other device shows.
pub(super) async fn confirm(
    State(verifier): State<Arc<Verifier>>,
    Now(now): Now,
    Path((lang, id)): Path<(Lang, String)>,
    cookies: Cookies,
    Form(Typed { code }): Form<Typed>,
) -> Response {
    match verifier.confirm(&id, &code, cookies.transaction(&id).as_ref(), now).await {
        // Told by the page itself, which knows how many tries are left.
        Err(RequestError::ConfirmationCode { left }) if left > 0 => {
            Redirect::to(&format!("/{lang}/request/{id}?wrong={left}")).into_response()
        }
        Ok(()) | Err(RequestError::ConfirmationCode { .. }) => {
            Redirect::to(&format!("/{lang}/request/{id}")).into_response()
        }
        Err(error) => refused(&verifier, lang, error),
    }
}

/// What the browser that began shows while an answer waits for its confirmation.
pub(super) fn waiting(words: &Words<'_>, record: &Record, waiting: &Unconfirmed, wrong: Option<u8>) -> Markup {
    let poll = format!("/request/{}/state?lang={}&seen=unconfirmed", record.id, words.lang);
    let code = waiting.awaits() == ConfirmedBy::ConfirmationCode;
    html! {
        p { (words.say(if code { "confirm-lead" } else { "confirm-return" })) }
        @if let Some(left) = wrong {
            (components::notice(
                words, Tone::Warn, &words.say("confirm-wrong"),
                &words.fill("confirm-left", &[("left", u32::from(left).into())]), None,
            ))
        }
        @if code {
            form method="post" action={ "/" (words.lang) "/request/" (record.id) "/confirm" } {
                label for="confirmation-code" { (words.say("confirm-label")) }
                input #confirmation-code class="code" name="code" type="text" inputmode="numeric" autocomplete="off" required
                    maxlength="12" pattern="[0-9 ]*";
                button type="submit" class="button" { (words.say("confirm-button")) }
            }
        }
        section data-poll=(poll) data-state="active" {
            p class="live" role="status" aria-live="polite" data-poll-text {
                span class="pulse" aria-hidden="true" {}
                span data-poll-words { (words.say("unconfirmed")) }
            }
        }
    }
}

/// The page for the other device: the code, and whom to tell it.
fn shown_code(verifier: &Verifier, lang: Lang, code: &str) -> Response {
    let words = words(lang);
    let (front, back) = code.split_at(code.len() / 2);
    let host = verifier.config.base_url.host_str().unwrap_or_default();
    let content = html! {
        p { (words.fill("code-lead", &[("name", verifier.config.name.as_str().into())])) }
        p class="tx-code" id="confirmation-code" { code { (front) " " (back) } }
        p { (words.fill("code-where", &[("host", host.into())])) }
        p { (words.say("code-warning")) }
    };
    page(verifier, words, &words.say("code-title")).main(content).into_response()
}

/// What went wrong on the way back, in words of its own where there are any.
fn refused(verifier: &Verifier, lang: Lang, error: RequestError) -> Response {
    let (status, text) = match &error {
        RequestError::OtherBrowser => (StatusCode::FORBIDDEN, "other-browser-text"),
        RequestError::ResponseCode => (StatusCode::FORBIDDEN, "response-code-text"),
        RequestError::OutOfTurn => (StatusCode::CONFLICT, "code-used-text"),
        _ => return explain(verifier, lang, error),
    };
    tracing::info!(%error, "an answer was not confirmed");
    let words = words(lang);
    let content = html! {
        p { (words.say(text)) }
        p { a class="button" href={ "/" (words.lang) "/" } { (words.say("to-start")) } }
    };
    page(verifier, words, &words.say("not-confirmed-title")).status(status).main(content).into_response()
}
