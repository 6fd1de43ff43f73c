//! Selfie to [`Matched`]: the person in front of the device is the person in the credential, found out on the device.
//!
//! The only way to a [`Matched`] value is [`match_selfie`]. No picture, template or score leaves this module, and all
//! of them are wiped when it returns; the work buffers inside the inference engine are freed but not wiped. Where a
//! verifier demands active liveness, only the recording of a challenge will do, never a picture.

use std::fmt;
use std::str::FromStr;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use warifu_models::face::{self, Embedding, FaceError, OperatingPoint, Template};
use warifu_models::liveness::framing::{self, Hint};
use warifu_models::liveness::{self, Challenge, Method, Outcome, Passive, Reason, Recording, Refusal};
use warifu_models::picture::{Limits, Picture, PictureError};
use warifu_models::{Models, ModelsError};
use zeroize::Zeroizing;

use crate::holding::CredentialId;

/// A match is worth nothing after this time, whatever a verifier would allow.
pub const LIFE: SignedDuration = SignedDuration::from_secs(120);

/// How a selfie must be made sure of to be a person and not a picture of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LivenessDemand {
    /// Nothing is demanded. It is still done where the weights are there, and an attack is still refused.
    None,
    /// The passive check on one picture.
    Passive,
    /// A challenge over several pictures.
    Active,
}

impl LivenessDemand {
    /// The kind of challenge that meets it.
    #[must_use]
    pub fn method(self) -> Method {
        match self {
            Self::None | Self::Passive => Method::Passive,
            Self::Active => Method::Active3d,
        }
    }
}

/// What the person showed the camera.
#[derive(Debug)]
pub enum Selfie {
    /// One picture file.
    File(Zeroizing<Vec<u8>>),
    /// Frames for a challenge that this wallet gave moments ago, and gives once.
    Recorded {
        /// The challenge.
        challenge: Challenge,
        /// What came for it.
        recording: Recording,
    },
}

impl From<Vec<u8>> for Selfie {
    fn from(file: Vec<u8>) -> Self {
        Self::File(Zeroizing::new(file))
    }
}

/// What a verifier, or the user's own setting, demands of a selfie match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Demand {
    /// False match rate to be kept.
    pub operating_point: OperatingPoint,
    /// Liveness to be performed.
    pub liveness: LivenessDemand,
    /// How old the match may be when it is used.
    pub max_age: SignedDuration,
}

impl Default for Demand {
    /// The user's own setting: `fmr-1e-3`, liveness where installed, one minute.
    fn default() -> Self {
        Self {
            operating_point: OperatingPoint::Fmr1e3,
            liveness: LivenessDemand::None,
            max_age: SignedDuration::from_secs(60),
        }
    }
}

/// What was really done about liveness. Never claims more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LivenessDone {
    /// The passive check ran and called the picture live.
    Passive,
    /// The person did what a challenge asked, and the passive check, where installed, called it live.
    Active,
    /// The optional weights are not installed and nobody demanded them.
    NotPerformed,
}

impl LivenessDone {
    /// The word in `selfie_reauth` and in the history.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Passive => "passive",
            Self::Active => "active",
            Self::NotPerformed => "not_performed",
        }
    }
}

/// Why a selfie did not become a match.
#[derive(Debug, thiserror::Error)]
pub enum PresenceError {
    /// The face is another person's, or too unlike the stored one.
    #[error("the face in the selfie does not match the one in the credential")]
    FaceDoesNotMatch,
    /// The passive check took the selfie for a picture of a picture.
    #[error("the selfie looks like a picture of a picture, not like a person")]
    NotLive,
    /// Liveness is demanded and its weights are not installed.
    #[error(
        "liveness not performed: the request demands it and the liveness weights are not installed; `warifu models fetch` gets them"
    )]
    LivenessNotPerformed,
    /// A challenge is demanded and a picture came, or the recording of a lesser challenge.
    #[error("the request demands movements in front of the camera; a picture is not enough")]
    ChallengeNeeded,
    /// The recording can not have been made for its challenge.
    #[error("the recording: {0}")]
    Refused(#[from] Refusal),
    /// The recording does not show a person who did what was asked.
    #[error("the recording does not show a person who did what was asked ({})", .0.code())]
    NotShown(Reason),
    /// The template was made by a model that is not installed.
    #[error("the credential's face template was made by the model `{0}`, which is not the installed one")]
    OtherModel(String),
    /// The face is too dark, too bright, blurred or turned away.
    #[error("the face can not be compared ({})", .0.code())]
    Framing(Hint),
    /// The selfie is no acceptable picture.
    #[error("the selfie: {0}")]
    Picture(#[from] PictureError),
    /// The work was cut off.
    #[error("the work was cut off")]
    CutOff,
    /// No face, several faces, too small, unclear, or the models failed.
    #[error(transparent)]
    Face(#[from] FaceError),
}

impl From<ModelsError> for PresenceError {
    fn from(error: ModelsError) -> Self {
        Self::Face(FaceError::Models(error))
    }
}

impl PresenceError {
    /// Stable name for the history and for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::FaceDoesNotMatch => "face_does_not_match",
            Self::NotLive => "selfie_not_live",
            Self::LivenessNotPerformed => "liveness_not_performed",
            Self::ChallengeNeeded => "challenge_needed",
            Self::Refused(refusal) => refusal.code(),
            Self::NotShown(reason) => reason.code(),
            Self::OtherModel(_) => "other_face_model",
            Self::Framing(hint) => hint.code(),
            Self::Picture(_) => "bad_picture",
            Self::CutOff => "cut_off",
            Self::Face(error) => match error {
                FaceError::NoFace => "no_face",
                FaceError::SeveralFaces { .. } => "several_faces",
                FaceError::TooSmall { .. } => "face_too_small",
                FaceError::NotClear { .. } => "face_not_clear",
                FaceError::Covered { .. } => "face_covered",
                FaceError::Models(_) => "models_unavailable",
                _ => "face_not_read",
            },
        }
    }
}

/// The stored face of one held credential, and which commitment of the issuer stands for it.
pub struct Reference {
    /// The credential that holds it.
    pub(crate) credential: CredentialId,
    /// Digest of the `face_template` disclosure in the issuer-signed payload.
    pub(crate) template_digest: String,
    /// The template.
    pub(crate) template: Template,
}

impl fmt::Debug for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reference({})", self.credential)
    }
}

/// Proof that the holder's face was matched on this device moments ago. Made by [`match_selfie`] only, used up once.
pub struct Matched {
    credential: CredentialId,
    template_digest: String,
    model: String,
    operating_point: OperatingPoint,
    liveness: LivenessDone,
    at: Timestamp,
}

impl fmt::Debug for Matched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Matched({} at {})", self.credential, self.at)
    }
}

/// Why a match can not be used here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MatchUnusable {
    /// It is older than it may be, or from the future.
    #[error("the selfie match is too old; take a new selfie")]
    Stale,
    /// It was made with the face of another credential than the one to be presented.
    #[error("the selfie was matched with another credential")]
    OtherCredential,
    /// It keeps a looser false match rate than demanded.
    #[error("the selfie was matched less strictly than demanded")]
    TooLoose,
    /// Liveness is demanded and was not performed.
    #[error("liveness not performed")]
    LivenessNotPerformed,
}

impl Matched {
    /// When the selfie was matched.
    #[must_use]
    pub fn at(&self) -> Timestamp {
        self.at
    }

    /// What was done about liveness.
    #[must_use]
    pub fn liveness(&self) -> LivenessDone {
        self.liveness
    }

    /// The operating point that was kept.
    #[must_use]
    pub fn operating_point(&self) -> OperatingPoint {
        self.operating_point
    }

    /// The model that compared.
    #[must_use]
    pub fn model(&self) -> &str {
        &self.model
    }

    /// Digest of the template's disclosure.
    #[must_use]
    pub fn template_digest(&self) -> &str {
        &self.template_digest
    }

    /// Whether it meets `demand` for `credential` at `now`.
    pub fn check(&self, credential: &CredentialId, demand: &Demand, now: Timestamp) -> Result<(), MatchUnusable> {
        let age = now.duration_since(self.at);
        if age < SignedDuration::ZERO || age > demand.max_age.min(LIFE) {
            return Err(MatchUnusable::Stale);
        }
        if self.credential != *credential {
            return Err(MatchUnusable::OtherCredential);
        }
        if self.operating_point.threshold() > demand.operating_point.threshold() {
            return Err(MatchUnusable::TooLoose);
        }
        match (demand.liveness, self.liveness) {
            (LivenessDemand::None, _)
            | (LivenessDemand::Passive, LivenessDone::Passive)
            | (LivenessDemand::Passive | LivenessDemand::Active, LivenessDone::Active) => Ok(()),
            (LivenessDemand::Passive, LivenessDone::NotPerformed)
            | (LivenessDemand::Active, LivenessDone::Passive | LivenessDone::NotPerformed) => {
                Err(MatchUnusable::LivenessNotPerformed)
            }
        }
    }
}

/// Compares the one face of `selfie` with `reference`. Takes 0.1 to 0.3 s of one core for a picture, up to some seconds
/// for a recording; call it from a blocking thread.
///
/// Refuses other models before looking at anything, then whatever can not be compared, an attack, liveness that was
/// demanded and not shown, and a distance at or above the threshold of the demanded operating point. The selfie is
/// consumed, so that its pixels are wiped whatever comes out.
pub fn match_selfie(
    models: &Models,
    selfie: Selfie,
    reference: &Reference,
    demand: &Demand,
    now: Timestamp,
) -> Result<Matched, PresenceError> {
    let model = models.face_model().ok_or(ModelsError::NotLoaded { part: "face" })?;
    if model != reference.template.model() {
        return Err(PresenceError::OtherModel(reference.template.model().to_string()));
    }
    if demand.liveness == LivenessDemand::Passive && !models.has_liveness() {
        return Err(PresenceError::LivenessNotPerformed);
    }
    let (embedding, liveness) = match selfie {
        Selfie::File(file) => seen_in_picture(models, &file, demand.liveness)?,
        Selfie::Recorded { challenge, recording } => {
            if demand.liveness == LivenessDemand::Active && challenge.method() == Method::Passive {
                return Err(PresenceError::ChallengeNeeded);
            }
            seen_in_recording(models, &challenge, recording, demand.liveness, now)?
        }
    };
    let distance = embedding
        .template()
        .distance(&reference.template)
        .map_err(|error| PresenceError::OtherModel(error.right.to_string()))?;
    if !distance.within(demand.operating_point) {
        return Err(PresenceError::FaceDoesNotMatch);
    }
    Ok(Matched {
        credential: reference.credential.clone(),
        template_digest: reference.template_digest.clone(),
        model: model.to_string(),
        operating_point: demand.operating_point,
        liveness,
        at: now,
    })
}

fn seen_in_picture(
    models: &Models,
    file: &[u8],
    demand: LivenessDemand,
) -> Result<(Embedding, LivenessDone), PresenceError> {
    if demand == LivenessDemand::Active {
        return Err(PresenceError::ChallengeNeeded);
    }
    let picture = Picture::decode(file, &Limits::default())?;
    let reading = face::read_single(models, &picture)?;
    framing::comparable(&reading.quality).map_err(PresenceError::Framing)?;
    let done = match liveness::passive(models, &picture, &reading.face)? {
        passive @ Passive::Performed { .. } if passive.is_live() => LivenessDone::Passive,
        Passive::Performed { .. } => return Err(PresenceError::NotLive),
        Passive::NotPerformed { .. } if demand == LivenessDemand::None => LivenessDone::NotPerformed,
        Passive::NotPerformed { .. } => return Err(PresenceError::LivenessNotPerformed),
    };
    Ok((reading.embedding, done))
}

fn seen_in_recording(
    models: &Models,
    challenge: &Challenge,
    recording: Recording,
    demand: LivenessDemand,
    now: Timestamp,
) -> Result<(Embedding, LivenessDone), PresenceError> {
    let footage = challenge.admit(recording, now)?;
    let judgement = liveness::judge(models, footage)?;
    let done = match (judgement.outcome, judgement.method) {
        (Outcome::Live, Method::Passive) => LivenessDone::Passive,
        (Outcome::Live, Method::Active3d | Method::Flashing) => LivenessDone::Active,
        (Outcome::NotPerformed(_), _) if demand == LivenessDemand::None => LivenessDone::NotPerformed,
        (Outcome::NotPerformed(_), _) => return Err(PresenceError::LivenessNotPerformed),
        (Outcome::NotLive, _) => {
            return Err(match judgement.reasons.first() {
                Some(Reason::LooksLikePicture) | None => PresenceError::NotLive,
                Some(reason) => PresenceError::NotShown(*reason),
            });
        }
    };
    let likeness = judgement.likeness.ok_or(PresenceError::Face(FaceError::NoFace))?;
    Ok((likeness.embedding, done))
}

/// The operating point of this name.
pub(crate) fn operating_point(name: &str) -> Option<OperatingPoint> {
    OperatingPoint::from_str(name).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matched(credential: &str, operating_point: OperatingPoint, liveness: LivenessDone) -> Matched {
        Matched {
            credential: credential.parse().unwrap(),
            template_digest: "digest".to_owned(),
            model: "model".to_owned(),
            operating_point,
            liveness,
            at: Timestamp::from_second(1_795_000_000).unwrap(),
        }
    }

    #[test]
    fn a_match_serves_its_demand_for_a_while() {
        let (mine, other) = ("aaaaaaaaaaaa", "bbbbbbbbbbbb");
        let demand = |liveness, max_age: i64| Demand {
            liveness,
            max_age: SignedDuration::from_secs(max_age),
            ..Demand::default()
        };
        let check = |matched: &Matched, id: &str, demand: Demand, after: i64, expected: Result<(), MatchUnusable>| {
            let now = matched.at + SignedDuration::from_secs(after);
            assert_eq!(matched.check(&id.parse().unwrap(), &demand, now), expected, "{matched:?} {demand:?} {after}");
        };
        let passive = matched(mine, OperatingPoint::Fmr1e3, LivenessDone::Passive);
        let none = matched(mine, OperatingPoint::Fmr1e3, LivenessDone::NotPerformed);
        let loose = matched(mine, OperatingPoint::Fmr1e2, LivenessDone::Passive);
        let strict = matched(mine, OperatingPoint::Fmr1e4, LivenessDone::Passive);
        use LivenessDemand as L;
        check(&passive, mine, demand(L::Passive, 60), 60, Ok(()));
        check(&strict, mine, demand(L::Passive, 60), 0, Ok(()));
        check(&none, mine, demand(L::None, 60), 0, Ok(()));
        check(&passive, mine, demand(L::Passive, 60), 61, Err(MatchUnusable::Stale));
        check(&passive, mine, demand(L::Passive, 3600), 121, Err(MatchUnusable::Stale));
        check(&passive, mine, demand(L::Passive, 60), -1, Err(MatchUnusable::Stale));
        check(&passive, other, demand(L::Passive, 60), 0, Err(MatchUnusable::OtherCredential));
        check(&loose, mine, demand(L::Passive, 60), 0, Err(MatchUnusable::TooLoose));
        check(&none, mine, demand(L::Passive, 60), 0, Err(MatchUnusable::LivenessNotPerformed));
        check(&passive, mine, demand(L::Active, 60), 0, Err(MatchUnusable::LivenessNotPerformed));
        let active = matched(mine, OperatingPoint::Fmr1e3, LivenessDone::Active);
        check(&active, mine, demand(L::Active, 60), 0, Ok(()));
        check(&active, mine, demand(L::Passive, 60), 0, Ok(()));
        check(&none, mine, demand(L::Active, 60), 0, Err(MatchUnusable::LivenessNotPerformed));
    }
}
