//! Where does the selfie come from, and did the person do what the challenge asked? What is measured and how it was
//! calibrated: `warifu_models::liveness`.

use warifu_models::liveness::Method;

use crate::kyc::check::{Check, CheckName, Code, Outcome, Signal};
use crate::kyc::evidence::{Evidence, Taken};
use crate::kyc::threshold::Measure;

/// The selfie was recorded by the camera of the page. A file says nothing about where it comes from.
#[derive(Debug, Clone, Copy)]
pub struct SelfieCapture;

impl Check for SelfieCapture {
    fn name(&self) -> CheckName {
        CheckName::SelfieCapture
    }

    fn run(&self, evidence: &Evidence<'_>) -> Signal {
        let say = |outcome, code| Signal::new(self.name(), outcome, code);
        match evidence.selfie.map(|selfie| &selfie.taken) {
            None | Some(Taken::Uploaded) => say(Outcome::NotRun, Code::CaptureUploaded),
            Some(Taken::Recorded(recorded)) => match recorded.suspicions.first().map(String::as_str) {
                None => say(Outcome::Pass, Code::CaptureSeen),
                Some("stalled_camera") => say(Outcome::Warn, Code::CaptureStalled),
                Some(_) => say(Outcome::Warn, Code::CaptureVirtual),
            },
        }
    }
}

/// The person did what a challenge of this method asked. Not certified by ISO/IEC 30107-3.
#[derive(Debug, Clone, Copy)]
pub struct ActiveLiveness {
    /// The method that the workflow demands; a recording for another one does not count.
    pub method: Method,
}

impl Check for ActiveLiveness {
    fn name(&self) -> CheckName {
        CheckName::ActiveLiveness
    }

    fn run(&self, evidence: &Evidence<'_>) -> Signal {
        let recorded = match evidence.selfie.map(|selfie| &selfie.taken) {
            Some(Taken::Recorded(recorded)) if recorded.method == self.method => recorded,
            Some(Taken::Recorded(_) | Taken::Uploaded) | None => {
                return Signal::new(self.name(), Outcome::NotRun, Code::CaptureNeeded);
            }
        };
        let (outcome, code) = match recorded.reasons.first() {
            None => (Outcome::Pass, Code::ChallengeMet),
            Some(reason) => (Outcome::Fail, of_reason(reason)),
        };
        Signal::new(self.name(), outcome, code).measured(recorded.score, Measure::Score.held_to([0.5]))
    }
}

/// What a person is told about a reason or refusal, by its name in `warifu_models::liveness`.
pub(crate) fn of_reason(reason: &str) -> Code {
    match reason {
        "movement_not_seen" | "movement_other_way" | "movement_too_early" | "movement_no_return" => {
            Code::ChallengeMovement
        }
        "flat" => Code::ChallengeFlat,
        "other_face" => Code::ChallengeOtherFace,
        "no_reflection" | "other_colours" | "tinted" | "no_background" => Code::ChallengeLight,
        "looks_like_picture" => Code::LivenessAttack,
        "no_face" => Code::NoFace,
        "several_faces" => Code::SeveralFaces,
        "too_far" | "too_close" | "off_centre" => Code::FaceSmall,
        "too_dark" => Code::FaceDark,
        "too_bright" => Code::FaceBright,
        "blurred" => Code::FaceBlurred,
        "look_straight" => Code::FaceTurned,
        "open_eyes" => Code::EyesClosed,
        "covered" => Code::FaceCovered,
        "challenge_late" => Code::RecordingLate,
        _ => Code::RecordingUnusable,
    }
}

#[cfg(test)]
mod tests {
    use warifu_models::liveness::active::Fault;
    use warifu_models::liveness::flashing::Unlit;
    use warifu_models::liveness::framing::Hint;
    use warifu_models::liveness::{Action, Reason, Refusal};

    use super::*;

    #[test]
    fn every_reason_is_explained() {
        let faults = [Fault::NotSeen, Fault::OtherWay, Fault::NoBeginning, Fault::NoReturn];
        let unlit = [Unlit::NoReflection, Unlit::OtherOrder, Unlit::Tinted, Unlit::NoControl];
        let reasons = faults
            .map(|fault| Reason::Movement(Action::Nod, fault))
            .into_iter()
            .chain(unlit.map(Reason::Unlit))
            .chain(Hint::ALL.map(Reason::Framing))
            .chain([Reason::Flat, Reason::OtherFace, Reason::LooksLikePicture]);
        for reason in reasons {
            assert_ne!(of_reason(reason.code()), Code::RecordingUnusable, "{reason:?}");
        }
        assert_eq!(of_reason(Reason::Unreadable.code()), Code::RecordingUnusable);
        assert_eq!(of_reason(Refusal::Late.code()), Code::RecordingLate);
        assert_eq!(of_reason(Refusal::Nonce.code()), Code::RecordingUnusable);
    }
}
