//! Answers as the fields of an HTML form.
//!
//! A field is named after its element: `name`. A choice of several is `name[0]` and on, in the order of the choices; a part of an
//! address `name.city`; an element of the first entry of a group `name[0].child`, and `name[0]` alone says that the entry is there.
//! Identifiers hold neither brackets nor points, so no two fields can share a name.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::answers::ADDRESS;
use super::{Element, ElementType, MAX_ENTRIES, Questionnaire};

/// The fields of a form, by name. Files stand by the identifiers they were given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fields {
    /// What was typed or chosen.
    pub texts: BTreeMap<String, String>,
    /// What was handed over.
    pub files: BTreeMap<String, Vec<String>>,
}

impl Fields {
    /// How many entries of a group the form has.
    #[must_use]
    pub fn entries(&self, group: &str) -> u64 {
        let has = |entry: &u64| {
            let name = entry_name(group, *entry);
            let inside =
                |field: &String| field.strip_prefix(&name).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
            self.texts.keys().chain(self.files.keys()).any(inside)
        };
        (0..MAX_ENTRIES).filter(has).max().map_or(0, |last| last + 1)
    }
}

/// Name of an entry of a group, or of a choice of several.
#[must_use]
pub fn entry_name(name: &str, number: u64) -> String {
    format!("{name}[{number}]")
}

impl Questionnaire {
    /// The answers in these fields, for [`Questionnaire::answer`] to judge. Fields that belong to no element come out under their own
    /// name, so that they are refused there; the last entries of a group are left out where they are empty.
    #[must_use]
    pub fn given(&self, mut fields: Fields) -> Map<String, Value> {
        let mut given = take(self.elements(), "", &mut fields);
        given.extend(fields.texts.into_iter().map(|(name, text)| (name, Value::from(text))));
        given.extend(fields.files.into_iter().map(|(name, ids)| (name, Value::from(ids))));
        given
    }
}

fn take(elements: &[Element], place: &str, fields: &mut Fields) -> Map<String, Value> {
    let answered = elements.iter().filter_map(|element| {
        let answer = one(element, &format!("{place}{}", element.id), fields)?;
        Some((element.id.clone(), answer))
    });
    answered.collect()
}

fn one(element: &Element, name: &str, fields: &mut Fields) -> Option<Value> {
    let some = |items: Vec<Value>| (!items.is_empty()).then_some(Value::Array(items));
    match element.element_type {
        ElementType::MultipleChoice => {
            let chosen = (0..element.choices.len() as u64).filter_map(|i| fields.texts.remove(&entry_name(name, i)));
            some(chosen.map(Value::from).collect())
        }
        ElementType::Address => {
            let part = |part: &&str| {
                let text = fields.texts.remove(&format!("{name}.{part}")).filter(|text| !text.trim().is_empty())?;
                Some(((*part).to_owned(), Value::from(text)))
            };
            let parts: Map<_, _> = ADDRESS.iter().filter_map(part).collect();
            let whole = fields.texts.remove(name).map(Value::from);
            if parts.is_empty() { whole } else { Some(Value::Object(parts)) }
        }
        ElementType::RepeatableGroup => {
            let least = element.min.map_or(0, |min| min as usize);
            let count = fields.entries(name);
            let mut entry = |number: u64| {
                let name = entry_name(name, number);
                fields.texts.remove(&name);
                take(&element.form_elements, &format!("{name}."), fields)
            };
            let mut entries: Vec<_> = (0..count).map(&mut entry).collect();
            while entries.len() > least && entries.last().is_some_and(|answers| answers.values().all(is_empty)) {
                entries.pop();
            }
            some(entries.into_iter().map(Value::Object).collect())
        }
        // A box that was not ticked is not sent.
        ElementType::Consent => Some(fields.texts.remove(name).map_or(Value::Bool(false), Value::from)),
        ElementType::Image | ElementType::FileUpload => {
            some(fields.files.remove(name)?.into_iter().map(Value::from).collect())
        }
        _ => fields.texts.remove(name).map(Value::from),
    }
}

fn is_empty(answer: &Value) -> bool {
    match answer {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.trim().is_empty(),
        Value::Bool(true) | Value::Number(_) | Value::Array(_) | Value::Object(_) => false,
    }
}
