//! The front of the crate: a wallet that is open.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use jiff::Timestamp;
use serde::Serialize;
use warifu_credential::status::{self, Cache, StatusToken};
use warifu_keys::x509::Certificate;
use warifu_keys::{Entropy, Secret};
use warifu_models::face::Template;
use warifu_models::liveness::framing::{self, Framing};
use warifu_models::picture::{Limits, Picture};
use warifu_models::{Models, ModelsError};
use warifu_openid4vc::http::check_callable;
use warifu_openid4vc::link::{self, Link};
use warifu_server::text::Lang;
use warifu_trust::Trust;
use zeroize::Zeroizing;

use crate::accept::inspect_offer;
use crate::consent::{Asked, ConsentUnusable, Question};
use crate::history::{Entry, Party, TransactionType};
use crate::holding::{CredentialDetails, CredentialFacts, CredentialId, Holding};
use crate::presence::{self, Matched, PresenceError, Reference, Selfie};
use crate::store::{Contents, Files, Kdf, Settings, Store, StoreError};
use crate::trusted::TrustedLists;
use crate::wire::Wire;
use crate::{Error, qr};

/// Limits for live frames, which are small.
const LIVE: Limits = Limits { bytes: 500_000, pixels: 1_000_000, side: 1_500 };

/// Loads the face models; called at the first selfie, on a blocking thread.
pub type LoadModels = Box<dyn Fn() -> Result<Models, ModelsError> + Send + Sync>;

/// An open wallet. Shared by reference; all calls may run at the same time.
pub struct Wallet {
    store: Store,
    wire: Arc<dyn Wire>,
    entropy: Arc<dyn Entropy>,
    lists: TrustedLists,
    statuses: Mutex<Cache<StatusToken>>,
    load_models: Arc<LoadModels>,
    models: Arc<OnceLock<Models>>,
}

impl std::fmt::Debug for Wallet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Wallet(..)")
    }
}

/// What a wallet stands on: everything outside of this crate's own logic.
pub struct Seams {
    /// Where the sealed bytes lie.
    pub files: Arc<dyn Files>,
    /// The way to other machines.
    pub wire: Arc<dyn Wire>,
    /// The random source.
    pub entropy: Arc<dyn Entropy>,
    /// How the face models are had when the first selfie comes.
    pub load_models: LoadModels,
}

impl std::fmt::Debug for Seams {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Seams(..)")
    }
}

/// A wallet that was made or opened, for `wallet init`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WalletFacts {
    /// When it was made.
    pub created_at: Timestamp,
    /// Its registry.
    pub registry: String,
    /// The operator that is pinned, by the name in its certificate.
    pub operator: String,
    /// How many credentials it holds.
    pub credentials: usize,
}

/// What a link or QR text is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkKind {
    /// A credential offer, for [`Wallet::accept`].
    Offer,
    /// A presentation request, for [`Wallet::inspect_request`].
    Request,
}

impl Settings {
    /// Whether the settings can be used: the registry's address can be called, the certificate reads, the language is
    /// one of the pages.
    pub fn check(&self) -> Result<(), Error> {
        let bad = |setting, why: String| Error::Setting { setting, why };
        check_callable(&self.registry).map_err(|error| bad("registry", error.to_string()))?;
        Certificate::from_pem(&self.operator_certificate)
            .map_err(|error| bad("operator_certificate", error.to_string()))?;
        match self.language.as_deref().map(str::parse::<Lang>) {
            None | Some(Ok(_)) => Ok(()),
            Some(Err(error)) => Err(bad("language", error.to_string())),
        }
    }
}

impl Wallet {
    /// Makes a wallet where there is none. Blocks for the time of one key derivation.
    pub fn init(
        seams: Seams,
        passphrase: &Secret,
        kdf: Kdf,
        settings: Settings,
        now: Timestamp,
    ) -> Result<Self, Error> {
        settings.check()?;
        let Seams { files, wire, entropy, load_models } = seams;
        let store = Store::init(files, passphrase, kdf, settings, Arc::clone(&entropy), now)?;
        Ok(Self::around(store, wire, entropy, load_models))
    }

    /// Opens a wallet. Blocks for the time of one key derivation, whether the passphrase is right or wrong.
    pub fn open(seams: Seams, passphrase: &Secret) -> Result<Self, Error> {
        let Seams { files, wire, entropy, load_models } = seams;
        let store = Store::open(files, passphrase, Arc::clone(&entropy))?;
        Ok(Self::around(store, wire, entropy, load_models))
    }

    fn around(store: Store, wire: Arc<dyn Wire>, entropy: Arc<dyn Entropy>, load_models: LoadModels) -> Self {
        let lists = TrustedLists::default();
        let statuses = Mutex::new(Cache::new(status::Limits::default()));
        Self { store, wire, entropy, lists, statuses, load_models: Arc::new(load_models), models: Arc::default() }
    }

    /// What this wallet is.
    pub fn facts(&self) -> Result<WalletFacts, Error> {
        Ok(self.store.read(|contents| WalletFacts {
            created_at: contents.created_at,
            registry: contents.settings.registry.to_string(),
            operator: Certificate::from_pem(&contents.settings.operator_certificate)
                .map(|certificate| certificate.subject())
                .unwrap_or_default(),
            credentials: contents.holdings.len(),
        })?)
    }

    /// The settings.
    pub fn settings(&self) -> Result<Settings, Error> {
        Ok(self.store.read(|contents| contents.settings.clone())?)
    }

    /// Replaces the settings.
    pub fn set_settings(&self, settings: Settings) -> Result<(), Error> {
        settings.check()?;
        self.store.update(|contents| {
            contents.settings = settings.clone();
            Ok(())
        })
    }

    /// What a link is for; [`Error::NotAWalletLink`] for any other text.
    pub fn link_kind(text: &str) -> Result<LinkKind, Error> {
        match Link::parse(text) {
            Ok(Link::Request(_)) | Err(link::Error::Request(_)) => Ok(LinkKind::Request),
            Ok(Link::Offer(_)) | Err(link::Error::Offer(_)) => Ok(LinkKind::Offer),
            Err(link::Error::UnknownScheme | link::Error::TooLong(_)) => Err(Error::NotAWalletLink),
        }
    }

    /// What an offer link says, without asking anyone.
    pub fn inspect_offer(&self, link: &str) -> Result<crate::accept::OfferFacts, Error> {
        Ok(inspect_offer(link)?)
    }

    /// The text of the QR code in a picture file.
    pub async fn read_qr(&self, file: Vec<u8>) -> Result<String, Error> {
        let read = tokio::task::spawn_blocking(move || qr::read(&file, &Limits::default())).await;
        Ok(read.map_err(|_| Error::CutOff)??)
    }

    /// The credentials held, oldest first.
    pub fn list(&self, now: Timestamp) -> Result<Vec<CredentialFacts>, Error> {
        self.list_in(&self.language()?, now)
    }

    /// The credentials held, oldest first, with names in `language`.
    pub fn list_in(&self, language: &str, now: Timestamp) -> Result<Vec<CredentialFacts>, Error> {
        let holdings = self.store.read(|contents| contents.holdings.clone())?;
        holdings.iter().map(|holding| holding.facts(language, now).map_err(Error::Held)).collect()
    }

    /// One credential with its values.
    pub fn show(&self, id: &CredentialId, now: Timestamp) -> Result<CredentialDetails, Error> {
        self.show_in(id, &self.language()?, now)
    }

    /// One credential with its values, labelled in `language`.
    pub fn show_in(&self, id: &CredentialId, language: &str, now: Timestamp) -> Result<CredentialDetails, Error> {
        self.holding(id)?.details(language, now).map_err(Error::Held)
    }

    /// What was done, newest first.
    pub fn history(&self) -> Result<Vec<Entry>, Error> {
        Ok(self.store.read(|contents| contents.history.iter().rev().cloned().collect())?)
    }

    /// Matches a selfie, a picture file or a recording, with the face of the credential about to be presented. Its bytes
    /// are wiped. A failure is recorded in the history, and nothing is sent to anyone.
    pub async fn match_selfie<A: Asked>(
        &self,
        asked: &A,
        selfie: impl Into<Selfie>,
        now: Timestamp,
    ) -> Result<Matched, Error> {
        let shown = selfie.into();
        let demand = *asked.demand().ok_or(ConsentUnusable::OtherQuestion)?;
        let selfie = asked.question().selfie.as_ref().ok_or(ConsentUnusable::OtherQuestion)?;
        let outcome = match self.reference(&selfie.credential) {
            Ok(reference) => {
                let match_it = move |models: &Models| presence::match_selfie(models, shown, &reference, &demand, now);
                self.on_models(match_it).await.map_err(Error::from)
            }
            Err(error) => Err(error),
        };
        if let Err(error) = &outcome {
            self.record(self.entry_for(asked.question(), now).not_completed(error.code()))?;
        }
        outcome
    }

    /// What to do about a live frame, for the hints of a page. Nothing of it is kept.
    pub async fn look(&self, frame: Vec<u8>, question: framing::Question) -> Result<Framing, Error> {
        let frame = Zeroizing::new(frame);
        self.on_models(move |models| {
            let picture = Picture::decode(&frame, &LIVE)?;
            Ok(framing::look(models, &picture, &question)?)
        })
        .await
        .map_err(Error::from)
    }

    /// Runs something on the face models, on a blocking thread.
    async fn on_models<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Models) -> Result<T, PresenceError> + Send + 'static,
    ) -> Result<T, PresenceError> {
        let (models, load) = (Arc::clone(&self.models), Arc::clone(&self.load_models));
        let working = tokio::task::spawn_blocking(move || work(loaded(&models, &load)?));
        working.await.map_err(|_| PresenceError::CutOff)?
    }

    /// Loads the face models now rather than at the first selfie.
    pub async fn warm(&self) -> Result<(), Error> {
        Ok(self.on_models(|_| Ok(())).await?)
    }

    pub(crate) fn reference(&self, id: &CredentialId) -> Result<Reference, Error> {
        let held = self.holding(id)?.held().map_err(Error::Held)?;
        let (claim, digest) = held.face_template().ok_or(Error::NoFaceTemplate)?;
        let other = || PresenceError::OtherModel(claim.model().to_string());
        let bytes = Zeroizing::new(claim.values().map(i8::cast_unsigned).collect::<Vec<u8>>());
        let model = claim.model().as_str().parse().map_err(|_| other())?;
        let template = Template::scaled(model, claim.scale(), &bytes).map_err(|_| other())?;
        Ok(Reference { credential: id.clone(), template_digest: digest, template })
    }

    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    pub(crate) fn wire(&self) -> &dyn Wire {
        self.wire.as_ref()
    }

    pub(crate) fn statuses(&self) -> MutexGuard<'_, Cache<StatusToken>> {
        self.statuses.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn entropy(&self) -> &dyn Entropy {
        self.entropy.as_ref()
    }

    pub(crate) async fn trust(&self, now: Timestamp) -> Result<Arc<Trust>, Error> {
        Ok(self.lists.trust(self.wire(), &self.store, now).await?)
    }

    /// The language of facts; English until one is set.
    pub(crate) fn language(&self) -> Result<String, Error> {
        Ok(self.store.read(|contents| contents.settings.language.clone())?.unwrap_or_else(|| "en".to_owned()))
    }

    pub(crate) fn registrar(&self) -> Result<Option<String>, Error> {
        Ok(Some(self.store.read(|contents| contents.settings.registry.to_string())?))
    }

    pub(crate) fn holding(&self, id: &CredentialId) -> Result<Holding, Error> {
        let found = self.store.read(|contents| contents.holdings.iter().find(|held| held.id == *id).cloned())?;
        found.ok_or_else(|| Error::NoSuchCredential(id.clone()))
    }

    pub(crate) fn entry(&self, kind: TransactionType, party: Party, now: Timestamp) -> Entry {
        let identifier = uuid::Builder::from_random_bytes(self.entropy().array()).into_uuid();
        Entry::new(identifier.to_string(), kind, party, now)
    }

    /// An entry about a question, with what was asked for.
    pub(crate) fn entry_for(&self, question: &Question, now: Timestamp) -> Entry {
        let asker = &question.asker;
        let party =
            Party { name: asker.name.clone(), identifier: asker.identifier.clone(), registrar: asker.registry.clone() };
        let mut entry = self.entry(TransactionType::Presentation, party, now).with_purpose(question.purpose.as_deref());
        entry.channel = Some(question.channel);
        entry.list_of_claims_requested = question.requested();
        entry
    }

    /// Records a presentation and uses up the copies of credentials that are in it, in one commit.
    /// [`StoreError::Busy`] where one of them was used up meanwhile: then nothing is recorded, and nothing may be sent.
    pub(crate) fn record_use(&self, entry: Entry, used: &[(CredentialId, u32)]) -> Result<(), Error> {
        self.store.update(|contents: &mut Contents| {
            for (id, copy) in used {
                let holding = contents.holdings.iter_mut().find(|held| held.id == *id);
                let holding = holding.filter(|held| held.copy_number() == *copy).ok_or(StoreError::Busy)?;
                holding.use_up();
            }
            contents.history.push(entry.clone());
            Ok::<_, StoreError>(())
        })?;
        Ok(())
    }

    pub(crate) fn record(&self, entry: Entry) -> Result<(), Error> {
        self.store.update(|contents: &mut Contents| {
            contents.history.push(entry.clone());
            Ok::<_, StoreError>(())
        })?;
        Ok(())
    }
}

fn loaded<'m>(models: &'m OnceLock<Models>, load: &LoadModels) -> Result<&'m Models, ModelsError> {
    if let Some(models) = models.get() {
        return Ok(models);
    }
    let fresh = load()?;
    Ok(models.get_or_init(|| fresh))
}
