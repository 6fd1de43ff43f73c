//! `warifu face liveness`: what passive liveness makes of pictures.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use warifu_models::liveness::{self, Cue, Passive, Seen};
use warifu_models::picture::Picture;
use warifu_models::{Models, face};

use crate::{answer, files};

/// Arguments of `warifu face liveness`.
#[derive(Debug, clap::Args)]
pub(crate) struct LivenessArgs {
    /// Pictures; of several, also whether they repeat each other.
    #[arg(required = true, value_name = "IMG")]
    pictures: Vec<PathBuf>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// Looks at each picture.
pub(super) fn run(models: &Models, args: &LivenessArgs) -> Result<()> {
    let pictures: Vec<Picture> = args.pictures.iter().map(|path| files::picture(path)).collect::<Result<_>>()?;
    let mut rows = Vec::new();
    let mut lines = Vec::new();
    for (path, picture) in args.pictures.iter().zip(&pictures) {
        let Some(one) = face::detect(models, picture)?.into_iter().next() else {
            rows.push(json!({"picture": path, "outcome": "no_face", "reasons": ["no face was found"]}));
            lines.push(format!("{}: no face was found", path.display()));
            continue;
        };
        let passive = liveness::passive(models, picture, &one).with_context(|| path.display().to_string())?;
        rows.push(row(path, &passive));
        lines.push(text(path, &passive));
    }
    let mut value = json!({"threshold": liveness::live_threshold(), "pictures": rows});
    if pictures.len() > 1 {
        let seen = liveness::repetition(&pictures.iter().collect::<Vec<_>>());
        if let Some((first, second)) = seen.closest {
            value["repetition"] =
                json!({"value": seen.value, "closest": [first, second], "difference_grey_levels": seen.difference});
            let name =
                |index: usize| args.pictures.get(index).map_or_else(String::new, |path| path.display().to_string());
            let what = if seen.value >= SEEN { "one frame twice" } else { "different frames" };
            lines.push(format!(
                "{what}: {} and {} differ by {:.2} grey levels on average",
                name(first),
                name(second),
                seen.difference
            ));
        } else {
            value["repetition"] = Value::Null;
            lines.push("no two pictures of one size to compare".to_owned());
        }
    }
    answer(args.json, &value, || lines.join("\n"));
    Ok(())
}

/// From here on a cue counts as a reason.
const SEEN: f32 = 0.5;

fn outcome(passive: &Passive) -> &'static str {
    match passive {
        Passive::Performed { .. } if passive.is_live() => "live",
        Passive::Performed { .. } => "attack",
        Passive::NotPerformed { .. } => "not_performed",
    }
}

/// Why the outcome is what it is: the missing part, low networks, cues that are seen.
fn reasons(passive: &Passive) -> Vec<String> {
    let mut out = Vec::new();
    match passive {
        Passive::NotPerformed { reason, .. } => out.push(reason.to_string()),
        Passive::Performed { per_model, .. } => {
            let low = per_model.iter().filter(|model| model.score < liveness::live_threshold());
            out.extend(low.map(|model| format!("{} gives {:.3}", model.model, model.score)));
        }
    }
    out.extend(passive.cues().iter().filter(|cue| cue.value >= SEEN && cue.weight > 0.0).map(said));
    out
}

fn said(cue: &Cue) -> String {
    match &cue.seen {
        Seen::Frame { .. } => "straight edges make a rectangle around the face".to_owned(),
        Seen::Pattern { prominence, period, in_colour, .. } => format!(
            "a pattern of {period:.1} pixels in the {} of the face stands out by {prominence:.0} dB",
            if *in_colour { "colour" } else { "brightness" }
        ),
        other => format!("{other:?}"),
    }
}

fn row(path: &Path, passive: &Passive) -> Value {
    let cues: Vec<Value> = passive
        .cues()
        .iter()
        .map(|cue| json!({"cue": cue.name(), "value": cue.value, "weight": cue.weight, "seen": numbers(&cue.seen)}))
        .collect();
    let (score, per_model) = match passive {
        Passive::Performed { score, per_model, .. } => {
            let models = per_model.iter().map(|model| (model.model.to_owned(), json!(model.score))).collect();
            (json!(score), Value::Object(models))
        }
        Passive::NotPerformed { .. } => (Value::Null, Value::Null),
    };
    json!({
        "picture": path, "outcome": outcome(passive), "score": score, "per_model": per_model, "cues": cues,
        "reasons": reasons(passive),
    })
}

fn numbers(seen: &Seen) -> Value {
    match seen {
        Seen::Frame { sides, corners } => json!({
            "sides": {"left": sides[0], "right": sides[1], "top": sides[2], "bottom": sides[3]},
            "corners": corners.map(|corners| corners.map(|point| [point.x, point.y])),
        }),
        Seen::Pattern { prominence, period, angle, in_colour } => json!({
            "prominence_db": prominence, "period_px": period, "angle_degrees": angle, "in_colour": in_colour,
        }),
        other => json!(format!("{other:?}")),
    }
}

fn text(path: &Path, passive: &Passive) -> String {
    let score = match passive {
        Passive::Performed { score, .. } => format!(", score {score:.3}"),
        Passive::NotPerformed { .. } => String::new(),
    };
    let mut lines = vec![format!("{}: {}{score}", path.display(), outcome(passive).replace('_', " "))];
    lines.extend(reasons(passive).into_iter().map(|reason| format!("  {reason}")));
    for cue in passive.cues() {
        lines.push(format!("  {:<10} {:.2}, weight {:.1}", cue.name(), cue.value, cue.weight));
    }
    lines.join("\n")
}
