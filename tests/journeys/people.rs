//! Real faces in fictional documents: who is approved, who is not.

use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::json;
use warifu_cli::files;
use warifu_models::face::{self, Band};
use warifu_models::picture::Picture;
use warifu_models::{Models, document};
use warifu_tests::{World, models, shared};

/// The first two pictures of every identity that has two.
fn identities(dir: &Path) -> Vec<(String, String)> {
    let numbers = 1..=99;
    let pair = |number: u32| (format!("p{number:02}_1.jpg"), format!("p{number:02}_2.jpg"));
    numbers.map(pair).filter(|(a, b)| dir.join(a).is_file() && dir.join(b).is_file()).collect()
}

/// A passport around the face in `name`, as the issuer receives it: drawn, then compressed.
fn passport(models: &Models, dir: &Path, name: &str) -> Result<Vec<u8>> {
    let page = files::specimen(models, &files::picture(&dir.join(name))?, 7).with_context(|| name.to_owned())?;
    Ok(page.encode_jpeg(92)?)
}

/// How the printed portrait and the selfie compare.
fn band(models: &Models, page: &Picture, selfie: &Path) -> Result<Band> {
    let today = "2026-11-23".parse()?;
    let reading = document::read(models, page, today)?;
    let portrait = reading.portrait.context("no portrait on the page")?;
    let printed = face::read_largest(models, &portrait.picture)?;
    let live = face::read_largest(models, &files::picture(selfie)?)?;
    Ok(printed.embedding.distance(&live.embedding)?.band())
}

#[test]
fn the_same_person_matches_and_nobody_else_does() -> Result<()> {
    let name = "the_same_person_matches_and_nobody_else_does";
    let (Some(models), Some(dir)) = (models(name), shared(name, "faces")) else { return Ok(()) };
    let identities = identities(&dir);
    assert!(identities.len() >= 18, "{} identities", identities.len());
    let mut pages = Vec::new();
    for (first, _) in &identities {
        let bytes = passport(&models, &dir, first)?;
        pages.push(Picture::decode(&bytes, &warifu_models::picture::Limits::default())?);
    }
    let mut accepted = 0;
    for (page, (first, second)) in pages.iter().zip(&identities) {
        match band(&models, page, &dir.join(second))? {
            Band::Accept => accepted += 1,
            Band::Review => println!("{first} with {second}: review"),
            Band::Reject => panic!("{first} with {second}: the same person is rejected"),
        }
    }
    println!("accepted {accepted} of {}", identities.len());
    assert!(accepted >= 15, "accepted {accepted} of {}", identities.len());

    // Fifty mixed pairs, spread over all identities in a fixed order.
    let count = identities.len();
    let mixed = (1..count).flat_map(|shift| (0..count).map(move |at| (at, (at + shift) % count))).take(50);
    for (at, other) in mixed {
        let selfie = &identities[other].1;
        let band = band(&models, &pages[at], &dir.join(selfie))?;
        assert_ne!(band, Band::Accept, "{} with {selfie}", identities[at].0);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_issuer_approves_a_person_and_refuses_another() -> Result<()> {
    let name = "the_issuer_approves_a_person_and_refuses_another";
    let (Some(models), Some(dir)) = (models(name), shared(name, "faces")) else { return Ok(()) };
    let world = World::start(models.clone(), name).await?;
    let sandbox = &world.sandbox;
    let page = passport(&models, &dir, "p01_1.jpg")?;
    for (selfie, approved) in [("p01_2.jpg", true), ("p04_1.jpg", false)] {
        let created = sandbox.post(&sandbox.issuer, "v3/session/", &json!({})).await?.expect(201)?;
        let token = created["session_token"].as_str().context("a token")?;
        sandbox.upload(&format!("session/{token}/document"), &page).await?.success()?;
        let bytes = std::fs::read(dir.join(selfie))?;
        sandbox.upload(&format!("session/{token}/selfie"), &bytes).await?.success()?;
        let id = created["session_id"].as_str().context("an identifier")?;
        let decision = sandbox.get(&sandbox.issuer, &format!("v3/session/{id}/decision/")).await?.expect(200)?;
        let status = decision["status"].as_str().context("a status")?;
        if approved {
            // Liveness is a heuristic: a person it doubts is looked at by a person, never declined.
            assert!(["Approved", "In Review"].contains(&status), "{selfie}: {status}");
            assert_eq!(decision["face_matches"][0]["status"], "Approved", "{decision}");
        } else {
            assert_eq!(status, "Declined", "{selfie}");
            let offer = sandbox.post(&sandbox.issuer, &format!("v3/session/{id}/offer/"), &json!({})).await?;
            assert!((400..500).contains(&offer.status), "an offer for a declined person answers {}", offer.status);
        }
    }
    world.sandbox.stop().await;
    Ok(())
}
