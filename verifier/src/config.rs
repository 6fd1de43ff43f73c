//! How one verifier is set up.

use url::Url;
use warifu_credential::face_template::ModelId;
use warifu_keys::x509::Certificate;
use warifu_openid4vc::vp::dc_api::Origin;
use warifu_openid4vc::vp::registration::check_registered;
use warifu_server::extract::ApiKeyHash;

use crate::acceptance::Rule;
use crate::identity::{Identity, IdentityError};
use crate::policy::{Policy, PolicyError};
use crate::webhook;

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
    /// Whose shares are taken in, and how; those of every issuer in the trusted list when empty.
    pub imports: Vec<Rule>,
    /// What an import would cost, in ten-thousandths of a US dollar: counted, never collected.
    pub import_price: u32,
    /// Face models whose selfie matches count.
    pub allowed_models: Vec<ModelId>,
    /// Life of a request in seconds, 30 to 3600.
    pub request_seconds: u32,
    /// Address of a wallet's page for links on this device, which takes `uri` in its query; the links' own schemes
    /// (`openid4vp:`) where `None`.
    pub same_device: Option<Url>,
    /// By which client identifiers it asks, and what is registered of it.
    pub identity: Identity,
    /// The origins of the partner's own pages, to which the page of a request may lead back.
    pub return_origins: Vec<Origin>,
    /// Where the ends of requests are told, if anywhere.
    pub webhook: Option<webhook::Destination>,
    /// Whether pages wear the sandbox band and plain http on this machine is fine.
    pub sandbox: bool,
}

/// [`Config::import_price`] where nobody said otherwise: 0.30 US dollars.
pub const IMPORT_PRICE: u32 = 3_000;

/// Why a configuration is not usable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The own address or the registry's has a query, a fragment or a path, or is plain http outside a sandbox.
    #[error("`{0}` is not usable: https without path, query and fragment is needed")]
    Url(Url),
    /// Two policies of one name.
    #[error("policies need names of their own")]
    Policies,
    /// A policy's purpose, query or demand is not usable.
    #[error("policy `{name}` is not usable: {why}")]
    Policy {
        /// Its name.
        name: String,
        /// What is wrong.
        why: String,
    },
    /// The life of requests is out of range.
    #[error("requests live 30 to 3600 seconds, not {0}")]
    Life(u32),
    /// Two rules for the imports of one issuer.
    #[error("there are two rules for imports from `{0}`")]
    Imports(String),
    /// The verifier can not be called as it is to be.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The webhook's address is plain http outside a sandbox, or its secret shorter than 16 characters.
    #[error("the webhook needs an https address and a secret of at least 16 characters")]
    Webhook,
    /// A name is empty.
    #[error("`{0}` is empty")]
    Empty(&'static str),
}

impl Config {
    /// Checks everything that can be checked without asking anybody.
    pub fn check(&self) -> Result<(), ConfigError> {
        for url in [&self.base_url, &self.registry] {
            let scheme = url.scheme() == "https" || (self.sandbox && url.scheme() == "http");
            if !scheme || url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
                return Err(ConfigError::Url(url.clone()));
            }
        }
        let texts = [("name", &self.name), ("audience", &self.audience), ("workflow_id", &self.workflow_id)];
        if let Some((name, _)) = texts.into_iter().find(|(_, text)| text.is_empty()) {
            return Err(ConfigError::Empty(name));
        }
        let mut names: Vec<_> = self.policies.iter().map(|policy| &policy.name).collect();
        names.sort();
        names.dedup();
        if names.len() != self.policies.len() {
            return Err(ConfigError::Policies);
        }
        for policy in &self.policies {
            let refuse = |why: PolicyError| ConfigError::Policy { name: policy.name.clone(), why: why.to_string() };
            self.check_policy(policy).map_err(refuse)?;
        }
        self.identity.check(&self.base_url, self.sandbox)?;
        for (at, rule) in self.imports.iter().enumerate() {
            if self.imports[..at].iter().any(|other| other.issuer == rule.issuer) {
                return Err(ConfigError::Imports(rule.issuer.clone()));
            }
        }
        if let Some(webhook) = &self.webhook {
            let scheme = webhook.url.scheme() == "https" || (self.sandbox && webhook.url.scheme() == "http");
            if !scheme || webhook.secret.expose().len() < 16 {
                return Err(ConfigError::Webhook);
            }
        }
        if !(30..=3600).contains(&self.request_seconds) {
            return Err(ConfigError::Life(self.request_seconds));
        }
        Ok(())
    }

    /// Whether requests can be made from a policy here: it is usable, and asks nothing beyond what is registered.
    pub(crate) fn check_policy(&self, policy: &Policy) -> Result<(), PolicyError> {
        policy.check()?;
        if let Some(own) = &self.identity.registration {
            check_registered(std::slice::from_ref(own.registration()), &policy.query()?)?;
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

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use warifu_keys::SigningKey;
    use warifu_keys::entropy::Seeded;
    use warifu_keys::x509::issue::{Authority, Period, Subject};
    use warifu_openid4vc::vp::client_id::Prefix;
    use warifu_w3c::did::Did;

    use super::*;
    use crate::acceptance::Begins;
    use crate::policy::{Formats, Reauth};

    fn config() -> Config {
        let entropy = Seeded::dangerous_new("config");
        let subject = Subject { common_name: "CA".to_owned(), organization: None, country: "UT".to_owned() };
        let period = Period::days(Timestamp::UNIX_EPOCH, 365);
        let key = SigningKey::generate_p256(&entropy);
        let operator = Authority::self_signed(&subject, key, period, "https://example.org", &entropy).unwrap();
        Config {
            base_url: "https://bank-b.example".parse().unwrap(),
            name: "Bank B".to_owned(),
            audience: "partner-b".to_owned(),
            registry: "https://registry.example".parse().unwrap(),
            operator: operator.certificate().clone(),
            api_key: ApiKeyHash::of("key"),
            workflow_id: "wf".to_owned(),
            policies: Policy::built_in("https://issuer.example/vct/kyc-identity/1", Formats::Either),
            imports: Vec::new(),
            import_price: IMPORT_PRICE,
            allowed_models: Vec::new(),
            request_seconds: 300,
            same_device: None,
            identity: Identity::default(),
            return_origins: Vec::new(),
            webhook: None,
            sandbox: false,
        }
    }

    #[test]
    fn what_is_checked() {
        let check = |change: fn(&mut Config), expected: bool| {
            let mut config = config();
            change(&mut config);
            assert_eq!(config.check().is_ok(), expected, "{:?}", config.check());
        };
        check(|_| (), true);
        check(|it| it.base_url.set_path("/x"), false);
        check(|it| it.base_url = "http://127.0.0.1:1".parse().unwrap(), false);
        check(|it| it.registry = "http://127.0.0.1:1".parse().unwrap(), false);
        check(|it| (it.base_url, it.sandbox) = ("http://127.0.0.1:1".parse().unwrap(), true), true);
        check(|it| it.workflow_id.clear(), false);
        check(|it| it.policies.clear(), true);
        check(|it| it.policies[1].name = it.policies[0].name.clone(), false);
        check(|it| it.policies[0].dcql_query = serde_json::json!({}), false);
        check(|it| it.policies[0].selfie_reauth = Some(Reauth { max_age: 0, ..Reauth::default() }), false);
        check(|it| it.policies[0].purpose = " ".to_owned(), false);
        check(|it| drop(it.policies[0].purposes.insert("de".to_owned(), "Konto eröffnen".to_owned())), true);
        check(|it| drop(it.policies[0].purposes.insert("de".to_owned(), String::new())), false);
        check(|it| drop(it.policies[0].purposes.insert("en".to_owned(), "A second one".to_owned())), false);
        check(|it| it.request_seconds = 29, false);
        check(|it| it.identity.prefixes.clear(), false);
        check(|it| it.identity.prefixes = Prefix::ALL[..3].to_vec(), true);
        check(|it| it.identity.prefixes = vec![Prefix::X509Hash; 2], false);
        check(|it| it.identity.prefixes = vec![Prefix::RedirectUri], true);
        check(|it| it.identity.prefixes = vec![Prefix::VerifierAttestation], false);
        check(|it| it.identity.attestation = Some("garbage".to_owned()), true);
        check(
            |it| {
                it.identity.prefixes = vec![Prefix::X509SanDns];
                it.base_url = "https://192.0.2.1".parse().unwrap();
            },
            false,
        );
        let did = |did: &str| Did::parse(did).ok();
        let mut own = config();
        for (text, expected) in [
            ("did:web:bank-b.example", true),
            ("did:web:bank-b.example:verifiers:b", true),
            ("did:web:bank-b.example%3A8443", false),
            ("did:web:bank-a.example", false),
            ("did:web:bank-b.example:%7Bx%7D", false),
            ("did:jwk:e30", false),
        ] {
            own.identity.did = did(text);
            assert_eq!(own.check().is_ok(), expected, "{text}");
        }
        fn rule() -> Rule {
            Rule { issuer: "*".to_owned(), max_age_days: None, minimum_assurance: None, decision: Begins::Review }
        }
        check(|it| it.imports = vec![rule()], true);
        check(|it| it.imports = vec![rule(), rule()], false);
    }
}
