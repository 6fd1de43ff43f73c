//! The record of one KYC session: an open part that can be listed and searched, and a sealed part that cannot.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::Url;
use uuid::Uuid;
use warifu_keys::{Entropy, Secret, base64url, sha256};
use warifu_models::liveness::Challenge;
use warifu_session::Status;
use warifu_session::consent::{Receipt, SignedReceipt};
use warifu_session::decision::{Correction, StatusOverride};
use warifu_session::webhook::ResubmitInfo;
use warifu_session::workflow::NodeId;
use warifu_store::{Stored, sortable};

use crate::application::{Application, BUILT_IN, built_in, scoped};
use crate::billing;
use crate::kyc::device::Devices;
use crate::kyc::expected::Expected;
use crate::kyc::identity::Identity;
use crate::kyc::presented::Showing;
use crate::kyc::questions::Answered;
use crate::kyc::resubmit::Again;
use crate::kyc::review::{Activity, Ruling};
use crate::kyc::scenario::Scenario;
use crate::kyc::stage::Stage;
use crate::kyc::vault::{DataKey, Tagger, Vault, VaultError, WrappedKey};
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
    /// Which device is sent there.
    #[serde(default)]
    pub callback_method: CallbackMethod,
    /// Language of the hosted pages.
    pub language: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it can no longer be finished.
    pub expires_at: Timestamp,
    /// How many uploads could not be used.
    pub attempts: u32,
    /// What it can be found by.
    #[serde(default)]
    pub(crate) tags: Tags,
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

/// Keyed hashes of what is sealed, so that a session can be found by exactly that and by nothing less.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Tags {
    /// Of the client's identifier of the person.
    pub(crate) vendor_data: Option<String>,
    /// Of the issuing state.
    pub(crate) country: Option<String>,
    /// Of everything that a search finds it by: names, number of the document, the client's identifier.
    pub(crate) terms: Vec<String>,
}

impl Tags {
    /// The tag of a search term, whatever its spelling.
    pub(crate) fn term(tagger: &Tagger, application: Uuid, text: &str) -> String {
        let words: Vec<String> = text.split_whitespace().map(str::to_lowercase).collect();
        tagger.tag(application, "term", &words.join(" "))
    }

    /// The tag of an issuing state.
    pub(crate) fn country(tagger: &Tagger, application: Uuid, code: &str) -> String {
        tagger.tag(application, "country", &code.to_ascii_uppercase())
    }

    /// The tag of a client's identifier of a person.
    pub(crate) fn vendor_data(tagger: &Tagger, application: Uuid, vendor_data: &str) -> String {
        tagger.tag(application, "vendor_data", vendor_data)
    }

    fn of(session: &Session, who: Option<&Identity>, tagger: &Tagger) -> Self {
        let application = session.application;
        let mut terms: Vec<String> = session.vendor_data.iter().cloned().collect();
        if let Some(who) = who {
            let (given, family) = (&who.given_name, &who.family_name);
            terms.extend([who.full_name(), format!("{family} {given}"), family.clone(), who.document_number.clone()]);
        }
        let mut terms: Vec<String> = terms.iter().map(|text| Self::term(tagger, application, text)).collect();
        terms.sort_unstable();
        terms.dedup();
        Self {
            vendor_data: session.vendor_data.as_deref().map(|text| Self::vendor_data(tagger, application, text)),
            country: who.map(|who| Self::country(tagger, application, &who.issuing_state)),
            terms,
        }
    }
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
    /// The same as the person reads it; speaks only while the session is `Resubmitted`.
    #[serde(default)]
    pub again: Option<Again>,
    /// On which devices the person goes through it.
    #[serde(default)]
    pub devices: Devices,
    /// What reviewers did and noted, oldest first.
    #[serde(default)]
    pub(crate) reviews: Vec<Activity>,
    /// What they said of single features, the newest for each.
    #[serde(default)]
    pub(crate) rulings: Vec<Ruling>,
    /// What they corrected, by the names of the v3 API. What was read stays where it is.
    #[serde(default)]
    pub(crate) corrections: BTreeMap<String, Correction>,
    /// What the checks had come to, where a reviewer decided otherwise.
    #[serde(default)]
    pub(crate) overridden: Option<StatusOverride>,
    /// Where the client reaches the person.
    #[serde(default)]
    pub(crate) contact: Option<Value>,
    /// What the client expects the document to say.
    #[serde(default)]
    pub(crate) expected: Option<Expected>,
    /// The scenario that a sandbox session will play.
    #[serde(default)]
    pub(crate) scenario: Option<Scenario>,
    /// When the session last went a step through its graph: ages are those of that day.
    #[serde(default)]
    pub walked_at: Option<Timestamp>,
    /// What the person answered, by the node that asked.
    #[serde(default)]
    pub answers: BTreeMap<NodeId, Answered>,
    /// The webhook nodes that were passed: each is told once.
    #[serde(default)]
    pub(crate) called: BTreeSet<NodeId>,
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

/// Which device goes back to the client at the end, where a person went on with another one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallbackMethod {
    /// The one that opened the session.
    #[default]
    Initiator,
    /// The one that finished it.
    Completer,
    /// Both.
    Both,
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
    /// Which device of two goes back to the client.
    pub callback_method: CallbackMethod,
    /// Where the client reaches the person.
    pub contact: Option<Value>,
    /// What the client expects the document to say.
    pub expected: Option<Expected>,
    /// What a sandbox session will come to; only for sandbox applications.
    pub scenario: Option<Scenario>,
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
    tagger: Tagger,
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
            callback_method: seed.wanted.callback_method,
            language: seed.wanted.language.unwrap_or_else(|| "en".to_owned()),
            created_at: seed.now,
            expires_at: seed.expires_at,
            attempts: 0,
            tags: Tags::default(),
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
            again: None,
            devices: Devices::default(),
            reviews: Vec::new(),
            rulings: Vec::new(),
            corrections: BTreeMap::new(),
            overridden: None,
            contact: seed.wanted.contact,
            expected: seed.wanted.expected,
            scenario: seed.wanted.scenario,
            walked_at: None,
            answers: BTreeMap::new(),
            called: BTreeSet::new(),
        };
        Ok(Self { session, personal, key, tagger: vault.tagger() })
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
        Ok(Some(Self { session, personal, key, tagger: vault.tagger() }))
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
        let tags = Tags::of(&self.session, self.personal.stage.identity(), &self.tagger);
        Ok(Session { tags, sealed: base64url::encode(&sealed), ..self.session.clone() })
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

    /// Whether the time to hand something in is over, also where nobody wrote that down: a session that was reopened keeps
    /// its status.
    #[must_use]
    pub fn is_late_at(&self, now: Timestamp) -> bool {
        self.status == Status::Resubmitted && now > self.expires_at
    }

    /// The session without its key and what that key opened: what remains after erasure.
    #[must_use]
    pub fn erased(mut self) -> Self {
        self.key = None;
        self.sealed = String::new();
        self.token_hash = String::new();
        self.tags = Tags::default();
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

    /// What it is listed under, erased ones under nothing: a word that says which filter, then the time, so that the newest
    /// of each is the last.
    fn listed(&self) -> Vec<String> {
        if self.is_erased() {
            return Vec::new();
        }
        let tags = &self.tags;
        let mut filters = vec![Listed::All, Listed::Status(self.status), Listed::Workflow(self.workflow.id)];
        filters.extend(tags.vendor_data.as_deref().map(Listed::VendorData));
        filters.extend(tags.country.as_deref().map(Listed::Country));
        filters.extend(tags.terms.iter().map(|tag| Listed::Term(tag)));
        filters.push(Listed::Number(self.number));
        let at = self.listed_at();
        filters.into_iter().map(|filter| filter.prefix(self.application) + &at).collect()
    }

    /// Its place in a list: later is larger.
    pub(crate) fn listed_at(&self) -> String {
        sortable(self.created_at.as_microsecond())
    }

    /// Index key for the unfinished session of one application's person under one version of a workflow.
    #[must_use]
    pub fn vendor_key(application: Uuid, workflow: &Workflow, vendor_data: &str) -> String {
        let text = format!("{} {} {}", workflow.id, workflow.version, scoped(application, vendor_data));
        base64url::encode(&sha256(text.as_bytes()))
    }
}

/// Name of the index of finished sessions, which counts erased ones too.
pub(crate) const FINISHED: &str = "finished";

/// Whether the checks have spoken of a session of this status.
pub(crate) fn is_finished(status: Status) -> bool {
    match status {
        Status::Approved | Status::Declined | Status::InReview | Status::Resubmitted | Status::KycExpired => true,
        Status::NotStarted | Status::InProgress | Status::AwaitingUser | Status::Expired | Status::Abandoned => false,
    }
}

/// Name of the index that lists are read from.
pub(crate) const LIST: &str = "list";

/// One filter of a list, which its index serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Listed<'a> {
    /// Every session of the application.
    All,
    /// Those of a status.
    Status(Status),
    /// Those of a workflow.
    Workflow(Uuid),
    /// Those of a person, by tag.
    VendorData(&'a str),
    /// Those of an issuing state, by tag.
    Country(&'a str),
    /// Those that a search term finds, by tag.
    Term(&'a str),
    /// The one of a number.
    Number(u64),
}

impl Listed<'_> {
    /// What its index keys begin with.
    pub(crate) fn prefix(self, application: Uuid) -> String {
        let application = application.simple();
        match self {
            Self::All => format!("{application} a "),
            Self::Status(status) => format!("{application} s {status} "),
            Self::Workflow(id) => format!("{application} w {} ", id.simple()),
            Self::VendorData(tag) => format!("{application} v {tag} "),
            Self::Country(tag) => format!("{application} c {tag} "),
            Self::Term(tag) => format!("{application} q {tag} "),
            Self::Number(number) => format!("{application} n {number} "),
        }
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
    const INDEXES: &'static [&'static str] =
        &["token", "unfinished", "request", "deadline", "retention", LIST, FINISHED];

    fn key(&self) -> String {
        self.id.to_string()
    }

    fn indexes(&self) -> Vec<(&'static str, String)> {
        let mut indexes: Vec<_> = self.listed().into_iter().map(|entry| (LIST, entry)).collect();
        if matches!(self.status, Status::NotStarted | Status::InProgress) && !self.is_erased() {
            indexes.push(("deadline", sortable(self.expires_at.as_second())));
        }
        if is_finished(self.status) {
            indexes.push((FINISHED, billing::finished(self.application, self.workflow.kind, self.created_at)));
        }
        if !self.token_hash.is_empty() {
            indexes.push(("token", self.token_hash.clone()));
        }
        if let Some(hash) = &self.request_hash {
            indexes.push(("request", hash.clone()));
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
