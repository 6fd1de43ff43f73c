//! `warifu registry`: keys and certificates for all roles, and the server that publishes the signed list.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use jiff::Timestamp;
use serde_json::json;
use warifu_server::Clock;
use warifu_server::entropy::System;
use warifu_server::extract::ApiKeyHash;
use warifu_server::run::{Limits, Listener, asked_to_stop};
use warifu_trust_registry::setup::Setup;
use warifu_trust_registry::{Actor, Config, Registry, http};

use crate::answer;

/// Subcommands of `warifu registry`.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum RegistryCommand {
    /// Make the operator's keys and certificates for all roles below a folder.
    Init {
        /// The folder; it must not hold a registry already.
        #[arg(long, value_name = "DIR")]
        home: PathBuf,
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Publish the signed trusted list.
    Serve {
        /// The folder that `init` made.
        #[arg(long, value_name = "DIR")]
        home: PathBuf,
        /// Where to listen.
        #[arg(long, default_value = "127.0.0.1:7401")]
        listen: SocketAddr,
        /// File that holds the administrator's token; without it the list can not be changed over HTTP.
        #[arg(long, value_name = "FILE")]
        admin_token: Option<PathBuf>,
    },
}

/// Runs a subcommand.
pub(crate) async fn run(command: RegistryCommand) -> Result<()> {
    match command {
        RegistryCommand::Init { home, json } => {
            let parties = Registry::init(&home, &Setup::sandbox(), Timestamp::now(), &System)?;
            let names: Vec<_> = parties.iter().map(|party| json!({"id": party.id, "name": party.name})).collect();
            answer(json, &json!({"home": home, "parties": names}), || {
                let list: Vec<_> = parties.iter().map(|party| format!("  {:<16} {}", party.id, party.name)).collect();
                format!(
                    "keys and certificates are in {}\n{}\nhand each party its own folder; everyone pins anchors/operator.cert.pem",
                    home.display(),
                    list.join("\n")
                )
            });
            Ok(())
        }
        RegistryCommand::Serve { home, listen, admin_token } => {
            let scheme = Registry::load_scheme(&home)?;
            let mut config = Config::new(scheme.operator.clone()).sandbox();
            if let Some(path) = admin_token {
                let token =
                    std::fs::read_to_string(&path).with_context(|| format!("{} can not be read", path.display()))?;
                config = config.admin(ApiKeyHash::of(token.trim()));
            }
            let data = home.join("data");
            std::fs::create_dir_all(&data)?;
            let store = warifu_store::redb::open(data.join("registry.redb"))?;
            let registry = Registry::new(store, scheme.keys, config);
            registry.admit_missing(&scheme.parties, &Actor::registry("set-up"), Timestamp::now()).await?;
            let listener = Listener::bind(listen).await?;
            crate::serve::announce("registry", listener.address());
            let router = http::router(registry, Clock::system())?;
            listener.serve(router, Limits::default(), asked_to_stop()).await;
            Ok(())
        }
    }
}
