use jiff::civil::date;
use warifu_keys::Signer as _;

use super::*;
use crate::claim_path::{ClaimPath, PathStep};
use crate::example::{VCT, World, list_uri, now, world};
use crate::face_template::{ModelId, Source};
use crate::profile::{Minting, claim_path, mint_sd_jwt};
use crate::sd_jwt::{Held, Received};
use crate::status::{StatusReference, StatusToken};

pub(crate) fn identity() -> KycClaims {
    let model = ModelId::new("sface", &[3; 32]).unwrap();
    KycClaims {
        family_name: "ERIKSSON".to_owned(),
        given_name: "ANNA MARIA".to_owned(),
        birthdate: date(1974, 8, 12),
        nationalities: vec![CountryCode::UNKNOWN, "SE".parse().unwrap()],
        sex: Sex::Female,
        place_of_birth: Some(PlaceOfBirth { locality: Some("ZENITH".to_owned()), ..PlaceOfBirth::default() }),
        picture: Some(vec![0xff, 0xd8, 0xff, 0xe0, 1, 2, 3]),
        issuing_country: CountryCode::UNKNOWN,
        issuing_authority: Some("PASSPORT OFFICE".to_owned()),
        date_of_issuance: Some(date(2022, 4, 15)),
        date_of_expiry: Some(date(2032, 4, 15)),
        document_number: Some("L898902C3".to_owned()),
        assurance: Assurance {
            level: Level::Substantial,
            verified_at: now(),
            method: Method::Document,
            checks: vec!["document.mrz".to_owned(), "face.match".to_owned()],
        },
        face_template: Some(
            FaceTemplateClaim::new(model, &[5; 128], 200, Source::DocumentPortrait, date(2026, 11, 23), 80).unwrap(),
        ),
    }
}

fn minted(world: &World, status: &StatusReference) -> String {
    let key = world.holder.public_key();
    let minting = Minting { vct: VCT, holder_key: &key, status: Some(status), lifetime_days: 90, now: now() };
    let claims = identity().to_claims(minting.day()).unwrap();
    mint_sd_jwt(&claims, &minting, world.issuer(), &world.entropy).unwrap()
}

#[test]
fn minted_and_held() {
    let world = world("kyc");
    let status = StatusReference { uri: list_uri(), idx: 41 };
    let text = minted(&world, &status);
    let authentic = Received::parse(&text).unwrap().authenticate(&world.anchors(), now()).unwrap();
    let list = StatusToken::verify(
        &world.status_token(&list_uri(), 10_000, &[]),
        &list_uri(),
        &authentic.issuer().anchor,
        now(),
    );
    let held = Held::keep(authentic.settle(&list.unwrap(), now()).unwrap()).unwrap();
    let claims = held.claims();
    assert_eq!(claims["family_name"], "ERIKSSON");
    assert_eq!(claims["birthdate"], "1974-08-12");
    assert_eq!(claims["nationalities"], json!(["QU", "SE"]));
    assert_eq!(claims["sex"], 2);
    assert_eq!(claims["place_of_birth"], json!({ "locality": "ZENITH" }));
    assert_eq!(claims["picture"], "data:image/jpeg;base64,/9j/4AECAw==");
    assert_eq!(claims["age_equal_or_over"], json!({ "16": true, "18": true, "21": true, "65": false }));
    assert_eq!(claims["assurance"]["verified_at"], "2026-11-23T09:00:00Z");
    assert_eq!(claims["attestation_legal_category"], "non-qualified EAA");
    assert_eq!(FaceTemplateClaim::of(&held).unwrap(), identity().face_template);
    // 2026-11-23T00:00:00Z and 90 days on.
    assert_eq!(claims["iat"], 1_795_392_000);
    assert_eq!(claims["nbf"], claims["iat"]);
    assert_eq!(claims["exp"], 1_795_392_000 + 90 * 86_400);
}

/// Nothing about the person is visible before the holder discloses it, and every part can be disclosed alone.
#[test]
fn every_claim_is_selectively_disclosable() {
    let world = world("kyc");
    let status = StatusReference { uri: list_uri(), idx: 41 };
    let held = Held::dangerous_reload(&minted(&world, &status)).unwrap();
    let visible = held.reveals(&[]).unwrap();
    let mut names: Vec<&str> = visible.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["cnf", "exp", "iat", "nbf", "status", "vct"]);

    let available = held.available();
    let mut leaves = Vec::new();
    walk(held.claims(), &mut Vec::new(), &mut leaves);
    for path in leaves.iter().filter(|path| visible.get(name(path)).is_none()) {
        assert!(available.contains(path), "{path}");
    }
    // The other way round: the table has a row for every path that was minted.
    for path in &available {
        assert!(
            schema::PROFILE
                .attributes
                .iter()
                .filter_map(|row| claim_path(row.path))
                .any(|row| row.matches(path.steps())),
            "{path}"
        );
    }
    for row in schema::PROFILE.attributes.iter().filter(|row| row.mandatory) {
        assert!(claim_path(row.path).unwrap().select(held.claims()).is_ok(), "{row:?}");
    }
}

fn name(path: &ClaimPath) -> &str {
    match &path.steps()[0] {
        PathStep::Name(name) => name,
        other => panic!("{other:?}"),
    }
}

/// Paths of every member and entry, but not inside the face template.
fn walk(value: &Value, path: &mut Vec<PathStep>, found: &mut Vec<ClaimPath>) {
    let mut visit = |step: PathStep, value: &Value| {
        path.push(step);
        found.push(ClaimPath::new(path.clone()).unwrap());
        if path != ClaimPath::claim(face_template::CLAIM).steps() {
            walk(value, path, found);
        }
        path.pop();
    };
    match value {
        Value::Object(map) => map.iter().for_each(|(name, value)| visit(PathStep::Name(name.clone()), value)),
        Value::Array(items) => items.iter().enumerate().for_each(|(at, value)| visit(PathStep::Index(at), value)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => (),
    }
}

/// Two copies for one person on one day differ in everything that is not the same for everybody.
#[test]
fn copies_can_not_be_linked_by_their_digests() {
    let world = world("batch");
    let digests = |idx| {
        let text = minted(&world, &StatusReference { uri: list_uri(), idx });
        text.split('~').skip(1).filter(|part| !part.is_empty()).map(str::to_owned).collect::<Vec<_>>()
    };
    let (first, second) = (digests(1), digests(2));
    assert!(first.iter().all(|disclosure| !second.contains(disclosure)));
}

#[test]
fn ages() {
    let check = |birthdate: Date, on: Date, expected: Value| {
        assert_eq!(age_equal_or_over(birthdate, on), expected, "born {birthdate}, on {on}");
    };
    let ages = |a, b, c, d| json!({ "16": a, "18": b, "21": c, "65": d });
    check(date(2008, 11, 24), date(2026, 11, 23), ages(true, false, false, false));
    check(date(2008, 11, 23), date(2026, 11, 23), ages(true, true, false, false));
    check(date(2004, 2, 29), date(2025, 2, 28), ages(true, true, false, false));
    check(date(2004, 2, 29), date(2025, 3, 1), ages(true, true, true, false));
    check(date(2026, 11, 23), date(2026, 11, 23), ages(false, false, false, false));
    check(date(1961, 1, 1), date(2026, 11, 23), ages(true, true, true, true));
}

#[test]
fn refuses() {
    let check = |expected: &str, change: fn(&mut KycClaims)| {
        let mut identity = identity();
        change(&mut identity);
        match identity.to_claims(date(2026, 11, 23)) {
            Err(Error::Claim(found)) => assert_eq!(found, expected),
            Err(other) => panic!("{other}"),
            Ok(_) => panic!("{expected}: accepted"),
        }
    };
    check("family_name", |identity| identity.family_name = " ".to_owned());
    check("given_name", |identity| identity.given_name = "A".repeat(151));
    check("given_name", |identity| identity.given_name = "A\u{0}B".to_owned());
    check("birthdate", |identity| identity.birthdate = date(2026, 11, 24));
    check("nationalities", |identity| identity.nationalities.clear());
    check("place_of_birth", |identity| identity.place_of_birth = Some(PlaceOfBirth::default()));
    check("picture", |identity| identity.picture = Some(b"\x89PNG".to_vec()));
    check("document_number", |identity| identity.document_number = Some(String::new()));
    check("assurance", |identity| identity.assurance.checks.clear());
    assert!("de".parse::<CountryCode>().is_err() && "DEU".parse::<CountryCode>().is_err());
}
