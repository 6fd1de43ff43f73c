//! How long the values of an answer stay here: until the partner's server has collected them, or [`HOLD`] has passed.
//!
//! The verdict stays: every check with its reason, and no value of any claim. A policy may name claims that stay longer
//! ([`Keep`](crate::policy::Keep)). What is past its time is shown to nobody from that moment on, and is gone from the store
//! with the next round of [`Verifier::keep_tidy`].

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use warifu_store::{Batch, Loaded, Query, Range, sortable};

use crate::Verifier;
use crate::request::{Record, RequestError, Stage};

/// How long values wait to be collected.
pub const HOLD: SignedDuration = SignedDuration::from_mins(15);
/// How many requests are tidied in one go.
const ROUND: usize = 500;
/// How often they are.
const EVERY: Duration = Duration::from_secs(60);

impl Record {
    /// The index of when values are due to go.
    pub(crate) const VALUES: &'static str = "values";

    /// The names of the claims whose values are still here at `now`.
    fn here(&self, now: Timestamp) -> Here<'_> {
        let Some(ended) = self.ended else { return Here::None };
        if self.collected.is_none() && now < later(ended, HOLD) {
            return Here::All;
        }
        match &self.keep {
            Some(keep) if now < later(ended, days(keep.days)) => Here::Named(&keep.claims),
            Some(_) | None => Here::None,
        }
    }

    /// The request as it is at `now`, without the values whose time has passed.
    pub(crate) fn at(mut self, now: Timestamp) -> Self {
        let names = match self.here(now) {
            Here::All => return self,
            Here::Named(names) => names.to_vec(),
            Here::None => Vec::new(),
        };
        if let Stage::Answered { report, .. } = &mut self.stage {
            report.keep_only(&names);
        }
        self
    }

    /// When the next values are due to go, while there are any.
    pub(crate) fn due(&self) -> Option<Timestamp> {
        let Stage::Answered { report, .. } = &self.stage else { return None };
        let ended = self.ended.filter(|_| report.has_values())?;
        let kept = self.keep.as_ref().map_or(ended, |keep| later(ended, days(keep.days)));
        Some(if self.collected.is_none() { later(ended, HOLD) } else { kept })
    }

    /// What stands in the index [`Record::VALUES`].
    pub(crate) fn due_entry(&self) -> Option<(&'static str, String)> {
        // The whole second after it, so that what is found there is past its time.
        self.due().map(|due| (Self::VALUES, sortable(due.as_second().saturating_add(1))))
    }
}

/// Which values are still here.
enum Here<'a> {
    All,
    Named(&'a [String]),
    None,
}

impl Verifier {
    /// Hands the values of an accepted answer over, once: afterwards only what the policy keeps is still here.
    ///
    /// # Errors
    /// [`RequestError::NotAnswered`] while there is no result, [`RequestError::Collected`] where it was handed over before or
    /// has waited for too long.
    pub async fn collect(&self, id: &str, now: Timestamp) -> Result<Record, RequestError> {
        let Loaded { seen, value } = self.load(id).await?;
        let Stage::Answered { report, .. } = &value.stage else { return Err(RequestError::NotAnswered) };
        if !report.is_accepted() {
            // There is nothing to hand over but the verdict, which stays.
            return Ok(value);
        }
        let Here::All = value.here(now) else { return Err(RequestError::Collected) };
        let next = Record { collected: Some(now), ..value.clone() }.at(now);
        let entry = self.request_entry("request.collected", &next, now);
        match self.store.commit(Batch::new().replace(seen, &next).audit(entry)).await {
            Ok(_) => Ok(value),
            Err(error) if error.is_conflict() => Err(RequestError::Collected),
            Err(error) => Err(error.into()),
        }
    }

    /// Removes values whose time has passed; says how many requests were tidied.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn tidy(&self, now: Timestamp) -> Result<usize, warifu_store::Error> {
        let mut tidied = 0;
        loop {
            let past = Range::Between(String::new(), sortable(now.as_second().saturating_add(1)));
            let found = self.requests.scan(&Query::by(Record::VALUES, past).limit(ROUND)).await?.items;
            if found.is_empty() {
                return Ok(tidied);
            }
            for Loaded { seen, value } in found {
                // Nobody collects any more, so that what is kept longer is due at its own time.
                let next = Record { collected: value.collected.or(Some(now)), ..value }.at(now);
                let entry = self.request_entry("request.values_erased", &next, now);
                match self.store.commit(Batch::new().replace(seen, &next).audit(entry)).await {
                    Ok(_) => tidied += 1,
                    // It is being collected this moment.
                    Err(error) if error.is_conflict() => {}
                    Err(error) => return Err(error),
                }
            }
        }
    }

    /// [`Verifier::tidy`] every minute, until `stop`.
    pub async fn keep_tidy(self: Arc<Self>, stop: impl Future<Output = ()> + Send) {
        let mut stop = std::pin::pin!(stop);
        loop {
            if let Err(error) = self.tidy(self.clock.now()).await {
                tracing::error!(%error, "values whose time has passed could not be removed; it is tried again in a minute");
            }
            tokio::select! {
                () = &mut stop => return,
                () = tokio::time::sleep(EVERY) => {}
            }
        }
    }
}

fn days(days: u16) -> SignedDuration {
    SignedDuration::from_hours(24 * i64::from(days))
}

/// So much after `at`; the end of time at the latest.
pub(crate) fn later(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.saturating_add(by).unwrap_or(Timestamp::MAX)
}
