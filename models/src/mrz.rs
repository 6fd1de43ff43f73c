//! Machine-readable zones of travel documents as data (ICAO Doc 9303, eighth edition, parts 3 to 7).
//!
//! Five formats: TD1 and TD2 cards, TD3 passports, MRV-A and MRV-B visas. [`Mrz::parse`] takes lines apart and
//! recomputes every check digit, [`Contents::write`] makes lines with correct ones. A wrong check digit is not an error
//! of parsing: it is a fact about the document, found in [`Mrz::checks`].
//!
//! Left out: the French national card of before 2021 and driving licences with one-line zones, which are not ICAO
//! formats.

use jiff::civil::Date;

pub mod country;
pub mod decode;
mod layout;
pub mod repair;
pub mod transliterate;

pub use layout::{Class, Format, Slot};

/// What a group of characters means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Field {
    /// Kind of document, two characters, such as `P<`.
    DocumentCode,
    /// Issuing state or organisation, three characters.
    Issuer,
    /// Document number.
    Number,
    /// Nationality of the holder, three characters.
    Nationality,
    /// Date of birth.
    BirthDate,
    /// Sex.
    Sex,
    /// Date of expiry; of a visa the last day it is valid.
    Expiry,
    /// Optional data: of a passport the personal number, of a card the first line's.
    Optional,
    /// Optional data of the second line of a TD1 card.
    SecondOptional,
    /// Surname and given names.
    Name,
    /// The digit over several fields.
    Composite,
}

impl Field {
    /// Stable name, as in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::DocumentCode => "document_code",
            Self::Issuer => "issuer",
            Self::Number => "number",
            Self::Nationality => "nationality",
            Self::BirthDate => "birth_date",
            Self::Sex => "sex",
            Self::Expiry => "expiry",
            Self::Optional => "optional",
            Self::SecondOptional => "second_optional",
            Self::Name => "name",
            Self::Composite => "composite",
        }
    }
}

/// A recomputed check digit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CheckDigit {
    /// What it protects.
    pub field: Field,
    /// The digit that the characters ask for, 0 to 9.
    pub expected: u8,
    /// The character that stands there.
    pub found: char,
    /// Whether they agree. A filler counts as zero where the field is empty (Doc 9303 part 4, section 4.2.2.2).
    pub ok: bool,
}

/// A date of the zone: six characters, year first, of which unknown parts are fillers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MrzDate {
    /// The six characters.
    pub text: String,
    /// The day, when all six are digits and make one.
    pub date: Option<Date>,
}

/// Sex as the zone states it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sex {
    /// `M`.
    Male,
    /// `F`.
    Female,
    /// `<` (and `X`, which some issuers print in the zone).
    Unspecified,
}

impl Sex {
    /// The character of the zone.
    pub fn character(self) -> char {
        match self {
            Self::Male => 'M',
            Self::Female => 'F',
            Self::Unspecified => '<',
        }
    }
}

/// A machine-readable zone taken apart. Fillers at the end of values are gone; inside names they are spaces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mrz {
    /// Which of the five formats.
    pub format: Format,
    /// The lines as they were given.
    pub lines: Vec<String>,
    /// Kind of document, one or two letters.
    pub document_code: String,
    /// Issuing state or organisation.
    pub issuer: String,
    /// Document number; longer than nine characters where a card continues it in the optional data.
    pub number: String,
    /// Nationality of the holder.
    pub nationality: String,
    /// Date of birth.
    pub birth_date: MrzDate,
    /// Sex.
    pub sex: Sex,
    /// Date of expiry.
    pub expiry: MrzDate,
    /// Optional data without the part that continues the number.
    pub optional: String,
    /// Second optional data of a TD1 card; empty elsewhere.
    pub second_optional: String,
    /// Primary identifier.
    pub surname: String,
    /// Secondary identifier; empty where the document has none.
    pub given_names: String,
    /// The name field is full to its last character, so that the name may be cut.
    pub name_may_be_cut: bool,
    /// All check digits of the format.
    pub checks: Vec<CheckDigit>,
}

/// Why lines are not a machine-readable zone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MrzError {
    /// Not two lines of 44, two of 36 or three of 30.
    #[error("{lines} lines of {widths:?} characters are no ICAO format")]
    Shape {
        /// How many lines.
        lines: usize,
        /// Their lengths; at most the first four.
        widths: Vec<usize>,
    },
    /// A character that no zone has.
    #[error("line {line} has `{character}` at position {position}")]
    Character {
        /// Line, from 1.
        line: usize,
        /// Position, from 1.
        position: usize,
        /// What stands there.
        character: char,
    },
    /// A value to be written has a character that its field cannot hold, or is too long.
    #[error("the value of {field} cannot be written")]
    Unwritable {
        /// Name of the field.
        field: &'static str,
    },
}

/// Check digit of a field, 0 to 9 (ICAO Doc 9303 part 3, section 4.9).
///
/// `field` holds the characters `A`-`Z`, `0`-`9` and `<`; any other character gives `None`.
pub fn check_digit(field: &str) -> Option<u8> {
    let mut sum = 0u32;
    for (byte, weight) in field.bytes().zip([7, 3, 1].into_iter().cycle()) {
        sum += value(byte)? * weight;
        sum %= 10;
    }
    Some(sum as u8)
}

/// Value of a character under the check digit (ICAO Doc 9303 part 3, table 4).
fn value(byte: u8) -> Option<u32> {
    match byte {
        b'0'..=b'9' => Some(u32::from(byte - b'0')),
        b'A'..=b'Z' => Some(u32::from(byte - b'A') + 10),
        b'<' => Some(0),
        _ => None,
    }
}

impl Mrz {
    /// Takes the lines of a zone apart. `today` settles the century of two-digit years.
    ///
    /// A birth lies not after today; an expiry lies between 20 years ago and 50 years ahead, or, where neither century
    /// does, in the nearer one (Doc 9303 part 3, section 4.8 leaves this to the reader).
    pub fn parse<L: AsRef<str>>(lines: &[L], today: Date) -> Result<Self, MrzError> {
        let lines: Vec<&str> = lines.iter().map(AsRef::as_ref).collect();
        let shape = || MrzError::Shape {
            lines: lines.len(),
            widths: lines.iter().take(4).map(|line| line.chars().count()).collect(),
        };
        let format = Format::of(&lines).ok_or_else(shape)?;
        for (line, text) in lines.iter().enumerate() {
            for (position, character) in text.chars().enumerate() {
                if !character.is_ascii() || value(character as u8).is_none() {
                    return Err(MrzError::Character { line: line + 1, position: position + 1, character });
                }
            }
        }
        let text = |slot: Slot| &lines[slot.line][slot.start..slot.start + slot.length];
        let value = |field: Field| format.slot(field).map_or("", text);

        // A number of more than nine characters: a filler stands for the digit, the optional data begins with the rest
        // and its digit (part 5, section 4.2.4; part 6, section 4.2.4).
        let mut number = value(Field::Number).trim_end_matches('<').to_owned();
        let mut number_check = format.check_of(Field::Number).map_or('<', |at| character(&lines, at));
        let mut optional = value(Field::Optional);
        if number.len() == 9 && number_check == '<' && matches!(format, Format::Td1 | Format::Td2) {
            let end = optional.find('<').unwrap_or(optional.len());
            if let Some(last) = optional[..end].chars().last() {
                number.push_str(&optional[..end - 1]);
                number_check = last;
                optional = &optional[end..];
            }
        }

        let mut checks = Vec::with_capacity(5);
        let mut check = |field: Field, over: &str, found: char| {
            let expected = check_digit(over).unwrap_or(0);
            let empty = over.bytes().all(|byte| byte == b'<');
            let ok = found.to_digit(10) == Some(u32::from(expected)) || (found == '<' && empty);
            checks.push(CheckDigit { field, expected, found, ok });
        };
        let padded = format!("{number:<<9}");
        check(Field::Number, &padded, number_check);
        for field in [Field::BirthDate, Field::Expiry] {
            if let Some(at) = format.check_of(field) {
                check(field, value(field), character(&lines, at));
            }
        }
        if format == Format::Td3
            && let Some(at) = format.check_of(Field::Optional)
        {
            check(Field::Optional, value(Field::Optional), character(&lines, at));
        }
        if let Some(at) = format.check_of(Field::Composite) {
            let over: String = format.composite().iter().map(|&slot| text(slot)).collect();
            check(Field::Composite, &over, character(&lines, at));
        }

        let name = value(Field::Name);
        let (surname, given_names) = match name.find("<<") {
            Some(at) => (&name[..at], &name[at + 2..]),
            None => (name, ""),
        };
        let words = |part: &str| part.split('<').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
        Ok(Self {
            format,
            document_code: value(Field::DocumentCode).trim_end_matches('<').to_owned(),
            issuer: value(Field::Issuer).trim_end_matches('<').to_owned(),
            number,
            nationality: value(Field::Nationality).trim_end_matches('<').to_owned(),
            birth_date: MrzDate::birth(value(Field::BirthDate), today),
            sex: match value(Field::Sex) {
                "M" => Sex::Male,
                "F" => Sex::Female,
                _ => Sex::Unspecified,
            },
            expiry: MrzDate::expiry(value(Field::Expiry), today),
            optional: optional.trim_matches('<').to_owned(),
            second_optional: value(Field::SecondOptional).trim_matches('<').to_owned(),
            surname: words(surname),
            given_names: words(given_names),
            name_may_be_cut: !name.ends_with('<'),
            checks,
            lines: lines.iter().map(|line| (*line).to_owned()).collect(),
        })
    }

    /// Whether every check digit is right.
    pub fn checks_hold(&self) -> bool {
        self.checks.iter().all(|check| check.ok)
    }

    /// Whether issuer and nationality are codes of Doc 9303 part 3, section 5.
    pub fn countries_known(&self) -> bool {
        country::is_known(&self.issuer) && country::is_known(&self.nationality)
    }
}

fn character(lines: &[&str], at: (usize, usize)) -> char {
    lines[at.0].as_bytes().get(at.1).map_or('<', |&byte| char::from(byte))
}

impl MrzDate {
    /// A date of birth: the latest century that is not after `today`.
    pub fn birth(text: &str, today: Date) -> Self {
        let this = today.year() - today.year().rem_euclid(100);
        Self::read(text, |year| {
            let candidates = [this + year, this - 100 + year];
            (candidates, |date: Date| date <= today)
        })
    }

    /// A date of expiry: between 20 years before and 50 years after `today`, else the nearer century.
    pub fn expiry(text: &str, today: Date) -> Self {
        let this = today.year() - today.year().rem_euclid(100);
        Self::read(text, |year| {
            let mut candidates = [this - 100 + year, this + year, this + 100 + year];
            candidates.sort_by_key(|candidate| (candidate - today.year()).abs());
            let nearest = candidates[0];
            let within = candidates.into_iter().find(|&year| (-20..=50).contains(&(year - today.year())));
            ([within.unwrap_or(nearest), nearest], |_: Date| true)
        })
    }

    fn read<const N: usize, F>(text: &str, centuries: impl FnOnce(i16) -> ([i16; N], F)) -> Self
    where
        F: Fn(Date) -> bool,
    {
        let date = (|| {
            let pair = |at: usize| text.get(at..at + 2)?.parse::<i8>().ok().filter(|_| text.is_ascii());
            let (year, month, day) = (pair(0)?, pair(2)?, pair(4)?);
            if !text.bytes().all(|byte| byte.is_ascii_digit()) {
                return None;
            }
            let (candidates, good) = centuries(i16::from(year));
            candidates.into_iter().filter_map(|year| Date::new(year, month, day).ok()).find(|&date| good(date))
        })();
        Self { text: text.to_owned(), date }
    }
}

/// What a zone is to say; [`Contents::write`] makes the lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contents {
    /// One or two letters, such as `P`, `I`, `ID`, `V`.
    pub document_code: String,
    /// Up to three letters.
    pub issuer: String,
    /// Letters and digits; more than nine only on TD1 and TD2.
    pub number: String,
    /// Up to three letters.
    pub nationality: String,
    /// Date of birth.
    pub birth_date: Date,
    /// Sex.
    pub sex: Sex,
    /// Date of expiry.
    pub expiry: Date,
    /// Optional data.
    pub optional: String,
    /// Second optional data, TD1 only.
    pub second_optional: String,
    /// Surname as printed in the visual zone; it is transliterated.
    pub surname: String,
    /// Given names as printed in the visual zone.
    pub given_names: String,
}

impl Contents {
    /// The lines of the zone with correct check digits.
    pub fn write(&self, format: Format) -> Result<Vec<String>, MrzError> {
        let mut lines = vec![vec![b'<'; format.width()]; format.lines()];
        let mut optional = self.optional.clone();
        let mut number = self.number.clone();
        let mut long_number = false;
        if number.len() > 9 && matches!(format, Format::Td1 | Format::Td2) && number.is_ascii() {
            let digit = check_digit(&number).ok_or(MrzError::Unwritable { field: Field::Number.name() })?;
            let rest = number.split_off(9);
            optional = format!("{rest}{digit}<{optional}").trim_end_matches('<').to_owned();
            long_number = true;
        }
        let mut put = |field: Field, text: &str| -> Result<(), MrzError> {
            let unwritable = MrzError::Unwritable { field: field.name() };
            let Some(slot) = format.slot(field) else {
                return if text.is_empty() { Ok(()) } else { Err(unwritable) };
            };
            if text.len() > slot.length || !text.bytes().all(|byte| value(byte).is_some()) {
                return Err(unwritable);
            }
            lines[slot.line][slot.start..slot.start + text.len()].copy_from_slice(text.as_bytes());
            Ok(())
        };
        let visa = matches!(format, Format::MrvA | Format::MrvB);
        if self.document_code.starts_with('V') != visa || self.document_code.is_empty() {
            return Err(MrzError::Unwritable { field: Field::DocumentCode.name() });
        }
        let date = |date: Date| format!("{:02}{:02}{:02}", date.year().rem_euclid(100), date.month(), date.day());
        put(Field::DocumentCode, &self.document_code)?;
        put(Field::Issuer, &self.issuer)?;
        put(Field::Number, &number)?;
        put(Field::Nationality, &self.nationality)?;
        put(Field::BirthDate, &date(self.birth_date))?;
        put(Field::Sex, &self.sex.character().to_string())?;
        put(Field::Expiry, &date(self.expiry))?;
        put(Field::Optional, &optional)?;
        put(Field::SecondOptional, &self.second_optional)?;
        let surname = transliterate::name(&self.surname).join("<");
        let given = transliterate::name(&self.given_names).join("<");
        let name = if given.is_empty() { surname } else { format!("{surname}<<{given}") };
        let room = format.slot(Field::Name).map_or(0, |slot| slot.length);
        put(Field::Name, &name[..name.len().min(room)])?;

        let text = |lines: &[Vec<u8>], slot: Slot| -> String {
            lines[slot.line][slot.start..slot.start + slot.length].iter().map(|&byte| char::from(byte)).collect()
        };
        for field in [Field::Number, Field::BirthDate, Field::Expiry, Field::Optional, Field::Composite] {
            let Some((line, at)) = format.check_of(field) else { continue };
            let over: String = match field {
                Field::Composite => format.composite().iter().map(|&slot| text(&lines, slot)).collect(),
                _ => format.slot(field).map(|slot| text(&lines, slot)).unwrap_or_default(),
            };
            let blank = field == Field::Optional && over.bytes().all(|byte| byte == b'<');
            lines[line][at] = if blank || (field == Field::Number && long_number) {
                b'<'
            } else {
                b'0' + check_digit(&over).unwrap_or(0)
            };
        }
        Ok(lines.into_iter().map(|line| line.into_iter().map(char::from).collect()).collect())
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use proptest::prelude::*;

    use super::*;

    const TODAY: Date = date(2026, 11, 22);

    #[track_caller]
    fn digit(field: &str, expected: Option<u8>) {
        assert_eq!(check_digit(field), expected, "field `{field}`");
    }

    #[test]
    fn check_digits_of_the_standard() {
        digit("520727", Some(3)); // part 3, section 4.9, example 1
        digit("AB2134<<<", Some(5)); // example 2
        digit("L898902C3", Some(6));
        digit("ZE184226B<<<<<", Some(1));
        digit("", Some(0));
        digit("a", None);
        digit("É", None);
    }

    #[test]
    fn specimen_passport() {
        // Part 4, appendix B.
        let lines = ["P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L898902C36UTO7408122F1204159ZE184226B<<<<<10"];
        let mrz = Mrz::parse(&lines, TODAY).unwrap();
        assert_eq!(mrz.format, Format::Td3);
        assert!(mrz.checks_hold() && mrz.checks.len() == 5 && mrz.countries_known());
        assert_eq!((mrz.surname.as_str(), mrz.given_names.as_str()), ("ERIKSSON", "ANNA MARIA"));
        assert_eq!((mrz.number.as_str(), mrz.optional.as_str()), ("L898902C3", "ZE184226B"));
        assert_eq!(mrz.birth_date.date, Some(date(1974, 8, 12)));
        assert_eq!(mrz.expiry.date, Some(date(2012, 4, 15)));
        assert_eq!(mrz.sex, Sex::Female);
    }

    #[test]
    fn specimen_cards_and_visas() {
        // Part 5, 6 and 7, appendices.
        let td1 =
            ["I<UTOD231458907<<<<<<<<<<<<<<<", "7408122F1204159UTO<<<<<<<<<<<6", "ERIKSSON<<ANNA<MARIA<<<<<<<<<<"];
        let td2 = ["I<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<", "D231458907UTO7408122F1204159<<<<<<<6"];
        let mrva = ["V<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L8988901C4XXX4009078F96121096ZE184226B<<<<<<"];
        let mrvb = ["V<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<", "L8988901C4XXX4009078F9612109<<<<<<<<"];
        for (lines, format, checks) in
            [(&td1[..], Format::Td1, 4), (&td2, Format::Td2, 4), (&mrva, Format::MrvA, 3), (&mrvb, Format::MrvB, 3)]
        {
            let mrz = Mrz::parse(lines, TODAY).unwrap();
            assert_eq!((mrz.format, mrz.checks.len()), (format, checks));
            assert!(mrz.checks_hold(), "{:?}", mrz.checks);
            assert_eq!(mrz.surname, "ERIKSSON");
        }
    }

    #[test]
    fn long_number_continues_in_the_optional_data() {
        // Part 5, section 4.2.4, note j: number D23145890734, digit 9.
        let lines =
            ["I<UTOD23145890<7349<<<<<<<<<<<", "3407127M9507122UTO<<<<<<<<<<<2", "STEVENSON<<PETER<JOHN<<<<<<<<<"];
        let mrz = Mrz::parse(&lines, TODAY).unwrap();
        assert_eq!(mrz.number, "D23145890734");
        assert!(mrz.checks[0].ok && mrz.optional.is_empty(), "{mrz:?}");
    }

    #[test]
    fn centuries() {
        #[track_caller]
        fn check(text: &str, birth: Option<Date>, expiry: Option<Date>) {
            assert_eq!(MrzDate::birth(text, TODAY).date, birth, "birth {text}");
            assert_eq!(MrzDate::expiry(text, TODAY).date, expiry, "expiry {text}");
        }
        check("261122", Some(date(2026, 11, 22)), Some(date(2026, 11, 22)));
        check("261123", Some(date(1926, 11, 23)), Some(date(2026, 11, 23)));
        check("060101", Some(date(2006, 1, 1)), Some(date(2006, 1, 1)));
        check("760101", Some(date(1976, 1, 1)), Some(date(2076, 1, 1)));
        check("990230", None, None);
        check("74<<<<", None, None);
        check("-1+1 1", None, None);
        // 29 February exists in one of the two centuries only.
        check("000229", Some(date(2000, 2, 29)), Some(date(2000, 2, 29)));
    }

    #[test]
    fn wrong_shapes_are_named() {
        assert!(matches!(Mrz::parse(&["P<UTO"], TODAY), Err(MrzError::Shape { lines: 1, .. })));
        assert!(matches!(Mrz::parse::<&str>(&[], TODAY), Err(MrzError::Shape { lines: 0, .. })));
        let bad = ["P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<É", "L898902C36UTO7408122F1204159ZE184226B<<<<<10"];
        assert!(matches!(Mrz::parse(&bad, TODAY), Err(MrzError::Character { line: 1, position: 44, character: 'É' })));
    }

    #[test]
    fn a_changed_character_breaks_its_check_digit() {
        let good = "L898902C36UTO7408122F1204159ZE184226B<<<<<10";
        for (at, with, field) in
            [(0, 'M', Field::Number), (14, '5', Field::BirthDate), (22, '3', Field::Expiry), (28, 'Y', Field::Optional)]
        {
            let mut line: Vec<char> = good.chars().collect();
            line[at] = with;
            let line: String = line.into_iter().collect();
            let mrz = Mrz::parse(&["P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", &line], TODAY).unwrap();
            let broken: Vec<Field> = mrz.checks.iter().filter(|check| !check.ok).map(|check| check.field).collect();
            assert!(broken.contains(&field) && broken.contains(&Field::Composite), "{broken:?}");
        }
    }

    fn format() -> impl Strategy<Value = Format> {
        prop_oneof![Just(Format::Td1), Just(Format::Td2), Just(Format::Td3), Just(Format::MrvA), Just(Format::MrvB)]
    }

    proptest! {
        #[test]
        fn never_panics(lines in proptest::collection::vec("[A-Z0-9<ÉÄ]{0,46}", 0..4)) {
            let _ = Mrz::parse(&lines, TODAY);
        }

        #[test]
        fn never_panics_on_the_right_shape(format in format(), seed in "[A-Z0-9<]{90}") {
            let lines: Vec<String> = (0..format.lines())
                .map(|line| seed.chars().skip(line * 3).cycle().take(format.width()).collect())
                .collect();
            prop_assert!(Mrz::parse(&lines, TODAY).is_ok());
        }

        #[test]
        fn reads_what_it_writes(
            format in format(), number in "[A-Z0-9]{1,9}", optional in "[A-Z0-9]{0,7}", long in "[A-Z0-9]{0,4}",
            surname in "[A-Z]{1,9}( [A-Z]{1,4})?", given in "([A-Z]{1,8}( [A-Z]{1,4})?)?",
            birth in 0i32..36_000, expiry in -5_000i32..9_000,
        ) {
            let day = |days: i32| TODAY.checked_add(jiff::Span::new().days(days)).unwrap();
            let visa = matches!(format, Format::MrvA | Format::MrvB);
            let card = matches!(format, Format::Td1 | Format::Td2);
            let number = if card && number.len() == 9 && optional.is_empty() { format!("{number}{long}") } else { number };
            let contents = Contents {
                document_code: if visa { "V" } else if card { "I" } else { "P" }.into(),
                issuer: "UTO".into(), number: number.clone(), nationality: "UTO".into(),
                birth_date: day(-birth), sex: Sex::Female, expiry: day(expiry),
                optional: optional.clone(), second_optional: String::new(),
                surname: surname.clone(), given_names: given.clone(),
            };
            let mrz = Mrz::parse(&contents.write(format).unwrap(), TODAY).unwrap();
            prop_assert!(mrz.checks_hold(), "{:?}", mrz);
            prop_assert_eq!(mrz.format, format);
            prop_assert_eq!(mrz.number, number);
            prop_assert_eq!(mrz.optional, optional);
            prop_assert_eq!(mrz.birth_date.date, Some(day(-birth)));
            prop_assert_eq!(mrz.expiry.date, Some(day(expiry)));
            prop_assert_eq!(mrz.surname, surname);
            prop_assert_eq!(mrz.given_names, given);
        }
    }
}
