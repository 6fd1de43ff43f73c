//! What is due goes.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use warifu_store::audit::Entry;
use warifu_store::blob::BlobId;
use warifu_store::{Batch, Collection, Loaded, Query, Range, Stored, Version};

use super::{Class, PurgeReceipt, index_key};
use crate::kyc::consent::{ConsentWithdrawn, ReceiptRecord};
use crate::kyc::faces::record::FaceKey;
use crate::kyc::session::{OpenSession, Session};
use crate::{Error, Issuer};

/// Most sessions of one class in one run.
const RUN: usize = 200;
/// Sessions of an older store that are read at once to get their index.
const STEP: usize = 500;

/// The mark that every session of an older store has its index.
#[derive(Debug, Serialize, Deserialize)]
struct Indexed {
    at: Timestamp,
}

impl Stored for Indexed {
    const NAME: &'static str = "retention_marks";

    fn key(&self) -> String {
        "indexed".to_owned()
    }
}

/// What goes of one session beside the session's record.
#[derive(Default)]
struct Going {
    batch: Batch,
    items: u64,
    pictures: Vec<BlobId>,
    face: Option<FaceKey>,
}

impl Issuer {
    /// Purges what is due at `now`, at most 200 sessions of each class: call it until nothing comes back. Sessions that
    /// are being changed at the moment wait for the next run.
    ///
    /// # Errors
    /// [`Error::Store`], [`Error::Vault`]. What was purged before is done, with its receipt.
    pub async fn purge_due(&self, now: Timestamp) -> Result<Vec<PurgeReceipt>, Error> {
        self.index_older_sessions(now).await?;
        let mut receipts = Vec::new();
        for class in Class::ALL {
            receipts.extend(self.purge_class(class, now).await?);
        }
        Ok(receipts)
    }

    /// Receipts of what was purged, newest first, at most 1000.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn purge_receipts(&self) -> Result<Vec<PurgeReceipt>, Error> {
        let receipts = Collection::<PurgeReceipt>::of(&self.store);
        let page = receipts.scan(&Query::by("at", Range::All).descending().limit(1000)).await?;
        Ok(page.items.into_iter().map(|loaded| loaded.value).collect())
    }

    async fn purge_class(&self, class: Class, now: Timestamp) -> Result<Option<PurgeReceipt>, Error> {
        let rules = self.config.retention;
        let from = index_key(class, i64::MIN);
        let to = index_key(class, rules.due(class, now).as_second().saturating_add(1));
        let due = self.sessions().scan(&Query::by("retention", Range::Between(from, to)).limit(RUN)).await?;
        let mut receipt = PurgeReceipt {
            id: self.fresh_id(),
            at: now,
            class,
            rule: format!("{}: {} days after the relationship ended", class.word(), rules.days(class)),
            sessions: 0,
            items: 0,
        };
        let mut written = None;
        for Loaded { seen, value } in due.items {
            match self.purge(seen, value, &mut receipt, written, now).await {
                Ok(version) => written = Some(version),
                Err(Error::Store(error)) if error.is_conflict() => {}
                Err(error) => return Err(error),
            }
        }
        Ok(written.map(|_| receipt))
    }

    /// One session and one class. The receipt is in the same commit, so that it never says more or less than what went.
    async fn purge(
        &self,
        seen: Version,
        session: Session,
        receipt: &mut PurgeReceipt,
        written: Option<Version>,
        now: Timestamp,
    ) -> Result<Version, Error> {
        let (id, class) = (session.id, receipt.class);
        let (mut session, going) = self.going(session, class).await?;
        session.retention.purged.insert(class);
        let mut next = receipt.clone();
        next.sessions += 1;
        next.items += going.items;
        let entry = Entry::new(now, "retention.purged", self.actor("retention"), self.session_reference(id))
            .fact("class", class.word())
            .fact("items", going.items)
            .fact("rule", &next.rule)
            .fact("receipt", next.id);
        let batch = Batch::new().replace(seen, &session).audit(entry).and(going.batch);
        let batch = match written {
            Some(version) => batch.replace(version, &next),
            None => batch.insert(&next),
        };
        let version = self.store.commit(batch).await?.version;
        *receipt = next;
        if let Some(key) = going.face {
            self.refresh_face(key).await;
        }
        // Without their key they are noise already.
        for blob in going.pictures {
            self.blobs.delete(blob).await?;
        }
        Ok(version)
    }

    /// The session without a class, and what goes with it.
    async fn going(&self, session: Session, class: Class) -> Result<(Session, Going), Error> {
        let mut going = Going::default();
        let id = session.id;
        match class {
            Class::Evidence => {
                let Some(mut open) = OpenSession::open(session.clone(), &self.vault)? else {
                    return Ok((session, going));
                };
                going.pictures = open.blobs();
                going.items = going.pictures.len() as u64;
                // A fresh key for what stays: the one that opens the pictures is gone with this commit.
                open.rekey(&self.vault, self.entropy())?;
                Ok((open.seal(self.entropy())?, going))
            }
            Class::Face => {
                self.face_goes(&session, &mut going).await?;
                Ok((session, going))
            }
            Class::Identity => {
                if let Some(open) = OpenSession::open(session.clone(), &self.vault)? {
                    going.pictures = open.blobs();
                }
                self.face_goes(&session, &mut going).await?;
                going.items = 1;
                Ok((session.erased(), going))
            }
            Class::Consents => {
                for Loaded { value, .. } in self.receipts_of(id).await? {
                    going.batch = going.batch.erase::<ReceiptRecord>(&value.key());
                    going.items += 1;
                }
                match OpenSession::open(session.clone(), &self.vault)? {
                    Some(mut open) if !open.personal.consents.is_empty() => {
                        open.personal.consents.clear();
                        Ok((open.seal(self.entropy())?, going))
                    }
                    Some(_) | None => Ok((session, going)),
                }
            }
            Class::Events => {
                for Loaded { value, .. } in self.withdrawals_of(id).await? {
                    going.batch = going.batch.erase::<ConsentWithdrawn>(&value.key());
                    going.items += 1;
                }
                Ok((session, going))
            }
        }
    }

    async fn face_goes(&self, session: &Session, going: &mut Going) -> Result<(), Error> {
        if let Some((key, batch)) = self.disenrolment(session).await? {
            going.batch = std::mem::take(&mut going.batch).and(batch);
            going.items = 1;
            going.face = Some(key);
        }
        Ok(())
    }

    async fn withdrawals_of(&self, session: Uuid) -> Result<Vec<Loaded<ConsentWithdrawn>>, Error> {
        let records = Collection::<ConsentWithdrawn>::of(&self.store);
        Ok(records.collect(Query::by("session", Range::Is(session.to_string()))).await?)
    }

    /// Sessions that were written before there were clocks get theirs, once.
    async fn index_older_sessions(&self, now: Timestamp) -> Result<(), Error> {
        let marks = Collection::<Indexed>::of(&self.store);
        if marks.load("indexed").await?.is_some() {
            return Ok(());
        }
        let mut query = Query::all().limit(STEP);
        loop {
            let page = self.sessions().scan(&query).await?;
            for Loaded { seen, value } in page.items {
                // One that was changed meanwhile has its index by that.
                match self.store.commit(Batch::new().replace(seen, &value)).await {
                    Err(error) if !error.is_conflict() => return Err(error.into()),
                    Ok(_) | Err(_) => {}
                }
            }
            match page.next {
                Some(next) => query = query.after(next),
                None => break,
            }
        }
        self.store.commit(Batch::new().overwrite(&Indexed { at: now })).await?;
        Ok(())
    }
}
