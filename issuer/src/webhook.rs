//! Webhooks: what the servers of an application are told when one of its sessions changes.
//!
//! An event is written in the commit that makes the change it speaks of ([`Issuer::status_event`]), one row per destination
//! into the outbox, so nothing acknowledged is lost and nothing is told that did not happen. A courier
//! ([`Issuer::deliver_webhooks`]) claims due rows, sends them and notes how it went. A row is sent at least once; every
//! attempt carries the same `event_id`. See `docs/decisions/0028-webhooks-leave-in-the-commit.md`.
//!
//! Left out on purpose: a destination for all events (each is named), and waiting with a later event for an earlier one
//! (events carry a `sequence`).

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use uuid::Uuid;
use warifu_session::Status;
use warifu_session::decision::SessionKind;
use warifu_session::webhook::{Event, EventType, WithdrawnConsent, carries_decision};
use warifu_session::workflow::{Node, NodeId};
use warifu_store::{Batch, Collection, Query, Range};

use crate::kyc::decision::Explained;
use crate::kyc::session::OpenSession;
use crate::{Error, Issuer};

mod attempt;
mod courier;
mod destination;
mod outbox;
mod replay;

pub use destination::{Destination, DestinationChange, NewDestination, Shared};
pub use outbox::{Delivery, Summary};
pub use replay::{Logged, Queued, Tested};
pub use warifu_server::delivery::Answer;

use outbox::{Outgoing, Payload};

/// What there is to tell of a session.
#[derive(Debug, Clone)]
pub(crate) enum News {
    /// Its status changed.
    StatusUpdated,
    /// A reviewer corrected what was read.
    DataUpdated,
    /// The person took a consent back.
    ConsentWithdrawn(WithdrawnConsent),
    /// It passed a webhook node of its graph.
    Reached(Reached),
}

/// A webhook node that was passed.
#[derive(Debug, Clone)]
pub(crate) struct Reached {
    node: NodeId,
    /// The only destination that is told; all that ask for changes of status where absent.
    destination: Option<Uuid>,
    /// What the session was when it came there.
    status: Status,
}

impl News {
    fn webhook_type(&self) -> EventType {
        match self {
            Self::StatusUpdated | Self::Reached(_) => EventType::StatusUpdated,
            Self::DataUpdated => EventType::DataUpdated,
            Self::ConsentWithdrawn(_) => EventType::ConsentWithdrawn,
        }
    }

    /// Whether a destination is to hear of it.
    fn is_for(&self, destination: &Destination) -> bool {
        let named = match self {
            Self::Reached(Reached { destination, .. }) => *destination,
            Self::StatusUpdated | Self::DataUpdated | Self::ConsentWithdrawn(_) => None,
        };
        // A destination that a graph names is told, whatever else it asked for.
        let wanted = named.map_or_else(
            || destination.subscribed_events.contains(&self.webhook_type()),
            |named| named == destination.id,
        );
        destination.enabled && wanted
    }
}

impl Issuer {
    /// The event of a session whose status has changed from `before` (`None`: it is new), to be written in the same commit;
    /// nothing where the status is the same. Counts the event in the session, so the session is sealed after this.
    ///
    /// # Errors
    /// Those of the store and the vault.
    pub(crate) async fn status_event(
        &self,
        before: Option<Status>,
        open: &mut OpenSession,
        now: Timestamp,
    ) -> Result<Batch, Error> {
        if before == Some(open.session.status) {
            return Ok(Batch::new());
        }
        self.event(News::StatusUpdated, open, now).await
    }

    /// The events of the webhook nodes that a session passed since `before`, to be written in the same commit, in the order of their
    /// way.
    ///
    /// # Errors
    /// Those of the store and the vault.
    pub(crate) async fn reached_events(
        &self,
        before: &BTreeSet<NodeId>,
        status: Status,
        open: &mut OpenSession,
        now: Timestamp,
    ) -> Result<Batch, Error> {
        let mut batch = Batch::new();
        if open.personal.called.len() == before.len() {
            return Ok(batch);
        }
        let way = self.course(open, now).map(|course| course.passed).unwrap_or_default();
        let place = |node: &NodeId| way.iter().position(|passed| passed == node.as_str());
        let mut new: Vec<NodeId> = open.personal.called.difference(before).cloned().collect();
        new.sort_by_key(place);
        for node in new {
            let graph = open.session.workflow.graph.as_ref();
            let destination = match graph.and_then(|graph| graph.nodes().get(&node)) {
                Some(Node::Webhook(webhook)) => webhook.destination,
                Some(Node::Feature(_) | Node::Action(_) | Node::Branch(_) | Node::Status(_)) | None => None,
            };
            let reached = Reached { node, destination, status };
            batch = batch.and(self.event(News::Reached(reached), open, now).await?);
        }
        Ok(batch)
    }

    /// An event of a session, for every destination of its application that asked for this type; to be written in the commit
    /// that makes what it speaks of true. Counts the event in the session, so the session is sealed after this.
    ///
    /// # Errors
    /// Those of the store and the vault.
    pub(crate) async fn event(&self, news: News, open: &mut OpenSession, now: Timestamp) -> Result<Batch, Error> {
        open.session.events = open.session.events.saturating_add(1);
        let query = Query::by("application", Range::Is(open.session.application.to_string()));
        let destinations = Collection::<Destination>::of(&self.store).collect(query).await?;
        let told = |destination: &Destination| news.is_for(destination);
        let destinations: Vec<_> = destinations.into_iter().map(|found| found.value).filter(told).collect();
        if destinations.is_empty() {
            return Ok(Batch::new());
        }
        let event = self.event_of(news, open, now)?;
        let payload = Payload::seal(event, &open.key, self.entropy())?;
        let batch = Batch::new().insert(&payload);
        Ok(destinations.iter().fold(batch, |batch, destination| {
            let id = self.fresh_id();
            batch.insert(&Outgoing::new(id, &payload, destination.id, now))
        }))
    }

    fn event_of(&self, news: News, open: &OpenSession, now: Timestamp) -> Result<Event, Error> {
        let webhook_type = news.webhook_type();
        let session = &open.session;
        let (status, node_id) = match &news {
            News::Reached(reached) => (reached.status, Some(reached.node.to_string())),
            News::StatusUpdated | News::DataUpdated | News::ConsentWithdrawn(_) => (session.status, None),
        };
        // Whose the faces are that a decision names stands in other sessions; it is not copied out of them.
        let tells = webhook_type != EventType::ConsentWithdrawn && carries_decision(status);
        let decision = tells.then(|| Explained::of(open, self, now).decision);
        let decision = decision.map(serde_json::to_value).transpose();
        Ok(Event {
            event_id: self.fresh_id(),
            webhook_type,
            created_at: now.as_second(),
            application_id: session.application,
            environment: session.workflow.environment.into(),
            session_id: session.id,
            session_kind: SessionKind::User,
            status,
            node_id,
            workflow_id: session.workflow.id,
            workflow_version: session.workflow.version,
            sequence: session.events,
            vendor_data: session.vendor_data.clone(),
            metadata: session.metadata.clone(),
            decision: decision.map_err(|error| Error::Task(error.to_string()))?,
            resubmit_info: match status {
                Status::Resubmitted => Some(open.personal.resubmission.clone().unwrap_or_default()),
                Status::NotStarted
                | Status::InProgress
                | Status::AwaitingUser
                | Status::InReview
                | Status::Approved
                | Status::Declined
                | Status::Expired
                | Status::KycExpired
                | Status::Abandoned => None,
            },
            consent: match news {
                News::ConsentWithdrawn(consent) => Some(consent),
                News::StatusUpdated | News::DataUpdated | News::Reached(_) => None,
            },
        })
    }

    /// Wakes the courier: a commit may have left something in the outbox.
    pub(crate) fn posted(&self) {
        self.outbox.notify_one();
    }

    /// Sends what is due until `stop`, and then waits for what is under way. One per process; several processes on one store
    /// do not send the same row at the same time.
    pub async fn deliver_webhooks(self: Arc<Self>, stop: impl Future<Output = ()> + Send) {
        courier::Courier::of(self).run(stop).await;
    }

    /// Sends what is due now and comes back when nothing is, for tests and for commands.
    ///
    /// # Errors
    /// Those of the store. What a receiver does is no error: it stands in the log of its destination.
    pub async fn deliver_due(self: &Arc<Self>) -> Result<usize, Error> {
        courier::Courier::of(Arc::clone(self)).run_dry().await
    }
}
