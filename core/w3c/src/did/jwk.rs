//! did:jwk: the identifier is a JWK, and its one verification method is always `#0`.

use serde_json::{Value, json};
use warifu_keys::{Jwk, PublicKey, base64url, json as strict};

use super::{Did, DidError, Document, one_key};

/// The contexts of the document, as the method's specification has them.
const CONTEXTS: [&str; 2] = ["https://www.w3.org/ns/did/v1", "https://w3id.org/security/suites/jws-2020/v1"];

/// The identifier of a key, made from its bare public JWK.
#[must_use]
pub fn from_key(key: &PublicKey) -> Did {
    Did(format!("did:jwk:{}", base64url::encode(strict::canonical(&key.to_jwk().to_value()).as_bytes())))
}

/// The one verification method of a key's identifier, as DID URL.
#[must_use]
pub fn method(key: &PublicKey) -> String {
    format!("{}#0", from_key(key))
}

/// The document of a did:jwk. A JWK with private members is refused, so that nobody's secret is shown around.
pub fn resolve(did: &Did) -> Result<Document, DidError> {
    let bytes = base64url::decode(did.of_method("jwk")?).map_err(|_| did.refused("it is not base64url"))?;
    let jwk = strict::parse_object(&bytes).map(Value::Object).map_err(|_| did.refused("it holds no JSON object"))?;
    let checked = Jwk::from_value(&jwk).map_err(|_| did.refused("it holds no public JWK"))?;
    checked.public_key().map_err(|_| did.refused("it holds no supported key"))?;
    if checked.r#use.as_deref().is_some_and(|r#use| r#use != "sig") {
        return Err(did.refused("its key is not for signatures"));
    }
    let signs_only = checked.r#use.is_some();
    let mut document = one_key(did, "0", json!({ "type": "JsonWebKey2020", "publicKeyJwk": jwk }), CONTEXTS);
    if !signs_only {
        document.insert("keyAgreement".to_owned(), json!([format!("{did}#0")]));
    }
    Document::of(did, document)
}
