//! Token Status Lists (draft-ietf-oauth-status-list-20): one index for every credential, never given twice; revocation for
//! good, suspension for a while, where the list has room to say so.
//!
//! An index is drawn at random and its record inserted in the commit of the issuance; where it is taken already the
//! commit fails and another one is drawn. A list is closed long before it is full, so a good part of its indexes belong to
//! nobody and say valid like the others: the list does not tell how many credentials there are. The list itself is not
//! kept: it follows from the records of entries that changed, which keep what happened and when.

use jiff::Timestamp;
use uuid::Uuid;
use warifu_credential::status::{Bits, StatusReference};
use warifu_store::{Batch, Collection, Loaded, Query, Range};

use crate::kyc::service::TRIES;
use crate::{Error, Issuer};

mod publish;
mod record;
#[cfg(test)]
mod tests;

pub(crate) use publish::Cache;
pub use publish::Token;
pub(crate) use record::Entry;
pub use record::Standing;

use record::{List, Revocation, Suspension};

/// How many draws in a row may find a taken index before the next list is begun. With 8, a list of 131,072 entries is
/// closed when about a third of it is taken.
const DRAWS: usize = 8;

impl Issuer {
    /// Draws an entry for each of `count` credentials of a session that nobody has, as far as can be seen now; the commit
    /// decides. Lists of other `bits` are other lists: mobile documents must be in those with one bit (ISO/IEC 18013-5
    /// second edition, section 12.3.6).
    pub(crate) async fn draw_entries(
        &self,
        session: Uuid,
        count: usize,
        bits: Bits,
        now: Timestamp,
    ) -> Result<Vec<Entry>, Error> {
        let entries = Collection::<Entry>::of(&self.store);
        let mut drawn: Vec<Entry> = Vec::with_capacity(count);
        let mut list = self.open_list(bits, now).await?;
        let mut misses = 0;
        while drawn.len() < count {
            let idx = self.entropy().below(u64::from(list.value.length));
            let entry = Entry::new(&list.value, u32::try_from(idx).unwrap_or(u32::MAX), session);
            let key = warifu_store::Stored::key(&entry);
            let taken = drawn.contains(&entry) || entries.load(&key).await?.is_some();
            if !taken {
                drawn.push(entry);
                misses = 0;
                continue;
            }
            misses += 1;
            if misses == DRAWS {
                // So many misses in a row: the list is filling up.
                self.close(list).await?;
                list = self.open_list(bits, now).await?;
                misses = 0;
            }
        }
        Ok(drawn)
    }

    /// The list that new entries go into; begun here where there is none.
    async fn open_list(&self, bits: Bits, now: Timestamp) -> Result<Loaded<List>, Error> {
        let lists = Collection::<List>::of(&self.store);
        for _ in 0..TRIES {
            if let Some(found) = lists.find("open", &bits.count().to_string()).await? {
                return Ok(found);
            }
            let last = lists.scan(&Query::all().descending().limit(1)).await?.items.pop();
            let number = last.map_or(0, |last| last.value.number.saturating_add(1));
            let length = self.config.status_list_length;
            let list = List { number, bits: bits.count(), length, begun: now, open: true };
            match self.store.commit(Batch::new().insert(&list)).await {
                Ok(receipt) => return Ok(Loaded { seen: receipt.version, value: list }),
                // Someone else began a list meanwhile, perhaps of this kind.
                Err(error) if error.is_conflict() => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::Busy)
    }

    async fn close(&self, list: Loaded<List>) -> Result<(), Error> {
        let closed = List { open: false, ..list.value };
        match self.store.commit(Batch::new().replace(list.seen, &closed)).await {
            Ok(_) => Ok(()),
            // Someone else closed it.
            Err(error) if error.is_conflict() => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Where an entry is listed.
    pub(crate) fn status_reference_of(&self, entry: &Entry) -> Result<StatusReference, Error> {
        Ok(StatusReference { uri: self.list_address(entry.list)?, idx: u64::from(entry.idx) })
    }

    /// The entry that a credential of this issuer's names; `None` where it is not one that was given to anyone here.
    pub(crate) async fn entry_at(&self, reference: &StatusReference) -> Result<Option<Entry>, Error> {
        let number = reference.uri.path_segments().and_then(|mut segments| segments.next_back()?.parse().ok());
        let (Some(list), Ok(idx)) = (number, u32::try_from(reference.idx)) else { return Ok(None) };
        if self.list_address(list)? != reference.uri {
            return Ok(None);
        }
        let key = Entry::key_at(list, idx);
        Ok(Collection::<Entry>::of(&self.store).load(&key).await?.map(|found| found.value))
    }

    /// Revokes every credential of a session, for good, the suspended ones too. Says how many were revoked now.
    ///
    /// # Errors
    /// [`Error::NoSuchSession`].
    pub async fn revoke(&self, session: Uuid, reason: &str, now: Timestamp) -> Result<usize, Error> {
        self.change_standing(session, Standing::Revoked, reason, now).await
    }

    /// Suspends every valid credential of a session until it is reinstated or revoked; nothing more is minted for it
    /// meanwhile. Says how many were suspended now.
    ///
    /// # Errors
    /// [`Error::NoSuchSession`], [`Error::Revoked`]; [`Error::NotSuspendable`] if one of the credentials is in a list that
    /// can not say so: then none is suspended, as the person could go on with that one.
    pub async fn suspend(&self, session: Uuid, reason: &str, now: Timestamp) -> Result<usize, Error> {
        self.change_standing(session, Standing::Suspended, reason, now).await
    }

    /// Makes every suspended credential of a session valid again. Says how many were reinstated now.
    ///
    /// # Errors
    /// [`Error::NoSuchSession`]; [`Error::Revoked`], as revocation is for good.
    pub async fn reinstate(&self, session: Uuid, reason: &str, now: Timestamp) -> Result<usize, Error> {
        self.change_standing(session, Standing::Valid, reason, now).await
    }

    async fn change_standing(&self, session: Uuid, to: Standing, reason: &str, now: Timestamp) -> Result<usize, Error> {
        let entries = Collection::<Entry>::of(&self.store);
        let reason: String = reason.chars().filter(|c| !c.is_control()).take(200).collect();
        for _ in 0..TRIES {
            let record = self.sessions().load(&session).await?.ok_or(Error::NoSuchSession)?;
            let marks = self.marks(session, to, now).await?;
            let found = entries.collect(Query::by("session", Range::Is(session.to_string()))).await?;
            let changed = || found.iter().filter_map(|it| Some((it.seen, it.value.changed(to, now)?)));
            if to == Standing::Suspended && changed().any(|(_, entry)| !entry.is_suspendable()) {
                return Err(Error::NotSuspendable);
            }
            let count = changed().count();
            if count == 0 && marks.is_empty() {
                return Ok(0);
            }
            let action = match to {
                Standing::Valid => "credentials.reinstated",
                Standing::Suspended => "credentials.suspended",
                Standing::Revoked => "credentials.revoked",
            };
            let entry = self.entry(&record.value, action, now).fact("count", count).fact("reason", &reason);
            // The session is written back unchanged: issuing that goes on meanwhile fails instead of slipping through.
            let batch = marks.replace(record.seen, &record.value).audit(entry);
            let batch = changed().fold(batch, |batch, (seen, entry)| batch.replace(seen, &entry));
            match self.store.commit(batch).await {
                Ok(_) => {
                    let mut lists = self.lists.lock().await;
                    let mut bitstrings = self.bitstrings.lock().await;
                    for (_, entry) in changed() {
                        lists.retain(|(list, _), _| *list != entry.list);
                        bitstrings.remove(&entry.list);
                    }
                    return Ok(count);
                }
                Err(error) if error.is_conflict() => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::Busy)
    }

    /// The changes to the marks of a session, so that nothing is minted for it while it is suspended or revoked.
    async fn marks(&self, session: Uuid, to: Standing, now: Timestamp) -> Result<Batch, Error> {
        let revoked = Collection::<Revocation>::of(&self.store).load(&session).await?.is_some();
        let suspension = Collection::<Suspension>::of(&self.store).load(&session).await?;
        let lifted = |batch: Batch| match &suspension {
            Some(suspension) => batch.remove(suspension.seen, &suspension.value),
            None => batch,
        };
        match to {
            Standing::Valid | Standing::Suspended if revoked => Err(Error::Revoked),
            Standing::Valid => Ok(lifted(Batch::new())),
            Standing::Suspended if suspension.is_some() => Ok(Batch::new()),
            Standing::Suspended => Ok(Batch::new().insert(&Suspension { session, at: now })),
            Standing::Revoked if revoked => Ok(lifted(Batch::new())),
            Standing::Revoked => Ok(lifted(Batch::new().insert(&Revocation { session, at: now }))),
        }
    }

    /// What the credentials of a session are worth.
    pub(crate) async fn credential_standing(&self, session: Uuid) -> Result<Standing, Error> {
        if Collection::<Revocation>::of(&self.store).load(&session).await?.is_some() {
            return Ok(Standing::Revoked);
        }
        match Collection::<Suspension>::of(&self.store).load(&session).await? {
            Some(_) => Ok(Standing::Suspended),
            None => Ok(Standing::Valid),
        }
    }

    /// Refuses sessions whose credentials are worth nothing.
    pub(crate) async fn check_standing(&self, session: Uuid) -> Result<(), Error> {
        match self.credential_standing(session).await? {
            Standing::Valid => Ok(()),
            Standing::Suspended => Err(Error::Suspended),
            Standing::Revoked => Err(Error::Revoked),
        }
    }
}
