//! `warifu face match`: two faces compared, each a picture or a template.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde_json::json;
use warifu_credential::face_template::FaceTemplateClaim;
use warifu_models::Models;
use warifu_models::face::{Distance, OperatingPoint, Template};

use super::embed;
use crate::answer;

/// Largest template file in bytes.
const MAX_TEMPLATE_BYTES: u64 = 64 * 1024;

/// What to compare.
#[derive(Debug, clap::Args)]
pub(crate) struct MatchArgs {
    /// Picture, or template written by `warifu face enroll`.
    a: PathBuf,
    /// Picture, or template written by `warifu face enroll`.
    b: PathBuf,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// Prints distance, score, band and the operating points that are met.
pub(super) fn run(models: &Models, args: &MatchArgs) -> Result<()> {
    let distance = distance(models, &args.a, &args.b)?;
    let met: Vec<&str> =
        OperatingPoint::ALL.into_iter().filter(|&point| distance.within(point)).map(OperatingPoint::as_str).collect();
    let (value, accept, band) = (distance.value(), distance.thresholds().accept, distance.band());
    let facts = json!({
        "distance": value, "score": distance.score(), "threshold": accept, "match": value < accept,
        "band": band.as_str(), "operating_points": met,
    });
    answer(args.json, &facts, || {
        let met = if met.is_empty() { "none".to_owned() } else { met.join(", ") };
        format!(
            "distance {value:.3} (one person below {accept:.2}), score {:.0}: {}\noperating points met: {met}",
            distance.score(),
            band.as_str()
        )
    });
    Ok(())
}

/// Two pictures are compared unrounded, everything else as templates.
fn distance(models: &Models, a: &Path, b: &Path) -> Result<Distance> {
    Ok(match (template(a)?, template(b)?) {
        (None, None) => embed(models, a)?.distance(&embed(models, b)?)?,
        (Some(a), None) => a.distance(&embed(models, b)?.template())?,
        (None, Some(b)) => embed(models, a)?.template().distance(&b)?,
        (Some(a), Some(b)) => {
            // Neither side was measured now, so the loaded model says what the distance means if it is theirs.
            let known = models.face_thresholds().filter(|_| models.face_model() == Some(a.model()));
            a.with_thresholds(known).distance(&b)?
        }
    })
}

/// The template in a file that begins like JSON; `None` for anything else, which is taken for a picture.
fn template(path: &Path) -> Result<Option<Template>> {
    use std::io::Read as _;
    let failed = || format!("{} can not be read", path.display());
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).with_context(failed)?;
    file.take(MAX_TEMPLATE_BYTES).read_to_end(&mut bytes).with_context(failed)?;
    if bytes.trim_ascii_start().first() != Some(&b'{') {
        return Ok(None);
    }
    let value = serde_json::from_slice(&bytes).with_context(|| path.display().to_string())?;
    let claim = FaceTemplateClaim::from_value(&value).with_context(|| path.display().to_string())?;
    let bytes: Vec<u8> = claim.values().map(i8::cast_unsigned).collect();
    Ok(Some(Template::scaled(claim.model().as_str().parse()?, claim.scale(), &bytes)?))
}
