//! One embedder: how the face is cut out for it, what its input looks like, what its values mean.
//!
//! The built-in one and those of the user (see [`crate::plugin`]) run through the same code.

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::face::{Embedding, Face, FaceError, ModelId, template::Space};
use crate::geometry::{Affine, Point};
use crate::picture::{Edge, Picture};
use crate::plan::Network;
use crate::{ModelsError, resnet};

/// Where an input's colours stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Layout {
    /// One plane a colour: `[1, 3, size, size]`.
    Nchw,
    /// Three values a pixel: `[1, size, size, 3]`.
    Nhwc,
}

/// Order of the colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Colour {
    /// Red first.
    Rgb,
    /// Blue first.
    Bgr,
}

/// How the face is brought into the square that an embedder takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Align {
    /// The similarity that brings five points closest to dlib's mean shape with a padding of 0.25.
    Dlib150,
    /// The similarity that brings five points closest to the template of ArcFace.
    Arcface112,
    /// The detector's box, made square and a quarter larger; not turned.
    Crop,
}

/// How pixels become an input tensor: `(pixel - mean) * scale` for each colour.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Input {
    pub(crate) layout: Layout,
    pub(crate) size: u32,
    pub(crate) colour: Colour,
    /// In the order red, green, blue.
    pub(crate) mean: [f32; 3],
    /// In the order red, green, blue.
    pub(crate) scale: [f32; 3],
}

impl Input {
    /// Shape of the tensor.
    pub(crate) fn shape(&self) -> [usize; 4] {
        let size = self.size as usize;
        match self.layout {
            Layout::Nchw => [1, 3, size, size],
            Layout::Nhwc => [1, size, size, 3],
        }
    }

    /// The tensor of a picture of the right size. Wiped on drop.
    pub(crate) fn tensor(&self, picture: &Picture) -> Zeroizing<Vec<f32>> {
        let order = match self.colour {
            Colour::Rgb => [0, 1, 2],
            Colour::Bgr => [2, 1, 0],
        };
        let (pixels, _) = picture.rgb().as_chunks::<3>();
        let value =
            |pixel: &[u8; 3], colour: usize| (f32::from(pixel[colour]) - self.mean[colour]) * self.scale[colour];
        // At exact capacity: a buffer that grows leaves copies behind.
        let mut values = Zeroizing::new(Vec::with_capacity(pixels.len() * 3));
        match self.layout {
            Layout::Nchw => {
                for colour in order {
                    values.extend(pixels.iter().map(|pixel| value(pixel, colour)));
                }
            }
            Layout::Nhwc => {
                for pixel in pixels {
                    values.extend(order.map(|colour| value(pixel, colour)));
                }
            }
        }
        values
    }
}

/// A network that turns aligned faces into embeddings.
#[derive(Debug)]
pub(crate) struct Embedder {
    pub(crate) network: Network,
    pub(crate) model: ModelId,
    pub(crate) space: Space,
    pub(crate) input: Input,
    pub(crate) align: Align,
}

impl Embedder {
    /// The built-in embedder: dlib's network, RGB 0 to 255, the channel means inside the graph.
    pub(crate) fn builtin(network: Network, model: ModelId) -> Self {
        let input =
            Input { layout: Layout::Nchw, size: CHIP_SIDE, colour: Colour::Rgb, mean: [0.0; 3], scale: [1.0; 3] };
        Self { network, model, space: Space::builtin(), input, align: Align::Dlib150 }
    }

    /// Whether it takes the chip that quality is measured on.
    pub(super) fn takes_chip(&self) -> bool {
        self.align == Align::Dlib150 && self.input.size == CHIP_SIDE
    }

    /// The face as this embedder takes it.
    pub(super) fn cut(&self, picture: &Picture, face: &Face, points: &[Point; 5]) -> Result<Picture, FaceError> {
        aligned(picture, face, points, self.align, self.input.size)
    }

    /// The embedding of a picture made by [`Embedder::cut`].
    pub(super) fn run(&self, chip: &Picture) -> Result<Embedding, ModelsError> {
        let outputs = self.network.run(&self.input.shape(), &self.input.tensor(chip))?;
        let wrong = || ModelsError::Malformed {
            model: resnet::NAME,
            reason: "the output has another shape than expected, or is not finite".into(),
        };
        let values = outputs.first().map(|output| output.values.as_slice()).ok_or_else(wrong)?;
        let length = values.iter().map(|value| value * value).sum::<f32>().sqrt();
        if values.len() != self.space.dimension || !length.is_finite() || (self.space.unit && length <= 0.0) {
            return Err(wrong());
        }
        let divisor = if self.space.unit { length } else { 1.0 };
        let mut kept = Box::<[f32]>::from(values);
        kept.iter_mut().for_each(|value| *value /= divisor);
        Ok(Embedding::new(self.model.clone(), self.space, kept))
    }
}

/// Side of the aligned face that quality is measured on.
pub(super) const CHIP_SIDE: u32 = 150;
/// Mean positions of the five points in dlib's training shape, as shares of the face rectangle.
const MEAN_SHAPE: [(f32, f32); 5] = [
    (0.225_492, 0.215_990),
    (0.754_761, 0.215_990),
    (0.490_127, 0.515_625),
    (0.254_149, 0.780_233),
    (0.726_104, 0.780_233),
];
/// Border around the face rectangle, as a share of it.
const CHIP_PADDING: f32 = 0.25;
/// Positions of the five points that ArcFace networks were trained on, in pixels of a square of 112.
const ARCFACE: [(f32, f32); 5] =
    [(38.2946, 51.6963), (73.5318, 51.5014), (56.0252, 71.7366), (41.5493, 92.3655), (70.7299, 92.2041)];
/// Side of [`Align::Crop`] in multiples of the longer side of the detector's box.
const CROP: f32 = 1.25;

/// The face in a square of the given side.
pub(super) fn aligned(
    picture: &Picture,
    face: &Face,
    points: &[Point; 5],
    align: Align,
    side: u32,
) -> Result<Picture, FaceError> {
    let to_picture = to_picture(face, points, align, side).ok_or(FaceError::NotClear { face_flag: 0.0 })?;
    Ok(picture.warp_affine(&to_picture, side, side, Edge::Black))
}

/// The map from the square to the picture.
pub(super) fn to_picture(face: &Face, points: &[Point; 5], align: Align, side: u32) -> Option<Affine> {
    let side = side as f32;
    let share = |share: f32| (CHIP_PADDING + share) / (1.0 + 2.0 * CHIP_PADDING) * side;
    match align {
        Align::Dlib150 => Affine::similarity(&MEAN_SHAPE.map(|(x, y)| Point { x: share(x), y: share(y) }), points),
        Align::Arcface112 => {
            let scale = side / 112.0;
            Affine::similarity(&ARCFACE.map(|(x, y)| Point { x: x * scale, y: y * scale }), points)
        }
        Align::Crop => {
            let step = face.bounds.width.max(face.bounds.height) * CROP / side;
            let (centre, half) = (face.bounds.centre(), (side - 1.0) / 2.0);
            (step > 0.0)
                .then_some(Affine { x: [step, 0.0, centre.x - step * half], y: [0.0, step, centre.y - step * half] })
        }
    }
}
