//! What a trial found, bound by hashes to what was tried.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{PluginEntry, PluginError};
use crate::manifest::hex;

/// Fewest genuine and impostor pairs that say anything about an embedder.
const LEAST_PAIRS: (usize, usize) = (30, 300);
/// Largest equal error rate.
const MAX_EER: f64 = 0.05;
/// Least share of genuine pairs accepted.
const MIN_TAR: f64 = 0.90;
/// Largest share of impostor pairs accepted.
const MAX_FAR: f64 = 0.01;
/// Fewest pictures of live persons and of attacks that say anything about an attack detector.
const LEAST_FILES: (usize, usize) = (20, 20);
/// Largest share of attacks taken for live (APCER in ISO/IEC 30107-3).
const MAX_APCER: f64 = 0.20;
/// Largest share of live persons taken for attacks (BPCER).
const MAX_BPCER: f64 = 0.10;
/// Least share of the pictures on which a score was had at all.
const MIN_SCORED: f64 = 0.90;
/// What finds and cuts the face out before a user's model sees it; another chain voids a record.
const CHAIN: &str = "blazeface-back, facemesh-468, 1";

/// All records of one manifest.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Records {
    records: Vec<Record>,
}

impl Records {
    /// Reads a file of records.
    pub fn parse(text: &str) -> Result<Self, PluginError> {
        serde_json::from_str(text).map_err(|error| PluginError::Manifest(format!("the records: {error}")))
    }

    /// The record of the model with that name.
    pub fn of(&self, name: &str) -> Option<&Record> {
        self.records.iter().find(|record| record.name == name)
    }

    /// Puts a record in the place of an earlier one of the same name.
    pub fn put(&mut self, record: Record) {
        self.records.retain(|other| other.name != record.name);
        self.records.push(record);
    }

    /// As it stands in its file.
    pub fn to_json(&self) -> String {
        // Names, hashes and finite numbers always have this form.
        serde_json::to_string_pretty(self).unwrap_or_default()
    }
}

/// What one trial found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// Name of the model.
    pub name: String,
    /// SHA-256 of the model file.
    pub model_sha256: String,
    /// SHA-256 of the entry in the manifest.
    pub entry_sha256: String,
    /// SHA-256 of the file of labels.
    pub labels_sha256: String,
    /// SHA-256 over names and SHA-256 of the pictures, sorted by name.
    pub pictures_sha256: String,
    /// What cut the faces out.
    pub chain: String,
    /// What was measured.
    pub rates: Rates,
    /// SHA-256 of all of the above: a record changed by hand is void. No signature.
    pub seal: String,
}

/// Measured error rates.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum Rates {
    /// Of an embedder.
    Embedder {
        /// Pairs of one person with a distance.
        genuine_pairs: usize,
        /// Pairs of two persons with a distance.
        impostor_pairs: usize,
        /// Pictures named.
        images: usize,
        /// Pictures with a face.
        detected: usize,
        /// Equal error rate, 0 to 1.
        eer: f64,
        /// Share of genuine pairs accepted, 0 to 1.
        tar: f64,
        /// Share of impostor pairs accepted, 0 to 1.
        far: f64,
    },
    /// Of an attack detector.
    Pad {
        /// Pictures of live persons with a score.
        live: usize,
        /// Pictures of attacks with a score.
        attacks: usize,
        /// Pictures without a score.
        without: usize,
        /// Share of attacks taken for live, 0 to 1.
        apcer: f64,
        /// Share of live persons taken for attacks, 0 to 1.
        bpcer: f64,
    },
}

impl Record {
    pub(super) fn new(entry: &PluginEntry, labels: &str, pictures: String, rates: Rates) -> Self {
        let mut record = Self {
            name: entry.name().to_owned(),
            model_sha256: hex(entry.sha256()),
            entry_sha256: entry.digest(),
            labels_sha256: hex(&Sha256::digest(labels)),
            pictures_sha256: pictures,
            chain: CHAIN.to_owned(),
            rates,
            seal: String::new(),
        };
        record.seal = record.sealed();
        record
    }

    /// Why the record does not stand for the entry, if it does not.
    pub(super) fn binds(&self, entry: &PluginEntry) -> Result<(), String> {
        let what = if self.seal != self.sealed() {
            "the record was changed"
        } else if self.name != entry.name() || self.model_sha256 != hex(entry.sha256()) {
            "the model file changed since its trial"
        } else if self.entry_sha256 != entry.digest() {
            "the entry changed since its trial"
        } else if self.chain != CHAIN {
            "this program finds faces in another way than at the trial"
        } else {
            return Ok(());
        };
        Err(what.to_owned())
    }

    fn sealed(&self) -> String {
        let open = Self { seal: String::new(), ..self.clone() };
        hex(&Sha256::digest(serde_json::to_vec(&open).unwrap_or_default()))
    }
}

impl Rates {
    /// What is not good enough, if anything is. Rates that are no numbers are not.
    pub fn shortfall(&self, entry: &PluginEntry) -> Option<String> {
        let percent = |rate: f64| format!("{:.2} %", rate * 100.0);
        let most = |what: &str, found: f64, gate: f64, claimed: Option<f64>| {
            let limit = claimed.map_or(gate, |claimed| claimed.min(gate));
            (found.is_nan() || found > limit)
                .then(|| format!("{what} {}, at most {} is allowed", percent(found), percent(limit)))
        };
        let least = |what: &str, found: f64, gate: f64, claimed: Option<f64>| {
            let limit = claimed.map_or(gate, |claimed| claimed.max(gate));
            (found.is_nan() || found < limit)
                .then(|| format!("{what} {}, at least {} is needed", percent(found), percent(limit)))
        };
        let few = |what: &str, found: usize, needed: usize| {
            (found < needed).then(|| format!("{found} {what}, at least {needed} are needed"))
        };
        match (self, entry) {
            (
                &Self::Embedder { genuine_pairs, impostor_pairs, images, detected, eer, tar, far },
                PluginEntry::Embedder(entry),
            ) => few("genuine pairs", genuine_pairs, LEAST_PAIRS.0)
                .or_else(|| few("impostor pairs", impostor_pairs, LEAST_PAIRS.1))
                .or_else(|| least("share of pictures with a face", detected as f64 / images as f64, MIN_SCORED, None))
                .or_else(|| most("equal error rate", eer, MAX_EER, entry.claimed_eer))
                .or_else(|| least("share of genuine pairs accepted", tar, MIN_TAR, entry.claimed_tar))
                .or_else(|| most("share of impostor pairs accepted", far, MAX_FAR, None)),
            (&Self::Pad { live, attacks, without, apcer, bpcer }, PluginEntry::Pad(entry)) => {
                let scored = (live + attacks) as f64 / (live + attacks + without) as f64;
                few("pictures of live persons", live, LEAST_FILES.0)
                    .or_else(|| few("pictures of attacks", attacks, LEAST_FILES.1))
                    .or_else(|| least("share of pictures with a score", scored, MIN_SCORED, None))
                    .or_else(|| most("share of attacks taken for live", apcer, MAX_APCER, entry.claimed_apcer))
                    .or_else(|| most("share of live persons taken for attacks", bpcer, MAX_BPCER, entry.claimed_bpcer))
            }
            (Self::Embedder { .. }, PluginEntry::Pad(_)) | (Self::Pad { .. }, PluginEntry::Embedder(_)) => {
                Some("the record is of a model of another kind".to_owned())
            }
        }
    }
}
