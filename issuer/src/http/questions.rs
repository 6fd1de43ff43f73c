//! The page of a questionnaire, and the door for its answers. Works without scripts: a group grows by sending the form.

use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRequest, Multipart, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use warifu_server::assets::Script;
use warifu_server::extract::{Form, FormParts, Json, Path};
use warifu_server::page::components::{self, Tone};
use warifu_server::page::{Focus, Icon};
use warifu_server::text::{Lang, Words};
use warifu_server::{Now, Problem, csrf};
use warifu_session::workflow::questionnaire::answers::{ADDRESS, MAX_LONG, MAX_SHORT, countries};
use warifu_session::workflow::questionnaire::form::{Fields, entry_name};
use warifu_session::workflow::questionnaire::{AnswerFault, AnswerProblem, Element, ElementType, MAX_ENTRIES};

use super::pages::Here;
use super::person::{Wants, uploaded};
use super::{Front, pages};
use crate::kyc::questions::{Asking, FILE, Given, Handing};
use crate::kyc::service::View;
use crate::{Error, Issuer, Next};

/// Largest form, in bytes.
const BODY: usize = 40 * 1024 * 1024;
/// Most fields of a form.
const FIELDS: usize = 4000;
/// The field that says which node is answered. No element can be called so.
const NODE: &str = "@node";
/// The button that adds an entry to a group, with the name of the group as its value.
const MORE: &str = "@more";

pub(super) fn router() -> Router<Front> {
    Router::new()
        .route("/session/{token}/questions", post(answer))
        .layer(DefaultBodyLimit::max(BODY))
        .layer(middleware::from_fn(csrf::same_origin))
}

/// `POST /session/{token}/questions`: a form, or `{"node_id": …, "answers": {…}}`.
async fn answer(
    State(front): State<Front>,
    Now(now): Now,
    Path(token): Path<String>,
    lang: Lang,
    headers: HeaderMap,
    request: Request,
) -> Response {
    let wants = Wants::of(&headers);
    let refuse = |error: Error| pages::refused(&front.0, lang, &error, wants);
    let sent = match sent(request, &front).await {
        Ok(sent) => sent,
        Err(problem) => return problem.into_response(),
    };
    let again = |fields: Fields, problems: Vec<AnswerProblem>, more: Option<String>| async {
        match front.0.view(&token, None, now).await {
            Ok(view) => asked_again(&front.0, lang, &view, &Filled { fields, problems, more }),
            Err(error) => refuse(error),
        }
    };
    let fields = match &sent.given {
        Given::Form(fields, _) => fields.clone(),
        Given::Json(_) => Fields::default(),
    };
    if sent.more.is_some() {
        return again(fields, Vec::new(), sent.more).await;
    }
    let done = match front.0.answer_questions(&token, &sent.node, sent.given, now).await {
        Ok(Err(problems)) if wants == Wants::Page => return again(fields, problems, None).await,
        Ok(Err(problems)) => {
            let words = front.0.catalogue.words(lang);
            let row = |problem: &AnswerProblem| json!({ "element": problem.element, "fault": problem.fault, "message": message(words, &problem.fault) });
            let problems: Vec<Value> = problems.iter().map(row).collect();
            return (StatusCode::UNPROCESSABLE_ENTITY, Json(json!({ "problems": problems }))).into_response();
        }
        Ok(Ok(progress)) => Ok(progress),
        Err(error) => Err(error),
    };
    uploaded(&front, lang, &headers, (&token, Next::Questionnaire), done, now).await
}

/// What came.
struct Sent {
    node: String,
    given: Given,
    more: Option<String>,
}

async fn sent(request: Request, front: &Front) -> Result<Sent, Problem> {
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.to_ascii_lowercase();
    if kind.starts_with("application/json") {
        #[derive(Deserialize)]
        struct Body {
            node_id: String,
            answers: Map<String, Value>,
        }
        let Json(body) = Json::<Body>::from_request(request, front).await?;
        return Ok(Sent { node: body.node_id, given: Given::Json(body.answers), more: None });
    }
    let (mut fields, handed) = if kind.starts_with("multipart/form-data") {
        let refused = |_| Problem::bad_request("bad_form", "the form is not `multipart/form-data`");
        let form = Multipart::from_request(request, front).await.map_err(refused)?;
        let (texts, files) = FormParts::read_up_to(form, FILE, FIELDS).await?.into_parts();
        let handed = files.into_iter().flat_map(|(field, files)| {
            files.into_iter().map(move |file| Handing {
                field: field.clone(),
                name: file.name.unwrap_or_default(),
                media_type: file.mime,
                bytes: file.bytes,
            })
        });
        (Fields { texts, ..Fields::default() }, handed.collect())
    } else {
        let Form(pairs) = Form::<Vec<(String, String)>>::from_request(request, front).await?;
        if pairs.len() > FIELDS {
            return Err(Problem::bad_request("bad_form", format!("a form has at most {FIELDS} fields")));
        }
        (Fields { texts: pairs.into_iter().collect(), ..Fields::default() }, Vec::new())
    };
    let node = fields.texts.remove(NODE).unwrap_or_default();
    let more = fields.texts.remove(MORE);
    Ok(Sent { node, given: Given::Form(fields, handed), more })
}

/// What the form was filled in with.
#[derive(Debug, Default)]
pub(super) struct Filled {
    fields: Fields,
    problems: Vec<AnswerProblem>,
    /// The group that gets another entry.
    more: Option<String>,
}

impl Filled {
    fn text(&self, name: &str) -> &str {
        self.fields.texts.get(name).map_or("", String::as_str)
    }

    fn fault(&self, name: &str) -> Option<&AnswerFault> {
        self.problems.iter().find(|problem| problem.element == name).map(|problem| &problem.fault)
    }
}

/// What a questionnaire is called.
pub(super) fn title(lang: Lang, asking: &Asking) -> String {
    let questionnaire = &asking.pinned.questionnaire;
    questionnaire.title().text(lang.tag(), questionnaire.default_language()).to_owned()
}

/// The page once more, with what was filled in.
fn asked_again(issuer: &Issuer, lang: Lang, view: &View, filled: &Filled) -> Response {
    let Some(asking) = &view.asking else {
        let error = crate::kyc::stage::OutOfTurn("questionnaire").into();
        return pages::refused(issuer, lang, &error, Wants::Page);
    };
    let words = issuer.catalogue.words(lang);
    let status = if filled.problems.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let page = pages::shell(issuer, words, title(lang, asking), view.environment).status(status);
    let facts = pages::embed::Facts::of(view, Here::Questions(asking.slot));
    pages::embed::open(page, &view.embedders)
        .focus(Focus::TitleAndStep)
        .script(Script::Countries)
        .main(html! { (content(words, view, filled)) (pages::embed::told(words, &facts)) })
        .into_response()
}

/// The questionnaire that the session waits for, as a form.
pub(super) fn content(words: Words<'_>, view: &View, filled: &Filled) -> Markup {
    let Some(asking) = &view.asking else { return html! {} };
    let questionnaire = &asking.pinned.questionnaire;
    let (lang, otherwise) = (words.lang, questionnaire.default_language());
    let sheet = Sheet { words, filled, otherwise };
    let own = questionnaire.languages().iter().any(|language| language == lang.tag());
    let written_in = (!own).then_some(otherwise);
    let action = format!("/session/{}/questions?lang={lang}", view.token);
    let encoding =
        if questionnaire.takes_files() { "multipart/form-data" } else { "application/x-www-form-urlencoded" };
    let again = view.again.as_ref().and_then(|again| again.questions.get(&asking.node));
    html! {
        (pages::steps::progress(words, view, Here::Questions(asking.slot)))
        @if let Some(why) = again {
            (components::notice(&words, Tone::Warn, &words.say("again-title"), &words.say("again-questions"), None))
            @if let Some(why) = why { h2 { (words.say("again-why")) } p { (why) } }
        }
        @if !filled.problems.is_empty() {
            (components::notice(&words, Tone::Stop, &words.say("questions-again"),
                &words.fill("questions-again-what", &[("count", filled.problems.len().into())]), None))
        }
        @if let Some(description) = questionnaire.description() {
            p lang=[written_in] { (description.text(lang.tag(), otherwise)) }
        }
        p { (Icon::Lock) " " (words.say("questions-kept")) }
        form class="questions" method="post" action=(action) enctype=(encoding) lang=[written_in] {
            input type="hidden" name=(NODE) value=(asking.node);
            @for element in questionnaire.elements() { (sheet.element(element, "")) }
            div class="actions" {
                button class="button" type="submit" { (words.say("questions-send")) (Icon::Next) }
            }
        }
    }
}

/// One questionnaire as it is written out.
struct Sheet<'a> {
    words: Words<'a>,
    filled: &'a Filled,
    otherwise: &'a str,
}

impl Sheet<'_> {
    fn title<'e>(&'e self, element: &'e Element) -> &'e str {
        element.title.text(self.words.lang.tag(), self.otherwise)
    }

    fn element(&self, element: &Element, place: &str) -> Markup {
        let title = self.title(element);
        let name = format!("{place}{}", element.id);
        match element.element_type {
            ElementType::Paragraph => html! { p { (title) } },
            ElementType::SectionHeader => html! { h2 { (title) } },
            ElementType::Heading => html! { h3 { (title) } },
            ElementType::Separator => html! { hr; },
            ElementType::SingleChoice => self.choices(element, &name, "radio"),
            ElementType::MultipleChoice => self.choices(element, &name, "checkbox"),
            ElementType::Consent => self.consent(element, &name),
            ElementType::Address => self.address(element, &name),
            ElementType::RepeatableGroup => self.group(element, &name),
            ElementType::Dropdown => self.labelled(element, &name, &self.dropdown(element, &name)),
            ElementType::Country => {
                self.labelled(element, &name, &self.country(&name, demanded(element, &name), "country"))
            }
            ElementType::LongText => {
                let most = element.max.map_or(MAX_LONG, |max| max as usize);
                let area = html! {
                    textarea id=(id(&name)) name=(name) rows="5" maxlength=(most) required[demanded(element, &name)]
                        aria-invalid=[self.invalid(&name)] aria-describedby=[self.described(&name)] {
                        (self.filled.text(&name))
                    }
                };
                self.labelled(element, &name, &area)
            }
            ElementType::ShortText
            | ElementType::Number
            | ElementType::Image
            | ElementType::FileUpload
            | ElementType::Time
            | ElementType::Email
            | ElementType::Phone
            | ElementType::DatePicker => self.labelled(element, &name, &self.input(element, &name)),
        }
    }

    /// A label, what belongs to it, and what was wrong with it.
    fn labelled(&self, element: &Element, name: &str, control: &Markup) -> Markup {
        html! {
            div class="input" {
                label for=(id(name)) { (self.title(element)) (self.optional(element)) }
                @if let Some(hint) = hint(element.element_type) { p class="hint" id={ (id(name)) "-hint" } { (self.words.say(hint)) } }
                (control)
                (self.wrong(name))
            }
        }
    }

    fn input(&self, element: &Element, name: &str) -> Markup {
        let (kind, complete, most) = match element.element_type {
            ElementType::Number => ("number", None, None),
            ElementType::Time => ("time", None, None),
            ElementType::DatePicker => ("date", None, None),
            ElementType::Email => ("email", Some("email"), Some(254)),
            ElementType::Phone => ("tel", Some("tel"), Some(40)),
            ElementType::Image | ElementType::FileUpload => ("file", None, None),
            _ => ("text", None, Some(element.max.map_or(MAX_SHORT, |max| max as usize))),
        };
        let accept = match element.element_type {
            ElementType::Image => Some("image/jpeg,image/png,image/webp,image/heic"),
            ElementType::FileUpload => Some("image/jpeg,image/png,image/webp,image/heic,application/pdf"),
            _ => None,
        };
        let limit = |limit: Option<f64>| limit.filter(|_| element.element_type == ElementType::Number);
        let value = Some(self.filled.text(name)).filter(|_| accept.is_none());
        html! {
            input id=(id(name)) name=(name) type=(kind) value=[value] autocomplete=[complete] maxlength=[most]
                min=[limit(element.min)] max=[limit(element.max)] step=[(kind == "number").then_some("any")]
                accept=[accept] multiple[accept.is_some()] required[demanded(element, name)]
                aria-invalid=[self.invalid(name)] aria-describedby=[self.described_with(name, hint(element.element_type).is_some())];
        }
    }

    fn dropdown(&self, element: &Element, name: &str) -> Markup {
        let chosen = self.filled.text(name);
        html! {
            select id=(id(name)) name=(name) required[demanded(element, name)]
                aria-invalid=[self.invalid(name)] aria-describedby=[self.described(name)] {
                option value="" { (self.words.say("questions-choose")) }
                @for choice in &element.choices {
                    option value=(choice.value) selected[choice.value == chosen] { (choice.title.text(self.words.lang.tag(), self.otherwise)) }
                }
            }
        }
    }

    fn country(&self, name: &str, required: bool, complete: &str) -> Markup {
        let chosen = self.filled.text(name);
        html! {
            select id=(id(name)) name=(name) required[required] autocomplete=(complete) data-countries
                aria-invalid=[self.invalid(name)] aria-describedby=[self.described(name)] {
                option value="" { (self.words.say("questions-choose")) }
                @for country in countries() { option value=(country) selected[country == chosen] { (country) } }
            }
        }
    }

    fn choices(&self, element: &Element, name: &str, kind: &str) -> Markup {
        html! {
            fieldset id=(id(name)) aria-describedby=[self.described(name)] {
                legend { (self.title(element)) (self.optional(element)) }
                @for (i, choice) in (0_u64..).zip(&element.choices) {
                    @let field = if kind == "radio" { name.to_owned() } else { entry_name(name, i) };
                    @let own = format!("{}-{i}", id(name));
                    div {
                        input id=(own) type=(kind) name=(field) value=(choice.value) checked[self.filled.text(&field) == choice.value]
                            required[kind == "radio" && demanded(element, name)];
                        label class="inline" for=(own) { (choice.title.text(self.words.lang.tag(), self.otherwise)) }
                    }
                }
                (self.wrong(name))
            }
        }
    }

    fn consent(&self, element: &Element, name: &str) -> Markup {
        html! {
            fieldset class="agree" aria-describedby=[self.described(name)] {
                legend { (self.words.say("questions-consent")) (self.optional(element)) }
                div {
                    input id=(id(name)) type="checkbox" name=(name) value="true" checked[self.filled.text(name) == "true"]
                        required[demanded(element, name)] aria-invalid=[self.invalid(name)];
                    label class="inline" for=(id(name)) { (self.title(element)) }
                }
                (self.wrong(name))
            }
        }
    }

    fn address(&self, element: &Element, name: &str) -> Markup {
        let parts = ADDRESS.map(|part| {
            let complete = match part {
                "street_1" => "address-line1",
                "street_2" => "address-line2",
                "city" => "address-level2",
                "region" => "address-level1",
                "postal_code" => "postal-code",
                _ => "country",
            };
            (part, complete, format!("{name}.{part}"))
        });
        html! {
            fieldset class="parts" aria-describedby=[self.described(name)] {
                legend { (self.title(element)) (self.optional(element)) }
                @for (part, complete, field) in &parts {
                    div class="input" {
                        label for=(id(field)) { (self.words.say(&format!("address-{part}"))) }
                        @if *part == "country" {
                            (self.country(field, false, complete))
                        } @else {
                            input id=(id(field)) type="text" name=(field) value=(self.filled.text(field)) autocomplete=(complete) maxlength=(MAX_SHORT);
                        }
                    }
                }
                (self.wrong(name))
            }
        }
    }

    fn group(&self, element: &Element, name: &str) -> Markup {
        let least = element.min.map_or(u64::from(element.is_required), |min| min as u64).max(1);
        let most = element.max.map_or(MAX_ENTRIES, |max| max as u64);
        let more = u64::from(self.filled.more.as_deref() == Some(name));
        let entries = self.filled.fields.entries(name).max(least).saturating_add(more).min(most.max(1));
        html! {
            fieldset class="parts" id=(id(name)) aria-describedby=[self.described(name)] {
                legend { (self.title(element)) (self.optional(element)) }
                p class="hint" { (self.words.say("questions-group")) }
                @for entry in 0..entries {
                    @let field = entry_name(name, entry);
                    fieldset class="parts" {
                        legend { (self.words.fill("questions-entry", &[("number", (entry + 1).into())])) }
                        input type="hidden" name=(field) value="";
                        @for child in &element.form_elements { (self.element(child, &format!("{field}."))) }
                    }
                }
                @if entries < most {
                    button class="secondary" type="submit" name=(MORE) value=(name) formnovalidate { (self.words.say("questions-more")) }
                }
                (self.wrong(name))
            }
        }
    }

    fn optional(&self, element: &Element) -> Markup {
        html! { @if !element.is_required { " " small { (self.words.say("questions-optional")) } } }
    }

    fn wrong(&self, name: &str) -> Markup {
        html! {
            @if let Some(fault) = self.filled.fault(name) {
                p class="wrong" id={ (id(name)) "-wrong" } { (Icon::Stop) " " (message(self.words, fault)) }
            }
        }
    }

    fn invalid(&self, name: &str) -> Option<&'static str> {
        self.filled.fault(name).map(|_| "true")
    }

    fn described(&self, name: &str) -> Option<String> {
        self.described_with(name, false)
    }

    fn described_with(&self, name: &str, hinted: bool) -> Option<String> {
        let hint = hinted.then(|| format!("{}-hint", id(name)));
        let wrong = self.filled.fault(name).map(|_| format!("{}-wrong", id(name)));
        let both: Vec<String> = hint.into_iter().chain(wrong).collect();
        (!both.is_empty()).then(|| both.join(" "))
    }
}

/// Whether the browser is to demand an answer. Not inside a group: an entry may stay empty as a whole.
fn demanded(element: &Element, name: &str) -> bool {
    element.is_required && !name.contains('[')
}

/// Identifier of a field in the page.
fn id(name: &str) -> String {
    format!("q-{}", name.replace(['[', ']', '.'], "_"))
}

fn hint(kind: ElementType) -> Option<&'static str> {
    match kind {
        ElementType::Phone => Some("questions-hint-phone"),
        ElementType::Image => Some("questions-hint-image"),
        ElementType::FileUpload => Some("questions-hint-file"),
        _ => None,
    }
}

/// What is wrong with an answer, in the reader's language.
fn message(words: Words<'_>, fault: &AnswerFault) -> String {
    let key = match fault {
        AnswerFault::Needed => "answer-needed",
        AnswerFault::NotAsked => "answer-not-asked",
        AnswerFault::NotAText => "answer-text",
        AnswerFault::TooLong(most) => return words.fill("answer-too-long", &[("most", (*most).into())]),
        AnswerFault::NotANumber => "answer-number",
        AnswerFault::OutOfRange => "answer-range",
        AnswerFault::NotAChoice => "answer-choice",
        AnswerFault::NotATime => "answer-time",
        AnswerFault::NotADate => "answer-date",
        AnswerFault::NotAnEmail => "answer-email",
        AnswerFault::NotAPhone => "answer-phone",
        AnswerFault::NotACountry => "answer-country",
        AnswerFault::NotAnAddress => "answer-address",
        AnswerFault::NotABoolean => "answer-boolean",
        AnswerFault::NotAList => "answer-list",
        AnswerFault::NotFiles => "answer-files",
        AnswerFault::Entries { min, max } => {
            return words.fill("answer-entries", &[("min", (*min).into()), ("max", (*max).into())]);
        }
    };
    words.say(key)
}
