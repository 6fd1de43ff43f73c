//! The parties of a scheme, their services, and what each service was at which time.
//!
//! How the members of the wire form ([`crate::lote`]) are used:
//!
//! | meaning | member |
//! |---|---|
//! | identifier of an entity | `TEInformationExtensions: [{"EntityIdentifier": …}]`, else the first `TEName` |
//! | certificates of a service | `X509Certificates`: authorities, or end-entity certificates that are trusted as themselves |
//! | share key of a partner | `PublicKeyValues` of its share-receiving service |
//! | client and audience identifiers | `OtherIds` of the service |
//! | name and keys of whoever attests verifiers | `OtherIds` and `PublicKeyValues` of the service |

use jiff::Timestamp;
use serde_json::{Value, json};
use warifu_keys::jws::JwsError;
use warifu_keys::x509::{Certificate, Purpose, X509Error};
use warifu_keys::{Jwk, base64url};

use crate::list::{ListError, first, invalid, refuse_critical};
use crate::lote;

/// Most services of one entity.
pub const MAX_SERVICES: usize = 32;
/// Most certificates, keys or identifiers of one service.
pub const MAX_IDENTITIES: usize = 16;
/// Most former statuses of one service.
pub const MAX_HISTORY: usize = 256;

/// What a service lets its entity do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ServiceType {
    /// Issues KYC identity attestations; identity: the issuing authority's certificate.
    KycIssuance,
    /// Publishes status lists; identity: the authority's certificate.
    Status,
    /// Asks wallets for claims; identity: the access certificate or the authority of access certificates, or client
    /// identifiers that are not proved by a certificate, whole with their prefix.
    Access,
    /// Receives share tokens; identity: the audience identifiers and the ECDH-ES key.
    ShareReceiving,
    /// Attests wallets; identity: the wallet provider's authority.
    WalletProvider,
    /// Says what verifiers have registered to ask for (ETSI TS 119 475); identity: the registrar's authority.
    Registrar,
    /// Attests verifiers (OpenID4VP 1.0 section 12); identity: the `iss` of its attestations and the keys that sign them.
    VerifierAttestation,
}

impl ServiceType {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::KycIssuance,
        Self::Status,
        Self::Access,
        Self::ShareReceiving,
        Self::WalletProvider,
        Self::Registrar,
        Self::VerifierAttestation,
    ];

    /// The value of `ServiceTypeIdentifier`.
    #[must_use]
    pub fn uri(self) -> &'static str {
        match self {
            Self::KycIssuance => "urn:warifu:service:kyc-issuance:1",
            Self::Status => "urn:warifu:service:status:1",
            Self::Access => "urn:warifu:service:access:1",
            Self::ShareReceiving => "urn:warifu:service:share-receiving:1",
            Self::WalletProvider => "urn:warifu:service:wallet-provider:1",
            Self::Registrar => "urn:warifu:service:registrar:1",
            Self::VerifierAttestation => "urn:warifu:service:verifier-attestation:1",
        }
    }

    /// The last word of the URI without its version: `kyc-issuance`, for addresses and forms.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::KycIssuance => "kyc-issuance",
            Self::Status => "status",
            Self::Access => "access",
            Self::ShareReceiving => "share-receiving",
            Self::WalletProvider => "wallet-provider",
            Self::Registrar => "registrar",
            Self::VerifierAttestation => "verifier-attestation",
        }
    }

    /// The type of this URI; `None` for types of other schemes.
    #[must_use]
    pub fn from_uri(uri: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|service| service.uri() == uri)
    }

    /// The type of this word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|service| service.word() == word)
    }

    /// The purpose that a certificate of this service must be made for; `None` where the identity is no certificate.
    #[must_use]
    pub fn purpose(self) -> Option<Purpose> {
        match self {
            Self::KycIssuance | Self::Status => Some(Purpose::DocumentSigner),
            Self::Access => Some(Purpose::Access),
            Self::WalletProvider => Some(Purpose::WalletProvider),
            Self::Registrar => Some(Purpose::Registrar),
            Self::ShareReceiving | Self::VerifierAttestation => None,
        }
    }
}

/// Whether a service may be relied on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ServiceStatus {
    /// It may.
    Granted,
    /// Not for now.
    Suspended,
    /// Not any more.
    Withdrawn,
}

impl ServiceStatus {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Granted, Self::Suspended, Self::Withdrawn];

    /// The value of `ServiceStatus`.
    #[must_use]
    pub fn uri(self) -> &'static str {
        match self {
            Self::Granted => "urn:warifu:service-status:granted",
            Self::Suspended => "urn:warifu:service-status:suspended",
            Self::Withdrawn => "urn:warifu:service-status:withdrawn",
        }
    }

    /// The status in one word: `granted`, `suspended`, `withdrawn`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Granted => "granted",
            Self::Suspended => "suspended",
            Self::Withdrawn => "withdrawn",
        }
    }

    /// The status of this URI.
    #[must_use]
    pub fn from_uri(uri: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.uri() == uri)
    }
}

impl std::fmt::Display for ServiceStatus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.word())
    }
}

/// A status and since when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// The status.
    pub status: ServiceStatus,
    /// `StatusStartingTime`, whole seconds.
    pub since: Timestamp,
}

/// One service of a trusted entity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// What it lets the entity do.
    pub service_type: ServiceType,
    /// Name of the service.
    pub name: String,
    /// Certificates by which it is known.
    pub certificates: Vec<Certificate>,
    /// Keys by which it is known.
    pub keys: Vec<Jwk>,
    /// Client and audience identifiers by which it is known.
    pub identifiers: Vec<String>,
    /// The newest status.
    pub current: Standing,
    /// What it was before, newest first.
    pub history: Vec<Standing>,
}

impl Service {
    /// The standing in force at `instant`; `None` before the first one begins.
    #[must_use]
    pub fn standing_at(&self, instant: Timestamp) -> Option<Standing> {
        std::iter::once(&self.current).chain(&self.history).find(|standing| standing.since <= instant).copied()
    }

    /// Gives the service a new status from `since` on; the present one becomes history.
    ///
    /// Refused when the status is the same, when the service was withdrawn (that is for good), or when `since` is before the start of the present one. Two changes in one
    /// second are fine: the newer one counts.
    pub fn set_status(&mut self, status: ServiceStatus, since: Timestamp) -> Result<(), ListError> {
        let since = lote::whole_seconds(since);
        let refuse = |why| Err(ListError::Invalid { what: self.name.clone(), why });
        if status == self.current.status {
            return refuse("it already has this status");
        }
        if self.current.status == ServiceStatus::Withdrawn {
            return refuse("what was withdrawn does not come back; admit it anew with other keys");
        }
        if since < self.current.since {
            return refuse("a new status can not begin before the present one");
        }
        if self.history.len() >= MAX_HISTORY {
            return refuse("its history is full");
        }
        self.history.insert(0, self.current);
        self.current = Standing { status, since };
        Ok(())
    }
}

/// One party of the scheme.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustedEntity {
    /// Identifier inside the scheme, for example `partner-b`.
    pub id: String,
    /// Legal name, shown to people.
    pub name: String,
    /// Address of its page.
    pub website: String,
    /// Street and number.
    pub street: String,
    /// Country, two letters.
    pub country: String,
    /// How to reach it: a `mailto:` or web address.
    pub contact: String,
    /// What it may do.
    pub services: Vec<Service>,
}

impl TrustedEntity {
    /// The services of one type.
    pub fn services_of(&self, service_type: ServiceType) -> impl Iterator<Item = &Service> {
        self.services.iter().filter(move |service| service.service_type == service_type)
    }
}

impl TrustedEntity {
    /// The entity in its wire form.
    #[must_use]
    pub fn to_wire(&self) -> lote::TrustedEntity {
        write_entity(self)
    }

    /// Reads the wire form by the rules of a list.
    pub fn from_wire(wire: &lote::TrustedEntity) -> Result<Self, ListError> {
        read_entity(wire)
    }
}

fn write_entity(entity: &TrustedEntity) -> lote::TrustedEntity {
    lote::TrustedEntity {
        information: lote::EntityInformation {
            name: lote::Text::english(&entity.name),
            trade_name: Vec::new(),
            address: lote::EntityAddress {
                postal: vec![lote::PostalAddress {
                    lang: "en".to_owned(),
                    street_address: entity.street.clone(),
                    locality: None,
                    state_or_province: None,
                    postal_code: None,
                    country: entity.country.clone(),
                }],
                electronic: lote::Uri::english(&entity.contact),
            },
            information: lote::Uri::english(&entity.website),
            extensions: vec![json!({ "EntityIdentifier": entity.id })],
        },
        services: entity.services.iter().map(write_service).collect(),
    }
}

fn write_service(service: &Service) -> lote::EntityService {
    let identity = lote::DigitalIdentity {
        certificates: service
            .certificates
            .iter()
            .map(|certificate| lote::PkiObject {
                encoding: None,
                specification: None,
                value: base64url::encode_standard(certificate.der()),
            })
            .collect(),
        keys: service.keys.clone(),
        other: service.identifiers.clone(),
        ..lote::DigitalIdentity::default()
    };
    let history = service.history.iter().map(|standing| lote::HistoryInstance {
        service_name: lote::Text::english(&service.name),
        service_digital_identity: identity.clone(),
        service_status: standing.status.uri().to_owned(),
        status_starting_time: standing.since,
        service_type_identifier: Some(service.service_type.uri().to_owned()),
        service_information_extensions: Vec::new(),
    });
    lote::EntityService {
        history: history.collect(),
        information: lote::ServiceInformation {
            service_name: lote::Text::english(&service.name),
            service_digital_identity: identity,
            service_type_identifier: Some(service.service_type.uri().to_owned()),
            service_status: Some(service.current.status.uri().to_owned()),
            status_starting_time: Some(service.current.since),
            scheme_definition: Vec::new(),
            service_supply_points: Vec::new(),
            definition: Vec::new(),
            service_information_extensions: Vec::new(),
        },
    }
}

fn read_entity(wire: &lote::TrustedEntity) -> Result<TrustedEntity, ListError> {
    let information = &wire.information;
    refuse_critical(&information.extensions)?;
    let name = first(&information.name, "TEName")?;
    let id = information
        .extensions
        .iter()
        .find_map(|extension| extension.get("EntityIdentifier"))
        .map_or(Some(name.as_str()), Value::as_str)
        .unwrap_or_default();
    if id.is_empty() || id.len() > 200 {
        return invalid(&name, "an entity identifier has 1 to 200 bytes");
    }
    if wire.services.len() > MAX_SERVICES {
        return invalid(id, "too many services");
    }
    let (Some(postal), Some(contact)) = (information.address.postal.first(), information.address.electronic.first())
    else {
        return invalid(id, "an entity has a postal and an electronic address");
    };
    let mut services = Vec::new();
    for service in &wire.services {
        if let Some(service) = read_service(id, service)? {
            services.push(service);
        }
    }
    Ok(TrustedEntity {
        id: id.to_owned(),
        website: information.information.first().map(|uri| uri.value.clone()).unwrap_or_default(),
        street: postal.street_address.clone(),
        country: postal.country.clone(),
        contact: contact.value.clone(),
        name,
        services,
    })
}

/// `None` for a service of a type that is not of this scheme.
fn read_service(entity: &str, wire: &lote::EntityService) -> Result<Option<Service>, ListError> {
    let information = &wire.information;
    refuse_critical(&information.service_information_extensions)?;
    let Some(service_type) = information.service_type_identifier.as_deref().and_then(ServiceType::from_uri) else {
        return Ok(None);
    };
    let identity = &information.service_digital_identity;
    let (certificates, keys) = (&identity.certificates, &identity.keys);
    if certificates.len().max(keys.len()).max(identity.other.len()) > MAX_IDENTITIES || wire.history.len() > MAX_HISTORY
    {
        return invalid(entity, "a service has too many certificates, keys, identifiers or former statuses");
    }
    let status = |uri: Option<&str>| match uri.and_then(ServiceStatus::from_uri) {
        Some(status) => Ok(status),
        None => invalid(entity, "a service has no known status"),
    };
    let Some(since) = information.status_starting_time else {
        return invalid(entity, "a status has no starting time");
    };
    let current = Standing { status: status(information.service_status.as_deref())?, since };
    let mut history = Vec::new();
    let mut newer = current.since;
    for instance in &wire.history {
        refuse_critical(&instance.service_information_extensions)?;
        let standing =
            Standing { status: status(Some(&instance.service_status))?, since: instance.status_starting_time };
        if standing.since > newer {
            return invalid(entity, "the history of a service does not go back in time");
        }
        newer = standing.since;
        history.push(standing);
    }
    let certificates: Vec<Certificate> = certificates.iter().map(read_certificate).collect::<Result<_, _>>()?;
    for key in keys {
        if let Err(error) = key.public_key() {
            return Err(JwsError::Key(error).into());
        }
    }
    let known = match service_type {
        ServiceType::ShareReceiving | ServiceType::VerifierAttestation => {
            !keys.is_empty() && !identity.other.is_empty()
        }
        // Not every client identifier is proved by a certificate (OpenID4VP 1.0 section 5.9.3).
        ServiceType::Access => {
            !certificates.is_empty() || identity.other.iter().any(|id| !is_proved_by_certificate(id))
        }
        ServiceType::KycIssuance | ServiceType::Status | ServiceType::WalletProvider | ServiceType::Registrar => {
            !certificates.is_empty()
        }
    };
    if !known {
        return invalid(entity, "a service has no certificate, or no key and identifier");
    }
    Ok(Some(Service {
        service_type,
        name: first(&information.service_name, "ServiceName")?,
        certificates,
        keys: keys.clone(),
        identifiers: identity.other.clone(),
        current,
        history,
    }))
}

/// Whether a client identifier is one that only a certificate proves: then the certificate names the party, and the
/// identifier alone names nobody.
pub(crate) fn is_proved_by_certificate(client_id: &str) -> bool {
    client_id.starts_with("x509_")
}

fn read_certificate(object: &lote::PkiObject) -> Result<Certificate, ListError> {
    let der = base64url::decode_standard(&object.value)
        .map_err(|_| X509Error::Malformed("X509Certificates: base64".to_owned()))?;
    Ok(Certificate::from_der(&der)?)
}
