//! Data elements: their values in CBOR and in JSON.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Map, Number, Value as Json};
use warifu_keys::base64url;
use warifu_keys::cbor::Value;

use super::Error;
use super::members::by_text;

/// Data elements by namespace and identifier, each with its value in CBOR.
#[derive(Clone, Default, PartialEq)]
pub struct DataElements(BTreeMap<String, BTreeMap<String, Value>>);

impl DataElements {
    /// No elements yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an element, or replaces its value.
    #[must_use]
    pub fn with(mut self, namespace: &str, element: &str, value: Value) -> Self {
        self.0.entry(namespace.to_owned()).or_default().insert(element.to_owned(), value);
        self
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value of an element.
    #[must_use]
    pub fn value(&self, namespace: &str, element: &str) -> Option<&Value> {
        self.0.get(namespace)?.get(element)
    }

    /// Every element: namespace, identifier, value.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str, &Value)> {
        self.0.iter().flat_map(|(namespace, elements)| {
            elements.iter().map(move |(element, value)| (namespace.as_str(), element.as_str(), value))
        })
    }

    /// The values as JSON, `{namespace: {element: value}}`.
    #[must_use]
    pub fn to_json(&self) -> Json {
        Json::Object(
            self.0
                .iter()
                .map(|(namespace, elements)| {
                    let elements = elements.iter().map(|(element, value)| (element.clone(), to_json(value)));
                    (namespace.clone(), Json::Object(elements.collect()))
                })
                .collect(),
        )
    }

    pub(super) fn namespaces(&self) -> impl Iterator<Item = (&String, &BTreeMap<String, Value>)> {
        self.0.iter()
    }

    /// Reads `{+ namespace => {+ element => value}}`.
    pub(super) fn from_cbor(value: Value, part: &'static str) -> Result<Self, Error> {
        let mut elements = BTreeMap::new();
        for pair in by_text(value, part)? {
            let (namespace, values) = pair?;
            let values = by_text(values, part)?.collect::<Result<BTreeMap<_, _>, _>>()?;
            if values.is_empty() {
                return Err(Error::Member(part));
            }
            elements.insert(namespace, values);
        }
        Ok(Self(elements))
    }

    pub(super) fn to_cbor(&self) -> Value {
        let pairs = |elements: &BTreeMap<String, Value>| {
            Value::Map(elements.iter().map(|(element, value)| (element.as_str().into(), value.clone())).collect())
        };
        Value::Map(self.0.iter().map(|(namespace, elements)| (namespace.as_str().into(), pairs(elements))).collect())
    }
}

/// Shows identifiers only: values are personal data.
impl fmt::Debug for DataElements {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.0.iter().map(|(namespace, values)| (namespace, values.keys()))).finish()
    }
}

/// A value as JSON (RFC 8949 section 6.1): byte strings become base64url, tagged values what is tagged, keys that are no
/// text the JSON of the key; numbers that JSON does not have become `null`.
pub(crate) fn to_json(value: &Value) -> Json {
    match value {
        Value::Integer(number) => {
            let number = i128::from(*number);
            let exact = u64::try_from(number).map(Number::from).or_else(|_| i64::try_from(number).map(Number::from));
            exact.ok().or_else(|| Number::from_f64(number as f64)).map_or(Json::Null, Json::Number)
        }
        Value::Bytes(bytes) => Json::String(base64url::encode(bytes)),
        Value::Float(number) => Number::from_f64(*number).map_or(Json::Null, Json::Number),
        Value::Text(text) => Json::String(text.clone()),
        Value::Bool(bit) => Json::Bool(*bit),
        Value::Tag(3, inner) if inner.is_bytes() => {
            Json::String(format!("~{}", inner.as_bytes().map(|bytes| base64url::encode(bytes)).unwrap_or_default()))
        }
        Value::Tag(_, inner) => to_json(inner),
        Value::Array(items) => Json::Array(items.iter().map(to_json).collect()),
        Value::Map(pairs) => {
            let key = |key: &Value| match key {
                Value::Text(text) => text.clone(),
                other => to_json(other).to_string(),
            };
            Json::Object(pairs.iter().map(|(name, value)| (key(name), to_json(value))).collect::<Map<_, _>>())
        }
        _ => Json::Null,
    }
}

/// A JSON value as CBOR, as far as it says what it is: text stays text; `None` for fractions.
pub(crate) fn from_json(value: &Json) -> Option<Value> {
    Some(match value {
        Json::Null => Value::Null,
        Json::Bool(bit) => Value::Bool(*bit),
        Json::Number(number) => number.as_i64().map(Value::from).or_else(|| number.as_u64().map(Value::from))?,
        Json::String(text) => Value::from(text.as_str()),
        Json::Array(items) => Value::Array(items.iter().map(from_json).collect::<Option<_>>()?),
        Json::Object(members) => {
            let members = members.iter().map(|(name, value)| Some((name.as_str().into(), from_json(value)?)));
            Value::Map(members.collect::<Option<_>>()?)
        }
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn json_of_values() {
        let check = |value: Value, expected: Json| assert_eq!(to_json(&value), expected, "{value:?}");
        check(Value::from(7), json!(7));
        check(Value::from(-7), json!(-7));
        check(Value::from(u64::MAX), json!(u64::MAX));
        check(Value::from(1.5), json!(1.5));
        check(Value::from(f64::NAN), Json::Null);
        check(Value::from(f64::INFINITY), Json::Null);
        check(Value::Bytes(vec![0xff, 0xd8]), json!("_9g"));
        check(Value::Tag(1004, Box::new(Value::from("2019-10-20"))), json!("2019-10-20"));
        check(Value::Tag(2, Box::new(Value::Bytes(vec![1; 17]))), json!("AQEBAQEBAQEBAQEBAQEBAQE"));
        check(Value::Tag(3, Box::new(Value::Bytes(vec![1; 17]))), json!("~AQEBAQEBAQEBAQEBAQEBAQE"));
        let map = vec![(Value::from(1), Value::Bool(true)), (Value::from("a"), Value::Array(vec![Value::Null]))];
        check(Value::Map(map), json!({"1": true, "a": [null]}));
    }
}
