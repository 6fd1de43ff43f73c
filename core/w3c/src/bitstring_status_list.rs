//! W3C Bitstring Status List 1.0: one bit, or a few, per credential, inside a credential of its own.
//!
//! Index 0 is the most significant bit of the first byte, the other way round than in Token Status Lists. A list has at
//! least [`MIN_ENTRIES`] entries, so that asking for it does not tell which credential is checked.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};

use flate2::bufread::GzDecoder;
use flate2::{Compression, GzBuilder};
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use url::Url;
use warifu_keys::base64url;

use crate::context::CREDENTIALS_V2;
use crate::time;
use crate::verify::Verified;

/// Fewest entries of a list (section 2.2, group privacy).
pub const MIN_ENTRIES: u64 = 131_072;
/// Largest bitstring that is inflated, in bytes; 32 million entries of one bit.
pub const MAX_BYTES: usize = 4 * 1024 * 1024;
/// Most bits of one entry.
pub const MAX_SIZE: u8 = 8;
/// The type of an entry.
pub const ENTRY: &str = "BitstringStatusListEntry";
/// The type of a list's credential.
pub const CREDENTIAL: &str = "BitstringStatusListCredential";

/// Why a status is not known (section 3.5). Each stands for one of the standard's errors, see [`name`](Self::name).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StatusError {
    /// The list could not be had.
    #[error("the status list could not be fetched")]
    Retrieval,
    /// The list is not what the entry points to: another address, issuer, type or purpose.
    #[error("the status list does not belong to the entry: {0}")]
    Verification(&'static str),
    /// Fewer entries than [`MIN_ENTRIES`].
    #[error("a status list of {0} entries is too short")]
    Length(u64),
    /// An entry or a list has a malformed member.
    #[error("`{0}` is malformed")]
    Malformed(&'static str),
    /// The index lies outside the list.
    #[error("the index {0} lies outside the list")]
    Range(u64),
}

impl StatusError {
    /// The error's name in the standard.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Retrieval => "STATUS_RETRIEVAL_ERROR",
            Self::Verification(_) => "STATUS_VERIFICATION_ERROR",
            Self::Length(_) => "STATUS_LIST_LENGTH_ERROR",
            Self::Malformed(_) => "MALFORMED_VALUE_ERROR",
            Self::Range(_) => "RANGE_ERROR",
        }
    }
}

/// What a status is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// The credential was taken back, for good.
    Revocation,
    /// The credential does not count for now.
    Suspension,
    /// There is news about the credential, by the entry's own table.
    Message,
    /// A newer credential can be had.
    Refresh,
}

impl Purpose {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Revocation, Self::Suspension, Self::Message, Self::Refresh];

    /// The word in `statusPurpose`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Revocation => "revocation",
            Self::Suspension => "suspension",
            Self::Message => "message",
            Self::Refresh => "refresh",
        }
    }

    /// The purpose of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|purpose| purpose.name() == name)
    }

    /// Whether a credential with a status of this purpose other than 0 must not be relied on.
    #[must_use]
    pub fn forbids(self) -> bool {
        match self {
            Self::Revocation | Self::Suspension => true,
            Self::Message | Self::Refresh => false,
        }
    }
}

/// Where a credential's status stands: an entry of `credentialStatus` (section 2.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What it is about.
    pub purpose: Purpose,
    /// Number of the entry in the list, from 0.
    pub index: u64,
    /// Address of the list's credential.
    pub list: String,
    /// Bits per entry.
    pub size: u8,
    /// What each value means, where there are more than two.
    pub messages: BTreeMap<u8, String>,
}

impl Entry {
    /// An entry of one bit.
    #[must_use]
    pub fn new(purpose: Purpose, index: u64, list: &str) -> Self {
        Self { purpose, index, list: list.to_owned(), size: 1, messages: BTreeMap::new() }
    }

    /// Reads an entry of `credentialStatus`.
    pub fn parse(members: &Map<String, Value>) -> Result<Self, StatusError> {
        let text = |name: &'static str| members.get(name).and_then(Value::as_str).ok_or(StatusError::Malformed(name));
        if text("type")? != ENTRY {
            return Err(StatusError::Malformed("type"));
        }
        let list = text("statusListCredential")?;
        if Url::parse(list).is_err() {
            return Err(StatusError::Malformed("statusListCredential"));
        }
        // The entry is not the list (section 2.1).
        if members.get("id").is_some_and(|id| id == list) {
            return Err(StatusError::Malformed("id"));
        }
        let index = text("statusListIndex")?;
        let index = match index.parse() {
            Ok(number) if index.bytes().all(|byte| byte.is_ascii_digit()) => number,
            Ok(_) | Err(_) => return Err(StatusError::Malformed("statusListIndex")),
        };
        let size = match members.get("statusSize") {
            None => 1,
            Some(size) => {
                let size = size.as_u64().and_then(|size| u8::try_from(size).ok());
                size.filter(|size| (1..=MAX_SIZE).contains(size)).ok_or(StatusError::Malformed("statusSize"))?
            }
        };
        let purpose = Purpose::from_name(text("statusPurpose")?).ok_or(StatusError::Malformed("statusPurpose"))?;
        let messages = messages(members.get("statusMessage"), size).ok_or(StatusError::Malformed("statusMessage"))?;
        if (size > 1 || purpose == Purpose::Message) && messages.is_empty() {
            return Err(StatusError::Malformed("statusMessage"));
        }
        Ok(Self { purpose, index, list: list.to_owned(), size, messages })
    }

    /// The entry as it stands in `credentialStatus`, with an `id` of its own.
    #[must_use]
    pub fn to_value(&self) -> Value {
        let mut entry = json!({
            "id": format!("{}#{}", self.list, self.index),
            "type": ENTRY,
            "statusPurpose": self.purpose.name(),
            "statusListIndex": self.index.to_string(),
            "statusListCredential": self.list,
        });
        if self.size > 1 || !self.messages.is_empty() {
            entry["statusSize"] = self.size.into();
            let row =
                |(status, message): (&u8, &String)| json!({ "status": format!("{status:#x}"), "message": message });
            entry["statusMessage"] = self.messages.iter().map(row).collect();
        }
        entry
    }
}

/// One message for each of the values of `size` bits, or none at all.
fn messages(rows: Option<&Value>, size: u8) -> Option<BTreeMap<u8, String>> {
    let Some(rows) = rows else { return Some(BTreeMap::new()) };
    let mut messages = BTreeMap::new();
    for row in rows.as_array().filter(|rows| rows.len() <= 256)? {
        let digits = row.get("status")?.as_str()?.strip_prefix("0x")?;
        let status = u8::from_str_radix(digits, 16).ok().filter(|_| !digits.starts_with('+'))?;
        if messages.insert(status, row.get("message")?.as_str()?.to_owned()).is_some() {
            return None;
        }
    }
    let values = 1_usize << size;
    (messages.len() == values && messages.keys().all(|status| usize::from(*status) < values)).then_some(messages)
}

/// The statuses of a list, a few bits each.
#[derive(Clone, PartialEq, Eq)]
pub struct Bitstring {
    bytes: Vec<u8>,
    size: u8,
}

impl std::fmt::Debug for Bitstring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Bitstring({} entries of {} bits)", self.entries(), self.size)
    }
}

impl Bitstring {
    /// A list of `entries` of `size` bits, all 0. Lists below [`MIN_ENTRIES`] are made as long as that.
    pub fn new(entries: u64, size: u8) -> Result<Self, StatusError> {
        if !(1..=MAX_SIZE).contains(&size) {
            return Err(StatusError::Malformed("statusSize"));
        }
        let bits = entries.max(MIN_ENTRIES).saturating_mul(u64::from(size));
        let bytes = usize::try_from(bits.div_ceil(8)).ok().filter(|bytes| *bytes <= MAX_BYTES);
        Ok(Self { bytes: vec![0; bytes.ok_or(StatusError::Range(entries))?], size })
    }

    /// How many entries the list has.
    #[must_use]
    pub fn entries(&self) -> u64 {
        self.bytes.len() as u64 * 8 / u64::from(self.size)
    }

    /// The value of an entry.
    pub fn value(&self, index: u64) -> Result<u8, StatusError> {
        let start = self.start(index)?;
        let bit = |at: u64| self.byte(at / 8) >> (7 - at % 8) & 1;
        Ok((start..start + u64::from(self.size)).fold(0, |value, at| value << 1 | bit(at)))
    }

    /// Sets the value of an entry.
    pub fn set(&mut self, index: u64, value: u8) -> Result<(), StatusError> {
        let start = self.start(index)?;
        if u32::from(value) >= 1 << self.size {
            return Err(StatusError::Malformed("status"));
        }
        for at in 0..self.size {
            let place = start + u64::from(at);
            let mask = 0x80_u8 >> (place % 8);
            let byte = usize::try_from(place / 8).ok().and_then(|at| self.bytes.get_mut(at));
            let byte = byte.ok_or(StatusError::Range(index))?;
            if value >> (self.size - 1 - at) & 1 == 1 { *byte |= mask } else { *byte &= !mask }
        }
        Ok(())
    }

    /// Number of the first bit of an entry.
    fn start(&self, index: u64) -> Result<u64, StatusError> {
        if index < self.entries() { Ok(index * u64::from(self.size)) } else { Err(StatusError::Range(index)) }
    }

    fn byte(&self, at: u64) -> u8 {
        usize::try_from(at).ok().and_then(|at| self.bytes.get(at)).copied().unwrap_or(0)
    }

    /// The list as `encodedList`: multibase, base64url of GZIP (section 3.3). The same list always gives the same text.
    pub fn encode(&self) -> Result<String, StatusError> {
        let broken = |_| StatusError::Malformed("encodedList");
        let mut writer = GzBuilder::new().mtime(0).write(Vec::new(), Compression::best());
        writer.write_all(&self.bytes).map_err(broken)?;
        Ok(format!("u{}", base64url::encode(&writer.finish().map_err(broken)?)))
    }

    /// The list in an `encodedList` whose entries have `size` bits (section 3.4). No more than [`MAX_BYTES`] are inflated.
    pub fn decode(text: &str, size: u8) -> Result<Self, StatusError> {
        let malformed = || StatusError::Malformed("encodedList");
        if !(1..=MAX_SIZE).contains(&size) {
            return Err(StatusError::Malformed("statusSize"));
        }
        let packed = base64url::decode(text.strip_prefix('u').ok_or_else(malformed)?).map_err(|_| malformed())?;
        let mut reader = GzDecoder::new(packed.as_slice());
        let mut bytes = Vec::new();
        let cap = u64::try_from(MAX_BYTES).unwrap_or(u64::MAX) + 1;
        reader.by_ref().take(cap).read_to_end(&mut bytes).map_err(|_| malformed())?;
        if bytes.len() > MAX_BYTES || !reader.into_inner().is_empty() {
            return Err(malformed());
        }
        Ok(Self { bytes, size })
    }
}

/// What a list's credential says beside the bits.
#[derive(Debug, Clone, Copy)]
pub struct Listing<'a> {
    /// Address of the credential.
    pub url: &'a str,
    /// Who issues it.
    pub issuer: &'a str,
    /// What the list is about.
    pub purpose: Purpose,
    /// From when it holds.
    pub valid_from: Timestamp,
    /// Until when it holds; readers fetch it again then.
    pub valid_until: Timestamp,
}

/// The credential of a list, yet to be secured (section 2.2).
pub fn credential(listing: &Listing<'_>, list: &Bitstring) -> Result<Map<String, Value>, StatusError> {
    let value = json!({
        "@context": [CREDENTIALS_V2],
        "id": listing.url,
        "type": ["VerifiableCredential", CREDENTIAL],
        "issuer": listing.issuer,
        "validFrom": time::write(listing.valid_from),
        "validUntil": time::write(listing.valid_until),
        "credentialSubject": {
            "id": format!("{}#list", listing.url),
            "type": "BitstringStatusList",
            "statusPurpose": listing.purpose.name(),
            "encodedList": list.encode()?,
        },
    });
    Ok(value.as_object().cloned().unwrap_or_default())
}

/// The status of one credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// What it is about.
    pub purpose: Purpose,
    /// The value; 0 is the good one.
    pub value: u8,
    /// What the value means, where the entry says so.
    pub message: Option<String>,
}

impl Status {
    /// Whether the credential may be relied on, as far as this status goes.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.value == 0 || !self.purpose.forbids()
    }
}

/// The status of a credential by its `entry`, from the list's credential (section 3.2). `issuer` is the credential's own;
/// the list has to come from the same one, or anybody's list would do.
pub fn status(entry: &Entry, issuer: &str, list: &Verified) -> Result<Status, StatusError> {
    let list = list.credential();
    if list.id() != Some(&entry.list) {
        return Err(StatusError::Verification("its address is another"));
    }
    if list.issuer() != issuer {
        return Err(StatusError::Verification("its issuer is another"));
    }
    let subjects = list.subjects();
    let [subject] = subjects.as_slice() else { return Err(StatusError::Malformed("credentialSubject")) };
    if !list.has_type(CREDENTIAL) || subject.get("type").is_none_or(|kind| kind != "BitstringStatusList") {
        return Err(StatusError::Verification("it is no bitstring status list"));
    }
    let listed = match subject.get("statusPurpose") {
        Some(Value::Array(purposes)) => purposes.iter().any(|purpose| purpose == entry.purpose.name()),
        Some(purpose) => purpose == entry.purpose.name(),
        None => false,
    };
    if !listed {
        return Err(StatusError::Verification("its purpose is another"));
    }
    let text = subject.get("encodedList").and_then(Value::as_str).ok_or(StatusError::Malformed("encodedList"))?;
    let bits = Bitstring::decode(text, entry.size)?;
    if bits.entries() < MIN_ENTRIES {
        return Err(StatusError::Length(bits.entries()));
    }
    let value = bits.value(entry.index)?;
    Ok(Status { purpose: entry.purpose, value, message: entry.messages.get(&value).cloned() })
}

#[cfg(test)]
mod tests {
    use warifu_keys::entropy::Seeded;
    use warifu_keys::{Signer as _, SigningKey};

    use super::*;
    use crate::context::Contexts;
    use crate::credential::Credential;
    use crate::did::{Documents, key};
    use crate::jose;
    use crate::verify::Verifier;

    const URL: &str = "https://issuer.example/status/1";

    fn now() -> Timestamp {
        "2026-11-23T09:00:00Z".parse().unwrap()
    }

    fn issuer() -> (SigningKey, String) {
        let key = SigningKey::generate_ed25519(&Seeded::dangerous_new("status"));
        let did = key::from_key(&key.public_key()).to_string();
        (key, did)
    }

    fn listing(issuer: &str) -> Listing<'_> {
        let day = jiff::SignedDuration::from_hours(24);
        Listing { url: URL, issuer, purpose: Purpose::Revocation, valid_from: now(), valid_until: now() + day }
    }

    fn verified(change: &dyn Fn(&mut Value)) -> Verified {
        let (key, did) = issuer();
        let mut list = Bitstring::new(0, 1).unwrap();
        list.set(94_567, 1).unwrap();
        let mut members = Value::Object(credential(&listing(&did), &list).unwrap());
        change(&mut members);
        let members = Credential::from_members(members.as_object().unwrap().clone()).unwrap();
        let jwt = jose::sign_credential(&members, &key::method(&key.public_key()), &key).unwrap();
        let (documents, contexts) = (Documents::offline(), Contexts::builtin());
        Verifier { documents: &documents, contexts: &contexts, now: now() }.credential(&jwt).unwrap()
    }

    #[test]
    fn a_revoked_credential_and_its_neighbours() {
        let list = verified(&|_| {});
        let check = |index| status(&Entry::new(Purpose::Revocation, index, URL), &issuer().1, &list).unwrap();
        assert!(!check(94_567).is_good());
        assert!(check(94_566).is_good() && check(94_568).is_good() && check(0).is_good());
    }

    #[test]
    fn each_rule_has_its_own_refusal() {
        let did = issuer().1;
        let entry = Entry::new(Purpose::Revocation, 94_567, URL);
        let check = |entry: &Entry, issuer: &str, change: &dyn Fn(&mut Value)| {
            let error = status(entry, issuer, &verified(change)).unwrap_err();
            (error.name(), error)
        };
        let error = check(&entry, "did:example:other", &|_| {});
        assert_eq!(error.0, "STATUS_VERIFICATION_ERROR");
        let elsewhere = Entry::new(Purpose::Revocation, 1, "https://issuer.example/status/2");
        assert_eq!(check(&elsewhere, &did, &|_| {}).0, "STATUS_VERIFICATION_ERROR");
        let suspension = Entry::new(Purpose::Suspension, 1, URL);
        assert_eq!(check(&suspension, &did, &|_| {}).0, "STATUS_VERIFICATION_ERROR");
        let plain = |value: &mut Value| value["type"] = "VerifiableCredential".into();
        assert_eq!(check(&entry, &did, &plain).0, "STATUS_VERIFICATION_ERROR");
        let beyond = Entry::new(Purpose::Revocation, MIN_ENTRIES, URL);
        assert_eq!(check(&beyond, &did, &|_| {}).1, StatusError::Range(MIN_ENTRIES));
        let wide = Entry { size: 2, ..entry.clone() };
        assert_eq!(check(&wide, &did, &|_| {}).1, StatusError::Length(MIN_ENTRIES / 2));
        let broken = |value: &mut Value| value["credentialSubject"]["encodedList"] = "uAAAA".into();
        assert_eq!(check(&entry, &did, &broken).0, "MALFORMED_VALUE_ERROR");
        // A list with both purposes serves both.
        let both =
            |value: &mut Value| value["credentialSubject"]["statusPurpose"] = json!(["revocation", "suspension"]);
        assert!(status(&suspension, &did, &verified(&both)).unwrap().is_good());
    }

    #[test]
    fn entries() {
        let messages = BTreeMap::from([
            (0, "good".to_owned()),
            (1, "late".to_owned()),
            (2, "lost".to_owned()),
            (3, "x".to_owned()),
        ]);
        let wide = Entry { size: 2, messages, ..Entry::new(Purpose::Message, 7, URL) };
        for entry in [Entry::new(Purpose::Refresh, 0, URL), wide.clone()] {
            assert_eq!(Entry::parse(entry.to_value().as_object().unwrap()).unwrap(), entry);
        }
        let with = |name: &str, value: Value| {
            let mut entry = wide.to_value();
            entry[name] = value;
            Entry::parse(entry.as_object().unwrap()).unwrap_err()
        };
        for (name, value) in [
            ("type", json!("StatusList2021Entry")),
            ("id", json!(URL)),
            ("statusPurpose", json!("fun")),
            ("statusListIndex", json!(7)),
            ("statusListIndex", json!("-7")),
            ("statusListIndex", json!("+7")),
            ("statusListIndex", json!("0x7")),
            ("statusListIndex", json!("99999999999999999999")),
            ("statusListCredential", json!("list")),
            ("statusSize", json!(0)),
            ("statusSize", json!(9)),
            ("statusSize", json!("2")),
            ("statusMessage", Value::Null),
            ("statusMessage", json!([{ "status": "0x0", "message": "good" }])),
            ("statusMessage", json!(["a", "b", "c", "d"])),
        ] {
            match with(name, value.clone()) {
                StatusError::Malformed(found) => assert_eq!(found, name, "{value}"),
                other => panic!("{name} {value}: {other}"),
            }
        }
    }

    #[test]
    fn the_first_bit_is_the_highest() {
        let mut list = Bitstring::new(0, 1).unwrap();
        list.set(0, 1).unwrap();
        list.set(10, 1).unwrap();
        assert_eq!(list.bytes[..2], [0b1000_0000, 0b0010_0000]);
        let mut wide = Bitstring::new(0, 4).unwrap();
        wide.set(1, 0xA).unwrap();
        assert_eq!((wide.bytes[0], wide.value(0), wide.value(1)), (0x0A, Ok(0), Ok(0xA)));
        assert_eq!(wide.set(0, 16), Err(StatusError::Malformed("status")));
        assert_eq!(list.set(MIN_ENTRIES, 1), Err(StatusError::Range(MIN_ENTRIES)));
        assert!(Bitstring::new(u64::MAX, 1).is_err() && Bitstring::new(0, 9).is_err());
    }

    /// A few kilobytes that would inflate to far more than any list.
    #[test]
    fn inflation_ends_at_the_cap() {
        let mut writer = GzBuilder::new().write(Vec::new(), Compression::best());
        writer.write_all(&vec![0; MAX_BYTES + 1]).unwrap();
        let packed = writer.finish().unwrap();
        let text = format!("u{}", base64url::encode(&packed));
        assert_eq!(Bitstring::decode(&text, 1), Err(StatusError::Malformed("encodedList")));
        // Nothing may follow the one GZIP member.
        let good = Bitstring::new(0, 1).unwrap().encode().unwrap();
        let mut bytes = base64url::decode(&good[1..]).unwrap();
        bytes.push(0);
        let text = format!("u{}", base64url::encode(&bytes));
        assert_eq!(Bitstring::decode(&text, 1), Err(StatusError::Malformed("encodedList")));
        assert_eq!(Bitstring::decode(&good[1..], 1), Err(StatusError::Malformed("encodedList")));
    }

    proptest::proptest! {
        #![proptest_config(proptest::test_runner::Config::with_cases(32))]
        #[test]
        fn what_is_written_is_read(size in 1..=MAX_SIZE, index in 0..MIN_ENTRIES, value in proptest::num::u8::ANY) {
            let value = value >> (8 - size);
            let mut list = Bitstring::new(0, size).unwrap();
            list.set(index, value).unwrap();
            let again = Bitstring::decode(&list.encode().unwrap(), size).unwrap();
            proptest::prop_assert_eq!(again.value(index), Ok(value));
            proptest::prop_assert_eq!(&again, &list);
        }

        #[test]
        fn never_panics(text in "u?[A-Za-z0-9_-]{0,80}", size in 0..20_u8) {
            let _ = Bitstring::decode(&text, size);
        }
    }
}
