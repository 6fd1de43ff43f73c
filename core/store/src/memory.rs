//! The store that forgets: for tests and for data that need not outlive the process.

use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard},
};

use crate::{
    Error, Order, Store,
    embedded::{Embedded, Engine, Reader, Writes},
};

/// An empty store in memory.
///
/// # Errors
/// [`Error::Engine`] when the system gives no thread for the writer.
pub fn open() -> Result<Arc<dyn Store>, Error> {
    Ok(Arc::new(Embedded::start(Memory::default())?))
}

type Map = BTreeMap<Vec<u8>, Vec<u8>>;

#[derive(Default)]
struct Memory(RwLock<Map>);

impl Engine for Memory {
    const ON_DISK: bool = false;

    fn reader(&self) -> Result<Box<dyn Reader + '_>, Error> {
        Ok(Box::new(self.0.read().unwrap_or_else(PoisonError::into_inner)))
    }

    fn write(&self, writes: Writes) -> Result<(), Error> {
        let mut map = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for (key, value) in writes {
            match value {
                Some(value) => map.insert(key, value),
                None => map.remove(&key),
            };
        }
        Ok(())
    }
}

impl Reader for RwLockReadGuard<'_, Map> {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        Ok((**self).get(key).cloned())
    }

    fn keys(&self, from: &[u8], to: &[u8], order: Order, limit: usize) -> Result<Vec<Vec<u8>>, Error> {
        let keys = self.range(from.to_vec()..to.to_vec()).map(|(key, _)| key.clone());
        Ok(match order {
            Order::Ascending => keys.take(limit).collect(),
            Order::Descending => keys.rev().take(limit).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    crate::contract::suite!(|_folder: &std::path::Path| open().unwrap());
}
