//! From a picture to the rectangles that hold a line of text.

use zeroize::Zeroizing;

use crate::ModelsError;
use crate::geometry::Point;
use crate::picture::Picture;
use crate::plan::Network;

/// How large the picture is made for the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Size {
    /// Longer side at most 960 pixels: enough for a page that fills the picture, in half the time.
    Fast,
    /// Longer side at most 1280 pixels, shorter side at least 736 where that allows. Measured: 1280 instead of the
    /// publisher's 2000 loses no line of a machine-readable zone.
    Full,
}

impl Size {
    /// Least shorter side and, with precedence, largest longer side.
    fn sides(self) -> (f32, f32) {
        match self {
            Self::Fast => (640.0, 960.0),
            Self::Full => (736.0, 1280.0),
        }
    }
}

/// Probability from which a pixel is text.
const PIXEL: f32 = 0.3;
/// Mean probability from which a rectangle is text.
const RECTANGLE: f32 = 0.5;
/// How far rectangles are grown, because the network is trained on shrunken ones.
const GROW: f32 = 1.6;
/// Least height before and after growing, in pixels of the network's input.
const LEAST: (f32, f32) = (3.0, 5.0);
/// Most lines that are kept; more is no document.
const MOST_LINES: usize = 300;
/// A rectangle this much taller than wide is a line that stands upright.
const UPRIGHT: f32 = 1.5;

/// Lines of text, by their top edge: top left, top right, bottom right, bottom left in reading direction.
pub(crate) fn find(network: &Network, picture: &Picture, size: Size) -> Result<Vec<[Point; 4]>, ModelsError> {
    let (width, height) = input_size(picture.width(), picture.height(), size);
    let small = picture.resize(width, height);
    let input = Zeroizing::new(small.planes([2, 1, 0], 1.0 / 127.5, -1.0));
    let outputs = network.run(&[1, 3, height as usize, width as usize], &input)?;
    let Some(map) = outputs.first().filter(|map| map.values.len() == width as usize * height as usize) else {
        return Err(ModelsError::Network { model: "ppocrv6-det-small", reason: "unexpected output".into() });
    };
    let (scale_x, scale_y) = (picture.width() as f32 / width as f32, picture.height() as f32 / height as f32);
    let (right, bottom) = (picture.width() as f32 - 1.0, picture.height() as f32 - 1.0);
    let mut quads: Vec<[Point; 4]> = rectangles(&map.values, width as usize, height as usize)
        .into_iter()
        .map(|quad| {
            quad.map(|point| Point {
                x: ((point.x + 0.5) * scale_x - 0.5).clamp(0.0, right),
                y: ((point.y + 0.5) * scale_y - 0.5).clamp(0.0, bottom),
            })
        })
        .map(reading_order)
        .collect();
    quads.sort_by(|a, b| a[0].y.min(a[1].y).total_cmp(&b[0].y.min(b[1].y)));
    Ok(quads)
}

/// Size of the network's input: multiples of 32.
fn input_size(width: u32, height: u32, size: Size) -> (u32, u32) {
    let (short, long) = size.sides();
    let (w, h) = (width as f32, height as f32);
    let scale = (short / w.min(h)).max(1.0).min(long / w.max(h));
    let side = |side: f32| (((side * scale / 32.0).round() as u32) * 32).clamp(32, long as u32);
    (side(w), side(h))
}

/// Rectangles around connected text, grown to the size of the letters. Pure, for tests.
fn rectangles(map: &[f32], width: usize, height: usize) -> Vec<[Point; 4]> {
    // Dilated with a 2 x 2 kernel: a pixel is text when it or its left, upper or upper left neighbour is.
    let raw = |x: usize, y: usize| map[y * width + x] > PIXEL;
    let mut text = vec![false; width * height];
    for y in 0..height {
        for x in 0..width {
            text[y * width + x] = raw(x, y)
                || (x > 0 && raw(x - 1, y))
                || (y > 0 && raw(x, y - 1))
                || (x > 0 && y > 0 && raw(x - 1, y - 1));
        }
    }
    let mut out = Vec::new();
    let mut stack = Vec::new();
    for start in 0..text.len() {
        if !text[start] || out.len() >= MOST_LINES {
            continue;
        }
        // One component: the outermost pixels of each of its rows are enough for its hull.
        let mut rows: std::collections::BTreeMap<usize, (usize, usize)> = std::collections::BTreeMap::new();
        text[start] = false;
        stack.push(start);
        while let Some(at) = stack.pop() {
            let (x, y) = (at % width, at / width);
            let row = rows.entry(y).or_insert((x, x));
            *row = (row.0.min(x), row.1.max(x));
            for ny in y.saturating_sub(1)..=(y + 1).min(height - 1) {
                for nx in x.saturating_sub(1)..=(x + 1).min(width - 1) {
                    let next = ny * width + nx;
                    if text[next] {
                        text[next] = false;
                        stack.push(next);
                    }
                }
            }
        }
        let points: Vec<Point> = rows
            .iter()
            .flat_map(|(&y, &(left, right))| [left, right].map(|x| Point { x: x as f32, y: y as f32 }))
            .collect();
        let Some(rectangle) = Rectangle::around(&points) else { continue };
        if rectangle.short_side() < LEAST.0 || rectangle.mean(map, width, height) < RECTANGLE {
            continue;
        }
        let grown = rectangle.grown();
        if grown.short_side() >= LEAST.1 {
            out.push(grown.corners());
        }
    }
    out
}

/// A turned rectangle.
#[derive(Debug, Clone, Copy)]
struct Rectangle {
    centre: Point,
    /// Unit vector along the first side.
    along: Point,
    /// Half the length of the sides.
    half: (f32, f32),
}

impl Rectangle {
    /// The smallest rectangle around the points: one side lies on an edge of their convex hull.
    fn around(points: &[Point]) -> Option<Self> {
        let hull = hull(points);
        let mut best: Option<(f32, Self)> = None;
        for (at, &from) in hull.iter().enumerate() {
            let to = hull[(at + 1) % hull.len()];
            let length = from.distance(to);
            if length < 1e-3 {
                continue;
            }
            let along = Point { x: (to.x - from.x) / length, y: (to.y - from.y) / length };
            let (mut low, mut high) = ((f32::MAX, f32::MAX), (f32::MIN, f32::MIN));
            for point in &hull {
                let (u, v) = (point.x * along.x + point.y * along.y, point.y * along.x - point.x * along.y);
                low = (low.0.min(u), low.1.min(v));
                high = (high.0.max(u), high.1.max(v));
            }
            let (u, v) = ((low.0 + high.0) / 2.0, (low.1 + high.1) / 2.0);
            let half = ((high.0 - low.0) / 2.0, (high.1 - low.1) / 2.0);
            let centre = Point { x: u * along.x - v * along.y, y: u * along.y + v * along.x };
            let area = half.0 * half.1;
            if best.is_none_or(|(smallest, _)| area < smallest) {
                best = Some((area, Self { centre, along, half }));
            }
        }
        best.map(|(_, rectangle)| rectangle)
    }

    fn short_side(&self) -> f32 {
        2.0 * self.half.0.min(self.half.1)
    }

    /// Grown on every side by area times [`GROW`] over perimeter.
    fn grown(&self) -> Self {
        let (w, h) = (2.0 * self.half.0, 2.0 * self.half.1);
        let by = w * h * GROW / (2.0 * (w + h)).max(1e-3);
        Self { half: (self.half.0 + by, self.half.1 + by), ..*self }
    }

    /// Mean of the map inside.
    fn mean(&self, map: &[f32], width: usize, height: usize) -> f32 {
        let corners = self.corners();
        let bound = |values: [f32; 4], limit: usize| {
            let low = values.iter().copied().fold(f32::MAX, f32::min).floor().max(0.0) as usize;
            let high = values.iter().copied().fold(f32::MIN, f32::max).ceil().max(0.0) as usize;
            (low.min(limit - 1), high.min(limit - 1))
        };
        let (left, right) = bound(corners.map(|point| point.x), width);
        let (top, bottom) = bound(corners.map(|point| point.y), height);
        let (mut sum, mut count) = (0.0f64, 0u32);
        for y in top..=bottom {
            for x in left..=right {
                let (dx, dy) = (x as f32 - self.centre.x, y as f32 - self.centre.y);
                let (u, v) = (dx * self.along.x + dy * self.along.y, dy * self.along.x - dx * self.along.y);
                if u.abs() <= self.half.0 + 0.01 && v.abs() <= self.half.1 + 0.01 {
                    sum += f64::from(map[y * width + x]);
                    count += 1;
                }
            }
        }
        if count == 0 { 0.0 } else { (sum / f64::from(count)) as f32 }
    }

    fn corners(&self) -> [Point; 4] {
        let (a, (w, h)) = (self.along, self.half);
        [(-w, -h), (w, -h), (w, h), (-w, h)]
            .map(|(u, v)| Point { x: self.centre.x + u * a.x - v * a.y, y: self.centre.y + u * a.y + v * a.x })
    }
}

/// Convex hull by Andrew's monotone chain.
fn hull(points: &[Point]) -> Vec<Point> {
    let mut sorted = points.to_vec();
    sorted.sort_by(|a, b| a.x.total_cmp(&b.x).then(a.y.total_cmp(&b.y)));
    sorted.dedup();
    if sorted.len() < 3 {
        return sorted;
    }
    let mut out: Vec<Point> = Vec::with_capacity(sorted.len());
    for pass in 0..2 {
        let base = out.len();
        let walk: Box<dyn Iterator<Item = &Point>> =
            if pass == 0 { Box::new(sorted.iter()) } else { Box::new(sorted.iter().rev()) };
        for &point in walk {
            while out.len() >= base + 2 {
                let (a, b) = (out[out.len() - 2], out[out.len() - 1]);
                if (b.x - a.x) * (point.y - a.y) - (b.y - a.y) * (point.x - a.x) > 0.0 {
                    break;
                }
                out.pop();
            }
            out.push(point);
        }
        out.pop();
    }
    out
}

/// Corners from the top left one clockwise; of a line that stands upright, as if it were read from top to bottom
/// after a quarter turn to the left.
fn reading_order(quad: [Point; 4]) -> [Point; 4] {
    let mut by_x = quad;
    by_x.sort_by(|a, b| a.x.total_cmp(&b.x));
    let pair = |a: Point, b: Point| if a.y <= b.y { (a, b) } else { (b, a) };
    let ((top_left, bottom_left), (top_right, bottom_right)) = (pair(by_x[0], by_x[1]), pair(by_x[2], by_x[3]));
    let upright = [top_left, top_right, bottom_right, bottom_left];
    let (width, height) = crate::ocr::size(&upright);
    if height >= UPRIGHT * width { [top_right, bottom_right, bottom_left, top_left] } else { upright }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_multiples_within_bounds() {
        for (width, height, expected) in [
            (1476, 1039, (1280, 896)),
            (275, 184, (1088, 736)),
            (1011, 1321, (992, 1280)),
            (4000, 3000, (1280, 960)),
            (1, 1, (736, 736)),
            (12_000, 1, (1280, 32)),
        ] {
            assert_eq!(input_size(width, height, Size::Full), expected, "{width} x {height}");
        }
        assert_eq!(input_size(1476, 1039, Size::Fast), (960, 672));
        assert_eq!(input_size(275, 184, Size::Fast), (960, 640));
    }

    #[test]
    fn a_turned_bar_is_found_and_grown() {
        let (width, height) = (200, 120);
        let mut map = vec![0.0f32; width * height];
        let angle = 0.2f32;
        for y in 0..height {
            for x in 0..width {
                let (dx, dy) = (x as f32 - 100.0, y as f32 - 60.0);
                let (u, v) = (dx * angle.cos() + dy * angle.sin(), dy * angle.cos() - dx * angle.sin());
                if u.abs() <= 60.0 && v.abs() <= 5.0 {
                    map[y * width + x] = 0.9;
                }
            }
        }
        map[5 * width + 5] = 1.0; // A speck.
        let found = rectangles(&map, width, height);
        assert_eq!(found.len(), 1);
        let quad = reading_order(found[0]);
        let (w, h) = crate::ocr::size(&quad);
        let grow = 120.0 * 11.0 * GROW / (2.0 * 131.0);
        assert!((w - 120.0 - 2.0 * grow).abs() < 4.0 && (h - 11.0 - 2.0 * grow).abs() < 4.0, "{w} x {h}");
        assert!(((quad[1].y - quad[0].y).atan2(quad[1].x - quad[0].x) - angle).abs() < 0.02);
    }

    #[test]
    fn an_empty_or_full_map_does_no_harm() {
        assert!(rectangles(&[0.0; 64], 8, 8).is_empty());
        assert_eq!(rectangles(&[1.0; 64], 8, 8).len(), 1);
        assert!(rectangles(&[f32::NAN; 64], 8, 8).is_empty());
    }

    #[test]
    fn upright_lines_are_turned() {
        let quad = [(10.0, 10.0), (20.0, 10.0), (20.0, 90.0), (10.0, 90.0)].map(|(x, y)| Point { x, y });
        assert_eq!(reading_order(quad)[0], quad[1]);
        assert_eq!(crate::ocr::size(&reading_order(quad)), (80.0, 10.0));
    }
}
