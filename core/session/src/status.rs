//! Status words of sessions and of their features, exact in case and spaces, and which may follow which.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A text that is no status word, cut to 40 characters.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no status")]
pub struct NotAStatus(String);

/// A change of status that may not happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a session that is `{from}` can not become `{to}`")]
pub struct OutOfTurn {
    /// What the session is.
    pub from: Status,
    /// What it should have become.
    pub to: Status,
}

macro_rules! words {
    ($type:ident { $($variant:ident = $word:literal),+ $(,)? }) => {
        impl $type {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word on the wire.
            #[must_use]
            pub fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.word())
            }
        }

        impl FromStr for $type {
            type Err = NotAStatus;

            fn from_str(text: &str) -> Result<Self, NotAStatus> {
                let found = Self::ALL.iter().copied().find(|status| status.word() == text);
                found.ok_or_else(|| NotAStatus(text.chars().take(40).collect()))
            }
        }

        impl TryFrom<String> for $type {
            type Error = NotAStatus;

            fn try_from(text: String) -> Result<Self, NotAStatus> {
                text.parse()
            }
        }

        #[cfg(feature = "openapi")]
        impl utoipa::PartialSchema for $type {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
                use utoipa::openapi::schema::{ObjectBuilder, Type};
                let words = Self::ALL.iter().map(|status| status.word());
                ObjectBuilder::new()
                    .schema_type(Type::String)
                    .description(Some("A status word, exact in case and spaces."))
                    .enum_values(Some(words))
                    .into()
            }
        }

        #[cfg(feature = "openapi")]
        impl utoipa::ToSchema for $type {}

        impl From<$type> for String {
            fn from(status: $type) -> Self {
                status.word().to_owned()
            }
        }
    };
}

/// Status of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Status {
    /// Made, nobody came yet.
    NotStarted,
    /// The person is at it.
    InProgress,
    /// Waits for other people of the same case.
    AwaitingUser,
    /// Waits for a reviewer.
    InReview,
    /// Passed.
    Approved,
    /// Failed.
    Declined,
    /// A reviewer asked the person to repeat steps.
    Resubmitted,
    /// Nobody came in time.
    Expired,
    /// Was approved too long ago.
    KycExpired,
    /// The person left it unfinished.
    Abandoned,
}

words!(Status {
    NotStarted = "Not Started",
    InProgress = "In Progress",
    AwaitingUser = "Awaiting User",
    InReview = "In Review",
    Approved = "Approved",
    Declined = "Declined",
    Resubmitted = "Resubmitted",
    Expired = "Expired",
    KycExpired = "Kyc Expired",
    Abandoned = "Abandoned",
});

impl Status {
    /// Whether a session of this status may become `next`.
    #[must_use]
    pub fn may_become(self, next: Self) -> bool {
        use Status::{
            Abandoned, Approved, AwaitingUser, Declined, Expired, InProgress, InReview, KycExpired, NotStarted,
            Resubmitted,
        };
        match self {
            NotStarted => matches!(next, InProgress | Expired),
            InProgress => matches!(next, Approved | Declined | InReview | AwaitingUser | Abandoned),
            AwaitingUser | Resubmitted => matches!(next, Approved | Declined | InReview),
            InReview => matches!(next, Approved | Declined | Resubmitted),
            Declined | Abandoned => next == Resubmitted,
            Approved => next == KycExpired,
            Expired | KycExpired => false,
        }
    }

    /// The next status, if it may follow this one.
    pub fn to(self, next: Self) -> Result<Self, OutOfTurn> {
        if self.may_become(next) { Ok(next) } else { Err(OutOfTurn { from: self, to: next }) }
    }

    /// Whether there is a decision: only such a session can be shared.
    #[must_use]
    pub fn is_decided(self) -> bool {
        matches!(self, Self::Approved | Self::Declined | Self::InReview)
    }
}

/// Status of one feature inside a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum FeatureStatus {
    /// Begun.
    NotFinished,
    /// Not begun.
    NotStarted,
    /// Passed.
    Approved,
    /// Failed.
    Declined,
    /// For a reviewer to decide.
    InReview,
    /// Out of time.
    Expired,
    /// To be repeated.
    ResubRequested,
}

words!(FeatureStatus {
    NotFinished = "Not Finished",
    NotStarted = "Not Started",
    Approved = "Approved",
    Declined = "Declined",
    InReview = "In Review",
    Expired = "Expired",
    ResubRequested = "Resub Requested",
});

#[cfg(test)]
mod tests {
    use super::*;

    /// Every pair of the table of the v3 API; all other pairs are refused.
    #[test]
    fn transitions() {
        let allowed = [
            ("Not Started", "In Progress"),
            ("Not Started", "Expired"),
            ("In Progress", "Approved"),
            ("In Progress", "Declined"),
            ("In Progress", "In Review"),
            ("In Progress", "Awaiting User"),
            ("In Progress", "Abandoned"),
            ("Awaiting User", "Approved"),
            ("Awaiting User", "Declined"),
            ("Awaiting User", "In Review"),
            ("In Review", "Approved"),
            ("In Review", "Declined"),
            ("In Review", "Resubmitted"),
            ("Declined", "Resubmitted"),
            ("Abandoned", "Resubmitted"),
            ("Resubmitted", "Approved"),
            ("Resubmitted", "Declined"),
            ("Resubmitted", "In Review"),
            ("Approved", "Kyc Expired"),
        ];
        for from in Status::ALL {
            for to in Status::ALL {
                let expected = allowed.contains(&(from.word(), to.word()));
                assert_eq!(from.may_become(*to), expected, "{from} to {to}");
                assert_eq!(from.to(*to).is_ok(), expected);
            }
        }
    }

    #[test]
    fn words_are_exact() {
        for status in Status::ALL {
            let json = serde_json::to_string(status).unwrap();
            assert_eq!(json, format!("\"{}\"", status.word()));
            assert_eq!(serde_json::from_str::<Status>(&json).unwrap(), *status);
        }
        for status in FeatureStatus::ALL {
            assert_eq!(status.word().parse::<FeatureStatus>().unwrap(), *status);
        }
        for wrong in ["approved", "IN_REVIEW", "KYC Expired", "Not Finished", ""] {
            assert!(wrong.parse::<Status>().is_err(), "`{wrong}`");
        }
    }
}
