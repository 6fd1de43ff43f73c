//! What is held: a credential, its device key and how to show it.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use warifu_credential::type_metadata::TypeMetadata;
use warifu_credential::{ClaimPath, PathStep};
use warifu_keys::{Entropy, SigningKey};
use zeroize::Zeroizing;

use crate::{Error, Wallet};

mod copies;
mod held;
mod rows;

use copies::Copies;
pub(crate) use copies::{MAX_COPIES, Supply};
use held::Kept;
pub use held::{CredentialError, Held};
pub(crate) use held::{Exchange, Reauth};
pub use rows::ClaimFact;
pub(crate) use rows::{attribute, label};

/// The claim, and the element of an mdoc, that holds the face template. It never leaves the wallet.
pub const FACE_TEMPLATE: &str = "face_template";

/// Name of a held credential inside this wallet: 12 lower-case letters and digits.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CredentialId(String);

/// A text that is no [`CredentialId`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the identifier of a credential")]
pub struct NotACredentialId;

impl CredentialId {
    /// A fresh one.
    #[must_use]
    pub fn generate(entropy: &dyn Entropy) -> Self {
        const ALPHABET: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyz023456789";
        let letter = |byte: u8| char::from(ALPHABET[usize::from(byte % 32)]);
        Self(entropy.array::<12>().into_iter().map(letter).collect())
    }
}

impl fmt::Display for CredentialId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for CredentialId {
    type Err = NotACredentialId;

    fn from_str(text: &str) -> Result<Self, NotACredentialId> {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        if text.len() == 12 && text.bytes().all(plain) { Ok(Self(text.to_owned())) } else { Err(NotACredentialId) }
    }
}

impl TryFrom<String> for CredentialId {
    type Error = NotACredentialId;

    fn try_from(text: String) -> Result<Self, NotACredentialId> {
        text.parse()
    }
}

impl From<CredentialId> for String {
    fn from(id: CredentialId) -> Self {
        id.0
    }
}

/// The private key that one credential copy is bound to, as PKCS#8 PEM. Wiped on drop, silent in `Debug`.
#[derive(Clone)]
pub struct DeviceKey(Zeroizing<String>);

impl fmt::Debug for DeviceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DeviceKey(..)")
    }
}

impl Serialize for DeviceKey {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        out.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for DeviceKey {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        String::deserialize(reader).map(|pem| Self(Zeroizing::new(pem)))
    }
}

impl DeviceKey {
    /// Keeps a key.
    pub fn keep(key: &SigningKey) -> Result<Self, warifu_keys::jwk::KeyError> {
        key.to_pkcs8_pem().map(Self)
    }

    /// The key, for the one signature that needs it.
    pub fn signing_key(&self) -> Result<SigningKey, warifu_keys::jwk::KeyError> {
        SigningKey::from_pkcs8_pem(&self.0)
    }
}

/// One held credential. What is read here is of the copy that is presented next.
#[derive(Clone, Serialize, Deserialize)]
pub struct Holding {
    /// Its name in this wallet.
    pub id: CredentialId,
    /// The credential with everything that could be disclosed.
    credential: Kept,
    /// The key it is bound to.
    key: DeviceKey,
    /// Credential issuer identifier of where it came from.
    pub issuer: String,
    /// The issuer's name in the trusted list.
    pub issuer_name: String,
    /// When it was stored.
    pub received_at: Timestamp,
    /// When its status was last seen to be valid.
    pub status_checked_at: Timestamp,
    /// Its further copies. Wallets made before there were any have none.
    #[serde(default = "Copies::alone")]
    copies: Copies,
}

impl fmt::Debug for Holding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Holding({})", self.id)
    }
}

/// Where a credential came from.
#[derive(Debug, Clone)]
pub(crate) struct Origin {
    /// Credential issuer identifier.
    pub(crate) issuer: String,
    /// Name in the trusted list.
    pub(crate) issuer_name: String,
}

impl Holding {
    pub(crate) fn new(id: CredentialId, held: &Held, key: DeviceKey, origin: Origin, now: Timestamp) -> Self {
        let Origin { issuer, issuer_name } = origin;
        let credential = held.to_kept();
        Self {
            id,
            credential,
            key,
            issuer,
            issuer_name,
            received_at: now,
            status_checked_at: now,
            copies: Copies::alone(),
        }
    }

    /// The credential, readable. It was verified when it was stored, and the store is authenticated.
    pub fn held(&self) -> Result<Held, CredentialError> {
        self.credential.reload()
    }

    /// The key it is bound to.
    pub(crate) fn key(&self) -> &DeviceKey {
        &self.key
    }
}

/// A held credential as `wallet list` shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CredentialFacts {
    /// Its name in this wallet.
    pub id: CredentialId,
    /// Format identifier.
    pub format: &'static str,
    /// Type: `vct`, or the `docType` of an mdoc.
    pub vct: String,
    /// Name of the type.
    pub name: String,
    /// Credential issuer identifier.
    pub issuer: String,
    /// The issuer's name in the trusted list.
    pub issuer_name: String,
    /// When it was stored.
    pub received_at: Timestamp,
    /// From when it is valid, blurred by the issuer.
    pub issued_at: Option<Timestamp>,
    /// From when it is no longer accepted.
    pub expires: Option<Timestamp>,
    /// Whether it has expired.
    pub expired: bool,
    /// When its status was last seen to be valid.
    pub status_checked_at: Timestamp,
    /// Whether a selfie can be matched with it.
    pub has_face_template: bool,
    /// Whether it can be shared with a partner, beside answering requests.
    pub can_be_shared: bool,
    /// The name on the card, if the credential has one.
    pub holder_name: Option<String>,
    /// Copies that were not presented yet, where the credential came in several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub copies_left: Option<u32>,
}

/// A held credential with its values, as `wallet show` shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CredentialDetails {
    /// The head.
    #[serde(flatten)]
    pub facts: CredentialFacts,
    /// All values except the face template, which is never shown.
    pub claims: Vec<ClaimFact>,
}

impl Holding {
    /// What `wallet list` shows.
    pub fn facts(&self, language: &str, now: Timestamp) -> Result<CredentialFacts, CredentialError> {
        let held = self.held()?;
        let holder_name = match (held.text("given_name"), held.text("family_name")) {
            (Some(given), Some(family)) => Some(format!("{given} {family}")),
            (one, other) => one.or(other).map(str::to_owned),
        };
        Ok(CredentialFacts {
            id: self.id.clone(),
            format: held.format().identifier(),
            vct: held.vct().to_owned(),
            name: held.name(language).to_owned(),
            issuer: self.issuer.clone(),
            issuer_name: self.issuer_name.clone(),
            received_at: self.received_at,
            issued_at: held.issued_at(),
            expires: held.expires(),
            expired: held.expires().is_some_and(|at| now >= at),
            status_checked_at: self.status_checked_at,
            has_face_template: held.face_template_label(language).is_some(),
            can_be_shared: held.sd_jwt().is_some(),
            holder_name,
            copies_left: self.copies_left(),
        })
    }

    /// What `wallet show` shows.
    pub fn details(&self, language: &str, now: Timestamp) -> Result<CredentialDetails, CredentialError> {
        Ok(CredentialDetails { facts: self.facts(language, now)?, claims: self.held()?.rows(language) })
    }
}

impl Wallet {
    /// What the types of the held credentials say about themselves, newest first; an mdoc has no such document.
    pub(crate) fn types(&self) -> Result<Vec<TypeMetadata>, Error> {
        let newest_first = |holdings: &[Holding]| {
            holdings.iter().rev().filter_map(|holding| holding.credential.metadata().cloned()).collect()
        };
        Ok(self.store().read(|contents| newest_first(&contents.holdings))?)
    }
}

/// Whether `path` leads to a face template, in an SD-JWT VC or in any namespace of an mdoc, and so must never be disclosed.
pub(crate) fn touches_face_template(path: &ClaimPath) -> bool {
    path.steps().iter().take(2).any(|step| match step {
        PathStep::Name(name) => name == FACE_TEMPLATE,
        PathStep::Index(_) | PathStep::Every => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_face_template_is_found_wherever_it_stands() {
        let check = |path: ClaimPath, expected: bool| assert_eq!(touches_face_template(&path), expected, "{path:?}");
        check(ClaimPath::claim(FACE_TEMPLATE), true);
        check(ClaimPath::claim(FACE_TEMPLATE).name("value"), true);
        check(ClaimPath::claim("org.warifu.kyc.1").name(FACE_TEMPLATE), true);
        check(ClaimPath::claim("org.warifu.kyc.1").name(FACE_TEMPLATE).name("model"), true);
        check(ClaimPath::claim("org.example.other").name(FACE_TEMPLATE), true);
        check(ClaimPath::claim("org.warifu.kyc.1").name("portrait"), false);
        check(ClaimPath::claim("nationalities").index(0), false);
    }
}
