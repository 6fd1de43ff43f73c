//! Known faces over the wire: duplicates, the blocklist, reuse, erasure.

use anyhow::{Context as _, Result};
use base64ct::{Base64, Encoding as _};
use serde_json::{Value, json};
use warifu_cli::demo::Person;
use warifu_cli::sandbox::Sandbox;
use warifu_tests::{World, models, shared};

/// The sandbox's workflow in which duplicates have the consequences of a live one.
const REHEARSAL: &str = "6b796301-0000-4000-8000-000000000005";

/// A full verification; the decision.
async fn verified(sandbox: &Sandbox, person: &Person, selfie: &[u8], wanted: Value) -> Result<Value> {
    let created = sandbox.post(&sandbox.issuer, "v3/session/", &wanted).await?.expect(201)?;
    let token = created["session_token"].as_str().context("a token")?;
    sandbox.upload(&format!("session/{token}/document"), &person.document).await?.success()?;
    sandbox.upload(&format!("session/{token}/selfie"), selfie).await?.success()?;
    decision(sandbox, &created).await
}

/// A reuse session; the decision.
async fn reused(sandbox: &Sandbox, selfie: &[u8], mut wanted: Value) -> Result<Value> {
    wanted["workflow_id"] = "wf_reusable_kyc".into();
    let created = sandbox.post(&sandbox.issuer, "v3/session/", &wanted).await?.expect(201)?;
    let token = created["session_token"].as_str().context("a token")?;
    sandbox.upload(&format!("session/{token}/selfie"), selfie).await?.success()?;
    decision(sandbox, &created).await
}

async fn decision(sandbox: &Sandbox, created: &Value) -> Result<Value> {
    let id = created["session_id"].as_str().context("an identifier")?;
    sandbox.get(&sandbox.issuer, &format!("v3/session/{id}/decision/")).await?.expect(200)
}

fn risks(decision: &Value, feature: &str) -> Vec<String> {
    let warnings = decision[feature][0]["warnings"].as_array().into_iter().flatten();
    warnings.filter_map(|warning| warning["risk"].as_str().map(str::to_owned)).collect()
}

async fn refused_reuse(sandbox: &Sandbox, wanted: Value) -> Result<()> {
    let answer = sandbox.post(&sandbox.issuer, "v3/session/", &wanted).await?;
    assert_eq!(answer.status, 400, "{}", answer.body);
    assert!(answer.body.to_string().contains("NO_REFERENCE_IMAGE"), "{}", answer.body);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_known_face_is_noticed_blocked_and_forgotten() -> Result<()> {
    let Some(models) = models("a_known_face_is_noticed_blocked_and_forgotten") else { return Ok(()) };
    let person = Person::fictional(&models)?;
    let world = World::start(models, "known faces").await?;
    let sandbox = &world.sandbox;
    let first = verified(sandbox, &person, &person.selfie, json!({"vendor_data": "alice"})).await?;
    assert_eq!(first["status"], "Approved", "{first}");
    assert_eq!(first["liveness_checks"][0]["matches"], json!([]));

    // The same face for another customer: a person looks, and sees whose it is.
    let rehearsal = |vendor_data: &str| json!({"vendor_data": vendor_data, "workflow_id": REHEARSAL});
    let second = verified(sandbox, &person, &person.second_selfie, rehearsal("bob")).await?;
    assert_eq!(second["status"], "In Review", "{second}");
    assert_eq!(risks(&second, "liveness_checks"), ["DUPLICATED_FACE"]);
    let found = &second["liveness_checks"][0]["matches"][0];
    assert_eq!(found["session_id"], first["session_id"]);
    assert_eq!(found["vendor_data"], "alice");
    assert_eq!(found["status"], "Approved");
    assert_eq!(found["is_blocklisted"], false);
    assert!(found["similarity_percentage"].as_f64().is_some_and(|score| score > 69.0), "{found}");
    // The plain sandbox notes it only.
    let noted = verified(sandbox, &person, &person.second_selfie, json!({})).await?;
    assert_eq!(noted["status"], "Approved", "{noted}");
    assert_eq!(noted["liveness_checks"][0]["warnings"][0]["log_type"], "information");
    forget(sandbox, &noted).await?;
    // One's own earlier verification is none.
    let own = verified(sandbox, &person, &person.second_selfie, rehearsal("alice")).await?;
    assert_eq!((&own["status"], risks(&own, "liveness_checks")), (&json!("Approved"), vec![]), "{own}");

    // Blocked, under any name and in reuse; then not any more.
    let add = json!({"session_id": own["session_id"], "blocklist_face": true});
    sandbox.post(&sandbox.issuer, "v3/blocklist/add/", &add).await?.success()?;
    let blocked = verified(sandbox, &person, &person.selfie, json!({"vendor_data": "eve"})).await?;
    assert_eq!(blocked["status"], "Declined", "{blocked}");
    assert!(risks(&blocked, "liveness_checks").contains(&"FACE_IN_BLOCKLIST".to_owned()), "{blocked}");
    assert_eq!(blocked["liveness_checks"][0]["matches"][0]["is_blocklisted"], true);
    let blocked = reused(sandbox, &person.selfie, json!({"vendor_data": "alice"})).await?;
    assert_eq!(blocked["status"], "Declined", "{blocked}");
    let remove = json!({"session_id": own["session_id"], "unblock_face": true});
    sandbox.post(&sandbox.issuer, "v3/blocklist/remove/", &remove).await?.success()?;

    // Erased: found by nobody, and no reference any more.
    forget(sandbox, &own).await?;
    let fresh = verified(sandbox, &person, &person.second_selfie, rehearsal("dave")).await?;
    assert_eq!(fresh["status"], "Approved", "{fresh}");
    assert_eq!(fresh["liveness_checks"][0]["matches"], json!([]));
    refused_reuse(sandbox, json!({"vendor_data": "alice", "workflow_id": "wf_reusable_kyc"})).await?;
    world.sandbox.stop().await;
    Ok(())
}

async fn forget(sandbox: &Sandbox, decision: &Value) -> Result<()> {
    let id = decision["session_id"].as_str().context("an identifier")?;
    let url = sandbox.issuer.url.join(&format!("v3/session/{id}/delete/"))?;
    let headers = [("x-api-key", sandbox.issuer.api_key.as_str())];
    let answer = sandbox.fetcher().send(axum::http::Method::DELETE, &url, &headers, Vec::new()).await?;
    assert_eq!(answer.status.as_u16(), 200);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_selfie_is_enough_the_second_time() -> Result<()> {
    let name = "a_selfie_is_enough_the_second_time";
    let (Some(models), Some(faces)) = (models(name), shared(name, "faces")) else { return Ok(()) };
    let person = Person::fictional(&models)?;
    let world = World::start(models, "reuse").await?;
    let sandbox = &world.sandbox;
    let first = verified(sandbox, &person, &person.selfie, json!({"vendor_data": "alice"})).await?;
    assert_eq!(first["status"], "Approved", "{first}");

    let again = reused(sandbox, &person.second_selfie, json!({"vendor_data": "alice"})).await?;
    assert_eq!(again["status"], "Approved", "{again}");
    assert_eq!(again["id_verifications"], Value::Null);
    let one = |member: &str| again[member].as_array().is_some_and(|items| items.len() == 1);
    assert!(one("liveness_checks") && one("face_matches"), "{again}");
    assert_eq!(again["face_matches"][0]["status"], "Approved");
    assert_eq!(again["face_matches"][0]["source_image_session_id"], first["session_id"]);
    let id = again["session_id"].as_str().context("an identifier")?;
    let offer = sandbox.post(&sandbox.issuer, &format!("v3/session/{id}/offer/"), &json!({})).await?;
    assert_eq!(offer.status, 400, "{}", offer.body);

    let impostor = std::fs::read(faces.join("p05_1.jpg"))?;
    let other = reused(sandbox, &impostor, json!({"vendor_data": "alice"})).await?;
    assert_eq!(other["status"], "Declined", "{other}");
    assert_eq!(risks(&other, "face_matches"), ["LOW_FACE_MATCH_SIMILARITY"]);

    // A portrait of the client's goes before what is kept, and needs nothing kept.
    let portrait = Base64::encode_string(&person.selfie);
    let by_portrait = reused(sandbox, &person.second_selfie, json!({"portrait_image": portrait})).await?;
    assert_eq!(by_portrait["status"], "Approved", "{by_portrait}");
    assert_eq!(by_portrait["face_matches"][0].get("source_image_session_id"), None);
    let portrait = Base64::encode_string(&impostor);
    let wanted = json!({"portrait_image": portrait, "vendor_data": "alice"});
    let by_portrait = reused(sandbox, &person.second_selfie, wanted).await?;
    assert_eq!(by_portrait["status"], "Declined", "{by_portrait}");

    let reuse = json!("wf_reusable_kyc");
    refused_reuse(sandbox, json!({"workflow_id": reuse, "vendor_data": "nobody"})).await?;
    refused_reuse(sandbox, json!({"workflow_id": reuse})).await?;
    let page = Base64::encode_string(b"no picture");
    let answer =
        sandbox.post(&sandbox.issuer, "v3/session/", &json!({"workflow_id": reuse, "portrait_image": page})).await?;
    assert_eq!(answer.status, 400);
    assert!(answer.body.get("portrait_image").is_some(), "{}", answer.body);
    world.sandbox.stop().await;
    Ok(())
}
