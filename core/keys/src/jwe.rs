//! JSON Web Encryption in compact form (RFC 7516) with direct `ECDH-ES` on P-256 (RFC 7518 section 4.6) and `A128GCM`
//! or `A256GCM`: what OpenID4VP 1.0 responses and share tokens use.
//!
//! Compression (`zip`) is refused before anything is decrypted, so a small message can not grow; `apu` and `apv` enter
//! the key derivation as RFC 7518 section 4.6.2 says. Pure Rust, so the same code runs in a wallet on a phone.

use std::fmt;

use aes_gcm::aead::{Aead as _, KeyInit as _, Payload};
use aes_gcm::{Aes128Gcm, Aes256Gcm};
use serde_json::{Map, Value, json};
use sha2::Digest as _;
use zeroize::Zeroizing;

use crate::jwk::{Jwk, KeyError};
use crate::{Entropy, PublicKey, Secret, base64url, json as strict};

#[cfg(test)]
mod tests;

/// Longest compact JWE accepted, in bytes.
pub const MAX_BYTES: usize = 16 * 1024 * 1024;

/// Length of the authentication tag of both GCMs (RFC 7518 section 5.3).
const TAG_BYTES: usize = 16;

/// Why a JWE could not be made or opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JweError {
    /// Not five base64url parts, too long, or a header that is not acceptable JSON.
    #[error("not a compact JWE")]
    Malformed,
    /// `alg` or `enc` outside the supported set.
    #[error("algorithm `{0}` is not supported")]
    Algorithm(String),
    /// The message asks for decompression.
    #[error("compressed messages are refused")]
    Compressed,
    /// The header demands an extension that is not understood.
    #[error("the header has critical extensions")]
    Critical,
    /// The part for an encrypted key is not empty, which it has to be under `ECDH-ES` (RFC 7518 section 4.6).
    #[error("a key is transported beside the agreed one")]
    EncryptedKey,
    /// The initialisation vector has not 96 bits (RFC 7518 section 5.3).
    #[error("an initialisation vector of {0} bytes, expected 12")]
    NonceLength(usize),
    /// The authentication tag has not 128 bits (RFC 7518 section 5.3).
    #[error("an authentication tag of {0} bytes, expected 16")]
    TagLength(usize),
    /// `apu` or `apv` is no base64url text (RFC 7518 sections 4.6.1.2 and 4.6.1.3).
    #[error("`{0}` is no base64url text")]
    PartyInfo(&'static str),
    /// The sender's ephemeral key in `epk` is missing or unusable.
    #[error("the ephemeral key: {0}")]
    EphemeralKey(#[source] KeyError),
    /// The recipient's key is unusable.
    #[error("the key: {0}")]
    Key(#[from] KeyError),
    /// Wrong key, or the message was changed.
    #[error("the message can not be decrypted with this key")]
    Decryption,
}

/// Content encryption (RFC 7518 section 5.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encryption {
    /// AES-128 in Galois/Counter mode.
    A128Gcm,
    /// AES-256 in Galois/Counter mode.
    A256Gcm,
}

impl Encryption {
    /// The name in `enc`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::A128Gcm => "A128GCM",
            Self::A256Gcm => "A256GCM",
        }
    }

    /// The content encryption of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "A128GCM" => Some(Self::A128Gcm),
            "A256GCM" => Some(Self::A256Gcm),
            _ => None,
        }
    }

    fn key_bytes(self) -> usize {
        match self {
            Self::A128Gcm => 16,
            Self::A256Gcm => 32,
        }
    }
}

/// A private P-256 key for key agreement: the half that opens messages.
#[derive(Clone)]
pub struct AgreementKey(p256::SecretKey);

impl fmt::Debug for AgreementKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AgreementKey(..)")
    }
}

impl AgreementKey {
    /// A fresh key.
    #[must_use]
    pub fn generate(entropy: &dyn Entropy) -> Self {
        loop {
            let scalar = Zeroizing::new(entropy.array::<32>());
            if let Ok(key) = p256::SecretKey::from_slice(scalar.as_slice()) {
                return Self(key);
            }
        }
    }

    /// The key behind 32 stored bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, KeyError> {
        p256::SecretKey::from_slice(bytes).map(Self).map_err(|_| KeyError::Malformed)
    }

    /// The 32 secret bytes, for storage under encryption.
    #[must_use]
    pub fn to_bytes(&self) -> Secret {
        Secret::new(self.0.to_bytes().to_vec())
    }

    /// The public half.
    #[must_use]
    pub fn public_key(&self) -> PublicKey {
        PublicKey::P256(self.0.public_key())
    }

    /// The secret that the holder of `other` computes too.
    pub(crate) fn shared_secret(&self, other: &p256::PublicKey) -> p256::ecdh::SharedSecret {
        p256::ecdh::diffie_hellman(self.0.to_nonzero_scalar(), other.as_affine())
    }

    /// The public half as a JWK with `use` `enc`, `alg` `ECDH-ES` and its thumbprint as `kid`.
    #[must_use]
    pub fn public_jwk(&self) -> Jwk {
        let key = PublicKey::P256(self.0.public_key());
        let kid = base64url::encode(&key.thumbprint());
        Jwk { kid: Some(kid), alg: Some("ECDH-ES".to_owned()), r#use: Some("enc".to_owned()), ..key.to_jwk() }
    }
}

/// Encrypts `plaintext` to the P-256 key `to`. `header` may add members such as `typ`, `cty`, `apu`, `apv`; `kid` is
/// echoed from the key (OpenID4VP 1.0 section 8.3).
pub fn encrypt(
    plaintext: &[u8],
    to: &Jwk,
    encryption: Encryption,
    header: Map<String, Value>,
    entropy: &dyn Entropy,
) -> Result<String, JweError> {
    let recipient = to.p256()?;
    let ephemeral = AgreementKey::generate(entropy);
    let epk = PublicKey::P256(ephemeral.0.public_key()).to_jwk();
    let mut header = header;
    header.insert("alg".to_owned(), json!("ECDH-ES"));
    header.insert("enc".to_owned(), json!(encryption.name()));
    header.insert("epk".to_owned(), epk.to_value());
    if let Some(kid) = &to.kid {
        header.insert("kid".to_owned(), json!(kid));
    }
    let key = derive(&ephemeral, &recipient, encryption, &header)?;
    let protected = base64url::encode(strict::canonical(&Value::Object(header)).as_bytes());
    let nonce = entropy.array::<12>();
    let sealed = seal(encryption, &key, &nonce, protected.as_bytes(), plaintext).ok_or(JweError::Malformed)?;
    let (ciphertext, tag) = sealed.split_at(sealed.len().saturating_sub(TAG_BYTES));
    Ok(format!(
        "{protected}..{}.{}.{}",
        base64url::encode(&nonce),
        base64url::encode(ciphertext),
        base64url::encode(tag)
    ))
}

/// A parsed JWE that was not opened yet; its header says which key to use.
#[derive(Debug, Clone)]
pub struct Sealed {
    protected: String,
    header: Map<String, Value>,
    encryption: Encryption,
    nonce: [u8; 12],
    /// Ciphertext followed by the tag.
    body: Vec<u8>,
}

impl Sealed {
    /// Parses the compact form and checks that the header asks for nothing outside this module.
    pub fn parse(compact: &str) -> Result<Self, JweError> {
        if compact.len() > MAX_BYTES {
            return Err(JweError::Malformed);
        }
        let parts: Vec<&str> = compact.splitn(6, '.').collect();
        let [protected, encrypted_key, nonce, ciphertext, tag] = parts[..] else {
            return Err(JweError::Malformed);
        };
        let decode = |part: &str| base64url::decode(part).map_err(|_| JweError::Malformed);
        let header = strict::parse_object(&decode(protected)?).map_err(|_| JweError::Malformed)?;
        if header.contains_key("zip") {
            return Err(JweError::Compressed);
        }
        if header.contains_key("crit") {
            return Err(JweError::Critical);
        }
        let text = |name: &str| header.get(name).and_then(Value::as_str).unwrap_or_default();
        let short = |name: &str| JweError::Algorithm(name.chars().take(20).collect());
        if text("alg") != "ECDH-ES" {
            return Err(short(text("alg")));
        }
        if !encrypted_key.is_empty() {
            return Err(JweError::EncryptedKey);
        }
        let encryption = Encryption::from_name(text("enc")).ok_or_else(|| short(text("enc")))?;
        let (mut body, tag) = (decode(ciphertext)?, decode(tag)?);
        if tag.len() != TAG_BYTES {
            return Err(JweError::TagLength(tag.len()));
        }
        body.extend_from_slice(&tag);
        Ok(Self {
            protected: protected.to_owned(),
            nonce: decode(nonce)?.try_into().map_err(|nonce: Vec<u8>| JweError::NonceLength(nonce.len()))?,
            header,
            encryption,
            body,
        })
    }

    /// The `kid` of the recipient's key.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.header_text("kid")
    }

    /// A text member of the header.
    #[must_use]
    pub fn header_text(&self, name: &str) -> Option<&str> {
        self.header.get(name).and_then(Value::as_str)
    }

    /// The content encryption.
    #[must_use]
    pub fn encryption(&self) -> Encryption {
        self.encryption
    }

    /// Opens the message with the recipient's key.
    pub fn decrypt(&self, key: &AgreementKey) -> Result<Zeroizing<Vec<u8>>, JweError> {
        let epk = self.header.get("epk").ok_or(JweError::EphemeralKey(KeyError::Malformed))?;
        let epk = Jwk::from_value(epk).and_then(|jwk| jwk.p256()).map_err(JweError::EphemeralKey)?;
        let secret = derive(key, &epk, self.encryption, &self.header)?;
        open(self.encryption, &secret, &self.nonce, self.protected.as_bytes(), &self.body).ok_or(JweError::Decryption)
    }
}

/// Seals `message`; the tag follows the ciphertext. `None` for a key of the wrong length and a message too long for GCM.
fn seal(encryption: Encryption, key: &[u8], nonce: &[u8; 12], aad: &[u8], message: &[u8]) -> Option<Vec<u8>> {
    let payload = Payload { msg: message, aad };
    match encryption {
        Encryption::A128Gcm => Aes128Gcm::new_from_slice(key).ok()?.encrypt(&(*nonce).into(), payload).ok(),
        Encryption::A256Gcm => Aes256Gcm::new_from_slice(key).ok()?.encrypt(&(*nonce).into(), payload).ok(),
    }
}

/// Opens `body`, ciphertext followed by the tag; `None` for whatever [`seal`] did not make with the same arguments.
fn open(encryption: Encryption, key: &[u8], nonce: &[u8; 12], aad: &[u8], body: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let payload = Payload { msg: body, aad };
    let opened = match encryption {
        Encryption::A128Gcm => Aes128Gcm::new_from_slice(key).ok()?.decrypt(&(*nonce).into(), payload),
        Encryption::A256Gcm => Aes256Gcm::new_from_slice(key).ok()?.decrypt(&(*nonce).into(), payload),
    };
    opened.map(Zeroizing::new).ok()
}

/// Concat KDF of RFC 7518 section 4.6.2 (NIST SP 800-56A section 5.8.1), one round of SHA-256.
fn derive(
    secret: &AgreementKey,
    public: &p256::PublicKey,
    encryption: Encryption,
    header: &Map<String, Value>,
) -> Result<Zeroizing<Vec<u8>>, JweError> {
    let party = |name: &'static str| match header.get(name) {
        None => Ok(Vec::new()),
        Some(Value::String(text)) => base64url::decode(text).map_err(|_| JweError::PartyInfo(name)),
        Some(_) => Err(JweError::PartyInfo(name)),
    };
    let shared = secret.shared_secret(public);
    let mut hash = sha2::Sha256::new();
    hash.update(1u32.to_be_bytes());
    hash.update(shared.raw_secret_bytes());
    for field in [encryption.name().as_bytes(), &party("apu")?, &party("apv")?] {
        hash.update(u32::try_from(field.len()).map_err(|_| JweError::Malformed)?.to_be_bytes());
        hash.update(field);
    }
    hash.update((encryption.key_bytes() as u32 * 8).to_be_bytes());
    let mut key = Zeroizing::new(hash.finalize().to_vec());
    key.truncate(encryption.key_bytes());
    Ok(key)
}
