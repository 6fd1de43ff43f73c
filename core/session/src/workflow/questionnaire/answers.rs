//! What a person answered, held against the questionnaire.
//!
//! An answer comes out in one form whichever way it went in: numbers as numbers, dates and times as ISO 8601, telephone numbers as
//! E.164, texts without spaces around them. What is only shown takes no answer, and an answer that nobody asked for is refused.

use jiff::civil::{Date, Time};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Number, Value};

use super::{Element, ElementType, MAX_ENTRIES, Questionnaire};
use crate::workflow::cut;

/// Most characters of one line.
pub const MAX_SHORT: usize = 255;
/// Most characters of several lines.
pub const MAX_LONG: usize = 5000;
/// Most files of one element.
pub const MAX_FILES: usize = 10;
/// The parts of an address, by their names in the v3 API.
pub const ADDRESS: [&str; 6] = ["street_1", "street_2", "city", "region", "postal_code", "country"];

/// Answers that fit their questionnaire. Only [`Questionnaire::answer`] makes them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Answers(Map<String, Value>);

impl Answers {
    /// Each answer under the identifier of its element; what was not answered is absent.
    #[must_use]
    pub fn values(&self) -> &Map<String, Value> {
        &self.0
    }
}

/// One answer that can not be taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AnswerProblem {
    /// The element: `name`, or `children[0].name` inside a group.
    pub element: String,
    /// What is wrong.
    pub fault: AnswerFault,
}

/// What can be wrong with an answer. Pages say it in the language of the person.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AnswerFault {
    /// An answer is needed.
    #[error("an answer is needed")]
    Needed,
    /// Nobody asked.
    #[error("the questionnaire has no such question")]
    NotAsked,
    /// A text is expected.
    #[error("a text is expected")]
    NotAText,
    /// The text is too long.
    #[error("at most {0} characters are taken")]
    TooLong(u64),
    /// A number is expected.
    #[error("a number is expected")]
    NotANumber,
    /// Smaller or larger than the question allows.
    #[error("the number is out of range")]
    OutOfRange,
    /// None of the choices.
    #[error("this is none of the choices")]
    NotAChoice,
    /// A time of day, as `14:30`, is expected.
    #[error("a time of day is expected")]
    NotATime,
    /// A date, as `2001-02-03`, is expected.
    #[error("a date is expected")]
    NotADate,
    /// A mail address is expected.
    #[error("a mail address is expected")]
    NotAnEmail,
    /// A telephone number with its country code is expected.
    #[error("a telephone number that begins with + and the country code is expected")]
    NotAPhone,
    /// A country is expected, as ISO 3166-1 alpha-2.
    #[error("a country is expected, as two letters")]
    NotACountry,
    /// A postal address is expected.
    #[error("a postal address is expected")]
    NotAnAddress,
    /// Yes or no is expected.
    #[error("true or false is expected")]
    NotABoolean,
    /// A list is expected.
    #[error("a list is expected")]
    NotAList,
    /// Files are expected, by the identifiers that they were given.
    #[error("the identifiers of at most {MAX_FILES} files are expected")]
    NotFiles,
    /// Too few or too many entries.
    #[error("{min} to {max} entries are expected")]
    Entries {
        /// The fewest.
        min: u64,
        /// The most.
        max: u64,
    },
}

impl Questionnaire {
    /// Takes the answers of a person.
    ///
    /// # Errors
    /// Every [`AnswerProblem`] that was found; never an empty list.
    pub fn answer(&self, given: &Map<String, Value>) -> Result<Answers, Vec<AnswerProblem>> {
        let mut problems = Vec::new();
        let answers = take(self.elements(), given, "", &mut problems);
        if problems.is_empty() { Ok(Answers(answers)) } else { Err(problems) }
    }
}

fn take(
    elements: &[Element],
    given: &Map<String, Value>,
    place: &str,
    problems: &mut Vec<AnswerProblem>,
) -> Map<String, Value> {
    let mut answers = Map::new();
    let asked = |name: &str| elements.iter().any(|element| element.id == name && !element.element_type.is_shown_only());
    for name in given.keys().filter(|name| !asked(name)) {
        problems.push(AnswerProblem { element: format!("{place}{}", cut(name)), fault: AnswerFault::NotAsked });
    }
    for element in elements.iter().filter(|element| !element.element_type.is_shown_only()) {
        let name = format!("{place}{}", element.id);
        let given = given.get(&element.id).filter(|value| !is_nothing(value, element.element_type));
        let answer = match given {
            Some(value) if element.element_type == ElementType::RepeatableGroup => {
                entries(element, value, &name, problems)
            }
            Some(value) => one(element, value),
            None if element.is_required => Err(AnswerFault::Needed),
            None => continue,
        };
        match answer {
            Ok(answer) => drop(answers.insert(element.id.clone(), answer)),
            Err(fault) => problems.push(AnswerProblem { element: name, fault }),
        }
    }
    answers
}

/// Whether a value is what a form sends for a field that was left empty. A box that was not ticked counts as no answer only where it
/// must be ticked.
fn is_nothing(value: &Value, kind: ElementType) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.trim().is_empty(),
        Value::Array(items) => items.is_empty() && kind != ElementType::RepeatableGroup,
        Value::Bool(_) | Value::Number(_) | Value::Object(_) => false,
    }
}

fn entries(
    element: &Element,
    value: &Value,
    name: &str,
    problems: &mut Vec<AnswerProblem>,
) -> Result<Value, AnswerFault> {
    let Value::Array(items) = value else { return Err(AnswerFault::NotAList) };
    let min = element.min.map_or(u64::from(element.is_required), |min| min as u64);
    let max = element.max.map_or(MAX_ENTRIES, |max| max as u64);
    if !(min..=max).contains(&(items.len() as u64)) {
        return Err(AnswerFault::Entries { min, max });
    }
    let mut taken = Vec::with_capacity(items.len());
    for (i, item) in items.iter().enumerate() {
        let Value::Object(given) = item else { return Err(AnswerFault::NotAList) };
        taken.push(Value::Object(take(&element.form_elements, given, &format!("{name}[{i}]."), problems)));
    }
    Ok(Value::Array(taken))
}

fn one(element: &Element, value: &Value) -> Result<Value, AnswerFault> {
    let most = |otherwise: usize| element.max.map_or(otherwise as u64, |max| max as u64);
    let choice = |value: &Value| {
        let chosen = value.as_str().filter(|text| element.choices.iter().any(|choice| choice.value == *text));
        chosen.map(Value::from).ok_or(AnswerFault::NotAChoice)
    };
    match element.element_type {
        ElementType::ShortText => {
            let text = text(value, most(MAX_SHORT))?;
            let line = !text.chars().any(char::is_control);
            line.then(|| text.into()).ok_or(AnswerFault::NotAText)
        }
        ElementType::LongText => Ok(text(value, most(MAX_LONG))?.into()),
        ElementType::Dropdown | ElementType::SingleChoice => choice(value),
        ElementType::MultipleChoice => {
            let items = match value {
                Value::Array(items) if items.len() <= element.choices.len() => items.as_slice(),
                // A form with one ticked box sends its value alone.
                Value::String(_) => std::slice::from_ref(value),
                _ => return Err(AnswerFault::NotAChoice),
            };
            let mut chosen = Vec::with_capacity(items.len());
            for item in items {
                let item = choice(item)?;
                if !chosen.contains(&item) {
                    chosen.push(item);
                }
            }
            Ok(Value::Array(chosen))
        }
        ElementType::Number => number(element, value),
        ElementType::Time => {
            let time = value.as_str().map(str::trim).filter(|text| text.len() <= 8);
            let time = time.and_then(|text| text.parse::<Time>().ok()).ok_or(AnswerFault::NotATime)?;
            Ok(time.to_string().into())
        }
        ElementType::DatePicker => {
            let date = value.as_str().map(str::trim).filter(|text| text.len() == 10);
            let date = date.and_then(|text| text.parse::<Date>().ok()).ok_or(AnswerFault::NotADate)?;
            Ok(date.to_string().into())
        }
        ElementType::Email => {
            let text = text(value, 254).map_err(|_| AnswerFault::NotAnEmail)?;
            is_email(&text).then(|| text.into()).ok_or(AnswerFault::NotAnEmail)
        }
        ElementType::Phone => phone(value).map(Value::from).ok_or(AnswerFault::NotAPhone),
        ElementType::Country => {
            let code = value.as_str().map(str::trim).filter(|code| is_country(code));
            code.map(Value::from).ok_or(AnswerFault::NotACountry)
        }
        ElementType::Address => address(value).ok_or(AnswerFault::NotAnAddress),
        ElementType::Consent => match value {
            Value::Bool(false) if element.is_required => Err(AnswerFault::Needed),
            Value::Bool(given) => Ok(Value::Bool(*given)),
            // What a ticked box of a form sends.
            Value::String(text) if text == "on" || text == "true" => Ok(Value::Bool(true)),
            Value::String(text) if text == "false" && !element.is_required => Ok(Value::Bool(false)),
            Value::Null | Value::Number(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => {
                Err(AnswerFault::NotABoolean)
            }
        },
        ElementType::Image | ElementType::FileUpload => files(value).ok_or(AnswerFault::NotFiles),
        ElementType::RepeatableGroup => Err(AnswerFault::NotAList),
        ElementType::Paragraph | ElementType::SectionHeader | ElementType::Separator | ElementType::Heading => {
            Err(AnswerFault::NotAsked)
        }
    }
}

fn text(value: &Value, most: u64) -> Result<String, AnswerFault> {
    let text = value.as_str().ok_or(AnswerFault::NotAText)?.trim();
    if text.chars().count() as u64 > most {
        return Err(AnswerFault::TooLong(most));
    }
    let control = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t');
    if text.chars().any(control) { Err(AnswerFault::NotAText) } else { Ok(text.to_owned()) }
}

fn number(element: &Element, value: &Value) -> Result<Value, AnswerFault> {
    let number = match value {
        Value::Number(number) => Some(number.clone()),
        Value::String(text) if text.len() <= 40 => {
            let text = text.trim();
            let whole = text.parse::<i64>().ok().map(Number::from);
            whole.or_else(|| text.parse::<f64>().ok().and_then(Number::from_f64))
        }
        Value::Null | Value::Bool(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => None,
    };
    let number = number.ok_or(AnswerFault::NotANumber)?;
    let size = number.as_f64().ok_or(AnswerFault::NotANumber)?;
    let fits = element.min.is_none_or(|min| size >= min) && element.max.is_none_or(|max| size <= max);
    if fits { Ok(Value::Number(number)) } else { Err(AnswerFault::OutOfRange) }
}

/// The shape of a mail address; whether mail arrives there is for others to find out.
fn is_email(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_graphic() && !"()<>[]:;@\\,\"".contains(c);
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    let label = |label: &str| {
        let inner = |c: char| c.is_alphanumeric() || c == '-';
        (1..=63).contains(&label.len()) && label.chars().all(inner) && !label.starts_with('-') && !label.ends_with('-')
    };
    (1..=64).contains(&local.len())
        && local.chars().all(plain)
        && local.split('.').all(|part| !part.is_empty())
        && domain.contains('.')
        && domain.split('.').all(label)
}

/// E.164: a plus and 7 to 15 digits, the first not 0. Spaces, hyphens, dots and brackets are left out.
fn phone(value: &Value) -> Option<String> {
    let text = value.as_str().filter(|text| text.len() <= 40)?;
    let text: String = text.chars().filter(|c| !" -.()".contains(*c)).collect();
    let digits = text.strip_prefix('+')?;
    let good =
        (7..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit()) && !digits.starts_with('0');
    good.then_some(text)
}

/// A text, or the parts of an address.
fn address(value: &Value) -> Option<Value> {
    match value {
        Value::String(_) => text(value, 500).ok().map(Value::from),
        Value::Object(parts) if !parts.is_empty() => {
            let part = |(name, value): (&String, &Value)| {
                let text = text(value, MAX_SHORT as u64).ok().filter(|_| ADDRESS.contains(&name.as_str()))?;
                Some((name.clone(), Value::from(text)))
            };
            parts.iter().map(part).collect::<Option<Map<_, _>>>().map(Value::Object)
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

fn files(value: &Value) -> Option<Value> {
    let items = match value {
        Value::Array(items) if (1..=MAX_FILES).contains(&items.len()) => items.as_slice(),
        Value::String(_) => std::slice::from_ref(value),
        _ => return None,
    };
    let id = |item: &Value| {
        let id = item.as_str()?;
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b"_-".contains(&b);
        ((1..=64).contains(&id.len()) && id.bytes().all(allowed)).then(|| Value::from(id))
    };
    items.iter().map(id).collect::<Option<Vec<_>>>().map(Value::Array)
}

/// ISO 3166-1 alpha-2, the officially assigned codes.
const COUNTRIES: &str = "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY \
    BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE \
    GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR \
    KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI \
    NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS \
    ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW";

/// The countries that a question for one can be answered with, as ISO 3166-1 alpha-2.
pub fn countries() -> impl Iterator<Item = &'static str> {
    COUNTRIES.split_ascii_whitespace()
}

fn is_country(code: &str) -> bool {
    countries().any(|country| country == code)
}
