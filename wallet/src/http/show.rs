//! One credential with its values, and the history.

use std::sync::Arc;

use axum::extract::State;
use axum::http::Uri;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use maud::{Markup, html};
use serde_json::Value;
use warifu_credential::Format;
use warifu_credential::person::CountryCode;
use warifu_credential::type_metadata::TypeMetadata;
use warifu_schemas::Kind;
use warifu_server::extract::Path;
use warifu_server::page::Icon;
use warifu_server::page::components::{Field, Tone, empty, fields, log_table, pill};
use warifu_server::text::{Lang, Words};
use warifu_server::{Now, Problem};

use super::{Agent, Here, Stopped, bare, error_page, message_of, page};
use crate::history::{Channel, Entry, TransactionResult, TransactionType};
use crate::holding::{ClaimFact, CredentialId, FACE_TEMPLATE, attribute};

/// `GET /credential/{id}`
pub(super) async fn credential(
    State(agent): State<Arc<Agent>>,
    Now(now): Now,
    lang: Lang,
    uri: Uri,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let words = agent.words(lang);
    let id: CredentialId = id.parse().map_err(|_| Problem::not_found("there is no such credential"))?;
    let details = match agent.wallet.show_in(&id, lang.tag(), now) {
        Ok(details) => details,
        Err(error) => return Ok(error_page(&agent, lang, Stopped::Looking, &error)),
    };
    let facts = &details.facts;
    let date = |at: Option<Timestamp>| at.map(|at| day(lang, at)).unwrap_or_else(|| "–".to_owned());
    let status = match facts.expired {
        true => words.say("wallet-card-expired"),
        false => words.say("wallet-details-status-valid"),
    };
    let copies = facts.copies_left.map(|left| {
        let left = words.fill("wallet-details-copies-left", &[("count", left.into())]);
        (words.say("wallet-details-copies"), left)
    });
    let about = [
        ("wallet-details-type", facts.vct.clone()),
        ("wallet-details-format", format_name(facts.format).to_owned()),
        ("wallet-details-issuer", facts.issuer_name.clone()),
        ("wallet-details-received", lang.moment(facts.received_at)),
        ("wallet-details-valid-from", date(facts.issued_at)),
        ("wallet-details-valid-until", date(facts.expires)),
        ("wallet-details-status", status),
    ]
    .map(|(id, value)| (words.say(id), value));
    let template = words.say("wallet-details-face-value");
    let label = words.say("wallet-details-face");
    let values: Vec<(&ClaimFact, String)> = details.claims.iter().map(|row| (row, said(words, row))).collect();
    let mut rows: Vec<Field<'_>> = values.iter().map(|(row, value)| field(&row.label, value)).collect();
    if facts.has_face_template {
        rows.push(field(&label, &template));
    }
    let about: Vec<Field<'_>> = about.iter().chain(&copies).map(|(label, value)| field(label, value)).collect();
    let main = html! {
        p { (words.say("wallet-details-no-pid")) }
        h2 { (words.say("wallet-details-claims")) }
        (fields(&rows))
        (pictures(&details.claims))
        h2 { (words.say("wallet-card-details")) }
        (fields(&about))
    };
    Ok(page(&agent, words, Here::Elsewhere, facts.name.clone()).at(&bare(&uri)).main(main).into_response())
}

/// `GET /history`
pub(super) async fn history(State(agent): State<Arc<Agent>>, lang: Lang, uri: Uri) -> Response {
    let words = agent.words(lang);
    let (entries, types) = match (agent.wallet.history(), agent.wallet.types()) {
        (Ok(entries), Ok(types)) => (entries, types),
        (Err(error), _) | (_, Err(error)) => return error_page(&agent, lang, Stopped::Looking, &error),
    };
    let columns = ["when", "what", "who", "details", "status"].map(|name| words.say(&format!("wallet-history-{name}")));
    let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
    let rows: Vec<Vec<Markup>> = entries.iter().map(|entry| row(words, &types, entry)).collect();
    let title = words.say("wallet-history-title");
    let main = html! {
        p { (words.say("wallet-history-lead")) }
        @if rows.is_empty() {
            (empty(Icon::History, &words.say("wallet-history-empty"), "", None))
        } @else {
            (log_table(&title, &columns, &rows))
            p { (words.say("wallet-history-take-back")) }
        }
    };
    page(&agent, words, Here::History, title.clone()).wide().at(&bare(&uri)).main(main).into_response()
}

fn row(words: Words<'_>, types: &[TypeMetadata], entry: &Entry) -> Vec<Markup> {
    let what = match (entry.transaction_type, entry.channel) {
        (TransactionType::CredentialIssuance, _) => "wallet-history-CredentialIssuance",
        (TransactionType::CredentialDeletion, _) => "wallet-history-CredentialDeletion",
        (TransactionType::Presentation, Some(Channel::Share)) => "wallet-history-share",
        (TransactionType::Presentation, Some(Channel::Request) | None) => "wallet-history-Presentation",
    };
    let done = entry.transaction_result == TransactionResult::Completed;
    let lists = if done { &entry.list_of_claims_presented } else { &entry.list_of_claims_requested };
    let names: Vec<String> = lists.iter().flat_map(|list| list.labels(types, words.lang.tag())).collect();
    let (tone, status) = match entry.transaction_result {
        TransactionResult::Completed => (Tone::Ok, words.say("wallet-history-Completed")),
        TransactionResult::NotCompleted => (Tone::Quiet, words.say("wallet-history-NotCompleted")),
    };
    vec![
        html! { time datetime=(entry.time) { (words.lang.moment(entry.time)) } },
        html! { (words.say(what)) },
        html! { (entry.party.shown()) @if let Some(purpose) = &entry.purpose { br; small { (purpose) } } },
        html! { (names.join(comma(words.lang))) },
        html! {
            (pill(tone, &status))
            @if let Some(code) = &entry.reason_of_noncompletion { br; (reason(words, code)) }
            @if entry.selfie.is_some() { br; small { (words.say("wallet-history-selfie")) } }
            @if let Some(at) = entry.expires_at {
                br; small { (words.fill("wallet-history-until", &[("date", words.lang.moment(at).into())])) }
            }
        },
    ]
}

/// Why something was not completed; the stable name only where there are no words for it.
fn reason(words: Words<'_>, code: &str) -> Markup {
    let id = match code {
        "refused_by_user" => "wallet-history-refused",
        "answer_not_confirmed" => "wallet-history-not-confirmed",
        code => message_of(code),
    };
    html! {
        small { (words.say(id)) }
        @if id == "wallet-error-other" { " " code { (code) } }
    }
}

/// What stands between the items of a list.
fn comma(lang: Lang) -> &'static str {
    match lang {
        Lang::En => ", ",
        Lang::Ja => "、",
    }
}

fn field<'a>(label: &'a str, value: &'a str) -> Field<'a> {
    Field { label, value, source: "", confidence: None }
}

/// What people who know formats call one.
pub(super) fn format_name(identifier: &str) -> &str {
    match Format::from_identifier(identifier) {
        Some(Format::SdJwtVc) => "SD-JWT VC",
        Some(Format::Mdoc) => "ISO mdoc",
        None => identifier,
    }
}

/// The day of an instant, in UTC.
pub(super) fn day(lang: Lang, at: Timestamp) -> String {
    lang.date(at.to_zoned(TimeZone::UTC).date())
}

/// A value in the reader's language. Names stay as printed; a picture is shown beside, not spelled.
pub(super) fn said(words: Words<'_>, row: &ClaimFact) -> String {
    match &row.value {
        Value::Null if row.name == FACE_TEMPLATE => words.say("wallet-value-face"),
        Value::Bool(true) => words.say("wallet-value-yes"),
        Value::Bool(false) => words.say("wallet-value-no"),
        Value::String(_) if picture(row).is_some() => words.say("wallet-value-picture"),
        Value::String(text) => match (text.parse::<Date>(), text.parse::<Timestamp>()) {
            (Ok(date), _) if text.len() == 10 => words.lang.date(date),
            (_, Ok(at)) => words.lang.moment(at),
            (_, _) => in_words(words, row, text),
        },
        Value::Number(number) if row.name == "sex" => word(words, "sex", &number.to_string()),
        Value::Array(items) => {
            let text = |item: &Value| item.as_str().map_or_else(|| item.to_string(), |text| in_words(words, row, text));
            items.iter().map(text).collect::<Vec<_>>().join(comma(words.lang))
        }
        other => other.to_string(),
    }
}

/// A text of the credential: a code of our own profile in words, anything else as it stands.
fn in_words(words: Words<'_>, row: &ClaimFact, text: &str) -> String {
    match row.name.as_str() {
        "assurance.level" => word(words, "level", text),
        "assurance.method" => word(words, "method", text),
        "assurance.checks" => word(words, "check", text),
        // Codes that are no country's (PID rulebook 1.7).
        _ if is_country(row) && [CountryCode::UNKNOWN, CountryCode::STATELESS].iter().any(|c| c.as_str() == text) => {
            word(words, "country", text)
        }
        _ => text.to_owned(),
    }
}

/// Whether a value, or every entry of it, is a country code.
fn is_country(row: &ClaimFact) -> bool {
    let of = |path| attribute(path).is_some_and(|attribute| attribute.kind == Kind::Country);
    of(&row.path) || of(&row.path.clone().every())
}

/// The word for a code; the code where there is none.
fn word(words: Words<'_>, kind: &str, code: &str) -> String {
    let id = format!("wallet-{kind}-{code}");
    let word = words.say(&id);
    if word == id { code.to_owned() } else { word }
}

/// The pictures among the values.
pub(super) fn pictures(rows: &[ClaimFact]) -> Markup {
    html! {
        @for row in rows {
            @if let Some(address) = picture(row) { figure { img src=(address) alt=(row.label) width="160"; } }
        }
    }
}

/// A picture's `data:` address. Only the formats that a credential's portrait has; nothing that could hold a script.
fn picture(row: &ClaimFact) -> Option<&str> {
    let text = row.value.as_str()?;
    ["data:image/jpeg;base64,", "data:image/png;base64,"].iter().any(|start| text.starts_with(start)).then_some(text)
}
