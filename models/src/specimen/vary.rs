//! Variants of pictures: another selfie from the same portrait, and a page as a phone would see it.

use crate::geometry::{Affine, Homography, Point};
use crate::picture::{Edge, Limits, Picture};
use crate::specimen::Random;

/// A differently cropped, turned, lit and compressed version of a portrait, as if taken another time.
///
/// It stays the same photograph: good for showing a flow, not for measuring how well faces are matched.
pub fn vary_selfie(picture: &Picture, seed: u64) -> Picture {
    let mut random = Random::new(seed);
    let (width, height) = (picture.width() as f32, picture.height() as f32);
    let angle = random.between(-0.06, 0.06);
    let zoom = random.between(0.86, 0.95);
    let (cos, sin) = (angle.cos() * zoom, angle.sin() * zoom);
    let centre =
        Point { x: width * (0.5 + random.between(-0.02, 0.02)), y: height * (0.5 + random.between(-0.02, 0.02)) };
    let map = Affine {
        x: [cos, -sin, centre.x - cos * width / 2.0 + sin * height / 2.0],
        y: [sin, cos, centre.y - sin * width / 2.0 - cos * height / 2.0],
    };
    let mut out = picture.warp_affine(&map, picture.width(), picture.height(), Edge::Nearest);
    let gamma = random.between(0.85, 1.15);
    let tint = [random.between(0.94, 1.06), 1.0, random.between(0.94, 1.06)];
    let (side, depth) = (random.between(-1.0, 1.0), random.between(0.05, 0.18));
    let columns = out.width();
    for (at, value) in out.rgb_mut().iter_mut().enumerate() {
        let across = ((at / 3) as u32 % columns) as f32 / columns as f32 - 0.5;
        let light = 1.0 + depth * side * 2.0 * across;
        let bright = (f32::from(*value) / 255.0).powf(gamma) * 255.0 * light * tint[at % 3] + 2.0 * random.normal();
        *value = bright.clamp(0.0, 255.0) as u8;
    }
    compressed(out, 70 + random.below(18) as u8)
}

/// A page as a phone sees it: on a table, from an angle, a little blurred, unevenly lit, noisy, compressed.
///
/// `strength` runs from 0 (as drawn) to 1 (hard to read).
pub fn photographed(page: &Picture, seed: u64, strength: f32) -> Picture {
    let strength = strength.clamp(0.0, 1.0);
    let mut random = Random::new(seed);
    let (w, h) = (page.width() as f32, page.height() as f32);
    let scale = 1.0 - 0.55 * strength * random.between(0.8, 1.0);
    let (width, height) = (w * 1.2 * scale, h * 1.25 * scale);
    let angle = random.between(-0.15, 0.15) * strength;
    let corners = [(0.0, 0.0), (w, 0.0), (w, h), (0.0, h)].map(|(x, y)| {
        let (dx, dy) = (x - w / 2.0, y - h / 2.0);
        let jitter = 0.04 * strength;
        Point {
            x: width / 2.0 + scale * (dx * angle.cos() - dy * angle.sin() + random.between(-jitter, jitter) * w),
            y: height / 2.0 + scale * (dx * angle.sin() + dy * angle.cos() + random.between(-jitter, jitter) * h),
        }
    });
    let source = [(0.0, 0.0), (w, 0.0), (w, h), (0.0, h)].map(|(x, y)| Point { x, y });
    let Some(map) = Homography::between(corners, source) else { return page.clone() };
    let table = [40 + random.below(100), 40 + random.below(90), 30 + random.below(90)].map(|value| value as f32);
    // Shrunk first, so that fine print is averaged and not skipped.
    let small = page.resize(((w * scale) as u32).max(1), ((h * scale) as u32).max(1));
    let (columns, rows) = (width.max(1.0) as u32, height.max(1.0) as u32);
    let mut values = Vec::with_capacity(columns as usize * rows as usize * 3);
    for y in 0..rows {
        for x in 0..columns {
            let at = map.apply(Point { x: x as f32, y: y as f32 });
            let inside = (0.0..w).contains(&at.x) && (0.0..h).contains(&at.y);
            let colour = if inside {
                bilinear(&small, at.x * scale, at.y * scale)
            } else {
                table.map(|value| value + 9.0 * random.normal())
            };
            values.extend(colour);
        }
    }
    blur(&mut values, columns as usize, rows as usize, 0.8 * strength);
    let lamp = (random.between(0.0, width), random.between(0.0, height));
    let mut rgb = Vec::with_capacity(values.len());
    for (at, value) in values.into_iter().enumerate() {
        let (x, y) = (((at / 3) % columns as usize) as f32, ((at / 3) / columns as usize) as f32);
        let far = ((x - lamp.0) / width).hypot((y - lamp.1) / height);
        rgb.push((value * (1.0 - 0.35 * strength * far) + 8.0 * strength * random.normal()).clamp(0.0, 255.0) as u8);
    }
    match Picture::from_rgb(columns, rows, rgb) {
        Ok(out) => compressed(out, (92.0 - 50.0 * strength) as u8),
        Err(_) => page.clone(),
    }
}

pub(super) fn bilinear(picture: &Picture, x: f32, y: f32) -> [f32; 3] {
    let (left, top) = (x.floor().max(0.0), y.floor().max(0.0));
    let (fx, fy) = (x - left, y - top);
    let at = |dx: u32, dy: u32| picture.pixel(left as u32 + dx, top as u32 + dy).map(f32::from);
    let (a, b, c, d) = (at(0, 0), at(1, 0), at(0, 1), at(1, 1));
    std::array::from_fn(|i| {
        let upper = a[i] + (b[i] - a[i]) * fx;
        let lower = c[i] + (d[i] - c[i]) * fx;
        upper + (lower - upper) * fy
    })
}

/// Gaussian blur with five taps in both directions.
fn blur(values: &mut [f32], width: usize, height: usize, sigma: f32) {
    if sigma < 0.1 {
        return;
    }
    let raw: Vec<f32> = (-2i32..=2).map(|at| (-(at * at) as f32 / (2.0 * sigma * sigma)).exp()).collect();
    let sum: f32 = raw.iter().sum();
    for vertical in [false, true] {
        let source = values.to_vec();
        for (at, value) in values.iter_mut().enumerate() {
            let (x, y, c) = ((at / 3) % width, (at / 3) / width, at % 3);
            *value = (-2i64..=2)
                .zip(&raw)
                .map(|(step, weight)| {
                    let move_by = |from: usize, limit: usize| (from as i64 + step).clamp(0, limit as i64 - 1) as usize;
                    let (x, y) = if vertical { (x, move_by(y, height)) } else { (move_by(x, width), y) };
                    source[(y * width + x) * 3 + c] * weight / sum
                })
                .sum();
        }
    }
}

/// What remains after JPEG; a picture too large for that format stays as it is.
pub(super) fn compressed(picture: Picture, quality: u8) -> Picture {
    let limits = Limits { bytes: usize::MAX, pixels: u64::MAX, side: u32::MAX };
    match picture.encode_jpeg(quality).and_then(|bytes| Picture::decode(&bytes, &limits)) {
        Ok(read) => read,
        Err(_) => picture,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variants_differ_and_repeat() {
        let rgb = (0..80 * 60).flat_map(|at| [(at % 80 * 3) as u8, (at / 80 * 4) as u8, 90]).collect();
        let picture = Picture::from_rgb(80, 60, rgb).unwrap();
        let first = vary_selfie(&picture, 1);
        assert!(first == vary_selfie(&picture, 1) && first != vary_selfie(&picture, 2) && first != picture);
        assert_eq!((first.width(), first.height()), (80, 60));
        let page = photographed(&picture, 3, 1.0);
        assert!(page == photographed(&picture, 3, 1.0) && page.width() < 80);
        photographed(&Picture::filled(1, 1, [0; 3]), 0, 1.0);
        vary_selfie(&Picture::filled(1, 1, [0; 3]), 0);
    }
}
