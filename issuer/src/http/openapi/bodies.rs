//! The bodies of requests, as the document describes them. The doors read them member by member; that they read the examples
//! below is tested.

#![expect(dead_code, reason = "describes what is read from JSON")]

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use uuid::Uuid;
use warifu_session::FeatureStatus;
use warifu_session::share::Scope;

use crate::kyc::review::Feature;

/// A session to be made.
#[derive(ToSchema)]
#[schema(example = json!({
    "workflow_id": "4b1f7a52-0c57-4d0e-9a3c-1b2f6f0a7e11", "vendor_data": "user-1042",
    "callback": "https://app.example/verified", "metadata": { "plan": "basic" }, "language": "en",
    "expected_details": { "first_name": "Anna Maria", "last_name": "Eriksson", "date_of_birth": "1974-08-12" }
}))]
pub(crate) struct NewSession {
    /// The workflow; the default one when absent.
    #[schema(required = false)]
    workflow_id: Option<Uuid>,
    /// Your own identifier of the person, 1 to 256 characters. An unfinished session of the same person is given back.
    #[schema(required = false, max_length = 256)]
    vendor_data: Option<String>,
    /// Where the person is sent at the end, with `verificationSessionId` and `status` in the query.
    #[schema(required = false, format = Uri)]
    callback: Option<String>,
    /// Which device of two is sent back: `initiator`, `completer` or `both`.
    #[schema(required = false, default = "initiator")]
    callback_method: Option<String>,
    /// Any JSON of at most 16 KiB, given back with the session.
    #[schema(required = false)]
    metadata: Option<Value>,
    /// Language of the hosted pages, such as `ja`; the browser's when absent.
    #[schema(required = false)]
    language: Option<String>,
    /// Where you reach the person. Kept for you; nothing is sent.
    #[schema(required = false)]
    contact_details: Option<ContactDetails>,
    /// What the document should say.
    #[schema(required = false)]
    expected_details: Option<ExpectedDetails>,
    /// A JPEG in base64, to compare the selfie of a reuse session with.
    #[schema(required = false)]
    portrait_image: Option<String>,
    /// Whose face a reuse session compares with: `kept_face` or `presented_credential`.
    #[schema(required = false, default = "kept_face")]
    reference_source: Option<String>,
    /// Sandbox only: what the session will come to.
    #[schema(required = false, example = "approved")]
    sandbox_scenario: Option<String>,
}

/// Where the client reaches the person.
#[derive(ToSchema)]
pub(crate) struct ContactDetails {
    /// E-mail address.
    email: Option<String>,
    /// Telephone number, E.164.
    phone: Option<String>,
}

/// What the document should say.
#[derive(ToSchema)]
pub(crate) struct ExpectedDetails {
    /// Given names.
    first_name: Option<String>,
    /// Surname.
    last_name: Option<String>,
    /// Date of birth.
    date_of_birth: Option<Date>,
    /// `M` or `F`.
    gender: Option<String>,
    /// Nationality, ISO 3166-1 alpha-3.
    nationality: Option<String>,
    /// Issuing state of the document, ISO 3166-1 alpha-3.
    id_country: Option<String>,
    /// Number of the document or of the person.
    identification_number: Option<String>,
}

/// How a session is to be erased. The body may be absent.
#[derive(ToSchema)]
#[schema(example = json!({ "deletion_instruction": "privacy_erasure" }))]
pub(crate) struct Deletion {
    /// Only `false`: faces are not kept beyond their session.
    retain_face_embeddings: Option<bool>,
    /// Taken and without effect, 1 to 3650.
    #[schema(minimum = 1, maximum = 3650)]
    face_retention_days: Option<u16>,
    /// `operational_session_delete` or `privacy_erasure`; both erase everything.
    deletion_instruction: Option<String>,
}

/// Which sessions are to be erased: some, or all.
#[derive(ToSchema)]
#[schema(example = json!({ "session_numbers": [101, 102] }))]
pub(crate) struct Deletions {
    /// At most 1000 numbers; those that nobody has are passed over.
    #[schema(required = false)]
    session_numbers: Option<Vec<u64>>,
    /// All of them, at most 1000 in one call.
    #[schema(required = false)]
    delete_all: Option<bool>,
}

/// A status that a reviewer gives.
#[derive(ToSchema)]
#[schema(example = json!({ "new_status": "Resubmitted", "comment": "The lower edge is cut off.",
    "nodes_to_resubmit": [{ "node_id": "default", "feature": "ID_VERIFICATION" }] }))]
pub(crate) struct StatusUpdate {
    /// `Approved`, `Declined` or `Resubmitted`.
    new_status: String,
    /// Why, at most 2000 characters.
    #[schema(required = false, max_length = 2000)]
    comment: Option<String>,
    /// Steps to be repeated; the first one that is not approved when absent.
    #[schema(required = false)]
    nodes_to_resubmit: Option<Vec<NodeToRepeat>>,
    /// Only `false`: no mail is sent from here.
    #[schema(required = false)]
    send_email: Option<bool>,
}

/// A step to be repeated.
#[derive(ToSchema)]
pub(crate) struct NodeToRepeat {
    /// Node of the workflow.
    node_id: Option<String>,
    /// Its feature.
    feature: Option<Feature>,
    /// What the person reads: one line of at most 500 characters.
    #[schema(required = false, max_length = 500)]
    reason: Option<String>,
}

/// A reviewer's word on one feature.
#[derive(ToSchema)]
#[schema(example = json!({ "new_status": "Approved", "comment": "Seen in a video call." }))]
pub(crate) struct FeatureUpdate {
    /// `Approved`, `Declined` or `In Review`.
    new_status: FeatureStatus,
    /// Which, where the path says `default`.
    #[schema(required = false)]
    feature: Option<Feature>,
    /// Why, at most 2000 characters.
    #[schema(required = false, max_length = 2000)]
    comment: Option<String>,
}

/// Values that a reviewer corrects, by their name in the decision; what was read stays beside them.
#[derive(ToSchema)]
#[schema(example = json!({ "last_name": "Eriksson", "date_of_birth": "1974-08-12" }))]
pub(crate) struct DataUpdate {
    /// `Passport`, `Identity Card`, …
    document_type: Option<String>,
    /// Number of the document.
    document_number: Option<String>,
    /// Number of the person.
    personal_number: Option<String>,
    /// Given names.
    first_name: Option<String>,
    /// Surname.
    last_name: Option<String>,
    /// Date of birth.
    date_of_birth: Option<Date>,
    /// Date of expiry.
    expiration_date: Option<Date>,
    /// Issuing state, ISO 3166-1 alpha-3.
    issuing_state: Option<String>,
    /// Nationality, ISO 3166-1 alpha-3.
    nationality: Option<String>,
    /// `M`, `F` or `U`.
    gender: Option<String>,
    /// Place of birth.
    place_of_birth: Option<String>,
}

/// A note.
#[derive(ToSchema)]
#[schema(example = json!({ "comment": "Asked the person for a better picture." }))]
pub(crate) struct Note {
    /// At most 2000 characters.
    #[schema(max_length = 2000)]
    comment: String,
    /// A status that the note speaks of. It changes nothing.
    #[schema(required = false)]
    new_status: Option<String>,
}

/// What a sandbox session is to come to.
#[derive(ToSchema)]
#[schema(example = json!({ "scenario": "document_expired" }))]
pub(crate) struct Armed {
    /// `approved`, `document_expired`, `data_inconsistent`, `mrz_invalid`, `face_mismatch`, `face_uncertain`, `liveness_attack`,
    /// `blocklisted_face` or `duplicated_face`.
    scenario: String,
}

/// Who is to receive a session. The first spelling that is there counts.
#[derive(ToSchema)]
#[schema(example = json!({ "audience": "bank-b", "expires_in": 900, "purpose": "Opening an account", "scope": ["kyc"] }))]
pub(crate) struct ShareBody {
    /// Who may import: audience identifier in the trusted list.
    #[schema(required = false)]
    audience: Option<String>,
    /// The same, as later versions spell it.
    #[schema(required = false)]
    for_application_id: Option<String>,
    /// The same, as others spell it.
    #[schema(required = false)]
    partner_client_id: Option<String>,
    /// Life of the token in seconds; 900 when absent, and 3600 with `for_application_id`.
    #[schema(required = false, minimum = 60, maximum = 86400)]
    expires_in: Option<u32>,
    /// The same, as later versions spell it.
    #[schema(required = false, minimum = 60, maximum = 86400)]
    ttl_in_seconds: Option<u32>,
    /// What for; it must be what the person consented to. The newest consent's when absent.
    #[schema(required = false)]
    purpose: Option<String>,
    /// What of it; all that was consented to when absent.
    #[schema(required = false)]
    scope: Option<Vec<Scope>>,
}

/// Why. The body may be absent.
#[derive(ToSchema)]
#[schema(example = json!({ "reason": "case 2026-114" }))]
pub(crate) struct Reason {
    /// Never a name: it is kept in the audit log.
    reason: Option<String>,
}

/// When the relationship ended.
#[derive(ToSchema)]
#[schema(example = json!({ "ended_at": "2026-11-22T10:00:00Z" }))]
pub(crate) struct Ending {
    /// Now when absent; `null` says that it goes on.
    #[schema(required = false)]
    ended_at: Option<Timestamp>,
}

/// An application to be made.
#[derive(ToSchema)]
#[schema(example = json!({ "name": "Bank A", "environment": "live" }))]
pub(crate) struct NewApplication {
    /// Name for people.
    name: String,
    /// `live` or `sandbox`.
    #[schema(required = false, default = "live")]
    environment: Option<String>,
}

/// Whose pages may embed the sessions of an application.
#[derive(ToSchema)]
#[schema(example = json!({ "embed_origins": ["https://bank.example"] }))]
pub(crate) struct Embedding {
    /// Origins, such as `https://bank.example`; none when empty.
    embed_origins: Vec<String>,
}

/// A face to be put on the blocklist.
#[derive(ToSchema)]
#[schema(example = json!({ "session_id": "0b1c6b52-8f0d-4a53-8f86-4e2a5f1c9d10", "blocklist_face": true }))]
pub(crate) struct Block {
    /// The session whose selfie it is.
    session_id: Uuid,
    /// Must be `true`.
    blocklist_face: bool,
}

/// A face to be taken off the blocklist.
#[derive(ToSchema)]
#[schema(example = json!({ "session_id": "0b1c6b52-8f0d-4a53-8f86-4e2a5f1c9d10", "unblock_face": true }))]
pub(crate) struct Unblock {
    /// The session whose selfie it is.
    session_id: Uuid,
    /// Must be `true`.
    unblock_face: bool,
}

/// A destination of webhooks to be made.
#[derive(ToSchema)]
#[schema(example = json!({ "label": "Backend", "url": "https://app.example/webhooks", "webhook_version": "v3",
    "subscribed_events": ["status.updated", "data.updated"] }))]
pub(crate) struct NewDestination {
    /// Name for people.
    #[schema(required = false)]
    label: Option<String>,
    /// Where to: https, and no private address.
    #[schema(format = Uri)]
    url: String,
    /// Whether anything is sent there.
    #[schema(required = false, default = true)]
    enabled: Option<bool>,
    /// Shape of the decision: `v1`, `v2` or `v3`.
    #[schema(required = false, default = "v3")]
    webhook_version: Option<String>,
    /// What it is told of.
    subscribed_events: Vec<String>,
}

/// What of a destination is to be different; what is absent stays.
#[derive(ToSchema)]
#[schema(example = json!({ "enabled": false }))]
pub(crate) struct DestinationChange {
    /// Name for people.
    label: Option<String>,
    /// Where to.
    #[schema(format = Uri)]
    url: Option<String>,
    /// Whether anything is sent there.
    enabled: Option<bool>,
    /// Shape of the decision: `v1`, `v2` or `v3`.
    webhook_version: Option<String>,
    /// What it is told of.
    subscribed_events: Option<Vec<String>>,
    /// A fresh secret in place of the one before, shown in the answer.
    rotate_secret_key: Option<bool>,
}

/// An event to be tried out. The body may be absent.
#[derive(ToSchema)]
#[schema(example = json!({ "event_type": "status.updated" }))]
pub(crate) struct Trial {
    /// Which.
    #[schema(default = "status.updated")]
    event_type: Option<String>,
}

/// The one destination of the older API.
#[derive(ToSchema)]
#[schema(example = json!({ "webhook_url": "https://app.example/webhook", "webhook_version": "v3" }))]
pub(crate) struct SingleDestination {
    /// Where to; empty or `null` removes it.
    webhook_url: Option<String>,
    /// Shape of the decision: `v1`, `v2` or `v3`.
    webhook_version: Option<String>,
    /// A fresh secret.
    rotate_secret_key: Option<bool>,
    /// Only `both`.
    capture_method: Option<String>,
}

/// A workflow, as a graph, as a list of features, or by the older switches `is_…_enabled`.
#[derive(ToSchema)]
#[schema(example = json!({ "workflow_label": "KYC with face match",
    "features": [{ "feature": "OCR" }, { "feature": "LIVENESS" }, { "feature": "FACE_MATCH" }], "status": "draft" }))]
pub(crate) struct WorkflowBody {
    /// Name for people, at most 50 characters.
    #[schema(required = false, max_length = 50)]
    workflow_label: Option<String>,
    /// `kyc`, `biometric_authentication`, …
    #[schema(required = false, default = "kyc")]
    workflow_type: Option<String>,
    /// Its nodes, and where it starts.
    #[schema(required = false)]
    graph: Option<GraphBody>,
    /// Features in their order, in place of a graph.
    #[schema(required = false)]
    features: Option<Vec<FeatureBody>>,
    /// `draft` or `published`.
    #[schema(required = false, default = "published")]
    status: Option<String>,
    /// Whether it is the one of sessions that name none.
    #[schema(required = false)]
    is_default: Option<bool>,
}

/// A graph: nodes by name, and where it starts.
#[derive(ToSchema)]
#[schema(example = json!({ "start_node": "n1", "nodes": {
    "n1": { "node_type": "feature", "feature": "OCR", "config": {}, "next": "n2" },
    "n2": { "node_type": "feature", "feature": "LIVENESS", "config": {}, "next": "n3" },
    "n3": { "node_type": "feature", "feature": "FACE_MATCH", "config": {}, "next": "end" },
    "end": { "node_type": "status", "session_status": "Determine" } } }))]
pub(crate) struct GraphBody {
    /// Name of the first node, which is a feature.
    start_node: String,
    /// Nodes by name: `feature`, `branch`, `action`, `webhook`, `status`.
    nodes: BTreeMap<String, Value>,
}

/// One feature of a list.
#[derive(ToSchema)]
pub(crate) struct FeatureBody {
    /// `OCR`, `LIVENESS`, `FACE_MATCH`, …
    #[schema(example = "LIVENESS")]
    feature: String,
    /// Its settings.
    #[schema(required = false, value_type = Object)]
    config: Option<Map<String, Value>>,
    /// Name for people.
    #[schema(required = false)]
    label: Option<String>,
}

/// Edits of a draft.
#[derive(ToSchema)]
#[schema(example = json!({ "operations": [{ "op": "set_next", "node_id": "n1", "next": "n3" }] }))]
pub(crate) struct Edits {
    /// `set_node`, `remove_node`, `set_next`, `set_branches`, `set_start` or `merge_node_config` in `op`, with what it needs.
    #[schema(value_type = Vec<Object>)]
    operations: Vec<Value>,
}

/// A questionnaire.
#[derive(ToSchema)]
#[schema(example = json!({ "title": { "en": "Occupation" }, "default_language": "en", "languages": ["en"], "form_elements": [
    { "id": "job", "element_type": "SHORT_TEXT", "title": { "en": "What do you do?" }, "is_required": true } ] }))]
pub(crate) struct QuestionnaireBody {
    /// Name for people, by language.
    title: BTreeMap<String, String>,
    /// What it is for, by language.
    #[schema(required = false)]
    description: Option<BTreeMap<String, String>>,
    /// Language of texts that another one lacks.
    default_language: String,
    /// Its languages.
    languages: Vec<String>,
    /// Questions in their order.
    #[schema(value_type = Vec<Object>)]
    form_elements: Vec<Value>,
}
