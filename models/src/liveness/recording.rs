//! Frames that came for a challenge, and whether they can have been taken for it at all.
//!
//! [`Challenge::admit`] looks at nonces, order, times and repetitions before any picture is looked at. Only what passes
//! is [`Footage`], and only footage is judged.

use std::collections::HashSet;
use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::challenge::{Challenge, Method, Prompt, Task};

/// Most frames of a recording.
pub const MAX_FRAMES: usize = 150;
/// Largest frame in bytes.
pub const MAX_FRAME_BYTES: usize = 1_500_000;
/// Longest recording.
const LONGEST: Duration = Duration::from_secs(60);
/// Longest time between two frames: after more, something else may have been put before the camera.
const GAP: Duration = Duration::from_millis(1_500);
/// Shortest time from the first frame under a movement to the last: nobody moves there and back faster.
const MOVEMENT: Duration = Duration::from_millis(400);
/// How much later than the challenge was given plus the length of the recording the clocks may disagree.
const CLOCKS: Duration = Duration::from_millis(500);

/// One frame as it came: an encoded picture with the nonce of its prompt and its time.
pub struct Frame {
    /// The nonce of the prompt that stood on the screen.
    pub nonce: String,
    /// Milliseconds from the start of the recording, by the clock of whoever took it.
    pub at_ms: u32,
    /// A JPEG, PNG or WebP file. Wiped on drop.
    pub picture: Zeroizing<Vec<u8>>,
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Frame(at {} ms, {} bytes)", self.at_ms, self.picture.len())
    }
}

/// What was recorded for a challenge, as it came.
#[derive(Debug, Default)]
pub struct Recording {
    /// The frames, in the order they were taken.
    pub frames: Vec<Frame>,
    /// What the device calls its camera; only ever a hint, as the sender writes it.
    pub camera: Option<String>,
}

/// A recording that can not be read: its description is no JSON of the expected form, or does not fit the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the description of the recording does not fit its frames")]
pub struct NotARecording;

#[derive(Deserialize)]
struct Description {
    #[serde(default)]
    camera: Option<String>,
    frames: Vec<Described>,
}

#[derive(Deserialize)]
struct Described {
    nonce: String,
    at_ms: u32,
}

impl Recording {
    /// A recording as a page sends it: the files of the frames in order, and their description as JSON,
    /// `{"camera": "…", "frames": [{"nonce": "…", "at_ms": 0}]}`.
    pub fn parse(description: &str, files: Vec<Vec<u8>>) -> Result<Self, NotARecording> {
        let Description { camera, frames } = serde_json::from_str(description).map_err(|_| NotARecording)?;
        if frames.len() != files.len() {
            return Err(NotARecording);
        }
        let frame = |(described, file): (Described, Vec<u8>)| {
            let Described { nonce, at_ms } = described;
            Frame { nonce, at_ms, picture: Zeroizing::new(file) }
        };
        Ok(Self { frames: frames.into_iter().zip(files).map(frame).collect(), camera })
    }

    /// The description that [`Recording::parse`] reads, and the files.
    pub fn into_parts(self) -> (String, Vec<Vec<u8>>) {
        let frames: Vec<_> =
            self.frames.iter().map(|frame| json!({"nonce": frame.nonce, "at_ms": frame.at_ms})).collect();
        let description = json!({"camera": self.camera, "frames": frames}).to_string();
        (description, self.frames.iter().map(|frame| frame.picture.to_vec()).collect())
    }
}

/// Why a recording can not be the answer to a challenge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Refusal {
    /// Too few frames, none under some prompt, or too many.
    #[error("there are too few frames for the challenge, or too many")]
    FrameCount,
    /// A frame is larger than [`MAX_FRAME_BYTES`].
    #[error("a frame is too large")]
    FrameSize,
    /// A frame carries no nonce of this challenge.
    #[error("a frame was not taken for this challenge")]
    Nonce,
    /// Frames do not follow the order of the prompts, or times run backwards.
    #[error("the frames are out of order")]
    Order,
    /// The challenge was answered too late.
    #[error("the challenge was answered too late")]
    Late,
    /// The frames say they took longer than there was time, or a movement shorter than anyone moves.
    #[error("the times of the frames are impossible")]
    Timing,
    /// The recording stops for a moment.
    #[error("the recording has a gap")]
    Gap,
    /// The same frame comes again: a loop, not a camera.
    #[error("frames repeat themselves")]
    Repeated,
}

impl Refusal {
    /// Stable name for programs and message catalogues.
    pub fn code(self) -> &'static str {
        match self {
            Self::FrameCount => "frame_count",
            Self::FrameSize => "frame_size",
            Self::Nonce => "frame_nonce",
            Self::Order => "frame_order",
            Self::Late => "challenge_late",
            Self::Timing => "frame_timing",
            Self::Gap => "frame_gap",
            Self::Repeated => "frame_repeated",
        }
    }
}

/// Something to look at, which by itself refuses nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Suspicion {
    /// The camera's name is that of a program that feeds pictures into a computer.
    VirtualCamera,
    /// Some neighbouring frames were the same and were dropped: a slow camera, or a still.
    StalledCamera,
}

impl Suspicion {
    /// Stable name for programs and message catalogues.
    pub fn code(self) -> &'static str {
        match self {
            Self::VirtualCamera => "virtual_camera",
            Self::StalledCamera => "stalled_camera",
        }
    }
}

/// A recording that can have been taken for its challenge. Made by [`Challenge::admit`] only.
#[derive(Debug)]
pub struct Footage {
    pub(super) method: Method,
    /// The prompts, each with its frames.
    pub(super) scenes: Vec<Scene>,
    pub(super) suspicions: Vec<Suspicion>,
}

/// One prompt and the frames under it, at least one.
#[derive(Debug)]
pub(super) struct Scene {
    pub(super) task: Task,
    pub(super) frames: Vec<Frame>,
}

impl Footage {
    /// How liveness is to be established.
    pub fn method(&self) -> Method {
        self.method
    }

    /// What looks odd.
    pub fn suspicions(&self) -> &[Suspicion] {
        &self.suspicions
    }
}

impl Challenge {
    /// Whether `recording`, all of which had arrived at `received_at`, can have been taken for this challenge.
    ///
    /// Whether it shows a person is for [`crate::liveness::judge`] to say. That a challenge is used once is for the
    /// caller to see to.
    pub fn admit(&self, recording: Recording, received_at: Timestamp) -> Result<Footage, Refusal> {
        let Recording { mut frames, camera } = recording;
        if frames.len() > MAX_FRAMES {
            return Err(Refusal::FrameCount);
        }
        if frames.iter().any(|frame| frame.picture.len() > MAX_FRAME_BYTES) {
            return Err(Refusal::FrameSize);
        }
        let passed = received_at.duration_since(self.issued_at());
        let passed = Duration::try_from(passed).map_err(|_| Refusal::Timing)?;
        if passed > Self::LIFE {
            return Err(Refusal::Late);
        }
        let times: Vec<Duration> = frames.iter().map(|frame| Duration::from_millis(frame.at_ms.into())).collect();
        if times.windows(2).any(|pair| pair[1] < pair[0]) {
            return Err(Refusal::Order);
        }
        let length = times.last().zip(times.first()).map(|(last, first)| last.saturating_sub(*first));
        if length.is_some_and(|length| length > LONGEST || length > passed + CLOCKS) {
            return Err(Refusal::Timing);
        }
        if times.windows(2).any(|pair| pair[1].saturating_sub(pair[0]) > GAP) {
            return Err(Refusal::Gap);
        }
        let mut suspicions = Vec::new();
        if camera.is_some_and(|name| is_virtual(&name)) {
            suspicions.push(Suspicion::VirtualCamera);
        }
        if without_repetition(&mut frames)? {
            suspicions.push(Suspicion::StalledCamera);
        }
        let scenes = scenes(&self.prompts(), frames)?;
        Ok(Footage { method: self.method(), scenes, suspicions })
    }
}

/// Drops frames that are the one before them; a frame that comes again later is refused. Whether any were dropped.
fn without_repetition(frames: &mut Vec<Frame>) -> Result<bool, Refusal> {
    let mut seen = HashSet::new();
    let mut last = None;
    let before = frames.len();
    let mut again = false;
    frames.retain(|frame| {
        let hash: [u8; 32] = Sha256::digest(&frame.picture[..]).into();
        let stalled = last.replace(hash) == Some(hash);
        again |= !stalled && !seen.insert(hash);
        !stalled
    });
    // A camera may hand out a frame twice when it is slow. Nothing but one frame is a picture.
    let only_one = before > 1 && frames.len() == 1;
    if again || only_one { Err(Refusal::Repeated) } else { Ok(frames.len() < before) }
}

/// Each prompt with its frames.
fn scenes(prompts: &[Prompt], frames: Vec<Frame>) -> Result<Vec<Scene>, Refusal> {
    let mut scenes: Vec<Scene> = prompts.iter().map(|prompt| Scene { task: prompt.task, frames: Vec::new() }).collect();
    let mut current = 0;
    for frame in frames {
        let at = prompts.iter().position(|prompt| prompt.nonce == frame.nonce).ok_or(Refusal::Nonce)?;
        if at < current {
            return Err(Refusal::Order);
        }
        current = at;
        scenes[at].frames.push(frame);
    }
    for Scene { task, frames } in &scenes {
        let needed = match task {
            Task::LookStraight => 2,
            Task::Shine(_) => 1,
            // There, and back.
            Task::Do(_) => 3,
        };
        if frames.len() < needed {
            return Err(Refusal::FrameCount);
        }
        let length = frames.last().zip(frames.first()).map_or(0, |(last, first)| last.at_ms - first.at_ms);
        if matches!(task, Task::Do(_)) && Duration::from_millis(length.into()) < MOVEMENT {
            return Err(Refusal::Timing);
        }
    }
    Ok(scenes)
}

/// Names under which programs that feed pictures into a computer are known.
fn is_virtual(camera: &str) -> bool {
    const NAMES: [&str; 14] = [
        "virtual",
        "obs",
        "manycam",
        "snap camera",
        "xsplit",
        "droidcam",
        "iriun",
        "epoccam",
        "splitcam",
        "v4l2loopback",
        "dummy video device",
        "fake_device",
        "camo",
        "deepfacelive",
    ];
    let camera = camera.to_lowercase();
    NAMES.iter().any(|name| {
        // A short name must stand by itself: "obs" is not in "Obsbot".
        let ends = |at: usize| camera[at + name.len()..].chars().next().is_none_or(|c| !c.is_alphanumeric());
        camera.match_indices(name).any(|(at, _)| name.len() > 4 || ends(at))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn challenge(method: Method) -> Challenge {
        Challenge::new(method, [7; 32], Timestamp::UNIX_EPOCH)
    }

    fn frame(nonce: &str, at_ms: u32) -> Frame {
        Frame { nonce: nonce.to_owned(), at_ms, picture: Zeroizing::new(at_ms.to_be_bytes().to_vec()) }
    }

    /// Eight frames a prompt, 120 ms apart.
    fn recording(challenge: &Challenge) -> Recording {
        let nonces = challenge.prompts().into_iter().flat_map(|prompt| std::iter::repeat_n(prompt.nonce, 8));
        let frames = nonces.zip(0..).map(|(nonce, at)| frame(&nonce, at * 120)).collect();
        Recording { frames, camera: None }
    }

    fn after(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    #[track_caller]
    fn check(change: impl FnOnce(&mut Recording), received: i64, expected: Result<usize, Refusal>) {
        let challenge = challenge(Method::Active3d);
        let mut recording = recording(&challenge);
        change(&mut recording);
        let found = challenge.admit(recording, after(received));
        assert_eq!(found.map(|footage| footage.scenes.len()), expected);
    }

    #[test]
    fn what_can_not_have_been_taken_for_the_challenge_is_refused_by_name() {
        check(|_| {}, 5, Ok(4));
        check(|it| it.frames.clear(), 5, Err(Refusal::FrameCount));
        check(|it| it.frames.truncate(24), 5, Err(Refusal::FrameCount));
        check(|it| it.frames.drain(1..8).for_each(drop), 5, Err(Refusal::FrameCount));
        check(
            |it| {
                let nonce = it.frames[31].nonce.clone();
                it.frames.extend((0..130).map(|at| frame(&nonce, 31 * 120 + at)));
            },
            5,
            Err(Refusal::FrameCount),
        );
        check(|it| it.frames[3].picture = Zeroizing::new(vec![0; MAX_FRAME_BYTES + 1]), 5, Err(Refusal::FrameSize));
        check(|it| it.frames[9].nonce.clear(), 5, Err(Refusal::Nonce));
        let foreign = challenge(Method::Flashing).prompts()[6].nonce.clone();
        check(|it| it.frames[9].nonce = foreign, 5, Err(Refusal::Nonce));
        // Two prompts answered in the other order; a frame that went back in time.
        check(
            |it| {
                for at in 8..16 {
                    let (a, b) = (it.frames[at].nonce.clone(), it.frames[at + 8].nonce.clone());
                    (it.frames[at].nonce, it.frames[at + 8].nonce) = (b, a);
                }
            },
            5,
            Err(Refusal::Order),
        );
        check(|it| it.frames[9].at_ms = 3, 5, Err(Refusal::Order));
        check(|_| {}, 121, Err(Refusal::Late));
        check(|_| {}, 120, Ok(4));
        // 3.7 seconds of frames three seconds after the challenge, and before it.
        check(|_| {}, 3, Err(Refusal::Timing));
        check(|_| {}, -1, Err(Refusal::Timing));
        check(
            |it| {
                for (at, frame) in it.frames[8..16].iter_mut().enumerate() {
                    frame.at_ms = 960 + at as u32 * 50;
                }
            },
            5,
            Err(Refusal::Timing),
        );
        check(|it| it.frames.iter_mut().skip(16).for_each(|frame| frame.at_ms += 1_500), 9, Err(Refusal::Gap));
        check(|it| it.frames[20].picture = it.frames[4].picture.clone(), 5, Err(Refusal::Repeated));
        check(|it| it.frames.iter_mut().for_each(|frame| frame.picture.fill(1)), 5, Err(Refusal::Repeated));
    }

    #[test]
    fn a_slow_camera_is_suspicious_and_no_more() {
        let challenge = challenge(Method::Active3d);
        let mut slow = recording(&challenge);
        slow.frames[5].picture = slow.frames[4].picture.clone();
        let footage = challenge.admit(slow, after(5)).unwrap();
        assert_eq!(footage.suspicions(), [Suspicion::StalledCamera]);
        assert_eq!(footage.scenes[0].frames.len(), 7);
    }

    #[test]
    fn recordings_come_with_a_description_that_fits() {
        let kept = recording(&challenge(Method::Passive));
        let (description, files) = Recording { camera: Some("Front".to_owned()), ..kept }.into_parts();
        let read = Recording::parse(&description, files.clone()).unwrap();
        assert_eq!((read.frames.len(), read.frames[7].at_ms, read.camera.as_deref()), (8, 840, Some("Front")));
        for wrong in ["", "[]", "{}", "{\"frames\": [{\"nonce\": 1, \"at_ms\": 2}]}", "{\"frames\": []}"] {
            assert!(Recording::parse(wrong, files.clone()).is_err(), "{wrong}");
        }
        assert!(Recording::parse(&description.replace("840", "-1"), files).is_err());
    }

    #[test]
    fn cameras_that_are_programs() {
        for (name, program) in [
            ("OBS Virtual Camera", true),
            ("OBS-Camera", true),
            ("ManyCam Video Source", true),
            ("Dummy video device (0x0000)", true),
            ("fake_device_0", true),
            ("Camo", true),
            ("FaceTime HD Camera", false),
            ("OBSBOT Tiny 2", false),
            ("camera2 1, facing front", false),
            ("Logitech C920", false),
            ("", false),
        ] {
            assert_eq!(is_virtual(name), program, "{name}");
        }
    }

    #[test]
    fn a_challenge_of_another_method_has_other_scenes() {
        for (method, scenes) in [(Method::Passive, 1), (Method::Flashing, 7)] {
            let challenge = challenge(method);
            let footage = challenge.admit(recording(&challenge), after(8)).unwrap();
            assert_eq!((footage.method(), footage.scenes.len()), (method, scenes));
        }
    }
}
