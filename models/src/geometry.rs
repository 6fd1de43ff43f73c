//! Points, boxes and the two maps that cut a face or a page out of a picture.
//!
//! Pixel coordinates: x to the right, y down, the origin in the centre of the top left pixel.

/// A point in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Point {
    /// Column, to the right.
    pub x: f32,
    /// Row, downwards.
    pub y: f32,
}

impl Point {
    /// Euclidean distance in pixels.
    pub fn distance(self, other: Self) -> f32 {
        (self.x - other.x).hypot(self.y - other.y)
    }

    /// The point half way to `other`.
    pub fn middle(self, other: Self) -> Self {
        Self { x: (self.x + other.x) / 2.0, y: (self.y + other.y) / 2.0 }
    }
}

/// An upright box in pixels; it may reach beyond the picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rect {
    /// Left edge.
    pub x: f32,
    /// Top edge.
    pub y: f32,
    /// Width.
    pub width: f32,
    /// Height.
    pub height: f32,
}

impl Rect {
    /// Width times height.
    pub fn area(&self) -> f32 {
        self.width.max(0.0) * self.height.max(0.0)
    }

    /// The centre of the box.
    pub fn centre(&self) -> Point {
        Point { x: self.x + self.width / 2.0, y: self.y + self.height / 2.0 }
    }

    /// Whether the point lies inside.
    pub fn holds(&self, point: Point) -> bool {
        (self.x..self.x + self.width).contains(&point.x) && (self.y..self.y + self.height).contains(&point.y)
    }

    /// Shared area divided by joint area, 0 to 1.
    pub fn overlap(&self, other: &Self) -> f32 {
        let width = (self.x + self.width).min(other.x + other.width) - self.x.max(other.x);
        let height = (self.y + self.height).min(other.y + other.height) - self.y.max(other.y);
        let shared = width.max(0.0) * height.max(0.0);
        let joint = self.area() + other.area() - shared;
        if joint > 0.0 { shared / joint } else { 0.0 }
    }
}

/// An affine map: `x' = a x + b y + c`, `y' = d x + e y + f`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Affine {
    /// First row: `a`, `b`, `c`.
    pub x: [f32; 3],
    /// Second row: `d`, `e`, `f`.
    pub y: [f32; 3],
}

impl Affine {
    /// The map of a point.
    pub fn apply(&self, point: Point) -> Point {
        Point {
            x: self.x[0] * point.x + self.x[1] * point.y + self.x[2],
            y: self.y[0] * point.x + self.y[1] * point.y + self.y[2],
        }
    }

    /// The map back, if there is one.
    pub fn inverse(&self) -> Option<Self> {
        let [a, b, c] = self.x;
        let [d, e, f] = self.y;
        let det = a * e - b * d;
        if !det.is_normal() {
            return None;
        }
        Some(Self { x: [e / det, -b / det, (b * f - c * e) / det], y: [-d / det, a / det, (c * d - a * f) / det] })
    }

    /// How many source pixels one target pixel covers along a side: the square root of the determinant.
    pub fn scale(&self) -> f32 {
        (self.x[0] * self.y[1] - self.x[1] * self.y[0]).abs().sqrt()
    }

    /// The similarity (turn, scale, shift; no mirror) that brings `from` closest to `to` in least squares.
    ///
    /// `None` with fewer than two different points (Umeyama 1991, in the plane).
    pub fn similarity(from: &[Point], to: &[Point]) -> Option<Self> {
        let n = from.len().min(to.len());
        if n < 2 {
            return None;
        }
        let mean = |points: &[Point]| {
            let (x, y) = points[..n].iter().fold((0.0, 0.0), |(x, y), point| (x + point.x, y + point.y));
            Point { x: x / n as f32, y: y / n as f32 }
        };
        let (centre_from, centre_to) = (mean(from), mean(to));
        let (mut dot, mut cross, mut spread) = (0.0, 0.0, 0.0);
        for (p, q) in from.iter().zip(to) {
            let (px, py) = (p.x - centre_from.x, p.y - centre_from.y);
            let (qx, qy) = (q.x - centre_to.x, q.y - centre_to.y);
            dot += px * qx + py * qy;
            cross += px * qy - py * qx;
            spread += px * px + py * py;
        }
        if !spread.is_normal() {
            return None;
        }
        let (a, b) = (dot / spread, cross / spread);
        Some(Self {
            x: [a, -b, centre_to.x - a * centre_from.x + b * centre_from.y],
            y: [b, a, centre_to.y - b * centre_from.x - a * centre_from.y],
        })
    }

    /// The same map into a picture whose origin moved by `(-dx, -dy)`.
    pub(crate) fn shifted(&self, dx: f32, dy: f32) -> Self {
        let mut out = *self;
        out.x[2] += dx;
        out.y[2] += dy;
        out
    }

    /// The same map into a picture of half the size, pixel centres taken into account.
    pub(crate) fn halved(&self) -> Self {
        let half = |row: [f32; 3]| [row[0] / 2.0, row[1] / 2.0, row[2] / 2.0 - 0.25];
        Self { x: half(self.x), y: half(self.y) }
    }
}

/// A projective map: nine numbers by rows, the last one being 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Homography([f32; 9]);

impl Homography {
    /// The map that leaves every point where it is.
    pub(crate) const IDENTITY: Self = Self([1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]);

    /// The map that brings the four points `from` onto `to`; `None` if three of them lie on a line.
    pub fn between(from: [Point; 4], to: [Point; 4]) -> Option<Self> {
        // Two linear equations a point in the eight unknowns.
        let mut rows = [[0f64; 9]; 8];
        for (i, (p, q)) in from.iter().zip(to.iter()).enumerate() {
            [rows[2 * i], rows[2 * i + 1]] = equations(*p, *q);
        }
        solve(rows)
    }

    /// The map that brings the points `from` closest to `to`: least squares of the linear equations (direct linear
    /// transform; Hartley and Zisserman, Multiple View Geometry, 2nd edition, section 4.1). `None` with fewer than four
    /// points or all of them on a line.
    ///
    /// Points should be of the size of 1 about the origin, or the equations weigh far points more.
    pub fn fit(from: &[Point], to: &[Point]) -> Option<Self> {
        if from.len().min(to.len()) < 4 {
            return None;
        }
        let mut normal = [[0f64; 9]; 8];
        for (p, q) in from.iter().zip(to) {
            for equation in equations(*p, *q) {
                for (row, factor) in normal.iter_mut().zip(equation) {
                    for (value, other) in row.iter_mut().zip(equation) {
                        *value += factor * other;
                    }
                }
            }
        }
        solve(normal)
    }

    /// The map of a point; beyond the horizon the result is not finite or far away.
    pub fn apply(&self, point: Point) -> Point {
        let [a, b, c, d, e, f, g, h, i] = self.0;
        let w = g * point.x + h * point.y + i;
        Point { x: (a * point.x + b * point.y + c) / w, y: (d * point.x + e * point.y + f) / w }
    }
}

/// The two equations in the eight unknowns of a map that brings `p` to `q`, with their right sides.
fn equations(p: Point, q: Point) -> [[f64; 9]; 2] {
    let (x, y, u, v) = (f64::from(p.x), f64::from(p.y), f64::from(q.x), f64::from(q.y));
    [[x, y, 1.0, 0.0, 0.0, 0.0, -u * x, -u * y, u], [0.0, 0.0, 0.0, x, y, 1.0, -v * x, -v * y, v]]
}

/// Gauss with pivoting in double precision.
fn solve(mut rows: [[f64; 9]; 8]) -> Option<Homography> {
    for column in 0..8 {
        let pivot = (column..8).max_by(|&a, &b| rows[a][column].abs().total_cmp(&rows[b][column].abs()))?;
        rows.swap(column, pivot);
        let head = rows[column];
        if !head[column].is_finite() || head[column].abs() < 1e-9 {
            return None;
        }
        for (i, row) in rows.iter_mut().enumerate() {
            if i != column {
                let factor = row[column] / head[column];
                for (value, from) in row.iter_mut().zip(head) {
                    *value -= factor * from;
                }
            }
        }
    }
    let mut map = [1f32; 9];
    for (i, row) in rows.iter().enumerate() {
        map[i] = (row[8] / row[i]) as f32;
    }
    map.iter().all(|value| value.is_finite()).then_some(Homography(map))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_projective_map_is_found_from_its_points() {
        let corners = |points: [(f32, f32); 4]| points.map(|(x, y)| Point { x, y });
        let map = Homography::between(
            corners([(-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0)]),
            corners([(-0.8, -1.2), (1.3, -0.9), (0.7, 0.8), (-1.1, 1.0)]),
        )
        .unwrap();
        let from: Vec<Point> = (0..100u8)
            .map(|at| Point { x: f32::from(at % 10) / 5.0 - 1.0, y: f32::from(at / 10) / 5.0 - 1.0 })
            .collect();
        let to: Vec<Point> = from.iter().map(|point| map.apply(*point)).collect();
        let fitted = Homography::fit(&from, &to).unwrap();
        let worst = from.iter().zip(&to).map(|(p, q)| fitted.apply(*p).distance(*q)).fold(0.0, f32::max);
        assert!(worst < 1e-4, "{worst}");

        assert_eq!(Homography::fit(&from[..3], &to[..3]), None);
        let line: Vec<Point> = (0..50u8).map(|at| Point { x: f32::from(at), y: 2.0 * f32::from(at) }).collect();
        assert_eq!(Homography::fit(&line, &line), None);
        assert_eq!(Homography::fit(&[Point { x: f32::NAN, y: 0.0 }; 9], &[Point::default(); 9]), None);
    }
}
