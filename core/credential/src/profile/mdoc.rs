//! The claims of a profile as mdoc elements: one namespace, named as the document type.

use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::{Map, Value as Json};
use warifu_keys::cbor::Value;
use warifu_keys::{Entropy, base64url};
use warifu_schemas::{Attribute, Kind, Profile, Step};

use super::{Error, Minting, ProfileClaims};
use crate::mdoc::{self, DataElements, Issuance, KeyAuthorizations, Validity};
use crate::sd_jwt::IssuerKey;
use crate::selfie_reauth;
use crate::status::StatusReferences;

/// Tag of a date and time text (RFC 8949 section 3.4.1).
const TDATE: u64 = 0;
/// Tag of a calendar date text (RFC 8943).
const FULL_DATE: u64 = 1004;
/// How a picture begins in JSON.
const JPEG_URL: &str = "data:image/jpeg;base64,";

impl ProfileClaims {
    /// The elements of an mdoc: one for each row of the profile's table that has an element and a value.
    ///
    /// [`Error::Claim`] names a value that is not of its row's kind.
    pub fn to_mdoc(&self) -> Result<DataElements, Error> {
        let profile = self.profile();
        let mut elements = DataElements::new();
        for (row, element) in profile.attributes.iter().filter_map(|row| Some((row, row.element?))) {
            if let Some(value) = claim(self.values(), row.path) {
                let value = element_value(profile, row, value).ok_or(Error::Claim(element))?;
                elements = elements.with(profile.doctype, element, value);
            }
        }
        Ok(elements)
    }
}

/// Makes the bytes of an mdoc's `IssuerSigned`, with fresh randoms and digest identifiers.
///
/// The instants are those of the SD-JWT VC of the same [`Minting`], within the validity of the signer's certificate. A profile with a face template lets the device key
/// sign the answers of [`selfie_reauth`]; a PID key signs nothing but sessions (PID rulebook 1.7 chapter 5).
pub fn mint_mdoc(
    claims: &ProfileClaims,
    minting: &Minting<'_>,
    issuer: IssuerKey<'_>,
    entropy: &dyn Entropy,
) -> Result<Vec<u8>, Error> {
    let profile = claims.profile();
    let status = minting.status.cloned().map(StatusReferences::status_list);
    let mut key_authorizations = KeyAuthorizations::default();
    if profile.element(crate::face_template::CLAIM).is_some() {
        key_authorizations.name_spaces.push(selfie_reauth::NAMESPACE.to_owned());
    }
    let issuance = Issuance {
        doc_type: profile.doctype,
        device_key: minting.holder_key,
        key_authorizations: &key_authorizations,
        validity: validity(minting, issuer)?,
        status: status.as_ref(),
    };
    Ok(mdoc::issue(&claims.to_mdoc()?, &issuance, issuer, entropy)?)
}

/// The instants of `minting` as far as the signer's certificate lasts: the day that a certificate began has less to it,
/// and nobody reads an mdoc that was signed before its signer.
fn validity(minting: &Minting<'_>, issuer: IssuerKey<'_>) -> Result<Validity, mdoc::Error> {
    let leaf = issuer.chain.first().ok_or(mdoc::Error::IssuerChain("it is empty"))?;
    let from = minting.valid_from().max(leaf.not_before()?);
    let valid_until = minting.valid_until().min(leaf.not_after()?);
    Ok(Validity { signed: from, valid_from: from, valid_until, expected_update: None })
}

/// A claim's value in CBOR: text as text, dates with tag 1004, instants with tag 0, pictures as bytes, and objects and
/// arrays by the rows of their parts. `None` if the value is not of the row's kind or a part has no row.
#[must_use]
pub fn element_value(profile: &Profile, row: &Attribute, value: &Json) -> Option<Value> {
    let tagged = |tag, text: &str| Value::Tag(tag, Box::new(text.into()));
    match row.kind {
        Kind::Text | Kind::Country => Some(value.as_str()?.into()),
        Kind::Date => {
            let text = value.as_str()?;
            // What jiff reads leniently has to be the very text that is written.
            (text.parse::<Date>().ok()?.to_string() == text).then(|| tagged(FULL_DATE, text))
        }
        Kind::Instant => {
            let instant: Timestamp = value.as_str()?.parse().ok()?;
            Some(tagged(TDATE, &Timestamp::from_second(instant.as_second()).ok()?.to_string()))
        }
        Kind::Number => Some(value.as_u64()?.into()),
        Kind::Boolean => Some(value.as_bool()?.into()),
        Kind::Picture => match value.as_str()? {
            // A person who opted out has an empty picture (PID rulebook 1.7 section 2.3).
            "" => Some(Value::Bytes(Vec::new())),
            url => Some(Value::Bytes(base64url::decode_standard(url.strip_prefix(JPEG_URL)?).ok()?)),
        },
        Kind::Object => {
            let members = value.as_object()?.iter().map(|(name, value)| {
                let part = part(profile, row, |step| matches!(step, Step::Name(found) if found == name))?;
                Some((Value::from(name.as_str()), element_value(profile, part, value)?))
            });
            members.collect::<Option<_>>().map(Value::Map)
        }
        Kind::Array => {
            let part = part(profile, row, |step| matches!(step, Step::Every))?;
            let entries = value.as_array()?.iter().map(|value| element_value(profile, part, value));
            entries.collect::<Option<_>>().map(Value::Array)
        }
        Kind::Opaque => mdoc::from_json(value),
    }
}

/// The claim at a path of names; no element stands for an array's entry.
fn claim<'a>(values: &'a Map<String, Json>, path: &[Step]) -> Option<&'a Json> {
    let mut steps = path.iter().map(|step| match step {
        Step::Name(name) => Some(*name),
        Step::Every => None,
    });
    let first = values.get(steps.next()??)?;
    steps.try_fold(first, |value, name| value.get(name?))
}

/// The row of a part of `row`: one step deeper.
fn part<'a>(profile: &'a Profile, row: &Attribute, is: impl Fn(&Step) -> bool) -> Option<&'a Attribute> {
    profile.attributes.iter().find(|part| match part.path {
        [above @ .., last] => above == row.path && is(last),
        [] => false,
    })
}

#[cfg(test)]
mod tests;
