//! The trial that a user's model has to pass: labelled pictures in, measured rates out.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use super::{PluginEntry, Rates, Record};
use crate::face::eval::{self, Labelled};
use crate::face::{self, Embedding, FaceError};
use crate::liveness::{self, Passive};
use crate::manifest::hex;
use crate::picture::{Limits, Picture, PictureError};
use crate::{Models, ModelsError};

/// A model under trial. It measures labelled pictures and gives nothing else away.
#[derive(Debug)]
pub struct Trial {
    entry: PluginEntry,
    models: Models,
}

/// Why a trial did not come to an end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrialError {
    /// The labels do not follow their format.
    #[error(transparent)]
    Pairs(#[from] eval::NotAPair),
    /// A line of the labels of an attack detector is not `file,live` or `file,attack`.
    #[error("line {line}: expected `file,live` or `file,attack`")]
    Label {
        /// Line, from 1.
        line: usize,
    },
    /// A picture cannot be read.
    #[error("{name}: {reason}")]
    Unreadable {
        /// Its name in the labels.
        name: String,
        /// What the reader said.
        reason: String,
    },
    /// A picture cannot be decoded.
    #[error("{name}: {reason}")]
    Picture {
        /// Its name in the labels.
        name: String,
        /// Why.
        #[source]
        reason: PictureError,
    },
    /// The model failed.
    #[error(transparent)]
    Models(#[from] ModelsError),
}

/// Hands over the bytes of a picture by its name in the labels.
type Read<'a> = dyn FnMut(&str) -> Result<Vec<u8>, String> + 'a;

impl Trial {
    pub(super) fn new(entry: PluginEntry, models: Models) -> Self {
        Self { entry, models }
    }

    /// Runs the trial. `labels` is CSV text with a header: `file_x,file_y,label` with `same` or `different` for an
    /// embedder, `file,label` with `live` or `attack` for an attack detector.
    ///
    /// Whether the rates are good enough is for [`super::Rates::shortfall`] to say.
    pub fn run(&self, labels: &str, read: &mut Read<'_>) -> Result<Record, TrialError> {
        let mut hashes = BTreeMap::new();
        let mut picture = |name: &str| -> Result<Picture, TrialError> {
            let bytes = read(name).map_err(|reason| TrialError::Unreadable { name: name.to_owned(), reason })?;
            hashes.insert(name.to_owned(), hex(&Sha256::digest(&bytes)));
            Picture::decode(&bytes, &Limits::default())
                .map_err(|reason| TrialError::Picture { name: name.to_owned(), reason })
        };
        let rates = match &self.entry {
            PluginEntry::Embedder(_) => self.embedder(labels, &mut picture)?,
            PluginEntry::Pad(_) => self.pad(labels, &mut picture)?,
        };
        let mut all = Sha256::new();
        for (name, hash) in &hashes {
            all.update(format!("{name}\n{hash}\n"));
        }
        Ok(Record::new(&self.entry, labels, hex(&all.finalize()), rates))
    }

    fn embedder(
        &self,
        labels: &str,
        picture: &mut dyn FnMut(&str) -> Result<Picture, TrialError>,
    ) -> Result<Rates, TrialError> {
        let pairs = eval::pairs(labels)?;
        let mut embeddings: BTreeMap<&str, Option<Embedding>> = BTreeMap::new();
        for name in pairs.iter().flat_map(|pair| [pair.x.as_str(), pair.y.as_str()]) {
            if !embeddings.contains_key(name) {
                let found = match face::read_largest(&self.models, &picture(name)?) {
                    Ok(reading) => Some(reading.embedding),
                    Err(FaceError::Models(error)) => return Err(error.into()),
                    Err(_) => None,
                };
                embeddings.insert(name, found);
            }
        }
        let labelled: Vec<Labelled> = pairs
            .iter()
            .filter_map(|pair| {
                let (x, y) = (embeddings.get(pair.x.as_str())?.as_ref()?, embeddings.get(pair.y.as_str())?.as_ref()?);
                // Templates are what is compared later, rounding and all.
                Some(Labelled { distance: x.template().distance(&y.template()).ok()?.value(), same: pair.same })
            })
            .collect();
        let accept = self.models.face_thresholds().unwrap_or_default().accept;
        let report = eval::report(&labelled, embeddings.len(), embeddings.values().flatten().count(), accept);
        Ok(Rates::Embedder {
            genuine_pairs: report.genuine_pairs,
            impostor_pairs: report.impostor_pairs,
            images: report.images,
            detected: report.detected,
            eer: report.eer,
            tar: report.tar_at_threshold,
            far: report.far_at_threshold,
        })
    }

    fn pad(
        &self,
        labels: &str,
        picture: &mut dyn FnMut(&str) -> Result<Picture, TrialError>,
    ) -> Result<Rates, TrialError> {
        let (mut live, mut attacks, mut without) = ((0, 0), (0, 0), 0);
        for (at, line) in labels.lines().enumerate().skip(1).filter(|(_, line)| !line.trim().is_empty()) {
            let (name, label) = line.trim_end().split_once(',').ok_or(TrialError::Label { line: at + 1 })?;
            let count = match label {
                "live" => &mut live,
                "attack" => &mut attacks,
                _ => return Err(TrialError::Label { line: at + 1 }),
            };
            match self.score(&picture(name)?)? {
                Some(is_live) => {
                    count.0 += 1;
                    count.1 += usize::from(is_live);
                }
                None => without += 1,
            }
        }
        let share = |part: usize, whole: usize| if whole == 0 { 1.0 } else { part as f64 / whole as f64 };
        Ok(Rates::Pad {
            live: live.0,
            attacks: attacks.0,
            without,
            apcer: share(attacks.1, attacks.0),
            bpcer: share(live.0 - live.1, live.0),
        })
    }

    /// Whether the model takes the largest face for live; `None` where there is no face or no room around it.
    fn score(&self, picture: &Picture) -> Result<Option<bool>, TrialError> {
        let faces = match face::detect(&self.models, picture) {
            Ok(faces) => faces,
            Err(FaceError::Models(error)) => return Err(error.into()),
            Err(_) => Vec::new(),
        };
        let Some(largest) = faces.first() else { return Ok(None) };
        match liveness::passive(&self.models, picture, largest)? {
            passive @ Passive::Performed { .. } => Ok(Some(passive.is_live())),
            Passive::NotPerformed { .. } => Ok(None),
        }
    }
}
