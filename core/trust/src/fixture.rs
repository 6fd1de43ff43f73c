//! A small scheme with seeded keys, for the tests of this crate.

use jiff::Timestamp;
use warifu_keys::entropy::Seeded;
use warifu_keys::jwe::AgreementKey;
use warifu_keys::x509::issue::{Authority, Period, Request, Subject};
use warifu_keys::x509::{Certificate, Purpose};
use warifu_keys::{Signer as _, SigningKey};

use crate::entity::{Service, ServiceStatus, ServiceType, Standing, TrustedEntity};
use crate::list::{Operator, TrustedList};

pub(crate) const NOW: &str = "2026-11-23T00:00:00Z";

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn subject(name: &str, organization: &str) -> Subject {
    Subject { common_name: name.to_owned(), organization: Some(organization.to_owned()), country: "UT".to_owned() }
}

pub(crate) fn authority(seed: &str, organization: &str) -> Authority {
    let entropy = Seeded::dangerous_new(seed);
    let key = SigningKey::generate_p256(&entropy);
    let period = Period::days(at("2026-11-22T00:00:00Z"), 3650);
    Authority::self_signed(&subject("CA", organization), key, period, "https://example.org", &entropy).unwrap()
}

pub(crate) fn leaf(
    authority: &Authority,
    seed: &str,
    organization: &str,
    purpose: Purpose,
) -> (Vec<Certificate>, SigningKey) {
    let entropy = Seeded::dangerous_new(seed);
    let key = SigningKey::generate_p256(&entropy);
    let request = Request {
        subject: subject(seed, organization),
        public_key: &key.public_key(),
        period: Period::days(at("2026-11-22T00:00:00Z"), 400),
        purpose,
        dns_names: Vec::new(),
        uris: vec!["https://example.org".to_owned()],
    };
    (vec![authority.issue(&request, &entropy).unwrap()], key)
}

pub(crate) struct Scheme {
    pub(crate) root: Authority,
    pub(crate) list_chain: Vec<Certificate>,
    pub(crate) list_key: SigningKey,
    pub(crate) issuer: Authority,
    pub(crate) document_chain: Vec<Certificate>,
    pub(crate) document_key: SigningKey,
    pub(crate) access: Authority,
    pub(crate) access_chain: Vec<Certificate>,
    pub(crate) share_key: AgreementKey,
}

impl Scheme {
    pub(crate) fn new() -> Self {
        let root = authority("root", "Warifu Sandbox Registry");
        let (list_chain, list_key) = leaf(&root, "list", "Warifu Sandbox Registry", Purpose::ListSigner);
        let issuer = authority("issuer", "Utopia Identity Services");
        let (document_chain, document_key) = leaf(&issuer, "ds", "Utopia Identity Services", Purpose::DocumentSigner);
        let access = authority("access", "Warifu Sandbox Registry");
        let (access_chain, _) = leaf(&access, "partner-b", "Bank B", Purpose::Access);
        let share_key = AgreementKey::generate(&Seeded::dangerous_new("share"));
        Self { root, list_chain, list_key, issuer, document_chain, document_key, access, access_chain, share_key }
    }

    pub(crate) fn anchors(&self) -> Vec<Certificate> {
        vec![self.root.certificate().clone()]
    }

    pub(crate) fn operator(&self) -> Operator {
        Operator {
            name: "Warifu Sandbox Registry".to_owned(),
            territory: "UT".to_owned(),
            scheme: "Warifu Sandbox".to_owned(),
            information: "https://registry.example".to_owned(),
        }
    }

    pub(crate) fn entities(&self) -> Vec<TrustedEntity> {
        let service = |service_type: ServiceType| Service {
            service_type,
            name: service_type.word().to_owned(),
            certificates: Vec::new(),
            keys: Vec::new(),
            identifiers: Vec::new(),
            current: Standing { status: ServiceStatus::Granted, since: at("2026-11-22T00:00:00Z") },
            history: Vec::new(),
        };
        let entity = |id: &str, name: &str, services| TrustedEntity {
            id: id.to_owned(),
            name: name.to_owned(),
            website: format!("https://{id}.example"),
            street: "1 Example Street".to_owned(),
            country: "UT".to_owned(),
            contact: format!("mailto:contact@{id}.example"),
            services,
        };
        let authority = vec![self.issuer.certificate().clone()];
        vec![
            entity(
                "issuer",
                "Utopia Identity Services",
                vec![
                    Service { certificates: authority.clone(), ..service(ServiceType::KycIssuance) },
                    Service { certificates: authority, ..service(ServiceType::Status) },
                ],
            ),
            entity(
                "partner-b",
                "Bank B",
                vec![
                    Service { certificates: self.access_chain.clone(), ..service(ServiceType::Access) },
                    Service {
                        keys: vec![self.share_key.public_jwk()],
                        identifiers: vec!["partner-b".to_owned()],
                        ..service(ServiceType::ShareReceiving)
                    },
                ],
            ),
        ]
    }

    pub(crate) fn list_of(&self, sequence: u64, entities: Vec<TrustedEntity>) -> TrustedList {
        TrustedList::new(self.operator(), sequence, at(NOW), at("2026-11-24T00:00:00Z"), entities).unwrap()
    }

    pub(crate) fn list(&self, sequence: u64) -> TrustedList {
        self.list_of(sequence, self.entities())
    }

    pub(crate) fn sign(&self, list: &TrustedList) -> String {
        list.sign(&self.list_chain, &self.list_key, at(NOW)).unwrap()
    }
}
