//! `warifu face enroll`: several pictures of one person become one template.

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::json;
use warifu_credential::face_template::{FaceTemplateClaim, Source};
use warifu_models::Models;
use warifu_models::face::{self, Band};

use crate::{answer, files};

/// What to enrol.
#[derive(Debug, clap::Args)]
pub(crate) struct EnrollArgs {
    /// Pictures with one face each, all of one person.
    #[arg(required = true, value_name = "IMG")]
    pictures: Vec<PathBuf>,
    /// Where the template goes: JSON with the members of the credential's claim `face_template`.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// Writes the template; refuses pictures of different persons.
pub(super) fn run(models: &Models, args: &EnrollArgs) -> Result<()> {
    let mut quality = 0;
    let mut embeddings = Vec::with_capacity(args.pictures.len());
    for path in &args.pictures {
        let reading = face::read_single(models, &files::picture(path)?).with_context(|| path.display().to_string())?;
        quality = quality.max(reading.quality.score());
        embeddings.push(reading.embedding);
    }
    let whole = face::aggregate(&embeddings)?;
    let mut distances = Vec::with_capacity(embeddings.len());
    for (path, embedding) in args.pictures.iter().zip(&embeddings) {
        let distance = whole.distance(embedding)?;
        // The median leaves single strangers out; whoever enrols should know of them.
        if distance.band() != Band::Accept {
            bail!("{} does not show the same person as the other pictures", path.display());
        }
        distances.push(distance.value());
    }
    let template = whole.template();
    let values: Vec<i8> = template.to_bytes().iter().map(|byte| byte.cast_signed()).collect();
    let model = template.model().as_str().parse()?;
    let today = Timestamp::now().to_zoned(TimeZone::UTC).date();
    let claim = FaceTemplateClaim::new(model, &values, template.scale(), Source::Selfie, today, quality)?;
    files::write_private(&args.out, claim.to_value().to_string().as_bytes())?;
    let facts = json!({
        "pictures": args.pictures.len(), "distances": distances, "quality": quality,
        "model": template.model().as_str(), "dimension": values.len(), "out": args.out,
    });
    answer(args.json, &facts, || {
        format!(
            "template of {} pictures, the farthest at a distance of {:.3}, written to {}",
            args.pictures.len(),
            distances.iter().copied().fold(0.0, f32::max),
            args.out.display()
        )
    });
    Ok(())
}
