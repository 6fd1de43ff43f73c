//! The query itself: parsed by name, written back whole.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use warifu_credential::{ClaimPath, Format, PathStep};
use warifu_keys::json as strict;

/// Caps on what a query may hold. The standard leaves them to the wallet.
pub mod limits {
    /// Longest query, in bytes of compact JSON.
    pub const BYTES: usize = 64 * 1024;
    /// Credential queries.
    pub const CREDENTIALS: usize = 64;
    /// Claims queries of one credential query.
    pub const CLAIMS: usize = 128;
    /// Values of one claims query.
    pub const VALUES: usize = 64;
    /// Claim sets of one credential query, and identifiers of one.
    pub const CLAIM_SETS: usize = 64;
    /// Credential sets, their options, and identifiers of one option.
    pub const CREDENTIAL_SETS: usize = 64;
    /// Trusted authorities of one credential query, values of one, and types in `meta`.
    pub const AUTHORITIES: usize = 256;
    /// Longest identifier, format, type or value, in bytes.
    pub const TEXT: usize = 1024;
}

/// Why a query was refused. Each of them is `invalid_request` on the wire.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DcqlError {
    /// Larger than one of the [`limits`]; the text says which.
    #[error("the query has too many or too large {0}")]
    TooLarge(&'static str),
    /// A member is missing, empty or of the wrong type.
    #[error("member `{0}` is missing or malformed")]
    Member(&'static str),
    /// An identifier occurs twice.
    #[error("identifier `{0}` occurs twice")]
    Repeated(String),
    /// A set names an identifier that no query has.
    #[error("identifier `{0}` is not defined")]
    Undefined(String),
    /// `claim_sets` without `claims`, or with claims that have no `id`.
    #[error("claim_sets need claims with identifiers")]
    ClaimSetsWithoutIds,
    /// A credential query that points to one claim twice, which a verifier must not (section 6.1). A wallet reads such a
    /// query all the same: only [`Query::check_own`] gives this.
    #[error("credential query `{0}` points to one claim twice")]
    SameClaimTwice(String),
}

/// A whole query. Unknown members are ignored everywhere.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Value", into = "Value")]
pub struct Query {
    /// The credentials asked for, with different identifiers.
    pub credentials: Vec<CredentialQuery>,
    /// Which combinations of them answer the query; `None` says that all are needed.
    pub credential_sets: Option<Vec<CredentialSetQuery>>,
}

/// One credential asked for (section 6.1).
#[derive(Debug, Clone, PartialEq)]
pub struct CredentialQuery {
    /// Names the query in the answer.
    pub id: String,
    /// Format identifier.
    pub format: String,
    /// Type of the credential.
    pub meta: Meta,
    /// Whether several credentials may be given.
    pub multiple: bool,
    /// Authorities of which one should stand behind the credential; empty says any.
    pub trusted_authorities: Vec<TrustedAuthority>,
    /// Whether the holder must prove possession of the key.
    pub require_cryptographic_holder_binding: bool,
    /// Claims asked for; `None` says that no selectively disclosable claim is.
    pub claims: Option<Vec<ClaimsQuery>>,
    /// Combinations of claims, the best first; `None` says that all claims are needed.
    pub claim_sets: Option<Vec<Vec<String>>>,
}

/// The type of a credential, by format (appendix B).
#[derive(Debug, Clone, PartialEq)]
pub enum Meta {
    /// `dc+sd-jwt`: `vct_values`.
    SdJwtVc(Vec<String>),
    /// `mso_mdoc`: `doctype_value`.
    Mdoc(String),
    /// `ldp_vc`, `jwt_vc_json`: `type_values`, of which one must be contained whole.
    W3c(Vec<Vec<String>>),
    /// Another format: the member as it came. Nothing here matches it.
    Other(Map<String, Value>),
}

/// One claim asked for (section 6.3).
#[derive(Debug, Clone, PartialEq)]
pub struct ClaimsQuery {
    /// Names the claim in `claim_sets`.
    pub id: Option<String>,
    /// Where the claim stands.
    pub path: ClaimPath,
    /// Texts, whole numbers or booleans of which the claim must be one; `None` says any.
    pub values: Option<Vec<Value>>,
    /// mdoc: whether the verifier means to keep the element.
    pub intent_to_retain: Option<bool>,
}

/// One demand for a combination of credentials (section 6.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialSetQuery {
    /// Combinations by credential query identifier, the best first.
    pub options: Vec<Vec<String>>,
    /// Whether one of them is needed.
    pub required: bool,
}

/// An authority that should stand behind a credential (section 6.1.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustedAuthority {
    /// What the values are.
    pub r#type: AuthorityType,
    /// Key identifiers in base64url, identifiers of lists or of entities.
    pub values: Vec<String>,
}

/// What a [`TrustedAuthority`] is known by (sections 6.1.1.1 to 6.1.1.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuthorityType {
    /// `aki`: the key identifier in the authority key identifier of a certificate in the credential.
    Aki,
    /// `etsi_tl`: the identifier of a trusted list (ETSI TS 119 612).
    EtsiTl,
    /// `openid_federation`: the entity identifier of a member of a federation, usually its trust anchor.
    OpenidFederation,
    /// A type that is not known here. Nothing matches it.
    Other(String),
}

impl AuthorityType {
    /// The type as it stands in `type`.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Aki => "aki",
            Self::EtsiTl => "etsi_tl",
            Self::OpenidFederation => "openid_federation",
            Self::Other(name) => name,
        }
    }

    /// The type of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Self {
        match name {
            "aki" => Self::Aki,
            "etsi_tl" => Self::EtsiTl,
            "openid_federation" => Self::OpenidFederation,
            other => Self::Other(other.to_owned()),
        }
    }
}

impl Query {
    /// Parses the JSON text of a query; duplicate members are refused.
    pub fn parse(bytes: &[u8]) -> Result<Self, DcqlError> {
        if bytes.len() > limits::BYTES {
            return Err(DcqlError::TooLarge("bytes"));
        }
        Self::from_value(&strict::parse(bytes).map_err(|_| DcqlError::Member("dcql_query"))?)
    }

    /// Reads a query.
    pub fn from_value(value: &Value) -> Result<Self, DcqlError> {
        let credentials =
            objects(value, "credentials", limits::CREDENTIALS)?.ok_or(DcqlError::Member("credentials"))?;
        let credentials = credentials.into_iter().map(CredentialQuery::from_map).collect::<Result<Vec<_>, _>>()?;
        distinct(credentials.iter().map(|query| &query.id))?;
        let sets = objects(value, "credential_sets", limits::CREDENTIAL_SETS)?;
        let sets = sets.map(|sets| sets.into_iter().map(CredentialSetQuery::from_map).collect::<Result<Vec<_>, _>>());
        let query = Self { credentials, credential_sets: sets.transpose()? };
        for id in query.credential_sets.iter().flatten().flat_map(|set| set.options.iter().flatten()) {
            if query.credential(id).is_none() {
                return Err(DcqlError::Undefined(short(id)));
            }
        }
        if query.to_value().to_string().len() > limits::BYTES {
            return Err(DcqlError::TooLarge("bytes"));
        }
        Ok(query)
    }

    /// The credential query of this identifier.
    #[must_use]
    pub fn credential(&self, id: &str) -> Option<&CredentialQuery> {
        self.credentials.iter().find(|query| query.id == id)
    }

    /// Whether a verifier may send it, which is more than that a wallet reads it: no credential query points to one claim
    /// twice (section 6.1).
    pub fn check_own(&self) -> Result<(), DcqlError> {
        for query in &self.credentials {
            let mut paths = std::collections::BTreeSet::new();
            if !query.claims.iter().flatten().all(|claim| paths.insert(&claim.path)) {
                return Err(DcqlError::SameClaimTwice(query.id.clone()));
            }
        }
        Ok(())
    }

    /// The query as a JSON value.
    #[must_use]
    pub fn to_value(&self) -> Value {
        let mut query =
            json!({ "credentials": self.credentials.iter().map(CredentialQuery::to_value).collect::<Vec<_>>() });
        if let Some(sets) = &self.credential_sets {
            query["credential_sets"] = sets.iter().map(CredentialSetQuery::to_value).collect();
        }
        query
    }
}

impl TryFrom<Value> for Query {
    type Error = DcqlError;

    fn try_from(value: Value) -> Result<Self, DcqlError> {
        Self::from_value(&value)
    }
}

impl From<Query> for Value {
    fn from(query: Query) -> Self {
        query.to_value()
    }
}

impl CredentialQuery {
    /// A query for an SD-JWT VC of one type with these claims, all needed.
    #[must_use]
    pub fn sd_jwt_vc(id: &str, vct: &str, claims: Vec<ClaimPath>) -> Self {
        Self::of(id, Format::SdJwtVc, Meta::SdJwtVc(vec![vct.to_owned()]), claims)
    }

    /// A query for an mdoc of one type with these elements, each `[namespace, element]`, all needed.
    #[must_use]
    pub fn mdoc(id: &str, doctype: &str, elements: Vec<ClaimPath>) -> Self {
        Self::of(id, Format::Mdoc, Meta::Mdoc(doctype.to_owned()), elements)
    }

    fn of(id: &str, format: Format, meta: Meta, claims: Vec<ClaimPath>) -> Self {
        let claim = |path| ClaimsQuery { id: None, path, values: None, intent_to_retain: None };
        Self {
            id: id.to_owned(),
            format: format.identifier().to_owned(),
            meta,
            multiple: false,
            trusted_authorities: Vec::new(),
            require_cryptographic_holder_binding: true,
            claims: if claims.is_empty() { None } else { Some(claims.into_iter().map(claim).collect()) },
            claim_sets: None,
        }
    }

    fn from_map(map: &Map<String, Value>) -> Result<Self, DcqlError> {
        let id = identifier(map, "id")?.ok_or(DcqlError::Member("id"))?;
        let format = text(map.get("format"), "format")?;
        let meta = map.get("meta").and_then(Value::as_object).ok_or(DcqlError::Member("meta"))?;
        let meta = Meta::from_map(&format, meta)?;
        let value = Value::Object(map.clone());
        let claims = objects(&value, "claims", limits::CLAIMS)?;
        let claims = claims.map(|claims| claims.into_iter().map(ClaimsQuery::from_map).collect::<Result<Vec<_>, _>>());
        let claims = claims.transpose()?;
        // Section 7.2.1: in an mdoc the path is namespace and element, nothing below.
        let in_namespace = |claim: &ClaimsQuery| matches!(claim.path.steps(), [PathStep::Name(_), PathStep::Name(_)]);
        if matches!(meta, Meta::Mdoc(_)) && !claims.iter().flatten().all(in_namespace) {
            return Err(DcqlError::Member("path"));
        }
        distinct(claims.iter().flatten().filter_map(|claim| claim.id.as_ref()))?;
        let claim_sets = id_lists(map, "claim_sets", limits::CLAIM_SETS)?;
        if claim_sets.is_some() && !claims.as_ref().is_some_and(|claims| claims.iter().all(|claim| claim.id.is_some()))
        {
            return Err(DcqlError::ClaimSetsWithoutIds);
        }
        for id in claim_sets.iter().flatten().flatten() {
            if !claims.iter().flatten().any(|claim| claim.id.as_ref() == Some(id)) {
                return Err(DcqlError::Undefined(short(id)));
            }
        }
        let authorities = objects(&value, "trusted_authorities", limits::AUTHORITIES)?.unwrap_or_default();
        Ok(Self {
            id,
            format,
            meta,
            multiple: flag(map, "multiple")?.unwrap_or(false),
            trusted_authorities: authorities.into_iter().map(TrustedAuthority::from_map).collect::<Result<_, _>>()?,
            require_cryptographic_holder_binding: flag(map, "require_cryptographic_holder_binding")?.unwrap_or(true),
            claims,
            claim_sets,
        })
    }

    fn to_value(&self) -> Value {
        let mut query = json!({ "id": self.id, "format": self.format, "meta": self.meta.to_value() });
        if self.multiple {
            query["multiple"] = json!(true);
        }
        if !self.require_cryptographic_holder_binding {
            query["require_cryptographic_holder_binding"] = json!(false);
        }
        if !self.trusted_authorities.is_empty() {
            let authority = |item: &TrustedAuthority| json!({ "type": item.r#type.name(), "values": item.values });
            query["trusted_authorities"] = self.trusted_authorities.iter().map(authority).collect();
        }
        if let Some(claims) = &self.claims {
            query["claims"] = claims.iter().map(ClaimsQuery::to_value).collect();
        }
        if let Some(sets) = &self.claim_sets {
            query["claim_sets"] = json!(sets);
        }
        query
    }
}

impl Meta {
    fn from_map(format: &str, map: &Map<String, Value>) -> Result<Self, DcqlError> {
        match format {
            "dc+sd-jwt" => texts(map.get("vct_values"), "vct_values", limits::AUTHORITIES).map(Self::SdJwtVc),
            "mso_mdoc" => text(map.get("doctype_value"), "doctype_value").map(Self::Mdoc),
            "ldp_vc" | "jwt_vc_json" => {
                let malformed = DcqlError::Member("type_values");
                let list = map
                    .get("type_values")
                    .and_then(Value::as_array)
                    .filter(|list| !list.is_empty())
                    .ok_or(malformed)?;
                if list.len() > limits::AUTHORITIES {
                    return Err(DcqlError::TooLarge("types"));
                }
                let inner = |item: &Value| texts(Some(item), "type_values", limits::AUTHORITIES);
                list.iter().map(inner).collect::<Result<_, _>>().map(Self::W3c)
            }
            _ => Ok(Self::Other(map.clone())),
        }
    }

    fn to_value(&self) -> Value {
        match self {
            Self::SdJwtVc(values) => json!({ "vct_values": values }),
            Self::Mdoc(value) => json!({ "doctype_value": value }),
            Self::W3c(values) => json!({ "type_values": values }),
            Self::Other(map) => Value::Object(map.clone()),
        }
    }
}

impl ClaimsQuery {
    fn from_map(map: &Map<String, Value>) -> Result<Self, DcqlError> {
        let path = map.get("path").ok_or(DcqlError::Member("path"))?;
        let values = match map.get("values") {
            None => None,
            Some(Value::Array(list)) if list.len() > limits::VALUES || list.iter().any(is_long) => {
                return Err(DcqlError::TooLarge("values"));
            }
            Some(Value::Array(list)) if !list.is_empty() && list.iter().all(is_comparable) => Some(list.clone()),
            Some(_) => return Err(DcqlError::Member("values")),
        };
        Ok(Self {
            id: identifier(map, "id")?,
            path: ClaimPath::from_value(path).map_err(|_| DcqlError::Member("path"))?,
            values,
            intent_to_retain: flag(map, "intent_to_retain")?,
        })
    }

    fn to_value(&self) -> Value {
        let mut claim = json!({ "path": self.path.to_value() });
        if let Some(id) = &self.id {
            claim["id"] = json!(id);
        }
        if let Some(values) = &self.values {
            claim["values"] = json!(values);
        }
        if let Some(retain) = self.intent_to_retain {
            claim["intent_to_retain"] = json!(retain);
        }
        claim
    }
}

/// Section 6.3: texts, whole numbers and booleans can be asked for.
fn is_comparable(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.is_i64() || number.is_u64(),
        Value::String(_) | Value::Bool(_) => true,
        Value::Null | Value::Array(_) | Value::Object(_) => false,
    }
}

fn is_long(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.len() > limits::TEXT)
}

impl CredentialSetQuery {
    fn from_map(map: &Map<String, Value>) -> Result<Self, DcqlError> {
        let options = id_lists(map, "options", limits::CREDENTIAL_SETS)?.ok_or(DcqlError::Member("options"))?;
        Ok(Self { options, required: flag(map, "required")?.unwrap_or(true) })
    }

    fn to_value(&self) -> Value {
        let mut set = json!({ "options": self.options });
        if !self.required {
            set["required"] = json!(false);
        }
        set
    }
}

impl TrustedAuthority {
    fn from_map(map: &Map<String, Value>) -> Result<Self, DcqlError> {
        let values = texts(map.get("values"), "values", limits::AUTHORITIES)?;
        Ok(Self { r#type: AuthorityType::from_name(&text(map.get("type"), "type")?), values })
    }
}

/// A member that is absent or a non-empty array of objects.
fn objects<'a>(
    value: &'a Value,
    name: &'static str,
    most: usize,
) -> Result<Option<Vec<&'a Map<String, Value>>>, DcqlError> {
    let map = value.as_object().ok_or(DcqlError::Member("dcql_query"))?;
    let Some(member) = map.get(name) else { return Ok(None) };
    let list = member.as_array().filter(|list| !list.is_empty()).ok_or(DcqlError::Member(name))?;
    if list.len() > most {
        return Err(DcqlError::TooLarge(name));
    }
    let objects = list.iter().map(|item| item.as_object().ok_or(DcqlError::Member(name)));
    objects.collect::<Result<_, _>>().map(Some)
}

/// A member that is absent or a non-empty array of non-empty arrays of identifiers.
fn id_lists(map: &Map<String, Value>, name: &'static str, most: usize) -> Result<Option<Vec<Vec<String>>>, DcqlError> {
    let Some(member) = map.get(name) else { return Ok(None) };
    let list = member.as_array().filter(|list| !list.is_empty()).ok_or(DcqlError::Member(name))?;
    if list.len() > most {
        return Err(DcqlError::TooLarge(name));
    }
    list.iter().map(|item| texts(Some(item), name, most)).collect::<Result<_, _>>().map(Some)
}

/// A non-empty array of texts.
fn texts(value: Option<&Value>, name: &'static str, most: usize) -> Result<Vec<String>, DcqlError> {
    let list = value.and_then(Value::as_array).filter(|list| !list.is_empty()).ok_or(DcqlError::Member(name))?;
    if list.len() > most {
        return Err(DcqlError::TooLarge(name));
    }
    list.iter().map(|item| text(Some(item), name)).collect()
}

fn text(value: Option<&Value>, name: &'static str) -> Result<String, DcqlError> {
    let text = value.and_then(Value::as_str).filter(|text| !text.is_empty()).ok_or(DcqlError::Member(name))?;
    if text.len() > limits::TEXT {
        return Err(DcqlError::TooLarge(name));
    }
    Ok(text.to_owned())
}

/// An identifier: letters, digits, `_` and `-` (section 6.1).
fn identifier(map: &Map<String, Value>, name: &'static str) -> Result<Option<String>, DcqlError> {
    let Some(value) = map.get(name) else { return Ok(None) };
    let id = text(Some(value), name)?;
    if id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')) {
        Ok(Some(id))
    } else {
        Err(DcqlError::Member(name))
    }
}

fn flag(map: &Map<String, Value>, name: &'static str) -> Result<Option<bool>, DcqlError> {
    match map.get(name) {
        None => Ok(None),
        Some(Value::Bool(flag)) => Ok(Some(*flag)),
        Some(_) => Err(DcqlError::Member(name)),
    }
}

fn distinct<'a>(ids: impl Iterator<Item = &'a String>) -> Result<(), DcqlError> {
    let mut seen = std::collections::BTreeSet::new();
    for id in ids {
        if !seen.insert(id) {
            return Err(DcqlError::Repeated(short(id)));
        }
    }
    Ok(())
}

fn short(text: &str) -> String {
    text.chars().take(40).collect()
}
