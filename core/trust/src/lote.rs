//! The wire form of a list of trusted entities: ETSI TS 119 602 V1.1.1, JSON binding (schema `1960201_json_schema.json`).
//!
//! The types write exactly the members of the schema and read nothing else: the schema forbids additional members at
//! every level. Names are those of the schema. What the members mean in this project is in [`crate::list`] and
//! [`crate::entity`].

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use warifu_keys::Jwk;

/// The whole JSON document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Document {
    /// The list of trusted entities.
    #[serde(rename = "LoTE")]
    pub lote: Lote,
}

/// A list of trusted entities.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lote {
    /// The list itself and the scheme behind it.
    #[serde(rename = "ListAndSchemeInformation")]
    pub scheme: SchemeInformation,
    /// The entities; the schema forbids an empty array, so an empty list has no member.
    #[serde(rename = "TrustedEntitiesList", default, skip_serializing_if = "Vec::is_empty")]
    pub entities: Vec<TrustedEntity>,
}

/// `ListAndSchemeInformation` (clause 6.3).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub struct SchemeInformation {
    /// Version of the list format: 1.
    #[serde(rename = "LoTEVersionIdentifier")]
    pub version: u64,
    /// Starts at 1 and grows by 1 with each issue.
    #[serde(rename = "LoTESequenceNumber")]
    pub sequence: u64,
    /// What kind of list this is, a URI.
    #[serde(rename = "LoTEType", default, skip_serializing_if = "Option::is_none")]
    pub list_type: Option<String>,
    /// Who signs the list.
    pub scheme_operator_name: Vec<Text>,
    /// Where the operator can be reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheme_operator_address: Option<SchemeOperatorAddress>,
    /// Name of the scheme.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scheme_name: Vec<Text>,
    /// Where the scheme is explained.
    #[serde(rename = "SchemeInformationURI", default, skip_serializing_if = "Vec::is_empty")]
    pub scheme_information: Vec<Uri>,
    /// How statuses are determined, a URI.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status_determination_approach: Option<String>,
    /// The scheme's rules.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scheme_type_community_rules: Vec<Uri>,
    /// Two letters of the territory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheme_territory: Option<String>,
    /// Policies or legal notices.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub policy_or_legal_notice: Vec<PolicyOrLegalNotice>,
    /// For how many days history stays in the list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub historical_information_period: Option<u64>,
    /// Other lists.
    #[serde(rename = "PointersToOtherLoTE", default, skip_serializing_if = "Vec::is_empty")]
    pub pointers: Vec<Pointer>,
    /// When this list was issued.
    #[serde(with = "instant")]
    pub list_issue_date_time: Timestamp,
    /// When the next list comes at the latest; after that this one is no longer to be trusted.
    #[serde(with = "instant")]
    pub next_update: Timestamp,
    /// Where the list can be had.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub distribution_points: Vec<String>,
    /// Extensions of the scheme.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scheme_extensions: Vec<Value>,
}

/// A text in one language.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Text {
    /// Language tag (RFC 5646).
    pub lang: String,
    /// The text.
    pub value: String,
}

impl Text {
    /// One English text, the form in which this project writes names.
    #[must_use]
    pub fn english(value: &str) -> Vec<Self> {
        vec![Self { lang: "en".to_owned(), value: value.to_owned() }]
    }
}

/// An address of a page in one language.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Uri {
    /// Language tag (RFC 5646).
    pub lang: String,
    /// The address.
    #[serde(rename = "uriValue")]
    pub value: String,
}

impl Uri {
    /// One English address.
    #[must_use]
    pub fn english(value: &str) -> Vec<Self> {
        vec![Self { lang: "en".to_owned(), value: value.to_owned() }]
    }
}

/// `SchemeOperatorAddress`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SchemeOperatorAddress {
    /// Postal addresses, one per language.
    #[serde(rename = "SchemeOperatorPostalAddress")]
    pub postal: Vec<PostalAddress>,
    /// E-mail or web addresses.
    #[serde(rename = "SchemeOperatorElectronicAddress")]
    pub electronic: Vec<Uri>,
}

/// A postal address in one language.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub struct PostalAddress {
    /// Language tag (RFC 5646).
    #[serde(rename = "lang")]
    pub lang: String,
    /// Street and number.
    pub street_address: String,
    /// Town.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locality: Option<String>,
    /// State or province.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state_or_province: Option<String>,
    /// Postal code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub postal_code: Option<String>,
    /// Country, two letters.
    pub country: String,
}

/// One policy or one legal notice; the schema lets an array hold only one of the two kinds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum PolicyOrLegalNotice {
    /// Where the policy stands.
    #[serde(rename = "LoTEPolicy")]
    Policy(Uri),
    /// The notice itself.
    #[serde(rename = "LoTELegalNotice")]
    LegalNotice(String),
}

/// `OtherLoTEPointer`: where another list is and who signs it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pointer {
    /// Address of the other list.
    #[serde(rename = "LoTELocation")]
    pub location: String,
    /// Certificates or keys of its signer.
    #[serde(rename = "ServiceDigitalIdentities")]
    pub identities: Vec<DigitalIdentity>,
    /// What the other list is.
    #[serde(rename = "LoTEQualifiers")]
    pub qualifiers: Vec<Qualifier>,
}

/// `LoTEQualifier`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub struct Qualifier {
    /// Its type, a URI.
    #[serde(rename = "LoTEType")]
    pub list_type: String,
    /// Its operator.
    pub scheme_operator_name: Vec<Text>,
    /// Its rules.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scheme_type_community_rules: Vec<Uri>,
    /// Its territory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheme_territory: Option<String>,
    /// Its media type.
    pub mime_type: String,
}

/// One trusted entity and its services.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrustedEntity {
    /// Who it is.
    #[serde(rename = "TrustedEntityInformation")]
    pub information: EntityInformation,
    /// What it may do.
    #[serde(rename = "TrustedEntityServices")]
    pub services: Vec<EntityService>,
}

/// `TrustedEntityInformation`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EntityInformation {
    /// Legal name.
    #[serde(rename = "TEName")]
    pub name: Vec<Text>,
    /// Trade name.
    #[serde(rename = "TETradeName", default, skip_serializing_if = "Vec::is_empty")]
    pub trade_name: Vec<Text>,
    /// Where it can be reached.
    #[serde(rename = "TEAddress")]
    pub address: EntityAddress,
    /// Its page.
    #[serde(rename = "TEInformationURI")]
    pub information: Vec<Uri>,
    /// Extensions; this project writes `{"EntityIdentifier": …}`.
    #[serde(rename = "TEInformationExtensions", default, skip_serializing_if = "Vec::is_empty")]
    pub extensions: Vec<Value>,
}

/// `TEAddress`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EntityAddress {
    /// Postal addresses, one per language.
    #[serde(rename = "TEPostalAddress")]
    pub postal: Vec<PostalAddress>,
    /// E-mail or web addresses.
    #[serde(rename = "TEElectronicAddress")]
    pub electronic: Vec<Uri>,
}

/// One service and what it was before.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EntityService {
    /// The service as it is now.
    #[serde(rename = "ServiceInformation")]
    pub information: ServiceInformation,
    /// What it was before, newest first.
    #[serde(rename = "ServiceHistory", default, skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<HistoryInstance>,
}

/// `ServiceInformation`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub struct ServiceInformation {
    /// Name of the service.
    pub service_name: Vec<Text>,
    /// The certificates or keys by which the service is known.
    pub service_digital_identity: DigitalIdentity,
    /// What kind of service, a URI.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_type_identifier: Option<String>,
    /// Its status, a URI.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_status: Option<String>,
    /// Since when it has this status.
    #[serde(with = "instant::optional", default, skip_serializing_if = "Option::is_none")]
    pub status_starting_time: Option<Timestamp>,
    /// Where the scheme defines the service.
    #[serde(rename = "SchemeServiceDefinitionURI", default, skip_serializing_if = "Vec::is_empty")]
    pub scheme_definition: Vec<Uri>,
    /// Where the service can be reached.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub service_supply_points: Vec<SupplyPoint>,
    /// Where the entity defines the service.
    #[serde(rename = "ServiceDefinitionURI", default, skip_serializing_if = "Vec::is_empty")]
    pub definition: Vec<Uri>,
    /// Extensions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub service_information_extensions: Vec<Value>,
}

/// `ServiceSupplyPointURI`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SupplyPoint {
    /// What is found there, a URI.
    #[serde(rename = "ServiceType", default, skip_serializing_if = "Option::is_none")]
    pub service_type: Option<String>,
    /// The address.
    #[serde(rename = "uriValue")]
    pub value: String,
}

/// `ServiceHistoryInstance`: a status that a service had.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub struct HistoryInstance {
    /// Name of the service then.
    pub service_name: Vec<Text>,
    /// Its identity then.
    pub service_digital_identity: DigitalIdentity,
    /// Its status then, a URI.
    pub service_status: String,
    /// Since when it had that status.
    #[serde(with = "instant")]
    pub status_starting_time: Timestamp,
    /// What kind of service, a URI.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_type_identifier: Option<String>,
    /// Extensions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub service_information_extensions: Vec<Value>,
}

/// `ServiceDigitalIdentity`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DigitalIdentity {
    /// Certificates: authorities, or end-entity certificates.
    #[serde(rename = "X509Certificates", default, skip_serializing_if = "Vec::is_empty")]
    pub certificates: Vec<PkiObject>,
    /// Subject names.
    #[serde(rename = "X509SubjectNames", default, skip_serializing_if = "Vec::is_empty")]
    pub subject_names: Vec<String>,
    /// Public keys.
    #[serde(rename = "PublicKeyValues", default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<Jwk>,
    /// Subject key identifiers, base64.
    #[serde(rename = "X509SKIs", default, skip_serializing_if = "Vec::is_empty")]
    pub key_identifiers: Vec<String>,
    /// Other identifiers; this project writes client and audience identifiers here.
    #[serde(rename = "OtherIds", default, skip_serializing_if = "Vec::is_empty")]
    pub other: Vec<String>,
}

/// `pkiOb`: an object of a public key infrastructure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PkiObject {
    /// Encoding, a URI; DER where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoding: Option<String>,
    /// The specification of the object.
    #[serde(rename = "specRef", default, skip_serializing_if = "Option::is_none")]
    pub specification: Option<String>,
    /// The object in base64.
    #[serde(rename = "val")]
    pub value: String,
}

/// Date and time as clause 6.2 writes them: UTC, whole seconds, `YYYY-MM-DDThh:mm:ssZ`.
mod instant {
    use serde::de::Error as _;

    use super::{Deserialize as _, Deserializer, Serializer, Timestamp};

    pub(super) fn serialize<S: Serializer>(instant: &Timestamp, writer: S) -> Result<S::Ok, S::Error> {
        writer.serialize_str(&super::whole_seconds(*instant).to_string())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(reader: D) -> Result<Timestamp, D::Error> {
        let text = String::deserialize(reader)?;
        if text.len() != 20 || !text.ends_with('Z') {
            return Err(D::Error::custom("a time is written YYYY-MM-DDThh:mm:ssZ"));
        }
        text.parse().map_err(|_| D::Error::custom("a time is written YYYY-MM-DDThh:mm:ssZ"))
    }

    pub(super) mod optional {
        use super::{Deserializer, Serializer, Timestamp};

        pub(in super::super) fn serialize<S: Serializer>(
            instant: &Option<Timestamp>,
            writer: S,
        ) -> Result<S::Ok, S::Error> {
            match instant {
                Some(instant) => super::serialize(instant, writer),
                None => writer.serialize_none(),
            }
        }

        pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
            reader: D,
        ) -> Result<Option<Timestamp>, D::Error> {
            super::deserialize(reader).map(Some)
        }
    }
}

/// `instant` without its fraction: the list knows whole seconds only.
#[must_use]
pub fn whole_seconds(instant: Timestamp) -> Timestamp {
    Timestamp::from_second(instant.as_second()).unwrap_or(instant)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use serde_json::{Map, json};

    use super::*;
    use crate::fixture::Scheme;

    /// The part of JSON Schema draft-07 that the official schema uses. An unknown keyword ends the test, so that no
    /// rule is passed over.
    fn check(root: &Value, schema: &Value, value: &Value, at: &str) -> Result<(), String> {
        let rules = match schema {
            Value::Bool(true) => return Ok(()),
            Value::Bool(false) => return Err(format!("{at}: nothing may be here")),
            Value::Object(rules) => rules,
            other => panic!("no schema: {other}"),
        };
        let none = Map::new();
        let properties = rules.get("properties").and_then(Value::as_object).unwrap_or(&none);
        for (keyword, rule) in rules {
            let good = match (keyword.as_str(), value) {
                ("$schema" | "definitions", _) => true,
                ("$ref", _) => match rule.as_str().unwrap() {
                    "rfcs/rfc7517.json#/definitions/jwk" => value["kty"].is_string(),
                    local => return check(root, root.pointer(local.strip_prefix('#').unwrap()).unwrap(), value, at),
                },
                ("type", _) => match rule.as_str().unwrap() {
                    "object" => value.is_object(),
                    "array" => value.is_array(),
                    "string" => value.is_string(),
                    "integer" => value.is_i64() || value.is_u64(),
                    other => panic!("type {other}"),
                },
                ("required", Value::Object(map)) => {
                    rule.as_array().unwrap().iter().all(|name| map.contains_key(name.as_str().unwrap()))
                }
                ("additionalProperties", Value::Object(map)) => {
                    assert_eq!(rule, &Value::Bool(false));
                    map.keys().all(|name| properties.contains_key(name))
                }
                ("properties", Value::Object(map)) => {
                    for (name, item) in map {
                        if let Some(schema) = properties.get(name) {
                            check(root, schema, item, &format!("{at}/{name}"))?;
                        }
                    }
                    true
                }
                ("items", Value::Array(list)) => {
                    for (i, item) in list.iter().enumerate() {
                        check(root, rule, item, &format!("{at}/{i}"))?;
                    }
                    true
                }
                ("minItems", Value::Array(list)) => list.len() as u64 >= rule.as_u64().unwrap(),
                ("minLength", Value::String(text)) => text.chars().count() as u64 >= rule.as_u64().unwrap(),
                ("maxLength", Value::String(text)) => text.chars().count() as u64 <= rule.as_u64().unwrap(),
                ("oneOf", _) => {
                    rule.as_array().unwrap().iter().filter(|one| check(root, one, value, at).is_ok()).count() == 1
                }
                ("format", Value::String(text)) => match rule.as_str().unwrap() {
                    "uri" => text.split_once(':').is_some_and(|(scheme, rest)| {
                        !rest.is_empty() && scheme.starts_with(|c: char| c.is_ascii_alphabetic())
                    }),
                    "date-time" => text.parse::<Timestamp>().is_ok(),
                    other => panic!("format {other}"),
                },
                ("contentEncoding", Value::String(text)) => warifu_keys::base64url::decode_standard(text).is_ok(),
                // Keywords for another type of value say nothing about this one.
                (
                    "required"
                    | "additionalProperties"
                    | "properties"
                    | "items"
                    | "minItems"
                    | "minLength"
                    | "maxLength"
                    | "format"
                    | "contentEncoding",
                    _,
                ) => true,
                (other, _) => panic!("keyword {other}"),
            };
            if !good {
                return Err(format!("{at}: `{keyword}` of {rule}"));
            }
        }
        Ok(())
    }

    fn official() -> Option<Value> {
        let beside = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
        let shared = std::env::var_os("WARIFU_SHARED").map_or_else(beside, PathBuf::from);
        let text = std::fs::read(shared.join("vectors/etsi-119602/lote_json_schema.json")).ok()?;
        Some(serde_json::from_slice(&text).unwrap())
    }

    /// A document with every optional member.
    fn full() -> Value {
        let mut document = Scheme::new().list(3).to_document();
        let scheme = &mut document.lote.scheme;
        let postal = PostalAddress {
            lang: "en".to_owned(),
            street_address: "1 Example Street".to_owned(),
            locality: Some("Amaurot".to_owned()),
            state_or_province: Some("Utopia".to_owned()),
            postal_code: Some("1516".to_owned()),
            country: "UT".to_owned(),
        };
        let electronic = Uri::english("mailto:registry@example.org");
        scheme.scheme_operator_address =
            Some(SchemeOperatorAddress { postal: vec![postal], electronic: electronic.clone() });
        scheme.scheme_type_community_rules = electronic.clone();
        scheme.policy_or_legal_notice = vec![PolicyOrLegalNotice::Policy(electronic[0].clone())];
        scheme.historical_information_period = Some(65535);
        scheme.distribution_points = vec!["https://registry.example/trusted-list".to_owned()];
        scheme.scheme_extensions = vec![json!({"Critical": false})];
        scheme.pointers = vec![Pointer {
            location: "https://other.example/list".to_owned(),
            identities: vec![DigitalIdentity {
                subject_names: vec!["CN=Other".to_owned()],
                key_identifiers: vec!["AAAA".to_owned()],
                ..DigitalIdentity::default()
            }],
            qualifiers: vec![Qualifier {
                list_type: "urn:other".to_owned(),
                scheme_operator_name: Text::english("Other"),
                scheme_type_community_rules: electronic.clone(),
                scheme_territory: Some("UT".to_owned()),
                mime_type: "application/jose".to_owned(),
            }],
        }];
        let entity = &mut document.lote.entities[0];
        entity.information.trade_name = Text::english("Trade");
        let service = &mut entity.services[0].information;
        service.scheme_definition = electronic.clone();
        service.definition = electronic;
        service.service_supply_points =
            vec![SupplyPoint { service_type: Some("urn:a".to_owned()), value: "https://a.example".to_owned() }];
        service.service_information_extensions = vec![json!({"Critical": false})];
        serde_json::to_value(document).unwrap()
    }

    #[test]
    fn what_is_written_fits_the_official_schema() {
        let Some(schema) = official() else {
            println!("skipped: what_is_written_fits_the_official_schema: shared data is absent");
            return;
        };
        let documents = [
            full(),
            serde_json::to_value(Scheme::new().list(1).to_document()).unwrap(),
            serde_json::to_value(Scheme::new().list_of(1, Vec::new()).to_document()).unwrap(),
        ];
        for document in documents {
            check(&schema, &schema, &document, "").unwrap();
            let again: Document = serde_json::from_value(document.clone()).unwrap();
            assert_eq!(serde_json::to_value(again).unwrap(), document);
        }
    }

    /// What the schema refuses, the types refuse as well.
    #[test]
    fn what_the_schema_refuses_does_not_read() {
        let Some(schema) = official() else {
            println!("skipped: what_the_schema_refuses_does_not_read: shared data is absent");
            return;
        };
        let full = full();
        let refused = |pointer: &str, name: &str, value: Option<Value>| {
            let mut changed = full.clone();
            let map = changed.pointer_mut(pointer).and_then(Value::as_object_mut).unwrap();
            match value {
                Some(value) => map.insert(name.to_owned(), value),
                None => map.remove(name),
            };
            assert!(check(&schema, &schema, &changed, "").is_err(), "the schema takes `{pointer}/{name}`");
            assert!(serde_json::from_value::<Document>(changed).is_err(), "`{pointer}/{name}` reads");
        };
        refused("", "Other", Some(json!(1)));
        refused("/LoTE", "Other", Some(json!(1)));
        for name in
            ["LoTEVersionIdentifier", "LoTESequenceNumber", "SchemeOperatorName", "ListIssueDateTime", "NextUpdate"]
        {
            refused("/LoTE/ListAndSchemeInformation", name, None);
        }
        refused("/LoTE/ListAndSchemeInformation", "ListIssueDateTime", Some(json!("yesterday")));
        for name in ["TEName", "TEAddress", "TEInformationURI"] {
            refused("/LoTE/TrustedEntitiesList/0/TrustedEntityInformation", name, None);
        }
        let service = "/LoTE/TrustedEntitiesList/0/TrustedEntityServices/0/ServiceInformation";
        for name in ["ServiceName", "ServiceDigitalIdentity"] {
            refused(service, name, None);
        }
        refused(service, "Other", Some(json!(1)));
        refused("/LoTE/TrustedEntitiesList/0/TrustedEntityServices/0", "ServiceInformation", None);
    }
}
