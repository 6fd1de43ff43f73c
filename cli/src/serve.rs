//! `warifu issuer serve` and `warifu verifier serve`: one role, one process, one configuration file.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use jiff::SignedDuration;
use serde::Deserialize;
use url::Url;
use warifu_credential::face_template::ModelId;
use warifu_issuer::billing::Prices;
use warifu_issuer::embed::EmbedOrigin;
use warifu_issuer::kyc::workflow::{Environment, Workflow};
use warifu_issuer::retention::{PurgeReceipt, Rules};
use warifu_issuer::{CredentialConfiguration, Issuer, Keys, Suspension};
use warifu_keys::pkcs11::{KeyAddress, Pkcs11Signer};
use warifu_keys::x509::Certificate;
use warifu_keys::{Entropy, Secret, Signer, SigningKey, base64url};
use warifu_models::Parts;
use warifu_openid4vc::vp::client_id::Prefix;
use warifu_openid4vc::vp::dc_api::Origin;
use warifu_server::Clock;
use warifu_server::entropy::System;
use warifu_server::extract::ApiKeyHash;
use warifu_server::fetch::{Fetcher, Limits as FetchLimits, Policy as FetchPolicy};
use warifu_server::run::{Limits, Listener, asked_to_stop};
use warifu_session::webhook::WebhookSecret;
use warifu_store::Store;
use warifu_store::blob::Blobs;
use warifu_trust::bundle::{self, Credentials, IssuerBundle, VerifierBundle};
use warifu_verifier::Verifier;
use warifu_verifier::acceptance::Rule;
use warifu_verifier::config::IMPORT_PRICE;
use warifu_verifier::identity::{Identity, OwnRegistration};
use warifu_verifier::policy::{Formats, Policy};
use warifu_verifier::webhook::Destination;
use warifu_w3c::did::Did;

use crate::files;

/// Subcommands of `warifu issuer`.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum IssuerCommand {
    /// Serve an issuer.
    Serve {
        /// TOML file; `docs/configuration.md` names every member.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
}

/// Subcommands of `warifu verifier`.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum VerifierCommand {
    /// Serve a verifier.
    Serve {
        /// TOML file; `docs/configuration.md` names every member.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
}

/// What both roles have in common. Paths are taken from the folder of the file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Common {
    /// Where to listen.
    listen: SocketAddr,
    /// The address as others see it.
    pub(crate) base_url: Url,
    /// The name people see.
    name: String,
    /// Folder of the role's keys, as `warifu registry init` made it.
    keys: PathBuf,
    /// Folder for data.
    pub(crate) data: PathBuf,
    /// Address of the trust registry.
    registry: Url,
    /// The registry operator's certificate, pinned.
    operator: PathBuf,
    /// File with one API key a line.
    api_keys: PathBuf,
    /// Whether this is a sandbox: fictional people, plain http on this machine.
    #[serde(default)]
    sandbox: bool,
}

#[derive(Debug, Deserialize)]
struct IssuerFile {
    common: Common,
    issuer: IssuerPart,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct IssuerPart {
    /// Claim `issuing_authority`.
    authority: String,
    /// Claim `issuing_country`.
    country: String,
    /// Folder of weights; the user's cache when absent.
    models: Option<PathBuf>,
    /// What is offered to an approved person, in order of preference.
    credentials: Option<Vec<CredentialConfiguration>>,
    /// Whether SD-JWT credentials can be suspended.
    suspension: Option<bool>,
    /// For how many days back the issuer says how a status list was; never when absent.
    status_history_days: Option<u16>,
    /// The origins whose pages may embed the sessions made with `api_keys`.
    #[serde(default)]
    embed_origins: Vec<EmbedOrigin>,
    /// Font files for reports, in order of preference; those of the well-known folders when absent.
    report_fonts: Option<Vec<PathBuf>>,
    /// For how many days each class of data is kept after the relationship ended.
    #[serde(default)]
    retention: Rules,
    /// What things would cost, in ten-thousandths of a US dollar. Counted, never collected.
    #[serde(default)]
    prices: Prices,
    /// The document signer's key on a token; `signer.key.pem` in the folder of keys when absent.
    pkcs11: Option<TokenPart>,
}

/// A key on a PKCS#11 token.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenPart {
    /// The vendor's shared library.
    module: PathBuf,
    /// Label of the token.
    token: String,
    /// Label of the key pair.
    key: String,
    /// File with the PIN.
    pin: PathBuf,
}

impl TokenPart {
    /// Opens the key. Paths are taken from the folder of the configuration file.
    fn open(&self, file: &Path) -> Result<Pkcs11Signer> {
        let folder = file.parent().unwrap_or(Path::new("."));
        let pin = folder.join(&self.pin);
        let text = std::fs::read(&pin).with_context(|| format!("{} can not be read", pin.display()))?;
        let pin = Secret::new(Secret::new(text).expose().trim_ascii().to_vec());
        let address =
            KeyAddress { module: folder.join(&self.module), token: self.token.clone(), key: self.key.clone() };
        Ok(Pkcs11Signer::open(&address, &pin)?)
    }
}

#[derive(Debug, Deserialize)]
struct VerifierFile {
    common: Common,
    verifier: VerifierPart,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct VerifierPart {
    /// Identifier in the trusted list.
    audience: String,
    /// Type of attestation that the built-in policies ask for.
    vct: Option<Url>,
    /// The formats in which the built-in policies take it; either when absent.
    #[serde(default)]
    formats: Formats,
    /// Further policies.
    #[serde(default)]
    policies: Vec<Policy>,
    /// The partner's own workflow.
    workflow_id: String,
    /// Whose shares are taken in, and how; those of every issuer in the trusted list when absent.
    #[serde(default)]
    imports: Vec<Rule>,
    /// What an import would cost, in ten-thousandths of a US dollar; 3000 when absent. Counted, never collected.
    import_price: Option<u32>,
    /// Face models whose match counts; the one that wallets come with when absent.
    #[serde(default)]
    allowed_models: Vec<String>,
    /// The client identifier prefixes that requests may use, the default first; `x509_hash` alone when absent.
    #[serde(default)]
    client_id_prefixes: Vec<String>,
    /// A did:web at this address, for `decentralized_identifier`; the did:jwk of the access key when absent.
    did: Option<String>,
    /// File with the verifier attestation for the access key, for `verifier_attestation`.
    attestation: Option<PathBuf>,
    /// File with the registration certificate as the registrar handed it out: it goes with every request, and nothing beyond
    /// it is asked for.
    registration: Option<PathBuf>,
    /// The origins of the partner's own pages, to which the page of a request may lead back.
    #[serde(default)]
    return_origins: Vec<Origin>,
    /// Where the ends of requests are told.
    webhook: Option<WebhookPart>,
}

impl VerifierPart {
    /// By which client identifiers it asks. Paths are taken from the folder of the configuration file.
    fn identity(&self, file: &Path) -> Result<Identity> {
        let folder = file.parent().unwrap_or(Path::new("."));
        let text = |path: &Option<PathBuf>| -> Result<Option<String>> {
            let Some(path) = path.as_ref().map(|path| folder.join(path)) else { return Ok(None) };
            let text = std::fs::read_to_string(&path).with_context(|| format!("{} can not be read", path.display()))?;
            Ok(Some(text.trim().to_owned()))
        };
        let prefix = |name: &String| {
            Prefix::from_name(name).with_context(|| format!("client_id_prefixes: `{name}` is not known"))
        };
        let prefixes = match &self.client_id_prefixes[..] {
            [] => Identity::default().prefixes,
            named => named.iter().map(prefix).collect::<Result<_>>()?,
        };
        let registration = text(&self.registration)?.map(|jwt| OwnRegistration::parse(&jwt));
        Ok(Identity {
            prefixes,
            did: self.did.as_deref().map(Did::parse).transpose().context("did")?,
            attestation: text(&self.attestation)?,
            registration: registration.transpose().context("the registration certificate is not usable")?,
        })
    }
}

/// Where a verifier tells how its requests ended.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WebhookPart {
    /// The address.
    url: Url,
    /// File with the secret of the signatures.
    secret: PathBuf,
}

impl WebhookPart {
    /// Reads the secret; its path is taken from the folder of the configuration file.
    fn open(self, file: &Path) -> Result<Destination> {
        let path = file.parent().unwrap_or(Path::new(".")).join(&self.secret);
        let text = Secret::new(std::fs::read(&path).with_context(|| format!("{} can not be read", path.display()))?);
        let secret = WebhookSecret::from_secret(Secret::new(text.expose().trim_ascii().to_vec()));
        Ok(Destination { url: self.url, secret })
    }
}

/// The part of a configuration file that both roles have.
pub(crate) fn common(file: &Path) -> Result<Common> {
    #[derive(Deserialize)]
    struct AnyRole {
        common: Common,
    }
    Ok(read::<AnyRole>(file)?.common.below(file))
}

fn read<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T> {
    let text = std::fs::read_to_string(path).with_context(|| format!("{} can not be read", path.display()))?;
    toml::from_str(&text).with_context(|| format!("{} is not usable", path.display()))
}

impl Common {
    /// Resolves paths from the folder of the configuration file.
    fn below(mut self, file: &Path) -> Self {
        let folder = file.parent().unwrap_or(Path::new("."));
        for path in [&mut self.keys, &mut self.data, &mut self.operator, &mut self.api_keys] {
            *path = folder.join(&path);
        }
        self
    }

    fn operator(&self) -> Result<Certificate> {
        let pem = std::fs::read_to_string(&self.operator)
            .with_context(|| format!("{} can not be read", self.operator.display()))?;
        Ok(Certificate::from_pem(&pem)?)
    }

    fn api_keys(&self) -> Result<Vec<ApiKeyHash>> {
        let text = std::fs::read_to_string(&self.api_keys)
            .with_context(|| format!("{} can not be read", self.api_keys.display()))?;
        let keys: Vec<_> = text.lines().map(str::trim).filter(|line| !line.is_empty()).map(ApiKeyHash::of).collect();
        if keys.is_empty() {
            bail!("{} holds no API key", self.api_keys.display());
        }
        Ok(keys)
    }

    fn fetcher(&self) -> Result<Fetcher> {
        let policy = if self.sandbox { FetchPolicy::Loopback } else { FetchPolicy::Public };
        Ok(Fetcher::new(policy, FetchLimits::default())?)
    }
}

/// Where an issuer is and keeps its data, for commands beside it.
pub(crate) struct IssuerPlace {
    /// The address as others see it.
    pub(crate) base_url: Url,
    /// Whether it is a sandbox.
    pub(crate) sandbox: bool,
    listen: SocketAddr,
    data: PathBuf,
}

impl IssuerPlace {
    /// As its configuration file says.
    pub(crate) fn read(file: &Path) -> Result<Self> {
        let IssuerFile { common, .. } = read(file)?;
        let Common { listen, base_url, sandbox, data, .. } = common.below(file);
        Ok(Self { base_url, sandbox, listen, data })
    }

    /// The address on this machine, without a proxy in between.
    pub(crate) fn local_url(&self) -> Result<Url> {
        let host = match self.listen.ip() {
            ip if ip.is_unspecified() && ip.is_ipv4() => "127.0.0.1".to_owned(),
            ip if ip.is_unspecified() => "[::1]".to_owned(),
            IpAddr::V4(ip) => ip.to_string(),
            IpAddr::V6(ip) => format!("[{ip}]"),
        };
        Ok(format!("http://{host}:{}/", self.listen.port()).parse()?)
    }

    /// The key of the operator's door; made when the issuer starts for the first time.
    pub(crate) fn operator_key(&self) -> Result<Option<String>> {
        let path = self.data.join(OPERATOR_KEY);
        match std::fs::read_to_string(&path) {
            Ok(text) => Ok(Some(text.trim().to_owned())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("{} can not be read", path.display())),
        }
    }

    /// The records; only while the issuer does not run.
    pub(crate) fn store(&self) -> Result<Arc<dyn Store>> {
        std::fs::create_dir_all(&self.data)?;
        Ok(warifu_store::redb::open(self.data.join(RECORDS))?)
    }
}

/// File of the operator's key, in the folder of data.
const OPERATOR_KEY: &str = "operator.key";
/// File of the records, in the folder of data.
const RECORDS: &str = "records.redb";

/// Runs `warifu issuer`.
pub(crate) async fn issuer(command: IssuerCommand) -> Result<()> {
    let IssuerCommand::Serve { config: file } = command;
    let (issuer, listen) = open_issuer(&file, Parts::ALL).await?;
    let applications = issuer.applications().load().await?;
    tracing::info!(applications, "keys of applications are loaded");
    let faces = issuer.load_faces().await?;
    tracing::info!(faces, "kept faces are loaded");
    if !issuer.has_liveness() {
        tracing::warn!("passive liveness is not performed: its optional weights are absent");
    }
    let listener = Listener::bind(listen).await?;
    announce("issuer", listener.address());
    let purging = tokio::spawn(purge_hourly(Arc::clone(&issuer), Clock::system()));
    let courier = tokio::spawn(Arc::clone(&issuer).deliver_webhooks(asked_to_stop()));
    listener.serve(warifu_issuer::http::router(issuer), Limits::default(), asked_to_stop()).await;
    purging.abort();
    courier.await?;
    Ok(())
}

/// Purges what is due, now and every hour.
async fn purge_hourly(issuer: Arc<Issuer>, clock: Clock) {
    let mut hours = tokio::time::interval(Duration::from_secs(3600));
    loop {
        hours.tick().await;
        match purge_all(&issuer, &clock).await {
            Ok(receipts) if receipts.is_empty() => {}
            Ok(receipts) => tracing::info!(receipts = receipts.len(), "what was due was purged"),
            Err(error) => tracing::error!(%error, "what is due could not be purged; it is tried again in an hour"),
        }
    }
}

/// Runs the purge until nothing is due.
pub(crate) async fn purge_all(issuer: &Issuer, clock: &Clock) -> Result<Vec<PurgeReceipt>, warifu_issuer::Error> {
    let mut all = Vec::new();
    loop {
        let receipts = issuer.purge_due(clock.now()).await?;
        if receipts.is_empty() {
            return Ok(all);
        }
        all.extend(receipts);
    }
}

/// An issuer as its configuration file says, and where it listens.
pub(crate) async fn open_issuer(file: &Path, wanted: Parts) -> Result<(Arc<Issuer>, SocketAddr)> {
    let IssuerFile { common, issuer } = read(file)?;
    let common = common.below(file);
    let operator = common.operator()?;
    let base = if common.sandbox { warifu_issuer::Config::sandbox } else { warifu_issuer::Config::live };
    let environment = if common.sandbox { Environment::Sandbox } else { Environment::Live };
    let workflow = if common.sandbox { Workflow::sandbox() } else { Workflow::live() };
    let defaults = base(common.base_url.clone(), common.registry.clone(), operator);
    let config = warifu_issuer::Config {
        name: common.name.clone(),
        authority: issuer.authority,
        country: issuer.country,
        environment,
        workflows: vec![workflow, Workflow::reuse(environment)],
        api_keys: common.api_keys()?,
        configurations: issuer.credentials.unwrap_or_else(|| defaults.configurations.clone()),
        suspension: match issuer.suspension {
            Some(true) => Suspension::Yes,
            Some(false) => Suspension::No,
            None => defaults.suspension,
        },
        embed_origins: issuer.embed_origins,
        report_fonts: issuer.report_fonts,
        retention: issuer.retention,
        prices: issuer.prices,
        status_history: issuer.status_history_days.map(|days| SignedDuration::from_hours(24 * i64::from(days))),
        ..defaults
    };
    std::fs::create_dir_all(&common.data)?;
    let operator_key = kept_secret(&common.data.join(OPERATOR_KEY), &System)?;
    let operator_key = Some(ApiKeyHash::of(&base64url::encode(operator_key.expose())));
    let config = warifu_issuer::Config { operator_key, ..config };
    config.check()?;
    let (document_signer, chain): (Arc<dyn Signer>, _) = match &issuer.pkcs11 {
        Some(token) => (Arc::new(token.open(file)?), vec![bundle::signer_certificate(&files::reader(&common.keys))?]),
        None => {
            let Credentials { chain, key } = IssuerBundle::load(&files::reader(&common.keys))?.signer;
            (Arc::new(key), chain)
        }
    };
    let entropy: Arc<dyn Entropy> = Arc::new(System);
    let models = issuer.models;
    let models = tokio::task::spawn_blocking(move || files::models(models.as_deref(), wanted)).await??;
    let parts = warifu_issuer::Parts {
        store: warifu_store::redb::open(common.data.join(RECORDS))?,
        blobs: Blobs::folder(common.data.join("blobs"))?,
        models,
        fetcher: common.fetcher()?,
        clock: Clock::system(),
        keys: Keys {
            document_signer,
            chain,
            status_signer: None,
            access: Credentials::load_if_there(bundle::ACCESS, &files::reader(&common.keys))?.map(Into::into),
            master: kept_secret(&common.data.join("master.key"), &*entropy)?,
        },
        entropy,
    };
    let issuer = Issuer::new(config, parts)?.with_audit_signer(audit_key(&common.data)?)?;
    Ok((Arc::new(issuer), common.listen))
}

/// Runs `warifu verifier`.
pub(crate) async fn verifier(command: VerifierCommand) -> Result<()> {
    let VerifierCommand::Serve { config: file } = command;
    let VerifierFile { common, verifier } = read(&file)?;
    let common = common.below(&file);
    let identity = verifier.identity(&file)?;
    let mut policies = verifier.policies;
    if let Some(vct) = &verifier.vct {
        policies.extend(Policy::built_in(vct.as_str(), verifier.formats));
    }
    let [api_key] = common.api_keys()?[..] else { bail!("a verifier has exactly one API key") };
    let config = warifu_verifier::Config {
        base_url: common.base_url.clone(),
        name: common.name.clone(),
        audience: verifier.audience,
        registry: common.registry.clone(),
        operator: common.operator()?,
        api_key,
        workflow_id: verifier.workflow_id,
        policies,
        imports: verifier.imports,
        import_price: verifier.import_price.unwrap_or(IMPORT_PRICE),
        allowed_models: allowed_models(&verifier.allowed_models)?,
        request_seconds: 300,
        same_device: None,
        identity,
        return_origins: verifier.return_origins,
        webhook: verifier.webhook.map(|webhook| webhook.open(&file)).transpose()?,
        sandbox: common.sandbox,
    };
    config.check()?;
    std::fs::create_dir_all(&common.data)?;
    let parts = warifu_verifier::Parts {
        store: warifu_store::redb::open(common.data.join("records.redb"))?,
        fetcher: common.fetcher()?,
        clock: Clock::system(),
        entropy: Arc::new(System),
        bundle: VerifierBundle::load(&files::reader(&common.keys))?,
    };
    config.identity.check_keys(&config, &parts.bundle)?;
    let verifier = Arc::new(Verifier::new(config, parts).with_audit_signer(audit_key(&common.data)?)?);
    let listener = Listener::bind(common.listen).await?;
    announce("verifier", listener.address());
    let warm = tokio::spawn(Arc::clone(&verifier).keep_warm(asked_to_stop()));
    let courier = tokio::spawn(Arc::clone(&verifier).deliver_webhooks(asked_to_stop()));
    let tidying = tokio::spawn(Arc::clone(&verifier).keep_tidy(asked_to_stop()));
    listener.serve(warifu_verifier::http::router(verifier), Limits::default(), asked_to_stop()).await;
    warm.await?;
    courier.await?;
    tidying.await?;
    Ok(())
}

fn allowed_models(named: &[String]) -> Result<Vec<ModelId>> {
    if !named.is_empty() {
        let parse = |name: &String| name.parse().with_context(|| format!("allowed_models: `{name}`"));
        return named.iter().map(parse).collect();
    }
    let builtin = warifu_models::face::ModelId::builtin().context("this program comes with no face model")?;
    Ok(vec![builtin.as_str().parse()?])
}

/// A secret of 32 bytes in a file: made at the first start, readable by its owner only.
fn kept_secret(path: &Path, entropy: &dyn Entropy) -> Result<Secret> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Secret::new(base64url::decode(text.trim()).with_context(|| path.display().to_string())?)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let key = entropy.array::<32>();
            files::write_private(path, base64url::encode(&key).as_bytes())?;
            Ok(Secret::new(key.to_vec()))
        }
        Err(error) => Err(error).with_context(|| format!("{} can not be read", path.display())),
    }
}

/// The Ed25519 key that signs the checkpoints of the audit log: made at the first start, readable by its owner only.
pub(crate) fn audit_key(data: &Path) -> Result<Arc<dyn Signer>> {
    let path = data.join("audit.key.pem");
    match std::fs::read_to_string(&path) {
        Ok(pem) => Ok(Arc::new(SigningKey::from_pkcs8_pem(&pem).with_context(|| path.display().to_string())?)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let key = SigningKey::generate_ed25519(&System);
            files::write_private(&path, key.to_pkcs8_pem()?.as_bytes())?;
            Ok(Arc::new(key))
        }
        Err(error) => Err(error).with_context(|| format!("{} can not be read", path.display())),
    }
}

#[expect(clippy::print_stdout, reason = "the command's answer")]
pub(crate) fn announce(role: &str, address: SocketAddr) {
    println!("{role} listens on http://{address}/; Ctrl-C stops it");
}
