use std::io::Write as _;
use std::sync::Arc;

use flate2::Compression;
use flate2::write::ZlibEncoder;
use jiff::SignedDuration;
use warifu_keys::cbor::{self, Value as Cbor};
use warifu_keys::cose::{self, Headers, Payload};
use warifu_keys::jws::{self, Header};
use warifu_keys::{Signer as _, base64url};

use super::*;
use crate::example::{after, list_uri, now, token_claims, world};

fn nonzero(list: &StatusList) -> Vec<(u64, u8)> {
    (0..list.len()).map(|idx| (idx, list.get(idx).unwrap().value())).filter(|(_, value)| *value != 0).collect()
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
    assert!(matches!(verified.signer(), ListSigner::Chain(chain) if chain.leaf == world.chain[0]));
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
    for typ in ["JWT", "statuslist+cwt"] {
        assert_eq!(verify(&sign(Header::typ(typ), &good)), Error::Type { found: typ.to_owned() });
    }
    assert!(matches!(verify(&other.status_token(&uri, 8, &[])), Error::Chain(X509Error::NoAnchor { .. })));
    let forged =
        jws::sign_claims(Header::typ(TYP).x5c(&world.chain), good.as_object().unwrap(), &world.holder).unwrap();
    assert_eq!(verify(&forged), Error::Signature);
    let unnamed = jws::sign_claims(Header::typ(TYP), good.as_object().unwrap(), &world.signer).unwrap();
    assert_eq!(verify(&unnamed), Error::Chain(X509Error::Missing));
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
    assert_eq!(changed("status_list", json!({ "bits": 1, "lst": "eNrbuRgAAhcBXQ==" })), Error::NotBase64url);
    assert_eq!(
        changed("status_list", json!({ "bits": 1, "lst": "eNrbuRgAAhcBXQ", "aggregation_uri": "lists" })),
        Error::Claim("aggregation_uri")
    );
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
    assert_eq!(StatusList::decode(Bits::One, &base64url::encode(&bytes)), Err(Error::Trailing));
    bytes.truncate(bytes.len() - 3);
    assert_eq!(StatusList::decode(Bits::One, &base64url::encode(&bytes)), Err(Error::NotZlib));
    // A stream of zeros that inflates past the cap.
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(&vec![0; MAX_INFLATED + 1]).unwrap();
    let bomb = base64url::encode(&encoder.finish().unwrap());
    assert!(bomb.len() < 20_000);
    assert_eq!(StatusList::decode(Bits::One, &bomb), Err(Error::TooLarge));
}

/// An issuer that is known by its address publishes its keys; certificates in the header then count for nothing.
#[test]
fn signed_by_a_key_of_the_issuer() {
    let world = world("status");
    let id = "https://issuer.example";
    let keys = [world.holder.public_key(), world.signer.public_key()];
    let trusted = TrustedSigner::Issuer { id, keys: &keys };
    let token = world.status_token(&list_uri(), 8, &[3]);
    let verified = StatusToken::verify(&token, &list_uri(), trusted, now()).unwrap();
    assert_eq!(verified.signer(), &ListSigner::Issuer(id.to_owned()));
    assert!(verified.signer().is(&trusted));
    assert!(!verified.signer().is(&TrustedSigner::Issuer { id: "https://other.example", keys: &keys }));
    assert!(!verified.signer().is(&TrustedSigner::Anchor(&world.root)));
    for keys in [&keys[..1], &[]] {
        let trusted = TrustedSigner::Issuer { id, keys };
        assert_eq!(StatusToken::verify(&token, &list_uri(), trusted, now()).unwrap_err(), Error::Signature);
    }
}

#[test]
fn one_bit_changed_anywhere_is_noticed() {
    let world = world("status");
    let token = world.status_token(&list_uri(), 64, &[3]);
    // Every seventeenth byte: each costs a path and a signature.
    for at in (0..token.len()).step_by(17) {
        let mut changed = token.clone().into_bytes();
        changed[at] ^= 1;
        let refused = StatusToken::verify(&changed, &list_uri(), &world.root, now());
        assert!(refused.is_err(), "byte {at} of {token}");
    }
}

/// What `sign_cwt` writes, with each claim in turn replaced or, for `None`, left out.
fn cwt(world: &crate::example::World, headers: &Headers, changes: &[(i64, Option<Cbor>)]) -> Vec<u8> {
    let list = StatusList::new(Bits::One, 8).unwrap().to_cbor(None).unwrap();
    let mut claims = vec![
        (2, Cbor::from(list_uri().as_str())),
        (4, Cbor::from(after(60).as_second())),
        (6, Cbor::from(after(-60).as_second())),
        (65533, list),
        (65534, Cbor::from(10)),
    ];
    for (label, value) in changes {
        claims.retain(|(other, _)| other != label);
        claims.extend(value.clone().map(|value| (*label, value)));
    }
    let claims = Cbor::Map(claims.into_iter().map(|(label, value)| (Cbor::from(label), value)).collect());
    sealed(world, headers, &cbor::encode(&claims))
}

fn sealed(world: &crate::example::World, headers: &Headers, payload: &[u8]) -> Vec<u8> {
    cose::sign1(headers, Payload::Attached(payload), &[], &world.signer).unwrap().to_tagged_bytes().unwrap()
}

#[test]
fn signed_and_verified_as_cwt() {
    let world = world("status");
    let mut list = StatusList::new(Bits::One, 10_000).unwrap();
    list.set(3, Status::Invalid).unwrap();
    let uri = Url::parse("https://issuer.example/status").unwrap();
    let claims = TokenClaims { aggregation_uri: Some(uri.clone()), ..token_claims(&list_uri()) };
    let token = list.sign_cwt(&claims, &world.chain, &world.signer).unwrap();
    assert_eq!(token[0], 0xd2, "tag 18");
    let verified = StatusToken::verify(&token, &list_uri(), &world.root, now()).unwrap();
    assert_eq!((verified.encoding(), verified.bits()), (Encoding::Cwt, Bits::One));
    assert_eq!((verified.status(3).unwrap(), verified.status(4).unwrap()), (Status::Invalid, Status::Valid));
    assert_eq!((verified.issued_at(), verified.fresh_until()), (after(-60), after(600)));
    assert_eq!(verified.aggregation_uri(), Some(&uri));
    verified.check_for_mdoc().unwrap();
}

/// ISO/IEC 18013-5, second edition, section 12.3.6.
#[test]
fn lists_for_mobile_documents_must_fail() {
    let world = world("status");
    let check = |token: &[u8], expected: Error| {
        let verified = StatusToken::verify(token, &list_uri(), &world.root, now()).unwrap();
        assert_eq!(verified.check_for_mdoc(), Err(expected));
    };
    let list = |bits| StatusList::new(bits, 8).unwrap();
    let jwt = list(Bits::One).sign(&token_claims(&list_uri()), &world.chain, &world.signer).unwrap();
    check(jwt.as_bytes(), Error::MdocEncoding);
    let two = list(Bits::Two).sign_cwt(&token_claims(&list_uri()), &world.chain, &world.signer).unwrap();
    check(&two, Error::MdocBits(2));
    let unprotected = Headers::default().typ(MEDIA_TYPE_CWT).x5chain(&world.chain);
    check(&cwt(&world, &unprotected, &[]), Error::MdocChain);
    let protected = Headers::default().typ(MEDIA_TYPE_CWT).protected_x5chain(&world.chain);
    check(&cwt(&world, &protected, &[(4, None)]), Error::MdocExpiry);
}

#[test]
fn cwts_must_fail() {
    let world = world("status");
    let verify = |token: &[u8]| StatusToken::verify(token, &list_uri(), &world.root, now()).unwrap_err();
    let headers = Headers::default().typ(MEDIA_TYPE_CWT).protected_x5chain(&world.chain);
    let changed = |label: i64, value: Option<Cbor>| verify(&cwt(&world, &headers, &[(label, value)]));
    let good = cwt(&world, &headers, &[]);
    StatusToken::verify(&good, &list_uri(), &world.root, now()).unwrap();

    // The envelope.
    for refused in [[&[0xd8, 0x3d], good.as_slice()].concat(), good[1..].to_vec(), [&[0xd1], &good[1..]].concat()] {
        assert!(matches!(verify(&refused), Error::Cose(CoseError::Tag { .. })));
    }
    assert!(matches!(verify(&[good.as_slice(), &[0]].concat()), Error::Cose(CoseError::Cbor(CborError::Trailing))));
    for (typ, found) in [("application/identifierlist+cwt", "application/identifierlist+cwt"), ("JWT", "JWT")] {
        let headers = Headers::default().typ(typ).protected_x5chain(&world.chain);
        assert_eq!(verify(&cwt(&world, &headers, &[])), Error::Type { found: found.to_owned() });
    }
    let untyped = Headers::default().protected_x5chain(&world.chain);
    assert_eq!(verify(&cwt(&world, &untyped, &[])), Error::Type { found: String::new() });
    let unnamed = Headers::default().typ(MEDIA_TYPE_CWT);
    assert_eq!(verify(&cwt(&world, &unnamed, &[])), Error::Chain(X509Error::Missing));
    let mut forged = good.clone();
    *forged.last_mut().unwrap() ^= 1;
    assert_eq!(verify(&forged), Error::Signature);
    let other = crate::example::world("other");
    let headers_of_other = Headers::default().typ(MEDIA_TYPE_CWT).protected_x5chain(&other.chain);
    assert!(matches!(verify(&cwt(&other, &headers_of_other, &[])), Error::Chain(X509Error::NoAnchor { .. })));

    // The claims.
    assert_eq!(verify(&sealed(&world, &headers, &[0x80])), Error::Claim("claims"));
    assert_eq!(verify(&sealed(&world, &headers, &[0xa1])), Error::Cbor(CborError::Truncated));
    assert!(matches!(changed(2, Some(Cbor::from("https://issuer.example/status/2"))), Error::Subject { .. }));
    assert_eq!(changed(2, None), Error::Claim("sub"));
    assert_eq!(changed(6, None), Error::Claim("iat"));
    // A tag is one word too many for a NumericDate (RFC 8392 section 2).
    assert_eq!(changed(6, Some(Cbor::Tag(1, Box::new(Cbor::from(0))))), Error::Claim("iat"));
    assert_eq!(changed(6, Some(Cbor::from(after(61).as_second()))), Error::IssuedInFuture { at: after(61) });
    assert_eq!(changed(4, Some(Cbor::from(now().as_second()))), Error::Expired { at: now() });
    assert_eq!(changed(4, Some(Cbor::from("never"))), Error::Claim("exp"));
    assert_eq!(changed(4, Some(Cbor::from(f64::INFINITY))), Error::Claim("exp"));
    for ttl in [Cbor::from(0), Cbor::from(-5), Cbor::from(1.5), Cbor::from("10")] {
        assert_eq!(changed(65534, Some(ttl)), Error::Claim("ttl"));
    }
    assert_eq!(changed(65533, None), Error::Claim("status_list"));
    let list = |members: &[(&str, Cbor)]| {
        let members = members.iter().map(|(name, value)| (Cbor::from(*name), value.clone())).collect();
        changed(65533, Some(Cbor::Map(members)))
    };
    let lst = || Cbor::Bytes(base64url::decode("eNrbuRgAAhcBXQ").unwrap());
    assert_eq!(list(&[("lst", lst())]), Error::Claim("bits"));
    assert_eq!(list(&[("bits", Cbor::from(3)), ("lst", lst())]), Error::Bits(3));
    assert_eq!(list(&[("bits", Cbor::from(1))]), Error::Claim("lst"));
    assert_eq!(list(&[("bits", Cbor::from(1)), ("lst", Cbor::from("eNrbuRgAAhcBXQ"))]), Error::Claim("lst"));
    assert_eq!(list(&[("bits", Cbor::from(1)), ("lst", Cbor::Bytes(vec![1, 2]))]), Error::NotZlib);
    let aggregation = ("aggregation_uri", Cbor::from("lists"));
    assert_eq!(list(&[("bits", Cbor::from(1)), ("lst", lst()), aggregation]), Error::Claim("aggregation_uri"));
}

#[test]
fn identifier_lists() {
    let world = world("status");
    let mut identifiers = Identifiers::new();
    for id in [vec![1_u8, 2], vec![0xff; MAX_IDENTIFIER], vec![1]] {
        identifiers.revoke(id).unwrap();
    }
    identifiers.revoke(vec![1]).unwrap();
    assert_eq!(identifiers.len(), 3, "twice is once");
    let uri = Url::parse("https://issuer.example/lists").unwrap();
    let claims = TokenClaims { aggregation_uri: Some(uri.clone()), ..token_claims(&list_uri()) };
    let token = identifiers.sign(&claims, &world.chain, &world.signer).unwrap();
    let list = IdentifierList::verify(&token, &list_uri(), &world.root, now()).unwrap();
    assert_eq!(
        (list.status(&[1, 2]), list.status(&[2]), list.status(&[])),
        (Status::Invalid, Status::Valid, Status::Valid)
    );
    assert_eq!((list.fresh_until(), list.aggregation_uri()), (after(600), Some(&uri)));
    // Cached like a status list, and only as what it is.
    let (uri, mut cache) = (list_uri(), Cache::<IdentifierList>::new(Limits::default()));
    let wanted = Wanted { encoding: Encoding::Cwt, ..wanted(&uri, &world.root) };
    cache.take_in(&wanted, &token, now()).unwrap();
    assert_eq!(cache.look_up(&wanted, now()).unwrap().status(&[1]), Status::Invalid);
    assert!(cache.look_up(&wanted, after(601)).is_none());
    let refused = StatusToken::verify(&token, &uri, &world.root, now()).unwrap_err();
    assert_eq!(refused, Error::Type { found: IDENTIFIERS_MEDIA_TYPE.to_owned() });
}

#[test]
fn identifier_lists_must_fail() {
    let world = world("status");
    let verify = |token: &[u8]| IdentifierList::verify(token, &list_uri(), &world.root, now()).unwrap_err();
    let headers = Headers::default().typ(IDENTIFIERS_MEDIA_TYPE).protected_x5chain(&world.chain);
    let list = |identifiers: Cbor| Cbor::Map(vec![(Cbor::from("identifiers"), identifiers)]);
    let with = |headers: &Headers, list: Cbor| cwt(&world, headers, &[(65533, None), (65530, Some(list))]);
    let ids = |ids: Vec<(Cbor, Cbor)>| with(&headers, list(Cbor::Map(ids)));
    let empty = || Cbor::Map(Vec::new());
    let id = |length| Cbor::Bytes(vec![7; length]);
    IdentifierList::verify(&ids(vec![(id(1), empty())]), &list_uri(), &world.root, now()).unwrap();

    assert_eq!(verify(&ids(vec![(id(0), empty())])), Error::Identifier(0));
    assert_eq!(verify(&ids(vec![(id(MAX_IDENTIFIER + 1), empty())])), Error::Identifier(MAX_IDENTIFIER + 1));
    assert_eq!(verify(&ids(vec![(Cbor::from("id"), empty())])), Error::Claim("identifiers"));
    assert_eq!(verify(&ids(vec![(id(1), Cbor::Null)])), Error::Claim("identifiers"));
    assert_eq!(verify(&ids(vec![(id(1), empty()), (id(1), empty())])), Error::Cbor(CborError::DuplicateKey));
    assert_eq!(verify(&with(&headers, list(Cbor::Array(Vec::new())))), Error::Claim("identifiers"));
    assert_eq!(verify(&with(&headers, empty())), Error::Claim("identifiers"));
    assert_eq!(verify(&cwt(&world, &headers, &[])), Error::Claim("identifier_list"));
    let unprotected = Headers::default().typ(IDENTIFIERS_MEDIA_TYPE).x5chain(&world.chain);
    assert_eq!(verify(&with(&unprotected, list(empty()))), Error::MdocChain);
    let endless = cwt(&world, &headers, &[(4, None), (65530, Some(list(empty())))]);
    assert_eq!(verify(&endless), Error::MdocExpiry);
    let status_list = Headers::default().typ(MEDIA_TYPE_CWT).protected_x5chain(&world.chain);
    assert_eq!(verify(&with(&status_list, list(empty()))), Error::Type { found: MEDIA_TYPE_CWT.to_owned() });

    let mut full = Identifiers::new();
    for id in 0..MAX_IDENTIFIERS {
        full.revoke(id.to_be_bytes().to_vec()).unwrap();
    }
    full.revoke(0_usize.to_be_bytes().to_vec()).unwrap();
    assert_eq!(full.revoke(vec![1]), Err(Error::TooManyIdentifiers));
}

/// Draft-20 section 8.4: an answer about another time than was asked for is no answer.
#[test]
fn covers_its_time_only() {
    let world = world("status");
    let token = world.status_token(&list_uri(), 8, &[]);
    let token = StatusToken::verify(&token, &list_uri(), &world.root, now()).unwrap();
    for (at, expected) in [(-61, false), (-60, true), (0, true), (7199, true), (7200, false)] {
        assert_eq!(token.covers(after(at)), expected, "{at}");
    }
}

/// Draft-20 section 9.3, with its example.
#[test]
fn aggregations() {
    let example = br#"{ "status_lists": ["https://example.com/statuslists/1", "https://example.com/statuslists/2",
        "https://example.com/statuslists/3"] }"#;
    let aggregation = Aggregation::parse(example).unwrap();
    assert_eq!(aggregation.lists().len(), 3);
    assert_eq!(aggregation.lists()[1].as_str(), "https://example.com/statuslists/2");
    assert_eq!(Aggregation::parse(aggregation.to_json().to_string().as_bytes()).unwrap(), aggregation);
    assert_eq!(Aggregation::new(aggregation.lists().to_vec()).unwrap(), aggregation);
    assert!(Aggregation::parse(br#"{"status_lists":[]}"#).unwrap().lists().is_empty());
    let many = json!({ "status_lists": vec!["https://example.com/"; MAX_LISTS + 1] }).to_string();
    assert!(Aggregation::new(vec![list_uri(); MAX_LISTS + 1]).is_err());
    for refused in [
        "",
        "[]",
        "{}",
        r#"{"status_lists":{}}"#,
        r#"{"status_lists":[1]}"#,
        r#"{"status_lists":["lists/1"]}"#,
        r#"{"status_lists":["ftp://example.com/"]}"#,
        r#"{"status_lists":[],"status_lists":[]}"#,
        &many,
    ] {
        assert!(matches!(Aggregation::parse(refused.as_bytes()), Err(Error::Aggregation(_))), "{refused:.40}");
    }
    // In a list, too.
    let world = world("status");
    let uri = Url::parse("https://issuer.example/status").unwrap();
    let claims = TokenClaims { aggregation_uri: Some(uri.clone()), ..token_claims(&list_uri()) };
    let token = StatusList::new(Bits::One, 8).unwrap().sign(&claims, &world.chain, &world.signer).unwrap();
    let token = StatusToken::verify(&token, &list_uri(), &world.root, now()).unwrap();
    assert_eq!(token.aggregation_uri(), Some(&uri));
}

fn wanted<'a>(uri: &'a Url, signer: impl Into<TrustedSigner<'a>>) -> Wanted<'a> {
    Wanted { uri, signer: signer.into(), encoding: Encoding::Jwt }
}

#[test]
fn cached_while_fresh() {
    let world = world("status");
    let (uri, mut cache) = (list_uri(), Cache::<StatusToken>::new(Limits::default()));
    let wanted = wanted(&uri, &world.root);
    assert!(cache.look_up(&wanted, now()).is_none());
    let token = world.status_token(&uri, 10_000, &[3]);
    let taken = cache.take_in(&wanted, token.as_bytes(), now()).unwrap();
    assert_eq!(cache.look_up(&wanted, now()).unwrap().status(3).unwrap(), Status::Invalid);
    assert!(Arc::ptr_eq(&cache.look_up(&wanted, after(600)).unwrap(), &taken));
    assert!(cache.look_up(&wanted, after(601)).is_none(), "the time to live has passed");
    // A fresh copy takes the place of the one before.
    cache.take_in(&wanted, token.as_bytes(), after(601)).unwrap();
    assert_eq!((cache.len(), cache.bytes()), (1, 10_000 / 4));
    assert!(cache.look_up(&wanted, after(1201)).is_some());
    assert!(cache.take_in(&wanted, token.as_bytes(), after(7200)).is_err(), "expired");
    assert!(cache.take_in(&wanted, b"", now()).is_err());
}

#[test]
fn one_issuers_list_is_not_believed_for_another() {
    let (world, other) = (world("status"), world("other"));
    let (uri, mut cache) = (list_uri(), Cache::<StatusToken>::new(Limits::default()));
    cache.take_in(&wanted(&uri, &other.root), other.status_token(&uri, 8, &[]).as_bytes(), now()).unwrap();
    assert!(cache.look_up(&wanted(&uri, &world.root), now()).is_none());
    cache.take_in(&wanted(&uri, &world.root), world.status_token(&uri, 8, &[1]).as_bytes(), now()).unwrap();
    assert_eq!(cache.len(), 2);
    let seen = |root| cache.look_up(&wanted(&uri, root), now()).unwrap().status(1).unwrap();
    assert_eq!((seen(&world.root), seen(&other.root)), (Status::Invalid, Status::Valid));
    // Where a CWT is demanded, a JWT will not do.
    let cwt = Wanted { encoding: Encoding::Cwt, ..wanted(&uri, &world.root) };
    assert!(cache.look_up(&cwt, now()).is_none());
}

#[test]
fn bounded_in_entries_bytes_and_time() {
    let world = world("status");
    let uri = |n: usize| Url::parse(&format!("https://issuer.example/status/{n}")).unwrap();
    let limits = Limits { entries: 3, bytes: 1000, longest: SignedDuration::from_secs(60) };
    let mut cache = Cache::<StatusToken>::new(limits);
    let take = |cache: &mut Cache<StatusToken>, n: usize, len: usize, at: i64| {
        let uri = uri(n);
        let token = world.status_token(&uri, len, &[]);
        cache.take_in(&wanted(&uri, &world.root), token.as_bytes(), after(at)).unwrap();
    };
    let has = |cache: &Cache<StatusToken>, n, at| cache.look_up(&wanted(&uri(n), &world.root), after(at)).is_some();
    for n in 0..5 {
        take(&mut cache, n, 400, n as i64);
        assert!(cache.len() <= 3 && cache.bytes() <= 1000, "{cache:?}");
    }
    assert_eq!([0, 1, 2, 3, 4].map(|n| has(&cache, n, 5)), [false, false, true, true, true], "the oldest went");
    assert!(has(&cache, 4, 64) && !has(&cache, 4, 65), "no longer than the cache keeps lists");
    take(&mut cache, 5, 3600, 6);
    assert_eq!((cache.len(), cache.bytes()), (2, 1000), "900 bytes and 100");
    // A list larger than the cache is looked at and not kept.
    take(&mut cache, 6, 4004, 7);
    assert_eq!(cache.len(), 2);
    // Stale ones go first.
    take(&mut cache, 7, 3600, 200);
    assert_eq!((cache.len(), has(&cache, 7, 200)), (1, true));
}

proptest::proptest! {
    #[test]
    fn set_is_read_back(bits in proptest::sample::select(vec![Bits::One, Bits::Two, Bits::Four, Bits::Eight]),
                        entries in proptest::collection::btree_map(0u64..500, 0u8..=255, 0..40)) {
        let mut list = StatusList::new(bits, 500).unwrap();
        let entries: Vec<(u64, u8)> = entries.into_iter().map(|(idx, value)| (idx, value & u8::MAX >> (8 - bits.count()))).collect();
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

    #[test]
    fn inflating_never_panics(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
        let _ = StatusList::inflate(Bits::One, &bytes);
        // Behind a good header, so that the stream itself is read.
        let _ = StatusList::inflate(Bits::One, &[&[0x78, 0xda], bytes.as_slice()].concat());
        let _ = Aggregation::parse(&bytes);
    }

    /// Claims of any kind and value under a good signature.
    #[test]
    fn claims_of_a_jwt_never_panic(name in "sub|iat|exp|ttl|status_list", value in foreign_json()) {
        let world = WORLD.get_or_init(|| world("status"));
        let mut claims = json!({ "sub": list_uri().as_str(), "iat": 0, "exp": 9e9, "ttl": 10,
            "status_list": { "bits": 1, "lst": "eNrbuRgAAhcBXQ" } });
        claims[name] = value;
        let header = Header::typ(TYP).x5c(&world.chain);
        let token = jws::sign_claims(header, claims.as_object().unwrap(), &world.signer).unwrap();
        let _ = StatusToken::verify(&token, &list_uri(), &world.root, now());
    }

    #[test]
    fn claims_of_a_cwt_never_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..80),
                                   label in proptest::sample::select(vec![2_i64, 4, 6, 65530, 65533, 65534])) {
        let world = WORLD.get_or_init(|| world("status"));
        let headers = Headers::default().typ(MEDIA_TYPE_CWT).protected_x5chain(&world.chain);
        let value = cbor::parse(&bytes).unwrap_or(Cbor::Bytes(bytes.clone()));
        let tokens = [cwt(world, &headers, &[(label, Some(value))]), sealed(world, &headers, &bytes), bytes];
        for token in tokens {
            let _ = StatusToken::verify(&token, &list_uri(), &world.root, now());
            let _ = IdentifierList::verify(&token, &list_uri(), &world.root, now());
        }
    }
}

static WORLD: std::sync::OnceLock<crate::example::World> = std::sync::OnceLock::new();

fn foreign_json() -> impl proptest::strategy::Strategy<Value = Value> {
    use proptest::prelude::{Just, Strategy as _, any, prop_oneof};
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,20}".prop_map(Value::from),
    ];
    leaf.prop_recursive(2, 8, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            proptest::collection::hash_map("bits|lst|aggregation_uri", inner, 0..3)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}
