//! Tells the partner's server how its requests ended.
//!
//! What is told is written in the commit that makes it true, and told until the server takes it or three attempts have
//! failed. It says how a request ended and never what was shown: values are collected by the API key. An event may come
//! twice, with the same `event_id`. Signatures are those of [`warifu_session::webhook`] but the simple one, which would not
//! cover the request. That a request expired is told by nobody: its end was known from the beginning.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use tokio::task::JoinSet;
use url::Url;
use uuid::Uuid;
use warifu_server::delivery::{self, After, LEASE};
use warifu_session::webhook::{WebhookSecret, X_SIGNATURE_SIMPLE, sign_body};
use warifu_store::{Batch, Collection, Loaded, Query, Range, Stored, sortable};

use crate::Verifier;
use crate::keeping::later;
use crate::request::Record;

/// Value of `webhook_type`.
pub const TYPE: &str = "request.updated";
/// Most events under way.
const PLACES: usize = 64;
/// How often the outbox is looked at when nobody says that there is something.
const TICK: Duration = Duration::from_secs(1);

/// Where events go.
#[derive(Clone)]
pub struct Destination {
    /// The address: https, or http on this machine in a sandbox.
    pub url: Url,
    /// What the signatures are made with.
    pub secret: WebhookSecret,
}

impl fmt::Debug for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Destination({})", self.url.origin().ascii_serialization())
    }
}

/// One event, until the partner's server has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Notice {
    event_id: Uuid,
    request_id: String,
    status: String,
    policy: Option<String>,
    created: Timestamp,
    /// Attempts so far.
    attempts: u32,
    /// When the next attempt is due; of a claimed one when the claim ends.
    due: Timestamp,
}

impl Stored for Notice {
    const NAME: &'static str = "webhook_outbox";
    const INDEXES: &'static [&'static str] = &["due"];

    fn key(&self) -> String {
        self.event_id.to_string()
    }

    fn indexes(&self) -> Vec<(&'static str, String)> {
        vec![("due", sortable(self.due.as_millisecond()))]
    }
}

impl Notice {
    /// The body of an attempt at `now`.
    fn body(&self, now: Timestamp) -> Map<String, Value> {
        let members = json!({
            "event_id": self.event_id, "webhook_type": TYPE, "request_id": self.request_id, "status": self.status,
            "policy": self.policy, "created_at": self.created.as_second(), "timestamp": now.as_second(),
        });
        match members {
            Value::Object(members) => members,
            _ => Map::new(),
        }
    }
}

impl Verifier {
    /// The event of a request that has come to an end, for the commit that ends it; nothing where it has not, or where
    /// nobody listens.
    pub(crate) fn notice(&self, record: &Record, now: Timestamp) -> Batch {
        let Some(status) = record.ending().filter(|_| self.config.webhook.is_some()) else { return Batch::new() };
        Batch::new().insert(&Notice {
            event_id: uuid::Builder::from_random_bytes(self.entropy.array()).into_uuid(),
            request_id: record.id.clone(),
            status: status.to_owned(),
            policy: record.policy.clone(),
            created: now,
            attempts: 0,
            due: now,
        })
    }

    /// Tells the partner's server what there is to tell, until `stop`. Several processes on one store do not send the same
    /// event at the same time.
    pub async fn deliver_webhooks(self: Arc<Self>, stop: impl Future<Output = ()> + Send) {
        let mut stop = std::pin::pin!(stop);
        loop {
            if let Err(error) = self.deliver_due().await {
                tracing::error!(%error, "the webhook outbox can not be read or written");
            }
            tokio::select! {
                () = &mut stop => return,
                () = self.outbox.notified() => {}
                () = tokio::time::sleep(TICK) => {}
            }
        }
    }

    /// Tells what is due now and comes back when nothing is; says how many attempts were made.
    ///
    /// # Errors
    /// Those of the store. What the receiver does is no error.
    pub async fn deliver_due(self: &Arc<Self>) -> Result<usize, warifu_store::Error> {
        let Some(destination) = &self.config.webhook else { return Ok(0) };
        let mut made = 0;
        loop {
            let claimed = self.claim().await?;
            if claimed.is_empty() {
                return Ok(made);
            }
            made += claimed.len();
            let mut flying = JoinSet::new();
            for notice in claimed {
                flying.spawn(Arc::clone(self).tell(destination.clone(), notice));
            }
            for noted in flying.join_all().await {
                noted?;
            }
        }
    }

    /// Claims what is due. A claim ends by itself, so that what a process left when it died is told by the next.
    async fn claim(&self) -> Result<Vec<Loaded<Notice>>, warifu_store::Error> {
        let now = self.clock.now();
        let end = sortable(now.as_millisecond().saturating_add(1));
        let query = Query::by("due", Range::Between(String::new(), end)).limit(PLACES);
        let due = Collection::<Notice>::of(&self.store).scan(&query).await?.items;
        if due.is_empty() {
            return Ok(due);
        }
        let claimed = |notice: &Notice| Notice { due: later(now, LEASE), ..notice.clone() };
        let batch = due.iter().fold(Batch::new(), |batch, row| batch.replace(row.seen, &claimed(&row.value)));
        match self.store.commit(batch).await {
            Ok(receipt) => {
                let of = |row: Loaded<Notice>| Loaded { seen: receipt.version, value: claimed(&row.value) };
                Ok(due.into_iter().map(of).collect())
            }
            Err(error) if error.is_conflict() => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    /// One attempt, and how it went.
    async fn tell(
        self: Arc<Self>,
        destination: Destination,
        notice: Loaded<Notice>,
    ) -> Result<(), warifu_store::Error> {
        let Loaded { seen, value } = notice;
        let now = self.clock.now();
        let signed = sign_body(&value.body(now), &destination.secret, now.as_second());
        let timestamp = signed.timestamp.to_string();
        let headers = signed.headers(&timestamp);
        let headers: Vec<_> = headers.into_iter().filter(|(name, _)| *name != X_SIGNATURE_SIMPLE).collect();
        let attempted = delivery::attempt(&self.fetcher, &destination.url, &headers, signed.body.clone()).await;
        let batch = match attempted.answer.after(value.attempts) {
            After::Done => Batch::new().remove(seen, &value),
            After::Again(delay) => {
                let attempts = value.attempts.saturating_add(1);
                Batch::new().replace(seen, &Notice { attempts, due: later(self.clock.now(), delay), ..value })
            }
            After::Dropped => {
                tracing::warn!(event_id = %value.event_id, answer = ?attempted.answer, "an event was not taken");
                Batch::new().remove(seen, &value)
            }
        };
        match self.store.commit(batch).await {
            Ok(_) => Ok(()),
            // The claim had ended and another process has it: it is told twice, as the same event.
            Err(error) if error.is_conflict() => Ok(()),
            Err(error) => Err(error),
        }
    }
}
