//! `warifu face`: templates from pictures, comparison, one face among many; how well faces are matched and persons told
//! from pictures of them.

use anyhow::{Context as _, Result};
use warifu_models::face::{self, Embedding};
use warifu_models::{Models, Parts};

use crate::files;

mod enroll;
mod eval;
mod liveness;
mod matching;
mod search;

/// Subcommands of `warifu face`.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum FaceCommand {
    /// True and false acceptance on labelled pairs, liveness on simulated attacks.
    Eval(eval::EvalArgs),
    /// Passive liveness of pictures: networks, own cues, reasons.
    Liveness(liveness::LivenessArgs),
    /// One template from several pictures of one person.
    Enroll(enroll::EnrollArgs),
    /// Compares two faces: pictures, or templates written by `enroll`.
    Match(matching::MatchArgs),
    /// The pictures of a folder whose largest face is nearest to that in a picture.
    Search(search::SearchArgs),
}

/// Runs a subcommand.
pub(crate) fn run(command: FaceCommand) -> Result<()> {
    let models = || files::models(None, Parts::FACE);
    match command {
        FaceCommand::Eval(args) => eval::run(&models()?, &args),
        FaceCommand::Liveness(args) => liveness::run(&models()?, &args),
        FaceCommand::Enroll(args) => enroll::run(&models()?, &args),
        FaceCommand::Match(args) => matching::run(&models()?, &args),
        FaceCommand::Search(args) => search::run(&args),
    }
}

/// The largest face of a picture file.
fn embed(models: &Models, path: &std::path::Path) -> Result<Embedding> {
    let picture = files::picture(path)?;
    let reading = face::read_largest(models, &picture).with_context(|| path.display().to_string())?;
    Ok(reading.embedding)
}
