//! `warifu did`: keys, identifiers and their documents, by didkit's verbs, over standard input and output.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};
use url::Url;
use warifu_keys::{Algorithm, PublicKey, Secret, Signer as _, SigningKey, json as strict};
use warifu_server::entropy::System;
use warifu_server::fetch::{Fetcher, Limits, Policy};
use warifu_w3c::did::webvh::{self, At, Chain, Parameters, Witnesses, publish};
use warifu_w3c::did::{Did, Document, Documents, jwk, key, web};
use warifu_w3c::multikey;

use crate::answer;

/// Largest file or input that is read.
const MAX_BYTES: u64 = 8 * 1024 * 1024;

/// Subcommands of `warifu did`.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum DidCommand {
    /// Make a private key and print it as a JWK. Whoever reads it can sign with it.
    Generate {
        /// What kind of key.
        #[arg(long, value_enum, default_value_t = KeyType::Ed25519)]
        key_type: KeyType,
    },
    /// Print the identifier of a key.
    KeyToDid {
        /// Which kind of identifier.
        #[arg(long, value_enum, default_value_t = KeyMethod::Key)]
        method: KeyMethod,
        #[command(flatten)]
        key: KeyFile,
    },
    /// Print the verification method of a key's identifier.
    KeyToVerificationMethod {
        /// Which kind of identifier.
        #[arg(long, value_enum, default_value_t = KeyMethod::Key)]
        method: KeyMethod,
        #[command(flatten)]
        key: KeyFile,
    },
    /// Print the document of an identifier: did:key, did:jwk, did:web or did:webvh.
    Resolve {
        /// The identifier.
        did: String,
        /// Of a did:webvh, the version with this `versionId`.
        #[arg(long, value_name = "ID", conflicts_with = "version_time")]
        version_id: Option<String>,
        /// Of a did:webvh, the version in force at this time.
        #[arg(long, value_name = "TIME")]
        version_time: Option<Timestamp>,
        /// Print the whole resolution result with its metadata.
        #[arg(long)]
        with_metadata: bool,
        #[command(flatten)]
        reach: Reach,
    },
    /// Make a did:webvh and print its log, to be published as `did.jsonl`.
    CreateWebvh {
        /// Host and path of the identifier, written with colons: `example.com:issuers:1`.
        location: String,
        #[command(flatten)]
        key: KeyFile,
        /// Key that the document names for signing; the update key when absent. Its private half is not needed later.
        #[arg(long, value_name = "FILE")]
        document_key: Option<PathBuf>,
        /// Key of the next update, to commit to; may be given more than once.
        #[arg(long, value_name = "FILE")]
        next_key: Vec<PathBuf>,
        /// The identifier may move to another location later.
        #[arg(long)]
        portable: bool,
        /// did:key of a witness; may be given more than once.
        #[arg(long, value_name = "DID")]
        witness: Vec<String>,
        /// How many witnesses have to approve; all when absent.
        #[arg(long, value_name = "N")]
        threshold: Option<usize>,
        /// How long others may keep the resolved document, in seconds.
        #[arg(long, default_value_t = 3600)]
        ttl: u32,
    },
    /// Add an entry to a did:webvh log and print the new log.
    UpdateWebvh {
        /// The log as it is published.
        #[arg(long, value_name = "FILE")]
        log: PathBuf,
        #[command(flatten)]
        key: KeyFile,
        /// The new document; the present one when absent.
        #[arg(long, value_name = "FILE")]
        document: Option<PathBuf>,
        /// Key that signs the update after this one in place of the present keys; may be given more than once.
        #[arg(long, value_name = "FILE")]
        update_key: Vec<PathBuf>,
        /// Key of the next update, to commit to; may be given more than once.
        #[arg(long, value_name = "FILE")]
        next_key: Vec<PathBuf>,
    },
    /// End a did:webvh and print its last log.
    DeactivateWebvh {
        /// The log as it is published.
        #[arg(long, value_name = "FILE")]
        log: PathBuf,
        #[command(flatten)]
        key: KeyFile,
    },
    /// Approve the newest entry of a did:webvh log as a witness and print the proof, for `did-witness.json`.
    WitnessWebvh {
        /// The log with the entry to approve.
        #[arg(long, value_name = "FILE")]
        log: PathBuf,
        #[command(flatten)]
        key: KeyFile,
    },
}

/// Kinds of key.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(crate) enum KeyType {
    /// Ed25519.
    Ed25519,
    /// NIST P-256.
    P256,
    /// NIST P-384.
    P384,
}

/// Identifiers that are made from a key alone.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(crate) enum KeyMethod {
    /// did:key.
    Key,
    /// did:jwk.
    Jwk,
}

/// A private key.
#[derive(Debug, clap::Args)]
pub(crate) struct KeyFile {
    /// Private key as JWK or PKCS#8 PEM; `-` is standard input.
    #[arg(long, value_name = "FILE", default_value = "-", env = "WARIFU_KEY_FILE")]
    key: PathBuf,
}

impl KeyFile {
    pub(crate) fn read(&self) -> Result<SigningKey> {
        read_key(&self.key)
    }

    pub(crate) fn is_stdin(&self) -> bool {
        self.key.as_os_str() == "-"
    }
}

/// How far a command may reach out.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(crate) struct Reach {
    /// Fetch nothing.
    #[arg(long)]
    offline: bool,
    /// This machine may be reached too; otherwise public addresses only.
    #[arg(long, conflicts_with = "offline")]
    this_machine: bool,
}

/// Runs a subcommand.
pub(crate) async fn run(command: DidCommand) -> Result<()> {
    match command {
        DidCommand::Generate { key_type } => {
            let algorithm = match key_type {
                KeyType::Ed25519 => Algorithm::EdDsa,
                KeyType::P256 => Algorithm::Es256,
                KeyType::P384 => Algorithm::Es384,
            };
            let jwk = SigningKey::generate(algorithm, &System).to_private_jwk()?;
            print(&jwk);
        }
        DidCommand::KeyToDid { method, key } => {
            let public = key.read()?.public_key();
            let did = match method {
                KeyMethod::Key => key::from_key(&public),
                KeyMethod::Jwk => jwk::from_key(&public),
            };
            print(did.as_str());
        }
        DidCommand::KeyToVerificationMethod { method, key } => {
            let public = key.read()?.public_key();
            print(&match method {
                KeyMethod::Key => key::method(&public),
                KeyMethod::Jwk => jwk::method(&public),
            });
        }
        DidCommand::Resolve { did, version_id, version_time, with_metadata, reach } => {
            let at = match (&version_id, version_time) {
                (Some(id), _) => At::VersionId(id),
                (None, Some(time)) => At::VersionTime(time),
                (None, None) => At::Latest,
            };
            let (document, metadata) = Resolver::new(reach)?.resolve(&Did::parse(&did)?, at).await?;
            let document = document.map(|document| document.members().clone());
            if with_metadata {
                answer(
                    true,
                    &json!({
                        "didDocument": document,
                        "didDocumentMetadata": metadata,
                        "didResolutionMetadata": { "contentType": "application/did" },
                    }),
                    String::new,
                );
            } else {
                let document = document.context("the identifier is deactivated")?;
                answer(true, &Value::Object(document), String::new);
            }
        }
        DidCommand::CreateWebvh { location, key, document_key, next_key, portable, witness, threshold, ttl } => {
            let signer = key.read()?;
            let document_key = document_key.map_or_else(|| Ok(signer.public_key()), |path| public(&path))?;
            let parameters = Parameters {
                update_keys: vec![multikey::encode(&signer.public_key())],
                next_key_hashes: hashes(&next_key)?,
                witness: witnesses(witness, threshold),
                watchers: Vec::new(),
                portable,
                deactivated: false,
                ttl,
            };
            let state = publish::document(&location, &document_key);
            let chain = publish::create(&state, &parameters, &signer, Timestamp::now())?;
            webvh::log_url(chain.did()?)?;
            print(chain.to_jsonl().trim_end());
        }
        DidCommand::UpdateWebvh { log, key, document, update_key, next_key } => {
            let chain = read_log(&log, Timestamp::now())?;
            let last = chain.versions().last().context("the log is empty")?;
            let now = after(last.time);
            let state = match document {
                Some(path) => strict::parse_object(&read(&path)?).with_context(|| path.display().to_string())?,
                None => last.document.members().clone(),
            };
            let mut changes = Map::new();
            if !update_key.is_empty() {
                let keys: Vec<String> =
                    update_key.iter().map(|path| Ok(multikey::encode(&public(path)?))).collect::<Result<_>>()?;
                changes.insert("updateKeys".to_owned(), json!(keys));
            }
            if !next_key.is_empty() || !last.parameters.next_key_hashes.is_empty() {
                changes.insert("nextKeyHashes".to_owned(), json!(hashes(&next_key)?));
            }
            let chain = chain.update(&state, &changes, &key.read()?, now)?;
            print(chain.to_jsonl().trim_end());
        }
        DidCommand::DeactivateWebvh { log, key } => {
            let signer = key.read()?;
            let chain = read_log(&log, Timestamp::now())?;
            let last = chain.versions().last().context("the log is empty")?;
            let now = after(last.time);
            let committed = !last.parameters.next_key_hashes.is_empty();
            let mut changes = Map::new();
            if committed {
                changes.insert("updateKeys".to_owned(), json!([multikey::encode(&signer.public_key())]));
                changes.insert("nextKeyHashes".to_owned(), json!([]));
            } else {
                changes.insert("updateKeys".to_owned(), json!([]));
            }
            print(chain.deactivate(&changes, &signer, now)?.to_jsonl().trim_end());
        }
        DidCommand::WitnessWebvh { log, key } => {
            let now = Timestamp::now();
            let chain = read_log(&log, now)?;
            let last = chain.versions().last().context("the log is empty")?;
            let proof = webvh::approve(&last.id, &key.read()?, now)?;
            answer(true, &json!([{ "versionId": last.id, "proof": [proof] }]), String::new);
        }
    }
    Ok(())
}

/// Resolves identifiers; goes out through the one client of the project.
pub(crate) struct Resolver {
    fetcher: Option<Fetcher>,
}

impl Resolver {
    pub(crate) fn new(reach: Reach) -> Result<Self> {
        let policy = if reach.this_machine { Policy::Loopback } else { Policy::Public };
        let fetcher = (!reach.offline).then(|| Fetcher::new(policy, Limits::default())).transpose()?;
        Ok(Self { fetcher })
    }

    /// Whether anything can be fetched.
    pub(crate) fn is_offline(&self) -> bool {
        self.fetcher.is_none()
    }

    /// What an address answers with status 200.
    pub(crate) async fn fetch(&self, url: &Url, accept: &str) -> Result<Vec<u8>> {
        let Some(fetcher) = &self.fetcher else { bail!("`{url}` is not fetched with --offline") };
        let response = fetcher.get(url, accept).await?;
        if response.status.as_u16() != 200 {
            bail!("`{url}` answered {}", response.status);
        }
        Ok(response.body)
    }

    /// The newest document of `did`.
    pub(crate) async fn document(&self, did: &Did) -> Result<Document> {
        let (document, _) = self.resolve(did, At::Latest).await?;
        document.with_context(|| format!("`{did}` is deactivated"))
    }

    /// The document of `did`, `None` where it is deactivated, and what is known about the document.
    async fn resolve(&self, did: &Did, at: At<'_>) -> Result<(Option<Document>, Map<String, Value>)> {
        match did.method() {
            "web" => {
                let body = self.fetch(&web::document_url(did)?, "application/did+json, application/json").await?;
                Ok((Some(web::document(did, &body)?), Map::new()))
            }
            "webvh" => {
                let now = Timestamp::now();
                let body = self.fetch(&webvh::log_url(did)?, "text/jsonl, application/jsonl").await?;
                let chain = Chain::verify(did, &body, now)?;
                let approvals = if chain.needs_witnesses() {
                    Some(self.fetch(&webvh::witness_url(did)?, "application/json").await?)
                } else {
                    None
                };
                let resolution = chain.witnessed(approvals.as_deref(), now)?.resolve(at)?;
                Ok((resolution.document, resolution.metadata))
            }
            _ => Ok((Some(Documents::offline().document(did)?), Map::new())),
        }
    }
}

/// Now, or the second after `earlier`: entries are told apart by their second, and two may be made within one.
fn after(earlier: Timestamp) -> Timestamp {
    let next = earlier.checked_add(SignedDuration::from_secs(1)).unwrap_or(earlier);
    Timestamp::now().max(next)
}

/// A private key as JWK or PKCS#8 PEM.
pub(crate) fn read_key(path: &Path) -> Result<SigningKey> {
    let bytes = Secret::new(read(path)?);
    let text = std::str::from_utf8(bytes.expose()).context("the key is not text")?.trim();
    let key = if text.starts_with('{') { SigningKey::from_private_jwk(text) } else { SigningKey::from_pkcs8_pem(text) };
    key.with_context(|| format!("{} holds no private key", path.display()))
}

/// The bytes of a file, or of standard input for `-`; not more than [`MAX_BYTES`].
pub(crate) fn read(path: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = if path.as_os_str() == "-" {
        std::io::stdin().take(MAX_BYTES + 1).read_to_end(&mut bytes)
    } else {
        std::fs::File::open(path).and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes))
    };
    let length = read.with_context(|| format!("{} can not be read", path.display()))?;
    ensure!(length as u64 <= MAX_BYTES, "{} is too large", path.display());
    Ok(bytes)
}

/// Prints one line.
pub(crate) fn print(text: &str) {
    answer(false, &Value::Null, || text.to_owned());
}

/// The public half of a key file.
fn public(path: &Path) -> Result<PublicKey> {
    Ok(read_key(path)?.public_key())
}

fn hashes(paths: &[PathBuf]) -> Result<Vec<String>> {
    paths.iter().map(|path| Ok(publish::key_hash(&public(path)?))).collect()
}

fn witnesses(witnesses: Vec<String>, threshold: Option<usize>) -> Option<Witnesses> {
    let threshold = threshold.unwrap_or(witnesses.len());
    (!witnesses.is_empty()).then_some(Witnesses { threshold, witnesses })
}

/// A log of whichever identifier its last entry names.
fn read_log(path: &Path, now: Timestamp) -> Result<Chain> {
    let log = read(path)?;
    let last = log.split(|byte| *byte == b'\n').rfind(|line| !line.is_empty()).context("the log is empty")?;
    let entry = strict::parse_object(last)?;
    let did = entry.get("state").and_then(|state| state.get("id")).and_then(Value::as_str);
    let did = Did::parse(did.context("the log's last entry has no document")?)?;
    Chain::verify(&did, &log, now).with_context(|| path.display().to_string())
}
