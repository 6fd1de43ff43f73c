//! What makes a credential invalid, each rule broken alone.

use super::*;

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
        fails(bad, json!({ "_sd": [digest] }), &[&text], |error| matches!(error, Error::DisclosureJson { at: 0, .. }));
    }
    for bad in ["W10=", "W1+", "W11", "W 0", "é"] {
        fails(bad, json!({ "_sd": [da] }), &[bad], |error| matches!(error, Error::DisclosureEncoding { at: 0 }));
    }
    for name in ["_sd", "...", "_sd_alg"] {
        let (text, digest) = member(&format!(r#"["c2FsdA","{name}",["x"]]"#));
        fails(name, json!({ "_sd": [digest] }), &[&text], |error| matches!(error, Error::ReservedName(_)));
    }

    // Disclosures and their places.
    fails("entry in an object", json!({ "_sd": [dentry] }), &[&entry], |error| {
        matches!(error, Error::EntryInObject { at: 0 })
    });
    fails("member in an array", json!({ "n": [{ "...": da }] }), &[&a], |error| {
        matches!(error, Error::MemberInArray { at: 0 })
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
    for bad in [json!("sha-1"), json!("sha-256-128"), json!("SHA-256"), json!(""), json!(256), json!(null)] {
        fails("_sd_alg", json!({ "_sd_alg": bad }), &[], |error| matches!(error, Error::HashAlgorithm(_)));
    }
    fails("_sd_alg inside", json!({ "o": { "_sd_alg": "sha-256" } }), &[], |error| {
        matches!(error, Error::ReservedName(_))
    });
    let nested = |times: usize| (0..times).fold(json!(1), |deep, _| json!([deep]));
    verified(&world, &world.signed(json!({ "a": nested(MAX_DEPTH) }), &[]));
    let deep = nested(MAX_DEPTH + 1);
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

    let long = "n".repeat(crate::claim_path::MAX_NAME + 1);
    let (text, digest) = member(&format!(r#"["c2FsdA","{long}",1]"#));
    fails("long name", json!({ "_sd": [digest] }), &[&text], |error| matches!(error, Error::NameTooLong));

    // Registered claims.
    for name in ["iss", "vct#integrity"] {
        fails(
            name,
            json!({ name: 1 }),
            &[],
            |error| matches!(error, Error::Claim(found) if matches!(*found, "iss" | "vct#integrity")),
        );
    }
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
    let critical = sign(Header::typ(TYP).x5c(chain).with("crit", json!(["exp"])).with("exp", json!(1)), &world.signer);
    assert!(matches!(attempt(&critical, &world.anchors(), now()), Error::Jws(JwsError::Critical)));
    let none = format!("{}.{}.~", base64url::encode(br#"{"alg":"none","typ":"dc+sd-jwt"}"#), base64url::encode(b"{}"));
    assert!(matches!(attempt(&none, &world.anchors(), now()), Error::Jws(JwsError::Algorithm(_))));
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
