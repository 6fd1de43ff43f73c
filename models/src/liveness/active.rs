//! `ACTIVE_3D`: were the movements made that were asked for, by a head and not by a picture of one?
//!
//! Pure geometry over the face mesh of each frame (see [`crate::face::measure`]). Every movement must be seen under its
//! own prompt, there and back. A turn or nod must also move the points of the face as a body with depth does: if one
//! projective map explains how all points moved, they lie on a plane, and a plane is a picture.
//!
//! Measured on pictures that were moved by computer (`docs/accuracy.md`), not by ISO/IEC 30107-3.

use serde::Serialize;

use crate::face::FaceMesh;
use crate::geometry::{Homography, Point};
use crate::picture::Picture;

use super::challenge::Action;

/// Change of [`crate::face::Quality::yaw`] that is a turn of the head.
pub const TURN: f32 = 0.6;
/// Change of [`crate::face::Quality::pitch`] that is a nod: the tip of the nose moves towards the mouth.
pub const NOD: f32 = 0.07;
/// Share of the person's own usual eye opening below which the eyes are closed.
pub const BLINK: f32 = 0.75;
/// Growth of the face that is a step towards the camera.
pub const CLOSER: f32 = 1.2;
/// Share of the way to a movement that counts as not having begun, or as back from it.
pub const REST: f32 = 0.5;
/// Least root mean square, in eye distances, by which the best projective map misses the points of a turned head.
pub const DEPTH: f32 = 0.02;

/// How the head is held in one frame.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Pose {
    /// As [`crate::face::Quality::yaw`]; positive when the nose points to the right of the picture, which is the
    /// person's own left.
    pub yaw: f32,
    /// As [`crate::face::Quality::pitch`].
    pub pitch: f32,
    /// How open the eyes are: [`crate::face::Quality::eye_openness`] times how much the eyes stand out in the face. The
    /// mesh alone follows the lids too little; iris and white are gone when they are closed. Comparable within one
    /// recording only.
    pub open: f32,
    /// Height of the face from forehead to chin in pixels, in units of the picture's longer side.
    pub size: f32,
}

impl Pose {
    /// The pose of a measured face in a picture whose longer side has `side` pixels.
    pub fn of(face: &FaceMesh, side: u32) -> Self {
        let at = |index: usize| Point { x: face.mesh[index][0], y: face.mesh[index][1] };
        let quality = &face.quality;
        Self {
            yaw: quality.yaw,
            pitch: quality.pitch,
            open: quality.eye_openness * eyes_stand_out(face.chip()),
            size: at(10).distance(at(152)) / side.max(1) as f32,
        }
    }

    /// The middle of several poses, value by value; `None` of none.
    pub fn median(poses: &[Self]) -> Option<Self> {
        let middle = |value: fn(&Self) -> f32| {
            let mut values: Vec<f32> = poses.iter().map(value).collect();
            values.sort_by(f32::total_cmp);
            values.get(values.len() / 2).copied()
        };
        Some(Self {
            yaw: middle(|pose| pose.yaw)?,
            pitch: middle(|pose| pose.pitch)?,
            open: middle(|pose| pose.open)?,
            size: middle(|pose| pose.size)?,
        })
    }
}

/// Change of grey level from pixel to pixel along the rows of the eyes, in units of the same over the face, so that blur
/// and light change nothing. Between 0 (smooth) and about 5.
fn eyes_stand_out(chip: &Picture) -> f32 {
    // Where alignment puts the middle of the eyes (`crate::face`), in a picture of 150 x 150.
    const EYES: [usize; 2] = [47, 100];
    const ROW: usize = 47;
    let grey = zeroize::Zeroizing::new(chip.luma());
    let width = chip.width() as usize;
    let change = |rows: std::ops::RangeInclusive<usize>, columns: std::ops::Range<usize>| {
        let pairs = rows.flat_map(|y| columns.clone().map(move |x| y * width + x));
        let (sum, count) = pairs.fold((0u32, 0u32), |(sum, count), at| {
            let (a, b) = (grey.get(at).copied().unwrap_or(0), grey.get(at + 1).copied().unwrap_or(0));
            (sum + u32::from(a.abs_diff(b)), count + 1)
        });
        sum as f32 / count.max(1) as f32
    };
    let eyes = EYES.map(|eye| change(ROW - 4..=ROW + 4, eye - 11..eye + 11));
    let face = change(25..=135, 25..125);
    (eyes[0] + eyes[1]) / 2.0 / face.max(0.1)
}

/// How far a movement has gone from rest: 0 at rest, 1 where it counts as made, negative the other way.
pub fn progress(action: Action, rest: &Pose, pose: &Pose) -> f32 {
    match action {
        Action::TurnLeft => (pose.yaw - rest.yaw) / TURN,
        Action::TurnRight => (rest.yaw - pose.yaw) / TURN,
        Action::Nod => (pose.pitch - rest.pitch) / NOD,
        Action::Blink => (1.0 - pose.open / rest.open.max(1e-3)) / (1.0 - BLINK),
        Action::ComeCloser => (pose.size / rest.size.max(1e-3) - 1.0) / (CLOSER - 1.0),
    }
}

/// What is wrong with how a movement was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fault {
    /// It was not seen.
    NotSeen,
    /// The head was turned the other way.
    OtherWay,
    /// It was under way before it was asked for, or its beginning was not seen.
    NoBeginning,
    /// Its end was not seen.
    NoReturn,
}

/// Whether `action` was made in `poses`, which are those under its prompt, in order.
///
/// Gives the frame at its height. The beginning may lie a little before the prompt ends being read, but not before the
/// prompt: `before` is the last pose under the prompt before.
pub fn made(action: Action, rest: &Pose, before: &Pose, poses: &[Pose]) -> Result<usize, Fault> {
    let way: Vec<f32> = poses.iter().map(|pose| progress(action, rest, pose)).collect();
    let height = (0..way.len()).max_by(|&a, &b| way[a].total_cmp(&way[b])).ok_or(Fault::NotSeen)?;
    let other_way = match action {
        Action::TurnLeft | Action::TurnRight => way.iter().any(|way| *way <= -1.0),
        Action::Nod | Action::Blink | Action::ComeCloser => false,
    };
    if other_way {
        return Err(Fault::OtherWay);
    }
    // Not written as `<`: what is not a number was not seen.
    if !way.get(height).is_some_and(|way| *way >= 1.0) {
        return Err(Fault::NotSeen);
    }
    let at_rest = |way: &f32| *way <= REST;
    if !at_rest(&progress(action, rest, before)) && !way[..height].iter().any(at_rest) {
        return Err(Fault::NoBeginning);
    }
    if !way[height..].iter().any(at_rest) {
        return Err(Fault::NoReturn);
    }
    Ok(height)
}

/// How far the points of `turned` are from where the best projective map of `frontal` puts them: root mean square in
/// eye distances of `turned`. Near 0 for a picture of a face, whatever way it is held.
///
/// `None` where no map is found.
pub fn depth(frontal: &[[f32; 3]], turned: &[[f32; 3]]) -> Option<f32> {
    let (from, _) = normalised(frontal)?;
    let (to, eyes) = normalised(turned)?;
    let map = Homography::fit(&from, &to)?;
    let squares: f32 = from.iter().zip(&to).map(|(p, q)| map.apply(*p).distance(*q).powi(2)).sum();
    let miss = (squares / from.len().max(1) as f32).sqrt() / eyes;
    miss.is_finite().then_some(miss)
}

/// The points about their mean in units of their spread, and the distance of the eyes in that unit.
fn normalised(mesh: &[[f32; 3]]) -> Option<(Vec<Point>, f32)> {
    let count = mesh.len().max(1) as f32;
    let (x, y) = mesh.iter().fold((0.0, 0.0), |(x, y), point| (x + point[0], y + point[1]));
    let centre = Point { x: x / count, y: y / count };
    let points: Vec<Point> =
        mesh.iter().map(|point| Point { x: point[0] - centre.x, y: point[1] - centre.y }).collect();
    let spread = (points.iter().map(|point| point.x * point.x + point.y * point.y).sum::<f32>() / count).sqrt();
    if !spread.is_normal() {
        return None;
    }
    let points: Vec<Point> = points.iter().map(|point| Point { x: point.x / spread, y: point.y / spread }).collect();
    let eyes = points.get(33)?.distance(*points.get(263)?);
    eyes.is_normal().then_some((points, eyes))
}

#[cfg(test)]
mod tests {
    use super::*;

    const REST_POSE: Pose = Pose { yaw: 0.1, pitch: 0.45, open: 0.3, size: 0.4 };

    fn turned(change: f32) -> Pose {
        Pose { yaw: REST_POSE.yaw + change, ..REST_POSE }
    }

    #[test]
    fn a_movement_goes_there_and_back() {
        let check = |action, before: Pose, poses: &[Pose], expected| {
            assert_eq!(made(action, &REST_POSE, &before, poses), expected, "{action:?} {poses:?}");
        };
        let way = [0.0, 0.3, 0.7, 0.8, 0.2, 0.0].map(turned);
        let other = [0.0, -0.3, -0.7, -0.8, -0.2, 0.0].map(turned);
        check(Action::TurnLeft, REST_POSE, &way, Ok(3));
        check(Action::TurnRight, REST_POSE, &other, Ok(3));
        check(Action::TurnLeft, REST_POSE, &other, Err(Fault::OtherWay));
        check(Action::TurnRight, REST_POSE, &way, Err(Fault::OtherWay));
        check(Action::TurnLeft, REST_POSE, &[0.0, 0.3, 0.5, 0.0].map(turned), Err(Fault::NotSeen));
        check(Action::TurnLeft, REST_POSE, &[], Err(Fault::NotSeen));
        check(Action::TurnLeft, REST_POSE, &[f32::NAN; 4].map(turned), Err(Fault::NotSeen));
        check(Action::TurnLeft, turned(0.8), &[0.8, 0.8, 0.1].map(turned), Err(Fault::NoBeginning));
        check(Action::TurnLeft, REST_POSE, &[0.7, 0.8, 0.1].map(turned), Ok(1));
        check(Action::TurnLeft, REST_POSE, &[0.1, 0.4, 0.8].map(turned), Err(Fault::NoReturn));
        let lids = [0.3, 0.27, 0.1, 0.28].map(|open| Pose { open, ..REST_POSE });
        check(Action::Blink, REST_POSE, &lids, Ok(2));
        check(Action::Nod, REST_POSE, &lids, Err(Fault::NotSeen));
        let nearer = [0.4, 0.45, 0.5, 0.42].map(|size| Pose { size, ..REST_POSE });
        check(Action::ComeCloser, REST_POSE, &nearer, Ok(2));
        let nods = [0.45, 0.5, 0.55, 0.46].map(|pitch| Pose { pitch, ..REST_POSE });
        check(Action::Nod, REST_POSE, &nods, Ok(2));
    }

    /// A ball's front, turned by an angle and seen in perspective, with the eyes where the mesh has them.
    fn ball(angle: f32, depth: f32) -> Vec<[f32; 3]> {
        let mut points: Vec<[f32; 3]> = (0..468u16)
            .map(|at| {
                let (row, column) = (f32::from(at / 22), f32::from(at % 22));
                let (x, y) = (column / 10.5 - 1.0, row / 10.5 - 1.0);
                [x, y, -depth * (1.0 - (x * x + y * y) / 2.0).max(0.0)]
            })
            .collect();
        points[33] = [-0.4, -0.3, -depth * 0.8];
        points[263] = [0.4, -0.3, -depth * 0.8];
        let (sin, cos) = angle.sin_cos();
        let seen = |[x, y, z]: [f32; 3]| {
            let (x, z) = (x * cos - z * sin, x * sin + z * cos);
            let nearness = 100.0 / (4.0 + z);
            [x * nearness, y * nearness, z]
        };
        points.into_iter().map(seen).collect()
    }

    #[test]
    fn a_plane_has_no_depth_however_it_is_held() {
        for angle in [0.2, 0.5, 0.8] {
            let flat = depth(&ball(0.0, 0.0), &ball(angle, 0.0)).unwrap();
            let round = depth(&ball(0.0, 0.7), &ball(angle, 0.7)).unwrap();
            assert!(flat < 1e-3 && round > DEPTH, "{angle}: {flat} and {round}");
        }
        assert_eq!(depth(&[], &[]), None);
        assert_eq!(depth(&[[0.0; 3]; 468], &ball(0.5, 0.7)), None);
        assert_eq!(depth(&[[f32::NAN; 3]; 468], &ball(0.5, 0.7)), None);
    }
}
