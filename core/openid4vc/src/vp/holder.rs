//! The wallet's half: from a link to a request that may be believed, and the answer to it.
//!
//! [`RequestLink`] is what a link carries, most often a [`RequestUri`]; [`RequestUri::fetch`] gives the request for the signed object. The object is
//! [`ReceivedRequest`] until its signature is checked, then [`AuthenticRequest`]: now the caller asks its trusted lists
//! about the certificate chain, and only then [`AuthenticRequest::understand`] gives the [`PresentationRequest`].

use jiff::Timestamp;
use serde_json::{Map, Value};
use url::{Url, form_urlencoded};
use warifu_credential::mdoc::SessionTranscript;
use warifu_keys::Entropy;
use warifu_keys::json;
use warifu_keys::jwe::{AgreementKey, Encryption, Sealed};
use warifu_keys::jwk::KeyError;
use warifu_keys::jws::Unverified;
use warifu_keys::x509::Certificate;

use crate::dcql::Query;
use crate::http::{self, Request, Response};

use super::client_id::{ClientId, Prefix};
use super::identity::{self, Answers, MAX_AHEAD, Maker, Terms};
use super::request::{self, AUDIENCE, Asked, MAX_BYTES, RequestError, RequestObject, ResponseMode, TYP};
use super::response::{ErrorCode, VpToken};
use super::transaction_data::{self, TransactionData};
use super::wallet_metadata::WalletMetadata;

mod error;
mod link;

pub use error::Error;
pub use link::{RequestLink, UnsignedLink};

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
        let fields = link_parameters(text, 2 * http::MAX_URL_BYTES)?;
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
        self.fetch_as(&WalletMetadata::own(&[Prefix::X509Hash, Prefix::X509SanDns]), entropy)
    }

    /// [`RequestUri::fetch`] by a wallet that says this about itself; a `GET` says nothing.
    #[must_use]
    pub fn fetch_as(self, metadata: &WalletMetadata, entropy: &dyn Entropy) -> AwaitingRequest {
        let accept = format!("application/{TYP}");
        match self.method {
            http::Method::Get => {
                let request = Request::get(self.request_uri, &accept);
                AwaitingRequest { request, client_id: self.client_id, wallet_nonce: None, key: None }
            }
            http::Method::Post => {
                let nonce = entropy.token();
                let metadata = metadata.to_value().to_string();
                let fields = [("wallet_metadata", metadata.as_str()), ("wallet_nonce", nonce.as_str())];
                let mut request = Request::form(self.request_uri, &fields);
                request.headers.retain(|(name, _)| *name != "accept");
                let request = request.header("accept", accept);
                AwaitingRequest { request, client_id: self.client_id, wallet_nonce: Some(nonce), key: None }
            }
        }
    }

    /// [`RequestUri::fetch_as`] with a fresh key for the request object, which must then come encrypted. A link that is to
    /// be fetched by `GET` can not carry a key: [`Error::RequestUriMethod`].
    pub fn fetch_sealed(self, metadata: &WalletMetadata, entropy: &dyn Entropy) -> Result<AwaitingRequest, Error> {
        if self.method == http::Method::Get {
            return Err(Error::RequestUriMethod("get".to_owned()));
        }
        let (key, metadata) = with_key(metadata, entropy);
        Ok(AwaitingRequest { key: Some(Seal::Demanded(key)), ..self.fetch_as(&metadata, entropy) })
    }

    /// [`RequestUri::fetch_as`] that offers a fresh key where the link is to be fetched by `POST`. The object may come
    /// encrypted to it or not, because not every verifier can encrypt; its signature is checked either way.
    #[must_use]
    pub fn fetch_offering(self, metadata: &WalletMetadata, entropy: &dyn Entropy) -> AwaitingRequest {
        match self.method {
            http::Method::Get => self.fetch_as(metadata, entropy),
            http::Method::Post => {
                let (key, metadata) = with_key(metadata, entropy);
                AwaitingRequest { key: Some(Seal::Offered(key)), ..self.fetch_as(&metadata, entropy) }
            }
        }
    }
}

/// A fresh key for a request object, and the metadata that name it.
fn with_key(metadata: &WalletMetadata, entropy: &dyn Entropy) -> (AgreementKey, WalletMetadata) {
    let key = AgreementKey::generate(entropy);
    let encryptions = vec![Encryption::A256Gcm, Encryption::A128Gcm];
    let metadata = WalletMetadata { request_encryption: Some((key.public_jwk(), encryptions)), ..metadata.clone() };
    (key, metadata)
}

/// The parameters of a link of a known scheme.
fn link_parameters(text: &str, most: usize) -> Result<Vec<(String, String)>, Error> {
    let text = text.trim();
    let (scheme, rest) = text.split_once(':').ok_or(Error::NotARequestLink)?;
    let known = [Scheme::Openid4vp, Scheme::HaipVp];
    if text.len() > most || !known.iter().any(|known| known.name().eq_ignore_ascii_case(scheme)) {
        return Err(Error::NotARequestLink);
    }
    let (_, query) = rest.split_once('?').ok_or(Error::NotARequestLink)?;
    let query = query.split('#').next().unwrap_or_default();
    http::form_fields(query.as_bytes()).map_err(Error::LinkParameter)
}

/// The request object is to be fetched.
#[derive(Debug, Clone)]
pub struct AwaitingRequest {
    request: Request,
    client_id: ClientId,
    wallet_nonce: Option<String>,
    /// What the object must or may be encrypted to, if anything.
    key: Option<Seal>,
}

/// The key that a request object is encrypted to.
#[derive(Debug, Clone)]
enum Seal {
    /// It must be.
    Demanded(AgreementKey),
    /// It may be.
    Offered(AgreementKey),
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
        let text = std::str::from_utf8(&response.body).map_err(|_| Error::Body)?.trim();
        let jwt = match &self.key {
            None => text.to_owned(),
            // Three parts are a JWS (RFC 7515 section 3.1), a JWE has five.
            Some(Seal::Offered(_)) if text.bytes().filter(|byte| *byte == b'.').count() == 2 => text.to_owned(),
            Some(Seal::Demanded(key) | Seal::Offered(key)) => {
                let opened = Sealed::parse(text).and_then(|sealed| sealed.decrypt(key)).map_err(|_| Error::Sealed)?;
                std::str::from_utf8(&opened).map_err(|_| Error::Body)?.to_owned()
            }
        };
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

    /// Who is said to be asking.
    #[must_use]
    pub fn client_id(&self) -> &ClientId {
        &self.client_id
    }

    /// The DID URL whose key [`Terms`] must bring, where the client identifier is a DID; `None` for the other prefixes.
    /// Nothing is verified yet: it says only what to resolve.
    pub fn verification_method(&self) -> Result<Option<String>, Error> {
        match self.client_id.prefix() {
            Prefix::DecentralizedIdentifier => {
                let jws = Unverified::parse(&self.jwt)?;
                Ok(Some(jws.header_text("kid").ok_or(Error::OtherMethod)?.to_owned()))
            }
            Prefix::X509Hash | Prefix::X509SanDns | Prefix::VerifierAttestation | Prefix::RedirectUri => Ok(None),
        }
    }

    /// [`ReceivedRequest::authenticate_with`] on the default terms: only certificates prove a client identifier, and
    /// answers are encrypted.
    pub fn authenticate(self, now: Timestamp) -> Result<AuthenticRequest, Error> {
        self.authenticate_with(&Terms::default(), now)
    }

    /// Checks that the object was signed by whom the client identifier names, for wallets, in time.
    ///
    /// Whether a certificate is trusted is the caller's question to its trusted lists, with [`AuthenticRequest::chain`].
    /// Until this returns no error may be sent anywhere: the response URI is a stranger's.
    pub fn authenticate_with(self, terms: &Terms<'_>, now: Timestamp) -> Result<AuthenticRequest, Error> {
        if self.jwt.len() > MAX_BYTES {
            return Err(Error::Body);
        }
        let jws = Unverified::parse(&self.jwt)?;
        let (maker, claims) = identity::authenticate(&jws, &self.client_id, terms, now)?;
        if claims.get("aud").and_then(Value::as_str) != Some(AUDIENCE) {
            return Err(Error::OtherAudience);
        }
        if self.wallet_nonce.is_some()
            && claims.get("wallet_nonce").and_then(Value::as_str) != self.wallet_nonce.as_deref()
        {
            return Err(Error::WalletNonce);
        }
        check_times(&claims, now)?;
        AuthenticRequest::of(self.client_id, maker, claims, terms, self.origin.as_ref())
    }
}

/// `exp`, `iat` and `nbf` of a signed request.
pub(super) fn check_times(claims: &Map<String, Value>, now: Timestamp) -> Result<(), Error> {
    if let Some(at) = request::instant(claims, "exp")?.filter(|at| now >= *at) {
        return Err(Error::Expired { at });
    }
    for name in ["iat", "nbf"] {
        if request::instant(claims, name)?.is_some_and(|at| at.duration_since(now) > MAX_AHEAD) {
            return Err(Error::Ahead);
        }
    }
    Ok(())
}

/// A request in the link itself, by whoever receives at its response URI: the client identifier prefix `redirect_uri`
/// (section 5.9.3). Nobody has signed it, so that nothing is known about its maker.
///
/// The parameters of a link count one by one; those that hold an object are JSON text.
pub fn unsigned_request(link: &str, terms: &Terms<'_>) -> Result<AuthenticRequest, Error> {
    let fields = link_parameters(link, MAX_BYTES)?;
    let client_id = http::field(&fields, "client_id").ok_or_else(|| Error::LinkParameter("client_id".to_owned()))?;
    let client_id = ClientId::parse(client_id)?;
    if client_id.prefix().is_signed() {
        return Err(Error::NotSigned);
    }
    let mut claims = Map::new();
    for (name, value) in &fields {
        let value = match name.as_str() {
            "request" | "request_uri" | "request_uri_method" => return Err(Error::LinkParameter(name.clone())),
            "dcql_query" | "client_metadata" | "transaction_data" | "verifier_info" => {
                json::parse(value.as_bytes()).map_err(|_| Error::LinkParameter(name.clone()))?
            }
            _ => Value::from(value.as_str()),
        };
        claims.insert(name.clone(), value);
    }
    // The response URI may be left out, because the client identifier is it.
    claims.entry("response_uri").or_insert_with(|| Value::from(client_id.original()));
    AuthenticRequest::of(client_id, Maker::Anybody, claims, terms, None)
}

/// A request whose maker is known as well as its client identifier allows. Whether that maker may ask is the question to
/// the trusted lists.
#[derive(Debug, Clone)]
pub struct AuthenticRequest {
    client_id: ClientId,
    maker: Maker,
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
    fn of(
        client_id: ClientId,
        maker: Maker,
        claims: Map<String, Value>,
        terms: &Terms<'_>,
        origin: Option<&Url>,
    ) -> Result<Self, Error> {
        // Section 5.10.1: the same inside and outside, and only what is inside counts.
        if request::client_id(&claims)? != client_id {
            return Err(Error::OtherClientId);
        }
        let mode = request::check_response_parameters(&claims)?;
        check_answers(mode, terms)?;
        let response_uri = request::response_uri(&claims)?;
        if let Some(origin) = origin {
            http::check_callable_from(&response_uri, origin).map_err(RequestError::ResponseUri)?;
        }
        let written = claims.get("response_uri").and_then(Value::as_str).unwrap_or_default();
        maker.check_response_uri(&client_id, written, &response_uri)?;
        Ok(Self { client_id, maker, response_uri, state: request::state(&claims), claims })
    }

    /// The verifier's client identifier.
    #[must_use]
    pub fn client_id(&self) -> &ClientId {
        &self.client_id
    }

    /// Who made the request, and how that is known.
    #[must_use]
    pub fn maker(&self) -> &Maker {
        &self.maker
    }

    /// The verifier's certificates, leaf first, as they came: the leaf made the request, nothing else is checked. Empty
    /// where something else proves the client identifier, so that a trusted list of certificates refuses it.
    #[must_use]
    pub fn chain(&self) -> &[Certificate] {
        self.maker.chain()
    }

    /// Attestations about the verifier (`verifier_info`), for the trusted lists; as they came.
    #[must_use]
    pub fn verifier_info(&self) -> Option<&Value> {
        self.claims.get("verifier_info")
    }

    /// Reads what is asked. Transaction data of a type outside `known_types` is refused (section 8.4: the one parameter
    /// that may not be ignored).
    pub fn understand(self, known_types: &[&str]) -> Result<PresentationRequest, Box<Misunderstood>> {
        let understood = RequestObject::from_claims(&self.claims).and_then(|object| {
            check_types(&object.transaction_data, known_types)?;
            Asked::check_formats(&object.query, &object.client_metadata)?;
            Ok(object)
        });
        match understood {
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

/// Whether the wallet answers in this response mode.
pub(super) fn check_answers(mode: ResponseMode, terms: &Terms<'_>) -> Result<(), Error> {
    match terms.answers {
        Answers::Encrypted if !mode.is_encrypted() => Err(Error::NotEncrypted),
        Answers::Encrypted | Answers::AsAsked => Ok(()),
    }
}

/// Transaction data of a type that is not known must be refused (section 8.4).
pub(super) fn check_types(entries: &[TransactionData], known_types: &[&str]) -> Result<(), RequestError> {
    match entries.iter().find(|entry| !known_types.contains(&entry.kind())) {
        Some(entry) => Err(transaction_data::Error::UnknownType(http::shorten(entry.kind())).into()),
        None => Ok(()),
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
        self.authentic.chain()
    }

    /// Who made the request, and how that is known.
    #[must_use]
    pub fn maker(&self) -> &Maker {
        &self.authentic.maker
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

    /// The response: encrypted (`direct_post.jwt`, section 8.3.1), `A256GCM` where the verifier takes it, or form fields in
    /// the clear (`direct_post`, section 8.2) where the [`Terms`] allowed that. The shape must fit the query.
    pub fn respond(&self, vp_token: &VpToken, entropy: &dyn Entropy) -> Result<Request, Error> {
        vp_token.check(&self.object.query)?;
        let (url, state) = (self.object.response_uri.clone(), self.object.state.as_deref());
        match &self.object.client_metadata.response_encryption {
            Some(encryption) => {
                let mut members = Map::from_iter([("vp_token".to_owned(), vp_token.to_value())]);
                members.extend(state.map(|state| ("state".to_owned(), Value::from(state))));
                Ok(Request::form(url, &[("response", &encryption.seal(members, entropy)?)]))
            }
            None => {
                let vp_token = vp_token.to_value().to_string();
                let mut fields = vec![("vp_token", vp_token.as_str())];
                fields.extend(state.map(|state| ("state", state)));
                Ok(Request::form(url, &fields))
            }
        }
    }

    /// An error response, see [`AuthenticRequest::refuse`].
    #[must_use]
    pub fn refuse(&self, code: ErrorCode) -> Request {
        self.authentic.refuse(code)
    }
}
