//! Shares of trials with what can be said about them: exact intervals, and intervals by drawing persons again.

use serde::Serialize;

use crate::specimen::Random;

/// How often something happened, with the Clopper-Pearson interval of 95 %.
///
/// The interval treats trials as independent. Pairs that share persons are not: see [`over_persons`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Rate {
    /// `events / trials`; 0 without trials.
    pub rate: f64,
    /// How often it happened.
    pub events: usize,
    /// How often it could have.
    pub trials: usize,
    /// Lower end of the interval, 0 to 1.
    pub low: f64,
    /// Upper end of the interval, 0 to 1; 1 without trials.
    pub high: f64,
}

impl Rate {
    /// From counts; more events than trials count as all of them.
    pub fn of(events: usize, trials: usize) -> Self {
        let events = events.min(trials);
        if trials == 0 {
            return Self { rate: 0.0, events, trials, low: 0.0, high: 1.0 };
        }
        // At the lower end, this many events or more have a chance of 2.5 %; at the upper end, this many or fewer.
        let low = if events == 0 { 0.0 } else { solved(|p| 1.0 - at_most(events - 1, trials, p), 0.025) };
        let high = if events == trials { 1.0 } else { solved(|p| 1.0 - at_most(events, trials, p), 0.975) };
        Self { rate: events as f64 / trials as f64, events, trials, low, high }
    }

    /// `12.3 % (4 of 33; 95 %: 3.4 to 28.2)`.
    pub fn sentence(&self) -> String {
        let percent = |value: f64| format!("{:.2}", value * 100.0);
        let (rate, low, high) = (percent(self.rate), percent(self.low), percent(self.high));
        format!("{rate} % ({} of {}; 95 %: {low} to {high})", self.events, self.trials)
    }
}

/// Where a rising function of a probability reaches a value.
fn solved(rising: impl Fn(f64) -> f64, value: f64) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..60 {
        let middle = (low + high) / 2.0;
        if rising(middle) < value { low = middle } else { high = middle }
    }
    (low + high) / 2.0
}

/// Chance of at most `events` in `trials` of probability `p`, 0 < p < 1.
fn at_most(events: usize, trials: usize, p: f64) -> f64 {
    let (yes, no) = (p.ln(), (-p).ln_1p());
    let (mut sum, mut ways) = (0.0, 0.0f64);
    for k in 0..=events {
        if k > 0 {
            ways += ((trials - k + 1) as f64 / k as f64).ln();
        }
        sum += (ways + k as f64 * yes + (trials - k) as f64 * no).exp();
    }
    sum.min(1.0)
}

/// A trial that concerns one or two persons, by their numbers, and whether it came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trial {
    /// First person.
    pub first: usize,
    /// Second person; the first again where one is concerned.
    pub second: usize,
    /// Whether it happened.
    pub happened: bool,
}

/// Interval of 95 % by drawing as many persons again, with replacement, `rounds` times (percentile bootstrap).
///
/// A trial counts as often as its persons were drawn together. `None` without trials or where no draw has any. The same
/// seed gives the same interval.
pub fn over_persons(trials: &[Trial], rounds: usize, seed: u64) -> Option<(f64, f64)> {
    let persons = trials.iter().map(|trial| trial.first.max(trial.second) + 1).max()?;
    let mut random = Random::new(seed);
    let mut rates: Vec<f64> = (0..rounds)
        .filter_map(|_| {
            let mut drawn = vec![0u32; persons];
            (0..persons).for_each(|_| drawn[random.below(persons)] += 1);
            let (mut events, mut count) = (0u64, 0u64);
            for trial in trials {
                let first = u64::from(drawn[trial.first]);
                let times = if trial.first == trial.second { first } else { first * u64::from(drawn[trial.second]) };
                count += times;
                events += if trial.happened { times } else { 0 };
            }
            (count > 0).then(|| events as f64 / count as f64)
        })
        .collect();
    rates.sort_by(f64::total_cmp);
    let at = |share: f64| rates.get((share * rates.len().saturating_sub(1) as f64).round() as usize).copied();
    at(0.025).zip(at(0.975))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(events: usize, trials: usize, low: f64, high: f64) {
        let rate = Rate::of(events, trials);
        assert!((rate.low - low).abs() < 5e-5 && (rate.high - high).abs() < 5e-5, "{rate:?}");
    }

    /// Clopper and Pearson 1934: 0 and n events have closed forms; 1 of 10 and 5 of 10 stand in every table.
    #[test]
    fn known_intervals() {
        check(0, 10, 0.0, 1.0 - 0.025f64.powf(0.1));
        check(10, 10, 0.025f64.powf(0.1), 1.0);
        check(1, 10, 0.0025, 0.4450);
        check(5, 10, 0.1871, 0.8129);
        check(0, 1640, 0.0, 1.0 - 0.025f64.powf(1.0 / 1640.0));
        check(0, 0, 0.0, 1.0);
    }

    #[test]
    fn persons_are_drawn_and_not_pairs() {
        let trial = |first, second, happened| Trial { first, second, happened };
        // One person makes every error: without that person there is none, drawn twice there are more.
        let mut trials: Vec<Trial> = (0..50).map(|_| trial(0, 0, true)).collect();
        trials.extend((1..20).flat_map(|person| (0..50).map(move |_| trial(person, person, false))));
        let (low, high) = over_persons(&trials, 500, 1).unwrap();
        assert!(low == 0.0 && high > 0.1, "{low} {high}");
        assert_eq!(over_persons(&trials, 500, 1), Some((low, high)));
        assert_eq!(over_persons(&[], 500, 1), None);
        assert_eq!(over_persons(&[trial(0, 1, true), trial(0, 1, true)], 200, 1), Some((1.0, 1.0)));
    }
}
