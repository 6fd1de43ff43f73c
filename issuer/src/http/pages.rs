//! What the hosted pages look like.

use axum::http::Uri;
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};
use serde_json::{Value, json};
use warifu_server::Problem;
use warifu_server::assets::Script;
use warifu_server::page::components::{self, Camera, Capture, CheckRow, Field, Outcome, QrPanel, Subject, Tone};
use warifu_server::page::{Icon, Page};
use warifu_server::run;
use warifu_server::text::{Lang, Words};
use warifu_session::Status;
use warifu_session::share::Scope;

use super::api;
use super::person::Wants;
use crate::kyc::check::{self, Code, Signal};
use crate::kyc::presented::Asked;
use crate::kyc::service::View;
use crate::kyc::threshold::Measure;
use crate::kyc::workflow::{Environment, Kind};
use crate::status::Standing;
use crate::vci::Shown;
use crate::{Error, Issuer, Next};

/// The reason of a check in the reader's language, with what to do.
pub(super) fn reason(issuer: &Issuer, lang: Lang, code: Code) -> String {
    issuer.catalogue.words(lang).say(&format!("reason-{code}"))
}

/// `/`.
pub(super) fn home(issuer: &Issuer, lang: Lang, uri: &Uri) -> Response {
    let words = issuer.catalogue.words(lang);
    let config = issuer.config();
    let page = shell(issuer, words, words.say("home-title"), config.environment).at(uri);
    page.main(html! {
        p { (words.fill("home-what", &[("name", config.name.as_str().into())])) }
        p { (words.say("home-how")) }
        p { (words.fill("home-operator", &[("authority", config.authority.as_str().into()), ("country", config.country.as_str().into())])) }
        p { a href="/.well-known/openid-credential-issuer" { (words.say("home-metadata")) } }
    })
    .into_response()
}

/// The page of a session: whatever it waits for.
pub(super) fn session(
    issuer: &Issuer,
    lang: Lang,
    uri: &Uri,
    view: &View,
    step: Option<&str>,
    note: Option<Code>,
) -> Response {
    let words = issuer.catalogue.words(lang);
    let page = |title: &str| shell(issuer, words, words.say(title), view.environment).at(uri);
    match (view.progress.status, view.progress.next, step) {
        (Status::Expired | Status::Abandoned | Status::KycExpired, _, _) => {
            page("over-title").main(html! { p { (words.say("over-what")) } (callback(words, view)) }).into_response()
        }
        (_, Next::Document, None) => page("welcome-title").main(welcome(words, view)).into_response(),
        (_, Next::Document, Some(_)) => {
            page("document-title").script(Script::Camera).main(document(words, view, note)).into_response()
        }
        (_, Next::Credential, _) => page("presented-title")
            .script(Script::Poll)
            .script(Script::Copy)
            .form_may_lead_to("openid4vp:")
            .main(credential(issuer, words, view))
            .into_response(),
        (_, Next::Selfie, Some("again")) if view.kind == Kind::FirstVerification => {
            page("document-title").script(Script::Camera).main(document(words, view, note)).into_response()
        }
        (_, Next::Selfie, _) => {
            page("selfie-title").script(Script::Capture).main(selfie(words, view, note)).into_response()
        }
        (Status::Approved, Next::Result, _) => page("approved-title")
            .script(Script::Poll)
            .script(Script::Copy)
            .form_may_lead_to("openid-credential-offer:")
            .main(approved(issuer, words, view, step))
            .into_response(),
        (Status::Declined, Next::Result, _) => page("declined-title").main(declined(words, view)).into_response(),
        (_, Next::Result, _) => page("review-title").main(in_review(words, view)).into_response(),
    }
}

/// How a session stands, as `poll.js` and programs read it.
pub(super) fn state(issuer: &Issuer, lang: Lang, view: &View) -> Value {
    let words = issuer.catalogue.words(lang);
    let (state, text) = match view.progress.status {
        Status::Approved if view.taken => ("done", "state-taken"),
        Status::Approved if view.kind == Kind::BiometricAuthentication => ("done", "recognised-what"),
        Status::Approved => ("waiting", "state-offer"),
        Status::Declined => ("failed", "declined-title"),
        Status::InReview => ("waiting", "review-title"),
        Status::Expired | Status::Abandoned | Status::KycExpired => ("failed", "over-title"),
        Status::NotStarted | Status::InProgress | Status::AwaitingUser | Status::Resubmitted => {
            ("active", "state-active")
        }
    };
    json!({
        "state": state,
        "text": words.say(text),
        "status": view.progress.status,
        "waits_for": view.progress.next,
        "tries_left": view.progress.tries_left,
        "credential_taken": view.taken,
    })
}

/// How the request for a credential stands, as `poll.js` and programs read it.
pub(super) fn credential_state(issuer: &Issuer, lang: Lang, view: &View) -> Value {
    let words = issuer.catalogue.words(lang);
    let (state, text) = match view.asked {
        Asked::Waiting => ("waiting", "presented-waiting"),
        Asked::Opened => ("active", "presented-opened"),
        Asked::Refused => ("done", "presented-again"),
        Asked::Not | Asked::Shown => ("done", "state-active"),
    };
    let next = (state == "done").then(|| format!("/{lang}/session/{}", view.token));
    json!({ "state": state, "text": words.say(text), "next": next })
}

/// Asks whether to share the decision.
pub(super) fn consent(
    issuer: &Issuer,
    lang: Lang,
    view: &View,
    recipient: &str,
    audience: &str,
    purpose: &str,
    scope: &[Scope],
) -> Response {
    let words = issuer.catalogue.words(lang);
    let covers = |part: Scope| scope.iter().any(|word| word.covers(part));
    let mut shared: Vec<(String, String)> = vec![(words.say("field-status"), view.progress.status.word().to_owned())];
    if let Some(who) = view.identity.as_ref().filter(|_| covers(Scope::IdVerification)) {
        let day = |date: Option<jiff::civil::Date>| date.map(|date| lang.date(date)).unwrap_or_default();
        shared.extend([
            (words.say("field-name"), who.full_name()),
            (words.say("field-birth-date"), day(who.birth_date)),
            (words.say("field-nationality"), who.nationality.clone()),
            (words.say("field-document"), format!("{} {}", who.issuing_state, who.document_number)),
            (words.say("field-expires"), day(who.expires)),
        ]);
    }
    if covers(Scope::Liveness) {
        shared.push((words.say("check-passive_liveness"), words.say("field-result")));
    }
    if covers(Scope::FaceMatch) {
        shared.push((words.say("check-face_match"), words.say("field-result")));
    }
    let shared: Vec<(&str, &str)> = shared.iter().map(|(label, value)| (label.as_str(), value.as_str())).collect();
    let hidden = [words.say("hidden-pictures"), words.say("hidden-template")];
    let hidden: Vec<&str> = hidden.iter().map(String::as_str).collect();
    let known_as = words.fill("consent-known-as", &[("audience", audience.into())]);
    let kept = words.say("consent-kept-by-recipient");
    let panel = components::Consent {
        asker: recipient,
        known: true,
        known_as: &known_as,
        purpose,
        shared: &shared,
        hidden: &hidden,
        kept: &kept,
    };
    let scope: Vec<&str> = scope.iter().map(|scope| scope.word()).collect();
    let button = words.fill("consent-agree", &[("count", shared.len().into()), ("name", recipient.into())]);
    shell(issuer, words, words.say("consent-title"), view.environment)
        .main(html! {
            (components::consent(&words, &panel))
            form method="post" action={ "/session/" (view.token) "/consent?lang=" (lang) } {
                input type="hidden" name="audience" value=(audience);
                input type="hidden" name="purpose" value=(purpose);
                input type="hidden" name="scope" value=(scope.join(" "));
                div class="actions" {
                    button class="button" type="submit" { (Icon::Share) (button) }
                    a class="button secondary" href={ "/" (lang) "/session/" (view.token) } { (words.say("consent-refuse")) }
                }
            }
        })
        .into_response()
}

/// A refusal: a page for a person, a problem document for a program.
pub(super) fn refused(issuer: &Issuer, lang: Lang, error: &Error, wants: Wants) -> Response {
    let status = api::status(error);
    let (code, title, text) = match error {
        Error::NoSuchSession => ("no_such_session", "refused-no-session", "refused-no-session-what"),
        Error::OutOfTurn(_) => ("out_of_turn", "refused-out-of-turn", "refused-out-of-turn-what"),
        Error::Over(_) => ("session_over", "over-title", "over-what"),
        Error::TooManyTries => ("too_many_tries", "refused-tries", "refused-tries-what"),
        Error::Erased => ("erased", "refused-erased", "refused-erased-what"),
        Error::Revoked => ("revoked", "approved-revoked", "approved-revoked-what"),
        Error::Suspended => ("suspended", "approved-suspended", "approved-suspended-what"),
        Error::Audience { .. } => ("audience_not_trusted", "refused-audience", "refused-audience-what"),
        Error::NoConsent(_) => ("no_consent", "refused-audience", "refused-audience-what"),
        Error::ConsentWithdrawn { .. } => ("consent_withdrawn", "refused-withdrawn", "refused-withdrawn-what"),
        Error::OnHold { .. } => ("on_hold", "refused-out-of-turn", "refused-out-of-turn-what"),
        Error::NoSuchConsent => ("no_such_consent", "refused-no-consent", "refused-no-consent-what"),
        Error::Busy => ("busy", "refused-busy", "refused-busy-what"),
        Error::Field { .. } | Error::Consent(_) | Error::NoSuchWorkflow | Error::Workflow(_) => {
            ("bad_request", "refused-field", "refused-field-what")
        }
        Error::NotDecided(_) | Error::NotApproved(_) => {
            ("not_decided", "refused-out-of-turn", "refused-out-of-turn-what")
        }
        Error::NoSuchRequest => ("no_such_request", "refused-no-session", "refused-no-session-what"),
        Error::NoAccessCertificate => ("no_access_certificate", "refused-field", "refused-field-what"),
        Error::Unreadable => ("unreadable", "refused-field", "refused-field-what"),
        Error::NoSuchOffer => ("no_such_offer", "refused-no-session", "refused-no-session-what"),
        Error::NoSuchList | Error::NoHistory | Error::NotInHistory => {
            ("no_such_list", "refused-no-session", "refused-no-session-what")
        }
        Error::NotSuspendable => ("not_suspendable", "refused-field", "refused-field-what"),
        Error::NoReference | Error::NoFace => {
            ("no_reference_image", "refused-no-reference", "refused-no-reference-what")
        }
        Error::OtherModel => ("other_model", "refused-other-model", "refused-other-model-what"),
        Error::NoIdentity => ("no_identity", "refused-out-of-turn", "refused-out-of-turn-what"),
        Error::ApiKey | Error::OperatorKey => ("api_key", "refused-field", "refused-field-what"),
        Error::NoSuchDestination | Error::NoSuchDelivery => {
            ("no_such_webhook", "refused-no-session", "refused-no-session-what")
        }
        Error::NoSuchApplication => ("no_such_application", "refused-no-session", "refused-no-session-what"),
        Error::Transition(_) => ("out_of_turn", "refused-out-of-turn", "refused-out-of-turn-what"),
        Error::ApprovedByReviewer | Error::SandboxSession => {
            ("sandbox_session", "refused-out-of-turn", "refused-out-of-turn-what")
        }
        Error::Share(_) => ("share_refused", "refused-audience", "refused-audience-what"),
        Error::Models(_) => ("models_missing", "refused-models", "refused-models-what"),
        Error::Setting(_)
        | Error::Store(_)
        | Error::Vault(_)
        | Error::Mint(_)
        | Error::Template(_)
        | Error::Status(_)
        | Error::Asking(_)
        | Error::Task(_) => ("internal", "refused-internal", "refused-internal-what"),
    };
    let detail = api::text_of(error, status);
    if wants == Wants::Json {
        return Problem::new(status, code, detail).into_response();
    }
    let words = issuer.catalogue.words(lang);
    let reference = run::correlation().map_or_else(|| code.to_owned(), |id| format!("{code} {id}"));
    shell(issuer, words, words.say("refused-title"), issuer.config().environment)
        .status(status)
        .main(components::notice(&words, Tone::Stop, &words.say(title), &words.say(text), Some(&reference)))
        .into_response()
}

pub(super) fn shell<'w>(issuer: &Issuer, words: Words<'w>, title: String, environment: Environment) -> Page<'w> {
    let page = Page::new(words, title).role(issuer.config().name.clone());
    match environment {
        Environment::Live => page,
        Environment::Sandbox => page.sandbox(),
    }
}

fn progress(words: Words<'_>, view: &View, step: usize) -> Markup {
    let (labels, step) = match view.kind {
        Kind::FirstVerification => (&["step-document", "step-selfie", "step-result"][..], step),
        Kind::BiometricAuthentication if view.asked != Asked::Not || view.request.is_some() => {
            (&["step-credential", "step-selfie", "step-result"][..], step)
        }
        Kind::BiometricAuthentication => (&["step-selfie", "step-result"][..], step - 1),
    };
    let labels: Vec<String> = labels.iter().map(|label| words.say(label)).collect();
    let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
    components::steps(&words, step, &labels)
}

fn welcome(words: Words<'_>, view: &View) -> Markup {
    html! {
        p { (words.say("welcome-what")) }
        ol {
            li { (words.say("welcome-step-document")) }
            li { (words.say("welcome-step-selfie")) }
            li { (words.say("welcome-step-result")) }
        }
        p { (Icon::Lock) " " (words.say("welcome-kept")) }
        p { (words.say("welcome-consent")) }
        div class="actions" {
            a class="button" href="?step=document" { (words.say("welcome-start")) (Icon::Next) }
        }
        (callback(words, view))
    }
}

/// Asks for a credential of this issuer's.
fn credential(issuer: &Issuer, words: Words<'_>, view: &View) -> Markup {
    let poll = format!("/session/{}/credential?lang={}", view.token, words.lang);
    html! {
        (progress(words, view, 1))
        @if let Some(request) = &view.request {
            @if let Some(why) = request.refused {
                (components::notice(&words, Tone::Stop, &words.say("presented-again"),
                    &words.say(&format!("presented-{}", why.code())), Some(why.code())))
            }
            p { (words.say("presented-what")) }
            @let here = components::same_device(issuer.config.same_device.as_ref(), &request.link);
            (components::qr_panel(&words, &QrPanel {
                payload: &request.link, link: here.as_deref(), expires: Some(request.expires_at), poll: Some(&poll),
                waiting: &words.say(if view.asked == Asked::Opened { "presented-opened" } else { "presented-waiting" }),
            }))
            p { (Icon::Lock) " " (words.say("presented-kept")) }
            (components::code_block(&words, "request-link", &words.say("wallet-link"), &request.link))
            p { a class="button secondary" href="?step=request" { (words.say("presented-renew")) } }
        }
        (callback(words, view))
    }
}

fn document(words: Words<'_>, view: &View, note: Option<Code>) -> Markup {
    let action = format!("/session/{}/document?lang={}", view.token, words.lang);
    let (reason, send) = (words.say("document-reason"), words.say("document-send"));
    html! {
        (progress(words, view, 1))
        (noted(words, note, "document-again"))
        p { (words.say("document-what")) }
        (components::camera(&words, &Camera {
            subject: Subject::Passport, action: &action, field: "image", hidden: &[], upload: true, reason: &reason, send: &send,
            beside: None, capture: None, elsewhere: None,
        }))
    }
}

fn selfie(words: Words<'_>, view: &View, note: Option<Code>) -> Markup {
    let action = format!("/session/{}/selfie?lang={}", view.token, words.lang);
    let path = |door: &str| format!("/session/{}/{door}", view.token);
    let (reason, send) = (words.say("selfie-reason"), words.say("selfie-send"));
    let about_document = note.filter(|note| is_about_document(*note));
    html! {
        (progress(words, view, 2))
        @if let Some(note) = about_document {
            (components::notice(&words, Tone::Warn, &words.say("document-uncertain"), &words.say(&format!("reason-{note}")), None))
            p { a href="?step=again" { (words.say("document-retake")) } }
        } @else {
            (noted(words, note, "selfie-again"))
        }
        p { (words.say("selfie-what")) }
        (components::camera(&words, &Camera {
            subject: Subject::Face, action: &action, field: "image", hidden: &[], upload: view.takes_files,
            reason: &reason, send: &send, beside: None,
            capture: Some(Capture { look: &path("look"), challenge: &path("challenge") }),
            elsewhere: None,
        }))
    }
}

/// Advice about a document that was taken nonetheless.
fn is_about_document(code: Code) -> bool {
    matches!(
        code,
        Code::DigitsUncertain | Code::DigitsWrong | Code::VisualDiffers | Code::PortraitSmall | Code::QualityGlare
    )
}

fn noted(words: Words<'_>, note: Option<Code>, title: &str) -> Markup {
    html! {
        @if let Some(note) = note {
            (components::notice(&words, Tone::Stop, &words.say(title), &words.say(&format!("reason-{note}")), Some(note.as_str())))
        }
    }
}

fn approved(issuer: &Issuer, words: Words<'_>, view: &View, step: Option<&str>) -> Markup {
    let poll = format!("/session/{}/state?lang={}", view.token, words.lang);
    let waiting = words.say("state-offer");
    html! {
        (progress(words, view, 3))
        (components::proven())
        (components::status_pill(&words, view.progress.status.word()))
        @if step == Some("shared") {
            (components::notice(&words, Tone::Ok, &words.say("shared-title"), &words.say("shared-what"), None))
        }
        @if view.has_consents {
            p { a href={ "/" (words.lang) "/session/" (view.token) "/consents" } { (words.say("consents-title")) } }
        }
        p { (words.say(match view.kind { Kind::FirstVerification => "approved-what", Kind::BiometricAuthentication => "recognised-what" })) }
        @match view.standing {
            Standing::Valid => {}
            Standing::Suspended => {
                (components::notice(&words, Tone::Stop, &words.say("approved-suspended"), &words.say("approved-suspended-what"), None))
            }
            Standing::Revoked => {
                (components::notice(&words, Tone::Stop, &words.say("approved-revoked"), &words.say("approved-revoked-what"), None))
            }
        }
        @match &view.offer {
            Some(Shown::Open(offered)) => {
                h2 { (words.say("wallet-title")) }
                p { (words.say("wallet-what")) }
                @let here = components::same_device(issuer.config.same_device.as_ref(), &offered.offer);
                (components::qr_panel(&words, &QrPanel {
                    payload: &offered.offer, link: here.as_deref(), expires: Some(offered.expires_at), poll: Some(&poll), waiting: &waiting,
                }))
                p class="tx-code" {
                    span { (words.say("wallet-code")) } " "
                    strong id="tx-code" { (offered.tx_code) }
                }
                (components::code_block(&words, "offer-link", &words.say("wallet-link"), &offered.offer))
            }
            Some(Shown::Taken) => {
                (components::notice(&words, Tone::Ok, &words.say("state-taken"), &words.say("wallet-taken-what"), None))
                p { a class="button secondary" href="?step=offer" { (words.say("wallet-again")) } }
            }
            None => {}
        }
        (said_aloud(words, view))
        (read(words, view))
        (checks(words, view))
        (callback(words, view))
    }
}

/// What the workflow lets pass but wants said aloud.
fn said_aloud(words: Words<'_>, view: &View) -> Markup {
    html! {
        @for cause in &view.causes {
            (components::notice(&words, Tone::Warn, &words.say(&format!("check-{}", cause.signal.name)),
                &words.say(&format!("reason-{}", cause.signal.code)), None))
        }
    }
}

fn declined(words: Words<'_>, view: &View) -> Markup {
    html! {
        (progress(words, view, 3))
        (components::status_pill(&words, view.progress.status.word()))
        p { (words.say("declined-what")) }
        @if view.causes.is_empty() { p { (words.say("ended-by-rules")) } }
        (said_aloud(words, view))
        p { (words.say("declined-now")) }
        (checks(words, view))
        (callback(words, view))
    }
}

fn in_review(words: Words<'_>, view: &View) -> Markup {
    html! {
        (progress(words, view, 3))
        (components::status_pill(&words, view.progress.status.word()))
        p { (words.say("review-what")) }
        @if view.causes.is_empty() { p { (words.say("ended-by-rules")) } }
        (said_aloud(words, view))
        p { (words.say("review-when")) }
        (checks(words, view))
        (callback(words, view))
    }
}

/// What was read from the document.
fn read(words: Words<'_>, view: &View) -> Markup {
    let Some(who) = &view.identity else { return html! {} };
    let day = |date: Option<jiff::civil::Date>| date.map(|date| words.lang.date(date)).unwrap_or_default();
    let rows = [
        (words.say("field-name"), who.full_name()),
        (words.say("field-birth-date"), day(who.birth_date)),
        (words.say("field-nationality"), who.nationality.clone()),
        (words.say("field-document"), format!("{} {}", who.issuing_state, who.document_number)),
        (words.say("field-expires"), day(who.expires)),
    ];
    let fields: Vec<Field<'_>> =
        rows.iter().map(|(label, value)| Field { label, value, source: "", confidence: None }).collect();
    html! { h2 { (words.say("read-title")) } (components::fields(&fields)) }
}

fn checks(words: Words<'_>, view: &View) -> Markup {
    let texts: Vec<[String; 4]> = view
        .signals
        .iter()
        .map(|signal| {
            let [value, threshold] = measured(words, signal);
            let name = words.say(&format!("check-{}", signal.name));
            [name, value, threshold, words.say(&format!("reason-{}", signal.code))]
        })
        .collect();
    let rows: Vec<CheckRow<'_>> = view
        .signals
        .iter()
        .zip(&texts)
        .map(|(signal, [name, value, threshold, why])| CheckRow {
            name,
            value,
            threshold,
            why,
            outcome: match signal.outcome {
                check::Outcome::Pass => Outcome::Pass,
                check::Outcome::Warn => Outcome::Warn,
                check::Outcome::Fail => Outcome::Fail,
                check::Outcome::NotRun => Outcome::NotPerformed,
            },
        })
        .collect();
    html! { @if !rows.is_empty() { (components::checks(&words, &words.say("checks-title"), &rows)) } }
}

/// The value with its unit and the threshold, in the reader's language.
pub(super) fn measured(words: Words<'_>, signal: &Signal) -> [String; 2] {
    let Some(threshold) = &signal.threshold else { return Default::default() };
    let measure = threshold.measure();
    // As people read numbers: a share in per cent, no digits behind the point from 10 on and three at most below.
    let shown = |number: f64| {
        let number = if measure == Measure::Glare { number * 100.0 } else { number };
        let steps = if number.abs() >= 10.0 { 1.0 } else { 1000.0 };
        (number * steps).round() / steps
    };
    let value = signal.value.map(|value| match measure {
        Measure::DaysLeft if value < 0.0 => words.fill("value-days_over", &[("value", shown(-value).into())]),
        _ => words.fill(&format!("value-{}", measure.as_str()), &[("value", shown(value).into())]),
    });
    let limits = ["limit", "upper"].into_iter().zip(threshold.numbers());
    let limits: Vec<_> = limits.map(|(name, number)| (name, shown(*number).into())).collect();
    [value.unwrap_or_default(), words.fill(&format!("threshold-{}", measure.as_str()), &limits)]
}

fn callback(words: Words<'_>, view: &View) -> Markup {
    html! {
        @if let Some(callback) = &view.callback {
            p { a href=(callback) { (words.say("callback")) } }
        }
    }
}
