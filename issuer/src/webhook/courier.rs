//! The courier: claims what is due, sends it, notes how it went.
//!
//! A claim is a compare-and-set with a time on it, so two couriers never send one row at the same time, and a row whose
//! courier died is found again. Rows are found by destination, so the queue of one is never walked through on the way to
//! another; a destination that is slow or fails gets few places until it is well again. Of one session one event at a time
//! is under way to a destination, so events arrive in their order as long as each is taken.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::task::{Id, JoinSet};
use uuid::Uuid;
use warifu_keys::base64url;
use warifu_server::delivery::{Answer, Attempted};
use warifu_session::webhook::EventType;
use warifu_store::{Batch, Collection, Loaded, Query, Range, Stored, Version, sortable};

use super::attempt::{Occasion, attempt};
use super::destination::Destination;
use super::outbox::{Delivery, KEPT, Outgoing, Payload, Summary};
use crate::kyc::service::TRIES;
use crate::{Error, Issuer};

/// Most requests under way.
const PLACES: usize = 1024;
/// Most requests under way to one destination.
const LANE: usize = 64;
/// The same while it does not answer well.
const SLOW_LANE: usize = 4;
/// An answer that takes longer than this is not a good one.
const SLOW: u64 = 1000;
/// How often the outbox is looked at when nobody says that there is something: for retries, and for what other processes
/// wrote.
const TICK: Duration = Duration::from_secs(1);
/// How often sessions that nobody finished are looked for, and old rows removed; and how many of these at once.
const TIDY_EVERY: jiff::SignedDuration = jiff::SignedDuration::from_mins(1);
const PRUNE: usize = 500;

/// Sends what stands in the outbox of one issuer.
pub(super) struct Courier {
    issuer: Arc<Issuer>,
    flying: JoinSet<Flown>,
    flights: HashMap<Id, (Uuid, Uuid)>,
    lanes: HashMap<Uuid, Lane>,
    /// The destination that is served first next time.
    turn: Option<Uuid>,
    tidied: Option<Timestamp>,
}

/// What is under way to one destination.
#[derive(Default)]
struct Lane {
    sessions: HashSet<Uuid>,
    slow: bool,
}

/// A row after its attempt.
struct Flown {
    seen: Version,
    row: Outgoing,
    webhook_type: EventType,
    at: Timestamp,
    attempted: Attempted,
    /// The excerpt, sealed, with the identifier it is sealed for.
    id: Uuid,
    excerpt: Option<String>,
}

impl Courier {
    pub(super) fn of(issuer: Arc<Issuer>) -> Self {
        Self {
            issuer,
            flying: JoinSet::new(),
            flights: HashMap::new(),
            lanes: HashMap::new(),
            turn: None,
            tidied: None,
        }
    }

    pub(super) async fn run(mut self, stop: impl Future<Output = ()> + Send) {
        let mut stop = std::pin::pin!(stop);
        loop {
            if let Err(error) = self.turn().await {
                tracing::error!(%error, "the webhook outbox can not be read or written");
            }
            let issuer = Arc::clone(&self.issuer);
            tokio::select! {
                () = &mut stop => break,
                flown = Self::landed(&mut self.flying), if !self.flying.is_empty() => self.settle(flown).await,
                () = issuer.outbox.notified() => {}
                () = tokio::time::sleep(TICK) => {}
            }
        }
        // What is under way ends by itself within seconds; what nobody notes is sent once more after its claim.
        while !self.flying.is_empty() {
            let flown = Self::landed(&mut self.flying).await;
            self.settle(flown).await;
        }
    }

    pub(super) async fn run_dry(mut self) -> Result<usize, Error> {
        let mut sent = 0;
        loop {
            sent += self.claim().await?;
            if self.flying.is_empty() {
                return Ok(sent);
            }
            let flown = Self::landed(&mut self.flying).await;
            self.settle(flown).await;
        }
    }

    async fn turn(&mut self) -> Result<(), Error> {
        self.claim().await?;
        let now = self.issuer.clock.now();
        if self.tidied.is_none_or(|tidied| now.duration_since(tidied) >= TIDY_EVERY) {
            self.tidied = Some(now);
            self.issuer.write_lapsed(now).await?;
            self.issuer.prune_webhooks(now).await?;
        }
        Ok(())
    }

    /// All attempts that have ended: one at least.
    async fn landed(flying: &mut JoinSet<Flown>) -> Vec<(Id, Option<Flown>)> {
        let name = |ended: Result<(Id, Flown), tokio::task::JoinError>| match ended {
            Ok((id, flown)) => (id, Some(flown)),
            Err(error) => {
                tracing::error!(%error, "an attempt to send a webhook ended badly");
                (error.id(), None)
            }
        };
        let mut all: Vec<_> = flying.join_next_with_id().await.into_iter().map(name).collect();
        while let Some(ended) = flying.try_join_next_with_id() {
            all.push(name(ended));
        }
        all
    }

    /// Claims what is due and sets it on its way; says how much that was.
    async fn claim(&mut self) -> Result<usize, Error> {
        let issuer = Arc::clone(&self.issuer);
        let now = issuer.clock.now();
        let mut waiting = issuer.waiting_destinations().await?;
        if let Some(turn) = self.turn {
            let first = waiting.partition_point(|destination| *destination < turn);
            waiting.rotate_left(first);
        }
        let mut claims: Vec<(Arc<Destination>, Loaded<Outgoing>)> = Vec::new();
        for id in waiting {
            let free = PLACES.saturating_sub(self.flights.len() + claims.len());
            if free == 0 {
                self.turn = Some(id);
                break;
            }
            let lane = self.lanes.entry(id).or_default();
            let places = if lane.slow { SLOW_LANE } else { LANE };
            let places = places.saturating_sub(lane.sessions.len()).min(free);
            if places == 0 {
                continue;
            }
            let rows = issuer.due(id, now, places + lane.sessions.len()).await?;
            if rows.is_empty() {
                continue;
            }
            let Some(destination) = Collection::<Destination>::of(&issuer.store).load(&id).await? else {
                issuer.forget(rows).await?;
                issuer.posted();
                continue;
            };
            let destination = Arc::new(destination.value);
            let mut sessions = lane.sessions.clone();
            for row in rows {
                if claims.len() < PLACES
                    && sessions.len() < lane.sessions.len() + places
                    && sessions.insert(row.value.session)
                {
                    claims.push((Arc::clone(&destination), row));
                }
            }
        }
        let claimed = issuer.commit_claims(claims, now).await?;
        let count = claimed.len();
        for (destination, row) in claimed {
            let place = (destination.id, row.value.session);
            self.lanes.entry(place.0).or_default().sessions.insert(place.1);
            let task = self.flying.spawn(Arc::clone(&issuer).fly(destination, row));
            self.flights.insert(task.id(), place);
        }
        Ok(count)
    }

    /// Notes how attempts went, all of them in one commit.
    async fn settle(&mut self, landed: Vec<(Id, Option<Flown>)>) {
        let mut flown = Vec::with_capacity(landed.len());
        for (id, ended) in landed {
            if let Some((destination, session)) = self.flights.remove(&id)
                && let Some(lane) = self.lanes.get_mut(&destination)
            {
                lane.sessions.remove(&session);
                if let Some(ended) = &ended {
                    lane.slow = !ended.attempted.answer.is_success() || ended.attempted.milliseconds > SLOW;
                }
            }
            flown.extend(ended);
        }
        self.lanes.retain(|_, lane| lane.slow || !lane.sessions.is_empty());
        if let Err(error) = self.issuer.note(flown).await {
            // The rows are still claimed, so they are sent once more: with the same event identifiers.
            tracing::error!(%error, "how webhooks were taken can not be noted");
        }
    }
}

impl Issuer {
    /// The destinations that have rows which are not done, in their order. One look at the index for each, however many rows
    /// it has.
    async fn waiting_destinations(&self) -> Result<Vec<Uuid>, Error> {
        let rows = Collection::<Outgoing>::of(&self.store);
        let mut found = Vec::new();
        let mut from = String::new();
        loop {
            let query = Query::by("due", Range::Between(from, "~".to_owned())).limit(1);
            let Some(row) = rows.scan(&query).await?.items.into_iter().next() else { return Ok(found) };
            // The character after the slash that ends a destination's part of the keys.
            from = format!("{}0", row.value.destination);
            found.push(row.value.destination);
        }
    }

    /// Rows of a destination that are due, the longest first.
    async fn due(&self, destination: Uuid, now: Timestamp, limit: usize) -> Result<Vec<Loaded<Outgoing>>, Error> {
        let range = Range::Between(format!("{destination}/"), Outgoing::due_before(destination, now));
        Ok(Collection::<Outgoing>::of(&self.store).scan(&Query::by("due", range).limit(limit)).await?.items)
    }

    /// Removes rows whose destination is gone.
    async fn forget(&self, rows: Vec<Loaded<Outgoing>>) -> Result<(), Error> {
        let gone = rows.iter().fold(Batch::new(), |batch, row| batch.erase::<Outgoing>(&row.value.id));
        self.store.commit(gone).await?;
        Ok(())
    }

    /// Claims all rows in one commit, or where another courier was there first those that it left.
    async fn commit_claims(
        &self,
        claims: Vec<(Arc<Destination>, Loaded<Outgoing>)>,
        now: Timestamp,
    ) -> Result<Vec<(Arc<Destination>, Loaded<Outgoing>)>, Error> {
        if claims.is_empty() {
            return Ok(claims);
        }
        let of = |row: &Loaded<Outgoing>, seen| Loaded { seen, value: row.value.claimed(now) };
        let batch =
            claims.iter().fold(Batch::new(), |batch, (_, row)| batch.replace(row.seen, &row.value.claimed(now)));
        match self.store.commit(batch).await {
            Ok(receipt) => Ok(claims.iter().map(|(to, row)| (Arc::clone(to), of(row, receipt.version))).collect()),
            Err(error) if error.is_conflict() => {
                let mut won = Vec::new();
                for (to, row) in claims {
                    match self.store.commit(Batch::new().replace(row.seen, &row.value.claimed(now))).await {
                        Ok(receipt) => won.push((to, of(&row, receipt.version))),
                        Err(error) if error.is_conflict() => {}
                        Err(error) => return Err(error.into()),
                    }
                }
                Ok(won)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// One attempt of a claimed row.
    async fn fly(self: Arc<Self>, destination: Arc<Destination>, row: Loaded<Outgoing>) -> Flown {
        let at = self.clock.now();
        let Loaded { seen, value: row } = row;
        let id = self.fresh_id();
        let mut flown = Flown {
            seen,
            webhook_type: EventType::StatusUpdated,
            at,
            attempted: Attempted::not(Answer::Unreadable),
            id,
            excerpt: None,
            row,
        };
        let loaded = Collection::<Payload>::of(&self.store).load(&flown.row.event).await;
        let key = self.session_key(flown.row.session).await;
        let (payload, key, secret) = match (loaded, key, destination.secret(&self.vault)) {
            (Ok(Some(payload)), Ok(key), Ok(secret)) => (payload.value, key, secret),
            (payload, key, secret) => {
                let errors = (payload.err(), key.err(), secret.err());
                tracing::error!(event = %flown.row.event, ?errors, "a webhook can not be read and is dropped");
                return flown;
            }
        };
        flown.webhook_type = payload.event().webhook_type;
        if !destination.enabled {
            flown.attempted = Attempted::not(Answer::Disabled);
            return flown;
        }
        let event = match payload.open(key.as_ref()) {
            Ok(event) => event.shaped(destination.webhook_version),
            Err(error) => {
                tracing::error!(event = %flown.row.event, %error, "a webhook can not be opened and is dropped");
                return flown;
            }
        };
        flown.attempted = attempt(&self.fetcher, &destination.url, &secret, &event, Occasion::Event, at).await;
        let said = flown.attempted.excerpt.as_bytes();
        if let Some(key) = key.filter(|_| !said.is_empty()) {
            let sealed = key.seal(&Delivery::context(id), said, self.entropy());
            flown.excerpt = sealed.ok().map(|sealed| base64url::encode(&sealed));
        }
        flown
    }

    /// Writes the next state of rows, their lines in the log, and the sums of their destinations.
    async fn note(&self, flown: Vec<Flown>) -> Result<(), Error> {
        if flown.is_empty() {
            return Ok(());
        }
        for _ in 0..TRIES {
            match self.note_once(&flown, Rows::AsClaimed).await {
                Err(Error::Store(error)) if error.is_conflict() => {}
                noted => return noted,
            }
        }
        // Somebody else wrote one of the rows, after its claim had run out: each by itself.
        for one in flown.chunks(1) {
            match self.note_once(one, Rows::AsClaimed).await {
                Err(Error::Store(error)) if error.is_conflict() => self.note_once(one, Rows::OfOthers).await?,
                noted => noted?,
            }
        }
        Ok(())
    }

    async fn note_once(&self, flown: &[Flown], rows: Rows) -> Result<(), Error> {
        let now = self.clock.now();
        let mut batch = Batch::new();
        let mut summaries: HashMap<Uuid, (Option<Version>, Summary)> = HashMap::new();
        for one in flown {
            let next = one.row.attempted(one.attempted.answer, now);
            let delivery = one.delivery(&next);
            if delivery.answer.status().is_none() {
                let failure = delivery.answer.failure();
                tracing::warn!(destination = %delivery.destination, event = %delivery.event_id, failure, "webhook not delivered");
            }
            if !matches!(delivery.answer, Answer::Disabled | Answer::Unreadable) {
                let to = delivery.destination;
                if let std::collections::hash_map::Entry::Vacant(place) = summaries.entry(to) {
                    let found = Collection::<Summary>::of(&self.store).load(&to).await?;
                    let (seen, value) = found.map(|found| (found.seen, found.value)).unzip();
                    place.insert((seen, value.unwrap_or_else(|| Summary::empty(to))));
                }
                if let Some((_, summary)) = summaries.get_mut(&to) {
                    summary.count(&delivery);
                }
            }
            batch = batch.insert(&delivery);
            if rows == Rows::AsClaimed {
                batch = batch.replace(one.seen, &next);
            }
        }
        let batch = summaries.into_values().fold(batch, |batch, (seen, summary)| match seen {
            Some(seen) => batch.replace(seen, &summary),
            None => batch.insert(&summary),
        });
        self.store.commit(batch).await?;
        Ok(())
    }

    /// Removes what is older than 30 days: a part of it each time.
    pub(crate) async fn prune_webhooks(&self, now: Timestamp) -> Result<(), Error> {
        let before = sortable(now.saturating_sub(KEPT).unwrap_or(Timestamp::MIN).as_second());
        self.prune_old::<Outgoing>("done", &before).await?;
        self.prune_old::<Delivery>("at", &before).await?;
        self.prune_old::<Payload>("made", &before).await
    }

    async fn prune_old<T: Stored>(&self, index: &str, before: &str) -> Result<(), Error> {
        let query = Query::by(index, Range::Between(String::new(), before.to_owned())).limit(PRUNE);
        let old = Collection::<T>::of(&self.store).scan(&query).await?.items;
        if old.is_empty() {
            return Ok(());
        }
        let batch = old.iter().fold(Batch::new(), |batch, row| batch.remove(row.seen, &row.value));
        match self.store.commit(batch).await {
            // Another process prunes too, or something is replayed this moment: next time.
            Err(error) if error.is_conflict() => Ok(()),
            done => done.map(|_| ()).map_err(Error::from),
        }
    }
}

/// Whether the rows are still as this courier claimed them.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rows {
    AsClaimed,
    OfOthers,
}

impl Flown {
    fn delivery(&self, next: &Outgoing) -> Delivery {
        Delivery {
            id: self.id,
            destination: self.row.destination,
            event_id: self.row.event,
            webhook_type: self.webhook_type,
            session_id: self.row.session,
            attempt: next.attempts,
            test: false,
            at: self.at,
            answer: self.attempted.answer,
            milliseconds: self.attempted.milliseconds,
            next_attempt: next.next(),
            outgoing: Some(self.row.id),
            excerpt: self.excerpt.clone(),
        }
    }
}
