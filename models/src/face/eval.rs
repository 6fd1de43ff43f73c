//! Error rates of face matching on labelled pairs. Pure: distances in, rates out.

use std::collections::BTreeMap;

use serde::Serialize;

mod persons;

pub use persons::{Compared, Estimate, Row, persons, row, threshold_at};

/// Two files and whether they show one person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    /// First file name.
    pub x: String,
    /// Second file name.
    pub y: String,
    /// Whether both show the same person.
    pub same: bool,
}

/// A list of pairs that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: expected `file,file,same` or `file,file,different`")]
pub struct NotAPair {
    /// Line, from 1.
    pub line: usize,
}

/// Reads pairs from CSV text with the header `file_x,file_y,label`, the label being `same` or `different`.
///
/// No quoting: names with commas are not pairs.
pub fn pairs(csv: &str) -> Result<Vec<Pair>, NotAPair> {
    csv.lines()
        .enumerate()
        .skip(1)
        .filter(|(_, line)| !line.trim().is_empty())
        .map(|(at, line)| {
            let mut fields = line.trim_end().split(',');
            match (fields.next(), fields.next(), fields.next(), fields.next()) {
                (Some(x), Some(y), Some(label @ ("same" | "different")), None) if !x.is_empty() && !y.is_empty() => {
                    Ok(Pair { x: x.to_owned(), y: y.to_owned(), same: label == "same" })
                }
                _ => Err(NotAPair { line: at + 1 }),
            }
        })
        .collect()
}

/// A measured distance and whether both faces are one person's.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Labelled {
    /// Euclidean distance.
    pub distance: f32,
    /// Whether both show the same person.
    pub same: bool,
}

/// Error rates; the member names are those of the machine-readable output.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Pairs with a distance.
    pub pairs: usize,
    /// Pairs of one person among them.
    pub genuine_pairs: usize,
    /// Pairs of two persons among them.
    pub impostor_pairs: usize,
    /// Pictures looked at.
    pub images: usize,
    /// Pictures in which a face was found.
    pub detected: usize,
    /// Equal error rate, 0 to 1: where as many impostors match as genuine pairs do not.
    pub eer: f64,
    /// True acceptance rate at the loosest threshold whose false match rate stays within the key.
    pub tar_at_fmr: BTreeMap<String, f64>,
    /// Share of genuine pairs below the threshold.
    pub tar_at_threshold: f64,
    /// Share of impostor pairs below the threshold.
    pub far_at_threshold: f64,
    /// The threshold of the two rates above.
    pub threshold: f32,
    /// Genuine pairs by distance, in steps of [`HISTOGRAM_STEP`] from 0; the last step takes all that is larger.
    pub genuine_histogram: Vec<usize>,
    /// Impostor pairs by distance, likewise.
    pub impostor_histogram: Vec<usize>,
}

/// Width of a step of the histograms.
pub const HISTOGRAM_STEP: f32 = 0.05;
/// Steps of the histograms: 0 to 1.5.
const HISTOGRAM_STEPS: usize = 30;

/// Error rates of a set of labelled distances at a threshold.
///
/// With no genuine or no impostor pairs the rates over that set are 0.
pub fn report(labelled: &[Labelled], images: usize, detected: usize, threshold: f32) -> Report {
    let sorted = |same: bool| {
        let mut distances: Vec<f32> =
            labelled.iter().filter(|pair| pair.same == same).map(|pair| pair.distance).collect();
        distances.sort_by(f32::total_cmp);
        distances
    };
    let (genuine, impostor) = (sorted(true), sorted(false));
    let tar_at_fmr = [("1e-2", 1e-2), ("1e-3", 1e-3)]
        .into_iter()
        .map(|(name, rate)| (name.to_owned(), share_below(&genuine, loosest(&impostor, rate))))
        .collect();
    Report {
        pairs: labelled.len(),
        genuine_pairs: genuine.len(),
        impostor_pairs: impostor.len(),
        images,
        detected,
        eer: equal_error_rate(&genuine, &impostor),
        tar_at_fmr,
        tar_at_threshold: share_below(&genuine, threshold),
        far_at_threshold: share_below(&impostor, threshold),
        threshold,
        genuine_histogram: histogram(&genuine),
        impostor_histogram: histogram(&impostor),
    }
}

/// Share of the sorted distances below a threshold.
fn share_below(sorted: &[f32], threshold: f32) -> f64 {
    if sorted.is_empty() {
        return 0.0;
    }
    sorted.partition_point(|&distance| distance < threshold) as f64 / sorted.len() as f64
}

/// The largest threshold at which at most the given share of the sorted impostor distances is below it.
fn loosest(impostor: &[f32], rate: f64) -> f32 {
    let allowed = (impostor.len() as f64 * rate).floor() as usize;
    impostor.get(allowed).copied().unwrap_or(f32::INFINITY)
}

/// Mean of both error rates at the threshold where they are closest.
fn equal_error_rate(genuine: &[f32], impostor: &[f32]) -> f64 {
    let candidates = genuine.iter().chain(impostor).copied();
    let rates = candidates.map(|threshold| (1.0 - share_below(genuine, threshold), share_below(impostor, threshold)));
    rates
        .min_by(|a, b| (a.0 - a.1).abs().total_cmp(&(b.0 - b.1).abs()))
        .map_or(0.0, |(missed, matched)| (missed + matched) / 2.0)
}

fn histogram(distances: &[f32]) -> Vec<usize> {
    let mut steps = vec![0; HISTOGRAM_STEPS];
    for distance in distances {
        steps[((distance / HISTOGRAM_STEP) as usize).min(HISTOGRAM_STEPS - 1)] += 1;
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labelled(genuine: &[f32], impostor: &[f32]) -> Vec<Labelled> {
        let of = |same: bool| move |&distance: &f32| Labelled { distance, same };
        genuine.iter().map(of(true)).chain(impostor.iter().map(of(false))).collect()
    }

    #[test]
    fn separated_sets_have_no_errors() {
        let report = report(&labelled(&[0.3, 0.4], &[0.8, 0.9]), 4, 4, 0.55);
        assert_eq!((report.eer, report.tar_at_threshold, report.far_at_threshold), (0.0, 1.0, 0.0));
        assert_eq!(report.tar_at_fmr["1e-3"], 1.0);
    }

    #[test]
    fn one_error_in_four_on_each_side() {
        let report = report(&labelled(&[0.3, 0.4, 0.5, 0.7], &[0.6, 0.8, 0.9, 1.0]), 8, 8, 0.65);
        assert_eq!((report.eer, report.tar_at_threshold, report.far_at_threshold), (0.25, 0.75, 0.25));
        assert_eq!(report.tar_at_fmr["1e-2"], 0.75);
        assert_eq!((report.genuine_histogram.iter().sum::<usize>(), report.impostor_histogram.len()), (4, 30));
    }

    #[test]
    fn pairs_of_csv() {
        let text = "file_x,file_y,label\na.jpg,b.jpg,same\na.jpg,c.jpg,different\n";
        assert_eq!(pairs(text).unwrap().iter().filter(|pair| pair.same).count(), 1);
        assert_eq!(pairs("h\na,b,perhaps\n"), Err(NotAPair { line: 2 }));
        assert_eq!(report(&[], 0, 0, 0.5).eer, 0.0);
    }
}
