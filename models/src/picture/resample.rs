//! Pictures in another size or seen from elsewhere: resizing, affine and projective warps, bilinear sampling.

use super::{Edge, Picture};
use crate::geometry::{Affine, Homography, Point};

impl Picture {
    /// Resizes to exactly `width` x `height`: bilinear, with averaging when it becomes smaller.
    pub fn resize(&self, width: u32, height: u32) -> Self {
        let (width, height) = (width.max(1), height.max(1));
        if (width, height) == (self.width, self.height) {
            return self.clone();
        }
        let columns = taps(self.width, width);
        let rows = taps(self.height, height);
        // Rows first: they are contiguous, and the middle picture is as wide as the source.
        let stride = self.width as usize * 3;
        let mut middle = vec![0f32; stride];
        let mut rgb = Vec::with_capacity(width as usize * height as usize * 3);
        for (from, weights) in &rows {
            middle.fill(0.0);
            for (i, weight) in weights.iter().enumerate() {
                let row = &self.rgb[(from + i) * stride..(from + i + 1) * stride];
                for (sum, value) in middle.iter_mut().zip(row) {
                    *sum += weight * f32::from(*value);
                }
            }
            for (from, weights) in &columns {
                let mut sum = [0.5f32; 3];
                for (i, weight) in weights.iter().enumerate() {
                    let at = (from + i) * 3;
                    sum[0] += weight * middle[at];
                    sum[1] += weight * middle[at + 1];
                    sum[2] += weight * middle[at + 2];
                }
                rgb.extend(sum.map(|value| value as u8));
            }
        }
        Self { width, height, rgb }
    }

    /// Fills a `width` x `height` picture through an affine map from target to source pixels.
    ///
    /// Bilinear. Coordinates count from the centre of the top left pixel. Where the map shrinks the picture by two or
    /// more, the source is halved first (2 x 2 means), so that fine structure does not alias.
    pub fn warp_affine(&self, to_source: &Affine, width: u32, height: u32, edge: Edge) -> Self {
        let mut map = *to_source;
        let mut halved: Option<Self> = None;
        while map.scale() >= 2.0 {
            let source = halved.as_ref().unwrap_or(self);
            if source.width < 2 || source.height < 2 {
                break;
            }
            let next = match &halved {
                // Only the part that the target sees needs halving.
                None => {
                    let (x, y, w, h) = visible(source, &map, width, height);
                    let part = source.crop(x, y, w, h);
                    map = map.shifted(-(x as f32), -(y as f32));
                    part.halved()
                }
                Some(smaller) => smaller.halved(),
            };
            map = map.halved();
            halved = Some(next);
        }
        halved.as_ref().unwrap_or(self).sampled(&map, width, height, edge)
    }

    /// As [`Picture::warp_affine`], but plain bilinear samples at any scale.
    pub(crate) fn sampled(&self, to_source: &Affine, width: u32, height: u32, edge: Edge) -> Self {
        let mut rgb = Vec::with_capacity(width as usize * height as usize * 3);
        for y in 0..height {
            for x in 0..width {
                let at = to_source.apply(Point { x: x as f32, y: y as f32 });
                rgb.extend_from_slice(&self.sample(at, edge));
            }
        }
        Self { width, height, rgb }
    }

    /// Three planes of 32-bit floats, as networks take them (CHW): each value is `byte * factor + offset`.
    ///
    /// `order` names the colour of each plane: `[0, 1, 2]` is RGB, `[2, 1, 0]` is BGR.
    pub(crate) fn planes(&self, order: [usize; 3], factor: f32, offset: f32) -> Vec<f32> {
        let (pixels, _) = self.rgb.as_chunks::<3>();
        order
            .iter()
            .flat_map(|&colour| pixels.iter().map(move |pixel| f32::from(pixel[colour % 3]) * factor + offset))
            .collect()
    }

    /// Fills a `width` x `height` picture through a projective map from target to source pixels. Bilinear.
    pub fn warp_projective(&self, to_source: &Homography, width: u32, height: u32, edge: Edge) -> Self {
        let mut rgb = Vec::with_capacity(width as usize * height as usize * 3);
        for y in 0..height {
            for x in 0..width {
                let at = to_source.apply(Point { x: x as f32, y: y as f32 });
                rgb.extend_from_slice(&self.sample(at, edge));
            }
        }
        Self { width, height, rgb }
    }

    /// Cuts out the quadrilateral and straightens it to `width` x `height`.
    ///
    /// `corners` are top left, top right, bottom right, bottom left as seen in the result. Four corners of which three
    /// lie on a line have no such map: `None`.
    pub fn straighten(&self, corners: [Point; 4], width: u32, height: u32, edge: Edge) -> Option<Self> {
        let (right, bottom) = (width.max(2) as f32 - 1.0, height.max(2) as f32 - 1.0);
        let target = [
            Point { x: 0.0, y: 0.0 },
            Point { x: right, y: 0.0 },
            Point { x: right, y: bottom },
            Point { x: 0.0, y: bottom },
        ];
        let map = Homography::between(target, corners)?;
        Some(self.warp_projective(&map, width.max(1), height.max(1), edge))
    }

    /// Bilinear sample at a point between pixel centres.
    fn sample(&self, at: Point, edge: Edge) -> [u8; 3] {
        let (right, bottom) = (self.width as f32 - 1.0, self.height as f32 - 1.0);
        let (x, y) = match edge {
            Edge::Nearest => (at.x.clamp(0.0, right), at.y.clamp(0.0, bottom)),
            Edge::Black => {
                // NaN from a degenerate map must land here too, hence the negation.
                if !(at.x > -1.0 && at.y > -1.0 && at.x < right + 1.0 && at.y < bottom + 1.0) {
                    return [0; 3];
                }
                (at.x, at.y)
            }
        };
        if !(x.is_finite() && y.is_finite()) {
            return [0; 3];
        }
        let (left, top) = (x.floor(), y.floor());
        let (fx, fy) = (x - left, y - top);
        let (left, top) = (left as i64, top as i64);
        let (w, h) = (i64::from(self.width), i64::from(self.height));
        let at = |x: i64, y: i64| -> [f32; 3] {
            let (x, y) = match edge {
                Edge::Nearest => (x.clamp(0, w - 1), y.clamp(0, h - 1)),
                Edge::Black if x < 0 || y < 0 || x >= w || y >= h => return [0.0; 3],
                Edge::Black => (x, y),
            };
            let index = (y * w + x) as usize * 3;
            [f32::from(self.rgb[index]), f32::from(self.rgb[index + 1]), f32::from(self.rgb[index + 2])]
        };
        let (a, b, c, d) = (at(left, top), at(left + 1, top), at(left, top + 1), at(left + 1, top + 1));
        std::array::from_fn(|i| {
            let upper = a[i] + (b[i] - a[i]) * fx;
            let lower = c[i] + (d[i] - c[i]) * fx;
            (upper + (lower - upper) * fy + 0.5) as u8
        })
    }

    /// Half the width and height (rounded down): the mean of each 2 x 2 block.
    fn halved(&self) -> Self {
        let (width, height) = ((self.width / 2).max(1), (self.height / 2).max(1));
        let stride = self.width as usize * 3;
        let mut rgb = Vec::with_capacity(width as usize * height as usize * 3);
        for y in 0..height as usize {
            let lower = (2 * y + 1).min(self.height as usize - 1);
            let (a, b) = (&self.rgb[2 * y * stride..][..stride], &self.rgb[lower * stride..][..stride]);
            for x in 0..width as usize {
                let (l, r) = (6 * x, (6 * x + 3).min(stride - 3));
                for c in 0..3 {
                    let sum = u16::from(a[l + c]) + u16::from(a[r + c]) + u16::from(b[l + c]) + u16::from(b[r + c]);
                    rgb.push(((sum + 2) / 4) as u8);
                }
            }
        }
        Self { width, height, rgb }
    }
}

/// For each target position: the first source position and the weights from there on, summing to one.
fn taps(source: u32, target: u32) -> Vec<(usize, Vec<f32>)> {
    let ratio = source as f32 / target as f32;
    let reach = ratio.max(1.0);
    (0..target)
        .map(|i| {
            let centre = (i as f32 + 0.5) * ratio;
            let from = (centre - reach).floor().max(0.0) as usize;
            let to = ((centre + reach).ceil() as usize).min(source as usize).max(from + 1);
            let mut weights: Vec<f32> =
                (from..to).map(|at| (1.0 - ((at as f32 + 0.5 - centre) / reach).abs()).max(0.0)).collect();
            let sum: f32 = weights.iter().sum();
            if sum > 0.0 {
                weights.iter_mut().for_each(|weight| *weight /= sum);
            } else {
                weights[0] = 1.0;
            }
            (from, weights)
        })
        .collect()
}

/// The rectangle (x, y, width, height) of `source` that the target of an affine map sees, with a margin of two pixels.
fn visible(source: &Picture, map: &Affine, width: u32, height: u32) -> (u32, u32, u32, u32) {
    let (w, h) = (width as f32, height as f32);
    let corners = [(0.0, 0.0), (w, 0.0), (0.0, h), (w, h)].map(|(x, y)| map.apply(Point { x, y }));
    let bound = |values: [f32; 4], limit: u32| {
        let low = values.iter().copied().fold(f32::INFINITY, f32::min).floor() - 2.0;
        let high = values.iter().copied().fold(f32::NEG_INFINITY, f32::max).ceil() + 3.0;
        let low = low.clamp(0.0, limit as f32 - 1.0) as u32;
        let high = high.clamp(low as f32 + 1.0, limit as f32) as u32;
        (low, high - low)
    };
    let (x, w) = bound(corners.map(|point| point.x), source.width);
    let (y, h) = bound(corners.map(|point| point.y), source.height);
    (x, y, w, h)
}
