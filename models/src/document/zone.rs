//! Finding the lines of the zone among all lines, reading them as one format, and settling what they say.

use jiff::civil::Date;
use rayon::prelude::*;

use crate::ModelsError;
use crate::document::visual::{Agreement, VisualZone};
use crate::document::{Certainty, MrzReading, lies_in};
use crate::geometry::Point;
use crate::mrz::decode::{Decoded, Step, decode, index};
use crate::mrz::repair::{Proposal, propose};
use crate::mrz::{Field, Format, Mrz};
use crate::ocr::recognise::Recogniser;
use crate::ocr::{TextLine, size};
use crate::picture::Picture;

/// Least length of a zone's line in multiples of its height.
const ASPECT: f32 = 9.0;
/// Most candidates that are read as zone lines, and how many of them, the longest ones, are read first.
const MOST_CANDIDATES: usize = 10;
const FIRST_CANDIDATES: usize = 4;
/// Score from which a zone among the first candidates is not compared with the others.
const GOOD_SCORE: f32 = -0.2;
/// How many lines of print are read before it is asked whether all values have been found.
const PORTION: usize = 6;
/// How much the greedy text may be longer or shorter than the format.
const LENGTH: usize = 8;
/// Share of the greedy text that must be characters of a zone.
const SHARE: f32 = 0.85;
/// Probability below which a character without a check digit is called unclear.
pub(super) const CLEAR: f32 = 0.5;
/// Least probability of the document code's first letter, relative to the likeliest character there.
const CODE_SEEN: f32 = 0.05;
/// How likely, relative to what was read, another valid zone must be to be a rival.
const RIVAL: f32 = 0.01;
/// A repair must be cheaper than the next one by this much to count as the only one.
const MARGIN: f32 = 0.5;

/// One line that may belong to a zone.
struct Candidate {
    line: TextLine,
    steps: Vec<Step>,
    length: usize,
    zone_like: bool,
}

/// A zone that was found, before it is compared with the visual zone.
pub(super) struct Found {
    mrz: Mrz,
    decoded: Vec<Decoded>,
    quads: Vec<[Point; 4]>,
}

/// The zone among the lines of a picture, in whichever direction it is read, and the text of the lines read for it.
pub(super) fn find(
    recogniser: &Recogniser<'_>,
    picture: &Picture,
    quads: &[[Point; 4]],
    today: Date,
) -> Result<(Option<Found>, Vec<TextLine>), ModelsError> {
    let mut long: Vec<[Point; 4]> = quads
        .iter()
        .copied()
        .filter(|quad| {
            let (width, height) = size(quad);
            width >= ASPECT * height
        })
        .collect();
    long.sort_by(|a, b| size(b).0.total_cmp(&size(a).0));
    long.truncate(MOST_CANDIDATES);
    let rest = long.split_off(long.len().min(FIRST_CANDIDATES));
    let on_its_head = |quads: &[[Point; 4]]| quads.iter().map(|&[a, b, c, d]| [c, d, a, b]).collect::<Vec<_>>();
    // The longest lines first, then the same with the page on its head, then all that are long.
    let mut upright = candidates(recogniser, picture, &long)?;
    if let Some((score, found)) = best(&upright, today)
        && (found.mrz.checks_hold() || score > GOOD_SCORE)
    {
        return Ok((Some(found), texts(upright)));
    }
    let mut turned = candidates(recogniser, picture, &on_its_head(&long))?;
    if let Some((_, found)) = best(&turned, today).filter(|(_, found)| found.mrz.checks_hold()) {
        return Ok((Some(found), texts(turned)));
    }
    upright.extend(candidates(recogniser, picture, &rest)?);
    turned.extend(candidates(recogniser, picture, &on_its_head(&rest))?);
    Ok(match (best(&upright, today), best(&turned, today)) {
        (Some((score, _)), Some((other, found))) if other > score => (Some(found), texts(turned)),
        (Some((_, found)), _) => (Some(found), texts(upright)),
        (None, Some((_, found))) => (Some(found), texts(turned)),
        (None, None) => (None, texts(upright)),
    })
}

/// What was read on the candidates as plain text, so that it need not be read again.
fn texts(candidates: Vec<Candidate>) -> Vec<TextLine> {
    candidates.into_iter().map(|candidate| candidate.line).collect()
}

fn candidates(
    recogniser: &Recogniser<'_>,
    picture: &Picture,
    quads: &[[Point; 4]],
) -> Result<Vec<Candidate>, ModelsError> {
    quads
        .par_iter()
        .map(|&quad| {
            let seen = recogniser.read(picture, quad)?;
            let (whole, confidence) = seen.greedy(recogniser);
            let text: Vec<char> = whole.chars().filter(|character| !character.is_whitespace()).collect();
            let good = text
                .iter()
                .filter(|character| {
                    matches!(character, '\u{ab}' | '\u{300a}' | '\u{ff1c}')
                        || (character.is_ascii() && index(character.to_ascii_uppercase() as u8).is_some())
                })
                .count();
            let length = text.len();
            let zone_like = good as f32 >= SHARE * length as f32
                && [30usize, 36, 44].iter().any(|width| width.abs_diff(length) <= LENGTH);
            let steps = if zone_like { seen.zone(recogniser) } else { Vec::new() };
            Ok(Candidate { line: TextLine { quad, text: whole, confidence }, steps, length, zone_like })
        })
        .collect()
}

/// The two or three lines that read best as one format.
fn best(candidates: &[Candidate], today: Date) -> Option<(f32, Found)> {
    let mut lines: Vec<&Candidate> = candidates.iter().filter(|candidate| candidate.zone_like).collect();
    let first = lines.first()?;
    // From the top of the page to its bottom, across the reading direction of the longest line.
    let along = direction(&first.line.quad);
    let down = |quad: &[Point; 4]| {
        let middle = crate::ocr::centre(quad);
        middle.y * along.x - middle.x * along.y
    };
    lines.sort_by(|a, b| down(&a.line.quad).total_cmp(&down(&b.line.quad)));
    let mut best: Option<(f32, Found)> = None;
    for format in Format::ALL {
        for group in groups(&lines, format.lines()) {
            if !group.iter().all(|line| line.length.abs_diff(format.width()) <= LENGTH) || !belong_together(&group) {
                continue;
            }
            let decoded: Option<Vec<Decoded>> =
                group.iter().enumerate().map(|(at, line)| decode(&line.steps, format, at)).collect();
            let Some(decoded) = decoded else { continue };
            let texts: Vec<&str> = decoded.iter().map(|line| line.text.as_str()).collect();
            let Ok(mrz) = Mrz::parse(&texts, today) else { continue };
            if mrz.format != format {
                continue;
            }
            // The first letter tells visas from the rest, and nothing protects it: it must have been seen.
            let code = decoded.first().and_then(|line| Some((*line.confidence.first()?, line.seen.first()?)));
            let doubt = code.is_some_and(|(seen, all)| seen < CODE_SEEN * all.iter().copied().fold(0.0, f32::max));
            let right = mrz.checks.iter().filter(|check| check.ok).count() as f32 / mrz.checks.len().max(1) as f32;
            let score = decoded.iter().map(|line| line.score).sum::<f32>() / decoded.len() as f32 + 0.1 * right
                - if doubt { 0.3 } else { 0.0 };
            if best.as_ref().is_none_or(|(highest, _)| score > *highest) {
                let quads = group.iter().map(|line| line.line.quad).collect();
                best = Some((score, Found { mrz, decoded, quads }));
            }
        }
    }
    // Two long lines of print are not a zone: something in it must be right.
    best.filter(|(_, found)| {
        found.mrz.checks.iter().any(|check| check.ok) || found.decoded.iter().all(|line| line.score > UNCHECKED_SCORE)
    })
}

/// All ways to pick two or three lines in their order; other print may stand between the lines of a zone.
fn groups<'a>(lines: &[&'a Candidate], size: usize) -> Vec<Vec<&'a Candidate>> {
    let mut out: Vec<Vec<&Candidate>> = vec![Vec::new()];
    for &line in lines {
        let longer: Vec<Vec<&Candidate>> = out
            .iter()
            .filter(|group| group.len() < size)
            .map(|group| group.iter().copied().chain([line]).collect())
            .collect();
        out.extend(longer);
    }
    out.retain(|group| group.len() == size);
    out
}

/// Score above which lines are a zone even when every check digit is wrong.
const UNCHECKED_SCORE: f32 = -0.3;

/// Whether lines lie under each other, parallel and of one length.
fn belong_together(group: &[&Candidate]) -> bool {
    group.windows(2).all(|pair| {
        let (a, b) = (&pair[0].line.quad, &pair[1].line.quad);
        let ((wa, ha), (wb, hb)) = (size(a), size(b));
        let (da, db) = (direction(a), direction(b));
        let (ca, cb) = (crate::ocr::centre(a), crate::ocr::centre(b));
        let (dx, dy) = (cb.x - ca.x, cb.y - ca.y);
        let (u, v) = (dx * da.x + dy * da.y, dy * da.x - dx * da.y);
        (wa / wb).max(wb / wa) < 1.4
            && da.x * db.x + da.y * db.y > 0.95
            && u.abs() < 0.3 * wa.max(wb)
            && (0.3..4.0).contains(&(v / ha.max(hb)))
    })
}

fn direction(quad: &[Point; 4]) -> Point {
    let length = quad[0].distance(quad[1]).max(1e-3);
    Point { x: (quad[1].x - quad[0].x) / length, y: (quad[1].y - quad[0].y) / length }
}

/// Greedy reading of lines of print, the highest letters first, until `enough` says so of what has been read; then the
/// rest cannot change the comparison with the zone. Lines in which nothing is read are left out.
///
/// `known` are lines that have been read already.
pub(super) fn read_lines(
    recogniser: &Recogniser<'_>,
    picture: &Picture,
    quads: &[[Point; 4]],
    known: &[TextLine],
    enough: impl Fn(&[TextLine]) -> bool,
) -> Result<Vec<TextLine>, ModelsError> {
    let mut lines: Vec<TextLine> = Vec::with_capacity(quads.len());
    let mut left: Vec<[Point; 4]> = Vec::with_capacity(quads.len());
    for &quad in quads {
        match known.iter().find(|line| line.quad == quad) {
            Some(line) => lines.push(line.clone()),
            None => left.push(quad),
        }
    }
    left.sort_by(|a, b| size(b).1.total_cmp(&size(a).1));
    for portion in left.chunks(PORTION) {
        if enough(&lines) {
            break;
        }
        let read: Result<Vec<TextLine>, ModelsError> = portion
            .par_iter()
            .map(|&quad| {
                let (text, confidence) = recogniser.read(picture, quad)?.greedy(recogniser);
                Ok(TextLine { quad, text, confidence })
            })
            .collect();
        lines.extend(read?);
    }
    lines.retain(|line| !line.text.trim().is_empty());
    // Back to the order of the page.
    let place = |line: &TextLine| quads.iter().position(|quad| *quad == line.quad);
    lines.sort_by_key(place);
    Ok(lines)
}

impl Found {
    /// Unit vector along the lines.
    pub(super) fn direction(&self) -> Point {
        self.quads.first().map_or(Point { x: 1.0, y: 0.0 }, direction)
    }

    /// Whether every check digit is right as read.
    pub(super) fn checks_hold(&self) -> bool {
        self.mrz.checks_hold()
    }

    /// Whether a line of print lies on one of the zone's lines.
    pub(super) fn covers(&self, quad: &[Point; 4]) -> bool {
        self.quads.iter().any(|line| lies_in(quad, line))
    }

    /// Whether print says the same as the zone as far as it has been read. Never for a zone that needs repair.
    pub(super) fn is_matched_by(&self, lines: &[TextLine]) -> bool {
        self.mrz.checks_hold()
            && VisualZone::compare(&self.mrz, lines).fields().iter().all(|field| field.agreement == Agreement::Agrees)
    }

    /// Compares with the visual zone and decides what the zone says.
    pub(super) fn settle(self, lines: &[TextLine], today: Date) -> (MrzReading, VisualZone) {
        let read: Vec<String> = self.decoded.iter().map(|line| line.text.clone()).collect();
        let (mrz, certainty, rivals) = if self.mrz.checks_hold() {
            let rivals = propose(&self.mrz, &self.decoded, today)
                .iter()
                .filter(|proposal| odds(proposal, &self.decoded) > RIVAL)
                .count();
            (self.mrz, Certainty::Certain, rivals)
        } else {
            let (mrz, certainty) = repair(self.mrz, &self.decoded, lines, today);
            (mrz, certainty, 0)
        };
        let visual = VisualZone::compare(&mrz, lines);
        let format = mrz.format;
        let unprotected = |line: usize, position: usize| {
            matches!(
                format.field_at(line, position),
                Field::DocumentCode | Field::Issuer | Field::Nationality | Field::Sex | Field::Name
            )
        };
        let least_confidence = self
            .decoded
            .iter()
            .enumerate()
            .flat_map(|(line, decoded)| {
                decoded
                    .confidence
                    .iter()
                    .enumerate()
                    .filter(move |(position, _)| unprotected(line, *position))
                    .map(|(position, &confidence)| {
                        confidence.max(twin(&decoded.seen[position], decoded.text.as_bytes()[position]))
                    })
                    .collect::<Vec<_>>()
            })
            .fold(1.0, f32::min);
        let country_bent = self.decoded.iter().any(|line| line.country_bent);
        let line_height = self.quads.iter().map(|quad| size(quad).1).fold(f32::MAX, f32::min);
        let reading =
            MrzReading { mrz, read, certainty, rivals, least_confidence, country_bent, quads: self.quads, line_height };
        (reading, visual)
    }
}

/// The probability of the digit that looks like the letter: where only letters can stand, it speaks for the letter.
fn twin(seen: &[f32; 37], character: u8) -> f32 {
    let digit = match character {
        b'O' => b'0',
        b'I' => b'1',
        b'Z' => b'2',
        b'S' => b'5',
        b'G' => b'6',
        b'B' => b'8',
        _ => return 0.0,
    };
    index(digit).map_or(0.0, |at| seen[at])
}

/// How likely a proposal is, relative to what was read.
fn odds(proposal: &Proposal, decoded: &[Decoded]) -> f32 {
    proposal
        .changes
        .iter()
        .map(|change| {
            let Some(seen) = decoded.get(change.line).and_then(|line| line.seen.get(change.position)) else {
                return 0.0;
            };
            let probability = |character: char| index(character as u8).map_or(0.0, |at| seen[at]);
            probability(change.to) / probability(change.from).max(1e-6)
        })
        .product()
}

/// The proposal that the visual zone confirms; else the only cheap one; else the zone as read.
fn repair(mrz: Mrz, decoded: &[Decoded], lines: &[TextLine], today: Date) -> (Mrz, Certainty) {
    let proposals = propose(&mrz, decoded, today);
    let confirmed: Vec<&Proposal> =
        proposals.iter().filter(|proposal| VisualZone::confirms(&mrz, &proposal.mrz, lines)).collect();
    if let [only] = confirmed.as_slice() {
        let certainty = Certainty::Repaired { changes: only.changes.clone(), confirmed: true };
        return (only.mrz.clone(), certainty);
    }
    match proposals.as_slice() {
        [] => (mrz, Certainty::Failed),
        [only] => (only.mrz.clone(), Certainty::Repaired { changes: only.changes.clone(), confirmed: false }),
        [first, second, ..] if second.cost - first.cost >= MARGIN => {
            (first.mrz.clone(), Certainty::Repaired { changes: first.changes.clone(), confirmed: false })
        }
        _ => (mrz, Certainty::Ambiguous { proposals: proposals.len() }),
    }
}
