//! The session API: what a client's calls cost, and whether lists stay fast when there are many sessions.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use axum::Router;
use axum::http::StatusCode;
use axum::routing::post;
use serde_json::json;
use tokio::task::JoinSet;
use url::Url;
use warifu_issuer::kyc::session::NewSession;

use super::servers::{self, Servers};
use super::{ApiArgs, Row, accept, cpu_time, ms, repeat, round, rss_mib, share_import, verdict};
use crate::demo::{Person, wallet_share};
use crate::sandbox::Sandbox;

/// Sessions that are made at the same time while the store is filled: commits are grouped.
const TOGETHER: u32 = 256;

pub(super) async fn measure(
    servers: &Servers,
    sandbox: &mut Sandbox,
    person: &Person,
    args: &ApiArgs,
) -> Result<Vec<Row>> {
    let runs = args.common.runs;
    let approved = verdict(sandbox, person).await?;
    accept(sandbox, &approved).await?;
    fill(sandbox, "user", args.sessions).await?;
    let mut rows = Vec::new();
    let wanted = json!({ "metadata": { "plan": "bench" }, "callback": "https://app.example/done" });
    rows.push(
        repeat("create_session", runs, async || {
            sandbox.post(&sandbox.issuer, "v3/session/", &wanted).await?.expect(201).map(drop)
        })
        .await,
    );
    let decision = format!("v3/session/{approved}/decision/");
    rows.push(repeat("decision", runs, async || read(sandbox, &decision).await).await);
    let created = sandbox.post(&sandbox.issuer, "v3/session/", &json!({})).await?.expect(201)?;
    let workflow = created["workflow_id"].as_str().context("a workflow")?;
    let filters: [(&'static str, String); 7] = [
        ("list", String::new()),
        ("list_status", "status=Not%20Started".to_owned()),
        ("list_status_rare", "status=Approved".to_owned()),
        ("list_vendor_data", "vendor_data=user-7".to_owned()),
        ("list_workflow", format!("workflow_id={workflow}")),
        ("list_dates", "date_from=2020-01-01&date_to=2099-01-01".to_owned()),
        ("list_search", "search=user-7".to_owned()),
    ];
    for (flow, filter) in filters {
        let path = format!("v3/sessions/?{filter}");
        read(sandbox, &path).await?;
        rows.push(repeat(flow, runs, async || read(sandbox, &path).await).await);
    }
    rows.push(repeat("share_import", runs, async || share_import(sandbox).await).await);
    rows.push(imports(sandbox, runs).await?);
    rows.push(webhooks(servers, sandbox, args.webhooks).await?);
    Ok(rows)
}

/// Imports alone: the shares are there before the clock runs.
async fn imports(sandbox: &Sandbox, runs: u32) -> Result<Row> {
    let partner = sandbox.partners.last().context("no partner")?;
    let mut shares = Vec::new();
    for _ in 0..runs {
        shares.push(wallet_share(sandbox, partner, "bench").await?.share_token);
    }
    let shares = RefCell::new(shares);
    let import = async || {
        let share = shares.borrow_mut().pop().context("a share")?;
        let body = json!({ "share_token": share, "trust_review": true });
        sandbox.post(partner, "v3/session/import-shared/", &body).await?.expect(201).map(drop)
    };
    Ok(repeat("import", runs, import).await)
}

/// Delivery of everything in the outbox to a receiver in this process, which does nothing but answer.
async fn webhooks(servers: &Servers, sandbox: &mut Sandbox, count: u32) -> Result<Row> {
    let came = Arc::new(AtomicU32::new(0));
    let counter = Arc::clone(&came);
    let hook = async move || {
        counter.fetch_add(1, Ordering::Relaxed);
        StatusCode::NO_CONTENT
    };
    let router = |_: &Url| Router::new().route("/hook", post(hook));
    let url = sandbox.also_serve(0, router).await?.join("hook")?;
    sandbox.stop_courier().await;
    let wanted = json!({ "label": "bench", "url": url, "subscribed_events": ["status.updated"] });
    sandbox.post(&sandbox.issuer, "v3/webhook/destinations/", &wanted).await?.expect(201)?;
    fill(sandbox, "told", count).await?;
    let (rss_mib_start, cpu, servers_cpu, begun) = (rss_mib(), cpu_time(), servers::cpu_time(), Instant::now());
    let issuer = Arc::clone(&sandbox.issuer.role);
    servers.run(async move { issuer.deliver_due().await }).await??;
    let (took, cpu) = (begun.elapsed(), cpu_time().saturating_sub(cpu));
    let came = came.load(Ordering::Relaxed);
    Ok(Row {
        flow: "webhook",
        concurrency: 1,
        flows: came,
        errors: count.saturating_sub(came),
        flows_per_s: round(f64::from(came) / took.as_secs_f64()),
        cpu_ms_per_flow: round(ms(cpu) / f64::from(count)),
        server_cpu_ms_per_flow: round(ms(servers::cpu_time().saturating_sub(servers_cpu)) / f64::from(count)),
        p50_ms: 0.0,
        p95_ms: 0.0,
        rss_mib_start,
        rss_mib_end: rss_mib(),
    })
}

async fn read(sandbox: &Sandbox, path: &str) -> Result<()> {
    sandbox.get(&sandbox.issuer, path).await?.expect(200).map(drop)
}

/// Makes so many sessions, each of a person of their own.
async fn fill(sandbox: &Sandbox, names: &str, count: u32) -> Result<()> {
    let mut making = JoinSet::new();
    for number in 0..count {
        let (issuer, now) = (Arc::clone(&sandbox.issuer.role), sandbox.clock().now());
        let wanted = NewSession { vendor_data: Some(format!("{names}-{number}")), ..NewSession::default() };
        making.spawn(async move { issuer.create_session(wanted, now).await.map(drop) });
        if making.len() >= TOGETHER as usize {
            making.join_next().await.context("a session")???;
        }
    }
    let left = making.join_all().await;
    ensure!(left.iter().all(Result::is_ok), "a session could not be made");
    Ok(())
}
