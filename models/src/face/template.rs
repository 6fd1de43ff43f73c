//! Embeddings, templates, and what a distance between them means.

use std::fmt;
use std::str::FromStr;
use std::sync::OnceLock;

use base64ct::{Base64UrlUnpadded, Encoding};
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::manifest::{Manifest, Sha256Hash};
use crate::resnet;

/// Number of values in an embedding and in a template of the built-in model.
pub(crate) const DIMENSION: usize = 128;

/// Which embedder with which weights: `<name>@sha256-<base64url of the weights' SHA-256>`.
///
/// Templates of different identifiers can never be compared.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ModelId(String);

/// A text that is not a [`ModelId`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a model identifier of the form name@sha256-hash")]
pub struct NotAModelId;

impl ModelId {
    pub(crate) fn new(name: &str, weights: Sha256Hash) -> Self {
        Self(format!("{name}@sha256-{}", Base64UrlUnpadded::encode_string(&weights)))
    }

    /// The identifier of the embedder that this program comes with, whether its weights are here or not.
    pub fn builtin() -> Option<Self> {
        static BUILTIN: OnceLock<Option<ModelId>> = OnceLock::new();
        let id = || Some(Self::new(resnet::NAME, Manifest::builtin().file("face_recognition_model.bin")?.sha256));
        BUILTIN.get_or_init(id).clone()
    }

    /// The identifier as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ModelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for ModelId {
    type Err = NotAModelId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, hash) = text.split_once("@sha256-").ok_or(NotAModelId)?;
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.');
        let mut bytes = [0u8; 32];
        let decoded = Base64UrlUnpadded::decode(hash, &mut bytes).map_err(|_| NotAModelId)?.len();
        if name.is_empty() || name.len() > 64 || !name.bytes().all(plain) || decoded != 32 {
            return Err(NotAModelId);
        }
        Ok(Self(text.to_owned()))
    }
}

/// Two faces were measured by different models.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("templates of different models cannot be compared: `{left}` and `{right}`")]
pub struct OtherModel {
    /// Model of the first.
    pub left: ModelId,
    /// Model of the second.
    pub right: ModelId,
}

/// How the values of one model are kept, and what its distances mean.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Space {
    /// Number of values.
    pub(crate) dimension: usize,
    /// What each value is multiplied by before it is rounded to a byte.
    pub(crate) scale: u16,
    /// Whether embeddings have length one.
    pub(crate) unit: bool,
    /// Distances and what they mean.
    pub(crate) thresholds: Thresholds,
}

impl Space {
    /// That of the embedder which this program comes with.
    pub(crate) fn builtin() -> Self {
        Self { dimension: DIMENSION, scale: Template::SCALE, unit: false, thresholds: Thresholds::builtin() }
    }
}

/// What the distances of one model mean; a threshold that is not known is 0 and matches nothing.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Thresholds {
    /// Below: the same person.
    pub accept: f32,
    /// From `accept` up to here a person should look; from here on it is somebody else.
    pub review: f32,
    /// Frames of one recording that are closer than this to their medoid show one person.
    pub continuity: f32,
    /// For each [`OperatingPoint`], loosest first.
    pub operating_points: [f32; 3],
}

impl Thresholds {
    /// Those of the built-in embedder, from the manifest.
    pub fn builtin() -> Self {
        Self {
            accept: threshold("accept"),
            review: threshold("review"),
            continuity: threshold("continuity"),
            operating_points: OperatingPoint::ALL.map(OperatingPoint::threshold),
        }
    }
}

/// Values that describe a face, compared by Euclidean distance; 128 of the built-in model. Wiped on drop.
#[derive(Clone, PartialEq)]
pub struct Embedding {
    model: ModelId,
    space: Space,
    values: Box<[f32]>,
}

impl Embedding {
    /// The values have to be as many as the space has dimensions, at exact capacity so that no copy is left behind.
    pub(crate) fn new(model: ModelId, space: Space, values: Box<[f32]>) -> Self {
        Self { model, space, values }
    }

    /// The model that made it.
    pub fn model(&self) -> &ModelId {
        &self.model
    }

    /// The values.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// What distances to it mean.
    pub fn thresholds(&self) -> Thresholds {
        self.space.thresholds
    }

    pub(super) fn space(&self) -> Space {
        self.space
    }

    /// Euclidean distance to another embedding of the same model.
    pub fn distance(&self, other: &Self) -> Result<Distance, OtherModel> {
        same_model(&self.model, &other.model)?;
        let squares: f32 = self.values.iter().zip(&other.values).map(|(a, b)| (a - b) * (a - b)).sum();
        Ok(Distance { value: squares.sqrt(), thresholds: self.space.thresholds })
    }

    /// The form that is stored: one byte a value.
    pub fn template(&self) -> Template {
        let scale = f32::from(self.space.scale);
        let round = |value: &f32| (value * scale).round().clamp(-127.0, 127.0) as i8;
        Template {
            model: self.model.clone(),
            scale: self.space.scale,
            thresholds: Some(self.space.thresholds),
            values: self.values.iter().map(round).collect(),
        }
    }
}

impl fmt::Debug for Embedding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Embedding({})", self.model)
    }
}

impl Drop for Embedding {
    fn drop(&mut self) {
        self.values.zeroize();
    }
}

impl ZeroizeOnDrop for Embedding {}

/// A stored face: signed bytes, each a value of the embedding times the model's scale. Wiped on drop.
///
/// Of the built-in model it has 128 bytes at a scale of 200: against the unrounded embeddings a distance changes by at
/// most 0.057 in theory; 0.008 was the most measured.
#[derive(Clone)]
pub struct Template {
    model: ModelId,
    scale: u16,
    /// Absent where the template came as bytes of a model that this program does not know; it then matches nothing
    /// unless the other side knows.
    thresholds: Option<Thresholds>,
    values: Box<[i8]>,
}

/// Two templates are equal when model, scale and values are.
impl PartialEq for Template {
    fn eq(&self, other: &Self) -> bool {
        self.model == other.model && self.scale == other.scale && self.values == other.values
    }
}

impl Eq for Template {}

/// Bytes that are no template of their model: the built-in one has 128, others 1 to [`Template::MAX_DIMENSION`], and the
/// scale is not 0.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0} bytes are no template of this model")]
pub struct TemplateLength(pub usize);

impl Template {
    /// What each value of the embedding was multiplied by, unless its model says otherwise.
    pub const SCALE: u16 = 200;
    /// Number of values of the built-in model, which is also the number of bytes.
    pub const DIMENSION: usize = DIMENSION;
    /// Most values of any model.
    pub const MAX_DIMENSION: usize = 4096;

    /// Takes bytes (two's complement) made by [`Template::to_bytes`] under the same model at the usual scale.
    pub fn from_bytes(model: ModelId, bytes: &[u8]) -> Result<Self, TemplateLength> {
        Self::scaled(model, Self::SCALE, bytes)
    }

    /// Takes bytes (two's complement) made by [`Template::to_bytes`] under the same model at its own scale.
    pub fn scaled(model: ModelId, scale: u16, bytes: &[u8]) -> Result<Self, TemplateLength> {
        let builtin = ModelId::builtin().as_ref() == Some(&model);
        let fits = if builtin { bytes.len() == DIMENSION } else { (1..=Self::MAX_DIMENSION).contains(&bytes.len()) };
        if !fits || scale == 0 {
            return Err(TemplateLength(bytes.len()));
        }
        let values = bytes.iter().map(|byte| byte.cast_signed()).collect();
        Ok(Self { model, scale, thresholds: builtin.then(Thresholds::builtin), values })
    }

    /// The same with the thresholds that its model had, for who keeps templates of models that may not be loaded later.
    #[must_use]
    pub fn with_thresholds(mut self, thresholds: Option<Thresholds>) -> Self {
        self.thresholds = self.thresholds.or(thresholds);
        self
    }

    /// What distances to it mean, where that is known.
    pub fn thresholds(&self) -> Option<Thresholds> {
        self.thresholds
    }

    /// One byte a value (two's complement), wiped on drop.
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(self.values.iter().map(|value| value.cast_unsigned()).collect())
    }

    /// The model that made it.
    pub fn model(&self) -> &ModelId {
        &self.model
    }

    /// What each value of the embedding was multiplied by.
    pub fn scale(&self) -> u16 {
        self.scale
    }

    /// Euclidean distance to another template of the same model. Templates of different lengths are not of one model.
    pub fn distance(&self, other: &Self) -> Result<Distance, OtherModel> {
        same_model(&self.model, &other.model)?;
        if self.values.len() != other.values.len() {
            return Err(OtherModel { left: self.model.clone(), right: other.model.clone() });
        }
        let pairs = self.values.iter().zip(&other.values);
        if self.scale == other.scale {
            return Ok(self.distance_of(pairs.map(|(&a, &b)| (i32::from(a) - i32::from(b)).pow(2)).sum()));
        }
        let (left, right) = (f32::from(self.scale), f32::from(other.scale));
        let value = pairs.map(|(&a, &b)| (f32::from(a) / left - f32::from(b) / right).powi(2)).sum::<f32>().sqrt();
        Ok(Distance { value, thresholds: self.thresholds.or(other.thresholds).unwrap_or_default() })
    }

    /// The distance to a template of the same model and scale whose values differ by so much, squared and summed.
    pub(super) fn distance_of(&self, squares: i32) -> Distance {
        Distance {
            value: (squares as f32).sqrt() / f32::from(self.scale),
            thresholds: self.thresholds.unwrap_or_default(),
        }
    }
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Template({})", self.model)
    }
}

impl Drop for Template {
    fn drop(&mut self) {
        self.values.zeroize();
    }
}

impl ZeroizeOnDrop for Template {}

fn same_model(left: &ModelId, right: &ModelId) -> Result<(), OtherModel> {
    if left == right { Ok(()) } else { Err(OtherModel { left: left.clone(), right: right.clone() }) }
}

/// How far apart two faces are, and what that means to the model that measured them. Of the built-in model 0 is
/// identical, 0.41 is usual for one person, 0.85 for two.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Distance {
    value: f32,
    thresholds: Thresholds,
}

/// What the recommended thresholds make of a distance (manifest, `accept` and `review`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Band {
    /// The same person.
    Accept,
    /// Too close to tell: a person should look.
    Review,
    /// Not the same person.
    Reject,
}

impl Distance {
    /// The distance itself.
    pub fn value(self) -> f32 {
        self.value
    }

    /// What it was held to.
    pub fn thresholds(self) -> Thresholds {
        self.thresholds
    }

    /// The distance as a score from 0 to 100, always falling; not a probability.
    ///
    /// `100 / (1 + exp((d - m) / w))`, with `w` six sevenths of the gap between the model's thresholds and `m` a third of
    /// `w` below the upper one: the accept threshold gives 70, the review threshold 42. For the built-in model `m` is
    /// 0.60, dlib's own threshold, `w` is 0.06, 0.41 gives 96 and 0.85 gives 1.5.
    pub fn score(self) -> f32 {
        let Thresholds { accept, review, .. } = self.thresholds;
        let width = (review - accept) * 6.0 / 7.0;
        if width > 0.0 { 100.0 / (1.0 + ((self.value - review + width / 3.0) / width).exp()) } else { 0.0 }
    }

    /// Whether the faces match at an operating point of the model.
    pub fn within(self, point: OperatingPoint) -> bool {
        self.value < self.thresholds.operating_points[point as usize]
    }

    /// Distances of the built-in model below this are accepted as one person's ([`Band::Accept`]).
    pub fn accepted_below() -> f32 {
        threshold("accept")
    }

    /// Whether the faces match, do not match, or need a person's look.
    pub fn band(self) -> Band {
        if self.value < self.thresholds.accept {
            Band::Accept
        } else if self.value < self.thresholds.review {
            Band::Review
        } else {
            Band::Reject
        }
    }
}

impl Band {
    /// The word in machine-readable output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::Review => "review",
            Self::Reject => "reject",
        }
    }
}

/// A false match rate that a verifier may ask for.
///
/// The rate holds between random people; measured values and their limits stand in the manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OperatingPoint {
    /// `fmr-1e-2`.
    Fmr1e2,
    /// `fmr-1e-3`.
    Fmr1e3,
    /// `fmr-1e-4`.
    Fmr1e4,
}

/// A text that names no [`OperatingPoint`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not one of the operating points fmr-1e-2, fmr-1e-3, fmr-1e-4")]
pub struct NotAnOperatingPoint;

impl OperatingPoint {
    /// All operating points, loosest first.
    pub const ALL: [Self; 3] = [Self::Fmr1e2, Self::Fmr1e3, Self::Fmr1e4];

    /// Distances of the built-in model below this match.
    pub fn threshold(self) -> f32 {
        threshold(self.as_str())
    }

    /// Name, as in a request.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fmr1e2 => "fmr-1e-2",
            Self::Fmr1e3 => "fmr-1e-3",
            Self::Fmr1e4 => "fmr-1e-4",
        }
    }
}

impl fmt::Display for OperatingPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for OperatingPoint {
    type Err = NotAnOperatingPoint;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|point| point.as_str() == text).ok_or(NotAnOperatingPoint)
    }
}

/// A threshold of the embedder from the manifest; one that is not there matches nothing.
fn threshold(name: &str) -> f32 {
    Manifest::builtin()
        .model(resnet::NAME)
        .and_then(|model| model.thresholds.iter().find(|entry| entry.name == name))
        .map_or(0.0, |entry| entry.value)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn model() -> ModelId {
        ModelId::new("test", [7; 32])
    }

    fn of(model: ModelId, values: Vec<f32>) -> Embedding {
        Embedding::new(model, Space::builtin(), values.into())
    }

    fn at(value: f32) -> Distance {
        Distance { value, thresholds: Thresholds::builtin() }
    }

    #[test]
    fn identifier_reads_what_it_writes() {
        let id = model();
        assert_eq!(id.as_str().parse(), Ok(id));
        for text in ["", "a@sha256-", "a@sha256-AAAA", "A B@sha256-BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc", "a"] {
            assert_eq!(text.parse::<ModelId>(), Err(NotAModelId), "{text}");
        }
    }

    #[test]
    fn models_are_not_mixed() {
        let (a, b) = (of(model(), vec![0.0; 128]), of(ModelId::new("other", [7; 32]), vec![0.0; 128]));
        assert!(a.distance(&b).is_err());
        assert!(a.template().distance(&b.template()).is_err());
    }

    #[test]
    fn thresholds_are_in_the_manifest_and_in_order() {
        let values = OperatingPoint::ALL.map(OperatingPoint::threshold);
        assert!(values[0] > values[1] && values[1] > values[2] && values[2] > 0.0, "{values:?}");
        assert_eq!(at(0.549).band(), Band::Accept);
        assert_eq!(at(0.55).band(), Band::Review);
        assert_eq!(at(0.62).band(), Band::Reject);
        assert!("fmr-1e-3".parse::<OperatingPoint>() == Ok(OperatingPoint::Fmr1e3));
        assert!("fmr-1e-5".parse::<OperatingPoint>().is_err());
    }

    #[test]
    fn score_curve() {
        for (distance, score) in [(0.41, 96.0), (0.55, 69.7), (0.60, 50.0), (0.62, 41.7), (0.85, 1.5)] {
            assert!((at(distance).score() - score).abs() < 0.1, "{distance}: {}", at(distance).score());
        }
    }

    #[test]
    fn a_template_of_an_unknown_model_matches_nothing_by_itself() {
        let stored = |bytes: &[u8]| Template::from_bytes(model(), bytes).unwrap();
        let distance = stored(&[1; 512]).distance(&stored(&[1; 512])).unwrap();
        assert_eq!((distance.value(), distance.band(), distance.score()), (0.0, Band::Reject, 0.0));
        assert!(OperatingPoint::ALL.into_iter().all(|point| !distance.within(point)));
        // With a fresh embedding on one side the model's own thresholds hold.
        let fresh = of(model(), vec![0.005; 128]).template();
        assert_eq!(fresh.distance(&stored(&[1; 128])).unwrap().band(), Band::Accept);
        assert!(stored(&[1; 128]).distance(&stored(&[1; 127])).is_err());
    }

    #[test]
    fn lengths_and_scales() {
        let builtin = ModelId::builtin().unwrap();
        for (model, length, fits) in [
            (&builtin, 128, true),
            (&builtin, 127, false),
            (&model(), 512, true),
            (&model(), 0, false),
            (&model(), 4097, false),
        ] {
            assert_eq!(Template::from_bytes(model.clone(), &vec![0; length]).is_ok(), fits, "{model} {length}");
        }
        assert!(Template::scaled(model(), 0, &[1]).is_err());
        let (coarse, fine) = (Template::scaled(model(), 100, &[50]), Template::scaled(model(), 200, &[120]));
        assert!((coarse.unwrap().distance(&fine.unwrap()).unwrap().value() - 0.1).abs() < 1e-6);
    }

    proptest! {
        #[test]
        fn rounding_keeps_distances(a in proptest::collection::vec(-0.6f32..0.6, 128), b in proptest::collection::vec(-0.6f32..0.6, 128)) {
            let (a, b) = (
                of(model(), a),
                of(model(), b),
            );
            let exact = a.distance(&b).unwrap().value();
            let rounded = a.template().distance(&b.template()).unwrap().value();
            // Each value moves by at most 1/400, each difference by 1/200: sqrt(128) / 200.
            prop_assert!((exact - rounded).abs() <= 128f32.sqrt() / 200.0 + 1e-4);
            let again = Template::from_bytes(model(), &a.template().to_bytes()).unwrap();
            prop_assert!(again == a.template());
        }
    }
}
