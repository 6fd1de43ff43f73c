//! `warifu credential`: what is written in a credential, and whether it holds.

use std::io::Read as _;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use warifu_credential::inspect::{self, inspect};

use crate::answer;

/// Subcommands of `warifu credential`.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum CredentialCommand {
    /// Decode a credential, presentation or status token: header, disclosures, digests, chain, status, validity.
    ///
    /// Nothing is verified. Knows SD-JWT VC, ISO mdoc, and JWS.
    Inspect {
        /// The file, or `-` for standard input.
        #[arg(value_name = "FILE|-")]
        file: String,
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
    },
}

/// Runs a subcommand.
pub(crate) fn run(command: CredentialCommand) -> Result<()> {
    match command {
        CredentialCommand::Inspect { file, json } => {
            let report = inspect(&read(&file)?)?;
            answer(json, &report, || {
                let mut text = String::new();
                listing(&report, 0, &mut text);
                text.trim_end().to_owned()
            });
            Ok(())
        }
    }
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

/// A JSON value as an indented listing: a line per member, lists with a dash, nothing for what is `null`.
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
            for (name, inner) in members.iter().filter(|(_, inner)| !inner.is_null()) {
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
