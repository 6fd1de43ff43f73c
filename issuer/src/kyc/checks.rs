//! All checks, in the order they run. A check that is not in this list does not exist.

use crate::kyc::check::{Check, CheckName, Signal};
use crate::kyc::evidence::Evidence;
use crate::kyc::workflow::Workflow;

pub(crate) mod capture;
mod document;
mod face;
mod gallery;
mod rules;

pub use capture::{ActiveLiveness, SelfieCapture};
pub use document::{DocumentFound, ImageQuality, MrzCheckDigits, MrzFound, MrzVisualZone, PortraitFound};
pub use face::{FaceMatch, OneLiveFace, PassiveLiveness};
pub use gallery::{BlocklistedFace, DuplicateFace};
pub use rules::{DocumentExpiry, DocumentIssuer, MinimumAge};

/// The checks that need the document only: run as soon as it is handed over, so that a person learns at once what to
/// do better, and again for the verdict.
#[must_use]
pub fn of_document(workflow: &Workflow) -> Vec<Box<dyn Check>> {
    vec![
        Box::new(ImageQuality::default()),
        Box::new(DocumentFound::default()),
        Box::new(MrzFound),
        Box::new(MrzCheckDigits),
        Box::new(MrzVisualZone),
        Box::new(DocumentExpiry),
        Box::new(DocumentIssuer { environment: workflow.environment }),
        Box::new(MinimumAge { years: workflow.minimum_age }),
        Box::new(PortraitFound::default()),
    ]
}

/// The checks that need the selfie only.
#[must_use]
pub fn of_selfie(workflow: &Workflow) -> Vec<Box<dyn Check>> {
    let mut checks: Vec<Box<dyn Check>> =
        vec![Box::new(OneLiveFace::default()), Box::new(SelfieCapture), Box::new(PassiveLiveness::from_manifest())];
    if workflow.needs(CheckName::ActiveLiveness) {
        checks.push(Box::new(ActiveLiveness { method: workflow.liveness_method }));
    }
    checks
}

/// All checks, in the order they run for the verdict.
#[must_use]
pub fn all(workflow: &Workflow) -> Vec<Box<dyn Check>> {
    let mut all = of_document(workflow);
    all.extend(of_selfie(workflow));
    all.extend(of_face(workflow));
    all
}

/// The checks of a reuse session: everything that needs no document.
#[must_use]
pub fn of_reuse(workflow: &Workflow) -> Vec<Box<dyn Check>> {
    let mut all = of_selfie(workflow);
    all.extend(of_face(workflow));
    all
}

/// The checks that compare the face of the selfie with others.
fn of_face(workflow: &Workflow) -> Vec<Box<dyn Check>> {
    let bands = workflow.face_bands;
    vec![Box::new(FaceMatch::from_manifest()), Box::new(DuplicateFace { bands }), Box::new(BlocklistedFace { bands })]
}

/// Runs checks over the evidence.
#[must_use]
pub fn run(checks: &[Box<dyn Check>], evidence: &Evidence<'_>) -> Vec<Signal> {
    checks.iter().map(|check| check.run(evidence)).collect()
}

#[cfg(test)]
pub(crate) mod tests;
