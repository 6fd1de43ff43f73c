//! Where each field stands in each format, and which characters may stand there.

use crate::mrz::Field;

/// The five formats of ICAO Doc 9303 parts 4 to 7.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// Card of the size of a bank card, three lines of 30 (part 5).
    Td1,
    /// Larger card, two lines of 36 (part 6).
    Td2,
    /// Passport, two lines of 44 (part 4).
    Td3,
    /// Full-page visa, two lines of 44 (part 7).
    MrvA,
    /// Smaller visa, two lines of 36 (part 7).
    MrvB,
}

/// A run of characters in one line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    /// Line, from 0.
    pub line: usize,
    /// First character, from 0.
    pub start: usize,
    /// Number of characters.
    pub length: usize,
}

/// Which characters a position can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// First character of the document code.
    Code,
    /// Letters and filler.
    Letter,
    /// First of three characters that make a country code; the next two belong to it.
    Country,
    /// Digits and filler: dates with unknown parts, check digits of empty fields.
    DigitOrFiller,
    /// Digits.
    Digit,
    /// `M`, `F`, `X`, filler.
    Sex,
    /// Letters, digits and filler.
    Any,
}

impl Format {
    /// All five.
    pub const ALL: [Self; 5] = [Self::Td1, Self::Td2, Self::Td3, Self::MrvA, Self::MrvB];

    /// The name of the standard.
    pub fn name(self) -> &'static str {
        match self {
            Self::Td1 => "TD1",
            Self::Td2 => "TD2",
            Self::Td3 => "TD3",
            Self::MrvA => "MRV-A",
            Self::MrvB => "MRV-B",
        }
    }

    /// Number of lines.
    pub fn lines(self) -> usize {
        match self {
            Self::Td1 => 3,
            Self::Td2 | Self::Td3 | Self::MrvA | Self::MrvB => 2,
        }
    }

    /// Characters of each line.
    pub fn width(self) -> usize {
        match self {
            Self::Td1 => 30,
            Self::Td2 | Self::MrvB => 36,
            Self::Td3 | Self::MrvA => 44,
        }
    }

    /// The format of lines by their number, lengths and first letter.
    pub fn of(lines: &[&str]) -> Option<Self> {
        let visa = lines.first()?.starts_with('V');
        let of_width = |width: usize| lines.iter().all(|line| line.chars().count() == width);
        match lines.len() {
            3 if of_width(30) => Some(Self::Td1),
            2 if of_width(36) => Some(if visa { Self::MrvB } else { Self::Td2 }),
            2 if of_width(44) => Some(if visa { Self::MrvA } else { Self::Td3 }),
            _ => None,
        }
    }

    /// Where a field stands; `None` for the composite digit and for fields the format does not have.
    pub fn slot(self, field: Field) -> Option<Slot> {
        let at = |line, start, length| Some(Slot { line, start, length });
        let width = self.width();
        match (self, field) {
            (_, Field::Composite) => None,
            (_, Field::DocumentCode) => at(0, 0, 2),
            (_, Field::Issuer) => at(0, 2, 3),
            (Self::Td1, Field::Number) => at(0, 5, 9),
            (Self::Td1, Field::Optional) => at(0, 15, 15),
            (Self::Td1, Field::BirthDate) => at(1, 0, 6),
            (Self::Td1, Field::Sex) => at(1, 7, 1),
            (Self::Td1, Field::Expiry) => at(1, 8, 6),
            (Self::Td1, Field::Nationality) => at(1, 15, 3),
            (Self::Td1, Field::SecondOptional) => at(1, 18, 11),
            (Self::Td1, Field::Name) => at(2, 0, 30),
            (_, Field::SecondOptional) => None,
            (_, Field::Name) => at(0, 5, width - 5),
            (_, Field::Number) => at(1, 0, 9),
            (_, Field::Nationality) => at(1, 10, 3),
            (_, Field::BirthDate) => at(1, 13, 6),
            (_, Field::Sex) => at(1, 20, 1),
            (_, Field::Expiry) => at(1, 21, 6),
            (Self::Td3, Field::Optional) => at(1, 28, 14),
            (Self::Td2, Field::Optional) => at(1, 28, 7),
            (Self::MrvA, Field::Optional) => at(1, 28, 16),
            (Self::MrvB, Field::Optional) => at(1, 28, 8),
        }
    }

    /// Line and position of the check digit of a field, both from 0.
    pub fn check_of(self, field: Field) -> Option<(usize, usize)> {
        match (self, field) {
            (Self::Td1, Field::Composite) => Some((1, 29)),
            (Self::Td2, Field::Composite) => Some((1, 35)),
            (Self::Td3, Field::Composite) => Some((1, 43)),
            (Self::Td3, Field::Optional) => Some((1, 42)),
            (_, Field::Number | Field::BirthDate | Field::Expiry) => {
                self.slot(field).map(|slot| (slot.line, slot.start + slot.length))
            }
            _ => None,
        }
    }

    /// What the composite digit covers, in order; nothing for visas.
    pub fn composite(self) -> &'static [Slot] {
        const fn slot(line: usize, start: usize, end: usize) -> Slot {
            Slot { line, start, length: end - start }
        }
        const TD1: [Slot; 4] = [slot(0, 5, 30), slot(1, 0, 7), slot(1, 8, 15), slot(1, 18, 29)];
        const TD2: [Slot; 3] = [slot(1, 0, 10), slot(1, 13, 20), slot(1, 21, 35)];
        const TD3: [Slot; 3] = [slot(1, 0, 10), slot(1, 13, 20), slot(1, 21, 43)];
        match self {
            Self::Td1 => &TD1,
            Self::Td2 => &TD2,
            Self::Td3 => &TD3,
            Self::MrvA | Self::MrvB => &[],
        }
    }

    /// The field that a character belongs to; a check digit belongs to what it protects.
    pub fn field_at(self, line: usize, position: usize) -> Field {
        const FIELDS: [Field; 10] = [
            Field::DocumentCode,
            Field::Issuer,
            Field::Number,
            Field::Nationality,
            Field::BirthDate,
            Field::Sex,
            Field::Expiry,
            Field::Optional,
            Field::SecondOptional,
            Field::Name,
        ];
        FIELDS
            .into_iter()
            .find(|&field| {
                self.check_of(field) == Some((line, position))
                    || self.slot(field).is_some_and(|slot| {
                        slot.line == line && (slot.start..slot.start + slot.length).contains(&position)
                    })
            })
            .unwrap_or(Field::Composite)
    }

    /// The class of every position of a line.
    pub fn classes(self, line: usize) -> Vec<Class> {
        (0..self.width())
            .map(|position| {
                let field = self.field_at(line, position);
                if self.check_of(field) == Some((line, position)) {
                    return match field {
                        // Long numbers and empty personal numbers have a filler here.
                        Field::Number | Field::Optional => Class::DigitOrFiller,
                        _ => Class::Digit,
                    };
                }
                match field {
                    Field::DocumentCode if position == 0 => Class::Code,
                    Field::DocumentCode | Field::Name => Class::Letter,
                    Field::Issuer | Field::Nationality => Class::Country,
                    Field::BirthDate | Field::Expiry => Class::DigitOrFiller,
                    Field::Sex => Class::Sex,
                    Field::Number | Field::Optional | Field::SecondOptional => Class::Any,
                    Field::Composite => Class::Digit,
                }
            })
            .collect()
    }

    /// Whether a document code may begin with this letter.
    pub fn may_begin_with(self, letter: u8) -> bool {
        match self {
            Self::Td3 => letter == b'P',
            Self::MrvA | Self::MrvB => letter == b'V',
            Self::Td1 | Self::Td2 => matches!(letter, b'A' | b'C' | b'I' | b'P'),
        }
    }
}
