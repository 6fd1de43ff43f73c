//! The embedded default: one file, every commit waits for the disk.

use std::{path::Path, sync::Arc};

use ::redb::{Builder, Database, ReadOnlyTable, ReadableDatabase, TableDefinition};

use crate::{
    Error, Order, Store,
    embedded::{Embedded, Engine, Reader, Writes},
};

const TABLE: TableDefinition<'static, &[u8], &[u8]> = TableDefinition::new("warifu");
/// Pages kept in memory. The engine's own default of 1 GiB does not fit the idle budget.
const CACHE_BYTES: usize = 64 * 1024 * 1024;

/// Opens the store in this file, or makes it. One process at a time.
///
/// # Errors
/// [`Error::Engine`] when the file cannot be opened, is open elsewhere, or is damaged.
pub fn open(path: impl AsRef<Path>) -> Result<Arc<dyn Store>, Error> {
    Ok(Arc::new(Embedded::start(engine(path)?)?))
}

fn engine(path: impl AsRef<Path>) -> Result<Redb, Error> {
    let engine = Redb(Builder::new().set_cache_size(CACHE_BYTES).create(path).map_err(Error::engine)?);
    // So that readers find the table from the first moment on.
    engine.write(Writes::new())?;
    Ok(engine)
}

struct Redb(Database);

impl Engine for Redb {
    const ON_DISK: bool = true;

    fn reader(&self) -> Result<Box<dyn Reader + '_>, Error> {
        let view = self.0.begin_read().map_err(Error::engine)?;
        Ok(Box::new(view.open_table(TABLE).map_err(Error::engine)?))
    }

    fn write(&self, writes: Writes) -> Result<(), Error> {
        let mut transaction = self.0.begin_write().map_err(Error::engine)?;
        // Otherwise opening after a crash walks the whole file.
        transaction.set_quick_repair(true);
        {
            let mut table = transaction.open_table(TABLE).map_err(Error::engine)?;
            for (key, value) in &writes {
                match value {
                    Some(value) => table.insert(key.as_slice(), value.as_slice()).map_err(Error::engine)?,
                    None => table.remove(key.as_slice()).map_err(Error::engine)?,
                };
            }
        }
        transaction.commit().map_err(Error::engine)
    }
}

impl Reader for ReadOnlyTable<&'static [u8], &'static [u8]> {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        let found = ReadOnlyTable::get(self, key).map_err(Error::engine)?;
        Ok(found.map(|value| value.value().to_vec()))
    }

    fn keys(&self, from: &[u8], to: &[u8], order: Order, limit: usize) -> Result<Vec<Vec<u8>>, Error> {
        let entries = self.range(from..to).map_err(Error::engine)?;
        let key = |entry: Result<(::redb::AccessGuard<'_, &[u8]>, _), ::redb::StorageError>| {
            entry.map(|(key, _): (_, ::redb::AccessGuard<'_, &[u8]>)| key.value().to_vec()).map_err(Error::engine)
        };
        match order {
            Order::Ascending => entries.take(limit).map(key).collect(),
            Order::Descending => entries.rev().take(limit).map(key).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    crate::contract::suite!(|folder: &Path| open(folder.join("store.redb")).unwrap());
    crate::contract::durable!(|folder: &Path| open(folder.join("store.redb")).unwrap(), |folder: &Path| engine(
        folder.join("store.redb")
    )
    .unwrap());
}
