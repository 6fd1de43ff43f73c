//! did:key (W3C CCG did:key 0.9): the identifier is the key.

use serde_json::json;
use warifu_keys::PublicKey;

use super::{Did, DidError, Document, one_key};
use crate::multikey;

/// The contexts of the document, for the types it uses.
const CONTEXTS: [&str; 2] = ["https://www.w3.org/ns/did/v1", "https://w3id.org/security/multikey/v1"];

/// The identifier of a key.
#[must_use]
pub fn from_key(key: &PublicKey) -> Did {
    Did(format!("did:key:{}", multikey::encode(key)))
}

/// The one verification method of a key's identifier, as DID URL.
#[must_use]
pub fn method(key: &PublicKey) -> String {
    let key = multikey::encode(key);
    format!("did:key:{key}#{key}")
}

/// The key inside a did:key.
pub fn key(did: &Did) -> Result<PublicKey, DidError> {
    multikey::decode(did.of_method("key")?).map_err(|_| did.refused("it holds no supported key"))
}

/// The key of a did:key verification method. Behind the `#` must stand the same key as in front of it, byte for byte, or
/// a proof could name one key and be made by another (did:webvh 1.0, section on witness DIDs).
pub fn key_of_method(method: &str) -> Result<PublicKey, DidError> {
    let did = super::controller(method)?;
    let found = key(&did)?;
    if method.split_once('#').is_some_and(|(_, fragment)| fragment == did.id()) {
        Ok(found)
    } else {
        Err(DidError::NoSuchMethod(super::short(method)))
    }
}

/// The document of a did:key. No key agreement key is derived from an Ed25519 key: one key serves one use.
pub fn resolve(did: &Did) -> Result<Document, DidError> {
    let text = multikey::encode(&key(did)?);
    let method = json!({ "type": "Multikey", "publicKeyMultibase": text });
    Document::of(did, one_key(did, did.id(), method, CONTEXTS))
}
