use std::str::FromStr as _;

use proptest::prelude::*;
use x509_cert::der::Decode as _;
use x509_cert::der::asn1::{Ia5String, OctetString};
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::crl::dp::{DistributionPoint, Reasons};
use x509_cert::serial_number::SerialNumber;

use super::*;
use crate::entropy::Seeded;
use crate::x509::issue::{Authority, Parts, Period, Request, Subject, build, extension, uri};
use crate::{Algorithm, Signer as _, SigningKey};

const NOW: &str = "2026-11-23T00:00:00Z";
const CRL: &str = "https://registry.example/crl/issuer";

fn period(days: u16) -> Period {
    Period::days(NOW.parse().unwrap(), days)
}

fn subject(name: &str) -> Subject {
    Subject { common_name: name.to_owned(), organization: Some("Utopia".to_owned()), country: "UT".to_owned() }
}

fn key(algorithm: Algorithm, seed: &str) -> SigningKey {
    SigningKey::generate(algorithm, &Seeded::dangerous_new(seed))
}

fn root(algorithm: Algorithm) -> Authority {
    let key = key(algorithm, "root");
    let entropy = Seeded::dangerous_new("serial");
    Authority::self_signed(&subject("IACA"), key, period(3650), "mailto:iaca@utopia.example", &entropy)
        .unwrap()
        .with_crl_address(CRL)
}

fn issued(authority: &Authority, purpose: Purpose, days: u16, public_key: &PublicKey) -> Certificate {
    let request = Request {
        subject: subject("Leaf"),
        public_key,
        period: period(days),
        purpose,
        dns_names: vec!["issuer.example".to_owned()],
        uris: Vec::new(),
    };
    authority.issue(&request, &Seeded::dangerous_new("leaf")).unwrap()
}

#[test]
fn ours_keep_their_profiles() {
    for authority in [Algorithm::Es256, Algorithm::Es384, Algorithm::Es512].map(root) {
        let iaca = authority.certificate();
        iaca_root(iaca).unwrap();
        for algorithm in Algorithm::ALL {
            let key = key(algorithm, "leaf").public_key();
            document_signer(&issued(&authority, Purpose::DocumentSigner, 457, &key), iaca).unwrap();
            reader_authentication(&issued(&authority, Purpose::Access, 1187, &key), iaca).unwrap();
            mso_revocation_signer(&issued(&authority, Purpose::ListSigner, 1187, &key), iaca).unwrap();
        }
    }
}

/// `certificate` made again with one change.
fn remade(certificate: &Certificate, change: impl FnOnce(&mut Parts<'_>)) -> Certificate {
    let tbs = certificate.parsed.tbs_certificate();
    let mut parts = Parts {
        serial: tbs.serial_number().clone(),
        issuer: tbs.issuer().clone(),
        subject: tbs.subject().clone(),
        public_key: &certificate.public_key().unwrap(),
        period: Period { from: certificate.not_before().unwrap(), until: certificate.not_after().unwrap() },
        extensions: tbs.extensions().cloned().unwrap_or_default(),
    };
    change(&mut parts);
    build(parts, root(Algorithm::Es256).key()).unwrap()
}

/// `certificate` with the `nth` occurrence of some bytes replaced; profiles do not look at the signature.
fn patched(certificate: &Certificate, nth: usize, from: &[u8], to: &[u8]) -> Certificate {
    let mut der = certificate.der().to_vec();
    let (at, _) = der.windows(from.len()).enumerate().filter(|(_, bytes)| *bytes == from).nth(nth).unwrap();
    der[at..at + to.len()].copy_from_slice(to);
    Certificate::from_der(&der).unwrap()
}

fn without<T: AssociatedOid>(parts: &mut Parts<'_>) {
    parts.extensions.retain(|extension| extension.extn_id != T::OID);
}

fn found<'a, T: AssociatedOid>(parts: &'a mut Parts<'_>) -> &'a mut Extension {
    parts.extensions.iter_mut().find(|extension| extension.extn_id == T::OID).unwrap()
}

fn with<T: AssociatedOid + x509_cert::der::Encode>(parts: &mut Parts<'_>, value: &T, critical: bool) {
    without::<T>(parts);
    parts.extensions.push(extension(value, critical).unwrap());
}

fn point(name: GeneralName) -> DistributionPoint {
    let distribution_point = Some(DistributionPointName::FullName(vec![name]));
    DistributionPoint { distribution_point, reasons: None, crl_issuer: None }
}

fn dns(name: &str) -> GeneralName {
    GeneralName::DnsName(Ia5String::new(name).unwrap())
}

#[test]
fn a_document_signer_by_each_rule() {
    let authority = root(Algorithm::Es256);
    let iaca = authority.certificate();
    let good = issued(&authority, Purpose::DocumentSigner, 457, &key(Algorithm::Es256, "leaf").public_key());
    document_signer(&good, iaca).unwrap();
    let refused = |certificate: &Certificate, expected: ProfileError| {
        assert_eq!(document_signer(certificate, iaca).unwrap_err(), expected);
    };
    let check = |change: &dyn Fn(&mut Parts<'_>), expected: ProfileError| refused(&remade(&good, change), expected);
    let serial = |der: &[u8]| SerialNumber::from_der(der).unwrap();

    check(&|parts| parts.extensions.clear(), ProfileError::Version);
    check(&|parts| parts.serial = serial(&[2, 1, 0]), ProfileError::SerialNotPositive);
    check(&|parts| parts.serial = serial(&[2, 8, 0xc0, 1, 2, 3, 4, 5, 6, 7]), ProfileError::SerialNotPositive);
    check(&|parts| parts.serial = serial(&[2, 3, 0, 0x9f, 1]), ProfileError::SerialTooShort { bits: 16 });
    let mut long = vec![2, 21, 0, 0x80];
    long.extend([7; 19]);
    check(&|parts| parts.serial = serial(&long), ProfileError::SerialTooLong { bytes: 21 });
    // ecdsa-with-SHA224, and a curve that is not supported.
    let sha224 = patched(&good, 1, &[0xce, 0x3d, 0x04, 0x03, 0x02], &[0xce, 0x3d, 0x04, 0x03, 0x01]);
    refused(&sha224, ProfileError::SignatureAlgorithm("1.2.840.10045.4.3.1".to_owned()));
    refused(&patched(&good, 0, &[0xce, 0x3d, 0x03, 0x01, 0x07], &[0xce, 0x3d, 0x03, 0x01, 0x01]), ProfileError::Key);

    let name = |text: &str| Name::from_str(text).unwrap();
    let other = |text: &str| ProfileError::Issuer { expected: iaca.subject(), found: name(text).to_string() };
    check(&|parts| parts.issuer = name("CN=Other,C=UT"), other("CN=Other,C=UT"));
    // The same letters in another string type are another name, byte for byte.
    let printable = patched(&good, 0, b"\x0c\x04IACA", b"\x13\x04IACA");
    assert_eq!(printable.issuer(), good.issuer());
    assert!(matches!(document_signer(&printable, iaca), Err(ProfileError::Issuer { .. })));
    check(&|parts| parts.subject = name("CN=Leaf,O=Utopia"), ProfileError::CountryMissing);
    check(&|parts| parts.subject = name("CN=Leaf,C=ut"), ProfileError::CountryForm);
    check(&|parts| parts.subject = name("CN=Leaf,C=UTO"), ProfileError::CountryForm);
    refused(&patched(&good, 1, b"\x13\x02UT", b"\x0c\x02UT"), ProfileError::CountryForm);
    let foreign = ProfileError::Country { expected: "UT".to_owned(), found: "XX".to_owned() };
    check(&|parts| parts.subject = name("CN=Leaf,C=XX"), foreign);
    check(&|parts| parts.subject = name("O=Utopia,C=UT"), ProfileError::CommonNameMissing);

    let (from, day) = (period(1).from, SignedDuration::from_hours(24));
    check(&|parts| parts.period.until = from - day, ProfileError::ValidityReversed);
    let (most, until) = (period(457).until, period(457).until + SignedDuration::from_secs(1));
    check(&|parts| parts.period.until = until, ProfileError::ValidityTooLong { until, most });

    check(&without::<KeyUsage>, ProfileError::Missing("keyUsage"));
    check(&without::<ExtendedKeyUsage>, ProfileError::Missing("extKeyUsage"));
    check(&without::<SubjectKeyIdentifier>, ProfileError::Missing("subjectKeyIdentifier"));
    check(&without::<AuthorityKeyIdentifier>, ProfileError::Missing("authorityKeyIdentifier"));
    check(&without::<IssuerAltName>, ProfileError::Missing("issuerAltName"));
    check(&without::<CrlDistributionPoints>, ProfileError::Missing("cRLDistributionPoints"));
    check(&|parts| found::<KeyUsage>(parts).critical = false, ProfileError::NotCritical("keyUsage"));
    check(&|parts| found::<ExtendedKeyUsage>(parts).critical = false, ProfileError::NotCritical("extKeyUsage"));
    check(&|parts| found::<SubjectAltName>(parts).critical = true, ProfileError::Critical("2.5.29.17".to_owned()));
    let garbage = OctetString::new([0xff]).unwrap();
    check(&|parts| found::<KeyUsage>(parts).extn_value = garbage.clone(), ProfileError::Unreadable("keyUsage"));
    let twice = |parts: &mut Parts<'_>| {
        let copy = found::<KeyUsage>(parts).clone();
        parts.extensions.push(copy);
    };
    check(&twice, ProfileError::Unreadable("keyUsage"));
    for oid in FORBIDDEN {
        let more = Extension { extn_id: oid, critical: false, extn_value: garbage.clone() };
        check(&|parts| parts.extensions.push(more.clone()), ProfileError::Forbidden(oid.to_string()));
    }

    let both = KeyUsage(KeyUsages::DigitalSignature | KeyUsages::KeyCertSign);
    check(&|parts| with(parts, &both, true), ProfileError::KeyUsage("digitalSignature"));
    let authority_too = BasicConstraints { ca: true, path_len_constraint: None };
    check(&|parts| with(parts, &authority_too, true), ProfileError::IsAnAuthority);
    let not = BasicConstraints { ca: false, path_len_constraint: None };
    document_signer(&remade(&good, |parts| with(parts, &not, true)), iaca).unwrap();
    let id = OctetString::new([7; 20]).unwrap();
    check(&|parts| with(parts, &SubjectKeyIdentifier(id.clone()), false), ProfileError::SubjectKeyIdentifier);
    for key_identifier in [Some(id.clone()), None] {
        let named = AuthorityKeyIdentifier { key_identifier, ..AuthorityKeyIdentifier::default() };
        check(&|parts| with(parts, &named, false), ProfileError::AuthorityKeyIdentifier);
    }
    let named = IssuerAltName(vec![dns("utopia.example")]);
    check(&|parts| with(parts, &named, false), ProfileError::IssuerAltName);
    let reader = ExtendedKeyUsage(vec![Purpose::Access.extended_key_usage().unwrap()]);
    check(&|parts| with(parts, &reader, true), ProfileError::ExtendedKeyUsage("1.0.18013.5.1.2"));
    for points in [vec![], vec![point(dns("utopia.example"))], vec![point(uri(CRL).unwrap()), point(dns("b.example"))]]
    {
        check(&|parts| with(parts, &CrlDistributionPoints(points.clone()), false), ProfileError::CrlAddress);
    }
    for indirect in [
        DistributionPoint { reasons: Some(Reasons::KeyCompromise.into()), ..point(uri(CRL).unwrap()) },
        DistributionPoint { crl_issuer: Some(vec![dns("utopia.example")]), ..point(uri(CRL).unwrap()) },
    ] {
        let points = CrlDistributionPoints(vec![indirect]);
        check(&|parts| with(parts, &points, false), ProfileError::CrlIndirect);
    }
}

#[test]
fn a_province_is_inherited() {
    let iaca = remade(root(Algorithm::Es256).certificate(), |parts| {
        let name = Name::from_str("CN=IACA,ST=North,C=UT").unwrap();
        (parts.issuer, parts.subject) = (name.clone(), name);
    });
    iaca_root(&iaca).unwrap();
    let authority = Authority::from_parts(iaca.clone(), root(Algorithm::Es256).key().clone()).unwrap();
    let authority = authority.with_crl_address(CRL);
    let good = issued(&authority, Purpose::DocumentSigner, 457, &key(Algorithm::Es256, "leaf").public_key());
    assert_eq!(document_signer(&good, &iaca), Err(ProfileError::State));
    for (name, expected) in [("CN=Leaf,ST=North,C=UT", Ok(())), ("CN=Leaf,ST=South,C=UT", Err(ProfileError::State))] {
        let certificate = remade(&good, |parts| parts.subject = Name::from_str(name).unwrap());
        assert_eq!(document_signer(&certificate, &iaca), expected, "{name}");
    }
}

#[test]
fn a_root_by_its_own_rules() {
    let authority = root(Algorithm::Es256);
    let good = authority.certificate();
    let check = |change: &dyn Fn(&mut Parts<'_>), expected: ProfileError| {
        assert_eq!(iaca_root(&remade(good, change)), Err(expected));
    };
    let other = Name::from_str("CN=Other,C=UT").unwrap();
    check(&|parts| parts.issuer = other.clone(), ProfileError::NotSelfIssued(other.to_string()));
    let ed25519 = key(Algorithm::EdDsa, "root").public_key();
    let edwards = build(
        Parts {
            serial: good.parsed.tbs_certificate().serial_number().clone(),
            issuer: good.parsed.tbs_certificate().subject().clone(),
            subject: good.parsed.tbs_certificate().subject().clone(),
            public_key: &ed25519,
            period: period(1),
            extensions: good.parsed.tbs_certificate().extensions().cloned().unwrap(),
        },
        authority.key(),
    );
    assert_eq!(iaca_root(&edwards.unwrap()), Err(ProfileError::Key));
    // Twenty years to the second, leap days included.
    let (from, most) = (NOW.parse().unwrap(), "2046-11-23T00:00:00Z".parse().unwrap());
    iaca_root(&remade(good, |parts| parts.period = Period { from, until: most })).unwrap();
    let until = most + SignedDuration::from_secs(1);
    check(&|parts| parts.period = Period { from, until }, ProfileError::ValidityTooLong { until, most });
    for usage in [KeyUsage(KeyUsages::KeyCertSign.into()), KeyUsage(KeyUsages::DigitalSignature.into())] {
        check(&|parts| with(parts, &usage, true), ProfileError::KeyUsage("keyCertSign and cRLSign"));
    }
    check(&without::<BasicConstraints>, ProfileError::Missing("basicConstraints"));
    check(&|parts| found::<BasicConstraints>(parts).critical = false, ProfileError::NotCritical("basicConstraints"));
    for constraints in [
        BasicConstraints { ca: true, path_len_constraint: Some(1) },
        BasicConstraints { ca: true, path_len_constraint: None },
        BasicConstraints { ca: false, path_len_constraint: None },
    ] {
        check(&|parts| with(parts, &constraints, true), ProfileError::NotARoot);
    }
    check(&without::<IssuerAltName>, ProfileError::Missing("issuerAltName"));
    check(&without::<SubjectKeyIdentifier>, ProfileError::Missing("subjectKeyIdentifier"));
    let points = CrlDistributionPoints(vec![point(dns("utopia.example"))]);
    check(&|parts| with(parts, &points, false), ProfileError::CrlAddress);
}

#[test]
fn a_reader_and_a_revocation_signer_by_their_own_rules() {
    let authority = root(Algorithm::Es256);
    let iaca = authority.certificate();
    let public_key = key(Algorithm::Es256, "leaf").public_key();
    let reader = issued(&authority, Purpose::Access, 1187, &public_key);
    let too_long = |certificate: &Certificate| remade(certificate, |parts| parts.period = period(1188));
    let most = period(1187).until;
    let long = ProfileError::ValidityTooLong { until: period(1188).until, most };
    assert_eq!(reader_authentication(&too_long(&reader), iaca), Err(long.clone()));
    assert_eq!(
        reader_authentication(&issued(&authority, Purpose::DocumentSigner, 400, &public_key), iaca),
        Err(ProfileError::ExtendedKeyUsage("1.0.18013.5.1.6"))
    );
    let bare = remade(&reader, without::<IssuerAltName>);
    assert_eq!(reader_authentication(&bare, iaca), Err(ProfileError::Missing("issuerAltName")));
    // An authority that is no IACA root asks for no alternative name.
    let plain = remade(iaca, without::<IssuerAltName>);
    reader_authentication(&bare, &plain).unwrap();
    let nowhere = remade(&reader, without::<CrlDistributionPoints>);
    assert_eq!(reader_authentication(&nowhere, iaca), Err(ProfileError::Missing("cRLDistributionPoints")));

    let revocation = issued(&authority, Purpose::ListSigner, 1187, &public_key);
    assert_eq!(mso_revocation_signer(&too_long(&revocation), iaca), Err(long));
    mso_revocation_signer(&remade(&revocation, without::<CrlDistributionPoints>), iaca).unwrap();
    let points = CrlDistributionPoints(vec![point(dns("utopia.example"))]);
    let elsewhere = remade(&revocation, |parts| with(parts, &points, false));
    assert_eq!(mso_revocation_signer(&elsewhere, iaca), Err(ProfileError::CrlAddress));
}

proptest! {
    /// One changed byte of a certificate never panics, in reading, in the profiles, nor on the way to an anchor.
    #[test]
    fn changed_bytes_never_panic(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let authority = root(Algorithm::Es256);
        let good = issued(&authority, Purpose::DocumentSigner, 457, &key(Algorithm::Es256, "leaf").public_key());
        let mut der = good.der().to_vec();
        let at = at.index(der.len());
        prop_assume!(der[at] != byte);
        der[at] = byte;
        if let Ok(changed) = Certificate::from_der(&der) {
            let _ = (iaca_root(&changed), reader_authentication(&changed, authority.certificate()));
            let _ = (document_signer(&changed, authority.certificate()), document_signer(&good, &changed));
            let anchors = [authority.certificate().clone()];
            let now = NOW.parse().unwrap();
            prop_assert!(crate::x509::verify_chain(&[changed], &anchors, Purpose::DocumentSigner, now).is_err());
        }
    }
}
