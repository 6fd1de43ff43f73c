//! Approvals by witnesses (did:webvh 1.0, section "DID Witnesses"): proofs over a `versionId`, in a file of their own.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use warifu_keys::{Signer, json as strict};

use super::chain::check_proof;
use super::{LogError, Version, Witnesses};
use crate::context::Contexts;
use crate::data_integrity::{self, Cryptosuite, Options, Proof, ProofError};
use crate::did::{Relationship, key};

/// Most proofs of a witness file that are looked at.
const MAX_PROOFS: usize = 4_096;

/// A witness's proof for the entry with this `versionId`, to be put into the list `proof` of `did-witness.json`.
pub fn approve(version_id: &str, signer: &dyn Signer, now: Timestamp) -> Result<Map<String, Value>, ProofError> {
    let method = key::method(&signer.public_key());
    let options = Options::new(Cryptosuite::EddsaJcs2022, &method, Relationship::AssertionMethod, now);
    let signed = data_integrity::sign(&document(version_id), &options, signer, &Contexts::none())?;
    signed.get("proof").and_then(Value::as_object).cloned().ok_or(ProofError::Missing)
}

fn document(version_id: &str) -> Map<String, Value> {
    Map::from_iter([("versionId".to_owned(), json!(version_id))])
}

/// Demands a threshold of distinct witnesses for every entry that needs them. An approval of a later entry covers all
/// before it; approvals of versions that the log does not have count for nothing.
pub(super) fn check(versions: &[Version], file: &[u8], now: Timestamp) -> Result<(), LogError> {
    let file = strict::parse(file).map_err(|_| LogError::WitnessFile)?;
    let file = file.as_array().ok_or(LogError::WitnessFile)?;
    let numbers: BTreeMap<&str, usize> =
        versions.iter().enumerate().map(|(at, version)| (version.id.as_str(), at)).collect();
    let known: BTreeSet<&str> =
        versions.iter().filter_map(|version| version.parameters.witness.as_ref()).flat_map(Witnesses::ids).collect();
    // The latest published entry that each witness approved.
    let mut approved: BTreeMap<String, usize> = BTreeMap::new();
    let mut seen = 0;
    for entry in file {
        let id = entry.get("versionId").and_then(Value::as_str).ok_or(LogError::WitnessFile)?;
        let proofs = match entry.get("proof") {
            None => continue,
            Some(Value::Array(list)) => list.as_slice(),
            Some(one) => std::slice::from_ref(one),
        };
        let Some(&at) = numbers.get(id) else { continue };
        for proof in proofs {
            seen += 1;
            if seen > MAX_PROOFS {
                return Err(LogError::TooLarge);
            }
            // A proof that does not hold is no approval; it does not spoil those of others.
            let Some(witness) = valid(id, proof, now).filter(|witness| known.contains(witness.as_str())) else {
                continue;
            };
            let latest = approved.entry(witness).or_insert(at);
            *latest = at.max(*latest);
        }
    }
    for (at, version) in versions.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|before| versions[before].parameters.witness.as_ref());
        // The list before decides on its own replacement; the first list is in force at once.
        let Some(required) = before.or(version.parameters.witness.as_ref()) else { continue };
        let found = required.ids().filter(|id| approved.get(*id).is_some_and(|latest| *latest >= at)).count();
        if found < required.threshold {
            return Err(LogError::Witness { version: at + 1, found, threshold: required.threshold });
        }
    }
    Ok(())
}

/// The witness whose valid proof this is.
fn valid(version_id: &str, proof: &Value, now: Timestamp) -> Option<String> {
    let proof = Proof::parse(proof.as_object()?).ok()?;
    check_proof(&document(version_id), &proof, now).ok()?;
    proof.verification_method().split_once('#').map(|(did, _)| did.to_owned())
}

impl Witnesses {
    fn ids(&self) -> impl Iterator<Item = &str> {
        self.witnesses.iter().map(String::as_str)
    }
}
