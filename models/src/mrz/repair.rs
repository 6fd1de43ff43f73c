//! Proposals for a zone whose check digits are wrong: which look-alikes would make them right.
//!
//! A repair is a proposal, not a proof: of unique repairs on test documents one in seven was wrong, and values that are
//! equal modulo ten (`G` and `6`, `S` and `8`, `B` and `1`, `Z` and `5`) pass every check digit. A caller must confirm a
//! proposal from elsewhere, such as the number printed in the visual zone.

use jiff::civil::Date;

use crate::mrz::decode::{Decoded, index, look_alike};
use crate::mrz::{Field, Mrz};

/// One character that a proposal changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// Line, from 0.
    pub line: usize,
    /// Position, from 0.
    pub position: usize,
    /// What was read.
    pub from: char,
    /// What is proposed.
    pub to: char,
}

/// A zone with all check digits right, and what was changed for it.
#[derive(Debug, Clone, PartialEq)]
pub struct Proposal {
    /// The zone after the change.
    pub mrz: Mrz,
    /// One or two characters.
    pub changes: Vec<Change>,
    /// How far the change is from what was seen; smaller is likelier.
    pub cost: f32,
}

/// Most characters that are changed together.
const MOST_CHANGES: usize = 2;

/// All ways to make every check digit right by changing at most two look-alikes in the number and the optional data,
/// cheapest first.
///
/// `read` holds what the recogniser saw, line by line; dates, names and check digits are never touched, because their
/// class leaves them no look-alike.
pub fn propose(mrz: &Mrz, read: &[Decoded], today: Date) -> Vec<Proposal> {
    let mut swaps: Vec<(Change, f32)> = Vec::new();
    for field in [Field::Number, Field::Optional, Field::SecondOptional] {
        let Some(slot) = mrz.format.slot(field) else { continue };
        let (Some(line), Some(seen)) = (mrz.lines.get(slot.line), read.get(slot.line)) else { continue };
        for position in slot.start..slot.start + slot.length {
            let (Some(&from), Some(seen)) = (line.as_bytes().get(position), seen.seen.get(position)) else { continue };
            for to in (b'0'..=b'9').chain(b'A'..=b'Z').filter(|&to| to != from && look_alike(from, to)) {
                let change = Change { line: slot.line, position, from: char::from(from), to: char::from(to) };
                // `O` and `0` are the usual confusion; beyond that, what the recogniser saw decides.
                let usual = if matches!((from, to), (b'O', b'0') | (b'0', b'O')) { 1.0 } else { 2.0 };
                let unseen = index(to).map_or(0.0, |at| -seen[at].clamp(1e-4, 1.0).ln());
                swaps.push((change, usual + 0.3 * unseen));
            }
        }
    }
    let mut proposals = Vec::new();
    let mut attempt = |changes: &[(Change, f32)]| {
        let mut lines: Vec<Vec<u8>> = mrz.lines.iter().map(|line| line.clone().into_bytes()).collect();
        for (change, _) in changes {
            lines[change.line][change.position] = change.to as u8;
        }
        let lines: Vec<String> = lines.into_iter().map(|line| line.into_iter().map(char::from).collect()).collect();
        if let Ok(mrz) = Mrz::parse(&lines, today)
            && mrz.checks_hold()
        {
            let cost = changes.iter().map(|(_, cost)| cost).sum();
            proposals.push(Proposal { mrz, changes: changes.iter().map(|(change, _)| *change).collect(), cost });
        }
    };
    for (at, first) in swaps.iter().enumerate() {
        attempt(&[*first]);
        if MOST_CHANGES > 1 {
            for second in &swaps[at + 1..] {
                if (second.0.line, second.0.position) != (first.0.line, first.0.position) {
                    attempt(&[*first, *second]);
                }
            }
        }
    }
    proposals.sort_by(|a, b| a.cost.total_cmp(&b.cost));
    proposals
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn flat(lines: &[&str]) -> (Mrz, Vec<Decoded>) {
        let mrz = Mrz::parse(lines, date(2026, 11, 22)).unwrap();
        let read = lines
            .iter()
            .map(|line| Decoded {
                text: (*line).to_owned(),
                score: 0.0,
                confidence: vec![1.0; line.len()],
                seen: vec![[1e-4; 37]; line.len()],
                country_bent: false,
            })
            .collect();
        (mrz, read)
    }

    #[test]
    fn a_zero_taken_for_an_o_is_proposed() {
        let (mrz, read) =
            flat(&["P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L8989O2C36UTO7408122F1204159ZE184226B<<<<<10"]);
        assert!(!mrz.checks_hold());
        let proposals = propose(&mrz, &read, date(2026, 11, 22));
        assert_eq!(proposals[0].mrz.number, "L898902C3");
        assert_eq!(proposals[0].changes, [Change { line: 1, position: 5, from: 'O', to: '0' }]);
    }

    #[test]
    fn a_wrong_date_has_no_repair() {
        let (mrz, read) =
            flat(&["P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L898902C36UTO7408132F1204159ZE184226B<<<<<10"]);
        assert_eq!(propose(&mrz, &read, date(2026, 11, 22)), []);
    }
}
