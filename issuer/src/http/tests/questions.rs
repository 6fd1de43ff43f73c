//! Questionnaire and webhook nodes: asked, answered, followed, told.

use super::webhooks::Sink;
use super::workflows::{drawing, texts};
use super::*;

fn questionnaire() -> Value {
    json!({ "title": { "en": "About your work", "ja": "お仕事について" }, "languages": ["en", "ja"], "default_language": "en",
        "form_elements": [
            { "id": "job", "element_type": "SHORT_TEXT", "title": { "en": "What is your job?", "ja": "ご職業" }, "is_required": true },
            { "id": "pep", "element_type": "SINGLE_CHOICE", "title": { "en": "Do you hold a public office?", "ja": "公職の有無" },
              "choices": ["yes", "no"], "is_required": true },
            { "id": "agree", "element_type": "CONSENT", "title": { "en": "This is true.", "ja": "相違ありません。" }, "is_required": true }] })
}

fn asks(uuid: &str, next: &str) -> Value {
    json!({ "node_type": "feature", "feature": "QUESTIONNAIRE", "config": { "questionnaire_uuid": uuid }, "next": next })
}

/// A file as a browser hands it over, in a form for the node `b1`.
fn handed(field: &str, bytes: &[u8]) -> (&'static str, Vec<u8>) {
    let mut body = b"--x\r\nContent-Disposition: form-data; name=\"@node\"\r\n\r\nb1\r\n--x\r\n".to_vec();
    let about = format!(
        "Content-Disposition: form-data; name=\"{field}\"; filename=\"my file\"\r\nContent-Type: image/png\r\n\r\n"
    );
    body.extend_from_slice(about.as_bytes());
    body.extend_from_slice(bytes);
    body.extend_from_slice(b"\r\n--x--\r\n");
    ("multipart/form-data; boundary=x", body)
}

impl World {
    async fn questionnaire(&self, body: Value) -> String {
        let made = self.api("POST", "/v3/questionnaires/", body).await;
        assert_eq!(made.status, 201, "{}", made.text());
        made.json()["uuid"].as_str().unwrap().to_owned()
    }

    /// Answers as a program sends them.
    async fn answer(&self, token: &str, node: &str, answers: Value) -> Answer {
        let body = json!({ "node_id": node, "answers": answers }).to_string();
        let request = Request::post(format!("/session/{token}/questions")).header("accept", "application/json");
        self.send(request.header("content-type", "application/json").body(Body::from(body)).unwrap()).await
    }

    /// Answers as a page sends them.
    async fn fill_in(&self, token: &str, kind: &str, body: impl Into<Body>) -> Answer {
        let request = Request::post(format!("/session/{token}/questions?lang=en")).header("accept", "text/html");
        self.send(request.header("content-type", kind).body(body.into()).unwrap()).await
    }

    async fn next(&self, token: &str) -> crate::Next {
        self.issuer.progress(token, self.now()).await.unwrap().next
    }
}

#[tokio::test]
async fn answers_lead_on() {
    let world = World::new();
    let uuid = world.questionnaire(questionnaire()).await;
    let workflow = world
        .drawn(json!({
            "b1": asks(&uuid, "b2"),
            "b2": { "node_type": "branch", "branches": [
                { "id": "office", "logic": "and", "rules": [{ "field": "questionnaire.pep", "operator": "equals", "value": "yes" }], "goto": "s2" },
                { "id": "else", "logic": "and", "rules": [], "goto": "n2" }] },
        }))
        .await;
    for (pep, expected) in [("no", Status::Approved), ("yes", Status::InReview)] {
        let (id, token) = world.under(&workflow).await;
        let out_of_turn = world.answer(&token, "b1", json!({ "job": "Baker", "pep": pep, "agree": true })).await;
        assert_eq!(out_of_turn.status, 400, "{}", out_of_turn.text());
        world.hand_in_document(&token).await;
        assert_eq!(world.next(&token).await, crate::Next::Questionnaire);
        // Neither a selfie nor another document is due now.
        for what in ["selfie", "document", "challenge"] {
            assert_eq!(world.upload(&token, what, vec![0xff, 0xd8, 0xff]).await.status, 400, "{what}");
        }
        let wrong = world.answer(&token, "b1", json!({ "job": " ", "pep": "perhaps", "more": 1 })).await;
        assert_eq!(wrong.status, 422);
        let wrong = wrong.json();
        assert_eq!(texts(&wrong["problems"], "element"), ["more", "job", "pep", "agree"]);
        assert_eq!(texts(&wrong["problems"], "fault"), ["not_asked", "needed", "not_a_choice", "needed"]);
        let right = json!({ "job": "Baker", "pep": pep, "agree": true });
        assert_eq!(world.answer(&token, "n2", right.clone()).await.status, 400, "another node");
        let taken = world.answer(&token, "b1", right.clone()).await;
        assert_eq!(taken.status, 200, "{}", taken.text());
        assert_eq!(world.answer(&token, "b1", right).await.status, 400, "answered once");
        if pep == "no" {
            assert_eq!(world.next(&token).await, crate::Next::Selfie);
            world.hand_in_selfie(&token, &[]).await;
        }
        let decision = world.decision(&id).await;
        assert_eq!(decision["status"], expected.word());
        let response = &decision["questionnaire_responses"][0];
        assert_eq!((&response["node_id"], &response["status"]), (&json!("b1"), &json!("Approved")));
        assert_eq!((&response["questionnaire_id"], &response["version"]), (&json!(uuid), &json!(1)));
        assert_eq!(response["sections"][0]["items"][1]["answer"], pep);
        let row =
            decision["features"].as_array().unwrap().iter().find(|row| row["feature"] == "QUESTIONNAIRE").unwrap();
        assert_eq!((&row["node_id"], &row["status"]), (&json!("b1"), &json!("Approved")));
    }
}

#[tokio::test]
async fn it_may_stand_first_and_last() {
    let world = World::new();
    let uuid = world.questionnaire(questionnaire()).await;
    let mut graph =
        drawing(json!({ "b1": asks(&uuid, "n1"), "n1": { "node_type": "feature", "feature": "OCR", "next": "n2" } }));
    graph["start_node"] = json!("b1");
    graph["nodes"]["n3"]["next"] = json!("b9");
    graph["nodes"]["b9"] = asks(&uuid, "s1");
    graph["nodes"]["b9"]["config"]["review_questionnaire_manually"] = json!(true);
    let made = world.api("POST", "/v3/workflows/", json!({ "workflow_label": "Both", "graph": graph })).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let (id, token) = world.under(made.json()["workflow_id"].as_str().unwrap()).await;
    let right = || json!({ "job": "Baker", "pep": "no", "agree": true });
    assert_eq!(world.next(&token).await, crate::Next::Questionnaire);
    assert_eq!(world.upload(&token, "document", vec![0xff, 0xd8, 0xff]).await.status, 400);
    assert_eq!(world.answer(&token, "b1", right()).await.status, 200);
    assert_eq!(world.next(&token).await, crate::Next::Document);
    world.hand_in_document(&token).await;
    world.hand_in_selfie(&token, &[]).await;
    let under_way = world.decision(&id).await;
    assert_eq!((&under_way["status"], world.next(&token).await), (&json!("In Progress"), crate::Next::Questionnaire));
    assert_eq!(world.answer(&token, "b9", right()).await.json()["status"], "In Review");
    let statuses = texts(&world.decision(&id).await["questionnaire_responses"], "status");
    assert_eq!(statuses, ["Approved", "In Review"]);
}

#[tokio::test]
async fn a_status_rule_looks_at_an_answer() {
    let world = World::new();
    let uuid = world.questionnaire(questionnaire()).await;
    let mut node = asks(&uuid, "n2");
    node["status_rules"] =
        json!([{ "field": "questionnaire.job", "operator": "contains", "value": "spy", "status": "Declined" }]);
    let workflow = world.drawn(json!({ "b1": node })).await;
    let (id, token) = world.under(&workflow).await;
    world.hand_in_document(&token).await;
    world.answer(&token, "b1", json!({ "job": "a spy", "pep": "no", "agree": true })).await;
    world.hand_in_selfie(&token, &[]).await;
    let decision = world.decision(&id).await;
    assert_eq!(decision["status"], "Declined");
    let response = &decision["questionnaire_responses"][0];
    assert_eq!(
        (&response["status"], &response["warnings"][0]["risk"]),
        (&json!("Declined"), &json!("CUSTOM_STATUS_RULE_TRIGGERED"))
    );
}

#[tokio::test]
async fn a_session_asks_what_was_published() {
    let world = World::new();
    let uuid = world.questionnaire(questionnaire()).await;
    let workflow = world.drawn(json!({ "b1": asks(&uuid, "n2") })).await;
    let other = json!({ "form_elements": [{ "id": "other", "element_type": "NUMBER", "title": "Another" }] });
    assert_eq!(world.api("PATCH", &format!("/v3/questionnaires/{uuid}/"), other).await.status, 200);
    assert_eq!(world.api("DELETE", &format!("/v3/questionnaires/{uuid}/"), json!({})).await.status, 204);
    let (_, token) = world.under(&workflow).await;
    world.hand_in_document(&token).await;
    let page = world.get(&format!("/en/session/{token}")).await;
    assert!(page.text().contains("What is your job?"));
}

#[tokio::test]
async fn only_ones_own_are_named() {
    let world = World::new();
    let key = world.application("Bank B").await;
    let foreign = world.api_as(&key, "POST", "/v3/questionnaires/", questionnaire()).await.json();
    let sink = Sink::new().await;
    let body = json!({ "label": "x", "url": sink.url, "subscribed_events": ["status.updated"] });
    let theirs = world.api_as(&key, "POST", "/v3/webhook/destinations/", body).await.json();
    let call =
        |destination: &Value| json!({ "node_type": "webhook", "config": { "destination": destination }, "next": "n2" });
    let nobody = json!(Uuid::nil());
    for (node, field) in [
        (asks(foreign["uuid"].as_str().unwrap(), "n2"), "config.questionnaire_uuid"),
        (asks(nobody.as_str().unwrap(), "n2"), "config.questionnaire_uuid"),
        (call(&theirs["uuid"]), "config.destination"),
        (call(&nobody), "config.destination"),
    ] {
        let answer = world.api("POST", "/v3/workflows/", json!({ "graph": drawing(json!({ "b1": node })) })).await;
        let error = &answer.json()["errors"][0];
        assert_eq!((answer.status, &error["code"], &error["field"]), (400, &json!("not_found"), &json!(field)));
        assert_eq!(error["node_id"], "b1");
    }
}

#[tokio::test]
async fn the_page_says_what_is_wrong_and_keeps_what_was_right() {
    let world = World::new();
    let mut body = questionnaire();
    body["form_elements"].as_array_mut().unwrap().push(
        json!({ "id": "kin", "element_type": "REPEATABLE_GROUP", "title": "Children", "max": 2, "form_elements": [
            { "id": "name", "element_type": "SHORT_TEXT", "title": "Their name", "is_required": true }] }),
    );
    let uuid = world.questionnaire(body).await;
    let workflow = world.drawn(json!({ "b1": asks(&uuid, "n2") })).await;
    let (id, token) = world.under(&workflow).await;
    world.hand_in_document(&token).await;
    let page = world.get(&format!("/ja/session/{token}")).await.text();
    assert!(page.contains("お仕事について") && page.contains("ご職業"), "{page}");
    assert!(page.contains("name=\"kin[0].name\"") && !page.contains("name=\"kin[1].name\""));
    let form = "application/x-www-form-urlencoded";
    // One more entry: nothing is judged, nothing is lost.
    let grown = world.fill_in(&token, form, "%40node=b1&%40more=kin&job=Baker&kin%5B0%5D.name=Alix").await;
    let text = grown.text();
    assert_eq!(grown.status, 200);
    assert!(
        text.contains("name=\"kin[1].name\"") && text.contains("value=\"Baker\"") && text.contains("value=\"Alix\"")
    );
    assert!(!text.contains("aria-invalid"));
    let hostile = "%40node=b1&job=%3Cscript%3Ealert(1)%3C/script%3E&kin%5B0%5D.name=";
    let refused = world.fill_in(&token, form, hostile).await;
    let text = refused.text();
    assert_eq!(refused.status, 422);
    assert!(text.contains("aria-invalid=\"true\"") && text.contains("An answer is needed here."));
    assert!(!text.contains("<script>alert") && text.contains("&lt;script&gt;alert"), "{text}");
    let right = "%40node=b1&job=Baker&pep=no&agree=true&kin%5B0%5D=&kin%5B0%5D.name=Alix&kin%5B1%5D=&kin%5B1%5D.name=";
    let taken = world.fill_in(&token, form, right).await;
    assert_eq!(
        (taken.status, taken.headers["location"].to_str().unwrap()),
        (303, &*format!("/en/session/{token}?step=selfie"))
    );
    let decision = world.decision(&id).await;
    let items = &decision["questionnaire_responses"][0]["sections"][0]["items"];
    assert_eq!((&items[0]["answer"], &items[3]["answer"]), (&json!("Baker"), &json!([{ "name": "Alix" }])));
    // Not from another site, and not for ever.
    let request = Request::post(format!("/session/{token}/questions")).header("sec-fetch-site", "cross-site");
    let foreign = world.send(request.header("content-type", form).body(Body::from(right)).unwrap()).await;
    assert_eq!(foreign.status, 403);
    let many: Vec<String> = (0..5000).map(|i| format!("f{i}=1")).collect();
    assert_eq!(world.fill_in(&token, form, many.join("&")).await.status, 400);
}

#[tokio::test]
async fn files_are_kept_sealed_and_go_with_the_session() {
    let world = World::new();
    let uuid = world
        .questionnaire(json!({ "title": "Papers", "form_elements": [
            { "id": "photo", "element_type": "IMAGE", "title": "A photo", "is_required": true },
            { "id": "paper", "element_type": "FILE_UPLOAD", "title": "A paper" }] }))
        .await;
    let workflow = world.drawn(json!({ "b1": asks(&uuid, "n2") })).await;
    let (id, token) = world.under(&workflow).await;
    let id = id.parse::<Uuid>().unwrap();
    world.hand_in_document(&token).await;
    let png = b"\x89PNG\r\n\x1a\n and more".as_slice();
    let send = async |field: &str, bytes: &[u8]| {
        let (kind, body) = handed(field, bytes);
        world.fill_in(&token, kind, body).await
    };
    for (field, bytes) in
        [("photo", b"MZ a program".as_slice()), ("photo", b"%PDF-1.7"), ("paper", b"<html>"), ("job", png)]
    {
        let refused = send(field, bytes).await;
        assert_eq!(refused.status, 422, "{field}");
    }
    // An answer can not name a file of somebody else's.
    let named = world.answer(&token, "b1", json!({ "photo": ["0123"] })).await;
    assert_eq!((named.status, &named.json()["problems"][0]["fault"]), (422, &json!("not_files")));
    assert_eq!(world.issuer.seen_by_id(id).await.unwrap().open.blobs().len(), 1, "nothing was kept of those");
    assert_eq!(send("photo", png).await.status, 303);
    let open = world.issuer.seen_by_id(id).await.unwrap().open;
    let answered = open.personal.answers.values().next().unwrap();
    let (_, file) = answered.files.first_key_value().unwrap();
    assert_eq!((file.name.as_str(), file.kept.media_type.as_str()), ("my file", "image/png"));
    let sealed = world.issuer.blobs.get(file.kept.blob).await.unwrap().unwrap();
    assert!(!sealed.windows(4).any(|bytes| bytes == b"PNG\r"));
    assert_eq!(open.blobs().len(), 2);
    // Whoever reads the decision gets it by a link that is good for a while.
    let decision = world.decision(&id.to_string()).await;
    let given = &decision["questionnaire_responses"][0]["files"][0];
    assert_eq!((&given["name"], &given["bytes"]), (&json!("my file"), &json!(png.len())));
    let link = given["url"].as_str().unwrap().strip_prefix("http://127.0.0.1:7001").unwrap().to_owned();
    let file_served = world.get(&link).await;
    assert_eq!((file_served.status, file_served.body.as_slice()), (200, png));
    let header = |name: &str| file_served.headers[name].to_str().unwrap();
    assert_eq!((header("content-type"), header("cache-control")), ("image/png", "private, no-store"));
    let portrait = decision["id_verifications"][0]["portrait_image"].as_str().unwrap();
    assert_eq!(
        world.get(portrait.strip_prefix("http://127.0.0.1:7001").unwrap()).await.headers["content-type"],
        "image/jpeg"
    );
    let other_end = link.replace("expires=", "expires=9");
    let other_thing = link.replace("/file-", "/document?file-");
    let other_session = link.replace(&id.to_string(), &Uuid::nil().to_string());
    for bad in
        [link[..link.len() - 1].to_owned(), other_end, other_thing, other_session, link.replace("/file-", "/portrait-")]
    {
        assert!(matches!(world.get(&bad).await.status, 400 | 404), "{bad}");
    }
    world.hands.step(Duration::from_secs(3600));
    assert_eq!(world.get(&link).await.status, 200, "good for an hour at least");
    world.hands.step(Duration::from_secs(3600));
    assert_eq!(world.get(&link).await.status, 404, "and for two at most");
    let link = world.decision(&id.to_string()).await["questionnaire_responses"][0]["files"][0]["url"]
        .as_str()
        .unwrap()
        .to_owned();
    world.issuer.erase_session(id, world.now()).await.unwrap();
    assert!(world.issuer.blobs.get(file.kept.blob).await.unwrap().is_none());
    assert_eq!(world.get(link.strip_prefix("http://127.0.0.1:7001").unwrap()).await.status, 404);
}

#[tokio::test]
async fn a_webhook_node_tells_where_the_session_is() {
    let (world, sink) = (World::new(), Sink::new().await);
    let (destination, _) = world.destination(&sink.url).await;
    let quiet = Sink::new().await;
    world.destination(&quiet.url).await;
    let workflow = world
        .drawn(json!({
            "b1": { "node_type": "webhook", "config": { "destination": destination }, "next": "b2" },
            "b2": { "node_type": "webhook", "next": "n2" },
        }))
        .await;
    let (id, token) = world.under(&workflow).await;
    world.hand_in_document(&token).await;
    world.deliver().await;
    let told = |sink: &Sink| -> Vec<(Value, Value)> {
        let events = sink.take().into_iter().map(|got| got.event());
        events
            .inspect(|event| assert_eq!(event["session_id"], json!(id)))
            .map(|event| (event["status"].clone(), event["node_id"].clone()))
            .collect()
    };
    let (under_way, none) = (json!("In Progress"), Value::Null);
    let new = (json!("Not Started"), none.clone());
    let reached = |node: &str| (under_way.clone(), json!(node));
    let begun = (under_way.clone(), none.clone());
    assert_eq!(told(&sink), [new.clone(), reached("b1"), reached("b2"), begun.clone()]);
    assert_eq!(told(&quiet), [new, reached("b2"), begun]);
    world.hand_in_selfie(&token, &[]).await;
    world.deliver().await;
    assert_eq!(told(&sink), [(json!("Approved"), none)], "each node is told once");
}

#[tokio::test]
async fn only_the_questions_are_asked_once_more() {
    let world = World::new();
    let uuid = world.questionnaire(questionnaire()).await;
    let mut asked = asks(&uuid, "n2");
    asked["config"]["review_questionnaire_manually"] = json!(true);
    let workflow = world.drawn(json!({ "b1": asked })).await;
    let (id, token) = world.under(&workflow).await;
    world.hand_in_document(&token).await;
    let answers = |job: &str| json!({ "job": job, "pep": "no", "agree": true });
    assert_eq!(world.answer(&token, "b1", answers("?")).await.status, 200);
    world.hand_in_selfie(&token, &[]).await;
    assert_eq!(world.decision(&id).await["status"], "In Review");
    let again = |node: &str| {
        json!({ "new_status": "Resubmitted", "comment": "internal",
            "nodes_to_resubmit": [{ "node_id": node, "feature": "QUESTIONNAIRE", "reason": "Write your job out." }] })
    };
    let path = format!("/v3/session/{id}/update-status/");
    let refused = world.api("PATCH", &path, again("n7")).await;
    assert_eq!((refused.status, refused.json()["nodes_to_resubmit"].is_array()), (400, true), "{}", refused.text());
    let done = world.api("PATCH", &path, again("b1")).await;
    assert_eq!(done.status, 200, "{}", done.text());
    assert_eq!(world.next(&token).await, crate::Next::Questionnaire);
    let page = world.get(&format!("/en/session/{token}")).await.text();
    assert!(page.contains("Write your job out.") && page.contains("once more") && !page.contains("internal"), "{page}");
    assert!(page.contains("Step 1 of 2"), "{page}");
    assert_eq!(world.upload(&token, "selfie", vec![0xff, 0xd8, 0xff]).await.status, 400);
    assert_eq!(world.answer(&token, "b1", answers("Baker")).await.status, 200);
    let decision = world.decision(&id).await;
    assert_eq!(decision["status"], "In Review");
    assert_eq!(decision["questionnaire_responses"][0]["sections"][0]["items"][0]["answer"], "Baker");
    assert!(decision["face_matches"][0].is_object(), "the rest stayed");
}
