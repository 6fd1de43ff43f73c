//! The second embedded engine, by the cargo feature `sled`: a folder with a log-structured tree.
//!
//! sled 0.34 flushes with `sync_file_range`, which alone does not survive a power cut. So after each flush this
//! module asks the system to write the log file's data out (`fdatasync`).

use std::{
    fs,
    fs::{File, TryLockError},
    io,
    path::Path,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use ::sled::{Config, Db};

use crate::{
    Error, Order, Store,
    embedded::{Embedded, Engine, Reader, Writes},
};

/// The file sled appends to, and locks.
const LOG: &str = "db";
/// How long opening waits for a predecessor to let go of the folder, and how often it looks.
const RELEASE: Duration = Duration::from_secs(2);
const LOOK: Duration = Duration::from_millis(10);

/// Opens the store in this folder, or makes it. One process at a time.
///
/// Waits up to two seconds for a store that is just being closed: sled's own threads may hold the log file, and with
/// it the lock, a moment longer than the last handle lives.
///
/// # Errors
/// [`Error::Engine`] when the folder cannot be opened, is open elsewhere, or is damaged.
pub fn open(folder: impl AsRef<Path>) -> Result<Arc<dyn Store>, Error> {
    Ok(Arc::new(Embedded::start(engine(folder.as_ref())?)?))
}

fn engine(folder: &Path) -> Result<Sled, Error> {
    wait_until_closed(folder)?;
    let tree = Config::new().path(folder).open().map_err(Error::engine)?;
    let log = File::open(folder.join(LOG))?;
    Ok(Sled { tree, log })
}

struct Sled {
    tree: Db,
    /// Sled's log file once more, to sync it ourselves.
    log: File,
}

/// Takes sled's own lock for a moment, which shows that nobody else has the folder open, and tidies up meanwhile.
fn wait_until_closed(folder: &Path) -> Result<(), Error> {
    let log = match File::open(folder.join(LOG)) {
        Ok(log) => log,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    let deadline = Instant::now() + RELEASE;
    loop {
        match log.try_lock() {
            Ok(()) => return remove_unfinished_snapshots(folder),
            Err(TryLockError::WouldBlock) if Instant::now() < deadline => thread::sleep(LOOK),
            Err(TryLockError::WouldBlock) => return Err(Error::engine(OpenElsewhere)),
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
    }
}

#[derive(Debug, thiserror::Error)]
#[error("the folder is open elsewhere")]
struct OpenElsewhere;

/// A crash in the middle of a snapshot leaves `snap.*.generating`, over which sled 0.34 then stumbles.
fn remove_unfinished_snapshots(folder: &Path) -> Result<(), Error> {
    for entry in fs::read_dir(folder)? {
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
    crate::contract::durable!(|folder: &Path| open(folder).unwrap(), |folder: &Path| engine(folder).unwrap());

    #[test]
    fn an_unfinished_snapshot_does_not_stop_the_store() {
        let folder = tempfile::tempdir().unwrap();
        drop(open(folder.path()).unwrap());
        let leftover = folder.path().join("snap.0000000000000ABC.generating");
        fs::write(&leftover, b"half").unwrap();
        drop(open(folder.path()).unwrap());
        assert!(!leftover.exists());
    }

    #[test]
    fn a_folder_that_is_just_being_closed_opens() {
        let folder = tempfile::tempdir().unwrap();
        drop(open(folder.path()).unwrap());
        let predecessor = lock(folder.path());
        let opening = thread::spawn({
            let path = folder.path().to_owned();
            move || open(path).map(drop)
        });
        thread::sleep(10 * LOOK);
        assert!(!opening.is_finished(), "opened over a lock that somebody held");
        drop(predecessor);
        opening.join().unwrap().unwrap();
    }

    #[test]
    fn a_folder_that_is_open_elsewhere_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        drop(open(folder.path()).unwrap());
        let _elsewhere = lock(folder.path());
        let refused = open(folder.path()).map(drop).unwrap_err();
        assert!(matches!(&refused, Error::Engine(cause) if cause.to_string().contains("open elsewhere")), "{refused}");
    }

    /// Holds the lock as another process that has the store open would.
    fn lock(folder: &Path) -> File {
        let file = File::open(folder.join(LOG)).unwrap();
        file.lock().unwrap();
        file
    }
}
