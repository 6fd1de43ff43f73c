//! Simulated presentation attacks: a portrait shown to a camera on paper or on a screen.
//!
//! Every picture is made the way a camera makes it: light falls through a blurred lens on a grid of pixels under a
//! colour filter (Bayer), each pixel averages over its area and adds noise, the missing colours are filled in, the
//! result is compressed. What the camera looks at has its own grid: the rotated dots of a printing screen or the red,
//! green and blue stripes of a display. Moire follows from the two grids; nothing draws it.
//!
//! For measuring and for tests. A simulation is not a camera: there are no hands, no folds, no motion, no lens errors, and
//! no masks. [`recaptured`] is the control: the same camera without an attack.

use crate::geometry::{Homography, Point, Rect};
use crate::picture::Picture;
use crate::specimen::Random;

mod camera;

use camera::{Camera, Light, linear};

/// What the camera is shown in place of a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AttackKind {
    /// A print whose edge is in the picture.
    Print,
    /// A print that fills the picture.
    BorderlessPrint,
    /// A screen that fills the picture.
    Screen,
    /// A screen with its housing in the picture.
    FramedScreen,
}

impl AttackKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Print, Self::BorderlessPrint, Self::Screen, Self::FramedScreen];

    /// Name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Print => "print",
            Self::BorderlessPrint => "borderless_print",
            Self::Screen => "screen",
            Self::FramedScreen => "framed_screen",
        }
    }
}

impl std::fmt::Display for AttackKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// The portrait on paper or on a screen, as a camera sees it. The same seed gives the same picture.
///
/// `face` is the face in the portrait ([`crate::face::Face::bounds`]); it is 200 to 340 pixels wide in the result. A face
/// whose width is no positive number counts as half the picture.
pub fn attack(portrait: &Picture, face: &Rect, kind: AttackKind, seed: u64) -> Picture {
    let mut random = Random::new(seed ^ ((kind as u64 + 1) << 56));
    let framed = match kind {
        AttackKind::Print | AttackKind::FramedScreen => true,
        AttackKind::BorderlessPrint | AttackKind::Screen => false,
    };
    let view = View::choose(portrait, face, framed, &mut random);
    let camera = Camera::choose(view.width, view.height, &mut random);
    let light = Light::choose(view.width, view.height, &mut random);
    let room = Room::choose(view.width, view.height, &mut random);
    match kind {
        AttackKind::Print | AttackKind::BorderlessPrint => {
            let print = Print::choose(&view, framed, &mut random);
            camera.expose(|at, channel| {
                let sheet = |at: Point| {
                    let lit = print.reflected(view.to_content.apply(at), channel);
                    lit.unwrap_or_else(|| room.reflected(at, channel))
                };
                camera.gathered(at, sheet) * light.at(at, channel)
            })
        }
        AttackKind::Screen | AttackKind::FramedScreen => {
            let screen = Screen::choose(&view, framed, &camera, &mut random);
            camera.expose(|at, channel| {
                let lamp = light.at(at, channel);
                let on = view.to_content.apply(at);
                // Where nothing but the display is in the pixel, its stripes have been weakened by aperture and lens.
                if !framed || view.holds(on, -3.0) {
                    return screen.emitted(on, channel) * screen.stripes(on, channel) + screen.veil * lamp;
                }
                camera.gathered(at, |at| {
                    let on = view.to_content.apply(at);
                    if view.holds(on, 0.0) {
                        screen.emitted(on, channel) + screen.veil * lamp
                    } else if screen.in_housing(on) {
                        screen.housing * lamp
                    } else {
                        room.reflected(at, channel) * lamp
                    }
                })
            })
        }
    }
}

/// The portrait through the same camera, with no paper and no screen between: what attacks are compared with.
pub fn recaptured(portrait: &Picture, face: &Rect, seed: u64) -> Picture {
    let mut random = Random::new(seed);
    let view = View::choose(portrait, face, false, &mut random);
    let camera = Camera::choose(view.width, view.height, &mut random);
    camera.expose(|at, channel| camera.gathered(at, |at| view.content.smooth(view.to_content.apply(at), channel)))
}

/// A picture in floating point, 0 to 1.
struct Plate {
    width: usize,
    height: usize,
    values: Vec<[f32; 3]>,
}

impl Plate {
    /// Linear light of a picture.
    fn lit(picture: &Picture) -> Self {
        let (pixels, _) = picture.rgb().as_chunks::<3>();
        let table: Vec<f32> = (0..=255u8).map(|value| linear(f32::from(value) / 255.0)).collect();
        let values = pixels.iter().map(|pixel| pixel.map(|value| table[usize::from(value)])).collect();
        Self { width: picture.width() as usize, height: picture.height() as usize, values }
    }

    /// Which pixel holds the point.
    fn index(&self, at: Point) -> usize {
        let x = (at.x.round().max(0.0) as usize).min(self.width - 1);
        let y = (at.y.round().max(0.0) as usize).min(self.height - 1);
        y * self.width + x
    }

    /// Bilinear.
    fn smooth(&self, at: Point, channel: usize) -> f32 {
        let (x, y) = (at.x.clamp(0.0, self.width as f32 - 1.0), at.y.clamp(0.0, self.height as f32 - 1.0));
        let (left, top) = (x as usize, y as usize);
        let (right, bottom) = ((left + 1).min(self.width - 1), (top + 1).min(self.height - 1));
        let (fx, fy) = (x - left as f32, y - top as f32);
        let value = |x: usize, y: usize| self.values[y * self.width + x][channel];
        let upper = value(left, top) * (1.0 - fx) + value(right, top) * fx;
        let lower = value(left, bottom) * (1.0 - fx) + value(right, bottom) * fx;
        upper * (1.0 - fy) + lower * fy
    }
}

/// What part of the portrait is shown, and where the camera sees it.
struct View {
    /// The part of the portrait at about one pixel a camera pixel.
    content: Plate,
    picture: Picture,
    /// Size of the camera's picture.
    width: u32,
    height: u32,
    /// From camera pixels to pixels of the content.
    to_content: Homography,
}

impl View {
    fn choose(portrait: &Picture, face: &Rect, framed: bool, random: &mut Random) -> Self {
        let (w, h) = (portrait.width() as f32, portrait.height() as f32);
        let side = if face.width.is_finite() && face.width >= 1.0 { face.width.min(w.min(h)) } else { w.min(h) / 2.0 };
        let centre = face.centre();
        let middle = |value: f32, limit: f32| if value.is_finite() { value.clamp(0.0, limit) } else { limit / 2.0 };
        let (cx, cy) = (middle(centre.x, w), middle(centre.y, h));
        // With a frame around it a portrait of head and shoulders, else all that fits the camera.
        let reach = if framed { random.between(1.2, 1.7) } else { 2.2 };
        let (left, right) = ((cx - reach * side).max(0.0), (cx + reach * side).min(w));
        let (top, bottom) = ((cy - 1.2 * reach * side).max(0.0), (cy + 1.2 * reach * side).min(h));
        let part = portrait.crop(left as u32, top as u32, (right - left) as u32, (bottom - top) as u32);
        let wanted = random.between(200.0, 340.0) * if framed { 0.8 } else { 1.0 };
        let scale = wanted / side;
        let size = |length: u32| ((length as f32 * scale) as u32).clamp(8, 1400);
        let picture = part.resize(size(part.width()), size(part.height()));
        let (pw, ph) = (picture.width() as f32, picture.height() as f32);
        let share = if framed { 1.0 / random.between(0.55, 0.8) } else { 0.93 };
        let (width, height) = ((pw * share).max(8.0), (ph * share).max(8.0));
        // A device or sheet held nearly upright: turned by a few degrees, tilted a little.
        let turn = random.between(-0.05, 0.05) * if framed { 1.6 } else { 0.6 };
        let tilt = if framed { 0.025 } else { 0.01 };
        let (sin, cos) = turn.sin_cos();
        let corners = [(0.0, 0.0), (pw, 0.0), (pw, ph), (0.0, ph)].map(|(x, y)| Point { x, y });
        let seen = corners.map(|corner| {
            let (dx, dy) = (corner.x - pw / 2.0, corner.y - ph / 2.0);
            Point {
                x: width / 2.0 + dx * cos - dy * sin + random.between(-tilt, tilt) * pw,
                y: height / 2.0 + dx * sin + dy * cos + random.between(-tilt, tilt) * ph,
            }
        });
        let straight = Homography::between(corners, corners);
        let to_content = Homography::between(seen, corners).or(straight).unwrap_or(Homography::IDENTITY);
        Self { content: Plate::lit(&picture), picture, width: width as u32, height: height as u32, to_content }
    }

    /// Whether a point of the content lies within it, with a margin around.
    fn holds(&self, at: Point, margin: f32) -> bool {
        let (w, h) = (self.content.width as f32, self.content.height as f32);
        (-margin..w + margin).contains(&at.x) && (-margin..h + margin).contains(&at.y)
    }
}

/// What is behind the sheet or the device: a wall with soft shapes, out of focus, drawn once at an eighth of the size.
struct Room(Plate);

impl Room {
    const COARSE: f32 = 8.0;

    fn choose(width: u32, height: u32, random: &mut Random) -> Self {
        let size = |length: u32| (length as f32 / Self::COARSE) as usize + 2;
        let (width, height) = (size(width), size(height));
        let (w, h) = (width as f32, height as f32);
        let grey = random.between(0.08, 0.5);
        let wall: [f32; 3] = std::array::from_fn(|_| grey * random.between(0.8, 1.2));
        let shapes: Vec<(Point, f32, [f32; 3])> = (0..8)
            .map(|_| {
                let at = Point { x: random.between(-0.1, 1.1) * w, y: random.between(-0.1, 1.1) * h };
                let size = random.between(0.08, 0.4) * w;
                (at, size, std::array::from_fn(|_| random.between(-0.15, 0.2)))
            })
            .collect();
        // The corner of the room: beyond it the wall is darker.
        let (corner, shade) = (random.between(0.0, w), random.between(0.5, 1.0));
        let values = (0..width * height)
            .map(|at| {
                let at = Point { x: (at % width) as f32, y: (at / width) as f32 };
                let beyond = 1.0 / (1.0 + (2.0 * (corner - at.x)).exp());
                let mut colour = wall;
                for (centre, size, tint) in &shapes {
                    let within = 1.0 / (1.0 + (4.0 * (at.distance(*centre) / size - 1.0)).exp());
                    colour.iter_mut().zip(tint).for_each(|(value, tint)| *value += tint * within);
                }
                colour.map(|value| (value * (1.0 + (shade - 1.0) * beyond)).clamp(0.01, 0.95))
            })
            .collect();
        Self(Plate { width, height, values })
    }

    fn reflected(&self, at: Point, channel: usize) -> f32 {
        self.0.smooth(Point { x: at.x / Self::COARSE, y: at.y / Self::COARSE }, channel)
    }
}

/// A four-colour print: cyan, magenta, yellow and black dots on screens turned by 15, 75, 0 and 45 degrees.
struct Print<'a> {
    view: &'a View,
    framed: bool,
    /// White border in pixels of the content.
    margin: f32,
    /// What blank paper reflects.
    paper: [f32; 3],
    /// A print in continuous tone, as photographs are: no dots.
    photographic: bool,
    /// Sine and cosine of the turn of each ink's screen, over the distance of two rows of dots in camera pixels.
    turned: [(f32, f32); 4],
    /// Height at which the dots of cyan, magenta, yellow and black are cut, a pixel of the content.
    cuts: Vec<[f32; 4]>,
    /// What remains of the light where ink is full.
    floor: f32,
}

impl<'a> Print<'a> {
    fn choose(view: &'a View, framed: bool, random: &mut Random) -> Self {
        let wide = view.content.width as f32;
        // Office prints with and without the white that printers cannot reach.
        let margin = if framed && random.below(10) < 6 { random.between(0.03, 0.09) * wide } else { 0.0 };
        let yellow = random.between(0.9, 1.0);
        let white = random.between(0.75, 0.92);
        // From a fine print to a newspaper held close, on a logarithmic scale: below two the rows are not resolved.
        let photographic = random.below(3) == 0;
        let period = 0.8 * (4.0f32 / 0.8).powf(random.between(0.0, 1.0));
        // Error of the colours, one factor an ink.
        let inks: [f32; 4] = std::array::from_fn(|_| random.between(0.85, 1.12));
        // The eye averages reflectance, so the dots cover what the linear tone asks for.
        let cut = |tone: f32| {
            let cover = 1.0 - linear(1.0 - tone.clamp(0.0, 1.0));
            // The share of a cell below a height of the dots' relief, turned round by a cubic.
            cover + 0.57 * cover * (1.0 - cover) * (1.0 - 2.0 * cover)
        };
        let (pixels, _) = view.picture.rgb().as_chunks::<3>();
        let cuts = pixels
            .iter()
            .map(|pixel| {
                let tones = pixel.map(|value| f32::from(value) / 255.0);
                let black = 0.7 * (1.0 - tones[0].max(tones[1]).max(tones[2]));
                let colour = |c: usize| inks[c] * (1.0 - tones[c] - black) / (1.0 - black).max(0.05);
                [cut(colour(0)), cut(colour(1)), cut(colour(2)), cut(black * inks[3])]
            })
            .collect();
        Self {
            view,
            framed,
            margin,
            paper: [white, white * 0.99, white * 0.97 * yellow],
            turned: [15.0f32, 75.0, 0.0, 45.0].map(|degrees| {
                let (sin, cos) = degrees.to_radians().sin_cos();
                (sin / period, cos / period)
            }),
            cuts,
            photographic,
            floor: random.between(0.02, 0.06),
        }
    }

    /// What the sheet reflects at a point of the content; `None` beside it.
    fn reflected(&self, at: Point, channel: usize) -> Option<f32> {
        if self.framed && !self.view.holds(at, self.margin) {
            return None;
        }
        if self.framed && !self.view.holds(at, 0.0) {
            return Some(self.paper[channel]);
        }
        if self.photographic {
            return Some(
                self.paper[channel] * (self.floor + (1.0 - self.floor) * self.view.content.smooth(at, channel)),
            );
        }
        let cuts = self.cuts[self.view.content.index(at)];
        let ink = self.dot(at, channel, cuts[channel]);
        let black = self.dot(at, 3, cuts[3]);
        let through = |ink: f32| 1.0 - ink * (1.0 - self.floor);
        Some(self.paper[channel] * through(ink) * through(black))
    }

    /// How much ink lies at the point, 0 to 1, where the relief of an ink's screen is cut at a height.
    fn dot(&self, at: Point, ink: usize, cut: f32) -> f32 {
        let (sin, cos) = self.turned[ink];
        let (u, v) = (at.x * cos + at.y * sin, at.y * cos - at.x * sin);
        let relief = 0.5 + 0.25 * (cosine(u) + cosine(v));
        ((cut - relief) / 0.12 + 0.5).clamp(0.0, 1.0)
    }
}

/// Cosine of `t` full turns by a cubic (error below 0.03): dots are looked at some ten million times a picture.
fn cosine(t: f32) -> f32 {
    let triangle = 4.0 * (t - t.floor() - 0.5).abs() - 1.0;
    triangle * (1.5 - 0.5 * triangle * triangle)
}

/// A display: square pixels of three upright stripes with dark gaps, perhaps in a housing.
struct Screen<'a> {
    view: &'a View,
    shown: Plate,
    /// Display pixels a camera pixel.
    pitch: f32,
    /// First and second harmonic of the stripes across and of the rows down, as far as the camera passes them.
    across: [f32; 2],
    down: [f32; 2],
    brightness: f32,
    tint: [f32; 3],
    /// Exponent on the content: the display's own curve against the standard one.
    curve: [f32; 256],
    /// Light the glass sends back.
    veil: f32,
    /// What black sends out.
    glow: [f32; 3],
    housing: f32,
    /// Widths of the housing: at the sides, above and below; and the radius of its corners.
    sides: f32,
    ends: f32,
    corner: f32,
}

impl<'a> Screen<'a> {
    fn choose(view: &'a View, framed: bool, camera: &Camera, random: &mut Random) -> Self {
        // From a monitor that is close to a telephone at arm's length, on a logarithmic scale.
        let pitch = 0.5 * (2.5f32 / 0.5).powf(random.between(0.0, 1.0));
        let size = |length: u32| ((length as f32 * pitch).round() as u32).clamp(4, 3600);
        let shown = Plate::lit(&view.picture.resize(size(view.picture.width()), size(view.picture.height())));
        let wide = view.content.width as f32;
        let black = random.between(0.002, 0.015);
        // Fourier coefficients of a pulse as wide as the lit share of its period.
        let harmonics = |lit: f32| {
            [1.0, 2.0].map(|order: f32| {
                let half = std::f32::consts::PI * order * lit;
                2.0 * half.sin() / half * camera.passes(order * pitch)
            })
        };
        let exponent = random.between(0.85, 1.2);
        Self {
            view,
            shown,
            pitch,
            across: harmonics(0.84 / 3.0),
            down: harmonics(0.88),
            brightness: random.between(0.7, 1.15),
            tint: [random.between(0.88, 1.0), 1.0, random.between(1.0, 1.12)],
            curve: std::array::from_fn(|level| (level as f32 / 255.0).powf(exponent)),
            veil: random.between(0.005, 0.03),
            glow: [black * 0.8, black * 0.9, black * 1.2],
            housing: if framed && random.below(4) == 0 { random.between(0.4, 0.8) } else { random.between(0.01, 0.05) },
            sides: random.between(0.015, 0.06) * wide,
            ends: random.between(0.02, 0.12) * wide,
            corner: random.between(0.01, 0.08) * wide,
        }
    }

    /// Light of the display around a point, its stripes averaged.
    fn emitted(&self, at: Point, channel: usize) -> f32 {
        let on = Point { x: (at.x + 0.5) * self.pitch - 0.5, y: (at.y + 0.5) * self.pitch - 0.5 };
        let level = (self.shown.smooth(on, channel) * 255.0).clamp(0.0, 255.0) as usize;
        self.brightness * self.tint[channel] * (self.curve[level] + self.glow[channel])
    }

    /// What the stripes of a channel make of that light at the point, on average 1.
    fn stripes(&self, at: Point, channel: usize) -> f32 {
        let wave = |t: f32, [first, second]: [f32; 2]| 1.0 + first * cosine(t) + second * cosine(2.0 * t);
        let across = (at.x + 0.5) * self.pitch - (channel as f32 + 0.5) / 3.0;
        let down = (at.y + 0.5) * self.pitch - 0.5;
        wave(across, self.across) * wave(down, self.down)
    }

    fn in_housing(&self, at: Point) -> bool {
        let (w, h) = (self.view.content.width as f32, self.view.content.height as f32);
        let beyond = |value: f32, length: f32, margin: f32| {
            (self.corner - margin - value).max(value - (length + margin - self.corner)).max(0.0)
        };
        beyond(at.x, w, self.sides).hypot(beyond(at.y, h, self.ends)) <= self.corner
    }
}
