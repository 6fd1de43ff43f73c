//! Own cues for passive liveness, without a network: what paper and screens leave in a picture.
//!
//! Each cue gives a number from 0 (nothing seen) to 1 (clearly seen) and what it saw. They never speak for a person, only
//! against one: the absence of every cue means nothing. How well each separates, and which was left out because it does
//! not, stands in `docs/accuracy.md`.

use zeroize::Zeroizing;

use crate::face::Face;
use crate::geometry::{Point, Rect};
use crate::picture::Picture;

mod frame;
mod pattern;
mod repetition;

pub use repetition::{Repetition, repetition};

/// One thing looked for in a picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Cue {
    /// 0 (nothing seen) to 1 (clearly seen).
    pub value: f32,
    /// How much of the score a clearly seen cue takes away, 0 to 1.
    pub weight: f32,
    /// What was seen.
    pub seen: Seen,
}

impl Cue {
    /// Name in reports.
    pub fn name(&self) -> &'static str {
        match self.seen {
            Seen::Frame { .. } => "frame",
            Seen::Pattern { .. } => "pattern",
        }
    }
}

/// What a cue saw, in numbers.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Seen {
    /// Straight edges that make a rectangle around the face: the edge of paper or the housing of a screen.
    Frame {
        /// Share of each side along which there is an edge of one direction: left, right, top, bottom, 0 to 1.
        sides: [f32; 4],
        /// Top left, top right, bottom right, bottom left, where four lines were found that meet.
        corners: Option<[Point; 4]>,
    },
    /// One spatial frequency that stands out on the face: dots of a print, pixels of a screen, moire.
    Pattern {
        /// How far it stands out of its neighbourhood in decibels; 0 where the picture is too small to tell.
        prominence: f32,
        /// Period in pixels of the picture.
        period: f32,
        /// Direction across the stripes in degrees, 0 to 180.
        angle: f32,
        /// Whether it is in the colours and not in the brightness.
        in_colour: bool,
    },
}

/// Weight of each cue in the fused score: a cue that is clearly seen outweighs networks that are certain, at the threshold
/// of a half. Set by hand on part of what it was measured on, see `docs/accuracy.md`.
const FRAME_WEIGHT: f32 = 0.8;
const PATTERN_WEIGHT: f32 = 0.8;

/// Every cue of one picture, for a face found in it.
pub fn cues(picture: &Picture, face: &Face) -> Vec<Cue> {
    let bounds = usable(picture, &face.bounds);
    let (frame, frame_seen) = frame::look(picture, &bounds);
    let (pattern, pattern_seen) = pattern::look(picture, &bounds);
    vec![
        Cue { value: frame, weight: FRAME_WEIGHT, seen: frame_seen },
        Cue { value: pattern, weight: PATTERN_WEIGHT, seen: pattern_seen },
    ]
}

/// What the cues leave of a score: each takes its weight times its value away.
pub(super) fn remaining(cues: &[Cue]) -> f32 {
    cues.iter().map(|cue| 1.0 - cue.weight * cue.value).product()
}

/// The box with sides of at least a pixel and a centre in the picture, whatever the detector said.
fn usable(picture: &Picture, bounds: &Rect) -> Rect {
    let (width, height) = (picture.width() as f32, picture.height() as f32);
    let length = |value: f32, limit: f32| if value.is_finite() { value.clamp(1.0, limit.max(1.0)) } else { limit };
    let (w, h) = (length(bounds.width, width), length(bounds.height, height));
    let place = |value: f32, limit: f32| if value.is_finite() { value.clamp(0.0, limit - 1.0) } else { limit / 2.0 };
    let centre = bounds.centre();
    let (x, y) = (place(centre.x, width), place(centre.y, height));
    Rect { x: x - w / 2.0, y: y - h / 2.0, width: w, height: h }
}

/// From 0 at `low` to 1 at `high`.
fn ramp(value: f32, low: f32, high: f32) -> f32 {
    if value.is_finite() { ((value - low) / (high - low)).clamp(0.0, 1.0) } else { 0.0 }
}

/// A part of a picture on a grid, by one function of a pixel's colour: the mean of nine samples a cell.
struct Grid {
    width: usize,
    height: usize,
    values: Zeroizing<Vec<f32>>,
}

impl Grid {
    /// `area` in cells of `cell` pixels; beyond the picture its nearest pixel.
    fn of(picture: &Picture, area: &Rect, cell: f32, value: impl Fn([u8; 3]) -> f32) -> Self {
        let count = |length: f32| (length / cell).clamp(1.0, 512.0) as usize;
        let (width, height) = (count(area.width), count(area.height));
        let mut values = Zeroizing::new(Vec::with_capacity(width * height));
        let offsets = [-1.0f32, 0.0, 1.0].map(|step| step * cell / 3.0);
        for row in 0..height {
            for column in 0..width {
                let x = area.x + (column as f32 + 0.5) * cell;
                let y = area.y + (row as f32 + 0.5) * cell;
                let mut sum = 0.0;
                for dy in offsets {
                    for dx in offsets {
                        sum += value(picture.pixel((x + dx).max(0.0) as u32, (y + dy).max(0.0) as u32));
                    }
                }
                values.push(sum / 9.0);
            }
        }
        Self { width, height, values }
    }

    /// The cell, or the nearest one.
    fn at(&self, x: i64, y: i64) -> f32 {
        let x = x.clamp(0, self.width as i64 - 1) as usize;
        let y = y.clamp(0, self.height as i64 - 1) as usize;
        self.values[y * self.width + x]
    }
}

/// Brightness, 0 to 255 (ITU-R BT.601 weights).
fn luma([red, green, blue]: [u8; 3]) -> f32 {
    0.299 * f32::from(red) + 0.587 * f32::from(green) + 0.114 * f32::from(blue)
}
