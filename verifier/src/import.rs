//! Takes a share in: `POST /v3/session/import-shared/`.
//!
//! Open, audience, time, producer, trust, status, consent, the partner's own rule for that issuer; then once per source by compare-and-set: the import key is a
//! record of its own, inserted in the same batch as the session and its audit entry, so of many racing imports one wins.
//! Every attempt leaves an audit entry, refused ones with the reason; what a share says about itself stands in it once the
//! share is known to be genuine.
//!
//! The source of an issuer's share is its session. A wallet's share has no other name than its own, so the same person
//! can make a second one; its `user_pid` tells the partner that it is the same person.

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp, ToSpan as _};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;
use warifu_credential::{ClaimPath, PathStep, face_template};
use warifu_keys::{base64url, sha256};
use warifu_session::Status;
use warifu_session::billing::{Line, Usage};
use warifu_session::consent::Receipt;
use warifu_session::decision::{Decision, Environment, SessionKind};
use warifu_session::share::{self, Authentic, Claimed, Received, ShareError, Terms};
use warifu_store::audit::{Entry, Reference};
use warifu_store::{Batch, Collection, Query, Range, Stored};
use warifu_trust::TrustedEntity;
use warifu_trust::decide::Refusal;

use crate::Verifier;
use crate::acceptance::{self, Assurance, Begins, NotAccepted, Verification};
use crate::check::{Check, CheckName, Tally};
use crate::presentation::{Binding, named_chain};

/// Seven days, as in the mirrored API.
const SESSION_LIFE: SignedDuration = SignedDuration::from_hours(7 * 24);

/// What a partner sends.
#[derive(Debug, Clone)]
pub struct ImportRequest {
    /// The share token.
    pub share_token: String,
    /// Whether the source's status is taken over; otherwise the session starts in review.
    pub trust_review: bool,
    /// The partner's workflow; the only one there is when absent.
    pub workflow_id: Option<String>,
    /// The partner's name for the person.
    pub vendor_data: Option<String>,
}

/// A session that came in by a share.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Session {
    /// Identifier.
    pub session_id: Uuid,
    /// Number within this partner, counted from one.
    pub session_number: u64,
    /// Person or company.
    pub session_kind: SessionKind,
    /// Page of the session; imports have none.
    pub session_url: Option<String>,
    /// Status in the partner's own books.
    pub status: Status,
    /// The partner's workflow.
    pub workflow_id: String,
    /// The partner's name for the person.
    pub vendor_data: Option<String>,
    /// When it was imported.
    pub created_at: Timestamp,
    /// `expires_at` of the mirrored API.
    pub expires_at: Timestamp,
    /// Identifier of the source: the issuer's session, or the share where a wallet made it.
    pub shared_from_session: Uuid,
    /// Pairwise name of the person towards this partner.
    pub user_pid: String,
    /// Who stands behind the data, by the trusted list.
    pub issuer: String,
    /// What the share was for.
    pub purpose: String,
    /// What it covers.
    pub scope: Vec<String>,
    /// The issuer's decision, cut to the scope; absent for a wallet's share.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<Decision>,
    /// The claims of a wallet's presentation.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub claims: Map<String, Value>,
}

impl Stored for Session {
    const NAME: &'static str = "imported_sessions";
    const INDEXES: &'static [&'static str] = &["created"];

    fn key(&self) -> String {
        self.session_id.to_string()
    }

    fn indexes(&self) -> Vec<(&'static str, String)> {
        vec![("created", self.created_at.to_string())]
    }
}

/// The mark that a source was imported: what makes an import happen once.
#[derive(Debug, Serialize, Deserialize)]
struct Imported {
    import_key: String,
    session_id: Uuid,
}

impl Stored for Imported {
    const NAME: &'static str = "imports";

    fn key(&self) -> String {
        self.import_key.clone()
    }
}

/// The number of the newest imported session.
#[derive(Debug, Serialize, Deserialize)]
struct Counter {
    last: u64,
}

impl Counter {
    const KEY: &'static str = "sessions";
}

impl Stored for Counter {
    const NAME: &'static str = "counters";

    fn key(&self) -> String {
        Self::KEY.to_owned()
    }
}

/// Why a share was not imported. [`ImportError::http_status`] maps to the API that is mirrored.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The token, its audience, time, consent or once-only rule.
    #[error("{0}")]
    Share(#[from] ShareError),
    /// The trusted list does not let the producer issue or this partner receive.
    #[error("{0}")]
    NotTrusted(#[from] Refusal),
    /// The presentation inside a wallet's share failed a check.
    #[error("the presentation inside failed `{}`: {}", .0.name.word(), .0.detail)]
    Presentation(Check),
    /// This partner does not take it, though it is genuine.
    #[error(transparent)]
    NotAccepted(#[from] NotAccepted),
    /// The presentation inside a wallet's share discloses more than the person's consent names.
    #[error("the presentation inside discloses `{0}`, which the consent does not name")]
    BeyondConsent(String),
    /// The named workflow is not this partner's.
    #[error("workflow `{0}` is not known here")]
    UnknownWorkflow(String),
    /// Too many imports at the same moment.
    #[error("too many imports at the same moment; try again")]
    Busy,
    /// The store failed.
    #[error("the import could not be stored")]
    Store(#[source] warifu_store::Error),
}

impl ImportError {
    /// The HTTP status of the mirrored API: 401 for a token that is no good, 403 for one that is not for this importer
    /// or from someone not trusted, 404 for what is not there.
    #[must_use]
    pub fn http_status(&self) -> u16 {
        match self {
            // A share is sealed to its audience's key, so another key is how a foreign audience shows.
            Self::Share(ShareError::OtherKey) => 403,
            Self::Share(error) => error.http_status(),
            Self::Presentation(Check { name: CheckName::IssuerTrusted, .. })
            | Self::NotTrusted(_)
            | Self::NotAccepted(_)
            | Self::BeyondConsent(_) => 403,
            Self::Presentation(_) => 401,
            Self::UnknownWorkflow(_) => 404,
            Self::Busy => 503,
            Self::Store(_) => 500,
        }
    }

    /// A stable name of the reason, for logs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Share(error) => error.rule(),
            Self::NotTrusted(_) => "not_trusted",
            Self::NotAccepted(reason) => reason.code(),
            Self::Presentation(check) => check.name.word(),
            Self::BeyondConsent(_) => "beyond_consent",
            Self::UnknownWorkflow(_) => "unknown_workflow",
            Self::Busy => "busy",
            Self::Store(_) => "store",
        }
    }
}

/// A share whose every rule held, before it is stored.
struct Accepted {
    share: Authentic,
    issuer: TrustedEntity,
    claims: Map<String, Value>,
}

impl Accepted {
    /// When and how the person was verified, as the issuer says: by its session, or by the claims of its credential.
    fn verification(&self) -> Verification {
        match self.share.decision() {
            Some(decision) => {
                let documents = decision.id_verifications.iter().flatten();
                let assurance = documents.filter_map(|item| Assurance::named(&item.assurance)).min();
                Verification { at: Some(decision.created_at), assurance }
            }
            None => {
                let claim = |name: &str| self.claims.get("assurance")?.get(name)?.as_str();
                let at = claim("verified_at").and_then(|text| text.parse().ok());
                Verification { at, assurance: claim("method").and_then(Assurance::named) }
            }
        }
    }
}

impl Verifier {
    /// What was imported in the month that begins with `first`; `None` at the end of time.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn usage(&self, first: Date) -> Result<Option<Usage>, warifu_store::Error> {
        let Ok(after) = first.checked_add(1.month()) else { return Ok(None) };
        // Moments begin with their day, in UTC: the day alone sorts before all of them.
        let query = Query::by("created", Range::Between(first.to_string(), after.to_string()));
        let query = query.limit(1).count_to(Line::MOST);
        let count = self.sessions.scan(&query).await?.count;
        let (environment, free) =
            if self.config.sandbox { (Environment::Sandbox, count) } else { (Environment::Live, 0) };
        let line = Line::new("import", count, free, self.config.import_price);
        Ok(Some(Usage::new(first.strftime("%Y-%m").to_string(), environment, vec![line])))
    }

    /// Imports a share, or says why not.
    pub async fn import(&self, request: ImportRequest, now: Timestamp) -> Result<Session, ImportError> {
        let mut genuine = None;
        let imported = self.import_once(&request, &mut genuine, now).await;
        if let Err(error) = &imported {
            let entry = self.refusal_entry(&request.share_token, genuine.as_ref(), error, now);
            if let Err(cause) = self.store.commit(Batch::new().audit(entry)).await {
                tracing::error!(%cause, "a refused import could not be recorded");
            }
        }
        imported
    }

    /// Leaves the terms in `genuine` as soon as their signature was checked.
    async fn import_once(
        &self,
        request: &ImportRequest,
        genuine: &mut Option<Terms>,
        now: Timestamp,
    ) -> Result<Session, ImportError> {
        let workflow = match request.workflow_id.as_deref() {
            None => self.config.workflow_id.clone(),
            Some(id) if id == self.config.workflow_id => id.to_owned(),
            Some(id) => return Err(ImportError::UnknownWorkflow(id.chars().take(60).collect())),
        };
        let accepted = self.accept_share(&request.share_token, genuine, now).await?;
        let begins = acceptance::decide(&self.config.imports, &accepted.issuer.id, accepted.verification(), now)?;
        let mark = Imported {
            import_key: accepted.share.import_key(),
            session_id: uuid::Builder::from_random_bytes(self.entropy.array()).into_uuid(),
        };
        let marks = Collection::<Imported>::of(&self.store);
        let counters = Collection::<Counter>::of(&self.store);
        let _turn = self.import_turn.lock().await;
        // Other nodes may take the number meanwhile; the loser of a round takes the number after.
        for _ in 0..64 {
            if marks.load(&mark.import_key).await.map_err(ImportError::Store)?.is_some() {
                return Err(ShareError::AlreadyImported.into());
            }
            let counter = counters.load(Counter::KEY).await.map_err(ImportError::Store)?;
            let number = counter.as_ref().map_or(1, |loaded| loaded.value.last + 1);
            let session = session(&mark, &accepted, request, (&workflow, begins), number, now);
            let batch = match &counter {
                None => Batch::new().insert(&Counter { last: number }),
                Some(loaded) => Batch::new().replace(loaded.seen, &Counter { last: number }),
            };
            let batch = batch.insert(&mark).insert(&session).audit(self.import_entry(&session, &accepted, now));
            match self.store.commit(batch).await {
                Ok(_) => return Ok(session),
                Err(error) if error.is_conflict() => {}
                Err(error) => return Err(ImportError::Store(error)),
            }
        }
        Err(ImportError::Busy)
    }

    fn import_entry(&self, session: &Session, accepted: &Accepted, now: Timestamp) -> Entry {
        let terms = accepted.share.terms();
        let partner = Reference::public("partner", &self.config.audience);
        let share = Reference::public("share", &terms.id().to_string());
        with_terms(Entry::new(now, "share.imported", partner, share), terms)
            .fact("issuer", &session.issuer)
            .fact("outcome", session.status)
    }

    /// Nothing inside a refused token may be believed before its signature was checked, so it is known by its hash.
    fn refusal_entry(&self, token: &str, genuine: Option<&Terms>, error: &ImportError, now: Timestamp) -> Entry {
        let partner = Reference::public("partner", &self.config.audience);
        let token = Reference::public("share_token", &base64url::encode(&sha256(token.trim().as_bytes())));
        let entry = Entry::new(now, "share.refused", partner, token).fact("audience", &self.config.audience);
        let entry = match genuine {
            Some(terms) => with_terms(entry, terms),
            None => entry,
        };
        entry.fact("outcome", error.code())
    }

    /// Every rule of a share but the once-only one.
    async fn accept_share(
        &self,
        token: &str,
        genuine: &mut Option<Terms>,
        now: Timestamp,
    ) -> Result<Accepted, ImportError> {
        let trust = self.trust(now).await;
        let received = Received::open(token.trim(), &self.bundle.share)?;
        // The registry may have withdrawn this partner since the share was made.
        trust.may_receive(&self.config.audience, now)?;
        match received.addressed_to(&self.config.audience, now)? {
            Claimed::Wallet(share) => {
                let nonce = share.expected_nonce();
                let binding = Binding {
                    audience: share.expected_audience(),
                    nonce: &nonce,
                    // The share's own life was checked and is at most this.
                    max_age: SignedDuration::from_secs(share::MAX_LIFE),
                };
                let mut tally = Tally::default();
                let settled = self.settle(share.presentation(), binding, &trust, now, &mut tally).await;
                let settled = settled.ok_or_else(|| ImportError::Presentation(tally.first_failure()))?;
                // The signature under these was checked by now; the list says who that is.
                let issuer = trust.may_issue(&named_chain(share.presentation()), now)?;
                let holder = settled.holder_key().ok_or(ShareError::IssuerMismatch)?;
                let share = share.authenticate(holder, now)?;
                *genuine = Some(share.terms().clone());
                if let Some(path) = beyond_consent(share.receipt(), &settled.disclosed()) {
                    return Err(ImportError::BeyondConsent(path));
                }
                Ok(Accepted { share, issuer, claims: settled.claims() })
            }
            Claimed::Issuer(share) => {
                let issuer = trust.may_issue(share.chain(), now)?;
                let share = share.authenticate(&trust.issuer_anchors(now), now)?;
                *genuine = Some(share.terms().clone());
                Ok(Accepted { share, issuer, claims: Map::new() })
            }
        }
    }
}

/// Everything a share says about itself.
fn with_terms(entry: Entry, terms: &Terms) -> Entry {
    let scope: Vec<&str> = terms.scope().iter().map(|scope| scope.word()).collect();
    entry
        .fact("user_pid", terms.user_pid())
        .fact("audience", terms.audience())
        .fact("purpose", terms.purpose())
        .fact("scope", scope.join(" "))
        .fact("share_id", terms.id())
        .fact("expires", terms.expires_at())
}

/// The first disclosed claim that the receipt does not name; a named claim stands for its parts and needs its parents.
/// The face template leaves the device in no case.
fn beyond_consent(receipt: &Receipt, disclosed: &[ClaimPath]) -> Option<String> {
    let named: Vec<String> = receipt.claims().map(ToString::to_string).collect();
    let covered = |path: &ClaimPath| named.iter().any(|name| leads_to(name, path));
    let template = PathStep::Name(face_template::CLAIM.to_owned());
    let allowed = |path: &&ClaimPath| path.steps().first() != Some(&template) && covered(path);
    disclosed.iter().find(|path| !allowed(path)).map(ToString::to_string)
}

/// Whether the dotted name and the path lie on one branch. Positions differ between what is held and what is disclosed,
/// so a number in the name stands for any entry of an array.
fn leads_to(name: &str, path: &ClaimPath) -> bool {
    name.split('.').zip(path.steps()).all(|(part, step)| match step {
        PathStep::Name(member) => part == member,
        PathStep::Index(_) | PathStep::Every => part.bytes().all(|byte| byte.is_ascii_digit()),
    })
}

fn session(
    mark: &Imported,
    accepted: &Accepted,
    request: &ImportRequest,
    (workflow, begins): (&str, Begins),
    number: u64,
    now: Timestamp,
) -> Session {
    let terms = accepted.share.terms();
    let decision = accepted.share.decision().cloned();
    // A wallet presents what an issuer has approved; its credential would not exist otherwise.
    let source_status = decision.as_ref().map_or(Status::Approved, |decision| decision.status);
    Session {
        session_id: mark.session_id,
        session_number: number,
        session_kind: terms.session_kind(),
        session_url: None,
        status: match begins {
            Begins::Automatic if request.trust_review => source_status,
            Begins::Automatic | Begins::Review => Status::InReview,
        },
        workflow_id: workflow.to_owned(),
        vendor_data: request.vendor_data.clone(),
        created_at: now,
        expires_at: now.saturating_add(SESSION_LIFE).unwrap_or(now),
        shared_from_session: decision.as_ref().map_or(terms.id(), |decision| decision.session_id),
        user_pid: terms.user_pid().as_str().to_owned(),
        issuer: accepted.issuer.name.clone(),
        purpose: terms.purpose().to_owned(),
        scope: terms.scope().iter().map(|scope| scope.word().to_owned()).collect(),
        decision,
        claims: accepted.claims.clone(),
    }
}
