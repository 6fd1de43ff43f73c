//! Faces: find them, measure one, turn it into a template, compare templates.
//!
//! The chain is BlazeFace (box and six points), FaceMesh (468 points, of which five align the face to dlib's mean
//! shape) and dlib's ResNet-29 (128 values compared by Euclidean distance). Shapes, thresholds and measured error
//! rates are in the manifest. Active liveness over several frames is left to the caller, who finds the geometry for it
//! in [`Quality`].
//!
//! Pictures, embeddings and templates are wiped on drop, and so are the tensors that go into the inference engine and come
//! out of it; what it computes in between is freed and not wiped.

use zeroize::Zeroizing;

use crate::geometry::{Affine, Point, Rect};
use crate::picture::{Edge, Picture};
use crate::{Models, ModelsError};

mod aggregate;
mod cover;
mod detector;
pub(crate) mod embedder;
pub mod eval;
pub mod index;
mod quality;
pub(crate) mod template;
#[cfg(all(test, feature = "fs"))]
mod vectors;

pub use aggregate::{AggregateError, aggregate};
pub use cover::{COVERED, Covered, Occlusion};
pub use embedder::{Align, Colour, Layout};
pub use quality::Quality;
pub use template::{
    Band, Distance, Embedding, ModelId, NotAModelId, NotAnOperatingPoint, OperatingPoint, OtherModel, Template,
    TemplateLength, Thresholds,
};

/// Smallest distance between the eyes, in pixels, that [`read_single`] accepts. Measured: at 40 px matching is as good
/// as with large pictures, at 20 px one match in eight is lost.
pub const MIN_EYE_DISTANCE: f32 = 40.0;

/// A second face whose box side is at least this share of the largest one's makes [`read_single`] refuse.
pub const SECOND_FACE: f32 = 0.5;

/// Below this face flag the mesh did not see a face (publisher's convention).
pub const MIN_FACE_FLAG: f32 = 0.5;

/// Border added around a picture in which nothing is found or the face fills the frame, as a share of the longer side:
/// the detector was trained on faces with room around them.
const BORDER: f32 = 0.25;
/// A face fills the frame when its box is wider than this share of the picture's shorter side.
const FILLS_FRAME: f32 = 0.6;

/// A face found in a picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Face {
    /// Roughly brows to chin, in pixels of the picture; may reach beyond it.
    pub bounds: Rect,
    /// Confidence, 0.5 to 1.
    pub score: f32,
    /// Eye on the left of the picture, eye on the right, nose, mouth, ear on the left, ear on the right.
    pub points: [Point; 6],
}

/// Everything measured on one face.
#[derive(Debug)]
pub struct FaceReading {
    /// Where the face is.
    pub face: Face,
    /// 468 points of MediaPipe's face mesh in pixels of the picture; the third value is depth on the same scale.
    pub mesh: Vec<[f32; 3]>,
    /// Eye on the left, eye on the right, tip of the nose, corner of the mouth on the left, on the right.
    pub points: [Point; 5],
    /// The aligned face, 150 x 150.
    pub chip: Picture,
    /// What the embedder made of it.
    pub embedding: Embedding,
    /// How usable the picture is.
    pub quality: Quality,
}

/// What is measured on one face before it is embedded: enough for active liveness and for judging a frame.
#[derive(Debug)]
pub struct FaceMesh {
    /// Where the face is.
    pub face: Face,
    /// 468 points of MediaPipe's face mesh in pixels of the picture; the third value is depth on the same scale.
    pub mesh: Vec<[f32; 3]>,
    /// Eye on the left, eye on the right, tip of the nose, corner of the mouth on the left, on the right.
    pub points: [Point; 5],
    /// How usable the picture is.
    pub quality: Quality,
    /// The aligned face, 150 x 150.
    chip: Picture,
    /// The face as the embedder takes it, where that is not the chip.
    own: Option<Picture>,
}

impl FaceMesh {
    /// The aligned face, 150 x 150.
    pub fn chip(&self) -> &Picture {
        &self.chip
    }

    /// What the embedder makes of the face, which was aligned when it was measured.
    pub fn embed(&self, models: &Models) -> Result<Embedding, FaceError> {
        Ok(models.face()?.embedder.run(self.own.as_ref().unwrap_or(&self.chip))?)
    }

    /// The face with its embedding.
    pub fn read(self, models: &Models) -> Result<FaceReading, FaceError> {
        let embedding = self.embed(models)?;
        let Self { face, mesh, points, quality, chip, own: _ } = self;
        Ok(FaceReading { face, mesh, points, chip, embedding, quality })
    }
}

/// Why no face was read.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum FaceError {
    /// No face was found.
    #[error("no face was found")]
    NoFace,
    /// There is more than one face of comparable size.
    #[error("{count} faces of comparable size were found")]
    SeveralFaces {
        /// How many faces are at least [`SECOND_FACE`] of the largest.
        count: usize,
    },
    /// The face is too small to be compared.
    #[error("the eyes are {eye_distance:.0} pixels apart, at least {needed:.0} are needed")]
    TooSmall {
        /// Measured distance between the eyes in pixels.
        eye_distance: f32,
        /// [`MIN_EYE_DISTANCE`].
        needed: f32,
    },
    /// What the detector found is hidden, turned away, or no face.
    #[error("the face is not clear enough to be measured")]
    NotClear {
        /// The mesh network's face flag, 0 to 1.
        face_flag: f32,
    },
    /// Something is in front of the face.
    #[error("the {what} of the face cannot be seen")]
    Covered {
        /// Which part.
        what: Covered,
    },
    /// The models are not loaded or failed.
    #[error(transparent)]
    Models(#[from] ModelsError),
}

/// All faces, largest first.
///
/// Faces narrower than about 4 % of the longer side of the picture may be missed.
pub fn detect(models: &Models, picture: &Picture) -> Result<Vec<Face>, FaceError> {
    let detector = &models.face()?.detector;
    let tight = |face: &Face| face.bounds.width > FILLS_FRAME * picture.width().min(picture.height()) as f32;
    let without_border = detector::run(detector, picture)?;
    if without_border.first().is_some_and(|face| !tight(face)) {
        return Ok(without_border);
    }
    let (bordered, border) = picture.bordered(BORDER, [0; 3]);
    let mut faces = detector::run(detector, &bordered)?;
    if faces.is_empty() {
        return Ok(without_border);
    }
    for face in &mut faces {
        face.bounds.x -= border as f32;
        face.bounds.y -= border as f32;
        for point in &mut face.points {
            point.x -= border as f32;
            point.y -= border as f32;
        }
    }
    Ok(faces)
}

/// Reads the one face of a selfie: [`measure_single`], embedded.
pub fn read_single(models: &Models, picture: &Picture) -> Result<FaceReading, FaceError> {
    measure_single(models, picture)?.read(models)
}

/// Measures the one face of a selfie: [`measure_one`], large enough to be compared, and nothing in front of it.
///
/// Refuses as that does, and when the face is too small ([`FaceError::TooSmall`]) or covered ([`FaceError::Covered`]).
/// Whether a dark or blurred face is covered is not judged.
pub fn measure_single(models: &Models, picture: &Picture) -> Result<FaceMesh, FaceError> {
    let face = measure_one(models, picture)?;
    let eye_distance = face.quality.eye_distance;
    if eye_distance < MIN_EYE_DISTANCE {
        return Err(FaceError::TooSmall { eye_distance, needed: MIN_EYE_DISTANCE });
    }
    match face.quality.covered() {
        Some(what) => Err(FaceError::Covered { what }),
        None => Ok(face),
    }
}

/// Measures the one face of a picture, of any size and in any pose.
///
/// Refuses when there is none ([`FaceError::NoFace`]), when a second one is of comparable size
/// ([`FaceError::SeveralFaces`]), or when it is not clear ([`FaceError::NotClear`]).
pub fn measure_one(models: &Models, picture: &Picture) -> Result<FaceMesh, FaceError> {
    let faces = detect(models, picture)?;
    let largest = faces.first().ok_or(FaceError::NoFace)?;
    let count = faces.iter().filter(|face| face.bounds.width >= SECOND_FACE * largest.bounds.width).count();
    if count > 1 {
        return Err(FaceError::SeveralFaces { count });
    }
    let face = measure(models, picture, largest)?;
    let face_flag = face.quality.face_flag;
    if face_flag < MIN_FACE_FLAG {
        return Err(FaceError::NotClear { face_flag });
    }
    Ok(face)
}

/// Reads the largest face, as on a document, where a second, ghosted portrait is usual.
///
/// Size and clearness are not judged: look at [`FaceReading::quality`].
pub fn read_largest(models: &Models, picture: &Picture) -> Result<FaceReading, FaceError> {
    let faces = detect(models, picture)?;
    read(models, picture, faces.first().ok_or(FaceError::NoFace)?)
}

/// Measures one face found by [`detect`] in the same picture and embeds it.
pub fn read(models: &Models, picture: &Picture, face: &Face) -> Result<FaceReading, FaceError> {
    measure(models, picture, face)?.read(models)
}

/// Measures one face found by [`detect`] in the same picture without embedding it.
pub fn measure(models: &Models, picture: &Picture, face: &Face) -> Result<FaceMesh, FaceError> {
    let (mesh, face_flag) = mesh(models, picture, face)?;
    let points = five_points(&mesh);
    let to_picture = embedder::to_picture(face, &points, Align::Dlib150, embedder::CHIP_SIDE);
    let to_picture = to_picture.ok_or(FaceError::NotClear { face_flag: 0.0 })?;
    let to_chip = to_picture.inverse().ok_or(FaceError::NotClear { face_flag: 0.0 })?;
    let chip = picture.warp_affine(&to_picture, embedder::CHIP_SIDE, embedder::CHIP_SIDE, Edge::Black);
    let in_chip: Vec<Point> = mesh.iter().map(|&[x, y, _]| to_chip.apply(Point { x, y })).collect();
    let quality = Quality::measure(&mesh, &points, &chip, &in_chip, face_flag);
    let embedder = &models.face()?.embedder;
    let own = if embedder.takes_chip() { None } else { Some(embedder.cut(picture, face, &points)?) };
    Ok(FaceMesh { face: face.clone(), mesh, points, quality, chip, own })
}

/// Side of the mesh network's input.
const MESH_SIDE: u32 = 192;
/// Side of the crop for the mesh, in multiples of the longer side of the detector's box.
const MESH_CROP: f32 = 1.5;

/// The 468 mesh points in pixels of the picture, and the face flag.
fn mesh(models: &Models, picture: &Picture, face: &Face) -> Result<(Vec<[f32; 3]>, f32), FaceError> {
    let network = &models.face()?.mesh;
    let centre = face.bounds.centre();
    let side = face.bounds.width.max(face.bounds.height) * MESH_CROP;
    let [left, right, ..] = face.points;
    let angle = (right.y - left.y).atan2(right.x - left.x);
    let scale = side / MESH_SIDE as f32;
    let (a, b) = (scale * angle.cos(), scale * angle.sin());
    // From the middle of the crop (pixel centres at whole numbers) to the centre of the box.
    let half = (MESH_SIDE as f32 - 1.0) / 2.0;
    let to_picture = Affine { x: [a, -b, centre.x - a * half + b * half], y: [b, a, centre.y - b * half - a * half] };
    let crop = picture.warp_affine(&to_picture, MESH_SIDE, MESH_SIDE, Edge::Black);
    let input = Zeroizing::new(crop.planes([0, 1, 2], 1.0 / 255.0, 0.0));
    let outputs = network.run(&[1, 3, MESH_SIDE as usize, MESH_SIDE as usize], &input)?;
    let [points, flag] = outputs.as_slice() else { return Err(unexpected("facemesh").into()) };
    let (triples, rest) = points.values.as_chunks::<3>();
    if triples.len() != 468 || !rest.is_empty() || !points.values.iter().all(|value| value.is_finite()) {
        return Err(unexpected("facemesh").into());
    }
    // The network counts from the corner of the crop, this program from the centre of its first pixel.
    let mesh = triples
        .iter()
        .map(|&[x, y, z]| {
            let point = to_picture.apply(Point { x: x - 0.5, y: y - 0.5 });
            [point.x, point.y, z * scale]
        })
        .collect();
    // The flag leaves the network as a probability.
    let flag = flag.values.first().copied().ok_or_else(|| unexpected("facemesh"))?;
    Ok((mesh, flag))
}

/// Eyes (mean of corners and lids), tip of the nose, corners of the mouth.
fn five_points(mesh: &[[f32; 3]]) -> [Point; 5] {
    let mean = |indices: &[usize]| {
        let n = indices.len() as f32;
        let (x, y) = indices.iter().fold((0.0, 0.0), |(x, y), &at| (x + mesh[at][0], y + mesh[at][1]));
        Point { x: x / n, y: y / n }
    };
    [mean(&[33, 133, 159, 145]), mean(&[362, 263, 386, 374]), mean(&[1]), mean(&[61]), mean(&[291])]
}

fn unexpected(model: &'static str) -> ModelsError {
    ModelsError::Malformed { model, reason: "the outputs have another shape than expected".into() }
}
