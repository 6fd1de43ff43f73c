//! What follows from the outcomes of the checks: the policy a session runs under.
//!
//! A session keeps the workflow it began with, so a verdict can be explained years later by the rules of its day. The
//! full graph (features, branches, webhooks) comes later; this is its linear form.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::kyc::check::{CheckName, Outcome};

/// The rules of one workflow, pinned into each session that runs under it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Workflow {
    /// Stable identifier, as integrators name it.
    pub id: Uuid,
    /// Version; a published version never changes.
    pub version: u32,
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
    /// What follows when the printed text could not be compared with the machine-readable zone.
    pub visual_zone_not_read: Consequence,
    /// How many failed uploads a session may have before it is closed.
    pub attempts: u32,
}

/// Real people or specimens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Environment {
    /// Real documents of real people.
    Live,
    /// Specimen documents are taken; the result says `sandbox` wherever it is shown.
    Sandbox,
}

/// What an outcome means for the verdict. Ordered: the gravest of a session decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
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

impl Workflow {
    /// The workflow for real documents: what is not certain goes to a person.
    #[must_use]
    pub fn live() -> Self {
        Self {
            id: Uuid::from_u128(0x6b79_6301_0000_4000_8000_0000_0000_0001),
            version: 1,
            label: "KYC".to_owned(),
            environment: Environment::Live,
            minimum_age: None,
            liveness_not_performed: Consequence::Review,
            liveness_failed: Consequence::Review,
            visual_zone_not_read: Consequence::Review,
            attempts: 20,
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
            ..Self::live()
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
            (CheckName::PassiveLiveness, Outcome::Fail) => (self.liveness_failed, "liveness_failed"),
            (CheckName::MrzVisualZone, Outcome::NotRun) => (self.visual_zone_not_read, "visual_zone_not_read"),
            // A specimen that the sandbox takes, a small portrait: said aloud, the match has its own threshold.
            (CheckName::DocumentIssuer | CheckName::PortraitFound, Outcome::Warn) => (Consequence::Warn, FIXED),
            (CheckName::DocumentExpiry | CheckName::FaceMatch, Outcome::Fail) => (Consequence::Decline, FIXED),
            (CheckName::DocumentIssuer, Outcome::Fail) => (Consequence::Decline, "environment"),
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
                | CheckName::PortraitFound
                | CheckName::OneLiveFace
                | CheckName::PassiveLiveness
                | CheckName::FaceMatch,
                Outcome::Warn | Outcome::Fail | Outcome::NotRun,
            ) => (Consequence::Review, FIXED),
        }
    }
}
