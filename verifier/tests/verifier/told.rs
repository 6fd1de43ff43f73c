//! What the partner's server is told: by webhook and by server-sent events.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::routing::post;
use serde_json::{Value, json};
use warifu_openid4vc::vp::response::ErrorCode;
use warifu_server::run::{Limits, Listener, Running};
use warifu_session::webhook::{Received, WebhookSecret};
use warifu_verifier::http::Rates;
use warifu_verifier::webhook::Destination;

use crate::world::{API_KEY, World, asked, policy};

const SECRET: &str = "a secret of the partner's server";

/// One delivery: its headers and its body.
type Told = (Vec<(String, String)>, Bytes);

/// A server of the partner: what it was told, and what it answers next.
struct Partner {
    told: Arc<Mutex<Vec<Told>>>,
    answers: Arc<Mutex<StatusCode>>,
    destination: Destination,
    _running: Running,
}

impl Partner {
    async fn start() -> Self {
        let told: Arc<Mutex<Vec<_>>> = Arc::default();
        let answers = Arc::new(Mutex::new(StatusCode::OK));
        let (hear, answer) = (Arc::clone(&told), Arc::clone(&answers));
        let hook = async move |headers: HeaderMap, body: Bytes| {
            let text = |(name, value): (&axum::http::HeaderName, &axum::http::HeaderValue)| {
                (name.to_string(), value.to_str().unwrap().to_owned())
            };
            hear.lock().unwrap().push((headers.iter().map(text).collect(), body));
            *answer.lock().unwrap()
        };
        let listener = Listener::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let url = format!("http://127.0.0.1:{}/hook", listener.address().port()).parse().unwrap();
        let running = listener.spawn(Router::new().route("/hook", post(hook)), Limits::default());
        let destination = Destination { url, secret: WebhookSecret::from_text(SECRET) };
        Self { told, answers, destination, _running: running }
    }

    /// What it was told since it was asked last, each verified.
    fn heard(&self, world: &World) -> Vec<Value> {
        let told = std::mem::take(&mut *self.told.lock().unwrap());
        let verified = |(headers, body): &Told| {
            let received = headers.iter().fold(Received::new(body), |it, (name, value)| it.header(name, value));
            let other = received.verify(&WebhookSecret::from_text("another secret"), world.now());
            assert!(other.is_err());
            Value::Object(received.verify(&WebhookSecret::from_text(SECRET), world.now()).unwrap())
        };
        told.iter().map(verified).collect()
    }
}

async fn told_world(seed: &str) -> (World, Partner) {
    let partner = Partner::start().await;
    let destination = partner.destination.clone();
    let world = World::configured(seed, Rates::SANDBOX, |config| config.webhook = Some(destination)).await;
    (world, partner)
}

#[tokio::test]
async fn the_end_of_a_request_is_told_once_and_without_values() {
    let (world, partner) = told_world("told").await;
    let (id, link) = world.ask(policy("identity")).await;
    let request = world.open(&link).await;
    assert_eq!(world.verifier.deliver_due().await.unwrap(), 0, "it goes on");
    let presentation = world.wallet.present(&asked(), &world.binding(&request));
    world.respond(&request, presentation).await;
    assert_eq!(world.verifier.deliver_due().await.unwrap(), 1);
    let heard = partner.heard(&world);
    let [event] = &heard[..] else { panic!("{heard:?}") };
    assert_eq!(
        (&event["webhook_type"], &event["request_id"], &event["status"], &event["policy"]),
        (&json!("request.updated"), &json!(id), &json!("accepted"), &json!("identity"))
    );
    assert!(!event.to_string().contains("ERIKSSON"));
    assert_eq!(world.verifier.deliver_due().await.unwrap(), 0);

    let (id, link) = world.ask(policy("identity")).await;
    let request = world.open(&link).await;
    world.carry(&request.refuse(ErrorCode::AccessDenied)).await;
    assert_eq!(world.verifier.deliver_due().await.unwrap(), 1);
    let heard = partner.heard(&world);
    assert_eq!((&heard[0]["request_id"], &heard[0]["status"]), (&json!(id), &json!("denied")));
}

#[tokio::test]
async fn what_is_not_taken_is_told_again_and_then_no_more() {
    let (world, partner) = told_world("again").await;
    let (_, link) = world.ask(policy("identity")).await;
    let request = world.open(&link).await;
    world.carry(&request.refuse(ErrorCode::AccessDenied)).await;
    *partner.answers.lock().unwrap() = StatusCode::SERVICE_UNAVAILABLE;
    // After a restart another process tells it.
    let restarted = world.restarted();
    assert_eq!(restarted.deliver_due().await.unwrap(), 1);
    assert_eq!(world.verifier.deliver_due().await.unwrap(), 0, "not before its time");
    let first = partner.heard(&world);
    world.hands.step(Duration::from_secs(61));
    assert_eq!(world.verifier.deliver_due().await.unwrap(), 1);
    let second = partner.heard(&world);
    assert_eq!(first[0]["event_id"], second[0]["event_id"]);
    assert_ne!(first[0]["timestamp"], second[0]["timestamp"]);
    world.hands.step(Duration::from_secs(241));
    assert_eq!(world.verifier.deliver_due().await.unwrap(), 1);
    world.hands.step(Duration::from_secs(24 * 3600));
    assert_eq!(world.verifier.deliver_due().await.unwrap(), 0);
}

#[tokio::test]
async fn whoever_watches_sees_every_state_until_the_end() {
    let world = World::new("watched").await;
    let (id, link) = world.ask(policy("identity")).await;
    let path = format!("v1/requests/{id}/events");
    let stranger = world.send(Method::GET, &path, &[("x-api-key", "other")], Vec::new()).await;
    assert_eq!(stranger.status, 403);
    let unknown = world.send(Method::GET, "v1/requests/nothing/events", &[("x-api-key", API_KEY)], Vec::new()).await;
    assert_eq!(unknown.status, 404);
    let goes_on = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let request = world.open(&link).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        let presentation = world.wallet.present(&asked(), &world.binding(&request));
        world.respond(&request, presentation).await;
    };
    let (watched, ()) = tokio::join!(world.get(&path), goes_on);
    assert_eq!(watched.header("content-type"), "text/event-stream");
    let data = watched.text.lines().filter_map(|line| line.strip_prefix("data: "));
    let states: Vec<Value> = data.map(|data| serde_json::from_str(data).unwrap()).collect();
    let words: Vec<_> = states.iter().map(|state| state["state"].as_str().unwrap()).collect();
    assert_eq!(words, ["waiting", "opened", "accepted"]);
    assert!(!watched.text.contains("ERIKSSON"));
    let after = world.get(&path).await;
    assert_eq!(after.text.matches("data: ").count(), 1, "what has ended is said once");
}
