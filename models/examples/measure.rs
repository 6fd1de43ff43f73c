#![allow(missing_docs, clippy::all, clippy::print_stdout, clippy::unwrap_used)]
use std::time::Instant;
use warifu_models::document::{self, eval};
use warifu_models::picture::{Limits, Picture};
use warifu_models::{Models, Parts, weights::Folder};
fn main() {
    let args: Vec<String> = std::env::args().collect();
    let t = Instant::now();
    let models = Models::load(&Folder::from_environment().unwrap(), Parts::ALL).unwrap();
    println!("load {:?}", t.elapsed());
    let csv = std::fs::read(&args[1]).unwrap();
    let today = jiff::civil::date(2026, 11, 22);
    let rounds: usize = args.get(3).map_or(1, |n| n.parse().unwrap());
    let mut report = eval::Report::default();
    let mut times = vec![];
    for expected in eval::expected(&csv).unwrap() {
        let file = if expected.file.contains('/') { format!("{}/{}", args[2], expected.file) } else { format!("{}/{}", args[2], expected.file) };
        let picture = Picture::decode(&std::fs::read(&file).unwrap(), &Limits::default()).unwrap();
        let mut best = f64::MAX;
        let mut reading = None;
        for _ in 0..rounds {
            let t = Instant::now();
            reading = Some(document::read(&models, &picture, today).unwrap());
            best = best.min(t.elapsed().as_secs_f64());
        }
        let reading = reading.unwrap();
        times.push(best);
        let row = eval::judge(&expected, &reading);
        report.add(&expected, &row);
        println!("{} exact={} accepted={} {:.0}ms lines={} portrait={} turns={} {}x{}", row.file, row.exact, row.accepted, best * 1000.0, reading.lines.len(), reading.portrait.is_some(), reading.quarter_turns, picture.width(), picture.height());
        if let Some(m) = &reading.mrz { println!("   {:?} rivals={} least={:.3} h={:.1} bent={}", m.certainty, m.rivals, m.least_confidence, m.line_height, m.country_bent); }
        println!("   doubts {:?}", row.doubts);
        if !row.exact { for (i, e) in expected.lines.iter().enumerate() { println!("   want {e}\n   read {}\n   raw  {}", row.read.get(i).map_or("-", |s| s), reading.mrz.as_ref().and_then(|m| m.read.get(i)).map_or("-", |s| s)); } }
        if !row.accepted || args.len() > 4 {
            for f in reading.visual.fields() { if f.agreement != document::Agreement::Agrees { println!("   {:?}", f); } }
            println!("   text {:?}", reading.lines.iter().map(|l| l.text.as_str()).collect::<Vec<_>>());
        }
    }
    times.sort_by(f64::total_cmp);
    println!("{}", serde_json::to_string(&report).unwrap());
    println!("p50 {:.0} ms p95 {:.0} ms", times[times.len() / 2] * 1000.0, times[times.len() * 95 / 100] * 1000.0);
}
