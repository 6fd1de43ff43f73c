//! Records with a type: what the roles work with.

use std::{fmt, marker::PhantomData, sync::Arc};

use serde::{Serialize, de::DeserializeOwned};

use crate::{Error, Page, Query, Record, Store, Version, scan};

/// A type whose values are records of one collection.
pub trait Stored: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// Name of the collection. Part of the data on disk: choose it once.
    const NAME: &'static str;
    /// Every index a value may declare.
    const INDEXES: &'static [&'static str] = &[];

    /// The key of this value: 1 to 512 bytes without NUL, an identifier and never personal data.
    fn key(&self) -> String;

    /// The index entries of this value, as (index, index key). They are written and removed with the value.
    ///
    /// An index is not unique: for "only one per X", insert a small record under the key X in the same batch. Make
    /// numbers and times sortable with [`crate::sortable`]. A value may have several entries in one index, or none.
    fn indexes(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }
}

/// A value and the version under which it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loaded<T> {
    /// What [`crate::Batch::replace`] and [`crate::Batch::remove`] need.
    pub seen: Version,
    /// The value.
    pub value: T,
}

/// The records of one type in a store. Cheap to clone.
pub struct Collection<T> {
    store: Arc<dyn Store>,
    of: PhantomData<fn() -> T>,
}

impl<T: Stored> Collection<T> {
    /// The collection of `T` in this store.
    #[must_use]
    pub fn of(store: &Arc<dyn Store>) -> Self {
        Self { store: Arc::clone(store), of: PhantomData }
    }

    /// The value under `key`, or `None` where there is none.
    ///
    /// # Errors
    /// [`Error::Body`] when the body no longer reads as a `T`; otherwise as [`Store::get`].
    pub async fn load(&self, key: &(impl ToString + ?Sized)) -> Result<Option<Loaded<T>>, Error> {
        let key = key.to_string();
        self.store.get(T::NAME, &key).await?.map(read::<T>).transpose()
    }

    /// One page of values.
    ///
    /// # Errors
    /// [`Error::NoSuchIndex`] when the query names an index `T` does not have; otherwise as [`Collection::load`].
    pub async fn scan(&self, query: &Query) -> Result<Page<Loaded<T>>, Error> {
        if let Some(index) = query.index.as_deref().filter(|index| !T::INDEXES.contains(index)) {
            return Err(Error::NoSuchIndex { collection: T::NAME, index: index.to_owned() });
        }
        let Page { items, next, count } = self.store.scan(T::NAME, query).await?;
        Ok(Page { items: items.into_iter().map(read::<T>).collect::<Result<_, _>>()?, next, count })
    }

    /// The first value whose entry in `index` is exactly `key`, in the order of the record keys.
    ///
    /// # Errors
    /// As [`Collection::scan`].
    pub async fn find(&self, index: &str, key: &str) -> Result<Option<Loaded<T>>, Error> {
        let page = self.scan(&Query::by(index, scan::Range::Is(key.to_owned())).limit(1)).await?;
        Ok(page.items.into_iter().next())
    }

    /// All values a query covers, page after page. For collections that are known to be small.
    ///
    /// # Errors
    /// As [`Collection::scan`].
    pub async fn collect(&self, query: Query) -> Result<Vec<Loaded<T>>, Error> {
        let mut query = query.limit(scan::LIMIT_CAP);
        let mut all = Vec::new();
        loop {
            let page = self.scan(&query).await?;
            all.extend(page.items);
            match page.next {
                Some(next) => query = query.after(next),
                None => return Ok(all),
            }
        }
    }
}

impl<T> Clone for Collection<T> {
    fn clone(&self) -> Self {
        Self { store: Arc::clone(&self.store), of: PhantomData }
    }
}

impl<T: Stored> fmt::Debug for Collection<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Collection({})", T::NAME)
    }
}

fn read<T: Stored>(record: Record) -> Result<Loaded<T>, Error> {
    match serde_json::from_slice(&record.body) {
        Ok(value) => Ok(Loaded { seen: record.version, value }),
        Err(cause) => Err(Error::Body { collection: T::NAME.to_owned(), key: record.key, cause: Arc::new(cause) }),
    }
}
