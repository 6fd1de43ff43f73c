//! What a wallet keeps: credentials with their device keys, the history, the settings. Encrypted as one file.
//!
//! A write is load, decide, replace-if-unchanged, so a page and a command can use one home at the same time. Leaves
//! out on purpose: recovery without the passphrase (there is none) and protection against putting back an old file.

mod files;
mod seal;

use std::io;
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use url::Url;
use warifu_keys::{Entropy, Secret, base64url};
use zeroize::Zeroizing;

pub use self::files::{Files, Folder, Memory, Replaced, Seen};
use self::seal::{DataKey, from_json, to_json};
pub use self::seal::{Kdf, SealError};
use crate::history::Entry;
use crate::holding::Holding;

/// History entries kept; the oldest are dropped beyond it.
const MAX_HISTORY: usize = 10_000;
/// Credentials kept at most.
const MAX_HOLDINGS: usize = 1_000;
/// How often a write starts again because someone else wrote meanwhile.
const ATTEMPTS: u32 = 16;
/// Shortest passphrase or PIN, in characters.
const MIN_PASSPHRASE: usize = 4;

/// Why the store could not be opened or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is no wallet here yet.
    #[error("there is no wallet here yet; make one with `warifu wallet init`")]
    NotInitialised,
    /// There is a wallet here already; it was left as it is.
    #[error("there is a wallet here already")]
    AlreadyInitialised,
    /// The passphrase is shorter than four characters.
    #[error("the passphrase or PIN needs at least {MIN_PASSPHRASE} characters")]
    PassphraseTooShort,
    /// Too many credentials are held.
    #[error("the wallet is full")]
    Full,
    /// Wrong passphrase, damaged file or unusable parameters.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// Other processes kept writing at the same time.
    #[error("the wallet is being written by someone else; try again")]
    Busy,
    /// The file could not be read or written.
    #[error("the wallet file could not be used: {0}")]
    Io(#[from] io::Error),
}

/// How the wallet behaves and whom it trusts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// Base URL of the trust registry.
    pub registry: Url,
    /// Certificate that signs the registry's list, PEM; pinned when the wallet is made.
    pub operator_certificate: String,
    /// Language of pages, BCP 47; `None` follows the browser.
    pub language: Option<String>,
    /// Whether every presentation and share needs a matching selfie, asked for or not.
    pub selfie: SelfieRule,
    /// In which form verifiers are answered.
    #[serde(default)]
    pub answers: AnswerRule,
    /// Whether this is play: the pages say so on every screen.
    pub sandbox: bool,
}

/// When a selfie is demanded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SelfieRule {
    /// When the verifier asks for it.
    #[default]
    WhenAsked,
    /// Before anything leaves the device.
    Always,
}

/// In which form verifiers are answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AnswerRule {
    /// Encrypted to the verifier, or not at all.
    #[default]
    Encrypted,
    /// As the verifier asks. One that asks for nothing better is answered in the clear, under the protection of the
    /// connection alone.
    AsAsked,
}

/// What the identifiers towards partners are derived from, so that two partners can not join what they know. Wiped on
/// drop, silent in `Debug`.
#[derive(Clone, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct PairwiseSecret(Zeroizing<String>);

impl PairwiseSecret {
    fn generate(entropy: &dyn Entropy) -> Self {
        Self(Zeroizing::new(base64url::encode(&entropy.array::<32>())))
    }

    /// The bytes to derive from.
    #[must_use]
    pub fn secret(&self) -> Secret {
        Secret::new(self.0.as_bytes().to_vec())
    }
}

impl std::fmt::Debug for PairwiseSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PairwiseSecret(..)")
    }
}

impl From<String> for PairwiseSecret {
    fn from(text: String) -> Self {
        Self(Zeroizing::new(text))
    }
}

impl From<PairwiseSecret> for String {
    fn from(secret: PairwiseSecret) -> Self {
        secret.0.as_str().to_owned()
    }
}

/// Everything in the wallet, readable. Device keys inside are wiped when it is dropped.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Contents {
    /// Behaviour and trust.
    pub settings: Settings,
    /// When the wallet was made.
    pub created_at: Timestamp,
    /// For pairwise identifiers.
    pub pairwise_secret: PairwiseSecret,
    /// The credentials with their keys, oldest first.
    pub holdings: Vec<Holding>,
    /// What was done, oldest first; never with attribute values.
    pub history: Vec<Entry>,
    /// Sequence number of the last trusted list that was accepted; older lists are refused.
    pub trusted_list_sequence: Option<u64>,
}

/// An opened wallet file.
pub struct Store {
    files: Arc<dyn Files>,
    entropy: Arc<dyn Entropy>,
    key: DataKey,
    /// The contents as last read or written; a mutex, never held across an await.
    last: Mutex<(Seen, Contents)>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Store(..)")
    }
}

impl Store {
    /// Makes a wallet where there is none. Takes the time of one key derivation (about 0.2 s at the default cost).
    pub fn init(
        files: Arc<dyn Files>,
        passphrase: &Secret,
        kdf: Kdf,
        settings: Settings,
        entropy: Arc<dyn Entropy>,
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        if String::from_utf8_lossy(passphrase.expose()).chars().count() < MIN_PASSPHRASE {
            return Err(StoreError::PassphraseTooShort);
        }
        if files.read()?.is_some() {
            return Err(StoreError::AlreadyInitialised);
        }
        let contents = Contents {
            settings,
            created_at: now,
            pairwise_secret: PairwiseSecret::generate(entropy.as_ref()),
            holdings: vec![],
            history: vec![],
            trusted_list_sequence: None,
        };
        let key = DataKey::generate(passphrase, kdf, entropy.as_ref())?;
        let sealed = key.seal(&plain(&contents)?, entropy.as_ref())?;
        match files.replace(None, &sealed)? {
            Replaced::Done => Ok(Self { files, entropy, key, last: Mutex::new((Seen::of(&sealed), contents)) }),
            Replaced::Conflict => Err(StoreError::AlreadyInitialised),
        }
    }

    /// Opens a wallet. Takes the time of one key derivation whether the passphrase is right or wrong.
    pub fn open(files: Arc<dyn Files>, passphrase: &Secret, entropy: Arc<dyn Entropy>) -> Result<Self, StoreError> {
        let sealed = files.read()?.ok_or(StoreError::NotInitialised)?;
        let (key, contents) = DataKey::open(&sealed, passphrase)?;
        let contents = from_json(&contents)?;
        Ok(Self { files, entropy, key, last: Mutex::new((Seen::of(&sealed), contents)) })
    }

    /// What `view` sees in the newest contents.
    pub fn read<T>(&self, view: impl FnOnce(&Contents) -> T) -> Result<T, StoreError> {
        self.newest(|_, contents| view(contents))
    }

    /// What `view` sees in the newest contents, with the mark of the file they stand in.
    fn newest<T>(&self, view: impl FnOnce(Seen, &Contents) -> T) -> Result<T, StoreError> {
        let mut last = self.last.lock().map_err(|_| StoreError::Busy)?;
        let sealed = self.files.read()?.ok_or(StoreError::NotInitialised)?;
        let seen = Seen::of(&sealed);
        if seen != last.0 {
            *last = (seen, from_json(&self.key.reopen(&sealed)?)?);
        }
        Ok(view(last.0, &last.1))
    }

    /// Changes the contents: `change` runs on the newest contents, and again if someone else wrote meanwhile. What it
    /// refuses is not written.
    pub fn update<T, E: From<StoreError>>(
        &self,
        mut change: impl FnMut(&mut Contents) -> Result<T, E>,
    ) -> Result<T, E> {
        for _ in 0..ATTEMPTS {
            let (seen, mut contents) = self.newest(|seen, contents| (seen, contents.clone()))?;
            let outcome = change(&mut contents)?;
            let excess = contents.history.len().saturating_sub(MAX_HISTORY);
            contents.history.drain(..excess);
            if contents.holdings.len() > MAX_HOLDINGS {
                return Err(StoreError::Full.into());
            }
            let sealed = self.key.seal(&plain(&contents)?, self.entropy.as_ref()).map_err(StoreError::from)?;
            match self.files.replace(Some(seen), &sealed).map_err(StoreError::from)? {
                Replaced::Done => {
                    *self.last.lock().map_err(|_| StoreError::Busy)? = (Seen::of(&sealed), contents);
                    return Ok(outcome);
                }
                Replaced::Conflict => {}
            }
        }
        Err(StoreError::Busy.into())
    }
}

fn plain(contents: &Contents) -> Result<Zeroizing<Vec<u8>>, StoreError> {
    to_json(contents).map_err(|_| SealError::Encryption.into())
}

#[cfg(test)]
mod tests {
    use warifu_keys::entropy::Seeded;

    use super::*;
    use crate::history::{Party, TransactionType};

    fn settings() -> Settings {
        Settings {
            registry: "https://registry.example".parse().unwrap(),
            operator_certificate: String::new(),
            language: None,
            selfie: SelfieRule::WhenAsked,
            answers: AnswerRule::Encrypted,
            sandbox: true,
        }
    }

    fn secret(text: &str) -> Secret {
        Secret::new(text.as_bytes().to_vec())
    }

    fn init(files: &Arc<dyn Files>) -> Result<Store, StoreError> {
        let entropy = Arc::new(Seeded::dangerous_new("store"));
        Store::init(
            Arc::clone(files),
            &secret("1234"),
            Kdf::dangerous_fast(),
            settings(),
            entropy,
            Timestamp::UNIX_EPOCH,
        )
    }

    fn open(files: &Arc<dyn Files>, passphrase: &str) -> Result<Store, StoreError> {
        Store::open(Arc::clone(files), &secret(passphrase), Arc::new(Seeded::dangerous_new(passphrase)))
    }

    fn entry(name: &str) -> Entry {
        let party = Party { name: name.to_owned(), identifier: String::new(), registrar: None };
        Entry::new(name.to_owned(), TransactionType::Presentation, party, Timestamp::UNIX_EPOCH)
    }

    fn add(store: &Store, name: &str) {
        let added: Result<(), StoreError> = store.update(|contents| {
            contents.history.push(entry(name));
            Ok(())
        });
        added.unwrap();
    }

    #[test]
    fn opens_with_its_passphrase_only() {
        let files: Arc<dyn Files> = Arc::new(Memory::default());
        assert!(matches!(open(&files, "1234"), Err(StoreError::NotInitialised)));
        init(&files).unwrap();
        assert!(matches!(init(&files), Err(StoreError::AlreadyInitialised)));
        assert!(matches!(open(&files, "1235"), Err(StoreError::Seal(SealError::WrongPassphrase))));
        assert_eq!(open(&files, "1234").unwrap().read(|contents| contents.settings.clone()).unwrap(), settings());
        let short = Store::init(
            Arc::new(Memory::default()),
            &secret("123"),
            Kdf::dangerous_fast(),
            settings(),
            Arc::new(Seeded::dangerous_new("short")),
            Timestamp::UNIX_EPOCH,
        );
        assert!(matches!(short, Err(StoreError::PassphraseTooShort)));
    }

    #[test]
    fn two_users_of_one_home_lose_nothing() {
        let home = tempfile::tempdir().unwrap();
        let files: Arc<dyn Files> = Arc::new(Folder::at(home.path()));
        let one = init(&files).unwrap();
        let other = open(&files, "1234").unwrap();
        std::thread::scope(|scope| {
            for store in [&one, &other] {
                scope.spawn(move || (0..4).for_each(|at| add(store, &at.to_string())));
            }
        });
        assert_eq!(one.read(|contents| contents.history.len()).unwrap(), 8);
        assert_eq!(other.read(|contents| contents.history.len()).unwrap(), 8);
        let refused: Result<(), StoreError> = one.update(|contents| {
            contents.history.clear();
            Err(StoreError::Full)
        });
        assert!(refused.is_err());
        assert_eq!(open(&files, "1234").unwrap().read(|contents| contents.history.len()).unwrap(), 8);
    }

    #[test]
    fn a_damaged_file_is_named_and_left_alone() {
        let home = tempfile::tempdir().unwrap();
        let files: Arc<dyn Files> = Arc::new(Folder::at(home.path()));
        add(&init(&files).unwrap(), "Bank B");
        let path = home.path().join("wallet.sealed");
        let whole = std::fs::read(&path).unwrap();
        assert!(!String::from_utf8_lossy(&whole).contains("Bank B"));
        for cut in [0, 10, whole.len() / 2, whole.len() - 3] {
            std::fs::write(&path, &whole[..cut]).unwrap();
            assert!(matches!(open(&files, "1234"), Err(StoreError::Seal(SealError::Damaged(_)))), "{cut}");
            assert_eq!(std::fs::read(&path).unwrap(), &whole[..cut]);
        }
        std::fs::write(&path, &whole).unwrap();
        assert_eq!(open(&files, "1234").unwrap().read(|contents| contents.history.len()).unwrap(), 1);
    }
}
