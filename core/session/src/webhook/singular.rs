//! The decision in the shape of the second generation: one object per feature.

use serde_json::{Map, Value};

/// Plural name of the third generation, singular one of the second.
const NAMES: [(&str, &str); 12] = [
    ("id_verifications", "id_verification"),
    ("nfc_verifications", "nfc"),
    ("liveness_checks", "liveness"),
    ("face_matches", "face_match"),
    ("ip_analyses", "ip_analysis"),
    ("aml_screenings", "aml"),
    ("phone_verifications", "phone"),
    ("email_verifications", "email"),
    ("poa_verifications", "poa"),
    ("database_validations", "database_validation"),
    ("questionnaire_responses", "questionnaire"),
    ("document_ai_documents", "document_ai"),
];

/// A decision of the third generation in the shape of the second: the first item of every feature under its singular name,
/// `null` where there is none. What is no feature stays; what is no decision comes back unchanged.
///
/// The second generation knows one node per feature, so the items of further nodes are left out.
#[must_use]
pub fn singular(decision: Value) -> Value {
    let Value::Object(members) = decision else { return decision };
    let shaped: Map<String, Value> = members
        .into_iter()
        .map(|(name, value)| match NAMES.iter().find(|(plural, _)| *plural == name) {
            Some((_, singular)) => ((*singular).to_owned(), first(value)),
            None => (name, value),
        })
        .collect();
    Value::Object(shaped)
}

fn first(items: Value) -> Value {
    match items {
        Value::Array(items) => items.into_iter().next().unwrap_or_default(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => items,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::fixture;

    #[test]
    fn one_object_per_feature() {
        let plural = serde_json::to_value(fixture::decision()).unwrap();
        let shaped = singular(plural.clone());
        assert_eq!(shaped["id_verification"], plural["id_verifications"][0]);
        assert_eq!(shaped["liveness"]["score"], 97.5);
        assert_eq!(shaped["face_match"]["score"], 88.25);
        assert_eq!(shaped["status"], "Approved");
        assert_eq!(shaped["features"], plural["features"]);
        for (name, _) in NAMES {
            assert_eq!(shaped.get(name), None, "{name}");
        }
        let open = singular(json!({ "id_verifications": null, "face_matches": [], "reviews": [] }));
        assert_eq!(open, json!({ "id_verification": null, "face_match": null, "reviews": [] }));
        let read = singular(json!({ "document_ai_documents": [{ "status": "Approved" }] }));
        assert_eq!(read, json!({ "document_ai": { "status": "Approved" } }));
        assert_eq!(singular(json!("x")), "x");
    }
}
