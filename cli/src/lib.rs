//! The commands of `warifu`, and the sandbox that runs all four roles in one process.

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};
use warifu_server::telemetry;

mod app;
mod audit;
mod bench;
mod credential;
pub mod demo;
mod did;
mod document;
mod face;
pub mod files;
pub mod models;
mod openapi;
mod purge;
mod registry;
pub mod sandbox;
mod serve;
mod session;
mod vc;
mod wallet;
mod webhook;

/// Exit status for a person who was not approved, or a selfie that did not match.
const NOT_APPROVED: u8 = 3;

/// Verify once with full KYC, hold the result as a credential, prove it anywhere.
#[derive(Debug, Parser)]
#[command(name = "warifu", version, about, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Four roles in one process: a walk through the whole idea.
    Demo(demo::DemoArgs),
    /// Neural weights: fetch and list.
    #[command(subcommand)]
    Models(ModelsCommand),
    /// Identity documents: draw specimens, measure reading.
    #[command(subcommand)]
    Document(document::DocumentCommand),
    /// Faces: measure matching.
    #[command(subcommand)]
    Face(face::FaceCommand),
    /// Credentials: decode and verify.
    #[command(subcommand)]
    Credential(credential::CredentialCommand),
    /// The trust registry.
    #[command(subcommand)]
    Registry(registry::RegistryCommand),
    /// Applications of an issuer: make, list, give fresh keys.
    #[command(subcommand)]
    App(app::AppCommand),
    /// Sessions of an issuer: say why one is what it is.
    #[command(subcommand)]
    Session(session::SessionCommand),
    /// The issuer.
    #[command(subcommand)]
    Issuer(serve::IssuerCommand),
    /// A verifier.
    #[command(subcommand)]
    Verifier(serve::VerifierCommand),
    /// The wallet on this machine.
    Wallet(wallet::WalletArgs),
    /// Decentralized identifiers: make keys, resolve documents, write did:webvh logs.
    #[command(subcommand)]
    Did(did::DidCommand),
    /// W3C credentials: issue and verify.
    #[command(subcommand)]
    Vc(vc::VcCommand),
    /// W3C presentations: issue and verify.
    #[command(subcommand)]
    Vp(vc::VpCommand),
    /// Webhooks, for those who receive them: check a delivery, write a sample.
    #[command(subcommand)]
    Webhook(webhook::WebhookCommand),
    /// Erases what an issuer has kept long enough.
    Purge(purge::PurgeArgs),
    /// Audit logs: export one, check an export.
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    /// Prints the OpenAPI document of a role.
    Openapi(openapi::OpenapiArgs),
    /// Measures speed and memory.
    #[command(subcommand)]
    Bench(bench::BenchCommand),
}

#[derive(Debug, Subcommand)]
enum ModelsCommand {
    /// Fetch what is missing, verify it, cache it.
    Fetch(models::FetchArgs),
    /// Show every file and whether it is there.
    List(models::FetchArgs),
    /// Try models of your own on labelled pictures; only what passes is used.
    Test(models::trial::TestArgs),
}

/// Runs the command line and gives the exit status: 0 done, 1 failed, 2 wrong usage, 3 not approved.
pub async fn run() -> ExitCode {
    run_as(std::env::args_os()).await
}

/// Runs these words as the command line, the name of the program first. Ends the process where they are none.
pub async fn run_as(arguments: impl Iterator<Item = std::ffi::OsString>) -> ExitCode {
    let cli = Cli::parse_from(arguments);
    telemetry::init(telemetry::Form::Text, "warn");
    match dispatch(cli.command).await {
        Ok(code) => code,
        Err(error) => {
            explain(&error);
            ExitCode::FAILURE
        }
    }
}

#[expect(clippy::print_stderr, reason = "the command's own error")]
fn explain(error: &anyhow::Error) {
    // A cause that its own wrapper has said already is said once.
    let mut said: Vec<String> = Vec::new();
    for cause in error.chain().map(ToString::to_string) {
        if !said.iter().any(|earlier| earlier.contains(&cause)) {
            said.push(cause);
        }
    }
    eprintln!("warifu: {}", said.join(": "));
}

async fn dispatch(command: Command) -> Result<ExitCode> {
    match command {
        Command::Demo(args) => {
            return Ok(match demo::run(args).await? {
                demo::Ended::Done => ExitCode::SUCCESS,
                demo::Ended::NotApproved => ExitCode::from(NOT_APPROVED),
            });
        }
        Command::Models(ModelsCommand::Fetch(args)) => models::fetch(&args).await?,
        Command::Models(ModelsCommand::List(args)) => models::list(&args)?,
        Command::Models(ModelsCommand::Test(args)) => models::trial::run(&args)?,
        Command::Document(command) => document::run(command)?,
        Command::Face(command) => face::run(command)?,
        Command::Credential(command) => return credential::run(command).await,
        Command::Registry(command) => registry::run(command).await?,
        Command::App(command) => app::run(command).await?,
        Command::Session(command) => session::run(command).await?,
        Command::Issuer(command) => serve::issuer(command).await?,
        Command::Verifier(command) => serve::verifier(command).await?,
        Command::Wallet(args) => return wallet::run(args).await,
        Command::Did(command) => did::run(command).await?,
        Command::Vc(command) => return vc::vc(command).await,
        Command::Vp(command) => return vc::vp(command).await,
        Command::Webhook(command) => return webhook::run(command),
        Command::Purge(args) => purge::run(&args).await?,
        Command::Audit(command) => audit::run(command).await?,
        Command::Openapi(args) => openapi::run(&args)?,
        Command::Bench(command) => bench::run(command).await?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints a command's answer: JSON on one line, or the text for people.
#[expect(clippy::print_stdout, reason = "the command's answer")]
pub(crate) fn answer(as_json: bool, value: &serde_json::Value, text: impl FnOnce() -> String) {
    if as_json { println!("{value}") } else { println!("{}", text()) }
}
