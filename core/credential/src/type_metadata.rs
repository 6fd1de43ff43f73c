//! Type metadata of an SD-JWT VC (draft-ietf-oauth-sd-jwt-vc-19, section on type metadata): what a credential and its
//! claims are called, how its card looks, and what the type promises about its claims.
//!
//! ```text
//! Resolving::start(vct, vct#integrity) -> wanted() -> fetch -> feed(bytes) -> Progress::More(Resolving) -> …
//!                                                                          -> Progress::Done(TypeMetadata)
//! ```
//! A type may extend another, whose document is fetched in turn; only the whole chain gives a [`TypeMetadata`]. Where
//! the caller fetches from, and whether at all, is its own policy.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use warifu_keys::json::JsonError;

use crate::Verified;
use crate::authentic::Form;
use crate::claim_path::{ClaimPath, PathError, PathStep};
use crate::sd_jwt::{self, Held, Issued, Standing};

mod display;
mod document;
mod integrity;
mod resolve;
pub mod svg;

pub use display::{
    Color, ColorScheme, Contrast, Display, Logo, Orientation, Resource, Source, SvgProperties, SvgTemplate,
};
pub use integrity::{Integrity, IntegrityError};
pub use resolve::{MAX_EXTENDS, Progress, Resolving};

use display::pick;
use svg::SvgError;

/// Largest document read, in bytes; a card picture may lie inside.
pub const MAX_BYTES: usize = 512 * 1024;
/// Most claims and most languages read.
pub const MAX_ITEMS: usize = 200;
/// Longest text for people kept, in characters.
const MAX_TEXT: usize = 300;

/// Why type metadata was refused, or a credential by it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TypeMetadataError {
    /// Not acceptable JSON, or larger than [`MAX_BYTES`].
    #[error("the type metadata is unreadable: {0}")]
    Json(#[from] JsonError),
    /// It describes another type.
    #[error("the type metadata describes another type than the credential")]
    OtherType,
    /// A document is not the one that `vct#integrity`, `extends#integrity` or `uri#integrity` means.
    #[error("type metadata: {0}")]
    Integrity(#[from] IntegrityError),
    /// A member has the wrong shape.
    #[error("the type metadata has a wrong `{0}`")]
    Malformed(&'static str),
    /// A type that extends itself, directly or through others.
    #[error("the type metadata of `{0}` extends itself")]
    Circular(String),
    /// More than [`MAX_EXTENDS`] types above.
    #[error("the type metadata extends too many types")]
    TooManyExtends,
    /// Two descriptions of one claim in one document.
    #[error("the claim `{0}` is described twice")]
    DescribedTwice(String),
    /// Two claims with one `svg_id`.
    #[error("the identifier `{0}` belongs to two claims")]
    SvgIdTwice(String),
    /// An extending type takes back a promise of the extended one about `sd` or `mandatory`.
    #[error("the claim `{path}` may not change its `{member}`")]
    PromiseBroken {
        /// The claim.
        path: String,
        /// `sd` or `mandatory`.
        member: &'static str,
    },
    /// A path meets the wrong kind of value in the credential.
    #[error("the claim path `{path}` does not fit the credential: {source}")]
    Path {
        /// The path.
        path: String,
        /// Why.
        source: PathError,
    },
    /// A claim that the type calls mandatory is not in the credential.
    #[error("the credential lacks `{0}`, which its type calls mandatory")]
    MissingClaim(String),
    /// A claim is selectively disclosable where the type forbids it, or the other way round.
    #[error("the claim `{0}` is not disclosed the way its type promises")]
    Disclosability(String),
    /// The credential can not be read again.
    #[error("the credential can not be held against its type")]
    Credential,
    /// The card's picture can not be shown.
    #[error("card picture: {0}")]
    Svg(#[from] SvgError),
}

/// Whether a claim is selectively disclosable (section on claim selective disclosure metadata).
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

/// What a claim is called in one language.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Label {
    /// Language tag.
    pub locale: String,
    /// The word.
    pub label: String,
    /// What it means.
    pub description: Option<String>,
}

/// What is said about one claim.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClaimMetadata {
    /// Where the claim stands.
    pub path: ClaimPath,
    /// What it is called.
    pub labels: Vec<Label>,
    /// Whether the issuer always includes it.
    pub mandatory: bool,
    /// Whether it is selectively disclosable.
    pub sd: Sd,
    /// The name of its place in card pictures.
    pub svg_id: Option<String>,
}

/// What a type says about itself, everything that it extends included.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TypeMetadata {
    /// The type it describes.
    pub vct: String,
    /// The types that it extends, nearest first; a credential of this type is one of each of them.
    pub extends: Vec<String>,
    /// How the type is shown, by language.
    pub display: Vec<Display>,
    /// The claims, in the order in which they are to be shown.
    pub claims: Vec<ClaimMetadata>,
}

impl TypeMetadata {
    /// Holds a credential in the holder's hands against its type: every mandatory claim is there, and every claim can be
    /// withheld as promised (section on claim metadata).
    pub fn check_held(&self, held: &Held) -> Result<(), TypeMetadataError> {
        let issued = held.issued().map_err(unreadable)?;
        for claim in &self.claims {
            let found = claim.check_disclosability(&issued)?;
            // Of the holder nothing is withheld, so that what looks like it are decoys.
            if claim.mandatory && !found.iter().any(|standing| *standing != Standing::Withheld) {
                return Err(TypeMetadataError::MissingClaim(path_text(&claim.path)));
            }
        }
        Ok(())
    }

    /// Holds a presented credential against its type: what came can be withheld as promised. That a claim is absent
    /// proves nothing here, mandatory or not. Of another format there is no such type ([`TypeMetadataError::OtherType`]).
    pub fn check_presented<Issuer>(&self, verified: &Verified<Issuer>) -> Result<(), TypeMetadataError> {
        let issued = match &verified.form {
            Form::SdJwtVc(sd_jwt) => sd_jwt.issued().map_err(unreadable)?,
            Form::Mdoc(_) => return Err(TypeMetadataError::OtherType),
        };
        self.claims.iter().try_for_each(|claim| claim.check_disclosability(&issued).map(drop))
    }

    /// Name of the type for a reader of `language`.
    #[must_use]
    pub fn name(&self, language: &str) -> Option<&str> {
        Some(&self.display(language)?.name)
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
        let claim = self.claims.iter().find(fits)?;
        pick(&claim.labels, language, |label| &label.locale).map(|label| label.label.as_str())
    }

    /// What goes into the places of a card picture ([`svg::Template::render`]): for every identifier of the type the
    /// claim's value as text, or `None` where the credential does not show it.
    #[must_use]
    pub fn svg_values(&self, claims: &Value) -> BTreeMap<String, Option<String>> {
        let value = |claim: &ClaimMetadata| {
            let found = claim.path.select(claims).ok()?;
            let texts: Vec<String> = found.into_iter().filter_map(text_of).collect();
            (!texts.is_empty()).then(|| texts.join(", "))
        };
        self.claims.iter().filter_map(|claim| Some((claim.svg_id.clone()?, value(claim)))).collect()
    }

    /// How the credential's card looks to a reader of `language`.
    #[must_use]
    pub fn display(&self, language: &str) -> Option<&Display> {
        pick(&self.display, language, |display| &display.locale)
    }
}

impl ClaimMetadata {
    /// How the claims at this path stand in the credential, which must be as promised.
    fn check_disclosability(&self, issued: &Issued) -> Result<Vec<Standing>, TypeMetadataError> {
        let refuse = |source| TypeMetadataError::Path { path: path_text(&self.path), source };
        let found = issued.standing(&self.path).map_err(refuse)?;
        let kept = |standing: &Standing| match self.sd {
            Sd::Allowed => true,
            Sd::Always => *standing != Standing::Plain,
            Sd::Never => *standing == Standing::Plain,
        };
        if found.iter().all(kept) { Ok(found) } else { Err(TypeMetadataError::Disclosability(path_text(&self.path))) }
    }
}

/// The credential was read before, so this fails for none that was.
fn unreadable(_: sd_jwt::Error) -> TypeMetadataError {
    TypeMetadataError::Credential
}

/// A claim's value for people; objects have no text.
fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        Value::Array(items) => Some(items.iter().filter_map(text_of).collect::<Vec<_>>().join(", ")),
        Value::Null | Value::Object(_) => None,
    }
}

fn short(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(MAX_TEXT).collect()
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
mod tests;
