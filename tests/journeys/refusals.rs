//! What must not work, over the wire, between the real roles.

use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::json;
use warifu_cli::demo::Person;
use warifu_session::share::{Life, Scope};
use warifu_tests::{World, models};
use warifu_trust::entity::{ServiceStatus, ServiceType};
use warifu_trust_registry::Actor;
use warifu_wallet::consent::{Asked as _, Ready};
use warifu_wallet::share::NewShareRequest;

/// A session of the fictional person that ends approved: its identifier and token.
pub(crate) async fn approved(world: &World, person: &Person) -> Result<(String, String)> {
    let sandbox = &world.sandbox;
    let created = sandbox.post(&sandbox.issuer, "v3/session/", &json!({})).await?.expect(201)?;
    let text = |name: &str| created[name].as_str().map(str::to_owned).context("a member");
    let (id, token) = (text("session_id")?, text("session_token")?);
    sandbox.upload(&format!("session/{token}/document"), &person.document).await?.success()?;
    sandbox.upload(&format!("session/{token}/selfie"), &person.selfie).await?.success()?;
    Ok((id, token))
}

pub(crate) async fn offer(world: &World, session: &str) -> Result<(String, String)> {
    let path = format!("v3/session/{session}/offer/");
    let offer = world.sandbox.post(&world.sandbox.issuer, &path, &json!({})).await?.success()?;
    let text = |name: &str| offer[name].as_str().map(str::to_owned).context("a member");
    Ok((text("offer")?, text("tx_code")?))
}

/// A request of the first partner, by a policy without selfie.
async fn request(world: &World) -> Result<(String, String)> {
    let partner = &world.sandbox.partners[0];
    let created = world.sandbox.post(partner, "v1/requests", &json!({"policy": "identity"})).await?.expect(201)?;
    let text = |name: &str| created[name].as_str().map(str::to_owned).context("a member");
    Ok((text("request_id")?, text("link")?))
}

pub(crate) async fn state(world: &World, id: &str) -> Result<serde_json::Value> {
    world.sandbox.get(&world.sandbox.partners[0], &format!("v1/requests/{id}")).await?.expect(200)
}

fn share_to(partner: &str) -> NewShareRequest {
    NewShareRequest {
        partner: partner.to_owned(),
        purpose: "onboarding".to_owned(),
        scope: vec![Scope::Kyc],
        claims: None,
        credential: None,
        life: Life::default(),
    }
}

async fn share(world: &World, partner: &str) -> Result<String> {
    let now = world.hands.clock().now();
    let proposal = world.sandbox.wallet.propose_share(share_to(partner), now).await?;
    let consent = proposal.question().agree(now);
    Ok(world.sandbox.wallet.share(Ready::agreed(proposal, consent, now)?, now)?.share_token)
}

async fn import(world: &World, partner: usize, token: &str) -> Result<u16> {
    let body = json!({"share_token": token, "trust_review": true});
    Ok(world.sandbox.post(&world.sandbox.partners[partner], "v3/session/import-shared/", &body).await?.status)
}

async fn set_status(world: &World, party: &str, service: ServiceType, status: ServiceStatus) -> Result<()> {
    let by = Actor::administrator("test", "journey");
    world.sandbox.operator.set_status(party, Some(service), status, &by, world.hands.clock().now()).await?;
    // Everyone refreshes the list within a minute.
    world.hands.step(Duration::from_secs(61));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_must_not_work_does_not() -> Result<()> {
    let Some(models) = models("what_must_not_work_does_not") else { return Ok(()) };
    let person = Person::fictional(&models)?;
    let world = World::start(models, "refusals").await?;
    let wallet = &world.sandbox.wallet;
    let now = || world.hands.clock().now();
    let (session, token) = approved(&world, &person).await?;

    // A wrong transaction code five times kills the offer, even for the right code.
    let (link, code) = offer(&world, &session).await?;
    let wrong = if code.starts_with('0') { "111111" } else { "000000" };
    for _ in 0..5 {
        assert!(wallet.accept(&link, Some(wrong), now()).await.is_err());
    }
    assert!(wallet.accept(&link, Some(&code), now()).await.is_err());
    assert!(wallet.list(now())?.is_empty());

    // An offer serves once.
    let (link, code) = offer(&world, &session).await?;
    wallet.accept(&link, Some(&code), now()).await?;
    assert!(wallet.accept(&link, Some(&code), now()).await.is_err());
    let held = wallet.list(now())?;
    let types: Vec<&str> = held.iter().map(|held| held.vct.as_str()).collect();
    let vct = world.sandbox.issuer.url.join("vct/kyc-identity/1")?;
    let offered = ["eu.europa.ec.eudi.pid.1", "urn:eudi:pid:1", "org.warifu.kyc.1", vct.as_str()];
    assert_eq!(types, offered, "one for each that was offered, the preferred one last");

    // A request serves one wallet, once, for a while.
    let (_, link) = request(&world).await?;
    wallet.inspect_request(&link, now()).await?;
    assert!(wallet.inspect_request(&link, now()).await.is_err());
    let (id, link) = request(&world).await?;
    let asked = wallet.inspect_request(&link, now()).await?;
    let consent = asked.question().agree(now());
    let ready = Ready::agreed(asked, consent, now())?;
    world.hands.step(Duration::from_secs(301));
    assert!(wallet.present(ready, now()).await.is_err());
    assert_eq!(state(&world, &id).await?["state"], "expired");

    // Shares: for their audience, in time, once, unchanged.
    let shared = share(&world, "partner-b").await?;
    assert_eq!(import(&world, 0, &shared).await?, 403);
    let mut changed = shared.clone();
    changed.replace_range(changed.len() - 4..changed.len() - 3, if changed.ends_with('A') { "B" } else { "A" });
    assert_eq!(import(&world, 1, &changed).await?, 401);
    assert_eq!(import(&world, 1, &shared).await?, 201);
    assert_eq!(import(&world, 1, &shared).await?, 403);
    let late = share(&world, "partner-b").await?;
    world.hands.step(Duration::from_secs(901));
    assert_eq!(import(&world, 1, &late).await?, 401);

    // The issuer shares only with recorded consent.
    let issuer = &world.sandbox.issuer;
    let body = json!({"audience": "partner-b", "purpose": "onboarding", "scope": ["kyc"]});
    let path = format!("v3/session/{session}/share/");
    let refused = world.sandbox.post(issuer, &path, &body).await?;
    assert!((400..500).contains(&refused.status), "{}", refused.status);
    world.sandbox.post(issuer, &format!("session/{token}/consent"), &body).await?.success()?;
    world.sandbox.post(issuer, &path, &body).await?.success()?;

    // Whoever the registry suspends is refused within a minute, and served again when granted.
    set_status(&world, "partner-a", ServiceType::Access, ServiceStatus::Suspended).await?;
    let (_, link) = request(&world).await?;
    let error = wallet.inspect_request(&link, now()).await.expect_err("a suspended partner is refused");
    assert_eq!(error.code(), "unknown_verifier");
    set_status(&world, "partner-a", ServiceType::Access, ServiceStatus::Granted).await?;
    set_status(&world, "partner-b", ServiceType::ShareReceiving, ServiceStatus::Withdrawn).await?;
    assert!(wallet.propose_share(share_to("partner-b"), now()).await.is_err());

    set_status(&world, "issuer", ServiceType::KycIssuance, ServiceStatus::Suspended).await?;
    let (id, link) = request(&world).await?;
    let asked = wallet.inspect_request(&link, now()).await?;
    let consent = asked.question().agree(now());
    let _ = wallet.present(Ready::agreed(asked, consent, now())?, now()).await;
    let result = state(&world, &id).await?;
    assert_eq!(result["state"], "refused", "{result}");
    assert!(result["claims"].as_object().is_none_or(serde_json::Map::is_empty));
    set_status(&world, "issuer", ServiceType::KycIssuance, ServiceStatus::Granted).await?;

    // A revoked credential is refused once the status list is asked again.
    let path = format!("v3/session/{session}/revoke/");
    world.sandbox.post(issuer, &path, &json!({"reason": "journey"})).await?.success()?;
    world.hands.step(Duration::from_secs(61));
    let (id, link) = request(&world).await?;
    if let Ok(asked) = wallet.inspect_request(&link, now()).await {
        let consent = asked.question().agree(now());
        let _ = wallet.present(Ready::agreed(asked, consent, now())?, now()).await;
        let result = state(&world, &id).await?;
        assert_eq!(result["state"], "refused", "{result}");
    }
    world.sandbox.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_uploads_are_answered_and_change_nothing() -> Result<()> {
    let Some(models) = models("hostile_uploads_are_answered_and_change_nothing") else { return Ok(()) };
    let person = Person::fictional(&models)?;
    let world = World::start(models, "uploads").await?;
    let sandbox = &world.sandbox;
    let created = sandbox.post(&sandbox.issuer, "v3/session/", &json!({})).await?.expect(201)?;
    let token = created["session_token"].as_str().context("a token")?;
    let path = format!("session/{token}/document");
    let truncated = &person.document[..person.document.len() / 3];
    let huge = vec![0xff; 30 * 1024 * 1024];
    // A PNG header that claims 20,000 x 20,000 pixels.
    let wide = [
        &b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR"[..],
        &20_000u32.to_be_bytes(),
        &20_000u32.to_be_bytes(),
        &[8, 2, 0, 0, 0, 0, 0, 0, 0],
    ]
    .concat();
    for (name, bytes) in
        [("text", &b"hello"[..]), ("truncated", truncated), ("huge", &huge), ("wide", &wide), ("empty", b"")]
    {
        let status = match sandbox.upload(&path, bytes).await {
            Ok(answer) => answer.status,
            // The server may close the door while 30 MB are still being sent.
            Err(_) if name == "huge" => 413,
            Err(error) => return Err(error.context(name)),
        };
        assert!((400..500).contains(&status), "{name}: {status}");
    }
    // A face is not a document, a document is not a face; the session still waits for the document.
    let answer = sandbox.upload(&path, &person.selfie).await?;
    assert!(answer.status < 500, "{}", answer.status);
    assert_eq!(answer.body["next"], "document", "{}", answer.body);
    sandbox.upload(&path, &person.document).await?.success()?;
    world.sandbox.stop().await;
    Ok(())
}
