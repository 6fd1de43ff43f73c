//! Models of the user's own: an embedder or a presentation-attack detector as a plain ONNX file.
//!
//! A manifest (TOML) describes each model: where its file is, its SHA-256, how its input is made and what its output
//! means. A description that runs is no evidence of a model that works: a copy of a well-known face network was found to
//! agree with its reference runtime to seven digits and to take everybody for the same person. So a model is used only
//! after a [`Trial`] on labelled pictures, whose measured rates stand in a [`Record`] beside the manifest. The record is
//! bound by hashes to the model file, to its entry and to the pictures: a changed file or entry voids it. It is no
//! signature: who can write the manifest can write a record too.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::face::embedder::{Embedder, Input};
use crate::face::template::Space;
use crate::face::{Align, Colour, Layout, ModelId, Template, Thresholds};
use crate::liveness::Pad;
use crate::manifest::{Sha256Hash, hex, hex_hash};
use crate::plan::Network;
pub use crate::plan::OutputChoice;
use crate::{Models, ModelsError, Weights};

mod record;
mod trial;

pub use record::{Rates, Record, Records};
pub use trial::{Trial, TrialError};

/// Largest model file in bytes.
pub const MAX_MODEL_BYTES: u64 = 300_000_000;
/// Largest manifest and largest file of records in bytes.
pub const MAX_TEXT_BYTES: u64 = 1_000_000;
/// Largest side of an input in pixels.
const MAX_SIDE: u32 = 640;

/// What the user says about the models.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PluginManifest {
    /// At most one of each kind.
    #[serde(rename = "model")]
    pub models: Vec<PluginEntry>,
}

/// One model of the user's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum PluginEntry {
    /// Takes the place of the built-in embedder.
    Embedder(EmbedderEntry),
    /// Joins the built-in passive liveness: both have to take a picture for live.
    Pad(PadEntry),
}

/// An embedder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EmbedderEntry {
    /// Lower-case letters, digits, `-` and `.`; becomes part of the identifier of templates.
    pub name: String,
    /// ONNX file, relative to the folder of the manifest.
    pub path: String,
    /// SHA-256 of the file.
    #[serde(deserialize_with = "hex_hash", serialize_with = "as_hex")]
    pub sha256: Sha256Hash,
    /// Licence of the weights and what is known of the training data.
    pub licence: String,
    /// Where the colours stand.
    pub layout: Layout,
    /// Side of the square input in pixels.
    pub size: u32,
    /// Order of the colours.
    pub colour: Colour,
    /// Subtracted from each pixel (0 to 255) of a colour, in the order red, green, blue.
    #[serde(default)]
    pub mean: [f32; 3],
    /// Multiplied with what is left, in the order red, green, blue.
    #[serde(default = "ones")]
    pub scale: [f32; 3],
    /// How the face is cut out.
    pub align: Align,
    /// Which output is the embedding.
    #[serde(default = "first")]
    pub output: OutputChoice,
    /// Number of values.
    pub dim: usize,
    /// Whether the values are brought to length one.
    pub l2norm: bool,
    /// What `accept`, `review`, `continuity` and the operating points are.
    pub metric: Metric,
    /// The same person from here on, in the metric.
    pub accept: f32,
    /// Somebody else beyond this, in the metric; between the two a person looks.
    pub review: f32,
    /// Frames of one recording that are this close show one person; `accept` where absent.
    pub continuity: Option<f32>,
    /// Threshold of the operating point; where absent nobody matches at it.
    #[serde(rename = "fmr-1e-2")]
    pub fmr_1e_2: Option<f32>,
    /// Likewise.
    #[serde(rename = "fmr-1e-3")]
    pub fmr_1e_3: Option<f32>,
    /// Likewise.
    #[serde(rename = "fmr-1e-4")]
    pub fmr_1e_4: Option<f32>,
    /// What values are multiplied by before they are rounded to bytes; 200 where absent.
    #[serde(default = "template_scale")]
    pub template_scale: u16,
    /// Largest equal error rate that the entry promises, 0 to 1.
    pub claimed_eer: Option<f64>,
    /// Least share of genuine pairs accepted that the entry promises, 0 to 1.
    pub claimed_tar: Option<f64>,
}

/// How an embedder's thresholds are given. Inside, all distances are Euclidean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Metric {
    /// Distances: smaller is closer.
    Euclid,
    /// Cosines: larger is closer. Only with `l2norm`, where a cosine `c` is the distance `sqrt(2 - 2 c)`.
    Cosine,
}

/// A presentation-attack detector on one picture.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PadEntry {
    /// Lower-case letters, digits, `-` and `.`.
    pub name: String,
    /// ONNX file, relative to the folder of the manifest.
    pub path: String,
    /// SHA-256 of the file.
    #[serde(deserialize_with = "hex_hash", serialize_with = "as_hex")]
    pub sha256: Sha256Hash,
    /// Licence of the weights and what is known of the training data.
    pub licence: String,
    /// Where the colours stand.
    pub layout: Layout,
    /// Side of the square input in pixels.
    pub size: u32,
    /// Order of the colours.
    pub colour: Colour,
    /// As in [`EmbedderEntry::mean`].
    #[serde(default)]
    pub mean: [f32; 3],
    /// As in [`EmbedderEntry::scale`].
    #[serde(default = "ones")]
    pub scale: [f32; 3],
    /// The face box, hair line to chin, is enlarged this many times about its centre.
    pub crop: f32,
    /// Which output holds the classes.
    #[serde(default = "first")]
    pub output: OutputChoice,
    /// How many values the output has.
    pub classes: usize,
    /// Which of them stands for a live person, from 0.
    pub class: usize,
    /// What makes a share of 0 to 1 of the values.
    pub activation: Activation,
    /// Live from here on, between 0 and 1.
    pub live: f32,
    /// Largest share of attacks taken for live that the entry promises.
    pub claimed_apcer: Option<f64>,
    /// Largest share of live persons taken for attacks that the entry promises.
    pub claimed_bpcer: Option<f64>,
}

/// What makes a share of 0 to 1 of a network's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Activation {
    /// They are shares already.
    None,
    /// Over all classes.
    Softmax,
    /// Of the one class.
    Sigmoid,
}

/// Why a user's models cannot be used.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PluginError {
    /// The manifest, the records or a model cannot be read.
    #[error("{path}: {reason}")]
    Unreadable {
        /// Which file.
        path: String,
        /// What the system said.
        reason: String,
    },
    /// A file is larger than it may be.
    #[error("{path} has {bytes} bytes, at most {limit} are read")]
    TooLarge {
        /// Which file.
        path: String,
        /// Its size.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
    /// The manifest does not follow its format.
    #[error("the manifest of models: {0}")]
    Manifest(String),
    /// A file is not the one the manifest names.
    #[error("{path} has the SHA-256 {found}, the manifest says {expected}")]
    OtherFile {
        /// Which file.
        path: String,
        /// In hexadecimal.
        found: String,
        /// In hexadecimal.
        expected: String,
    },
}

impl PluginManifest {
    /// Reads a manifest and checks that each entry makes sense.
    pub fn parse(text: &str) -> Result<Self, PluginError> {
        let manifest: Self = toml::from_str(text).map_err(|error| PluginError::Manifest(error.to_string()))?;
        for entry in &manifest.models {
            let wrong = |why: &str| PluginError::Manifest(format!("`{}`: {why}", entry.name()));
            entry.check().map_err(wrong)?;
            let alike = |other: &&PluginEntry| std::mem::discriminant(*other) == std::mem::discriminant(entry);
            if manifest.models.iter().filter(alike).count() > 1 {
                return Err(wrong("there is another model of the same kind"));
            }
        }
        Ok(manifest)
    }
}

impl PluginEntry {
    /// Its name.
    pub fn name(&self) -> &str {
        match self {
            Self::Embedder(entry) => &entry.name,
            Self::Pad(entry) => &entry.name,
        }
    }

    /// Where its file is.
    pub fn path(&self) -> &str {
        match self {
            Self::Embedder(entry) => &entry.path,
            Self::Pad(entry) => &entry.path,
        }
    }

    /// SHA-256 of its file.
    pub fn sha256(&self) -> &Sha256Hash {
        match self {
            Self::Embedder(entry) => &entry.sha256,
            Self::Pad(entry) => &entry.sha256,
        }
    }

    /// SHA-256 of everything the entry says, in hexadecimal.
    pub(crate) fn digest(&self) -> String {
        // An entry is made of names and finite numbers, so it always has this form.
        let text = serde_json::to_vec(self).unwrap_or_default();
        hex(&Sha256::digest(text))
    }

    fn check(&self) -> Result<(), &'static str> {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.');
        if !(1..=64).contains(&self.name().len()) || !self.name().bytes().all(plain) {
            return Err("a name has 1 to 64 lower-case letters, digits, `-` and `.`");
        }
        let (size, mean, scale) = match self {
            Self::Embedder(entry) => (entry.size, entry.mean, entry.scale),
            Self::Pad(entry) => (entry.size, entry.mean, entry.scale),
        };
        if !(16..=MAX_SIDE).contains(&size) {
            return Err("`size` is from 16 to 640");
        }
        if !mean.iter().chain(&scale).all(|value| value.is_finite()) {
            return Err("`mean` and `scale` are finite");
        }
        match self {
            Self::Embedder(entry) => entry.check(),
            Self::Pad(entry) => entry.check(),
        }
    }
}

impl EmbedderEntry {
    fn check(&self) -> Result<(), &'static str> {
        if !(1..=Template::MAX_DIMENSION).contains(&self.dim) || self.template_scale == 0 {
            return Err("`dim` is from 1 to 4096 and `template_scale` is not 0");
        }
        if self.metric == Metric::Cosine && !self.l2norm {
            return Err("cosines need `l2norm`");
        }
        let thresholds = self.thresholds();
        let in_order =
            0.0 < thresholds.accept && thresholds.accept < thresholds.review && thresholds.review.is_finite();
        let known = thresholds.operating_points.iter().chain([&thresholds.continuity]);
        if !in_order || !known.copied().all(|value| value.is_finite() && value >= 0.0) {
            return Err("`accept` has to be stricter than `review`, and all thresholds finite");
        }
        Ok(())
    }

    /// Its thresholds as Euclidean distances.
    fn thresholds(&self) -> Thresholds {
        let distance = |given: f32| match self.metric {
            Metric::Euclid => given,
            // Beyond the range of a cosine nothing matches.
            Metric::Cosine => (2.0 - 2.0 * given).max(0.0).sqrt(),
        };
        Thresholds {
            accept: distance(self.accept),
            review: distance(self.review),
            continuity: distance(self.continuity.unwrap_or(self.accept)),
            operating_points: [self.fmr_1e_2, self.fmr_1e_3, self.fmr_1e_4]
                .map(|point| point.map(distance).unwrap_or_default()),
        }
    }

    fn build(&self, onnx: &[u8]) -> Result<Embedder, ModelsError> {
        let Self { layout, size, colour, mean, scale, .. } = *self;
        let input = Input { layout, size, colour, mean, scale };
        let network = Network::foreign("plug-in embedder", onnx, &input.shape(), &self.output, self.dim)?;
        let space =
            Space { dimension: self.dim, scale: self.template_scale, unit: self.l2norm, thresholds: self.thresholds() };
        Ok(Embedder { network, model: ModelId::new(&self.name, self.identity()), space, input, align: self.align })
    }

    /// What stands for the weights in identifiers of templates: the hash of the file together with everything else that
    /// decides what a value means, so that the same file read in another way makes templates of another model.
    fn identity(&self) -> Sha256Hash {
        let means = (
            hex(&self.sha256),
            (self.layout, self.size, self.colour, self.mean, self.scale),
            (self.align, &self.output, self.dim, self.l2norm),
        );
        Sha256::digest(serde_json::to_vec(&means).unwrap_or_default()).into()
    }
}

impl PadEntry {
    fn check(&self) -> Result<(), &'static str> {
        if !(0.5..=10.0).contains(&self.crop) {
            return Err("`crop` is from 0.5 to 10");
        }
        if !(1..=1000).contains(&self.classes) || self.class >= self.classes {
            return Err("`class` is below `classes`, which is at most 1000");
        }
        if self.activation == Activation::Softmax && self.classes < 2 {
            return Err("softmax needs two classes");
        }
        if !(self.live > 0.0 && self.live < 1.0) {
            return Err("`live` is between 0 and 1");
        }
        Ok(())
    }

    fn build(&self, onnx: &[u8]) -> Result<Pad, ModelsError> {
        let Self { layout, size, colour, mean, scale, .. } = *self;
        let input = Input { layout, size, colour, mean, scale };
        let network = Network::foreign("plug-in pad", onnx, &input.shape(), &self.output, self.classes)?;
        let Self { crop, class, activation, live, .. } = *self;
        Ok(Pad { network, input, crop, class, activation, live })
    }
}

/// One model of the user's with its file, whose hash was checked.
#[derive(Clone)]
pub struct Plugin {
    entry: PluginEntry,
    onnx: Vec<u8>,
    record: Option<Record>,
}

impl std::fmt::Debug for Plugin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Plugin({}, {} bytes)", self.entry.name(), self.onnx.len())
    }
}

impl Plugin {
    /// A model from its entry, its file and the records beside the manifest.
    pub fn new(entry: PluginEntry, onnx: Vec<u8>, records: &Records) -> Result<Self, PluginError> {
        let found: Sha256Hash = Sha256::digest(&onnx).into();
        if found != *entry.sha256() {
            let path = entry.path().to_owned();
            return Err(PluginError::OtherFile { path, found: hex(&found), expected: hex(entry.sha256()) });
        }
        let record = records.of(entry.name()).cloned();
        Ok(Self { entry, onnx, record })
    }

    /// What the user says about it.
    pub fn entry(&self) -> &PluginEntry {
        &self.entry
    }

    /// Loads it for a trial, and for nothing else: what comes back cannot be used to match people.
    pub fn trial(&self, weights: &dyn Weights) -> Result<Trial, ModelsError> {
        let models = match &self.entry {
            PluginEntry::Embedder(entry) => Models::untried(weights, Some(entry.build(&self.onnx)?), None)?,
            PluginEntry::Pad(entry) => Models::untried(weights, None, Some(entry.build(&self.onnx)?))?,
        };
        Ok(Trial::new(self.entry.clone(), models))
    }

    /// Whether a trial has shown that it works, with this file and this entry.
    pub fn proven(&self) -> Result<(), ModelsError> {
        let model = || self.entry.name().to_owned();
        let record = self
            .record
            .as_ref()
            .ok_or_else(|| ModelsError::NotTested { model: model(), reason: "there is no record of a trial".into() })?;
        record.binds(&self.entry).map_err(|reason| ModelsError::NotTested { model: model(), reason })?;
        match record.rates.shortfall(&self.entry) {
            None => Ok(()),
            Some(reason) => Err(ModelsError::NotGoodEnough { model: model(), reason }),
        }
    }
}

/// The models of the user's that are to be used.
#[derive(Debug, Clone, Default)]
pub struct Plugins(Vec<Plugin>);

impl Plugins {
    /// None: the built-in models alone.
    pub fn none() -> Self {
        Self::default()
    }

    /// All of one manifest.
    pub fn new(plugins: Vec<Plugin>) -> Self {
        Self(plugins)
    }

    /// Each model.
    pub fn iter(&self) -> impl Iterator<Item = &Plugin> {
        self.0.iter()
    }

    /// The user's embedder, where there is one that has been proven.
    pub(crate) fn embedder(&self) -> Result<Option<Embedder>, ModelsError> {
        for plugin in &self.0 {
            if let PluginEntry::Embedder(entry) = &plugin.entry {
                plugin.proven()?;
                return entry.build(&plugin.onnx).map(Some);
            }
        }
        Ok(None)
    }

    /// The user's presentation-attack detector, where there is one that has been proven.
    pub(crate) fn pad(&self) -> Result<Option<Pad>, ModelsError> {
        for plugin in &self.0 {
            if let PluginEntry::Pad(entry) = &plugin.entry {
                plugin.proven()?;
                return entry.build(&plugin.onnx).map(Some);
            }
        }
        Ok(None)
    }

    /// Reads a manifest, the model files it names and the records beside it. Whether they may be used is decided when
    /// they are loaded.
    #[cfg(feature = "fs")]
    pub fn open(manifest: &std::path::Path) -> Result<Self, PluginError> {
        let parsed = PluginManifest::parse(&text(manifest)?)?;
        let beside = Self::records_of(manifest);
        let records = if beside.exists() { Records::parse(&text(&beside)?)? } else { Records::default() };
        let folder = manifest.parent().unwrap_or(std::path::Path::new(""));
        let open = |entry: PluginEntry| {
            let onnx = bounded(&folder.join(entry.path()), MAX_MODEL_BYTES)?;
            Plugin::new(entry, onnx, &records)
        };
        parsed.models.into_iter().map(open).collect::<Result<_, _>>().map(Self)
    }

    /// Where the records of a manifest are: its own name with `.tested.json` added.
    #[cfg(feature = "fs")]
    pub fn records_of(manifest: &std::path::Path) -> std::path::PathBuf {
        let mut name = manifest.as_os_str().to_owned();
        name.push(".tested.json");
        name.into()
    }

    /// Those of the manifest that `WARIFU_FACE_MODELS` names; none where it is not set.
    #[cfg(feature = "fs")]
    pub fn from_environment() -> Result<Self, PluginError> {
        match std::env::var_os("WARIFU_FACE_MODELS") {
            Some(path) if !path.is_empty() => Self::open(std::path::Path::new(&path)),
            Some(_) | None => Ok(Self::none()),
        }
    }
}

#[cfg(feature = "fs")]
fn text(path: &std::path::Path) -> Result<String, PluginError> {
    String::from_utf8(bounded(path, MAX_TEXT_BYTES)?)
        .map_err(|_| PluginError::Unreadable { path: path.display().to_string(), reason: "not UTF-8".into() })
}

/// A whole file, refused by its length before it is in memory.
#[cfg(feature = "fs")]
fn bounded(path: &std::path::Path, limit: u64) -> Result<Vec<u8>, PluginError> {
    use std::io::Read as _;
    let name = || path.display().to_string();
    let failed = |error: std::io::Error| PluginError::Unreadable { path: name(), reason: error.to_string() };
    let file = std::fs::File::open(path).map_err(failed)?;
    let bytes = file.metadata().map_err(failed)?.len();
    if bytes > limit {
        return Err(PluginError::TooLarge { path: name(), bytes, limit });
    }
    let mut out = Vec::with_capacity(bytes as usize + 1);
    // A file that grows meanwhile is cut off, and then is not the one that was pinned.
    file.take(limit).read_to_end(&mut out).map_err(failed)?;
    Ok(out)
}

fn ones() -> [f32; 3] {
    [1.0; 3]
}

fn first() -> OutputChoice {
    OutputChoice::Index(0)
}

fn template_scale() -> u16 {
    Template::SCALE
}

fn as_hex<S: serde::Serializer>(hash: &Sha256Hash, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&hex(hash))
}

#[cfg(all(test, feature = "fs"))]
mod tests;
