//! Consents to share: recorded, listed, taken back.
//!
//! A consent is a receipt (ISO/IEC TS 27560) that the issuer signs, for it was the issuer's page that asked. It lies in the
//! session, where sharing looks for it, and once more in a record of its own under a key of its own, so that it can be
//! shown that there was consent after the session is erased. Who takes a consent back takes back all of the same purpose
//! towards the same recipient: nobody who agreed twice means to leave the other one standing.
//!
//! A share that was imported before is the recipient's; [`ConsentWithdrawn`] is the record by which they are told, and the
//! client hears of it by the webhook `consent.withdrawn`, written in the same commit.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;
use warifu_session::consent::{ClaimName, EventState, EventType, Given, Party, Receipt, SignedReceipt, UserPid};
use warifu_session::share::{MAX_SCOPE, Scope, ShareError};
use warifu_session::webhook::WithdrawnConsent;
use warifu_store::{Batch, Collection, Loaded, Query, Range, Stored};

use crate::kyc::service::Written;
use crate::kyc::session::{OpenSession, RecordedConsent};
use crate::kyc::share::{ShareRequest, words};
use crate::kyc::vault::{Vault, VaultError, WrappedKey};
use crate::webhook::News;
use crate::{Error, Issuer};

/// How long a consent can be used, in seconds: a share made on its last day is still covered for its own life.
const CONSENT_LIFE: u64 = 2 * 86_400;
/// Most consents one session keeps.
const MAX_CONSENTS: usize = 50;

/// What the person agreed to on the hosted page.
#[derive(Debug, Clone)]
pub struct Consented {
    /// Who may receive it: audience identifier in the trusted list.
    pub audience: String,
    /// What for, in a few words.
    pub purpose: String,
    /// What of it.
    pub scope: Vec<Scope>,
    /// Language in which consent was asked.
    pub language: String,
}

/// A consent as it is listed.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Consent {
    /// Identifier: that of the receipt.
    pub consent_id: Uuid,
    /// Who may receive: audience identifier in the trusted list.
    pub audience: String,
    /// Name of who may receive, as the person read it.
    pub recipient: String,
    /// What for.
    pub purpose: String,
    /// What of it; empty once the session was erased.
    pub scope: Vec<Scope>,
    /// The kinds of data, by claim name.
    #[schema(value_type = Vec<String>)]
    pub claims: Vec<ClaimName>,
    /// When it was given.
    pub given_at: Timestamp,
    /// When it was taken back.
    pub withdrawn_at: Option<Timestamp>,
    /// Whether a share can be made of it now.
    pub state: ConsentState,
    /// The receipt under the issuer's signature; absent for one of before receipts were signed.
    #[schema(value_type = Option<String>)]
    pub receipt: Option<SignedReceipt>,
}

/// What a consent is worth now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ConsentState {
    /// A share can be made.
    Given,
    /// It has run out.
    Expired,
    /// The person took it back.
    Withdrawn,
}

/// Who says that a consent is taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WithdrawnBy {
    /// The person, on the hosted page.
    Person,
    /// The client, who passes on what the person told them.
    Client,
}

impl WithdrawnBy {
    fn word(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Client => "client",
        }
    }

    fn how(self) -> EventType {
        match self {
            Self::Person => EventType::Explicit,
            Self::Client => EventType::Expressed,
        }
    }
}

/// The event `consent.withdrawn`: what client and recipient are to be told. Written in the same commit as the withdrawal;
/// whoever delivers it finds new ones by the index `at`. It holds nothing about the person but their pairwise name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsentWithdrawn {
    /// The consent.
    pub consent_id: Uuid,
    /// The session it was about.
    pub session_id: Uuid,
    /// Whose session it is.
    pub application_id: Uuid,
    /// Who was allowed to receive.
    pub audience: String,
    /// The person towards that audience.
    pub user_pid: UserPid,
    /// What for.
    pub purpose: String,
    /// What of it.
    pub scope: Vec<Scope>,
    /// When it was taken back.
    pub withdrawn_at: Timestamp,
}

impl ConsentWithdrawn {
    /// Name of the event.
    pub const EVENT: &'static str = "consent.withdrawn";
}

impl Stored for ConsentWithdrawn {
    const NAME: &'static str = "consent_withdrawals";
    const INDEXES: &'static [&'static str] = &["at", "session"];

    fn key(&self) -> String {
        self.consent_id.to_string()
    }

    fn indexes(&self) -> Vec<(&'static str, String)> {
        vec![("at", warifu_store::sortable(self.withdrawn_at.as_second())), ("session", self.session_id.to_string())]
    }
}

/// A signed receipt under a key of its own: it outlives the session it is about.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ReceiptRecord {
    id: Uuid,
    session: Uuid,
    data_key: WrappedKey,
    sealed: String,
}

impl ReceiptRecord {
    fn owner(id: Uuid) -> String {
        format!("consent {id}")
    }

    fn seal(
        session: Uuid,
        receipt: &Receipt,
        signed: &SignedReceipt,
        vault: &Vault,
        entropy: &dyn warifu_keys::Entropy,
    ) -> Result<Self, VaultError> {
        let id = receipt.receipt_id;
        let (key, data_key) = vault.data_key(&Self::owner(id), entropy)?;
        let sealed = key.seal(&Self::owner(id), signed.as_str().as_bytes(), entropy)?;
        Ok(Self { id, session, data_key, sealed: warifu_keys::base64url::encode(&sealed) })
    }

    fn open(&self, vault: &Vault) -> Result<SignedReceipt, VaultError> {
        let key = vault.unwrap_key(&Self::owner(self.id), &self.data_key)?;
        let sealed = warifu_keys::base64url::decode(&self.sealed).map_err(|_| VaultError::Sealed)?;
        let plain = key.open(&Self::owner(self.id), &sealed)?;
        let text = std::str::from_utf8(plain.expose()).map_err(|_| VaultError::Sealed)?;
        Ok(SignedReceipt::from_compact(text))
    }
}

impl Stored for ReceiptRecord {
    const NAME: &'static str = "consent_receipts";
    const INDEXES: &'static [&'static str] = &["session"];

    fn key(&self) -> String {
        self.id.to_string()
    }

    fn indexes(&self) -> Vec<(&'static str, String)> {
        vec![("session", self.session.to_string())]
    }
}

impl Consent {
    fn of(receipt: &Receipt, scope: Vec<Scope>, signed: Option<SignedReceipt>, now: Timestamp) -> Self {
        let at = |state| receipt.events.iter().find(|event| event.event_state == state).map(|event| event.event_time);
        let recipient = receipt.party_identification.first();
        let withdrawn_at = at(EventState::Withdrawn);
        let state = match (withdrawn_at, receipt.check_given(now)) {
            (Some(_), _) => ConsentState::Withdrawn,
            (None, Ok(())) => ConsentState::Given,
            (None, Err(_)) => ConsentState::Expired,
        };
        Self {
            consent_id: receipt.receipt_id,
            audience: recipient.map(|party| party.party_id.clone()).unwrap_or_default(),
            recipient: recipient.map(|party| party.party_name.clone()).unwrap_or_default(),
            purpose: receipt.pii_processing.purposes.first().map(|it| it.purpose.clone()).unwrap_or_default(),
            scope,
            claims: receipt.claims().cloned().collect(),
            given_at: at(EventState::Given).unwrap_or(now),
            withdrawn_at,
            state,
            receipt: signed,
        }
    }
}

impl RecordedConsent {
    pub(crate) fn listed(&self, now: Timestamp) -> Consent {
        Consent::of(&self.receipt, self.scope.clone(), self.signed.clone(), now)
    }

    fn is_withdrawn(&self) -> bool {
        self.receipt.state() == Some(EventState::Withdrawn)
    }
}

impl Issuer {
    /// Records the person's consent to share this session's decision.
    ///
    /// # Errors
    /// [`Error::Audience`] for one that may not receive shares, [`Error::Field`] for an empty purpose or scope.
    pub async fn record_consent(&self, token: &str, consented: Consented, now: Timestamp) -> Result<Uuid, Error> {
        let bad = |field, why: &str| Error::Field { field, why: why.to_owned() };
        if consented.scope.is_empty() || consented.scope.len() > MAX_SCOPE {
            return Err(bad("scope", "Name at least one thing to share."));
        }
        if consented.purpose.trim().is_empty()
            || consented.purpose.len() > 200
            || consented.purpose.chars().any(char::is_control)
        {
            return Err(bad("purpose", "Say what for, in at most 200 bytes."));
        }
        let (recipient, _) = self.receiver(&consented.audience, now).await?;
        let id = self.fresh_id();
        self.change(token, now, |open| {
            if open.personal.consents.len() >= MAX_CONSENTS {
                return Err(bad("audience", "This session has too many consents."));
            }
            let receipt = self.receipt(id, open, &consented, &recipient, now)?;
            let signed = receipt.sign(None, &*self.document_signer)?;
            let record = ReceiptRecord::seal(open.session.id, &receipt, &signed, &self.vault, self.entropy())?;
            let recorded = RecordedConsent {
                audience: consented.audience.clone(),
                purpose: consented.purpose.clone(),
                scope: consented.scope.clone(),
                receipt,
                signed: Some(signed),
            };
            let written = Written::from("consent.recorded").also(Batch::new().insert(&record));
            let written = facts(written, &recorded).fact("consent", id);
            open.personal.consents.push(recorded);
            Ok(written)
        })
        .await?;
        Ok(id)
    }

    /// The consents of a session, newest last. Once the session was erased, what is left of them: the receipts.
    ///
    /// # Errors
    /// [`Error::NoSuchSession`].
    pub async fn consents(&self, id: Uuid, now: Timestamp) -> Result<Vec<Consent>, Error> {
        match self.seen_by_id(id).await {
            Ok(seen) => Ok(seen.open.personal.consents.iter().map(|consent| consent.listed(now)).collect()),
            Err(Error::Erased) => {
                let mut listed = Vec::new();
                for Loaded { value, .. } in self.receipts_of(id).await? {
                    let signed = value.open(&self.vault)?;
                    let receipt = signed.verify(&self.document_signer.public_key())?.receipt;
                    listed.push(Consent::of(&receipt, Vec::new(), Some(signed), now));
                }
                listed.sort_by_key(|consent| consent.given_at);
                Ok(listed)
            }
            Err(error) => Err(error),
        }
    }

    /// The consents of the session behind a link.
    pub(crate) async fn consents_by_token(&self, token: &str, now: Timestamp) -> Result<Vec<Consent>, Error> {
        let seen = self.seen_by_token(token).await?;
        Ok(seen.open.personal.consents.iter().map(|consent| consent.listed(now)).collect())
    }

    pub(crate) async fn receipts_of(&self, session: Uuid) -> Result<Vec<Loaded<ReceiptRecord>>, Error> {
        let records = Collection::<ReceiptRecord>::of(&self.store);
        Ok(records.collect(Query::by("session", Range::Is(session.to_string()))).await?)
    }

    /// Takes a consent back, together with all of the same purpose towards the same recipient. No share is made of them
    /// from then on; one that is being made either was made before or is refused. Once more is fine.
    ///
    /// # Errors
    /// [`Error::NoSuchSession`], [`Error::Erased`], [`Error::NoSuchConsent`].
    pub async fn withdraw_consent(
        &self,
        token: &str,
        consent: Uuid,
        by: WithdrawnBy,
        now: Timestamp,
    ) -> Result<Consent, Error> {
        let mut before = None;
        let done = self
            .change(token, now, |open| {
                let consents = &open.personal.consents;
                let named = consents.iter().find(|it| it.receipt.receipt_id == consent).ok_or(Error::NoSuchConsent)?;
                if named.is_withdrawn() {
                    before = Some(named.listed(now));
                    return Err(Error::Busy);
                }
                let (audience, purpose) = (named.audience.clone(), named.purpose.clone());
                let mut written = facts(Written::from(ConsentWithdrawn::EVENT), named).fact("by", by.word());
                let user_pid = named.receipt.pii_principal_id.clone();
                let (mut ids, mut batch) = (Vec::new(), Batch::new());
                for consent in &mut open.personal.consents {
                    if consent.audience != audience || consent.purpose != purpose || consent.is_withdrawn() {
                        continue;
                    }
                    consent.receipt = consent.receipt.clone().withdrawn(by.how(), now);
                    let signed = consent.receipt.sign(None, &*self.document_signer)?;
                    let session = open.session.id;
                    let record = ReceiptRecord::seal(session, &consent.receipt, &signed, &self.vault, self.entropy())?;
                    consent.signed = Some(signed);
                    ids.push(consent.receipt.receipt_id);
                    batch = batch.overwrite(&record).overwrite(&ConsentWithdrawn {
                        consent_id: consent.receipt.receipt_id,
                        session_id: open.session.id,
                        application_id: open.session.application,
                        audience: audience.clone(),
                        user_pid: consent.receipt.pii_principal_id.clone(),
                        purpose: purpose.clone(),
                        scope: consent.scope.clone(),
                        withdrawn_at: now,
                    });
                }
                let names: Vec<String> = ids.iter().map(Uuid::to_string).collect();
                written = written.fact("consent", names.join(" ")).also(batch);
                let consent = WithdrawnConsent { consent_ids: ids, audience, user_pid, purpose, withdrawn_at: now };
                Ok(written.told(News::ConsentWithdrawn(consent)))
            })
            .await;
        match (done, before) {
            (Err(Error::Busy), Some(before)) => Ok(before),
            (Err(error), _) => Err(error),
            (Ok(seen), _) => {
                let consents = &seen.open.personal.consents;
                let named = consents.iter().find(|it| it.receipt.receipt_id == consent).ok_or(Error::NoSuchConsent)?;
                Ok(named.listed(now))
            }
        }
    }

    /// As [`Issuer::withdraw_consent`], for a client who passes it on.
    ///
    /// # Errors
    /// As there.
    pub async fn withdraw_consent_of(&self, id: Uuid, consent: Uuid, now: Timestamp) -> Result<Consent, Error> {
        let token = self.seen_by_id(id).await?.open.personal.token;
        self.withdraw_consent(token.expose(), consent, WithdrawnBy::Client, now).await
    }

    fn receipt(
        &self,
        id: Uuid,
        open: &OpenSession,
        consented: &Consented,
        recipient: &warifu_trust::TrustedEntity,
        now: Timestamp,
    ) -> Result<Receipt, Error> {
        let or = |text: &str, other: &str| if text.is_empty() { other.to_owned() } else { text.to_owned() };
        let given = Given {
            id,
            user_pid: self.user_pid(open, &consented.audience),
            purpose: consented.purpose.clone(),
            claims: claims(&consented.scope)?,
            recipient: Party {
                party_id: consented.audience.clone(),
                party_address: or(&format!("{} {}", recipient.street, recipient.country), &recipient.website),
                party_name: recipient.name.clone(),
                party_contact: recipient.contact.clone(),
                party_type: "PII controller".to_owned(),
            },
            privacy_notice: or(&recipient.website, &recipient.contact),
            language: consented.language.clone(),
            retention_period: "As the recipient's privacy notice says.".to_owned(),
            jurisdiction: self.config.jurisdiction.clone(),
            // The page behind the person's own link; the link itself is a secret and stays out of a receipt.
            withdrawal_method: format!("{} (your link, \"consents\")", self.config.address("/")),
            validity_seconds: CONSENT_LIFE,
        };
        let receipt = Receipt::given(given, now);
        receipt.check_given(now).map_err(|error| Error::from(ShareError::Consent(error)))?;
        Ok(receipt)
    }
}

/// What the log says of a consent.
fn facts(written: Written, consent: &RecordedConsent) -> Written {
    written
        .fact("user_pid", &consent.receipt.pii_principal_id)
        .fact("audience", &consent.audience)
        .fact("purpose", &consent.purpose)
        .fact("scope", words(&consent.scope))
}

/// The newest consent that is still valid and covers what is asked for.
///
/// # Errors
/// [`Error::ConsentWithdrawn`] where there was one and the person took it back, [`Error::NoConsent`] where there was none.
pub(crate) fn covering<'a>(
    open: &'a OpenSession,
    request: &ShareRequest,
    now: Timestamp,
) -> Result<&'a RecordedConsent, Error> {
    let asked = |consent: &&RecordedConsent| {
        let covers = |part: &Scope| consent.scope.iter().any(|word| word.covers(*part));
        consent.audience == request.audience
            && request.purpose.as_ref().is_none_or(|purpose| *purpose == consent.purpose)
            && request.scope.as_ref().is_none_or(|scope| scope.iter().all(covers))
    };
    let mut newest = open.personal.consents.iter().rev().filter(asked);
    if let Some(valid) = newest.clone().find(|consent| consent.receipt.check_given(now).is_ok()) {
        return Ok(valid);
    }
    match newest.find(|consent| consent.is_withdrawn()) {
        Some(withdrawn) => {
            Err(Error::ConsentWithdrawn { audience: withdrawn.audience.clone(), consent: withdrawn.receipt.receipt_id })
        }
        None => Err(Error::NoConsent(request.audience.clone())),
    }
}

/// The kinds of data that a scope means, as they stand in the receipt.
fn claims(scope: &[Scope]) -> Result<Vec<ClaimName>, Error> {
    const IDENTITY: &[&str] = &[
        "status",
        "first_name",
        "last_name",
        "date_of_birth",
        "place_of_birth",
        "gender",
        "nationality",
        "document_type",
        "document_number",
        "personal_number",
        "issuing_state",
        "expiration_date",
        "mrz",
    ];
    let covers = |part: Scope| scope.iter().any(|word| word.covers(part));
    let mut names: Vec<&str> = Vec::new();
    if covers(Scope::IdVerification) {
        names.extend(IDENTITY);
    }
    if covers(Scope::Liveness) {
        names.push("liveness");
    }
    if covers(Scope::FaceMatch) {
        names.push("face_match");
    }
    let read = |name: &str| name.parse().map_err(|_| Error::Field { field: "scope", why: "Not a claim.".to_owned() });
    names.into_iter().map(read).collect()
}
