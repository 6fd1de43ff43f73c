//! From footage to a judgement: measured frame by frame, then held against what was asked.

use rayon::prelude::*;

use crate::face::{self, Embedding, FaceError, FaceMesh};
use crate::picture::{Limits, Picture};
use crate::{Models, ModelsError};

use super::active::{self, Fault, Pose};
use super::challenge::{Action, Colour, Method, Task};
use super::flashing::{Light, Response, Unlit};
use super::framing::{self, Hint};
use super::recording::{Footage, Frame, Scene, Suspicion};
use super::{NotPerformed, Passive, live_threshold, passive};

/// Frames of a look straight ahead that are embedded.
const EMBEDDED: usize = 3;
/// Share of the frames under a movement in which the face may be lost.
const LOST: f32 = 0.34;
/// Longest side of a frame that is looked at.
const SIDE: u32 = 4_096;

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// A person, as far as this method can tell.
    Live,
    /// Not shown to be a person; the reasons say why.
    NotLive,
    /// The method could not be carried out, so nothing is known. Never a pass.
    NotPerformed(NotPerformed),
}

/// Why footage does not show a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// A frame can not be decoded.
    Unreadable,
    /// The person did not look straight ahead in a way that can be compared.
    Framing(Hint),
    /// A movement was not made as it was asked for.
    Movement(Action, Fault),
    /// All points moved as those of a flat picture do.
    Flat,
    /// Another face came into the picture.
    OtherFace,
    /// The screen did not light the face.
    Unlit(Unlit),
    /// The passive check takes it for a picture of a picture.
    LooksLikePicture,
}

impl Reason {
    /// Stable name for programs and message catalogues.
    pub fn code(self) -> &'static str {
        match self {
            Self::Unreadable => "frame_unreadable",
            Self::Framing(hint) => hint.code(),
            Self::Movement(_, Fault::NotSeen) => "movement_not_seen",
            Self::Movement(_, Fault::OtherWay) => "movement_other_way",
            Self::Movement(_, Fault::NoBeginning) => "movement_too_early",
            Self::Movement(_, Fault::NoReturn) => "movement_no_return",
            Self::Flat => "flat",
            Self::OtherFace => "other_face",
            Self::Unlit(Unlit::NoReflection) => "no_reflection",
            Self::Unlit(Unlit::OtherOrder) => "other_colours",
            Self::Unlit(Unlit::Tinted) => "tinted",
            Self::Unlit(Unlit::NoControl) => "no_background",
            Self::LooksLikePicture => "looks_like_picture",
        }
    }
}

/// The person in the footage, from the frames that look straight ahead.
#[derive(Debug)]
pub struct Likeness {
    /// The best frame.
    pub picture: Picture,
    /// The encoded file of that frame, to be kept as evidence. Wiped on drop.
    pub file: zeroize::Zeroizing<Vec<u8>>,
    /// The face in it.
    pub face: FaceMesh,
    /// Its embedding.
    pub embedding: Embedding,
}

/// What footage shows.
#[derive(Debug)]
pub struct Judgement {
    /// How liveness was to be established.
    pub method: Method,
    /// What came of it.
    pub outcome: Outcome,
    /// 0 to 1, 0.5 and more only when it is [`Outcome::Live`]; 0 when nothing was performed. How far above the
    /// thresholds the weakest part is, not a probability.
    pub score: f32,
    /// Why it is not live, the first being what a person should mend first.
    pub reasons: Vec<Reason>,
    /// What looks odd about how the frames came.
    pub suspicions: Vec<Suspicion>,
    /// What the passive check says about the best frame.
    pub passive: Option<Passive>,
    /// The person; absent where no frame can be compared.
    pub likeness: Option<Likeness>,
}

impl Judgement {
    /// Whether it is [`Outcome::Live`].
    pub fn is_live(&self) -> bool {
        self.outcome == Outcome::Live
    }
}

/// One frame, measured.
struct Seen {
    /// The face, or what is wrong.
    face: Result<FaceMesh, Hint>,
    pose: Option<Pose>,
    light: Option<Light>,
}

/// Judges footage. Takes about 25 ms of one core for each frame and uses all cores; call it from a blocking thread.
pub fn judge(models: &Models, footage: Footage) -> Result<Judgement, ModelsError> {
    let Footage { method, scenes, suspicions } = footage;
    let mut judgement = Judgement {
        method,
        outcome: Outcome::NotLive,
        score: 0.0,
        reasons: Vec::new(),
        suspicions,
        passive: None,
        likeness: None,
    };
    let measured = scenes
        .par_iter()
        .map(|scene| scene.frames.par_iter().map(|frame| see(models, scene.task, frame)).collect::<Result<Vec<_>, _>>())
        .collect::<Result<Vec<Vec<Seen>>, Stop>>();
    let seen = match measured {
        Ok(seen) => seen,
        Err(Stop::Unreadable) => {
            judgement.reasons.push(Reason::Unreadable);
            return Ok(judgement);
        }
        Err(Stop::Models(error)) => return Err(error),
    };
    let (Some(scene), Some(straight)) = (scenes.first(), seen.first()) else { return Ok(judgement) };
    let likeness = match likeness(models, scene, straight)? {
        Ok(likeness) => judgement.likeness.insert(likeness),
        Err(reason) => {
            judgement.reasons.push(reason);
            return Ok(judgement);
        }
    };
    let looked = passive(models, &likeness.picture, &likeness.face.face)?;
    let mut margins = Vec::new();
    match (method, &looked) {
        (Method::Passive, Passive::NotPerformed { reason, .. }) => judgement.outcome = Outcome::NotPerformed(*reason),
        (_, Passive::Performed { score, .. }) if !looked.is_live() => {
            judgement.reasons.push(Reason::LooksLikePicture);
            margins.push(score / live_threshold());
        }
        (Method::Passive, Passive::Performed { score, .. }) => {
            margins.push(1.0 + (score - live_threshold()) / (1.0 - live_threshold()));
        }
        (Method::Active3d | Method::Flashing, _) => {}
    }
    judgement.passive = Some(looked);
    match method {
        Method::Passive => {}
        Method::Active3d => {
            let found = moved(models, likeness, &scenes, &seen)?;
            judgement.reasons.extend(found.reasons);
            margins.extend(found.margins);
        }
        Method::Flashing => match lit(&scenes, &seen) {
            Ok(margin) => margins.push(margin),
            Err(reason) => judgement.reasons.push(reason),
        },
    }
    if !judgement.reasons.is_empty() {
        judgement.outcome = Outcome::NotLive;
    } else if !matches!(judgement.outcome, Outcome::NotPerformed(_)) {
        judgement.outcome = Outcome::Live;
    }
    let weakest = margins.into_iter().fold(f32::INFINITY, f32::min);
    judgement.score = match judgement.outcome {
        Outcome::Live => (weakest / 2.0).clamp(0.5, 1.0),
        Outcome::NotLive => (weakest / 2.0).clamp(0.0, 0.49),
        Outcome::NotPerformed(_) => 0.0,
    };
    Ok(judgement)
}

enum Stop {
    Unreadable,
    Models(ModelsError),
}

fn decode(frame: &Frame) -> Option<Picture> {
    let limits = Limits { side: SIDE, ..Limits::default() };
    Picture::decode(&frame.picture, &limits).ok()
}

fn see(models: &Models, task: Task, frame: &Frame) -> Result<Seen, Stop> {
    let picture = decode(frame).ok_or(Stop::Unreadable)?;
    let measured = match task {
        Task::LookStraight | Task::Shine(_) => face::measure_single(models, &picture),
        // Eyes of a turned head are closer together, and nobody is compared by them.
        Task::Do(_) => face::measure_one(models, &picture),
    };
    Ok(match measured {
        Ok(face) => Seen {
            pose: Some(Pose::of(&face, picture.width().max(picture.height()))),
            light: matches!(task, Task::Shine(_)).then(|| Light::measure(&picture, &face)),
            face: Ok(face),
        },
        Err(error) => Seen { face: Err(Hint::of(error).map_err(Stop::Models)?), pose: None, light: None },
    })
}

/// The person who looks straight ahead, or why there is none. The embedding is the median of the best frames, all of
/// which must show one face.
fn likeness(models: &Models, scene: &Scene, seen: &[Seen]) -> Result<Result<Likeness, Reason>, ModelsError> {
    if let Some(Seen { face: Err(Hint::SeveralFaces), .. }) =
        seen.iter().find(|seen| matches!(seen.face, Err(Hint::SeveralFaces)))
    {
        return Ok(Err(Reason::Framing(Hint::SeveralFaces)));
    }
    let judged = |seen: &Seen| match &seen.face {
        Ok(face) => framing::straight(&face.quality).map(|()| face.quality.score()),
        Err(hint) => Err(*hint),
    };
    let mut good: Vec<(usize, u8)> =
        seen.iter().enumerate().filter_map(|(at, seen)| Some((at, judged(seen).ok()?))).collect();
    if good.is_empty() {
        let hint = seen.iter().rev().find_map(|seen| judged(seen).err()).unwrap_or(Hint::NoFace);
        return Ok(Err(Reason::Framing(hint)));
    }
    good.sort_by_key(|(_, score)| std::cmp::Reverse(*score));
    good.truncate(EMBEDDED);
    let mut embeddings = Vec::with_capacity(good.len());
    for (at, _) in &good {
        if let Ok(face) = &seen[*at].face {
            embeddings.push(embed(models, face)?);
        }
    }
    let (best, _) = good[0];
    let Ok(embedding) = face::aggregate(&embeddings) else { return Ok(Err(Reason::OtherFace)) };
    if embeddings.iter().any(|other| !is_continuous(&embedding, other)) {
        return Ok(Err(Reason::OtherFace));
    }
    let frame = &scene.frames[best];
    let Some(picture) = decode(frame) else { return Ok(Err(Reason::Unreadable)) };
    // Measured again rather than kept for all frames: a face carries its picture.
    let face = match face::measure_single(models, &picture) {
        Ok(face) => face,
        Err(error) => return Ok(Err(Reason::Framing(Hint::of(error)?))),
    };
    Ok(Ok(Likeness { picture, file: frame.picture.clone(), face, embedding }))
}

fn embed(models: &Models, face: &FaceMesh) -> Result<Embedding, ModelsError> {
    face.embed(models).map_err(|error| match error {
        FaceError::Models(error) => error,
        other => ModelsError::Malformed { model: "face", reason: other.to_string() },
    })
}

/// Whether two frames of one recording show one person, by the threshold of their model.
fn is_continuous(a: &Embedding, b: &Embedding) -> bool {
    a.distance(b).is_ok_and(|distance| distance.value() < distance.thresholds().continuity)
}

struct Moved {
    reasons: Vec<Reason>,
    margins: Vec<f32>,
}

/// Whether every movement was made, by one face, and by one with depth.
fn moved(models: &Models, likeness: &Likeness, scenes: &[Scene], seen: &[Vec<Seen>]) -> Result<Moved, ModelsError> {
    let mut moved = Moved { reasons: Vec::new(), margins: Vec::new() };
    let poses = |seen: &[Seen]| seen.iter().filter_map(|seen| seen.pose).collect::<Vec<Pose>>();
    let still: Vec<Pose> = seen.first().map(|seen| poses(seen)).unwrap_or_default();
    let Some(rest) = Pose::median(&still) else { return Ok(moved) };
    let mut before = rest;
    for (scene, seen) in scenes.iter().zip(seen).skip(1) {
        let Task::Do(action) = scene.task else { continue };
        if seen.iter().any(|seen| matches!(seen.face, Err(Hint::SeveralFaces))) {
            moved.reasons.push(Reason::Framing(Hint::SeveralFaces));
        }
        let faces: Vec<(&FaceMesh, Pose)> =
            seen.iter().filter_map(|seen| Some((seen.face.as_ref().ok()?, seen.pose?))).collect();
        let poses: Vec<Pose> = faces.iter().map(|(_, pose)| *pose).collect();
        if (seen.len() - faces.len()) as f32 > LOST * seen.len() as f32 {
            moved.reasons.push(Reason::Framing(Hint::NoFace));
            continue;
        }
        match active::made(action, &rest, &before, &poses) {
            Err(fault) => moved.reasons.push(Reason::Movement(action, fault)),
            Ok(height) => {
                moved.margins.push(active::progress(action, &rest, &poses[height]));
                if matches!(action, Action::TurnLeft | Action::TurnRight) {
                    match active::depth(&likeness.face.mesh, &faces[height].0.mesh) {
                        Some(depth) if depth >= active::DEPTH => moved.margins.push(depth / active::DEPTH),
                        Some(_) | None => moved.reasons.push(Reason::Flat),
                    }
                }
            }
        }
        // The frame closest to rest is compared: a turned head is further from itself.
        let way = |pose: &Pose| active::progress(action, &rest, pose).abs();
        let calm = faces.iter().min_by(|a, b| way(&a.1).total_cmp(&way(&b.1)));
        match calm {
            Some((face, _)) if is_continuous(&likeness.embedding, &embed(models, face)?) => {}
            Some(_) | None => moved.reasons.push(Reason::OtherFace),
        }
        before = poses.last().copied().unwrap_or(rest);
    }
    Ok(moved)
}

/// How far above the least response the face reflects the screen.
fn lit(scenes: &[Scene], seen: &[Vec<Seen>]) -> Result<f32, Reason> {
    let mut colours: Vec<Colour> = Vec::new();
    let mut lights = Vec::new();
    for (scene, seen) in scenes.iter().zip(seen) {
        let Task::Shine(colour) = scene.task else { continue };
        if let Some(hint) = seen.iter().find_map(|seen| seen.face.as_ref().err()) {
            return Err(Reason::Framing(*hint));
        }
        let seen: Vec<Light> = seen.iter().filter_map(|seen| seen.light).collect();
        lights.push(Light::mean(&seen).ok_or(Reason::Framing(Hint::NoFace))?);
        colours.push(colour);
    }
    let response = Response::of(&colours, &lights).ok_or(Reason::Unlit(Unlit::NoReflection))?;
    response.judge().map_err(Reason::Unlit)?;
    Ok((response.strength / super::flashing::STRENGTH).min(response.correlation / super::flashing::CORRELATION))
}
