//! Is the face known already: as somebody else's, or as one that is not wanted?
//!
//! The search itself ran before ([`crate::kyc::faces`]); these look at what it found. False matches add up with the number
//! of people kept, so a large gallery needs bands that are stricter than those of a comparison of two (`face_bands`).

use crate::kyc::check::{Check, CheckName, Code, Outcome, Signal};
use crate::kyc::evidence::{Evidence, Found, FoundFace, Searched};
use crate::kyc::threshold::Measure;
use crate::kyc::workflow::Bands;

/// Nobody else was approved with this face, and it is near the one that the same person was approved with before.
#[derive(Debug, Clone, Copy)]
pub struct DuplicateFace {
    /// What counts as certain and as possible.
    pub bands: Bands,
}

impl Check for DuplicateFace {
    fn name(&self) -> CheckName {
        CheckName::DuplicateFace
    }

    fn run(&self, evidence: &Evidence<'_>) -> Signal {
        let say = |outcome, code| Signal::new(self.name(), outcome, code);
        let Some(found) = found(evidence) else { return say(Outcome::NotRun, Code::FacesNotSearched) };
        let rule = || Measure::NearestFace.held_to([self.bands.possible(), self.bands.certain()]);
        match nearest(&found.enrolled) {
            Some(face) if face.distance < self.bands.certain() => {
                let code = match face.same_name {
                    Some(false) => Code::DuplicateFaceOtherName,
                    Some(true) | None => Code::DuplicateFace,
                };
                say(Outcome::Fail, code).measured(face.distance, rule())
            }
            Some(face) if face.distance < self.bands.possible() => {
                say(Outcome::Warn, Code::PerhapsDuplicateFace).measured(face.distance, rule())
            }
            Some(_) | None => match found.earlier {
                Some(distance) if distance >= self.bands.possible() => {
                    let rule = Measure::Distance.held_to([self.bands.certain(), self.bands.possible()]);
                    say(Outcome::Warn, Code::EarlierFaceDiffers).measured(distance, rule)
                }
                Some(_) | None => say(Outcome::Pass, Code::NoDuplicateFace),
            },
        }
    }
}

/// The face is not on the blocklist.
#[derive(Debug, Clone, Copy)]
pub struct BlocklistedFace {
    /// What counts as certain and as possible.
    pub bands: Bands,
}

impl Check for BlocklistedFace {
    fn name(&self) -> CheckName {
        CheckName::BlocklistedFace
    }

    fn run(&self, evidence: &Evidence<'_>) -> Signal {
        let say = |outcome, code| Signal::new(self.name(), outcome, code);
        let Some(found) = found(evidence) else { return say(Outcome::NotRun, Code::FacesNotSearched) };
        let rule = Measure::NearestFace.held_to([self.bands.possible(), self.bands.certain()]);
        match nearest(&found.blocked) {
            Some(face) if face.distance < self.bands.certain() => {
                say(Outcome::Fail, Code::FaceBlocked).measured(face.distance, rule)
            }
            Some(face) if face.distance < self.bands.possible() => {
                say(Outcome::Warn, Code::PerhapsFaceBlocked).measured(face.distance, rule)
            }
            Some(_) | None => say(Outcome::Pass, Code::FaceNotBlocked),
        }
    }
}

fn found<'a>(evidence: &Evidence<'a>) -> Option<&'a Found> {
    match &evidence.selfie?.searched {
        Searched::NotYet => None,
        Searched::Done(found) => Some(found),
    }
}

fn nearest(faces: &[FoundFace]) -> Option<&FoundFace> {
    faces.iter().min_by(|a, b| a.distance.total_cmp(&b.distance))
}
