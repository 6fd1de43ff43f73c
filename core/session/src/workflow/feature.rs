//! The features that a node can ask for, and the members that their `config` may have.
//!
//! The names, words and ranges are those of the v3 session API. A member that no feature has is dropped when a graph is read;
//! [`super::Graph::ignored`] names it, so that a slip of the pen is seen.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::words;

/// What a node asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Feature {
    /// An identity document.
    Ocr,
    /// The chip of that document.
    Nfc,
    /// A living person in front of the camera.
    Liveness,
    /// That person's face against the portrait.
    FaceMatch,
    /// The age that the face seems to have.
    AgeEstimation,
    /// A telephone number.
    PhoneVerification,
    /// An electronic mail address.
    EmailVerification,
    /// The document against registers.
    DatabaseValidation,
    /// The person against sanction and watch lists.
    Aml,
    /// Network address and device.
    IpAnalysis,
    /// A letter that shows where the person lives.
    ProofOfAddress,
    /// Questions.
    Questionnaire,
    /// Any other document.
    DocumentAi,
    /// Where the device says it is.
    Geolocation,
    /// A bank account.
    BankVerification,
    /// A company in its register.
    KybRegistry,
    /// Documents of a company.
    KybDocuments,
    /// The people behind a company.
    KybKeyPeople,
}

words!(Feature {
    Ocr = "OCR",
    Nfc = "NFC",
    Liveness = "LIVENESS",
    FaceMatch = "FACE_MATCH",
    AgeEstimation = "AGE_ESTIMATION",
    PhoneVerification = "PHONE_VERIFICATION",
    EmailVerification = "EMAIL_VERIFICATION",
    DatabaseValidation = "DATABASE_VALIDATION",
    Aml = "AML",
    IpAnalysis = "IP_ANALYSIS",
    ProofOfAddress = "PROOF_OF_ADDRESS",
    Questionnaire = "QUESTIONNAIRE",
    DocumentAi = "DOCUMENT_AI",
    Geolocation = "GEOLOCATION",
    BankVerification = "BANK_VERIFICATION",
    KybRegistry = "KYB_REGISTRY",
    KybDocuments = "KYB_DOCUMENTS",
    KybKeyPeople = "KYB_KEY_PEOPLE",
});

/// One member of a `config` and what it may be.
#[derive(Debug, Clone, Copy)]
pub struct Knob {
    /// Its name.
    pub name: &'static str,
    /// What it may be.
    pub range: Range,
}

/// What a member may be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Range {
    /// `NO_ACTION`, `REVIEW` or `DECLINE`.
    Action,
    /// True or false.
    Boolean,
    /// A whole number, both ends included.
    Whole(u32, u32),
    /// A number, both ends included.
    Number(f64, f64),
    /// One of these words.
    Word(&'static [&'static str]),
    /// Any of these words, each at most once.
    Words(&'static [&'static str]),
    /// A UUID.
    Uuid,
    /// A list of at most 500 items.
    List,
    /// An object.
    Object,
}

impl Range {
    /// Whether `value` is in it.
    #[must_use]
    pub fn takes(self, value: &Value) -> bool {
        match self {
            Self::Action => value.as_str().is_some_and(|word| ["NO_ACTION", "REVIEW", "DECLINE"].contains(&word)),
            Self::Boolean => value.is_boolean(),
            Self::Whole(min, max) => {
                value.as_u64().is_some_and(|number| (u64::from(min)..=u64::from(max)).contains(&number))
            }
            Self::Number(min, max) => value.as_f64().is_some_and(|number| (min..=max).contains(&number)),
            Self::Word(words) => value.as_str().is_some_and(|word| words.contains(&word)),
            Self::Words(words) => value.as_array().is_some_and(|items| {
                let known = |item: &Value| item.as_str().is_some_and(|word| words.contains(&word));
                items.len() <= words.len() && items.iter().all(known)
            }),
            Self::Uuid => value.as_str().is_some_and(|text| text.parse::<Uuid>().is_ok()),
            Self::List => value.as_array().is_some_and(|items| items.len() <= 500),
            Self::Object => value.is_object(),
        }
    }
}

impl std::fmt::Display for Range {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Action => f.write_str("NO_ACTION, REVIEW or DECLINE"),
            Self::Boolean => f.write_str("true or false"),
            Self::Whole(min, max) => write!(f, "a whole number from {min} to {max}"),
            Self::Number(min, max) => write!(f, "a number from {min} to {max}"),
            Self::Word(words) => write!(f, "one of {}", words.join(", ")),
            Self::Words(words) => write!(f, "a list of {}", words.join(", ")),
            Self::Uuid => f.write_str("a UUID"),
            Self::List => f.write_str("a list of at most 500 items"),
            Self::Object => f.write_str("an object"),
        }
    }
}

/// Two thresholds of which the first may not be below the second: what is not good enough for `review` can not be good enough for
/// `decline`.
pub const PAIRS: [(&str, &str); 8] = [
    ("face_liveness_score_review_threshold", "face_liveness_score_decline_threshold"),
    ("face_quality_review_threshold", "face_quality_decline_threshold"),
    ("face_luminance_max_threshold", "face_luminance_min_threshold"),
    ("face_match_score_review_threshold", "face_match_score_decline_threshold"),
    ("maximum_age", "minimum_age"),
    ("borderline_maximum_age_threshold", "borderline_minimum_age_threshold"),
    ("document_selfie_portrait_match_review_threshold", "document_selfie_portrait_match_decline_threshold"),
    ("aml_score_review_threshold", "aml_score_approve_threshold"),
];

const fn knob(name: &'static str, range: Range) -> Knob {
    Knob { name, range }
}

const fn action(name: &'static str) -> Knob {
    knob(name, Range::Action)
}

const PERCENT: Range = Range::Number(0.0, 100.0);
const AGE: Range = Range::Whole(0, 120);

const OCR: &[Knob] = &[
    knob("documents_allowed", Range::Object),
    knob("minimum_age", AGE),
    knob("maximum_age", AGE),
    knob("is_age_restrictions_enabled", Range::Boolean),
    knob("age_restrictions_by_country", Range::Object),
    knob("image_capture_methods_allowed", Range::Words(&["CAMERA_SCAN", "UPLOAD"])),
    knob("id_document_quality_threshold", PERCENT),
    knob("id_verification_name_match_score_threshold", PERCENT),
    knob("id_verification_max_retry_attempts", Range::Whole(2, 5)),
    knob("document_liveness_screen_replay_review_threshold", PERCENT),
    knob("document_liveness_screen_replay_decline_threshold", PERCENT),
    knob("document_liveness_printed_copy_review_threshold", PERCENT),
    knob("document_liveness_printed_copy_decline_threshold", PERCENT),
    knob("document_liveness_portrait_replace_review_threshold", PERCENT),
    knob("document_liveness_portrait_replace_decline_threshold", PERCENT),
    knob("document_selfie_portrait_match_review_threshold", PERCENT),
    knob("document_selfie_portrait_match_decline_threshold", PERCENT),
    knob("document_blur_fields_by_country", Range::Object),
    knob("methods", Range::Object),
    action("minimum_age_action"),
    action("maximum_age_action"),
    action("duplicated_user_action"),
    action("expected_details_mismatch_action"),
    action("expiration_date_not_detected_action"),
    action("image_quality_too_low_action"),
    action("image_too_blurry_action"),
    action("image_too_bright_action"),
    action("image_too_dark_action"),
    action("inconsistent_data_action"),
    action("invalid_code_action"),
    action("invalid_mrz_action"),
    action("invalid_validation_action"),
    action("unparsed_address_action"),
    action("critical_field_occlusion_action"),
    action("document_without_portrait_action"),
    action("document_or_personal_number_format_mismatch_action"),
    action("cross_org_fraud_document_action"),
    action("document_selfie_duplicated_face_action"),
    action("document_selfie_duplicated_face_name_mismatch_action"),
    action("document_selfie_duplicated_face_document_mismatch_action"),
];

const LIVENESS: &[Knob] = &[
    knob("face_liveness_method", Range::Word(&["PASSIVE", "FLASHING", "ACTIVE_3D"])),
    knob("face_liveness_score_review_threshold", PERCENT),
    knob("face_liveness_score_decline_threshold", PERCENT),
    knob("face_quality_review_threshold", PERCENT),
    knob("face_quality_decline_threshold", PERCENT),
    knob("face_luminance_min_threshold", PERCENT),
    knob("face_luminance_max_threshold", PERCENT),
    knob("face_liveness_max_attempts", Range::Whole(1, 3)),
    knob("face_search_enabled", Range::Boolean),
    knob("face_privacy_mode_enabled", Range::Boolean),
    knob("face_liveness_uncertain_retry_enabled", Range::Boolean),
    action("multiple_faces_action"),
    action("possible_duplicated_face_action"),
    action("duplicated_face_name_mismatch_action"),
    action("duplicated_face_document_mismatch_action"),
    action("video_anomaly_action"),
    action("frame_injection_action"),
    action("virtual_camera_action"),
    action("screen_capture_action"),
    action("external_capture_device_action"),
    action("face_luminance_min_action"),
    action("face_luminance_max_action"),
    action("cross_org_identity_claim_pattern_action"),
];

const FACE_MATCH: &[Knob] = &[
    knob("face_match_score_review_threshold", PERCENT),
    knob("face_match_score_decline_threshold", PERCENT),
    knob("face_match_max_attempts", Range::Whole(1, 3)),
    action("not_computed_action"),
    action("face_covered_action"),
    action("eyes_covered_action"),
    action("mouth_covered_action"),
];

const AGE_ESTIMATION: &[Knob] = &[
    knob("minimum_age_threshold", AGE),
    knob("borderline_minimum_age_threshold", AGE),
    knob("borderline_maximum_age_threshold", AGE),
    knob("enable_id_verification_fallback", Range::Boolean),
];

const IP_ANALYSIS: &[Knob] = &[
    knob("is_ip_geofencing_enabled", Range::Boolean),
    knob("ip_geofencing_by_country", Range::Object),
    action("vpn_detection_action"),
    action("ip_mismatch_action"),
    action("expected_ip_mismatch_action"),
    action("duplicated_ip_action"),
    action("duplicated_device_action"),
    action("recovered_device_action"),
    action("multiple_devices_action"),
    action("automation_detected_action"),
    action("device_app_tampered_action"),
    action("device_blocklist_action"),
    action("device_debugger_action"),
    action("device_emulator_action"),
    action("device_hooking_action"),
    action("device_integrity_missing_action"),
    action("device_rooted_action"),
    action("ip_geofencing_action"),
    action("ip_location_not_determined_action"),
    action("cross_org_fraud_device_action"),
    action("cross_org_fraud_ip_action"),
];

const AML: &[Knob] = &[
    knob("aml_name_weight", PERCENT),
    knob("aml_dob_weight", PERCENT),
    knob("aml_country_weight", PERCENT),
    knob("aml_match_score_threshold", PERCENT),
    knob("aml_score_approve_threshold", PERCENT),
    knob("aml_score_review_threshold", PERCENT),
    knob("aml_entity_type", Range::Word(&["person", "company"])),
    knob("aml_field_sources", Range::Object),
    knob("is_aml_ongoing_monitoring_enabled", Range::Boolean),
    knob("create_cases_on_hit", Range::Boolean),
    knob("case_blueprint", Range::Object),
    action("aml_incomplete_data_action"),
];

const NFC: &[Knob] = &[
    knob("allow_nfc_skip", Range::Boolean),
    action("skip_nfc_action"),
    action("unverified_chip_action"),
    action("trust_anchor_missing_action"),
];

const EMAIL: &[Knob] = &[
    knob("email_code_size", Range::Whole(4, 8)),
    knob("email_alphanumeric_code", Range::Boolean),
    knob("email_max_check_attempts", Range::Whole(1, 5)),
    knob("email_max_retries", Range::Whole(1, 5)),
    knob("only_corporate_emails_allowed", Range::Boolean),
    action("breached_action"),
    action("frequent_breach_action"),
    action("recent_breach_action"),
    action("disposable_action"),
    action("duplicated_action"),
    action("no_social_presence_action"),
    action("intelligence_score_action"),
    action("cross_org_fraud_action"),
];

const PHONE: &[Knob] = &[
    knob("code_size", Range::Whole(4, 8)),
    knob("phone_max_check_attempts", Range::Whole(1, 5)),
    knob("phone_max_retries", Range::Whole(1, 5)),
    knob("phone_verification_countries", Range::Object),
    knob("phone_trust_index_threshold", PERCENT),
    action("disposable_action"),
    action("duplicated_action"),
    action("voip_action"),
    action("high_risk_action"),
    action("low_trust_action"),
    action("recent_port_action"),
    action("type_risk_action"),
];

const PROOF_OF_ADDRESS: &[Knob] = &[
    knob("poa_documents_allowed", Range::List),
    knob("poa_languages_allowed", Range::List),
    knob("poa_name_match_score_threshold", PERCENT),
    knob("poa_max_retry_attempts", Range::Whole(1, 5)),
    action("document_authenticity_action"),
    action("document_issues_action"),
    action("issue_date_not_detected_action"),
    action("issuer_not_identified_action"),
    action("max_attempts_exceeded_action"),
    action("name_or_address_mismatch_action"),
    action("unparsable_or_invalid_address_action"),
    action("unsupported_document_type_action"),
    action("unsupported_language_action"),
];

const DATABASE_VALIDATION: &[Knob] = &[
    knob("database_validation_countries", Range::Object),
    knob("database_validation_field_sources", Range::Object),
    action("no_match_action"),
    action("partial_match_action"),
    action("not_applicable_action"),
];

const QUESTIONNAIRE: &[Knob] =
    &[knob("questionnaire_uuid", Range::Uuid), knob("review_questionnaire_manually", Range::Boolean)];

impl Feature {
    /// The feature that a client names; the two short names of the configuration pages are taken as well.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        match text {
            "PHONE" => Some(Self::PhoneVerification),
            "EMAIL" => Some(Self::EmailVerification),
            other => Self::parse(other),
        }
    }

    /// First part of the fields that hold what it found.
    #[must_use]
    pub fn root(self) -> &'static str {
        match self {
            Self::Ocr => "kyc",
            Self::Nfc => "nfc",
            Self::Liveness => "liveness",
            Self::FaceMatch => "face_match",
            Self::AgeEstimation => "age_estimation",
            Self::PhoneVerification => "phone",
            Self::EmailVerification => "email",
            Self::DatabaseValidation => "database_validation",
            Self::Aml => "aml",
            Self::IpAnalysis => "ip_analysis",
            Self::ProofOfAddress => "poa",
            Self::Questionnaire => "questionnaire",
            Self::DocumentAi => "document_ai",
            Self::Geolocation => "geolocation",
            Self::BankVerification => "bank",
            Self::KybRegistry => "kyb",
            Self::KybDocuments => "kyb_documents",
            Self::KybKeyPeople => "kyb_key_people",
        }
    }

    /// Its name in decisions and warnings.
    #[must_use]
    pub fn decision_name(self) -> &'static str {
        match self {
            Self::Ocr => "ID_VERIFICATION",
            Self::FaceMatch => "FACEMATCH",
            Self::PhoneVerification => "PHONE",
            Self::EmailVerification => "EMAIL",
            Self::IpAnalysis => "LOCATION",
            Self::Nfc
            | Self::Liveness
            | Self::AgeEstimation
            | Self::DatabaseValidation
            | Self::Aml
            | Self::ProofOfAddress
            | Self::Questionnaire
            | Self::DocumentAi
            | Self::Geolocation
            | Self::BankVerification
            | Self::KybRegistry
            | Self::KybDocuments
            | Self::KybKeyPeople => self.word(),
        }
    }

    /// The members that its `config` may have.
    pub fn knobs(self) -> impl Iterator<Item = &'static Knob> {
        let (own, more): (&[Knob], &[Knob]) = match self {
            Self::Ocr => (OCR, &[]),
            Self::Nfc => (NFC, &[]),
            Self::Liveness => (LIVENESS, &[]),
            Self::FaceMatch => (FACE_MATCH, &[]),
            Self::AgeEstimation => (AGE_ESTIMATION, LIVENESS),
            Self::PhoneVerification => (PHONE, &[]),
            Self::EmailVerification => (EMAIL, &[]),
            Self::DatabaseValidation => (DATABASE_VALIDATION, &[]),
            Self::Aml => (AML, &[]),
            Self::IpAnalysis => (IP_ANALYSIS, &[]),
            Self::ProofOfAddress => (PROOF_OF_ADDRESS, &[]),
            Self::Questionnaire => (QUESTIONNAIRE, &[]),
            Self::DocumentAi
            | Self::Geolocation
            | Self::BankVerification
            | Self::KybRegistry
            | Self::KybDocuments
            | Self::KybKeyPeople => (&[], &[]),
        };
        own.iter().chain(more)
    }

    /// The member of its `config` with this name.
    #[must_use]
    pub fn knob(self, name: &str) -> Option<&'static Knob> {
        self.knobs().find(|knob| knob.name == name)
    }

    /// Drops the members that it does not have; their names come back.
    pub(crate) fn keep_known(self, config: &mut Map<String, Value>) -> Vec<String> {
        let unknown: Vec<String> = config.keys().filter(|name| self.knob(name).is_none()).cloned().collect();
        unknown.iter().for_each(|name| drop(config.remove(name)));
        unknown
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(feature: Feature, name: &str, value: Value, expected: bool) {
        assert_eq!(feature.knob(name).unwrap().range.takes(&value), expected, "{feature} {name} {value}");
    }

    #[test]
    fn ranges() {
        check(Feature::Ocr, "minimum_age", json!(18), true);
        check(Feature::Ocr, "minimum_age", json!(121), false);
        check(Feature::Ocr, "minimum_age", json!(-1), false);
        check(Feature::Ocr, "minimum_age", json!("18"), false);
        check(Feature::Ocr, "id_verification_max_retry_attempts", json!(1), false);
        check(Feature::Ocr, "image_capture_methods_allowed", json!(["UPLOAD"]), true);
        check(Feature::Ocr, "image_capture_methods_allowed", json!(["FAX"]), false);
        check(Feature::Ocr, "invalid_mrz_action", json!("REVIEW"), true);
        check(Feature::Ocr, "invalid_mrz_action", json!("review"), false);
        check(Feature::Liveness, "face_liveness_method", json!("ACTIVE_3D"), true);
        check(Feature::Liveness, "face_liveness_method", json!("active_3d"), false);
        check(Feature::Liveness, "face_liveness_max_attempts", json!(4), false);
        check(Feature::AgeEstimation, "face_liveness_method", json!("PASSIVE"), true);
        check(Feature::FaceMatch, "face_match_score_review_threshold", json!(100.5), false);
        check(Feature::Questionnaire, "questionnaire_uuid", json!("7"), false);
        check(Feature::Questionnaire, "questionnaire_uuid", json!(Uuid::nil().to_string()), true);
        check(Feature::Aml, "aml_field_sources", json!([]), false);
    }

    #[test]
    fn roots_and_names_are_distinct() {
        for feature in Feature::ALL {
            assert_eq!(Feature::read(feature.word()), Some(*feature));
            assert_eq!(Feature::ALL.iter().filter(|other| other.root() == feature.root()).count(), 1, "{feature}");
            let mut names: Vec<_> = feature.knobs().map(|knob| knob.name).collect();
            let all = names.len();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), all, "{feature}");
        }
        for (above, below) in PAIRS {
            assert!(Feature::ALL.iter().any(|feature| feature.knob(above).is_some() && feature.knob(below).is_some()));
        }
    }

    #[test]
    fn unknown_members_are_dropped_by_name() {
        let mut config = json!({ "minimum_age": 18, "minimun_age_action": "DECLINE" }).as_object().unwrap().clone();
        assert_eq!(Feature::Ocr.keep_known(&mut config), ["minimun_age_action"]);
        assert_eq!(config.len(), 1);
    }
}
