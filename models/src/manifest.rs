//! What the weights are and where they come from: `models/manifest.toml`, built in.
//!
//! Pure data. Fetching is the caller's: for each [`Package`] run its ordinary client ([`Package::command`]), check the
//! archive with [`Package::verify`], take out the members of [`Manifest::files_of`], check each with
//! [`FileEntry::verify`].

use std::sync::OnceLock;

use serde::Deserialize;
use sha2::{Digest, Sha256};

/// SHA-256 value.
pub type Sha256Hash = [u8; 32];

/// The pinned packages, files and models.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Archives or places that files are taken from.
    #[serde(rename = "package")]
    pub packages: Vec<Package>,
    /// Files that the program reads.
    #[serde(rename = "file")]
    pub files: Vec<FileEntry>,
    /// Models made of the files: contract, thresholds, measured error rates.
    #[serde(rename = "model")]
    pub models: Vec<ModelEntry>,
}

/// Which client fetches a package.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// `npm pack`: a gzip-compressed tar archive.
    Npm,
    /// `pip download`: a wheel, which is a zip archive.
    Pypi,
    /// Plain HTTPS: each member is one file at [`Package::address`] followed by its path.
    Url,
}

/// One archive, or one place of single files.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Package {
    /// Short name inside the manifest.
    pub id: String,
    /// Which client fetches it.
    pub source: Source,
    /// Name in the registry; for [`Source::Url`] the name of the repository.
    pub name: String,
    /// Exact version; for [`Source::Url`] the commit.
    pub version: String,
    /// Platform tag of the wheel, where wheels of one version differ by platform.
    pub platform: Option<String>,
    /// Python version of the wheel, given together with [`Self::platform`].
    pub python: Option<String>,
    /// For [`Source::Url`]: what the members' paths are appended to.
    pub address: Option<String>,
    /// File name of the archive.
    pub archive: Option<String>,
    /// Size of the archive in bytes.
    pub archive_bytes: Option<u64>,
    /// SHA-256 of the archive.
    #[serde(default, deserialize_with = "hex_hash_option")]
    pub archive_sha256: Option<Sha256Hash>,
    /// Licence of the package, with what is known of the training data.
    pub licence: String,
}

/// One file that the program reads.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileEntry {
    /// Name in the cache and in the code.
    pub name: String,
    /// [`Package::id`] it comes from.
    pub package: String,
    /// Path inside the archive, or after [`Package::address`].
    pub member: String,
    /// Size in bytes.
    pub bytes: u64,
    /// SHA-256 of the file.
    #[serde(deserialize_with = "hex_hash")]
    pub sha256: Sha256Hash,
    /// Whether the program works without it.
    #[serde(default)]
    pub optional: bool,
    /// What the file is for.
    pub part: Part,
}

/// What a file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// Face detection, mesh, embedding.
    Face,
    /// Passive liveness.
    Liveness,
    /// Text on documents.
    Document,
    /// Pictures for the demo; no weights.
    Demo,
}

/// One model: what goes in and out, and how well it works.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelEntry {
    /// Name, as in [`crate::face::ModelId`] where it makes templates.
    pub name: String,
    /// Files it is made of.
    pub files: Vec<String>,
    /// What it does.
    pub task: String,
    /// Licence of the weights.
    pub licence: String,
    /// Shape, value range and colour order of the input.
    pub input: String,
    /// Shape and meaning of the outputs.
    pub output: String,
    /// Named thresholds.
    #[serde(default)]
    pub thresholds: Vec<ThresholdEntry>,
    /// Measured error rates, each with the data it was measured on.
    #[serde(default)]
    pub measured: Vec<String>,
    /// What is known not to work or is not known.
    #[serde(default)]
    pub limits: Vec<String>,
}

/// A named threshold of a model.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ThresholdEntry {
    /// Name, for instance `fmr-1e-3`.
    pub name: String,
    /// Value in the model's own unit.
    pub value: f32,
    /// What was measured at this value.
    pub basis: String,
}

/// Why bytes are not the pinned ones.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// Another length.
    #[error("{found} bytes instead of {expected}")]
    Length {
        /// Length found.
        found: u64,
        /// Length pinned.
        expected: u64,
    },
    /// Another hash.
    #[error("SHA-256 is {found} instead of {expected}")]
    Hash {
        /// Hash found, in hexadecimal.
        found: String,
        /// Hash pinned, in hexadecimal.
        expected: String,
    },
}

impl Manifest {
    /// The manifest built into the program.
    #[expect(clippy::expect_used, reason = "the text is compiled in and a test parses it")]
    pub fn builtin() -> &'static Self {
        static BUILTIN: OnceLock<Manifest> = OnceLock::new();
        BUILTIN.get_or_init(|| {
            toml::from_str(include_str!("../manifest.toml")).expect("the built-in manifest follows its own format")
        })
    }

    /// The file of that name.
    pub fn file(&self, name: &str) -> Option<&FileEntry> {
        self.files.iter().find(|file| file.name == name)
    }

    /// The model of that name.
    pub fn model(&self, name: &str) -> Option<&ModelEntry> {
        self.models.iter().find(|model| model.name == name)
    }

    /// Every package with the files that are taken from it, in the order of the manifest.
    pub fn packages(&self) -> impl Iterator<Item = (&Package, Vec<&FileEntry>)> {
        self.packages.iter().map(|package| (package, self.files_of(package).collect()))
    }

    /// The files taken from one package.
    pub fn files_of<'a>(&'a self, package: &'a Package) -> impl Iterator<Item = &'a FileEntry> {
        self.files.iter().filter(|file| file.package == package.id)
    }
}

impl Package {
    /// Program and arguments that put the archive into the current folder; `None` for [`Source::Url`].
    ///
    /// Nothing of the package is run: `npm pack` and `pip download --only-binary` only download.
    pub fn command(&self) -> Option<Vec<String>> {
        let pinned = |sign: &str| format!("{}{sign}{}", self.name, self.version);
        match self.source {
            Source::Npm => {
                Some(["npm", "pack", "--ignore-scripts"].map(String::from).into_iter().chain([pinned("@")]).collect())
            }
            Source::Pypi => {
                let mut command: Vec<String> =
                    ["pip", "download", "--no-deps", "--only-binary=:all:"].map(String::from).into();
                if let Some(platform) = &self.platform {
                    command.extend(["--platform".into(), platform.clone()]);
                }
                if let Some(python) = &self.python {
                    command.extend(["--python-version".into(), python.clone()]);
                }
                command.push(pinned("=="));
                Some(command)
            }
            Source::Url => None,
        }
    }

    /// Address of one file, for [`Source::Url`].
    pub fn address_of(&self, file: &FileEntry) -> Option<String> {
        match self.source {
            Source::Url => self.address.as_ref().map(|address| format!("{address}{}", file.member)),
            Source::Npm | Source::Pypi => None,
        }
    }

    /// Checks the archive where its hash is pinned.
    pub fn verify(&self, archive: &[u8]) -> Result<(), VerifyError> {
        if let Some(expected) = self.archive_bytes
            && archive.len() as u64 != expected
        {
            return Err(VerifyError::Length { found: archive.len() as u64, expected });
        }
        match &self.archive_sha256 {
            Some(expected) => check_hash(archive, expected),
            None => Ok(()),
        }
    }
}

impl FileEntry {
    /// Checks length and SHA-256.
    pub fn verify(&self, bytes: &[u8]) -> Result<(), VerifyError> {
        let found = bytes.len() as u64;
        if found != self.bytes {
            return Err(VerifyError::Length { found, expected: self.bytes });
        }
        check_hash(bytes, &self.sha256)
    }
}

fn check_hash(bytes: &[u8], expected: &Sha256Hash) -> Result<(), VerifyError> {
    let found: Sha256Hash = Sha256::digest(bytes).into();
    if found == *expected { Ok(()) } else { Err(VerifyError::Hash { found: hex(&found), expected: hex(expected) }) }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) fn hex_hash<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Sha256Hash, D::Error> {
    let text = String::deserialize(deserializer)?;
    let digits: Option<Vec<u8>> = text.chars().map(|digit| digit.to_digit(16).map(|value| value as u8)).collect();
    digits
        .and_then(|digits| <[u8; 64]>::try_from(digits).ok())
        .map(|digits| std::array::from_fn(|i| digits[2 * i] << 4 | digits[2 * i + 1]))
        .ok_or_else(|| serde::de::Error::custom("expected 64 hexadecimal digits"))
}

fn hex_hash_option<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Sha256Hash>, D::Error> {
    hex_hash(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn builtin_is_consistent() {
        let manifest = Manifest::builtin();
        for file in &manifest.files {
            assert!(manifest.packages.iter().any(|package| package.id == file.package), "{}", file.name);
            assert_eq!(manifest.files.iter().filter(|other| other.name == file.name).count(), 1, "{}", file.name);
            assert!(!file.name.contains(['/', '\\']), "{}", file.name);
        }
        for package in &manifest.packages {
            assert!(manifest.files_of(package).count() > 0, "{}", package.id);
            assert_eq!(package.command().is_none(), package.address.is_some(), "{}", package.id);
        }
        for model in &manifest.models {
            for name in &model.files {
                assert!(manifest.file(name).is_some(), "{name}");
            }
        }
    }

    #[test]
    fn another_byte_is_refused() {
        let file = FileEntry {
            name: "abc".into(),
            package: "none".into(),
            member: "abc".into(),
            bytes: 3,
            sha256: Sha256::digest(b"abc").into(),
            optional: false,
            part: Part::Demo,
        };
        assert_eq!(file.verify(b"abc"), Ok(()));
        assert!(matches!(file.verify(b"abd"), Err(VerifyError::Hash { .. })));
        assert!(matches!(file.verify(b"abcd"), Err(VerifyError::Length { found: 4, expected: 3 })));
    }
}
