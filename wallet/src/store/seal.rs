//! The sealed form of a wallet: a JSON envelope around one encrypted text.
//!
//! A passphrase or PIN gives, through Argon2id (RFC 9106), the key that wraps a random data key; the data key seals the
//! contents with XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03). So a wrong passphrase (the data key does not open)
//! and a damaged file (the contents do not open) are two findings, and every write after the first needs no Argon2.
//! The parameters travel in the file and are authenticated with it. A file put back from an old copy opens: noticing
//! that would need a counter outside the file.

use argon2::{Argon2, Block, Params, Version};
use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use serde::{Deserialize, Serialize};
use warifu_keys::{Entropy, Secret, base64url};
use zeroize::{Zeroize as _, Zeroizing};

const FORMAT: &str = "warifu-wallet-1";

/// Cost of turning a passphrase into a key (Argon2id, RFC 9106 section 3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kdf {
    /// Memory in KiB, 8 to 1,048,576.
    pub memory_kib: u32,
    /// Passes over the memory, 1 to 16.
    pub passes: u32,
    /// Lanes, 1 to 4.
    pub lanes: u32,
}

impl Default for Kdf {
    /// The second recommendation of RFC 9106 section 4: 64 MiB, 3 passes, 4 lanes.
    fn default() -> Self {
        Self { memory_kib: 64 * 1024, passes: 3, lanes: 4 }
    }
}

impl Kdf {
    /// So cheap that it protects nothing: for tests only.
    #[must_use]
    pub fn dangerous_fast() -> Self {
        Self { memory_kib: 8, passes: 1, lanes: 1 }
    }

    /// The parameters, if they lie within the bounds above. The bounds keep a planted file from eating the machine.
    fn params(self) -> Option<Params> {
        let within = (8..=1_048_576).contains(&self.memory_kib)
            && (1..=16).contains(&self.passes)
            && (1..=4).contains(&self.lanes);
        within.then(|| Params::new(self.memory_kib, self.passes, self.lanes, Some(32)).ok()).flatten()
    }
}

/// Why a sealed wallet did not open or close.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The passphrase is not the one that the wallet was made with.
    #[error("the passphrase or PIN is wrong")]
    WrongPassphrase,
    /// The file was changed or damaged after it was written.
    #[error("the wallet file is damaged or was changed by someone else: {0}")]
    Damaged(&'static str),
    /// The cost parameters are outside the bounds of [`Kdf`].
    #[error("the key derivation parameters are out of bounds")]
    Parameters,
    /// The encryption itself failed; a fault of this program.
    #[error("the wallet could not be encrypted")]
    Encryption,
}

/// The key that seals a wallet's contents, and what is needed to write the envelope again.
#[derive(Debug, Clone)]
pub(super) struct DataKey {
    key: Secret,
    lock: Lock,
}

/// The wrapped data key as it stands in the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Lock {
    format: String,
    kdf: Kdf,
    /// 16 random bytes, base64url.
    salt: String,
    /// Nonce and wrapped data key, base64url.
    wrapped_key: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope {
    lock: Lock,
    /// Nonce and ciphertext, base64url.
    contents: String,
}

impl DataKey {
    /// A fresh data key, wrapped under `passphrase`.
    pub(super) fn generate(passphrase: &Secret, kdf: Kdf, entropy: &dyn Entropy) -> Result<Self, SealError> {
        let salt = entropy.array::<16>();
        let key = Secret::new(entropy.array::<32>().to_vec());
        let wrapping = derive(passphrase, &salt, kdf)?;
        let mut lock =
            Lock { format: FORMAT.to_owned(), kdf, salt: base64url::encode(&salt), wrapped_key: String::new() };
        lock.wrapped_key = encrypt(&wrapping, key.expose(), &lock.parameters(), entropy)?;
        Ok(Self { key, lock })
    }

    /// Opens a sealed wallet. The derivation is done before anything else is judged, so that the time it takes says
    /// nothing about the passphrase.
    pub(super) fn open(sealed: &[u8], passphrase: &Secret) -> Result<(Self, Zeroizing<Vec<u8>>), SealError> {
        let envelope = parse(sealed)?;
        let salt = base64url::decode(&envelope.lock.salt).map_err(|_| SealError::Damaged("salt"))?;
        if salt.len() != 16 {
            return Err(SealError::Damaged("salt"));
        }
        let wrapping = derive(passphrase, &salt, envelope.lock.kdf)?;
        let key = decrypt(&wrapping, &envelope.lock.wrapped_key, &envelope.lock.parameters())
            .map_err(|_| SealError::WrongPassphrase)?;
        let key = Self { key: Secret::new(key.to_vec()), lock: envelope.lock };
        let contents = decrypt(&key.key, &envelope.contents, b"contents")?;
        Ok((key, contents))
    }

    /// Opens a later version of the same wallet without the passphrase.
    pub(super) fn reopen(&self, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealError> {
        decrypt(&self.key, &parse(sealed)?.contents, b"contents")
    }

    /// Seals `contents` into the bytes of the file.
    pub(super) fn seal(&self, contents: &[u8], entropy: &dyn Entropy) -> Result<Vec<u8>, SealError> {
        let envelope =
            Envelope { lock: self.lock.clone(), contents: encrypt(&self.key, contents, b"contents", entropy)? };
        serde_json::to_vec(&envelope).map_err(|_| SealError::Encryption)
    }
}

impl Lock {
    /// What the wrapped key is bound to: everything else in the lock.
    fn parameters(&self) -> Vec<u8> {
        let Kdf { memory_kib, passes, lanes } = self.kdf;
        format!("{} argon2id m={memory_kib} t={passes} p={lanes} {}", self.format, self.salt).into_bytes()
    }
}

fn parse(sealed: &[u8]) -> Result<Envelope, SealError> {
    // Not `json::parse`: a wallet may be larger than a message from a stranger, and it is our own file.
    let envelope: Envelope = serde_json::from_slice(sealed).map_err(|_| SealError::Damaged("envelope"))?;
    if envelope.lock.format == FORMAT { Ok(envelope) } else { Err(SealError::Damaged("format")) }
}

fn derive(passphrase: &Secret, salt: &[u8], kdf: Kdf) -> Result<Secret, SealError> {
    let params = kdf.params().ok_or(SealError::Parameters)?;
    let mut blocks = vec![Block::default(); params.block_count()];
    let mut key = Zeroizing::new([0; 32]);
    let argon2 = Argon2::new(argon2::Algorithm::Argon2id, Version::V0x13, params);
    let done = argon2.hash_password_into_with_memory(passphrase.expose(), salt, key.as_mut_slice(), &mut blocks);
    blocks.iter_mut().for_each(Block::zeroize);
    done.map_err(|_| SealError::Parameters)?;
    Ok(Secret::new(key.to_vec()))
}

fn encrypt(key: &Secret, plain: &[u8], bound: &[u8], entropy: &dyn Entropy) -> Result<String, SealError> {
    let cipher = XChaCha20Poly1305::new_from_slice(key.expose()).map_err(|_| SealError::Encryption)?;
    // 192 random bits: no counter is needed however often a wallet is written.
    let nonce = entropy.array::<24>();
    let sealed =
        cipher.encrypt(&XNonce::from(nonce), Payload { msg: plain, aad: bound }).map_err(|_| SealError::Encryption)?;
    Ok(base64url::encode(&[&nonce[..], &sealed].concat()))
}

fn decrypt(key: &Secret, text: &str, bound: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealError> {
    let damaged = SealError::Damaged("contents");
    let bytes = base64url::decode(text).map_err(|_| damaged.clone())?;
    let (nonce, sealed) = bytes.split_first_chunk::<24>().ok_or(damaged.clone())?;
    let cipher = XChaCha20Poly1305::new_from_slice(key.expose()).map_err(|_| SealError::Encryption)?;
    let plain = cipher.decrypt(&XNonce::from(*nonce), Payload { msg: sealed, aad: bound }).map_err(|_| damaged)?;
    Ok(Zeroizing::new(plain))
}

/// `value` as JSON in one buffer that is wiped: the length is counted first, so that no copy is left behind by growth.
pub(super) fn to_json<T: Serialize>(value: &T) -> Result<Zeroizing<Vec<u8>>, serde_json::Error> {
    struct Count(usize);
    impl std::io::Write for Count {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut count = Count(0);
    serde_json::to_writer(&mut count, value)?;
    let mut bytes = Zeroizing::new(Vec::with_capacity(count.0));
    serde_json::to_writer(&mut *bytes, value)?;
    Ok(bytes)
}

/// Reads what [`to_json`] wrote.
pub(super) fn from_json<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> Result<T, SealError> {
    serde_json::from_slice(bytes).map_err(|_| SealError::Damaged("structure"))
}

#[cfg(test)]
mod tests {
    use warifu_keys::entropy::Seeded;

    use super::*;

    fn secret(text: &str) -> Secret {
        Secret::new(text.as_bytes().to_vec())
    }

    #[test]
    fn opens_only_with_its_passphrase_and_untouched() {
        let entropy = Seeded::dangerous_new("seal");
        let key = DataKey::generate(&secret("1234"), Kdf::dangerous_fast(), &entropy).unwrap();
        let sealed = key.seal(b"family name: Specimen", &entropy).unwrap();
        assert!(!String::from_utf8_lossy(&sealed).contains("Specimen"));

        let (again, plain) = DataKey::open(&sealed, &secret("1234")).unwrap();
        assert_eq!(plain.as_slice(), b"family name: Specimen");
        let later = again.seal(b"later", &entropy).unwrap();
        assert_eq!(key.reopen(&later).unwrap().as_slice(), b"later");

        assert_eq!(DataKey::open(&sealed, &secret("1235")).unwrap_err(), SealError::WrongPassphrase);
        assert_eq!(DataKey::open(b"{}", &secret("1234")).unwrap_err(), SealError::Damaged("envelope"));

        // Every byte counts: a change in the contents is damage, one in the lock looks like a wrong passphrase or worse.
        let text = String::from_utf8(sealed).unwrap();
        let at = text.find("\"contents\":\"").unwrap() + 60;
        let mut changed = text.clone().into_bytes();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        assert_eq!(DataKey::open(&changed, &secret("1234")).unwrap_err(), SealError::Damaged("contents"));
        let cheaper = text.replace("\"passes\":1", "\"passes\":2");
        assert_eq!(DataKey::open(cheaper.as_bytes(), &secret("1234")).unwrap_err(), SealError::WrongPassphrase);
        let greedy = text.replace("\"memory_kib\":8", "\"memory_kib\":4000000000");
        assert_eq!(DataKey::open(greedy.as_bytes(), &secret("1234")).unwrap_err(), SealError::Parameters);
    }
}
