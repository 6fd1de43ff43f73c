//! The start page of the demo: who is here, and the story step by step with links and live QR codes.

use std::sync::{Arc, LazyLock};
use std::time::Instant;

use anyhow::{Context as _, Result};
use axum::Router;
use axum::extract::{OriginalUri, State};
use axum::http::header;
use axum::middleware::from_fn;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use maud::{Markup, html};
use serde_json::json;
use url::Url;
use warifu_models::Models;
use warifu_server::extract::Path;
use warifu_server::page::Page;
use warifu_server::page::components;
use warifu_server::run::asked_to_stop;
use warifu_server::text::{Catalogue, Lang, Words};
use warifu_server::{Problem, assets, csrf};
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
    partners: Vec<(String, Url)>,
    agent: Arc<Agent>,
    wallet: String,
    fetcher: warifu_server::fetch::Fetcher,
    person: Option<Person>,
    liveness: bool,
}

impl Demo {
    /// What the page needs of a running sandbox. `person` are the pictures offered for download.
    #[must_use]
    pub fn of(sandbox: &Sandbox, person: Option<Person>) -> Self {
        let partners = sandbox.partners.iter().map(|partner| (partner.role.config().name.clone(), partner.url.clone()));
        Self {
            issuer: sandbox.issuer.url.clone(),
            issuer_key: sandbox.issuer.api_key.clone(),
            registry: sandbox.registry.clone(),
            partners: partners.collect(),
            agent: Arc::clone(&sandbox.agent),
            wallet: sandbox.wallet_url.origin().ascii_serialization(),
            fetcher: sandbox.fetcher().clone(),
            liveness: sandbox.issuer.role.has_liveness(),
            person,
        }
    }
}

/// The pages of the demo.
pub fn router(demo: Demo) -> Router {
    Router::new()
        .route("/", get(async |lang: Lang| Redirect::to(&format!("/{lang}/"))))
        .route("/{lang}/", get(start))
        .route("/{lang}/verify", post(verify))
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
    let partner = |index: usize| demo.partners.get(index).map(|(name, url)| (name.as_str(), url.as_str()));
    let (bank_a, url_a) = partner(0).unwrap_or_default();
    let (bank_b, url_b) = partner(1).unwrap_or_default();
    let names = [("a", bank_a.into()), ("b", bank_b.into())];
    let fill = |id: &str| words.fill(id, &names);
    let step = |number: usize, content: Markup| {
        html! {
            li id={ "step-" (number) } {
                h2 { (fill(&format!("step-{number}-title"))) }
                p { (fill(&format!("step-{number}-text"))) }
                (content)
            }
        }
    };
    let content = html! {
        p { (words.say("lead")) }
        @if !demo.liveness {
            (components::notice(&words, components::Tone::Warn, &words.say("no-liveness-title"), &words.say("no-liveness-text"), None))
        }
        (people(&words))
        ol class="story" {
            (step(1, html! {
                form method="post" action={ "/" (lang) "/verify" } {
                    button type="submit" class="button" { (words.say("step-1-action")) }
                }
                @if demo.person.is_some() {
                    p { (words.say("samples")) " "
                        a href="/sample/document.jpg" download { (words.say("sample-document")) } " · "
                        a href="/sample/selfie.jpg" download { (words.say("sample-selfie")) } }
                }
            }))
            (step(2, html! {
                form method="post" action="/wallet" { button type="submit" class="button" { (words.say("step-2-action")) } }
            }))
            (step(3, html! {
                p { a class="button" href={ (url_a) (lang) "/" } { (fill("step-3-action")) } }
                (components::qr(&format!("{url_a}{lang}/"), &fill("step-3-qr")))
            }))
            (step(4, html! {
                p { a class="button secondary" href={ (url_b) (lang) "/" } { (fill("step-4-action")) } }
            }))
            (step(5, html! {
                p { a class="button secondary" href={ (demo.registry) "?lang=" (lang) } { (words.say("step-5-action")) } }
            }))
        }
    };
    let targets = [demo.issuer.origin().ascii_serialization(), demo.wallet.clone()];
    let page = Page::new(words, words.say("title")).sandbox().wide().at(&address).main(content);
    targets.into_iter().fold(page, Page::form_may_lead_to).into_response()
}

/// The four roles in a line each.
fn people(words: &Words<'_>) -> Markup {
    html! {
        dl class="roles" {
            @for role in ["issuer", "wallet", "verifier", "registry"] {
                div { dt { (words.say(&format!("role-{role}"))) } dd { (words.say(&format!("role-{role}-text"))) } }
            }
        }
    }
}

/// `POST /{lang}/verify`: a fresh KYC session, then to its hosted page.
async fn verify(State(demo): State<Arc<Demo>>, Path(lang): Path<Lang>) -> Response {
    match create_session(&demo, lang).await {
        Ok(url) => Redirect::to(&url).into_response(),
        Err(error) => Problem::internal(&error).into_response(),
    }
}

async fn create_session(demo: &Demo, lang: Lang) -> Result<String> {
    let url = demo.issuer.join("v3/session/")?;
    let body = json!({"language": lang.tag()});
    let answer = demo.fetcher.post_json(&url, &body, &[("x-api-key", demo.issuer_key.as_str())]).await?;
    let created: serde_json::Value = serde_json::from_slice(&answer.body)?;
    created["url"].as_str().map(str::to_owned).context("the issuer made no session")
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
