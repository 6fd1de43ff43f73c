use serde_json::json;

use super::*;
use crate::claim_path::ClaimPath;
use crate::example::{World, after, binding, now, rules, world};
use crate::face_template::{CLAIM, FaceTemplateClaim, Source, template_digest};
use crate::sd_jwt::{Claims, Held, Presentation, Received};

fn model() -> ModelId {
    ModelId::new("sface", &[1; 32]).unwrap()
}

fn demand() -> Demand {
    Demand {
        credential_ids: vec!["kyc".to_owned()],
        purpose: "login".to_owned(),
        max_age: 60,
        liveness: Liveness::Passive,
        operating_point: "fmr-1e-3".to_owned(),
    }
}

fn policy() -> Policy {
    Policy { allowed_models: vec![model()], max_age: SignedDuration::from_secs(120) }
}

fn held(world: &World) -> Held {
    let template =
        FaceTemplateClaim::new(model(), &[1; 64], 200, Source::Selfie, "2026-11-22".parse().unwrap(), 90).unwrap();
    let claims = json!({ "given_name": "ANNA", "family_name": "ERIKSSON", CLAIM: template.to_value() });
    let claims = Claims::new(claims.as_object().unwrap().clone())
        .selective(ClaimPath::claim("given_name"))
        .selective(ClaimPath::claim("family_name"))
        .selective(ClaimPath::claim(CLAIM));
    let text = world.issue(&claims, None);
    let authentic = Received::parse(&text).unwrap().authenticate(&world.anchors(), now()).unwrap();
    Held::keep(authentic.settle_without_status(now()).unwrap()).unwrap()
}

fn assertion(held: &Held) -> Assertion {
    Assertion {
        matched_at: after(-5),
        model: model(),
        operating_point: "fmr-1e-3".to_owned(),
        liveness: Liveness::Passive,
        template_digest: template_digest(held).unwrap(),
    }
}

/// Presents with these claims in the key binding JWT, and authenticates.
fn presented(world: &World, held: &Held, claims: &[&str], extra: Map<String, Value>) -> (Verified, KeyBound) {
    let paths: Vec<ClaimPath> = claims.iter().map(|name| ClaimPath::claim(name)).collect();
    let mut binding = binding();
    binding.extra = extra;
    let text = held.present(&paths, &binding, &world.holder).unwrap();
    let (authentic, bound) =
        Presentation::parse(&text).unwrap().authenticate(&world.anchors(), now(), &rules()).unwrap();
    (authentic.settle_without_status(now()).unwrap(), bound)
}

#[test]
fn asked_answered_checked() {
    let world = world("reauth");
    let held = held(&world);
    let entry = Entry::new(&demand()).unwrap();
    assert_eq!(Entry::parse(entry.encoded()).unwrap(), entry);
    let extra = assertion(&held).key_binding_claims(&["b3RoZXI", entry.encoded()]);
    let (verified, bound) = presented(&world, &held, &["given_name"], extra);
    let facts = check(&entry, &bound, &verified, &policy(), now()).unwrap();
    assert_eq!(facts.matched_at, after(-5));
    assert_eq!(facts.age, Duration::from_secs(5));
    assert!(verified.claims().get(CLAIM).is_none());
}

/// OpenID4VP 1.0 appendix B.3.3.1: the hash is over the base64url text as received.
#[test]
fn the_hash_is_over_the_received_text() {
    let spaced = base64url::encode(
        br#"{ "type": "urn:warifu:selfie-reauth:1", "credential_ids": ["kyc"], "purpose": "login", "max_age": 60,
             "liveness": "active", "operating_point": "fmr-1e-3" }"#,
    );
    let entry = Entry::parse(&spaced).unwrap();
    assert_eq!(entry.hash(), base64url::encode(&sha256(spaced.as_bytes())));
    assert_ne!(entry.hash(), Entry::new(entry.demand()).unwrap().hash());
}

/// Every rule broken alone.
#[test]
fn must_fail() {
    let world = world("reauth");
    let held = held(&world);
    let entry = Entry::new(&demand()).unwrap();
    let good = || assertion(&held).key_binding_claims(&[entry.encoded()]);
    let attempt = |claims: &[&str], extra: Map<String, Value>, policy: &Policy, at: Timestamp| {
        let (verified, bound) = presented(&world, &held, claims, extra);
        check(&entry, &bound, &verified, policy, at)
    };
    assert!(attempt(&[], good(), &policy(), now()).is_ok());
    let refused = |extra: Map<String, Value>| attempt(&[], extra, &policy(), now()).unwrap_err();
    let with = |change: fn(&mut Assertion)| {
        let mut answer = assertion(&held);
        change(&mut answer);
        answer.key_binding_claims(&[entry.encoded()])
    };

    assert_eq!(refused(assertion(&held).key_binding_claims(&[])), ReauthError::NotCovered);
    assert_eq!(refused(assertion(&held).key_binding_claims(&["b3RoZXI"])), ReauthError::NotCovered);
    assert_eq!(refused(Map::new()), ReauthError::NotCovered);
    let mut extra = good();
    extra.insert(HASHES_ALG.to_owned(), json!("sha-512"));
    assert_eq!(refused(extra), ReauthError::HashAlgorithm);
    let mut extra = good();
    extra.remove(MEMBER);
    assert_eq!(refused(extra), ReauthError::Missing);
    for name in ["matched_at", "model", "operating_point", "liveness", "template_digest"] {
        let mut extra = good();
        extra[MEMBER].as_object_mut().unwrap().remove(name);
        assert_eq!(refused(extra), ReauthError::Malformed(Error::Member(name)));
    }
    let other = ModelId::new("other", &[1; 32]).unwrap();
    assert_eq!(
        refused(with(|answer| answer.model = ModelId::new("other", &[1; 32]).unwrap())),
        ReauthError::Model(other)
    );
    assert_eq!(
        refused(with(|answer| answer.operating_point = "fmr-1e-2".to_owned())),
        ReauthError::OperatingPoint("fmr-1e-2".to_owned())
    );
    assert_eq!(refused(with(|answer| answer.matched_at = after(-61))), ReauthError::TooOld { at: after(-61) });
    assert_eq!(refused(with(|answer| answer.matched_at = after(1))), ReauthError::InFuture { at: after(1) });
    assert_eq!(refused(with(|answer| answer.template_digest = "A".repeat(43))), ReauthError::OtherTemplate);
    let strict = Policy { max_age: SignedDuration::from_secs(4), ..policy() };
    assert_eq!(attempt(&[], good(), &strict, now()), Err(ReauthError::TooOld { at: after(-5) }));
    let nobody = Policy { allowed_models: Vec::new(), ..policy() };
    assert_eq!(attempt(&[], good(), &nobody, now()), Err(ReauthError::Model(model())));
    assert_eq!(attempt(&[CLAIM], good(), &policy(), now()), Err(ReauthError::TemplateDisclosed));

    // The digest of a claim that is disclosed is no commitment.
    let mut answer = assertion(&held);
    answer.template_digest = held.digest_of("given_name").unwrap().to_owned();
    let found = attempt(&["given_name"], answer.key_binding_claims(&[entry.encoded()]), &policy(), now());
    assert_eq!(found, Err(ReauthError::OtherTemplate));

    // Key binding of one presentation, credential of another.
    let (_, bound) = presented(&world, &held, &[], good());
    let (verified, _) = presented(&world, &held, &["given_name"], good());
    assert_eq!(check(&entry, &bound, &verified, &policy(), now()), Err(ReauthError::OtherPresentation));

    // Active was demanded.
    let strict = Entry::new(&Demand { liveness: Liveness::Active, ..demand() }).unwrap();
    let mut answer = assertion(&held);
    let (verified, bound) = presented(&world, &held, &[], answer.key_binding_claims(&[strict.encoded()]));
    assert!(matches!(check(&strict, &bound, &verified, &policy(), now()), Err(ReauthError::Liveness { .. })));
    answer.liveness = Liveness::Active;
    let (verified, bound) = presented(&world, &held, &[], answer.key_binding_claims(&[strict.encoded()]));
    assert!(check(&strict, &bound, &verified, &policy(), now()).is_ok());
}

#[test]
fn entries_must_fail() {
    let good: Value =
        serde_json::from_slice(&base64url::decode(Entry::new(&demand()).unwrap().encoded()).unwrap()).unwrap();
    let refused = |name: &str, value: Value| {
        let mut object = good.clone();
        match value {
            Value::Null => drop(object.as_object_mut().unwrap().remove(name)),
            value => object[name] = value,
        }
        Entry::parse(&base64url::encode(object.to_string().as_bytes())).unwrap_err()
    };
    assert_eq!(refused("type", json!("urn:other")), Error::Type("urn:other".to_owned()));
    for name in ["type", "credential_ids", "purpose", "max_age", "liveness", "operating_point"] {
        assert_eq!(refused(name, Value::Null), Error::Member(name));
        assert_eq!(refused(name, json!({})), Error::Member(name));
    }
    assert_eq!(refused("credential_ids", json!([])), Error::Member("credential_ids"));
    assert_eq!(refused("max_age", json!(0)), Error::Member("max_age"));
    assert_eq!(refused("max_age", json!(3601)), Error::Member("max_age"));
    assert_eq!(refused("purpose", json!("x".repeat(201))), Error::Member("purpose"));
    assert_eq!(refused("transaction_data_hashes_alg", json!(["sha-512"])), Error::HashAlgorithm);
    assert_eq!(refused("price", json!(1)), Error::UnknownMember("price".to_owned()));
    for bad in ["", "e30=", "W10", &"A".repeat(MAX_ENTRY + 1)] {
        assert_eq!(Entry::parse(bad), Err(Error::Malformed));
    }
}

proptest::proptest! {
    #[test]
    fn parsing_never_panics(text in "[A-Za-z0-9_-]{0,80}", json in "[\\[\\]{}\":,a-z0-9]{0,60}") {
        let _ = Entry::parse(&text);
        let _ = Entry::parse(&base64url::encode(json.as_bytes()));
        if let Ok(value) = serde_json::from_str::<Value>(&json) {
            let _ = Assertion::from_value(&value);
        }
    }
}
