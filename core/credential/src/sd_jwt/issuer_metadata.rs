//! Issuer keys from the web: JWT VC issuer metadata (SD-JWT VC draft-19, section on JWT VC issuer metadata).
//!
//! ```text
//! iss -> url() -> fetch -> IssuerMetadata::parse -> Keys(IssuerKeys)
//!                                                -> Elsewhere -> fetch -> Elsewhere::parse -> IssuerKeys
//! ```
//! The caller fetches, over HTTPS and with bounds on time, size and redirects. What such keys prove is who controls the
//! web site, not who is allowed to issue, so credentials authenticated by them have a type of their own.

use std::fmt;

use serde_json::{Map, Value};
use url::Url;
use warifu_keys::json::{self, JsonError};
use warifu_keys::jwk::{Jwk, KeyError, PublicKey};
use warifu_keys::jws::Unverified;

use crate::status::TrustedSigner;

/// Where the metadata lies, between host and path of the issuer.
pub const WELL_KNOWN: &str = "/.well-known/jwt-vc-issuer";
/// Largest document read, in bytes.
pub const MAX_BYTES: usize = 256 * 1024;
/// Most keys read.
pub const MAX_KEYS: usize = 100;

/// Why an issuer's web keys are of no use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IssuerMetadataError {
    /// `iss` is no https URL with a host and without user, query and fragment.
    #[error("`{0}` is no issuer on the web")]
    Identifier(String),
    /// Not acceptable JSON.
    #[error("the issuer metadata is unreadable: {0}")]
    Json(#[from] JsonError),
    /// `issuer` in the metadata, or `iss` in the credential, is another one.
    #[error("the metadata and the credential name different issuers")]
    OtherIssuer,
    /// Not exactly one of `jwks` and `jwks_uri`.
    #[error("the issuer metadata must hold either `jwks` or `jwks_uri`")]
    OneOfJwks,
    /// `jwks_uri` is no https URL.
    #[error("`jwks_uri` is no https URL")]
    JwksUri,
    /// Not a JWK set (RFC 7517 section 5), or more than [`MAX_KEYS`] keys.
    #[error("the issuer's keys are no JWK set")]
    JwkSet,
    /// A private key was published.
    #[error("the issuer's JWK set holds private key material")]
    PrivateKey,
    /// No key has the credential's `kid`, or it names none and there is not exactly one key that could have signed.
    #[error("the issuer publishes no key `{0}` that could have signed this")]
    UnknownKey(String),
    /// Two keys have the credential's `kid`.
    #[error("the issuer publishes several keys `{0}`")]
    AmbiguousKey(String),
}

/// Where to fetch the metadata of the issuer `iss`: the well-known path between host and path, a terminating `/`
/// removed.
pub fn url(iss: &str) -> Result<Url, IssuerMetadataError> {
    let refuse = || IssuerMetadataError::Identifier(iss.chars().take(120).collect());
    let mut url = https(iss).ok_or_else(refuse)?;
    if url.query().is_some() || url.fragment().is_some() {
        return Err(refuse());
    }
    let path = url.path().strip_suffix('/').unwrap_or(url.path());
    url.set_path(&format!("{WELL_KNOWN}{path}"));
    Ok(url)
}

/// Metadata that was read: the keys, or where they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IssuerMetadata {
    /// `jwks`: by value.
    Keys(IssuerKeys),
    /// `jwks_uri`: to be fetched.
    Elsewhere(Elsewhere),
}

impl IssuerMetadata {
    /// Reads the document that was fetched from [`url`] for `iss`.
    pub fn parse(bytes: &[u8], iss: &str) -> Result<Self, IssuerMetadataError> {
        let document = object(bytes)?;
        if document.get("issuer").and_then(Value::as_str) != Some(iss) {
            return Err(IssuerMetadataError::OtherIssuer);
        }
        match (document.get("jwks"), document.get("jwks_uri")) {
            (Some(set), None) => IssuerKeys::from_set(iss, set).map(Self::Keys),
            (None, Some(uri)) => {
                let uri = uri.as_str().and_then(https).ok_or(IssuerMetadataError::JwksUri)?;
                Ok(Self::Elsewhere(Elsewhere { issuer: iss.to_owned(), uri }))
            }
            (Some(_), Some(_)) | (None, None) => Err(IssuerMetadataError::OneOfJwks),
        }
    }
}

/// An issuer whose keys stand in a document of their own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Elsewhere {
    issuer: String,
    uri: Url,
}

impl Elsewhere {
    /// What to fetch.
    #[must_use]
    pub fn uri(&self) -> &Url {
        &self.uri
    }

    /// Reads the JWK set that was fetched from [`Elsewhere::uri`].
    pub fn parse(self, bytes: &[u8]) -> Result<IssuerKeys, IssuerMetadataError> {
        IssuerKeys::from_set(&self.issuer, &Value::Object(object(bytes)?))
    }
}

/// The keys that an issuer publishes.
#[derive(Clone, PartialEq, Eq)]
pub struct IssuerKeys {
    issuer: String,
    keys: Vec<PublicKey>,
    /// `kid` of each key.
    names: Vec<Option<String>>,
}

impl fmt::Debug for IssuerKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IssuerKeys({}, {})", self.issuer, self.keys.len())
    }
}

impl IssuerKeys {
    /// Keys of types that are not supported, and keys that do not sign, are left out (RFC 7517 section 5).
    fn from_set(issuer: &str, set: &Value) -> Result<Self, IssuerMetadataError> {
        let list = set.get("keys").and_then(Value::as_array).ok_or(IssuerMetadataError::JwkSet)?;
        if list.len() > MAX_KEYS {
            return Err(IssuerMetadataError::JwkSet);
        }
        let (mut keys, mut names) = (Vec::new(), Vec::new());
        for value in list {
            let jwk = match Jwk::from_value(value) {
                Ok(jwk) => jwk,
                Err(KeyError::PrivateMaterial) => return Err(IssuerMetadataError::PrivateKey),
                Err(KeyError::Unsupported(_) | KeyError::Malformed | KeyError::BadSignature) => continue,
            };
            let signs = jwk.r#use.as_deref().is_none_or(|usage| usage == "sig");
            let Ok(key) = jwk.public_key() else { continue };
            if signs && jwk.alg.as_deref().is_none_or(|alg| alg == key.algorithm().name()) {
                keys.push(key);
                names.push(jwk.kid);
            }
        }
        Ok(Self { issuer: issuer.to_owned(), keys, names })
    }

    /// The issuer identifier, as it stands in `iss`.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The key that the header of `jws` names. Without a `kid` there must be exactly one key of its algorithm.
    pub(crate) fn signer_of(&self, jws: &Unverified) -> Result<WebIssuer, IssuerMetadataError> {
        let wanted = jws.header_text("kid");
        let mut fitting = self.keys.iter().zip(&self.names).filter(|(key, kid)| {
            key.algorithm() == jws.algorithm() && wanted.is_none_or(|wanted| kid.as_deref() == Some(wanted))
        });
        let name = || wanted.unwrap_or_default().chars().take(80).collect();
        match (fitting.next(), fitting.next()) {
            (Some((key, _)), None) => Ok(WebIssuer { keys: self.clone(), key: key.clone() }),
            (Some(_), Some(_)) if wanted.is_some() => Err(IssuerMetadataError::AmbiguousKey(name())),
            (Some(_) | None, _) => Err(IssuerMetadataError::UnknownKey(name())),
        }
    }
}

/// An issuer that was authenticated by the keys on its web site, without any certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebIssuer {
    keys: IssuerKeys,
    key: PublicKey,
}

impl WebIssuer {
    /// The issuer identifier: the https URL in `iss`.
    #[must_use]
    pub fn identifier(&self) -> &str {
        &self.keys.issuer
    }

    /// The key that signed the credential.
    #[must_use]
    pub fn key(&self) -> &PublicKey {
        &self.key
    }

    /// Whose signature counts on its status lists: any of the keys that it publishes.
    #[must_use]
    pub fn list_signer(&self) -> TrustedSigner<'_> {
        TrustedSigner::Issuer { id: &self.keys.issuer, keys: &self.keys.keys }
    }
}

fn object(bytes: &[u8]) -> Result<Map<String, Value>, JsonError> {
    if bytes.len() > MAX_BYTES { Err(JsonError::TooLarge(bytes.len())) } else { json::parse_object(bytes) }
}

fn https(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let plain = url.username().is_empty() && url.password().is_none();
    (url.scheme() == "https" && url.has_host() && plain).then_some(url)
}
