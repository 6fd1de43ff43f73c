//! The log itself: hashes, times, parameters, keys and documents of every entry.

use jiff::Timestamp;
use serde_json::{Map, Value};
use warifu_keys::json;

use super::{Did, Document, Log, LogError, MAX_BYTES, MAX_ENTRIES, Parameters, Version, split, witness};
use crate::context::Contexts;
use crate::data_integrity::{Cryptosuite, Expected, Proof, ProofError};
use crate::did::{Relationship, key};
use crate::{jcs, multikey, time};

/// Where the SCID will stand until it is known.
pub(super) const PLACEHOLDER: &str = "{SCID}";

/// A log whose entries hold together. Whether witnesses approved it is not known yet.
#[derive(Debug, Clone, PartialEq)]
pub struct Chain {
    scid: String,
    versions: Vec<Version>,
    lines: String,
}

impl Chain {
    /// Verifies the log of `did` (did:webvh 1.0, section "Read (Resolve)").
    pub fn verify(did: &Did, log: &[u8], now: Timestamp) -> Result<Self, LogError> {
        let (scid, _) = split(did)?;
        if log.len() > MAX_BYTES {
            return Err(LogError::TooLarge);
        }
        let text = std::str::from_utf8(log).map_err(|_| LogError::Malformed { version: 1 })?;
        let mut chain = Self { scid: scid.to_owned(), versions: Vec::new(), lines: String::new() };
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            chain.append(line, now)?;
        }
        if chain.versions.is_empty() {
            return Err(LogError::Empty);
        }
        if chain.versions.iter().all(|version| version.document.id() != did) {
            return Err(LogError::OtherDid);
        }
        Ok(chain)
    }

    /// Begins a log with its first entry.
    pub(super) fn begin(scid: &str, line: &str, now: Timestamp) -> Result<Self, LogError> {
        let mut chain = Self { scid: scid.to_owned(), versions: Vec::new(), lines: String::new() };
        chain.append(line, now)?;
        Ok(chain)
    }

    /// The hash that the identifier certifies itself with.
    #[must_use]
    pub fn scid(&self) -> &str {
        &self.scid
    }

    /// All versions, oldest first; at least one.
    #[must_use]
    pub fn versions(&self) -> &[Version] {
        &self.versions
    }

    /// The log as it is published in `did.jsonl`.
    #[must_use]
    pub fn to_jsonl(&self) -> &str {
        &self.lines
    }

    /// Whether any entry needs the approval of witnesses, so that `did-witness.json` has to be fetched.
    #[must_use]
    pub fn needs_witnesses(&self) -> bool {
        self.versions.iter().any(|version| version.parameters.witness.is_some())
    }

    /// Checks the approvals in `did-witness.json`; the file may be absent where nobody has to approve.
    pub fn witnessed(self, file: Option<&[u8]>, now: Timestamp) -> Result<Log, LogError> {
        if self.needs_witnesses() {
            witness::check(&self.versions, file.ok_or(LogError::WitnessFile)?, now)?;
        }
        Ok(Log(self))
    }

    /// Verifies one more entry and adds it.
    pub(super) fn append(&mut self, line: &str, now: Timestamp) -> Result<(), LogError> {
        let version = self.versions.len() + 1;
        if version > MAX_ENTRIES {
            return Err(LogError::TooLarge);
        }
        let previous = self.versions.last();
        if previous.is_some_and(|previous| previous.parameters.deactivated) {
            return Err(LogError::AfterDeactivation { version });
        }
        let entry = json::parse_object(line.as_bytes()).map_err(|_| LogError::Malformed { version })?;
        let entry = Entry { version, members: entry };
        entry.check_members()?;

        let id = entry.version_id()?;
        let at = entry.version_time(previous.map(|previous| previous.time), now)?;
        let given = entry.object("parameters")?;
        let (parameters, authorized) = match previous {
            None => {
                let (parameters, scid) = Parameters::first(given)?;
                if scid != self.scid || entry.scid(&scid)? != scid {
                    return Err(LogError::Scid);
                }
                let authorized = parameters.update_keys.clone();
                (parameters, authorized)
            }
            Some(previous) => {
                let parameters = previous.parameters.after(given, version)?;
                let authorized = authorized(&previous.parameters, &parameters, given, version)?;
                (parameters, authorized)
            }
        };
        let before = previous.map_or(self.scid.as_str(), |previous| &previous.id);
        if format!("{version}-{}", entry.hash(before)?) != id {
            return Err(LogError::EntryHash { version });
        }
        entry.check_proofs(&authorized, now)?;
        let document = entry.state(&self.scid, previous, &parameters)?;
        self.versions.push(Version { id, time: at, parameters, document });
        self.lines.push_str(line.trim());
        self.lines.push('\n');
        Ok(())
    }
}

/// The keys that may sign the entry after `before`, once pre-rotation has had its say.
fn authorized(
    before: &Parameters,
    after: &Parameters,
    given: &Map<String, Value>,
    version: usize,
) -> Result<Vec<String>, LogError> {
    if before.next_key_hashes.is_empty() {
        return Ok(before.update_keys.clone());
    }
    if !given.contains_key("updateKeys") || !given.contains_key("nextKeyHashes") {
        return Err(LogError::PreRotationMissing { version });
    }
    for key in &after.update_keys {
        if !before.next_key_hashes.contains(&multikey::multihash(key.as_bytes())) {
            return Err(LogError::PreRotation { version, key: key.chars().take(80).collect() });
        }
    }
    // Under pre-rotation an entry is signed by its own keys (section "Authorized Keys").
    Ok(after.update_keys.clone())
}

/// One line of a log, not believed yet.
struct Entry {
    version: usize,
    members: Map<String, Value>,
}

impl Entry {
    fn check_members(&self) -> Result<(), LogError> {
        let known = ["versionId", "versionTime", "parameters", "state", "proof"];
        if self.members.keys().all(|name| known.contains(&name.as_str())) {
            Ok(())
        } else {
            Err(LogError::Member { version: self.version, member: "entry" })
        }
    }

    fn text(&self, member: &'static str) -> Result<&str, LogError> {
        let found = self.members.get(member).and_then(Value::as_str);
        found.ok_or(LogError::Member { version: self.version, member })
    }

    fn object(&self, member: &'static str) -> Result<&Map<String, Value>, LogError> {
        let found = self.members.get(member).and_then(Value::as_object);
        found.ok_or(LogError::Member { version: self.version, member })
    }

    fn version_id(&self) -> Result<String, LogError> {
        let id = self.text("versionId")?;
        let hash = id.strip_prefix(&format!("{}-", self.version)).filter(|hash| multikey::is_multihash(hash));
        hash.map(|_| id.to_owned()).ok_or(LogError::VersionId { version: self.version })
    }

    fn version_time(&self, previous: Option<Timestamp>, now: Timestamp) -> Result<Timestamp, LogError> {
        let version = self.version;
        let text = self.text("versionTime")?;
        let utc = text.ends_with('Z') || text.ends_with("+00:00");
        let at = time::parse(text).filter(|_| utc).ok_or(LogError::VersionTime { version })?;
        if previous.is_some_and(|previous| at <= previous) {
            return Err(LogError::NotLater { version });
        }
        if time::is_ahead(at, now) {
            return Err(LogError::Future { version });
        }
        Ok(at)
    }

    /// The SCID that belongs to this entry (section "Verify SCID").
    fn scid(&self, claimed: &str) -> Result<String, LogError> {
        let mut members = self.members.clone();
        members.remove("proof");
        members.insert("versionId".to_owned(), PLACEHOLDER.into());
        let text = Value::Object(members).to_string().replace(claimed, PLACEHOLDER);
        let members = json::parse_object(text.as_bytes()).map_err(|_| LogError::Scid)?;
        hash(&members, self.version)
    }

    /// The entry hash that belongs to this entry (section "Verify The Entry Hash").
    fn hash(&self, before: &str) -> Result<String, LogError> {
        let mut members = self.members.clone();
        members.remove("proof");
        members.insert("versionId".to_owned(), before.into());
        hash(&members, self.version)
    }

    fn check_proofs(&self, authorized: &[String], now: Timestamp) -> Result<(), LogError> {
        let version = self.version;
        let refused = |source: ProofError| LogError::Proof { version, source: Box::new(source) };
        let mut unsecured = self.members.clone();
        let proofs = match unsecured.remove("proof") {
            Some(Value::Array(list)) if list.len() > crate::data_integrity::MAX_PROOFS => {
                return Err(refused(ProofError::TooMany(list.len())));
            }
            Some(Value::Array(list)) => list,
            Some(one) => vec![one],
            None => Vec::new(),
        };
        if proofs.is_empty() {
            return Err(refused(ProofError::Missing));
        }
        for proof in &proofs {
            let proof = proof.as_object().ok_or(refused(ProofError::Member("proof")))?;
            let proof = Proof::parse(proof).map_err(refused)?;
            check_proof(&unsecured, &proof, now).map_err(refused)?;
            let signer = proof.verification_method().split_once('#').map(|(_, key)| key.to_owned());
            if !signer.is_some_and(|signer| authorized.contains(&signer)) {
                return Err(LogError::UnauthorizedKey { version });
            }
        }
        Ok(())
    }

    fn state(&self, scid: &str, previous: Option<&Version>, parameters: &Parameters) -> Result<Document, LogError> {
        let version = self.version;
        let refused = |source| LogError::State { version, source };
        let state = self.object("state")?;
        let id = state.get("id").and_then(Value::as_str).ok_or(LogError::Member { version, member: "state" })?;
        let did = Did::parse(id).map_err(refused)?;
        let (own, _) = split(&did).map_err(refused)?;
        if own != scid {
            return Err(LogError::OtherScid { version });
        }
        super::log_url(&did).map_err(refused)?;
        if let Some(old) = previous.map(|previous| previous.document.id()).filter(|old| **old != did) {
            if !parameters.portable {
                return Err(LogError::NotPortable { version });
            }
            let names = state.get("alsoKnownAs").and_then(Value::as_array);
            if !names.is_some_and(|names| names.iter().any(|name| name.as_str() == Some(old.as_str()))) {
                return Err(LogError::NotAlsoKnownAs { version });
            }
        }
        Document::of(&did, state.clone()).map_err(refused)
    }
}

/// Checks a proof of the log or of a witness: `eddsa-jcs-2022`, for assertion, by the did:key that it names and no other.
pub(super) fn check_proof(document: &Map<String, Value>, proof: &Proof, now: Timestamp) -> Result<(), ProofError> {
    if proof.suite() != Cryptosuite::EddsaJcs2022 {
        return Err(ProofError::Suite(proof.suite().name().to_owned()));
    }
    proof.check(&Expected { purpose: Relationship::AssertionMethod, challenge: None, domain: None, now })?;
    let key = key::key_of_method(proof.verification_method())?;
    proof.verify_signature(document, &key, &Contexts::none())
}

/// `base58btc(multihash(JCS(entry), SHA-256))`.
pub(super) fn hash(members: &Map<String, Value>, version: usize) -> Result<String, LogError> {
    let text = jcs::canonical_object(members).map_err(|_| LogError::Malformed { version })?;
    Ok(multikey::multihash(text.as_bytes()))
}
