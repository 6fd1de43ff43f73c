//! Whose verifications a partner takes in, how old they may be, and whether a person looks first: one rule for each issuer.
//!
//! The trusted list says who may issue and who may receive. Within that a partner decides for itself, pair by pair: a bank may
//! take one issuer's verifications at once, another's only of the last month and after a look, and no others.
//!
//! Left out: a least level of assurance. Decisions that are shared do not carry one.

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

/// What is demanded of the shares of one issuer.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Identifier of the issuer in the trusted list; `*` for all that no other rule names.
    pub issuer: String,
    /// How many days old the verification may be; any age when absent.
    #[serde(default)]
    pub max_age_days: Option<u32>,
    /// What an import begins as.
    #[serde(default)]
    pub decision: Begins,
}

/// What an import begins as.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Begins {
    /// As the source, where the caller trusts its review.
    #[default]
    Automatic,
    /// In review, whatever the caller says.
    Review,
}

/// Why a share is genuine and not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAccepted {
    /// No rule is for this issuer.
    #[error("verifications of `{0}` are not taken here")]
    Issuer(String),
    /// The verification is older than the rule takes.
    #[error("the verification is older than {days} days")]
    TooOld {
        /// How old it may be.
        days: u32,
    },
    /// The rule has a limit, and the share does not say when the verification was.
    #[error("the share does not say when the person was verified")]
    AgeUnknown,
}

impl NotAccepted {
    /// A stable name, for logs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Issuer(_) => "issuer_not_accepted",
            Self::TooOld { .. } => "verification_too_old",
            Self::AgeUnknown => "verification_age_unknown",
        }
    }
}

/// What an import of this issuer's verification begins as. Without any rule every issuer of the trusted list is taken.
pub(crate) fn decide(
    rules: &[Rule],
    issuer: &str,
    verified_at: Option<Timestamp>,
    now: Timestamp,
) -> Result<Begins, NotAccepted> {
    if rules.is_empty() {
        return Ok(Begins::Automatic);
    }
    let named = rules.iter().find(|rule| rule.issuer == issuer);
    let rule = named.or_else(|| rules.iter().find(|rule| rule.issuer == "*"));
    let rule = rule.ok_or_else(|| NotAccepted::Issuer(issuer.chars().take(60).collect()))?;
    if let Some(days) = rule.max_age_days {
        let verified_at = verified_at.ok_or(NotAccepted::AgeUnknown)?;
        // What was verified in the future was not.
        let age = now.duration_since(verified_at);
        if age > SignedDuration::from_hours(24 * i64::from(days)) || age < -SignedDuration::from_mins(5) {
            return Err(NotAccepted::TooOld { days });
        }
    }
    Ok(rule.decision)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(issuer: &str, max_age_days: Option<u32>, decision: Begins) -> Rule {
        Rule { issuer: issuer.to_owned(), max_age_days, decision }
    }

    #[test]
    fn the_rule_of_the_issuer_goes_before_the_one_for_all() {
        let now: Timestamp = "2026-11-23T09:30:00Z".parse().unwrap();
        let days_ago = |days: i64| Some(now - SignedDuration::from_hours(24 * days));
        let rules = [
            rule("*", Some(30), Begins::Review),
            rule("issuer", None, Begins::Automatic),
            rule("strict", Some(1), Begins::Automatic),
        ];
        let check = |rules: &[Rule], issuer: &str, at: Option<Timestamp>, expected: Result<Begins, &str>| {
            let found = decide(rules, issuer, at, now).map_err(|error| error.code());
            assert_eq!(found, expected, "{issuer} {at:?}");
        };
        check(&[], "anybody", None, Ok(Begins::Automatic));
        check(&rules, "issuer", None, Ok(Begins::Automatic));
        check(&rules, "another", days_ago(30), Ok(Begins::Review));
        check(&rules, "another", days_ago(31), Err("verification_too_old"));
        check(&rules, "another", None, Err("verification_age_unknown"));
        check(&rules, "strict", days_ago(1), Ok(Begins::Automatic));
        check(&rules, "strict", days_ago(2), Err("verification_too_old"));
        check(&rules, "strict", days_ago(-1), Err("verification_too_old"));
        check(&rules[1..], "another", days_ago(0), Err("issuer_not_accepted"));
    }
}
