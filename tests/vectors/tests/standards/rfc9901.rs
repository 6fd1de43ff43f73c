//! RFC 9901, Selective Disclosure for JSON Web Tokens, and the SD-JWT VC profile of it (draft-ietf-oauth-sd-jwt-vc-19).
//!
//! Each rule of sections 4.3, 7.1 and 7.3 is a row of [`RULES`]: what breaks it, and nothing else, and which variant
//! says so. Examples that are no SD-JWT VC (sections 5, 6 and 8, appendices A.1 and A.2) stand beside the code, behind
//! the door that demands the type.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};
use warifu_credential::sd_jwt::issuer_metadata::{IssuerKeys, IssuerMetadata};
use warifu_credential::sd_jwt::{Error, Held, KeyBindingRules, Presentation, Received};
use warifu_keys::entropy::Seeded;
use warifu_keys::hash::HashAlgorithm;
use warifu_keys::jws::{self, Header, JwsError};
use warifu_keys::{PublicKey, Signer as _, SigningKey, base64url};
use warifu_vectors::vector_text;

const ISSUER: &str = "https://issuer.example.com";

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

/// The text without white space: published examples are folded.
fn unfold(text: &str) -> String {
    text.split_whitespace().collect()
}

/// What an issuer with this key would serve at its well-known address.
fn published(issuer: &str, jwk: &Value) -> IssuerKeys {
    let document = json!({ "issuer": issuer, "jwks": { "keys": [jwk] } }).to_string();
    match IssuerMetadata::parse(document.as_bytes(), issuer).unwrap() {
        IssuerMetadata::Keys(keys) => keys,
        IssuerMetadata::Elsewhere(_) => panic!("the keys are there by value"),
    }
}

/// The public half of a key in the `settings.yml` of an example: the block below `name`.
fn key_in_settings(settings: &str, name: &str) -> Value {
    let mut lines = settings.lines().skip_while(|line| !line.trim_start().starts_with(name));
    lines.next().unwrap();
    let mut jwk = Map::new();
    for (member, value) in lines.map_while(|line| line.trim().trim_start_matches("- ").split_once(": ")).take(5) {
        if member != "d" {
            jwk.insert(member.to_owned(), Value::from(value));
        }
    }
    Value::Object(jwk)
}

/// Appendix A.3 with the key of appendix A.5. It carries no certificate, so the key counts as fetched from the issuer.
#[test]
fn appendix_a_3_person_identification_data() {
    let test = "appendix_a_3_person_identification_data";
    let Some(text) = vector_text(test, "sd-jwt-vc/rfc9901-a3-sd-jwt-vc.txt") else { return };
    let Some(jwk) = vector_text(test, "sd-jwt-vc/rfc9901-a5-issuer-key.json") else { return };
    let text = unfold(&text);
    let jwk: Value = serde_json::from_str(&jwk).unwrap();
    let received = || Received::parse(&text).unwrap();
    let issuer = received().dangerous_issuer().unwrap();
    let keys = published(&issuer, &jwk);
    let inside = at(1_700_000_000);
    let authentic = received().authenticate_by_metadata(&keys, inside).unwrap();
    assert_eq!(authentic.issuer().identifier(), issuer);
    let verified = authentic.settle_without_status(inside).unwrap();
    assert_eq!(verified.vct(), "urn:eudi:pid:de:1");
    let claims = verified.claims();
    assert_eq!(claims["address"]["street_address"], "Heidestraße 17");
    assert_eq!(claims["place_of_birth"], json!({ "locality": "Berlin", "country": "DE" }));
    assert_eq!(claims["age_equal_or_over"]["18"], true);
    assert_eq!(claims["age_equal_or_over"]["65"], false);
    assert_eq!(claims["sex"], 2);
    assert_eq!(claims.as_object().unwrap().len(), 5 + 15);

    let held = Held::keep(verified).unwrap();
    let path = serde_json::from_value(json!(["age_equal_or_over", "18"])).unwrap();
    assert_eq!(held.reveals(&[path]).unwrap()["age_equal_or_over"], json!({ "18": true }));

    let late = received().authenticate_by_metadata(&keys, at(1_883_000_000));
    assert!(matches!(late, Err(Error::Expired { .. })));
    let chainless = received().authenticate(&[], inside);
    assert!(matches!(chainless, Err(Error::Jws(JwsError::Certificate(_)))));
}

/// OpenID4VP 1.0, examples/sd_jwt_vcld/01, whole: issuer's signature, disclosures, and the key binding JWT.
#[test]
fn openid4vp_sd_jwt_vcld() {
    let test = "openid4vp_sd_jwt_vcld";
    let file = |name: &str| vector_text(test, &format!("openid4vp/sd_jwt_vcld/{name}"));
    let Some(settings) = file("settings.yml") else { return };
    let presentation = unfold(&file("01/sd_jwt_presentation.txt").unwrap());
    let issuance = unfold(&file("01/sd_jwt_issuance.txt").unwrap());
    let key_binding = unfold(&file("01/kb_jwt_serialized.txt").unwrap());
    let contents: Value = serde_json::from_str(&file("01/verified_contents.json").unwrap()).unwrap();
    let payload: Value = serde_json::from_str(&file("01/kb_jwt_payload.json").unwrap()).unwrap();
    let user_claims: Value = serde_json::from_str(&file("01/user_claims.json").unwrap()).unwrap();
    let keys = published(ISSUER, &key_in_settings(&settings, "issuer_keys"));
    let now = at(payload["iat"].as_i64().unwrap() + 5);
    let text = |name: &str| payload[name].as_str().unwrap();
    let rules = KeyBindingRules {
        audience: text("aud"),
        nonce: text("nonce"),
        max_age: SignedDuration::from_secs(60),
        leeway: SignedDuration::from_secs(5),
    };
    assert!(presentation.ends_with(&key_binding));
    let authenticate = |text: &str, rules: &KeyBindingRules<'_>, now| {
        Presentation::parse(text).unwrap().authenticate_by_metadata(&keys, now, rules)
    };
    let (authentic, bound) = authenticate(&presentation, &rules, now).unwrap();
    assert_eq!(bound.sd_hash(), text("sd_hash"));
    assert_eq!(Value::Object(bound.claims().clone()), payload);
    let holder = key_in_settings(&settings, "holder_key");
    assert_eq!(authentic.holder_key().unwrap().to_jwk().to_value(), holder);
    assert_eq!(authentic.settle_without_status(now).unwrap().claims(), &contents);

    let other = KeyBindingRules { nonce: "1234567891", ..rules };
    assert!(matches!(authenticate(&presentation, &other, now), Err(Error::Nonce)));
    let other = KeyBindingRules { audience: "https://verifier.example.com", ..rules };
    assert!(matches!(authenticate(&presentation, &other, now), Err(Error::Audience { .. })));
    let later = at(now.as_second() + 61);
    assert!(matches!(authenticate(&presentation, &rules, later), Err(Error::KeyBindingTooOld { .. })));
    // The same key binding JWT under everything that was issued.
    assert!(matches!(authenticate(&(issuance.clone() + &key_binding), &rules, now), Err(Error::SdHash)));

    // From the issuance, our holder makes the SD-JWT of the example.
    let received = Received::parse(&issuance).unwrap().authenticate_by_metadata(&keys, now).unwrap();
    let held = Held::keep(received.settle_without_status(now).unwrap()).unwrap();
    assert_eq!(held.claims()["ld"], user_claims["ld"]);
    let path = serde_json::from_value(json!(["ld", "credentialSubject", "givenName"])).unwrap();
    assert_eq!(held.reveals(&[path]).unwrap(), contents);
}

/// An issuer known by its web key, a holder, and a presentation that is right in everything.
struct Case {
    header: Header,
    payload: Value,
    disclosures: Vec<String>,
    key_binding: Option<Bound>,
}

struct Bound {
    header: Header,
    claims: Value,
    signer: SigningKey,
    /// Taken over another SD-JWT.
    of_another: bool,
}

fn issuer_key() -> SigningKey {
    SigningKey::generate_p256(&Seeded::dangerous_new("rfc 9901 issuer"))
}

fn holder_key() -> SigningKey {
    SigningKey::generate_p256(&Seeded::dangerous_new("rfc 9901 holder"))
}

const NOW: i64 = 1_790_000_000;

fn disclosure(json: &str) -> (String, String) {
    let text = base64url::encode(json.as_bytes());
    let digest = digest(&text);
    (text, digest)
}

fn digest(text: &str) -> String {
    base64url::encode(&HashAlgorithm::Sha256.digest(text.as_bytes()))
}

fn cnf(key: &PublicKey) -> Value {
    json!({ "jwk": key.to_jwk().to_value() })
}

/// `given_name`, `address` with a member inside, and one of two nationalities.
fn sound() -> Case {
    let (name, name_digest) = disclosure(r#"["bmFtZQ","given_name","ERIKA"]"#);
    let (city, city_digest) = disclosure(r#"["Y2l0eQ","locality","BERLIN"]"#);
    let (address, address_digest) = disclosure(&format!(r#"["YWRkcg","address",{{"_sd":["{city_digest}"]}}]"#));
    let (nationality, nationality_digest) = disclosure(r#"["bmF0","DE"]"#);
    let (_, withheld) = disclosure(r#"["bmF0Mg","JP"]"#);
    Case {
        header: Header::typ("dc+sd-jwt"),
        payload: json!({
            "iss": ISSUER, "vct": "https://issuer.example.com/vct", "iat": NOW - 60, "exp": NOW + 3600,
            "cnf": cnf(&holder_key().public_key()), "_sd": [name_digest, address_digest], "_sd_alg": "sha-256",
            "nationalities": [{ "...": nationality_digest }, { "...": withheld }],
        }),
        disclosures: vec![name, address, city, nationality],
        key_binding: Some(Bound {
            header: Header::typ("kb+jwt"),
            claims: json!({ "iat": NOW - 5, "aud": "x509_hash:verifier", "nonce": "n-0S6_WzA2Mj" }),
            signer: holder_key(),
            of_another: false,
        }),
    }
}

impl Case {
    fn text(self) -> String {
        let jwt = jws::sign(self.header, self.payload.to_string().as_bytes(), &issuer_key()).unwrap();
        let front = self.disclosures.iter().fold(jwt + "~", |text, part| text + part + "~");
        let Some(mut bound) = self.key_binding else { return front };
        let hashed = if bound.of_another { digest("another~") } else { digest(&front) };
        let members = bound.claims.as_object_mut().unwrap();
        members.entry("sd_hash").or_insert_with(|| json!(hashed));
        members.retain(|_, value| *value != json!("absent"));
        front + &jws::sign(bound.header, bound.claims.to_string().as_bytes(), &bound.signer).unwrap()
    }

    fn bound(&mut self) -> &mut Bound {
        self.key_binding.as_mut().unwrap()
    }

    /// Another disclosure, whose digest stands among the top-level ones.
    fn disclose(&mut self, json: &str) {
        let (text, digest) = disclosure(json);
        self.disclosures.push(text);
        self.payload["_sd"].as_array_mut().unwrap().push(json!(digest));
    }
}

fn authenticate(text: &str) -> Result<Value, Error> {
    let rules = KeyBindingRules {
        audience: "x509_hash:verifier",
        nonce: "n-0S6_WzA2Mj",
        max_age: SignedDuration::from_secs(300),
        leeway: SignedDuration::from_secs(30),
    };
    let keys = published(ISSUER, &issuer_key().public_key().to_jwk().to_value());
    let (authentic, _) = Presentation::parse(text)?.authenticate_by_metadata(&keys, at(NOW), &rules)?;
    Ok(authentic.settle_without_status(at(NOW)).unwrap().claims().clone())
}

type Break = fn(&mut Case);
type Says = fn(&Error) -> bool;

/// Section and step, what breaks just this rule, and the variant that says so.
const RULES: &[(&str, Break, Says)] = &[
    (
        "4.1.1 `_sd_alg` only at the top",
        |case| case.payload["o"] = json!({ "_sd_alg": "sha-256" }),
        |error| matches!(error, Error::ReservedName(_)),
    ),
    (
        "4.2 base64url",
        |case| case.disclosures.push("W10=".to_owned()),
        |error| matches!(error, Error::DisclosureEncoding { at: 4 }),
    ),
    (
        "4.2 JSON",
        |case| case.disclose("[\"c2FsdA\",\"a\""),
        |error| matches!(error, Error::DisclosureJson { at: 4, .. }),
    ),
    (
        "4.2.1 two or three elements",
        |case| case.disclose(r#"["c2FsdA","a",1,2]"#),
        |error| matches!(error, Error::DisclosureShape { at: 4 }),
    ),
    (
        "4.2.4.1 `_sd` is an array of strings",
        |case| case.payload["o"] = json!({ "_sd": "x" }),
        |error| matches!(error, Error::DigestList),
    ),
    (
        "4.2.4.2 `...` is alone",
        |case| case.payload["nationalities"][1]["x"] = json!(1),
        |error| matches!(error, Error::Placeholder),
    ),
    (
        "7.1 1. separate",
        |case| case.disclosures.push(String::new()),
        |error| matches!(error, Error::DisclosureJson { at: 4, .. }),
    ),
    (
        "7.1 2.c the key is the issuer's",
        |case| case.payload["iss"] = json!("https://other.example"),
        |error| matches!(error, Error::IssuerMetadata(_)),
    ),
    (
        "7.1 2.d `_sd_alg` is understood",
        |case| case.payload["_sd_alg"] = json!("md5"),
        |error| matches!(error, Error::HashAlgorithm(name) if name == "md5"),
    ),
    (
        "7.1 3.c.ii.1 three elements in an object",
        |case| case.disclose(r#"["c2FsdA","a"]"#),
        |error| matches!(error, Error::EntryInObject { at: 4 }),
    ),
    (
        "7.1 3.c.ii.2 name `_sd`",
        |case| case.disclose(r#"["c2FsdA","_sd",[]]"#),
        |error| matches!(error, Error::ReservedName(name) if name == "_sd"),
    ),
    (
        "7.1 3.c.ii.2 name `...`",
        |case| case.disclose(r#"["c2FsdA","...","x"]"#),
        |error| matches!(error, Error::ReservedName(name) if name == "..."),
    ),
    (
        "7.1 3.c.ii.3 name in the payload",
        |case| case.payload["given_name"] = json!("MAX"),
        |error| matches!(error, Error::NameExists(name) if name == "given_name"),
    ),
    (
        "7.1 3.c.ii.3 name disclosed before",
        |case| case.disclose(r#"["c2FsdA","given_name","MAX"]"#),
        |error| matches!(error, Error::NameExists(name) if name == "given_name"),
    ),
    (
        "7.1 3.c.iii.1 two elements in an array",
        |case| {
            let (text, digest) = disclosure(r#"["c2FsdA","a",1]"#);
            case.disclosures.push(text);
            case.payload["nationalities"][1] = json!({ "...": digest });
        },
        |error| matches!(error, Error::MemberInArray { at: 4 }),
    ),
    (
        "7.1 4. a digest twice",
        |case| {
            let first = case.payload["_sd"][0].clone();
            case.payload["_sd"].as_array_mut().unwrap().push(first);
        },
        |error| matches!(error, Error::DuplicateDigest),
    ),
    (
        "7.1 4. a digest twice, in a disclosure",
        |case| {
            let first = case.payload["_sd"][0].clone();
            case.disclose(&format!(r#"["c2FsdA","o",{{"_sd":[{first}]}}]"#));
        },
        |error| matches!(error, Error::DuplicateDigest),
    ),
    (
        "7.1 5. a disclosure without digest",
        |case| case.disclosures.push(disclosure(r#"["x","a",1]"#).0),
        |error| matches!(error, Error::UnreferencedDisclosure { at: 4 }),
    ),
    (
        "7.1 5. a part without its parent",
        |case| drop(case.disclosures.remove(1)),
        |error| matches!(error, Error::UnreferencedDisclosure { at: 1 }),
    ),
    (
        "7.1 5. the same disclosure twice",
        |case| case.disclosures.push(case.disclosures[0].clone()),
        |error| matches!(error, Error::DuplicateDisclosure { at: 4 }),
    ),
    ("7.1 6. `nbf`", |case| case.payload["nbf"] = json!(NOW + 61), |error| matches!(error, Error::NotYetValid { .. })),
    ("7.1 6. `exp`", |case| case.payload["exp"] = json!(NOW), |error| matches!(error, Error::Expired { .. })),
    (
        "7.1 6. `aud`",
        |case| case.payload["aud"] = json!("x509_hash:other"),
        |error| matches!(error, Error::CredentialAudience),
    ),
    (
        "7.1 6. `iat` ahead",
        |case| case.payload["iat"] = json!(NOW + 61),
        |error| matches!(error, Error::IssuedInFuture { .. }),
    ),
    ("7.3 2. no key binding", |case| case.key_binding = None, |error| matches!(error, Error::NoKeyBinding)),
    (
        "7.3 5.a no key",
        |case| drop(case.payload.as_object_mut().unwrap().remove("cnf")),
        |error| matches!(error, Error::NoHolderKey),
    ),
    (
        "7.3 5.b another algorithm than the key's",
        |case| case.bound().signer = SigningKey::generate_ed25519(&Seeded::dangerous_new("ed25519")),
        |error| matches!(error, Error::KeyBindingAlgorithm),
    ),
    (
        "7.3 5.c signature",
        |case| case.bound().signer = issuer_key(),
        |error| matches!(error, Error::KeyBindingSignature),
    ),
    (
        "7.3 5.d `typ`",
        |case| case.bound().header = Header::typ("JWT"),
        |error| matches!(error, Error::KeyBindingType(typ) if typ == "JWT"),
    ),
    (
        "7.3 5.d `typ` absent",
        |case| case.bound().header = Header::default(),
        |error| matches!(error, Error::KeyBindingType(typ) if typ.is_empty()),
    ),
    (
        "7.3 5.e too old",
        |case| case.bound().claims["iat"] = json!(NOW - 331),
        |error| matches!(error, Error::KeyBindingTooOld { .. }),
    ),
    (
        "7.3 5.e ahead",
        |case| case.bound().claims["iat"] = json!(NOW + 31),
        |error| matches!(error, Error::KeyBindingInFuture { .. }),
    ),
    ("7.3 5.f nonce", |case| case.bound().claims["nonce"] = json!("other"), |error| matches!(error, Error::Nonce)),
    (
        "7.3 5.f audience",
        |case| case.bound().claims["aud"] = json!("x509_hash:other"),
        |error| matches!(error, Error::Audience { found } if found == "x509_hash:other"),
    ),
    ("7.3 5.g `sd_hash`", |case| case.bound().of_another = true, |error| matches!(error, Error::SdHash)),
    (
        "7.3 5.h `exp`",
        |case| case.bound().claims["exp"] = json!(NOW - 30),
        |error| matches!(error, Error::KeyBindingExpired { .. }),
    ),
    (
        "7.3 5.h `nbf`",
        |case| case.bound().claims["nbf"] = json!(NOW + 31),
        |error| matches!(error, Error::KeyBindingNotYetValid { .. }),
    ),
    (
        "7.3 5.h `crit`",
        |case| case.bound().header = Header::typ("kb+jwt").with("crit", json!(["x"])).with("x", json!(1)),
        |error| matches!(error, Error::KeyBinding(JwsError::Critical)),
    ),
    (
        "4.3 `iat`",
        |case| case.bound().claims["iat"] = json!("absent"),
        |error| matches!(error, Error::KeyBindingClaim("iat")),
    ),
    (
        "4.3 `aud` is a single string",
        |case| case.bound().claims["aud"] = json!(["x509_hash:verifier"]),
        |error| matches!(error, Error::KeyBindingClaim("aud")),
    ),
    (
        "4.3 `nonce`",
        |case| case.bound().claims["nonce"] = json!("absent"),
        |error| matches!(error, Error::KeyBindingClaim("nonce")),
    ),
    (
        "4.3 `sd_hash`",
        |case| case.bound().claims["sd_hash"] = json!("absent"),
        |error| matches!(error, Error::KeyBindingClaim("sd_hash")),
    ),
    (
        "SD-JWT VC 2.2.1 `typ`",
        |case| case.header = Header::typ("vc+sd-jwt"),
        |error| matches!(error, Error::Jws(JwsError::Type { .. })),
    ),
    (
        "RFC 7515 4.1.11 `crit`",
        |case| case.header = Header::typ("dc+sd-jwt").with("crit", json!(["x"])).with("x", json!(1)),
        |error| matches!(error, Error::Jws(JwsError::Critical)),
    ),
    (
        "SD-JWT VC 2.2.2.1 `vct`",
        |case| drop(case.payload.as_object_mut().unwrap().remove("vct")),
        |error| matches!(error, Error::Claim("vct")),
    ),
    (
        "SD-JWT VC 2.2.2.2 `aka_vcts` without `vct`",
        |case| case.payload["aka_vcts"] = json!([case.payload["vct"]]),
        |error| matches!(error, Error::Claim("aka_vcts")),
    ),
    (
        "SD-JWT VC 2.2.2.3 a part of `cnf` is never selective",
        |case| case.payload["cnf"]["_sd"] = json!([]),
        |error| matches!(error, Error::NeverSelective(name) if name == "cnf"),
    ),
];

#[test]
fn the_sound_presentation_passes() {
    let claims = authenticate(&sound().text()).unwrap();
    assert_eq!(claims["given_name"], "ERIKA");
    assert_eq!(claims["address"], json!({ "locality": "BERLIN" }));
    assert_eq!(claims["nationalities"], json!(["DE"]));
    assert_eq!(claims.as_object().unwrap().len(), 8);
}

#[test]
fn each_rule_has_its_own_refusal() {
    for (rule, change, says) in RULES {
        let mut case = sound();
        change(&mut case);
        match authenticate(&case.text()) {
            Ok(_) => panic!("{rule}: accepted"),
            Err(error) => assert!(says(&error), "{rule}: {error:?}"),
        }
    }
}

/// SD-JWT VC section 2.2.2.3: these are refused under a disclosure, each by name.
#[test]
fn claims_that_are_never_selective() {
    for name in warifu_credential::sd_jwt::NEVER_SELECTIVE {
        let mut case = sound();
        case.payload.as_object_mut().unwrap().remove(name);
        case.disclose(&format!(r#"["c2FsdA","{name}","x"]"#));
        let refused = authenticate(&case.text());
        assert!(matches!(refused, Err(Error::NeverSelective(found)) if found == name), "{name}");
    }
}

/// Section 7.1 steps 2.a and 2.b: no other algorithm, no other bytes.
#[test]
fn signature_of_the_issuer() {
    let text = sound().text();
    let (jwt, rest) = text.split_once('~').unwrap();
    let parts: Vec<&str> = jwt.split('.').collect();
    let with = |header: Value, payload: &str, signature: &str| {
        authenticate(&format!("{}.{payload}.{signature}~{rest}", base64url::encode(header.to_string().as_bytes())))
    };
    let refused = with(json!({ "alg": "none", "typ": "dc+sd-jwt" }), parts[1], "");
    assert!(matches!(refused, Err(Error::Jws(JwsError::Algorithm(name))) if name == "none"));
    let refused = with(json!({ "alg": "HS256", "typ": "dc+sd-jwt" }), parts[1], parts[2]);
    assert!(matches!(refused, Err(Error::Jws(JwsError::Algorithm(name))) if name == "HS256"));
    let forged = base64url::encode(json!({ "vct": "x", "iss": ISSUER }).to_string().as_bytes());
    let refused = with(json!({ "alg": "ES256", "typ": "dc+sd-jwt" }), &forged, parts[2]);
    assert!(matches!(refused, Err(Error::Jws(JwsError::BadSignature))));
}

/// Section 7.2: an issuer's answer with a key binding JWT is refused, though every part of it is right.
#[test]
fn holders_take_no_key_binding() {
    assert!(matches!(Received::parse(&sound().text()), Err(Error::KeyBindingFromIssuer)));
}
