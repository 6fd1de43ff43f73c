//! Status list tokens, fetched once and kept as long as they are fresh.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::Mutex;
use url::Url;
use warifu_credential::status::StatusToken;
use warifu_keys::x509::Certificate;
use warifu_server::fetch::Fetcher;

/// Most lists kept at a time.
const MAX_KEPT: usize = 256;

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
    kept: Mutex<HashMap<(Url, String), Arc<StatusToken>>>,
}

impl Statuses {
    /// Lists fetched with `fetcher`.
    #[must_use]
    pub fn new(fetcher: Fetcher) -> Self {
        Self { fetcher, kept: Mutex::new(HashMap::new()) }
    }

    /// The list at `uri`, fresh at `now` and signed under `anchor`, the credential's own trust anchor.
    pub async fn at(&self, uri: &Url, anchor: &Certificate, now: Timestamp) -> Result<Arc<StatusToken>, StatusError> {
        // The anchor is part of the key: one list must not be believed under another's trust.
        let key = (uri.clone(), anchor.sha256_base64url());
        if let Some(token) = self.kept.lock().await.get(&key).filter(|token| now <= token.fresh_until()) {
            return Ok(Arc::clone(token));
        }
        let answer = self.fetcher.get(uri, "application/statuslist+jwt").await;
        let answer = answer.map_err(|error| StatusError::Unreachable(error.to_string()))?;
        if !answer.status.is_success() {
            return Err(StatusError::Unreachable(format!("the answer is {}", answer.status.as_u16())));
        }
        let text = std::str::from_utf8(&answer.body).map_err(|_| StatusError::Unreachable("not text".to_owned()))?;
        let token = Arc::new(StatusToken::verify(text.trim(), uri, anchor, now)?);
        let mut kept = self.kept.lock().await;
        if kept.len() >= MAX_KEPT {
            kept.retain(|_, token| now <= token.fresh_until());
        }
        if kept.len() < MAX_KEPT {
            kept.insert(key, Arc::clone(&token));
        }
        Ok(token)
    }
}
