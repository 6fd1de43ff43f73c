//! The request object: what a verifier asks, signed as a JWT (OpenID4VP 1.0 section 5, RFC 9101).

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use url::Url;
use warifu_credential::mdoc::{Handover, SessionTranscript};
use warifu_keys::jwe::Encryption;
use warifu_keys::jwk::KeyError;
use warifu_keys::x509::Certificate;
use warifu_keys::{Jwk, base64url};

use crate::dcql::{DcqlError, Query};
use crate::http::{self, UrlError};

use super::transaction_data::{self, TransactionData};

/// `typ` of a request object.
pub const TYP: &str = "oauth-authz-req+jwt";
/// `aud` of a request to a wallet that was not discovered (section 5.8).
pub const AUDIENCE: &str = "https://self-issued.me/v2";
/// The one response mode supported here.
pub const RESPONSE_MODE: &str = "direct_post.jwt";
/// Longest signed request object, in bytes.
pub const MAX_BYTES: usize = 256 * 1024;

/// A client identifier with its prefix, such as `x509_hash:…`: the verifier's name everywhere, in `aud` too.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ClientId(String);

/// The text is no client identifier of a supported prefix.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("client identifier `{0}` is not of the prefix x509_hash")]
pub struct NotAClientId(String);

impl ClientId {
    const PREFIX: &'static str = "x509_hash";

    /// The identifier that belongs to an access certificate (section 5.9.3).
    #[must_use]
    pub fn x509_hash(leaf: &Certificate) -> Self {
        Self(format!("{}:{}", Self::PREFIX, leaf.sha256_base64url()))
    }

    /// Reads an identifier: the prefix is what stands before the first colon (section 5.9.1), the rest a SHA-256 hash.
    pub fn parse(text: &str) -> Result<Self, NotAClientId> {
        let refuse = || NotAClientId(http::shorten(text));
        let (prefix, hash) = text.split_once(':').ok_or_else(refuse)?;
        if prefix != Self::PREFIX || !base64url::decode(hash).is_ok_and(|hash| hash.len() == 32) {
            return Err(refuse());
        }
        Ok(Self(text.to_owned()))
    }

    /// The whole identifier, prefix included.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the identifier is this certificate's.
    #[must_use]
    pub fn is_of(&self, leaf: &Certificate) -> bool {
        *self == Self::x509_hash(leaf)
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for ClientId {
    type Error = NotAClientId;

    fn try_from(text: String) -> Result<Self, NotAClientId> {
        Self::parse(&text)
    }
}

impl From<ClientId> for String {
    fn from(id: ClientId) -> Self {
        id.0
    }
}

/// Why a request's content was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// A member is missing or malformed.
    #[error("parameter `{0}` is missing or malformed")]
    Parameter(&'static str),
    /// A member is there that must not be, such as `redirect_uri` beside `response_uri`.
    #[error("parameter `{0}` must not be present")]
    Forbidden(&'static str),
    /// `response_type` or `response_mode` is one that is not supported.
    #[error("`{parameter}` `{found}` is not supported")]
    NotSupported {
        /// Which parameter.
        parameter: &'static str,
        /// Its value.
        found: String,
    },
    /// The client identifier has another prefix.
    #[error(transparent)]
    ClientId(#[from] NotAClientId),
    /// `response_uri` will not be called.
    #[error("response_uri: {0}")]
    ResponseUri(#[from] UrlError),
    /// The query is malformed.
    #[error("dcql_query: {0}")]
    Query(#[from] DcqlError),
    /// A query by scope, of which none is known.
    #[error("queries by scope are not known")]
    Scope,
    /// `client_metadata` has no P-256 key for ECDH-ES, or no content encryption that is supported.
    #[error("the response can not be encrypted: {0}")]
    Encryption(&'static str),
    /// Transaction data that can not be accepted.
    #[error(transparent)]
    TransactionData(#[from] transaction_data::Error),
}

/// `client_metadata` (section 5.1): how to encrypt, and what can be verified.
#[derive(Debug, Clone, PartialEq)]
pub struct ClientMetadata {
    /// The verifier's key for this request.
    pub encryption_key: Jwk,
    /// Content encryption in the verifier's order; absent says `A128GCM` only.
    pub encryptions: Vec<Encryption>,
    /// Formats and their algorithms.
    pub vp_formats_supported: Map<String, Value>,
}

impl ClientMetadata {
    /// The formats that are verified and presented (appendix B.2.2 and B.3.4): SD-JWT VCs and mdocs with ES256 and EdDSA,
    /// for mdocs under their older and their fully specified COSE identifiers (RFC 9864).
    #[must_use]
    pub fn default_formats() -> Map<String, Value> {
        let formats = json!({
            "dc+sd-jwt": { "sd-jwt_alg_values": ["ES256", "EdDSA"], "kb-jwt_alg_values": ["ES256", "EdDSA"] },
            "mso_mdoc": { "issuerauth_alg_values": [-7, -9, -8, -19], "deviceauth_alg_values": [-7, -9, -8, -19] }
        });
        formats.as_object().cloned().unwrap_or_default()
    }

    fn to_value(&self) -> Value {
        json!({
            "jwks": { "keys": [self.encryption_key.to_value()] },
            "encrypted_response_enc_values_supported": self.encryptions.iter().map(|enc| enc.name()).collect::<Vec<_>>(),
            "vp_formats_supported": self.vp_formats_supported,
        })
    }

    fn from_value(value: &Value) -> Result<Self, RequestError> {
        let object = value.as_object().ok_or(RequestError::Parameter("client_metadata"))?;
        let keys = object.get("jwks").and_then(|jwks| jwks.get("keys")).and_then(Value::as_array);
        let keys = keys.filter(|keys| keys.len() <= 32).ok_or(RequestError::Encryption("no jwks"))?;
        // A key without `use` is for encryption; keys of other kinds are for other wallets.
        let usable = |jwk: &Jwk| {
            jwk.alg.as_deref() == Some("ECDH-ES")
                && jwk.r#use.as_deref().is_none_or(|r#use| r#use == "enc")
                && jwk.crv == "P-256"
                && jwk.public_key().is_ok()
        };
        let key = keys.iter().filter_map(|key| Jwk::from_value(key).ok()).find(usable);
        let encryptions = match object.get("encrypted_response_enc_values_supported") {
            None => vec![Encryption::A128Gcm],
            Some(Value::Array(names)) => {
                names.iter().filter_map(Value::as_str).filter_map(Encryption::from_name).collect()
            }
            Some(_) => return Err(RequestError::Parameter("encrypted_response_enc_values_supported")),
        };
        if encryptions.is_empty() {
            return Err(RequestError::Encryption("no common content encryption"));
        }
        let formats = object.get("vp_formats_supported").and_then(Value::as_object);
        Ok(Self {
            encryption_key: key.ok_or(RequestError::Encryption("no P-256 key for ECDH-ES"))?,
            encryptions,
            vp_formats_supported: formats.cloned().ok_or(RequestError::Parameter("vp_formats_supported"))?,
        })
    }
}

/// The content of a request object.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Map<String, Value>", into = "Map<String, Value>")]
pub struct RequestObject {
    /// The verifier.
    pub client_id: ClientId,
    /// Where the response goes.
    pub response_uri: Url,
    /// Binds presentations to this request.
    pub nonce: String,
    /// Comes back with the response.
    pub state: Option<String>,
    /// What is asked.
    pub query: Query,
    /// How to encrypt, and what can be verified.
    pub client_metadata: ClientMetadata,
    /// What the user agrees to by presenting.
    pub transaction_data: Vec<TransactionData>,
    /// Attestations about the verifier, such as a registration certificate (section 5.11); as it came.
    pub verifier_info: Option<Value>,
    /// When the request was made.
    pub issued: Option<Timestamp>,
    /// When it ends.
    pub expires: Option<Timestamp>,
}

impl RequestObject {
    /// The claims of the signed object; `wallet_nonce` is the one that the wallet sent, if it did (section 5.10).
    #[must_use]
    pub fn to_claims(&self, wallet_nonce: Option<&str>) -> Map<String, Value> {
        let mut claims = Map::new();
        let mut put = |name: &str, value: Value| drop(claims.insert(name.to_owned(), value));
        put("response_type", json!("vp_token"));
        put("response_mode", json!(RESPONSE_MODE));
        put("client_id", json!(self.client_id.as_str()));
        put("iss", json!(self.client_id.as_str()));
        put("aud", json!(AUDIENCE));
        put("response_uri", json!(self.response_uri.as_str()));
        put("nonce", json!(self.nonce));
        put("dcql_query", self.query.to_value());
        put("client_metadata", self.client_metadata.to_value());
        if let Some(state) = &self.state {
            put("state", json!(state));
        }
        if !self.transaction_data.is_empty() {
            put("transaction_data", self.transaction_data.iter().map(TransactionData::encoded).collect());
        }
        if let Some(info) = &self.verifier_info {
            put("verifier_info", info.clone());
        }
        if let Some(issued) = self.issued {
            put("iat", json!(issued.as_second()));
        }
        if let Some(expires) = self.expires {
            put("exp", json!(expires.as_second()));
        }
        if let Some(wallet_nonce) = wallet_nonce {
            put("wallet_nonce", json!(wallet_nonce));
        }
        claims
    }

    /// Reads the claims. `aud`, `wallet_nonce` and the times are the caller's to check.
    pub fn from_claims(claims: &Map<String, Value>) -> Result<Self, RequestError> {
        check_response_parameters(claims)?;
        let nonce = url_safe(claims, "nonce")?.ok_or(RequestError::Parameter("nonce"))?;
        let query = match (claims.get("dcql_query"), claims.contains_key("scope")) {
            (Some(query), false) => Query::from_value(query)?,
            (None, true) => return Err(RequestError::Scope),
            (Some(_), true) => return Err(RequestError::Forbidden("scope")),
            (None, false) => return Err(RequestError::Parameter("dcql_query")),
        };
        let metadata = claims.get("client_metadata").ok_or(RequestError::Parameter("client_metadata"))?;
        let request = Self {
            client_id: client_id(claims)?,
            response_uri: response_uri(claims)?,
            nonce,
            state: url_safe(claims, "state")?,
            client_metadata: ClientMetadata::from_value(metadata)?,
            transaction_data: transaction_data(claims, &query)?,
            verifier_info: verifier_info(claims)?,
            issued: instant(claims, "iat")?,
            expires: instant(claims, "exp")?,
            query,
        };
        let unbound = request.query.credentials.iter().any(|query| !query.require_cryptographic_holder_binding);
        if unbound && request.state.is_none() {
            // Section 5.3: nothing else would bind such a response to the request.
            return Err(RequestError::Parameter("state"));
        }
        Ok(request)
    }

    /// What an mdoc's device signs over to answer this request (appendix B.2.6.1), by the verifier's own knowledge.
    pub fn session_transcript(&self) -> Result<SessionTranscript, KeyError> {
        self.session_transcript_at(self.response_uri.as_str())
    }

    /// The same with the response URI as it was written: parsing may have given it another spelling.
    pub(super) fn session_transcript_at(&self, response_uri: &str) -> Result<SessionTranscript, KeyError> {
        let encryption_key = self.client_metadata.encryption_key.public_key()?;
        Ok(SessionTranscript::new(&Handover::OpenId4Vp {
            client_id: self.client_id.as_str(),
            nonce: &self.nonce,
            encryption_key: Some(&encryption_key),
            response_uri,
        }))
    }
}

impl TryFrom<Map<String, Value>> for RequestObject {
    type Error = RequestError;

    fn try_from(claims: Map<String, Value>) -> Result<Self, RequestError> {
        Self::from_claims(&claims)
    }
}

impl From<RequestObject> for Map<String, Value> {
    fn from(request: RequestObject) -> Self {
        request.to_claims(None)
    }
}

/// The client identifier inside the object.
pub(super) fn client_id(claims: &Map<String, Value>) -> Result<ClientId, RequestError> {
    let text = claims.get("client_id").and_then(Value::as_str).ok_or(RequestError::Parameter("client_id"))?;
    Ok(ClientId::parse(text)?)
}

/// Where responses and errors go.
pub(super) fn response_uri(claims: &Map<String, Value>) -> Result<Url, RequestError> {
    let text = claims.get("response_uri").and_then(Value::as_str).ok_or(RequestError::Parameter("response_uri"))?;
    Ok(http::callable(text)?)
}

/// `response_type` and `response_mode`, and that `redirect_uri` is absent (section 8.2).
pub(super) fn check_response_parameters(claims: &Map<String, Value>) -> Result<(), RequestError> {
    for (parameter, expected) in [("response_type", "vp_token"), ("response_mode", RESPONSE_MODE)] {
        let found = claims.get(parameter).and_then(Value::as_str).ok_or(RequestError::Parameter(parameter))?;
        if found != expected {
            return Err(RequestError::NotSupported { parameter, found: http::shorten(found) });
        }
    }
    if claims.contains_key("redirect_uri") {
        return Err(RequestError::Forbidden("redirect_uri"));
    }
    Ok(())
}

/// `state`, without which no error can be sent back.
pub(super) fn state(claims: &Map<String, Value>) -> Option<String> {
    url_safe(claims, "state").ok().flatten()
}

/// A text of the characters that section 5.2 allows for `nonce` and `state`.
fn url_safe(claims: &Map<String, Value>, name: &'static str) -> Result<Option<String>, RequestError> {
    let Some(value) = claims.get(name) else { return Ok(None) };
    let text = value.as_str().ok_or(RequestError::Parameter(name))?;
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
    if text.is_empty() || text.len() > 1024 || !text.bytes().all(allowed) {
        return Err(RequestError::Parameter(name));
    }
    Ok(Some(text.to_owned()))
}

pub(super) fn instant(claims: &Map<String, Value>, name: &'static str) -> Result<Option<Timestamp>, RequestError> {
    let Some(value) = claims.get(name) else { return Ok(None) };
    let seconds = value.as_i64().ok_or(RequestError::Parameter(name))?;
    Timestamp::from_second(seconds).map(Some).map_err(|_| RequestError::Parameter(name))
}

fn transaction_data(claims: &Map<String, Value>, query: &Query) -> Result<Vec<TransactionData>, RequestError> {
    use transaction_data::Error;
    let Some(value) = claims.get("transaction_data") else { return Ok(Vec::new()) };
    let list = value.as_array().filter(|list| !list.is_empty()).ok_or(Error::Malformed)?;
    if list.len() > transaction_data::MAX_ENTRIES {
        return Err(Error::TooMany(list.len()).into());
    }
    let entries = list.iter().map(|entry| TransactionData::parse(entry.as_str().ok_or(Error::Malformed)?));
    let entries = entries.collect::<Result<Vec<_>, Error>>()?;
    for id in entries.iter().flat_map(TransactionData::credential_ids) {
        // Without holder binding there is no signature that could carry the hash.
        if !query.credential(id).is_some_and(|query| query.require_cryptographic_holder_binding) {
            return Err(Error::Credential(http::shorten(id)).into());
        }
    }
    Ok(entries)
}

fn verifier_info(claims: &Map<String, Value>) -> Result<Option<Value>, RequestError> {
    let Some(value) = claims.get("verifier_info") else { return Ok(None) };
    let list = value.as_array().filter(|list| !list.is_empty() && list.len() <= 16);
    let complete = |item: &Value| item.get("format").is_some_and(Value::is_string) && item.get("data").is_some();
    match list {
        Some(list) if list.iter().all(complete) => Ok(Some(value.clone())),
        Some(_) | None => Err(RequestError::Parameter("verifier_info")),
    }
}
