//! The reuse session: a person who was verified before shows their face again, and nothing else (biometric
//! authentication, the server-side twin of the wallet's selfie reauth).
//!
//! The selfie is held against a reference: a portrait that the client hands in, else the template of a credential that the
//! person shows where the client asked for that ([`crate::kyc::presented`]), else the face that was kept when the person of
//! the same `vendor_data` was approved. Without a reference there is no session
//! ([`Error::NoReference`]): liveness alone never stands in for the comparison. What comes out is
//! [`crate::kyc::verdict::Recognised`]: the same person, no identity, nothing to mint.
//!
//! A kept face is not copied into the session, only named; it is opened for the comparison and counts only while its
//! record stands. A presented one lies sealed in the session until the comparison, and counts only while its credential
//! is worth something.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use warifu_keys::Secret;
use warifu_models::face::{self, Template};

use crate::kyc::capture::{Asked, Submission};
use crate::kyc::checks;
use crate::kyc::evidence::{Against, Evidence, FaceTemplate};
use crate::kyc::faces::record::FaceKey;
use crate::kyc::read;
use crate::kyc::service::{Progress, Seen, today};
use crate::kyc::session::{NewSession, ReferenceSource};
use crate::kyc::stage::Stage;
use crate::kyc::workflow::{Kind, Workflow};
use crate::{Error, Issuer};

/// Largest portrait that a client may hand in, in bytes.
pub const PORTRAIT: usize = 1024 * 1024;

/// The face that a reuse session compares with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reference {
    /// A portrait that the client handed in, as a template.
    Portrait(FaceTemplate),
    /// The face in a credential of this issuer's that the person showed.
    Presented {
        /// Its template.
        template: FaceTemplate,
        /// The session that the credential was minted for.
        session: Uuid,
    },
    /// The face that was kept of the person with the same `vendor_data`.
    Enrolled(FaceKey),
}

/// How a selfie compares with its reference.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Compared {
    /// The session that the reference came from; absent for a portrait that was handed in.
    pub session: Option<Uuid>,
    /// 0 to 100; absent where the two could not be compared.
    pub score: Option<f64>,
}

impl Issuer {
    /// Where a new session begins, by what its workflow wants.
    ///
    /// # Errors
    /// [`Error::NoReference`], [`Error::OtherModel`], [`Error::NoAccessCertificate`]; [`Error::Field`] for a portrait that can
    /// not be used.
    pub(crate) async fn beginning(&self, workflow: &Workflow, wanted: &mut NewSession) -> Result<Stage, Error> {
        let portrait = wanted.portrait_image.take();
        let only_reuse = "Only a workflow of the type biometric_authentication takes it.";
        match (workflow.kind, portrait, wanted.reference) {
            (Kind::FirstVerification, None, ReferenceSource::Kept) => Ok(Stage::Opened),
            (Kind::FirstVerification, Some(_), _) => Err(bad_portrait(only_reuse)),
            (Kind::FirstVerification, None, ReferenceSource::PresentedCredential) => Err(bad_source(only_reuse)),
            (Kind::BiometricAuthentication, Some(_), ReferenceSource::PresentedCredential) => {
                Err(bad_source("Send either this or a portrait_image."))
            }
            (Kind::BiometricAuthentication, Some(portrait), ReferenceSource::Kept) => {
                Ok(Stage::AwaitingFace { reference: Reference::Portrait(self.portrait(portrait).await?) })
            }
            (Kind::BiometricAuthentication, None, ReferenceSource::PresentedCredential) => {
                if self.asks_for_credentials() {
                    Ok(Stage::AwaitingCredential)
                } else {
                    Err(Error::NoAccessCertificate)
                }
            }
            (Kind::BiometricAuthentication, None, ReferenceSource::Kept) => {
                let vendor_data = wanted.vendor_data.as_deref().ok_or(Error::NoReference)?;
                let reference = Reference::Enrolled(self.face_secret.owner(wanted.application_id(), vendor_data));
                self.opened(&reference).await?;
                Ok(Stage::AwaitingFace { reference })
            }
        }
    }

    /// Reads the one face of a portrait, and forgets the picture.
    async fn portrait(&self, portrait: Secret) -> Result<FaceTemplate, Error> {
        if portrait.expose().len() > PORTRAIT {
            return Err(bad_portrait("Ensure this field has at most 1 MB."));
        }
        let (_, read) = self.read(portrait.expose().to_vec(), read::selfie).await?;
        let read = read.map_err(|signal| bad_portrait(&signal.reason))?;
        let face = read.value.face.filter(|face| face.eye_distance >= f64::from(face::MIN_EYE_DISTANCE));
        face.map(|face| face.template)
            .ok_or_else(|| bad_portrait("Send a picture that shows exactly one face, with 40 pixels between the eyes."))
    }

    /// The template behind a reference, and the session it came from.
    async fn opened(&self, reference: &Reference) -> Result<(Template, Option<Uuid>), Error> {
        let (template, session) = match reference {
            Reference::Portrait(template) => (template.0.clone(), None),
            Reference::Presented { template, session } => {
                self.check_standing(*session).await?;
                (template.0.clone(), Some(*session))
            }
            Reference::Enrolled(key) => {
                let record = self.faces().load(key).await?.ok_or(Error::NoReference)?.value;
                (record.open(&self.vault)?, Some(record.session))
            }
        };
        // Which models can be compared is known without a selfie: whoever has to enrol anew learns it at once.
        match self.models.face_model() {
            Some(model) if model != template.model() => Err(Error::OtherModel),
            Some(_) | None => Ok((template, session)),
        }
    }

    /// Takes the selfie of a reuse session, compares, and decides.
    pub(crate) async fn submit_reuse_selfie(
        &self,
        token: &str,
        seen: Seen,
        reference: Reference,
        shown: Submission,
        now: Timestamp,
    ) -> Result<Progress, Error> {
        let (template, session) = self.opened(&reference).await?;
        let asked = Asked { against: Against::Reference(&template), identity: None };
        let selfie = match self.receive_selfie(token, &seen, asked, shown, now).await? {
            Ok(selfie) => selfie,
            Err(refused) => return Ok(refused),
        };
        let distance = selfie.read.face.as_ref().and_then(|face| template.distance(&face.template.0).ok());
        let compared = Compared { session, score: distance.map(|distance| f64::from(distance.score())) };
        self.conclude_selfie(token, &selfie, now, |open| {
            let evidence =
                Evidence { against: Against::Reference(&template), selfie: Some(&selfie.read), today: today(now) };
            let signals = checks::run(&checks::of_reuse(&open.session.workflow), &evidence);
            open.personal.stage = open.personal.stage.clone().compared(compared, selfie.clone(), signals, now)?;
            Ok(self.settle(open, "session.in_review", now))
        })
        .await
    }
}

fn bad_source(why: &str) -> Error {
    Error::Field { field: "reference_source", why: why.to_owned() }
}

fn bad_portrait(why: &str) -> Error {
    Error::Field { field: "portrait_image", why: why.to_owned() }
}
