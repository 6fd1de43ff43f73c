//! The request object: what a verifier asks, signed as a JWT (OpenID4VP 1.0 section 5, RFC 9101).

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use url::Url;
use warifu_credential::mdoc::{Handover, SessionTranscript};
use warifu_keys::jwe::{self, Encryption, JweError};
use warifu_keys::jwk::KeyError;
use warifu_keys::{Entropy, Jwk};

use crate::dcql::{DcqlError, Query};
use crate::http::{self, UrlError};

use super::client_id::{ClientId, NotAClientId};
use super::transaction_data::{self, TransactionData};

/// `typ` of a request object.
pub const TYP: &str = "oauth-authz-req+jwt";
/// `aud` of a request to a wallet that was not discovered (section 5.8).
pub const AUDIENCE: &str = "https://self-issued.me/v2";
/// Longest signed request object, in bytes.
pub const MAX_BYTES: usize = 256 * 1024;
/// Most entries of `verifier_info`.
pub const MAX_VERIFIER_INFO: usize = 16;
/// Most keys in `jwks`.
const MAX_KEYS: usize = 32;

/// How a response goes back (sections 8.2 and 8.3, appendix A).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ResponseMode {
    /// `direct_post`: posted to the response URI in the clear.
    DirectPost,
    /// `direct_post.jwt`: posted to the response URI, encrypted (HAIP 1.0 section 5.1).
    DirectPostJwt,
    /// `dc_api`: over the Digital Credentials API in the clear.
    DcApi,
    /// `dc_api.jwt`: over the Digital Credentials API, encrypted (HAIP 1.0 section 5.2).
    DcApiJwt,
}

impl ResponseMode {
    /// All that are supported.
    pub const ALL: [Self; 4] = [Self::DirectPost, Self::DirectPostJwt, Self::DcApi, Self::DcApiJwt];

    /// The mode as it stands in `response_mode`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::DirectPost => "direct_post",
            Self::DirectPostJwt => "direct_post.jwt",
            Self::DcApi => "dc_api",
            Self::DcApiJwt => "dc_api.jwt",
        }
    }

    /// The mode of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.name() == name)
    }

    /// Whether responses are encrypted.
    #[must_use]
    pub fn is_encrypted(self) -> bool {
        match self {
            Self::DirectPost | Self::DcApi => false,
            Self::DirectPostJwt | Self::DcApiJwt => true,
        }
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
    /// The client identifier is none, or of a prefix that is not supported.
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
    /// None of the formats asked for, with the algorithms that the verifier takes, can be presented.
    #[error("none of the formats asked for can be presented")]
    Formats,
}

/// `client_metadata` (section 5.1): how to encrypt, and what can be verified.
#[derive(Debug, Clone, PartialEq)]
pub struct ClientMetadata {
    /// How responses are encrypted; `None` where they are not.
    pub response_encryption: Option<ResponseEncryption>,
    /// Formats and their algorithms.
    pub vp_formats_supported: Map<String, Value>,
}

/// How a response is to be encrypted (section 8.3).
#[derive(Debug, Clone, PartialEq)]
pub struct ResponseEncryption {
    /// The verifier's key for this request.
    pub key: Jwk,
    /// Content encryption in the verifier's order; absent says `A128GCM` only.
    pub encryptions: Vec<Encryption>,
}

impl ResponseEncryption {
    /// A response of these members, encrypted: `A256GCM` where the verifier takes it (HAIP 1.0 section 5).
    pub(super) fn seal(&self, members: Map<String, Value>, entropy: &dyn Entropy) -> Result<String, JweError> {
        let strong = self.encryptions.contains(&Encryption::A256Gcm);
        let encryption = if strong { Encryption::A256Gcm } else { Encryption::A128Gcm };
        jwe::encrypt(Value::Object(members).to_string().as_bytes(), &self.key, encryption, Map::new(), entropy)
    }

    fn from_map(metadata: &Map<String, Value>) -> Result<Self, RequestError> {
        let key = usable_key(metadata)?.ok_or(RequestError::Encryption("no P-256 key for ECDH-ES"))?;
        let encryptions = match metadata.get("encrypted_response_enc_values_supported") {
            None => vec![Encryption::A128Gcm],
            Some(Value::Array(names)) => {
                names.iter().filter_map(Value::as_str).filter_map(Encryption::from_name).collect()
            }
            Some(_) => return Err(RequestError::Parameter("encrypted_response_enc_values_supported")),
        };
        if encryptions.is_empty() {
            return Err(RequestError::Encryption("no common content encryption"));
        }
        Ok(Self { key, encryptions })
    }
}

/// The first key of `jwks` that something can be encrypted to: P-256 for ECDH-ES, with `use` absent or `enc`. Keys of other
/// kinds, also of kinds that nobody here knows, are for others (RFC 7517 section 5).
pub(super) fn usable_key(metadata: &Map<String, Value>) -> Result<Option<Jwk>, RequestError> {
    let keys = metadata.get("jwks").and_then(|jwks| jwks.get("keys")).and_then(Value::as_array);
    let keys = keys.filter(|keys| keys.len() <= MAX_KEYS).ok_or(RequestError::Encryption("no jwks"))?;
    let usable = |jwk: &Jwk| {
        jwk.alg.as_deref() == Some("ECDH-ES")
            && jwk.r#use.as_deref().is_none_or(|r#use| r#use == "enc")
            && jwk.crv == "P-256"
            && jwk.public_key().is_ok()
    };
    Ok(keys.iter().filter_map(|key| Jwk::from_value(key).ok()).find(usable))
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
        let mut metadata = json!({ "vp_formats_supported": self.vp_formats_supported });
        if let Some(ResponseEncryption { key, encryptions }) = &self.response_encryption {
            metadata["jwks"] = json!({ "keys": [key.to_value()] });
            metadata["encrypted_response_enc_values_supported"] = encryptions.iter().map(|enc| enc.name()).collect();
        }
        metadata
    }

    fn from_value(value: &Value, mode: ResponseMode) -> Result<Self, RequestError> {
        let object = value.as_object().ok_or(RequestError::Parameter("client_metadata"))?;
        let encryption = if mode.is_encrypted() { Some(ResponseEncryption::from_map(object)?) } else { None };
        let formats = object.get("vp_formats_supported").and_then(Value::as_object);
        Ok(Self {
            response_encryption: encryption,
            vp_formats_supported: formats.cloned().ok_or(RequestError::Parameter("vp_formats_supported"))?,
        })
    }
}

/// What a verifier asks, whatever way request and response take.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Asked {
    pub(super) mode: ResponseMode,
    pub(super) nonce: String,
    pub(super) query: Query,
    pub(super) client_metadata: ClientMetadata,
    pub(super) transaction_data: Vec<TransactionData>,
}

impl Asked {
    /// Reads the parameters; `modes` are the response modes that fit the way.
    pub(super) fn from_claims(claims: &Map<String, Value>, modes: &[ResponseMode]) -> Result<Self, RequestError> {
        let mode = response_mode(claims, modes)?;
        let nonce = url_safe(claims, "nonce")?.ok_or(RequestError::Parameter("nonce"))?;
        let query = match (claims.get("dcql_query"), claims.contains_key("scope")) {
            (Some(query), false) => Query::from_value(query)?,
            (None, true) => return Err(RequestError::Scope),
            (Some(_), true) => return Err(RequestError::Forbidden("scope")),
            (None, false) => return Err(RequestError::Parameter("dcql_query")),
        };
        let metadata = claims.get("client_metadata").ok_or(RequestError::Parameter("client_metadata"))?;
        let client_metadata = ClientMetadata::from_value(metadata, mode)?;
        Ok(Self { mode, nonce, client_metadata, transaction_data: transaction_data(claims, &query)?, query })
    }

    /// Whether at least one credential asked for is of a format that can be presented, with an algorithm that the verifier
    /// takes (section 8.5, `vp_formats_not_supported`).
    pub(super) fn check_formats(query: &Query, metadata: &ClientMetadata) -> Result<(), RequestError> {
        let own = ClientMetadata::default_formats();
        let common = |theirs: &Value, ours: &Value, name: &str| match (theirs.get(name), ours.get(name)) {
            (Some(Value::Array(theirs)), Some(Value::Array(ours))) => theirs.iter().any(|alg| ours.contains(alg)),
            (None | Some(_), _) => true,
        };
        let presentable = |format: &String| {
            let (Some(ours), Some(theirs)) = (own.get(format), metadata.vp_formats_supported.get(format)) else {
                return false;
            };
            let names = ["sd-jwt_alg_values", "kb-jwt_alg_values", "issuerauth_alg_values", "deviceauth_alg_values"];
            names.into_iter().all(|name| common(theirs, ours, name))
        };
        if query.credentials.iter().any(|credential| presentable(&credential.format)) {
            Ok(())
        } else {
            Err(RequestError::Formats)
        }
    }
}

/// Puts what is asked into the parameters of a request.
pub(super) fn put_asked(
    claims: &mut Map<String, Value>,
    mode: ResponseMode,
    nonce: &str,
    query: &Query,
    metadata: &ClientMetadata,
    transaction_data: &[TransactionData],
) {
    let mut put = |name: &str, value: Value| drop(claims.insert(name.to_owned(), value));
    put("response_type", json!("vp_token"));
    put("response_mode", json!(mode.name()));
    put("nonce", json!(nonce));
    put("dcql_query", query.to_value());
    put("client_metadata", metadata.to_value());
    if !transaction_data.is_empty() {
        put("transaction_data", transaction_data.iter().map(TransactionData::encoded).collect());
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
    /// How the response goes back.
    #[must_use]
    pub fn response_mode(&self) -> ResponseMode {
        match self.client_metadata.response_encryption {
            Some(_) => ResponseMode::DirectPostJwt,
            None => ResponseMode::DirectPost,
        }
    }

    /// The key that the response is encrypted to; `None` where it is not.
    #[must_use]
    pub fn encryption_key(&self) -> Option<&Jwk> {
        self.client_metadata.response_encryption.as_ref().map(|encryption| &encryption.key)
    }

    /// The claims of the signed object; `wallet_nonce` is the one that the wallet sent, if it did (section 5.10).
    #[must_use]
    pub fn to_claims(&self, wallet_nonce: Option<&str>) -> Map<String, Value> {
        let mut claims = Map::new();
        let (query, metadata) = (&self.query, &self.client_metadata);
        put_asked(&mut claims, self.response_mode(), &self.nonce, query, metadata, &self.transaction_data);
        let mut put = |name: &str, value: Value| drop(claims.insert(name.to_owned(), value));
        put("client_id", json!(self.client_id.as_str()));
        put("iss", json!(self.client_id.as_str()));
        put("aud", json!(AUDIENCE));
        put("response_uri", json!(self.response_uri.as_str()));
        if let Some(state) = &self.state {
            put("state", json!(state));
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
        let asked = Asked::from_claims(claims, &POSTED)?;
        let request = Self {
            client_id: client_id(claims)?,
            response_uri: response_uri(claims)?,
            nonce: asked.nonce,
            state: url_safe(claims, "state")?,
            client_metadata: asked.client_metadata,
            transaction_data: asked.transaction_data,
            verifier_info: verifier_info(claims, &asked.query)?,
            issued: instant(claims, "iat")?,
            expires: instant(claims, "exp")?,
            query: asked.query,
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
        let encryption_key = self.encryption_key().map(Jwk::public_key).transpose()?;
        Ok(SessionTranscript::new(&Handover::OpenId4Vp {
            client_id: self.client_id.as_str(),
            nonce: &self.nonce,
            encryption_key: encryption_key.as_ref(),
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

/// The response modes of a request over redirects.
pub(super) const POSTED: [ResponseMode; 2] = [ResponseMode::DirectPost, ResponseMode::DirectPostJwt];

/// `response_type`, and `response_mode` if it is one of `modes`.
pub(super) fn response_mode(claims: &Map<String, Value>, modes: &[ResponseMode]) -> Result<ResponseMode, RequestError> {
    let text = |parameter| claims.get(parameter).and_then(Value::as_str).ok_or(RequestError::Parameter(parameter));
    let other = |parameter, found| Err(RequestError::NotSupported { parameter, found: http::shorten(found) });
    let response_type = text("response_type")?;
    if response_type != "vp_token" {
        return other("response_type", response_type);
    }
    let found = text("response_mode")?;
    match ResponseMode::from_name(found).filter(|mode| modes.contains(mode)) {
        Some(mode) => Ok(mode),
        None => other("response_mode", found),
    }
}

/// `response_type` and `response_mode`, and that `redirect_uri` is absent (section 8.2).
pub(super) fn check_response_parameters(claims: &Map<String, Value>) -> Result<ResponseMode, RequestError> {
    let mode = response_mode(claims, &POSTED)?;
    if claims.contains_key("redirect_uri") {
        return Err(RequestError::Forbidden("redirect_uri"));
    }
    Ok(mode)
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

/// `verifier_info`: each entry with `format` and `data`, for credential queries that are asked (section 5.11).
pub(super) fn verifier_info(claims: &Map<String, Value>, query: &Query) -> Result<Option<Value>, RequestError> {
    let Some(value) = claims.get("verifier_info") else { return Ok(None) };
    let list = value.as_array().filter(|list| !list.is_empty() && list.len() <= MAX_VERIFIER_INFO);
    let asked = |id: &Value| id.as_str().is_some_and(|id| query.credential(id).is_some());
    let complete = |item: &Value| {
        let credentials = match item.get("credential_ids") {
            None => true,
            Some(ids) => ids.as_array().is_some_and(|ids| !ids.is_empty() && ids.iter().all(asked)),
        };
        let data = item.get("data").is_some_and(|data| data.is_string() || data.is_object());
        credentials && data && item.get("format").is_some_and(Value::is_string)
    };
    match list {
        Some(list) if list.iter().all(complete) => Ok(Some(value.clone())),
        Some(_) | None => Err(RequestError::Parameter("verifier_info")),
    }
}
