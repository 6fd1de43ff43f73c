//! The verifier's half: the data for the browser, and the one response to them.

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use warifu_credential::mdoc::SessionTranscript;
use warifu_keys::json::{self, JsonError};
use warifu_keys::jwe::{AgreementKey, JweError, Sealed};
use warifu_keys::jwk::KeyError;
use warifu_keys::jws;
use warifu_keys::signer::SignerError;
use warifu_keys::{Entropy, Secret, Signer};

use crate::dcql::{DcqlError, Query};
use crate::vp::client_id::ClientId;
use crate::vp::identity::{Proof, ProofError};
use crate::vp::request::{ClientMetadata, RequestError};
use crate::vp::response::{MAX_BYTES, Refusal, VpToken, VpTokenError};
use crate::vp::transaction_data::TransactionData;
use crate::vp::verifier::{LIFE, open, own_encryption};

use super::{Content, MAX_ORIGINS, MAX_SIGNATURES, Origin, Protocol, session_transcript};

/// Why a request can not be made, or a response not be taken.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No origin, or more than [`MAX_ORIGINS`].
    #[error("a request is good for 1 to {MAX_ORIGINS} origins, not {0}")]
    Origins(usize),
    /// No signature, or more than [`MAX_SIGNATURES`].
    #[error("a request has 1 to {MAX_SIGNATURES} signatures, not {0}")]
    Signatures(usize),
    /// The query is one that a verifier may not send.
    #[error("the request: {0}")]
    Query(#[from] DcqlError),
    /// The parts do not make a request.
    #[error("the request: {0}")]
    Request(#[from] RequestError),
    /// The client identifier is not proved.
    #[error(transparent)]
    Proof(#[from] ProofError),
    /// The key could not be used.
    #[error(transparent)]
    Signer(#[from] SignerError),
    /// The request has ended.
    #[error("the request expired at {at}")]
    Expired {
        /// When it ended.
        at: Timestamp,
    },
    /// The response came from a page for which the request was not made.
    #[error("the response came from another origin")]
    OtherOrigin,
    /// Larger than a response may be.
    #[error("the response of {0} bytes is too large")]
    TooLarge(usize),
    /// Not JSON.
    #[error("the response: {0}")]
    Json(#[from] JsonError),
    /// Not an object of `protocol` and `data`, or of another protocol.
    #[error("member `{0}` of the response is missing or malformed")]
    Member(&'static str),
    /// The response came in the clear though an encrypted one was demanded.
    #[error("the response is not encrypted")]
    NotEncrypted,
    /// The response is encrypted to another key.
    #[error("the response is encrypted to another key")]
    OtherKey,
    /// The response can not be opened.
    #[error("the response: {0}")]
    Decryption(JweError),
    /// Not exactly one of `vp_token`, `response` and `error`.
    #[error("the response has not exactly one of `vp_token` and `error`")]
    NoVpToken,
    /// The `vp_token` does not fit the query.
    #[error(transparent)]
    VpToken(#[from] VpTokenError),
}

/// One entry of `digital.requests` for `navigator.credentials.get` (W3C Digital Credentials).
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RequestData {
    /// The name of the [`Protocol`].
    pub protocol: &'static str,
    /// What the protocol demands.
    pub data: Map<String, Value>,
}

impl RequestData {
    fn new(protocol: Protocol, data: Map<String, Value>) -> Self {
        Self { protocol: protocol.name(), data }
    }
}

/// A signature of a multi-signed request: for whom, with what.
#[derive(Clone, Copy)]
pub struct Signature<'a> {
    /// The client identifier.
    pub client_id: &'a ClientId,
    /// What proves it.
    pub proof: Proof<'a>,
    /// Its key.
    pub signer: &'a dyn Signer,
    /// Attestations about this client identifier, if any.
    pub verifier_info: Option<&'a Value>,
}

/// A request to be made.
#[derive(Debug, Clone)]
pub struct RequestBuilder {
    origins: Vec<Origin>,
    query: Query,
    transaction_data: Vec<TransactionData>,
    vp_formats_supported: Map<String, Value>,
    life: SignedDuration,
    encrypted: bool,
}

impl RequestBuilder {
    /// A request by pages of these origins.
    #[must_use]
    pub fn new(origins: Vec<Origin>, query: Query) -> Self {
        Self {
            origins,
            query,
            transaction_data: Vec::new(),
            vp_formats_supported: ClientMetadata::default_formats(),
            life: LIFE,
            encrypted: true,
        }
    }

    /// Adds what the user is to agree to. Never aimed at a PID query: PID keys must not sign it (PID Rulebook 1.7).
    #[must_use]
    pub fn transaction_data(mut self, entry: TransactionData) -> Self {
        self.transaction_data.push(entry);
        self
    }

    /// Sets the formats and algorithms that can be verified.
    #[must_use]
    pub fn vp_formats_supported(mut self, formats: Map<String, Value>) -> Self {
        self.vp_formats_supported = formats;
        self
    }

    /// Sets how long the request is good.
    #[must_use]
    pub fn life(mut self, life: SignedDuration) -> Self {
        self.life = life;
        self
    }

    /// Asks for the response in the clear (`dc_api`), which HAIP 1.0 does not allow.
    #[must_use]
    pub fn answered_in_the_clear(mut self) -> Self {
        self.encrypted = false;
        self
    }

    /// Makes the request with fresh nonce and encryption key (HAIP 1.0 section 5: one key for each request).
    pub fn build(self, entropy: &dyn Entropy, now: Timestamp) -> Result<AwaitingResponse, Error> {
        if !(1..=MAX_ORIGINS).contains(&self.origins.len()) {
            return Err(Error::Origins(self.origins.len()));
        }
        self.query.check_own()?;
        let key = self.encrypted.then(|| AgreementKey::generate(entropy));
        let content = Content {
            nonce: entropy.token(),
            query: self.query,
            client_metadata: ClientMetadata {
                response_encryption: key.as_ref().map(own_encryption),
                vp_formats_supported: self.vp_formats_supported,
            },
            transaction_data: self.transaction_data,
            expected_origins: self.origins.iter().map(|origin| origin.as_str().to_owned()).collect(),
        };
        // What a wallet would refuse is refused here.
        Content::from_claims(&content.to_claims())?;
        let expires = now.checked_add(self.life).unwrap_or(Timestamp::MAX);
        Ok(AwaitingResponse { content, key: key.map(|key| key.to_bytes()), issued: now, expires })
    }
}

/// A request whose response has not come yet. Serialised it holds the private encryption key: store it encrypted.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct AwaitingResponse {
    content: Content,
    #[serde(default, skip_serializing_if = "Option::is_none", with = "crate::vp::secret_text")]
    key: Option<Secret>,
    issued: Timestamp,
    expires: Timestamp,
}

impl fmt::Debug for AwaitingResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AwaitingResponse({:?} until {})", self.content.expected_origins, self.expires)
    }
}

impl AwaitingResponse {
    /// What is asked.
    #[must_use]
    pub fn content(&self) -> &Content {
        &self.content
    }

    /// When the request ends.
    #[must_use]
    pub fn expires(&self) -> Timestamp {
        self.expires
    }

    /// The request without a signature (appendix A.3.1): `client_id` and `expected_origins` stay out.
    #[must_use]
    pub fn unsigned(&self) -> RequestData {
        let mut data = self.content.to_claims();
        data.remove("expected_origins");
        RequestData::new(Protocol::Unsigned, data)
    }

    /// The request signed for one client identifier (appendix A.3.2.1).
    pub fn signed(&self, signature: &Signature<'_>, now: Timestamp) -> Result<RequestData, Error> {
        self.check_time(now)?;
        let mut claims = self.content.to_signed_claims(self.issued, self.expires);
        claims.insert("client_id".to_owned(), Value::from(signature.client_id.as_str()));
        if let Some(info) = signature.verifier_info {
            claims.insert("verifier_info".to_owned(), info.clone());
        }
        let header = signature.proof.header(signature.client_id, signature.signer)?;
        let request = jws::sign_claims(header, &claims, signature.signer)?;
        Ok(RequestData::new(Protocol::Signed, Map::from_iter([("request".to_owned(), Value::from(request))])))
    }

    /// The request signed for several client identifiers, each of its own trust framework (appendix A.3.2.2):
    /// `client_id` and `verifier_info` stand in the protected headers, all else in the payload.
    pub fn multisigned(&self, signatures: &[Signature<'_>], now: Timestamp) -> Result<RequestData, Error> {
        self.check_time(now)?;
        if !(1..=MAX_SIGNATURES).contains(&signatures.len()) {
            return Err(Error::Signatures(signatures.len()));
        }
        let claims = self.content.to_signed_claims(self.issued, self.expires);
        let (mut payload, mut list) = (String::new(), Vec::new());
        for signature in signatures {
            let header = signature.proof.header(signature.client_id, signature.signer)?;
            let mut header = header.with("client_id", Value::from(signature.client_id.as_str()));
            if let Some(info) = signature.verifier_info {
                header = header.with("verifier_info", info.clone());
            }
            // The same claims give the same payload each time, so every part is one of one JWS.
            let compact = jws::sign_claims(header, &claims, signature.signer)?;
            if let [protected, body, tail] = compact.split('.').collect::<Vec<_>>()[..] {
                body.clone_into(&mut payload);
                list.push(serde_json::json!({ "protected": protected, "signature": tail }));
            }
        }
        let request = serde_json::json!({ "payload": payload, "signatures": list });
        Ok(RequestData::new(Protocol::Multisigned, Map::from_iter([("request".to_owned(), request)])))
    }

    /// Takes the response of the page at `origin`: the `DigitalCredential` in JSON, `{protocol, data}`. Consumes the
    /// request: whatever comes of it, it can not be answered again by this value.
    ///
    /// `origin` is where the page stood that called the API, by the verifier's own knowledge (its session, the `Origin`
    /// header), never by what the response says.
    pub fn accept(self, message: &[u8], origin: &Origin, now: Timestamp) -> Result<Answer, Error> {
        self.check_time(now)?;
        if !self.content.expected_origins.iter().any(|expected| expected == origin.as_str()) {
            return Err(Error::OtherOrigin);
        }
        if message.len() > MAX_BYTES {
            return Err(Error::TooLarge(message.len()));
        }
        let message = json::parse_object(message)?;
        let protocol = message.get("protocol").and_then(Value::as_str).and_then(Protocol::from_name);
        protocol.ok_or(Error::Member("protocol"))?;
        let data = message.get("data").and_then(Value::as_object).ok_or(Error::Member("data"))?;
        match (data.get("response"), &self.key) {
            (Some(response), Some(key)) => {
                let sealed = Sealed::parse(response.as_str().ok_or(Error::Member("response"))?);
                let sealed = sealed.map_err(Error::Decryption)?;
                let own = self.content.encryption_key().and_then(|key| key.kid.as_deref());
                if sealed.kid().is_some_and(|kid| Some(kid) != own) {
                    return Err(Error::OtherKey);
                }
                let members = json::parse_object(&open(&sealed, key).map_err(Error::Decryption)?)?;
                self.answer(&members, origin)
            }
            (Some(_), None) => Err(Error::OtherKey),
            (None, Some(_)) if data.contains_key("vp_token") => Err(Error::NotEncrypted),
            // Errors may come in the clear (section 8.3).
            (None, _) => self.answer(data, origin),
        }
    }

    fn answer(self, members: &Map<String, Value>, origin: &Origin) -> Result<Answer, Error> {
        let refusal = Refusal::of(|name| members.get(name).and_then(Value::as_str));
        match (members.get("vp_token"), refusal) {
            (Some(vp_token), None) => {
                let vp_token = VpToken::from_value(vp_token, &self.content.query)?;
                let response = ReceivedResponse { vp_token, content: self.content, origin: origin.clone() };
                Ok(Answer::Presented(Box::new(response)))
            }
            (None, Some(refusal)) => Ok(Answer::Refused(refusal)),
            (Some(_), Some(_)) | (None, None) => Err(Error::NoVpToken),
        }
    }

    fn check_time(&self, now: Timestamp) -> Result<(), Error> {
        if now >= self.expires { Err(Error::Expired { at: self.expires }) } else { Ok(()) }
    }
}

/// A wallet's answer to a request.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// Presentations, none of them verified.
    Presented(Box<ReceivedResponse>),
    /// The wallet or its user refused.
    Refused(Refusal),
}

/// Presentations that came for a request, and what they must be held against. None of them is verified.
#[derive(Debug, Clone, PartialEq)]
pub struct ReceivedResponse {
    /// Presentations by credential query identifier; the shape fits the query.
    pub vp_token: VpToken,
    /// The request that they answer: its nonce and transaction data are what holder binding must cover.
    pub content: Content,
    /// The page that asked.
    pub origin: Origin,
}

impl ReceivedResponse {
    /// The audience that holder binding must cover: the origin, whoever signed the request (appendix A.4).
    #[must_use]
    pub fn audience(&self) -> String {
        self.origin.audience()
    }

    /// What an mdoc's device must have signed over (appendix B.2.6.2).
    pub fn session_transcript(&self) -> Result<SessionTranscript, KeyError> {
        session_transcript(self.origin.as_str(), &self.content)
    }
}
