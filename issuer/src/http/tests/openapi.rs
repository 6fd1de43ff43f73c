//! The document of the v3 API: that it is valid, complete and fresh, and that the doors do what it says.

use std::collections::BTreeSet;

use warifu_server::openapi::{faults, follow, mismatches, operations, served};

use super::*;
use crate::http::openapi::document;

#[test]
fn the_document_is_valid() {
    assert_eq!(faults(document()), Vec::<String>::new());
    assert_eq!(document()["openapi"], "3.1.0");
    assert!(operations(document()).count() > 60);
}

#[test]
fn every_door_is_in_the_document_and_the_document_has_no_other() {
    let world = World::new();
    let served = served(&super::super::router(Arc::clone(&world.issuer)));
    let served: BTreeSet<(String, String)> = served
        .into_iter()
        .filter(|(path, _)| path.starts_with("/v3/"))
        .flat_map(|(path, methods)| methods.into_iter().map(move |method| (path.clone(), method)))
        .collect();
    let mut expected = BTreeSet::new();
    for (path, method, _) in operations(document()) {
        // What is described with a slash at its end is served without it too.
        expected.insert((path.to_owned(), method.to_owned()));
        expected.insert((path.trim_end_matches('/').to_owned(), method.to_owned()));
    }
    assert_eq!(served, expected);
}

#[test]
fn the_copy_in_the_repository_is_fresh() {
    let kept = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/openapi/issuer.json"));
    let kept: Value = serde_json::from_str(kept).unwrap();
    assert!(
        kept == *document(),
        "the document has changed; refresh the copy: warifu openapi > docs/openapi/issuer.json"
    );
}

/// What stands in the place of the parameters of a path.
async fn things(world: &World, path: &str) -> String {
    let create = async |path: &str, example: &str| {
        let body = document()["components"]["schemas"][example]["example"].clone();
        let made = world.api("POST", path, body).await.json();
        made["uuid"].as_str().unwrap_or_else(|| panic!("{path}: {made}")).to_owned()
    };
    let id = if path.starts_with("/v3/session") {
        let (id, token) = world.session().await;
        if !path.contains("sandbox/arm") {
            world.approve(&token).await;
        }
        id.to_string()
    } else if path.starts_with("/v3/workflows") {
        create("/v3/workflows/", "WorkflowBody").await
    } else if path.starts_with("/v3/questionnaires") {
        create("/v3/questionnaires/", "QuestionnaireBody").await
    } else {
        Uuid::nil().to_string()
    };
    path.replace("{id}", &id)
        .replace("{node}", "LIVENESS")
        .replace("{consent}", &Uuid::nil().to_string())
        .replace("{delivery}", &Uuid::nil().to_string())
}

async fn ask(world: &World, method: &str, path: &str, key: Option<(&str, &str)>, body: &Value) -> Answer {
    let mut request = Request::builder().method(method.to_uppercase().as_str()).uri(path);
    if let Some((header, key)) = key {
        request = request.header(header, key);
    }
    let body = if body.is_null() {
        Body::empty()
    } else {
        request = request.header("content-type", "application/json");
        Body::from(body.to_string())
    };
    world.send(request.body(body).unwrap()).await
}

/// Every operation is called with its own example; what comes back must be what the document says.
#[tokio::test]
async fn the_doors_read_the_examples_and_answer_as_described() {
    let world = World::new();
    let document = document();
    let mut succeeded = 0;
    for (path, method, operation) in operations(document) {
        let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
        let schema =
            schema["oneOf"].as_array().and_then(|all| all.iter().find(|one| one["type"] != "null")).unwrap_or(schema);
        let mut body = follow(document, schema).unwrap()["example"].clone();
        assert_eq!(body.is_null(), operation.get("requestBody").is_none(), "{method} {path} has no example");
        if body.get("workflow_id").is_some() {
            body["workflow_id"] = json!(world.issuer.config().workflows[0].id);
        }
        let operator = operation["security"][0].get("operator_key").is_some();
        let key = if operator { ("x-operator-key", OPERATOR) } else { ("x-api-key", KEY) };
        let asked = match operation["operationId"].as_str().unwrap() {
            "audit_inclusion" => format!("{path}?index=0"),
            "audit_consistency" => format!("{path}?from=1"),
            "session_decision" => format!("{}?include=events", things(&world, path).await),
            _ => things(&world, path).await,
        };
        let answer = ask(&world, method, &asked, Some(key), &body).await;
        let at = format!("{method} {asked} {body}: {} {}", answer.status, answer.text());
        let response = &operation["responses"][answer.status.to_string()];
        assert!(!response.is_null(), "not described: {at}");
        if answer.status == 400 {
            // It was understood, and there was another reason.
            assert!(answer.json()["detail"].is_string(), "the example is not read: {at}");
        }
        let schema = &follow(document, response).unwrap()["content"]["application/json"]["schema"];
        if !schema.is_null() {
            assert_eq!(mismatches(document, schema, &answer.json()), Vec::<String>::new(), "{at}");
        }
        succeeded += usize::from(answer.status < 300);
    }
    // The others need what a test in process has not: a partner, a receiver of webhooks, a consent.
    assert!(succeeded > 45, "{succeeded}");
}

#[tokio::test]
async fn where_a_key_is_needed_there_is_no_way_without() {
    let world = World::new();
    for (path, method, operation) in operations(document()) {
        let asked = things(&world, path).await;
        let answer = ask(&world, method, &asked, None, &Value::Null).await;
        let expected = match operation["operationId"].as_str().unwrap() {
            "session_share" => 401,
            "openapi_document" | "openapi_page" => 200,
            _ => 403,
        };
        assert_eq!(answer.status, expected, "{method} {asked}: {}", answer.text());
        assert_eq!(operation["security"] == json!([]), expected == 200, "{method} {path}");
    }
}

#[tokio::test]
async fn the_document_and_its_page_are_served() {
    let world = World::new();
    assert_eq!(&world.get("/v3/openapi.json").await.json(), document());
    for lang in ["en", "ja"] {
        let page = world.get(&format!("/v3/docs/?lang={lang}")).await;
        let text = page.text();
        assert_eq!(page.status, 200);
        assert!(!text.contains("reference-title") && text.contains(&format!("<html lang=\"{lang}\">")));
        for (_, _, operation) in operations(document()) {
            assert!(text.contains(&format!("id={}", operation["operationId"])), "{}", operation["operationId"]);
        }
        let policy = page.headers["content-security-policy"].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
        assert!(!text.contains("src=\"http") && !text.contains("style="), "nothing is loaded from elsewhere");
    }
}
