//! Words of a person's identity that the profiles share (PID rulebook 1.7): country, sex, place of birth, text, portrait.

use std::fmt;
use std::str::FromStr;

use serde_json::{Map, Value};
use warifu_keys::base64url;

use crate::profile::Error;

/// Longest text claim, in characters (PID rulebook 1.7).
pub const MAX_TEXT: usize = 150;
/// Largest portrait, in bytes of JPEG.
pub const MAX_PICTURE: usize = 512 * 1024;

/// ISO 3166-1 alpha-2 country code, always two upper-case letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CountryCode([u8; 2]);

/// The text is no country code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a country code of two upper-case letters")]
pub struct NotACountryCode(String);

impl CountryCode {
    /// `QU`: the nationality is unknown (PID rulebook 1.7).
    pub const UNKNOWN: Self = Self(*b"QU");
    /// `QS`: stateless (PID rulebook 1.7).
    pub const STATELESS: Self = Self(*b"QS");

    /// The two letters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("QU")
    }
}

impl FromStr for CountryCode {
    type Err = NotACountryCode;

    fn from_str(text: &str) -> Result<Self, NotACountryCode> {
        match text.as_bytes() {
            &[a, b] if a.is_ascii_uppercase() && b.is_ascii_uppercase() => Ok(Self([a, b])),
            _ => Err(NotACountryCode(text.chars().take(20).collect())),
        }
    }
}

impl fmt::Display for CountryCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Sex, by the numbers of the PID rulebook 1.7 (ISO/IEC 5218 and beyond).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Sex {
    /// 0: not known, or not given in the document.
    Unknown,
    /// 1.
    Male,
    /// 2.
    Female,
    /// 3.
    Other,
    /// 4.
    Inter,
    /// 5.
    Diverse,
    /// 6.
    Open,
    /// 9.
    NotApplicable,
}

impl Sex {
    /// The number in the claim.
    #[must_use]
    pub fn number(self) -> u8 {
        match self {
            Self::Unknown => 0,
            Self::Male => 1,
            Self::Female => 2,
            Self::Other => 3,
            Self::Inter => 4,
            Self::Diverse => 5,
            Self::Open => 6,
            Self::NotApplicable => 9,
        }
    }
}

/// Place of birth; at least one part is given.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PlaceOfBirth {
    /// Country.
    pub country: Option<CountryCode>,
    /// State, province or district.
    pub region: Option<String>,
    /// City, town or village.
    pub locality: Option<String>,
}

impl PlaceOfBirth {
    pub(crate) fn to_value(&self) -> Result<Value, Error> {
        let mut parts = Map::new();
        if let Some(country) = self.country {
            parts.insert("country".to_owned(), Value::from(country.as_str()));
        }
        if let Some(region) = &self.region {
            parts.insert("region".to_owned(), text("place_of_birth", region)?);
        }
        if let Some(locality) = &self.locality {
            parts.insert("locality".to_owned(), text("place_of_birth", locality)?);
        }
        if parts.is_empty() { Err(Error::Claim("place_of_birth")) } else { Ok(Value::Object(parts)) }
    }
}

/// A text of 1 to [`MAX_TEXT`] characters without control characters.
pub(crate) fn text(name: &'static str, text: &str) -> Result<Value, Error> {
    if text.trim().is_empty() || text.chars().count() > MAX_TEXT || text.chars().any(char::is_control) {
        return Err(Error::Claim(name));
    }
    Ok(Value::from(text))
}

/// A JPEG as the `data:` URL of the PID rulebook.
pub(crate) fn data_url(jpeg: &[u8]) -> Result<Value, Error> {
    if !jpeg.starts_with(&[0xff, 0xd8, 0xff]) || jpeg.len() > MAX_PICTURE {
        return Err(Error::Claim("picture"));
    }
    Ok(Value::from(format!("data:image/jpeg;base64,{}", base64url::encode_standard(jpeg))))
}
