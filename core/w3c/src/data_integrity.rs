//! Verifiable Credential Data Integrity 1.0: proofs that stand inside the document they sign, with the cryptosuites of
//! VC-DI-ECDSA 1.0 and VC-DI-EDDSA 1.0.
//!
//! A document may carry several proofs: as a set, each over the whole document, or as a chain, where a proof also covers
//! those that it names in `previousProof`. [`verify`] believes all of them or nothing. Signatures go through
//! [`warifu_keys::Signer`]; only the canonical form of the `rdfc` suites comes from elsewhere ([`crate::context`]).
//! Selective disclosure suites are left out: SD-JWT VC and mdoc do that here.

use jiff::Timestamp;
use serde_json::{Map, Value};
use warifu_keys::signer::SignerError;
use warifu_keys::{Algorithm, HashAlgorithm, PublicKey, Signer};

use crate::context::{ContextError, Contexts};
use crate::did::{DidError, Documents, Relationship};
use crate::jcs::{self, JcsError};
use crate::multikey;
use crate::time;

/// Most proofs of one document.
pub const MAX_PROOFS: usize = 16;

/// Why a proof was refused or could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ProofError {
    /// The document carries no proof.
    #[error("the document has no proof")]
    Missing,
    /// More proofs than [`MAX_PROOFS`].
    #[error("the document has {0} proofs, too many")]
    TooMany(usize),
    /// `type` is not `DataIntegrityProof`.
    #[error("the proof's type is not DataIntegrityProof")]
    Type,
    /// `cryptosuite` names none that is implemented.
    #[error("the cryptosuite `{0}` is not supported")]
    Suite(String),
    /// A member is absent or not what Data Integrity 1.0 section 2.1 makes of it.
    #[error("the proof's `{0}` is missing or malformed")]
    Member(&'static str),
    /// The proof was made for another purpose.
    #[error("the proof is for `{found}`, expected {expected}")]
    Purpose {
        /// What this place demands.
        expected: &'static str,
        /// What the proof says.
        found: String,
    },
    /// `created` is ahead of now.
    #[error("the proof was created in the future, at {0}")]
    NotYetCreated(Timestamp),
    /// `expires` has passed.
    #[error("the proof expired at {0}")]
    Expired(Timestamp),
    /// `challenge` is not the one that was asked for.
    #[error("the proof's challenge is not the expected one")]
    Challenge,
    /// `domain` does not name us.
    #[error("the proof's domain is not the expected one")]
    Domain,
    /// `previousProof` names a proof that the document does not carry.
    #[error("the previous proof `{0}` is missing")]
    PreviousProof(String),
    /// The proof's `@context` is not where the document's begins (VC-DI-ECDSA 1.0 section 3.3.2).
    #[error("the proof's context is not the document's")]
    Context,
    /// The verification method can not be used.
    #[error(transparent)]
    Method(#[from] DidError),
    /// The key does not belong to the cryptosuite.
    #[error("a key for {key} does not serve {suite}")]
    KeyType {
        /// Algorithm of the key.
        key: Algorithm,
        /// Name of the suite.
        suite: &'static str,
    },
    /// The document can not be canonicalised as RDF.
    #[error(transparent)]
    Rdf(#[from] ContextError),
    /// The document can not be canonicalised as JSON.
    #[error(transparent)]
    Jcs(#[from] JcsError),
    /// The signature does not belong to document, proof and key.
    #[error("the proof's signature is wrong")]
    Signature,
    /// The private key could not be used.
    #[error(transparent)]
    Signer(#[from] SignerError),
}

/// How a document becomes bytes, and which keys sign them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cryptosuite {
    /// RDF canonicalisation, ECDSA on P-256 or P-384.
    EcdsaRdfc2019,
    /// JSON canonicalisation, ECDSA on P-256 or P-384.
    EcdsaJcs2019,
    /// RDF canonicalisation, Ed25519.
    EddsaRdfc2022,
    /// JSON canonicalisation, Ed25519.
    EddsaJcs2022,
}

impl Cryptosuite {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::EcdsaRdfc2019, Self::EcdsaJcs2019, Self::EddsaRdfc2022, Self::EddsaJcs2022];

    /// The name in `cryptosuite`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::EcdsaRdfc2019 => "ecdsa-rdfc-2019",
            Self::EcdsaJcs2019 => "ecdsa-jcs-2019",
            Self::EddsaRdfc2022 => "eddsa-rdfc-2022",
            Self::EddsaJcs2022 => "eddsa-jcs-2022",
        }
    }

    /// The suite of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|suite| suite.name() == name)
    }

    /// The suite that canonicalises JSON for keys of this algorithm; `None` for P-521, which no suite uses.
    #[must_use]
    pub fn jcs_for(algorithm: Algorithm) -> Option<Self> {
        match algorithm {
            Algorithm::Es256 | Algorithm::Es384 => Some(Self::EcdsaJcs2019),
            Algorithm::EdDsa => Some(Self::EddsaJcs2022),
            Algorithm::Es512 => None,
        }
    }

    /// The hash for keys of this algorithm (VC-DI-ECDSA 1.0 section 3, VC-DI-EDDSA 1.0 section 3).
    fn hash(self, algorithm: Algorithm) -> Result<HashAlgorithm, ProofError> {
        match (self, algorithm) {
            (Self::EcdsaRdfc2019 | Self::EcdsaJcs2019, Algorithm::Es256)
            | (Self::EddsaRdfc2022 | Self::EddsaJcs2022, Algorithm::EdDsa) => Ok(HashAlgorithm::Sha256),
            (Self::EcdsaRdfc2019 | Self::EcdsaJcs2019, Algorithm::Es384) => Ok(HashAlgorithm::Sha384),
            (
                Self::EcdsaRdfc2019 | Self::EcdsaJcs2019 | Self::EddsaRdfc2022 | Self::EddsaJcs2022,
                Algorithm::Es256 | Algorithm::Es384 | Algorithm::Es512 | Algorithm::EdDsa,
            ) => Err(ProofError::KeyType { key: algorithm, suite: self.name() }),
        }
    }

    fn is_rdfc(self) -> bool {
        match self {
            Self::EcdsaRdfc2019 | Self::EddsaRdfc2022 => true,
            Self::EcdsaJcs2019 | Self::EddsaJcs2022 => false,
        }
    }

    /// The canonical text of a document or of a proof's configuration, as this suite hashes it for keys of `algorithm`.
    pub fn canonical(
        self,
        document: &Map<String, Value>,
        algorithm: Algorithm,
        contexts: &Contexts,
    ) -> Result<String, ProofError> {
        let hash = self.hash(algorithm)?;
        if self.is_rdfc() { Ok(contexts.canonical(document, hash)?) } else { Ok(jcs::canonical_object(document)?) }
    }

    /// What is signed: the hash of the proof's configuration, then that of the document (VC-DI-ECDSA 1.0 section 3.2.4).
    pub fn hash_data(
        self,
        document: &Map<String, Value>,
        configuration: &Map<String, Value>,
        algorithm: Algorithm,
        contexts: &Contexts,
    ) -> Result<Vec<u8>, ProofError> {
        let hash = self.hash(algorithm)?;
        let mut data = hash.digest(self.canonical(configuration, algorithm, contexts)?.as_bytes());
        data.extend(hash.digest(self.canonical(document, algorithm, contexts)?.as_bytes()));
        Ok(data)
    }
}

/// What a new proof says.
#[derive(Debug, Clone)]
pub struct Options {
    /// How the document becomes bytes.
    pub suite: Cryptosuite,
    /// The signer's verification method, a DID URL.
    pub verification_method: String,
    /// What the proof is for.
    pub purpose: Relationship,
    /// When it was made, written in whole seconds; may be left out.
    pub created: Option<Timestamp>,
    /// Until when it holds.
    pub expires: Option<Timestamp>,
    /// The verifier's challenge.
    pub challenge: Option<String>,
    /// Whom it is made for.
    pub domain: Option<String>,
    /// The proof's own identifier, so that a later one can name it.
    pub id: Option<String>,
    /// Identifiers of earlier proofs that this one covers too.
    pub previous: Vec<String>,
}

impl Options {
    /// A proof of `suite` by `verification_method` for `purpose`, made at `created`.
    #[must_use]
    pub fn new(suite: Cryptosuite, verification_method: &str, purpose: Relationship, created: Timestamp) -> Self {
        Self {
            suite,
            verification_method: verification_method.to_owned(),
            purpose,
            created: Some(created),
            expires: None,
            challenge: None,
            domain: None,
            id: None,
            previous: Vec::new(),
        }
    }

    fn to_members(&self) -> Map<String, Value> {
        let mut members = Map::new();
        let mut put = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                members.insert(name.to_owned(), value);
            }
        };
        let text = |text: &Option<String>| text.as_deref().map(Value::from);
        put("id", text(&self.id));
        put("type", Some("DataIntegrityProof".into()));
        put("cryptosuite", Some(self.suite.name().into()));
        put("created", self.created.map(|at| time::write(at).into()));
        put("expires", self.expires.map(|at| time::write(at).into()));
        put("verificationMethod", Some(self.verification_method.as_str().into()));
        put("proofPurpose", Some(self.purpose.name().into()));
        put("challenge", text(&self.challenge));
        put("domain", text(&self.domain));
        put(
            "previousProof",
            match self.previous.as_slice() {
                [] => None,
                [one] => Some(one.as_str().into()),
                many => Some(many.into()),
            },
        );
        members
    }
}

/// Adds a proof to `document`, beside those that it carries.
pub fn sign(
    document: &Map<String, Value>,
    options: &Options,
    signer: &dyn Signer,
    contexts: &Contexts,
) -> Result<Map<String, Value>, ProofError> {
    let mut proofs = list(document)?;
    let mut unsecured = document.clone();
    unsecured.remove("proof");
    let mut configuration = options.to_members();
    if let Some(context) = unsecured.get("@context") {
        // Part of what is signed, in both families (VC-DI-ECDSA 1.0 sections 3.2.5 and 3.3.1).
        configuration.insert("@context".to_owned(), context.clone());
    }
    let covered = with_previous(unsecured.clone(), &options.previous, &proofs)?;
    let data = options.suite.hash_data(&covered, &configuration, signer.algorithm(), contexts)?;
    let value = multikey::to_base58(&signer.sign(&data)?);
    if options.suite.is_rdfc() {
        configuration.remove("@context");
    }
    configuration.insert("proofValue".to_owned(), value.into());
    proofs.push(configuration);
    let mut secured = unsecured;
    let proof = match proofs.len() {
        1 => proofs.pop().map(Value::Object).unwrap_or_default(),
        _ => Value::Array(proofs.into_iter().map(Value::Object).collect()),
    };
    secured.insert("proof".to_owned(), proof);
    Ok(secured)
}

/// What a proof must say to be believed in a certain place.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    /// What it must be for.
    pub purpose: Relationship,
    /// The challenge it must answer, if one was given out.
    pub challenge: Option<&'a str>,
    /// The name by which it must call us, if we have one.
    pub domain: Option<&'a str>,
    /// The instant of the check.
    pub now: Timestamp,
}

/// Checks every proof of `document` and gives them back, in their order.
pub fn verify(
    document: &Map<String, Value>,
    expected: &Expected<'_>,
    documents: &Documents,
    contexts: &Contexts,
) -> Result<Vec<Proof>, ProofError> {
    let proofs = list(document)?;
    if proofs.is_empty() {
        return Err(ProofError::Missing);
    }
    let mut unsecured = document.clone();
    unsecured.remove("proof");
    let mut verified = Vec::with_capacity(proofs.len());
    for members in &proofs {
        let proof = Proof::parse(members)?;
        proof.check(expected)?;
        let (_, key) = documents.key(&proof.verification_method, expected.purpose)?;
        let covered = with_previous(unsecured.clone(), &proof.previous, &proofs)?;
        proof.verify_signature(&covered, &key, contexts)?;
        verified.push(proof);
    }
    Ok(verified)
}

/// A proof as it stands in a document.
#[derive(Debug, Clone, PartialEq)]
pub struct Proof {
    members: Map<String, Value>,
    suite: Cryptosuite,
    verification_method: String,
    previous: Vec<String>,
    signature: Vec<u8>,
}

impl Proof {
    /// Reads a proof (Data Integrity 1.0 section 2.1).
    pub fn parse(members: &Map<String, Value>) -> Result<Self, ProofError> {
        let text = |name: &'static str| match members.get(name) {
            Some(Value::String(text)) => Ok(text.as_str()),
            Some(_) | None => Err(ProofError::Member(name)),
        };
        if text("type")? != "DataIntegrityProof" {
            return Err(ProofError::Type);
        }
        let suite = text("cryptosuite")?;
        let suite = Cryptosuite::from_name(suite).ok_or_else(|| ProofError::Suite(suite.chars().take(40).collect()))?;
        text("proofPurpose")?;
        let signature = multikey::from_base58(text("proofValue")?).map_err(|_| ProofError::Member("proofValue"))?;
        Ok(Self {
            members: members.clone(),
            suite,
            verification_method: text("verificationMethod")?.to_owned(),
            previous: texts(members, "previousProof")?,
            signature,
        })
    }

    /// The suite.
    #[must_use]
    pub fn suite(&self) -> Cryptosuite {
        self.suite
    }

    /// The verification method, as DID URL.
    #[must_use]
    pub fn verification_method(&self) -> &str {
        &self.verification_method
    }

    /// When the proof says it was made.
    pub fn created(&self) -> Result<Option<Timestamp>, ProofError> {
        self.instant("created")
    }

    fn instant(&self, name: &'static str) -> Result<Option<Timestamp>, ProofError> {
        match self.members.get(name) {
            None => Ok(None),
            Some(value) => value.as_str().and_then(time::parse).map(Some).ok_or(ProofError::Member(name)),
        }
    }

    /// Checks what the proof says about itself; not its signature.
    pub fn check(&self, expected: &Expected<'_>) -> Result<(), ProofError> {
        let purpose = self.members.get("proofPurpose").and_then(Value::as_str).unwrap_or_default();
        if purpose != expected.purpose.name() {
            let found = purpose.chars().take(40).collect();
            return Err(ProofError::Purpose { expected: expected.purpose.name(), found });
        }
        if let Some(created) = self.created()?.filter(|at| time::is_ahead(*at, expected.now)) {
            return Err(ProofError::NotYetCreated(created));
        }
        if let Some(expires) = self.instant("expires")?.filter(|at| *at <= expected.now) {
            return Err(ProofError::Expired(expires));
        }
        if let Some(challenge) = expected.challenge {
            let found = self.members.get("challenge").and_then(Value::as_str).unwrap_or_default();
            if !warifu_keys::equal_in_constant_time(found.as_bytes(), challenge.as_bytes()) {
                return Err(ProofError::Challenge);
            }
        }
        let found = texts(&self.members, "domain")?;
        if expected.domain.is_some_and(|domain| found.iter().all(|found| found != domain)) {
            return Err(ProofError::Domain);
        }
        Ok(())
    }

    /// Checks the signature over `document`, which comes without proofs but those that this one builds on.
    pub fn verify_signature(
        &self,
        document: &Map<String, Value>,
        key: &PublicKey,
        contexts: &Contexts,
    ) -> Result<(), ProofError> {
        let mut document = document.clone();
        let mut configuration = self.members.clone();
        configuration.remove("proofValue");
        let context = document.get("@context").cloned();
        if self.suite.is_rdfc() {
            configuration.remove("@context");
            configuration.extend(context.map(|context| ("@context".to_owned(), context)));
        } else if let Some(own) = configuration.get("@context") {
            // VC-DI-ECDSA 1.0 section 3.3.2: contexts may be appended after signing, and are then not covered.
            if !begins_with(context.as_ref(), own) {
                return Err(ProofError::Context);
            }
            document.insert("@context".to_owned(), own.clone());
        }
        let data = self.suite.hash_data(&document, &configuration, key.algorithm(), contexts)?;
        key.verify(&data, &self.signature).map_err(|_| ProofError::Signature)
    }
}

/// Whether the list `whole` begins with the list `part`; a single value is a list of one.
fn begins_with(whole: Option<&Value>, part: &Value) -> bool {
    let entries = |value: &Value| value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
    whole.is_some_and(|whole| entries(whole).starts_with(&entries(part)))
}

/// The proofs of a document, as a list.
fn list(document: &Map<String, Value>) -> Result<Vec<Map<String, Value>>, ProofError> {
    let object = |value: &Value| value.as_object().cloned().ok_or(ProofError::Member("proof"));
    match document.get("proof") {
        None => Ok(Vec::new()),
        Some(Value::Array(list)) if list.len() > MAX_PROOFS => Err(ProofError::TooMany(list.len())),
        Some(Value::Array(list)) => list.iter().map(object).collect(),
        Some(one) => Ok(vec![object(one)?]),
    }
}

/// `document` with the proofs that `previous` names (Data Integrity 1.0 section 4.3, proof chains).
fn with_previous(
    mut document: Map<String, Value>,
    previous: &[String],
    proofs: &[Map<String, Value>],
) -> Result<Map<String, Value>, ProofError> {
    if previous.is_empty() {
        return Ok(document);
    }
    let named = |proof: &&Map<String, Value>, id: &str| proof.get("id").and_then(Value::as_str) == Some(id);
    for id in previous {
        if !proofs.iter().any(|proof| named(&proof, id)) {
            return Err(ProofError::PreviousProof(id.chars().take(80).collect()));
        }
    }
    let matching = proofs.iter().filter(|proof| previous.iter().any(|id| named(proof, id)));
    document.insert("proof".to_owned(), matching.cloned().map(Value::Object).collect());
    Ok(document)
}

/// A member that is a text or a list of texts.
fn texts(members: &Map<String, Value>, name: &'static str) -> Result<Vec<String>, ProofError> {
    let text = |value: &Value| value.as_str().map(str::to_owned).ok_or(ProofError::Member(name));
    match members.get(name) {
        None => Ok(Vec::new()),
        Some(Value::Array(list)) if list.len() <= MAX_PROOFS => list.iter().map(text).collect(),
        Some(one) => Ok(vec![text(one)?]),
    }
}

#[cfg(test)]
mod tests;
