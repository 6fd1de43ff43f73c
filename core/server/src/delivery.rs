//! Telling a receiver something: one attempt, what its answer means, and when the next one is.
//!
//! What is said and how it is signed is the caller's; that it is said again after a restart is its outbox's.

use std::time::{Duration, Instant};

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::fetch::{Error as FetchError, Fetcher};

/// How long a receiver has for its answer.
const WITHIN: Duration = Duration::from_secs(5);
/// How much of an answer is kept, in bytes.
const EXCERPT: usize = 512;
/// Our own name: whoever verifies by signature does not look at it, and another's name would be a lie.
const USER_AGENT: &str = "Warifu-Webhook/1";
/// How long after an attempt that failed the next one is made.
const DELAYS: [SignedDuration; 2] = [SignedDuration::from_mins(1), SignedDuration::from_mins(4)];
/// How long a claim on something to be sent holds: far longer than an attempt, so that only a process that died loses it.
pub const LEASE: SignedDuration = SignedDuration::from_secs(30);

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// With this status.
    Status(u16),
    /// With none within five seconds.
    TimedOut,
    /// The receiver could not be reached.
    Unreachable,
    /// Its name leads to an address that we do not go to.
    NotAllowed,
    /// What was to be sent can no longer be read here.
    Unreadable,
    /// The destination was disabled meanwhile.
    Disabled,
}

impl Answer {
    /// Whether the receiver took it: any 2xx.
    #[must_use]
    pub fn is_success(self) -> bool {
        matches!(self, Self::Status(200..=299))
    }

    /// Whether a later attempt may go better: a server's own fault, an address that is not deployed yet, no answer.
    /// A redirect is not followed, and a refusal is one.
    #[must_use]
    pub fn may_be_retried(self) -> bool {
        match self {
            Self::Status(status) => status == 404 || (500..=599).contains(&status),
            Self::TimedOut | Self::Unreachable => true,
            Self::NotAllowed | Self::Unreadable | Self::Disabled => false,
        }
    }

    /// What becomes of something after this answer, when so many attempts were made before.
    #[must_use]
    pub fn after(self, attempts: u32) -> After {
        let delay = usize::try_from(attempts).ok().and_then(|attempt| DELAYS.get(attempt));
        match delay {
            _ if self.is_success() => After::Done,
            Some(delay) if self.may_be_retried() => After::Again(*delay),
            Some(_) | None => After::Dropped,
        }
    }

    /// The status, where there was an answer.
    #[must_use]
    pub fn status(self) -> Option<u16> {
        match self {
            Self::Status(status) => Some(status),
            Self::TimedOut | Self::Unreachable | Self::NotAllowed | Self::Unreadable | Self::Disabled => None,
        }
    }

    /// Why there was none, as a word.
    #[must_use]
    pub fn failure(self) -> Option<&'static str> {
        match self {
            Self::Status(_) => None,
            Self::TimedOut => Some("timeout"),
            Self::Unreachable => Some("unreachable"),
            Self::NotAllowed => Some("not_allowed"),
            Self::Unreadable => Some("unreadable"),
            Self::Disabled => Some("disabled"),
        }
    }
}

/// What becomes of something after an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum After {
    /// The receiver has it.
    Done,
    /// The next attempt is made so much later.
    Again(SignedDuration),
    /// Nothing more is tried.
    Dropped,
}

/// What came of an attempt.
#[derive(Debug)]
pub struct Attempted {
    /// How it ended.
    pub answer: Answer,
    /// How long it took.
    pub milliseconds: u64,
    /// The beginning of what the receiver said; empty where it took what it was told.
    pub excerpt: String,
}

impl Attempted {
    /// None was made, for this reason.
    #[must_use]
    pub fn not(answer: Answer) -> Self {
        Self { answer, milliseconds: 0, excerpt: String::new() }
    }
}

/// Sends JSON with these headers, which say whose word it is.
pub async fn attempt(fetcher: &Fetcher, url: &Url, headers: &[(&str, &str)], body: String) -> Attempted {
    let own = [("content-type", "application/json"), ("user-agent", USER_AGENT)];
    let begun = Instant::now();
    let answered = fetcher.deliver(url, &[&own, headers].concat(), body.into_bytes(), WITHIN, EXCERPT).await;
    let milliseconds = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    match answered {
        Ok(answered) => {
            let answer = Answer::Status(answered.status.as_u16());
            let said = String::from_utf8_lossy(&answered.excerpt);
            let excerpt = if answer.is_success() { String::new() } else { said.into_owned() };
            Attempted { answer, milliseconds, excerpt }
        }
        Err(error) => Attempted { answer: failed(&error), milliseconds, excerpt: String::new() },
    }
}

fn failed(error: &FetchError) -> Answer {
    match error {
        FetchError::Timeout { .. } => Answer::TimedOut,
        FetchError::NotAllowed { .. } | FetchError::BadRequest(_) => Answer::NotAllowed,
        // The others mean that there is no connection, now.
        _ => Answer::Unreachable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_answer_means() {
        let check = |answer: Answer, success: bool, again: bool| {
            assert_eq!((answer.is_success(), answer.may_be_retried()), (success, again), "{answer:?}");
        };
        for status in [200, 201, 204, 299] {
            check(Answer::Status(status), true, false);
        }
        for status in [404, 500, 502, 503, 599] {
            check(Answer::Status(status), false, true);
        }
        for status in [100, 301, 302, 308, 400, 401, 403, 410, 422, 429] {
            check(Answer::Status(status), false, false);
        }
        check(Answer::TimedOut, false, true);
        check(Answer::Unreachable, false, true);
        check(Answer::NotAllowed, false, false);
        check(Answer::Unreadable, false, false);
    }

    #[test]
    fn an_attempt_is_made_three_times_at_most() {
        let gone = Answer::Status(503);
        assert_eq!(
            [0, 1, 2, u32::MAX].map(|attempts| gone.after(attempts)),
            [After::Again(DELAYS[0]), After::Again(DELAYS[1]), After::Dropped, After::Dropped]
        );
        assert_eq!(Answer::Status(200).after(2), After::Done);
        assert_eq!(Answer::Status(410).after(0), After::Dropped);
    }
}
