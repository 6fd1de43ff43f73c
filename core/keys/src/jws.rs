//! JSON Web Signatures in compact form (RFC 7515).
//!
//! [`Unverified`] shows its header, because the header says which key to look for; its payload comes out only through
//! [`Unverified::verify`] with a key. Detached payloads, unencoded payloads (RFC 7797) and every `crit` extension are
//! refused.

use serde_json::{Map, Value};

use crate::base64url;
use crate::json::{self, JsonError};
use crate::jwk::{Algorithm, Jwk, KeyError, PublicKey};
use crate::signer::{Signer, SignerError};
use crate::x509::{Certificate, X509Error};

/// Longest compact JWS accepted, in bytes.
pub const MAX_BYTES: usize = 2 * 1024 * 1024;

/// Why a JWS was refused.
#[derive(Debug, thiserror::Error)]
pub enum JwsError {
    /// Not three base64url parts, or too long.
    #[error("not a compact JWS")]
    Malformed,
    /// Header or payload is not acceptable JSON.
    #[error("JWS {part}: {source}")]
    Json {
        /// `header` or `payload`.
        part: &'static str,
        /// What was wrong.
        source: JsonError,
    },
    /// `alg` is missing or outside the supported set.
    #[error("algorithm `{0}` is not allowed")]
    Algorithm(String),
    /// `alg` does not belong to the key.
    #[error("algorithm `{alg}` does not belong to the key")]
    AlgorithmMismatch {
        /// The header's algorithm.
        alg: Algorithm,
    },
    /// The header demands an extension that is not understood (RFC 7515 section 4.1.11).
    #[error("the header has critical extensions")]
    Critical,
    /// `typ` is not the expected one.
    #[error("`typ` is `{found}`, expected `{expected}`")]
    Type {
        /// The type that this place demands.
        expected: &'static str,
        /// What the header says.
        found: String,
    },
    /// The header's key is missing or unusable.
    #[error("the header's key: {0}")]
    Key(#[from] KeyError),
    /// The header's certificates are missing or unusable.
    #[error("the header's certificates: {0}")]
    Certificate(#[from] X509Error),
    /// The signature is wrong.
    #[error("the signature is wrong")]
    BadSignature,
    /// The private key could not be used.
    #[error(transparent)]
    Signer(#[from] SignerError),
}

/// Protected header members for [`sign`]; `alg` is set by the signer.
#[derive(Debug, Clone, Default)]
pub struct Header(Map<String, Value>);

impl Header {
    /// A header with this `typ` (RFC 7515 section 4.1.9).
    #[must_use]
    pub fn typ(typ: &str) -> Self {
        Self(Map::from_iter([("typ".to_owned(), Value::from(typ))]))
    }

    /// Adds `kid`.
    #[must_use]
    pub fn kid(self, kid: &str) -> Self {
        self.with("kid", Value::from(kid))
    }

    /// Adds the public key as `jwk`.
    #[must_use]
    pub fn jwk(self, key: &PublicKey) -> Self {
        self.with("jwk", key.to_jwk().to_value())
    }

    /// Adds the chain as `x5c`, leaf first; the anchor stays out (HAIP 1.0 section 6.1.1).
    #[must_use]
    pub fn x5c(self, chain: &[Certificate]) -> Self {
        let list = chain.iter().map(|certificate| Value::from(base64url::encode_standard(certificate.der())));
        self.with("x5c", Value::Array(list.collect()))
    }

    /// Adds any other member.
    #[must_use]
    pub fn with(mut self, name: &str, value: Value) -> Self {
        self.0.insert(name.to_owned(), value);
        self
    }
}

/// Signs `payload` and returns the compact form.
pub fn sign(header: Header, payload: &[u8], signer: &dyn Signer) -> Result<String, SignerError> {
    let mut header = header.0;
    header.insert("alg".to_owned(), Value::from(signer.algorithm().name()));
    let header = json::canonical(&Value::Object(header));
    let mut text = base64url::encode(header.as_bytes());
    text.push('.');
    text.push_str(&base64url::encode(payload));
    let signature = signer.sign(text.as_bytes())?;
    text.push('.');
    text.push_str(&base64url::encode(&signature));
    Ok(text)
}

/// Signs a JSON object as the payload (a JWT, RFC 7519).
pub fn sign_claims(header: Header, claims: &Map<String, Value>, signer: &dyn Signer) -> Result<String, SignerError> {
    sign(header, json::canonical(&Value::Object(claims.clone())).as_bytes(), signer)
}

/// A parsed JWS whose signature was not checked yet.
#[derive(Debug, Clone)]
pub struct Unverified {
    header: Map<String, Value>,
    algorithm: Algorithm,
    signing_input: String,
    payload: Vec<u8>,
    signature: Vec<u8>,
}

impl Unverified {
    /// Parses the compact form. The algorithm must be supported and no critical extension may be asked for.
    pub fn parse(compact: &str) -> Result<Self, JwsError> {
        if compact.len() > MAX_BYTES {
            return Err(JwsError::Malformed);
        }
        let mut parts = compact.split('.');
        let (Some(head), Some(body), Some(tail), None) = (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(JwsError::Malformed);
        };
        let decode = |part: &str| base64url::decode(part).map_err(|_| JwsError::Malformed);
        let header = json::parse_object(&decode(head)?).map_err(|source| JwsError::Json { part: "header", source })?;
        if header.contains_key("crit") || header.contains_key("b64") {
            return Err(JwsError::Critical);
        }
        let algorithm = match header.get("alg") {
            Some(Value::String(name)) => {
                Algorithm::from_name(name).ok_or_else(|| JwsError::Algorithm(name.chars().take(20).collect()))?
            }
            Some(_) | None => return Err(JwsError::Algorithm(String::new())),
        };
        Ok(Self {
            header,
            algorithm,
            signing_input: compact[..head.len() + 1 + body.len()].to_owned(),
            payload: decode(body)?,
            signature: decode(tail)?,
        })
    }

    /// A member of the protected header. It is signed, but the signature was not checked yet.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&Value> {
        self.header.get(name)
    }

    /// A text member of the protected header.
    #[must_use]
    pub fn header_text(&self, name: &str) -> Option<&str> {
        self.header.get(name).and_then(Value::as_str)
    }

    /// The header's algorithm.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Demands this `typ`, compared without regard to case and to a leading `application/` (RFC 7515 section 4.1.9).
    pub fn expect_typ(&self, expected: &'static str) -> Result<(), JwsError> {
        let found = self.header_text("typ").unwrap_or_default();
        let bare = found.strip_prefix("application/").unwrap_or(found);
        if bare.eq_ignore_ascii_case(expected) {
            Ok(())
        } else {
            Err(JwsError::Type { expected, found: found.chars().take(40).collect() })
        }
    }

    /// The public key in the header's `jwk` member.
    pub fn jwk(&self) -> Result<PublicKey, JwsError> {
        let value = self.header.get("jwk").ok_or(KeyError::Malformed)?;
        Ok(Jwk::from_value(value)?.public_key()?)
    }

    /// The certificates of the header's `x5c` member, leaf first.
    pub fn x5c(&self) -> Result<Vec<Certificate>, JwsError> {
        let list = self.header.get("x5c").and_then(Value::as_array).ok_or(X509Error::Missing)?;
        Ok(Certificate::from_x5c(list)?)
    }

    /// Checks the signature and gives the payload.
    pub fn verify(&self, key: &PublicKey) -> Result<&[u8], JwsError> {
        if key.algorithm() != self.algorithm {
            return Err(JwsError::AlgorithmMismatch { alg: self.algorithm });
        }
        key.verify(self.signing_input.as_bytes(), &self.signature).map_err(|_| JwsError::BadSignature)?;
        Ok(&self.payload)
    }

    /// Checks the signature and gives the payload as a JSON object.
    pub fn verify_claims(&self, key: &PublicKey) -> Result<Map<String, Value>, JwsError> {
        json::parse_object(self.verify(key)?).map_err(|source| JwsError::Json { part: "payload", source })
    }

    /// The payload as nobody has verified it, only to find out whose key to look for (an `iss`, a `client_id`). Verify
    /// before acting on anything in it.
    pub fn dangerous_claims(&self) -> Result<Map<String, Value>, JwsError> {
        json::parse_object(&self.payload).map_err(|source| JwsError::Json { part: "payload", source })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::Seeded;
    use crate::{Entropy, SigningKey};

    fn key() -> SigningKey {
        let entropy: &dyn Entropy = &Seeded::dangerous_new("jws");
        SigningKey::generate_p256(entropy)
    }

    #[test]
    fn round_trip() {
        let text = sign(Header::typ("test+jwt").kid("k1").jwk(&key().public_key()), br#"{"a":1}"#, &key()).unwrap();
        let jws = Unverified::parse(&text).unwrap();
        jws.expect_typ("test+jwt").unwrap();
        assert_eq!(jws.jwk().unwrap(), key().public_key());
        assert_eq!(jws.verify_claims(&key().public_key()).unwrap()["a"], 1);
        assert!(matches!(jws.expect_typ("other+jwt"), Err(JwsError::Type { .. })));
    }

    /// RFC 7515 appendix A.4: ECDSA on P-521.
    #[test]
    fn es512_of_the_standard() {
        let key = Jwk::from_value(&serde_json::json!({"kty": "EC", "crv": "P-521",
            "x": "AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk",
            "y": "ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2"}))
        .and_then(|jwk| jwk.public_key())
        .unwrap();
        let text = "eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA.AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWROc-mZZq\
                    wqT2SI-KGDKB34XO0aw_7XdtAG8GaSwFKdCAPZgoXD2YBJZCPEX3xKpRwcdOO8KpEHwJjyqOgzDO7iKvU8vcnwNrmxYbSW9E\
                    RBXukOXolLzeO_Jn";
        assert_eq!(Unverified::parse(text).unwrap().verify(&key).unwrap(), b"Payload");
    }

    #[test]
    fn every_algorithm_signs_and_none_passes_for_another() {
        let entropy = Seeded::dangerous_new("algorithms");
        let keys = Algorithm::ALL.map(|algorithm| SigningKey::generate(algorithm, &entropy));
        for signer in &keys {
            let jws = Unverified::parse(&sign(Header::default(), b"{}", signer).unwrap()).unwrap();
            assert_eq!(jws.algorithm(), signer.algorithm());
            for key in &keys {
                let verdict = jws.verify(&key.public_key());
                if key.algorithm() == signer.algorithm() {
                    verdict.unwrap();
                } else {
                    assert!(matches!(verdict, Err(JwsError::AlgorithmMismatch { alg }) if alg == signer.algorithm()));
                }
            }
        }
    }

    #[test]
    fn any_changed_character_is_refused() {
        let text = sign(Header::typ("t"), br#"{"a":1}"#, &key()).unwrap();
        for at in 0..text.len() {
            let mut bytes = text.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            let Ok(changed) = String::from_utf8(bytes) else { continue };
            let accepted =
                Unverified::parse(&changed).and_then(|jws| jws.verify(&key().public_key()).map(<[u8]>::to_vec));
            assert!(accepted.is_err(), "position {at}");
        }
    }

    #[test]
    fn refuses() {
        let with = |header: &str| format!("{}.e30.AA", base64url::encode(header.as_bytes()));
        assert!(matches!(Unverified::parse(&with(r#"{"alg":"none"}"#)), Err(JwsError::Algorithm(_))));
        assert!(matches!(Unverified::parse(&with(r#"{"alg":"HS256"}"#)), Err(JwsError::Algorithm(_))));
        assert!(matches!(Unverified::parse(&with(r#"{"alg":"ES256","crit":["x"]}"#)), Err(JwsError::Critical)));
        assert!(matches!(Unverified::parse(&with(r#"{"alg":"ES256","alg":"ES256"}"#)), Err(JwsError::Json { .. })));
        assert!(matches!(Unverified::parse("a.b"), Err(JwsError::Malformed)));
        let other = SigningKey::generate_ed25519(&Seeded::dangerous_new("x"));
        let text = sign(Header::default(), b"{}", &key()).unwrap();
        let jws = Unverified::parse(&text).unwrap();
        assert!(matches!(jws.verify(&other.public_key()), Err(JwsError::AlgorithmMismatch { .. })));
    }

    proptest::proptest! {
        #[test]
        fn never_panics(text in "[A-Za-z0-9_.~-]{0,120}") {
            let _ = Unverified::parse(&text);
        }
    }
}
