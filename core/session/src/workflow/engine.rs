//! What comes next: a pure function of a graph and of the evidence so far.
//!
//! The walk begins at the start every time and passes the nodes that have evidence. A branch sees the facts of the nodes that were
//! passed before it, and no others: evidence that comes later never turns an earlier branch another way, so a session only goes
//! forward.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use warifu_keys::sha256;

use super::feature::Feature;
use super::graph::{Action, Branch, Ending, FeatureNode, Graph, Logic, Node, NodeId, StatusRule, WebhookNode};
use super::rule::{Field, Root, Rule, find};
use crate::decision::{LogType, Warning};
use crate::status::{FeatureStatus, Status};

/// Name of the risk that a status rule gives.
pub const STATUS_RULE_RISK: &str = "CUSTOM_STATUS_RULE_TRIGGERED";

/// What is known of a session: what its nodes found, and which of those that only do something have done it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// What is known from the start, under `session`.
    #[serde(default)]
    pub session: Map<String, Value>,
    /// What feature nodes found.
    #[serde(default)]
    pub findings: BTreeMap<NodeId, Finding>,
    /// The action and webhook nodes that were carried out.
    #[serde(default)]
    pub carried_out: BTreeSet<NodeId>,
}

impl Evidence {
    /// What is known of every session: the bucket for A/B tests under `session.ab_bucket`, from a seed that never changes, such as
    /// the identifier of the session.
    #[must_use]
    pub fn of(seed: &str) -> Self {
        let session = Map::from_iter([("ab_bucket".to_owned(), Value::from(ab_bucket(seed)))]);
        Self { session, ..Self::default() }
    }
}

/// What a feature found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// How it ended. One that is not finished, or to be repeated, is asked for again.
    pub status: FeatureStatus,
    /// What rules can ask for, under the root of the feature. `status` is added by the walk.
    pub facts: Map<String, Value>,
}

/// Bucket of a session for A/B tests, 0 to 99: the first eight bytes of SHA-256 of `warifu ab_bucket ` and the seed, as a number with
/// the highest byte first, modulo 100.
#[must_use]
pub fn ab_bucket(seed: &str) -> u8 {
    let digest = sha256(format!("warifu ab_bucket {seed}").as_bytes());
    let number = digest.iter().take(8).fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    (number % 100) as u8
}

/// What comes next.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Step<'a> {
    /// The person, or the server, has to do this.
    Ask {
        /// The node.
        node: &'a NodeId,
        /// What it asks for.
        feature: &'a FeatureNode,
    },
    /// This is to be done to the session.
    Run {
        /// The node.
        node: &'a NodeId,
        /// What.
        action: &'a Action,
    },
    /// The client is to be told.
    Call {
        /// The node.
        node: &'a NodeId,
        /// Whom.
        webhook: &'a WebhookNode,
    },
    /// The session is over.
    End {
        /// The status node.
        node: &'a NodeId,
        /// What it says.
        ending: Ending,
    },
}

/// The way through a graph as far as the evidence goes.
#[derive(Debug, Clone, PartialEq)]
pub struct Walk<'a> {
    /// What comes next.
    pub step: Step<'a>,
    /// The nodes that were passed, in order.
    pub passed: Vec<&'a NodeId>,
    /// The features that were passed, in order, each with its status after its rules.
    pub statuses: Vec<(&'a NodeId, Feature, FeatureStatus)>,
    /// The status rules that applied, in order.
    pub triggered: Vec<Triggered<'a>>,
}

/// A status rule that applied.
#[derive(Debug, Clone, PartialEq)]
pub struct Triggered<'a> {
    /// The node it belongs to.
    pub node: &'a NodeId,
    /// The feature of that node.
    pub feature: Feature,
    /// The rule.
    pub rule: &'a StatusRule,
    /// What it was held against; null where the fact was absent.
    pub actual: Value,
}

impl Triggered<'_> {
    /// The warning in the decision.
    #[must_use]
    pub fn warning(&self) -> Warning {
        let Rule { field, test } = &self.rule.rule;
        let declines = self.rule.status == FeatureStatus::Declined;
        Warning {
            feature: self.feature.decision_name().to_owned(),
            risk: STATUS_RULE_RISK.to_owned(),
            additional_data: Some(json!({
                "field": field.text(),
                "operator": test.operator(),
                "rule_value": test.value(),
                "actual_value": self.actual,
                "target_status": self.rule.status,
            })),
            log_type: if declines { LogType::Error } else { LogType::Warning },
            short_description: "A rule of the workflow applied".to_owned(),
            long_description: format!(
                "The rule `{field} {}` of the workflow gives this feature the status {}.",
                test.operator(),
                self.rule.status
            ),
            node_id: Some(self.node.to_string()),
        }
    }
}

impl Walk<'_> {
    /// The worst of the features that were passed.
    #[must_use]
    pub fn determined(&self) -> Status {
        match self.statuses.iter().map(|(_, _, status)| *status).max_by_key(|status| gravity(*status)) {
            Some(FeatureStatus::Approved) => Status::Approved,
            Some(FeatureStatus::Declined | FeatureStatus::Expired) => Status::Declined,
            Some(
                FeatureStatus::InReview
                | FeatureStatus::NotFinished
                | FeatureStatus::NotStarted
                | FeatureStatus::ResubRequested,
            )
            // Nothing was looked at, so nothing was found to be good.
            | None => Status::InReview,
        }
    }

    /// The status that the session ends with; `None` while something is left to do.
    ///
    /// A status node that says `Approved` is taken at its word: whether an identity may be minted from what was found is for the
    /// issuer to say.
    #[must_use]
    pub fn status(&self) -> Option<Status> {
        match self.step {
            Step::Ask { .. } | Step::Run { .. } | Step::Call { .. } => None,
            Step::End { ending, .. } => Some(match ending {
                Ending::Approved => Status::Approved,
                Ending::Declined => Status::Declined,
                Ending::InReview => Status::InReview,
                Ending::Determine => self.determined(),
            }),
        }
    }
}

/// How bad a status is.
fn gravity(status: FeatureStatus) -> u8 {
    match status {
        FeatureStatus::Approved => 0,
        FeatureStatus::NotFinished
        | FeatureStatus::NotStarted
        | FeatureStatus::ResubRequested
        | FeatureStatus::InReview => 1,
        FeatureStatus::Expired => 2,
        FeatureStatus::Declined => 3,
    }
}

/// Walks as far as the evidence goes.
///
/// Takes at most one step for each node: a [`Graph`] has no circles.
#[must_use]
pub fn walk<'a>(graph: &'a Graph, evidence: &Evidence) -> Walk<'a> {
    let mut known = Known { session: &evidence.session, found: Vec::new() };
    let mut passed = Vec::new();
    let mut triggered = Vec::new();
    let mut at = graph.start();
    let step = loop {
        let Some((node, kind)) = graph.nodes().get_key_value(at).filter(|_| passed.len() <= graph.nodes().len()) else {
            // A graph has every node that it names and no circle; were it otherwise, a person would have to look.
            break Step::End { node: at, ending: Ending::InReview };
        };
        let next = match kind {
            Node::Feature(feature) => {
                let finding = evidence.findings.get(node).filter(|finding| is_over(finding.status));
                let Some(finding) = finding else { break Step::Ask { node, feature } };
                known.add(node, feature, finding, &mut triggered);
                &feature.next
            }
            Node::Action(action) if evidence.carried_out.contains(node) => &action.next,
            Node::Action(action) => break Step::Run { node, action: &action.action },
            Node::Webhook(webhook) if evidence.carried_out.contains(node) => &webhook.next,
            Node::Webhook(webhook) => break Step::Call { node, webhook },
            Node::Branch(branches) => match branches.iter().find(|branch| known.takes(branch)) {
                Some(branch) => &branch.goto,
                None => break Step::End { node, ending: Ending::InReview },
            },
            Node::Status(ending) => break Step::End { node, ending: *ending },
        };
        passed.push(node);
        at = next;
    };
    let statuses = known.found.iter().map(|found| (found.node, found.feature, found.status)).collect();
    Walk { step, passed, statuses, triggered }
}

fn is_over(status: FeatureStatus) -> bool {
    match status {
        FeatureStatus::Approved | FeatureStatus::Declined | FeatureStatus::InReview | FeatureStatus::Expired => true,
        FeatureStatus::NotFinished | FeatureStatus::NotStarted | FeatureStatus::ResubRequested => false,
    }
}

/// What is known at one point of the walk.
struct Known<'a, 'e> {
    session: &'e Map<String, Value>,
    found: Vec<Found<'a, 'e>>,
}

struct Found<'a, 'e> {
    node: &'a NodeId,
    feature: Feature,
    facts: &'e Map<String, Value>,
    status: FeatureStatus,
}

impl<'a, 'e> Known<'a, 'e> {
    /// Adds what a node found, and what its status rules make of it: they can only make it worse.
    fn add(
        &mut self,
        node: &'a NodeId,
        feature: &'a FeatureNode,
        finding: &'e Finding,
        triggered: &mut Vec<Triggered<'a>>,
    ) {
        let found = Found { node, feature: feature.feature, facts: &finding.facts, status: finding.status };
        self.found.push(found);
        let mut worst = finding.status;
        for rule in &feature.status_rules {
            let actual = self.fact(&rule.rule.field);
            if rule.rule.test.holds(actual.as_deref()) {
                let actual = actual.map_or(Value::Null, Cow::into_owned);
                triggered.push(Triggered { node, feature: feature.feature, rule, actual });
                if gravity(rule.status) > gravity(worst) {
                    worst = rule.status;
                }
            }
        }
        if let Some(found) = self.found.last_mut() {
            found.status = worst;
        }
    }

    fn takes(&self, branch: &Branch) -> bool {
        let holds = |rule: &Rule| rule.test.holds(self.fact(&rule.field).as_deref());
        match branch.logic {
            _ if branch.rules.is_empty() => true,
            Logic::And => branch.rules.iter().all(holds),
            Logic::Or => branch.rules.iter().any(holds),
        }
    }

    fn fact(&self, field: &Field) -> Option<Cow<'e, Value>> {
        let found = match field.root() {
            Root::Session => return find(self.session, field.rest()).map(Cow::Borrowed),
            Root::Node(node) => self.found.iter().rev().find(|found| found.node.as_str() == node)?,
            Root::Feature(feature) => self.found.iter().rev().find(|found| found.feature == feature)?,
        };
        let mut rest = field.rest();
        if rest.next() == Some("status") && rest.next().is_none() {
            return Some(Cow::Owned(Value::from(found.status.word())));
        }
        find(found.facts, field.rest()).map(Cow::Borrowed)
    }
}
