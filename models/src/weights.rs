//! Where the weights come from: a trait, and a folder on disk that implements it.

use crate::manifest::{FileEntry, VerifyError};

/// Hands over the bytes of a pinned file.
pub trait Weights {
    /// The whole file, already checked with [`FileEntry::verify`].
    fn read(&self, file: &FileEntry) -> Result<Vec<u8>, WeightsError>;
}

/// Why a file of weights could not be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WeightsError {
    /// The file is not there.
    #[error("model file `{name}` is missing; run: warifu models fetch")]
    Missing {
        /// Name in the manifest.
        name: String,
        /// Where it was looked for.
        place: String,
    },
    /// The file is there but is not the pinned one.
    #[error("model file `{name}` is not the pinned one: {reason}; run: warifu models fetch")]
    Foreign {
        /// Name in the manifest.
        name: String,
        /// Which check failed.
        #[source]
        reason: VerifyError,
    },
    /// The file is there and cannot be read.
    #[error("model file `{name}` cannot be read: {reason}")]
    Unreadable {
        /// Name in the manifest.
        name: String,
        /// What the system said.
        reason: String,
    },
}

/// A folder of weights: `<root>/<first 16 hexadecimal digits of the SHA-256>/<name in the manifest>`.
///
/// Two versions of one file can lie side by side, and a file that changed in the manifest is simply not found.
#[cfg(feature = "fs")]
#[derive(Debug, Clone)]
pub struct Folder {
    root: std::path::PathBuf,
}

#[cfg(feature = "fs")]
impl Folder {
    /// The folder at `root`; it need not exist yet.
    pub fn new(root: impl Into<std::path::PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The usual place, from the environment of the process: `override_dir` if given (by convention the variable
    /// `WARIFU_MODELS`), else `<cache_home>/warifu/models`, else `<home>/.cache/warifu/models`.
    pub fn usual(
        override_dir: Option<std::ffi::OsString>,
        cache_home: Option<std::ffi::OsString>,
        home: Option<std::ffi::OsString>,
    ) -> Option<Self> {
        let given =
            |value: Option<std::ffi::OsString>| value.filter(|text| !text.is_empty()).map(std::path::PathBuf::from);
        let root = given(override_dir)
            .or_else(|| given(cache_home).map(|cache| cache.join("warifu").join("models")))
            .or_else(|| given(home).map(|home| home.join(".cache").join("warifu").join("models")))?;
        Some(Self { root })
    }

    /// [`Folder::usual`] with the variables of this process: `WARIFU_MODELS`, `XDG_CACHE_HOME`, `HOME`.
    pub fn from_environment() -> Option<Self> {
        Self::usual(std::env::var_os("WARIFU_MODELS"), std::env::var_os("XDG_CACHE_HOME"), std::env::var_os("HOME"))
    }

    /// The folder itself.
    pub fn root(&self) -> &std::path::Path {
        &self.root
    }

    /// Where a file belongs.
    pub fn path_of(&self, file: &FileEntry) -> std::path::PathBuf {
        let prefix: String = file.sha256.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        self.root.join(prefix).join(&file.name)
    }
}

#[cfg(feature = "fs")]
impl Weights for Folder {
    fn read(&self, file: &FileEntry) -> Result<Vec<u8>, WeightsError> {
        let path = self.path_of(file);
        let name = file.name.clone();
        // A wrong length is refused before the file is read into memory.
        let length = match std::fs::metadata(&path) {
            Ok(metadata) => metadata.len(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(WeightsError::Missing { name, place: path.display().to_string() });
            }
            Err(error) => return Err(WeightsError::Unreadable { name, reason: error.to_string() }),
        };
        if length != file.bytes {
            return Err(WeightsError::Foreign {
                name,
                reason: VerifyError::Length { found: length, expected: file.bytes },
            });
        }
        let bytes = std::fs::read(&path)
            .map_err(|error| WeightsError::Unreadable { name: name.clone(), reason: error.to_string() })?;
        file.verify(&bytes).map_err(|reason| WeightsError::Foreign { name, reason })?;
        Ok(bytes)
    }
}

#[cfg(all(test, feature = "fs"))]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;
    use crate::manifest::Part;

    #[test]
    fn folder_reads_only_what_is_pinned() {
        let root = tempfile::tempdir().unwrap();
        let folder = Folder::new(root.path());
        let file = FileEntry {
            name: "abc".into(),
            package: "none".into(),
            member: "abc".into(),
            bytes: 3,
            sha256: Sha256::digest(b"abc").into(),
            optional: false,
            part: Part::Demo,
        };
        assert!(folder.path_of(&file).ends_with("ba7816bf8f01cfea/abc"));
        assert!(matches!(folder.read(&file), Err(WeightsError::Missing { .. })));
        std::fs::create_dir_all(folder.path_of(&file).parent().unwrap()).unwrap();
        for (content, pinned) in [("abc", true), ("abd", false), ("ab", false)] {
            std::fs::write(folder.path_of(&file), content).unwrap();
            match folder.read(&file) {
                Ok(bytes) => assert!(pinned && bytes == b"abc"),
                Err(error) => assert!(!pinned && matches!(error, WeightsError::Foreign { .. }), "{error}"),
            }
        }
    }

    #[test]
    fn usual_place() {
        let place = |a: &str, b: &str, c: &str| {
            let folder = Folder::usual(Some(a.into()), Some(b.into()), Some(c.into()));
            folder.map(|folder| folder.root().to_str().unwrap().to_owned())
        };
        assert_eq!(place("/w", "/c", "/h").as_deref(), Some("/w"));
        assert_eq!(place("", "/c", "/h").as_deref(), Some("/c/warifu/models"));
        assert_eq!(place("", "", "/h").as_deref(), Some("/h/.cache/warifu/models"));
        assert_eq!(place("", "", ""), None);
    }
}
