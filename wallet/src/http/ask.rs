//! The question: who asks, what for, what leaves, what stays hidden, the selfie; and the answer to it.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Multipart, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use jiff::Timestamp;
use maud::{Markup, html};
use warifu_models::liveness::{Recording, framing};
use warifu_server::assets::Script;
use warifu_server::csrf::FIELD;
use warifu_server::extract::{Form, FormParts, Json, Path, Query};
use warifu_server::page::Icon;
use warifu_server::page::components::{
    self, Camera, Capture, RECORDING, Subject, Tone, code_block, empty, notice, proven,
};
use warifu_server::text::{Lang, Words};
use warifu_server::{Now, Problem};
use warifu_session::share::Life;

use super::show::{pictures, said};
use super::{Agent, Here, PICTURE_BYTES, Pending, Stopped, error_notice, error_page, page};
use crate::Error;
use crate::consent::{Asked, Choice, DemandedBy, Disclosure, Extra, Question, Ready, Warning};
use crate::history::Channel;
use crate::holding::{CredentialId, FACE_TEMPLATE};
use crate::presence::{LivenessDemand, Selfie};
use crate::present::{NothingFits, Picks, PresentError, PresentedFacts};
use crate::share::{NewShareRequest, ShareFacts};

/// Names the form that refuses, for its button among those that agree.
const REFUSAL: &str = "refuse-form";
/// Prefix of the checkboxes for details in the share form.
const CLAIM: &str = "claim.";
/// Names the form that agrees where there is no camera panel.
const AGREEMENT: &str = "agree-form";
/// Prefix of the radio buttons for a credential, before the query's identifier.
const CHOICE: &str = "choice.";
/// Prefix of the checkboxes for what can be added, before its number.
const EXTRA: &str = "extra.";
/// Name of the checkbox for a portrait.
const PORTRAIT: &str = "portrait";

impl Pending {
    /// What the person decides about; nothing where nothing fits.
    pub(super) fn question(&self) -> Option<&Question> {
        match self {
            Self::Request(request) => Some(request.question()),
            Self::Share(proposal) => Some(proposal.question()),
            Self::Nothing(_) => None,
        }
    }
}

/// `GET /ask/{mark}`
pub(super) async fn question(State(agent): State<Arc<Agent>>, lang: Lang, Path(mark): Path<String>) -> Response {
    // Taken out and put back: looking does not use it up.
    match agent.take(&mark) {
        Some(pending) => {
            let shown = pending_page(&agent, lang, &pending, None);
            agent.keep(pending);
            shown
        }
        None => gone(&agent, lang),
    }
}

/// `POST /ask/{mark}`: the person agreed, with the selfie where one is demanded.
pub(super) async fn answer(
    State(agent): State<Arc<Agent>>,
    Now(now): Now,
    lang: Lang,
    Path(mark): Path<String>,
    multipart: Multipart,
) -> Result<Response, Problem> {
    let mut parts = FormParts::read(multipart, PICTURE_BYTES).await?;
    agent.check_form(parts.text(FIELD))?;
    let selfie = shown(&agent, &mark, &mut parts)?;
    let portrait = parts.text(PORTRAIT).is_some();
    let Some(pending) = agent.take(&mark) else { return Ok(gone(&agent, lang)) };
    Ok(match pending {
        Pending::Request(request) => {
            let kept = request.clone();
            let picks = picks(request.question(), &parts);
            let chosen = match picks.and_then(|picks| agent.wallet.choose(*request, &picks, lang.tag(), now)) {
                Ok(chosen) => chosen,
                Err(error) => return Ok(again(&agent, lang, Pending::Request(kept), &error)),
            };
            match ready(&agent, chosen, selfie, portrait, now).await {
                Ok(ready) => {
                    let question = ready.asked.question().clone();
                    match agent.wallet.present(ready, now).await {
                        Ok(facts) => presented_page(&agent, lang, &question, &facts),
                        Err(error) => error_page(&agent, lang, Stopped::Looking, &error),
                    }
                }
                // What was picked stays picked.
                Err((request, error)) => again(&agent, lang, Pending::Request(request), &error),
            }
        }
        Pending::Nothing(nothing) => nothing_fits(&agent, lang, nothing),
        Pending::Share(proposal) => match ready(&agent, *proposal, selfie, portrait, now).await {
            Ok(ready) => match agent.wallet.share(ready, now) {
                Ok(facts) => shared_page(&agent, lang, &facts),
                Err(error) => error_page(&agent, lang, Stopped::Sending, &error),
            },
            Err((proposal, error)) => again(&agent, lang, Pending::Share(proposal), &error),
        },
    })
}

/// What the person picked of what the question offers.
fn picks(question: &Question, parts: &FormParts) -> Result<Picks, Error> {
    let mut picks = Picks::default();
    for choice in &question.choices {
        if let Some(id) = parts.text(&format!("{CHOICE}{}", choice.query_id)) {
            let id = id.parse().map_err(|_| PresentError::NoSuchChoice)?;
            picks.credentials.insert(choice.query_id.clone(), id);
        }
    }
    let added = question.extras.iter().map(|extra| extra.number);
    picks.extras = added.filter(|number| parts.text(&format!("{EXTRA}{number}")).is_some()).collect();
    Ok(picks)
}

/// What the person showed: a recording, a picture, or nothing.
fn shown(agent: &Agent, mark: &str, parts: &mut FormParts) -> Result<Option<Selfie>, Problem> {
    let bad = |detail: &str| Problem::bad_request("bad_recording", detail.to_owned());
    match parts.text(RECORDING).filter(|text| !text.is_empty()).map(str::to_owned) {
        Some(description) => {
            // Used up whatever comes of it.
            let challenge =
                agent.take_challenge(mark).ok_or_else(|| bad("no challenge was given for this recording"))?;
            let files = parts.files("selfie").into_iter().map(|upload| upload.bytes).collect();
            let recording = Recording::parse(&description, files).map_err(|error| bad(&error.to_string()))?;
            Ok(Some(Selfie::Recorded { challenge, recording }))
        }
        None => Ok(parts.file("selfie").ok().map(|upload| upload.bytes.into())),
    }
}

/// `POST /ask/{mark}/challenge`: what the person is to do in front of the camera.
pub(super) async fn challenge(
    State(agent): State<Arc<Agent>>,
    Now(now): Now,
    Path(mark): Path<String>,
) -> Result<Response, Problem> {
    let liveness = agent.peek(&mark, |question| question.selfie.as_ref().map(|selfie| selfie.liveness)).flatten();
    let liveness = liveness.ok_or_else(|| Problem::not_found("no question waits for a selfie here"))?;
    let challenge = agent.challenge(&mark, liveness.method(), now);
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(challenge.page())).into_response())
}

/// `POST /ask/{mark}/look`: what to do about a live frame.
pub(super) async fn look(
    State(agent): State<Arc<Agent>>,
    Path(mark): Path<String>,
    Query(question): Query<framing::Question>,
    frame: Bytes,
) -> Result<Response, Problem> {
    if agent.peek(&mark, |_| ()).is_none() {
        return Err(Problem::not_found("no question waits for a selfie here"));
    }
    match agent.wallet.look(frame.to_vec(), question).await {
        Ok(framing) => Ok(([(header::CACHE_CONTROL, "no-store")], Json(framing)).into_response()),
        Err(error) => Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, error.code(), error.to_string())),
    }
}

/// Consent is the press of the button; the selfie is matched first. What is asked comes back when that fails.
async fn ready<A: Asked + Clone>(
    agent: &Agent,
    asked: A,
    selfie: Option<Selfie>,
    portrait: bool,
    now: Timestamp,
) -> Result<Ready<A>, (Box<A>, Error)> {
    let question = asked.question();
    let consent = if portrait { question.agree_with_portrait(now) } else { question.agree(now) };
    let kept = Box::new(asked.clone());
    let outcome = match (asked.demand().is_some(), selfie) {
        (true, Some(selfie)) => match agent.wallet.match_selfie(&asked, selfie, now).await {
            Ok(matched) => Ready::matched(asked, consent, matched, now).map_err(Error::from),
            Err(error) => Err(error),
        },
        (_, _) => Ready::agreed(asked, consent, now).map_err(Error::from),
    };
    outcome.map_err(|error| (kept, error))
}

/// The same question with what went wrong above it.
fn again(agent: &Agent, lang: Lang, pending: Pending, error: &Error) -> Response {
    tracing::info!(code = error.code(), %error, "not answered");
    let words = agent.words(lang);
    let notice = error_notice(words, Stopped::Sending, error);
    let shown = pending_page(agent, lang, &pending, Some(notice));
    agent.keep(pending);
    (StatusCode::UNPROCESSABLE_ENTITY, shown).into_response()
}

#[derive(serde::Deserialize)]
pub(super) struct RefuseForm {
    csrf: String,
}

/// `POST /ask/{mark}/refuse`
pub(super) async fn refuse(
    State(agent): State<Arc<Agent>>,
    Now(now): Now,
    lang: Lang,
    Path(mark): Path<String>,
    Form(form): Form<RefuseForm>,
) -> Result<Response, Problem> {
    agent.check_form(Some(&form.csrf))?;
    let Some(pending) = agent.take(&mark) else { return Ok(gone(&agent, lang)) };
    let (name, done) = match pending {
        Pending::Request(request) => {
            (request.question().asker.name.clone(), agent.wallet.refuse_request(*request, now).await)
        }
        Pending::Share(proposal) => {
            (proposal.question().asker.name.clone(), agent.wallet.refuse_share(&proposal, now).map(|()| None))
        }
        Pending::Nothing(nothing) => (nothing.verifier().to_owned(), Ok(agent.wallet.say_nothing_fits(&nothing).await)),
    };
    let onward = match done {
        Ok(onward) => onward,
        Err(error) => return Ok(error_page(&agent, lang, Stopped::Sending, &error)),
    };
    let words = agent.words(lang);
    let name = [("name", name.into())];
    let main = html! {
        p { (words.fill("wallet-refused-lead", &name)) }
        div class="actions" {
            @if let Some(url) = &onward {
                a class="button" href=(url) rel="noreferrer" { (words.fill("wallet-presented-continue", &name)) }
            }
            a class={ "button" @if onward.is_some() { " secondary" } } href="/" { (words.say("wallet-to-home")) }
        }
    };
    Ok(page(&agent, words, Here::Elsewhere, words.say("wallet-refused-title")).main(main).into_response())
}

/// Nothing held answers: the person is told, and decides whether the other side is told what a refusal says.
pub(super) fn nothing_fits(agent: &Agent, lang: Lang, nothing: Box<NothingFits>) -> Response {
    let shown = nothing_page(agent, lang, &nothing);
    agent.keep(Pending::Nothing(nothing));
    shown
}

fn nothing_page(agent: &Agent, lang: Lang, nothing: &NothingFits) -> Response {
    let words = agent.words(lang);
    let name = [("name", nothing.verifier().into())];
    let error = Error::Present(PresentError::NoMatch(None));
    let main = html! {
        (error_notice(words, Stopped::Sending, &error))
        p { (words.fill("wallet-nothing-tell", &name)) }
        form method="post" action={ "/ask/" (nothing.mark()) "/refuse" } {
            input type="hidden" name=(FIELD) value=(agent.form_token());
            div class="actions" {
                button class="button" type="submit" { (words.fill("wallet-nothing-tell-go", &name)) }
                a class="button secondary" href="/" { (words.say("wallet-to-home")) }
            }
        }
    };
    let page = page(agent, words, Here::Elsewhere, words.say("wallet-error-title"));
    page.status(StatusCode::UNPROCESSABLE_ENTITY).main(main).into_response()
}

fn pending_page(agent: &Agent, lang: Lang, pending: &Pending, above: Option<Markup>) -> Response {
    match pending {
        Pending::Request(request) => question_page(agent, lang, request.question(), above),
        Pending::Share(proposal) => question_page(agent, lang, proposal.question(), above),
        Pending::Nothing(nothing) => nothing_page(agent, lang, nothing),
    }
}

fn question_page(agent: &Agent, lang: Lang, question: &Question, above: Option<Markup>) -> Response {
    let words = agent.words(lang);
    let asker = &question.asker;
    let name = [("name", asker.name.as_str().into())];
    let counted = [("name", asker.name.as_str().into()), ("count", question.count().into())];
    let title = match question.channel {
        Channel::Request => words.fill("wallet-consent-title", &counted),
        Channel::Share => words.fill("wallet-share-consent-title", &name),
    };
    // What can be chosen stands below with its values, so that nothing is said twice.
    let fixed = || question.disclosures.iter().filter(|disclosure| !is_choice(question, disclosure));
    let rows: Vec<(&str, String)> =
        fixed().flat_map(|d| d.shared.iter().map(|row| (row.label.as_str(), said(words, row)))).collect();
    let shared: Vec<(&str, &str)> = rows.iter().map(|(label, value)| (*label, value.as_str())).collect();
    let hidden: Vec<&str> = fixed().flat_map(|d| d.hidden.iter().map(|claim| claim.label.as_str())).collect();
    let purpose = question.purpose.clone().unwrap_or_else(|| words.say("wallet-consent-no-purpose"));
    let known_as = match &asker.certificate_name {
        Some(certificate) => format!("{} ({certificate})", words.say("wallet-consent-registered")),
        None => words.say("wallet-consent-registered"),
    };
    let kept = words.say("wallet-consent-kept-unknown");
    let consent = components::Consent {
        asker: &asker.name,
        known: true,
        known_as: &known_as,
        purpose: &purpose,
        shared: &shared,
        hidden: &hidden,
        kept: &kept,
    };
    let open = !question.choices.is_empty() || !question.extras.is_empty();
    let act = if open {
        words.fill("wallet-consent-agree-chosen", &name)
    } else if question.count() == 0 {
        words.fill("wallet-consent-agree-none", &name)
    } else {
        words.fill("wallet-consent-agree", &counted)
    };
    let until = match question.channel {
        Channel::Request => "wallet-consent-how-long",
        Channel::Share => "wallet-share-expires",
    };
    // Also in what could be chosen instead: then the tick is there, and is asked for only where it is needed.
    let offered = || {
        let choices = question.choices.iter().flat_map(|choice| &choice.offered);
        choices.chain(question.extras.iter().flat_map(|extra| &extra.disclosures))
    };
    let portrait = question.has_portrait() || offered().any(Disclosure::has_portrait);
    let form = if question.selfie.is_some() { components::camera_form("selfie") } else { AGREEMENT.to_owned() };
    let face = question.disclosures.iter().any(|d| d.shared.iter().any(|row| row.name == FACE_TEMPLATE));
    let action = format!("/ask/{}", question.mark);
    let token = agent.form_token();
    let refuse = html! {
        button class="button secondary" type="submit" form=(REFUSAL) { (words.say("wallet-consent-refuse")) }
    };
    let main = html! {
        @if let Some(notice) = above { (notice) }
        @for warning in &question.warnings { (warned(words, question, warning)) }
        (components::consent(&words, &consent))
        @for disclosure in fixed() { (pictures(&disclosure.shared)) }
        @for choice in &question.choices { (choice_of(words, question, choice, &form)) }
        @for extra in &question.extras { (extra_of(words, question, extra, &form)) }
        @if portrait {
            p { (Icon::Alert) " " (words.fill("wallet-consent-portrait", &name)) }
            fieldset {
                legend { (words.say("wallet-consent-portrait-title")) }
                div {
                    input type="checkbox" id=(PORTRAIT) name=(PORTRAIT) value="on" form=(form)
                        required[question.has_portrait() && !open];
                    label for=(PORTRAIT) class="inline" { (words.fill("wallet-consent-portrait-agree", &name)) }
                }
            }
        }
        @if face { p { (Icon::Face) " " (words.fill("wallet-consent-face", &name)) } }
        p { (words.say("wallet-consent-always")) }
        @if let Some(at) = question.expires_at { p { (words.say(until)) ": " (lang.moment(at)) } }
        @if let Some(selfie) = &question.selfie {
            h2 { (Icon::Face) " " (words.say("wallet-consent-selfie")) }
            (components::camera(&words, &Camera {
                subject: Subject::Face,
                action: &action,
                field: "selfie",
                hidden: &[(FIELD, &token)],
                // A picture from elsewhere can not answer a challenge.
                upload: selfie.liveness != LivenessDemand::Active,
                reason: &match selfie.demanded_by {
                    DemandedBy::Asker => words.fill("wallet-consent-selfie-why", &name),
                    DemandedBy::OwnSetting => words.say("wallet-consent-selfie-own"),
                },
                send: &act,
                elsewhere: None,
                beside: Some(&refuse),
                capture: Some(Capture { look: &format!("{action}/look"), challenge: &format!("{action}/challenge") }),
            }))
        } @else {
            div class="actions" {
                form id=(AGREEMENT) method="post" action=(action) enctype="multipart/form-data" {
                    input type="hidden" name=(FIELD) value=(token);
                    button class="button" type="submit" { (act) }
                }
                (refuse)
            }
        }
        form id=(REFUSAL) method="post" action={ (action) "/refuse" } hidden {
            input type="hidden" name=(FIELD) value=(token);
        }
    };
    page(agent, words, Here::Elsewhere, title).script(Script::Capture).main(main).into_response()
}

/// Whether a disclosure answers a query for which another credential can be chosen.
fn is_choice(question: &Question, disclosure: &Disclosure) -> bool {
    let query = disclosure.query_id.as_ref();
    let chosen = question.choices.iter().any(|choice| Some(&choice.query_id) == query);
    // What was added stands with what can be added.
    let added = question.extras.iter().any(|extra| extra.disclosures.iter().any(|one| one.query_id.as_ref() == query));
    chosen || added
}

/// One of several credentials: each with everything that it would give away.
fn choice_of(words: Words<'_>, question: &Question, choice: &Choice, form: &str) -> Markup {
    let chosen = question.disclosures.iter().find(|one| one.query_id.as_ref() == Some(&choice.query_id));
    let chosen = chosen.or(choice.offered.first()).map(|disclosure| &disclosure.credential);
    let name = format!("{CHOICE}{}", choice.query_id);
    html! {
        fieldset class="choice" {
            legend { (words.say("wallet-choice-title")) }
            @for disclosure in &choice.offered {
                @let id = format!("{name}.{}", disclosure.credential);
                div {
                    input type="radio" id=(id) name=(name) value=(disclosure.credential) form=(form)
                        checked[chosen == Some(&disclosure.credential)];
                    label for=(id) class="inline" { (credential_line(words, disclosure)) }
                }
                (values_of(words, disclosure))
            }
        }
    }
}

/// Something that is given only where the person adds it.
fn extra_of(words: Words<'_>, question: &Question, extra: &Extra, form: &str) -> Markup {
    let name = format!("{EXTRA}{}", extra.number);
    let asker = [("name", question.asker.name.as_str().into())];
    // The values of what can be chosen stand with the choice.
    let fixed =
        |one: &&Disclosure| !question.choices.iter().any(|choice| Some(&choice.query_id) == one.query_id.as_ref());
    html! {
        fieldset class="extra" {
            legend { (words.say("wallet-extra-title")) }
            div {
                input type="checkbox" id=(name) name=(name) value="on" form=(form) checked[extra.added];
                label for=(name) class="inline" { (words.fill("wallet-extra-add", &asker)) }
            }
            @for disclosure in &extra.disclosures { p { (credential_line(words, disclosure)) } }
            @for disclosure in extra.disclosures.iter().filter(fixed) { (values_of(words, disclosure)) }
        }
    }
}

fn credential_line(words: Words<'_>, disclosure: &Disclosure) -> String {
    let said = [
        ("name", disclosure.credential_name.as_str().into()),
        ("issuer", disclosure.issuer_name.as_str().into()),
        ("date", words.lang.moment(disclosure.received_at).into()),
    ];
    words.fill("wallet-choice-credential", &said)
}

/// Exactly what a credential would give away.
fn values_of(words: Words<'_>, disclosure: &Disclosure) -> Markup {
    let values: Vec<(&str, String)> =
        disclosure.shared.iter().map(|row| (row.label.as_str(), said(words, row))).collect();
    html! {
        dl class="consent-shared" {
            @for (label, value) in &values { div { dt { (label) } dd { (value) } } }
        }
        (pictures(&disclosure.shared))
    }
}

/// A warning in plain words: what was seen, and what it means.
fn warned(words: Words<'_>, question: &Question, warning: &Warning) -> Markup {
    let name = ("name", question.asker.name.as_str().into());
    let of = |id: &CredentialId| {
        let disclosure = question.disclosures.iter().find(|disclosure| disclosure.credential == *id);
        disclosure.map_or_else(String::new, |disclosure| disclosure.credential_name.clone())
    };
    let (tone, id, values) = match warning {
        Warning::NotRegistered => (Tone::Warn, "wallet-warning-not-registered", vec![name]),
        Warning::BeyondRegistration { claim: Some(claim), .. } => {
            (Tone::Warn, "wallet-warning-beyond", vec![name, ("claim", claim.as_str().into())])
        }
        Warning::BeyondRegistration { claim: None, .. } => (Tone::Warn, "wallet-warning-beyond-type", vec![name]),
        Warning::FewCopies { credential, left } => {
            (Tone::Quiet, "wallet-warning-few", vec![("credential", of(credential).into()), ("count", (*left).into())])
        }
        Warning::ShownBefore { credential } => {
            (Tone::Warn, "wallet-warning-again", vec![name, ("credential", of(credential).into())])
        }
    };
    let text = words.fill(&format!("{id}-do"), &values);
    notice(&words, tone, &words.fill(id, &values), &text, None)
}

fn presented_page(agent: &Agent, lang: Lang, question: &Question, facts: &PresentedFacts) -> Response {
    let words = agent.words(lang);
    let name = [("name", facts.verifier.as_str().into())];
    let labels: Vec<&str> =
        question.disclosures.iter().flat_map(|d| d.shared.iter().map(|row| row.label.as_str())).collect();
    let main = html! {
        (proven())
        @if labels.is_empty() {
            p { (words.say("wallet-presented-nothing")) }
        } @else {
            p { (words.say("wallet-presented-lead")) }
            ul { @for label in labels { li { (label) } } }
        }
        div class="actions" {
            @if let Some(url) = &facts.redirect_uri {
                a class="button" href=(url) rel="noreferrer" { (words.fill("wallet-presented-continue", &name)) }
            }
            a class="button secondary" href="/history" { (words.say("wallet-history")) }
        }
    };
    page(agent, words, Here::Elsewhere, words.fill("wallet-presented-title", &name)).main(main).into_response()
}

fn shared_page(agent: &Agent, lang: Lang, facts: &ShareFacts) -> Response {
    let words = agent.words(lang);
    let said = [("name", facts.audience_name.as_str().into()), ("date", lang.moment(facts.expires_at).into())];
    let main = html! {
        (proven())
        p { (words.fill("wallet-share-made-lead", &said)) }
        (code_block(&words, "share-token", &words.say("wallet-share-token"), &facts.share_token))
        div class="actions" { a class="button secondary" href="/history" { (words.say("wallet-history")) } }
    };
    let page = page(agent, words, Here::Elsewhere, words.say("wallet-share-made-title")).script(Script::Copy);
    page.main(main).into_response()
}

/// `GET /share`
pub(super) async fn share_form(State(agent): State<Arc<Agent>>, Now(now): Now, lang: Lang) -> Response {
    let words = agent.words(lang);
    let (partners, held) = match (agent.wallet.partners(now).await, agent.wallet.list_in(lang.tag(), now)) {
        (Ok(partners), Ok(held)) => (partners, held),
        (Err(error), _) | (_, Err(error)) => return error_page(&agent, lang, Stopped::Looking, &error),
    };
    let newest = held.iter().rev().find(|facts| !facts.expired && facts.can_be_shared);
    let details = newest.map(|facts| agent.wallet.show_in(&facts.id, lang.tag(), now)).transpose();
    let details = match details {
        Ok(details) => details,
        Err(error) => return error_page(&agent, lang, Stopped::Looking, &error),
    };
    let title = words.say("wallet-share-title");
    let main = match details {
        None => {
            empty(Icon::Share, &words.say("wallet-share-no-credential"), "", Some(("/open", &words.say("wallet-open"))))
        }
        Some(_) if partners.is_empty() => empty(Icon::Share, &words.say("wallet-share-no-partner"), "", None),
        Some(details) => html! {
            p { (words.say("wallet-share-lead")) }
            form method="post" action="/share" {
                input type="hidden" name=(FIELD) value=(agent.form_token());
                input type="hidden" name="credential" value=(details.facts.id);
                label for="partner" { (words.say("wallet-share-partner")) }
                select id="partner" name="partner" required {
                    @for partner in &partners { option value=(partner.id) { (partner.name) } }
                }
                label for="purpose" { (words.say("wallet-share-purpose")) }
                input id="purpose" name="purpose" type="text" required maxlength="200" value=(words.say("wallet-share-purpose-value"));
                fieldset {
                    legend { (words.say("wallet-share-scope")) }
                    @for row in &details.claims {
                        @let id = format!("{CLAIM}{}", row.name);
                        div {
                            input type="checkbox" id=(id) name=(id) value="on" checked[row.name != "picture"];
                            " " label for=(id) class="inline" { (row.label) }
                        }
                    }
                }
                div class="actions" { button class="button" type="submit" { (words.say("wallet-share-review")) (Icon::Next) } }
            }
        },
    };
    page(&agent, words, Here::Share, title).main(main).into_response()
}

/// `POST /share`: shows what would be shared.
pub(super) async fn propose(
    State(agent): State<Arc<Agent>>,
    Now(now): Now,
    lang: Lang,
    Form(form): Form<BTreeMap<String, String>>,
) -> Result<Response, Problem> {
    let text = |name: &str| form.get(name).cloned().unwrap_or_default();
    agent.check_form(form.get(FIELD).map(String::as_str))?;
    let new = NewShareRequest {
        partner: text("partner"),
        purpose: text("purpose"),
        scope: vec![],
        claims: Some(form.keys().filter_map(|name| name.strip_prefix(CLAIM)).map(str::to_owned).collect()),
        credential: Some(text("credential").parse().map_err(|_| Problem::bad_request("bad_form", "no credential"))?),
        life: Life::default(),
    };
    Ok(match agent.wallet.propose_share_in(new, lang.tag(), now).await {
        Ok(proposal) => {
            let mark = agent.keep(Pending::Share(Box::new(proposal)));
            Redirect::to(&format!("/ask/{mark}")).into_response()
        }
        Err(error) => error_page(&agent, lang, Stopped::Sending, &error),
    })
}

fn gone(agent: &Agent, lang: Lang) -> Response {
    let words: Words<'_> = agent.words(lang);
    let main = html! {
        (notice(&words, Tone::Stop, &words.say("wallet-error-expired"), &words.say("wallet-error-expired-do"), None))
        div class="actions" { a class="button" href="/open" { (words.say("wallet-open")) } }
    };
    let page = page(agent, words, Here::Elsewhere, words.say("wallet-error-title"));
    page.status(StatusCode::NOT_FOUND).main(main).into_response()
}
