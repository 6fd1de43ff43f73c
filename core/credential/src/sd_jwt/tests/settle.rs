//! Status and expiry, after everything else held.

use super::*;
use crate::status::StatusReference;

#[test]
fn settling_needs_the_right_proof() {
    let world = world("settle");
    let uri = list_uri();
    let reference = |idx| StatusReference { uri: uri.clone(), idx };
    let authentic = |idx| {
        let text = world.issue(&claims(), Some(&reference(idx)));
        Received::parse(&text).unwrap().authenticate(&world.anchors(), now()).unwrap()
    };
    let token = |text: &str, uri: &url::Url| crate::status::StatusToken::verify(text, uri, &world.root, now()).unwrap();
    let list = token(&world.status_token(&uri, 100, &[7]), &uri);

    assert_eq!(authentic(6).status_reference(), Some(&reference(6)));
    let verified = authentic(6).settle(&list, now()).unwrap();
    assert_eq!(verified.claims()["status"], json!({ "status_list": { "idx": 6, "uri": uri.as_str() } }));
    assert!(matches!(authentic(7).settle(&list, now()), Err(SettleError::Revoked)));
    assert!(matches!(authentic(100).settle(&list, now()), Err(SettleError::Status(_))));
    assert!(matches!(authentic(6).settle_without_status(now()), Err(SettleError::StatusNotLookedUp)));
    assert!(matches!(authentic(6).settle(&list, after(601)), Err(SettleError::StaleStatus { .. })));
    assert!(matches!(authentic(6).settle_without_status(after(3600)), Err(SettleError::StatusNotLookedUp)));

    let elsewhere = url::Url::parse("https://issuer.example/status/2").unwrap();
    let other_list = token(&world.status_token(&elsewhere, 100, &[]), &elsewhere);
    assert!(matches!(authentic(6).settle(&other_list, now()), Err(SettleError::OtherList)));
    let stranger = crate::example::world("stranger");
    let foreign =
        crate::status::StatusToken::verify(&stranger.status_token(&uri, 100, &[]), &uri, &stranger.root, now())
            .unwrap();
    assert!(matches!(authentic(6).settle(&foreign, now()), Err(SettleError::OtherAnchor)));

    let unlisted =
        || Received::parse(&world.issue(&claims(), None)).unwrap().authenticate(&world.anchors(), now()).unwrap();
    assert_eq!(unlisted().status_reference(), None);
    assert!(matches!(unlisted().settle(&list, now()), Err(SettleError::NoStatus)));
    assert!(matches!(unlisted().settle_without_status(after(3600)), Err(SettleError::Expired { .. })));

    for (status, expected) in [(2, SettleError::Suspended), (3, SettleError::UnknownStatus(3))] {
        let mut list = crate::status::StatusList::new(crate::status::Bits::Two, 8).unwrap();
        list.set(6, crate::status::Status::from_value(status)).unwrap();
        let signed = list.sign(&crate::example::token_claims(&uri), &world.chain, &world.signer).unwrap();
        assert_eq!(authentic(6).settle(&token(&signed, &uri), now()).unwrap_err(), expected);
    }
}
