//! The mobile security object: what the issuer signs (ISO/IEC 18013-5 section 9.1.2.4).

use std::collections::BTreeMap;

use jiff::Timestamp;
use warifu_keys::cbor::{self, Value};
use warifu_keys::{HashAlgorithm, PublicKey, cose};

use super::members::{Members, by_text, embedded, map, tdate};
use super::{DataElements, Error, VERSION, shortened};
use crate::status::StatusReferences;

/// Digest identifiers are below this (ISO/IEC 18013-5 section 9.1.2.4).
const DIGEST_IDS: u32 = 1 << 31;

/// Digests by namespace and digest identifier.
pub(super) type ValueDigests = BTreeMap<String, BTreeMap<u32, Vec<u8>>>;

/// A mobile security object.
#[derive(Debug, Clone, PartialEq)]
pub struct Mso {
    /// `docType`.
    pub doc_type: String,
    /// `digestAlgorithm`.
    pub digest_algorithm: HashAlgorithm,
    pub(super) value_digests: ValueDigests,
    /// `deviceKeyInfo.deviceKey`: the key that the mdoc is bound to.
    pub device_key: PublicKey,
    /// `deviceKeyInfo.keyAuthorizations`: what that key may sign.
    pub key_authorizations: KeyAuthorizations,
    /// `validityInfo.signed`.
    pub signed: Timestamp,
    /// `validityInfo.validFrom`.
    pub valid_from: Timestamp,
    /// `validityInfo.validUntil`.
    pub valid_until: Timestamp,
    /// `validityInfo.expectedUpdate`.
    pub expected_update: Option<Timestamp>,
    /// `status`.
    pub status: Option<StatusReferences>,
}

impl Mso {
    /// Reads `MobileSecurityObjectBytes`, the payload of the issuer's signature.
    pub(super) fn parse(payload: &[u8]) -> Result<Self, Error> {
        let bytes =
            embedded(super::members::parse(payload, "MobileSecurityObjectBytes")?, "MobileSecurityObjectBytes")?;
        let mut mso = Members::parse(&bytes, "MobileSecurityObject")?;
        mso.version("MobileSecurityObject")?;
        let digest_algorithm = mso.text("digestAlgorithm")?;
        let digest_algorithm = HashAlgorithm::from_mdoc_name(&digest_algorithm)
            .ok_or_else(|| Error::DigestAlgorithm(shortened(&digest_algorithm)))?;
        let mut device = Members::of(mso.required("deviceKeyInfo")?, "deviceKeyInfo")?;
        let device_key = cose::key_from_value(&device.required("deviceKey")?).map_err(Error::DeviceKey)?;
        let mut validity = Members::of(mso.required("validityInfo")?, "validityInfo")?;
        let status = mso.optional("status").map(|status| StatusReferences::from_cbor(&status));
        Ok(Self {
            doc_type: mso.text("docType")?,
            digest_algorithm,
            value_digests: value_digests(mso.required("valueDigests")?)?,
            device_key,
            key_authorizations: device
                .optional("keyAuthorizations")
                .map(KeyAuthorizations::from_cbor)
                .transpose()?
                .unwrap_or_default(),
            signed: validity.tdate("signed")?,
            valid_from: validity.tdate("validFrom")?,
            valid_until: validity.tdate("validUntil")?,
            expected_update: validity.optional_tdate("expectedUpdate")?,
            status: status.transpose().map_err(Error::StatusReference)?,
        })
    }

    /// `MobileSecurityObjectBytes`.
    pub(super) fn to_payload(&self) -> Vec<u8> {
        let digests = |digests: &BTreeMap<u32, Vec<u8>>| {
            Value::Map(digests.iter().map(|(id, digest)| (Value::from(*id), Value::Bytes(digest.clone()))).collect())
        };
        let value_digests =
            self.value_digests.iter().map(|(namespace, ids)| (namespace.as_str().into(), digests(ids))).collect();
        let mut device = vec![("deviceKey".into(), cose::key_to_value(&self.device_key))];
        if let Some(authorizations) = self.key_authorizations.to_cbor() {
            device.push(("keyAuthorizations".into(), authorizations));
        }
        let mut validity = vec![
            ("signed".into(), tdate(self.signed)),
            ("validFrom".into(), tdate(self.valid_from)),
            ("validUntil".into(), tdate(self.valid_until)),
        ];
        validity.extend(self.expected_update.map(|instant| ("expectedUpdate".into(), tdate(instant))));
        let mso = map([
            ("version", VERSION.into()),
            ("digestAlgorithm", self.digest_algorithm.mdoc_name().into()),
            ("valueDigests", Value::Map(value_digests)),
            ("deviceKeyInfo", Value::Map(device)),
            ("docType", self.doc_type.as_str().into()),
            ("validityInfo", Value::Map(validity)),
        ]);
        let Value::Map(mut mso) = mso else { return Vec::new() };
        mso.extend(self.status.iter().map(|status| ("status".into(), status.to_cbor())));
        cbor::encode(&cbor::embed(cbor::encode(&Value::Map(mso))))
    }

    /// The digest that the issuer signed for an item.
    pub(super) fn digest(&self, namespace: &str, digest_id: u32) -> Option<&[u8]> {
        self.value_digests.get(namespace)?.get(&digest_id).map(Vec::as_slice)
    }
}

/// A digest identifier: a number below 2^31.
pub(super) fn digest_id(value: &Value) -> Option<u32> {
    u32::try_from(value.as_integer()?).ok().filter(|id| *id < DIGEST_IDS)
}

fn value_digests(value: Value) -> Result<ValueDigests, Error> {
    let part = "valueDigests";
    by_text(value, part)?
        .map(|pair| {
            let (namespace, digests) = pair?;
            let digests = digests.into_map().map_err(|_| Error::Member(part))?.into_iter().map(|(id, digest)| {
                let digest = digest.into_bytes().map_err(|_| Error::Member(part))?;
                Ok((digest_id(&id).ok_or(Error::Member(part))?, digest))
            });
            Ok((namespace, digests.collect::<Result<_, Error>>()?))
        })
        .collect()
}

/// `KeyAuthorizations`: which elements the device key may sign (ISO/IEC 18013-5 section 9.1.2.4). By default none.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KeyAuthorizations {
    /// Namespaces with every element in them.
    pub name_spaces: Vec<String>,
    /// Single elements by namespace.
    pub data_elements: BTreeMap<String, Vec<String>>,
}

impl KeyAuthorizations {
    /// Whether the key may sign this element.
    #[must_use]
    pub fn allow(&self, namespace: &str, element: &str) -> bool {
        self.name_spaces.iter().any(|name| name == namespace)
            || self.data_elements.get(namespace).is_some_and(|names| names.iter().any(|name| name == element))
    }

    /// The first of these that the key may not sign.
    pub(super) fn check(&self, elements: &DataElements) -> Result<(), Error> {
        match elements.iter().find(|(namespace, element, _)| !self.allow(namespace, element)) {
            None => Ok(()),
            Some((namespace, element, _)) => {
                Err(Error::NotAuthorized { namespace: shortened(namespace), element: shortened(element) })
            }
        }
    }

    fn from_cbor(value: Value) -> Result<Self, Error> {
        let part = "keyAuthorizations";
        let names = |value: Value| -> Result<Vec<String>, Error> {
            let names = value.into_array().map_err(|_| Error::Member(part))?;
            if names.is_empty() {
                return Err(Error::Member(part));
            }
            names.into_iter().map(|name| name.into_text().map_err(|_| Error::Member(part))).collect()
        };
        let mut members = Members::of(value, part)?;
        let name_spaces = members.optional("nameSpaces").map(names).transpose()?.unwrap_or_default();
        let mut data_elements = BTreeMap::new();
        if let Some(elements) = members.optional("dataElements") {
            for pair in by_text(elements, part)? {
                let (namespace, elements) = pair?;
                data_elements.insert(namespace, names(elements)?);
            }
        }
        Ok(Self { name_spaces, data_elements })
    }

    fn to_cbor(&self) -> Option<Value> {
        let names = |names: &[String]| Value::Array(names.iter().map(|name| name.as_str().into()).collect());
        let mut members = Vec::new();
        if !self.name_spaces.is_empty() {
            members.push(("nameSpaces".into(), names(&self.name_spaces)));
        }
        if !self.data_elements.is_empty() {
            let elements =
                self.data_elements.iter().map(|(namespace, elements)| (namespace.as_str().into(), names(elements)));
            members.push(("dataElements".into(), Value::Map(elements.collect())));
        }
        (!members.is_empty()).then_some(Value::Map(members))
    }
}
