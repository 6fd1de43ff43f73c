//! Frames that are too much alike: a camera's noise never repeats, a file played in a loop does.

use zeroize::Zeroizing;

use super::ramp;
use crate::picture::Picture;

/// Positions compared in each direction.
const GRID: u32 = 96;
/// Mean difference in grey levels below which two frames are one, and from which noise explains the difference.
const SAME: f32 = 0.05;
const NOISE: f32 = 0.4;

/// How much frames of one session repeat each other.
#[derive(Debug, Clone, PartialEq)]
pub struct Repetition {
    /// 0 (every frame is its own) to 1 (a frame came twice).
    pub value: f32,
    /// The two frames that are most alike, counted from 0; `None` with fewer than two of one size.
    pub closest: Option<(usize, usize)>,
    /// Mean difference of those two in grey levels.
    pub difference: f32,
}

/// Compares each frame with every other of the same size, at 9216 positions, without averaging.
///
/// Frames that are black or white all over carry no noise and count as different.
pub fn repetition(frames: &[&Picture]) -> Repetition {
    let samples: Vec<Zeroizing<Vec<u8>>> = frames.iter().map(|frame| Zeroizing::new(sampled(frame))).collect();
    let mut out = Repetition { value: 0.0, closest: None, difference: 255.0 };
    for (later, frame) in samples.iter().enumerate() {
        for (earlier, other) in samples[..later].iter().enumerate() {
            let size = |index: usize| (frames[index].width(), frames[index].height());
            if size(earlier) != size(later) {
                continue;
            }
            let Some(difference) = difference(frame, other) else { continue };
            if out.closest.is_none() || difference < out.difference {
                out.closest = Some((earlier, later));
                out.difference = difference;
            }
        }
    }
    if out.closest.is_some() {
        out.value = ramp(-out.difference, -NOISE, -SAME);
    }
    out
}

fn sampled(frame: &Picture) -> Vec<u8> {
    let place = |index: u32, length: u32| (u64::from(index) * u64::from(length) / u64::from(GRID)) as u32;
    let mut out = Vec::with_capacity((GRID * GRID * 3) as usize);
    for row in 0..GRID {
        for column in 0..GRID {
            out.extend(frame.pixel(place(column, frame.width()), place(row, frame.height())));
        }
    }
    out
}

/// Mean difference where neither is clipped; `None` where less than a tenth is left.
fn difference(a: &[u8], b: &[u8]) -> Option<f32> {
    let clear = |value: u8| (6..=249).contains(&value);
    let (mut sum, mut count) = (0u64, 0usize);
    for (&a, &b) in a.iter().zip(b).filter(|&(&a, &b)| clear(a) && clear(b)) {
        sum += u64::from(a.abs_diff(b));
        count += 1;
    }
    (count * 10 >= a.len()).then(|| sum as f32 / count as f32)
}
