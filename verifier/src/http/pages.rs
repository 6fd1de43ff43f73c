//! For people: the partner's page, the QR code, the result.

use std::sync::{Arc, LazyLock};

use axum::extract::{OriginalUri, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use maud::html;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use warifu_server::Now;
use warifu_server::extract::{Form, Json, Path};
use warifu_server::page::Page;
use warifu_server::page::components::{self, CheckRow, Field, QrPanel, Tone};
use warifu_server::text::{Catalogue, Lang, Words};

use crate::Verifier;
use crate::presentation::{Check, CheckName, Outcome, Report};
use crate::request::{Created, NewRequest, Record, RequestError, Stage};

static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| {
    let files = [(Lang::En, include_str!("../../locales/en.ftl")), (Lang::Ja, include_str!("../../locales/ja.ftl"))];
    #[expect(clippy::expect_used, reason = "the catalogues are compiled in and a test parses them")]
    Catalogue::new(&files).expect("the catalogues parse")
});

/// The shell of every page of this verifier.
fn page<'w>(verifier: &Verifier, words: Words<'w>, title: &str) -> Page<'w> {
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
        @for policy in &verifier.config.policies {
            form method="post" action={ "/" (lang) "/request" } {
                input type="hidden" name="policy" value=(policy.name);
                button type="submit" class=(if Some(policy) == verifier.config.policies.first() { "button" } else { "button secondary" }) {
                    (say_or(&words, &format!("policy-{}", policy.name), &policy.purpose))
                }
            }
        }
        p { (words.say("start-note")) }
    };
    page(&verifier, words, &words.say("start-title")).at(&address).main(content).into_response()
}

#[derive(Debug, Deserialize)]
pub(super) struct Begin {
    policy: Option<String>,
}

/// `POST /{lang}/request`: makes a request and goes to its page.
pub(super) async fn begin(
    State(verifier): State<Arc<Verifier>>,
    Now(now): Now,
    Path(lang): Path<Lang>,
    Form(begin): Form<Begin>,
) -> Response {
    match verifier.create_request(NewRequest { policy: begin.policy, ..NewRequest::default() }, now).await {
        Ok(Created { request_id, .. }) => Redirect::to(&format!("/{lang}/request/{request_id}")).into_response(),
        Err(error) => error.into_response(),
    }
}

/// `GET /{lang}/request/{id}`: the QR code while the request is open, the result afterwards.
pub(super) async fn request(
    State(verifier): State<Arc<Verifier>>,
    Now(now): Now,
    Path((lang, id)): Path<(Lang, String)>,
    OriginalUri(address): OriginalUri,
) -> Response {
    let words = CATALOGUE.words(lang);
    let record = match verifier.request(&id, now).await {
        Ok(record) => record,
        Err(RequestError::NotFound) => {
            let content =
                components::notice(&words, Tone::Stop, &words.say("gone-title"), &words.say("gone-text"), None);
            return page(&verifier, words, &words.say("gone-title"))
                .status(StatusCode::NOT_FOUND)
                .main(content)
                .into_response();
        }
        Err(error) => return error.into_response(),
    };
    let again = html! { p { a class="button secondary" href={ "/" (lang) "/" } { (words.say("again")) } } };
    let (title, content) = match &record.stage {
        Stage::Opened { .. } | Stage::Fetched { .. } => {
            let link = verifier.link(&record);
            let poll = format!("/request/{id}/state?lang={lang}");
            let panel = components::qr_panel(
                &words,
                &QrPanel {
                    payload: &link,
                    link: None,
                    expires: Some(record.expires),
                    poll: Some(&poll),
                    waiting: &words.say(waiting(&record.stage)),
                },
            );
            let code = components::code_block(&words, "request-link", &words.say("link-label"), &link);
            (
                words.say("scan-title"),
                html! { p { (words.say("scan-lead")) " " strong { (record.purpose) } } (panel) (code) },
            )
        }
        Stage::Answered { report } => (
            words.say(if report.is_accepted() { "accepted-title" } else { "refused-title" }),
            html! { (result(&words, report)) (again) },
        ),
        Stage::Refused => (
            words.say("denied-title"),
            html! { (components::notice(&words, Tone::Warn, &words.say("denied-title"), &words.say("denied-text"), None)) (again) },
        ),
        Stage::Failed { .. } => (
            words.say("refused-title"),
            html! { (components::notice(&words, Tone::Stop, &words.say("refused-title"), &words.say("failed-text"), None)) (again) },
        ),
        Stage::Expired => (
            words.say("expired-title"),
            html! { (components::notice(&words, Tone::Warn, &words.say("expired-title"), &words.say("expired-text"), None)) (again) },
        ),
    };
    page(&verifier, words, &title)
        .at(&address)
        .script(warifu_server::assets::Script::Poll)
        .script(warifu_server::assets::Script::Copy)
        .form_may_lead_to("openid4vp:")
        .main(content)
        .into_response()
}

/// The claims and every check of an answer.
fn result(words: &Words<'_>, report: &Report) -> maud::Markup {
    let accepted = report.is_accepted();
    let values: Vec<(String, String)> =
        report.claims.iter().flat_map(|(name, value)| rows(words, name, value)).collect();
    let fields: Vec<Field<'_>> = values
        .iter()
        .map(|(label, value)| Field {
            label,
            value,
            source: report.issuer.as_deref().unwrap_or_default(),
            confidence: None,
        })
        .collect();
    let checks: Vec<(String, &Check)> = report
        .checks
        .iter()
        .map(|check| (words.say(&format!("check-{}", check.name.word().replace('_', "-"))), check))
        .collect();
    let rows: Vec<CheckRow<'_>> = checks
        .iter()
        .map(|(name, check)| CheckRow {
            name,
            value: "",
            threshold: "",
            outcome: match check.outcome {
                Outcome::Pass => components::Outcome::Pass,
                Outcome::Fail => components::Outcome::Fail,
                Outcome::NotRun => components::Outcome::NotPerformed,
            },
            why: &check.detail,
        })
        .collect();
    html! {
        @if accepted {
            (components::proven())
            p { (words.say("accepted-text")) }
            (components::fields(&fields))
        } @else {
            (components::notice(words, Tone::Stop, &words.say("refused-title"), &failure(words, report), None))
        }
        (components::checks(words, &words.say("checks-caption"), &rows))
    }
}

fn failure(words: &Words<'_>, report: &Report) -> String {
    report.failure().map_or_else(
        || words.say("failed-text"),
        |check| match check.name {
            CheckName::SelfieReauth => words.say("failed-selfie"),
            CheckName::NotRevoked | CheckName::NotExpired => words.say("failed-validity"),
            CheckName::IssuerTrusted => words.say("failed-issuer"),
            CheckName::Signature
            | CheckName::KeyBinding
            | CheckName::Aud
            | CheckName::Nonce
            | CheckName::AlgAllowed
            | CheckName::QuerySatisfied => words.say("failed-text"),
        },
    )
}

/// A claim in words; objects become a row a member.
fn rows(words: &Words<'_>, name: &str, value: &Value) -> Vec<(String, String)> {
    let label = say_or(words, &format!("claim-{}", name.replace('_', "-")), name);
    match value {
        Value::Object(members) => members
            .iter()
            .flat_map(|(member, value)| rows(words, member, value))
            .map(|(member, value)| (format!("{label} · {member}"), value))
            .collect(),
        Value::Array(items) => {
            vec![(label, items.iter().map(text).collect::<Vec<_>>().join(", "))]
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            let shown = match value {
                Value::Bool(true) => words.say("yes"),
                Value::Bool(false) => words.say("no"),
                Value::Null | Value::Number(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => text(value),
            };
            vec![(label, shown)]
        }
    }
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A message, or `otherwise` where the catalogue has none.
fn say_or(words: &Words<'_>, id: &str, otherwise: &str) -> String {
    let said = words.say(id);
    if said == id { otherwise.to_owned() } else { said }
}

fn waiting(stage: &Stage) -> &'static str {
    match stage {
        Stage::Opened { .. } => "waiting",
        Stage::Fetched { .. } => "opened",
        Stage::Answered { .. } | Stage::Refused | Stage::Failed { .. } | Stage::Expired => "answered",
    }
}

#[derive(Debug, Serialize)]
pub(super) struct Live {
    state: &'static str,
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// `GET /request/{id}/state`: how the request stands, for the live line of its page.
pub(super) async fn state(
    State(verifier): State<Arc<Verifier>>,
    Now(now): Now,
    Path(id): Path<String>,
    lang: Lang,
) -> Response {
    let record: Record = match verifier.request(&id, now).await {
        Ok(record) => record,
        Err(error) => return error.into_response(),
    };
    let words = CATALOGUE.words(lang);
    let text = words.say(waiting(&record.stage));
    let live = match &record.stage {
        Stage::Opened { .. } => Live { state: "waiting", text, next: None },
        Stage::Fetched { .. } => Live { state: "active", text, next: None },
        Stage::Answered { .. } | Stage::Refused | Stage::Failed { .. } | Stage::Expired => {
            Live { state: "done", text, next: Some(format!("/{lang}/request/{id}")) }
        }
    };
    ([("cache-control", "no-store")], Json(live)).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_languages_say_everything() {
        assert_eq!(CATALOGUE.gaps(), Vec::<String>::new());
        for name in CheckName::ALL {
            let id = format!("check-{}", name.word().replace('_', "-"));
            assert_ne!(CATALOGUE.say(Lang::Ja, &id, &[]), id);
        }
    }
}
