//! JSON Canonicalization Scheme (RFC 8785): one text for one value, so that it can be hashed.
//!
//! Only the value decides, never how this build of `serde_json` keeps it: members are sorted here (RFC 8785 section
//! 3.2.3), and numbers are written from their IEEE 754 double (section 3.2.2.3), not from the text that the feature
//! `arbitrary_precision` remembers.

use serde_json::{Map, Number, Value};

/// Why a value has no canonical text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JcsError {
    /// A number that a double can not hold exactly, so that two readers could see two values (RFC 8785 appendix D).
    #[error("the number `{0}` has no exact IEEE 754 double")]
    Number(String),
}

/// Largest integer below which every integer has a double of its own, 2^53.
const SAFE: u64 = 1 << 53;

/// The canonical text of `value`, in UTF-8.
///
/// [`JcsError::Number`] for integers beyond 2^53 that fall between two doubles and are not how one of them is written, and
/// for decimals beyond all doubles.
pub fn canonical(value: &Value) -> Result<String, JcsError> {
    let mut out = String::new();
    write(value, &mut out)?;
    Ok(out)
}

/// [`canonical`] of an object that is held by its members.
pub fn canonical_object(members: &Map<String, Value>) -> Result<String, JcsError> {
    let mut out = String::new();
    write_object(members, &mut out)?;
    Ok(out)
}

fn write(value: &Value, out: &mut String) -> Result<(), JcsError> {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Number(number) => out.push_str(&ecmascript(double(number)?)),
        Value::String(text) => write_string(text, out),
        Value::Array(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                write(item, out)?;
            }
            out.push(']');
        }
        Value::Object(members) => write_object(members, out)?,
    }
    Ok(())
}

fn write_object(members: &Map<String, Value>, out: &mut String) -> Result<(), JcsError> {
    let mut sorted: Vec<_> = members.iter().collect();
    // RFC 8785 section 3.2.3: by UTF-16 code units, which differs from code points above U+FFFF.
    sorted.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
    out.push('{');
    for (at, (name, item)) in sorted.into_iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        write_string(name, out);
        out.push(':');
        write(item, out)?;
    }
    out.push('}');
    Ok(())
}

/// RFC 8785 section 3.2.2.2.
fn write_string(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\u{c}' => out.push_str("\\f"),
            '\r' => out.push_str("\\r"),
            c if c < ' ' => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
}

#[expect(clippy::cast_precision_loss, reason = "the loss is what is looked for")]
fn double(number: &Number) -> Result<f64, JcsError> {
    let refused = || JcsError::Number(number.to_string().chars().take(40).collect());
    let exact = |magnitude: u64| {
        let double = magnitude as f64;
        // Below 2^53 nothing is lost; above, the way back must lead to the same integer, or the integer is how the double
        // itself is written: a canonical text has to be its own canonical text.
        let same = magnitude <= SAFE || double as u128 == u128::from(magnitude);
        if same || ecmascript(double) == magnitude.to_string() { Ok(double) } else { Err(refused()) }
    };
    if let Some(integer) = number.as_u64() {
        return exact(integer);
    }
    if let Some(integer) = number.as_i64() {
        return exact(integer.unsigned_abs()).map(|double| -double);
    }
    number.as_f64().filter(|double| double.is_finite()).ok_or_else(refused)
}

/// `Number::toString` of ECMAScript (RFC 8785 section 3.2.2.3): the shortest digits that read back as the same double,
/// plain between 1e-7 and 1e21, with an exponent beyond.
fn ecmascript(double: f64) -> String {
    if double == 0.0 {
        return "0".to_owned();
    }
    // Rust finds as few digits, written as `d.ddde±x`. Of several numbers with that few, ECMAScript takes the closest, and
    // of two equally close ones the even: that is the double rounded to as many digits.
    let magnitude = double.abs();
    let shortest = format!("{magnitude:e}");
    let decimals = shortest.find('e').unwrap_or(0).saturating_sub(2);
    let rounded = format!("{magnitude:.decimals$e}");
    let text = if rounded.parse() == Ok(magnitude) { rounded } else { shortest };
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    let count = i32::try_from(digits.len()).unwrap_or(i32::MAX);
    // The decimal point stands after this many digits.
    let point = exponent.parse::<i32>().unwrap_or(0) + 1;
    let zeros = |count: i32| "0".repeat(usize::try_from(count).unwrap_or(0));
    let unsigned = if count <= point && point <= 21 {
        format!("{digits}{}", zeros(point - count))
    } else if 0 < point && point <= 21 {
        let (whole, rest) = digits.split_at(usize::try_from(point).unwrap_or(0));
        format!("{whole}.{rest}")
    } else if -6 < point && point <= 0 {
        format!("0.{}{digits}", zeros(-point))
    } else {
        let (first, rest) = digits.split_at(1);
        let dot = if rest.is_empty() { "" } else { "." };
        let sign = if point > 0 { '+' } else { '-' };
        format!("{first}{dot}{rest}e{sign}{}", (point - 1).unsigned_abs())
    };
    if double < 0.0 { format!("-{unsigned}") } else { unsigned }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// RFC 8785 appendix B.
    #[test]
    fn numbers_of_the_standard() {
        for (bits, expected) in [
            (0x0000_0000_0000_0000, "0"),
            (0x8000_0000_0000_0000, "0"),
            (0x0000_0000_0000_0001, "5e-324"),
            (0x8000_0000_0000_0001, "-5e-324"),
            (0x7fef_ffff_ffff_ffff, "1.7976931348623157e+308"),
            (0xffef_ffff_ffff_ffff, "-1.7976931348623157e+308"),
            (0x4340_0000_0000_0000, "9007199254740992"),
            (0xc340_0000_0000_0000, "-9007199254740992"),
            (0x4430_0000_0000_0000, "295147905179352830000"),
            (0x44b5_2d02_c7e1_4af5, "9.999999999999997e+22"),
            (0x44b5_2d02_c7e1_4af6, "1e+23"),
            (0x44b5_2d02_c7e1_4af7, "1.0000000000000001e+23"),
            (0x444b_1ae4_d6e2_ef4e, "999999999999999700000"),
            (0x444b_1ae4_d6e2_ef4f, "999999999999999900000"),
            (0x444b_1ae4_d6e2_ef50, "1e+21"),
            (0x3eb0_c6f7_a0b5_ed8c, "9.999999999999997e-7"),
            (0x3eb0_c6f7_a0b5_ed8d, "0.000001"),
            (0x41b3_de43_5555_5553, "333333333.3333332"),
            (0x41b3_de43_5555_5554, "333333333.33333325"),
            (0x41b3_de43_5555_5555, "333333333.3333333"),
            (0x41b3_de43_5555_5556, "333333333.3333334"),
            (0x41b3_de43_5555_5557, "333333333.33333343"),
            (0xbecb_f647_612f_3696, "-0.0000033333333333333333"),
            (0x4314_3ff3_c1cb_0959, "1424953923781206.2"),
        ] {
            assert_eq!(ecmascript(f64::from_bits(bits)), expected, "{bits:x}");
        }
    }

    #[test]
    fn integers_that_two_readers_could_read_differently_are_refused() {
        let write = |text: &str| canonical(&serde_json::from_str(text).unwrap());
        assert_eq!(write("9007199254740992").unwrap(), "9007199254740992");
        assert_eq!(write("-9007199254740992").unwrap(), "-9007199254740992");
        assert_eq!(write("9007199254740994").unwrap(), "9007199254740994");
        // The shortest digits of a large double are another integer, which stands for the same double.
        assert_eq!(write("9329007199254740992").unwrap(), "9329007199254740000");
        assert_eq!(write("9329007199254740000").unwrap(), "9329007199254740000");
        for text in ["9007199254740993", "-9007199254740993", "18446744073709551615"] {
            assert_eq!(write(text), Err(JcsError::Number(text.to_owned())));
        }
    }

    /// Members that were put in by another order, and numbers that were written in another way, give the same bytes.
    /// With `preserve_order` or `arbitrary_precision` on anywhere in the build, this is what would break.
    #[test]
    fn bytes_do_not_depend_on_how_the_value_was_kept() {
        let one: Value = serde_json::from_str(r#"{"b":1.50,"a":{"z":1e2,"y":[100.0,-0.0,4.50E-1]}}"#).unwrap();
        let other = json!({ "a": { "y": [100, 0, 0.45], "z": 100 }, "b": 1.5 });
        assert_eq!(canonical(&one).unwrap(), r#"{"a":{"y":[100,0,0.45],"z":100},"b":1.5}"#);
        assert_eq!(canonical(&one).unwrap(), canonical(&other).unwrap());
    }

    proptest::proptest! {
        /// What is written reads back as the same double, and is written the same again.
        #[test]
        fn doubles_survive(bits in proptest::num::u64::ANY) {
            let double = f64::from_bits(bits);
            proptest::prop_assume!(double.is_finite());
            let text = ecmascript(double);
            proptest::prop_assert_eq!(text.parse::<f64>().unwrap(), double);
            proptest::prop_assert_eq!(ecmascript(text.parse().unwrap()), text);
        }

        #[test]
        fn strings_read_back(text in "\\PC{0,40}|[\u{0}-\u{20}\"\\\\]{0,10}") {
            let written = canonical(&Value::from(text.as_str())).unwrap();
            proptest::prop_assert_eq!(serde_json::from_str::<String>(&written).unwrap(), text);
        }
    }
}
