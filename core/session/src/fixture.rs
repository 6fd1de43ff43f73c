//! A partner, an issuer, a holder and a decision with seeded keys, for the tests of this crate.

use jiff::Timestamp;
use uuid::Uuid;
use warifu_keys::entropy::Seeded;
use warifu_keys::jwe::AgreementKey;
use warifu_keys::x509::issue::{Authority, Period, Request, Subject};
use warifu_keys::x509::{Certificate, Purpose};
use warifu_keys::{Secret, Signer as _, SigningKey};

use crate::consent::{Given, Party, Receipt, UserPid};
use crate::decision::{
    Decision, Environment, FaceMatch, Feature, IdVerification, LivenessCheck, Match, MatchSource, SessionKind,
};
use crate::share::{Life, NewShare, Scope, holder_issuer};
use crate::status::{FeatureStatus, Status};

pub(crate) const NOW: &str = "2026-11-23T00:00:00Z";
pub(crate) const AUDIENCE: &str = "partner-b";

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub(crate) fn after(seconds: i64) -> Timestamp {
    Timestamp::from_second(at(NOW).as_second() + seconds).unwrap()
}

pub(crate) fn holder() -> SigningKey {
    SigningKey::generate_p256(&Seeded::dangerous_new("holder"))
}

pub(crate) fn partner() -> AgreementKey {
    AgreementKey::generate(&Seeded::dangerous_new("partner"))
}

pub(crate) fn user_pid() -> UserPid {
    UserPid::derive(&Secret::new(vec![7; 32]), "", AUDIENCE)
}

/// An issuer's authority, its document signer's chain and key.
pub(crate) fn issuer(seed: &str) -> (Authority, Vec<Certificate>, SigningKey) {
    let entropy = Seeded::dangerous_new(seed);
    let subject = |name: &str| Subject { common_name: name.to_owned(), organization: None, country: "UT".to_owned() };
    let period = Period::days(at("2026-11-22T00:00:00Z"), 400);
    let key = SigningKey::generate_p256(&entropy);
    let authority = Authority::self_signed(&subject("IACA"), key, period, "https://issuer.example", &entropy).unwrap();
    let key = SigningKey::generate_p256(&entropy);
    let request = Request {
        subject: subject("DS"),
        public_key: &key.public_key(),
        period,
        purpose: Purpose::DocumentSigner,
        dns_names: Vec::new(),
        uris: Vec::new(),
    };
    let chain = vec![authority.issue(&request, &entropy).unwrap()];
    (authority, chain, key)
}

pub(crate) fn receipt() -> Receipt {
    Receipt::given(
        Given {
            id: Uuid::from_u128(1),
            user_pid: user_pid(),
            purpose: "onboarding".to_owned(),
            claims: ["given_name", "family_name", "address.country"].map(|name| name.parse().unwrap()).to_vec(),
            recipient: Party {
                party_id: AUDIENCE.to_owned(),
                party_address: "1 Example Street, Utopia".to_owned(),
                party_name: "Bank B".to_owned(),
                party_contact: "mailto:contact@partner-b.example".to_owned(),
                party_type: "PII controller".to_owned(),
            },
            privacy_notice: "https://partner-b.example/privacy".to_owned(),
            language: "en".to_owned(),
            retention_period: "P5Y".to_owned(),
            jurisdiction: "EU".to_owned(),
            withdrawal_method: "https://partner-b.example/withdraw".to_owned(),
            validity_seconds: 86_400,
        },
        at(NOW),
    )
}

pub(crate) fn new_share(issuer: &str) -> NewShare {
    NewShare {
        issuer: issuer.to_owned(),
        audience: AUDIENCE.to_owned(),
        session_kind: SessionKind::User,
        purpose: "onboarding".to_owned(),
        scope: vec![Scope::Kyc],
        user_pid: user_pid(),
        life: Life::default(),
    }
}

pub(crate) fn holder_share() -> NewShare {
    new_share(&holder_issuer(&holder().public_key()))
}

pub(crate) fn decision() -> Decision {
    let feature = |name: &str| Feature { feature: name.to_owned(), status: FeatureStatus::Approved, node_id: None };
    Decision {
        session_id: Uuid::from_u128(42),
        session_kind: SessionKind::User,
        session_number: 12,
        session_url: Some("https://issuer.example/s/42".to_owned()),
        status: Status::Approved,
        workflow_id: "kyc".to_owned(),
        features: vec![feature("ID_VERIFICATION"), feature("LIVENESS"), feature("FACEMATCH"), feature("AML")],
        vendor_data: Some("u-7".to_owned()),
        metadata: Some(serde_json::json!({"a": 1})),
        callback: Some("https://client.example".to_owned()),
        created_at: at(NOW),
        expires_at: None,
        environment: Environment::Sandbox,
        id_verifications: Some(vec![IdVerification {
            node_id: "document".to_owned(),
            status: FeatureStatus::Approved,
            verification_method: "document".to_owned(),
            assurance: "documentary".to_owned(),
            document_type: Some("Passport".to_owned()),
            document_number: Some("UT1234567".to_owned()),
            personal_number: None,
            first_name: Some("Erika".to_owned()),
            last_name: Some("Mustermann".to_owned()),
            full_name: Some("Erika Mustermann".to_owned()),
            date_of_birth: Some("1984-01-26".parse().unwrap()),
            place_of_birth: None,
            age: Some(42),
            gender: Some("F".to_owned()),
            nationality: Some("UTO".to_owned()),
            issuing_state: Some("UTO".to_owned()),
            date_of_issue: None,
            expiration_date: Some("2031-01-01".parse().unwrap()),
            mrz: None,
            portrait_image: Some("https://issuer.example/p".to_owned()),
            front_image: Some("https://issuer.example/f".to_owned()),
            extra_fields: Default::default(),
            corrections: std::collections::BTreeMap::new(),
            warnings: Vec::new(),
        }]),
        liveness_checks: Some(vec![LivenessCheck {
            node_id: "selfie".to_owned(),
            status: FeatureStatus::Approved,
            method: "PASSIVE".to_owned(),
            score: Some(97.5),
            reference_image: Some("https://issuer.example/r".to_owned()),
            matches: vec![Match {
                session_id: Uuid::from_u128(77),
                session_number: 7,
                similarity_percentage: 96.5,
                source: MatchSource::Session,
                vendor_data: Some("another customer".to_owned()),
                verification_date: "2026-01-01T00:00:00Z".parse().unwrap_or(Timestamp::UNIX_EPOCH),
                status: Some(Status::Approved),
                is_blocklisted: false,
                is_allowlisted: false,
            }],
            warnings: Vec::new(),
        }]),
        face_matches: Some(vec![FaceMatch {
            node_id: "match".to_owned(),
            status: FeatureStatus::Approved,
            score: Some(88.25),
            source_image_session_id: Some(Uuid::from_u128(77)),
            source_image: Some("https://issuer.example/p".to_owned()),
            target_image: Some("https://issuer.example/r".to_owned()),
            warnings: Vec::new(),
        }]),
        reviews: Vec::new(),
        shared_from_session: None,
        expected_details: Some(serde_json::json!({ "first_name": "https://expected" })),
        contact_details: Some(serde_json::json!({ "email": "https://contact" })),
        nfc_skip_reason: None,
        status_override: None,
        nfc_verifications: None,
        ip_analyses: None,
        aml_screenings: None,
        phone_verifications: None,
        email_verifications: None,
        poa_verifications: None,
        database_validations: None,
        questionnaire_responses: None,
        document_ai_documents: None,
    }
}
