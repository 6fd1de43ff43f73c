//! The records of the outbox: what was told ([`Payload`]), to whom it still has to be told ([`Outgoing`]), and how every
//! attempt went ([`Delivery`], [`Summary`]).

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;
use warifu_keys::{Entropy, Secret, base64url};
use warifu_server::delivery::{After, Answer, LEASE};
use warifu_session::webhook::{Event, EventType, ResubmitInfo};
use warifu_store::{Stored, sortable};

use crate::kyc::vault::{DataKey, VaultError};

/// How long what was sent, or dropped, can be replayed.
pub(super) const KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);

/// One event, written once for all destinations.
///
/// What is about the person is sealed with the data key of their session: once that is erased, what is still to be sent says
/// identifiers and status alone.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Payload {
    /// The event without everything that is about the person.
    event: Event,
    /// [`Personal`], sealed.
    sealed: String,
}

#[derive(Serialize, Deserialize)]
struct Personal {
    vendor_data: Option<String>,
    metadata: Option<Value>,
    decision: Option<Value>,
    resubmit_info: Option<ResubmitInfo>,
}

impl Payload {
    pub(super) fn seal(mut event: Event, key: &DataKey, entropy: &dyn Entropy) -> Result<Self, VaultError> {
        let personal = Personal {
            vendor_data: event.vendor_data.take(),
            metadata: event.metadata.take(),
            decision: event.decision.take(),
            resubmit_info: event.resubmit_info.take(),
        };
        let plain = Secret::new(serde_json::to_vec(&personal).map_err(|_| VaultError::Sealed)?);
        let sealed = key.seal(&context(event.event_id), plain.expose(), entropy)?;
        Ok(Self { event, sealed: base64url::encode(&sealed) })
    }

    /// The session it speaks of, whose key opens it.
    pub(super) fn event(&self) -> &Event {
        &self.event
    }

    /// The whole event; without a key, what may be said of a session that was erased.
    pub(super) fn open(self, key: Option<&DataKey>) -> Result<Event, VaultError> {
        let Some(key) = key else { return Ok(self.event) };
        let sealed = base64url::decode(&self.sealed).map_err(|_| VaultError::Sealed)?;
        let plain = key.open(&context(self.event.event_id), &sealed)?;
        let personal: Personal = serde_json::from_slice(plain.expose()).map_err(|_| VaultError::Sealed)?;
        let Personal { vendor_data, metadata, decision, resubmit_info } = personal;
        Ok(Event { vendor_data, metadata, decision, resubmit_info, ..self.event })
    }
}

fn context(event: Uuid) -> String {
    format!("warifu webhook event {event}")
}

impl Stored for Payload {
    const NAME: &'static str = "webhook_events";
    const INDEXES: &'static [&'static str] = &["made"];

    fn key(&self) -> String {
        self.event.event_id.to_string()
    }

    fn indexes(&self) -> Vec<(&'static str, String)> {
        vec![("made", sortable(self.event.created_at))]
    }
}

/// Where an event stands with one destination. Small, because it is written anew at every step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Outgoing {
    pub(super) id: Uuid,
    pub(super) event: Uuid,
    pub(super) session: Uuid,
    pub(super) sequence: u64,
    pub(super) destination: Uuid,
    /// Attempts since it was written or replayed.
    pub(super) attempts: u32,
    pub(super) state: State,
}

/// What happens next with a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub(super) enum State {
    /// To be sent from then on.
    Waiting { due: Timestamp },
    /// Being sent. Whoever claimed it has died if this is still so then.
    Claimed { until: Timestamp },
    /// The receiver took it.
    Delivered { at: Timestamp },
    /// Not to be tried again, unless somebody asks for it.
    Dropped { at: Timestamp },
}

impl Outgoing {
    pub(super) fn new(id: Uuid, payload: &Payload, destination: Uuid, now: Timestamp) -> Self {
        let event = payload.event();
        Self {
            id,
            event: event.event_id,
            session: event.session_id,
            sequence: event.sequence,
            destination,
            attempts: 0,
            state: State::Waiting { due: now },
        }
    }

    /// Claimed at `now`.
    pub(super) fn claimed(&self, now: Timestamp) -> Self {
        Self { state: State::Claimed { until: later(now, LEASE) }, ..self.clone() }
    }

    /// After an attempt that ended with this answer.
    pub(super) fn attempted(&self, answer: Answer, now: Timestamp) -> Self {
        let attempts = self.attempts.saturating_add(1);
        let state = match answer.after(self.attempts) {
            After::Done => State::Delivered { at: now },
            After::Again(delay) => State::Waiting { due: later(now, delay) },
            After::Dropped => State::Dropped { at: now },
        };
        Self { attempts, state, ..self.clone() }
    }

    /// From the beginning, as if it had just been written: the same event.
    pub(super) fn replayed(&self, now: Timestamp) -> Self {
        Self { attempts: 0, state: State::Waiting { due: now }, ..self.clone() }
    }

    /// When the next attempt is, if there is one.
    pub(super) fn next(&self) -> Option<Timestamp> {
        match self.state {
            State::Waiting { due } => Some(due),
            State::Claimed { .. } | State::Delivered { .. } | State::Dropped { .. } => None,
        }
    }

    /// Where the rows of a destination that are due at `now` end in the index `due`.
    pub(super) fn due_before(destination: Uuid, now: Timestamp) -> String {
        format!("{destination}/{}", sortable(now.as_millisecond().saturating_add(1)))
    }
}

fn later(now: Timestamp, by: SignedDuration) -> Timestamp {
    now.saturating_add(by).unwrap_or(Timestamp::MAX)
}

impl Stored for Outgoing {
    const NAME: &'static str = "webhook_outbox";
    const INDEXES: &'static [&'static str] = &["due", "done"];

    fn key(&self) -> String {
        self.id.to_string()
    }

    fn indexes(&self) -> Vec<(&'static str, String)> {
        // By destination first, so that a long queue of one is never walked through on the way to another.
        let due = |at: Timestamp| {
            let key = format!("{}/{}{}", self.destination, sortable(at.as_millisecond()), sortable(self.order()));
            vec![("due", key)]
        };
        match self.state {
            State::Waiting { due: at } | State::Claimed { until: at } => due(at),
            State::Delivered { at } | State::Dropped { at } => vec![("done", sortable(at.as_second()))],
        }
    }
}

impl Outgoing {
    fn order(&self) -> i64 {
        i64::try_from(self.sequence).unwrap_or(i64::MAX)
    }
}

/// One attempt, as the log of a destination tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// Identifier of the attempt.
    pub id: Uuid,
    /// The destination.
    pub destination: Uuid,
    /// The event.
    pub event_id: Uuid,
    /// Its type.
    pub webhook_type: EventType,
    /// Its session.
    pub session_id: Uuid,
    /// Which attempt, from 1; from 1 again after a replay.
    pub attempt: u32,
    /// Whether somebody tried the destination out.
    pub test: bool,
    /// When it began.
    pub at: Timestamp,
    /// How it ended.
    pub answer: Answer,
    /// How long it took.
    pub milliseconds: u64,
    /// When the next attempt is.
    pub next_attempt: Option<Timestamp>,
    /// The row it belongs to; absent for a test.
    pub(super) outgoing: Option<Uuid>,
    /// The beginning of the answer, sealed with the key of the session: receivers like to send back what they got.
    pub(super) excerpt: Option<String>,
}

impl Delivery {
    /// The keys of the log of a destination begin with this.
    pub(super) fn prefix(destination: Uuid) -> String {
        format!("{destination}/")
    }

    /// What the excerpt is sealed for.
    pub(super) fn context(id: Uuid) -> String {
        format!("warifu webhook answer {id}")
    }
}

impl Stored for Delivery {
    const NAME: &'static str = "webhook_deliveries";
    const INDEXES: &'static [&'static str] = &["id", "at"];

    fn key(&self) -> String {
        format!("{}{}/{}", Self::prefix(self.destination), sortable(self.at.as_millisecond()), self.id)
    }

    fn indexes(&self) -> Vec<(&'static str, String)> {
        vec![("id", self.id.to_string()), ("at", sortable(self.at.as_second()))]
    }
}

/// How a destination has done, over all attempts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// The destination.
    pub destination: Uuid,
    /// All attempts.
    pub total_deliveries: u64,
    /// Those that were not taken.
    pub failed_deliveries: u64,
    /// Time of all attempts together, in milliseconds.
    pub all_milliseconds: u64,
    /// The quickest attempt.
    pub min_milliseconds: Option<u64>,
    /// The slowest attempt.
    pub max_milliseconds: Option<u64>,
    /// The latest attempt.
    pub last_delivery_at: Option<Timestamp>,
}

impl Summary {
    /// Of a destination that nothing was sent to.
    #[must_use]
    pub fn empty(destination: Uuid) -> Self {
        Self {
            destination,
            total_deliveries: 0,
            failed_deliveries: 0,
            all_milliseconds: 0,
            min_milliseconds: None,
            max_milliseconds: None,
            last_delivery_at: None,
        }
    }

    pub(super) fn count(&mut self, delivery: &Delivery) {
        let took = delivery.milliseconds;
        self.total_deliveries = self.total_deliveries.saturating_add(1);
        self.failed_deliveries = self.failed_deliveries.saturating_add(u64::from(!delivery.answer.is_success()));
        self.all_milliseconds = self.all_milliseconds.saturating_add(took);
        self.min_milliseconds = Some(self.min_milliseconds.map_or(took, |least| least.min(took)));
        self.max_milliseconds = Some(self.max_milliseconds.map_or(took, |most| most.max(took)));
        self.last_delivery_at = self.last_delivery_at.max(Some(delivery.at));
    }
}

impl Stored for Summary {
    const NAME: &'static str = "webhook_summaries";

    fn key(&self) -> String {
        self.destination.to_string()
    }
}
