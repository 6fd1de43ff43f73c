//! Token Status Lists (draft-ietf-oauth-status-list-20): one index for every credential, never given twice, and
//! revocation for good.
//!
//! An index is drawn at random and its record inserted in the commit of the issuance; where it is taken already the
//! commit fails and another one is drawn. The list itself is not kept: it follows from the records of revoked entries.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use url::Url;
use uuid::Uuid;
use warifu_credential::status::{Bits, Status, StatusList, StatusReference, TokenClaims};
use warifu_store::{Batch, Collection, Query, Range, Stored};

use crate::kyc::service::TRIES;
use crate::{Error, Issuer};

/// How long a status list token is valid beyond its `ttl`.
const VALID: SignedDuration = SignedDuration::from_hours(24);
/// How often a taken index is answered with another draw before the next list is begun.
const DRAWS: usize = 8;

/// The record of one credential's entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    list: u32,
    idx: u32,
    session: Uuid,
    revoked: Option<Timestamp>,
}

impl Stored for Entry {
    const NAME: &'static str = "status_entries";
    const INDEXES: &'static [&'static str] = &["session", "revoked"];

    fn key(&self) -> String {
        format!("{:08x}.{:08x}", self.list, self.idx)
    }

    fn indexes(&self) -> Vec<(&'static str, String)> {
        let mut indexes = vec![("session", self.session.to_string())];
        if self.revoked.is_some() {
            indexes.push(("revoked", format!("{:08x}", self.list)));
        }
        indexes
    }
}

/// Signed lists at hand, by number.
pub(crate) type Cache = BTreeMap<u32, Cached>;

/// A signed list and when it was signed.
pub(crate) struct Cached {
    token: String,
    signed: Timestamp,
}

impl Issuer {
    /// Draws an entry for each of `count` credentials of a session that nobody has, as far as can be seen now; the commit
    /// decides.
    pub(crate) async fn draw_entries(&self, session: Uuid, count: usize) -> Result<Vec<Entry>, Error> {
        let entries = Collection::<Entry>::of(&self.store);
        let mut drawn: Vec<Entry> = Vec::with_capacity(count);
        let mut misses = 0;
        while drawn.len() < count {
            let list = self.current_list.load(Ordering::Relaxed);
            let idx = self.entropy().below(u64::from(self.config.status_list_length));
            let entry = Entry { list, idx: u32::try_from(idx).unwrap_or(u32::MAX), session, revoked: None };
            let taken =
                drawn.iter().any(|other| other.key() == entry.key()) || entries.load(&entry.key()).await?.is_some();
            if !taken {
                drawn.push(entry);
                continue;
            }
            misses += 1;
            if misses % DRAWS == 0 {
                // So many misses in a row: the list is filling up. Everyone who sees that goes to the next one.
                let _ = self.current_list.compare_exchange(list, list + 1, Ordering::Relaxed, Ordering::Relaxed);
            }
        }
        Ok(drawn)
    }

    /// Where an entry is listed.
    pub(crate) fn status_reference_of(&self, entry: &Entry) -> Result<StatusReference, Error> {
        Ok(StatusReference { uri: self.list_address(entry.list)?, idx: u64::from(entry.idx) })
    }

    fn list_address(&self, list: u32) -> Result<Url, Error> {
        Url::parse(&self.config.address(&format!("/status/{list}"))).map_err(|_| Error::NoSuchList)
    }

    /// Revokes every credential of a session, for good. Says how many were revoked now.
    ///
    /// # Errors
    /// [`Error::NoSuchSession`].
    pub async fn revoke(&self, session: Uuid, reason: &str, now: Timestamp) -> Result<usize, Error> {
        let entries = Collection::<Entry>::of(&self.store);
        for _ in 0..TRIES {
            let record = self.sessions().load(&session).await?.ok_or(Error::NoSuchSession)?;
            let of_session = Query::by("session", Range::Is(session.to_string()));
            let valid: Vec<_> =
                entries.collect(of_session).await?.into_iter().filter(|entry| entry.value.revoked.is_none()).collect();
            let mark = self.revocation(session, now).await?;
            if valid.is_empty() && mark.is_empty() {
                return Ok(0);
            }
            let reason: String = reason.chars().filter(|c| !c.is_control()).take(200).collect();
            let entry =
                self.entry(&record.value, "credentials.revoked", now).fact("count", valid.len()).fact("reason", reason);
            // The session is written back unchanged: issuing that goes on meanwhile fails instead of slipping through.
            let mark = mark.replace(record.seen, &record.value).audit(entry);
            let batch = valid.iter().fold(mark, |batch, loaded| {
                batch.replace(loaded.seen, &Entry { revoked: Some(now), ..loaded.value.clone() })
            });
            match self.store.commit(batch).await {
                Ok(_) => {
                    let mut lists = self.lists.lock().await;
                    for loaded in &valid {
                        lists.remove(&loaded.value.list);
                    }
                    return Ok(valid.len());
                }
                Err(error) if error.is_conflict() => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::Busy)
    }

    /// The change that marks a session as revoked, so that nothing more is minted for it; empty where it is marked.
    async fn revocation(&self, session: Uuid, now: Timestamp) -> Result<Batch, Error> {
        let marks = Collection::<Revocation>::of(&self.store);
        match marks.load(&session).await? {
            Some(_) => Ok(Batch::new()),
            None => Ok(Batch::new().insert(&Revocation { session, at: now })),
        }
    }

    /// Whether the credentials of a session were revoked.
    pub(crate) async fn is_revoked(&self, session: Uuid) -> Result<bool, Error> {
        Ok(Collection::<Revocation>::of(&self.store).load(&session).await?.is_some())
    }

    /// The signed token of a list, made at most once in its `ttl` and again after a revocation on this node.
    ///
    /// # Errors
    /// [`Error::NoSuchList`] for numbers that were never begun.
    pub async fn status_list(&self, list: u32, now: Timestamp) -> Result<String, Error> {
        let mut lists = self.lists.lock().await;
        if let Some(cached) = lists.get(&list)
            && now.duration_since(cached.signed).abs() < self.config.status_ttl
        {
            return Ok(cached.token.clone());
        }
        let entries = Collection::<Entry>::of(&self.store);
        let begun = entries.scan(&Query::keys(Range::Prefix(format!("{list:08x}."))).limit(1)).await?;
        if begun.items.is_empty() && list != 0 {
            return Err(Error::NoSuchList);
        }
        let length = usize::try_from(self.config.status_list_length).unwrap_or(usize::MAX);
        let mut statuses = StatusList::new(Bits::One, length)?;
        for entry in entries.collect(Query::by("revoked", Range::Is(format!("{list:08x}")))).await? {
            statuses.set(u64::from(entry.value.idx), Status::Invalid)?;
        }
        let ttl = self.config.status_ttl;
        let expires = now.saturating_add(ttl).and_then(|until| until.saturating_add(VALID)).unwrap_or(Timestamp::MAX);
        let claims = TokenClaims { uri: self.list_address(list)?, issued_at: now, expires, ttl, aggregation_uri: None };
        let token = statuses.sign(&claims, &self.chain, &*self.document_signer)?;
        lists.insert(list, Cached { token: token.clone(), signed: now });
        Ok(token)
    }
}

/// The mark that a session's credentials were revoked.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Revocation {
    session: Uuid,
    at: Timestamp,
}

impl Stored for Revocation {
    const NAME: &'static str = "revocations";

    fn key(&self) -> String {
        self.session.to_string()
    }
}
