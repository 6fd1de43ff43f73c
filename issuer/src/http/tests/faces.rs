//! Kept faces, the blocklist and reuse sessions, without a model: the templates are made up.

use warifu_models::face::Template;
use warifu_session::Status;
use warifu_store::{Collection, Query};

use super::*;
use crate::Error;
use crate::kyc::evidence::{FaceTemplate, Found, Handed, Searched, Selfie};
use crate::kyc::faces::record::FaceRecord;
use crate::kyc::reuse::Compared;
use crate::kyc::session::OpenSession;
use crate::kyc::stage::Stage;
use crate::kyc::workflow::Workflow;

/// A selfie whose face is so many steps of 1/200 from that of `face(0)`.
fn face(steps: u8) -> Handed<Selfie> {
    let mut selfie = handed_selfie();
    let face = selfie.read.face.as_mut().unwrap();
    let mut bytes = [0; 128];
    bytes[7] = steps;
    face.template = FaceTemplate(Template::from_bytes(face.template.0.model().clone(), &bytes).unwrap());
    selfie
}

impl World {
    fn again(&self, seed: &str) -> Self {
        let models = self.issuer.models.clone();
        Self::on(Arc::clone(&self.issuer.store), Seeded::dangerous_new(seed), models, "http://127.0.0.1:1", None)
    }

    async fn session_of(&self, vendor_data: Option<&str>) -> (Uuid, String) {
        let wanted = NewSession { vendor_data: vendor_data.map(str::to_owned), ..NewSession::default() };
        let created = self.issuer.create_session(wanted, self.now()).await.unwrap();
        (created.session.id, created.token)
    }

    /// A session of this person that every check passed.
    async fn approved_as(&self, vendor_data: Option<&str>, selfie: Handed<Selfie>) -> Uuid {
        let (id, token) = self.session_of(vendor_data).await;
        let now = self.now();
        self.issuer
            .change(&token, now, |open| {
                let pass = |name: &CheckName| Signal::new(*name, Outcome::Pass, Code::OneFace);
                let stage = open.personal.stage.clone().with_document(handed_document())?;
                let signals = CheckName::ALL.iter().map(pass).collect();
                open.personal.stage = stage.with_selfie(selfie.clone())?.decided(signals, now)?;
                open.session.status = Status::Approved;
                Ok("session.approved")
            })
            .await
            .unwrap();
        id
    }

    /// What a new session of this person finds.
    async fn search(&self, vendor_data: Option<&str>, selfie: &Handed<Selfie>) -> Found {
        let (id, _) = self.session_of(vendor_data).await;
        let open: OpenSession = self.issuer.seen_by_id(id).await.unwrap().open;
        let identity = crate::kyc::identity::tests::identity();
        match self.issuer.search_faces(&open, Some(&identity), &selfie.read).await.unwrap() {
            Searched::Done(found) => found,
            Searched::NotYet => panic!("not searched"),
        }
    }

    async fn records(&self) -> Vec<FaceRecord> {
        let records = Collection::<FaceRecord>::of(&self.issuer.store).collect(Query::all()).await.unwrap();
        records.into_iter().map(|found| found.value).collect()
    }
}

fn sessions(found: &Found) -> Vec<Uuid> {
    found.enrolled.iter().map(|face| face.session).collect()
}

#[tokio::test]
async fn an_approved_face_is_found_until_it_is_erased() {
    let world = World::new();
    assert_eq!(world.search(Some("b"), &face(0)).await, Found::default());
    let a = world.approved_as(Some("a"), face(0)).await;
    let nameless = world.approved_as(None, face(100)).await;
    // On the other side of the query, beyond the bands.
    world.approved_as(Some("far"), face(0x81)).await;
    let found = world.search(Some("b"), &face(10)).await;
    assert_eq!(sessions(&found), [a, nameless]);
    assert_eq!(found.enrolled[0].same_name, Some(true));
    assert!((found.enrolled[0].distance - 0.05).abs() < 1e-6, "{found:?}");
    // One's own earlier face is no duplicate, but how far it is is known.
    let own = world.search(Some("a"), &face(10)).await;
    assert_eq!(sessions(&own), [nameless]);
    assert_eq!(own.earlier.map(|distance| (distance * 1000.0).round()), Some(50.0));
    world.issuer.erase_session(a, world.now()).await.unwrap();
    assert_eq!(sessions(&world.search(Some("b"), &face(10)).await), [nameless]);
    assert_eq!(world.search(Some("a"), &face(10)).await.earlier, None);
    assert!(world.records().await.iter().all(|record| record.session != a));
}

#[tokio::test]
async fn who_passes_again_has_one_record_that_is_the_last_ones() {
    let world = World::new();
    let first = world.approved_as(Some("a"), face(0)).await;
    let second = world.approved_as(Some("a"), face(20)).await;
    let records = world.records().await;
    assert_eq!(records.iter().map(|record| (record.session, record.version)).collect::<Vec<_>>(), [(second, 2)]);
    assert_eq!(sessions(&world.search(Some("b"), &face(20)).await), [second]);
    // The first session's erasure is not the second one's.
    world.issuer.erase_session(first, world.now()).await.unwrap();
    assert_eq!(sessions(&world.search(Some("b"), &face(20)).await), [second]);
    world.issuer.erase_session(second, world.now()).await.unwrap();
    assert_eq!(world.records().await.len(), 0);
}

#[tokio::test]
async fn records_keep_faces_sealed_and_in_their_place() {
    let world = World::new();
    world.approved_as(Some("alice@example"), face(1)).await;
    let record = world.records().await.remove(0);
    let text = serde_json::to_string(&record).unwrap();
    assert!(!text.contains("alice"), "{text}");
    let template = record.open(&world.issuer.vault).unwrap();
    assert!(template == face(1).read.face.unwrap().template.0);
    // Moved to another list, model, session or key, it does not open.
    let moved = [
        ("list", json!("blocklist")),
        ("model", json!("other@sha256-BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc")),
        ("session", json!(Uuid::from_u128(1))),
        ("key", json!(1)),
    ];
    for (member, value) in moved {
        let mut changed = serde_json::to_value(&record).unwrap();
        changed[member] = value;
        let changed: FaceRecord = serde_json::from_value(changed).unwrap();
        assert!(changed.open(&world.issuer.vault).is_err(), "{member}");
    }
}

#[tokio::test]
async fn memory_follows_the_store() {
    let world = World::new();
    assert_eq!(world.issuer.load_faces().await.unwrap(), 0);
    // Another process on the same store commits and dies before it tells anyone.
    let other = world.again("another process");
    let a = other.approved_as(Some("a"), face(0)).await;
    let b = other.approved_as(Some("b"), face(1)).await;
    drop(other);
    assert!(sessions(&world.search(None, &face(0)).await).is_empty());
    // The next start heals it, and so does loading again.
    let restarted = world.again("the next start");
    assert_eq!(sessions(&restarted.search(None, &face(0)).await), [a, b]);
    assert_eq!(world.issuer.load_faces().await.unwrap(), 2);
    assert_eq!(sessions(&world.search(None, &face(0)).await), [a, b]);
    // What one erases is gone for the other at once.
    restarted.issuer.erase_session(a, world.now()).await.unwrap();
    assert_eq!(sessions(&world.search(None, &face(0)).await), [b]);
}

#[tokio::test]
async fn the_blocklist_has_doors() {
    let world = World::new();
    let a = world.approved_as(Some("a"), face(0)).await;
    let add = json!({ "session_id": a, "blocklist_face": true });
    let request = Request::post("/v3/blocklist/add/").header("content-type", "application/json");
    assert_eq!(world.send(request.body(Body::from(add.to_string())).unwrap()).await.status, 403);
    assert_eq!(world.search(Some("a"), &face(0)).await.blocked, []);
    for _ in 0..2 {
        let answer = world.api("POST", "/v3/blocklist/add/", add.clone()).await;
        assert_eq!((answer.status, &answer.json()["session_id"]), (200, &json!(a)), "{}", answer.text());
    }
    let list = world.api("GET", "/v3/blocklist/?item_type=face", json!({})).await.json();
    assert_eq!((&list["count"], &list["results"][0]["type"]), (&json!(1), &json!("face")));
    assert_eq!(world.api("GET", "/v3/blocklist/?item_type=phone", json!({})).await.json()["count"], 0);
    // Under one's own name too, and after the session is gone.
    assert_eq!(world.search(Some("a"), &face(0)).await.blocked.len(), 1);
    world.issuer.erase_session(a, world.now()).await.unwrap();
    assert_eq!(world.search(Some("a"), &face(0)).await.blocked.len(), 1);
    let remove = json!({ "session_id": a, "unblock_face": true });
    for removed in [true, false] {
        let answer = world.api("POST", "/v3/blocklist/remove/", remove.clone()).await;
        assert_eq!(answer.json()["removed"], removed);
    }
    assert_eq!(world.search(Some("a"), &face(0)).await.blocked, []);
    let (empty, _) = world.session().await;
    let refused = [
        json!({ "session_id": a, "blocklist_face": true }),
        json!({ "session_id": empty, "blocklist_face": true }),
        json!({ "session_id": Uuid::nil(), "blocklist_face": true }),
        json!({ "session_id": empty, "blocklist_document": true }),
        json!({ "session_id": "x", "blocklist_face": true }),
        json!({ "session_id": empty }),
    ];
    for (body, status) in refused.into_iter().zip([410, 400, 404, 400, 400, 400]) {
        let answer = world.api("POST", "/v3/blocklist/add/", body.clone()).await;
        assert_eq!(answer.status, status, "{body}: {}", answer.text());
    }
}

#[tokio::test]
async fn no_reuse_without_a_face_to_compare_with() {
    let world = World::new();
    let create = async |body: Value| world.api("POST", "/v3/session/", body).await;
    for body in [json!({}), json!({ "vendor_data": "a" })] {
        let mut body = body;
        body["workflow_id"] = "wf_reusable_kyc".into();
        let answer = create(body).await;
        assert_eq!(answer.status, 400);
        assert!(answer.text().contains("NO_REFERENCE_IMAGE"), "{}", answer.text());
    }
    let portrait = json!({ "workflow_id": "wf_first_verification", "portrait_image": "/9j/" });
    assert!(create(portrait).await.json().get("portrait_image").is_some());
    let large = "A".repeat(1_400_000);
    let large = create(json!({ "workflow_id": "wf_reusable_kyc", "portrait_image": large })).await;
    assert!(large.json().get("portrait_image").is_some(), "{}", large.text());
    let a = world.approved_as(Some("a"), face(0)).await;
    let answer = create(json!({ "workflow_id": "wf_reusable_kyc", "vendor_data": "a" })).await;
    assert_eq!((answer.status, &answer.json()["workflow_type"]), (201, &json!("biometric_authentication")));
    // There is no turn of a document.
    let token = answer.json()["session_token"].as_str().unwrap().to_owned();
    assert_eq!(world.upload(&token, "document", vec![1]).await.status, 400);
    // The reference is erased before the selfie comes.
    world.issuer.erase_session(a, world.now()).await.unwrap();
    let refused = world.issuer.submit_selfie(&token, vec![1], world.now()).await;
    assert!(matches!(refused, Err(Error::NoReference)), "{refused:?}");
}

#[tokio::test]
async fn a_template_of_another_model_asks_for_enrolment() {
    let Some(world) = World::with_models("a_template_of_another_model_asks_for_enrolment") else { return };
    let mut of_old_model = face(0);
    let model = "old@sha256-BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc".parse().unwrap();
    of_old_model.read.face.as_mut().unwrap().template = FaceTemplate(Template::from_bytes(model, &[0; 128]).unwrap());
    world.approved_as(Some("a"), of_old_model).await;
    let body = json!({ "workflow_id": "wf_reusable_kyc", "vendor_data": "a" });
    let answer = world.api("POST", "/v3/session/", body).await;
    assert_eq!(answer.status, 400);
    assert!(answer.text().contains("face template of another model"), "{}", answer.text());
}

#[tokio::test]
async fn a_recognised_person_gets_no_credential_and_is_not_enrolled_anew() {
    let world = World::new();
    let a = world.approved_as(Some("a"), face(0)).await;
    let workflow = Workflow::reuse(crate::kyc::workflow::Environment::Sandbox).id;
    let workflow = Some(crate::kyc::session::WorkflowName::Id(workflow));
    let wanted = NewSession { workflow, vendor_data: Some("a".to_owned()), ..NewSession::default() };
    let created = world.issuer.create_session(wanted, world.now()).await.unwrap();
    let (id, now) = (created.session.id, world.now());
    world
        .issuer
        .change(&created.token, now, |open| {
            let signals = CheckName::ALL.iter().map(|name| Signal::new(*name, Outcome::Pass, Code::OneFace)).collect();
            let compared = Compared { session: Some(a), score: Some(96.0) };
            let stage: Stage = open.personal.stage.clone();
            open.personal.stage = stage.compared(compared, face(30), signals, now)?;
            (open.session.status, _) = crate::kyc::service::status_of(&open.personal.stage, &open.session.workflow);
            Ok("session.recognised")
        })
        .await
        .unwrap();
    let decision = world.api("GET", &format!("/v3/session/{id}/decision/"), json!({})).await.json();
    assert_eq!(decision["status"], "Approved");
    assert_eq!(decision["id_verifications"], Value::Null);
    assert_eq!(decision["face_matches"].as_array().unwrap().len(), 1);
    assert_eq!(decision["face_matches"][0]["source_image_session_id"], json!(a));
    assert_eq!(decision["liveness_checks"].as_array().unwrap().len(), 1);
    let features: Vec<_> = decision["features"].as_array().unwrap().iter().map(|row| row["feature"].clone()).collect();
    assert_eq!(features, ["LIVENESS", "FACEMATCH"]);
    let offer = world.api("POST", &format!("/v3/session/{id}/offer/"), json!({})).await;
    assert_eq!(offer.status, 400, "{}", offer.text());
    assert_eq!(world.records().await.len(), 1);
    assert_eq!(world.records().await[0].session, a);
    for lang in ["en", "ja"] {
        let page = world.get(&format!("/{lang}/session/{}", created.token)).await;
        assert_eq!(page.status, 200);
        assert!(!page.text().contains("openid-credential-offer://"), "{}", page.text());
    }
}
