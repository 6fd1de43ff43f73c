//! What a check is, and what it says.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::kyc::evidence::Evidence;
use crate::kyc::threshold::Threshold;

/// One of the four open joints: something that looks at the evidence and says what it finds.
///
/// A check holds its own thresholds, decides nothing about the session and reads no clock; what follows from its
/// outcome is the workflow's affair ([`crate::kyc::workflow::Workflow`]).
pub trait Check: Send + Sync {
    /// Stable name, as it appears in verdicts and the audit log.
    fn name(&self) -> CheckName;

    /// What the evidence shows. A check whose evidence is missing says [`Outcome::NotRun`].
    fn run(&self, evidence: &Evidence<'_>) -> Signal;
}

macro_rules! names {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// The name of a check.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum CheckName {
            $($(#[$doc])* #[serde(rename = $name)] $variant,)*
        }

        impl CheckName {
            /// All names, in the order of the variants.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The name as it is written.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

names! {
    /// The document picture is sharp, bright and large enough.
    ImageQuality = "image_quality",
    /// There is a document in the picture.
    DocumentFound = "document_found",
    /// The document has a machine-readable zone (ICAO Doc 9303).
    MrzFound = "mrz_found",
    /// The check digits of the machine-readable zone hold.
    MrzCheckDigits = "mrz_check_digits",
    /// The printed text says the same as the machine-readable zone.
    MrzVisualZone = "mrz_visual_zone",
    /// The document is in force.
    DocumentExpiry = "document_expiry",
    /// The issuer of the document is one this workflow takes.
    DocumentIssuer = "document_issuer",
    /// The holder is old enough for this workflow.
    MinimumAge = "minimum_age",
    /// The document says what the client expects of it.
    ExpectedDetails = "expected_details",
    /// The document shows a portrait.
    PortraitFound = "portrait_found",
    /// The selfie shows exactly one face, large enough.
    OneLiveFace = "one_live_face",
    /// The selfie was taken by the camera of the page, not handed over or fed in.
    SelfieCapture = "selfie_capture",
    /// The selfie was taken of a person, not of a picture.
    PassiveLiveness = "passive_liveness",
    /// The person did what a challenge asked, in front of the camera.
    ActiveLiveness = "active_liveness",
    /// The selfie and the portrait show the same person.
    FaceMatch = "face_match",
    /// Nobody else was approved with this face.
    DuplicateFace = "duplicate_face",
    /// The face is not on the blocklist.
    BlocklistedFace = "blocklisted_face",
}

impl fmt::Display for CheckName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How a check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The evidence is as it should be.
    Pass,
    /// The evidence leaves it open.
    Warn,
    /// The evidence is not as it should be.
    Fail,
    /// The check could not be made. Never to be read as passed.
    NotRun,
}

impl Outcome {
    /// The outcome as it is written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Warn => "warn",
            Self::Fail => "fail",
            Self::NotRun => "not_run",
        }
    }
}

/// What a check says: the measure, the threshold it was held against, the outcome and why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Signal {
    /// Which check.
    #[schema(value_type = String, example = "face_match")]
    pub name: CheckName,
    /// The measured value, in the unit that the threshold names; absent where there is nothing to measure.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub value: Option<f64>,
    /// The rule that the value was held against, such as `sharpness >= 15`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schema(value_type = Option<String>, example = "distance < 0.55, review < 0.62")]
    pub threshold: Option<Threshold>,
    /// How it came out.
    pub outcome: Outcome,
    /// Stable name of the reason; message catalogues translate it.
    #[schema(value_type = String, example = "face-same")]
    pub code: Code,
    /// The reason in plain English.
    pub reason: String,
}

macro_rules! codes {
    ($($variant:ident = $name:literal, $text:literal;)*) => {
        /// Why a check came out as it did.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[expect(missing_docs, reason = "each code carries its own sentence, see `text`")]
        pub enum Code {
            $(#[serde(rename = $name)] $variant,)*
        }

        impl Code {
            /// All codes.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The code as it is written.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }

            /// The reason in plain English, and where a person can do something about it, what to do.
            #[must_use]
            pub fn text(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)*
                }
            }
        }
    };
}

codes! {
    QualityGood = "quality-good", "The picture is sharp and evenly lit.";
    QualityBlurred = "quality-blurred", "The picture is blurred. Hold still and let the camera focus.";
    QualityDark = "quality-dark", "The picture is too dark. Find more light.";
    QualityBright = "quality-bright", "The picture is too bright. Turn away from the light and avoid the flash.";
    QualityGlare = "quality-glare", "A reflection covers part of the picture. Tilt the document a little.";
    QualitySmall = "quality-small", "The picture is too small to read. Move closer or use a better camera.";
    DocumentSeen = "document-seen", "There is a document with text in the picture.";
    DocumentNotSeen = "document-not-seen", "There is no document in the picture. Lay it flat and show the whole page.";
    MrzSeen = "mrz-seen", "The machine-readable lines were found.";
    MrzNotSeen = "mrz-not-seen", "The lines with the arrows (<<<) were not found. Show the whole page with its lower edge.";
    DigitsHold = "digits-hold", "All check digits hold.";
    DigitsConfirmed = "digits-confirmed", "One character was corrected and the printed text confirms it.";
    DigitsUncertain = "digits-uncertain", "The machine-readable lines could not be read with certainty.";
    DigitsWrong = "digits-wrong", "A check digit in the machine-readable lines is wrong.";
    VisualAgrees = "visual-agrees", "The printed text agrees with the machine-readable lines.";
    VisualDiffers = "visual-differs", "The printed text does not agree with the machine-readable lines.";
    VisualNotRead = "visual-not-read", "The printed text could not be read, so it was not compared.";
    DocumentInForce = "document-in-force", "The document is in force.";
    DocumentExpired = "document-expired", "The document has expired. Use one that is still in force.";
    DateNotRead = "date-not-read", "A date on the document could not be read.";
    IssuerTaken = "issuer-taken", "Documents of this issuer are taken.";
    SpecimenTaken = "specimen-taken", "This is a specimen document; it is taken because this is a sandbox.";
    SpecimenRefused = "specimen-refused", "This is a specimen document. Use your own document.";
    OldEnough = "old-enough", "The holder is old enough.";
    TooYoung = "too-young", "The holder is younger than this service allows.";
    NoMinimumAge = "no-minimum-age", "This workflow has no minimum age.";
    ExpectedAgrees = "expected-agrees", "The document says what was expected.";
    ExpectedNameDiffers = "expected-name-differs", "The document names another person than expected.";
    ExpectedBirthDateDiffers = "expected-birth-date-differs", "The date of birth is another than expected.";
    ExpectedGenderDiffers = "expected-gender-differs", "The sex on the document is another than expected.";
    ExpectedNationalityDiffers = "expected-nationality-differs", "The nationality is another than expected.";
    ExpectedCountryDiffers = "expected-country-differs", "The document was issued by another state than expected.";
    ExpectedNumberDiffers = "expected-number-differs", "The document has another number than expected.";
    PortraitSeen = "portrait-seen", "The portrait on the document was found.";
    PortraitSmall = "portrait-small", "The portrait on the document is small, which makes the comparison less certain.";
    PortraitNotSeen = "portrait-not-seen", "No portrait was found on the document. Show the page with the photo.";
    OneFace = "one-face", "There is exactly one face in the selfie.";
    NoFace = "no-face", "There is no face in the selfie. Look straight into the camera, in good light.";
    SeveralFaces = "several-faces", "There is more than one face in the selfie. Take it alone.";
    FaceSmall = "face-small", "The face in the selfie is too small. Move closer.";
    FaceBlurred = "face-blurred", "The selfie is blurred. Hold still and let the camera focus.";
    FaceCovered = "face-covered", "Part of the face in the selfie is covered. Take off sunglasses or a mask and keep hands and hair away from the face.";
    FaceDark = "face-dark", "The selfie is too dark. Find more light.";
    FaceBright = "face-bright", "The selfie is too bright. Turn away from the light.";
    LivenessLive = "liveness-live", "The selfie looks like a person in front of the camera.";
    LivenessAttack = "liveness-attack", "The selfie looks like a picture of a picture or of a screen.";
    LivenessNotPerformed = "liveness-not-performed", "Liveness was not performed: its model is not installed.";
    LivenessTooTight = "liveness-too-tight", "The face fills the picture, so liveness could not be judged. Hold the camera further away.";
    CaptureSeen = "capture-seen", "The selfie was recorded by the camera of this page.";
    CaptureUploaded = "capture-uploaded", "The selfie was handed over as a file, so nothing is known about where it comes from.";
    CaptureVirtual = "capture-virtual", "The camera's name is that of a program that feeds in pictures.";
    CaptureStalled = "capture-stalled", "The camera repeated some frames, as a slow one does or a still picture.";
    CaptureNeeded = "capture-needed", "A picture file is not enough here. Start the camera on this page.";
    RecordingUnusable = "recording-unusable", "The recording does not fit the instructions that were given. Start the camera again and record in one go.";
    RecordingLate = "recording-late", "The instructions were followed too late. Start the camera again.";
    FaceTurned = "face-turned", "The head is turned away at the start. Look straight into the camera.";
    EyesClosed = "eyes-closed", "The eyes are closed. Open them and look into the camera.";
    ChallengeMet = "challenge-met", "The instructions were followed by one face.";
    ChallengeMovement = "challenge-movement", "A movement was not seen as it was asked for. Follow each instruction in full and come back to the middle.";
    ChallengeFlat = "challenge-flat", "The face moved as a flat picture does.";
    ChallengeOtherFace = "challenge-other-face", "Another face came into the picture. Be alone in front of the camera.";
    ChallengeLight = "challenge-light", "The light of the screen was not seen on the face. Turn up the brightness, go where it is darker, and come closer.";
    SamePerson = "same-person", "The selfie shows the person on the document.";
    PerhapsSamePerson = "perhaps-same-person", "The selfie may show the person on the document, but not with certainty.";
    OtherPerson = "other-person", "The selfie does not show the person on the document.";
    SameAsReference = "same-as-reference", "The selfie shows the person of the earlier verification.";
    PerhapsSameAsReference = "perhaps-same-as-reference", "The selfie may show the person of the earlier verification, but not with certainty.";
    OtherThanReference = "other-than-reference", "The selfie does not show the person of the earlier verification.";
    TemplateOfOtherModel = "template-of-other-model", "The earlier face was measured by another model. The full verification has to be passed again.";
    NoDuplicateFace = "no-duplicate-face", "Nobody else was approved with this face.";
    DuplicateFace = "duplicate-face", "This face was approved before, for someone else.";
    DuplicateFaceOtherName = "duplicate-face-other-name", "This face was approved before, with a document in another name.";
    PerhapsDuplicateFace = "perhaps-duplicate-face", "This face resembles someone who was approved before.";
    EarlierFaceDiffers = "earlier-face-differs", "The face does not look like the one of this person's earlier verification.";
    FaceNotBlocked = "face-not-blocked", "The face is not on the blocklist.";
    FaceBlocked = "face-blocked", "The face is on the blocklist.";
    PerhapsFaceBlocked = "perhaps-face-blocked", "The face resembles one on the blocklist.";
    FacesNotSearched = "faces-not-searched", "The kept faces were not searched.";
    NotCompared = "not-compared", "The faces could not be compared.";
    NotMade = "not-made", "The check was not made.";
    PictureEmpty = "picture-empty", "No picture arrived. Choose one and send it again.";
    PictureUnknown = "picture-unknown", "This file is not a JPEG, PNG or WebP picture. Choose a photo.";
    PictureTooLarge = "picture-too-large", "The file is too large. Send a picture of at most 15 MB.";
    PictureTooManyPixels = "picture-too-many-pixels", "The picture has too many pixels. Send one with at most 40 megapixels.";
    PictureDamaged = "picture-damaged", "The picture is damaged or cut off. Take it again.";
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Signal {
    /// A signal without measure.
    #[must_use]
    pub fn new(name: CheckName, outcome: Outcome, code: Code) -> Self {
        Self { name, value: None, threshold: None, outcome, code, reason: code.text().to_owned() }
    }

    /// The same signal with its measure and the rule it was held against. Values are rounded to four decimals, so they
    /// print the same everywhere.
    #[must_use]
    pub fn measured(mut self, value: f64, threshold: Threshold) -> Self {
        self.value = value.is_finite().then(|| (value * 10_000.0).round() / 10_000.0);
        self.threshold = Some(threshold);
        self
    }

    /// The code partners of the v3 session API know for this signal (feature, risk), where there is one and the signal
    /// is not a pass.
    #[must_use]
    pub fn risk(&self) -> Option<(&'static str, &'static str)> {
        const DOCUMENT: &str = "ID_VERIFICATION";
        const LIVENESS: &str = "LIVENESS";
        const MATCH: &str = "FACEMATCH";
        match self.code {
            Code::QualityBlurred
            | Code::QualityDark
            | Code::QualityBright
            | Code::QualityGlare
            | Code::QualitySmall
            | Code::DocumentNotSeen => Some((DOCUMENT, "COULD_NOT_RECOGNIZE_DOCUMENT")),
            Code::MrzNotSeen => Some((DOCUMENT, "MRZ_NOT_DETECTED")),
            Code::DigitsUncertain | Code::DigitsWrong => Some((DOCUMENT, "MRZ_VALIDATION_FAILED")),
            Code::VisualDiffers => Some((DOCUMENT, "MRZ_AND_DATA_EXTRACTED_FROM_OCR_NOT_SAME")),
            Code::DocumentExpired => Some((DOCUMENT, "DOCUMENT_EXPIRED")),
            Code::DateNotRead => Some((
                DOCUMENT,
                match self.name {
                    CheckName::MinimumAge => "AGE_NOT_DETECTED",
                    _ => "EXPIRATION_DATE_NOT_DETECTED",
                },
            )),
            Code::SpecimenRefused => Some((DOCUMENT, "DOCUMENT_NOT_SUPPORTED_FOR_APPLICATION")),
            Code::TooYoung => Some((DOCUMENT, "MINIMUM_AGE_NOT_MET")),
            Code::ExpectedNameDiffers => Some((DOCUMENT, "FULL_NAME_MISMATCH_WITH_PROVIDED")),
            Code::ExpectedBirthDateDiffers => Some((DOCUMENT, "DOB_MISMATCH_WITH_PROVIDED")),
            Code::ExpectedGenderDiffers => Some((DOCUMENT, "GENDER_MISMATCH_WITH_PROVIDED")),
            Code::ExpectedNationalityDiffers => Some((DOCUMENT, "NATIONALITY_MISMATCH_WITH_PROVIDED")),
            Code::ExpectedCountryDiffers => Some((DOCUMENT, "DOCUMENT_COUNTRY_MISMATCH")),
            Code::ExpectedNumberDiffers => Some((DOCUMENT, "IDENTIFICATION_NUMBER_MISMATCH_WITH_PROVIDED")),
            Code::PortraitNotSeen => Some((DOCUMENT, "PORTRAIT_IMAGE_NOT_DETECTED")),
            Code::NoFace => Some((LIVENESS, "NO_FACE_DETECTED")),
            Code::SeveralFaces => Some((LIVENESS, "MULTIPLE_FACES_DETECTED")),
            Code::FaceSmall | Code::FaceBlurred | Code::FaceCovered => Some((LIVENESS, "LOW_FACE_QUALITY")),
            Code::FaceDark => Some((LIVENESS, "LOW_FACE_LUMINANCE")),
            Code::FaceBright => Some((LIVENESS, "HIGH_FACE_LUMINANCE")),
            Code::LivenessAttack
            | Code::ChallengeMovement
            | Code::ChallengeFlat
            | Code::ChallengeOtherFace
            | Code::ChallengeLight => Some((LIVENESS, "LOW_LIVENESS_SCORE")),
            Code::FaceTurned | Code::EyesClosed => Some((LIVENESS, "LOW_FACE_QUALITY")),
            Code::LivenessTooTight => Some((LIVENESS, "LOW_FACE_QUALITY")),
            Code::PerhapsSamePerson | Code::OtherPerson | Code::PerhapsSameAsReference | Code::OtherThanReference => {
                Some((MATCH, "LOW_FACE_MATCH_SIMILARITY"))
            }
            Code::NotCompared | Code::TemplateOfOtherModel => Some((MATCH, "NO_REFERENCE_IMAGE")),
            Code::DuplicateFace => Some((LIVENESS, "DUPLICATED_FACE")),
            Code::DuplicateFaceOtherName => Some((LIVENESS, "DUPLICATED_FACE_NAME_MISMATCH")),
            Code::PerhapsDuplicateFace => Some((LIVENESS, "POSSIBLE_DUPLICATED_FACE")),
            Code::FaceBlocked => Some((LIVENESS, "FACE_IN_BLOCKLIST")),
            Code::PerhapsFaceBlocked => Some((LIVENESS, "POSSIBLE_FACE_IN_BLOCKLIST")),
            Code::QualityGood
            | Code::DocumentSeen
            | Code::MrzSeen
            | Code::DigitsHold
            | Code::DigitsConfirmed
            | Code::VisualAgrees
            | Code::VisualNotRead
            | Code::DocumentInForce
            | Code::IssuerTaken
            | Code::SpecimenTaken
            | Code::OldEnough
            | Code::NoMinimumAge
            | Code::ExpectedAgrees
            | Code::PortraitSeen
            | Code::PortraitSmall
            | Code::OneFace
            | Code::LivenessLive
            | Code::LivenessNotPerformed
            | Code::CaptureSeen
            | Code::CaptureUploaded
            | Code::CaptureVirtual
            | Code::CaptureStalled
            | Code::CaptureNeeded
            | Code::RecordingUnusable
            | Code::RecordingLate
            | Code::ChallengeMet
            | Code::SamePerson
            | Code::SameAsReference
            | Code::NoDuplicateFace
            | Code::EarlierFaceDiffers
            | Code::FaceNotBlocked
            | Code::FacesNotSearched
            | Code::NotMade
            | Code::PictureEmpty
            | Code::PictureUnknown
            | Code::PictureTooLarge
            | Code::PictureTooManyPixels
            | Code::PictureDamaged => None,
        }
    }
}
