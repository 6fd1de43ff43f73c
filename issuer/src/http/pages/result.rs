//! The result of a session, and the way back to whoever asked for it.

use maud::{Markup, html};
use warifu_server::page::Icon;
use warifu_server::page::components::{self, CheckRow, Field, Outcome, QrPanel, Tone};
use warifu_server::text::Words;
use warifu_session::Status;

use super::Here;
use super::steps::progress;
use crate::Issuer;
use crate::kyc::check::{self, Signal};
use crate::kyc::service::View;
use crate::kyc::threshold::Measure;
use crate::kyc::workflow::Kind;
use crate::status::Standing;
use crate::vci::Shown;

/// The result, whatever it is.
pub(super) fn result(issuer: &Issuer, words: Words<'_>, view: &View, step: Option<&str>) -> Markup {
    match view.progress.status {
        Status::Approved => approved(issuer, words, view, step),
        Status::Declined => declined(words, view),
        Status::InReview
        | Status::NotStarted
        | Status::InProgress
        | Status::AwaitingUser
        | Status::Resubmitted
        | Status::Expired
        | Status::KycExpired
        | Status::Abandoned => in_review(words, view),
    }
}

fn approved(issuer: &Issuer, words: Words<'_>, view: &View, step: Option<&str>) -> Markup {
    let poll = format!("/session/{}/state?lang={}", view.token, words.lang);
    let waiting = words.say("state-offer");
    // While an offer stands open there is something to do here.
    let leaving = if matches!(view.offer, Some(Shown::Open(_))) { Leaving::WhenAsked } else { Leaving::ByItself };
    html! {
        (progress(words, view, Here::Result))
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
        (callback(words, view, leaving))
        (read(words, view))
        (checks(words, view))
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
        (progress(words, view, Here::Result))
        (components::status_pill(&words, view.progress.status.word()))
        p { (words.say("declined-what")) }
        @if view.causes.is_empty() { p { (words.say("ended-by-rules")) } }
        (said_aloud(words, view))
        p { (words.say("declined-now")) }
        (callback(words, view, Leaving::ByItself))
        (checks(words, view))
    }
}

fn in_review(words: Words<'_>, view: &View) -> Markup {
    html! {
        (progress(words, view, Here::Result))
        (components::status_pill(&words, view.progress.status.word()))
        p { (words.say("review-what")) }
        @if view.causes.is_empty() { p { (words.say("ended-by-rules")) } }
        (said_aloud(words, view))
        p { (words.say("review-when")) }
        (callback(words, view, Leaving::ByItself))
        (checks(words, view))
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
pub(in crate::http) fn measured(words: Words<'_>, signal: &Signal) -> [String; 2] {
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

/// Seconds until the page goes back by itself.
const LEAVE: u32 = 20;

/// How a page is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Leaving {
    /// There is something to do here.
    WhenAsked,
    /// There is nothing to do here any more: by itself after a while, unless the reader stays.
    ByItself,
}

/// The way back to whoever sent the person here, on the device that goes back.
pub(super) fn callback(words: Words<'_>, view: &View, leaving: Leaving) -> Markup {
    let Some(callback) = &view.callback else {
        return html! {
            @if view.returns_elsewhere && view.progress.status.is_decided() {
                p { (Icon::Phone) " " (words.say("handoff-goes-back")) }
            }
        };
    };
    if leaving == Leaving::WhenAsked && !view.progress.status.is_decided() {
        let words = words.fill("callback", &[("host", callback.host_str().unwrap_or_default().into())]);
        return html! { p { a href=(callback) target="_top" { (words) } } };
    }
    let host = callback.host_str().unwrap_or_default().to_owned();
    let soon = words.fill("return-soon", &[("host", host.as_str().into())]);
    html! {
        section class="return" data-return=[(leaving == Leaving::ByItself).then_some(LEAVE)] {
            p role="status" data-return-words data-soon=(soon) data-stayed=(words.say("return-stayed")) {}
            a class="button secondary" href=(callback) target="_top" { (words.fill("callback", &[("host", host.as_str().into())])) }
            button class="button secondary" type="button" data-stay hidden { (words.say("return-stay")) }
        }
    }
}
