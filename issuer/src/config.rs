//! How an issuer is set up.

use std::path::PathBuf;

use jiff::SignedDuration;
use url::Url;
use warifu_credential::status::Bits;
use warifu_keys::x509::Certificate;
use warifu_models::liveness::Method;
use warifu_models::picture::Limits;
use warifu_server::extract::{ApiKey, ApiKeyHash};

use crate::billing::Prices;
use crate::embed::EmbedOrigin;
use crate::kyc::workflow::{Environment, Workflow};
use crate::retention::Rules;
use crate::vci::CredentialConfiguration;

/// Settings of one issuer. Checked by [`Config::check`] before the first request.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where the issuer is reached from outside, without a slash at the end; also its credential issuer identifier.
    pub base_url: Url,
    /// Name for people.
    pub name: String,
    /// Legal name of who runs it, shown on its first page.
    pub authority: String,
    /// Country of who runs it, ISO 3166-1 alpha-2.
    pub country: String,
    /// Real people or specimens. Sandbox pages and credentials say so.
    pub environment: Environment,
    /// Hashes of the keys that clients of the session API may use.
    pub api_keys: Vec<ApiKeyHash>,
    /// What is counted, and what it would cost; nothing is blocked or collected.
    pub prices: Prices,
    /// Hash of the key with which applications are made over HTTP; none can be made so where `None`, the default.
    pub operator_key: Option<ApiKeyHash>,
    /// The workflows; the first one is the default.
    pub workflows: Vec<Workflow>,
    /// What is offered to an approved person, in order of preference. Default: the `kyc` profile as SD-JWT VC and as
    /// mdoc; in a sandbox the PID shapes too.
    pub configurations: Vec<CredentialConfiguration>,
    /// How long a session can be finished. Default: 7 days.
    pub session_life: SignedDuration,
    /// How long a credential offer can be taken up. Default: 10 minutes.
    pub offer_life: SignedDuration,
    /// Technical validity of a credential, in days; independent of the document's. Default: 90.
    pub credential_days: u16,
    /// Most copies in one credential response. Default: 10.
    pub batch_size: usize,
    /// Entries in one status list; lists that were begun keep theirs. Default: 131,072.
    pub status_list_length: u32,
    /// How long others may keep a status list token. Default: 5 minutes; 10 seconds in a sandbox.
    pub status_ttl: SignedDuration,
    /// Whether credentials can be suspended. Default: not; in a sandbox they can.
    pub suspension: Suspension,
    /// For how long back the issuer says how a status list was (`?time=`). `None`, the default, is never: whoever can ask
    /// about the past can follow a credential.
    pub status_history: Option<SignedDuration>,
    /// Limits for uploaded pictures. Default: 15 MB, 40 megapixels.
    pub picture_limits: Limits,
    /// How many pictures are read at the same time; each takes one core and some 100 MB while it lasts. Default: 2.
    pub readers: usize,
    /// Where the trusted list is; needed to share.
    pub registry_url: Url,
    /// Address of a wallet's page for links on this device, which takes `uri` in its query; the links' own schemes
    /// (`openid-credential-offer:`) where `None`.
    pub same_device: Option<Url>,
    /// The origins whose pages may embed the sessions of the application that is built in; other applications have their
    /// own. Default: nobody's.
    pub embed_origins: Vec<EmbedOrigin>,
    /// The certificate that the trusted list is signed under, pinned.
    pub registry_operator: Certificate,
    /// Jurisdiction in consent receipts, two letters or `EU`.
    pub jurisdiction: String,
    /// Font files for the report of a session, in order of preference. `None`, the default, is those of the well-known folders
    /// of Debian's packages; without any, names in other scripts than Latin are given as the machine-readable lines spell them.
    pub report_fonts: Option<Vec<PathBuf>>,
    /// For how long each class of data is kept. Default: five years after the relationship ended.
    pub retention: Rules,
}

/// Whether credentials can be suspended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Suspension {
    /// They can be revoked only: status lists have one bit, and say nothing more of anyone.
    No,
    /// SD-JWT VCs can: their status lists have two bits. Mobile documents can not, as their lists must have one bit.
    Yes,
}

impl Suspension {
    /// Bits per entry in the status lists of SD-JWT VCs.
    pub(crate) fn bits(self) -> Bits {
        match self {
            Self::No => Bits::One,
            Self::Yes => Bits::Two,
        }
    }
}

/// A setting that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("setting `{setting}`: {why}")]
pub struct BadSetting {
    /// Which setting.
    pub setting: &'static str,
    /// What is wrong with it.
    pub why: &'static str,
}

impl Config {
    /// A sandbox on this address: specimens are taken, liveness that could not be performed is a warning.
    #[must_use]
    pub fn sandbox(base_url: Url, registry_url: Url, registry_operator: Certificate) -> Self {
        Self {
            environment: Environment::Sandbox,
            workflows: sandbox_workflows(),
            configurations: CredentialConfiguration::ALL.to_vec(),
            status_ttl: SignedDuration::from_secs(10),
            suspension: Suspension::Yes,
            ..Self::live(base_url, registry_url, registry_operator)
        }
    }

    /// The defaults for real people. Name, authority, country and API keys are still to be filled in.
    #[must_use]
    pub fn live(base_url: Url, registry_url: Url, registry_operator: Certificate) -> Self {
        Self {
            base_url,
            name: "Warifu Issuer".to_owned(),
            authority: "Warifu Issuer".to_owned(),
            country: "UT".to_owned(),
            environment: Environment::Live,
            api_keys: Vec::new(),
            operator_key: None,
            prices: Prices::default(),
            workflows: vec![Workflow::live(), Workflow::reuse(Environment::Live)],
            configurations: vec![CredentialConfiguration::KycSdJwt, CredentialConfiguration::KycMdoc],
            session_life: SignedDuration::from_hours(7 * 24),
            offer_life: SignedDuration::from_mins(10),
            credential_days: 90,
            batch_size: 10,
            status_list_length: 131_072,
            status_ttl: SignedDuration::from_mins(5),
            suspension: Suspension::No,
            status_history: None,
            picture_limits: Limits::default(),
            readers: 2,
            registry_url,
            registry_operator,
            same_device: None,
            embed_origins: Vec::new(),
            jurisdiction: "EU".to_owned(),
            report_fonts: None,
            retention: Rules::default(),
        }
    }

    /// Lets clients in that name this key.
    #[must_use]
    pub fn with_api_key(mut self, key: &str) -> Self {
        self.api_keys.push(ApiKeyHash::of(key));
        self
    }

    /// Whether this is the key of a client.
    pub(crate) fn knows(&self, key: &ApiKey) -> bool {
        // Every known key is compared, so that the time says nothing about which one came close.
        self.api_keys.iter().fold(false, |known, kept| key.is(kept) | known)
    }

    /// Refuses settings that contradict each other or a standard.
    ///
    /// # Errors
    /// The first bad setting.
    pub fn check(&self) -> Result<(), BadSetting> {
        let bad = |setting, why| Err(BadSetting { setting, why });
        if warifu_openid4vc::http::check_callable(&self.base_url).is_err() || self.base_url.query().is_some() {
            return bad("base_url", "it must be https, or http on this machine, without query and fragment");
        }
        if self.environment == Environment::Live && self.base_url.scheme() != "https" {
            return bad("base_url", "real people are served over https only");
        }
        if self.workflows.is_empty() {
            return bad("workflows", "there must be at least one");
        }
        if self.workflows.iter().any(|workflow| workflow.environment != self.environment) {
            return bad("workflows", "they must be of the issuer's environment");
        }
        if self.workflows.iter().any(|it| it.face_bands.certain > it.face_bands.possible || it.face_bands.certain == 0)
        {
            return bad("workflows", "face_bands: certain must be above 0 and at most possible");
        }
        if self.configurations.is_empty() {
            return bad("configurations", "there must be at least one");
        }
        if self.environment == Environment::Live && self.configurations.iter().any(|one| one.is_sandbox()) {
            return bad("configurations", "a private issuer is no PID provider: PID shapes are for a sandbox only");
        }
        if !(self.country.len() == 2 && self.country.bytes().all(|byte| byte.is_ascii_uppercase())) {
            return bad("country", "it must be two upper-case letters");
        }
        if self.credential_days == 0 {
            return bad("credential_days", "it must be at least 1");
        }
        if !(1..=100).contains(&self.batch_size) {
            return bad("batch_size", "it must be between 1 and 100");
        }
        // EUDI TS3 asks for at least 10,000: in a short list an index tells too much.
        if self.status_list_length < 10_000 || self.status_list_length > 8 * 1024 * 1024 {
            return bad("status_list_length", "it must be between 10,000 and 8,388,608");
        }
        if self.status_ttl < SignedDuration::from_secs(1) {
            return bad("status_ttl", "it must be at least a second");
        }
        self.retention.check()?;
        if self.readers == 0 {
            return bad("readers", "it must be at least 1");
        }
        Ok(())
    }

    /// Where the trusted list is: below the registry's address.
    pub(crate) fn trusted_list(&self) -> Url {
        let mut address = self.registry_url.clone();
        address.set_path(&format!("{}/trusted-list", address.path().trim_end_matches('/')));
        address
    }

    /// The address of `path` below the base address.
    #[must_use]
    pub fn address(&self, path: &str) -> String {
        format!("{}{path}", self.base_url.as_str().trim_end_matches('/'))
    }

    /// The workflows for applications of an environment. A sandbox application of an issuer for real people has those of
    /// [`Config::sandbox`]; there is no application for real people on a sandbox.
    pub(crate) fn workflows_of(&self, environment: Environment) -> Vec<Workflow> {
        match (self.environment, environment) {
            (Environment::Live, Environment::Sandbox) => sandbox_workflows(),
            (Environment::Sandbox, Environment::Live) => Vec::new(),
            (Environment::Live, Environment::Live) | (Environment::Sandbox, Environment::Sandbox) => {
                self.workflows.clone()
            }
        }
    }
}

fn sandbox_workflows() -> Vec<Workflow> {
    vec![
        Workflow::sandbox(),
        Workflow::reuse(Environment::Sandbox),
        Workflow::rehearsal(),
        Workflow::challenging(Method::Active3d),
        Workflow::challenging(Method::Flashing),
    ]
}
