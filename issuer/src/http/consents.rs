//! The person's page of their consents, each with a button to take it back. Works without scripts.

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::middleware;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use maud::{Markup, html};
use serde::Deserialize;
use uuid::Uuid;
use warifu_server::extract::{Json, Path};
use warifu_server::page::Icon;
use warifu_server::page::components::{self, Tone};
use warifu_server::text::{Lang, Words};
use warifu_server::{Now, csrf};

use super::person::{SessionPath, Wants};
use super::{Front, pages};
use crate::{Consent, ConsentState, Error, WithdrawnBy};

pub(super) fn router() -> Router<Front> {
    Router::new()
        .route("/{lang}/session/{token}/consents", get(list))
        .route("/session/{token}/consents/{consent}/withdraw", post(withdraw))
        .layer(middleware::from_fn(csrf::same_origin))
}

/// `GET /{lang}/session/{token}/consents`
async fn list(
    State(front): State<Front>,
    Now(now): Now,
    Path(path): Path<SessionPath>,
    lang: Lang,
    uri: Uri,
) -> Result<Response, Response> {
    let issuer = &front.0;
    let refuse = |error: Error| pages::refused(issuer, lang, &error, Wants::Page);
    let consents = issuer.consents_by_token(&path.token, now).await.map_err(refuse)?;
    let words = issuer.catalogue.words(lang);
    let back = format!("/{lang}/session/{}", path.token);
    let main = html! {
        p { (words.say("consents-lead")) }
        @if consents.is_empty() {
            (components::empty(Icon::Share, &words.say("consents-none"), "", None))
        } @else {
            @let columns = ["who", "what", "when", "state"].map(|name| words.say(&format!("consents-{name}")));
            @let columns = columns.each_ref().map(String::as_str);
            @let rows: Vec<Vec<Markup>> = consents.iter().rev().map(|it| row(words, &path.token, it)).collect();
            (components::log_table(&words.say("consents-title"), &columns, &rows))
            p { (words.say("consents-imported")) }
        }
        div class="actions" { a class="button secondary" href=(back) { (words.say("consents-back")) } }
    };
    let page = pages::shell(issuer, words, words.say("consents-title"), issuer.config().environment);
    Ok(page.wide().at(&uri).main(main).into_response())
}

fn row(words: Words<'_>, token: &str, consent: &Consent) -> Vec<Markup> {
    let (tone, state) = match consent.state {
        ConsentState::Given => (Tone::Ok, "consents-given"),
        ConsentState::Expired => (Tone::Quiet, "consents-expired"),
        ConsentState::Withdrawn => (Tone::Quiet, "consents-withdrawn"),
    };
    let action = format!("/session/{token}/consents/{}/withdraw?lang={}", consent.consent_id, words.lang);
    let scope = consent.scope.iter().map(|scope| words.say(&format!("scope-{}", scope.word().replace('_', "-"))));
    let scope = scope.collect::<Vec<_>>();
    vec![
        html! { (consent.recipient) br; small { (consent.purpose) } },
        html! { @for (n, part) in scope.iter().enumerate() { @if n > 0 { br; } (part) } },
        html! { time datetime=(consent.given_at) { (words.lang.moment(consent.given_at)) } },
        html! {
            (components::pill(tone, &words.say(state)))
            @if let Some(at) = consent.withdrawn_at { br; small { (words.lang.moment(at)) } }
            @if consent.state == ConsentState::Given {
                form method="post" action=(action) {
                    button class="button secondary" type="submit" { (words.say("consents-withdraw")) }
                }
            }
        },
    ]
}

#[derive(Deserialize)]
struct WithdrawPath {
    token: String,
    consent: String,
}

/// `POST /session/{token}/consents/{consent}/withdraw`
async fn withdraw(
    State(front): State<Front>,
    Now(now): Now,
    Path(path): Path<WithdrawPath>,
    lang: Lang,
    headers: HeaderMap,
) -> Response {
    let wants = Wants::of(&headers);
    let done = match path.consent.parse::<Uuid>() {
        Ok(consent) => front.0.withdraw_consent(&path.token, consent, WithdrawnBy::Person, now).await,
        Err(_) => Err(Error::NoSuchConsent),
    };
    match done {
        Ok(consent) if wants == Wants::Json => Json(consent).into_response(),
        Ok(_) => Redirect::to(&format!("/{lang}/session/{}/consents", path.token)).into_response(),
        Err(error) => pages::refused(&front.0, lang, &error, wants),
    }
}
