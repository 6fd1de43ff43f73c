//! The trusted list as this verifier knows it: fetched when it is due, kept by [`warifu_trust::keeper`].

use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::Mutex;
use url::Url;
use warifu_keys::x509::Certificate;
use warifu_server::fetch::Fetcher;
use warifu_trust::list::MEDIA_TYPE;
use warifu_trust::{Keeper, Trust};

/// Where trust decisions come from.
pub struct TrustSource {
    address: Url,
    fetcher: Fetcher,
    keeper: Mutex<Keeper>,
}

impl TrustSource {
    /// The list at `address`, signed under the pinned `operator` certificate.
    #[must_use]
    pub fn new(address: Url, operator: Certificate, fetcher: Fetcher) -> Self {
        Self { address, fetcher, keeper: Mutex::new(Keeper::new(operator, None)) }
    }

    /// What to decide from at `now`; asks the registry first where that is due.
    pub async fn at(&self, now: Timestamp) -> Arc<Trust> {
        let mut keeper = self.keeper.lock().await;
        if keeper.is_due(now) {
            let body = self.fetch().await;
            if let Err(why) = keeper.answered(body.as_deref().map_err(Clone::clone), now) {
                tracing::warn!(%why, "the trusted list could not be refreshed");
            }
        }
        keeper.trust(now)
    }

    async fn fetch(&self) -> Result<Vec<u8>, String> {
        let answer = self.fetcher.get(&self.address, MEDIA_TYPE).await.map_err(|error| error.to_string())?;
        if answer.status.is_success() {
            Ok(answer.body)
        } else {
            Err(format!("the registry answers {}", answer.status.as_u16()))
        }
    }
}
