//! From one device to another: a code that leads there, and what the first one shows meanwhile.
//!
//! The step that is due stands in the session. The device that shows the code asks for nothing but that step, and goes to
//! the result when there is one: the same page that the other device shows.

use maud::{Markup, html};
use serde_json::{Value, json};
use warifu_server::page::Icon;
use warifu_server::page::components;
use warifu_server::text::{Lang, Words};

use super::Here;
use super::steps::{label, steps};
use crate::Issuer;
use crate::kyc::service::View;

/// Where the code is, from any page of a session.
pub(super) const HERE: &str = "?step=handoff";
/// The step in the address of whoever answered a page that was left behind.
pub(in crate::http) const ELSEWHERE: &str = "elsewhere";

/// The code with the same address to copy, and how far the other device is.
pub(super) fn page(issuer: &Issuer, words: Words<'_>, view: &View) -> Markup {
    let link = issuer.hosted_url(words.lang.tag(), &view.token);
    let poll = format!("/session/{}/step?lang={}", view.token, words.lang);
    let on = match Here::of(view, Some("")) {
        Here::Selfie => "?step=selfie",
        Here::Questions(_) => "?step=questions",
        Here::Welcome | Here::Document | Here::Credential | Here::Handoff | Here::Over | Here::Result => {
            "?step=document"
        }
    };
    html! {
        p { (words.say("handoff-what")) }
        section class="qr-panel" data-poll=(poll) {
            (components::qr(&link, &words.say("handoff-alt")))
            p class="live" role="status" aria-live="polite" data-poll-text {
                span class="pulse" aria-hidden="true" {}
                span data-poll-words { (said(words, view)) }
            }
        }
        (components::code_block(&words, "handoff-link", &words.say("handoff-link"), &link))
        p { (Icon::Lock) " " (words.say("handoff-private")) }
        div class="actions" { a class="button secondary" href=(on) { (words.say("handoff-stay")) } }
    }
}

/// Which step is due, for the device that waits: no status, no reason, nothing about the person.
pub(in crate::http) fn step(issuer: &Issuer, lang: Lang, view: &View) -> Value {
    let words = issuer.catalogue.words(lang);
    let here = Here::of(view, Some(""));
    let state = match here {
        Here::Result | Here::Over => "done",
        _ if view.has_others => "active",
        Here::Welcome | Here::Document | Here::Credential | Here::Selfie | Here::Questions(_) | Here::Handoff => {
            "waiting"
        }
    };
    let next = (state == "done").then(|| format!("/{lang}/session/{}", view.token));
    json!({ "state": state, "step": here.name(), "text": said(words, view), "next": next })
}

fn said(words: Words<'_>, view: &View) -> String {
    let here = Here::of(view, Some(""));
    let steps = steps(view);
    let number = steps.iter().position(|step| *step == here).map_or(steps.len(), |before| before + 1);
    match here {
        Here::Result | Here::Over => words.say("handoff-done"),
        _ if !view.has_others => words.say("handoff-waiting"),
        Here::Welcome | Here::Document | Here::Credential | Here::Selfie | Here::Questions(_) | Here::Handoff => words
            .fill(
                "handoff-at",
                &[("step", number.into()), ("steps", steps.len().into()), ("name", words.say(label(here)).into())],
            ),
    }
}
