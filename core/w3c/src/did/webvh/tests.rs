use std::sync::LazyLock;

use serde_json::json;
use warifu_keys::entropy::Seeded;
use warifu_keys::{Signer as _, SigningKey};

use super::publish::{create, document, key_hash, seal};
use super::*;
use crate::did::{Relationship, key};

fn now() -> Timestamp {
    "2026-11-23T09:00:00Z".parse().unwrap()
}

fn at(minutes: i64) -> Timestamp {
    now() + jiff::SignedDuration::from_mins(minutes)
}

fn key_of(name: &str) -> SigningKey {
    SigningKey::generate_ed25519(&Seeded::dangerous_new(name))
}

fn text(key: &SigningKey) -> String {
    multikey::encode(&key.public_key())
}

fn parameters(keys: &[&SigningKey]) -> Parameters {
    Parameters {
        update_keys: keys.iter().map(|key| text(key)).collect(),
        next_key_hashes: Vec::new(),
        witness: None,
        watchers: Vec::new(),
        portable: false,
        deactivated: false,
        ttl: 3600,
    }
}

fn witnesses(threshold: usize, keys: &[&SigningKey]) -> Witnesses {
    Witnesses { threshold, witnesses: keys.iter().map(|key| key::from_key(&key.public_key()).to_string()).collect() }
}

fn object(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

fn first(parameters: &Parameters) -> Chain {
    create(&document("example.com:issuers:1", &key_of("doc").public_key()), parameters, &key_of("a"), at(-60)).unwrap()
}

fn verify(did: &Did, log: &str) -> Result<Chain, LogError> {
    Chain::verify(did, log.as_bytes(), now())
}

#[test]
fn addresses() {
    let scid = "QmPEQVM1JPTyrvEgBcDXwjK4TeyLGSX1PxjgyeAisdWM1p";
    for (rest, expected) in [
        ("example.com", Some("https://example.com/.well-known/")),
        ("issuer.example.com", Some("https://issuer.example.com/.well-known/")),
        ("example.com:dids:issuer", Some("https://example.com/dids/issuer/")),
        ("example.com%3A3000:dids:issuer", Some("https://example.com:3000/dids/issuer/")),
        ("localhost", None),
        ("127.0.0.1", None),
        ("example.com:..", None),
    ] {
        let did = Did::parse(&format!("did:webvh:{scid}:{rest}")).unwrap();
        assert_eq!(log_url(&did).ok().map(String::from), expected.map(|url| format!("{url}did.jsonl")), "{rest}");
        let witness = witness_url(&did).ok().map(String::from);
        assert_eq!(witness, expected.map(|url| format!("{url}did-witness.json")), "{rest}");
    }
    for bad in ["did:webvh:QmX:example.com", "did:webvh:example.com", "did:web:example.com"] {
        assert!(log_url(&Did::parse(bad).unwrap()).is_err(), "{bad}");
    }
}

#[test]
fn a_life() {
    let (a, b) = (key_of("a"), key_of("b"));
    let chain = first(&Parameters { portable: true, ..parameters(&[&a]) });
    let did = chain.did().unwrap().clone();
    let mut state = chain.versions()[0].document.members().clone();
    state.insert("service".to_owned(), json!([]));
    let chain = chain.update(&state, &object(json!({ "updateKeys": [text(&b)], "ttl": 60 })), &a, at(-50)).unwrap();
    // The old key has had its day.
    let late = chain.update(&state, &Map::new(), &a, at(-40));
    assert!(matches!(late, Err(LogError::UnauthorizedKey { version: 3 })));
    // Moved: the old name stays as an alias, and the old identifier still finds the log.
    let moved = Value::Object(state.clone()).to_string().replace("example.com:issuers:1", "example.org");
    let mut moved = object(serde_json::from_str(&moved).unwrap());
    moved.insert("alsoKnownAs".to_owned(), json!([did.as_str()]));
    let chain = chain.update(&moved, &Map::new(), &b, at(-40)).unwrap();
    let chain = chain.deactivate(&object(json!({ "updateKeys": [] })), &b, at(-30)).unwrap();

    let log = verify(&did, chain.to_jsonl()).unwrap().witnessed(None, now()).unwrap();
    assert_eq!(log.versions().len(), 4);
    let latest = log.resolve(At::Latest).unwrap();
    assert_eq!((latest.document, &latest.metadata["deactivated"]), (None, &json!(true)));
    assert_eq!(latest.metadata["ttl"], "60");
    let old = log.resolve(At::VersionNumber(1)).unwrap();
    assert_eq!(old.document.unwrap().id(), &did);
    let by_id = log.resolve(At::VersionId(&log.versions()[2].id)).unwrap();
    assert!(by_id.document.unwrap().id().as_str().ends_with(":example.org"));
    let by_time = log.resolve(At::VersionTime(at(-45))).unwrap();
    assert_eq!(by_time.metadata["versionId"], log.versions()[1].id.as_str());
    for missing in [At::VersionTime(at(-61)), At::VersionNumber(5), At::VersionNumber(0), At::VersionId("1-Qm")] {
        assert!(matches!(log.resolve(missing), Err(LogError::NotFound)), "{missing:?}");
    }
    let key = log.versions()[0].document.key(&format!("{did}#key-1"), Relationship::AssertionMethod).unwrap();
    assert_eq!(key, key_of("doc").public_key());
}

/// A log of two entries, whose entries are changed, hashed and signed again, so that each row breaks one rule only.
#[test]
fn each_rule_has_its_own_refusal() {
    let a = key_of("a");
    let good = first(&parameters(&[&a]));
    let did = good.did().unwrap().clone();
    let second = good.update(good.versions()[0].document.members(), &Map::new(), &a, at(-50)).unwrap();
    verify(&did, second.to_jsonl()).unwrap();
    let lines: Vec<&str> = second.to_jsonl().lines().collect();
    let before = &good.versions()[0].id;

    // Changed and sealed again.
    let with = |change: &dyn Fn(&mut Value)| {
        let mut entry: Value = serde_json::from_str(lines[1]).unwrap();
        entry.as_object_mut().unwrap().remove("proof");
        change(&mut entry);
        let line = seal(object(entry), 2, before, &a, at(-50)).unwrap();
        verify(&did, &format!("{}\n{line}", lines[0])).unwrap_err()
    };
    // Changed only.
    let raw = |line: usize, change: &dyn Fn(&mut Value)| {
        let mut entries: Vec<Value> = lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
        change(&mut entries[line]);
        verify(&did, &format!("{}\n{}", entries[0], entries[1])).unwrap_err()
    };
    macro_rules! refused {
        ($error:expr, $($expected:tt)+) => {{
            let error = $error;
            assert!(matches!(error, $($expected)+), "{error:?}");
        }};
    }
    refused!(verify(&did, "").unwrap_err(), LogError::Empty);
    refused!(verify(&did, "[]").unwrap_err(), LogError::Malformed { version: 1 });
    refused!(verify(&did, &"x".repeat(MAX_BYTES + 1)).unwrap_err(), LogError::TooLarge);
    refused!(raw(1, &|entry| entry["extra"] = 1.into()), LogError::Member { version: 2, member: "entry" });
    refused!(with(&|entry| entry["state"] = 1.into()), LogError::Member { version: 2, member: "state" });
    refused!(with(&|entry| entry["parameters"] = json!([])), LogError::Member { member: "parameters", .. });
    refused!(raw(1, &|entry| entry["versionId"] = json!(before)), LogError::VersionId { version: 2 });
    refused!(
        raw(1, &|entry| entry["versionId"] = entry["versionId"].as_str().unwrap().replace("2-", "2--").into()),
        LogError::VersionId { version: 2 }
    );
    refused!(
        raw(1, &|entry| entry["versionId"] = entry["versionId"].as_str().unwrap().replace("2-", "3-").into()),
        LogError::VersionId { version: 2 }
    );
    refused!(raw(1, &|entry| entry["state"]["service"] = json!([])), LogError::EntryHash { version: 2 });
    refused!(raw(0, &|entry| entry["state"]["service"] = json!([])), LogError::Scid);
    refused!(raw(0, &|entry| entry["parameters"]["scid"] = multikey::multihash(b"x").into()), LogError::Scid);
    refused!(with(&|entry| entry["versionTime"] = "2026-11-23T08:10:00".into()), LogError::VersionTime { version: 2 });
    refused!(
        with(&|entry| entry["versionTime"] = "2026-11-23T09:10:00+01:00".into()),
        LogError::VersionTime { version: 2 }
    );
    refused!(with(&|entry| entry["versionTime"] = time::write(at(-60)).into()), LogError::NotLater { version: 2 });
    refused!(with(&|entry| entry["versionTime"] = time::write(at(6)).into()), LogError::Future { version: 2 });
    for (name, value) in [
        ("method", json!("did:webvh:0.5")),
        ("method", json!("did:webvh:1.1")),
        ("scid", json!(good.scid())),
        ("updateKeys", json!("x")),
        ("updateKeys", json!(["x", "x"])),
        ("nextKeyHashes", json!([1])),
        ("portable", json!(true)),
        ("portable", json!("true")),
        ("deactivated", json!(1)),
        ("ttl", json!(-1)),
        ("ttl", json!("60")),
        ("ttl", json!(1_u64 << 32)),
        ("watchers", json!({})),
        ("witness", json!({ "threshold": 1 })),
        ("witness", json!({ "threshold": 0, "witnesses": [{ "id": key::from_key(&a.public_key()).as_str() }] })),
        ("witness", json!({ "threshold": 2, "witnesses": [{ "id": key::from_key(&a.public_key()).as_str() }] })),
        (
            "witness",
            json!({ "threshold": 1, "witnesses": vec![json!({ "id": key::from_key(&a.public_key()).as_str() }); 2] }),
        ),
        (
            "witness",
            json!({ "threshold": 1, "witnesses": [{ "id": "did:key:zDnaerDaTF5BXEavCrfRZEk316dpbLsfPDZ3WJ5hRTPFU2169" }] }),
        ),
        ("witness", json!({ "threshold": 1, "witnesses": [{ "id": "did:web:example.com" }] })),
    ] {
        match with(&|entry| entry["parameters"][name] = value.clone()) {
            LogError::Parameter { version: 2, name: found } => assert_eq!(found, name),
            other => panic!("{name}: {other:?}"),
        }
    }
    refused!(
        with(&|entry| entry["parameters"]["prerotation"] = true.into()),
        LogError::UnknownParameter { version: 2, .. }
    );
    refused!(
        raw(1, &|entry| {
            entry.as_object_mut().unwrap().remove("proof");
        }),
        LogError::Proof { version: 2, .. }
    );
    refused!(raw(1, &|entry| entry["proof"] = json!([])), LogError::Proof { version: 2, .. });
    refused!(
        raw(1, &|entry| entry["proof"][0]["cryptosuite"] = "ecdsa-jcs-2019".into()),
        LogError::Proof { version: 2, .. }
    );
    refused!(
        raw(1, &|entry| entry["proof"][0]["proofPurpose"] = "authentication".into()),
        LogError::Proof { version: 2, .. }
    );
    refused!(
        raw(1, &|entry| entry["proof"][0]["created"] = "2026-11-23T08:00:01Z".into()),
        LogError::Proof { version: 2, .. }
    );
    let other = SigningKey::generate_ed25519(&Seeded::dangerous_new("other"));
    refused!(
        raw(1, &|entry| {
            let method = entry["proof"][0]["verificationMethod"].as_str().unwrap().to_owned();
            let (did, _) = method.split_once('#').unwrap();
            entry["proof"][0]["verificationMethod"] = format!("{did}#{}", text(&other)).into();
        }),
        LogError::Proof { version: 2, .. }
    );
    let mut entry: Value = serde_json::from_str(lines[1]).unwrap();
    entry.as_object_mut().unwrap().remove("proof");
    let foreign = seal(object(entry), 2, before, &other, at(-50)).unwrap();
    refused!(verify(&did, &format!("{}\n{foreign}", lines[0])).unwrap_err(), LogError::UnauthorizedKey { version: 2 });
    refused!(
        with(&|entry| entry["state"]["id"] = format!("did:webvh:{}:example.com", multikey::multihash(b"x")).into()),
        LogError::OtherScid { version: 2 }
    );
    refused!(with(&|entry| entry["state"]["id"] = "did:web:example.com".into()), LogError::State { version: 2, .. });
    refused!(
        with(&|entry| entry["state"]["id"] = format!("did:webvh:{}:example.org", good.scid()).into()),
        LogError::NotPortable { version: 2 }
    );
    let elsewhere = Did::parse(&format!("did:webvh:{}:example.org", good.scid())).unwrap();
    refused!(verify(&elsewhere, second.to_jsonl()).unwrap_err(), LogError::OtherDid);
    let stranger = Did::parse(&format!("did:webvh:{}:example.com", multikey::multihash(b"x"))).unwrap();
    refused!(verify(&stranger, second.to_jsonl()).unwrap_err(), LogError::Scid);
    let ended = second.deactivate(&Map::new(), &a, at(-40)).unwrap();
    let state = ended.versions()[0].document.members();
    refused!(ended.update(state, &Map::new(), &a, at(-30)).unwrap_err(), LogError::AfterDeactivation { version: 4 });

    let portable = first(&Parameters { portable: true, ..parameters(&[&a]) });
    let mut moved = portable.versions()[0].document.members().clone();
    moved.insert("id".to_owned(), format!("did:webvh:{}:example.org", portable.scid()).into());
    refused!(portable.update(&moved, &Map::new(), &a, at(-50)).unwrap_err(), LogError::NotAlsoKnownAs { version: 2 });
    // Where the first entry lacks what only it can say.
    for name in ["method", "scid", "updateKeys"] {
        match raw(0, &|entry| {
            entry["parameters"].as_object_mut().unwrap().remove(name);
        }) {
            LogError::Parameter { version: 1, name: found } => assert_eq!(found, name),
            other => panic!("{name}: {other:?}"),
        }
    }
}

#[test]
fn pre_rotation() {
    let (a, b, c) = (key_of("a"), key_of("b"), key_of("c"));
    let chain = first(&Parameters { next_key_hashes: vec![key_hash(&b.public_key())], ..parameters(&[&a]) });
    let did = chain.did().unwrap().clone();
    let state = chain.versions()[0].document.members().clone();
    let hashes = |key: &SigningKey| vec![key_hash(&key.public_key())];
    let changes = |keys: &[&SigningKey], next: &[String]| {
        object(json!({ "updateKeys": keys.iter().map(|key| text(key)).collect::<Vec<_>>(), "nextKeyHashes": next }))
    };
    let update = |changes: &Map<String, Value>, signer| chain.update(&state, changes, signer, at(-50));
    // The committed key takes over and signs; then pre-rotation ends.
    let rotated = update(&changes(&[&b], &hashes(&c)), &b).unwrap();
    let ended = rotated.update(&state, &changes(&[&c], &[]), &c, at(-40)).unwrap();
    let after = ended.update(&state, &object(json!({ "updateKeys": [text(&a)] })), &c, at(-30)).unwrap();
    verify(&did, after.to_jsonl()).unwrap();

    assert!(matches!(update(&Map::new(), &a), Err(LogError::PreRotationMissing { version: 2 })));
    let keys_only = object(json!({ "updateKeys": [text(&b)] }));
    assert!(matches!(update(&keys_only, &b), Err(LogError::PreRotationMissing { version: 2 })));
    assert!(matches!(update(&changes(&[&c], &[]), &c), Err(LogError::PreRotation { version: 2, .. })));
    // Every key must be committed to, the old ones too.
    assert!(matches!(update(&changes(&[&b, &a], &[]), &b), Err(LogError::PreRotation { version: 2, .. })));
    assert!(matches!(update(&changes(&[&b], &[]), &a), Err(LogError::UnauthorizedKey { version: 2 })));

    // A stolen key can not end the identifier either: with no keys there is nobody to sign.
    let end = chain.deactivate(&changes(&[], &[]), &a, at(-50));
    assert!(matches!(end, Err(LogError::UnauthorizedKey { version: 2 })));
}

#[test]
fn witnesses_approve() {
    let a = key_of("a");
    let (v, w, x) = (key_of("v"), key_of("w"), key_of("x"));
    let chain = first(&Parameters { witness: Some(witnesses(2, &[&v, &w])), ..parameters(&[&a]) });
    let state = chain.versions()[0].document.members().clone();
    // The second entry hands over to another witness; the two before still have to approve that.
    let did = key::from_key(&x.public_key());
    let changes = object(json!({ "witness": { "threshold": 1, "witnesses": [{ "id": did.as_str() }] } }));
    let chain = chain.update(&state, &changes, &a, at(-50)).unwrap();
    let chain = chain.update(&state, &object(json!({ "witness": {} })), &a, at(-40)).unwrap();
    let chain = chain.update(&state, &Map::new(), &a, at(-30)).unwrap();
    let ids: Vec<String> = chain.versions().iter().map(|version| version.id.clone()).collect();

    let file = |rows: &[(&str, &[&SigningKey])]| {
        let rows: Vec<Value> = rows
            .iter()
            .map(|(id, keys)| {
                let proofs: Vec<_> = keys.iter().map(|key| approve(id, *key, at(-20)).unwrap()).collect();
                json!({ "versionId": id, "proof": proofs })
            })
            .collect();
        Value::Array(rows).to_string().into_bytes()
    };
    let check = |file: &[u8]| chain.clone().witnessed(Some(file), now()).err();
    let few = |error: Option<LogError>| match error {
        Some(LogError::Witness { version, found, threshold }) => (version, found, threshold),
        other => panic!("{other:?}"),
    };
    // One approval of a later entry covers those before.
    assert!(check(&file(&[(&ids[1], &[&v, &w]), (&ids[2], &[&x])])).is_none());
    assert!(chain.needs_witnesses());
    assert!(matches!(chain.clone().witnessed(None, now()), Err(LogError::WitnessFile)));
    assert!(matches!(check(b"{}"), Some(LogError::WitnessFile)));
    assert!(matches!(check(b"[{}]"), Some(LogError::WitnessFile)));
    assert_eq!(few(check(b"[]")), (1, 0, 2));
    assert_eq!(few(check(&file(&[(&ids[0], &[&v, &w]), (&ids[2], &[&x])]))), (2, 0, 2));
    assert_eq!(few(check(&file(&[(&ids[1], &[&v, &w])]))), (3, 0, 1));
    // Twice the same witness is one; a stranger is none; a version that is not in the log approves nothing.
    assert_eq!(few(check(&file(&[(&ids[1], &[&v, &v]), (&ids[2], &[&x])]))), (1, 1, 2));
    assert_eq!(few(check(&file(&[(&ids[1], &[&v, &a]), (&ids[2], &[&x])]))), (1, 1, 2));
    let unknown = format!("5-{}", multikey::multihash(b"x"));
    assert_eq!(few(check(&file(&[(&unknown, &[&v, &w, &x])]))), (1, 0, 2));
    // A proof for one version does not count for another.
    let mut moved: Value = serde_json::from_slice(&file(&[(&ids[0], &[&v, &w]), (&ids[2], &[&x])])).unwrap();
    moved[0]["versionId"] = ids[1].as_str().into();
    assert_eq!(few(check(moved.to_string().as_bytes())), (1, 0, 2));
}

proptest::proptest! {
    #[test]
    fn never_panics(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
        let did = Did::parse("did:webvh:QmPEQVM1JPTyrvEgBcDXwjK4TeyLGSX1PxjgyeAisdWM1p:example.com").unwrap();
        let _ = Chain::verify(&did, &bytes, now());
    }

    /// One changed character anywhere, and the log is refused.
    #[test]
    fn every_character_counts(place in 0..10_000_usize) {
        static LOG: LazyLock<(Did, String)> = LazyLock::new(|| {
            let a = key_of("a");
            let chain = first(&parameters(&[&a]));
            let chain = chain.update(chain.versions()[0].document.members(), &Map::new(), &a, at(-50)).unwrap();
            (chain.did().unwrap().clone(), chain.to_jsonl().trim_end().to_owned())
        });
        let (did, text) = &*LOG;
        let mut log = text.clone().into_bytes();
        let place = place % log.len();
        proptest::prop_assume!(log[place] != b'\n');
        log[place] = if log[place] == b'1' { b'2' } else { b'1' };
        proptest::prop_assert!(Chain::verify(did, &log, now()).is_err());
    }
}
