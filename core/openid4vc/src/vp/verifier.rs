//! The verifier's half: a request with its own encryption key, and the one response it takes.
//!
//! [`RequestBuilder`] makes an [`AwaitingResponse`]: the value that the role stores between its two HTTP requests. It
//! signs the request object when a wallet fetches it ([`AwaitingResponse::sign`], because a wallet may send a nonce to be
//! signed along) and takes the response ([`AwaitingResponse::accept`]). The role removes the value by compare-and-set in
//! the commit that records the outcome, so that a response is accepted once.

use std::fmt;
use std::ops::Deref;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use url::{Url, form_urlencoded};
use warifu_keys::json::{self, JsonError};
use warifu_keys::jwe::{AgreementKey, Encryption, JweError, Sealed};
use warifu_keys::jws;
use warifu_keys::signer::SignerError;
use warifu_keys::x509::Certificate;
use warifu_keys::{Entropy, Secret, Signer, equal_in_constant_time};

use crate::dcql::{DcqlError, Query};
use crate::http::{self, UrlError};

use super::client_id::ClientId;
use super::holder::Scheme;
use super::identity::{Proof, ProofError};
use super::request::{ClientMetadata, RequestError, RequestObject, ResponseEncryption};
use super::response::{BodyError, PlainFields, Received, Refusal, VpToken, VpTokenError};
use super::transaction_data::TransactionData;
use super::wallet_metadata::{RequestUriPost, WalletMetadataError};

/// How long a request is good unless said otherwise.
pub const LIFE: SignedDuration = SignedDuration::from_secs(300);

/// Why a request can not be made, or a response not be taken.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// `response_uri` is no URL that a wallet would call.
    #[error("response_uri: {0}")]
    ResponseUri(#[from] UrlError),
    /// The parts do not make a request.
    #[error("the request: {0}")]
    Request(#[from] RequestError),
    /// The query is one that a verifier may not send.
    #[error("the request: {0}")]
    Query(#[from] DcqlError),
    /// The client identifier may not be answered at the response URI.
    #[error("client identifier `{0}` may not be answered at the response URI")]
    ForeignResponseUri(ClientId),
    /// The client identifier is not proved.
    #[error(transparent)]
    Proof(#[from] ProofError),
    /// The wallet could not answer the request, by what it says about itself.
    #[error(transparent)]
    Wallet(#[from] WalletMetadataError),
    /// The request object can not be encrypted to the wallet.
    #[error("the request object: {0}")]
    Encryption(JweError),
    /// The key could not be used.
    #[error(transparent)]
    Signer(#[from] SignerError),
    /// The request has ended.
    #[error("the request expired at {at}")]
    Expired {
        /// When it ended.
        at: Timestamp,
    },
    /// The body is no response.
    #[error(transparent)]
    Body(#[from] BodyError),
    /// The response came in the clear though an encrypted one was demanded.
    #[error("the response is not encrypted")]
    NotEncrypted,
    /// The response is encrypted to another key.
    #[error("the response is encrypted to another key")]
    OtherKey,
    /// The response can not be opened.
    #[error("the response: {0}")]
    Decryption(JweError),
    /// The response's content is not acceptable JSON.
    #[error("the response: {0}")]
    Json(#[from] JsonError),
    /// `state` is missing or another request's.
    #[error("the response carries another state")]
    State,
    /// Neither `vp_token` nor `error`, or both.
    #[error("the response has not exactly one of `vp_token` and `error`")]
    NoVpToken,
    /// The `vp_token` does not fit the query.
    #[error(transparent)]
    VpToken(#[from] VpTokenError),
}

/// A request to be made.
#[derive(Debug, Clone)]
pub struct RequestBuilder {
    client_id: ClientId,
    response_uri: Url,
    query: Query,
    transaction_data: Vec<TransactionData>,
    verifier_info: Option<Value>,
    vp_formats_supported: Map<String, Value>,
    life: SignedDuration,
    encrypted: bool,
}

impl RequestBuilder {
    /// A request by the owner of `leaf`, whose answer goes to `response_uri`. Let that URI name the request (a path of its
    /// own), so that a response finds its [`AwaitingResponse`]; the response's key identifier does so too.
    #[must_use]
    pub fn new(leaf: &Certificate, response_uri: Url, query: Query) -> Self {
        Self::by(ClientId::x509_hash(leaf), response_uri, query)
    }

    /// A request by the owner of another client identifier.
    #[must_use]
    pub fn by(client_id: ClientId, response_uri: Url, query: Query) -> Self {
        Self {
            client_id,
            response_uri,
            query,
            transaction_data: Vec::new(),
            verifier_info: None,
            vp_formats_supported: ClientMetadata::default_formats(),
            life: LIFE,
            encrypted: true,
        }
    }

    /// Asks for the response in the clear (`direct_post`), which HAIP 1.0 does not allow.
    #[must_use]
    pub fn answered_in_the_clear(mut self) -> Self {
        self.encrypted = false;
        self
    }

    /// Adds what the user is to agree to. Never aimed at a PID query: PID keys must not sign it (PID Rulebook 1.7).
    #[must_use]
    pub fn transaction_data(mut self, entry: TransactionData) -> Self {
        self.transaction_data.push(entry);
        self
    }

    /// Sets `verifier_info`, an array of `{format, data}` (section 5.11).
    #[must_use]
    pub fn verifier_info(mut self, info: Value) -> Self {
        self.verifier_info = Some(info);
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

    /// Makes the request with fresh nonce, state and encryption key (HAIP 1.0 section 5: one key for each request).
    pub fn build(self, entropy: &dyn Entropy, now: Timestamp) -> Result<AwaitingResponse, Error> {
        http::check_callable(&self.response_uri)?;
        self.query.check_own()?;
        if !self.client_id.may_be_answered_at(self.response_uri.as_str(), &self.response_uri) {
            return Err(Error::ForeignResponseUri(self.client_id));
        }
        let key = self.encrypted.then(|| AgreementKey::generate(entropy));
        let expires = now.checked_add(self.life).unwrap_or(Timestamp::MAX);
        let request = RequestObject {
            client_id: self.client_id,
            response_uri: self.response_uri,
            nonce: entropy.token(),
            state: Some(entropy.token()),
            query: self.query,
            client_metadata: ClientMetadata {
                response_encryption: key.as_ref().map(own_encryption),
                vp_formats_supported: self.vp_formats_supported,
            },
            transaction_data: self.transaction_data,
            verifier_info: self.verifier_info,
            issued: Some(now),
            expires: Some(expires),
        };
        // What a wallet would refuse is refused here.
        RequestObject::from_claims(&request.to_claims(None))?;
        Ok(AwaitingResponse { request, key: key.map(|key| key.to_bytes()), expires })
    }
}

/// Encryption to this key, both content encryptions offered (HAIP 1.0 section 5).
pub(super) fn own_encryption(key: &AgreementKey) -> ResponseEncryption {
    ResponseEncryption { key: key.public_jwk(), encryptions: vec![Encryption::A256Gcm, Encryption::A128Gcm] }
}

/// A request whose response has not come yet. Serialised it holds the private encryption key: store it encrypted.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct AwaitingResponse {
    request: RequestObject,
    #[serde(default, skip_serializing_if = "Option::is_none", with = "super::secret_text")]
    key: Option<Secret>,
    expires: Timestamp,
}

impl fmt::Debug for AwaitingResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AwaitingResponse({} until {})", self.request.client_id, self.expires)
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
    /// The request that they answer: `nonce`, `client_id` and the transaction data are what holder binding must cover, for
    /// an mdoc by [`RequestObject::session_transcript`].
    pub request: RequestObject,
}

impl AwaitingResponse {
    /// The request's content.
    #[must_use]
    pub fn request(&self) -> &RequestObject {
        &self.request
    }

    /// When the request ends.
    #[must_use]
    pub fn expires(&self) -> Timestamp {
        self.expires
    }

    /// The `kid` that an encrypted response will carry ([`Received::key_id`]); empty where responses are not encrypted.
    #[must_use]
    pub fn key_id(&self) -> &str {
        self.request.encryption_key().and_then(|key| key.kid.as_deref()).unwrap_or_default()
    }

    /// The `state` that an error in the clear will carry ([`Received::state`]).
    #[must_use]
    pub fn state(&self) -> &str {
        self.request.state.as_deref().unwrap_or_default()
    }

    /// Whether what came is meant for this request: encrypted to its key, or with its `state`. Both stand only in the request
    /// object, so noise from strangers does not end somebody else's request. What is meant for it may still be wrong.
    #[must_use]
    pub fn is_meant_by(&self, received: &Received) -> bool {
        match received {
            // A request without a key has no answer that is encrypted, to a key without a name neither.
            Received::Encrypted(_) => self.key.is_some() && received.key_id() == Some(self.key_id()),
            Received::Plain(_) => {
                received.state().is_some_and(|state| equal_in_constant_time(state.as_bytes(), self.state().as_bytes()))
            }
        }
    }

    /// The signed request object, to be served at the request URI as `application/oauth-authz-req+jwt`, with what proves the
    /// client identifier. `wallet_nonce` comes from a `POST` to the request URI.
    pub fn sign<'a>(
        &self,
        proof: impl Into<Proof<'a>>,
        signer: &dyn Signer,
        wallet_nonce: Option<&str>,
        now: Timestamp,
    ) -> Result<String, Error> {
        self.check_time(now)?;
        let header = proof.into().header(&self.request.client_id, signer)?;
        Ok(jws::sign_claims(header, &self.request.to_claims(wallet_nonce), signer)?)
    }

    /// [`AwaitingResponse::sign`] for a wallet that posted: with its nonce, encrypted to its key where it sent one, and
    /// refused where the wallet says that it could not answer (section 5.10).
    pub fn sign_for<'a>(
        &self,
        proof: impl Into<Proof<'a>>,
        signer: &dyn Signer,
        post: &RequestUriPost,
        entropy: &dyn Entropy,
        now: Timestamp,
    ) -> Result<String, Error> {
        if let Some(metadata) = &post.wallet_metadata {
            metadata.check(&self.request, signer.algorithm())?;
        }
        let jwt = self.sign(proof, signer, post.wallet_nonce.as_deref(), now)?;
        match &post.wallet_metadata {
            Some(metadata) => metadata.seal(jwt, entropy).map_err(Error::Encryption),
            None => Ok(jwt),
        }
    }

    /// The whole request as a link, unsigned: for the client identifier prefix `redirect_uri` only, whose requests nobody
    /// can sign (section 5.9.3).
    pub fn unsigned_link(&self, scheme: Scheme, now: Timestamp) -> Result<String, Error> {
        self.check_time(now)?;
        if self.request.client_id.prefix().is_signed() {
            return Err(ProofError::OtherWay(self.request.client_id.clone()).into());
        }
        let mut query = form_urlencoded::Serializer::new(String::new());
        for (name, value) in self.request.to_claims(None) {
            match (name.as_str(), value) {
                // What belongs to a JWT.
                ("iss" | "aud" | "iat" | "exp", _) => {}
                (name, Value::String(text)) => drop(query.append_pair(name, &text)),
                (name, value) => drop(query.append_pair(name, &value.to_string())),
            }
        }
        Ok(format!("{}://?{}", scheme.name(), query.finish()))
    }

    /// Takes the response. Consumes the request: whatever comes of it, it can not be answered again by this value.
    pub fn accept(self, received: Received, now: Timestamp) -> Result<Answer, Error> {
        self.check_time(now)?;
        match received {
            Received::Plain(fields) => self.accept_plain(&fields),
            Received::Encrypted(sealed) => self.accept_encrypted(&sealed),
        }
    }

    fn check_time(&self, now: Timestamp) -> Result<(), Error> {
        if now >= self.expires { Err(Error::Expired { at: self.expires }) } else { Ok(()) }
    }

    fn check_state(&self, found: Option<&str>) -> Result<(), Error> {
        let found = found.unwrap_or_default();
        if equal_in_constant_time(found.as_bytes(), self.state().as_bytes()) { Ok(()) } else { Err(Error::State) }
    }

    /// Errors may come in the clear (section 8.3), presentations where the request says so.
    fn accept_plain(self, fields: &PlainFields) -> Result<Answer, Error> {
        let vp_token = fields.field("vp_token");
        if vp_token.is_some() && self.key.is_some() {
            return Err(Error::NotEncrypted);
        }
        let refusal = Refusal::of(|name| fields.field(name));
        if vp_token.is_none() && refusal.is_none() {
            return Err(Error::NoVpToken);
        }
        self.check_state(fields.field("state"))?;
        let vp_token = vp_token.map(|text| json::parse(text.as_bytes())).transpose()?;
        self.answer(vp_token.as_ref(), refusal)
    }

    fn accept_encrypted(self, sealed: &Sealed) -> Result<Answer, Error> {
        let key = self.key.as_ref().ok_or(Error::OtherKey)?;
        if sealed.kid().is_some_and(|kid| kid != self.key_id()) {
            return Err(Error::OtherKey);
        }
        let members = json::parse_object(&open(sealed, key).map_err(Error::Decryption)?)?;
        self.check_state(members.get("state").and_then(Value::as_str))?;
        self.answer(members.get("vp_token"), Refusal::of(|name| members.get(name).and_then(Value::as_str)))
    }

    fn answer(self, vp_token: Option<&Value>, refusal: Option<Refusal>) -> Result<Answer, Error> {
        match (vp_token, refusal) {
            (Some(vp_token), None) => {
                let vp_token = VpToken::from_value(vp_token, &self.request.query)?;
                let response = ReceivedResponse { vp_token, request: self.request };
                Ok(Answer::Presented(Box::new(response)))
            }
            (None, Some(refusal)) => Ok(Answer::Refused(refusal)),
            (Some(_), Some(_)) | (None, None) => Err(Error::NoVpToken),
        }
    }
}

/// The content of an encrypted response; wiped when dropped.
pub(super) fn open(sealed: &Sealed, key: &Secret) -> Result<impl Deref<Target = Vec<u8>>, JweError> {
    sealed.decrypt(&AgreementKey::from_bytes(key.expose()).map_err(JweError::Key)?)
}
