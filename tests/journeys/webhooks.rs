//! Webhooks over the wire: a partner's server that believes nothing before it has verified it, by raw bytes and by the
//! canonical form.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context as _, Result};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use serde_json::{Value, json};
use tokio::sync::Notify;
use warifu_cli::demo::Person;
use warifu_server::run::{Limits, Listener};
use warifu_session::webhook::{Received, Text, WebhookSecret, canonical};
use warifu_tests::{World, models};

/// What a partner's server remembers.
#[derive(Clone, Default)]
struct Memory {
    got: Arc<Mutex<Vec<(HeaderMap, Bytes)>>>,
    came: Arc<Notify>,
}

impl Memory {
    fn count(&self) -> usize {
        self.got.lock().unwrap().len()
    }

    async fn wait_for(&self, count: usize) -> Result<()> {
        let enough = async {
            while self.count() < count {
                self.came.notified().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), enough).await.context("the webhook did not come")
    }
}

/// The server: it fails the first time, as servers do.
async fn receive(State(memory): State<Memory>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let mut got = memory.got.lock().unwrap();
    got.push((headers, body));
    memory.came.notify_one();
    if got.len() == 1 { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::NO_CONTENT }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partner_hears_of_the_approval_and_can_prove_it() -> Result<()> {
    let Some(models) = models("a_partner_hears_of_the_approval_and_can_prove_it") else { return Ok(()) };
    let person = Person::fictional(&models)?;
    let world = World::start(models, "webhooks").await?;
    let sandbox = &world.sandbox;
    let memory = Memory::default();
    let router = Router::new().route("/hook", post(receive)).with_state(memory.clone());
    let receiver = Listener::bind("127.0.0.1:0".parse()?).await?.spawn(router, Limits::default());
    let wanted = json!({
        "label": "journey", "url": format!("http://{}/hook", receiver.address()), "webhook_version": "v3",
        "subscribed_events": ["status.updated"],
    });
    let destination = sandbox.post(&sandbox.issuer, "v3/webhook/destinations/", &wanted).await?.expect(201)?;
    let secret = WebhookSecret::from_text(destination["secret_shared_key"].as_str().context("a secret")?);

    let wanted = json!({ "vendor_data": "山田-7", "metadata": { "plan": "a/b", "limit": 2.50 } });
    let created = sandbox.post(&sandbox.issuer, "v3/session/", &wanted).await?.expect(201)?;
    memory.wait_for(1).await?;
    let token = created["session_token"].as_str().context("a token")?;
    sandbox.upload(&format!("session/{token}/document"), &person.document).await?.success()?;
    memory.wait_for(2).await?;
    sandbox.upload(&format!("session/{token}/selfie"), &person.selfie).await?.success()?;
    memory.wait_for(3).await?;
    // What failed comes again a minute later.
    world.hands.step(Duration::from_secs(60));
    memory.wait_for(4).await?;

    let got = memory.got.lock().unwrap().clone();
    let now = sandbox.clock().now();
    let mut events = Vec::new();
    for (headers, body) in &got {
        let received = headers.iter().fold(Received::new(body), |received, (name, value)| {
            received.header(name.as_str(), value.to_str().unwrap_or_default())
        });
        let findings = received.findings(&secret, now);
        assert_eq!((&findings.raw, &findings.canonical, &findings.simple), (&Ok(()), &Ok(()), &Ok(())));
        let event = received.verify(&secret, now)?;
        // The bytes are the canonical form themselves.
        let parsed: Value = serde_json::from_slice(body)?;
        assert_eq!(canonical(&parsed, Text::Utf8).as_bytes(), &body[..]);
        events.push(event);
    }
    let told: Vec<_> = events.iter().map(|event| (event["status"].as_str(), event["sequence"].as_u64())).collect();
    let expected = [
        (Some("Not Started"), Some(1)),
        (Some("In Progress"), Some(2)),
        (Some("Approved"), Some(3)),
        (Some("Not Started"), Some(1)),
    ];
    assert_eq!(told, expected);
    assert_eq!(events[0]["event_id"], events[3]["event_id"]);
    // What the webhook says of the decision is what the API says.
    let id = created["session_id"].as_str().context("an identifier")?;
    let decision = sandbox.get(&sandbox.issuer, &format!("v3/session/{id}/decision/")).await?.expect(200)?;
    let told = &events[2]["decision"];
    for member in ["session_id", "status", "features", "id_verifications", "created_at", "metadata", "vendor_data"] {
        assert_eq!(told[member], decision[member], "{member}");
    }
    assert_eq!(told["face_matches"][0]["status"], "Approved");
    receiver.stop().await;
    world.sandbox.stop().await;
    Ok(())
}
