//! `warifu bench`: speed and memory of the whole product in this process, warm, against the budgets of the design.
//!
//! Roles and client share the process but not the threads, so processor time is told of both sides and of the roles alone.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde::Serialize;
use serde_json::json;
use warifu_models::Parts;
use warifu_server::Clock;
use warifu_server::entropy::System;
use warifu_wallet::consent::{Asked as _, Ready};
use warifu_wallet::store::Kdf;

use self::servers::Servers;
use crate::demo::{Person, wallet_share};
use crate::sandbox::{Options, Sandbox};
use crate::{answer, files};

mod api;
mod face;
mod present;
mod search;
mod servers;

/// Subcommands of `warifu bench`.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum BenchCommand {
    /// Verdict from an uploaded document and selfie, over HTTP; memory without and with models.
    Kyc(BenchArgs),
    /// Selfie reauth in the wallet: detect, liveness, embed, match.
    Reauth(BenchArgs),
    /// Issuance, presentation and import over HTTP.
    Flows(FlowsArgs),
    /// The session API over HTTP: create, decision, lists with every filter, import, webhooks.
    Api(ApiArgs),
    /// Faces: a 1080p frame step by step, and one template among many.
    Face(BenchArgs),
}

/// What a bench can be told.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct BenchArgs {
    /// How many times, after a warm-up that is not counted.
    #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    runs: u32,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// What the bench of the flows can be told.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct FlowsArgs {
    #[command(flatten)]
    common: BenchArgs,
    /// Only presentations: in both formats, alone and many at a time.
    #[arg(long)]
    present: bool,
}

/// What the bench of the session API can be told.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct ApiArgs {
    #[command(flatten)]
    common: BenchArgs,
    /// How many sessions there are when lists are measured.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    sessions: u32,
    /// How many webhooks lie in the outbox when their delivery is measured.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    webhooks: u32,
}

/// One measured row.
#[derive(Debug, Serialize)]
struct Row {
    flow: &'static str,
    concurrency: u32,
    flows: u32,
    errors: u32,
    flows_per_s: f64,
    /// Of the whole process: roles, client and receiver.
    cpu_ms_per_flow: f64,
    /// Of the roles alone.
    server_cpu_ms_per_flow: f64,
    p50_ms: f64,
    p95_ms: f64,
    rss_mib_start: f64,
    rss_mib_end: f64,
}

/// Runs a subcommand.
pub(crate) async fn run(command: BenchCommand) -> Result<()> {
    let empty_rss = rss_mib();
    let (args, kyc) = match &command {
        BenchCommand::Face(args) => return face::run(args.clone()).await,
        BenchCommand::Kyc(args) => (args.clone(), true),
        BenchCommand::Reauth(args) => (args.clone(), false),
        BenchCommand::Flows(args) => (args.common.clone(), false),
        BenchCommand::Api(args) => (args.common.clone(), false),
    };
    let loading = Instant::now();
    let models = tokio::task::spawn_blocking(|| files::models(None, Parts::ALL)).await??;
    let load_ms = ms(loading.elapsed());
    let models_rss = rss_mib();
    let person = {
        let models = models.clone();
        tokio::task::spawn_blocking(move || Person::fictional(&models)).await??
    };
    let data = files::temporary("bench");
    let (servers, mut sandbox) = Servers::start(Options {
        data: data.clone(),
        clock: Clock::system(),
        entropy: Arc::new(System),
        models,
        first_port: None,
        kdf: Kdf::default(),
    })
    .await?;
    let rows = measure(&command, &servers, &mut sandbox, &person, args.runs).await;
    sandbox.stop().await;
    servers.stop();
    std::fs::remove_dir_all(&data).ok();
    let mut value = json!({"rows": rows?});
    if kyc {
        value["rss_mib_without_models"] = json!(empty_rss);
        value["rss_mib_with_models"] = json!(models_rss);
        value["models_load_ms"] = json!(load_ms);
    }
    answer(args.json, &value, || serde_json::to_string_pretty(&value).unwrap_or_default());
    Ok(())
}

async fn measure(
    command: &BenchCommand,
    servers: &Servers,
    sandbox: &mut Sandbox,
    person: &Person,
    runs: u32,
) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    match command {
        // Measured without a sandbox.
        BenchCommand::Face(_) => {}
        BenchCommand::Kyc(_) => {
            verdict(sandbox, person).await?;
            rows.push(repeat("kyc_verdict", runs, async || verdict(sandbox, person).await.map(drop)).await);
        }
        BenchCommand::Reauth(_) => {
            let session = verdict(sandbox, person).await?;
            accept(sandbox, &session).await?;
            let link = request(sandbox).await?;
            let now = sandbox.clock().now();
            let asked = sandbox.wallet.inspect_request(&link, now).await?;
            sandbox.wallet.match_selfie(&asked, person.second_selfie.clone(), now).await?;
            rows.push(
                repeat("selfie_reauth", runs, async || {
                    let now = sandbox.clock().now();
                    sandbox.wallet.match_selfie(&asked, person.second_selfie.clone(), now).await?;
                    Ok(())
                })
                .await,
            );
        }
        BenchCommand::Api(args) => rows.extend(api::measure(servers, sandbox, person, args).await?),
        BenchCommand::Flows(FlowsArgs { present: true, .. }) => {
            rows.extend(present::measure(sandbox, person, runs).await?);
        }
        BenchCommand::Flows(FlowsArgs { present: false, .. }) => {
            let session = verdict(sandbox, person).await?;
            accept(sandbox, &session).await?;
            rows.push(repeat("issue", runs, async || accept(sandbox, &session).await).await);
            rows.push(repeat("present", runs, async || present(sandbox).await).await);
            rows.push(repeat("share_import", runs, async || share_import(sandbox).await).await);
        }
    }
    Ok(rows)
}

async fn repeat(flow: &'static str, runs: u32, work: impl AsyncFn() -> Result<()>) -> Row {
    let (rss_mib_start, cpu, servers_cpu) = (rss_mib(), cpu_time(), servers::cpu_time());
    let begun = Instant::now();
    let mut times = Vec::new();
    let mut errors = 0;
    for _ in 0..runs {
        let step = Instant::now();
        match work().await {
            Ok(()) => times.push(ms(step.elapsed())),
            Err(error) => {
                tracing::warn!(%error, flow, "a run failed");
                errors += 1;
            }
        }
    }
    let total = begun.elapsed().as_secs_f64();
    times.sort_by(f64::total_cmp);
    let at =
        |share: f64| times.get(((times.len() as f64 * share) as usize).min(times.len().saturating_sub(1))).copied();
    Row {
        flow,
        concurrency: 1,
        flows: runs,
        errors,
        flows_per_s: round(f64::from(runs - errors) / total),
        cpu_ms_per_flow: round(ms(cpu_time().saturating_sub(cpu)) / f64::from(runs)),
        server_cpu_ms_per_flow: round(ms(servers::cpu_time().saturating_sub(servers_cpu)) / f64::from(runs)),
        p50_ms: at(0.5).unwrap_or_default(),
        p95_ms: at(0.95).unwrap_or_default(),
        rss_mib_start,
        rss_mib_end: rss_mib(),
    }
}

/// A whole KYC session; the session's identifier once approved.
async fn verdict(sandbox: &Sandbox, person: &Person) -> Result<String> {
    let issuer = &sandbox.issuer;
    let created = sandbox.post(issuer, "v3/session/", &json!({})).await?.expect(201)?;
    let token = created["session_token"].as_str().context("no token")?;
    let id = created["session_id"].as_str().context("no identifier")?.to_owned();
    sandbox.upload(&format!("session/{token}/document"), &person.document).await?.success()?;
    sandbox.upload(&format!("session/{token}/selfie"), &person.selfie).await?.success()?;
    let decision = sandbox.get(issuer, &format!("v3/session/{id}/decision/")).await?.expect(200)?;
    ensure!(decision["status"] == "Approved", "the verdict is {}", decision["status"]);
    Ok(id)
}

async fn accept(sandbox: &Sandbox, session: &str) -> Result<()> {
    let offer = sandbox.post(&sandbox.issuer, &format!("v3/session/{session}/offer/"), &json!({})).await?.success()?;
    let link = offer["offer"].as_str().context("no offer")?;
    sandbox.wallet.accept(link, offer["tx_code"].as_str(), sandbox.clock().now()).await?;
    Ok(())
}

async fn request(sandbox: &Sandbox) -> Result<String> {
    let partner = sandbox.partners.first().context("no partner")?;
    let body = json!({"policy": "identity-selfie"});
    let created = sandbox.post(partner, "v1/requests", &body).await?.expect(201)?;
    created["link"].as_str().map(str::to_owned).context("no link")
}

async fn present(sandbox: &Sandbox) -> Result<()> {
    let partner = sandbox.partners.first().context("no partner")?;
    let created = sandbox.post(partner, "v1/requests", &json!({"policy": "identity"})).await?.expect(201)?;
    let now = sandbox.clock().now();
    let asked = sandbox.wallet.inspect_request(created["link"].as_str().context("no link")?, now).await?;
    let consent = asked.question().agree(now);
    sandbox.wallet.present(Ready::agreed(asked, consent, now)?, now).await?;
    Ok(())
}

async fn share_import(sandbox: &Sandbox) -> Result<()> {
    let partner = sandbox.partners.last().context("no partner")?;
    let shared = wallet_share(sandbox, partner, "bench").await?;
    let body = json!({"share_token": shared.share_token, "trust_review": true});
    sandbox.post(partner, "v3/session/import-shared/", &body).await?.expect(201)?;
    Ok(())
}

fn ms(time: Duration) -> f64 {
    round(time.as_secs_f64() * 1000.0)
}

fn round(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

/// Resident memory of this process in MiB (Linux; 0 elsewhere).
fn rss_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib: f64 = line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or_default();
    round(kib / 1024.0)
}

/// Processor time of this process so far (Linux; 0 elsewhere): fields 14 and 15 of `proc_pid_stat`, in ticks of 10 ms.
fn cpu_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let ticks: u64 = stat
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .skip(11)
        .take(2)
        .flat_map(str::parse::<u64>)
        .sum();
    Duration::from_millis(ticks * 10)
}
