//! The trust registry: it admits, suspends and withdraws parties, and publishes one signed list of them.
//!
//! [`Registry::init`] makes the keys and certificates of a scheme. [`Registry`] keeps the parties in a store and answers
//! with the signed list (ETSI TS 119 602, see [`warifu_trust`]). Every change of a party and the list that shows it are
//! written in one commit together with the audit entry, so neither exists without the other.
//!
//! Left out for now: a second pair of eyes. One administrator with the token can change the list; the audit log records
//! every change, but nothing holds it back for approval. Certificates for parties that bring their own keys are left
//! out as well: an admitted party brings its certificate.

use std::fmt;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use warifu_keys::x509::{Certificate, X509Error};
use warifu_store::audit::{Entry, Log, Reference, Sealed};
use warifu_store::{Batch, Collection, Loaded, Query, Store, Stored};
use warifu_trust::bundle::OperatorBundle;
use warifu_trust::decide::{Explanation, Trust};
use warifu_trust::lote;
use warifu_trust::{ListError, Service, ServiceStatus, ServiceType, TrustedEntity, TrustedList};

pub mod config;
pub mod http;
pub mod setup;

#[cfg(test)]
mod fixture;

pub use config::Config;

/// How often a change is tried again when someone else changed the list meanwhile.
const ATTEMPTS: usize = 8;
/// Longest question that [`Registry::why`] takes, in bytes.
pub const MAX_QUESTION: usize = 64 * 1024;

/// Why the registry refused or failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no party with this identifier.
    #[error("there is no party `{0}`")]
    NoSuchParty(String),
    /// A party with this identifier was admitted before.
    #[error("party `{0}` is admitted already")]
    AlreadyAdmitted(String),
    /// The party has no service of this type.
    #[error("party `{party}` has no service `{}`", .service.word())]
    NoSuchService {
        /// The party.
        party: String,
        /// The service.
        service: ServiceType,
    },
    /// An identifier that is not 1 to 60 of `a`-`z`, `0`-`9` and `-`.
    #[error("`{0}` is no party identifier: 1 to 60 of a-z, 0-9 and - are allowed")]
    BadIdentifier(String),
    /// A certificate or identifier of the party belongs to another party.
    #[error("`{what}` belongs to party `{party}` already")]
    Taken {
        /// The certificate or identifier.
        what: String,
        /// Whose it is.
        party: String,
    },
    /// A reason is missing or longer than 500 bytes.
    #[error("a change needs a reason of 1 to 500 bytes")]
    NoReason,
    /// The party or the change does not fit a trusted list.
    #[error(transparent)]
    List(#[from] ListError),
    /// What was asked about is no certificate.
    #[error("this is no certificate: {0}")]
    NotACertificate(#[from] X509Error),
    /// What was asked about is empty or too long.
    #[error("ask about a certificate or an identifier of at most {MAX_QUESTION} bytes")]
    BadQuestion,
    /// Several administrators changed the list at once, again and again.
    #[error("the list is being changed by others; try again")]
    Busy,
    /// The store failed.
    #[error("the store failed")]
    Store(#[source] warifu_store::Error),
}

impl From<warifu_store::Error> for Error {
    fn from(error: warifu_store::Error) -> Self {
        Self::Store(error)
    }
}

/// A party as it is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Party {
    id: String,
    /// In the form in which it stands in the list.
    entity: lote::TrustedEntity,
}

impl Stored for Party {
    const NAME: &'static str = "parties";

    fn key(&self) -> String {
        self.id.clone()
    }
}

impl Party {
    fn of(entity: &TrustedEntity) -> Self {
        Self { id: entity.id.clone(), entity: entity.to_wire() }
    }
}

/// A list as it was published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Issue {
    /// `LoTESequenceNumber`.
    pub sequence: u64,
    /// When it was issued.
    pub issued: Timestamp,
    /// Until when it may be trusted.
    pub next_update: Timestamp,
    /// The signed list.
    pub jws: String,
}

impl Stored for Issue {
    const NAME: &'static str = "issues";

    fn key(&self) -> String {
        format!("{:020}", self.sequence)
    }
}

/// The registry of one scheme.
#[derive(Clone)]
pub struct Registry {
    store: Arc<dyn Store>,
    keys: Arc<OperatorBundle>,
    config: Arc<Config>,
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Registry({})", self.config.operator.name)
    }
}

/// What a change asks for.
enum Change<'a> {
    Admit(Vec<TrustedEntity>),
    Status { party: &'a str, service: Option<ServiceType>, status: ServiceStatus },
    Renew,
}

impl Registry {
    /// A registry over its store, with the operator's keys.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, keys: OperatorBundle, config: Config) -> Self {
        Self { store, keys: Arc::new(keys), config: Arc::new(config) }
    }

    /// How the registry is set up.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The certificate that everyone pins.
    #[must_use]
    pub fn anchor(&self) -> &Certificate {
        self.keys.root.certificate()
    }

    /// All parties, in the order of their identifiers.
    pub async fn parties(&self) -> Result<Vec<TrustedEntity>, Error> {
        let parties = Collection::<Party>::of(&self.store).collect(Query::all()).await?;
        parties.iter().map(|party| Ok(TrustedEntity::from_wire(&party.value.entity)?)).collect()
    }

    /// One party.
    pub async fn party(&self, id: &str) -> Result<TrustedEntity, Error> {
        let missing = || Error::NoSuchParty(id.chars().take(60).collect());
        check_identifier(id).map_err(|_| missing())?;
        let found = Collection::<Party>::of(&self.store).load(id).await?.ok_or_else(missing)?;
        Ok(TrustedEntity::from_wire(&found.value.entity)?)
    }

    /// Takes a party in, with the statuses it brings, and publishes the list that shows it.
    pub async fn admit(&self, entity: &TrustedEntity, by: &Actor, now: Timestamp) -> Result<Issue, Error> {
        self.change(&Change::Admit(vec![admissible(entity)?]), by, now).await
    }

    /// Admits those of `entities` that are not there yet, all in one list: what a fresh registry is started with.
    pub async fn admit_missing(&self, entities: &[TrustedEntity], by: &Actor, now: Timestamp) -> Result<(), Error> {
        let known = self.parties().await?;
        let missing = entities.iter().filter(|entity| known.iter().all(|known| known.id != entity.id));
        let missing: Vec<TrustedEntity> = missing.map(admissible).collect::<Result<_, _>>()?;
        if !missing.is_empty() {
            self.change(&Change::Admit(missing), by, now).await?;
        }
        Ok(())
    }

    /// Gives one service of a party a new status from `now` on, or all of them, and publishes the list that shows it.
    ///
    /// Services that have the status already stay as they are; if all have it, that is an error.
    pub async fn set_status(
        &self,
        party: &str,
        service: Option<ServiceType>,
        status: ServiceStatus,
        by: &Actor,
        now: Timestamp,
    ) -> Result<Issue, Error> {
        self.change(&Change::Status { party, service, status }, by, now).await
    }

    /// Publishes the list again with a new sequence number and a new next update.
    pub async fn publish(&self, by: &Actor, now: Timestamp) -> Result<Issue, Error> {
        self.change(&Change::Renew, by, now).await
    }

    /// The newest published list, or `None` before the first one.
    pub async fn newest(&self) -> Result<Option<Issue>, Error> {
        let page = Collection::<Issue>::of(&self.store).scan(&Query::all().descending().limit(1)).await?;
        Ok(page.items.into_iter().next().map(|issue| issue.value))
    }

    /// The list to hand out at `now`: the newest one, published again when half of its life is over.
    pub async fn current(&self, now: Timestamp) -> Result<Issue, Error> {
        let half = SignedDuration::from_secs(self.config.life.as_secs() / 2);
        match self.newest().await? {
            Some(issue) if now.saturating_add(half).unwrap_or(now) < issue.next_update => Ok(issue),
            Some(_) | None => self.publish(&Actor::registry("renewal of the list"), now).await,
        }
    }

    /// Published lists, newest first, at most `limit`.
    pub async fn issues(&self, limit: usize) -> Result<Vec<Issue>, Error> {
        let page = Collection::<Issue>::of(&self.store).scan(&Query::all().descending().limit(limit)).await?;
        Ok(page.items.into_iter().map(|issue| issue.value).collect())
    }

    /// Audit entries from a sequence number on, at most 200.
    pub async fn audit(&self, from: u64) -> Result<Vec<Sealed>, Error> {
        Ok(Log::of(&self.store).entries(from, 200).await?)
    }

    /// Audit entries about one party, oldest first, at most 100.
    pub async fn audit_of(&self, party: &str) -> Result<Vec<Sealed>, Error> {
        Ok(Log::of(&self.store).about(&Reference::public("party", party), None).await?.items)
    }

    /// Decides like every reader of the newest list would.
    pub async fn trust(&self, now: Timestamp) -> Result<Trust, Error> {
        let Some(issue) = self.newest().await? else { return Ok(Trust::without_list("no list was published yet")) };
        let anchor = [self.anchor().clone()];
        Ok(match TrustedList::verify(&issue.jws, &anchor, now, Some(issue.sequence)) {
            Ok(list) => Trust::from(list),
            Err(error) => Trust::without_list(&error.to_string()),
        })
    }

    /// Why `question` is refused for `service` at `now`, or who it is. The question is a certificate (PEM, one or a
    /// chain with the leaf first, or its base64 DER as in `x5c`), or an entity, client or audience identifier.
    pub async fn why(&self, question: &str, service: ServiceType, now: Timestamp) -> Result<Answer, Error> {
        let question = question.trim();
        if question.is_empty() || question.len() > MAX_QUESTION {
            return Err(Error::BadQuestion);
        }
        let trust = self.trust(now).await?;
        let decision = match certificates(question)? {
            Some(chain) => trust.may(service, &chain, now),
            None => trust.known(service, question, now),
        };
        Ok(match decision {
            Ok(entity) => Answer::Trusted(Box::new(entity)),
            Err(refusal) => Answer::Refused(refusal.explain()),
        })
    }

    /// Load, decide, commit; again when someone else was faster.
    async fn change(&self, change: &Change<'_>, by: &Actor, now: Timestamp) -> Result<Issue, Error> {
        if by.reason.is_empty() || by.reason.len() > 500 {
            return Err(Error::NoReason);
        }
        for _ in 0..ATTEMPTS {
            let sequence = self.newest().await?.map_or(1, |newest| newest.sequence.saturating_add(1));
            let parties = Collection::<Party>::of(&self.store).collect(Query::all()).await?;
            let (batch, entities) = decide(change, &parties, by, now)?;
            let issue = self.issue(sequence, entities, now)?;
            let entry = by
                .entry(now, "list.published", Reference::public("list", &sequence.to_string()))
                .fact("next_update", issue.next_update);
            match self.store.commit(batch.insert(&issue).audit(entry)).await {
                Ok(_) => return Ok(issue),
                // The number was taken, or the party changed: look again.
                Err(error) if error.is_conflict() => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::Busy)
    }

    fn issue(&self, sequence: u64, entities: Vec<TrustedEntity>, now: Timestamp) -> Result<Issue, Error> {
        let next_update = now.saturating_add(self.config.life).unwrap_or(now);
        let list = TrustedList::new(self.config.operator.clone(), sequence, now, next_update, entities)?;
        let jws = list.sign(&self.keys.list.chain, &self.keys.list.key, now)?;
        Ok(Issue { sequence, issued: list.issued(), next_update: list.next_update(), jws })
    }
}

/// What the registry says about a certificate or an identifier.
#[derive(Debug, Clone)]
pub enum Answer {
    /// It is trusted for the service; this is who it is.
    Trusted(Box<TrustedEntity>),
    /// It is not, and why.
    Refused(Explanation),
}

/// Who changes the list and why; both go into the audit log and are public there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    name: Reference,
    reason: String,
}

impl Actor {
    /// An administrator, by the name of the account.
    #[must_use]
    pub fn administrator(account: &str, reason: &str) -> Self {
        Self { name: Reference::public("administrator", account), reason: reason.to_owned() }
    }

    /// The registry by itself.
    #[must_use]
    pub fn registry(reason: &str) -> Self {
        Self { name: Reference::public("role", "registry"), reason: reason.to_owned() }
    }

    fn entry(&self, now: Timestamp, action: &str, subject: Reference) -> Entry {
        Entry::new(now, action, self.name.clone(), subject).fact("reason", &self.reason)
    }
}

/// What is written for a change, and all entities after it.
fn decide(
    change: &Change<'_>,
    parties: &[Loaded<Party>],
    by: &Actor,
    now: Timestamp,
) -> Result<(Batch, Vec<TrustedEntity>), Error> {
    let mut entities: Vec<TrustedEntity> =
        parties.iter().map(|party| TrustedEntity::from_wire(&party.value.entity)).collect::<Result<_, _>>()?;
    let batch = match change {
        Change::Renew => Batch::new(),
        Change::Admit(new) => {
            let mut batch = Batch::new();
            for entity in new {
                if entities.iter().any(|known| known.id == entity.id) {
                    return Err(Error::AlreadyAdmitted(entity.id.clone()));
                }
                check_free(entity, &entities)?;
                let entry = by.entry(now, "party.admitted", Reference::public("party", &entity.id));
                let entry = entity
                    .services
                    .iter()
                    .fold(entry, |entry, service| entry.fact(service.service_type.word(), service.current.status));
                batch = batch.insert(&Party::of(entity)).audit(entry);
                entities.push(entity.clone());
            }
            batch
        }
        Change::Status { party, service, status } => {
            let missing = || Error::NoSuchParty(party.chars().take(60).collect());
            let at = parties.iter().position(|known| known.value.id == *party).ok_or_else(missing)?;
            let (Some(entity), Some(loaded)) = (entities.get_mut(at), parties.get(at)) else { return Err(missing()) };
            let mut entry = by.entry(now, &format!("party.{status}"), Reference::public("party", party));
            if let Some(one) = service
                && entity.services_of(*one).next().is_none()
            {
                return Err(Error::NoSuchService { party: (*party).to_owned(), service: *one });
            }
            let asked = |known: &&mut Service| service.is_none_or(|one| known.service_type == one);
            let mut changed = false;
            for service in entity.services.iter_mut().filter(asked) {
                if service.current.status != *status {
                    let fact = format!("{} to {status}", service.current.status);
                    entry = entry.fact(service.service_type.word(), fact);
                    service.set_status(*status, now)?;
                    changed = true;
                }
            }
            if !changed {
                return Err(ListError::Invalid { what: (*party).to_owned(), why: "it already has this status" }.into());
            }
            Batch::new().replace(loaded.seen, &Party::of(entity)).audit(entry)
        }
    };
    entities.sort_by(|a, b| a.id.cmp(&b.id));
    Ok((batch, entities))
}

/// A certificate or identifier speaks for one party only; otherwise suspending one party would not be enough.
fn check_free(entity: &TrustedEntity, others: &[TrustedEntity]) -> Result<(), Error> {
    for service in &entity.services {
        for other in others {
            for known in &other.services {
                if let Some(certificate) = service.certificates.iter().find(|one| known.certificates.contains(one)) {
                    return Err(Error::Taken { what: certificate.subject(), party: other.id.clone() });
                }
                if let Some(identifier) = service.identifiers.iter().find(|one| known.identifiers.contains(one)) {
                    return Err(Error::Taken { what: identifier.clone(), party: other.id.clone() });
                }
            }
        }
    }
    Ok(())
}

/// What the list would not take must not come into the store.
fn admissible(entity: &TrustedEntity) -> Result<TrustedEntity, Error> {
    check_identifier(&entity.id)?;
    Ok(TrustedEntity::from_wire(&entity.to_wire())?)
}

fn check_identifier(id: &str) -> Result<(), Error> {
    let good = id.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    if good && (1..=60).contains(&id.len()) { Ok(()) } else { Err(Error::BadIdentifier(id.chars().take(60).collect())) }
}

/// The certificates in a text; `None` for a text that does not look like one.
fn certificates(text: &str) -> Result<Option<Vec<Certificate>>, X509Error> {
    const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
    if text.contains(BEGIN) {
        let blocks = text.split(BEGIN).skip(1).map(|rest| Certificate::from_pem(format!("{BEGIN}{rest}").trim()));
        return blocks.collect::<Result<_, _>>().map(Some);
    }
    // A DER certificate in base64 begins with a SEQUENCE of two length bytes; no identifier of ours looks so.
    let bare: String = text.chars().filter(|c| !c.is_whitespace() && *c != '"').collect();
    if bare.starts_with("MII") && bare.len() > 200 {
        let der =
            warifu_keys::base64url::decode_standard(&bare).map_err(|_| X509Error::Malformed("base64".to_owned()))?;
        return Ok(Some(vec![Certificate::from_der(&der)?]));
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use warifu_store::audit;

    use super::*;
    use crate::fixture::{Sandbox, at};

    const NOW: &str = "2026-11-23T00:00:00Z";
    const LATER: &str = "2026-11-23T01:00:00Z";

    fn by() -> Actor {
        Actor::administrator("test", "because")
    }

    #[tokio::test]
    async fn every_change_is_one_more_issue_with_its_audit_entries() {
        let sandbox = Sandbox::new();
        let registry = sandbox.registry().await;
        let first = registry.newest().await.unwrap().unwrap();
        assert_eq!(first.sequence, 1);
        let trust = registry.trust(at(NOW)).await.unwrap();
        assert_eq!(trust.may_issue(&sandbox.issuer.signer.chain, at(NOW)).unwrap().id, "issuer");
        assert_eq!(trust.may_receive("partner-b", at(NOW)).unwrap().1, sandbox.partner_b.share_jwk());

        let second = registry
            .set_status("issuer", Some(ServiceType::KycIssuance), ServiceStatus::Suspended, &by(), at(LATER))
            .await
            .unwrap();
        assert_eq!(second.sequence, 2);
        let trust = registry.trust(at(LATER)).await.unwrap();
        let refusal = trust.may_issue(&sandbox.issuer.signer.chain, at(LATER)).unwrap_err();
        assert_eq!(refusal.explain().rule, "suspended");
        assert_eq!(refusal.explain().since, Some(at(LATER)));
        assert!(trust.may_publish_status(&sandbox.issuer.signer.chain, at(LATER)).is_ok());

        registry.set_status("issuer", None, ServiceStatus::Granted, &by(), at(LATER)).await.unwrap();
        let trust = registry.trust(at(LATER)).await.unwrap();
        assert!(trust.may_issue(&sandbox.issuer.signer.chain, at(LATER)).is_ok(), "granted again in the same second");
        let party = registry.party("issuer").await.unwrap();
        let issuance = party.services_of(ServiceType::KycIssuance).next().unwrap();
        assert_eq!(issuance.history.len(), 2);

        let log = registry.audit(0).await.unwrap();
        assert_eq!(audit::verify(&log), Ok(()));
        let actions: Vec<&str> = log.iter().map(|sealed| sealed.entry.action.as_str()).collect();
        assert_eq!(actions.iter().filter(|action| **action == "list.published").count(), 3);
        assert_eq!(actions.iter().filter(|action| **action == "party.admitted").count(), 4);
        let about = registry.audit_of("issuer").await.unwrap();
        let about: Vec<&str> = about.iter().map(|sealed| sealed.entry.action.as_str()).collect();
        assert_eq!(about, ["party.admitted", "party.suspended", "party.granted"]);
    }

    #[tokio::test]
    async fn a_withdrawn_party_stays_withdrawn() {
        let sandbox = Sandbox::new();
        let registry = sandbox.registry().await;
        registry.set_status("partner-b", None, ServiceStatus::Withdrawn, &by(), at(LATER)).await.unwrap();
        let again = registry.set_status("partner-b", None, ServiceStatus::Granted, &by(), at(LATER)).await;
        assert!(matches!(again, Err(Error::List(ListError::Invalid { .. }))));
        let trust = registry.trust(at(LATER)).await.unwrap();
        assert_eq!(
            trust.may_request(&sandbox.partner_b.access.chain, at(LATER)).unwrap_err().explain().rule,
            "withdrawn"
        );
        assert_eq!(trust.may_receive("partner-b", at(LATER)).unwrap_err().explain().rule, "withdrawn");
        // Nor does it come back under another name with the same keys.
        let mut twin = registry.party("partner-b").await.unwrap();
        twin.id = "partner-x".to_owned();
        assert!(matches!(registry.admit(&twin, &by(), at(LATER)).await, Err(Error::Taken { .. })));
    }

    /// A verifier that no certificate proves is admitted by its client identifier and published with it.
    #[tokio::test]
    async fn a_client_identifier_is_admitted_and_published() {
        let sandbox = Sandbox::new();
        let registry = sandbox.registry().await;
        let client_id = "decentralized_identifier:did:web:shop.example";
        let mut party = registry.party("partner-b").await.unwrap();
        party.id = "shop".to_owned();
        party.services.retain(|service| service.service_type == ServiceType::Access);
        party.services[0].certificates.clear();
        party.services[0].identifiers = vec![client_id.to_owned()];
        registry.admit(&party, &by(), at(LATER)).await.unwrap();
        let trust = registry.trust(at(LATER)).await.unwrap();
        assert_eq!(trust.may_request_as(client_id, at(LATER)).unwrap().id, "shop");
        let mut twin = party.clone();
        twin.id = "twin".to_owned();
        assert!(matches!(registry.admit(&twin, &by(), at(LATER)).await, Err(Error::Taken { .. })));
        registry.set_status("shop", None, ServiceStatus::Suspended, &by(), at(LATER)).await.unwrap();
        let trust = registry.trust(at(LATER)).await.unwrap();
        assert_eq!(trust.may_request_as(client_id, at(LATER)).unwrap_err().explain().rule, "suspended");
    }

    #[tokio::test]
    async fn refusals_write_nothing() {
        let sandbox = Sandbox::new();
        let registry = sandbox.registry().await;
        let before = registry.audit(0).await.unwrap().len();
        let check = |result: Result<Issue, Error>, expected: fn(&Error) -> bool| {
            let error = result.unwrap_err();
            assert!(expected(&error), "{error}");
        };
        let suspended = ServiceStatus::Suspended;
        let now = at(LATER);
        check(registry.set_status("nobody", None, suspended, &by(), now).await, |e| matches!(e, Error::NoSuchParty(_)));
        let access = Some(ServiceType::Access);
        check(registry.set_status("wallet-provider", access, suspended, &by(), now).await, |e| {
            matches!(e, Error::NoSuchService { .. })
        });
        check(registry.set_status("issuer", None, ServiceStatus::Granted, &by(), now).await, |e| {
            matches!(e, Error::List(_))
        });
        let back = at("2026-11-22T00:00:00Z");
        check(registry.set_status("issuer", None, suspended, &by(), back).await, |e| matches!(e, Error::List(_)));
        let silent = Actor::administrator("test", "");
        check(registry.set_status("issuer", None, suspended, &silent, now).await, |e| matches!(e, Error::NoReason));
        let party = registry.party("issuer").await.unwrap();
        check(registry.admit(&party, &by(), now).await, |e| matches!(e, Error::AlreadyAdmitted(_)));
        let mut bad = party.clone();
        bad.id = "Not An Id".to_owned();
        check(registry.admit(&bad, &by(), now).await, |e| matches!(e, Error::BadIdentifier(_)));
        bad.id = "empty".to_owned();
        bad.services[0].certificates.clear();
        check(registry.admit(&bad, &by(), now).await, |e| matches!(e, Error::List(_)));
        assert_eq!(registry.audit(0).await.unwrap().len(), before);
        assert_eq!(registry.newest().await.unwrap().unwrap().sequence, 1);
    }

    #[tokio::test]
    async fn the_list_is_renewed_before_it_expires_and_trusted_no_longer_after() {
        let sandbox = Sandbox::new();
        let registry = sandbox.registry().await;
        assert_eq!(registry.current(at("2026-11-23T11:59:59Z")).await.unwrap().sequence, 1);
        let renewed = registry.current(at("2026-11-23T12:00:00Z")).await.unwrap();
        assert_eq!((renewed.sequence, renewed.next_update), (2, at("2026-11-24T12:00:00Z")));
        let trust = registry.trust(at("2026-11-24T12:00:00Z")).await.unwrap();
        assert!(trust.list().is_none());
        assert_eq!(registry.issues(10).await.unwrap().len(), 2);
        // A reader that saw issue 2 does not take issue 1 any more, though it is still in date.
        let first = registry.issues(10).await.unwrap().pop().unwrap();
        let anchor = [registry.anchor().clone()];
        let error = TrustedList::verify(&first.jws, &anchor, at(LATER), Some(2)).unwrap_err();
        assert!(matches!(error, ListError::RolledBack { .. }));
    }

    #[tokio::test]
    async fn changes_at_once_each_get_their_own_number() {
        let sandbox = Sandbox::new();
        let registry = sandbox.registry().await;
        let mut tasks = Vec::new();
        for party in ["issuer", "partner-a", "partner-b", "wallet-provider"] {
            let registry = registry.clone();
            tasks.push(tokio::spawn(async move {
                registry.set_status(party, None, ServiceStatus::Suspended, &by(), at(LATER)).await
            }));
        }
        let mut numbers = Vec::new();
        for task in tasks {
            numbers.push(task.await.unwrap().unwrap().sequence);
        }
        numbers.sort_unstable();
        assert_eq!(numbers, [2, 3, 4, 5]);
        let trust = registry.trust(at(LATER)).await.unwrap();
        for party in trust.list().unwrap().entities() {
            assert!(
                party.services.iter().all(|service| service.current.status == ServiceStatus::Suspended),
                "{}",
                party.id
            );
        }
    }

    #[tokio::test]
    async fn why_answers_for_certificates_and_identifiers() {
        let sandbox = Sandbox::new();
        let registry = sandbox.registry().await;
        let chain = &sandbox.partner_b.access.chain;
        let pem = chain[0].to_pem().unwrap();
        let der = warifu_keys::base64url::encode_standard(chain[0].der());
        let client = format!("x509_hash:{}", chain[0].sha256_base64url());
        for question in [pem.as_str(), &der, &client, "partner-b", &format!("  {pem}\n")] {
            let answer = registry.why(question, ServiceType::Access, at(NOW)).await.unwrap();
            assert!(matches!(&answer, Answer::Trusted(entity) if entity.id == "partner-b"), "{answer:?}");
        }
        let rule = async |question: &str, service| match registry.why(question, service, at(LATER)).await.unwrap() {
            Answer::Refused(explanation) => explanation.rule,
            Answer::Trusted(entity) => panic!("{} is trusted", entity.id),
        };
        assert_eq!(rule(&pem, ServiceType::KycIssuance).await, "wrong_purpose");
        assert_eq!(rule("stranger", ServiceType::Access).await, "not_listed");
        registry.set_status("partner-b", None, ServiceStatus::Suspended, &by(), at(LATER)).await.unwrap();
        assert_eq!(rule(&pem, ServiceType::Access).await, "suspended");
        assert_eq!(rule(&client, ServiceType::Access).await, "suspended");
        assert_eq!(rule("partner-b", ServiceType::ShareReceiving).await, "suspended");

        let cut = &pem[..pem.len() / 2];
        assert!(matches!(registry.why(cut, ServiceType::Access, at(NOW)).await, Err(Error::NotACertificate(_))));
        assert!(matches!(registry.why(" ", ServiceType::Access, at(NOW)).await, Err(Error::BadQuestion)));
        let long = "x".repeat(MAX_QUESTION + 1);
        assert!(matches!(registry.why(&long, ServiceType::Access, at(NOW)).await, Err(Error::BadQuestion)));
    }

    proptest::proptest! {
        #[test]
        fn questions_never_panic(text in "\\PC{0,200}") {
            let _ = certificates(&text);
            let _ = certificates(&format!("-----BEGIN CERTIFICATE-----{text}"));
            let _ = certificates(&format!("MII{}", text.repeat(4)));
            let _ = check_identifier(&text);
        }
    }
}
