//! `warifu session`: asks an issuer about a session.

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;
use url::Url;
use uuid::Uuid;
use warifu_server::fetch::{Fetcher, Limits, Policy};

use crate::answer;

/// Subcommands of `warifu session`.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum SessionCommand {
    /// Say why a session is what it is: every check with its measure, its threshold and the setting that made it count.
    Explain {
        /// Identifier of the session.
        id: Uuid,
        /// Address of the issuer.
        #[arg(long, value_name = "URL", env = "WARIFU_ISSUER")]
        issuer: Url,
        /// File that holds the application's API key.
        #[arg(long, value_name = "FILE", env = "WARIFU_API_KEY_FILE")]
        api_key: PathBuf,
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
    },
}

/// Runs a subcommand.
pub(crate) async fn run(command: SessionCommand) -> Result<()> {
    let SessionCommand::Explain { id, issuer, api_key, json } = command;
    let key = std::fs::read_to_string(&api_key).with_context(|| format!("{} can not be read", api_key.display()))?;
    // The operator named the address, so an issuer on this machine is as good as any other.
    let here = issuer.scheme() == "http";
    let fetcher = Fetcher::new(if here { Policy::Loopback } else { Policy::Public }, Limits::default())?;
    let headers = [("x-api-key", key.trim()), ("accept", "application/json")];
    let address = issuer.join(&format!("v3/session/{id}/explain/"))?;
    let response = fetcher.send(axum::http::Method::GET, &address, &headers, Vec::new()).await?;
    if !response.status.is_success() {
        bail!("the issuer answered {}: {}", response.status, String::from_utf8_lossy(&response.body));
    }
    let explained: Value = serde_json::from_slice(&response.body).context("the issuer's answer is not JSON")?;
    answer(json, &explained, || text(&explained));
    Ok(())
}

fn text(explained: &Value) -> String {
    let word = |value: &Value, name: &str| value[name].as_str().unwrap_or("-").to_owned();
    let mut lines = vec![format!("session {} is {}", word(explained, "session_id"), word(explained, "status"))];
    if let Some(automatic) = explained["status_override"]["automatic_status"].as_str() {
        lines.push(format!("a reviewer decided so; the checks came to {automatic}"));
    }
    for cause in explained["causes"].as_array().into_iter().flatten() {
        lines.push(format!("because of {}: {}", word(cause, "name"), word(cause, "reason")));
    }
    for rule in explained["rules"].as_array().into_iter().flatten() {
        let of = |name: &str| rule["additional_data"][name].to_string();
        lines.push(format!(
            "because of a rule at {}: {} {} {}, was {}, gives {}",
            word(rule, "node_id"),
            of("field"),
            of("operator"),
            of("rule_value"),
            of("actual_value"),
            of("target_status")
        ));
    }
    if let Some(way) = explained["course"]["passed"].as_array().filter(|way| !way.is_empty()) {
        let way: Vec<_> = way.iter().filter_map(Value::as_str).collect();
        let end = explained["course"]["ended_at"].as_str().map(|end| format!(", ended at {end}")).unwrap_or_default();
        lines.push(format!("by way of {}{end}", way.join(", ")));
    }
    for check in explained["checks"].as_array().into_iter().flatten() {
        let value = check["value"].as_f64().map_or_else(|| "-".to_owned(), |value| value.to_string());
        let knob = match (&check["knob_value"], check["knob"].as_str().unwrap_or("-")) {
            (Value::Null, knob) => knob.to_owned(),
            (value, knob) => format!("{knob} = {value}"),
        };
        lines.push(format!(
            "  {:<18} {:<8} {:<8} {value:<10} {:<40} {knob}",
            word(check, "name"),
            word(check, "outcome"),
            word(check, "consequence"),
            word(check, "threshold"),
        ));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_cause_measure_threshold_and_knob() {
        let explained = json!({
            "session_id": "s1", "status": "Approved",
            "status_override": { "automatic_status": "In Review" },
            "causes": [{ "name": "passive_liveness", "reason": "The selfie looks like a picture." }],
            "checks": [{
                "name": "passive_liveness", "outcome": "fail", "consequence": "review", "value": 0.02,
                "threshold": "score >= 0.5", "knob": "liveness_failed", "knob_value": "review",
            }],
        });
        let text = text(&explained);
        for part in ["Approved", "came to In Review", "looks like a picture", "0.02", "score >= 0.5", "liveness_failed"]
        {
            assert!(text.contains(part), "{part} in {text}");
        }
    }
}
