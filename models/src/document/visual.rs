//! The printed part of the page: are the zone's values found there?
//!
//! Values are searched by what the zone says, not by templates of countries, so that any layout serves. Comparison is
//! strict where the check digits are blind: a value agrees when it is there letter by letter, after transliteration of
//! names (Doc 9303 part 3, section 6) and after folding those look-alikes that a check digit tells apart.

use jiff::civil::Date;

use crate::geometry::Point;
use crate::mrz::{Field, Mrz, transliterate};
use crate::ocr::{TextLine, size};

/// The zone's values as found in print.
#[derive(Debug, Clone, PartialEq)]
pub struct VisualZone {
    /// Surname.
    pub surname: VisualField,
    /// Given names; agrees when the zone has none.
    pub given_names: VisualField,
    /// Document number.
    pub number: VisualField,
    /// Date of birth.
    pub birth_date: VisualField,
    /// Date of expiry.
    pub expiry: VisualField,
    /// Place of birth, which no zone has: nothing confirms it but how clearly it was read.
    pub birth_place: Option<Printed>,
}

/// A value that stands in print only.
#[derive(Debug, Clone, PartialEq)]
pub struct Printed {
    /// The line, as read.
    pub value: String,
    /// Confidence of the line, 0 to 1.
    pub confidence: f32,
}

/// One value in print.
#[derive(Debug, Clone, PartialEq)]
pub struct VisualField {
    /// Which value.
    pub field: VisualName,
    /// The line in which it was found, as read.
    pub value: Option<String>,
    /// Confidence of that line, 0 to 1; 0 where nothing was found.
    pub confidence: f32,
    /// Whether print and zone say the same.
    pub agreement: Agreement,
}

/// The values that are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VisualName {
    /// Surname.
    Surname,
    /// Given names.
    GivenNames,
    /// Document number.
    Number,
    /// Date of birth.
    BirthDate,
    /// Date of expiry.
    Expiry,
}

impl VisualName {
    /// Stable name, as in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Surname => "surname",
            Self::GivenNames => "given_names",
            Self::Number => "number",
            Self::BirthDate => "birth_date",
            Self::Expiry => "expiry",
        }
    }
}

/// Whether print and zone say the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Agreement {
    /// The zone's value stands in print.
    Agrees,
    /// Another value stands where this one should.
    Disagrees {
        /// What stands there.
        seen: String,
    },
    /// Nothing was found to compare with.
    NotRead,
}

impl VisualZone {
    /// All five values that are compared.
    pub fn fields(&self) -> [&VisualField; 5] {
        [&self.surname, &self.given_names, &self.number, &self.birth_date, &self.expiry]
    }

    pub(super) fn not_read() -> Self {
        let field = |field| VisualField { field, value: None, confidence: 0.0, agreement: Agreement::NotRead };
        Self {
            surname: field(VisualName::Surname),
            given_names: field(VisualName::GivenNames),
            number: field(VisualName::Number),
            birth_date: field(VisualName::BirthDate),
            expiry: field(VisualName::Expiry),
            birth_place: None,
        }
    }

    /// Looks for the zone's values in the lines of print.
    pub(super) fn compare(mrz: &Mrz, lines: &[TextLine]) -> Self {
        let lines: Vec<&TextLine> = lines.iter().filter(|line| line.text.matches('<').count() < 2).collect();
        let dates = [mrz.birth_date.date, mrz.expiry.date];
        Self {
            surname: name(VisualName::Surname, &mrz.surname, mrz.given_names.is_empty() && mrz.name_may_be_cut, &lines),
            given_names: name(VisualName::GivenNames, &mrz.given_names, mrz.name_may_be_cut, &lines),
            number: number(&mrz.number, &lines),
            birth_date: date(VisualName::BirthDate, dates[0], &dates, &lines),
            expiry: date(VisualName::Expiry, dates[1], &dates, &lines),
            birth_place: birth_place(&lines),
        }
    }

    /// Whether print shows, character by character, every value that a repair changed.
    pub(super) fn confirms(read: &Mrz, repaired: &Mrz, lines: &[TextLine]) -> bool {
        let shown = |value: &str| value.len() >= 5 && lines.iter().any(|line| compact(&line.text).contains(value));
        [
            (&read.number, &repaired.number),
            (&read.optional, &repaired.optional),
            (&read.second_optional, &repaired.second_optional),
        ]
        .into_iter()
        .filter(|(before, after)| before != after)
        .all(|(_, after)| shown(after))
    }
}

fn found(field: VisualName, line: &TextLine) -> VisualField {
    VisualField { field, value: Some(line.text.clone()), confidence: line.confidence, agreement: Agreement::Agrees }
}

fn other(field: VisualName, seen: Option<&TextLine>) -> VisualField {
    VisualField {
        field,
        value: seen.map(|line| line.text.clone()),
        confidence: seen.map_or(0.0, |line| line.confidence),
        agreement: seen.map_or(Agreement::NotRead, |line| Agreement::Disagrees { seen: line.text.clone() }),
    }
}

/// Letters and digits only, upper case.
fn compact(text: &str) -> String {
    text.chars().filter(char::is_ascii_alphanumeric).map(|character| character.to_ascii_uppercase()).collect()
}

/// Look-alikes that differ modulo ten made equal: a check digit has already told them apart in the zone.
fn folded(text: &str) -> String {
    text.chars()
        .map(|character| match character {
            'O' | 'D' | 'Q' => '0',
            'I' => '1',
            'S' => '5',
            'B' => '8',
            'Z' => '2',
            other => other,
        })
        .collect()
}

fn number(number: &str, lines: &[&TextLine]) -> VisualField {
    let field = VisualName::Number;
    // Short numbers would be found in anything.
    let holds = |text: &str, number: &str| if number.len() >= 6 { text.contains(number) } else { text == number };
    if !number.is_empty() {
        let exact = lines.iter().find(|line| holds(&compact(&line.text), number));
        let alike = || lines.iter().find(|line| holds(&folded(&compact(&line.text)), &folded(number)));
        if let Some(line) = exact.or_else(alike) {
            return found(field, line);
        }
    }
    // A word with digits that is nearly the number.
    let near = lines
        .iter()
        .flat_map(|line| line.text.split_whitespace().map(move |word| (*line, compact(word))))
        .filter(|(_, word)| word.len().abs_diff(number.len()) <= 1 && word.bytes().any(|byte| byte.is_ascii_digit()))
        .map(|(line, word)| (distance(&word, number), line))
        .filter(|(distance, _)| *distance <= number.len() / 2)
        .min_by_key(|(distance, _)| *distance);
    other(field, near.map(|(_, line)| line).or_else(|| labelled(lines, NUMBER_LABELS)))
}

fn name(field: VisualName, value: &str, cut: bool, lines: &[&TextLine]) -> VisualField {
    let wanted: String = transliterate::skeleton(value).concat();
    if wanted.is_empty() {
        // Nothing to compare: a document whose holder has one name only.
        let agreement = if field == VisualName::GivenNames { Agreement::Agrees } else { Agreement::NotRead };
        return VisualField { field, value: None, confidence: 0.0, agreement };
    }
    let words: Vec<Vec<String>> = lines.iter().map(|line| transliterate::skeleton(&line.text)).collect();
    // Any run of words inside a line, or running over into the next line.
    for (at, line) in lines.iter().enumerate() {
        for first in 0..words[at].len() {
            let following = words.get(at + 1).map_or(&[][..], Vec::as_slice);
            let mut joined = String::new();
            for word in words[at][first..].iter().chain(following) {
                joined.push_str(word);
                if joined == wanted || (cut && joined.len() > wanted.len() && joined.starts_with(&wanted)) {
                    return found(field, line);
                }
                if joined.len() > wanted.len() {
                    break;
                }
            }
        }
    }
    let labels = if field == VisualName::Surname { SURNAME_LABELS } else { GIVEN_LABELS };
    let near = lines
        .iter()
        .zip(&words)
        .map(|(line, words)| (distance(&words.concat(), &wanted), *line))
        .filter(|(distance, _)| *distance <= wanted.len() / 3)
        .min_by_key(|(distance, _)| *distance);
    other(field, labelled(lines, labels).or(near.map(|(_, line)| line)))
}

fn date(field: VisualName, value: Option<Date>, all: &[Option<Date>; 2], lines: &[&TextLine]) -> VisualField {
    let Some(value) = value else {
        return other(field, None);
    };
    let seen: Vec<(&TextLine, Seen)> =
        lines.iter().flat_map(|line| dates(&line.text).into_iter().map(move |seen| (*line, seen))).collect();
    if let Some((line, _)) = seen.iter().find(|(_, seen)| seen.is(value)) {
        return found(field, line);
    }
    let labels = if field == VisualName::BirthDate { BIRTH_LABELS } else { EXPIRY_LABELS };
    let below = labelled(lines, labels).filter(|line| !dates(&line.text).is_empty());
    let alike = || {
        seen.iter()
            .filter(|(_, seen)| !all.iter().flatten().any(|date| seen.is(*date)))
            .find(|(_, seen)| seen.shares_two(value))
            .map(|(line, _)| *line)
    };
    other(field, below.or_else(alike))
}

const SURNAME_LABELS: &[&str] =
    &["SURNAME", "NOM", "NAME", "NACHNAME", "FAMILIENNAME", "APELLIDOS", "NAZWISKO", "COGNOME", "PRIMARY", "PREZIME"];
const GIVEN_LABELS: &[&str] = &["GIVEN", "PRENOMS", "VORNAMEN", "NOMBRE", "IMIONA", "NOME", "SECONDARY", "IME"];
const NUMBER_LABELS: &[&str] = &["NO", "NUMBER", "NUMERO", "NR"];
const BIRTH_LABELS: &[&str] = &["BIRTH", "NAISSANCE", "GEBURTSDATUM", "NACIMIENTO", "URODZENIA", "NASCITA", "RODENJA"];
const EXPIRY_LABELS: &[&str] = &["EXPIRY", "EXPIRATION", "EXPIRES", "VALID", "ABLAUFDATUM", "CADUCIDAD", "WAZNOSCI"];

/// Pairs of words that a label for the place of birth has, and single ones.
const BIRTH_PLACE_LABELS: &[&[&str]] = &[
    &["PLACE", "BIRTH"],
    &["LIEU", "NAISSANCE"],
    &["GEBURTSORT"],
    &["LUGAR", "NACIMIENTO"],
    &["LUOGO", "NASCITA"],
    &["MIEJSCE", "URODZENIA"],
];

fn is_birth_place_label(words: &[String]) -> bool {
    BIRTH_PLACE_LABELS.iter().any(|label| label.iter().all(|wanted| words.iter().any(|word| word == wanted)))
}

fn birth_place(lines: &[&TextLine]) -> Option<Printed> {
    let line = under(lines, is_birth_place_label)?;
    let value = line.text.trim();
    let letters = value.chars().filter(|character| character.is_alphabetic()).count();
    let digits = value.chars().any(|character| character.is_ascii_digit());
    // A date or a number there is another field's value.
    (letters >= 2 && !digits && !is_birth_place_label(&transliterate::name(value)))
        .then(|| Printed { value: value.to_owned(), confidence: line.confidence })
}

/// The line under the first line that has one of the words: as its label.
fn labelled<'a>(lines: &[&'a TextLine], labels: &[&str]) -> Option<&'a TextLine> {
    under(lines, |words| words.iter().any(|word| labels.contains(&word.as_str())))
}

/// The line under the first line whose words say that it is the label.
fn under<'a>(lines: &[&'a TextLine], is_label: impl Fn(&[String]) -> bool) -> Option<&'a TextLine> {
    let label = lines.iter().find(|line| is_label(&transliterate::name(&line.text)))?;
    let (width, height) = size(&label.quad);
    let along = Point {
        x: (label.quad[1].x - label.quad[0].x) / width.max(1e-3),
        y: (label.quad[1].y - label.quad[0].y) / width.max(1e-3),
    };
    let place = |line: &TextLine| {
        let (dx, dy) = (line.quad[0].x - label.quad[3].x, line.quad[0].y - label.quad[3].y);
        (dx * along.x + dy * along.y, dy * along.x - dx * along.y)
    };
    lines
        .iter()
        .filter(|line| {
            let (u, v) = place(line);
            u.abs() < 3.0 * height && (-0.8..2.5).contains(&(v / height.max(1e-3))) && !std::ptr::eq(**line, *label)
        })
        .min_by(|a, b| place(a).1.abs().total_cmp(&place(b).1.abs()))
        .copied()
}

/// A date in print.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Seen {
    day: i16,
    month: i16,
    /// Two or four digits.
    year: i16,
    whole_year: bool,
}

impl Seen {
    fn year_is(&self, date: Date) -> bool {
        if self.whole_year { self.year == date.year() } else { self.year == date.year().rem_euclid(100) }
    }

    fn is(&self, date: Date) -> bool {
        self.day == i16::from(date.day()) && self.month == i16::from(date.month()) && self.year_is(date)
    }

    fn shares_two(&self, date: Date) -> bool {
        [self.day == i16::from(date.day()), self.month == i16::from(date.month()), self.year_is(date)]
            .into_iter()
            .filter(|&same| same)
            .count()
            >= 2
    }
}

/// All dates in a line: `12 AUG/AOUT 74`, `12.08.1974`, `1974-08-12`, `05FEB1965`, `08/12/1974` both ways.
fn dates(text: &str) -> Vec<Seen> {
    enum Piece {
        Number(i16, usize),
        Month(i16),
    }
    let mut pieces = Vec::new();
    let characters: Vec<char> = text.chars().take(200).collect();
    let mut at = 0;
    while at < characters.len() {
        let start = at;
        let kind = |character: char| (character.is_alphabetic(), character.is_ascii_digit());
        while at < characters.len() && kind(characters[at]) == kind(characters[start]) {
            at += 1;
        }
        let run: String = characters[start..at].iter().collect();
        match kind(characters[start]) {
            (false, true) => {
                if let Ok(number) = run.parse::<i16>() {
                    pieces.push(Piece::Number(number, run.len()));
                }
            }
            (true, _) => {
                if let Some(month) = month(&run) {
                    pieces.push(Piece::Month(month));
                }
            }
            (false, false) => {}
        }
    }
    let mut out = Vec::new();
    let mut push = |day: i16, month: i16, year: i16, digits: usize| {
        if (1..=31).contains(&day) && (1..=12).contains(&month) && matches!(digits, 2 | 4) {
            out.push(Seen { day, month, year, whole_year: digits == 4 });
        }
    };
    for window in pieces.windows(3) {
        match window {
            [Piece::Number(day, _), Piece::Month(month), Piece::Number(year, digits)] => {
                push(*day, *month, *year, *digits)
            }
            [Piece::Number(a, 4), Piece::Number(b, _), Piece::Number(c, _)] => push(*c, *b, *a, 4),
            [Piece::Number(a, _), Piece::Number(b, _), Piece::Number(c, digits)] => {
                push(*a, *b, *c, *digits);
                if a != b {
                    push(*b, *a, *c, *digits);
                }
            }
            _ => {}
        }
    }
    // The month in two languages: `12 AUG/AOUT 74`.
    for window in pieces.windows(4) {
        if let [Piece::Number(day, _), Piece::Month(a), Piece::Month(b), Piece::Number(year, digits)] = window {
            push(*day, *a, *year, *digits);
            if a != b {
                push(*day, *b, *year, *digits);
            }
        }
    }
    out
}

/// A month by the beginning of its name in the languages most used on documents.
fn month(word: &str) -> Option<i16> {
    const NAMES: [&[&str]; 12] = [
        &["JAN", "ENE", "GEN", "STY", "LED", "SIJ"],
        &["FEB", "FEV", "LUT", "UNO", "VEL"],
        &["MAR", "MAE", "MRT", "BRE", "OZU"],
        &["APR", "AVR", "ABR", "KWI", "DUB", "TRA"],
        &["MAY", "MAI", "MAG", "MEI", "KVE", "SVI"],
        &["JUN", "JUIN", "GIU", "CZE", "CER", "LIP"],
        &["JUL", "JUIL", "LUG", "LIP", "SRP"],
        &["AUG", "AOU", "AGO", "SIE", "KOL"],
        &["SEP", "SET", "WRZ", "ZAR", "RUJ"],
        &["OCT", "OKT", "OUT", "OTT", "PAZ", "RIJ", "LIS"],
        &["NOV", "LIS", "STU"],
        &["DEC", "DEZ", "DIC", "GRU", "PRO"],
    ];
    let word = transliterate::name(word).concat();
    if word.starts_with("JUIL") {
        return Some(7);
    }
    // `LIP` is July in Polish, where it is used on passports; in Croatian it would be June.
    if word.starts_with("LIP") {
        return Some(7);
    }
    let at = NAMES.iter().position(|names| names.iter().any(|name| word.starts_with(name)))?;
    i16::try_from(at + 1).ok()
}

/// Edit distance with swaps of neighbours (Damerau and Levenshtein, restricted).
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().take(64).collect(), b.chars().take(64).collect());
    let mut rows: Vec<Vec<usize>> = vec![(0..=b.len()).collect()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let same = usize::from(a[i - 1] != b[j - 1]);
            let mut value = (rows[i - 1][j] + 1).min(row[j - 1] + 1).min(rows[i - 1][j - 1] + same);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                value = value.min(rows[i - 2][j - 2] + 1);
            }
            row.push(value);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

impl VisualField {
    /// The field of the zone that it is compared with.
    pub fn mrz_field(&self) -> Field {
        match self.field {
            VisualName::Surname | VisualName::GivenNames => Field::Name,
            VisualName::Number => Field::Number,
            VisualName::BirthDate => Field::BirthDate,
            VisualName::Expiry => Field::Expiry,
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use proptest::prelude::*;

    use super::*;

    fn page(texts: &[&str]) -> Vec<TextLine> {
        texts
            .iter()
            .enumerate()
            .map(|(at, text)| {
                let y = at as f32 * 20.0;
                let quad = [(0.0, y), (100.0, y), (100.0, y + 15.0), (0.0, y + 15.0)].map(|(x, y)| Point { x, y });
                TextLine { quad, text: (*text).to_owned(), confidence: 0.95 }
            })
            .collect()
    }

    fn mrz() -> Mrz {
        let lines = ["P<UTOMUELLER<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<<", "L898902C36UTO7408122F1204159ZE184226B<<<<<10"];
        Mrz::parse(&lines, date(2026, 11, 22)).unwrap()
    }

    const GOOD: [&str; 7] = [
        "Surname / Nom",
        "MÜLLER",
        "Given names",
        "ANNA MARIA",
        "12 AUG/AOUT 74",
        "Passport No. L898902C3",
        "15.04.2012",
    ];

    #[test]
    fn a_page_that_says_the_same() {
        let visual = VisualZone::compare(&mrz(), &page(&GOOD));
        assert!(visual.fields().iter().all(|field| field.agreement == Agreement::Agrees), "{visual:?}");
    }

    #[track_caller]
    fn check(at: usize, with: &str, field: fn(&VisualZone) -> &VisualField, expected: Option<&str>) {
        let mut texts = GOOD;
        texts[at] = with;
        let visual = VisualZone::compare(&mrz(), &page(&texts));
        let expected = expected.map_or(Agreement::NotRead, |seen| Agreement::Disagrees { seen: seen.into() });
        assert_eq!(field(&visual).agreement, expected, "{with}");
        assert_eq!(visual.fields().iter().filter(|field| field.agreement == Agreement::Agrees).count(), 4);
    }

    #[test]
    fn a_page_that_says_something_else() {
        check(1, "HOLMBERG", |zone| &zone.surname, Some("HOLMBERG"));
        check(1, "MÜLLEN", |zone| &zone.surname, Some("MÜLLEN"));
        check(3, "ANNA MARINA", |zone| &zone.given_names, Some("ANNA MARINA"));
        check(4, "12 AUG/AOUT 71", |zone| &zone.birth_date, Some("12 AUG/AOUT 71"));
        check(6, "authority", |zone| &zone.expiry, None);
        check(5, "L898902CS", |zone| &zone.number, Some("L898902CS"));
        // Equal modulo ten, so that no check digit sees it: must not be folded away.
        for (a, b) in [("G", "6"), ("S", "8"), ("B", "1"), ("Z", "5"), ("L", "1")] {
            assert_ne!(folded(a), folded(b));
        }
    }

    #[test]
    fn a_place_of_birth_stands_under_its_label() {
        let check = |texts: &[&str], expected: Option<&str>| {
            let found = VisualZone::compare(&mrz(), &page(texts)).birth_place;
            assert_eq!(found.as_ref().map(|printed| printed.value.as_str()), expected, "{texts:?}");
        };
        check(&["Place of birth / Lieu de naissance", "NOVA ALBA"], Some("NOVA ALBA"));
        check(&["Geburtsort", "KÖLN"], Some("KÖLN"));
        check(&["Date of birth / Date de naissance", "12 AUG 1974"], None);
        check(&["Place of birth", "12 AUG 1974"], None);
        check(&["Place of birth"], None);
        check(&["ZENITH", "Place of birth"], None);
    }

    #[test]
    fn dates_in_print() {
        for text in [
            "12 AUG/AOUT 74",
            "12.08.1974",
            "1974-08-12",
            "12AUG1974",
            "08/12/1974",
            "12 SIE/AUG 1974",
            "née le 12 août 1974",
        ] {
            assert!(dates(text).iter().any(|seen| seen.is(date(1974, 8, 12))), "{text}: {:?}", dates(text));
        }
        for text in ["", "12 AUG", "32.08.1974", "99999999", "12.13.14.15"] {
            assert!(!dates(text).iter().any(|seen| seen.is(date(1974, 8, 12))), "{text}");
        }
    }

    #[test]
    fn a_repair_is_confirmed_by_print_alone() {
        let read = Mrz::parse(
            &["P<UTOMUELLER<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<<", "L8989O2C36UTO7408122F1204159ZE184226B<<<<<10"],
            date(2026, 11, 22),
        )
        .unwrap();
        assert!(VisualZone::confirms(&read, &mrz(), &page(&GOOD)));
        assert!(!VisualZone::confirms(&read, &mrz(), &page(&["L8989O2C3"])));
        assert!(!VisualZone::confirms(&read, &mrz(), &[]));
    }

    proptest! {
        #[test]
        fn never_panics(texts in proptest::collection::vec("\\PC{0,40}", 0..6)) {
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            VisualZone::compare(&mrz(), &page(&texts));
        }
    }
}
