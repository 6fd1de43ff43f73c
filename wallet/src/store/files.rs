//! Where the sealed bytes of a wallet lie: the seam between the store and the machine.
//!
//! One blob, read whole and replaced whole. A folder on disk today; a browser can keep the same blob in its own
//! storage. Nothing here knows what is inside.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use warifu_keys::sha256;

/// Largest sealed wallet that is read, in bytes.
pub(super) const MAX_BYTES: u64 = 64 * 1024 * 1024;

/// What a blob was when it was read, to notice that someone else replaced it meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen([u8; 32]);

impl Seen {
    /// The mark of these bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(sha256(bytes))
    }
}

/// Whether a replacement took place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replaced {
    /// The new bytes are there, and stay there after a power cut.
    Done,
    /// The blob is not what the caller saw; nothing was changed.
    Conflict,
}

/// Keeps one blob.
pub trait Files: Send + Sync {
    /// The blob; `None` when there is none yet.
    fn read(&self) -> io::Result<Option<Vec<u8>>>;

    /// Replaces the blob if it still is what the caller `seen` (`None`: if there is none), all or nothing.
    fn replace(&self, seen: Option<Seen>, bytes: &[u8]) -> io::Result<Replaced>;
}

/// A folder on disk, readable by its owner only. Several processes may use it at once.
#[derive(Debug, Clone)]
pub struct Folder {
    path: PathBuf,
}

impl Folder {
    /// The wallet in this folder; the folder is made at the first write.
    #[must_use]
    pub fn at(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }

    fn blob(&self) -> PathBuf {
        self.path.join("wallet.sealed")
    }
}

impl Files for Folder {
    fn read(&self) -> io::Result<Option<Vec<u8>>> {
        let file = match File::open(self.blob()) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut bytes = Vec::new();
        file.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > MAX_BYTES {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the wallet file is too large"));
        }
        Ok(Some(bytes))
    }

    /// Writes beside, flushes to disk, renames over, flushes the folder: after a crash either the old or the new blob
    /// is there, never a part of one.
    fn replace(&self, seen: Option<Seen>, bytes: &[u8]) -> io::Result<Replaced> {
        fs::create_dir_all(&self.path)?;
        private(&self.path, 0o700)?;
        // The lock is held until `lock` is dropped, and by the system's doing also when this process dies.
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(self.path.join("lock"))?;
        lock.lock()?;
        if self.read()?.as_deref().map(Seen::of) != seen {
            return Ok(Replaced::Conflict);
        }
        let beside = self.path.join("wallet.sealed.new");
        let mut file = OpenOptions::new().create(true).truncate(true).write(true).open(&beside)?;
        private(&beside, 0o600)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        drop(file);
        fs::rename(&beside, self.blob())?;
        sync_folder(&self.path)?;
        Ok(Replaced::Done)
    }
}

#[cfg(unix)]
fn private(path: &Path, mode: u32) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}

#[cfg(not(unix))]
fn private(_path: &Path, _mode: u32) -> io::Result<()> {
    Ok(())
}

#[cfg(unix)]
fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

#[cfg(not(unix))]
fn sync_folder(_path: &Path) -> io::Result<()> {
    Ok(())
}

/// A blob in memory, gone with the process: for tests and for a wallet that should leave no trace.
#[derive(Debug, Default)]
pub struct Memory(Mutex<Option<Vec<u8>>>);

impl Files for Memory {
    fn read(&self) -> io::Result<Option<Vec<u8>>> {
        Ok(self.0.lock().map_err(|_| poisoned())?.clone())
    }

    fn replace(&self, seen: Option<Seen>, bytes: &[u8]) -> io::Result<Replaced> {
        let mut blob = self.0.lock().map_err(|_| poisoned())?;
        if blob.as_deref().map(Seen::of) != seen {
            return Ok(Replaced::Conflict);
        }
        *blob = Some(bytes.to_vec());
        Ok(Replaced::Done)
    }
}

fn poisoned() -> io::Error {
    io::Error::other("the wallet in memory was left half written")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contract(files: &dyn Files) {
        assert_eq!(files.read().unwrap(), None);
        assert_eq!(files.replace(Some(Seen::of(b"x")), b"one").unwrap(), Replaced::Conflict);
        assert_eq!(files.replace(None, b"one").unwrap(), Replaced::Done);
        assert_eq!(files.replace(None, b"two").unwrap(), Replaced::Conflict);
        assert_eq!(files.replace(Some(Seen::of(b"one")), b"two").unwrap(), Replaced::Done);
        assert_eq!(files.read().unwrap().unwrap(), b"two");
    }

    #[test]
    fn memory() {
        contract(&Memory::default());
    }

    #[test]
    fn folder() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("wallet");
        contract(&Folder::at(&path));
        // A write that died half way leaves its draft; the blob is the last whole one and the next write succeeds.
        fs::write(path.join("wallet.sealed.new"), b"half").unwrap();
        let folder = Folder::at(&path);
        assert_eq!(folder.read().unwrap().unwrap(), b"two");
        assert_eq!(folder.replace(Some(Seen::of(b"two")), b"three").unwrap(), Replaced::Done);
        assert_eq!(folder.read().unwrap().unwrap(), b"three");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(fs::metadata(path.join("wallet.sealed")).unwrap().permissions().mode() & 0o777, 0o600);
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
        }
    }
}
