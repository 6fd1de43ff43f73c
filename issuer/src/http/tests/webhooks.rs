//! Webhooks: from the change of a session to the receiver, who verifies every byte.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use axum::extract::State;
use axum::http::HeaderMap;
use axum::routing::post;
use tokio::sync::Notify;
use warifu_server::run::{Listener, Running};
use warifu_session::webhook::{Received, WebhookSecret};
use warifu_store::Query;

use super::*;

/// A receiver on this machine.
pub(super) struct Sink {
    pub(super) url: String,
    memory: Memory,
    _running: Running,
}

#[derive(Clone, Default)]
struct Memory {
    got: Arc<Mutex<Vec<Got>>>,
    /// What it answers next; 200 when nothing is left.
    answers: Arc<Mutex<VecDeque<u16>>>,
    came: Arc<Notify>,
}

#[derive(Clone)]
pub(super) struct Got {
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Got {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(super) fn event(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    fn received(&self) -> Received<'_> {
        self.headers.iter().fold(Received::new(&self.body), |received, (name, value)| {
            received.header(name.as_str(), value.to_str().unwrap())
        })
    }
}

impl Sink {
    pub(super) async fn new() -> Self {
        let memory = Memory::default();
        let keep = |memory: &Memory, headers, body: axum::body::Bytes| {
            memory.got.lock().unwrap_or_else(PoisonError::into_inner).push(Got { headers, body: body.to_vec() });
            memory.came.notify_one();
        };
        let router = axum::Router::new()
            .route(
                "/hook",
                post(async move |State(memory): State<Memory>, headers: HeaderMap, body: axum::body::Bytes| {
                    keep(&memory, headers, body);
                    let status = memory.answers.lock().unwrap().pop_front().unwrap_or(200);
                    (StatusCode::from_u16(status).unwrap(), [("location", "/elsewhere")], "thank you, ERIKSSON")
                }),
            )
            .route(
                "/silent",
                post(async move |State(memory): State<Memory>, headers: HeaderMap, body: axum::body::Bytes| {
                    keep(&memory, headers, body);
                    std::future::pending::<StatusCode>().await
                }),
            )
            .with_state(memory.clone());
        let limits = run::Limits { drain_within: Duration::ZERO, ..run::Limits::default() };
        let running = Listener::bind("127.0.0.1:0".parse().unwrap()).await.unwrap().spawn(router, limits);
        Self { url: format!("http://{}/hook", running.address()), memory, _running: running }
    }

    fn answers(&self, statuses: &[u16]) {
        self.memory.answers.lock().unwrap().extend(statuses);
    }

    fn got(&self) -> Vec<Got> {
        self.memory.got.lock().unwrap().clone()
    }

    /// Takes what came since the last time.
    pub(super) fn take(&self) -> Vec<Got> {
        std::mem::take(&mut *self.memory.got.lock().unwrap())
    }

    async fn wait_for(&self, count: usize) {
        let enough = async {
            while self.got().len() < count {
                self.memory.came.notified().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), enough).await.expect("nothing came");
    }
}

impl World {
    /// A destination for both types of session events; its identifier and secret.
    pub(super) async fn destination(&self, url: &str) -> (String, WebhookSecret) {
        let body = json!({ "label": "x", "url": url, "subscribed_events": ["status.updated", "data.updated"] });
        let made = self.api("POST", "/v3/webhook/destinations/", body).await;
        assert_eq!(made.status, 201, "{}", made.text());
        let made = made.json();
        let secret = made["secret_shared_key"].as_str().unwrap();
        assert_eq!(secret.len(), 43);
        (made["uuid"].as_str().unwrap().to_owned(), WebhookSecret::from_text(secret))
    }

    pub(super) async fn deliver(&self) -> usize {
        self.issuer.deliver_due().await.unwrap()
    }

    async fn log(&self, destination: &str) -> Vec<Value> {
        let path = format!("/v3/webhook/destinations/{destination}/deliveries/");
        self.api("GET", &path, json!({})).await.json()["results"].as_array().unwrap().clone()
    }
}

#[tokio::test]
async fn events_come_in_order_and_verify_by_raw_bytes_and_canonical_form() {
    let (world, sink) = (World::new(), Sink::new().await);
    let (destination, secret) = world.destination(&sink.url).await;
    let body = json!({ "vendor_data": "山田-7", "metadata": { "k": [1.0, 2.5, true, null, {}], "/": "\u{7f}" } });
    let created = world.api("POST", "/v3/session/", body).await.json();
    world.approve(created["session_token"].as_str().unwrap()).await;
    assert_eq!(world.deliver().await, 2);
    let got = sink.take();
    let statuses: Vec<Value> = got.iter().map(|got| got.event()["status"].clone()).collect();
    assert_eq!(statuses, ["Not Started", "Approved"]);
    for (got, sequence) in got.iter().zip(1..) {
        let findings = got.received().findings(&secret, world.now());
        assert_eq!((findings.raw, findings.canonical), (Ok(()), Ok(())));
        assert_eq!((findings.simple, findings.time), (Ok(()), Ok(())));
        assert_eq!(got.header("x-signature"), got.header("x-signature-v2"));
        assert_eq!(got.header("user-agent"), "Warifu-Webhook/1");
        assert_eq!(got.header("content-type"), "application/json");
        assert_eq!(got.header("x-didit-test-webhook"), "");
        let event = got.event();
        assert_eq!(event["sequence"], sequence);
        assert_eq!(event["session_id"], created["session_id"]);
        assert_eq!(event["webhook_type"], "status.updated");
        assert_eq!((&event["vendor_data"], &event["environment"]), (&json!("山田-7"), &json!("sandbox")));
        // Numbers of whole value are whole ones: that is the canonical form.
        assert_eq!(event["metadata"], json!({ "k": [1, 2.5, true, null, {}], "/": "\u{7f}" }));
        let other = got.received().verify(&WebhookSecret::from_text("another"), world.now());
        assert!(other.is_err());
    }
    let [open, approved] = [got[0].event(), got[1].event()];
    assert_eq!(open.get("decision"), None);
    assert_eq!(approved["decision"]["status"], "Approved");
    assert!(approved["decision"]["id_verifications"][0]["last_name"].as_str().unwrap().contains("ERIKSSON"));
    assert_ne!(open["event_id"], approved["event_id"]);
    // Nothing is sent twice, and the log and the sums say what was.
    assert_eq!(world.deliver().await, 0);
    let log = world.log(&destination).await;
    assert_eq!(log.len(), 2);
    assert_eq!((&log[0]["delivered"], &log[0]["status_code"]), (&json!(true), &json!(200)));
    let path = format!("/v3/webhook/destinations/{destination}/");
    let row = world.api("GET", &path, json!({})).await.json();
    assert_eq!(row["summary"]["total_deliveries"], 2);
    assert_eq!(row["summary"]["error_rate_percentage"], 0.0);
    assert_eq!(row.get("secret_shared_key"), None, "shown once");
}

#[tokio::test]
async fn a_decision_in_the_shape_that_was_asked_for() {
    let (world, sink) = (World::new(), Sink::new().await);
    let body = json!({ "url": sink.url, "webhook_version": "v2", "subscribed_events": ["status.updated"] });
    assert_eq!(world.api("POST", "/v3/webhook/destinations", body).await.status, 201);
    world.approved().await;
    world.deliver().await;
    let decision = &sink.take()[1].event()["decision"];
    assert_eq!(decision["id_verification"]["status"], "Approved");
    assert_eq!(decision.get("id_verifications"), None);
}

#[tokio::test]
async fn a_failure_is_tried_again_after_one_and_four_minutes() {
    let (world, sink) = (World::new(), Sink::new().await);
    let (destination, secret) = world.destination(&sink.url).await;
    sink.answers(&[503, 404, 500]);
    world.session().await;
    let first = world.now();
    let mut ids = Vec::new();
    let mut attempt_at = async |seconds: u64, expected: usize| {
        world.hands.set(first + Duration::from_secs(seconds));
        assert_eq!(world.deliver().await, expected, "after {seconds} seconds");
        for got in sink.take() {
            // Signed anew: the last attempt comes more than five minutes after the event.
            got.received().verify(&secret, world.now()).unwrap();
            ids.push(got.event()["event_id"].clone());
        }
    };
    attempt_at(0, 1).await;
    attempt_at(59, 0).await;
    attempt_at(60, 1).await;
    attempt_at(299, 0).await;
    attempt_at(301, 1).await;
    attempt_at(100_000, 0).await;
    assert_eq!(ids.len(), 3);
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    let log = world.log(&destination).await;
    let told: Vec<_> = log.iter().map(|row| (row["status_code"].clone(), row["attempt"].clone())).collect();
    assert_eq!(told, [(json!(500), json!(3)), (json!(404), json!(2)), (json!(503), json!(1))]);
    assert_eq!(log[0]["next_attempt_at"], Value::Null);
    assert_eq!(log[0]["response_body"], "thank you, ERIKSSON");
    // Dropped, and kept for whoever asks: the same event again.
    let path =
        format!("/v3/webhook/destinations/{destination}/deliveries/{}/replay/", log[2]["uuid"].as_str().unwrap());
    let queued = world.api("POST", &path, json!({})).await;
    assert_eq!((queued.status, &queued.json()["event_id"]), (202, &ids[0]));
    assert_eq!(world.deliver().await, 1);
    let again = sink.take();
    again[0].received().verify(&secret, world.now()).unwrap();
    assert_eq!((&again[0].event()["event_id"], &again[0].event()["sequence"]), (&ids[0], &json!(1)));
    // And once more, although it was taken.
    assert_eq!(world.api("POST", &path, json!({})).await.status, 202);
    assert_eq!(world.deliver().await, 1);
    let nobody = format!("/v3/webhook/destinations/{destination}/deliveries/{}/replay/", Uuid::nil());
    assert_eq!(world.api("POST", &nobody, json!({})).await.status, 404);
}

#[tokio::test]
async fn a_refusal_or_redirect_is_final() {
    let (world, sink) = (World::new(), Sink::new().await);
    let (destination, _) = world.destination(&sink.url).await;
    for (count, status) in [301, 302, 307, 400, 401, 403, 410, 429].into_iter().enumerate() {
        sink.answers(&[status]);
        world.session().await;
        assert_eq!(world.deliver().await, 1);
        world.hands.step(Duration::from_secs(3600));
        assert_eq!(world.deliver().await, 0, "{status} is not tried again");
        assert_eq!(sink.got().len(), count + 1, "{status} leads nowhere");
    }
    assert_eq!(world.log(&destination).await.len(), 8);
}

#[tokio::test]
async fn an_unreachable_receiver_is_tried_again() {
    let world = World::new();
    let closed = Listener::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let (destination, _) = world.destination(&format!("http://{}/hook", closed.address())).await;
    drop(closed);
    world.session().await;
    assert_eq!(world.deliver().await, 1);
    let log = world.log(&destination).await;
    assert_eq!((&log[0]["error"], &log[0]["delivered"]), (&json!("unreachable"), &json!(false)));
    world.hands.step(Duration::from_secs(60));
    assert_eq!(world.deliver().await, 1);
}

#[tokio::test]
async fn a_receiver_that_never_answers_holds_up_nobody() {
    let (world, sink, silent) = (World::new(), Sink::new().await, Sink::new().await);
    world.destination(&sink.url).await;
    world.destination(&silent.url.replace("/hook", "/silent")).await;
    for _ in 0..80 {
        world.session().await;
    }
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let courier = tokio::spawn(Arc::clone(&world.issuer).deliver_webhooks(async {
        let _ = stopped.await;
    }));
    sink.wait_for(80).await;
    // As many as there are places, and not one of them has been answered.
    assert!((1..80).contains(&silent.got().len()), "{}", silent.got().len());
    courier.abort();
    drop(stop);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_couriers_never_send_the_same_row() {
    let (world, sink) = (World::new(), Sink::new().await);
    world.destination(&sink.url).await;
    for _ in 0..150 {
        world.session().await;
    }
    let (a, b) = tokio::join!(world.issuer.deliver_due(), world.issuer.deliver_due());
    // One of them may see nothing left while the other still sends.
    assert_eq!(a.unwrap() + b.unwrap() + world.deliver().await, 150);
    let mut count: HashMap<String, u32> = HashMap::new();
    for got in sink.got() {
        *count.entry(got.event()["event_id"].to_string()).or_default() += 1;
    }
    assert_eq!(count.len(), 150);
    assert!(count.values().all(|times| *times == 1), "{count:?}");
}

/// What is to be said of a person lies sealed, and is gone with the person's key; that something happened is still told.
#[tokio::test]
async fn erasure_reaches_what_is_still_to_be_sent() {
    let (world, sink) = (World::new(), Sink::new().await);
    let (destination, secret) = world.destination(&sink.url).await;
    let created =
        world.api("POST", "/v3/session/", json!({ "vendor_data": "u-7", "metadata": { "a": "b" } })).await.json();
    world.approve(created["session_token"].as_str().unwrap()).await;
    sink.answers(&[500, 500]);
    assert_eq!(world.deliver().await, 2);
    assert!(sink.take()[1].event()["decision"].is_object());
    for collection in ["webhook_events", "webhook_outbox", "webhook_deliveries"] {
        let page = world.issuer.store.scan(collection, &Query::all()).await.unwrap();
        assert_eq!(page.items.len(), 2, "{collection}");
        for record in page.items {
            let text = String::from_utf8_lossy(&record.body).into_owned();
            for personal in ["ERIKSSON", "u-7", "L898902C3", "thank you"] {
                assert!(!text.contains(personal), "{personal} in {collection}");
            }
        }
    }
    assert_eq!(world.log(&destination).await[0]["response_body"], "thank you, ERIKSSON");
    let id = created["session_id"].as_str().unwrap();
    assert_eq!(world.api("DELETE", &format!("/v3/session/{id}/delete/"), json!({})).await.status, 200);
    world.hands.step(Duration::from_secs(60));
    assert_eq!(world.deliver().await, 2);
    for got in sink.take() {
        let event = got.received().verify(&secret, world.now()).unwrap();
        assert_eq!((event["session_id"].as_str(), &event["vendor_data"]), (Some(id), &Value::Null));
        assert_eq!((event.get("decision"), &event["metadata"]), (None, &Value::Null));
    }
    assert_eq!(world.log(&destination).await[2]["response_body"], Value::Null, "the excerpt is gone too");
}

/// The process dies while a receiver has the event and has not answered: nothing that was acknowledged to a client is lost,
/// and the receiver can tell that it is the same event.
#[tokio::test(flavor = "multi_thread")]
async fn an_event_survives_the_death_of_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let models = World::new().issuer.models.clone();
    let open = |seed: &str| {
        let store = warifu_store::redb::open(folder.path().join("records.redb")).unwrap();
        World::on(store, Seeded::dangerous_new(seed), models.clone(), "http://127.0.0.1:1", None)
    };
    let sink = Sink::new().await;
    let world = open("before");
    let (destination, _) = world.destination(&sink.url.replace("/hook", "/silent")).await;
    world.session().await;
    let courier = tokio::spawn(Arc::clone(&world.issuer).deliver_webhooks(std::future::pending()));
    sink.wait_for(1).await;
    // Acknowledged after the courier's claim, and never looked at by it.
    courier.abort();
    let _ = courier.await;
    world.session().await;
    drop(world);

    let world = open("after");
    let change = json!({ "url": sink.url });
    let path = format!("/v3/webhook/destinations/{destination}/");
    assert_eq!(world.api("PATCH", &path, change).await.status, 200);
    // The claim of the dead one still stands, so the first event is not sent by two.
    assert_eq!(world.deliver().await, 1);
    world.hands.step(Duration::from_secs(31));
    assert_eq!(world.deliver().await, 1);
    let got = sink.take();
    let ids: Vec<Value> = got.iter().map(|got| got.event()["event_id"].clone()).collect();
    assert_eq!(ids.len(), 3);
    assert_eq!(ids[0], ids[2], "the same event");
    assert_ne!(ids[0], ids[1]);
    assert_eq!(world.deliver().await, 0);
}

#[tokio::test]
async fn refusals_by_row() {
    let (world, sink) = (World::new(), Sink::new().await);
    let good = json!({ "url": sink.url, "subscribed_events": ["status.updated"] });
    let check = async |change: Value, field: &str| {
        let mut body = good.clone();
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let answer = world.api("POST", "/v3/webhook/destinations/", body.clone()).await;
        assert_eq!(answer.status, 400, "{body}: {}", answer.text());
        assert!(answer.json()[field].is_array(), "{body}: {}", answer.text());
    };
    check(json!({ "subscribed_events": [] }), "subscribed_events").await;
    check(json!({ "subscribed_events": ["*"] }), "subscribed_events").await;
    check(json!({ "subscribed_events": "status.updated" }), "subscribed_events").await;
    check(json!({ "webhook_version": "v4" }), "webhook_version").await;
    check(json!({ "enabled": "yes" }), "enabled").await;
    check(json!({ "label": "x".repeat(101) }), "label").await;
    let addresses = [
        "",
        "x",
        "ftp://example.com/",
        "file:///etc/passwd",
        "http://example.com/",
        "https://10.0.0.1/",
        "https://169.254.169.254/latest/",
        "https://user:pass@example.com/",
        "https://[fd00::1]/",
        "https://example.com/#x",
    ];
    for url in addresses {
        check(json!({ "url": url }), "url").await;
    }
    let made = world.api("POST", "/v3/webhook/destinations/", good.clone()).await;
    assert_eq!(made.status, 201, "{}", made.text());
    // One address once per application, however it is come by.
    check(json!({}), "url").await;
    check(json!({ "url": sink.url.replace("/hook", "/a/../hook") }), "url").await;
    let id = made.json()["uuid"].as_str().unwrap().to_owned();
    let path = format!("/v3/webhook/destinations/{id}/");
    let moved = json!({ "url": format!("{}/2", sink.url) });
    assert_eq!(world.api("PATCH", &path, moved.clone()).await.status, 200);
    let second = world.api("POST", "/v3/webhook/destinations/", good).await;
    assert_eq!(second.status, 201, "the address is free again");
    let second = format!("/v3/webhook/destinations/{}/", second.json()["uuid"].as_str().unwrap());
    let answer = world.api("PATCH", &second, moved).await;
    assert_eq!((answer.status, answer.json()["url"].is_array()), (400, true));
    assert_eq!(world.api("PATCH", &second, json!({ "subscribed_events": [] })).await.status, 400);
    // An issuer for real people sends to nobody on its own network.
    let live = World::live();
    for url in ["http://127.0.0.1:9/", "https://localhost/", "https://192.168.0.1/"] {
        let body = json!({ "url": url, "subscribed_events": ["status.updated"] });
        let answer = live.api("POST", "/v3/webhook/destinations/", body).await;
        assert_eq!((answer.status, answer.json()["url"].is_array()), (400, true), "{url}");
    }
    // Nothing of another application is there.
    let other = world.application("Bank B").await;
    let delivery = Uuid::nil();
    for (method, path) in [
        ("GET", path.clone()),
        ("PATCH", path.clone()),
        ("DELETE", path.clone()),
        ("GET", format!("{path}deliveries/")),
        ("POST", format!("{path}test/")),
        ("POST", format!("{path}deliveries/{delivery}/replay/")),
        ("GET", "/v3/webhook/destinations/x/".to_owned()),
    ] {
        assert_eq!(world.api_as(&other, method, &path, json!({})).await.status, 404, "{method} {path}");
        assert_eq!(world.api_as("nobody", method, &path, json!({})).await.status, 403, "{method} {path}");
    }
    assert_eq!(world.api_as(&other, "GET", "/v3/webhook/destinations/", json!({})).await.json()["count"], 0);
    // Two applications may have one address.
    let body = json!({ "url": sink.url, "subscribed_events": ["status.updated"] });
    assert_eq!(world.api_as(&other, "POST", "/v3/webhook/destinations/", body).await.status, 201);
}

#[tokio::test]
async fn only_the_application_of_the_session_is_told() {
    let (world, mine, theirs) = (World::new(), Sink::new().await, Sink::new().await);
    world.destination(&mine.url).await;
    let other = world.application("Bank B").await;
    let body = json!({ "url": theirs.url, "subscribed_events": ["status.updated"] });
    assert_eq!(world.api_as(&other, "POST", "/v3/webhook/destinations/", body).await.status, 201);
    world.api_as(&other, "POST", "/v3/session/", json!({})).await;
    assert_eq!(world.deliver().await, 1);
    assert_eq!((mine.got().len(), theirs.got().len()), (0, 1));
}

#[tokio::test]
async fn a_destination_is_tried_out_rotated_disabled_and_removed() {
    let (world, sink) = (World::new(), Sink::new().await);
    let (id, secret) = world.destination(&sink.url).await;
    let path = format!("/v3/webhook/destinations/{id}/");
    sink.answers(&[200, 418]);
    let tested = world.api("POST", &format!("{path}test/"), json!({})).await.json();
    assert_eq!((&tested["delivered"], &tested["test"]), (&json!(true), &json!(true)));
    let got = sink.take();
    assert_eq!(got[0].header("x-didit-test-webhook"), "true");
    got[0].received().verify(&secret, world.now()).unwrap();
    let tested = world.api("POST", &format!("{path}test"), json!({ "event_type": "data.updated" })).await.json();
    assert_eq!((&tested["status_code"], &tested["response_body"]), (&json!(418), &json!("thank you, ERIKSSON")));
    assert_eq!(sink.take()[0].event()["webhook_type"], "data.updated");
    let bad = world.api("POST", &format!("{path}test"), json!({ "event_type": "*" })).await;
    assert_eq!(bad.status, 400);
    let replay = format!("{path}deliveries/{}/replay/", tested["uuid"].as_str().unwrap());
    assert_eq!(world.api("POST", &replay, json!({})).await.status, 404, "a test is no event");

    // Rotated: what waits is signed with the secret of the moment it is sent.
    world.session().await;
    let rotated = world.api("PATCH", &path, json!({ "rotate_secret_key": true })).await.json();
    let fresh = WebhookSecret::from_text(rotated["secret_shared_key"].as_str().unwrap());
    assert_eq!(world.deliver().await, 1);
    let got = sink.take();
    got[0].received().verify(&fresh, world.now()).unwrap();
    assert!(got[0].received().verify(&secret, world.now()).is_err());

    // Disabled: nothing is told, not even later; what waited is dropped and can be replayed.
    world.session().await;
    assert_eq!(world.api("PATCH", &path, json!({ "enabled": false })).await.json()["enabled"], false);
    world.session().await;
    world.deliver().await;
    assert_eq!(world.api("PATCH", &path, json!({ "enabled": true })).await.status, 200);
    world.deliver().await;
    assert_eq!(sink.take().len(), 0);
    let log = world.log(&id).await;
    let dropped = log.iter().find(|row| row["error"] == "disabled").unwrap();
    let replay = format!("{path}deliveries/{}/replay/", dropped["uuid"].as_str().unwrap());
    assert_eq!(world.api("POST", &replay, json!({})).await.status, 202);
    assert_eq!(world.deliver().await, 1);
    assert_eq!(sink.take().len(), 1);

    // Removed: what was still to be sent there is sent nowhere.
    world.session().await;
    assert_eq!(world.api("DELETE", &path, json!({})).await.status, 204);
    assert_eq!(world.api("DELETE", &path, json!({})).await.status, 404);
    assert_eq!(world.deliver().await, 0);
    assert_eq!(sink.take().len(), 0);
    assert_eq!(world.destination(&sink.url).await.0.len(), 36, "the address is free again");
}

#[tokio::test]
async fn the_log_has_pages() {
    let (world, sink) = (World::new(), Sink::new().await);
    let (id, _) = world.destination(&sink.url).await;
    for _ in 0..5 {
        world.session().await;
        world.deliver().await;
        world.hands.step(Duration::from_secs(1));
    }
    let mut path = format!("/v3/webhook/destinations/{id}/deliveries/?limit=2");
    let mut seen = Vec::new();
    loop {
        let page = world.api("GET", &path, json!({})).await.json();
        seen.extend(page["results"].as_array().unwrap().iter().map(|row| row["created_at"].to_string()));
        match page["next"].as_str() {
            Some(next) => path = next.strip_prefix("http://127.0.0.1:7001").unwrap().to_owned(),
            None => break,
        }
    }
    assert_eq!(seen.len(), 5);
    assert!(seen.is_sorted_by(|a, b| a > b), "{seen:?}");
    let bad = format!("/v3/webhook/destinations/{id}/deliveries/?cursor=~");
    assert_eq!(world.api("GET", &bad, json!({})).await.status, 400);
}

#[tokio::test]
async fn the_older_door_knows_one_destination() {
    let (world, sink) = (World::new(), Sink::new().await);
    let empty = world.api("GET", "/v3/webhook/", json!({})).await.json();
    assert_eq!((&empty["webhook_url"], &empty["webhook_version"]), (&Value::Null, &json!("v3")));
    assert_eq!(world.api("PATCH", "/v3/webhook/", json!({})).await.status, 400);
    let made = world.api("PATCH", "/v3/webhook/", json!({ "webhook_url": sink.url, "webhook_version": "v2" })).await;
    assert_eq!(made.status, 200, "{}", made.text());
    let secret = WebhookSecret::from_text(made.json()["secret_shared_key"].as_str().unwrap());
    world.session().await;
    assert_eq!(world.deliver().await, 1);
    sink.take()[0].received().verify(&secret, world.now()).unwrap();
    let shown = world.api("GET", "/v3/webhook", json!({})).await.json();
    assert_eq!((&shown["webhook_url"], &shown["secret_shared_key"]), (&json!(sink.url), &Value::Null));
    let rotated = world.api("PATCH", "/v3/webhook/", json!({ "rotate_secret_key": true })).await.json();
    assert_eq!(rotated["secret_shared_key"].as_str().unwrap().len(), 43);
    assert_eq!(rotated["webhook_version"], "v2");
    for refused in [json!({ "capture_method": "mobile" }), json!({ "data_retention_months": 12 })] {
        assert_eq!(world.api("PATCH", "/v3/webhook/", refused.clone()).await.status, 400, "{refused}");
    }
    assert_eq!(world.api("GET", "/v3/webhook/destinations/", json!({})).await.json()["count"], 1);
    assert_eq!(world.api("PATCH", "/v3/webhook/", json!({ "webhook_url": null })).await.status, 200);
    assert_eq!(world.api("GET", "/v3/webhook/destinations/", json!({})).await.json()["count"], 0);
}

/// Nobody writes when a session's time is over, and still its application is told.
#[tokio::test]
async fn a_session_that_nobody_finished_is_told_of() {
    let (world, sink) = (World::new(), Sink::new().await);
    world.destination(&sink.url).await;
    world.session().await;
    let (begun, token) = world.session().await;
    world.issuer.change(&token, world.now(), |_| Ok("session.begun")).await.unwrap();
    let (erased, _) = world.session().await;
    world.issuer.erase_session(erased, world.now()).await.unwrap();
    world.approved().await;
    world.deliver().await;
    sink.take();
    world.hands.step(Duration::from_secs(7 * 86_400));
    assert_eq!(world.issuer.write_lapsed(world.now()).await.unwrap(), 0);
    world.hands.step(Duration::from_secs(1));
    assert_eq!(world.issuer.write_lapsed(world.now()).await.unwrap(), 2);
    assert_eq!(world.issuer.write_lapsed(world.now()).await.unwrap(), 0);
    world.deliver().await;
    let mut told: Vec<String> = sink.take().iter().map(|got| got.event()["status"].to_string()).collect();
    told.sort();
    assert_eq!(told, ["\"Abandoned\"", "\"Expired\""]);
    let decision = world.api("GET", &format!("/v3/session/{begun}/decision/"), json!({})).await.json();
    assert_eq!(decision["status"], "Abandoned");
}

#[tokio::test]
async fn what_is_old_is_removed() {
    let (world, sink) = (World::new(), Sink::new().await);
    let (id, _) = world.destination(&sink.url).await;
    world.session().await;
    world.deliver().await;
    let kept = async || {
        let mut all = Vec::new();
        for collection in ["webhook_events", "webhook_outbox", "webhook_deliveries"] {
            all.push(world.issuer.store.scan(collection, &Query::all()).await.unwrap().items.len());
        }
        all
    };
    world.hands.step(Duration::from_secs(30 * 86_400 - 1));
    world.issuer.prune_webhooks(world.now()).await.unwrap();
    assert_eq!(kept().await, [1, 1, 1]);
    let delivery = world.log(&id).await[0]["uuid"].as_str().unwrap().to_owned();
    let replay = format!("/v3/webhook/destinations/{id}/deliveries/{delivery}/replay/");
    assert_eq!(world.api("POST", &replay, json!({})).await.status, 202);
    assert_eq!(world.deliver().await, 1);
    world.hands.step(Duration::from_secs(2));
    world.issuer.prune_webhooks(world.now()).await.unwrap();
    // The event is gone; that it was sent again a moment ago is still known.
    assert_eq!(kept().await, [0, 1, 1]);
    let delivery = world.log(&id).await[0]["uuid"].as_str().unwrap().to_owned();
    let replay = format!("/v3/webhook/destinations/{id}/deliveries/{delivery}/replay/");
    assert_eq!(world.api("POST", &replay, json!({})).await.status, 404);
    world.hands.step(Duration::from_secs(30 * 86_400));
    world.issuer.prune_webhooks(world.now()).await.unwrap();
    assert_eq!(kept().await, [0, 0, 0]);
}

#[tokio::test]
async fn a_correction_and_a_resubmission_are_told() {
    let world = World::new();
    let sink = Sink::new().await;
    world.destination(&sink.url).await;
    let (id, _) = world.approved().await;
    world.issuer.deliver_due().await.unwrap();
    sink.take();
    let corrected =
        world.api("PATCH", &format!("/v3/session/{id}/update-data/"), json!({ "first_name": "ANNE" })).await;
    assert_eq!(corrected.status, 200, "{}", corrected.text());
    world.issuer.deliver_due().await.unwrap();
    let told: Vec<Value> = sink.take().iter().map(Got::event).collect();
    assert_eq!(told.len(), 1);
    assert_eq!((&told[0]["webhook_type"], &told[0]["status"]), (&json!("data.updated"), &json!("Approved")));
    let document = &told[0]["decision"]["id_verifications"][0];
    assert_eq!(
        (&document["first_name"], &document["corrections"]["first_name"]["corrected"]),
        (&json!("ANNA MARIA"), &json!("ANNE"))
    );

    let (id, token) = world.session().await;
    let now = world.now();
    world
        .issuer
        .change(token.as_str(), now, |open| {
            open.session.status = Status::InReview;
            open.personal.stage = open.personal.stage.clone().with_document(handed_document())?;
            open.personal.stage = open.personal.stage.clone().with_selfie(handed_selfie())?.decided(Vec::new(), now)?;
            Ok("session.in_review")
        })
        .await
        .unwrap();
    let body = json!({ "new_status": "Resubmitted", "comment": "blurred" });
    let again = world.api("PATCH", &format!("/v3/session/{id}/update-status/"), body).await;
    assert_eq!(again.status, 200, "{}", again.text());
    world.issuer.deliver_due().await.unwrap();
    let told = sink.take().iter().map(Got::event).find(|event| event["status"] == "Resubmitted").unwrap();
    assert_eq!(told["resubmit_info"]["nodes_to_resubmit"], json!(["default"]));
    assert_eq!(told["resubmit_info"]["reasons"]["default"], "blurred");
    assert_eq!(told.get("decision"), None);
}
