//! Sharing a finished session with a partner: only with the person's recorded consent, only to whom the trusted list lets
//! receive, sealed to that partner.

use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;
use warifu_session::consent::{ClaimName, Given, Party, Receipt, UserPid};
use warifu_session::decision::SessionKind;
use warifu_session::share::{self, Content, Life, MAX_SCOPE, NewShare, Scope, ShareError, Terms};
use warifu_store::Batch;

use crate::application::scoped;
use crate::kyc::decision::Explained;
use crate::kyc::session::{OpenSession, RecordedConsent};
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

/// What a client asks for.
#[derive(Debug, Clone)]
pub struct ShareRequest {
    /// Who may import.
    pub audience: String,
    /// For how long.
    pub life: Life,
    /// What for; that of the newest consent for this audience when absent.
    pub purpose: Option<String>,
    /// What of it; everything consented to when absent.
    pub scope: Option<Vec<Scope>>,
}

/// A share token and what belongs to it.
#[derive(Debug, Clone, Serialize)]
pub struct Shared {
    /// The token.
    pub share_token: String,
    /// Person or company.
    pub session_kind: SessionKind,
    /// Who may import.
    pub audience: String,
    /// Until when.
    pub expires_at: Timestamp,
    /// Name of the share in the audit log.
    pub share_id: Uuid,
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
        let id = uuid::Builder::from_random_bytes(self.entropy().array()).into_uuid();
        self.change(token, now, |open| {
            if open.personal.consents.len() >= MAX_CONSENTS {
                return Err(bad("audience", "This session has too many consents."));
            }
            let receipt = self.receipt(id, open, &consented, &recipient, now)?;
            open.personal.consents.push(RecordedConsent {
                audience: consented.audience.clone(),
                purpose: consented.purpose.clone(),
                scope: consented.scope.clone(),
                receipt,
            });
            Ok("consent.recorded")
        })
        .await?;
        Ok(id)
    }

    /// Makes a share token of a finished session.
    ///
    /// # Errors
    /// [`Error::NotDecided`], [`Error::NoConsent`] when no valid consent covers audience, purpose and scope,
    /// [`Error::Audience`].
    pub async fn share(&self, id: Uuid, request: ShareRequest, now: Timestamp) -> Result<Shared, Error> {
        let seen = self.seen_by_id(id).await?;
        let open = &seen.open;
        if !open.session.status.is_decided() {
            return Err(Error::NotDecided(open.session.status_at(now)));
        }
        let consent = covering(open, &request, now).ok_or_else(|| Error::NoConsent(request.audience.clone()))?;
        let (_, key) = self.receiver(&request.audience, now).await?;
        let terms = Terms::new(
            NewShare {
                issuer: self.config.address(""),
                audience: request.audience.clone(),
                session_kind: SessionKind::User,
                purpose: consent.purpose.clone(),
                scope: request.scope.clone().unwrap_or_else(|| consent.scope.clone()),
                user_pid: self.user_pid(open, &request.audience),
                life: request.life,
            },
            now,
            self.entropy(),
        )?;
        let decision = Explained::of(open, self, now).decision;
        let content =
            Content::from_issuer(&terms, consent.receipt.clone(), &decision, &self.chain, &*self.document_signer)?;
        let share_token = share::seal(&terms, content, &key, self.entropy())?;
        let words: Vec<&str> = terms.scope().iter().map(|scope| scope.word()).collect();
        let entry = self
            .entry(&open.session, "share.created", now)
            .fact("user_pid", terms.user_pid())
            .fact("audience", terms.audience())
            .fact("purpose", terms.purpose())
            .fact("scope", words.join(" "))
            .fact("share_id", terms.id())
            .fact("expires", terms.expires_at());
        self.store.commit(Batch::new().audit(entry)).await?;
        Ok(Shared {
            share_token,
            session_kind: SessionKind::User,
            audience: terms.audience().to_owned(),
            expires_at: terms.expires_at(),
            share_id: terms.id(),
        })
    }

    /// Who may receive, and the key to seal to.
    pub(crate) async fn receiver(
        &self,
        audience: &str,
        now: Timestamp,
    ) -> Result<(warifu_trust::TrustedEntity, warifu_keys::Jwk), Error> {
        let trust = self.trust.at(now).await;
        trust.may_receive(audience, now).map_err(|refusal| Error::Audience {
            audience: audience.chars().take(100).collect(),
            refusal: Box::new(refusal),
        })
    }

    /// The person towards one audience: the client's own identifier where there is one, else the session.
    fn user_pid(&self, open: &OpenSession, audience: &str) -> UserPid {
        let user = match &open.session.vendor_data {
            Some(vendor_data) => scoped(open.session.application, vendor_data),
            None => open.session.id.to_string(),
        };
        UserPid::derive(&self.pid_secret, &user, audience)
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
            withdrawal_method: or(&recipient.contact, &recipient.website),
            validity_seconds: CONSENT_LIFE,
        };
        let receipt = Receipt::given(given, now);
        receipt.check_given(now).map_err(|error| Error::from(ShareError::Consent(error)))?;
        Ok(receipt)
    }
}

/// The newest consent that is still valid and covers what is asked for.
fn covering<'a>(open: &'a OpenSession, request: &ShareRequest, now: Timestamp) -> Option<&'a RecordedConsent> {
    open.personal.consents.iter().rev().find(|consent| {
        let covers = |part: &Scope| consent.scope.iter().any(|word| word.covers(*part));
        consent.audience == request.audience
            && request.purpose.as_ref().is_none_or(|purpose| *purpose == consent.purpose)
            && request.scope.as_ref().is_none_or(|scope| scope.iter().all(covers))
            && consent.receipt.check_given(now).is_ok()
    })
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
