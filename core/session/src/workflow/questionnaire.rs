//! Questionnaires: what is asked, in which languages, and what counts as an answer.
//!
//! The wire form is that of the v3 session API: `title`, `description`, `languages`, `default_language`, and `form_elements` of 20
//! types; the older spellings `label` and `options` and the older lower-case types are read as well. A definition is checked
//! once, all problems at once; [`answers`] holds what a person gave against it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use warifu_keys::json::{self as strict, JsonError};

use super::{UnknownWord, words};

pub mod answers;
pub mod form;
#[cfg(test)]
mod tests;

pub use answers::{AnswerFault, AnswerProblem, Answers};

/// Largest definition, in bytes of JSON.
pub const MAX_BYTES: usize = 256 * 1024;
/// Most elements, those inside groups counted as well.
pub const MAX_ELEMENTS: usize = 200;
/// Most choices of an element.
pub const MAX_CHOICES: usize = 300;
/// Most languages.
pub const MAX_LANGUAGES: usize = 60;
/// Longest title, description or choice, in characters.
pub const MAX_TITLE: usize = 2000;
/// Most entries of a repeatable group.
pub const MAX_ENTRIES: u64 = 50;

/// The types of elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum ElementType {
    /// One line of text.
    ShortText,
    /// Several lines of text.
    LongText,
    /// Text to read.
    Paragraph,
    /// One of several, from a list that opens.
    Dropdown,
    /// One of several.
    SingleChoice,
    /// Any of several.
    MultipleChoice,
    /// A number.
    Number,
    /// A picture to hand over.
    Image,
    /// A file to hand over.
    FileUpload,
    /// A time of day.
    Time,
    /// A mail address.
    Email,
    /// A postal address.
    Address,
    /// A telephone number.
    Phone,
    /// A country.
    Country,
    /// A date.
    DatePicker,
    /// A statement to agree to.
    Consent,
    /// A title that begins a section.
    SectionHeader,
    /// A line.
    Separator,
    /// A title.
    Heading,
    /// Elements that are answered as often as needed.
    RepeatableGroup,
}

words!(ElementType {
    ShortText = "SHORT_TEXT",
    LongText = "LONG_TEXT",
    Paragraph = "PARAGRAPH",
    Dropdown = "DROPDOWN",
    SingleChoice = "SINGLE_CHOICE",
    MultipleChoice = "MULTIPLE_CHOICE",
    Number = "NUMBER",
    Image = "IMAGE",
    FileUpload = "FILE_UPLOAD",
    Time = "TIME",
    Email = "EMAIL",
    Address = "ADDRESS",
    Phone = "PHONE",
    Country = "COUNTRY",
    DatePicker = "DATE_PICKER",
    Consent = "CONSENT",
    SectionHeader = "SECTION_HEADER",
    Separator = "SEPARATOR",
    Heading = "HEADING",
    RepeatableGroup = "REPEATABLE_GROUP",
});

impl ElementType {
    /// Whether it is only there to be read.
    #[must_use]
    pub fn is_shown_only(self) -> bool {
        matches!(self, Self::Paragraph | Self::SectionHeader | Self::Separator | Self::Heading)
    }

    /// Whether it has choices.
    #[must_use]
    pub fn has_choices(self) -> bool {
        matches!(self, Self::Dropdown | Self::SingleChoice | Self::MultipleChoice)
    }
}

/// A text in several languages, always also in the default language of its questionnaire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Localised(BTreeMap<String, String>);

impl Localised {
    /// The text in this language, or else in `otherwise`.
    #[must_use]
    pub fn text(&self, language: &str, otherwise: &str) -> &str {
        self.0.get(language).or_else(|| self.0.get(otherwise)).map_or("", String::as_str)
    }
}

/// One choice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    /// What an answer says.
    pub value: String,
    /// What the person reads.
    pub title: Localised,
}

/// One element.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Element {
    /// Identifier: the fact `questionnaire.<id>`.
    pub id: String,
    /// Its type.
    pub element_type: ElementType,
    /// What the person reads.
    pub title: Localised,
    /// Whether it must be answered; a statement that must be agreed to.
    pub is_required: bool,
    /// What can be chosen.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<Choice>,
    /// The smallest number, or the fewest entries of a group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<f64>,
    /// The largest number, the most entries of a group, or the most characters of a text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<f64>,
    /// The elements of a group.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub form_elements: Vec<Element>,
}

/// A questionnaire that was checked. Kept and written in the same form that is read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Value")]
pub struct Questionnaire {
    title: Localised,
    description: Option<Localised>,
    default_language: String,
    languages: Vec<String>,
    form_elements: Vec<Element>,
}

/// One thing that is wrong with a definition.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Problem {
    /// The member, as a path.
    pub field: String,
    /// What is wrong.
    pub message: Fault,
}

/// What can be wrong with a definition.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Fault {
    /// Not acceptable JSON, or too large.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// A member is missing, too long, or of the wrong type.
    #[error("{0} is expected")]
    Expected(&'static str),
    /// A word that is not known.
    #[error(transparent)]
    Word(#[from] UnknownWord),
    /// More than may be.
    #[error("at most {0} are taken")]
    TooMany(usize),
    /// The same identifier, language or choice twice.
    #[error("this was used before")]
    Twice,
    /// A text without the default language.
    #[error("a text in the default language is expected")]
    NoDefault,
    /// A language that the questionnaire does not have.
    #[error("the language is not among `languages`")]
    NoLanguage,
    /// Limits that no answer can keep.
    #[error("`min` is above `max`, or one of them is out of range")]
    Limits,
    /// A group inside a group.
    #[error("a group may not hold a group")]
    Nested,
}

impl Serialize for Fault {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A definition with problems.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("the questionnaire has {} problems", .0.len())]
pub struct NotAQuestionnaire(pub Vec<Problem>);

impl Questionnaire {
    /// Reads a definition from JSON text.
    ///
    /// # Errors
    /// Every [`Problem`] that was found.
    pub fn from_json(bytes: &[u8]) -> Result<Self, NotAQuestionnaire> {
        let refused = |fault| NotAQuestionnaire(vec![Problem { field: String::new(), message: fault }]);
        if bytes.len() > MAX_BYTES {
            return Err(refused(JsonError::TooLarge(bytes.len()).into()));
        }
        Self::try_from(strict::parse(bytes).map_err(|error| refused(error.into()))?)
    }

    /// Its title.
    #[must_use]
    pub fn title(&self) -> &Localised {
        &self.title
    }

    /// What stands below the title.
    #[must_use]
    pub fn description(&self) -> Option<&Localised> {
        self.description.as_ref()
    }

    /// The language that every text has.
    #[must_use]
    pub fn default_language(&self) -> &str {
        &self.default_language
    }

    /// The languages that it was written in.
    #[must_use]
    pub fn languages(&self) -> &[String] {
        &self.languages
    }

    /// The elements, in order.
    #[must_use]
    pub fn elements(&self) -> &[Element] {
        &self.form_elements
    }

    /// Whether a person has to hand over files.
    #[must_use]
    pub fn takes_files(&self) -> bool {
        let file = |element: &Element| matches!(element.element_type, ElementType::Image | ElementType::FileUpload);
        self.form_elements.iter().any(|element| file(element) || element.form_elements.iter().any(file))
    }

    /// One item of `questionnaire_responses` in a decision, with the answers at their questions, in sections that begin at each
    /// `SECTION_HEADER`. Texts are in the default language.
    #[must_use]
    pub fn response(&self, answers: &Answers, about: &About<'_>) -> Value {
        let text = |localised: &Localised| localised.text(&self.default_language, "").to_owned();
        let mut sections: Vec<(Option<String>, Vec<Value>)> = vec![(None, Vec::new())];
        for element in &self.form_elements {
            match element.element_type {
                ElementType::SectionHeader => sections.push((Some(text(&element.title)), Vec::new())),
                kind if kind.is_shown_only() => {}
                kind => {
                    let item = json!({
                        "uuid": element.id,
                        "element_type": kind,
                        "title": text(&element.title),
                        "is_required": element.is_required,
                        "choices": element.choices.iter().map(|choice| &choice.value).collect::<Vec<_>>(),
                        "answer": answers.values().get(&element.id).cloned().unwrap_or(Value::Null),
                    });
                    if let Some((_, items)) = sections.last_mut() {
                        items.push(item);
                    }
                }
            }
        }
        let sections = sections.into_iter().filter(|(title, items)| title.is_some() || !items.is_empty());
        let sections: Vec<_> = sections.map(|(title, items)| json!({ "title": title, "items": items })).collect();
        json!({
            "node_id": about.node_id,
            "status": about.status,
            "questionnaire_id": about.questionnaire_id,
            "title": text(&self.title),
            "description": self.description.as_ref().map(text),
            "languages": self.languages,
            "default_language": self.default_language,
            "version": about.version,
            "sections": sections,
            "warnings": [],
        })
    }
}

/// Where a response belongs.
#[derive(Debug, Clone, Copy)]
pub struct About<'a> {
    /// The node that asked.
    pub node_id: &'a str,
    /// How it ended.
    pub status: crate::status::FeatureStatus,
    /// The questionnaire.
    pub questionnaire_id: uuid::Uuid,
    /// Its version.
    pub version: u32,
}

impl TryFrom<Value> for Questionnaire {
    type Error = NotAQuestionnaire;

    fn try_from(value: Value) -> Result<Self, NotAQuestionnaire> {
        let mut reader = Reader { problems: Vec::new(), language: String::new(), languages: Vec::new(), elements: 0 };
        let read = reader.questionnaire(&value);
        match read {
            Some(questionnaire) if reader.problems.is_empty() => Ok(questionnaire),
            Some(_) | None => Err(NotAQuestionnaire(reader.problems)),
        }
    }
}

struct Reader {
    problems: Vec<Problem>,
    language: String,
    languages: Vec<String>,
    elements: usize,
}

impl Reader {
    fn note(&mut self, field: impl Into<String>, fault: Fault) {
        self.problems.push(Problem { field: field.into(), message: fault });
    }

    fn questionnaire(&mut self, value: &Value) -> Option<Questionnaire> {
        let Value::Object(members) = value else {
            self.note("", Fault::Expected("an object"));
            return None;
        };
        self.read_languages(members);
        let title = self.localised(members.get("title"), "title");
        let description = match members.get("description") {
            None | Some(Value::Null) => None,
            text => self.localised(text, "description"),
        };
        let form_elements = self.elements(members.get("form_elements"), "form_elements", Depth::Top);
        if form_elements.is_empty() && self.problems.is_empty() {
            self.note("form_elements", Fault::Expected("a list of at least one element"));
        }
        Some(Questionnaire {
            title: title?,
            description,
            default_language: self.language.clone(),
            languages: self.languages.clone(),
            form_elements,
        })
    }

    fn read_languages(&mut self, members: &Map<String, Value>) {
        let tag =
            |text: &str| (2..=16).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        self.language = match members.get("default_language") {
            None | Some(Value::Null) => "en".to_owned(),
            Some(Value::String(text)) if tag(text) => text.clone(),
            Some(_) => {
                self.note("default_language", Fault::Expected("a language code"));
                "en".to_owned()
            }
        };
        match members.get("languages") {
            None | Some(Value::Null) => self.languages = vec![self.language.clone()],
            Some(Value::Array(items)) if items.len() > MAX_LANGUAGES => {
                self.note("languages", Fault::TooMany(MAX_LANGUAGES));
            }
            Some(Value::Array(items)) => {
                for (i, item) in items.iter().enumerate() {
                    match item.as_str().filter(|text| tag(text)) {
                        Some(text) if self.languages.iter().any(|known| known == text) => {
                            self.note(format!("languages[{i}]"), Fault::Twice);
                        }
                        Some(text) => self.languages.push(text.to_owned()),
                        None => self.note(format!("languages[{i}]"), Fault::Expected("a language code")),
                    }
                }
                if !self.languages.contains(&self.language) {
                    self.note("default_language", Fault::NoLanguage);
                }
            }
            Some(_) => self.note("languages", Fault::Expected("a list of language codes")),
        }
    }

    /// A text, or an object of texts by language.
    fn localised(&mut self, value: Option<&Value>, field: &str) -> Option<Localised> {
        let short = |text: &str| text.chars().count() <= MAX_TITLE;
        match value {
            Some(Value::String(text)) if !text.trim().is_empty() && short(text) => {
                Some(Localised(BTreeMap::from([(self.language.clone(), text.clone())])))
            }
            Some(Value::Object(texts)) => {
                let mut read = BTreeMap::new();
                for (language, text) in texts {
                    let known = self.languages.iter().any(|known| known == language);
                    match text.as_str().filter(|text| short(text)) {
                        _ if !known => self.note(field, Fault::NoLanguage),
                        Some(text) => drop(read.insert(language.clone(), text.to_owned())),
                        None => self.note(field, Fault::Expected("a text of at most 2000 characters")),
                    }
                }
                if read.get(&self.language).is_none_or(|text| text.trim().is_empty()) {
                    self.note(field, Fault::NoDefault);
                    return None;
                }
                Some(Localised(read))
            }
            _ => {
                self.note(field, Fault::Expected("a text of 1 to 2000 characters, or one for each language"));
                None
            }
        }
    }

    fn elements(&mut self, value: Option<&Value>, field: &str, depth: Depth) -> Vec<Element> {
        let Some(Value::Array(items)) = value else {
            self.note(field, Fault::Expected("a list of elements"));
            return Vec::new();
        };
        self.elements += items.len();
        if self.elements > MAX_ELEMENTS {
            self.note(field, Fault::TooMany(MAX_ELEMENTS));
            return Vec::new();
        }
        let mut ids = BTreeSet::new();
        let mut elements = Vec::with_capacity(items.len());
        for (i, item) in items.iter().enumerate() {
            let field = format!("{field}[{i}]");
            if let Some(element) = self.element(item, i, &field, depth) {
                if !ids.insert(element.id.clone()) {
                    self.note(format!("{field}.id"), Fault::Twice);
                }
                elements.push(element);
            }
        }
        elements
    }

    fn element(&mut self, item: &Value, i: usize, field: &str, depth: Depth) -> Option<Element> {
        let Value::Object(item) = item else {
            self.note(field, Fault::Expected("an object"));
            return None;
        };
        let kind = self.kind(item, field);
        let id = self.id(item, i, field);
        let is_required = match item.get("is_required") {
            None | Some(Value::Null) => false,
            Some(Value::Bool(required)) => *required,
            Some(_) => {
                self.note(format!("{field}.is_required"), Fault::Expected("true or false"));
                false
            }
        };
        let kind = kind?;
        let title = match item.get("title").or_else(|| item.get("label")) {
            None | Some(Value::Null) if kind == ElementType::Separator => Some(Localised(BTreeMap::new())),
            // As it is written here.
            Some(Value::Object(text)) if kind == ElementType::Separator && text.is_empty() => {
                Some(Localised(BTreeMap::new()))
            }
            text => self.localised(text, &format!("{field}.title")),
        };
        let choices = if kind.has_choices() { self.choices(item, field) } else { Vec::new() };
        let (min, max) = self.limits(item, kind, field);
        let form_elements = match (kind, depth) {
            (ElementType::RepeatableGroup, Depth::InGroup) => {
                self.note(field, Fault::Nested);
                Vec::new()
            }
            (ElementType::RepeatableGroup, Depth::Top) => {
                let place = format!("{field}.form_elements");
                self.elements(item.get("form_elements"), &place, Depth::InGroup)
            }
            (_, _) => Vec::new(),
        };
        Some(Element { id: id?, element_type: kind, title: title?, is_required, choices, min, max, form_elements })
    }

    fn kind(&mut self, item: &Map<String, Value>, field: &str) -> Option<ElementType> {
        let seen = item.get("element_type").and_then(Value::as_str).unwrap_or_default();
        let kind = ElementType::parse(seen).or_else(|| {
            let older =
                ["short_text", "long_text", "dropdown", "single_choice", "multiple_choice", "image", "file_upload"];
            older.contains(&seen).then(|| ElementType::parse(&seen.to_ascii_uppercase())).flatten()
        });
        if kind.is_none() {
            let fault = UnknownWord::new(seen, ElementType::list());
            self.note(format!("{field}.element_type"), fault.into());
        }
        kind
    }

    /// `status` is what rules call the outcome of the whole questionnaire.
    fn id(&mut self, item: &Map<String, Value>, i: usize, field: &str) -> Option<String> {
        let allowed = |text: &str| {
            let part = |b: u8| b.is_ascii_alphanumeric() || b"_-".contains(&b);
            (1..=64).contains(&text.len()) && text.bytes().all(part) && text != "status"
        };
        match item.get("id").or_else(|| item.get("uuid")) {
            None | Some(Value::Null) => Some(format!("q{}", i + 1)),
            Some(Value::String(text)) if allowed(text) => Some(text.clone()),
            Some(_) => {
                let expected = "an identifier of 1 to 64 of A-Z, a-z, 0-9, `_`, `-`, and not `status`,";
                self.note(format!("{field}.id"), Fault::Expected(expected));
                None
            }
        }
    }

    /// A choice is a text, or an object with `value` and `title`.
    fn choices(&mut self, item: &Map<String, Value>, field: &str) -> Vec<Choice> {
        let place = format!("{field}.choices");
        let items = match item.get("choices").or_else(|| item.get("options")) {
            Some(Value::Array(items)) if items.len() > MAX_CHOICES => {
                self.note(place, Fault::TooMany(MAX_CHOICES));
                return Vec::new();
            }
            Some(Value::Array(items)) if !items.is_empty() => items,
            _ => {
                self.note(place, Fault::Expected("a list of at least one choice"));
                return Vec::new();
            }
        };
        let mut values = BTreeSet::new();
        let mut choices = Vec::with_capacity(items.len());
        for (i, item) in items.iter().enumerate() {
            let place = format!("{place}[{i}]");
            let value = match item {
                Value::Object(item) => item.get("value").and_then(Value::as_str),
                other => other.as_str(),
            };
            let Some(value) = value.filter(|value| !value.is_empty() && value.chars().count() <= MAX_TITLE) else {
                self.note(place, Fault::Expected("a text, or an object with `value` and `title`,"));
                continue;
            };
            if !values.insert(value.to_owned()) {
                self.note(place.clone(), Fault::Twice);
            }
            let title = item.get("title").or_else(|| item.get("label"));
            let given = Value::from(value);
            if let Some(title) = self.localised(Some(title.unwrap_or(&given)), &place) {
                choices.push(Choice { value: value.to_owned(), title });
            }
        }
        choices
    }

    fn limits(&mut self, item: &Map<String, Value>, kind: ElementType, field: &str) -> (Option<f64>, Option<f64>) {
        let mut number = |name: &str| match item.get(name) {
            None | Some(Value::Null) => None,
            Some(value) => {
                let number = value.as_f64().filter(|number| number.is_finite());
                if number.is_none() {
                    self.note(format!("{field}.{name}"), Fault::Expected("a number"));
                }
                number
            }
        };
        let (min, max) = (number("min"), number("max"));
        let most = match kind {
            ElementType::RepeatableGroup => MAX_ENTRIES as f64,
            ElementType::ShortText => answers::MAX_SHORT as f64,
            ElementType::LongText => answers::MAX_LONG as f64,
            _ => f64::MAX,
        };
        let whole = |number: f64| kind == ElementType::Number || (number >= 0.0 && number.fract() == 0.0);
        let good = min.is_none_or(|min| min <= max.unwrap_or(most) && whole(min))
            && max.is_none_or(|max| max <= most && whole(max));
        if !good {
            self.note(format!("{field}.max"), Fault::Limits);
        }
        (min, max)
    }
}

/// Where an element stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Depth {
    Top,
    InGroup,
}
