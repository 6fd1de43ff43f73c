//! The start page of the demo: who is here, and the story step by step, with what is done already.
//!
//! The page belongs to no role: it calls the issuer and Bank B as their customers' servers would, and looks into the
//! wallet of this machine to mark the steps that are done. One sandbox is one person's; there are no visitors to tell
//! apart.

use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Instant;

use anyhow::{Context as _, Result};
use axum::Router;
use axum::extract::{OriginalUri, State};
use axum::http::{Method, StatusCode, header};
use axum::middleware::from_fn;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;
use warifu_models::Models;
use warifu_server::clock::Clock;
use warifu_server::extract::{Form, Path};
use warifu_server::fetch::Fetcher;
use warifu_server::page::components::{self, Tone};
use warifu_server::page::{Icon, Page};
use warifu_server::run::asked_to_stop;
use warifu_server::text::{Catalogue, Lang, Words};
use warifu_server::{Problem, assets, csrf};
use warifu_wallet::Wallet;
use warifu_wallet::history::{Channel, TransactionResult};
use warifu_wallet::http::Agent;

use super::Person;
use crate::sandbox::Sandbox;

static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| {
    let files = [(Lang::En, include_str!("../../locales/en.ftl")), (Lang::Ja, include_str!("../../locales/ja.ftl"))];
    #[expect(clippy::expect_used, reason = "the catalogues are compiled in and a test parses them")]
    Catalogue::new(&files).expect("the catalogues parse")
});

/// What the start page knows.
pub struct Demo {
    issuer: Url,
    issuer_key: String,
    registry: Url,
    partners: Vec<Partner>,
    agent: Arc<Agent>,
    wallet: Arc<Wallet>,
    wallet_url: String,
    clock: Clock,
    fetcher: Fetcher,
    person: Option<Person>,
    liveness: bool,
    /// The verification that was begun last.
    begun: Mutex<Option<Verification>>,
}

/// A partner and the key of its own servers.
struct Partner {
    name: String,
    url: Url,
    api_key: String,
}

/// A KYC session.
#[derive(Clone)]
struct Verification {
    id: String,
    token: String,
    /// Its hosted page.
    page: String,
}

impl Demo {
    /// What the page needs of a running sandbox. `person` are the pictures offered for download.
    #[must_use]
    pub fn of(sandbox: &Sandbox, person: Option<Person>) -> Self {
        let partners = sandbox.partners.iter().map(|partner| Partner {
            name: partner.role.config().name.clone(),
            url: partner.url.clone(),
            api_key: partner.api_key.clone(),
        });
        Self {
            issuer: sandbox.issuer.url.clone(),
            issuer_key: sandbox.issuer.api_key.clone(),
            registry: sandbox.registry.clone(),
            partners: partners.collect(),
            agent: Arc::clone(&sandbox.agent),
            wallet: Arc::clone(&sandbox.wallet),
            wallet_url: sandbox.wallet_url.origin().ascii_serialization(),
            clock: sandbox.clock().clone(),
            fetcher: sandbox.fetcher().clone(),
            liveness: sandbox.issuer.role.has_liveness(),
            person,
            begun: Mutex::default(),
        }
    }

    fn begun(&self) -> Option<Verification> {
        self.begun.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Makes a KYC session, as a customer's server does.
    async fn begin(&self, lang: Lang) -> Result<Verification> {
        let url = self.issuer.join("v3/session/")?;
        let body = json!({"language": lang.tag()});
        let answer = self.fetcher.post_json(&url, &body, &[("x-api-key", self.issuer_key.as_str())]).await?;
        let created: Value = serde_json::from_slice(&answer.body)?;
        let text = |name: &str| created[name].as_str().map(str::to_owned).context("the issuer made no session");
        let begun = Verification { id: text("session_id")?, token: text("session_token")?, page: text("url")? };
        *self.begun.lock().unwrap_or_else(PoisonError::into_inner) = Some(begun.clone());
        Ok(begun)
    }

    /// Hands a picture in at the hosted flow, as the person's browser does.
    async fn hand_in(&self, begun: &Verification, step: &str, picture: &[u8]) -> Result<()> {
        let url = self.issuer.join(&format!("session/{}/{step}", begun.token))?;
        let headers = [("accept", "application/json")];
        let answer = self.fetcher.post_bytes(&url, "image/jpeg", picture.to_vec(), &headers).await?;
        // A refusal is shown by the hosted page, with what to do.
        anyhow::ensure!(answer.status.as_u16() < 500, "the issuer answered {}", answer.status);
        Ok(())
    }

    /// How far the story is.
    async fn progress(&self) -> Result<Progress> {
        let status = match self.begun() {
            Some(begun) => {
                let url = self.issuer.join(&format!("v3/session/{}/decision/", begun.id))?;
                let headers = [("x-api-key", self.issuer_key.as_str()), ("accept", "application/json")];
                let answer = self.fetcher.send(Method::GET, &url, &headers, Vec::new()).await?;
                let decision: Value = serde_json::from_slice(&answer.body)?;
                decision["status"].as_str().map(|status| (status.to_owned(), begun.page))
            }
            None => None,
        };
        let history = self.wallet.history()?;
        let done = |channel| {
            let mut entries = history.iter().filter(|entry| entry.transaction_result == TransactionResult::Completed);
            entries.any(|entry| entry.channel == Some(channel))
        };
        Ok(Progress {
            status,
            held: !self.wallet.list(self.clock.now())?.is_empty(),
            presented: done(Channel::Request),
            shared: done(Channel::Share),
        })
    }
}

/// How far the story is.
#[derive(Default)]
struct Progress {
    /// Status of the latest verification, and its page.
    status: Option<(String, String)>,
    /// A credential is in the wallet.
    held: bool,
    /// A request was answered.
    presented: bool,
    /// A share was made.
    shared: bool,
}

impl Progress {
    fn is_done(&self, step: usize) -> bool {
        match step {
            1 => self.held || self.status.as_ref().is_some_and(|(status, _)| status == "Approved"),
            2 => self.held,
            3 => self.presented,
            4 => self.shared,
            _ => false,
        }
    }

    /// The first step that is not done.
    fn next(&self) -> usize {
        (1..).find(|step| !self.is_done(*step)).unwrap_or_default()
    }
}

/// The pages of the demo.
pub fn router(demo: Demo) -> Router {
    Router::new()
        .route("/", get(async |lang: Lang| Redirect::to(&format!("/{lang}/"))))
        .route("/{lang}/", get(start))
        .route("/{lang}/verify", post(verify))
        .route("/{lang}/try", post(verify_sample))
        .route("/{lang}/import", post(import))
        .route("/wallet", post(wallet))
        .route("/sample/{name}", get(sample))
        .merge(assets::router())
        .layer(from_fn(csrf::same_origin))
        .layer(from_fn(assets::security_headers))
        .with_state(Arc::new(demo))
}

/// Serves the start page and waits until asked to stop.
#[expect(clippy::print_stdout, reason = "the command's answer")]
pub(super) async fn serve(sandbox: &mut Sandbox, models: Models, port: u16, begun: Instant) -> Result<()> {
    let person = match tokio::task::spawn_blocking(move || Person::fictional(&models)).await? {
        Ok(person) => Some(person),
        Err(error) => {
            tracing::warn!(%error, "no sample pictures");
            None
        }
    };
    let demo = Demo::of(sandbox, person);
    let url = sandbox.also_serve(port, |_| router(demo)).await?;
    println!("Warifu sandbox, ready after {:.1} s. Open {url}", begun.elapsed().as_secs_f64());
    println!("  registry {}\n  issuer   {}", sandbox.registry, sandbox.issuer.url);
    for partner in &sandbox.partners {
        println!("  {:<8} {}", partner.role.config().name, partner.url);
    }
    println!("  wallet   {}", sandbox.agent.entry());
    println!("  data     {}\nCtrl-C stops everything.", sandbox.data.display());
    asked_to_stop().await;
    Ok(())
}

/// `GET /{lang}/`: the story.
async fn start(State(demo): State<Arc<Demo>>, Path(lang): Path<Lang>, OriginalUri(address): OriginalUri) -> Response {
    let words = CATALOGUE.words(lang);
    let progress = demo.progress().await.unwrap_or_else(|error| {
        tracing::warn!(%error, "the steps are shown without what is done");
        Progress::default()
    });
    let partner = |index: usize| demo.partners.get(index).map(|partner| (partner.name.as_str(), partner.url.as_str()));
    let (bank_a, url_a) = partner(0).unwrap_or_default();
    let (bank_b, url_b) = partner(1).unwrap_or_default();
    // A name does not break over two lines.
    let [a, b] = [bank_a, bank_b].map(|name| name.replace(' ', "\u{a0}"));
    let names = [("a", a.as_str().into()), ("b", b.as_str().into())];
    let fill = |id: &str| words.fill(id, &names);
    let step = |number: usize, about: Markup, acts: Markup| {
        let done = progress.is_done(number);
        html! {
            li id={ "step-" (number) } .done[done] .next[progress.next() == number] {
                header {
                    @if done {
                        span class="number" { (Icon::Check) span class="hidden-visually" { (words.say("step-done")) } }
                    } @else {
                        span class="number" aria-hidden="true" { (number) }
                    }
                    h2 { (fill(&format!("step-{number}-title"))) }
                }
                p { (fill(&format!("step-{number}-text"))) }
                (about)
                div class="acts" { (acts) }
            }
        }
    };
    let button = |number: usize| if progress.next() == number { "button" } else { "button secondary" };
    let content = html! {
        p class="lead" { (words.say("lead")) }
        @if !demo.liveness {
            (components::notice(&words, Tone::Warn, &words.say("no-liveness-title"), &words.say("no-liveness-text"), None))
        }
        (people(&words))
        ol class="story" {
            (step(1, html! {
                @if let Some((status, page)) = &progress.status {
                    p { (components::status_pill(&words, status)) " " a href=(page) { (words.say("step-1-see")) } }
                }
            }, html! {
                form method="post" action={ "/" (lang) "/verify" } {
                    button type="submit" class=(button(1)) { (Icon::Camera) (words.say("step-1-action")) }
                }
                @if demo.person.is_some() {
                    form method="post" action={ "/" (lang) "/try" } {
                        button type="submit" class="button secondary" { (words.say("step-1-sample")) }
                    }
                    small { (words.say("samples")) " "
                        a href="/sample/document.jpg" download { (words.say("sample-document")) } " · "
                        a href="/sample/selfie.jpg" download { (words.say("sample-selfie")) } }
                }
            }))
            (step(2, html! {}, html! {
                form method="post" action="/wallet" {
                    button type="submit" class=(button(2)) { (Icon::Card) (words.say("step-2-action")) }
                }
            }))
            (step(3, html! {
                (components::qr(&format!("{url_a}{lang}/"), &fill("step-3-qr")))
            }, html! {
                a class=(button(3)) href={ (url_a) (lang) "/" } { (Icon::Bank) (fill("step-3-action")) }
            }))
            (step(4, html! {}, html! {
                form method="post" action={ "/" (lang) "/import" } class="input" {
                    label for="token" { (words.say("step-4-token")) }
                    textarea id="token" name="token" rows="2" required maxlength="65536" spellcheck="false" autocomplete="off" {}
                    button type="submit" class=(button(4)) { (Icon::Download) (fill("step-4-action")) }
                }
                small { a href={ (url_b) (lang) "/" } { (fill("step-4-look")) } }
            }))
            (step(5, html! {}, html! {
                a class=(button(5)) href={ (demo.registry) "?lang=" (lang) } { (Icon::Key) (words.say("step-5-action")) }
            }))
        }
    };
    let targets = [demo.issuer.origin().ascii_serialization(), demo.wallet_url.clone()];
    let page = Page::new(words, words.say("title")).sandbox().wide().at(&address).main(content);
    targets.into_iter().fold(page, Page::form_may_lead_to).into_response()
}

/// The four roles in a line each.
fn people(words: &Words<'_>) -> Markup {
    html! {
        dl class="roles" {
            @for (icon, role) in
                [(Icon::Face, "issuer"), (Icon::Card, "wallet"), (Icon::Bank, "verifier"), (Icon::Key, "registry")]
            {
                div { (icon) dt { (words.say(&format!("role-{role}"))) } dd { (words.say(&format!("role-{role}-text"))) } }
            }
        }
    }
}

/// `POST /{lang}/verify`: a fresh KYC session, then to its hosted page.
async fn verify(State(demo): State<Arc<Demo>>, Path(lang): Path<Lang>) -> Response {
    match demo.begin(lang).await {
        Ok(begun) => Redirect::to(&begun.page).into_response(),
        Err(error) => Problem::internal(&error).into_response(),
    }
}

/// `POST /{lang}/try`: a fresh KYC session with the sample pictures handed in, then to its result.
async fn verify_sample(State(demo): State<Arc<Demo>>, Path(lang): Path<Lang>) -> Response {
    let Some(person) = &demo.person else { return Problem::not_found("there are no sample pictures").into_response() };
    let done = async {
        let begun = demo.begin(lang).await?;
        demo.hand_in(&begun, "document", &person.document).await?;
        demo.hand_in(&begun, "selfie", &person.selfie).await?;
        Ok::<_, anyhow::Error>(begun)
    };
    match done.await {
        Ok(begun) => Redirect::to(&begun.page).into_response(),
        Err(error) => Problem::internal(&error).into_response(),
    }
}

#[derive(Debug, Deserialize)]
struct ImportForm {
    token: String,
}

/// `POST /{lang}/import`: the second partner's server imports a share; its answer is shown, refusals too.
async fn import(State(demo): State<Arc<Demo>>, Path(lang): Path<Lang>, Form(form): Form<ImportForm>) -> Response {
    let words = CATALOGUE.words(lang);
    let Some(partner) = demo.partners.get(1) else {
        return Problem::not_found("there is no second partner").into_response();
    };
    let imported = async {
        let url = partner.url.join("v3/session/import-shared/")?;
        let body = json!({"share_token": form.token.trim(), "trust_review": true});
        let headers = [("x-api-key", partner.api_key.as_str()), ("accept", "application/json")];
        let answer = demo.fetcher.post_json(&url, &body, &headers).await?;
        let body: Value = serde_json::from_slice(&answer.body)?;
        Ok::<_, anyhow::Error>((answer.status, body))
    };
    let (status, body) = match imported.await {
        Ok(answer) => answer,
        Err(error) => return Problem::internal(&error).into_response(),
    };
    let name = [("b", partner.name.as_str().into())];
    let done = status == StatusCode::CREATED;
    let answer = serde_json::to_string_pretty(&body).unwrap_or_default();
    let said = words.fill("import-answer", &[("b", partner.name.as_str().into()), ("status", status.as_u16().into())]);
    let content = html! {
        @if done {
            (components::proven())
            (components::notice(&words, Tone::Ok, &words.fill("import-done", &name), &words.fill("import-done-text", &name), None))
        } @else {
            (components::notice(&words, Tone::Stop, &words.fill("import-refused", &name), &words.fill("import-refused-text", &name), None))
        }
        (components::code_block(&words, "answer", &said, &answer))
        div class="actions" { a class="button" href={ "/" (lang) "/#step-4" } { (words.say("import-back")) } }
    };
    // The refusal is the partner's; this page did what it was asked to.
    let title = words.fill(if done { "import-title" } else { "import-title-refused" }, &name);
    Page::new(words, title).sandbox().script(assets::Script::Copy).main(content).into_response()
}

/// `POST /wallet`: a fresh entry link of the wallet, used at once.
async fn wallet(State(demo): State<Arc<Demo>>) -> Redirect {
    Redirect::to(&demo.agent.entry())
}

/// `GET /sample/{name}`: the fictional passport and a selfie to try with.
async fn sample(State(demo): State<Arc<Demo>>, Path(name): Path<String>) -> Response {
    let person = demo.person.as_ref();
    let picture = match name.as_str() {
        "document.jpg" => person.map(|person| &person.document),
        "selfie.jpg" => person.map(|person| &person.selfie),
        "selfie-2.jpg" => person.map(|person| &person.second_selfie),
        _ => None,
    };
    match picture {
        Some(bytes) => ([(header::CONTENT_TYPE, "image/jpeg")], bytes.clone()).into_response(),
        None => Problem::not_found("there is no such sample").into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_languages_say_everything() {
        assert_eq!(CATALOGUE.gaps(), Vec::<String>::new());
    }
}
