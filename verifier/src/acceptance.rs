//! Whose verifications a partner takes in, how old they may be, and whether a person looks first: one rule for each issuer.
//!
//! The trusted list says who may issue and who may receive. Within that a partner decides for itself, pair by pair: a bank may
//! take one issuer's verifications at once, another's only of the last month and after a look, and no others.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// What is demanded of the shares of one issuer.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Identifier of the issuer in the trusted list; `*` for all that no other rule names.
    pub issuer: String,
    /// How many days old the verification may be; any age when absent.
    #[serde(default)]
    pub max_age_days: Option<u32>,
    /// How the person must have been verified at least; in any way when absent.
    #[serde(default)]
    pub minimum_assurance: Option<Assurance>,
    /// What an import begins as.
    #[serde(default)]
    pub decision: Begins,
}

/// How a person was verified, by the words of decisions. Ordered: the stronger the larger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Assurance {
    /// What the person said agrees with a register.
    DataMatch,
    /// A document was looked at.
    Documentary,
    /// A chip or a credential proved itself.
    Cryptographic,
}

impl Assurance {
    /// The one of a word in a decision (`assurance`) or in a credential (`assurance.method`).
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        match word {
            "data_match" => Some(Self::DataMatch),
            "documentary" | "document" => Some(Self::Documentary),
            "cryptographic" | "chip" => Some(Self::Cryptographic),
            _ => None,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::DataMatch => "data_match",
            Self::Documentary => "documentary",
            Self::Cryptographic => "cryptographic",
        }
    }
}

/// What a share or a credential says of the verification behind it.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Verification {
    /// When it was.
    pub(crate) at: Option<Timestamp>,
    /// How it was.
    pub(crate) assurance: Option<Assurance>,
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
    /// There is a limit, and nothing says when the verification was.
    #[error("it does not say when the person was verified")]
    AgeUnknown,
    /// The person was verified in a weaker way than the rule takes.
    #[error("the verification is not at least {}", .least.word())]
    TooWeak {
        /// The least that is taken.
        least: Assurance,
    },
    /// There is a least assurance, and nothing says how the person was verified.
    #[error("it does not say how the person was verified")]
    AssuranceUnknown,
}

impl NotAccepted {
    /// A stable name, for logs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Issuer(_) => "issuer_not_accepted",
            Self::TooOld { .. } => "verification_too_old",
            Self::AgeUnknown => "verification_age_unknown",
            Self::TooWeak { .. } => "verification_too_weak",
            Self::AssuranceUnknown => "verification_assurance_unknown",
        }
    }
}

/// What an import of this issuer's verification begins as. Without any rule every issuer of the trusted list is taken.
pub(crate) fn decide(
    rules: &[Rule],
    issuer: &str,
    verification: Verification,
    now: Timestamp,
) -> Result<Begins, NotAccepted> {
    if rules.is_empty() {
        return Ok(Begins::Automatic);
    }
    let named = rules.iter().find(|rule| rule.issuer == issuer);
    let rule = named.or_else(|| rules.iter().find(|rule| rule.issuer == "*"));
    let rule = rule.ok_or_else(|| NotAccepted::Issuer(issuer.chars().take(60).collect()))?;
    check(rule.max_age_days, rule.minimum_assurance, verification, now)?;
    Ok(rule.decision)
}

/// Whether a verification is young and strong enough. What it does not say of itself is not so.
pub(crate) fn check(
    max_age_days: Option<u32>,
    minimum_assurance: Option<Assurance>,
    verification: Verification,
    now: Timestamp,
) -> Result<(), NotAccepted> {
    if let Some(days) = max_age_days {
        let verified_at = verification.at.ok_or(NotAccepted::AgeUnknown)?;
        // What was verified in the future was not.
        let age = now.duration_since(verified_at);
        if age > SignedDuration::from_hours(24 * i64::from(days)) || age < -SignedDuration::from_mins(5) {
            return Err(NotAccepted::TooOld { days });
        }
    }
    if let Some(least) = minimum_assurance {
        let assurance = verification.assurance.ok_or(NotAccepted::AssuranceUnknown)?;
        if assurance < least {
            return Err(NotAccepted::TooWeak { least });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(issuer: &str, max_age_days: Option<u32>, decision: Begins) -> Rule {
        Rule { issuer: issuer.to_owned(), max_age_days, minimum_assurance: None, decision }
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
            let verification = Verification { at, assurance: None };
            let found = decide(rules, issuer, verification, now).map_err(|error| error.code());
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

    #[test]
    fn a_weaker_verification_is_not_taken() {
        let now: Timestamp = "2026-11-23T09:30:00Z".parse().unwrap();
        let check = |least: Assurance, said: Option<&str>, expected: Result<Begins, &str>| {
            let rules = [Rule { minimum_assurance: Some(least), ..rule("*", None, Begins::Automatic) }];
            let verification = Verification { at: None, assurance: said.and_then(Assurance::named) };
            let found = decide(&rules, "issuer", verification, now).map_err(|error| error.code());
            assert_eq!(found, expected, "{least:?} {said:?}");
        };
        use Assurance::{Cryptographic, DataMatch, Documentary};
        check(Documentary, Some("documentary"), Ok(Begins::Automatic));
        check(Documentary, Some("document"), Ok(Begins::Automatic));
        check(DataMatch, Some("cryptographic"), Ok(Begins::Automatic));
        check(Documentary, Some("data_match"), Err("verification_too_weak"));
        check(Cryptographic, Some("documentary"), Err("verification_too_weak"));
        check(Documentary, Some("word of honour"), Err("verification_assurance_unknown"));
        check(DataMatch, None, Err("verification_assurance_unknown"));
    }
}
