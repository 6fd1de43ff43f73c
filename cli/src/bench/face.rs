//! `warifu bench face`: what each step of the face pipeline costs on a 1080p frame, and one face among many.
//!
//! The frame is made from the portrait of the demo, so no other picture is needed. Steps run on one thread unless the row
//! says otherwise.

use std::time::Instant;

use anyhow::{Context as _, Result};
use serde::Serialize;
use serde_json::json;
use warifu_models::picture::{Limits, Picture};
use warifu_models::{Models, Parts, face, liveness};

use super::{BenchArgs, ms, round, search};
use crate::{answer, files};

/// One step.
#[derive(Debug, Serialize)]
struct Row {
    step: &'static str,
    runs: u32,
    min_ms: f64,
    median_ms: f64,
}

pub(super) async fn run(args: BenchArgs) -> Result<()> {
    let (runs, as_json) = (args.runs, args.json);
    let (rows, found) =
        tokio::task::spawn_blocking(move || anyhow::Ok((measure(runs)?, search::rows(runs)?))).await??;
    let value = json!({"frame": "1920 x 1080", "rows": rows, "search": found});
    answer(as_json, &value, || serde_json::to_string_pretty(&value).unwrap_or_default());
    Ok(())
}

fn measure(runs: u32) -> Result<Vec<Row>> {
    let models = files::models(None, Parts::FACE)?;
    let jpeg = scene()?.encode_jpeg(90)?;
    let limits = Limits::default();
    let frame = Picture::decode(&jpeg, &limits)?;
    let found = face::detect(&models, &frame)?.into_iter().next().context("no face in the frame")?;
    let mesh = face::measure(&models, &frame, &found)?;
    let mut rows = vec![
        row("decode", runs, || Picture::decode(&jpeg, &limits).map(drop).map_err(Into::into))?,
        row("detect", runs, || face::detect(&models, &frame).map(drop).map_err(Into::into))?,
        row("mesh", runs, || face::measure(&models, &frame, &found).map(drop).map_err(Into::into))?,
        row("embed", runs, || mesh.embed(&models).map(drop).map_err(Into::into))?,
        row("all", runs, || all(&models, &frame))?,
    ];
    // Two frames at once: the time for both, halved.
    let mut two = row("two_threads", runs, || {
        std::thread::scope(|scope| {
            let other = scope.spawn(|| all(&models, &frame));
            all(&models, &frame)?;
            other.join().map_err(|_| anyhow::anyhow!("a thread broke off"))?
        })
    })?;
    (two.min_ms, two.median_ms) = (round(two.min_ms / 2.0), round(two.median_ms / 2.0));
    rows.push(two);
    if models.has_liveness() {
        rows.push(row("with_passive", runs, || {
            all(&models, &frame)?;
            liveness::passive(&models, &frame, &found)?;
            Ok(())
        })?);
    }
    Ok(rows)
}

/// Detect, measure, align and embed.
fn all(models: &Models, frame: &Picture) -> Result<()> {
    let faces = face::detect(models, frame)?;
    face::read(models, frame, faces.first().context("no face in the frame")?)?;
    Ok(())
}

/// The demo's portrait before a wall with structure.
fn scene() -> Result<Picture> {
    let portrait = files::demo_portrait()?.resize(900, 900);
    let (width, height) = (1920, 1080);
    let wall = (0..height)
        .flat_map(|y| {
            (0..width).flat_map(move |x| [(x ^ y) as u8 / 4 + 90, (x / 3) as u8 / 4 + 100, (y / 2) as u8 / 4 + 80])
        })
        .collect();
    let mut frame = Picture::from_rgb(width, height, wall)?;
    frame.paste(&portrait, 500, 180);
    Ok(frame)
}

fn row(step: &'static str, runs: u32, work: impl Fn() -> Result<()>) -> Result<Row> {
    work()?;
    let mut times = Vec::with_capacity(runs as usize);
    for _ in 0..runs {
        let begun = Instant::now();
        work()?;
        times.push(ms(begun.elapsed()));
    }
    times.sort_by(f64::total_cmp);
    let at = |index: usize| times.get(index).copied().unwrap_or_default();
    Ok(Row { step, runs, min_ms: at(0), median_ms: at(times.len() / 2) })
}
