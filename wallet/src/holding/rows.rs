//! The values of a credential as they are shown, one by one, and what people call them.

use serde::Serialize;
use serde_json::Value;
use warifu_credential::sd_jwt::NEVER_SELECTIVE;
use warifu_credential::type_metadata::{TypeMetadata, path_text};
use warifu_credential::{ClaimPath, PathStep};
use warifu_keys::base64url;
use warifu_schemas::{Attribute, Kind, PROFILES, Profile, Step};

use super::FACE_TEMPLATE;

/// One value of a credential as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ClaimFact {
    /// Where it stands; in an mdoc the first two steps are namespace and element.
    pub path: ClaimPath,
    /// The path as people write it, such as `age_equal_or_over.18`, in an mdoc without the namespace.
    pub name: String,
    /// What people call it, in the language asked for; the name where neither the type nor our own profile says it.
    pub label: String,
    /// The value, as signed; of an mdoc in JSON (RFC 8949 section 6.1), its portrait as a `data:` URL.
    pub value: Value,
}

impl ClaimFact {
    /// Whether it is a picture of the person.
    #[must_use]
    pub fn is_picture(&self) -> bool {
        let named = attribute(&self.path).is_some_and(|attribute| attribute.kind == Kind::Picture);
        named || self.value.as_str().is_some_and(|text| text.starts_with("data:image/"))
    }
}

/// The values of an SD-JWT VC's `claims`, in the order of the type metadata, without registered claims and without the
/// face template. Arrays of plain values are one row.
pub(super) fn of_claims(claims: &Value, metadata: &TypeMetadata, language: &str) -> Vec<ClaimFact> {
    let mut leaves = Vec::new();
    if let Value::Object(members) = claims {
        for (name, value) in members {
            let registered = NEVER_SELECTIVE.contains(&name.as_str()) || name == "iat" || name == "_sd_alg";
            if !registered && name != FACE_TEMPLATE {
                collect(ClaimPath::claim(name), value, &mut leaves);
            }
        }
    }
    let place =
        |path: &ClaimPath| metadata.claims.iter().position(|claim| path.steps().starts_with(claim.path.steps()));
    let exact = |path: &ClaimPath| metadata.claims.iter().position(|claim| claim.path == *path);
    leaves
        .sort_by_key(|(path, _)| (place(path).unwrap_or(usize::MAX), exact(path).unwrap_or(usize::MAX), path.clone()));
    let fact = |(path, value): (ClaimPath, Value)| {
        let name = path_text(&path);
        let label = label(Some(metadata), &path, language).unwrap_or(&name).to_owned();
        ClaimFact { path, name, label, value }
    };
    leaves.into_iter().map(fact).collect()
}

/// The values of an mdoc's elements, `{namespace: {element: value}}`, in the order of our own profile of the namespace,
/// without the face template.
pub(super) fn of_elements(claims: &Value, language: &str) -> Vec<ClaimFact> {
    let mut leaves = Vec::new();
    for (namespace, elements) in claims.as_object().into_iter().flatten() {
        for (element, value) in elements.as_object().into_iter().flatten() {
            if element != FACE_TEMPLATE {
                collect(ClaimPath::claim(namespace).name(element), value, &mut leaves);
            }
        }
    }
    let place = |path: &ClaimPath| {
        let own = attribute(path);
        own.and_then(|own| PROFILES.iter().flat_map(|profile| profile.attributes).position(|row| row == own))
    };
    leaves.sort_by_key(|(path, _)| (place(path).unwrap_or(usize::MAX), path.clone()));
    let fact = |(path, value): (ClaimPath, Value)| {
        let below = ClaimPath::new(path.steps().iter().skip(1).cloned().collect());
        let name = path_text(below.as_ref().unwrap_or(&path));
        let label = label(None, &path, language).unwrap_or(&name).to_owned();
        let picture = attribute(&path).filter(|attribute| attribute.kind == Kind::Picture);
        let value = picture.and_then(|_| data_url(&value)).unwrap_or(value);
        ClaimFact { path, name, label, value }
    };
    leaves.into_iter().map(fact).collect()
}

/// The bytes of a portrait as pages show it (ISO/IEC 18013-5 section 7.2.2 has JPEG).
fn data_url(value: &Value) -> Option<Value> {
    let bytes = base64url::decode(value.as_str()?).ok().filter(|bytes| bytes.starts_with(b"\xff\xd8"))?;
    Some(Value::from(format!("data:image/jpeg;base64,{}", base64url::encode_standard(&bytes))))
}

/// What people call the claim at `path`: the word of its type where that is known and has one, else that of our own
/// profiles for a claim in the same place.
pub(crate) fn label<'a>(metadata: Option<&'a TypeMetadata>, path: &ClaimPath, language: &str) -> Option<&'a str> {
    let own = || attribute(path).map(|attribute| attribute.label.for_language(language));
    metadata.and_then(|metadata| metadata.label(path, language)).or_else(own)
}

/// The row for `path` in the first profile that has it; an entry of an array has the row of every entry. A path that
/// begins with the namespace of a profile leads to that profile's row of the element, and its parts below.
pub(crate) fn attribute(path: &ClaimPath) -> Option<&'static Attribute> {
    let steps = path.steps();
    if let [PathStep::Name(namespace), PathStep::Name(element), parts @ ..] = steps
        && let Some(profile) = Profile::of_doctype(namespace)
    {
        let whole = profile.element(element)?;
        let below = |row: &&Attribute| row.path.strip_prefix(whole.path).is_some_and(|below| lead(below, parts));
        return profile.attributes.iter().find(below);
    }
    PROFILES.iter().flat_map(|profile| profile.attributes).find(|row| lead(row.path, steps))
}

/// Whether the steps of a table's row are those of a path.
fn lead(known: &[Step], asked: &[PathStep]) -> bool {
    let same = |(known, asked): (&Step, &PathStep)| match (known, asked) {
        (Step::Name(known), PathStep::Name(asked)) => known == asked,
        (Step::Every, PathStep::Index(_) | PathStep::Every) => true,
        (Step::Name(_), PathStep::Index(_) | PathStep::Every) | (Step::Every, PathStep::Name(_)) => false,
    };
    known.len() == asked.len() && known.iter().zip(asked).all(same)
}

fn collect(path: ClaimPath, value: &Value, leaves: &mut Vec<(ClaimPath, Value)>) {
    match value {
        Value::Object(members) => {
            for (name, inner) in members {
                collect(path.clone().name(name), inner, leaves);
            }
        }
        Value::Array(entries) if entries.iter().any(|entry| entry.is_object() || entry.is_array()) => {
            for (index, inner) in entries.iter().enumerate() {
                collect(path.clone().index(index), inner, leaves);
            }
        }
        // An array whose entries are all withheld says nothing.
        Value::Array(entries) if entries.is_empty() => {}
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            leaves.push((path, value.clone()));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use warifu_credential::type_metadata::{Progress, Resolving};

    use super::*;

    #[test]
    fn claims_have_a_word_where_their_type_has_none() {
        let check = |path: ClaimPath, language: &str, expected: Option<&str>| {
            assert_eq!(label(None, &path, language), expected, "{path:?}");
        };
        check(ClaimPath::claim("family_name"), "en", Some("Family name"));
        check(ClaimPath::claim("family_name"), "ja", Some("姓"));
        check(ClaimPath::claim("assurance").name("checks"), "en", Some("Checks passed"));
        check(ClaimPath::claim("nationalities").index(1), "en", Some("Nationality"));
        check(ClaimPath::claim("nationalities").every(), "en", Some("Nationality"));
        check(ClaimPath::claim("nationalities").name("0"), "en", None);
        check(ClaimPath::claim("shoe_size"), "en", None);
        let element = |name: &str| ClaimPath::claim("org.warifu.kyc.1").name(name);
        check(element("birth_date"), "ja", Some("生年月日"));
        check(element("age_over_18"), "en", Some("18 or older"));
        check(element("assurance").name("level"), "en", Some("Level of assurance"));
        check(element("nationality").index(0), "en", Some("Nationality"));
        check(element("birthdate"), "en", None);
        check(ClaimPath::claim("org.iso.18013.5.1").name("birth_date"), "en", None);
        let document = json!({"vct": "https://a.example/vct/1", "claims": [
            {"path": ["family_name"], "display": [{"locale": "en", "label": "Surname"}]}, {"path": ["birthdate"]}]});
        let resolving = Resolving::start("https://a.example/vct/1", None).unwrap();
        let Ok(Progress::Done(metadata)) = resolving.feed(document.to_string().as_bytes()) else {
            panic!("it extends nothing");
        };
        assert_eq!(label(Some(&metadata), &ClaimPath::claim("family_name"), "en"), Some("Surname"));
        assert_eq!(label(Some(&metadata), &ClaimPath::claim("birthdate"), "en"), Some("Date of birth"));
    }

    #[test]
    fn elements_are_shown_in_the_order_of_the_profile() {
        let claims = json!({
            "org.example.1": {"shoe_size": 42, "face_template": {"model": "x"}},
            "org.warifu.kyc.1": {
                "age_over_18": true, "portrait": "_9j_", "family_name": "SPECIMEN-VALUE", "nationality": ["SE", "NO"],
                "assurance": {"level": "substantial"}, "face_template": {"model": "x", "value": "AAAA"},
            },
        });
        let rows = of_elements(&claims, "en");
        let names: Vec<(&str, &str)> = rows.iter().map(|row| (row.name.as_str(), row.label.as_str())).collect();
        let expected = [
            ("family_name", "Family name"),
            ("nationality", "Nationalities"),
            ("portrait", "Portrait"),
            ("age_over_18", "18 or older"),
            ("assurance.level", "Level of assurance"),
            ("shoe_size", "shoe_size"),
        ];
        assert_eq!(names, expected);
        assert_eq!(rows[2].value, json!("data:image/jpeg;base64,/9j/"));
        assert!(rows[2].is_picture() && !rows[0].is_picture());
    }
}
