//! What is wrong with how a face stands before the camera, and what to do about it.
//!
//! The same rules serve the live hints of the camera panel and the frames that are judged, so a frame that was called
//! good is not refused for its framing later.

use serde::{Deserialize, Serialize};

use crate::face::{self, FaceError, FaceMesh, Quality};
use crate::picture::Picture;
use crate::{Models, ModelsError};

use super::active::{self, Pose};
use super::challenge::Action;

/// Mean grey levels of a face between which it can be compared.
pub const BRIGHTNESS: std::ops::RangeInclusive<f32> = 25.0..=240.0;
/// Least variance of the Laplacian on the aligned face.
pub const SHARPNESS: f32 = 4.0;
/// Largest turn of the head, in the measure of [`Quality::yaw`], of a face that looks straight.
pub const STRAIGHT: f32 = 0.6;
/// Largest turn of the head with which faces are compared.
pub const TURNED_AWAY: f32 = 1.2;
/// Eye openness below which the eyes are closed, whoever it is.
pub const CLOSED: f32 = 0.13;
/// Distance of the eyes in shares of the picture's shorter side between which a face stands well.
pub const DISTANCE: std::ops::RangeInclusive<f32> = 0.1..=0.45;
/// How far the middle of the face may be from the middle of the picture, in shares of width and height.
pub const CENTRED: f32 = 0.22;

/// What to do about a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Hint {
    /// No face was found: come into the picture.
    NoFace,
    /// More than one face: be alone in the picture.
    SeveralFaces,
    /// Come closer.
    TooFar,
    /// Go back a little.
    TooClose,
    /// Move to the middle.
    OffCentre,
    /// Find more light.
    TooDark,
    /// Turn away from the light.
    TooBright,
    /// Hold still.
    Blurred,
    /// Look straight into the camera.
    LookStraight,
    /// Open the eyes.
    OpenEyes,
    /// Something covers the face, or it can not be measured: show all of it.
    Covered,
}

impl Hint {
    /// All hints.
    pub const ALL: [Self; 11] = [
        Self::NoFace,
        Self::SeveralFaces,
        Self::TooFar,
        Self::TooClose,
        Self::OffCentre,
        Self::TooDark,
        Self::TooBright,
        Self::Blurred,
        Self::LookStraight,
        Self::OpenEyes,
        Self::Covered,
    ];

    /// Stable name for programs and message catalogues.
    pub fn code(self) -> &'static str {
        match self {
            Self::NoFace => "no_face",
            Self::SeveralFaces => "several_faces",
            Self::TooFar => "too_far",
            Self::TooClose => "too_close",
            Self::OffCentre => "off_centre",
            Self::TooDark => "too_dark",
            Self::TooBright => "too_bright",
            Self::Blurred => "blurred",
            Self::LookStraight => "look_straight",
            Self::OpenEyes => "open_eyes",
            Self::Covered => "covered",
        }
    }

    /// What an error of reading a face asks for; the models' own errors stay errors.
    pub fn of(error: FaceError) -> Result<Self, ModelsError> {
        match error {
            FaceError::NoFace => Ok(Self::NoFace),
            FaceError::SeveralFaces { .. } => Ok(Self::SeveralFaces),
            FaceError::TooSmall { .. } => Ok(Self::TooFar),
            FaceError::NotClear { .. } | FaceError::Covered { .. } => Ok(Self::Covered),
            FaceError::Models(error) => Err(error),
        }
    }
}

/// A live frame, measured: cheap numbers for a page to go by. Nothing of it is kept.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Framing {
    /// What to do first; `None` when the frame is good.
    pub hint: Option<Hint>,
    /// How the head is held, where there is one face.
    #[serde(flatten)]
    pub pose: Option<Pose>,
    /// How far the movement that was asked about has gone: 1 where it counts as made.
    pub progress: Option<f32>,
}

/// What a page asks about a live frame, in its query.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct Question {
    /// The movement that is under way.
    pub task: Option<Action>,
    /// The pose at rest, as an earlier answer said it: yaw, pitch, open, size, with commas between.
    pub rest: Option<String>,
}

impl Question {
    fn progress(&self, pose: &Pose) -> Option<f32> {
        let values: Vec<f32> = self.rest.as_ref()?.split(',').map_while(|value| value.parse().ok()).collect();
        let [yaw, pitch, open, size] = values[..] else { return None };
        Some(active::progress(self.task?, &Pose { yaw, pitch, open, size }, pose)).filter(|way| way.is_finite())
    }
}

/// Measures a live frame. About 25 ms of one core, whatever its size. Nothing that is judged follows from it.
pub fn look(models: &Models, picture: &Picture, question: &Question) -> Result<Framing, ModelsError> {
    Ok(match face::measure_one(models, picture) {
        Ok(face) => {
            let pose = Pose::of(&face, picture.width().max(picture.height()));
            Framing {
                hint: place(picture, &face).err().or(straight(&face.quality).err()).or(covered(&face.quality)),
                progress: question.progress(&pose),
                pose: Some(pose),
            }
        }
        Err(error) => Framing { hint: Some(Hint::of(error)?), pose: None, progress: None },
    })
}

fn covered(quality: &Quality) -> Option<Hint> {
    quality.covered().map(|_| Hint::Covered)
}

/// Whether a face looks straight ahead with open eyes, and can be compared.
pub fn straight(quality: &Quality) -> Result<(), Hint> {
    comparable(quality)?;
    if quality.yaw.abs() > STRAIGHT {
        return Err(Hint::LookStraight);
    }
    if quality.eye_openness < CLOSED {
        return Err(Hint::OpenEyes);
    }
    Ok(())
}

/// Whether a face can be compared: light enough, sharp enough, not turned away.
pub fn comparable(quality: &Quality) -> Result<(), Hint> {
    if quality.brightness < *BRIGHTNESS.start() {
        return Err(Hint::TooDark);
    }
    if quality.brightness > *BRIGHTNESS.end() {
        return Err(Hint::TooBright);
    }
    if quality.sharpness < SHARPNESS {
        return Err(Hint::Blurred);
    }
    if quality.yaw.abs() > TURNED_AWAY {
        return Err(Hint::LookStraight);
    }
    Ok(())
}

/// Whether a face has a good place in the picture: advice to a person, never a reason to refuse.
fn place(picture: &Picture, face: &FaceMesh) -> Result<(), Hint> {
    let (width, height) = (picture.width() as f32, picture.height() as f32);
    let distance = face.quality.eye_distance / width.min(height);
    if distance < *DISTANCE.start() {
        return Err(Hint::TooFar);
    }
    if distance > *DISTANCE.end() {
        return Err(Hint::TooClose);
    }
    let centre = face.face.bounds.centre();
    let off = |at: f32, side: f32| (at / side - 0.5).abs();
    if off(centre.x, width) > CENTRED || off(centre.y, height) > CENTRED {
        return Err(Hint::OffCentre);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_needs_a_movement_and_a_pose_at_rest() {
        let pose = Pose { yaw: 0.7, pitch: 0.5, open: 0.3, size: 0.4 };
        let asked = |task, rest: &str| Question { task, rest: Some(rest.to_owned()) }.progress(&pose);
        let way = asked(Some(Action::TurnLeft), "0.1,0.5,0.3,0.4").unwrap();
        assert!((way - 1.0).abs() < 1e-3, "{way}");
        assert_eq!(asked(None, "0.1,0.5,0.3,0.4"), None);
        for rest in ["", "0.1", "0.1,0.5,0.3,x", "0.1,0.5,0.3,0.4,0.5", "NaN,0.5,0.3,0.4", "inf,1,1,1"] {
            assert_eq!(asked(Some(Action::TurnLeft), rest), None, "{rest}");
        }
        assert_eq!(Question::default().progress(&pose), None);
    }
}
