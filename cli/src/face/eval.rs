//! `warifu face eval`: matching on labelled pairs, and passive liveness on simulated attacks.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde::Serialize;
use serde_json::{Map, Value, json};
use warifu_models::Models;
use warifu_models::face::eval::{self, Compared, Estimate, Labelled, Row};
use warifu_models::face::{self, Distance, Embedding, Face, OperatingPoint};
use warifu_models::liveness::eval::{KindRow, Outcome, Presented, kind_row};
use warifu_models::liveness::{self, Passive};
use warifu_models::picture::Picture;
use warifu_models::rate::Rate;
use warifu_models::specimen::attack::{self, AttackKind};

use crate::{answer, files};

mod plot;

/// Arguments of `warifu face eval`.
#[derive(Debug, clap::Args)]
pub(crate) struct EvalArgs {
    /// CSV with `file_x,file_y,label`, label `same` or `different`.
    #[arg(long, value_name = "CSV")]
    pairs: PathBuf,
    /// Folder of the pictures.
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
    /// Make simulated attacks of the pictures with room around the face, and measure passive liveness on them.
    #[arg(long)]
    attacks: bool,
    /// Folder of recorded presentations: `real*` are persons, all other pictures attacks.
    #[arg(long, value_name = "DIR")]
    spoof: Option<PathBuf>,
    /// Write the distributions of the distances as SVG.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// What is printed of passive liveness.
#[derive(Debug, Default, Serialize)]
struct Liveness {
    /// Scores from here on count as live.
    threshold: f32,
    /// Networks and cues together.
    fused: Vec<KindRow>,
    /// The networks alone at the same threshold.
    networks: Vec<KindRow>,
    /// How often each cue is seen (value from a half on), by kind.
    cues: BTreeMap<&'static str, BTreeMap<String, Rate>>,
}

/// Runs the measurement.
pub(super) fn run(models: &Models, args: &EvalArgs) -> Result<()> {
    let text =
        std::fs::read_to_string(&args.pairs).with_context(|| format!("{} can not be read", args.pairs.display()))?;
    let pairs = eval::pairs(&text)?;
    let persons = eval::persons(&pairs);
    let mut embeddings: BTreeMap<&str, Option<Embedding>> = BTreeMap::new();
    for &name in persons.keys() {
        let found = super::embed(models, &args.dir.join(name));
        if let Err(error) = &found {
            tracing::warn!(file = name, %error, "no face");
        }
        embeddings.insert(name, found.ok());
    }
    let compared: Vec<Compared> = pairs
        .iter()
        .filter_map(|pair| {
            let (x, y) = (pair.x.as_str(), pair.y.as_str());
            let (first, second) = (embeddings.get(x)?.as_ref()?, embeddings.get(y)?.as_ref()?);
            let distance = first.distance(second).ok()?.value();
            Some(Compared { first: *persons.get(x)?, second: *persons.get(y)?, same: pair.same, distance })
        })
        .collect();
    let labelled: Vec<Labelled> =
        compared.iter().map(|pair| Labelled { distance: pair.distance, same: pair.same }).collect();
    let detected = embeddings.values().flatten().count();
    let report = eval::report(&labelled, embeddings.len(), detected, Distance::accepted_below());
    let rows = rows(&compared);
    let at_fmr: Map<String, Value> = [("1e-2", 1e-2), ("1e-3", 1e-3)]
        .into_iter()
        .map(|(name, rate)| {
            Ok((name.to_owned(), interval(&eval::row(name, eval::threshold_at(rate, &compared), &compared).tar)?))
        })
        .collect::<Result<_>>()?;
    let live = if args.attacks || args.spoof.is_some() {
        Some(liveness(models, args, &persons.keys().copied().collect::<Vec<_>>())?)
    } else {
        None
    };
    if let Some(path) = &args.svg {
        let svg = plot::distributions(&report, Distance::accepted_below());
        std::fs::write(path, svg).with_context(|| format!("{} can not be written", path.display()))?;
    }
    let mut value = serde_json::to_value(&report)?;
    if let Value::Object(members) = &mut value {
        members.insert("persons".into(), json!(persons.values().max().map_or(0, |last| last + 1)));
        members.insert("tar_at_fmr_interval".into(), Value::Object(at_fmr));
        members.insert("operating_points".into(), serde_json::to_value(&rows)?);
        if let Some(live) = &live {
            members.insert("liveness".into(), serde_json::to_value(live)?);
        }
    }
    answer(args.json, &value, || {
        let mut lines = vec![
            format!("{} pairs of {} pictures, a face found in {}", report.pairs, report.images, report.detected),
            format!("equal error rate {:.2} %", report.eer * 100.0),
            format!(
                "true acceptance at a false match rate of 1 % {:.1} %, of 0.1 % {:.1} %",
                report.tar_at_fmr["1e-2"] * 100.0,
                report.tar_at_fmr["1e-3"] * 100.0
            ),
        ];
        for row in &rows {
            lines.push(format!("{} at distance < {:.2}", row.name, row.threshold));
            lines.push(format!("  true acceptance  {}", said(&row.tar)));
            lines.push(format!("  false acceptance {}", said(&row.far)));
        }
        lines.extend(live.iter().flat_map(sentences));
        lines.join("\n")
    });
    Ok(())
}

/// The thresholds that the program uses, and the grid between them.
fn rows(compared: &[Compared]) -> Vec<Row> {
    let mut rows = vec![eval::row("accept", Distance::accepted_below(), compared)];
    rows.extend(OperatingPoint::ALL.map(|point| eval::row(&point.to_string(), point.threshold(), compared)));
    rows.extend(
        [0.45f32, 0.50, 0.55, 0.60, 0.65].map(|threshold| eval::row(&format!("{threshold:.2}"), threshold, compared)),
    );
    rows
}

fn interval(estimate: &Estimate) -> Result<Value> {
    Ok(serde_json::to_value(estimate)?)
}

fn said(estimate: &Estimate) -> String {
    let persons = estimate
        .over_persons
        .map_or_else(String::new, |(low, high)| format!("; over persons {:.2} to {:.2}", low * 100.0, high * 100.0));
    format!("{}{persons}", estimate.rate.sentence())
}

fn sentences(live: &Liveness) -> Vec<String> {
    let mut lines = vec![
        format!("passive liveness, live from {:.2} on. This is no test by ISO/IEC 30107-3.", live.threshold),
        "APCER: attacks of a kind taken for live. BPCER: persons taken for attacks. Of what was scored.".to_owned(),
    ];
    for (fused, alone) in live.fused.iter().zip(&live.networks) {
        lines.push(format!(
            "  {:<18} {}; networks alone {:.2} %; no face {}, not performed {}",
            fused.kind,
            fused.errors.sentence(),
            alone.errors.rate * 100.0,
            fused.no_face,
            fused.not_performed
        ));
    }
    for (cue, kinds) in &live.cues {
        let seen = kinds.iter().map(|(kind, rate)| format!("{kind} {} of {}", rate.events, rate.trials));
        lines.push(format!("  {cue} seen in {}", seen.collect::<Vec<_>>().join(", ")));
    }
    lines
}

/// What one presentation gave.
struct Shown {
    fused: Outcome,
    networks: Outcome,
    cues: Vec<(&'static str, f32)>,
}

fn liveness(models: &Models, args: &EvalArgs, names: &[&str]) -> Result<Liveness> {
    let mut kinds: Vec<(String, Presented, Vec<Shown>)> = Vec::new();
    let mut add = |kind: &str, presented, shown| match kinds.iter_mut().find(|(name, ..)| name == kind) {
        Some((.., list)) => list.push(shown),
        None => kinds.push((kind.to_owned(), presented, vec![shown])),
    };
    for (seed, name) in names.iter().enumerate() {
        let picture = files::picture(&args.dir.join(name))?;
        let Some(face) = face::detect(models, &picture)?.into_iter().next() else { continue };
        add("real", Presented::BonaFide, show(models, &picture)?);
        if !args.attacks || !liveness::has_room(&picture, &face) {
            continue;
        }
        for (kind, presented, shown) in simulated(&picture, &face, seed as u64) {
            add(kind, presented, show(models, &shown)?);
        }
    }
    if let Some(folder) = &args.spoof {
        for path in pictures(folder)? {
            let real = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("real"));
            let (kind, presented) =
                if real { ("sample_real", Presented::BonaFide) } else { ("sample_attack", Presented::Attack) };
            add(kind, presented, show(models, &files::picture(&path)?)?);
        }
    }
    let threshold = liveness::live_threshold();
    let mut out = Liveness { threshold, ..Liveness::default() };
    for (kind, presented, shown) in &kinds {
        let of = |pick: fn(&Shown) -> Outcome| shown.iter().map(pick).collect::<Vec<_>>();
        out.fused.push(kind_row(kind, *presented, &of(|shown| shown.fused), threshold));
        out.networks.push(kind_row(kind, *presented, &of(|shown| shown.networks), threshold));
        let looked: Vec<&(&str, f32)> = shown.iter().flat_map(|shown| &shown.cues).collect();
        for name in ["frame", "pattern"] {
            let values = looked.iter().filter(|cue| cue.0 == name);
            let seen = values.clone().filter(|cue| cue.1 >= 0.5).count();
            out.cues.entry(name).or_default().insert(kind.clone(), Rate::of(seen, values.count()));
        }
    }
    Ok(out)
}

/// The control and one attack of each kind.
fn simulated(picture: &Picture, face: &Face, seed: u64) -> Vec<(&'static str, Presented, Picture)> {
    let mut out = vec![("recaptured", Presented::BonaFide, attack::recaptured(picture, &face.bounds, seed))];
    out.extend(
        AttackKind::ALL.map(|kind| (kind.name(), Presented::Attack, attack::attack(picture, &face.bounds, kind, seed))),
    );
    out
}

fn show(models: &Models, picture: &Picture) -> Result<Shown> {
    let Some(face) = face::detect(models, picture)?.into_iter().next() else {
        return Ok(Shown { fused: Outcome::NoFace, networks: Outcome::NoFace, cues: Vec::new() });
    };
    let passive = liveness::passive(models, picture, &face)?;
    let networks = match &passive {
        // What the score was before the cues took their part.
        Passive::Performed { score, cues, .. } => {
            let left: f32 = cues.iter().map(|cue| 1.0 - cue.weight * cue.value).product();
            Outcome::Scored(score / left.max(f32::MIN_POSITIVE))
        }
        Passive::NotPerformed { .. } => Outcome::NotPerformed,
    };
    let cues = passive.cues().iter().map(|cue| (cue.name(), cue.value)).collect();
    Ok(Shown { fused: Outcome::from(&passive), networks, cues })
}

/// The picture files of a folder by name.
fn pictures(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder).with_context(|| format!("{} can not be read", folder.display()))?;
    let mut paths: Vec<PathBuf> = entries.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    let known = |path: &PathBuf| {
        path.extension()
            .and_then(|ending| ending.to_str())
            .is_some_and(|ending| ["jpg", "jpeg", "png", "webp"].contains(&ending.to_ascii_lowercase().as_str()))
    };
    paths.retain(known);
    paths.sort();
    Ok(paths)
}
