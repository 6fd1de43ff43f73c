//! The pages on which a person does something: welcome, document, credential, selfie.

use maud::{Markup, html};
use warifu_server::page::Icon;
use warifu_server::page::components::{self, Camera, Capture, QrPanel, Subject, Tone};
use warifu_server::text::Words;

use super::result::{Leaving, callback};
use super::{Here, Visit, handoff};
use crate::Issuer;
use crate::kyc::check::Code;
use crate::kyc::presented::Asked;
use crate::kyc::questions::Slot;
use crate::kyc::resubmit::Part;
use crate::kyc::service::View;
use crate::kyc::workflow::Kind;

/// The steps of a session in order, the result last. Where a reviewer asked for something once more, that alone.
pub(super) fn steps(view: &View) -> Vec<Here> {
    let mut steps = match (&view.again, view.kind) {
        (Some(again), _) => {
            let step = |part: &Part| match part {
                Part::Document => Here::Document,
                Part::Selfie => Here::Selfie,
            };
            again.parts.iter().map(step).collect()
        }
        (None, Kind::FirstVerification) => vec![Here::Document, Here::Selfie],
        (None, Kind::BiometricAuthentication) if view.asked != Asked::Not || view.request.is_some() => {
            vec![Here::Credential, Here::Selfie]
        }
        (None, Kind::BiometricAuthentication) => vec![Here::Selfie],
    };
    // Asked once more are only the questions that are due.
    let due = view.asking.as_ref().map(|asking| asking.slot);
    for slot in view.slots.iter().filter(|slot| view.again.is_none() || due == Some(**slot)) {
        let behind = |step: &Here| match slot {
            Slot::First => true,
            Slot::BehindDocument => *step == Here::Selfie,
            Slot::Last => false,
        };
        let place = steps.iter().position(behind).unwrap_or(steps.len());
        steps.insert(place, Here::Questions(*slot));
    }
    steps.push(Here::Result);
    steps
}

/// The name of a step in a header.
pub(super) fn label(here: Here) -> &'static str {
    match here {
        Here::Document => "step-document",
        Here::Credential => "step-credential",
        Here::Selfie => "step-selfie",
        Here::Questions(_) => "step-questions",
        Here::Welcome | Here::Handoff | Here::Over | Here::Result => "step-result",
    }
}

/// The step header.
pub(in crate::http) fn progress(words: Words<'_>, view: &View, here: Here) -> Markup {
    let steps = steps(view);
    let number = steps.iter().position(|step| *step == here).map_or(steps.len(), |before| before + 1);
    let labels: Vec<String> = steps.iter().map(|step| words.say(label(*step))).collect();
    let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
    components::steps(&words, number, &labels)
}

pub(super) fn welcome(words: Words<'_>, view: &View) -> Markup {
    html! {
        p { (words.say("welcome-what")) }
        ol {
            li { (words.say("welcome-step-document")) }
            li { (words.say("welcome-step-selfie")) }
            @if !view.slots.is_empty() { li { (words.say("welcome-step-questions")) } }
            li { (words.say("welcome-step-result")) }
        }
        p { (Icon::Lock) " " (words.say("welcome-kept")) }
        p { (words.say("welcome-consent")) }
        div class="actions" {
            a class="button" href="?step=document" { (words.say("welcome-start")) (Icon::Next) }
            a class="button secondary" href=(handoff::HERE) { (Icon::Phone) (words.say("handoff-open")) }
        }
        (callback(words, view, Leaving::WhenAsked))
    }
}

/// Asks for a credential of this issuer's.
pub(super) fn credential(issuer: &Issuer, words: Words<'_>, view: &View) -> Markup {
    let poll = format!("/session/{}/credential?lang={}", view.token, words.lang);
    html! {
        (progress(words, view, Here::Credential))
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
        (callback(words, view, Leaving::WhenAsked))
    }
}

pub(super) fn document(words: Words<'_>, view: &View, visit: Visit<'_>) -> Markup {
    let action = door(words, view, "document");
    let (reason, send) = (words.say("document-reason"), words.say("document-send"));
    html! {
        (progress(words, view, Here::Document))
        (once_more(words, view, Part::Document))
        (remark(words, view, visit, "document-again"))
        p { (words.say("document-what")) }
        (components::camera(&words, &Camera {
            subject: Subject::Passport, action: &action, field: "image", hidden: &[], upload: true, reason: &reason, send: &send,
            beside: None, capture: None, elsewhere: Some(handoff::HERE),
        }))
    }
}

pub(super) fn selfie(words: Words<'_>, view: &View, visit: Visit<'_>) -> Markup {
    let action = door(words, view, "selfie");
    let path = |door: &str| format!("/session/{}/{door}", view.token);
    let (reason, send) = (words.say("selfie-reason"), words.say("selfie-send"));
    let about_document = visit.note.filter(|note| is_about_document(*note));
    html! {
        (progress(words, view, Here::Selfie))
        (once_more(words, view, Part::Selfie))
        @if let Some(note) = about_document {
            (components::notice(&words, Tone::Warn, &words.say("document-uncertain"), &words.say(&format!("reason-{note}")), None))
            @if may_retake(view) { p { a href="?step=again" { (words.say("document-retake")) } } }
        } @else {
            (remark(words, view, visit, "selfie-again"))
        }
        p { (words.say("selfie-what")) }
        (components::camera(&words, &Camera {
            subject: Subject::Face, action: &action, field: "image", hidden: &[], upload: view.takes_files,
            reason: &reason, send: &send, beside: None,
            capture: Some(Capture { look: &path("look"), challenge: &path("challenge") }),
            elsewhere: Some(handoff::HERE),
        }))
    }
}

/// Nothing can be handed in any more, and nothing was decided.
pub(super) fn over(words: Words<'_>, view: &View) -> Markup {
    let what = if view.progress.tries_left == 0 { "refused-tries-what" } else { "over-what" };
    html! { p { (words.say(what)) } (callback(words, view, Leaving::WhenAsked)) }
}

/// Where the picture goes, with the turn it answers: what comes after another device went on is not taken.
fn door(words: Words<'_>, view: &View, door: &str) -> String {
    format!("/session/{}/{door}?lang={}&turn={}", view.token, words.lang, view.turn)
}

/// Whether the document may be handed in again while the selfie is due.
pub(super) fn may_retake(view: &View) -> bool {
    let asked = view.again.as_ref().is_none_or(|again| again.parts.contains(&Part::Document));
    view.kind == Kind::FirstVerification && asked
}

/// What a reviewer asks for once more, and why.
fn once_more(words: Words<'_>, view: &View, part: Part) -> Markup {
    let Some(again) = &view.again else { return html! {} };
    let lead = match part {
        Part::Document => "again-document",
        Part::Selfie => "again-selfie",
    };
    let written = again.reasons.iter().filter(|(of, _)| *of == part).map(|(_, reason)| reason.clone());
    let found = again.codes.iter().filter(|(of, _)| *of == part).map(|(_, code)| words.say(&format!("reason-{code}")));
    let reasons: Vec<String> = written.chain(found).collect();
    html! {
        (components::notice(&words, Tone::Warn, &words.say("again-title"), &words.say(lead), None))
        @if !reasons.is_empty() {
            h2 { (words.say("again-why")) }
            ul { @for reason in &reasons { li { (reason) } } }
        }
    }
}

/// What was wrong with the last picture and what to do, with the tries that are left; or that another device was faster.
fn remark(words: Words<'_>, view: &View, visit: Visit<'_>, title: &str) -> Markup {
    let tries = words.fill("tries-left", &[("count", view.progress.tries_left.into())]);
    html! {
        @if let Some(note) = visit.note {
            @let reason = words.say(&format!("reason-{note}"));
            @let what = words.fill("reason-with-tries", &[("reason", reason.into()), ("tries", tries.into())]);
            (components::notice(&words, Tone::Stop, &words.say(title), &what, Some(note.as_str())))
        } @else if visit.step == Some(handoff::ELSEWHERE) {
            (components::notice(&words, Tone::Warn, &words.say("handoff-late"), &words.say("handoff-late-what"), None))
        }
    }
}

/// Advice about a document that was taken nonetheless.
fn is_about_document(code: Code) -> bool {
    matches!(
        code,
        Code::DigitsUncertain | Code::DigitsWrong | Code::VisualDiffers | Code::PortraitSmall | Code::QualityGlare
    )
}
