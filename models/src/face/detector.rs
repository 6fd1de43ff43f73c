//! BlazeFace: from 896 anchors to a list of faces.

use zeroize::Zeroizing;

use crate::ModelsError;
use crate::face::{Face, unexpected};
use crate::geometry::{Point, Rect};
use crate::picture::Picture;
use crate::plan::Network;

/// Side of the input.
const SIDE: u32 = 256;
/// Anchor grids: step in input pixels, anchors at each place.
const GRIDS: [(usize, usize); 2] = [(16, 2), (32, 6)];
/// Least confidence.
const MIN_SCORE: f32 = 0.5;
/// Boxes that overlap more than this (intersection over union) are one face.
const SAME_FACE: f32 = 0.3;
/// Values a box has: centre, size, six points.
const VALUES: usize = 16;

/// All faces in the picture, largest first.
pub(super) fn run(network: &Network, picture: &Picture) -> Result<Vec<Face>, ModelsError> {
    let (width, height) = (picture.width(), picture.height());
    let scale = SIDE as f32 / width.max(height) as f32;
    let fit = |side: u32| ((side as f32 * scale).round() as u32).clamp(1, SIDE);
    let small = picture.resize(fit(width), fit(height));
    let (left, top) = ((SIDE - small.width()) / 2, (SIDE - small.height()) / 2);
    let mut square = Picture::filled(SIDE, SIDE, [0; 3]);
    square.paste(&small, left, top);

    let input = Zeroizing::new(square.planes([0, 1, 2], 1.0 / 127.5, -1.0));
    let outputs = network.run(&[1, 3, SIDE as usize, SIDE as usize], &input)?;
    let [fine_scores, coarse_scores, fine_boxes, coarse_boxes] = outputs.as_slice() else {
        return Err(unexpected("blazeface"));
    };

    let mut candidates = Vec::new();
    for ((step, per_place), (scores, boxes)) in
        GRIDS.into_iter().zip([(fine_scores, fine_boxes), (coarse_scores, coarse_boxes)])
    {
        let places = SIDE as usize / step;
        let (values, _) = boxes.values.as_chunks::<VALUES>();
        if scores.values.len() != places * places * per_place || values.len() != scores.values.len() {
            return Err(unexpected("blazeface"));
        }
        for (index, (&logit, values)) in scores.values.iter().zip(values).enumerate() {
            let score = 1.0 / (1.0 + (-logit.clamp(-80.0, 80.0)).exp());
            if score.is_nan() || score < MIN_SCORE || !values.iter().all(|value| value.is_finite()) {
                continue;
            }
            let place = index / per_place;
            let anchor = |at: usize| (at as f32 + 0.5) * step as f32;
            let (anchor_x, anchor_y) = (anchor(place % places), anchor(place / places));
            let point = |dx: f32, dy: f32| Point {
                x: (anchor_x + dx - left as f32) / small.width() as f32 * width as f32 - 0.5,
                y: (anchor_y + dy - top as f32) / small.height() as f32 * height as f32 - 0.5,
            };
            let centre = point(values[0], values[1]);
            let (w, h) = (values[2] / scale, values[3] / scale);
            if !(w >= 1.0 && h >= 1.0) {
                continue;
            }
            let bounds = Rect { x: centre.x - w / 2.0, y: centre.y - h / 2.0, width: w, height: h };
            let points = std::array::from_fn(|i| point(values[4 + 2 * i], values[5 + 2 * i]));
            candidates.push(Face { bounds, score, points });
        }
    }
    Ok(merge(candidates))
}

/// Boxes of one face overlap, or one lies on the other: a face that fills the frame yields boxes of its parts.
fn is_same(best: &Rect, other: &Rect) -> bool {
    best.overlap(other) > SAME_FACE || best.holds(other.centre())
}

/// Makes one face of boxes that overlap: the mean of the group, weighted by confidence (as in MediaPipe).
fn merge(mut candidates: Vec<Face>) -> Vec<Face> {
    candidates.sort_by(|a, b| b.score.total_cmp(&a.score));
    let mut faces = Vec::new();
    while let Some(best) = candidates.first().cloned() {
        let (group, rest): (Vec<Face>, Vec<Face>) =
            candidates.into_iter().partition(|other| is_same(&best.bounds, &other.bounds));
        candidates = rest;
        let group: Vec<Face> = group.into_iter().filter(|face| face.bounds.overlap(&best.bounds) > SAME_FACE).collect();
        let total: f32 = group.iter().map(|face| face.score).sum();
        let mean =
            |value: &dyn Fn(&Face) -> f32| group.iter().map(|face| value(face) * face.score).sum::<f32>() / total;
        faces.push(Face {
            bounds: Rect {
                x: mean(&|face| face.bounds.x),
                y: mean(&|face| face.bounds.y),
                width: mean(&|face| face.bounds.width),
                height: mean(&|face| face.bounds.height),
            },
            score: best.score,
            points: std::array::from_fn(|i| Point {
                x: mean(&|face| face.points[i].x),
                y: mean(&|face| face.points[i].y),
            }),
        });
    }
    faces.sort_by(|a, b| b.bounds.area().total_cmp(&a.bounds.area()));
    faces
}
