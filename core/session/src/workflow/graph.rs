//! Drafts and graphs: what an editor sends, and what was found to be sound.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;
use warifu_keys::json::{self as strict, JsonError};

use super::feature::Feature;
use super::rule::Rule;
use super::words;
use crate::status::FeatureStatus;

/// Most nodes of a graph.
pub const MAX_NODES: usize = 200;
/// Largest graph, in bytes of JSON.
pub const MAX_BYTES: usize = 256 * 1024;
/// Most branches of a node.
pub const MAX_BRANCHES: usize = 20;
/// Most rules of a branch, and most status rules of a feature.
pub const MAX_RULES: usize = 20;
/// Most patterns of a graph.
pub const MAX_PATTERNS: usize = 64;
/// Longest identifier of a node or branch, in bytes.
pub const MAX_ID: usize = 64;
/// Longest label, tag or comment, in characters.
pub const MAX_TEXT: usize = 200;

/// Identifier of a node: 1 to 64 of `A`-`Z`, `a`-`z`, `0`-`9`, `_`, `-`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct NodeId(String);

/// A text that is no identifier of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an identifier has 1 to 64 of the characters A-Z, a-z, 0-9, `_` and `-`")]
pub struct NotANodeId;

impl NodeId {
    /// The identifier as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for NodeId {
    type Err = NotANodeId;

    fn from_str(text: &str) -> Result<Self, NotANodeId> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b"_-".contains(&b);
        let good = (1..=MAX_ID).contains(&text.len()) && text.bytes().all(allowed);
        good.then(|| Self(text.to_owned())).ok_or(NotANodeId)
    }
}

impl TryFrom<String> for NodeId {
    type Error = NotANodeId;

    fn try_from(text: String) -> Result<Self, NotANodeId> {
        text.parse()
    }
}

impl From<NodeId> for String {
    fn from(id: NodeId) -> Self {
        id.0
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::borrow::Borrow<str> for NodeId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// Why something is not even a draft.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotADraft {
    /// Not acceptable JSON.
    #[error("the graph: {0}")]
    Json(#[from] JsonError),
    /// Larger than [`MAX_BYTES`].
    #[error("the graph is too large; at most {MAX_BYTES} bytes of JSON are taken")]
    TooLarge,
    /// More nodes than [`MAX_NODES`].
    #[error("a graph of {0} nodes is too large; at most {MAX_NODES} are taken")]
    TooManyNodes(usize),
    /// `nodes` is no object.
    #[error("`nodes` must be an object: each node under its identifier")]
    Nodes,
}

/// A graph as an editor sends it: JSON with `start_node` and `nodes`, bounded in size. Other members are dropped.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Value", into = "Value")]
pub struct Draft {
    pub(super) start_node: Option<Value>,
    pub(super) nodes: Map<String, Value>,
}

impl Draft {
    /// Reads a draft from JSON text.
    ///
    /// # Errors
    /// [`NotADraft`].
    pub fn from_json(bytes: &[u8]) -> Result<Self, NotADraft> {
        if bytes.len() > MAX_BYTES {
            return Err(NotADraft::TooLarge);
        }
        Self::try_from(strict::parse(bytes)?)
    }

    /// A draft of these nodes, the first one to start with.
    pub(super) fn build(start: &str, nodes: impl IntoIterator<Item = (String, Value)>) -> Self {
        Self { start_node: Some(Value::from(start)), nodes: nodes.into_iter().collect() }
    }

    /// The draft, where it has no more nodes and bytes than it may; bytes are counted only as far as the limit.
    pub(super) fn within_limits(self) -> Result<Self, NotADraft> {
        if self.nodes.len() > MAX_NODES {
            return Err(NotADraft::TooManyNodes(self.nodes.len()));
        }
        let mut bytes = Counted(0);
        match serde_json::to_writer(&mut bytes, &(&self.start_node, &self.nodes)) {
            Ok(()) => Ok(self),
            Err(_) => Err(NotADraft::TooLarge),
        }
    }
}

/// Counts bytes, and refuses those beyond the limit.
struct Counted(usize);

impl std::io::Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 += bytes.len();
        if self.0 > MAX_BYTES { Err(std::io::ErrorKind::FileTooLarge.into()) } else { Ok(bytes.len()) }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl TryFrom<Value> for Draft {
    type Error = NotADraft;

    fn try_from(value: Value) -> Result<Self, NotADraft> {
        let Value::Object(mut members) = value else { return Err(JsonError::NotAnObject.into()) };
        let nodes = match members.remove("nodes") {
            None | Some(Value::Null) => Map::new(),
            Some(Value::Object(nodes)) => nodes,
            Some(Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_)) => {
                return Err(NotADraft::Nodes);
            }
        };
        Self { start_node: members.remove("start_node"), nodes }.within_limits()
    }
}

impl From<Draft> for Value {
    fn from(draft: Draft) -> Self {
        let start = draft.start_node.unwrap_or(Self::Null);
        Self::Object(Map::from_iter([("start_node".to_owned(), start), ("nodes".to_owned(), draft.nodes.into())]))
    }
}

/// A graph that can be walked: its nodes are of known kinds, every way leads to a node that is there, no way leads in a circle, and
/// each ends at a status. That it also makes sense is what [`super::validate::check`] looks at before it hands one out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Draft", into = "Draft")]
pub struct Graph {
    pub(super) draft: Draft,
    pub(super) start: NodeId,
    pub(super) nodes: BTreeMap<NodeId, Node>,
    pub(super) ignored: Vec<(NodeId, String)>,
}

impl Graph {
    /// Where it starts.
    #[must_use]
    pub fn start(&self) -> &NodeId {
        &self.start
    }

    /// All nodes.
    #[must_use]
    pub fn nodes(&self) -> &BTreeMap<NodeId, Node> {
        &self.nodes
    }

    /// The feature nodes, in the order of their identifiers.
    pub fn features(&self) -> impl Iterator<Item = (&NodeId, &FeatureNode)> {
        self.nodes.iter().filter_map(|(id, node)| match node {
            Node::Feature(feature) => Some((id, feature)),
            Node::Action(_) | Node::Branch(_) | Node::Status(_) | Node::Webhook(_) => None,
        })
    }

    /// Members of a `config` that the feature does not have, by node.
    #[must_use]
    pub fn ignored(&self) -> &[(NodeId, String)] {
        &self.ignored
    }

    /// The draft that it was read from.
    #[must_use]
    pub fn draft(&self) -> &Draft {
        &self.draft
    }
}

impl From<Graph> for Draft {
    fn from(graph: Graph) -> Self {
        graph.draft
    }
}

/// One node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    /// Asks the person, or the server, for something.
    Feature(FeatureNode),
    /// Does something to the session.
    Action(ActionNode),
    /// Goes one of several ways.
    Branch(Vec<Branch>),
    /// Ends the session.
    Status(Ending),
    /// Tells the client where the session is.
    Webhook(WebhookNode),
}

/// A node that asks for a feature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeatureNode {
    /// Which.
    pub feature: Feature,
    /// Name for people.
    pub label: Option<String>,
    /// Its settings: only members that the feature has.
    pub config: Map<String, Value>,
    /// What else makes it fail.
    pub status_rules: Vec<StatusRule>,
    /// Where it goes on.
    pub next: NodeId,
}

/// A rule that makes a feature fail, or sends it to a reviewer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusRule {
    /// When.
    pub rule: Rule,
    /// What follows: `Declined` or `In Review`. A rule never lifts what the feature itself found.
    pub status: FeatureStatus,
}

/// A node that does something to the session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActionNode {
    /// What.
    pub action: Action,
    /// Where it goes on.
    pub next: NodeId,
}

/// Something that is done to the session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Marks it with a word that the console can search for.
    AddTag {
        /// The word.
        tag: String,
    },
    /// Leaves a comment for reviewers.
    AddNote {
        /// The comment.
        comment: String,
    },
}

/// The kinds of [`Action`] on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ActionKind {
    /// [`Action::AddTag`]
    AddTag,
    /// [`Action::AddNote`]
    AddNote,
}

words!(ActionKind { AddTag = "ADD_TAG", AddNote = "ADD_NOTE" });

/// A node that tells the client where the session is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookNode {
    /// Which of the registered destinations; all of them when absent. Never an address: those are registered, not drawn.
    pub destination: Option<Uuid>,
    /// Where it goes on, whether or not anyone listens.
    pub next: NodeId,
}

/// One way out of a branch node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Branch {
    /// Its name.
    pub id: String,
    /// How many of the rules must hold.
    pub logic: Logic,
    /// When it is taken; always, when there are none.
    pub rules: Vec<Rule>,
    /// Where it leads.
    pub goto: NodeId,
}

/// How rules are joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Logic {
    /// All must hold.
    And,
    /// One must.
    Or,
}

words!(Logic { And = "and", Or = "or" });

/// The kinds of nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum NodeKind {
    /// [`Node::Feature`]
    Feature,
    /// [`Node::Action`]
    Action,
    /// [`Node::Branch`]
    Branch,
    /// [`Node::Status`]
    Status,
    /// [`Node::Webhook`]
    Webhook,
}

words!(NodeKind {
    Feature = "feature",
    Action = "action",
    Branch = "branch",
    Status = "status",
    Webhook = "webhook",
});

/// How a session ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Ending {
    /// Passed.
    Approved,
    /// Failed.
    Declined,
    /// For a reviewer.
    InReview,
    /// As the worst feature.
    Determine,
}

words!(Ending {
    Approved = "Approved",
    Declined = "Declined",
    InReview = "In Review",
    Determine = "Determine",
});
