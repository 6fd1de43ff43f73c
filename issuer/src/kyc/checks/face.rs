//! Is it one live person, and the one on the document? Error rates of the models: `models/manifest.toml`.

use warifu_models::face::{ModelId, Template};
use warifu_models::liveness::framing;
use warifu_models::manifest::Manifest;

use crate::kyc::check::{Check, CheckName, Code, Outcome, Signal};
use crate::kyc::evidence::{Against, Evidence, Liveness};
use crate::kyc::threshold::Measure;

/// The selfie has exactly one face, large, sharp and bright enough.
///
/// Measured with the face model: below 40 pixels between the eyes true matches are lost (at 20 pixels one in eight) and
/// false ones do not become more. A face of 30 pixels is therefore let through to the comparison.
#[derive(Debug, Clone, Copy)]
pub struct OneLiveFace {
    /// Smallest distance between the eyes, in pixels.
    pub eyes: f64,
    /// Smallest variance of the Laplacian on the aligned face.
    pub sharpness: f64,
    /// From here on eyes or mouth count as covered, 0 to 1.
    pub covered: f64,
    /// Mean grey level below which it is too dark.
    pub dark: f64,
    /// Mean grey level above which it is too bright.
    pub bright: f64,
}

impl Default for OneLiveFace {
    fn default() -> Self {
        // Those of the live hints, so that a frame that was called good there is not refused here.
        Self {
            eyes: 30.0,
            sharpness: f64::from(framing::SHARPNESS),
            covered: f64::from(warifu_models::face::COVERED),
            dark: f64::from(*framing::BRIGHTNESS.start()),
            bright: f64::from(*framing::BRIGHTNESS.end()),
        }
    }
}

impl Check for OneLiveFace {
    fn name(&self) -> CheckName {
        CheckName::OneLiveFace
    }

    fn run(&self, evidence: &Evidence<'_>) -> Signal {
        let say = |outcome, code| Signal::new(self.name(), outcome, code);
        let Some(selfie) = evidence.selfie else {
            return say(Outcome::NotRun, Code::NoFace);
        };
        let Some(face) = selfie.face.as_ref().filter(|_| selfie.faces == 1) else {
            let code = if selfie.faces > 1 { Code::SeveralFaces } else { Code::NoFace };
            return say(Outcome::Fail, code).measured(f64::from(selfie.faces), Measure::Faces.held_to([]));
        };
        if face.eye_distance < self.eyes {
            return say(Outcome::Fail, Code::FaceSmall).measured(face.eye_distance, Measure::Eyes.held_to([self.eyes]));
        }
        if face.brightness < self.dark {
            return say(Outcome::Fail, Code::FaceDark).measured(face.brightness, Measure::NotDark.held_to([self.dark]));
        }
        if face.brightness > self.bright {
            return say(Outcome::Fail, Code::FaceBright)
                .measured(face.brightness, Measure::NotBright.held_to([self.bright]));
        }
        if face.sharpness < self.sharpness {
            return say(Outcome::Fail, Code::FaceBlurred)
                .measured(face.sharpness, Measure::Sharpness.held_to([self.sharpness]));
        }
        if face.covered >= self.covered {
            return say(Outcome::Fail, Code::FaceCovered)
                .measured(face.covered, Measure::Covered.held_to([self.covered]));
        }
        say(Outcome::Pass, Code::OneFace).measured(face.eye_distance, Measure::Eyes.held_to([self.eyes]))
    }
}

/// Passive liveness from one picture. Without its optional weights it is not performed, never passed.
#[derive(Debug, Clone, Copy)]
pub struct PassiveLiveness {
    /// Scores from here on count as live.
    pub live: f64,
}

impl PassiveLiveness {
    /// With the threshold that stands in the manifest beside its measured rates.
    #[must_use]
    pub fn from_manifest() -> Self {
        Self { live: f64::from(warifu_models::liveness::live_threshold()) }
    }
}

impl Check for PassiveLiveness {
    fn name(&self) -> CheckName {
        CheckName::PassiveLiveness
    }

    fn run(&self, evidence: &Evidence<'_>) -> Signal {
        match evidence.selfie.map(|selfie| selfie.liveness) {
            None | Some(Liveness::NotPerformed) => {
                Signal::new(self.name(), Outcome::NotRun, Code::LivenessNotPerformed)
            }
            // The sender chose the picture, so this is no reason to skip the check: a person looks.
            Some(Liveness::TooTight) => Signal::new(self.name(), Outcome::Warn, Code::LivenessTooTight),
            Some(Liveness::Score(score)) => {
                let (outcome, code) = if score >= self.live {
                    (Outcome::Pass, Code::LivenessLive)
                } else {
                    (Outcome::Fail, Code::LivenessAttack)
                };
                Signal::new(self.name(), outcome, code).measured(score, Measure::Score.held_to([self.live]))
            }
        }
    }
}

/// The selfie shows the person on the document, or of the reference: Euclidean distance of two embeddings, smaller is closer.
#[derive(Debug, Clone, Copy)]
pub struct FaceMatch {
    /// Distances below match.
    pub accept: f64,
    /// Distances from [`FaceMatch::accept`] up to here go to a person; from here on it is somebody else.
    pub review: f64,
}

impl FaceMatch {
    /// With the thresholds that stand in the manifest beside their measured rates. A threshold that is missing there
    /// matches nobody.
    #[must_use]
    pub fn from_manifest() -> Self {
        let threshold = |name: &str| {
            Manifest::builtin()
                .model("dlib-resnet29-v1")
                .and_then(|model| model.thresholds.iter().find(|entry| entry.name == name))
                // By way of text, so that 0.55 stays 0.55 where it is shown.
                .and_then(|entry| entry.value.to_string().parse().ok())
                .unwrap_or(0.0)
        };
        Self { accept: threshold("accept"), review: threshold("review") }
    }
}

impl Check for FaceMatch {
    fn name(&self) -> CheckName {
        CheckName::FaceMatch
    }

    fn run(&self, evidence: &Evidence<'_>) -> Signal {
        let (other, [same, perhaps, no]) = match evidence.against {
            Against::Document(document) => (
                document.portrait.as_ref().map(|portrait| &portrait.template.0),
                [Code::SamePerson, Code::PerhapsSamePerson, Code::OtherPerson],
            ),
            Against::Reference(template) => {
                (Some(template), [Code::SameAsReference, Code::PerhapsSameAsReference, Code::OtherThanReference])
            }
        };
        let selfie = evidence.selfie.and_then(|selfie| selfie.face.as_ref()).map(|face| &face.template.0);
        if other.zip(selfie).is_some_and(|(other, selfie)| other.model() != selfie.model()) {
            return Signal::new(self.name(), Outcome::NotRun, Code::TemplateOfOtherModel);
        }
        let distance = other.zip(selfie).and_then(|(other, selfie)| other.distance(selfie).ok());
        let Some(distance) = distance.filter(|distance| distance.value().is_finite()) else {
            return Signal::new(self.name(), Outcome::NotRun, Code::NotCompared);
        };
        // The knobs are those of the built-in model; distances of another one mean what its own thresholds say.
        let own = distance.thresholds();
        let builtin = other.map(Template::model) == ModelId::builtin().as_ref();
        let (accept, review) =
            if builtin { (self.accept, self.review) } else { (f64::from(own.accept), f64::from(own.review)) };
        let distance = f64::from(distance.value());
        let (outcome, code) = if distance < accept {
            (Outcome::Pass, same)
        } else if distance < review {
            (Outcome::Warn, perhaps)
        } else {
            (Outcome::Fail, no)
        };
        let rule = Measure::Distance.held_to([accept, review]);
        Signal::new(self.name(), outcome, code).measured(distance, rule)
    }
}
