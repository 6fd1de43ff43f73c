//! The conclusion from the outcomes of all checks.

use std::collections::BTreeSet;

use serde::Serialize;
use utoipa::ToSchema;

use crate::kyc::check::{CheckName, Code, Outcome, Signal};
use crate::kyc::identity::Identity;
use crate::kyc::workflow::{Consequence, Workflow};

/// An identity that passed every check its workflow asks for. Only [`decide`] makes one, so minting cannot skip it.
#[derive(Debug, Clone, PartialEq)]
pub struct Approved {
    identity: Box<Identity>,
    passed: Vec<CheckName>,
    warnings: Vec<Cause>,
}

impl Approved {
    /// Who it is.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The checks that passed, in the order they ran. What was not performed is not among them.
    #[must_use]
    pub fn passed(&self) -> &[CheckName] {
        &self.passed
    }

    /// What the workflow lets pass but wants said aloud.
    #[must_use]
    pub fn warnings(&self) -> &[Cause] {
        &self.warnings
    }
}

/// The same person as the reference, and no more: a selfie without a document proves no name, so there is no identity in
/// here and nothing can be minted from it. Only [`recognise`] makes one.
#[derive(Debug, Clone, PartialEq)]
pub struct Recognised {
    warnings: Vec<Cause>,
}

/// How a session ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// Every check passed that had to.
    Approved(Approved),
    /// Every check of a reuse session passed that had to.
    Recognised(Recognised),
    /// At least one check failed in a way that needs no second opinion.
    Declined {
        /// Why, the gravest first.
        causes: Vec<Cause>,
    },
    /// A person has to look.
    InReview {
        /// Why, the gravest first.
        causes: Vec<Cause>,
    },
}

/// One reason for a verdict: what was measured, what it was held against, and which setting made it count.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Cause {
    /// What follows from it.
    pub consequence: Consequence,
    /// The setting of the workflow that made it count, or `fixed`.
    pub knob: &'static str,
    /// What the check said.
    #[serde(flatten)]
    pub signal: Signal,
}

impl Verdict {
    /// The causes, or the warnings of an approval.
    #[must_use]
    pub fn causes(&self) -> &[Cause] {
        match self {
            Self::Approved(approved) => &approved.warnings,
            Self::Recognised(recognised) => &recognised.warnings,
            Self::Declined { causes } | Self::InReview { causes } => causes,
        }
    }
}

/// Draws the conclusion: the gravest consequence decides. A check that said nothing at all sends the session to a
/// person, whatever the workflow says, so leaving a check out can never approve anyone.
#[must_use]
pub fn decide(identity: Identity, signals: &[Signal], workflow: &Workflow) -> Verdict {
    match weigh(signals, CheckName::ALL, workflow) {
        Weight::Declined(causes) => Verdict::Declined { causes },
        Weight::InReview(causes) => Verdict::InReview { causes },
        Weight::Passed(warnings) => {
            let passed =
                signals.iter().filter(|signal| signal.outcome == Outcome::Pass).map(|signal| signal.name).collect();
            Verdict::Approved(Approved { identity: Box::new(identity), passed, warnings })
        }
    }
}

/// The checks without which nobody is recognised.
const RECOGNITION: &[CheckName] = &[
    CheckName::OneLiveFace,
    CheckName::SelfieCapture,
    CheckName::PassiveLiveness,
    CheckName::ActiveLiveness,
    CheckName::FaceMatch,
    CheckName::DuplicateFace,
    CheckName::BlocklistedFace,
];

/// Draws the conclusion of a reuse session, by the same rules: whatever was not said sends it to a person, so liveness
/// alone never passes for the comparison.
#[must_use]
pub fn recognise(signals: &[Signal], workflow: &Workflow) -> Verdict {
    match weigh(signals, RECOGNITION, workflow) {
        Weight::Declined(causes) => Verdict::Declined { causes },
        Weight::InReview(causes) => Verdict::InReview { causes },
        Weight::Passed(warnings) => Verdict::Recognised(Recognised { warnings }),
    }
}

enum Weight {
    Declined(Vec<Cause>),
    InReview(Vec<Cause>),
    Passed(Vec<Cause>),
}

/// What follows from all signals, and from those of `needed` that are missing.
fn weigh(signals: &[Signal], needed: &[CheckName], workflow: &Workflow) -> Weight {
    let said: BTreeSet<CheckName> = signals.iter().map(|signal| signal.name).collect();
    let silent = needed.iter().filter(|name| workflow.needs(**name) && !said.contains(name)).map(|name| Cause {
        consequence: Consequence::Review,
        knob: "fixed",
        signal: Signal::new(*name, Outcome::NotRun, Code::NotMade),
    });
    let mut causes: Vec<Cause> = signals
        .iter()
        .cloned()
        .map(|signal| {
            let (consequence, knob) = workflow.consequence(signal.name, signal.outcome);
            Cause { consequence, knob, signal }
        })
        .chain(silent)
        .filter(|cause| cause.consequence > Consequence::Accept)
        .collect();
    causes.sort_by_key(|cause| std::cmp::Reverse(cause.consequence));
    match causes.first().map_or(Consequence::Accept, |cause| cause.consequence) {
        Consequence::Decline => Weight::Declined(causes),
        Consequence::Review => Weight::InReview(causes),
        Consequence::Accept | Consequence::Warn => Weight::Passed(causes),
    }
}

#[cfg(test)]
mod tests {
    use warifu_models::liveness::Method;

    use super::*;
    use crate::kyc::identity::tests::identity;

    fn signals(changed: &[(CheckName, Outcome)]) -> Vec<Signal> {
        CheckName::ALL
            .iter()
            .map(|name| {
                let outcome =
                    changed.iter().find(|(other, _)| other == name).map_or(Outcome::Pass, |(_, outcome)| *outcome);
                Signal::new(*name, outcome, Code::OneFace)
            })
            .collect()
    }

    #[track_caller]
    fn check(workflow: &Workflow, changed: &[(CheckName, Outcome)], expected: &str) {
        let found = match decide(identity(), &signals(changed), workflow) {
            Verdict::Approved(_) => "approved",
            Verdict::Recognised(_) => "recognised",
            Verdict::Declined { .. } => "declined",
            Verdict::InReview { .. } => "in review",
        };
        assert_eq!(found, expected, "{changed:?} under {}", workflow.label);
    }

    #[test]
    fn verdict_table() {
        use CheckName::*;
        use Outcome::*;
        let (live, sandbox) = (Workflow::live(), Workflow::sandbox());
        for workflow in [&live, &sandbox] {
            check(workflow, &[], "approved");
            check(workflow, &[(ImageQuality, Warn)], "approved");
            check(workflow, &[(ImageQuality, Fail)], "in review");
            check(workflow, &[(MrzCheckDigits, Warn)], "in review");
            check(workflow, &[(MrzCheckDigits, Fail)], "in review");
            check(workflow, &[(MrzVisualZone, Fail)], "in review");
            check(workflow, &[(MrzVisualZone, Warn)], "in review");
            check(workflow, &[(DocumentExpiry, Fail)], "declined");
            check(workflow, &[(DocumentExpiry, NotRun)], "in review");
            check(workflow, &[(DocumentIssuer, Fail)], "declined");
            check(workflow, &[(MinimumAge, Fail)], "declined");
            check(workflow, &[(ExpectedDetails, Fail)], "in review");
            check(workflow, &[(FaceMatch, Warn)], "in review");
            check(workflow, &[(FaceMatch, Fail)], "declined");
            check(workflow, &[(FaceMatch, NotRun)], "in review");
            check(workflow, &[(PassiveLiveness, Fail)], "in review");
            check(workflow, &[(PassiveLiveness, Warn)], "in review");
            check(workflow, &[(OneLiveFace, Fail)], "in review");
            check(workflow, &[(BlocklistedFace, Fail)], "declined");
            check(workflow, &[(BlocklistedFace, Warn)], "in review");
            check(workflow, &[(BlocklistedFace, NotRun)], "in review");
            check(workflow, &[(DuplicateFace, NotRun)], "in review");
            check(workflow, &[(MrzCheckDigits, Warn), (FaceMatch, Fail)], "declined");
        }
        check(&live, &[(DuplicateFace, Fail)], "in review");
        check(&live, &[(DuplicateFace, Warn)], "in review");
        check(&sandbox, &[(DuplicateFace, Fail)], "approved");
        check(&live, &[(PassiveLiveness, NotRun)], "in review");
        check(&sandbox, &[(PassiveLiveness, NotRun)], "approved");
        check(&live, &[(MrzVisualZone, NotRun)], "in review");
        check(&sandbox, &[(MrzVisualZone, NotRun)], "in review");
        let lenient = Workflow { visual_zone_not_read: Consequence::Warn, ..sandbox.clone() };
        check(&lenient, &[(MrzVisualZone, NotRun)], "approved");
        let strict = Workflow { liveness_failed: Consequence::Decline, ..live };
        check(&strict, &[(PassiveLiveness, Fail)], "declined");
    }

    #[test]
    fn a_check_that_says_nothing_never_approves() {
        // What a client expects is asked of nobody else.
        for left_out in CheckName::ALL.iter().filter(|name| **name != CheckName::ExpectedDetails) {
            let some: Vec<_> = signals(&[]).into_iter().filter(|signal| signal.name != *left_out).collect();
            let challenging = Workflow::challenging(Method::Active3d);
            assert!(challenging.needs(*left_out), "{left_out}");
            for workflow in [Workflow::live(), Workflow::sandbox(), challenging] {
                let verdict = decide(identity(), &some, &workflow);
                let in_review = matches!(verdict, Verdict::InReview { .. });
                assert_eq!(in_review, workflow.needs(*left_out), "{left_out} under {}: {verdict:?}", workflow.label);
            }
        }
        assert!(matches!(decide(identity(), &[], &Workflow::live()), Verdict::InReview { .. }));
    }

    #[test]
    fn nobody_is_recognised_without_every_check() {
        let workflow = Workflow::reuse(crate::kyc::workflow::Environment::Live);
        let workflow = Workflow { liveness_method: Method::Active3d, ..workflow };
        let all: Vec<_> = signals(&[]).into_iter().filter(|signal| RECOGNITION.contains(&signal.name)).collect();
        assert!(matches!(recognise(&all, &workflow), Verdict::Recognised(_)));
        for left_out in RECOGNITION {
            let some: Vec<_> = all.iter().filter(|signal| signal.name != *left_out).cloned().collect();
            assert!(matches!(recognise(&some, &workflow), Verdict::InReview { .. }), "{left_out}");
        }
        // What recognises a person is far from enough to approve an identity.
        assert!(matches!(decide(identity(), &all, &workflow), Verdict::InReview { .. }));
    }

    #[test]
    fn what_was_not_performed_is_not_among_the_passed() {
        let signals = signals(&[(CheckName::PassiveLiveness, Outcome::NotRun)]);
        let Verdict::Approved(approved) = decide(identity(), &signals, &Workflow::sandbox()) else {
            panic!("not approved")
        };
        assert!(!approved.passed().contains(&CheckName::PassiveLiveness));
        assert_eq!(approved.warnings().len(), 1);
        assert_eq!(approved.warnings()[0].knob, "liveness_not_performed");
    }
}
