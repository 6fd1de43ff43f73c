//! What an event says.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::canonical::portable;
use super::singular::singular;
use crate::consent::UserPid;
use crate::decision::{Environment, SessionKind};
use crate::status::Status;

/// A text that names no type of event, cut to 40 characters.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no type of event")]
pub struct NotAnEventType(String);

/// Types of events that a destination may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum EventType {
    /// The status of a session changed.
    StatusUpdated,
    /// A reviewer changed data of a session.
    DataUpdated,
    /// The status of a person changed.
    UserStatusUpdated,
    /// Data of a person changed.
    UserDataUpdated,
    /// The status of a company changed.
    BusinessStatusUpdated,
    /// Data of a company changed.
    BusinessDataUpdated,
    /// Something was noted in the feed of a session.
    ActivityCreated,
    /// A transaction was handed in.
    TransactionCreated,
    /// The status of a transaction changed.
    TransactionStatusUpdated,
    /// The travel rule status of a transaction changed.
    TravelRuleStatusUpdated,
    /// A person took a consent to share back. An addition of ours.
    ConsentWithdrawn,
}

impl EventType {
    /// All of them. There is no word for all: a destination names what it wants.
    pub const ALL: [Self; 11] = [
        Self::StatusUpdated,
        Self::DataUpdated,
        Self::UserStatusUpdated,
        Self::UserDataUpdated,
        Self::BusinessStatusUpdated,
        Self::BusinessDataUpdated,
        Self::ActivityCreated,
        Self::TransactionCreated,
        Self::TransactionStatusUpdated,
        Self::TravelRuleStatusUpdated,
        Self::ConsentWithdrawn,
    ];

    /// The word on the wire.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::StatusUpdated => "status.updated",
            Self::DataUpdated => "data.updated",
            Self::UserStatusUpdated => "user.status.updated",
            Self::UserDataUpdated => "user.data.updated",
            Self::BusinessStatusUpdated => "business.status.updated",
            Self::BusinessDataUpdated => "business.data.updated",
            Self::ActivityCreated => "activity.created",
            Self::TransactionCreated => "transaction.created",
            Self::TransactionStatusUpdated => "transaction.status.updated",
            Self::TravelRuleStatusUpdated => "travel_rule.status.updated",
            Self::ConsentWithdrawn => "consent.withdrawn",
        }
    }
}

impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for EventType {
    type Err = NotAnEventType;

    fn from_str(text: &str) -> Result<Self, NotAnEventType> {
        let found = Self::ALL.into_iter().find(|kind| kind.word() == text);
        found.ok_or_else(|| NotAnEventType(text.chars().take(40).collect()))
    }
}

impl TryFrom<String> for EventType {
    type Error = NotAnEventType;

    fn try_from(text: String) -> Result<Self, NotAnEventType> {
        text.parse()
    }
}

impl From<EventType> for String {
    fn from(kind: EventType) -> Self {
        kind.word().to_owned()
    }
}

/// In which generation's shape a destination wants the decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Version {
    /// As `v2`: what is published of the first generation does not say how it differed.
    V1,
    /// One object per feature, under its singular name.
    V2,
    /// One array per feature, under its plural name.
    #[default]
    V3,
}

impl Version {
    /// The word on the wire.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::V1 => "v1",
            Self::V2 => "v2",
            Self::V3 => "v3",
        }
    }

    /// The version of this word, `None` for any other.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::V1, Self::V2, Self::V3].into_iter().find(|version| version.word() == word)
    }
}

/// What a person is asked to repeat.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ResubmitInfo {
    /// The nodes of the workflow. Their names should be [portable](super::is_portable_name).
    pub nodes_to_resubmit: Vec<String>,
    /// Why, by node.
    pub reasons: BTreeMap<String, String>,
}

/// Whether an event of this status carries the decision.
#[must_use]
pub fn carries_decision(status: Status) -> bool {
    match status {
        Status::Approved | Status::Declined | Status::InReview | Status::Abandoned => true,
        Status::NotStarted
        | Status::InProgress
        | Status::AwaitingUser
        | Status::Resubmitted
        | Status::Expired
        | Status::KycExpired => false,
    }
}

/// One event of a session, without the time of its sending.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// The same for every attempt and every destination: what receivers know an event again by.
    pub event_id: Uuid,
    /// What happened.
    pub webhook_type: EventType,
    /// When it happened, in seconds since 1970.
    pub created_at: i64,
    /// Whose session it is.
    pub application_id: Uuid,
    /// Live or sandbox.
    pub environment: Environment,
    /// The session.
    pub session_id: Uuid,
    /// Person or company.
    pub session_kind: SessionKind,
    /// Status of the session once this had happened.
    pub status: Status,
    /// The webhook node of the workflow that sent this; absent for everything else. An addition of ours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node_id: Option<String>,
    /// Its workflow.
    pub workflow_id: Uuid,
    /// Version of its workflow.
    pub workflow_version: u32,
    /// Grows by one from event to event of the session: whoever sees a smaller number after a larger one knows that it
    /// comes late. An addition of ours.
    pub sequence: u64,
    /// The client's own identifier of the person; `null` once their data were erased.
    pub vendor_data: Option<String>,
    /// The client's own data, as they came; `null` once the person's data were erased.
    pub metadata: Option<Value>,
    /// The decision, where [`carries_decision`] says so; absent once the person's data were erased.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<Value>,
    /// What is to be repeated, for `Resubmitted`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resubmit_info: Option<ResubmitInfo>,
    /// What was taken back, for [`EventType::ConsentWithdrawn`]. It says nothing of the person but their name towards the
    /// recipient, so it is told even after everything else was erased.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consent: Option<WithdrawnConsent>,
}

/// A consent to share that the person took back: nothing more may be shared under it, and the recipient is to be told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WithdrawnConsent {
    /// Identifiers of the receipts.
    pub consent_ids: Vec<Uuid>,
    /// Who was allowed to receive: audience identifier in the trusted list.
    pub audience: String,
    /// The person towards that audience.
    pub user_pid: UserPid,
    /// What for.
    pub purpose: String,
    /// When it was taken back.
    pub withdrawn_at: Timestamp,
}

impl Event {
    /// The event with its decision in the shape that `version` has. The decision must be a `v3` one.
    #[must_use]
    pub fn shaped(mut self, version: Version) -> Self {
        match version {
            Version::V1 | Version::V2 => self.decision = self.decision.map(singular),
            Version::V3 => {}
        }
        self
    }

    /// The body of an attempt at `timestamp`, in seconds since 1970. All numbers but those of the client's own `metadata`
    /// are [`portable`].
    #[must_use]
    pub fn at(&self, timestamp: i64) -> Map<String, Value> {
        // Members are texts, numbers and maps with text keys: this can not fail.
        let value = serde_json::to_value(self).unwrap_or_default();
        let Value::Object(mut body) = value else { return Map::new() };
        body.insert("timestamp".to_owned(), timestamp.into());
        if let Some(decision) = body.remove("decision") {
            body.insert("decision".to_owned(), portable_decision(decision));
        }
        body
    }
}

/// A decision in portable numbers, its `metadata` untouched.
fn portable_decision(mut decision: Value) -> Value {
    let metadata = decision.as_object_mut().and_then(|members| members.remove("metadata"));
    let mut decision = portable(decision);
    if let (Some(members), Some(metadata)) = (decision.as_object_mut(), metadata) {
        members.insert("metadata".to_owned(), metadata);
    }
    decision
}

#[cfg(test)]
pub(super) mod tests {
    use serde_json::json;

    use super::super::canonical::{Text, canonical, is_portable_name};
    use super::*;
    use crate::fixture;

    pub(crate) fn event() -> Event {
        Event {
            event_id: Uuid::from_u128(1),
            webhook_type: EventType::StatusUpdated,
            created_at: 1_794_999_990,
            application_id: Uuid::from_u128(2),
            environment: Environment::Sandbox,
            session_id: Uuid::from_u128(3),
            session_kind: SessionKind::User,
            status: Status::Approved,
            node_id: None,
            workflow_id: Uuid::from_u128(4),
            workflow_version: 2,
            sequence: 3,
            vendor_data: Some("u-7".to_owned()),
            metadata: Some(json!({ "9": 1e-7, "10": 1.5 })),
            decision: Some(serde_json::to_value(fixture::decision()).unwrap()),
            resubmit_info: None,
            consent: None,
        }
    }

    #[test]
    fn words_are_exact() {
        for kind in EventType::ALL {
            assert_eq!(kind.word().parse(), Ok(kind));
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.word());
        }
        for other in ["*", "", "Status.Updated", "session.updated"] {
            assert!(other.parse::<EventType>().is_err(), "`{other}`");
        }
        for version in [Version::V1, Version::V2, Version::V3] {
            assert_eq!(Version::from_word(version.word()), Some(version));
            assert_eq!(serde_json::to_value(version).unwrap(), version.word());
        }
    }

    #[test]
    fn four_statuses_carry_the_decision() {
        let carrying: Vec<_> = Status::ALL.iter().copied().filter(|status| carries_decision(*status)).collect();
        assert_eq!(carrying, [Status::InReview, Status::Approved, Status::Declined, Status::Abandoned]);
    }

    /// Every member name that we write ourselves stays where it is in every language; so do the numbers.
    #[test]
    fn what_we_write_is_portable() {
        fn names(value: &Value, found: &mut Vec<String>) {
            match value {
                Value::Object(map) => map.iter().for_each(|(name, item)| {
                    found.push(name.clone());
                    names(item, found);
                }),
                Value::Array(items) => items.iter().for_each(|item| names(item, found)),
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
            }
        }
        for version in [Version::V2, Version::V3] {
            let mut body = Value::Object(event().shaped(version).at(1));
            // The client's own: as it came.
            assert_eq!(body["metadata"], json!({ "9": 1e-7, "10": 1.5 }));
            body["metadata"] = Value::Null;
            let mut found = Vec::new();
            names(&body, &mut found);
            assert!(found.len() > 30);
            assert!(found.iter().all(|name| is_portable_name(name)), "{found:?}");
            assert_eq!(portable(body.clone()), body);
        }
        let mut event = event();
        event.decision = Some(json!({ "score": 0.123_456_789, "metadata": { "x": 1e-9 } }));
        let body = event.at(1);
        assert_eq!(body["decision"], json!({ "score": 0.123_457, "metadata": { "x": 1e-9 } }));
    }

    #[test]
    fn an_event_is_kept_and_read_again() {
        let mut event = event();
        event.decision = None;
        event.resubmit_info = Some(ResubmitInfo {
            nodes_to_resubmit: vec!["n1".to_owned()],
            reasons: BTreeMap::from([("n1".to_owned(), "blurred".to_owned())]),
        });
        let body = event.at(1_795_000_000);
        assert_eq!(body["timestamp"], 1_795_000_000);
        assert_eq!(body["resubmit_info"]["reasons"]["n1"], "blurred");
        assert!(!body.contains_key("decision"));
        let written = canonical(&Value::Object(body), Text::Utf8);
        assert!(written.starts_with(r#"{"application_id":"#), "{written}");
        assert_eq!(serde_json::from_str::<Event>(&written).unwrap(), event);
    }
}
