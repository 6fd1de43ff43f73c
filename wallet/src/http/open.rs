//! Opening an offer or a request: paste a link, or give a picture of its QR code.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Multipart, State};
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use serde::{Deserialize, Serialize};
use warifu_server::assets::Script;
use warifu_server::csrf::FIELD;
use warifu_server::extract::{Form, FormParts, Json, Query};
use warifu_server::page::Icon;
use warifu_server::page::components::proven;
use warifu_server::text::{Lang, Words};
use warifu_server::{Now, Problem};

use super::{Agent, Here, PICTURE_BYTES, Pending, Stopped, bare, error_page, page};
use crate::accept::OfferFacts;
use crate::present::PresentError;
use crate::qr::QrError;
use crate::{Error, LinkKind, Wallet};

#[derive(Deserialize)]
pub(super) struct Prefilled {
    uri: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct LinkForm {
    csrf: String,
    link: String,
}

#[derive(Deserialize)]
pub(super) struct AcceptForm {
    csrf: String,
    link: String,
    #[serde(default)]
    tx_code: String,
}

/// `GET /open`, also where pages on this machine lead with `?uri=`: nothing is fetched before the button is pressed.
pub(super) async fn form(
    State(agent): State<Arc<Agent>>,
    lang: Lang,
    uri: Uri,
    Query(prefilled): Query<Prefilled>,
) -> Response {
    let words = agent.words(lang);
    let token = agent.form_token();
    let link = prefilled.uri.unwrap_or_default();
    let main = html! {
        p { (words.say("wallet-open-lead")) }
        form method="post" action="/open" {
            input type="hidden" name=(FIELD) value=(token);
            label for="link" { (words.say("wallet-open-link")) }
            input id="link" name="link" type="text" required maxlength="16384" autocomplete="off" spellcheck="false"
                aria-describedby="link-hint" value=(link);
            p id="link-hint" { (words.say("wallet-open-link-hint")) }
            div class="actions" { button class="button" type="submit" { (words.say("wallet-open-go")) (Icon::Next) } }
        }
        (scanner(words))
        form method="post" action="/open/picture" enctype="multipart/form-data" {
            input type="hidden" name=(FIELD) value=(token);
            label for="picture" { (Icon::QrCode) " " (words.say("wallet-open-picture")) }
            input id="picture" name="picture" type="file" required accept="image/jpeg,image/png,image/webp"
                capture="environment" aria-describedby="picture-hint";
            p id="picture-hint" { (words.say("wallet-open-picture-hint")) " " (words.say("wallet-open-camera-why")) }
            div class="actions" {
                button class="button secondary" type="submit" { (words.say("wallet-open-picture-go")) }
            }
        }
    };
    let page = page(&agent, words, Here::Open, words.say("wallet-open-title")).at(&bare(&uri));
    page.script(Script::Scan).main(main).into_response()
}

/// `POST /open`
pub(super) async fn link(
    State(agent): State<Arc<Agent>>,
    Now(now): Now,
    lang: Lang,
    Form(form): Form<LinkForm>,
) -> Result<Response, Problem> {
    agent.check_form(Some(&form.csrf))?;
    Ok(opened(&agent, lang, &form.link, now).await)
}

/// `POST /open/picture`
pub(super) async fn picture(
    State(agent): State<Arc<Agent>>,
    Now(now): Now,
    lang: Lang,
    multipart: Multipart,
) -> Result<Response, Problem> {
    let mut parts = FormParts::read(multipart, PICTURE_BYTES).await?;
    agent.check_form(parts.text(FIELD))?;
    let file = parts.file("picture")?;
    Ok(match agent.wallet.read_qr(file.bytes).await {
        Ok(link) => opened(&agent, lang, &link, now).await,
        Err(error) => error_page(&agent, lang, Stopped::Looking, &error),
    })
}

/// The camera, where the page may run its script; without one there is nothing to see here.
fn scanner(words: Words<'_>) -> Markup {
    html! {
        section class="camera" data-scan="/open/scan" data-into="link" hidden
            data-starting=(words.say("camera-starting"))
            data-ready=(words.say("wallet-scan-ready"))
            data-other=(words.say("wallet-scan-other"))
            data-several=(words.say("wallet-error-qr-several"))
            data-found=(words.say("wallet-scan-found"))
            data-refused=(words.say("camera-refused"))
            data-absent=(words.say("camera-absent"))
            data-busy=(words.say("camera-busy")) {
            h2 { (Icon::QrCode) " " (words.say("wallet-scan-title")) }
            p class="camera-reason" { (Icon::Lock) span { (words.say("wallet-open-camera-why")) } }
            div class="camera-view" data-view hidden {
                video data-preview playsinline muted aria-label=(words.say("camera-preview")) {}
            }
            p class="camera-hint" role="status" aria-live="polite" data-hint {}
            div class="actions" {
                button class="button secondary" type="button" data-start hidden {
                    (Icon::Camera) (words.say("camera-start"))
                }
                button class="button secondary" type="button" data-stop hidden { (words.say("wallet-scan-stop")) }
            }
        }
    }
}

/// What a frame of the camera shows.
#[derive(Serialize)]
#[serde(tag = "seen", rename_all = "snake_case")]
enum Seen {
    /// A link for a wallet.
    Link { link: String },
    /// A code, and it is for something else.
    Other,
    /// Several codes.
    Several,
    /// No code that could be read.
    Nothing,
}

/// `POST /open/scan`: reads a frame of the camera. Nothing of it is kept, and nothing is fetched.
pub(super) async fn scan(State(agent): State<Arc<Agent>>, frame: Bytes) -> Result<Response, Problem> {
    let seen = match agent.wallet.read_qr(frame.to_vec()).await {
        Ok(link) if Wallet::link_kind(&link).is_ok() => Seen::Link { link },
        Ok(_) => Seen::Other,
        Err(Error::Qr(QrError::Several(_))) => Seen::Several,
        Err(Error::Qr(QrError::NotFound)) => Seen::Nothing,
        Err(error) => return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, error.code(), error.to_string())),
    };
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(seen)).into_response())
}

/// An offer leads to its page, a request to its question.
async fn opened(agent: &Agent, lang: Lang, link: &str, now: jiff::Timestamp) -> Response {
    let outcome = match Wallet::link_kind(link) {
        Ok(LinkKind::Offer) => agent.wallet.inspect_offer(link).map(|facts| offer_page(agent, lang, link, &facts)),
        Ok(LinkKind::Request) => agent.wallet.inspect_request_in(link, lang.tag(), now).await.map(|request| {
            let mark = agent.keep(Pending::Request(Box::new(request)));
            Redirect::to(&format!("/ask/{mark}")).into_response()
        }),
        Err(error) => Err(error),
    };
    outcome.unwrap_or_else(|error| match error {
        Error::Present(PresentError::NoMatch(Some(nothing))) => super::ask::nothing_fits(agent, lang, nothing),
        error => error_page(agent, lang, Stopped::Sending, &error),
    })
}

fn offer_page(agent: &Agent, lang: Lang, link: &str, facts: &OfferFacts) -> Response {
    let words = agent.words(lang);
    let issuer = [("issuer", facts.issuer.as_str().into())];
    let who = if facts.by_reference { "wallet-offer-by-reference" } else { "wallet-offer-from" };
    let main = html! {
        p { (words.fill(who, &issuer)) }
        p { (words.say("wallet-offer-next")) }
        form method="post" action="/accept" {
            input type="hidden" name=(FIELD) value=(agent.form_token());
            input type="hidden" name="link" value=(link);
            @if facts.tx_code_needed != Some(false) { (tx_code(words, facts)) }
            div class="actions" {
                button class="button" type="submit" { (words.say("wallet-offer-accept")) }
                a class="button secondary" href="/" { (words.say("wallet-cancel")) }
            }
        }
    };
    page(agent, words, Here::Elsewhere, words.say("wallet-offer-title")).main(main).into_response()
}

fn tx_code(words: Words<'_>, facts: &OfferFacts) -> Markup {
    html! {
        label for="tx_code" { (words.say("wallet-offer-tx-code")) }
        input class="code" id="tx_code" name="tx_code" type="text" autocomplete="one-time-code" maxlength="64"
            inputmode="numeric" aria-describedby="tx-code-hint" required[facts.tx_code_needed == Some(true)];
        p id="tx-code-hint" { (words.say("wallet-offer-tx-code-hint")) }
    }
}

/// `POST /accept`
pub(super) async fn accept(
    State(agent): State<Arc<Agent>>,
    Now(now): Now,
    lang: Lang,
    Form(form): Form<AcceptForm>,
) -> Result<Response, Problem> {
    agent.check_form(Some(&form.csrf))?;
    let words = agent.words(lang);
    let code = Some(form.tx_code.as_str()).filter(|code| !code.trim().is_empty());
    let facts = match agent.wallet.accept(&form.link, code, now).await {
        Ok(accepted) => accepted.credential,
        // A wrong code can be typed again as long as the issuer allows it.
        Err(error @ Error::Accept(_)) if matches!(error.code(), "code_refused" | "tx_code_needed") => {
            let notice = super::error_notice(words, Stopped::Storing, &error);
            let facts = agent.wallet.inspect_offer(&form.link).unwrap_or(OfferFacts {
                issuer: String::new(),
                by_reference: true,
                tx_code_needed: None,
            });
            let main = html! {
                (notice)
                form method="post" action="/accept" {
                    input type="hidden" name=(FIELD) value=(agent.form_token());
                    input type="hidden" name="link" value=(form.link);
                    (tx_code(words, &facts))
                    div class="actions" {
                        button class="button" type="submit" { (words.say("wallet-offer-accept")) }
                        a class="button secondary" href="/" { (words.say("wallet-cancel")) }
                    }
                }
            };
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            let page = page(&agent, words, Here::Elsewhere, words.say("wallet-offer-title")).status(status);
            return Ok(page.main(main).into_response());
        }
        Err(error) => return Ok(error_page(&agent, lang, Stopped::Storing, &error)),
    };
    let said = [("name", facts.name.as_str().into()), ("issuer", facts.issuer_name.as_str().into())];
    let main = html! {
        (proven())
        p { (words.fill("wallet-accepted-lead", &said)) }
        div class="actions" { a class="button" href="/" { (words.say("wallet-to-home")) } }
    };
    Ok(page(&agent, words, Here::Elsewhere, words.say("wallet-accepted-title")).main(main).into_response())
}
