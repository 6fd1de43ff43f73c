//! A rectangle around the face: the edge of paper, the housing of a screen.
//!
//! On a coarse grid, for each side of the face the straight, nearly upright or level line along which most of the
//! brightness changes in one direction. Then the four lines are cut with each other, and each side is looked at
//! from corner to corner and beyond: the edge of a thing ends at its corners, a door frame goes on.

use super::{Grid, Seen, luma, ramp};
use crate::geometry::{Point, Rect};
use crate::picture::Picture;

/// Cells across the face.
const ACROSS: f32 = 40.0;
/// How far around the face to look, in widths of the face from its middle.
const REACH: f32 = 2.6;
/// Change of brightness a cell that counts as an edge, in grey levels.
const EDGE: f32 = 5.0;
/// Steepest slope of a side.
const SLOPE: f32 = 0.16;
/// Mean cover of the sides from which a rectangle is suspicious, and from which it is certain.
const SUSPICIOUS: f32 = 0.6;
const CERTAIN: f32 = 0.85;

/// Value, cover of the sides and corners.
pub(super) fn look(picture: &Picture, bounds: &Rect) -> (f32, Seen) {
    let centre = bounds.centre();
    let (width, height) = (picture.width() as f32, picture.height() as f32);
    let reach = REACH * bounds.width.max(bounds.height);
    let (left, top) = ((centre.x - reach).max(0.0), (centre.y - reach).max(0.0));
    let area = Rect {
        x: left,
        y: top,
        width: (centre.x + reach).min(width) - left,
        height: (centre.y + reach).min(height) - top,
    };
    let cell = (bounds.width / ACROSS).max(0.5);
    let grid = Grid::of(picture, &area, cell, luma);
    let edges = Edges::of(&grid);
    // The face in cells.
    let (half_w, half_h) = (bounds.width / cell / 2.0, bounds.height / cell / 2.0);
    let (cx, cy) = ((centre.x - left) / cell, (centre.y - top) / cell);
    let upright = Span { middle: cy, from: cy - 1.3 * half_h, to: cy + 1.3 * half_h };
    let level = Span { middle: cx, from: cx - 1.2 * half_w, to: cx + 1.2 * half_w };
    let (w, h) = (grid.width as f32, grid.height as f32);
    let lines = [
        edges.strongest(Way::Upright, &upright, 2.0, cx - 1.1 * half_w),
        edges.strongest(Way::Upright, &upright, cx + 1.1 * half_w, w - 3.0),
        edges.strongest(Way::Level, &level, 2.0, cy - 1.3 * half_h),
        edges.strongest(Way::Level, &level, cy + 1.2 * half_h, h - 3.0),
    ];
    let none = (0.0, Seen::Frame { sides: lines.map(|line| line.map_or(0.0, |line| line.cover)), corners: None });
    let [Some(l), Some(r), Some(t), Some(b)] = lines else { return none };
    let corners = [l.meets(&t), r.meets(&t), r.meets(&b), l.meets(&b)];
    let sides = [
        edges.side(Way::Upright, &l, corners[0].1, corners[3].1),
        edges.side(Way::Upright, &r, corners[1].1, corners[2].1),
        edges.side(Way::Level, &t, corners[0].0, corners[1].0),
        edges.side(Way::Level, &b, corners[3].0, corners[2].0),
    ];
    let mut covers = sides.map(|side| (side.0 - 0.5 * side.1).max(0.0));
    let seen = Seen::Frame {
        sides: covers,
        corners: Some(corners.map(|(x, y)| Point { x: left + (x + 0.5) * cell, y: top + (y + 0.5) * cell })),
    };
    covers.sort_by(f32::total_cmp);
    // One side may be hidden behind a hand or lie outside the picture.
    let value = ramp((covers[0] * 0.5 + covers[1] + covers[2] + covers[3]) / 3.5, SUSPICIOUS, CERTAIN);
    (value, seen)
}

/// Which way a line runs.
#[derive(Clone, Copy)]
enum Way {
    Upright,
    Level,
}

/// Where along its way a line is looked at, in cells.
struct Span {
    middle: f32,
    from: f32,
    to: f32,
}

/// A line: `across = offset + slope * (along - middle)`.
#[derive(Clone, Copy)]
struct Line {
    offset: f32,
    slope: f32,
    middle: f32,
    /// Whether brightness rises across it.
    rising: bool,
    cover: f32,
}

impl Line {
    fn across(&self, along: f32) -> f32 {
        self.offset + self.slope * (along - self.middle)
    }

    /// Where this upright line meets a level one.
    fn meets(&self, level: &Self) -> (f32, f32) {
        let (mut x, mut y) = (self.offset, level.offset);
        for _ in 0..4 {
            x = self.across(y);
            y = level.across(x);
        }
        (x, y)
    }
}

/// Half differences of the grid, across and down.
struct Edges {
    width: usize,
    height: usize,
    steps: Vec<(f32, f32)>,
}

impl Edges {
    fn of(grid: &Grid) -> Self {
        let mut steps = Vec::with_capacity(grid.values.len());
        for y in 0..grid.height as i64 {
            for x in 0..grid.width as i64 {
                let dx = (grid.at(x + 1, y) - grid.at(x - 1, y)) / 2.0;
                let dy = (grid.at(x, y + 1) - grid.at(x, y - 1)) / 2.0;
                steps.push((dx, dy));
            }
        }
        Self { width: grid.width, height: grid.height, steps }
    }

    /// -1, 0 or 1: whether there is an edge at a point of a line, and which side is brighter; `None` outside.
    fn direction(&self, way: Way, across: f32, along: f32) -> Option<i32> {
        let (x, y) = match way {
            Way::Upright => (across, along),
            Way::Level => (along, across),
        };
        if !(x >= 0.0 && y >= 0.0 && x < self.width as f32 && y < self.height as f32) {
            return None;
        }
        let (dx, dy) = self.steps[y as usize * self.width + x as usize];
        let (over, beside) = match way {
            Way::Upright => (dx, dy),
            Way::Level => (dy, dx),
        };
        Some(if over.abs() < EDGE || over.abs() < 1.5 * beside.abs() { 0 } else { over.signum() as i32 })
    }

    /// Share of a stretch of a line with an edge that rises, and with one that falls; what is outside has neither.
    fn cover(&self, way: Way, line: &Line, from: f32, to: f32) -> (f32, f32) {
        let (mut rising, mut falling, mut count) = (0u32, 0u32, 0u32);
        let steps = (to - from).clamp(0.0, 2000.0) as usize;
        for step in 0..=steps {
            let along = from + step as f32;
            count += 1;
            match self.direction(way, line.across(along) + 0.5, along) {
                Some(1) => rising += 1,
                Some(-1) => falling += 1,
                Some(_) | None => {}
            }
        }
        let share = |sum: u32| sum as f32 / count.max(1) as f32;
        (share(rising), share(falling))
    }

    /// The line whose middle lies between `low` and `high` with the most edge of one direction beside the face.
    fn strongest(&self, way: Way, span: &Span, low: f32, high: f32) -> Option<Line> {
        let mut best: Option<Line> = None;
        let mut offset = low;
        while offset <= high {
            for step in -8i32..=8 {
                let slope = step as f32 / 8.0 * SLOPE;
                let mut line = Line { offset, slope, middle: span.middle, rising: true, cover: 0.0 };
                let (rising, falling) = self.cover(way, &line, span.from, span.to);
                (line.rising, line.cover) = if rising >= falling { (true, rising) } else { (false, falling) };
                if best.is_none_or(|best| line.cover > best.cover) {
                    best = Some(line);
                }
            }
            offset += 1.0;
        }
        best
    }

    /// Share of a side with an edge between its corners, and beyond them.
    fn side(&self, way: Way, line: &Line, from: f32, to: f32) -> (f32, f32) {
        let of = |(rising, falling): (f32, f32)| if line.rising { rising } else { falling };
        let beyond = 0.2 * (to - from).max(0.0);
        let within = of(self.cover(way, line, from, to));
        let before = of(self.cover(way, line, from - beyond, from - 3.0));
        let after = of(self.cover(way, line, to + 3.0, to + beyond));
        (within, (before + after) / 2.0)
    }
}
