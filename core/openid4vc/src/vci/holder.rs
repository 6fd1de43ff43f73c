//! The wallet's half of the pre-authorised code flow.
//!
//! [`Offered`] fetches the issuer's metadata, [`AwaitingServer`] the authorization server's, [`Described`] is what the
//! user is asked about, and [`Accepting`] goes on by itself: token, then nonce and credential for each configuration that
//! was chosen. Each step gives the next request and takes its answer:
//! ```text
//! let mut accepting = described.accept(acceptance, entropy, now)?;
//! let issued = loop {
//!     let response = send(accepting.request()).await;
//!     match accepting.answer(&response, entropy, now)? {
//!         Progress::Again(next) => accepting = next,
//!         Progress::Issued(issued) => break issued,
//!     }
//! };
//! ```
//! A server's demand for a DPoP nonce and a nonce refused as old are each obeyed once for a request.

use std::sync::Arc;

use jiff::Timestamp;
use url::Url;
use warifu_keys::json::{self, JsonError};
use warifu_keys::signer::SignerError;
use warifu_keys::{Algorithm, Entropy, Signer};

use crate::http::{self, Request, Response, UrlError};
use crate::oauth::ServerMetadata;

use super::PRE_AUTHORIZED_CODE;
use super::metadata::{Configuration, IssuerIdentifier, IssuerMetadata, MAX_CONFIGURATIONS};
use super::offer::{CredentialOffer, TxCode};
use super::token::TokenRequest;

mod accepting;

pub use accepting::{Accepting, Issuance, Progress, Stopped};
use accepting::{Order, Session};

/// Why an acceptance can not go on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The offer has no pre-authorised code.
    #[error("the offer has no pre-authorized code")]
    NoPreAuthorizedCode,
    /// An answer with a status that is no success and no OAuth error.
    #[error("the {step} answered with status {status}")]
    Status {
        /// Which endpoint.
        step: &'static str,
        /// The status.
        status: u16,
    },
    /// An OAuth error.
    #[error("the {step} refused: {code}")]
    Refused {
        /// Which endpoint.
        step: &'static str,
        /// The value of `error`.
        code: String,
        /// The value of `error_description`.
        description: Option<String>,
    },
    /// An answer that is not what the step asks for.
    #[error("the {step}'s answer: {source}")]
    Answer {
        /// Which endpoint.
        step: &'static str,
        /// What is wrong.
        source: JsonError,
    },
    /// Metadata under one identifier that names another (OpenID4VCI 1.0 section 12.2.4, RFC 8414 section 3.3).
    #[error("the metadata of `{asked}` is of `{found}`")]
    OtherIssuer {
        /// The identifier that was asked.
        asked: String,
        /// The identifier in the answer.
        found: String,
    },
    /// An endpoint that will not be called.
    #[error("endpoint `{endpoint}`: {source}")]
    Endpoint {
        /// The metadata member.
        endpoint: &'static str,
        /// Why not.
        source: UrlError,
    },
    /// The offer names an authorization server that the metadata does not list (section 4.1.1).
    #[error("authorization server `{0}` is not in the issuer's metadata")]
    UnknownServer(String),
    /// The authorization server does not redeem pre-authorised codes.
    #[error("the authorization server does not support the pre-authorized code")]
    GrantNotSupported,
    /// Something offered or chosen that the metadata does not describe.
    #[error("credential configuration `{0}` is not known")]
    UnknownConfiguration(String),
    /// Nothing was chosen, or one configuration twice.
    #[error("choose each credential once, and at least one")]
    NothingChosen,
    /// The issuer demands what is not supported here.
    #[error("not supported: {0}")]
    NotSupported(&'static str),
    /// The offer needs a transaction code and none was given, or the other way round.
    #[error("the offer {}", if *.needed { "needs a transaction code" } else { "takes no transaction code" })]
    TxCode {
        /// Whether the offer needs one.
        needed: bool,
    },
    /// The number of keys is 0 or above the issuer's batch size.
    #[error("{found} keys, 1 to {most} are possible")]
    Keys {
        /// Keys given.
        found: usize,
        /// The issuer's batch size.
        most: usize,
    },
    /// The token is not bound to the key though the server said it would be.
    #[error("the access token is of type `{0}`")]
    TokenType(String),
    /// More credentials than keys.
    #[error("{found} credentials for {keys} keys")]
    TooManyCredentials {
        /// Credentials in the answer.
        found: usize,
        /// Keys in the request.
        keys: usize,
    },
    /// The credential is to be fetched later.
    #[error("the issuer defers the credential")]
    Deferred {
        /// What to ask with.
        transaction_id: String,
        /// Seconds to wait at least.
        interval: u64,
    },
    /// A key could not be used.
    #[error(transparent)]
    Signer(#[from] SignerError),
}

/// An offer, before anything is known about the issuer.
#[derive(Debug, Clone)]
pub struct Offered {
    offer: CredentialOffer,
    metadata_url: Url,
}

impl Offered {
    /// Starts with an offer that has a pre-authorised code.
    pub fn new(offer: CredentialOffer) -> Result<Self, Error> {
        if offer.pre_authorized_code().is_none() {
            return Err(Error::NoPreAuthorizedCode);
        }
        let metadata_url = well_known(&offer.credential_issuer, IssuerIdentifier::metadata_url)?;
        Ok(Self { offer, metadata_url })
    }

    /// Asks for the issuer's metadata.
    #[must_use]
    pub fn request(&self) -> Request {
        Request::get(self.metadata_url.clone(), "application/json")
    }

    /// Takes the issuer's metadata: the identifier must be the offer's byte for byte, every endpoint callable, and
    /// everything offered must be described.
    pub fn answer(self, response: &Response) -> Result<AwaitingServer, Error> {
        const STEP: &str = "issuer metadata endpoint";
        let metadata: IssuerMetadata = read(STEP, response)?;
        let issuer = &self.offer.credential_issuer;
        if metadata.credential_issuer != *issuer {
            return Err(other_issuer(issuer, metadata.credential_issuer.as_str()));
        }
        let endpoints = [
            ("credential_endpoint", Some(&metadata.credential_endpoint)),
            ("nonce_endpoint", metadata.nonce_endpoint.as_ref()),
            ("notification_endpoint", metadata.notification_endpoint.as_ref()),
            ("deferred_credential_endpoint", metadata.deferred_credential_endpoint.as_ref()),
        ];
        for (endpoint, url) in endpoints {
            if let Some(url) = url {
                check_endpoint(endpoint, url, issuer)?;
            }
        }
        if metadata.credential_configurations_supported.len() > MAX_CONFIGURATIONS {
            return Err(Error::NotSupported("as many credential configurations"));
        }
        for id in &self.offer.credential_configuration_ids {
            if !metadata.credential_configurations_supported.contains_key(id) {
                return Err(Error::UnknownConfiguration(http::shorten(id)));
            }
        }
        if metadata.demands_encryption() {
            return Err(Error::NotSupported("encrypted credential requests and responses"));
        }
        let named = self.offer.pre_authorized_code().and_then(|grant| grant.authorization_server.as_ref());
        let servers = metadata.authorization_servers.as_deref().unwrap_or_default();
        let server = match (named, servers) {
            (None, []) => issuer,
            (None, [first, ..]) => first,
            (Some(named), servers) if servers.contains(named) => named,
            (Some(named), _) => return Err(Error::UnknownServer(http::shorten(named.as_str()))),
        };
        let (server, server_url) = (server.clone(), well_known(server, IssuerIdentifier::server_metadata_url)?);
        check_endpoint("authorization_servers", &server_url, issuer)?;
        Ok(AwaitingServer { offer: self.offer, metadata, server, server_url })
    }
}

/// The issuer is known, its authorization server is not.
#[derive(Debug, Clone)]
pub struct AwaitingServer {
    offer: CredentialOffer,
    metadata: IssuerMetadata,
    server: IssuerIdentifier,
    server_url: Url,
}

impl AwaitingServer {
    /// Asks for the authorization server's metadata.
    #[must_use]
    pub fn request(&self) -> Request {
        Request::get(self.server_url.clone(), "application/json")
    }

    /// Takes the authorization server's metadata.
    pub fn answer(self, response: &Response) -> Result<Described, Error> {
        const STEP: &str = "authorization server metadata endpoint";
        let server: ServerMetadata = read(STEP, response)?;
        if server.issuer != self.server.as_str() {
            return Err(other_issuer(&self.server, &server.issuer));
        }
        let grants = &server.grant_types_supported;
        if !grants.is_empty() && !grants.iter().any(|grant| grant == PRE_AUTHORIZED_CODE) {
            return Err(Error::GrantNotSupported);
        }
        let token_endpoint = server.token_endpoint.ok_or(Error::GrantNotSupported)?;
        check_endpoint("token_endpoint", &token_endpoint, &self.server)?;
        let (offer, metadata) = (self.offer, self.metadata);
        let dpop_algorithms = server.dpop_signing_alg_values_supported;
        Ok(Described { offer, metadata, token_endpoint, dpop_algorithms })
    }
}

/// Everything that the user decides about is known.
#[derive(Debug, Clone)]
pub struct Described {
    offer: CredentialOffer,
    metadata: IssuerMetadata,
    token_endpoint: Url,
    dpop_algorithms: Vec<String>,
}

/// One credential to be asked for, with the keys it is to be bound to: one copy for each.
#[derive(Clone)]
pub struct Choice {
    /// The configuration.
    pub configuration_id: String,
    /// Fresh keys of the holder, at most [`Described::batch_size`]; at least one where the configuration needs a proof.
    pub keys: Vec<Arc<dyn Signer>>,
}

/// What the user agreed to, and the keys.
#[derive(Clone)]
pub struct Acceptance {
    /// The code that the user typed, where [`Described::tx_code`] asks for one.
    pub tx_code: Option<String>,
    /// The wallet's client identifier; `None` stays anonymous.
    pub client_id: Option<String>,
    /// Key that the access token is bound to, fresh for this issuance.
    pub dpop: Arc<dyn Signer>,
    /// What to ask for.
    pub choices: Vec<Choice>,
}

impl Described {
    /// The offer.
    #[must_use]
    pub fn offer(&self) -> &CredentialOffer {
        &self.offer
    }

    /// The issuer's metadata.
    #[must_use]
    pub fn metadata(&self) -> &IssuerMetadata {
        &self.metadata
    }

    /// What is offered.
    pub fn configurations(&self) -> impl Iterator<Item = (&str, &Configuration)> {
        self.offer.credential_configuration_ids.iter().filter_map(|id| {
            self.metadata.credential_configurations_supported.get(id).map(|configuration| (id.as_str(), configuration))
        })
    }

    /// Present when the user must type a transaction code.
    #[must_use]
    pub fn tx_code(&self) -> Option<&TxCode> {
        self.offer.pre_authorized_code()?.tx_code.as_ref()
    }

    /// Most copies of one credential.
    #[must_use]
    pub fn batch_size(&self) -> usize {
        self.metadata.batch_size()
    }

    /// Goes on with what the user agreed to.
    pub fn accept(self, acceptance: Acceptance, entropy: &dyn Entropy, now: Timestamp) -> Result<Accepting, Error> {
        let grant = self.offer.pre_authorized_code().ok_or(Error::NoPreAuthorizedCode)?;
        let needed = grant.tx_code.is_some();
        if needed != acceptance.tx_code.as_ref().is_some_and(|tx_code| !tx_code.is_empty()) {
            return Err(Error::TxCode { needed });
        }
        let choices = &acceptance.choices;
        let id_at = |at: usize| choices.get(at).map(|choice| &choice.configuration_id);
        if choices.is_empty() || (1..choices.len()).any(|at| (0..at).any(|before| id_at(before) == id_at(at))) {
            return Err(Error::NothingChosen);
        }
        let most = self.metadata.batch_size();
        let mut wanted = Vec::with_capacity(choices.len());
        for Choice { configuration_id, keys } in acceptance.choices {
            let offered = self.offer.credential_configuration_ids.contains(&configuration_id);
            let configuration = self.metadata.credential_configurations_supported.get(&configuration_id);
            let Some(configuration) = configuration.filter(|_| offered) else {
                return Err(Error::UnknownConfiguration(configuration_id));
            };
            if configuration.needs_proof() && (keys.is_empty() || keys.len() > most) {
                return Err(Error::Keys { found: keys.len(), most });
            }
            for key in &keys {
                check_proof(configuration, key.algorithm())?;
            }
            wanted.push(Order {
                configuration_id,
                format: configuration.format.clone(),
                proof: configuration.needs_proof(),
                keys,
            });
        }
        let token_request = TokenRequest {
            pre_authorized_code: grant.code.clone(),
            tx_code: acceptance.tx_code,
            client_id: acceptance.client_id,
            authorization_details: None,
        };
        let bound = self.dpop_algorithms.iter().any(|name| name == acceptance.dpop.algorithm().name());
        let session = Session {
            metadata: self.metadata,
            token_endpoint: self.token_endpoint,
            dpop: bound.then_some(acceptance.dpop),
            token_request,
            access_token: None,
            server_nonce: None,
            resource_nonce: None,
            c_nonce: None,
            wanted,
            issued: Vec::new(),
        };
        Accepting::start(session, entropy, now)
    }
}

/// Whether a wallet with keys of `algorithm` can prove what the configuration demands; [`Error::NotSupported`] where not.
pub fn check_proof(configuration: &Configuration, algorithm: Algorithm) -> Result<(), Error> {
    if !configuration.needs_proof() {
        return Ok(());
    }
    let jwt = configuration.proof_types_supported.get("jwt");
    let jwt = jwt.ok_or(Error::NotSupported("proofs other than jwt"))?;
    if jwt.key_attestations_required.is_some() {
        return Err(Error::NotSupported("key attestations"));
    }
    if jwt.proof_signing_alg_values_supported.iter().any(|name| name == algorithm.name()) {
        Ok(())
    } else {
        Err(Error::NotSupported("proofs with these keys' algorithm"))
    }
}

fn well_known(id: &IssuerIdentifier, place: fn(&IssuerIdentifier) -> Option<Url>) -> Result<Url, Error> {
    let malformed = || UrlError::Malformed(http::shorten(id.as_str()));
    place(id).ok_or_else(|| Error::Endpoint { endpoint: "credential_issuer", source: malformed() })
}

/// An endpoint is `https`, or at the origin of whoever names it.
fn check_endpoint(endpoint: &'static str, url: &Url, from: &IssuerIdentifier) -> Result<(), Error> {
    let malformed = || UrlError::Malformed(http::shorten(from.as_str()));
    let checked = from.url().ok_or_else(malformed).and_then(|origin| http::check_callable_from(url, &origin));
    checked.map_err(|source| Error::Endpoint { endpoint, source })
}

fn other_issuer(asked: &IssuerIdentifier, found: &str) -> Error {
    Error::OtherIssuer { asked: http::shorten(asked.as_str()), found: http::shorten(found) }
}

fn read<T: serde::de::DeserializeOwned>(step: &'static str, response: &Response) -> Result<T, Error> {
    if response.status != 200 {
        return Err(Error::Status { step, status: response.status });
    }
    json::parse_as(&response.body).map_err(|source| Error::Answer { step, source })
}
