//! Which records, in which order, from where on.

use std::{fmt, str::FromStr};

use base64ct::{Base64UrlUnpadded, Encoding};

/// Most records on one page.
pub(crate) const LIMIT_CAP: usize = 1000;
/// Most entries that one scan passes over or counts.
const WALK_CAP: usize = 100_000;

/// A walk through a collection by its keys or by one index.
///
/// ```
/// # use warifu_store::{Query, Range};
/// let oldest_open = Query::by("status", Range::Is("open".to_owned())).limit(20);
/// let everything_backwards = Query::all().descending();
/// ```
#[derive(Clone, Debug)]
pub struct Query {
    pub(crate) index: Option<String>,
    pub(crate) range: Range,
    pub(crate) order: Order,
    pub(crate) after: Option<Cursor>,
    pub(crate) limit: usize,
    pub(crate) skip: usize,
    pub(crate) count_to: usize,
}

/// Which part of the keys or index keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Range {
    /// Everything.
    All,
    /// Exactly this key.
    Is(String),
    /// Keys that begin with this text.
    Prefix(String),
    /// From the first, included, to the second, excluded, by the order of their bytes.
    Between(String, String),
}

/// Direction of the walk; equal index keys come in the order of the record keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Smallest first.
    Ascending,
    /// Largest first.
    Descending,
}

/// Where a page ended. Its text form is safe in a query string; it holds the keys, so it is no secret and no proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor(pub(crate) Vec<u8>);

/// One page of a walk.
#[derive(Clone, Debug)]
pub struct Page<R> {
    /// At most the query's limit.
    pub items: Vec<R>,
    /// Where to go on, or `None` when this was the last page.
    pub next: Option<Cursor>,
    /// How many entries the whole range has, at most as many as [`Query::count_to`] asked for; 0 where it did not ask.
    pub count: usize,
}

impl Query {
    /// All records in the order of their keys, 100 a page.
    #[must_use]
    pub fn all() -> Self {
        Self::keys(Range::All)
    }

    /// Records whose own key is in the range.
    #[must_use]
    pub fn keys(range: Range) -> Self {
        Self { index: None, range, order: Order::Ascending, after: None, limit: 100, skip: 0, count_to: 0 }
    }

    /// Records with an entry of `index` in the range, once per entry.
    #[must_use]
    pub fn by(index: impl Into<String>, range: Range) -> Self {
        Self { index: Some(index.into()), ..Self::keys(range) }
    }

    /// At most so many records a page, 1 to 1000.
    #[must_use]
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = limit.clamp(1, LIMIT_CAP);
        self
    }

    /// Passes over so many entries first, at most 100,000. Their records are not read, but each entry is walked: to go
    /// through everything, go on after the cursor instead.
    #[must_use]
    pub fn skip(mut self, entries: usize) -> Self {
        self.skip = entries.min(WALK_CAP);
        self
    }

    /// Counts the entries of the whole range too, wherever this page lies in it, up to so many and at most 100,000.
    #[must_use]
    pub fn count_to(mut self, entries: usize) -> Self {
        self.count_to = entries.min(WALK_CAP);
        self
    }

    /// Goes on where a page ended.
    #[must_use]
    pub fn after(mut self, cursor: Cursor) -> Self {
        self.after = Some(cursor);
        self
    }

    /// Largest first.
    #[must_use]
    pub fn descending(mut self) -> Self {
        self.order = Order::Descending;
        self
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&Base64UrlUnpadded::encode_string(&self.0))
    }
}

/// A text that is no cursor.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("not a page cursor")]
pub struct NotACursor;

impl FromStr for Cursor {
    type Err = NotACursor;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() > 2048 {
            return Err(NotACursor);
        }
        Base64UrlUnpadded::decode_vec(text).map(Self).map_err(|_| NotACursor)
    }
}

/// A number as text whose byte order is the number's order: 16 hexadecimal digits. For index keys of times
/// (`sortable(at.as_second())`), counts and priorities.
#[must_use]
pub fn sortable(number: i64) -> String {
    // Flipping the sign bit puts the negative numbers below the positive ones.
    format!("{:016x}", number.cast_unsigned() ^ (1 << 63))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sortable_keeps_the_order() {
        let numbers = [i64::MIN, -5, -1, 0, 1, 42, 1_795_000_000, i64::MAX];
        let texts: Vec<_> = numbers.iter().map(|n| sortable(*n)).collect();
        assert!(texts.is_sorted(), "{texts:?}");
    }

    #[test]
    fn cursor_reads_what_it_writes() {
        let cursor = Cursor(b"open\0s1".to_vec());
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
        assert_eq!("not base64 ~".parse::<Cursor>(), Err(NotACursor));
    }
}
