//! What makes a presentation invalid, each rule broken alone.

use super::*;

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
    let copy = Held::keep(verified(&world, &world.issue(&claims(), None))).unwrap();
    let copied = copy.present(&[], &binding(), &world.holder).unwrap();
    let stolen = format!("{front}{}", copied.rsplit_once('~').unwrap().1);
    assert!(matches!(refuse(&stolen, rules(), now()), Error::SdHash));

    let good = json!({ "iat": now().as_second(), "aud": AUDIENCE, "nonce": NONCE, "sd_hash": digest(HashAlgorithm::Sha256, &front) });
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
    // A lifetime that the holder wrote itself is kept (RFC 9901 section 7.3 step 5.h).
    let with = |name: &str, value: Value| {
        let mut claims = good.clone();
        claims[name] = value;
        bind(typ(), claims, &world.holder)
    };
    let second = |at: Timestamp| json!(at.as_second());
    assert!(attempt(&with("exp", second(after(-29))), &rules(), now()).is_ok());
    let found = refuse(&with("exp", second(after(-30))), rules(), now());
    assert!(matches!(found, Error::KeyBindingExpired { .. }));
    assert!(attempt(&with("nbf", second(after(30))), &rules(), now()).is_ok());
    let found = refuse(&with("nbf", second(after(31))), rules(), now());
    assert!(matches!(found, Error::KeyBindingNotYetValid { .. }));
    for name in ["exp", "nbf"] {
        let found = refuse(&with(name, json!("soon")), rules(), now());
        assert!(matches!(found, Error::KeyBindingClaim(found) if found == name));
    }
    let critical = bind(typ().with("crit", json!(["x"])).with("x", json!(1)), good.clone(), &world.holder);
    assert!(matches!(refuse(&critical, rules(), now()), Error::KeyBinding(JwsError::Critical)));
    // The key that a header brings along is nobody's.
    let own = bind(typ().jwk(&world.signer.public_key()), good.clone(), &world.signer);
    assert!(matches!(refuse(&own, rules(), now()), Error::KeyBindingSignature));

    assert!(matches!(refuse(&format!("{front}a.b.c"), rules(), now()), Error::KeyBinding(_)));
    let none = format!("{front}{}.e30.", base64url::encode(br#"{"alg":"none","typ":"kb+jwt"}"#));
    assert!(matches!(refuse(&none, rules(), now()), Error::KeyBinding(JwsError::Algorithm(_))));
    let unbound = world.signed(json!({ "cnf": "absent" }), &[]);
    let claims = json!({ "iat": now().as_second(), "aud": AUDIENCE, "nonce": NONCE, "sd_hash": digest(HashAlgorithm::Sha256, &unbound) });
    let unbound = format!("{unbound}{}", jws::sign(typ(), claims.to_string().as_bytes(), &world.holder).unwrap());
    assert!(matches!(refuse(&unbound, rules(), now()), Error::NoHolderKey));
}

/// The door that verifiers use can not be passed without the holder: a key binding JWT that is perfect but for its key.
#[test]
fn the_normal_call_looks_at_the_key_binding() {
    let (world, thief) = (world("owner"), world("thief"));
    let text = held(&world).present(&paths(json!([["sex"]])), &binding(), &world.holder).unwrap();
    let (front, _) = text.rsplit_once('~').unwrap();
    let front = format!("{front}~");
    let sd_hash = digest(HashAlgorithm::Sha256, &front);
    let claims = json!({ "iat": now().as_second(), "aud": AUDIENCE, "nonce": NONCE, "sd_hash": sd_hash });
    let by = |key: &SigningKey| {
        let key_binding = jws::sign(Header::typ(KEY_BINDING_TYP), claims.to_string().as_bytes(), key).unwrap();
        Presentation::parse(&(front.clone() + &key_binding)).unwrap().authenticate(&world.anchors(), now(), &rules())
    };
    by(&world.holder).unwrap();
    assert!(matches!(by(&thief.holder), Err(Error::KeyBindingSignature)));
    assert!(matches!(Presentation::parse(&front), Err(Error::NoKeyBinding)));
}

/// Two presentations of one credential: the key binding JWT of one does not do for the other.
#[test]
fn key_binding_does_not_travel() {
    let world = world("swapped");
    let held = held(&world);
    let present = |list: Value| held.present(&paths(list), &binding(), &world.holder).unwrap();
    let (one, two) = (present(json!([["sex"]])), present(json!([["given_name"]])));
    let swapped = format!("{}~{}", one.rsplit_once('~').unwrap().0, two.rsplit_once('~').unwrap().1);
    let found = Presentation::parse(&swapped).unwrap().authenticate(&world.anchors(), now(), &rules());
    assert!(matches!(found, Err(Error::SdHash)));
}

/// A credential that its issuer made for certain verifiers (RFC 9901 section 7.1 step 6).
#[test]
fn audience_of_the_credential() {
    let world = world("audience");
    let attempt = |aud: Value| {
        let issued = world.signed(json!({ "aud": aud }), &[]);
        let held = Held::keep(verified(&world, &issued)).unwrap();
        let text = held.present(&[], &binding(), &world.holder).unwrap();
        Presentation::parse(&text).unwrap().authenticate(&world.anchors(), now(), &rules()).map(drop)
    };
    attempt(json!(AUDIENCE)).unwrap();
    attempt(json!(["x509_hash:other", AUDIENCE])).unwrap();
    for aud in [json!("x509_hash:other"), json!([]), json!(["x509_hash:other"]), json!(1), json!(null)] {
        assert!(matches!(attempt(aud.clone()), Err(Error::CredentialAudience)), "{aud}");
    }
}

/// Whatever hash the issuer chose, the key binding JWT follows it (RFC 9901 section 4.3.1).
#[test]
fn every_hash() {
    let world = world("hash");
    for hash in HashAlgorithm::ALL {
        let text = world.issue(&claims().hashed_with(hash).with_decoys(4), None);
        let payload = Unverified::parse(text.split('~').next().unwrap()).unwrap().dangerous_claims().unwrap();
        assert_eq!(payload["_sd_alg"], hash.sd_jwt_name());
        let long = |digest: &Value| base64url::decode(digest.as_str().unwrap()).unwrap().len() == hash.digest_bytes();
        assert!(payload["_sd"].as_array().unwrap().iter().all(long));
        let held = Held::keep(verified(&world, &text)).unwrap();
        assert!(payload["_sd"].as_array().unwrap().contains(&json!(held.digest_of("sex").unwrap())));
        let text = held.present(&paths(json!([["sex"]])), &binding(), &world.holder).unwrap();
        let attempt = |text: &str| Presentation::parse(text).unwrap().authenticate(&world.anchors(), now(), &rules());
        let (_, bound) = attempt(&text).unwrap();
        let front = format!("{}~", text.rsplit_once('~').unwrap().0);
        assert_eq!(bound.sd_hash(), digest(hash, &front));
        for other in HashAlgorithm::ALL.into_iter().filter(|other| *other != hash) {
            let claims =
                json!({ "iat": now().as_second(), "aud": AUDIENCE, "nonce": NONCE, "sd_hash": digest(other, &front) });
            let key_binding =
                jws::sign(Header::typ(KEY_BINDING_TYP), claims.to_string().as_bytes(), &world.holder).unwrap();
            assert!(matches!(attempt(&(front.clone() + &key_binding)), Err(Error::SdHash)), "{hash} {other}");
        }
    }
    // Absent means SHA-256, as does the name (RFC 9901 section 4.1.1).
    let (text, digest) = disclosure(r#"["c2FsdA","a",1]"#);
    for payload in [json!({ "_sd": [digest] }), json!({ "_sd": [digest], "_sd_alg": "sha-256" })] {
        assert_eq!(verified(&world, &world.signed(payload, std::slice::from_ref(&text))).claims()["a"], 1);
    }
    let other = world.signed(json!({ "_sd": [digest], "_sd_alg": "sha-512" }), &[text]);
    let found = Received::parse(&other).unwrap().authenticate(&world.anchors(), now());
    assert!(matches!(found, Err(Error::UnreferencedDisclosure { at: 0 })));
}
