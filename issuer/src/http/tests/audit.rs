//! The audit log by its doors.

use warifu_server::audit::{check_export, signed_checkpoint};
use warifu_store::audit::export;
use warifu_store::audit::{Hash, Log, NoteKey, Sealed};

use super::*;

impl World {
    async fn audit(&self, path: &str) -> Answer {
        let request = Request::get(format!("/v3/audit/{path}")).header("x-api-key", KEY);
        self.send(request.body(Body::empty()).unwrap()).await
    }

    /// Facts and actions of everything in the log, oldest first.
    pub(super) async fn logged(&self) -> Vec<Sealed> {
        Log::of(&self.issuer.store).entries(0, 1000).await.unwrap()
    }
}

#[tokio::test]
async fn a_client_follows_the_log_and_nobody_else() {
    let world = World::new();
    for path in ["key", "checkpoint", "entries", "proof/inclusion?index=0&size=1", "proof/consistency?from=1&to=1"] {
        assert_eq!(world.get(&format!("/v3/audit/{path}")).await.status, 403, "{path}");
    }
    // The log speaks of everybody's sessions: other applications have no business in it, the operator has.
    let environment = crate::kyc::workflow::Environment::Sandbox;
    let other = world.issuer.applications().create("Bank A", environment, &*world.entropy, world.now()).await.unwrap();
    assert_eq!(world.api_as(&other.key, "GET", "/v3/audit/entries", json!({})).await.status, 403);
    let operator = Request::get("/v3/audit/entries").header("x-operator-key", OPERATOR);
    assert_eq!(world.send(operator.body(Body::empty()).unwrap()).await.status, 200);

    let world = World::new();
    let (id, _) = world.approved().await;
    let key: NoteKey = world.audit("key").await.text().trim_end().parse().unwrap();
    assert_eq!(key.name(), "127.0.0.1:7001/v3/audit");
    let before = signed_checkpoint(&world.audit("checkpoint").await.text().parse().unwrap(), &key).unwrap().root;
    let size = before.size;
    let erased = world.api("DELETE", &format!("/v3/session/{id}/delete/"), json!({})).await;
    assert_eq!(erased.status, 200);
    let note = world.audit("checkpoint").await.text().parse().unwrap();
    let after = signed_checkpoint(&note, &key).unwrap().root;
    let hashes = |answer: &Answer| serde_json::from_value::<Vec<Hash>>(answer.json()["hashes"].clone()).unwrap();
    let proof = world.audit(&format!("proof/consistency?from={size}&to={}", size + 1)).await;
    assert_eq!(after.continues(&before, &hashes(&proof)), Ok(()));

    let listed = world.audit("entries").await;
    let entries: Vec<Sealed> = serde_json::from_value(listed.json()["entries"].clone()).unwrap();
    let actions: Vec<&str> = entries.iter().map(|sealed| &*sealed.entry.action).collect();
    assert_eq!(actions, ["session.created", "session.approved", "face.enrolled", "session.erased"]);
    let proof = world.audit(&format!("proof/inclusion?index=1&size={}", size + 1)).await;
    assert_eq!(after.includes(1, export::line(&entries[1]).as_bytes(), &hashes(&proof)), Ok(()));
    // What was answered makes a whole export.
    let lines = std::iter::once(export::head(&key, &note)).chain(entries.iter().map(export::line));
    let file: String = lines.map(|line| line + "\n").collect();
    assert!(check_export(file.as_bytes(), Some(key.public()), None).is_ok());
    // Nothing in it says who the person is.
    for personal in ["ERIKSSON", "L898902C3", &id.to_string()] {
        assert!(!file.contains(personal), "{personal}");
    }
}
