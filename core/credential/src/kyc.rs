//! The `kyc` profile: a person's verified identity as an SD-JWT VC, every claim and every part of one selectively
//! disclosable.
//!
//! Claim names are those of the PID rulebook 1.7; the table is [`warifu_schemas::kyc::ATTRIBUTES`]. Names are shown as
//! printed: those read from the machine-readable zone are upper case.

use std::fmt;
use std::str::FromStr;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};
use warifu_keys::{Entropy, PublicKey, base64url};
use warifu_schemas::{Step, kyc as profile};

use crate::claim_path::{ClaimPath, PathStep};
use crate::face_template::{self, FaceTemplateClaim};
use crate::sd_jwt::{self, Claims, IssuerKey, Registered};
use crate::status::StatusReference;

pub use warifu_schemas::kyc::{LEGAL_CATEGORY, VCT_PATH};

/// Longest text claim, in characters (PID rulebook 1.7).
pub const MAX_TEXT: usize = 150;
/// Largest portrait, in bytes of JPEG.
pub const MAX_PICTURE: usize = 512 * 1024;

/// Why a KYC attestation can not be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A claim's value breaks a rule of the profile.
    #[error("claim `{0}` is not acceptable")]
    Claim(&'static str),
    /// The credential could not be issued.
    #[error(transparent)]
    Issue(#[from] sd_jwt::Error),
}

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

/// Level of assurance, in the words of Regulation (EU) 910/2014 article 8; the issuer's own statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Level {
    /// Low.
    Low,
    /// Substantial.
    Substantial,
    /// High.
    High,
}

impl Level {
    /// The word in the claim.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Substantial => "substantial",
            Self::High => "high",
        }
    }
}

/// What the identity was read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Method {
    /// Pictures of the document.
    Document,
    /// The document's chip.
    Chip,
}

impl Method {
    /// The word in the claim.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Document => "document",
            Self::Chip => "chip",
        }
    }
}

/// How the identity was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assurance {
    /// Level of assurance.
    pub level: Level,
    /// When; written down to the hour.
    pub verified_at: Timestamp,
    /// What was read.
    pub method: Method,
    /// Stable names of the checks that passed, at least one.
    pub checks: Vec<String>,
}

/// The identity to attest.
#[derive(Clone, PartialEq, Eq)]
pub struct KycClaims {
    /// Family name as printed.
    pub family_name: String,
    /// Given names as printed.
    pub given_name: String,
    /// Date of birth.
    pub birthdate: Date,
    /// Nationalities, at least one; [`CountryCode::UNKNOWN`] where the document's code has no alpha-2 form.
    pub nationalities: Vec<CountryCode>,
    /// Sex.
    pub sex: Sex,
    /// Place of birth, where the document shows it.
    pub place_of_birth: Option<PlaceOfBirth>,
    /// Portrait as JPEG bytes.
    pub picture: Option<Vec<u8>>,
    /// Country that issued the document.
    pub issuing_country: CountryCode,
    /// Authority that issued the document, as printed.
    pub issuing_authority: Option<String>,
    /// When the document was issued.
    pub date_of_issuance: Option<Date>,
    /// Until when the document is valid.
    pub date_of_expiry: Option<Date>,
    /// Number of the document.
    pub document_number: Option<String>,
    /// How it was verified.
    pub assurance: Assurance,
    /// The face the attestation is bound to.
    pub face_template: Option<FaceTemplateClaim>,
}

/// Shows nothing: all of it is personal data.
impl fmt::Debug for KycClaims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KycClaims(..)")
    }
}

impl KycClaims {
    /// The claims of the credential, every member and array entry selectively disclosable; ages as of the day `on`.
    ///
    /// [`Error::Claim`] names a text that is empty or longer than [`MAX_TEXT`], a birth date after `on`, an empty list,
    /// an empty place of birth, or a picture that is no JPEG or larger than [`MAX_PICTURE`].
    pub fn to_claims(&self, on: Date) -> Result<Claims, Error> {
        let mut values = Map::new();
        let mut put = |name: &'static str, value: Value| {
            values.insert(name.to_owned(), value);
        };
        put("family_name", text("family_name", &self.family_name)?);
        put("given_name", text("given_name", &self.given_name)?);
        if self.birthdate > on {
            return Err(Error::Claim("birthdate"));
        }
        put("birthdate", Value::from(self.birthdate.to_string()));
        put("age_equal_or_over", age_equal_or_over(self.birthdate, on));
        if self.nationalities.is_empty() {
            return Err(Error::Claim("nationalities"));
        }
        put("nationalities", self.nationalities.iter().map(|country| Value::from(country.as_str())).collect());
        put("sex", Value::from(self.sex.number()));
        if let Some(place) = &self.place_of_birth {
            put("place_of_birth", place.to_value()?);
        }
        if let Some(picture) = &self.picture {
            put("picture", data_url(picture)?);
        }
        put("issuing_country", Value::from(self.issuing_country.as_str()));
        if let Some(authority) = &self.issuing_authority {
            put("issuing_authority", text("issuing_authority", authority)?);
        }
        if let Some(date) = self.date_of_issuance {
            put("date_of_issuance", Value::from(date.to_string()));
        }
        if let Some(date) = self.date_of_expiry {
            put("date_of_expiry", Value::from(date.to_string()));
        }
        if let Some(number) = &self.document_number {
            put("document_number", text("document_number", number)?);
        }
        put("assurance", self.assurance.to_value()?);
        put("attestation_legal_category", Value::from(LEGAL_CATEGORY));
        if let Some(template) = &self.face_template {
            put(face_template::CLAIM, template.to_value());
        }
        let claims = Claims::new(values);
        Ok(profile::ATTRIBUTES
            .iter()
            .filter_map(|attribute| claim_path(attribute.path))
            .fold(claims, Claims::selective))
    }
}

/// What a credential needs beside the claims.
#[derive(Debug, Clone, Copy)]
pub struct Minting<'a> {
    /// Type identifier: the issuer identifier followed by [`VCT_PATH`].
    pub vct: &'a str,
    /// The key that the holder proved to have.
    pub holder_key: &'a PublicKey,
    /// Where the status is listed, at an index that no other credential has.
    pub status: Option<&'a StatusReference>,
    /// How long the credential lives, in days.
    pub lifetime_days: u16,
    /// The instant of issuance; `iat`, `nbf` and `exp` are written at the start of the UTC day, so that copies of one
    /// batch and of many people look alike.
    pub now: Timestamp,
}

/// Makes the credential of the `kyc` profile: SD-JWT VC in compact form, with fresh salts and up to four decoys per
/// level.
pub fn mint(
    claims: &KycClaims,
    minting: &Minting<'_>,
    issuer: IssuerKey<'_>,
    entropy: &dyn Entropy,
) -> Result<String, Error> {
    let day = minting.now.to_zoned(TimeZone::UTC).date();
    let midnight = floor(minting.now, 86_400);
    let lifetime = SignedDuration::from_hours(24 * i64::from(minting.lifetime_days));
    let registered = Registered {
        vct: minting.vct,
        issuer: None,
        issued_at: Some(midnight),
        not_before: Some(midnight),
        expires: Some(midnight.saturating_add(lifetime).unwrap_or(Timestamp::MAX)),
        holder_key: Some(minting.holder_key),
        status: minting.status,
    };
    let claims = claims.to_claims(day)?.with_decoys(4);
    Ok(sd_jwt::issue(&claims, &registered, issuer, entropy)?)
}

impl PlaceOfBirth {
    fn to_value(&self) -> Result<Value, Error> {
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

impl Assurance {
    fn to_value(&self) -> Result<Value, Error> {
        if self.checks.is_empty() {
            return Err(Error::Claim("assurance"));
        }
        let checks = self.checks.iter().map(|check| text("assurance", check)).collect::<Result<Vec<_>, _>>()?;
        Ok(json!({
            "level": self.level.name(),
            "verified_at": floor(self.verified_at, 3600).to_string(),
            "method": self.method.name(),
            "checks": checks,
        }))
    }
}

/// Whether someone born on `birthdate` has reached each age on the day `on`. Who was born on 29 February reaches it on
/// 1 March of common years.
fn age_equal_or_over(birthdate: Date, on: Date) -> Value {
    let birthday_reached = (on.month(), on.day()) >= (birthdate.month(), birthdate.day());
    let years = i32::from(on.year()) - i32::from(birthdate.year()) - i32::from(!birthday_reached);
    profile::AGES.iter().map(|age| (age.to_string(), Value::from(years >= i32::from(*age)))).collect()
}

fn text(name: &'static str, text: &str) -> Result<Value, Error> {
    if text.trim().is_empty() || text.chars().count() > MAX_TEXT || text.chars().any(char::is_control) {
        return Err(Error::Claim(name));
    }
    Ok(Value::from(text))
}

/// A JPEG as the `data:` URL of the PID rulebook.
fn data_url(jpeg: &[u8]) -> Result<Value, Error> {
    if !jpeg.starts_with(&[0xff, 0xd8, 0xff]) || jpeg.len() > MAX_PICTURE {
        return Err(Error::Claim("picture"));
    }
    Ok(Value::from(format!("data:image/jpeg;base64,{}", base64url::encode_standard(jpeg))))
}

/// `instant` rounded down to whole `seconds` since 1970.
fn floor(instant: Timestamp, seconds: i64) -> Timestamp {
    let second = instant.as_second();
    Timestamp::from_second(second - second.rem_euclid(seconds)).unwrap_or(instant)
}

fn claim_path(steps: &[Step]) -> Option<ClaimPath> {
    let step = |step: &Step| match step {
        Step::Name(name) => PathStep::Name((*name).to_owned()),
        Step::Every => PathStep::Every,
    };
    ClaimPath::new(steps.iter().map(step).collect()).ok()
}

#[cfg(test)]
mod tests;
