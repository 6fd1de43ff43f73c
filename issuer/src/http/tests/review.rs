//! Reviewers, sandbox scenarios, explanations.

use super::*;

impl World {
    /// A session that played a scenario, as identifier and token.
    async fn played(&self, scenario: &str) -> (String, String) {
        let made = self.api("POST", "/v3/session/", json!({ "sandbox_scenario": scenario })).await;
        assert_eq!(made.status, 201, "{}", made.text());
        let (id, token) = (made.json()["session_id"].clone(), made.json()["session_token"].clone());
        let token = token.as_str().unwrap().to_owned();
        let answer = self.upload(&token, "document", vec![1, 2, 3]).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        (id.as_str().unwrap().to_owned(), token)
    }

    async fn decided(&self, id: &str) -> Value {
        self.api("GET", &format!("/v3/session/{id}/decision/"), json!({})).await.json()
    }

    async fn status(&self, id: &str, body: Value) -> Answer {
        self.api("PATCH", &format!("/v3/session/{id}/update-status/"), body).await
    }
}

#[tokio::test]
async fn a_scenario_is_judged_by_the_checks() {
    let world = World::new();
    for (scenario, status, check) in [
        // A sandbox takes the specimen, and says so aloud.
        ("approved", "Approved", "document_issuer"),
        ("document_expired", "Declined", "document_expiry"),
        ("face_mismatch", "Declined", "face_match"),
        ("liveness_attack", "In Review", "passive_liveness"),
        ("blocklisted_face", "Declined", "blocklisted_face"),
    ] {
        let (id, _) = world.played(scenario).await;
        let decision = world.decided(&id).await;
        assert_eq!((&decision["status"], &decision["environment"]), (&json!(status), &json!("sandbox")), "{scenario}");
        let cause = decision["causes"][0]["name"].as_str().unwrap_or_default();
        assert_eq!(cause, check, "{scenario}");
    }
    let (id, _) = world.session().await;
    let arm = async |body: Value| world.api("POST", &format!("/v3/session/{id}/sandbox/arm/"), body).await.status;
    assert_eq!(arm(json!({})).await, 400);
    assert_eq!(arm(json!({ "scenario": "magic" })).await, 400);
    assert_eq!(arm(json!({ "scenario": "approved" })).await, 200);
    let (begun, _) = world.played("approved").await;
    let late = world.api("POST", &format!("/v3/session/{begun}/sandbox/arm/"), json!({ "scenario": "approved" })).await;
    assert!((400..500).contains(&late.status), "{}", late.text());
    // Real people have no scenarios.
    let live = World::live();
    let refused = live.api("POST", "/v3/session/", json!({ "sandbox_scenario": "approved" })).await;
    assert_eq!((refused.status, refused.json()["sandbox_scenario"].is_array()), (400, true));
}

#[tokio::test]
async fn a_reviewer_decides_by_the_table() {
    let world = World::new();
    let (review, _) = world.played("liveness_attack").await;
    let (approved, _) = world.played("approved").await;
    let (declined, _) = world.played("document_expired").await;
    let (fresh, _) = world.session().await;
    let fresh = fresh.to_string();
    for (id, status) in
        [(&fresh, "Approved"), (&approved, "Declined"), (&approved, "Resubmitted"), (&declined, "Approved")]
    {
        let answer = world.status(id, json!({ "new_status": status })).await;
        assert_eq!(answer.status, 400, "{status}: {}", answer.text());
    }
    for bad in [
        json!({}),
        json!({ "new_status": "APPROVED" }),
        json!({ "new_status": "In Review" }),
        json!({ "new_status": "Approved", "comment": "x".repeat(2001) }),
        json!({ "new_status": "Resubmitted", "nodes_to_resubmit": "all" }),
        json!({ "new_status": "Resubmitted", "nodes_to_resubmit": [] }),
        json!({ "new_status": "Resubmitted", "nodes_to_resubmit": [{ "node_id": "n1", "feature": "AML" }] }),
        json!({ "new_status": "Approved", "send_email": true }),
    ] {
        assert_eq!(world.status(&review, bad.clone()).await.status, 400, "{bad}");
    }
    let done = world.status(&review, json!({ "new_status": "Approved", "comment": "seen in person" })).await;
    assert_eq!((done.status, &done.json()["session_id"]), (200, &json!(review)));
    let decision = world.decided(&review).await;
    assert_eq!(decision["status"], "Approved");
    assert_eq!(decision["status_override"]["automatic_status"], "In Review");
    assert_eq!(decision["reviews"][0]["comment"], "seen in person");
    assert_eq!(decision["causes"][0]["name"], "passive_liveness", "what the checks found stays");
    // A person's word is no evidence: nothing is minted of it, and the page still opens.
    let offer = world.api("POST", &format!("/v3/session/{review}/offer/"), json!({})).await;
    assert_eq!(offer.status, 400, "{}", offer.text());
    assert_eq!(world.api("POST", &format!("/v3/session/{approved}/offer/"), json!({})).await.status, 200);
    let nobody = world.status(&Uuid::nil().to_string(), json!({ "new_status": "Approved" })).await;
    assert_eq!(nobody.status, 404);
}

#[tokio::test]
async fn a_reviewed_page_still_opens() {
    let world = World::new();
    let (id, token) = world.played("liveness_attack").await;
    assert_eq!(world.status(&id, json!({ "new_status": "Approved" })).await.status, 200);
    let page = world.get(&format!("/en/session/{token}")).await;
    assert_eq!(page.status, 200, "{}", page.text());
    assert!(!page.text().contains("openid-credential-offer://"));
}

#[tokio::test]
async fn a_resubmission_opens_the_step_again() {
    let world = World::new();
    let (id, token) = world.played("document_expired").await;
    let step = async || {
        let request = Request::get(format!("/session/{token}/state")).body(Body::empty()).unwrap();
        world.send(request).await.json()["waits_for"].clone()
    };
    assert_eq!(step().await, "result");
    let selfie =
        json!({ "new_status": "Resubmitted", "nodes_to_resubmit": [{ "node_id": "default", "feature": "LIVENESS" }] });
    assert_eq!(world.status(&id, selfie).await.status, 200);
    assert_eq!((step().await, &world.decided(&id).await["status"]), (json!("selfie"), &json!("Resubmitted")));
    let (id, token) = world.played("document_expired").await;
    assert_eq!(world.status(&id, json!({ "new_status": "Resubmitted" })).await.status, 200);
    let decision = world.decided(&id).await;
    assert!(decision["id_verifications"].is_null() && decision["liveness_checks"].is_null());
    // The link works again, to a new verdict.
    assert_eq!(world.upload(&token, "document", vec![1]).await.status, 200);
    assert_eq!(world.decided(&id).await["status"], "Declined");
}

#[tokio::test]
async fn corrections_stand_beside_what_was_read() {
    let world = World::new();
    let (id, _) = world.played("approved").await;
    let path = format!("/v3/session/{id}/update-data/");
    for (bad, field) in [
        (json!({}), "detail"),
        (json!({ "first_name": 7 }), "first_name"),
        (json!({ "first_name": "" }), "first_name"),
        (json!({ "first_name": "x".repeat(257) }), "first_name"),
        (json!({ "date_of_birth": "12.8.1974" }), "date_of_birth"),
        (json!({ "gender": "female" }), "gender"),
        (json!({ "nationality": "Utopia" }), "nationality"),
    ] {
        let answer = world.api("PATCH", &path, bad.clone()).await;
        assert_eq!((answer.status, answer.json().get(field).is_some()), (400, true), "{bad}: {}", answer.text());
    }
    let body = json!({ "last_name": "ERICSSON", "date_of_birth": "1974-08-13", "unknown": 1 });
    let answer = world.api("PATCH", &path, body).await;
    assert_eq!((answer.status, &answer.json()["changed_fields"]), (200, &json!(["last_name", "date_of_birth"])));
    let document = world.decided(&id).await["id_verifications"][0].clone();
    assert_eq!(document["last_name"], "ERIKSSON");
    assert_eq!(document["corrections"]["last_name"]["read"], "ERIKSSON");
    assert_eq!(document["corrections"]["last_name"]["corrected"], "ERICSSON");
    assert_eq!(world.api("PATCH", &path, json!({ "last_name": null })).await.status, 200);
    assert!(world.decided(&id).await["id_verifications"][0]["corrections"].get("last_name").is_none());
    let (fresh, _) = world.session().await;
    let early = world.api("PATCH", &format!("/v3/session/{fresh}/update-data/"), json!({ "last_name": "X" })).await;
    assert_eq!(early.status, 400);
}

#[tokio::test]
async fn one_feature_can_be_overruled() {
    let world = World::new();
    let (id, _) = world.played("liveness_attack").await;
    let path = |node: &str| format!("/v3/session/{id}/features/{node}/update-status/");
    let body = json!({ "new_status": "Approved", "feature": "LIVENESS", "comment": "seen" });
    for (node, body, status) in [
        ("default", json!({ "new_status": "Approved" }), 400),
        ("default", json!({ "new_status": "Resubmitted", "feature": "LIVENESS" }), 400),
        ("default", json!({ "feature": "LIVENESS" }), 400),
        ("nowhere", body.clone(), 404),
        ("default", body, 200),
    ] {
        let answer = world.api("PATCH", &path(node), body.clone()).await;
        assert_eq!(answer.status, status, "{node} {body}: {}", answer.text());
    }
    let decision = world.decided(&id).await;
    assert_eq!(decision["liveness_checks"][0]["status"], "Approved");
    assert_eq!(decision["features"][1]["status"], "Approved");
    assert_eq!(decision["status"], "In Review", "the session itself waits for its own word");
}

#[tokio::test]
async fn notes_and_history() {
    let world = World::new();
    let (id, _) = world.played("liveness_attack").await;
    let path = format!("/v3/sessions/{id}/reviews");
    assert_eq!(world.api("POST", &path, json!({})).await.status, 400);
    assert_eq!(world.api("POST", &path, json!({ "comment": "x", "new_status": "fine" })).await.status, 400);
    assert_eq!(world.api("POST", &path, json!({ "comment": "asked the bank" })).await.status, 201);
    assert_eq!(world.status(&id, json!({ "new_status": "Declined" })).await.status, 200);
    let rows = world.api("GET", &format!("{path}/"), json!({})).await.json();
    assert_eq!((&rows[0]["activity_type"], &rows[0]["comment"]), (&json!("note"), &json!("asked the bank")));
    assert_eq!((&rows[1]["previous_status"], &rows[1]["new_status"]), (&json!("In Review"), &json!("Declined")));
    let decision = world.api("GET", &format!("/v3/session/{id}/decision/?include=events"), json!({})).await.json();
    let events = decision["events"].as_array().unwrap();
    assert!(events.iter().any(|event| event["type"] == "session.reviewed"), "{events:?}");
    assert_eq!(decision["activity_reviews"].as_array().unwrap().len(), 2);
    assert_eq!(decision["blocklisted"]["face"], false);
}

#[tokio::test]
async fn the_decision_has_every_member_in_either_shape() {
    let world = World::new();
    let (id, _) = world.played("approved").await;
    let plural = world.decided(&id).await;
    for absent in [
        "nfc_verifications",
        "ip_analyses",
        "aml_screenings",
        "phone_verifications",
        "email_verifications",
        "poa_verifications",
        "database_validations",
        "questionnaire_responses",
        "document_ai_documents",
        "expected_details",
        "contact_details",
        "nfc_skip_reason",
        "status_override",
    ] {
        assert_eq!(plural.get(absent), Some(&Value::Null), "{absent}");
    }
    assert!(plural["signals"].is_array() && plural["causes"].is_array());
    let score = plural["face_matches"][0]["score"].as_f64().unwrap();
    assert!((50.0..=100.0).contains(&score), "{score}");
    let v2 = world.api("GET", &format!("/v3/session/{id}/decision/?version=v2"), json!({})).await.json();
    assert_eq!(v2["id_verification"]["last_name"], "ERIKSSON");
    assert_eq!(v2["face_match"]["score"], plural["face_matches"][0]["score"]);
    assert!(v2.get("id_verifications").is_none() && v2["aml"].is_null());
}

#[tokio::test]
async fn every_check_is_explained() {
    let world = World::new();
    let explain = async |id: &str| world.api("GET", &format!("/v3/session/{id}/explain/"), json!({})).await.json();
    let (id, _) = world.played("document_expired").await;
    let explained = explain(&id).await;
    assert_eq!((&explained["status"], &explained["automatic_status"]), (&json!("Declined"), &json!("Declined")));
    assert_eq!(explained["causes"][0]["name"], "document_expiry");
    let checks = explained["checks"].as_array().unwrap();
    let workflow = crate::kyc::workflow::Workflow::sandbox();
    assert_eq!(checks.len(), CheckName::ALL.iter().filter(|check| workflow.needs(**check)).count());
    for check in checks {
        assert!(
            check["knob"].is_string() && check["consequence"].is_string() && check["reason"].is_string(),
            "{check}"
        );
    }
    let expiry = checks.iter().find(|check| check["name"] == "document_expiry").unwrap();
    assert!(expiry["value"].as_f64().unwrap() < 0.0 && expiry["threshold"].is_string(), "{expiry}");
    assert_eq!(expiry["consequence"], "decline");
    let (id, _) = world.played("liveness_attack").await;
    let checks = explain(&id).await["checks"].as_array().unwrap().clone();
    let liveness = checks.iter().find(|check| check["name"] == "passive_liveness").unwrap();
    assert_eq!((&liveness["knob"], &liveness["knob_value"]), (&json!("liveness_failed"), &json!("review")));
    let (fresh, _) = world.session().await;
    assert_eq!(explain(&fresh.to_string()).await["automatic_status"], Value::Null);
}

#[tokio::test]
async fn what_was_expected_is_held_against_the_document() {
    let world = World::new();
    let create = async |body: Value| world.api("POST", "/v3/session/", body).await;
    let play = async |expected: Value| {
        let contact = json!({ "email": "anna@post.example", "phone": "+4915112345678" });
        let body = json!({
            "sandbox_scenario": "approved", "expected_details": expected, "contact_details": contact,
            "callback_method": "both", "language": "pt-BR",
        });
        let made = create(body).await.json();
        let token = made["session_token"].as_str().unwrap();
        assert_eq!(world.upload(token, "document", vec![1]).await.status, 200);
        let id = made["session_id"].as_str().unwrap().to_owned();
        (world.decided(&id).await, id)
    };
    let (same, _) = play(json!({ "last_name": "Eriksson", "nationality": "UTO" })).await;
    assert_eq!(same["status"], "Approved");
    assert_eq!(same["contact_details"]["email"], "anna@post.example");
    let (other, id) = play(json!({ "last_name": "Smith", "date_of_birth": "1990-01-01" })).await;
    assert_eq!((&other["status"], &other["expected_details"]["last_name"]), (&json!("In Review"), &json!("Smith")));
    let risks: Vec<_> =
        other["id_verifications"][0]["warnings"].as_array().unwrap().iter().map(|it| it["risk"].clone()).collect();
    assert_eq!(risks[..2], [json!("FULL_NAME_MISMATCH_WITH_PROVIDED"), json!("DOB_MISMATCH_WITH_PROVIDED")]);
    let explained = world.api("GET", &format!("/v3/session/{id}/explain/"), json!({})).await.json();
    assert_eq!(explained["causes"][0]["knob"], "expected_details_mismatch");
    for (body, field) in [
        (json!({ "expected_details": 7 }), "expected_details"),
        (json!({ "contact_details": { "phone": "call me" } }), "contact_details"),
        (json!({ "callback_method": "nobody" }), "callback_method"),
        (json!({ "language": "xx" }), "language"),
    ] {
        let answer = create(body.clone()).await;
        assert_eq!((answer.status, answer.json()[field].is_array()), (400, true), "{body}");
    }
}

#[tokio::test]
async fn what_is_finished_is_counted_once_and_stays_counted() {
    let world = World::live();
    let usage = async |query: &str| world.api("GET", &format!("/v3/billing/usage/{query}"), json!({})).await;
    assert_eq!(usage("").await.json()["lines"][0]["count"], 0);
    let (id, _) = world.approved().await;
    let (_, _) = world.approved().await;
    let (_, _) = world.session().await;
    assert_eq!(world.api("DELETE", &format!("/v3/session/{id}/delete/"), json!({})).await.status, 200);
    let counted = usage("?month=2026-11").await.json();
    assert_eq!((&counted["lines"][0]["count"], &counted["lines"][0]["free"]), (&json!(2), &json!(2)));
    assert_eq!((&counted["total"], &counted["month"]), (&json!("0.0000"), &json!("2026-11")));
    assert_eq!(usage("?month=2026-10").await.json()["lines"][0]["count"], 0);
    assert_eq!(usage("?month=soon").await.status, 400);
    let prices = world.api("GET", "/v3/billing/prices/", json!({})).await.json();
    let import = prices["prices"].as_array().unwrap().iter().find(|row| row["item"] == "import").unwrap().clone();
    assert_eq!((&import["unit_price"], &import["paid_by"]), (&json!("0.3000"), &json!("importer")));
    assert_eq!(world.api("GET", "/v3/billing/balance", json!({})).await.json()["auto_refill_enabled"], false);
    assert_eq!(world.api_as("nobody", "GET", "/v3/billing/usage/", json!({})).await.status, 403);
}
