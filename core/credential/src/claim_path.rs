//! Claims path pointers (OpenID4VP 1.0 section 7; the same in OpenID4VCI 1.0 and in SD-JWT VC type metadata).

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Most components of a path.
pub const MAX_STEPS: usize = 64;
/// Longest member name in a path, in bytes.
pub const MAX_NAME: usize = 256;

/// Why a path is none, or selects nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// Not a non-empty array of strings, non-negative whole numbers and nulls, or too long.
    #[error("not a claims path pointer")]
    Malformed,
    /// A component meets a value of the wrong kind: a name needs an object, an index or null an array.
    #[error("component {at} does not fit the value it is applied to")]
    WrongContainer {
        /// Position of the component, from 0.
        at: usize,
    },
    /// The path leads nowhere.
    #[error("nothing is selected")]
    Nothing,
}

/// One component of a [`ClaimPath`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PathStep {
    /// The member of this name (a string in JSON).
    Name(String),
    /// The entry at this position, from 0 (a non-negative whole number in JSON).
    Index(usize),
    /// Every entry (`null` in JSON).
    Every,
}

/// A claims path pointer: at least one component.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "Value", into = "Value")]
pub struct ClaimPath(Vec<PathStep>);

impl ClaimPath {
    /// The path of these components; [`PathError::Malformed`] for none or too many.
    pub fn new(steps: Vec<PathStep>) -> Result<Self, PathError> {
        let short = |step: &PathStep| match step {
            PathStep::Name(name) => name.len() <= MAX_NAME,
            PathStep::Index(_) | PathStep::Every => true,
        };
        if steps.is_empty() || steps.len() > MAX_STEPS || !steps.iter().all(short) {
            return Err(PathError::Malformed);
        }
        Ok(Self(steps))
    }

    /// The path of one top-level claim.
    #[must_use]
    pub fn claim(name: &str) -> Self {
        Self(vec![PathStep::Name(name.to_owned())])
    }

    /// This path and one more member name.
    #[must_use]
    pub fn name(mut self, name: &str) -> Self {
        self.0.push(PathStep::Name(name.to_owned()));
        self
    }

    /// This path and every entry of the array it leads to.
    #[must_use]
    pub fn every(mut self) -> Self {
        self.0.push(PathStep::Every);
        self
    }

    /// This path and one position of the array it leads to.
    #[must_use]
    pub fn index(mut self, index: usize) -> Self {
        self.0.push(PathStep::Index(index));
        self
    }

    /// The components.
    #[must_use]
    pub fn steps(&self) -> &[PathStep] {
        &self.0
    }

    /// Reads the JSON form.
    pub fn from_value(value: &Value) -> Result<Self, PathError> {
        let steps = value.as_array().ok_or(PathError::Malformed)?.iter().map(|step| match step {
            Value::String(name) => Ok(PathStep::Name(name.clone())),
            Value::Number(number) => {
                let index = number.as_u64().and_then(|index| usize::try_from(index).ok());
                index.map(PathStep::Index).ok_or(PathError::Malformed)
            }
            Value::Null => Ok(PathStep::Every),
            Value::Bool(_) | Value::Array(_) | Value::Object(_) => Err(PathError::Malformed),
        });
        Self::new(steps.collect::<Result<_, _>>()?)
    }

    /// The JSON form.
    #[must_use]
    pub fn to_value(&self) -> Value {
        let step = |step: &PathStep| match step {
            PathStep::Name(name) => Value::from(name.as_str()),
            PathStep::Index(index) => Value::from(*index),
            PathStep::Every => Value::Null,
        };
        Value::Array(self.0.iter().map(step).collect())
    }

    /// The values that the path selects in `root`, in document order (OpenID4VP 1.0 section 7.1).
    ///
    /// A component that meets the wrong kind of value is [`PathError::WrongContainer`]; members and entries that are
    /// not there drop out, and [`PathError::Nothing`] says that none is left.
    pub fn select<'a>(&self, root: &'a Value) -> Result<Vec<&'a Value>, PathError> {
        Ok(self.located(root)?.into_iter().map(|(_, value)| value).collect())
    }

    /// The paths, without [`PathStep::Every`], of the values that [`ClaimPath::select`] gives.
    pub fn resolve(&self, root: &Value) -> Result<Vec<Self>, PathError> {
        Ok(self.located(root)?.into_iter().map(|(path, _)| Self(path)).collect())
    }

    fn located<'a>(&self, root: &'a Value) -> Result<Vec<(Vec<PathStep>, &'a Value)>, PathError> {
        let mut selected = vec![(Vec::new(), root)];
        for (at, step) in self.0.iter().enumerate() {
            let mut next = Vec::new();
            for (path, value) in selected {
                let wrong = PathError::WrongContainer { at };
                let extended = |step: PathStep| path.iter().cloned().chain([step]).collect();
                match step {
                    PathStep::Name(name) => {
                        let members = value.as_object().ok_or(wrong)?;
                        next.extend(members.get(name).map(|member| (extended(step.clone()), member)));
                    }
                    PathStep::Index(index) => {
                        let entries = value.as_array().ok_or(wrong)?;
                        next.extend(entries.get(*index).map(|entry| (extended(step.clone()), entry)));
                    }
                    PathStep::Every => {
                        let entries = value.as_array().ok_or(wrong)?.iter().enumerate();
                        next.extend(entries.map(|(index, entry)| (extended(PathStep::Index(index)), entry)));
                    }
                }
            }
            selected = next;
        }
        if selected.is_empty() { Err(PathError::Nothing) } else { Ok(selected) }
    }

    /// Whether this path, used as a pattern in which [`PathStep::Every`] stands for any index, is the path `steps`.
    pub(crate) fn matches(&self, steps: &[PathStep]) -> bool {
        self.0.len() == steps.len()
            && self.0.iter().zip(steps).all(|(pattern, step)| match (pattern, step) {
                (PathStep::Every, PathStep::Index(_)) => true,
                (PathStep::Every | PathStep::Name(_) | PathStep::Index(_), _) => pattern == step,
            })
    }

    /// Whether one of the two paths leads to the other.
    pub(crate) fn same_branch(&self, other: &Self) -> bool {
        self.0.starts_with(&other.0) || other.0.starts_with(&self.0)
    }
}

impl fmt::Display for ClaimPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.to_value())
    }
}

impl TryFrom<Value> for ClaimPath {
    type Error = PathError;

    fn try_from(value: Value) -> Result<Self, PathError> {
        Self::from_value(&value)
    }
}

impl From<ClaimPath> for Value {
    fn from(path: ClaimPath) -> Self {
        path.to_value()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The example of OpenID4VP 1.0 section 7.3.
    fn example() -> Value {
        json!({
            "name": "Arthur Dent",
            "address": { "street_address": "42 Market Street", "locality": "Milliways", "postal_code": "12345" },
            "degrees": [
                { "type": "Bachelor of Science", "university": "University of Betelgeuse" },
                { "type": "Master of Science", "university": "University of Betelgeuse" }
            ],
            "nationalities": ["British", "Betelgeusian"]
        })
    }

    #[track_caller]
    fn check(path: Value, expected: Result<Value, PathError>) {
        let root = example();
        let found = ClaimPath::from_value(&path)
            .and_then(|path| Ok(Value::Array(path.select(&root)?.into_iter().cloned().collect())));
        assert_eq!(found, expected, "{path}");
    }

    #[test]
    fn examples_of_openid4vp_section_7_3() {
        check(json!(["name"]), Ok(json!(["Arthur Dent"])));
        check(json!(["address"]), Ok(json!([example()["address"]])));
        check(json!(["address", "street_address"]), Ok(json!(["42 Market Street"])));
        check(json!(["degrees", null, "type"]), Ok(json!(["Bachelor of Science", "Master of Science"])));
        check(json!(["nationalities", 1]), Ok(json!(["Betelgeusian"])));
    }

    #[test]
    fn refuses() {
        check(json!([]), Err(PathError::Malformed));
        check(json!("name"), Err(PathError::Malformed));
        check(json!([-1]), Err(PathError::Malformed));
        check(json!([1.5]), Err(PathError::Malformed));
        check(json!([true]), Err(PathError::Malformed));
        check(json!(["name", "first"]), Err(PathError::WrongContainer { at: 1 }));
        check(json!(["address", null]), Err(PathError::WrongContainer { at: 1 }));
        check(json!(["degrees", "type"]), Err(PathError::WrongContainer { at: 1 }));
        check(json!([0]), Err(PathError::WrongContainer { at: 0 }));
        check(json!(["age"]), Err(PathError::Nothing));
        check(json!(["nationalities", 2]), Err(PathError::Nothing));
        check(json!(["degrees", null, "year"]), Err(PathError::Nothing));
    }

    #[test]
    fn resolves_to_positions() {
        let path = ClaimPath::claim("degrees").every().name("type");
        let expected: Vec<ClaimPath> = (0..2).map(|at| ClaimPath::claim("degrees").index(at).name("type")).collect();
        assert_eq!(path.resolve(&example()).unwrap(), expected);
        assert!(expected.iter().all(|found| path.matches(found.steps())));
        assert!(!path.matches(ClaimPath::claim("degrees").steps()));
        let text = serde_json::to_string(&path).unwrap();
        assert_eq!(text, r#"["degrees",null,"type"]"#);
        assert_eq!(serde_json::from_str::<ClaimPath>(&text).unwrap(), path);
    }
}
