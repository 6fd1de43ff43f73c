use jiff::civil::date;
use serde_json::json;
use warifu_keys::Signer as _;

use super::*;
use crate::claim_path::ClaimPath;
use crate::example::{list_uri, now, world};
use crate::profile::{Minting, claim_path, mint_sd_jwt};
use crate::sd_jwt::Held;
use crate::status::StatusReference;

pub(crate) fn person() -> PidClaims {
    PidClaims {
        family_name: "Mustermann".to_owned(),
        given_name: "Erika".to_owned(),
        birthdate: date(1984, 1, 26),
        place_of_birth: PlaceOfBirth {
            country: Some("DE".parse().unwrap()),
            locality: Some("Berlin".to_owned()),
            ..PlaceOfBirth::default()
        },
        nationalities: vec!["DE".parse().unwrap(), CountryCode::STATELESS],
        portrait: Portrait::Jpeg(vec![0xff, 0xd8, 0xff, 0xe0, 1, 2, 3]),
        address: Some(Address {
            formatted: Some("Heidestraße 17, 51147 Köln".to_owned()),
            country: Some("DE".parse().unwrap()),
            locality: Some("Köln".to_owned()),
            postal_code: Some("51147".to_owned()),
            street_address: Some("Heidestraße".to_owned()),
            house_number: Some("17".to_owned()),
            ..Address::default()
        }),
        personal_administrative_number: Some("123456782".to_owned()),
        birth_family_name: Some("Gabler".to_owned()),
        birth_given_name: Some("Erika".to_owned()),
        sex: Some(Sex::Diverse),
        email: Some("erika@example.com".to_owned()),
        phone_number: Some("+49123456789".to_owned()),
        issuing_authority: "Sandbox".to_owned(),
        issuing_country: "DE".parse().unwrap(),
        issuing_jurisdiction: Some("DE-BE".to_owned()),
        date_of_issuance: Some(date(2026, 11, 1)),
        date_of_expiry: Some(date(2031, 10, 31)),
        document_number: Some("SB-1".to_owned()),
    }
}

/// The SD-JWT encoding of PID rulebook 1.7, chapter 4, name by name.
#[test]
fn claims_are_those_of_the_rulebook() {
    let claims = person().to_claims().unwrap();
    assert_eq!(
        Value::Object(claims.values().clone()),
        json!({
            "family_name": "Mustermann",
            "given_name": "Erika",
            "birthdate": "1984-01-26",
            "place_of_birth": { "country": "DE", "locality": "Berlin" },
            "nationalities": ["DE", "QS"],
            "picture": "data:image/jpeg;base64,/9j/4AECAw==",
            "address": {
                "formatted": "Heidestraße 17, 51147 Köln",
                "country": "DE",
                "locality": "Köln",
                "postal_code": "51147",
                "street_address": "Heidestraße",
                "house_number": "17",
            },
            "personal_administrative_number": "123456782",
            "birth_family_name": "Gabler",
            "birth_given_name": "Erika",
            "sex": 5,
            "email": "erika@example.com",
            "phone_number": "+49123456789",
            "issuing_authority": "Sandbox",
            "issuing_country": "DE",
            "issuing_jurisdiction": "DE-BE",
            "date_of_issuance": "2026-11-01",
            "date_of_expiry": "2031-10-31",
            "document_number": "SB-1",
            "attestation_legal_category": "sandbox, not a PID",
        })
    );
}

/// Every claim, nested member and array entry can be withheld by itself (rulebook requirement PID_21), and nothing is
/// minted that the table does not know.
#[test]
fn every_part_is_selectively_disclosable() {
    let world = world("pid");
    let key = world.holder.public_key();
    let status = StatusReference { uri: list_uri(), idx: 3 };
    let minting = Minting { vct: schema::VCT, holder_key: &key, status: Some(&status), lifetime_days: 14, now: now() };
    let text = mint_sd_jwt(&person().to_claims().unwrap(), &minting, world.issuer(), &world.entropy).unwrap();
    let held = Held::dangerous_reload(&text).unwrap();
    let visible = held.reveals(&[]).unwrap();
    let mut names: Vec<&str> = visible.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["cnf", "exp", "iat", "nbf", "status", "vct"]);
    assert_eq!(held.claims()["vct"], "urn:eudi:pid:1");

    let rows: Vec<ClaimPath> = schema::PROFILE.attributes.iter().filter_map(|row| claim_path(row.path)).collect();
    let available = held.available();
    // 20 claims at the top, 2 parts of the place, 6 of the address, 2 nationalities.
    assert_eq!(available.len(), 30, "{available:?}");
    assert!(available.iter().all(|path| rows.iter().any(|row| row.matches(path.steps()))));
}

#[test]
fn an_opted_out_portrait_is_there_and_empty() {
    let claims = PidClaims { portrait: Portrait::OptedOut, ..person() }.to_claims().unwrap();
    assert_eq!(claims.values()["picture"], "");
}

#[test]
fn refuses() {
    let check = |expected: &str, change: fn(&mut PidClaims)| {
        let mut person = person();
        change(&mut person);
        match person.to_claims() {
            Err(Error::Claim(found)) => assert_eq!(found, expected),
            Err(other) => panic!("{other}"),
            Ok(_) => panic!("{expected}: accepted"),
        }
    };
    check("family_name", |person| person.family_name.clear());
    check("given_name", |person| person.given_name = "A".repeat(151));
    check("place_of_birth", |person| person.place_of_birth = PlaceOfBirth::default());
    check("nationalities", |person| person.nationalities.clear());
    check("picture", |person| person.portrait = Portrait::Jpeg(b"\x89PNG".to_vec()));
    check("address", |person| person.address = Some(Address::default()));
    check("phone_number", |person| person.phone_number = Some("0049 123".to_owned()));
    check("phone_number", |person| person.phone_number = Some("+".to_owned()));
    check("issuing_authority", |person| person.issuing_authority = " ".to_owned());
    check("document_number", |person| person.document_number = Some(String::new()));
}
