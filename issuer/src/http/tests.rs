//! The doors of an issuer, called as clients, people and wallets call them: in process, with a clock that stands still.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use jiff::Timestamp;
use serde_json::{Value, json};
use tower::ServiceExt;
use url::Url;
use uuid::Uuid;
use warifu_keys::entropy::Seeded;
use warifu_keys::x509::issue::{Authority, Period, Subject};
use warifu_keys::x509::{Certificate, Purpose, issue};
use warifu_keys::{Entropy, Secret, Signer, SigningKey};
use warifu_models::weights::Folder;
use warifu_models::{Models, Parts};
use warifu_server::clock::Hands;
use warifu_server::extract::ApiKeyHash;
use warifu_server::fetch::{Fetcher, Limits, Policy};
use warifu_server::limit::Rate;
use warifu_server::run;
use warifu_server::text::Lang;
use warifu_session::Status;
use warifu_store::blob::Blobs;

use super::{Rates, catalogue};
use crate::kyc::check::{CheckName, Code, Outcome, Signal};
use crate::kyc::checks::tests::{handed_document, handed_selfie};
use crate::kyc::session::NewSession;
use crate::kyc::threshold::{Measure, Threshold};
use crate::retention::Rules;
use crate::{Config, Issuer, Keys};

mod api;
mod applications;
mod audit;
mod faces;
mod flow;
mod issuance;
mod list;
mod openapi;
mod person;
mod questions;
mod report;
mod retention;
mod review;
mod share;
mod webhooks;
mod workflows;

const KEY: &str = "test-key";
const OPERATOR: &str = "operator-key";

struct World {
    issuer: Arc<Issuer>,
    router: axum::Router,
    hands: Hands,
    anchor: Certificate,
    entropy: Arc<Seeded>,
}

/// What was answered.
struct Answer {
    status: u16,
    headers: axum::http::HeaderMap,
    body: Vec<u8>,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("{} {}", self.status, self.text()))
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

fn start() -> Timestamp {
    "2026-11-22T10:00:00Z".parse().unwrap()
}

fn subject(name: &str) -> Subject {
    Subject { common_name: name.to_owned(), organization: Some(name.to_owned()), country: "UT".to_owned() }
}

fn authority(name: &str, entropy: &dyn Entropy) -> Authority {
    let key = SigningKey::generate_p256(entropy);
    let period = Period::days(start() - Duration::from_secs(3600), 3000);
    Authority::self_signed(&subject(name), key, period, "https://utopia.example", entropy).unwrap()
}

fn certified(authority: &Authority, name: &str, purpose: Purpose, entropy: &dyn Entropy) -> (Certificate, SigningKey) {
    let key = SigningKey::generate_p256(entropy);
    let public_key = key.public_key();
    let request = issue::Request {
        // A name of its own, or the certificate would look self-signed.
        subject: Subject { common_name: format!("{name} signer"), ..subject(name) },
        public_key: &public_key,
        period: Period::days(start() - Duration::from_secs(3600), 400),
        purpose,
        dns_names: vec!["issuer.example".to_owned()],
        uris: vec!["http://127.0.0.1:7001".to_owned()],
    };
    (authority.issue(&request, entropy).unwrap(), key)
}

impl World {
    /// An issuer without models, whose registry is nowhere.
    fn new() -> Self {
        struct NoWeights;
        impl warifu_models::Weights for NoWeights {
            fn read(&self, file: &warifu_models::manifest::FileEntry) -> Result<Vec<u8>, warifu_models::WeightsError> {
                Err(warifu_models::WeightsError::Missing { name: file.name.clone(), place: String::new() })
            }
        }
        let parts = Parts { face: false, liveness: false, document: false };
        Self::with(Models::load(&NoWeights, parts).unwrap(), "http://127.0.0.1:1", None)
    }

    /// An issuer for real people, without models.
    fn live() -> Self {
        let models = Self::new().issuer.models.clone();
        let store = warifu_store::memory::open().unwrap();
        let base = |registry, anchor| Config::live(Url::parse("https://issuer.example").unwrap(), registry, anchor);
        Self::of(base, store, Seeded::dangerous_new("live issuer"), models, "http://127.0.0.1:1", None)
    }

    /// An issuer with the installed models, or `None` where there are none.
    fn with_models(test: &str) -> Option<Self> {
        let models = Folder::from_environment().and_then(|folder| Models::load(&folder, Parts::ALL).ok());
        if models.is_none() {
            println!("skipped: {test}: the models are not installed");
        }
        models.map(|models| Self::with(models, "http://127.0.0.1:1", None))
    }

    fn with(models: Models, registry: &str, operator: Option<Certificate>) -> Self {
        Self::on(
            warifu_store::memory::open().unwrap(),
            Seeded::dangerous_new("issuer tests"),
            models,
            registry,
            operator,
        )
    }

    /// An issuer on a store that another may have written. Its keys are those of the seed.
    fn on(
        store: Arc<dyn warifu_store::Store>,
        entropy: Seeded,
        models: Models,
        registry: &str,
        operator: Option<Certificate>,
    ) -> Self {
        let base = |registry, anchor| Config::sandbox(Url::parse("http://127.0.0.1:7001").unwrap(), registry, anchor);
        Self::of(base, store, entropy, models, registry, operator)
    }

    fn of(
        base: impl FnOnce(Url, Certificate) -> Config,
        store: Arc<dyn warifu_store::Store>,
        entropy: Seeded,
        models: Models,
        registry: &str,
        operator: Option<Certificate>,
    ) -> Self {
        let entropy = Arc::new(entropy);
        let authority = authority("Utopia KYC", &*entropy);
        let (certificate, key) = certified(&authority, "Document signer", Purpose::DocumentSigner, &*entropy);
        let hands = Hands::at(start());
        let operator = operator.unwrap_or_else(|| authority.certificate().clone());
        let config = Config {
            retention: Rules { evidence: 10, face: 20, identity: 30, consents: 40, events: 50 },
            operator_key: Some(ApiKeyHash::of(OPERATOR)),
            ..base(Url::parse(registry).unwrap(), operator).with_api_key(KEY)
        };
        let policy = match config.environment {
            crate::kyc::workflow::Environment::Live => Policy::Public,
            crate::kyc::workflow::Environment::Sandbox => Policy::Loopback,
        };
        let parts = crate::Parts {
            store,
            blobs: Blobs::memory(),
            models,
            fetcher: Fetcher::new(policy, Limits::default()).unwrap(),
            clock: hands.clock(),
            entropy: Arc::clone(&entropy) as Arc<dyn Entropy>,
            keys: Keys {
                document_signer: Arc::new(key),
                chain: vec![certificate],
                status_signer: None,
                access: None,
                master: Secret::new(vec![9; 32]),
            },
        };
        let auditor = Arc::new(SigningKey::generate_ed25519(&Seeded::dangerous_new("audit key")));
        let issuer = Arc::new(Issuer::new(config, parts).unwrap().with_audit_signer(auditor).unwrap());
        let router = run::with_limits(super::router(Arc::clone(&issuer)), &run::Limits::default());
        Self { issuer, router, hands, anchor: authority.certificate().clone(), entropy }
    }

    fn now(&self) -> Timestamp {
        self.hands.clock().now()
    }

    async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, 8 << 20).await.unwrap().to_vec();
        assert!(parts.status.as_u16() < 500, "{} {}", parts.status, String::from_utf8_lossy(&body));
        Answer { status: parts.status.as_u16(), headers: parts.headers, body }
    }

    async fn get(&self, path: &str) -> Answer {
        self.send(Request::get(path).body(Body::empty()).unwrap()).await
    }

    async fn api(&self, method: &str, path: &str, body: Value) -> Answer {
        self.api_as(KEY, method, path, body).await
    }

    /// As the application with this key.
    async fn api_as(&self, key: &str, method: &str, path: &str, body: Value) -> Answer {
        let request = Request::builder().method(method).uri(path).header("x-api-key", key);
        self.send(request.header("content-type", "application/json").body(Body::from(body.to_string())).unwrap()).await
    }

    /// A program's upload: raw body, JSON answer.
    async fn upload(&self, token: &str, what: &str, picture: Vec<u8>) -> Answer {
        let request = Request::post(format!("/session/{token}/{what}")).header("accept", "application/json");
        self.send(request.header("content-type", "image/jpeg").body(Body::from(picture)).unwrap()).await
    }

    /// A session with its token.
    async fn session(&self) -> (Uuid, String) {
        let created = self.issuer.create_session(NewSession::default(), self.now()).await.unwrap();
        (created.session.id, created.token)
    }

    /// A session that passed every check.
    async fn approved(&self) -> (Uuid, String) {
        let (id, token) = self.session().await;
        self.approve(&token).await;
        (id, token)
    }

    /// Lets a session pass every check.
    async fn approve(&self, token: &str) {
        let now = self.now();
        self.issuer
            .change(token, now, |open| {
                let signals: Vec<_> =
                    CheckName::ALL.iter().map(|name| Signal::new(*name, Outcome::Pass, Code::OneFace)).collect();
                let stage =
                    open.personal.stage.clone().with_document(handed_document())?.with_selfie(handed_selfie())?;
                open.personal.stage = stage.decided(signals, now)?;
                open.session.status = Status::Approved;
                Ok("session.approved")
            })
            .await
            .unwrap();
    }
}

#[test]
fn every_word_is_said_in_every_language() {
    let catalogue = catalogue().unwrap();
    assert_eq!(catalogue.gaps(), Vec::<String>::new());
    for lang in Lang::ALL {
        let words = catalogue.words(lang);
        let reasons = Code::ALL.iter().map(|code| format!("reason-{code}"));
        let measures = Measure::ALL.iter().map(|measure| measure.as_str());
        let measures = measures.flat_map(|name| [format!("value-{name}"), format!("threshold-{name}")]);
        for id in reasons.chain(CheckName::ALL.iter().map(|name| format!("check-{name}"))).chain(measures) {
            assert_ne!(words.say(&id), id, "{lang}");
        }
    }
}

#[test]
fn measures_are_said_with_their_unit() {
    let catalogue = catalogue().unwrap();
    let check = |value: f64, threshold: Threshold, lang: Lang, expected: [&str; 2]| {
        let signal = Signal::new(CheckName::ImageQuality, Outcome::Pass, Code::QualityGood).measured(value, threshold);
        assert_eq!(super::pages::measured(catalogue.words(lang), &signal), expected);
    };
    use Lang::{En, Ja};
    check(412.7, Measure::Sharpness.held_to([15.0]), En, ["sharpness 413", "at least 15"]);
    check(0.3412, Measure::Glare.held_to([0.12]), En, ["34 % of the picture", "at most 12 %"]);
    check(1.0, Measure::DaysLeft.held_to([0.0]), En, ["1 day left", "not expired"]);
    check(-12.0, Measure::DaysLeft.held_to([0.0]), En, ["expired 12 days ago", "not expired"]);
    check(5.0, Measure::PrintedFields.held_to([5.0]), Ja, ["5項目が一致", "5項目すべて"]);
    check(0.41239, Measure::Distance.held_to([0.55, 0.62]), Ja, ["距離 0.412", "0.55未満(0.62未満は担当者が確認)"]);
    let unmeasured = Signal::new(CheckName::FaceMatch, Outcome::NotRun, Code::NotCompared);
    assert_eq!(super::pages::measured(catalogue.words(En), &unmeasured), [String::new(), String::new()]);
}

#[tokio::test]
async fn a_caller_can_not_call_for_ever() {
    let world = World::new();
    let few = Rate { calls: 3, per: Duration::from_secs(3600) };
    let rates = Rates { sessions: few, uploads: few, tokens: few, changes: few, corrections: few, others: few };
    let router = run::with_limits(super::router_with(Arc::clone(&world.issuer), rates), &run::Limits::default());
    let world = World { router, ..world };
    // A key that nobody knows buys no further calls.
    let doors = [("POST", "/v3/session/"), ("POST", "/session/x/selfie"), ("POST", "/token"), ("GET", "/")];
    for (method, path) in doors {
        let mut statuses = Vec::new();
        for call in 0..5 {
            let request = Request::builder().method(method).uri(path).header("x-api-key", format!("key {call}"));
            statuses.push(world.send(request.body(Body::empty()).unwrap()).await.status);
        }
        assert!(statuses[..3].iter().all(|status| *status != 429), "{path}: {statuses:?}");
        assert_eq!(statuses[3..], [429, 429], "{path}");
    }
    // A client has a count of its own.
    for expected in [201, 201, 201, 429] {
        assert_eq!(world.api("POST", "/v3/session/", json!({})).await.status, expected);
    }
    let last = world.api("POST", "/v3/session/", json!({})).await;
    assert!(last.json()["detail"].is_string());
    for header in ["x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset", "retry-after"] {
        assert!(last.headers.contains_key(header), "{header}");
    }
    // Changes, corrections and reading are counted apart.
    for (method, path) in [("PATCH", "update-status"), ("PATCH", "update-data"), ("GET", "decision")] {
        for expected in [404, 404, 404, 429] {
            let answer = world.api(method, &format!("/v3/session/{}/{path}/", Uuid::nil()), json!({})).await;
            assert_eq!(answer.status, expected, "{path}");
        }
    }
    assert_eq!(world.get("/assets/warifu.css").await.status, 200);
}
