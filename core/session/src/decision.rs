//! The decision object of the v3 session API, as far as this version runs features: identity document, liveness, face
//! match.
//!
//! Every feature is a plural array with one item per node of the workflow, and `null` until data exists; those of features
//! that are not run here stay so. Scores are 0 to 100.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::share::Scope;
use crate::status::{FeatureStatus, Status};

/// Kind of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum SessionKind {
    /// A person.
    User,
    /// A company.
    Business,
}

/// Where a session ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Environment {
    /// For real.
    Live,
    /// Invented people, test keys.
    Sandbox,
}

/// The whole decision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Decision {
    /// The session.
    pub session_id: Uuid,
    /// Person or company.
    pub session_kind: SessionKind,
    /// Running number inside the application.
    pub session_number: u64,
    /// The hosted page; `null` for imports.
    pub session_url: Option<String>,
    /// Status word.
    pub status: Status,
    /// The workflow that was run.
    pub workflow_id: String,
    /// One row per feature node.
    pub features: Vec<Feature>,
    /// The client's own identifier of the person.
    pub vendor_data: Option<String>,
    /// The client's own data, given back unchanged.
    pub metadata: Option<Value>,
    /// Where the person is sent at the end.
    pub callback: Option<String>,
    /// When the session was made.
    pub created_at: Timestamp,
    /// When it can no longer be used.
    pub expires_at: Option<Timestamp>,
    /// Live or sandbox.
    pub environment: Environment,
    /// What the client expects the document to say; never in a share.
    #[serde(default)]
    pub expected_details: Option<Value>,
    /// Where the client reaches the person; never in a share.
    #[serde(default)]
    pub contact_details: Option<Value>,
    /// Why no chip was read.
    #[serde(default)]
    pub nfc_skip_reason: Option<String>,
    /// Set where a reviewer decided otherwise than the checks.
    #[serde(default)]
    pub status_override: Option<StatusOverride>,
    /// Identity documents.
    pub id_verifications: Option<Vec<IdVerification>>,
    /// Liveness of the selfie.
    pub liveness_checks: Option<Vec<LivenessCheck>>,
    /// Selfie against the portrait.
    pub face_matches: Option<Vec<FaceMatch>>,
    /// Chips.
    #[serde(default)]
    pub nfc_verifications: Option<Vec<Value>>,
    /// Devices and networks.
    #[serde(default)]
    pub ip_analyses: Option<Vec<Value>>,
    /// Screenings against lists.
    #[serde(default)]
    pub aml_screenings: Option<Vec<Value>>,
    /// Phone numbers.
    #[serde(default)]
    pub phone_verifications: Option<Vec<Value>>,
    /// E-mail addresses.
    #[serde(default)]
    pub email_verifications: Option<Vec<Value>>,
    /// Proofs of address.
    #[serde(default)]
    pub poa_verifications: Option<Vec<Value>>,
    /// Look-ups in registers.
    #[serde(default)]
    pub database_validations: Option<Vec<Value>>,
    /// Answered questions.
    #[serde(default)]
    pub questionnaire_responses: Option<Vec<Value>>,
    /// Further documents.
    #[serde(default)]
    pub document_ai_documents: Option<Vec<Value>>,
    /// Decisions of reviewers, oldest first.
    #[serde(default)]
    pub reviews: Vec<Review>,
    /// The session of another application that this one was imported from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shared_from_session: Option<Uuid>,
}

/// What the checks had come to before a reviewer decided otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StatusOverride {
    /// When.
    pub overridden_at: Timestamp,
    /// What the checks came to.
    pub automatic_status: Status,
}

/// A value that a reviewer gave beside the one that was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Correction {
    /// What was read; `null` where nothing was.
    pub read: Option<String>,
    /// What the reviewer says it is.
    pub corrected: String,
    /// Who; never in a share.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// When.
    pub at: Timestamp,
}

/// One feature and how it ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Feature {
    /// `ID_VERIFICATION`, `LIVENESS`, `FACEMATCH`, …
    pub feature: String,
    /// Status word.
    pub status: FeatureStatus,
    /// Node of the workflow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_id: Option<String>,
}

/// One identity document.
///
/// Dates are those of the document; a member that was not read is `null`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct IdVerification {
    /// Node of the workflow.
    pub node_id: String,
    /// Status word.
    pub status: FeatureStatus,
    /// `document` or `wallet`.
    pub verification_method: String,
    /// `documentary` or `cryptographic`.
    pub assurance: String,
    /// `Passport`, `Identity Card`, …
    pub document_type: Option<String>,
    /// Number of the document.
    pub document_number: Option<String>,
    /// Number of the person.
    pub personal_number: Option<String>,
    /// Given names.
    pub first_name: Option<String>,
    /// Surname.
    pub last_name: Option<String>,
    /// Both, as printed.
    pub full_name: Option<String>,
    /// Date of birth.
    pub date_of_birth: Option<Date>,
    /// Place of birth as printed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place_of_birth: Option<String>,
    /// Age in years when the decision was made.
    pub age: Option<u16>,
    /// `M`, `F` or `U`.
    pub gender: Option<String>,
    /// Nationality, ISO 3166-1 alpha-3.
    pub nationality: Option<String>,
    /// Issuing state, ISO 3166-1 alpha-3.
    pub issuing_state: Option<String>,
    /// Date of issue.
    pub date_of_issue: Option<Date>,
    /// Date of expiry.
    pub expiration_date: Option<Date>,
    /// The machine-readable zone, in the names of the v3 API.
    #[serde(default)]
    pub mrz: Option<Value>,
    /// Address of the portrait; never in a share.
    #[serde(default)]
    pub portrait_image: Option<String>,
    /// Address of the front side; never in a share.
    #[serde(default)]
    pub front_image: Option<String>,
    /// Further fields by name.
    #[serde(default)]
    pub extra_fields: BTreeMap<String, Value>,
    /// What reviewers corrected, by the names above, which keep what was read.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub corrections: BTreeMap<String, Correction>,
    /// What was noticed.
    #[serde(default)]
    pub warnings: Vec<Warning>,
}

/// Liveness of one selfie.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LivenessCheck {
    /// Node of the workflow.
    pub node_id: String,
    /// Status word.
    pub status: FeatureStatus,
    /// `PASSIVE`, `ACTIVE_3D` or `FLASHING`.
    pub method: String,
    /// 0 to 100; `null` when the check was not performed.
    pub score: Option<f64>,
    /// Address of the selfie; never in a share.
    #[serde(default)]
    pub reference_image: Option<String>,
    /// Other sessions, and entries of the blocklist, with a face like this one; never in a share.
    #[serde(default)]
    pub matches: Vec<Match>,
    /// What was noticed.
    #[serde(default)]
    pub warnings: Vec<Warning>,
}

/// Another face that is like the one of the selfie.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Match {
    /// The session whose face it is.
    pub session_id: Uuid,
    /// Its running number.
    pub session_number: u64,
    /// 0 to 100.
    pub similarity_percentage: f64,
    /// Where it was found.
    pub source: MatchSource,
    /// The client's own identifier of that person; `null` once their data were erased.
    pub vendor_data: Option<String>,
    /// When the face was kept.
    pub verification_date: Timestamp,
    /// Status of that session.
    pub status: Option<Status>,
    /// Whether it is on the blocklist.
    pub is_blocklisted: bool,
    /// Whether it is on a list of people who may be there twice.
    pub is_allowlisted: bool,
}

/// Where a [`Match`] was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum MatchSource {
    /// Among approved sessions.
    Session,
    /// In a list.
    ListEntry,
}

/// One comparison of a selfie with a portrait.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FaceMatch {
    /// Node of the workflow.
    pub node_id: String,
    /// Status word.
    pub status: FeatureStatus,
    /// 0 to 100; `null` when there was nothing to compare.
    pub score: Option<f64>,
    /// The session that the portrait came from, in place of a document; never in a share.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_image_session_id: Option<Uuid>,
    /// Address of the portrait; never in a share.
    #[serde(default)]
    pub source_image: Option<String>,
    /// Address of the selfie; never in a share.
    #[serde(default)]
    pub target_image: Option<String>,
    /// What was noticed.
    #[serde(default)]
    pub warnings: Vec<Warning>,
}

/// Something noticed by a check.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Warning {
    /// The feature it belongs to.
    pub feature: String,
    /// Name of the risk.
    pub risk: String,
    /// Further facts.
    pub additional_data: Option<Value>,
    /// `error`, `warning` or `information`.
    pub log_type: LogType,
    /// In a few words.
    pub short_description: String,
    /// In a sentence or two.
    pub long_description: String,
    /// Node of the workflow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_id: Option<String>,
}

/// How much a warning weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum LogType {
    /// Declines the feature.
    Error,
    /// Sends it to review.
    Warning,
    /// Changes nothing.
    Information,
}

/// A reviewer's entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Review {
    /// Who.
    pub user: String,
    /// What the session became.
    pub new_status: Status,
    /// Why.
    pub comment: String,
    /// When.
    pub created_at: Timestamp,
}

impl Correction {
    fn of_nobody(&self) -> Self {
        Self { by: None, ..self.clone() }
    }
}

impl Decision {
    /// The part of the decision that `scope` covers, as it goes into a share.
    ///
    /// Features outside the scope, addresses of pictures, and everything that concerns only the client of the source
    /// session (`vendor_data`, `metadata`, `callback`, `session_url`, the text of reviews) are left out.
    #[must_use]
    pub fn cut(&self, scope: &[Scope]) -> Self {
        let covers = |part: Scope| scope.iter().any(|word| word.covers(part));
        let kept = |feature: &Feature| match feature.feature.as_str() {
            "ID_VERIFICATION" => covers(Scope::IdVerification),
            "LIVENESS" => covers(Scope::Liveness),
            "FACEMATCH" => covers(Scope::FaceMatch),
            _ => false,
        };
        let documents = self.id_verifications.iter().flatten().map(|item| IdVerification {
            portrait_image: None,
            front_image: None,
            corrections: item.corrections.iter().map(|(name, it)| (name.clone(), it.of_nobody())).collect(),
            ..item.clone()
        });
        let liveness = self.liveness_checks.iter().flatten().map(|item| LivenessCheck {
            reference_image: None,
            matches: Vec::new(),
            ..item.clone()
        });
        let faces = self.face_matches.iter().flatten().map(|item| FaceMatch {
            source_image_session_id: None,
            source_image: None,
            target_image: None,
            ..item.clone()
        });
        Self {
            session_url: None,
            vendor_data: None,
            metadata: None,
            callback: None,
            expected_details: None,
            contact_details: None,
            nfc_verifications: None,
            ip_analyses: None,
            aml_screenings: None,
            phone_verifications: None,
            email_verifications: None,
            poa_verifications: None,
            database_validations: None,
            questionnaire_responses: None,
            document_ai_documents: None,
            reviews: Vec::new(),
            features: self.features.iter().filter(|feature| kept(feature)).cloned().collect(),
            id_verifications: (covers(Scope::IdVerification) && self.id_verifications.is_some())
                .then(|| documents.collect()),
            liveness_checks: (covers(Scope::Liveness) && self.liveness_checks.is_some()).then(|| liveness.collect()),
            face_matches: (covers(Scope::FaceMatch) && self.face_matches.is_some()).then(|| faces.collect()),
            ..self.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::decision;

    #[test]
    fn a_cut_keeps_to_its_scope() {
        let full = decision();
        let cut = full.cut(&[Scope::Kyc]);
        assert_eq!(cut.id_verifications.as_ref().unwrap()[0].first_name.as_deref(), Some("Erika"));
        assert_eq!(cut.face_matches.as_ref().unwrap()[0].score, Some(88.25));
        assert_eq!(cut.features.len(), 3, "AML is outside");
        let text = serde_json::to_string(&cut).unwrap();
        for gone in ["https://", "u-7", "metadata\":{"] {
            assert!(!text.contains(gone), "`{gone}` in {text}");
        }
        let cut = full.cut(&[Scope::Liveness]);
        assert!(cut.id_verifications.is_none() && cut.face_matches.is_none());
        assert_eq!(cut.liveness_checks.as_ref().unwrap().len(), 1);
        assert!(!serde_json::to_string(&cut).unwrap().contains("Erika"));
        assert_eq!(cut.cut(&[Scope::Liveness]), cut, "cutting twice changes nothing");
        assert!(full.cut(&[]).features.is_empty());
    }

    /// The members that clients of the v3 API look for.
    #[test]
    fn wire_names() {
        let value = serde_json::to_value(decision()).unwrap();
        assert_eq!(value["session_kind"], "user");
        assert_eq!(value["status"], "Approved");
        assert_eq!(value["environment"], "sandbox");
        assert_eq!(value["created_at"], "2026-11-23T00:00:00Z");
        assert_eq!(value["id_verifications"][0]["date_of_birth"], "1984-01-26");
        assert_eq!(value["features"][0]["feature"], "ID_VERIFICATION");
        let again: Decision = serde_json::from_value(value).unwrap();
        assert_eq!(again, decision());
        let mut open = decision();
        open.id_verifications = None;
        assert!(serde_json::to_value(open).unwrap()["id_verifications"].is_null());
    }
}
