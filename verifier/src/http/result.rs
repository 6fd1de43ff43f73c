//! The result of a request as people see it: what was shared, and every check in words of the catalogues. The raw detail
//! of a check is for programs, at the API.

use std::collections::BTreeSet;

use jiff::civil::Date;
use maud::{Markup, html};
use serde_json::Value;
use warifu_schemas::{Attribute, Kind, PROFILES, Profile, Step};
use warifu_server::page::components::{self, CheckRow, Field, Tone};
use warifu_server::text::Words;

use crate::check::{Check, CheckName, Outcome, Report};
use crate::request::Record;

/// The claims and every check of the answer to this request.
pub(super) fn result(words: &Words<'_>, record: &Record, report: &Report) -> Markup {
    html! {
        @if report.is_accepted() {
            (components::proven())
            p { (words.say("accepted-text")) }
            @for shown in report.presentations() {
                @let values = shown.claims.iter().flat_map(|(name, value)| values(words, &[name], value)).collect::<Vec<_>>();
                (components::fields(&values.iter().map(|(label, value)| Field {
                    label, value, source: &shown.issuer, confidence: None,
                }).collect::<Vec<_>>()))
            }
        } @else {
            (components::notice(words, Tone::Stop, &words.say("not-accepted-title"), &reason(words, report), None))
        }
        (checks(words, record, report))
    }
}

fn checks(words: &Words<'_>, record: &Record, report: &Report) -> Markup {
    let texts = |check: &Check| (words.say(check_id(check.name)), why(words, record, report, check));
    let texts: Vec<(String, String)> = report.checks().iter().map(texts).collect();
    let rows: Vec<CheckRow<'_>> = report
        .checks()
        .iter()
        .zip(&texts)
        .map(|(check, (name, why))| CheckRow {
            name,
            value: "",
            threshold: "",
            outcome: match check.outcome {
                Outcome::Pass => components::Outcome::Pass,
                Outcome::Fail => components::Outcome::Fail,
                Outcome::NotRun => components::Outcome::NotPerformed,
            },
            why,
        })
        .collect();
    components::checks(words, &words.say("checks-caption"), &rows)
}

/// What a check found, or why it does not hold.
fn why(words: &Words<'_>, record: &Record, report: &Report, check: &Check) -> String {
    let id = check_id(check.name);
    match (check.outcome, check.name) {
        (Outcome::Fail, _) => words.say(&format!("{id}-fail")),
        (Outcome::NotRun, CheckName::SelfieReauth) if record.reauth.is_none() => words.say("check-not-demanded"),
        (Outcome::NotRun, _) => words.say("check-not-reached"),
        (Outcome::Pass, CheckName::IssuerTrusted) => {
            let names: BTreeSet<&str> = report.presentations().iter().map(|shown| shown.issuer.as_str()).collect();
            filled(words, id, "issuer", (!names.is_empty()).then(|| Vec::from_iter(names).join(", ")))
        }
        (Outcome::Pass, CheckName::NotExpired) => {
            let first = report.presentations().iter().filter_map(|shown| shown.valid_until).min();
            filled(words, id, "until", first.map(|at| words.lang.moment(at)))
        }
        (Outcome::Pass, _) => words.say(&format!("{id}-pass")),
    }
}

/// What a passed check found; nothing where that is not known.
fn filled(words: &Words<'_>, id: &str, name: &str, found: Option<String>) -> String {
    found.map_or_else(String::new, |found| words.fill(&format!("{id}-pass"), &[(name, found.into())]))
}

/// The message that names a check; with `-pass` and `-fail` the ones that explain it.
pub(super) fn check_id(name: CheckName) -> &'static str {
    match name {
        CheckName::Signature => "check-signature",
        CheckName::IssuerTrusted => "check-issuer-trusted",
        CheckName::KeyBinding => "check-key-binding",
        CheckName::Aud => "check-aud",
        CheckName::Nonce => "check-nonce",
        CheckName::AlgAllowed => "check-alg-allowed",
        CheckName::NotExpired => "check-not-expired",
        CheckName::NotRevoked => "check-not-revoked",
        CheckName::QuerySatisfied => "check-query-satisfied",
        CheckName::SelfieReauth => "check-selfie-reauth",
    }
}

/// What the person can do about it.
fn reason(words: &Words<'_>, report: &Report) -> String {
    let id = report.failure().map_or("failed-text", |check| match check.name {
        CheckName::SelfieReauth => "failed-selfie",
        CheckName::NotRevoked | CheckName::NotExpired => "failed-validity",
        CheckName::IssuerTrusted => "failed-issuer",
        CheckName::Signature
        | CheckName::KeyBinding
        | CheckName::Aud
        | CheckName::Nonce
        | CheckName::AlgAllowed
        | CheckName::QuerySatisfied => "failed-text",
    });
    words.say(id)
}

/// A claim as rows of label and value: one for each member of an object, one for all entries of an array.
fn values(words: &Words<'_>, path: &[&str], value: &Value) -> Vec<(String, String)> {
    let attribute = attribute(path);
    let name = path.last().copied().unwrap_or_default();
    let label =
        attribute.map_or_else(|| name.to_owned(), |known| known.label.for_language(words.lang.tag()).to_owned());
    match value {
        Value::Object(members) => {
            let below = |(name, value): (&String, &Value)| values(words, &[path, &[name]].concat(), value);
            members.iter().flat_map(below).collect()
        }
        Value::Array(items) => {
            let texts: Vec<String> = items.iter().map(|item| text(words, attribute, item)).collect();
            vec![(label, texts.join(", "))]
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            vec![(label, text(words, attribute, value))]
        }
    }
}

fn text(words: &Words<'_>, attribute: Option<&Attribute>, value: &Value) -> String {
    match (attribute.map(|known| known.kind), value) {
        (_, Value::Bool(true)) => words.say("yes"),
        (_, Value::Bool(false)) => words.say("no"),
        (Some(Kind::Picture), _) => words.say("picture-received"),
        (Some(Kind::Date), Value::String(date)) => {
            date.parse::<Date>().map_or_else(|_| date.clone(), |date| words.lang.date(date))
        }
        (_, Value::String(text)) => text.clone(),
        (_, Value::Null | Value::Number(_) | Value::Array(_) | Value::Object(_)) => value.to_string(),
    }
}

/// The attribute at this path of names, in the first profile that has it. A path that begins with the namespace of a
/// profile leads to that profile's row of the element, and its parts below.
fn attribute(path: &[&str]) -> Option<&'static Attribute> {
    let is_at = |known: &[Step], path: &[&str]| {
        let same = |(step, name): (&Step, &&str)| matches!(step, Step::Name(known) if known == name);
        known.len() == path.len() && known.iter().zip(path).all(same)
    };
    if let [namespace, element, parts @ ..] = path
        && let Some(profile) = Profile::of_doctype(namespace)
    {
        let whole = profile.element(element)?;
        let below = |row: &&Attribute| row.path.strip_prefix(whole.path).is_some_and(|below| is_at(below, parts));
        return profile.attributes.iter().find(below);
    }
    PROFILES.iter().flat_map(|profile| profile.attributes).find(|known| is_at(known.path, path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_have_the_words_of_their_profile() {
        let check = |path: &[&str], expected: Option<&str>| {
            assert_eq!(attribute(path).map(|known| known.label.en), expected, "{path:?}");
        };
        check(&["birthdate"], Some("Date of birth"));
        check(&["age_equal_or_over", "18"], Some("18 or older"));
        check(&["org.warifu.kyc.1", "birth_date"], Some("Date of birth"));
        check(&["org.warifu.kyc.1", "age_over_18"], Some("18 or older"));
        check(&["org.warifu.kyc.1", "assurance", "level"], Some("Level of assurance"));
        check(&["org.warifu.kyc.1", "birthdate"], None);
        check(&["org.example.1", "birth_date"], None);
    }
}
