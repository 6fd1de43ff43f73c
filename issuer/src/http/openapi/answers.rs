//! The answers of the doors for workflows, as the document describes them: they are put together member by member, because
//! those that are there from the start and those that were drawn differ. A test holds what is answered against them.

#![expect(dead_code, reason = "describes what is written as JSON")]

use jiff::Timestamp;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::bodies::{GraphBody, QuestionnaireBody};
use crate::workflows::Ignored;

/// One version of a workflow.
#[derive(ToSchema)]
pub(crate) struct WorkflowVersion {
    /// Identifier of the version.
    uuid: Uuid,
    /// Identifier of the workflow, the same in all versions.
    workflow_id: Uuid,
    /// Name for people.
    #[schema(example = "KYC with face match")]
    workflow_label: String,
    /// `kyc`, `biometric_authentication`, …
    #[schema(example = "kyc")]
    workflow_type: String,
    /// Counted from 1.
    version: u32,
    /// `draft` or `published`.
    #[schema(example = "published")]
    status: String,
    /// Whether it is the one of sessions that name none.
    is_default: bool,
    /// What it runs.
    features: Vec<NamedFeature>,
    /// Its graph.
    graph: Option<GraphBody>,
    /// The draft of the workflow, where there is one.
    draft: Option<Uuid>,
    /// The version that new sessions take.
    published: Option<Uuid>,
    /// US dollars; nothing is charged.
    #[schema(example = "0.00")]
    total_price: String,
    /// When it was made; absent in those that are there from the start.
    #[schema(required = false)]
    created_at: Option<Timestamp>,
    /// When it was published; absent in those that are there from the start.
    #[schema(required = false)]
    published_at: Option<Timestamp>,
    /// Only in those that are there from the start: their name.
    #[schema(required = false)]
    name: Option<String>,
}

/// A feature by its name.
#[derive(ToSchema)]
pub(crate) struct NamedFeature {
    /// `OCR`, `LIVENESS`, `FACE_MATCH`, …
    #[schema(example = "LIVENESS")]
    feature: String,
}

/// A version, and what is in the way of publishing it.
#[derive(ToSchema)]
pub(crate) struct CheckedVersion {
    #[serde(flatten)]
    version: WorkflowVersion,
    /// Whether it could be published.
    valid: bool,
    /// Everything that is in the way.
    #[schema(value_type = Vec<Object>)]
    errors: Vec<Value>,
    /// Settings that no feature has, and that are not kept.
    ignored: Vec<Ignored>,
}

/// The workflows.
#[derive(ToSchema)]
pub(crate) struct WorkflowList {
    /// How many there are.
    count: usize,
    /// Always `null`: this is all of them.
    next: Option<String>,
    /// Always `null`.
    previous: Option<String>,
    /// Oldest first.
    results: Vec<WorkflowVersion>,
}

/// A questionnaire that is kept.
#[derive(ToSchema)]
pub(crate) struct KeptQuestionnaire {
    #[serde(flatten)]
    questionnaire: QuestionnaireBody,
    /// Identifier.
    uuid: Uuid,
    /// Counted from 1.
    version: u32,
    /// When it was made.
    created_at: Timestamp,
}

/// The questionnaires.
#[derive(ToSchema)]
pub(crate) struct QuestionnaireList {
    /// How many there are.
    count: usize,
    /// Always `null`: this is all of them.
    next: Option<String>,
    /// Always `null`.
    previous: Option<String>,
    /// Oldest first.
    results: Vec<KeptQuestionnaire>,
}

/// What is wrong with a graph or a questionnaire.
#[derive(ToSchema)]
pub(crate) struct Problems {
    /// In a sentence.
    detail: String,
    /// One for each, with where it is.
    #[schema(required = false, value_type = Vec<Object>)]
    errors: Option<Vec<Value>>,
}
