//! Moire and halftone: one spatial frequency that stands out on the face at the picture's own resolution.
//!
//! The mean power spectrum of overlapping windows (Welch 1967), brightness and colour in one complex transform. Skin has
//! texture at every frequency; dots, stripes and moire have it at one. Left out are the axes and the multiples of an
//! eighth, where the blocks of JPEG (ISO/IEC 10918-1) stand.

use rustfft::FftPlanner;
use rustfft::num_complex::Complex;
use zeroize::Zeroizing;

use super::{Seen, luma, ramp};
use crate::geometry::Rect;
use crate::picture::Picture;

/// Side of a window in pixels.
const SIDE: usize = 128;
/// Windows in each direction, overlapping by half.
const WINDOWS: usize = 3;
/// Periods longer than this many pixels are features of a face.
const LONGEST: f32 = 12.0;
/// Decibels above the neighbourhood from which a frequency is suspicious, and from which it is certain.
const SUSPICIOUS: f32 = 10.0;
const CERTAIN: f32 = 14.0;

/// Value and the frequency that stands out most.
pub(super) fn look(picture: &Picture, bounds: &Rect) -> (f32, Seen) {
    let nothing = Seen::Pattern { prominence: 0.0, period: 0.0, angle: 0.0, in_colour: false };
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    if width < SIDE || height < SIDE {
        return (0.0, nothing);
    }
    let (brightness, colour) = spectrum(picture, bounds);
    let (mut best, mut seen) = (0.0, nothing);
    for (power, in_colour) in [(&brightness, false), (&colour, true)] {
        let (prominence, u, v) = most_prominent(power);
        if prominence > best {
            best = prominence;
            let frequency = u.hypot(v) / SIDE as f32;
            let angle = v.atan2(u).to_degrees().rem_euclid(180.0);
            seen = Seen::Pattern { prominence, period: 1.0 / frequency, angle, in_colour };
        }
    }
    (ramp(best, SUSPICIOUS, CERTAIN), seen)
}

/// Mean power a frequency of brightness and of red less blue, over windows around the middle of the face.
fn spectrum(picture: &Picture, bounds: &Rect) -> (Vec<f32>, Vec<f32>) {
    let transform = FftPlanner::new().plan_fft_forward(SIDE);
    let bell: Vec<f32> =
        (0..SIDE).map(|at| 0.5 - 0.5 * (std::f32::consts::TAU * (at as f32 + 0.5) / SIDE as f32).cos()).collect();
    let centre = bounds.centre();
    let starts = |middle: f32, limit: u32| {
        let room = limit as usize - SIDE;
        let half = (SIDE / 2) as f32;
        let mut starts: Vec<usize> = (0..WINDOWS)
            .map(|index| {
                let shift = (index as f32 - (WINDOWS - 1) as f32 / 2.0) * half;
                ((middle + shift - half).max(0.0) as usize).min(room)
            })
            .collect();
        starts.dedup();
        starts
    };
    let (mut brightness, mut colour) = (vec![0f32; SIDE * SIDE], vec![0f32; SIDE * SIDE]);
    let mut window = Zeroizing::new(vec![0f32; 2 * SIDE * SIDE]);
    let mut values = vec![Complex::new(0f32, 0.0); SIDE * SIDE];
    let mut turned = values.clone();
    for top in starts(centre.y, picture.height()) {
        for left in starts(centre.x, picture.width()) {
            fill(picture, left, top, &mut window);
            for (at, value) in values.iter_mut().enumerate() {
                let weight = bell[at % SIDE] * bell[at / SIDE];
                *value = Complex::new(window[2 * at] * weight, window[2 * at + 1] * weight);
            }
            transform.process(&mut values);
            for (at, value) in values.iter().enumerate() {
                turned[at % SIDE * SIDE + at / SIDE] = *value;
            }
            transform.process(&mut turned);
            for at in 0..SIDE * SIDE {
                // The spectrum of a real signal is its own mirrored conjugate; that tells the two apart again.
                let mirrored = (SIDE - at / SIDE) % SIDE * SIDE + (SIDE - at % SIDE) % SIDE;
                let (here, there) = (turned[at], turned[mirrored].conj());
                brightness[at] += (here + there).norm_sqr();
                colour[at] += (here - there).norm_sqr();
            }
        }
    }
    values.fill(Complex::new(0.0, 0.0));
    turned.fill(Complex::new(0.0, 0.0));
    (brightness, colour)
}

/// Brightness and red less blue of a window, pair by pair, their means taken away.
fn fill(picture: &Picture, left: usize, top: usize, window: &mut [f32]) {
    let (pairs, _) = window.as_chunks_mut::<2>();
    let mut sums = [0f32; 2];
    for (at, pair) in pairs.iter_mut().enumerate() {
        let pixel = picture.pixel((left + at % SIDE) as u32, (top + at / SIDE) as u32);
        *pair = [luma(pixel), f32::from(pixel[0]) - f32::from(pixel[2])];
        sums[0] += pair[0];
        sums[1] += pair[1];
    }
    let means = sums.map(|sum| sum / (SIDE * SIDE) as f32);
    for pair in pairs {
        pair[0] -= means[0];
        pair[1] -= means[1];
    }
}

/// Decibels of the frequency that stands out most, and that frequency in periods a window across the two directions.
///
/// The transform is turned: rows are frequencies across, columns frequencies down.
fn most_prominent(power: &[f32]) -> (f32, f32, f32) {
    let half = SIDE as i64 / 2;
    let wrapped = |u: i64, v: i64| {
        let index = |at: i64| at.rem_euclid(SIDE as i64) as usize;
        power[index(u) * SIDE + index(v)]
    };
    // What is too weak to be seen is the rounding of pixel values: a tenth of a grey level over a window.
    let floor = 0.01 * (SIDE * SIDE) as f32;
    let mut best = (0.0, 0.0, 0.0);
    // Half the plane: the other half is its mirror.
    for u in 0..half {
        for v in -half + 1..half {
            let from_block = |at: i64| {
                let rest = at.rem_euclid(SIDE as i64 / 8);
                rest.min(SIDE as i64 / 8 - rest) <= 1
            };
            let radius = (u as f32).hypot(v as f32);
            if u.abs() <= 1 || v.abs() <= 1 || radius < SIDE as f32 / LONGEST || (from_block(u) && from_block(v)) {
                continue;
            }
            let here = wrapped(u, v);
            if here <= floor || [(-1, 0), (1, 0), (0, -1), (0, 1)].iter().any(|(du, dv)| wrapped(u + du, v + dv) > here)
            {
                continue;
            }
            let (mut sum, mut count) = (0.0, 0.0);
            for du in -5i64..=5 {
                for dv in -5i64..=5 {
                    if du.abs().max(dv.abs()) > 2 && (u + du).abs() > 1 && (v + dv).abs() > 1 {
                        sum += wrapped(u + du, v + dv);
                        count += 1.0;
                    }
                }
            }
            let around = (sum / f32::max(count, 1.0)).max(floor);
            let decibels = 10.0 * (here / around).log10();
            if decibels > best.0 {
                best = (decibels, u as f32, v as f32);
            }
        }
    }
    best
}
