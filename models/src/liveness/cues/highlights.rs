//! Reflections of lamps on skin and eyes: small and sharp on a face, broad or absent on paper.

use super::{Grid, Seen, ramp};
use crate::geometry::Rect;
use crate::picture::Picture;

/// Cells across the face.
const ACROSS: f32 = 96.0;
/// Cells from the middle of a neighbourhood to its edge.
const REACH: i64 = 5;
/// Contrast of the brightest spots from which reflections are there for certain, and below which there are none.
const SHARP: f32 = 0.35;
const DULL: f32 = 0.08;

/// Value and contrast of the brightest spots: 1 where no sharp reflection is left.
pub(super) fn look(picture: &Picture, bounds: &Rect) -> (f32, Seen) {
    // A reflection has the colour of the lamp: the darkest of the three values rises most.
    let darkest = |[red, green, blue]: [u8; 3]| f32::from(red.min(green).min(blue));
    let grid = Grid::of(picture, bounds, (bounds.width / ACROSS).max(1.0), darkest);
    let mut contrasts = Vec::with_capacity(grid.values.len());
    for y in 0..grid.height as i64 {
        for x in 0..grid.width as i64 {
            let mut sum = 0.0;
            for (dx, dy) in [(-1, 0), (1, 0), (0, -1), (0, 1), (-1, -1), (1, -1), (-1, 1), (1, 1)] {
                sum += grid.at(x + REACH * dx, y + REACH * dy);
            }
            let around = sum / 8.0;
            contrasts.push((grid.at(x, y) - around) / around.max(16.0));
        }
    }
    contrasts.sort_by(f32::total_cmp);
    let contrast = contrasts.get(contrasts.len() * 995 / 1000).copied().unwrap_or(0.0).max(0.0);
    (ramp(-contrast, -SHARP, -DULL), Seen::Highlights { contrast })
}
