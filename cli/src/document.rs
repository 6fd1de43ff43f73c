//! `warifu document`: draws specimens and measures how well documents are read.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::json;
use warifu_models::Parts;
use warifu_models::document::eval;
use warifu_models::specimen::Specimen;

use crate::{answer, files};

/// Subcommands of `warifu document`.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum DocumentCommand {
    /// Draw a fictional passport of Utopia around a portrait.
    Specimen {
        /// Picture with a face.
        #[arg(long, value_name = "FILE")]
        portrait: PathBuf,
        /// Where the JPEG file is written.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// Which fictional person.
        #[arg(long, default_value_t = 7)]
        seed: u64,
    },
    /// How many machine-readable zones are read exactly, sent to review, or read wrongly.
    Eval {
        /// CSV with the expected lines.
        #[arg(long, value_name = "CSV")]
        expected: PathBuf,
        /// Folder of the pictures.
        #[arg(long, value_name = "DIR")]
        dir: PathBuf,
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
        /// Print a line for every document that is not exact.
        #[arg(long)]
        verbose: bool,
    },
}

/// Runs a subcommand.
pub(crate) fn run(command: DocumentCommand) -> Result<()> {
    match command {
        DocumentCommand::Specimen { portrait, out, seed } => {
            let models = files::models(None, Parts::FACE)?;
            let page = files::specimen(&models, &files::picture(&portrait)?, &Specimen::fictional(seed))?;
            std::fs::write(&out, page.encode_jpeg(92)?)
                .with_context(|| format!("{} can not be written", out.display()))?;
            answer(false, &json!(null), || format!("wrote {}", out.display()));
        }
        DocumentCommand::Eval { expected, dir, json, verbose } => {
            let csv = std::fs::read(&expected).with_context(|| format!("{} can not be read", expected.display()))?;
            let models = files::models(None, Parts::ALL)?;
            let today = Timestamp::now().to_zoned(TimeZone::UTC).date();
            let (report, rows) = eval::run(&models, &csv, today, |name| std::fs::read(dir.join(name)))?;
            if verbose {
                for row in rows.iter().filter(|row| !row.exact || !row.accepted) {
                    let doubts = row.doubts.join(", ");
                    tell(&format!("{}: {}, {} {doubts}", row.file, exactness(row.exact), acceptance(row.accepted)));
                }
            }
            answer(json, &serde_json::to_value(report)?, || {
                format!(
                    "{} documents: {} exact, {} sent to review, {} wrong accepted; {} of {} lines exact",
                    report.documents,
                    report.exact,
                    report.review,
                    report.wrong_accepted,
                    report.lines_exact,
                    report.lines
                )
            });
        }
    }
    Ok(())
}

fn exactness(exact: bool) -> &'static str {
    if exact { "exact" } else { "not exact" }
}

fn acceptance(accepted: bool) -> &'static str {
    if accepted { "accepted" } else { "review:" }
}

#[expect(clippy::print_stderr, reason = "details beside the command's answer")]
fn tell(line: &str) {
    eprintln!("{line}");
}
