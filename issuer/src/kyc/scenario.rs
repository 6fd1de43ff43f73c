//! Scenarios of a sandbox: what a session will come to, whatever pictures are handed over.
//!
//! A scenario states evidence, of the specimen person of ICAO Doc 9303 and never of anyone real, and the checks of the
//! session's workflow look at it as at any other; the verdict is theirs. It exists in sandbox workflows only, where nothing
//! is minted for real people.

use jiff::Timestamp;
use jiff::civil::{Date, date};
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use warifu_models::face;
use warifu_models::liveness::Method;

use crate::kyc::checks;
use crate::kyc::evidence::{
    Against, Agreement, Document, Evidence, FaceTemplate, Found, FoundFace, Handed, Jpeg, Liveness, Mrz,
    PictureQuality, Portrait, Recorded, Searched, Selfie, SelfieFace, Taken, VisualField, VisualZone,
};
use crate::kyc::identity::{DocumentKind, Identity, Sex};
use crate::kyc::service::{Progress, expectations, today};
use crate::kyc::stage::Stage;
use crate::kyc::workflow::{Environment, Kind, Workflow};
use crate::{Error, Issuer};

macro_rules! scenarios {
    ($($(#[$doc:meta])* $variant:ident = $slug:literal,)*) => {
        /// What a sandbox session will come to.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
        pub enum Scenario {
            $($(#[$doc])* #[serde(rename = $slug)] $variant,)*
        }

        impl Scenario {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// Its name in a request.
            #[must_use]
            pub fn slug(self) -> &'static str {
                match self { $(Self::$variant => $slug),* }
            }
        }
    };
}

scenarios! {
    /// Nothing is wrong.
    Approved = "approved",
    /// The document has expired.
    DocumentExpired = "document_expired",
    /// The printed text says something else than the machine-readable zone.
    DataInconsistent = "data_inconsistent",
    /// A check digit is wrong.
    MrzInvalid = "mrz_invalid",
    /// The selfie shows someone else.
    FaceMismatch = "face_mismatch",
    /// The selfie may show someone else.
    FaceUncertain = "face_uncertain",
    /// The selfie looks like a picture of a picture.
    LivenessAttack = "liveness_attack",
    /// The face is on the blocklist.
    BlocklistedFace = "blocklisted_face",
    /// Someone else was approved with this face.
    DuplicatedFace = "duplicated_face",
}

impl Scenario {
    /// The scenario of a name.
    ///
    /// # Errors
    /// [`Error::Field`] for any other.
    pub fn named(slug: &str) -> Result<Self, Error> {
        Self::ALL.iter().copied().find(|scenario| scenario.slug() == slug).ok_or_else(|| {
            let all: Vec<&str> = Self::ALL.iter().map(|scenario| scenario.slug()).collect();
            Error::Field { field: "sandbox_scenario", why: format!("Must be one of {}.", all.join(", ")) }
        })
    }

    /// The evidence that the scenario states.
    fn states(self, workflow: &Workflow, session: Uuid, now: Timestamp) -> Option<(Document, Selfie)> {
        let mut document = document(today(now))?;
        let mut selfie = selfie(workflow)?;
        let someone = |distance: f64| FoundFace {
            session,
            session_number: 0,
            at: now,
            distance,
            score: 100.0 * (1.0 - distance).max(0.0),
            same_name: None,
        };
        match self {
            Self::Approved => {}
            Self::DocumentExpired => {
                let who = document.identity.as_mut()?;
                who.expires = Some(date(2012, 4, 15));
            }
            Self::DataInconsistent => document.visual_zone.0.first_mut()?.agreement = Agreement::Differs,
            Self::MrzInvalid => document.mrz.as_mut()?.wrong_digits = 1,
            Self::FaceMismatch => selfie.face.as_mut()?.template = template(240)?,
            Self::FaceUncertain => {
                let bands = checks::FaceMatch::from_manifest();
                let steps = (bands.accept + bands.review) / 2.0 * f64::from(face::Template::SCALE);
                selfie.face.as_mut()?.template = template(steps as u8)?;
            }
            Self::LivenessAttack => selfie.liveness = Liveness::Score(0.02),
            Self::BlocklistedFace => {
                selfie.searched = Searched::Done(Found { blocked: vec![someone(0.1)], ..Found::default() });
            }
            Self::DuplicatedFace => {
                selfie.searched = Searched::Done(Found { enrolled: vec![someone(0.1)], ..Found::default() });
            }
        }
        Some((document, selfie))
    }
}

impl Issuer {
    /// Sets what a sandbox session will come to.
    ///
    /// # Errors
    /// [`Error::Field`] outside a sandbox and for a reuse session; [`Error::Transition`] once it has begun.
    pub async fn arm(&self, id: Uuid, scenario: Scenario, now: Timestamp) -> Result<(), Error> {
        self.change(id, now, |open| {
            check_armable(&open.session.workflow)?;
            let status = open.session.status_at(now);
            if status != warifu_session::Status::NotStarted {
                return Err(Error::Over(status));
            }
            open.personal.scenario = Some(scenario);
            Ok("session.armed")
        })
        .await?;
        Ok(())
    }

    /// Plays the scenario to its end in place of reading the picture that was handed over.
    pub(crate) async fn play(
        &self,
        token: &str,
        scenario: Scenario,
        picture: Vec<u8>,
        now: Timestamp,
    ) -> Result<Progress, Error> {
        let seen = self.seen_by_token(token).await?;
        let workflow = &seen.open.session.workflow;
        check_armable(workflow)?;
        let stated = scenario.states(workflow, seen.open.session.id, now);
        let (document, selfie) = stated.ok_or(Error::NoReference)?;
        let kept = self.keep(&seen.open, "document", &picture, "application/octet-stream").await?;
        let blob = kept.blob;
        let done = self
            .change(token, now, |open| {
                let against = Against::Document(&document);
                let evidence = Evidence { against, selfie: Some(&selfie), today: today(now) };
                let mut signals = checks::run(&checks::all(&open.session.workflow), &evidence);
                signals.extend(expectations(open, document.identity.as_ref()));
                let stage = open.personal.stage.clone();
                let stage = stage.with_document(Handed { picture: kept.clone(), read: document.clone() })?;
                let stage = match stage {
                    // The selfie stayed; what it shows is stated anew, as everything in a scenario.
                    Stage::Complete { document, identity, selfie: stayed } => {
                        let selfie = Handed { picture: stayed.picture, read: selfie.clone() };
                        Stage::Complete { document, identity, selfie: Box::new(selfie) }
                    }
                    other => other.with_selfie(Handed { picture: kept.clone(), read: selfie.clone() })?,
                };
                open.personal.stage = stage.decided(signals, now)?;
                Ok(self.settle(open, "session.in_review", now))
            })
            .await;
        match done {
            Ok(seen) => Ok(self.progress_of(&seen, Vec::new(), now)),
            Err(error) => {
                self.blobs.delete(blob).await?;
                Err(error)
            }
        }
    }
}

/// Only sandbox sessions with a document can play.
pub(crate) fn check_armable(workflow: &Workflow) -> Result<(), Error> {
    let why = match (workflow.environment, workflow.kind) {
        (Environment::Sandbox, Kind::FirstVerification) => return Ok(()),
        (Environment::Live, _) => "Only sandbox applications have scenarios.",
        (Environment::Sandbox, Kind::BiometricAuthentication) => "Only sessions with a document have scenarios.",
    };
    Err(Error::Field { field: "sandbox_scenario", why: why.to_owned() })
}

/// A template whose distance to `template(0)` is `steps` times 1/200; `None` in a build without a face model.
fn template(steps: u8) -> Option<FaceTemplate> {
    let mut bytes = [0; 128];
    bytes[0] = steps.min(127);
    bytes[1] = steps.saturating_sub(127);
    face::Template::from_bytes(face::ModelId::builtin()?, &bytes).ok().map(FaceTemplate)
}

/// The specimen passport of ICAO Doc 9303 part 4 appendix A, in force for another five years.
fn document(today: Date) -> Option<Document> {
    let names = ["surname", "given_names", "number", "birth_date", "expiry"];
    let agrees = |name: &&str| VisualField { field: (*name).to_owned(), agreement: Agreement::Agrees };
    let expires = date(today.year().checked_add(5)?, 4, 15);
    Some(Document {
        quality: PictureQuality { short_side: 1200, sharpness: 300.0, brightness: 150.0, glare: 0.0 },
        text_lines: 20,
        mrz: Some(Mrz {
            format: "TD3".to_owned(),
            lines: vec![
                "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<".to_owned(),
                "L898902C36UTO7408122F1204159ZE184226B<<<<<10".to_owned(),
            ],
            repaired: false,
            wrong_digits: 0,
            doubts: Vec::new(),
        }),
        visual_zone: VisualZone(names.iter().map(agrees).collect()),
        identity: Some(Identity {
            family_name: "ERIKSSON".to_owned(),
            given_name: "ANNA MARIA".to_owned(),
            birth_date: Some(date(1974, 8, 12)),
            sex: Sex::Female,
            nationality: "UTO".to_owned(),
            document_kind: DocumentKind::Passport,
            document_number: "L898902C3".to_owned(),
            issuing_state: "UTO".to_owned(),
            expires: Some(expires),
            personal_number: Some("ZE184226B".to_owned()),
            birth_place: None,
        }),
        portrait: Some(Portrait { jpeg: Jpeg(Vec::new()), template: template(0)?, eye_distance: 60.0, quality: 80 }),
    })
}

fn selfie(workflow: &Workflow) -> Option<Selfie> {
    let taken = match workflow.liveness_method {
        Method::Passive => Taken::Uploaded,
        method => Taken::Recorded(Recorded { method, score: 1.0, reasons: Vec::new(), suspicions: Vec::new() }),
    };
    Some(Selfie {
        faces: 1,
        face: Some(SelfieFace {
            template: template(40)?,
            eye_distance: 120.0,
            sharpness: 90.0,
            brightness: 120.0,
            covered: 0.1,
            quality: 90,
        }),
        liveness: Liveness::Score(0.98),
        taken,
        searched: Searched::Done(Found::default()),
    })
}

#[cfg(test)]
mod tests {
    use warifu_session::Status;

    use super::*;
    use crate::kyc::service::status_of;
    use crate::kyc::stage::Stage;

    #[track_caller]
    fn check(scenario: Scenario, workflow: &Workflow, expected: Status) {
        let now: Timestamp = "2026-11-22T10:00:00Z".parse().unwrap();
        let (document, selfie) = scenario.states(workflow, Uuid::nil(), now).unwrap();
        let evidence = Evidence { against: Against::Document(&document), selfie: Some(&selfie), today: today(now) };
        let signals = checks::run(&checks::all(workflow), &evidence);
        let kept = checks::tests::handed_document().picture;
        let stage = Stage::Opened.with_document(Handed { picture: kept.clone(), read: document }).unwrap();
        let stage = stage.with_selfie(Handed { picture: kept, read: selfie }).unwrap();
        let stage = stage.decided(signals.clone(), now).unwrap();
        assert_eq!(status_of(&stage, workflow).0, expected, "{}: {signals:?}", scenario.slug());
    }

    #[test]
    fn the_checks_come_to_what_the_scenario_says() {
        let sandbox = &Workflow::sandbox();
        check(Scenario::Approved, sandbox, Status::Approved);
        check(Scenario::DocumentExpired, sandbox, Status::Declined);
        check(Scenario::DataInconsistent, sandbox, Status::InReview);
        check(Scenario::MrzInvalid, sandbox, Status::InReview);
        check(Scenario::FaceMismatch, sandbox, Status::Declined);
        check(Scenario::FaceUncertain, sandbox, Status::InReview);
        check(Scenario::LivenessAttack, sandbox, Status::InReview);
        check(Scenario::BlocklistedFace, sandbox, Status::Declined);
        check(Scenario::DuplicatedFace, &Workflow::rehearsal(), Status::InReview);
        check(Scenario::Approved, &Workflow::challenging(Method::Active3d), Status::Approved);
        // The specimen is nobody that a workflow for real people takes.
        check(Scenario::Approved, &Workflow::live(), Status::Declined);
    }
}
