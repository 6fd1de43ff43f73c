//! A credential in place of a kept face: what the issuer asks of a wallet, and what it does not take.

use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::{Map, Value, json};
use warifu_cli::demo::Person;
use warifu_credential::ClaimPath;
use warifu_credential::sd_jwt::{Held, KeyBinding};
use warifu_openid4vc::http::Request;
use warifu_openid4vc::vp::VpToken;
use warifu_tests::{World, models, shared};
use warifu_wallet::consent::{Asked as _, Ready};
use warifu_wallet::wire::Wire;

use crate::by_hand::{ByHand, open};
use crate::refusals::{approved, offer, state};

const TEMPLATE: &str = "face_template";

/// A reuse session that waits for a credential: its identifier and token.
async fn asking(world: &World, vendor_data: Option<&str>) -> Result<(String, String)> {
    let wanted = json!({
        "workflow_id": "wf_reusable_kyc", "reference_source": "presented_credential", "vendor_data": vendor_data,
    });
    let created = world.sandbox.post(&world.sandbox.issuer, "v3/session/", &wanted).await?.expect(201)?;
    let text = |name: &str| created[name].as_str().map(str::to_owned).context("a member");
    Ok((text("session_id")?, text("session_token")?))
}

/// The session's page.
async fn page(world: &World, token: &str) -> Result<String> {
    let url = world.sandbox.issuer.url.join(&format!("en/session/{token}"))?;
    let answer = world.sandbox.fetcher().get(&url, "text/html").await?;
    Ok(String::from_utf8(answer.body)?)
}

/// The link that the page shows.
async fn link(world: &World, token: &str) -> Result<String> {
    let page = page(world, token).await?;
    let start = page.find("openid4vp:").context("a link")?;
    let end = page[start..].find(['"', '<']).context("its end")?;
    Ok(page[start..start + end].replace("&amp;", "&"))
}

async fn live(world: &World, token: &str) -> Result<Value> {
    world.sandbox.get(&world.sandbox.issuer, &format!("session/{token}/credential")).await?.expect(200)
}

async fn next(world: &World, token: &str) -> Result<Value> {
    let state = world.sandbox.get(&world.sandbox.issuer, &format!("session/{token}/state")).await?.expect(200)?;
    Ok(state["waits_for"].clone())
}

async fn selfie(world: &World, token: &str, selfie: &[u8]) -> Result<u16> {
    Ok(world.sandbox.upload(&format!("session/{token}/selfie"), selfie).await?.status)
}

async fn decision(world: &World, id: &str) -> Result<Value> {
    world.sandbox.get(&world.sandbox.issuer, &format!("v3/session/{id}/decision/")).await?.expect(200)
}

async fn verified_as(world: &World, person: &Person, vendor_data: &str) -> Result<String> {
    let wanted = json!({ "vendor_data": vendor_data });
    let created = world.sandbox.post(&world.sandbox.issuer, "v3/session/", &wanted).await?.expect(201)?;
    let token = created["session_token"].as_str().context("a token")?;
    world.sandbox.upload(&format!("session/{token}/document"), &person.document).await?.success()?;
    world.sandbox.upload(&format!("session/{token}/selfie"), &person.selfie).await?.success()?;
    created["session_id"].as_str().map(str::to_owned).context("an identifier")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credential_is_enough_the_second_time() -> Result<()> {
    let name = "a_credential_is_enough_the_second_time";
    let (Some(models), Some(faces)) = (models(name), shared(name, "faces")) else { return Ok(()) };
    let person = Person::fictional(&models)?;
    let world = World::start(models, name).await?;
    let wallet = &world.sandbox.wallet;
    let now = || world.hands.clock().now();
    let first = verified_as(&world, &person, "alice").await?;
    let (offered, code) = offer(&world, &first).await?;
    wallet.accept(&offered, Some(&code), now()).await?;

    // A portrait and a credential are one too many.
    let both = json!({
        "workflow_id": "wf_reusable_kyc", "reference_source": "presented_credential", "portrait_image": "AAAA",
    });
    assert_eq!(world.sandbox.post(&world.sandbox.issuer, "v3/session/", &both).await?.status, 400);
    let elsewhere = json!({ "reference_source": "presented_credential" });
    assert_eq!(world.sandbox.post(&world.sandbox.issuer, "v3/session/", &elsewhere).await?.status, 400);

    for (vendor_data, picture, expected) in [
        (Some("alice"), person.second_selfie.clone(), "Approved"),
        (None, person.second_selfie.clone(), "Approved"),
        (Some("alice"), std::fs::read(faces.join("p05_1.jpg"))?, "Declined"),
    ] {
        let (id, token) = asking(&world, vendor_data).await?;
        assert_eq!(next(&world, &token).await?, "credential");
        // No way round the credential: neither by a selfie nor by what is kept of the same person.
        assert!(selfie(&world, &token, &picture).await? >= 400);
        let link = link(&world, &token).await?;
        assert_eq!(live(&world, &token).await?["state"], "waiting");
        let asked = wallet.inspect_request(&link, now()).await?;
        assert_eq!(live(&world, &token).await?["state"], "active");
        let question = asked.question();
        let rows: Vec<&str> =
            question.disclosures.iter().flat_map(|d| d.shared.iter().map(|row| row.name.as_str())).collect();
        assert_eq!(rows, [TEMPLATE], "the one value that leaves, said to the user");
        assert_eq!(question.purpose.as_deref(), Some("Compare your selfie with the face you were verified with"));
        let consent = question.agree(now());
        wallet.present(Ready::agreed(asked, consent, now())?, now()).await?;
        let moved = live(&world, &token).await?;
        assert_eq!(moved["next"], json!(format!("/en/session/{token}")), "{moved}");
        assert_eq!(next(&world, &token).await?, "selfie");
        assert_eq!(selfie(&world, &token, &picture).await?, 200);
        let decision = decision(&world, &id).await?;
        assert_eq!(decision["status"], expected, "{decision}");
        assert_eq!(decision["face_matches"][0]["source_image_session_id"], json!(first));
        assert_eq!(decision["id_verifications"], Value::Null, "the same person, and no identity");
        assert!(!decision.to_string().contains(TEMPLATE), "{decision}");
    }

    // A verifier that asks for the same gets nothing.
    let vct = world.sandbox.issuer.url.join("vct/kyc-identity/1")?;
    let query = json!({"credentials": [
        {"id": "kyc", "format": "dc+sd-jwt", "meta": {"vct_values": [vct]}, "claims": [{"path": [TEMPLATE]}]},
    ]});
    let partner = &world.sandbox.partners[0];
    let made = world.sandbox.post(partner, "v1/requests", &json!({"dcql_query": query})).await?.expect(201)?;
    let error = wallet.inspect_request(made["link"].as_str().context("a link")?, now()).await;
    assert_eq!(error.expect_err("not the issuer").code(), "face_template_asked");
    assert_eq!(state(&world, made["request_id"].as_str().context("an identifier")?).await?["state"], "opened");

    // The user says no: nothing moves, and another code may be scanned.
    let (_, token) = asking(&world, Some("alice")).await?;
    let asked = wallet.inspect_request(&link(&world, &token).await?, now()).await?;
    wallet.refuse_request(asked, now()).await?;
    assert!(page(&world, &token).await?.contains("not_shown"));
    assert_eq!(next(&world, &token).await?, "credential");
    world.sandbox.stop().await;
    Ok(())
}

/// What a wallet does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wrong {
    Nothing,
    Nonce,
    Audience,
    Stale,
    Forged,
    NoTemplate,
    OtherType,
    OtherScheme,
    OtherPerson,
    Revoked,
    Expired,
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credential_that_does_not_hold_is_no_reference() -> Result<()> {
    let name = "a_credential_that_does_not_hold_is_no_reference";
    let Some(models) = models(name) else { return Ok(()) };
    let person = Person::fictional(&models)?;
    let world = World::start(models.clone(), name).await?;
    let elsewhere = World::start(models, "another scheme").await?;
    let first = verified_as(&world, &person, "alice").await?;
    let own = ByHand::accept(&world, &first, "kyc-identity-sd-jwt", "own").await?;
    let pid = ByHand::accept(&world, &first, "pid-sandbox-sd-jwt", "pid").await?;
    let (foreign, _) = approved(&elsewhere, &person).await?;
    let foreign = ByHand::accept(&elsewhere, &foreign, "kyc-identity-sd-jwt", "foreign").await?;
    let rows = [
        (Wrong::Nothing, None),
        (Wrong::Nonce, Some("not_bound")),
        (Wrong::Audience, Some("not_bound")),
        (Wrong::Stale, Some("not_bound")),
        (Wrong::Forged, Some("not_bound")),
        (Wrong::NoTemplate, Some("no_template")),
        (Wrong::OtherType, Some("other_type")),
        (Wrong::OtherScheme, Some("other_issuer")),
        (Wrong::OtherPerson, Some("other_person")),
        // For good, hence after the others.
        (Wrong::Revoked, Some("revoked")),
        (Wrong::Expired, Some("not_in_date")),
    ];
    for (wrong, expected) in rows {
        match wrong {
            Wrong::Revoked => {
                let revoke = format!("v3/session/{first}/revoke/");
                world.sandbox.post(&world.sandbox.issuer, &revoke, &json!({})).await?.success()?;
            }
            Wrong::Expired => world.hands.step(Duration::from_secs(91 * 86_400)),
            _ => {}
        }
        let vendor_data = if wrong == Wrong::OtherPerson { "bob" } else { "alice" };
        let (_, token) = asking(&world, Some(vendor_data)).await?;
        let request = open(&world, &link(&world, &token).await?, &own.entropy).await?;
        let now = world.hands.clock().now();
        let mut binding = KeyBinding {
            audience: request.client_id().as_str().to_owned(),
            nonce: request.nonce().to_owned(),
            issued_at: now,
            extra: Map::new(),
        };
        match wrong {
            Wrong::Nonce => binding.nonce = "of another request".to_owned(),
            Wrong::Audience => binding.audience = "x509_hash:somebody-else".to_owned(),
            Wrong::Stale => binding.issued_at = now - Duration::from_secs(3600),
            _ => {}
        }
        let shown = match wrong {
            Wrong::OtherType => &pid,
            Wrong::OtherScheme => &foreign,
            _ => &own,
        };
        let held = Held::dangerous_reload(&shown.text)?;
        let paths = match wrong {
            Wrong::NoTemplate | Wrong::OtherType => vec![],
            _ => vec![ClaimPath::claim(TEMPLATE)],
        };
        let mut text = held.present(&paths, &binding, &shown.key)?;
        if wrong == Wrong::Forged {
            // Another signature under the key binding.
            let last = text.pop().context("a signature")?;
            text.push(if last == 'A' { 'Q' } else { 'A' });
        }
        let response = request.respond(&VpToken::of([("kyc".to_owned(), text)]), &own.entropy)?;
        let answer = Wire::send(world.sandbox.fetcher(), response.clone()).await?;
        assert_eq!(answer.status, if expected.is_some() { 400 } else { 200 }, "{wrong:?}");
        assert!(answer.body.len() < 40, "{wrong:?}: whoever posts learns no reason");
        match expected {
            None => assert_eq!(next(&world, &token).await?, "selfie"),
            Some(code) => {
                let page = page(&world, &token).await?;
                assert!(page.contains(&format!(">{code}<")), "{wrong:?}: {code}");
                assert_eq!(next(&world, &token).await?, "credential", "{wrong:?}");
            }
        }
        let again = Wire::send(world.sandbox.fetcher(), response).await?;
        assert_eq!(again.status, 404, "{wrong:?}: a request is answered once");
    }
    world.sandbox.stop().await;
    elsewhere.sandbox.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_for_a_credential_serves_once_and_for_a_while() -> Result<()> {
    let name = "a_request_for_a_credential_serves_once_and_for_a_while";
    let Some(models) = models(name) else { return Ok(()) };
    let person = Person::fictional(&models)?;
    let world = World::start(models, name).await?;
    let first = verified_as(&world, &person, "alice").await?;
    let own = ByHand::accept(&world, &first, "kyc-identity-sd-jwt", "own").await?;
    let held = Held::dangerous_reload(&own.text)?;
    let send = async |request: Request| Wire::send(world.sandbox.fetcher(), request).await;
    let answered = async |token: &str| -> Result<Request> {
        let request = open(&world, &link(&world, token).await?, &own.entropy).await?;
        let binding = KeyBinding {
            audience: request.client_id().as_str().to_owned(),
            nonce: request.nonce().to_owned(),
            issued_at: world.hands.clock().now(),
            extra: Map::new(),
        };
        let text = held.present(&[ClaimPath::claim(TEMPLATE)], &binding, &own.key)?;
        Ok(request.respond(&VpToken::of([("kyc".to_owned(), text)]), &own.entropy)?)
    };

    // Handed out once; after that only a new code helps, and the old one is worth nothing.
    let (_, token) = asking(&world, Some("alice")).await?;
    let old = link(&world, &token).await?;
    let response = answered(&token).await?;
    assert!(open(&world, &old, &own.entropy).await.is_err());
    assert_eq!(link(&world, &token).await?, old, "looking at the page again changes nothing");
    let url = world.sandbox.issuer.url.join(&format!("en/session/{token}?step=request"))?;
    world.sandbox.fetcher().get(&url, "text/html").await?;
    assert_ne!(link(&world, &token).await?, old);
    assert_eq!(send(response).await?.status, 404);

    // An answer to one session's request is none to another's, and does not end it.
    let (_, other) = asking(&world, Some("alice")).await?;
    let mut crossed = answered(&token).await?;
    let own_address = answered(&other).await?.url;
    crossed.url = own_address;
    assert_eq!(send(crossed).await?.status, 400);
    assert_eq!(live(&world, &other).await?["state"], "active");

    // Out of time.
    let (_, token) = asking(&world, Some("alice")).await?;
    let response = answered(&token).await?;
    world.hands.step(Duration::from_secs(301));
    assert_eq!(send(response).await?.status, 404);
    assert_eq!(next(&world, &token).await?, "credential");

    // Shown, then revoked before the selfie: worth nothing any more.
    let (id, token) = asking(&world, Some("alice")).await?;
    let response = answered(&token).await?;
    assert_eq!(send(response).await?.status, 200);
    let revoke = format!("v3/session/{first}/revoke/");
    world.sandbox.post(&world.sandbox.issuer, &revoke, &json!({})).await?.success()?;
    assert_eq!(selfie(&world, &token, &person.second_selfie).await?, 410);
    assert_ne!(decision(&world, &id).await?["status"], "Approved");
    world.sandbox.stop().await;
    Ok(())
}
