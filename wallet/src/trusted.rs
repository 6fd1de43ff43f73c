//! The trusted list as the wallet keeps it: fetched, verified against the pinned operator, cached for a while.
//!
//! Fails closed: without a list that holds at this instant every decision is a refusal.

use std::sync::Mutex;

use jiff::{SignedDuration, Timestamp};
use url::Url;
use warifu_keys::x509::Certificate;
use warifu_trust::{Trust, TrustedList};

use crate::store::{Contents, Store, StoreError};
use crate::wire::{self, Wire};

/// A fetched list is asked for again after this time.
const REFRESH: SignedDuration = SignedDuration::from_secs(60);

/// The newest list and when it was fetched.
#[derive(Debug, Default)]
pub(crate) struct TrustedLists {
    last: Mutex<Option<(Timestamp, TrustedList)>>,
}

/// Address of the list below the registry's base address.
pub(crate) fn address(registry: &Url) -> Option<Url> {
    let mut url = registry.clone();
    url.path_segments_mut().ok()?.pop_if_empty().push("trusted-list");
    Some(url)
}

impl TrustedLists {
    /// Trust as of `now`. A list older than a minute is fetched again; if that fails, the old one serves until its own
    /// next update, and after that there is none.
    pub(crate) async fn trust(&self, wire: &dyn Wire, store: &Store, now: Timestamp) -> Result<Trust, StoreError> {
        let cached = self.last.lock().map_err(|_| StoreError::Busy)?.clone();
        if let Some((fetched, list)) = &cached {
            let age = now.duration_since(*fetched);
            if age >= SignedDuration::ZERO && age < REFRESH && list.check_now(now).is_ok() {
                return Ok(list.clone().into());
            }
        }
        match self.fetch(wire, store, now).await? {
            Ok(list) => {
                *self.last.lock().map_err(|_| StoreError::Busy)? = Some((now, list.clone()));
                Ok(list.into())
            }
            Err(why) => {
                tracing::warn!(%why, "no new trusted list");
                Ok(match cached {
                    Some((_, list)) if list.check_now(now).is_ok() => list.into(),
                    _ => Trust::without_list(&why),
                })
            }
        }
    }

    async fn fetch(
        &self,
        wire: &dyn Wire,
        store: &Store,
        now: Timestamp,
    ) -> Result<Result<TrustedList, String>, StoreError> {
        let (registry, pinned, seen) = store.read(|contents| {
            let settings = &contents.settings;
            (settings.registry.clone(), settings.operator_certificate.clone(), contents.trusted_list_sequence)
        })?;
        let operator = match Certificate::from_pem(&pinned) {
            Ok(operator) => operator,
            Err(error) => return Ok(Err(format!("the pinned operator certificate is unusable: {error}"))),
        };
        let Some(address) = address(&registry) else { return Ok(Err("the registry's address is unusable".to_owned())) };
        let body = match wire::get(wire, &address, warifu_trust::list::MEDIA_TYPE).await {
            Ok(body) => body,
            Err(error) => return Ok(Err(error.to_string())),
        };
        let Ok(jws) = std::str::from_utf8(&body) else { return Ok(Err("the list is not text".to_owned())) };
        let list = match TrustedList::verify(jws.trim(), &[operator], now, seen) {
            Ok(list) => list,
            Err(error) => return Ok(Err(error.to_string())),
        };
        if seen.is_none_or(|seen| seen < list.sequence()) {
            store.update(|contents: &mut Contents| {
                contents.trusted_list_sequence = contents.trusted_list_sequence.max(Some(list.sequence()));
                Ok::<_, StoreError>(())
            })?;
        }
        Ok(Ok(list))
    }
}
