//! What follows from the outcomes of the checks: the policy a session runs under.
//!
//! A session keeps the workflow it began with, so a verdict can be explained years later by the rules of its day. Where the
//! workflow was drawn, its graph is kept with it ([`crate::workflows`]).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;
use warifu_models::liveness::Method;
use warifu_session::workflow::{Graph, NodeId};

use crate::kyc::check::{CheckName, Outcome};
use crate::kyc::checks::FaceMatch;
use crate::kyc::questions::Pinned;

/// The rules of one workflow, pinned into each session that runs under it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Workflow {
    /// Stable identifier, as integrators name it.
    pub id: Uuid,
    /// Version; a published version never changes.
    pub version: u32,
    /// What it does.
    #[serde(default, rename = "workflow_type")]
    pub kind: Kind,
    /// Name for people.
    pub label: String,
    /// Whether sessions under it are a sandbox: specimen documents are taken and everything says so.
    pub environment: Environment,
    /// Youngest age taken, in years on the day of the verdict.
    pub minimum_age: Option<u8>,
    /// What follows when passive liveness could not be performed.
    pub liveness_not_performed: Consequence,
    /// What follows when passive liveness says it was an attack. Its error rates are not certified, hence a person
    /// looks by default.
    pub liveness_failed: Consequence,
    /// How liveness is established. Any method but `PASSIVE` needs a recording for a challenge; the passive check is made
    /// as well, where it is installed.
    #[serde(default = "passive", rename = "face_liveness_method")]
    pub liveness_method: Method,
    /// How many recordings may fail their challenge; the last one goes into the verdict.
    #[serde(default = "three", rename = "face_liveness_max_attempts")]
    pub liveness_attempts: u32,
    /// Whether a selfie may be handed over as a file. Never where a challenge is asked for.
    #[serde(default)]
    pub selfie_upload: SelfieUpload,
    /// What follows when the camera looks like a program, or its frames repeat.
    #[serde(default = "Consequence::review")]
    pub suspicious_camera: Consequence,
    /// What follows when the printed text could not be compared with the machine-readable zone.
    pub visual_zone_not_read: Consequence,
    /// From which distance a kept face counts as the same.
    #[serde(default)]
    pub face_bands: Bands,
    /// What follows when someone else was, certainly or possibly, approved with this face.
    #[serde(default = "Consequence::review")]
    pub duplicate_face: Consequence,
    /// What follows when the face is on the blocklist for certain. What is only possible goes to a person.
    #[serde(default = "Consequence::decline")]
    pub blocklisted_face: Consequence,
    /// What follows when the document does not say what the client expects.
    #[serde(default = "Consequence::review")]
    pub expected_details_mismatch: Consequence,
    /// How many failed uploads a session may have before it is closed.
    pub attempts: u32,
    /// What a session asks for and how it ends, where the workflow was drawn; the steps of its kind where it was not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub graph: Option<Graph>,
    /// What its questionnaire nodes ask.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub questionnaires: BTreeMap<NodeId, Pinned>,
}

/// What a workflow does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A document and a selfie: an identity that can be minted.
    #[default]
    #[serde(rename = "kyc")]
    FirstVerification,
    /// A selfie against a face that is known: the same person, and no identity.
    BiometricAuthentication,
}

impl Kind {
    /// The name under which every application has a workflow of this kind.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::FirstVerification => "wf_first_verification",
            Self::BiometricAuthentication => "wf_reusable_kyc",
        }
    }
}

/// Whether a selfie may be handed over as a file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SelfieUpload {
    /// It may.
    #[default]
    Allowed,
    /// Only the camera of the page will do.
    Refused,
}

fn passive() -> Method {
    Method::Passive
}

fn three() -> u32 {
    3
}

/// Two limits for the Euclidean distance to a kept face, in thousandths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bands {
    /// Below this it is the same face for certain.
    pub certain: u16,
    /// Below this it is possible.
    pub possible: u16,
}

impl Bands {
    /// The limits that the manifest gives for a comparison of two faces. Right for galleries of some thousand faces;
    /// beyond, false matches add up, and stricter ones are wanted.
    #[must_use]
    pub fn from_manifest() -> Self {
        let FaceMatch { accept, review } = FaceMatch::from_manifest();
        let thousandths = |distance: f64| (distance * 1000.0).round() as u16;
        Self { certain: thousandths(accept), possible: thousandths(review) }
    }

    /// Distances below are certain.
    #[must_use]
    pub fn certain(self) -> f64 {
        f64::from(self.certain) / 1000.0
    }

    /// Distances below are possible.
    #[must_use]
    pub fn possible(self) -> f64 {
        f64::from(self.possible) / 1000.0
    }
}

impl Default for Bands {
    fn default() -> Self {
        Self::from_manifest()
    }
}

/// Real people or specimens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ApplicationEnvironment)]
pub enum Environment {
    /// Real documents of real people.
    Live,
    /// Specimen documents are taken; the result says `sandbox` wherever it is shown.
    Sandbox,
}

impl From<Environment> for warifu_session::decision::Environment {
    fn from(environment: Environment) -> Self {
        match environment {
            Environment::Live => Self::Live,
            Environment::Sandbox => Self::Sandbox,
        }
    }
}

/// What an outcome means for the verdict. Ordered: the gravest of a session decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Consequence {
    /// Nothing follows.
    Accept,
    /// Nothing follows, but it is said aloud wherever the result is shown.
    Warn,
    /// A person has to look.
    Review,
    /// The session is declined.
    Decline,
}

impl Consequence {
    fn review() -> Self {
        Self::Review
    }

    fn decline() -> Self {
        Self::Decline
    }
}

impl Workflow {
    /// The workflow for real documents: what is not certain goes to a person.
    #[must_use]
    pub fn live() -> Self {
        Self {
            id: Uuid::from_u128(0x6b79_6301_0000_4000_8000_0000_0000_0001),
            version: 1,
            kind: Kind::FirstVerification,
            label: "KYC".to_owned(),
            environment: Environment::Live,
            minimum_age: None,
            liveness_not_performed: Consequence::Review,
            liveness_failed: Consequence::Review,
            liveness_method: Method::Passive,
            liveness_attempts: 3,
            selfie_upload: SelfieUpload::Allowed,
            suspicious_camera: Consequence::Review,
            visual_zone_not_read: Consequence::Review,
            face_bands: Bands::from_manifest(),
            duplicate_face: Consequence::Review,
            blocklisted_face: Consequence::Decline,
            expected_details_mismatch: Consequence::Review,
            attempts: 20,
            graph: None,
            questionnaires: BTreeMap::new(),
        }
    }

    /// The workflow of the sandbox: specimen documents are taken, and missing liveness weights are a printed warning.
    #[must_use]
    pub fn sandbox() -> Self {
        Self {
            id: Uuid::from_u128(0x6b79_6301_0000_4000_8000_0000_0000_0002),
            label: "KYC (sandbox)".to_owned(),
            environment: Environment::Sandbox,
            liveness_not_performed: Consequence::Warn,
            suspicious_camera: Consequence::Warn,
            // The same few people try it again and again.
            duplicate_face: Consequence::Accept,
            ..Self::live()
        }
    }

    /// The sandbox with the live consequences for faces that are known: what happens to duplicates can be tried out.
    #[must_use]
    pub fn rehearsal() -> Self {
        Self {
            id: Uuid::from_u128(0x6b79_6301_0000_4000_8000_0000_0000_0005),
            label: "KYC (sandbox, duplicates as live)".to_owned(),
            duplicate_face: Self::live().duplicate_face,
            ..Self::sandbox()
        }
    }

    /// The sandbox with a challenge: `ACTIVE_3D` or `FLASHING`.
    #[must_use]
    pub fn challenging(method: Method) -> Self {
        let (number, label) = match method {
            Method::Passive => return Self::sandbox(),
            Method::Active3d => (6, "KYC (sandbox, movements)"),
            Method::Flashing => (7, "KYC (sandbox, colours)"),
        };
        Self {
            id: Uuid::from_u128(0x6b79_6301_0000_4000_8000_0000_0000_0000 + number),
            label: label.to_owned(),
            liveness_method: method,
            ..Self::sandbox()
        }
    }

    /// Whether a selfie in a file will do.
    #[must_use]
    pub fn takes_files(&self) -> bool {
        self.liveness_method == Method::Passive && self.selfie_upload == SelfieUpload::Allowed
    }

    /// Whether a verdict needs what this check says.
    #[must_use]
    pub fn needs(&self, check: CheckName) -> bool {
        match check {
            CheckName::ActiveLiveness => self.liveness_method != Method::Passive,
            // Most clients expect nothing; where one does, what it said counts.
            CheckName::ExpectedDetails => false,
            _ => true,
        }
    }

    /// The workflow for people who were verified before: a selfie against the face that is known, and nothing else.
    #[must_use]
    pub fn reuse(environment: Environment) -> Self {
        let (first, number, label) = match environment {
            Environment::Live => (Self::live(), 3, "Reusable KYC"),
            Environment::Sandbox => (Self::sandbox(), 4, "Reusable KYC (sandbox)"),
        };
        Self {
            id: Uuid::from_u128(0x6b79_6301_0000_4000_8000_0000_0000_0000 + number),
            kind: Kind::BiometricAuthentication,
            label: label.to_owned(),
            // That the face is there twice was looked at when it was enrolled.
            duplicate_face: Consequence::Accept,
            ..first
        }
    }

    /// What follows from an outcome, and the knob that says so.
    #[must_use]
    pub fn consequence(&self, check: CheckName, outcome: Outcome) -> (Consequence, &'static str) {
        const FIXED: &str = "fixed";
        match (check, outcome) {
            (_, Outcome::Pass) => (Consequence::Accept, FIXED),
            // A poor picture that was read nonetheless is no reason by itself: the reading has its own checks.
            (CheckName::ImageQuality, Outcome::Warn) => (Consequence::Accept, FIXED),
            (CheckName::PassiveLiveness, Outcome::NotRun) => (self.liveness_not_performed, "liveness_not_performed"),
            (CheckName::PassiveLiveness | CheckName::ActiveLiveness, Outcome::Fail) => {
                (self.liveness_failed, "liveness_failed")
            }
            (CheckName::SelfieCapture, Outcome::Warn) => (self.suspicious_camera, "suspicious_camera"),
            (CheckName::SelfieCapture, Outcome::NotRun) if self.takes_files() => (Consequence::Accept, "selfie_upload"),
            (CheckName::MrzVisualZone, Outcome::NotRun) => (self.visual_zone_not_read, "visual_zone_not_read"),
            // A specimen that the sandbox takes, a small portrait: said aloud, the match has its own threshold.
            (CheckName::DocumentIssuer | CheckName::PortraitFound, Outcome::Warn) => (Consequence::Warn, FIXED),
            (CheckName::DocumentExpiry | CheckName::FaceMatch, Outcome::Fail) => (Consequence::Decline, FIXED),
            (CheckName::DocumentIssuer, Outcome::Fail) => (Consequence::Decline, "environment"),
            (CheckName::DuplicateFace, Outcome::Warn | Outcome::Fail) => (self.duplicate_face, "duplicate_face"),
            (CheckName::BlocklistedFace, Outcome::Fail) => (self.blocklisted_face, "blocklisted_face"),
            (CheckName::ExpectedDetails, Outcome::Fail) => {
                (self.expected_details_mismatch, "expected_details_mismatch")
            }
            (CheckName::MinimumAge, Outcome::Fail) => (Consequence::Decline, "minimum_age"),
            // What could not be read or found with certainty is never approved and never declined by a machine.
            (
                CheckName::ImageQuality
                | CheckName::DocumentFound
                | CheckName::MrzFound
                | CheckName::MrzCheckDigits
                | CheckName::MrzVisualZone
                | CheckName::DocumentExpiry
                | CheckName::DocumentIssuer
                | CheckName::MinimumAge
                | CheckName::ExpectedDetails
                | CheckName::PortraitFound
                | CheckName::OneLiveFace
                | CheckName::SelfieCapture
                | CheckName::PassiveLiveness
                | CheckName::ActiveLiveness
                | CheckName::FaceMatch
                | CheckName::DuplicateFace
                | CheckName::BlocklistedFace,
                Outcome::Warn | Outcome::Fail | Outcome::NotRun,
            ) => (Consequence::Review, FIXED),
        }
    }
}
