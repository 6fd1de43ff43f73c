//! One kept face: an open part that says whose and which, and the sealed template.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use warifu_keys::{Entropy, base64url, sha256};
use warifu_models::face::Template;
use warifu_store::Stored;

use crate::application::{built_in, scoped};
use crate::kyc::session::Session;
use crate::kyc::vault::{Vault, VaultError, WrappedKey};

/// Into how many parts the records are split, so that nodes can share them out.
pub(crate) const PARTITIONS: u8 = 64;

/// Why a face is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum List {
    /// The face of an approved person.
    Enrolled,
    /// A face that a client does not want to see again. Stays when its session is erased.
    Blocklist,
}

impl List {
    pub(crate) const ALL: [Self; 2] = [Self::Enrolled, Self::Blocklist];

    fn word(self) -> &'static str {
        match self {
            Self::Enrolled => "enrolled",
            Self::Blocklist => "blocklist",
        }
    }
}

/// Name of a record and of its template in memory. Follows from what it is for, so there is one record for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FaceKey(pub(crate) u64);

impl fmt::Display for FaceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// The issuer's secret from which keys of records are derived: without it nobody can try out `vendor_data`.
pub(crate) struct FaceSecret(pub(crate) [u8; 32]);

impl FaceSecret {
    /// The record of an approved person: the one of their `vendor_data`, or of the session where there is none.
    pub(crate) fn person(&self, session: &Session) -> FaceKey {
        match &session.vendor_data {
            Some(vendor_data) => self.owner(session.application, vendor_data),
            None => self.key("session", &session.id.to_string()),
        }
    }

    /// The record of the person that an application calls so.
    pub(crate) fn owner(&self, application: Uuid, vendor_data: &str) -> FaceKey {
        self.key("vendor_data", &scoped(application, vendor_data))
    }

    /// The blocklist entry that was made from a session.
    pub(crate) fn blocked(&self, session: Uuid) -> FaceKey {
        self.key("blocklist", &session.to_string())
    }

    /// Hash of an application's `vendor_data` as it stands in a record.
    pub(crate) fn hash(&self, application: Uuid, vendor_data: &str) -> String {
        base64url::encode(&self.digest("vendor_data hash", &scoped(application, vendor_data)))
    }

    fn key(&self, kind: &str, name: &str) -> FaceKey {
        let [a, b, c, d, e, f, g, h, ..] = self.digest(kind, name);
        FaceKey(u64::from_be_bytes([a, b, c, d, e, f, g, h]))
    }

    fn digest(&self, kind: &str, name: &str) -> [u8; 32] {
        // The secret has a fixed length and the digest stays here, so that nothing can be appended.
        sha256(&[&self.0[..], kind.as_bytes(), &[0], name.as_bytes()].concat())
    }
}

/// A kept face.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct FaceRecord {
    pub(crate) key: FaceKey,
    /// Which part of all records it belongs to.
    pub(crate) partition: u8,
    pub(crate) list: List,
    /// Model of the template.
    pub(crate) model: String,
    /// The application that keeps it; only its sessions are told of it.
    #[serde(default = "built_in")]
    pub(crate) application: Uuid,
    /// The session whose selfie it is.
    pub(crate) session: Uuid,
    pub(crate) session_number: u64,
    /// Keyed hash of the session's `vendor_data`.
    pub(crate) owner: Option<String>,
    /// How often this person was enrolled.
    pub(crate) version: u32,
    pub(crate) at: Timestamp,
    data_key: WrappedKey,
    /// The template, sealed.
    sealed: String,
}

/// What a record is made of.
pub(crate) struct Kept<'a> {
    pub(crate) key: FaceKey,
    pub(crate) list: List,
    pub(crate) session: &'a Session,
    pub(crate) owner: Option<String>,
    pub(crate) version: u32,
    pub(crate) template: &'a Template,
    pub(crate) at: Timestamp,
}

impl FaceRecord {
    /// A record with its template sealed under a fresh key.
    pub(crate) fn seal(kept: Kept<'_>, vault: &Vault, entropy: &dyn Entropy) -> Result<Self, VaultError> {
        let Kept { key, list, session, owner, version, template, at } = kept;
        let (data_key, wrapped) = vault.data_key(&holder(key, session.id), entropy)?;
        let mut record = Self {
            key,
            partition: (key.0 % u64::from(PARTITIONS)) as u8,
            list,
            model: template.model().to_string(),
            application: session.application,
            session: session.id,
            session_number: session.number,
            owner,
            version,
            at,
            data_key: wrapped,
            sealed: String::new(),
        };
        let values = warifu_keys::Secret::new(template.to_bytes().to_vec());
        record.sealed = base64url::encode(&data_key.seal(&record.context(), values.expose(), entropy)?);
        Ok(record)
    }

    /// The template.
    pub(crate) fn open(&self, vault: &Vault) -> Result<Template, VaultError> {
        let key = vault.unwrap_key(&holder(self.key, self.session), &self.data_key)?;
        let sealed = base64url::decode(&self.sealed).map_err(|_| VaultError::Sealed)?;
        let values = key.open(&self.context(), &sealed)?;
        let model = self.model.parse().map_err(|_| VaultError::Sealed)?;
        Template::from_bytes(model, values.expose()).map_err(|_| VaultError::Sealed)
    }

    /// What the template is sealed for: it can not be moved to another list, model or person.
    fn context(&self) -> String {
        format!("warifu face {} {} {} of session {}", self.key, self.list.word(), self.model, self.session)
    }
}

fn holder(key: FaceKey, session: Uuid) -> String {
    format!("face {key} of session {session}")
}

/// How a partition is written in the index.
pub(crate) fn partition_name(partition: u8) -> String {
    format!("{partition:02}")
}

impl Stored for FaceRecord {
    const NAME: &'static str = "kyc_faces";
    const INDEXES: &'static [&'static str] = &["partition", "list", "session"];

    fn key(&self) -> String {
        self.key.to_string()
    }

    fn indexes(&self) -> Vec<(&'static str, String)> {
        vec![
            ("partition", partition_name(self.partition)),
            ("list", list_name(self.application, self.list)),
            ("session", self.session.to_string()),
        ]
    }
}

/// The entries of an application's list, for queries.
pub(crate) fn list_name(application: Uuid, list: List) -> String {
    scoped(application, list.word())
}
