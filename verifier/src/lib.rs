//! The verifier: asks for claims, verifies what wallets answer, imports shares.
//!
//! A [`Verifier`] is one relying party of the trusted list: it has an access certificate, an audience identifier, a key
//! that shares are sealed to, and named [`policy::Policy`]s that say what it asks for and demands. Everything it decides
//! is decided here, from signed bytes and the trusted list; a list, status or key that can not be had is a refusal.
//!
//! * [`request`]: makes requests; what is known of one at each stage.
//! * [`identity`]: by which client identifiers it asks, and what proves them.
//! * [`exchange`]: hands the signed request object out once, takes the wallet's answer once.
//! * [`digital`]: the same over the Digital Credentials API.
//! * [`transaction`]: which browser may see the result; [`confirmation`]: what makes an answer count for it.
//! * [`check`]: every named check of an answer and the report.
//! * [`policies`]: policies that are stored while it runs; [`webhook`]: tells the partner's server how requests ended;
//!   [`keeping`]: how long values stay.
//! * [`import`]: takes a share token in, once per source.
//! * [`http`]: the doors for partners' servers, wallets and people.
//!
//! Left out for now: presentations without holder binding, identifier lists (an mdoc that names one and no status list is
//! refused), and shares of an mdoc.

pub mod acceptance;
pub mod check;
pub mod config;
pub mod confirmation;
pub mod digital;
pub mod exchange;
pub mod http;
pub mod identity;
pub mod import;
mod inheritance;
pub mod keeping;
pub mod policies;
pub mod policy;
mod presentation;
pub mod request;
pub mod statuses;
pub mod transaction;
mod trusted;
pub mod webhook;

use std::sync::Arc;

use jiff::Timestamp;
use warifu_keys::at_rest::AtRestKey;
use warifu_keys::{Entropy, Signer};
use warifu_server::Clock;
use warifu_server::audit::{AuditError, AuditLog};
use warifu_server::fetch::Fetcher;
use warifu_store::{Collection, Store};
use warifu_trust::Trust;
use warifu_trust::bundle::VerifierBundle;

pub use config::Config;
pub use trusted::TrustSource;

/// How many changes a slow watcher may be behind before it has to look for itself.
const CHANGES: usize = 1024;

/// What a verifier stands on.
pub struct Parts {
    /// Where requests, imports and the audit log live.
    pub store: Arc<dyn Store>,
    /// The client for trusted list and status lists.
    pub fetcher: Fetcher,
    /// The clock of the doors.
    pub clock: Clock,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// Access certificate and share key.
    pub bundle: VerifierBundle,
}

/// One relying party.
pub struct Verifier {
    pub(crate) config: Config,
    pub(crate) bundle: VerifierBundle,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) requests: Collection<request::Record>,
    pub(crate) frontends: Collection<transaction::Frontend>,
    pub(crate) digital_requests: Collection<digital::DigitalRequest>,
    pub(crate) sessions: Collection<import::Session>,
    /// Imports take turns, because each takes the next session number.
    pub(crate) import_turn: tokio::sync::Mutex<()>,
    pub(crate) audit_log: AuditLog,
    pub(crate) trust: TrustSource,
    pub(crate) statuses: statuses::Statuses,
    pub(crate) types: inheritance::Types,
    pub(crate) fetcher: Fetcher,
    /// Opens what lies sealed in the store.
    pub(crate) at_rest: AtRestKey,
    /// Wakes whoever tells the partner's server.
    pub(crate) outbox: tokio::sync::Notify,
    /// Identifiers of requests that changed, for whoever watches one.
    pub(crate) changes: tokio::sync::broadcast::Sender<String>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) clock: Clock,
}

impl Verifier {
    /// A verifier from a checked configuration and its parts.
    #[must_use]
    pub fn new(config: Config, parts: Parts) -> Self {
        let Parts { store, fetcher, clock, entropy, bundle } = parts;
        Self {
            trust: TrustSource::new(config.trusted_list(), config.operator.clone(), fetcher.clone()),
            statuses: statuses::Statuses::new(fetcher.clone()),
            types: inheritance::Types::new(fetcher.clone()),
            fetcher,
            at_rest: AtRestKey::derived("warifu verifier at rest 1", &bundle.share.to_bytes()),
            outbox: tokio::sync::Notify::new(),
            changes: tokio::sync::broadcast::Sender::new(CHANGES),
            requests: Collection::of(&store),
            frontends: Collection::of(&store),
            digital_requests: Collection::of(&store),
            sessions: Collection::of(&store),
            audit_log: AuditLog::of(&store),
            import_turn: tokio::sync::Mutex::default(),
            config,
            bundle,
            store,
            entropy,
            clock,
        }
    }

    /// The same verifier with the Ed25519 key that signs the checkpoints of its audit log.
    ///
    /// # Errors
    /// [`AuditError::NotEd25519`] for a key of another kind.
    pub fn with_audit_signer(self, signer: Arc<dyn Signer>) -> Result<Self, AuditError> {
        Ok(Self { audit_log: self.audit_log.signed_with(signer, &self.config.base_url)?, ..self })
    }

    /// Says that a request changed: to whoever watches it, and to whoever tells the partner's server.
    pub(crate) fn changed(&self, id: &str) {
        self.outbox.notify_one();
        // Nobody may be watching.
        let _ = self.changes.send(id.to_owned());
    }

    /// The audit log.
    #[must_use]
    pub fn audit_log(&self) -> &AuditLog {
        &self.audit_log
    }

    /// The configuration.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Whom this verifier trusts at `now`; a refusal of everything where no usable list can be had.
    pub async fn trust(&self, now: Timestamp) -> Arc<Trust> {
        self.trust.at(now).await
    }
}
