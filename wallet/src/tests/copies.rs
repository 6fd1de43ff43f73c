//! Copies for single use: asked for, used up one by one, and what happens when none is left.

use serde_json::{Value, json};
use warifu_credential::ClaimPath;
use warifu_session::share::Life;

use super::world::{Fault, World, now};
use crate::consent::{Asked, Ready, Warning};
use crate::present::Request;
use crate::share::NewShareRequest;
use crate::{Error, Wallet};

fn names() -> Vec<ClaimPath> {
    vec![ClaimPath::claim("family_name")]
}

async fn holder(world: &std::sync::Arc<World>, copies: usize, reuse: Option<Value>) -> Wallet {
    world.give_copies(copies, reuse);
    world.wallet_with_credential().await
}

async fn asked(world: &World, wallet: &Wallet) -> Result<Request, Error> {
    wallet.inspect_request(&world.request(&names(), None), now()).await
}

async fn present(wallet: &Wallet, request: Request) {
    let consent = request.question().agree(now());
    wallet.present(Ready::agreed(request, consent, now()).unwrap(), now()).await.unwrap();
}

fn left(wallet: &Wallet) -> Option<u32> {
    wallet.list(now()).unwrap()[0].copies_left
}

#[tokio::test]
async fn as_many_as_the_issuer_gives_and_the_wallet_wants() {
    for (batch, expected) in [(None, 1), (Some(2), 2), (Some(10), 10), (Some(50), 10)] {
        let world = World::new(None);
        if let Some(batch) = batch {
            world.give_copies(batch, None);
        }
        let wallet = world.wallet_with_credential().await;
        let mut keys: Vec<_> = world.proved().into_iter().map(|(key, _)| key.thumbprint()).collect();
        keys.sort();
        keys.dedup();
        assert_eq!(keys.len(), expected, "{batch:?}: a key for each copy");
        assert_eq!(wallet.list(now()).unwrap().len(), 1, "{batch:?}: one credential");
        assert_eq!(left(&wallet), (expected > 1).then_some(expected as u32), "{batch:?}");
    }
}

#[tokio::test]
async fn every_presentation_takes_a_fresh_copy() {
    let world = World::new(None);
    let wallet = holder(&world, 4, None).await;
    let keys: Vec<_> = world.proved().into_iter().map(|(key, _)| key).collect();
    let credential = wallet.list(now()).unwrap()[0].id.clone();
    let few = |left| vec![Warning::FewCopies { credential: credential.clone(), left }];
    let again = || vec![Warning::ShownBefore { credential: credential.clone() }];
    let mut seen = Vec::new();
    for (at, warnings) in [vec![], vec![], few(2), few(1), again(), again()].into_iter().enumerate() {
        assert_eq!(left(&wallet), Some(4 - (at as u32).min(4)));
        let request = asked(&world, &wallet).await.unwrap();
        assert_eq!(request.question().warnings, warnings, "{at}");
        present(&wallet, request).await;
        seen.push(world.holder_of_answer(&at.to_string()));
    }
    for (at, key) in keys.iter().enumerate() {
        assert_eq!(seen.iter().filter(|holder| *holder == key).count(), if seen[3] == *key { 3 } else { 1 }, "{at}");
    }
    assert_eq!((&seen[4], &seen[5]), (&seen[3], &seen[3]), "the last one is shown again");
    assert_eq!(wallet.history().unwrap().len(), 7);
}

#[tokio::test]
async fn two_requests_at_once_show_two_copies() {
    let world = World::new(None);
    let wallet = holder(&world, 3, None).await;
    let (one, other) = (asked(&world, &wallet).await.unwrap(), asked(&world, &wallet).await.unwrap());
    present(&wallet, one).await;
    present(&wallet, other).await;
    assert_ne!(world.holder_of_answer_in(0, "0"), world.holder_of_answer_in(1, "1"));
    assert_eq!(left(&wallet), Some(1));
    // A refusal uses nothing up, and a question that was only looked at neither.
    let request = asked(&world, &wallet).await.unwrap();
    wallet.refuse_request(request, now()).await.unwrap();
    asked(&world, &wallet).await.unwrap();
    assert_eq!(left(&wallet), Some(1));
}

#[tokio::test]
async fn a_share_takes_a_copy_too() {
    let world = World::new(None);
    let wallet = holder(&world, 2, None).await;
    let share = async || {
        let new = NewShareRequest {
            partner: "partner-b".to_owned(),
            purpose: "onboarding".to_owned(),
            scope: vec![],
            claims: Some(vec!["family_name".to_owned()]),
            credential: None,
            life: Life::default(),
        };
        let proposal = wallet.propose_share(new, now()).await.unwrap();
        let consent = proposal.question().agree(now());
        wallet.share(Ready::agreed(proposal, consent, now()).unwrap(), now()).unwrap()
    };
    share().await;
    assert_eq!(left(&wallet), Some(1));
    share().await;
    assert_eq!(left(&wallet), Some(0));
}

#[tokio::test]
async fn the_issuers_policy_decides_when_none_is_left() {
    let once = |unused: u32| {
        json!({ "id": "arf_annex_ii", "options": [
            { "details": ["once_only"], "batch_size": 30, "reissue_trigger_unused": unused }] })
    };
    let world = World::new(None);
    let wallet = holder(&world, 2, Some(once(1))).await;
    let request = asked(&world, &wallet).await.unwrap();
    assert_eq!(request.question().warnings, [], "two are more than one");
    let late = asked(&world, &wallet).await.unwrap();
    present(&wallet, request).await;
    let request = asked(&world, &wallet).await.unwrap();
    assert!(matches!(request.question().warnings[..], [Warning::FewCopies { left: 1, .. }]));
    present(&wallet, request).await;
    assert_eq!(asked(&world, &wallet).await.unwrap_err().code(), "no_matching_credential");
    // Nor by a question that was asked while there still were some.
    let consent = late.question().agree(now());
    let refused = wallet.present(Ready::agreed(late, consent, now()).unwrap(), now()).await.unwrap_err();
    assert_eq!(refused.code(), "no_matching_credential");
    assert_eq!(world.posted().len(), 2);
    // A single copy of such an issuer is for one presentation.
    let world = World::new(None);
    world.give_copies(1, Some(once(0)));
    let wallet = world.wallet_with_credential().await;
    assert_eq!(left(&wallet), Some(1));
    present(&wallet, asked(&world, &wallet).await.unwrap()).await;
    assert_eq!(asked(&world, &wallet).await.unwrap_err().code(), "no_matching_credential");
}

#[tokio::test]
async fn a_batch_that_is_not_believed_is_not_stored() {
    for (fault, expected) in [
        (Fault::CopiesDiffer, "copies_differ"),
        (Fault::OneKey, "wrong_key"),
        (Fault::OtherKey, "wrong_key"),
        (Fault::Tampered, "credential_not_authentic"),
        (Fault::Revoked, "revoked"),
    ] {
        for configurations in [&["kyc"][..], &["kyc-mdoc"]] {
            let world = World::new(None);
            world.give_copies(3, None);
            world.break_it(fault);
            let wallet = world.wallet();
            let (link, code) = world.offer_of(configurations);
            let error = wallet.accept(&link, Some(&code), now()).await.unwrap_err();
            assert_eq!(error.code(), expected, "{fault:?} {configurations:?}: {error}");
            assert!(wallet.list(now()).unwrap().is_empty(), "{fault:?}");
        }
    }
}
