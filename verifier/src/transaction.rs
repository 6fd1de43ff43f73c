//! Which browser may see the result of a request (OpenID4VP 1.0: the `transaction-id` beside the `request-id`).
//!
//! Whoever sees the QR code knows the identifier of the request, so the identifier must not open the result. The result
//! is shown to one browser only: the one that began the request, or, for a request made by API, the one that first
//! opened its `page_url`. That browser holds a [`TransactionId`] in a cookie; of it only the SHA-256 is kept.
//!
//! * `begin` on our own page: cookie and request are made together.
//! * `page_url` of the API: carries a ticket. The first browser that shows the ticket gets the cookie in exchange and is
//!   sent on to the address without it, so a ticket left in a history or a log opens nothing. Partners send their
//!   visitor's browser straight there.
//!
//! Somebody who begins a request and talks another person into answering it holds the cookie and has no result by it alone:
//! see [`crate::confirmation`].

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use warifu_keys::{Entropy, base64url, equal_in_constant_time, sha256};
use warifu_store::audit::{Entry, Reference};
use warifu_store::{Batch, Stored};

use crate::Verifier;
use crate::request::RequestError;

/// A secret of 256 random bits that one browser holds or brings: in its cookie, as the ticket of a `page_url`, as the response
/// code of an answer. `Debug` does not show it.
#[derive(Clone)]
pub struct TransactionId(String);

impl TransactionId {
    /// A fresh one.
    pub(crate) fn generate(entropy: &dyn Entropy) -> Self {
        Self(entropy.token())
    }

    /// Reads what a browser sent: 43 characters of base64url, or nothing.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = base64url::decode(text).ok()?;
        (bytes.len() == 32).then(|| Self(text.to_owned()))
    }

    /// The text for the cookie or address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What is kept of it.
    pub(crate) fn hash(&self) -> String {
        base64url::encode(&sha256(self.0.as_bytes()))
    }

    /// Whether this is the secret behind `kept`, in constant time.
    pub(crate) fn is(&self, kept: &str) -> bool {
        equal_in_constant_time(self.hash().as_bytes(), kept.as_bytes())
    }
}

impl fmt::Debug for TransactionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TransactionId")
    }
}

/// The browser of a request. Inserted once and never changed, so there is never a second one.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Frontend {
    pub(crate) request_id: String,
    /// Hash of the browser's [`TransactionId`].
    pub(crate) transaction: String,
}

impl Stored for Frontend {
    const NAME: &'static str = "frontends";

    fn key(&self) -> String {
        self.request_id.clone()
    }
}

/// Who looks at the page of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Viewer {
    /// The browser that began it: sees the result.
    Beginner,
    /// Anybody else who knows the address: sees that it was answered.
    Stranger,
}

impl Verifier {
    /// Exchanges the ticket of a `page_url` for the transaction identifier of this browser; `None` where the ticket is
    /// wrong or was used before.
    pub async fn exchange_ticket(
        &self,
        id: &str,
        ticket: &TransactionId,
        now: Timestamp,
    ) -> Result<Option<TransactionId>, RequestError> {
        let record = self.request(id, now).await?;
        if !record.partner.as_ref().is_some_and(|partner| ticket.is(&partner.ticket)) {
            return Ok(None);
        }
        let transaction = TransactionId::generate(&*self.entropy);
        let frontend = Frontend { request_id: record.id.clone(), transaction: transaction.hash() };
        let actor = Reference::public("verifier", &self.config.audience);
        let entry = Entry::new(now, "request.page_opened", actor, Reference::public("request", &record.id));
        match self.store.commit(Batch::new().insert(&frontend).audit(entry)).await {
            Ok(_) => Ok(Some(transaction)),
            Err(error) if error.is_conflict() => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Who looks, by the secret that the browser sent.
    pub async fn viewer(&self, id: &str, transaction: Option<&TransactionId>) -> Result<Viewer, RequestError> {
        let Some(transaction) = transaction else { return Ok(Viewer::Stranger) };
        let frontend = self.frontends.load(id).await?;
        let known = frontend.is_some_and(|frontend| transaction.is(&frontend.value.transaction));
        Ok(if known { Viewer::Beginner } else { Viewer::Stranger })
    }
}
