//! Both lists that an mdoc can name.

use crate::SettleError;
use crate::example::{list_uri, token_claims};
use crate::status::{
    Bits, IdentifierList, IdentifierReference, Identifiers, Status, StatusList, StatusReference, StatusToken,
};

use super::*;

const IDX: u64 = 7;
const ID: &[u8] = &[0xab, 0xcd];

fn authentic(world: &World, references: &StatusReferences) -> Authentic {
    let bytes = issue_with(world, &world.holder.public_key(), Some(references));
    receive(world, &bytes).unwrap()
}

fn token(world: &World, bits: Bits, status: Status) -> StatusToken {
    let mut list = StatusList::new(bits, 16).unwrap();
    list.set(IDX, status).unwrap();
    let token = list.sign_cwt(&token_claims(&list_uri()), &world.chain, &world.signer).unwrap();
    StatusToken::verify(&token, &list_uri(), &world.root, now()).unwrap()
}

fn identifiers(world: &World, revoked: &[&[u8]]) -> IdentifierList {
    let mut list = Identifiers::new();
    for id in revoked {
        list.revoke(id.to_vec()).unwrap();
    }
    let token = list.sign(&token_claims(&list_uri()), &world.chain, &world.signer).unwrap();
    IdentifierList::verify(&token, &list_uri(), &world.root, now()).unwrap()
}

fn in_status_list() -> StatusReferences {
    StatusReferences::status_list(StatusReference { uri: list_uri(), idx: IDX })
}

fn in_identifier_list() -> StatusReferences {
    StatusReferences::identifier_list(IdentifierReference { uri: list_uri(), id: ID.to_vec() })
}

#[test]
fn status_list() {
    let world = world("status");
    let settle = |token: &StatusToken| authentic(&world, &in_status_list()).settle(token, now()).map(|_| ());
    settle(&token(&world, Bits::One, Status::Valid)).unwrap();
    assert_eq!(settle(&token(&world, Bits::One, Status::Invalid)).unwrap_err(), SettleError::Revoked);
    let two_bits = settle(&token(&world, Bits::Two, Status::Valid)).unwrap_err();
    assert_eq!(two_bits, SettleError::Status(crate::status::Error::MdocBits(2)));
    let without = authentic(&world, &in_status_list()).settle_without_status(now()).map(|_| ()).unwrap_err();
    assert_eq!(without, SettleError::StatusNotLookedUp);
    // A list in JWT form is none for mdocs.
    let list = StatusList::new(Bits::One, 16).unwrap();
    let jwt = list.sign(&token_claims(&list_uri()), &world.chain, &world.signer).unwrap();
    let jwt = StatusToken::verify(jwt.as_bytes(), &list_uri(), &world.root, now()).unwrap();
    assert_eq!(settle(&jwt).unwrap_err(), SettleError::Status(crate::status::Error::MdocEncoding));
}

#[test]
fn identifier_list() {
    let world = world("identifiers");
    let authentic = || authentic(&world, &in_identifier_list());
    let settle = |list: &IdentifierList| authentic().settle_with_identifiers(list, now()).map(|_| ());
    settle(&identifiers(&world, &[&[0xab]])).unwrap();
    assert_eq!(settle(&identifiers(&world, &[&[0xab], ID])).unwrap_err(), SettleError::Revoked);
    let late = authentic().settle_with_identifiers(&identifiers(&world, &[]), after(601)).map(|_| ()).unwrap_err();
    assert!(matches!(late, SettleError::StaleStatus { .. }), "{late}");
    // It is no way around the list.
    let error = authentic().settle_without_status(now()).map(|_| ()).unwrap_err();
    assert_eq!(error, SettleError::StatusNotLookedUp);
    let error = authentic().settle(&token(&world, Bits::One, Status::Valid), now()).map(|_| ()).unwrap_err();
    assert_eq!(error, SettleError::NoStatus);
    let wanted = authentic();
    let wanted = wanted.wanted_identifiers().unwrap();
    assert_eq!((wanted.uri, wanted.signer), (&list_uri(), crate::status::TrustedSigner::Anchor(&world.root)));
    let none = receive(&world, &issued(&world)).unwrap();
    assert!(none.wanted_identifiers().is_none());
    let error = none.settle_with_identifiers(&identifiers(&world, &[]), now()).map(|_| ()).unwrap_err();
    assert_eq!(error, SettleError::NoStatus);
}

/// The list of another issuer, unless the mdoc's own issuer names it as the one to trust.
#[test]
fn lists_of_others() {
    let (world, other) = (world("own"), world("other"));
    let lists = (token(&other, Bits::One, Status::Valid), identifiers(&other, &[]));
    let settle = |references: &StatusReferences| {
        let status = authentic(&world, references).settle(&lists.0, now()).map(|_| ());
        let identifiers = authentic(&world, references).settle_with_identifiers(&lists.1, now()).map(|_| ());
        (status, identifiers)
    };
    let references = StatusReferences { status_list: in_status_list().status_list, ..in_identifier_list() };
    assert_eq!(settle(&references), (Err(SettleError::OtherAnchor), Err(SettleError::OtherAnchor)));
    let named = StatusReferences {
        status_list_certificate: Some(other.root.clone()),
        identifier_list_certificate: Some(other.root.clone()),
        ..references
    };
    assert_eq!(settle(&named), (Ok(()), Ok(())));
    // And then no longer under its own.
    let own = authentic(&world, &named).settle(&token(&world, Bits::One, Status::Valid), now()).map(|_| ());
    assert_eq!(own.unwrap_err(), SettleError::OtherAnchor);
}
