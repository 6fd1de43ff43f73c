//! Questionnaires in a session: which one the graph asks for, and what the person answered.
//!
//! A questionnaire is pinned when its workflow is published, so a session asks what was asked on the day it began. Answers are
//! personal data: they lie in the sealed part of the session, files beside them as sealed blobs, and go with it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use uuid::Uuid;
use warifu_session::FeatureStatus;
use warifu_session::workflow::engine::Finding;
use warifu_session::workflow::questionnaire::form::Fields;
use warifu_session::workflow::questionnaire::{About, AnswerFault, AnswerProblem, Answers, Questionnaire};
use warifu_session::workflow::validate::always_before;
use warifu_session::workflow::{Feature, Graph, Node, NodeId};
use warifu_store::blob::BlobId;

use crate::kyc::evidence::Kept;
use crate::kyc::media::Medium;
use crate::kyc::service::{Progress, Written};
use crate::kyc::session::OpenSession;
use crate::kyc::stage::OutOfTurn;
use crate::workflows::course::Course;
use crate::{Error, Issuer};

/// Largest file that a person may hand over with an answer, in bytes.
pub const FILE: usize = 10 * 1024 * 1024;

/// A questionnaire as it was when its workflow was published.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pinned {
    /// Its identifier.
    pub id: Uuid,
    /// Its version.
    pub version: u32,
    /// What is asked.
    pub questionnaire: Questionnaire,
    /// Whether a person looks at the answers.
    pub reviewed: bool,
}

/// What a person answered at one node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Answered {
    /// The answers.
    pub answers: Answers,
    /// The files that they name.
    #[serde(default)]
    pub files: BTreeMap<String, GivenFile>,
    /// When.
    pub at: Timestamp,
}

/// A file that a person handed over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GivenFile {
    /// What the person calls it.
    pub name: String,
    /// Where it is kept.
    pub kept: Kept,
}

/// A file on its way in.
#[derive(Debug, Clone)]
pub struct Handing {
    /// The field of the form that it came in.
    pub field: String,
    /// What the person calls it.
    pub name: String,
    /// What its first bytes say it is.
    pub media_type: &'static str,
    /// The content.
    pub bytes: Vec<u8>,
}

/// Where questions are asked among the other steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Slot {
    /// Before everything else.
    First,
    /// Behind the document.
    BehindDocument,
    /// Behind the selfie.
    Last,
}

/// What a session asks for.
#[derive(Debug, Clone, PartialEq)]
pub struct Asking {
    /// The node of the graph.
    pub node: NodeId,
    /// Where that is.
    pub slot: Slot,
    /// What it asks.
    pub pinned: Pinned,
}

/// What a person gives for an answer.
#[derive(Debug, Clone)]
pub enum Given {
    /// The fields of the page's form, and the files in it.
    Form(Fields, Vec<Handing>),
    /// JSON, as a program sends it. It carries no files.
    Json(Map<String, Value>),
}

impl Issuer {
    /// The questionnaire that the graph of a session asks for now, if it does.
    pub(crate) fn asking(&self, open: &OpenSession, now: Timestamp) -> Option<Asking> {
        let course = self.course(open, now)?;
        let (node, pinned) = open.asked(&course)?;
        let slot = slot(open.session.workflow.graph.as_ref()?, node);
        Some(Asking { pinned: pinned.clone(), slot, node: node.clone() })
    }

    /// Refuses everything but answers while the graph asks a questionnaire.
    pub(crate) fn check_due(&self, open: &OpenSession, now: Timestamp) -> Result<(), Error> {
        self.check_open(&open.session, now)?;
        if self.asks_questions(open, now) { Err(OutOfTurn("picture").into()) } else { Ok(()) }
    }

    /// Whether the graph of a session asks a questionnaire now.
    pub(crate) fn asks_questions(&self, open: &OpenSession, now: Timestamp) -> bool {
        self.course(open, now).is_some_and(|course| open.asked(&course).is_some())
    }

    /// Takes the answers for the node that the session waits at. Answers that do not fit change nothing: what is wrong with each
    /// comes back.
    ///
    /// # Errors
    /// [`Error::OutOfTurn`] where the session waits for something else, or at another node; [`Error::Over`].
    pub async fn answer_questions(
        &self,
        token: &str,
        node: &str,
        given: Given,
        now: Timestamp,
    ) -> Result<Result<Progress, Vec<AnswerProblem>>, Error> {
        let seen = self.seen_by_token(token).await?;
        self.check_open(&seen.open.session, now)?;
        let asking = self.asking(&seen.open, now).filter(|asking| asking.node.as_str() == node);
        let Asking { node, pinned, .. } = asking.ok_or(OutOfTurn("questionnaire"))?;
        let (answers, handed) = match self.judge(&pinned.questionnaire, given) {
            Ok(fitting) => fitting,
            Err(problems) => return Ok(Err(problems)),
        };
        let mut files = BTreeMap::new();
        for (id, file) in handed {
            let kept = self.keep(&seen.open, &format!("file {id}"), &file.bytes, file.media_type).await;
            match kept {
                Ok(kept) => drop(files.insert(id, GivenFile { name: file.name, kept })),
                Err(error) => {
                    self.drop_files(&files).await?;
                    return Err(error);
                }
            }
        }
        let answered = Answered { answers, files, at: now };
        let done = self
            .change(token, now, |open| {
                let course = self.course(open, now);
                if course.as_ref().and_then(|course| open.asked(course)).is_none_or(|(asked, _)| *asked != node) {
                    return Err(OutOfTurn("questionnaire").into());
                }
                open.personal.answers.insert(node.clone(), answered.clone());
                let action = self.settle(open, "session.questions_answered", now);
                Ok(Written::from(action).fact("node", &node))
            })
            .await;
        match done {
            Ok(seen) => Ok(Ok(self.progress_of(&seen, Vec::new(), now))),
            Err(error) => {
                self.drop_files(&answered.files).await?;
                Err(error)
            }
        }
    }

    /// The answers with their files under fresh identifiers, or everything that is wrong.
    fn judge(
        &self,
        questionnaire: &Questionnaire,
        given: Given,
    ) -> Result<(Answers, BTreeMap<String, Handing>), Vec<AnswerProblem>> {
        let (given, handed) = match given {
            Given::Json(given) => (given, BTreeMap::new()),
            Given::Form(mut fields, handed) => {
                let bad = |file: &&Handing| !takes(questionnaire, file);
                let problems: Vec<_> = handed.iter().filter(bad).map(|file| not_a_file(&file.field)).collect();
                if !problems.is_empty() {
                    return Err(problems);
                }
                let mut kept = BTreeMap::new();
                for file in handed {
                    let id = self.fresh_id().simple().to_string();
                    fields.files.entry(file.field.clone()).or_default().push(id.clone());
                    kept.insert(id, file);
                }
                (questionnaire.given(fields), kept)
            }
        };
        let answers = questionnaire.answer(&given)?;
        // An answer may name no file but those that came with it.
        match unknown_file(questionnaire, answers.values(), &handed) {
            Some(element) => Err(vec![not_a_file(&element)]),
            None => Ok((answers, handed)),
        }
    }

    /// `questionnaire_responses` of the decision: those that were answered, in the order of their nodes, with links to the files.
    pub(crate) fn responses(&self, open: &OpenSession, now: Timestamp) -> Option<Vec<Value>> {
        let pinned = &open.session.workflow.questionnaires;
        let response = |(node, answered): (&NodeId, &Answered)| {
            let Pinned { id, version, questionnaire, .. } = pinned.get(node)?;
            let status = open.answers_status(node);
            let about = About { node_id: node.as_str(), status, questionnaire_id: *id, version: *version };
            let mut response = questionnaire.response(&answered.answers, &about);
            let file = |(id, file): (&String, &GivenFile)| {
                let url = self.media_url(open, Medium::File(id), now);
                json!({ "id": id, "name": file.name, "media_type": file.kept.media_type, "bytes": file.kept.bytes, "url": url })
            };
            response["files"] = answered.files.iter().map(file).collect();
            response["answered_at"] = json!(answered.at);
            Some(response)
        };
        let all: Vec<Value> = open.personal.answers.iter().filter_map(response).collect();
        (!all.is_empty()).then_some(all)
    }

    async fn drop_files(&self, files: &BTreeMap<String, GivenFile>) -> Result<(), Error> {
        for file in files.values() {
            self.blobs.delete(file.kept.blob).await?;
        }
        Ok(())
    }
}

impl OpenSession {
    /// The questionnaire that a course waits for, and its node.
    pub(crate) fn asked<'a>(&'a self, course: &'a Course) -> Option<(&'a NodeId, &'a Pinned)> {
        let (node, feature) = course.asks.as_ref()?;
        let pinned = self.session.workflow.questionnaires.get(node).filter(|_| *feature == Feature::Questionnaire)?;
        Some((node, pinned))
    }

    /// Where a session asks questions, as far as can be said: a graph that branches may ask less than it has, so only what was
    /// asked counts there, and what is `asked` now.
    pub(crate) fn slots(&self, asked: Option<&NodeId>) -> Vec<Slot> {
        let Some(graph) = &self.session.workflow.graph else { return Vec::new() };
        let branches = graph.nodes().values().any(|node| matches!(node, Node::Branch(_)));
        let counts = |node: &NodeId| !branches || self.personal.answers.contains_key(node) || asked == Some(node);
        let nodes = self.session.workflow.questionnaires.keys().filter(|node| counts(node));
        let mut slots: Vec<Slot> = nodes.map(|node| slot(graph, node)).collect();
        slots.sort_unstable();
        slots.dedup();
        slots
    }

    /// Where everything that the person handed over is kept: pictures, and the files with their answers.
    pub(crate) fn blobs(&self) -> Vec<BlobId> {
        let files = self.personal.answers.values().flat_map(|answered| answered.files.values());
        self.personal.stage.pictures().into_iter().chain(files.map(|file| file.kept.blob)).collect()
    }

    /// What the answers at a node say to the graph.
    pub(crate) fn answers_found(&self, node: &NodeId) -> Option<Finding> {
        let answered = self.personal.answers.get(node)?;
        Some(Finding { status: self.answers_status(node), facts: answered.answers.values().clone() })
    }

    fn answers_status(&self, node: &NodeId) -> FeatureStatus {
        match (self.personal.answers.get(node), self.session.workflow.questionnaires.get(node)) {
            (Some(_), Some(pinned)) if !pinned.reviewed => FeatureStatus::Approved,
            (Some(_), _) => FeatureStatus::InReview,
            (None, _) => FeatureStatus::NotStarted,
        }
    }

    /// The questionnaires of the graph, and how they stand.
    pub(crate) fn questionnaire_rows(&self) -> Vec<(&NodeId, FeatureStatus)> {
        let graph = self.session.workflow.graph.as_ref();
        let nodes = graph.into_iter().flat_map(Graph::features);
        let asks = nodes.filter(|(_, node)| node.feature == Feature::Questionnaire);
        asks.map(|(node, _)| (node, self.answers_status(node))).collect()
    }
}

/// Where a node stands among the steps that take pictures.
fn slot(graph: &Graph, node: &NodeId) -> Slot {
    let before = always_before(graph);
    let has = |feature| before.get(node).is_some_and(|before| before.contains(&feature));
    match (has(Feature::Ocr), has(Feature::FaceMatch)) {
        (_, true) => Slot::Last,
        (true, false) => Slot::BehindDocument,
        (false, false) => Slot::First,
    }
}

/// Whether a file came in a field that takes one of its kind. What the browser calls it is not believed.
fn takes(questionnaire: &Questionnaire, file: &Handing) -> bool {
    use warifu_session::workflow::questionnaire::ElementType::{FileUpload, Image};
    let field = file.field.rsplit('.').next().unwrap_or_default();
    let elements =
        questionnaire.elements().iter().flat_map(|element| std::iter::once(element).chain(&element.form_elements));
    let picture = file.media_type.starts_with("image/");
    let mut of_name = elements.filter(|element| element.id == field);
    of_name.any(|element| match element.element_type {
        Image => picture,
        FileUpload => picture || file.media_type == "application/pdf",
        _ => false,
    })
}

fn not_a_file(element: &str) -> AnswerProblem {
    AnswerProblem { element: element.to_owned(), fault: AnswerFault::NotFiles }
}

/// The first element whose answer names a file that did not come.
fn unknown_file(
    questionnaire: &Questionnaire,
    answers: &Map<String, Value>,
    handed: &BTreeMap<String, Handing>,
) -> Option<String> {
    use warifu_session::workflow::questionnaire::ElementType::{FileUpload, Image, RepeatableGroup};
    let unknown = |value: Option<&Value>| {
        let ids = value.and_then(Value::as_array).into_iter().flatten();
        ids.filter_map(Value::as_str).any(|id| !handed.contains_key(id))
    };
    questionnaire.elements().iter().find_map(|element| match element.element_type {
        Image | FileUpload => unknown(answers.get(&element.id)).then(|| element.id.clone()),
        RepeatableGroup => {
            let entries = answers.get(&element.id).and_then(Value::as_array).into_iter().flatten();
            let files = element.form_elements.iter().filter(|child| matches!(child.element_type, Image | FileUpload));
            let files: Vec<_> = files.collect();
            entries.enumerate().find_map(|(i, entry)| {
                let child = files.iter().find(|child| unknown(entry.get(&child.id)))?;
                Some(format!("{}[{i}].{}", element.id, child.id))
            })
        }
        _ => None,
    })
}
