use std::slice::from_ref;

use proptest::prelude::*;

use super::*;
use crate::entropy::Seeded;
use crate::x509::issue::{Authority, Period, Subject};
use crate::{Entropy, SigningKey};

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len() / 2).map(|at| u8::from_str_radix(&hex[at * 2..at * 2 + 2], 16).unwrap()).collect()
}

fn key(seed: &str) -> SigningKey {
    let entropy: &dyn Entropy = &Seeded::dangerous_new(seed);
    SigningKey::generate_p256(entropy)
}

fn keys() -> [SigningKey; 4] {
    Algorithm::ALL.map(|algorithm| SigningKey::generate(algorithm, &Seeded::dangerous_new("cose")))
}

fn certificate() -> Certificate {
    let subject = Subject { common_name: "Root".to_owned(), organization: None, country: "UT".to_owned() };
    let period = Period::days("2026-11-23T00:00:00Z".parse().unwrap(), 30);
    let entropy = Seeded::dangerous_new("certificate");
    let root = Authority::self_signed(&subject, key("cose"), period, "https://issuer.example/", &entropy).unwrap();
    root.certificate().clone()
}

/// The message with these headers, whatever they are, over `payload`; the signature is right.
fn signed(protected: &Value, unprotected: Value, payload: Option<&[u8]>) -> Value {
    let protected = cbor::encode(protected);
    let message = Value::Array(vec![
        Value::from("Signature1"),
        Value::Bytes(protected.clone()),
        Value::Bytes(Vec::new()),
        Value::Bytes(payload.unwrap_or_default().to_vec()),
    ]);
    let signature = key("cose").sign(&cbor::encode(&message)).unwrap();
    let payload = payload.map_or(Value::Null, |payload| Value::Bytes(payload.to_vec()));
    Value::Array(vec![Value::Bytes(protected), unprotected, payload, Value::Bytes(signature)])
}

fn map(pairs: &[(i64, Value)]) -> Value {
    Value::Map(pairs.iter().map(|(label, value)| (Value::from(*label), value.clone())).collect())
}

/// RFC 9052 appendix C.2.1 with the key `11` of appendix C.7.1.
#[test]
fn the_example_of_the_standard() {
    let message = bytes(concat!(
        "d28443a10126a10442313154546869732069732074686520636f6e74656e742e58408eb33e4ca31d1c465ab05aac34cc6b23",
        "d58fef5c083106c4d25a91aef0b0117e2af9a291aa32e14ab834dc56ed2a223444547e01f11d3b0916e5a4c345cacb36"
    ));
    let key = map(&[
        (1, Value::from(2)),
        (2, Value::Bytes(b"11".to_vec())),
        (-1, Value::from(1)),
        (-2, Value::Bytes(bytes("bac5b11cad8f99f9c72b05cf4b9e26d244dc189f745228255a219a86d6a09eff"))),
        (-3, Value::Bytes(bytes("20138bf82dc1b6d562be0fa54ab7804a3a64b6d72ccfed6b6fb6ed28bbfc117e"))),
    ]);
    let key = key_from_value(&key).unwrap();
    let read = Sign1::parse_tagged(&message).unwrap();
    assert_eq!(read.verify(&key, b"").unwrap(), b"This is the content.");
    assert_eq!(read.to_tagged_bytes().unwrap(), message);
    assert_eq!(read.verify(&key, b"other").unwrap_err(), CoseError::BadSignature);
}

#[test]
fn round_trip() {
    let chain = [certificate(), certificate()];
    for key in keys() {
        let public = key.public_key();
        for headers in [
            Headers::default().typ("application/statuslist+cwt").x5chain(&chain),
            Headers::default().typ("statuslist+cwt").protected_x5chain(&chain[..1]),
        ] {
            let made = sign1(&headers, Payload::Attached(b"payload"), b"aad", &key).unwrap();
            let read = Sign1::parse(&made.to_bytes().unwrap()).unwrap();
            assert_eq!(Sign1::parse_tagged(&made.to_tagged_bytes().unwrap()).unwrap().message, read.message);
            assert_eq!(read.verify(&public, b"aad").unwrap(), b"payload");
            assert_eq!(read.verify(&public, b"").unwrap_err(), CoseError::BadSignature);
            assert_eq!(read.verify_detached(&public, b"aad", b"payload").unwrap_err(), CoseError::Attached);
            read.expect_typ("application/statuslist+cwt").unwrap();
            assert!(matches!(read.expect_typ("application/cwt"), Err(CoseError::Type { .. })));
            assert_eq!(read.x5chain().unwrap()[0], chain[0]);
        }
        let made = sign1(&Headers::default(), Payload::Detached(b"payload"), b"", &key).unwrap();
        let read = Sign1::from_value(made.to_value().unwrap()).unwrap();
        read.verify_detached(&public, b"", b"payload").unwrap();
        assert_eq!(read.verify_detached(&public, b"", b"other").unwrap_err(), CoseError::BadSignature);
        assert_eq!(read.verify(&public, b"").unwrap_err(), CoseError::Detached);
        assert_eq!(read.dangerous_payload(), None);
        assert_eq!(read.x5chain().unwrap_err(), CoseError::Certificate(X509Error::Missing));
        assert_eq!(key_from_value(&key_to_value(&public)).unwrap(), public);
    }
}

/// The protected header is signed as it came: another order, another label for the same algorithm.
#[test]
fn signatures_are_over_the_received_bytes() {
    let typ = (16, Value::from("t"));
    for protected in [map(&[typ.clone(), (1, Value::from(-7))]), map(&[(1, Value::from(-9)), typ])] {
        let value = signed(&protected, map(&[]), Some(b"p"));
        let message = Sign1::from_value(value.clone()).unwrap();
        assert_eq!(message.verify(&key("cose").public_key(), b"").unwrap(), b"p");
        assert_eq!(message.to_value().unwrap(), value);
    }
}

#[test]
fn refuses() {
    let alg = (1, Value::from(-7));
    let chain = (33, Value::Bytes(certificate().der().to_vec()));
    let check = |protected: &Value, unprotected: Value, expected: CoseError| {
        let error = Sign1::from_value(signed(protected, unprotected, Some(b"p"))).unwrap_err();
        assert_eq!(error, expected);
    };
    let algorithm = |text: &str| CoseError::Algorithm(text.to_owned());
    check(&map(&[(1, Value::from(5))]), map(&[]), algorithm("5"));
    check(&map(&[(1, Value::from(-37))]), map(&[]), algorithm("-37"));
    check(&map(&[(1, Value::from(-60_000))]), map(&[]), algorithm("-60000"));
    check(&map(&[(1, Value::from("ES256"))]), map(&[]), algorithm("Text(\"ES256\")"));
    check(&map(&[(16, Value::from("t"))]), map(from_ref(&alg)), algorithm("(none in the protected header)"));
    check(&map(from_ref(&alg)), map(from_ref(&alg)), CoseError::DuplicateLabel("1".to_owned()));
    let both = map(&[alg.clone(), chain.clone()]);
    check(&both, map(&[chain]), CoseError::DuplicateLabel("33".to_owned()));
    let critical = (2, Value::Array(vec![Value::from(16)]));
    check(&map(&[alg.clone(), critical]), map(&[]), CoseError::Critical);
    check(&map(&[alg.clone(), alg.clone()]), map(&[]), CoseError::Cbor(CborError::DuplicateKey));
    let too_long = Value::Array(vec![Value::Bytes(certificate().der().to_vec()); 5]);
    let message = Sign1::from_value(signed(&map(from_ref(&alg)), map(&[(33, too_long)]), None)).unwrap();
    assert_eq!(message.x5chain().unwrap_err(), CoseError::Certificate(X509Error::TooLong(5)));

    // The algorithm of another key type.
    let eddsa = Sign1::from_value(signed(&map(&[(1, Value::from(-8))]), map(&[]), Some(b"p"))).unwrap();
    let error = eddsa.verify(&key("cose").public_key(), b"").unwrap_err();
    assert_eq!(error, CoseError::AlgorithmMismatch { alg: Algorithm::EdDsa });
    let good = sign1(&Headers::default(), Payload::Attached(b"p"), b"", &key("cose")).unwrap();
    assert_eq!(good.verify(&key("other").public_key(), b"").unwrap_err(), CoseError::BadSignature);
    assert!(matches!(Sign1::parse(&good.to_tagged_bytes().unwrap()), Err(CoseError::Tag { .. })));
    assert!(matches!(Sign1::parse_tagged(&good.to_bytes().unwrap()), Err(CoseError::Tag { .. })));
    assert!(matches!(Sign1::parse(&[0x80]), Err(CoseError::Malformed(_))));
    assert!(matches!(Sign1::parse(&[0x81, 0x40]), Err(CoseError::Algorithm(_))));
}

#[test]
fn refuses_keys() {
    let good = key_to_value(&key("cose").public_key());
    let pairs = good.as_map().unwrap().clone();
    let with = |label: i64, value: Value| {
        let mut pairs = pairs.clone();
        pairs.retain(|(found, _)| *found != Value::from(label));
        pairs.push((Value::from(label), value));
        key_from_value(&Value::Map(pairs))
    };
    assert_eq!(with(-4, Value::Bytes(vec![1; 32])).unwrap_err(), KeyError::PrivateMaterial);
    assert_eq!(with(-3, Value::Bytes(vec![1; 32])).unwrap_err(), KeyError::Malformed);
    assert_eq!(with(-3, Value::Bytes(vec![1; 31])).unwrap_err(), KeyError::Malformed);
    assert_eq!(with(-3, Value::Null).unwrap_err(), KeyError::Malformed);
    assert!(matches!(with(-1, Value::from(8)), Err(KeyError::Unsupported(_))));
    assert!(matches!(with(1, Value::from(4)), Err(KeyError::Unsupported(_))));
    assert_eq!(with(3, Value::from(-8)).unwrap_err(), KeyError::Malformed);
    assert_eq!(with(3, Value::from(-9)).unwrap(), key("cose").public_key());
    assert_eq!(key_from_value(&Value::Null).unwrap_err(), KeyError::Malformed);
    // The same point, compressed.
    let Value::Bytes(y) = &pairs[3].1 else { panic!("y is the fourth member") };
    assert_eq!(with(-3, Value::Bool(y[31] & 1 == 1)).unwrap(), key("cose").public_key());
    assert_ne!(with(-3, Value::Bool(y[31] & 1 == 0)).unwrap(), key("cose").public_key());
}

#[test]
fn both_sides_of_a_mac() {
    let agreement_key = |seed| AgreementKey::generate(&Seeded::dangerous_new(seed));
    let (device, reader) = (agreement_key("device"), agreement_key("reader"));
    let ours = MacKey::agree(&device, &reader.public_key(), b"salt", b"EMacKey").unwrap();
    let theirs = MacKey::agree(&reader, &device.public_key(), b"salt", b"EMacKey").unwrap();
    assert_eq!(ours, theirs);
    let made = mac0(Payload::Detached(b"payload"), b"", &ours).unwrap();
    let read = Mac0::from_value(made.to_value().unwrap()).unwrap();
    read.verify_detached(&theirs, b"", b"payload").unwrap();
    assert_eq!(read.verify_detached(&theirs, b"", b"other").unwrap_err(), CoseError::BadTag);
    for (salt, info) in [(b"sale", b"EMacKey"), (b"salt", b"eMacKey")] {
        let other = MacKey::agree(&reader, &device.public_key(), salt, info).unwrap();
        assert_eq!(read.verify_detached(&other, b"", b"payload").unwrap_err(), CoseError::BadTag);
    }
    let attached = mac0(Payload::Attached(b"payload"), b"", &ours).unwrap();
    assert_eq!(attached.verify_detached(&ours, b"", b"payload").unwrap_err(), CoseError::Attached);
    let signature = sign1(&Headers::default(), Payload::Detached(b""), b"", &key("cose")).unwrap().to_value().unwrap();
    assert_eq!(Mac0::from_value(signature).unwrap_err(), CoseError::Algorithm("-7".to_owned()));
    let [.., ed25519] = keys();
    assert!(matches!(MacKey::agree(&device, &ed25519.public_key(), b"", b""), Err(KeyError::Unsupported(_))));
}

proptest! {
    #[test]
    fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = Sign1::parse(&bytes);
        let _ = Sign1::parse_tagged(&bytes);
        if let Ok(value) = cbor::parse(&bytes) {
            let _ = Mac0::from_value(value.clone());
            let _ = key_from_value(&value);
        }
    }

    /// One flipped bit anywhere but in the unprotected header, which here is empty.
    #[test]
    fn a_flipped_bit_is_refused(at in 0_usize..1000, bit in 0_u32..8) {
        let made = sign1(&Headers::default().typ("t"), Payload::Attached(b"payload"), b"", &key("cose")).unwrap();
        let mut bytes = made.to_bytes().unwrap();
        let at = at % bytes.len();
        bytes[at] ^= 1_u8 << bit;
        let read = Sign1::parse(&bytes).and_then(|read| Ok(read.verify(&key("cose").public_key(), b"")?.to_vec()));
        prop_assert!(read.is_err(), "byte {} bit {}", at, bit);
    }
}
