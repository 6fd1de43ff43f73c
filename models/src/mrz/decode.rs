//! From the recogniser's probabilities to a line of exactly the right length and shape.
//!
//! Greedy reading of a zone is useless: the recogniser takes `O` for `0` and the like. The format of the zone says how
//! many characters a line has and which kind stands where, so the most probable path under connectionist temporal
//! classification (Graves 2006) is searched among those lines only, with the Viterbi algorithm. Country codes are
//! searched as whole codes: a free choice of three letters would silently invent one, and no check digit covers them.

use crate::mrz::{Class, Format, country};

/// The characters of a zone: digits, letters, filler.
pub const ALPHABET: &[u8; 37] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ<";

/// Place of a character in [`ALPHABET`].
pub fn index(byte: u8) -> Option<usize> {
    match byte {
        b'0'..=b'9' => Some(usize::from(byte - b'0')),
        b'A'..=b'Z' => Some(usize::from(byte - b'A') + 10),
        b'<' => Some(36),
        _ => None,
    }
}

/// Smallest probability that is told apart from nothing.
const FLOOR: f32 = 1e-8;
/// Cost, in natural logarithms, of a country code that is not in the list: some documents have their own.
const UNLISTED_COUNTRY: f32 = 6.0;
/// Share of its probability that a character lends to one of its look-alikes where only that one can stand.
const LOOK_ALIKE: f32 = 0.3;
/// Most time steps that are searched: four times the longest line at the recogniser's eight pixels a step.
const MAX_STEPS: usize = 1024;

/// One time step: the probabilities of the blank and of each character of [`ALPHABET`].
#[derive(Debug, Clone, Copy)]
pub struct Step {
    /// No new character here.
    pub blank: f32,
    /// Each character.
    pub characters: [f32; 37],
}

/// A line of exactly the width of its format.
#[derive(Debug, Clone, PartialEq)]
pub struct Decoded {
    /// The characters.
    pub text: String,
    /// Mean natural logarithm of the path's probability per time step; 0 is perfect.
    pub score: f32,
    /// For each character the probability that the recogniser gave it where it saw it best.
    pub confidence: Vec<f32>,
    /// For each character the probabilities of all characters there.
    pub seen: Vec<[f32; 37]>,
    /// The country code of this line is the most probable one of the list but not what the letters alone say.
    pub country_bent: bool,
}

/// The most probable line of the format, or `None` when there are fewer time steps than characters.
pub fn decode(steps: &[Step], format: Format, line: usize) -> Option<Decoded> {
    let lattice = Lattice::of(format, line);
    let steps = &steps[..steps.len().min(MAX_STEPS)];
    lattice.search(steps)
}

/// A character at a position, and what may stand before it.
struct Node {
    character: u8,
    /// Added to the logarithm of the probability.
    cost: f32,
    after: After,
}

/// Which nodes of the position before may come first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum After {
    Any,
    /// This one only.
    Only(usize),
    /// This one and all behind it.
    From(usize),
}

/// All lines of one shape: nodes for each position.
struct Lattice {
    classes: Vec<Class>,
    positions: Vec<Vec<Node>>,
}

impl Lattice {
    fn of(format: Format, line: usize) -> Self {
        let classes = format.classes(line);
        let free = |characters: &mut dyn Iterator<Item = u8>| -> Vec<Node> {
            characters.map(|character| Node { character, cost: 0.0, after: After::Any }).collect()
        };
        let mut positions: Vec<Vec<Node>> = Vec::with_capacity(classes.len());
        let mut at = 0;
        while at < classes.len() {
            let nodes = match classes[at] {
                Class::Code => free(&mut (b'A'..=b'Z').filter(|&letter| format.may_begin_with(letter))),
                Class::Letter => free(&mut (b'A'..=b'Z').chain([b'<'])),
                Class::Digit => free(&mut (b'0'..=b'9')),
                Class::DigitOrFiller => free(&mut (b'0'..=b'9').chain([b'<'])),
                Class::Sex => free(&mut b"MFX<".iter().copied()),
                Class::Any => free(&mut ALPHABET.iter().copied()),
                Class::Country => {
                    positions.extend(countries());
                    at += 3;
                    continue;
                }
            };
            positions.push(nodes);
            at += 1;
        }
        Self { classes, positions }
    }

    /// Viterbi over (position, node, blank or not). `None` when the line does not fit into the steps.
    fn search(&self, steps: &[Step]) -> Option<Decoded> {
        let count = self.positions.len();
        if steps.len() < count || count == 0 {
            return None;
        }
        let starts: Vec<usize> = self
            .positions
            .iter()
            .scan(0, |sum, nodes| {
                let start = *sum;
                *sum += nodes.len();
                Some(start)
            })
            .collect();
        let total = starts[count - 1] + self.positions[count - 1].len();
        const NEVER: f32 = f32::NEG_INFINITY;
        // States: emitting node n is n, resting in blank after node n is total + n, nothing yet is 2 * total.
        let nothing = 2 * total;
        let mut now = vec![NEVER; 2 * total + 1];
        let mut next = now.clone();
        let mut back: Vec<u32> = vec![u32::MAX; steps.len() * (2 * total + 1)];
        now[nothing] = 0.0;
        // What is not a number counts as nothing.
        let log = |value: f32| if value > FLOOR { value.min(1.0).ln() } else { FLOOR.ln() };
        for (time, step) in steps.iter().enumerate() {
            next.fill(NEVER);
            let back = &mut back[time * (2 * total + 1)..][..2 * total + 1];
            let blank = log(step.blank);
            next[nothing] = now[nothing] + blank;
            back[nothing] = nothing as u32;
            for (position, nodes) in self.positions.iter().enumerate() {
                // A position can be reached only after as many steps, and must leave room for the rest.
                if position > time || count - position > steps.len() - time + 1 {
                    continue;
                }
                let before = position.checked_sub(1).map(|before| (starts[before], &self.positions[before]));
                let free = before.map(|(start, nodes)| best_before(&now, start, total, nodes, 0));
                let tail = before.and_then(|(start, before)| match nodes.last()?.after {
                    After::From(first) => Some(best_before(&now, start, total, before, first)),
                    After::Any | After::Only(_) => None,
                });
                for (place, node) in nodes.iter().enumerate() {
                    let state = starts[position] + place;
                    // Rest in blank.
                    let (stay, emit) = (now[total + state], now[state]);
                    let (value, from) = if stay >= emit { (stay, total + state) } else { (emit, state) };
                    next[total + state] = value + blank;
                    back[total + state] = from as u32;
                    // Emit: go on with the same character, or come from the position before.
                    let seen = log(lend(&step.characters, self.classes[position], node.character));
                    let (mut value, mut from) = (now[state], state);
                    let mut consider = |candidate: f32, source: usize| {
                        if candidate > value {
                            (value, from) = (candidate, source);
                        }
                    };
                    let best = if matches!(node.after, After::From(_)) { tail } else { free };
                    match (before, best, node.after) {
                        (Some((start, nodes)), _, After::Only(only)) => {
                            consider(now[total + start + only] - node.cost, total + start + only);
                            if nodes[only].character != node.character {
                                consider(now[start + only] - node.cost, start + only);
                            }
                        }
                        (Some(_), Some(best), After::Any | After::From(_)) => {
                            consider(best.rest.0 - node.cost, best.rest.1);
                            let emitted = if best.first.2 == node.character { best.second } else { best.first };
                            consider(emitted.0 - node.cost, emitted.1);
                        }
                        _ => consider(now[nothing] - node.cost, nothing),
                    }
                    next[state] = value + seen;
                    back[state] = from as u32;
                }
            }
            std::mem::swap(&mut now, &mut next);
        }
        // The end: any node of the last position, emitting or resting.
        let last = starts[count - 1]..total;
        let end = last.clone().chain(last.map(|state| total + state)).max_by(|&a, &b| now[a].total_cmp(&now[b]))?;
        if now[end] == NEVER {
            return None;
        }
        self.trace(steps, &starts, &back, end, now[end])
    }

    /// Walks back from the end state and collects what was seen.
    fn trace(&self, steps: &[Step], starts: &[usize], back: &[u32], end: usize, value: f32) -> Option<Decoded> {
        let count = self.positions.len();
        let total = starts[count - 1] + self.positions[count - 1].len();
        let width = 2 * total + 1;
        let mut chosen = vec![0u8; count];
        let mut confidence = vec![0f32; count];
        let mut seen = vec![[0f32; 37]; count];
        let mut unlisted = false;
        let mut state = end;
        for time in (0..steps.len()).rev() {
            if state < total {
                let position = starts.partition_point(|&start| start <= state) - 1;
                let node = &self.positions[position][state - starts[position]];
                chosen[position] = node.character;
                unlisted |= node.cost > 0.0;
                let here = steps[time].characters[index(node.character)?];
                if here >= confidence[position] {
                    confidence[position] = here;
                }
                for (sum, value) in seen[position].iter_mut().zip(steps[time].characters) {
                    *sum = sum.max(value);
                }
            }
            state = *back.get(time * width + state)? as usize;
        }
        // A code of the list was preferred although the letters alone, character by character, say another.
        let country_bent = !unlisted
            && self.classes.iter().enumerate().any(|(position, class)| {
                *class == Class::Country && {
                    let letter = |seen: &[f32; 37]| (10..37).max_by(|&a, &b| seen[a].total_cmp(&seen[b]));
                    letter(&seen[position]).is_some_and(|best| {
                        ALPHABET[best] != chosen[position] && !look_alike(ALPHABET[best], chosen[position])
                    })
                }
            });
        Some(Decoded {
            text: chosen.into_iter().map(char::from).collect(),
            score: value / steps.len() as f32,
            confidence,
            seen,
            country_bent,
        })
    }
}

/// The best ways to leave a position: resting in blank; emitting; emitting another character than that.
#[derive(Clone, Copy)]
struct Before {
    rest: (f32, usize),
    first: (f32, usize, u8),
    second: (f32, usize, u8),
}

fn best_before(now: &[f32], start: usize, total: usize, nodes: &[Node], first: usize) -> Before {
    let none = (f32::NEG_INFINITY, start, 0);
    let mut out = Before { rest: (f32::NEG_INFINITY, total + start), first: none, second: none };
    for (place, node) in nodes.iter().enumerate().skip(first) {
        let state = start + place;
        if now[total + state] > out.rest.0 {
            out.rest = (now[total + state], total + state);
        }
        let emitted = (now[state], state, node.character);
        if emitted.0 > out.first.0 {
            if out.first.2 != node.character {
                out.second = out.first;
            }
            out.first = emitted;
        } else if emitted.0 > out.second.0 && node.character != out.first.2 {
            out.second = emitted;
        }
    }
    out
}

/// The three positions of a country code as a tree, with every other combination of letters at a price.
fn countries() -> [Vec<Node>; 3] {
    let mut levels: [Vec<Node>; 3] = [Vec::new(), Vec::new(), Vec::new()];
    let mut codes: Vec<&[u8]> = country::CODES.split(' ').map(str::as_bytes).collect();
    codes.sort_unstable();
    let mut last: Option<&[u8]> = None;
    for code in codes {
        let shared = last.map_or(0, |last| last.iter().zip(code).take_while(|(a, b)| a == b).count());
        for depth in shared..3 {
            let after = depth.checked_sub(1).map_or(After::Any, |above| After::Only(levels[above].len() - 1));
            levels[depth].push(Node { character: code[depth], cost: 0.0, after });
        }
        last = Some(code);
    }
    // Unlisted codes: any letters or nothing at all, a price at the first one.
    let mut above = None;
    for (depth, level) in levels.iter_mut().enumerate() {
        let first = level.len();
        for character in (b'A'..=b'Z').chain([b'<']) {
            let cost = if depth == 0 { UNLISTED_COUNTRY } else { 0.0 };
            level.push(Node { character, cost, after: above.map_or(After::Any, After::From) });
        }
        above = Some(first);
    }
    levels
}

/// The probability of a character where only its class can stand: look-alikes of the other kind lend it theirs.
fn lend(characters: &[f32; 37], class: Class, character: u8) -> f32 {
    let own = index(character).map_or(0.0, |at| characters[at]);
    let twins: &[u8] = match (class, character) {
        (Class::Any, _) => &[],
        (_, b'0') => b"ODQ",
        (_, b'1') => b"IL",
        (_, b'2') => b"Z",
        (_, b'5') => b"S",
        (_, b'6') => b"G",
        (_, b'8') => b"B",
        (_, b'O') => b"0",
        (_, b'I') => b"1",
        (_, b'Z') => b"2",
        (_, b'S') => b"5",
        (_, b'G') => b"6",
        (_, b'B') => b"8",
        _ => &[],
    };
    // Between digits and letters only: a letter lends nothing to a letter.
    twins.iter().filter_map(|&twin| index(twin)).map(|at| characters[at] * LOOK_ALIKE).fold(own, f32::max)
}

/// Whether two characters are easily taken for each other.
pub fn look_alike(a: u8, b: u8) -> bool {
    const GROUPS: [&[u8]; 6] = [b"O0DQ", b"I1L", b"B8", b"S5", b"Z2", b"G6"];
    a == b || GROUPS.iter().any(|group| group.contains(&a) && group.contains(&b))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Steps that say `text` clearly, each character once and a blank after it.
    fn steps(text: &str) -> Vec<Step> {
        let mut out = Vec::new();
        for byte in text.bytes() {
            let mut characters = [1e-4; 37];
            characters[index(byte).unwrap()] = 0.98;
            out.push(Step { blank: 0.01, characters });
            out.push(Step { blank: 0.99, characters: [1e-4; 37] });
        }
        out
    }

    #[track_caller]
    fn check(seen: &str, format: Format, line: usize, expected: &str) {
        assert_eq!(decode(&steps(seen), format, line).unwrap().text, expected);
    }

    #[test]
    fn a_clear_line_is_read_as_it_is() {
        for (format, line, text) in [
            (Format::Td3, 0, "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<"),
            (Format::Td3, 1, "L898902C36UTO7408122F1204159ZE184226B<<<<<10"),
            (Format::Td1, 0, "I<UTOD231458907<<<<<<<<<<<<<<<"),
            (Format::Td1, 1, "7408122F1204159UTO<<<<<<<<<<<6"),
            (Format::MrvB, 1, "L8988901C4XXX4009078F9612109<<<<<<<<"),
        ] {
            check(text, format, line, text);
        }
    }

    #[test]
    fn the_shape_of_the_line_settles_look_alikes() {
        check(
            "P<UT0ER1K550N<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<",
            Format::Td3,
            0,
            "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<",
        );
        check(
            "L898902C36UT074O8I22FI2O4I59ZE184226B<<<<<I0",
            Format::Td3,
            1,
            "L898902C36UTO7408122F1204159ZE184226B<<<<<10",
        );
    }

    #[test]
    fn unlisted_countries_are_kept_when_they_are_clear() {
        check(
            "P<BDRMUSTERMANN<<ERIKA<<<<<<<<<<<<<<<<<<<<<<",
            Format::Td3,
            0,
            "P<BDRMUSTERMANN<<ERIKA<<<<<<<<<<<<<<<<<<<<<<",
        );
    }

    #[test]
    fn lines_of_another_length_are_forced_into_shape_and_it_shows() {
        let line = "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<";
        let right = decode(&steps(line), Format::Td3, 0).unwrap();
        for seen in [&line[..43], &format!("{line}<")] {
            let read = decode(&steps(seen), Format::Td3, 0).unwrap();
            assert_eq!(read.text.len(), 44);
            assert!(read.text.starts_with("P<UTOERIK") && read.score < right.score - 0.02, "{read:?}");
        }
    }

    #[test]
    fn too_few_steps_are_no_line() {
        assert_eq!(decode(&steps("P<UTO"), Format::Td3, 0), None);
        assert_eq!(decode(&[], Format::Td1, 2), None);
    }

    proptest! {
        #[test]
        fn never_panics_and_keeps_the_shape(values in proptest::collection::vec(0f32..1.0, 0..60), count in 0usize..90) {
            let at = |i: usize| values.get(i % values.len().max(1)).copied().unwrap_or(f32::NAN);
            let steps: Vec<Step> = (0..count)
                .map(|t| Step { blank: at(t), characters: std::array::from_fn(|i| at(t * 7 + i)) })
                .collect();
            for format in Format::ALL {
                for line in 0..format.lines() {
                    let decoded = decode(&steps, format, line);
                    prop_assert_eq!(decoded.is_some(), steps.len() >= format.width());
                    if let Some(decoded) = decoded {
                        prop_assert_eq!(decoded.text.len(), format.width());
                    }
                }
            }
        }
    }
}
