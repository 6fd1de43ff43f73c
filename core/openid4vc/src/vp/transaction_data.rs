//! Transaction data: what the user agrees to by presenting (OpenID4VP 1.0 section 8.4, appendix B.3.3 for SD-JWT VC).

use serde_json::{Map, Value};
use warifu_keys::json::{self};
use warifu_keys::{base64url, sha256};

/// Most entries in one request.
pub const MAX_ENTRIES: usize = 16;
/// Longest entry, in base64url characters.
pub const MAX_BYTES: usize = 16 * 1024;

/// Why an entry was refused. Each of them is `invalid_transaction_data` on the wire.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Not base64url of a JSON object with `type` and `credential_ids`, or too large.
    #[error("a transaction data entry is malformed")]
    Malformed,
    /// More than [`MAX_ENTRIES`].
    #[error("{0} transaction data entries are too many")]
    TooMany(usize),
    /// A type that the wallet does not know.
    #[error("transaction data type `{0}` is not known")]
    UnknownType(String),
    /// `credential_ids` names a credential query that is not there, or one without holder binding.
    #[error("transaction data is for `{0}`, which can not carry it")]
    Credential(String),
    /// None of `transaction_data_hashes_alg` is supported.
    #[error("no hash algorithm of the transaction data is supported")]
    HashAlgorithm,
}

/// One entry: the text as it travels, because its hash is over that text, and what it says.
#[derive(Debug, Clone, PartialEq)]
pub struct TransactionData {
    encoded: String,
    object: Map<String, Value>,
    kind: String,
    credential_ids: Vec<String>,
    names_algorithm: bool,
}

impl TransactionData {
    /// Makes an entry of this type for these credential queries; `more` holds the members of the type.
    pub fn new(kind: &str, credential_ids: &[&str], more: Map<String, Value>) -> Result<Self, Error> {
        let mut object = more;
        object.insert("type".to_owned(), Value::from(kind));
        object.insert("credential_ids".to_owned(), Value::from(credential_ids.to_vec()));
        Self::parse(&base64url::encode(json::canonical(&Value::Object(object)).as_bytes()))
    }

    /// Reads an entry as it travels.
    pub fn parse(encoded: &str) -> Result<Self, Error> {
        if encoded.len() > MAX_BYTES {
            return Err(Error::Malformed);
        }
        let bytes = base64url::decode(encoded).map_err(|_| Error::Malformed)?;
        let object = json::parse_object(&bytes).map_err(|_| Error::Malformed)?;
        let texts = |value: &Value| -> Result<Vec<String>, Error> {
            let list = value.as_array().filter(|list| !list.is_empty()).ok_or(Error::Malformed)?;
            list.iter().map(|item| item.as_str().map(str::to_owned).ok_or(Error::Malformed)).collect()
        };
        let kind =
            object.get("type").and_then(Value::as_str).filter(|kind| !kind.is_empty()).ok_or(Error::Malformed)?;
        let credential_ids = texts(object.get("credential_ids").ok_or(Error::Malformed)?)?;
        let algorithms = object.get("transaction_data_hashes_alg").map(texts).transpose()?;
        let names_algorithm = algorithms.is_some();
        if algorithms.is_some_and(|names| !names.iter().any(|name| name == "sha-256")) {
            return Err(Error::HashAlgorithm);
        }
        Ok(Self { encoded: encoded.to_owned(), kind: kind.to_owned(), credential_ids, names_algorithm, object })
    }

    /// The text as it travels.
    #[must_use]
    pub fn encoded(&self) -> &str {
        &self.encoded
    }

    /// All members.
    #[must_use]
    pub fn object(&self) -> &Map<String, Value> {
        &self.object
    }

    /// The type.
    #[must_use]
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// The credential queries of which one must carry the entry.
    #[must_use]
    pub fn credential_ids(&self) -> &[String] {
        &self.credential_ids
    }

    /// The hash for `transaction_data_hashes` in the key binding JWT: base64url SHA-256 of the text as it travels.
    #[must_use]
    pub fn hash(&self) -> String {
        base64url::encode(&sha256(self.encoded.as_bytes()))
    }

    /// The value for `transaction_data_hashes_alg`, which is given when the entry named algorithms.
    #[must_use]
    pub fn hash_algorithm(&self) -> Option<&'static str> {
        self.names_algorithm.then_some("sha-256")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn round_trip_and_hash() {
        let more = Map::from_iter([("amount".to_owned(), json!(7))]);
        let entry = TransactionData::new("urn:example:pay", &["kyc"], more).unwrap();
        assert_eq!(TransactionData::parse(entry.encoded()).unwrap(), entry);
        assert_eq!((entry.kind(), entry.credential_ids()), ("urn:example:pay", &["kyc".to_owned()][..]));
        assert_eq!(entry.hash(), base64url::encode(&sha256(entry.encoded().as_bytes())));
        assert_eq!(entry.hash_algorithm(), None);
    }

    #[test]
    fn refused() {
        let check = |value: Value, expected: Error| {
            assert_eq!(
                TransactionData::parse(&base64url::encode(value.to_string().as_bytes())),
                Err(expected),
                "{value}"
            );
        };
        check(json!([]), Error::Malformed);
        check(json!({ "credential_ids": ["a"] }), Error::Malformed);
        check(json!({ "type": "t" }), Error::Malformed);
        check(json!({ "type": "t", "credential_ids": [] }), Error::Malformed);
        check(json!({ "type": "t", "credential_ids": [1] }), Error::Malformed);
        check(
            json!({ "type": "t", "credential_ids": ["a"], "transaction_data_hashes_alg": ["sha-512"] }),
            Error::HashAlgorithm,
        );
        assert_eq!(TransactionData::parse("e30="), Err(Error::Malformed));
        assert_eq!(TransactionData::parse(&"A".repeat(MAX_BYTES + 4)), Err(Error::Malformed));
    }

    proptest::proptest! {
        #[test]
        fn never_panics(text in ".{0,100}", bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..100)) {
            let _ = TransactionData::parse(&text);
            let _ = TransactionData::parse(&base64url::encode(&bytes));
        }
    }
}
