//! JSON-LD contexts, pinned: what a term means is decided here and never fetched (VCDM 2.0 section 5.3, Data Integrity 1.0
//! section 2.4.1).
//!
//! A document names contexts by their address only. Contexts written into a document are refused, because they would let
//! a stranger say what his words mean; so are terms that no context defines, and everything that JSON-LD would silently
//! leave out of what is signed.

use std::collections::BTreeMap;

use futures::FutureExt as _;
use serde_json::{Map, Value};
use ssi_json_ld::rdf_types::{Id, LexicalQuad, LiteralType, Object, Term as RdfTerm};
use ssi_json_ld::syntax::{Parse as _, Value as JsonLd};
use ssi_json_ld::{CompactJsonLd, Expandable as _, Iri, IriBuf, LoadError, Loader, LoadingResult, RemoteDocument};
use ssi_rdf::{AnyLdEnvironment as _, LdEnvironment};
use warifu_keys::HashAlgorithm;

use crate::rdfc::{self, Quad, Term};

/// The context that every credential and presentation begins with (VCDM 2.0 section 4.3).
pub const CREDENTIALS_V2: &str = "https://www.w3.org/ns/credentials/v2";
/// Deepest nesting of a document that is expanded.
pub const MAX_DEPTH: usize = 32;
/// Most statements that a document may make.
pub const MAX_QUADS: usize = 10_000;

/// Why a document can not be read as RDF.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ContextError {
    /// A context that is not pinned.
    #[error("the context `{0}` is not known here")]
    Unknown(String),
    /// A context written into the document instead of named.
    #[error("the document brings a context of its own")]
    Inline,
    /// A member name that is a keyword or an address, where the compact form has a term (VCDM 2.0 section 4.1).
    #[error("the member `{0}` is not in compact form")]
    NotCompact(String),
    /// A member whose value JSON-LD drops, so that no signature would cover it.
    #[error("the value of `{0}` would not be signed")]
    Dropped(String),
    /// Nested deeper than [`MAX_DEPTH`].
    #[error("the document is nested too deep")]
    TooDeep,
    /// More statements than [`MAX_QUADS`], or blank nodes that can not be told apart in reasonable time.
    #[error("the document makes too many or too tangled statements")]
    TooLarge,
    /// JSON-LD does not accept it: an undefined term, an invalid identifier, a protected term redefined.
    #[error("not acceptable JSON-LD: {0}")]
    JsonLd(String),
    /// The text of a context is no JSON.
    #[error("the context `{0}` is not JSON")]
    NotAContext(String),
}

/// The contexts that may be named.
#[derive(Clone)]
pub struct Contexts(BTreeMap<String, RemoteDocument>);

impl Contexts {
    /// Those of the W3C that the formats here need: credentials v2, Data Integrity v2, Multikey v1, DID v1.
    #[must_use]
    pub fn builtin() -> Self {
        let pinned = [
            (CREDENTIALS_V2, &*ssi_json_ld::CREDENTIALS_V2_CONTEXT_DOCUMENT),
            ("https://w3id.org/security/data-integrity/v2", &*ssi_json_ld::W3ID_DATA_INTEGRITY_V2_CONTEXT_DOCUMENT),
            ("https://w3id.org/security/multikey/v1", &*ssi_json_ld::W3ID_MULTIKEY_V1_CONTEXT_DOCUMENT),
            ("https://www.w3.org/ns/did/v1", &*ssi_json_ld::DID_V1_CONTEXT_DOCUMENT),
        ];
        Self(pinned.into_iter().map(|(url, document)| (url.to_owned(), document.clone())).collect())
    }

    /// No contexts at all, for documents without meaning in JSON-LD.
    #[must_use]
    pub fn none() -> Self {
        Self(BTreeMap::new())
    }

    /// Adds a context under its address. It is the caller's to vouch for: whoever writes a context says what signed
    /// words mean.
    pub fn with(mut self, url: &str, text: &str) -> Result<Self, ContextError> {
        let refused = || ContextError::NotAContext(short(url));
        let iri = IriBuf::new(url.to_owned()).map_err(|_| refused())?;
        let (context, _) = JsonLd::parse_str(text).map_err(|_| refused())?;
        self.0.insert(url.to_owned(), RemoteDocument::new(Some(iri), None, context));
        Ok(self)
    }

    /// Whether this address is pinned.
    #[must_use]
    pub fn has(&self, url: &str) -> bool {
        self.0.contains_key(url)
    }

    /// The document's statements in canonical N-Quads (RDFC-1.0 with `hash`).
    pub fn canonical(&self, document: &Map<String, Value>, hash: HashAlgorithm) -> Result<String, ContextError> {
        let quads = self.quads(document)?;
        rdfc::canonical(&quads, hash).map_err(|rdfc::Poisoned| ContextError::TooLarge)
    }

    /// The document's statements (JSON-LD 1.1 API, expansion and deserialisation to RDF).
    pub fn quads(&self, document: &Map<String, Value>) -> Result<Vec<Quad>, ContextError> {
        self.check_object(document, 0)?;
        let refused = |error: &dyn std::fmt::Display| ContextError::JsonLd(short(&error.to_string()));
        // Through text, because the two crates keep numbers in their own ways.
        let text = Value::Object(document.clone()).to_string();
        let (value, _) = JsonLd::parse_str(&text).map_err(|error| refused(&error))?;
        let mut environment = LdEnvironment::default();
        let document = CompactJsonLd(value);
        // The loader answers at once, so the future never waits.
        let expanded = document
            .expand_with(&mut environment, self)
            .now_or_never()
            .ok_or_else(|| refused(&"a context is not at hand"))?
            .map_err(|error| refused(&error))?;
        let quads = environment.quads_of(&expanded).map_err(|error| refused(&error))?;
        if quads.len() > MAX_QUADS {
            return Err(ContextError::TooLarge);
        }
        Ok(quads.into_iter().map(quad).collect())
    }

    fn check_object(&self, members: &Map<String, Value>, depth: usize) -> Result<(), ContextError> {
        if depth > MAX_DEPTH {
            return Err(ContextError::TooDeep);
        }
        for (name, value) in members {
            match name.as_str() {
                "@context" => self.check_context(value)?,
                // Value objects: texts with a language (VCDM 2.0 section 11.1).
                "@value" | "@language" | "@direction" => {}
                name if name.starts_with('@') || name.contains(':') => {
                    return Err(ContextError::NotCompact(short(name)));
                }
                name => self.check_value(name, value, depth + 1)?,
            }
        }
        Ok(())
    }

    fn check_value(&self, name: &str, value: &Value, depth: usize) -> Result<(), ContextError> {
        match value {
            Value::Null => Err(ContextError::Dropped(short(name))),
            Value::Array(items) if items.is_empty() => Err(ContextError::Dropped(short(name))),
            Value::Array(_) if depth > MAX_DEPTH => Err(ContextError::TooDeep),
            Value::Array(items) => items.iter().try_for_each(|item| self.check_value(name, item, depth + 1)),
            Value::Object(members) => self.check_object(members, depth),
            Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(()),
        }
    }

    fn check_context(&self, context: &Value) -> Result<(), ContextError> {
        match context {
            Value::String(url) if self.has(url) => Ok(()),
            Value::String(url) => Err(ContextError::Unknown(short(url))),
            Value::Array(list) => list.iter().try_for_each(|entry| match entry {
                Value::String(_) => self.check_context(entry),
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
                    Err(ContextError::Inline)
                }
            }),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => Err(ContextError::Inline),
        }
    }
}

impl std::fmt::Debug for Contexts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// Gives pinned contexts to the JSON-LD processor, and nothing else.
impl Loader for Contexts {
    async fn load(&self, url: &Iri) -> LoadingResult {
        let known = self.0.get(url.as_str()).cloned();
        known.ok_or_else(|| LoadError::new(url.to_owned(), ContextError::Unknown(short(url.as_str()))))
    }
}

fn quad(LexicalQuad { 0: subject, 1: predicate, 2: object, 3: graph }: LexicalQuad) -> Quad {
    let id = |id: Id| match id {
        Id::Iri(iri) => Term::Iri(iri.into_string()),
        Id::Blank(name) => Term::Blank(name.as_str().to_owned()),
    };
    let object: Object = object;
    Quad {
        subject: id(subject),
        predicate: predicate.into_string(),
        object: match object {
            RdfTerm::Id(object) => id(object),
            RdfTerm::Literal(literal) => match literal.type_ {
                LiteralType::Any(datatype) => {
                    Term::Literal { value: literal.value, datatype: datatype.into_string(), language: None }
                }
                LiteralType::LangString(language) => Term::Literal {
                    value: literal.value,
                    datatype: "http://www.w3.org/1999/02/22-rdf-syntax-ns#langString".to_owned(),
                    language: Some(language.to_string()),
                },
            },
        },
        graph: graph.map(id),
    }
}

fn short(text: &str) -> String {
    text.chars().take(120).collect()
}
