//! All four roles in one process on loopback addresses: what `warifu demo` shows and what the journeys drive.
//!
//! The roles still meet only over the wire. Data, keys and people are fictional; every page says so.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use axum::Router;
use url::Url;
use warifu_credential::face_template::ModelId;
use warifu_issuer::{Issuer, Keys};
use warifu_keys::{Entropy, Secret, SigningKey};
use warifu_models::Models;
use warifu_server::clock::Clock;
use warifu_server::extract::ApiKeyHash;
use warifu_server::fetch::{Fetcher, Limits as FetchLimits, Policy as FetchPolicy};
use warifu_server::run::{Limits, Listener, Running};
use warifu_store::Store;
use warifu_store::blob::Blobs;
use warifu_trust::bundle::{self, IssuerBundle};
use warifu_trust_registry::setup::Setup;
use warifu_trust_registry::{Actor, Registry};
use warifu_verifier::Verifier;
use warifu_verifier::policy::{Formats, Policy};
use warifu_wallet::http::Agent;
use warifu_wallet::store::{AnswerRule, Folder, Kdf, SelfieRule, Settings};
use warifu_wallet::{Seams, Wallet};

use crate::files;

mod partner;

/// Name of the file that marks a folder as sandbox data, which the next demo may replace.
const MARK: &str = "warifu-sandbox";
/// The partners of the sandbox, as identifier and name.
pub const PARTNERS: [(&str, &str); 2] = [("partner-a", "Bank A"), ("partner-b", "Bank B")];

/// What a sandbox is made of.
pub struct Options {
    /// Where keys and data are written; replaced if it holds an older sandbox.
    pub data: PathBuf,
    /// Everyone's clock.
    pub clock: Clock,
    /// Everyone's randomness.
    pub entropy: Arc<dyn Entropy>,
    /// Loaded models, shared by issuer and wallet.
    pub models: Models,
    /// First of six ports in a row; any free ports where `None`.
    pub first_port: Option<u16>,
    /// Cost of opening the wallet.
    pub kdf: Kdf,
}

/// One role that answers somewhere.
pub struct Place<T> {
    /// Its address.
    pub url: Url,
    /// The key that its own servers' calls carry.
    pub api_key: String,
    /// The role itself.
    pub role: Arc<T>,
}

/// Four running roles; stops them when asked to.
pub struct Sandbox {
    /// The trust registry's address.
    pub registry: Url,
    /// The registry itself, for suspending parties in a journey.
    pub operator: Registry,
    /// The issuer.
    pub issuer: Place<Issuer>,
    /// The partners, in the order of [`PARTNERS`].
    pub partners: Vec<Place<Verifier>>,
    /// The wallet.
    pub wallet: Arc<Wallet>,
    /// The wallet's pages.
    pub agent: Arc<Agent>,
    /// Where the wallet's pages are.
    pub wallet_url: Url,
    /// Folder of keys and data.
    pub data: PathBuf,
    clock: Clock,
    client: Fetcher,
    running: Vec<Running>,
    courier: Option<Courier>,
}

impl Sandbox {
    /// Makes keys, a trusted list and six fresh stores, and starts everything.
    pub async fn start(options: Options) -> Result<Self> {
        let Options { data, clock, entropy, models, first_port, kdf } = options;
        prepare(&data)?;
        let now = clock.now();
        let scheme_home = data.join("keys");
        Registry::init(&scheme_home, &Setup::sandbox(), now, &*entropy)?;
        let fetcher = Fetcher::new(FetchPolicy::Loopback, FetchLimits::default())?;
        // The user's side has connections of its own, as it would on another machine.
        let client = Fetcher::new(FetchPolicy::Loopback, FetchLimits::default())?;
        let mut doors = Doors { first_port, opened: 0, running: Vec::new() };

        // All addresses are known before anybody is listed: a client identifier can be one.
        let registry_door = doors.open().await?;
        let registry = registry_door.url.clone();
        let wallet_door = doors.open().await?;
        let same_device = wallet_door.url.join("open")?;
        let door = doors.open().await?;
        let issuer_url = door.url.clone();
        let anchor = bundle::operator_anchor(&files::reader(&scheme_home.join(bundle::ANCHORS)))?;
        let mut scheme = Registry::load_scheme(&scheme_home)?;
        let attester = partner::Attester::of(&registry, &*entropy);
        let makers = partner::Makers { access: &scheme.keys.access, attester: &attester, entropy: &*entropy, now };
        let mut planned = Vec::new();
        for (audience, name) in PARTNERS {
            let door = doors.open().await?;
            let folder = scheme_home.join(bundle::VERIFIERS).join(audience);
            let entity = scheme.parties.iter_mut().find(|entity| entity.id == audience).context("a listed partner")?;
            let keys = partner::keys(&folder, entity, &makers)?;
            let vct = issuer_url.join(warifu_schemas::kyc::VCT_PATH)?;
            let api_key = entropy.token();
            let config = warifu_verifier::Config {
                base_url: door.url.clone(),
                name: name.to_owned(),
                audience: audience.to_owned(),
                registry: registry.clone(),
                operator: anchor.clone(),
                api_key: ApiKeyHash::of(&api_key),
                workflow_id: format!("wf_{audience}"),
                policies: Policy::built_in(vct.as_str(), Formats::Either),
                imports: Vec::new(),
                import_price: warifu_verifier::config::IMPORT_PRICE,
                allowed_models: face_models(&models)?,
                request_seconds: 300,
                same_device: Some(same_device.clone()),
                identity: partner::identity(entity, &keys, &makers)?,
                return_origins: Vec::new(),
                webhook: None,
                sandbox: true,
            };
            config.check()?;
            config.identity.check_keys(&config, &keys)?;
            partner::list(entity, &config, &keys)?;
            planned.push((door, api_key, config, keys));
        }

        let contact = scheme.parties.first().map(|party| party.contact.clone()).context("a party")?;
        scheme.parties.push(attester.party(&contact, now));
        let config = warifu_trust_registry::Config::new(scheme.operator.clone()).sandbox();
        let operator = Registry::new(store(&data, "registry")?, scheme.keys, config);
        operator.admit_missing(&scheme.parties, &Actor::registry("sandbox"), now).await?;
        doors.serve(registry_door, warifu_trust_registry::http::router(operator.clone(), clock.clone())?);

        let issuer = {
            let keys = IssuerBundle::load(&files::reader(&scheme_home.join(bundle::ISSUER)))?;
            let api_key = entropy.token();
            let config = warifu_issuer::Config::sandbox(door.url.clone(), registry.clone(), anchor.clone());
            let config = warifu_issuer::Config {
                name: "Utopia Identity Services".to_owned(),
                same_device: Some(same_device.clone()),
                ..config.with_api_key(&api_key)
            };
            let parts = warifu_issuer::Parts {
                store: store(&data, "issuer")?,
                blobs: Blobs::folder(data.join("issuer").join("blobs"))?,
                models: models.clone(),
                fetcher: fetcher.clone(),
                clock: clock.clone(),
                entropy: Arc::clone(&entropy),
                keys: Keys {
                    document_signer: Arc::new(keys.signer.key),
                    chain: keys.signer.chain,
                    status_signer: None,
                    access: keys.access.map(Into::into),
                    master: Secret::new(entropy.array::<32>().to_vec()),
                },
            };
            let auditor = Arc::new(SigningKey::generate_ed25519(&*entropy));
            let role = Arc::new(Issuer::new(config, parts)?.with_audit_signer(auditor)?);
            role.load_faces().await?;
            Place { url: door.url.clone(), api_key, role }
        };
        doors.serve(door, warifu_issuer::http::router(Arc::clone(&issuer.role)));
        // A sandbox that is dropped stops it as well.
        let (stop_courier, stopped) = tokio::sync::oneshot::channel::<()>();
        let courier = tokio::spawn(Arc::clone(&issuer.role).deliver_webhooks(async {
            let _ = stopped.await;
        }));

        let mut partners = Vec::new();
        for (door, api_key, config, keys) in planned {
            let parts = warifu_verifier::Parts {
                store: store(&data, &config.audience)?,
                fetcher: fetcher.clone(),
                clock: clock.clone(),
                entropy: Arc::clone(&entropy),
                bundle: keys,
            };
            let auditor = Arc::new(SigningKey::generate_ed25519(&*entropy));
            let role = Arc::new(Verifier::new(config, parts).with_audit_signer(auditor)?);
            let url = door.url.clone();
            doors.serve(door, warifu_verifier::http::router(Arc::clone(&role)));
            partners.push(Place { url, api_key, role });
        }

        let settings = Settings {
            registry: registry.clone(),
            operator_certificate: anchor.to_pem()?,
            language: None,
            selfie: SelfieRule::WhenAsked,
            answers: AnswerRule::Encrypted,
            sandbox: true,
        };
        let passphrase = Secret::new(entropy.token().into_bytes());
        let seams = Seams {
            files: Arc::new(Folder::at(&data.join("wallet"))),
            wire: Arc::new(client.clone()),
            entropy: Arc::clone(&entropy),
            load_models: Box::new(move || Ok(models.clone())),
        };
        let wallet = Wallet::init(seams, &passphrase, kdf, settings, now)?;
        let wallet = Arc::new(wallet);
        let agent = Arc::new(Agent::new(
            Arc::clone(&wallet),
            clock.clone(),
            Arc::clone(&entropy),
            wallet_door.listener.address(),
        )?);
        let wallet_url = wallet_door.url.clone();
        doors.serve(wallet_door, warifu_wallet::http::router(Arc::clone(&agent)));

        Ok(Self {
            registry,
            operator,
            issuer,
            partners,
            wallet,
            agent,
            wallet_url,
            data,
            clock,
            client,
            running: doors.running,
            courier: Some(Courier { stop: stop_courier, task: courier }),
        })
    }

    /// The clock of everyone here.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The client that reaches this machine only.
    #[must_use]
    pub fn fetcher(&self) -> &Fetcher {
        &self.client
    }

    /// Serves one more router, such as the demo's start page, and gives its address.
    pub async fn also_serve(&mut self, port: u16, make: impl FnOnce(&Url) -> Router) -> Result<Url> {
        let listener = bind(port).await?;
        let url = address(&listener)?;
        self.running.push(listener.spawn(make(&url), Limits::default()));
        Ok(url)
    }

    /// Stops everyone after the requests under way.
    pub async fn stop(mut self) {
        for running in std::mem::take(&mut self.running) {
            running.stop().await;
        }
        self.stop_courier().await;
    }

    /// Lets what is told to clients pile up from now on.
    pub async fn stop_courier(&mut self) {
        let Some(Courier { stop, task }) = self.courier.take() else { return };
        // It has ended by itself where nobody listens.
        let _ = stop.send(());
        if let Err(error) = task.await {
            tracing::error!(%error, "the courier of webhooks ended badly");
        }
    }
}

/// What sends the issuer's webhooks.
struct Courier {
    stop: tokio::sync::oneshot::Sender<()>,
    task: tokio::task::JoinHandle<()>,
}

/// A listener that is bound but answers nothing yet: its address is needed to set its role up.
struct Door {
    url: Url,
    listener: Listener,
}

struct Doors {
    first_port: Option<u16>,
    opened: u16,
    running: Vec<Running>,
}

impl Doors {
    async fn open(&mut self) -> Result<Door> {
        let port = self.first_port.map_or(0, |first| first + self.opened);
        self.opened += 1;
        let listener = bind(port).await?;
        Ok(Door { url: address(&listener)?, listener })
    }

    fn serve(&mut self, door: Door, router: Router) {
        self.running.push(door.listener.spawn(router, Limits::default()));
    }
}

async fn bind(port: u16) -> Result<Listener> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    Listener::bind(address).await.with_context(|| format!("{address} can not be used; choose other ports with --port"))
}

fn address(listener: &Listener) -> Result<Url> {
    Ok(Url::parse(&format!("http://{}/", listener.address()))?)
}

fn store(data: &Path, name: &str) -> Result<Arc<dyn Store>> {
    let folder = data.join(name);
    std::fs::create_dir_all(&folder)?;
    Ok(warifu_store::redb::open(folder.join("records.redb"))?)
}

/// The face models that partners accept: the one that is loaded here.
fn face_models(models: &Models) -> Result<Vec<ModelId>> {
    let model = models.face_model().context("the face models are not loaded")?;
    Ok(vec![model.to_string().parse()?])
}

/// An empty folder with the mark of a sandbox. A folder with anything else in it is left alone.
fn prepare(data: &Path) -> Result<()> {
    if data.join(MARK).is_file() {
        std::fs::remove_dir_all(data)
            .with_context(|| format!("the old sandbox in {} can not be removed", data.display()))?;
    } else if data.read_dir().is_ok_and(|mut entries| entries.next().is_some()) {
        bail!("{} holds something else than a sandbox; choose an empty folder with --data", data.display());
    }
    std::fs::create_dir_all(data)?;
    std::fs::write(data.join(MARK), "Sandbox data of `warifu demo`; the next demo replaces it.\n")?;
    Ok(())
}
