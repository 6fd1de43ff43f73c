//! From weights to networks that are ready to run.

use std::sync::Arc;

use crate::face::embedder::Embedder;
use crate::face::{ModelId, Thresholds};
use crate::liveness::Pad;
use crate::manifest::{FileEntry, Manifest};
use crate::plan::Network;
use crate::plugin::{PluginError, Plugins};
use crate::weights::{Weights, WeightsError};
use crate::{minifas, resnet, tfjs};

/// Which groups of models to load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parts {
    /// Detector, face mesh and embedder.
    pub face: bool,
    /// Passive liveness; weights that are absent are no error here (see [`crate::liveness`]).
    pub liveness: bool,
    /// Text detection and recognition.
    pub document: bool,
}

impl Parts {
    /// Everything: what an issuer needs.
    pub const ALL: Self = Self { face: true, liveness: true, document: true };
    /// Faces with liveness: what a wallet needs.
    pub const FACE: Self = Self { face: true, liveness: true, document: false };
    /// Documents alone.
    pub const DOCUMENT: Self = Self { face: false, liveness: false, document: true };
}

/// Why models could not be loaded or run.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ModelsError {
    /// A file of weights is absent or not the pinned one.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// A file of weights has the pinned hash but not the expected content: a fault of this program.
    #[error("cannot build model `{model}`: {reason}")]
    Malformed {
        /// Name of the model.
        model: &'static str,
        /// What was wrong.
        reason: String,
    },
    /// The inference engine refused a graph or an input: a fault of this program.
    #[error("model `{model}` failed: {reason}")]
    Network {
        /// Name of the model.
        model: &'static str,
        /// What the engine said.
        reason: String,
    },
    /// The part was not among the [`Parts`] given to [`Models::load`].
    #[error("the {part} models were not loaded")]
    NotLoaded {
        /// `face` or `document`.
        part: &'static str,
    },
    /// A user's model has not been tried, or was changed since.
    #[error("the model `{model}` may not be used: {reason}; run: warifu models test")]
    NotTested {
        /// Name of the model.
        model: String,
        /// What is missing or changed.
        reason: String,
    },
    /// A user's model was tried and is not good enough.
    #[error("the model `{model}` may not be used: {reason}")]
    NotGoodEnough {
        /// Name of the model.
        model: String,
        /// Which rate, measured and demanded.
        reason: String,
    },
    /// A user's models cannot be read.
    #[error(transparent)]
    Plugin(#[from] PluginError),
    /// The built-in manifest does not name a file that the code asks for.
    #[error("the manifest has no file `{name}`")]
    NotInManifest {
        /// Name of the file.
        name: &'static str,
    },
}

/// All loaded models. Cheap to clone, to be shared by threads; inference belongs on a blocking thread.
#[derive(Debug, Clone)]
pub struct Models(Arc<Loaded>);

#[derive(Debug)]
struct Loaded {
    face: Option<FaceNetworks>,
    liveness: Option<LivenessNetworks>,
    pad: Option<Pad>,
    document: Option<DocumentNetworks>,
}

/// The networks behind [`crate::face`].
#[derive(Debug)]
pub(crate) struct FaceNetworks {
    /// BlazeFace, NCHW `[1, 3, 256, 256]`.
    pub(crate) detector: Network,
    /// FaceMesh, NCHW `[1, 3, 192, 192]`.
    pub(crate) mesh: Network,
    /// dlib ResNet-29, or the user's own.
    pub(crate) embedder: Embedder,
}

/// The networks behind [`crate::liveness`].
#[derive(Debug)]
pub(crate) struct LivenessNetworks {
    /// MiniFASNet V2 on the box enlarged 2.7 times.
    pub(crate) near: Network,
    /// MiniFASNet V1 SE on the box enlarged 4 times.
    pub(crate) wide: Network,
}

/// The networks behind `document`: PP-OCRv6 small, NCHW with 3 channels.
#[derive(Debug)]
pub(crate) struct DocumentNetworks {
    /// Text detection: `[1, 3, h, w]`, sides multiples of 32, to `[1, 1, h, w]` probabilities.
    pub(crate) detector: Network,
    /// Text recognition: `[1, 3, 48, w]`, w a multiple of 8, to `[1, w / 8, characters]` probabilities.
    pub(crate) recogniser: Network,
}

impl Models {
    /// Loads the parts asked for, with every file checked against the manifest by the source of the weights.
    ///
    /// Takes about 0.3 s for faces and 0.1 s for documents. Networks with one input shape (faces, liveness) are planned
    /// here, those of documents at the first use of each shape. Absent liveness weights leave liveness out; any other absence is an error.
    pub fn load(weights: &dyn Weights, parts: Parts) -> Result<Self, ModelsError> {
        Self::load_with(weights, parts, &Plugins::none())
    }

    /// As [`Models::load`], with models of the user's own: an embedder in the place of the built-in one, an attack
    /// detector beside the built-in passive liveness.
    ///
    /// One without a valid record of a trial is refused ([`ModelsError::NotTested`]), and so is one whose measured rates
    /// are below the gate or below what its own entry claims ([`ModelsError::NotGoodEnough`]).
    pub fn load_with(weights: &dyn Weights, parts: Parts, plugins: &Plugins) -> Result<Self, ModelsError> {
        // First, so that a refusal does not wait for the rest.
        let embedder = if parts.face { plugins.embedder()? } else { None };
        let pad = if parts.liveness { plugins.pad()? } else { None };
        Self::assemble(weights, parts, embedder, pad)
    }

    /// Faces with models that nothing is known about; for a trial alone.
    pub(crate) fn untried(
        weights: &dyn Weights,
        embedder: Option<Embedder>,
        pad: Option<Pad>,
    ) -> Result<Self, ModelsError> {
        Self::assemble(weights, Parts { face: true, liveness: false, document: false }, embedder, pad)
    }

    fn assemble(
        weights: &dyn Weights,
        parts: Parts,
        embedder: Option<Embedder>,
        pad: Option<Pad>,
    ) -> Result<Self, ModelsError> {
        let manifest = Manifest::builtin();
        let read = |name: &'static str| -> Result<Vec<u8>, ModelsError> {
            Ok(weights.read(manifest.file(name).ok_or(ModelsError::NotInManifest { name })?)?)
        };
        let face = if parts.face { Some(FaceNetworks::load(&read, manifest, embedder)?) } else { None };
        let liveness = if parts.liveness { LivenessNetworks::load(&read)? } else { None };
        let document = if parts.document { Some(DocumentNetworks::load(&read)?) } else { None };
        Ok(Self(Arc::new(Loaded { face, liveness, pad, document })))
    }

    /// Identifier of the face embedder: templates of different identifiers cannot be compared.
    pub fn face_model(&self) -> Option<&ModelId> {
        self.0.face.as_ref().map(|face| &face.embedder.model)
    }

    /// What the distances of the loaded embedder mean.
    pub fn face_thresholds(&self) -> Option<Thresholds> {
        self.0.face.as_ref().map(|face| face.embedder.space.thresholds)
    }

    /// Whether passive liveness can be performed.
    pub fn has_liveness(&self) -> bool {
        self.0.liveness.is_some() || self.0.pad.is_some()
    }

    pub(crate) fn face(&self) -> Result<&FaceNetworks, ModelsError> {
        self.0.face.as_ref().ok_or(ModelsError::NotLoaded { part: "face" })
    }

    pub(crate) fn liveness(&self) -> Option<&LivenessNetworks> {
        self.0.liveness.as_ref()
    }

    /// The user's attack detector.
    pub(crate) fn pad(&self) -> Option<&Pad> {
        self.0.pad.as_ref()
    }

    /// The text models, for the modules `ocr` and `document`.
    pub(crate) fn document(&self) -> Result<&DocumentNetworks, ModelsError> {
        self.0.document.as_ref().ok_or(ModelsError::NotLoaded { part: "document" })
    }
}

type Read<'a> = dyn Fn(&'static str) -> Result<Vec<u8>, ModelsError> + 'a;

impl FaceNetworks {
    fn load(read: &Read<'_>, manifest: &Manifest, own: Option<Embedder>) -> Result<Self, ModelsError> {
        let detector = {
            let model = tfjs::GraphModel::parse("blazeface", &read("blazeface.json")?, &read("blazeface.bin")?)?;
            let proto = model.to_onnx([1, 3, 256, 256], &["Identity", "Identity_1", "Identity_2", "Identity_3"])?;
            Network::fixed("blazeface", &proto, &[1, 3, 256, 256])?
        };
        let mesh = {
            let model = tfjs::GraphModel::parse("facemesh", &read("facemesh.json")?, &read("facemesh.bin")?)?;
            // The 468 points and the face flag; the third output (contours) is not used and thus not computed.
            let proto = model.to_onnx([1, 3, 192, 192], &["Identity_2", "Identity_1"])?;
            Network::fixed("facemesh", &proto, &[1, 3, 192, 192])?
        };
        if let Some(embedder) = own {
            return Ok(Self { detector, mesh, embedder });
        }
        let network = {
            let json = read("face_recognition_model.json")?;
            let bin = read("face_recognition_model.bin")?;
            Network::fixed(resnet::NAME, &resnet::graph(&json, &bin)?, &[1, 3, 150, 150])?
        };
        let name = "face_recognition_model.bin";
        let weights: &FileEntry = manifest.file(name).ok_or(ModelsError::NotInManifest { name })?;
        let embedder = Embedder::builtin(network, ModelId::new(resnet::NAME, weights.sha256));
        Ok(Self { detector, mesh, embedder })
    }
}

impl LivenessNetworks {
    fn load(read: &Read<'_>) -> Result<Option<Self>, ModelsError> {
        let network = |name: &'static str, file: &'static str| -> Result<Option<Network>, ModelsError> {
            let bytes = match read(file) {
                Ok(bytes) => bytes,
                Err(ModelsError::Weights(WeightsError::Missing { .. })) => return Ok(None),
                Err(other) => return Err(other),
            };
            Network::fixed(name, &minifas::graph(name, &bytes)?, &[1, 3, 80, 80]).map(Some)
        };
        let near = network("minifasnet-v2", "2.7_80x80_MiniFASNetV2.pth")?;
        let wide = network("minifasnet-v1se", "4_0_0_80x80_MiniFASNetV1SE.pth")?;
        Ok(near.zip(wide).map(|(near, wide)| Self { near, wide }))
    }
}

impl DocumentNetworks {
    fn load(read: &Read<'_>) -> Result<Self, ModelsError> {
        Ok(Self {
            detector: Network::from_onnx("ppocrv6-det-small", &read("PP-OCRv6_det_small.onnx")?, 4)?,
            recogniser: Network::from_onnx("ppocrv6-rec-small", &read("PP-OCRv6_rec_small.onnx")?, 8)?,
        })
    }
}

#[cfg(all(test, feature = "fs"))]
mod tests {
    use super::*;
    use crate::weights::Folder;

    struct Nothing;

    impl Weights for Nothing {
        fn read(&self, file: &FileEntry) -> Result<Vec<u8>, WeightsError> {
            Err(WeightsError::Missing { name: file.name.clone(), place: String::new() })
        }
    }

    #[test]
    fn absent_weights_are_named() {
        let absent = |parts| Models::load(&Nothing, parts).unwrap_err();
        assert!(matches!(absent(Parts::FACE), ModelsError::Weights(WeightsError::Missing { .. })));
        assert!(absent(Parts::DOCUMENT).to_string().contains("warifu models fetch"));
        let without = Models::load(&Nothing, Parts { face: false, liveness: true, document: false }).unwrap();
        assert!(!without.has_liveness());
        assert!(matches!(without.face(), Err(ModelsError::NotLoaded { part: "face" })));
    }

    #[test]
    fn models_are_shared_by_threads() {
        fn shared<T: Send + Sync + Clone + 'static>() {}
        shared::<Models>();
    }

    #[test]
    fn document_networks_run_at_several_shapes() {
        let Some(Ok(models)) = Folder::from_environment().map(|folder| Models::load(&folder, Parts::DOCUMENT)) else {
            println!("skipped: document_networks_run_at_several_shapes: the weights are absent");
            return;
        };
        let document = models.document().unwrap();
        let characters = document.recogniser.metadata("character").unwrap().split('\n').count();
        std::thread::scope(|scope| {
            for width in [64, 128, 64] {
                scope.spawn(move || {
                    let out = document.recogniser.run(&[1, 3, 48, width], &vec![0.0; 3 * 48 * width]).unwrap();
                    // A blank before the characters and a space after them.
                    assert_eq!(out[0].shape, [1, width / 8, characters + 2]);
                });
            }
        });
        let out = document.detector.run(&[1, 3, 96, 128], &vec![0.0; 3 * 96 * 128]).unwrap();
        assert_eq!(out[0].shape, [1, 1, 96, 128]);
    }
}
