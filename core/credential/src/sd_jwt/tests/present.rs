//! What a holder reveals and binds.

use super::*;

#[test]
fn only_what_the_paths_need() {
    let world = world("paths");
    let held = held(&world);
    let check = |list: Value, disclosed: usize, expected: Value| {
        let text = held.present(&paths(list.clone()), &binding(), &world.holder).unwrap();
        assert_eq!(text.matches('~').count() - 1, disclosed, "{list}");
        let (authentic, _) =
            Presentation::parse(&text).unwrap().authenticate(&world.anchors(), now(), &rules()).unwrap();
        let verified = authentic.settle_without_status(now()).unwrap();
        let mut found = verified.claims().clone();
        assert_eq!(held.reveals(&paths(list.clone())).unwrap(), found, "{list}");
        found.as_object_mut().unwrap().retain(|name, _| person().contains_key(name));
        assert_eq!(found, expected, "{list}");
    };
    check(json!([]), 0, json!({}));
    check(json!([["vct"]]), 0, json!({}));
    check(json!([["given_name"]]), 1, json!({ "given_name": "ERIKA" }));
    check(json!([["given_name"], ["given_name"]]), 1, json!({ "given_name": "ERIKA" }));
    check(json!([["address", "country"]]), 2, json!({ "address": { "country": "DE" } }));
    check(json!([["address", "lines", 1]]), 3, json!({ "address": { "lines": ["51147"] } }));
    check(json!([["address"]]), 6, json!({ "address": person()["address"] }));
    check(json!([["nationalities", null]]), 3, json!({ "nationalities": ["DE", "JP"] }));
    check(json!([["nationalities", 1], ["sex"]]), 3, json!({ "nationalities": ["JP"], "sex": 2 }));
    for (list, expected) in [
        (json!([["email"]]), PathError::Nothing),
        (json!([["given_name", "first"]]), PathError::WrongContainer { at: 1 }),
        (json!([["nationalities", 2]]), PathError::Nothing),
    ] {
        let found = held.present(&paths(list), &binding(), &world.holder);
        assert!(matches!(found, Err(Error::NotHeld { source, .. }) if source == expected));
    }
    assert_eq!(held.issuer_chain().unwrap(), world.chain);
    assert_eq!(held.available().len(), 12);
    assert!(held.available().contains(&ClaimPath::claim("address").name("lines").index(0)));
    let again = Held::dangerous_reload(&held.text()).unwrap();
    assert_eq!(again.claims(), held.claims());
}

#[test]
fn a_holder_can_not_say_everything() {
    let world = world("holder");
    let held = held(&world);
    for name in ["aud", "nonce", "iat", "sd_hash"] {
        let mut binding = binding();
        binding.extra.insert(name.to_owned(), json!("x"));
        assert!(matches!(held.present(&[], &binding, &world.holder), Err(Error::ExtraClaim(found)) if found == name));
    }
    assert!(matches!(held.present(&[], &binding(), &world.signer), Err(Error::NotTheHolderKey)));
    let unbound = world.signed(json!({ "cnf": "absent" }), &[]);
    let unbound = Held::keep(verified(&world, &unbound)).unwrap();
    assert!(matches!(unbound.present(&[], &binding(), &world.holder), Err(Error::NoHolderKey)));
}
