//! The workflows that every application begins with.

use serde_json::Map;

use super::feature::Feature;
use super::flat::{FlatFeature, Kind, from_features};
use super::graph::Draft;

/// A workflow that is there without anyone drawing it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ready {
    /// Its name, which may stand wherever an identifier of a workflow may.
    pub name: &'static str,
    /// Name for people.
    pub label: &'static str,
    /// What it is for.
    pub kind: Kind,
    /// What it asks for, in order.
    pub features: &'static [Feature],
}

/// A document, a selfie, and the selfie against the document.
pub const FIRST_VERIFICATION: Ready = Ready {
    name: "wf_first_verification",
    label: "First verification",
    kind: Kind::Kyc,
    features: &[Feature::Ocr, Feature::Liveness, Feature::FaceMatch],
};

/// A selfie against the face that is known.
pub const REUSABLE_KYC: Ready = Ready {
    name: "wf_reusable_kyc",
    label: "Reusable KYC",
    kind: Kind::BiometricAuthentication,
    features: &[Feature::Liveness, Feature::FaceMatch],
};

/// All of them.
pub const READY: [Ready; 2] = [FIRST_VERIFICATION, REUSABLE_KYC];

impl Ready {
    /// The one with this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        READY.into_iter().find(|ready| ready.name == name)
    }

    /// Its graph, not checked yet.
    #[must_use]
    pub fn draft(self) -> Draft {
        let flat = |feature: &Feature| FlatFeature { feature: *feature, config: Map::new(), label: None };
        from_features(&self.features.iter().map(flat).collect::<Vec<_>>()).unwrap_or_default()
    }
}
