//! What a page tells the page that embeds it: the events that integrations of the session API listen for.
//!
//! A page says where the session is; `embed.js` makes events of what is new since the page before and of what the camera
//! panel does, and sends them to the origins that may embed the session. In an event stand the session, its status, the
//! step and its node, and never anything about the person. Of the events that exist, `code_sent` and `code_verified`
//! belong to steps that are not run here (telephone and mail), so nothing raises them.

use maud::{Markup, html};
use serde_json::json;
use uuid::Uuid;
use warifu_server::assets::Script;
use warifu_server::page::{Page, components};
use warifu_server::text::Words;

use super::Here;
use super::steps::steps;
use crate::Error;
use crate::embed::EmbedOrigin;
use crate::kyc::service::View;

/// What an embedding page may know.
#[derive(Debug, Clone)]
pub(in crate::http) struct Facts {
    embedders: Vec<EmbedOrigin>,
    session: Uuid,
    status: Option<&'static str>,
    step: Option<&'static str>,
    node: Option<String>,
    /// The steps that are behind.
    done: Vec<&'static str>,
    /// Whether nothing is to be handed in after this step.
    last: bool,
    /// Whether there is a result.
    over: bool,
    error: Option<&'static str>,
}

impl Facts {
    /// Those of a page of a session.
    pub(in crate::http) fn of(view: &View, here: Here) -> Self {
        let steps: Vec<Here> = steps(view).into_iter().filter(|step| *step != Here::Result).collect();
        let due = Here::of(view, Some(""));
        let ahead = steps.iter().position(|step| *step == due);
        let done = match due {
            Here::Over => &[],
            _ => &steps[..ahead.unwrap_or(steps.len())],
        };
        let [document, selfie] = &view.nodes;
        let node = match here {
            Here::Document => document.clone(),
            Here::Selfie => selfie.clone(),
            Here::Questions(_) => view.asking.as_ref().map(|asking| asking.node.to_string()),
            Here::Welcome | Here::Credential | Here::Handoff | Here::Over | Here::Result => None,
        };
        Self {
            embedders: view.embedders.clone(),
            session: view.id,
            status: Some(view.progress.status.word()),
            step: here.word(),
            node,
            done: done.iter().filter_map(|step| step.word()).collect(),
            last: steps.last() == Some(&here),
            over: here == Here::Result,
            error: match here {
                Here::Over if view.progress.tries_left == 0 => Some("tooManyTries"),
                Here::Over => Some("sessionExpired"),
                _ => None,
            },
        }
    }

    /// Those of a page that says why something was refused.
    pub(in crate::http) fn of_refusal(session: Uuid, embedders: Vec<EmbedOrigin>, error: &Error) -> Self {
        let error = match error {
            Error::Over(_) => "sessionExpired",
            Error::TooManyTries => "tooManyTries",
            _ => "unknown",
        };
        Self {
            embedders,
            session,
            status: None,
            step: None,
            node: None,
            done: Vec::new(),
            last: false,
            over: false,
            error: Some(error),
        }
    }

    /// Who may hear of them.
    pub(super) fn embedders(&self) -> &[EmbedOrigin] {
        &self.embedders
    }
}

/// Lets these origins, and nobody else, embed a page and hear from it.
pub(in crate::http) fn open<'w>(page: Page<'w>, embedders: &[EmbedOrigin]) -> Page<'w> {
    if embedders.is_empty() {
        return page;
    }
    page.embeddable_by(embedders.iter().map(ToString::to_string)).script(Script::Embed)
}

/// What the script reads, and the button that closes the frame. Nothing at all where nobody may embed.
pub(in crate::http) fn told(words: Words<'_>, facts: &Facts) -> Markup {
    if facts.embedders.is_empty() {
        return html! {};
    }
    let json = json!({
        "origins": facts.embedders, "session": facts.session, "status": facts.status, "step": facts.step,
        "node": facts.node, "done": facts.done, "last": facts.last, "over": facts.over, "error": facts.error,
    });
    let close = words.say("embed-close");
    html! {
        div hidden data-embed=(json) {}
        div class="embed-close" data-embed-only hidden {
            @if facts.over || facts.error.is_some() {
                button class="button secondary" type="button" data-embed-close { (close) }
            } @else {
                (components::confirm(&words, "embed-stop", &close, &words.say("embed-stop-title"), &words.say("embed-stop-what"),
                    &html! { button class="button stop" type="button" data-embed-stop { (words.say("embed-stop")) } }))
            }
        }
    }
}
