//! `warifu app`: applications of an issuer, each with its own key.
//!
//! While the issuer runs its store is locked, so the running process is asked at its operator's door; otherwise the store
//! is opened here. Which of the two it is shows by itself.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use axum::http::Method;
use jiff::Timestamp;
use serde_json::{Value, json};
use url::Url;
use uuid::Uuid;
use warifu_issuer::application::NewKey;
use warifu_issuer::embed::EmbedOrigin;
use warifu_issuer::kyc::workflow::Environment;
use warifu_issuer::{Application, Applications};
use warifu_server::entropy::System;
use warifu_server::fetch::{Error as FetchError, Fetcher, Limits, Policy};

use crate::answer;
use crate::serve::IssuerPlace;

/// Subcommands of `warifu app`.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum AppCommand {
    /// Make an application, and print its identifier and its key; the key is shown this once.
    Create {
        /// Name for people.
        #[arg(long)]
        name: String,
        /// For specimens and scenarios; nothing of it is minted for real people.
        #[arg(long)]
        sandbox: bool,
        #[command(flatten)]
        of: Of,
    },
    /// List all applications, without their keys.
    List {
        #[command(flatten)]
        of: Of,
    },
    /// Give an application a fresh key; the one before opens nothing any more.
    Rotate {
        /// Identifier.
        id: Uuid,
        #[command(flatten)]
        of: Of,
    },
    /// Say whose pages may embed the sessions of an application, in place of those before.
    Embed {
        /// Identifier.
        id: Uuid,
        /// Origin of such a page, as in https://bank.example; nobody's where none is given.
        #[arg(long = "origin", value_name = "ORIGIN")]
        origins: Vec<EmbedOrigin>,
        #[command(flatten)]
        of: Of,
    },
    /// Take the key of an application away.
    Revoke {
        /// Identifier.
        id: Uuid,
        #[command(flatten)]
        of: Of,
    },
}

/// Which issuer.
#[derive(Debug, clap::Args)]
pub(crate) struct Of {
    /// The issuer's TOML file.
    #[arg(long, value_name = "FILE", env = "WARIFU_ISSUER_CONFIG")]
    config: PathBuf,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// Runs a subcommand.
pub(crate) async fn run(command: AppCommand) -> Result<()> {
    match command {
        AppCommand::Create { name, sandbox, of } => {
            let environment = if sandbox { Environment::Sandbox } else { Environment::Live };
            let body = json!({ "name": name, "environment": environment });
            let made = match Door::open(&of.config).await? {
                Door::Running(running) => running.post("v3/applications/", &body).await?,
                Door::Store(kept) => shown(&kept.create(&name, environment, &System, Timestamp::now()).await?),
            };
            answer(of.json, &made, || key_text(&made));
        }
        AppCommand::List { of } => {
            let list = match Door::open(&of.config).await? {
                Door::Running(running) => running.get("v3/applications/").await?["results"].take(),
                Door::Store(kept) => kept.all().await?.iter().map(row).collect(),
            };
            answer(of.json, &list, || list_text(&list));
        }
        AppCommand::Rotate { id, of } => {
            let made = match Door::open(&of.config).await? {
                Door::Running(running) => running.post(&format!("v3/applications/{id}/rotate/"), &json!({})).await?,
                Door::Store(kept) => shown(&kept.rotate(id, &System, Timestamp::now()).await?),
            };
            answer(of.json, &made, || key_text(&made));
        }
        AppCommand::Embed { id, origins, of } => {
            let body = json!({ "embed_origins": origins });
            let shown = match Door::open(&of.config).await? {
                Door::Running(running) => running.patch(&format!("v3/applications/{id}/"), &body).await?,
                Door::Store(kept) => row(&kept.embed(id, origins, Timestamp::now()).await?),
            };
            answer(of.json, &shown, || format!("{id} may be embedded by {}", shown["embed_origins"]));
        }
        AppCommand::Revoke { id, of } => {
            let gone = match Door::open(&of.config).await? {
                Door::Running(running) => running.post(&format!("v3/applications/{id}/revoke/"), &json!({})).await?,
                Door::Store(kept) => row(&kept.revoke(id, Timestamp::now()).await?),
            };
            answer(of.json, &gone, || format!("{id} has no key any more; `warifu app rotate` gives it a new one"));
        }
    }
    Ok(())
}

/// Where the applications can be reached.
enum Door {
    /// The issuer runs.
    Running(Running),
    /// It does not.
    Store(Applications),
}

struct Running {
    base: Url,
    key: String,
    fetcher: Fetcher,
}

impl Door {
    async fn open(config: &Path) -> Result<Self> {
        let place = IssuerPlace::read(config)?;
        let limits = Limits { connect_within: Duration::from_millis(500), ..Limits::default() };
        let fetcher = Fetcher::new(Policy::Loopback, limits)?;
        let base = place.local_url()?;
        // Whoever listens there is asked nothing but whether it is this issuer; only then the operator's key is sent.
        match fetcher.get(&base.join(".well-known/openid-credential-issuer")?, "application/json").await {
            Ok(response) => {
                let metadata: Value = serde_json::from_slice(&response.body).unwrap_or_default();
                let named = metadata["credential_issuer"].as_str().unwrap_or_default().trim_end_matches('/');
                if named != place.base_url.as_str().trim_end_matches('/') {
                    bail!("what listens on {base} is not the issuer of {}", config.display());
                }
                let key = place.operator_key()?.context("the running issuer has no operator key; restart it")?;
                Ok(Self::Running(Running { base, key, fetcher }))
            }
            Err(FetchError::Unreachable { .. } | FetchError::Timeout { .. }) => {
                let environment = if place.sandbox { Environment::Sandbox } else { Environment::Live };
                Ok(Self::Store(Applications::of(&place.store()?, environment)))
            }
            Err(error) => Err(error.into()),
        }
    }
}

impl Running {
    async fn get(&self, path: &str) -> Result<Value> {
        self.send(Method::GET, path, Vec::new()).await
    }

    async fn post(&self, path: &str, body: &Value) -> Result<Value> {
        self.send(Method::POST, path, body.to_string().into_bytes()).await
    }

    async fn patch(&self, path: &str, body: &Value) -> Result<Value> {
        self.send(Method::PATCH, path, body.to_string().into_bytes()).await
    }

    async fn send(&self, method: Method, path: &str, body: Vec<u8>) -> Result<Value> {
        let headers = [("x-operator-key", self.key.as_str()), ("content-type", "application/json")];
        let response = self.fetcher.send(method, &self.base.join(path)?, &headers, body).await?;
        let text = String::from_utf8_lossy(&response.body);
        if !response.status.is_success() {
            bail!("the issuer answered {}: {text}", response.status);
        }
        serde_json::from_str(&text).context("the issuer's answer is not JSON")
    }
}

fn row(application: &Application) -> Value {
    json!({
        "application_id": application.id,
        "name": application.name,
        "environment": application.environment,
        "created_at": application.created_at,
        "embed_origins": application.embed_origins,
        "has_key": application.has_key(),
    })
}

fn shown(made: &NewKey) -> Value {
    let mut shown = row(&made.application);
    shown["api_key"] = made.key.as_str().into();
    shown
}

fn word<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

fn key_text(made: &Value) -> String {
    format!(
        "application {} ({}, {})\nAPI key     {}\nkeep the key now: only its hash is kept here",
        word(made, "application_id"),
        word(made, "name"),
        word(made, "environment"),
        word(made, "api_key"),
    )
}

fn list_text(list: &Value) -> String {
    let line = |one: &Value| {
        let key = if one["has_key"] == true { "" } else { "  (no key)" };
        format!("{}  {:<8} {}{key}", word(one, "application_id"), word(one, "environment"), word(one, "name"))
    };
    match list.as_array().filter(|list| !list.is_empty()) {
        Some(list) => list.iter().map(line).collect::<Vec<_>>().join("\n"),
        None => "there are no applications beside the one of the settings".to_owned(),
    }
}
