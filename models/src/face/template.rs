//! Embeddings, templates, and what a distance between them means.

use std::fmt;
use std::str::FromStr;

use base64ct::{Base64UrlUnpadded, Encoding};
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::manifest::{Manifest, Sha256Hash};
use crate::resnet;

/// Number of values in an embedding and in a template.
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
        let weights = Manifest::builtin().file("face_recognition_model.bin")?;
        Some(Self::new(resnet::NAME, weights.sha256))
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

/// 128 values that describe a face, compared by Euclidean distance without normalising. Wiped on drop.
#[derive(Clone, PartialEq)]
pub struct Embedding {
    model: ModelId,
    values: [f32; DIMENSION],
}

impl Embedding {
    pub(super) fn new(model: ModelId, values: [f32; DIMENSION]) -> Self {
        Self { model, values }
    }

    /// The model that made it.
    pub fn model(&self) -> &ModelId {
        &self.model
    }

    /// The values.
    pub fn values(&self) -> &[f32; DIMENSION] {
        &self.values
    }

    /// Euclidean distance to another embedding of the same model.
    pub fn distance(&self, other: &Self) -> Result<Distance, OtherModel> {
        same_model(&self.model, &other.model)?;
        let squares: f32 = self.values.iter().zip(&other.values).map(|(a, b)| (a - b) * (a - b)).sum();
        Ok(Distance(squares.sqrt()))
    }

    /// The form that is stored: 128 bytes.
    pub fn template(&self) -> Template {
        let values = self.values.map(|value| (value * Template::SCALE).round().clamp(-127.0, 127.0) as i8);
        Template { model: self.model.clone(), values }
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

/// A stored face: 128 signed bytes, each a value of the embedding times 200. Wiped on drop.
///
/// Against the unrounded embeddings a distance changes by at most 0.057 in theory; 0.008 was the most measured.
#[derive(Clone, PartialEq, Eq)]
pub struct Template {
    model: ModelId,
    values: [i8; DIMENSION],
}

/// Bytes that are not a template: not 128 of them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a template has 128 bytes, not {0}")]
pub struct TemplateLength(pub usize);

impl Template {
    /// What each value of the embedding was multiplied by.
    pub const SCALE: f32 = 200.0;
    /// Number of values, which is also the number of bytes.
    pub const DIMENSION: usize = DIMENSION;

    /// Takes 128 bytes (two's complement) made by [`Template::to_bytes`] under the same model.
    pub fn from_bytes(model: ModelId, bytes: &[u8]) -> Result<Self, TemplateLength> {
        let bytes: &[u8; DIMENSION] = bytes.try_into().map_err(|_| TemplateLength(bytes.len()))?;
        Ok(Self { model, values: bytes.map(u8::cast_signed) })
    }

    /// The 128 bytes (two's complement). The caller wipes them.
    pub fn to_bytes(&self) -> [u8; DIMENSION] {
        self.values.map(i8::cast_unsigned)
    }

    /// The model that made it.
    pub fn model(&self) -> &ModelId {
        &self.model
    }

    /// Euclidean distance to another template of the same model.
    pub fn distance(&self, other: &Self) -> Result<Distance, OtherModel> {
        same_model(&self.model, &other.model)?;
        let squares: i32 = self
            .values
            .iter()
            .zip(&other.values)
            .map(|(&a, &b)| {
                let difference = i32::from(a) - i32::from(b);
                difference * difference
            })
            .sum();
        Ok(Distance::of_squares(squares))
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

/// How far apart two faces are: 0 is identical, 0.41 is usual for one person, 0.85 for two.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Distance(f32);

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
    /// Middle of the score curve: dlib's own threshold.
    const SCORE_MIDDLE: f32 = 0.6;
    /// Width of the score curve.
    const SCORE_WIDTH: f32 = 0.06;

    /// The distance of two templates whose values differ by so much, squared and summed.
    pub(super) fn of_squares(squares: i32) -> Self {
        Self((squares as f32).sqrt() / Template::SCALE)
    }

    /// The distance itself.
    pub fn value(self) -> f32 {
        self.0
    }

    /// The distance as a score from 0 to 100: `100 / (1 + exp((d - 0.60) / 0.06))`.
    ///
    /// 0.41 gives 96, the accept threshold 0.55 gives 70, the review threshold 0.62 gives 42, 0.85 gives 1.5. Always
    /// falling; not a probability.
    pub fn score(self) -> f32 {
        100.0 / (1.0 + ((self.0 - Self::SCORE_MIDDLE) / Self::SCORE_WIDTH).exp())
    }

    /// Whether the faces match at an operating point.
    pub fn within(self, point: OperatingPoint) -> bool {
        self.0 < point.threshold()
    }

    /// Distances below this are accepted as one person's ([`Band::Accept`]).
    pub fn accepted_below() -> f32 {
        threshold("accept")
    }

    /// Whether the faces match, do not match, or need a person's look.
    pub fn band(self) -> Band {
        if self.0 < threshold("accept") {
            Band::Accept
        } else if self.0 < threshold("review") {
            Band::Review
        } else {
            Band::Reject
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

    /// Distances below this match.
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
        let (a, b) = (Embedding::new(model(), [0.0; 128]), Embedding::new(ModelId::new("other", [7; 32]), [0.0; 128]));
        assert!(a.distance(&b).is_err());
        assert!(a.template().distance(&b.template()).is_err());
    }

    #[test]
    fn thresholds_are_in_the_manifest_and_in_order() {
        let values = OperatingPoint::ALL.map(OperatingPoint::threshold);
        assert!(values[0] > values[1] && values[1] > values[2] && values[2] > 0.0, "{values:?}");
        assert_eq!(Distance(0.549).band(), Band::Accept);
        assert_eq!(Distance(0.55).band(), Band::Review);
        assert_eq!(Distance(0.62).band(), Band::Reject);
        assert!("fmr-1e-3".parse::<OperatingPoint>() == Ok(OperatingPoint::Fmr1e3));
        assert!("fmr-1e-5".parse::<OperatingPoint>().is_err());
    }

    #[test]
    fn score_curve() {
        for (distance, score) in [(0.41, 96.0), (0.55, 69.7), (0.60, 50.0), (0.62, 41.7), (0.85, 1.5)] {
            assert!((Distance(distance).score() - score).abs() < 0.1, "{distance}: {}", Distance(distance).score());
        }
    }

    proptest! {
        #[test]
        fn rounding_keeps_distances(a in proptest::collection::vec(-0.6f32..0.6, 128), b in proptest::collection::vec(-0.6f32..0.6, 128)) {
            let (a, b) = (
                Embedding::new(model(), a.try_into().unwrap()),
                Embedding::new(model(), b.try_into().unwrap()),
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
