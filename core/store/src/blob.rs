//! Large encrypted blobs, such as pictures of documents: kept beside the record store, never in it.
//!
//! A blob is named by the SHA-256 of its bytes, so what comes back is what was put, or nothing. The bytes must be
//! ciphertext under a fresh nonce: the name of a plain picture would give it away to whoever has the picture, and two
//! owners of equal bytes would share one blob. Erasing a subject's key makes the blobs meaningless; deleting them is
//! the second step.

use std::{
    collections::BTreeMap,
    fmt, fs,
    io::{ErrorKind, Write},
    path::{Path, PathBuf},
    str::FromStr,
    sync::{Arc, PoisonError, RwLock, atomic::AtomicU64, atomic::Ordering},
};

use base64ct::{Base64UrlUnpadded, Encoding};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::Error;

/// Largest blob, in bytes, unless set otherwise.
pub const CAP: usize = 32 * 1024 * 1024;

/// A place for blobs: a folder, or memory for tests. Cheap to clone.
#[derive(Clone)]
pub struct Blobs {
    place: Place,
    cap: usize,
}

#[derive(Clone)]
enum Place {
    Folder(Arc<Folder>),
    Memory(Arc<RwLock<BTreeMap<BlobId, Vec<u8>>>>),
}

struct Folder {
    root: PathBuf,
    unfinished: PathBuf,
    next: AtomicU64,
}

/// The name of a blob: SHA-256 of its bytes, 43 characters of base64url in text.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BlobId([u8; 32]);

impl Blobs {
    /// Blobs as files below this folder, which is made where it is missing. Left-overs of writes that a crash
    /// interrupted are removed.
    ///
    /// # Errors
    /// [`Error::Engine`] when the folder cannot be made or cleaned.
    pub fn folder(root: impl Into<PathBuf>) -> Result<Self, Error> {
        let root = root.into();
        let unfinished = root.join("unfinished");
        fs::create_dir_all(&unfinished)?;
        for entry in fs::read_dir(&unfinished)? {
            fs::remove_file(entry?.path())?;
        }
        let folder = Folder { root, unfinished, next: AtomicU64::new(0) };
        Ok(Self { place: Place::Folder(Arc::new(folder)), cap: CAP })
    }

    /// Blobs in memory.
    #[must_use]
    pub fn memory() -> Self {
        Self { place: Place::Memory(Arc::default()), cap: CAP }
    }

    /// Takes blobs of at most `cap` bytes instead of [`CAP`].
    #[must_use]
    pub fn with_cap(mut self, cap: usize) -> Self {
        self.cap = cap;
        self
    }

    /// Keeps the bytes and names them; they are on disk when this returns. Putting them again changes nothing.
    ///
    /// # Errors
    /// [`Error::TooLarge`] beyond the cap; [`Error::Engine`] from the file system, and then nothing is kept.
    pub async fn put(&self, bytes: Vec<u8>) -> Result<BlobId, Error> {
        if bytes.len() > self.cap {
            return Err(Error::TooLarge { what: "blob", size: bytes.len(), cap: self.cap });
        }
        match &self.place {
            Place::Memory(blobs) => {
                let id = BlobId::of(&bytes);
                blobs.write().unwrap_or_else(PoisonError::into_inner).insert(id, bytes);
                Ok(id)
            }
            Place::Folder(folder) => {
                let folder = Arc::clone(folder);
                aside(move || {
                    let id = BlobId::of(&bytes);
                    folder.write(id, &bytes)?;
                    Ok(id)
                })
                .await
            }
        }
    }

    /// The bytes, or `None` where there is no such blob (any more).
    ///
    /// # Errors
    /// [`Error::Corrupt`] when the file no longer has the content it was named for.
    pub async fn get(&self, id: BlobId) -> Result<Option<Vec<u8>>, Error> {
        match &self.place {
            Place::Memory(blobs) => Ok(blobs.read().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()),
            Place::Folder(folder) => {
                let path = folder.path(id);
                aside(move || match fs::read(path) {
                    Ok(bytes) if BlobId::of(&bytes) == id => Ok(Some(bytes)),
                    Ok(_) => Err(Error::Corrupt("a blob does not have the content it is named for")),
                    Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
                    Err(error) => Err(error.into()),
                })
                .await
            }
        }
    }

    /// Removes the blob; nothing there is fine.
    ///
    /// # Errors
    /// [`Error::Engine`] from the file system.
    pub async fn delete(&self, id: BlobId) -> Result<(), Error> {
        match &self.place {
            Place::Memory(blobs) => {
                blobs.write().unwrap_or_else(PoisonError::into_inner).remove(&id);
                Ok(())
            }
            Place::Folder(folder) => {
                let path = folder.path(id);
                aside(move || match fs::remove_file(&path) {
                    Ok(()) => sync_folder(&path),
                    Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
                    Err(error) => Err(error.into()),
                })
                .await
            }
        }
    }
}

impl fmt::Debug for Blobs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Memory(_) => f.write_str("Blobs(memory)"),
            Place::Folder(folder) => write!(f, "Blobs({})", folder.root.display()),
        }
    }
}

impl Folder {
    fn path(&self, id: BlobId) -> PathBuf {
        // 256 folders keep each of them short; two hexadecimal digits read the same on every file system.
        self.root.join(format!("{:02x}", id.0[0])).join(id.to_string())
    }

    /// Written aside, synced, then renamed: under its name a blob is whole or absent.
    fn write(&self, id: BlobId, bytes: &[u8]) -> Result<(), Error> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let aside = self.unfinished.join(format!("{}-{number}", std::process::id()));
        let path = self.path(id);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
            sync_folder(parent)?;
        }
        let written = (|| {
            let mut file = fs::OpenOptions::new().write(true).create_new(true).open(&aside)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            fs::rename(&aside, &path)
        })();
        if let Err(error) = written {
            let _ = fs::remove_file(&aside);
            return Err(error.into());
        }
        sync_folder(&path)
    }
}

/// Makes a new or removed name in the folder around `path` durable.
fn sync_folder(path: &Path) -> Result<(), Error> {
    if let Some(parent) = path.parent() {
        fs::File::open(parent)?.sync_all()?;
    }
    Ok(())
}

async fn aside<R: Send + 'static>(work: impl FnOnce() -> Result<R, Error> + Send + 'static) -> Result<R, Error> {
    tokio::task::spawn_blocking(work).await.map_err(Error::engine)?
}

impl BlobId {
    fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }
}

impl fmt::Display for BlobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&Base64UrlUnpadded::encode_string(&self.0))
    }
}

impl fmt::Debug for BlobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BlobId({self})")
    }
}

/// A text that names no blob.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("not the name of a blob")]
pub struct NotABlobId;

impl FromStr for BlobId {
    type Err = NotABlobId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut bytes = [0; 32];
        match Base64UrlUnpadded::decode(text, &mut bytes) {
            Ok(decoded) if decoded.len() == 32 => Ok(Self(bytes)),
            Ok(_) | Err(_) => Err(NotABlobId),
        }
    }
}

impl TryFrom<String> for BlobId {
    type Error = NotABlobId;

    fn try_from(text: String) -> Result<Self, NotABlobId> {
        text.parse()
    }
}

impl From<BlobId> for String {
    fn from(id: BlobId) -> Self {
        id.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn check(blobs: Blobs) {
        let id = blobs.put(b"ciphertext".to_vec()).await.unwrap();
        assert_eq!(blobs.put(b"ciphertext".to_vec()).await.unwrap(), id);
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(blobs.get(id).await.unwrap().as_deref(), Some(&b"ciphertext"[..]));
        blobs.delete(id).await.unwrap();
        blobs.delete(id).await.unwrap();
        assert_eq!(blobs.get(id).await.unwrap(), None);
        let refused = blobs.with_cap(3).put(vec![0; 4]).await;
        assert!(matches!(refused, Err(Error::TooLarge { size: 4, cap: 3, .. })), "{refused:?}");
    }

    #[tokio::test]
    async fn memory_keeps_and_forgets() {
        check(Blobs::memory()).await;
    }

    #[tokio::test]
    async fn a_folder_keeps_and_forgets() {
        let folder = tempfile::tempdir().unwrap();
        check(Blobs::folder(folder.path()).unwrap()).await;
    }

    #[tokio::test]
    async fn a_folder_outlives_the_process_and_drops_what_was_unfinished() {
        let folder = tempfile::tempdir().unwrap();
        let id = Blobs::folder(folder.path()).unwrap().put(vec![7; 100_000]).await.unwrap();
        fs::write(folder.path().join("unfinished/1-1"), b"half").unwrap();
        let again = Blobs::folder(folder.path()).unwrap();
        assert_eq!(again.get(id).await.unwrap(), Some(vec![7; 100_000]));
        assert_eq!(fs::read_dir(folder.path().join("unfinished")).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn an_altered_file_is_not_handed_out() {
        let folder = tempfile::tempdir().unwrap();
        let blobs = Blobs::folder(folder.path()).unwrap();
        let id = blobs.put(b"ciphertext".to_vec()).await.unwrap();
        let Place::Folder(place) = &blobs.place else { unreachable!() };
        fs::write(place.path(id), b"ciphertexT").unwrap();
        assert!(matches!(blobs.get(id).await, Err(Error::Corrupt(_))));
    }
}
