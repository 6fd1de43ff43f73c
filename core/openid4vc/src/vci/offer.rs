//! Credential offers (OpenID4VCI 1.0 section 4.1): the object, and the links that carry it by value or by reference.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::{Url, form_urlencoded};
use warifu_keys::json::{self, JsonError};

use crate::http::{self, UrlError};

use super::metadata::IssuerIdentifier;

/// Longest offer object read, in bytes.
pub const MAX_BYTES: usize = 16 * 1024;
/// Most configurations in one offer.
pub const MAX_CONFIGURATIONS: usize = 64;

/// Why an offer or its link was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Not a link of a known scheme.
    #[error("not a credential offer link")]
    NotAnOfferLink,
    /// Both or neither of `credential_offer` and `credential_offer_uri`, or one of them twice.
    #[error("the link must carry exactly one of `credential_offer` and `credential_offer_uri`")]
    NotExactlyOne,
    /// `credential_offer_uri` will not be called.
    #[error("credential_offer_uri: {0}")]
    Url(#[from] UrlError),
    /// Longer than [`MAX_BYTES`].
    #[error("the offer of {0} bytes is too large")]
    TooLarge(usize),
    /// Not an offer object.
    #[error("the offer: {0}")]
    Json(#[from] JsonError),
    /// `credential_configuration_ids` is empty, has a value twice or more than [`MAX_CONFIGURATIONS`].
    #[error("credential_configuration_ids must be a non-empty list of different identifiers")]
    Configurations,
    /// A code is empty or a description too long.
    #[error("`{0}` is malformed")]
    Grant(&'static str),
}

/// A credential offer. Everything in it is untrusted; unknown members are ignored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CredentialOffer {
    /// Who offers.
    pub credential_issuer: IssuerIdentifier,
    /// What is offered, by configuration identifier of the issuer's metadata.
    pub credential_configuration_ids: Vec<String>,
    /// How it can be had; absent says that the wallet looks into the metadata.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grants: Option<Grants>,
}

/// The grants of an offer. Other grant types are ignored.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grants {
    /// Authorization code flow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorization_code: Option<AuthorizationCode>,
    /// Pre-authorised code flow.
    #[serde(
        default,
        rename = "urn:ietf:params:oauth:grant-type:pre-authorized_code",
        skip_serializing_if = "Option::is_none"
    )]
    pub pre_authorized_code: Option<PreAuthorizedCode>,
}

/// The authorization code grant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthorizationCode {
    /// Must be sent back in the authorization request when this flow is chosen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer_state: Option<String>,
    /// Which of several authorization servers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorization_server: Option<IssuerIdentifier>,
}

/// The pre-authorised code grant. `Debug` does not show the code.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreAuthorizedCode {
    /// The code: short-lived, single use.
    #[serde(rename = "pre-authorized_code")]
    pub code: String,
    /// Present says that a transaction code is needed, even when it says nothing about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tx_code: Option<TxCode>,
    /// Which of several authorization servers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorization_server: Option<IssuerIdentifier>,
}

impl std::fmt::Debug for PreAuthorizedCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PreAuthorizedCode(.. tx_code: {:?})", self.tx_code)
    }
}

/// What the transaction code looks like.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TxCode {
    /// Characters of the code; absent says numeric.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_mode: Option<InputMode>,
    /// Length in characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub length: Option<u32>,
    /// How the code comes to the user, at most 300 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// Characters of a transaction code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum InputMode {
    /// Digits.
    Numeric,
    /// Any characters.
    Text,
}

impl CredentialOffer {
    /// Parses the offer object.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        if bytes.len() > MAX_BYTES {
            return Err(Error::TooLarge(bytes.len()));
        }
        let offer: Self = json::parse_as(bytes)?;
        let ids = &offer.credential_configuration_ids;
        let repeated = ids.iter().enumerate().any(|(at, id)| ids[..at].contains(id));
        if ids.is_empty() || ids.len() > MAX_CONFIGURATIONS || repeated {
            return Err(Error::Configurations);
        }
        if let Some(grant) = offer.pre_authorized_code() {
            if grant.code.is_empty() {
                return Err(Error::Grant("pre-authorized_code"));
            }
            let description = grant.tx_code.as_ref().and_then(|tx_code| tx_code.description.as_deref());
            if description.is_some_and(|text| text.chars().count() > 300) {
                return Err(Error::Grant("tx_code"));
            }
        }
        Ok(offer)
    }

    /// The pre-authorised code grant, when offered.
    #[must_use]
    pub fn pre_authorized_code(&self) -> Option<&PreAuthorizedCode> {
        self.grants.as_ref()?.pre_authorized_code.as_ref()
    }

    /// The object as compact JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        json::canonical(&serde_json::to_value(self).unwrap_or(Value::Null))
    }
}

/// The scheme of an offer link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// `openid-credential-offer://`, of OpenID4VCI.
    OpenidCredentialOffer,
    /// `haip-vci://`, of HAIP 1.0 section 4.2.
    HaipVci,
}

impl Scheme {
    /// The scheme's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::OpenidCredentialOffer => "openid-credential-offer",
            Self::HaipVci => "haip-vci",
        }
    }
}

/// An offer as a link carries it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OfferLink {
    /// The whole offer.
    ByValue(CredentialOffer),
    /// Where the offer lies. Fetching it tells the issuer that the link was opened, so ask the user first.
    ByReference(Url),
}

impl OfferLink {
    /// Reads a link or QR text. Unknown parameters are ignored.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let text = text.trim();
        if text.len() > 2 * MAX_BYTES {
            return Err(Error::TooLarge(text.len()));
        }
        let (scheme, rest) = text.split_once(':').ok_or(Error::NotAnOfferLink)?;
        let known = [Scheme::OpenidCredentialOffer, Scheme::HaipVci];
        if !known.iter().any(|known| known.name().eq_ignore_ascii_case(scheme)) {
            return Err(Error::NotAnOfferLink);
        }
        let (_, query) = rest.split_once('?').ok_or(Error::NotExactlyOne)?;
        let query = query.split('#').next().unwrap_or_default();
        let fields = http::form_fields(query.as_bytes()).map_err(|_| Error::NotExactlyOne)?;
        match (http::field(&fields, "credential_offer"), http::field(&fields, "credential_offer_uri")) {
            (Some(offer), None) => CredentialOffer::parse(offer.as_bytes()).map(Self::ByValue),
            (None, Some(uri)) => Ok(Self::ByReference(http::callable(uri)?)),
            (Some(_), Some(_)) | (None, None) => Err(Error::NotExactlyOne),
        }
    }

    /// The link with this scheme.
    #[must_use]
    pub fn to_uri(&self, scheme: Scheme) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        match self {
            Self::ByValue(offer) => query.append_pair("credential_offer", &offer.to_json()),
            Self::ByReference(url) => query.append_pair("credential_offer_uri", url.as_str()),
        };
        format!("{}://?{}", scheme.name(), query.finish())
    }

    /// The request that fetches an offer by reference; `None` where the offer is here already. The answer's body goes
    /// through [`CredentialOffer::parse`].
    #[must_use]
    pub fn request(&self) -> Option<http::Request> {
        match self {
            Self::ByValue(_) => None,
            Self::ByReference(url) => Some(http::Request::get(url.clone(), "application/json")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer() -> CredentialOffer {
        CredentialOffer::parse(
            br#"{"credential_issuer":"https://issuer.example/a","credential_configuration_ids":["kyc"],"more":1,
                "grants":{"urn:ietf:params:oauth:grant-type:pre-authorized_code":{"pre-authorized_code":"c0de +&","tx_code":{}}}}"#,
        )
        .unwrap()
    }

    #[test]
    fn links_round_trip() {
        let by_reference = OfferLink::ByReference(http::callable("https://issuer.example/offers/1?a=b&c").unwrap());
        for link in [OfferLink::ByValue(offer()), by_reference] {
            for scheme in [Scheme::OpenidCredentialOffer, Scheme::HaipVci] {
                assert_eq!(OfferLink::parse(&link.to_uri(scheme)).unwrap(), link);
            }
        }
        assert_eq!(offer().pre_authorized_code().unwrap().tx_code, Some(TxCode::default()));
        assert!(!format!("{:?}", offer()).contains("c0de"));
    }

    #[track_caller]
    fn check(link: &str, expected: fn(&Error) -> bool) {
        let error = OfferLink::parse(link).unwrap_err();
        assert!(expected(&error), "`{link}`: {error}");
    }

    #[test]
    fn exactly_one() {
        let uri = "credential_offer_uri=https%3A%2F%2Fissuer.example%2Fo";
        check("openid-credential-offer://?x=1", |e| matches!(e, Error::NotExactlyOne));
        check("openid-credential-offer://", |e| matches!(e, Error::NotExactlyOne));
        check(&format!("haip-vci://?{uri}&credential_offer=%7B%7D"), |e| matches!(e, Error::NotExactlyOne));
        check(&format!("haip-vci://?{uri}&{uri}"), |e| matches!(e, Error::NotExactlyOne));
        check(&format!("openid4vp://?{uri}"), |e| matches!(e, Error::NotAnOfferLink));
        check("https", |e| matches!(e, Error::NotAnOfferLink));
        check("haip-vci://?credential_offer_uri=http%3A%2F%2Fissuer.example%2F", |e| matches!(e, Error::Url(_)));
        check("haip-vci://?credential_offer_uri=file%3A%2F%2F%2Fetc", |e| matches!(e, Error::Url(_)));
        assert!(OfferLink::parse(&format!("haip-vci://?{uri}&unknown=1")).is_ok());
    }

    #[track_caller]
    fn check_object(object: &str, expected: fn(&Error) -> bool) {
        let error = CredentialOffer::parse(object.as_bytes()).unwrap_err();
        assert!(expected(&error), "`{object}`: {error}");
    }

    #[test]
    fn refused_objects() {
        let with =
            |ids: &str| format!(r#"{{"credential_issuer":"https://i.example","credential_configuration_ids":{ids}}}"#);
        check_object(&with("[]"), |e| matches!(e, Error::Configurations));
        check_object(&with(r#"["a","a"]"#), |e| matches!(e, Error::Configurations));
        check_object(&with(r#""a""#), |e| matches!(e, Error::Json(_)));
        check_object(&with(r#"["a"],"credential_issuer":"https://j.example""#), |e| matches!(e, Error::Json(_)));
        check_object(r#"{"credential_issuer":"http://i.example","credential_configuration_ids":["a"]}"#, |e| {
            matches!(e, Error::Json(_))
        });
        check_object(&" ".repeat(MAX_BYTES + 1), |e| matches!(e, Error::TooLarge(_)));
        let grant = |code: &str| {
            with(r#"["a"]"#).replace("}", &format!(r#","grants":{{"{}":{code}}}}}"#, crate::vci::PRE_AUTHORIZED_CODE))
        };
        check_object(&grant(r#"{"pre-authorized_code":""}"#), |e| matches!(e, Error::Grant("pre-authorized_code")));
        let long = format!(r#"{{"pre-authorized_code":"c","tx_code":{{"description":"{}"}}}}"#, "x".repeat(301));
        check_object(&grant(&long), |e| matches!(e, Error::Grant("tx_code")));
    }

    proptest::proptest! {
        #[test]
        fn never_panics(text in ".{0,200}", bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            let _ = OfferLink::parse(&text);
            let _ = OfferLink::parse(&format!("openid-credential-offer://?{text}"));
            let _ = OfferLink::parse(&format!("haip-vci://?credential_offer={text}"));
            let _ = CredentialOffer::parse(&bytes);
        }
    }
}
