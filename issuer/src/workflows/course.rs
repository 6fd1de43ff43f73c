//! The course of a session through the graph of its workflow: what the graph says after each step.
//!
//! What the checks found goes into the graph as it stands in the decision (`kyc.issuing_state`, `liveness.score`, …). The graph can
//! end a session early, decline it or send it to a person; it can approve nobody whom the verdict did not.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;
use warifu_session::decision::{Decision, Warning};
use warifu_session::workflow::engine::{Evidence, Finding, Step, walk};
use warifu_session::workflow::graph::{Action, Ending};
use warifu_session::workflow::{Feature, Graph, Node, NodeId};
use warifu_session::{FeatureStatus, Status};

use crate::Issuer;
use crate::kyc::checks;
use crate::kyc::decision::{self, DOCUMENT_CHECKS, status_by_checks};
use crate::kyc::evidence::{Against, Evidence as Measured};
use crate::kyc::service::{status_of, today};
use crate::kyc::session::OpenSession;

/// How a session went through its graph, as the decision shows it.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Course {
    /// The nodes that were passed, in order.
    pub passed: Vec<String>,
    /// The status node that ended it; absent while something is left to do.
    pub ended_at: Option<String>,
    /// Words that action nodes on the way marked it with.
    pub tags: Vec<String>,
    /// Comments that action nodes on the way left for reviewers.
    pub notes: Vec<String>,
    /// What it waits for.
    #[serde(skip)]
    pub(crate) asks: Option<(NodeId, Feature)>,
    #[serde(skip)]
    calls: Option<NodeId>,
    /// What the graph comes to; absent while something is left to do.
    #[serde(skip)]
    pub(crate) status: Option<Status>,
    #[serde(skip)]
    statuses: Vec<(NodeId, Feature, FeatureStatus)>,
    /// The status rules that applied.
    #[serde(skip)]
    pub(crate) warnings: Vec<Warning>,
}

impl Issuer {
    /// Says what the session is now: by its verdict, and by its graph where it has one. Gives the audit action, which is
    /// `otherwise` while the person has more to do.
    pub(crate) fn settle(&self, open: &mut OpenSession, otherwise: &'static str, now: Timestamp) -> &'static str {
        open.personal.walked_at = Some(now);
        // To pass a webhook node is to have told it: the event goes out with the commit of this step.
        let course = loop {
            let course = self.course(open, now);
            match course.as_ref().and_then(|course| course.calls.clone()) {
                Some(node) => drop(open.personal.called.insert(node)),
                None => break course,
            }
        };
        let complete = open.personal.stage.verdict(&open.session.workflow).is_some();
        let (of_verdict, action) = status_of(&open.personal.stage, &open.session.workflow);
        let asks_questions = course.as_ref().is_some_and(|course| open.asked(course).is_some());
        let status = match course {
            Some(course) => course.status,
            None => complete.then_some(of_verdict),
        };
        match status {
            Some(status) => {
                open.session.status = status;
                match status {
                    Status::Approved => action,
                    Status::Declined => "session.declined",
                    _ => "session.in_review",
                }
            }
            // There is nothing more that could be asked for, and the graph asks: a person has to look.
            None if complete && !asks_questions => {
                open.session.status = Status::InReview;
                "session.in_review"
            }
            None => otherwise,
        }
    }

    /// The course of a session through its graph, if it has one, at the time when it last went a step.
    pub(crate) fn course(&self, open: &OpenSession, now: Timestamp) -> Option<Course> {
        let graph = open.session.workflow.graph.as_ref()?;
        let now = open.personal.walked_at.unwrap_or(now);
        let walked_evidence = self.found(graph, open, now);
        let walked = walk(graph, &walked_evidence);
        let (of_verdict, _) = status_of(&open.personal.stage, &open.session.workflow);
        let (ended_at, status) = match walked.step {
            Step::Ask { .. } | Step::Run { .. } | Step::Call { .. } => (None, None),
            Step::End { node, ending } => {
                let status = match ending {
                    Ending::Declined => Status::Declined,
                    Ending::InReview => Status::InReview,
                    // Nobody is approved whom the checks did not approve.
                    Ending::Approved => of_verdict,
                    Ending::Determine => worse(of_verdict, walked.determined()),
                };
                (Some(node.to_string()), Some(status))
            }
        };
        let actions = || {
            walked.passed.iter().filter_map(|node| match graph.nodes().get(*node) {
                Some(Node::Action(node)) => Some(&node.action),
                Some(Node::Feature(_) | Node::Branch(_) | Node::Status(_) | Node::Webhook(_)) | None => None,
            })
        };
        let tag = |action: &Action| match action {
            Action::AddTag { tag } => Some(tag.clone()),
            Action::AddNote { .. } => None,
        };
        let note = |action: &Action| match action {
            Action::AddNote { comment } => Some(comment.clone()),
            Action::AddTag { .. } => None,
        };
        let (asks, calls) = match walked.step {
            Step::Ask { node, feature } => (Some((node.clone(), feature.feature)), None),
            Step::Call { node, .. } => (None, Some(node.clone())),
            Step::Run { .. } | Step::End { .. } => (None, None),
        };
        Some(Course {
            asks,
            calls,
            passed: walked.passed.iter().map(ToString::to_string).collect(),
            ended_at,
            tags: actions().filter_map(tag).collect(),
            notes: actions().filter_map(note).collect(),
            status,
            statuses: walked
                .statuses
                .iter()
                .map(|(node, feature, status)| ((*node).clone(), *feature, *status))
                .collect(),
            warnings: walked.triggered.iter().map(|triggered| triggered.warning()).collect(),
        })
    }

    /// What is known to the graph: the items of the decision, each under its node.
    fn found(&self, graph: &Graph, open: &OpenSession, now: Timestamp) -> Evidence {
        let mut evidence = Evidence::of(&open.session.id.to_string());
        // An action is carried out by being passed: what it leaves behind is read from the course.
        let actions = graph.nodes().iter().filter(|(_, node)| matches!(node, Node::Action(_)));
        evidence.carried_out = actions.map(|(id, _)| id).chain(&open.personal.called).cloned().collect();
        let decision = decision::of(open, self, now);
        let decided = !open.personal.stage.signals().is_empty();
        for (id, node) in graph.features() {
            if node.feature == Feature::Questionnaire {
                evidence.findings.extend(open.answers_found(id).map(|found| (id.clone(), found)));
                continue;
            }
            let item = match node.feature {
                Feature::Ocr => first(decision.id_verifications.as_deref()),
                Feature::Liveness if decided => first(decision.liveness_checks.as_deref()),
                Feature::FaceMatch if decided => first(decision.face_matches.as_deref()),
                _ => None,
            };
            let status = match node.feature {
                Feature::Ocr if !decided => of_document(open, now),
                _ => item.as_ref().and_then(|item| item.get("status")?.as_str()?.parse().ok()),
            };
            if let (Some(facts), Some(status)) = (item, status) {
                // Everything was looked at that will be: what could not be performed is for a person.
                let status =
                    if decided && status == FeatureStatus::NotFinished { FeatureStatus::InReview } else { status };
                evidence.findings.insert(id.clone(), Finding { status, facts });
            }
        }
        evidence
    }
}

impl Course {
    /// Writes into a decision what the graph says: the nodes, and what the status rules made of the features.
    pub(crate) fn write_into(&self, decision: &mut Decision, graph: &Graph) {
        let node_of =
            |feature: Feature| graph.features().find(|(_, node)| node.feature == feature).map(|(id, _)| id.to_string());
        let status_of = |feature: Feature| {
            self.statuses.iter().rev().find(|(_, other, _)| *other == feature).map(|(_, _, status)| *status)
        };
        let warnings_of = |feature: Feature| {
            let own = self.warnings.iter().filter(move |warning| warning.feature == feature.decision_name());
            own.cloned().collect::<Vec<_>>()
        };
        for row in &mut decision.features {
            let feature = Feature::ALL.iter().copied().find(|feature| feature.decision_name() == row.feature);
            if feature == Some(Feature::Questionnaire) {
                let node = row.node_id.as_deref();
                row.status = self.status_at(node).unwrap_or(row.status);
            } else if let Some(feature) = feature {
                row.node_id = node_of(feature);
                row.status = status_of(feature).unwrap_or(row.status);
            }
        }
        macro_rules! items {
            ($items:expr, $feature:expr) => {
                for item in $items.iter_mut().flatten() {
                    item.node_id = node_of($feature).unwrap_or_default();
                    item.status = status_of($feature).unwrap_or(item.status);
                    for warning in &mut item.warnings {
                        warning.node_id = node_of($feature);
                    }
                    item.warnings.extend(warnings_of($feature));
                }
            };
        }
        items!(decision.id_verifications, Feature::Ocr);
        items!(decision.liveness_checks, Feature::Liveness);
        items!(decision.face_matches, Feature::FaceMatch);
        for item in decision.questionnaire_responses.iter_mut().flatten() {
            let node = item["node_id"].as_str().map(str::to_owned);
            if let Some(status) = self.status_at(node.as_deref()) {
                item["status"] = status.word().into();
            }
            let own = self.warnings.iter().filter(|warning| warning.node_id == node);
            item["warnings"] = json!(own.collect::<Vec<_>>());
        }
    }

    /// The status of a node that was passed.
    fn status_at(&self, node: Option<&str>) -> Option<FeatureStatus> {
        let found = self.statuses.iter().find(|(other, _, _)| Some(other.as_str()) == node);
        found.map(|(_, _, status)| *status)
    }
}

/// The first item of a feature as facts.
fn first<T: Serialize>(items: Option<&[T]>) -> Option<Map<String, Value>> {
    match serde_json::to_value(items?.first()?) {
        Ok(Value::Object(facts)) => Some(facts),
        Ok(_) | Err(_) => None,
    }
}

/// How the document stands before the selfie is there.
fn of_document(open: &OpenSession, now: Timestamp) -> Option<FeatureStatus> {
    let document = open.personal.stage.document()?;
    let measured = Measured { against: Against::Document(&document.read), selfie: None, today: today(now) };
    let signals = checks::run(&checks::of_document(&open.session.workflow), &measured);
    Some(status_by_checks(DOCUMENT_CHECKS, &signals, &open.session.workflow))
}

/// The worse of two statuses: what is not approved is not made good by the other.
fn worse(a: Status, b: Status) -> Status {
    match (a, b) {
        (Status::Declined, _) | (_, Status::Declined) => Status::Declined,
        (Status::Approved, Status::Approved) => Status::Approved,
        (_, _) => Status::InReview,
    }
}
