//! Liveness: a person in front of the camera, or a picture of one?
//!
//! * [`passive`] looks at one picture. Two small networks (MiniFASNet, optional weights) see the face with some and with
//!   more of its surroundings, and own [`cues()`] look for what paper and screens leave in a picture. A cue only ever
//!   lowers the score: what no cue saw is not thereby live. Without the weights the answer is
//!   [`Passive::NotPerformed`], never a pass, whatever the cues say.
//! * [`Challenge`] asks for something in front of the camera, [`Challenge::admit`] sees to it that frames can have been
//!   taken for it, and [`judge`] says whether they show a person who did what was asked ([`Method`]).
//! * [`framing`] says what is wrong with a live frame before anything is judged.
//!
//! None of this was tested by ISO/IEC 30107-3; the measured rates stand in the manifest and in `docs/accuracy.md`.

use zeroize::Zeroizing;

use crate::face::Face;
use crate::face::embedder::Input;
use crate::geometry::{Affine, Rect};
use crate::manifest::Manifest;
use crate::picture::{Edge, Picture};
use crate::plan::Network;
use crate::plugin::Activation;
use crate::{Models, ModelsError};

pub mod active;
mod challenge;
mod cues;
pub mod eval;
pub mod flashing;
pub mod framing;
mod judge;
mod recording;

pub use challenge::{ACTIONS, Action, Challenge, Colour, Method, NotAMethod, Prompt, Task};
pub use cues::{Cue, Repetition, Seen, cues, repetition};
pub use judge::{Judgement, Likeness, Outcome, Reason, judge};
pub use recording::{Footage, Frame, MAX_FRAME_BYTES, MAX_FRAMES, NotARecording, Recording, Refusal, Suspicion};

/// Outcome of the passive check.
#[derive(Debug, Clone, PartialEq)]
pub enum Passive {
    /// The networks ran.
    Performed {
        /// 0 (attack) to 1 (live): the mean of the two networks or a model of the user's, whichever is lower, of which each
        /// cue takes its weight times its value away.
        score: f32,
        /// Each network's own score.
        per_model: Vec<ModelScore>,
        /// What was looked for besides, with its weight.
        cues: Vec<Cue>,
    },
    /// The networks did not run; nothing is known.
    NotPerformed {
        /// Why.
        reason: NotPerformed,
        /// What can be said without the networks: enough to suspect an attack, never enough to pass.
        cues: Vec<Cue>,
    },
}

/// What one network says.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelScore {
    /// Name of the network.
    pub model: &'static str,
    /// 0 (attack) to 1 (live).
    pub score: f32,
}

/// Why the passive check was not performed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NotPerformed {
    /// The optional weights are not installed or were not loaded.
    WeightsAbsent,
    /// The face fills the picture: the surroundings that give an attack away are not in it.
    TooTight,
}

impl std::fmt::Display for NotPerformed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::WeightsAbsent => f.write_str("the optional liveness weights are not installed"),
            Self::TooTight => f.write_str("the face fills the picture"),
        }
    }
}

impl Passive {
    /// What was looked for besides the networks.
    pub fn cues(&self) -> &[Cue] {
        match self {
            Self::Performed { cues, .. } | Self::NotPerformed { cues, .. } => cues,
        }
    }

    /// Whether the check ran and its score reaches [`live_threshold`].
    pub fn is_live(&self) -> bool {
        match self {
            Self::Performed { score, .. } => *score >= live_threshold(),
            Self::NotPerformed { .. } => false,
        }
    }
}

/// Scores from here on count as live (manifest, `live`); infinite, so that nothing passes, if it is not there.
pub fn live_threshold() -> f32 {
    Manifest::builtin()
        .model("minifasnet-2.7-4.0")
        .and_then(|model| model.thresholds.iter().find(|entry| entry.name == "live"))
        .map_or(f32::INFINITY, |entry| entry.value)
}

/// Least shorter side of the picture in multiples of the face box. Of 59 real pictures, 25 of the 26 with less room were
/// scored as attacks (nearly all of them small television stills, so the cause may be either), none of the 33 others.
const MIN_ROOM: f32 = 1.2;

/// Whether the picture shows enough around the face for the networks to run.
pub fn has_room(picture: &Picture, face: &Face) -> bool {
    picture.width().min(picture.height()) as f32 / face.bounds.width.max(1.0) >= MIN_ROOM
}

/// Side of the networks' input.
const SIDE: u32 = 80;

/// Runs the passive check on a face found by [`crate::face::detect`] in the same picture.
///
/// The picture should be the original one: a tight crop hides the surroundings that give an attack away.
pub fn passive(models: &Models, picture: &Picture, face: &Face) -> Result<Passive, ModelsError> {
    let cues = cues(picture, face);
    if !models.has_liveness() {
        return Ok(Passive::NotPerformed { reason: NotPerformed::WeightsAbsent, cues });
    }
    if !has_room(picture, face) {
        return Ok(Passive::NotPerformed { reason: NotPerformed::TooTight, cues });
    }
    let bounds = whole_face(&face.bounds);
    let mut per_model = Vec::new();
    // Both opinions have to be met, so the lower one counts.
    let mut lowest = f32::INFINITY;
    if let Some(networks) = models.liveness() {
        let near = score(&networks.near, picture, &bounds, 2.7)?;
        let wide = score(&networks.wide, picture, &bounds, 4.0)?;
        lowest = lowest.min((near + wide) / 2.0);
        per_model.push(ModelScore { model: "minifasnet-v2", score: near });
        per_model.push(ModelScore { model: "minifasnet-v1se", score: wide });
    }
    if let Some(pad) = models.pad() {
        let score = pad.score(picture, &bounds)?;
        lowest = lowest.min(score);
        per_model.push(ModelScore { model: "plug-in", score });
    }
    Ok(Passive::Performed { score: lowest * cues::remaining(&cues), per_model, cues })
}

/// The networks were trained on boxes from hair line to chin; the detector's are square, from brows to chin.
///
/// The shares are means of the difference between the box and the extent of the face mesh.
fn whole_face(bounds: &Rect) -> Rect {
    Rect {
        x: bounds.x + 0.025 * bounds.width,
        y: bounds.y - 0.11 * bounds.height,
        width: 0.95 * bounds.width,
        height: 1.09 * bounds.height,
    }
}

/// A user's attack detector.
#[derive(Debug)]
pub(crate) struct Pad {
    pub(crate) network: Network,
    pub(crate) input: Input,
    /// How many times the face box is enlarged.
    pub(crate) crop: f32,
    /// Which value stands for a live person.
    pub(crate) class: usize,
    pub(crate) activation: Activation,
    /// Its own threshold, between 0 and 1.
    pub(crate) live: f32,
}

impl Pad {
    /// 0 (attack) to 1 (live), stretched so that its own threshold falls on [`live_threshold`].
    fn score(&self, picture: &Picture, bounds: &Rect) -> Result<f32, ModelsError> {
        let crop = surrounded(picture, bounds, self.crop, self.input.size);
        let outputs = self.network.run(&self.input.shape(), &self.input.tensor(&crop))?;
        let values = outputs.first().map(|output| output.values.as_slice()).unwrap_or_default();
        let wrong = || ModelsError::Malformed { model: "plug-in pad", reason: "the score is not finite".into() };
        let value = *values.get(self.class).ok_or_else(wrong)?;
        let share = match self.activation {
            Activation::None => value,
            Activation::Sigmoid => 1.0 / (1.0 + (-value).exp()),
            Activation::Softmax => 1.0 / values.iter().map(|other| (other - value).exp()).sum::<f32>(),
        };
        if !share.is_finite() || !values.iter().all(|value| value.is_finite()) {
            return Err(wrong());
        }
        let (share, middle) = (share.clamp(0.0, 1.0), live_threshold());
        Ok(if share < self.live {
            share / self.live * middle
        } else {
            middle + (share - self.live) / (1.0 - self.live) * (1.0 - middle)
        })
    }
}

fn score(network: &Network, picture: &Picture, bounds: &Rect, times: f32) -> Result<f32, ModelsError> {
    let crop = surrounded(picture, bounds, times, SIDE);
    let input = Zeroizing::new(crop.planes([2, 1, 0], 1.0, 0.0));
    let outputs = network.run(&[1, 3, SIDE as usize, SIDE as usize], &input)?;
    match outputs.first().map(|output| output.values.as_slice()) {
        Some(&[_, live, _]) if live.is_finite() => Ok(live),
        _ => Err(ModelsError::Malformed { model: "minifasnet", reason: "the output is not three classes".into() }),
    }
}

/// The face with its surroundings, brought to a square.
fn surrounded(picture: &Picture, bounds: &Rect, times: f32, side: u32) -> Picture {
    let area = surroundings(picture, bounds, times);
    let step = |length: f32| length / side as f32;
    let (across, down) = (step(area.width), step(area.height));
    let to_picture =
        Affine { x: [across, 0.0, area.x + across / 2.0 - 0.5], y: [0.0, down, area.y + down / 2.0 - 0.5] };
    // Plain sampling without averaging: the networks were trained on pictures reduced that way, and the fine structure
    // that averaging would remove is part of what they look at.
    picture.sampled(&to_picture, side, side, Edge::Nearest)
}

/// The box enlarged about its centre, made smaller where the picture is too small for it, shifted to stay inside.
fn surroundings(picture: &Picture, bounds: &Rect, times: f32) -> Rect {
    let (width, height) = (picture.width() as f32, picture.height() as f32);
    let times = times.min(width / bounds.width.max(1.0)).min(height / bounds.height.max(1.0));
    let (w, h) = ((bounds.width * times).min(width).max(1.0), (bounds.height * times).min(height).max(1.0));
    let centre = bounds.centre();
    Rect {
        x: (centre.x + 0.5 - w / 2.0).clamp(0.0, (width - w).max(0.0)),
        y: (centre.y + 0.5 - h / 2.0).clamp(0.0, (height - h).max(0.0)),
        width: w,
        height: h,
    }
}
