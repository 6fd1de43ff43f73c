//! Handing in again: what of a session a reviewer asks for once more, and what stays.
//!
//! The person sees the steps that are named and no others; everything else stays as it was handed in. Whatever comes is
//! judged together with what stayed, from the beginning: nothing that was found before counts.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use warifu_session::FeatureStatus;
use warifu_session::webhook::ResubmitInfo;
use warifu_session::workflow::{self, NodeId};
use warifu_store::blob::BlobId;

use crate::Error;
use crate::kyc::check::{Code, Outcome};
use crate::kyc::decision;
use crate::kyc::reuse::Reference;
use crate::kyc::review::Feature;
use crate::kyc::session::OpenSession;
use crate::kyc::stage::Stage;

/// Longest reason for one step, in characters.
pub const REASON: usize = 500;

/// Where a session is reopened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reopen {
    /// At the first step whose feature is not approved, with all that follow.
    Worst,
    /// At exactly these.
    At(Vec<Repeat>),
}

/// One step that is to be repeated, as a reviewer names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repeat {
    /// The node of the workflow's graph; `default` where there is no graph.
    pub node: Option<String>,
    /// What it asks for. Follows from the node where absent.
    pub feature: Option<Feature>,
    /// Why, for the person to read.
    pub reason: Option<String>,
}

/// What a person hands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// The document.
    Document,
    /// The selfie.
    Selfie,
}

impl Part {
    fn of(feature: Feature) -> Self {
        match feature {
            Feature::IdVerification => Self::Document,
            Feature::Liveness | Feature::FaceMatch => Self::Selfie,
        }
    }
}

/// What is handed in again, as the person reads it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Again {
    /// What, in the order of the steps.
    pub parts: Vec<Part>,
    /// What the checks had found of it.
    pub codes: Vec<(Part, Code)>,
    /// What the reviewer wrote for the person.
    pub reasons: Vec<(Part, String)>,
    /// The questionnaires that are asked once more, with what the reviewer wrote of each.
    pub questions: BTreeMap<NodeId, Option<String>>,
}

/// Opens the steps again, and gives the pictures that are no part of the session any more.
///
/// # Errors
/// [`Error::Field`] for a step that the session does not have or that cannot be repeated, [`crate::kyc::stage::OutOfTurn`]
/// where there is nothing to repeat.
pub(crate) fn reopen(
    open: &mut OpenSession,
    wanted: &Reopen,
    comment: &str,
    reference: Option<Reference>,
) -> Result<Vec<BlobId>, Error> {
    let (named, questions) = match wanted {
        Reopen::At(steps) => {
            let (asked, steps): (Vec<_>, Vec<_>) = steps.iter().partition(|step| question(open, step).is_some());
            let questions: BTreeMap<NodeId, Option<String>> =
                asked.iter().filter_map(|step| Some((question(open, step)?.clone(), step.reason.clone()))).collect();
            (steps.into_iter().map(|step| resolve(open, step)).collect::<Result<Vec<_>, _>>()?, questions)
        }
        Reopen::Worst => (worst(open), BTreeMap::new()),
    };
    let mut parts: Vec<Part> = named.iter().map(|(_, feature, _)| Part::of(*feature)).collect();
    parts.sort_unstable();
    parts.dedup();
    let stage = open.personal.stage.clone();
    let next = match (parts.contains(&Part::Document), parts.contains(&Part::Selfie)) {
        (true, true) => stage.clone().reopened_at_document()?,
        (true, false) => stage.clone().reopened_at_document_only()?,
        (false, true) => stage.clone().reopened_at_selfie(reference)?,
        // Only questions are asked once more.
        (false, false) => stage.clone(),
    };
    if next.selfie().is_none() && !parts.is_empty() && !parts.contains(&Part::Selfie) {
        parts.push(Part::Selfie);
    }
    let remarks = stage.signals().iter().filter(|signal| matches!(signal.outcome, Outcome::Warn | Outcome::Fail));
    let codes = remarks.map(|signal| (Part::of(decision::feature_of(signal.name)), signal.code));
    let mut codes: Vec<(Part, Code)> = codes.filter(|(part, _)| parts.contains(part)).collect();
    codes.dedup();
    let reasons = named.iter().filter_map(|(_, feature, reason)| Some((Part::of(*feature), reason.clone()?)));
    let mut reasons: Vec<(Part, String)> = reasons.collect();
    reasons.dedup();
    let nodes = named.iter().map(|(node, _, reason)| (node.clone(), reason.clone()));
    let nodes = nodes.chain(questions.iter().map(|(node, reason)| (node.to_string(), reason.clone())));
    let told: BTreeMap<_, _> =
        nodes.map(|(node, reason)| (node, reason.unwrap_or_else(|| comment.to_owned()))).collect();
    let kept = next.pictures();
    let mut dropped: Vec<BlobId> = stage.pictures().into_iter().filter(|blob| !kept.contains(blob)).collect();
    for node in questions.keys() {
        let answered = open.personal.answers.remove(node);
        dropped.extend(answered.iter().flat_map(|answered| answered.files.values()).map(|file| file.kept.blob));
    }
    open.personal.stage = next;
    open.personal.resubmission =
        Some(ResubmitInfo { nodes_to_resubmit: told.keys().cloned().collect(), reasons: told });
    if parts.contains(&Part::Document) {
        open.personal.corrections.clear();
    }
    open.personal.again = Some(Again { parts, codes, reasons, questions });
    open.personal.challenge = None;
    open.personal.failed_challenges = 0;
    open.personal.offer = None;
    // What was said of the old evidence says nothing of the new.
    open.personal.rulings.clear();
    Ok(dropped)
}

/// The questionnaire that a step names, if it names one that was answered.
fn question<'a>(open: &'a OpenSession, step: &Repeat) -> Option<&'a NodeId> {
    let node = step.node.as_deref().filter(|_| step.feature.is_none())?;
    open.personal.answers.keys().find(|answered| answered.as_str() == node)
}

type Named = (String, Feature, Option<String>);

fn resolve(open: &OpenSession, step: &Repeat) -> Result<Named, Error> {
    let wrong = || {
        let why = "This step can not be repeated.".to_owned();
        Error::Field { field: "nodes_to_resubmit", why }
    };
    let graph = open.session.workflow.graph.as_ref();
    let node = step.node.as_deref().filter(|node| *node != decision::NODE && Feature::named(node).is_none());
    let of_node = match (graph, node) {
        (Some(graph), Some(node)) => {
            let found = graph.features().find(|(id, _)| id.as_str() == node);
            Some(found.and_then(|(_, node)| here(node.feature)).ok_or_else(wrong)?)
        }
        // Without a graph every node is `default`, whatever it is called.
        (None, _) | (_, None) => step.node.as_deref().and_then(Feature::named),
    };
    let feature = match (step.feature, of_node) {
        (Some(named), Some(found)) if Part::of(named) != Part::of(found) => return Err(wrong()),
        (Some(named), _) => named,
        (None, found) => found.ok_or_else(wrong)?,
    };
    Ok((node_of(open, feature, node.filter(|_| graph.is_some())), feature, step.reason.clone()))
}

/// The feature of a node as it runs here; `None` for those that nobody hands anything in for.
fn here(feature: workflow::Feature) -> Option<Feature> {
    Feature::named(feature.decision_name())
}

fn node_of(open: &OpenSession, feature: Feature, named: Option<&str>) -> String {
    let graph = open.session.workflow.graph.as_ref();
    let found = || graph?.features().find(|(_, node)| here(node.feature) == Some(feature)).map(|(id, _)| id.as_str());
    named.or_else(found).unwrap_or(decision::NODE).to_owned()
}

/// The first step whose feature is not approved, and all that follow it.
fn worst(open: &OpenSession) -> Vec<Named> {
    let document = match &open.personal.stage {
        Stage::Opened => true,
        Stage::DocumentRead { .. }
        | Stage::DocumentAgain { .. }
        | Stage::Complete { .. }
        | Stage::AwaitingCredential
        | Stage::AwaitingFace { .. }
        | Stage::Compared { .. } => false,
        Stage::Decided { .. } => decision::feature_status(open, Feature::IdVerification) != FeatureStatus::Approved,
    };
    let features = [Feature::IdVerification, Feature::Liveness];
    let features = features.into_iter().filter(|feature| document || *feature != Feature::IdVerification);
    features.map(|feature| (node_of(open, feature, None), feature, None)).collect()
}
