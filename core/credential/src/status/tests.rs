use super::*;
use crate::example::{after, list_uri, now, unfold, vector, world};

fn nonzero(list: &StatusList) -> Vec<(u64, u8)> {
    (0..list.len()).map(|idx| (idx, list.get(idx).unwrap().value())).filter(|(_, value)| *value != 0).collect()
}

/// Draft-20 section 4.1, the examples with 1 and 2 bits.
#[test]
fn short_lists_of_the_draft() {
    let check = |bits: Bits, lst: &str, bytes: &[u8], values: &[u8]| {
        let list = StatusList::decode(bits, lst).unwrap();
        assert_eq!(list.as_bytes(), bytes);
        let found: Vec<u8> = (0..list.len()).map(|idx| list.get(idx).unwrap().value()).collect();
        assert_eq!(found, values);
        let mut built = StatusList::new(bits, values.len()).unwrap();
        for (idx, value) in values.iter().enumerate() {
            built.set(idx as u64, Status::from_value(*value)).unwrap();
        }
        assert_eq!(built, list);
        assert_eq!(built.encode().unwrap(), lst);
    };
    check(Bits::One, "eNrbuRgAAhcBXQ", &[0xb9, 0xa3], &[1, 0, 0, 1, 1, 1, 0, 1, 1, 1, 0, 0, 0, 1, 0, 1]);
    check(Bits::Two, "eNo76fITAAPfAgc", &[0xc9, 0x44, 0xf9], &[1, 2, 0, 3, 0, 1, 0, 1, 1, 2, 3, 3]);
}

/// Draft-20 appendix "Test vectors": lists of 2^20 entries; all that are not named are 0.
#[test]
fn long_lists_of_the_draft() {
    let check = |file: &str, expected: &[(u64, u8)]| {
        let Some(text) = vector(file) else { return };
        let list = list_in(&text);
        assert_eq!(list.len(), 1 << 20, "{file}");
        assert_eq!(nonzero(&list), expected, "{file}");
        let again = StatusList::decode(list.bits(), &list.encode().unwrap()).unwrap();
        assert_eq!(again, list, "{file}");
    };
    check(
        "token-status-list/status_list_encoding1_long_json.txt",
        &[0, 1993, 25460, 159495, 495669, 554353, 645645, 723232, 854545, 934534, 1000345].map(|idx| (idx, 1)),
    );
    check(
        "token-status-list/status_list_encoding2_long_json.txt",
        &[
            (0, 1),
            (1993, 2),
            (25460, 1),
            (159495, 3),
            (495669, 1),
            (554353, 1),
            (645645, 2),
            (723232, 1),
            (854545, 1),
            (934534, 2),
            (1000345, 3),
        ],
    );
    check(
        "token-status-list/status_list_encoding4_json.txt",
        &[
            (0, 1),
            (1993, 2),
            (35460, 3),
            (459495, 4),
            (595669, 5),
            (754353, 6),
            (845645, 7),
            (923232, 8),
            (924445, 9),
            (934534, 10),
            (1000345, 12),
            (1004534, 11),
            (1030203, 13),
            (1030204, 14),
            (1030205, 15),
        ],
    );
    // Every value from 1 to 255 once.
    if let Some(text) = vector("token-status-list/status_list_encoding8_json.txt") {
        let list = list_in(&text);
        let mut values: Vec<u8> = nonzero(&list).into_iter().map(|(_, value)| value).collect();
        assert_eq!(list.get(52451).unwrap(), Status::Invalid);
        values.sort_unstable();
        assert_eq!(values, (1..=255).collect::<Vec<u8>>());
    }
}

/// The list in an example file: JSON, after a comment in some.
fn list_in(text: &str) -> StatusList {
    let json = unfold(&text[text.find('{').unwrap()..]);
    let value: Value = serde_json::from_str(&json).unwrap();
    StatusList::decode(Bits::from_count(value["bits"].as_u64().unwrap()).unwrap(), value["lst"].as_str().unwrap())
        .unwrap()
}

/// Draft-20 section 5.1. The example has no certificate and its key is not published with it, so only what it says is
/// read.
#[test]
fn token_of_the_draft() {
    let Some(text) = vector("token-status-list/status_list_jwt_raw.txt") else { return };
    let jws = jws::Unverified::parse(&unfold(&text)).unwrap();
    jws.expect_typ(TYP).unwrap();
    let claims = jws.dangerous_claims().unwrap();
    let uri = Url::parse("https://example.com/statuslists/1").unwrap();
    let at = Timestamp::from_second(1_700_000_000).unwrap();
    let world = world("draft");
    let chain = VerifiedChain { leaf: world.chain[0].clone(), anchor: world.root.clone() };
    let token = StatusToken::from_claims(&claims, &uri, chain.clone(), at).unwrap();
    assert_eq!(token.status(0).unwrap(), Status::Invalid);
    assert_eq!(token.status(1).unwrap(), Status::Valid);
    assert_eq!(token.fresh_until(), Timestamp::from_second(1_700_000_000 + 43_200).unwrap());
    let late = Timestamp::from_second(2_291_720_170).unwrap();
    assert!(matches!(StatusToken::from_claims(&claims, &uri, chain, late), Err(Error::Expired { .. })));
    // Without a certificate in the header nobody knows who signed it.
    assert!(matches!(
        StatusToken::verify(&unfold(&text), &uri, &world.root, at),
        Err(Error::Chain(X509Error::Missing))
    ));
}

#[test]
fn signed_and_verified() {
    let world = world("status");
    let token = world.status_token(&list_uri(), 10_000, &[3, 9_999]);
    let verified = StatusToken::verify(&token, &list_uri(), &world.root, now()).unwrap();
    assert_eq!(verified.status(3).unwrap(), Status::Invalid);
    assert_eq!(verified.status(4).unwrap(), Status::Valid);
    assert_eq!(verified.fresh_until(), after(600));
    assert_eq!(verified.issued_at(), after(-60));
    assert_eq!(verified.signer().leaf, world.chain[0]);
    assert_eq!(verified.status(10_000), Err(Error::OutOfRange { idx: 10_000, len: 10_000 }));
    assert!(verified.status(u64::MAX).is_err());
    // `exp` is nearer than `ttl`.
    let near = StatusToken::verify(&token, &list_uri(), &world.root, after(7000)).unwrap();
    assert_eq!(near.fresh_until(), after(7200));
    // A trusted list may name the signing certificate itself.
    StatusToken::verify(&token, &list_uri(), &world.chain[0], now()).unwrap();
}

#[test]
fn tokens_must_fail() {
    let world = world("status");
    let other = crate::example::world("other");
    let uri = list_uri();
    let verify = |token: &str| StatusToken::verify(token, &uri, &world.root, now()).unwrap_err();
    let sign = |header: Header, claims: &Value| {
        jws::sign_claims(header.x5c(&world.chain), claims.as_object().unwrap(), &world.signer).unwrap()
    };
    let good = json!({ "sub": uri.as_str(), "iat": after(-60).as_second(), "exp": after(60).as_second(), "ttl": 10,
        "status_list": { "bits": 1, "lst": "eNrbuRgAAhcBXQ" } });
    let changed = |name: &str, value: Value| {
        let mut claims = good.clone();
        match value {
            Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
            value => claims[name] = value,
        }
        verify(&sign(Header::typ(TYP), &claims))
    };
    StatusToken::verify(&sign(Header::typ(TYP), &good), &uri, &world.root, now()).unwrap();
    assert!(matches!(verify(&sign(Header::typ("JWT"), &good)), Error::Jws(_)));
    assert!(matches!(verify(&sign(Header::typ("statuslist+cwt"), &good)), Error::Jws(_)));
    assert!(matches!(verify(&other.status_token(&uri, 8, &[])), Error::Chain(X509Error::NoAnchor { .. })));
    let forged =
        jws::sign_claims(Header::typ(TYP).x5c(&world.chain), good.as_object().unwrap(), &world.holder).unwrap();
    assert!(matches!(verify(&forged), Error::Jws(_)));
    assert!(matches!(verify(""), Error::Jws(_)));
    assert!(matches!(changed("sub", json!("https://issuer.example/status/2")), Error::Subject { .. }));
    assert_eq!(changed("sub", Value::Null), Error::Claim("sub"));
    assert_eq!(changed("iat", Value::Null), Error::Claim("iat"));
    assert_eq!(changed("iat", json!(after(61).as_second())), Error::IssuedInFuture { at: after(61) });
    assert_eq!(changed("exp", json!(now().as_second())), Error::Expired { at: now() });
    assert_eq!(changed("exp", json!("never")), Error::Claim("exp"));
    assert_eq!(changed("ttl", json!(0)), Error::Claim("ttl"));
    assert_eq!(changed("ttl", json!(-5)), Error::Claim("ttl"));
    assert_eq!(changed("status_list", Value::Null), Error::Claim("status_list"));
    assert_eq!(changed("status_list", json!({ "bits": 3, "lst": "eNrbuRgAAhcBXQ" })), Error::Bits(3));
    assert_eq!(changed("status_list", json!({ "bits": 1, "lst": "e30" })), Error::NotZlib);
    assert_eq!(changed("status_list", json!({ "bits": 1 })), Error::Claim("lst"));
}

#[test]
fn lists_must_fail() {
    let mut list = StatusList::new(Bits::Two, 5).unwrap();
    assert_eq!(list.len(), 8);
    assert_eq!(list.set(8, Status::Valid), Err(Error::OutOfRange { idx: 8, len: 8 }));
    assert_eq!(list.set(0, Status::Other(4)), Err(Error::ValueTooLarge { value: 4, bits: 2 }));
    assert_eq!(StatusList::new(Bits::Eight, MAX_INFLATED + 1).unwrap_err(), Error::TooLarge);
    let mut bytes = base64url::decode("eNrbuRgAAhcBXQ").unwrap();
    bytes.push(0);
    assert_eq!(StatusList::decode(Bits::One, &base64url::encode(&bytes)), Err(Error::NotZlib));
    bytes.truncate(bytes.len() - 3);
    assert_eq!(StatusList::decode(Bits::One, &base64url::encode(&bytes)), Err(Error::NotZlib));
    // A stream of zeros that inflates past the cap.
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(&vec![0; MAX_INFLATED + 1]).unwrap();
    let bomb = base64url::encode(&encoder.finish().unwrap());
    assert!(bomb.len() < 20_000);
    assert_eq!(StatusList::decode(Bits::One, &bomb), Err(Error::TooLarge));
}

proptest::proptest! {
    #[test]
    fn set_is_read_back(bits in proptest::sample::select(vec![Bits::One, Bits::Two, Bits::Four, Bits::Eight]),
                        entries in proptest::collection::btree_map(0u64..500, 0u8..=255, 0..40)) {
        let mut list = StatusList::new(bits, 500).unwrap();
        let entries: Vec<(u64, u8)> = entries.into_iter().map(|(idx, value)| (idx, value & bits.mask())).collect();
        for (idx, value) in &entries {
            list.set(*idx, Status::Invalid).unwrap();
            list.set(*idx, Status::from_value(*value)).unwrap();
        }
        let again = StatusList::decode(bits, &list.encode().unwrap()).unwrap();
        let expected: Vec<(u64, u8)> = entries.into_iter().filter(|(_, value)| *value != 0).collect();
        proptest::prop_assert_eq!(nonzero(&again), expected);
    }

    #[test]
    fn decoding_never_panics(lst in "[A-Za-z0-9_-]{0,60}", token in "[A-Za-z0-9_.-]{0,60}") {
        let _ = StatusList::decode(Bits::One, &lst);
        let _ = StatusList::decode(Bits::Four, &format!("eN{lst}"));
        let _ = StatusReference::from_status_claim(&Value::from(token));
    }
}
