//! The certificate profiles of ISO/IEC 18013-5 annex B: one check for each, which gives the first broken rule.
//!
//! A profile says how a certificate is written; whether it is believed is for [`verify_chain`](super::verify_chain). A
//! registry asks here before it admits an issuer, and our own certificates are held to it. Brainpool curves and Ed448,
//! which the profiles allow too, are not supported.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan as _};
use sha1::{Digest as _, Sha1};
use x509_cert::certificate::Version;
use x509_cert::der::asn1::ObjectIdentifier;
use x509_cert::der::oid::AssociatedOid;
use x509_cert::der::{Encode as _, Tag, Tagged as _};
use x509_cert::ext::pkix::name::{DistributionPointName, GeneralName};
use x509_cert::ext::pkix::{
    AuthorityKeyIdentifier, BasicConstraints, CrlDistributionPoints, ExtendedKeyUsage, IssuerAltName, KeyUsage,
    KeyUsages, SubjectKeyIdentifier,
};
use x509_cert::name::Name;

use super::{Certificate, ECDSA_WITH_SHA256, ECDSA_WITH_SHA384, ECDSA_WITH_SHA512, Purpose, X509Error};
use crate::PublicKey;

#[cfg(test)]
mod tests;

/// Longest life of a document signer, in days (annex B.1.4).
pub const DOCUMENT_SIGNER_DAYS: i64 = 457;
/// Longest life of a reader authentication or MSO revocation signer certificate, in days (annexes B.1.7 and B.1.5).
pub const READER_DAYS: i64 = 1187;
/// Longest life of an IACA root, in years (annex B.1.2).
pub const IACA_YEARS: i32 = 20;

/// A serial number has at least 63 random bits and at most 20 octets. Randomness can not be seen; but 63 random bits are
/// shorter than this once in 65,536 certificates, and a counter always is.
const LEAST_SERIAL_BITS: usize = 48;
const MOST_SERIAL_BYTES: usize = 20;

const COUNTRY: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.6");
const STATE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.8");
const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");
/// Name constraints, policy mappings, policy constraints, inhibit any policy, freshest CRL.
const FORBIDDEN: [ObjectIdentifier; 5] = [
    ObjectIdentifier::new_unwrap("2.5.29.30"),
    ObjectIdentifier::new_unwrap("2.5.29.33"),
    ObjectIdentifier::new_unwrap("2.5.29.36"),
    ObjectIdentifier::new_unwrap("2.5.29.54"),
    ObjectIdentifier::new_unwrap("2.5.29.46"),
];

/// The first rule of a profile that a certificate breaks. Extensions have their names of RFC 5280 section 4.2.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProfileError {
    /// Not version 3.
    #[error("the certificate is not of version 3")]
    Version,
    /// The serial number is zero or negative.
    #[error("the serial number is not positive")]
    SerialNotPositive,
    /// The serial number is too short to hold 63 random bits.
    #[error("a serial number of {bits} bits can not hold 63 random ones")]
    SerialTooShort {
        /// Its length in bits.
        bits: usize,
    },
    /// The serial number is longer than 20 octets.
    #[error("a serial number of {bytes} octets is longer than 20")]
    SerialTooLong {
        /// Its length in octets.
        bytes: usize,
    },
    /// Not signed with ECDSA and SHA-256, SHA-384 or SHA-512.
    #[error("signed with {0}, expected ECDSA with SHA-256, SHA-384 or SHA-512")]
    SignatureAlgorithm(String),
    /// The key is of a type that the profile does not allow, or that is not supported.
    #[error("the key is not of a type that the profile allows")]
    Key,
    /// A root whose issuer is another than itself.
    #[error("the root is issued by `{0}`")]
    NotSelfIssued(String),
    /// The issuer's name is not, byte for byte, the subject of the authority.
    #[error("issued by `{found}`, expected `{expected}` byte for byte")]
    Issuer {
        /// The authority's subject.
        expected: String,
        /// The certificate's issuer.
        found: String,
    },
    /// The subject has no country.
    #[error("the subject has no country")]
    CountryMissing,
    /// The country is not two upper-case letters as a PrintableString.
    #[error("the country is not two upper-case letters in a PrintableString")]
    CountryForm,
    /// The country is not that of the authority.
    #[error("the country is `{found}`, expected the authority's `{expected}`")]
    Country {
        /// The authority's country.
        expected: String,
        /// The certificate's country.
        found: String,
    },
    /// The authority names a state or province, and the certificate not the same.
    #[error("the state or province is not that of the authority")]
    State,
    /// The subject has no common name.
    #[error("the subject has no common name")]
    CommonNameMissing,
    /// The certificate ends before it begins.
    #[error("the certificate ends before it begins")]
    ValidityReversed,
    /// The certificate lives longer than the profile allows.
    #[error("valid until {until}, expected {most} at the latest")]
    ValidityTooLong {
        /// End of validity.
        until: Timestamp,
        /// The latest end that the profile allows.
        most: Timestamp,
    },
    /// An extension that the profile demands is missing.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// An extension can not be read, or stands there twice.
    #[error("{0} can not be read")]
    Unreadable(&'static str),
    /// An extension has to be critical and is not.
    #[error("{0} is not critical")]
    NotCritical(&'static str),
    /// An extension is critical that must not be.
    #[error("extension {0} is critical")]
    Critical(String),
    /// An extension that the profile forbids.
    #[error("extension {0} is not allowed")]
    Forbidden(String),
    /// The key may be used for something else than the profile says, or not for what it says.
    #[error("the key usage is not {0}")]
    KeyUsage(&'static str),
    /// A root that is no authority, or may have authorities below it.
    #[error("the basic constraints of a root are those of an authority with path length 0")]
    NotARoot,
    /// An end-entity certificate that may sign certificates.
    #[error("an end-entity certificate is a certification authority")]
    IsAnAuthority,
    /// The subject key identifier is not the SHA-1 of the key.
    #[error("the subject key identifier is not the SHA-1 of the key")]
    SubjectKeyIdentifier,
    /// The authority key identifier is not the authority's subject key identifier.
    #[error("the authority key identifier is not that of the authority")]
    AuthorityKeyIdentifier,
    /// The issuer alternative name has neither a mail address nor a URI.
    #[error("the issuer alternative name has neither a mail address nor a URI")]
    IssuerAltName,
    /// The extended key usage is not the one of the profile.
    #[error("the extended key usage is not {0}")]
    ExtendedKeyUsage(&'static str),
    /// The distribution points name no address.
    #[error("a distribution point of revocation lists names no address")]
    CrlAddress,
    /// A distribution point has reasons or another issuer.
    #[error("a distribution point of revocation lists has reasons or an issuer of its own")]
    CrlIndirect,
    /// A date can not be read.
    #[error(transparent)]
    Date(X509Error),
}

/// An issuing authority of the annex's first kind, the IACA root (annex B.1.2).
pub fn iaca_root(certificate: &Certificate) -> Result<(), ProfileError> {
    let read = Profiled(certificate);
    read.common()?;
    if !matches!(certificate.public_key(), Ok(PublicKey::P256(_) | PublicKey::P384(_) | PublicKey::P521(_))) {
        return Err(ProfileError::Key);
    }
    let tbs = certificate.parsed.tbs_certificate();
    if der(tbs.issuer()) != der(tbs.subject()) {
        return Err(ProfileError::NotSelfIssued(certificate.issuer()));
    }
    read.country()?;
    read.common_name()?;
    let from = certificate.not_before().map_err(ProfileError::Date)?;
    let most = from.to_zoned(TimeZone::UTC).checked_add(IACA_YEARS.years());
    read.validity(most.map_or(Timestamp::MAX, |most| most.timestamp()))?;
    read.key_usage(KeyUsages::KeyCertSign | KeyUsages::CRLSign, "keyCertSign and cRLSign")?;
    let constraints = read.critical::<BasicConstraints>("basicConstraints")?;
    if constraints != (BasicConstraints { ca: true, path_len_constraint: Some(0) }) {
        return Err(ProfileError::NotARoot);
    }
    read.subject_key_identifier()?;
    read.issuer_alternative_name()?;
    read.distribution_points_where_present()
}

/// A document signer below its IACA root (annex B.1.4).
pub fn document_signer(certificate: &Certificate, iaca: &Certificate) -> Result<(), ProfileError> {
    let read = Profiled(certificate);
    read.end_entity(iaca, DOCUMENT_SIGNER_DAYS)?;
    let country = read.country()?;
    if let Some(expected) = iaca.country().filter(|expected| *expected != country) {
        return Err(ProfileError::Country { expected, found: country });
    }
    let state = |certificate: &Certificate| attribute(certificate.parsed.tbs_certificate().subject(), STATE);
    if state(iaca).is_some() && state(iaca) != state(certificate) {
        return Err(ProfileError::State);
    }
    read.issuer_alternative_name()?;
    read.extended_key_usage(Purpose::DocumentSigner, "1.0.18013.5.1.2")?;
    read.distribution_points()
}

/// A certificate for reader authentication below its reader authority (annex B.1.7). Where that authority is an IACA root,
/// the issuer alternative name is demanded too.
pub fn reader_authentication(certificate: &Certificate, authority: &Certificate) -> Result<(), ProfileError> {
    let read = Profiled(certificate);
    read.end_entity(authority, READER_DAYS)?;
    if iaca_root(authority).is_ok() {
        read.issuer_alternative_name()?;
    }
    read.extended_key_usage(Purpose::Access, "1.0.18013.5.1.6")?;
    read.distribution_points()
}

/// A signer of MSO revocation lists below its authority (second edition, annex B). Its extended key usage has no number
/// yet, and one that is there is advised not to be critical.
pub fn mso_revocation_signer(certificate: &Certificate, authority: &Certificate) -> Result<(), ProfileError> {
    let read = Profiled(certificate);
    read.end_entity(authority, READER_DAYS)?;
    read.distribution_points_where_present()
}

/// The rules by their subject.
struct Profiled<'a>(&'a Certificate);

impl Profiled<'_> {
    /// What every profile demands.
    fn common(&self) -> Result<(), ProfileError> {
        let tbs = self.0.parsed.tbs_certificate();
        if tbs.version() != Version::V3 {
            return Err(ProfileError::Version);
        }
        // The DER integer without leading zeros; a set first bit means that it is negative.
        let serial = tbs.serial_number().to_der().unwrap_or_default();
        let serial = serial.get(2..).unwrap_or_default();
        if serial.first().is_none_or(|first| *first >= 0x80) || serial.iter().all(|byte| *byte == 0) {
            return Err(ProfileError::SerialNotPositive);
        }
        if serial.len() > MOST_SERIAL_BYTES {
            return Err(ProfileError::SerialTooLong { bytes: serial.len() });
        }
        let zeros = serial.iter().map_while(|byte| (*byte == 0).then_some(8)).sum::<usize>();
        let first = serial.iter().find(|byte| **byte != 0).map_or(0, |byte| byte.leading_zeros() as usize);
        let bits = serial.len() * 8 - zeros - first;
        if bits < LEAST_SERIAL_BITS {
            return Err(ProfileError::SerialTooShort { bits });
        }
        let algorithm = self.0.parsed.signature_algorithm().oid;
        if ![ECDSA_WITH_SHA256, ECDSA_WITH_SHA384, ECDSA_WITH_SHA512].contains(&algorithm) {
            return Err(ProfileError::SignatureAlgorithm(algorithm.to_string()));
        }
        let allowed = [KeyUsage::OID, BasicConstraints::OID, ExtendedKeyUsage::OID];
        for extension in tbs.extensions().map(Vec::as_slice).unwrap_or_default() {
            if FORBIDDEN.contains(&extension.extn_id) {
                return Err(ProfileError::Forbidden(extension.extn_id.to_string()));
            }
            if extension.critical && !allowed.contains(&extension.extn_id) {
                return Err(ProfileError::Critical(extension.extn_id.to_string()));
            }
        }
        Ok(())
    }

    /// What every profile below an authority demands.
    fn end_entity(&self, authority: &Certificate, days: i64) -> Result<(), ProfileError> {
        self.common()?;
        if self.0.public_key().is_err() {
            return Err(ProfileError::Key);
        }
        let expected = authority.parsed.tbs_certificate().subject();
        if der(self.0.parsed.tbs_certificate().issuer()) != der(expected) {
            return Err(ProfileError::Issuer { expected: authority.subject(), found: self.0.issuer() });
        }
        self.common_name()?;
        let from = self.0.not_before().map_err(ProfileError::Date)?;
        self.validity(from.checked_add(SignedDuration::from_hours(days * 24)).unwrap_or(Timestamp::MAX))?;
        if self.optional::<BasicConstraints>("basicConstraints")?.is_some_and(|(constraints, _)| constraints.ca) {
            return Err(ProfileError::IsAnAuthority);
        }
        self.key_usage(KeyUsages::DigitalSignature, "digitalSignature")?;
        self.subject_key_identifier()?;
        let named = self.present::<AuthorityKeyIdentifier>("authorityKeyIdentifier")?.key_identifier;
        if named.map(|id| id.as_bytes().to_vec()) != authority.subject_key_identifier() {
            return Err(ProfileError::AuthorityKeyIdentifier);
        }
        Ok(())
    }

    fn country(&self) -> Result<String, ProfileError> {
        let subject = self.0.parsed.tbs_certificate().subject();
        let (tag, value) = attribute(subject, COUNTRY).ok_or(ProfileError::CountryMissing)?;
        if tag != Tag::PrintableString || value.len() != 2 || !value.iter().all(u8::is_ascii_uppercase) {
            return Err(ProfileError::CountryForm);
        }
        String::from_utf8(value).map_err(|_| ProfileError::CountryForm)
    }

    fn common_name(&self) -> Result<(), ProfileError> {
        let name = attribute(self.0.parsed.tbs_certificate().subject(), COMMON_NAME);
        name.filter(|(_, value)| !value.is_empty()).map(drop).ok_or(ProfileError::CommonNameMissing)
    }

    fn validity(&self, most: Timestamp) -> Result<(), ProfileError> {
        let from = self.0.not_before().map_err(ProfileError::Date)?;
        let until = self.0.not_after().map_err(ProfileError::Date)?;
        if until < from {
            return Err(ProfileError::ValidityReversed);
        }
        if until > most {
            return Err(ProfileError::ValidityTooLong { until, most });
        }
        Ok(())
    }

    fn key_usage(
        &self,
        usage: impl Into<x509_cert::der::flagset::FlagSet<KeyUsages>>,
        words: &'static str,
    ) -> Result<(), ProfileError> {
        if self.critical::<KeyUsage>("keyUsage")?.0 != usage.into() {
            return Err(ProfileError::KeyUsage(words));
        }
        Ok(())
    }

    fn extended_key_usage(&self, purpose: Purpose, words: &'static str) -> Result<(), ProfileError> {
        let usages = self.critical::<ExtendedKeyUsage>("extKeyUsage")?;
        if !purpose.extended_key_usage().is_some_and(|usage| usages.0.contains(&usage)) {
            return Err(ProfileError::ExtendedKeyUsage(words));
        }
        Ok(())
    }

    /// SHA-1 names the key here and protects nothing.
    fn subject_key_identifier(&self) -> Result<(), ProfileError> {
        let id = self.present::<SubjectKeyIdentifier>("subjectKeyIdentifier")?;
        let key = self.0.parsed.tbs_certificate().subject_public_key_info().subject_public_key.raw_bytes();
        if id.0.as_bytes() != &Sha1::digest(key)[..] {
            return Err(ProfileError::SubjectKeyIdentifier);
        }
        Ok(())
    }

    fn issuer_alternative_name(&self) -> Result<(), ProfileError> {
        let names = self.present::<IssuerAltName>("issuerAltName")?;
        let contact =
            |name: &GeneralName| matches!(name, GeneralName::Rfc822Name(_) | GeneralName::UniformResourceIdentifier(_));
        if names.0.iter().any(contact) { Ok(()) } else { Err(ProfileError::IssuerAltName) }
    }

    fn distribution_points(&self) -> Result<(), ProfileError> {
        self.present::<CrlDistributionPoints>("cRLDistributionPoints")?;
        self.distribution_points_where_present()
    }

    fn distribution_points_where_present(&self) -> Result<(), ProfileError> {
        let Some((points, _)) = self.optional::<CrlDistributionPoints>("cRLDistributionPoints")? else { return Ok(()) };
        if points.0.is_empty() {
            return Err(ProfileError::CrlAddress);
        }
        for point in points.0 {
            if point.reasons.is_some() || point.crl_issuer.is_some() {
                return Err(ProfileError::CrlIndirect);
            }
            let uri = |name: &GeneralName| matches!(name, GeneralName::UniformResourceIdentifier(_));
            match point.distribution_point {
                Some(DistributionPointName::FullName(names)) if names.iter().any(uri) => {}
                Some(DistributionPointName::FullName(_) | DistributionPointName::NameRelativeToCRLIssuer(_)) | None => {
                    return Err(ProfileError::CrlAddress);
                }
            }
        }
        Ok(())
    }

    fn critical<T>(&self, name: &'static str) -> Result<T, ProfileError>
    where
        T: for<'a> x509_cert::der::Decode<'a> + AssociatedOid,
    {
        match self.optional(name)? {
            Some((value, true)) => Ok(value),
            Some((_, false)) => Err(ProfileError::NotCritical(name)),
            None => Err(ProfileError::Missing(name)),
        }
    }

    fn present<T>(&self, name: &'static str) -> Result<T, ProfileError>
    where
        T: for<'a> x509_cert::der::Decode<'a> + AssociatedOid,
    {
        self.optional(name)?.map(|(value, _)| value).ok_or(ProfileError::Missing(name))
    }

    /// The extension and whether it is critical.
    fn optional<T>(&self, name: &'static str) -> Result<Option<(T, bool)>, ProfileError>
    where
        T: for<'a> x509_cert::der::Decode<'a> + AssociatedOid,
    {
        let extensions = self.0.parsed.tbs_certificate().extensions().map(Vec::as_slice).unwrap_or_default();
        let mut found = extensions.iter().filter(|extension| extension.extn_id == T::OID);
        let (Some(extension), None) = (found.next(), found.next()) else {
            return if extensions.iter().any(|extension| extension.extn_id == T::OID) {
                Err(ProfileError::Unreadable(name))
            } else {
                Ok(None)
            };
        };
        let value = T::from_der(extension.extn_value.as_bytes()).map_err(|_| ProfileError::Unreadable(name))?;
        Ok(Some((value, extension.critical)))
    }
}

/// Tag and bytes of the first attribute of this type.
fn attribute(name: &Name, oid: ObjectIdentifier) -> Option<(Tag, Vec<u8>)> {
    let found = name.iter().find(|attribute| attribute.oid == oid)?;
    Some((found.value.tag(), found.value.value().to_vec()))
}

fn der(name: &Name) -> Vec<u8> {
    name.to_der().unwrap_or_default()
}
