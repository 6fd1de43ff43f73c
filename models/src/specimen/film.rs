//! Recordings for liveness challenges: a person who does what is asked, and the ways to cheat. All follow from a seed.

use zeroize::Zeroizing;

use crate::face::FaceMesh;
use crate::geometry::{Affine, Point};
use crate::liveness::{Action, Colour, Frame, Prompt, Recording, Task};
use crate::picture::{Edge, Picture, PictureError};
use crate::specimen::{Puppet, Random, Stance};

/// Milliseconds between two frames.
const STEP: u32 = 150;
/// JPEG quality of frames.
const QUALITY: u8 = 88;

/// How the screen's light falls on what is before the camera.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Lamp {
    /// Share of light that the screen adds to the face at full colour.
    pub face: f32,
    /// The same behind the face.
    pub behind: f32,
}

impl Lamp {
    /// The screen lights nothing: what was recorded before, or elsewhere.
    pub const NONE: Self = Self { face: 0.0, behind: 0.0 };
    /// A phone held at arm's length in a room.
    pub const PHONE: Self = Self { face: 0.06, behind: 0.01 };
}

/// A person doing what `prompts` ask, with the small movements nobody can help, lit by the screen.
pub fn perform(puppet: &Puppet, prompts: &[Prompt], lamp: Lamp, seed: u64) -> Result<Recording, PictureError> {
    let shown: Vec<Colour> = colours(prompts);
    perform_lit(puppet, prompts, &shown, lamp, seed)
}

/// As [`perform`], but the light that falls on the face is of `shown` instead of what the prompts ask for.
pub fn perform_lit(
    puppet: &Puppet,
    prompts: &[Prompt],
    shown: &[Colour],
    lamp: Lamp,
    seed: u64,
) -> Result<Recording, PictureError> {
    let mut film = Film::new(seed);
    let mut shown = shown.iter();
    let vigour = film.random.between(0.9, 1.15);
    for prompt in prompts {
        match prompt.task {
            Task::LookStraight => {
                for _ in 0..3 {
                    let frame = film.random_sway(puppet, Stance::REST);
                    film.push(prompt, frame)?;
                }
            }
            Task::Do(action) => {
                let frames = 8 + film.random.below(3);
                for at in 0..frames {
                    // Rest, there, back, rest.
                    let share = (at as f32 / (frames - 1) as f32 * 1.3 - 0.15).clamp(0.0, 1.0);
                    let way = (share * std::f32::consts::PI).sin().powf(0.8);
                    let most = if action == Action::Blink { 1.0 } else { vigour };
                    let frame = film.random_sway(puppet, Stance::full(action).part(way * most));
                    film.push(prompt, frame)?;
                }
            }
            Task::Shine(_) => {
                let colour = shown.next().copied();
                for _ in 0..2 {
                    let mut frame = film.random_sway(puppet, Stance::REST);
                    if let Some(colour) = colour {
                        shine(&mut frame, puppet.face(), colour, lamp);
                    }
                    film.push(prompt, frame)?;
                }
            }
        }
    }
    Ok(film.recording)
}

/// A still picture held before the camera: shifted, zoomed, turned in its plane, tilted, lit differently, frame by frame.
pub fn still(picture: &Picture, prompts: &[Prompt], seed: u64) -> Result<Recording, PictureError> {
    let mut film = Film::new(seed);
    // Slow waves of every movement that a hand can make with a photograph.
    let mut waves = [(0.0f32, 0.0f32, 0.0f32); 6];
    for wave in &mut waves {
        *wave = (film.random.between(0.3, 1.0), film.random.between(0.1, 0.6), film.random.between(0.0, 6.3));
    }
    let (width, height) = (picture.width() as f32, picture.height() as f32);
    for prompt in prompts {
        let frames = if matches!(prompt.task, Task::Do(_)) { 8 } else { 3 };
        for _ in 0..frames {
            let time = film.at as f32 / 1000.0;
            let [x, y, zoom, turn, tilt, light] =
                waves.map(|(size, speed, start)| size * (time * speed * 6.3 + start).sin());
            let scale = 1.0 / (1.05 + 0.22 * zoom);
            let (sin, cos) = (0.25 * turn).sin_cos();
            // Tilted away from the camera: narrower one way.
            let (across, down) = (scale * (1.0 + 0.12 * tilt.max(0.0)), scale * (1.0 + 0.12 * (-tilt).max(0.0)));
            let centre = Point { x: width * (0.5 + 0.05 * x), y: height * (0.5 + 0.05 * y) };
            let (a, b, d, e) = (across * cos, -across * sin, down * sin, down * cos);
            let map = Affine {
                x: [a, b, centre.x - a * width / 2.0 - b * height / 2.0],
                y: [d, e, centre.y - d * width / 2.0 - e * height / 2.0],
            };
            let mut frame = picture.warp_affine(&map, picture.width(), picture.height(), Edge::Nearest);
            let light = 1.0 + 0.25 * light;
            frame.rgb_mut().iter_mut().for_each(|value| *value = (f32::from(*value) * light).clamp(0.0, 255.0) as u8);
            film.push(prompt, frame)?;
        }
    }
    Ok(film.recording)
}

/// The colours that prompts ask for, in order.
pub fn colours(prompts: &[Prompt]) -> Vec<Colour> {
    prompts
        .iter()
        .filter_map(|prompt| match prompt.task {
            Task::Shine(colour) => Some(colour),
            Task::LookStraight | Task::Do(_) => None,
        })
        .collect()
}

struct Film {
    recording: Recording,
    random: Random,
    at: u32,
    /// Noise of one camera, begun elsewhere in every frame.
    noise: Vec<f32>,
}

impl Film {
    fn new(seed: u64) -> Self {
        let recording = Recording { frames: Vec::new(), camera: Some("Front camera".to_owned()) };
        let mut random = Random::new(seed);
        // A prime number, so that rows do not repeat.
        let noise = (0..8_191).map(|_| 1.5 * random.normal()).collect();
        Self { recording, random, at: 0, noise }
    }

    /// The puppet a little off the stance, as nobody holds still.
    fn random_sway(&mut self, puppet: &Puppet, stance: Stance) -> Picture {
        let mut off = |size: f32| size * self.random.between(-1.0, 1.0);
        puppet.draw(&Stance {
            yaw: stance.yaw + off(0.02),
            pitch: stance.pitch + off(0.015),
            nearness: stance.nearness * (1.0 + off(0.01)),
            shift: (off(2.0), off(2.0)),
            ..stance
        })
    }

    /// Adds a frame as a camera would: with noise and a flicker of exposure, compressed.
    fn push(&mut self, prompt: &Prompt, mut frame: Picture) -> Result<(), PictureError> {
        let exposure = 1.0 + 0.01 * self.random.normal();
        let start = self.random.below(self.noise.len());
        let noise = self.noise.iter().cycle().skip(start);
        for (value, noise) in frame.rgb_mut().iter_mut().zip(noise) {
            *value = (f32::from(*value) * exposure + noise).clamp(0.0, 255.0) as u8;
        }
        let picture = Zeroizing::new(frame.encode_jpeg(QUALITY)?);
        self.recording.frames.push(Frame { nonce: prompt.nonce.clone(), at_ms: self.at, picture });
        self.at += STEP - 10 + self.random.below(20) as u32;
        Ok(())
    }
}

/// Adds the light of the screen: most on the middle of the face, falling off to its sides as a round head does.
fn shine(frame: &mut Picture, face: &FaceMesh, colour: Colour, lamp: Lamp) {
    let bounds = face.face.bounds;
    let centre = bounds.centre();
    let (width, rgb) = (frame.width(), colour.rgb());
    let (rx, ry) = (bounds.width * 0.62, bounds.height * 0.8);
    for (at, pixel) in frame.rgb_mut().as_chunks_mut::<3>().0.iter_mut().enumerate() {
        let (x, y) = ((at as u32 % width) as f32, (at as u32 / width) as f32);
        let away = ((x - centre.x) / rx).powi(2) + ((y - centre.y) / ry).powi(2);
        let share = if away < 1.0 { lamp.face * (1.0 - 0.4 * away) } else { lamp.behind };
        for (value, light) in pixel.iter_mut().zip(rgb) {
            // A share of light, not of the written value.
            let brighter = f32::from(*value) * (1.0 + share * light).powf(1.0 / 2.2);
            *value = (brighter + 0.5).clamp(0.0, 255.0) as u8;
        }
    }
}
