//! The wallet's half: from a link to a request that may be believed, and the answer to it.
//!
//! [`RequestUri`] is what a link carries; [`RequestUri::fetch`] gives the request for the signed object. The object is
//! [`ReceivedRequest`] until its signature is checked, then [`AuthenticRequest`]: now the caller asks its trusted lists
//! about the certificate chain, and only then [`AuthenticRequest::understand`] gives the [`PresentationRequest`].

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};
use url::{Url, form_urlencoded};
use warifu_credential::mdoc::SessionTranscript;
use warifu_keys::Entropy;
use warifu_keys::jwe::{self, Encryption, JweError};
use warifu_keys::jwk::KeyError;
use warifu_keys::jws::{JwsError, Unverified};
use warifu_keys::x509::{Certificate, X509Error};

use crate::dcql::Query;
use crate::http::{self, Request, Response, UrlError};

use super::request::{
    self, AUDIENCE, ClientId, ClientMetadata, MAX_BYTES, NotAClientId, RequestError, RequestObject, TYP,
};
use super::response::{ErrorCode, VpToken, VpTokenError};
use super::transaction_data::{self, TransactionData};

/// How far ahead of this clock a request may be dated.
const MAX_AHEAD: SignedDuration = SignedDuration::from_secs(60);

/// Why a request is not answered.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not a link of a known scheme.
    #[error("not a presentation request link")]
    NotARequestLink,
    /// A parameter of the link is missing, repeated or malformed.
    #[error("link parameter `{0}` is missing or malformed")]
    LinkParameter(String),
    /// `request_uri_method` is neither `get` nor `post`.
    #[error("request_uri_method `{0}` is not known")]
    RequestUriMethod(String),
    /// A URL that will not be called.
    #[error("request_uri: {0}")]
    Url(#[from] UrlError),
    /// The client identifier has another prefix.
    #[error(transparent)]
    ClientId(#[from] NotAClientId),
    /// The request URI did not answer with 200.
    #[error("the request URI answered with status {0}")]
    Status(u16),
    /// Longer than [`MAX_BYTES`], or not text.
    #[error("the request object is too large or not text")]
    Body,
    /// Not a signed request object.
    #[error("the request object: {0}")]
    Jws(#[from] JwsError),
    /// A certificate can not be used.
    #[error("the verifier's certificate: {0}")]
    Certificate(#[from] X509Error),
    /// The certificate is not the one that the client identifier names.
    #[error("the certificate does not belong to the client identifier")]
    OtherCertificate,
    /// The client identifier inside the object differs from the link's.
    #[error("the request object is of another client identifier")]
    OtherClientId,
    /// `aud` is not a wallet's.
    #[error("the request object is for another audience")]
    OtherAudience,
    /// `wallet_nonce` is missing or another.
    #[error("the request object does not carry the wallet's nonce")]
    WalletNonce,
    /// `exp` has passed.
    #[error("the request expired at {at}")]
    Expired {
        /// When it ended.
        at: Timestamp,
    },
    /// `iat` lies ahead.
    #[error("the request is dated ahead")]
    Ahead,
    /// The content is malformed or not supported.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// The answer does not fit the query.
    #[error("the answer: {0}")]
    VpToken(#[from] VpTokenError),
    /// The answer can not be encrypted.
    #[error("the answer: {0}")]
    Encryption(#[from] JweError),
}

impl Error {
    /// What the verifier may be told about it.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::RequestUriMethod(_) => ErrorCode::InvalidRequestUriMethod,
            Self::Request(RequestError::TransactionData(_)) => ErrorCode::InvalidTransactionData,
            Self::Request(RequestError::Scope) => ErrorCode::InvalidScope,
            Self::NotARequestLink
            | Self::LinkParameter(_)
            | Self::Url(_)
            | Self::ClientId(_)
            | Self::Status(_)
            | Self::Body
            | Self::Jws(_)
            | Self::Certificate(_)
            | Self::OtherCertificate
            | Self::OtherClientId
            | Self::OtherAudience
            | Self::WalletNonce
            | Self::Expired { .. }
            | Self::Ahead
            | Self::Request(_)
            | Self::VpToken(_)
            | Self::Encryption(_) => ErrorCode::InvalidRequest,
        }
    }
}

/// The scheme of a request link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// `openid4vp://`, of OpenID4VP.
    Openid4vp,
    /// `haip-vp://`, of HAIP 1.0 section 5.1.
    HaipVp,
}

impl Scheme {
    /// The scheme's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Openid4vp => "openid4vp",
            Self::HaipVp => "haip-vp",
        }
    }
}

/// A link to a request object (section 5.10). Nothing in it is believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestUri {
    /// Who says to be asking.
    pub client_id: ClientId,
    /// Where the request object lies.
    pub request_uri: Url,
    /// How to fetch it.
    pub method: http::Method,
}

impl RequestUri {
    /// Reads a link or QR text. Parameters that count inside the request object only are ignored here.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let text = text.trim();
        let (scheme, rest) = text.split_once(':').ok_or(Error::NotARequestLink)?;
        let known = [Scheme::Openid4vp, Scheme::HaipVp];
        if text.len() > 2 * http::MAX_URL_BYTES || !known.iter().any(|known| known.name().eq_ignore_ascii_case(scheme))
        {
            return Err(Error::NotARequestLink);
        }
        let (_, query) = rest.split_once('?').ok_or(Error::NotARequestLink)?;
        let query = query.split('#').next().unwrap_or_default();
        let fields = http::form_fields(query.as_bytes()).map_err(Error::LinkParameter)?;
        let parameter = |name: &str| http::field(&fields, name).ok_or_else(|| Error::LinkParameter(name.to_owned()));
        let method = match http::field(&fields, "request_uri_method") {
            None | Some("get") => http::Method::Get,
            Some("post") => http::Method::Post,
            Some(other) => return Err(Error::RequestUriMethod(http::shorten(other))),
        };
        if http::field(&fields, "request").is_some() {
            // Section 5.10.1: never together with `request_uri`; by value it is not supported.
            return Err(Error::LinkParameter("request".to_owned()));
        }
        let request_uri = http::callable(parameter("request_uri")?)?;
        Ok(Self { client_id: ClientId::parse(parameter("client_id")?)?, request_uri, method })
    }

    /// The link with this scheme.
    #[must_use]
    pub fn to_uri(&self, scheme: Scheme) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("client_id", self.client_id.as_str()).append_pair("request_uri", self.request_uri.as_str());
        if self.method == http::Method::Post {
            query.append_pair("request_uri_method", "post");
        }
        format!("{}://?{}", scheme.name(), query.finish())
    }

    /// The request for the signed object; by `POST` with a fresh nonce, which the object must carry.
    #[must_use]
    pub fn fetch(self, entropy: &dyn Entropy) -> AwaitingRequest {
        let accept = format!("application/{TYP}");
        match self.method {
            http::Method::Get => {
                let request = Request::get(self.request_uri, &accept);
                AwaitingRequest { request, client_id: self.client_id, wallet_nonce: None }
            }
            http::Method::Post => {
                let nonce = entropy.token();
                let metadata = wallet_metadata().to_string();
                let fields = [("wallet_metadata", metadata.as_str()), ("wallet_nonce", nonce.as_str())];
                let mut request = Request::form(self.request_uri, &fields);
                request.headers.retain(|(name, _)| *name != "accept");
                let request = request.header("accept", accept);
                AwaitingRequest { request, client_id: self.client_id, wallet_nonce: Some(nonce) }
            }
        }
    }
}

/// What the wallet says about itself (section 10).
fn wallet_metadata() -> Value {
    json!({
        "vp_formats_supported": ClientMetadata::default_formats(),
        "client_id_prefixes_supported": ["x509_hash"],
        "request_object_signing_alg_values_supported": ["ES256", "EdDSA"],
        "authorization_encryption_alg_values_supported": ["ECDH-ES"],
        "authorization_encryption_enc_values_supported": ["A256GCM", "A128GCM"],
    })
}

/// The request object is to be fetched.
#[derive(Debug, Clone)]
pub struct AwaitingRequest {
    request: Request,
    client_id: ClientId,
    wallet_nonce: Option<String>,
}

impl AwaitingRequest {
    /// The request to send.
    #[must_use]
    pub fn request(&self) -> &Request {
        &self.request
    }

    /// Takes the answer.
    pub fn answer(self, response: &Response) -> Result<ReceivedRequest, Error> {
        if response.status != 200 {
            return Err(Error::Status(response.status));
        }
        if response.body.len() > MAX_BYTES {
            return Err(Error::Body);
        }
        let jwt = std::str::from_utf8(&response.body).map_err(|_| Error::Body)?.trim().to_owned();
        let origin = Some(self.request.url);
        Ok(ReceivedRequest { jwt, client_id: self.client_id, wallet_nonce: self.wallet_nonce, origin })
    }
}

/// A request object that came over the wire: nothing in it may be believed.
#[derive(Debug, Clone)]
pub struct ReceivedRequest {
    jwt: String,
    client_id: ClientId,
    wallet_nonce: Option<String>,
    /// Where the object was fetched; a plain HTTP response URI is for that origin only.
    origin: Option<Url>,
}

impl ReceivedRequest {
    /// The object `jwt` that `client_id` is said to have made, however it came.
    #[must_use]
    pub fn new(jwt: String, client_id: ClientId) -> Self {
        Self { jwt, client_id, wallet_nonce: None, origin: None }
    }

    /// Checks that the object was signed by the certificate that the client identifier names, for wallets, in time.
    ///
    /// Whether that certificate is trusted is the caller's question to its trusted lists, with
    /// [`AuthenticRequest::chain`]. Until this returns no error may be sent anywhere: the response URI is a stranger's.
    pub fn authenticate(self, now: Timestamp) -> Result<AuthenticRequest, Error> {
        if self.jwt.len() > MAX_BYTES {
            return Err(Error::Body);
        }
        let jws = Unverified::parse(&self.jwt)?;
        jws.expect_typ(TYP)?;
        let chain = jws.x5c()?;
        let [leaf, ..] = &chain[..] else { return Err(X509Error::Missing.into()) };
        if !self.client_id.is_of(leaf) {
            return Err(Error::OtherCertificate);
        }
        let claims = jws.verify_claims(&leaf.public_key()?)?;
        // Section 5.10.1: the same inside and outside, and only what is inside counts.
        if request::client_id(&claims)? != self.client_id {
            return Err(Error::OtherClientId);
        }
        if claims.get("aud").and_then(Value::as_str) != Some(AUDIENCE) {
            return Err(Error::OtherAudience);
        }
        if self.wallet_nonce.is_some()
            && claims.get("wallet_nonce").and_then(Value::as_str) != self.wallet_nonce.as_deref()
        {
            return Err(Error::WalletNonce);
        }
        if let Some(at) = request::instant(&claims, "exp")?.filter(|at| now >= *at) {
            return Err(Error::Expired { at });
        }
        for name in ["iat", "nbf"] {
            if request::instant(&claims, name)?.is_some_and(|at| at.duration_since(now) > MAX_AHEAD) {
                return Err(Error::Ahead);
            }
        }
        request::check_response_parameters(&claims)?;
        let response_uri = request::response_uri(&claims)?;
        if let Some(origin) = &self.origin {
            http::check_callable_from(&response_uri, origin).map_err(RequestError::ResponseUri)?;
        }
        Ok(AuthenticRequest { client_id: self.client_id, chain, response_uri, state: request::state(&claims), claims })
    }
}

/// A request whose maker is certain. Whether that maker may ask is the question to the trusted lists.
#[derive(Debug, Clone)]
pub struct AuthenticRequest {
    client_id: ClientId,
    chain: Vec<Certificate>,
    response_uri: Url,
    state: Option<String>,
    claims: Map<String, Value>,
}

/// A request that can not be answered as asked: why, and what to tell the verifier.
#[derive(Debug, thiserror::Error)]
#[error("{reason}")]
pub struct Misunderstood {
    /// Why.
    #[source]
    pub reason: Error,
    /// The error response, to be sent if the user agrees to say anything.
    pub answer: Request,
}

impl AuthenticRequest {
    /// The verifier's client identifier.
    #[must_use]
    pub fn client_id(&self) -> &ClientId {
        &self.client_id
    }

    /// The verifier's certificates, leaf first, as they came: the leaf made the request, nothing else is checked.
    #[must_use]
    pub fn chain(&self) -> &[Certificate] {
        &self.chain
    }

    /// Attestations about the verifier (`verifier_info`), for the trusted lists; as they came.
    #[must_use]
    pub fn verifier_info(&self) -> Option<&Value> {
        self.claims.get("verifier_info")
    }

    /// Reads what is asked. Transaction data of a type outside `known_types` is refused (section 8.4: the one parameter
    /// that may not be ignored).
    pub fn understand(self, known_types: &[&str]) -> Result<PresentationRequest, Box<Misunderstood>> {
        match RequestObject::from_claims(&self.claims).and_then(|object| check_types(object, known_types)) {
            Ok(object) => Ok(PresentationRequest { authentic: self, object }),
            Err(error) => {
                let reason = Error::Request(error);
                let answer = self.refuse(reason.code());
                Err(Box::new(Misunderstood { reason, answer }))
            }
        }
    }

    /// An error response, in the clear (section 8.3). Use [`ErrorCode::AccessDenied`] alike when nothing matches and when
    /// the user refuses.
    #[must_use]
    pub fn refuse(&self, code: ErrorCode) -> Request {
        let mut fields = vec![("error", code.name())];
        fields.extend(self.state.as_deref().map(|state| ("state", state)));
        Request::form(self.response_uri.clone(), &fields)
    }
}

fn check_types(object: RequestObject, known_types: &[&str]) -> Result<RequestObject, RequestError> {
    match object.transaction_data.iter().find(|entry| !known_types.contains(&entry.kind())) {
        Some(entry) => Err(transaction_data::Error::UnknownType(http::shorten(entry.kind())).into()),
        None => Ok(object),
    }
}

/// A request that the wallet understands.
#[derive(Debug, Clone)]
pub struct PresentationRequest {
    authentic: AuthenticRequest,
    object: RequestObject,
}

impl PresentationRequest {
    /// The verifier's client identifier: `aud` of a key binding JWT, whole with its prefix.
    #[must_use]
    pub fn client_id(&self) -> &ClientId {
        &self.object.client_id
    }

    /// The verifier's certificates, leaf first.
    #[must_use]
    pub fn chain(&self) -> &[Certificate] {
        &self.authentic.chain
    }

    /// What is asked.
    #[must_use]
    pub fn query(&self) -> &Query {
        &self.object.query
    }

    /// The nonce for holder binding.
    #[must_use]
    pub fn nonce(&self) -> &str {
        &self.object.nonce
    }

    /// What the user agrees to by presenting.
    #[must_use]
    pub fn transaction_data(&self) -> &[TransactionData] {
        &self.object.transaction_data
    }

    /// The transaction data that a presentation for this credential query can carry.
    pub fn transaction_data_for(&self, query_id: &str) -> impl Iterator<Item = &TransactionData> {
        self.object.transaction_data.iter().filter(move |entry| entry.credential_ids().iter().any(|id| id == query_id))
    }

    /// Everything that was asked.
    #[must_use]
    pub fn object(&self) -> &RequestObject {
        &self.object
    }

    /// What an mdoc's device signs over to answer this request (appendix B.2.6.1), with the response URI letter by letter
    /// as the verifier wrote it.
    pub fn session_transcript(&self) -> Result<SessionTranscript, KeyError> {
        let written = self.authentic.claims.get("response_uri").and_then(Value::as_str).unwrap_or_default();
        self.object.session_transcript_at(written)
    }

    /// The encrypted response (`direct_post.jwt`, section 8.3.1); `A256GCM` where the verifier takes it (HAIP 1.0
    /// section 5). The shape must fit the query.
    pub fn respond(&self, vp_token: &VpToken, entropy: &dyn Entropy) -> Result<Request, Error> {
        vp_token.check(&self.object.query)?;
        let mut members = Map::new();
        members.insert("vp_token".to_owned(), vp_token.to_value());
        if let Some(state) = &self.object.state {
            members.insert("state".to_owned(), Value::from(state.as_str()));
        }
        let metadata = &self.object.client_metadata;
        let strong = metadata.encryptions.contains(&Encryption::A256Gcm);
        let encryption = if strong { Encryption::A256Gcm } else { Encryption::A128Gcm };
        let payload = Value::Object(members).to_string();
        let jwe = jwe::encrypt(payload.as_bytes(), &metadata.encryption_key, encryption, Map::new(), entropy)?;
        Ok(Request::form(self.object.response_uri.clone(), &[("response", &jwe)]))
    }

    /// An error response, see [`AuthenticRequest::refuse`].
    #[must_use]
    pub fn refuse(&self, code: ErrorCode) -> Request {
        self.authentic.refuse(code)
    }
}
