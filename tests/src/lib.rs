//! What the journeys stand on: shared test data, and the world of four roles with one clock and seeded keys.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use anyhow::Result;
use jiff::Timestamp;
use warifu_cli::files;
use warifu_cli::sandbox::{Options, Sandbox};
use warifu_keys::entropy::Seeded;
use warifu_models::{Models, Parts};
use warifu_server::clock::Hands;
use warifu_wallet::store::Kdf;

/// When the journeys begin.
pub const START: &str = "2026-11-23T09:00:00Z";

/// The folder of shared test data, or `None` with a printed line that names what is skipped.
#[must_use]
pub fn shared(test: &str, folder: &str) -> Option<PathBuf> {
    let root = std::env::var_os("WARIFU_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared"), PathBuf::from);
    let path = root.join(folder);
    if path.is_dir() {
        return Some(path);
    }
    skip(test, "shared data is absent");
    None
}

/// All models, loaded once, or `None` with a printed line that names what is skipped.
#[must_use]
pub fn models(test: &str) -> Option<Models> {
    static MODELS: OnceLock<Option<Models>> = OnceLock::new();
    let models = MODELS.get_or_init(|| files::models(None, Parts::ALL).ok()).clone();
    if models.is_none() {
        skip(test, "the models are absent; run: warifu models fetch");
    }
    models
}

/// Says that a test did not run, and why.
#[expect(clippy::print_stderr, reason = "tests say what they skip")]
pub fn skip(test: &str, why: &str) {
    eprintln!("skipped: {test}: {why}");
}

/// Four roles in this process, one clock, seeded keys.
pub struct World {
    /// The roles.
    pub sandbox: Sandbox,
    /// Moves everyone's clock.
    pub hands: Hands,
    _data: tempfile::TempDir,
}

impl World {
    /// A fresh world; its keys and tokens follow from `seed`.
    pub async fn start(models: Models, seed: &str) -> Result<Self> {
        Self::start_at(START.parse()?, models, seed).await
    }

    /// A fresh world that begins at a time of its own: now, where programs take part whose clocks nobody moves.
    pub async fn start_at(start: Timestamp, models: Models, seed: &str) -> Result<Self> {
        let hands = Hands::at(start);
        let data = tempfile::tempdir()?;
        let sandbox = Sandbox::start(Options {
            data: data.path().join("sandbox"),
            clock: hands.clock(),
            entropy: Arc::new(Seeded::dangerous_new(seed)),
            models,
            first_port: None,
            kdf: Kdf::dangerous_fast(),
        })
        .await?;
        Ok(Self { sandbox, hands, _data: data })
    }
}
