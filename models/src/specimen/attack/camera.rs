//! The simulated camera: lens, pixels under a Bayer filter, noise, colour interpolation, JPEG.

use rayon::prelude::*;

use crate::geometry::Point;
use crate::picture::Picture;
use crate::specimen::Random;
use crate::specimen::vary::compressed;

/// Points at which a pixel collects light, in each direction.
const GRID: usize = 6;

/// One camera at one moment.
pub(super) struct Camera {
    width: u32,
    height: u32,
    /// Side of the part of a pixel that collects light; small where a video mode skips lines of the sensor.
    aperture: f32,
    /// Deviation of the lens's blur in pixels.
    blur: f32,
    /// Where light is collected along one direction, relative to the middle of the pixel, and how much it counts.
    samples: [(f32, f32); GRID],
    gain: [f32; 3],
    /// Deviation of the noise at black, and its square a unit of light.
    read_noise: f32,
    shot_noise: f32,
    quality: u8,
    seed: u64,
}

impl Camera {
    pub(super) fn choose(width: u32, height: u32, random: &mut Random) -> Self {
        let aperture = random.between(0.5, 1.0);
        let blur = random.between(0.2, 0.5);
        let reach = aperture / 2.0 + 2.0 * blur;
        // The bell's share below `z` deviations, by a logistic curve.
        let below = |z: f32| 1.0 / (1.0 + (-1.702 * z).exp());
        let mut samples = std::array::from_fn(|index| {
            let at = ((index as f32 + 0.5) / GRID as f32 * 2.0 - 1.0) * reach;
            (at, below((at + aperture / 2.0) / blur) - below((at - aperture / 2.0) / blur))
        });
        let sum: f32 = samples.iter().map(|(_, weight)| weight).sum();
        samples.iter_mut().for_each(|(_, weight)| *weight /= sum);
        Self {
            width: width.max(1),
            height: height.max(1),
            aperture,
            blur,
            samples,
            gain: [random.between(0.94, 1.06), 1.0, random.between(0.94, 1.06)],
            read_noise: random.between(0.001, 0.003),
            shot_noise: random.between(0.00005, 0.0004),
            quality: 80 + random.below(16) as u8,
            seed: random.next(),
        }
    }

    /// How much of a pattern of `frequency` periods a pixel is left by aperture and lens, 1 being all.
    pub(super) fn passes(&self, frequency: f32) -> f32 {
        let half = std::f32::consts::PI * self.aperture * frequency;
        let aperture = if half.abs() < 1e-3 { 1.0 } else { half.sin() / half };
        let turns = std::f32::consts::TAU * self.blur * frequency;
        aperture * (-turns * turns / 2.0).exp()
    }

    /// What a pixel collects of a radiance that varies within it.
    pub(super) fn gathered(&self, at: Point, radiance: impl Fn(Point) -> f32) -> f32 {
        let mut light = 0.0;
        for &(dy, row) in &self.samples {
            for &(dx, column) in &self.samples {
                light += row * column * radiance(Point { x: at.x + dx, y: at.y + dy });
            }
        }
        light
    }

    /// The picture in which a pixel collects `light(middle of the pixel, channel)`; 1 is white.
    pub(super) fn expose(&self, light: impl Fn(Point, usize) -> f32 + Sync) -> Picture {
        let (width, height) = (self.width as usize, self.height as usize);
        let mut raw = vec![0f32; width * height];
        raw.par_chunks_mut(width).enumerate().for_each(|(y, row)| {
            let mut random = Random::new(self.seed ^ (y as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15));
            for (x, value) in row.iter_mut().enumerate() {
                let channel = filter(x, y);
                let light = light(Point { x: x as f32, y: y as f32 }, channel) * self.gain[channel];
                let deviation = (self.read_noise * self.read_noise + self.shot_noise * light.max(0.0)).sqrt();
                *value = light + deviation * random.normal();
            }
        });
        let mut rgb = vec![0u8; width * height * 3];
        rgb.par_chunks_mut(width * 3).enumerate().for_each(|(y, row)| {
            for x in 0..width {
                for channel in 0..3 {
                    let value = interpolated(&raw, width, height, x, y, channel);
                    row[x * 3 + channel] = (encoded(value.clamp(0.0, 1.0)) * 255.0 + 0.5) as u8;
                }
            }
        });
        match Picture::from_rgb(self.width, self.height, rgb) {
            Ok(picture) => compressed(picture, self.quality),
            Err(_) => Picture::filled(self.width, self.height, [0; 3]),
        }
    }
}

/// Which colour the pixel lets through: red and green in even rows, green and blue in odd ones.
fn filter(x: usize, y: usize) -> usize {
    (x & 1) + (y & 1)
}

/// A colour at a pixel: the mean of what its neighbours with that filter saw, the nearer the more.
fn interpolated(raw: &[f32], width: usize, height: usize, x: usize, y: usize, channel: usize) -> f32 {
    if filter(x, y) == channel {
        return raw[y * width + x];
    }
    let (mut sum, mut weights) = (0.0, 0.0);
    for row in y.saturating_sub(1)..(y + 2).min(height) {
        for column in x.saturating_sub(1)..(x + 2).min(width) {
            if filter(column, row) == channel {
                let weight = if row == y || column == x { 2.0 } else { 1.0 };
                sum += weight * raw[row * width + column];
                weights += weight;
            }
        }
    }
    if weights > 0.0 { sum / weights } else { raw[y * width + x] }
}

/// One lamp: brightest at a point, falling off, with a colour.
pub(super) struct Light {
    centre: Point,
    reach: f32,
    colour: [f32; 3],
}

impl Light {
    pub(super) fn choose(width: u32, height: u32, random: &mut Random) -> Self {
        let (w, h) = (width as f32, height as f32);
        let warm = random.between(0.85, 1.08);
        let bright = random.between(0.75, 1.1);
        Self {
            centre: Point { x: random.between(-0.3, 1.3) * w, y: random.between(-0.5, 0.8) * h },
            reach: random.between(1.0, 2.5) * w.max(h),
            colour: [bright, bright, bright * warm],
        }
    }

    pub(super) fn at(&self, at: Point, channel: usize) -> f32 {
        let far = at.distance(self.centre) / self.reach;
        self.colour[channel] / (1.0 + far * far)
    }
}

/// Linear light of an sRGB value (IEC 61966-2-1), both 0 to 1.
pub(super) fn linear(value: f32) -> f32 {
    if value <= 0.040_45 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
}

/// sRGB value of linear light (IEC 61966-2-1), both 0 to 1.
fn encoded(light: f32) -> f32 {
    if light <= 0.003_130_8 { light * 12.92 } else { 1.055 * light.powf(1.0 / 2.4) - 0.055 }
}
