//! Workflows: drawn, published, pinned, followed; questionnaires.

use std::collections::BTreeSet;

use super::*;

impl World {
    /// A workflow of these nodes behind a document `n1`, published; its identifier.
    pub(super) async fn drawn(&self, nodes: Value) -> String {
        let made =
            self.api("POST", "/v3/workflows/", json!({ "workflow_label": "Drawn", "graph": drawing(nodes) })).await;
        assert_eq!(made.status, 201, "{}", made.text());
        made.json()["workflow_id"].as_str().unwrap().to_owned()
    }

    /// A session under a workflow: its identifier and token.
    pub(super) async fn under(&self, workflow: &str) -> (String, String) {
        let made = self.api("POST", "/v3/session/", json!({ "workflow_id": workflow })).await;
        assert_eq!(made.status, 201, "{}", made.text());
        let text = |name: &str| made.json()[name].as_str().unwrap().to_owned();
        (text("session_id"), text("session_token"))
    }

    pub(super) async fn hand_in_document(&self, token: &str) {
        let (issuer, now) = (&self.issuer, self.now());
        let step = issuer.change(token, now, |open| {
            open.personal.stage = open.personal.stage.clone().with_document(handed_document())?;
            Ok(issuer.settle(open, "session.document_received", now))
        });
        step.await.unwrap();
    }

    /// A selfie, after which all checks pass but these.
    pub(super) async fn hand_in_selfie(&self, token: &str, changed: &[(CheckName, Outcome)]) {
        let (issuer, now) = (&self.issuer, self.now());
        let outcome =
            |name| changed.iter().find(|(other, _)| *other == name).map_or(Outcome::Pass, |(_, outcome)| *outcome);
        let step = issuer.change(token, now, |open| {
            let signals: Vec<_> =
                CheckName::ALL.iter().map(|name| Signal::new(*name, outcome(*name), Code::OneFace)).collect();
            let stage = open.personal.stage.clone().with_selfie(handed_selfie())?;
            open.personal.stage = stage.decided(signals, now)?;
            Ok(issuer.settle(open, "session.in_review", now))
        });
        step.await.unwrap();
    }

    pub(super) async fn decision(&self, id: &str) -> Value {
        self.api("GET", &format!("/v3/session/{id}/decision/"), json!({})).await.json()
    }
}

/// A graph with a document, `nodes`, a selfie `n2` `n3`, and the ends `s0` declined, `s1` determined, `s2` in review, `s3` approved;
/// those that nothing leads to are left out.
pub(super) fn drawing(nodes: Value) -> Value {
    let mut all = json!({
        "n1": { "node_type": "feature", "feature": "OCR", "next": "b1" },
        "n2": { "node_type": "feature", "feature": "LIVENESS", "next": "n3" },
        "n3": { "node_type": "feature", "feature": "FACE_MATCH", "next": "s1" },
        "s0": { "node_type": "status", "session_status": "Declined" },
        "s1": { "node_type": "status", "session_status": "Determine" },
        "s2": { "node_type": "status", "session_status": "In Review" },
        "s3": { "node_type": "status", "session_status": "Approved" },
    });
    all.as_object_mut().unwrap().extend(nodes.as_object().unwrap().clone());
    let text = all.to_string();
    for end in ["s0", "s1", "s2", "s3"] {
        if !text.contains(&format!(":\"{end}\"")) {
            all.as_object_mut().unwrap().remove(end);
        }
    }
    json!({ "start_node": "n1", "nodes": all })
}

/// A branch that goes to `then` where the rule holds, and to the selfie otherwise.
fn branch(rule: Value, then: &str) -> Value {
    json!({ "node_type": "branch", "branches": [
        { "id": "if", "logic": "and", "rules": [rule], "goto": then },
        { "id": "else", "logic": "and", "rules": [], "goto": "n2" }] })
}

fn utopian() -> Value {
    json!({ "field": "kyc.issuing_state", "operator": "equals", "value": "UTO" })
}

pub(super) fn texts(value: &Value, member: &str) -> Vec<String> {
    value.as_array().unwrap().iter().map(|row| row[member].as_str().unwrap_or("-").to_owned()).collect()
}

#[tokio::test]
async fn the_ready_ones_are_there_from_the_start() {
    let world = World::new();
    let key = world.application("Bank A").await;
    let all = world.api_as(&key, "GET", "/v3/workflows/", json!({})).await.json();
    let names = texts(&all["results"], "name");
    for name in ["wf_first_verification", "wf_reusable_kyc"] {
        assert!(names.iter().any(|other| other == name), "{names:?}");
        let one = world.api_as(&key, "GET", &format!("/v3/workflows/{name}/"), json!({})).await;
        assert_eq!((one.status, &one.json()["status"]), (200, &json!("published")));
        for (method, path) in [("PATCH", ""), ("DELETE", ""), ("POST", "create-draft/"), ("POST", "publish/")] {
            let path = format!("/v3/workflows/{name}/{path}");
            assert_eq!(
                world.api_as(&key, method, &path, json!({ "workflow_label": "x" })).await.status,
                400,
                "{method} {path}"
            );
        }
    }
    let made = world.api_as(&key, "POST", "/v3/session/", json!({ "workflow_id": "wf_first_verification" })).await;
    assert_eq!((made.status, &made.json()["workflow_type"]), (201, &json!("kyc")));
}

#[tokio::test]
async fn a_session_keeps_the_version_it_began_with() {
    let world = World::new();
    let features = json!([{ "feature": "OCR", "config": { "minimum_age": 18 } }, { "feature": "LIVENESS" }, { "feature": "FACE_MATCH" }]);
    let made = world.api("POST", "/v3/workflows", json!({ "workflow_label": "Adults", "features": features })).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let first = made.json();
    assert_eq!((&first["version"], &first["status"]), (&json!(1), &json!("published")));
    let (id, v1) = (first["workflow_id"].as_str().unwrap(), first["uuid"].as_str().unwrap());
    let session = |vendor: &str| json!({ "workflow_id": id, "vendor_data": vendor });
    let old = world.api("POST", "/v3/session/", session("a")).await.json();
    assert_eq!(old["workflow_version"], 1);

    // What is published does not change; a draft does.
    let graph = first["graph"].clone();
    for path in [format!("/v3/workflows/{v1}/graph/"), format!("/v3/workflows/{id}/graph/")] {
        assert_eq!(world.api("PUT", &path, graph.clone()).await.status, 400);
    }
    let draft = world.api("POST", &format!("/v3/workflows/{id}/create-draft/"), json!({})).await.json();
    assert_eq!((&draft["version"], &draft["status"]), (&json!(2), &json!("draft")));
    let v2 = draft["uuid"].as_str().unwrap();
    let again = world.api("POST", &format!("/v3/workflows/{id}/create-draft/"), json!({})).await.json();
    assert_eq!(again["uuid"], draft["uuid"], "one draft at a time");
    let operations = json!({ "operations": [
        { "op": "merge_node_config", "node_id": "n1", "config": { "minimum_age": 21 } },
        { "op": "merge_node_config", "node_id": "n2", "config": { "face_liveness_method": "FLASHING" } }] });
    let edited = world.api("POST", &format!("/v3/workflows/{v2}/edit/"), operations).await;
    assert_eq!((edited.status, &edited.json()["valid"]), (200, &json!(true)), "{}", edited.text());
    assert_eq!(
        world.api("POST", "/v3/session/", session("b")).await.json()["workflow_version"],
        1,
        "a draft is not run"
    );

    let published = world.api("PATCH", &format!("/v3/workflows/{v2}/"), json!({ "status": "published" })).await;
    assert_eq!((published.status, &published.json()["version"]), (200, &json!(2)), "{}", published.text());
    let new = world.api("POST", "/v3/session/", session("a")).await.json();
    assert_eq!(new["workflow_version"], 2);
    assert_ne!(new["session_id"], old["session_id"], "an unfinished session of an older version is not continued");
    // The rules of each are pinned.
    for (session, age, method) in [(&old, 18, "PASSIVE"), (&new, 21, "FLASHING")] {
        let id = session["session_id"].as_str().unwrap().parse().unwrap();
        let open = world.issuer.seen_by_id(id).await.unwrap().open;
        assert_eq!(open.session.workflow.minimum_age, Some(age));
        assert_eq!(open.session.workflow.liveness_method.to_string(), method);
    }
    // The first version still says what it said.
    assert_eq!(world.api("GET", &format!("/v3/workflows/{v1}/graph/"), json!({})).await.json(), graph);
    assert_eq!(world.api("PUT", &format!("/v3/workflows/{v2}/graph/"), graph).await.status, 400);
    assert_eq!(world.api("DELETE", &format!("/v3/workflows/{id}/"), json!({})).await.status, 204);
    assert_eq!(world.api("GET", &format!("/v3/workflows/{v1}/"), json!({})).await.status, 404);
    assert_eq!(world.api("POST", "/v3/session/", session("c")).await.status, 400);
    let kept = world.decision(old["session_id"].as_str().unwrap()).await;
    assert_eq!(kept["workflow_id"], json!(id), "a session outlives its workflow");
}

#[tokio::test]
async fn what_belongs_to_another_application_is_not_there() {
    let world = World::new();
    let workflow = world.drawn(json!({ "b1": branch(utopian(), "s0") })).await;
    let questions = json!({ "title": "T", "form_elements": [{ "element_type": "SHORT_TEXT", "title": "Q" }] });
    let kept = world.api("POST", "/v3/questionnaires/", questions.clone()).await.json();
    let questionnaire = kept["uuid"].as_str().unwrap();
    let key = world.application("Bank B").await;
    for (method, path) in [
        ("GET", format!("/v3/workflows/{workflow}/")),
        ("PATCH", format!("/v3/workflows/{workflow}/")),
        ("DELETE", format!("/v3/workflows/{workflow}/")),
        ("POST", format!("/v3/workflows/{workflow}/create-draft/")),
        ("GET", format!("/v3/workflows/{workflow}/graph/")),
        ("PUT", format!("/v3/workflows/{workflow}/graph/")),
        ("POST", format!("/v3/workflows/{workflow}/edit/")),
        ("POST", format!("/v3/workflows/{workflow}/publish/")),
        ("POST", format!("/v3/workflows/{workflow}/validate/")),
        ("GET", format!("/v3/questionnaires/{questionnaire}/")),
        ("PATCH", format!("/v3/questionnaires/{questionnaire}/")),
        ("DELETE", format!("/v3/questionnaires/{questionnaire}/")),
    ] {
        let answer = world.api_as(&key, method, &path, json!({ "operations": [], "workflow_label": "x" })).await;
        assert_eq!(answer.status, 404, "{method} {path}: {}", answer.text());
        assert_eq!(world.api_as("wrong", method, &path, json!({})).await.status, 403, "{method} {path}");
    }
    let session = world.api_as(&key, "POST", "/v3/session/", json!({ "workflow_id": workflow })).await;
    assert_eq!(session.status, 400);
    for path in ["/v3/workflows/", "/v3/questionnaires/"] {
        let all = world.api_as(&key, "GET", path, json!({})).await.text();
        assert!(!all.contains(&workflow) && !all.contains(questionnaire));
    }
}

#[tokio::test]
async fn a_dry_run_names_node_and_field() {
    let world = World::new();
    let mut graph = drawing(json!({ "b1": branch(utopian(), "s9") }));
    graph["nodes"]["n1"]["config"] = json!({ "minimum_age": 400, "minimun_age": 1 });
    let answer = world.api("POST", "/v3/workflows/validate/", json!({ "graph": graph })).await;
    assert_eq!(answer.status, 200);
    let answer = answer.json();
    assert_eq!(answer["valid"], false);
    assert_eq!(texts(&answer["errors"], "node_id"), ["b1", "n1"]);
    assert_eq!(texts(&answer["errors"], "field"), ["branches[0].goto", "config.minimum_age"]);
    graph["nodes"]["b1"] = branch(utopian(), "s1");
    graph["nodes"]["n1"]["config"] = json!({ "minimum_age": 40, "minimun_age": 1 });
    let answer = world.api("POST", "/v3/workflows/validate", json!({ "graph": graph })).await.json();
    assert_eq!(texts(&answer["errors"], "field"), ["session_status"], "Determine without a selfie: {answer}");
    graph["nodes"]["b1"] = branch(utopian(), "n2");
    let answer = world.api("POST", "/v3/workflows/validate", json!({ "graph": graph })).await.json();
    assert_eq!((&answer["valid"], &answer["ignored"][0]["field"]), (&json!(true), &json!("minimun_age")));
    // A graph that can not be published leaves nothing behind.
    graph["nodes"]["n3"]["next"] = json!("nowhere");
    let before = world.api("GET", "/v3/workflows/", json!({})).await.json()["count"].clone();
    let refused = world.api("POST", "/v3/workflows/", json!({ "graph": graph.clone() })).await;
    assert_eq!((refused.status, refused.json()["errors"].as_array().unwrap().len()), (400, 2), "{}", refused.text());
    assert_eq!(world.api("GET", "/v3/workflows/", json!({})).await.json()["count"], before);
    // As a draft it is kept, and not published.
    let draft = world.api("POST", "/v3/workflows/", json!({ "graph": graph, "status": "draft" })).await.json();
    let path = format!("/v3/workflows/{}/publish/", draft["uuid"].as_str().unwrap());
    assert_eq!(world.api("POST", &path, json!({})).await.status, 400);
    let session = world.api("POST", "/v3/session/", json!({ "workflow_id": draft["workflow_id"] })).await;
    assert_eq!(session.status, 400, "a draft can not be run");
}

#[tokio::test]
async fn what_is_not_built_is_refused_by_name() {
    let world = World::new();
    let built = ["OCR", "LIVENESS", "FACE_MATCH", "QUESTIONNAIRE"];
    for feature in warifu_session::workflow::Feature::ALL.iter().filter(|feature| !built.contains(&feature.word())) {
        let features = json!([{ "feature": "OCR" }, { "feature": feature }, { "feature": "LIVENESS" }, { "feature": "FACE_MATCH" }]);
        let answer = world.api("POST", "/v3/workflows/", json!({ "features": features })).await;
        assert_eq!(answer.status, 400, "{feature}");
        let error = &answer.json()["errors"][0];
        assert_eq!((&error["code"], &error["node_id"]), (&json!("not_built"), &json!("n2")), "{feature}");
        assert!(error["message"].as_str().unwrap().contains(feature.word()));
    }
    let check = async |graph: Value, kind: &str, expected: &[&str]| {
        let answer =
            world.api("POST", "/v3/workflows/validate/", json!({ "graph": graph, "workflow_type": kind })).await.json();
        let errors = answer["errors"].as_array().unwrap();
        let found: Vec<_> = errors
            .iter()
            .inspect(|error| assert_eq!(error["code"], "not_built", "{error}"))
            .map(|error| format!("{} {}", error["node_id"].as_str().unwrap_or("-"), error["field"].as_str().unwrap()))
            .collect();
        assert_eq!(found, expected);
    };
    let with = |change: fn(&mut Value)| {
        let mut graph = drawing(json!({ "b1": branch(utopian(), "s0") }));
        change(&mut graph["nodes"]);
        graph
    };
    check(with(|_| ()), "kyc", &[]).await;
    check(
        with(|n| n["n1"]["config"] = json!({ "minimum_age_action": "REVIEW" })),
        "kyc",
        &["n1 config.minimum_age_action"],
    )
    .await;
    check(
        with(|n| n["n3"]["config"] = json!({ "face_match_score_review_threshold": 70 })),
        "kyc",
        &["n3 config.face_match_score_review_threshold"],
    )
    .await;
    let without_match = |n: &mut Value| {
        n["n2"]["next"] = json!("s1");
        n.as_object_mut().unwrap().remove("n3");
    };
    check(with(without_match), "kyc", &["n2 next", "s1 session_status"]).await;
}

#[tokio::test]
async fn a_branch_ends_a_session_early() {
    let world = World::new();
    for (end, status, word) in [("s0", "Declined", Status::Declined), ("s2", "In Review", Status::InReview)] {
        let nodes = json!({
            "b1": branch(utopian(), "a1"),
            "a1": { "node_type": "action", "action": "ADD_TAG", "config": { "tag": "utopian" }, "next": "a2" },
            "a2": { "node_type": "action", "action": "ADD_NOTE", "config": { "comment": "No such country" }, "next": end },
        });
        let workflow = world.drawn(nodes).await;
        let (id, token) = world.under(&workflow).await;
        world.hand_in_document(&token).await;
        let progress = world.issuer.progress(&token, world.now()).await.unwrap();
        assert_eq!((progress.status, progress.next), (word, crate::Next::Result));
        let decision = world.decision(&id).await;
        assert_eq!(decision["status"], status);
        assert_eq!(
            decision["course"],
            json!({ "passed": ["n1", "b1", "a1", "a2"], "ended_at": end, "tags": ["utopian"], "notes": ["No such country"] })
        );
        assert_eq!(decision["id_verifications"][0]["node_id"], "n1");
        // Nothing more is taken, nothing is minted, and the page says how it is.
        let late = world.upload(&token, "selfie", vec![0xff, 0xd8]).await;
        assert_eq!(late.status, 400, "{}", late.text());
        assert_eq!(world.api("POST", &format!("/v3/session/{id}/offer/"), json!({})).await.status, 400);
        assert_eq!(world.get(&format!("/en/session/{token}")).await.status, 200);
    }
}

#[tokio::test]
async fn the_other_way_goes_on_to_the_selfie() {
    let world = World::new();
    let elsewhere = json!({ "field": "kyc.issuing_state", "operator": "not_equals", "value": "UTO" });
    let workflow = world.drawn(json!({ "b1": branch(elsewhere, "s0") })).await;
    let (id, token) = world.under(&workflow).await;
    world.hand_in_document(&token).await;
    assert_eq!(world.issuer.progress(&token, world.now()).await.unwrap().next, crate::Next::Selfie);
    world.hand_in_selfie(&token, &[]).await;
    let decision = world.decision(&id).await;
    assert_eq!(
        (&decision["status"], &decision["course"]["ended_at"]),
        (&json!("Approved"), &json!("s1")),
        "{decision}"
    );
    let nodes: Vec<_> = decision["features"].as_array().unwrap().iter().map(|row| row["node_id"].clone()).collect();
    assert_eq!(nodes, ["n1", "n2", "n3"]);
    assert_eq!(world.api("POST", &format!("/v3/session/{id}/offer/"), json!({})).await.status, 200);
}

/// The graph may be stricter than the checks and never milder.
#[tokio::test]
async fn a_graph_approves_nobody_whom_the_checks_did_not() {
    let world = World::new();
    let mut graph = drawing(json!({ "b1": branch(utopian(), "n2") }));
    graph["nodes"]["n3"]["next"] = json!("s3");
    graph["nodes"]["s3"] = json!({ "node_type": "status", "session_status": "Approved" });
    graph["nodes"].as_object_mut().unwrap().remove("s1");
    let made = world.api("POST", "/v3/workflows/", json!({ "graph": graph })).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let workflow = made.json()["workflow_id"].as_str().unwrap().to_owned();
    for (changed, expected) in [
        (vec![], "Approved"),
        (vec![(CheckName::FaceMatch, Outcome::Fail)], "Declined"),
        (vec![(CheckName::OneLiveFace, Outcome::Warn)], "In Review"),
    ] {
        let (id, token) = world.under(&workflow).await;
        world.hand_in_document(&token).await;
        world.hand_in_selfie(&token, &changed).await;
        assert_eq!(world.decision(&id).await["status"], expected, "{changed:?}");
    }
}

#[tokio::test]
async fn a_status_rule_declines_whom_the_checks_approved() {
    let world = World::new();
    let mut graph = drawing(json!({ "b1": branch(utopian(), "n2") }));
    graph["nodes"]["n1"]["status_rules"] =
        json!([{ "field": "last_name", "operator": "fuzzy_match", "value": "Erikson", "status": "Declined" }]);
    let made = world.api("POST", "/v3/workflows/", json!({ "graph": graph })).await.json();
    let (id, token) = world.under(made["workflow_id"].as_str().unwrap()).await;
    world.hand_in_document(&token).await;
    world.hand_in_selfie(&token, &[]).await;
    let decision = world.decision(&id).await;
    assert_eq!((&decision["status"], &decision["features"][0]["status"]), (&json!("Declined"), &json!("Declined")));
    let warning = &decision["id_verifications"][0]["warnings"][0];
    assert_eq!(warning["risk"], "CUSTOM_STATUS_RULE_TRIGGERED");
    assert_eq!(warning["node_id"], "n1");
    assert_eq!(
        warning["additional_data"],
        json!({ "field": "kyc.last_name", "operator": "fuzzy_match", "rule_value": "Erikson", "actual_value": "ERIKSSON", "target_status": "Declined" })
    );
    assert_eq!(
        world.api("POST", &format!("/v3/session/{id}/offer/"), json!({})).await.status,
        400,
        "nothing is minted"
    );
}

#[tokio::test]
async fn half_of_the_people_take_the_other_way() {
    let world = World::new();
    let rule = json!({ "field": "session.ab_bucket", "operator": "less_than", "value": 50 });
    let workflow = world.drawn(json!({ "b1": branch(rule, "s2") })).await;
    let mut seen = BTreeSet::new();
    for _ in 0..24 {
        let (id, token) = world.under(&workflow).await;
        world.hand_in_document(&token).await;
        let expected = warifu_session::workflow::engine::ab_bucket(&id) < 50;
        let status = world.issuer.progress(&token, world.now()).await.unwrap().status;
        assert_eq!(status == Status::InReview, expected);
        seen.insert(expected);
    }
    assert_eq!(seen.len(), 2, "both ways were taken");
}

#[tokio::test]
async fn one_workflow_is_the_default() {
    let world = World::new();
    let [a, b] = [
        world.drawn(json!({ "b1": branch(utopian(), "s0") })).await,
        world.drawn(json!({ "b1": branch(utopian(), "s2") })).await,
    ];
    let used = async || world.api("POST", "/v3/session/", json!({})).await.json()["workflow_id"].clone();
    let before = used().await;
    for id in [&a, &b] {
        let answer = world.api("PATCH", &format!("/v3/workflows/{id}/"), json!({ "is_default": true })).await;
        assert_eq!((answer.status, &answer.json()["is_default"]), (200, &json!(true)), "{}", answer.text());
        assert_eq!(used().await, json!(id));
    }
    let all = world.api("GET", "/v3/workflows/", json!({})).await.json();
    assert_eq!(all["results"].as_array().unwrap().iter().filter(|row| row["is_default"] == true).count(), 1);
    world.api("PATCH", &format!("/v3/workflows/{b}/"), json!({ "is_default": false })).await;
    assert_eq!(used().await, before);
}

#[tokio::test]
async fn older_forms_and_bad_bodies() {
    let world = World::new();
    let older = json!({ "workflow_label": "Old", "workflow_type": "kyc", "is_liveness_enabled": true, "is_face_match_enabled": true, "face_liveness_method": "ACTIVE_3D" });
    let made = world.api("POST", "/v3/workflows/", older).await;
    assert_eq!(made.status, 201, "{}", made.text());
    assert_eq!(texts(&made.json()["features"], "feature"), ["OCR", "LIVENESS", "FACE_MATCH"]);
    let reuse = json!({ "workflow_type": "biometric_authentication", "features": [{ "feature": "LIVENESS" }, { "feature": "FACE_MATCH" }] });
    assert_eq!(world.api("POST", "/v3/workflows/", reuse).await.status, 201);
    let many: serde_json::Map<String, Value> = (0..10_000).map(|i| (format!("n{i}"), json!({}))).collect();
    for (body, member) in [
        (
            json!({ "workflow_label": "x".repeat(51), "features": [{ "feature": "OCR" }], "status": "draft" }),
            "workflow_label",
        ),
        (json!({ "workflow_type": "kyb" }), "workflow_type"),
        (json!({ "features": [] }), "features"),
        (json!({ "features": [{ "feature": "TELEPATHY" }] }), "features"),
        (json!({ "graph": [] }), "graph"),
        (json!({ "graph": { "nodes": many } }), "graph"),
        (json!({ "graph": { "nodes": { "n": "x".repeat(300_000) } } }), "graph"),
        (json!({ "is_default": "yes" }), "is_default"),
        (json!({ "status": "live" }), "status"),
        (json!({ "is_aml_enabled": "yes" }), "features"),
        (json!({}), "errors"),
    ] {
        let answer = world.api("POST", "/v3/workflows/", body).await;
        assert_eq!(answer.status, 400, "{member}");
        assert!(answer.json()[member].is_array(), "{member}: {}", answer.text());
    }
    let draft = world.api("POST", "/v3/workflows/", json!({ "status": "draft" })).await.json();
    let path = format!("/v3/workflows/{}/edit/", draft["uuid"].as_str().unwrap());
    for operations in
        [json!([{ "op": "drop_all" }]), json!([{ "op": "set_next", "node_id": "n1", "next": "n2" }]), json!(7)]
    {
        let answer = world.api("POST", &path, json!({ "operations": operations })).await;
        assert_eq!((answer.status, answer.json()["operations"].is_array()), (400, true), "{}", answer.text());
    }
    assert_eq!(world.api("GET", "/v3/workflows/nothing/", json!({})).await.status, 404);
}

#[tokio::test]
async fn questionnaires_are_kept() {
    let world = World::new();
    let body = json!({ "title": { "en": "About you", "ja": "あなたについて" }, "languages": ["en", "ja"], "default_language": "en",
        "form_elements": [{ "id": "ok", "element_type": "CONSENT", "title": { "en": "I agree", "ja": "同意します" }, "is_required": true }] });
    let made = world.api("POST", "/v3/questionnaires/", body).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let path = format!("/v3/questionnaires/{}/", made.json()["uuid"].as_str().unwrap());
    assert_eq!(world.api("GET", &path, json!({})).await.json(), made.json());
    let changed = world.api("PATCH", &path, json!({ "description": "Two minutes" })).await;
    assert_eq!((changed.status, &changed.json()["version"]), (200, &json!(2)), "{}", changed.text());
    assert_eq!(changed.json()["form_elements"][0]["title"]["ja"], "同意します");
    let refused = world
        .api(
            "PATCH",
            &path,
            json!({ "form_elements": [{ "element_type": "WISH" }, { "element_type": "DROPDOWN", "title": "x" }] }),
        )
        .await;
    assert_eq!(refused.status, 400);
    assert_eq!(
        texts(&refused.json()["errors"], "field"),
        ["form_elements[0].element_type", "form_elements[1].choices"]
    );
    assert_eq!(world.api("GET", "/v3/questionnaires/", json!({})).await.json()["count"], 1);
    assert_eq!(world.api("DELETE", &path, json!({})).await.status, 204);
    assert_eq!(world.api("GET", &path, json!({})).await.status, 404);
}
