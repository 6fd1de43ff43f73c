//! `IssuerSigned`: the elements with their randoms, and the issuer's signature over their digests.

use std::collections::BTreeSet;
use std::fmt;

use jiff::Timestamp;
use warifu_keys::cbor::{self, Value};
use warifu_keys::cose::{CoseError, Sign1};
use warifu_keys::x509::{self, Certificate, Purpose, VerifiedChain};
use warifu_keys::{PublicKey, base64url};

use super::members::{self, Members, by_text, embedded, map};
use super::mso::{Mso, digest_id};
use super::{DataElements, Error, ISSUER_COUNTRY_NAMESPACES, MIN_RANDOM, item_digest, shortened};
use crate::authentic::{Contents, Form};
use crate::sd_jwt::CLOCK_SKEW;
use crate::{Authentic, ChainCache, Format};

/// One element with what its digest is over.
#[derive(Clone, PartialEq)]
pub(super) struct Item {
    pub(super) digest_id: u32,
    pub(super) element: String,
    pub(super) value: Value,
    /// The encoded `IssuerSignedItem`, as it came.
    pub(super) bytes: Vec<u8>,
}

impl Item {
    fn parse(bytes: Vec<u8>) -> Result<Self, Error> {
        let mut item = Members::parse(&bytes, "IssuerSignedItem")?;
        let element = item.text("elementIdentifier")?;
        let random = item.bytes("random")?;
        if random.len() < MIN_RANDOM {
            return Err(Error::ShortRandom { element: shortened(&element), length: random.len() });
        }
        let digest_id = digest_id(&item.required("digestID")?).ok_or(Error::Member("digestID"))?;
        Ok(Self { digest_id, element, value: item.required("elementValue")?, bytes })
    }
}

/// `IssuerSigned` as it came: elements by namespace in the sender's order, and the untouched `issuerAuth`.
#[derive(Clone, PartialEq)]
pub(super) struct IssuerSigned {
    pub(super) name_spaces: Vec<(String, Vec<Item>)>,
    pub(super) issuer_auth: Value,
}

impl IssuerSigned {
    pub(super) fn from_cbor(value: Value) -> Result<Self, Error> {
        let mut signed = Members::of(value, "issuerSigned")?;
        let issuer_auth = signed.required("issuerAuth")?;
        let name_spaces = signed.optional("nameSpaces");
        signed.finish()?;
        let Some(name_spaces) = name_spaces else {
            return Ok(Self { name_spaces: Vec::new(), issuer_auth });
        };
        let items = |items: Value| -> Result<Vec<Item>, Error> {
            let items = items.into_array().map_err(|_| Error::Member("nameSpaces"))?;
            if items.is_empty() {
                return Err(Error::Member("nameSpaces"));
            }
            items.into_iter().map(|item| Item::parse(embedded(item, "IssuerSignedItemBytes")?)).collect()
        };
        let name_spaces = by_text(name_spaces, "nameSpaces")?
            .map(|pair| {
                let (namespace, list) = pair?;
                let list = items(list)?;
                check_unique(&namespace, &list)?;
                Ok((namespace, list))
            })
            .collect::<Result<_, Error>>()?;
        Ok(Self { name_spaces, issuer_auth })
    }

    pub(super) fn to_cbor(&self) -> Value {
        let items = |items: &[Item]| Value::Array(items.iter().map(|item| cbor::embed(item.bytes.clone())).collect());
        let name_spaces: Vec<_> =
            self.name_spaces.iter().map(|(namespace, list)| (namespace.as_str().into(), items(list))).collect();
        if name_spaces.is_empty() {
            return map([("issuerAuth", self.issuer_auth.clone())]);
        }
        map([("nameSpaces", Value::Map(name_spaces)), ("issuerAuth", self.issuer_auth.clone())])
    }

    pub(super) fn elements(&self) -> impl Iterator<Item = (&str, &Item)> {
        self.name_spaces.iter().flat_map(|(namespace, list)| list.iter().map(move |item| (namespace.as_str(), item)))
    }

    pub(super) fn data_elements(&self) -> DataElements {
        self.elements().fold(DataElements::new(), |elements, (namespace, item)| {
            elements.with(namespace, &item.element, item.value.clone())
        })
    }

    /// The bytes of the issuer's signature: no two mdocs have the same.
    pub(super) fn issuer_signature(&self) -> &[u8] {
        let parts = self.issuer_auth.as_array().map(Vec::as_slice).unwrap_or_default();
        parts.last().and_then(Value::as_bytes).map(Vec::as_slice).unwrap_or_default()
    }

    pub(super) fn sign1(&self) -> Result<Sign1, Error> {
        Sign1::from_value(self.issuer_auth.clone()).map_err(Error::IssuerAuth)
    }

    pub(super) fn chain(&self) -> Result<Vec<Certificate>, Error> {
        self.sign1()?.x5chain().map_err(chain_refused)
    }

    /// The issuer-signed payload without a look at the signature.
    pub(super) fn dangerous_mso(&self) -> Result<Mso, Error> {
        let auth = self.sign1()?;
        Mso::parse(auth.dangerous_payload().ok_or(Error::IssuerAuth(CoseError::Detached))?)
    }

    /// Everything that the issuer vouches for.
    pub(super) fn authenticate(
        self,
        doc_type: Option<&str>,
        anchors: &[Certificate],
        now: Timestamp,
    ) -> Result<Authentic, Error> {
        let auth = self.sign1()?;
        let chain = auth.x5chain().map_err(chain_refused)?;
        let issuer = x509::verify_chain(&chain, anchors, Purpose::DocumentSigner, now)?;
        let key = issuer.leaf.public_key()?;
        self.authenticate_by(&auth, issuer, &key, doc_type, now)
    }

    /// As [`IssuerSigned::authenticate`], where the chain need not be verified again if `chains` knows it.
    pub(super) fn authenticate_with(
        self,
        chains: &mut ChainCache,
        doc_type: Option<&str>,
        anchors: &[Certificate],
        now: Timestamp,
    ) -> Result<Authentic, Error> {
        let auth = self.sign1()?;
        let (issuer, key) = chains.verify_cose(&auth, anchors, Purpose::DocumentSigner, now).map_err(chain_refused)?;
        let (issuer, key) = (issuer.clone(), key.clone());
        self.authenticate_by(&auth, issuer, &key, doc_type, now)
    }

    /// Everything after the issuer's chain is known.
    fn authenticate_by(
        self,
        auth: &Sign1,
        issuer: VerifiedChain,
        key: &PublicKey,
        doc_type: Option<&str>,
        now: Timestamp,
    ) -> Result<Authentic, Error> {
        check_country(&issuer)?;
        let mso = Mso::parse(auth.verify(key, b"").map_err(Error::IssuerAuth)?)?;
        if let Some(document) = doc_type.filter(|document| *document != mso.doc_type) {
            return Err(Error::DocType { document: shortened(document), signed: shortened(&mso.doc_type) });
        }
        check_validity(&mso, &issuer.leaf, now)?;
        self.check_digests(&mso)?;
        self.check_issuing_country(&issuer)?;
        let contents = contents(&self, &mso, issuer.leaf.not_after()?);
        Ok(Authentic { contents, issuer, form: Form::Mdoc(Box::new(Mdoc { signed: self, mso })) })
    }

    /// Every element against the digest that the issuer signed, over the bytes that came.
    fn check_digests(&self, mso: &Mso) -> Result<(), Error> {
        for (namespace, item) in self.elements() {
            let named = |error: fn(String, String) -> Error| error(shortened(namespace), shortened(&item.element));
            let digest = mso
                .digest(namespace, item.digest_id)
                .ok_or_else(|| named(|namespace, element| Error::NoDigest { namespace, element }))?;
            if item_digest(mso.digest_algorithm, item.bytes.clone()) != digest {
                return Err(named(|namespace, element| Error::DigestMismatch { namespace, element }));
            }
        }
        Ok(())
    }

    fn check_issuing_country(&self, issuer: &VerifiedChain) -> Result<(), Error> {
        let signer = issuer.leaf.country().unwrap_or_default();
        let mut countries = self.elements().filter(|(namespace, item)| {
            item.element == "issuing_country" && ISSUER_COUNTRY_NAMESPACES.contains(namespace)
        });
        match countries.find(|(_, item)| item.value.as_text() != Some(signer.as_str())) {
            None => Ok(()),
            Some((_, item)) => {
                Err(Error::IssuingCountry { found: shortened(item.value.as_text().unwrap_or_default()), signer })
            }
        }
    }
}

fn chain_refused(error: CoseError) -> Error {
    match error {
        CoseError::Certificate(error) => Error::Issuer(error),
        other => Error::IssuerAuth(other),
    }
}

fn check_unique(namespace: &str, items: &[Item]) -> Result<(), Error> {
    let (mut elements, mut ids) = (BTreeSet::new(), BTreeSet::new());
    for item in items {
        if !elements.insert(item.element.as_str()) {
            let (namespace, element) = (shortened(namespace), shortened(&item.element));
            return Err(Error::DuplicateElement { namespace, element });
        }
        if !ids.insert(item.digest_id) {
            return Err(Error::DuplicateDigestId { namespace: shortened(namespace), digest_id: item.digest_id });
        }
    }
    Ok(())
}

/// Document signer and authority are of one country (ISO/IEC 18013-5 annex B.1.4).
fn check_country(issuer: &VerifiedChain) -> Result<(), Error> {
    let signer = issuer.leaf.country().unwrap_or_default();
    let authority = issuer.anchor.country().unwrap_or_default();
    if signer.is_empty() || signer != authority { Err(Error::SignerCountry { signer, authority }) } else { Ok(()) }
}

/// The instants against each other, the signer's certificate and now (ISO/IEC 18013-5 section 9.1.2.4 and 9.3.1).
fn check_validity(mso: &Mso, signer: &Certificate, now: Timestamp) -> Result<(), Error> {
    if mso.valid_from < mso.signed {
        return Err(Error::ValidityInfo("validFrom lies before signed"));
    }
    if mso.valid_until <= mso.valid_from {
        return Err(Error::ValidityInfo("validUntil does not lie after validFrom"));
    }
    if mso.signed < signer.not_before()? || mso.signed > signer.not_after()? {
        return Err(Error::ValidityInfo("signed outside of the validity of the signer's certificate"));
    }
    let soon = now.saturating_add(CLOCK_SKEW).unwrap_or(Timestamp::MAX);
    if mso.signed > soon {
        return Err(Error::SignedInFuture { at: mso.signed });
    }
    if mso.valid_from > soon {
        return Err(Error::NotYetValid { from: mso.valid_from });
    }
    if now >= mso.valid_until {
        return Err(Error::Expired { at: mso.valid_until });
    }
    Ok(())
}

/// The credential outlives its signer in no case: the chain is verified now, and `expires` is no later than the end of
/// the signer's certificate. A `validUntil` beyond that is no reason to refuse, as annex D of the standard has one.
pub(super) fn contents(signed: &IssuerSigned, mso: &Mso, signer_until: Timestamp) -> Contents {
    Contents {
        format: Format::Mdoc,
        type_identifier: mso.doc_type.clone(),
        claims: signed.data_elements().to_json(),
        issued_at: Some(mso.signed),
        not_before: Some(mso.valid_from),
        expires: Some(mso.valid_until.min(signer_until)),
        status: mso.status.as_ref().and_then(|status| status.status_list.clone()),
        holder_key: Some(mso.device_key.clone()),
        withheld: BTreeSet::new(),
    }
}

/// An mdoc whose issuer data was authenticated: its elements as they are in CBOR, and what the issuer signed beside them.
#[derive(Clone, PartialEq)]
pub struct Mdoc {
    pub(super) signed: IssuerSigned,
    pub(super) mso: Mso,
}

/// Shows the type only: elements are personal data.
impl fmt::Debug for Mdoc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mdoc({})", self.mso.doc_type)
    }
}

impl Mdoc {
    /// The mobile security object.
    #[must_use]
    pub fn mso(&self) -> &Mso {
        &self.mso
    }

    /// The value of an element: dates with their tags, portraits as bytes.
    #[must_use]
    pub fn element(&self, namespace: &str, element: &str) -> Option<&Value> {
        self.elements().find(|(ns, name, _)| (*ns, *name) == (namespace, element)).map(|(_, _, value)| value)
    }

    /// Every element: namespace, identifier, value.
    pub fn elements(&self) -> impl Iterator<Item = (&str, &str, &Value)> {
        self.signed.elements().map(|(namespace, item)| (namespace, item.element.as_str(), &item.value))
    }

    /// Whether the issuer signed this digest, base64url, for an element that is not here.
    pub(crate) fn withholds(&self, digest: &str) -> bool {
        let Ok(digest) = base64url::decode(digest) else { return false };
        let disclosed =
            |namespace: &str, id: u32| self.signed.elements().any(|(ns, item)| ns == namespace && item.digest_id == id);
        self.mso.value_digests.iter().any(|(namespace, digests)| {
            digests.iter().any(|(id, found)| *found == digest && !disclosed(namespace, *id))
        })
    }
}

/// An mdoc as an issuer hands it out: nothing in it may be believed.
pub struct Received {
    signed: IssuerSigned,
}

/// Shows nothing: elements are personal data.
impl fmt::Debug for Received {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Received(..)")
    }
}

impl Received {
    /// Reads the bytes of an `IssuerSigned`.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        Ok(Self { signed: IssuerSigned::from_cbor(members::parse(bytes, "IssuerSigned")?)? })
    }

    /// Reads an `IssuerSigned` in base64url, as the credential endpoint gives it (OpenID4VCI 1.0 appendix A.2.4).
    pub fn from_base64url(text: &str) -> Result<Self, Error> {
        Self::parse(&base64url::decode(text).map_err(|_| Error::NotBase64url)?)
    }

    /// The certificates that the issuer is said to have, leaf first. Nothing about them is checked.
    pub fn issuer_chain(&self) -> Result<Vec<Certificate>, Error> {
        self.signed.chain()
    }

    /// Checks the issuer's chain up to one of `anchors`, the signature, the validity at `now`, and every digest.
    pub fn authenticate(self, anchors: &[Certificate], now: Timestamp) -> Result<Authentic, Error> {
        self.signed.authenticate(None, anchors, now)
    }

    /// As [`Received::authenticate`], where the chain need not be verified again if `chains` knows it.
    pub fn authenticate_with(
        self,
        chains: &mut ChainCache,
        anchors: &[Certificate],
        now: Timestamp,
    ) -> Result<Authentic, Error> {
        self.signed.authenticate_with(chains, None, anchors, now)
    }
}
