//! X.509 certificates (RFC 5280): reading, path validation with named failures, and making them ([`issue`]).
//!
//! Path validation covers what the profiles of ISO/IEC 18013-5 annex B and HAIP 1.0 use: signatures, names, validity,
//! basic constraints with path length, key usage, extended key usage, unknown critical extensions. Certificate policies,
//! name constraints and revocation lists are not evaluated: a certificate that makes one of them critical is refused.

use std::fmt;

use jiff::Timestamp;
use serde_json::Value;
use x509_cert::der::asn1::ObjectIdentifier;
use x509_cert::der::oid::AssociatedOid;
use x509_cert::der::{Decode as _, DecodePem as _, Encode as _, EncodePem as _};
use x509_cert::ext::pkix::name::{DirectoryString, GeneralName};
use x509_cert::ext::pkix::{
    AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectAltName, SubjectKeyIdentifier,
};

use crate::jwk::{ED25519, KeyError, PublicKey};
use crate::{HashAlgorithm, base64url, sha256, signature};

pub mod issue;
pub mod profile;

/// Longest chain accepted, leaf included, anchor not counted.
pub const MAX_CHAIN: usize = 4;
/// Largest certificate accepted, in DER bytes.
pub const MAX_BYTES: usize = 16 * 1024;

/// `organizationIdentifier` (ETSI EN 319 412-1 section 5.1.4).
const ORGANIZATION_IDENTIFIER: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.97");
/// `ecdsa-with-SHA256` (RFC 5758 section 3.2).
const ECDSA_WITH_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.2");
/// `ecdsa-with-SHA384` (RFC 5758 section 3.2).
const ECDSA_WITH_SHA384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.3");
/// `ecdsa-with-SHA512` (RFC 5758 section 3.2).
const ECDSA_WITH_SHA512: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.4");

/// Why a certificate or a chain was refused. `subject` names the failing certificate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum X509Error {
    /// No certificate where one is demanded.
    #[error("no certificate is given")]
    Missing,
    /// Not DER, or a field that can not be read.
    #[error("the certificate is malformed: {0}")]
    Malformed(String),
    /// More certificates than [`MAX_CHAIN`].
    #[error("a chain of {0} certificates is too long")]
    TooLong(usize),
    /// The key type is not supported.
    #[error("the key of `{subject}` is not supported")]
    Key {
        /// Subject of the failing certificate.
        subject: String,
    },
    /// `now` lies outside the validity.
    #[error("`{subject}` is valid from {from} to {until}, not at {now}")]
    NotValidNow {
        /// Subject of the failing certificate.
        subject: String,
        /// Start of validity.
        from: Timestamp,
        /// End of validity.
        until: Timestamp,
        /// The instant of the check.
        now: Timestamp,
    },
    /// The issuer's signature is wrong.
    #[error("the signature of `{issuer}` under `{subject}` is wrong")]
    BadSignature {
        /// Subject of the failing certificate.
        subject: String,
        /// Subject of the certificate that should have signed it.
        issuer: String,
    },
    /// The signature algorithm is not supported, is not the signer's key's, or differs inside and outside the signed
    /// part.
    #[error("`{subject}` is signed with {algorithm}, which can not be used here")]
    SignatureAlgorithm {
        /// Subject of the failing certificate.
        subject: String,
        /// The object identifier of the algorithm.
        algorithm: String,
    },
    /// The chain does not end at a trust anchor.
    #[error("no trust anchor for issuer `{issuer}`")]
    NoAnchor {
        /// The issuer that no anchor carries.
        issuer: String,
    },
    /// Issuer and subject names do not join.
    #[error("`{subject}` was not issued by `{issuer}`")]
    NameMismatch {
        /// Subject of the failing certificate.
        subject: String,
        /// Subject of the next certificate in the chain.
        issuer: String,
    },
    /// The authority key identifier is not the subject key identifier of the next certificate (RFC 5280 sections 4.2.1.1
    /// and 4.2.1.2): another key of the same name signed it.
    #[error("`{subject}` was issued by another key than that of `{issuer}`")]
    KeyIdentifierMismatch {
        /// Subject of the failing certificate.
        subject: String,
        /// Subject of the next certificate in the chain.
        issuer: String,
    },
    /// A certificate signs others without being a certification authority, or too many stand below it.
    #[error("`{subject}` may not sign this certificate: {why}")]
    NotAnAuthority {
        /// Subject of the failing certificate.
        subject: String,
        /// What is missing.
        why: &'static str,
    },
    /// The leaf is a certification authority or self-signed (HAIP 1.0 section 6.1.1 forbids it).
    #[error("`{subject}` can not be used as an end-entity certificate: {why}")]
    NotAnEndEntity {
        /// Subject of the failing certificate.
        subject: String,
        /// What is wrong.
        why: &'static str,
    },
    /// The leaf is not made for this purpose.
    #[error("`{subject}` is not made for {expected}")]
    WrongPurpose {
        /// Subject of the failing certificate.
        subject: String,
        /// The purpose that was asked for.
        expected: &'static str,
    },
    /// A critical extension that is not understood.
    #[error("`{subject}` has an unknown critical extension {oid}")]
    UnknownCritical {
        /// Subject of the failing certificate.
        subject: String,
        /// The extension.
        oid: String,
    },
}

/// What an end-entity certificate is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// Signs credentials and their status lists (ISO/IEC 18013-5 annex B, document signer).
    DocumentSigner,
    /// Signs authorisation requests of a relying party (ETSI TS 119 411-8 access certificate).
    Access,
    /// Signs trusted lists.
    ListSigner,
    /// Signs wallet attestations.
    WalletProvider,
    /// Signs registration certificates of relying parties (ETSI TS 119 475).
    Registrar,
}

impl Purpose {
    /// The extended key usage that marks the purpose; `None` where the profile names none.
    fn extended_key_usage(self) -> Option<ObjectIdentifier> {
        match self {
            Self::DocumentSigner => Some(ObjectIdentifier::new_unwrap("1.0.18013.5.1.2")),
            Self::Access => Some(ObjectIdentifier::new_unwrap("1.0.18013.5.1.6")),
            Self::ListSigner | Self::WalletProvider | Self::Registrar => None,
        }
    }

    /// The purpose in words.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::DocumentSigner => "signing credentials",
            Self::Access => "signing presentation requests",
            Self::ListSigner => "signing trusted lists",
            Self::WalletProvider => "signing wallet attestations",
            Self::Registrar => "signing registration certificates",
        }
    }
}

/// One certificate: its DER bytes and what they say. Nothing about it is verified until [`verify_chain`].
#[derive(Clone)]
pub struct Certificate {
    der: Vec<u8>,
    parsed: x509_cert::Certificate,
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Certificate({})", self.subject())
    }
}

impl PartialEq for Certificate {
    fn eq(&self, other: &Self) -> bool {
        self.der == other.der
    }
}

impl Eq for Certificate {}

impl Certificate {
    /// Reads a DER certificate of at most [`MAX_BYTES`].
    pub fn from_der(der: &[u8]) -> Result<Self, X509Error> {
        if der.len() > MAX_BYTES {
            return Err(X509Error::Malformed("too large".to_owned()));
        }
        let parsed = x509_cert::Certificate::from_der(der).map_err(malformed)?;
        Ok(Self { der: der.to_vec(), parsed })
    }

    /// Reads a PEM certificate.
    pub fn from_pem(pem: &str) -> Result<Self, X509Error> {
        let parsed = x509_cert::Certificate::from_pem(pem).map_err(malformed)?;
        Self::from_der(&parsed.to_der().map_err(malformed)?)
    }

    /// Reads the members of an `x5c` array (RFC 7515 section 4.1.6), leaf first.
    pub fn from_x5c(list: &[Value]) -> Result<Vec<Self>, X509Error> {
        if list.is_empty() {
            return Err(X509Error::Missing);
        }
        if list.len() > MAX_CHAIN {
            return Err(X509Error::TooLong(list.len()));
        }
        list.iter()
            .map(|item| {
                let text = item.as_str().ok_or_else(|| X509Error::Malformed("x5c".to_owned()))?;
                let der = base64url::decode_standard(text).map_err(|_| X509Error::Malformed("base64".to_owned()))?;
                Self::from_der(&der)
            })
            .collect()
    }

    /// The certificate as PEM.
    pub fn to_pem(&self) -> Result<String, X509Error> {
        self.parsed.to_pem(x509_cert::der::pem::LineEnding::LF).map_err(malformed)
    }

    /// The DER bytes.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The subject's public key.
    pub fn public_key(&self) -> Result<PublicKey, X509Error> {
        let spki = self.parsed.tbs_certificate().subject_public_key_info().to_der().map_err(malformed)?;
        PublicKey::from_spki_der(&spki).map_err(|_: KeyError| X509Error::Key { subject: self.subject() })
    }

    /// The subject's name in RFC 4514 form.
    #[must_use]
    pub fn subject(&self) -> String {
        self.parsed.tbs_certificate().subject().to_string()
    }

    /// The issuer's name in RFC 4514 form.
    #[must_use]
    pub fn issuer(&self) -> String {
        self.parsed.tbs_certificate().issuer().to_string()
    }

    /// The subject's common name.
    #[must_use]
    pub fn common_name(&self) -> Option<String> {
        let name = self.parsed.tbs_certificate().subject().common_name().ok()??;
        Some(name.value().into_owned())
    }

    /// The subject's organisation.
    #[must_use]
    pub fn organization(&self) -> Option<String> {
        let name = self.parsed.tbs_certificate().subject().organization().ok()??;
        Some(name.value().into_owned())
    }

    /// The subject's identifier as an organisation, such as `VATES-…` (ETSI EN 319 412-1 section 5.1.4).
    #[must_use]
    pub fn organization_identifier(&self) -> Option<String> {
        let name =
            self.parsed.tbs_certificate().subject().by_oid::<DirectoryString>(ORGANIZATION_IDENTIFIER).ok()??;
        Some(name.value().into_owned())
    }

    /// The subject's country, ISO 3166-1 alpha-2.
    #[must_use]
    pub fn country(&self) -> Option<String> {
        let name = self.parsed.tbs_certificate().subject().country().ok()??;
        Some(name.as_str().to_owned())
    }

    /// Start of validity.
    pub fn not_before(&self) -> Result<Timestamp, X509Error> {
        instant(self.parsed.tbs_certificate().validity().not_before.to_unix_duration())
    }

    /// End of validity.
    pub fn not_after(&self) -> Result<Timestamp, X509Error> {
        instant(self.parsed.tbs_certificate().validity().not_after.to_unix_duration())
    }

    /// The value of the `x509_hash` client identifier: base64url SHA-256 of the DER bytes (OpenID4VP 1.0 section 5.9.3).
    #[must_use]
    pub fn sha256_base64url(&self) -> String {
        base64url::encode(&sha256(&self.der))
    }

    /// The subject key identifier, or the SHA-256 of the key where the certificate has none.
    #[must_use]
    pub fn key_identifier(&self) -> Vec<u8> {
        self.subject_key_identifier().unwrap_or_else(|| {
            let key = self.parsed.tbs_certificate().subject_public_key_info().to_der().unwrap_or_default();
            sha256(&key).to_vec()
        })
    }

    /// The subject key identifier.
    #[must_use]
    pub fn subject_key_identifier(&self) -> Option<Vec<u8>> {
        Some(self.extension::<SubjectKeyIdentifier>()?.0.as_bytes().to_vec())
    }

    /// The authority key identifier's key identifier.
    #[must_use]
    pub fn authority_key_identifier(&self) -> Option<Vec<u8>> {
        self.extension::<AuthorityKeyIdentifier>()?.key_identifier.map(|id| id.as_bytes().to_vec())
    }

    /// DNS names in the subject alternative name.
    #[must_use]
    pub fn dns_names(&self) -> Vec<String> {
        self.alternative_names(|name| match name {
            GeneralName::DnsName(text) => Some(text.as_str().to_owned()),
            _ => None,
        })
    }

    /// URIs in the subject alternative name.
    #[must_use]
    pub fn uris(&self) -> Vec<String> {
        self.alternative_names(|name| match name {
            GeneralName::UniformResourceIdentifier(text) => Some(text.as_str().to_owned()),
            _ => None,
        })
    }

    /// Whether subject and issuer are the same name.
    #[must_use]
    pub fn is_self_issued(&self) -> bool {
        let tbs = self.parsed.tbs_certificate();
        tbs.subject() == tbs.issuer()
    }

    fn alternative_names(&self, pick: impl Fn(&GeneralName) -> Option<String>) -> Vec<String> {
        self.extension::<SubjectAltName>().map(|names| names.0.iter().filter_map(pick).collect()).unwrap_or_default()
    }

    fn extension<T: for<'a> x509_cert::der::Decode<'a> + AssociatedOid>(&self) -> Option<T> {
        let extensions = self.parsed.tbs_certificate().extensions()?;
        let found = extensions.iter().find(|extension| extension.extn_id == T::OID)?;
        T::from_der(found.extn_value.as_bytes()).ok()
    }

    fn check_now(&self, now: Timestamp) -> Result<(), X509Error> {
        let (from, until) = (self.not_before()?, self.not_after()?);
        if now < from || now > until {
            return Err(X509Error::NotValidNow { subject: self.subject(), from, until, now });
        }
        Ok(())
    }

    fn check_critical(&self) -> Result<(), X509Error> {
        let known = [BasicConstraints::OID, KeyUsage::OID, ExtendedKeyUsage::OID, SubjectAltName::OID];
        for extension in self.parsed.tbs_certificate().extensions().map(Vec::as_slice).unwrap_or_default() {
            if extension.critical && !known.contains(&extension.extn_id) {
                return Err(X509Error::UnknownCritical { subject: self.subject(), oid: extension.extn_id.to_string() });
            }
        }
        Ok(())
    }

    fn check_signed_by(&self, issuer: &Self) -> Result<(), X509Error> {
        if self.parsed.tbs_certificate().issuer() != issuer.parsed.tbs_certificate().subject() {
            return Err(X509Error::NameMismatch { subject: self.subject(), issuer: issuer.subject() });
        }
        if let (Some(named), Some(own)) = (self.authority_key_identifier(), issuer.subject_key_identifier())
            && named != own
        {
            return Err(X509Error::KeyIdentifierMismatch { subject: self.subject(), issuer: issuer.subject() });
        }
        let bad = || X509Error::BadSignature { subject: self.subject(), issuer: issuer.subject() };
        // The received bytes of the signed part, not a re-encoding.
        let signed = issue::signed_part(&self.der).ok_or_else(bad)?;
        let signature = self.parsed.signature().as_bytes().ok_or_else(bad)?;
        let key = issuer.public_key()?;
        let hash = self.signature_hash(&key)?;
        signature::verify_x509(&key, hash, signed, signature).map_err(|_| bad())
    }

    /// The hash that the signature algorithm names, `None` for Ed25519. The algorithm must stand the same inside and
    /// outside the signed part (RFC 5280 section 4.1.1.2), bear no parameters (RFC 5758 section 3.2, RFC 8410 section 3)
    /// and belong to the signer's key.
    fn signature_hash(&self, key: &PublicKey) -> Result<Option<HashAlgorithm>, X509Error> {
        let algorithm = self.parsed.signature_algorithm();
        let refuse =
            || Err(X509Error::SignatureAlgorithm { subject: self.subject(), algorithm: algorithm.oid.to_string() });
        if algorithm != self.parsed.tbs_certificate().signature() || algorithm.parameters.is_some() {
            return refuse();
        }
        match (algorithm.oid, key) {
            (ED25519, PublicKey::Ed25519(_)) => Ok(None),
            (ECDSA_WITH_SHA256, PublicKey::P256(_) | PublicKey::P384(_)) => Ok(Some(HashAlgorithm::Sha256)),
            (ECDSA_WITH_SHA384, PublicKey::P256(_) | PublicKey::P384(_) | PublicKey::P521(_)) => {
                Ok(Some(HashAlgorithm::Sha384))
            }
            (ECDSA_WITH_SHA512, PublicKey::P256(_) | PublicKey::P384(_) | PublicKey::P521(_)) => {
                Ok(Some(HashAlgorithm::Sha512))
            }
            (_, _) => refuse(),
        }
    }

    fn check_authority(&self, below: usize) -> Result<(), X509Error> {
        let refuse = |why| Err(X509Error::NotAnAuthority { subject: self.subject(), why });
        match self.extension::<BasicConstraints>() {
            Some(BasicConstraints { ca: true, path_len_constraint }) => {
                if path_len_constraint.is_some_and(|most| below > usize::from(most)) {
                    return refuse("its path length is exceeded");
                }
            }
            Some(BasicConstraints { ca: false, .. }) | None => return refuse("it is no certification authority"),
        }
        match self.extension::<KeyUsage>() {
            Some(usage) if usage.key_cert_sign() => Ok(()),
            Some(_) | None => refuse("its key may not sign certificates"),
        }
    }
}

/// A chain that was verified up to a trust anchor, at one instant, for one purpose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedChain {
    /// The end-entity certificate.
    pub leaf: Certificate,
    /// The trust anchor that the chain ends at.
    pub anchor: Certificate,
}

/// Verifies `chain` (leaf first, anchor left out) up to one of `anchors` at `now`. Each certificate is signed by the next
/// (RFC 7515 section 4.1.6); a chain in another order is refused by [`X509Error::NameMismatch`].
///
/// An anchor may also be the very leaf certificate, as trusted lists may name end-entity certificates (ETSI TS 119 602
/// annex D to H); then only its validity and purpose are checked.
pub fn verify_chain(
    chain: &[Certificate],
    anchors: &[Certificate],
    purpose: Purpose,
    now: Timestamp,
) -> Result<VerifiedChain, X509Error> {
    let [leaf, above @ ..] = chain else { return Err(X509Error::Missing) };
    if chain.len() > MAX_CHAIN {
        return Err(X509Error::TooLong(chain.len()));
    }
    for certificate in chain {
        certificate.check_now(now)?;
        certificate.check_critical()?;
    }
    check_leaf(leaf, purpose)?;
    if anchors.contains(leaf) {
        return Ok(VerifiedChain { leaf: leaf.clone(), anchor: leaf.clone() });
    }
    for (below, pair) in chain.windows(2).enumerate() {
        if let [certificate, issuer] = pair {
            certificate.check_signed_by(issuer)?;
            issuer.check_authority(below)?;
        }
    }
    let last = above.last().unwrap_or(leaf);
    // Names of anchors are not unique: try every anchor of that name. One with another key is the least telling failure.
    let mut failure = X509Error::NoAnchor { issuer: last.issuer() };
    for anchor in anchors.iter().filter(|anchor| anchor.subject() == last.issuer()) {
        let attempt = last
            .check_signed_by(anchor)
            .and_then(|()| anchor.check_now(now))
            .and_then(|()| anchor.check_authority(above.len()));
        match attempt {
            Ok(()) => return Ok(VerifiedChain { leaf: leaf.clone(), anchor: anchor.clone() }),
            Err(X509Error::KeyIdentifierMismatch { .. }) if !matches!(failure, X509Error::NoAnchor { .. }) => {}
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

fn check_leaf(leaf: &Certificate, purpose: Purpose) -> Result<(), X509Error> {
    let refuse = |why| Err(X509Error::NotAnEndEntity { subject: leaf.subject(), why });
    if leaf.is_self_issued() {
        return refuse("it is self-signed");
    }
    if leaf.extension::<BasicConstraints>().is_some_and(|constraints| constraints.ca) {
        return refuse("it is a certification authority");
    }
    if !leaf.extension::<KeyUsage>().is_some_and(|usage| usage.digital_signature()) {
        return refuse("its key may not make signatures");
    }
    if let Some(oid) = purpose.extended_key_usage()
        && !leaf.extension::<ExtendedKeyUsage>().is_some_and(|usages| usages.0.contains(&oid))
    {
        return Err(X509Error::WrongPurpose { subject: leaf.subject(), expected: purpose.name() });
    }
    Ok(())
}

fn instant(since_epoch: std::time::Duration) -> Result<Timestamp, X509Error> {
    i64::try_from(since_epoch.as_secs())
        .ok()
        .and_then(|seconds| Timestamp::from_second(seconds).ok())
        .ok_or_else(|| X509Error::Malformed("validity".to_owned()))
}

fn malformed(error: x509_cert::der::Error) -> X509Error {
    X509Error::Malformed(error.to_string())
}
