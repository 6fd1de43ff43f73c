//! Encrypted presentations at the verifier: what the roles spend on each, and how long a caller waits.
//!
//! The client is the partner's server and the wallet in one. Its wallet keeps nothing: one credential of each format in
//! memory, and it answers between the calls, on the client's threads. A time is what a flow waits for the answers to its
//! three calls: the request made, its object fetched, the response taken. Trusted list and status list are warm.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Map, Value, json};
use tokio::task::JoinSet;
use url::Url;
use warifu_credential::ClaimPath;
use warifu_credential::mdoc::{self, DataElements, DeviceKey};
use warifu_credential::sd_jwt::{self, KeyBinding};
use warifu_keys::{Signer, SigningKey, base64url};
use warifu_openid4vc::http::Request;
use warifu_openid4vc::vci::holder::{Acceptance, Choice, Offered, Progress};
use warifu_openid4vc::vci::offer::{CredentialOffer, OfferLink};
use warifu_openid4vc::vp::VpToken;
use warifu_openid4vc::vp::holder::{PresentationRequest, RequestUri};
use warifu_schemas::kyc;
use warifu_server::Clock;
use warifu_server::entropy::System;
use warifu_server::fetch::Fetcher;
use warifu_wallet::wire::Wire;

use super::{Row, cpu_time, ms, round, rss_mib, servers, verdict};
use crate::demo::Person;
use crate::sandbox::Sandbox;

/// Flows at the same time.
const TOGETHER: u32 = 8;
/// Most flows one after the other: memory shows among many.
const ALONE: u32 = 1000;
/// Flows before anything counts.
const WARM_UP: u32 = 200;
/// What is asked for, as claims of the `kyc` profile and as elements of its mdoc.
const CLAIMS: [&str; 3] = ["given_name", "family_name", "birthdate"];
const ELEMENTS: [&str; 3] = ["given_name", "family_name", "birth_date"];

/// The format of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    SdJwtVc,
    Mdoc,
}

impl Format {
    fn flow(self) -> &'static str {
        match self {
            Self::SdJwtVc => "present_sd_jwt_vc",
            Self::Mdoc => "present_mdoc",
        }
    }

    fn identifier(self) -> &'static str {
        match self {
            Self::SdJwtVc => "dc+sd-jwt",
            Self::Mdoc => "mso_mdoc",
        }
    }
}

/// Measures so many presentations in each format, alone and [`TOGETHER`] at a time.
pub(super) async fn measure(sandbox: &Sandbox, person: &Person, runs: u32) -> Result<Vec<Row>> {
    let session = verdict(sandbox, person).await?;
    let client = Arc::new(Client::new(sandbox, &session).await?);
    let mut rows = Vec::new();
    for format in [Format::SdJwtVc, Format::Mdoc] {
        many(&client, format, WARM_UP, TOGETHER).await;
        rows.push(row(&client, format, runs.min(ALONE), 1).await);
        rows.push(row(&client, format, runs, TOGETHER).await);
    }
    Ok(rows)
}

async fn row(client: &Arc<Client>, format: Format, flows: u32, concurrency: u32) -> Row {
    let (rss_mib_start, all, roles, begun) = (rss_mib(), cpu_time(), servers::cpu_time(), Instant::now());
    let mut times = many(client, format, flows, concurrency).await;
    let took = begun.elapsed().as_secs_f64();
    let (all, roles) = (cpu_time().saturating_sub(all), servers::cpu_time().saturating_sub(roles));
    times.sort_by(f64::total_cmp);
    let at = |hundredth: usize| times.get(times.len() * hundredth / 100).copied().unwrap_or_default();
    let each = |time: Duration| round(time.as_secs_f64() * 1000.0 / f64::from(flows));
    Row {
        flow: format.flow(),
        concurrency,
        flows,
        errors: flows.saturating_sub(u32::try_from(times.len()).unwrap_or(u32::MAX)),
        flows_per_s: round(times.len() as f64 / took),
        cpu_ms_per_flow: each(all),
        server_cpu_ms_per_flow: each(roles),
        p50_ms: at(50),
        p95_ms: at(95),
        rss_mib_start,
        rss_mib_end: rss_mib(),
    }
}

/// So many flows, some at a time; what those waited that went well, in milliseconds.
async fn many(client: &Arc<Client>, format: Format, flows: u32, concurrency: u32) -> Vec<f64> {
    let left = Arc::new(AtomicU32::new(flows));
    let mut working = JoinSet::new();
    for _ in 0..concurrency {
        let (client, left) = (Arc::clone(client), Arc::clone(&left));
        working.spawn(async move {
            let mut times = Vec::new();
            let take = |left: u32| left.checked_sub(1);
            while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok() {
                match client.present(format).await {
                    Ok(waited) => times.push(ms(waited)),
                    Err(error) => tracing::warn!(%error, flow = format.flow(), "a run failed"),
                }
            }
            times
        });
    }
    working.join_all().await.concat()
}

/// The partner's server and the wallet.
struct Client {
    fetcher: Fetcher,
    clock: Clock,
    requests: Url,
    api_key: String,
    sd_jwt_vc: sd_jwt::Held,
    sd_jwt_vc_key: SigningKey,
    mdoc: mdoc::Held,
    mdoc_key: SigningKey,
}

impl Client {
    /// Fetches one credential of each format of an approved session.
    async fn new(sandbox: &Sandbox, session: &str) -> Result<Self> {
        let (fetcher, clock) = (sandbox.fetcher().clone(), sandbox.clock().clone());
        let path = format!("v3/session/{session}/offer/");
        let offered = sandbox.post(&sandbox.issuer, &path, &json!({})).await?.success()?;
        let offer = match OfferLink::parse(offered["offer"].as_str().context("no offer")?)? {
            OfferLink::ByValue(offer) => offer,
            OfferLink::ByReference(url) => {
                CredentialOffer::parse(&Wire::send(&fetcher, Request::get(url, "application/json")).await?.body)?
            }
        };
        let accepting = Offered::new(offer)?;
        let answer = Wire::send(&fetcher, accepting.request()).await?;
        let server = accepting.answer(&answer)?;
        let answer = Wire::send(&fetcher, server.request()).await?;
        let described = server.answer(&answer)?;
        let (sd_jwt_vc_key, mdoc_key) = (SigningKey::generate_p256(&System), SigningKey::generate_p256(&System));
        let choice = |configuration: &str, key: &SigningKey| Choice {
            configuration_id: configuration.to_owned(),
            keys: vec![Arc::new(key.clone()) as Arc<dyn Signer>],
        };
        let acceptance = Acceptance {
            tx_code: offered["tx_code"].as_str().map(str::to_owned),
            client_id: None,
            dpop: Arc::new(SigningKey::generate_p256(&System)),
            choices: vec![choice("kyc-identity-sd-jwt", &sd_jwt_vc_key), choice("kyc-identity-mdoc", &mdoc_key)],
        };
        let mut accepting = described.accept(acceptance, &System, clock.now())?;
        let issued = loop {
            let answer = Wire::send(&fetcher, accepting.request().clone()).await?;
            match accepting.answer(&answer, &System, clock.now())? {
                Progress::Again(next) => accepting = next,
                Progress::Issued(issued) => break issued,
            }
        };
        let text = |at: usize| issued.get(at)?.credentials.first()?.as_str();
        let partner = sandbox.partners.first().context("no partner")?;
        Ok(Self {
            fetcher,
            clock,
            requests: partner.url.join("v1/requests")?,
            api_key: partner.api_key.clone(),
            sd_jwt_vc: sd_jwt::Held::dangerous_reload(text(0).context("no SD-JWT VC")?)?,
            sd_jwt_vc_key,
            mdoc: mdoc::Held::dangerous_reload(&base64url::decode(text(1).context("no mdoc")?)?)?,
            mdoc_key,
        })
    }

    /// One flow; what it waited for.
    async fn present(&self, format: Format) -> Result<Duration> {
        let mut waited = Duration::ZERO;
        let wanted = json!({"policy": "identity", "formats": format.identifier()});
        let begun = Instant::now();
        let made = self.fetcher.post_json(&self.requests, &wanted, &[("x-api-key", &self.api_key)]).await?;
        waited += begun.elapsed();
        ensure!(made.status.as_u16() == 201, "the request is answered with {}", made.status);
        let made: Value = serde_json::from_slice(&made.body)?;
        let fetching = RequestUri::parse(made["link"].as_str().context("no link")?)?.fetch(&System);
        let begun = Instant::now();
        let object = Wire::send(&self.fetcher, fetching.request().clone()).await?;
        waited += begun.elapsed();
        let request = fetching.answer(&object)?.authenticate(self.clock.now())?.understand(&[])?;
        let answer = self.answer(&request, format)?;
        let begun = Instant::now();
        let taken = Wire::send(&self.fetcher, answer).await?;
        waited += begun.elapsed();
        ensure!(taken.status == 200, "the response is answered with {}", taken.status);
        Ok(waited)
    }

    fn answer(&self, request: &PresentationRequest, format: Format) -> Result<Request> {
        let (query, text) = match format {
            Format::SdJwtVc => {
                let binding = KeyBinding {
                    audience: request.client_id().as_str().to_owned(),
                    nonce: request.nonce().to_owned(),
                    issued_at: self.clock.now(),
                    extra: Map::new(),
                };
                let paths = CLAIMS.map(ClaimPath::claim);
                ("kyc", self.sd_jwt_vc.present(&paths, &binding, &self.sd_jwt_vc_key)?)
            }
            Format::Mdoc => {
                let elements = ELEMENTS.map(|element| (kyc::PROFILE.doctype, element));
                let (transcript, key) = (request.session_transcript()?, DeviceKey::Signs(&self.mdoc_key));
                let shown = self.mdoc.present(&elements, &DataElements::new(), &transcript, key)?;
                ("kyc-mdoc", base64url::encode(&shown))
            }
        };
        Ok(request.respond(&VpToken::of([(query.to_owned(), text)]), &System)?)
    }
}
