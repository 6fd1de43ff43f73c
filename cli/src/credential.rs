//! `warifu credential`: what is written in a credential, and whether it holds.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail, ensure};
use jiff::Timestamp;
use serde_json::{Map, Value};
use warifu_credential::Authentic;
use warifu_credential::inspect::{self, inspect};
use warifu_credential::report::{self, Outcome, Report, Request, Terms};
use warifu_credential::status::StatusToken;
use warifu_keys::PublicKey;
use warifu_keys::jwk::Jwk;
use warifu_keys::x509::Certificate;
use warifu_server::fetch::{Fetcher, Limits, Policy};

use crate::answer;

/// Subcommands of `warifu credential`.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum CredentialCommand {
    /// Decode a credential, presentation or status token: header, disclosures, digests, chain, status, validity.
    ///
    /// Nothing is verified. Knows SD-JWT VC, ISO mdoc, W3C credentials, and anything else in a JWS or CWT.
    Inspect {
        /// The file, or `-` for standard input.
        #[arg(value_name = "FILE|-")]
        file: String,
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Verify a credential or presentation, check by check; for a failure with the field, the expected and the found
    /// value. Exit status 1 unless everything holds.
    ///
    /// Knows SD-JWT VC and ISO mdoc; W3C credentials are verified by `warifu vc verify`.
    Verify(VerifyArgs),
}

/// Arguments of `warifu credential verify`.
#[derive(Debug, clap::Args)]
pub(crate) struct VerifyArgs {
    /// The file, or `-` for standard input.
    #[arg(value_name = "FILE|-")]
    file: String,
    /// Certificates of trusted issuers, or of the authorities above them.
    #[arg(long, value_name = "PEM", required = true, num_args = 1..)]
    trust: Vec<PathBuf>,
    /// Nonce of the request that the presentation answers.
    #[arg(long, value_name = "N", requires = "aud")]
    nonce: Option<String>,
    /// Client identifier, with its prefix, of the verifier that asked; `origin:…` for the Digital Credentials API.
    #[arg(long, value_name = "A", requires = "nonce")]
    aud: Option<String>,
    /// Where an mdoc presentation was sent, which its device signed too.
    #[arg(long, value_name = "URL", requires = "nonce")]
    response_uri: Option<String>,
    /// JWK that an mdoc presentation was encrypted to, which its device signed too.
    #[arg(long, value_name = "FILE", requires = "nonce")]
    encryption_key: Option<PathBuf>,
    /// A status list token to use instead of fetching it.
    #[arg(long, value_name = "FILE", conflicts_with = "offline")]
    status: Option<String>,
    /// Fetch no status list: a credential that names one is then not verified.
    #[arg(long)]
    offline: bool,
    /// Let status lists be fetched from this machine too, and over http there.
    #[arg(long)]
    loopback: bool,
    /// The instant to verify at, in place of now.
    #[arg(long, value_name = "RFC3339")]
    at: Option<Timestamp>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// Runs a subcommand.
pub(crate) async fn run(command: CredentialCommand) -> Result<ExitCode> {
    match command {
        CredentialCommand::Inspect { file, json } => {
            let report = inspect(&read(&file)?)?;
            answer(json, &report, || {
                let mut text = String::new();
                listing(&report, 0, &mut text);
                text.trim_end().to_owned()
            });
            Ok(ExitCode::SUCCESS)
        }
        CredentialCommand::Verify(args) => {
            let report = verify(&args).await?;
            answer(args.json, &serde_json::to_value(&report)?, || table(&report));
            Ok(if report.verified { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
    }
}

async fn verify(args: &VerifyArgs) -> Result<Report> {
    let bytes = read(&args.file)?;
    if inspect(&bytes).is_ok_and(|report| report["format"].as_str().is_some_and(|format| format.starts_with("ldp_"))) {
        bail!("this is a W3C credential, which names its key by a DID: verify it with `warifu vc verify`");
    }
    let mut anchors = Vec::new();
    for path in &args.trust {
        anchors.extend(certificates(path)?);
    }
    let encryption_key = args.encryption_key.as_deref().map(public_key).transpose()?;
    let request = args.nonce.as_deref().zip(args.aud.as_deref()).map(|(nonce, audience)| Request {
        audience,
        nonce,
        response_uri: args.response_uri.as_deref(),
        encryption_key: encryption_key.as_ref(),
    });
    let now = args.at.unwrap_or_else(Timestamp::now);
    let verification = report::verify(&bytes, &Terms { anchors: &anchors, now, request });
    let token = match verification.authentic() {
        Some(authentic) if !args.offline => status(authentic, args, now).await,
        Some(_) | None => None,
    };
    let token = token.as_ref().map(|token| token.as_ref().map_err(|error| format!("{error:#}")));
    Ok(verification.settle(token, now))
}

/// The status list token of a credential, from a file or from where the credential says; `None` if it names none.
async fn status(authentic: &Authentic, args: &VerifyArgs, now: Timestamp) -> Option<Result<StatusToken>> {
    let wanted = authentic.wanted_status()?;
    let fetched = match &args.status {
        Some(file) => read(file),
        None => {
            let policy = if args.loopback { Policy::Loopback } else { Policy::Public };
            fetch(policy, wanted.uri, wanted.accept::<StatusToken>()).await
        }
    };
    // A text file ends with a line break; CBOR must not lose a byte.
    let trimmed = |bytes: &[u8]| if bytes.is_ascii() { bytes.trim_ascii().to_vec() } else { bytes.to_vec() };
    Some(fetched.and_then(|bytes| Ok(wanted.check(&trimmed(&bytes), now)?)))
}

async fn fetch(policy: Policy, uri: &url::Url, accept: &str) -> Result<Vec<u8>> {
    let answer = Fetcher::new(policy, Limits::default())?.get(uri, accept).await?;
    ensure!(answer.status.is_success(), "{uri} answers {}", answer.status.as_u16());
    Ok(answer.body)
}

/// Every certificate of a PEM file.
fn certificates(path: &Path) -> Result<Vec<Certificate>> {
    const END: &str = "-----END CERTIFICATE-----";
    let text = std::fs::read_to_string(path).with_context(|| format!("{} can not be read", path.display()))?;
    let blocks = text.split_inclusive(END).filter(|block| block.contains(END));
    let found = blocks.map(Certificate::from_pem).collect::<Result<Vec<_>, _>>();
    let found = found.with_context(|| format!("{} is no PEM certificate", path.display()))?;
    ensure!(!found.is_empty(), "{} holds no PEM certificate", path.display());
    Ok(found)
}

fn public_key(path: &Path) -> Result<PublicKey> {
    let bytes = std::fs::read(path).with_context(|| format!("{} can not be read", path.display()))?;
    let jwk: Jwk = warifu_keys::json::parse_as(&bytes).with_context(|| format!("{} is no JWK", path.display()))?;
    Ok(jwk.public_key()?)
}

/// A line per check, and the failure's values below it.
fn table(report: &Report) -> String {
    let mut text = format!("{}\n", if report.verified { "verified" } else { "NOT VERIFIED" });
    for check in &report.checks {
        let mark = match check.outcome {
            Outcome::Pass => "pass",
            Outcome::Fail => "FAIL",
            Outcome::NotRun => "-",
        };
        text += format!("{:<4} {:<14} {}", mark, check.name.word(), shorten(&check.detail)).trim_end();
        text.push('\n');
        for (name, value) in [("field", &check.field), ("expected", &check.expected), ("found", &check.found)] {
            if let Some(value) = value {
                text += &format!("       {name:<10} {}\n", shorten(value));
            }
        }
    }
    if let Some(claims) = &report.claims {
        text += "claims\n";
        listing(claims, 1, &mut text);
    }
    text.trim_end().to_owned()
}

/// The bytes of a file or of standard input, no more than are looked at.
fn read(file: &str) -> Result<Vec<u8>> {
    let most = inspect::MAX_BYTES as u64 + 1;
    let mut bytes = Vec::new();
    if file == "-" {
        std::io::stdin().lock().take(most).read_to_end(&mut bytes).context("standard input can not be read")?;
    } else {
        let open = std::fs::File::open(Path::new(file)).with_context(|| format!("{file} can not be read"))?;
        open.take(most).read_to_end(&mut bytes).with_context(|| format!("{file} can not be read"))?;
    }
    ensure!(!bytes.is_empty(), "there is nothing in {}", if file == "-" { "standard input" } else { file });
    Ok(bytes)
}

/// A JSON value as an indented listing: a line per member, lists with a dash, nothing for what is empty.
fn listing(value: &Value, depth: usize, text: &mut String) {
    let indent = "  ".repeat(depth);
    let scalar = |value: &Value| match value {
        Value::String(text) => Some(shorten(text)),
        Value::Array(items) if items.iter().all(|item| !item.is_object() && !item.is_array()) => {
            Some(items.iter().map(plain).collect::<Vec<_>>().join(", "))
        }
        Value::Object(_) | Value::Array(_) | Value::Null => None,
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
    };
    match value {
        Value::Object(members) => {
            let empty = |value: &Value| value.is_null() || value.as_object().is_some_and(Map::is_empty);
            for (name, inner) in members.iter().filter(|(_, inner)| !empty(inner)) {
                match scalar(inner) {
                    Some(line) => *text += &format!("{indent}{name}: {line}\n"),
                    None => {
                        *text += &format!("{indent}{name}:\n");
                        listing(inner, depth + 1, text);
                    }
                }
            }
        }
        Value::Array(items) => {
            for item in items {
                match scalar(item) {
                    Some(line) => *text += &format!("{indent}- {line}\n"),
                    None => {
                        let mut inner = String::new();
                        listing(item, depth + 1, &mut inner);
                        // The dash takes the place of the first line's last indent.
                        *text += &format!("{indent}- {}", inner.trim_start());
                    }
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            *text += &format!("{indent}{}\n", plain(value));
        }
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), shorten)
}

/// A text on one line of a terminal: no control characters, and pictures cut short.
fn shorten(text: &str) -> String {
    const MOST: usize = 200;
    let shown: String = text.chars().take(MOST).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    match text.chars().count() {
        count if count > MOST => format!("{shown}… ({count} characters)"),
        _ => shown,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn listings_read_from_top_to_bottom() {
        let value = json!({
            "format": "dc+sd-jwt",
            "status": null,
            "header": { "alg": "ES256", "x5c": [{ "subject": "CN=a", "issuer": "CN=b" }] },
            "path": ["a", 0],
            "text": "one\u{1b}[31m two",
        });
        let mut text = String::new();
        listing(&value, 0, &mut text);
        let expected = "format: dc+sd-jwt\nheader:\n  alg: ES256\n  x5c:\n    - subject: CN=a\n      issuer: CN=b\npath: a, 0\ntext: one\u{fffd}[31m two\n";
        assert_eq!(text, expected);
        assert!(shorten(&"x".repeat(300)).ends_with("… (300 characters)"));
    }
}
