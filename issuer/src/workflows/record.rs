//! The records of workflows and questionnaires: each belongs to one application.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use warifu_session::workflow::questionnaire::Questionnaire;
use warifu_session::workflow::{Draft, Kind};
use warifu_store::Stored;

use crate::kyc::workflow::Workflow;

/// A workflow: its name and which of its versions are what.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Lineage {
    /// Stable identifier, which sessions are made with.
    pub workflow_id: Uuid,
    /// Whose it is.
    pub application: Uuid,
    /// Whether sessions that name no workflow run under it.
    pub is_default: bool,
    /// The version that new sessions run under.
    pub published: Option<Uuid>,
    /// The version that is being drawn.
    pub draft: Option<Uuid>,
    /// Number of the newest version.
    pub newest: u32,
    /// When it was made.
    pub created_at: Timestamp,
}

/// One version of a workflow. Once published it never changes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Version {
    /// Identifier of this version.
    pub uuid: Uuid,
    /// The workflow.
    pub workflow_id: Uuid,
    /// Whose it is.
    pub application: Uuid,
    /// Its number, from 1.
    pub number: u32,
    /// Name for people.
    pub label: String,
    /// What it is for.
    pub kind: Kind,
    /// The graph, as it was sent.
    pub graph: Draft,
    /// The rules that it was published with; absent in a draft.
    pub rules: Option<Box<Workflow>>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was published.
    pub published_at: Option<Timestamp>,
}

/// A questionnaire.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    /// Identifier.
    pub uuid: Uuid,
    /// Whose it is.
    pub application: Uuid,
    /// Goes up with every change.
    pub version: u32,
    /// What is asked.
    pub questionnaire: Questionnaire,
    /// When it was made.
    pub created_at: Timestamp,
}

impl Stored for Lineage {
    const NAME: &'static str = "workflows";
    const INDEXES: &'static [&'static str] = &["application"];

    fn key(&self) -> String {
        self.workflow_id.to_string()
    }

    fn indexes(&self) -> Vec<(&'static str, String)> {
        vec![("application", self.application.to_string())]
    }
}

impl Stored for Version {
    const NAME: &'static str = "workflow_versions";
    const INDEXES: &'static [&'static str] = &["workflow"];

    fn key(&self) -> String {
        self.uuid.to_string()
    }

    fn indexes(&self) -> Vec<(&'static str, String)> {
        vec![("workflow", self.workflow_id.to_string())]
    }
}

impl Stored for Kept {
    const NAME: &'static str = "questionnaires";
    const INDEXES: &'static [&'static str] = &["application"];

    fn key(&self) -> String {
        self.uuid.to_string()
    }

    fn indexes(&self) -> Vec<(&'static str, String)> {
        vec![("application", self.application.to_string())]
    }
}
