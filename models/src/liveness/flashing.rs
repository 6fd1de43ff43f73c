//! `FLASHING`: does the face reflect the colours that the screen showed, in the order that was chosen for it?
//!
//! The screen lights the face; a picture recorded before the order was chosen was lit by nothing of the kind. Per colour
//! the mean light of the face is taken, cleaned of brightness and of slow drift (exposure, white balance), and compared
//! with the colours of the screen. The order that was shown must explain the face as well as the best of all 720 does. What
//! lies behind the face is the control: it is further from the screen, so it must change less. If it changes as much, the
//! picture was tinted and not lit.
//!
//! This proves that the picture was taken now; a flat picture in front of the screen is lit as well. It says so in
//! `docs/accuracy.md`.

use crate::face::FaceMesh;
use crate::geometry::Point;
use crate::picture::Picture;

use super::challenge::Colour;

/// Least correlation of the face's colour with the screen's.
pub const CORRELATION: f32 = 0.7;
/// By how much another order may explain the face better: what noise does. Two neighbouring hues that change places cost
/// 0.17, the first and the last of an order 0.05, as most of that looks like drift.
pub const TOLERANCE: f32 = 0.03;
/// Least strength of the face's response: change of the logarithm of light for the screen at full colour.
pub const STRENGTH: f32 = 0.004;
/// How many times as strongly as what lies behind it the face must respond.
pub const CONTROL: f32 = 2.0;

/// Mean linear light of red, green and blue in one frame, 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Light {
    /// Of forehead, cheeks, nose and chin.
    pub face: [f32; 3],
    /// Of what is seen beside the head; `None` where the head fills the picture.
    pub behind: Option<[f32; 3]>,
}

/// Outline of the face in the mesh, clockwise from the forehead.
const OVAL: [usize; 36] = [
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152, 148, 176, 149, 150,
    136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
];
/// How much the outline is drawn in, so that hair and edge are left out wherever the head sways.
const INNER: f32 = 0.65;
/// How much it is widened to leave out head, hair and neck.
const OUTER: f32 = 1.9;
/// Pixels looked at along a side of the picture.
const GRID: u32 = 96;

impl Light {
    /// Measures one frame.
    pub fn measure(picture: &Picture, face: &FaceMesh) -> Self {
        let outline = OVAL.map(|index| Point { x: face.mesh[index][0], y: face.mesh[index][1] });
        let count = outline.len() as f32;
        let (x, y) = outline.iter().fold((0.0, 0.0), |(x, y), point| (x + point.x, y + point.y));
        let centre = Point { x: x / count, y: y / count };
        let scaled = |times: f32| {
            outline.map(|point| Point {
                x: centre.x + (point.x - centre.x) * times,
                y: centre.y + (point.y - centre.y) * times,
            })
        };
        let (inner, outer) = (scaled(INNER), scaled(OUTER));
        let mut sums = [Sum::default(), Sum::default()];
        let step = |side: u32| (side / GRID).max(1) as usize;
        for row in (0..picture.height()).step_by(step(picture.height())) {
            for column in (0..picture.width()).step_by(step(picture.width())) {
                let at = Point { x: column as f32, y: row as f32 };
                // Below the chin are shoulders, which are as near as the face.
                let behind = row as f32 <= centre.y && !encloses(&outer, at);
                let sum = match (encloses(&inner, at), behind) {
                    (true, _) => &mut sums[0],
                    (false, true) => &mut sums[1],
                    (false, false) => continue,
                };
                sum.add(picture.pixel(column, row));
            }
        }
        let [face, behind] = sums;
        Self { face: face.mean().unwrap_or_default(), behind: behind.mean() }
    }

    /// The mean of several frames under one colour; `None` of none.
    pub fn mean(lights: &[Self]) -> Option<Self> {
        let mean = |values: Vec<[f32; 3]>| {
            let count = values.len() as f32;
            (!values.is_empty()).then(|| {
                let sum = values.iter().fold([0.0; 3], |sum: [f32; 3], it| std::array::from_fn(|c| sum[c] + it[c]));
                sum.map(|value| value / count)
            })
        };
        let behind: Option<Vec<_>> = lights.iter().map(|light| light.behind).collect();
        Some(Self { face: mean(lights.iter().map(|light| light.face).collect())?, behind: behind.and_then(mean) })
    }
}

#[derive(Default)]
struct Sum {
    light: [f64; 3],
    count: u32,
    /// Pixels that say nothing.
    left_out: u32,
}

impl Sum {
    fn add(&mut self, pixel: [u8; 3]) {
        // What is burnt out or nearly black says nothing about colour: one step of 8 bits is more than the screen adds.
        if pixel.iter().any(|value| *value >= 250) || pixel.iter().all(|value| *value < 40) {
            self.left_out += 1;
            return;
        }
        for (sum, value) in self.light.iter_mut().zip(pixel) {
            // Near enough to the transfer function of sRGB (IEC 61966-2-1) for a ratio.
            *sum += (f64::from(value) / 255.0).powf(2.2);
        }
        self.count += 1;
    }

    /// `None` of fewer than 40 pixels, or where one in six was left out: near the limit, light decides which ones count.
    fn mean(&self) -> Option<[f32; 3]> {
        (self.count >= 40 && self.left_out * 5 <= self.count)
            .then(|| self.light.map(|sum| (sum / f64::from(self.count)) as f32))
    }
}

/// Whether a point lies in a polygon (ray casting).
fn encloses(polygon: &[Point], at: Point) -> bool {
    let mut inside = false;
    let mut last = polygon[polygon.len() - 1];
    for &corner in polygon {
        let crosses = (corner.y > at.y) != (last.y > at.y);
        if crosses && at.x < (last.x - corner.x) * (at.y - corner.y) / (last.y - corner.y) + corner.x {
            inside = !inside;
        }
        last = corner;
    }
    inside
}

/// How the light of a recording goes with the colours of the screen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Response {
    /// Correlation of the face's colour with the screen's in the order that was shown, -1 to 1.
    pub correlation: f32,
    /// Whether another order of the same colours explains the face better than noise can.
    pub another_order: bool,
    /// Change of the logarithm of the face's light for the screen at full colour.
    pub strength: f32,
    /// The same behind the face; `None` where nothing is seen there.
    pub behind: Option<f32>,
}

/// Why the face was not lit by the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Unlit {
    /// The face does not change with the screen, or too little to tell.
    NoReflection,
    /// The face shows the colours in another order.
    OtherOrder,
    /// What lies behind the face changes as much: the picture was tinted.
    Tinted,
    /// Nothing can be seen beside the head, or it is black or burnt out, so there is no control.
    NoControl,
}

impl Response {
    /// From the mean light of each prompt, in the order of `colours`; at least three of them, and no more than six.
    pub fn of(colours: &[Colour], lights: &[Light]) -> Option<Self> {
        if !(3..=6).contains(&colours.len()) || colours.len() != lights.len() {
            return None;
        }
        let screen: Vec<[f32; 3]> = colours.iter().map(|colour| colour.rgb()).collect();
        let (face, seen) = response(&lights.iter().map(|light| light.face).collect::<Vec<_>>())?;
        let (correlation, strength) = fit(&hues(&screen, seen), &face);
        let mut another_order = false;
        permutations(&mut screen.clone(), 0, &mut |order| {
            if order != screen && fit(&hues(order, seen), &face).0 > correlation + TOLERANCE {
                another_order = true;
            }
        });
        let behind: Option<Vec<[f32; 3]>> = lights.iter().map(|light| light.behind).collect();
        let behind = behind.and_then(|lights| response(&lights));
        let behind = behind.map(|(behind, seen)| fit(&hues(&screen, seen), &behind).1);
        Some(Self { correlation, another_order, strength, behind })
    }

    /// Whether the screen lit the face.
    pub fn judge(&self) -> Result<(), Unlit> {
        // What is not a number is no reflection.
        if self.strength.is_nan() || self.strength < STRENGTH {
            return Err(Unlit::NoReflection);
        }
        if self.another_order {
            return Err(Unlit::OtherOrder);
        }
        if self.correlation.is_nan() || self.correlation < CORRELATION {
            return Err(Unlit::NoReflection);
        }
        match self.behind {
            None => Err(Unlit::NoControl),
            Some(behind) if self.strength < CONTROL * behind => Err(Unlit::Tinted),
            Some(_) => Ok(()),
        }
    }
}

/// Which of red, green and blue are bright enough that the screen can change them by more than a step of 8 bits.
type Channels = [bool; 3];

/// Least mean light of a channel, about 43 of 255.
const SEEN: f32 = 0.02;

/// Logarithms of light, without their drift over time and without brightness, in the channels that can be seen; `None`
/// where there are fewer than two, which have no hue.
fn response(lights: &[[f32; 3]]) -> Option<(Vec<[f32; 3]>, Channels)> {
    let count = lights.len() as f32;
    let seen: Channels =
        std::array::from_fn(|channel| lights.iter().map(|light| light[channel]).sum::<f32>() / count >= SEEN);
    let logs: Vec<[f32; 3]> = lights.iter().map(|light| light.map(|value| (value.max(1e-5)).ln())).collect();
    let usable = seen.iter().filter(|seen| **seen).count() >= 2 && logs.iter().flatten().all(|value| value.is_finite());
    usable.then(|| (hues(&logs, seen), seen))
}

/// Each value less the mean of its row, and each column less its straight line over time; 0 in channels not seen.
fn hues(values: &[[f32; 3]], seen: Channels) -> Vec<[f32; 3]> {
    let channels = seen.iter().filter(|seen| **seen).count().max(1) as f32;
    let mut hues: Vec<[f32; 3]> = values
        .iter()
        .map(|row| {
            let mean = row.iter().zip(seen).filter(|(_, seen)| *seen).map(|(value, _)| value).sum::<f32>() / channels;
            std::array::from_fn(|channel| if seen[channel] { row[channel] - mean } else { 0.0 })
        })
        .collect();
    let count = hues.len() as f32;
    let middle = (count - 1.0) / 2.0;
    let spread: f32 = (0..hues.len()).map(|at| (at as f32 - middle).powi(2)).sum();
    for channel in 0..3 {
        let mean = hues.iter().map(|row| row[channel]).sum::<f32>() / count;
        let slope = hues.iter().enumerate().map(|(at, row)| (at as f32 - middle) * row[channel]).sum::<f32>()
            / spread.max(1e-6);
        for (at, row) in hues.iter_mut().enumerate() {
            row[channel] -= mean + slope * (at as f32 - middle);
        }
    }
    hues
}

/// Correlation, and the factor that brings `x` closest to `y`.
fn fit(x: &[[f32; 3]], y: &[[f32; 3]]) -> (f32, f32) {
    let dot = |a: &[[f32; 3]], b: &[[f32; 3]]| {
        a.iter().flatten().zip(b.iter().flatten()).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>()
    };
    let (xx, yy, xy) = (dot(x, x), dot(y, y), dot(x, y));
    if xx <= 0.0 || yy <= 0.0 {
        return (0.0, 0.0);
    }
    ((xy / (xx * yy).sqrt()) as f32, (xy / xx) as f32)
}

/// Calls `see` with every order of `values` (Heap's idea, by swapping each into place).
fn permutations(values: &mut [[f32; 3]], from: usize, see: &mut impl FnMut(&[[f32; 3]])) {
    if from + 1 >= values.len() {
        return see(values);
    }
    for at in from..values.len() {
        values.swap(from, at);
        permutations(values, from + 1, see);
        values.swap(from, at);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A face in the light of `colours`, with a drift of white balance.
    fn lit(colours: &[Colour], face: f32, behind: f32, drift: f32) -> Vec<Light> {
        let base = [0.35, 0.22, 0.15];
        let under = |colour: Colour, share: f32, at: usize| {
            let rgb = colour.rgb();
            let brightness = 1.0 + 0.1 * (at as f32).sin();
            std::array::from_fn(|channel| {
                base[channel] * brightness * (1.0 + share * rgb[channel]) * (1.0 + drift * (at * channel) as f32)
            })
        };
        colours
            .iter()
            .enumerate()
            .map(|(at, colour)| Light { face: under(*colour, face, at), behind: Some(under(*colour, behind, at)) })
            .collect()
    }

    #[test]
    fn the_order_on_the_face_is_the_order_on_the_screen() {
        let shown = Colour::ALL;
        let check = |lights: Vec<Light>, expected| {
            let response = Response::of(&shown, &lights).unwrap();
            assert_eq!(response.judge(), expected, "{response:?}");
        };
        check(lit(&shown, 0.05, 0.01, 0.0), Ok(()));
        check(lit(&shown, 0.02, 0.004, 0.002), Ok(()));
        check(lit(&shown, 0.0, 0.0, 0.0), Err(Unlit::NoReflection));
        check(lit(&shown, 0.0, 0.0, 0.01), Err(Unlit::NoReflection));
        check(lit(&shown, 0.05, 0.05, 0.0), Err(Unlit::Tinted));
        check(lit(&shown, -0.05, 0.0, 0.0), Err(Unlit::NoReflection));
        // Two colours that lie beside each other changed places.
        for at in 0..5 {
            let mut other = shown;
            other.swap(at, at + 1);
            check(lit(&other, 0.05, 0.01, 0.0), Err(Unlit::OtherOrder));
        }
        let without = lit(&shown, 0.05, 0.0, 0.0).into_iter().map(|light| Light { behind: None, ..light }).collect();
        check(without, Err(Unlit::NoControl));
        assert_eq!(Response::of(&shown[..2], &lit(&shown[..2], 0.05, 0.0, 0.0)), None);
        assert_eq!(Response::of(&shown, &lit(&shown[..5], 0.05, 0.0, 0.0)), None);
        // What is not a number, and what is too dark to have a hue.
        for face in [[f32::NAN; 3], [0.001; 3], [0.3, 0.001, 0.001]] {
            assert_eq!(Response::of(&shown, &[Light { face, behind: None }; 6]), None, "{face:?}");
        }
    }

    proptest! {
        #[test]
        fn any_light_gets_an_answer(values in proptest::collection::vec(any::<f32>(), 36)) {
            let lights: Vec<Light> = values
                .chunks(6)
                .map(|it| Light { face: [it[0], it[1], it[2]], behind: Some([it[3], it[4], it[5]]) })
                .collect();
            if let Some(response) = Response::of(&Colour::ALL, &lights) {
                let _ = response.judge();
            }
        }
    }
}
