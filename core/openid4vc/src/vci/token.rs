//! The token endpoint with the pre-authorised code grant (OpenID4VCI 1.0 section 6).

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use warifu_keys::json;

use crate::http;
use crate::oauth::{Code, OAuthError};

use super::{OPENID_CREDENTIAL, PRE_AUTHORIZED_CODE};

/// Longest request body read, in bytes.
pub const MAX_BYTES: usize = 16 * 1024;

/// A token request with a pre-authorised code. `Debug` shows neither code.
#[derive(Clone, PartialEq, Eq)]
pub struct TokenRequest {
    /// The pre-authorised code.
    pub pre_authorized_code: String,
    /// The transaction code, when the user typed one.
    pub tx_code: Option<String>,
    /// The client, unless the wallet stays anonymous.
    pub client_id: Option<String>,
    /// The configurations of `authorization_details`, when the wallet narrows the offer.
    pub authorization_details: Option<Vec<String>>,
}

impl fmt::Debug for TokenRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenRequest")
            .field("client_id", &self.client_id)
            .field("authorization_details", &self.authorization_details)
            .finish_non_exhaustive()
    }
}

impl TokenRequest {
    /// Parses the form body. A repeated or missing parameter is `invalid_request`, another grant
    /// `unsupported_grant_type`.
    pub fn parse(body: &[u8]) -> Result<Self, OAuthError> {
        let invalid = |why: &'static str| OAuthError::new(Code::InvalidRequest, why);
        if body.len() > MAX_BYTES {
            return Err(invalid("the request is too large"));
        }
        let fields = http::form_fields(body).map_err(|_| invalid("a parameter is repeated"))?;
        let text = |name: &str| http::field(&fields, name).filter(|value| !value.is_empty()).map(str::to_owned);
        match text("grant_type").as_deref() {
            Some(PRE_AUTHORIZED_CODE) => {}
            Some(_) => return Err(OAuthError::new(Code::UnsupportedGrantType, "the grant type is not supported")),
            None => return Err(invalid("grant_type is missing")),
        }
        Ok(Self {
            pre_authorized_code: text("pre-authorized_code")
                .ok_or_else(|| invalid("pre-authorized_code is missing"))?,
            tx_code: text("tx_code"),
            client_id: text("client_id"),
            authorization_details: text("authorization_details").map(|text| details(&text)).transpose()?,
        })
    }

    /// The form fields of the request.
    #[must_use]
    pub fn fields(&self) -> Vec<(&'static str, String)> {
        let mut fields = vec![
            ("grant_type", PRE_AUTHORIZED_CODE.to_owned()),
            ("pre-authorized_code", self.pre_authorized_code.clone()),
        ];
        fields.extend(self.tx_code.clone().map(|tx_code| ("tx_code", tx_code)));
        fields.extend(self.client_id.clone().map(|client_id| ("client_id", client_id)));
        if let Some(ids) = &self.authorization_details {
            let list = ids.iter().map(|id| AuthorizationDetails::of(id, None)).collect::<Vec<_>>();
            fields.push(("authorization_details", serde_json::to_string(&list).unwrap_or_default()));
        }
        fields
    }
}

/// The configuration identifiers of an `authorization_details` text (section 5.1.1).
fn details(text: &str) -> Result<Vec<String>, OAuthError> {
    let refuse = || OAuthError::new(Code::InvalidAuthorizationDetails, "authorization_details is malformed");
    let list: Vec<AuthorizationDetails> = json::parse_as(text.as_bytes()).map_err(|_| refuse())?;
    if list.is_empty() || list.len() > 64 || list.iter().any(|details| details.r#type != OPENID_CREDENTIAL) {
        return Err(refuse());
    }
    Ok(list.into_iter().map(|details| details.credential_configuration_id).collect())
}

/// One entry of `authorization_details`, in requests and, with identifiers, in responses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthorizationDetails {
    /// Always `openid_credential` here.
    pub r#type: String,
    /// The configuration.
    pub credential_configuration_id: String,
    /// In responses: what to ask the credential endpoint for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential_identifiers: Option<Vec<String>>,
}

impl AuthorizationDetails {
    /// The entry for one configuration.
    #[must_use]
    pub fn of(credential_configuration_id: &str, credential_identifiers: Option<Vec<String>>) -> Self {
        Self {
            r#type: OPENID_CREDENTIAL.to_owned(),
            credential_configuration_id: credential_configuration_id.to_owned(),
            credential_identifiers,
        }
    }
}

/// A successful token response (section 6.2). `Debug` does not show the token.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenResponse {
    /// The access token.
    pub access_token: String,
    /// `DPoP` or `Bearer`, compared without regard to case.
    pub token_type: String,
    /// Life of the token in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_in: Option<u64>,
    /// Present when the request carried details.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorization_details: Option<Vec<AuthorizationDetails>>,
}

impl fmt::Debug for TokenResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenResponse")
            .field("token_type", &self.token_type)
            .field("expires_in", &self.expires_in)
            .finish_non_exhaustive()
    }
}

impl TokenResponse {
    /// The answer: 200, JSON, not to be cached (RFC 6749 section 5.1).
    #[must_use]
    pub fn respond(&self) -> http::Response {
        http::Response::json(200, &serde_json::to_value(self).unwrap_or(Value::Null))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trip() {
        let request = TokenRequest {
            pre_authorized_code: "a+b&c".to_owned(),
            tx_code: Some("493536".to_owned()),
            client_id: Some("wallet".to_owned()),
            authorization_details: Some(vec!["kyc".to_owned()]),
        };
        let fields = request.fields();
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let sent = http::Request::form(http::callable("https://i.example/token").unwrap(), &fields);
        assert_eq!(TokenRequest::parse(&sent.body).unwrap(), request);
        assert!(!format!("{request:?}").contains("493536"));
    }

    #[track_caller]
    fn check(body: &str, code: Code) {
        assert_eq!(TokenRequest::parse(body.as_bytes()).unwrap_err().code, code, "`{body}`");
    }

    #[test]
    fn refused() {
        let grant = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Apre-authorized_code";
        check("", Code::InvalidRequest);
        check("grant_type=authorization_code&code=x", Code::UnsupportedGrantType);
        check(grant, Code::InvalidRequest);
        check(&format!("{grant}&pre-authorized_code="), Code::InvalidRequest);
        check(&format!("{grant}&pre-authorized_code=a&pre-authorized_code=a"), Code::InvalidRequest);
        for details in ["%5B%5D", "x", "%7B%7D", r#"[{"type":"other","credential_configuration_id":"a"}]"#] {
            let body = format!("{grant}&pre-authorized_code=a&authorization_details={details}");
            check(&body, Code::InvalidAuthorizationDetails);
        }
        check(&"x".repeat(MAX_BYTES + 1), Code::InvalidRequest);
    }

    proptest::proptest! {
        #[test]
        fn never_panics(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..300)) {
            let _ = TokenRequest::parse(&bytes);
        }
    }
}
