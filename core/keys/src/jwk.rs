//! Public keys, alone and as JSON Web Keys (RFC 7517, RFC 7518 section 6.2, RFC 8037), and their thumbprints (RFC 7638).

use std::fmt;

use p256::elliptic_curve::sec1::ToSec1Point as _;
use p256::pkcs8::{DecodePublicKey as _, EncodePublicKey as _};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{base64url, sha256};

/// A signature algorithm by its JOSE name (RFC 7518 section 3.1, RFC 8037 section 3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Algorithm {
    /// ECDSA on P-256 with SHA-256.
    #[serde(rename = "ES256")]
    Es256,
    /// Ed25519.
    #[serde(rename = "EdDSA")]
    EdDsa,
}

impl Algorithm {
    /// The JOSE name, as it stands in `alg`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
        }
    }

    /// The algorithm of this JOSE name; `None` for any other, `none` and the HMAC family included.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "ES256" => Some(Self::Es256),
            "EdDSA" => Some(Self::EdDsa),
            _ => None,
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why a key could not be read or a signature not be believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Key type or curve outside the supported set.
    #[error("key type `{0}` is not supported")]
    Unsupported(String),
    /// A coordinate or encoding that is no valid key.
    #[error("the key is malformed")]
    Malformed,
    /// A JWK that carries private members where only public ones may be.
    #[error("the JWK holds private key material")]
    PrivateMaterial,
    /// The signature does not belong to this key and message.
    #[error("the signature is wrong")]
    BadSignature,
}

/// A public key that verifies signatures.
#[derive(Clone, PartialEq, Eq)]
pub enum PublicKey {
    /// NIST P-256 (`kty` EC).
    P256(p256::PublicKey),
    /// Ed25519 (`kty` OKP).
    Ed25519(ed25519_dalek::VerifyingKey),
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({} {})", self.algorithm(), base64url::encode(&self.thumbprint()))
    }
}

impl PublicKey {
    /// The one signature algorithm that belongs to the key.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        match self {
            Self::P256(_) => Algorithm::Es256,
            Self::Ed25519(_) => Algorithm::EdDsa,
        }
    }

    /// Checks `signature` (JOSE form: `r || s` of 64 bytes, or 64 bytes Ed25519) over `message`.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), KeyError> {
        match self {
            Self::P256(key) => {
                use p256::ecdsa::signature::Verifier as _;
                let signature = p256::ecdsa::Signature::from_slice(signature).map_err(|_| KeyError::BadSignature)?;
                p256::ecdsa::VerifyingKey::from(key).verify(message, &signature).map_err(|_| KeyError::BadSignature)
            }
            Self::Ed25519(key) => {
                let signature = ed25519_dalek::Signature::from_slice(signature).map_err(|_| KeyError::BadSignature)?;
                key.verify_strict(message, &signature).map_err(|_| KeyError::BadSignature)
            }
        }
    }

    /// The key as a public JWK with no optional members.
    #[must_use]
    pub fn to_jwk(&self) -> Jwk {
        match self {
            Self::P256(key) => {
                let point = key.to_sec1_point(false);
                let bytes = point.as_bytes();
                Jwk {
                    kty: "EC".to_owned(),
                    crv: "P-256".to_owned(),
                    x: base64url::encode(&bytes[1..33]),
                    y: Some(base64url::encode(&bytes[33..65])),
                    kid: None,
                    alg: None,
                    r#use: None,
                }
            }
            Self::Ed25519(key) => Jwk {
                kty: "OKP".to_owned(),
                crv: "Ed25519".to_owned(),
                x: base64url::encode(key.as_bytes()),
                y: None,
                kid: None,
                alg: None,
                r#use: None,
            },
        }
    }

    /// SHA-256 JWK thumbprint (RFC 7638 section 3).
    #[must_use]
    pub fn thumbprint(&self) -> [u8; 32] {
        let jwk = self.to_jwk();
        let text = match &jwk.y {
            Some(y) => format!(r#"{{"crv":"{}","kty":"{}","x":"{}","y":"{y}"}}"#, jwk.crv, jwk.kty, jwk.x),
            None => format!(r#"{{"crv":"{}","kty":"{}","x":"{}"}}"#, jwk.crv, jwk.kty, jwk.x),
        };
        sha256(text.as_bytes())
    }

    /// DER `SubjectPublicKeyInfo` (RFC 5280 section 4.1.2.7).
    pub fn to_spki_der(&self) -> Result<Vec<u8>, KeyError> {
        let document = match self {
            Self::P256(key) => key.to_public_key_der(),
            Self::Ed25519(key) => key.to_public_key_der(),
        };
        document.map(p256::pkcs8::Document::into_vec).map_err(|_| KeyError::Malformed)
    }

    /// The key in a DER `SubjectPublicKeyInfo`; keys of other types are [`KeyError::Unsupported`].
    pub fn from_spki_der(der: &[u8]) -> Result<Self, KeyError> {
        if let Ok(key) = p256::PublicKey::from_public_key_der(der) {
            return Ok(Self::P256(key));
        }
        if let Ok(key) = ed25519_dalek::VerifyingKey::from_public_key_der(der) {
            return Ok(Self::Ed25519(key));
        }
        Err(KeyError::Unsupported("SubjectPublicKeyInfo".to_owned()))
    }
}

/// A public JSON Web Key. Reading one refuses private members (`d` and its like), so a private key pasted by mistake
/// never travels further.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Jwk {
    /// Key type: `EC` or `OKP`.
    pub kty: String,
    /// Curve: `P-256` or `Ed25519`.
    pub crv: String,
    /// X coordinate, base64url.
    pub x: String,
    /// Y coordinate, base64url; absent for `OKP`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub y: Option<String>,
    /// Key identifier.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kid: Option<String>,
    /// Intended algorithm.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alg: Option<String>,
    /// Intended use, `sig` or `enc`.
    #[serde(rename = "use", skip_serializing_if = "Option::is_none")]
    pub r#use: Option<String>,
}

impl Jwk {
    /// The key itself; [`KeyError::Malformed`] for a point off the curve, [`KeyError::Unsupported`] for other curves.
    pub fn public_key(&self) -> Result<PublicKey, KeyError> {
        match (self.kty.as_str(), self.crv.as_str()) {
            ("EC", "P-256") => self.p256().map(PublicKey::P256),
            ("OKP", "Ed25519") => {
                let bytes = base64url::decode(&self.x).map_err(|_| KeyError::Malformed)?;
                let bytes: [u8; 32] = bytes.try_into().map_err(|_| KeyError::Malformed)?;
                ed25519_dalek::VerifyingKey::from_bytes(&bytes).map(PublicKey::Ed25519).map_err(|_| KeyError::Malformed)
            }
            (kty, crv) => Err(KeyError::Unsupported(format!("{kty} {crv}").chars().take(40).collect())),
        }
    }

    /// The P-256 point, whatever the key is used for.
    pub(crate) fn p256(&self) -> Result<p256::PublicKey, KeyError> {
        let (Some(y), "EC", "P-256") = (&self.y, self.kty.as_str(), self.crv.as_str()) else {
            return Err(KeyError::Unsupported(format!("{} {}", self.kty, self.crv).chars().take(40).collect()));
        };
        let x = base64url::decode(&self.x).map_err(|_| KeyError::Malformed)?;
        let y = base64url::decode(y).map_err(|_| KeyError::Malformed)?;
        if x.len() != 32 || y.len() != 32 {
            return Err(KeyError::Malformed);
        }
        let sec1 = [&[4][..], &x, &y].concat();
        p256::PublicKey::from_sec1_bytes(&sec1).map_err(|_| KeyError::Malformed)
    }

    /// SHA-256 thumbprint (RFC 7638 section 3) of the key inside.
    pub fn thumbprint(&self) -> Result<[u8; 32], KeyError> {
        Ok(self.public_key()?.thumbprint())
    }

    /// The JWK as a JSON value.
    #[must_use]
    pub fn to_value(&self) -> Value {
        serde_json::to_value(self).unwrap_or(Value::Null)
    }

    /// Reads a public JWK from a JSON value.
    pub fn from_value(value: &Value) -> Result<Self, KeyError> {
        let map = value.as_object().ok_or(KeyError::Malformed)?;
        if ["d", "p", "q", "dp", "dq", "qi", "oth", "k"].iter().any(|member| map.contains_key(*member)) {
            return Err(KeyError::PrivateMaterial);
        }
        let text = |member: &str| match map.get(member) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(KeyError::Malformed),
        };
        Ok(Self {
            kty: text("kty")?.ok_or(KeyError::Malformed)?,
            crv: text("crv")?.ok_or_else(|| KeyError::Unsupported("no curve".to_owned()))?,
            x: text("x")?.ok_or(KeyError::Malformed)?,
            y: text("y")?,
            kid: text("kid")?,
            alg: text("alg")?,
            r#use: text("use")?,
        })
    }
}

impl<'de> Deserialize<'de> for Jwk {
    fn deserialize<D: serde::Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        Self::from_value(&Value::deserialize(reader)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Key and thumbprint of OpenID4VP 1.0 appendix B.2.6.1.
    #[test]
    fn thumbprint_of_the_standard() {
        let jwk = Jwk::from_value(&json!({"kty": "EC", "crv": "P-256", "use": "enc",
            "x": "DxiH5Q4Yx3UrukE2lWCErq8N8bqC9CHLLrAwLz5BmE0", "y": "XtLM4-3h5o3HUH0MHVJV0kyq0iBlrBwlh8qEDMZ4-Pc"}))
        .unwrap();
        let hex: String = jwk.thumbprint().unwrap().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, "4283ec927ae0f208daaa2d026a814f2b22dca52cf85ffa8f3f8626c6bd669047");
    }

    #[test]
    fn refuses() {
        let check = |value: Value, expected: KeyError| {
            assert_eq!(Jwk::from_value(&value).and_then(|jwk| jwk.public_key()).unwrap_err(), expected, "{value}");
        };
        let x = "DxiH5Q4Yx3UrukE2lWCErq8N8bqC9CHLLrAwLz5BmE0";
        check(json!({"kty": "EC", "crv": "P-256", "x": x, "y": x, "d": x}), KeyError::PrivateMaterial);
        check(json!({"kty": "EC", "crv": "P-256", "x": x, "y": x}), KeyError::Malformed);
        check(json!({"kty": "EC", "crv": "P-256", "x": x}), KeyError::Unsupported("EC P-256".to_owned()));
        check(json!({"kty": "oct", "k": "AA"}), KeyError::PrivateMaterial);
        check(json!([]), KeyError::Malformed);
    }
}
