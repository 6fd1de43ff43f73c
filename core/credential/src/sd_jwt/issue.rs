//! The issuer's half: which claims can be withheld, and signing them.

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use warifu_keys::hash::HashAlgorithm;
use warifu_keys::jws::{self, Header};
use warifu_keys::x509::Certificate;
use warifu_keys::{Entropy, PublicKey, Signer, base64url};

use super::disclosure::{is_reserved, write};
use super::{Error, MAX_DEPTH, NEVER_SELECTIVE, TYP, digest};
use crate::claim_path::{ClaimPath, PathStep};
use crate::status::StatusReference;

/// The claims about the subject, and which of them the holder can withhold.
#[derive(Clone, PartialEq)]
pub struct Claims {
    values: Map<String, Value>,
    selective: Selective,
    /// Digests come in multiples of this.
    multiple: u8,
    hash: HashAlgorithm,
}

#[derive(Clone, PartialEq)]
enum Selective {
    Paths(Vec<ClaimPath>),
    Everything,
}

impl Claims {
    /// Claims that are all visible in every presentation, until marked otherwise.
    #[must_use]
    pub fn new(values: Map<String, Value>) -> Self {
        Self { values, selective: Selective::Paths(Vec::new()), multiple: 1, hash: HashAlgorithm::Sha256 }
    }

    /// Makes what `path` leads to selectively disclosable: that member or entry itself, not what is inside. With
    /// [`PathStep::Every`] it stands for each entry of an array. A path that leads nowhere has no effect.
    #[must_use]
    pub fn selective(mut self, path: ClaimPath) -> Self {
        match &mut self.selective {
            Selective::Paths(paths) => paths.push(path),
            Selective::Everything => (),
        }
        self
    }

    /// Makes every member and every array entry at every level selectively disclosable.
    #[must_use]
    pub fn selective_throughout(mut self) -> Self {
        self.selective = Selective::Everything;
        self
    }

    /// Fills every `_sd` array, and every array with selectively disclosable entries, with decoy digests up to a
    /// multiple of `multiple`; 0 and 1 add none (RFC 9901 section 4.2.5).
    ///
    /// The number is fixed by the claims and not drawn, so that copies of one credential are alike in shape and people
    /// with a claim more or less mostly are. In arrays the decoys come last: positions keep their meaning.
    #[must_use]
    pub fn with_decoys(mut self, multiple: u8) -> Self {
        self.multiple = multiple.max(1);
        self
    }

    /// Makes the digests, and later `sd_hash`, with another hash than SHA-256 (`_sd_alg`).
    #[must_use]
    pub fn hashed_with(mut self, hash: HashAlgorithm) -> Self {
        self.hash = hash;
        self
    }

    /// The values, as they will be once everything is disclosed.
    #[must_use]
    pub fn values(&self) -> &Map<String, Value> {
        &self.values
    }

    fn is_selective(&self, path: &[PathStep]) -> bool {
        match &self.selective {
            Selective::Paths(paths) => paths.iter().any(|pattern| pattern.matches(path)),
            Selective::Everything => true,
        }
    }
}

/// The registered claims of an SD-JWT VC: always visible (draft-19 section 2.2.2).
#[derive(Debug, Clone, PartialEq)]
pub struct Registered<'a> {
    /// `vct`: the type identifier.
    pub vct: &'a str,
    /// `iss`; may stay away, as the certificate chain names the issuer.
    pub issuer: Option<&'a str>,
    /// `iat`. Written in whole seconds, blurred by the caller.
    pub issued_at: Option<Timestamp>,
    /// `nbf`.
    pub not_before: Option<Timestamp>,
    /// `exp`.
    pub expires: Option<Timestamp>,
    /// `cnf`: the key that the credential is bound to.
    pub holder_key: Option<&'a PublicKey>,
    /// `status`.
    pub status: Option<&'a StatusReference>,
}

/// The issuer's signing key with its certificates.
#[derive(Clone, Copy)]
pub struct IssuerKey<'a> {
    /// The private key.
    pub signer: &'a dyn Signer,
    /// Its certificate and the intermediate ones above, never the root.
    pub chain: &'a [Certificate],
}

/// Makes an SD-JWT VC in compact form, `<jwt>~<disclosure>~…~` (RFC 9901 section 6.1).
///
/// Fails for claims with reserved names, for registered claims among `claims`, and for a chain that does not fit.
pub fn issue(
    claims: &Claims,
    registered: &Registered<'_>,
    issuer: IssuerKey<'_>,
    entropy: &dyn Entropy,
) -> Result<String, Error> {
    let leaf = issuer.chain.first().ok_or(Error::IssuerChain("it is empty"))?;
    if leaf.public_key()? != issuer.signer.public_key() {
        return Err(Error::IssuerChain("its leaf is not of the signing key"));
    }
    if issuer.chain.iter().any(Certificate::is_self_issued) {
        return Err(Error::IssuerChain("it contains a self-signed certificate"));
    }
    if let Some(name) = claims.values.keys().find(|name| NEVER_SELECTIVE.contains(&name.as_str()) || *name == "iat") {
        return Err(Error::NeverSelective(name.clone()));
    }
    let mut packing = Packing { claims, entropy, disclosures: Vec::new(), path: Vec::new() };
    let mut payload = packing.object(&claims.values)?;
    let disclosures = packing.disclosures;
    if !disclosures.is_empty() {
        payload.insert("_sd_alg".to_owned(), Value::from(claims.hash.sd_jwt_name()));
    }
    for (name, value) in registered.claims() {
        payload.insert(name.to_owned(), value);
    }
    let mut text = jws::sign_claims(Header::typ(TYP).x5c(issuer.chain), &payload, issuer.signer)?;
    text.push('~');
    for disclosure in disclosures {
        text.push_str(&disclosure);
        text.push('~');
    }
    Ok(text)
}

impl Registered<'_> {
    fn claims(&self) -> impl Iterator<Item = (&'static str, Value)> {
        let time = |instant: Option<Timestamp>| instant.map(|instant| Value::from(instant.as_second()));
        [
            ("vct", Some(Value::from(self.vct))),
            ("iss", self.issuer.map(Value::from)),
            ("iat", time(self.issued_at)),
            ("nbf", time(self.not_before)),
            ("exp", time(self.expires)),
            ("cnf", self.holder_key.map(|key| json!({ "jwk": key.to_jwk().to_value() }))),
            ("status", self.status.map(StatusReference::to_status_claim)),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
    }
}

struct Packing<'a> {
    claims: &'a Claims,
    entropy: &'a dyn Entropy,
    disclosures: Vec<String>,
    path: Vec<PathStep>,
}

impl Packing<'_> {
    fn value(&mut self, value: &Value) -> Result<Value, Error> {
        match value {
            Value::Object(map) => self.object(map).map(Value::Object),
            Value::Array(items) => self.array(items).map(Value::Array),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(value.clone()),
        }
    }

    fn object(&mut self, map: &Map<String, Value>) -> Result<Map<String, Value>, Error> {
        let mut packed = Map::new();
        let mut digests = Vec::new();
        for (name, value) in map {
            if is_reserved(name) {
                return Err(Error::ReservedName(name.clone()));
            }
            let (selective, value) = self.below(PathStep::Name(name.clone()), value)?;
            if selective {
                digests.push(self.disclose(Some(name), &value));
            } else {
                packed.insert(name.clone(), value);
            }
        }
        if !digests.is_empty() {
            let decoys = self.decoys(digests.len());
            digests.extend((0..decoys).map(|_| self.decoy()));
            // Sorted digests keep no trace of the order of the claims (RFC 9901 section 4.2.4.1).
            digests.sort_unstable();
            packed.insert("_sd".to_owned(), Value::from(digests));
        }
        Ok(packed)
    }

    fn array(&mut self, items: &[Value]) -> Result<Vec<Value>, Error> {
        let placeholder = |digest: String| json!({ "...": digest });
        let mut packed = Vec::with_capacity(items.len());
        let mut digests = 0;
        for (index, item) in items.iter().enumerate() {
            let (selective, value) = self.below(PathStep::Index(index), item)?;
            digests += usize::from(selective);
            packed.push(if selective { placeholder(self.disclose(None, &value)) } else { value });
        }
        packed.extend((0..self.decoys(digests)).map(|_| placeholder(self.decoy())));
        Ok(packed)
    }

    /// How many decoys go with this many digests.
    fn decoys(&self, digests: usize) -> usize {
        digests.next_multiple_of(usize::from(self.claims.multiple)) - digests
    }

    /// A digest that no disclosure has.
    fn decoy(&self) -> String {
        base64url::encode(&self.claims.hash.digest(&self.entropy.array::<32>()))
    }

    fn below(&mut self, step: PathStep, value: &Value) -> Result<(bool, Value), Error> {
        if self.path.len() >= MAX_DEPTH {
            return Err(Error::TooDeep);
        }
        self.path.push(step);
        let selective = self.claims.is_selective(&self.path);
        let packed = self.value(value);
        self.path.pop();
        Ok((selective, packed?))
    }

    /// Adds a disclosure and gives its digest.
    fn disclose(&mut self, name: Option<&str>, value: &Value) -> String {
        let text = write(self.entropy.array(), name, value);
        let digest = digest(self.claims.hash, &text);
        self.disclosures.push(text);
        digest
    }
}
