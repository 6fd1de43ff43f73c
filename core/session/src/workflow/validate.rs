//! What is wrong with a draft: everything at once, each problem with its node and its member.
//!
//! Graphs are walked with sets of nodes and lists of work, never by recursion: a graph of [`super::graph::MAX_NODES`] nodes that all
//! lead to each other is refused as fast as any.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde::ser::SerializeStruct as _;
use serde::{Serialize, Serializer};

use super::feature::{Feature, PAIRS, Range};
use super::flat::Kind;
use super::graph::{Draft, FeatureNode, Graph, MAX_PATTERNS, Node, NodeId, NodeKind};
use super::read::{Outline, Reading, read};
use super::rule::{Root, RuleError};
use super::{UnknownWord, cut};

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    /// The node; absent where it concerns the graph.
    pub node: Option<String>,
    /// The member of the node, as a path; empty where it is the node itself.
    pub field: String,
    /// What is wrong.
    pub fault: Fault,
}

impl Problem {
    pub(super) fn of_graph(field: impl Into<String>, fault: Fault) -> Self {
        Self { node: None, field: field.into(), fault }
    }

    pub(super) fn of_node(node: &str, field: impl Into<String>, fault: Fault) -> Self {
        Self { node: Some(node.chars().take(100).collect()), field: field.into(), fault }
    }
}

/// `{"node_id","field","code","message"}`.
impl Serialize for Problem {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut problem = serializer.serialize_struct("Problem", 4)?;
        problem.serialize_field("node_id", &self.node)?;
        problem.serialize_field("field", &self.field)?;
        problem.serialize_field("code", self.fault.code())?;
        problem.serialize_field("message", &self.fault.to_string())?;
        problem.end()
    }
}

/// What can be wrong.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Fault {
    /// A member is missing or of the wrong type.
    #[error("{0} is expected")]
    Missing(&'static str),
    /// No identifier of a node.
    #[error("an identifier has 1 to 64 of the characters A-Z, a-z, 0-9, `_` and `-`")]
    NodeId,
    /// A word that is not known.
    #[error(transparent)]
    Word(UnknownWord),
    /// A node that leads nowhere.
    #[error("the way ends here: every way must end at a node of type `status`")]
    NoExit,
    /// A node that leads to one that is not there.
    #[error("there is no node `{0}`")]
    Dangling(String),
    /// More items than may be.
    #[error("at most {0} are taken")]
    TooMany(usize),
    /// More patterns in the whole graph than may be.
    #[error("a graph may have at most {MAX_PATTERNS} rules with `regex`")]
    TooManyPatterns,
    /// The same identifier twice.
    #[error("this identifier was used before")]
    Twice,
    /// The last branch has rules.
    #[error("the last branch must have no rules: it is taken when no other is")]
    NoElse,
    /// A branch without rules in front of others.
    #[error("a branch without rules is always taken: it must be the last one")]
    ElseNotLast,
    /// A rule that can not be used.
    #[error(transparent)]
    Rule(RuleError),
    /// The first node is no feature.
    #[error("a workflow starts with a feature")]
    StartIsNoFeature,
    /// A node from which one comes back to it.
    #[error("this node lies on a circle: a session that comes here would never end")]
    Cycle,
    /// A node that no way leads to.
    #[error("no way leads here")]
    Unreachable,
    /// A feature that needs another one before it.
    #[error("{feature} needs {needed} before it, on every way that leads here")]
    NeedsBefore {
        /// The feature.
        feature: Feature,
        /// What it needs.
        needed: Feature,
    },
    /// A fact that is asked for before anything could have found it.
    #[error("nothing on the way here finds `{0}`")]
    NeverKnown(String),
    /// A fact of a node that is not before this one.
    #[error("`{0}` is not on the way here")]
    NotBefore(String),
    /// A setting outside its range.
    #[error("{0} is expected")]
    Setting(Range),
    /// Two settings in the wrong order.
    #[error("it must not be below `{0}`")]
    Below(&'static str),
    /// A setting that must be there.
    #[error("{0} needs it")]
    SettingNeeded(Feature),
    /// A workflow of this type without its feature.
    #[error("a workflow of the type `{kind}` has {feature}")]
    KindNeeds {
        /// The type.
        kind: Kind,
        /// The feature.
        feature: Feature,
    },
}

impl Fault {
    /// Stable name.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Missing(_) => "missing",
            Self::NodeId => "bad_node_id",
            Self::Word(_) => "unknown_word",
            Self::NoExit => "no_exit",
            Self::Dangling(_) => "dangling",
            Self::TooMany(_) | Self::TooManyPatterns => "too_many",
            Self::Twice => "duplicate",
            Self::NoElse => "no_else",
            Self::ElseNotLast => "else_not_last",
            Self::Rule(RuleError::Expected(_)) => "missing",
            Self::Rule(RuleError::NoField(..)) => "unknown_field",
            Self::Rule(RuleError::Operator(_)) => "unknown_operator",
            Self::Rule(RuleError::Value { .. }) => "bad_value",
            Self::Rule(RuleError::Pattern(_)) => "bad_pattern",
            Self::Rule(RuleError::Score) => "bad_score",
            Self::Rule(RuleError::Bucket) => "bad_bucket",
            Self::StartIsNoFeature => "start_not_feature",
            Self::Cycle => "cycle",
            Self::Unreachable => "unreachable",
            Self::NeedsBefore { .. } => "needs_before",
            Self::NeverKnown(_) => "never_known",
            Self::NotBefore(_) => "not_before",
            Self::Setting(_) => "bad_setting",
            Self::Below(_) => "thresholds_reversed",
            Self::SettingNeeded(_) => "setting_needed",
            Self::KindNeeds { .. } => "feature_needed",
        }
    }
}

/// The graph of a draft for a workflow of this type, or everything that is wrong with it, in the order of its nodes.
///
/// # Errors
/// Every [`Problem`] that was found; never an empty list.
pub fn check(draft: &Draft, kind: Kind) -> Result<Graph, Vec<Problem>> {
    let mut reading = read(draft);
    let mut problems = std::mem::take(&mut reading.problems);
    let ways = Ways::of(&reading);
    problems.extend(structure(&reading, &ways));
    problems.extend(order(&reading, &ways, kind));
    for (id, outline) in &reading.nodes {
        if let Some(Node::Feature(feature)) = &outline.node {
            settings(id, feature, &mut problems);
        }
    }
    // Those of the graph first, then node by node.
    problems.sort_by(|a, b| a.node.cmp(&b.node));
    if problems.is_empty() { graph(draft, reading) } else { Err(problems) }
}

/// A draft whose graph can be walked, whether or not it makes sense by the rules of today: what was published stays readable.
impl TryFrom<Draft> for Graph {
    type Error = Broken;

    fn try_from(draft: Draft) -> Result<Self, Broken> {
        let reading = read(&draft);
        let ways = Ways::of(&reading);
        let broken = reading.problems.first().cloned().or_else(|| structure(&reading, &ways).into_iter().next());
        match broken {
            Some(problem) => Err(Broken(problem.fault)),
            None => graph(&draft, reading).map_err(|_| Broken(Fault::NodeId)),
        }
    }
}

/// A graph that can not be walked.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("the graph can not be walked: {0}")]
pub struct Broken(Fault);

/// The features that every session has behind it when it comes to a node, by node.
#[must_use]
pub fn always_before(graph: &Graph) -> BTreeMap<NodeId, BTreeSet<Feature>> {
    let reading = read(graph.draft());
    let ways = Ways::of(&reading);
    let given = |before: &BTreeSet<Feature>, number: usize| {
        before.iter().copied().chain(ways.outlines[number].feature).collect::<BTreeSet<_>>()
    };
    let join = |a: &BTreeSet<Feature>, b: &BTreeSet<Feature>| a & b;
    let gathered = ways.gather(BTreeSet::new(), join, given);
    ways.ids.iter().map(|id| (*id).clone()).zip(gathered.into_iter().map(Option::unwrap_or_default)).collect()
}

/// What was read without a problem, put together.
fn graph(draft: &Draft, reading: Reading) -> Result<Graph, Vec<Problem>> {
    let missing = || vec![Problem::of_graph("start_node", Fault::Missing("the identifier of a node"))];
    let start = reading.start.ok_or_else(missing)?;
    let mut nodes = BTreeMap::new();
    for (id, outline) in reading.nodes {
        let unread = || vec![Problem::of_node(id.as_str(), "", Fault::Missing("a node"))];
        nodes.insert(id.clone(), outline.node.ok_or_else(unread)?);
    }
    Ok(Graph { draft: draft.clone(), start, nodes, ignored: reading.ignored })
}

/// A graph without what its nodes do: numbers in place of identifiers.
struct Ways<'a> {
    ids: Vec<&'a NodeId>,
    outlines: Vec<&'a Outline>,
    numbers: BTreeMap<&'a NodeId, usize>,
    next: Vec<Vec<usize>>,
    start: Option<usize>,
}

impl<'a> Ways<'a> {
    fn of(reading: &'a Reading) -> Self {
        let ids: Vec<_> = reading.nodes.keys().collect();
        let outlines: Vec<_> = reading.nodes.values().collect();
        let numbers: BTreeMap<_, _> = ids.iter().enumerate().map(|(number, id)| (*id, number)).collect();
        let targets = |outline: &&Outline| {
            let targets: BTreeSet<_> = outline.exits.iter().filter_map(|(_, id)| numbers.get(id).copied()).collect();
            targets.into_iter().collect()
        };
        let next = outlines.iter().map(targets).collect();
        let start = reading.start.as_ref().and_then(|id| numbers.get(id).copied());
        Self { ids, outlines, next, start, numbers }
    }

    /// Everything that can be reached from these, these included.
    fn reached(&self, from: impl IntoIterator<Item = usize>) -> Vec<bool> {
        let mut seen = vec![false; self.ids.len()];
        let mut work: Vec<usize> = from.into_iter().collect();
        while let Some(number) = work.pop() {
            if !std::mem::replace(&mut seen[number], true) {
                work.extend(self.next[number].iter().copied().filter(|next| !seen[*next]));
            }
        }
        seen
    }

    /// For each node, what is gathered on the ways from the start to it: `join` brings two ways together, `add` is what a node
    /// gives to those behind it. Ends because sets of 200 only shrink, or only grow.
    fn gather<T: Clone + PartialEq>(
        &self,
        first: T,
        join: impl Fn(&T, &T) -> T,
        add: impl Fn(&T, usize) -> T,
    ) -> Vec<Option<T>> {
        let mut gathered: Vec<Option<T>> = vec![None; self.ids.len()];
        let Some(start) = self.start else { return gathered };
        gathered[start] = Some(first);
        let mut work = VecDeque::from([start]);
        while let Some(number) = work.pop_front() {
            let Some(before) = &gathered[number] else { continue };
            let given = add(before, number);
            for &next in &self.next[number] {
                let joined = gathered[next].as_ref().map_or_else(|| given.clone(), |old| join(old, &given));
                if gathered[next].as_ref() != Some(&joined) {
                    gathered[next] = Some(joined);
                    work.push_back(next);
                }
            }
        }
        gathered
    }
}

/// What keeps a graph from being walked.
fn structure(reading: &Reading, ways: &Ways<'_>) -> Vec<Problem> {
    let mut problems = Vec::new();
    match (&reading.start, ways.start) {
        (Some(id), None) => {
            problems.push(Problem::of_graph("start_node", Fault::Dangling(cut(id.as_str()))));
        }
        (_, Some(start)) if !matches!(ways.outlines[start].kind, Some(NodeKind::Feature) | None) => {
            problems.push(Problem::of_node(ways.ids[start].as_str(), "node_type", Fault::StartIsNoFeature));
        }
        (_, _) => {}
    }
    for (number, id) in ways.ids.iter().enumerate() {
        for (field, target) in &ways.outlines[number].exits {
            if !ways.numbers.contains_key(target) {
                let fault = Fault::Dangling(cut(target.as_str()));
                problems.push(Problem::of_node(id.as_str(), field.as_str(), fault));
            }
        }
        if ways.reached(ways.next[number].iter().copied())[number] {
            problems.push(Problem::of_node(id.as_str(), "", Fault::Cycle));
        }
    }
    problems
}

/// What is asked for in the wrong order, or never.
fn order(reading: &Reading, ways: &Ways<'_>, kind: Kind) -> Vec<Problem> {
    let mut problems = Vec::new();
    let bit = |feature: Feature| 1_u32 << (feature as u32);
    let given = |before: &u32, number: usize| match (ways.outlines[number].kind, ways.outlines[number].feature) {
        (_, Some(feature)) => before | bit(feature),
        // What could not be read may be anything: one slip is one problem.
        (Some(NodeKind::Feature) | None, None) => u32::MAX,
        (Some(NodeKind::Action | NodeKind::Branch | NodeKind::Status | NodeKind::Webhook), None) => *before,
    };
    let always = ways.gather(0_u32, |a, b| a & b, given);
    let ever = ways.gather(0_u32, |a, b| a | b, given);
    for (number, id) in ways.ids.iter().enumerate() {
        let outline = ways.outlines[number];
        let (Some(always), Some(ever)) = (always[number], ever[number]) else {
            if ways.start.is_some() {
                problems.push(Problem::of_node(id.as_str(), "", Fault::Unreachable));
            }
            continue;
        };
        if let Some((feature, needed)) = outline.feature.and_then(|feature| Some((feature, needs(feature, kind)?)))
            && always & bit(needed) == 0
        {
            problems.push(Problem::of_node(id.as_str(), "feature", Fault::NeedsBefore { feature, needed }));
        }
        for (field, asked) in &outline.asked {
            match asked.root() {
                Root::Session => {}
                Root::Feature(feature) if ever & bit(feature) != 0 => {}
                Root::Feature(_) => {
                    let fault = Fault::NeverKnown(asked.text().to_owned());
                    problems.push(Problem::of_node(id.as_str(), field.as_str(), fault));
                }
                Root::Node(node) => {
                    let asked = node.parse::<NodeId>().ok().and_then(|node| ways.numbers.get(&node).copied());
                    let before = asked.is_some_and(|asked| asked != number && ways.reached([asked])[number]);
                    if !before {
                        let fault = Fault::NotBefore(cut(node));
                        problems.push(Problem::of_node(id.as_str(), field.as_str(), fault));
                    }
                }
            }
        }
    }
    if let Some(feature) = kind.feature()
        && !reading.nodes.values().any(|outline| match (outline.kind, outline.feature) {
            (_, Some(own)) => own == feature,
            (kind, None) => matches!(kind, Some(NodeKind::Feature) | None),
        })
    {
        problems.push(Problem::of_graph("nodes", Fault::KindNeeds { kind, feature }));
    }
    problems
}

/// What a feature needs before it.
fn needs(feature: Feature, kind: Kind) -> Option<Feature> {
    match (feature, kind) {
        // The face of an earlier session takes the place of the portrait.
        (Feature::FaceMatch, Kind::BiometricAuthentication) => Some(Feature::Liveness),
        (Feature::FaceMatch | Feature::Nfc | Feature::DatabaseValidation, _) => Some(Feature::Ocr),
        (
            Feature::Ocr
            | Feature::Liveness
            | Feature::AgeEstimation
            | Feature::PhoneVerification
            | Feature::EmailVerification
            | Feature::Aml
            | Feature::IpAnalysis
            | Feature::ProofOfAddress
            | Feature::Questionnaire
            | Feature::DocumentAi
            | Feature::Geolocation
            | Feature::BankVerification
            | Feature::KybRegistry
            | Feature::KybDocuments
            | Feature::KybKeyPeople,
            _,
        ) => None,
    }
}

fn settings(id: &NodeId, node: &FeatureNode, problems: &mut Vec<Problem>) {
    for (name, value) in &node.config {
        let range = node.feature.knob(name).map(|knob| knob.range);
        if let Some(range) = range.filter(|range| !range.takes(value)) {
            problems.push(Problem::of_node(id.as_str(), format!("config.{name}"), Fault::Setting(range)));
        }
    }
    for (above, below) in PAIRS {
        let number = |name: &str| node.config.get(name).and_then(serde_json::Value::as_f64);
        if let (Some(upper), Some(lower)) = (number(above), number(below))
            && upper < lower
        {
            problems.push(Problem::of_node(id.as_str(), format!("config.{above}"), Fault::Below(below)));
        }
    }
    if node.feature == Feature::Questionnaire && !node.config.contains_key("questionnaire_uuid") {
        let fault = Fault::SettingNeeded(node.feature);
        problems.push(Problem::of_node(id.as_str(), "config.questionnaire_uuid", fault));
    }
}
