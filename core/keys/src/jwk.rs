//! Public keys, alone and as JSON Web Keys (RFC 7517, RFC 7518 section 6.2, RFC 8037), and their thumbprints (RFC 7638).

use std::fmt;

use p256::elliptic_curve::sec1::ToSec1Point as _;
use p256::pkcs8::{DecodePublicKey as _, Document, EncodePublicKey as _, LineEnding, ObjectIdentifier};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use x509_cert::spki::SubjectPublicKeyInfoRef;

use crate::{HashAlgorithm, base64url, sha256, signature};

/// A signature algorithm by its JOSE name (RFC 7518 section 3.1, RFC 8037 section 3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Algorithm {
    /// ECDSA on P-256 with SHA-256.
    #[serde(rename = "ES256")]
    Es256,
    /// ECDSA on P-384 with SHA-384.
    #[serde(rename = "ES384")]
    Es384,
    /// ECDSA on P-521 with SHA-512.
    #[serde(rename = "ES512")]
    Es512,
    /// Ed25519.
    #[serde(rename = "EdDSA")]
    EdDsa,
}

impl Algorithm {
    /// All of them, the default first.
    pub const ALL: [Self; 4] = [Self::Es256, Self::Es384, Self::Es512, Self::EdDsa];

    /// The JOSE name, as it stands in `alg`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::Es512 => "ES512",
            Self::EdDsa => "EdDSA",
        }
    }

    /// The algorithm of this JOSE name; `None` for any other, `none` and the HMAC family included.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }

    /// The hash that the message goes through; `None` for Ed25519, which hashes inside.
    #[must_use]
    pub fn hash(self) -> Option<HashAlgorithm> {
        match self {
            Self::Es256 => Some(HashAlgorithm::Sha256),
            Self::Es384 => Some(HashAlgorithm::Sha384),
            Self::Es512 => Some(HashAlgorithm::Sha512),
            Self::EdDsa => None,
        }
    }

    /// Length of a signature in JOSE form, in bytes (RFC 7518 section 3.4, RFC 8032 section 5.1.6).
    #[must_use]
    pub fn signature_bytes(self) -> usize {
        match self {
            Self::Es256 | Self::EdDsa => 64,
            Self::Es384 => 96,
            Self::Es512 => 132,
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
    /// NIST P-384 (`kty` EC).
    P384(p384::PublicKey),
    /// NIST P-521 (`kty` EC).
    P521(p521::PublicKey),
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
            Self::P384(_) => Algorithm::Es384,
            Self::P521(_) => Algorithm::Es512,
            Self::Ed25519(_) => Algorithm::EdDsa,
        }
    }

    /// Checks `signature` over `message` by the key's own [`algorithm`](Self::algorithm). The signature has the JOSE
    /// form: `r || s`, each of the curve's width, or the 64 bytes of Ed25519.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), KeyError> {
        signature::verify(self, message, signature)
    }

    /// The key as a public JWK with no optional members.
    #[must_use]
    pub fn to_jwk(&self) -> Jwk {
        let elliptic = |crv: &str, point: &[u8]| {
            // SEC 1 section 2.3.3: 4, then x and y, each of the curve's width.
            let (x, y) = point[1..].split_at(point.len() / 2);
            Jwk::bare("EC", crv, x, Some(y))
        };
        match self {
            Self::P256(key) => elliptic("P-256", key.to_sec1_point(false).as_bytes()),
            Self::P384(key) => elliptic("P-384", key.to_sec1_point(false).as_bytes()),
            Self::P521(key) => elliptic("P-521", key.to_sec1_point(false).as_bytes()),
            Self::Ed25519(key) => Jwk::bare("OKP", "Ed25519", key.as_bytes(), None),
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
            Self::P384(key) => key.to_public_key_der(),
            Self::P521(key) => key.to_public_key_der(),
            Self::Ed25519(key) => key.to_public_key_der(),
        };
        document.map(Document::into_vec).map_err(|_| KeyError::Malformed)
    }

    /// The same as PEM (RFC 7468 section 13): `-----BEGIN PUBLIC KEY-----`.
    pub fn to_spki_pem(&self) -> Result<String, KeyError> {
        let document = Document::try_from(self.to_spki_der()?).map_err(|_| KeyError::Malformed)?;
        document.to_pem(SPKI_LABEL, LineEnding::LF).map_err(|_| KeyError::Malformed)
    }

    /// The key in a PEM text of that label. Errors as [`from_spki_der`](Self::from_spki_der).
    pub fn from_spki_pem(pem: &str) -> Result<Self, KeyError> {
        match Document::from_pem(pem) {
            Ok((SPKI_LABEL, document)) => Self::from_spki_der(document.as_bytes()),
            Ok(_) | Err(_) => Err(KeyError::Malformed),
        }
    }

    /// The key in a DER `SubjectPublicKeyInfo`: [`KeyError::Unsupported`] for another type or curve,
    /// [`KeyError::Malformed`] for a point off its curve and for what is no DER.
    pub fn from_spki_der(der: &[u8]) -> Result<Self, KeyError> {
        let info = SubjectPublicKeyInfoRef::try_from(der).map_err(|_| KeyError::Malformed)?;
        let curve = || info.algorithm.parameters_oid().map_err(|_| KeyError::Malformed);
        let key = match info.algorithm.oid {
            EC_PUBLIC_KEY => match curve()? {
                SECP256R1 => p256::PublicKey::from_public_key_der(der).map(Self::P256),
                SECP384R1 => p384::PublicKey::from_public_key_der(der).map(Self::P384),
                SECP521R1 => p521::PublicKey::from_public_key_der(der).map(Self::P521),
                other => return Err(KeyError::Unsupported(format!("curve {other}"))),
            },
            ED25519 => ed25519_dalek::VerifyingKey::from_public_key_der(der).map(Self::Ed25519),
            other => return Err(KeyError::Unsupported(other.to_string())),
        };
        key.map_err(|_| KeyError::Malformed)
    }
}

/// What a public key is called in PEM (RFC 7468 section 13).
const SPKI_LABEL: &str = "PUBLIC KEY";

/// `id-ecPublicKey` (RFC 5480 section 2.1.1).
pub(crate) const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
/// P-256 (RFC 5480 section 2.1.1.1).
pub(crate) const SECP256R1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
/// P-384 (RFC 5480 section 2.1.1.1).
pub(crate) const SECP384R1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
/// P-521 (RFC 5480 section 2.1.1.1).
pub(crate) const SECP521R1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.35");
/// `id-Ed25519` (RFC 8410 section 3).
pub(crate) const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");

/// A public JSON Web Key. Reading one refuses private members (`d` and its like), so a private key pasted by mistake
/// never travels further.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Jwk {
    /// Key type: `EC` or `OKP`.
    pub kty: String,
    /// Curve: `P-256`, `P-384`, `P-521` or `Ed25519`.
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
    fn bare(kty: &str, crv: &str, x: &[u8], y: Option<&[u8]>) -> Self {
        Self {
            kty: kty.to_owned(),
            crv: crv.to_owned(),
            x: base64url::encode(x),
            y: y.map(base64url::encode),
            kid: None,
            alg: None,
            r#use: None,
        }
    }

    /// The key itself; [`KeyError::Malformed`] for a point off the curve, [`KeyError::Unsupported`] for other curves.
    pub fn public_key(&self) -> Result<PublicKey, KeyError> {
        match (self.kty.as_str(), self.crv.as_str()) {
            ("EC", "P-256") => self.p256().map(PublicKey::P256),
            ("EC", "P-384") => {
                p384::PublicKey::from_sec1_bytes(&self.sec1(48)?).map(PublicKey::P384).map_err(|_| KeyError::Malformed)
            }
            ("EC", "P-521") => {
                p521::PublicKey::from_sec1_bytes(&self.sec1(66)?).map(PublicKey::P521).map_err(|_| KeyError::Malformed)
            }
            ("OKP", "Ed25519") => {
                let bytes = base64url::decode(&self.x).map_err(|_| KeyError::Malformed)?;
                let bytes: [u8; 32] = bytes.try_into().map_err(|_| KeyError::Malformed)?;
                ed25519_dalek::VerifyingKey::from_bytes(&bytes).map(PublicKey::Ed25519).map_err(|_| KeyError::Malformed)
            }
            (_, _) => Err(self.unsupported()),
        }
    }

    /// The P-256 point, whatever the key is used for.
    pub(crate) fn p256(&self) -> Result<p256::PublicKey, KeyError> {
        let ("EC", "P-256") = (self.kty.as_str(), self.crv.as_str()) else { return Err(self.unsupported()) };
        p256::PublicKey::from_sec1_bytes(&self.sec1(32)?).map_err(|_| KeyError::Malformed)
    }

    /// The uncompressed point; both coordinates have exactly the curve's width (RFC 7518 section 6.2.1.2).
    fn sec1(&self, width: usize) -> Result<Vec<u8>, KeyError> {
        let y = self.y.as_ref().ok_or_else(|| self.unsupported())?;
        let x = base64url::decode(&self.x).map_err(|_| KeyError::Malformed)?;
        let y = base64url::decode(y).map_err(|_| KeyError::Malformed)?;
        if x.len() != width || y.len() != width {
            return Err(KeyError::Malformed);
        }
        Ok([&[4][..], &x, &y].concat())
    }

    fn unsupported(&self) -> KeyError {
        KeyError::Unsupported(format!("{} {}", self.kty, self.crv).chars().take(40).collect())
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
    use crate::entropy::Seeded;
    use crate::{Signer as _, SigningKey};

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
    fn refuses_subject_public_keys() {
        let entropy = Seeded::dangerous_new("spki");
        for algorithm in Algorithm::ALL {
            let mut der = SigningKey::generate(algorithm, &entropy).public_key().to_spki_der().unwrap();
            assert_eq!(PublicKey::from_spki_der(&der).unwrap().algorithm(), algorithm);
            let pem = PublicKey::from_spki_der(&der).unwrap().to_spki_pem().unwrap();
            assert_eq!(PublicKey::from_spki_pem(&pem).unwrap().to_spki_der().unwrap(), der);
            assert_eq!(PublicKey::from_spki_pem(&pem.replace("PUBLIC", "PRIVATE")), Err(KeyError::Malformed));
            assert_eq!(PublicKey::from_spki_der(&der[..der.len() - 1]), Err(KeyError::Malformed), "{algorithm}");
            // Off the curve. Half of all numbers are the y of some Ed25519 point: the first such key may stay one.
            let last = der.len() - 1;
            der[last] ^= 1;
            if algorithm != Algorithm::EdDsa {
                assert_eq!(PublicKey::from_spki_der(&der), Err(KeyError::Malformed), "{algorithm}");
            }
        }
        // The last arc of the type and of the curve replaced: id-ecDH, and the curve that follows P-256 in its arc.
        let der = SigningKey::generate_p256(&entropy).public_key().to_spki_der().unwrap();
        for (position, name) in [(12, "1.2.840.10045.2.2"), (22, "curve 1.2.840.10045.3.1.8")] {
            let mut der = der.clone();
            der[position] += 1;
            assert_eq!(PublicKey::from_spki_der(&der), Err(KeyError::Unsupported(name.to_owned())));
        }
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
        // A coordinate shorter than the curve's width, and a curve whose numbers do not fit.
        check(json!({"kty": "EC", "crv": "P-384", "x": x, "y": x}), KeyError::Malformed);
        check(json!({"kty": "EC", "crv": "P-521", "x": x, "y": x}), KeyError::Malformed);
        check(
            json!({"kty": "EC", "crv": "secp256k1", "x": x, "y": x}),
            KeyError::Unsupported("EC secp256k1".to_owned()),
        );
        check(json!({"kty": "oct", "k": "AA"}), KeyError::PrivateMaterial);
        check(json!([]), KeyError::Malformed);
    }
}
