//! The trusted list as this verifier knows it: fetched, verified, kept, refreshed, never rolled back.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::Mutex;
use url::Url;
use warifu_keys::x509::Certificate;
use warifu_server::fetch::Fetcher;
use warifu_trust::Trust;
use warifu_trust::list::TrustedList;

/// How long a list is used before the registry is asked again. A suspension takes effect within this time.
const REFRESH: SignedDuration = SignedDuration::from_secs(60);
/// How long after a failure the registry is asked again.
const RETRY: SignedDuration = SignedDuration::from_secs(5);

/// Fetches and keeps the trusted list.
pub struct TrustSource {
    address: Url,
    operator: Certificate,
    fetcher: Fetcher,
    kept: Mutex<Option<Kept>>,
}

struct Kept {
    trust: Arc<Trust>,
    sequence: Option<u64>,
    asked: Timestamp,
    /// How long it is used without asking again.
    good_for: SignedDuration,
}

impl TrustSource {
    /// The list at `address`, signed under the pinned `operator` certificate.
    #[must_use]
    pub fn new(address: Url, operator: Certificate, fetcher: Fetcher) -> Self {
        Self { address, operator, fetcher, kept: Mutex::new(None) }
    }

    /// The list to decide from at `now`. When the registry can not be asked, the last verified list serves until its own
    /// next update; after that, and when there never was one, every decision is a refusal.
    pub async fn at(&self, now: Timestamp) -> Arc<Trust> {
        let mut kept = self.kept.lock().await;
        if let Some(kept) = kept.as_ref().filter(|kept| now.duration_since(kept.asked).abs() < kept.good_for) {
            return Arc::clone(&kept.trust);
        }
        let seen = kept.as_ref().and_then(|kept| kept.sequence);
        let (trust, sequence, good_for) = match self.fetch(now, seen).await {
            Ok(list) => {
                let sequence = Some(list.sequence());
                (Arc::new(Trust::from(list)), sequence, REFRESH)
            }
            Err(why) => {
                tracing::warn!(%why, "the trusted list could not be refreshed");
                let last =
                    kept.as_ref().filter(|kept| kept.trust.list().is_some_and(|list| list.check_now(now).is_ok()));
                let trust = last.map_or_else(|| Arc::new(Trust::without_list(&why)), |kept| Arc::clone(&kept.trust));
                (trust, seen, RETRY)
            }
        };
        *kept = Some(Kept { trust: Arc::clone(&trust), sequence, asked: now, good_for });
        trust
    }

    async fn fetch(&self, now: Timestamp, seen: Option<u64>) -> Result<TrustedList, String> {
        let answer = self.fetcher.get(&self.address, "application/jose").await.map_err(|error| error.to_string())?;
        if !answer.status.is_success() {
            return Err(format!("the registry answers {}", answer.status.as_u16()));
        }
        let text = std::str::from_utf8(&answer.body).map_err(|_| "the registry's answer is not text".to_owned())?;
        TrustedList::verify(text.trim(), std::slice::from_ref(&self.operator), now, seen)
            .map_err(|error| error.to_string())
    }
}
