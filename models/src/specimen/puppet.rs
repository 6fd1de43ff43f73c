//! A picture of a face made to move: turns, nods, closes its eyes, comes closer.
//!
//! The face mesh gives every point of the face a depth; the picture is cut into triangles between these points and drawn
//! again with the points turned in space. Around the face the picture is stretched so that nothing tears. Good enough for
//! the mesh network to see the movement, and no more: made to test that a challenge is understood, not to measure how
//! well people are told from pictures.

use delaunator::{Point as Site, triangulate};

use crate::face::{self, FaceError, FaceMesh};
use crate::geometry::{Point, Rect};
use crate::picture::Picture;
use crate::{Models, liveness::Action};

/// How the head is held, in changes from how it is in the picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stance {
    /// Turn in radians, positive to the person's own left.
    pub yaw: f32,
    /// Nod in radians, positive downwards.
    pub pitch: f32,
    /// How far the eyes are closed, 0 to 1.
    pub lids: f32,
    /// Size of the head, 1 as in the picture.
    pub nearness: f32,
    /// Shift of the head in pixels, to the right and down.
    pub shift: (f32, f32),
}

impl Stance {
    /// As in the picture.
    pub const REST: Self = Self { yaw: 0.0, pitch: 0.0, lids: 0.0, nearness: 1.0, shift: (0.0, 0.0) };

    /// A movement made in full.
    pub fn full(action: Action) -> Self {
        match action {
            Action::TurnLeft => Self { yaw: 0.5, ..Self::REST },
            Action::TurnRight => Self { yaw: -0.5, ..Self::REST },
            Action::Nod => Self { pitch: 0.4, ..Self::REST },
            Action::Blink => Self { lids: 1.0, ..Self::REST },
            Action::ComeCloser => Self { nearness: 1.35, ..Self::REST },
        }
    }

    /// A share of the way from rest to this stance.
    #[must_use]
    pub fn part(self, share: f32) -> Self {
        Self {
            yaw: self.yaw * share,
            pitch: self.pitch * share,
            lids: self.lids * share,
            nearness: 1.0 + (self.nearness - 1.0) * share,
            shift: (self.shift.0 * share, self.shift.1 * share),
        }
    }
}

/// A picture with one face, ready to move.
#[derive(Debug)]
pub struct Puppet {
    picture: Picture,
    face: FaceMesh,
    /// Points of the face, then those around it, which do not turn, then the edge of the picture, which stays.
    points: Vec<[f32; 3]>,
    triangles: Vec<[usize; 3]>,
    /// Middle of the head: x, y, depth.
    middle: [f32; 3],
    /// Width of the face in pixels.
    width: f32,
}

/// Points of the face mesh.
const FACE: usize = 468;
/// Points on the ring around the face.
const RING: usize = 28;
/// Half axes of the ring in those of the face.
const RING_SIZE: f32 = 1.75;
/// Upper lid and the lower lid below each of its points: the eye on the left of the picture, then the other.
const LIDS: [(usize, usize); 14] = [
    (246, 7),
    (161, 163),
    (160, 144),
    (159, 145),
    (158, 153),
    (157, 154),
    (173, 155),
    (466, 249),
    (388, 390),
    (387, 373),
    (386, 374),
    (385, 380),
    (384, 381),
    (398, 382),
];

impl Puppet {
    /// Takes the one face of `picture`.
    pub fn new(models: &Models, picture: Picture) -> Result<Self, FaceError> {
        let face = face::measure_single(models, &picture)?;
        let outline = bounds(&face.mesh);
        let centre = outline.centre();
        let edge_depth = (face.mesh[234][2] + face.mesh[454][2]) / 2.0;
        // The ears' axis lies a little behind the outline of the face.
        let middle = [centre.x, centre.y, edge_depth + 0.15 * outline.width];
        let mut points = face.mesh.clone();
        for at in 0..RING {
            let (sin, cos) = (at as f32 / RING as f32 * std::f32::consts::TAU).sin_cos();
            let x = centre.x + cos * outline.width / 2.0 * RING_SIZE;
            let y = centre.y + sin * outline.height / 2.0 * RING_SIZE;
            points.push([x, y, middle[2]]);
        }
        let (right, bottom) = (picture.width() as f32 - 1.0, picture.height() as f32 - 1.0);
        for step in 0..6u8 {
            let share = f32::from(step) / 6.0;
            points.extend([
                [right * share, 0.0, 1e4],
                [right, bottom * share, 1e4],
                [right * (1.0 - share), bottom, 1e4],
                [0.0, bottom * (1.0 - share), 1e4],
            ]);
        }
        let sites: Vec<Site> = points.iter().map(|point| Site { x: point[0].into(), y: point[1].into() }).collect();
        let triangles = triangulate(&sites).triangles.as_chunks::<3>().0.to_vec();
        Ok(Self { picture, face, points, triangles, middle, width: outline.width })
    }

    /// The picture at rest.
    pub fn picture(&self) -> &Picture {
        &self.picture
    }

    /// The face at rest.
    pub fn face(&self) -> &FaceMesh {
        &self.face
    }

    /// The picture with the head held so.
    pub fn draw(&self, stance: &Stance) -> Picture {
        let moved: Vec<[f32; 3]> = (0..self.points.len()).map(|at| self.place(at, stance)).collect();
        let mut order: Vec<&[usize; 3]> = self.triangles.iter().collect();
        // Far ones first, so that near ones cover them.
        let depth = |triangle: &[usize; 3]| triangle.iter().map(|at| moved[*at][2]).sum::<f32>();
        order.sort_by(|a, b| depth(b).total_cmp(&depth(a)));
        let mut out = self.picture.clone();
        for triangle in order {
            let flat = |points: &[[f32; 3]], at: usize| Point { x: points[at][0], y: points[at][1] };
            let from = triangle.map(|at| flat(&self.points, at));
            let to = triangle.map(|at| flat(&moved, at));
            // The edge of the picture stays as it is, and lies behind everything that moves.
            if from == to {
                continue;
            }
            fill(&mut out, &self.picture, from, to);
        }
        out
    }

    fn place(&self, at: usize, stance: &Stance) -> [f32; 3] {
        let mut point = self.points[at];
        if at >= FACE + RING {
            return point;
        }
        let [cx, cy, cz] = self.middle;
        if at < FACE {
            if let Some((_, lower)) = LIDS.iter().find(|(upper, _)| *upper == at) {
                let lower = self.points[*lower];
                for (value, target) in point.iter_mut().zip(lower) {
                    *value += (target - *value) * stance.lids * 0.95;
                }
            }
            let (x, y, z) = (point[0] - cx, point[1] - cy, point[2] - cz);
            let (sin, cos) = stance.yaw.sin_cos();
            let (x, z) = (x * cos - z * sin, x * sin + z * cos);
            let (sin, cos) = stance.pitch.sin_cos();
            let (y, z) = (y * cos - z * sin, y * sin + z * cos);
            // A camera four faces away.
            let nearness = 1.0 / (1.0 + z / (4.0 * self.width));
            let rest = 1.0 / (1.0 + (self.points[at][2] - cz) / (4.0 * self.width));
            point = [cx + x * nearness / rest, cy + y * nearness / rest, cz + z];
        }
        [
            cx + (point[0] - cx) * stance.nearness + stance.shift.0,
            cy + (point[1] - cy) * stance.nearness + stance.shift.1,
            point[2],
        ]
    }
}

fn bounds(mesh: &[[f32; 3]]) -> Rect {
    let (mut left, mut top, mut right, mut bottom) = (f32::MAX, f32::MAX, f32::MIN, f32::MIN);
    for point in mesh {
        (left, right) = (left.min(point[0]), right.max(point[0]));
        (top, bottom) = (top.min(point[1]), bottom.max(point[1]));
    }
    Rect { x: left, y: top, width: right - left, height: bottom - top }
}

/// Draws the triangle `from` of `source` at `to`.
fn fill(out: &mut Picture, source: &Picture, from: [Point; 3], to: [Point; 3]) {
    let [a, b, c] = to;
    let area = (b.x - a.x) * (c.y - a.y) - (c.x - a.x) * (b.y - a.y);
    if area.abs() < 1e-3 {
        return;
    }
    let (width, height) = (out.width(), out.height());
    let within = |low: f32, high: f32, side: u32| {
        (low.floor().clamp(0.0, side as f32) as u32, (high.ceil() + 1.0).clamp(0.0, side as f32) as u32)
    };
    let (left, right) = within(a.x.min(b.x).min(c.x), a.x.max(b.x).max(c.x), width);
    let (top, bottom) = within(a.y.min(b.y).min(c.y), a.y.max(b.y).max(c.y), height);
    for y in top..bottom {
        for x in left..right {
            let (px, py) = (x as f32, y as f32);
            let v = ((px - a.x) * (c.y - a.y) - (c.x - a.x) * (py - a.y)) / area;
            let w = ((b.x - a.x) * (py - a.y) - (px - a.x) * (b.y - a.y)) / area;
            let u = 1.0 - v - w;
            if u < -1e-4 || v < -1e-4 || w < -1e-4 {
                continue;
            }
            let at = Point {
                x: u * from[0].x + v * from[1].x + w * from[2].x,
                y: u * from[0].y + v * from[1].y + w * from[2].y,
            };
            let colour = super::vary::bilinear(source, at.x, at.y);
            let place = (y as usize * width as usize + x as usize) * 3;
            for (value, new) in out.rgb_mut()[place..place + 3].iter_mut().zip(colour) {
                *value = new.round().clamp(0.0, 255.0) as u8;
            }
        }
    }
}
