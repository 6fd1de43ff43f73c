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
    /// The credential query that it answers; none in a share.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub query_id: Option<String>,
    /// The credential.
    pub credential: CredentialId,
    /// Its type: `vct`, or the `docType` of an mdoc.
    pub vct: String,
    /// Name of its type.
    pub credential_name: String,
    /// Who issued it.
    pub issuer_name: String,
    /// When it came into the wallet.
    pub received_at: Timestamp,
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

/// Several credentials answer one credential query: one of them is given, as the user chooses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Choice {
    /// Which credential query.
    pub query_id: String,
    /// What each of them would give away, the newest first.
    pub offered: Vec<Disclosure>,
}

/// Something that is asked for and not needed: given only where the user adds it, whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Extra {
    /// Its number in the request.
    pub number: usize,
    /// Whether the user has added it; then its disclosures are among those of the question.
    pub added: bool,
    /// What it would give away beyond what is given anyway.
    pub disclosures: Vec<Disclosure>,
}

/// Something that the user should know before deciding. None of these is a refusal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "warning", rename_all = "snake_case")]
pub enum Warning {
    /// The registry has registrars, and whoever asks shows no registration.
    NotRegistered,
    /// More is asked for than was registered.
    BeyondRegistration {
        /// Which credential query.
        query_id: String,
        /// The claim in question as people call it; the whole credential where there is none.
        #[serde(skip_serializing_if = "Option::is_none")]
        claim: Option<String>,
    },
    /// Few copies of a credential are left that nobody has seen.
    FewCopies {
        /// The credential.
        credential: CredentialId,
        /// How many.
        left: u32,
    },
    /// Every copy was shown before. Whoever sees one again can tell that it was the same person.
    ShownBefore {
        /// The credential.
        credential: CredentialId,
    },
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
    /// Where the user can choose another credential; what is chosen now is among the disclosures.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<Choice>,
    /// What the user can add.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub extras: Vec<Extra>,
    /// What the user should know.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Warning>,
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

    /// Whether a picture of the person is among what would leave: then agreeing to the rest is not enough.
    #[must_use]
    pub fn has_portrait(&self) -> bool {
        self.disclosures.iter().any(Disclosure::has_portrait)
    }

    /// The user agreed to exactly this question, at `now`. Where a portrait is among it, that does not do.
    #[must_use]
    pub fn agree(&self, now: Timestamp) -> Consent {
        Consent { question: self.fingerprint(), at: now, portrait: false }
    }

    /// [`Question::agree`], and the user agreed to the portrait in a step of its own.
    #[must_use]
    pub fn agree_with_portrait(&self, now: Timestamp) -> Consent {
        Consent { portrait: true, ..self.agree(now) }
    }

    /// Whether everything that `other` would give away is shown here, value by value: as what is given, as a choice or as
    /// something to add.
    pub(crate) fn shows_all_of(&self, other: &Self) -> bool {
        let offered = self.choices.iter().flat_map(|choice| &choice.offered);
        let added = self.extras.iter().flat_map(|extra| &extra.disclosures);
        let shown: Vec<&Disclosure> = self.disclosures.iter().chain(offered).chain(added).collect();
        other.disclosures.iter().all(|disclosure| shown.contains(&disclosure))
    }

    fn fingerprint(&self) -> [u8; 32] {
        let value = serde_json::to_value(self).unwrap_or(Value::Null);
        sha256(json::canonical(&value).as_bytes())
    }
}

/// The user agreed to one question. Made by [`Question::agree`] and its sister only, used up once.
#[derive(Debug, PartialEq, Eq)]
pub struct Consent {
    question: [u8; 32],
    at: Timestamp,
    portrait: bool,
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
    /// A portrait would leave, and the user has not agreed to that in a step of its own.
    #[error("a portrait is among the details and was not agreed to by itself")]
    PortraitNotAgreed,
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
            Self::PortraitNotAgreed => "portrait_not_agreed",
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
    if question.has_portrait() && !consent.portrait {
        return Err(ConsentUnusable::PortraitNotAgreed);
    }
    Ok(())
}

impl Disclosure {
    /// Whether a picture of the person would leave.
    #[must_use]
    pub fn has_portrait(&self) -> bool {
        self.shared.iter().any(ClaimFact::is_picture)
    }

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
            query_id: None,
            credential: holding.id.clone(),
            vct: held.vct().to_owned(),
            credential_name: held.name(language).to_owned(),
            issuer_name: holding.issuer_name.clone(),
            received_at: holding.received_at,
            shared,
            hidden,
            requested,
        })
    }
}
