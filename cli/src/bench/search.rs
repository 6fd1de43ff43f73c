//! Rows of `warifu bench face` for one-to-many search: one template against a gallery of random ones.
//!
//! Random templates are farther apart than faces, which changes nothing: every one of them is read and compared.

use std::time::Instant;

use anyhow::{Context as _, Result};
use serde::Serialize;
use warifu_models::face::index::Index;
use warifu_models::face::{ModelId, Template};

use super::{ms, round};

/// Galleries that are measured, with the budget of the design for two cores in milliseconds.
const GALLERIES: [(usize, f64); 3] = [(100_000, 30.0), (1_000_000, 30.0), (10_000_000, 300.0)];
/// How many nearest ones are asked for.
const TOP: usize = 10;

/// One measured gallery.
#[derive(Debug, Serialize)]
pub(super) struct SearchRow {
    flow: &'static str,
    templates: usize,
    top: usize,
    threads: usize,
    runs: u32,
    min_ms: f64,
    median_ms: f64,
    budget_ms: f64,
    build_ms: f64,
    bytes_per_template: f64,
}

/// Fills one index step by step to the size of each gallery, and searches it so many times.
pub(super) fn rows(runs: u32) -> Result<Vec<SearchRow>> {
    let model = ModelId::builtin().context("the manifest names no embedder")?;
    let mut noise = Noise(88_172_645_463_325_252);
    let mut index = Index::new(model.clone());
    let mut rows = Vec::new();
    for (templates, budget_ms) in GALLERIES {
        let building = Instant::now();
        while index.len() < templates {
            index.upsert(index.len() as u64, &noise.template(&model)?)?;
        }
        let build_ms = ms(building.elapsed());
        let mut times = Vec::new();
        for run in 0..=runs {
            let query = noise.template(&model)?;
            let begun = Instant::now();
            let hits = index.search(&query, TOP)?;
            let time = ms(begun.elapsed());
            anyhow::ensure!(hits.len() == TOP, "{} hits", hits.len());
            // The first one warms up.
            if run > 0 {
                times.push(time);
            }
        }
        times.sort_by(f64::total_cmp);
        rows.push(SearchRow {
            flow: "face_search",
            templates,
            top: TOP,
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            runs,
            min_ms: times.first().copied().unwrap_or_default(),
            median_ms: times.get(times.len() / 2).copied().unwrap_or_default(),
            budget_ms,
            build_ms,
            bytes_per_template: round(index.memory() as f64 / templates as f64),
        });
    }
    Ok(rows)
}

/// Marsaglia's xorshift: enough for bytes that only have to differ.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn template(&mut self, model: &ModelId) -> Result<Template> {
        let bytes: Vec<u8> = (0..Template::DIMENSION / 8).flat_map(|_| self.next().to_le_bytes()).collect();
        Ok(Template::from_bytes(model.clone(), &bytes)?)
    }
}
