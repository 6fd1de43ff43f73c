//! The wallet's half: an mdoc with all its elements, and presenting from it.

use std::fmt;

use jiff::Timestamp;
use serde_json::Value as Json;
use warifu_keys::cbor::{self, Value};
use warifu_keys::cose::{self, CoseError, Headers, Payload};
use warifu_keys::jwe::AgreementKey;
use warifu_keys::x509::Certificate;
use warifu_keys::{PublicKey, Signer, base64url};

use super::device_response::{mac_key, response};
use super::issuer_signed::{IssuerSigned, Mdoc, contents};
use super::{DataElements, Error, Mso, SessionTranscript, item_digest, members, shortened};
use crate::authentic::{Contents, Form};
use crate::claim_path::{ClaimPath, PathStep};
use crate::status::StatusReferences;
use crate::{Format, Verified};

/// How the device proves to have its key. One key does one of the two, never both (ISO/IEC 18013-5 section 9.1.3.4).
#[derive(Clone, Copy)]
pub enum DeviceKey<'a> {
    /// By a signature.
    Signs(&'a dyn Signer),
    /// By a code under a key agreed with the verifier's key of the session.
    Agrees {
        /// The device's own key.
        own: &'a AgreementKey,
        /// `EReaderKey`: the verifier's.
        reader: &'a PublicKey,
    },
}

impl DeviceKey<'_> {
    fn public_key(&self) -> PublicKey {
        match self {
            Self::Signs(signer) => signer.public_key(),
            Self::Agrees { own, .. } => own.public_key(),
        }
    }
}

/// An mdoc in the holder's hands, with every element that the issuer gave.
#[derive(Clone)]
pub struct Held {
    mdoc: Mdoc,
    contents: Contents,
}

impl Held {
    /// Keeps a credential that passed every check; `None` if it is of another format.
    #[must_use]
    pub fn keep(verified: Verified) -> Option<Self> {
        match verified.form {
            Form::Mdoc(mdoc) => Some(Self { mdoc: *mdoc, contents: verified.contents }),
            Form::SdJwtVc(_) => None,
        }
    }

    /// Reads back what [`Held::to_bytes`] gave, without looking at the issuer's signature, its chain or the time.
    ///
    /// Only for a wallet that verified the credential before and kept the bytes where nobody else can write.
    pub fn dangerous_reload(bytes: &[u8]) -> Result<Self, Error> {
        let signed = IssuerSigned::from_cbor(members::parse(bytes, "IssuerSigned")?)?;
        let mso = signed.dangerous_mso()?;
        let leaf = signed.chain()?.into_iter().next().ok_or(Error::IssuerChain("it is empty"))?;
        let contents = contents(&signed, &mso, leaf.not_after()?);
        Ok(Self { mdoc: Mdoc { signed, mso }, contents })
    }

    /// The bytes of `IssuerSigned` with all elements, for the wallet's store. They hold personal data in the clear.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        cbor::encode(&self.mdoc.signed.to_cbor())
    }

    /// The elements and the mobile security object.
    #[must_use]
    pub fn mdoc(&self) -> &Mdoc {
        &self.mdoc
    }

    /// All elements as JSON, `{namespace: {element: value}}`.
    #[must_use]
    pub fn claims(&self) -> &Json {
        &self.contents.claims
    }

    /// The format.
    #[must_use]
    pub fn format(&self) -> Format {
        self.contents.format
    }

    /// `docType`.
    #[must_use]
    pub fn doc_type(&self) -> &str {
        &self.mdoc.mso.doc_type
    }

    /// When it was issued: `signed`, blurred by the issuer.
    #[must_use]
    pub fn issued_at(&self) -> Option<Timestamp> {
        self.contents.issued_at
    }

    /// When it ends: `validUntil`, or the end of the signer's certificate where that is earlier.
    #[must_use]
    pub fn expires(&self) -> Option<Timestamp> {
        self.contents.expires
    }

    /// The issuer's certificates, leaf first. They were verified when the credential was received, not now.
    pub fn issuer_chain(&self) -> Result<Vec<Certificate>, Error> {
        self.mdoc.signed.chain()
    }

    /// Where its status is listed.
    #[must_use]
    pub fn status_references(&self) -> Option<&StatusReferences> {
        self.mdoc.mso.status.as_ref()
    }

    /// The key that it is bound to.
    #[must_use]
    pub fn device_key(&self) -> &PublicKey {
        &self.mdoc.mso.device_key
    }

    /// The path of every element, `[namespace, element]` (OpenID4VP 1.0 section 7.2), in the issuer's order.
    #[must_use]
    pub fn available(&self) -> Vec<ClaimPath> {
        let path = |(namespace, element, _): (&str, &str, &Value)| {
            ClaimPath::new(vec![PathStep::Name(namespace.to_owned()), PathStep::Name(element.to_owned())]).ok()
        };
        self.mdoc.elements().filter_map(path).collect()
    }

    /// The digest that the issuer signed for an element, base64url; `None` if the element is not there.
    #[must_use]
    pub fn digest_of(&self, namespace: &str, element: &str) -> Option<String> {
        let (_, item) = self.mdoc.signed.elements().find(|(ns, item)| *ns == namespace && item.element == element)?;
        Some(base64url::encode(&item_digest(self.mdoc.mso.digest_algorithm, item.bytes.clone())))
    }

    /// What a verifier will see if these elements are presented: for the consent screen.
    pub fn reveals(&self, elements: &[(&str, &str)]) -> Result<Json, Error> {
        Ok(self.chosen(elements)?.data_elements().to_json())
    }

    /// A `DeviceResponse` with the chosen elements, each `(namespace, element)`, and what the device itself says,
    /// bound to the session of `transcript` (ISO/IEC 18013-5 section 9.1.3.4 and 9.1.3.5).
    ///
    /// [`Error::NotHeld`] for an element that is not there, [`Error::NotAuthorized`] for a device-signed one that the
    /// issuer does not allow, [`Error::NotTheDeviceKey`] if `key` is not the one the mdoc is bound to.
    pub fn present(
        &self,
        elements: &[(&str, &str)],
        device_elements: &DataElements,
        transcript: &SessionTranscript,
        key: DeviceKey<'_>,
    ) -> Result<Vec<u8>, Error> {
        let signed = self.chosen(elements)?;
        let mso: &Mso = &self.mdoc.mso;
        if key.public_key() != mso.device_key {
            return Err(Error::NotTheDeviceKey);
        }
        mso.key_authorizations.check(device_elements)?;
        let name_spaces = cbor::encode(&device_elements.to_cbor());
        let message = transcript.device_authentication(&mso.doc_type, &name_spaces);
        let auth = match key {
            DeviceKey::Signs(signer) => {
                let signature = cose::sign1(&Headers::default(), Payload::Detached(&message), b"", signer);
                let signature = signature.and_then(|signature| signature.to_value()).map_err(|error| match error {
                    CoseError::Signer(error) => Error::Signer(error),
                    other => Error::DeviceSignature(other),
                })?;
                ("deviceSignature", signature)
            }
            DeviceKey::Agrees { own, reader } => {
                let key = mac_key(own, reader, transcript)?;
                let mac = cose::mac0(Payload::Detached(&message), b"", &key).and_then(|mac| mac.to_value());
                ("deviceMac", mac.map_err(Error::DeviceMac)?)
            }
        };
        Ok(response(&mso.doc_type, &signed, name_spaces, auth))
    }

    /// The issuer's data cut to these elements.
    fn chosen(&self, elements: &[(&str, &str)]) -> Result<IssuerSigned, Error> {
        for (namespace, element) in elements {
            if self.mdoc.element(namespace, element).is_none() {
                return Err(Error::NotHeld { namespace: shortened(namespace), element: shortened(element) });
            }
        }
        let name_spaces = self.mdoc.signed.name_spaces.iter().filter_map(|(namespace, items)| {
            let wanted = |item: &&super::issuer_signed::Item| elements.contains(&(namespace, &item.element));
            let items: Vec<_> = items.iter().filter(wanted).cloned().collect();
            (!items.is_empty()).then(|| (namespace.clone(), items))
        });
        Ok(IssuerSigned { name_spaces: name_spaces.collect(), issuer_auth: self.mdoc.signed.issuer_auth.clone() })
    }
}

/// Shows the type only: elements are personal data.
impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Held({})", self.mdoc.mso.doc_type)
    }
}
