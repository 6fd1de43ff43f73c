//! The two linear forms of a workflow, to a graph and back: a list of features, and the older switches `is_…_enabled`.
//!
//! A list becomes nodes `n1`, `n2`, … in its order and a last node `end` that determines the status. The switches have no order of
//! their own: the features come in the order of [`SWITCHES`], the document first where the type of the workflow needs one.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::feature::Feature;
use super::graph::{Draft, Ending, FeatureNode, Graph, Node};
use super::words;

/// What a workflow is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Kind {
    /// Who someone is, by a document.
    Kyc,
    /// Whether someone is old enough, by the face, and by a document where that is not certain.
    AdaptiveAgeVerification,
    /// Whether someone is the person who was verified before.
    BiometricAuthentication,
    /// Where someone lives.
    AddressVerification,
    /// What someone answers.
    QuestionnaireVerification,
    /// Whether someone has this mail address.
    EmailVerification,
    /// Whether someone has this telephone number.
    PhoneVerification,
}

words!(Kind {
    Kyc = "kyc",
    AdaptiveAgeVerification = "adaptive_age_verification",
    BiometricAuthentication = "biometric_authentication",
    AddressVerification = "address_verification",
    QuestionnaireVerification = "questionnaire_verification",
    EmailVerification = "email_verification",
    PhoneVerification = "phone_verification",
});

impl Kind {
    /// The feature without which it would not be what it is called.
    #[must_use]
    pub fn feature(self) -> Option<Feature> {
        Some(match self {
            Self::Kyc => Feature::Ocr,
            Self::AdaptiveAgeVerification => Feature::AgeEstimation,
            Self::BiometricAuthentication => Feature::Liveness,
            Self::AddressVerification => Feature::ProofOfAddress,
            Self::QuestionnaireVerification => Feature::Questionnaire,
            Self::EmailVerification => Feature::EmailVerification,
            Self::PhoneVerification => Feature::PhoneVerification,
        })
    }
}

/// The older switches, in the order in which their features are asked for.
pub const SWITCHES: [(&str, Feature); 11] = [
    ("is_age_estimation_enabled", Feature::AgeEstimation),
    ("is_nfc_enabled", Feature::Nfc),
    ("is_liveness_enabled", Feature::Liveness),
    ("is_face_match_enabled", Feature::FaceMatch),
    ("is_proof_of_address_enabled", Feature::ProofOfAddress),
    ("is_database_validation_enabled", Feature::DatabaseValidation),
    ("is_aml_enabled", Feature::Aml),
    ("is_phone_verification_enabled", Feature::PhoneVerification),
    ("is_email_verification_enabled", Feature::EmailVerification),
    ("is_questionnaire_enabled", Feature::Questionnaire),
    ("is_ip_analysis_enabled", Feature::IpAnalysis),
];

/// Most features of a list.
pub const MAX_FEATURES: usize = 50;

/// One feature of a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FlatFeature {
    /// Which.
    pub feature: Feature,
    /// Its settings.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub config: Map<String, Value>,
    /// Name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
}

/// Why a linear form is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotFlat {
    /// No feature at all.
    #[error("at least one feature is expected")]
    Empty,
    /// More than [`MAX_FEATURES`].
    #[error("{0} features are too many; at most {MAX_FEATURES} are taken")]
    TooMany(usize),
    /// A switch that is not true or false.
    #[error("`{0}` must be true or false")]
    Switch(&'static str),
}

/// The graph of a list.
///
/// # Errors
/// [`NotFlat::Empty`], [`NotFlat::TooMany`].
pub fn from_features(features: &[FlatFeature]) -> Result<Draft, NotFlat> {
    if features.is_empty() {
        return Err(NotFlat::Empty);
    }
    if features.len() > MAX_FEATURES {
        return Err(NotFlat::TooMany(features.len()));
    }
    let id = |i: usize| if i < features.len() { format!("n{}", i + 1) } else { "end".to_owned() };
    let node = |(i, flat): (usize, &FlatFeature)| {
        let mut node = json!({ "node_type": "feature", "feature": flat.feature, "config": flat.config });
        node["next"] = Value::from(id(i + 1));
        if let Some(label) = &flat.label {
            node["label"] = Value::from(label.as_str());
        }
        (id(i), node)
    };
    let end = json!({ "node_type": "status", "session_status": Ending::Determine });
    let nodes = features.iter().enumerate().map(node).chain([("end".to_owned(), end)]);
    Ok(Draft::build("n1", nodes))
}

/// The features that the older switches name. Members of the object that a feature has as a setting become its settings.
///
/// # Errors
/// [`NotFlat::Switch`], [`NotFlat::Empty`].
pub fn from_switches(workflow: &Map<String, Value>, kind: Kind) -> Result<Vec<FlatFeature>, NotFlat> {
    let mut features = Vec::new();
    if kind == Kind::Kyc {
        features.push(Feature::Ocr);
    }
    for (name, feature) in SWITCHES {
        let on = match workflow.get(name) {
            None | Some(Value::Null) => kind.feature() == Some(feature),
            Some(Value::Bool(on)) => *on,
            Some(_) => return Err(NotFlat::Switch(name)),
        };
        if on {
            features.push(feature);
        }
    }
    let settings = |feature: Feature| {
        let own = |name: &&str| workflow.get(*name).is_some_and(|value| !value.is_null());
        let names = feature.knobs().map(|knob| knob.name).filter(own);
        names.map(|name| (name.to_owned(), workflow[name].clone())).collect()
    };
    if features.is_empty() {
        return Err(NotFlat::Empty);
    }
    Ok(features.into_iter().map(|feature| FlatFeature { feature, config: settings(feature), label: None }).collect())
}

impl Graph {
    /// The list of features, where the graph is one: features one after the other, and a status that is determined by them.
    #[must_use]
    pub fn flat(&self) -> Option<Vec<FlatFeature>> {
        let mut features = Vec::new();
        let mut at = self.start();
        while features.len() < self.nodes.len() {
            match self.nodes.get(at)? {
                Node::Feature(FeatureNode { feature, label, config, status_rules, next })
                    if status_rules.is_empty() =>
                {
                    features.push(FlatFeature { feature: *feature, config: config.clone(), label: label.clone() });
                    at = next;
                }
                // Nothing else may be there.
                Node::Status(Ending::Determine) => return (features.len() + 1 == self.nodes.len()).then_some(features),
                Node::Feature(_) | Node::Action(_) | Node::Branch(_) | Node::Status(_) | Node::Webhook(_) => {
                    return None;
                }
            }
        }
        None
    }
}
