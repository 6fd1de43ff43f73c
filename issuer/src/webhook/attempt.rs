//! One attempt to tell a receiver something, and what its answer means.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use url::Url;
use warifu_server::fetch::{Error as FetchError, Fetcher};
use warifu_session::webhook::{
    Event, WebhookSecret, X_SIGNATURE, X_SIGNATURE_SIMPLE, X_SIGNATURE_V2, X_TEST, X_TIMESTAMP, sign,
};

/// How long a receiver has for its answer.
const WITHIN: Duration = Duration::from_secs(5);
/// How much of an answer is kept, in bytes.
const EXCERPT: usize = 512;
/// Our own name: whoever verifies by signature does not look at it, and another's name would be a lie.
const USER_AGENT: &str = "Warifu-Webhook/1";

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

/// What came of an attempt.
#[derive(Debug)]
pub(super) struct Attempted {
    pub(super) answer: Answer,
    pub(super) milliseconds: u64,
    /// The beginning of what the receiver said; empty where it took the event.
    pub(super) excerpt: String,
}

impl Attempted {
    /// None was made, for this reason.
    pub(super) fn not(answer: Answer) -> Self {
        Self { answer, milliseconds: 0, excerpt: String::new() }
    }
}

/// Whether somebody tries the destination out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Occasion {
    Event,
    Test,
}

/// Signs an event for `now` and sends it.
pub(super) async fn attempt(
    fetcher: &Fetcher,
    url: &Url,
    secret: &WebhookSecret,
    event: &Event,
    occasion: Occasion,
    now: Timestamp,
) -> Attempted {
    let signed = sign(event, secret, now);
    let timestamp = signed.timestamp.to_string();
    let mut headers = vec![
        ("content-type", "application/json"),
        ("user-agent", USER_AGENT),
        (X_SIGNATURE, signed.signatures.raw.as_str()),
        (X_SIGNATURE_V2, signed.signatures.canonical.as_str()),
        (X_SIGNATURE_SIMPLE, signed.signatures.simple.as_str()),
        (X_TIMESTAMP, timestamp.as_str()),
    ];
    match occasion {
        Occasion::Event => {}
        Occasion::Test => headers.push((X_TEST, "true")),
    }
    let begun = Instant::now();
    let answered = fetcher.deliver(url, &headers, signed.body.into_bytes(), WITHIN, EXCERPT).await;
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
}
