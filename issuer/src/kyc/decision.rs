//! The decision of a session in the words of the v3 session API, with our own explanation beside it.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;
use warifu_models::liveness::Method;
use warifu_session::FeatureStatus;
use warifu_session::decision::{
    Decision, FaceMatch, Feature, IdVerification, LivenessCheck, LogType, Match, MatchSource, Review, SessionKind,
    Warning,
};
use warifu_store::Loaded;

use crate::kyc::check::{CheckName, Outcome, Signal};
use crate::kyc::evidence::{FoundFace, Liveness, Searched, Selfie, Taken};
use crate::kyc::media::Medium;
use crate::kyc::review;
use crate::kyc::session::OpenSession;
use crate::kyc::stage::Stage;
use crate::kyc::verdict::Cause;
use crate::kyc::workflow::{Consequence, Kind, Workflow};
use crate::workflows::course::Course;
use crate::{Error, Issuer};

/// Linear workflows have one node, called so.
pub(crate) const NODE: &str = "default";

/// A decision with what led to it.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = SessionDecision)]
pub struct Explained {
    /// The decision of the v3 API.
    #[serde(flatten)]
    pub decision: Decision,
    /// Every check with value, threshold, outcome and reason.
    pub signals: Vec<Signal>,
    /// Why it is not approved, or what an approval wants said aloud: with the setting that made it count.
    pub causes: Vec<Cause>,
    /// How the session went through the graph of its workflow, where it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub course: Option<Course>,
}

impl Explained {
    /// The decision of a session as it stands at `now`.
    pub(crate) fn of(open: &OpenSession, issuer: &Issuer, now: Timestamp) -> Self {
        let stage = &open.personal.stage;
        let workflow = &open.session.workflow;
        let verdict = stage.verdict(workflow);
        let causes = verdict.as_ref().map(|verdict| verdict.causes().to_vec()).unwrap_or_default();
        let mut decision = of(open, issuer, now);
        let course = issuer.course(open, now);
        if let (Some(course), Some(graph)) = (&course, &workflow.graph) {
            course.write_into(&mut decision, graph);
        }
        Self { decision, signals: stage.signals().to_vec(), causes, course }
    }
}

impl Issuer {
    /// Says whose the faces are that a decision names. That stands in their own sessions, so it is gone where they were
    /// erased.
    pub(crate) async fn name_matches(&self, decision: &mut Decision) -> Result<(), Error> {
        for found in decision.liveness_checks.iter_mut().flatten().flat_map(|check| &mut check.matches) {
            if let Some(Loaded { value, .. }) = self.sessions().load(&found.session_id).await? {
                found.vendor_data = value.vendor_data;
                found.status = Some(value.status);
            }
        }
        Ok(())
    }
}

/// The faces that the search found, without whose they are.
fn matches(selfie: &Selfie) -> Vec<Match> {
    let Searched::Done(found) = &selfie.searched else { return Vec::new() };
    let row = |face: &FoundFace, source| Match {
        session_id: face.session,
        session_number: face.session_number,
        similarity_percentage: hundredths(face.score),
        source,
        vendor_data: None,
        verification_date: face.at,
        status: None,
        is_blocklisted: source == MatchSource::ListEntry,
        is_allowlisted: false,
    };
    let blocked = found.blocked.iter().map(|face| row(face, MatchSource::ListEntry));
    blocked.chain(found.enrolled.iter().map(|face| row(face, MatchSource::Session))).collect()
}

/// The decision by the verdict alone.
pub(crate) fn of(open: &OpenSession, issuer: &Issuer, now: Timestamp) -> Decision {
    let session = &open.session;
    let workflow = &session.workflow;
    let stage = &open.personal.stage;
    let signals = stage.signals();
    let feature = |name: &&str| Feature {
        feature: (*name).to_owned(),
        status: review::Feature::named(name).map_or(FeatureStatus::NotStarted, |it| feature_status(open, it)),
        node_id: Some(NODE.to_owned()),
    };
    let questionnaires = open.questionnaire_rows().into_iter().map(|(node, status)| Feature {
        feature: "QUESTIONNAIRE".to_owned(),
        status,
        node_id: Some(node.to_string()),
    });
    let decided = !signals.is_empty();
    let link = |medium| issuer.media_url(open, medium, now);
    let portrait_image = stage.document().and_then(|document| document.read.portrait.as_ref());
    let portrait_image = portrait_image.filter(|portrait| !portrait.jpeg.0.is_empty()).map(|_| link(Medium::Portrait));
    let warnings = |feature: &str| {
        let of_feature =
            signals.iter().filter_map(|signal| Some((signal, signal.risk().filter(|risk| risk.0 == feature)?)));
        of_feature.map(|(signal, risk)| warning(signal, risk, workflow)).collect::<Vec<_>>()
    };
    let id_verification = stage.document().map(|document| {
        let identity = stage.identity();
        let day = now.to_zoned(TimeZone::UTC).date();
        let mrz = document.read.mrz.as_ref().map(|mrz| {
            json!({
                "mrz_type": mrz.format,
                "mrz_string": mrz.lines.join("\n"),
                "surname": identity.map(|who| &who.family_name),
                "name": identity.map(|who| &who.given_name),
                "country": identity.map(|who| &who.issuing_state),
                "nationality": identity.map(|who| &who.nationality),
                "birth_date": identity.and_then(|who| who.birth_date),
                "expiry_date": identity.and_then(|who| who.expires),
                "sex": identity.map(|who| who.sex.letter()),
                "document_number": identity.map(|who| &who.document_number),
                "errors": mrz.doubts,
            })
        });
        IdVerification {
            node_id: NODE.to_owned(),
            status: feature_status(open, review::Feature::IdVerification),
            verification_method: "document".to_owned(),
            assurance: "documentary".to_owned(),
            document_type: identity.map(|who| who.document_kind.label().to_owned()),
            document_number: identity.map(|who| who.document_number.clone()),
            personal_number: identity.and_then(|who| who.personal_number.clone()),
            first_name: identity.map(|who| who.given_name.clone()),
            last_name: identity.map(|who| who.family_name.clone()),
            full_name: identity.map(|who| who.full_name()),
            date_of_birth: identity.and_then(|who| who.birth_date),
            age: identity.and_then(|who| who.age(day)),
            place_of_birth: identity.and_then(|who| who.birth_place.clone()),
            gender: identity.map(|who| who.sex.letter().to_owned()),
            nationality: identity.map(|who| who.nationality.clone()),
            issuing_state: identity.map(|who| who.issuing_state.clone()),
            date_of_issue: None,
            expiration_date: identity.and_then(|who| who.expires),
            mrz,
            portrait_image: portrait_image.clone(),
            front_image: Some(link(Medium::Document)),
            extra_fields: std::collections::BTreeMap::new(),
            corrections: open.personal.corrections.clone(),
            warnings: warnings("ID_VERIFICATION"),
        }
    });
    let liveness = stage.selfie().map(|selfie| LivenessCheck {
        node_id: NODE.to_owned(),
        status: feature_status(open, review::Feature::Liveness),
        method: workflow.liveness_method.to_string(),
        score: match (&selfie.read.taken, selfie.read.liveness) {
            (Taken::Recorded(recorded), _) if recorded.method != Method::Passive => {
                Some(hundredths(recorded.score * 100.0))
            }
            (_, Liveness::Score(score)) => Some(hundredths(score * 100.0)),
            (_, Liveness::NotPerformed | Liveness::TooTight) => None,
        },
        reference_image: Some(link(Medium::Selfie)),
        matches: matches(&selfie.read),
        warnings: warnings("LIVENESS"),
    });
    let face_match = stage.selfie().filter(|_| decided).map(|selfie| {
        let portrait = stage.document().and_then(|document| document.read.portrait.as_ref());
        let distance = portrait
            .zip(selfie.read.face.as_ref())
            .and_then(|(portrait, face)| portrait.template.0.distance(&face.template.0).ok());
        let of_document = distance.map(|distance| f64::from(distance.score()));
        let (score, source) = match stage {
            Stage::Compared { compared, .. } => (compared.score, compared.session),
            Stage::Opened
            | Stage::DocumentRead { .. }
            | Stage::DocumentAgain { .. }
            | Stage::Complete { .. }
            | Stage::Decided { .. }
            | Stage::AwaitingCredential
            | Stage::AwaitingFace { .. } => (of_document, None),
        };
        FaceMatch {
            node_id: NODE.to_owned(),
            status: feature_status(open, review::Feature::FaceMatch),
            score: score.map(hundredths),
            source_image_session_id: source,
            source_image: portrait_image.clone(),
            target_image: Some(link(Medium::Selfie)),
            warnings: warnings("FACEMATCH"),
        }
    });
    Decision {
        session_id: session.id,
        session_kind: SessionKind::User,
        session_number: session.number,
        session_url: Some(issuer.hosted_url(&session.language, open.personal.token.expose())),
        status: session.status_at(now),
        workflow_id: workflow.id.to_string(),
        features: runs(workflow).iter().map(feature).chain(questionnaires).collect(),
        vendor_data: session.vendor_data.clone(),
        metadata: session.metadata.clone(),
        callback: session.callback.as_ref().map(ToString::to_string),
        created_at: session.created_at,
        expires_at: Some(session.expires_at),
        environment: workflow.environment.into(),
        id_verifications: id_verification.map(|item| vec![item]),
        liveness_checks: liveness.map(|item| vec![item]),
        face_matches: face_match.map(|item| vec![item]),
        expected_details: open.personal.expected.as_ref().map(|expected| json!(expected)),
        contact_details: open.personal.contact.clone(),
        nfc_skip_reason: None,
        status_override: open.personal.overridden,
        nfc_verifications: None,
        ip_analyses: None,
        aml_screenings: None,
        phone_verifications: None,
        email_verifications: None,
        poa_verifications: None,
        database_validations: None,
        questionnaire_responses: issuer.responses(open, now),
        document_ai_documents: None,
        reviews: open.personal.reviews.iter().filter_map(as_review).collect(),
        shared_from_session: None,
    }
}

pub(crate) const DOCUMENT_CHECKS: &[CheckName] = &[
    CheckName::ImageQuality,
    CheckName::DocumentFound,
    CheckName::MrzFound,
    CheckName::MrzCheckDigits,
    CheckName::MrzVisualZone,
    CheckName::DocumentExpiry,
    CheckName::DocumentIssuer,
    CheckName::MinimumAge,
    CheckName::ExpectedDetails,
    CheckName::PortraitFound,
];

const LIVENESS_CHECKS: &[CheckName] = &[
    CheckName::OneLiveFace,
    CheckName::SelfieCapture,
    CheckName::PassiveLiveness,
    CheckName::ActiveLiveness,
    CheckName::DuplicateFace,
    CheckName::BlocklistedFace,
];

/// The features that a workflow runs.
pub(crate) fn runs(workflow: &Workflow) -> &'static [&'static str] {
    match workflow.kind {
        Kind::FirstVerification => &["ID_VERIFICATION", "LIVENESS", "FACEMATCH"],
        Kind::BiometricAuthentication => &["LIVENESS", "FACEMATCH"],
    }
}

/// The checks of a feature.
fn checks_of(feature: review::Feature) -> &'static [CheckName] {
    match feature {
        review::Feature::IdVerification => DOCUMENT_CHECKS,
        review::Feature::Liveness => LIVENESS_CHECKS,
        review::Feature::FaceMatch => &[CheckName::FaceMatch],
    }
}

/// The feature that a check belongs to.
pub(crate) fn feature_of(check: CheckName) -> review::Feature {
    use review::Feature::{FaceMatch, IdVerification, Liveness};
    let all = [IdVerification, Liveness, FaceMatch];
    all.into_iter().find(|feature| checks_of(*feature).contains(&check)).unwrap_or(IdVerification)
}

/// What a feature is: a reviewer's word where there is one, else what its checks came to.
pub(crate) fn feature_status(open: &OpenSession, feature: review::Feature) -> FeatureStatus {
    let ruled = open.personal.rulings.iter().find(|ruling| ruling.feature == feature);
    let stage = &open.personal.stage;
    ruled.map_or_else(
        || status_by_checks(checks_of(feature), stage.signals(), &open.session.workflow),
        |ruling| ruling.status,
    )
}

/// A value of the document as it was read, by its name in a decision.
pub(crate) fn read_value(open: &OpenSession, name: &str) -> Option<String> {
    let who = open.personal.stage.identity()?;
    match name {
        "document_type" => Some(who.document_kind.label().to_owned()),
        "document_number" => Some(who.document_number.clone()),
        "personal_number" => who.personal_number.clone(),
        "first_name" => Some(who.given_name.clone()),
        "last_name" => Some(who.family_name.clone()),
        "date_of_birth" => who.birth_date.map(|date| date.to_string()),
        "expiration_date" => who.expires.map(|date| date.to_string()),
        "issuing_state" => Some(who.issuing_state.clone()),
        "nationality" => Some(who.nationality.clone()),
        "gender" => Some(who.sex.letter().to_owned()),
        "place_of_birth" => who.birth_place.clone(),
        _ => None,
    }
}

fn as_review(entry: &review::Activity) -> Option<Review> {
    (entry.activity_type == review::ActivityType::StatusUpdated).then(|| Review {
        user: entry.actor_name.clone(),
        new_status: entry.new_status,
        comment: entry.comment.clone(),
        created_at: entry.created_at,
    })
}

/// The gravest consequence of a feature's checks. Liveness that was not performed never counts as approved.
pub(crate) fn status_by_checks(checks: &[CheckName], signals: &[Signal], workflow: &Workflow) -> FeatureStatus {
    let of_feature: Vec<&Signal> = signals.iter().filter(|signal| checks.contains(&signal.name)).collect();
    if of_feature.is_empty() {
        return FeatureStatus::NotFinished;
    }
    let gravest = of_feature.iter().map(|signal| workflow.consequence(signal.name, signal.outcome).0).max();
    // A challenge that was met stands for itself.
    let unperformed =
        of_feature.iter().any(|signal| signal.name == CheckName::PassiveLiveness && signal.outcome == Outcome::NotRun)
            && !of_feature.iter().any(|signal| signal.name == CheckName::ActiveLiveness);
    match gravest {
        Some(Consequence::Decline) => FeatureStatus::Declined,
        Some(Consequence::Review) => FeatureStatus::InReview,
        Some(Consequence::Accept | Consequence::Warn) | None if unperformed => FeatureStatus::NotFinished,
        Some(Consequence::Accept | Consequence::Warn) | None => FeatureStatus::Approved,
    }
}

fn warning(signal: &Signal, (feature, risk): (&'static str, &'static str), workflow: &Workflow) -> Warning {
    let (consequence, knob) = workflow.consequence(signal.name, signal.outcome);
    Warning {
        feature: feature.to_owned(),
        risk: risk.to_owned(),
        additional_data: Some(json!({ "value": signal.value, "threshold": signal.threshold, "setting": knob })),
        log_type: match consequence {
            Consequence::Decline => LogType::Error,
            Consequence::Review => LogType::Warning,
            Consequence::Accept | Consequence::Warn => LogType::Information,
        },
        short_description: signal.name.to_string(),
        long_description: signal.reason.clone(),
        node_id: Some(NODE.to_owned()),
    }
}

/// Rounded to two decimals, so that it prints the same everywhere.
fn hundredths(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}
