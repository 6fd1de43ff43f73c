//! What a link holds: the address of a request object, the object itself, or a request that nobody has signed.

use crate::http;
use crate::vp::client_id::ClientId;
use crate::vp::identity::Terms;
use crate::vp::request::MAX_BYTES;

use super::{AuthenticRequest, Error, ReceivedRequest, RequestUri, link_parameters, unsigned_request};

/// A link or QR text that asks for a presentation (OpenID4VP 1.0 sections 5.2, 5.9.3 and 5.10). Nothing in it is believed.
#[derive(Debug, Clone)]
pub enum RequestLink {
    /// The request object lies at an address.
    ByReference(RequestUri),
    /// The signed request object stands in the link (RFC 9101 section 5.1).
    ByValue(Box<ReceivedRequest>),
    /// The request stands in the link and nobody has signed it.
    Unsigned(UnsignedLink),
}

/// A link with a request that nobody has signed.
#[derive(Debug, Clone)]
pub struct UnsignedLink {
    client_id: ClientId,
    text: String,
}

impl RequestLink {
    /// Reads a link or QR text. Parameters that count inside a request object only are ignored beside one. A request
    /// without an object under a prefix whose requests are signed is [`Error::NotSigned`].
    pub fn parse(text: &str) -> Result<Self, Error> {
        let fields = link_parameters(text, MAX_BYTES)?;
        let has = |name: &str| http::field(&fields, name).is_some();
        if has("request_uri") {
            return RequestUri::parse(text).map(Self::ByReference);
        }
        let missing = |name: &str| Error::LinkParameter(name.to_owned());
        let client_id = ClientId::parse(http::field(&fields, "client_id").ok_or_else(|| missing("client_id"))?)?;
        if has("request_uri_method") {
            return Err(missing("request_uri_method"));
        }
        match http::field(&fields, "request") {
            Some(jwt) => Ok(Self::ByValue(Box::new(ReceivedRequest::new(jwt.to_owned(), client_id)))),
            None if !client_id.prefix().is_signed() => {
                Ok(Self::Unsigned(UnsignedLink { client_id, text: text.to_owned() }))
            }
            None if has("dcql_query") => Err(Error::NotSigned),
            None => Err(missing("request_uri")),
        }
    }

    /// Who says to be asking.
    #[must_use]
    pub fn client_id(&self) -> &ClientId {
        match self {
            Self::ByReference(link) => &link.client_id,
            Self::ByValue(received) => received.client_id(),
            Self::Unsigned(link) => &link.client_id,
        }
    }
}

impl UnsignedLink {
    /// The request, whose maker is anybody.
    pub fn read(&self, terms: &Terms<'_>) -> Result<AuthenticRequest, Error> {
        unsigned_request(&self.text, terms)
    }
}
