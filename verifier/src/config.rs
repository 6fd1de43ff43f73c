//! How one verifier is set up.

use url::Url;
use warifu_credential::face_template::ModelId;
use warifu_keys::x509::Certificate;
use warifu_server::extract::ApiKeyHash;

use crate::policy::Policy;

/// The settings of one verifier, checked by [`Config::check`] before the first socket opens.
#[derive(Debug, Clone)]
pub struct Config {
    /// Its address as wallets and people see it: https, or http on this machine in a sandbox.
    pub base_url: Url,
    /// The name people see.
    pub name: String,
    /// Its identifier in the trusted list: the audience of shares.
    pub audience: String,
    /// Address of the trust registry.
    pub registry: Url,
    /// The registry operator's pinned certificate.
    pub operator: Certificate,
    /// Hash of the API key of the partner's own servers.
    pub api_key: ApiKeyHash,
    /// Identifier of the partner's own workflow, which imports belong to.
    pub workflow_id: String,
    /// What may be asked for, by name; the first is the default.
    pub policies: Vec<Policy>,
    /// Face models whose selfie matches count.
    pub allowed_models: Vec<ModelId>,
    /// Life of a request in seconds, 30 to 3600.
    pub request_seconds: u32,
    /// Whether pages wear the sandbox band and plain http on this machine is fine.
    pub sandbox: bool,
}

/// Why a configuration is not usable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The base URL has a query, a fragment or a path, or is plain http outside a sandbox.
    #[error("the base URL `{0}` is not usable: https without path, query and fragment is needed")]
    BaseUrl(Url),
    /// No policy, or two of one name.
    #[error("policies need names of their own; there must be at least one")]
    Policies,
    /// A policy's query does not parse.
    #[error("the query of policy `{0}` is not usable")]
    Query(String),
    /// The life of requests is out of range.
    #[error("requests live 30 to 3600 seconds, not {0}")]
    Life(u32),
    /// Audience or name is empty.
    #[error("`{0}` is empty")]
    Empty(&'static str),
}

impl Config {
    /// Checks everything that can be checked without asking anybody.
    pub fn check(&self) -> Result<(), ConfigError> {
        let plain = self.base_url.scheme() == "https" || (self.sandbox && self.base_url.scheme() == "http");
        if !plain
            || self.base_url.path() != "/"
            || self.base_url.query().is_some()
            || self.base_url.fragment().is_some()
        {
            return Err(ConfigError::BaseUrl(self.base_url.clone()));
        }
        if self.name.is_empty() {
            return Err(ConfigError::Empty("name"));
        }
        if self.audience.is_empty() {
            return Err(ConfigError::Empty("audience"));
        }
        let mut names: Vec<_> = self.policies.iter().map(|policy| &policy.name).collect();
        names.sort();
        names.dedup();
        if names.is_empty() || names.len() != self.policies.len() {
            return Err(ConfigError::Policies);
        }
        for policy in &self.policies {
            policy.query().map_err(|_| ConfigError::Query(policy.name.clone()))?;
        }
        if !(30..=3600).contains(&self.request_seconds) {
            return Err(ConfigError::Life(self.request_seconds));
        }
        Ok(())
    }

    /// Where the trusted list is.
    pub(crate) fn trusted_list(&self) -> Url {
        self.at_registry("trusted-list")
    }

    /// An address of this verifier. `path` has no leading slash and only characters that need no escaping.
    #[must_use]
    pub fn at(&self, path: &str) -> Url {
        let mut url = self.base_url.clone();
        url.set_path(path);
        url
    }

    fn at_registry(&self, path: &str) -> Url {
        let mut url = self.registry.clone();
        url.set_path(path);
        url
    }

    /// The policy of this name; the default one for `None`.
    #[must_use]
    pub fn policy(&self, name: Option<&str>) -> Option<&Policy> {
        match name {
            None => self.policies.first(),
            Some(name) => self.policies.iter().find(|policy| policy.name == name),
        }
    }
}
