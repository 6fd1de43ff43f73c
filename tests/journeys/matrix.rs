//! Wallet against verifier over HTTP: under every client identifier prefix, in both response modes, as SD-JWT VC, as mdoc and
//! as both at once, by `GET` and by `POST`; the wallet's own rule about answers in the clear among them.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use warifu_cli::demo::Person;
use warifu_openid4vc::vp::client_id::Prefix;
use warifu_tests::{World, models};
use warifu_wallet::consent::{Asked as _, Ready};
use warifu_wallet::store::{AnswerRule, Settings};

use crate::refusals::{approved, offer, state};

const NAMESPACE: &str = "org.warifu.kyc.1";

/// What is asked: its name, the query, and how many credentials answer it.
fn asks(world: &World) -> Result<[(&'static str, Value, usize); 3]> {
    let vct = world.sandbox.issuer.url.join("vct/kyc-identity/1")?;
    let sd_jwt_vc = json!({"id": "vc", "format": "dc+sd-jwt", "meta": {"vct_values": [vct]},
        "claims": [{"path": ["family_name"]}, {"path": ["birthdate"]}]});
    let mdoc = json!({"id": "mdoc", "format": "mso_mdoc", "meta": {"doctype_value": NAMESPACE},
        "claims": [{"path": [NAMESPACE, "family_name"]}]});
    Ok([
        ("SD-JWT VC", json!({"credentials": [sd_jwt_vc]}), 1),
        ("mdoc", json!({"credentials": [mdoc]}), 1),
        ("both", json!({"credentials": [sd_jwt_vc, mdoc]}), 2),
    ])
}

/// Asks, answers, and gives what the partner's server sees.
async fn answered(world: &World, wanted: &Value) -> Result<Value> {
    let wallet = &world.sandbox.wallet;
    let now = world.hands.clock().now();
    let created = world.sandbox.post(&world.sandbox.partners[0], "v1/requests", wanted).await?.expect(201)?;
    let text = |name: &str| created[name].as_str().context("a member");
    let asked = wallet.inspect_request(text("link")?, now).await?;
    ensure!(asked.question().asker.name == "Bank A", "{:?}", asked.question().asker);
    let consent = asked.question().agree(now);
    wallet.present(Ready::agreed(asked, consent, now)?, now).await?;
    state(world, text("request_id")?).await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_prefix_every_mode_every_format() -> Result<()> {
    let name = "every_prefix_every_mode_every_format";
    let Some(models) = models(name) else { return Ok(()) };
    let person = Person::fictional(&models)?;
    let world = World::start(models, name).await?;
    let wallet = &world.sandbox.wallet;
    let (session, _) = approved(&world, &person).await?;
    let (link, code) = offer(&world, &session).await?;
    wallet.accept(&link, Some(&code), world.hands.clock().now()).await?;
    let settings = wallet.settings()?;
    wallet.set_settings(Settings { answers: AnswerRule::AsAsked, ..settings.clone() })?;
    let mut passed = 0;
    for prefix in Prefix::ALL {
        for mode in ["direct_post", "direct_post.jwt"] {
            for (format, query, count) in asks(&world)? {
                // What nobody signs has no request object to post for.
                let methods = if prefix.is_signed() { &["get", "post"][..] } else { &["get"] };
                for method in methods {
                    let cell = format!("{} {mode} {format} {method}", prefix.name());
                    let wanted = json!({
                        "dcql_query": query, "client_id_prefix": prefix.name(), "response_mode": mode,
                        "request_uri_method": method,
                    });
                    let result = answered(&world, &wanted).await.with_context(|| cell.clone())?;
                    ensure!(result["state"] == "accepted", "{cell}: {result}");
                    let shown = result["presentations"].as_array().context("presentations")?;
                    ensure!(shown.len() == count, "{cell}: {result}");
                    let checks = result["checks"].as_array().context("checks")?;
                    let held = |check: &Value| check["outcome"] == "pass" || check["name"] == "selfie_reauth";
                    ensure!(checks.len() == 10 && checks.iter().all(held), "{cell}: {result}");
                    passed += 1;
                }
            }
        }
    }
    assert_eq!(passed, 4 * 2 * 3 * 2 + 2 * 3);

    // Without a word of the user nothing leaves in the clear, whoever asks.
    wallet.set_settings(settings)?;
    let [(_, query, _), ..] = asks(&world)?;
    let wanted = json!({"dcql_query": query, "response_mode": "direct_post"});
    let created = world.sandbox.post(&world.sandbox.partners[0], "v1/requests", &wanted).await?.expect(201)?;
    let link = created["link"].as_str().context("a link")?;
    let refused = wallet.inspect_request(link, world.hands.clock().now()).await.expect_err("in the clear");
    assert_eq!(refused.code(), "answer_not_encrypted");
    world.sandbox.stop().await;
    Ok(())
}
