//! Writing logs: create, update, deactivate (did:webvh 1.0, section "DID Method Operations"). What is written is verified
//! before it is handed out, by the same code that verifies everybody's logs.

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use warifu_keys::{PublicKey, Signer};

use super::chain::{self, PLACEHOLDER};
use super::{Chain, Did, LogError, METHOD, Parameters};
use crate::context::Contexts;
use crate::data_integrity::{self, Cryptosuite, Options};
use crate::did::{Relationship, key};
use crate::{multikey, time};

/// The hash by which an entry commits to a key of the next one.
#[must_use]
pub fn key_hash(key: &PublicKey) -> String {
    multikey::multihash(multikey::encode(key).as_bytes())
}

/// A document for an identifier at `location` (host and path, written with colons) that is yet to get its SCID: one
/// verification method, `#key-1`, for authentication and assertion.
#[must_use]
pub fn document(location: &str, key: &PublicKey) -> Map<String, Value> {
    let did = format!("did:webvh:{PLACEHOLDER}:{location}");
    let method = format!("{did}#key-1");
    let document = json!({
        "@context": ["https://www.w3.org/ns/did/v1", "https://w3id.org/security/multikey/v1"],
        "id": did,
        "verificationMethod": [{
            "id": method,
            "type": "Multikey",
            "controller": did,
            "publicKeyMultibase": multikey::encode(key),
        }],
        "authentication": [method],
        "assertionMethod": [method],
    });
    document.as_object().cloned().unwrap_or_default()
}

/// The first entry: `state` has `{SCID}` wherever the SCID will stand, `parameters` are those of the method without
/// `method` and `scid`. `signer` is one of `parameters.update_keys`.
pub fn create(
    state: &Map<String, Value>,
    parameters: &Parameters,
    signer: &dyn Signer,
    now: Timestamp,
) -> Result<Chain, LogError> {
    let mut given = to_members(parameters);
    given.insert("method".to_owned(), METHOD.into());
    given.insert("scid".to_owned(), PLACEHOLDER.into());
    let entry = json!({
        "versionId": PLACEHOLDER,
        "versionTime": time::write(now),
        "parameters": given,
        "state": state,
    });
    let scid = chain::hash(&object(entry.clone()), 1)?;
    let text = entry.to_string().replace(PLACEHOLDER, &scid);
    let entry = warifu_keys::json::parse_object(text.as_bytes()).map_err(|_| LogError::Malformed { version: 1 })?;
    let line = seal(entry, 1, &scid, signer, now)?;
    Chain::begin(&scid, &line, now)
}

impl Chain {
    /// The log with one more entry: a new document, and the parameters that change, by their names in the method.
    /// `signer` is a key that may update the identifier: one of the version before, or under pre-rotation one of
    /// `changes`.
    pub fn update(
        &self,
        state: &Map<String, Value>,
        changes: &Map<String, Value>,
        signer: &dyn Signer,
        now: Timestamp,
    ) -> Result<Self, LogError> {
        let version = self.versions().len() + 1;
        let before = self.versions().last().map_or_else(|| self.scid().to_owned(), |last| last.id.clone());
        let entry = json!({ "versionTime": time::write(now), "parameters": changes, "state": state });
        let line = seal(object(entry), version, &before, signer, now)?;
        let mut next = self.clone();
        next.append(&line, now)?;
        Ok(next)
    }

    /// The log with its last entry: the identifier ends. Where pre-rotation is active, `changes` bring the committed
    /// `updateKeys` and the next `nextKeyHashes`.
    pub fn deactivate(
        &self,
        changes: &Map<String, Value>,
        signer: &dyn Signer,
        now: Timestamp,
    ) -> Result<Self, LogError> {
        let last = self.versions().last().ok_or(LogError::Empty)?;
        let mut changes = changes.clone();
        changes.insert("deactivated".to_owned(), true.into());
        self.update(last.document.members(), &changes, signer, now)
    }

    /// The identifier as the newest version has it.
    pub fn did(&self) -> Result<&Did, LogError> {
        self.versions().last().map(|last| last.document.id()).ok_or(LogError::Empty)
    }
}

/// Hashes and signs an entry and gives its line.
pub(super) fn seal(
    mut entry: Map<String, Value>,
    version: usize,
    before: &str,
    signer: &dyn Signer,
    now: Timestamp,
) -> Result<String, LogError> {
    entry.insert("versionId".to_owned(), before.into());
    let id = format!("{version}-{}", chain::hash(&entry, version)?);
    entry.insert("versionId".to_owned(), id.into());
    let method = key::method(&signer.public_key());
    let options = Options::new(Cryptosuite::EddsaJcs2022, &method, Relationship::AssertionMethod, now);
    let mut signed = data_integrity::sign(&entry, &options, signer, &Contexts::none())
        .map_err(|source| LogError::Proof { version, source: Box::new(source) })?;
    let proof = signed.remove("proof");
    signed.insert("proof".to_owned(), proof.into_iter().collect());
    Ok(Value::Object(signed).to_string())
}

fn to_members(parameters: &Parameters) -> Map<String, Value> {
    let witness = parameters.witness.as_ref().map_or_else(
        || json!({}),
        |witness| {
            let list: Vec<Value> = witness.witnesses.iter().map(|id| json!({ "id": id })).collect();
            json!({ "threshold": witness.threshold, "witnesses": list })
        },
    );
    object(json!({
        "updateKeys": parameters.update_keys,
        "nextKeyHashes": parameters.next_key_hashes,
        "witness": witness,
        "watchers": parameters.watchers,
        "portable": parameters.portable,
        "ttl": parameters.ttl,
    }))
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => Map::new(),
    }
}
