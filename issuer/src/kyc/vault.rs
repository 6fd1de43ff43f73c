//! Encryption of what a person handed over: one data key per session, wrapped by the issuer's master key.
//!
//! Everything personal of a session (pictures, what was read from them, templates) is sealed under its data key with
//! [`AtRestKey`]. The data key exists on disk only in its
//! wrapped form inside the session's record; erasing that form makes everything else unreadable for good.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;
use warifu_keys::at_rest::{AtRestError, AtRestKey};
use warifu_keys::{Entropy, Secret, base64url, sha256};

/// Why something sealed could not be opened.
pub type VaultError = AtRestError;

/// Wraps and unwraps data keys with the issuer's master key.
#[derive(Clone)]
pub struct Vault {
    master: AtRestKey,
}

/// The key of one session: wiped when dropped, silent in `Debug`.
#[derive(Clone)]
pub struct DataKey(AtRestKey);

/// A data key under the master key, as it is kept in the session's record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WrappedKey(String);

impl Vault {
    /// A vault under this master key of 32 bytes.
    ///
    /// # Errors
    /// [`VaultError::KeyLength`] for any other length.
    pub fn new(master: Secret) -> Result<Self, VaultError> {
        Ok(Self { master: AtRestKey::new(master)? })
    }

    /// A fresh data key for `owner`, and its wrapped form, which opens for this owner only.
    ///
    /// # Errors
    /// [`VaultError::Sealed`] never happens in practice; the cipher reports lengths beyond 256 GB with it.
    pub fn data_key(&self, owner: &str, entropy: &dyn Entropy) -> Result<(DataKey, WrappedKey), VaultError> {
        let key = DataKey(AtRestKey::generate(entropy));
        let wrapped = self.master.seal(&wrap_context(owner), key.0.expose(), entropy)?;
        Ok((key, WrappedKey(base64url::encode(&wrapped))))
    }

    /// The data key of `owner`.
    ///
    /// # Errors
    /// [`VaultError::Sealed`] for the wrapped key of another owner or another master key.
    pub fn unwrap_key(&self, owner: &str, wrapped: &WrappedKey) -> Result<DataKey, VaultError> {
        let sealed = base64url::decode(&wrapped.0).map_err(|_| VaultError::Sealed)?;
        AtRestKey::new(self.master.open(&wrap_context(owner), &sealed)?).map(DataKey)
    }
}

impl Vault {
    /// What tags are made with. It follows from the master key, so it is the same for every session.
    #[must_use]
    pub fn tagger(&self) -> Tagger {
        let text = [b"warifu tags\0", self.master.expose()].concat();
        Tagger(sha256(Secret::new(text).expose()))
    }
}

/// Makes tags: keyed hashes by which a record is found again by something that is sealed in it. A tag says that two
/// records have the same, and only whoever holds the key can say what.
#[derive(Clone)]
pub struct Tagger([u8; 32]);

impl Tagger {
    /// The tag of a text of some kind in one application: 128 bits, as 22 characters.
    #[must_use]
    pub fn tag(&self, application: Uuid, kind: &str, text: &str) -> String {
        // The key has a fixed length and half of the digest stays here, so nothing can be appended.
        let digest = sha256(&[&self.0[..], application.as_bytes(), kind.as_bytes(), &[0], text.as_bytes()].concat());
        base64url::encode(&digest[..16])
    }
}

impl fmt::Debug for Tagger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tagger(..)")
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Vault(..)")
    }
}

impl DataKey {
    /// Seals `plain`. What it is for (`context`) must be said again to open it, so one thing cannot stand in for another.
    ///
    /// # Errors
    /// [`VaultError::Sealed`] never happens in practice; see [`Vault::data_key`].
    pub fn seal(&self, context: &str, plain: &[u8], entropy: &dyn Entropy) -> Result<Vec<u8>, VaultError> {
        self.0.seal(context, plain, entropy)
    }

    /// What only somebody with this key can say of a text: 128 bits, as 22 characters.
    #[must_use]
    pub fn proof(&self, text: &str) -> String {
        // The key has a fixed length and half of the digest stays here, so nothing can be appended.
        let whole = Secret::new([b"warifu proof\0", self.0.expose(), text.as_bytes()].concat());
        base64url::encode(&sha256(whole.expose())[..16])
    }

    /// Opens what was sealed with the same context.
    ///
    /// # Errors
    /// [`VaultError::Sealed`] for another key, another context or changed bytes.
    pub fn open(&self, context: &str, sealed: &[u8]) -> Result<Secret, VaultError> {
        self.0.open(context, sealed)
    }
}

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DataKey(..)")
    }
}

fn wrap_context(owner: &str) -> String {
    format!("warifu data key {owner}")
}

#[cfg(test)]
mod tests {
    use warifu_keys::entropy::Seeded;

    use super::*;

    #[test]
    fn opens_for_its_owner_and_purpose_only() {
        let entropy = &Seeded::dangerous_new("vault");
        let vault = Vault::new(Secret::new(vec![7; 32])).unwrap();
        let (key, wrapped) = vault.data_key("s1", entropy).unwrap();
        let sealed = key.seal("document", b"picture", entropy).unwrap();
        let again = vault.unwrap_key("s1", &wrapped).unwrap();
        assert_eq!(again.open("document", &sealed).unwrap().expose(), b"picture");
        assert_eq!(again.open("selfie", &sealed), Err(VaultError::Sealed));
        assert_eq!(vault.unwrap_key("s2", &wrapped).unwrap_err(), VaultError::Sealed);
        let other = Vault::new(Secret::new(vec![8; 32])).unwrap();
        assert_eq!(other.unwrap_key("s1", &wrapped).unwrap_err(), VaultError::Sealed);
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert_eq!(again.open("document", &changed), Err(VaultError::Sealed), "byte {at}");
        }
        assert_eq!(again.open("document", &[]), Err(VaultError::Sealed));
        assert_eq!(Vault::new(Secret::new(vec![])).unwrap_err(), VaultError::KeyLength(0));
    }
}
