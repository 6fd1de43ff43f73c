//! OpenID4VP over the Digital Credentials API (OpenID4VP 1.0 appendix A, W3C Digital Credentials): what a page hands to the
//! browser and gets back, without the browser.
//!
//! [`verifier`] makes the data of a request, unsigned, signed or multi-signed, and takes the data of the response;
//! [`holder`] reads and answers them. What binds a response is the origin that the platform vouches for: it stands in `aud`
//! as `origin:…` and in the session of an mdoc, also where the request is signed. There is no `state` and no response URI.
//!
//! Left out: `org-iso-mdoc`, and the Android and Windows forms of an origin on the verifier's side.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use url::{Host, Url};
use warifu_credential::mdoc::{Handover, SessionTranscript};
use warifu_keys::Jwk;
use warifu_keys::jwk::KeyError;

use crate::dcql::Query;
use crate::http;

use super::request::{self, AUDIENCE, Asked, ClientMetadata, RequestError, ResponseMode};
use super::transaction_data::TransactionData;

pub mod holder;
pub mod verifier;

/// Most origins that a request is good for.
pub const MAX_ORIGINS: usize = 32;
/// Most signatures of a multi-signed request.
pub const MAX_SIGNATURES: usize = 8;
/// The response modes of a request over the API.
const MODES: [ResponseMode; 2] = [ResponseMode::DcApi, ResponseMode::DcApiJwt];

/// The exchange protocols (appendix A.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// `openid4vp-v1-unsigned`: the parameters themselves.
    Unsigned,
    /// `openid4vp-v1-signed`: a request object in compact form.
    Signed,
    /// `openid4vp-v1-multisigned`: a request object in JSON form, signed for several client identifiers.
    Multisigned,
}

impl Protocol {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Unsigned, Self::Signed, Self::Multisigned];

    /// The name of the protocol.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Unsigned => "openid4vp-v1-unsigned",
            Self::Signed => "openid4vp-v1-signed",
            Self::Multisigned => "openid4vp-v1-multisigned",
        }
    }

    /// The protocol of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|protocol| protocol.name() == name)
    }
}

/// The origin of a page, as a browser writes it: `https://shop.example`, with a port unless it is the usual one. `http` is
/// for this very machine only (appendix A.2).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Origin(String);

/// The text is no origin of a page that may ask.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an origin of the form `https://host`")]
pub struct NotAnOrigin(String);

impl Origin {
    /// Reads an origin; another spelling than the browser's is refused, because origins are compared letter by letter.
    pub fn parse(text: &str) -> Result<Self, NotAnOrigin> {
        let refused = || NotAnOrigin(http::shorten(text));
        let url = Url::parse(text).map_err(|_| refused())?;
        let local = match url.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        };
        let allowed = url.scheme() == "https" || (url.scheme() == "http" && local);
        if allowed && url.origin().ascii_serialization() == text { Ok(Self(text.to_owned())) } else { Err(refused()) }
    }

    /// The origin of a page.
    pub fn of(page: &Url) -> Result<Self, NotAnOrigin> {
        Self::parse(&page.origin().ascii_serialization())
    }

    /// The origin as the browser writes it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands in `aud` of a presentation for this origin.
    #[must_use]
    pub fn audience(&self) -> String {
        audience(&self.0)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Origin {
    type Error = NotAnOrigin;

    fn try_from(text: String) -> Result<Self, NotAnOrigin> {
        Self::parse(&text)
    }
}

impl From<Origin> for String {
    fn from(origin: Origin) -> Self {
        origin.0
    }
}

/// The audience of a presentation (appendix A.4): the origin, never the client identifier.
fn audience(origin: &str) -> String {
    format!("origin:{origin}")
}

/// What an mdoc's device signs over (appendix B.2.6.2).
fn session_transcript(origin: &str, content: &Content) -> Result<SessionTranscript, KeyError> {
    let encryption_key = content.encryption_key().map(Jwk::public_key).transpose()?;
    let encryption_key = encryption_key.as_ref();
    Ok(SessionTranscript::new(&Handover::OpenId4VpDcApi { origin, nonce: &content.nonce, encryption_key }))
}

/// What a request over the API asks, whether signed or not.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Map<String, Value>", into = "Map<String, Value>")]
pub struct Content {
    /// Binds presentations to this request.
    pub nonce: String,
    /// What is asked.
    pub query: Query,
    /// How to encrypt, and what can be verified.
    pub client_metadata: ClientMetadata,
    /// What the user agrees to by presenting.
    pub transaction_data: Vec<TransactionData>,
    /// The origins that a signed request is good for, letter by letter; an unsigned request has none.
    pub expected_origins: Vec<String>,
}

impl Content {
    /// How the response goes back.
    #[must_use]
    pub fn response_mode(&self) -> ResponseMode {
        match self.client_metadata.response_encryption {
            Some(_) => ResponseMode::DcApiJwt,
            None => ResponseMode::DcApi,
        }
    }

    /// The key that the response is encrypted to; `None` where it is not.
    #[must_use]
    pub fn encryption_key(&self) -> Option<&Jwk> {
        self.client_metadata.response_encryption.as_ref().map(|encryption| &encryption.key)
    }

    fn to_claims(&self) -> Map<String, Value> {
        let mut claims = Map::new();
        let (query, metadata) = (&self.query, &self.client_metadata);
        request::put_asked(&mut claims, self.response_mode(), &self.nonce, query, metadata, &self.transaction_data);
        if !self.expected_origins.is_empty() {
            claims.insert("expected_origins".to_owned(), json!(self.expected_origins));
        }
        claims
    }

    fn from_claims(claims: &Map<String, Value>) -> Result<Self, RequestError> {
        let asked = Asked::from_claims(claims, &MODES)?;
        Ok(Self {
            nonce: asked.nonce,
            query: asked.query,
            client_metadata: asked.client_metadata,
            transaction_data: asked.transaction_data,
            expected_origins: expected_origins(claims)?.unwrap_or_default(),
        })
    }

    /// The payload of a signed request.
    fn to_signed_claims(&self, issued: Timestamp, expires: Timestamp) -> Map<String, Value> {
        let mut claims = self.to_claims();
        claims.insert("aud".to_owned(), json!(AUDIENCE));
        claims.insert("iat".to_owned(), json!(issued.as_second()));
        claims.insert("exp".to_owned(), json!(expires.as_second()));
        claims
    }
}

impl TryFrom<Map<String, Value>> for Content {
    type Error = RequestError;

    fn try_from(claims: Map<String, Value>) -> Result<Self, RequestError> {
        Self::from_claims(&claims)
    }
}

impl From<Content> for Map<String, Value> {
    fn from(content: Content) -> Self {
        content.to_claims()
    }
}

/// `expected_origins`: absent, or a non-empty array of texts.
fn expected_origins(claims: &Map<String, Value>) -> Result<Option<Vec<String>>, RequestError> {
    let malformed = || RequestError::Parameter("expected_origins");
    let Some(value) = claims.get("expected_origins") else { return Ok(None) };
    let list = value.as_array().filter(|list| (1..=MAX_ORIGINS).contains(&list.len())).ok_or_else(malformed)?;
    let origin = |item: &Value| item.as_str().filter(|text| text.len() <= http::MAX_URL_BYTES).map(str::to_owned);
    list.iter().map(|item| origin(item).ok_or_else(malformed)).collect::<Result<_, _>>().map(Some)
}
