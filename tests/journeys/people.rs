//! Real faces in fictional documents: who is approved, who is not.

use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::json;
use warifu_cli::files;
use warifu_models::face::{self, Band, Embedding};
use warifu_models::picture::{Limits, Picture};
use warifu_models::specimen::Specimen;
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
    let page = files::specimen(models, &files::picture(&dir.join(name))?, &Specimen::fictional(7))
        .with_context(|| name.to_owned())?;
    Ok(page.encode_jpeg(92)?)
}

/// The printed portrait, as the issuer finds it on the page.
fn printed(models: &Models, page: &[u8]) -> Result<Embedding> {
    let page = Picture::decode(page, &Limits::default())?;
    let reading = document::read(models, &page, "2026-11-23".parse()?)?;
    let portrait = reading.portrait.context("no portrait on the page")?;
    Ok(face::read_largest(models, &portrait.picture)?.embedding)
}

fn selfie(models: &Models, file: &Path) -> Result<Embedding> {
    Ok(face::read_largest(models, &files::picture(file)?)?.embedding)
}

#[test]
fn the_same_person_matches_and_nobody_else_does() -> Result<()> {
    let name = "the_same_person_matches_and_nobody_else_does";
    let (Some(models), Some(dir)) = (models(name), shared(name, "faces")) else { return Ok(()) };
    let identities = identities(&dir);
    assert!(identities.len() >= 18, "{} identities", identities.len());
    let portraits: Vec<Embedding> = identities
        .iter()
        .map(|(first, _)| printed(&models, &passport(&models, &dir, first)?))
        .collect::<Result<_>>()?;
    let selfies: Vec<Embedding> =
        identities.iter().map(|(_, second)| selfie(&models, &dir.join(second))).collect::<Result<_>>()?;
    let band = |at: usize, other: usize| anyhow::Ok(portraits[at].distance(&selfies[other])?.band());

    let mut accepted = 0;
    for (at, (first, second)) in identities.iter().enumerate() {
        match band(at, at)? {
            Band::Accept => accepted += 1,
            Band::Review => println!("{first} with {second}: review"),
            Band::Reject => panic!("{first} with {second}: the same person is rejected"),
        }
    }
    let count = identities.len();
    println!("accepted {accepted} of {count}");
    assert!(accepted >= 15, "accepted {accepted} of {count}");

    // Every mixed pair there is, not only fifty.
    for (at, other) in (0..count).flat_map(|at| (0..count).map(move |other| (at, other))).filter(|(a, b)| a != b) {
        assert_ne!(band(at, other)?, Band::Accept, "{} with {}", identities[at].0, identities[other].1);
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
