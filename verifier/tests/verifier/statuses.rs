//! Status lists are renewed before they end, so that who presents does not wait; and never made up.

use std::sync::Arc;
use std::time::Duration;

use warifu_credential::status::Status;

use crate::world::{World, asked, outcomes, policy};

async fn outcome(world: &World) -> String {
    let (id, link) = world.ask(policy("identity")).await;
    let request = world.open(&link).await;
    world.respond(&request, world.wallet.present(&asked(), &world.binding(&request))).await;
    outcomes(&world.result(&id).await)["not_revoked"].as_str().unwrap().to_owned()
}

fn asked_for(world: &World) -> usize {
    world.outside.lock().unwrap().status_asked
}

#[tokio::test]
async fn lists_are_renewed_before_they_end() {
    let world = World::new("warm").await;
    assert_eq!(world.verifier.renew_statuses(world.now()).await, 0, "nothing is known yet");
    assert_eq!((outcome(&world).await.as_str(), asked_for(&world)), ("pass", 1));
    // The list may be used for ten minutes: after seven and a half it is renewed, and nobody waits for it.
    world.hands.step(Duration::from_secs(449));
    assert_eq!(world.verifier.renew_statuses(world.now()).await, 0);
    for round in 2..6 {
        world.hands.step(Duration::from_secs(450));
        assert_eq!(world.verifier.renew_statuses(world.now()).await, 1);
        assert_eq!(asked_for(&world), round);
        assert_eq!((outcome(&world).await.as_str(), asked_for(&world)), ("pass", round), "no call while it is warm");
    }
    // A revocation arrives by the renewal.
    world.outside.lock().unwrap().status = Status::Invalid;
    world.hands.step(Duration::from_secs(450));
    world.verifier.renew_statuses(world.now()).await;
    assert_eq!((outcome(&world).await.as_str(), asked_for(&world)), ("fail", 6));
}

#[tokio::test]
async fn what_can_not_be_renewed_counts_until_its_end() {
    let world = World::new("cold").await;
    assert_eq!(outcome(&world).await, "pass");
    world.outside.lock().unwrap().status_up = false;
    world.hands.step(Duration::from_secs(450));
    assert_eq!(world.verifier.renew_statuses(world.now()).await, 1);
    assert_eq!(world.verifier.renew_statuses(world.now()).await, 0, "not at once again");
    world.hands.step(Duration::from_secs(15));
    assert_eq!(world.verifier.renew_statuses(world.now()).await, 1);
    assert_eq!(outcome(&world).await, "pass", "the copy is still fresh");
    world.hands.step(Duration::from_secs(150));
    assert_eq!(outcome(&world).await, "fail");
    let (id, link) = world.ask(policy("identity")).await;
    let request = world.open(&link).await;
    world.respond(&request, world.wallet.present(&asked(), &world.binding(&request))).await;
    let result = world.result(&id).await;
    let check = result["checks"].as_array().unwrap().iter().find(|check| check["name"] == "not_revoked").unwrap();
    assert!(check["detail"].as_str().unwrap().contains("can not be fetched"), "{check}");
    // It is back.
    world.outside.lock().unwrap().status_up = true;
    world.hands.step(Duration::from_secs(15));
    world.verifier.renew_statuses(world.now()).await;
    let before = asked_for(&world);
    assert_eq!((outcome(&world).await.as_str(), asked_for(&world)), ("pass", before));
}

#[tokio::test]
async fn a_restart_remembers_and_a_day_forgets() {
    let world = World::new("remembered").await;
    assert_eq!(outcome(&world).await, "pass");
    let mut written = Vec::new();
    world.verifier.write_statuses(&mut written).await;
    assert_eq!(written.len(), 1);
    let again = world.restarted();
    assert_eq!(again.renew_statuses(world.now()).await, 0);
    again.remember_statuses(world.now()).await.unwrap();
    assert_eq!(again.renew_statuses(world.now()).await, 1, "due at once");
    assert_eq!(again.renew_statuses(world.now()).await, 0);

    world.hands.step(Duration::from_secs(24 * 3600));
    assert_eq!(again.renew_statuses(world.now()).await, 0, "nobody named it for a day");
    again.write_statuses(&mut written).await;
    let third = world.restarted();
    third.remember_statuses(world.now()).await.unwrap();
    assert_eq!(third.renew_statuses(world.now()).await, 0);
    // The task itself ends when it is told to.
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let task = tokio::spawn(Arc::clone(&third).keep_warm(async {
        let _ = stopped.await;
    }));
    stop.send(()).unwrap();
    task.await.unwrap();
}
