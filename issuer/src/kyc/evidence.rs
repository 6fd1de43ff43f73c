//! What a person handed over, as it was measured: plain values without a picture in them.
//!
//! Everything here is personal data. It is kept only sealed ([`crate::kyc::vault`]); the pictures themselves lie as
//! sealed blobs that [`Kept`] names.

use std::fmt;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use warifu_keys::base64url;
use warifu_models::face;
use warifu_models::liveness::Method;
use warifu_store::blob::BlobId;

use crate::kyc::identity::Identity;

/// What the checks look at.
#[derive(Debug, Clone, Copy)]
pub struct Evidence<'a> {
    /// What the selfie is held against.
    pub against: Against<'a>,
    /// The selfie, once there is one.
    pub selfie: Option<&'a Selfie>,
    /// The day of the check, in UTC.
    pub today: Date,
}

/// What a selfie is held against.
#[derive(Debug, Clone, Copy)]
pub enum Against<'a> {
    /// A document: what it says, and the portrait on it.
    Document(&'a Document),
    /// The face of an earlier verification, or a portrait that the client handed in: nothing is known but the face.
    Reference(&'a face::Template),
}

impl<'a> Evidence<'a> {
    /// The document, where there is one.
    #[must_use]
    pub fn document(&self) -> Option<&'a Document> {
        match self.against {
            Against::Document(document) => Some(document),
            Against::Reference(_) => None,
        }
    }
}

/// What was measured on the document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Document {
    /// How usable the picture is.
    pub quality: PictureQuality,
    /// How many lines of text were found.
    pub text_lines: u32,
    /// The machine-readable zone, where there is one.
    pub mrz: Option<Mrz>,
    /// How the printed text compares with it.
    pub visual_zone: VisualZone,
    /// Whom it names; absent without a zone.
    pub identity: Option<Identity>,
    /// The portrait, where one was found.
    pub portrait: Option<Portrait>,
}

/// A picture that was handed over: what was measured on it, and where it is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Handed<T> {
    /// Where the picture is kept.
    pub picture: Kept,
    /// What was measured on it.
    pub read: T,
}

/// A sealed picture in the blob store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// Name of the blob.
    pub blob: BlobId,
    /// Media type of the picture once opened.
    pub media_type: String,
    /// Size of the picture in bytes.
    pub bytes: u64,
}

/// How usable a picture of a page is (`warifu_models::document::PageQuality`, and the size of the picture).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PictureQuality {
    /// Shorter side of the picture as it came, in pixels.
    pub short_side: u32,
    /// Variance of the Laplacian in grey levels squared; blurred pictures are low.
    pub sharpness: f64,
    /// Mean grey level, 0 to 255.
    pub brightness: f64,
    /// Share of pixels that are burnt out in all colours, 0 to 1.
    pub glare: f64,
}

/// A machine-readable zone as it was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mrz {
    /// `TD1`, `TD2`, `TD3`, `MRV-A` or `MRV-B`.
    pub format: String,
    /// Its lines, after a repair if there was one.
    pub lines: Vec<String>,
    /// Whether characters were repaired and the printed text confirms the repair.
    pub repaired: bool,
    /// How many check digits do not hold.
    pub wrong_digits: u32,
    /// Why the reading is not certain; empty when it is.
    pub doubts: Vec<Doubt>,
}

/// Why the reading of a zone is not certain (`warifu_models::document::Doubt`, without what concerns the printed text).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Doubt {
    /// A check digit is wrong.
    CheckDigit,
    /// Several repairs are possible.
    AmbiguousRepair,
    /// A repair that the printed text does not confirm.
    UnconfirmedRepair,
    /// Another reading with right check digits is nearly as likely.
    Rival,
    /// Issuer or nationality is not clear.
    Country,
    /// A character that no check digit protects was not clear.
    Unclear,
    /// The letters are too small.
    TooSmall,
}

/// How the printed text compares with the zone, field by field; empty without a zone.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct VisualZone(pub Vec<VisualField>);

/// One printed field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VisualField {
    /// `surname`, `given_names`, `number`, `birth_date` or `expiry`.
    pub field: String,
    /// Whether print and zone say the same.
    pub agreement: Agreement,
}

/// How one field compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Agreement {
    /// The printed text says the same.
    Agrees,
    /// It says something else.
    Differs,
    /// Nothing to compare with was read.
    NotRead,
}

impl VisualZone {
    /// How many fields stand so.
    #[must_use]
    pub fn count(&self, agreement: Agreement) -> usize {
        self.0.iter().filter(|field| field.agreement == agreement).count()
    }
}

/// The portrait on the document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Portrait {
    /// Small JPEG of the portrait.
    pub jpeg: Jpeg,
    /// The face in it.
    pub template: FaceTemplate,
    /// Distance between the eyes in pixels of the picture.
    pub eye_distance: f64,
    /// 0 to 100.
    pub quality: u8,
}

/// What was measured on the selfie.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Selfie {
    /// How many faces of comparable size there are.
    pub faces: u32,
    /// The one face, when there is exactly one that could be measured.
    pub face: Option<SelfieFace>,
    /// What passive liveness says.
    pub liveness: Liveness,
    /// How it was taken.
    #[serde(default)]
    pub taken: Taken,
    /// Who else has this face.
    #[serde(default)]
    pub searched: Searched,
}

/// How a selfie was taken.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Taken {
    /// Handed over as a file: where it comes from is not known.
    #[default]
    Uploaded,
    /// Recorded for a challenge of this session.
    Recorded(Recorded),
}

/// What came of the recording for a challenge (`warifu_models::liveness::Judgement`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recorded {
    /// How liveness was to be established.
    pub method: Method,
    /// 0 to 1; 0.5 and more only where the challenge was met.
    pub score: f64,
    /// Why it was not met, by the names of `liveness::Reason`; empty where it was.
    pub reasons: Vec<String>,
    /// What looked odd about how the frames came, by the names of `liveness::Suspicion`.
    pub suspicions: Vec<String>,
}

/// What the search among the kept faces found.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Searched {
    /// There was no search. Never to be read as one that found nobody.
    #[default]
    NotYet,
    /// What was found.
    Done(Found),
}

/// Kept faces near the one in a selfie.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Found {
    /// Other approved people, nearest first, up to the edge of the workflow's bands.
    pub enrolled: Vec<FoundFace>,
    /// Faces on the blocklist, in the same way.
    pub blocked: Vec<FoundFace>,
    /// Distance to the face that the same person was approved with before, where it was made by the same model.
    pub earlier: Option<f64>,
}

/// One kept face. Whose it is stands in the session it names, and only as long as that is not erased.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FoundFace {
    /// The session whose selfie it is.
    pub session: Uuid,
    /// Its running number.
    pub session_number: u64,
    /// When it was kept.
    pub at: Timestamp,
    /// Euclidean distance.
    pub distance: f64,
    /// The distance as a score, 0 to 100.
    pub score: f64,
    /// Whether both documents name the same person; absent where that was not compared.
    pub same_name: Option<bool>,
}

/// The one face of a selfie.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SelfieFace {
    /// The face.
    pub template: FaceTemplate,
    /// Distance between the eyes in pixels.
    pub eye_distance: f64,
    /// Variance of the Laplacian on the aligned face.
    pub sharpness: f64,
    /// Mean grey level of the aligned face, 0 to 255.
    pub brightness: f64,
    /// How far eyes or mouth are hidden, 0 to 1; 0 where it can not be told.
    #[serde(default)]
    pub covered: f64,
    /// 0 to 100.
    pub quality: u8,
}

/// Passive liveness.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Liveness {
    /// 0 (attack) to 1 (live).
    Score(f64),
    /// Nothing is known, because the optional weights are not there.
    NotPerformed,
    /// Nothing is known, because the face fills the picture and its surroundings are not in it.
    TooTight,
}

/// Bytes of a small JPEG; silent in `Debug`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Jpeg(pub Vec<u8>);

impl fmt::Debug for Jpeg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Jpeg({} bytes)", self.0.len())
    }
}

impl From<Jpeg> for String {
    fn from(jpeg: Jpeg) -> Self {
        base64url::encode(&jpeg.0)
    }
}

impl TryFrom<String> for Jpeg {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        base64url::decode(&text).map(Self).map_err(|_| "not base64url")
    }
}

/// A face template as it is kept: model, scale, one byte a value, and what distances meant to a model that is not the
/// built-in one. Silent in `Debug`.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "TemplateText", into = "TemplateText")]
pub struct FaceTemplate(pub face::Template);

#[derive(Serialize, Deserialize)]
struct TemplateText {
    model: String,
    value: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    scale: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    thresholds: Option<face::Thresholds>,
}

impl fmt::Debug for FaceTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

impl From<FaceTemplate> for TemplateText {
    fn from(template: FaceTemplate) -> Self {
        let builtin = face::ModelId::builtin().as_ref() == Some(template.0.model());
        Self {
            model: template.0.model().to_string(),
            value: base64url::encode(&template.0.to_bytes()),
            scale: Some(template.0.scale()).filter(|&scale| scale != face::Template::SCALE),
            thresholds: template.0.thresholds().filter(|_| !builtin),
        }
    }
}

impl TryFrom<TemplateText> for FaceTemplate {
    type Error = &'static str;

    fn try_from(text: TemplateText) -> Result<Self, &'static str> {
        let model = text.model.parse().map_err(|_| "not a model identifier")?;
        let bytes = base64url::decode(&text.value).map_err(|_| "not base64url")?;
        let scale = text.scale.unwrap_or(face::Template::SCALE);
        let template = face::Template::scaled(model, scale, &bytes).map_err(|_| "no template of this model")?;
        Ok(Self(template.with_thresholds(text.thresholds)))
    }
}
