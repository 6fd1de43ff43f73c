//! Taking CBOR structures apart, member by member.

use jiff::Timestamp;
use warifu_keys::cbor::{self, Value};

use super::{Error, shortened};

/// Tag of a date and time text (RFC 8949 section 3.4.1).
const TDATE: u64 = 0;

/// A map that is being read. Members that nobody takes are ignored, as the standard reserves them for future use, unless
/// [`Members::finish`] says otherwise.
pub(super) struct Members(Vec<(Value, Value)>);

impl Members {
    pub(super) fn of(value: Value, part: &'static str) -> Result<Self, Error> {
        value.into_map().map(Self).map_err(|_| Error::Member(part))
    }

    /// Reads the bytes of a structure that is a map.
    pub(super) fn parse(bytes: &[u8], part: &'static str) -> Result<Self, Error> {
        Self::of(parse(bytes, part)?, part)
    }

    pub(super) fn optional(&mut self, name: &str) -> Option<Value> {
        let at = self.0.iter().position(|(key, _)| key.as_text() == Some(name))?;
        Some(self.0.swap_remove(at).1)
    }

    pub(super) fn required(&mut self, name: &'static str) -> Result<Value, Error> {
        self.optional(name).ok_or(Error::Member(name))
    }

    /// Demands that every member was taken.
    pub(super) fn finish(self) -> Result<(), Error> {
        match self.0.first() {
            None => Ok(()),
            Some((name, _)) => Err(Error::UnknownMember(shortened(name.as_text().unwrap_or("(no text)")))),
        }
    }

    pub(super) fn text(&mut self, name: &'static str) -> Result<String, Error> {
        self.required(name)?.into_text().map_err(|_| Error::Member(name))
    }

    pub(super) fn bytes(&mut self, name: &'static str) -> Result<Vec<u8>, Error> {
        self.required(name)?.into_bytes().map_err(|_| Error::Member(name))
    }

    /// An instant: tag 0, UTC, no fractions (ISO/IEC 18013-5 section 7.2.1 and 9.1.2.4).
    pub(super) fn tdate(&mut self, name: &'static str) -> Result<Timestamp, Error> {
        self.optional_tdate(name)?.ok_or(Error::Member(name))
    }

    pub(super) fn optional_tdate(&mut self, name: &'static str) -> Result<Option<Timestamp>, Error> {
        let Some(value) = self.optional(name) else { return Ok(None) };
        let text = match &value {
            Value::Tag(TDATE, text) => text.as_text(),
            _ => None,
        };
        let text = text.filter(|text| text.len() == "2026-11-23T09:30:00Z".len() && text.ends_with('Z'));
        text.and_then(|text| text.parse().ok()).map(Some).ok_or(Error::Member(name))
    }

    /// Demands the one supported version.
    pub(super) fn version(&mut self, part: &'static str) -> Result<(), Error> {
        match self.text("version")? {
            version if version == super::VERSION => Ok(()),
            other => Err(Error::Version { part, found: shortened(&other) }),
        }
    }
}

/// Reads the bytes of a structure.
pub(super) fn parse(bytes: &[u8], part: &'static str) -> Result<Value, Error> {
    cbor::parse(bytes).map_err(|source| Error::Cbor { part, source })
}

/// The bytes inside an encoded data item, `#6.24(bstr)`.
pub(super) fn embedded(value: Value, name: &'static str) -> Result<Vec<u8>, Error> {
    match value {
        Value::Tag(24, inner) => inner.into_bytes().map_err(|_| Error::Member(name)),
        _ => Err(Error::Member(name)),
    }
}

/// The pairs of a map with text keys.
pub(super) fn by_text(
    value: Value,
    name: &'static str,
) -> Result<impl Iterator<Item = Result<(String, Value), Error>>, Error> {
    let pairs = value.into_map().map_err(|_| Error::Member(name))?;
    Ok(pairs.into_iter().map(move |(key, value)| Ok((key.into_text().map_err(|_| Error::Member(name))?, value))))
}

/// A map with these members.
pub(super) fn map<const N: usize>(members: [(&str, Value); N]) -> Value {
    Value::Map(members.into_iter().map(|(name, value)| (Value::from(name), value)).collect())
}

/// `instant` in whole seconds as a tagged text.
pub(super) fn tdate(instant: Timestamp) -> Value {
    let whole = Timestamp::from_second(instant.as_second()).unwrap_or(instant);
    Value::Tag(TDATE, Box::new(Value::from(whole.to_string())))
}
