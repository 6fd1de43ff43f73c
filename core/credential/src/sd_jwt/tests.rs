use serde_json::json;

use super::*;
use crate::claim_path::ClaimPath;
use crate::example::{
    AUDIENCE, NONCE, VCT, World, after, binding, cnf, disclosure, list_uri, now, rules, unfold, vector, world,
};
use crate::{SettleError, Verified};
use warifu_keys::Signer as _;
use warifu_keys::SigningKey;
use warifu_keys::entropy::Seeded;
use warifu_keys::jws::{self, Header};

fn person() -> Map<String, Value> {
    let value = json!({
        "given_name": "ERIKA",
        "family_name": "MUSTERMANN",
        "nationalities": ["DE", "JP"],
        "address": { "locality": "KÖLN", "country": "DE", "lines": ["HEIDESTRASSE 17", "51147"] },
        "sex": 2,
    });
    value.as_object().unwrap().clone()
}

fn claims() -> Claims {
    Claims::new(person()).selective_throughout()
}

fn verified(world: &World, text: &str) -> Verified {
    Received::parse(text).unwrap().authenticate(&world.anchors(), now()).unwrap().settle_without_status(now()).unwrap()
}

fn held(world: &World) -> Held {
    Held::keep(verified(world, &world.issue(&claims(), None)))
}

fn paths(list: Value) -> Vec<ClaimPath> {
    list.as_array().unwrap().iter().map(|path| ClaimPath::from_value(path).unwrap()).collect()
}

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
    let with_decoys = (0..20).any(|_| {
        let text = world.issue(&claims().with_decoys(5), None);
        let payload = Unverified::parse(text.split('~').next().unwrap()).unwrap().dangerous_claims().unwrap();
        payload["_sd"].as_array().unwrap().len() > person().len()
    });
    assert!(with_decoys);
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

/// RFC 9901 section 5.1 (disclosures and their digests).
#[test]
fn digests_of_the_standard() {
    for (text, expected) in [
        (
            "WyJfMjZiYzRMVC1hYzZxMktJNmNCVzVlcyIsICJmYW1pbHlfbmFtZSIsICJNw7ZiaXVzIl0",
            "X9yH0Ajrdm1Oij4tWso9UzzKJvPoDxwmuEcO3XAdRC0",
        ),
        ("WyJsa2x4RjVqTVlsR1RQVW92TU5JdkNBIiwgIkZSIl0", "w0I8EKcdCtUPkGCNUrfwVp2xEgNjtoIDlOxc9-PlOhs"),
    ] {
        assert_eq!(Disclosure::parse(0, text).unwrap().digest, expected);
    }
}

/// Issuer key of the examples in RFC 9901 appendix A.5.
fn issuer_of_the_standard() -> PublicKey {
    Jwk::from_value(&json!({ "kty": "EC", "crv": "P-256",
        "x": "b28d4MwZMjw8-00CG4xfnn9SLMVMM19SlqZpVb_uNtQ", "y": "Xv5zWwuoaTgdS6hV43yI6gBwTnjukmFQQnJ_kCxzqk8" }))
    .unwrap()
    .public_key()
    .unwrap()
}

/// RFC 9901 appendix A.3. It carries no certificate, so the key comes from appendix A.5.
#[test]
fn example_of_rfc_9901_appendix_a3() {
    let Some(text) = vector("sd-jwt-vc/rfc9901-a3-sd-jwt-vc.txt") else { return };
    let text = unfold(&text);
    let received = Received::parse(&text).unwrap();
    received.jws.expect_typ(TYP).unwrap();
    let at = Timestamp::from_second(1_700_000_000).unwrap();
    let (sd_jwt, contents) = open(&received.jws, received.sd_jwt, &issuer_of_the_standard(), at).unwrap();
    assert_eq!(sd_jwt.text(|_| true), text);
    assert_eq!(contents.type_identifier, "urn:eudi:pid:de:1");
    assert_eq!(contents.claims["address"]["street_address"], "Heidestraße 17");
    assert_eq!(contents.claims["place_of_birth"], json!({ "locality": "Berlin", "country": "DE" }));
    assert_eq!(contents.claims["age_equal_or_over"]["18"], true);
    assert_eq!(contents.claims["age_equal_or_over"]["65"], false);
    assert_eq!(contents.claims["sex"], 2);
    assert_eq!(contents.claims.as_object().unwrap().len(), 5 + 15);
    assert!(contents.withheld.is_empty());

    let late = Timestamp::from_second(1_883_000_000).unwrap();
    let received = Received::parse(&text).unwrap();
    assert!(matches!(
        open(&received.jws, received.sd_jwt, &issuer_of_the_standard(), late),
        Err(Error::Expired { .. })
    ));
    let received = Received::parse(&text).unwrap();
    let no_chain = received.authenticate(&[], at);
    assert!(matches!(no_chain, Err(Error::Jws(JwsError::Certificate(X509Error::Missing)))));

    let held = Held::dangerous_reload(&text).unwrap();
    assert_eq!(
        held.reveals(&paths(json!([["age_equal_or_over", "18"]]))).unwrap()["age_equal_or_over"],
        json!({ "18": true })
    );
}

/// OpenID4VP 1.0, examples/sd_jwt_vcld/01: a presentation with key binding.
#[test]
fn example_of_openid4vp_sd_jwt_vcld() {
    let Some(text) = vector("openid4vp/sd_jwt_vcld/01/sd_jwt_presentation.txt") else { return };
    let presentation = Presentation::parse(&unfold(&text)).unwrap();
    let at = Timestamp::from_second(1_744_743_400).unwrap();
    let (sd_jwt, contents) = open(&presentation.jws, presentation.sd_jwt, &issuer_of_the_standard(), at).unwrap();
    let expected: Value =
        serde_json::from_str(&vector("openid4vp/sd_jwt_vcld/01/verified_contents.json").unwrap()).unwrap();
    assert_eq!(contents.claims, expected);
    let rules = KeyBindingRules { audience: "https://verifier.example.org", nonce: "1234567890", ..rules() };
    let key = contents.holder_key.unwrap();
    let bound = key_binding::check(&presentation.key_binding, &key, sd_jwt.sd_hash(), at, &rules).unwrap();
    assert_eq!(bound.sd_hash(), "BojpuMvN94GsIX3Vh5yeRPBp1M-DwCJ8kxpCjU07lnU");

    let issuance = unfold(&vector("openid4vp/sd_jwt_vcld/01/sd_jwt_issuance.txt").unwrap());
    let held = Held::dangerous_reload(&issuance).unwrap();
    assert_eq!(held.reveals(&paths(json!([["ld", "credentialSubject", "givenName"]]))).unwrap(), expected);
    // The holder's half makes the same SD-JWT as the example.
    let keep = held_text(&held, json!([["ld", "credentialSubject", "givenName"]]));
    assert!(unfold(&text).starts_with(&keep));
}

fn held_text(held: &Held, list: Value) -> String {
    let world = world("stranger");
    // Not the holder key of this credential: the text is made before the key would be used.
    match held.present(&paths(list.clone()), &binding(), &world.holder) {
        Err(Error::NotTheHolderKey) => (),
        other => panic!("{other:?}"),
    }
    let issuance = held.text();
    let parts: Vec<&str> = issuance.split('~').collect();
    let revealed = held.reveals(&paths(list)).unwrap().to_string();
    let mut text = format!("{}~", parts[0]);
    for part in &parts[1..parts.len() - 1] {
        let items: Value = serde_json::from_slice(&base64url::decode(part).unwrap()).unwrap();
        if revealed.contains(&items[2].to_string()) {
            text += &format!("{part}~");
        }
    }
    text
}

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
    let unbound = Held::keep(verified(&world, &unbound));
    assert!(matches!(unbound.present(&[], &binding(), &world.holder), Err(Error::NoHolderKey)));
}

/// Every rule of RFC 9901 section 7.1 and SD-JWT VC, each broken alone in a credential that is well signed.
#[test]
fn must_fail() {
    let world = world("must fail");
    let fails = |name: &str, payload: Value, disclosures: &[&str], expected: fn(&Error) -> bool| {
        let disclosures: Vec<String> = disclosures.iter().map(|text| (*text).to_owned()).collect();
        let text = world.signed(payload, &disclosures);
        let found = Received::parse(&text).and_then(|received| received.authenticate(&world.anchors(), now()));
        match found {
            Err(error) => assert!(expected(&error), "{name}: {error:?}"),
            Ok(_) => panic!("{name}: accepted"),
        }
    };
    let member = |json: &str| disclosure(json);
    let (a, da) = member(r#"["c2FsdA","a",1]"#);
    let (entry, dentry) = member(r#"["c2FsdA","DE"]"#);

    // The same parts, unbroken, are accepted.
    let fine = world.signed(json!({ "_sd": [da], "n": [{ "...": dentry }] }), &[a.clone(), entry.clone()]);
    let fine = verified(&world, &fine);
    assert_eq!((&fine.claims()["a"], &fine.claims()["n"]), (&json!(1), &json!(["DE"])));
    // Digests without disclosures, decoys among them, are no fault; undisclosed entries disappear.
    let bare = verified(&world, &world.signed(json!({ "_sd": [da, "ZGVjb3k"], "n": [{ "...": dentry }, 1] }), &[]));
    assert_eq!(bare.claims()["n"], json!([1]));
    assert!(bare.withholds(&da) && !bare.withholds(&dentry));

    // Disclosures by themselves.
    for bad in [
        r#"["c2FsdA"]"#,
        "[]",
        r#"["c2FsdA","a",1,2]"#,
        r#"{"a":1}"#,
        "1",
        r#"[1,"a",1]"#,
        r#"["c2FsdA",2,1]"#,
        "[null,1]",
    ] {
        let (text, digest) = member(bad);
        fails(bad, json!({ "_sd": [digest] }), &[&text], |error| matches!(error, Error::DisclosureShape { at: 0 }));
    }
    for bad in [r#"["c2FsdA","a",{"x":1,"x":2}]"#, r#"["c2FsdA","a""#, "", r#"["c2FsdA","a",1] x"#] {
        let (text, digest) = member(bad);
        fails(bad, json!({ "_sd": [digest] }), &[&text], |error| {
            matches!(error, Error::DisclosureEncoding { at: 0, .. })
        });
    }
    fails("padding", json!({ "_sd": [da] }), &["W10="], |error| matches!(error, Error::DisclosureEncoding { .. }));
    for name in ["_sd", "...", "_sd_alg"] {
        let (text, digest) = member(&format!(r#"["c2FsdA","{name}",["x"]]"#));
        fails(name, json!({ "_sd": [digest] }), &[&text], |error| matches!(error, Error::ReservedName(_)));
    }

    // Disclosures and their places.
    fails("entry in an object", json!({ "_sd": [dentry] }), &[&entry], |error| {
        matches!(error, Error::DisclosureShape { .. })
    });
    fails("member in an array", json!({ "n": [{ "...": da }] }), &[&a], |error| {
        matches!(error, Error::DisclosureShape { .. })
    });
    fails("no digest", json!({ "_sd": [] }), &[&a], |error| matches!(error, Error::UnreferencedDisclosure { at: 0 }));
    fails("no digest at all", json!({}), &[&entry], |error| matches!(error, Error::UnreferencedDisclosure { at: 0 }));
    fails("second without digest", json!({ "_sd": [da] }), &[&a, &entry], |error| {
        matches!(error, Error::UnreferencedDisclosure { at: 1 })
    });
    fails("disclosure twice", json!({ "_sd": [da] }), &[&a, &a], |error| {
        matches!(error, Error::DuplicateDisclosure { at: 1 })
    });
    fails("digest twice", json!({ "_sd": [da, da] }), &[&a], |error| matches!(error, Error::DuplicateDigest));
    fails("digest twice, not disclosed", json!({ "_sd": [da, da] }), &[], |error| {
        matches!(error, Error::DuplicateDigest)
    });
    fails("digest on two levels", json!({ "_sd": [da], "o": { "_sd": [da] } }), &[], |error| {
        matches!(error, Error::DuplicateDigest)
    });
    fails("digest in two kinds of place", json!({ "_sd": [da], "n": [{ "...": da }] }), &[], |error| {
        matches!(error, Error::DuplicateDigest)
    });
    let (outer, douter) = member(&format!(r#"["c2FsdA","o",{{"_sd":["{da}"]}}]"#));
    fails("digest in payload and disclosure", json!({ "_sd": [da, douter] }), &[&outer], |error| {
        matches!(error, Error::DuplicateDigest)
    });
    fails("child without its parent", json!({ "_sd": [douter] }), &[&a], |error| {
        matches!(error, Error::UnreferencedDisclosure { .. })
    });
    fails("name taken in the payload", json!({ "a": 0, "_sd": [da] }), &[&a], |error| {
        matches!(error, Error::NameExists(_))
    });
    let (a2, da2) = member(r#"["b3RoZXI","a",2]"#);
    fails("name disclosed twice", json!({ "_sd": [da, da2] }), &[&a, &a2], |error| {
        matches!(error, Error::NameExists(_))
    });
    for name in NEVER_SELECTIVE {
        let (text, digest) = member(&format!(r#"["c2FsdA","{name}","x"]"#));
        fails(name, json!({ "vct": VCT, "_sd": [digest] }), &[&text], |error| {
            matches!(error, Error::NeverSelective(_))
        });
    }
    for name in ["cnf", "status", "aka_vcts", "vct#integrity"] {
        fails(name, json!({ name: { "_sd": [da] } }), &[&a], |error| matches!(error, Error::NeverSelective(_)));
        fails(name, json!({ name: { "x": [{ "...": dentry }] } }), &[], |error| {
            matches!(error, Error::NeverSelective(_))
        });
    }

    // Digests by themselves.
    for bad in [json!("x"), json!({}), json!(null), json!([1]), json!([null])] {
        fails("_sd", json!({ "_sd": bad }), &[], |error| matches!(error, Error::DigestList));
    }
    for bad in [json!({ "...": da, "x": 1 }), json!({ "...": 1 }), json!({ "...": ["x"] })] {
        fails("placeholder", json!({ "n": [bad] }), &[], |error| matches!(error, Error::Placeholder));
    }
    fails("placeholder in an object", json!({ "o": { "...": da } }), &[], |error| matches!(error, Error::Placeholder));
    fails("placeholder at the top", json!({ "...": da }), &[], |error| matches!(error, Error::Placeholder));
    let (hidden, dhidden) = member(&format!(r#"["c2FsdA",{{"...":"{da}"}}]"#));
    fails("placeholder disclosed", json!({ "n": [{ "...": dhidden }] }), &[&hidden], |error| {
        matches!(error, Error::Placeholder)
    });
    for bad in [json!("sha-512"), json!("SHA-256"), json!(""), json!(256), json!(null)] {
        fails("_sd_alg", json!({ "_sd_alg": bad }), &[], |error| matches!(error, Error::HashAlgorithm(_)));
    }
    fails("_sd_alg inside", json!({ "o": { "_sd_alg": "sha-256" } }), &[], |error| {
        matches!(error, Error::ReservedName(_))
    });
    let mut deep = json!(1);
    for _ in 0..MAX_DEPTH {
        deep = json!([deep]);
    }
    fails("depth", json!({ "a": deep }), &[], |error| matches!(error, Error::TooDeep));

    // A chain of disclosures, each inside the one before, is cut as well.
    let (mut text, mut digest) = member(r#"["c2FsdA","a",1]"#);
    let mut chain = vec![text.clone()];
    for _ in 0..MAX_DEPTH {
        (text, digest) = member(&format!(r#"["c2FsdA","a",{{"_sd":["{digest}"]}}]"#));
        chain.push(text.clone());
    }
    let chain: Vec<&str> = chain.iter().map(String::as_str).collect();
    fails("depth by disclosures", json!({ "_sd": [digest] }), &chain, |error| matches!(error, Error::TooDeep));

    // Registered claims.
    for bad in [json!("absent"), json!(""), json!(1)] {
        fails("vct", json!({ "vct": bad }), &[], |error| matches!(error, Error::Claim("vct")));
    }
    for bad in [json!([]), json!([VCT]), json!([1]), json!("x")] {
        fails("aka_vcts", json!({ "aka_vcts": bad }), &[], |error| matches!(error, Error::Claim("aka_vcts")));
    }
    for bad in [json!("soon"), json!(1e300), json!(null), json!(i64::MAX)] {
        fails("exp", json!({ "exp": bad }), &[], |error| matches!(error, Error::Claim("exp")));
        fails("nbf", json!({ "nbf": bad }), &[], |error| matches!(error, Error::Claim("nbf")));
        fails("iat", json!({ "iat": bad }), &[], |error| matches!(error, Error::Claim("iat")));
    }
    fails("expired", json!({ "exp": now().as_second() }), &[], |error| matches!(error, Error::Expired { .. }));
    fails("not yet", json!({ "nbf": after(61).as_second() }), &[], |error| matches!(error, Error::NotYetValid { .. }));
    fails("issued ahead", json!({ "iat": after(61).as_second() }), &[], |error| {
        matches!(error, Error::IssuedInFuture { .. })
    });
    for bad in [
        json!({}),
        json!("revoked"),
        json!({ "other_mechanism": {} }),
        json!({ "status_list": { "idx": -1, "uri": "https://issuer.example/status/1" } }),
        json!({ "status_list": { "idx": "1", "uri": "https://issuer.example/status/1" } }),
        json!({ "status_list": { "idx": 1, "uri": "file:///etc/passwd" } }),
        json!({ "status_list": { "idx": 1 } }),
    ] {
        fails("status", json!({ "status": bad }), &[], |error| matches!(error, Error::Claim("status")));
    }
    fails("cnf", json!({ "cnf": { "kid": "1" } }), &[], |error| matches!(error, Error::Claim("cnf")));
    let mut private = cnf(&world.holder.public_key());
    private["jwk"]["d"] = json!("AA");
    fails("private", json!({ "cnf": private }), &[], |error| {
        matches!(error, Error::HolderKey(KeyError::PrivateMaterial))
    });
}

#[test]
fn must_fail_before_the_payload() {
    let world = world("header");
    let other = crate::example::world("other");
    let attempt = |text: &str, anchors: &[Certificate], at: Timestamp| {
        Received::parse(text).and_then(|received| received.authenticate(anchors, at)).unwrap_err()
    };
    let text = world.issue(&claims(), None);
    assert!(matches!(attempt(&text, &other.anchors(), now()), Error::Issuer(X509Error::NoAnchor { .. })));
    assert!(matches!(attempt(&text, &[], now()), Error::Issuer(X509Error::NoAnchor { .. })));
    assert!(matches!(
        attempt(&text, &world.anchors(), after(86_400 * 500)),
        Error::Issuer(X509Error::NotValidNow { .. })
    ));
    assert!(matches!(attempt(&text, &world.anchors(), after(3600)), Error::Expired { .. }));

    let payload = json!({ "vct": VCT }).to_string();
    let sign = |header: Header, key: &SigningKey| jws::sign(header, payload.as_bytes(), key).unwrap() + "~";
    let chain = &world.chain;
    let fine = sign(Header::typ(TYP).x5c(chain), &world.signer);
    verified(&world, &fine);
    let old = sign(Header::typ("vc+sd-jwt").x5c(chain), &world.signer);
    assert!(matches!(attempt(&old, &world.anchors(), now()), Error::Jws(JwsError::Type { .. })));
    let untyped = sign(Header::default().x5c(chain), &world.signer);
    assert!(matches!(attempt(&untyped, &world.anchors(), now()), Error::Jws(JwsError::Type { .. })));
    let bare = sign(Header::typ(TYP), &world.signer);
    assert!(matches!(attempt(&bare, &world.anchors(), now()), Error::Jws(JwsError::Certificate(X509Error::Missing))));
    let forged = sign(Header::typ(TYP).x5c(chain), &world.holder);
    assert!(matches!(attempt(&forged, &world.anchors(), now()), Error::Jws(JwsError::BadSignature)));
    let ed25519 = sign(Header::typ(TYP).x5c(chain), &SigningKey::generate_ed25519(&Seeded::dangerous_new("ed")));
    assert!(matches!(attempt(&ed25519, &world.anchors(), now()), Error::Jws(JwsError::AlgorithmMismatch { .. })));
    let twice = jws::sign(Header::typ(TYP).x5c(chain), br#"{"vct":"a","vct":"b"}"#, &world.signer).unwrap() + "~";
    assert!(matches!(attempt(&twice, &world.anchors(), now()), Error::Jws(JwsError::Json { .. })));

    for bad in ["", "~", "a.b.c", "a.b.c~", &fine[..fine.len() - 1], &format!("{fine}~"), &format!("~{fine}")] {
        assert!(Received::parse(bad).is_err(), "`{bad}`");
    }
    let presented = held(&world).present(&[], &binding(), &world.holder).unwrap();
    assert!(matches!(Received::parse(&presented), Err(Error::KeyBindingFromIssuer)));
    assert!(matches!(Presentation::parse(&fine), Err(Error::NoKeyBinding)));
    let many = format!("{}{}", fine, "W10~".repeat(MAX_DISCLOSURES + 1));
    assert!(matches!(Received::parse(&many), Err(Error::TooManyDisclosures(_))));
    assert!(matches!(Received::parse(&"~".repeat(MAX_BYTES + 1)), Err(Error::Malformed)));
}

/// Every demand on the key binding JWT, broken alone.
#[test]
fn key_binding_must_fail() {
    let world = world("binding");
    let held = held(&world);
    let text = held.present(&paths(json!([["sex"], ["given_name"]])), &binding(), &world.holder).unwrap();
    let attempt = |text: &str, rules: &KeyBindingRules<'_>, at: Timestamp| {
        Presentation::parse(text).and_then(|presentation| presentation.authenticate(&world.anchors(), at, rules))
    };
    let (authentic, bound) = attempt(&text, &rules(), now()).unwrap();
    assert_eq!((bound.issued_at(), bound.claims()["aud"].as_str()), (now(), Some(AUDIENCE)));
    assert_eq!(authentic.settle_without_status(now()).unwrap().claims()["sex"], 2);

    let refuse = |text: &str, rules: KeyBindingRules<'_>, at: Timestamp| attempt(text, &rules, at).unwrap_err();
    let other = |audience: &'static str, nonce: &'static str| KeyBindingRules { audience, nonce, ..rules() };
    assert!(matches!(refuse(&text, other("x509_hash:other", NONCE), now()), Error::Audience { .. }));
    assert!(matches!(refuse(&text, other(AUDIENCE, "other"), now()), Error::Nonce));
    assert!(matches!(refuse(&text, rules(), after(331)), Error::KeyBindingTooOld { .. }));
    assert!(attempt(&text, &rules(), after(330)).is_ok());
    assert!(matches!(refuse(&text, rules(), after(-31)), Error::KeyBindingInFuture { .. }));
    assert!(attempt(&text, &rules(), after(-30)).is_ok());

    let (front, key_binding) = text.rsplit_once('~').unwrap();
    let front = format!("{front}~");
    // One disclosure less, or the two in another order, are not what the holder signed.
    let parts: Vec<&str> = front.trim_end_matches('~').split('~').collect();
    let fewer = format!("{}~{}~{key_binding}", parts[0], parts[1]);
    assert!(matches!(refuse(&fewer, rules(), now()), Error::SdHash));
    let swapped = format!("{}~{}~{}~{key_binding}", parts[0], parts[2], parts[1]);
    assert!(matches!(refuse(&swapped, rules(), now()), Error::SdHash));
    // Key binding of another copy of the same credential.
    let copy = Held::keep(verified(&world, &world.issue(&claims(), None)));
    let copied = copy.present(&[], &binding(), &world.holder).unwrap();
    let stolen = format!("{front}{}", copied.rsplit_once('~').unwrap().1);
    assert!(matches!(refuse(&stolen, rules(), now()), Error::SdHash));

    let good = json!({ "iat": now().as_second(), "aud": AUDIENCE, "nonce": NONCE, "sd_hash": sd_hash(&front) });
    let bind = |header: Header, claims: Value, key: &SigningKey| {
        format!("{front}{}", jws::sign(header, claims.to_string().as_bytes(), key).unwrap())
    };
    let typ = || Header::typ(KEY_BINDING_TYP);
    assert!(attempt(&bind(typ(), good.clone(), &world.holder), &rules(), now()).is_ok());
    let found = refuse(&bind(typ(), good.clone(), &world.signer), rules(), now());
    assert!(matches!(found, Error::KeyBindingSignature));
    let ed25519 = SigningKey::generate_ed25519(&Seeded::dangerous_new("ed"));
    assert!(matches!(refuse(&bind(typ(), good.clone(), &ed25519), rules(), now()), Error::KeyBindingAlgorithm));
    for typ in ["JWT", "dc+sd-jwt", "application/kb+jwt"] {
        let found = refuse(&bind(Header::typ(typ), good.clone(), &world.holder), rules(), now());
        assert!(matches!(found, Error::KeyBindingType(_)), "{typ}");
    }
    assert!(matches!(
        refuse(&bind(Header::default(), good.clone(), &world.holder), rules(), now()),
        Error::KeyBindingType(_)
    ));
    for name in ["iat", "aud", "nonce", "sd_hash"] {
        let mut claims = good.clone();
        claims.as_object_mut().unwrap().remove(name);
        let found = refuse(&bind(typ(), claims, &world.holder), rules(), now());
        assert!(matches!(found, Error::KeyBindingClaim(found) if found == name), "{name}");
        let mut claims = good.clone();
        claims[name] = json!([claims[name]]);
        let found = refuse(&bind(typ(), claims, &world.holder), rules(), now());
        assert!(matches!(found, Error::KeyBindingClaim(found) if found == name), "{name}");
    }
    assert!(matches!(refuse(&format!("{front}a.b.c"), rules(), now()), Error::KeyBinding(_)));
    let none = format!("{front}{}.e30.", base64url::encode(br#"{"alg":"none","typ":"kb+jwt"}"#));
    assert!(matches!(refuse(&none, rules(), now()), Error::KeyBinding(JwsError::Algorithm(_))));
    let unbound = world.signed(json!({ "cnf": "absent" }), &[]);
    let claims = json!({ "iat": now().as_second(), "aud": AUDIENCE, "nonce": NONCE, "sd_hash": sd_hash(&unbound) });
    let unbound = format!("{unbound}{}", jws::sign(typ(), claims.to_string().as_bytes(), &world.holder).unwrap());
    assert!(matches!(refuse(&unbound, rules(), now()), Error::NoHolderKey));
}

/// Every character of issuer JWT, disclosures and key binding JWT matters.
#[test]
fn any_changed_character_is_refused() {
    let world = world("mutation");
    let text =
        held(&world).present(&paths(json!([["address", "country"], ["sex"]])), &binding(), &world.holder).unwrap();
    let accepted = |text: &str| {
        Presentation::parse(text)
            .and_then(|presentation| presentation.authenticate(&world.anchors(), now(), &rules()))
            .is_ok()
    };
    assert!(accepted(&text));
    for at in 0..text.len() {
        let original = text.as_bytes()[at];
        // Its neighbour in the alphabet (a change of few bits), a fixed other one, and the two separators.
        let neighbour =
            if original == b'z' || original == b'Z' || original == b'9' { original - 1 } else { original + 1 };
        for other in [neighbour, b'A', b'.', b'~'] {
            if other != original {
                let mut bytes = text.clone().into_bytes();
                bytes[at] = other;
                assert!(!accepted(&String::from_utf8(bytes).unwrap()), "position {at}: {:?}", char::from(other));
            }
        }
        let shorter = format!("{}{}", &text[..at], &text[at + 1..]);
        assert!(!accepted(&shorter), "position {at} removed");
    }
    assert!(!accepted(&format!("{text} ")) && !accepted(&format!("{text}~")) && !accepted(&format!("{text}=")));
}

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

mod properties {
    use proptest::prelude::*;

    use super::*;

    fn json_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            ".{0,12}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
                proptest::collection::btree_map("[a-z]{1,6}", inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    /// JSON that often has digest members in odd places.
    fn odd_value() -> impl Strategy<Value = Value> {
        let leaf =
            prop_oneof![Just(Value::Null), any::<i64>().prop_map(Value::from), "[a-z.]{0,4}".prop_map(Value::from)];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
                proptest::collection::btree_map(r"(_sd|\.\.\.|_sd_alg|vct|cnf|status|exp|a|b)", inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        #[test]
        fn parsers_never_panic(text in "[A-Za-z0-9_.~-]{0,200}") {
            let _ = Received::parse(&text);
            let _ = Presentation::parse(&text);
            let _ = Held::dangerous_reload(&text);
        }

        #[test]
        fn unpacking_never_panics(payload in odd_value(), disclosures in proptest::collection::vec(odd_value(), 0..4)) {
            let Value::Object(mut payload) = payload else { return Ok(()) };
            let disclosures: Vec<Disclosure> =
                disclosures.iter().filter_map(|value| Disclosure::parse(0, &base64url::encode(value.to_string().as_bytes())).ok()).collect();
            let digests: Vec<Value> = disclosures.iter().map(|item| Value::from(item.digest.as_str())).collect();
            payload.insert("_sd".to_owned(), Value::from(digests));
            let _ = unpack(payload, &disclosures);
        }

        #[test]
        fn what_is_issued_is_presented_and_read_back(values in json_value(), picks in proptest::collection::vec(any::<bool>(), 64), decoys in 0u8..3) {
            let Value::Object(values) = values else { return Ok(()) };
            prop_assume!(!values.keys().any(|name| NEVER_SELECTIVE.contains(&name.as_str()) || name == "iat"));
            let world = world("property");
            let claims = Claims::new(values.clone()).selective_throughout().with_decoys(decoys);
            let held = Held::keep(verified(&world, &world.issue(&claims, None)));
            for (name, value) in &values {
                prop_assert_eq!(&held.claims()[name], value);
            }
            let chosen: Vec<ClaimPath> =
                held.available().into_iter().zip(picks).filter(|(_, pick)| *pick).map(|(path, _)| path).collect();
            let text = held.present(&chosen, &binding(), &world.holder).unwrap();
            let (authentic, _) = Presentation::parse(&text).unwrap().authenticate(&world.anchors(), now(), &rules()).unwrap();
            let verified = authentic.settle_without_status(now()).unwrap();
            prop_assert_eq!(verified.claims(), &held.reveals(&chosen).unwrap());
            // Whoever names all gets all, whoever names none gets none.
            prop_assert_eq!(&held.reveals(&held.available()).unwrap(), held.claims());
            let none = held.reveals(&[]).unwrap();
            prop_assert!(values.keys().all(|name| none.get(name).is_none()));
        }
    }
}
