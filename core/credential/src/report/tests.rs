use jiff::SignedDuration;
use proptest::prelude::*;
use serde_json::{Map, json};
use warifu_keys::Signer as _;
use warifu_keys::cbor::Value as Cbor;

use super::*;
use crate::example::{AUDIENCE, NONCE, VCT, World, after, binding, list_uri, now, token_claims, world};
use crate::mdoc::{DataElements, DeviceKey, Issuance, KeyAuthorizations, Validity};
use crate::sd_jwt::{Claims, Held};
use crate::status::{Bits, Status, StatusList, StatusReferences};

const REQUEST: Request<'static> = Request {
    audience: AUDIENCE,
    nonce: NONCE,
    response_uri: Some("https://verifier.example/response"),
    encryption_key: None,
};

fn reference() -> StatusReference {
    StatusReference { uri: list_uri(), idx: 7 }
}

fn sd_jwt(world: &World) -> String {
    let claims = Map::from_iter([("name".to_owned(), json!("Anna")), ("age".to_owned(), json!(42))]);
    world.issue(&Claims::new(claims).selective_throughout(), Some(&reference()))
}

fn presentation(world: &World) -> String {
    let held = Held::dangerous_reload(&sd_jwt(world)).unwrap();
    held.present(&held.available(), &binding(), &world.holder).unwrap()
}

fn mdoc(world: &World) -> Vec<u8> {
    let elements = DataElements::new().with("org.example.1", "name", "Anna".into());
    let elements = elements.with("org.example.1", "age", Cbor::from(42));
    let status = StatusReferences { status_list: Some(reference()), ..StatusReferences::default() };
    let issuance = Issuance {
        doc_type: "org.example.1",
        device_key: &world.holder.public_key(),
        key_authorizations: &KeyAuthorizations::default(),
        validity: Validity { signed: now(), valid_from: now(), valid_until: after(3600), expected_update: None },
        status: Some(&status),
    };
    mdoc::issue(&elements, &issuance, world.issuer(), &world.entropy).unwrap()
}

fn response(world: &World) -> Vec<u8> {
    let held = mdoc::Held::dangerous_reload(&mdoc(world)).unwrap();
    let transcript = mdoc::SessionTranscript::new(&REQUEST.handover());
    let key = DeviceKey::Signs(&world.holder);
    held.present(&[("org.example.1", "name")], &DataElements::new(), &transcript, key).unwrap()
}

/// The report, with a status list in which `revoked` are.
fn report(world: &World, bytes: &[u8], terms: &Terms<'_>, revoked: &[u64]) -> Report {
    let verification = verify(bytes, terms);
    // The encoding and size that mdocs demand and SD-JWT VCs take.
    let mut list = StatusList::new(Bits::One, 100).unwrap();
    for idx in revoked {
        list.set(*idx, Status::Invalid).unwrap();
    }
    let token = list.sign_cwt(&token_claims(&list_uri()), &world.chain, &world.signer).unwrap();
    let token = StatusToken::verify(&token, &list_uri(), &world.root, now()).unwrap();
    let wanted = verification.status_reference().is_some();
    verification.settle(wanted.then_some(Ok(&token)), terms.now)
}

fn terms(anchors: &[Certificate]) -> Terms<'_> {
    Terms { anchors, now: now(), request: Some(REQUEST) }
}

fn outcomes(report: &Report) -> Vec<(CheckName, Outcome)> {
    report.checks.iter().map(|check| (check.name, check.outcome)).collect()
}

#[test]
fn everything_holds() {
    let world = world("report");
    let anchors = world.anchors();
    for (bytes, request) in [
        (sd_jwt(&world).into_bytes(), None),
        (presentation(&world).into_bytes(), Some(REQUEST)),
        (presentation(&world).into_bytes(), None),
        (mdoc(&world), None),
        (response(&world), Some(REQUEST)),
        (response(&world), None),
        (base64url::encode(&response(&world)).into_bytes(), Some(REQUEST)),
    ] {
        let report = report(&world, &bytes, &Terms { request, ..terms(&anchors) }, &[]);
        assert!(report.verified, "{report:?}");
        let left = if request.is_some() { Outcome::Pass } else { Outcome::NotRun };
        for check in &report.checks {
            let about_holder = matches!(check.name, CheckName::KeyBinding | CheckName::Aud | CheckName::Nonce);
            assert_eq!(check.outcome, if about_holder { left } else { Outcome::Pass }, "{check:?}");
        }
        let claims = report.claims.unwrap();
        assert_eq!(claims.get("org.example.1").unwrap_or(&claims)["name"], "Anna");
    }
}

/// One broken thing at a time: which check fails, what its field, expected and found value are.
#[test]
fn a_failure_names_field_expected_and_found() {
    let world = world("report");
    let other = crate::example::world("report-other");
    let (anchors, foreign) = (world.anchors(), other.anchors());
    let later = |hours| now().checked_add(SignedDuration::from_hours(hours)).unwrap();
    let check = |bytes: &[u8], terms: &Terms<'_>, revoked: &[u64], name: CheckName, expected: [Option<&str>; 3]| {
        let report = report(&world, bytes, terms, revoked);
        assert!(!report.verified && report.claims.is_none(), "{report:?}");
        let failed: Vec<_> = report.checks.iter().filter(|check| check.outcome == Outcome::Fail).collect();
        assert_eq!(failed.len(), 1, "{report:?}");
        let Check { name: found, field, expected: wanted, found: value, detail, .. } = failed[0];
        assert_eq!(*found, name, "{report:?}");
        for (text, expected) in [field, wanted, value].into_iter().zip(expected) {
            assert!(text.as_deref().unwrap_or_default().contains(expected.unwrap_or_default()), "{report:?}");
            assert_eq!(text.is_some(), expected.is_some(), "{report:?}");
        }
        assert!(!detail.is_empty());
    };
    let nothing = [None, None, None];
    let bound = presentation(&world);
    let shown = response(&world);
    let tampered = |text: &str| {
        let (jwt, rest) = text.split_once('~').unwrap();
        format!("{jwt}~{}~{rest}", base64url::encode(br#"["salt","name","Eve"]"#))
    };
    use CheckName::{Aud, Digests, IssuerTrusted, KeyBinding, Nonce, NotExpired, NotRevoked, WellFormed};

    check(b"hello", &terms(&anchors), &[], WellFormed, nothing);
    check(b"a~", &terms(&anchors), &[], WellFormed, nothing);
    let anchor = [Some("issuer"), Some("trusted certificate"), Some("CN=Root report")];
    check(bound.as_bytes(), &terms(&foreign), &[], IssuerTrusted, anchor);
    check(&shown, &terms(&foreign), &[], IssuerTrusted, anchor);
    check(tampered(&bound).as_bytes(), &terms(&anchors), &[], Digests, [Some("disclosure 0"), None, None]);
    let expired = Terms { now: later(2), ..terms(&anchors) };
    check(bound.as_bytes(), &expired, &[], NotExpired, [Some("exp"), Some("2026-11-23T11:30:00Z"), Some("10:30")]);
    check(&shown, &expired, &[], NotExpired, [Some("validUntil"), Some("11:30:00Z"), Some("10:30")]);
    let early = Terms { now: later(-2), ..terms(&anchors) };
    check(bound.as_bytes(), &early, &[], NotExpired, [Some("nbf"), Some("07:30:00Z"), Some("09:30")]);
    let with = |request: Request<'static>| Terms { request: Some(request), ..terms(&anchors) };
    let elsewhere = with(Request { audience: "x509_hash:other", ..REQUEST });
    check(bound.as_bytes(), &elsewhere, &[], Aud, [Some("aud"), Some("x509_hash:other"), Some(AUDIENCE)]);
    check(&shown, &elsewhere, &[], KeyBinding, [Some("deviceSignature"), None, None]);
    let again = with(Request { nonce: "another", ..REQUEST });
    check(bound.as_bytes(), &again, &[], Nonce, [Some("nonce"), Some("another"), None]);
    check(&shown, &again, &[], KeyBinding, [Some("deviceSignature"), None, None]);
    check(
        sd_jwt(&world).as_bytes(),
        &terms(&anchors),
        &[],
        KeyBinding,
        [None, Some("a key binding JWT"), Some("none")],
    );
    check(&mdoc(&world), &terms(&anchors), &[], KeyBinding, nothing);
    let revoked = [Some("status"), Some("valid"), Some("revoked")];
    check(bound.as_bytes(), &terms(&anchors), &[7], NotRevoked, revoked);
    check(&shown, &terms(&anchors), &[7], NotRevoked, revoked);
}

/// What stands before the failure passed, what stands behind it was not reached.
#[test]
fn checks_end_at_the_first_failure() {
    use CheckName::{Aud, Digests, IssuerTrusted, KeyBinding, Nonce, NotExpired, NotRevoked, Signature, WellFormed};
    use Outcome::{Fail, NotRun, Pass};
    let world = world("report");
    let anchors = world.anchors();
    let held = Held::dangerous_reload(&sd_jwt(&world)).unwrap();
    // Signed for all disclosures, one of which is then left out.
    let bound = held.present(&held.available(), &binding(), &world.holder).unwrap();
    let mut parts: Vec<&str> = bound.split('~').collect();
    parts.remove(1);
    let report = report(&world, parts.join("~").as_bytes(), &terms(&anchors), &[]);
    let expected = [
        (WellFormed, Pass),
        (IssuerTrusted, Pass),
        (Signature, Pass),
        (Digests, Pass),
        (NotExpired, Pass),
        (KeyBinding, Fail),
        (Aud, Pass),
        (Nonce, Pass),
        (NotRevoked, NotRun),
    ];
    assert_eq!(outcomes(&report), expected);
    assert_eq!(report.checks[5].field.as_deref(), Some("sd_hash"));
}

/// A status that nobody looked up, or that could not be had, is no valid one.
#[test]
fn an_unknown_status_does_not_pass() {
    let world = world("report");
    let anchors = world.anchors();
    let text = presentation(&world);
    for (token, outcome) in [(None, Outcome::NotRun), (Some(Err("unreachable".to_owned())), Outcome::Fail)] {
        let report = verify(text.as_bytes(), &terms(&anchors)).settle(token, now());
        assert!(!report.verified && report.claims.is_none());
        assert_eq!(report.checks[8].outcome, outcome);
    }
}

#[test]
fn the_type_is_shown() {
    let world = world("report");
    let anchors = world.anchors();
    let report = report(&world, presentation(&world).as_bytes(), &terms(&anchors), &[]);
    assert_eq!((report.format, report.checks[0].detail.as_str()), (Some("dc+sd-jwt"), VCT));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_changed_byte_is_verified(at in any::<prop::sample::Index>(), bit in 0..8_u8) {
        let world = world("report");
        let anchors = world.anchors();
        for mut bytes in [presentation(&world).into_bytes(), response(&world)] {
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            prop_assert!(!report(&world, &bytes, &terms(&anchors), &[]).verified);
        }
    }

    #[test]
    fn never_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let world = world("report");
        let anchors = world.anchors();
        prop_assert!(!report(&world, &bytes, &terms(&anchors), &[]).verified);
    }
}
