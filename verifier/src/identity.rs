//! By which client identifiers a verifier asks, and what proves them (OpenID4VP 1.0 section 5.9.3); what a registrar says
//! about it.
//!
//! HAIP 1.0 knows `x509_hash` alone, which is the default. The others are for wallets of other profiles: a configuration
//! names which of them may be used, a request chooses one of these.

use serde_json::{Value, json};
use url::{Host, Url};
use warifu_keys::Signer as _;
use warifu_keys::x509::Certificate;
use warifu_openid4vc::vp::client_id::{ClientId, NotAClientId, Prefix};
use warifu_openid4vc::vp::identity::Proof;
use warifu_openid4vc::vp::registration::{Registration, RegistrationError};
use warifu_trust::bundle::VerifierBundle;
use warifu_w3c::did::{Did, jwk, web};

use crate::Config;

/// The value of `format` under which a registration certificate stands in `verifier_info`.
const REGISTRATION_FORMAT: &str = "registration_cert";

/// How a verifier is called.
#[derive(Debug, Clone, PartialEq)]
pub struct Identity {
    /// The prefixes that requests may use; the first is the default.
    pub prefixes: Vec<Prefix>,
    /// A did:web at the verifier's own address, whose document is served there; the did:jwk of the access key where `None`.
    pub did: Option<Did>,
    /// The verifier attestation for the access key, as its attester signed it.
    pub attestation: Option<String>,
    /// What is registered of the verifier.
    pub registration: Option<OwnRegistration>,
}

impl Default for Identity {
    fn default() -> Self {
        Self { prefixes: vec![Prefix::X509Hash], did: None, attestation: None, registration: None }
    }
}

/// The verifier's own registration certificate. Its registrar's signature is for wallets to check; here it counts for what it
/// says may be asked.
#[derive(Debug, Clone, PartialEq)]
pub struct OwnRegistration {
    jwt: String,
    registration: Registration,
}

impl OwnRegistration {
    /// Reads the certificate as the registrar handed it out.
    pub fn parse(jwt: &str) -> Result<Self, RegistrationError> {
        let jwt = jwt.trim();
        Ok(Self { jwt: jwt.to_owned(), registration: Registration::dangerous_read(jwt)? })
    }

    /// What it says.
    #[must_use]
    pub fn registration(&self) -> &Registration {
        &self.registration
    }

    /// The entry of `verifier_info` (OpenID4VP 1.0 section 5.11).
    pub(crate) fn to_entry(&self) -> Value {
        json!({ "format": REGISTRATION_FORMAT, "data": self.jwt })
    }
}

/// Why a verifier can not be called like this.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// No prefix, or one twice.
    #[error("the client identifier prefixes must be one or more, each named once")]
    Prefixes,
    /// `x509_san_dns` without a DNS name to be called by.
    #[error("`x509_san_dns` needs a base_url with a DNS name")]
    NoDnsName,
    /// `x509_san_dns` with a certificate for other names.
    #[error("the access certificate is not made for the DNS name `{0}`")]
    OtherDnsName(String),
    /// The DID is none, or not a did:web of the verifier's own address with a plain path.
    #[error("`{0}` is not a did:web below the base_url")]
    Did(String),
    /// `verifier_attestation` without an attestation, or with one for another key or of another form.
    #[error("`verifier_attestation` needs an attestation for the access key: {0}")]
    Attestation(&'static str),
    /// A client identifier would have the wrong form.
    #[error(transparent)]
    ClientId(#[from] NotAClientId),
    /// There is no access certificate.
    #[error("there is no access certificate")]
    NoCertificate,
}

impl Identity {
    /// Checks what can be checked without the keys.
    pub(crate) fn check(&self, base_url: &Url, sandbox: bool) -> Result<(), IdentityError> {
        let mut names: Vec<_> = self.prefixes.clone();
        names.sort();
        names.dedup();
        if names.is_empty() || names.len() != self.prefixes.len() {
            return Err(IdentityError::Prefixes);
        }
        if self.prefixes.contains(&Prefix::X509SanDns) {
            dns_name(base_url, sandbox).ok_or(IdentityError::NoDnsName)?;
        }
        if let Some(did) = &self.did {
            let own = |url: &Url| {
                url.host() == base_url.host() && url.port_or_known_default() == base_url.port_or_known_default()
            };
            let plain = |url: &Url| {
                url.path().bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'.' | b'-' | b'_'))
            };
            if !web::document_url(did).is_ok_and(|url| own(&url) && plain(&url)) {
                return Err(IdentityError::Did(did.to_string()));
            }
        }
        if self.prefixes.contains(&Prefix::VerifierAttestation) {
            let jwt = self.attestation.as_deref().ok_or(IdentityError::Attestation("there is none"))?;
            attested_subject(jwt).ok_or(IdentityError::Attestation("it names no subject"))?;
        }
        Ok(())
    }

    /// Checks that every prefix can be proved with these keys, by what a wallet would look at.
    pub fn check_keys(&self, config: &Config, bundle: &VerifierBundle) -> Result<(), IdentityError> {
        let leaf = bundle.access.certificate().ok_or(IdentityError::NoCertificate)?;
        for prefix in &self.prefixes {
            let client_id = self.client_id(*prefix, config, bundle)?;
            if *prefix == Prefix::X509SanDns && !client_id.is_of(leaf) {
                return Err(IdentityError::OtherDnsName(client_id.original().to_owned()));
            }
        }
        Ok(())
    }

    /// The client identifier under this prefix.
    pub fn client_id(
        &self,
        prefix: Prefix,
        config: &Config,
        bundle: &VerifierBundle,
    ) -> Result<ClientId, IdentityError> {
        Ok(match prefix {
            Prefix::X509Hash => ClientId::x509_hash(bundle.access.certificate().ok_or(IdentityError::NoCertificate)?),
            Prefix::X509SanDns => {
                let name = dns_name(&config.base_url, config.sandbox).ok_or(IdentityError::NoDnsName)?;
                ClientId::x509_san_dns(&name)?
            }
            Prefix::DecentralizedIdentifier => ClientId::decentralized_identifier(self.did(bundle).as_str())?,
            Prefix::VerifierAttestation => {
                let subject = self.attestation.as_deref().and_then(attested_subject);
                ClientId::verifier_attestation(&subject.ok_or(IdentityError::Attestation("there is none"))?)?
            }
            Prefix::RedirectUri => ClientId::redirect_uri(&response_address(config))?,
        })
    }

    /// What proves the client identifier under this prefix.
    pub(crate) fn evidence(&self, prefix: Prefix, bundle: &VerifierBundle) -> Evidence {
        match prefix {
            Prefix::X509Hash | Prefix::X509SanDns => Evidence::Certificate,
            Prefix::DecentralizedIdentifier => Evidence::Method(self.method(bundle)),
            Prefix::VerifierAttestation => Evidence::Attestation(self.attestation.clone().unwrap_or_default()),
            Prefix::RedirectUri => Evidence::Nothing,
        }
    }

    fn did(&self, bundle: &VerifierBundle) -> Did {
        self.did.clone().unwrap_or_else(|| jwk::from_key(&bundle.access.key.public_key()))
    }

    fn method(&self, bundle: &VerifierBundle) -> String {
        match &self.did {
            Some(did) => format!("{did}#access"),
            None => jwk::method(&bundle.access.key.public_key()),
        }
    }

    /// Where the document of the did:web is served.
    pub(crate) fn document_path(&self) -> Option<String> {
        Some(web::document_url(self.did.as_ref()?).ok()?.path().to_owned())
    }

    /// The document of the did:web (DID 1.0 section 5): the access key, for signatures.
    pub(crate) fn document(&self, bundle: &VerifierBundle) -> Option<Value> {
        let did = self.did.as_ref()?;
        let method = self.method(bundle);
        Some(json!({
            "@context": ["https://www.w3.org/ns/did/v1", "https://w3id.org/security/suites/jws-2020/v1"],
            "id": did.as_str(),
            "verificationMethod": [{
                "id": method, "type": "JsonWebKey2020", "controller": did.as_str(),
                "publicKeyJwk": bundle.access.key.public_key().to_jwk().to_value(),
            }],
            "authentication": [method],
            "assertionMethod": [method],
        }))
    }
}

/// What a request is signed with, owned.
pub(crate) enum Evidence {
    Certificate,
    Method(String),
    Attestation(String),
    /// Nobody can sign.
    Nothing,
}

impl Evidence {
    /// The proof with this chain; `None` where nobody can sign.
    pub(crate) fn proof<'a>(&'a self, chain: &'a [Certificate]) -> Option<Proof<'a>> {
        match self {
            Self::Certificate => Some(Proof::Certificate(chain)),
            Self::Method(method) => Some(Proof::VerificationMethod(method)),
            Self::Attestation(jwt) => Some(Proof::Attestation(jwt)),
            Self::Nothing => None,
        }
    }
}

/// The address at which all answers to unsigned requests arrive: it is the client identifier, so that it can not name the
/// request.
pub(crate) fn response_address(config: &Config) -> Url {
    config.at("vp/response")
}

/// The DNS name at which wallets are answered. A sandbox on an address of this machine has the name `localhost`.
fn dns_name(base_url: &Url, sandbox: bool) -> Option<String> {
    match base_url.host()? {
        Host::Domain(name) => Some(name.to_owned()),
        Host::Ipv4(_) | Host::Ipv6(_) if sandbox => Some("localhost".to_owned()),
        Host::Ipv4(_) | Host::Ipv6(_) => None,
    }
}

/// An address for wallets that know the verifier by this prefix: for `x509_san_dns` at its DNS name.
pub(crate) fn address_for(prefix: Prefix, config: &Config, path: &str) -> Url {
    let mut url = config.at(path);
    if prefix == Prefix::X509SanDns
        && let Some(name) = dns_name(&config.base_url, config.sandbox)
    {
        // The name came out of an address, or is `localhost`: it is always taken.
        let _ = url.set_host(Some(&name));
    }
    url
}

fn attested_subject(jwt: &str) -> Option<String> {
    let claims = warifu_keys::jws::Unverified::parse(jwt).ok()?.dangerous_claims().ok()?;
    claims.get("sub").and_then(Value::as_str).map(str::to_owned)
}
