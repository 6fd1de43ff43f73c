//! The named checks of an answer, and the report that they add up to.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The checks, in the order in which they are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckName {
    /// The issuer's signature over the credential, and every disclosure has its digest in it.
    Signature,
    /// The issuer is granted KYC issuance in the trusted list.
    IssuerTrusted,
    /// The holder signed this presentation, as it came and lately, with the key the credential is bound to.
    KeyBinding,
    /// The presentation was made for this verifier.
    Aud,
    /// The presentation was made for this request.
    Nonce,
    /// Only allowed algorithms.
    AlgAllowed,
    /// The credential is within its validity.
    NotExpired,
    /// The issuer's status list says valid.
    NotRevoked,
    /// What was asked for came, no more.
    QuerySatisfied,
    /// A fresh selfie matched the template that the credential commits to.
    SelfieReauth,
}

impl CheckName {
    /// All checks.
    pub const ALL: [Self; 10] = [
        Self::Signature,
        Self::IssuerTrusted,
        Self::KeyBinding,
        Self::Aud,
        Self::Nonce,
        Self::AlgAllowed,
        Self::NotExpired,
        Self::NotRevoked,
        Self::QuerySatisfied,
        Self::SelfieReauth,
    ];

    /// The name on the wire.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Signature => "signature",
            Self::IssuerTrusted => "issuer_trusted",
            Self::KeyBinding => "key_binding",
            Self::Aud => "aud",
            Self::Nonce => "nonce",
            Self::AlgAllowed => "alg_allowed",
            Self::NotExpired => "not_expired",
            Self::NotRevoked => "not_revoked",
            Self::QuerySatisfied => "query_satisfied",
            Self::SelfieReauth => "selfie_reauth",
        }
    }
}

/// How a check ended, the best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It holds.
    Pass,
    /// It was not reached, or not asked for.
    NotRun,
    /// It does not hold.
    Fail,
}

/// One check with its outcome and, where there is one, the value or reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// Which check.
    pub name: CheckName,
    /// How it ended.
    pub outcome: Outcome,
    /// The value found or the reason, in words for programs and their makers; no claim values. Pages have words of their
    /// own.
    pub detail: String,
}

/// What one presentation showed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Shown {
    /// The credential query that it answers.
    pub query_id: String,
    /// Name of the issuer in the trusted list.
    pub issuer: String,
    /// When the attestation ends, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_until: Option<Timestamp>,
    /// The disclosed claims; empty unless the whole answer is accepted.
    pub claims: Map<String, Value>,
}

/// What came of verifying one answer, which may hold several presentations.
///
/// The outcome of a check is the worst over all presentations: one that fails makes the answer fail. That is stricter
/// than OpenID4VP 1.0 section 8.6, which would discard the one and look at the rest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    accepted: bool,
    checks: Vec<Check>,
    presentations: Vec<Shown>,
}

impl Report {
    /// Whether every check that was demanded was made and holds.
    #[must_use]
    pub fn is_accepted(&self) -> bool {
        self.accepted
    }

    /// Every check, also those that were not reached, in the order of [`CheckName::ALL`].
    #[must_use]
    pub fn checks(&self) -> &[Check] {
        &self.checks
    }

    /// What the presentations showed whose issuer is known.
    #[must_use]
    pub fn presentations(&self) -> &[Shown] {
        &self.presentations
    }

    /// Whether any value of a claim stands in it.
    pub(crate) fn has_values(&self) -> bool {
        self.presentations.iter().any(|shown| !shown.claims.is_empty())
    }

    /// Removes every value but those of the claims of these names, and of the elements of these names in a namespace of an
    /// mdoc, which no name of a claim looks like: it has a dot in it.
    pub(crate) fn keep_only(&mut self, names: &[String]) {
        for shown in &mut self.presentations {
            shown.claims.retain(|name, value| match value {
                _ if names.contains(name) => true,
                Value::Object(elements) if name.contains('.') => {
                    elements.retain(|element, _| names.contains(element));
                    !elements.is_empty()
                }
                _ => false,
            });
        }
    }

    /// The first check that failed.
    #[must_use]
    pub fn failure(&self) -> Option<&Check> {
        self.checks.iter().find(|check| check.outcome == Outcome::Fail)
    }
}

const NOT_REACHED: &str = "not reached";

/// The checks of one presentation so far.
#[derive(Debug, Default)]
pub(crate) struct Tally(BTreeMap<CheckName, (Outcome, String)>);

impl Tally {
    pub(crate) fn pass(&mut self, name: CheckName, detail: impl Into<String>) {
        self.0.insert(name, (Outcome::Pass, detail.into()));
    }

    pub(crate) fn fail(&mut self, name: CheckName, detail: impl Into<String>) {
        self.0.insert(name, (Outcome::Fail, detail.into()));
    }

    pub(crate) fn leave(&mut self, name: CheckName, detail: impl Into<String>) {
        self.0.insert(name, (Outcome::NotRun, detail.into()));
    }

    /// Whether a check failed.
    pub(crate) fn has_failed(&self) -> bool {
        self.0.values().any(|(outcome, _)| *outcome == Outcome::Fail)
    }

    /// One check as it stands.
    pub(crate) fn check(&self, name: CheckName) -> Check {
        let (outcome, detail) = self.0.get(&name).cloned().unwrap_or((Outcome::NotRun, NOT_REACHED.to_owned()));
        Check { name, outcome, detail }
    }

    /// The first check that did not hold: the one that failed, or else the first that was not made.
    pub(crate) fn first_failure(&self) -> Check {
        let checks = || CheckName::ALL.into_iter().map(|name| self.check(name));
        let failed = checks().find(|check| check.outcome == Outcome::Fail);
        let unmade = || checks().find(|check| check.outcome == Outcome::NotRun);
        failed.or_else(unmade).unwrap_or_else(|| self.check(CheckName::Signature))
    }

    /// The worst of every check over several presentations; the detail is that of the first that is so bad.
    pub(crate) fn worst(tallies: &[Self]) -> Self {
        let mut worst = Self::default();
        for name in CheckName::ALL {
            let numbered = tallies.iter().enumerate().map(|(at, tally)| (at, tally.check(name)));
            // Of equal outcomes `max_by_key` takes the last, so look from the end.
            if let Some((at, check)) = numbered.rev().max_by_key(|(_, check)| check.outcome) {
                let which = if tallies.len() > 1 { format!("presentation {}: ", at + 1) } else { String::new() };
                worst.0.insert(name, (check.outcome, which + &check.detail));
            }
        }
        worst
    }

    /// The report. Whoever has not passed every one of the `demanded` checks is not accepted, and of an answer that is
    /// not accepted no claim is kept.
    pub(crate) fn into_report(self, demanded: &[CheckName], mut presentations: Vec<Shown>) -> Report {
        let mut checks: Vec<Check> = CheckName::ALL.into_iter().map(|name| self.check(name)).collect();
        // What was not reached says because of what.
        if let Some(failed) = checks.iter().find(|check| check.outcome == Outcome::Fail).map(|check| check.name) {
            for check in checks.iter_mut().filter(|check| check.detail.ends_with(NOT_REACHED)) {
                check.detail.push_str(&format!(": `{}` does not hold", failed.word()));
            }
        }
        let accepted = checks.iter().all(|check| match check.outcome {
            Outcome::Pass => true,
            Outcome::NotRun => !demanded.contains(&check.name),
            Outcome::Fail => false,
        });
        if !accepted {
            presentations.iter_mut().for_each(|shown| shown.claims.clear());
        }
        Report { accepted, checks, presentations }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(rows: &[(CheckName, Outcome)]) -> Tally {
        Tally(rows.iter().map(|(name, outcome)| (*name, (*outcome, format!("{outcome:?}")))).collect())
    }

    #[test]
    fn the_worst_presentation_counts() {
        use Outcome::{Fail, NotRun, Pass};
        let check = |outcomes: &[Outcome], expected: Outcome, detail: &str| {
            let tallies: Vec<_> = outcomes.iter().map(|outcome| tally(&[(CheckName::Nonce, *outcome)])).collect();
            let worst = Tally::worst(&tallies).check(CheckName::Nonce);
            assert_eq!((worst.outcome, worst.detail.as_str()), (expected, detail), "{outcomes:?}");
        };
        check(&[Pass], Pass, "Pass");
        check(&[Pass, Pass], Pass, "presentation 1: Pass");
        check(&[Pass, NotRun], NotRun, "presentation 2: NotRun");
        check(&[NotRun, Fail, Fail], Fail, "presentation 2: Fail");
        assert_eq!(Tally::worst(&[]).check(CheckName::Nonce).outcome, NotRun);
    }

    #[test]
    fn only_what_was_not_demanded_may_be_left_out() {
        let shown = || {
            vec![Shown {
                query_id: "kyc".to_owned(),
                issuer: "Issuer".to_owned(),
                valid_until: None,
                claims: Map::from_iter([("a".to_owned(), Value::from(1))]),
            }]
        };
        let check = |without: CheckName, outcome: Outcome, demanded: &[CheckName], expected: bool| {
            let rows = CheckName::ALL.map(|name| (name, if name == without { outcome } else { Outcome::Pass }));
            let report = tally(&rows).into_report(demanded, shown());
            assert_eq!(report.is_accepted(), expected, "{without:?} {outcome:?}");
            assert_eq!(report.presentations()[0].claims.is_empty(), !expected);
        };
        check(CheckName::SelfieReauth, Outcome::NotRun, &CheckName::ALL[..9], true);
        check(CheckName::SelfieReauth, Outcome::NotRun, &CheckName::ALL, false);
        check(CheckName::SelfieReauth, Outcome::Fail, &CheckName::ALL[..9], false);
        for name in &CheckName::ALL[..9] {
            check(*name, Outcome::NotRun, &CheckName::ALL[..9], false);
            check(*name, Outcome::Fail, &CheckName::ALL[..9], false);
        }
    }
}
