//! The session API: what a client's calls cost, and whether lists stay fast when there are many sessions.

use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use tokio::task::JoinSet;
use warifu_issuer::kyc::session::NewSession;

use super::{ApiArgs, Row, accept, repeat, share_import, verdict};
use crate::demo::Person;
use crate::sandbox::Sandbox;

/// Sessions that are made at the same time while the store is filled: commits are grouped.
const TOGETHER: u32 = 256;

pub(super) async fn measure(sandbox: &Sandbox, person: &Person, args: &ApiArgs) -> Result<Vec<Row>> {
    let runs = args.common.runs;
    let approved = verdict(sandbox, person).await?;
    accept(sandbox, &approved).await?;
    fill(sandbox, args.sessions).await?;
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
    Ok(rows)
}

async fn read(sandbox: &Sandbox, path: &str) -> Result<()> {
    sandbox.get(&sandbox.issuer, path).await?.expect(200).map(drop)
}

/// Makes so many sessions, each of a person of their own.
async fn fill(sandbox: &Sandbox, count: u32) -> Result<()> {
    let mut making = JoinSet::new();
    for number in 0..count {
        let (issuer, now) = (Arc::clone(&sandbox.issuer.role), sandbox.clock().now());
        making.spawn(async move {
            let wanted = NewSession { vendor_data: Some(format!("user-{number}")), ..NewSession::default() };
            issuer.create_session(wanted, now).await.map(drop)
        });
        if making.len() >= TOGETHER as usize {
            making.join_next().await.context("a session")???;
        }
    }
    let left = making.join_all().await;
    ensure!(left.iter().all(Result::is_ok), "a session could not be made");
    Ok(())
}
