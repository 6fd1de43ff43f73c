//! `warifu purge`: erases what an issuer has kept long enough.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use serde_json::json;
use warifu_models::Parts;
use warifu_server::Clock;

use crate::{answer, serve};

/// An issuer that serves purges by itself, every hour.
#[derive(Debug, clap::Args)]
pub(crate) struct PurgeArgs {
    /// The issuer's TOML file. The issuer must not be running.
    #[arg(long, value_name = "FILE", env = "WARIFU_ISSUER_CONFIG")]
    config: PathBuf,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(crate) async fn run(args: &PurgeArgs) -> Result<()> {
    // Nothing is looked at, so no model is loaded.
    let none = Parts { face: false, liveness: false, document: false };
    let (issuer, _) = serve::open_issuer(&args.config, none)
        .await
        .context("the issuer can not be opened; while it runs it purges by itself")?;
    let receipts = serve::purge_all(&issuer, &Clock::system()).await?;
    answer(args.json, &json!({ "purges": receipts }), || {
        let line = |it: &warifu_issuer::retention::PurgeReceipt| {
            format!("{}: {} items of {} sessions ({})", it.class.word(), it.items, it.sessions, it.rule)
        };
        let lines: Vec<String> = receipts.iter().map(line).collect();
        if lines.is_empty() { "nothing is due".to_owned() } else { lines.join("\n") }
    });
    Ok(())
}
