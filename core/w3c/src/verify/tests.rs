use serde_json::json;
use warifu_keys::entropy::Seeded;
use warifu_keys::jws::{self, Header, JwsError};
use warifu_keys::{Algorithm, Signer as _, SigningKey};

use super::*;
use crate::context::CREDENTIALS_V2;
use crate::data_integrity::{Cryptosuite, Options};
use crate::did::key;

fn now() -> Timestamp {
    "2026-11-23T09:00:00Z".parse().unwrap()
}

struct World {
    issuer: SigningKey,
    holder: SigningKey,
    documents: Documents,
    contexts: Contexts,
}

impl World {
    fn new(algorithm: Algorithm) -> Self {
        Self {
            issuer: SigningKey::generate(algorithm, &Seeded::dangerous_new("issuer")),
            holder: SigningKey::generate(algorithm, &Seeded::dangerous_new("holder")),
            documents: Documents::offline(),
            contexts: Contexts::builtin(),
        }
    }

    fn verifier(&self) -> Verifier<'_> {
        Verifier { documents: &self.documents, contexts: &self.contexts, now: now() }
    }

    fn unsigned(&self) -> Value {
        json!({
            "@context": [CREDENTIALS_V2],
            "type": ["VerifiableCredential"],
            "issuer": key::from_key(&self.issuer.public_key()).as_str(),
            "validFrom": "2026-01-01T00:00:00Z",
            "validUntil": "2027-01-01T00:00:00Z",
            "credentialSubject": { "id": key::from_key(&self.holder.public_key()).as_str(), "name": "Anna" },
        })
    }

    fn embedded(&self, credential: &Value, suite: Cryptosuite) -> Value {
        let method = key::method(&self.issuer.public_key());
        let options = Options::new(suite, &method, Relationship::AssertionMethod, now());
        let members = credential.as_object().unwrap();
        Value::Object(data_integrity::sign(members, &options, &self.issuer, &self.contexts).unwrap())
    }

    fn jwt(&self, credential: &Value) -> String {
        let credential = Credential::from_members(credential.as_object().unwrap().clone()).unwrap();
        jose::sign_credential(&credential, &key::method(&self.issuer.public_key()), &self.issuer).unwrap()
    }

    /// Any claims under any header, signed by the issuer.
    fn raw(&self, header: Header, claims: &Value) -> String {
        jws::sign(header, claims.to_string().as_bytes(), &self.issuer).unwrap()
    }

    fn header(&self) -> Header {
        Header::typ("vc+jwt").kid(&key::method(&self.issuer.public_key()))
    }

    fn presentation(&self, credentials: &[Value]) -> Presentation {
        Presentation::of(Some(key::from_key(&self.holder.public_key()).as_str()), credentials).unwrap()
    }
}

#[test]
fn every_way_of_securing() {
    let world = World::new(Algorithm::Es256);
    let unsigned = world.unsigned();
    let jwt = world.jwt(&unsigned);
    let embedded = world.embedded(&unsigned, Cryptosuite::EcdsaRdfc2019);
    for text in [jwt.clone(), credential::envelope(&jwt).to_string(), embedded.to_string()] {
        let verified = world.verifier().credential(&text).unwrap();
        assert_eq!(verified.credential().subjects()[0]["name"], "Anna");
    }
    // A presentation of all of them, itself secured in both ways.
    let presentation = world.presentation(&[embedded, jwt.into()]);
    let method = key::method(&world.holder.public_key());
    let answer = Answer { nonce: Some("n"), audience: Some("https://rp.example") };
    let enveloped = jose::sign_presentation(&presentation, &answer, &method, &world.holder, now()).unwrap();
    let options = Options {
        challenge: Some("n".to_owned()),
        domain: Some("https://rp.example".to_owned()),
        ..Options::new(Cryptosuite::EcdsaJcs2019, &method, Relationship::Authentication, now())
    };
    let proven = data_integrity::sign(presentation.members(), &options, &world.holder, &world.contexts).unwrap();
    for text in [enveloped, Value::Object(proven).to_string()] {
        let check = |nonce, domain| world.verifier().presentation(&text, Some(nonce), Some(domain));
        let verified = check("n", "https://rp.example").unwrap();
        assert_eq!(verified.credentials().len(), 2);
        assert_eq!(verified.holder(), key::from_key(&world.holder.public_key()).as_str());
        assert!(matches!(
            check("m", "https://rp.example"),
            Err(VerifyError::Jose(JoseError::Nonce) | VerifyError::Proof(ProofError::Challenge))
        ));
        assert!(matches!(
            check("n", "https://other.example"),
            Err(VerifyError::Jose(JoseError::Audience) | VerifyError::Proof(ProofError::Domain))
        ));
    }
}

/// The document names its issuer; whoever signs instead is refused.
#[test]
fn only_the_named_one_may_sign() {
    let world = World::new(Algorithm::EdDsa);
    let mut foreign = world.unsigned();
    foreign["issuer"] = "did:web:issuer.example".into();
    for text in [world.jwt(&foreign), world.embedded(&foreign, Cryptosuite::EddsaJcs2022).to_string()] {
        assert!(matches!(world.verifier().credential(&text), Err(VerifyError::Signer { .. })));
    }
    let presentation = Presentation::of(Some("did:web:holder.example"), &[]).unwrap();
    let method = key::method(&world.holder.public_key());
    let text = jose::sign_presentation(&presentation, &Answer::default(), &method, &world.holder, now()).unwrap();
    assert!(matches!(world.verifier().presentation(&text, None, None), Err(VerifyError::Signer { .. })));
    let nobody = Presentation::of(None, &[]).unwrap();
    let text = jose::sign_presentation(&nobody, &Answer::default(), &method, &world.holder, now()).unwrap();
    assert!(matches!(world.verifier().presentation(&text, None, None), Err(VerifyError::NoHolder)));
}

/// Whose document is missing is said, and once it is there the same text verifies.
#[test]
fn resolved_on_demand() {
    let mut world = World::new(Algorithm::EdDsa);
    let did = Did::parse("did:web:issuer.example").unwrap();
    let mut credential = world.unsigned();
    credential["issuer"] = did.as_str().into();
    let members = credential.as_object().unwrap();
    let method = format!("{did}#1");
    let options = Options::new(Cryptosuite::EddsaJcs2022, &method, Relationship::AssertionMethod, now());
    let embedded = data_integrity::sign(members, &options, &world.issuer, &world.contexts).unwrap();
    let credential = Credential::from_members(members.clone()).unwrap();
    let jwt = jose::sign_credential(&credential, &method, &world.issuer).unwrap();
    let texts = [Value::Object(embedded).to_string(), jwt];
    for text in &texts {
        assert_eq!(world.verifier().credential(text).unwrap_err().unresolved(), Some(&did));
    }
    let document = json!({
        "id": did.as_str(),
        "assertionMethod": [{
            "id": method,
            "type": "JsonWebKey",
            "controller": did.as_str(),
            "publicKeyJwk": world.issuer.public_key().to_jwk().to_value(),
        }],
    });
    let document = did::web::document(&did, document.to_string().as_bytes()).unwrap();
    world.documents = Documents::offline().with(document);
    for text in &texts {
        world.verifier().credential(text).unwrap();
    }
}

#[test]
fn a_presentation_falls_with_each_credential() {
    let world = World::new(Algorithm::EdDsa);
    let method = key::method(&world.holder.public_key());
    let check = |credential: Value| {
        let presentation = world.presentation(&[credential]);
        let text = jose::sign_presentation(&presentation, &Answer::default(), &method, &world.holder, now()).unwrap();
        world.verifier().presentation(&text, None, None)
    };
    let good = world.embedded(&world.unsigned(), Cryptosuite::EddsaJcs2022);
    check(good.clone()).unwrap();
    let mut bad = good;
    bad["credentialSubject"]["name"] = "Eve".into();
    assert!(matches!(check(bad), Err(VerifyError::Proof(ProofError::Signature))));
    assert!(matches!(check(world.unsigned()), Err(VerifyError::Proof(ProofError::Missing))));
    assert!(matches!(check("a.b.c".into()), Err(VerifyError::Jose(JoseError::Jws(_)))));
}

#[test]
fn validity_is_checked_however_it_is_secured() {
    let world = World::new(Algorithm::EdDsa);
    let mut old = world.unsigned();
    old["validUntil"] = "2026-11-01T00:00:00Z".into();
    let mut new = world.unsigned();
    new["validFrom"] = "2026-12-01T00:00:00Z".into();
    for secure in [&(|credential: &Value| world.jwt(credential)) as &dyn Fn(&Value) -> String, &|credential| {
        world.embedded(credential, Cryptosuite::EddsaJcs2022).to_string()
    }] {
        let check = |credential| world.verifier().credential(&secure(credential));
        assert!(matches!(check(&old), Err(VerifyError::Model(ModelError::NoLongerValid(_)))));
        assert!(matches!(check(&new), Err(VerifyError::Model(ModelError::NotYetValid(_)))));
    }
}

/// The rules of VC-JOSE-COSE 1.0, each broken alone.
#[test]
fn jose_rules() {
    let world = World::new(Algorithm::Es256);
    let check = |header: Header, claims: &Value| match world.verifier().credential(&world.raw(header, claims)) {
        Ok(_) => None,
        Err(VerifyError::Jose(error)) => Some(error),
        Err(other) => panic!("{other}"),
    };
    let with = |name: &str, value: Value| {
        let mut claims = world.unsigned();
        claims[name] = value;
        claims
    };
    let claims = world.unsigned();
    let method = key::method(&world.issuer.public_key());
    assert!(check(world.header(), &claims).is_none());
    assert!(matches!(check(Header::typ("JWT").kid(&method), &claims), Some(JoseError::Jws(JwsError::Type { .. }))));
    assert!(matches!(check(Header::typ("vp+jwt").kid(&method), &claims), Some(JoseError::Jws(JwsError::Type { .. }))));
    assert!(matches!(check(world.header().with("cty", "vp".into()), &claims), Some(JoseError::ContentType(_))));
    assert!(matches!(check(Header::typ("vc+jwt"), &claims), Some(JoseError::NoKey)));
    assert!(matches!(check(Header::typ("vc+jwt").kid("#1"), &claims), Some(JoseError::NoKey)));
    assert!(matches!(check(Header::typ("vc+jwt").kid("did:web:x.example#1"), &claims), Some(JoseError::Did(_))));
    let other = key::method(&world.holder.public_key());
    assert!(matches!(check(Header::typ("vc+jwt").kid(&other), &claims), Some(JoseError::Jws(JwsError::BadSignature))));
    assert!(matches!(check(world.header(), &with("vc", json!({}))), Some(JoseError::OldModel)));
    assert!(matches!(check(world.header(), &with("iss", "did:example:x".into())), Some(JoseError::Issuer { .. })));
    assert!(matches!(check(world.header(), &with("exp", now().as_second().into())), Some(JoseError::Expired)));
    assert!(matches!(check(world.header(), &with("exp", "soon".into())), Some(JoseError::Claim("exp"))));
    assert!(matches!(
        check(world.header(), &with("nbf", (now().as_second() + 301).into())),
        Some(JoseError::NotYetValid)
    ));
    assert!(matches!(
        check(world.header(), &with("iat", (now().as_second() + 301).into())),
        Some(JoseError::NotYetValid)
    ));
    assert!(matches!(check(world.header(), &with("issuer", json!(1))), Some(JoseError::Model(_))));
    // A short `kid` is completed by `iss`.
    let iss = key::from_key(&world.issuer.public_key());
    let named = with("iss", iss.as_str().into());
    assert!(check(Header::typ("vc+jwt").kid(&format!("#{}", iss.id())), &named).is_none());
    assert!(check(Header::typ("vc+jwt").kid(iss.id()), &named).is_none());
}

proptest::proptest! {
    #[test]
    fn never_panics(text in "(\\{|eyJ)?[ -~]{0,120}") {
        let world = World::new(Algorithm::EdDsa);
        let _ = world.verifier().credential(&text);
        let _ = world.verifier().presentation(&text, None, None);
    }

    /// One changed character anywhere in a `vc+jwt`, and it is refused.
    #[test]
    fn every_character_counts(place in 0..2_000_usize) {
        let world = World::new(Algorithm::EdDsa);
        let mut jwt = world.jwt(&world.unsigned()).into_bytes();
        let place = place % jwt.len();
        jwt[place] = if jwt[place] == b'A' { b'B' } else { b'A' };
        proptest::prop_assert!(world.verifier().credential(std::str::from_utf8(&jwt).unwrap()).is_err());
    }
}
