//! Applications: the clients of the session API, each with its own key, sessions, people and faces.
//!
//! An application sees what it made and nothing else; what belongs to another one is answered as if it were not there.
//! Keys of the settings ([`crate::Config::api_keys`]) belong to one application that is built in ([`BUILT_IN`]), and so does
//! every record from before there were applications.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;
use uuid::Uuid;
use warifu_keys::{Entropy, base64url};
use warifu_server::extract::ApiKeyHash;
use warifu_store::audit::{Entry, Reference};
use warifu_store::{Batch, Collection, Loaded, Query, Store, Stored};

use crate::Error;
use crate::embed::{self, EmbedOrigin};
use crate::kyc::service::TRIES;
use crate::kyc::workflow::Environment;

/// The application of the keys in the settings.
pub const BUILT_IN: Uuid = Uuid::from_u128(0x6170_7001_0000_4000_8000_0000_0000_0001);

/// Longest name, in characters.
const NAME: usize = 100;
/// Most applications of one issuer: all of them are kept in memory.
const MOST: usize = 10_000;

/// The application that records without one belong to.
pub(crate) fn built_in() -> Uuid {
    BUILT_IN
}

/// A name that is an application's own. Names of the built-in one are as they were before there were others.
pub(crate) fn scoped(application: Uuid, name: &str) -> String {
    if application == BUILT_IN { name.to_owned() } else { format!("{application}\n{name}") }
}

/// A client of the session API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Application {
    /// Identifier.
    pub id: Uuid,
    /// Name for people.
    pub name: String,
    /// Real people or specimens: what a sandbox application does is never minted by an issuer for real people.
    pub environment: Environment,
    /// When it was made.
    pub created_at: Timestamp,
    /// The origins whose pages may embed its sessions; nobody's where there are none.
    #[serde(default)]
    pub embed_origins: Vec<EmbedOrigin>,
    /// Hash of its key; absent once the key was revoked.
    key: Option<String>,
}

impl Application {
    /// The application of the keys in the settings.
    #[must_use]
    pub fn built_in(environment: Environment) -> Self {
        Self {
            id: BUILT_IN,
            name: "Settings".to_owned(),
            environment,
            created_at: Timestamp::UNIX_EPOCH,
            embed_origins: Vec::new(),
            key: None,
        }
    }

    /// Whether it has a key that opens doors.
    #[must_use]
    pub fn has_key(&self) -> bool {
        self.key.is_some()
    }
}

impl Stored for Application {
    const NAME: &'static str = "applications";

    fn key(&self) -> String {
        self.id.to_string()
    }
}

/// An application and its key, which is shown this once and kept as a hash only.
pub struct NewKey {
    /// The application.
    pub application: Application,
    /// The key.
    pub key: String,
}

impl std::fmt::Debug for NewKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "NewKey({})", self.application.id)
    }
}

/// The applications of one issuer. Their keys are held in memory, following the store: one process writes them.
pub struct Applications {
    store: Arc<dyn Store>,
    environment: Environment,
    known: RwLock<HashMap<String, Application>>,
    loaded: Mutex<bool>,
}

impl Applications {
    /// Those kept in this store, by an issuer of this environment.
    #[must_use]
    pub fn of(store: &Arc<dyn Store>, environment: Environment) -> Self {
        Self { store: Arc::clone(store), environment, known: RwLock::default(), loaded: Mutex::new(false) }
    }

    /// Makes an application with a fresh key. On a sandbox issuer it is a sandbox, whatever was asked for.
    ///
    /// # Errors
    /// [`Error::Field`] for a name that is empty or too long, and beyond 10,000 applications.
    pub async fn create(
        &self,
        name: &str,
        environment: Environment,
        entropy: &dyn Entropy,
        now: Timestamp,
    ) -> Result<NewKey, Error> {
        let name = name.trim();
        if name.is_empty() || name.chars().count() > NAME || name.chars().any(char::is_control) {
            return Err(bad_name("Ensure this field has 1 to 100 characters."));
        }
        if self.all().await?.len() >= MOST {
            return Err(bad_name("There are 10000 applications already."));
        }
        let environment = match self.environment {
            Environment::Sandbox => Environment::Sandbox,
            Environment::Live => environment,
        };
        let id = uuid::Builder::from_random_bytes(entropy.array()).into_uuid();
        let key = fresh_key(environment, entropy);
        let hash = Some(ApiKeyHash::of(&key).to_string());
        let (name, embed_origins) = (name.to_owned(), Vec::new());
        let application = Application { id, name, environment, created_at: now, embed_origins, key: hash };
        let entry = entry("application.created", id, now);
        self.store.commit(Batch::new().insert(&application).audit(entry)).await?;
        self.remember(&application).await?;
        Ok(NewKey { application, key })
    }

    /// Gives an application a fresh key; the one before opens nothing any more.
    ///
    /// # Errors
    /// [`Error::NoSuchApplication`].
    pub async fn rotate(&self, id: Uuid, entropy: &dyn Entropy, now: Timestamp) -> Result<NewKey, Error> {
        let mut key = String::new();
        let application = self
            .change(id, "application.key_rotated", now, |application| {
                key = fresh_key(application.environment, entropy);
                application.key = Some(ApiKeyHash::of(&key).to_string());
            })
            .await?;
        Ok(NewKey { application, key })
    }

    /// Takes the key of an application away. What it made stays, and a rotated key opens it again.
    ///
    /// # Errors
    /// [`Error::NoSuchApplication`].
    pub async fn revoke(&self, id: Uuid, now: Timestamp) -> Result<Application, Error> {
        self.change(id, "application.key_revoked", now, |application| application.key = None).await
    }

    /// Says whose pages may embed the sessions of an application, in place of those before.
    ///
    /// # Errors
    /// [`Error::NoSuchApplication`]; [`Error::Field`] beyond 20 origins.
    pub async fn embed(&self, id: Uuid, origins: Vec<EmbedOrigin>, now: Timestamp) -> Result<Application, Error> {
        if origins.len() > embed::MOST {
            let why = "Ensure this field has at most 20 origins.".to_owned();
            return Err(Error::Field { field: "embed_origins", why });
        }
        self.change(id, "application.embedders_set", now, |application| application.embed_origins.clone_from(&origins))
            .await
    }

    /// The application with this identifier.
    pub(crate) async fn by_id(&self, id: Uuid) -> Result<Option<Application>, Error> {
        Ok(self.collection().load(&id).await?.map(|loaded| loaded.value))
    }

    /// All applications but the built-in one, oldest first.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn all(&self) -> Result<Vec<Application>, Error> {
        let found = self.collection().collect(Query::all()).await?;
        let mut all: Vec<Application> = found.into_iter().map(|loaded| loaded.value).collect();
        all.sort_by_key(|application| (application.created_at, application.id));
        Ok(all)
    }

    /// Reads all keys into memory, and says how many there are. Called at the start; where nobody did, the first look-up
    /// does.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn load(&self) -> Result<usize, Error> {
        let mut loaded = self.loaded.lock().await;
        self.read().await.inspect(|_| *loaded = true)
    }

    /// The application whose key this is.
    ///
    /// # Errors
    /// Those of the store, at the first look-up.
    pub(crate) async fn with_key(&self, key: &ApiKeyHash) -> Result<Option<Application>, Error> {
        {
            let mut loaded = self.loaded.lock().await;
            if !*loaded {
                self.read().await?;
                *loaded = true;
            }
        }
        Ok(self.known(key))
    }

    /// The same among those that were loaded. Looked up by hash, so the time tells nothing of the keys beside it.
    pub(crate) fn known(&self, key: &ApiKeyHash) -> Option<Application> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).get(&key.to_string()).cloned()
    }

    async fn read(&self) -> Result<usize, Error> {
        let all = self.all().await?;
        let known: HashMap<_, _> =
            all.into_iter().filter_map(|application| Some((application.key.clone()?, application))).collect();
        let count = known.len();
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = known;
        Ok(count)
    }

    async fn change(
        &self,
        id: Uuid,
        action: &str,
        now: Timestamp,
        mut change: impl FnMut(&mut Application),
    ) -> Result<Application, Error> {
        for _ in 0..TRIES {
            let Loaded { seen, mut value } = self.collection().load(&id).await?.ok_or(Error::NoSuchApplication)?;
            change(&mut value);
            match self.store.commit(Batch::new().replace(seen, &value).audit(entry(action, id, now))).await {
                Ok(_) => {
                    self.remember(&value).await?;
                    return Ok(value);
                }
                Err(error) if error.is_conflict() => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::Busy)
    }

    /// Brings memory in line with what was committed. Where nothing was loaded yet, the first look-up finds it.
    async fn remember(&self, application: &Application) -> Result<(), Error> {
        let loaded = self.loaded.lock().await;
        if !*loaded {
            return Ok(());
        }
        // Read again rather than taken over, so that what was committed last is what stays.
        let current = self.collection().load(&application.id).await?.map(|loaded| loaded.value);
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, other| other.id != application.id);
        if let Some((key, current)) = current.and_then(|current| Some((current.key.clone()?, current))) {
            known.insert(key, current);
        }
        Ok(())
    }

    fn collection(&self) -> Collection<Application> {
        Collection::of(&self.store)
    }
}

impl std::fmt::Debug for Applications {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Applications(..)")
    }
}

/// 256 random bits with a word in front that tells a sandbox key from another at a glance.
fn fresh_key(environment: Environment, entropy: &dyn Entropy) -> String {
    let word = match environment {
        Environment::Live => "live",
        Environment::Sandbox => "test",
    };
    format!("wk_{word}_{}", base64url::encode(&entropy.array::<32>()))
}

fn entry(action: &str, id: Uuid, now: Timestamp) -> Entry {
    Entry::new(now, action, Reference::public("issuer", "operator"), Reference::public("application", &id.to_string()))
}

fn bad_name(why: &str) -> Error {
    Error::Field { field: "name", why: why.to_owned() }
}

#[cfg(test)]
mod tests {
    use warifu_keys::entropy::Seeded;

    use super::*;

    #[tokio::test]
    async fn a_key_is_known_until_it_is_not() {
        let entropy = &Seeded::dangerous_new("applications");
        let store = warifu_store::memory::open().unwrap();
        let now = Timestamp::from_second(1_795_000_000).unwrap();
        let applications = Applications::of(&store, Environment::Live);
        let first = applications.create("Bank A", Environment::Live, entropy, now).await.unwrap();
        assert!(first.key.starts_with("wk_live_"));
        let text = serde_json::to_string(&first.application).unwrap();
        assert!(!text.contains(&first.key), "{text}");
        let second = applications.create("Bank B", Environment::Sandbox, entropy, now).await.unwrap();
        assert!(second.key.starts_with("wk_test_"));
        let named = async |applications: &Applications, text: &str| {
            applications.with_key(&ApiKeyHash::of(text)).await.unwrap().map(|application| application.name)
        };
        assert_eq!(named(&applications, &first.key).await.as_deref(), Some("Bank A"));
        assert_eq!(named(&applications, &second.key).await.as_deref(), Some("Bank B"));
        assert_eq!(named(&applications, "wk_live_x").await, None);

        let rotated = applications.rotate(first.application.id, entropy, now).await.unwrap();
        assert_eq!(named(&applications, &first.key).await, None, "the key before");
        assert_eq!(named(&applications, &rotated.key).await.as_deref(), Some("Bank A"));
        applications.revoke(first.application.id, now).await.unwrap();
        assert_eq!(named(&applications, &rotated.key).await, None, "revoked");
        // Another process finds the same.
        let again = Applications::of(&store, Environment::Live);
        assert_eq!(again.load().await.unwrap(), 1);
        assert_eq!(named(&again, &rotated.key).await, None);
        assert_eq!(named(&again, &second.key).await.as_deref(), Some("Bank B"));
        assert!(matches!(again.revoke(Uuid::nil(), now).await, Err(Error::NoSuchApplication)));
    }

    #[tokio::test]
    async fn on_a_sandbox_everything_is_one() {
        let entropy = &Seeded::dangerous_new("applications");
        let store = warifu_store::memory::open().unwrap();
        let applications = Applications::of(&store, Environment::Sandbox);
        let made = applications.create("Bank A", Environment::Live, entropy, Timestamp::UNIX_EPOCH).await.unwrap();
        assert_eq!(made.application.environment, Environment::Sandbox);
        for bad in ["", "  ", "a\nb", &"x".repeat(101)] {
            let refused = applications.create(bad, Environment::Live, entropy, Timestamp::UNIX_EPOCH).await;
            assert!(matches!(refused, Err(Error::Field { field: "name", .. })), "`{bad}`");
        }
    }
}
