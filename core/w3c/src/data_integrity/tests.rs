use serde_json::json;
use warifu_keys::SigningKey;
use warifu_keys::entropy::Seeded;

use super::*;
use crate::did;

fn now() -> Timestamp {
    "2026-11-23T09:00:00Z".parse().unwrap()
}

fn document() -> Map<String, Value> {
    let value = json!({
        "@context": [crate::context::CREDENTIALS_V2],
        "id": "urn:uuid:58172aac-d8ba-11ed-83dd-0b3aef56cc33",
        "type": ["VerifiableCredential"],
        "issuer": "https://issuer.example",
        "validFrom": "2026-01-01T00:00:00Z",
        "name": { "@value": "A name", "@language": "en" },
        "credentialSubject": { "id": "did:example:abcdefgh", "name": "Anna" },
    });
    value.as_object().unwrap().clone()
}

fn key(algorithm: Algorithm) -> SigningKey {
    SigningKey::generate(algorithm, &Seeded::dangerous_new("data-integrity"))
}

fn expected() -> Expected<'static> {
    Expected { purpose: Relationship::AssertionMethod, challenge: None, domain: None, now: now() }
}

fn options(suite: Cryptosuite, key: &SigningKey) -> Options {
    Options::new(suite, &did::key::method(&key.public_key()), Relationship::AssertionMethod, now())
}

fn check(document: &Map<String, Value>, expected: &Expected<'_>) -> Result<Vec<Proof>, ProofError> {
    verify(document, expected, &Documents::offline(), &Contexts::builtin())
}

const KEYS: [(Cryptosuite, Algorithm); 6] = [
    (Cryptosuite::EcdsaRdfc2019, Algorithm::Es256),
    (Cryptosuite::EcdsaRdfc2019, Algorithm::Es384),
    (Cryptosuite::EcdsaJcs2019, Algorithm::Es256),
    (Cryptosuite::EcdsaJcs2019, Algorithm::Es384),
    (Cryptosuite::EddsaRdfc2022, Algorithm::EdDsa),
    (Cryptosuite::EddsaJcs2022, Algorithm::EdDsa),
];

/// Every change of a signed word is a wrong signature, in the document and in the proof.
#[test]
fn signs_and_refuses_what_was_changed() {
    for (suite, algorithm) in KEYS {
        let key = key(algorithm);
        let signed = sign(&document(), &options(suite, &key), &key, &Contexts::builtin()).unwrap();
        let proofs = check(&signed, &expected()).unwrap();
        assert_eq!((proofs.len(), proofs[0].suite()), (1, suite));
        let broken = |change: &dyn Fn(&mut Value)| {
            let mut value = Value::Object(signed.clone());
            change(&mut value);
            check(value.as_object().unwrap(), &expected()).unwrap_err()
        };
        for change in [
            &(|value: &mut Value| value["credentialSubject"]["name"] = "Eve".into()) as &dyn Fn(&mut Value),
            &|value| value["credentialSubject"]["id"] = "did:example:other".into(),
            &|value| value["issuer"] = "https://other.example".into(),
            &|value| value["name"]["@language"] = "de".into(),
            &|value| value["proof"]["created"] = "2026-11-23T08:59:59Z".into(),
            &|value| value["proof"]["challenge"] = "x".into(),
            &|value| value["credentialSubject"]["description"] = "more".into(),
        ] {
            let error = broken(change);
            assert!(matches!(error, ProofError::Signature), "{} {algorithm}: {error}", suite.name());
        }
        // Another key, whose method is as good as the first.
        let other = SigningKey::generate(algorithm, &Seeded::dangerous_new("other"));
        let error =
            broken(&|value| value["proof"]["verificationMethod"] = did::key::method(&other.public_key()).into());
        assert!(matches!(error, ProofError::Signature), "{error}");
    }
}

#[test]
fn each_rule_has_its_own_refusal() {
    let key = key(Algorithm::EdDsa);
    let contexts = Contexts::builtin();
    let base = options(Cryptosuite::EddsaJcs2022, &key);
    let signed = |options: &Options| sign(&document(), options, &key, &contexts).unwrap();
    let with = |name: &str, value: Value| {
        let mut document = Value::Object(signed(&base));
        document["proof"][name] = value;
        check(document.as_object().unwrap(), &expected())
    };
    assert!(matches!(check(&document(), &expected()), Err(ProofError::Missing)));
    assert!(matches!(with("type", "Ed25519Signature2020".into()), Err(ProofError::Type)));
    assert!(matches!(with("cryptosuite", "bbs-2023".into()), Err(ProofError::Suite(_))));
    assert!(matches!(with("cryptosuite", "ecdsa-jcs-2019".into()), Err(ProofError::KeyType { .. })));
    assert!(matches!(with("proofValue", "uAAAA".into()), Err(ProofError::Member("proofValue"))));
    assert!(matches!(with("created", "yesterday".into()), Err(ProofError::Member("created"))));
    assert!(matches!(with("verificationMethod", 1.into()), Err(ProofError::Member("verificationMethod"))));
    assert!(matches!(with("verificationMethod", "did:web:x.example#1".into()), Err(ProofError::Method(_))));
    assert!(matches!(with("proofPurpose", "authentication".into()), Err(ProofError::Purpose { .. })));
    assert!(matches!(with("@context", json!(["https://www.w3.org/ns/did/v1"])), Err(ProofError::Context)));
    assert!(matches!(with("previousProof", "urn:x".into()), Err(ProofError::PreviousProof(_))));

    let hour = jiff::SignedDuration::from_hours(1);
    let late = Options { created: Some(now() + hour), ..base.clone() };
    assert!(matches!(check(&signed(&late), &expected()), Err(ProofError::NotYetCreated(_))));
    let gone = Options { expires: Some(now()), ..base.clone() };
    assert!(matches!(check(&signed(&gone), &expected()), Err(ProofError::Expired(_))));

    let answer = Options { challenge: Some("c".to_owned()), domain: Some("rp.example".to_owned()), ..base.clone() };
    let asked = Expected { challenge: Some("c"), domain: Some("rp.example"), ..expected() };
    check(&signed(&answer), &asked).unwrap();
    assert!(matches!(check(&signed(&answer), &Expected { challenge: Some("d"), ..asked }), Err(ProofError::Challenge)));
    assert!(matches!(check(&signed(&base), &asked), Err(ProofError::Challenge)));
    assert!(matches!(check(&signed(&answer), &Expected { domain: Some("x"), ..asked }), Err(ProofError::Domain)));

    let mut many = signed(&base);
    many["proof"] = Value::Array(vec![many["proof"].clone(); MAX_PROOFS + 1]);
    assert!(matches!(check(&many, &expected()), Err(ProofError::TooMany(_))));
    many["proof"] = json!([1]);
    assert!(matches!(check(&many, &expected()), Err(ProofError::Member("proof"))));
}

/// All proofs of a set must hold; a chain also holds its members together.
#[test]
fn sets_and_chains() {
    let contexts = Contexts::builtin();
    for suites in [
        [Cryptosuite::EddsaJcs2022, Cryptosuite::EcdsaJcs2019],
        [Cryptosuite::EddsaRdfc2022, Cryptosuite::EcdsaRdfc2019],
    ] {
        let (one, two) = (key(Algorithm::EdDsa), key(Algorithm::Es256));
        let first = Options { id: Some("urn:proof:1".to_owned()), ..options(suites[0], &one) };
        let set = sign(&document(), &first, &one, &contexts).unwrap();
        let set = sign(&set, &options(suites[1], &two), &two, &contexts).unwrap();
        assert_eq!(check(&set, &expected()).unwrap().len(), 2);
        // A set falls with each of its proofs, but one can be taken out.
        let mut broken = set.clone();
        broken["proof"][0]["created"] = "2026-11-23T08:00:00Z".into();
        assert!(matches!(check(&broken, &expected()), Err(ProofError::Signature)));
        let mut less = set.clone();
        less["proof"] = set["proof"][1].clone();
        check(&less, &expected()).unwrap();

        let second = Options { previous: vec!["urn:proof:1".to_owned()], ..options(suites[1], &two) };
        let chain = sign(&document(), &first, &one, &contexts).unwrap();
        let chain = sign(&chain, &second, &two, &contexts).unwrap();
        assert_eq!(check(&chain, &expected()).unwrap().len(), 2);
        let mut torn = chain.clone();
        torn["proof"] = chain["proof"][1].clone();
        assert!(matches!(check(&torn, &expected()), Err(ProofError::PreviousProof(_))));
    }
}

/// What JSON-LD would not sign is refused before anyone believes it was signed.
#[test]
fn nothing_escapes_the_signature() {
    let key = key(Algorithm::EdDsa);
    let contexts = Contexts::builtin();
    let signed = sign(&document(), &options(Cryptosuite::EddsaRdfc2022, &key), &key, &contexts).unwrap();
    let broken = |change: &dyn Fn(&mut Value)| {
        let mut value = Value::Object(signed.clone());
        change(&mut value);
        check(value.as_object().unwrap(), &expected()).unwrap_err()
    };
    let rdf = |change: &dyn Fn(&mut Value)| match broken(change) {
        ProofError::Rdf(error) => error,
        other => panic!("{other}"),
    };
    use ContextError::{Dropped, Inline, JsonLd, NotCompact, TooDeep, Unknown};
    assert!(matches!(rdf(&|value| value["credentialSubject"]["familyName"] = "x".into()), JsonLd(_)));
    assert!(matches!(rdf(&|value| value["type"] = json!(["VerifiableCredential", "Unheard"])), JsonLd(_)));
    assert!(matches!(rdf(&|value| value["name"] = Value::Null), Dropped(_)));
    assert!(matches!(rdf(&|value| value["evidence"] = json!([])), Dropped(_)));
    let iri = "https://www.w3.org/2018/credentials#credentialSubject";
    assert!(matches!(rdf(&|value| value[iri] = value["credentialSubject"].clone()), NotCompact(_)));
    assert!(matches!(rdf(&|value| value["@type"] = "VerifiableCredential".into()), NotCompact(_)));
    assert!(matches!(rdf(&|value| value["@context"] = json!(["https://evil.example/v1"])), Unknown(_)));
    assert!(matches!(rdf(&|value| value["@context"] = json!([crate::context::CREDENTIALS_V2, {}])), Inline));
    assert!(matches!(rdf(&|value| value["credentialSubject"]["@context"] = json!({ "x": "urn:x" })), Inline));
    let deep = (0..60).fold(json!("x"), |inner, _| json!([inner]));
    assert!(matches!(rdf(&|value| value["name"] = deep.clone()), TooDeep));
    // A relative identifier is no identifier; JSON-LD would leave the statement out.
    let error = broken(&|value| value["credentialSubject"]["id"] = "abc".into());
    assert!(matches!(error, ProofError::Rdf(_) | ProofError::Signature), "{error}");
}

proptest::proptest! {
    /// A proof with any one member changed, taken away or added never verifies, and nothing panics.
    #[test]
    fn mutated_proofs_fail(
        member in proptest::sample::select(vec!["type", "cryptosuite", "created", "proofPurpose", "proofValue", "domain", "verificationMethod"]),
        value in "[ -~]{0,40}",
    ) {
        let key = key(Algorithm::EdDsa);
        let contexts = Contexts::builtin();
        let mut signed = sign(&document(), &options(Cryptosuite::EddsaJcs2022, &key), &key, &contexts).unwrap();
        proptest::prop_assume!(signed["proof"][member] != value.as_str());
        signed["proof"][member] = value.into();
        proptest::prop_assert!(check(&signed, &expected()).is_err());
    }
}
