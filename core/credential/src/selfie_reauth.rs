//! Selfie reauthentication: asking for presence by a `transaction_data` entry, answering in the key binding JWT,
//! checking.
//!
//! `urn:warifu:selfie-reauth:1` is this project's own transaction data type on the extension point of OpenID4VP 1.0
//! section 8.4. What a positive check proves: the wallet asserts that it matched a fresh selfie against the face
//! template that the issuer committed to. Its worth is the worth of the wallet's attestation; it is a factor beside
//! device unlock.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};
use warifu_keys::{base64url, cbor, json as strict_json, sha256};

use crate::Verified;
use crate::face_template::{self, Commitment, ModelId};
use crate::mdoc::{self, DataElements, DeviceSigned};
use crate::sd_jwt::{CLOCK_SKEW, KeyBound, numeric_date};

/// `type` of the transaction data entry.
pub const TYPE: &str = "urn:warifu:selfie-reauth:1";
/// Namespace of the device-signed elements with the answer, where the credential is an mdoc (OpenID4VP 1.0 appendix
/// B.2.1). The elements have the names of the key binding JWT's members.
pub const NAMESPACE: &str = "org.warifu.selfie-reauth.1";
/// Member of the key binding JWT with the answer.
pub const MEMBER: &str = "selfie_reauth";
/// Member of the key binding JWT with the entries' hashes (OpenID4VP 1.0 appendix B.3.3.1).
pub const HASHES: &str = "transaction_data_hashes";
/// Member of the key binding JWT that names the hash; SHA-256 where absent.
pub const HASHES_ALG: &str = "transaction_data_hashes_alg";
/// Longest entry accepted, in characters.
pub const MAX_ENTRY: usize = 8192;
/// Largest `max_age`, in seconds.
pub const MAX_AGE_LIMIT: u32 = 3600;

/// Why an entry or an answer could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Not base64url of acceptable JSON, or too long.
    #[error("the entry is not base64url of a JSON object")]
    Malformed,
    /// The entry is of another type.
    #[error("transaction data type `{0}` is not selfie reauthentication")]
    Type(String),
    /// A member is missing or of the wrong kind.
    #[error("member `{0}` is missing or malformed")]
    Member(&'static str),
    /// A member that the type does not have (OpenID4VP 1.0 section 8.4 demands refusal).
    #[error("unknown member `{0}`")]
    UnknownMember(String),
    /// SHA-256 is not among the hash algorithms.
    #[error("no supported hash algorithm for the transaction data")]
    HashAlgorithm,
}

/// How the presentation attack check is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Liveness {
    /// Without the user doing anything.
    Passive,
    /// The user follows a prompt.
    Active,
}

impl Liveness {
    /// The word on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Passive => "passive",
            Self::Active => "active",
        }
    }

    /// The kind of this word.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Passive, Self::Active].into_iter().find(|liveness| liveness.name() == name)
    }

    /// Whether this kind is good enough where `demanded` is asked for: active serves for both.
    #[must_use]
    pub fn satisfies(self, demanded: Self) -> bool {
        match (self, demanded) {
            (Self::Active, Self::Active | Self::Passive) | (Self::Passive, Self::Passive) => true,
            (Self::Passive, Self::Active) => false,
        }
    }
}

/// What a verifier asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Demand {
    /// Identifiers of the credential queries that the entry may be bound to; at least one.
    pub credential_ids: Vec<String>,
    /// What for, in a word that the wallet shows, such as `login`.
    pub purpose: String,
    /// Oldest match allowed, in seconds, 1 to [`MAX_AGE_LIMIT`].
    pub max_age: u32,
    /// The least check of liveness.
    pub liveness: Liveness,
    /// Name of the operating point of the match, such as `fmr-1e-3`.
    pub operating_point: String,
}

/// One transaction data entry, with the very text it was sent as: the hash is over that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    encoded: String,
    demand: Demand,
}

impl Entry {
    /// The entry for a demand; refused where [`Entry::parse`] would refuse it.
    pub fn new(demand: &Demand) -> Result<Self, Error> {
        let object = json!({
            "type": TYPE,
            "credential_ids": demand.credential_ids,
            "purpose": demand.purpose,
            "max_age": demand.max_age,
            "liveness": demand.liveness.name(),
            "operating_point": demand.operating_point,
            "transaction_data_hashes_alg": ["sha-256"],
        });
        Self::parse(&base64url::encode(strict_json::canonical(&object).as_bytes()))
    }

    /// Reads an entry from an element of `transaction_data`. [`Error::Type`] tells that it is of another type.
    pub fn parse(encoded: &str) -> Result<Self, Error> {
        if encoded.len() > MAX_ENTRY {
            return Err(Error::Malformed);
        }
        let bytes = base64url::decode(encoded).map_err(|_| Error::Malformed)?;
        let object = strict_json::parse_object(&bytes).map_err(|_| Error::Malformed)?;
        let text = |name: &'static str| short_text(&object, name);
        let found = object.get("type").and_then(Value::as_str).ok_or(Error::Member("type"))?;
        if found != TYPE {
            return Err(Error::Type(found.chars().take(80).collect()));
        }
        let known = [
            "type",
            "credential_ids",
            "purpose",
            "max_age",
            "liveness",
            "operating_point",
            "transaction_data_hashes_alg",
        ];
        if let Some(name) = object.keys().find(|name| !known.contains(&name.as_str())) {
            return Err(Error::UnknownMember(name.chars().take(40).collect()));
        }
        let texts = |name: &'static str| match object.get(name) {
            None => Ok(None),
            Some(Value::Array(items)) if !items.is_empty() => {
                let items: Option<Vec<String>> = items.iter().map(|item| item.as_str().map(str::to_owned)).collect();
                items.map(Some).ok_or(Error::Member(name))
            }
            Some(_) => Err(Error::Member(name)),
        };
        if texts("transaction_data_hashes_alg")?.is_some_and(|names| !names.iter().any(|name| name == "sha-256")) {
            return Err(Error::HashAlgorithm);
        }
        let max_age = object.get("max_age").and_then(Value::as_u64).and_then(|seconds| u32::try_from(seconds).ok());
        let demand = Demand {
            credential_ids: texts("credential_ids")?.ok_or(Error::Member("credential_ids"))?,
            purpose: text("purpose")?,
            max_age: max_age.filter(|seconds| (1..=MAX_AGE_LIMIT).contains(seconds)).ok_or(Error::Member("max_age"))?,
            liveness: Liveness::from_name(&text("liveness")?).ok_or(Error::Member("liveness"))?,
            operating_point: text("operating_point")?,
        };
        Ok(Self { encoded: encoded.to_owned(), demand })
    }

    /// The base64url text, an element of `transaction_data`.
    #[must_use]
    pub fn encoded(&self) -> &str {
        &self.encoded
    }

    /// What is asked for.
    #[must_use]
    pub fn demand(&self) -> &Demand {
        &self.demand
    }

    /// base64url SHA-256 over the base64url text, as it stands in [`HASHES`] (OpenID4VP 1.0 appendix B.3.3.1).
    #[must_use]
    pub fn hash(&self) -> String {
        hash(&self.encoded)
    }
}

/// The hash of any `transaction_data` element, whatever its type.
#[must_use]
pub fn hash(encoded: &str) -> String {
    base64url::encode(&sha256(encoded.as_bytes()))
}

/// What the wallet asserts in the key binding JWT.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assertion {
    /// When the selfie matched, in whole seconds.
    pub matched_at: Timestamp,
    /// The model that compared.
    pub model: ModelId,
    /// The operating point that the similarity reached.
    pub operating_point: String,
    /// The check of liveness that was passed.
    pub liveness: Liveness,
    /// The `_sd` digest of the template that the selfie was compared with ([`face_template::template_digest`]).
    pub template_digest: String,
}

impl Assertion {
    /// The value of [`MEMBER`].
    #[must_use]
    pub fn to_value(&self) -> Value {
        json!({
            "matched_at": self.matched_at.as_second(),
            "model": self.model.as_str(),
            "operating_point": self.operating_point,
            "liveness": self.liveness.name(),
            "template_digest": self.template_digest,
        })
    }

    /// Reads the value of [`MEMBER`].
    pub fn from_value(value: &Value) -> Result<Self, Error> {
        let object = value.as_object().ok_or(Error::Member(MEMBER))?;
        Ok(Self {
            matched_at: object.get("matched_at").and_then(numeric_date).ok_or(Error::Member("matched_at"))?,
            model: short_text(object, "model")?.parse().map_err(|_| Error::Member("model"))?,
            operating_point: short_text(object, "operating_point")?,
            liveness: Liveness::from_name(&short_text(object, "liveness")?).ok_or(Error::Member("liveness"))?,
            template_digest: short_text(object, "template_digest")?,
        })
    }

    /// The claims for [`crate::sd_jwt::KeyBinding::extra`]: the hashes of all `transaction_data` elements of the
    /// request, in their order, and this assertion.
    #[must_use]
    pub fn key_binding_claims(&self, transaction_data: &[&str]) -> Map<String, Value> {
        let hashes: Vec<String> = transaction_data.iter().map(|encoded| hash(encoded)).collect();
        Map::from_iter([
            (HASHES.to_owned(), Value::from(hashes)),
            (HASHES_ALG.to_owned(), Value::from("sha-256")),
            (MEMBER.to_owned(), self.to_value()),
        ])
    }
}

impl Assertion {
    /// What an mdoc's device signs in place of [`Assertion::key_binding_claims`]: the same members as elements of
    /// [`NAMESPACE`].
    #[must_use]
    pub fn device_elements(&self, transaction_data: &[&str]) -> DataElements {
        let members = self.key_binding_claims(transaction_data);
        members.iter().fold(DataElements::new(), |elements, (name, value)| {
            elements.with(NAMESPACE, name, mdoc::from_json(value).unwrap_or(cbor::Value::Null))
        })
    }
}

/// What the verifier accepts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Models whose matches count; an empty list accepts none.
    pub allowed_models: Vec<ModelId>,
    /// Oldest match accepted; the entry's own `max_age` counts too, whichever is shorter.
    pub max_age: SignedDuration,
}

/// Why an answer does not satisfy the demand.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReauthError {
    /// Key binding JWT and credential are of different presentations.
    #[error("key binding and credential belong to different presentations")]
    OtherPresentation,
    /// The key binding JWT has no hash of the entry.
    #[error("the key binding JWT does not cover the demand")]
    NotCovered,
    /// The hashes are of another algorithm than SHA-256.
    #[error("the transaction data was hashed with another algorithm")]
    HashAlgorithm,
    /// The wallet answered without a selfie.
    #[error("no selfie reauthentication in the key binding JWT")]
    Missing,
    /// The answer could not be read.
    #[error("selfie reauthentication: {0}")]
    Malformed(#[from] Error),
    /// The model is not among the allowed ones.
    #[error("model `{0}` is not allowed")]
    Model(ModelId),
    /// A weaker or other check of liveness than demanded.
    #[error("liveness `{found}` where `{demanded}` was demanded")]
    Liveness {
        /// What was demanded.
        demanded: &'static str,
        /// What was done.
        found: &'static str,
    },
    /// Another operating point than demanded.
    #[error("operating point `{0}` was not demanded")]
    OperatingPoint(String),
    /// The match is too old.
    #[error("the selfie matched at {at}, too long ago")]
    TooOld {
        /// `matched_at`.
        at: Timestamp,
    },
    /// The match lies in the future, or after the signature.
    #[error("the selfie matched at {at}, in the future")]
    InFuture {
        /// `matched_at`.
        at: Timestamp,
    },
    /// The template itself was disclosed: it has lost its worth as a commitment.
    #[error("the face template was disclosed")]
    TemplateDisclosed,
    /// The credential does not commit to this template.
    #[error("the credential does not commit to the template")]
    OtherTemplate,
}

/// What a check established.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReauthFacts {
    /// When the selfie matched.
    pub matched_at: Timestamp,
    /// How old the match was at the check.
    pub age: Duration,
    /// The model that compared.
    pub model: ModelId,
    /// The check of liveness that was passed.
    pub liveness: Liveness,
    /// The operating point that was reached.
    pub operating_point: String,
}

/// Checks the wallet's answer to `entry`: covered by the key binding JWT, about a template that the credential commits
/// to and withholds, by an allowed model, at the demanded liveness and operating point, and fresh at `now`.
pub fn check(
    entry: &Entry,
    key_bound: &KeyBound,
    presentation: &Verified,
    policy: &Policy,
    now: Timestamp,
) -> Result<ReauthFacts, ReauthError> {
    if presentation.sd_jwt().is_none_or(|sd_jwt| key_bound.sd_hash() != sd_jwt.sd_hash()) {
        return Err(ReauthError::OtherPresentation);
    }
    check_answer(entry, key_bound.claims(), Some(key_bound.issued_at()), presentation, policy, now)
}

/// Checks the answer of an mdoc's device to `entry`, as [`check`] does. A device signature has no instant of its own, so
/// only the clocks at the match and at the check are compared.
pub fn check_device_signed(
    entry: &Entry,
    device: &DeviceSigned,
    presentation: &Verified,
    policy: &Policy,
    now: Timestamp,
) -> Result<ReauthFacts, ReauthError> {
    if presentation.mdoc().is_none_or(|mdoc| !device.belongs_to(mdoc)) {
        return Err(ReauthError::OtherPresentation);
    }
    let claims = device.claims();
    let claims = claims.get(NAMESPACE).and_then(Value::as_object).ok_or(ReauthError::NotCovered)?;
    check_answer(entry, claims, None, presentation, policy, now)
}

fn check_answer(
    entry: &Entry,
    claims: &Map<String, Value>,
    signed_at: Option<Timestamp>,
    presentation: &Verified,
    policy: &Policy,
    now: Timestamp,
) -> Result<ReauthFacts, ReauthError> {
    if claims.get(HASHES_ALG).is_some_and(|name| name != "sha-256") {
        return Err(ReauthError::HashAlgorithm);
    }
    let hashes = claims.get(HASHES).and_then(Value::as_array).ok_or(ReauthError::NotCovered)?;
    let wanted = entry.hash();
    if !hashes.iter().any(|found| found.as_str() == Some(wanted.as_str())) {
        return Err(ReauthError::NotCovered);
    }
    let answer = Assertion::from_value(claims.get(MEMBER).ok_or(ReauthError::Missing)?)?;
    match face_template::commitment(presentation, &answer.template_digest) {
        Commitment::Withheld => (),
        Commitment::Disclosed => return Err(ReauthError::TemplateDisclosed),
        Commitment::Absent => return Err(ReauthError::OtherTemplate),
    }
    if !policy.allowed_models.contains(&answer.model) {
        return Err(ReauthError::Model(answer.model));
    }
    let demand = entry.demand();
    if !answer.liveness.satisfies(demand.liveness) {
        return Err(ReauthError::Liveness { demanded: demand.liveness.name(), found: answer.liveness.name() });
    }
    if answer.operating_point != demand.operating_point {
        return Err(ReauthError::OperatingPoint(answer.operating_point));
    }
    let at = answer.matched_at;
    let age = now.duration_since(at);
    // The same clock wrote both instants, so there is no skew between match and signature.
    if -age > CLOCK_SKEW || signed_at.is_some_and(|signed_at| at > signed_at) {
        return Err(ReauthError::InFuture { at });
    }
    if age > policy.max_age.min(SignedDuration::from_secs(i64::from(demand.max_age))) {
        return Err(ReauthError::TooOld { at });
    }
    Ok(ReauthFacts {
        matched_at: at,
        age: age.try_into().unwrap_or_default(),
        model: answer.model,
        liveness: answer.liveness,
        operating_point: answer.operating_point,
    })
}

/// A text of 1 to 200 characters.
fn short_text(object: &Map<String, Value>, name: &'static str) -> Result<String, Error> {
    match object.get(name) {
        Some(Value::String(text)) if (1..=200).contains(&text.chars().count()) => Ok(text.clone()),
        Some(_) | None => Err(Error::Member(name)),
    }
}

#[cfg(test)]
mod tests;
