//! Credential issuer metadata (OpenID4VCI 1.0 section 12.2).
//!
//! Signed metadata and the members that only encrypted requests and responses need are kept as JSON values: nothing here
//! acts on them yet, but a document that was read is written back whole.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use url::Url;
use warifu_credential::ClaimPath;

use crate::http::{self, UrlError};

/// Most credential configurations read from one issuer.
pub const MAX_CONFIGURATIONS: usize = 256;

/// A credential issuer identifier: a URL without query and fragment, compared byte for byte (section 12.2.1).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct IssuerIdentifier(String);

impl IssuerIdentifier {
    /// Reads an identifier: `https`, or `http` to this machine.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        let url = http::callable(text)?;
        if url.query().is_some() {
            return Err(UrlError::Malformed(http::shorten(text)));
        }
        Ok(Self(text.to_owned()))
    }

    /// The identifier as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The identifier as a URL.
    #[must_use]
    pub fn url(&self) -> Option<Url> {
        Url::parse(&self.0).ok()
    }

    /// Where the issuer metadata lies: the well-known text stands between host and path (section 12.2.2).
    #[must_use]
    pub fn metadata_url(&self) -> Option<Url> {
        self.well_known("openid-credential-issuer")
    }

    /// Where the metadata of the authorization server with this identifier lies (RFC 8414 section 3.1).
    #[must_use]
    pub fn server_metadata_url(&self) -> Option<Url> {
        self.well_known("oauth-authorization-server")
    }

    fn well_known(&self, kind: &str) -> Option<Url> {
        let mut url = self.url()?;
        let path = url.path().trim_end_matches('/').to_owned();
        url.set_path(&format!("/.well-known/{kind}{path}"));
        Some(url)
    }
}

impl fmt::Display for IssuerIdentifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for IssuerIdentifier {
    type Error = UrlError;

    fn try_from(text: String) -> Result<Self, UrlError> {
        Self::parse(&text)
    }
}

impl From<IssuerIdentifier> for String {
    fn from(identifier: IssuerIdentifier) -> Self {
        identifier.0
    }
}

/// What a credential issuer says about itself (section 12.2.4). Unknown members are ignored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IssuerMetadata {
    /// The identifier the metadata was asked under.
    pub credential_issuer: IssuerIdentifier,
    /// Authorization servers; `None` says that the issuer is its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorization_servers: Option<Vec<IssuerIdentifier>>,
    /// Credential endpoint.
    pub credential_endpoint: Url,
    /// Nonce endpoint; present where proofs must carry a `c_nonce`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce_endpoint: Option<Url>,
    /// Deferred credential endpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deferred_credential_endpoint: Option<Url>,
    /// Notification endpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notification_endpoint: Option<Url>,
    /// How credential requests may be encrypted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential_request_encryption: Option<Value>,
    /// How credential responses may be encrypted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential_response_encryption: Option<Value>,
    /// How many credentials one request may ask for; `None` says one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch_credential_issuance: Option<Batch>,
    /// Where the addresses of all status lists are; a member that draft-ietf-oauth-status-list-20 section 9.1 defines for
    /// authorization servers, here too for verifiers that know the issuer only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status_list_aggregation_endpoint: Option<Url>,
    /// The issuer's name and logo by language.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub display: Vec<Display>,
    /// What can be issued, by configuration identifier.
    pub credential_configurations_supported: BTreeMap<String, Configuration>,
}

impl IssuerMetadata {
    /// The most proofs that one request may carry: `batch_size`, or 1.
    #[must_use]
    pub fn batch_size(&self) -> usize {
        self.batch_credential_issuance.map_or(1, |batch| batch.batch_size.max(1))
    }

    /// Whether the response of the credential endpoint can only be had encrypted, which is not supported here yet.
    #[must_use]
    pub fn demands_encryption(&self) -> bool {
        [&self.credential_request_encryption, &self.credential_response_encryption].iter().any(|member| {
            member.as_ref().and_then(|value| value.get("encryption_required")) == Some(&Value::Bool(true))
        })
    }
}

/// `batch_credential_issuance`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Batch {
    /// Longest proof array, at least 2.
    pub batch_size: usize,
}

/// A name with its language and pictures. Members beyond these are ignored.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Display {
    /// Name to show.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Language, BCP 47.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locale: Option<String>,
    /// Logo.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logo: Option<Picture>,
    /// What the credential is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// CSS colour behind the card.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub background_color: Option<String>,
    /// Picture behind the card.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub background_image: Option<Picture>,
    /// CSS colour of the text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text_color: Option<String>,
}

/// A picture by `https:` or `data:` URI; showing one is the wallet's decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Picture {
    /// Where it lies.
    pub uri: String,
    /// What it shows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alt_text: Option<String>,
}

/// A signature algorithm in metadata: a JOSE name for `dc+sd-jwt`, a COSE number for `mso_mdoc`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum SigningAlgorithm {
    /// For example `ES256`.
    Jose(String),
    /// For example -7.
    Cose(i64),
}

/// One credential that can be issued (section 12.2.4, appendix A for the members by format).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Configuration {
    /// Format identifier: `dc+sd-jwt`, `mso_mdoc`, `ldp_vc`, `jwt_vc_json` or another.
    pub format: String,
    /// Scope that stands for this configuration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// Type of an SD-JWT VC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vct: Option<String>,
    /// Type of an mdoc.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doctype: Option<String>,
    /// Type of a W3C credential.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential_definition: Option<Value>,
    /// How the credential is signed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub credential_signing_alg_values_supported: Vec<SigningAlgorithm>,
    /// How it is bound to a key: `jwk`, `cose_key`, `did:…`; empty says that it is not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cryptographic_binding_methods_supported: Vec<String>,
    /// Proofs of possession by type; non-empty says that one is needed.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub proof_types_supported: BTreeMap<String, ProofType>,
    /// Name, look and claims.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential_metadata: Option<CredentialMetadata>,
}

impl Configuration {
    /// An SD-JWT VC of type `vct`, bound to an ES256 or EdDSA key by a `jwt` proof, signed with ES256.
    #[must_use]
    pub fn sd_jwt_vc(vct: &str, scope: &str) -> Self {
        Self {
            format: "dc+sd-jwt".to_owned(),
            scope: Some(scope.to_owned()),
            vct: Some(vct.to_owned()),
            credential_signing_alg_values_supported: vec![SigningAlgorithm::Jose("ES256".to_owned())],
            cryptographic_binding_methods_supported: vec!["jwk".to_owned()],
            proof_types_supported: jwt_proofs(&["ES256", "EdDSA"]),
            ..Self::default()
        }
    }

    /// An mdoc of type `doctype`, bound to an ES256 key by a `jwt` proof, signed with COSE algorithm -7.
    #[must_use]
    pub fn mdoc(doctype: &str, scope: &str) -> Self {
        Self {
            format: "mso_mdoc".to_owned(),
            scope: Some(scope.to_owned()),
            doctype: Some(doctype.to_owned()),
            credential_signing_alg_values_supported: vec![SigningAlgorithm::Cose(-7)],
            cryptographic_binding_methods_supported: vec!["cose_key".to_owned()],
            proof_types_supported: jwt_proofs(&["ES256"]),
            ..Self::default()
        }
    }

    /// A W3C credential with a Data Integrity proof by `cryptosuite`, its subject the key of a `jwt` proof.
    #[must_use]
    pub fn ldp_vc(definition: Value, cryptosuite: &str, scope: &str) -> Self {
        Self {
            format: "ldp_vc".to_owned(),
            scope: Some(scope.to_owned()),
            credential_definition: Some(definition),
            credential_signing_alg_values_supported: vec![SigningAlgorithm::Jose(cryptosuite.to_owned())],
            cryptographic_binding_methods_supported: vec!["jwk".to_owned()],
            proof_types_supported: jwt_proofs(&["ES256", "EdDSA"]),
            ..Self::default()
        }
    }

    /// Whether a proof of possession is needed.
    #[must_use]
    pub fn needs_proof(&self) -> bool {
        !self.proof_types_supported.is_empty()
    }
}

fn jwt_proofs(algorithms: &[&str]) -> BTreeMap<String, ProofType> {
    let names = algorithms.iter().map(|name| (*name).to_owned()).collect();
    let proof = ProofType { proof_signing_alg_values_supported: names, key_attestations_required: None };
    BTreeMap::from([("jwt".to_owned(), proof)])
}

/// One way to prove possession of a key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProofType {
    /// Algorithms that a proof may be signed with.
    pub proof_signing_alg_values_supported: Vec<String>,
    /// Demands on where the key lives; present says that a key attestation is needed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_attestations_required: Option<Map<String, Value>>,
}

/// Name, look and claims of a credential.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CredentialMetadata {
    /// Names by language.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub display: Vec<Display>,
    /// Claims in the order to show them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub claims: Vec<ClaimMetadata>,
    /// How often a copy may be presented (ARF 3.0 Topic 10, ISSU_39); as it came, see [`CredentialMetadata::reuse`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential_reuse_policy: Option<Value>,
}

/// What an issuer says about presenting one copy of a credential more than once. Without its word a copy may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReusePolicy {
    /// No copy may be presented twice.
    pub once_only: bool,
    /// With so many unused copies or fewer the wallet should see to new ones.
    pub reissue_trigger_unused: Option<u32>,
}

impl CredentialMetadata {
    /// The policy in `credential_reuse_policy`: `once_only` if every option demands it. What is not known is no demand.
    #[must_use]
    pub fn reuse(&self) -> ReusePolicy {
        let options = self.credential_reuse_policy.as_ref().and_then(|policy| policy.get("options")?.as_array());
        let options = options.map(Vec::as_slice).unwrap_or_default();
        let says_once = |option: &Value| {
            let details = option.get("details").and_then(Value::as_array);
            details.is_some_and(|details| details.iter().any(|detail| detail == "once_only"))
        };
        let trigger = |option: &Value| u32::try_from(option.get("reissue_trigger_unused")?.as_u64()?).ok();
        ReusePolicy {
            once_only: !options.is_empty() && options.iter().all(says_once),
            reissue_trigger_unused: options.iter().find_map(trigger),
        }
    }
}

/// One claim (appendix B.2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClaimMetadata {
    /// Where the claim stands.
    pub path: ClaimPath,
    /// Whether every credential of this configuration has it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub mandatory: bool,
    /// Names by language.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub display: Vec<Display>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn well_known_stands_before_the_path() {
        let check = |id: &str, expected: &str| {
            assert_eq!(IssuerIdentifier::parse(id).unwrap().metadata_url().unwrap().as_str(), expected);
        };
        check("https://a.example", "https://a.example/.well-known/openid-credential-issuer");
        check("https://a.example/t/1", "https://a.example/.well-known/openid-credential-issuer/t/1");
        check("https://a.example/t/", "https://a.example/.well-known/openid-credential-issuer/t");
        for bad in ["http://a.example", "https://a.example?x", "https://a.example/#f", "a"] {
            assert!(IssuerIdentifier::parse(bad).is_err(), "`{bad}`");
        }
    }

    #[test]
    fn algorithms_by_format() {
        let sd_jwt = serde_json::to_value(Configuration::sd_jwt_vc("urn:x", "kyc")).unwrap();
        assert_eq!(sd_jwt["credential_signing_alg_values_supported"][0], "ES256");
        let mdoc = serde_json::to_value(Configuration::mdoc("org.x", "kyc")).unwrap();
        assert_eq!(mdoc["credential_signing_alg_values_supported"][0], -7);
        assert_eq!(serde_json::from_value::<Configuration>(mdoc).unwrap(), Configuration::mdoc("org.x", "kyc"));
    }

    #[test]
    fn how_often_a_copy_may_be_shown() {
        let check = |policy: Value, once_only: bool, reissue_trigger_unused: Option<u32>| {
            let metadata: CredentialMetadata =
                serde_json::from_value(serde_json::json!({ "credential_reuse_policy": policy })).unwrap();
            assert_eq!(metadata.reuse(), ReusePolicy { once_only, reissue_trigger_unused }, "{policy}");
        };
        let options = |options: Value| serde_json::json!({ "id": "arf_annex_ii", "options": options });
        let once = || serde_json::json!({ "details": ["once_only"], "batch_size": 30, "reissue_trigger_unused": 3 });
        check(options(serde_json::json!([once()])), true, Some(3));
        check(options(serde_json::json!([{ "details": ["limited_time"] }])), false, None);
        // The wallet may take the milder option, and what cannot be read demands nothing.
        check(options(serde_json::json!([once(), { "details": ["limited_time"] }])), false, Some(3));
        for nothing in [options(serde_json::json!([])), serde_json::json!({}), serde_json::json!("once_only")] {
            check(nothing, false, None);
        }
        check(options(serde_json::json!([{ "details": "once_only", "reissue_trigger_unused": -1 }])), false, None);
        assert_eq!(CredentialMetadata::default().reuse(), ReusePolicy::default());
    }
}
