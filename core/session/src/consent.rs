//! Consent receipts (ISO/IEC TS 27560:2023) and the pairwise identifier of the person who consents.
//!
//! A receipt holds the mandatory fields of the record. It names the kinds of data that are shared, by claim path, and
//! never a value: [`ClaimName`] accepts nothing that looks like one. A wallet signs its receipt with the holder key; an
//! issuer that recorded the consent on its hosted page puts the receipt under its own signature (see [`crate::share`]).
//!
//! Left out: the optional fields that no partner of this project reads, and DPV (JSON-LD) vocabulary.

use std::fmt;
use std::str::FromStr;

use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use uuid::Uuid;
use warifu_keys::json::JsonError;
use warifu_keys::jws::{Header, JwsError, Unverified};
use warifu_keys::signer::SignerError;
use warifu_keys::{PublicKey, Secret, Signer, base64url, json as strict};

/// Value of `schema_version`.
pub const SCHEMA_VERSION: &str = "ISO/IEC TS 27560:2023";
/// `typ` of a signed receipt.
pub const TYP: &str = "consent-receipt+jwt";
/// Most claim names, purposes, parties or events in one receipt.
pub const MAX_ITEMS: usize = 100;
/// Largest signed receipt, in bytes.
pub const MAX_BYTES: usize = 64 * 1024;

/// Why a receipt was refused.
#[derive(Debug, thiserror::Error)]
pub enum ConsentError {
    /// Larger than [`MAX_BYTES`].
    #[error("a consent receipt of {0} bytes is too large")]
    TooLarge(usize),
    /// The signature or its header.
    #[error("the consent receipt's signature: {0}")]
    Signature(#[from] JwsError),
    /// Not acceptable JSON, or a mandatory field is missing.
    #[error("the consent receipt: {0}")]
    Json(#[from] JsonError),
    /// A mandatory field is empty or out of range.
    #[error("the consent receipt: `{0}` is empty or out of range")]
    Field(&'static str),
    /// The newest event is not that consent was given.
    #[error("consent is {0}, not given")]
    NotGiven(EventState),
    /// The consent has ended, or begins later.
    #[error("consent is valid from {from} to {until}, not at {now}")]
    NotValidNow {
        /// When it was given.
        from: Timestamp,
        /// When it ends.
        until: Timestamp,
        /// The instant of the check.
        now: Timestamp,
    },
    /// The receipt could not be signed.
    #[error(transparent)]
    Unsigned(#[from] SignerError),
}

/// The path of a claim, its parts joined by dots: `family_name`, `address.country`, `age_equal_or_over.18`.
///
/// 1 to 100 of the characters `a`-`z`, `A`-`Z`, `0`-`9`, `_`, `-`, `.`, `:`, `/`, the first one a letter. Values of
/// claims (a name with a space, a date) do not fit, which keeps them out of receipts by construction where it can.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ClaimName(String);

/// A text that is no claim name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the path of a claim")]
pub struct NotAClaimName;

impl FromStr for ClaimName {
    type Err = NotAClaimName;

    fn from_str(text: &str) -> Result<Self, NotAClaimName> {
        let first = text.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic());
        let rest = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.:/".contains(&byte));
        if first && rest && text.len() <= 100 { Ok(Self(text.to_owned())) } else { Err(NotAClaimName) }
    }
}

impl TryFrom<String> for ClaimName {
    type Error = NotAClaimName;

    fn try_from(text: String) -> Result<Self, NotAClaimName> {
        text.parse()
    }
}

impl From<ClaimName> for String {
    fn from(name: ClaimName) -> Self {
        name.0
    }
}

impl fmt::Display for ClaimName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Pairwise identifier of a person towards one audience: two audiences can not join their records by it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct UserPid(String);

/// A text that is no pairwise identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a pairwise identifier")]
pub struct NotAUserPid;

impl UserPid {
    /// HMAC-SHA-256 under `secret` over `user` and `audience`, 43 characters of base64url.
    ///
    /// A wallet uses its own secret and an empty `user`; an issuer one secret for all its users and its own identifier
    /// of the user. The secret has at least 32 bytes and is never shared.
    #[must_use]
    pub fn derive(secret: &Secret, user: &str, audience: &str) -> Self {
        // The block-sized key of HMAC: 32 bytes and zeros (RFC 2104 section 2).
        let mut key = [0; 64];
        key[..32].copy_from_slice(&warifu_keys::sha256(secret.expose()));
        let mut mac = Hmac::<Sha256>::new(&key.into());
        key.fill(0);
        mac.update(b"warifu user_pid 1\n");
        // The length keeps `ab` + `c` apart from `a` + `bc`.
        mac.update(&u64::try_from(user.len()).unwrap_or(u64::MAX).to_be_bytes());
        mac.update(user.as_bytes());
        mac.update(audience.as_bytes());
        Self(base64url::encode(&mac.finalize().into_bytes()))
    }

    /// The identifier itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for UserPid {
    type Error = NotAUserPid;

    fn try_from(text: String) -> Result<Self, NotAUserPid> {
        match base64url::decode(&text) {
            Ok(bytes) if bytes.len() == 32 => Ok(Self(text)),
            Ok(_) | Err(_) => Err(NotAUserPid),
        }
    }
}

impl From<UserPid> for String {
    fn from(pid: UserPid) -> Self {
        pid.0
    }
}

impl fmt::Display for UserPid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A consent receipt: the record's mandatory fields (ISO/IEC TS 27560:2023 clause 6).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// [`SCHEMA_VERSION`].
    pub schema_version: String,
    /// This receipt.
    pub receipt_id: Uuid,
    /// The record that the receipt copies.
    pub record_id: Uuid,
    /// The person, as the recipient knows them.
    pub pii_principal_id: UserPid,
    /// What is done with the data.
    pub pii_processing: Processing,
    /// The parties that the processing names.
    pub party_identification: Vec<Party>,
    /// What happened, oldest first.
    pub events: Vec<Event>,
}

/// What is done with the data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Processing {
    /// Address of the privacy notice.
    pub privacy_notice: String,
    /// Language in which consent was asked (RFC 5646).
    pub language: String,
    /// What for.
    pub purposes: Vec<Purpose>,
    /// Which kinds of data.
    pub pii_information: Vec<PiiInformation>,
    /// `party_id` of those who decide about the data.
    pub pii_controllers: Vec<String>,
    /// Where the data is kept.
    pub storage_locations: Vec<String>,
    /// For how long, as an ISO 8601 duration or a sentence.
    pub retention_period: String,
    /// Whose law applies.
    pub jurisdiction: String,
    /// `party_id` of those who receive the data.
    pub recipient_third_parties: Vec<String>,
    /// How to withdraw.
    pub withdrawal_method: String,
}

/// One purpose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Purpose {
    /// The purpose, the same word as in the share.
    pub purpose: String,
}

/// One kind of data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PiiInformation {
    /// The claim, never its value.
    pub pii_type: ClaimName,
}

/// One party.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Party {
    /// Identifier by which the processing refers to it.
    pub party_id: String,
    /// Postal address.
    pub party_address: String,
    /// Name.
    pub party_name: String,
    /// How to reach it.
    pub party_contact: String,
    /// What it is, for example `PII controller`.
    pub party_type: String,
}

/// Something that happened to the consent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// When, in seconds since 1970.
    #[serde(with = "jiff::fmt::serde::timestamp::second::required")]
    pub event_time: Timestamp,
    /// How long it stays valid, in seconds.
    pub validity_duration: u64,
    /// Who did it: `pii_principal_id` or a `party_id`.
    pub entity_id: String,
    /// How consent was expressed.
    pub event_type: EventType,
    /// What the consent is since then.
    pub event_state: EventState,
}

/// How consent was expressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventType {
    /// By an act that is only about this consent; needed for biometric data (GDPR article 9 (2) (a)).
    Explicit,
    /// By another clear act.
    Expressed,
}

/// What a consent is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventState {
    /// Asked for.
    Requested,
    /// Given.
    Given,
    /// Refused.
    Refused,
    /// Taken back.
    Withdrawn,
    /// Run out.
    Expired,
    /// Ended by the controller.
    Terminated,
}

impl fmt::Display for EventState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Requested => "requested",
            Self::Given => "given",
            Self::Refused => "refused",
            Self::Withdrawn => "withdrawn",
            Self::Expired => "expired",
            Self::Terminated => "terminated",
        })
    }
}

/// What [`Receipt::given`] is made from.
#[derive(Debug, Clone)]
pub struct Given {
    /// For `receipt_id` and `record_id`.
    pub id: Uuid,
    /// The person towards the recipient.
    pub user_pid: UserPid,
    /// What for.
    pub purpose: String,
    /// Which claims.
    pub claims: Vec<ClaimName>,
    /// Who receives the data and decides about it; its `party_id` is the audience of the share.
    pub recipient: Party,
    /// Address of the recipient's privacy notice.
    pub privacy_notice: String,
    /// Language in which consent was asked.
    pub language: String,
    /// For how long the recipient keeps the data.
    pub retention_period: String,
    /// Whose law applies, two letters of the country or `EU`.
    pub jurisdiction: String,
    /// How to withdraw.
    pub withdrawal_method: String,
    /// How long the consent stays valid, in seconds: at least the life of the share.
    pub validity_seconds: u64,
}

impl Receipt {
    /// A receipt that consent was given explicitly at `now`.
    #[must_use]
    pub fn given(given: Given, now: Timestamp) -> Self {
        let recipient = given.recipient.party_id.clone();
        Self {
            schema_version: SCHEMA_VERSION.to_owned(),
            receipt_id: given.id,
            record_id: given.id,
            pii_principal_id: given.user_pid.clone(),
            pii_processing: Processing {
                privacy_notice: given.privacy_notice,
                language: given.language,
                purposes: vec![Purpose { purpose: given.purpose }],
                pii_information: given.claims.into_iter().map(|pii_type| PiiInformation { pii_type }).collect(),
                pii_controllers: vec![recipient.clone()],
                storage_locations: vec![given.recipient.party_address.clone()],
                retention_period: given.retention_period,
                jurisdiction: given.jurisdiction,
                recipient_third_parties: vec![recipient],
                withdrawal_method: given.withdrawal_method,
            },
            party_identification: vec![given.recipient],
            events: vec![Event {
                event_time: Timestamp::from_second(now.as_second()).unwrap_or(now),
                validity_duration: given.validity_seconds,
                entity_id: given.user_pid.into(),
                event_type: EventType::Explicit,
                event_state: EventState::Given,
            }],
        }
    }

    /// Signs the receipt. `share` is the digest of the share it belongs to, if it belongs to one.
    pub fn sign(&self, share: Option<&str>, signer: &dyn Signer) -> Result<SignedReceipt, ConsentError> {
        self.check()?;
        let body = Signed { receipt: self.clone(), share_digest: share.map(str::to_owned) };
        let value = serde_json::to_value(&body).map_err(|error| JsonError::Malformed(error.to_string()))?;
        let header = Header::typ(TYP).jwk(&signer.public_key());
        Ok(SignedReceipt(warifu_keys::jws::sign(header, strict::canonical(&value).as_bytes(), signer)?))
    }

    /// Adds that the consent was taken back at `now`: by the person, as all consents are theirs. `how` is
    /// [`EventType::Explicit`] where the person did it, and [`EventType::Expressed`] where someone passed it on. A receipt
    /// whose consent is not given any more stays as it is.
    #[must_use]
    pub fn withdrawn(mut self, how: EventType, now: Timestamp) -> Self {
        if self.state() == Some(EventState::Given) {
            self.events.push(Event {
                event_time: Timestamp::from_second(now.as_second()).unwrap_or(now),
                validity_duration: 0,
                entity_id: self.pii_principal_id.clone().into(),
                event_type: how,
                event_state: EventState::Withdrawn,
            });
        }
        self
    }

    /// What the consent is, by its newest event; whether it has run out is [`Receipt::check_given`].
    #[must_use]
    pub fn state(&self) -> Option<EventState> {
        self.events.last().map(|event| event.event_state)
    }

    /// Whether consent is given and not run out at `now`.
    pub fn check_given(&self, now: Timestamp) -> Result<(), ConsentError> {
        let newest = self.events.last().ok_or(ConsentError::Field("events"))?;
        if newest.event_state != EventState::Given {
            return Err(ConsentError::NotGiven(newest.event_state));
        }
        let from = newest.event_time;
        let seconds = i64::try_from(newest.validity_duration).map_err(|_| ConsentError::Field("validity_duration"))?;
        let until = from.saturating_add(SignedDuration::from_secs(seconds)).unwrap_or(Timestamp::MAX);
        let begun = from.saturating_sub(crate::share::CLOCK_SKEW).unwrap_or(from) <= now;
        if !begun || now > until {
            return Err(ConsentError::NotValidNow { from, until, now });
        }
        Ok(())
    }

    /// The claims that the receipt names.
    pub fn claims(&self) -> impl Iterator<Item = &ClaimName> {
        self.pii_processing.pii_information.iter().map(|item| &item.pii_type)
    }

    /// Every mandatory field is there, and every party that is referred to is identified.
    pub(crate) fn check(&self) -> Result<(), ConsentError> {
        let processing = &self.pii_processing;
        let texts = [
            ("privacy_notice", &processing.privacy_notice),
            ("language", &processing.language),
            ("retention_period", &processing.retention_period),
            ("jurisdiction", &processing.jurisdiction),
            ("withdrawal_method", &processing.withdrawal_method),
        ];
        for (name, text) in texts {
            if text.is_empty() || text.len() > 2000 {
                return Err(ConsentError::Field(name));
            }
        }
        let counts = [
            ("purposes", processing.purposes.len()),
            ("pii_information", processing.pii_information.len()),
            ("pii_controllers", processing.pii_controllers.len()),
            ("storage_locations", processing.storage_locations.len()),
            ("recipient_third_parties", processing.recipient_third_parties.len()),
            ("party_identification", self.party_identification.len()),
            ("events", self.events.len()),
        ];
        for (name, count) in counts {
            if count == 0 || count > MAX_ITEMS {
                return Err(ConsentError::Field(name));
            }
        }
        if self.schema_version != SCHEMA_VERSION {
            return Err(ConsentError::Field("schema_version"));
        }
        let known = |id: &String| self.party_identification.iter().any(|party| party.party_id == *id);
        if !processing.pii_controllers.iter().chain(&processing.recipient_third_parties).all(known) {
            return Err(ConsentError::Field("party_id"));
        }
        Ok(())
    }
}

/// A receipt under a signature that was not checked yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SignedReceipt(String);

#[derive(Serialize, Deserialize)]
struct Signed {
    #[serde(flatten)]
    receipt: Receipt,
    #[serde(skip_serializing_if = "Option::is_none")]
    share_digest: Option<String>,
}

/// A receipt whose signature was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedReceipt {
    /// The receipt.
    pub receipt: Receipt,
    /// Digest of the share it belongs to.
    pub share_digest: Option<String>,
}

impl SignedReceipt {
    /// A signed receipt from its compact form; nothing is checked.
    #[must_use]
    pub fn from_compact(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The compact JWS.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Checks signature and mandatory fields. Whether consent is given *now* is [`Receipt::check_given`].
    pub fn verify(&self, key: &PublicKey) -> Result<VerifiedReceipt, ConsentError> {
        if self.0.len() > MAX_BYTES {
            return Err(ConsentError::TooLarge(self.0.len()));
        }
        let received = Unverified::parse(&self.0)?;
        received.expect_typ(TYP)?;
        let Signed { receipt, share_digest } = strict::parse_as(received.verify(key)?)?;
        receipt.check()?;
        Ok(VerifiedReceipt { receipt, share_digest })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::fixture::{NOW, after, at, holder, receipt};

    #[test]
    fn a_receipt_is_signed_and_verified() {
        let signed = receipt().sign(Some("digest"), &holder()).unwrap();
        let verified = signed.verify(&holder().public_key()).unwrap();
        assert_eq!(verified.receipt, receipt());
        assert_eq!(verified.share_digest.as_deref(), Some("digest"));
        verified.receipt.check_given(at(NOW)).unwrap();
        let other = warifu_keys::SigningKey::generate_p256(&warifu_keys::entropy::Seeded::dangerous_new("other"));
        assert!(matches!(signed.verify(&other.public_key()), Err(ConsentError::Signature(JwsError::BadSignature))));
        let long = SignedReceipt::from_compact(&"x".repeat(MAX_BYTES + 1));
        assert!(matches!(long.verify(&other.public_key()), Err(ConsentError::TooLarge(_))));
        let wrong_type = warifu_keys::jws::sign(Header::typ("jwt"), b"{}", &holder()).unwrap();
        let wrong_type = SignedReceipt::from_compact(&wrong_type).verify(&holder().public_key());
        assert!(matches!(wrong_type, Err(ConsentError::Signature(JwsError::Type { .. }))));
    }

    /// The mandatory fields of ISO/IEC TS 27560, by the names of the standard.
    #[test]
    fn mandatory_fields() {
        let value = serde_json::to_value(receipt()).unwrap();
        let rows = [
            ("/schema_version", "schema_version"),
            ("/receipt_id", ""),
            ("/record_id", ""),
            ("/pii_principal_id", ""),
            ("/pii_processing/privacy_notice", "privacy_notice"),
            ("/pii_processing/language", "language"),
            ("/pii_processing/purposes/0/purpose", ""),
            ("/pii_processing/pii_information/0/pii_type", ""),
            ("/pii_processing/pii_controllers/0", ""),
            ("/pii_processing/storage_locations/0", ""),
            ("/pii_processing/retention_period", "retention_period"),
            ("/pii_processing/jurisdiction", "jurisdiction"),
            ("/pii_processing/recipient_third_parties/0", "party_id"),
            ("/pii_processing/withdrawal_method", "withdrawal_method"),
            ("/party_identification/0/party_id", "party_id"),
            ("/party_identification/0/party_address", ""),
            ("/party_identification/0/party_name", ""),
            ("/party_identification/0/party_contact", ""),
            ("/party_identification/0/party_type", ""),
            ("/events/0/event_time", ""),
            ("/events/0/validity_duration", ""),
            ("/events/0/entity_id", ""),
            ("/events/0/event_type", ""),
            ("/events/0/event_state", ""),
        ];
        for (pointer, checked) in rows {
            assert!(value.pointer(pointer).is_some_and(|found| !found.is_null()), "`{pointer}`");
            let (parent, member) = pointer.rsplit_once('/').unwrap();
            let mut without = value.clone();
            if let Some(Value::Object(map)) = without.pointer_mut(parent) {
                map.remove(member);
                assert!(serde_json::from_value::<Receipt>(without).is_err(), "reads without `{pointer}`");
            }
            if !checked.is_empty() {
                let mut emptied = value.clone();
                *emptied.pointer_mut(pointer).unwrap() = json!("");
                let emptied: Receipt = serde_json::from_value(emptied).unwrap();
                assert!(matches!(emptied.check(), Err(ConsentError::Field(name)) if name == checked), "`{pointer}`");
                assert!(emptied.sign(None, &holder()).is_err());
            }
        }
    }

    #[test]
    fn names_of_claims_and_never_values() {
        for name in ["family_name", "address.country", "age_equal_or_over.18", "org.warifu.kyc.1/face_template"] {
            assert!(name.parse::<ClaimName>().is_ok(), "`{name}`");
        }
        for value in ["", "Erika Mustermann", "1984-01-26", "erika@example.org", "UT+1", "é", &"a".repeat(101)] {
            assert!(value.parse::<ClaimName>().is_err(), "`{value}`");
        }
    }

    #[test]
    fn consent_that_is_not_there_now() {
        let check = |receipt: &Receipt, now, expected: fn(&ConsentError) -> bool| {
            let error = receipt.check_given(now).unwrap_err();
            assert!(expected(&error), "{error}");
        };
        let mut withdrawn = receipt();
        let event = Event { event_state: EventState::Withdrawn, ..withdrawn.events[0].clone() };
        withdrawn.events.push(event);
        check(&withdrawn, at(NOW), |e| matches!(e, ConsentError::NotGiven(EventState::Withdrawn)));
        check(&receipt(), after(86_401), |e| matches!(e, ConsentError::NotValidNow { .. }));
        check(&receipt(), after(-61), |e| matches!(e, ConsentError::NotValidNow { .. }));
        let mut none = receipt();
        none.events.clear();
        check(&none, at(NOW), |e| matches!(e, ConsentError::Field("events")));
    }

    #[test]
    fn a_person_has_another_identifier_for_each_audience() {
        let secret = Secret::new(vec![1; 32]);
        let a = UserPid::derive(&secret, "u-7", "partner-a");
        assert_eq!(a, UserPid::derive(&secret, "u-7", "partner-a"));
        assert_ne!(a, UserPid::derive(&secret, "u-7", "partner-b"));
        assert_ne!(a, UserPid::derive(&secret, "u-8", "partner-a"));
        assert_ne!(a, UserPid::derive(&Secret::new(vec![2; 32]), "u-7", "partner-a"));
        // The boundary between user and audience counts.
        assert_ne!(UserPid::derive(&secret, "ab", "c"), UserPid::derive(&secret, "a", "bc"));
        assert_eq!(a.as_str().len(), 43);
        assert!(UserPid::try_from("short".to_owned()).is_err());
        // Computed with the hmac module of Python.
        assert_eq!(a.as_str(), "bj7vEf0cp7mrgSrnPxOfTS_2wLy8ecG2TO2KMo4G9BI");
    }

    #[test]
    fn what_was_withdrawn_is_not_given_and_keeps_its_past() {
        let later = after(100);
        let given = receipt();
        let taken_back = given.clone().withdrawn(EventType::Explicit, later);
        assert_eq!((given.state(), taken_back.state()), (Some(EventState::Given), Some(EventState::Withdrawn)));
        assert!(matches!(taken_back.check_given(later), Err(ConsentError::NotGiven(EventState::Withdrawn))));
        assert_eq!(taken_back.events[..1], given.events);
        assert_eq!(taken_back.events[1].event_time, later);
        // Once is enough, and the signed form reads back.
        assert_eq!(taken_back.clone().withdrawn(EventType::Expressed, later), taken_back);
        let signed = taken_back.sign(None, &holder()).unwrap();
        assert_eq!(signed.verify(&holder().public_key()).unwrap().receipt, taken_back);
    }

    proptest::proptest! {
        #[test]
        fn never_panics(text in "[A-Za-z0-9_.-]{0,160}") {
            let _ = SignedReceipt::from_compact(&text).verify(&holder().public_key());
        }
    }
}
