//! Sharing a finished session with a partner: only with the person's recorded consent, only to whom the trusted list lets
//! receive, sealed to that partner.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;
use warifu_session::consent::UserPid;
use warifu_session::decision::SessionKind;
use warifu_session::share::{self, Content, Life, NewShare, Scope, Terms};
use warifu_store::Batch;
use warifu_store::audit::{Entry, Reference};

use crate::application::scoped;
use crate::kyc::consent::covering;
use crate::kyc::decision::Explained;
use crate::kyc::service::{Seen, TRIES};
use crate::kyc::session::OpenSession;
use crate::{Error, Issuer};

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
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = ShareToken)]
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
    /// Makes a share token of a finished session. Every try is an entry of the audit log, refused ones with the reason.
    ///
    /// # Errors
    /// [`Error::NotDecided`], [`Error::NoConsent`] when no valid consent covers audience, purpose and scope,
    /// [`Error::ConsentWithdrawn`], [`Error::Audience`].
    pub async fn share(&self, id: Uuid, request: ShareRequest, now: Timestamp) -> Result<Shared, Error> {
        let mut made = Err(Error::Busy);
        for _ in 0..TRIES {
            made = self.share_once(id, &request, now).await;
            match &made {
                // Someone changed the session meanwhile, perhaps to take the consent back.
                Err(Error::Store(error)) if error.is_conflict() => made = Err(Error::Busy),
                Ok(_) | Err(_) => break,
            }
        }
        if let Err(error) = &made
            && let Err(cause) = self.record_refused_share(id, &request, error, now).await
        {
            tracing::error!(%cause, "a refused share could not be recorded");
        }
        made
    }

    async fn share_once(&self, id: Uuid, request: &ShareRequest, now: Timestamp) -> Result<Shared, Error> {
        let Seen { seen, mut open } = self.seen_by_id(id).await?;
        open.session.retention.last_activity = Some(now);
        if !open.session.status.is_decided() {
            return Err(Error::NotDecided(open.session.status_at(now)));
        }
        let consent = covering(&open, request, now)?;
        let (_, key) = self.receiver(&request.audience, now).await?;
        let terms = Terms::new(
            NewShare {
                issuer: self.config.address(""),
                audience: request.audience.clone(),
                session_kind: SessionKind::User,
                purpose: consent.purpose.clone(),
                scope: request.scope.clone().unwrap_or_else(|| consent.scope.clone()),
                user_pid: self.user_pid(&open, &request.audience),
                life: request.life,
            },
            now,
            self.entropy(),
        )?;
        let decision = Explained::of(&open, self, now).decision;
        let content =
            Content::from_issuer(&terms, consent.receipt.clone(), &decision, &self.chain, &*self.document_signer)?;
        let share_token = share::seal(&terms, content, &key, self.entropy())?;
        let entry = self
            .entry(&open.session, "share.created", now)
            .fact("user_pid", terms.user_pid())
            .fact("audience", terms.audience())
            .fact("purpose", terms.purpose())
            .fact("scope", words(terms.scope()))
            .fact("consent", consent.receipt.receipt_id)
            .fact("share_id", terms.id())
            .fact("expires", terms.expires_at())
            .fact("outcome", "created");
        // The session is written though nothing in it changes: a consent taken back meanwhile makes this a conflict.
        self.store.commit(Batch::new().replace(seen, &open.session).audit(entry)).await?;
        Ok(Shared {
            share_token,
            session_kind: SessionKind::User,
            audience: terms.audience().to_owned(),
            expires_at: terms.expires_at(),
            share_id: terms.id(),
        })
    }

    /// What a client asked for is a stranger's text: it stands in the log as it is only where the person or the trusted
    /// list has named it too.
    async fn record_refused_share(
        &self,
        id: Uuid,
        request: &ShareRequest,
        error: &Error,
        now: Timestamp,
    ) -> Result<(), Error> {
        let open = self.seen_by_id(id).await.ok().map(|seen| seen.open);
        let consents = || open.iter().flat_map(|open| &open.personal.consents);
        let listed = consents().any(|consent| consent.audience == request.audience)
            || self.receiver(&request.audience, now).await.is_ok();
        let audience = if listed {
            request.audience.clone()
        } else {
            Reference::keyed(&self.audit_secret, "audience", &request.audience).to_string()
        };
        let mut of_audience = consents().filter(|consent| consent.audience == request.audience);
        let purpose = match &request.purpose {
            None => of_audience.next_back().map_or("none", |consent| &consent.purpose),
            Some(purpose) if consents().any(|consent| consent.purpose == *purpose) => purpose,
            Some(_) => "not consented to",
        };
        let expires = now.saturating_add(SignedDuration::from_secs(request.life.seconds())).unwrap_or(now);
        let mut entry = Entry::new(now, "share.refused", self.actor("hosted"), self.session_reference(id))
            .fact("audience", audience)
            .fact("purpose", purpose)
            .fact("scope", request.scope.as_ref().map_or_else(|| "as consented".to_owned(), |scope| words(scope)))
            .fact("share_id", "none")
            .fact("expires", expires)
            .fact("outcome", outcome(error));
        if let Some(open) = &open {
            entry = entry.fact("user_pid", self.user_pid(open, &request.audience));
        }
        if let Error::ConsentWithdrawn { consent, .. } = error {
            entry = entry.fact("consent", consent);
        }
        self.store.commit(Batch::new().audit(entry)).await?;
        Ok(())
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
    pub(crate) fn user_pid(&self, open: &OpenSession, audience: &str) -> UserPid {
        let user = match &open.session.vendor_data {
            Some(vendor_data) => scoped(open.session.application, vendor_data),
            None => open.session.id.to_string(),
        };
        UserPid::derive(&self.pid_secret, &user, audience)
    }
}

/// Words of scope, one after the other.
pub(crate) fn words(scope: &[Scope]) -> String {
    scope.iter().map(|scope| scope.word()).collect::<Vec<_>>().join(" ")
}

/// The name of a refusal in the log.
fn outcome(error: &Error) -> &'static str {
    match error {
        Error::NoSuchSession => "no_such_session",
        Error::Erased => "erased",
        Error::NotDecided(_) => "not_decided",
        Error::NoConsent(_) => "no_consent",
        Error::ConsentWithdrawn { .. } => "consent_withdrawn",
        Error::Audience { .. } => "audience_not_trusted",
        Error::Share(error) => error.rule(),
        Error::Busy => "busy",
        // Everything else is a failure of ours, whose cause is in the log of the process.
        _ => "failed",
    }
}
