//! Status list tokens: fetched once, kept as long as they are fresh, and fetched again in the background before they end, so
//! that who presents does not wait for an issuer.
//!
//! A list is watched from the first presentation that named it, across restarts, until a day has passed without another one.
//! What can not be had is not made up: while the copy at hand is fresh it counts, after that the credential is refused.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use url::Url;
use warifu_credential::status::{Cache, Encoding, Limits, StatusToken, TrustedSigner, Wanted};
use warifu_keys::x509::Certificate;
use warifu_keys::{base64url, sha256};
use warifu_server::fetch::Fetcher;
use warifu_store::{Batch, Collection, Query, Stored};

use crate::Verifier;

/// How long a list is watched that nobody names any more.
const UNUSED: SignedDuration = SignedDuration::from_hours(24);
/// How long after a failure a list is asked for again.
const AGAIN: SignedDuration = SignedDuration::from_secs(15);
/// How often it is looked for lists that are due.
const LOOK: std::time::Duration = std::time::Duration::from_secs(5);
/// Most lists that are watched.
const MAX_WATCHED: usize = 256;

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
    watched: Mutex<HashMap<String, Watched>>,
}

/// A list that is kept fresh.
#[derive(Clone)]
struct Watched {
    list: List,
    /// When a presentation named it last.
    used: Timestamp,
    /// When it is to be fetched again.
    due: Timestamp,
}

/// What a list is wanted as. Stored, so that a restart does not forget it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct List {
    uri: Url,
    /// The anchor of its signer, PEM.
    anchor: String,
    /// Whether it has to be a CWT, as for an mdoc.
    cwt: bool,
}

impl Stored for List {
    const NAME: &'static str = "status_lists";

    fn key(&self) -> String {
        base64url::encode(&sha256(format!("{}\0{}\0{}", self.uri, self.cwt, self.anchor).as_bytes()))
    }
}

impl List {
    /// The list that is wanted; `None` for one that is trusted by something else than a certificate.
    fn of(wanted: &Wanted<'_>) -> Option<Self> {
        let TrustedSigner::Anchor(anchor) = wanted.signer else { return None };
        Some(Self { uri: wanted.uri.clone(), anchor: anchor.to_pem().ok()?, cwt: wanted.encoding == Encoding::Cwt })
    }
}

impl Statuses {
    /// Lists fetched with `fetcher`.
    #[must_use]
    pub fn new(fetcher: Fetcher) -> Self {
        Self { fetcher, kept: Mutex::new(Cache::new(Limits::default())), watched: Mutex::default() }
    }

    /// The list wanted, fresh at `now`.
    pub async fn at(&self, wanted: &Wanted<'_>, now: Timestamp) -> Result<Arc<StatusToken>, StatusError> {
        let known = self.kept().look_up(wanted, now);
        let (token, is_new) = match known {
            Some(token) => (token, false),
            None => (self.fetch(wanted, now).await?, true),
        };
        if let Some(list) = List::of(wanted) {
            self.watch(list, &token, is_new, now);
        }
        Ok(token)
    }

    fn watch(&self, list: List, token: &StatusToken, is_new: bool, now: Timestamp) {
        let mut watched = self.watched();
        let key = list.key();
        if watched.len() >= MAX_WATCHED && !watched.contains_key(&key) {
            return;
        }
        let due = due(token, now);
        let kept = watched.entry(key).or_insert(Watched { list, used: now, due });
        kept.used = now;
        if is_new {
            kept.due = due;
        }
    }

    async fn fetch(&self, wanted: &Wanted<'_>, now: Timestamp) -> Result<Arc<StatusToken>, StatusError> {
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

    /// Fetches one watched list anew, and says when it is due again.
    async fn refresh(&self, list: &List, now: Timestamp) -> Timestamp {
        let again = now.saturating_add(AGAIN).unwrap_or(Timestamp::MAX);
        let Ok(anchor) = Certificate::from_pem(&list.anchor) else { return again };
        let encoding = if list.cwt { Encoding::Cwt } else { Encoding::Jwt };
        let wanted = Wanted { uri: &list.uri, signer: TrustedSigner::Anchor(&anchor), encoding };
        match self.fetch(&wanted, now).await {
            Ok(token) => due(&token, now),
            Err(error) => {
                tracing::warn!(list = %list.uri, %error, "a status list could not be renewed");
                again
            }
        }
    }

    fn kept(&self) -> MutexGuard<'_, Cache<StatusToken>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn watched(&self) -> MutexGuard<'_, HashMap<String, Watched>> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// When a list that came now is to be fetched again: after three quarters of the time for which it may be used.
fn due(token: &StatusToken, now: Timestamp) -> Timestamp {
    let until = token.fresh_until().min(now.saturating_add(Limits::default().longest).unwrap_or(Timestamp::MAX));
    let life = until.duration_since(now);
    now.saturating_add(life * 3 / 4).unwrap_or(until)
}

impl Verifier {
    /// Renews the status lists that are due at `now`; how many were asked for. [`Verifier::keep_warm`] calls this again and
    /// again.
    pub async fn renew_statuses(&self, now: Timestamp) -> usize {
        let due: Vec<(String, Watched)> = {
            let mut watched = self.statuses.watched();
            watched.retain(|_, list| now.duration_since(list.used) < UNUSED);
            let due = watched.iter().filter(|(_, list)| now >= list.due);
            due.map(|(key, list)| (key.clone(), list.clone())).collect()
        };
        for (key, Watched { list, .. }) in &due {
            let next = self.statuses.refresh(list, now).await;
            if let Some(watched) = self.statuses.watched().get_mut(key) {
                watched.due = next;
            }
        }
        due.len()
    }

    /// Keeps status lists fresh, from those of before the last stop on, until `stop` ends.
    pub async fn keep_warm(self: Arc<Self>, stop: impl Future<Output = ()> + Send) {
        if let Err(error) = self.remember_statuses(self.clock.now()).await {
            tracing::warn!(%error, "the status lists of before could not be read");
        }
        let work = async {
            let mut looks = tokio::time::interval(LOOK);
            let mut written = Vec::new();
            loop {
                looks.tick().await;
                self.renew_statuses(self.clock.now()).await;
                self.write_statuses(&mut written).await;
            }
        };
        tokio::select! {
            () = work => {}
            () = stop => {}
        }
    }

    /// Watches the lists that were watched before the last stop: due at once.
    pub async fn remember_statuses(&self, now: Timestamp) -> Result<(), warifu_store::Error> {
        let lists = Collection::<List>::of(&self.store).collect(Query::all()).await?;
        let mut watched = self.statuses.watched();
        for loaded in lists {
            let list = loaded.value;
            watched.entry(list.key()).or_insert(Watched { list, used: now, due: now });
        }
        Ok(())
    }

    /// Writes down what is watched, and takes out what is not any more; `written` is what was written before.
    pub async fn write_statuses(&self, written: &mut Vec<String>) {
        let watched: Vec<List> = self.statuses.watched().values().map(|watched| watched.list.clone()).collect();
        let mut keys: Vec<String> = watched.iter().map(Stored::key).collect();
        keys.sort();
        if keys == *written {
            return;
        }
        let gone = written.iter().filter(|key| !keys.contains(key));
        let batch = gone.fold(Batch::new(), |batch, key| batch.erase::<List>(key));
        let batch = watched.iter().fold(batch, Batch::overwrite);
        match self.store.commit(batch).await {
            Ok(_) => *written = keys,
            Err(error) => tracing::warn!(%error, "the status lists could not be written down"),
        }
    }
}
