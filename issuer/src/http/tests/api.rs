//! The v3 API.

use super::*;

#[tokio::test]
async fn a_session_as_clients_know_it() {
    let world = World::new();
    let body = json!({ "vendor_data": "u-7", "metadata": { "plan": "x" }, "callback": "https://app.example/cb", "language": "ja" });
    let answer = world.api("POST", "/v3/session/", body.clone()).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    let session = answer.json();
    assert_eq!(session["status"], "Not Started");
    assert_eq!(session["session_kind"], "user");
    assert_eq!(session["session_number"], 1);
    let token = session["session_token"].as_str().unwrap();
    assert!(token.len() >= 12);
    assert_eq!(session["url"], format!("http://127.0.0.1:7001/ja/session/{token}"));
    // The same person with an unfinished session gets it again, by either spelling of the path.
    let again = world.api("POST", "/v3/session", body).await.json();
    assert_eq!(again["session_id"], session["session_id"]);
    let other = world.api("POST", "/v3/session", json!({ "vendor_data": "u-8" })).await.json();
    assert_ne!(other["session_id"], session["session_id"]);
    assert_eq!(other["session_number"], 2);
    let decision = world
        .api("GET", &format!("/v3/session/{}/decision/", session["session_id"].as_str().unwrap()), json!({}))
        .await;
    assert_eq!(decision.status, 200);
    assert_eq!(decision.json()["environment"], "sandbox");
    assert_eq!(decision.json()["id_verifications"], Value::Null);
}

#[tokio::test]
async fn refusals_by_row() {
    let world = World::new();
    let (id, _) = world.session().await;
    let check = async |method: &str, path: &str, body: Value, status: u16, member: &str| {
        let answer = world.api(method, path, body.clone()).await;
        assert_eq!(answer.status, status, "{method} {path} {body}: {}", answer.text());
        assert!(answer.json().get(member).is_some(), "{method} {path} {body}: {}", answer.text());
    };
    check("POST", "/v3/session/", json!({ "workflow_id": "x" }), 400, "workflow_id").await;
    check("POST", "/v3/session/", json!({ "workflow_id": Uuid::nil() }), 400, "workflow_id").await;
    check("POST", "/v3/session/", json!({ "vendor_data": "x".repeat(257) }), 400, "vendor_data").await;
    check("POST", "/v3/session/", json!({ "vendor_data": 7 }), 400, "vendor_data").await;
    check("POST", "/v3/session/", json!({ "callback": "javascript:alert(1)" }), 400, "callback").await;
    check("POST", "/v3/session/", json!({ "metadata": "x".repeat(20_000) }), 400, "metadata").await;
    check("POST", "/v3/session/", json!([]), 400, "detail").await;
    check("GET", "/v3/session/nothing/decision/", json!({}), 404, "detail").await;
    check("GET", &format!("/v3/session/{}/decision/", Uuid::nil()), json!({}), 404, "detail").await;
    check("POST", &format!("/v3/session/{id}/offer/"), json!({}), 400, "detail").await;
    check("POST", &format!("/v3/session/{id}/share/"), json!({}), 400, "audience").await;
    check(
        "POST",
        &format!("/v3/session/{id}/share/"),
        json!({ "audience": "partner-b", "expires_in": 59 }),
        400,
        "expires_in",
    )
    .await;
    check("POST", &format!("/v3/session/{id}/share/"), json!({ "audience": "partner-b" }), 400, "detail").await;
    check(
        "POST",
        &format!("/v3/session/{id}/share/"),
        json!({ "audience": "partner-b", "scope": ["all"] }),
        400,
        "scope",
    )
    .await;
}

#[tokio::test]
async fn a_bad_key_opens_nothing() {
    let world = World::new();
    let (id, _) = world.session().await;
    let doors = [
        ("POST", "/v3/session/".to_owned(), 403),
        ("GET", format!("/v3/session/{id}/decision/"), 403),
        ("POST", format!("/v3/session/{id}/offer/"), 403),
        ("POST", format!("/v3/session/{id}/revoke/"), 403),
        ("POST", format!("/v3/session/{id}/suspend/"), 403),
        ("POST", format!("/v3/session/{id}/reinstate/"), 403),
        ("DELETE", format!("/v3/session/{id}/delete/"), 403),
        ("POST", format!("/v3/session/{id}/share/"), 401),
    ];
    for (method, path, status) in doors {
        for key in [None, Some("wrong"), Some("")] {
            let mut request = Request::builder().method(method).uri(&path).header("content-type", "application/json");
            if let Some(key) = key {
                request = request.header("x-api-key", key);
            }
            let answer = world.send(request.body(Body::from("{}")).unwrap()).await;
            assert_eq!(answer.status, status, "{method} {path} {key:?}");
            assert!(answer.json()["detail"].is_string());
        }
    }
}

#[tokio::test]
async fn erased_means_gone() {
    let world = World::new();
    let (id, token) = world.approved().await;
    let path = format!("/v3/session/{id}/delete/");
    let erased = world.api("DELETE", &path, json!({})).await;
    assert_eq!((erased.status, &erased.json()["session_number"]), (200, &json!(1)));
    assert_eq!(world.api("DELETE", &path, json!({})).await.status, 200);
    assert_eq!(world.api("GET", &format!("/v3/session/{id}/decision/"), json!({})).await.status, 410);
    assert_eq!(world.get(&format!("/en/session/{token}")).await.status, 404);
    assert_eq!(world.api("POST", &format!("/v3/session/{id}/offer/"), json!({})).await.status, 410);
}
