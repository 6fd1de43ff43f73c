//! Searching for a face before the checks, and enrolling it with the verdict.

use std::sync::Arc;

use jiff::Timestamp;
use uuid::Uuid;
use warifu_models::face::Template;
use warifu_models::face::index::Hit;
use warifu_session::Status;
use warifu_store::audit::Entry;
use warifu_store::{Batch, Loaded};

use super::record::{FaceKey, FaceRecord, Kept, List};
use crate::kyc::check::{CheckName, Outcome};
use crate::kyc::evidence::{Found, FoundFace, Searched, Selfie};
use crate::kyc::identity::Identity;
use crate::kyc::session::OpenSession;
use crate::kyc::stage::Stage;
use crate::{Error, Issuer};

/// Most faces of one list that a session keeps.
const FOUND: usize = 10;

impl Issuer {
    /// Looks for the face of a selfie among the approved and the blocked. The person's own record is no duplicate; how
    /// far the selfie is from it is told apart.
    pub(crate) async fn search_faces(
        &self,
        open: &OpenSession,
        identity: Option<&Identity>,
        selfie: &Selfie,
    ) -> Result<Searched, Error> {
        let Some(face) = &selfie.face else { return Ok(Searched::NotYet) };
        self.faces_are_loaded().await?;
        let bands = open.session.workflow.face_bands;
        let (gallery, template) = (Arc::clone(&self.gallery), face.template.0.clone());
        let limit = bands.possible() as f32;
        let work = tokio::task::spawn_blocking(move || {
            let near = |list| gallery.near(list, &template, limit);
            Ok::<_, Error>((near(List::Enrolled)?, near(List::Blocklist)?))
        });
        let (enrolled, blocked) = work.await.map_err(|error| Error::Task(error.to_string()))??;
        let application = open.session.application;
        let own = self.face_secret.person(&open.session);
        let others = enrolled.into_iter().filter(|hit| hit.key != own.0);
        Ok(Searched::Done(Found {
            enrolled: self.still_kept(others, (application, List::Enrolled), identity, bands.certain()).await?,
            blocked: self
                .still_kept(blocked.into_iter(), (application, List::Blocklist), None, bands.certain())
                .await?,
            earlier: self.distance_to(own, &face.template.0).await?,
        }))
    }

    /// The nearest hits whose record stands in the store, on a list of the application. Those near enough to be certain are compared by name too.
    async fn still_kept(
        &self,
        hits: impl Iterator<Item = Hit>,
        (application, list): (Uuid, List),
        identity: Option<&Identity>,
        certain: f64,
    ) -> Result<Vec<FoundFace>, Error> {
        let mut found = Vec::new();
        for hit in hits {
            if found.len() == FOUND {
                break;
            }
            let record = self.faces().load(&FaceKey(hit.key)).await?.map(|loaded| loaded.value);
            let Some(record) = record.filter(|it| it.list == list && it.application == application) else { continue };
            let distance = f64::from(hit.distance.value());
            let same_name = match identity {
                Some(who) if distance < certain => self.has_name(&record, who).await?,
                Some(_) | None => None,
            };
            found.push(FoundFace {
                session: record.session,
                session_number: record.session_number,
                at: record.at,
                distance,
                score: f64::from(hit.distance.score()),
                same_name,
            });
        }
        Ok(found)
    }

    /// Whether the session of a record is about someone of this name; `None` where that is not known any more.
    async fn has_name(&self, record: &FaceRecord, who: &Identity) -> Result<Option<bool>, Error> {
        let other = match self.seen_by_id(record.session).await {
            Ok(seen) => seen.open.personal.stage.identity().map(Identity::full_name),
            Err(Error::Erased | Error::NoSuchSession) => None,
            Err(error) => return Err(error),
        };
        Ok(other.map(|other| other.to_lowercase() == who.full_name().to_lowercase()))
    }

    /// How far a face is from a record, where there is one of the same model.
    async fn distance_to(&self, key: FaceKey, template: &Template) -> Result<Option<f64>, Error> {
        let Some(Loaded { value, .. }) = self.faces().load(&key).await? else { return Ok(None) };
        let kept = value.open(&self.vault)?;
        Ok(kept.distance(template).ok().map(|distance| f64::from(distance.value())))
    }

    /// What to write beside a session that is being approved: the face of its selfie, in place of the one that was kept
    /// of the same person. Nothing where the session does not prove who the face belongs to.
    pub(crate) async fn enrolment(
        &self,
        before: Status,
        open: &OpenSession,
        now: Timestamp,
    ) -> Result<Option<(FaceKey, Batch)>, Error> {
        let session = &open.session;
        if before == Status::Approved || session.status != Status::Approved {
            return Ok(None);
        }
        // Only a full verification enrols: a reuse session has no stage `Decided`.
        let Stage::Decided { selfie, signals, .. } = &open.personal.stage else { return Ok(None) };
        let passed = |name| signals.iter().any(|signal| signal.name == name && signal.outcome == Outcome::Pass);
        let Some(face) = selfie.read.face.as_ref().filter(|_| passed(CheckName::OneLiveFace)) else { return Ok(None) };
        let key = self.face_secret.person(session);
        let earlier = self.faces().load(&key).await?;
        let kept = Kept {
            key,
            list: List::Enrolled,
            session,
            owner: session.vendor_data.as_deref().map(|name| self.face_secret.hash(session.application, name)),
            version: earlier.as_ref().map_or(1, |earlier| earlier.value.version.saturating_add(1)),
            template: &face.template.0,
            at: now,
        };
        let record = FaceRecord::seal(kept, &self.vault, self.entropy())?;
        let action = if earlier.is_some() { "face.replaced" } else { "face.enrolled" };
        let entry = Entry::new(now, action, self.actor("hosted"), self.session_reference(session.id));
        let entry = entry.fact("model", &record.model).fact("version", record.version);
        let batch = match earlier {
            Some(earlier) => Batch::new().replace(earlier.seen, &record),
            None => Batch::new().insert(&record),
        };
        Ok(Some((key, batch.audit(entry))))
    }

    /// What to write beside a session that is being erased: its face goes. A record that a later session of the same
    /// person replaced is that session's, and stays; so does an entry of the blocklist.
    pub(crate) async fn disenrolment(
        &self,
        session: &crate::kyc::session::Session,
    ) -> Result<Option<(FaceKey, Batch)>, Error> {
        let key = self.face_secret.person(session);
        let kept = self.faces().load(&key).await?.filter(|kept| kept.value.session == session.id);
        Ok(kept.map(|kept| (key, Batch::new().remove(kept.seen, &kept.value))))
    }
}
