//! The two distributions of distances with the thresholds, as SVG that reads on light and dark pages.

use std::fmt::Write as _;

use warifu_models::face::OperatingPoint;
use warifu_models::face::eval::{HISTOGRAM_STEP, Report};

const WIDTH: f32 = 720.0;
const HEIGHT: f32 = 320.0;
const LEFT: f32 = 48.0;
const RIGHT: f32 = 16.0;
const TOP: f32 = 64.0;
const BOTTOM: f32 = 48.0;
/// Largest distance drawn.
const END: f32 = 1.2;

/// Shares of genuine and impostor pairs by distance; each distribution has the area one.
pub(super) fn distributions(report: &Report, accept: f32) -> String {
    let shares = |steps: &[usize]| -> Vec<f32> {
        let sum = steps.iter().sum::<usize>().max(1) as f32;
        steps.iter().map(|&count| count as f32 / sum).collect()
    };
    let (genuine, impostor) = (shares(&report.genuine_histogram), shares(&report.impostor_histogram));
    let top = genuine.iter().chain(&impostor).copied().fold(0.05, f32::max);
    let x = |distance: f32| LEFT + distance / END * (WIDTH - LEFT - RIGHT);
    let y = |share: f32| HEIGHT - BOTTOM - share / top * (HEIGHT - TOP - BOTTOM);
    let mut out = String::new();
    let _ = write!(
        out,
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="system-ui, sans-serif" font-size="12" role="img" aria-label="Distances of {} genuine and {} impostor pairs">
<style>
  .page {{ fill: #ffffff }} text {{ fill: #1f2328 }} .axis {{ stroke: #59636e }} .line {{ stroke: #1f2328; stroke-dasharray: 3 3 }}
  .genuine {{ fill: #1a7f6b }} .impostor {{ fill: #b4521e }}
  @media (prefers-color-scheme: dark) {{
    .page {{ fill: #0d1117 }} text {{ fill: #e6edf3 }} .axis {{ stroke: #9198a1 }} .line {{ stroke: #e6edf3 }}
    .genuine {{ fill: #4ac2a8 }} .impostor {{ fill: #f0883e }}
  }}
</style>
<rect class="page" width="{WIDTH}" height="{HEIGHT}"/>
"##,
        report.genuine_pairs, report.impostor_pairs
    );
    for (class, shares) in [("genuine", &genuine), ("impostor", &impostor)] {
        for (step, share) in shares.iter().enumerate().filter(|(_, share)| **share > 0.0) {
            let from = step as f32 * HISTOGRAM_STEP;
            let (left, right) = (x(from) + 1.0, x(from + HISTOGRAM_STEP) - 1.0);
            let _ = writeln!(
                out,
                r#"<rect class="{class}" fill-opacity="0.75" x="{left:.1}" y="{:.1}" width="{:.1}" height="{:.1}"/>"#,
                y(*share),
                right - left,
                y(0.0) - y(*share)
            );
        }
    }
    let _ = writeln!(out, r#"<path class="axis" fill="none" d="M{} {} H{}"/>"#, x(0.0), y(0.0), x(END));
    for tenth in (0..=12).step_by(2) {
        let distance = tenth as f32 / 10.0;
        let _ = writeln!(
            out,
            r#"<text x="{:.1}" y="{}" text-anchor="middle">{distance:.1}</text>"#,
            x(distance),
            HEIGHT - BOTTOM + 18.0
        );
    }
    let _ = writeln!(
        out,
        r#"<text x="{:.1}" y="{}" text-anchor="middle">Euclidean distance (smaller is closer)</text>"#,
        x(END / 2.0),
        HEIGHT - 10.0
    );
    let share = format!("{:.0} %", top * 100.0);
    let _ = writeln!(out, r#"<text x="{}" y="{:.1}" text-anchor="end">{share}</text>"#, LEFT - 6.0, y(top) + 4.0);
    let _ = writeln!(out, r#"<text x="{}" y="{:.1}" text-anchor="end">0 %</text>"#, LEFT - 6.0, y(0.0) + 4.0);
    // The thresholds lie close together: their names stand in rows above.
    let mut lines: Vec<(f32, String)> =
        OperatingPoint::ALL.iter().map(|point| (point.threshold(), point.to_string())).collect();
    lines.push((accept, "accept".to_owned()));
    lines.sort_by(|a, b| a.0.total_cmp(&b.0));
    for (row, (distance, name)) in lines.iter().enumerate() {
        let (left, high) = (x(*distance), 16.0 + row as f32 * 14.0);
        let _ = writeln!(out, r#"<path class="line" d="M{left:.1} {high} V{:.1}"/>"#, y(0.0));
        let _ = writeln!(out, r#"<text x="{:.1}" y="{:.1}">{name} {distance:.2}</text>"#, left + 5.0, high + 4.0);
    }
    for (row, (class, text)) in [
        ("genuine", format!("one person, {} pairs", report.genuine_pairs)),
        ("impostor", format!("two persons, {} pairs", report.impostor_pairs)),
    ]
    .into_iter()
    .enumerate()
    {
        let high = 16.0 + row as f32 * 18.0;
        let _ = writeln!(out, r#"<rect class="{class}" x="{LEFT}" y="{:.1}" width="12" height="12"/>"#, high - 6.0);
        let _ = writeln!(out, r#"<text x="{}" y="{:.1}">{text}</text>"#, LEFT + 18.0, high + 4.0);
    }
    out.push_str("</svg>\n");
    out
}
