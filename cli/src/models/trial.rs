//! `warifu models test`: the trial that a model of the user's own has to pass before it is used.

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use serde_json::json;
use warifu_models::plugin::{PluginEntry, Plugins, Records};

use crate::{answer, files};

/// What to try, and on what.
#[derive(Debug, clap::Args)]
pub(crate) struct TestArgs {
    /// Manifest of the models (TOML); `docs/configuration.md` describes it.
    manifest: PathBuf,
    /// For an embedder: CSV with `file_x,file_y,label`, label `same` or `different`.
    #[arg(long, value_name = "CSV")]
    pairs: Option<PathBuf>,
    /// For an attack detector: CSV with `file,label`, label `live` or `attack`.
    #[arg(long, value_name = "CSV")]
    attacks: Option<PathBuf>,
    /// Folder of the pictures.
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
    /// Cache folder of the built-in weights; the default is `$WARIFU_MODELS`, else the user's cache folder.
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// Tries each model for which labels are given and writes what was measured beside the manifest, good or not.
pub(crate) fn run(args: &TestArgs) -> Result<()> {
    let (plugins, weights) = (Plugins::open(&args.manifest)?, files::weights(args.cache.as_deref())?);
    let beside = Plugins::records_of(&args.manifest);
    let mut records = match std::fs::read_to_string(&beside) {
        // Records that can not be read are no records: they are made anew.
        Ok(text) => Records::parse(&text).unwrap_or_default(),
        Err(_) => Records::default(),
    };
    let (mut rows, mut lines, mut refused) = (Vec::new(), Vec::new(), Vec::new());
    for plugin in plugins.iter() {
        let labels = match plugin.entry() {
            PluginEntry::Embedder(_) => &args.pairs,
            PluginEntry::Pad(_) => &args.attacks,
        };
        let Some(labels) = labels else { continue };
        let text = std::fs::read_to_string(labels).with_context(|| format!("{} can not be read", labels.display()))?;
        let mut read = |name: &str| std::fs::read(args.dir.join(name)).map_err(|error| error.to_string());
        let record = plugin.trial(&weights)?.run(&text, &mut read)?;
        let shortfall = record.rates.shortfall(plugin.entry());
        let name = plugin.entry().name();
        let verdict = shortfall.as_deref().map_or("may be used".to_owned(), |why| format!("may not be used: {why}"));
        lines.push(format!("{name} {verdict}"));
        rows.push(json!({"model": name, "rates": record.rates, "usable": shortfall.is_none(), "why": shortfall}));
        refused.extend(shortfall.map(|_| name.to_owned()));
        records.put(record);
    }
    if rows.is_empty() {
        bail!("there is nothing to try: an embedder needs --pairs, an attack detector needs --attacks");
    }
    std::fs::write(&beside, records.to_json()).with_context(|| format!("{} can not be written", beside.display()))?;
    answer(args.json, &json!({"models": rows, "records": beside}), || {
        format!("{}\nrecords: {}", lines.join("\n"), beside.display())
    });
    if !refused.is_empty() {
        bail!("not good enough: {}", refused.join(", "));
    }
    Ok(())
}
