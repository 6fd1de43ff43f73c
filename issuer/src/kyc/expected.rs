//! What a client knows of the person beforehand: where they are reached, and what their document should say.
//!
//! Both are personal and kept sealed. What the document says otherwise is a signal of its own
//! ([`CheckName::ExpectedDetails`]), so it counts in the verdict by a setting of the workflow.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::Error;
use crate::kyc::check::{CheckName, Code, Outcome, Signal};
use crate::kyc::identity::Identity;

/// Longest value, in characters.
const VALUE: usize = 256;

/// What a client expects the document to say; `null` for what it does not expect.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Expected {
    /// Given names.
    pub first_name: Option<String>,
    /// Surname.
    pub last_name: Option<String>,
    /// Date of birth.
    pub date_of_birth: Option<Date>,
    /// `M` or `F`.
    pub gender: Option<String>,
    /// Nationality, ISO 3166-1 alpha-3.
    pub nationality: Option<String>,
    /// Issuing state of the document, ISO 3166-1 alpha-3.
    pub id_country: Option<String>,
    /// Number of the document or of the person.
    pub identification_number: Option<String>,
}

impl Expected {
    /// What the document says to each expectation, one signal for all that hold and one for each that does not.
    #[must_use]
    pub fn compare(&self, who: &Identity) -> Vec<Signal> {
        let differs =
            |expected: &Option<String>, found: &str| expected.as_ref().is_some_and(|it| plain(it) != plain(found));
        let number = self.identification_number.as_deref().map(plain);
        let numbers = [Some(plain(&who.document_number)), who.personal_number.as_deref().map(plain)];
        let rows = [
            (
                differs(&self.first_name, &who.given_name) || differs(&self.last_name, &who.family_name),
                Code::ExpectedNameDiffers,
            ),
            (self.date_of_birth.is_some() && self.date_of_birth != who.birth_date, Code::ExpectedBirthDateDiffers),
            (differs(&self.gender, who.sex.letter()), Code::ExpectedGenderDiffers),
            (differs(&self.nationality, &who.nationality), Code::ExpectedNationalityDiffers),
            (differs(&self.id_country, &who.issuing_state), Code::ExpectedCountryDiffers),
            (number.is_some() && !numbers.contains(&number), Code::ExpectedNumberDiffers),
        ];
        let said = |code| Signal::new(CheckName::ExpectedDetails, Outcome::Fail, code);
        let found: Vec<Signal> = rows.iter().filter(|(differs, _)| *differs).map(|(_, code)| said(*code)).collect();
        if found.is_empty() {
            return vec![Signal::new(CheckName::ExpectedDetails, Outcome::Pass, Code::ExpectedAgrees)];
        }
        found
    }
}

/// Letters and digits only, in one case: hyphens, spaces and fillers are spelled in many ways.
fn plain(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// `expected_details` of a request. Members that mean nothing here are passed over.
///
/// # Errors
/// [`Error::Field`] for a value that can not be right.
pub(crate) fn expected_details(value: Option<&Value>) -> Result<Option<Expected>, Error> {
    const FIELD: &str = "expected_details";
    let Some(body) = object(FIELD, value)? else { return Ok(None) };
    let country = |name: &str| match text(FIELD, body, name)? {
        Some(code) if code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_alphabetic()) => {
            Ok(Some(code.to_ascii_uppercase()))
        }
        Some(_) => Err(bad(FIELD, format!("{name}: enter an ISO 3166-1 alpha-3 code."))),
        None => Ok(None),
    };
    let date = text(FIELD, body, "date_of_birth")?.map(|text| text.parse::<Date>()).transpose();
    let gender = text(FIELD, body, "gender")?;
    if gender.as_deref().is_some_and(|letter| !matches!(letter, "M" | "F")) {
        return Err(bad(FIELD, "gender: must be one of M, F.".to_owned()));
    }
    let expected = Expected {
        first_name: text(FIELD, body, "first_name")?,
        last_name: text(FIELD, body, "last_name")?,
        date_of_birth: date.map_err(|_| bad(FIELD, "date_of_birth: use YYYY-MM-DD.".to_owned()))?,
        gender,
        nationality: country("nationality")?,
        id_country: country("id_country")?,
        identification_number: text(FIELD, body, "identification_number")?,
    };
    Ok(Some(expected).filter(|expected| *expected != Expected::default()))
}

/// `contact_details` of a request: kept for the client, never written to from here.
///
/// # Errors
/// [`Error::Field`] for a value that can not be right, and where a message is to be sent.
pub(crate) fn contact_details(value: Option<&Value>) -> Result<Option<Value>, Error> {
    const FIELD: &str = "contact_details";
    let Some(body) = object(FIELD, value)? else { return Ok(None) };
    if body.get("send_notification_emails").is_some_and(|send| *send != Value::Bool(false) && !send.is_null()) {
        let why = "send_notification_emails: this issuer sends no mail; send the session's link yourself.";
        return Err(bad(FIELD, why.to_owned()));
    }
    let mut kept = Map::new();
    for name in ["email", "email_lang", "phone"] {
        let Some(value) = text(FIELD, body, name)? else { continue };
        let fits = match name {
            "email" => value.split_once('@').is_some_and(|(user, host)| !user.is_empty() && host.contains('.')),
            // E.164: a plus and at most 15 digits.
            "phone" => value
                .strip_prefix('+')
                .is_some_and(|digits| (4..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit())),
            _ => value.len() <= 16,
        };
        if !fits {
            return Err(bad(FIELD, format!("{name}: not a valid value.")));
        }
        kept.insert(name.to_owned(), value.into());
    }
    Ok(Some(Value::Object(kept)))
}

fn object<'a>(field: &'static str, value: Option<&'a Value>) -> Result<Option<&'a Map<String, Value>>, Error> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Object(body)) => Ok(Some(body)),
        Some(_) => Err(bad(field, "Send an object.".to_owned())),
    }
}

fn text(field: &'static str, body: &Map<String, Value>, name: &str) -> Result<Option<String>, Error> {
    match body.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.trim().is_empty() => Ok(None),
        Some(Value::String(text)) if text.chars().count() <= VALUE => Ok(Some(text.trim().to_owned())),
        Some(Value::String(_)) => Err(bad(field, format!("{name}: ensure it has at most 256 characters."))),
        Some(_) => Err(bad(field, format!("{name}: not a valid string."))),
    }
}

fn bad(field: &'static str, why: String) -> Error {
    Error::Field { field, why }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kyc::identity::tests::identity;

    #[track_caller]
    fn check(expected: Value, codes: &[Code]) {
        let expected_details = expected_details(Some(&expected)).unwrap().unwrap_or_default();
        let found: Vec<Code> = expected_details.compare(&identity()).iter().map(|signal| signal.code).collect();
        assert_eq!(found, codes, "{expected}");
    }

    #[test]
    fn what_differs_is_named() {
        check(json!({}), &[Code::ExpectedAgrees]);
        check(json!({ "last_name": "eriksson", "first_name": "anna-maria", "gender": "F" }), &[Code::ExpectedAgrees]);
        check(json!({ "last_name": "Smith" }), &[Code::ExpectedNameDiffers]);
        check(json!({ "date_of_birth": "1974-08-13" }), &[Code::ExpectedBirthDateDiffers]);
        check(
            json!({ "gender": "M", "nationality": "esp" }),
            &[Code::ExpectedGenderDiffers, Code::ExpectedNationalityDiffers],
        );
        check(json!({ "id_country": "JPN" }), &[Code::ExpectedCountryDiffers]);
        check(json!({ "identification_number": "X" }), &[Code::ExpectedNumberDiffers]);
        check(json!({ "identification_number": "l898902c3" }), &[Code::ExpectedAgrees]);
    }

    #[test]
    fn what_can_not_be_right_is_refused() {
        for bad in [
            json!("x"),
            json!({ "first_name": 7 }),
            json!({ "first_name": "x".repeat(257) }),
            json!({ "gender": "female" }),
            json!({ "nationality": "Spain" }),
            json!({ "date_of_birth": "1.1.2000" }),
        ] {
            assert!(expected_details(Some(&bad)).is_err(), "{bad}");
        }
        for bad in [
            json!([]),
            json!({ "email": "nobody" }),
            json!({ "phone": "0123" }),
            json!({ "email": "a@b.example", "send_notification_emails": true }),
        ] {
            assert!(contact_details(Some(&bad)).is_err(), "{bad}");
        }
        assert!(
            contact_details(Some(&json!({ "email": "a@b.example", "phone": "+4915112345678" }))).unwrap().is_some()
        );
    }
}
