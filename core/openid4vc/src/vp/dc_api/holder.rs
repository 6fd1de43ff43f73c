//! The wallet's half: from what the platform hands over to a request that may be believed, and the answer to it.
//!
//! The chain is the one of requests over redirects: [`ReceivedRequest`], [`AuthenticRequest`], [`PresentationRequest`].

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use warifu_credential::mdoc::SessionTranscript;
use warifu_keys::Entropy;
use warifu_keys::json as strict;
use warifu_keys::jwk::KeyError;
use warifu_keys::jws::Unverified;

use crate::dcql::Query;
use crate::http;
use crate::vp::client_id::ClientId;
use crate::vp::holder::{Error, check_answers, check_times, check_types};
use crate::vp::identity::{self, Maker, Terms};
use crate::vp::request::{self, AUDIENCE, Asked, MAX_BYTES, RequestError};
use crate::vp::response::{ErrorCode, VpToken};
use crate::vp::transaction_data::TransactionData;

use super::{Content, MAX_SIGNATURES, MODES, Protocol, audience, expected_origins, session_transcript};

/// A request as the platform hands it over: nothing in it may be believed but the origin, which the platform vouches for.
#[derive(Debug, Clone)]
pub struct ReceivedRequest {
    form: Form,
    origin: String,
}

#[derive(Debug, Clone)]
enum Form {
    Unsigned(Map<String, Value>),
    Signed(String),
    /// Each part as a compact JWS of its own.
    Multisigned(Vec<String>),
}

/// Whose request it is, as one signature says.
#[derive(Debug, Clone)]
pub struct Signed {
    /// The client identifier.
    pub client_id: ClientId,
    /// Who made the request, and how that is known.
    pub maker: Maker,
    /// Attestations about this client identifier (`verifier_info`); as they came.
    pub verifier_info: Option<Value>,
}

impl ReceivedRequest {
    /// Reads the data of a request. `origin` is the platform's word, without the prefix `origin:`.
    pub fn parse(protocol: &str, data: &[u8], origin: &str) -> Result<Self, Error> {
        let protocol = Protocol::from_name(protocol).ok_or_else(|| Error::Protocol(http::shorten(protocol)))?;
        if data.len() > MAX_BYTES {
            return Err(Error::Body);
        }
        let data = strict::parse_object(data).map_err(|_| Error::Data("data"))?;
        let form = match protocol {
            Protocol::Unsigned => Form::Unsigned(data),
            Protocol::Signed => {
                let request = data.get("request").and_then(Value::as_str).ok_or(Error::Data("request"))?;
                Form::Signed(request.to_owned())
            }
            Protocol::Multisigned => Form::Multisigned(parts(data.get("request").ok_or(Error::Data("request"))?)?),
        };
        Ok(Self { form, origin: origin.to_owned() })
    }

    /// The DID URLs whose keys [`Terms`] should bring. Nothing is verified yet: it says only what to resolve.
    #[must_use]
    pub fn verification_methods(&self) -> Vec<String> {
        let parts = match &self.form {
            Form::Unsigned(_) => &[][..],
            Form::Signed(part) => std::slice::from_ref(part),
            Form::Multisigned(parts) => parts,
        };
        let method = |part: &String| Unverified::parse(part).ok()?.header_text("kid").map(str::to_owned);
        parts.iter().filter_map(method).filter(|kid| kid.starts_with("did:")).collect()
    }

    /// Checks whose request it is, that it is for this origin, and in time.
    ///
    /// An unsigned request says nothing about its maker: [`AuthenticRequest::signed`] is empty, and the origin is all there
    /// is to trust. Of a multi-signed request the signatures that do not hold are left out; one at least must.
    pub fn authenticate(self, terms: &Terms<'_>, now: Timestamp) -> Result<AuthenticRequest, Error> {
        let (signed, claims) = match self.form {
            Form::Unsigned(mut claims) => {
                // Appendix A.2: both must be ignored here, so that nobody is named who has signed nothing.
                claims.remove("client_id");
                claims.remove("expected_origins");
                (Vec::new(), claims)
            }
            Form::Signed(part) => {
                let jws = Unverified::parse(&part)?;
                let client_id = request::client_id(&jws.dangerous_claims()?)?;
                let (maker, claims) = identity::authenticate(&jws, &client_id, terms, now)?;
                let verifier_info = claims.get("verifier_info").cloned();
                (vec![Signed { client_id, maker, verifier_info }], claims)
            }
            Form::Multisigned(parts) => several(&parts, terms, now)?,
        };
        let mode = request::response_mode(&claims, &MODES)?;
        check_answers(mode, terms)?;
        if !signed.is_empty() {
            if claims.get("aud").is_some_and(|aud| aud != AUDIENCE) {
                return Err(Error::OtherAudience);
            }
            // Letter by letter, without any reading of either (appendix A.2).
            let expected = expected_origins(&claims)?.ok_or(RequestError::Parameter("expected_origins"))?;
            if !expected.contains(&self.origin) {
                return Err(Error::OtherOrigin);
            }
            check_times(&claims, now)?;
        }
        Ok(AuthenticRequest { signed, claims, origin: self.origin })
    }
}

/// The signatures that hold, and the payload that they are all over.
fn several(parts: &[String], terms: &Terms<'_>, now: Timestamp) -> Result<(Vec<Signed>, Map<String, Value>), Error> {
    let (mut signed, mut payload, mut failure) = (Vec::new(), None, Error::NotSigned);
    for part in parts {
        let one = || -> Result<(Signed, Map<String, Value>), Error> {
            let jws = Unverified::parse(part)?;
            let named = jws.header_text("client_id").ok_or(RequestError::Parameter("client_id"))?;
            let client_id = ClientId::parse(named)?;
            let (maker, claims) = identity::authenticate(&jws, &client_id, terms, now)?;
            let verifier_info = jws.header("verifier_info").cloned();
            Ok((Signed { client_id, maker, verifier_info }, claims))
        };
        match one() {
            Ok((one, claims)) => {
                signed.push(one);
                payload = Some(claims);
            }
            Err(error) => failure = error,
        }
    }
    let claims = payload.ok_or(failure)?;
    // Appendix A.3.2.2: these belong to one signature and must not stand where they would be everybody's.
    for name in ["client_id", "verifier_info"] {
        if claims.contains_key(name) {
            return Err(RequestError::Forbidden(name).into());
        }
    }
    Ok((signed, claims))
}

/// The parts of a JWS in general JSON form (RFC 7515 section 7.2.1), each in compact form. Unprotected headers count for
/// nothing.
fn parts(request: &Value) -> Result<Vec<String>, Error> {
    let text = |value: &Value, name: &'static str| {
        value.get(name).and_then(Value::as_str).map(str::to_owned).ok_or(Error::Data(name))
    };
    let payload = text(request, "payload")?;
    let list = request.get("signatures").and_then(Value::as_array).filter(|list| !list.is_empty());
    let list = list.filter(|list| list.len() <= MAX_SIGNATURES).ok_or(Error::Data("signatures"))?;
    list.iter().map(|part| Ok(format!("{}.{payload}.{}", text(part, "protected")?, text(part, "signature")?))).collect()
}

/// A request of which is known for which origin it is, and who signed it, if anybody did. Whether they may ask is the
/// question to the trusted lists.
#[derive(Debug, Clone)]
pub struct AuthenticRequest {
    signed: Vec<Signed>,
    claims: Map<String, Value>,
    origin: String,
}

/// A request that can not be answered as asked: why, and what to tell the verifier.
#[derive(Debug, thiserror::Error)]
#[error("{reason}")]
pub struct Misunderstood {
    /// Why.
    #[source]
    pub reason: Error,
    /// `data` of the error response, to be returned if the user agrees to say anything.
    pub answer: Value,
}

impl AuthenticRequest {
    /// Who signed the request; empty for an unsigned one.
    #[must_use]
    pub fn signed(&self) -> &[Signed] {
        &self.signed
    }

    /// The page or app that asked, as the platform says.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Reads what is asked. Transaction data of a type outside `known_types` is refused (section 8.4).
    pub fn understand(self, known_types: &[&str]) -> Result<PresentationRequest, Box<Misunderstood>> {
        let content = Content::from_claims(&self.claims).and_then(|content| {
            check_types(&content.transaction_data, known_types)?;
            Asked::check_formats(&content.query, &content.client_metadata)?;
            if self.signed.is_empty() {
                request::verifier_info(&self.claims, &content.query)?;
            }
            for signed in &self.signed {
                let info = signed.verifier_info.iter().map(|info| ("verifier_info".to_owned(), info.clone()));
                request::verifier_info(&info.collect(), &content.query)?;
            }
            Ok(content)
        });
        match content {
            Ok(content) => Ok(PresentationRequest { signed: self.signed, content, origin: self.origin }),
            Err(error) => {
                let reason = Error::Request(error);
                let answer = refusal(reason.code());
                Err(Box::new(Misunderstood { reason, answer }))
            }
        }
    }
}

/// `data` of an error response (appendix A.4): the code, nothing else.
#[must_use]
pub fn refusal(code: ErrorCode) -> Value {
    json!({ "error": code.name() })
}

/// A request that the wallet understands.
#[derive(Debug, Clone)]
pub struct PresentationRequest {
    signed: Vec<Signed>,
    content: Content,
    origin: String,
}

impl PresentationRequest {
    /// Who signed the request; empty for an unsigned one.
    #[must_use]
    pub fn signed(&self) -> &[Signed] {
        &self.signed
    }

    /// The page or app that asked.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// `aud` of a key binding JWT: the origin with its prefix, also where the request is signed (appendix A.4).
    #[must_use]
    pub fn audience(&self) -> String {
        audience(&self.origin)
    }

    /// The nonce for holder binding.
    #[must_use]
    pub fn nonce(&self) -> &str {
        &self.content.nonce
    }

    /// What is asked.
    #[must_use]
    pub fn query(&self) -> &Query {
        &self.content.query
    }

    /// What the user agrees to by presenting.
    #[must_use]
    pub fn transaction_data(&self) -> &[TransactionData] {
        &self.content.transaction_data
    }

    /// Everything that was asked.
    #[must_use]
    pub fn content(&self) -> &Content {
        &self.content
    }

    /// What an mdoc's device signs over to answer this request (appendix B.2.6.2).
    pub fn session_transcript(&self) -> Result<SessionTranscript, KeyError> {
        session_transcript(&self.origin, &self.content)
    }

    /// `data` of the response: encrypted (`dc_api.jwt`), `A256GCM` where the verifier takes it, or in the clear (`dc_api`)
    /// where the [`Terms`] allowed that. The shape must fit the query.
    pub fn respond(&self, vp_token: &VpToken, entropy: &dyn Entropy) -> Result<Value, Error> {
        vp_token.check(&self.content.query)?;
        let members = Map::from_iter([("vp_token".to_owned(), vp_token.to_value())]);
        Ok(match &self.content.client_metadata.response_encryption {
            Some(encryption) => json!({ "response": encryption.seal(members, entropy)? }),
            None => Value::Object(members),
        })
    }
}
