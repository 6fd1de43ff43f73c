//! The part of an acceptance that goes on by itself: token, then nonce and credential for each choice.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;
use url::Url;
use warifu_keys::{Entropy, PublicKey, Signer, json};

use crate::http::{self, Request, Response};
use crate::oauth::dpop;
use crate::vci::credential::{CredentialRequest, CredentialResponse, Issued, Proofs, Wanted};
use crate::vci::metadata::IssuerMetadata;
use crate::vci::nonce::NonceResponse;
use crate::vci::proof;
use crate::vci::token::{TokenRequest, TokenResponse};

use super::Error;

/// What was issued for one [`Choice`](super::Choice).
#[derive(Debug, Clone, PartialEq)]
pub struct Issuance {
    /// The configuration.
    pub configuration_id: String,
    /// Its format identifier.
    pub format: String,
    /// The credentials as they came, none of them believed: texts, or objects for `ldp_vc`.
    pub credentials: Vec<Value>,
    /// The keys that were proved, in the order of the request; each credential must be bound to a different one.
    pub keys: Vec<PublicKey>,
    /// For a notification to the issuer.
    pub notification_id: Option<String>,
}

/// What an answer led to.
#[derive(Debug)]
pub enum Progress {
    /// There is another request to send.
    Again(Accepting),
    /// Everything chosen was issued.
    Issued(Vec<Issuance>),
}

/// An acceptance that stopped half-way: the reason, and what had been issued until then.
#[derive(Debug, thiserror::Error)]
#[error("{reason}")]
pub struct Stopped {
    /// Why.
    #[source]
    pub reason: Error,
    /// Issued before; the wallet keeps these.
    pub issued: Vec<Issuance>,
}

/// An acceptance under way: one request is to be sent.
pub struct Accepting {
    session: Box<Session>,
    step: Step,
    retry: Retry,
    request: Request,
}

impl fmt::Debug for Accepting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Accepting({:?} {:?})", self.step, self.request)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Token,
    Nonce,
    Credential,
}

impl Step {
    fn name(self) -> &'static str {
        match self {
            Self::Token => "token endpoint",
            Self::Nonce => "nonce endpoint",
            Self::Credential => "credential endpoint",
        }
    }
}

/// What was tried again already, for the token or for one credential.
#[derive(Debug, Clone, Copy, Default)]
struct Retry {
    dpop_nonce: bool,
    c_nonce: bool,
}

/// One credential to be asked for.
pub(super) struct Order {
    pub(super) configuration_id: String,
    pub(super) format: String,
    pub(super) proof: bool,
    pub(super) keys: Vec<Arc<dyn Signer>>,
}

/// What the requests of one acceptance are made from.
pub(super) struct Session {
    pub(super) metadata: IssuerMetadata,
    pub(super) token_endpoint: Url,
    pub(super) dpop: Option<Arc<dyn Signer>>,
    pub(super) token_request: TokenRequest,
    pub(super) access_token: Option<String>,
    /// Latest `DPoP-Nonce` of the authorization server and of the issuer: they need not share one.
    pub(super) server_nonce: Option<String>,
    pub(super) resource_nonce: Option<String>,
    pub(super) c_nonce: Option<String>,
    pub(super) wanted: Vec<Order>,
    pub(super) issued: Vec<Issuance>,
}

impl Accepting {
    pub(super) fn start(session: Session, entropy: &dyn Entropy, now: Timestamp) -> Result<Self, Error> {
        let request = session.token(entropy, now)?;
        Ok(Self { session: Box::new(session), step: Step::Token, retry: Retry::default(), request })
    }

    /// The request to send.
    #[must_use]
    pub fn request(&self) -> &Request {
        &self.request
    }

    /// What was issued so far, for a wallet that can not go on.
    #[must_use]
    pub fn give_up(self) -> Vec<Issuance> {
        self.session.issued
    }

    /// Takes the answer to [`Accepting::request`].
    pub fn answer(mut self, response: &Response, entropy: &dyn Entropy, now: Timestamp) -> Result<Progress, Stopped> {
        match self.advance(response, entropy, now) {
            Ok(Some((step, request))) => Ok(Progress::Again(Self { step, request, ..self })),
            Ok(None) => Ok(Progress::Issued(self.session.issued)),
            Err(reason) => Err(Stopped { reason, issued: self.session.issued }),
        }
    }

    fn advance(
        &mut self,
        response: &Response,
        entropy: &dyn Entropy,
        now: Timestamp,
    ) -> Result<Option<(Step, Request)>, Error> {
        let step = self.step;
        if let Some(nonce) = response.header("dpop-nonce").filter(|nonce| !nonce.is_empty() && nonce.len() <= 1024) {
            let place = match step {
                Step::Token => &mut self.session.server_nonce,
                Step::Nonce | Step::Credential => &mut self.session.resource_nonce,
            };
            *place = Some(nonce.to_owned());
        }
        if !response.is_success() {
            return self.refused(response, entropy, now).map(Some);
        }
        let answer = |source| Error::Answer { step: step.name(), source };
        match step {
            Step::Token => {
                let token: TokenResponse = json::parse_as(&response.body).map_err(answer)?;
                let expected = if self.session.dpop.is_some() { "dpop" } else { "bearer" };
                if !token.token_type.eq_ignore_ascii_case(expected) || token.access_token.is_empty() {
                    return Err(Error::TokenType(http::shorten(&token.token_type)));
                }
                self.session.access_token = Some(token.access_token);
                self.retry = Retry::default();
                self.session.next(entropy, now)
            }
            Step::Nonce => {
                self.session.c_nonce = Some(NonceResponse::parse(&response.body).map_err(answer)?.c_nonce);
                self.session.credential(entropy, now).map(|request| Some((Step::Credential, request)))
            }
            Step::Credential => {
                let issued = match CredentialResponse::parse(&response.body).map_err(answer)? {
                    CredentialResponse::Issued(issued) => issued,
                    CredentialResponse::Deferred { transaction_id, interval } => {
                        return Err(Error::Deferred { transaction_id, interval });
                    }
                };
                self.session.keep(issued)?;
                self.retry = Retry::default();
                self.session.next(entropy, now)
            }
        }
    }

    /// Obeys a demand for another nonce once, and names every other refusal.
    fn refused(
        &mut self,
        response: &Response,
        entropy: &dyn Entropy,
        now: Timestamp,
    ) -> Result<(Step, Request), Error> {
        let (step, body) = (self.step, response.body_json().ok());
        let member =
            |name: &str| body.as_ref().and_then(|body| body.get(name)).and_then(Value::as_str).map(http::shorten);
        let challenge = response.header("www-authenticate").unwrap_or_default();
        let code = member("error").or_else(|| challenge_error(challenge));
        // The nonce endpoint takes no proof, so only the others can ask for one with a nonce (RFC 9449 sections 8 and 9).
        let dpop_nonce =
            step != Step::Nonce && response.header("dpop-nonce").is_some() && code.as_deref() == Some("use_dpop_nonce");
        if dpop_nonce && !self.retry.dpop_nonce {
            self.retry.dpop_nonce = true;
            let request = match step {
                Step::Token => self.session.token(entropy, now)?,
                Step::Nonce | Step::Credential => self.session.credential(entropy, now)?,
            };
            return Ok((step, request));
        }
        let stale = step == Step::Credential && code.as_deref() == Some("invalid_nonce");
        if stale
            && !self.retry.c_nonce
            && let Some(request) = self.session.nonce()
        {
            self.retry.c_nonce = true;
            return Ok((Step::Nonce, request));
        }
        Err(match code {
            Some(code) => Error::Refused { step: step.name(), code, description: member("error_description") },
            None => Error::Status { step: step.name(), status: response.status },
        })
    }
}

impl Session {
    fn current(&self) -> Option<&Order> {
        self.wanted.get(self.issued.len())
    }

    /// The first request for the next credential; `None` when there is none left.
    fn next(&mut self, entropy: &dyn Entropy, now: Timestamp) -> Result<Option<(Step, Request)>, Error> {
        let Some(order) = self.current() else { return Ok(None) };
        if order.proof
            && let Some(request) = self.nonce()
        {
            return Ok(Some((Step::Nonce, request)));
        }
        self.credential(entropy, now).map(|request| Some((Step::Credential, request)))
    }

    fn token(&self, entropy: &dyn Entropy, now: Timestamp) -> Result<Request, Error> {
        let fields = self.token_request.fields();
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let request = Request::form(self.token_endpoint.clone(), &fields);
        self.proved(request, None, self.server_nonce.as_deref(), entropy, now)
    }

    /// OpenID4VCI 1.0 section 7.1: an empty `POST` without a token.
    fn nonce(&self) -> Option<Request> {
        self.metadata.nonce_endpoint.clone().map(Request::post)
    }

    fn credential(&self, entropy: &dyn Entropy, now: Timestamp) -> Result<Request, Error> {
        let order = self.current().ok_or(Error::NothingChosen)?;
        let issuer = self.metadata.credential_issuer.as_str();
        let client_id = self.token_request.client_id.as_deref();
        let prove = |key: &Arc<dyn Signer>| proof::prove(key.as_ref(), issuer, client_id, self.c_nonce.as_deref(), now);
        let proofs = order.proof.then(|| order.keys.iter().map(prove).collect::<Result<_, _>>().map(Proofs::Jwt));
        let wanted = Wanted::Configuration(order.configuration_id.clone());
        let body = CredentialRequest { wanted, proofs: proofs.transpose()? }.to_value();
        let token = self.access_token.as_deref().unwrap_or_default();
        let scheme = if self.dpop.is_some() { "DPoP" } else { "Bearer" };
        let request = Request::json(self.metadata.credential_endpoint.clone(), &body);
        let request = request.header("authorization", format!("{scheme} {token}"));
        self.proved(request, Some(token), self.resource_nonce.as_deref(), entropy, now)
    }

    fn proved(
        &self,
        request: Request,
        access_token: Option<&str>,
        nonce: Option<&str>,
        entropy: &dyn Entropy,
        now: Timestamp,
    ) -> Result<Request, Error> {
        let Some(signer) = &self.dpop else { return Ok(request) };
        let jti = entropy.token();
        let claims =
            dpop::Claims { method: request.method, url: &request.url, iat: now, jti: &jti, access_token, nonce };
        let proof = dpop::prove(signer.as_ref(), &claims)?;
        Ok(request.header("dpop", proof))
    }

    fn keep(&mut self, issued: Issued) -> Result<(), Error> {
        let order = self.current().ok_or(Error::NothingChosen)?;
        let (found, keys) = (issued.credentials.len(), order.keys.len().max(1));
        if found > keys {
            return Err(Error::TooManyCredentials { found, keys });
        }
        let issuance = Issuance {
            configuration_id: order.configuration_id.clone(),
            format: order.format.clone(),
            credentials: issued.credentials.into_iter().map(|issued| issued.credential).collect(),
            keys: order.keys.iter().map(|key| key.public_key()).collect(),
            notification_id: issued.notification_id,
        };
        self.c_nonce = issued.c_nonce;
        self.issued.push(issuance);
        Ok(())
    }
}

/// The `error` parameter of a `WWW-Authenticate` challenge.
fn challenge_error(challenge: &str) -> Option<String> {
    let (_, rest) = challenge.split_once("error=\"")?;
    rest.split_once('"').map(|(code, _)| http::shorten(code))
}
