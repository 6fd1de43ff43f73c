//! The log of everything that changed: entries in one unbroken row, each bound to the one before.
//!
//! An entry travels in the same [`Batch`](crate::Batch) as the change it records, so neither is written without the
//! other. The store numbers entries from 0 without gaps and hashes each together with the hash before it; whoever
//! keeps one hash can tell whether anything up to it was altered, dropped or put in between ([`verify`]). Over the
//! entries stands a Merkle tree ([`Root`]): one entry is shown to be in the log, and a later log to continue an earlier
//! one, with a few hashes. A role signs its root as a [`Checkpoint`]; an [`export`] carries both.
//!
//! Personal data never enters the log: an entry outlives the erasure of the person it speaks of. People, sessions and
//! credentials appear as a [`Reference`] keyed with a secret of the tenant; whoever holds secret and identifier can
//! find the entries, and without them they point nowhere.

use std::{collections::BTreeMap, fmt, sync::Arc};

use base64ct::{Base64UrlUnpadded, Encoding};
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{Error, Page, Query, Range, Record, Store};

mod checkpoint;
pub mod export;
pub(crate) mod tree;

pub use checkpoint::{Checkpoint, Malformed, NoteKey, SignedNote, Unsigned};
pub use tree::{Error as ProofError, NotProven, Peaks, Root};

/// The collection that holds the log.
pub(crate) const COLLECTION: &str = "_audit";
/// The index from a subject to its entries.
pub(crate) const BY_SUBJECT: &str = "subject";

/// What happened, when, by whom, to what. No personal data: see the module.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// When the role decided it.
    pub at: Timestamp,
    /// What was done, as `thing.verb`: `session.approved`, `share.imported`.
    pub action: String,
    /// Who did it.
    pub actor: Reference,
    /// What it was done to.
    pub subject: Reference,
    /// Further facts in plain words: status before and after, audience, scope. Never names, numbers or pictures of people.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub facts: BTreeMap<String, String>,
}

impl Entry {
    /// An entry without further facts.
    #[must_use]
    pub fn new(at: Timestamp, action: impl Into<String>, actor: Reference, subject: Reference) -> Self {
        Self { at, action: action.into(), actor, subject, facts: BTreeMap::new() }
    }

    /// Adds a fact.
    #[must_use]
    pub fn fact(mut self, name: impl Into<String>, value: impl fmt::Display) -> Self {
        self.facts.insert(name.into(), value.to_string());
        self
    }
}

/// A name for someone or something in the log: `kind:token`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Reference(String);

impl Reference {
    /// A pseudonym: the first 128 bits of HMAC-SHA-256 over kind and identifier under a secret of the tenant. The
    /// same identifier always gives the same reference; erasing the secret makes all of them meaningless.
    #[must_use]
    pub fn keyed(secret: &[u8; 32], kind: &str, identifier: &str) -> Self {
        // HMAC fills a short key up with zeros to the block of the hash (RFC 2104 section 2).
        let mut block = [0; 64];
        block[..32].copy_from_slice(secret);
        let mut mac = Hmac::<Sha256>::new(&block.into());
        mac.update(kind.as_bytes());
        mac.update(&[0]);
        mac.update(identifier.as_bytes());
        let tag = mac.finalize().into_bytes();
        Self(format!("{kind}:{}", Base64UrlUnpadded::encode_string(&tag[..16])))
    }

    /// A name that is public anyway: a role, an organisation, a published key. Never a person.
    #[must_use]
    pub fn public(kind: &str, name: &str) -> Self {
        Self(format!("{kind}:{name}"))
    }

    /// The text in the log.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// SHA-256: of an entry and everything before it, or of a node of the tree. Base64url in text.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Hash([u8; 32]);

impl Hash {
    /// What stands before the first entry.
    pub const GENESIS: Self = Self([0; 32]);

    /// A hash from elsewhere: a proof, or a root that was kept.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    pub(crate) fn read(bytes: &[u8]) -> Result<Self, Error> {
        bytes.try_into().map(Self).map_err(|_| Error::Corrupt("a hash of the audit tree"))
    }

    /// The 32 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&Base64UrlUnpadded::encode_string(&self.0))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hash({self})")
    }
}

impl From<Hash> for String {
    fn from(hash: Hash) -> Self {
        hash.to_string()
    }
}

impl TryFrom<String> for Hash {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        let mut bytes = [0; 32];
        match Base64UrlUnpadded::decode(&text, &mut bytes) {
            Ok(decoded) if decoded.len() == 32 => Ok(Self(bytes)),
            Ok(_) | Err(_) => Err("a hash is 32 bytes in base64url"),
        }
    }
}

/// An entry in its place in the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sealed {
    /// Position, from 0, without gaps.
    pub sequence: u64,
    /// What happened.
    pub entry: Entry,
    /// Hash of the entry before, or [`Hash::GENESIS`].
    pub previous: Hash,
    /// Hash of this entry and of all before it.
    pub hash: Hash,
}

impl Sealed {
    pub(crate) fn seal(sequence: u64, previous: Hash, entry: Entry) -> Result<Self, Error> {
        let hash = chain(sequence, previous, &entry)?;
        Ok(Self { sequence, entry, previous, hash })
    }

    pub(crate) fn record_key(sequence: u64) -> String {
        format!("{sequence:020}")
    }
}

/// The canonical bytes are a JSON array of strings and one sorted object: member order is fixed by the struct and the
/// map, numbers do not occur, so no build option of the JSON library changes them.
fn chain(sequence: u64, previous: Hash, entry: &Entry) -> Result<Hash, Error> {
    let canonical = serde_json::to_vec(&(&entry.at, &entry.action, &entry.actor, &entry.subject, &entry.facts))
        .map_err(|cause| Error::Body {
            collection: COLLECTION.to_owned(),
            key: Sealed::record_key(sequence),
            cause: Arc::new(cause),
        })?;
    let digest = Sha256::new()
        .chain_update(b"warifu audit entry 1\n")
        .chain_update(previous.0)
        .chain_update(sequence.to_be_bytes())
        .chain_update(canonical)
        .finalize();
    Ok(Hash(digest.into()))
}

/// Where a row of entries is not what the store wrote.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Broken {
    /// An entry is missing, doubled or out of place.
    #[error("entry {expected} is missing from the log")]
    Gap {
        /// The sequence number that should have come.
        expected: u64,
    },
    /// The entry does not follow the one before it.
    #[error("entry {0} does not follow the entry before it")]
    Unlinked(u64),
    /// The entry was altered after it was sealed.
    #[error("entry {0} was altered")]
    Altered(u64),
}

/// Checks that `entries` are an unbroken, unaltered piece of the log; the first may be any entry.
///
/// To check against a hash kept elsewhere, compare it with the `hash` of the entry of that sequence number.
///
/// # Errors
/// The first place where the row breaks.
pub fn verify(entries: &[Sealed]) -> Result<(), Broken> {
    let Some(first) = entries.first() else { return Ok(()) };
    if first.sequence == 0 && first.previous != Hash::GENESIS {
        return Err(Broken::Unlinked(0));
    }
    let mut previous = first.previous;
    for (expected, sealed) in (first.sequence..).zip(entries) {
        follows(expected, previous, sealed)?;
        previous = sealed.hash;
    }
    Ok(())
}

/// Checks that the entry has this place and comes right after the one with the hash `previous`.
fn follows(expected: u64, previous: Hash, sealed: &Sealed) -> Result<(), Broken> {
    if sealed.sequence != expected {
        return Err(Broken::Gap { expected });
    }
    if sealed.previous != previous {
        return Err(Broken::Unlinked(sealed.sequence));
    }
    if chain(sealed.sequence, sealed.previous, &sealed.entry).ok() != Some(sealed.hash) {
        return Err(Broken::Altered(sealed.sequence));
    }
    Ok(())
}

/// Reads the log of a store.
#[derive(Clone)]
pub struct Log {
    store: Arc<dyn Store>,
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Log")
    }
}

impl Log {
    /// The log of this store.
    #[must_use]
    pub fn of(store: &Arc<dyn Store>) -> Self {
        Self { store: Arc::clone(store) }
    }

    /// Entries from a sequence number on, at most `limit` (1 to 1000).
    ///
    /// # Errors
    /// As [`Store::scan`].
    pub async fn entries(&self, from: u64, limit: usize) -> Result<Vec<Sealed>, Error> {
        let range = Range::Between(Sealed::record_key(from), "~".to_owned());
        let page = self.store.scan(COLLECTION, &Query::keys(range).limit(limit)).await?;
        page.items.into_iter().map(read).collect()
    }

    /// Entries about one subject, oldest first, page by page (the cursor comes from the page before).
    ///
    /// # Errors
    /// As [`Store::scan`].
    pub async fn about(&self, subject: &Reference, after: Option<crate::Cursor>) -> Result<Page<Sealed>, Error> {
        let mut query = Query::by(BY_SUBJECT, Range::Is(subject.as_str().to_owned()));
        query.after = after;
        let Page { items, next, count } = self.store.scan(COLLECTION, &query).await?;
        Ok(Page { items: items.into_iter().map(read).collect::<Result<_, _>>()?, next, count })
    }

    /// The newest entry, or `None` in an empty log.
    ///
    /// # Errors
    /// As [`Store::scan`].
    pub async fn newest(&self) -> Result<Option<Sealed>, Error> {
        let page = self.store.scan(COLLECTION, &Query::all().descending().limit(1)).await?;
        page.items.into_iter().next().map(read).transpose()
    }
}

fn read(record: Record) -> Result<Sealed, Error> {
    serde_json::from_slice(&record.body).map_err(|cause| Error::Body {
        collection: COLLECTION.to_owned(),
        key: record.key,
        cause: Arc::new(cause),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(length: u64) -> Vec<Sealed> {
        let mut previous = Hash::GENESIS;
        (0..length)
            .map(|sequence| {
                let at = Timestamp::from_second(1_795_000_000).unwrap();
                let actor = Reference::public("role", "issuer");
                let subject = Reference::keyed(&[7; 32], "session", &format!("s{sequence}"));
                let entry = Entry::new(at, "session.opened", actor, subject).fact("status", "Not Started");
                let sealed = Sealed::seal(sequence, previous, entry).unwrap();
                previous = sealed.hash;
                sealed
            })
            .collect()
    }

    #[test]
    fn an_untouched_row_verifies() {
        assert_eq!(verify(&row(5)), Ok(()));
        assert_eq!(verify(&row(5)[2..]), Ok(()));
        assert_eq!(verify(&[]), Ok(()));
    }

    #[test]
    fn every_kind_of_tampering_shows() {
        let mut altered = row(4);
        altered[2].entry.action = "session.approved".to_owned();
        assert_eq!(verify(&altered), Err(Broken::Altered(2)));

        let mut dropped = row(4);
        dropped.remove(1);
        assert_eq!(verify(&dropped), Err(Broken::Gap { expected: 1 }));

        let mut relinked = row(4);
        let entry = relinked[1].entry.clone();
        relinked[1] = Sealed::seal(1, Hash::GENESIS, entry).unwrap();
        assert_eq!(verify(&relinked), Err(Broken::Unlinked(1)));

        let mut other_start = row(1);
        let entry = other_start[0].entry.clone();
        other_start[0] = Sealed::seal(0, Hash([1; 32]), entry).unwrap();
        assert_eq!(verify(&other_start), Err(Broken::Unlinked(0)));
    }

    /// Pins the canonical form: a log written yesterday must verify tomorrow.
    #[test]
    fn the_chain_is_pinned() {
        assert_eq!(row(2)[1].hash.to_string(), "MdaQLKPazyW5O1NPh6vxhZmEhIGpv9g7EHhTROnBq1c");
    }

    #[test]
    fn references_hide_the_identifier_and_depend_on_the_secret() {
        let a = Reference::keyed(&[1; 32], "subject", "erika");
        assert_eq!(a, Reference::keyed(&[1; 32], "subject", "erika"));
        assert_ne!(a, Reference::keyed(&[2; 32], "subject", "erika"));
        assert_ne!(a, Reference::keyed(&[1; 32], "session", "erika"));
        assert!(!a.as_str().contains("erika"));
    }
}
