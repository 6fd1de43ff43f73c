//! Registration certificates: who signed them, whose they are, and what a request asks beyond them.

use super::*;
use crate::vp::registration::{
    Beyond, FORMATS, ReceivedRegistration, Registration, RegistrationError, TYP, check_registered,
};

/// A registrar with its certificate, below a root of its own.
struct Registrar {
    root: Certificate,
    key: SigningKey,
    chain: Vec<Certificate>,
}

impl Registrar {
    fn new(seed: &str) -> Self {
        let entropy = Seeded::dangerous_new(seed);
        let name = |name: &str| Subject { common_name: name.to_owned(), organization: None, country: "UT".to_owned() };
        let period = Period::days(now(), 300);
        let root_key = SigningKey::generate_p256(&entropy);
        let root = Authority::self_signed(&name("Registry"), root_key, period, "https://r.example", &entropy).unwrap();
        let key = SigningKey::generate_p256(&entropy);
        let request = issue::Request {
            subject: name("Registrar"),
            public_key: &key.public_key(),
            period,
            purpose: Purpose::Registrar,
            dns_names: Vec::new(),
            uris: Vec::new(),
        };
        let leaf = root.issue(&request, &entropy).unwrap();
        Self { root: root.certificate().clone(), key, chain: vec![leaf] }
    }

    /// A certificate with some claims replaced (`null` removes one).
    fn sign(&self, changes: Value) -> String {
        self.sign_as(Header::typ(TYP).x5c(&self.chain), changes)
    }

    fn sign_as(&self, header: Header, changes: Value) -> String {
        let mut claims = json!({
            "sub": "VATES-B12345678", "name": "Shop", "iat": now().as_second(), "exp": later(86_400).as_second(),
            "entitlements": ["https://uri.etsi.org/19475/Entitlement/Service_Provider"], "intended_use_id": "use-1",
            "purpose": [{ "lang": "en", "value": "Open an account" }, { "lang": "ja", "content": "口座の開設" }],
            "privacy_policy": "https://shop.example/privacy",
            "credentials": [
                { "format": "dc+sd-jwt", "meta": { "vct_values": ["urn:x", "urn:y"] },
                  "claim": [{ "path": ["given_name"] }, { "path": ["address"] }, { "path": ["nationalities", null] }] },
                { "format": "mso_mdoc", "meta": { "doctype_value": "org.x" }, "claims": [{ "path": ["ns"] }] },
                { "format": "dc+sd-jwt", "meta": { "vct_values": ["urn:whole"] } },
            ],
        });
        let claims = claims.as_object_mut().unwrap();
        for (name, value) in changes.as_object().unwrap() {
            match value {
                Value::Null => drop(claims.remove(name)),
                value => drop(claims.insert(name.clone(), value.clone())),
            }
        }
        jws::sign_claims(header, claims, &self.key).unwrap()
    }

    fn authenticate(&self, jwt: String) -> Result<Registration, RegistrationError> {
        let info = json!([{ "format": FORMATS[0], "data": jwt }]);
        let mut found = ReceivedRegistration::from_verifier_info(&info)?;
        found.remove(0).authenticate(std::slice::from_ref(&self.root), now())
    }

    fn good(&self) -> Registration {
        self.authenticate(self.sign(json!({}))).unwrap()
    }
}

fn asked(credentials: Value) -> Query {
    Query::from_value(&json!({ "credentials": credentials })).unwrap()
}

#[test]
fn what_a_registrar_says() {
    let registration = Registrar::new("registrar").good();
    assert_eq!((registration.subject(), registration.name()), ("VATES-B12345678", "Shop"));
    assert_eq!((registration.intended_use(), registration.entitlements().len()), (Some("use-1"), 1));
    assert_eq!(registration.purpose().unwrap().in_language("ja"), "口座の開設");
    assert_eq!(
        (registration.privacy_policy(), registration.expires()),
        (Some("https://shop.example/privacy"), later(86_400))
    );
    assert!(registration.status().is_none());
    registration.check_party(Some("VATES-B12345678")).unwrap();
    for other in [None, Some(""), Some("VATES-B12345679"), Some("vates-b12345678")] {
        assert!(matches!(registration.check_party(other), Err(RegistrationError::OtherParty { .. })), "{other:?}");
    }
}

#[test]
fn certificates_with_one_rule_broken() {
    let (registrar, other) = (Registrar::new("registrar"), Registrar::new("other"));
    let check = |jwt: String, expected: fn(&RegistrationError) -> bool| {
        let error = registrar.authenticate(jwt).unwrap_err();
        assert!(expected(&error), "{error:?}");
    };
    check(other.sign(json!({})), |e| matches!(e, RegistrationError::Signer(_)));
    check(other.sign_as(Header::typ(TYP).x5c(&registrar.chain), json!({})), |e| {
        matches!(e, RegistrationError::Jws(JwsError::BadSignature))
    });
    check(registrar.sign_as(Header::typ("JWT").x5c(&registrar.chain), json!({})), |e| {
        matches!(e, RegistrationError::Jws(JwsError::Type { .. }))
    });
    check(registrar.sign_as(Header::typ(TYP), json!({})), |e| {
        matches!(e, RegistrationError::Jws(JwsError::Certificate(_)))
    });
    // A certificate that says itself who may sign it.
    let own = Verifier::new("shop");
    let claims = jws::Unverified::parse(&registrar.sign(json!({}))).unwrap().dangerous_claims().unwrap();
    check(jws::sign_claims(Header::typ(TYP).x5c(&own.chain), &claims, &own.key).unwrap(), |e| {
        matches!(e, RegistrationError::Signer(_))
    });
    check(registrar.sign(json!({ "exp": now().as_second() })), |e| matches!(e, RegistrationError::Expired { .. }));
    check(registrar.sign(json!({ "exp": null, "iat": later(-367 * 86_400).as_second() })), |e| {
        matches!(e, RegistrationError::Expired { .. })
    });
    check(registrar.sign(json!({ "exp": later(367 * 86_400).as_second() })), |e| {
        matches!(e, RegistrationError::Claim("exp"))
    });
    check(registrar.sign(json!({ "iat": later(3600).as_second() })), |e| matches!(e, RegistrationError::Ahead));
    for name in ["sub", "name", "entitlements", "credentials", "iat"] {
        let error = registrar.authenticate(registrar.sign(json!({ name: null }))).unwrap_err();
        assert!(matches!(error, RegistrationError::Claim(found) if found == name), "{name}: {error:?}");
    }
    let bad = [
        json!({ "credentials": [] }),
        json!({ "credentials": [{ "format": "dc+sd-jwt", "meta": {} }] }),
        json!({ "credentials": [{ "format": "dc+sd-jwt", "meta": { "vct_values": ["t"] }, "claim": [] }] }),
        json!({ "credentials": [{ "format": "dc+sd-jwt", "meta": { "vct_values": ["t"] }, "claim": [{ "path": [] }] }] }),
        json!({ "entitlements": [1] }),
        json!({ "entitlements": [] }),
        json!({ "purpose": "x" }),
        json!({ "status": { "other": 1 } }),
        json!({ "sub": 7 }),
    ];
    for changes in bad {
        let error = registrar.authenticate(registrar.sign(changes.clone())).unwrap_err();
        assert!(matches!(error, RegistrationError::Claim(_)), "{changes}: {error:?}");
    }
}

#[test]
fn found_among_other_attestations() {
    let registrar = Registrar::new("registrar");
    let jwt = registrar.sign(json!({}));
    let found = |info: Value| ReceivedRegistration::from_verifier_info(&info).map(|found| found.len());
    for format in FORMATS {
        assert_eq!(found(json!([{ "format": "x", "data": {} }, { "format": format, "data": jwt }])).unwrap(), 1);
    }
    // Under the shared format other JWTs are somebody else's; under our own they are wrong.
    let other = registrar.sign_as(Header::typ("JWT"), json!({}));
    assert_eq!(found(json!([{ "format": "jwt", "data": other }, { "format": "jwt", "data": "x" }])).unwrap(), 0);
    assert!(found(json!([{ "format": FORMATS[0], "data": "x" }])).is_err());
    assert!(matches!(found(json!([{ "format": FORMATS[1], "data": {} }])), Err(RegistrationError::NotText)));
    assert_eq!(found(json!([])).unwrap() + found(Value::Null).unwrap(), 0);
}

#[test]
fn asked_is_within_registered() {
    let registration = Registrar::new("registrar").good();
    let check = |credential: Value, expected: Result<(), Beyond>| {
        let mut credential = credential;
        credential["id"] = json!("q");
        let found = check_registered(std::slice::from_ref(&registration), &asked(json!([credential])));
        assert_eq!(found, expected, "{credential}");
    };
    let sd_jwt = |vct: Value, paths: &[Value]| {
        let claims: Vec<Value> = paths.iter().map(|path| json!({ "path": path })).collect();
        json!({ "format": "dc+sd-jwt", "meta": { "vct_values": vct }, "claims": claims })
    };
    let beyond =
        |path: Value| Err(Beyond::Claim { query_id: "q".to_owned(), path: ClaimPath::from_value(&path).unwrap() });
    let other_type = || Err(Beyond::Type { query_id: "q".to_owned() });
    let name = || json!(["given_name"]);
    check(sd_jwt(json!(["urn:x"]), &[name()]), Ok(()));
    check(sd_jwt(json!(["urn:x", "urn:y"]), &[name(), json!(["address"])]), Ok(()));
    // A container covers what is inside; what is inside does not cover the container.
    check(sd_jwt(json!(["urn:x"]), &[json!(["address", "locality"])]), Ok(()));
    check(sd_jwt(json!(["urn:x"]), &[json!(["nationalities", 1])]), Ok(()));
    check(sd_jwt(json!(["urn:x"]), &[json!(["nationalities"])]), beyond(json!(["nationalities"])));
    check(sd_jwt(json!(["urn:x"]), &[name(), json!(["birthdate"])]), beyond(json!(["birthdate"])));
    check(sd_jwt(json!(["urn:x"]), &[json!([null])]), beyond(json!([null])));
    // Every type that could answer must be registered, and in that format.
    check(sd_jwt(json!(["urn:x", "urn:z"]), &[name()]), other_type());
    check(sd_jwt(json!(["urn:z"]), &[name()]), other_type());
    check(
        json!({ "format": "mso_mdoc", "meta": { "doctype_value": "urn:x" }, "claims": [{ "path": ["ns", "a"] }] }),
        other_type(),
    );
    check(
        json!({ "format": "mso_mdoc", "meta": { "doctype_value": "org.x" }, "claims": [{ "path": ["ns", "a"] }] }),
        Ok(()),
    );
    check(
        json!({ "format": "mso_mdoc", "meta": { "doctype_value": "org.x" }, "claims": [{ "path": ["other", "a"] }] }),
        beyond(json!(["other", "a"])),
    );
    check(json!({ "format": "x", "meta": {} }), other_type());
    // A query that names no claims may mean the whole credential.
    let whole = |vct: &str| json!({ "format": "dc+sd-jwt", "meta": { "vct_values": [vct] } });
    check(whole("urn:x"), Err(Beyond::Whole { query_id: "q".to_owned() }));
    check(whole("urn:whole"), Ok(()));
    check(sd_jwt(json!(["urn:whole"]), &[json!(["anything"])]), Ok(()));
}

#[test]
fn each_certificate_is_for_its_own_queries() {
    let registrar = Registrar::new("registrar");
    let query = |id: &str| json!({ "id": id, "format": "dc+sd-jwt", "meta": { "vct_values": ["urn:x"] }, "claims": [{ "path": ["given_name"] }] });
    let asked = asked(json!([query("a"), query("b")]));
    let with = |ids: &[Value]| {
        let entries = ids.iter().map(|ids| {
            let mut entry = json!({ "format": FORMATS[0], "data": registrar.sign(json!({})) });
            if !ids.is_null() {
                entry["credential_ids"] = ids.clone();
            }
            entry
        });
        let found = ReceivedRegistration::from_verifier_info(&entries.collect()).unwrap();
        let anchors = std::slice::from_ref(&registrar.root);
        let certificates: Vec<Registration> =
            found.into_iter().map(|received| received.authenticate(anchors, now()).unwrap()).collect();
        check_registered(&certificates, &asked)
    };
    assert_eq!(with(&[Value::Null]), Ok(()));
    assert_eq!(with(&[json!(["a"]), json!(["b"])]), Ok(()));
    assert_eq!(with(&[json!(["a"])]), Err(Beyond::Type { query_id: "b".to_owned() }));
    assert_eq!(with(&[]), Err(Beyond::Type { query_id: "a".to_owned() }));
}

/// With the signed request it comes back letter by letter, and is found there.
#[test]
fn it_travels_in_the_request() {
    let (registrar, verifier) = (Registrar::new("registrar"), Verifier::new("shop"));
    let info = json!([{ "format": FORMATS[1], "data": registrar.sign(json!({})), "credential_ids": ["kyc"] }]);
    let awaiting = verifier.builder().verifier_info(info.clone()).build(&verifier.entropy, now()).unwrap();
    let request = understood(&verifier, &awaiting);
    assert_eq!(request.object().verifier_info.as_ref(), Some(&info));
    let found = ReceivedRegistration::from_verifier_info(request.object().verifier_info.as_ref().unwrap()).unwrap();
    let anchors = std::slice::from_ref(&registrar.root);
    let certificates: Vec<Registration> =
        found.into_iter().map(|received| received.authenticate(anchors, now()).unwrap()).collect();
    assert_eq!(check_registered(&certificates, request.query()), Ok(()));
}

proptest::proptest! {
    #[test]
    fn never_panics(text in ".{0,80}", name in proptest::sample::select(vec!["sub", "credentials", "purpose", "status", "iat", "exp", "entitlements"]), bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..80)) {
        let registrar = Registrar::new("registrar");
        let value = serde_json::from_slice(&bytes).unwrap_or(json!(text));
        let _ = registrar.authenticate(registrar.sign(json!({ name: value })));
        let _ = ReceivedRegistration::from_verifier_info(&json!([{ "format": FORMATS[0], "data": text }]));
    }
}
