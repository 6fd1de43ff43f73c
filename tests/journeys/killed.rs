//! Processes that die in the middle of their work: what was acknowledged is there afterwards, and nothing is there twice.
//!
//! Registry, issuer and partner are processes of their own, as an operator runs them. Issuer and partner are killed twenty times while a
//! thousand shares are imported and while the issuer makes sessions and tells of them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use url::Url;
use warifu_keys::Entropy;
use warifu_keys::entropy::Seeded;
use warifu_server::fetch::{Fetcher, Limits as FetchLimits, Policy};
use warifu_server::run::{Limits, Listener};
use warifu_tests::models;

/// How often both processes are killed.
const KILLS: usize = 20;
/// Shares that are imported between two kills.
const SHARES: usize = 50;
/// Where a process of this test finds its command line.
const ARGUMENTS: &str = "WARIFU_TEST_ARGUMENTS";

/// No test but the other processes of the one below: this program again, as `warifu`.
#[test]
fn as_warifu() {
    let Ok(arguments) = std::env::var(ARGUMENTS) else { return };
    let arguments: Vec<String> = serde_json::from_str(&arguments).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let arguments = std::iter::once("warifu".to_owned()).chain(arguments);
    let ended = runtime.block_on(warifu_cli::run_as(arguments.map(Into::into)));
    assert_eq!(ended, std::process::ExitCode::SUCCESS);
}

/// A role in a process of its own.
struct Process {
    arguments: Vec<String>,
    url: Url,
    folder: PathBuf,
    child: Child,
}

impl Process {
    fn command(folder: &Path, arguments: &[String]) -> Result<Command> {
        let log = std::fs::File::options().create(true).append(true).open(folder.join("log"))?;
        let mut command = Command::new(std::env::current_exe()?);
        command
            .args(["--exact", "killed::as_warifu", "--nocapture", "--quiet"])
            .env(ARGUMENTS, serde_json::to_string(arguments)?)
            .stdin(Stdio::null())
            .stdout(Stdio::from(log.try_clone()?))
            .stderr(Stdio::from(log));
        Ok(command)
    }

    async fn start(folder: &Path, arguments: &[&str], url: Url, fetcher: &Fetcher) -> Result<Self> {
        let arguments: Vec<String> = arguments.iter().map(|text| (*text).to_owned()).collect();
        let child = Self::command(folder, &arguments)?.spawn()?;
        let mut process = Self { arguments, url, folder: folder.to_owned(), child };
        process.wait_until_up(fetcher).await?;
        Ok(process)
    }

    async fn wait_until_up(&mut self, fetcher: &Fetcher) -> Result<()> {
        for _ in 0..1200 {
            if fetcher.get(&self.url, "*/*").await.is_ok() {
                return Ok(());
            }
            if let Some(status) = self.child.try_wait()? {
                let log = std::fs::read_to_string(self.folder.join("log"))?;
                bail!("{:?} ended with {status}: {log}", self.arguments);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        bail!("{:?} does not answer", self.arguments)
    }

    /// `SIGKILL`: no handler runs, nothing is flushed.
    fn kill(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    async fn restart(&mut self, fetcher: &Fetcher) -> Result<()> {
        self.child = Self::command(&self.folder, &self.arguments)?.spawn()?;
        self.wait_until_up(fetcher).await
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.kill());
    }
}

/// Three roles on disk.
struct Place {
    folder: tempfile::TempDir,
    fetcher: Fetcher,
    issuer: Process,
    partner: Process,
    _registry: Process,
}

const ISSUER_KEY: &str = "a key of the issuer's, for this test";
const PARTNER_KEY: &str = "a key of the partner's, for this test";

impl Place {
    async fn start() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let home = folder.path();
        let fetcher = Fetcher::new(Policy::Loopback, FetchLimits::default())?;
        // Three ports that are free now; they stay the same when a process comes back.
        let held: Vec<_> = (0..3).map(|_| TcpListener::bind("127.0.0.1:0")).collect::<Result<_, _>>()?;
        let ports: Vec<u16> = held.iter().map(|listener| Ok(listener.local_addr()?.port())).collect::<Result<_>>()?;
        drop(held);
        let urls: Vec<Url> =
            ports.iter().map(|port| format!("http://127.0.0.1:{port}/").parse()).collect::<Result<_, _>>()?;
        let text = |path: PathBuf| path.to_string_lossy().into_owned();
        let registry_home = text(home.join("reg"));
        let made =
            Process::command(home, &["registry", "init", "--home", &registry_home].map(str::to_owned))?.status()?;
        ensure!(made.success(), "the registry's keys");
        let common = |at: usize, name: &str, keys: &str| {
            format!(
                "[common]\nlisten = \"127.0.0.1:{}\"\nbase_url = \"{}\"\nname = \"{name}\"\nkeys = \"reg/{keys}\"\ndata = \"data/{name}\"\n\
                 registry = \"{}\"\noperator = \"reg/anchors/operator.cert.pem\"\napi_keys = \"{name}.keys\"\nsandbox = true\n",
                ports[at], urls[at], urls[0]
            )
        };
        let issuer = common(1, "issuer", "issuer") + "[issuer]\nauthority = \"Utopia\"\ncountry = \"UT\"\n";
        let partner = common(2, "partner", "verifiers/partner-a")
            + &format!(
                "[verifier]\naudience = \"partner-a\"\nworkflow_id = \"wf_partner_a\"\nvct = \"{}vct/kyc-identity/1\"\n",
                urls[1]
            );
        for (name, content) in [
            ("issuer.toml", &*issuer),
            ("partner.toml", &*partner),
            ("issuer.keys", ISSUER_KEY),
            ("partner.keys", PARTNER_KEY),
        ] {
            std::fs::write(home.join(name), content)?;
        }
        let listen = format!("127.0.0.1:{}", ports[0]);
        let registry = ["registry", "serve", "--home", &registry_home, "--listen", &listen];
        let registry = Process::start(home, &registry, urls[0].clone(), &fetcher).await?;
        let (issuer, partner) = (text(home.join("issuer.toml")), text(home.join("partner.toml")));
        let issuer = Process::start(home, &["issuer", "serve", "--config", &issuer], urls[1].clone(), &fetcher).await?;
        let partner =
            Process::start(home, &["verifier", "serve", "--config", &partner], urls[2].clone(), &fetcher).await?;
        Ok(Self { folder, fetcher, issuer, partner, _registry: registry })
    }

    fn client(&self) -> Client {
        let (issuer, partner) = (self.issuer.url.clone(), self.partner.url.clone());
        Client { fetcher: self.fetcher.clone(), issuer, partner }
    }
}

/// Calls both roles, as their clients do.
#[derive(Clone)]
struct Client {
    fetcher: Fetcher,
    issuer: Url,
    partner: Url,
}

impl Client {
    /// `Err` where nothing can be known of what became of the call.
    async fn post(&self, base: &Url, path: &str, key: &str, body: &Value) -> Result<(u16, Value)> {
        let headers = [("x-api-key", key), ("accept", "application/json")];
        let answer = self.fetcher.post_json(&base.join(path)?, body, &headers).await?;
        Ok((answer.status.as_u16(), serde_json::from_slice(&answer.body).unwrap_or(Value::Null)))
    }

    /// An approved session, agreed to be shared; the token of its share.
    async fn share(&self) -> Result<String> {
        let wanted = json!({ "sandbox_scenario": "approved" });
        let (status, made) = self.post(&self.issuer, "v3/session/", ISSUER_KEY, &wanted).await?;
        ensure!(status == 201, "{made}");
        let text = |value: &Value| value.as_str().map(str::to_owned).context("a text");
        let (id, token) = (text(&made["session_id"])?, text(&made["session_token"])?);
        let url = self.issuer.join(&format!("session/{token}/document"))?;
        let headers = [("content-type", "image/jpeg"), ("accept", "application/json")];
        let played = self.fetcher.send(axum::http::Method::POST, &url, &headers, vec![0xff, 0xd8, 0xff]).await?;
        ensure!(played.status.is_success(), "{}", String::from_utf8_lossy(&played.body));
        let consent = json!({ "audience": "partner-a", "purpose": "onboarding", "scope": ["kyc"] });
        let (status, given) = self.post(&self.issuer, &format!("session/{token}/consent"), "", &consent).await?;
        ensure!(status == 200, "{given}");
        let wanted = json!({ "for_application_id": "partner-a", "ttl_in_seconds": 7200 });
        let (status, shared) = self.post(&self.issuer, &format!("v3/session/{id}/share/"), ISSUER_KEY, &wanted).await?;
        ensure!(status == 200, "{shared}");
        text(&shared["share_token"])
    }

    async fn import(&self, share: &str) -> Result<(u16, Value)> {
        let body = json!({ "share_token": share, "trust_review": true });
        self.post(&self.partner, "v3/session/import-shared/", PARTNER_KEY, &body).await
    }
}

/// What became of the shares, as far as their importer knows.
#[derive(Default)]
struct Books {
    left: Vec<usize>,
    /// Those that a call without an answer was made for.
    unknown: BTreeSet<usize>,
    /// The session of each acknowledged import.
    acknowledged: BTreeMap<usize, String>,
    /// Those that were there already when asked for again.
    there: BTreeSet<usize>,
}

/// Whether a call was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Went {
    Through,
    Nowhere,
}

impl Books {
    fn note(&mut self, at: usize, answer: Result<(u16, Value)>) -> Result<Went> {
        match answer {
            Ok((201, session)) => {
                let id = session["session_id"].as_str().context("an identifier")?.to_owned();
                ensure!(self.acknowledged.insert(at, id).is_none(), "share {at} was imported twice");
            }
            Ok((403, refused)) => {
                ensure!(self.unknown.contains(&at), "share {at} was refused before anything was imported: {refused}");
                ensure!(refused.to_string().contains("imported before"), "{refused}");
                self.there.insert(at);
            }
            Ok((status, refused)) => bail!("share {at}: {status} {refused}"),
            Err(_) => {
                self.unknown.insert(at);
                self.left.push(at);
                return Ok(Went::Nowhere);
            }
        }
        Ok(Went::Through)
    }
}

fn locked<T>(of: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Imports whatever is left in the books, until told to stop.
async fn keep_importing(client: Client, shares: Arc<Vec<String>>, books: Arc<Mutex<Books>>) -> Result<()> {
    loop {
        let Some(at) = locked(&books).left.pop() else {
            tokio::time::sleep(Duration::from_millis(5)).await;
            continue;
        };
        let answer = client.import(&shares[at]).await;
        if locked(&books).note(at, answer)? == Went::Nowhere {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// Makes sessions, until told to stop.
async fn keep_making(client: Client, made: Arc<Mutex<Vec<String>>>) -> Result<()> {
    loop {
        match client.post(&client.issuer, "v3/session/", ISSUER_KEY, &json!({})).await {
            Ok((201, session)) => {
                let id = session["session_id"].as_str().context("an identifier")?.to_owned();
                locked(&made).push(id);
            }
            Ok((status, refused)) => bail!("{status} {refused}"),
            Err(_) => {}
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// What the receiver of webhooks got: the events of each session, and the body of each event.
#[derive(Clone, Default)]
struct Mail {
    sessions: Arc<Mutex<BTreeSet<String>>>,
    events: Arc<Mutex<BTreeMap<String, Value>>>,
}

async fn receive(State(mail): State<Mail>, body: Bytes) -> StatusCode {
    let Ok(mut event) = serde_json::from_slice::<Value>(&body) else { return StatusCode::BAD_REQUEST };
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (id, session) = (text(&event["event_id"]), text(&event["session_id"]));
    // The one member that is of the delivery and not of the event.
    event["timestamp"] = Value::Null;
    if locked(&mail.events).insert(id, event.clone()).is_some_and(|before| before != event) {
        return StatusCode::CONFLICT;
    }
    locked(&mail.sessions).insert(session);
    StatusCode::OK
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_and_nothing_comes_twice() -> Result<()> {
    let name = "nothing_acknowledged_is_lost_and_nothing_comes_twice";
    if models(name).is_none() {
        return Ok(());
    }
    let mut place = Place::start().await?;
    let client = place.client();
    let mail = Mail::default();
    let router = Router::new().route("/hook", post(receive)).with_state(mail.clone());
    let receiver = Listener::bind("127.0.0.1:0".parse()?).await?.spawn(router, Limits::default());
    let hook = json!({
        "label": "receiver", "url": format!("http://{}/hook", receiver.address()), "subscribed_events": ["status.updated"],
    });
    let (status, destination) = client.post(&client.issuer, "v3/webhook/destinations/", ISSUER_KEY, &hook).await?;
    assert_eq!(status, 201, "{destination}");

    let total = KILLS * SHARES;
    let mut shares = Vec::with_capacity(total);
    let mut sharing = JoinSet::new();
    while shares.len() < total {
        while sharing.len() < 32 && shares.len() + sharing.len() < total {
            let client = client.clone();
            sharing.spawn(async move { client.share().await });
        }
        shares.push(sharing.join_next().await.context("a share")???);
    }
    let last = client.share().await?;
    let shares = Arc::new(shares);
    let (books, made) = (Arc::new(Mutex::new(Books::default())), Arc::new(Mutex::new(Vec::new())));
    let mut work = JoinSet::new();
    for _ in 0..8 {
        work.spawn(keep_importing(client.clone(), Arc::clone(&shares), Arc::clone(&books)));
    }
    work.spawn(keep_making(client.clone(), Arc::clone(&made)));
    let random: &dyn Entropy = &Seeded::dangerous_new(name);
    let healthy = |work: &mut JoinSet<Result<()>>| match work.try_join_next() {
        Some(ended) => ended?.context("a client stopped"),
        None => Ok(()),
    };
    for round in 0..KILLS {
        locked(&books).left.extend(round * SHARES..(round + 1) * SHARES);
        let before = locked(&books).acknowledged.len();
        let [some] = random.array::<1>();
        let enough = before + 1 + usize::from(some) % (SHARES / 2);
        while locked(&books).acknowledged.len() < enough {
            healthy(&mut work)?;
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        place.partner.kill()?;
        place.issuer.kill()?;
        let Place { partner, issuer, fetcher, .. } = &mut place;
        tokio::try_join!(partner.restart(fetcher), issuer.restart(fetcher))?;
    }
    let done = async {
        loop {
            {
                let books = locked(&books);
                if books.acknowledged.len() + books.there.len() == total {
                    return anyhow::Ok(());
                }
            }
            healthy(&mut work)?;
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(120), done).await.context("not every share was imported")??;
    work.shutdown().await;

    // Every share once: none of the acknowledged ones can be imported again, and the next import is the next number.
    let acknowledged = locked(&books).acknowledged.clone();
    for (at, id) in acknowledged.iter().step_by(10) {
        let (status, refused) = client.import(&shares[*at]).await?;
        assert_eq!(status, 403, "{refused}");
        let url = client.partner.join(&format!("v3/session/{id}/decision/"))?;
        let headers = [("x-api-key", PARTNER_KEY)];
        let read = client.fetcher.send(axum::http::Method::GET, &url, &headers, Vec::new()).await?;
        assert!(read.status.is_success(), "{id}: {}", read.status);
    }
    let (status, next) = client.import(&last).await?;
    assert_eq!((status, next["session_number"].as_u64()), (201, Some(total as u64 + 1)), "{next}");

    // Every session that was acknowledged was told of. A delivery that a dead process had begun is free again after half a minute.
    let made: BTreeSet<String> = locked(&made).iter().cloned().collect();
    assert!(made.len() > KILLS, "{} sessions", made.len());
    let told = async {
        while !made.is_subset(&locked(&mail.sessions)) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let told = tokio::time::timeout(Duration::from_secs(120), told).await;
    let silent: Vec<_> = made.difference(&locked(&mail.sessions)).cloned().collect();
    assert!(told.is_ok(), "{} sessions were never told of: {:?}", silent.len(), silent.first());
    // Both logs are whole, and as long as they say they are.
    drop(place.issuer.kill());
    drop(place.partner.kill());
    for role in ["issuer", "partner"] {
        let path = |name: &str| place.folder.path().join(name).to_string_lossy().into_owned();
        let (config, out) = (path(&format!("{role}.toml")), path(&format!("{role}.jsonl")));
        for arguments in [vec!["audit", "export", "--config", &config, "--out", &out], vec!["audit", "verify", &out]] {
            let arguments: Vec<String> = arguments.into_iter().map(str::to_owned).collect();
            let ended = Process::command(place.folder.path(), &arguments)?.status()?;
            assert!(ended.success(), "{arguments:?}: {}", std::fs::read_to_string(place.folder.path().join("log"))?);
        }
    }
    receiver.stop().await;
    Ok(())
}
