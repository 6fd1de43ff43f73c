//! Authorization server metadata (RFC 8414 section 2, with the members that OpenID4VCI 1.0 section 12.3 adds).

use serde::{Deserialize, Serialize};
use url::Url;

/// What an authorization server says about itself. Unknown members are ignored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerMetadata {
    /// The server's issuer identifier, byte for byte the one it was asked under (RFC 8414 section 3.3).
    pub issuer: String,
    /// Token endpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_endpoint: Option<Url>,
    /// Authorization endpoint; absent where only the pre-authorised code is offered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorization_endpoint: Option<Url>,
    /// Pushed authorization request endpoint (RFC 9126).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pushed_authorization_request_endpoint: Option<Url>,
    /// Key set of the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwks_uri: Option<Url>,
    /// Response types; empty where only the pre-authorised code is offered.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub response_types_supported: Vec<String>,
    /// Grant types.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub grant_types_supported: Vec<String>,
    /// How clients authenticate at the token endpoint.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub token_endpoint_auth_methods_supported: Vec<String>,
    /// PKCE methods (RFC 7636).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub code_challenge_methods_supported: Vec<String>,
    /// Algorithms for DPoP proofs (RFC 9449 section 5.1); non-empty says that DPoP is supported.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dpop_signing_alg_values_supported: Vec<String>,
    /// Types of `authorization_details` (RFC 9396).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub authorization_details_types_supported: Vec<String>,
    /// Where the addresses of all status lists are (draft-ietf-oauth-status-list-20 section 9.1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status_list_aggregation_endpoint: Option<Url>,
    /// Whether a wallet may redeem a pre-authorised code without `client_id` (OpenID4VCI 1.0 section 12.3).
    #[serde(default, rename = "pre-authorized_grant_anonymous_access_supported")]
    pub pre_authorized_grant_anonymous_access_supported: bool,
}

impl ServerMetadata {
    /// Metadata of a server that redeems pre-authorised codes from anonymous wallets with DPoP.
    #[must_use]
    pub fn pre_authorized(issuer: &str, token_endpoint: Url) -> Self {
        let list = |items: &[&str]| items.iter().map(|item| (*item).to_owned()).collect();
        Self {
            issuer: issuer.to_owned(),
            token_endpoint: Some(token_endpoint),
            authorization_endpoint: None,
            pushed_authorization_request_endpoint: None,
            jwks_uri: None,
            response_types_supported: Vec::new(),
            grant_types_supported: list(&[crate::vci::PRE_AUTHORIZED_CODE]),
            token_endpoint_auth_methods_supported: list(&["none"]),
            code_challenge_methods_supported: Vec::new(),
            dpop_signing_alg_values_supported: list(&["ES256", "EdDSA"]),
            authorization_details_types_supported: list(&["openid_credential"]),
            status_list_aggregation_endpoint: None,
            pre_authorized_grant_anonymous_access_supported: true,
        }
    }
}
