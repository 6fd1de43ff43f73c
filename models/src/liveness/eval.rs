//! Error rates of passive liveness on labelled presentations. Pure: outcomes in, rates out.
//!
//! The words are those of ISO/IEC 30107-3: APCER is the share of attack presentations of one kind that are taken for
//! bona fide, BPCER the share of bona fide presentations that are taken for attacks. What is measured here is no test by
//! that standard: attacks are simulated, few, and made by the authors of the defence.

use serde::Serialize;

use super::Passive;
use crate::rate::Rate;

/// What became of one presentation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Outcome {
    /// The check ran and gave this score, 0 to 1.
    Scored(f32),
    /// The check did not run, so nothing was accepted.
    NotPerformed,
    /// No face was found, so nothing was accepted.
    NoFace,
}

impl From<&Passive> for Outcome {
    fn from(passive: &Passive) -> Self {
        match passive {
            Passive::Performed { score, .. } => Self::Scored(*score),
            Passive::NotPerformed { .. } => Self::NotPerformed,
        }
    }
}

/// Error rates of one kind of presentation.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct KindRow {
    /// The kind, such as `screen`.
    pub kind: String,
    /// Presentations made.
    pub presentations: usize,
    /// Those in which no face was found.
    pub no_face: usize,
    /// Those for which the check did not run.
    pub not_performed: usize,
    /// Of those scored, for an attack: taken for live (APCER); for bona fide: taken for an attack (BPCER).
    pub errors: Rate,
    /// Least, middle and greatest score; absent without any.
    pub scores: Option<[f32; 3]>,
}

/// Which error is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presented {
    /// Attacks: scores from the threshold on are errors.
    Attack,
    /// Persons: scores below it are.
    BonaFide,
}

/// Counts the errors of one kind at a threshold from which scores count as live.
pub fn kind_row(kind: &str, presented: Presented, outcomes: &[Outcome], live: f32) -> KindRow {
    let mut scores: Vec<f32> = outcomes
        .iter()
        .filter_map(|outcome| match outcome {
            Outcome::Scored(score) => Some(*score),
            Outcome::NotPerformed | Outcome::NoFace => None,
        })
        .collect();
    scores.sort_by(f32::total_cmp);
    let below = scores.partition_point(|&score| score < live);
    let errors = match presented {
        Presented::Attack => scores.len() - below,
        Presented::BonaFide => below,
    };
    KindRow {
        kind: kind.to_owned(),
        presentations: outcomes.len(),
        no_face: outcomes.iter().filter(|outcome| **outcome == Outcome::NoFace).count(),
        not_performed: outcomes.iter().filter(|outcome| **outcome == Outcome::NotPerformed).count(),
        errors: Rate::of(errors, scores.len()),
        scores: scores.first().zip(scores.last()).map(|(&low, &high)| [low, scores[scores.len() / 2], high]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_counted_over_what_was_scored() {
        let outcomes = [Outcome::Scored(0.5), Outcome::Scored(0.1), Outcome::NoFace, Outcome::NotPerformed];
        let attack = kind_row("screen", Presented::Attack, &outcomes, 0.5);
        assert_eq!((attack.errors.events, attack.errors.trials, attack.presentations), (1, 2, 4));
        let person = kind_row("real", Presented::BonaFide, &outcomes, 0.5);
        assert_eq!((person.errors.events, person.no_face, person.not_performed), (1, 1, 1));
        assert_eq!(kind_row("none", Presented::Attack, &[], 0.5).scores, None);
        // Scores that are not there to compare never count as live: infinity is the threshold without a manifest.
        assert_eq!(kind_row("all", Presented::Attack, &outcomes, f32::INFINITY).errors.events, 0);
    }
}
