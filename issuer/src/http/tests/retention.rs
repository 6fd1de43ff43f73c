//! What is kept for how long, and how it goes. The clocks of these tests run 10, 20, 30, 40 and 50 days.

use std::collections::BTreeMap;

use warifu_store::{Batch, Collection, Expected, Query, Stored as _};

use super::*;
use crate::kyc::consent::ConsentWithdrawn;
use crate::kyc::session::Session;
use crate::kyc::stage::Stage;
use crate::retention::{Class, PurgeReceipt};

impl World {
    fn wait_days(&self, days: u64) {
        self.hands.step(Duration::from_secs(days * 86_400));
    }

    /// What one run purges: sessions and items of each class.
    async fn purge(&self) -> BTreeMap<Class, (u64, u64)> {
        let receipts = self.issuer.purge_due(self.now()).await.unwrap();
        receipts.into_iter().map(|it| (it.class, (it.sessions, it.items))).collect()
    }

    async fn record(&self, id: Uuid) -> Session {
        self.issuer.sessions().load(&id).await.unwrap().unwrap().value
    }

    /// An approved session with a picture that lies where pictures lie, and that picture as it lies there.
    async fn with_picture(&self) -> (Uuid, String, Vec<u8>) {
        let (id, token) = self.approved().await;
        let open = self.issuer.seen_by_id(id).await.unwrap().open;
        let kept = self.issuer.keep(&open, "document", b"a picture", "image/jpeg").await.unwrap();
        let sealed = self.issuer.blobs.get(kept.blob).await.unwrap().unwrap();
        self.issuer
            .change(&token, self.now(), |open| {
                if let Stage::Decided { document, .. } = &mut open.personal.stage {
                    document.picture = kept.clone();
                }
                Ok("session.changed")
            })
            .await
            .unwrap();
        (id, token, sealed)
    }

    async fn say(&self, id: Uuid, what: &str, body: Value) -> Answer {
        self.api("POST", &format!("/v3/session/{id}/{what}/"), body).await
    }
}

#[tokio::test]
async fn every_class_goes_by_its_own_clock() {
    let world = World::new();
    let (id, token, sealed) = world.with_picture().await;
    let old = world.issuer.seen_by_id(id).await.unwrap().open;
    let blob = old.personal.stage.document().unwrap().picture.blob;
    let context = format!("warifu document of session {id}");
    assert_eq!(old.key.open(&context, &sealed).unwrap().expose(), b"a picture");
    let before = serde_json::to_value(world.record(id).await).unwrap();
    let event = ConsentWithdrawn {
        consent_id: Uuid::from_u128(5),
        session_id: id,
        application_id: world.record(id).await.application,
        audience: "partner-b".to_owned(),
        user_pid: world.issuer.user_pid(&old, "partner-b"),
        purpose: "onboarding".to_owned(),
        scope: vec![],
        withdrawn_at: world.now(),
    };
    world.issuer.store.commit(Batch::new().insert(&event)).await.unwrap();
    let faces = async || world.issuer.faces().collect(Query::all()).await.unwrap().len();
    assert_eq!(faces().await, 1);

    world.wait_days(9);
    assert_eq!(world.purge().await, BTreeMap::new());
    world.wait_days(1);
    assert_eq!(world.purge().await, BTreeMap::from([(Class::Evidence, (1, 2))]));
    // The picture is gone, and a copy of it in a backup does not open any more; what was read from it is still there.
    assert_eq!(world.issuer.blobs.get(blob).await.unwrap(), None);
    let after = world.issuer.seen_by_id(id).await.unwrap().open;
    assert!(after.key.open(&context, &sealed).is_err());
    let record = serde_json::to_value(world.record(id).await).unwrap();
    assert!(record["key"].is_string() && record["key"] != before["key"] && record["sealed"] != before["sealed"]);
    assert!(after.personal.stage.identity().is_some());
    assert_eq!(world.get(&format!("/en/session/{token}")).await.status, 200);
    assert_eq!(world.purge().await, BTreeMap::new(), "once");
}

#[tokio::test]
async fn one_class_after_the_other_until_nothing_is_left() {
    let world = World::new();
    let (id, _, _) = world.with_picture().await;
    let faces = async || world.issuer.faces().collect(Query::all()).await.unwrap().len();
    let only = |class, items| BTreeMap::from([(class, (1, items))]);
    world.wait_days(10);
    assert_eq!(world.purge().await, only(Class::Evidence, 2));
    world.wait_days(10);
    assert_eq!((world.purge().await, faces().await), (only(Class::Face, 1), 0));
    world.wait_days(10);
    assert_eq!(world.purge().await, only(Class::Identity, 1));
    let record = world.record(id).await;
    assert!(record.is_erased() && record.vendor_data.is_none());
    assert_eq!(world.say(id, "share", json!({ "audience": "partner-b" })).await.status, 410);
    world.wait_days(10);
    assert_eq!(world.purge().await, only(Class::Consents, 0));
    world.wait_days(10);
    assert_eq!(world.purge().await, only(Class::Events, 0));
    world.wait_days(10_000);
    assert_eq!(world.purge().await, BTreeMap::new());

    // Each left a receipt and an entry that names it, and neither says of whom.
    let request = Request::get("/v3/audit/purges").header("x-api-key", KEY).body(Body::empty()).unwrap();
    let receipts: Vec<PurgeReceipt> =
        serde_json::from_value(world.send(request).await.json()["purges"].clone()).unwrap();
    assert_eq!(receipts.iter().rev().map(|it| it.class).collect::<Vec<_>>(), Class::ALL);
    let logged = world.logged().await;
    for (receipt, days) in receipts.iter().rev().zip([10, 20, 30, 40, 50]) {
        assert_eq!(receipt.rule, format!("{}: {days} days after the relationship ended", receipt.class.word()));
        let named = logged.iter().filter(|it| it.entry.facts.get("receipt") == Some(&receipt.id.to_string()));
        assert_eq!(named.count(), 1);
        assert!(!serde_json::to_string(receipt).unwrap().contains(&id.to_string()));
    }
}

#[tokio::test]
async fn receipts_of_consents_and_events_outlive_the_session_and_go_too() {
    let (world, _, running) = share::world().await;
    let (id, token) = world.approved().await;
    let body = json!({ "audience": "partner-b", "purpose": "onboarding", "scope": ["kyc"] });
    let consent = world.consent(&token, body).await;
    assert_eq!(world.say(id, &format!("consents/{consent}/withdraw"), json!({})).await.status, 200);
    world.wait_days(39);
    assert!(world.purge().await.contains_key(&Class::Identity));
    let listed = async || {
        let listed = world.api("GET", &format!("/v3/session/{id}/consents/"), json!({})).await;
        listed.json()["consents"].as_array().unwrap().len()
    };
    assert_eq!(listed().await, 1);
    world.wait_days(1);
    assert_eq!(world.purge().await, BTreeMap::from([(Class::Consents, (1, 1))]));
    assert_eq!(listed().await, 0);
    let events =
        async || Collection::<ConsentWithdrawn>::of(&world.issuer.store).collect(Query::all()).await.unwrap().len();
    assert_eq!(events().await, 1);
    world.wait_days(10);
    assert_eq!((world.purge().await, events().await), (BTreeMap::from([(Class::Events, (1, 1))]), 0));
    running.stop().await;
}

#[tokio::test]
async fn what_is_held_stays() {
    let world = World::new();
    let (id, _, _) = world.with_picture().await;
    let (other, _) = world.approved().await;
    for bad in [json!({}), json!({ "reason": " " }), json!({ "reason": "x".repeat(201) }), json!({ "reason": 7 })] {
        assert_eq!(world.say(id, "hold", bad.clone()).await.status, 400, "{bad}");
        assert_eq!(world.say(id, "hold/lift", bad).await.status, 400);
    }
    assert_eq!(world.say(Uuid::nil(), "hold", json!({ "reason": "x" })).await.status, 404);
    let held = world.say(id, "hold", json!({ "reason": "case 2026-7" })).await;
    assert_eq!((held.status, &held.json()["hold"]["reason"]), (200, &json!("case 2026-7")));
    let entry = world.logged().await.pop().unwrap().entry;
    assert_eq!((&*entry.action, &*entry.facts["reason"]), ("hold.set", "case 2026-7"));

    world.wait_days(1000);
    assert_eq!(world.purge().await[&Class::Identity], (1, 1), "the other one");
    assert!(world.record(other).await.is_erased() && !world.record(id).await.is_erased());
    assert_eq!(world.api("DELETE", &format!("/v3/session/{id}/delete/"), json!({})).await.status, 409);
    assert_eq!(world.issuer.seen_by_id(id).await.unwrap().open.personal.stage.pictures().len(), 2);

    assert_eq!(world.say(id, "hold/lift", json!({ "reason": "case closed" })).await.json()["hold"], Value::Null);
    assert_eq!(world.logged().await.pop().unwrap().entry.action, "hold.lifted");
    assert_eq!(world.purge().await[&Class::Identity], (1, 1));
    assert!(world.record(id).await.is_erased());
}

#[tokio::test]
async fn a_client_says_when_the_relationship_ended() {
    let world = World::new();
    let (id, _) = world.approved().await;
    let later = world.now() + Duration::from_secs(100 * 86_400);
    let ended = world.say(id, "end", json!({ "ended_at": later.to_string() })).await;
    assert_eq!((ended.status, &ended.json()["ended_at"]), (200, &json!(later.to_string())));
    world.wait_days(109);
    assert_eq!(world.purge().await, BTreeMap::new());
    world.wait_days(1);
    assert_eq!(world.purge().await.keys().copied().collect::<Vec<_>>(), [Class::Evidence]);
    // It goes on: the clock is that of the last activity again, long run out.
    assert_eq!(world.say(id, "end", json!({ "ended_at": null })).await.json()["ended_at"], Value::Null);
    assert_eq!(world.purge().await.len(), 4);
    for bad in [json!({ "ended_at": "yesterday" }), json!({ "ended_at": 7 }), json!([])] {
        assert_eq!(world.say(id, "end", bad.clone()).await.status, 400, "{bad}");
    }
    let now = world.now();
    assert_eq!(world.say(id, "end", json!({})).await.json()["ended_at"], json!(now.to_string()));
}

#[tokio::test]
async fn whoever_comes_back_starts_the_clock_anew() {
    let world = World::new();
    let (id, token) = world.approved().await;
    world.wait_days(9);
    world.issuer.change(&token, world.now(), |_| Ok("session.changed")).await.unwrap();
    world.wait_days(9);
    assert_eq!(world.purge().await, BTreeMap::new());
    world.wait_days(1);
    assert_eq!(world.purge().await.len(), 1);
    assert!(!world.record(id).await.is_erased());
}

#[tokio::test]
async fn a_run_is_bounded_and_an_older_store_is_found_whole() {
    let world = World::new();
    for n in 0..205 {
        let (id, _) = world.session().await;
        if n % 2 == 0 {
            // As it was written before there were clocks: no member, no index.
            let mut old = serde_json::to_value(world.record(id).await).unwrap();
            old.as_object_mut().unwrap().remove("retention");
            let body = serde_json::to_vec(&old).unwrap();
            let record = Batch::new().put(Session::NAME, id.to_string(), Expected::Any, body, vec![]);
            world.issuer.store.commit(record).await.unwrap();
        }
    }
    world.wait_days(30);
    let sessions = |purged: BTreeMap<Class, (u64, u64)>| purged.get(&Class::Identity).map(|(sessions, _)| *sessions);
    assert_eq!(sessions(world.purge().await), Some(200));
    assert_eq!(sessions(world.purge().await), Some(5));
    assert_eq!(world.purge().await, BTreeMap::new());
    let left = Collection::<Session>::of(&world.issuer.store).collect(Query::all()).await.unwrap();
    assert!(left.len() == 205 && left.iter().all(|it| it.value.is_erased()));
}
