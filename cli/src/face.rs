//! `warifu face`: templates from pictures, comparison, one face among many, and how well faces are matched on labelled
//! pairs.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use warifu_models::face::eval::{self, Labelled};
use warifu_models::face::{self, Distance, Embedding};
use warifu_models::{Models, Parts};

use crate::{answer, files};

mod enroll;
mod matching;
mod search;

/// Subcommands of `warifu face`.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum FaceCommand {
    /// True and false acceptance on labelled pairs.
    Eval {
        /// CSV with `file_x,file_y,label`, label `same` or `different`.
        #[arg(long, value_name = "CSV")]
        pairs: PathBuf,
        /// Folder of the pictures.
        #[arg(long, value_name = "DIR")]
        dir: PathBuf,
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
    },
    /// One template from several pictures of one person.
    Enroll(enroll::EnrollArgs),
    /// Compares two faces: pictures, or templates written by `enroll`.
    Match(matching::MatchArgs),
    /// The pictures of a folder whose largest face is nearest to that in a picture.
    Search(search::SearchArgs),
}

/// Runs a subcommand.
pub(crate) fn run(command: FaceCommand) -> Result<()> {
    if let FaceCommand::Search(args) = &command {
        return search::run(args);
    }
    let models = files::models(None, Parts::FACE)?;
    match command {
        FaceCommand::Search(_) => {}
        FaceCommand::Eval { pairs, dir, json } => {
            let text =
                std::fs::read_to_string(&pairs).with_context(|| format!("{} can not be read", pairs.display()))?;
            let pairs = eval::pairs(&text)?;
            let mut embeddings: BTreeMap<&str, Option<Embedding>> = BTreeMap::new();
            for name in pairs.iter().flat_map(|pair| [pair.x.as_str(), pair.y.as_str()]) {
                if !embeddings.contains_key(name) {
                    let found = embed(&models, &dir.join(name));
                    if let Err(error) = &found {
                        tracing::warn!(file = name, %error, "no face");
                    }
                    embeddings.insert(name, found.ok());
                }
            }
            let labelled: Vec<Labelled> = pairs
                .iter()
                .filter_map(|pair| {
                    let (x, y) =
                        (embeddings.get(pair.x.as_str())?.as_ref()?, embeddings.get(pair.y.as_str())?.as_ref()?);
                    Some(Labelled { distance: x.distance(y).ok()?.value(), same: pair.same })
                })
                .collect();
            let detected = embeddings.values().flatten().count();
            let report = eval::report(&labelled, embeddings.len(), detected, Distance::accepted_below());
            let value = serde_json::to_value(&report)?;
            answer(json, &value, || {
                format!(
                    "{} pairs of {} pictures, a face found in {}\nequal error rate {:.2} %\nat distance < {:.2}: true acceptance {:.1} %, false acceptance {:.3} %\ntrue acceptance at a false match rate of 1 % {:.1} %, of 0.1 % {:.1} %",
                    report.pairs,
                    report.images,
                    report.detected,
                    report.eer * 100.0,
                    report.threshold,
                    report.tar_at_threshold * 100.0,
                    report.far_at_threshold * 100.0,
                    report.tar_at_fmr["1e-2"] * 100.0,
                    report.tar_at_fmr["1e-3"] * 100.0,
                )
            });
        }
        FaceCommand::Enroll(args) => enroll::run(&models, &args)?,
        FaceCommand::Match(args) => matching::run(&models, &args)?,
    }
    Ok(())
}

/// The largest face of a picture file.
fn embed(models: &Models, path: &std::path::Path) -> Result<Embedding> {
    let picture = files::picture(path)?;
    let reading = face::read_largest(models, &picture).with_context(|| path.display().to_string())?;
    Ok(reading.embedding)
}
