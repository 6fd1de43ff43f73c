//! The second embedded engine, by the cargo feature `sled`: a folder with a log-structured tree.
//!
//! sled 0.34 flushes with `sync_file_range`, which alone does not survive a power cut. So after each flush this
//! module asks the system to write the log file's data out (`fdatasync`).

use std::{fs, fs::File, path::Path, sync::Arc};

use ::sled::{Config, Db};

use crate::{
    Error, Order, Store,
    embedded::{Embedded, Engine, Reader, Writes},
};

/// Opens the store in this folder, or makes it. One process at a time.
///
/// # Errors
/// [`Error::Engine`] when the folder cannot be opened, is open elsewhere, or is damaged.
pub fn open(folder: impl AsRef<Path>) -> Result<Arc<dyn Store>, Error> {
    let folder = folder.as_ref();
    remove_unfinished_snapshots(folder)?;
    let tree = Config::new().path(folder).open().map_err(Error::engine)?;
    let log = File::open(folder.join("db"))?;
    Ok(Arc::new(Embedded::start(Sled { tree, log })?))
}

struct Sled {
    tree: Db,
    /// The file sled appends to, to sync it ourselves.
    log: File,
}

/// A crash in the middle of a snapshot leaves `snap.*.generating`, over which sled 0.34 then stumbles.
fn remove_unfinished_snapshots(folder: &Path) -> Result<(), Error> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        if name.to_str().is_some_and(|name| name.starts_with("snap.") && name.ends_with(".generating")) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

impl Engine for Sled {
    const ON_DISK: bool = true;

    fn reader(&self) -> Result<Box<dyn Reader + '_>, Error> {
        Ok(Box::new(&self.tree))
    }

    fn write(&self, writes: Writes) -> Result<(), Error> {
        let mut batch = ::sled::Batch::default();
        for (key, value) in writes {
            match value {
                Some(value) => batch.insert(key, value),
                None => batch.remove(key),
            }
        }
        self.tree.apply_batch(batch).map_err(Error::engine)?;
        self.tree.flush().map_err(Error::engine)?;
        Ok(self.log.sync_data()?)
    }
}

impl Reader for &Db {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        Ok((***self).get(key).map_err(Error::engine)?.map(|value| value.to_vec()))
    }

    fn keys(&self, from: &[u8], to: &[u8], order: Order, limit: usize) -> Result<Vec<Vec<u8>>, Error> {
        let keys = self.range(from..to).keys().map(|key| Ok(key.map_err(Error::engine)?.to_vec()));
        match order {
            Order::Ascending => keys.take(limit).collect(),
            Order::Descending => keys.rev().take(limit).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    crate::contract::suite!(|folder: &Path| open(folder).unwrap());
    crate::contract::durable!(|folder: &Path| open(folder).unwrap());

    #[test]
    fn an_unfinished_snapshot_does_not_stop_the_store() {
        let folder = tempfile::tempdir().unwrap();
        drop(open(folder.path()).unwrap());
        let leftover = folder.path().join("snap.0000000000000ABC.generating");
        fs::write(&leftover, b"half").unwrap();
        drop(open(folder.path()).unwrap());
        assert!(!leftover.exists());
    }
}
