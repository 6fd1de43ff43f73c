//! did:webvh 1.0: a did:web whose whole history is in one log, each entry hashed into the next and signed.
//!
//! [`log_url`] and [`witness_url`] say what to fetch. [`Chain::verify`] judges the log itself, entry by entry;
//! [`Chain::witnessed`] judges the approvals of witnesses, and only then there is a [`Log`] that resolves. [`publish`]
//! writes logs. A log with one bad entry is refused as a whole; watchers, `/whois` and paths behind an identifier are left
//! to callers.

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use url::Url;

use super::{Did, DidError, Document, web};
use crate::data_integrity::ProofError;
use crate::{multikey, time};

mod chain;
mod parameters;
pub mod publish;
mod witness;

pub use chain::Chain;
pub use parameters::{Parameters, Witnesses};
pub use witness::approve;

/// The version of the method that is read and written here.
pub const METHOD: &str = "did:webvh:1.0";
/// Most entries of a log.
pub const MAX_ENTRIES: usize = 4_096;
/// Largest log, in bytes.
pub const MAX_BYTES: usize = 4 * 1024 * 1024;

/// Why a log was refused. `version` is the number of the entry at fault, from 1.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// More than [`MAX_BYTES`] or [`MAX_ENTRIES`], or more witness proofs than are looked at.
    #[error("the log or its witness file is too large")]
    TooLarge,
    /// No entries.
    #[error("the log is empty")]
    Empty,
    /// A line is no JSON object.
    #[error("entry {version} is not a JSON object")]
    Malformed {
        /// The entry.
        version: usize,
    },
    /// A member of an entry is absent, unknown or misshapen.
    #[error("`{member}` of entry {version} is missing or malformed")]
    Member {
        /// The entry.
        version: usize,
        /// Its member.
        member: &'static str,
    },
    /// `versionId` is not the next number, a dash and a hash.
    #[error("`versionId` of entry {version} is not `{version}-<entry hash>`")]
    VersionId {
        /// The entry.
        version: usize,
    },
    /// The hash in `versionId` is not that of the entry and its predecessor.
    #[error("the hash of entry {version} is wrong")]
    EntryHash {
        /// The entry.
        version: usize,
    },
    /// `versionTime` is no time in UTC.
    #[error("`versionTime` of entry {version} is not a time in UTC")]
    VersionTime {
        /// The entry.
        version: usize,
    },
    /// `versionTime` is not later than the one before.
    #[error("`versionTime` of entry {version} is not later than the one before")]
    NotLater {
        /// The entry.
        version: usize,
    },
    /// `versionTime` is ahead of now.
    #[error("`versionTime` of entry {version} is in the future")]
    Future {
        /// The entry.
        version: usize,
    },
    /// A parameter has a value that the method does not allow, or not there.
    #[error("the parameter `{name}` of entry {version} is not allowed so")]
    Parameter {
        /// The entry.
        version: usize,
        /// The parameter.
        name: &'static str,
    },
    /// A parameter that the method does not know.
    #[error("entry {version} has the unknown parameter `{name}`")]
    UnknownParameter {
        /// The entry.
        version: usize,
        /// The parameter.
        name: String,
    },
    /// The SCID is not the hash of the first entry.
    #[error("the SCID is not the hash of the first entry")]
    Scid,
    /// Pre-rotation is active, and `updateKeys` or `nextKeyHashes` is left out.
    #[error("entry {version} leaves out keys that pre-rotation demands")]
    PreRotationMissing {
        /// The entry.
        version: usize,
    },
    /// Pre-rotation is active, and the entry before did not commit to this key.
    #[error("entry {version} has the key `{key}`, to which the entry before did not commit")]
    PreRotation {
        /// The entry.
        version: usize,
        /// The key.
        key: String,
    },
    /// The entry's proof is missing or wrong.
    #[error("the proof of entry {version}: {source}")]
    Proof {
        /// The entry.
        version: usize,
        /// What was wrong.
        source: Box<ProofError>,
    },
    /// The proof was made by a key that may not update the identifier.
    #[error("entry {version} is signed by a key that may not update the identifier")]
    UnauthorizedKey {
        /// The entry.
        version: usize,
    },
    /// The entry's document can not be read.
    #[error("the document of entry {version}: {source}")]
    State {
        /// The entry.
        version: usize,
        /// What was wrong.
        source: DidError,
    },
    /// The document's SCID is not that of the log.
    #[error("the document of entry {version} has another SCID")]
    OtherScid {
        /// The entry.
        version: usize,
    },
    /// The identifier moved although it is not portable.
    #[error("entry {version} moves an identifier that is not portable")]
    NotPortable {
        /// The entry.
        version: usize,
    },
    /// The identifier moved and its old form is not among `alsoKnownAs`.
    #[error("entry {version} moves the identifier without naming the old one")]
    NotAlsoKnownAs {
        /// The entry.
        version: usize,
    },
    /// An entry follows the one that ended the identifier.
    #[error("entry {version} follows after the identifier was deactivated")]
    AfterDeactivation {
        /// The entry.
        version: usize,
    },
    /// No entry speaks for the identifier that was asked for.
    #[error("the log belongs to another identifier")]
    OtherDid,
    /// The witness file is absent or no list of versions with proofs.
    #[error("the witness file is missing or malformed")]
    WitnessFile,
    /// Too few witnesses approved an entry.
    #[error("{found} of {threshold} witnesses approved entry {version}")]
    Witness {
        /// The entry.
        version: usize,
        /// How many distinct witnesses approved it.
        found: usize,
        /// How many had to.
        threshold: usize,
    },
    /// The identifier is none of this method.
    #[error(transparent)]
    Did(#[from] DidError),
    /// No entry has this version, or none was there yet at this time.
    #[error("the log has no such version")]
    NotFound,
}

/// The address of the log of `did`.
pub fn log_url(did: &Did) -> Result<Url, DidError> {
    let (_, location) = split(did)?;
    let url = web::https(did, location, "did.jsonl")?;
    // The method wants a name of two labels at least.
    if url.host_str().is_some_and(|host| host.contains('.')) {
        Ok(url)
    } else {
        Err(did.refused("its host is no domain name"))
    }
}

/// The address of the witnesses' approvals, beside the log.
pub fn witness_url(did: &Did) -> Result<Url, DidError> {
    let (_, location) = split(did)?;
    log_url(did)?;
    web::https(did, location, "did-witness.json")
}

/// SCID and location of an identifier.
fn split(did: &Did) -> Result<(&str, &str), DidError> {
    let id = did.of_method("webvh")?;
    let (scid, location) = id.split_once(':').ok_or_else(|| did.refused("it has no location"))?;
    // 46 characters of base58btc: a SHA-256 multihash.
    if scid.len() == 46 && multikey::is_multihash(scid) {
        Ok((scid, location))
    } else {
        Err(did.refused("its SCID is no SHA-256 multihash"))
    }
}

/// One verified version of the document.
#[derive(Debug, Clone, PartialEq)]
pub struct Version {
    /// `versionId`.
    pub id: String,
    /// `versionTime`.
    pub time: Timestamp,
    /// Every parameter as it is in force after this entry.
    pub parameters: Parameters,
    /// The document.
    pub document: Document,
}

/// Which version is asked for (did:webvh 1.0, section "Reading did:webvh DID URLs").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At<'a> {
    /// The newest.
    Latest,
    /// The one with this `versionId`.
    VersionId(&'a str),
    /// The one with this number, from 1.
    VersionNumber(usize),
    /// The one in force at this instant.
    VersionTime(Timestamp),
}

/// A log that holds in every respect, witnesses included.
#[derive(Debug, Clone, PartialEq)]
pub struct Log(Chain);

/// What resolving gives.
#[derive(Debug, Clone, PartialEq)]
pub struct Resolution {
    /// The document; `None` for the newest version of a deactivated identifier.
    pub document: Option<Document>,
    /// DID document metadata (did:webvh 1.0, section "Read (Resolve)").
    pub metadata: Map<String, Value>,
}

impl Log {
    /// All versions, oldest first; at least one.
    #[must_use]
    pub fn versions(&self) -> &[Version] {
        self.0.versions()
    }

    /// The version asked for, or [`LogError::NotFound`].
    pub fn resolve(&self, at: At<'_>) -> Result<Resolution, LogError> {
        let versions = self.versions();
        let found = match at {
            At::Latest => versions.last(),
            At::VersionId(id) => versions.iter().find(|version| version.id == id),
            At::VersionNumber(number) => number.checked_sub(1).and_then(|at| versions.get(at)),
            At::VersionTime(instant) => versions.iter().rev().find(|version| version.time <= instant),
        };
        let (Some(version), Some(first), Some(last)) = (found, versions.first(), versions.last()) else {
            return Err(LogError::NotFound);
        };
        let hidden = last.parameters.deactivated && at == At::Latest;
        let metadata = json!({
            "versionId": version.id,
            "versionTime": time::write(version.time),
            "created": time::write(first.time),
            "updated": time::write(last.time),
            "scid": self.0.scid(),
            "portable": last.parameters.portable,
            "deactivated": last.parameters.deactivated,
            // Numbers as text, as the section has it.
            "ttl": last.parameters.ttl.to_string(),
            "witness": last.parameters.witness.as_ref().map_or_else(|| json!({}), |witness| json!({
                "threshold": witness.threshold.to_string(),
                "witnesses": witness.witnesses.iter().map(|id| json!({ "id": id })).collect::<Vec<_>>(),
            })),
            "watchers": last.parameters.watchers,
        });
        Ok(Resolution {
            document: (!hidden).then(|| version.document.clone()),
            metadata: metadata.as_object().cloned().unwrap_or_default(),
        })
    }
}

#[cfg(test)]
mod tests;
