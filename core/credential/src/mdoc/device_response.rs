//! `DeviceResponse`: what a device sends to a verifier (ISO/IEC 18013-5 section 8.3.2.1.2.2), and checking it.

use std::fmt;

use jiff::Timestamp;
use serde_json::Value as Json;
use warifu_keys::cbor::{self, Value};
use warifu_keys::cose::{Mac0, MacKey, Sign1};
use warifu_keys::jwe::AgreementKey;
use warifu_keys::x509::Certificate;
use warifu_keys::{PublicKey, base64url, sha256};

use super::issuer_signed::{IssuerSigned, Mdoc};
use super::members::{self, Members, embedded, map};
use super::{DataElements, Error, MAX_DOCUMENTS, SessionTranscript, VERSION};
use crate::{Authentic, ChainCache};

/// `info` of the key derivation for a device MAC (ISO/IEC 18013-5 section 9.1.3.5).
const E_MAC_KEY: &[u8] = b"EMacKey";

/// What the verifier knows of the exchange that a response must belong to.
#[derive(Debug, Clone, Copy)]
pub struct Session<'a> {
    /// The transcript, from the verifier's own knowledge.
    pub transcript: &'a SessionTranscript,
    /// The verifier's key of this session, where the protocol has one and devices may answer with a MAC. OpenID4VP has
    /// none.
    pub reader_key: Option<&'a AgreementKey>,
}

/// A device response that came over the wire: nothing in it may be believed.
#[derive(Debug)]
pub struct DeviceResponse {
    documents: Vec<Presentation>,
}

impl DeviceResponse {
    /// Reads the bytes of a `DeviceResponse` with at least one document.
    ///
    /// [`Error::Status`] if the device reports a failure, [`Error::NoDocument`] if it sends errors only.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let mut response = Members::parse(bytes, "DeviceResponse")?;
        response.version("DeviceResponse")?;
        let status = response.required("status")?;
        match status.as_integer().and_then(|status| u64::try_from(status).ok()) {
            Some(0) => (),
            Some(status) => return Err(Error::Status(status)),
            None => return Err(Error::Member("status")),
        }
        let documents = response.optional("documents").ok_or(Error::NoDocument)?;
        let documents = documents.into_array().map_err(|_| Error::Member("documents"))?;
        if documents.is_empty() || documents.len() > MAX_DOCUMENTS {
            return Err(Error::Member("documents"));
        }
        Ok(Self { documents: documents.into_iter().map(Presentation::from_cbor).collect::<Result<_, _>>()? })
    }

    /// Reads a `DeviceResponse` in base64url, as it stands in a `vp_token` (OpenID4VP 1.0 appendix B.2.5).
    pub fn from_base64url(text: &str) -> Result<Self, Error> {
        Self::parse(&base64url::decode(text).map_err(|_| Error::NotBase64url)?)
    }

    /// The one document of the response: what HAIP 1.0 section 5.3.1 demands. [`Error::SeveralDocuments`] otherwise.
    pub fn only(self) -> Result<Presentation, Error> {
        match <[Presentation; 1]>::try_from(self.documents) {
            Ok([one]) => Ok(one),
            Err(several) => Err(Error::SeveralDocuments(several.len())),
        }
    }

    /// All documents, where the verifier takes several.
    #[must_use]
    pub fn documents(self) -> Vec<Presentation> {
        self.documents
    }
}

/// One document of a device response: nothing in it may be believed.
pub struct Presentation {
    doc_type: String,
    signed: IssuerSigned,
    device: Device,
}

/// `DeviceSigned` as it came.
struct Device {
    /// The encoded `DeviceNameSpaces`.
    name_spaces: Vec<u8>,
    elements: DataElements,
    auth: Proof,
}

enum Proof {
    Signature(Sign1),
    Mac(Mac0),
}

/// Shows nothing: elements are personal data.
impl fmt::Debug for Presentation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Presentation(..)")
    }
}

impl Presentation {
    fn from_cbor(value: Value) -> Result<Self, Error> {
        let mut document = Members::of(value, "documents")?;
        let doc_type = document.text("docType")?;
        let signed = IssuerSigned::from_cbor(document.required("issuerSigned")?)?;
        let mut device = Members::of(document.required("deviceSigned")?, "deviceSigned")?;
        let name_spaces = embedded(device.required("nameSpaces")?, "DeviceNameSpacesBytes")?;
        let elements = members::parse(&name_spaces, "DeviceNameSpaces")?;
        let mut proofs = Members::of(device.required("deviceAuth")?, "deviceAuth")?;
        let auth = match (proofs.optional("deviceSignature"), proofs.optional("deviceMac")) {
            (Some(signature), None) => Proof::Signature(Sign1::from_value(signature).map_err(Error::DeviceSignature)?),
            (None, Some(mac)) => Proof::Mac(Mac0::from_value(mac).map_err(Error::DeviceMac)?),
            (Some(_), Some(_)) | (None, None) => return Err(Error::Member("deviceAuth")),
        };
        proofs.finish()?;
        device.finish()?;
        let elements = DataElements::from_cbor(elements, "DeviceNameSpaces")?;
        Ok(Self { doc_type, signed, device: Device { name_spaces, elements, auth } })
    }

    /// The type that the document claims to be of.
    #[must_use]
    pub fn doc_type(&self) -> &str {
        &self.doc_type
    }

    /// The certificates that the issuer is said to have, leaf first. Nothing about them is checked.
    pub fn issuer_chain(&self) -> Result<Vec<Certificate>, Error> {
        self.signed.chain()
    }

    /// Checks the credential as [`super::Received::authenticate`] does, its type, and that the device it is bound to
    /// answered in this very session (ISO/IEC 18013-5 section 9.3.1 and 9.1.3).
    pub fn authenticate(
        self,
        anchors: &[Certificate],
        now: Timestamp,
        session: &Session<'_>,
    ) -> Result<(Authentic, DeviceSigned), Error> {
        let authentic = self.signed.authenticate(Some(&self.doc_type), anchors, now)?;
        self.device.authenticate(authentic, session)
    }

    /// As [`Presentation::authenticate`], where the chain need not be verified again if `chains` knows it.
    pub fn authenticate_with(
        self,
        chains: &mut ChainCache,
        anchors: &[Certificate],
        now: Timestamp,
        session: &Session<'_>,
    ) -> Result<(Authentic, DeviceSigned), Error> {
        let authentic = self.signed.authenticate_with(chains, Some(&self.doc_type), anchors, now)?;
        self.device.authenticate(authentic, session)
    }
}

impl Device {
    /// Checks that the device which `authentic` is bound to said this in this session, and may.
    fn authenticate(self, authentic: Authentic, session: &Session<'_>) -> Result<(Authentic, DeviceSigned), Error> {
        // What was authenticated here is an mdoc.
        let mdoc = authentic.mdoc().ok_or(Error::Member("issuerAuth"))?;
        let mso = mdoc.mso();
        let message = session.transcript.device_authentication(&mso.doc_type, &self.name_spaces);
        let by = match self.auth {
            Proof::Signature(signature) => {
                signature.verify_detached(&mso.device_key, b"", &message).map_err(Error::DeviceSignature)?;
                DeviceAuth::Signature
            }
            Proof::Mac(mac) => {
                let key = mac_key(session.reader_key.ok_or(Error::NoReaderKey)?, &mso.device_key, session.transcript)?;
                mac.verify_detached(&key, b"", &message).map_err(Error::DeviceMac)?;
                DeviceAuth::Mac
            }
        };
        mso.key_authorizations.check(&self.elements)?;
        let issuer_signature = mdoc.signed.issuer_signature().to_vec();
        Ok((authentic, DeviceSigned { elements: self.elements, by, issuer_signature }))
    }
}

impl Presentation {
    /// Checks the credential only, not who presents it: for somebody who looks at a response made for another.
    pub(crate) fn authenticate_without_device(
        self,
        anchors: &[Certificate],
        now: Timestamp,
    ) -> Result<Authentic, Error> {
        self.signed.authenticate(Some(&self.doc_type), anchors, now)
    }
}

/// How a device proved to have its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DeviceAuth {
    /// By a signature.
    Signature,
    /// By a message authentication code under a key agreed with the verifier.
    Mac,
}

/// What the device said and the issuer let it say, in this session.
#[derive(Debug, Clone, PartialEq)]
pub struct DeviceSigned {
    elements: DataElements,
    by: DeviceAuth,
    issuer_signature: Vec<u8>,
}

impl DeviceSigned {
    /// The elements that the device signed; each is among the issuer's key authorisations.
    #[must_use]
    pub fn elements(&self) -> &DataElements {
        &self.elements
    }

    /// The elements as JSON, `{namespace: {element: value}}`.
    #[must_use]
    pub fn claims(&self) -> Json {
        self.elements.to_json()
    }

    /// How the device proved to have its key.
    #[must_use]
    pub fn by(&self) -> DeviceAuth {
        self.by
    }

    /// Whether the device said this in the same presentation as the credential.
    pub(crate) fn belongs_to(&self, mdoc: &Mdoc) -> bool {
        self.issuer_signature == mdoc.signed.issuer_signature()
    }
}

/// `EMacKey` (ISO/IEC 18013-5 section 9.1.3.5), the same for both sides.
pub(super) fn mac_key(own: &AgreementKey, other: &PublicKey, transcript: &SessionTranscript) -> Result<MacKey, Error> {
    MacKey::agree(own, other, &sha256(&transcript.embedded()), E_MAC_KEY).map_err(Error::DeviceKey)
}

/// A response with one document.
pub(super) fn response(doc_type: &str, signed: &IssuerSigned, name_spaces: Vec<u8>, auth: (&str, Value)) -> Vec<u8> {
    let device = map([("nameSpaces", cbor::embed(name_spaces)), ("deviceAuth", map([auth]))]);
    let document = map([("docType", doc_type.into()), ("issuerSigned", signed.to_cbor()), ("deviceSigned", device)]);
    cbor::encode(&map([
        ("version", VERSION.into()),
        ("documents", Value::Array(vec![document])),
        ("status", Value::from(0)),
    ]))
}
