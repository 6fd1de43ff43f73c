//! Where the roles keep their records: three verbs, whichever engine runs below.
//!
//! A record is a JSON body under a key in a collection. It carries a [`Version`] that changes with every write and the
//! index entries its writer declared. [`Store::get`] reads one record, [`Store::scan`] pages through a collection in
//! the order of its keys or of an index, and [`Store::commit`] writes a [`Batch`]: every change says what it expects
//! to find, either all changes and all audit entries are written or nothing is, and an answer means that the bytes
//! have reached the disk.
//!
//! ```no_run
//! # use serde::{Deserialize, Serialize};
//! # use warifu_store::{Batch, Collection, Error, Loaded, Stored, audit};
//! #[derive(Serialize, Deserialize)]
//! struct Session { id: String, status: String }
//!
//! impl Stored for Session {
//!     const NAME: &'static str = "sessions";
//!     const INDEXES: &'static [&'static str] = &["status"];
//!     fn key(&self) -> String { self.id.clone() }
//!     fn indexes(&self) -> Vec<(&'static str, String)> { vec![("status", self.status.clone())] }
//! }
//!
//! # async fn example(entry: audit::Entry) -> Result<(), Error> {
//! let store = warifu_store::redb::open("data/issuer.redb")?;
//! let sessions = Collection::<Session>::of(&store);
//! if let Some(Loaded { seen, mut value }) = sessions.load("s1").await? {
//!     value.status = "Approved".to_owned();
//!     store.commit(Batch::new().replace(seen, &value).audit(entry)).await?;
//! }
//! # Ok(())
//! # }
//! ```
//!
//! Left out on purpose: transactions that stay open while the caller thinks (compare-and-set and try again instead),
//! queries that no index serves, and encryption, which belongs to whoever knows the subject's key. Large pictures
//! live in [`blob`], not in records.

use std::{error::Error as StdError, sync::Arc};

use async_trait::async_trait;

mod batch;
mod collection;
#[cfg(test)]
mod contract;
mod embedded;
mod scan;

pub mod audit;
pub mod blob;
pub mod memory;
pub mod redb;
#[cfg(feature = "sled")]
pub mod sled;

pub use batch::{Batch, Expected};
pub use collection::{Collection, Loaded, Stored};
pub use scan::{Cursor, NotACursor, Order, Page, Query, Range, sortable};

/// A place for records. One of the four joints of the project: a backend implements these three verbs and passes
/// the contract suite, and nothing above knows which one runs.
#[async_trait]
pub trait Store: Send + Sync {
    /// The record under `key`, or `None` where there is none.
    ///
    /// # Errors
    /// [`Error::BadKey`] for a key no record can have; [`Error::Engine`] and [`Error::Corrupt`] from below.
    async fn get(&self, collection: &str, key: &str) -> Result<Option<Record>, Error>;

    /// One page of a collection, in the order of the keys or of one declared index.
    ///
    /// A page is read from one consistent state where the engine has snapshots; two pages may see different states.
    ///
    /// # Errors
    /// As [`Store::get`]. An index no record declared gives an empty page here; [`Collection::scan`] is stricter.
    async fn scan(&self, collection: &str, query: &Query) -> Result<Page<Record>, Error>;

    /// Writes all changes and audit entries of the batch, or nothing.
    ///
    /// The answer comes after the bytes are durable. A caller that goes away while it waits does not undo the
    /// commit: it may or may not be written, so load again before deciding anew.
    ///
    /// # Errors
    /// [`Error::Conflict`] names the first change that did not find what it expects; nothing was written.
    async fn commit(&self, batch: Batch) -> Result<Receipt, Error>;
}

/// The state of one record at one commit. Never used twice in one store, so a record that was removed and written
/// again never looks like the one a caller has seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(pub(crate) u64);

/// A record as the engine keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The key inside the collection.
    pub key: String,
    /// What a compare-and-set change must name.
    pub version: Version,
    /// The value; JSON when written through [`Collection`].
    pub body: Vec<u8>,
}

/// What a commit did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The version all records of the batch have now: the next `replace` needs no load in between.
    pub version: Version,
    /// Sequence numbers of the audit entries in the order of the batch; empty when it carried none.
    pub audit: std::ops::Range<u64>,
}

/// Why a store refused or failed. Keys appear in the text, so keys must be identifiers, never personal data.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Someone wrote meanwhile, or the record is there (or gone) against expectation. Load, decide and commit again.
    #[error("`{collection}/{key}` is not in the expected state")]
    Conflict {
        /// Collection of the change that failed.
        collection: String,
        /// Key of the change that failed.
        key: String,
    },
    /// One batch changes the same record twice.
    #[error("the batch changes `{collection}/{key}` twice")]
    Repeated {
        /// Collection of the record.
        collection: String,
        /// Key of the record.
        key: String,
    },
    /// A name or key that is empty, too long, or holds a NUL character.
    #[error("`{0}` is no usable name or key")]
    BadKey(String),
    /// Collections whose name begins with `_` belong to the store itself.
    #[error("the collection `{0}` belongs to the store")]
    Reserved(String),
    /// A body, a batch or a blob beyond its cap.
    #[error("{what} of {size} is larger than {cap}")]
    TooLarge {
        /// What was too large.
        what: &'static str,
        /// Its size, in bytes or changes.
        size: usize,
        /// The most that is taken.
        cap: usize,
    },
    /// A value declares, or a query names, an index that is not in [`Stored::INDEXES`].
    #[error("`{collection}` declares no index `{index}`")]
    NoSuchIndex {
        /// The collection.
        collection: &'static str,
        /// The unknown index.
        index: String,
    },
    /// A value that cannot be written as JSON, or a body that no longer reads as its type.
    #[error("the body of `{collection}/{key}` does not fit its type")]
    Body {
        /// Collection of the record.
        collection: String,
        /// Key of the record.
        key: String,
        /// What serde says.
        #[source]
        cause: Arc<serde_json::Error>,
    },
    /// Bytes on disk that this store did not write.
    #[error("damaged record: {0}")]
    Corrupt(&'static str),
    /// The engine below failed: disk full, file locked, no permission.
    #[error("the storage engine failed: {0}")]
    Engine(#[source] Arc<dyn StdError + Send + Sync>),
    /// The store was closed, or its writer died.
    #[error("the store is closed")]
    Stopped,
}

impl Error {
    pub(crate) fn engine(cause: impl StdError + Send + Sync + 'static) -> Self {
        Self::Engine(Arc::new(cause))
    }

    /// Whether loading, deciding and committing again may succeed.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Conflict { .. })
    }
}

impl From<std::io::Error> for Error {
    fn from(cause: std::io::Error) -> Self {
        Self::engine(cause)
    }
}
