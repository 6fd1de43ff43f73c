//! Status list tokens, fetched once and kept as long as they are fresh.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use warifu_credential::status::{Cache, Limits, StatusToken, Wanted};
use warifu_server::fetch::Fetcher;

/// Why a status could not be looked up. Whoever asked refuses: an unknown status is not a valid one.
#[derive(Debug, thiserror::Error)]
pub enum StatusError {
    /// The list can not be had.
    #[error("the status list can not be fetched: {0}")]
    Unreachable(String),
    /// The list is not what it should be.
    #[error("the status list is not usable: {0}")]
    Unusable(#[from] warifu_credential::status::Error),
}

/// The status lists this verifier knows.
pub struct Statuses {
    fetcher: Fetcher,
    kept: Mutex<Cache<StatusToken>>,
}

impl Statuses {
    /// Lists fetched with `fetcher`.
    #[must_use]
    pub fn new(fetcher: Fetcher) -> Self {
        Self { fetcher, kept: Mutex::new(Cache::new(Limits::default())) }
    }

    /// The list wanted, fresh at `now`.
    pub async fn at(&self, wanted: &Wanted<'_>, now: Timestamp) -> Result<Arc<StatusToken>, StatusError> {
        if let Some(token) = self.kept().look_up(wanted, now) {
            return Ok(token);
        }
        let answer = self.fetcher.get(wanted.uri, wanted.accept::<StatusToken>()).await;
        let answer = answer.map_err(|error| StatusError::Unreachable(error.to_string()))?;
        if !answer.status.is_success() {
            return Err(StatusError::Unreachable(format!("the answer is {}", answer.status.as_u16())));
        }
        // Checked before the lock is taken: others look up meanwhile.
        let token = Arc::new(wanted.check::<StatusToken>(&answer.body, now)?);
        self.kept().keep(wanted, Arc::clone(&token), now);
        Ok(token)
    }

    fn kept(&self) -> MutexGuard<'_, Cache<StatusToken>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
