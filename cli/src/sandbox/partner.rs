//! A partner of the sandbox, which may ask under every client identifier prefix: its keys, what it is called by, and what the
//! trusted list says of that.

use std::path::Path;

use anyhow::{Context as _, Result};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};
use url::Url;
use warifu_keys::jws::{self, Header};
use warifu_keys::x509::Purpose;
use warifu_keys::x509::issue::{Authority, Period, Request, Subject};
use warifu_keys::{Entropy, Signer as _, SigningKey};
use warifu_openid4vc::vp::client_id::Prefix;
use warifu_openid4vc::vp::identity::ATTESTATION_TYP;
use warifu_trust::bundle::{self, VerifierBundle};
use warifu_trust::entity::{Service, ServiceStatus, ServiceType, Standing, TrustedEntity};
use warifu_verifier::Config;
use warifu_verifier::identity::Identity;

use crate::files;

/// How long certificate and attestation are good: a sandbox does not live as long.
const DAYS: u16 = 365;
/// The name under which a sandbox answers wallets that know a verifier by a DNS name.
const DNS_NAME: &str = "localhost";

/// Who makes what a partner is called by.
pub(super) struct Makers<'a> {
    /// Signs access certificates.
    pub(super) access: &'a Authority,
    /// Attests verifiers.
    pub(super) attester: &'a Attester,
    /// Everyone's randomness.
    pub(super) entropy: &'a dyn Entropy,
    /// When the sandbox is made.
    pub(super) now: Timestamp,
}

/// Who attests verifiers (OpenID4VP 1.0 section 12).
pub(super) struct Attester {
    /// `iss` of its attestations.
    name: String,
    /// The key that signs them.
    key: SigningKey,
}

impl Attester {
    /// The registry of a sandbox attests by a key of its own.
    pub(super) fn of(registry: &Url, entropy: &dyn Entropy) -> Self {
        let name = registry.as_str().trim_end_matches('/').to_owned();
        Self { name, key: SigningKey::generate_p256(entropy) }
    }

    /// The attester as a party of the list: wallets know it by its name and key.
    pub(super) fn party(&self, contact: &str, now: Timestamp) -> TrustedEntity {
        let since = Timestamp::from_second(now.as_second()).unwrap_or(now);
        TrustedEntity {
            id: "verifier-attester".to_owned(),
            name: "Sandbox Verifier Attestation".to_owned(),
            website: self.name.clone(),
            street: "1 Example Street".to_owned(),
            country: "UT".to_owned(),
            contact: contact.to_owned(),
            services: vec![Service {
                service_type: ServiceType::VerifierAttestation,
                name: "Verifier attestations".to_owned(),
                certificates: Vec::new(),
                keys: vec![self.key.public_key().to_jwk()],
                identifiers: vec![self.name.clone()],
                current: Standing { status: ServiceStatus::Granted, since },
                history: Vec::new(),
            }],
        }
    }

    fn attest(&self, subject: &str, key: &SigningKey, now: Timestamp) -> Result<String> {
        let expires = now.checked_add(SignedDuration::from_hours(24 * i64::from(DAYS)))?;
        let claims = json!({
            "iss": self.name, "sub": subject, "iat": now.as_second(), "exp": expires.as_second(),
            "cnf": { "jwk": key.public_key().to_jwk().to_value() },
        });
        let claims: Map<String, Value> = claims.as_object().cloned().unwrap_or_default();
        Ok(jws::sign_claims(Header::typ(ATTESTATION_TYP), &claims, &self.key)?)
    }
}

/// The keys of the partner in `folder`, with an access certificate for [`DNS_NAME`] in place of the one there.
pub(super) fn keys(folder: &Path, entity: &TrustedEntity, by: &Makers<'_>) -> Result<VerifierBundle> {
    let mut keys = VerifierBundle::load(&files::reader(folder))?;
    let request = Request {
        subject: Subject {
            common_name: entity.name.clone(),
            organization: Some(entity.name.clone()),
            country: entity.country.clone(),
        },
        public_key: &keys.access.key.public_key(),
        period: Period::days(by.now, DAYS),
        purpose: Purpose::Access,
        dns_names: vec![DNS_NAME.to_owned()],
        uris: vec![entity.contact.clone()],
    };
    let certificate = by.access.issue(&request, by.entropy)?;
    std::fs::write(folder.join(bundle::certificate_file(bundle::ACCESS)), certificate.to_pem()?)?;
    keys.access.chain = vec![certificate];
    Ok(keys)
}

/// Every prefix, with the attestation for this partner.
pub(super) fn identity(entity: &TrustedEntity, keys: &VerifierBundle, by: &Makers<'_>) -> Result<Identity> {
    Ok(Identity {
        prefixes: Prefix::ALL.to_vec(),
        did: None,
        attestation: Some(by.attester.attest(&entity.id, &keys.access.key, by.now)?),
        registration: None,
    })
}

/// Puts into the list what the partner is called by: the new certificate, and the client identifiers that no certificate
/// proves.
pub(super) fn list(entity: &mut TrustedEntity, config: &Config, keys: &VerifierBundle) -> Result<()> {
    let leaf = keys.access.certificate().context("an access certificate")?;
    let name = |prefix| -> Result<String> { Ok(config.identity.client_id(prefix, config, keys)?.as_str().to_owned()) };
    let hash = name(Prefix::X509Hash)?;
    for service in &mut entity.services {
        match service.service_type {
            ServiceType::Access => {
                service.certificates = vec![leaf.clone()];
                service.identifiers = vec![hash.clone()];
                for prefix in [Prefix::DecentralizedIdentifier, Prefix::VerifierAttestation, Prefix::RedirectUri] {
                    service.identifiers.push(name(prefix)?);
                }
            }
            ServiceType::ShareReceiving => {
                service.identifiers.retain(|identifier| !identifier.starts_with("x509_hash:"));
                service.identifiers.push(hash.clone());
            }
            _ => {}
        }
    }
    Ok(())
}
