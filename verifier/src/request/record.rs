//! A request as it is stored, and what is known of it at each stage.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use url::Url;
use warifu_keys::{base64url, sha256};
use warifu_openid4vc::vp::client_id::ClientId;
use warifu_store::Stored;

use crate::check::Report;
use crate::confirmation::{ConfirmedBy, Unconfirmed, Way};
use crate::policy::{Demands, Keep};

/// How a request stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "stage", rename_all = "snake_case")]
pub enum Stage {
    /// No wallet has fetched it.
    Opened {
        /// What waits for the answer, sealed: it holds the private key for the response.
        awaiting: String,
    },
    /// A wallet has the signed request object.
    Fetched {
        /// As in [`Stage::Opened`].
        awaiting: String,
        /// How the wallet came to it.
        #[serde(default)]
        way: Way,
    },
    /// An answer came and every check holds, but nobody has confirmed it in the browser that began.
    Unconfirmed(Unconfirmed),
    /// An answer came and was verified.
    Answered {
        /// Every check.
        report: Report,
        /// What says that it belongs to whoever began the request.
        #[serde(default)]
        confirmed_by: ConfirmedBy,
    },
    /// The wallet or its user shared nothing.
    Refused,
    /// What came was no answer.
    Failed {
        /// The name of the reason.
        reason: String,
    },
    /// Nothing came in time.
    Expired,
}

/// How a wallet gets the request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "delivery", rename_all = "snake_case")]
pub enum Delivery {
    /// By reference: the link names a request URI, behind which the signed object is handed out once.
    ByReference {
        /// Who asks.
        client_id: ClientId,
        /// Whether the wallet is asked to post to the request URI.
        #[serde(default)]
        post: bool,
    },
    /// By value, unsigned: the link is the whole request. Every answer arrives at one address, and is found by what it
    /// carries.
    ByValue {
        /// The link.
        link: String,
        /// Hashes of `state` and, where answers are encrypted, of the key identifier.
        answers: Vec<String>,
    },
}

/// A request as it is stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Identifier: 256 random bits, known to the wallet and to whoever sees the QR code.
    pub id: String,
    /// Name of the policy it was made from, if any.
    pub policy: Option<String>,
    /// What the claims are for, in English.
    pub purpose: String,
    /// The same in other languages, by language tag.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub purposes: BTreeMap<String, String>,
    /// When it was made.
    pub created: Timestamp,
    /// When it ends.
    pub expires: Timestamp,
    /// The reauth demanded, as the transaction data entry that travels.
    pub reauth: Option<String>,
    /// What a partner's server was given; none where the request was made on our own page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partner: Option<Handles>,
    /// How a wallet gets it.
    pub delivery: Delivery,
    /// Version of the policy; none for a policy of the configuration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy_version: Option<u32>,
    /// What is demanded beyond the query.
    #[serde(default)]
    pub demands: Demands,
    /// What is kept of the values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep: Option<Keep>,
    /// Where its page leads back to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub return_url: Option<Url>,
    /// When it came to its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Timestamp>,
    /// When its values were collected, or had waited for too long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub collected: Option<Timestamp>,
    /// How it stands.
    #[serde(flatten)]
    pub stage: Stage,
}

/// Hashes of the secrets that a partner's server was given with a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handles {
    /// Of the ticket in `page_url`.
    pub ticket: String,
    /// Of the key in `link`.
    pub link: String,
}

impl Stored for Record {
    const NAME: &'static str = "requests";
    const INDEXES: &'static [&'static str] = &[Self::ANSWERS, Self::VALUES];

    fn key(&self) -> String {
        self.id.clone()
    }

    fn indexes(&self) -> Vec<(&'static str, String)> {
        let answers = match &self.delivery {
            Delivery::ByReference { .. } => &[][..],
            Delivery::ByValue { answers, .. } => answers,
        };
        let answers = answers.iter().map(|answer| (Self::ANSWERS, answer.clone()));
        answers.chain(self.due_entry()).collect()
    }
}

impl Record {
    /// The index of what answers to unsigned requests carry.
    pub(crate) const ANSWERS: &'static str = "answers";

    /// What an answer's `state` or key identifier is found by.
    pub(crate) fn answer_key(carried: &str) -> String {
        base64url::encode(&sha256(carried.as_bytes()))
    }

    /// What the partner's server learns.
    #[must_use]
    pub fn public(&self) -> Value {
        let mut value = json!({
            "request_id": self.id, "policy": self.policy, "policy_version": self.policy_version, "purpose": self.purpose,
            "created_at": self.created, "expires_at": self.expires,
        });
        let more = match &self.stage {
            Stage::Unconfirmed(waiting) => json!({"awaits": waiting.awaits().word(), "expires_at": waiting.until}),
            Stage::Answered { report, confirmed_by } => {
                let mut members = json!({"checks": report.checks(), "presentations": report.presentations()});
                // The common case without a detour: one presentation, whose parts stand at the top as well.
                if let [shown] = report.presentations() {
                    members["claims"] = json!(shown.claims);
                    members["issuer"] = json!(shown.issuer);
                }
                if report.is_accepted() {
                    members["confirmed_by"] = json!(confirmed_by.word());
                }
                members
            }
            Stage::Failed { reason } => json!({"reason": reason}),
            Stage::Opened { .. } | Stage::Fetched { .. } | Stage::Refused | Stage::Expired => json!({}),
        };
        value["state"] = json!(self.state());
        if let (Some(members), Value::Object(more)) = (value.as_object_mut(), more) {
            members.extend(more);
        }
        value
    }

    /// What the partner's server learns, without the values that were shown.
    #[must_use]
    pub fn verdict(&self) -> Value {
        let mut value = self.public();
        if let Some(members) = value.as_object_mut() {
            members.remove("claims");
        }
        for shown in value.get_mut("presentations").and_then(Value::as_array_mut).into_iter().flatten() {
            if let Some(members) = shown.as_object_mut() {
                members.remove("claims");
            }
        }
        value
    }

    /// The word of how it stands.
    #[must_use]
    pub fn state(&self) -> &'static str {
        match &self.stage {
            Stage::Opened { .. } => "waiting",
            Stage::Fetched { .. } => "opened",
            Stage::Unconfirmed(_) => "unconfirmed",
            Stage::Answered { report, .. } if report.is_accepted() => "accepted",
            Stage::Answered { .. } => "refused",
            Stage::Refused => "denied",
            Stage::Failed { .. } => "failed",
            Stage::Expired => "expired",
        }
    }

    /// The word of how it ended; `None` while it goes on.
    #[must_use]
    pub fn ending(&self) -> Option<&'static str> {
        match &self.stage {
            Stage::Opened { .. } | Stage::Fetched { .. } | Stage::Unconfirmed(_) => None,
            Stage::Answered { .. } | Stage::Refused | Stage::Failed { .. } | Stage::Expired => Some(self.state()),
        }
    }

    /// The purpose for readers of a language; in English where it is not given in theirs.
    #[must_use]
    pub fn purpose_in(&self, language: &str) -> &str {
        self.purposes.get(language).unwrap_or(&self.purpose)
    }

    /// Whether its time ran out before it came to an end.
    pub(crate) fn is_over(&self, now: Timestamp) -> bool {
        match &self.stage {
            Stage::Opened { .. } | Stage::Fetched { .. } => now >= self.expires,
            Stage::Unconfirmed(waiting) => now >= waiting.until,
            Stage::Answered { .. } | Stage::Refused | Stage::Failed { .. } | Stage::Expired => false,
        }
    }

    /// What waits for the answer, sealed; `None` once one came.
    pub(crate) fn awaiting(&self) -> Option<&str> {
        match &self.stage {
            Stage::Opened { awaiting } | Stage::Fetched { awaiting, .. } => Some(awaiting),
            Stage::Unconfirmed(_) | Stage::Answered { .. } | Stage::Refused | Stage::Failed { .. } | Stage::Expired => {
                None
            }
        }
    }

    pub(crate) fn with(self, stage: Stage) -> Self {
        Self { stage, ..self }
    }
}
