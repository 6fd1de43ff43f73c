//! The issuer's half: random identifiers and salts, digests, and the signature.

use std::collections::BTreeMap;

use jiff::Timestamp;
use warifu_keys::cbor::{self, Value};
use warifu_keys::cose::{self, CoseError, Headers, Payload};
use warifu_keys::x509::Certificate;
use warifu_keys::{Entropy, HashAlgorithm, PublicKey};

use super::issuer_signed::{IssuerSigned, Item};
use super::members::map;
use super::mso::Mso;
use super::{DataElements, Error, KeyAuthorizations, item_digest, shortened};
use crate::sd_jwt::IssuerKey;
use crate::status::StatusReferences;

/// When an mdoc is valid. Written in whole seconds, blurred by the caller so that copies of a batch look alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validity {
    /// `signed`.
    pub signed: Timestamp,
    /// `validFrom`, not before `signed`.
    pub valid_from: Timestamp,
    /// `validUntil`, after `validFrom` and within the signer's certificate.
    pub valid_until: Timestamp,
    /// `expectedUpdate`, where the issuer plans one.
    pub expected_update: Option<Timestamp>,
}

/// What an mdoc consists of beside its elements.
#[derive(Debug, Clone, Copy)]
pub struct Issuance<'a> {
    /// `docType`.
    pub doc_type: &'a str,
    /// The key that the holder proved to have.
    pub device_key: &'a PublicKey,
    /// What that key may sign.
    pub key_authorizations: &'a KeyAuthorizations,
    /// When the mdoc is valid.
    pub validity: Validity,
    /// Where its status is listed.
    pub status: Option<&'a StatusReferences>,
}

/// Makes an mdoc: the bytes of `IssuerSigned`, which the credential endpoint gives in base64url (OpenID4VCI 1.0 appendix
/// A.2.4). Digests are SHA-256; digest identifiers are a fresh random order, so that they link no two mdocs.
///
/// Fails for no elements, for instants that contradict each other or reach beyond the signer's certificate, and for a
/// chain that does not fit the signer.
pub fn issue(
    elements: &DataElements,
    issuance: &Issuance<'_>,
    issuer: IssuerKey<'_>,
    entropy: &dyn Entropy,
) -> Result<Vec<u8>, Error> {
    let leaf = check_chain(issuer)?;
    let validity = whole_seconds(issuance.validity);
    check_validity(&validity, leaf)?;
    if elements.is_empty() {
        return Err(Error::Element("(none)".to_owned()));
    }
    let (mut name_spaces, mut value_digests) = (Vec::new(), BTreeMap::new());
    for (namespace, values) in elements.namespaces() {
        let mut digests = BTreeMap::new();
        let mut items = Vec::with_capacity(values.len());
        for ((element, value), digest_id) in values.iter().zip(shuffled(values.len(), entropy)) {
            let bytes = encode_item(digest_id, element, value, entropy)?;
            digests.insert(digest_id, item_digest(HashAlgorithm::Sha256, bytes.clone()));
            items.push(Item { digest_id, element: element.clone(), value: value.clone(), bytes });
        }
        name_spaces.push((namespace.clone(), items));
        value_digests.insert(namespace.clone(), digests);
    }
    let mso = Mso {
        doc_type: issuance.doc_type.to_owned(),
        digest_algorithm: HashAlgorithm::Sha256,
        value_digests,
        device_key: issuance.device_key.clone(),
        key_authorizations: issuance.key_authorizations.clone(),
        signed: validity.signed,
        valid_from: validity.valid_from,
        valid_until: validity.valid_until,
        expected_update: validity.expected_update,
        status: issuance.status.cloned(),
    };
    let payload = mso.to_payload();
    let headers = Headers::default().x5chain(issuer.chain);
    let auth = cose::sign1(&headers, Payload::Attached(&payload), b"", issuer.signer).map_err(signing)?;
    let issuer_auth = auth.to_value().map_err(Error::IssuerAuth)?;
    Ok(cbor::encode(&IssuerSigned { name_spaces, issuer_auth }.to_cbor()))
}

/// An `IssuerSignedItem` with a random of its own, which nobody can guess from the digest.
fn encode_item(digest_id: u32, element: &str, value: &Value, entropy: &dyn Entropy) -> Result<Vec<u8>, Error> {
    let item = cbor::encode(&map([
        ("digestID", Value::from(digest_id)),
        ("random", Value::Bytes(entropy.array::<32>().to_vec())),
        ("elementIdentifier", element.into()),
        ("elementValue", value.clone()),
    ]));
    // A value may hold what our own reader refuses, such as a key twice.
    cbor::parse(&item).map_err(|_| Error::Element(shortened(element)))?;
    Ok(item)
}

/// The numbers below `count` in random order (Fisher and Yates).
fn shuffled(count: usize, entropy: &dyn Entropy) -> Vec<u32> {
    let mut numbers: Vec<u32> = (0..).take(count).collect();
    for last in (1..count).rev() {
        let at = usize::try_from(entropy.below(last as u64 + 1)).unwrap_or(last);
        numbers.swap(last, at);
    }
    numbers
}

fn check_chain(issuer: IssuerKey<'_>) -> Result<&Certificate, Error> {
    let leaf = issuer.chain.first().ok_or(Error::IssuerChain("it is empty"))?;
    if leaf.public_key()? != issuer.signer.public_key() {
        return Err(Error::IssuerChain("its leaf is not of the signing key"));
    }
    // The root stays out of x5chain (ISO/IEC 18013-5 section 9.1.2.4).
    if issuer.chain.iter().any(Certificate::is_self_issued) {
        return Err(Error::IssuerChain("it contains a self-signed certificate"));
    }
    if leaf.country().is_none() {
        return Err(Error::IssuerChain("its leaf names no country"));
    }
    Ok(leaf)
}

fn check_validity(validity: &Validity, leaf: &Certificate) -> Result<(), Error> {
    let Validity { signed, valid_from, valid_until, expected_update: _ } = *validity;
    if valid_from < signed {
        return Err(Error::ValidityInfo("validFrom lies before signed"));
    }
    if valid_until <= valid_from {
        return Err(Error::ValidityInfo("validUntil does not lie after validFrom"));
    }
    if signed < leaf.not_before()? || signed > leaf.not_after()? {
        return Err(Error::ValidityInfo("signed outside of the validity of the signer's certificate"));
    }
    if valid_until > leaf.not_after()? {
        return Err(Error::ValidityInfo("validUntil lies after the end of the signer's certificate"));
    }
    Ok(())
}

fn whole_seconds(validity: Validity) -> Validity {
    let whole = |instant: Timestamp| Timestamp::from_second(instant.as_second()).unwrap_or(instant);
    Validity {
        signed: whole(validity.signed),
        valid_from: whole(validity.valid_from),
        valid_until: whole(validity.valid_until),
        expected_update: validity.expected_update.map(whole),
    }
}

fn signing(error: CoseError) -> Error {
    match error {
        CoseError::Signer(error) => Error::Signer(error),
        other => Error::IssuerAuth(other),
    }
}
