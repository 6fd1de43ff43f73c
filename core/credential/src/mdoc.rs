//! ISO mdoc: mobile documents of ISO/IEC 18013-5 (second edition, working draft "CD ballot resolution v4").
//!
//! The issuer's half is [`DataElements`] and [`issue`]; the wallet keeps a [`Held`] and presents from it; the verifier
//! starts at [`DeviceResponse`]. Both sides compute the [`SessionTranscript`] of their exchange themselves, so a response
//! made for another verifier or another request does not verify.
//!
//! Digests and signatures are checked over the bytes that came. One encoding of each value is read (definite lengths,
//! preferred serialisation, see [`warifu_keys::cbor`]), so those bytes and the values in them can not drift apart.
//!
//! Left out: proximity (device engagement, session encryption, device requests), the Digital Credentials API protocol of
//! ISO/IEC TS 18013-7 annex C, and the second edition's encrypted and zero-knowledge documents.

use jiff::Timestamp;
use warifu_keys::HashAlgorithm;
use warifu_keys::cbor::CborError;
use warifu_keys::cose::CoseError;
use warifu_keys::jwk::KeyError;
use warifu_keys::x509::X509Error;

use crate::status;

mod device_response;
mod elements;
mod held;
mod issue;
mod issuer_signed;
mod members;
mod mso;
mod session_transcript;

pub use device_response::{DeviceAuth, DeviceResponse, DeviceSigned, Presentation, Session};
pub use elements::DataElements;
pub(crate) use elements::from_json;
pub use held::{DeviceKey, Held};
pub use issue::{Issuance, Validity, issue};
pub use issuer_signed::{Mdoc, Received};
pub use mso::{KeyAuthorizations, Mso};
pub use session_transcript::{Handover, SessionTranscript};

/// `version` of a device response and of a mobile security object.
pub const VERSION: &str = "1.0";
/// Shortest `random` of an item, in bytes (ISO/IEC 18013-5 section 9.1.2.5).
pub const MIN_RANDOM: usize = 16;
/// Most documents in one device response.
pub const MAX_DOCUMENTS: usize = 16;

/// Namespaces whose `issuing_country` is the country of the mdoc's own issuer, which then equals that of the document
/// signer (ISO/IEC 18013-5 section 9.3.1). Elsewhere the element may mean another document, as in the `kyc` profile.
pub const ISSUER_COUNTRY_NAMESPACES: [&str; 3] =
    ["org.iso.18013.5.1", "org.iso.23220.1", warifu_schemas::pid::PROFILE.doctype];

/// Why an mdoc was refused or could not be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Not acceptable CBOR.
    #[error("{part}: {source}")]
    Cbor {
        /// Which of the nested structures.
        part: &'static str,
        /// What was wrong.
        source: CborError,
    },
    /// Not base64url.
    #[error("not base64url")]
    NotBase64url,
    /// A member is missing or of the wrong kind.
    #[error("`{0}` is missing or malformed")]
    Member(&'static str),
    /// A member that the structure does not have, where no signature covers it: `nameSpaces` under a wrong name would
    /// silently withhold everything.
    #[error("unknown member `{0}`")]
    UnknownMember(String),
    /// Another version than [`VERSION`].
    #[error("{part} has version `{found}`")]
    Version {
        /// Which structure.
        part: &'static str,
        /// What it says, shortened.
        found: String,
    },
    /// The device answers with an error (ISO/IEC 18013-5 section 8.3.2.1.2.3).
    #[error("the device answers with status {0}")]
    Status(u64),
    /// There is no document in the response, only errors.
    #[error("there is no document in the response")]
    NoDocument,
    /// There are several documents where one is expected (HAIP 1.0 section 5.3.1).
    #[error("{0} documents where one is expected")]
    SeveralDocuments(usize),
    /// The message with the issuer's signature is malformed or its signature is wrong.
    #[error("issuerAuth: {0}")]
    IssuerAuth(#[source] CoseError),
    /// The issuer's certificate chain was refused.
    #[error("issuer: {0}")]
    Issuer(#[from] X509Error),
    /// The document signer and its authority are of different countries, or the signer names none.
    #[error("the document signer is of country `{signer}`, its authority of `{authority}`")]
    SignerCountry {
        /// Country in the document signer's certificate; empty if there is none.
        signer: String,
        /// Country in the trust anchor's; empty if there is none.
        authority: String,
    },
    /// The digest algorithm is none of SHA-256, SHA-384 and SHA-512.
    #[error("digest algorithm `{0}` is not supported")]
    DigestAlgorithm(String),
    /// The document claims another type than the issuer signed.
    #[error("the document is called `{document}`, the issuer signed `{signed}`")]
    DocType {
        /// In the document.
        document: String,
        /// In the mobile security object.
        signed: String,
    },
    /// Its own instants contradict each other, or it was signed outside of the signer's validity.
    #[error("validityInfo: {0}")]
    ValidityInfo(&'static str),
    /// `signed` lies in the future.
    #[error("signed in the future, at {at}")]
    SignedInFuture {
        /// Its `signed`.
        at: Timestamp,
    },
    /// `validFrom` lies in the future.
    #[error("valid only from {from}")]
    NotYetValid {
        /// Its `validFrom`.
        from: Timestamp,
    },
    /// `validUntil` has passed.
    #[error("expired at {at}")]
    Expired {
        /// Its `validUntil`.
        at: Timestamp,
    },
    /// One element twice.
    #[error("element `{element}` of `{namespace}` was sent twice")]
    DuplicateElement {
        /// Namespace.
        namespace: String,
        /// Element identifier.
        element: String,
    },
    /// One digest identifier for two elements.
    #[error("digest identifier {digest_id} of `{namespace}` was sent twice")]
    DuplicateDigestId {
        /// Namespace.
        namespace: String,
        /// Digest identifier.
        digest_id: u32,
    },
    /// `random` is shorter than [`MIN_RANDOM`].
    #[error("element `{element}` has a random of {length} bytes")]
    ShortRandom {
        /// Element identifier.
        element: String,
        /// Its length.
        length: usize,
    },
    /// The issuer signed no digest of this identifier in this namespace.
    #[error("the issuer signed no digest for element `{element}` of `{namespace}`")]
    NoDigest {
        /// Namespace.
        namespace: String,
        /// Element identifier.
        element: String,
    },
    /// The element is not what the issuer signed.
    #[error("element `{element}` of `{namespace}` is not what the issuer signed")]
    DigestMismatch {
        /// Namespace.
        namespace: String,
        /// Element identifier.
        element: String,
    },
    /// `issuing_country` is not the document signer's.
    #[error("issuing_country is `{found}`, the document signer's country is `{signer}`")]
    IssuingCountry {
        /// In the element.
        found: String,
        /// In the certificate.
        signer: String,
    },
    /// `status` names no list, or is malformed.
    #[error("{0}")]
    StatusReference(#[source] status::Error),
    /// The device key can not be used.
    #[error("device key: {0}")]
    DeviceKey(#[source] KeyError),
    /// The device's signature is malformed or not over this session.
    #[error("device signature: {0}")]
    DeviceSignature(#[source] CoseError),
    /// The device's message authentication code is malformed or not over this session.
    #[error("device MAC: {0}")]
    DeviceMac(#[source] CoseError),
    /// The device answers with a code, and the session has no key to agree on one.
    #[error("the device answers with a MAC, and the session has no reader key")]
    NoReaderKey,
    /// The device signed an element that the issuer did not let its key sign.
    #[error("the device may not sign element `{element}` of `{namespace}`")]
    NotAuthorized {
        /// Namespace.
        namespace: String,
        /// Element identifier.
        element: String,
    },
    /// A chain that does not fit the signer, or names what it may not.
    #[error("the issuer's chain does not fit: {0}")]
    IssuerChain(&'static str),
    /// No element at all, or a value that is no acceptable CBOR.
    #[error("element `{0}` can not be issued")]
    Element(String),
    /// The element is not in the credential.
    #[error("element `{element}` of `{namespace}` is not in the credential")]
    NotHeld {
        /// Namespace.
        namespace: String,
        /// Element identifier.
        element: String,
    },
    /// The key is not the one that the credential is bound to.
    #[error("the device key is not the one the credential is bound to")]
    NotTheDeviceKey,
    /// The private key could not be used.
    #[error("the signing key could not be used: {0}")]
    Signer(String),
}

/// The digest over what goes into `valueDigests`: the item with its tag and head (ISO/IEC 18013-5 section 9.1.2.5).
fn item_digest(hash: HashAlgorithm, item: Vec<u8>) -> Vec<u8> {
    hash.digest(&warifu_keys::cbor::encode(&warifu_keys::cbor::embed(item)))
}

fn shortened(text: &str) -> String {
    text.chars().take(80).collect()
}

#[cfg(test)]
mod tests;
