//! What a wallet says about itself when it posts to the request URI (OpenID4VP 1.0 sections 5.10 and 10), and what a
//! verifier makes of it.

use serde_json::{Map, Value, json};
use warifu_keys::json as strict;
use warifu_keys::jwe::{self, Encryption, JweError};
use warifu_keys::{Algorithm, Entropy, Jwk};

use crate::http;

use super::client_id::Prefix;
use super::request::{self, ClientMetadata, RequestObject, ResponseEncryption, TYP};

/// Longest body of a `POST` to the request URI, in bytes.
pub const MAX_BYTES: usize = 64 * 1024;
/// Longest `wallet_nonce`, in bytes.
const MAX_NONCE: usize = 1024;
/// Most names in a list.
const MAX_NAMES: usize = 64;

/// A wallet's metadata. Unknown members are ignored.
#[derive(Debug, Clone, PartialEq)]
pub struct WalletMetadata {
    /// Formats and their algorithms.
    pub vp_formats_supported: Map<String, Value>,
    /// Client identifier prefixes by name, `pre-registered` among them; that alone is the default.
    pub client_id_prefixes_supported: Vec<String>,
    /// Signature algorithms of request objects by name; `None` says nothing about them.
    pub request_object_signing_algs: Option<Vec<String>>,
    /// The key that the request object is to be encrypted to, and the content encryptions that the wallet takes.
    pub request_encryption: Option<(Jwk, Vec<Encryption>)>,
    /// Key agreement of encrypted responses by name; `None` says nothing about it.
    pub response_algs: Option<Vec<String>>,
    /// Content encryption of responses by name; `None` says nothing about it.
    pub response_encryptions: Option<Vec<String>>,
}

/// Why a wallet is not given a request object.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WalletMetadataError {
    /// The body is too large, a field occurs twice, or `wallet_nonce` is empty, too long or not URL-safe.
    #[error("the wallet's request is malformed: {0}")]
    Body(&'static str),
    /// A member of `wallet_metadata` is missing or malformed.
    #[error("member `{0}` of the wallet's metadata is missing or malformed")]
    Member(&'static str),
    /// The wallet does not take the verifier's client identifier prefix.
    #[error("the wallet does not take the client identifier prefix `{0}`")]
    Prefix(&'static str),
    /// The wallet does not take the signature algorithm.
    #[error("the wallet does not take request objects signed with {0}")]
    SigningAlgorithm(Algorithm),
    /// The wallet holds none of the formats that are asked for.
    #[error("the wallet holds none of the formats that are asked for")]
    Formats,
    /// The wallet can not encrypt the response as demanded.
    #[error("the wallet can not encrypt the response as demanded")]
    ResponseEncryption,
    /// The wallet wants the request object encrypted in a way that is not supported.
    #[error("the request object can not be encrypted as the wallet demands")]
    RequestEncryption,
}

impl WalletMetadata {
    /// What the holder's half here can do.
    #[must_use]
    pub fn own(prefixes: &[Prefix]) -> Self {
        let names = |names: &[&str]| Some(names.iter().map(|name| (*name).to_owned()).collect());
        Self {
            vp_formats_supported: ClientMetadata::default_formats(),
            client_id_prefixes_supported: prefixes.iter().map(|prefix| prefix.name().to_owned()).collect(),
            request_object_signing_algs: names(&Algorithm::ALL.map(Algorithm::name)),
            request_encryption: None,
            response_algs: names(&["ECDH-ES"]),
            response_encryptions: names(&["A256GCM", "A128GCM"]),
        }
    }

    /// The metadata as JSON.
    #[must_use]
    pub fn to_value(&self) -> Value {
        let mut value = json!({
            "vp_formats_supported": self.vp_formats_supported,
            "client_id_prefixes_supported": self.client_id_prefixes_supported,
        });
        let mut put = |name: &str, list: &Option<Vec<String>>| {
            if let Some(list) = list {
                value[name] = json!(list);
            }
        };
        put("request_object_signing_alg_values_supported", &self.request_object_signing_algs);
        put("authorization_encryption_alg_values_supported", &self.response_algs);
        put("authorization_encryption_enc_values_supported", &self.response_encryptions);
        if let Some((key, encryptions)) = &self.request_encryption {
            value["jwks"] = json!({ "keys": [key.to_value()] });
            let names: Vec<&str> = encryptions.iter().map(|encryption| encryption.name()).collect();
            value["request_object_encryption_enc_values_supported"] = json!(names);
        }
        value
    }

    /// Reads the JSON text of the field `wallet_metadata`; duplicate members are refused.
    pub fn parse(text: &str) -> Result<Self, WalletMetadataError> {
        if text.len() > MAX_BYTES {
            return Err(WalletMetadataError::Body("it is too large"));
        }
        let object =
            strict::parse_object(text.as_bytes()).map_err(|_| WalletMetadataError::Member("wallet_metadata"))?;
        let formats = object.get("vp_formats_supported").and_then(Value::as_object).cloned();
        let request_encryption = match object.get("jwks") {
            None => None,
            Some(_) => {
                let key = request::usable_key(&object).map_err(|_| WalletMetadataError::Member("jwks"))?;
                let key = key.ok_or(WalletMetadataError::RequestEncryption)?;
                let names = names(&object, "request_object_encryption_enc_values_supported")?;
                let known = |names: Vec<String>| names.iter().filter_map(|name| Encryption::from_name(name)).collect();
                let encryptions: Vec<Encryption> = names.map_or_else(|| vec![Encryption::A128Gcm], known);
                if encryptions.is_empty() {
                    return Err(WalletMetadataError::RequestEncryption);
                }
                Some((key, encryptions))
            }
        };
        Ok(Self {
            vp_formats_supported: formats.ok_or(WalletMetadataError::Member("vp_formats_supported"))?,
            client_id_prefixes_supported: names(&object, "client_id_prefixes_supported")?
                .unwrap_or_else(|| vec!["pre-registered".to_owned()]),
            request_object_signing_algs: names(&object, "request_object_signing_alg_values_supported")?,
            request_encryption,
            response_algs: names(&object, "authorization_encryption_alg_values_supported")?,
            response_encryptions: names(&object, "authorization_encryption_enc_values_supported")?,
        })
    }

    /// Whether this wallet could understand and answer `request`, signed with `algorithm`.
    pub(super) fn check(&self, request: &RequestObject, algorithm: Algorithm) -> Result<(), WalletMetadataError> {
        let takes = |list: &Option<Vec<String>>, name: &str| {
            list.as_ref().is_none_or(|list| list.iter().any(|known| known == name))
        };
        let prefix = request.client_id.prefix().name();
        if !self.client_id_prefixes_supported.iter().any(|known| known == prefix) {
            return Err(WalletMetadataError::Prefix(prefix));
        }
        if !takes(&self.request_object_signing_algs, algorithm.name()) {
            return Err(WalletMetadataError::SigningAlgorithm(algorithm));
        }
        if !request.query.credentials.iter().any(|query| self.vp_formats_supported.contains_key(&query.format)) {
            return Err(WalletMetadataError::Formats);
        }
        if let Some(ResponseEncryption { encryptions, .. }) = &request.client_metadata.response_encryption {
            let common = encryptions.iter().any(|encryption| takes(&self.response_encryptions, encryption.name()));
            if !common || !takes(&self.response_algs, "ECDH-ES") {
                return Err(WalletMetadataError::ResponseEncryption);
            }
        }
        Ok(())
    }

    /// The signed request object, encrypted where the wallet wants that.
    pub(super) fn seal(&self, jwt: String, entropy: &dyn Entropy) -> Result<String, JweError> {
        let Some((key, encryptions)) = &self.request_encryption else { return Ok(jwt) };
        let strong = encryptions.contains(&Encryption::A256Gcm);
        let encryption = if strong { Encryption::A256Gcm } else { Encryption::A128Gcm };
        // A JWT inside a JWE says so (RFC 7519 section 5.2).
        let header = Map::from_iter([("typ".to_owned(), json!(TYP)), ("cty".to_owned(), json!("JWT"))]);
        jwe::encrypt(jwt.as_bytes(), key, encryption, header, entropy)
    }
}

/// A member that is absent or an array of names.
fn names(object: &Map<String, Value>, name: &'static str) -> Result<Option<Vec<String>>, WalletMetadataError> {
    let malformed = WalletMetadataError::Member(name);
    let Some(member) = object.get(name) else { return Ok(None) };
    let list = member.as_array().filter(|list| !list.is_empty() && list.len() <= MAX_NAMES).ok_or(malformed.clone())?;
    list.iter()
        .map(|item| item.as_str().map(str::to_owned).ok_or(malformed.clone()))
        .collect::<Result<_, _>>()
        .map(Some)
}

/// What a wallet posts to the request URI (section 5.10).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RequestUriPost {
    /// To be signed along.
    pub wallet_nonce: Option<String>,
    /// What the wallet says about itself, if anything.
    pub wallet_metadata: Option<WalletMetadata>,
}

impl RequestUriPost {
    /// Reads the form body. Fields that are not known are ignored.
    pub fn parse(body: &[u8]) -> Result<Self, WalletMetadataError> {
        if body.len() > MAX_BYTES {
            return Err(WalletMetadataError::Body("it is too large"));
        }
        let fields = http::form_fields(body).map_err(|_| WalletMetadataError::Body("a field is repeated"))?;
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'=');
        let wallet_nonce = match http::field(&fields, "wallet_nonce") {
            None => None,
            Some(nonce) if (1..=MAX_NONCE).contains(&nonce.len()) && nonce.bytes().all(allowed) => {
                Some(nonce.to_owned())
            }
            Some(_) => return Err(WalletMetadataError::Body("wallet_nonce is not acceptable")),
        };
        let wallet_metadata = http::field(&fields, "wallet_metadata").map(WalletMetadata::parse).transpose()?;
        Ok(Self { wallet_nonce, wallet_metadata })
    }
}
