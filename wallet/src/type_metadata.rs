//! Type metadata of an SD-JWT VC (draft-ietf-oauth-sd-jwt-vc-18 section 4): what a credential's claims are called, and
//! what the type promises about them.
//!
//! Leaves out: `extends`, SVG templates, and integrity hashes of pictures, since no picture is fetched.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use warifu_credential::{ClaimPath, PathStep};
use warifu_keys::json::{self, JsonError};

/// Largest document read, in bytes.
pub const MAX_BYTES: usize = 256 * 1024;
/// Most claims and most languages read.
const MAX_ITEMS: usize = 200;
/// Longest label, in characters.
const MAX_LABEL: usize = 80;

/// Why type metadata was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TypeMetadataError {
    /// Not acceptable JSON.
    #[error("the type metadata is unreadable: {0}")]
    Json(#[from] JsonError),
    /// It describes another type.
    #[error("the type metadata describes another type than the credential")]
    OtherType,
    /// A member has the wrong shape.
    #[error("the type metadata has a wrong `{0}`")]
    Malformed(&'static str),
    /// A claim that the type calls mandatory is not in the credential.
    #[error("the credential lacks `{0}`, which its type calls mandatory")]
    MissingClaim(String),
    /// A claim is selectively disclosable where the type forbids it, or the other way round.
    #[error("the claim `{0}` is not disclosed the way its type promises")]
    Disclosability(String),
}

/// Whether a claim is selectively disclosable (section 4.6.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sd {
    /// Always.
    Always,
    /// The issuer decides.
    Allowed,
    /// Never.
    Never,
}

/// What is said about one claim.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClaimMetadata {
    /// Where the claim stands.
    pub path: ClaimPath,
    /// Labels by language tag.
    pub labels: BTreeMap<String, String>,
    /// Whether the issuer always includes it.
    pub mandatory: bool,
    /// Whether it is selectively disclosable.
    pub sd: Sd,
}

/// What a type says about itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TypeMetadata {
    /// The type it describes.
    pub vct: String,
    /// Names for people by language tag.
    pub names: BTreeMap<String, String>,
    /// The claims, in the order in which they are to be shown.
    pub claims: Vec<ClaimMetadata>,
}

impl TypeMetadata {
    /// Reads a type metadata document that was fetched for `vct`; any other `vct` inside is refused.
    pub fn parse(bytes: &[u8], vct: &str) -> Result<Self, TypeMetadataError> {
        if bytes.len() > MAX_BYTES {
            return Err(JsonError::TooLarge(bytes.len()).into());
        }
        let document = json::parse_object(bytes)?;
        if document.get("vct").and_then(Value::as_str) != Some(vct) {
            return Err(TypeMetadataError::OtherType);
        }
        let mut names = BTreeMap::new();
        if let Some(name) = document.get("name").and_then(Value::as_str) {
            names.insert("en".to_owned(), short(name));
        }
        for display in list(&document, "display")? {
            // Before draft 15 the member was called `lang`.
            let (locale, name) = (text(display, "locale").or(text(display, "lang")), text(display, "name"));
            let (Some(locale), Some(name)) = (locale, name) else {
                return Err(TypeMetadataError::Malformed("display"));
            };
            names.insert(short(locale), short(name));
        }
        let claims = list(&document, "claims")?.iter().map(ClaimMetadata::parse).collect::<Result<_, _>>()?;
        Ok(Self { vct: vct.to_owned(), names, claims })
    }

    /// What the type promises about presence, against the processed claims of a credential (all disclosures applied).
    pub fn check_mandatory(&self, claims: &Value) -> Result<(), TypeMetadataError> {
        match self.claims.iter().find(|claim| claim.mandatory && claim.path.select(claims).is_err()) {
            Some(missing) => Err(TypeMetadataError::MissingClaim(path_text(&missing.path))),
            None => Ok(()),
        }
    }

    /// What the type promises about withholding; `selective` holds the paths of everything that can be withheld.
    pub fn check_disclosability(&self, claims: &Value, selective: &[ClaimPath]) -> Result<(), TypeMetadataError> {
        for claim in &self.claims {
            for path in claim.path.resolve(claims).unwrap_or_default() {
                let kept = match claim.sd {
                    Sd::Allowed => true,
                    Sd::Always => selective.contains(&path),
                    Sd::Never => !selective.contains(&path),
                };
                if !kept {
                    return Err(TypeMetadataError::Disclosability(path_text(&path)));
                }
            }
        }
        Ok(())
    }

    /// Name of the type for a reader of `language`.
    #[must_use]
    pub fn name(&self, language: &str) -> Option<&str> {
        pick(&self.names, language)
    }

    /// Label of the claim at `path` for a reader of `language`. An entry of an array has the label of every entry.
    #[must_use]
    pub fn label(&self, path: &ClaimPath, language: &str) -> Option<&str> {
        let fits = |claim: &&ClaimMetadata| {
            let (known, asked) = (claim.path.steps(), path.steps());
            known.len() == asked.len()
                && known.iter().zip(asked).all(|(known, asked)| match (known, asked) {
                    (PathStep::Every, PathStep::Index(_) | PathStep::Every) => true,
                    (known, asked) => known == asked,
                })
        };
        self.claims.iter().find(fits).and_then(|claim| pick(&claim.labels, language))
    }
}

impl ClaimMetadata {
    fn parse(value: &Value) -> Result<Self, TypeMetadataError> {
        let malformed = TypeMetadataError::Malformed("claims");
        let claim = value.as_object().ok_or(malformed.clone())?;
        let path = claim.get("path").and_then(|path| ClaimPath::from_value(path).ok()).ok_or(malformed.clone())?;
        let mandatory = match claim.get("mandatory") {
            None => false,
            Some(Value::Bool(mandatory)) => *mandatory,
            Some(_) => return Err(malformed),
        };
        let sd = match claim.get("sd").map(Value::as_str) {
            None | Some(Some("allowed")) => Sd::Allowed,
            Some(Some("always")) => Sd::Always,
            Some(Some("never")) => Sd::Never,
            Some(_) => return Err(malformed),
        };
        let mut labels = BTreeMap::new();
        for display in list(claim, "display")? {
            let (locale, label) = (text(display, "locale").or(text(display, "lang")), text(display, "label"));
            let (Some(locale), Some(label)) = (locale, label) else { return Err(malformed) };
            labels.insert(short(locale), short(label));
        }
        Ok(Self { path, labels, mandatory, sd })
    }
}

fn list<'a>(object: &'a Map<String, Value>, name: &'static str) -> Result<&'a [Value], TypeMetadataError> {
    match object.get(name) {
        None => Ok(&[]),
        Some(Value::Array(items)) if items.len() <= MAX_ITEMS => Ok(items),
        Some(_) => Err(TypeMetadataError::Malformed(name)),
    }
}

fn text<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    value.get(name).and_then(Value::as_str)
}

fn short(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(MAX_LABEL).collect()
}

/// The text for `language`: same tag, same primary language, English, any.
fn pick<'a>(texts: &'a BTreeMap<String, String>, language: &str) -> Option<&'a str> {
    let primary = |tag: &str| tag.split('-').next().unwrap_or_default().to_ascii_lowercase();
    texts
        .get(language)
        .or_else(|| texts.iter().find(|(tag, _)| primary(tag) == primary(language)).map(|(_, text)| text))
        .or_else(|| texts.iter().find(|(tag, _)| primary(tag) == "en").map(|(_, text)| text))
        .or_else(|| texts.values().next())
        .map(String::as_str)
}

/// A path as people write it: `address.locality`, `nationalities[]`.
#[must_use]
pub fn path_text(path: &ClaimPath) -> String {
    path.steps().iter().fold(String::new(), |mut out, step| {
        match step {
            PathStep::Name(name) => {
                if !out.is_empty() {
                    out.push('.');
                }
                out.push_str(&short(name));
            }
            PathStep::Every => out.push_str("[]"),
            PathStep::Index(index) => out.push_str(&format!("[{index}]")),
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn document() -> Value {
        json!({"vct": "https://a.example/vct/1", "name": "Identity",
            "display": [{"locale": "ja", "name": "本人確認"}],
            "claims": [
                {"path": ["family_name"], "mandatory": true, "sd": "always",
                 "display": [{"locale": "en", "label": "Family name"}, {"locale": "ja", "label": "姓"}]},
                {"path": ["nationalities", null], "mandatory": true}]})
    }

    #[test]
    fn reads_names_and_promises() {
        let bytes = document().to_string();
        let metadata = TypeMetadata::parse(bytes.as_bytes(), "https://a.example/vct/1").unwrap();
        assert_eq!(metadata.name("ja-JP"), Some("本人確認"));
        assert_eq!(metadata.name("fr"), Some("Identity"));
        assert_eq!(metadata.label(&ClaimPath::claim("family_name"), "ja"), Some("姓"));
        let claims = json!({"family_name": "A", "nationalities": ["UT"]});
        metadata.check_mandatory(&claims).unwrap();
        let claims = json!({"family_name": "A", "nationalities": []});
        assert_eq!(
            metadata.check_mandatory(&claims),
            Err(TypeMetadataError::MissingClaim("nationalities[]".to_owned()))
        );
    }

    #[test]
    fn refuses() {
        let check = |change: &dyn Fn(&mut Value), expected: TypeMetadataError| {
            let mut document = document();
            change(&mut document);
            let refusal = TypeMetadata::parse(document.to_string().as_bytes(), "https://a.example/vct/1");
            assert_eq!(refusal.unwrap_err(), expected, "{document}");
        };
        check(&|d| d["vct"] = json!("https://b.example/vct/1"), TypeMetadataError::OtherType);
        check(&|d| d["claims"] = json!({}), TypeMetadataError::Malformed("claims"));
        check(&|d| d["claims"][0]["path"] = json!([]), TypeMetadataError::Malformed("claims"));
        check(&|d| d["claims"][0]["sd"] = json!("sometimes"), TypeMetadataError::Malformed("claims"));
        check(&|d| d["display"][0] = json!({"name": "x"}), TypeMetadataError::Malformed("display"));
    }
}
