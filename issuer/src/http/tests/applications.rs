//! Applications: made by the operator, apart from each other.

use super::*;
use crate::kyc::checks::tests::handed_selfie;
use crate::kyc::workflow::Environment;

impl World {
    async fn operate(&self, key: &str, method: &str, path: &str, body: Value) -> Answer {
        let request = Request::builder().method(method).uri(path).header("x-operator-key", key);
        self.send(request.header("content-type", "application/json").body(Body::from(body.to_string())).unwrap()).await
    }

    /// A new application's key.
    pub(super) async fn application(&self, name: &str) -> String {
        let made = self.operate(OPERATOR, "POST", "/v3/applications/", json!({ "name": name })).await;
        assert_eq!(made.status, 201, "{}", made.text());
        made.json()["api_key"].as_str().unwrap().to_owned()
    }
}

#[tokio::test]
async fn only_the_operator_makes_them() {
    let world = World::new();
    let (id, _) = world.session().await;
    for (key, header) in [(KEY, "x-operator-key"), ("", "x-operator-key"), (OPERATOR, "x-api-key"), (KEY, "x-api-key")]
    {
        for (method, path) in [
            ("GET", "/v3/applications/".to_owned()),
            ("POST", "/v3/applications".to_owned()),
            ("POST", format!("/v3/applications/{id}/rotate/")),
            ("POST", format!("/v3/applications/{id}/revoke")),
        ] {
            let request = Request::builder().method(method).uri(&path).header(header, key);
            let request = request.header("content-type", "application/json").body(Body::from("{\"name\":\"x\"}"));
            let answer = world.send(request.unwrap()).await;
            assert_eq!((answer.status, answer.json()["detail"].is_string()), (403, true), "{method} {path} {header}");
        }
    }
    // The operator's key is no client's.
    assert_eq!(world.api_as(OPERATOR, "POST", "/v3/session/", json!({})).await.status, 403);
    for bad in [json!({}), json!({ "name": "" }), json!({ "name": 7 }), json!({ "name": "x".repeat(101) })] {
        let answer = world.operate(OPERATOR, "POST", "/v3/applications/", bad.clone()).await;
        assert_eq!((answer.status, answer.json()["name"].is_array()), (400, true), "{bad}");
    }
    let bad = json!({ "name": "x", "environment": "production" });
    assert_eq!(world.operate(OPERATOR, "POST", "/v3/applications/", bad).await.status, 400);
    let nobody = format!("/v3/applications/{id}/rotate/");
    assert_eq!(world.operate(OPERATOR, "POST", &nobody, json!({})).await.status, 404);
}

#[tokio::test]
async fn a_key_lives_until_it_is_rotated_or_revoked() {
    let world = World::new();
    let made = world.operate(OPERATOR, "POST", "/v3/applications", json!({ "name": "Bank A" })).await.json();
    let id = made["application_id"].as_str().unwrap().to_owned();
    let key = made["api_key"].as_str().unwrap();
    assert_eq!(made["environment"], "sandbox");
    let create = async |key: &str| world.api_as(key, "POST", "/v3/session/", json!({})).await.status;
    assert_eq!(create(key).await, 201);
    let rotated = world.operate(OPERATOR, "POST", &format!("/v3/applications/{id}/rotate/"), json!({})).await.json();
    let fresh = rotated["api_key"].as_str().unwrap();
    assert_eq!((create(key).await, create(fresh).await), (403, 201));
    let list = world.operate(OPERATOR, "GET", "/v3/applications/", json!({})).await;
    assert_eq!((&list.json()["count"], &list.json()["results"][0]["name"]), (&json!(1), &json!("Bank A")));
    assert!(!list.text().contains(fresh));
    assert_eq!(world.operate(OPERATOR, "POST", &format!("/v3/applications/{id}/revoke/"), json!({})).await.status, 200);
    assert_eq!(create(fresh).await, 403);
    assert_eq!(create(KEY).await, 201, "the key of the settings");
}

#[tokio::test]
async fn another_ones_session_is_as_if_it_were_not_there() {
    let world = World::new();
    let (a, b) = (world.application("Bank A").await, world.application("Bank B").await);
    let created = world.api_as(&a, "POST", "/v3/session/", json!({ "vendor_data": "u-7" })).await.json();
    assert_eq!(created["session_number"], 1);
    world.approve(created["session_token"].as_str().unwrap()).await;
    let id = created["session_id"].as_str().unwrap();
    let doors = [
        ("GET", "decision"),
        ("POST", "offer"),
        ("POST", "share"),
        ("POST", "revoke"),
        ("POST", "suspend"),
        ("POST", "reinstate"),
        ("DELETE", "delete"),
    ];
    for (method, door) in doors {
        let body = json!({ "audience": "partner-b" });
        let absent = world.api_as(&b, method, &format!("/v3/session/{}/{door}/", Uuid::nil()), body.clone()).await;
        for key in [&b, KEY] {
            let other = world.api_as(key, method, &format!("/v3/session/{id}/{door}/"), body.clone()).await;
            assert_eq!((other.status, other.text()), (404, absent.text()), "{door}");
        }
    }
    let block = json!({ "session_id": id, "blocklist_face": true, "unblock_face": true });
    for door in ["add", "remove"] {
        assert_eq!(world.api_as(&b, "POST", &format!("/v3/blocklist/{door}/"), block.clone()).await.status, 404);
        assert_eq!(world.api_as(&a, "POST", &format!("/v3/blocklist/{door}/"), block.clone()).await.status, 200);
    }
    assert_eq!(world.api_as(&a, "GET", &format!("/v3/session/{id}/decision/"), json!({})).await.status, 200);
}

#[tokio::test]
async fn people_of_one_name_are_two_people() {
    let world = World::new();
    let (a, b) = (world.application("Bank A").await, world.application("Bank B").await);
    let body = json!({ "vendor_data": "u-7" });
    let create = async |key: &str| world.api_as(key, "POST", "/v3/session/", body.clone()).await.json();
    let first = create(&a).await;
    assert_eq!(create(&a).await["session_id"], first["session_id"], "the unfinished one again");
    let second = create(&b).await;
    assert_ne!(second["session_id"], first["session_id"]);
    assert_eq!(second["session_number"], 1, "numbers say nothing of others");
    assert_ne!(create(KEY).await["session_id"], first["session_id"]);
    // The face that one application approved is neither reference nor duplicate for another.
    world.approve(first["session_token"].as_str().unwrap()).await;
    let reuse = json!({ "vendor_data": "u-7", "workflow_id": "wf_reusable_kyc" });
    let foreign = world.api_as(&b, "POST", "/v3/session/", reuse).await;
    assert!(foreign.text().contains("NO_REFERENCE_IMAGE"), "{}", foreign.text());
    let id = |session: &Value| session["session_id"].as_str().unwrap().parse::<Uuid>().unwrap();
    let block = json!({ "session_id": first["session_id"], "blocklist_face": true });
    assert_eq!(world.api_as(&a, "POST", "/v3/blocklist/add/", block).await.status, 200);
    let count = async |key: &str| world.api_as(key, "GET", "/v3/blocklist/", json!({})).await.json()["count"].clone();
    assert_eq!((count(&a).await, count(&b).await, count(KEY).await), (json!(1), json!(0), json!(0)));
    let found = async |session: Uuid| {
        let seen = world.issuer.seen_by_id(session).await.unwrap();
        let searched = world.issuer.search_faces(&seen.open, None, &handed_selfie().read).await.unwrap();
        let crate::kyc::evidence::Searched::Done(found) = searched else { panic!("not searched") };
        (found.enrolled.len() + found.blocked.len(), found.earlier.is_some())
    };
    assert_eq!(found(id(&second)).await, (0, false));
    let again = world.api_as(&a, "POST", "/v3/session/", json!({ "vendor_data": "u-8" })).await.json();
    assert_eq!(found(id(&again)).await, (2, false), "inside the application it is found");
}

/// On an issuer for real people a sandbox application gets sandbox workflows, and nothing of it is minted.
#[tokio::test]
async fn a_sandbox_on_a_live_issuer_mints_nothing() {
    let world = World::live();
    let body = json!({ "name": "Try", "environment": "sandbox" });
    let made = world.operate(OPERATOR, "POST", "/v3/applications/", body).await.json();
    let key = made["api_key"].as_str().unwrap();
    assert_eq!(made["environment"], "sandbox");
    let created = world.api_as(key, "POST", "/v3/session/", json!({})).await.json();
    let id = created["session_id"].as_str().unwrap();
    world.approve(created["session_token"].as_str().unwrap()).await;
    let decision = world.api_as(key, "GET", &format!("/v3/session/{id}/decision/"), json!({})).await.json();
    assert_eq!((&decision["environment"], &decision["status"]), (&json!("sandbox"), &json!("Approved")));
    let offer = world.api_as(key, "POST", &format!("/v3/session/{id}/offer/"), json!({})).await;
    assert_eq!(offer.status, 400, "{}", offer.text());
    // A live workflow is not a sandbox application's.
    let live = crate::kyc::workflow::Workflow::live().id;
    let refused = world.api_as(key, "POST", "/v3/session/", json!({ "workflow_id": live })).await;
    assert_eq!(refused.status, 400, "{}", refused.text());
    assert_eq!(world.issuer.config().environment, Environment::Live);
    let (id, _) = world.approved().await;
    assert_eq!(world.api("POST", &format!("/v3/session/{id}/offer/"), json!({})).await.status, 200);
}
