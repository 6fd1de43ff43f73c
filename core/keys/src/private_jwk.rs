//! Private keys as JSON Web Keys (RFC 7518 section 6.2.2, RFC 8037 section 2), read and written only where someone asked
//! for exactly that: a key file on a command line. [`Jwk`](crate::Jwk) refuses them everywhere else.

use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, Zeroizing};

use crate::jwk::{Jwk, KeyError};
use crate::signer::PrivateKey;
use crate::{Signer as _, SigningKey, base64url};

/// The members of a private JWK that matter; wiped when dropped.
#[derive(Serialize, Deserialize)]
struct Text {
    kty: String,
    crv: String,
    x: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    y: Option<String>,
    d: String,
}

impl Drop for Text {
    fn drop(&mut self) {
        self.d.zeroize();
    }
}

impl SigningKey {
    /// The key in a private JWK. The caller wipes `text`.
    ///
    /// [`KeyError::Unsupported`] for other types and curves, [`KeyError::Malformed`] for what is no key, or a public half
    /// that does not belong to the private one.
    pub fn from_private_jwk(text: &str) -> Result<Self, KeyError> {
        let text: Text = serde_json::from_str(text).map_err(|_| KeyError::Malformed)?;
        let secret = Zeroizing::new(base64url::decode(&text.d).map_err(|_| KeyError::Malformed)?);
        let malformed = |_| KeyError::Malformed;
        let key = match (text.kty.as_str(), text.crv.as_str()) {
            ("EC", "P-256") => p256::ecdsa::SigningKey::from_slice(&secret).map(PrivateKey::P256).map_err(malformed),
            ("EC", "P-384") => p384::ecdsa::SigningKey::from_slice(&secret).map(PrivateKey::P384).map_err(malformed),
            ("EC", "P-521") => p521::ecdsa::SigningKey::from_slice(&secret).map(PrivateKey::P521).map_err(malformed),
            ("OKP", "Ed25519") => {
                let seed = secret.as_slice().try_into().map_err(|_| KeyError::Malformed)?;
                Ok(PrivateKey::Ed25519(ed25519_dalek::SigningKey::from_bytes(seed)))
            }
            (kty, crv) => Err(KeyError::Unsupported(format!("{kty} {crv}").chars().take(40).collect())),
        }?;
        let key = Self::new(key);
        let Jwk { x, y, .. } = key.public_key().to_jwk();
        if x == text.x && y == text.y { Ok(key) } else { Err(KeyError::Malformed) }
    }

    /// The key as a private JWK, on one line.
    pub fn to_private_jwk(&self) -> Result<Zeroizing<String>, KeyError> {
        let secret = Zeroizing::new(match self.key() {
            PrivateKey::P256(key) => key.to_bytes().to_vec(),
            PrivateKey::P384(key) => key.to_bytes().to_vec(),
            PrivateKey::P521(key) => key.to_bytes().to_vec(),
            PrivateKey::Ed25519(key) => key.to_bytes().to_vec(),
        });
        let Jwk { kty, crv, x, y, .. } = self.public_key().to_jwk();
        let text = Text { kty, crv, x, y, d: base64url::encode(&secret) };
        serde_json::to_string(&text).map(Zeroizing::new).map_err(|_| KeyError::Malformed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Algorithm;
    use crate::entropy::Seeded;

    #[test]
    fn there_and_back() {
        let entropy = Seeded::dangerous_new("private-jwk");
        for algorithm in Algorithm::ALL {
            let key = SigningKey::generate(algorithm, &entropy);
            let again = SigningKey::from_private_jwk(&key.to_private_jwk().unwrap()).unwrap();
            let signature = again.sign(b"message").unwrap();
            key.public_key().verify(b"message", &signature).unwrap();
        }
    }

    /// The private key of RFC 8037 appendix A.1.
    #[test]
    fn the_key_of_the_standard() {
        let text = r#"{"kty":"OKP","crv":"Ed25519","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
            "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
        assert_eq!(SigningKey::from_private_jwk(text).unwrap().public_key().to_jwk().x[..6], *"11qYAY");
    }

    #[test]
    fn refuses() {
        let check = |text: &str, expected: KeyError| {
            assert_eq!(SigningKey::from_private_jwk(text).unwrap_err(), expected, "{text}");
        };
        let entropy = Seeded::dangerous_new("private-jwk");
        let one = SigningKey::generate_p256(&entropy).to_private_jwk().unwrap();
        let other = SigningKey::generate_p256(&entropy).public_key().to_jwk();
        let mut mixed: serde_json::Value = serde_json::from_str(&one).unwrap();
        mixed["x"] = other.x.into();
        check(&mixed.to_string(), KeyError::Malformed);
        mixed.as_object_mut().unwrap().remove("d");
        check(&mixed.to_string(), KeyError::Malformed);
        check(r#"{"kty":"oct","crv":"","x":"","d":"AA"}"#, KeyError::Unsupported("oct ".to_owned()));
        check(r#"{"kty":"OKP","crv":"Ed25519","x":"","d":"AA","d":"AA"}"#, KeyError::Malformed);
    }
}
