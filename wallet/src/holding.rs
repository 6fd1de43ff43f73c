//! What is held: a credential, its device key and how to show it.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use warifu_credential::sd_jwt::{self, Held, NEVER_SELECTIVE};
use warifu_credential::type_metadata::{TypeMetadata, path_text};
use warifu_credential::{ClaimPath, PathStep};
use warifu_keys::{Entropy, SigningKey};
use warifu_schemas::{Attribute, PROFILES, Step};
use zeroize::{Zeroize as _, Zeroizing};

use crate::{Error, Wallet};

/// The claim that holds the face template. It never leaves the wallet.
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

/// One held credential copy.
#[derive(Clone, Serialize, Deserialize)]
pub struct Holding {
    /// Its name in this wallet.
    pub id: CredentialId,
    /// The SD-JWT with all disclosures.
    text: String,
    /// The key it is bound to.
    key: DeviceKey,
    /// What its type says about itself.
    pub metadata: TypeMetadata,
    /// Credential issuer identifier of where it came from.
    pub issuer: String,
    /// The issuer's name in the trusted list.
    pub issuer_name: String,
    /// When it was stored.
    pub received_at: Timestamp,
    /// When its status was last seen to be valid.
    pub status_checked_at: Timestamp,
}

impl Drop for Holding {
    fn drop(&mut self) {
        self.text.zeroize();
    }
}

impl fmt::Debug for Holding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Holding({} {})", self.id, self.metadata.vct)
    }
}

/// What [`Holding::new`] is made from besides the credential and its key.
#[derive(Debug, Clone)]
pub(crate) struct Origin {
    pub(crate) metadata: TypeMetadata,
    pub(crate) issuer: String,
    pub(crate) issuer_name: String,
}

impl Holding {
    pub(crate) fn new(id: CredentialId, held: &Held, key: DeviceKey, origin: Origin, now: Timestamp) -> Self {
        let Origin { metadata, issuer, issuer_name } = origin;
        Self { id, text: held.text(), key, metadata, issuer, issuer_name, received_at: now, status_checked_at: now }
    }

    /// The credential, readable. It was verified when it was stored, and the store is authenticated.
    pub fn held(&self) -> Result<Held, sd_jwt::Error> {
        Held::dangerous_reload(&self.text)
    }

    /// The credential in compact form with all disclosures.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// The key it is bound to.
    pub(crate) fn key(&self) -> &DeviceKey {
        &self.key
    }
}

/// One value of a credential as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ClaimFact {
    /// Where it stands.
    pub path: ClaimPath,
    /// The path as people write it, such as `age_equal_or_over.18`.
    pub name: String,
    /// What people call it, in the language asked for; the name where neither the type nor our own profile says it.
    pub label: String,
    /// The value, as signed.
    pub value: Value,
}

/// A held credential as `wallet list` shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CredentialFacts {
    /// Its name in this wallet.
    pub id: CredentialId,
    /// Format identifier.
    pub format: &'static str,
    /// Type.
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
    /// The name on the card, if the credential has one.
    pub holder_name: Option<String>,
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
    pub fn facts(&self, language: &str, now: Timestamp) -> Result<CredentialFacts, sd_jwt::Error> {
        let held = self.held()?;
        let claims = held.claims();
        let text = |name: &str| claims.get(name).and_then(Value::as_str);
        let holder_name = match (text("given_name"), text("family_name")) {
            (Some(given), Some(family)) => Some(format!("{given} {family}")),
            (one, other) => one.or(other).map(str::to_owned),
        };
        Ok(CredentialFacts {
            id: self.id.clone(),
            format: held.format().identifier(),
            vct: held.vct().to_owned(),
            name: self.metadata.name(language).unwrap_or(held.vct()).to_owned(),
            issuer: self.issuer.clone(),
            issuer_name: self.issuer_name.clone(),
            received_at: self.received_at,
            issued_at: held.issued_at(),
            expires: held.expires(),
            expired: held.expires().is_some_and(|at| now >= at),
            status_checked_at: self.status_checked_at,
            has_face_template: claims.get(FACE_TEMPLATE).is_some(),
            holder_name,
        })
    }

    /// What `wallet show` shows.
    pub fn details(&self, language: &str, now: Timestamp) -> Result<CredentialDetails, sd_jwt::Error> {
        let claims = rows(self.held()?.claims(), &self.metadata, language);
        Ok(CredentialDetails { facts: self.facts(language, now)?, claims })
    }
}

impl Wallet {
    /// What the types of the held credentials say about themselves, newest first.
    pub(crate) fn types(&self) -> Result<Vec<TypeMetadata>, Error> {
        let newest_first = |holdings: &[Holding]| holdings.iter().rev().map(|held| held.metadata.clone()).collect();
        Ok(self.store().read(|contents| newest_first(&contents.holdings))?)
    }
}

/// The values of `claims` one by one, in the order of the type metadata, without registered claims and without the
/// face template. Arrays of plain values are one row.
pub(crate) fn rows(claims: &Value, metadata: &TypeMetadata, language: &str) -> Vec<ClaimFact> {
    let mut leaves = Vec::new();
    if let Value::Object(members) = claims {
        for (name, value) in members {
            let registered = NEVER_SELECTIVE.contains(&name.as_str()) || name == "iat" || name == "_sd_alg";
            if !registered && name != FACE_TEMPLATE {
                collect(ClaimPath::claim(name), value, &mut leaves);
            }
        }
    }
    let place =
        |path: &ClaimPath| metadata.claims.iter().position(|claim| path.steps().starts_with(claim.path.steps()));
    let exact = |path: &ClaimPath| metadata.claims.iter().position(|claim| claim.path == *path);
    leaves
        .sort_by_key(|(path, _)| (place(path).unwrap_or(usize::MAX), exact(path).unwrap_or(usize::MAX), path.clone()));
    let fact = |(path, value): (ClaimPath, Value)| {
        let name = path_text(&path);
        let label = label(Some(metadata), &path, language).unwrap_or(&name).to_owned();
        ClaimFact { path, name, label, value }
    };
    leaves.into_iter().map(fact).collect()
}

/// What people call the claim at `path`: the word of its type where that is known and has one, else that of our own
/// profiles for a claim in the same place.
pub(crate) fn label<'a>(metadata: Option<&'a TypeMetadata>, path: &ClaimPath, language: &str) -> Option<&'a str> {
    let own = || attribute(path).map(|attribute| attribute.label.for_language(language));
    metadata.and_then(|metadata| metadata.label(path, language)).or_else(own)
}

/// The row for `path` in the first profile that has it; an entry of an array has the row of every entry.
pub(crate) fn attribute(path: &ClaimPath) -> Option<&'static Attribute> {
    let same = |(known, asked): (&Step, &PathStep)| match (known, asked) {
        (Step::Name(known), PathStep::Name(asked)) => known == asked,
        (Step::Every, PathStep::Index(_) | PathStep::Every) => true,
        (Step::Name(_), PathStep::Index(_) | PathStep::Every) | (Step::Every, PathStep::Name(_)) => false,
    };
    let steps = path.steps();
    PROFILES
        .iter()
        .flat_map(|profile| profile.attributes)
        .find(|row| row.path.len() == steps.len() && row.path.iter().zip(steps).all(same))
}

fn collect(path: ClaimPath, value: &Value, leaves: &mut Vec<(ClaimPath, Value)>) {
    match value {
        Value::Object(members) => {
            for (name, inner) in members {
                collect(path.clone().name(name), inner, leaves);
            }
        }
        Value::Array(entries) if entries.iter().any(|entry| entry.is_object() || entry.is_array()) => {
            for (index, inner) in entries.iter().enumerate() {
                collect(path.clone().index(index), inner, leaves);
            }
        }
        // An array whose entries are all withheld says nothing.
        Value::Array(entries) if entries.is_empty() => {}
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            leaves.push((path, value.clone()));
        }
    }
}

/// Whether `path` lies on the branch of the face template, and so must never be disclosed.
pub(crate) fn touches_face_template(path: &ClaimPath) -> bool {
    match path.steps().first() {
        Some(PathStep::Name(name)) => name == FACE_TEMPLATE,
        Some(PathStep::Index(_) | PathStep::Every) | None => false,
    }
}

#[cfg(test)]
mod tests {
    use warifu_credential::type_metadata::{Progress, Resolving};

    use super::*;

    #[test]
    fn claims_have_a_word_where_their_type_has_none() {
        let check = |path: ClaimPath, language: &str, expected: Option<&str>| {
            assert_eq!(label(None, &path, language), expected, "{path:?}");
        };
        check(ClaimPath::claim("family_name"), "en", Some("Family name"));
        check(ClaimPath::claim("family_name"), "ja", Some("姓"));
        check(ClaimPath::claim("assurance").name("checks"), "en", Some("Checks passed"));
        check(ClaimPath::claim("nationalities").index(1), "en", Some("Nationality"));
        check(ClaimPath::claim("nationalities").every(), "en", Some("Nationality"));
        check(ClaimPath::claim("nationalities").name("0"), "en", None);
        check(ClaimPath::claim("shoe_size"), "en", None);
        let document = serde_json::json!({"vct": "https://a.example/vct/1", "claims": [
            {"path": ["family_name"], "display": [{"locale": "en", "label": "Surname"}]}, {"path": ["birthdate"]}]});
        let resolving = Resolving::start("https://a.example/vct/1", None).unwrap();
        let Ok(Progress::Done(metadata)) = resolving.feed(document.to_string().as_bytes()) else {
            panic!("it extends nothing");
        };
        assert_eq!(label(Some(&metadata), &ClaimPath::claim("family_name"), "en"), Some("Surname"));
        assert_eq!(label(Some(&metadata), &ClaimPath::claim("birthdate"), "en"), Some("Date of birth"));
    }
}
