//! Decentralized identifiers (W3C DID 1.0) and the keys that their documents name.
//!
//! Nothing is fetched here: [`key`] and [`jwk`] carry their key in the identifier; [`web`] and [`webvh`] say which
//! addresses to fetch and judge what came back.

use serde_json::{Map, Value, json};
use warifu_keys::{Jwk, PublicKey};

use crate::multikey;

pub mod jwk;
pub mod key;
pub mod web;
pub mod webvh;

/// Longest identifier, in characters; did:jwk needs the most.
pub const MAX_CHARACTERS: usize = 2048;
/// Most verification methods read from one document.
pub const MAX_METHODS: usize = 128;

/// Why an identifier or its document was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DidError {
    /// Not the syntax of DID 1.0 section 3.1, or longer than [`MAX_CHARACTERS`].
    #[error("`{0}` is not a DID")]
    Syntax(String),
    /// Not an identifier of the method that was asked for, or of none that is known.
    #[error("the DID method `{0}` is not supported")]
    Method(String),
    /// The part behind the method is not what the method demands.
    #[error("`{did}` is not a valid identifier: {why}")]
    Identifier {
        /// The identifier, shortened.
        did: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The document is not an object, or lacks or misshapes this member.
    #[error("the DID document has no usable `{0}`")]
    Document(&'static str),
    /// The document speaks for another identifier.
    #[error("the document of `{asked}` calls itself `{found}`")]
    OtherSubject {
        /// What was resolved.
        asked: String,
        /// What the document says.
        found: String,
    },
    /// No document is at hand for this identifier.
    #[error("`{0}` is not resolved")]
    Unresolved(Did),
    /// The document has no such verification method.
    #[error("there is no verification method `{0}`")]
    NoSuchMethod(String),
    /// The verification method is there, but not for this purpose (DID 1.0 section 5.3).
    #[error("the verification method `{method}` is not for {purpose}")]
    Purpose {
        /// The verification method.
        method: String,
        /// The relationship it would need.
        purpose: &'static str,
    },
    /// The verification method's key can not be read or is of no supported type.
    #[error("the key of `{0}` is not usable")]
    Key(String),
}

/// An identifier, without path, query and fragment.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Did(String);

impl Did {
    /// Reads an identifier (DID 1.0 section 3.1).
    pub fn parse(text: &str) -> Result<Self, DidError> {
        let refused = || DidError::Syntax(short(text));
        if text.len() > MAX_CHARACTERS {
            return Err(refused());
        }
        let (method, id) = text.strip_prefix("did:").and_then(|rest| rest.split_once(':')).ok_or_else(refused)?;
        let method_fits =
            !method.is_empty() && method.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
        if method_fits && !id.is_empty() && !id.ends_with(':') && is_idchars(id) {
            Ok(Self(text.to_owned()))
        } else {
            Err(refused())
        }
    }

    /// The whole text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The method's name.
    #[must_use]
    pub fn method(&self) -> &str {
        self.0.split(':').nth(1).unwrap_or_default()
    }

    /// What stands behind the method's name.
    #[must_use]
    pub fn id(&self) -> &str {
        self.0.splitn(3, ':').nth(2).unwrap_or_default()
    }

    fn of_method(&self, method: &str) -> Result<&str, DidError> {
        if self.method() == method { Ok(self.id()) } else { Err(DidError::Method(short(self.method()))) }
    }

    fn refused(&self, why: &'static str) -> DidError {
        DidError::Identifier { did: short(&self.0), why }
    }
}

impl std::fmt::Display for Did {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// `idchar` and colons: letters, digits, `.`, `-`, `_`, and `%` before two hexadecimal digits.
fn is_idchars(id: &str) -> bool {
    let mut rest = id.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = match (first, tail) {
            (b'%', [a, b, tail @ ..]) if a.is_ascii_hexdigit() && b.is_ascii_hexdigit() => tail,
            (b'.' | b'-' | b'_' | b':', _) => tail,
            (byte, _) if byte.is_ascii_alphanumeric() => tail,
            _ => return false,
        };
    }
    true
}

/// What a verification method may be used for (DID 1.0 section 5.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Relationship {
    /// To say who one is: presentations.
    Authentication,
    /// To make statements: credentials.
    AssertionMethod,
    /// To invoke a capability.
    CapabilityInvocation,
    /// To hand a capability on.
    CapabilityDelegation,
}

impl Relationship {
    /// All of them.
    pub const ALL: [Self; 4] =
        [Self::Authentication, Self::AssertionMethod, Self::CapabilityInvocation, Self::CapabilityDelegation];

    /// The member of the document, and the proof purpose.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Authentication => "authentication",
            Self::AssertionMethod => "assertionMethod",
            Self::CapabilityInvocation => "capabilityInvocation",
            Self::CapabilityDelegation => "capabilityDelegation",
        }
    }

    /// The relationship of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|relationship| relationship.name() == name)
    }
}

/// A document whose subject is known to be the identifier that was resolved.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    id: Did,
    members: Map<String, Value>,
}

impl Document {
    /// Reads the document of `did` (DID 1.0 section 5). [`DidError::OtherSubject`] where its `id` is another.
    pub fn of(did: &Did, members: Map<String, Value>) -> Result<Self, DidError> {
        let found = members.get("id").and_then(Value::as_str).ok_or(DidError::Document("id"))?;
        if found != did.as_str() {
            return Err(DidError::OtherSubject { asked: short(did.as_str()), found: short(found) });
        }
        let mut methods = 0;
        let lists = Relationship::ALL.iter().map(|relationship| relationship.name()).chain(["verificationMethod"]);
        for name in lists {
            methods += match members.get(name) {
                None => 0,
                Some(Value::Array(list)) => list.len(),
                Some(_) => return Err(DidError::Document("verificationMethod")),
            };
        }
        if methods > MAX_METHODS * 5 {
            return Err(DidError::Document("verificationMethod"));
        }
        Ok(Self { id: did.clone(), members })
    }

    /// Whose document it is.
    #[must_use]
    pub fn id(&self) -> &Did {
        &self.id
    }

    /// Everything the document says.
    #[must_use]
    pub fn members(&self) -> &Map<String, Value> {
        &self.members
    }

    /// The key of a verification method, if the document lists it under `purpose`.
    ///
    /// `method` is the whole DID URL. Embedded methods count for the list they stand in only (DID 1.0 section 5.3).
    pub fn key(&self, method: &str, purpose: Relationship) -> Result<PublicKey, DidError> {
        let list = |name: &str| self.members.get(name).and_then(Value::as_array).into_iter().flatten();
        let absolute = |id: &str| if id.starts_with('#') { format!("{}{id}", self.id) } else { id.to_owned() };
        let named = |entry: &&Value| entry.get("id").and_then(Value::as_str).is_some_and(|id| absolute(id) == method);
        let embedded = list(purpose.name()).find(named);
        let listed = list(purpose.name()).filter_map(Value::as_str).any(|id| absolute(id) == method);
        let known = list("verificationMethod").find(named);
        let entry = match (embedded, listed, known) {
            (Some(entry), _, _) | (None, true, Some(entry)) => entry,
            (None, false, Some(_)) => {
                return Err(DidError::Purpose { method: short(method), purpose: purpose.name() });
            }
            (None, _, None) => return Err(DidError::NoSuchMethod(short(method))),
        };
        key_of(entry).ok_or_else(|| DidError::Key(short(method)))
    }

    /// The verification methods that the document lists under `purpose`, as DID URLs.
    #[must_use]
    pub fn methods(&self, purpose: Relationship) -> Vec<String> {
        let entries = self.members.get(purpose.name()).and_then(Value::as_array).into_iter().flatten();
        let ids = entries.filter_map(|entry| entry.as_str().or_else(|| entry.get("id").and_then(Value::as_str)));
        ids.map(|id| if id.starts_with('#') { format!("{}{id}", self.id) } else { id.to_owned() }).collect()
    }
}

/// The key inside a verification method, by its type (W3C Controlled Identifiers 1.0 section 2.2).
fn key_of(entry: &Value) -> Option<PublicKey> {
    let multibase = || multikey::decode(entry.get("publicKeyMultibase")?.as_str()?).ok();
    let jwk = || Jwk::from_value(entry.get("publicKeyJwk")?).ok()?.public_key().ok();
    match entry.get("type").and_then(Value::as_str)? {
        "Multikey" => multibase(),
        "JsonWebKey" | "JsonWebKey2020" => jwk(),
        "Ed25519VerificationKey2020" => multibase().filter(|key| matches!(key, PublicKey::Ed25519(_))),
        _ => None,
    }
}

/// The documents at hand while something is verified: those that the caller resolved, and every did:key and did:jwk,
/// which resolve themselves.
#[derive(Debug, Clone, Default)]
pub struct Documents(Vec<Document>);

impl Documents {
    /// None but those that resolve themselves.
    #[must_use]
    pub fn offline() -> Self {
        Self::default()
    }

    /// Adds a resolved document.
    #[must_use]
    pub fn with(mut self, document: Document) -> Self {
        self.0.push(document);
        self
    }

    /// The document of `did`; [`DidError::Unresolved`] where the caller brought none.
    pub fn document(&self, did: &Did) -> Result<Document, DidError> {
        match did.method() {
            "key" => key::resolve(did),
            "jwk" => jwk::resolve(did),
            _ => {
                let found = self.0.iter().find(|document| document.id() == did);
                found.cloned().ok_or_else(|| DidError::Unresolved(did.clone()))
            }
        }
    }

    /// The key of a verification method given as a DID URL, and whose it is.
    pub fn key(&self, method: &str, purpose: Relationship) -> Result<(Did, PublicKey), DidError> {
        let did = controller(method)?;
        let key = self.document(&did)?.key(method, purpose)?;
        Ok((did, key))
    }
}

/// The identifier in front of a verification method's fragment.
pub fn controller(method: &str) -> Result<Did, DidError> {
    let (did, fragment) = method.split_once('#').ok_or_else(|| DidError::Syntax(short(method)))?;
    if fragment.is_empty() || fragment.len() > MAX_CHARACTERS {
        return Err(DidError::Syntax(short(method)));
    }
    Did::parse(did)
}

/// A document with one verification method that serves every relationship.
fn one_key(did: &Did, fragment: &str, method: Value, contexts: [&str; 2]) -> Map<String, Value> {
    let id = format!("{did}#{fragment}");
    let mut entry = Map::from_iter([
        ("id".to_owned(), Value::from(id.as_str())),
        ("controller".to_owned(), Value::from(did.as_str())),
    ]);
    entry.extend(method.as_object().cloned().unwrap_or_default());
    let mut document = Map::from_iter([
        ("@context".to_owned(), json!(contexts)),
        ("id".to_owned(), Value::from(did.as_str())),
        ("verificationMethod".to_owned(), json!([entry])),
    ]);
    document.extend(Relationship::ALL.map(|relationship| (relationship.name().to_owned(), json!([id]))));
    document
}

pub(crate) fn short(text: &str) -> String {
    text.chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn syntax() {
        for good in ["did:key:z6Mk", "did:web:example.com%3A8443:a:b", "did:example:a::b", "did:x1:_.-"] {
            assert_eq!(Did::parse(good).unwrap().as_str(), good);
        }
        for bad in [
            "did:key:",
            "did:key",
            "DID:key:z",
            "did:Key:z",
            "did:web:a/b",
            "did:web:a#b",
            "did:web:a%4",
            "did:web:a%zz",
            "did:web:a b",
            "did:web:a:",
            "",
            "did::a",
            "did:web:é",
        ] {
            assert_eq!(Did::parse(bad), Err(DidError::Syntax(bad.to_owned())), "{bad}");
        }
        assert!(Did::parse(&format!("did:jwk:{}", "a".repeat(MAX_CHARACTERS))).is_err());
    }

    #[test]
    fn a_method_serves_only_what_the_document_lists_it_for() {
        let did = Did::parse("did:example:1").unwrap();
        let key = "z6MkrJVnaZkeFzdQyMZu1cgjg7k1pZZ6pvBQ7XJPt4swbTQ2";
        let method = |id: &str| json!({ "id": id, "type": "Multikey", "controller": "did:example:1", "publicKeyMultibase": key });
        let document = json!({
            "id": "did:example:1",
            "verificationMethod": [method("#a"), method("did:example:1#b"), { "id": "#old", "type": "Ed25519VerificationKey2018", "publicKeyBase58": "x" }],
            "authentication": ["#a", "#old", "#gone", method("#own")],
            "assertionMethod": ["did:example:1#b"],
        });
        let document = Document::of(&did, document.as_object().unwrap().clone()).unwrap();
        let check = |method: &str, purpose: Relationship, expected: Option<DidError>| {
            assert_eq!(document.key(method, purpose).err(), expected, "{method} {purpose:?}");
        };
        use Relationship::{AssertionMethod, Authentication};
        check("did:example:1#a", Authentication, None);
        check("did:example:1#b", AssertionMethod, None);
        check("did:example:1#own", Authentication, None);
        let refused = |method: &str, purpose| Some(DidError::Purpose { method: method.to_owned(), purpose });
        check("did:example:1#a", AssertionMethod, refused("did:example:1#a", "assertionMethod"));
        check("did:example:1#b", Authentication, refused("did:example:1#b", "authentication"));
        let gone = |method: &str| Some(DidError::NoSuchMethod(method.to_owned()));
        check("did:example:1#own", AssertionMethod, gone("did:example:1#own"));
        check("did:example:1#gone", Authentication, gone("did:example:1#gone"));
        check("did:example:2#a", Authentication, gone("did:example:2#a"));
        check("did:example:1#old", Authentication, Some(DidError::Key("did:example:1#old".to_owned())));
        let other = Did::parse("did:example:2").unwrap();
        assert!(matches!(Document::of(&other, document.members().clone()), Err(DidError::OtherSubject { .. })));
        assert!(matches!(Documents::offline().document(&other), Err(DidError::Unresolved(_))));
    }

    proptest::proptest! {
        #[test]
        fn never_panics(text in "(did:)?(key|jwk|web|webvh)?:?[ -~]{0,60}") {
            if let Ok(did) = Did::parse(&text) {
                let _ = Documents::offline().document(&did);
                let _ = web::document_url(&did);
                let _ = webvh::log_url(&did);
            }
        }
    }
}
