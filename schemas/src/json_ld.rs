//! The JSON-LD context of a profile, built from the attribute table: what its terms mean where the credential is a W3C
//! verifiable credential (VCDM 2.0 section 5.3).
//!
//! Attributes of [`Kind::Opaque`] have no term: a format that always shows everything must not carry what no verifier
//! needs to see.

use serde_json::{Map, Value, json};

use crate::{Attribute, Kind, Profile, Step};

/// Path of the context below the issuer's base URL, for the `kyc` profile.
pub const KYC_CONTEXT_PATH: &str = "/contexts/kyc-identity/1";
/// The type of a W3C credential of the `kyc` profile.
pub const KYC_TYPE: &str = "KycIdentityCredential";

/// The context document, to be served at `url`; `credential_type` becomes a term beside the attributes.
#[must_use]
pub fn context(profile: &Profile, url: &str, credential_type: &str) -> Value {
    let mut terms = terms(profile, url, &[]);
    terms.insert("@version".to_owned(), json!(1.1));
    terms.insert("@protected".to_owned(), true.into());
    terms.insert(credential_type.to_owned(), json!({ "@id": format!("{url}#{credential_type}") }));
    json!({ "@context": terms })
}

/// The terms of the attributes directly below `parent`.
fn terms(profile: &Profile, url: &str, parent: &[Step]) -> Map<String, Value> {
    let mut terms = Map::new();
    for attribute in profile.attributes {
        if let [above @ .., Step::Name(name)] = attribute.path
            && above == parent
            && attribute.kind != Kind::Opaque
        {
            terms.insert((*name).to_owned(), term(profile, url, attribute));
        }
    }
    terms
}

fn term(profile: &Profile, url: &str, attribute: &Attribute) -> Value {
    let names = attribute.path.iter().filter_map(|step| match step {
        Step::Name(name) => Some(*name),
        Step::Every => None,
    });
    let mut term = json!({ "@id": format!("{url}#{}", names.collect::<Vec<_>>().join("-")) });
    let typed = |kind: Kind| match kind {
        Kind::Date => Some("http://www.w3.org/2001/XMLSchema#date"),
        Kind::Instant => Some("http://www.w3.org/2001/XMLSchema#dateTime"),
        Kind::Picture => Some("@id"),
        Kind::Text | Kind::Country | Kind::Number | Kind::Boolean | Kind::Object | Kind::Array | Kind::Opaque => None,
    };
    if let Some(datatype) = typed(attribute.kind) {
        term["@type"] = datatype.into();
    }
    match attribute.kind {
        Kind::Array => term["@container"] = "@set".into(),
        Kind::Object => {
            let mut parts = terms(profile, url, attribute.path);
            parts.insert("@protected".to_owned(), true.into());
            term["@context"] = Value::Object(parts);
        }
        Kind::Text
        | Kind::Date
        | Kind::Instant
        | Kind::Country
        | Kind::Number
        | Kind::Boolean
        | Kind::Picture
        | Kind::Opaque => {}
    }
    term
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kyc;

    #[test]
    fn every_attribute_but_the_hidden_one_has_a_term() {
        let url = "https://issuer.example/contexts/kyc-identity/1";
        let document = context(&kyc::PROFILE, url, KYC_TYPE);
        let terms = &document["@context"];
        for attribute in kyc::PROFILE.attributes {
            let mut place = terms;
            let mut named = true;
            for (at, step) in attribute.path.iter().enumerate() {
                match step {
                    Step::Name(name) if at == 0 => place = &place[*name],
                    Step::Name(name) => place = &place["@context"][*name],
                    Step::Every => named = false,
                }
            }
            assert_eq!(place.is_null(), attribute.kind == Kind::Opaque, "{:?}", attribute.path);
            assert!(!named || place.is_null() || place["@id"].as_str().unwrap().starts_with(url));
        }
        assert_eq!(terms["birthdate"]["@type"], "http://www.w3.org/2001/XMLSchema#date");
        assert_eq!(terms["nationalities"]["@container"], "@set");
        assert_eq!(terms["age_equal_or_over"]["@context"]["18"]["@id"], format!("{url}#age_equal_or_over-18"));
    }
}
