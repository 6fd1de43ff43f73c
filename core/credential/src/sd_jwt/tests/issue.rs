//! What is issued, and what may not be.

use super::*;

#[test]
fn what_was_issued_is_read_back() {
    let world = world("issued");
    let text = world.issue(&claims(), None);
    let jwt = text.split('~').next().unwrap();
    let payload = Unverified::parse(jwt).unwrap().dangerous_claims().unwrap();
    for name in person().keys() {
        assert!(!payload.contains_key(name), "`{name}` is visible");
    }
    // given_name, family_name, nationalities + 2, address + 3 members + 2 lines, sex.
    assert_eq!(text.matches('~').count() - 1, 12);
    let verified = verified(&world, &text);
    for (name, value) in person() {
        assert_eq!(verified.claims()[&name], value);
    }
    assert_eq!(verified.vct(), VCT);
    assert_eq!(verified.expires(), Some(after(3600)));
    assert_eq!(verified.holder_key(), Some(&world.holder.public_key()));
    assert_eq!(verified.issuer().leaf, world.chain[0]);
    assert!(verified.claims().get("_sd").is_none() && verified.claims().get("_sd_alg").is_none());
    assert!(!format!("{verified:?}").contains("ERIKA"));
}

#[test]
fn digests_are_sorted_and_salts_differ() {
    let world = world("salts");
    let text = world.issue(&claims().with_decoys(5), None);
    let payload = Unverified::parse(text.split('~').next().unwrap()).unwrap().dangerous_claims().unwrap();
    let digests: Vec<&str> = payload["_sd"].as_array().unwrap().iter().map(|digest| digest.as_str().unwrap()).collect();
    assert!(digests.is_sorted());
    let salts: std::collections::BTreeSet<String> = text
        .split('~')
        .skip(1)
        .filter(|part| !part.is_empty())
        .map(|part| {
            let items: Value = serde_json::from_slice(&base64url::decode(part).unwrap()).unwrap();
            let salt = items[0].as_str().unwrap().to_owned();
            assert_eq!(base64url::decode(&salt).unwrap().len(), 16);
            salt
        })
        .collect();
    assert_eq!(salts.len(), 12);
    verified(&world, &text);
}

#[test]
fn what_may_not_be_issued() {
    let world = world("refused");
    let key = world.holder.public_key();
    let registered = Registered {
        vct: VCT,
        issuer: None,
        issued_at: None,
        not_before: None,
        expires: None,
        holder_key: Some(&key),
        status: None,
    };
    let attempt = |claims: Value, issuer: IssuerKey<'_>| {
        issue(
            &Claims::new(claims.as_object().unwrap().clone()).selective_throughout(),
            &registered,
            issuer,
            &world.entropy,
        )
        .unwrap_err()
    };
    for name in NEVER_SELECTIVE {
        assert!(matches!(attempt(json!({ name: 1 }), world.issuer()), Error::NeverSelective(found) if found == name));
    }
    for name in ["_sd", "...", "_sd_alg"] {
        assert!(
            matches!(attempt(json!({ "a": [{ name: 1 }] }), world.issuer()), Error::ReservedName(found) if found == name)
        );
    }
    let with_root = [world.chain[0].clone(), world.root.clone()];
    let chained = IssuerKey { signer: &world.signer, chain: &with_root };
    assert!(matches!(attempt(json!({}), chained), Error::IssuerChain(_)));
    let foreign = IssuerKey { signer: &world.holder, chain: &world.chain };
    assert!(matches!(attempt(json!({}), foreign), Error::IssuerChain(_)));
    let mut deep = json!(1);
    for _ in 0..MAX_DEPTH {
        deep = json!({ "a": deep });
    }
    assert!(matches!(attempt(json!({ "a": deep }), world.issuer()), Error::TooDeep));
}

/// On every level, arrays included, as many as make the next multiple; nothing about the number is drawn.
#[test]
fn decoys_fill_up() {
    let world = world("decoys");
    let payload = |multiple: u8| {
        let text = world.issue(&claims().with_decoys(multiple), None);
        let held = Held::keep(verified(&world, &text)).unwrap();
        for (name, value) in person() {
            assert_eq!(held.claims()[&name], value);
        }
        (Unverified::parse(text.split('~').next().unwrap()).unwrap().dangerous_claims().unwrap(), held)
    };
    // Levels: five claims, two nationalities, three parts of the address, two lines in it.
    for (multiple, [top, nationalities, address, lines]) in
        [(0, [5, 2, 3, 2]), (1, [5, 2, 3, 2]), (4, [8, 4, 4, 4]), (5, [5, 5, 5, 5])]
    {
        let (first, held) = payload(multiple);
        let digests = |value: &Value| value["_sd"].as_array().unwrap().len();
        assert_eq!(digests(&Value::Object(first.clone())), top);
        assert_eq!(digests(&Value::Object(payload(multiple).0)), top);
        let disclosed = |name: &str| {
            let digest = held.digest_of(name).unwrap();
            let text = held.text();
            let found =
                text.split('~').skip(1).find(|text| super::super::digest(HashAlgorithm::Sha256, text) == digest);
            serde_json::from_slice::<Value>(&base64url::decode(found.unwrap()).unwrap()).unwrap()[2].take()
        };
        assert_eq!(disclosed("nationalities").as_array().unwrap().len(), nationalities);
        assert_eq!(digests(&disclosed("address")), address);
        let inner: Vec<Value> = held
            .text()
            .split('~')
            .skip(1)
            .filter_map(|text| serde_json::from_slice(&base64url::decode(text).ok()?).ok())
            .filter(|items: &Value| items[1] == "lines")
            .collect();
        assert_eq!(inner[0][2].as_array().unwrap().len(), lines);
    }
    // Where nothing can be withheld there is nothing to hide, and no `_sd` (SD-JWT VC draft-19 section 2.2.2.5).
    let plain = world.issue(&Claims::new(person()).with_decoys(4), None);
    let payload = Unverified::parse(plain.split('~').next().unwrap()).unwrap().dangerous_claims().unwrap();
    assert!(!payload.contains_key("_sd") && !payload.contains_key("_sd_alg"));
    assert_eq!(payload["nationalities"], json!(["DE", "JP"]));
}
