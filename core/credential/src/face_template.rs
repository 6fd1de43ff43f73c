//! The claim `face_template`: what binds a KYC attestation to a face.
//!
//! The claim is selectively disclosable and no verifier needs it: its digest in the issuer-signed `_sd` array is the
//! commitment, the disclosure stays with the holder (see [`crate::selfie_reauth`]). Protection of templates at rest is
//! the business of the store that keeps the credential.

use std::fmt;
use std::str::FromStr;

use jiff::civil::Date;
use serde_json::{Map, Value, json};
use warifu_keys::{Secret, base64url};

use crate::sd_jwt::Held;
use crate::{Verified, mdoc};

/// Name of the claim.
pub const CLAIM: &str = "face_template";
/// Most values of a template.
pub const MAX_DIMENSION: usize = 4096;

/// Why a template claim or its digest was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The credential has no such claim, or it can not be withheld.
    #[error("the credential has no face template")]
    Missing,
    /// A member is missing or of the wrong kind.
    #[error("member `{0}` of the face template is missing or malformed")]
    Member(&'static str),
    /// `format` is not `i8`.
    #[error("template format `{0}` is not supported")]
    Format(String),
    /// `value` does not hold `dimension` values.
    #[error("{found} values where {expected} are promised")]
    Dimension {
        /// `dimension`.
        expected: usize,
        /// Values found.
        found: usize,
    },
    /// The model identifier is not `<name>@sha256-<base64url of 32 bytes>`.
    #[error("not a model identifier")]
    Model,
}

/// Which model made a template: `<name>@sha256-<base64url of the weights' SHA-256>`. Templates of different models are
/// never compared.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ModelId(String);

impl ModelId {
    /// The identifier of a model by its name (lower-case letters, digits, `.`, `_`, `-`) and the hash of its weights.
    pub fn new(name: &str, sha256: &[u8; 32]) -> Result<Self, Error> {
        format!("{name}@sha256-{}", base64url::encode(sha256)).parse()
    }

    /// The whole identifier.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ModelId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let (name, hash) = text.split_once("@sha256-").ok_or(Error::Model)?;
        let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '_' | '-');
        let named = (1..=64).contains(&name.len()) && name.chars().all(good);
        let hashed = base64url::decode(hash).is_ok_and(|hash| hash.len() == 32);
        if named && hashed { Ok(Self(text.to_owned())) } else { Err(Error::Model) }
    }
}

impl fmt::Display for ModelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Which picture a template was made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Source {
    /// The live selfie of the KYC session.
    Selfie,
    /// The printed portrait of the identity document.
    DocumentPortrait,
    /// The portrait read from the document's chip.
    ChipPortrait,
}

impl Source {
    /// The word in the claim.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Selfie => "selfie",
            Self::DocumentPortrait => "document_portrait",
            Self::ChipPortrait => "chip_portrait",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        [Self::Selfie, Self::DocumentPortrait, Self::ChipPortrait].into_iter().find(|source| source.name() == name)
    }
}

/// The claim's value: a template of 8-bit values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FaceTemplateClaim {
    model: ModelId,
    value: Secret,
    scale: u16,
    source: Source,
    captured_on: Date,
    quality: u8,
}

impl FaceTemplateClaim {
    /// A claim from its parts. `values` are the L2-normalised model output times `scale`, rounded and cut to -128 to
    /// 127; `quality` is 0 to 100. Empty or over-long templates, a zero scale and a higher quality are refused.
    pub fn new(
        model: ModelId,
        values: &[i8],
        scale: u16,
        source: Source,
        captured_on: Date,
        quality: u8,
    ) -> Result<Self, Error> {
        let bytes = values.iter().map(|value| value.cast_unsigned()).collect();
        Self::checked(model, Secret::new(bytes), scale, source, captured_on, quality)
    }

    fn checked(
        model: ModelId,
        value: Secret,
        scale: u16,
        source: Source,
        captured_on: Date,
        quality: u8,
    ) -> Result<Self, Error> {
        if !(1..=MAX_DIMENSION).contains(&value.expose().len()) {
            return Err(Error::Member("value"));
        }
        if scale == 0 {
            return Err(Error::Member("scale"));
        }
        if quality > 100 {
            return Err(Error::Member("quality"));
        }
        Ok(Self { model, value, scale, source, captured_on, quality })
    }

    /// Which model made it.
    #[must_use]
    pub fn model(&self) -> &ModelId {
        &self.model
    }

    /// How many values it has.
    #[must_use]
    pub fn dimension(&self) -> usize {
        self.value.expose().len()
    }

    /// The values; divide by [`FaceTemplateClaim::scale`] for the model's own range.
    pub fn values(&self) -> impl ExactSizeIterator<Item = i8> + '_ {
        self.value.expose().iter().map(|byte| byte.cast_signed())
    }

    /// What the model's values were multiplied with.
    #[must_use]
    pub fn scale(&self) -> u16 {
        self.scale
    }

    /// Which picture it was made from.
    #[must_use]
    pub fn source(&self) -> Source {
        self.source
    }

    /// The day the picture was taken, or read from the document.
    #[must_use]
    pub fn captured_on(&self) -> Date {
        self.captured_on
    }

    /// Quality of the picture, 0 to 100.
    #[must_use]
    pub fn quality(&self) -> u8 {
        self.quality
    }

    /// The claim's JSON value. Unlike this type it is not wiped, so let it live shortly.
    #[must_use]
    pub fn to_value(&self) -> Value {
        json!({
            "model": self.model.as_str(),
            "format": "i8",
            "dimension": self.dimension(),
            "value": base64url::encode(self.value.expose()),
            "scale": self.scale,
            "source": self.source.name(),
            "captured_on": self.captured_on.to_string(),
            "quality": self.quality,
        })
    }

    /// Reads the claim's JSON value.
    pub fn from_value(value: &Value) -> Result<Self, Error> {
        let map: &Map<String, Value> = value.as_object().ok_or(Error::Member(CLAIM))?;
        let text = |name: &'static str| map.get(name).and_then(Value::as_str).ok_or(Error::Member(name));
        let number = |name: &'static str| map.get(name).and_then(Value::as_u64).ok_or(Error::Member(name));
        let format = text("format")?;
        if format != "i8" {
            return Err(Error::Format(format.chars().take(20).collect()));
        }
        let bytes = Secret::new(base64url::decode(text("value")?).map_err(|_| Error::Member("value"))?);
        let found = bytes.expose().len();
        let expected = usize::try_from(number("dimension")?).map_err(|_| Error::Member("dimension"))?;
        if found != expected {
            return Err(Error::Dimension { expected, found });
        }
        Self::checked(
            text("model")?.parse()?,
            bytes,
            u16::try_from(number("scale")?).map_err(|_| Error::Member("scale"))?,
            Source::from_name(text("source")?).ok_or(Error::Member("source"))?,
            text("captured_on")?.parse().map_err(|_| Error::Member("captured_on"))?,
            u8::try_from(number("quality")?).map_err(|_| Error::Member("quality"))?,
        )
    }

    /// The template of a credential in the holder's hands; `None` if it has none.
    pub fn of(held: &Held) -> Result<Option<Self>, Error> {
        held.claims().get(CLAIM).map(Self::from_value).transpose()
    }
}

impl FaceTemplateClaim {
    /// The template of an mdoc in the holder's hands, in the namespace of its document type; `None` if it has none.
    pub fn of_mdoc(held: &mdoc::Held) -> Result<Option<Self>, Error> {
        held.claims().get(held.doc_type()).and_then(|elements| elements.get(CLAIM)).map(Self::from_value).transpose()
    }
}

/// The commitment of an mdoc: the digest that its issuer signed for the element `face_template`.
pub fn mdoc_template_digest(held: &mdoc::Held) -> Result<String, Error> {
    held.digest_of(held.doc_type(), CLAIM).ok_or(Error::Missing)
}

/// The commitment: the `_sd` digest of the `face_template` disclosure of a held credential.
pub fn template_digest(held: &Held) -> Result<String, Error> {
    held.digest_of(CLAIM).ok_or(Error::Missing)
}

/// What a presentation says about a template digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Commitment {
    /// The digest is issuer-signed and its claim was withheld, as it should be.
    ///
    /// Digests look alike: that it is the template's, and not another withheld claim's, is the wallet's word.
    Withheld,
    /// The template itself was sent, which nobody asked for and nobody needs.
    Disclosed,
    /// No such digest stands in the credential.
    Absent,
}

/// How the digest `template_digest` stands in a verified presentation.
#[must_use]
pub fn commitment(presentation: &Verified, template_digest: &str) -> Commitment {
    let disclosed = match presentation.mdoc() {
        Some(mdoc) => mdoc.elements().any(|(_, element, _)| element == CLAIM),
        None => presentation.claims().get(CLAIM).is_some(),
    };
    if disclosed {
        Commitment::Disclosed
    } else if presentation.withholds(template_digest) {
        Commitment::Withheld
    } else {
        Commitment::Absent
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn claim() -> FaceTemplateClaim {
        let model = ModelId::new("mobileface", &[7; 32]).unwrap();
        let values: Vec<i8> = (0..128).map(|i: i16| (i * 2 - 128) as i8).collect();
        FaceTemplateClaim::new(model, &values, 200, Source::Selfie, date(2026, 11, 22), 93).unwrap()
    }

    #[test]
    fn round_trip_and_silence() {
        let value = claim().to_value();
        assert_eq!(value["dimension"], 128);
        assert_eq!(value["captured_on"], "2026-11-22");
        let again = FaceTemplateClaim::from_value(&value).unwrap();
        assert_eq!(again, claim());
        assert_eq!(again.values().next(), Some(-128));
        assert_eq!(again.values().last(), Some(126));
        assert!(!format!("{again:?}").contains("gIK"), "{again:?}");
    }

    #[test]
    fn refuses() {
        let check = |name: &str, value: Value, expected: Error| {
            let mut claim = claim().to_value();
            claim[name] = value;
            assert_eq!(FaceTemplateClaim::from_value(&claim).unwrap_err(), expected, "{name}");
        };
        check("model", json!("mobileface"), Error::Model);
        check("model", json!("mobileface@sha256-AAAA"), Error::Model);
        check("model", json!(format!("Mobile Face@sha256-{}", base64url::encode(&[7; 32]))), Error::Model);
        check("format", json!("f32"), Error::Format("f32".to_owned()));
        check("dimension", json!(127), Error::Dimension { expected: 127, found: 128 });
        check("dimension", json!(-1), Error::Member("dimension"));
        check("value", json!("!"), Error::Member("value"));
        check("scale", json!(0), Error::Member("scale"));
        check("scale", json!(65536), Error::Member("scale"));
        check("source", json!("dream"), Error::Member("source"));
        check("captured_on", json!("2026-02-30"), Error::Member("captured_on"));
        check("quality", json!(101), Error::Member("quality"));
        assert_eq!(FaceTemplateClaim::from_value(&json!([])).unwrap_err(), Error::Member(CLAIM));
        let mut empty = claim().to_value();
        (empty["value"], empty["dimension"]) = (json!(""), json!(0));
        assert_eq!(FaceTemplateClaim::from_value(&empty).unwrap_err(), Error::Member("value"));
    }
}
