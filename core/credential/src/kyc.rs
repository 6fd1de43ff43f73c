//! The `kyc` profile: a person's verified identity.
//!
//! Claim names are those of the PID rulebook 1.7; the table is [`warifu_schemas::kyc::PROFILE`]. Names are shown as
//! printed: those read from the machine-readable zone are upper case.

use std::fmt;

use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::{Map, Value, json};
use warifu_schemas::kyc as schema;

use crate::face_template::{self, FaceTemplateClaim};
use crate::person::{CountryCode, PlaceOfBirth, Sex, data_url, text};
use crate::profile::{Error, ProfileClaims, floor};

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
    /// The claims of the credential; ages as of the day `on`.
    ///
    /// [`Error::Claim`] names a text that is empty or longer than [`crate::person::MAX_TEXT`], a birth date after `on`, an empty list,
    /// an empty place of birth, or a picture that is no JPEG or larger than
    /// [`crate::person::MAX_PICTURE`].
    pub fn to_claims(&self, on: Date) -> Result<ProfileClaims, Error> {
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
        put("attestation_legal_category", Value::from(schema::LEGAL_CATEGORY));
        if let Some(template) = &self.face_template {
            put(face_template::CLAIM, template.to_value());
        }
        Ok(ProfileClaims::new(&schema::PROFILE, values))
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
    schema::AGES.iter().map(|age| (age.to_string(), Value::from(years >= i32::from(*age)))).collect()
}

#[cfg(test)]
pub(crate) mod tests;
