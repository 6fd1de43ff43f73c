//! `warifu demo`: the whole journey, in a browser or in the terminal.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Map, Value, json};
use warifu_credential::type_metadata::path_text;
use warifu_models::liveness::Recording;
use warifu_models::mrz::Sex;
use warifu_models::picture::Picture;
use warifu_models::specimen::{self, Specimen};
use warifu_models::{Models, Parts};
use warifu_server::Clock;
use warifu_server::entropy::System;
use warifu_session::share::{Life, Scope};
use warifu_verifier::Verifier;
use warifu_wallet::consent::{Asked as _, Ready};
use warifu_wallet::share::{NewShareRequest, ShareFacts};
use warifu_wallet::store::Kdf;

use crate::files;
use crate::sandbox::{Options, Place, Sandbox};

pub mod page;

/// First port of the demo in a browser, when none is chosen.
const PORT: u16 = 7400;
/// Quality of the JPEG files that the demo hands in.
const JPEG_QUALITY: u8 = 92;

/// What `warifu demo` can be told.
#[derive(Debug, Clone, clap::Args)]
pub struct DemoArgs {
    /// Run the whole journey in the terminal instead of waiting for a browser.
    #[arg(long)]
    pub headless: bool,
    /// Picture of a document; a fictional passport is drawn when absent.
    #[arg(long, value_name = "FILE", requires = "headless")]
    pub document: Option<PathBuf>,
    /// Picture of a face; a variant of the drawn passport's portrait when absent.
    #[arg(long, value_name = "FILE", requires = "headless")]
    pub selfie: Option<PathBuf>,
    /// Folder for keys and data; an old sandbox in it is replaced. A temporary folder when absent.
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Print one JSON object a step.
    #[arg(long)]
    pub json: bool,
    /// First of seven ports in a row, for the demo in a browser.
    #[arg(long, default_value_t = PORT)]
    pub port: u16,
}

/// How a headless journey ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Every step succeeded.
    Done,
    /// The person was declined or sent to review: exit status 3.
    NotApproved,
}

/// The two pictures a person hands in, as JPEG files.
#[derive(Debug, Clone)]
pub struct Person {
    /// The document.
    pub document: Vec<u8>,
    /// The selfie.
    pub selfie: Vec<u8>,
    /// A second selfie for the reauth.
    pub second_selfie: Vec<u8>,
}

impl Person {
    /// A fictional person of Utopia around the public-domain portrait, with two selfies that are cropped, lit and
    /// compressed differently.
    pub fn fictional(models: &Models) -> Result<Self> {
        Self::around(models, &files::demo_portrait()?)
    }

    /// A fictional person around `portrait`.
    pub fn around(models: &Models, portrait: &Picture) -> Result<Self> {
        let document = files::specimen(models, portrait, &holder()?)?;
        let selfie = |seed| specimen::vary_selfie(portrait, seed).encode_jpeg(JPEG_QUALITY);
        Ok(Self { document: document.encode_jpeg(JPEG_QUALITY)?, selfie: selfie(1)?, second_selfie: selfie(2)? })
    }
}

/// The fictional woman whose passport carries the demo's portrait.
fn holder() -> Result<Specimen> {
    let people = (7..64).map(Specimen::fictional);
    people.into_iter().find(|person| person.sex == Sex::Female).context("no fictional woman among the first seeds")
}

/// Runs the demo.
pub async fn run(args: DemoArgs) -> Result<Ended> {
    let data = args.data.clone().unwrap_or_else(|| files::temporary("demo"));
    let mut teller = Teller { json: args.json, begun: Instant::now() };
    let step = Instant::now();
    let models = tokio::task::spawn_blocking(|| files::models(None, Parts::ALL)).await??;
    if !models.has_liveness() {
        teller.warn("passive liveness is not performed: its optional weights are absent");
    }
    teller.step("models", step, json!({"liveness": models.has_liveness(), "cache": files::weights(None)?.root()}));

    let step = Instant::now();
    let mut sandbox = Sandbox::start(Options {
        data: data.clone(),
        clock: Clock::system(),
        entropy: Arc::new(System),
        models: models.clone(),
        first_port: (!args.headless).then_some(args.port + 1),
        kdf: Kdf::default(),
    })
    .await?;
    let ended = if args.headless {
        teller.step("start", step, json!({"registry": sandbox.registry, "issuer": sandbox.issuer.url, "data": data}));
        let journey = headless(&args, &models, &sandbox, &mut teller).await;
        if let Err(error) = &journey {
            teller.failed(error);
        }
        journey?
    } else {
        page::serve(&mut sandbox, models, args.port, step).await?;
        Ended::Done
    };
    sandbox.stop().await;
    if args.data.is_none() {
        std::fs::remove_dir_all(&data).ok();
    }
    Ok(ended)
}

async fn headless(args: &DemoArgs, models: &Models, sandbox: &Sandbox, teller: &mut Teller) -> Result<Ended> {
    let step = Instant::now();
    let read = |path: &PathBuf| std::fs::read(path).with_context(|| format!("{} can not be read", path.display()));
    let person = match (&args.document, &args.selfie) {
        (Some(document), Some(selfie)) => {
            let selfie = read(selfie)?;
            Person { document: read(document)?, second_selfie: selfie.clone(), selfie }
        }
        (Some(document), None) => Person { document: read(document)?, ..Person::fictional(models)? },
        (None, Some(selfie)) => {
            let selfie = read(selfie)?;
            Person { second_selfie: selfie.clone(), selfie, ..Person::fictional(models)? }
        }
        (None, None) => Person::fictional(models)?,
    };
    let drawn = args.document.is_none();
    teller.step(
        "pictures",
        step,
        json!({"document": if drawn { "drawn" } else { "given" }, "bytes": person.document.len()}),
    );
    let ended = journey(sandbox, &person, teller).await?;
    if ended == Ended::Done {
        teller.done();
    }
    Ok(ended)
}

/// Tells each step as it ends.
pub struct Teller {
    json: bool,
    begun: Instant,
}

impl Teller {
    /// A teller for `--json` or for people.
    #[must_use]
    pub fn new(json: bool) -> Self {
        Self { json, begun: Instant::now() }
    }

    #[expect(clippy::print_stdout, reason = "the command's answer")]
    fn say(&self, line: &Value, people: &str) {
        if self.json { println!("{line}") } else { println!("{people}") }
    }

    fn step(&mut self, name: &str, begun: Instant, facts: Value) {
        self.tell(name, true, begun, facts);
    }

    fn tell(&mut self, name: &str, ok: bool, begun: Instant, facts: Value) {
        let ms = (begun.elapsed().as_secs_f64() * 10_000.0).round() / 10.0;
        let mut line =
            Map::from_iter([("step".into(), json!(name)), ("ok".into(), json!(ok)), ("ms".into(), json!(ms))]);
        let mut people = format!("{} {name:<18} {ms:>8.1} ms ", if ok { "✓" } else { "✗" });
        if let Value::Object(facts) = facts {
            for (name, value) in facts {
                let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                let short: String = text.chars().take(70).collect();
                people.push_str(&format!(" {name}={short}"));
                line.insert(name, value);
            }
        }
        self.say(&Value::Object(line), &people);
    }

    fn failed(&mut self, error: &anyhow::Error) {
        self.tell("failed", false, Instant::now(), json!({"error": format!("{error:#}")}));
    }

    #[expect(clippy::print_stderr, reason = "a warning beside the command's answer")]
    fn warn(&self, text: &str) {
        eprintln!("warning: {text}");
    }

    fn done(&self) {
        let ms = (self.begun.elapsed().as_secs_f64() * 10_000.0).round() / 10.0;
        self.say(&json!({"step": "done", "ok": true, "ms": ms}), &format!("✓ done in {ms:.0} ms"));
    }
}

/// The whole journey over the wire, step by step.
pub async fn journey(sandbox: &Sandbox, person: &Person, teller: &mut Teller) -> Result<Ended> {
    let Some(session) = verify_person(sandbox, person, teller).await? else { return Ok(Ended::NotApproved) };
    accept_credential(sandbox, &session, teller).await?;
    present(sandbox, person, teller).await?;
    share_from_wallet(sandbox, teller).await?;
    share_from_issuer(sandbox, &session, teller).await?;
    Ok(Ended::Done)
}

/// The identifiers of a session at the issuer.
struct Session {
    id: String,
    token: String,
}

/// KYC at the issuer; `None` when the person was not approved.
async fn verify_person(sandbox: &Sandbox, person: &Person, teller: &mut Teller) -> Result<Option<Session>> {
    let issuer = &sandbox.issuer;
    let step = Instant::now();
    let created = sandbox.post(issuer, "v3/session/", &json!({"vendor_data": "demo-user"})).await?.expect(201)?;
    let session = Session { id: text(&created, "session_id")?, token: text(&created, "session_token")? };
    teller.step("session", step, json!({"session_id": session.id, "status": created["status"]}));

    let step = Instant::now();
    let answer = sandbox.upload(&format!("session/{}/document", session.token), &person.document).await?;
    ensure!(answer.status < 500, "the issuer answered {}", answer.status);
    let ok = answer.status < 300;
    teller.tell(
        "document",
        ok,
        step,
        json!({"status": answer.body["status"], "next": answer.body["next"], "problems": answer.body["problems"]}),
    );
    if !ok {
        return Ok(None);
    }

    let step = Instant::now();
    let answer = sandbox.upload(&format!("session/{}/selfie", session.token), &person.selfie).await?;
    ensure!(answer.status < 500, "the issuer answered {}", answer.status);
    let decision = sandbox.get(issuer, &format!("v3/session/{}/decision/", session.id)).await?.expect(200)?;
    let status = text(&decision, "status")?;
    let score = |feature: &str| decision[feature][0]["score"].clone();
    let approved = status == "Approved";
    teller.tell(
        "verdict",
        approved,
        step,
        json!({
            "status": status, "face_match": score("face_matches"), "liveness": score("liveness_checks"),
            "causes": warnings(&decision), "problems": answer.body["problems"],
        }),
    );
    Ok(approved.then_some(session))
}

/// The names of everything that was remarked in a decision.
fn warnings(decision: &Value) -> Vec<String> {
    let features = ["id_verifications", "liveness_checks", "face_matches"];
    let items = features.iter().filter_map(|name| decision[name].as_array()).flatten();
    let warnings = items.filter_map(|item| item["warnings"].as_array()).flatten();
    warnings.filter_map(|warning| warning["risk"].as_str().map(str::to_owned)).collect()
}

async fn accept_credential(sandbox: &Sandbox, session: &Session, teller: &mut Teller) -> Result<()> {
    let step = Instant::now();
    let path = format!("v3/session/{}/offer/", session.id);
    let offer = sandbox.post(&sandbox.issuer, &path, &json!({})).await?.success()?;
    let link = text(&offer, "offer")?;
    let code = offer["tx_code"].as_str().map(str::to_owned);
    teller.step(
        "offer",
        step,
        json!({"by_reference": link.contains("credential_offer_uri"), "tx_code": code.is_some()}),
    );

    let step = Instant::now();
    let facts = sandbox.wallet.accept(&link, code.as_deref(), sandbox.clock().now()).await?;
    teller.step("accept", step, json!({"credential": facts}));
    Ok(())
}

async fn present(sandbox: &Sandbox, person: &Person, teller: &mut Teller) -> Result<()> {
    let partner = partner(sandbox, 0)?;
    let step = Instant::now();
    // Without the optional weights no wallet can promise passive liveness, so the partner asks without the reauth.
    let reauth = sandbox.issuer.role.has_liveness();
    let policy = if reauth { "identity-selfie" } else { "identity" };
    let created = sandbox.post(partner, "v1/requests", &json!({"policy": policy})).await?.expect(201)?;
    let (id, link) = (text(&created, "request_id")?, text(&created, "link")?);
    teller.step("request", step, json!({"partner": partner.role.config().name, "selfie_reauth": reauth}));

    let step = Instant::now();
    let now = sandbox.clock().now();
    let request = sandbox.wallet.inspect_request(&link, now).await?;
    let question = request.question().clone();
    let shared: Vec<String> = question.presented().iter().flat_map(|of| &of.claims).map(path_text).collect();
    let consent = question.agree(now);
    teller.step("consent", step, json!({"asker": question.asker.name, "purpose": question.purpose, "claims": shared}));

    let step = Instant::now();
    let ready = if reauth {
        let matched =
            sandbox.wallet.match_selfie(&request, person.second_selfie.clone(), sandbox.clock().now()).await?;
        teller.step(
            "selfie",
            step,
            json!({"liveness": matched.liveness().name(), "operating_point": matched.operating_point().as_str()}),
        );
        Ready::matched(request, consent, matched, sandbox.clock().now())?
    } else {
        Ready::agreed(request, consent, sandbox.clock().now())?
    };
    let step = Instant::now();
    sandbox.wallet.present(ready, sandbox.clock().now()).await?;
    teller.step("present", step, json!({}));

    let step = Instant::now();
    let result = sandbox.get(partner, &format!("v1/requests/{id}")).await?.expect(200)?;
    let accepted = result["state"] == "accepted";
    teller.tell(
        "verified",
        accepted,
        step,
        json!({"issuer": result["issuer"], "checks": outcomes(&result), "claims": names(&result["claims"])}),
    );
    ensure!(accepted, "the partner did not accept the presentation: {}", result["checks"]);
    Ok(())
}

fn outcomes(result: &Value) -> Value {
    let checks = result["checks"].as_array().map(Vec::as_slice).unwrap_or_default();
    checks
        .iter()
        .filter_map(|check| Some((check["name"].as_str()?.to_owned(), check["outcome"].clone())))
        .collect::<Map<_, _>>()
        .into()
}

fn names(claims: &Value) -> Vec<&String> {
    claims.as_object().map(|claims| claims.keys().collect()).unwrap_or_default()
}

async fn share_from_wallet(sandbox: &Sandbox, teller: &mut Teller) -> Result<()> {
    let partner = partner(sandbox, 1)?;
    let step = Instant::now();
    let shared = wallet_share(sandbox, partner, "onboarding").await?;
    teller.step(
        "share",
        step,
        json!({"by": "wallet", "audience": shared.audience, "claims": shared.claims, "expires_at": shared.expires_at}),
    );
    import(sandbox, partner, &shared.share_token, teller).await
}

/// A share of everything the scope `kyc` covers, made by the wallet with the person's consent.
pub async fn wallet_share(sandbox: &Sandbox, partner: &Place<Verifier>, purpose: &str) -> Result<ShareFacts> {
    let now = sandbox.clock().now();
    let wanted = NewShareRequest {
        partner: partner.role.config().audience.clone(),
        purpose: purpose.to_owned(),
        scope: vec![Scope::Kyc],
        claims: None,
        credential: None,
        life: Life::default(),
    };
    let proposal = sandbox.wallet.propose_share(wanted, now).await?;
    let consent = proposal.question().agree(now);
    Ok(sandbox.wallet.share(Ready::agreed(proposal, consent, now)?, now)?)
}

async fn share_from_issuer(sandbox: &Sandbox, session: &Session, teller: &mut Teller) -> Result<()> {
    let partner = partner(sandbox, 1)?;
    let audience = &partner.role.config().audience;
    let step = Instant::now();
    let path = format!("session/{}/consent", session.token);
    let consent = json!({"audience": audience, "purpose": "onboarding", "scope": ["kyc"]});
    sandbox.post(&sandbox.issuer, &path, &consent).await?.success()?;
    let path = format!("v3/session/{}/share/", session.id);
    let share = json!({"audience": audience, "purpose": "onboarding", "scope": ["kyc"], "expires_in": 900});
    let shared = sandbox.post(&sandbox.issuer, &path, &share).await?.success()?;
    teller.step("share", step, json!({"by": "issuer", "audience": audience, "expires_at": shared["expires_at"]}));
    import(sandbox, partner, &text(&shared, "share_token")?, teller).await
}

/// Imports a share, and sees that a second import is refused.
async fn import(sandbox: &Sandbox, partner: &Place<Verifier>, token: &str, teller: &mut Teller) -> Result<()> {
    let step = Instant::now();
    let body = json!({"share_token": token, "trust_review": true, "vendor_data": "demo-user"});
    let imported = sandbox.post(partner, "v3/session/import-shared/", &body).await?.expect(201)?;
    let again = sandbox.post(partner, "v3/session/import-shared/", &body).await?;
    ensure!(again.status == 403, "a second import answered {}", again.status);
    teller.step(
        "import",
        step,
        json!({
            "partner": partner.role.config().name, "status": imported["status"],
            "shared_from_session": imported["shared_from_session"], "second_import": again.status,
        }),
    );
    Ok(())
}

fn partner(sandbox: &Sandbox, index: usize) -> Result<&Place<Verifier>> {
    sandbox.partners.get(index).context("the sandbox has two partners")
}

fn text(value: &Value, name: &str) -> Result<String> {
    value[name].as_str().map(str::to_owned).with_context(|| format!("the answer has no `{name}`: {value}"))
}

/// An answer of a role.
pub struct Answer {
    /// Status code.
    pub status: u16,
    /// JSON body; null where it is none.
    pub body: Value,
}

impl Answer {
    /// The body, if the status is this one.
    pub fn expect(self, status: u16) -> Result<Value> {
        ensure!(self.status == status, "expected {status}, got {}: {}", self.status, self.body);
        Ok(self.body)
    }

    /// The body, if the status is 2xx.
    pub fn success(self) -> Result<Value> {
        if !(200..300).contains(&self.status) {
            bail!("the answer is {}: {}", self.status, self.body);
        }
        Ok(self.body)
    }
}

impl Sandbox {
    /// `POST` of JSON to a role, with its API key.
    pub async fn post<T>(&self, place: &Place<T>, path: &str, body: &Value) -> Result<Answer> {
        let url = place.url.join(path)?;
        let headers = [("x-api-key", place.api_key.as_str()), ("accept", "application/json")];
        answered(self.fetcher().post_json(&url, body, &headers).await?)
    }

    /// `GET` from a role, with its API key.
    pub async fn get<T>(&self, place: &Place<T>, path: &str) -> Result<Answer> {
        let url = place.url.join(path)?;
        let headers = [("x-api-key", place.api_key.as_str()), ("accept", "application/json")];
        answered(self.fetcher().send(axum::http::Method::GET, &url, &headers, Vec::new()).await?)
    }

    /// Hands a JPEG file in at the issuer's hosted flow.
    pub async fn upload(&self, path: &str, jpeg: &[u8]) -> Result<Answer> {
        let url = self.issuer.url.join(path)?;
        answered(self.fetcher().post_bytes(&url, "image/jpeg", jpeg.to_vec(), &[("accept", "application/json")]).await?)
    }

    /// Hands a recording for a challenge in at the issuer's hosted flow, as the camera panel does.
    pub async fn record(&self, path: &str, recording: Recording) -> Result<Answer> {
        const BOUNDARY: &str = "warifu-recording-boundary";
        let (description, files) = recording.into_parts();
        let mut body = Vec::new();
        let mut part = |head: &str, content: &[u8]| {
            body.extend_from_slice(
                format!("--{BOUNDARY}\r\ncontent-disposition: form-data; {head}\r\n\r\n").as_bytes(),
            );
            body.extend_from_slice(content);
            body.extend_from_slice(b"\r\n");
        };
        part("name=\"recording\"", description.as_bytes());
        for (at, file) in files.iter().enumerate() {
            part(&format!("name=\"image\"; filename=\"camera-{at}.jpg\""), file);
        }
        body.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
        let url = self.issuer.url.join(path)?;
        let kind = format!("multipart/form-data; boundary={BOUNDARY}");
        answered(self.fetcher().post_bytes(&url, &kind, body, &[("accept", "application/json")]).await?)
    }
}

fn answered(response: warifu_server::fetch::Response) -> Result<Answer> {
    Ok(Answer { status: response.status.as_u16(), body: serde_json::from_slice(&response.body).unwrap_or(Value::Null) })
}
