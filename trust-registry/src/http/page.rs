//! The registry's pages: who is in the list and since when, the list itself, and why someone is refused.

use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use maud::{Markup, html};
use serde::Deserialize;
use warifu_server::Now;
use warifu_server::assets::Script;
use warifu_server::extract::{Form, Path};
use warifu_server::page::components::{Field, Tone, code_block, empty, fields, log_table, notice, pill};
use warifu_server::page::{Icon, Page};
use warifu_server::text::{Lang, Words};
use warifu_store::audit::Sealed;
use warifu_trust::decide::{Explanation, Trust};
use warifu_trust::entity::Standing;
use warifu_trust::{Service, ServiceStatus, ServiceType, TrustedEntity};

use super::App;
use super::admin::service_named;
use crate::{Answer, Error, Issue};

/// Issues shown on the overview.
const ISSUES: usize = 10;

/// `GET /`
pub(super) async fn overview(
    State(app): State<App>,
    Now(now): Now,
    lang: Lang,
    address: Uri,
) -> Result<Response, Error> {
    let words = app.catalogue.words(lang);
    // Looking at the page shall show what a reader of the list would get.
    app.registry.current(now).await?;
    let trust = app.registry.trust(now).await?;
    let parties = app.registry.parties().await?;
    let issues = app.registry.issues(ISSUES).await?;
    let content = html! {
        p class="lead" { (words.say("overview-lead")) }
        (list_state(&words, &trust))
        (parties_table(&words, &parties, now))
        div class="cols" {
            (why_form(&words, "", None))
            (list_section(&words, &trust, &issues))
        }
    };
    Ok(page(&app, words, "overview-title", &address)
        .link_here("/", words.say("nav-parties"))
        .main(content)
        .into_response())
}

/// `GET /parties/{id}`
pub(super) async fn party(
    State(app): State<App>,
    Now(now): Now,
    lang: Lang,
    address: Uri,
    Path(id): Path<String>,
) -> Result<Response, Error> {
    let words = app.catalogue.words(lang);
    let party = match app.registry.party(&id).await {
        Ok(party) => party,
        Err(Error::NoSuchParty(_)) => {
            let content = empty(
                Icon::Empty,
                &words.say("no-party-title"),
                &words.say("no-party"),
                Some(("/", &words.say("back"))),
            );
            let page = page(&app, words, "no-party-heading", &address).status(StatusCode::NOT_FOUND);
            return Ok(page.main(content).into_response());
        }
        Err(error) => return Err(error),
    };
    let entries = app.registry.audit_of(&party.id).await?;
    let content = html! {
        p { a href="/" { (words.say("back")) } }
        (fields(&[
            plain(&words.say("party-id"), &party.id),
            plain(&words.say("party-country"), &party.country),
            plain(&words.say("party-website"), &party.website),
            plain(&words.say("party-contact"), party.contact.trim_start_matches("mailto:")),
        ]))
        @for service in &party.services { (service_section(&words, service, now)) }
        (audit_table(&words, &entries))
    };
    let page =
        Page::new(words, party.name.clone()).role(app.registry.config().operator.name.clone()).wide().at(&address);
    let page = if app.registry.config().sandbox { page.sandbox() } else { page };
    Ok(page.script(Script::Copy).link("/", words.say("nav-parties")).main(content).into_response())
}

#[derive(Deserialize)]
pub(super) struct Question {
    question: String,
    service: String,
}

/// `POST /why`: the box "why is this refused?".
pub(super) async fn why(
    State(app): State<App>,
    Now(now): Now,
    lang: Lang,
    Form(Question { question, service }): Form<Question>,
) -> Result<Response, warifu_server::Problem> {
    let words = app.catalogue.words(lang);
    let service = service_named(&service)?;
    let (status, answer) = match app.registry.why(&question, service, now).await {
        Ok(answer) => (StatusCode::OK, answer_section(&words, service, &answer, now)),
        Err(error @ (Error::NotACertificate(_) | Error::BadQuestion)) => {
            let text =
                words.say(if matches!(error, Error::BadQuestion) { "why-bad-question" } else { "why-no-certificate" });
            let block = html! {
                (notice(&words, Tone::Warn, &words.say("why-unreadable"), &text, None))
                (fields(&[plain(&words.say("why-found"), &error.to_string())]))
            };
            (StatusCode::BAD_REQUEST, block)
        }
        Err(error) => return Err(error.into()),
    };
    let content = html! {
        (answer)
        (why_form(&words, &question, Some(service)))
        p { a href="/" { (words.say("back")) } }
    };
    // A question that was posted has no address of its own to offer in another language.
    let page = Page::new(words, words.say("why-title")).role(app.registry.config().operator.name.clone()).wide();
    let page = if app.registry.config().sandbox { page.sandbox() } else { page };
    Ok(page.status(status).link("/", words.say("nav-parties")).main(content).into_response())
}

fn page<'w>(app: &App, words: Words<'w>, title: &str, address: &Uri) -> Page<'w> {
    let config = app.registry.config();
    let page =
        Page::new(words, words.say(title)).role(config.operator.name.clone()).wide().at(address).script(Script::Copy);
    if config.sandbox { page.sandbox() } else { page }
}

fn list_state(words: &Words<'_>, trust: &Trust) -> Markup {
    match trust.list() {
        Some(list) => {
            let sequence = list.sequence().to_string();
            let text = words.fill(
                "list-valid",
                &[
                    ("sequence", sequence.into()),
                    ("issued", words.lang.moment(list.issued()).into()),
                    ("until", words.lang.moment(list.next_update()).into()),
                ],
            );
            notice(words, Tone::Ok, &words.say("list-valid-title"), &text, None)
        }
        None => notice(words, Tone::Stop, &words.say("list-none-title"), &words.say("list-none"), None),
    }
}

fn parties_table(words: &Words<'_>, parties: &[TrustedEntity], now: Timestamp) -> Markup {
    if parties.is_empty() {
        return empty(Icon::Empty, &words.say("parties-none-title"), &words.say("parties-none"), None);
    }
    let rows: Vec<Vec<Markup>> = parties
        .iter()
        .flat_map(|party| party.services.iter().map(move |service| (party, service)))
        .map(|(party, service)| {
            let standing = service.standing_at(now);
            vec![
                html! { a href={ "/parties/" (party.id) } { (party.name) } },
                html! { (words.say(&format!("service-{}", service.service_type.word()))) },
                html! {
                    (standing_pill(words, standing))
                    @if let Some(standing) = standing {
                        span class="why" { (words.fill("since", &[("moment", words.lang.moment(standing.since).into())])) }
                    }
                    @for former in &service.history {
                        span class="why" { (former_status(words, former)) }
                    }
                },
            ]
        })
        .collect();
    let columns = ["column-party", "column-service", "column-status"].map(|id| words.say(id));
    let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
    log_table(&words.say("parties-caption"), &columns, &rows)
}

fn why_form(words: &Words<'_>, question: &str, chosen: Option<ServiceType>) -> Markup {
    html! {
        form id="why" method="post" action="/why" {
            h2 { (words.say(if chosen.is_some() { "why-again" } else { "why-title" })) }
            p { (words.say("why-intro")) }
            div class="input" {
                label for="service" { (words.say("why-service")) }
                select id="service" name="service" {
                    @for service in ServiceType::ALL {
                        option value=(service.word()) selected[chosen == Some(service)] {
                            (words.say(&format!("service-{}", service.word())))
                        }
                    }
                }
            }
            div class="input" {
                label for="question" { (words.say("why-question")) }
                p class="hint" id="question-hint" { (words.say("why-question-hint")) }
                textarea id="question" name="question" rows="6" required spellcheck="false"
                    autocomplete="off" aria-describedby="question-hint" { (question) }
            }
            div class="actions" { button type="submit" { (words.say("why-ask")) } }
        }
    }
}

fn list_section(words: &Words<'_>, trust: &Trust, issues: &[Issue]) -> Markup {
    let document = trust.list().map(warifu_trust::TrustedList::to_document);
    let preview = document.and_then(|document| serde_json::to_string_pretty(&document).ok());
    let rows: Vec<Vec<Markup>> = issues
        .iter()
        .map(|issue| {
            vec![
                html! { (issue.sequence) },
                html! { (words.lang.moment(issue.issued)) },
                html! { (words.lang.moment(issue.next_update)) },
            ]
        })
        .collect();
    let columns = ["column-sequence", "column-issued", "column-until"].map(|id| words.say(id));
    let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
    html! {
        section {
            h2 { (words.say("list-title")) }
            p { (words.say("list-intro")) " " a href="/trusted-list" { "/trusted-list" } }
            @if let Some(preview) = preview {
                details {
                    summary { (words.say("list-preview")) }
                    (code_block(words, "list-json", &words.say("list-preview-label"), &preview))
                }
            }
            @if !rows.is_empty() { (log_table(&words.say("issues-caption"), &columns, &rows)) }
        }
    }
}

fn service_section(words: &Words<'_>, service: &Service, now: Timestamp) -> Markup {
    let standing = service.standing_at(now);
    let certificates: Vec<Vec<Markup>> = service
        .certificates
        .iter()
        .map(|certificate| {
            let until = certificate.not_after().ok().map(|until| words.lang.moment(until)).unwrap_or_default();
            vec![
                html! { (certificate.subject()) },
                html! { (until) },
                html! { code { (certificate.sha256_base64url()) } },
            ]
        })
        .collect();
    let columns = ["column-subject", "column-until", "column-fingerprint"].map(|id| words.say(id));
    let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
    html! {
        section {
            h2 { (words.say(&format!("service-{}", service.service_type.word()))) }
            p {
                (standing_pill(words, standing))
                @if let Some(standing) = standing {
                    " " (words.fill("since", &[("moment", words.lang.moment(standing.since).into())]))
                }
            }
            @if !service.history.is_empty() {
                h3 { (words.say("history")) }
                @for former in &service.history { p { (former_status(words, former)) } }
            }
            @if !certificates.is_empty() { (log_table(&words.say("certificates-caption"), &columns, &certificates)) }
            @for (at, key) in service.keys.iter().enumerate() {
                (code_block(
                    words,
                    &format!("key-{}-{at}", service.service_type.word()),
                    &words.say("key-label"),
                    &serde_json::to_string_pretty(&key.to_value()).unwrap_or_default(),
                ))
            }
            @if !service.identifiers.is_empty() {
                h3 { (words.say("identifiers")) }
                @for identifier in &service.identifiers { p { code { (identifier) } } }
            }
        }
    }
}

fn audit_table(words: &Words<'_>, entries: &[Sealed]) -> Markup {
    if entries.is_empty() {
        return html! {};
    }
    let rows: Vec<Vec<Markup>> = entries
        .iter()
        .map(|sealed| {
            let facts = sealed.entry.facts.iter();
            vec![
                html! { (words.lang.moment(sealed.entry.at)) },
                html! { code { (sealed.entry.action) } },
                html! { (sealed.entry.actor) },
                html! { @for (name, value) in facts { div { (name) ": " (value) } } },
            ]
        })
        .collect();
    let columns = ["column-when", "column-what", "column-who", "column-facts"].map(|id| words.say(id));
    let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
    log_table(&words.say("audit-caption"), &columns, &rows)
}

fn answer_section(words: &Words<'_>, service: ServiceType, answer: &Answer, now: Timestamp) -> Markup {
    let purpose = words.say(&format!("service-{}", service.word()));
    match answer {
        Answer::Trusted(entity) => {
            let since =
                entity.services_of(service).filter_map(|service| service.standing_at(now)).map(|one| one.since).max();
            let text = words.fill("why-trusted", &[("name", entity.name.clone().into()), ("service", purpose.into())]);
            html! {
                (notice(words, Tone::Ok, &words.say("why-trusted-title"), &text, None))
                @if let Some(since) = since {
                    (fields(&[
                        plain(&words.say("party-id"), &entity.id),
                        plain(&words.say("column-since"), &words.lang.moment(since)),
                    ]))
                }
                p { a href={ "/parties/" (entity.id) } { (words.say("why-party")) } }
            }
        }
        Answer::Refused(explanation) => refused_section(words, &purpose, explanation),
    }
}

fn refused_section(words: &Words<'_>, purpose: &str, explanation: &Explanation) -> Markup {
    let rule = explanation.rule.replace('_', "-");
    let expected = words.fill(&format!("expected-{rule}"), &[("service", purpose.to_owned().into())]);
    let since = explanation.since.map(|since| words.lang.moment(since));
    // Where the list itself gives the reason, it is said in the reader's language; other findings are technical.
    let found = match explanation.rule {
        "suspended" | "withdrawn" => words.say(&format!("status-{rule}")),
        _ => explanation.found.clone(),
    };
    let labels = ["why-subject", "why-expected", "why-found"].map(|id| words.say(id));
    let since_label = words.say("column-since");
    let mut rows =
        vec![plain(&labels[0], &explanation.subject), plain(&labels[1], &expected), plain(&labels[2], &found)];
    if let Some(since) = &since {
        rows.push(plain(&since_label, since));
    }
    html! {
        (notice(words, Tone::Stop, &words.say(&format!("rule-{rule}")), &words.say(&format!("remedy-{rule}")), None))
        (fields(&rows))
        p class="reference" { code { (explanation.rule) } }
    }
}

/// "Granted from 23 November 2026".
fn former_status(words: &Words<'_>, former: &Standing) -> String {
    let status = words.say(&format!("status-{}", former.status.word()));
    words.fill("former", &[("status", status.into()), ("moment", words.lang.moment(former.since).into())])
}

fn standing_pill(words: &Words<'_>, standing: Option<Standing>) -> Markup {
    match standing {
        Some(Standing { status, .. }) => {
            let tone = match status {
                ServiceStatus::Granted => Tone::Ok,
                ServiceStatus::Suspended => Tone::Warn,
                ServiceStatus::Withdrawn => Tone::Stop,
            };
            pill(tone, &words.say(&format!("status-{}", status.word())))
        }
        None => pill(Tone::Quiet, &words.say("status-not-yet")),
    }
}

fn plain<'a>(label: &'a str, value: &'a str) -> Field<'a> {
    Field { label, value, source: "", confidence: None }
}

#[cfg(test)]
mod tests {
    use warifu_server::text::Catalogue;
    use warifu_trust::decide::RULES;

    use super::super::MESSAGES;
    use super::*;

    /// Names that are put together at run time; a missing one would show its own name.
    #[test]
    fn every_rule_service_and_status_has_words() {
        let catalogue = Catalogue::new(&MESSAGES).unwrap();
        let mut names: Vec<String> = Vec::new();
        for rule in RULES {
            let rule = rule.replace('_', "-");
            names.extend(["rule", "expected", "remedy"].map(|part| format!("{part}-{rule}")));
        }
        names.extend(ServiceType::ALL.map(|service| format!("service-{}", service.word())));
        names.extend(ServiceStatus::ALL.map(|status| format!("status-{}", status.word())));
        for name in names {
            for lang in Lang::ALL {
                let said = catalogue.say(lang, &name, &[("service", "x".into())]);
                assert_ne!(said, name, "{lang}");
            }
        }
    }
}
