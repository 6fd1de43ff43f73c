//! JSON from strangers: no duplicate members, capped size and depth; and one canonical way to write it.
//!
//! RFC 8259 leaves duplicate member names undefined, so two readers can see two different messages in the same bytes
//! (RFC 7515 section 4 and RFC 7519 section 4 demand rejection or last-wins; we reject).

use std::fmt;

use serde::de::{self, DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde_json::Number;
pub use serde_json::{Map, Value};

/// Largest JSON text accepted by [`parse`], in bytes.
pub const MAX_BYTES: usize = 4 * 1024 * 1024;
/// Deepest nesting accepted by [`parse`].
pub const MAX_DEPTH: usize = 64;

/// Why a JSON text was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// More bytes than [`MAX_BYTES`].
    #[error("JSON text of {0} bytes is too large")]
    TooLarge(usize),
    /// Not JSON, nested too deep, or a member name occurs twice in one object; the text says which.
    #[error("not acceptable JSON: {0}")]
    Malformed(String),
    /// Well-formed, but not an object where one is demanded.
    #[error("a JSON object is expected")]
    NotAnObject,
}

/// Parses one JSON value; refuses duplicate members, trailing text, over-size and over-depth.
pub fn parse(bytes: &[u8]) -> Result<Value, JsonError> {
    if bytes.len() > MAX_BYTES {
        return Err(JsonError::TooLarge(bytes.len()));
    }
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = Strict { depth: 0 }.deserialize(&mut reader).map_err(malformed)?;
    reader.end().map_err(malformed)?;
    Ok(value)
}

/// Parses one JSON object with the rules of [`parse`].
pub fn parse_object(bytes: &[u8]) -> Result<Map<String, Value>, JsonError> {
    match parse(bytes)? {
        Value::Object(map) => Ok(map),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Err(JsonError::NotAnObject)
        }
    }
}

/// Parses with the rules of [`parse`] into a typed value.
pub fn parse_as<T: de::DeserializeOwned>(bytes: &[u8]) -> Result<T, JsonError> {
    serde_json::from_value(parse(bytes)?).map_err(malformed)
}

/// `value` with members sorted by code point at every level and no white space: the same bytes whatever order the map
/// kept. (Numbers are written as serde_json writes them; RFC 8785 number rules are not applied.)
#[must_use]
pub fn canonical(value: &Value) -> String {
    fn write(value: &Value, out: &mut String) {
        match value {
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => out.push_str(&value.to_string()),
            Value::Array(items) => {
                out.push('[');
                for (i, item) in items.iter().enumerate() {
                    if i > 0 {
                        out.push(',');
                    }
                    write(item, out);
                }
                out.push(']');
            }
            Value::Object(map) => {
                let mut members: Vec<_> = map.iter().collect();
                members.sort_by_key(|(name, _)| name.as_str());
                out.push('{');
                for (i, (name, item)) in members.into_iter().enumerate() {
                    if i > 0 {
                        out.push(',');
                    }
                    out.push_str(&Value::from(name.as_str()).to_string());
                    out.push(':');
                    write(item, out);
                }
                out.push('}');
            }
        }
    }
    let mut out = String::new();
    write(value, &mut out);
    out
}

/// The member in which `serde_json` hands numbers over with its feature `arbitrary_precision`.
const NUMBER: &str = "$serde_json::private::Number";

/// Whether some crate of this build has turned `arbitrary_precision` on: a number then keeps its text.
fn numbers_arrive_as_objects() -> bool {
    serde_json::from_str::<Number>("1.00").is_ok_and(|number| number.to_string() == "1.00")
}

/// The number as it would be without `arbitrary_precision`: an integer of 64 bits, or else a finite double.
fn number(text: &str) -> Option<Number> {
    if let Ok(number) = text.parse::<u64>() {
        return Some(Number::from(number));
    }
    if let Ok(number) = text.parse::<i64>() {
        // `-0` is a double.
        return if number == 0 { Number::from_f64(-0.0) } else { Some(Number::from(number)) };
    }
    Number::from_f64(text.parse().ok()?)
}

fn malformed(error: serde_json::Error) -> JsonError {
    JsonError::Malformed(error.to_string().chars().take(160).collect())
}

struct Strict {
    depth: usize,
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: de::Deserializer<'de>>(self, reader: D) -> Result<Value, D::Error> {
        if self.depth > MAX_DEPTH {
            return Err(de::Error::custom("nested too deep"));
        }
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(Strict { depth: self.depth + 1 })? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            if name == NUMBER {
                // Where another crate has turned `arbitrary_precision` on, every number arrives as an object with this
                // one member; where not, only a stranger writes it.
                let text: String = members.next_value()?;
                let alone = map.is_empty() && numbers_arrive_as_objects();
                return number(&text)
                    .filter(|_| alone)
                    .map(Value::Number)
                    .ok_or_else(|| de::Error::custom("a member name that is reserved"));
            }
            let item = members.next_value_seed(Strict { depth: self.depth + 1 })?;
            if map.contains_key(&name) {
                let short: String = name.chars().take(40).collect();
                return Err(de::Error::custom(format!("member `{short}` occurs twice")));
            }
            map.insert(name, item);
        }
        Ok(Value::Object(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_two_readers_could_read_differently() {
        assert!(parse(br#"{"a":1,"b":{"a":2}}"#).is_ok());
        for bad in [&br#"{"a":1,"a":2}"#[..], br#"{"b":[{"a":1,"a":1}]}"#, b"{} x", b"", b"{", b"nul"] {
            assert!(matches!(parse(bad), Err(JsonError::Malformed(_))), "{bad:?}");
        }
        let deep = "[".repeat(200) + &"]".repeat(200);
        assert!(matches!(parse(deep.as_bytes()), Err(JsonError::Malformed(_))));
        assert_eq!(parse_object(b"[]"), Err(JsonError::NotAnObject));
    }

    /// The same values come out whether or not some crate of the build has turned `arbitrary_precision` on.
    #[test]
    fn numbers_are_numbers() {
        let value = parse(b"[0,-0,1,-1,18446744073709551615,1.50,1e2,-9223372036854775808]").unwrap();
        let numbers: Vec<f64> = value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect();
        assert_eq!(numbers[..5], [0.0, 0.0, 1.0, -1.0, 18_446_744_073_709_551_615.0]);
        assert_eq!(value[4].as_u64(), Some(u64::MAX));
        assert_eq!(value[7].as_i64(), Some(i64::MIN));
        assert_eq!(canonical(&value), "[0,-0.0,1,-1,18446744073709551615,1.5,100.0,-9223372036854775808]");
        assert!(matches!(parse(b"1e400"), Err(JsonError::Malformed(_))));
        assert_eq!(number("1e400"), None);
    }

    /// Without `arbitrary_precision` the reserved member is refused; with it, nobody can tell it from a number.
    #[test]
    fn the_reserved_member_never_survives() {
        for text in [r#"{"$serde_json::private::Number":"x"}"#, r#"{"a":1,"$serde_json::private::Number":"5"}"#] {
            assert!(matches!(parse(text.as_bytes()), Err(JsonError::Malformed(_))), "{text}");
        }
    }

    #[test]
    fn canonical_does_not_depend_on_order() {
        let a = parse(br#"{"b":1,"a":{"z":[true,null],"y":"\u00e9"}}"#).unwrap();
        assert_eq!(canonical(&a), r#"{"a":{"y":"é","z":[true,null]},"b":1}"#);
    }

    proptest::proptest! {
        #[test]
        fn never_panics(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            let _ = parse(&bytes);
        }
    }
}
