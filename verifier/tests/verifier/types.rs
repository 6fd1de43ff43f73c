//! Types that extend the one asked for, and the authority that is demanded.

use serde_json::{Value, json};
use warifu_keys::base64url;

use crate::world::{World, asked, outcomes};

/// Asks for this type and answers with a credential of that one: the outcome, and why.
async fn answered(world: &World, wanted: &str, shown: &str) -> (Value, String) {
    let claims: Vec<Value> = asked().iter().map(|path| json!({ "path": path })).collect();
    let credential = json!({"id": "kyc", "format": "dc+sd-jwt", "meta": {"vct_values": [wanted]}, "claims": claims});
    let (id, link) = world.ask(json!({"dcql_query": {"credentials": [credential]}})).await;
    let request = world.open(&link).await;
    let wallet = world.minted_as(shown, &world.issuer, &world.signer);
    world.respond(&request, wallet.present(&asked(), &world.binding(&request))).await;
    let result = world.result(&id).await;
    let check = result["checks"].as_array().unwrap().iter().find(|check| check["name"] == "query_satisfied").unwrap();
    (outcomes(&result)["query_satisfied"].clone(), check["detail"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn a_type_that_extends_the_asked_one_answers() {
    let world = World::new("inheritance").await;
    let at = |name: &str| world.status_uri.join(&format!("/types/{name}")).unwrap().to_string();
    let publish = |name: &str, extends: Option<&str>| {
        let mut metadata = json!({"vct": at(name), "name": name});
        if let Some(extends) = extends {
            metadata["extends"] = json!(extends);
        }
        world.outside.lock().unwrap().types.insert(name.to_owned(), metadata);
    };
    publish("base", None);
    publish("middle", Some(&at("base")));
    publish("leaf", Some(&at("middle")));
    publish("other", None);
    publish("circle", Some(&at("circle")));
    publish("pid", Some("urn:eudi:pid:1"));
    for (wanted, shown) in [("base", "base"), ("base", "middle"), ("base", "leaf"), ("middle", "leaf")] {
        let (outcome, detail) = answered(&world, &at(wanted), &at(shown)).await;
        assert_eq!(outcome, "pass", "{shown} for {wanted}: {detail}");
    }
    assert_eq!(answered(&world, "urn:eudi:pid:1", &at("pid")).await.0, "pass", "known here, at no address");
    // The other way round, beside it, in circles, unknown, no address, or gone from the network: refused, and says so.
    for (wanted, shown, said) in [
        ("leaf", "base", "another type"),
        ("base", "other", "another type"),
        ("base", "circle", "extends itself"),
        ("base", "nowhere", "404"),
    ] {
        let (outcome, detail) = answered(&world, &at(wanted), &at(shown)).await;
        assert_eq!(outcome, "fail", "{shown} for {wanted}");
        assert!(detail.contains(said), "{detail}");
    }
    let (outcome, detail) = answered(&world, &at("base"), "urn:example:own").await;
    assert_eq!((outcome, detail.contains("no address")), (json!("fail"), true), "{detail}");
    // What was learned is kept for an hour.
    world.outside.lock().unwrap().types.clear();
    assert_eq!(answered(&world, &at("base"), &at("leaf")).await.0, "pass");
    world.hands.step(std::time::Duration::from_secs(3600));
    assert_eq!(answered(&world, &at("base"), &at("leaf")).await.0, "fail");
}

/// Metadata that says it is somebody else's, or breaks its own promise, extends nothing.
#[tokio::test]
async fn metadata_is_read_strictly() {
    let world = World::new("strict types").await;
    let at = |name: &str| world.status_uri.join(&format!("/types/{name}")).unwrap().to_string();
    for (name, metadata) in [
        ("foreign", json!({"vct": at("another"), "extends": at("base")})),
        ("shapeless", json!({"vct": at("shapeless"), "extends": [at("base")]})),
        ("text", json!("text")),
        ("large", json!({"vct": at("large"), "extends": at("base"), "name": "x".repeat(600 * 1024)})),
    ] {
        world.outside.lock().unwrap().types.insert(name.to_owned(), metadata);
        assert_eq!(answered(&world, &at("base"), &at(name)).await.0, "fail", "{name}");
    }
}

/// `aki` names an authority of the chain.
#[tokio::test]
async fn an_authority_may_be_demanded() {
    let world = World::new("aki").await;
    let check = async |aki: Vec<u8>, expected: &str| {
        let authority = json!({"type": "aki", "values": [base64url::encode(&aki)]});
        let claims: Vec<Value> = asked().iter().map(|path| json!({ "path": path })).collect();
        let credential = json!({
            "id": "kyc", "format": "dc+sd-jwt", "meta": {"vct_values": [world.vct]}, "claims": claims,
            "trusted_authorities": [authority],
        });
        let (id, link) = world.ask(json!({"dcql_query": {"credentials": [credential]}})).await;
        let request = world.open(&link).await;
        world.respond(&request, world.wallet.present(&asked(), &world.binding(&request))).await;
        let result = world.result(&id).await;
        assert_eq!(outcomes(&result)["query_satisfied"], expected, "{result}");
    };
    check(world.issuer.certificate().key_identifier(), "pass").await;
    check(world.signer.chain[0].key_identifier(), "fail").await;
    check(vec![7; 20], "fail").await;
}
