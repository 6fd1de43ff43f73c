//! Errors as OAuth endpoints say them (RFC 6749 section 5.2, RFC 6750 section 3, RFC 9449, OpenID4VCI 1.0).

use std::borrow::Cow;

use serde_json::{Map, Value};

use crate::http::Response;

/// An error code of the token, credential, deferred, notification or nonce endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Code {
    /// A parameter is missing, repeated or malformed.
    InvalidRequest,
    /// Wrong, used or expired code, or wrong `tx_code`.
    InvalidGrant,
    /// The client could not be authenticated.
    InvalidClient,
    /// The client may not use this grant.
    UnauthorizedClient,
    /// The grant type is not supported.
    UnsupportedGrantType,
    /// The scope is unknown.
    InvalidScope,
    /// `authorization_details` is malformed or asks for what was not offered (RFC 9396 section 5).
    InvalidAuthorizationDetails,
    /// The DPoP proof is missing or wrong (RFC 9449 section 5).
    InvalidDpopProof,
    /// The DPoP proof must carry the nonce of the `DPoP-Nonce` header (RFC 9449 section 8).
    UseDpopNonce,
    /// The wallet attestation is missing or wrong.
    InvalidClientAttestation,
    /// No access token was given; the answer carries no code (RFC 6750 section 3.1).
    MissingToken,
    /// The access token is unknown, expired, or bound to another key.
    InvalidToken,
    /// The credential request is malformed (OpenID4VCI 1.0 section 8.3.1.2, as the next six).
    InvalidCredentialRequest,
    /// The credential configuration is not known.
    UnknownCredentialConfiguration,
    /// The credential identifier is not known.
    UnknownCredentialIdentifier,
    /// A proof is missing or wrong.
    InvalidProof,
    /// A proof's `c_nonce` is wrong, old or used: the wallet fetches a new one.
    InvalidNonce,
    /// The encryption parameters can not be used.
    InvalidEncryptionParameters,
    /// The issuer will not issue this credential.
    CredentialRequestDenied,
    /// The transaction of a deferred request is not known (OpenID4VCI 1.0 section 9.3).
    InvalidTransactionId,
    /// The notification identifier is not known (OpenID4VCI 1.0 section 11.3).
    InvalidNotificationId,
    /// The notification is malformed (OpenID4VCI 1.0 section 11.3).
    InvalidNotificationRequest,
    /// The server failed; nothing is said about why.
    ServerError,
}

impl Code {
    /// The code as it stands in `error`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::InvalidGrant => "invalid_grant",
            Self::InvalidClient => "invalid_client",
            Self::UnauthorizedClient => "unauthorized_client",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::InvalidScope => "invalid_scope",
            Self::InvalidAuthorizationDetails => "invalid_authorization_details",
            Self::InvalidDpopProof => "invalid_dpop_proof",
            Self::UseDpopNonce => "use_dpop_nonce",
            Self::InvalidClientAttestation => "invalid_client_attestation",
            Self::MissingToken => "missing_token",
            Self::InvalidToken => "invalid_token",
            Self::InvalidCredentialRequest => "invalid_credential_request",
            Self::UnknownCredentialConfiguration => "unknown_credential_configuration",
            Self::UnknownCredentialIdentifier => "unknown_credential_identifier",
            Self::InvalidProof => "invalid_proof",
            Self::InvalidNonce => "invalid_nonce",
            Self::InvalidEncryptionParameters => "invalid_encryption_parameters",
            Self::CredentialRequestDenied => "credential_request_denied",
            Self::InvalidTransactionId => "invalid_transaction_id",
            Self::InvalidNotificationId => "invalid_notification_id",
            Self::InvalidNotificationRequest => "invalid_notification_request",
            Self::ServerError => "server_error",
        }
    }
}

/// Where an error is answered: the token endpoint speaks RFC 6749, protected resources speak RFC 6750 for the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Endpoint {
    /// Token endpoint.
    Token,
    /// Credential, deferred credential or notification endpoint, guarded by an access token.
    Resource,
}

/// One refusal, ready to be answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {description}", code.name())]
pub struct OAuthError {
    /// The code.
    pub code: Code,
    /// For the developer on the other side: ASCII without `"` and `\` (RFC 6749 section 5.2), no secret.
    pub description: Cow<'static, str>,
    /// Value for the `DPoP-Nonce` header, with [`Code::UseDpopNonce`].
    pub dpop_nonce: Option<String>,
}

impl OAuthError {
    /// A refusal with this code and description.
    #[must_use]
    pub fn new(code: Code, description: impl Into<Cow<'static, str>>) -> Self {
        Self { code, description: description.into(), dpop_nonce: None }
    }

    /// Asks the client to repeat the request with this nonce in its DPoP proof (RFC 9449 section 8).
    #[must_use]
    pub fn use_dpop_nonce(nonce: &str) -> Self {
        let description = Cow::Borrowed("the DPoP proof must carry the nonce of the DPoP-Nonce header");
        Self { code: Code::UseDpopNonce, description, dpop_nonce: Some(nonce.to_owned()) }
    }

    /// Whether the refusal is about the access token or its binding, which a resource answers with a challenge.
    fn is_challenge(&self) -> bool {
        matches!(self.code, Code::MissingToken | Code::InvalidToken | Code::InvalidDpopProof | Code::UseDpopNonce)
    }

    /// The HTTP status at `endpoint`.
    #[must_use]
    pub fn status(&self, endpoint: Endpoint) -> u16 {
        let unauthorized = match endpoint {
            Endpoint::Token => self.code == Code::InvalidClient,
            Endpoint::Resource => self.is_challenge(),
        };
        if self.code == Code::ServerError {
            500
        } else if unauthorized {
            401
        } else {
            400
        }
    }

    /// The whole answer: status, `error` and `error_description`, `WWW-Authenticate` and `DPoP-Nonce` where due.
    #[must_use]
    pub fn respond(&self, endpoint: Endpoint) -> Response {
        let description: String =
            self.description.chars().filter(|c| matches!(c, ' '..='~') && !matches!(c, '"' | '\\')).collect();
        let mut response = if self.code == Code::MissingToken {
            // RFC 6750 section 3.1: a request without a token gets no error code.
            Response::json(self.status(endpoint), &Map::<String, Value>::new())
        } else {
            let mut body = Map::new();
            body.insert("error".to_owned(), Value::from(self.code.name()));
            if !description.is_empty() {
                body.insert("error_description".to_owned(), Value::from(description.as_str()));
            }
            Response::json(self.status(endpoint), &body)
        };
        if endpoint == Endpoint::Resource && self.is_challenge() {
            // RFC 9449 section 7.1: the challenge names the algorithms that proofs may use.
            let challenge = if self.code == Code::MissingToken {
                r#"DPoP algs="ES256 EdDSA""#.to_owned()
            } else {
                format!(r#"DPoP error="{}", error_description="{description}", algs="ES256 EdDSA""#, self.code.name())
            };
            response = response.with_header("www-authenticate", &challenge);
        }
        if let Some(nonce) = &self.dpop_nonce {
            response = response.with_header("dpop-nonce", nonce);
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(code: Code, endpoint: Endpoint, status: u16, body: &str, challenge: bool) {
        let response = OAuthError::new(code, "why \"this\"").respond(endpoint);
        assert_eq!(response.status, status, "{code:?}");
        assert_eq!(response.body_json().unwrap().get("error").and_then(Value::as_str).unwrap_or_default(), body);
        assert_eq!(response.header("WWW-Authenticate").is_some(), challenge, "{code:?}");
        assert_eq!(response.header("cache-control"), Some("no-store"));
    }

    #[test]
    fn answers_by_endpoint() {
        check(Code::InvalidGrant, Endpoint::Token, 400, "invalid_grant", false);
        check(Code::InvalidClient, Endpoint::Token, 401, "invalid_client", false);
        check(Code::InvalidDpopProof, Endpoint::Token, 400, "invalid_dpop_proof", false);
        check(Code::InvalidDpopProof, Endpoint::Resource, 401, "invalid_dpop_proof", true);
        check(Code::InvalidToken, Endpoint::Resource, 401, "invalid_token", true);
        check(Code::MissingToken, Endpoint::Resource, 401, "", true);
        check(Code::InvalidNonce, Endpoint::Resource, 400, "invalid_nonce", false);
        check(Code::ServerError, Endpoint::Resource, 500, "server_error", false);
        let again = OAuthError::use_dpop_nonce("n1").respond(Endpoint::Token);
        assert_eq!((again.status, again.header("DPoP-Nonce")), (400, Some("n1")));
    }

    #[test]
    fn description_is_plain() {
        let response = OAuthError::new(Code::InvalidRequest, "a \"b\" \\ é\n").respond(Endpoint::Resource);
        assert_eq!(response.body_json().unwrap()["error_description"], "a b  ");
    }
}
