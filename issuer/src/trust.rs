//! The trusted list, as this issuer sees it: fetched, verified, kept for a short while, never believed beyond its end.

use jiff::{SignedDuration, Timestamp};
use tokio::sync::Mutex;
use url::Url;
use warifu_keys::x509::Certificate;
use warifu_server::fetch::Fetcher;
use warifu_trust::{Trust, TrustedList};

/// How long a list is used before it is asked for again.
const REFRESH: SignedDuration = SignedDuration::from_secs(60);

/// Where trust decisions come from.
pub(crate) struct TrustSource {
    fetcher: Fetcher,
    address: Url,
    operator: Certificate,
    known: Mutex<Option<Known>>,
}

struct Known {
    list: TrustedList,
    fetched: Timestamp,
}

impl TrustSource {
    /// The list of the registry at `registry`, signed under the pinned certificate of its operator.
    pub(crate) fn new(fetcher: Fetcher, registry: &Url, operator: Certificate) -> Self {
        let mut address = registry.clone();
        address.set_path(&format!("{}/trusted-list", registry.path().trim_end_matches('/')));
        Self { fetcher, address, operator, known: Mutex::new(None) }
    }

    /// What may be believed at `now`: a list that is in date, or the reason why there is none.
    pub(crate) async fn now(&self, now: Timestamp) -> Trust {
        let mut known = self.known.lock().await;
        let fresh = known.as_ref().is_some_and(|known| now.duration_since(known.fetched).abs() < REFRESH);
        if !fresh {
            let seen = known.as_ref().map(|known| known.list.sequence());
            match self.fetch(now, seen).await {
                Ok(list) => *known = Some(Known { list, fetched: now }),
                // The list at hand is used until its own end; an attack or an outage does not make it worse.
                Err(why) if known.is_none() => return Trust::without_list(&why),
                Err(why) => tracing::warn!(why, "the trusted list could not be refreshed"),
            }
        }
        match known.as_ref() {
            Some(known) => match known.list.check_now(now) {
                Ok(()) => Trust::from(known.list.clone()),
                Err(error) => Trust::without_list(&error.to_string()),
            },
            None => Trust::without_list("it was never fetched"),
        }
    }

    async fn fetch(&self, now: Timestamp, seen: Option<u64>) -> Result<TrustedList, String> {
        let answer = self.fetcher.get(&self.address, "application/jose").await.map_err(|error| error.to_string())?;
        if !answer.status.is_success() {
            return Err(format!("the registry answered {}", answer.status.as_u16()));
        }
        let text = String::from_utf8(answer.body).map_err(|_| "the list is not text".to_owned())?;
        TrustedList::verify(text.trim(), std::slice::from_ref(&self.operator), now, seen)
            .map_err(|error| error.to_string())
    }
}
