//! Fictional documents of Utopia, the example state of ICAO Doc 9303, for tests and the sandbox.
//!
//! Every page is labelled SPECIMEN and carries the code `UTO`, which no state has. Pages are drawn at 300 dots per inch
//! and depend on nothing but their data, the portrait and the fonts. Check digits are correct.
//!
//! Left out: security features, and any real state's design.

use ab_glyph::{FontRef, InvalidFont};
use jiff::civil::{Date, date};

use crate::mrz::{Contents, Format, MrzError, Sex};

pub mod attack;
mod draw;
pub mod film;
mod puppet;
mod vary;

pub use draw::{draw, head_and_shoulders, portrait_box};
pub use puppet::{Puppet, Stance};
pub use vary::{photographed, vary_selfie};

/// The two typefaces of a page.
pub struct Fonts<'a> {
    pub(crate) ocr_b: FontRef<'a>,
    pub(crate) sans: FontRef<'a>,
}

impl<'a> Fonts<'a> {
    /// From the bytes of an OCR-B font (ISO 1073-2) and of any sans-serif one with Latin letters, OpenType or TrueType.
    pub fn parse(ocr_b: &'a [u8], sans: &'a [u8]) -> Result<Self, SpecimenError> {
        let font = |bytes: &'a [u8]| FontRef::try_from_slice(bytes).map_err(|InvalidFont| SpecimenError::Font);
        Ok(Self { ocr_b: font(ocr_b)?, sans: font(sans)? })
    }
}

impl std::fmt::Debug for Fonts<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Fonts")
    }
}

/// Why a specimen cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SpecimenError {
    /// Not a font file.
    #[error("not an OpenType or TrueType font")]
    Font,
    /// A value does not fit into the zone.
    #[error(transparent)]
    Zone(#[from] MrzError),
    /// Visas are not drawn.
    #[error("no specimen of format {format}")]
    Format {
        /// Name of the format.
        format: &'static str,
    },
}

/// Everything that stands on a fictional document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Specimen {
    /// TD1, TD2 or TD3.
    pub format: Format,
    /// Surname as printed.
    pub surname: String,
    /// Given names as printed.
    pub given_names: String,
    /// Nine letters and digits.
    pub number: String,
    /// Date of birth.
    pub birth_date: Date,
    /// Sex.
    pub sex: Sex,
    /// Date of issue.
    pub issued: Date,
    /// Date of expiry.
    pub expiry: Date,
    /// Place of birth.
    pub birth_place: String,
}

impl Specimen {
    /// A passport of a person invented from a seed: adult, valid on 22 November 2026 and for years after.
    pub fn fictional(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let female = random.below(2) == 0;
        let given = if female { GIVEN_FEMALE } else { GIVEN_MALE };
        // Without O, I, Q, S, Z, B, G: as real issuers avoid letters that look like digits.
        const LETTERS: &[u8] = b"ACDEFHJKLMNPRTUVWXY";
        let mut number: String = (0..2).map(|_| char::from(LETTERS[random.below(LETTERS.len())])).collect();
        number.extend((0..7).map(|_| char::from(b'0' + random.below(10) as u8)));
        let day = |random: &mut Random, from: i16, years: usize| {
            date(from + random.below(years) as i16, 1 + random.below(12) as i8, 1 + random.below(28) as i8)
        };
        let birth_date = day(&mut random, 1960, 44);
        let issued = day(&mut random, 2022, 4);
        // Ten years less a day, as passports have it; the 1st of a month gives the 28th at worst a day earlier.
        let expiry = date(issued.year() + 10, issued.month(), issued.day());
        let expiry = expiry.yesterday().unwrap_or(expiry);
        Self {
            format: Format::Td3,
            surname: SURNAMES[random.below(SURNAMES.len())].to_owned(),
            given_names: given[random.below(given.len())].to_owned(),
            number,
            birth_date,
            sex: if female { Sex::Female } else { Sex::Male },
            issued,
            expiry,
            birth_place: PLACES[random.below(PLACES.len())].to_owned(),
        }
    }

    /// The lines of the machine-readable zone.
    pub fn zone(&self) -> Result<Vec<String>, SpecimenError> {
        let contents = Contents {
            document_code: if self.format == Format::Td3 { "P" } else { "I" }.to_owned(),
            issuer: "UTO".to_owned(),
            number: self.number.clone(),
            nationality: "UTO".to_owned(),
            birth_date: self.birth_date,
            sex: self.sex,
            expiry: self.expiry,
            optional: String::new(),
            second_optional: String::new(),
            surname: self.surname.clone(),
            given_names: self.given_names.clone(),
        };
        Ok(contents.write(self.format)?)
    }
}

const SURNAMES: &[&str] = &[
    "ERIKSSON",
    "HOLMBERG",
    "OKONKWO",
    "PETROVA",
    "LINDQVIST",
    "MORETTI",
    "TANAKA",
    "VAN DER BERG",
    "KOVÁCS",
    "MÜLLER",
    "DUPONT",
    "NGUYEN",
    "HADDAD",
    "SØRENSEN",
    "ÇELIK",
    "ALVES-PINTO",
    "QURESHI",
    "XENAKIS",
    "YILMAZ",
    "JANSSON",
];
const GIVEN_FEMALE: &[&str] =
    &["ANNA MARIA", "SOFIA", "ADAEZE", "YUKI", "INÊS", "OLGA", "ZOË", "FATIMA", "ÅSE", "GIULIA", "LUCÍA", "RUTH"];
const GIVEN_MALE: &[&str] =
    &["LEON", "MATEO", "JEAN-LUC", "KARL HEINZ", "HUGO", "BRUNO", "DMITRI", "IVAN", "JOSÉ", "MOHAMED ALI", "PEDRO"];
const PLACES: &[&str] = &["ZENITH", "NOVA ALBA", "PORT MERIDIAN", "EASTHAVEN", "LAKE MIRROR"];

/// SplitMix64 (Steele, Lea, Flood 2014): pictures must be the same for the same seed, secrecy is not asked for.
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// From 0 to `limit - 1`; the bias of the remainder does not matter here.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }

    /// Evenly between the two.
    pub(crate) fn between(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * ((self.next() >> 40) as f32 / (1u64 << 24) as f32)
    }

    /// Roughly normal, mean 0, deviation 1.
    pub(crate) fn normal(&mut self) -> f32 {
        (0..4).map(|_| self.between(-0.5, 0.5)).sum::<f32>() * 1.732
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mrz::Mrz;

    #[test]
    fn invented_people_are_plausible_and_repeatable() {
        let today = date(2026, 11, 22);
        let mut numbers = std::collections::BTreeSet::new();
        for seed in 0..500 {
            let person = Specimen::fictional(seed);
            assert_eq!(person, Specimen::fictional(seed));
            assert!(person.expiry > today && person.issued < today && person.birth_date < date(2005, 1, 1));
            let mrz = Mrz::parse(&person.zone().unwrap(), today).unwrap();
            assert!(mrz.checks_hold() && mrz.issuer == "UTO");
            assert_eq!((mrz.birth_date.date, mrz.expiry.date), (Some(person.birth_date), Some(person.expiry)));
            numbers.insert(person.number);
        }
        assert!(numbers.len() > 495);
    }

    #[test]
    fn a_broken_font_is_named() {
        assert_eq!(Fonts::parse(b"", b"no font").err(), Some(SpecimenError::Font));
    }
}
