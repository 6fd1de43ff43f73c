//! SD-JWT VC type metadata (SD-JWT VC draft-19, section on type metadata), built from the attribute table.

use serde_json::{Value, json};

use crate::{Attribute, Label, Profile, Step};

/// Colours of the rendered card, as CSS colours.
const BACKGROUND: &str = "#16324f";
const TEXT: &str = "#ffffff";

/// The type metadata document of a profile, to be served at the URL `vct`, which comes back as the document's own `vct`.
#[must_use]
pub fn type_metadata(profile: &Profile, vct: &str) -> Value {
    let Profile { name, description, .. } = profile;
    let claims: Vec<Value> = profile.attributes.iter().map(claim).collect();
    let display = ["en", "ja"].map(|locale| {
        json!({
            "locale": locale,
            "name": name.for_language(locale),
            "description": description.for_language(locale),
            "rendering": rendering(profile.card),
        })
    });
    json!({
        "vct": vct,
        "name": name.en,
        "description": description.en,
        "display": display.to_vec(),
        "claims": claims,
    })
}

fn rendering(card: Option<&str>) -> Value {
    let simple = json!({ "background_color": BACKGROUND, "text_color": TEXT });
    match card {
        None => json!({ "simple": simple }),
        Some(card) => json!({
            "simple": simple,
            "svg_templates": [{
                "uri": data_url(card),
                "properties": { "orientation": "landscape", "color_scheme": "dark", "contrast": "high" },
            }],
        }),
    }
}

fn claim(attribute: &Attribute) -> Value {
    let path: Vec<Value> = attribute
        .path
        .iter()
        .map(|step| match step {
            Step::Name(name) => Value::from(*name),
            Step::Every => Value::Null,
        })
        .collect();
    let mut claim = json!({
        "path": path,
        "display": labels(&attribute.label, attribute.meaning.as_ref()),
        "mandatory": attribute.mandatory,
        "sd": attribute.disclosure.name(),
    });
    if let (Some(svg_id), Some(members)) = (attribute.svg_id, claim.as_object_mut()) {
        members.insert("svg_id".to_owned(), Value::from(svg_id));
    }
    claim
}

fn labels(label: &Label, meaning: Option<&Label>) -> Value {
    let one = |locale: &str, label: &str, description: Option<&str>| match description {
        Some(description) => json!({ "locale": locale, "label": label, "description": description }),
        None => json!({ "locale": locale, "label": label }),
    };
    json!([one("en", label.en, meaning.map(|text| text.en)), one("ja", label.ja, meaning.map(|text| text.ja))])
}

/// `svg` as a `data:` URL, so that showing a card tells nobody about it.
fn data_url(svg: &str) -> String {
    svg.trim().bytes().fold("data:image/svg+xml,".to_owned(), |mut url, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~/:=;,()".contains(&byte) {
            url.push(char::from(byte));
        } else {
            url.push_str(&format!("%{byte:02X}"));
        }
        url
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kyc;

    #[test]
    fn says_for_every_attribute_what_the_table_says() {
        let document = type_metadata(&kyc::PROFILE, "https://issuer.example/vct/kyc-identity/1");
        assert_eq!(document["vct"], "https://issuer.example/vct/kyc-identity/1");
        let claims = document["claims"].as_array().unwrap();
        assert_eq!(claims.len(), kyc::PROFILE.attributes.len());
        for (claim, attribute) in claims.iter().zip(kyc::PROFILE.attributes) {
            assert_eq!(claim["path"].as_array().unwrap().len(), attribute.path.len());
            assert_eq!(claim["display"][0]["label"], attribute.label.en);
            assert_eq!(claim["display"][1]["label"], attribute.label.ja);
            assert_eq!(claim["sd"], "always");
        }
        let nationality = json!(["nationalities", null]);
        assert!(claims.iter().any(|claim| claim["path"] == nationality));
    }

    #[test]
    fn every_placeholder_of_the_card_has_a_claim_and_the_other_way_round() {
        let wanted: Vec<&str> = kyc::PROFILE.attributes.iter().filter_map(|attribute| attribute.svg_id).collect();
        let card = kyc::PROFILE.card.unwrap();
        let used: Vec<&str> = card.split("{{").skip(1).filter_map(|rest| rest.split("}}").next()).collect();
        assert!(!wanted.is_empty());
        assert!(
            wanted.iter().all(|id| used.contains(id)) && used.iter().all(|id| wanted.contains(id)),
            "{wanted:?} {used:?}"
        );
        assert!(!card.contains("script") && !card.contains("href"));
    }

    #[test]
    fn data_urls_hold_no_raw_markup() {
        assert_eq!(data_url("<a b=\"{{c}}\"/>\n"), "data:image/svg+xml,%3Ca%20b=%22%7B%7Bc%7D%7D%22/%3E");
    }
}
