//! From an uploaded picture to what was measured on it. The only place of this crate that runs models; it blocks, so the
//! services call it on a blocking thread.

use jiff::civil::Date;
use warifu_credential::person;
use warifu_models::document::{self, Acceptance, Certainty, DocumentReading, MrzReading};
use warifu_models::face::{self, Embedding, Face, FaceError, FaceReading, Quality};
use warifu_models::liveness::{self, Footage, NotPerformed, Passive};
use warifu_models::picture::{Format, Limits, Picture, PictureError};
use warifu_models::{Models, ModelsError};

use crate::kyc::check::Code;
use crate::kyc::evidence::{
    Agreement, Document, Doubt, FaceTemplate, Jpeg, Liveness, Mrz, PictureQuality, Portrait, Recorded, Searched,
    Selfie, SelfieFace, Taken, VisualField, VisualZone,
};
use crate::kyc::identity::{DocumentKind, Identity, Sex};

/// Longer side of the portrait that is kept and goes into the credential, in pixels.
const PORTRAIT_HEIGHT: u32 = 280;
/// Its JPEG quality.
const PORTRAIT_QUALITY: u8 = 75;
/// Confidence from which printed text is taken over in its own spelling.
const PRINTED: f32 = 0.9;

/// Why nothing was measured.
#[derive(Debug)]
pub(crate) enum ReadError {
    /// The upload is no picture that can be read.
    Picture(Code),
    /// The models are absent or failed.
    Models(ModelsError),
}

/// What was measured, and what kind of file it was.
#[derive(Debug)]
pub(crate) struct Read<T> {
    pub(crate) value: T,
    pub(crate) media_type: &'static str,
}

impl From<ModelsError> for ReadError {
    fn from(error: ModelsError) -> Self {
        Self::Models(error)
    }
}

/// Reads a document: its zone, the printed text, the portrait. `today` settles the century of two-digit years.
pub(crate) fn document(
    models: &Models,
    bytes: &[u8],
    limits: &Limits,
    today: Date,
) -> Result<Read<Document>, ReadError> {
    let (picture, media_type) = decode(bytes, limits)?;
    let reading = document::read(models, &picture, today)?;
    let lines = reading.lines.len() + reading.mrz.as_ref().map_or(0, |zone| zone.mrz.lines.len());
    let portrait = match &reading.portrait {
        Some(found) => measured(models, &found.picture, &found.face)?.and_then(|face| portrait(&face, &found.picture)),
        None => None,
    };
    let value = Document {
        quality: PictureQuality {
            short_side: picture.width().min(picture.height()),
            sharpness: f64::from(reading.quality.sharpness),
            brightness: f64::from(reading.quality.brightness),
            glare: f64::from(reading.quality.glare),
        },
        text_lines: u32::try_from(lines).unwrap_or(u32::MAX),
        identity: reading.mrz.as_ref().map(|zone| identity(&zone.mrz, &reading.visual)),
        mrz: reading.mrz.as_ref().map(|zone| mrz(zone, &reading)),
        visual_zone: reading.mrz.as_ref().map(|_| visual_zone(&reading.visual)).unwrap_or_default(),
        portrait,
    };
    Ok(Read { value, media_type })
}

fn mrz(zone: &MrzReading, reading: &DocumentReading) -> Mrz {
    let doubts = match reading.acceptance() {
        Acceptance::Accepted => Vec::new(),
        Acceptance::Review { doubts } => doubts,
    };
    Mrz {
        format: zone.mrz.format.name().to_owned(),
        lines: zone.mrz.lines.clone(),
        repaired: matches!(zone.certainty, Certainty::Repaired { .. }),
        wrong_digits: u32::try_from(zone.mrz.checks.iter().filter(|check| !check.ok).count()).unwrap_or(u32::MAX),
        doubts: doubts.iter().filter_map(doubt).collect(),
    }
}

/// What concerns the printed text has its own check.
fn doubt(doubt: &document::Doubt) -> Option<Doubt> {
    match doubt {
        document::Doubt::NoZone | document::Doubt::Disagrees { .. } | document::Doubt::NotRead { .. } => None,
        document::Doubt::CheckDigit { .. } => Some(Doubt::CheckDigit),
        document::Doubt::AmbiguousRepair { .. } => Some(Doubt::AmbiguousRepair),
        document::Doubt::UnconfirmedRepair => Some(Doubt::UnconfirmedRepair),
        document::Doubt::Rival => Some(Doubt::Rival),
        document::Doubt::Country => Some(Doubt::Country),
        document::Doubt::Unclear { .. } => Some(Doubt::Unclear),
        document::Doubt::TooSmall { .. } => Some(Doubt::TooSmall),
    }
}

fn visual_zone(visual: &document::VisualZone) -> VisualZone {
    let field = |field: &document::VisualField| VisualField {
        field: field.field.name().to_owned(),
        agreement: match &field.agreement {
            document::Agreement::Agrees => Agreement::Agrees,
            document::Agreement::Disagrees { .. } => Agreement::Differs,
            document::Agreement::NotRead => Agreement::NotRead,
        },
    };
    VisualZone(visual.fields().into_iter().map(field).collect())
}

fn identity(mrz: &warifu_models::mrz::Mrz, visual: &document::VisualZone) -> Identity {
    let optional = [mrz.optional.as_str(), mrz.second_optional.as_str()].join(" ").trim().to_owned();
    Identity {
        family_name: printed(&visual.surname).unwrap_or_else(|| mrz.surname.clone()),
        given_name: printed(&visual.given_names).unwrap_or_else(|| mrz.given_names.clone()),
        birth_date: mrz.birth_date.date,
        sex: match mrz.sex {
            warifu_models::mrz::Sex::Female => Sex::Female,
            warifu_models::mrz::Sex::Male => Sex::Male,
            warifu_models::mrz::Sex::Unspecified => Sex::Unspecified,
        },
        nationality: mrz.nationality.clone(),
        document_kind: DocumentKind::from_code(&mrz.document_code),
        document_number: mrz.number.clone(),
        issuing_state: mrz.issuer.clone(),
        expires: mrz.expiry.date,
        personal_number: (!optional.is_empty()).then_some(optional),
        birth_place: visual.birth_place.as_ref().filter(|place| clear(place)).map(|place| place.value.clone()),
    }
}

/// Whether a value that stands in print only was read clearly enough to be taken over.
fn clear(printed: &document::Printed) -> bool {
    printed.confidence >= PRINTED && printed.value.chars().count() <= person::MAX_TEXT
}

/// The name as printed, with its accents and case, where it agrees with the zone and nothing else stands in the line.
fn printed(field: &document::VisualField) -> Option<String> {
    let value = field.value.as_deref().filter(|_| field.agreement == document::Agreement::Agrees)?;
    let words: Vec<&str> = value.split_whitespace().collect();
    let name = words.join(" ");
    let letters = |c: char| c.is_alphabetic() || matches!(c, ' ' | '-' | '\'' | '’' | '.');
    (field.confidence >= PRINTED && !name.is_empty() && name.chars().all(letters)).then_some(name)
}

/// Reads a selfie: how many faces, and what the one face is like.
pub(crate) fn selfie(models: &Models, bytes: &[u8], limits: &Limits) -> Result<Read<Selfie>, ReadError> {
    let (picture, media_type) = decode(bytes, limits)?;
    let found = faces(models, &picture)?;
    let largest = found.first().map_or(0.0, |face| face.bounds.width);
    let comparable = found.iter().filter(|face| face.bounds.width >= face::SECOND_FACE * largest).count();
    let mut selfie = Selfie {
        faces: u32::try_from(comparable).unwrap_or(u32::MAX),
        face: None,
        liveness: Liveness::NotPerformed,
        taken: Taken::Uploaded,
        searched: Searched::NotYet,
    };
    if let ([one, ..], 1) = (found.as_slice(), comparable)
        && let Some(reading) = measured(models, &picture, one)?
    {
        selfie.face = Some(selfie_face(&reading.embedding, &reading.quality));
        selfie.liveness = passive(&liveness::passive(models, &picture, one)?);
    }
    Ok(Read { value: selfie, media_type })
}

/// The best frame of a recording, and what was measured on all of them.
#[derive(Debug)]
pub(crate) struct Judged {
    /// The encoded picture.
    pub(crate) picture: Vec<u8>,
    /// What was measured.
    pub(crate) read: Read<Selfie>,
}

/// Judges a recording. Where no frame can be compared there is only the reason, by its name.
pub(crate) fn recording(models: &Models, footage: Footage) -> Result<Result<Judged, &'static str>, ModelsError> {
    let judgement = liveness::judge(models, footage)?;
    let reasons: Vec<String> = judgement.reasons.iter().map(|reason| reason.code().to_owned()).collect();
    let Some(likeness) = judgement.likeness else {
        return Ok(Err(judgement.reasons.first().map_or("frame_unreadable", |reason| reason.code())));
    };
    let selfie = Selfie {
        faces: 1,
        face: Some(selfie_face(&likeness.embedding, &likeness.face.quality)),
        liveness: judgement.passive.as_ref().map_or(Liveness::NotPerformed, passive),
        taken: Taken::Recorded(Recorded {
            method: judgement.method,
            score: f64::from(judgement.score),
            reasons,
            suspicions: judgement.suspicions.iter().map(|suspicion| suspicion.code().to_owned()).collect(),
        }),
        searched: Searched::NotYet,
    };
    let picture = likeness.file.to_vec();
    let media_type = Format::of(&picture).map_or("application/octet-stream", Format::media_type);
    Ok(Ok(Judged { picture, read: Read { value: selfie, media_type } }))
}

fn selfie_face(embedding: &Embedding, quality: &Quality) -> SelfieFace {
    SelfieFace {
        template: FaceTemplate(embedding.template()),
        eye_distance: f64::from(quality.eye_distance),
        sharpness: f64::from(quality.sharpness),
        brightness: f64::from(quality.brightness),
        covered: quality.covered().map_or(0.0, |_| f64::from(quality.occlusion.eyes.max(quality.occlusion.mouth))),
        quality: quality.score(),
    }
}

fn passive(passive: &Passive) -> Liveness {
    match passive {
        Passive::Performed { score, .. } => Liveness::Score(f64::from(*score)),
        Passive::NotPerformed { reason: NotPerformed::WeightsAbsent, .. } => Liveness::NotPerformed,
        // Whatever else keeps the networks from running lies in the picture, and must not pass for absent weights.
        Passive::NotPerformed { .. } => Liveness::TooTight,
    }
}

/// All faces; that there is none is no error.
fn faces(models: &Models, picture: &Picture) -> Result<Vec<Face>, ReadError> {
    match face::detect(models, picture) {
        Ok(faces) => Ok(faces),
        Err(FaceError::Models(error)) => Err(error.into()),
        Err(_) => Ok(Vec::new()),
    }
}

/// One face measured; `None` where the mesh does not see a face in it.
fn measured(models: &Models, picture: &Picture, one: &Face) -> Result<Option<FaceReading>, ReadError> {
    match face::read(models, picture, one) {
        Ok(reading) => Ok(Some(reading).filter(|reading| reading.quality.face_flag >= face::MIN_FACE_FLAG)),
        Err(FaceError::Models(error)) => Err(error.into()),
        Err(_) => Ok(None),
    }
}

fn decode(bytes: &[u8], limits: &Limits) -> Result<(Picture, &'static str), ReadError> {
    let picture = Picture::decode(bytes, limits).map_err(|error| {
        ReadError::Picture(match error {
            PictureError::Empty => Code::PictureEmpty,
            PictureError::UnknownFormat => Code::PictureUnknown,
            PictureError::TooManyBytes { .. } => Code::PictureTooLarge,
            PictureError::TooManyPixels { .. } => Code::PictureTooManyPixels,
            _ => Code::PictureDamaged,
        })
    })?;
    let media_type = Format::of(bytes).map_or("application/octet-stream", Format::media_type);
    Ok((picture, media_type))
}

/// The portrait as it is kept: the face with some of its surroundings, 35 by 45 like a passport photo.
fn portrait(reading: &FaceReading, picture: &Picture) -> Option<Portrait> {
    let bounds = &reading.face.bounds;
    let centre = bounds.centre();
    let height = (bounds.height * 1.9).max(1.0);
    let width = height * 35.0 / 45.0;
    let (left, top) = ((centre.x - width / 2.0).max(0.0), (centre.y - height * 0.52).max(0.0));
    let crop = picture.crop(left as u32, top as u32, width as u32, height as u32);
    let scale = f64::from(PORTRAIT_HEIGHT) / f64::from(crop.height());
    let small =
        if scale < 1.0 { crop.resize((f64::from(crop.width()) * scale).round() as u32, PORTRAIT_HEIGHT) } else { crop };
    Some(Portrait {
        jpeg: Jpeg(small.encode_jpeg(PORTRAIT_QUALITY).ok()?),
        template: FaceTemplate(reading.embedding.template()),
        eye_distance: f64::from(reading.quality.eye_distance),
        quality: reading.quality.score(),
    })
}
