//! Why a session is what it is: every check with what was measured, what that was held against, what followed, and the
//! setting that would change it.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;
use warifu_session::Status;
use warifu_session::decision::{StatusOverride, Warning};

use crate::kyc::check::{CheckName, Code, Outcome, Signal};
use crate::kyc::decision;
use crate::kyc::review::Feature;
use crate::kyc::service::status_of;
use crate::kyc::session::OpenSession;
use crate::kyc::stage::Stage;
use crate::kyc::verdict::Cause;
use crate::kyc::workflow::{Consequence, Kind, Workflow};
use crate::workflows::course::Course;
use crate::{Error, Issuer};

/// Why a session is what it is.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Explanation {
    /// The session.
    pub session_id: Uuid,
    /// What it is.
    pub status: Status,
    /// What the checks came to; `null` before they spoke.
    pub automatic_status: Option<Status>,
    /// Set where a reviewer decided otherwise.
    pub status_override: Option<StatusOverride>,
    /// What made it so, the gravest first: of an approval, what it wants said aloud.
    pub causes: Vec<Cause>,
    /// Every check that the workflow has, in the order they run.
    pub checks: Vec<Explained>,
    /// The way through the graph of the workflow, where it has one: `ended_at` is the node that made the status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub course: Option<Course>,
    /// The status rules of the graph that applied, each with the fact, what it was held against and what followed.
    pub rules: Vec<Warning>,
}

/// One check.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = ExplainedCheck)]
pub struct Explained {
    /// Feature that it belongs to.
    pub feature: Feature,
    /// What followed from it; `null` before the checks spoke.
    pub consequence: Option<Consequence>,
    /// The setting of the workflow that made that follow, or `fixed`.
    pub knob: &'static str,
    /// What that setting stands at; `null` for `fixed`.
    pub knob_value: Value,
    /// What the check said.
    #[serde(flatten)]
    pub signal: Signal,
}

impl Issuer {
    /// Explains a session.
    ///
    /// # Errors
    /// [`Error::NoSuchSession`], [`Error::Erased`].
    pub async fn explain(&self, id: Uuid, now: Timestamp) -> Result<Explanation, Error> {
        let open = self.seen_by_id(id).await?.open;
        let course = self.course(&open, now);
        Ok(explain(&open, course, now))
    }
}

fn explain(open: &OpenSession, course: Option<Course>, now: Timestamp) -> Explanation {
    let (session, stage) = (&open.session, &open.personal.stage);
    let workflow = &session.workflow;
    let verdict = stage.verdict(workflow);
    let settings = serde_json::to_value(workflow).unwrap_or_default();
    let checks =
        CheckName::ALL.iter().filter(|check| belongs(**check, workflow) || said_by(stage, **check)).map(|check| {
            let said = stage.signals().iter().find(|signal| signal.name == *check);
            let signal = said.cloned().unwrap_or_else(|| Signal::new(*check, Outcome::NotRun, Code::NotMade));
            let (consequence, knob) = match said {
                Some(signal) => workflow.consequence(*check, signal.outcome),
                // A check that said nothing sends the session to a person, whatever the settings say.
                None => (Consequence::Review, "fixed"),
            };
            Explained {
                feature: decision::feature_of(*check),
                consequence: verdict.is_some().then_some(consequence),
                knob,
                knob_value: settings.get(knob).cloned().unwrap_or_default(),
                signal,
            }
        });
    Explanation {
        session_id: session.id,
        status: session.status_at(now),
        automatic_status: match &course {
            Some(course) => course.status,
            None => verdict.is_some().then(|| status_of(stage, workflow).0),
        },
        status_override: open.personal.overridden,
        checks: checks.collect(),
        rules: course.iter().flat_map(|course| course.warnings.clone()).collect(),
        course,
        causes: verdict.map(|verdict| verdict.causes().to_vec()).unwrap_or_default(),
    }
}

fn said_by(stage: &Stage, check: CheckName) -> bool {
    stage.signals().iter().any(|signal| signal.name == check)
}

fn belongs(check: CheckName, workflow: &Workflow) -> bool {
    let document = decision::feature_of(check) == Feature::IdVerification;
    workflow.needs(check) && !(document && workflow.kind == Kind::BiometricAuthentication)
}
