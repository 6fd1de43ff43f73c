//! What one commit writes: changes that say what they expect, and the audit entries that record them.

use std::{collections::BTreeSet, sync::Arc};

use crate::{Error, Stored, Version, audit};

/// Longest key and index key, in bytes.
pub(crate) const KEY_CAP: usize = 512;
/// Largest body of one record, in bytes. Pictures belong into [`crate::blob`].
pub(crate) const BODY_CAP: usize = 4 * 1024 * 1024;
/// Most index entries of one record.
const INDEX_CAP: usize = 256;
/// Most changes and audit entries in one batch.
pub(crate) const BATCH_CAP: usize = 20_000;

/// What a change must find, or nothing is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// No record under this key.
    Absent,
    /// The record exactly as it was read.
    Seen(Version),
    /// Whatever is there: for records that are only ever appended or may safely be overwritten.
    Any,
}

/// Changes that are written together or not at all.
///
/// Built by value, so that a commit reads as one sentence:
/// `store.commit(Batch::new().replace(seen, &next).insert(&receipt).audit(entry))`.
/// A value that cannot be written is reported by the commit.
#[derive(Debug, Default)]
#[must_use = "a batch does nothing until it is committed"]
pub struct Batch {
    pub(crate) changes: Vec<Change>,
    pub(crate) entries: Vec<audit::Entry>,
    fault: Option<Error>,
}

#[derive(Debug)]
pub(crate) struct Change {
    pub(crate) collection: String,
    pub(crate) key: String,
    pub(crate) expected: Expected,
    pub(crate) write: Write,
}

#[derive(Debug)]
pub(crate) enum Write {
    Put { body: Vec<u8>, indexes: Vec<(String, String)> },
    Remove,
}

impl Batch {
    /// An empty batch.
    pub fn new() -> Self {
        Self::default()
    }

    /// Writes a new record; the key must be free.
    pub fn insert<T: Stored>(self, value: &T) -> Self {
        self.value(Expected::Absent, value)
    }

    /// Writes the next state of a record that was loaded as `seen`.
    pub fn replace<T: Stored>(self, seen: Version, value: &T) -> Self {
        self.value(Expected::Seen(seen), value)
    }

    /// Writes a record over whatever is there. Only where no decision depends on what was there before.
    pub fn overwrite<T: Stored>(self, value: &T) -> Self {
        self.value(Expected::Any, value)
    }

    /// Removes a record that was loaded as `seen`.
    pub fn remove<T: Stored>(self, seen: Version, value: &T) -> Self {
        self.delete(T::NAME, value.key(), Expected::Seen(seen))
    }

    /// Removes whatever stands under `key`; nothing there is fine. For erasure and expiry.
    pub fn erase<T: Stored>(self, key: &(impl ToString + ?Sized)) -> Self {
        self.delete(T::NAME, key.to_string(), Expected::Any)
    }

    /// Appends an entry to the audit log, in the same commit as the changes it speaks of.
    pub fn audit(mut self, entry: impl Into<audit::Entry>) -> Self {
        self.entries.push(entry.into());
        self
    }

    /// Adds all changes and entries of another batch.
    pub fn and(mut self, other: Self) -> Self {
        self.changes.extend(other.changes);
        self.entries.extend(other.entries);
        self.fault = self.fault.or(other.fault);
        self
    }

    /// Writes bytes without a type. `indexes` holds (index, index key) pairs, in place of those declared before.
    pub fn put(
        mut self,
        collection: impl Into<String>,
        key: impl Into<String>,
        expected: Expected,
        body: Vec<u8>,
        indexes: Vec<(String, String)>,
    ) -> Self {
        let write = Write::Put { body, indexes };
        self.changes.push(Change { collection: collection.into(), key: key.into(), expected, write });
        self
    }

    /// Removes a record without a type.
    pub fn delete(mut self, collection: impl Into<String>, key: impl Into<String>, expected: Expected) -> Self {
        self.changes.push(Change { collection: collection.into(), key: key.into(), expected, write: Write::Remove });
        self
    }

    /// Whether there is nothing to write.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.entries.is_empty()
    }

    fn value<T: Stored>(mut self, expected: Expected, value: &T) -> Self {
        let key = value.key();
        let indexes = value.indexes();
        if let Some((index, _)) = indexes.iter().find(|(index, _)| !T::INDEXES.contains(index)) {
            self.fault.get_or_insert(Error::NoSuchIndex { collection: T::NAME, index: (*index).to_owned() });
        }
        match serde_json::to_vec(value) {
            Ok(body) => {
                let indexes = indexes.into_iter().map(|(index, key)| (index.to_owned(), key)).collect();
                self.put(T::NAME, key, expected, body, indexes)
            }
            Err(cause) => {
                let fault = Error::Body { collection: T::NAME.to_owned(), key, cause: Arc::new(cause) };
                self.fault.get_or_insert(fault);
                self
            }
        }
    }

    /// Everything that can be refused without looking at the records.
    pub(crate) fn check(&mut self) -> Result<(), Error> {
        if let Some(fault) = self.fault.take() {
            return Err(fault);
        }
        let size = self.changes.len() + self.entries.len();
        if size > BATCH_CAP {
            return Err(Error::TooLarge { what: "batch", size, cap: BATCH_CAP });
        }
        let mut touched = BTreeSet::new();
        for change in &self.changes {
            check_collection(&change.collection)?;
            check_key(&change.key)?;
            if !touched.insert((&change.collection, &change.key)) {
                return Err(Error::Repeated { collection: change.collection.clone(), key: change.key.clone() });
            }
            if let Write::Put { body, indexes } = &change.write {
                if body.len() > BODY_CAP {
                    return Err(Error::TooLarge { what: "record", size: body.len(), cap: BODY_CAP });
                }
                if indexes.len() > INDEX_CAP {
                    return Err(Error::TooLarge { what: "list of index entries", size: indexes.len(), cap: INDEX_CAP });
                }
                for (index, index_key) in indexes {
                    check_key(index)?;
                    if !index_key.is_empty() {
                        check_key(index_key)?;
                    }
                }
            }
        }
        Ok(())
    }
}

/// Names of the store's own collections begin with `_`.
fn check_collection(name: &str) -> Result<(), Error> {
    check_key(name)?;
    if name.starts_with('_') { Err(Error::Reserved(name.to_owned())) } else { Ok(()) }
}

/// NUL separates the parts of a key on disk, so no part may hold one.
pub(crate) fn check_key(key: &str) -> Result<(), Error> {
    if key.is_empty() || key.len() > KEY_CAP || key.contains('\0') {
        return Err(Error::BadKey(key.chars().take(40).collect()));
    }
    Ok(())
}
