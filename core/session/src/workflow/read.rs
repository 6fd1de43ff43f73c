//! From the JSON of a draft to nodes, keeping what can be read of a node when a part of it can not.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};
use uuid::Uuid;

use super::UnknownWord;
use super::feature::Feature;
use super::graph::{
    Action, ActionKind, ActionNode, Branch, Draft, Ending, FeatureNode, Logic, MAX_BRANCHES, MAX_ID, MAX_PATTERNS,
    MAX_RULES, MAX_TEXT, Node, NodeId, NodeKind, StatusRule, WebhookNode,
};
use super::rule::{Field, Rule, Test};
use super::validate::{Fault, Problem};
use crate::status::FeatureStatus;

/// What could be read of a draft.
pub(super) struct Reading {
    /// The start, where it names something.
    pub(super) start: Option<NodeId>,
    /// Every node with an acceptable identifier.
    pub(super) nodes: BTreeMap<NodeId, Outline>,
    /// What could not be read.
    pub(super) problems: Vec<Problem>,
    /// Members of a `config` that its feature does not have.
    pub(super) ignored: Vec<(NodeId, String)>,
}

/// What could be read of a node.
#[derive(Default)]
pub(super) struct Outline {
    /// Its kind.
    pub(super) kind: Option<NodeKind>,
    /// Its feature.
    pub(super) feature: Option<Feature>,
    /// Where it leads, each with the member that says so.
    pub(super) exits: Vec<(String, NodeId)>,
    /// The facts its branches ask for, each with the member that says so.
    pub(super) asked: Vec<(String, Field)>,
    /// All of it, where nothing was wrong.
    pub(super) node: Option<Node>,
}

/// Reads all of a draft.
pub(super) fn read(draft: &Draft) -> Reading {
    let mut problems = Vec::new();
    let start = match &draft.start_node {
        Some(Value::String(text)) => match text.parse() {
            Ok(id) => Some(id),
            Err(_) => {
                problems.push(Problem::of_graph("start_node", Fault::NodeId));
                None
            }
        },
        None | Some(_) => {
            problems.push(Problem::of_graph("start_node", Fault::Missing("the identifier of a node")));
            None
        }
    };
    let mut reading = Reading { start, nodes: BTreeMap::new(), problems, ignored: Vec::new() };
    let mut patterns = 0;
    for (name, json) in &draft.nodes {
        let Ok(id) = name.parse::<NodeId>() else {
            reading.problems.push(Problem::of_node(name, "", Fault::NodeId));
            continue;
        };
        let mut reader = Reader { id: &id, outline: Outline::default(), problems: Vec::new(), ignored: Vec::new() };
        reader.node(json);
        let Reader { outline, problems, ignored, .. } = reader;
        let before = patterns;
        patterns += outline.node.as_ref().map_or(0, count_patterns);
        if before <= MAX_PATTERNS && patterns > MAX_PATTERNS {
            reading.problems.push(Problem::of_node(name, "", Fault::TooManyPatterns));
        }
        reading.problems.extend(problems);
        reading.ignored.extend(ignored.into_iter().map(|member| (id.clone(), member)));
        reading.nodes.insert(id, outline);
    }
    reading
}

fn count_patterns(node: &Node) -> usize {
    let is_pattern = |rule: &&Rule| matches!(rule.test, Test::Regex(_));
    match node {
        Node::Branch(branches) => branches.iter().flat_map(|branch| &branch.rules).filter(is_pattern).count(),
        Node::Feature(feature) => feature.status_rules.iter().map(|rule| &rule.rule).filter(is_pattern).count(),
        Node::Action(_) | Node::Status(_) | Node::Webhook(_) => 0,
    }
}

struct Reader<'a> {
    id: &'a NodeId,
    outline: Outline,
    problems: Vec<Problem>,
    ignored: Vec<String>,
}

impl Reader<'_> {
    fn note(&mut self, field: impl Into<String>, fault: Fault) {
        self.problems.push(Problem::of_node(self.id.as_str(), field, fault));
    }

    fn node(&mut self, json: &Value) {
        let Value::Object(node) = json else {
            return self.note("", Fault::Missing("an object"));
        };
        let kind = self.word(node, "node_type", NodeKind::parse, NodeKind::list);
        self.outline.kind = kind;
        self.outline.node = match kind {
            Some(NodeKind::Feature) => self.feature(node).map(Node::Feature),
            Some(NodeKind::Action) => self.action(node).map(Node::Action),
            Some(NodeKind::Branch) => self.branches(node).map(Node::Branch),
            Some(NodeKind::Status) => self.word(node, "session_status", Ending::parse, Ending::list).map(Node::Status),
            Some(NodeKind::Webhook) => self.webhook(node).map(Node::Webhook),
            // Where it leads is read all the same, or everything behind it would seem to be out of reach.
            None => {
                if node.contains_key("next") {
                    self.exit(node, "next", "next".to_owned());
                }
                None
            }
        };
    }

    fn feature(&mut self, node: &Map<String, Value>) -> Option<FeatureNode> {
        let feature = self.word(node, "feature", Feature::read, Feature::list);
        self.outline.feature = feature;
        let next = self.exit(node, "next", "next".to_owned());
        let label = self.optional_text(node, "label");
        let config = match node.get("config") {
            None | Some(Value::Null) => Some(Map::new()),
            Some(Value::Object(config)) => Some(config.clone()),
            Some(_) => {
                self.note("config", Fault::Missing("an object"));
                None
            }
        };
        // Status rules are a setting of every feature; they stand beside `config` or in it.
        let mut config = config?;
        let inside = config.remove("status_rules");
        let (place, rules) = match (node.get("status_rules"), &inside) {
            (Some(rules), _) => ("status_rules", Some(rules)),
            (None, inside) => ("config.status_rules", inside.as_ref()),
        };
        let status_rules = self.status_rules(place, rules, feature);
        let feature = feature?;
        self.ignored.extend(feature.keep_known(&mut config));
        Some(FeatureNode { feature, label: label?, config, status_rules: status_rules?, next: next? })
    }

    fn status_rules(
        &mut self,
        place: &str,
        rules: Option<&Value>,
        feature: Option<Feature>,
    ) -> Option<Vec<StatusRule>> {
        let rules = self.list(rules, place, MAX_RULES)?;
        let mut read = Vec::with_capacity(rules.len());
        for (i, json) in rules.iter().enumerate() {
            let place = format!("{place}[{i}]");
            let rule = self.rule(&place, json, feature);
            let status = json.get("status").and_then(Value::as_str).and_then(|word| word.parse().ok());
            match (rule, status) {
                (rule, Some(status @ (FeatureStatus::Declined | FeatureStatus::InReview))) => {
                    read.extend(rule.map(|rule| StatusRule { rule, status }));
                }
                (_, _) => {
                    let seen = json.get("status").and_then(Value::as_str).unwrap_or_default();
                    let known = format!("{}, {}", FeatureStatus::Declined, FeatureStatus::InReview);
                    self.note(format!("{place}.status"), Fault::Word(UnknownWord::new(seen, known)));
                }
            }
        }
        (read.len() == rules.len()).then_some(read)
    }

    fn action(&mut self, node: &Map<String, Value>) -> Option<ActionNode> {
        let next = self.exit(node, "next", "next".to_owned());
        let kind = self.word(node, "action", ActionKind::parse, ActionKind::list)?;
        let empty = Map::new();
        let config = node.get("config").and_then(Value::as_object).unwrap_or(&empty);
        let member = match kind {
            ActionKind::AddTag => "tag",
            ActionKind::AddNote => "comment",
        };
        let text = config.get(member).and_then(Value::as_str).map(str::trim);
        let Some(text) = text.filter(|text| !text.is_empty() && text.chars().count() <= MAX_TEXT) else {
            self.note(format!("config.{member}"), Fault::Missing("a text of 1 to 200 characters"));
            return None;
        };
        let text = text.to_owned();
        let action = match kind {
            ActionKind::AddTag => Action::AddTag { tag: text },
            ActionKind::AddNote => Action::AddNote { comment: text },
        };
        Some(ActionNode { action, next: next? })
    }

    fn webhook(&mut self, node: &Map<String, Value>) -> Option<WebhookNode> {
        let next = self.exit(node, "next", "next".to_owned());
        let destination = match node.get("config").and_then(|config| config.get("destination")) {
            None | Some(Value::Null) => None,
            Some(value) => match value.as_str().and_then(|text| text.parse::<Uuid>().ok()) {
                Some(destination) => Some(destination),
                None => {
                    self.note("config.destination", Fault::Missing("the UUID of a registered destination"));
                    return None;
                }
            },
        };
        Some(WebhookNode { destination, next: next? })
    }

    fn branches(&mut self, node: &Map<String, Value>) -> Option<Vec<Branch>> {
        let branches = self.list(node.get("branches"), "branches", MAX_BRANCHES)?;
        if branches.is_empty() {
            self.note("branches", Fault::NoElse);
            return None;
        }
        let mut read = Vec::with_capacity(branches.len());
        let mut ids = BTreeSet::new();
        let before = self.problems.len();
        for (i, json) in branches.iter().enumerate() {
            let place = format!("branches[{i}]");
            let Value::Object(branch) = json else {
                self.note(place, Fault::Missing("an object"));
                continue;
            };
            let goto = self.exit(branch, "goto", format!("{place}.goto"));
            let id = self.branch_id(branch, i, &place);
            if id.as_ref().is_some_and(|id| !ids.insert(id.clone())) {
                self.note(format!("{place}.id"), Fault::Twice);
            }
            let logic = match branch.get("logic") {
                None | Some(Value::Null) => Some(Logic::And),
                Some(_) => self.word_at(branch, "logic", format!("{place}.logic"), Logic::parse, Logic::list),
            };
            let rules = self.rules(branch, &place);
            // A branch without rules takes everything: those behind it are never looked at.
            match (&rules, i + 1 == branches.len()) {
                (Some(rules), false) if rules.is_empty() => self.note(format!("{place}.rules"), Fault::ElseNotLast),
                (Some(rules), true) if !rules.is_empty() => self.note("branches", Fault::NoElse),
                (Some(_) | None, _) => {}
            }
            if let (Some(id), Some(logic), Some(rules), Some(goto)) = (id, logic, rules, goto) {
                read.push(Branch { id, logic, rules, goto });
            }
        }
        (self.problems.len() == before).then_some(read)
    }

    fn branch_id(&mut self, branch: &Map<String, Value>, i: usize, place: &str) -> Option<String> {
        match branch.get("id") {
            None | Some(Value::Null) => Some(format!("branch-{i}")),
            Some(Value::String(text)) if (1..=MAX_ID).contains(&text.len()) => Some(text.clone()),
            Some(_) => {
                self.note(format!("{place}.id"), Fault::Missing("a text of 1 to 64 bytes"));
                None
            }
        }
    }

    fn rules(&mut self, branch: &Map<String, Value>, place: &str) -> Option<Vec<Rule>> {
        let place = format!("{place}.rules");
        let rules = self.list(branch.get("rules"), &place, MAX_RULES)?;
        let mut read = Vec::with_capacity(rules.len());
        for (i, json) in rules.iter().enumerate() {
            let place = format!("{place}[{i}]");
            if let Some(rule) = self.rule(&place, json, None) {
                self.outline.asked.push((format!("{place}.field"), rule.field.clone()));
                read.push(rule);
            }
        }
        (read.len() == rules.len()).then_some(read)
    }

    fn rule(&mut self, place: &str, json: &Value, home: Option<Feature>) -> Option<Rule> {
        let Value::Object(rule) = json else {
            self.note(place, Fault::Missing("an object"));
            return None;
        };
        match Rule::read(rule, home) {
            Ok(rule) => Some(rule),
            Err(faults) => {
                for fault in faults {
                    self.note(format!("{place}.{}", fault.member), Fault::Rule(fault.error));
                }
                None
            }
        }
    }

    fn exit(&mut self, object: &Map<String, Value>, member: &str, place: String) -> Option<NodeId> {
        match object.get(member) {
            Some(Value::String(text)) => match text.parse::<NodeId>() {
                Ok(id) => {
                    self.outline.exits.push((place, id.clone()));
                    Some(id)
                }
                Err(_) => {
                    self.note(place, Fault::NodeId);
                    None
                }
            },
            None | Some(_) => {
                self.note(place, Fault::NoExit);
                None
            }
        }
    }

    fn list<'v>(&mut self, value: Option<&'v Value>, place: &str, most: usize) -> Option<&'v [Value]> {
        match value {
            None | Some(Value::Null) => Some(&[]),
            Some(Value::Array(items)) if items.len() <= most => Some(items),
            Some(Value::Array(_)) => {
                self.note(place, Fault::TooMany(most));
                None
            }
            Some(_) => {
                self.note(place, Fault::Missing("a list"));
                None
            }
        }
    }

    fn optional_text(&mut self, node: &Map<String, Value>, member: &str) -> Option<Option<String>> {
        match node.get(member) {
            None | Some(Value::Null) => Some(None),
            Some(Value::String(text)) if text.chars().count() <= MAX_TEXT => Some(Some(text.clone())),
            Some(_) => {
                self.note(member, Fault::Missing("a text of at most 200 characters"));
                None
            }
        }
    }

    fn word<T>(
        &mut self,
        object: &Map<String, Value>,
        member: &str,
        parse: fn(&str) -> Option<T>,
        list: fn() -> String,
    ) -> Option<T> {
        self.word_at(object, member, member.to_owned(), parse, list)
    }

    fn word_at<T>(
        &mut self,
        object: &Map<String, Value>,
        member: &str,
        place: String,
        parse: fn(&str) -> Option<T>,
        list: fn() -> String,
    ) -> Option<T> {
        let seen = object.get(member).and_then(Value::as_str).unwrap_or_default();
        let found = parse(seen);
        if found.is_none() {
            self.note(place, Fault::Word(UnknownWord::new(seen, list())));
        }
        found
    }
}
