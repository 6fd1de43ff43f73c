//! Stored policies: versions, what they demand of an answer, and what is kept of it.

use std::time::Duration;

use axum::http::Method;
use serde_json::{Value, json};
use warifu_credential::ClaimPath;

use crate::world::{API_KEY, Answer, World, asked, outcomes};

impl World {
    async fn put(&self, path: &str, body: &Value) -> Answer {
        let headers = [("x-api-key", API_KEY), ("content-type", "application/json")];
        self.send(Method::PUT, path, &headers, body.to_string().into_bytes()).await
    }

    async fn delete(&self, path: &str) -> Answer {
        self.send(Method::DELETE, path, &[("x-api-key", API_KEY)], Vec::new()).await
    }

    /// A policy that asks for these claims, and more members.
    fn words(&self, claims: &[&[&str]], more: Value) -> Value {
        let claims: Vec<Value> = claims.iter().map(|path| json!({ "path": path })).collect();
        let meta = json!({ "vct_values": [self.vct] });
        let credential = json!({ "id": "kyc", "format": "dc+sd-jwt", "meta": meta, "claims": claims });
        let mut words = json!({ "purpose": "Open an account", "dcql_query": { "credentials": [credential] } });
        words.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        words
    }

    /// Asks by this policy and answers with these claims.
    async fn answered(&self, policy: &str, paths: &[ClaimPath]) -> String {
        let (id, link) = self.ask(json!({ "policy": policy })).await;
        let request = self.open(&link).await;
        let presentation = self.wallet.present(paths, &self.binding(&request));
        self.respond(&request, presentation).await;
        id
    }
}

#[track_caller]
fn refused(answer: &Answer, status: u16, code: &str) {
    assert_eq!((answer.status, answer.json()["code"].as_str()), (status, Some(code)), "{}", answer.text);
}

#[tokio::test]
async fn a_change_is_a_new_version_and_the_old_one_stays() {
    let world = World::new("versions").await;
    let first = world.words(&[&["given_name"]], json!({}));
    let stored = world.put("v1/policies/door", &first).await;
    assert_eq!((stored.status, &stored.json()["version"]), (200, &json!(1)), "{}", stored.text);
    assert_eq!(world.put("v1/policies/door", &first).await.json()["version"], 1, "the same words");
    let (id, _) = world.ask(json!({ "policy": "door" })).await;
    let second = world.words(&[&["family_name"]], json!({}));
    assert_eq!(world.put("v1/policies/door", &second).await.json()["version"], 2);
    let made = world.result(&id).await;
    assert_eq!((&made["policy"], &made["policy_version"]), (&json!("door"), &json!(1)));
    let old = world.get("v1/policies/door?version=1").await.json();
    assert_eq!(old["policy"], first);
    assert_eq!(world.get("v1/policies/door").await.json()["policy"], second);
    refused(&world.get("v1/policies/door?version=3").await, 404, "not_found");

    let retired = world.delete("v1/policies/door").await.json();
    assert_eq!((&retired["version"], &retired["standing"]), (&json!(3), &json!("retired")));
    refused(&world.post("v1/requests", &json!({ "policy": "door" })).await, 400, "unknown_policy");
    let versions = world.get("v1/policies/door/versions").await.json();
    let numbers: Vec<_> = versions["policies"].as_array().unwrap().iter().map(|it| it["version"].clone()).collect();
    assert_eq!(numbers, [3, 2, 1]);
    assert_eq!(world.put("v1/policies/door", &second).await.json()["version"], 4);
    world.ask(json!({ "policy": "door" })).await;
    let all = world.get("v1/policies").await.json();
    let sources: Vec<_> = all["policies"].as_array().unwrap().iter().map(|it| it["source"].clone()).collect();
    assert_eq!(sources.last(), Some(&json!("stored")));
    assert!(sources.contains(&json!("configuration")));
}

#[tokio::test]
async fn what_can_not_be_judged_is_not_stored() {
    let world = World::new("bad policies").await;
    let good = world.words(&[&["given_name"], &["assurance"]], json!({ "max_age_days": 30 }));
    assert_eq!(world.put("v1/policies/good", &good).await.status, 200);
    let claims: &[&[&str]] = &[&["given_name"]];
    let check = async |name: &str, words: Value, status: u16, code: &str| {
        refused(&world.put(&format!("v1/policies/{name}"), &words).await, status, code);
    };
    check("door", world.words(claims, json!({ "max_age_days": 30 })), 400, "bad_policy").await;
    check("door", world.words(claims, json!({ "minimum_assurance": "documentary" })), 400, "bad_policy").await;
    check("door", world.words(claims, json!({ "minimum_assurance": "splendid" })), 400, "bad_json").await;
    check("door", world.words(claims, json!({ "max_aeg_days": 30 })), 400, "bad_json").await;
    check("door", world.words(claims, json!({ "name": "other" })), 400, "bad_json").await;
    check("door", world.words(claims, json!({ "purpose": "" })), 400, "bad_policy").await;
    check("door", world.words(claims, json!({ "keep": { "claims": [], "days": 1 } })), 400, "bad_policy").await;
    check("door", world.words(claims, json!({ "keep": { "claims": ["x"], "days": 0 } })), 400, "bad_policy").await;
    check("door", world.words(claims, json!({ "issuers": [""] })), 400, "bad_policy").await;
    check("Door", world.words(claims, json!({})), 400, "bad_policy").await;
    check("identity", world.words(claims, json!({})), 409, "configured_policy").await;
    refused(&world.delete("v1/policies/identity").await, 409, "configured_policy");
    refused(&world.delete("v1/policies/door").await, 404, "not_found");
    refused(&world.get("v1/policies/%2e%2e").await, 404, "not_found");
    let stranger = world.send(Method::GET, "v1/policies", &[("x-api-key", "other")], Vec::new()).await;
    refused(&stranger, 403, "api_key");
}

#[tokio::test]
async fn an_answer_meets_what_the_policy_demands() {
    let world = World::new("demands").await;
    let paths = [ClaimPath::claim("assurance")];
    let check = async |name: &str, more: Value, failed: Option<&str>| {
        let words = world.words(&[&["assurance"]], more);
        assert_eq!(world.put(&format!("v1/policies/{name}"), &words).await.status, 200);
        let id = world.answered(name, &paths).await;
        let result = world.result(&id).await;
        let failing = outcomes(&result).into_iter().find(|(_, outcome)| *outcome == "fail").map(|(name, _)| name);
        assert_eq!(failing.as_deref(), failed, "{name}: {result}");
        assert_eq!(result["state"], if failed.is_none() { "accepted" } else { "refused" });
    };
    check("young", json!({ "max_age_days": 1 }), None).await;
    check("documentary", json!({ "minimum_assurance": "documentary" }), None).await;
    check("own", json!({ "issuers": ["issuer", "another"] }), None).await;
    check("chip", json!({ "minimum_assurance": "cryptographic" }), Some("query_satisfied")).await;
    check("others", json!({ "issuers": ["another"] }), Some("issuer_trusted")).await;
    world.hands.step(Duration::from_secs(2 * 24 * 3600));
    check("old", json!({ "max_age_days": 1 }), Some("query_satisfied")).await;
}

#[tokio::test]
async fn values_are_handed_over_once_and_then_gone() {
    let world = World::new("once").await;
    let (waiting, _) = world.ask(json!({ "policy": "identity" })).await;
    refused(&world.post(&format!("v1/requests/{waiting}/result"), &json!({})).await, 409, "no_result");
    let id = world.answered("identity", &asked()).await;
    let path = format!("v1/requests/{id}/result");
    assert_eq!(world.result(&id).await["claims"]["family_name"], "ERIKSSON");
    let result = world.post(&path, &json!({})).await;
    assert_eq!((result.status, &result.json()["claims"]["family_name"]), (200, &json!("ERIKSSON")));
    refused(&world.post(&path, &json!({})).await, 410, "collected");
    let after = world.result(&id).await;
    assert_eq!((&after["state"], &after["claims"]), (&json!("accepted"), &json!({})), "the verdict stays");
    assert!(!after.to_string().contains("ERIKSSON"));
    refused(&world.post("v1/requests/nothing/result", &json!({})).await, 404, "not_found");
}

#[tokio::test]
async fn values_that_nobody_collects_go_by_the_clock() {
    let world = World::new("clock").await;
    let words = world.words(
        &[&["given_name"], &["family_name"], &["birthdate"]],
        json!({ "keep": { "claims": ["family_name"], "days": 2 } }),
    );
    assert_eq!(world.put("v1/policies/kept", &words).await.status, 200);
    let (gone, kept) = (world.answered("identity", &asked()).await, world.answered("kept", &asked()).await);
    assert_eq!(world.verifier.tidy(world.now()).await.unwrap(), 0);
    world.hands.step(Duration::from_secs(15 * 60));
    // Shown to nobody, though still in the store.
    assert_eq!(world.result(&gone).await["claims"], json!({}));
    assert_eq!(world.result(&kept).await["claims"], json!({ "family_name": "ERIKSSON" }));
    refused(&world.post(&format!("v1/requests/{gone}/result"), &json!({})).await, 410, "collected");
    let stored = async |id: &str| {
        let record = world.store.get("requests", id).await.unwrap().unwrap();
        String::from_utf8(record.body).unwrap()
    };
    assert!(stored(&gone).await.contains("ANNA MARIA"));
    world.hands.step(Duration::from_secs(1));
    assert_eq!(world.verifier.tidy(world.now()).await.unwrap(), 2);
    assert!(!stored(&gone).await.contains("ERIKSSON"));
    assert!(stored(&kept).await.contains("ERIKSSON"));
    assert!(!stored(&kept).await.contains("ANNA MARIA"));
    assert_eq!(world.verifier.tidy(world.now()).await.unwrap(), 0);
    world.hands.step(Duration::from_secs(2 * 24 * 3600));
    assert_eq!(world.verifier.tidy(world.now()).await.unwrap(), 1);
    assert!(!stored(&kept).await.contains("ERIKSSON"));
    assert_eq!(world.result(&kept).await["state"], "accepted");
}
