//! One type metadata document, before it was put together with those it extends.

use serde_json::{Map, Value};
use warifu_keys::json::{self, JsonError};

use super::display::Display;
use super::svg::is_svg_id;
use super::{Label, MAX_BYTES, MAX_ITEMS, Sd, TypeMetadataError, path_text, short};
use crate::claim_path::ClaimPath;

/// What a document says; members that it may leave to an extended type are optional.
pub(super) struct Document {
    pub(super) vct: String,
    pub(super) name: Option<String>,
    /// `extends` with its `extends#integrity`.
    pub(super) extends: Option<(String, Option<String>)>,
    pub(super) display: Option<Vec<Display>>,
    pub(super) claims: Vec<Claim>,
}

pub(super) struct Claim {
    pub(super) path: ClaimPath,
    pub(super) labels: Option<Vec<Label>>,
    pub(super) mandatory: Option<bool>,
    pub(super) sd: Option<Sd>,
    pub(super) svg_id: Option<String>,
}

impl Document {
    /// Reads a document that was fetched for `vct`; any other `vct` inside is refused.
    pub(super) fn parse(bytes: &[u8], vct: &str) -> Result<Self, TypeMetadataError> {
        if bytes.len() > MAX_BYTES {
            return Err(JsonError::TooLarge(bytes.len()).into());
        }
        let document = json::parse_object(bytes)?;
        if document.get("vct").and_then(Value::as_str) != Some(vct) {
            return Err(TypeMetadataError::OtherType);
        }
        let extends = match text(&document, "extends")? {
            Some(uri) => Some((uri.to_owned(), text(&document, "extends#integrity")?.map(str::to_owned))),
            None => None,
        };
        let display = match document.get("display") {
            Some(_) => Some(list(&document, "display")?.iter().map(Display::parse).collect::<Result<_, _>>()?),
            None => None,
        };
        let claims: Vec<Claim> = list(&document, "claims")?.iter().map(Claim::parse).collect::<Result<_, _>>()?;
        for (at, claim) in claims.iter().enumerate() {
            if claims.iter().take(at).any(|other| other.path == claim.path) {
                return Err(TypeMetadataError::DescribedTwice(path_text(&claim.path)));
            }
        }
        Ok(Self { vct: vct.to_owned(), name: text(&document, "name")?.map(short), extends, display, claims })
    }
}

impl Claim {
    fn parse(value: &Value) -> Result<Self, TypeMetadataError> {
        let malformed = TypeMetadataError::Malformed("claims");
        let claim = value.as_object().ok_or(malformed.clone())?;
        let path = claim.get("path").and_then(|path| ClaimPath::from_value(path).ok()).ok_or(malformed.clone())?;
        let mandatory = match claim.get("mandatory") {
            None => None,
            Some(Value::Bool(mandatory)) => Some(*mandatory),
            Some(_) => return Err(malformed),
        };
        let sd = match claim.get("sd").map(Value::as_str) {
            None => None,
            Some(Some("allowed")) => Some(Sd::Allowed),
            Some(Some("always")) => Some(Sd::Always),
            Some(Some("never")) => Some(Sd::Never),
            Some(_) => return Err(malformed),
        };
        let svg_id = match text(claim, "svg_id")? {
            None => None,
            Some(id) if is_svg_id(id) => Some(id.to_owned()),
            Some(_) => return Err(TypeMetadataError::Malformed("svg_id")),
        };
        let label = |display: &Value| {
            let display = display.as_object().ok_or(malformed.clone())?;
            // Before draft 15 the member was called `lang`.
            let locale = text(display, "locale")?.or(text(display, "lang")?).ok_or(malformed.clone())?;
            let label = text(display, "label")?.ok_or(malformed.clone())?;
            let description = text(display, "description")?.map(short);
            Ok::<Label, TypeMetadataError>(Label { locale: short(locale), label: short(label), description })
        };
        let labels = match claim.get("display") {
            Some(_) => Some(list(claim, "display")?.iter().map(label).collect::<Result<_, _>>()?),
            None => None,
        };
        Ok(Self { path, labels, mandatory, sd, svg_id })
    }
}

pub(super) fn list<'a>(object: &'a Map<String, Value>, name: &'static str) -> Result<&'a [Value], TypeMetadataError> {
    match object.get(name) {
        None => Ok(&[]),
        Some(Value::Array(items)) if items.len() <= MAX_ITEMS => Ok(items),
        Some(_) => Err(TypeMetadataError::Malformed(name)),
    }
}

pub(super) fn text<'a>(
    object: &'a Map<String, Value>,
    name: &'static str,
) -> Result<Option<&'a str>, TypeMetadataError> {
    match object.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(TypeMetadataError::Malformed(name)),
    }
}
