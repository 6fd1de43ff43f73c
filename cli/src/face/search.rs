//! `warifu face search`: which pictures of a folder show the person in this one?

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use warifu_models::face::index::Index;
use warifu_models::face::{self, Band};
use warifu_models::{Models, Parts};

use crate::{answer, files};

/// What a search is told.
#[derive(Debug, clap::Args)]
pub(crate) struct SearchArgs {
    /// Picture of the person.
    image: PathBuf,
    /// Folder of pictures to look through; the largest face of each counts.
    #[arg(long, value_name = "DIR")]
    gallery: PathBuf,
    /// How many to show.
    #[arg(long, default_value_t = 5, value_name = "K", value_parser = clap::value_parser!(u32).range(1..=1000))]
    top: u32,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// Measures every picture of the gallery, and shows those nearest to the person.
pub(super) fn run(args: &SearchArgs) -> Result<()> {
    let models = files::models(None, Parts::FACE)?;
    let person = super::embed(&models, &args.image)?.template();
    let pictures = pictures(&args.gallery)?;
    ensure!(!pictures.is_empty(), "{} holds no JPEG, PNG or WebP picture", args.gallery.display());
    let (index, left_out) = gallery(&models, &pictures, person.model().clone())?;
    let hits = index.search(&person, args.top as usize)?;
    let name = |key: u64| pictures[key as usize].file_name().map(|name| name.to_string_lossy().into_owned());
    let rows: Vec<_> = hits
        .iter()
        .map(|hit| {
            json!({
                "file": name(hit.key),
                "distance": hit.distance.value(),
                "score": hit.distance.score(),
                "band": band(hit.distance.band()),
            })
        })
        .collect();
    let value = json!({
        "model": person.model().as_str(),
        "faces": index.len(),
        "without_face": left_out.iter().map(|path| path.to_string_lossy()).collect::<Vec<_>>(),
        "hits": rows,
    });
    answer(args.json, &value, || {
        let mut lines = vec![format!("{} faces in {} pictures", index.len(), pictures.len())];
        lines.extend(hits.iter().map(|hit| {
            let (distance, score) = (hit.distance.value(), hit.distance.score());
            format!(
                "{distance:.3}  {score:>3.0}  {:<6}  {}",
                band(hit.distance.band()),
                name(hit.key).unwrap_or_default()
            )
        }));
        lines.join("\n")
    });
    Ok(())
}

/// The templates of all pictures, by their place in the list; and the pictures without a face.
fn gallery<'a>(models: &Models, pictures: &'a [PathBuf], model: face::ModelId) -> Result<(Index, Vec<&'a Path>)> {
    let mut index = Index::new(model);
    let mut left_out = Vec::new();
    for (key, path) in (0..).zip(pictures) {
        match super::embed(models, path) {
            Ok(embedding) => index.upsert(key, &embedding.template())?,
            Err(error) => {
                tracing::warn!(file = %path.display(), %error, "no face");
                left_out.push(path.as_path());
            }
        }
    }
    Ok((index, left_out))
}

fn pictures(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder).with_context(|| format!("{} can not be read", folder.display()))?;
    let paths = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    let is_picture = |path: &PathBuf| {
        let extension = path.extension().map(|extension| extension.to_string_lossy().to_ascii_lowercase());
        path.is_file() && extension.is_some_and(|it| ["jpg", "jpeg", "png", "webp"].contains(&it.as_str()))
    };
    let mut pictures: Vec<PathBuf> = paths.into_iter().filter(is_picture).collect();
    pictures.sort();
    Ok(pictures)
}

fn band(band: Band) -> &'static str {
    match band {
        Band::Accept => "accept",
        Band::Review => "review",
        Band::Reject => "reject",
    }
}
