//! The blocklist of faces: put there and taken off by a client, by naming a session.

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;
use warifu_store::audit::Entry;
use warifu_store::{Batch, Query, Range};

use super::record::{FaceRecord, Kept, List, list_name};
use crate::kyc::service::TRIES;
use crate::{Error, Issuer};

/// A face on the blocklist, as the v3 API lists it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = BlockedFace)]
pub struct Blocked {
    /// The session whose selfie it is.
    pub session_id: Uuid,
    /// Its running number.
    pub session_number: u64,
    /// Since when.
    pub blocklisted_at: Timestamp,
}

impl Issuer {
    /// Puts the face of a session's selfie on the blocklist. The entry has its own copy of the template, and stays when
    /// the session is erased, until it is taken off.
    ///
    /// # Errors
    /// [`Error::NoSuchSession`], [`Error::Erased`], [`Error::NoFace`] for a session without selfie.
    pub async fn block_face(&self, session: Uuid, now: Timestamp) -> Result<Blocked, Error> {
        let key = self.face_secret.blocked(session);
        for _ in 0..TRIES {
            if let Some(there) = self.faces().load(&key).await? {
                return Ok(blocked(&there.value));
            }
            let seen = self.seen_by_id(session).await?;
            let selfie = seen.open.personal.stage.selfie();
            let face = selfie.and_then(|selfie| selfie.read.face.as_ref()).ok_or(Error::NoFace)?;
            let kept = Kept {
                key,
                list: List::Blocklist,
                session: &seen.open.session,
                owner: None,
                version: 1,
                template: &face.template.0,
                at: now,
            };
            let record = FaceRecord::seal(kept, &self.vault, self.entropy())?;
            let entry = Entry::new(now, "face.blocked", self.actor("api"), self.session_reference(session));
            match self.store.commit(Batch::new().insert(&record).audit(entry)).await {
                Err(error) if error.is_conflict() => {}
                Err(error) => return Err(error.into()),
                Ok(_) => {
                    self.refresh_face(key).await;
                    return Ok(blocked(&record));
                }
            }
        }
        Err(Error::Busy)
    }

    /// Takes the face of a session off the blocklist, and says whether it was there.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn unblock_face(&self, session: Uuid, now: Timestamp) -> Result<bool, Error> {
        let key = self.face_secret.blocked(session);
        for _ in 0..TRIES {
            let Some(there) = self.faces().load(&key).await? else { return Ok(false) };
            let entry = Entry::new(now, "face.unblocked", self.actor("api"), self.session_reference(session));
            match self.store.commit(Batch::new().remove(there.seen, &there.value).audit(entry)).await {
                Err(error) if error.is_conflict() => {}
                Err(error) => return Err(error.into()),
                Ok(_) => {
                    self.refresh_face(key).await;
                    return Ok(true);
                }
            }
        }
        Err(Error::Busy)
    }

    /// Whether the face of a session is on the blocklist.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn is_blocked(&self, session: Uuid) -> Result<bool, Error> {
        Ok(self.faces().load(&self.face_secret.blocked(session)).await?.is_some())
    }

    /// All faces on the blocklist of an application.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn blocked_faces(&self, application: Uuid) -> Result<Vec<Blocked>, Error> {
        let query = Query::by("list", Range::Is(list_name(application, List::Blocklist)));
        let found = self.faces().collect(query).await?;
        let mut rows: Vec<Blocked> = found.iter().map(|found| blocked(&found.value)).collect();
        rows.sort_by_key(|row| std::cmp::Reverse((row.blocklisted_at, row.session_number)));
        Ok(rows)
    }
}

fn blocked(record: &FaceRecord) -> Blocked {
    Blocked { session_id: record.session, session_number: record.session_number, blocklisted_at: record.at }
}
