//! For people: the partner's page, the QR code, the result.

use std::sync::{Arc, LazyLock};

use axum::extract::{OriginalUri, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use serde::{Deserialize, Serialize};
use warifu_server::Now;
use warifu_server::assets::Script;
use warifu_server::extract::{Form, Json, Path, Query};
use warifu_server::page::Page;
use warifu_server::page::components::{self, QrPanel, Tone};
use warifu_server::text::{Catalogue, Lang, Words};

use super::cookie::{self, Cookies};
use super::result::result;
use super::{confirm, digital};
use crate::Verifier;
use crate::policy::Policy;
use crate::request::{Delivery, Record, RequestError, Stage};
use crate::transaction::{TransactionId, Viewer};

static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| {
    let files = [(Lang::En, include_str!("../../locales/en.ftl")), (Lang::Ja, include_str!("../../locales/ja.ftl"))];
    #[expect(clippy::expect_used, reason = "the catalogues are compiled in and a test parses them")]
    Catalogue::new(&files).expect("the catalogues parse")
});

/// The messages in a language.
pub(super) fn words(lang: Lang) -> Words<'static> {
    CATALOGUE.words(lang)
}

/// The shell of every page of this verifier.
pub(super) fn page<'w>(verifier: &Verifier, words: Words<'w>, title: &str) -> Page<'w> {
    let page = Page::new(words, title).role(&verifier.config.name);
    if verifier.config.sandbox { page.sandbox() } else { page }
}

/// `GET /`: to the page in the reader's language.
pub(super) async fn front(lang: Lang) -> Redirect {
    Redirect::to(&format!("/{lang}/"))
}

/// `GET /{lang}/`: what the partner asks for, one button a policy.
pub(super) async fn start(
    State(verifier): State<Arc<Verifier>>,
    Path(lang): Path<Lang>,
    OriginalUri(address): OriginalUri,
) -> Response {
    let words = CATALOGUE.words(lang);
    let content = html! {
        p { (words.fill("start-lead", &[("name", verifier.config.name.as_str().into())])) }
        @for (at, policy) in verifier.config.policies.iter().enumerate() {
            form method="post" action={ "/" (lang) "/request" } {
                input type="hidden" name="policy" value=(policy.name);
                button type="submit" class=(if at == 0 { "button" } else { "button secondary" }) {
                    (button(&words, policy))
                }
            }
        }
        p { (words.say("start-note")) }
    };
    page(&verifier, words, &words.say("start-title")).at(&address).main(content).into_response()
}

/// What a policy is for: our own words for our own policies, the partner's for theirs.
fn button(words: &Words<'_>, policy: &Policy) -> String {
    if Policy::BUILT_IN.contains(&policy.name.as_str()) {
        words.say(&format!("policy-{}", policy.name))
    } else {
        policy.purpose_in(words.lang.tag()).to_owned()
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct Begin {
    policy: Option<String>,
}

/// `POST /{lang}/request`: makes a request that belongs to this browser, and goes to its page.
pub(super) async fn begin(
    State(verifier): State<Arc<Verifier>>,
    Now(now): Now,
    Path(lang): Path<Lang>,
    Form(begin): Form<Begin>,
) -> Response {
    match verifier.begin(begin.policy, now).await {
        Ok(begun) => to_page(&verifier, lang, &begun.request_id, Some(&begun.transaction)),
        Err(error) => explain(&verifier, lang, error),
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct Shown {
    /// What makes this the browser of the request.
    ticket: Option<String>,
    /// A confirmation code was wrong, and so many tries are left.
    wrong: Option<u8>,
}

/// `GET /{lang}/request/{id}`: the QR code while the request is open; afterwards the result, for the browser it belongs
/// to. With `ticket`, makes this that browser and goes to the address without.
pub(super) async fn request(
    State(verifier): State<Arc<Verifier>>,
    Now(now): Now,
    Path((lang, id)): Path<(Lang, String)>,
    Query(Shown { ticket, wrong }): Query<Shown>,
    cookies: Cookies,
    OriginalUri(address): OriginalUri,
) -> Response {
    let answer = match ticket {
        Some(ticket) => exchange(&verifier, lang, &id, &ticket, now).await,
        None => {
            let seen = async {
                let record = verifier.request(&id, now).await?;
                let viewer = verifier.viewer(&id, cookies.transaction(&id).as_ref()).await?;
                Ok((record, viewer))
            };
            seen.await
                .map(|(record, viewer)| shown(&verifier, lang, &record, viewer, wrong).at(&address).into_response())
        }
    };
    answer.unwrap_or_else(|error| explain(&verifier, lang, error))
}

async fn exchange(
    verifier: &Verifier,
    lang: Lang,
    id: &str,
    ticket: &str,
    now: jiff::Timestamp,
) -> Result<Response, RequestError> {
    let transaction = match TransactionId::parse(ticket) {
        Some(ticket) => verifier.exchange_ticket(id, &ticket, now).await?,
        None => None,
    };
    // A ticket that opens nothing still leads to the page, as a stranger sees it.
    Ok(to_page(verifier, lang, id, transaction.as_ref()))
}

/// To the page of a request, with the browser's secret if it got one.
fn to_page(verifier: &Verifier, lang: Lang, id: &str, transaction: Option<&TransactionId>) -> Response {
    let page = Redirect::to(&format!("/{lang}/request/{id}"));
    match transaction {
        Some(transaction) => ([cookie::set(&verifier.config, id, transaction)], page).into_response(),
        None => page.into_response(),
    }
}

/// The page of a request.
fn shown(verifier: &Verifier, lang: Lang, record: &Record, viewer: Viewer, wrong: Option<u8>) -> Page<'static> {
    let words = CATALOGUE.words(lang);
    let told = |tone, title: &str, text: &str| {
        let notice = components::notice(&words, tone, &words.say(title), &words.say(text), None);
        html! { (notice) (onward(&words, record, viewer)) }
    };
    let (title, content) = match (&record.stage, viewer) {
        (Stage::Opened { .. } | Stage::Fetched { .. }, _) => ("scan-title", scan(verifier, &words, record, viewer)),
        (Stage::Unconfirmed(waiting), Viewer::Beginner) => {
            ("confirm-title", confirm::waiting(&words, record, waiting, wrong))
        }
        (Stage::Expired, _) => ("expired-title", told(Tone::Warn, "expired-again", "expired-text")),
        (Stage::Unconfirmed(_) | Stage::Answered { .. } | Stage::Refused | Stage::Failed { .. }, Viewer::Stranger) => {
            ("answered-title", told(Tone::Quiet, "answered-elsewhere", "answered-text"))
        }
        (Stage::Answered { report, .. }, Viewer::Beginner) => (
            if report.is_accepted() { "accepted-title" } else { "refused-title" },
            html! { (result(&words, record, report)) (onward(&words, record, viewer)) },
        ),
        (Stage::Refused, Viewer::Beginner) => ("denied-title", told(Tone::Warn, "denied-again", "denied-text")),
        (Stage::Failed { reason }, Viewer::Beginner) => {
            let text = match reason.as_str() {
                "other_browser" => "failed-other-browser",
                "wrong_confirmation_code" => "failed-confirmation",
                _ => "malformed-text",
            };
            ("refused-title", told(Tone::Stop, "not-accepted-title", text))
        }
    };
    page(verifier, words, &words.say(title))
        .script(Script::Poll)
        .script(Script::Copy)
        .script_at(digital::script_address())
        .form_may_lead_to("openid4vp:")
        .main(content)
}

/// The QR code with everything around it, and a way by the browser itself for the one that the request belongs to.
fn scan(verifier: &Verifier, words: &Words<'_>, record: &Record, viewer: Viewer) -> Markup {
    let link = verifier.link_on_screen(record);
    let poll = format!("/request/{}/state?lang={}", record.id, words.lang);
    let on_device = verifier.link_on_device(record);
    let here = components::same_device(verifier.config.same_device.as_ref(), &on_device).unwrap_or(on_device);
    let panel = QrPanel {
        payload: &link,
        link: Some(&here),
        expires: Some(record.expires),
        poll: Some(&poll),
        waiting: &words.say(waiting(&record.stage)),
    };
    html! {
        p { (words.say("scan-lead")) " " strong { (record.purpose_in(words.lang.tag())) } }
        @if viewer == Viewer::Beginner { (by_browser(words, record)) }
        // The link of a request by value is the same for all; a partner that has it alone knows to whom it was given.
        @if matches!(record.delivery, Delivery::ByValue { .. }) && record.partner.is_some() {
            section data-poll=(poll) {
                p class="live" role="status" aria-live="polite" data-poll-text {
                    span class="pulse" aria-hidden="true" {}
                    span data-poll-words { (words.say(waiting(&record.stage))) }
                }
            }
        } @else {
            (components::qr_panel(words, &panel))
            (components::code_block(words, "request-link", &words.say("link-label"), &link))
        }
    }
}

/// The button that asks the browser for a wallet; shown by its script where the browser can.
fn by_browser(words: &Words<'_>, record: &Record) -> Markup {
    html! {
        section hidden data-digital={ "/request/" (record.id) "/digital" }
            data-nothing=(words.say("digital-nothing")) data-failed=(words.say("digital-failed")) {
            button type="button" class="button" { (words.say("digital-button")) }
            p role="status" aria-live="polite" data-digital-words {}
        }
    }
}

/// Back to where the person came from, for the browser that the request belongs to; else to the start of this page.
fn onward(words: &Words<'_>, record: &Record, viewer: Viewer) -> Markup {
    match record.return_url.as_ref().filter(|_| viewer == Viewer::Beginner) {
        None => again(words),
        Some(url) => html! {
            p { a class="button" href=(url) { (words.fill("return", &[("host", url.host_str().unwrap_or_default().into())])) } }
        },
    }
}

fn again(words: &Words<'_>) -> Markup {
    html! { p { a class="button secondary" href={ "/" (words.lang) "/" } { (words.say("again")) } } }
}

/// The page for what went wrong at an address for people, with the way back to the start.
pub(super) fn explain(verifier: &Verifier, lang: Lang, error: RequestError) -> Response {
    let words = CATALOGUE.words(lang);
    let (status, title, text) = match &error {
        RequestError::Store(_) | RequestError::Make(_) => {
            tracing::error!(%error, "a page could not be shown");
            (StatusCode::INTERNAL_SERVER_ERROR, "broken-title", "broken-text")
        }
        RequestError::UnknownPolicy(_)
        | RequestError::PolicyAndQuery
        | RequestError::Query(_)
        | RequestError::Purpose(_)
        | RequestError::Reauth(_)
        | RequestError::ClientIdPrefix(_)
        | RequestError::ResponseMode(_)
        | RequestError::RequestUriMethod(_)
        | RequestError::Unregistered(_)
        | RequestError::RegistrationExpired { .. }
        | RequestError::Wallet(_)
        | RequestError::Protocols
        | RequestError::ReturnUrl
        | RequestError::Language(_)
        | RequestError::Response(_) => (StatusCode::BAD_REQUEST, "unknown-policy-title", "unknown-policy-text"),
        RequestError::NotFound
        | RequestError::Expired
        | RequestError::OutOfTurn
        | RequestError::NotAnswered
        | RequestError::Collected => (StatusCode::NOT_FOUND, "gone-title", "gone-text"),
        RequestError::ResponseCode
        | RequestError::ConfirmationCode { .. }
        | RequestError::OtherBrowser
        | RequestError::OtherOrigin => (StatusCode::FORBIDDEN, "not-confirmed-title", "response-code-text"),
    };
    let content = html! {
        p { (words.say(text)) }
        p { a class="button" href={ "/" (words.lang) "/" } { (words.say("to-start")) } }
    };
    page(verifier, words, &words.say(title)).status(status).main(content).into_response()
}

fn waiting(stage: &Stage) -> &'static str {
    match stage {
        Stage::Opened { .. } => "waiting",
        Stage::Fetched { .. } => "opened",
        Stage::Unconfirmed(_) => "unconfirmed",
        Stage::Answered { .. } | Stage::Refused | Stage::Failed { .. } | Stage::Expired => "answered",
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct Seen {
    seen: Option<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct Live {
    state: &'static str,
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// `GET /request/{id}/state`: how the request stands, for the live line of its page. Anybody who knows the identifier
/// may ask, so it tells that an answer came and not which. `seen=unconfirmed` asks from the page that waits for the
/// confirmation, which is to stay until that has come.
pub(super) async fn state(
    State(verifier): State<Arc<Verifier>>,
    Now(now): Now,
    Path(id): Path<String>,
    Query(Seen { seen }): Query<Seen>,
    lang: Lang,
) -> Result<Response, RequestError> {
    let record = verifier.request(&id, now).await?;
    let text = CATALOGUE.words(lang).say(waiting(&record.stage));
    let live = match &record.stage {
        Stage::Opened { .. } => Live { state: "waiting", text, next: None },
        Stage::Fetched { .. } => Live { state: "active", text, next: None },
        Stage::Unconfirmed(_) if seen.as_deref() == Some("unconfirmed") => Live { state: "active", text, next: None },
        Stage::Unconfirmed(_) | Stage::Answered { .. } | Stage::Refused | Stage::Failed { .. } | Stage::Expired => {
            Live { state: "done", text, next: Some(format!("/{lang}/request/{id}")) }
        }
    };
    Ok(([("cache-control", "no-store")], Json(live)).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::CheckName;
    use crate::http::result::check_id;

    #[test]
    fn both_languages_say_everything() {
        assert_eq!(CATALOGUE.gaps(), Vec::<String>::new());
        let policies = Policy::BUILT_IN.map(|name| format!("policy-{name}"));
        let checks = CheckName::ALL.map(check_id);
        let checks = checks.iter().flat_map(|id| ["", "-pass", "-fail"].map(|end| format!("{id}{end}")));
        for id in policies.into_iter().chain(checks) {
            for lang in Lang::ALL {
                assert_ne!(CATALOGUE.say(lang, &id, &[]), id);
            }
        }
    }
}
