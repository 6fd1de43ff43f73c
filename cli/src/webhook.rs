//! `warifu webhook`: what integrators need to try their receiver out.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use clap::ValueEnum;
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use uuid::Uuid;
use warifu_keys::Secret;
use warifu_session::Status;
use warifu_session::decision::{Environment, SessionKind};
use warifu_session::webhook::{
    Event, EventType, Findings, Received, Refusal, Version, WebhookSecret, carries_decision, sign,
};

use crate::answer;

/// Subcommands of `warifu webhook`.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum WebhookCommand {
    /// Say which signatures of a delivery hold, and why the others do not. Exit status 1 unless it can be believed.
    Verify(VerifyArgs),
    /// Write a signed delivery of invented data: headers, an empty line, body.
    Sample(SampleArgs),
}

/// Arguments of `warifu webhook verify`.
#[derive(Debug, clap::Args)]
pub(crate) struct VerifyArgs {
    #[command(flatten)]
    secret: SecretArgs,
    /// The body, byte for byte as it came, or `-` for standard input.
    #[arg(long, value_name = "FILE|-")]
    file: String,
    /// Value of `X-Signature-V2`; of any other header with --header.
    #[arg(long, value_name = "HEX")]
    signature: Option<String>,
    /// A header of the delivery, as it came. Headers that play no part are passed over.
    #[arg(long = "header", value_name = "NAME:VALUE")]
    headers: Vec<String>,
    /// When it came, as RFC 3339; now when absent.
    #[arg(long, value_name = "TIME")]
    at: Option<Timestamp>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// Arguments of `warifu webhook sample`.
#[derive(Debug, clap::Args)]
pub(crate) struct SampleArgs {
    #[command(flatten)]
    secret: SecretArgs,
    /// Status word of the session.
    #[arg(long, default_value = "Approved")]
    status: Status,
    /// Shape of the decision.
    #[arg(long, default_value = "v3")]
    version: Shape,
    /// Print one JSON object with the members `headers` and `body`.
    #[arg(long)]
    json: bool,
}

/// Where the secret of the destination comes from.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct SecretArgs {
    /// File that holds the secret of the destination. Better than --secret: others on this machine can see arguments.
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
    /// The secret of the destination.
    #[arg(long, value_name = "TEXT")]
    secret: Option<String>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Shape {
    V1,
    V2,
    V3,
}

impl SecretArgs {
    fn read(&self) -> Result<WebhookSecret> {
        let secret = match (&self.secret_file, &self.secret) {
            (Some(path), _) => secret_file(path)?,
            (None, Some(text)) => WebhookSecret::from_text(text),
            (None, None) => bail!("name the secret with --secret-file"),
        };
        if secret.expose().is_empty() {
            bail!("the secret is empty");
        }
        Ok(secret)
    }
}

/// A secret as an editor leaves it: without the line break at its end.
fn secret_file(path: &Path) -> Result<WebhookSecret> {
    let bytes = std::fs::read(path).with_context(|| format!("{} can not be read", path.display()))?;
    let text = Secret::new(bytes);
    Ok(WebhookSecret::from_secret(Secret::new(text.expose().trim_ascii().to_vec())))
}

/// Runs a subcommand.
pub(crate) fn run(command: WebhookCommand) -> Result<ExitCode> {
    match command {
        WebhookCommand::Verify(args) => verify(&args),
        WebhookCommand::Sample(args) => sample(&args),
    }
}

fn verify(args: &VerifyArgs) -> Result<ExitCode> {
    let secret = args.secret.read()?;
    let body = body(&args.file)?;
    let mut received = Received::new(&body);
    for header in &args.headers {
        let (name, value) =
            header.split_once(':').with_context(|| format!("`{header}` is no header; write --header NAME:VALUE"))?;
        received = received.header(name.trim(), value);
    }
    if let Some(signature) = &args.signature {
        received = received.header(warifu_session::webhook::X_SIGNATURE_V2, signature);
    }
    let now = args.at.unwrap_or_else(Timestamp::now);
    let Findings { raw, canonical, simple, time } = received.findings(&secret, now);
    let verified = received.verify(&secret, now);
    let rows =
        [("X-Signature", &raw), ("X-Signature-V2", &canonical), ("X-Signature-Simple", &simple), ("time", &time)];
    let report = json!({
        "verified": verified.is_ok(),
        "why": verified.as_ref().err().map(ToString::to_string),
        "checks": rows.iter().map(|(name, found)| ((*name).to_owned(), row(found))).collect::<Map<_, _>>(),
    });
    answer(args.json, &report, || {
        let mut lines: Vec<String> = rows
            .iter()
            .map(|(name, found)| match found {
                Ok(()) => format!("{name}: holds"),
                Err(Refusal::Absent(_)) => format!("{name}: not given"),
                Err(refusal) => format!("{name}: {refusal}"),
            })
            .collect();
        lines.push(match &verified {
            Ok(event) => format!(
                "verified: event {} ({} of session {})",
                member(event, "event_id"),
                member(event, "webhook_type"),
                member(event, "session_id")
            ),
            Err(refusal) => format!("refused: {refusal}"),
        });
        lines.join("\n")
    });
    Ok(if verified.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn row(found: &Result<(), Refusal>) -> Value {
    match found {
        Ok(()) => json!({ "holds": true }),
        Err(refusal) => json!({ "holds": false, "why": refusal.to_string() }),
    }
}

fn member<'a>(event: &'a Map<String, Value>, name: &str) -> &'a str {
    event.get(name).and_then(Value::as_str).unwrap_or("?")
}

fn body(file: &str) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    if file == "-" {
        std::io::stdin().read_to_end(&mut body).context("standard input can not be read")?;
    } else {
        body = std::fs::read(file).with_context(|| format!("{file} can not be read"))?;
    }
    Ok(body)
}

fn sample(args: &SampleArgs) -> Result<ExitCode> {
    let secret = args.secret.read()?;
    let now = Timestamp::now();
    let version = match args.version {
        Shape::V1 => Version::V1,
        Shape::V2 => Version::V2,
        Shape::V3 => Version::V3,
    };
    let signed = sign(&invented(args.status, now).shaped(version), &secret, now);
    let headers = [
        ("Content-Type", "application/json".to_owned()),
        ("X-Signature", signed.signatures.raw),
        ("X-Signature-V2", signed.signatures.canonical),
        ("X-Signature-Simple", signed.signatures.simple),
        ("X-Timestamp", signed.timestamp.to_string()),
    ];
    let report = json!({
        "headers": headers.iter().map(|(name, value)| ((*name).to_owned(), Value::from(value.as_str()))).collect::<Map<_, _>>(),
        "body": signed.body,
    });
    answer(args.json, &report, || {
        let lines: Vec<String> = headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        format!("{}\n\n{}", lines.join("\n"), signed.body)
    });
    Ok(ExitCode::SUCCESS)
}

/// An event of a person who does not exist.
fn invented(status: Status, now: Timestamp) -> Event {
    let id = |number: u128| Uuid::from_u128(0x6b79_6301_0000_4000_8000_0000_0000_0000 + number);
    let decision = carries_decision(status).then(|| {
        json!({
            "session_id": id(3), "session_kind": "user", "session_number": 1, "status": status, "workflow_id": id(4),
            "vendor_data": "customer-7", "environment": "sandbox", "created_at": now,
            "features": [{ "feature": "LIVENESS", "status": "Approved", "node_id": "n1" }],
            "liveness_checks": [{ "node_id": "n1", "status": "Approved", "method": "PASSIVE", "score": 97.5, "warnings": [] }],
        })
    });
    Event {
        event_id: id(1),
        webhook_type: EventType::StatusUpdated,
        created_at: now.as_second(),
        application_id: id(2),
        environment: Environment::Sandbox,
        session_id: id(3),
        session_kind: SessionKind::User,
        status,
        node_id: None,
        workflow_id: id(4),
        workflow_version: 1,
        sequence: 1,
        vendor_data: Some("customer-7".to_owned()),
        metadata: Some(json!({ "plan": "example", "name": "山田" })),
        decision,
        resubmit_info: None,
        consent: None,
    }
}
