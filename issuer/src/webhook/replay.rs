//! What an application does with the log of a destination: read it, send something again, try the destination out.

use jiff::Timestamp;
use serde_json::json;
use uuid::Uuid;
use warifu_keys::base64url;
use warifu_server::delivery::Attempted;
use warifu_session::Status;
use warifu_session::decision::SessionKind;
use warifu_session::webhook::{Event, EventType};
use warifu_store::{Batch, Collection, Cursor, Loaded, Query, Range};

use super::attempt::{Occasion, attempt};
use super::destination::Destination;
use super::outbox::{Delivery, Outgoing, Payload, State};
use crate::kyc::service::TRIES;
use crate::kyc::vault::DataKey;
use crate::{Error, Issuer};

/// Attempts of a destination, newest first.
#[derive(Debug)]
pub struct Logged {
    /// Each with the beginning of what the receiver said, where it took nothing and the person's data are not erased.
    pub deliveries: Vec<(Delivery, Option<String>)>,
    /// Where to go on.
    pub next: Option<Cursor>,
}

/// That an event is on its way again.
#[derive(Debug, Clone, Copy)]
pub struct Queued {
    /// The event, the same as before.
    pub event_id: Uuid,
}

/// How trying a destination out went.
#[derive(Debug)]
pub struct Tested {
    /// The attempt, as the log has it.
    pub delivery: Delivery,
    /// The beginning of what the receiver said, where it took nothing.
    pub excerpt: String,
}

impl Issuer {
    /// A page of the log of a destination.
    ///
    /// # Errors
    /// [`Error::NoSuchDestination`].
    pub async fn deliveries(
        &self,
        application: Uuid,
        destination: Uuid,
        limit: usize,
        after: Option<Cursor>,
    ) -> Result<Logged, Error> {
        self.own_destination(application, destination).await?;
        let query = Query::keys(Range::Prefix(Delivery::prefix(destination))).descending().limit(limit);
        let query = match after {
            Some(after) => query.after(after),
            None => query,
        };
        let page = Collection::<Delivery>::of(&self.store).scan(&query).await?;
        let mut deliveries = Vec::with_capacity(page.items.len());
        for Loaded { value, .. } in page.items {
            let excerpt = match &value.excerpt {
                Some(sealed) => self.excerpt(&value, sealed).await?,
                None => None,
            };
            deliveries.push((value, excerpt));
        }
        Ok(Logged { deliveries, next: page.next })
    }

    async fn excerpt(&self, delivery: &Delivery, sealed: &str) -> Result<Option<String>, Error> {
        let Some(key) = self.session_key(delivery.session_id).await? else { return Ok(None) };
        let opened = base64url::decode(sealed).ok().and_then(|it| key.open(&Delivery::context(delivery.id), &it).ok());
        Ok(opened.map(|text| String::from_utf8_lossy(text.expose()).into_owned()))
    }

    /// The data key of a session; `None` once the person's data were erased.
    pub(super) async fn session_key(&self, session: Uuid) -> Result<Option<DataKey>, Error> {
        match self.sessions().load(&session).await? {
            Some(loaded) => Ok(loaded.value.data_key(&self.vault)?),
            None => Ok(None),
        }
    }

    /// Sends the event of an attempt again, with the same `event_id`, and with retries as if it were new.
    ///
    /// # Errors
    /// [`Error::NoSuchDestination`]; [`Error::NoSuchDelivery`] for a test, and for an event that is more than 30 days old.
    pub async fn replay(
        &self,
        application: Uuid,
        destination: Uuid,
        delivery: Uuid,
        now: Timestamp,
    ) -> Result<Queued, Error> {
        self.own_destination(application, destination).await?;
        let found = Collection::<Delivery>::of(&self.store).find("id", &delivery.to_string()).await?;
        let found = found.filter(|found| found.value.destination == destination).ok_or(Error::NoSuchDelivery)?;
        let outgoing = found.value.outgoing.ok_or(Error::NoSuchDelivery)?;
        for _ in 0..TRIES {
            let row = Collection::<Outgoing>::of(&self.store).load(&outgoing).await?;
            let Loaded { seen, value } = row.ok_or(Error::NoSuchDelivery)?;
            let queued = Queued { event_id: value.event };
            if Collection::<Payload>::of(&self.store).load(&value.event).await?.is_none() {
                return Err(Error::NoSuchDelivery);
            }
            if let State::Claimed { until } = value.state
                && now < until
            {
                // It is being sent this moment.
                return Ok(queued);
            }
            match self.store.commit(Batch::new().replace(seen, &value.replayed(now))).await {
                Ok(_) => {
                    self.posted();
                    return Ok(queued);
                }
                Err(error) if error.is_conflict() => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::Busy)
    }

    /// Sends an invented event to a destination, at once and once, with the header that says so. Works for a disabled one.
    ///
    /// # Errors
    /// [`Error::NoSuchDestination`]. What the receiver does is no error.
    pub async fn test_destination(
        &self,
        application: Uuid,
        destination: Uuid,
        webhook_type: EventType,
        now: Timestamp,
    ) -> Result<Tested, Error> {
        let destination = self.own_destination(application, destination).await?.value;
        let event = self.invented(&destination, webhook_type, now);
        let event = event.shaped(destination.webhook_version);
        let secret = destination.secret(&self.vault)?;
        let url = &destination.url;
        let Attempted { answer, milliseconds, excerpt } =
            attempt(&self.fetcher, url, &secret, &event, Occasion::Test, now).await;
        let delivery = Delivery {
            id: self.fresh_id(),
            destination: destination.id,
            event_id: event.event_id,
            webhook_type,
            session_id: event.session_id,
            attempt: 1,
            test: true,
            at: now,
            answer,
            milliseconds,
            next_attempt: None,
            outgoing: None,
            excerpt: None,
        };
        self.store.commit(Batch::new().insert(&delivery)).await?;
        Ok(Tested { delivery, excerpt })
    }

    /// An event of a session that does not exist.
    fn invented(&self, destination: &Destination, webhook_type: EventType, now: Timestamp) -> Event {
        let session_id = self.fresh_id();
        Event {
            event_id: self.fresh_id(),
            webhook_type,
            created_at: now.as_second(),
            application_id: destination.application,
            environment: self.config.environment.into(),
            session_id,
            session_kind: SessionKind::User,
            node_id: None,
            status: Status::Approved,
            workflow_id: Uuid::nil(),
            workflow_version: 1,
            sequence: 1,
            vendor_data: Some("test".to_owned()),
            metadata: None,
            decision: Some(json!({
                "session_id": session_id,
                "session_kind": "user",
                "status": Status::Approved,
                "liveness_checks": [{ "node_id": "default", "status": "Approved", "method": "PASSIVE", "score": 97.5 }],
            })),
            resubmit_info: None,
            consent: None,
        }
    }
}
