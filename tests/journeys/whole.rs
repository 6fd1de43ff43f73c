//! The main job, end to end: document and selfie in, credential, reauth, presentation, shares.

use std::path::Path;
use std::process::{Command, Output};

use anyhow::Result;
use serde_json::Value;
use warifu_cli::demo::{Ended, Person, Teller, journey};
use warifu_tests::{World, models, shared, skip};

#[tokio::test(flavor = "multi_thread")]
async fn the_whole_journey_succeeds() -> Result<()> {
    let Some(models) = models("the_whole_journey_succeeds") else { return Ok(()) };
    let person = Person::fictional(&models)?;
    let world = World::start(models, "whole").await?;
    let ended = journey(&world.sandbox, &person, &mut Teller::new(true)).await?;
    assert_eq!(ended, Ended::Done);

    // What is remembered: every step, never a value.
    let history = serde_json::to_string(&world.sandbox.wallet.history()?)?;
    for word in ["CredentialIssuance", "Presentation"] {
        assert!(history.contains(word), "{word}");
    }
    let held = world.sandbox.wallet.list(world.hands.clock().now())?;
    let id = &held.last().expect("a credential").id;
    let details = serde_json::to_value(world.sandbox.wallet.show(id, world.hands.clock().now())?)?;
    let personal = ["family_name", "given_name", "birthdate", "document_number", "date_of_expiry"];
    let mut seen = 0;
    for claim in details["claims"].as_array().expect("claims") {
        if personal.iter().any(|name| claim["name"] == *name) {
            let value = claim["value"].as_str().expect("a text");
            assert!(!history.contains(value), "the history holds the value of {}", claim["name"]);
            seen += 1;
        }
    }
    assert_eq!(seen, personal.len());
    world.sandbox.stop().await;
    Ok(())
}

/// Runs the built program, as `make demo` does.
fn warifu(arguments: &[&str]) -> Option<Output> {
    // The test binary lies in target/<profile>/deps, the program one folder above.
    let binary = std::env::current_exe().ok()?.parent()?.parent()?.join("warifu");
    if !binary.is_file() {
        return None;
    }
    Some(Command::new(binary).args(arguments).output().expect("the program runs"))
}

fn steps(output: &Output) -> Vec<Value> {
    String::from_utf8_lossy(&output.stdout).lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

#[test]
fn an_impostor_ends_with_status_three() {
    let name = "an_impostor_ends_with_status_three";
    if models(name).is_none() {
        return;
    }
    let Some(shared) = shared(name, "") else { return };
    let document = shared.join("documents/synthetic/uto-td3-015.jpg");
    let selfie = shared.join("faces/p05_1.jpg");
    let paths = [&document, &selfie].map(|path| path.to_str().expect("a path").to_owned());
    let data = tempfile::tempdir().expect("a folder");
    let data = data.path().join("sandbox");
    let arguments = ["demo", "--headless", "--json", "--document", &paths[0], "--selfie", &paths[1], "--data"];
    let Some(output) = warifu(&[&arguments[..], &[data.to_str().expect("a path")]].concat()) else {
        return skip(name, "the program is not built beside the tests");
    };
    assert_eq!(output.status.code(), Some(3), "{}", String::from_utf8_lossy(&output.stderr));
    let last = steps(&output).pop().expect("a step");
    assert_eq!(last["ok"], false);
    assert_ne!(last["status"], "Approved");
}

#[test]
fn commands_explain_what_is_wrong() {
    let name = "commands_explain_what_is_wrong";
    let check = |arguments: &[&str], code: i32, words: &str| {
        let Some(output) = warifu(arguments) else { return skip(name, "the program is not built beside the tests") };
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {text}");
        assert!(text.contains(words), "{arguments:?}: `{words}` is not in: {text}");
    };
    check(&["demo", "--document", "x.jpg"], 2, "--headless");
    check(&["face", "match", "no-such-file.jpg", "other.jpg"], 1, "no-such-file.jpg");
    check(&["verifier", "serve", "--config", "no-such-file.toml"], 1, "no-such-file.toml");
    check(&["nonsense"], 2, "nonsense");
    let occupied = Path::new(env!("CARGO_MANIFEST_DIR")).to_str().expect("a path");
    check(&["demo", "--headless", "--data", occupied], 1, "holds something else than a sandbox");
}
