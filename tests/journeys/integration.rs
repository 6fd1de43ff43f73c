//! What an integrator does, call by call, with nothing but HTTP and JSON: verify, be told, read, verify again by a selfie,
//! share, import. Once in the words of the product page, once in those of the API that it mirrors.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context as _, Result};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method};
use axum::routing::post;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use url::Url;
use warifu_cli::demo::Person;
use warifu_server::run::{Limits, Listener};
use warifu_session::webhook::{Received, Text, WebhookSecret, canonical};
use warifu_tests::{World, models};

/// How a share is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Words {
    /// `audience`, `expires_in`.
    ProductPage,
    /// `for_application_id`, `ttl_in_seconds`.
    MirroredApi,
    /// `partner_client_id`, and nothing about time.
    Tools,
}

impl Words {
    fn request(self) -> Value {
        match self {
            Self::ProductPage => json!({ "audience": "partner-b", "expires_in": 900 }),
            Self::MirroredApi => json!({ "for_application_id": "partner-b", "ttl_in_seconds": 3600 }),
            Self::Tools => json!({ "partner_client_id": "partner-b" }),
        }
    }

    fn seconds(self) -> i64 {
        match self {
            Self::ProductPage | Self::Tools => 900,
            Self::MirroredApi => 3600,
        }
    }
}

/// One call as a client makes it: an address, a key, JSON in and out.
async fn call(world: &World, method: Method, url: &Url, key: &str, body: &Value) -> Result<(u16, Value)> {
    let headers = [("x-api-key", key), ("content-type", "application/json")];
    let body = if method == Method::GET { Vec::new() } else { serde_json::to_vec(body)? };
    let answer = world.sandbox.fetcher().send(method, url, &headers, body).await?;
    Ok((answer.status.as_u16(), serde_json::from_slice(&answer.body).unwrap_or(Value::Null)))
}

type Mail = Arc<Mutex<Vec<(HeaderMap, Bytes)>>>;

#[tokio::test(flavor = "multi_thread")]
async fn the_six_steps_of_an_integration() -> Result<()> {
    let name = "the_six_steps_of_an_integration";
    let Some(models) = models(name) else { return Ok(()) };
    let person = Person::fictional(&models)?;
    let world = World::start(models, name).await?;
    let (issuer, partner) = (&world.sandbox.issuer, &world.sandbox.partners[1]);
    let key = issuer.api_key.as_str();
    let post_to = async |path: &str, body: Value| call(&world, Method::POST, &issuer.url.join(path)?, key, &body).await;
    let read = async |path: &str| call(&world, Method::GET, &issuer.url.join(path)?, key, &Value::Null).await;
    let mail = Mail::default();
    let hook = async |State(mail): State<Mail>, headers: HeaderMap, body: Bytes| {
        mail.lock().unwrap().push((headers, body));
    };
    let router = Router::new().route("/hook", post(hook)).with_state(Arc::clone(&mail));
    let receiver = Listener::bind("127.0.0.1:0".parse()?).await?.spawn(router, Limits::default());
    let hook = json!({
        "label": "integration", "url": format!("http://{}/hook", receiver.address()), "subscribed_events": ["status.updated"],
    });
    let (status, destination) = post_to("v3/webhook/destinations/", hook).await?;
    assert_eq!(status, 201, "{destination}");
    let secret = WebhookSecret::from_text(destination["secret_shared_key"].as_str().context("a secret")?);

    for (at, words) in [Words::ProductPage, Words::MirroredApi, Words::Tools].into_iter().enumerate() {
        let vendor_data = format!("user-{at}");
        // 1. A session, with and without the slash at the end.
        let path = if at == 0 { "v3/session/" } else { "v3/session" };
        let wanted = json!({
            "workflow_id": "wf_first_verification", "vendor_data": vendor_data, "callback": "https://app.example/done",
        });
        let (status, created) = post_to(path, wanted).await?;
        assert_eq!((status, created["status"].as_str()), (201, Some("Not Started")), "{created}");
        let (id, token) = (created["session_id"].as_str().unwrap(), created["session_token"].as_str().unwrap());
        assert!(created["url"].as_str().unwrap().ends_with(&format!("/en/session/{token}")));
        world.sandbox.upload(&format!("session/{token}/document"), &person.document).await?.success()?;
        world.sandbox.upload(&format!("session/{token}/selfie"), &person.selfie).await?.success()?;

        // 2. The webhook: over the raw bytes, and over the canonical form of what was read.
        let approved = async {
            loop {
                let found = mail.lock().unwrap().iter().find_map(|(headers, body)| {
                    let event: Value = serde_json::from_slice(body).ok()?;
                    let ours = event["session_id"] == id && event["status"] == "Approved";
                    ours.then(|| (headers.clone(), body.clone(), event))
                });
                match found {
                    Some(found) => return found,
                    None => tokio::time::sleep(Duration::from_millis(20)).await,
                }
            }
        };
        let (headers, body, event) = tokio::time::timeout(Duration::from_secs(60), approved).await?;
        let received = headers.iter().fold(Received::new(&body), |received, (name, value)| {
            received.header(name.as_str(), value.to_str().unwrap_or_default())
        });
        let findings = received.findings(&secret, world.hands.clock().now());
        assert_eq!((&findings.raw, &findings.canonical, &findings.simple), (&Ok(()), &Ok(()), &Ok(())));
        assert_eq!(canonical(&event, Text::Utf8).as_bytes(), &body[..], "the bytes are the canonical form");
        assert_eq!(event["vendor_data"], json!(vendor_data));

        // 3. The decision, in both generations.
        let (status, decision) = read(&format!("v3/session/{id}/decision/")).await?;
        assert_eq!((status, decision["status"].as_str()), (200, Some("Approved")));
        assert_eq!(decision["id_verifications"][0]["status"], "Approved");
        let (_, singular) = read(&format!("v3/session/{id}/decision/?version=v2")).await?;
        assert_eq!(singular["id_verification"]["first_name"], decision["id_verifications"][0]["first_name"]);

        // 4. The same person by a selfie alone; nobody else's name will do.
        let reuse = |who: &str| json!({ "workflow_id": "wf_reusable_kyc", "vendor_data": who });
        let (status, again) = post_to("v3/session/", reuse(&vendor_data)).await?;
        assert_eq!(status, 201, "{again}");
        let token = again["session_token"].as_str().unwrap();
        world.sandbox.upload(&format!("session/{token}/selfie"), &person.second_selfie).await?.success()?;
        let reused = again["session_id"].as_str().unwrap();
        let (_, recognised) = read(&format!("v3/session/{reused}/decision/")).await?;
        assert_eq!(recognised["status"], "Approved", "{recognised}");
        assert_eq!(recognised["face_matches"][0]["source_image_session_id"], id);
        let (status, refused) = post_to("v3/session/", reuse("nobody")).await?;
        assert!(status == 400 && refused.to_string().contains("NO_REFERENCE_IMAGE"), "{refused}");

        // 5. A share: only with the person's consent.
        let share = format!("v3/session/{id}/share/");
        assert_eq!(post_to(&share, words.request()).await?.0, 403, "without consent");
        let consent = json!({ "audience": "partner-b", "purpose": "onboarding", "scope": ["kyc"] });
        let token = created["session_token"].as_str().unwrap();
        let url = issuer.url.join(&format!("session/{token}/consent"))?;
        let headers = [("accept", "application/json")];
        let answer = world.sandbox.fetcher().post_json(&url, &consent, &headers).await?;
        assert!(answer.status.is_success(), "{}", String::from_utf8_lossy(&answer.body));
        let (status, shared) = post_to(&share, words.request()).await?;
        assert_eq!(status, 200, "{shared}");
        let kind = if words == Words::ProductPage { "kyc" } else { "user" };
        assert_eq!(shared["session_kind"], kind, "{words:?}");
        let expires: jiff::Timestamp = shared["expires_at"].as_str().unwrap().parse()?;
        assert_eq!(expires.as_second() - world.hands.clock().now().as_second(), words.seconds(), "{words:?}");

        // 6. The import: once, of 64 at the same time.
        let import = partner.url.join("v3/session/import-shared/")?;
        let body = json!({ "share_token": shared["share_token"], "trust_review": at != 2, "vendor_data": vendor_data });
        let stranger = call(&world, Method::POST, &import, "no key", &body).await?;
        assert!(matches!(stranger.0, 401 | 403), "{stranger:?}");
        let fetcher = world.sandbox.fetcher();
        let mut racing = JoinSet::new();
        for _ in 0..64 {
            let (fetcher, url, key, body) = (fetcher.clone(), import.clone(), partner.api_key.clone(), body.clone());
            racing.spawn(async move {
                let answer = fetcher.post_json(&url, &body, &[("x-api-key", key.as_str())]).await;
                answer.map(|answer| (answer.status.as_u16(), answer.body))
            });
        }
        let answers = racing.join_all().await.into_iter().collect::<Result<Vec<_>, _>>()?;
        let (won, lost): (Vec<_>, Vec<_>) = answers.into_iter().partition(|(status, _)| *status == 201);
        assert_eq!((won.len(), lost.len()), (1, 63), "{words:?}");
        assert!(lost.iter().all(|(status, _)| *status == 403), "{words:?}");
        let imported: Value = serde_json::from_slice(&won[0].1)?;
        assert_eq!(imported["shared_from_session"], id);
        assert_eq!(imported["status"], if at == 2 { "In Review" } else { "Approved" });
        assert_eq!(imported["vendor_data"], json!(vendor_data));
        assert_eq!(imported["decision"], Value::Null, "the members of the decision stand at the top");
        assert_eq!(imported["id_verifications"][0]["first_name"], decision["id_verifications"][0]["first_name"]);
    }

    // What happened stands in the log, provably.
    let (status, log) = read("v3/audit/entries?from=0&to=1000").await?;
    assert_eq!(status, 200, "{log}");
    assert!(log.to_string().contains("share.created"), "{log}");
    receiver.stop().await;
    world.sandbox.stop().await;
    Ok(())
}
