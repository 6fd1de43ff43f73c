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

/// Longest compact JWE accepted, in bytes.
pub const MAX_BYTES: usize = 16 * 1024 * 1024;

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
    /// The recipient's or the ephemeral key is unusable.
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
    let key = derive(&ephemeral.0, &recipient, encryption, &header)?;
    let protected = base64url::encode(strict::canonical(&Value::Object(header)).as_bytes());
    let nonce = entropy.array::<12>();
    let payload = Payload { msg: plaintext, aad: protected.as_bytes() };
    let sealed = match encryption {
        Encryption::A128Gcm => {
            Aes128Gcm::new_from_slice(&key).ok().and_then(|cipher| cipher.encrypt(&nonce.into(), payload).ok())
        }
        Encryption::A256Gcm => {
            Aes256Gcm::new_from_slice(&key).ok().and_then(|cipher| cipher.encrypt(&nonce.into(), payload).ok())
        }
    };
    let sealed = sealed.ok_or(JweError::Malformed)?;
    let (ciphertext, tag) = sealed.split_at(sealed.len().saturating_sub(16));
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
        if text("alg") != "ECDH-ES" || !encrypted_key.is_empty() {
            return Err(short(text("alg")));
        }
        let encryption = Encryption::from_name(text("enc")).ok_or_else(|| short(text("enc")))?;
        let (mut body, tag) = (decode(ciphertext)?, decode(tag)?);
        if tag.len() != 16 {
            return Err(JweError::Malformed);
        }
        body.extend_from_slice(&tag);
        Ok(Self {
            protected: protected.to_owned(),
            nonce: decode(nonce)?.try_into().map_err(|_| JweError::Malformed)?,
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
        let epk = Jwk::from_value(self.header.get("epk").ok_or(JweError::Malformed)?)?.p256()?;
        let secret = derive(&key.0, &epk, self.encryption, &self.header)?;
        let payload = Payload { msg: &self.body, aad: self.protected.as_bytes() };
        let opened = match self.encryption {
            Encryption::A128Gcm => Aes128Gcm::new_from_slice(&secret)
                .ok()
                .and_then(|cipher| cipher.decrypt(&self.nonce.into(), payload).ok()),
            Encryption::A256Gcm => Aes256Gcm::new_from_slice(&secret)
                .ok()
                .and_then(|cipher| cipher.decrypt(&self.nonce.into(), payload).ok()),
        };
        opened.map(Zeroizing::new).ok_or(JweError::Decryption)
    }
}

/// Concat KDF of RFC 7518 section 4.6.2 (NIST SP 800-56A section 5.8.1), one round of SHA-256.
fn derive(
    secret: &p256::SecretKey,
    public: &p256::PublicKey,
    encryption: Encryption,
    header: &Map<String, Value>,
) -> Result<Zeroizing<Vec<u8>>, JweError> {
    let party = |name: &str| match header.get(name) {
        None => Ok(Vec::new()),
        Some(Value::String(text)) => base64url::decode(text).map_err(|_| JweError::Malformed),
        Some(_) => Err(JweError::Malformed),
    };
    let shared = p256::ecdh::diffie_hellman(secret.to_nonzero_scalar(), public.as_affine());
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::Seeded;

    fn pair() -> (AgreementKey, Jwk) {
        let key = AgreementKey::generate(&Seeded::dangerous_new("jwe"));
        let jwk = key.public_jwk();
        (key, jwk)
    }

    #[test]
    fn round_trip_with_party_info() {
        let (key, jwk) = pair();
        let entropy = Seeded::dangerous_new("other");
        for encryption in [Encryption::A128Gcm, Encryption::A256Gcm] {
            let header = Map::from_iter([("apu".to_owned(), json!("QWxpY2U")), ("apv".to_owned(), json!("Qm9i"))]);
            let text = encrypt(b"hello", &jwk, encryption, header, &entropy).unwrap();
            let sealed = Sealed::parse(&text).unwrap();
            assert_eq!(sealed.kid(), jwk.kid.as_deref());
            assert_eq!(sealed.decrypt(&key).unwrap().as_slice(), b"hello");
            let stranger = AgreementKey::generate(&entropy);
            assert_eq!(sealed.decrypt(&stranger).unwrap_err(), JweError::Decryption);
        }
    }

    /// RFC 7518 appendix C: the Concat KDF example.
    #[test]
    fn key_agreement_of_the_standard() {
        let point = |x: &str, y: &str| Jwk {
            kty: "EC".into(),
            crv: "P-256".into(),
            x: x.into(),
            y: Some(y.into()),
            kid: None,
            alg: None,
            r#use: None,
        };
        let ephemeral = base64url::decode("0_NxaRPUMQoAJt50Gz8YiTr8gRTwyEaCumd-MToTmIo").unwrap();
        let bob = point("weNJy2HscCSM6AEDTDg04biOvhFhyyWvOHQfeF_PxMQ", "e8lnCO-AlStT-NJVX-crhB7QRYhiix03illJOVAOyck");
        let header = Map::from_iter([("apu".to_owned(), json!("QWxpY2U")), ("apv".to_owned(), json!("Qm9i"))]);
        let key = AgreementKey::from_bytes(&ephemeral).unwrap();
        let derived = derive(&key.0, &bob.p256().unwrap(), Encryption::A128Gcm, &header).unwrap();
        assert_eq!(base64url::encode(&derived), "VqqN6vgjbSBcIijNcacQGg");
    }

    #[test]
    fn agrees_with_another_implementation() {
        let (key, jwk) = pair();
        let secret = base64url::encode(key.to_bytes().expose());
        let mut private = jwk.to_value();
        private["d"] = json!(secret);
        let private = josekit::jwk::Jwk::from_bytes(private.to_string()).unwrap();
        let public = josekit::jwk::Jwk::from_bytes(jwk.to_value().to_string()).unwrap();
        for encryption in [Encryption::A128Gcm, Encryption::A256Gcm] {
            let ours = encrypt(b"to them", &jwk, encryption, Map::new(), &Seeded::dangerous_new("e")).unwrap();
            let decrypter = josekit::jwe::ECDH_ES.decrypter_from_jwk(&private).unwrap();
            let (opened, _) = josekit::jwe::deserialize_compact(&ours, &decrypter).unwrap();
            assert_eq!(opened, b"to them");

            let mut header = josekit::jwe::JweHeader::new();
            header.set_content_encryption(encryption.name());
            header.set_agreement_partyuinfo(b"Alice");
            header.set_agreement_partyvinfo(b"Bob");
            let encrypter = josekit::jwe::ECDH_ES.encrypter_from_jwk(&public).unwrap();
            let theirs = josekit::jwe::serialize_compact(b"to us", &header, &encrypter).unwrap();
            assert_eq!(Sealed::parse(&theirs).unwrap().decrypt(&key).unwrap().as_slice(), b"to us");
        }
    }

    #[test]
    fn refuses() {
        let with = |header: Value| {
            format!("{}..AAAAAAAAAAAAAAAA.AA.AAAAAAAAAAAAAAAAAAAAAA", base64url::encode(header.to_string().as_bytes()))
        };
        let check = |header: Value, expected: JweError| assert_eq!(Sealed::parse(&with(header)).unwrap_err(), expected);
        check(json!({"alg": "ECDH-ES", "enc": "A256GCM", "zip": "DEF"}), JweError::Compressed);
        check(json!({"alg": "ECDH-ES", "enc": "A256GCM", "crit": ["x"]}), JweError::Critical);
        check(json!({"alg": "dir", "enc": "A256GCM"}), JweError::Algorithm("dir".into()));
        check(json!({"alg": "ECDH-ES", "enc": "A256CBC-HS512"}), JweError::Algorithm("A256CBC-HS512".into()));
        let (key, jwk) = pair();
        let text = encrypt(b"hello", &jwk, Encryption::A256Gcm, Map::new(), &Seeded::dangerous_new("t")).unwrap();
        let body = text.rfind('.').unwrap();
        for at in [3, body - 2, body + 3] {
            let mut bytes = text.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(bytes).unwrap();
            assert!(Sealed::parse(&changed).and_then(|sealed| sealed.decrypt(&key)).is_err());
        }
    }

    proptest::proptest! {
        #[test]
        fn never_panics(text in "[A-Za-z0-9_.-]{0,160}") {
            let _ = Sealed::parse(&text);
        }
    }
}
