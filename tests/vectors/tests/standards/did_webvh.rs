//! did:webvh 1.0: published logs (create, rotate, commit to keys and use them, deactivate).

use jiff::Timestamp;
use serde_json::{Value, json};
use warifu_vectors::vector_text;
use warifu_w3c::did::webvh::{At, Chain, LogError};
use warifu_w3c::did::{Did, Relationship};

const ONE: &str = "did:webvh:Qmdxt11AjZewCNXX69bpEDobgjySeZ7eFwjf4tgpF6p2Dg:example.com";
const COMMITTED: &str = "did:webvh:QmcKnGa3dur9W5JbQ3CC7D95Aqy5g4tbp81U3QG8DG1wtv:example.com";

fn now() -> Timestamp {
    "2026-11-23T09:00:00Z".parse().unwrap()
}

fn log(name: &str) -> Option<String> {
    vector_text("did_webvh", &format!("did-webvh/{name}.jsonl"))
}

#[track_caller]
fn check(name: &str, did: &str, versions: usize, last_key: &str) {
    let Some(text) = log(name) else { return };
    let did = Did::parse(did).unwrap();
    let chain = Chain::verify(&did, text.as_bytes(), now()).unwrap();
    let log = chain.witnessed(None, now()).unwrap();
    assert_eq!(log.versions().len(), versions, "{name}");
    let last = log.resolve(At::VersionNumber(versions)).unwrap();
    let document = last.document.unwrap();
    assert_eq!(document.id(), &did);
    let found = &document.methods(Relationship::Authentication)[0];
    assert!(found.ends_with(last_key), "{name}: {found}");
    document.key(found, Relationship::Authentication).unwrap();
    assert_eq!(
        log.resolve(At::VersionTime("2000-01-01T12:00:00Z".parse().unwrap())).unwrap().metadata["created"],
        "2000-01-01T00:00:00Z"
    );
}

#[test]
fn published_logs_hold() {
    check("basic-create", ONE, 1, "#P5RDjVJG");
    check("key-rotation", ONE, 2, "#ufuXSdxf");
    check("pre-rotation", COMMITTED, 1, "#P5RDjVJG");
    check("deactivate", ONE, 2, "#P5RDjVJG");
    check("pre-rotation-consume", COMMITTED, 2, "#ufuXSdxf");
}

#[test]
fn the_deactivated_one_resolves_to_nothing() {
    let Some(text) = log("deactivate") else { return };
    let chain = Chain::verify(&Did::parse(ONE).unwrap(), text.as_bytes(), now()).unwrap();
    let latest = chain.witnessed(None, now()).unwrap().resolve(At::Latest).unwrap();
    assert_eq!((latest.document, latest.metadata["deactivated"].as_bool()), (None, Some(true)));
    assert_eq!(latest.metadata["updated"], "2000-01-02T00:00:00Z");
}

/// Whatever is changed in a published log, it is refused, and by the rule that was broken.
#[test]
fn changed_logs_fail() {
    let Some(text) = log("key-rotation") else { return };
    let verify = |entries: &[Value]| {
        let text: String = entries.iter().map(|entry| format!("{entry}\n")).collect();
        Chain::verify(&Did::parse(ONE).unwrap(), text.as_bytes(), now())
    };
    let entries: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    verify(&entries).unwrap();
    let with = |at: usize, change: &dyn Fn(&mut Value)| {
        let mut entries = entries.clone();
        change(&mut entries[at]);
        verify(&entries).unwrap_err()
    };
    assert!(matches!(with(0, &|entry| entry["state"]["controller"] = "did:example:1".into()), LogError::Scid));
    assert!(matches!(with(0, &|entry| entry["parameters"]["portable"] = true.into()), LogError::Scid));
    assert!(matches!(with(0, &|entry| entry["versionTime"] = "2000-01-01T00:00:01Z".into()), LogError::Scid));
    assert!(matches!(
        with(1, &|entry| entry["state"]["controller"] = "did:example:1".into()),
        LogError::EntryHash { version: 2 }
    ));
    assert!(matches!(
        with(1, &|entry| entry["versionTime"] = "1999-12-31T00:00:00Z".into()),
        LogError::NotLater { version: 2 }
    ));
    assert!(matches!(with(1, &|entry| entry["proof"] = json!([])), LogError::Proof { version: 2, .. }));
    let value = entries[0]["proof"][0]["proofValue"].clone();
    assert!(matches!(
        with(1, &|entry| entry["proof"][0]["proofValue"] = value.clone()),
        LogError::Proof { version: 2, .. }
    ));
    assert!(matches!(verify(&entries[1..]), Err(LogError::VersionId { version: 1 })));
    assert!(matches!(verify(&[entries[0].clone(), entries[0].clone()]), Err(LogError::VersionId { version: 2 })));
}
