//! CBOR from strangers (RFC 8949): one encoding of a value, no duplicate keys, capped size, depth and number of items.
//!
//! COSE and ISO/IEC 18013-5 sign bytes, not values, so a second encoding of the same value would be a second message.
//! Only definite lengths and preferred serialisation (RFC 8949 section 4.1) are read: what was read can be written again
//! to the very same bytes. Maps keep the order they came in. `undefined` and other simple values than `false`, `true`
//! and `null` are refused.

pub use ciborium::Value;

/// How much CBOR is accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Encoded bytes.
    pub bytes: usize,
    /// Nesting of arrays, maps and tags.
    pub depth: usize,
    /// Items of all kinds, map keys included.
    pub items: usize,
}

/// The limits of [`parse`]: room for a portrait of several hundred kilobytes, not for a bomb.
pub const LIMITS: Limits = Limits { bytes: 2 * 1024 * 1024, depth: 32, items: 32 * 1024 };

/// Why bytes were refused as CBOR.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CborError {
    /// More bytes than [`Limits::bytes`].
    #[error("CBOR of {0} bytes is too large")]
    TooLarge(usize),
    /// Nested deeper than [`Limits::depth`].
    #[error("the CBOR is nested too deep")]
    TooDeep,
    /// More items than [`Limits::items`].
    #[error("the CBOR has too many items")]
    TooManyItems,
    /// It ends, or would have to end, inside an item.
    #[error("the CBOR ends too early")]
    Truncated,
    /// Bytes follow the item.
    #[error("bytes follow the CBOR item")]
    Trailing,
    /// An indefinite length.
    #[error("the CBOR has an item of indefinite length")]
    Indefinite,
    /// A longer encoding than needed.
    #[error("the CBOR is not in preferred serialisation")]
    NotPreferred,
    /// One key twice in a map.
    #[error("a map has a key twice")]
    DuplicateKey,
    /// Text that is not UTF-8, a reserved head, or a simple value without a meaning here.
    #[error("the CBOR is malformed")]
    Malformed,
}

/// Reads one CBOR item within [`LIMITS`].
pub fn parse(bytes: &[u8]) -> Result<Value, CborError> {
    parse_within(bytes, LIMITS)
}

/// Reads one CBOR item within other limits. [`Limits::depth`] is never more than 64.
pub fn parse_within(bytes: &[u8], limits: Limits) -> Result<Value, CborError> {
    if bytes.len() > limits.bytes {
        return Err(CborError::TooLarge(bytes.len()));
    }
    // A walk over the bytes first: nothing is allocated before every declared length is known to be there.
    let mut walk = Walk { rest: bytes, items: limits.items };
    walk.item(limits.depth.min(64))?;
    if !walk.rest.is_empty() {
        return Err(CborError::Trailing);
    }
    let value: Value = ciborium::from_reader(bytes).map_err(|_| CborError::Malformed)?;
    // What the walk does not look at: floating point numbers and big integers in longer forms than needed.
    if encode(&value) == bytes { Ok(value) } else { Err(CborError::NotPreferred) }
}

/// `value` in preferred serialisation; maps keep the order they have.
#[must_use]
pub fn encode(value: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    // Writing a value into memory has no way to fail.
    let written = ciborium::into_writer(value, &mut bytes);
    debug_assert!(written.is_ok(), "a CBOR value is always writable");
    bytes
}

/// Tag of an encoded CBOR data item (RFC 8949 section 3.4.5.1).
const ENCODED: u64 = 24;

/// `bytes`, themselves CBOR, as an encoded data item: `#6.24(bstr)`.
#[must_use]
pub fn embed(bytes: Vec<u8>) -> Value {
    Value::Tag(ENCODED, Box::new(Value::Bytes(bytes)))
}

/// The bytes inside an encoded data item `#6.24(bstr)`; `None` for any other value.
#[must_use]
pub fn embedded(value: &Value) -> Option<&[u8]> {
    match value {
        Value::Tag(ENCODED, inner) => inner.as_bytes().map(Vec::as_slice),
        _ => None,
    }
}

/// The value under a text key of a map; `None` for other values than maps too.
#[must_use]
pub fn member<'a>(map: &'a Value, name: &str) -> Option<&'a Value> {
    map.as_map()?.iter().find(|(key, _)| key.as_text() == Some(name)).map(|(_, value)| value)
}

struct Walk<'a> {
    rest: &'a [u8],
    /// Items that may still come.
    items: usize,
}

impl<'a> Walk<'a> {
    fn item(&mut self, depth: usize) -> Result<(), CborError> {
        self.items = self.items.checked_sub(1).ok_or(CborError::TooManyItems)?;
        let &[first, ..] = self.take(1)? else { return Err(CborError::Truncated) };
        let (major, info) = (first >> 5, first & 0x1f);
        if major == 7 {
            return self.simple(info);
        }
        let argument = self.argument(info)?;
        match major {
            0 | 1 => Ok(()),
            2 | 3 => self.take(argument).map(|_| ()),
            4 => {
                let depth = self.enter(argument, depth)?;
                (0..argument).try_for_each(|_| self.item(depth))
            }
            5 => {
                let depth = self.enter(argument.checked_mul(2).ok_or(CborError::Truncated)?, depth)?;
                self.map(argument, depth)
            }
            _ => {
                let depth = self.enter(1, depth)?;
                self.item(depth)
            }
        }
    }

    fn map(&mut self, pairs: usize, depth: usize) -> Result<(), CborError> {
        // Room for what is really there: each pair was found to have at least two bytes.
        let mut keys: Vec<&'a [u8]> = Vec::with_capacity(pairs);
        for _ in 0..pairs {
            let before = self.rest;
            self.item(depth)?;
            keys.push(before.get(..before.len() - self.rest.len()).unwrap_or_default());
            self.item(depth)?;
        }
        keys.sort_unstable();
        // Preferred serialisation gives equal keys equal bytes.
        if keys.windows(2).any(|pair| pair.first() == pair.last()) {
            return Err(CborError::DuplicateKey);
        }
        Ok(())
    }

    /// One level down, into `items` items; each has at least one byte.
    fn enter(&self, items: usize, depth: usize) -> Result<usize, CborError> {
        if items > self.rest.len() {
            return Err(CborError::Truncated);
        }
        if items > self.items {
            return Err(CborError::TooManyItems);
        }
        depth.checked_sub(1).ok_or(CborError::TooDeep)
    }

    fn simple(&mut self, info: u8) -> Result<(), CborError> {
        match info {
            20..=22 => Ok(()),
            25 => self.take(2).map(|_| ()),
            26 => self.take(4).map(|_| ()),
            27 => self.take(8).map(|_| ()),
            31 => Err(CborError::Indefinite),
            _ => Err(CborError::Malformed),
        }
    }

    fn argument(&mut self, info: u8) -> Result<usize, CborError> {
        let (width, least) = match info {
            0..=23 => return Ok(usize::from(info)),
            24 => (1, 24),
            25 => (2, 1 << 8),
            26 => (4, 1 << 16),
            27 => (8, 1 << 32),
            31 => return Err(CborError::Indefinite),
            _ => return Err(CborError::Malformed),
        };
        let value = self.take(width)?.iter().fold(0_u64, |value, byte| value << 8 | u64::from(*byte));
        if value < least {
            return Err(CborError::NotPreferred);
        }
        // A number may be larger than the address space; as a length it then runs past the end.
        Ok(usize::try_from(value).unwrap_or(usize::MAX))
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], CborError> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(CborError::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bytes(hex: &str) -> Vec<u8> {
        (0..hex.len() / 2).map(|at| u8::from_str_radix(&hex[at * 2..at * 2 + 2], 16).unwrap()).collect()
    }

    #[test]
    fn examples_of_rfc_8949_appendix_a_in_preferred_form() {
        for hex in [
            "00",
            "17",
            "1818",
            "1903e8",
            "1b000000e8d4a51000",
            "1bffffffffffffffff",
            "3bffffffffffffffff",
            "20",
            "c249010000000000000000",
            "f90000",
            "f93c00",
            "fa47c35000",
            "fb3ff199999999999a",
            "f97c00",
            "f97e00",
            "f4",
            "f6",
            "c074323031332d30332d32315432303a30343a30305a",
            "d818456449455446",
            "40",
            "6161",
            "62c3bc",
            "80",
            "8301820203820405",
            "a0",
            "a201020304",
            "a26161016162820203",
        ] {
            let parsed = parse(&bytes(hex)).unwrap_or_else(|error| panic!("{hex}: {error}"));
            assert_eq!(encode(&parsed), bytes(hex), "{hex}");
        }
    }

    #[test]
    fn refuses() {
        for (hex, expected) in [
            ("", CborError::Truncated),
            ("1817", CborError::NotPreferred),
            ("1900ff", CborError::NotPreferred),
            ("1a0000ffff", CborError::NotPreferred),
            ("1b00000000ffffffff", CborError::NotPreferred),
            ("5801ff", CborError::NotPreferred),
            ("fa3f800000", CborError::NotPreferred),
            ("fb3ff0000000000000", CborError::NotPreferred),
            ("c24101", CborError::NotPreferred),
            ("5f4101ff", CborError::Indefinite),
            ("9f01ff", CborError::Indefinite),
            ("bf6161f5ff", CborError::Indefinite),
            ("ff", CborError::Indefinite),
            ("f7", CborError::Malformed),
            ("f0", CborError::Malformed),
            ("f8ff", CborError::Malformed),
            ("1c", CborError::Malformed),
            ("61ff", CborError::Malformed),
            ("0000", CborError::Trailing),
            ("4201", CborError::Truncated),
            ("8201", CborError::Truncated),
            ("a101", CborError::Truncated),
            ("c0", CborError::Truncated),
            ("a201000100", CborError::DuplicateKey),
            ("81a2616100616100", CborError::DuplicateKey),
            // Lengths of exabytes in a few bytes.
            ("5bffffffffffffffff", CborError::Truncated),
            ("7b7fffffffffffffff", CborError::Truncated),
            ("9bffffffffffffffff00", CborError::Truncated),
            ("bbffffffffffffffff00", CborError::Truncated),
            ("bb800000000000000000", CborError::Truncated),
        ] {
            assert_eq!(parse(&bytes(hex)).unwrap_err(), expected, "{hex}");
        }
    }

    #[test]
    fn caps() {
        assert_eq!(parse(&vec![0; LIMITS.bytes + 1]).unwrap_err(), CborError::TooLarge(LIMITS.bytes + 1));
        let nested = |levels: usize| [vec![0x81; levels], vec![0]].concat();
        parse(&nested(LIMITS.depth)).unwrap();
        assert_eq!(parse(&nested(LIMITS.depth + 1)).unwrap_err(), CborError::TooDeep);
        let many = |items: u16| [[0x99].as_slice(), &items.to_be_bytes(), &vec![0; usize::from(items)]].concat();
        parse(&many(0x7fff)).unwrap();
        assert_eq!(parse(&many(0x8000)).unwrap_err(), CborError::TooManyItems);
    }

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_filter("one NaN only", |number| !number.is_nan()).prop_map(Value::from),
            any::<bool>().prop_map(Value::from),
            Just(Value::Null),
            ".{0,8}".prop_map(Value::Text),
            proptest::collection::vec(any::<u8>(), 0..40).prop_map(Value::Bytes),
        ];
        leaf.prop_recursive(4, 40, 6, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::Array),
                proptest::collection::btree_map(".{0,6}", inner.clone(), 0..6)
                    .prop_map(|map| Value::Map(map.into_iter().map(|(k, v)| (Value::Text(k), v)).collect())),
                (24_u64..2000, inner).prop_map(|(tag, value)| Value::Tag(tag, Box::new(value))),
            ]
        })
    }

    proptest! {
        #[test]
        fn reads_what_it_writes(value in any_value()) {
            prop_assert_eq!(parse(&encode(&value)).unwrap(), value);
        }

        #[test]
        fn never_panics_and_never_reads_two_ways(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(value) = parse(&bytes) {
                prop_assert_eq!(encode(&value), bytes);
            }
        }
    }
}
