//! The identifier list of ISO/IEC 18013-5 (second edition, section 12.3.6): the identifiers of revoked credentials, signed
//! as a CWT. Who is in the list is revoked.

use std::collections::BTreeSet;

use jiff::Timestamp;
use url::Url;
use warifu_keys::Signer;
use warifu_keys::cbor::{self, Value};
use warifu_keys::x509::Certificate;

use super::cwt::{self, Cwt, aggregation_member, aggregation_uri};
use super::token::{Encoding, ListSigner, TokenClaims, TrustedSigner, Validity};
use super::{Error, Listed, MAX_IDENTIFIER, Status, Wanted};

/// Media type, and protected header 16, of an identifier list token.
pub const IDENTIFIERS_MEDIA_TYPE: &str = "application/identifierlist+cwt";
/// Most identifiers in one list.
pub const MAX_IDENTIFIERS: usize = 200_000;

/// Claim of the identifiers (ISO/IEC 18013-5 second edition, section 12.3.6).
const IDENTIFIER_LIST: i64 = 65530;

/// The identifiers of revoked credentials.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Identifiers(BTreeSet<Vec<u8>>);

impl Identifiers {
    /// No identifiers: nothing is revoked.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an identifier, for good: there is no way to take one out again. [`Error::Identifier`] if it is empty or too
    /// long, [`Error::TooManyIdentifiers`] if the list is full.
    pub fn revoke(&mut self, id: Vec<u8>) -> Result<(), Error> {
        if !(1..=MAX_IDENTIFIER).contains(&id.len()) {
            return Err(Error::Identifier(id.len()));
        }
        if self.0.len() >= MAX_IDENTIFIERS && !self.0.contains(&id) {
            return Err(Error::TooManyIdentifiers);
        }
        self.0.insert(id);
        Ok(())
    }

    /// Whether the credential with this identifier is revoked.
    #[must_use]
    pub fn contains(&self, id: &[u8]) -> bool {
        self.0.contains(id)
    }

    /// How many are revoked.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether none is revoked.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The claim 65530, identifiers in ascending order.
    #[must_use]
    pub fn to_cbor(&self, aggregation_uri: Option<&Url>) -> Value {
        // What stands under an identifier is open to extension; nothing is defined.
        let identifiers = self.0.iter().map(|id| (Value::Bytes(id.clone()), Value::Map(Vec::new()))).collect();
        let mut list = vec![(Value::from("identifiers"), Value::Map(identifiers))];
        list.extend(aggregation_member(aggregation_uri));
        Value::Map(list)
    }

    /// Reads the claim 65530. What stands under an identifier is not looked at, as long as it is a map.
    pub fn from_cbor(list: &Value) -> Result<Self, Error> {
        let found = cbor::member(list, "identifiers").and_then(Value::as_map).ok_or(Error::Claim("identifiers"))?;
        let mut identifiers = Self::new();
        for (id, info) in found {
            let id = id.as_bytes().filter(|_| info.is_map()).ok_or(Error::Claim("identifiers"))?;
            identifiers.revoke(id.clone())?;
        }
        Ok(identifiers)
    }

    /// Signs the list as a CWT: a tagged COSE_Sign1 with the signer's `chain`, leaf first and without the root, in the
    /// protected header.
    pub fn sign(&self, claims: &TokenClaims, chain: &[Certificate], signer: &dyn Signer) -> Result<Vec<u8>, Error> {
        let list = (IDENTIFIER_LIST, self.to_cbor(claims.aggregation_uri.as_ref()));
        cwt::sign(IDENTIFIERS_MEDIA_TYPE, claims, list, chain, signer)
    }
}

/// An identifier list whose signature, subject and validity were checked.
#[derive(Debug, Clone)]
pub struct IdentifierList {
    uri: Url,
    identifiers: Identifiers,
    signer: ListSigner,
    validity: Validity,
    aggregation_uri: Option<Url>,
}

impl IdentifierList {
    /// Checks a fetched list with the rules of [`super::StatusToken::verify`] and those for mobile documents, of which
    /// the ones that concern it are the expiry and the protected chain.
    pub fn verify<'a>(
        token: &[u8],
        uri: &Url,
        signer: impl Into<TrustedSigner<'a>>,
        now: Timestamp,
    ) -> Result<Self, Error> {
        // Each identifier is a key and a map; some more for what may stand in those and around.
        let limits = cbor::Limits { items: 3 * MAX_IDENTIFIERS, ..cbor::LIMITS };
        let cwt = Cwt::verify(token, IDENTIFIERS_MEDIA_TYPE, limits, &signer.into(), now)?;
        let validity = cwt.claims.read()?.check(uri, now)?;
        if validity.expires.is_none() {
            return Err(Error::MdocExpiry);
        }
        if !cwt.protected_chain {
            return Err(Error::MdocChain);
        }
        let list = cwt.claims.get(IDENTIFIER_LIST).ok_or(Error::Claim("identifier_list"))?;
        let aggregation_uri = aggregation_uri(list)?;
        let identifiers = Identifiers::from_cbor(list)?;
        Ok(Self { uri: uri.clone(), identifiers, signer: cwt.signer, validity, aggregation_uri })
    }

    /// The status of the credential with this identifier.
    #[must_use]
    pub fn status(&self, id: &[u8]) -> Status {
        if self.identifiers.contains(id) { Status::Invalid } else { Status::Valid }
    }

    /// Where the list is served.
    #[must_use]
    pub fn uri(&self) -> &Url {
        &self.uri
    }

    /// Who signed it.
    #[must_use]
    pub fn signer(&self) -> &ListSigner {
        &self.signer
    }

    /// `iat`.
    #[must_use]
    pub fn issued_at(&self) -> Timestamp {
        self.validity.issued_at
    }

    /// Last instant at which this copy may be used.
    #[must_use]
    pub fn fresh_until(&self) -> Timestamp {
        self.validity.fresh_until
    }

    /// `aggregation_uri`: where the issuer names all its lists.
    #[must_use]
    pub fn aggregation_uri(&self) -> Option<&Url> {
        self.aggregation_uri.as_ref()
    }
}

impl Listed for IdentifierList {
    fn accept(_: Encoding) -> &'static str {
        IDENTIFIERS_MEDIA_TYPE
    }

    fn check(bytes: &[u8], wanted: &Wanted<'_>, now: Timestamp) -> Result<Self, Error> {
        Self::verify(bytes, wanted.uri, wanted.signer, now)
    }

    fn signer(&self) -> &ListSigner {
        self.signer()
    }

    fn encoding(&self) -> Encoding {
        Encoding::Cwt
    }

    fn fresh_until(&self) -> Timestamp {
        self.fresh_until()
    }

    fn size(&self) -> usize {
        // Some 40 bytes of memory for each beside its own.
        self.identifiers.0.iter().map(|id| id.len() + 40).sum()
    }
}
