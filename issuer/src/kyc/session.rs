//! The record of one KYC session: an open part that can be listed and searched, and a sealed part that cannot.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::Url;
use uuid::Uuid;
use warifu_keys::{Entropy, Secret, base64url, sha256};
use warifu_models::liveness::Challenge;
use warifu_session::Status;
use warifu_session::consent::{Receipt, SignedReceipt};
use warifu_session::webhook::ResubmitInfo;
use warifu_store::{Stored, sortable};

use crate::application::{Application, BUILT_IN, built_in, scoped};
use crate::kyc::presented::Showing;
use crate::kyc::stage::Stage;
use crate::kyc::vault::{DataKey, Vault, VaultError, WrappedKey};
use crate::kyc::workflow::{Kind, Workflow};
use crate::retention::Retention;
use crate::vci::Offered;

/// Longest `vendor_data`, in characters.
pub const VENDOR_DATA: usize = 256;
/// Largest `metadata`, in bytes of JSON.
pub const METADATA: usize = 16 * 1024;

/// The record of a session: everything that is not about the person.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Session {
    /// Identifier.
    pub id: Uuid,
    /// The application that made it; nobody else's key finds it.
    #[serde(default = "built_in")]
    pub application: Uuid,
    /// Running number inside the application.
    pub number: u64,
    /// Status word.
    pub status: Status,
    /// The rules it runs under, pinned.
    pub workflow: Workflow,
    /// The client's own identifier of the person.
    pub vendor_data: Option<String>,
    /// The client's own data.
    pub metadata: Option<Value>,
    /// Where the person is sent at the end.
    pub callback: Option<Url>,
    /// Language of the hosted pages.
    pub language: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it can no longer be finished.
    pub expires_at: Timestamp,
    /// How many uploads could not be used.
    pub attempts: u32,
    /// SHA-256 of the identifier of the request for a credential that waits for its answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    request_hash: Option<String>,
    /// How many events there were: the `sequence` of the last one.
    #[serde(default)]
    pub events: u64,
    /// What its clocks go by.
    #[serde(default)]
    pub retention: Retention,
    /// SHA-256 of the token in the person's link.
    token_hash: String,
    /// The key of everything sealed, itself under the issuer's master key; absent once it was erased.
    key: Option<WrappedKey>,
    /// [`Personal`], sealed.
    sealed: String,
}

/// What is about the person: kept sealed only.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Personal {
    /// The token in the person's link.
    pub token: Token,
    /// How far the session is, with everything that was read.
    pub stage: Stage,
    /// Consents to share that the person gave on the hosted page, newest last.
    pub consents: Vec<RecordedConsent>,
    /// The challenge that the page was given last; used up by the recording that comes for it.
    #[serde(default)]
    pub challenge: Option<Challenge>,
    /// How many recordings failed their challenge.
    #[serde(default)]
    pub failed_challenges: u32,
    /// What became of asking for a credential of this issuer's.
    #[serde(default)]
    pub showing: Showing,
    /// The offer that the result page shows, so that loading it again shows the same.
    #[serde(default)]
    pub offer: Option<KeptOffer>,
    /// What a reviewer asked the person to repeat last; told in the event of `Resubmitted`.
    #[serde(default)]
    pub resubmission: Option<ResubmitInfo>,
    /// When the session last went a step through its graph: ages are those of that day.
    #[serde(default)]
    pub walked_at: Option<Timestamp>,
}

/// An offer as the result page shows it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct KeptOffer {
    /// What is shown.
    pub offered: Offered,
    /// Where its state is kept.
    pub key: String,
}

/// A consent to share this session's decision.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RecordedConsent {
    /// Who may receive it.
    pub audience: String,
    /// What for.
    pub purpose: String,
    /// What of it.
    pub scope: Vec<warifu_session::share::Scope>,
    /// The receipt.
    pub receipt: Receipt,
    /// The receipt under the issuer's signature; absent in records from before it was signed.
    #[serde(default)]
    pub signed: Option<SignedReceipt>,
}

/// The secret in a person's link: 24 URL-safe characters, 144 random bits. Silent in `Debug`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Token(String);

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(..)")
    }
}

impl Token {
    /// A fresh token.
    #[must_use]
    pub fn generate(entropy: &dyn Entropy) -> Self {
        Self(base64url::encode(&entropy.array::<18>()))
    }

    /// The token as it stands in the link.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

/// How a client names a workflow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkflowName {
    /// By its identifier.
    Id(Uuid),
    /// The first one of a kind: `wf_first_verification` or `wf_reusable_kyc`.
    Kind(Kind),
}

impl std::str::FromStr for WorkflowName {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, uuid::Error> {
        let kinds = [Kind::FirstVerification, Kind::BiometricAuthentication];
        match kinds.into_iter().find(|kind| kind.name() == text) {
            Some(kind) => Ok(Self::Kind(kind)),
            None => text.parse().map(Self::Id),
        }
    }
}

/// What a client asks for when it makes a session.
#[derive(Debug, Clone, Default)]
pub struct NewSession {
    /// For which application; the built-in one when absent.
    pub application: Option<Application>,
    /// Which workflow; the first one when absent.
    pub workflow: Option<WorkflowName>,
    /// The client's own identifier of the person.
    pub vendor_data: Option<String>,
    /// The client's own data.
    pub metadata: Option<Value>,
    /// Where the person is sent at the end.
    pub callback: Option<Url>,
    /// Language of the hosted pages.
    pub language: Option<String>,
    /// A portrait to compare the selfie of a reuse session with, as a JPEG. Read once, kept as a sealed template only.
    pub portrait_image: Option<Secret>,
    /// Whose face the selfie of a reuse session is compared with, where no portrait is handed in.
    pub reference: ReferenceSource,
}

/// Where the face comes from that a reuse session compares with, where no portrait is handed in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ReferenceSource {
    /// What was kept of the person with the same `vendor_data`.
    #[default]
    Kept,
    /// A credential of this issuer's that the person shows on the hosted page.
    PresentedCredential,
}

impl NewSession {
    /// The application that asks.
    pub(crate) fn application_id(&self) -> Uuid {
        self.application.as_ref().map_or(BUILT_IN, |application| application.id)
    }
}

/// A session with its sealed part open.
#[derive(Debug)]
pub struct OpenSession {
    /// The open part.
    pub session: Session,
    /// The sealed part.
    pub personal: Personal,
    /// The key of everything sealed.
    pub key: DataKey,
}

impl OpenSession {
    /// A new session.
    ///
    /// # Errors
    /// As [`Vault::data_key`].
    pub fn create(seed: Seed<'_>, vault: &Vault, entropy: &dyn Entropy) -> Result<Self, VaultError> {
        let (key, wrapped) = vault.data_key(&seed.id.to_string(), entropy)?;
        let token = Token::generate(entropy);
        let session = Session {
            id: seed.id,
            application: seed.wanted.application_id(),
            number: seed.number,
            status: Status::NotStarted,
            workflow: seed.workflow.clone(),
            vendor_data: seed.wanted.vendor_data,
            metadata: seed.wanted.metadata,
            callback: seed.wanted.callback,
            language: seed.wanted.language.unwrap_or_else(|| "en".to_owned()),
            created_at: seed.now,
            expires_at: seed.expires_at,
            attempts: 0,
            request_hash: None,
            events: 0,
            retention: Retention { last_activity: Some(seed.now), ..Retention::default() },
            token_hash: token_hash(token.expose()),
            key: Some(wrapped),
            sealed: String::new(),
        };
        let personal = Personal {
            token,
            stage: Stage::Opened,
            consents: Vec::new(),
            challenge: None,
            failed_challenges: 0,
            showing: Showing::NotAsked,
            offer: None,
            resubmission: None,
            walked_at: None,
        };
        Ok(Self { session, personal, key })
    }

    /// Opens the sealed part; `None` where its key was erased.
    ///
    /// # Errors
    /// [`VaultError::Sealed`] under another master key or for damaged data.
    pub fn open(session: Session, vault: &Vault) -> Result<Option<Self>, VaultError> {
        let Some(wrapped) = &session.key else { return Ok(None) };
        let key = vault.unwrap_key(&session.id.to_string(), wrapped)?;
        let sealed = base64url::decode(&session.sealed).map_err(|_| VaultError::Sealed)?;
        let plain = key.open(&personal_context(session.id), &sealed)?;
        let personal = serde_json::from_slice(plain.expose()).map_err(|_| VaultError::Sealed)?;
        Ok(Some(Self { session, personal, key }))
    }

    /// Lets the session be found by the request for a credential that waits for its answer, and by no other one.
    pub(crate) fn show(&mut self, showing: Showing) {
        self.session.request_hash = showing.request_id().map(token_hash);
        self.personal.showing = showing;
    }

    /// Takes a fresh key, for [`OpenSession::seal`] to use: whatever else the one before opens stays closed for good.
    ///
    /// # Errors
    /// As [`Vault::data_key`].
    pub(crate) fn rekey(&mut self, vault: &Vault, entropy: &dyn Entropy) -> Result<(), VaultError> {
        let (key, wrapped) = vault.data_key(&self.session.id.to_string(), entropy)?;
        (self.key, self.session.key) = (key, Some(wrapped));
        Ok(())
    }

    /// The record with the sealed part sealed anew.
    ///
    /// # Errors
    /// As [`DataKey::seal`].
    pub fn seal(&self, entropy: &dyn Entropy) -> Result<Session, VaultError> {
        let plain = Secret::new(serde_json::to_vec(&self.personal).map_err(|_| VaultError::Sealed)?);
        let sealed = self.key.seal(&personal_context(self.session.id), plain.expose(), entropy)?;
        Ok(Session { sealed: base64url::encode(&sealed), ..self.session.clone() })
    }
}

/// What a new session is made from.
#[derive(Debug)]
pub struct Seed<'a> {
    /// Identifier.
    pub id: Uuid,
    /// Running number.
    pub number: u64,
    /// The rules.
    pub workflow: &'a Workflow,
    /// What the client asked for.
    pub wanted: NewSession,
    /// When.
    pub now: Timestamp,
    /// Until when.
    pub expires_at: Timestamp,
}

impl Session {
    /// The status at `now`: one that nobody finished in time is over even before anyone wrote it down.
    #[must_use]
    pub fn status_at(&self, now: Timestamp) -> Status {
        match self.status {
            Status::NotStarted if now > self.expires_at => Status::Expired,
            Status::InProgress if now > self.expires_at => Status::Abandoned,
            other => other,
        }
    }

    /// The session without its key and what that key opened: what remains after erasure.
    #[must_use]
    pub fn erased(mut self) -> Self {
        self.key = None;
        self.sealed = String::new();
        self.token_hash = String::new();
        self.request_hash = None;
        self.vendor_data = None;
        self.metadata = None;
        self.retention.erase();
        self
    }

    /// The key of everything sealed; `None` where it was erased.
    pub(crate) fn data_key(&self, vault: &Vault) -> Result<Option<DataKey>, VaultError> {
        self.key.as_ref().map(|wrapped| vault.unwrap_key(&self.id.to_string(), wrapped)).transpose()
    }

    /// Whether the person's data were erased.
    #[must_use]
    pub fn is_erased(&self) -> bool {
        self.key.is_none()
    }

    /// Index key for the unfinished session of one application's person under one version of a workflow.
    #[must_use]
    pub fn vendor_key(application: Uuid, workflow: &Workflow, vendor_data: &str) -> String {
        let text = format!("{} {} {}", workflow.id, workflow.version, scoped(application, vendor_data));
        base64url::encode(&sha256(text.as_bytes()))
    }
}

/// Index key of a link's token.
#[must_use]
pub fn token_hash(token: &str) -> String {
    base64url::encode(&sha256(token.as_bytes()))
}

fn personal_context(id: Uuid) -> String {
    format!("warifu session {id}")
}

impl Stored for Session {
    const NAME: &'static str = "kyc_sessions";
    const INDEXES: &'static [&'static str] = &["token", "unfinished", "lapses", "status", "request", "retention"];

    fn key(&self) -> String {
        self.id.to_string()
    }

    fn indexes(&self) -> Vec<(&'static str, String)> {
        let mut indexes = vec![("status", self.status.word().to_owned())];
        if !self.token_hash.is_empty() {
            indexes.push(("token", self.token_hash.clone()));
        }
        if let Some(hash) = &self.request_hash {
            indexes.push(("request", hash.clone()));
        }
        if matches!(self.status, Status::NotStarted | Status::InProgress) && !self.is_erased() {
            indexes.push(("lapses", sortable(self.expires_at.as_second())));
        }
        if let (Some(vendor_data), Status::NotStarted | Status::InProgress) = (&self.vendor_data, self.status) {
            indexes.push(("unfinished", Self::vendor_key(self.application, &self.workflow, vendor_data)));
        }
        let clocks = self.retention.index_keys(self.created_at);
        indexes.extend(clocks.into_iter().map(|key| ("retention", key)));
        indexes
    }
}

/// The last running number that was handed out in one application.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct LastNumber {
    /// The application.
    #[serde(default = "built_in")]
    pub(crate) application: Uuid,
    /// The number.
    pub(crate) last: u64,
}

impl Stored for LastNumber {
    const NAME: &'static str = "kyc_session_number";

    fn key(&self) -> String {
        Self::key_of(self.application)
    }
}

impl LastNumber {
    pub(crate) fn key_of(application: Uuid) -> String {
        scoped(application, "last")
    }
}

#[cfg(test)]
mod tests {
    use warifu_keys::Secret;
    use warifu_keys::entropy::Seeded;

    use super::*;

    #[test]
    fn the_record_says_nothing_about_the_person() {
        let entropy = &Seeded::dangerous_new("session");
        let vault = Vault::new(Secret::new(vec![1; 32])).unwrap();
        let now = Timestamp::from_second(1_795_000_000).unwrap();
        let workflow = Workflow::live();
        let seed = Seed {
            id: Uuid::from_u128(7),
            number: 1,
            workflow: &workflow,
            wanted: NewSession::default(),
            now,
            expires_at: now,
        };
        let mut open = OpenSession::create(seed, &vault, entropy).unwrap();
        assert_eq!(open.personal.token.expose().len(), 24);
        open.personal.stage = Stage::Opened.with_document(crate::kyc::checks::tests::handed_document()).unwrap();
        let record = open.seal(entropy).unwrap();
        let text = serde_json::to_string(&record).unwrap();
        for personal in ["ERIKSSON", "L898902C3", "1974", open.personal.token.expose()] {
            assert!(!text.contains(personal), "{personal}");
        }
        let again = OpenSession::open(record.clone(), &vault).unwrap().unwrap();
        assert_eq!(again.personal.stage, open.personal.stage);
        let erased = record.erased();
        assert!(OpenSession::open(erased, &vault).unwrap().is_none());
    }
}
