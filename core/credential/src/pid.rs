//! The `pid-sandbox` profile: person identification data exactly in the shapes of the PID rulebook 1.7, for tests of
//! interoperability. A private issuer is not a PID provider, so a credential of this profile proves nothing.
//!
//! What the rulebook leaves open is taken as: no claim about age (CIR 2024/2977 has none), portraits as JPEG, an opted-out
//! portrait present and empty.

use std::fmt;

use jiff::civil::Date;
use serde_json::{Map, Value};
use warifu_schemas::pid as schema;

use crate::person::{CountryCode, PlaceOfBirth, Sex, data_url, text};
use crate::profile::{Error, ProfileClaims};

/// The portrait of the PID rulebook: there, or left out by the person.
#[derive(Clone, PartialEq, Eq)]
pub enum Portrait {
    /// JPEG bytes.
    Jpeg(Vec<u8>),
    /// The person opted out: the attribute is present and empty.
    OptedOut,
}

/// Where a person lives; every part is optional, the whole has at least one.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Address {
    /// The whole address in one text.
    pub formatted: Option<String>,
    /// Country.
    pub country: Option<CountryCode>,
    /// State, province or district.
    pub region: Option<String>,
    /// City, town or village.
    pub locality: Option<String>,
    /// Postal code.
    pub postal_code: Option<String>,
    /// Street.
    pub street_address: Option<String>,
    /// House number; the mdoc encoding has no element for it.
    pub house_number: Option<String>,
}

/// Person identification data (PID rulebook 1.7, chapter 2).
#[derive(Clone, PartialEq, Eq)]
pub struct PidClaims {
    /// Current family name.
    pub family_name: String,
    /// Current given names.
    pub given_name: String,
    /// Date of birth.
    pub birthdate: Date,
    /// Place of birth.
    pub place_of_birth: PlaceOfBirth,
    /// Nationalities, at least one; [`CountryCode::UNKNOWN`] and [`CountryCode::STATELESS`] included.
    pub nationalities: Vec<CountryCode>,
    /// Portrait.
    pub portrait: Portrait,
    /// Where the person lives.
    pub address: Option<Address>,
    /// Number that the state uses for the person.
    pub personal_administrative_number: Option<String>,
    /// Family name at birth.
    pub birth_family_name: Option<String>,
    /// Given names at birth.
    pub birth_given_name: Option<String>,
    /// Sex.
    pub sex: Option<Sex>,
    /// E-mail address.
    pub email: Option<String>,
    /// Mobile phone number with `+` and country code, digits only.
    pub phone_number: Option<String>,
    /// Who issues this data.
    pub issuing_authority: String,
    /// Country of who issues this data.
    pub issuing_country: CountryCode,
    /// Region of who issues this data.
    pub issuing_jurisdiction: Option<String>,
    /// First day of the data's administrative validity.
    pub date_of_issuance: Option<Date>,
    /// Last day of the data's administrative validity.
    pub date_of_expiry: Option<Date>,
    /// Number that the issuer gave to this data.
    pub document_number: Option<String>,
}

/// Shows nothing: all of it is personal data.
impl fmt::Debug for PidClaims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PidClaims(..)")
    }
}

impl PidClaims {
    /// The claims of the credential.
    ///
    /// [`Error::Claim`] names a text that is empty or longer than [`crate::person::MAX_TEXT`], an empty list, place or
    /// address, a picture that is no JPEG, or a phone number that is not `+` and digits.
    pub fn to_claims(&self) -> Result<ProfileClaims, Error> {
        let mut values = Map::new();
        let mut put = |name: &str, value: Value| {
            values.insert(name.to_owned(), value);
        };
        put("family_name", text("family_name", &self.family_name)?);
        put("given_name", text("given_name", &self.given_name)?);
        put("birthdate", Value::from(self.birthdate.to_string()));
        put("place_of_birth", self.place_of_birth.to_value()?);
        if self.nationalities.is_empty() {
            return Err(Error::Claim("nationalities"));
        }
        put("nationalities", self.nationalities.iter().map(|country| Value::from(country.as_str())).collect());
        put(
            "picture",
            match &self.portrait {
                Portrait::Jpeg(jpeg) => data_url(jpeg)?,
                Portrait::OptedOut => Value::from(""),
            },
        );
        if let Some(address) = &self.address {
            put("address", address.to_value()?);
        }
        if let Some(sex) = self.sex {
            put("sex", Value::from(sex.number()));
        }
        if let Some(number) = &self.phone_number {
            let digits = number.strip_prefix('+').unwrap_or_default();
            if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(Error::Claim("phone_number"));
            }
            put("phone_number", text("phone_number", number)?);
        }
        put("issuing_authority", text("issuing_authority", &self.issuing_authority)?);
        put("issuing_country", Value::from(self.issuing_country.as_str()));
        for (name, value) in [
            ("personal_administrative_number", &self.personal_administrative_number),
            ("birth_family_name", &self.birth_family_name),
            ("birth_given_name", &self.birth_given_name),
            ("email", &self.email),
            ("issuing_jurisdiction", &self.issuing_jurisdiction),
            ("document_number", &self.document_number),
        ] {
            if let Some(value) = value {
                put(name, text(name, value)?);
            }
        }
        for (name, date) in [("date_of_issuance", self.date_of_issuance), ("date_of_expiry", self.date_of_expiry)] {
            if let Some(date) = date {
                put(name, Value::from(date.to_string()));
            }
        }
        put("attestation_legal_category", Value::from(schema::LEGAL_CATEGORY));
        Ok(ProfileClaims::new(&schema::PROFILE, values))
    }
}

impl Address {
    fn to_value(&self) -> Result<Value, Error> {
        let mut parts = Map::new();
        for (name, part) in [
            ("formatted", &self.formatted),
            ("region", &self.region),
            ("locality", &self.locality),
            ("postal_code", &self.postal_code),
            ("street_address", &self.street_address),
            ("house_number", &self.house_number),
        ] {
            if let Some(part) = part {
                parts.insert(name.to_owned(), text("address", part)?);
            }
        }
        if let Some(country) = self.country {
            parts.insert("country".to_owned(), Value::from(country.as_str()));
        }
        if parts.is_empty() { Err(Error::Claim("address")) } else { Ok(Value::Object(parts)) }
    }
}

#[cfg(test)]
pub(crate) mod tests;
