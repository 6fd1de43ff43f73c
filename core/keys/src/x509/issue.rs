//! Making certificates: a root for the operator and end-entity certificates under it, by the profiles of ISO/IEC 18013-5
//! annex B and ETSI TS 119 411-8.

use std::str::FromStr as _;

use jiff::Timestamp;
use p256::ecdsa::signature::Keypair;
use sha1::{Digest as _, Sha1};
use x509_cert::builder::profile::BuilderProfile;
use x509_cert::builder::{Builder as _, CertificateBuilder};
use x509_cert::certificate::TbsCertificate;
use x509_cert::der::asn1::{BitString, GeneralizedTime, Ia5String, ObjectIdentifier, OctetString, UtcTime};
use x509_cert::der::oid::AssociatedOid;
use x509_cert::der::{DateTime, Decode as _, Document, Encode as _, Header, Reader as _, SliceReader};
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::crl::dp::DistributionPoint;
use x509_cert::ext::pkix::name::{DistributionPointName, GeneralName};
use x509_cert::ext::pkix::{
    AuthorityKeyIdentifier, BasicConstraints, CrlDistributionPoints, ExtendedKeyUsage, IssuerAltName, KeyUsage,
    KeyUsages, SubjectAltName, SubjectKeyIdentifier,
};
use x509_cert::name::Name;
use x509_cert::serial_number::SerialNumber;
use x509_cert::spki::{
    AlgorithmIdentifierOwned, DynSignatureAlgorithmIdentifier, EncodePublicKey, SubjectPublicKeyInfo,
    SubjectPublicKeyInfoRef,
};
use x509_cert::time::{Time, Validity};

use super::{Certificate, ECDSA_WITH_SHA256, ECDSA_WITH_SHA384, ECDSA_WITH_SHA512, Purpose, X509Error, malformed};
use crate::{Algorithm, Entropy, PublicKey, Signer, SigningKey, signature};

/// Who a certificate is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// Common name, shown to people.
    pub common_name: String,
    /// Organisation, when there is one.
    pub organization: Option<String>,
    /// Country, ISO 3166-1 alpha-2 in upper case.
    pub country: String,
}

impl Subject {
    fn name(&self) -> Result<Name, X509Error> {
        let escape = |text: &str| {
            text.chars().fold(String::new(), |mut out, c| {
                if matches!(c, ',' | '+' | '"' | '\\' | '<' | '>' | ';' | '=' | '#') {
                    out.push('\\');
                }
                out.push(c);
                out
            })
        };
        let mut text = format!("CN={}", escape(&self.common_name));
        if let Some(organization) = &self.organization {
            text.push_str(&format!(",O={}", escape(organization)));
        }
        text.push_str(&format!(",C={}", escape(&self.country)));
        Name::from_str(&text).map_err(malformed)
    }
}

/// When a certificate is valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    /// First instant.
    pub from: Timestamp,
    /// Last instant.
    pub until: Timestamp,
}

impl Period {
    /// `days` days from `from`. Document signers may live at most 457 days (ISO/IEC 18013-5 annex B.1.4).
    #[must_use]
    pub fn days(from: Timestamp, days: u16) -> Self {
        let until = from.checked_add(jiff::SignedDuration::from_hours(i64::from(days) * 24)).unwrap_or(Timestamp::MAX);
        Self { from, until }
    }

    fn validity(self) -> Result<Validity, X509Error> {
        Ok(Validity::new(time(self.from)?, time(self.until)?))
    }
}

/// An end-entity certificate to be made.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    /// Whose certificate.
    pub subject: Subject,
    /// The subject's key.
    pub public_key: &'a PublicKey,
    /// When it is valid.
    pub period: Period,
    /// What it is for; sets the extended key usage.
    pub purpose: Purpose,
    /// DNS names for the subject alternative name.
    pub dns_names: Vec<String>,
    /// Contact or identifier URIs for the subject alternative name.
    pub uris: Vec<String>,
}

/// A certification authority: its certificate and the key behind it.
#[derive(Debug, Clone)]
pub struct Authority {
    certificate: Certificate,
    key: SigningKey,
    crl_address: Option<String>,
}

impl Authority {
    /// A self-signed root that may sign end-entity certificates only (path length 0), like an ISO/IEC 18013-5 IACA.
    /// `contact` is a URI for the issuer alternative name.
    pub fn self_signed(
        subject: &Subject,
        key: SigningKey,
        period: Period,
        contact: &str,
        entropy: &dyn Entropy,
    ) -> Result<Self, X509Error> {
        let public_key = key.public_key();
        let name = subject.name()?;
        let extensions = vec![
            extension(
                &SubjectKeyIdentifier(OctetString::new(key_identifier(&public_key)?).map_err(malformed)?),
                false,
            )?,
            extension(&BasicConstraints { ca: true, path_len_constraint: Some(0) }, true)?,
            extension(&KeyUsage(KeyUsages::KeyCertSign | KeyUsages::CRLSign), true)?,
            extension(&IssuerAltName(vec![uri(contact)?]), false)?,
        ];
        let serial = random_serial(entropy)?;
        let (issuer, public_key) = (name.clone(), &public_key);
        let parts = Parts { serial, issuer, subject: name, public_key, period, extensions };
        let certificate = build(parts, &key)?;
        Ok(Self { certificate, key, crl_address: None })
    }

    /// An authority from its stored parts; the key must be the certificate's.
    pub fn from_parts(certificate: Certificate, key: SigningKey) -> Result<Self, X509Error> {
        if certificate.public_key()? != key.public_key() {
            return Err(X509Error::Key { subject: certificate.subject() });
        }
        Ok(Self { certificate, key, crl_address: None })
    }

    /// The authority with an address for its revocation list, which every certificate that it issues from now on names
    /// (RFC 5280 section 4.2.1.13).
    #[must_use]
    pub fn with_crl_address(self, address: &str) -> Self {
        Self { crl_address: Some(address.to_owned()), ..self }
    }

    /// The authority's own certificate: a trust anchor for others.
    #[must_use]
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// The authority's key.
    #[must_use]
    pub fn key(&self) -> &SigningKey {
        &self.key
    }

    /// Issues an end-entity certificate. It takes over the authority's issuer alternative name; those for document
    /// signers and readers keep the profiles of ISO/IEC 18013-5 annex B if the authority has a
    /// [revocation address](Self::with_crl_address) and the period is within the profile's.
    pub fn issue(&self, request: &Request<'_>, entropy: &dyn Entropy) -> Result<Certificate, X509Error> {
        let authority_key = OctetString::new(self.certificate.key_identifier()).map_err(malformed)?;
        let own_key = OctetString::new(key_identifier(request.public_key)?).map_err(malformed)?;
        let mut extensions = vec![
            extension(&SubjectKeyIdentifier(own_key), false)?,
            extension(
                &AuthorityKeyIdentifier {
                    key_identifier: Some(authority_key),
                    authority_cert_issuer: None,
                    authority_cert_serial_number: None,
                },
                false,
            )?,
            extension(&KeyUsage(KeyUsages::DigitalSignature.into()), true)?,
        ];
        if let Some(usage) = request.purpose.extended_key_usage() {
            extensions.push(extension(&ExtendedKeyUsage(vec![usage]), true)?);
        }
        let mut names = Vec::new();
        for dns in &request.dns_names {
            names.push(GeneralName::DnsName(Ia5String::new(dns).map_err(malformed)?));
        }
        for text in &request.uris {
            names.push(uri(text)?);
        }
        if !names.is_empty() {
            extensions.push(extension(&SubjectAltName(names), false)?);
        }
        if let Some(contact) = self.certificate.extension::<IssuerAltName>() {
            extensions.push(extension(&contact, false)?);
        }
        if let Some(address) = &self.crl_address {
            let point = DistributionPoint {
                distribution_point: Some(DistributionPointName::FullName(vec![uri(address)?])),
                reasons: None,
                crl_issuer: None,
            };
            extensions.push(extension(&CrlDistributionPoints(vec![point]), false)?);
        }
        let parts = Parts {
            serial: random_serial(entropy)?,
            issuer: self.certificate.parsed.tbs_certificate().subject().clone(),
            subject: request.subject.name()?,
            public_key: request.public_key,
            period: request.period,
            extensions,
        };
        build(parts, &self.key)
    }
}

/// The bytes of the signed part (`TBSCertificate` with its header) inside a DER certificate, as received.
pub(super) fn signed_part(der: &[u8]) -> Option<&[u8]> {
    let mut outer = SliceReader::new(der).ok()?;
    Header::decode(&mut outer).ok()?;
    let start = usize::try_from(outer.position()).ok()?;
    let inner = Header::decode(&mut outer).ok()?;
    let body = usize::try_from(outer.position()).ok()?;
    let length = usize::try_from(inner.length()).ok()?;
    der.get(start..body.checked_add(length)?)
}

struct Profile {
    issuer: Name,
    subject: Name,
    extensions: Vec<Extension>,
}

impl BuilderProfile for Profile {
    fn get_issuer(&self, _: &Name) -> Name {
        self.issuer.clone()
    }

    fn get_subject(&self) -> Name {
        self.subject.clone()
    }

    fn build_extensions(
        &self,
        _: SubjectPublicKeyInfoRef<'_>,
        _: SubjectPublicKeyInfoRef<'_>,
        _: &TbsCertificate,
    ) -> x509_cert::builder::Result<Vec<Extension>> {
        Ok(self.extensions.clone())
    }
}

/// What is written in a certificate, beside the name of its signature algorithm.
pub(super) struct Parts<'a> {
    pub(super) serial: SerialNumber,
    pub(super) issuer: Name,
    pub(super) subject: Name,
    pub(super) public_key: &'a PublicKey,
    pub(super) period: Period,
    pub(super) extensions: Vec<Extension>,
}

/// 126 random bits, never zero, never negative (RFC 5280 section 4.1.2.2; ISO/IEC 18013-5 asks for at least 63).
fn random_serial(entropy: &dyn Entropy) -> Result<SerialNumber, X509Error> {
    let mut serial = entropy.array::<16>();
    serial[0] = serial[0] & 0x3f | 0x40;
    SerialNumber::new(&serial).map_err(malformed)
}

pub(super) fn build(parts: Parts<'_>, key: &dyn Signer) -> Result<Certificate, X509Error> {
    let Parts { serial, issuer, subject, public_key, period, extensions } = parts;
    let spki = public_key.to_spki_der().map_err(|_| X509Error::Key { subject: subject.to_string() })?;
    let spki = SubjectPublicKeyInfo::from_der(&spki).map_err(malformed)?;
    let profile = Profile { issuer, subject, extensions };
    let signer = CertificateSigner::new(key)?;
    let unsigned = |error: x509_cert::builder::Error| X509Error::Malformed(error.to_string());
    let mut builder = CertificateBuilder::new(profile, serial, period.validity()?, spki).map_err(unsigned)?;
    let signed = builder.finalize(&signer).map_err(unsigned)?;
    let signature = BitString::from_bytes(&signer.sign(&signed)?).map_err(malformed)?;
    let certificate = builder.assemble(signature, &signer).map_err(unsigned)?;
    Certificate::from_der(&certificate.to_der().map_err(malformed)?)
}

/// Our [`Signer`] joint in the shape that the builder asks for, for every curve that an authority may have.
struct CertificateSigner<'a> {
    signer: &'a dyn Signer,
    public_key: PublicKey,
    algorithm: ObjectIdentifier,
}

impl<'a> CertificateSigner<'a> {
    /// An ECDSA authority with the hash of its curve's strength; the profiles of ISO/IEC 18013-5 annex B know no other.
    fn new(signer: &'a dyn Signer) -> Result<Self, X509Error> {
        let algorithm = match signer.algorithm() {
            Algorithm::Es256 => ECDSA_WITH_SHA256,
            Algorithm::Es384 => ECDSA_WITH_SHA384,
            Algorithm::Es512 => ECDSA_WITH_SHA512,
            Algorithm::EdDsa => {
                return Err(X509Error::Key { subject: "certification authorities sign with ECDSA".to_owned() });
            }
        };
        Ok(Self { signer, public_key: signer.public_key(), algorithm })
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, X509Error> {
        let failed = || X509Error::Malformed("the authority's key could not sign".to_owned());
        let fixed = self.signer.sign(message).map_err(|_| failed())?;
        signature::to_x509(&self.public_key, &fixed).map_err(|_| failed())
    }
}

/// A public key in the shape that the builder asks for.
#[derive(Clone)]
struct SignerKey(PublicKey);

impl EncodePublicKey for SignerKey {
    fn to_public_key_der(&self) -> x509_cert::spki::Result<Document> {
        let der = self.0.to_spki_der().map_err(|_| x509_cert::spki::Error::KeyMalformed)?;
        Ok(Document::try_from(der)?)
    }
}

impl Keypair for CertificateSigner<'_> {
    type VerifyingKey = SignerKey;

    fn verifying_key(&self) -> SignerKey {
        SignerKey(self.public_key.clone())
    }
}

impl DynSignatureAlgorithmIdentifier for CertificateSigner<'_> {
    fn signature_algorithm_identifier(&self) -> x509_cert::spki::Result<AlgorithmIdentifierOwned> {
        Ok(AlgorithmIdentifierOwned { oid: self.algorithm, parameters: None })
    }
}

pub(super) fn extension<T: x509_cert::der::Encode + AssociatedOid>(
    value: &T,
    critical: bool,
) -> Result<Extension, X509Error> {
    let extn_id: ObjectIdentifier = T::OID;
    let extn_value = OctetString::new(value.to_der().map_err(malformed)?).map_err(malformed)?;
    Ok(Extension { extn_id, critical, extn_value })
}

/// The SHA-1 of the key (RFC 5280 section 4.2.1.2 method 1), as ISO/IEC 18013-5 annex B has it. It names the key and
/// protects nothing.
fn key_identifier(key: &PublicKey) -> Result<Vec<u8>, X509Error> {
    let spki = key.to_spki_der().map_err(|_| X509Error::Malformed("key".to_owned()))?;
    let info =
        SubjectPublicKeyInfoRef::try_from(spki.as_slice()).map_err(|error| X509Error::Malformed(error.to_string()))?;
    Ok(Sha1::digest(info.subject_public_key.raw_bytes()).to_vec())
}

pub(super) fn uri(text: &str) -> Result<GeneralName, X509Error> {
    Ok(GeneralName::UniformResourceIdentifier(Ia5String::new(text).map_err(malformed)?))
}

/// UTCTime through 2049, GeneralizedTime after (RFC 5280 section 4.1.2.5).
fn time(instant: Timestamp) -> Result<Time, X509Error> {
    let seconds = u64::try_from(instant.as_second()).map_err(|_| X509Error::Malformed("validity".to_owned()))?;
    let moment = DateTime::from_unix_duration(std::time::Duration::from_secs(seconds)).map_err(malformed)?;
    if moment.year() < 2050 {
        Ok(Time::UtcTime(UtcTime::from_date_time(moment).map_err(malformed)?))
    } else {
        Ok(Time::GeneralTime(GeneralizedTime::from_date_time(moment)))
    }
}

#[cfg(test)]
mod tests {
    use std::slice::from_ref;

    use super::*;
    use crate::entropy::Seeded;
    use crate::x509::verify_chain;

    const NOW: &str = "2026-11-23T00:00:00Z";

    fn subject(name: &str) -> Subject {
        Subject { common_name: name.to_owned(), organization: Some("Acme, Inc".to_owned()), country: "UT".to_owned() }
    }

    fn authority(seed: &str) -> Authority {
        authority_with(Algorithm::Es256, seed).unwrap()
    }

    fn authority_with(algorithm: Algorithm, seed: &str) -> Result<Authority, X509Error> {
        let entropy = Seeded::dangerous_new(seed);
        let period = Period::days(NOW.parse().unwrap(), 3000);
        let key = SigningKey::generate(algorithm, &entropy);
        Authority::self_signed(&subject("Root"), key, period, "https://example.org", &entropy)
    }

    /// `organizationIdentifier` is in no certificate that is made here, so this one is put together by hand.
    #[test]
    fn organization_identifier() {
        let authority = authority("root");
        assert_eq!(authority.certificate().organization_identifier(), None);
        let text = "VATES-B12345678";
        let hex: String = text.bytes().map(|byte| format!("{byte:02X}")).collect();
        let subject = Name::from_str(&format!("CN=Shop,2.5.4.97=#0C{:02X}{hex}", text.len())).unwrap();
        let period = Period::days(NOW.parse().unwrap(), 10);
        let (serial, public_key) = (SerialNumber::new(&[1]).unwrap(), &authority.key().public_key());
        let parts = Parts { serial, issuer: subject.clone(), subject, public_key, period, extensions: Vec::new() };
        let certificate = build(parts, authority.key()).unwrap();
        assert_eq!(certificate.organization_identifier().as_deref(), Some(text));
    }

    fn leaf(authority: &Authority, purpose: Purpose) -> Certificate {
        leaf_with(Algorithm::Es256, authority, purpose)
    }

    fn leaf_with(algorithm: Algorithm, authority: &Authority, purpose: Purpose) -> Certificate {
        let entropy = Seeded::dangerous_new("leaf");
        let key = SigningKey::generate(algorithm, &entropy);
        let request = Request {
            subject: subject("Signer"),
            public_key: &key.public_key(),
            period: Period::days(NOW.parse().unwrap(), 400),
            purpose,
            dns_names: vec!["issuer.example".to_owned()],
            uris: vec!["https://issuer.example/contact".to_owned()],
        };
        authority.issue(&request, &entropy).unwrap()
    }

    #[test]
    fn chain_and_fields() {
        let root = authority("a");
        let leaf = leaf(&root, Purpose::DocumentSigner);
        let now = NOW.parse().unwrap();
        let chain = verify_chain(from_ref(&leaf), &[root.certificate().clone()], Purpose::DocumentSigner, now).unwrap();
        assert_eq!(chain.anchor, *root.certificate());
        assert_eq!(leaf.organization().as_deref(), Some("Acme, Inc"));
        assert_eq!(leaf.country().as_deref(), Some("UT"));
        assert_eq!(leaf.common_name().as_deref(), Some("Signer"));
        assert_eq!(leaf.dns_names(), ["issuer.example"]);
        assert_eq!(leaf.uris(), ["https://issuer.example/contact"]);
        assert_eq!(leaf.authority_key_identifier(), Some(root.certificate().key_identifier()));
        assert_eq!(leaf.parsed.tbs_certificate().subject().iter().count(), 3);
        assert_eq!(Certificate::from_pem(&leaf.to_pem().unwrap()).unwrap(), leaf);
    }

    /// Anchors of one name are told apart by their keys, whatever their order, and the failure is that of the right one.
    #[test]
    fn several_anchors_have_one_name() {
        let (root, other) = (authority("a"), authority("b"));
        let leaf = leaf(&root, Purpose::DocumentSigner);
        let mut anchors = [root.certificate().clone(), other.certificate().clone()];
        let verify = |anchors: &[Certificate], now: &str| {
            verify_chain(from_ref(&leaf), anchors, Purpose::DocumentSigner, now.parse().unwrap())
        };
        let expired = {
            let period = Period::days("2026-11-01T00:00:00Z".parse().unwrap(), 1);
            let entropy = Seeded::dangerous_new("a");
            Authority::self_signed(&subject("Root"), root.key().clone(), period, "https://example.org", &entropy)
        };
        let expired = expired.unwrap().certificate().clone();
        for _ in 0..2 {
            assert_eq!(verify(&anchors, NOW).unwrap().anchor, *root.certificate());
            let at = anchors.iter().position(|anchor| anchor == root.certificate()).unwrap();
            let mut late = anchors.clone();
            late[at] = expired.clone();
            assert!(matches!(verify(&late, NOW), Err(X509Error::NotValidNow { .. })));
            anchors.reverse();
        }
    }

    #[test]
    fn every_curve_signs_every_key() {
        let now = NOW.parse().unwrap();
        for authority_algorithm in [Algorithm::Es256, Algorithm::Es384, Algorithm::Es512] {
            let root = authority_with(authority_algorithm, "curves").unwrap();
            for algorithm in Algorithm::ALL {
                let leaf = leaf_with(algorithm, &root, Purpose::DocumentSigner);
                assert_eq!(leaf.public_key().unwrap().algorithm(), algorithm);
                verify_chain(&[leaf], &[root.certificate().clone()], Purpose::DocumentSigner, now).unwrap();
            }
        }
        assert!(matches!(authority_with(Algorithm::EdDsa, "curves"), Err(X509Error::Key { .. })));
    }

    #[test]
    fn refuses_by_name() {
        let (root, other) = (authority("a"), authority("b"));
        let good = leaf(&root, Purpose::DocumentSigner);
        let now: Timestamp = NOW.parse().unwrap();
        let later: Timestamp = "2030-01-01T00:00:00Z".parse().unwrap();
        let anchors = [root.certificate().clone()];
        let check = |chain: &[Certificate], anchors: &[Certificate], purpose, now| {
            verify_chain(chain, anchors, purpose, now).unwrap_err()
        };
        assert!(matches!(
            check(from_ref(&good), &anchors, Purpose::DocumentSigner, later),
            X509Error::NotValidNow { .. }
        ));
        assert!(matches!(check(from_ref(&good), &anchors, Purpose::Access, now), X509Error::WrongPurpose { .. }));
        assert!(matches!(check(from_ref(&good), &[], Purpose::DocumentSigner, now), X509Error::NoAnchor { .. }));
        let wrong = [other.certificate().clone()];
        assert!(matches!(
            check(from_ref(&good), &wrong, Purpose::DocumentSigner, now),
            X509Error::KeyIdentifierMismatch { .. }
        ));
        assert!(matches!(check(&anchors, &anchors, Purpose::DocumentSigner, now), X509Error::NotAnEndEntity { .. }));
        assert!(matches!(check(&[], &anchors, Purpose::DocumentSigner, now), X509Error::Missing));
        let below_leaf = [good.clone(), good.clone()];
        assert!(matches!(check(&below_leaf, &anchors, Purpose::DocumentSigner, now), X509Error::NameMismatch { .. }));
        // A leaf named as an anchor is trusted as itself only.
        verify_chain(from_ref(&good), from_ref(&good), Purpose::DocumentSigner, now).unwrap();
        // The hash named outside the signed part is another than the one inside.
        let mut der = good.der().to_vec();
        let outer = der.windows(8).rposition(|bytes| bytes == ECDSA_WITH_SHA256.as_bytes()).unwrap();
        der[outer + 7] = 3;
        let other_hash = Certificate::from_der(&der).unwrap();
        assert!(matches!(
            check(&[other_hash], &anchors, Purpose::DocumentSigner, now),
            X509Error::SignatureAlgorithm { algorithm, .. } if algorithm == ECDSA_WITH_SHA384.to_string()
        ));
        // One letter of the subject, in the signed part.
        let mut der = good.der().to_vec();
        let at = der.windows(6).position(|bytes| bytes == b"Signer").unwrap();
        der[at] ^= 1;
        let changed = Certificate::from_der(&der).unwrap();
        assert!(matches!(check(&[changed], &anchors, Purpose::DocumentSigner, now), X509Error::BadSignature { .. }));
    }

    proptest::proptest! {
        #[test]
        fn never_panics(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..300)) {
            let _ = Certificate::from_der(&bytes);
            let _ = signed_part(&bytes);
        }
    }
}
