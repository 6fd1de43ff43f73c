//! Links and QR texts that start an exchange, and which exchange it is.
//!
//! A QR code holds the link as it is: by reference the texts stay well below [`QR_BYTES`], and a request or offer that
//! lies behind a URL of its own can be fetched once.

use crate::vci::offer::{self, OfferLink};
use crate::vp::holder::{self, RequestUri};

/// Longest text of a QR code at error correction level M, in bytes (ISO/IEC 18004, version 40). Codes that a phone reads
/// from a screen without effort hold a few hundred.
pub const QR_BYTES: usize = 2331;

/// Why a text starts nothing.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The scheme is none of those known.
    #[error("the link is of an unknown scheme")]
    UnknownScheme,
    /// An offer link that is malformed.
    #[error(transparent)]
    Offer(#[from] offer::Error),
    /// A request link that is malformed.
    #[error(transparent)]
    Request(#[from] holder::Error),
    /// More than [`QR_BYTES`].
    #[error("a link of {0} bytes does not fit into a QR code")]
    TooLong(usize),
}

/// What a wallet is asked to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Link {
    /// Accept a credential.
    Offer(OfferLink),
    /// Present a credential.
    Request(RequestUri),
}

impl Link {
    /// Reads a link that was opened, scanned or pasted.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let scheme = text.trim().split(':').next().unwrap_or_default().to_ascii_lowercase();
        match scheme.as_str() {
            "openid-credential-offer" | "haip-vci" => Ok(Self::Offer(OfferLink::parse(text)?)),
            "openid4vp" | "haip-vp" => Ok(Self::Request(RequestUri::parse(text)?)),
            _ => Err(Error::UnknownScheme),
        }
    }

    /// The link with the scheme of the base standard.
    #[must_use]
    pub fn to_uri(&self) -> String {
        match self {
            Self::Offer(link) => link.to_uri(offer::Scheme::OpenidCredentialOffer),
            Self::Request(link) => link.to_uri(holder::Scheme::Openid4vp),
        }
    }

    /// The link with the scheme of HAIP 1.0, which only wallets of that profile answer to.
    #[must_use]
    pub fn to_haip_uri(&self) -> String {
        match self {
            Self::Offer(link) => link.to_uri(offer::Scheme::HaipVci),
            Self::Request(link) => link.to_uri(holder::Scheme::HaipVp),
        }
    }

    /// The text for a QR code; an offer by value can be too long for one.
    pub fn to_qr_text(&self) -> Result<String, Error> {
        let text = self.to_uri();
        if text.len() > QR_BYTES { Err(Error::TooLong(text.len())) } else { Ok(text) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http;
    use crate::vp::client_id::ClientId;

    fn request() -> Link {
        let client_id = ClientId::parse("x509_hash:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA").unwrap();
        let request_uri = http::callable("https://verifier.example/r/1?x=%2F&y").unwrap();
        Link::Request(RequestUri { client_id, request_uri, method: http::Method::Post })
    }

    #[test]
    fn both_kinds_round_trip() {
        let offer = Link::Offer(OfferLink::ByReference(http::callable("https://issuer.example/o/1").unwrap()));
        for link in [offer, request()] {
            assert_eq!(Link::parse(&link.to_uri()).unwrap(), link);
            assert_eq!(Link::parse(&link.to_haip_uri()).unwrap(), link);
            assert_eq!(Link::parse(&format!(" {}\n", link.to_qr_text().unwrap())).unwrap(), link);
        }
    }

    #[test]
    fn refused() {
        for bad in ["", "https://issuer.example/", "javascript:alert(1)", "openid4vp2://?x"] {
            assert!(matches!(Link::parse(bad), Err(Error::UnknownScheme)), "`{bad}`");
        }
        let id = "client_id=x509_hash%3AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
        let uri = "request_uri=https%3A%2F%2Fverifier.example%2Fr";
        let check =
            |query: &str, expected: fn(&holder::Error) -> bool| match Link::parse(&format!("openid4vp://?{query}"))
                .unwrap_err()
            {
                Error::Request(error) => assert!(expected(&error), "`{query}`: {error}"),
                other => panic!("{other}"),
            };
        check(id, |e| matches!(e, holder::Error::LinkParameter(_)));
        check(uri, |e| matches!(e, holder::Error::LinkParameter(_)));
        check(&format!("{id}&{uri}&{uri}"), |e| matches!(e, holder::Error::LinkParameter(_)));
        check(&format!("{id}&{uri}&request=a.b.c"), |e| matches!(e, holder::Error::LinkParameter(_)));
        check(&format!("{id}&{uri}&request_uri_method=POST"), |e| matches!(e, holder::Error::RequestUriMethod(_)));
        check(&format!("{id}&request_uri=http%3A%2F%2Fverifier.example%2F"), |e| matches!(e, holder::Error::Url(_)));
        check(&format!("client_id=origin%3Ahttps%3A%2F%2Fverifier.example&{uri}"), |e| {
            matches!(e, holder::Error::ClientId(_))
        });
        check(&format!("client_id=https%3A%2F%2Fverifier.example&{uri}"), |e| matches!(e, holder::Error::ClientId(_)));
        let offer = r#"{"credential_issuer":"https://i.example","credential_configuration_ids":["LONG"]}"#;
        let offer = offer.replace("LONG", &"x".repeat(3000));
        let offer = offer::CredentialOffer::parse(offer.as_bytes()).unwrap();
        assert!(matches!(Link::Offer(OfferLink::ByValue(offer)).to_qr_text(), Err(Error::TooLong(_))));
    }

    proptest::proptest! {
        #[test]
        fn never_panics(text in ".{0,200}") {
            let _ = Link::parse(&text);
            let _ = Link::parse(&format!("openid4vp://?{text}"));
            let _ = Link::parse(&format!("haip-vp:?client_id={text}&request_uri={text}"));
        }
    }
}
