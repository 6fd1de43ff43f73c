//! From a graph to the rules that sessions run under: the settings of its nodes, and what of it is not built yet.
//!
//! Nothing is passed over: a feature, a setting or an order of nodes that this issuer can not carry out is refused by name before
//! anything is published.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;
use warifu_models::liveness::Method;
use warifu_session::workflow::graph::{Ending, FeatureNode};
use warifu_session::workflow::validate::always_before;
use warifu_session::workflow::{Feature, Graph, Kind, Node, NodeId};

use super::record::Kept;
use crate::kyc::questions::Pinned;
use crate::kyc::workflow::{self, Consequence, Workflow};

/// Something that this issuer can not carry out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unbuilt {
    /// The node; absent where it concerns the workflow.
    pub node_id: Option<String>,
    /// The member.
    pub field: String,
    /// `not_built`, or `not_found` for something that the application does not have.
    pub code: &'static str,
    /// What it is.
    pub message: String,
}

impl Unbuilt {
    fn new(node: Option<&NodeId>, field: impl Into<String>, message: impl Into<String>) -> Self {
        let node_id = node.map(ToString::to_string);
        Self { node_id, field: field.into(), code: "not_built", message: message.into() }
    }

    fn missing(node: &NodeId, field: &str, message: &str) -> Self {
        Self { code: "not_found", ..Self::new(Some(node), field, message) }
    }
}

/// What sessions of this type do here; `None` where nothing does it yet.
pub(crate) fn built(kind: Kind) -> Option<workflow::Kind> {
    match kind {
        Kind::Kyc => Some(workflow::Kind::FirstVerification),
        Kind::BiometricAuthentication => Some(workflow::Kind::BiometricAuthentication),
        Kind::AdaptiveAgeVerification
        | Kind::AddressVerification
        | Kind::QuestionnaireVerification
        | Kind::EmailVerification
        | Kind::PhoneVerification => None,
    }
}

/// What the nodes of a graph can name.
#[derive(Debug, Default)]
pub(crate) struct Registered {
    /// The questionnaires that its nodes name, as far as they are there.
    pub(crate) questionnaires: BTreeMap<Uuid, Kept>,
    /// The destinations of webhooks that its nodes name, as far as they are there.
    pub(crate) destinations: BTreeSet<Uuid>,
}

/// The questionnaire that a node names.
pub(crate) fn named_questionnaire(node: &FeatureNode) -> Option<Uuid> {
    let text = node.config.get("questionnaire_uuid").filter(|_| node.feature == Feature::Questionnaire);
    text?.as_str()?.parse().ok()
}

/// The rules of a graph, beginning with those of `base`.
///
/// # Errors
/// Everything that is not built yet; never an empty list.
pub(crate) fn rules(
    graph: &Graph,
    kind: Kind,
    base: &Workflow,
    registered: &Registered,
) -> Result<Workflow, Vec<Unbuilt>> {
    let mut unbuilt = Vec::new();
    let mut rules = Workflow { graph: Some(graph.clone()), ..base.clone() };
    if built(kind) != Some(base.kind) {
        unbuilt.push(Unbuilt::new(None, "workflow_type", format!("workflows of the type `{kind}` are not built yet")));
    }
    for (id, node) in graph.nodes() {
        match node {
            Node::Feature(node) if node.feature == Feature::Questionnaire => {
                match named_questionnaire(node).and_then(|uuid| registered.questionnaires.get(&uuid)) {
                    Some(kept) => drop(rules.questionnaires.insert(id.clone(), pinned(kept, node))),
                    None => {
                        let message = "there is no such questionnaire";
                        unbuilt.push(Unbuilt::missing(id, "config.questionnaire_uuid", message));
                    }
                }
            }
            Node::Feature(node) => settings(id, node, &mut rules, &mut unbuilt),
            Node::Webhook(node) if node.destination.is_some_and(|it| !registered.destinations.contains(&it)) => {
                unbuilt.push(Unbuilt::missing(id, "config.destination", "there is no such destination of webhooks"));
            }
            Node::Webhook(_) | Node::Action(_) | Node::Branch(_) | Node::Status(_) => {}
        }
    }
    order(graph, base.kind, &mut unbuilt);
    if unbuilt.is_empty() { Ok(rules) } else { Err(unbuilt) }
}

fn pinned(kept: &Kept, node: &FeatureNode) -> Pinned {
    Pinned {
        id: kept.uuid,
        version: kept.version,
        questionnaire: kept.questionnaire.clone(),
        reviewed: node.config.get("review_questionnaire_manually") == Some(&Value::Bool(true)),
    }
}

/// What a session can carry out: the document first, then one selfie for liveness and comparison, each once.
fn order(graph: &Graph, kind: workflow::Kind, unbuilt: &mut Vec<Unbuilt>) {
    let before = always_before(graph);
    let has = |id: &NodeId, feature| before.get(id).is_some_and(|before| before.contains(&feature));
    let wanted: &[Feature] = match kind {
        workflow::Kind::FirstVerification => &[Feature::Ocr, Feature::Liveness, Feature::FaceMatch],
        workflow::Kind::BiometricAuthentication => &[Feature::Liveness, Feature::FaceMatch],
    };
    for feature in wanted {
        for (id, _) in graph.features().filter(|(_, node)| node.feature == *feature).skip(1) {
            let message = format!("a second node of the feature {feature} is not built yet");
            unbuilt.push(Unbuilt::new(Some(id), "feature", message));
        }
    }
    for (id, node) in graph.features() {
        match node.feature {
            Feature::Liveness => {
                let next = graph.nodes().get(&node.next);
                if !matches!(next, Some(Node::Feature(next)) if next.feature == Feature::FaceMatch) {
                    let message = "LIVENESS without FACE_MATCH right behind it is not built yet: both take one selfie";
                    unbuilt.push(Unbuilt::new(Some(id), "next", message));
                }
                if kind == workflow::Kind::FirstVerification && !has(id, Feature::Ocr) {
                    let message = "a selfie before the document is not built yet";
                    unbuilt.push(Unbuilt::new(Some(id), "feature", message));
                }
            }
            Feature::FaceMatch if !has(id, Feature::Liveness) => {
                let message = "FACE_MATCH without LIVENESS before it is not built yet";
                unbuilt.push(Unbuilt::new(Some(id), "feature", message));
            }
            Feature::Ocr if kind == workflow::Kind::BiometricAuthentication => {
                let message = "a document in a workflow of the type `biometric_authentication` is not built yet";
                unbuilt.push(Unbuilt::new(Some(id), "feature", message));
            }
            _ => {}
        }
    }
    for (id, node) in graph.nodes() {
        if let Node::Status(ending @ (Ending::Approved | Ending::Determine)) = node
            && let Some(missing) = wanted.iter().find(|feature| !has(id, **feature))
        {
            let message = format!("{ending} without {missing} on every way that leads here is not built yet");
            unbuilt.push(Unbuilt::new(Some(id), "session_status", message));
        }
    }
}

/// Takes over the settings of a node; those that would change nothing here are refused.
fn settings(id: &NodeId, node: &FeatureNode, rules: &mut Workflow, unbuilt: &mut Vec<Unbuilt>) {
    match node.feature {
        Feature::Ocr | Feature::Liveness | Feature::FaceMatch => {}
        other => {
            unbuilt.push(Unbuilt::new(Some(id), "feature", format!("the feature {other} is not built yet")));
            return;
        }
    }
    for (name, value) in &node.config {
        let whole = || value.as_u64().and_then(|number| u8::try_from(number).ok());
        let taken = match (name.as_str(), value.as_str()) {
            ("minimum_age", _) => {
                rules.minimum_age = whole().filter(|years| *years > 0);
                true
            }
            // What the rules do whatever is set.
            ("minimum_age_action", Some("DECLINE")) | ("not_computed_action", Some("REVIEW")) => true,
            ("image_capture_methods_allowed", _) => value.as_array().is_some_and(|methods| methods.len() == 2),
            ("face_search_enabled", _) => value == &Value::Bool(true),
            ("face_liveness_method", Some(word)) => {
                rules.liveness_method = match word {
                    "ACTIVE_3D" => Method::Active3d,
                    "FLASHING" => Method::Flashing,
                    _ => Method::Passive,
                };
                true
            }
            ("face_liveness_max_attempts", _) => whole().is_some_and(|most| {
                rules.liveness_attempts = u32::from(most);
                true
            }),
            ("virtual_camera_action", Some(word)) => {
                rules.suspicious_camera = consequence(word);
                true
            }
            ("possible_duplicated_face_action", Some(word)) => {
                rules.duplicate_face = consequence(word);
                true
            }
            _ => false,
        };
        if !taken {
            let message = format!("`{name}` with this value is not built yet");
            unbuilt.push(Unbuilt::new(Some(id), format!("config.{name}"), message));
        }
    }
}

fn consequence(action: &str) -> Consequence {
    match action {
        "NO_ACTION" => Consequence::Accept,
        "DECLINE" => Consequence::Decline,
        _ => Consequence::Review,
    }
}
