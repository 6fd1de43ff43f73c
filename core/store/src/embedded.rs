//! The store on top of an ordered map of bytes: versions, indexes, audit and the one writer, written once for all
//! embedded engines.
//!
//! One thread writes. It takes what is waiting, up to [`GROUP`] batches, decides each against the state the ones
//! before it leave, and hands all that passed to the engine as a single durable commit; a batch that conflicts fails
//! alone. So many callers share one wait for the disk.
//!
//! On disk, parts of a key are separated by NUL, which no part may contain:
//!
//! | key | value |
//! |---|---|
//! | `r` collection NUL key | version (8 bytes), count of index entries (2), each: length (2) and text of name and key; body |
//! | `i` collection NUL index NUL index key NUL key | empty |
//! | `h` | commit number (8), audit entries so far (8), hash of the last (32), entries the audit tree covers (8) |
//!
//! A store that was written before there was a tree has a head without the last number: opening it builds the tree.

use std::{
    collections::BTreeMap,
    sync::{Arc, mpsc},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use tokio::sync::oneshot;

use crate::{
    Batch, Cursor, Error, Expected, Order, Page, Query, Range, Receipt, Record, Store, Version,
    audit::{
        self,
        tree::{self, Node},
    },
    batch::{Write, check_key},
};

/// Most batches that share one commit.
const GROUP: usize = 64;
/// Entries of an older store that get their part of the audit tree in one write.
const TREE_STEP: u64 = 1000;
/// How long the writer waits for callers that came along last time.
const LINGER: Duration = Duration::from_millis(1);

const HEAD: &[u8] = b"h";

/// Bytes under a key, or `None` for "no longer there".
pub(crate) type Writes = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

/// An ordered map of bytes with atomic, durable writes.
pub(crate) trait Engine: Send + Sync + 'static {
    /// Whether reading may wait for a disk.
    const ON_DISK: bool;

    /// A view of the map; consistent while it lives where the engine has snapshots.
    fn reader(&self) -> Result<Box<dyn Reader + '_>, Error>;

    /// Writes everything or nothing and returns once it is durable. Called by one thread only.
    fn write(&self, writes: Writes) -> Result<(), Error>;
}

/// See [`Engine::reader`].
pub(crate) trait Reader {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Error>;

    /// Keys from `from` (included) to `to` (excluded), at most `limit`, in the given order.
    fn keys(&self, from: &[u8], to: &[u8], order: Order, limit: usize) -> Result<Vec<Vec<u8>>, Error>;
}

pub(crate) struct Embedded<E: Engine> {
    engine: Arc<E>,
    jobs: Option<mpsc::Sender<Job>>,
    writer: Option<JoinHandle<()>>,
}

struct Job {
    batch: Batch,
    answer: oneshot::Sender<Result<Receipt, Error>>,
}

impl<E: Engine> Embedded<E> {
    pub(crate) fn start(engine: E) -> Result<Self, Error> {
        loop {
            let missing = Staged::open(&*engine.reader()?, Staged::grow)?;
            if missing.is_empty() {
                break;
            }
            engine.write(missing)?;
        }
        let engine = Arc::new(engine);
        // Unbounded, yet never longer than the number of callers: each waits for its answer.
        let (jobs, waiting) = mpsc::channel();
        let writer = thread::Builder::new().name("store writer".to_owned()).spawn({
            let engine = Arc::clone(&engine);
            move || write_groups(&*engine, &waiting)
        })?;
        Ok(Self { engine, jobs: Some(jobs), writer: Some(writer) })
    }
}

impl<E: Engine> Drop for Embedded<E> {
    /// Finishes what is queued and gives the engine's files free, so that they can be opened again.
    fn drop(&mut self) {
        drop(self.jobs.take());
        if let Some(writer) = self.writer.take()
            && writer.join().is_err()
        {
            tracing::error!("the store's writer had died");
        }
    }
}

#[async_trait]
impl<E: Engine> Store for Embedded<E> {
    async fn get(&self, collection: &str, key: &str) -> Result<Option<Record>, Error> {
        check_key(collection)?;
        check_key(key)?;
        // On the caller's thread: a few cached pages, measured at about 10 microseconds, are cheaper than a change
        // of thread and back.
        let bytes = self.engine.reader()?.get(&record_key(collection, key))?;
        Ok(bytes.map(|bytes| Kept::read(&bytes)).transpose()?.map(|kept| kept.into_record(key.to_owned())))
    }

    async fn scan(&self, collection: &str, query: &Query) -> Result<Page<Record>, Error> {
        check_key(collection)?;
        if let Some(index) = &query.index {
            check_key(index)?;
        }
        if !E::ON_DISK {
            return page(&*self.engine.reader()?, collection, query);
        }
        let (engine, collection, query) = (Arc::clone(&self.engine), collection.to_owned(), query.clone());
        tokio::task::spawn_blocking(move || page(&*engine.reader()?, &collection, &query))
            .await
            .map_err(Error::engine)?
    }

    async fn commit(&self, mut batch: Batch) -> Result<Receipt, Error> {
        batch.check()?;
        let (answer, answered) = oneshot::channel();
        self.jobs.as_ref().ok_or(Error::Stopped)?.send(Job { batch, answer }).map_err(|_| Error::Stopped)?;
        answered.await.map_err(|_| Error::Stopped)?
    }
}

fn write_groups<E: Engine>(engine: &E, waiting: &mpsc::Receiver<Job>) {
    let mut last = 1;
    while let Ok(first) = waiting.recv() {
        let mut group = vec![first];
        let deadline = Instant::now() + LINGER;
        while group.len() < GROUP {
            // A lone caller is never kept waiting; where several came last time, they are likely on their way.
            let next = match waiting.try_recv() {
                Ok(job) => Some(job),
                Err(_) if group.len() >= last => None,
                Err(_) => waiting.recv_timeout(deadline.saturating_duration_since(Instant::now())).ok(),
            };
            match next {
                Some(job) => group.push(job),
                None => break,
            }
        }
        last = group.len();
        write_group(engine, group);
    }
}

fn write_group<E: Engine>(engine: &E, group: Vec<Job>) {
    let mut answers = Vec::with_capacity(group.len());
    let decided = engine.reader().and_then(|reader| {
        Staged::open(&*reader, |staged| {
            for Job { batch, answer } in group {
                answers.push((answer, staged.apply(batch)));
            }
            Ok(())
        })
    });
    let written = match decided {
        Ok(writes) if writes.is_empty() => Ok(()),
        Ok(writes) => engine.write(writes),
        Err(error) => Err(error),
    };
    if let Err(error) = &written {
        tracing::error!(%error, "a group of {} commits was not written", answers.len());
    }
    for (answer, outcome) in answers {
        // A caller that went away is not told; that is its choice.
        let _ = answer.send(written.clone().and(outcome));
    }
}

/// The state after the batches of this group that passed so far.
struct Staged<'r> {
    reader: &'r dyn Reader,
    writes: Writes,
    head: Head,
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Head {
    commits: u64,
    audited: u64,
    last: audit::Hash,
    /// Entries the tree covers: all of them, once the store is open.
    treed: u64,
}

impl<'r> Staged<'r> {
    fn open(reader: &'r dyn Reader, apply: impl FnOnce(&mut Self) -> Result<(), Error>) -> Result<Writes, Error> {
        let head = match reader.get(HEAD)? {
            Some(bytes) => Head::read(&bytes)?,
            None => Head { commits: 0, audited: 0, last: audit::Hash::GENESIS, treed: 0 },
        };
        let mut staged = Staged { reader, writes: Writes::new(), head };
        apply(&mut staged)?;
        if staged.head != head {
            staged.writes.insert(HEAD.to_vec(), Some(staged.head.write()));
        }
        Ok(staged.writes)
    }

    fn apply(&mut self, batch: Batch) -> Result<Receipt, Error> {
        // First everything that can fail, then everything that cannot.
        let mut before = Vec::with_capacity(batch.changes.len());
        for change in &batch.changes {
            let kept = self.kept(&record_key(&change.collection, &change.key))?;
            let as_expected = match (change.expected, &kept) {
                (Expected::Any, _) | (Expected::Absent, None) => true,
                (Expected::Seen(version), Some(kept)) => kept.version == version,
                (Expected::Absent, Some(_)) | (Expected::Seen(_), None) => false,
            };
            if !as_expected {
                return Err(Error::Conflict { collection: change.collection.clone(), key: change.key.clone() });
            }
            before.push(kept);
        }
        let mut head = Head { commits: self.head.commits + 1, ..self.head };
        let version = Version(head.commits);
        let mut sealed = Vec::with_capacity(batch.entries.len());
        let mut nodes = BTreeMap::new();
        for entry in batch.entries {
            let next = audit::Sealed::seal(head.audited, head.last, entry)?;
            let key = audit::Sealed::record_key(next.sequence);
            let body = serde_json::to_vec(&next).map_err(|cause| Error::Body {
                collection: audit::COLLECTION.to_owned(),
                key: key.clone(),
                cause: Arc::new(cause),
            })?;
            self.branch(next.sequence, &body, &mut nodes)?;
            (head.audited, head.last, head.treed) = (head.audited + 1, next.hash, head.treed + 1);
            sealed.push((
                key,
                Kept {
                    version,
                    indexes: vec![(audit::BY_SUBJECT.to_owned(), next.entry.subject.as_str().to_owned())],
                    body,
                },
            ));
        }

        for (change, kept) in batch.changes.into_iter().zip(before) {
            for (index, index_key) in kept.into_iter().flat_map(|kept| kept.indexes) {
                self.writes.insert(index_entry(&change.collection, &index, &index_key, &change.key), None);
            }
            match change.write {
                Write::Put { body, indexes } => {
                    self.put(&change.collection, &change.key, &Kept { version, indexes, body });
                }
                Write::Remove => {
                    self.writes.insert(record_key(&change.collection, &change.key), None);
                }
            }
        }
        for (key, kept) in sealed {
            self.put(audit::COLLECTION, &key, &kept);
        }
        self.put_nodes(version, nodes);
        let audited = self.head.audited..head.audited;
        self.head = head;
        Ok(Receipt { version, audit: audited })
    }

    /// Covers the next entries of a store that was written before there was a tree; all the same is fine.
    fn grow(&mut self) -> Result<(), Error> {
        let mut nodes = BTreeMap::new();
        let end = self.head.audited.min(self.head.treed + TREE_STEP);
        for sequence in self.head.treed..end {
            let key = record_key(audit::COLLECTION, &audit::Sealed::record_key(sequence));
            let entry = self.kept(&key)?.ok_or(Error::Corrupt("an audit entry is missing"))?;
            self.branch(sequence, &entry.body, &mut nodes)?;
        }
        self.put_nodes(Version(self.head.commits), nodes);
        self.head.treed = end;
        Ok(())
    }

    /// Adds to `nodes` the perfect subtrees that are complete with this entry. `nodes` also holds the leaves of the
    /// same batch, which no record has yet.
    fn branch(&self, sequence: u64, body: &[u8], nodes: &mut BTreeMap<Node, audit::Hash>) -> Result<(), Error> {
        let leaf = tree::leaf(body);
        let completed = tree::completed(sequence, leaf, |node| {
            if let Some(hash) = nodes.get(&node) {
                return Ok(*hash);
            }
            let (collection, key) = match node.level {
                0 => (audit::COLLECTION, audit::Sealed::record_key(node.index)),
                _ => (tree::COLLECTION, node.record_key()),
            };
            let kept = self.kept(&record_key(collection, &key))?;
            let kept = kept.ok_or(Error::Corrupt("a node of the audit tree is missing"))?;
            if node.level == 0 { Ok(tree::leaf(&kept.body)) } else { audit::Hash::read(&kept.body) }
        })?;
        nodes.insert(Node { level: 0, index: sequence }, leaf);
        nodes.extend(completed);
        Ok(())
    }

    fn put_nodes(&mut self, version: Version, nodes: BTreeMap<Node, audit::Hash>) {
        for (node, hash) in nodes.into_iter().filter(|(node, _)| node.level > 0) {
            let kept = Kept { version, indexes: Vec::new(), body: hash.as_bytes().to_vec() };
            self.put(tree::COLLECTION, &node.record_key(), &kept);
        }
    }

    fn kept(&self, key: &[u8]) -> Result<Option<Kept>, Error> {
        match self.writes.get(key) {
            Some(staged) => staged.as_deref().map(Kept::read).transpose(),
            None => self.reader.get(key)?.as_deref().map(Kept::read).transpose(),
        }
    }

    fn put(&mut self, collection: &str, key: &str, kept: &Kept) {
        for (index, index_key) in &kept.indexes {
            self.writes.insert(index_entry(collection, index, index_key, key), Some(Vec::new()));
        }
        self.writes.insert(record_key(collection, key), Some(kept.write()));
    }
}

fn page(reader: &dyn Reader, collection: &str, query: &Query) -> Result<Page<Record>, Error> {
    let base = match &query.index {
        None => record_key(collection, ""),
        Some(index) => [b"i", collection.as_bytes(), b"\0", index.as_bytes(), b"\0"].concat(),
    };
    // A record key ends where the key on disk ends; an index key ends with a NUL before the record key.
    let (mut from, mut to) = match &query.range {
        Range::All => (base.clone(), past(&base)),
        Range::Prefix(prefix) => {
            let from = [&base, prefix.as_bytes()].concat();
            let to = past(&from);
            (from, to)
        }
        Range::Is(key) => {
            let key = [&base, key.as_bytes()].concat();
            let after = [&key[..], b"\0"].concat();
            match query.index {
                None => (key, after),
                Some(_) => (after.clone(), past(&after)),
            }
        }
        Range::Between(low, high) => ([&base, low.as_bytes()].concat(), [&base, high.as_bytes()].concat()),
    };
    let count = match query.count_to {
        0 => 0,
        most if from < to => reader.keys(&from, &to, query.order, most)?.len(),
        _ => 0,
    };
    if let Some(Cursor(tail)) = &query.after {
        let at = [&base[..], tail].concat();
        match query.order {
            Order::Ascending => from = from.max([&at[..], b"\0"].concat()),
            Order::Descending => to = to.min(at),
        }
    }
    if from >= to {
        return Ok(Page { items: Vec::new(), next: None, count });
    }

    let mut keys = reader.keys(&from, &to, query.order, query.skip + query.limit + 1)?;
    keys.drain(..query.skip.min(keys.len()));
    let more = keys.len() > query.limit;
    keys.truncate(query.limit);
    let next = if more { keys.last().map(|key| Cursor(key[base.len()..].to_vec())) } else { None };
    let mut items = Vec::with_capacity(keys.len());
    for entry in keys {
        let tail = std::str::from_utf8(&entry[base.len()..]).map_err(|_| Error::Corrupt("a key is not text"))?;
        let (index_key, key) = match &query.index {
            None => ("", tail),
            Some(_) => tail.split_once('\0').ok_or(Error::Corrupt("an index entry without a record key"))?,
        };
        let Some(bytes) = reader.get(&record_key(collection, key))? else { continue };
        let kept = Kept::read(&bytes)?;
        // An engine without snapshots may show an entry whose record has moved on since.
        let declared = |index: &str| kept.indexes.iter().any(|(name, key)| name == index && key == index_key);
        if query.index.as_deref().is_none_or(declared) {
            items.push(kept.into_record(key.to_owned()));
        }
    }
    Ok(Page { items, next, count })
}

fn record_key(collection: &str, key: &str) -> Vec<u8> {
    [b"r", collection.as_bytes(), b"\0", key.as_bytes()].concat()
}

fn index_entry(collection: &str, index: &str, index_key: &str, key: &str) -> Vec<u8> {
    [b"i", collection.as_bytes(), b"\0", index.as_bytes(), b"\0", index_key.as_bytes(), b"\0", key.as_bytes()].concat()
}

/// The first key after all that begin with `prefix`. Prefixes are text with NULs, so their last byte is below 255.
fn past(prefix: &[u8]) -> Vec<u8> {
    let mut past = prefix.to_vec();
    if let Some(last) = past.last_mut() {
        *last = last.saturating_add(1);
    }
    past
}

/// A record as it lies on disk.
struct Kept {
    version: Version,
    indexes: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Kept {
    fn into_record(self, key: String) -> Record {
        Record { key, version: self.version, body: self.body }
    }

    fn write(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(10 + 64 * self.indexes.len() + self.body.len());
        bytes.extend(self.version.0.to_be_bytes());
        bytes.extend(short(self.indexes.len()));
        for text in self.indexes.iter().flat_map(|(index, key)| [index, key]) {
            bytes.extend(short(text.len()));
            bytes.extend(text.as_bytes());
        }
        bytes.extend(&self.body);
        bytes
    }

    fn read(bytes: &[u8]) -> Result<Self, Error> {
        const TORN: Error = Error::Corrupt("a record ends early");
        fn text<'b>(rest: &mut &'b [u8]) -> Result<&'b str, Error> {
            let (length, after) = rest.split_first_chunk().ok_or(TORN)?;
            let (text, after) = after.split_at_checked(u16::from_be_bytes(*length).into()).ok_or(TORN)?;
            *rest = after;
            std::str::from_utf8(text).map_err(|_| Error::Corrupt("an index entry is not text"))
        }
        let (version, rest) = bytes.split_first_chunk().ok_or(TORN)?;
        let (count, mut rest) = rest.split_first_chunk().ok_or(TORN)?;
        let mut indexes = Vec::new();
        for _ in 0..u16::from_be_bytes(*count) {
            indexes.push((text(&mut rest)?.to_owned(), text(&mut rest)?.to_owned()));
        }
        Ok(Self { version: Version(u64::from_be_bytes(*version)), indexes, body: rest.to_vec() })
    }
}

impl Head {
    fn write(self) -> Vec<u8> {
        [&self.commits.to_be_bytes()[..], &self.audited.to_be_bytes(), self.last.as_bytes(), &self.treed.to_be_bytes()]
            .concat()
    }

    fn read(bytes: &[u8]) -> Result<Self, Error> {
        const TORN: Error = Error::Corrupt("the head of the store");
        let (commits, rest) = bytes.split_first_chunk().ok_or(TORN)?;
        let (audited, rest) = rest.split_first_chunk().ok_or(TORN)?;
        let (last, rest) = rest.split_first_chunk().ok_or(TORN)?;
        let treed = if rest.is_empty() { [0; 8] } else { rest.try_into().map_err(|_| TORN)? };
        let head = Self {
            commits: u64::from_be_bytes(*commits),
            audited: u64::from_be_bytes(*audited),
            last: audit::Hash::from_bytes(*last),
            treed: u64::from_be_bytes(treed),
        };
        if head.treed > head.audited { Err(TORN) } else { Ok(head) }
    }
}

/// Lengths are capped far below by the batch's own check.
fn short(length: usize) -> [u8; 2] {
    u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes()
}

/// Takes the audit tree out of a closed store, as if it had been written before there was one.
#[cfg(test)]
pub(crate) fn forget_tree<E: Engine>(engine: &E) {
    let all = record_key(tree::COLLECTION, "");
    let reader = engine.reader().unwrap();
    let keys = reader.keys(&all, &past(&all), Order::Ascending, usize::MAX - 1).unwrap();
    let head = reader.get(HEAD).unwrap().unwrap();
    drop(reader);
    assert_eq!(head.len(), 56);
    let mut writes: Writes = keys.into_iter().map(|key| (key, None)).collect();
    writes.insert(HEAD.to_vec(), Some(head[..48].to_vec()));
    engine.write(writes).unwrap();
}
