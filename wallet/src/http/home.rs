//! The home page: the credentials as cards.

use std::sync::Arc;

use axum::extract::State;
use axum::http::Uri;
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};
use warifu_server::Now;
use warifu_server::page::Icon;
use warifu_server::page::components::{Card, Tone, credential_card, empty};
use warifu_server::text::{Lang, Words};

use super::show::{day, format_name};
use super::{Agent, Here, Stopped, bare, error_page, page};
use crate::holding::CredentialFacts;

/// `GET /`
pub(super) async fn home(State(agent): State<Arc<Agent>>, Now(now): Now, lang: Lang, uri: Uri) -> Response {
    let words = agent.words(lang);
    let held = match agent.wallet.list_in(lang.tag(), now) {
        Ok(held) => held,
        Err(error) => return error_page(&agent, lang, Stopped::Looking, &error),
    };
    let sandbox = agent.is_sandbox();
    let main = html! {
        @if held.is_empty() {
            (empty(Icon::Empty, &words.say("wallet-home-empty"), &words.say("wallet-home-empty-hint"),
                Some(("/open", &words.say("wallet-open")))))
        } @else {
            @for facts in held.iter().rev() { (card(words, facts, sandbox)) }
            div class="actions" { a class="button" href="/open" { (Icon::QrCode) (words.say("wallet-open")) } }
        }
    };
    page(&agent, words, Here::Home, words.say("wallet-home")).at(&bare(&uri)).main(main).into_response()
}

fn card(words: Words<'_>, facts: &CredentialFacts, sandbox: bool) -> Markup {
    let issuer = words.fill("wallet-card-issuer", &[("issuer", facts.issuer_name.as_str().into())]);
    let until = facts.expires.map(|at| day(words.lang, at)).unwrap_or_else(|| "–".to_owned());
    let status = if facts.expired { words.say("wallet-card-expired") } else { words.say("wallet-card-valid") };
    let tone = if facts.expired { Tone::Stop } else { Tone::Ok };
    let href = format!("/credential/{}", facts.id);
    let label = words.say("wallet-details-valid-until");
    let format = words.say("wallet-details-format");
    let lines = [(label.as_str(), until.as_str()), (format.as_str(), format_name(facts.format))];
    let card = Card {
        kind: &facts.name,
        issuer: &issuer,
        holder: facts.holder_name.as_deref().unwrap_or("–"),
        lines: &lines,
        status: (tone, &status),
        href: Some(&href),
        sandbox,
    };
    credential_card(&words, &card)
}
