//! Parties, certificates and credentials, made with seeded keys.

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use url::Url;
use warifu_credential::face_template::{FaceTemplateClaim, Source};
use warifu_credential::kyc::{Assurance, KycClaims, Level, Method as Read};
use warifu_credential::person::{CountryCode, Sex};
use warifu_credential::profile::{Minting, mint_sd_jwt};
use warifu_credential::sd_jwt::{Held, IssuerKey, Received};
use warifu_credential::status::{Status, StatusReference, StatusToken};
use warifu_keys::jws::{self, Header};
use warifu_keys::x509::issue::{Authority, Period, Request, Subject};
use warifu_keys::x509::{Certificate, Purpose};
use warifu_keys::{Entropy, Signer as _, SigningKey};
use warifu_openid4vc::vp::identity::ATTESTATION_TYP;
use warifu_trust::bundle::Credentials;
use warifu_trust::entity::{Service, ServiceStatus, ServiceType, Standing, TrustedEntity};

use super::outside::status_token;
use super::{ATTESTER, AUDIENCE, IDX, Wallet, model};

pub(crate) fn authority(entropy: &dyn Entropy, organization: &str, start: Timestamp) -> Authority {
    let key = SigningKey::generate_p256(entropy);
    let subject = subject("CA", organization);
    Authority::self_signed(&subject, key, Period::days(start, 3650), "https://example.org", entropy).unwrap()
}

pub(super) fn subject(name: &str, organization: &str) -> Subject {
    Subject { common_name: name.to_owned(), organization: Some(organization.to_owned()), country: "UT".to_owned() }
}

pub(crate) fn leaf(
    authority: &Authority,
    entropy: &dyn Entropy,
    organization: &str,
    purpose: Purpose,
    start: Timestamp,
) -> Credentials {
    let key = SigningKey::generate_p256(entropy);
    let request = Request {
        subject: subject(organization, organization),
        public_key: &key.public_key(),
        period: Period::days(start, 400),
        purpose,
        dns_names: if purpose == Purpose::Access { vec!["localhost".to_owned()] } else { Vec::new() },
        uris: vec!["https://example.org".to_owned()],
    };
    Credentials { chain: vec![authority.issue(&request, entropy).unwrap()], key }
}

pub(super) fn service(service_type: ServiceType, since: Timestamp) -> Service {
    Service {
        service_type,
        name: service_type.word().to_owned(),
        certificates: Vec::new(),
        keys: Vec::new(),
        identifiers: Vec::new(),
        current: Standing { status: ServiceStatus::Granted, since },
        history: Vec::new(),
    }
}

pub(super) fn entity(id: &str, name: &str, services: Vec<Service>) -> TrustedEntity {
    TrustedEntity {
        id: id.to_owned(),
        name: name.to_owned(),
        website: format!("https://{id}.example"),
        street: "1 Example Street".to_owned(),
        country: "UT".to_owned(),
        contact: format!("mailto:contact@{id}.example"),
        services,
    }
}

pub(super) fn identity(now: Timestamp) -> KycClaims {
    let template = FaceTemplateClaim::new(model(), &[5; 128], 200, Source::Selfie, "2026-11-22".parse().unwrap(), 80);
    KycClaims {
        family_name: "ERIKSSON".to_owned(),
        given_name: "ANNA MARIA".to_owned(),
        birthdate: "1974-08-12".parse().unwrap(),
        nationalities: vec!["SE".parse().unwrap(), "NO".parse().unwrap()],
        sex: Sex::Female,
        place_of_birth: None,
        picture: None,
        issuing_country: CountryCode::UNKNOWN,
        issuing_authority: None,
        date_of_issuance: None,
        date_of_expiry: None,
        document_number: Some("L898902C3".to_owned()),
        assurance: Assurance {
            level: Level::Substantial,
            verified_at: now,
            method: Read::Document,
            checks: vec!["document.mrz".to_owned()],
        },
        face_template: Some(template.unwrap()),
    }
}

pub(super) fn minted(
    entropy: &dyn Entropy,
    vct: &str,
    issuer: &Authority,
    signer: &Credentials,
    status_uri: &Url,
    now: Timestamp,
    days: u16,
) -> Wallet {
    let key = SigningKey::generate_p256(entropy);
    let status = StatusReference { uri: status_uri.clone(), idx: IDX };
    let public = key.public_key();
    let minting = Minting { vct, holder_key: &public, status: Some(&status), lifetime_days: days, now };
    let by = IssuerKey { signer: &signer.key, chain: &signer.chain };
    let text = mint_sd_jwt(&identity(now).to_claims(minting.day()).unwrap(), &minting, by, entropy).unwrap();
    let anchors: [Certificate; 1] = [issuer.certificate().clone()];
    let authentic = Received::parse(&text).unwrap().authenticate(&anchors, now).unwrap();
    let token = status_token(signer, status_uri, Status::Valid, now);
    let token = StatusToken::verify(&token, status_uri, &anchors[0], now).unwrap();
    Wallet { held: Held::keep(authentic.settle(&token, now).unwrap()).unwrap(), key }
}

/// An attestation for the verifier's access key.
pub(super) fn attestation(attester: &SigningKey, key: &SigningKey, start: Timestamp) -> String {
    let expires = start + SignedDuration::from_hours(24 * 30);
    let claims = json!({
        "iss": ATTESTER, "sub": AUDIENCE, "exp": expires.as_second(), "cnf": { "jwk": key.public_key().to_jwk().to_value() },
    });
    jws::sign_claims(Header::typ(ATTESTATION_TYP), claims.as_object().unwrap(), attester).unwrap()
}
