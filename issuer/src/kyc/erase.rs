//! Erasing what is about a person.

use jiff::Timestamp;
use uuid::Uuid;
use warifu_store::{Batch, Loaded};

use crate::kyc::service::TRIES;
use crate::kyc::session::OpenSession;
use crate::{Error, Issuer};

/// What was erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Erased {
    /// Running number of the session.
    pub number: u64,
    /// Whether its face was kept, and is gone now.
    pub had_face: bool,
}

impl Issuer {
    /// Erases everything about the person: the key goes first, together with the face that was kept of this session, then
    /// what it opened. The record that there was a session stays, and so do the audit log, the receipts of consents until
    /// their clock has run out, and an entry of the blocklist.
    ///
    /// # Errors
    /// [`Error::NoSuchSession`], [`Error::OnHold`]. A session that was erased before is fine.
    pub async fn erase_session(&self, id: Uuid, now: Timestamp) -> Result<Erased, Error> {
        for _ in 0..TRIES {
            let Loaded { seen, value } = self.sessions().load(&id).await?.ok_or(Error::NoSuchSession)?;
            let number = value.number;
            if value.is_erased() {
                return Ok(Erased { number, had_face: false });
            }
            value.check_hold()?;
            let entry = self.entry(&value, "session.erased", now);
            let open = OpenSession::open(value.clone(), &self.vault)?;
            let face = self.disenrolment(&value).await?;
            let (face_key, face_gone) = face.unzip();
            let gone = Batch::new().replace(seen, &value.erased()).audit(entry).and(face_gone.unwrap_or_default());
            match self.store.commit(gone).await {
                Err(error) if error.is_conflict() => {}
                Err(error) => return Err(error.into()),
                Ok(_) => {
                    if let Some(key) = face_key {
                        self.refresh_face(key).await;
                    }
                    if let Some(open) = open {
                        for blob in open.blobs() {
                            self.blobs.delete(blob).await?;
                        }
                    }
                    return Ok(Erased { number, had_face: face_key.is_some() });
                }
            }
        }
        Err(Error::Busy)
    }
}
