//! Error rates with intervals: who the persons in a list of pairs are, and the rates at several thresholds.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Pair;
use crate::rate::{Rate, Trial, over_persons};

/// Rounds of the bootstrap.
const ROUNDS: usize = 2000;
/// Its seed: the same pairs give the same interval.
const SEED: u64 = 24;

/// The person each file shows, by number: files in one genuine pair show one, directly or over others.
pub fn persons(pairs: &[Pair]) -> BTreeMap<&str, usize> {
    let mut person: BTreeMap<&str, usize> = BTreeMap::new();
    for name in pairs.iter().flat_map(|pair| [pair.x.as_str(), pair.y.as_str()]) {
        let next = person.len();
        person.entry(name).or_insert(next);
    }
    for pair in pairs.iter().filter(|pair| pair.same) {
        let (x, y) = (person[pair.x.as_str()], person[pair.y.as_str()]);
        let (keep, give) = (x.min(y), x.max(y));
        person.values_mut().filter(|number| **number == give).for_each(|number| *number = keep);
    }
    // Numbers without gaps.
    let mut renumbered = BTreeMap::new();
    for number in person.values_mut() {
        let next = renumbered.len();
        *number = *renumbered.entry(*number).or_insert(next);
    }
    person
}

/// A measured pair and whose faces it compares.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Compared {
    /// Person on the first picture.
    pub first: usize,
    /// Person on the second.
    pub second: usize,
    /// Whether the list says that they are one.
    pub same: bool,
    /// Euclidean distance.
    pub distance: f32,
}

/// A rate with both intervals.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Estimate {
    /// The rate and its exact interval as if pairs were independent.
    #[serde(flatten)]
    pub rate: Rate,
    /// Interval of 95 % by drawing persons again, which keeps what pairs share; `null` where no draw has a pair.
    pub over_persons: Option<(f64, f64)>,
}

/// Rates at one threshold.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// Name of the threshold.
    pub name: String,
    /// Distances below match.
    pub threshold: f32,
    /// True acceptance: genuine pairs that match.
    pub tar: Estimate,
    /// False acceptance: impostor pairs that match.
    pub far: Estimate,
}

/// Rates of compared pairs at a threshold.
pub fn row(name: &str, threshold: f32, compared: &[Compared]) -> Row {
    let estimate = |same: bool| {
        let trials: Vec<Trial> = compared
            .iter()
            .filter(|pair| pair.same == same)
            .map(|pair| Trial { first: pair.first, second: pair.second, happened: pair.distance < threshold })
            .collect();
        let events = trials.iter().filter(|trial| trial.happened).count();
        Estimate { rate: Rate::of(events, trials.len()), over_persons: over_persons(&trials, ROUNDS, SEED) }
    };
    Row { name: name.to_owned(), threshold, tar: estimate(true), far: estimate(false) }
}

/// The loosest threshold at which at most the given share of the impostor pairs matches.
pub fn threshold_at(rate: f64, compared: &[Compared]) -> f32 {
    let mut impostor: Vec<f32> = compared.iter().filter(|pair| !pair.same).map(|pair| pair.distance).collect();
    impostor.sort_by(f32::total_cmp);
    super::loosest(&impostor, rate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn persons_follow_genuine_pairs() {
        let pair = |x: &str, y: &str, same| Pair { x: x.into(), y: y.into(), same };
        let pairs = [pair("a", "b", true), pair("c", "d", true), pair("b", "e", true), pair("a", "c", false)];
        let persons = persons(&pairs);
        assert_eq!(persons["a"], persons["e"]);
        assert_eq!(persons["c"], persons["d"]);
        assert_ne!(persons["a"], persons["c"]);
        assert!(persons.values().all(|&number| number < 2));
    }

    #[test]
    fn rates_at_a_threshold() {
        let of = |first, second, distance| Compared { first, second, same: first == second, distance };
        let compared = [of(0, 0, 0.3), of(1, 1, 0.7), of(0, 1, 0.5), of(0, 2, 0.9)];
        let row = row("half", 0.6, &compared);
        assert_eq!((row.tar.rate.events, row.far.rate.events), (1, 1));
        assert_eq!(row.tar.over_persons, Some((0.0, 1.0)));
        assert_eq!(threshold_at(0.0, &compared), 0.5);
    }
}
