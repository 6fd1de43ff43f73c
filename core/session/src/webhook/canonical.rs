//! The one way to write a body, so that it can be signed after it was parsed: what Python writes with sorted keys and
//! without spaces, after every float of integral value became an integer.

use std::fmt::Write as _;

use serde_json::{Number, Value};

/// How characters outside ASCII are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Text {
    /// As `\uXXXX` in lower-case hexadecimal, in pairs of surrogates beyond U+FFFF; DEL too. Older senders' bodies.
    Ascii,
    /// As they are. What `X-Signature-V2` covers.
    Utf8,
}

/// `value` in canonical form: members sorted by code point at every level, no spaces, `/` not escaped, floats of integral
/// value as integers.
///
/// The form of a number between -0.0001 and 0.0001 is Python's (`1e-05`); other languages write it otherwise, so what is
/// sent has none ([`portable`]). Nesting must be bounded by whoever parsed `value`.
#[must_use]
pub fn canonical(value: &Value, text: Text) -> String {
    let mut out = String::new();
    write(value, text, &mut out);
    out
}

fn write(value: &Value, text: Text, out: &mut String) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Number(number) => write_number(number, out),
        Value::String(string) => write_string(string, text, out),
        Value::Array(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                write(item, text, out);
            }
            out.push(']');
        }
        Value::Object(map) => {
            // The map may keep another order where some crate of the build asks for that.
            let mut members: Vec<_> = map.iter().collect();
            members.sort_unstable_by_key(|(name, _)| name.as_str());
            out.push('{');
            for (at, (name, item)) in members.into_iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                write_string(name, text, out);
                out.push(':');
                write(item, text, out);
            }
            out.push('}');
        }
    }
}

fn write_number(number: &Number, out: &mut String) {
    if let Some(whole) = number.as_i64() {
        let _ = write!(out, "{whole}");
    } else if let Some(whole) = number.as_u64() {
        let _ = write!(out, "{whole}");
    } else {
        // Every JSON number reads as a double; one that does not is written as it stands.
        match number.as_f64() {
            Some(float) => write_float(float, out),
            None => out.push_str(&number.to_string()),
        }
    }
}

fn write_float(float: f64, out: &mut String) {
    // Adding zero makes -0.0 a 0.
    let float = float + 0.0;
    if float.fract() == 0.0 {
        let _ = write!(out, "{float:.0}");
    } else if float.abs() < 1e-4 {
        // Shortest digits as Python has them, with an exponent of at least two.
        let shortest = format!("{float:e}");
        match shortest.split_once("e-") {
            Some((digits, exponent)) => {
                let _ = write!(out, "{digits}e-{exponent:0>2}");
            }
            None => out.push_str(&shortest),
        }
    } else {
        let _ = write!(out, "{float}");
    }
}

fn write_string(string: &str, text: Text, out: &mut String) {
    out.push('"');
    for character in string.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            control if control < ' ' => {
                let _ = write!(out, "\\u{:04x}", u32::from(control));
            }
            plain if plain.is_ascii() && plain != '\u{7f}' => out.push(plain),
            other => match text {
                Text::Utf8 => out.push(other),
                Text::Ascii => {
                    for unit in other.encode_utf16(&mut [0; 2]) {
                        let _ = write!(out, "\\u{unit:04x}");
                    }
                }
            },
        }
    }
    out.push('"');
}

/// `value` with numbers that every language writes alike: at most six decimals, and nothing between 0 and 0.0001.
///
/// For what we write ourselves. A client's own `metadata` goes out as it came in.
#[must_use]
pub fn portable(value: Value) -> Value {
    match value {
        Value::Number(number) if number.as_i64().is_none() && number.as_u64().is_none() => {
            let float = number.as_f64().unwrap_or_default();
            let rounded = (float * 1e6).round() / 1e6;
            let rounded = match float.abs() {
                small if small < 5e-5 => 0.0,
                small if small < 1e-4 => 1e-4_f64.copysign(float),
                _ => rounded,
            };
            // Too large for six decimals: integral already.
            let rounded = if rounded.is_finite() { rounded } else { float };
            Number::from_f64(rounded).map_or(Value::Number(number), Value::Number)
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value,
        Value::Array(items) => items.into_iter().map(portable).collect(),
        Value::Object(map) => map.into_iter().map(|(name, item)| (name, portable(item))).collect(),
    }
}

/// Whether every language keeps a member of this name in the same place: ASCII, and not a number, which JavaScript moves
/// to the front of an object.
#[must_use]
pub fn is_portable_name(name: &str) -> bool {
    name.is_ascii() && !name.is_empty() && !name.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;
    use warifu_keys::json as strict;

    use super::*;

    #[track_caller]
    fn check(written: &str, ascii: &str, utf8: &str) {
        let value = strict::parse(written.as_bytes()).unwrap();
        assert_eq!(canonical(&value, Text::Ascii), ascii);
        assert_eq!(canonical(&value, Text::Utf8), utf8);
    }

    /// As Python 3 writes them: `json.dumps(shorten(value), sort_keys=True, separators=(",", ":"), ensure_ascii=…)`.
    #[test]
    fn numbers() {
        let rows = [
            ("100.0", "100"),
            ("0.0", "0"),
            ("-0.0", "0"),
            ("-0", "0"),
            ("1e16", "10000000000000000"),
            ("1e22", "10000000000000000000000"),
            ("-3.0", "-3"),
            ("2.5", "2.5"),
            ("1e2", "100"),
            ("71.25", "71.25"),
            ("0.1", "0.1"),
            ("0.30000000000000004", "0.30000000000000004"),
            ("0.0001", "0.0001"),
            ("0.00001", "1e-05"),
            ("-0.000015", "-1.5e-05"),
            ("1.5e-300", "1.5e-300"),
            ("18446744073709551615", "18446744073709551615"),
            ("-9223372036854775808", "-9223372036854775808"),
            ("123456789.123", "123456789.123"),
        ];
        for (written, expected) in rows {
            check(written, expected, expected);
        }
    }

    #[test]
    fn texts_and_order() {
        check(
            r#"{ "b": [1.0, 2.5, true, null, {}], "a": "\u007f\u0001\b\f\n\r\t\/\\\"", "é": "山\ud83d\ude00", "B": [] }"#,
            r#"{"B":[],"a":"\u007f\u0001\b\f\n\r\t/\\\"","b":[1,2.5,true,null,{}],"\u00e9":"\u5c71\ud83d\ude00"}"#,
            "{\"B\":[],\"a\":\"\u{7f}\\u0001\\b\\f\\n\\r\\t/\\\\\\\"\",\"b\":[1,2.5,true,null,{}],\"é\":\"山😀\"}",
        );
        // By code point, where UTF-16 would put the astral one first.
        check(
            "{\"\u{ff5e}\":1,\"\u{1f600}\":2}",
            r#"{"\uff5e":1,"\ud83d\ude00":2}"#,
            "{\"\u{ff5e}\":1,\"\u{1f600}\":2}",
        );
    }

    #[test]
    fn what_is_sent_is_written_alike_everywhere() {
        let value =
            json!({ "a": [0.1234567, 0.000_049_9, 0.000_06, -0.000_06, 88.0, 97.5, 1e300, 12], "b": { "c": -1e-9 } });
        let expected = json!({ "a": [0.123457, 0.0, 0.0001, -0.0001, 88.0, 97.5, 1e300, 12], "b": { "c": 0.0 } });
        assert_eq!(portable(value), expected);
        for (name, expected) in [("score", true), ("n1", true), ("1a", true), ("10", false), ("", false), ("名", false)]
        {
            assert_eq!(is_portable_name(name), expected, "`{name}`");
        }
    }

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_map(|float| Number::from_f64(float).map_or(Value::Null, Value::Number)),
            (-1e6..1e6).prop_map(|float: f64| json!((float * 100.0).round() / 100.0)),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::btree_map(any::<String>(), inner, 0..6)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    /// Equal as numbers, whatever their kind.
    fn same(a: &Value, b: &Value) -> bool {
        match (a, b) {
            (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
            (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
            (Value::Object(a), Value::Object(b)) => {
                a.len() == b.len() && a.iter().all(|(name, item)| b.get(name).is_some_and(|other| same(item, other)))
            }
            _ => a == b,
        }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back_equal(value in any_value()) {
            for text in [Text::Ascii, Text::Utf8] {
                let written = canonical(&value, text);
                let read = strict::parse(written.as_bytes()).unwrap();
                prop_assert!(same(&read, &value), "{written}");
                prop_assert_eq!(canonical(&read, text), written);
            }
            // Both forms are one value.
            let ascii = strict::parse(canonical(&value, Text::Ascii).as_bytes()).unwrap();
            prop_assert!(canonical(&value, Text::Ascii).is_ascii());
            prop_assert_eq!(canonical(&ascii, Text::Utf8), canonical(&value, Text::Utf8));
        }

        #[test]
        fn portable_numbers_have_few_digits(value in any_value()) {
            let sent = portable(value);
            prop_assert!(all_portable(&sent), "{sent}");
            prop_assert_eq!(portable(sent.clone()), sent);
        }
    }

    fn all_portable(value: &Value) -> bool {
        match value {
            Value::Number(number) => {
                let written = canonical(&Value::Number(number.clone()), Text::Utf8);
                !written.contains('e') && written.split_once('.').is_none_or(|(_, decimals)| decimals.len() <= 6)
            }
            Value::Array(items) => items.iter().all(all_portable),
            Value::Object(map) => map.values().all(all_portable),
            Value::Null | Value::Bool(_) | Value::String(_) => true,
        }
    }
}
