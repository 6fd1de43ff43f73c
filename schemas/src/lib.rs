//! What is minted, as data: the attributes of each credential profile and the type metadata built from them.
//!
//! One table per profile serves every encoding: SD-JWT VC claim paths, mdoc element identifiers, labels for people. The
//! code that makes and reads credentials takes names and disclosure rules from here, so they can not drift apart.

pub mod kyc;
mod type_metadata;

pub use type_metadata::type_metadata;

/// One component of an attribute's claims path pointer (OpenID4VP 1.0 section 7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step {
    /// A member of an object.
    Name(&'static str),
    /// Every entry of an array (`null` in JSON).
    Every,
}

/// What an attribute's value looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Text.
    Text,
    /// Calendar date, `YYYY-MM-DD`; tag 1004 in CBOR.
    Date,
    /// Instant in UTC without fractions (RFC 3339); tag 0 in CBOR.
    Instant,
    /// ISO 3166-1 alpha-2 country code, or one of the user-assigned codes of the PID rulebook (`QU`, `QS`).
    Country,
    /// Non-negative whole number.
    Number,
    /// True or false.
    Boolean,
    /// JPEG picture: a `data:` URL in JSON, a byte string in CBOR.
    Picture,
    /// Object whose members are attributes of their own.
    Object,
    /// Array whose entries are attributes of their own.
    Array,
    /// Object that is disclosed whole or not at all.
    Opaque,
}

/// Whether a claim can be withheld (SD-JWT VC draft-19, type metadata member `sd`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Disclosure {
    /// Always selectively disclosable.
    Always,
    /// Never selectively disclosable.
    Never,
}

impl Disclosure {
    /// The word of the type metadata document.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Always => "always",
            Self::Never => "never",
        }
    }
}

/// A text in the languages that the product speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Label {
    /// English.
    pub en: &'static str,
    /// Japanese.
    pub ja: &'static str,
}

impl Label {
    /// The text for a language tag: Japanese for `ja` and its variants, English for all others.
    #[must_use]
    pub fn for_language(&self, tag: &str) -> &'static str {
        match tag.split('-').next() {
            Some("ja" | "JA" | "Ja") => self.ja,
            Some(_) | None => self.en,
        }
    }
}

/// One row of a profile's table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attribute {
    /// Where the claim stands in the SD-JWT VC payload.
    pub path: &'static [Step],
    /// What its value looks like.
    pub kind: Kind,
    /// Whether the issuer always puts it in.
    pub mandatory: bool,
    /// Whether the holder can withhold it.
    pub disclosure: Disclosure,
    /// What people call it.
    pub label: Label,
    /// What it means, where the label does not say it.
    pub meaning: Option<Label>,
    /// Element identifier in the mdoc namespace; `None` for parts of another element.
    pub element: Option<&'static str>,
    /// Placeholder in the card picture, when it is shown there.
    pub svg_id: Option<&'static str>,
}
