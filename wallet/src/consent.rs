//! What the user is asked, and what they agreed to.
//!
//! A [`Question`] says who asks, what for, exactly which values would leave and what stays hidden. A [`Consent`] is made
//! from the question that was shown and fits that one only; [`Ready`] joins question, consent and, where a selfie is
//! demanded, the match. Answering takes a [`Ready`], so nothing leaves without one.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::Value;
use warifu_credential::ClaimPath;
use warifu_keys::{json, sha256};

use crate::Error;
use crate::history::{Channel, ClaimsOf};
use crate::holding::{ClaimFact, CredentialId, FACE_TEMPLATE, Holding, touches_face_template};
use crate::presence::{Demand, LivenessDemand, MatchUnusable, Matched};

/// A consent that was not acted on is worth nothing after this time.
const CONSENT_LIFE: SignedDuration = SignedDuration::from_mins(10);

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Asker {
    /// Name in the trusted list.
    pub name: String,
    /// Identifier: the `client_id`, or the partner identifier of a share.
    pub identifier: String,
    /// Organisation or name in its access certificate; absent for shares.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate_name: Option<String>,
    /// Its page, from the trusted list.
    pub website: String,
    /// How to reach it, from the trusted list.
    pub contact: String,
    /// The registry whose list names it.
    pub registry: Option<String>,
}

/// What one credential would give away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Disclosure {
    /// The credential.
    pub credential: CredentialId,
    /// Its type: `vct`, or the `docType` of an mdoc.
    pub vct: String,
    /// Name of its type.
    pub credential_name: String,
    /// Who issued it.
    pub issuer_name: String,
    /// The values that would leave the device, exactly.
    pub shared: Vec<ClaimFact>,
    /// What would stay hidden: paths and labels, no values.
    pub hidden: Vec<HiddenClaim>,
    /// What was asked for, as claims paths.
    pub requested: Vec<ClaimPath>,
}

/// Who would receive a credential's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Receiver {
    /// Whoever issued it: the one party that may be shown its face template.
    ItsIssuer,
    /// Anybody else.
    Another,
}

/// A claim that stays hidden.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HiddenClaim {
    /// The path as people write it.
    pub name: String,
    /// What people call it.
    pub label: String,
}

/// A selfie that is demanded before anything leaves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SelfieQuestion {
    /// Who demands it.
    pub demanded_by: DemandedBy,
    /// The credential whose face it is matched with.
    pub credential: CredentialId,
    /// False match rate to be kept, such as `fmr-1e-3`.
    pub operating_point: &'static str,
    /// Liveness that is demanded.
    pub liveness: LivenessDemand,
    /// How old the match may be, in seconds.
    pub max_age_seconds: i64,
}

/// Who demands a selfie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DemandedBy {
    /// The party that asks.
    Asker,
    /// The user's own setting.
    OwnSetting,
}

/// Everything the user decides about, as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Question {
    /// As the answer to a request, or as a share.
    pub channel: Channel,
    /// Who asks.
    pub asker: Asker,
    /// What for, in the asker's words.
    pub purpose: Option<String>,
    /// What would be disclosed, for each credential.
    pub disclosures: Vec<Disclosure>,
    /// The selfie that is demanded.
    pub selfie: Option<SelfieQuestion>,
    /// Until when it can be answered; for a share, until when it can be used.
    pub expires_at: Option<Timestamp>,
    /// A random mark, so that two equal questions are not the same question.
    pub mark: String,
}

impl Question {
    /// How many values would leave the device.
    #[must_use]
    pub fn count(&self) -> usize {
        self.disclosures.iter().map(|disclosure| disclosure.shared.len()).sum()
    }

    /// Names of what is asked for, by credential type.
    #[must_use]
    pub fn requested(&self) -> Vec<ClaimsOf> {
        let claims = |d: &Disclosure| ClaimsOf { credential_identifier: d.vct.clone(), claims: d.requested.clone() };
        self.disclosures.iter().map(claims).collect()
    }

    /// Names of what leaves when it is answered, by credential type.
    #[must_use]
    pub fn presented(&self) -> Vec<ClaimsOf> {
        let paths = |d: &Disclosure| d.shared.iter().map(|row| row.path.clone()).collect();
        let claims = |d: &Disclosure| ClaimsOf { credential_identifier: d.vct.clone(), claims: paths(d) };
        self.disclosures.iter().map(claims).collect()
    }

    /// The user agreed to exactly this question, at `now`.
    #[must_use]
    pub fn agree(&self, now: Timestamp) -> Consent {
        Consent { question: self.fingerprint(), at: now }
    }

    fn fingerprint(&self) -> [u8; 32] {
        let value = serde_json::to_value(self).unwrap_or(Value::Null);
        sha256(json::canonical(&value).as_bytes())
    }
}

/// The user agreed to one question. Made by [`Question::agree`] only, used up once.
#[derive(Debug, PartialEq, Eq)]
pub struct Consent {
    question: [u8; 32],
    at: Timestamp,
}

/// Why consent does not serve.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConsentUnusable {
    /// It was given to another question.
    #[error("the consent was given to another request")]
    OtherQuestion,
    /// It was given too long ago, or in the future.
    #[error("the consent is too old; decide again")]
    Stale,
    /// The request, or the share, has expired meanwhile.
    #[error("the request expired before it was answered")]
    Expired,
    /// A selfie is demanded and none was matched.
    #[error("a selfie is demanded before anything is shared")]
    SelfieDemanded,
    /// The selfie match does not serve.
    #[error(transparent)]
    Match(#[from] MatchUnusable),
}

impl ConsentUnusable {
    /// Stable name for the history and for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::OtherQuestion => "consent_for_another_request",
            Self::Stale => "consent_stale",
            Self::Expired => "expired",
            Self::SelfieDemanded => "selfie_demanded",
            Self::Match(MatchUnusable::Stale) => "selfie_stale",
            Self::Match(MatchUnusable::OtherCredential) => "selfie_other_credential",
            Self::Match(MatchUnusable::TooLoose) => "selfie_too_loose",
            Self::Match(MatchUnusable::LivenessNotPerformed) => "liveness_not_performed",
        }
    }
}

/// Something that can be answered: a verifier's request or a share.
pub trait Asked: sealed::Sealed {
    /// What the user is asked.
    fn question(&self) -> &Question;

    /// The selfie that must be matched first, if any.
    fn demand(&self) -> Option<&Demand>;
}

pub(crate) mod sealed {
    /// Keeps [`super::Asked`] to this crate.
    pub trait Sealed {}
}

/// Something asked, with consent and, where demanded, with the match. Only this can be answered.
#[derive(Debug)]
pub struct Ready<A: Asked> {
    pub(crate) asked: A,
    pub(crate) matched: Option<Matched>,
}

impl<A: Asked> Ready<A> {
    /// For what demands no selfie; [`ConsentUnusable::SelfieDemanded`] where one is demanded.
    pub fn agreed(asked: A, consent: Consent, now: Timestamp) -> Result<Self, ConsentUnusable> {
        check_consent(&asked, &consent, now)?;
        match asked.demand() {
            Some(_) => Err(ConsentUnusable::SelfieDemanded),
            None => Ok(Self { asked, matched: None }),
        }
    }

    /// With a match, which must be of the credential to be presented, fresh and as strict as demanded.
    pub fn matched(asked: A, consent: Consent, matched: Matched, now: Timestamp) -> Result<Self, ConsentUnusable> {
        check_consent(&asked, &consent, now)?;
        match (asked.demand(), &asked.question().selfie) {
            (Some(demand), Some(selfie)) => matched.check(&selfie.credential, demand, now)?,
            // A match that nobody asked for is dropped and not told to anyone.
            (_, _) => return Ok(Self { asked, matched: None }),
        }
        Ok(Self { asked, matched: Some(matched) })
    }
}

fn check_consent<A: Asked>(asked: &A, consent: &Consent, now: Timestamp) -> Result<(), ConsentUnusable> {
    let question = asked.question();
    if consent.question != question.fingerprint() {
        return Err(ConsentUnusable::OtherQuestion);
    }
    let age = now.duration_since(consent.at);
    if age < SignedDuration::ZERO || age > CONSENT_LIFE {
        return Err(ConsentUnusable::Stale);
    }
    if question.expires_at.is_some_and(|at| now >= at) {
        return Err(ConsentUnusable::Expired);
    }
    Ok(())
}

impl Disclosure {
    /// What presenting `paths` of `holding` gives away and what not. A path into the face template is refused, unless it is
    /// the whole of it and `receiver` is its issuer.
    pub(crate) fn of(
        holding: &Holding,
        paths: &[ClaimPath],
        receiver: Receiver,
        requested: Vec<ClaimPath>,
        language: &str,
    ) -> Result<Self, Error> {
        let held = holding.held().map_err(Error::Held)?;
        let (template, paths): (Vec<_>, Vec<_>) = paths.iter().cloned().partition(touches_face_template);
        let mut shared = held.reveals(&paths, language).map_err(Error::Held)?;
        let label = held.face_template_label(language);
        let hidden_label = match (template.as_slice(), receiver, label) {
            ([], _, label) => label,
            ([path], Receiver::ItsIssuer, Some(label)) if *path == ClaimPath::claim(FACE_TEMPLATE) => {
                let row = ClaimFact { path: path.clone(), name: FACE_TEMPLATE.to_owned(), label, value: Value::Null };
                shared.push(row);
                None
            }
            ([_, ..], Receiver::ItsIssuer | Receiver::Another, _) => return Err(Error::FaceTemplateAsked),
        };
        let all = held.rows(language);
        // A row that is shared in part only counts as hidden as well.
        let hidden = all.into_iter().filter(|row| !shared.iter().any(|shown| shown == row));
        let mut hidden: Vec<HiddenClaim> = hidden.map(|row| HiddenClaim { name: row.name, label: row.label }).collect();
        if let Some(label) = hidden_label {
            hidden.push(HiddenClaim { name: FACE_TEMPLATE.to_owned(), label });
        }
        Ok(Self {
            credential: holding.id.clone(),
            vct: held.vct().to_owned(),
            credential_name: held.name(language).to_owned(),
            issuer_name: holding.issuer_name.clone(),
            shared,
            hidden,
            requested,
        })
    }
}
