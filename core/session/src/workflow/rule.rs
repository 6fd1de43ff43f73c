//! One condition of a branch or of a status rule: a field, an operator, a value.
//!
//! A fact that is absent, or of another type than the value, matches nothing: every operator but `is_empty` is then false, also
//! the negated ones. So `not_equals` never says more than "it is there, and it is something else". Numbers are compared as
//! numbers; texts that are both dates (`2001-02-03`) or instants (RFC 3339) as dates, never as text.

use std::cmp::Ordering;
use std::fmt;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use regex::{Regex, RegexBuilder};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::feature::Feature;
use super::{UnknownWord, cut, words};

/// Longest field, in bytes.
pub const MAX_FIELD: usize = 200;
/// Most parts of a field.
pub const MAX_PARTS: usize = 8;
/// Longest pattern of `regex`, in bytes.
pub const MAX_PATTERN: usize = 1000;
/// Most memory of one compiled pattern, in bytes.
const PATTERN_MEMORY: usize = 128 * 1024;
/// Longest text that is searched by a pattern, in bytes; a longer one does not match.
pub const MAX_SEARCHED: usize = 16 * 1024;
/// Longest text that is compared by similarity, in characters; a longer one does not match.
pub const MAX_FUZZY: usize = 256;
/// Similarity that `fuzzy_match` demands where the rule has no `score`, in percent.
pub const DEFAULT_SCORE: u8 = 80;

/// The operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Operator {
    /// The same value.
    Equals,
    /// Another value of the same type.
    NotEquals,
    /// A larger number or a later date.
    GreaterThan,
    /// That, or equal.
    GreaterThanOrEquals,
    /// A smaller number or an earlier date.
    LessThan,
    /// That, or equal.
    LessThanOrEquals,
    /// A text with this part, or a list with this item.
    Contains,
    /// A text or list without it.
    NotContains,
    /// One of these values.
    In,
    /// Of the same type as one of these values, and none of them.
    NotIn,
    /// Absent, null, or an empty text, list or object.
    IsEmpty,
    /// None of these.
    IsNotEmpty,
    /// A text in which the pattern is found.
    Regex,
    /// A text as similar as the score demands.
    FuzzyMatch,
}

words!(Operator {
    Equals = "equals",
    NotEquals = "not_equals",
    GreaterThan = "greater_than",
    GreaterThanOrEquals = "greater_than_or_equals",
    LessThan = "less_than",
    LessThanOrEquals = "less_than_or_equals",
    Contains = "contains",
    NotContains = "not_contains",
    In = "in",
    NotIn = "not_in",
    IsEmpty = "is_empty",
    IsNotEmpty = "is_not_empty",
    Regex = "regex",
    FuzzyMatch = "fuzzy_match",
});

/// Why a member of a rule is not acceptable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    /// A member is missing, or not a text where one is demanded.
    #[error("{0} is expected")]
    Expected(&'static str),
    /// The field is no dotted path of known facts.
    #[error(
        "`{0}` names no fact: dotted names of at most 200 characters and 8 parts are expected, the first one of {1}"
    )]
    NoField(String, String),
    /// The operator is unknown.
    #[error(transparent)]
    Operator(#[from] UnknownWord),
    /// The value does not fit the operator.
    #[error("the value of `{operator}` must be {expected}")]
    Value {
        /// The operator.
        operator: Operator,
        /// What it takes.
        expected: &'static str,
    },
    /// The pattern can not be used.
    #[error("the pattern can not be used: {0}")]
    Pattern(String),
    /// The score is out of range.
    #[error("the score must be a whole number from 0 to 100")]
    Score,
    /// `session.ab_bucket` can not be this.
    #[error("a bucket is a whole number from 0 to 99")]
    Bucket,
}

/// Where a fact stands: `kyc.issuing_state`, `nodes.n1.status`, `session.ab_bucket`, `aml.hits.0.score`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Field(String);

/// What the first part of a field names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Root<'a> {
    /// What a feature found; the latest one on the way, where it was asked more than once.
    Feature(Feature),
    /// Facts that are known from the start.
    Session,
    /// What one node found, whichever feature it has.
    Node(&'a str),
}

/// First part of the fields that are known from the start.
const SESSION: &str = "session";
/// First part of the fields that name a node.
const NODES: &str = "nodes";
/// The field of the bucket for A/B tests.
const BUCKET: &str = "session.ab_bucket";

impl Field {
    /// Reads a path. Where its first part names neither a feature, a node nor the session, and `home` is given, it is a fact of
    /// that feature: `age` in a status rule of `OCR` is `kyc.age`.
    ///
    /// # Errors
    /// [`RuleError::NoField`].
    pub fn parse(text: &str, home: Option<Feature>) -> Result<Self, RuleError> {
        let refused = || {
            let roots: Vec<_> = Feature::ALL.iter().map(|feature| feature.root()).chain([SESSION, NODES]).collect();
            RuleError::NoField(cut(text), roots.join(", "))
        };
        let part =
            |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b));
        if text.len() > MAX_FIELD || text.split('.').count() > MAX_PARTS || !text.split('.').all(part) {
            return Err(refused());
        }
        let field = Self(text.to_owned());
        match (field.known_root(), home) {
            (Some(_), _) => Ok(field),
            (None, Some(home)) => Ok(Self(format!("{}.{text}", home.root()))),
            (None, None) => Err(refused()),
        }
    }

    /// The path.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0
    }

    /// What its first part names.
    #[must_use]
    pub fn root(&self) -> Root<'_> {
        self.known_root().unwrap_or(Root::Session)
    }

    fn known_root(&self) -> Option<Root<'_>> {
        let mut parts = self.0.split('.');
        match parts.next()? {
            SESSION => parts.next().map(|_| Root::Session),
            NODES => parts.next().and_then(|node| parts.next().map(|_| Root::Node(node))),
            word => {
                let feature = Feature::ALL.iter().copied().find(|feature| feature.root() == word)?;
                parts.next().map(|_| Root::Feature(feature))
            }
        }
    }

    /// The parts behind the root.
    pub(crate) fn rest(&self) -> impl Iterator<Item = &str> {
        let skipped = match self.root() {
            Root::Node(_) => 2,
            Root::Feature(_) | Root::Session => 1,
        };
        self.0.split('.').skip(skipped)
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The value at a path inside `facts`; a part that is a number names an item of a list.
pub(crate) fn find<'a, 'p>(
    facts: &'a Map<String, Value>,
    mut path: impl Iterator<Item = &'p str>,
) -> Option<&'a Value> {
    let mut at = facts.get(path.next()?)?;
    for part in path {
        at = match at {
            Value::Object(map) => map.get(part)?,
            Value::Array(items) => items.get(part.parse::<usize>().ok()?)?,
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => return None,
        };
    }
    Some(at)
}

/// One condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Where the fact stands.
    pub field: Field,
    /// What it is held against.
    pub test: Test,
}

/// An operator with the value it was given, of the type it takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Test {
    /// `equals`
    Equals(Value),
    /// `not_equals`
    NotEquals(Value),
    /// `greater_than`
    GreaterThan(Value),
    /// `greater_than_or_equals`
    GreaterThanOrEquals(Value),
    /// `less_than`
    LessThan(Value),
    /// `less_than_or_equals`
    LessThanOrEquals(Value),
    /// `contains`
    Contains(Value),
    /// `not_contains`
    NotContains(Value),
    /// `in`
    In(Vec<Value>),
    /// `not_in`
    NotIn(Vec<Value>),
    /// `is_empty`
    IsEmpty,
    /// `is_not_empty`
    IsNotEmpty,
    /// `regex`
    Regex(Pattern),
    /// `fuzzy_match`
    FuzzyMatch {
        /// What it should be like.
        text: String,
        /// How much, in percent.
        score: u8,
    },
}

/// A regular expression that was compiled once to see that it can be. Kept as text; matching takes time linear in the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern(String);

impl Pattern {
    fn parse(text: &str) -> Result<Self, RuleError> {
        if text.is_empty() || text.len() > MAX_PATTERN {
            return Err(RuleError::Pattern("1 to 1000 bytes are expected".to_owned()));
        }
        match compile(text) {
            Ok(_) => Ok(Self(text.to_owned())),
            Err(error) => Err(RuleError::Pattern(match error {
                regex::Error::CompiledTooBig(_) => "it takes too much memory".to_owned(),
                // The last line names the reason; those before draw the pattern.
                other => other.to_string().lines().last().unwrap_or_default().chars().take(120).collect(),
            })),
        }
    }

    fn is_found_in(&self, text: &str) -> bool {
        text.len() <= MAX_SEARCHED && compile(&self.0).is_ok_and(|pattern| pattern.is_match(text))
    }
}

fn compile(text: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(text).size_limit(PATTERN_MEMORY).dfa_size_limit(PATTERN_MEMORY).nest_limit(50).build()
}

/// What is wrong with one member of a rule.
pub(crate) struct Fault {
    /// The member.
    pub(crate) member: &'static str,
    /// What is wrong with it.
    pub(crate) error: RuleError,
}

impl Rule {
    /// Reads `field`, `operator`, `value` and, for `fuzzy_match`, `score`; other members are ignored. Names every member that can
    /// not be used.
    pub(crate) fn read(rule: &Map<String, Value>, home: Option<Feature>) -> Result<Self, Vec<Fault>> {
        let mut faults = Vec::new();
        let mut note = |member, error| faults.push(Fault { member, error });
        let field = match rule.get("field").and_then(Value::as_str) {
            Some(text) => Field::parse(text, home).map_err(|error| note("field", error)).ok(),
            None => {
                note("field", RuleError::Expected("the name of a fact"));
                None
            }
        };
        let operator = match rule.get("operator").and_then(Value::as_str) {
            Some(text) => {
                let unknown = || RuleError::Operator(UnknownWord::new(text, Operator::list()));
                Operator::parse(text).ok_or_else(unknown).map_err(|error| note("operator", error)).ok()
            }
            None => {
                note("operator", RuleError::Expected("an operator"));
                None
            }
        };
        let test = operator.and_then(|operator| {
            Test::read(operator, rule)
                .map_err(|error| note(if error == RuleError::Score { "score" } else { "value" }, error))
                .ok()
        });
        match (field, test) {
            (Some(field), Some(test)) => {
                if field.text() == BUCKET && !test.fits_a_bucket() {
                    return Err(vec![Fault { member: "value", error: RuleError::Bucket }]);
                }
                Ok(Self { field, test })
            }
            _ => Err(faults),
        }
    }
}

impl Test {
    /// Reads the value (and the score) that `operator` takes.
    ///
    /// # Errors
    /// [`RuleError::Value`], [`RuleError::Pattern`], [`RuleError::Score`].
    pub fn read(operator: Operator, rule: &Map<String, Value>) -> Result<Self, RuleError> {
        let value = rule.get("value").unwrap_or(&Value::Null);
        let refused = |expected| RuleError::Value { operator, expected };
        let any = || match value {
            Value::Null => Err(refused("a value; for absent facts there is `is_empty`")),
            Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => {
                Ok(value.clone())
            }
        };
        let ordered = || match value {
            Value::Number(_) => Ok(value.clone()),
            Value::String(text) if Day::parse(text).is_some() => Ok(value.clone()),
            Value::Null | Value::Bool(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => {
                Err(refused("a number, a date (2001-02-03) or an instant (RFC 3339)"))
            }
        };
        let scalar = || match value {
            Value::Bool(_) | Value::Number(_) => Ok(value.clone()),
            Value::String(text) if !text.is_empty() => Ok(value.clone()),
            Value::Null | Value::String(_) | Value::Array(_) | Value::Object(_) => {
                Err(refused("a text that is not empty, a number or a boolean"))
            }
        };
        let list = || match value {
            Value::Array(items) if !items.is_empty() && !items.contains(&Value::Null) => Ok(items.clone()),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => {
                Err(refused("a list of at least one value"))
            }
        };
        Ok(match operator {
            Operator::Equals => Self::Equals(any()?),
            Operator::NotEquals => Self::NotEquals(any()?),
            Operator::GreaterThan => Self::GreaterThan(ordered()?),
            Operator::GreaterThanOrEquals => Self::GreaterThanOrEquals(ordered()?),
            Operator::LessThan => Self::LessThan(ordered()?),
            Operator::LessThanOrEquals => Self::LessThanOrEquals(ordered()?),
            Operator::Contains => Self::Contains(scalar()?),
            Operator::NotContains => Self::NotContains(scalar()?),
            Operator::In => Self::In(list()?),
            Operator::NotIn => Self::NotIn(list()?),
            Operator::IsEmpty => Self::IsEmpty,
            Operator::IsNotEmpty => Self::IsNotEmpty,
            Operator::Regex => Self::Regex(Pattern::parse(value.as_str().ok_or_else(|| refused("a text"))?)?),
            Operator::FuzzyMatch => {
                let text = value.as_str().filter(|text| !text.trim().is_empty() && text.chars().count() <= MAX_FUZZY);
                let score = match rule.get("score") {
                    None | Some(Value::Null) => Some(DEFAULT_SCORE),
                    Some(score) => {
                        score.as_u64().and_then(|score| u8::try_from(score).ok()).filter(|score| *score <= 100)
                    }
                };
                Self::FuzzyMatch {
                    text: text.ok_or_else(|| refused("a text of 1 to 256 characters"))?.to_owned(),
                    score: score.ok_or(RuleError::Score)?,
                }
            }
        })
    }

    /// The operator.
    #[must_use]
    pub fn operator(&self) -> Operator {
        match self {
            Self::Equals(_) => Operator::Equals,
            Self::NotEquals(_) => Operator::NotEquals,
            Self::GreaterThan(_) => Operator::GreaterThan,
            Self::GreaterThanOrEquals(_) => Operator::GreaterThanOrEquals,
            Self::LessThan(_) => Operator::LessThan,
            Self::LessThanOrEquals(_) => Operator::LessThanOrEquals,
            Self::Contains(_) => Operator::Contains,
            Self::NotContains(_) => Operator::NotContains,
            Self::In(_) => Operator::In,
            Self::NotIn(_) => Operator::NotIn,
            Self::IsEmpty => Operator::IsEmpty,
            Self::IsNotEmpty => Operator::IsNotEmpty,
            Self::Regex(_) => Operator::Regex,
            Self::FuzzyMatch { .. } => Operator::FuzzyMatch,
        }
    }

    /// The value that the fact is held against; null for `is_empty` and `is_not_empty`.
    #[must_use]
    pub fn value(&self) -> Value {
        match self {
            Self::Equals(value)
            | Self::NotEquals(value)
            | Self::GreaterThan(value)
            | Self::GreaterThanOrEquals(value)
            | Self::LessThan(value)
            | Self::LessThanOrEquals(value)
            | Self::Contains(value)
            | Self::NotContains(value) => value.clone(),
            Self::In(items) | Self::NotIn(items) => Value::Array(items.clone()),
            Self::IsEmpty | Self::IsNotEmpty => Value::Null,
            Self::Regex(Pattern(text)) | Self::FuzzyMatch { text, .. } => Value::from(text.as_str()),
        }
    }

    /// Whether it holds for `actual`, where `None` is a fact that is absent.
    #[must_use]
    pub fn holds(&self, actual: Option<&Value>) -> bool {
        let actual = actual.filter(|actual| !actual.is_null());
        match self {
            Self::IsEmpty => is_empty(actual),
            Self::IsNotEmpty => !is_empty(actual),
            Self::Equals(value) => actual.and_then(|actual| same(actual, value)) == Some(true),
            Self::NotEquals(value) => actual.and_then(|actual| same(actual, value)) == Some(false),
            Self::GreaterThan(value) => ordering(actual, value).is_some_and(Ordering::is_gt),
            Self::GreaterThanOrEquals(value) => ordering(actual, value).is_some_and(Ordering::is_ge),
            Self::LessThan(value) => ordering(actual, value).is_some_and(Ordering::is_lt),
            Self::LessThanOrEquals(value) => ordering(actual, value).is_some_and(Ordering::is_le),
            Self::Contains(value) => actual.and_then(|actual| contains(actual, value)) == Some(true),
            Self::NotContains(value) => actual.and_then(|actual| contains(actual, value)) == Some(false),
            Self::In(items) => actual.is_some_and(|actual| items.iter().any(|item| same(actual, item) == Some(true))),
            Self::NotIn(items) => actual.is_some_and(|actual| {
                let mut verdicts = items.iter().filter_map(|item| same(actual, item)).peekable();
                verdicts.peek().is_some() && verdicts.all(|equal| !equal)
            }),
            Self::Regex(pattern) => actual.and_then(Value::as_str).is_some_and(|text| pattern.is_found_in(text)),
            Self::FuzzyMatch { text, score } => {
                let similar = |actual| similarity(actual, text).is_some_and(|percent| percent >= f64::from(*score));
                actual.and_then(Value::as_str).is_some_and(similar)
            }
        }
    }

    /// Whether it can ever hold for a bucket: whole numbers from 0 to 99, and operators that take numbers.
    fn fits_a_bucket(&self) -> bool {
        let bucket = |value: &Value| value.as_u64().is_some_and(|number| number < 100);
        match self {
            Self::Equals(value) | Self::NotEquals(value) => bucket(value),
            Self::GreaterThan(value)
            | Self::GreaterThanOrEquals(value)
            | Self::LessThan(value)
            | Self::LessThanOrEquals(value) => bucket(value),
            Self::In(items) | Self::NotIn(items) => items.iter().all(bucket),
            Self::Contains(_)
            | Self::NotContains(_)
            | Self::IsEmpty
            | Self::IsNotEmpty
            | Self::Regex(_)
            | Self::FuzzyMatch { .. } => false,
        }
    }
}

fn is_empty(actual: Option<&Value>) -> bool {
    match actual {
        None | Some(Value::Null) => true,
        Some(Value::String(text)) => text.is_empty(),
        Some(Value::Array(items)) => items.is_empty(),
        Some(Value::Object(map)) => map.is_empty(),
        Some(Value::Bool(_) | Value::Number(_)) => false,
    }
}

/// Whether two values are the same; `None` where they are of different types.
fn same(a: &Value, b: &Value) -> Option<bool> {
    match (a, b) {
        (Value::Bool(a), Value::Bool(b)) => Some(a == b),
        (Value::Number(_), Value::Number(_)) => ordering(Some(a), b).map(Ordering::is_eq),
        (Value::String(text), Value::String(other)) => {
            Some(text == other || ordering(Some(a), b).is_some_and(Ordering::is_eq))
        }
        (Value::Array(a), Value::Array(b)) => {
            Some(a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b) == Some(true)))
        }
        (Value::Object(a), Value::Object(b)) => Some(a == b),
        _ => None,
    }
}

/// How two numbers, dates or instants lie; `None` for anything else.
fn ordering(actual: Option<&Value>, value: &Value) -> Option<Ordering> {
    match (actual?, value) {
        (Value::Number(a), Value::Number(b)) => match (a.as_i64(), b.as_i64()) {
            (Some(a), Some(b)) => Some(a.cmp(&b)),
            _ => a.as_f64()?.partial_cmp(&b.as_f64()?),
        },
        (Value::String(a), Value::String(b)) => Some(Day::parse(a)?.compare(Day::parse(b)?)),
        _ => None,
    }
}

/// Whether a text has this part, or a list this item; `None` where neither can be asked.
fn contains(actual: &Value, value: &Value) -> Option<bool> {
    match (actual, value) {
        (Value::String(text), Value::String(part)) => Some(text.contains(part.as_str())),
        (Value::Array(items), _) => Some(items.iter().any(|item| same(item, value) == Some(true))),
        _ => None,
    }
}

/// A date, or an instant.
#[derive(Debug, Clone, Copy)]
enum Day {
    Date(Date),
    Instant(Timestamp),
}

impl Day {
    fn parse(text: &str) -> Option<Self> {
        match text.len() {
            10 => text.parse().ok().map(Self::Date),
            20..=40 => text.parse().ok().map(Self::Instant),
            _ => None,
        }
    }

    /// A date against an instant: by the day of the instant in UTC.
    fn compare(self, other: Self) -> Ordering {
        match (self, other) {
            (Self::Date(a), Self::Date(b)) => a.cmp(&b),
            (Self::Instant(a), Self::Instant(b)) => a.cmp(&b),
            (Self::Date(a), Self::Instant(b)) => a.cmp(&day(b)),
            (Self::Instant(a), Self::Date(b)) => day(a).cmp(&b),
        }
    }
}

fn day(instant: Timestamp) -> Date {
    instant.to_zoned(TimeZone::UTC).date()
}

/// Similarity of two texts in percent, whatever their case, spaces and order of words: the share of characters that need no edit
/// (Damerau-Levenshtein). `None` beyond [`MAX_FUZZY`] characters.
fn similarity(a: &str, b: &str) -> Option<f64> {
    let short = |text: &str| text.len() <= 4 * MAX_FUZZY && text.chars().count() <= MAX_FUZZY;
    if !short(a) || !short(b) {
        return None;
    }
    let words = |text: &str| text.to_lowercase().split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let (mut a, mut b) = (words(a), words(b));
    let as_written = strsim::normalized_damerau_levenshtein(&a.join(" "), &b.join(" "));
    a.sort_unstable();
    b.sort_unstable();
    let in_order = strsim::normalized_damerau_levenshtein(&a.join(" "), &b.join(" "));
    Some(as_written.max(in_order) * 100.0)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(operator: &str, value: Value, actual: Value, expected: bool) {
        let operator = Operator::parse(operator).unwrap();
        let rule = json!({ "value": value });
        let test = Test::read(operator, rule.as_object().unwrap()).unwrap();
        assert_eq!(test.operator(), operator);
        assert_eq!(test.holds(Some(&actual)), expected, "{actual} {operator} {value}");
        assert!(!test.holds(None) || operator == Operator::IsEmpty, "an absent fact is only empty");
        assert_eq!(test.holds(None), test.holds(Some(&Value::Null)), "null is absent");
    }

    #[test]
    fn equality() {
        for (value, actual, equal) in [
            (json!("ESP"), json!("ESP"), true),
            (json!("ESP"), json!("esp"), false),
            (json!(1), json!(1.0), true),
            (json!(u64::MAX), json!(u64::MAX), true),
            (json!(0.5), json!(0.25), false),
            (json!(true), json!(false), false),
            (json!("2001-02-03"), json!("2001-02-03T23:00:00Z"), true),
            (json!([1, "a"]), json!([1.0, "a"]), true),
            (json!([1]), json!([1, 1]), false),
            (json!({"a": 1}), json!({"a": 1}), true),
        ] {
            check("equals", value.clone(), actual.clone(), equal);
            check("not_equals", value.clone(), actual.clone(), !equal);
            check("in", json!([false, value]), actual.clone(), equal || actual == json!(false));
        }
        for (value, actual) in [(json!("1"), json!(1)), (json!(true), json!("true")), (json!("a"), json!(["a"]))] {
            check("equals", value.clone(), actual.clone(), false);
            check("not_equals", value.clone(), actual.clone(), false);
            check("not_in", json!([value]), actual, false);
        }
        check("not_in", json!(["ESP", "FRA"]), json!("DEU"), true);
        check("not_in", json!(["ESP", 7]), json!("ESP"), false);
        check("not_in", json!([7, "ESP"]), json!("DEU"), true);
    }

    #[test]
    fn order() {
        for (smaller, larger) in [
            (json!(1), json!(2)),
            (json!(-1.5), json!(0)),
            (json!(i64::MIN), json!(u64::MAX)),
            (json!("1999-12-31"), json!("2000-01-01")),
            (json!("2000-01-01T00:00:00Z"), json!("2000-01-01T00:00:00.5Z")),
            (json!("2000-01-01T23:30:00-02:00"), json!("2000-01-03")),
        ] {
            for (operator, above, equal, below) in [
                ("greater_than", true, false, false),
                ("greater_than_or_equals", true, true, false),
                ("less_than", false, false, true),
                ("less_than_or_equals", false, true, true),
            ] {
                check(operator, smaller.clone(), larger.clone(), above);
                check(operator, smaller.clone(), smaller.clone(), equal);
                check(operator, larger.clone(), smaller.clone(), below);
            }
        }
        // Text is not ordered, whatever the alphabet says; and nothing is ordered against another type.
        for actual in [json!("10"), json!("abc"), json!("2001-13-01"), json!(true), json!([3]), json!({})] {
            for operator in ["greater_than", "greater_than_or_equals", "less_than", "less_than_or_equals"] {
                check(operator, json!(5), actual.clone(), false);
                check(operator, json!("2001-02-03"), actual.clone(), false);
            }
        }
    }

    #[test]
    fn parts() {
        for (value, actual, inside) in [
            (json!("bc"), json!("abcd"), true),
            (json!("x"), json!("abcd"), false),
            (json!("b"), json!(["a", "b"]), true),
            (json!(2), json!([1, 2.0]), true),
            (json!(2), json!(["2"]), false),
        ] {
            check("contains", value.clone(), actual.clone(), inside);
            check("not_contains", value, actual, !inside);
        }
        for actual in [json!(12), json!(true), json!({"a": "a"})] {
            check("contains", json!("a"), actual.clone(), false);
            check("not_contains", json!("a"), actual, false);
        }
        check("contains", json!(1), json!("1"), false);
    }

    #[test]
    fn emptiness() {
        for (actual, empty) in [
            (json!(null), true),
            (json!(""), true),
            (json!([]), true),
            (json!({}), true),
            (json!(" "), false),
            (json!(0), false),
            (json!(false), false),
            (json!([null]), false),
        ] {
            check("is_empty", Value::Null, actual.clone(), empty);
            check("is_not_empty", Value::Null, actual, !empty);
        }
    }

    #[test]
    fn patterns() {
        check("regex", json!("^[A-Z]{2}[0-9]+$"), json!("AB123"), true);
        check("regex", json!("^[A-Z]{2}[0-9]+$"), json!("AB123x"), false);
        check("regex", json!("山"), json!("山田"), true);
        check("regex", json!("1"), json!(1), false);
        check("regex", json!("a"), json!("a".repeat(MAX_SEARCHED + 1)), false);
        // What makes a backtracking engine run for years.
        check("regex", json!("^(a+)+$"), json!(format!("{}b", "a".repeat(10_000))), false);
    }

    #[test]
    fn similarities() {
        check("fuzzy_match", json!("Maria Anna Huber"), json!("anna  maria huber"), true);
        check("fuzzy_match", json!("Jonathan Smith"), json!("Jonathon Smith"), true);
        check("fuzzy_match", json!("Jonathan Smith"), json!("Petra Schmid"), false);
        check("fuzzy_match", json!("山田太郎"), json!("山田太朗"), false);
        check("fuzzy_match", json!("a"), json!("a".repeat(MAX_FUZZY + 1)), false);
        check("fuzzy_match", json!("a"), json!(["a"]), false);
        let at = |score: u64| {
            let rule = json!({ "value": "山田太郎", "score": score });
            Test::read(Operator::FuzzyMatch, rule.as_object().unwrap()).unwrap().holds(Some(&json!("山田太朗")))
        };
        assert!(at(75) && !at(76), "three characters of four");
    }

    #[test]
    fn values_that_an_operator_does_not_take() {
        let refused = [
            ("equals", json!(null)),
            ("greater_than", json!("10")),
            ("less_than", json!([1])),
            ("less_than_or_equals", json!("yesterday")),
            ("contains", json!("")),
            ("contains", json!(["a"])),
            ("in", json!("ESP")),
            ("in", json!([])),
            ("not_in", json!([null])),
            ("regex", json!(7)),
            ("regex", json!("")),
            ("regex", json!("(")),
            ("regex", json!("(?=a)")),
            ("regex", json!("a".repeat(MAX_PATTERN + 1))),
            ("regex", json!("((a{100}){100}){100}")),
            ("regex", json!(format!("{}a{}", "(".repeat(400), ")".repeat(400)))),
            ("fuzzy_match", json!("  ")),
            ("fuzzy_match", json!("a".repeat(MAX_FUZZY + 1))),
        ];
        for (operator, value) in refused {
            let rule = json!({ "value": value });
            let operator = Operator::parse(operator).unwrap();
            assert!(Test::read(operator, rule.as_object().unwrap()).is_err(), "{operator} {value}");
        }
        for score in [json!(101), json!(-1), json!("80"), json!(1.5)] {
            let rule = json!({ "value": "a", "score": score });
            assert_eq!(Test::read(Operator::FuzzyMatch, rule.as_object().unwrap()), Err(RuleError::Score));
        }
    }

    #[test]
    fn fields() {
        for good in ["kyc.status", "kyc.extra_fields.x", "nodes.n-1.status", "session.ab_bucket", "aml.hits.0.score"] {
            assert_eq!(Field::parse(good, None).unwrap().text(), good);
        }
        let deep = ["a"; MAX_PARTS].join(".");
        for bad in
            ["", "kyc", "kyc.", ".kyc", "kyc..a", "kyc.a b", "nodes.n1", "ky.status", "kyc.é", &format!("kyc.{deep}")]
        {
            assert!(Field::parse(bad, None).is_err(), "`{bad}`");
        }
        assert!(Field::parse(&format!("kyc.{}", "a".repeat(MAX_FIELD)), None).is_err());
        assert_eq!(Field::parse("age", Some(Feature::Ocr)).unwrap().text(), "kyc.age");
        assert_eq!(Field::parse("liveness.score", Some(Feature::Ocr)).unwrap().text(), "liveness.score");
        let facts = json!({ "hits": [{ "score": 7 }] });
        let field = Field::parse("aml.hits.0.score", None).unwrap();
        assert_eq!(find(facts.as_object().unwrap(), field.rest()), Some(&json!(7)));
        for absent in ["aml.hits.1.score", "aml.hits.x.score", "aml.hits.0.score.more"] {
            let field = Field::parse(absent, None).unwrap();
            assert_eq!(find(facts.as_object().unwrap(), field.rest()), None, "{absent}");
        }
    }

    #[test]
    fn buckets() {
        let read = |operator: &str, value: Value| {
            let rule = json!({ "field": "session.ab_bucket", "operator": operator, "value": value });
            Rule::read(rule.as_object().unwrap(), None)
        };
        for good in [("less_than", json!(50)), ("equals", json!(99)), ("in", json!([0, 1]))] {
            assert!(read(good.0, good.1).is_ok());
        }
        for bad in [("less_than", json!(100)), ("equals", json!(-1)), ("equals", json!("1")), ("in", json!([1, 100]))] {
            assert!(read(bad.0, bad.1).is_err());
        }
        assert!(read("regex", json!("1")).is_err());
    }
}
