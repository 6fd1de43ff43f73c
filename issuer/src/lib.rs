//! The issuer: KYC session, verdict, credential.
//!
//! A client makes a session by the v3 API, a person hands over document and selfie on hosted pages, [`kyc`] decides, and
//! whoever was approved gets a credential by OpenID4VCI 1.0 ([`vci`]), which can be revoked ([`status`]) and shared with
//! a partner. What happens to a session is told to its application's servers ([`webhook`]); which checks it asks for, and in
//! which order, [`workflows`] say. [`Issuer`] is the service; [`http::router`] is its front. Time is an argument of every service function;
//! randomness, keys, store and models are handed in.
//!
//! Left out: reviewers with names and rights of their own (an application's key speaks for all of its people), the
//! authorization code flow.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use jiff::Timestamp;
use tokio::sync::{Mutex, Notify, Semaphore};
use warifu_keys::x509::Certificate;
use warifu_keys::{Entropy, Secret, Signer, sha256};
use warifu_models::Models;
use warifu_openid4vc::vci::nonce::NonceKey;
use warifu_server::Clock;
use warifu_server::audit::AuditLog;
use warifu_server::extract::ApiKey;
use warifu_server::fetch::Fetcher;
use warifu_server::text::Catalogue;
use warifu_store::blob::Blobs;
use warifu_store::{Store, audit};
use warifu_trust::bundle::Credentials;

pub mod application;
pub mod billing;
mod config;
pub mod embed;
mod error;
pub mod http;
pub mod kyc;
pub mod mint;
pub mod retention;
pub mod status;
mod trust;
pub mod vci;
mod w3c;
pub mod webhook;
pub mod workflows;

pub use application::{Application, Applications};
pub use config::{BadSetting, Config, Suspension};
pub use error::Error;
pub use kyc::consent::{Consent, ConsentState, ConsentWithdrawn, Consented, WithdrawnBy};
pub use kyc::create::Created;
pub use kyc::erase::Erased;
pub use kyc::service::{Next, Progress};
pub use kyc::share::{ShareRequest, Shared};
pub use vci::{CredentialConfiguration, Offered, Shown};

use kyc::faces::gallery::Gallery;
use kyc::faces::record::FaceSecret;
use kyc::vault::Vault;

/// The issuer's keys.
pub struct Keys {
    /// Signs credentials, shares and, unless there is a key of their own, status lists.
    pub document_signer: Arc<dyn Signer>,
    /// Its certificate and the intermediate ones above, the anchor left out.
    pub chain: Vec<Certificate>,
    /// Signs the status lists in place of the document signer. It has to be a document signer under the anchor of the
    /// credentials. Deployed verifiers take lists only from the key that signed the credential, so leave it out where there
    /// is no reason.
    pub status_signer: Option<CertifiedKey>,
    /// Signs presentation requests for credentials of this issuer's own, under its access certificate; without one nobody
    /// can show a credential in place of a kept face.
    pub access: Option<CertifiedKey>,
    /// 32 secret bytes that everything kept of people is wrapped under. Losing them is losing all evidence.
    pub master: Secret,
}

/// A key with the certificate that speaks for it.
pub struct CertifiedKey {
    /// Signs.
    pub signer: Arc<dyn Signer>,
    /// Its certificate and the intermediate ones above, the anchor left out.
    pub chain: Vec<Certificate>,
}

impl From<Credentials> for CertifiedKey {
    fn from(Credentials { chain, key }: Credentials) -> Self {
        Self { signer: Arc::new(key), chain }
    }
}

/// What an issuer runs on.
pub struct Parts {
    /// Where records are kept.
    pub store: Arc<dyn Store>,
    /// Where sealed pictures are kept.
    pub blobs: Blobs,
    /// The loaded models.
    pub models: Models,
    /// The outbound client.
    pub fetcher: Fetcher,
    /// The clock that the HTTP front reads.
    pub clock: Clock,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// Keys.
    pub keys: Keys,
}

/// One issuer. Made once, shared by all requests.
pub struct Issuer {
    config: Config,
    applications: Applications,
    store: Arc<dyn Store>,
    blobs: Blobs,
    gallery: Arc<Gallery>,
    models: Models,
    clock: Clock,
    entropy: Arc<dyn Entropy>,
    document_signer: Arc<dyn Signer>,
    chain: Vec<Certificate>,
    status_signer: Option<CertifiedKey>,
    access: Option<CertifiedKey>,
    vault: Vault,
    nonce_key: NonceKey,
    pid_secret: Secret,
    audit_secret: [u8; 32],
    audit_log: AuditLog,
    face_secret: FaceSecret,
    trust: trust::TrustSource,
    fetcher: Fetcher,
    outbox: Notify,
    fonts: OnceLock<http::report::Fonts>,
    readers: Semaphore,
    numbers: Mutex<BTreeMap<uuid::Uuid, std::ops::Range<u64>>>,
    lists: Mutex<status::Cache>,
    bitstrings: Mutex<BTreeMap<u32, (Arc<serde_json::Value>, Timestamp)>>,
    metadata: vci::Metadata,
    catalogue: Catalogue,
}

impl Issuer {
    /// An issuer from its settings and parts.
    ///
    /// # Errors
    /// [`Error::Setting`] for settings that cannot be used or keys that do not fit; [`Error::Vault`] for a master key of
    /// another length.
    pub fn new(config: Config, parts: Parts) -> Result<Self, Error> {
        config.check()?;
        let Parts { store, blobs, models, fetcher, clock, entropy, keys } = parts;
        let Keys { document_signer, chain, status_signer, access, master } = keys;
        let belongs = |chain: &[Certificate], signer: &dyn Signer| {
            chain.first().and_then(|leaf| leaf.public_key().ok()).as_ref() == Some(&signer.public_key())
        };
        if !belongs(&chain, &*document_signer) {
            let why = "the first certificate does not belong to the document signer's key";
            return Err(BadSetting { setting: "keys", why }.into());
        }
        if status_signer.as_ref().is_some_and(|status| !belongs(&status.chain, &*status.signer)) {
            let why = "the first certificate does not belong to the status signer's key";
            return Err(BadSetting { setting: "keys", why }.into());
        }
        if access.as_ref().is_some_and(|access| !belongs(&access.chain, &*access.signer)) {
            let why = "the first certificate does not belong to the access key";
            return Err(BadSetting { setting: "keys", why }.into());
        }
        let catalogue = http::catalogue().map_err(|error| Error::Task(error.to_string()))?;
        Ok(Self {
            applications: Applications::of(&store, config.environment),
            vault: Vault::new(master.clone())?,
            nonce_key: NonceKey::new(Secret::new(derive(&master, "c_nonce").to_vec())),
            pid_secret: Secret::new(derive(&master, "user_pid").to_vec()),
            audit_secret: derive(&master, "audit"),
            audit_log: AuditLog::of(&store),
            face_secret: FaceSecret(derive(&master, "faces")),
            gallery: Arc::default(),
            trust: trust::TrustSource::new(config.trusted_list(), config.registry_operator.clone(), fetcher.clone()),
            fetcher,
            outbox: Notify::new(),
            fonts: OnceLock::new(),
            readers: Semaphore::new(config.readers),
            numbers: Mutex::default(),
            lists: Mutex::default(),
            bitstrings: Mutex::default(),
            metadata: vci::Metadata::new(&config, &document_signer.public_key())?,
            catalogue,
            config,
            store,
            blobs,
            models,
            clock,
            entropy,
            document_signer,
            chain,
            status_signer,
            access,
        })
    }

    /// The same issuer with the Ed25519 key that signs the checkpoints of its audit log.
    ///
    /// # Errors
    /// [`Error::Setting`] for a key of another kind.
    pub fn with_audit_signer(self, signer: Arc<dyn Signer>) -> Result<Self, Error> {
        let why = "checkpoints of the audit log are signed with an Ed25519 key";
        let signed = self.audit_log.signed_with(signer, &self.config.base_url);
        Ok(Self { audit_log: signed.map_err(|_| BadSetting { setting: "audit_signer", why })?, ..self })
    }

    /// The audit log.
    #[must_use]
    pub fn audit_log(&self) -> &AuditLog {
        &self.audit_log
    }

    /// The settings.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The applications that are its clients.
    #[must_use]
    pub fn applications(&self) -> &Applications {
        &self.applications
    }

    /// The application whose key this is: the built-in one for the keys in the settings.
    pub(crate) async fn application_of(&self, key: &ApiKey) -> Result<Option<Application>, Error> {
        if self.config.knows(key) {
            return Ok(Some(Application::built_in(self.config.environment)));
        }
        self.applications.with_key(&key.hash()).await
    }

    /// Whether this is the key of a client, as far as it was looked up or loaded before.
    pub(crate) fn knows(&self, key: &ApiKey) -> bool {
        self.config.knows(key) || self.applications.known(&key.hash()).is_some()
    }

    /// Whether passive liveness can be performed. Where it cannot, whoever starts the issuer says so.
    #[must_use]
    pub fn has_liveness(&self) -> bool {
        self.models.has_liveness()
    }

    fn entropy(&self) -> &dyn Entropy {
        &*self.entropy
    }

    /// A random identifier (UUID version 4).
    fn fresh_id(&self) -> uuid::Uuid {
        uuid::Builder::from_random_bytes(self.entropy().array()).into_uuid()
    }

    /// The name of a session in the audit log.
    fn session_reference(&self, id: uuid::Uuid) -> audit::Reference {
        audit::Reference::keyed(&self.audit_secret, "session", &id.to_string())
    }

    fn actor(&self, name: &str) -> audit::Reference {
        audit::Reference::public("issuer", name)
    }
}

impl std::fmt::Debug for Issuer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Issuer({})", self.config.base_url)
    }
}

/// A secret of its own for each use, from the master key.
fn derive(master: &Secret, label: &str) -> [u8; 32] {
    let mut text = format!("warifu issuer {label}\0").into_bytes();
    text.extend_from_slice(master.expose());
    sha256(&text)
}
