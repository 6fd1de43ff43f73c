//! What is minted, as data: the attributes of each credential profile and the type metadata built from them.
//!
//! One table per profile serves every encoding: SD-JWT VC claim paths, mdoc element identifiers, labels for people. The
//! code that makes and reads credentials takes names and disclosure rules from here, so they can not drift apart.

pub mod json_ld;
pub mod kyc;
pub mod pid;
mod type_metadata;

pub use type_metadata::type_metadata;

/// A credential profile: what it is called in each format, and what stands in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Profile {
    /// The profile's name for people.
    pub name: Label,
    /// What a credential of it is, in a sentence.
    pub description: Label,
    /// mdoc document type, which is also the name of its one namespace.
    pub doctype: &'static str,
    /// Every attribute, parents before their parts.
    pub attributes: &'static [Attribute],
    /// The card picture as an SVG template: text placeholders only, no script, nothing fetched from elsewhere.
    pub card: Option<&'static str>,
}

/// Every profile, the one that credentials are minted by unless somebody asks for another first.
pub const PROFILES: [&Profile; 2] = [&kyc::PROFILE, &pid::PROFILE];

impl Profile {
    /// The profile whose mdocs are of this document type, and whose elements are in the namespace of the same name.
    #[must_use]
    pub fn of_doctype(doctype: &str) -> Option<&'static Self> {
        PROFILES.into_iter().find(|profile| profile.doctype == doctype)
    }

    /// The row of a path, if the profile has one.
    #[must_use]
    pub fn attribute(&self, path: &[Step]) -> Option<&'static Attribute> {
        self.attributes.iter().find(|attribute| attribute.path == path)
    }

    /// The row of an mdoc element, if the profile has one.
    #[must_use]
    pub fn element(&self, identifier: &str) -> Option<&'static Attribute> {
        self.attributes.iter().find(|attribute| attribute.element == Some(identifier))
    }
}

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
    /// Element identifier in the mdoc namespace; `None` for parts of another element and for objects whose parts are
    /// elements of their own.
    pub element: Option<&'static str>,
    /// Placeholder in the card picture, when it is shown there.
    pub svg_id: Option<&'static str>,
}

/// Rows are written by what they always say, then what only some say.
impl Attribute {
    const fn mandatory(
        path: &'static [Step],
        kind: Kind,
        element: &'static str,
        en: &'static str,
        ja: &'static str,
    ) -> Self {
        Self { mandatory: true, ..Self::optional(path, kind, element, en, ja) }
    }

    const fn optional(
        path: &'static [Step],
        kind: Kind,
        element: &'static str,
        en: &'static str,
        ja: &'static str,
    ) -> Self {
        Self { element: Some(element), ..Self::part(path, kind, en, ja) }
    }

    /// A row without an mdoc element of its own.
    const fn part(path: &'static [Step], kind: Kind, en: &'static str, ja: &'static str) -> Self {
        Self {
            path,
            kind,
            mandatory: false,
            disclosure: Disclosure::Always,
            label: Label { en, ja },
            meaning: None,
            element: None,
            svg_id: None,
        }
    }

    const fn required(self) -> Self {
        Self { mandatory: true, ..self }
    }

    const fn meaning(self, en: &'static str, ja: &'static str) -> Self {
        Self { meaning: Some(Label { en, ja }), ..self }
    }

    const fn shown(self, svg_id: &'static str) -> Self {
        Self { svg_id: Some(svg_id), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_hold_together() {
        for profile in PROFILES {
            let rows = profile.attributes;
            for (at, row) in rows.iter().enumerate() {
                let [parents @ .., _] = row.path else { panic!("an empty path") };
                let above = |path: &[Step]| rows[..at].iter().find(|other| other.path == path);
                assert!(above(row.path).is_none(), "twice: {row:?}");
                assert!(parents.is_empty() || above(parents).is_some(), "no parent: {row:?}");
                assert!(!row.mandatory || parents.is_empty() || above(parents).unwrap().mandatory, "{row:?}");
                // A value is in exactly one mdoc element: its own, or the one of an object or array around it.
                let around = (1..row.path.len()).filter_map(|len| above(&row.path[..len])?.element).count();
                let whole = row.kind == Kind::Object
                    && rows[at..]
                        .iter()
                        .any(|part| part.path.starts_with(row.path) && part.element.is_some() && part.path != row.path);
                let own = usize::from(row.element.is_some());
                let spared = row.path == [Step::Name("address"), Step::Name("house_number")];
                assert_eq!(own + around, usize::from(!whole && !spared), "{row:?}");
                if let Some(element) = row.element {
                    assert_eq!(profile.element(element), Some(row), "two elements are called `{element}`");
                }
            }
        }
    }
}
