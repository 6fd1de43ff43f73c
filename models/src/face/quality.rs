//! How usable a picture of a face is, in plain numbers.

use super::cover::{Covered, Occlusion};
use crate::geometry::Point;
use crate::picture::Picture;

/// Least variance of the Laplacian and least mean grey level at which it can be told whether a face is covered.
const MIN_SHARPNESS: f32 = 8.0;
const MIN_BRIGHTNESS: f32 = 25.0;

/// Measurements on one face. The numbers are exact; what counts as good is the caller's policy.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quality {
    /// Distance between the eye centres in pixels of the picture.
    pub eye_distance: f32,
    /// Tilt of the head in degrees, positive clockwise.
    pub roll: f32,
    /// Turn of the head: natural logarithm of the distances from the nose to the two edges of the face; 0 is frontal,
    /// half of ordinary portraits are within 0.29, 95 % within 0.93, a head turned on request passes 0.7. Negative
    /// when the nose points to the left of the picture.
    pub yaw: f32,
    /// Nod of the head: how far down from the eyes (0) to the mouth (1) the tip of the nose lies.
    pub pitch: f32,
    /// Height of the more closed eye divided by its width; 0.28 is usual, below 0.16 is closed.
    pub eye_openness: f32,
    /// Variance of the Laplacian on the aligned 150 x 150 face in grey levels squared; blurred faces are low.
    pub sharpness: f32,
    /// Mean grey level of the aligned face, 0 to 255.
    pub brightness: f32,
    /// Share of the aligned face that is nearly black or nearly white, 0 to 1.
    pub clipped: f32,
    /// How far eyes and mouth are hidden.
    pub occlusion: Occlusion,
    /// The mesh network's opinion that this is a face, 0 to 1.
    pub face_flag: f32,
}

impl Quality {
    /// `in_chip` is the mesh in pixels of the chip.
    pub(super) fn measure(
        mesh: &[[f32; 3]],
        points: &[Point; 5],
        chip: &Picture,
        in_chip: &[Point],
        face_flag: f32,
    ) -> Self {
        let [left_eye, right_eye, nose, left_mouth, right_mouth] = *points;
        let at = |index: usize| Point { x: mesh[index][0], y: mesh[index][1] };
        let eyes = left_eye.middle(right_eye);
        let mouth = left_mouth.middle(right_mouth);
        let (down_x, down_y) = (mouth.x - eyes.x, mouth.y - eyes.y);
        let length = (down_x * down_x + down_y * down_y).max(f32::MIN_POSITIVE);
        let (brightness, clipped, sharpness) = light(chip);
        Self {
            eye_distance: left_eye.distance(right_eye),
            roll: (right_eye.y - left_eye.y).atan2(right_eye.x - left_eye.x).to_degrees(),
            yaw: (at(1).distance(at(234)).max(1e-3) / at(1).distance(at(454)).max(1e-3)).ln(),
            pitch: ((nose.x - eyes.x) * down_x + (nose.y - eyes.y) * down_y) / length,
            eye_openness: openness(mesh, [33, 160, 158, 133, 153, 144])
                .min(openness(mesh, [362, 385, 387, 263, 373, 380])),
            sharpness,
            brightness,
            clipped,
            occlusion: Occlusion::measure(chip, in_chip),
            face_flag,
        }
    }

    /// What is covered; `None` also where the face is too dark or too blurred to say. A face that is blurred, yet not as
    /// much, may be taken for a covered one.
    pub fn covered(&self) -> Option<Covered> {
        let clear = self.sharpness >= MIN_SHARPNESS && self.brightness >= MIN_BRIGHTNESS;
        if clear { self.occlusion.covered() } else { None }
    }

    /// One number, 0 to 100, for display and for the credential's `quality` member.
    ///
    /// The product of five factors that each reach 1 for a good picture (eyes 60 px apart, Laplacian variance 80,
    /// nearly frontal, brightness 60 to 200, under a tenth clipped). A rule of thumb, not calibrated to a standard.
    pub fn score(&self) -> u8 {
        let ramp = |value: f32, bad: f32, good: f32| ((value - bad) / (good - bad)).clamp(0.0, 1.0);
        let factors = [
            0.3 + 0.7 * ramp(self.eye_distance, 15.0, 60.0),
            0.4 + 0.6 * ramp(self.sharpness, 5.0, 80.0),
            0.3 + 0.7 * ramp(-self.yaw.abs(), -1.2, -0.3),
            0.4 + 0.6 * ramp(self.brightness, 20.0, 60.0).min(ramp(-self.brightness, -245.0, -200.0)),
            0.5 + 0.5 * ramp(-self.clipped, -0.4, -0.1),
        ];
        let flag = ramp(self.face_flag, 0.0, 0.8);
        (factors.iter().product::<f32>() * flag * 100.0).round() as u8
    }
}

/// Eye aspect ratio (Soukupova and Cech, 2016): the two heights over twice the width.
fn openness(mesh: &[[f32; 3]], indices: [usize; 6]) -> f32 {
    let p = indices.map(|index| Point { x: mesh[index][0], y: mesh[index][1] });
    let width = p[0].distance(p[3]);
    if width > 0.0 { (p[1].distance(p[5]) + p[2].distance(p[4])) / (2.0 * width) } else { 0.0 }
}

/// Mean brightness, share of clipped pixels, and variance of the Laplacian.
fn light(chip: &Picture) -> (f32, f32, f32) {
    let grey = zeroize::Zeroizing::new(chip.luma());
    let (width, height) = (chip.width() as usize, chip.height() as usize);
    let count = grey.len().max(1) as f32;
    let brightness = grey.iter().map(|&value| u64::from(value)).sum::<u64>() as f32 / count;
    let clipped = grey.iter().filter(|&&value| !(8..=247).contains(&value)).count() as f32 / count;
    let (mut sum, mut squares, mut n) = (0f64, 0f64, 0f64);
    for y in 1..height.saturating_sub(1) {
        for x in 1..width.saturating_sub(1) {
            let at = |x: usize, y: usize| f64::from(grey[y * width + x]);
            let laplacian = at(x - 1, y) + at(x + 1, y) + at(x, y - 1) + at(x, y + 1) - 4.0 * at(x, y);
            sum += laplacian;
            squares += laplacian * laplacian;
            n += 1.0;
        }
    }
    let sharpness = if n > 0.0 { squares / n - (sum / n) * (sum / n) } else { 0.0 };
    (brightness, clipped, sharpness as f32)
}
