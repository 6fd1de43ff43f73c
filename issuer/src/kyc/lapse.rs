//! Sessions that nobody finished in time: they are over by their time alone, and here it is written down, so that whoever
//! waits for them is told.

use jiff::Timestamp;
use warifu_store::{Batch, Loaded, Query, Range, sortable};

use crate::kyc::session::OpenSession;
use crate::{Error, Issuer};

/// Most sessions that are written at once.
const SOME: usize = 200;

impl Issuer {
    /// Writes down which sessions are over since nobody finished them in time, each with its event; a part of them each time.
    /// Says how many those were.
    ///
    /// # Errors
    /// Those of the store and the vault.
    pub async fn write_lapsed(&self, now: Timestamp) -> Result<usize, Error> {
        let range = Range::Between(String::new(), sortable(now.as_second()));
        let page = self.sessions().scan(&Query::by("deadline", range).limit(SOME)).await?;
        let mut written = 0;
        for Loaded { seen, value } in page.items {
            let (before, status) = (value.status, value.status_at(now));
            let Some(mut open) = OpenSession::open(value, &self.vault)?.filter(|_| status != before) else { continue };
            open.session.status = status;
            let entry = self.entry(&open.session, "session.lapsed", now);
            let events = self.status_event(Some(before), &mut open, now).await?;
            let batch = Batch::new().replace(seen, &open.seal(self.entropy())?).audit(entry).and(events);
            match self.store.commit(batch).await {
                Ok(_) => written += 1,
                // The person is at it this moment, or another process writes the same.
                Err(error) if error.is_conflict() => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(written)
    }
}
