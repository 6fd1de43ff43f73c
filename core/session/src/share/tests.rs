use serde_json::json;
use warifu_keys::SigningKey;
use warifu_keys::entropy::Seeded;

use super::*;
use crate::fixture::{AUDIENCE, NOW, after, at, decision, holder, holder_share, issuer, new_share, partner, receipt};
use crate::status::Status;

const PRESENTATION: &str = "eyJhbGciOiJFUzI1NiJ9.e30.AA~disclosure~kb";
const ISSUER: &str = "https://issuer.example";

fn entropy() -> Seeded {
    Seeded::dangerous_new("share")
}

fn from_wallet() -> (Terms, String) {
    let terms = Terms::new(holder_share(), at(NOW), &entropy()).unwrap();
    let content = Content::from_wallet(&terms, &receipt(), PRESENTATION.to_owned(), &holder()).unwrap();
    let token = seal(&terms, content, &partner().public_jwk(), &entropy()).unwrap();
    (terms, token)
}

fn from_issuer() -> (Terms, String) {
    let (_, chain, key) = issuer("issuer");
    let terms = Terms::new(new_share(ISSUER), at(NOW), &entropy()).unwrap();
    let content = Content::from_issuer(&terms, receipt(), &decision(), &chain, &key).unwrap();
    let token = seal(&terms, content, &partner().public_jwk(), &entropy()).unwrap();
    (terms, token)
}

fn anchors() -> Vec<Certificate> {
    vec![issuer("issuer").0.certificate().clone()]
}

/// The importer's way for both producers; `holder` is the key of the verified presentation.
fn import(token: &str, audience: &str, now: Timestamp, holder: &PublicKey) -> Result<Authentic, ShareError> {
    match Received::open(token, &partner())?.addressed_to(audience, now)? {
        Claimed::Wallet(share) => share.authenticate(holder, now),
        Claimed::Issuer(share) => share.authenticate(&anchors(), now),
    }
}

#[test]
fn from_wallet_to_partner() {
    let (terms, token) = from_wallet();
    let Claimed::Wallet(share) = Received::open(&token, &partner()).unwrap().addressed_to(AUDIENCE, at(NOW)).unwrap()
    else {
        panic!("a wallet's share");
    };
    assert_eq!(share.presentation(), PRESENTATION);
    assert_eq!(share.expected_audience(), AUDIENCE);
    assert_eq!(share.expected_nonce(), terms.id().to_string());
    let authentic = share.authenticate(&holder().public_key(), at(NOW)).unwrap();
    assert_eq!(authentic.terms(), &terms);
    assert_eq!(authentic.receipt(), &receipt());
    assert_eq!(authentic.decision(), None);
    assert_eq!(authentic.import_key(), format!("share:{}", terms.id()));
    assert_eq!(terms.expires_at(), after(900));
}

#[test]
fn from_issuer_to_partner() {
    let (_, token) = from_issuer();
    let Claimed::Issuer(share) = Received::open(&token, &partner()).unwrap().addressed_to(AUDIENCE, at(NOW)).unwrap()
    else {
        panic!("an issuer's share");
    };
    assert_eq!(share.chain(), issuer("issuer").1);
    let authentic = share.authenticate(&anchors(), at(NOW)).unwrap();
    assert_eq!(authentic.decision(), Some(&decision().cut(&[Scope::Kyc])));
    assert_eq!(authentic.import_key(), format!("session:{}", decision().session_id));
}

#[test]
fn nothing_can_be_read_from_outside() {
    for (_, token) in [from_wallet(), from_issuer()] {
        for part in token.split('.') {
            let bytes = base64url::decode(part).unwrap_or_default();
            let text = String::from_utf8_lossy(&bytes);
            assert!(!text.contains("Erika") && !text.contains("onboarding") && !text.contains("disclosure"));
        }
    }
    assert_ne!(
        Terms::new(holder_share(), at(NOW), &Seeded::dangerous_new("a")).unwrap().id(),
        Terms::new(holder_share(), at(NOW), &Seeded::dangerous_new("b")).unwrap().id()
    );
}

/// Each row breaks one rule and names it, with the status of the import endpoint.
#[test]
fn must_fail() {
    let (_, wallet) = from_wallet();
    let (_, issuers) = from_issuer();
    let key = holder().public_key();
    let check = |what: &str, result: Result<Authentic, ShareError>, rule: &str, status: u16| {
        let error = result.expect_err(what);
        assert_eq!((error.rule(), error.http_status()), (rule, status), "{what}: {error}");
    };
    for token in [&wallet, &issuers] {
        check("wrong audience", import(token, "partner-a", at(NOW), &key), "wrong_audience", 403);
        check("expired", import(token, AUDIENCE, after(900), &key), "expired", 401);
        check("from the future", import(token, AUDIENCE, after(-61), &key), "not_yet_valid", 401);
        assert!(import(token, AUDIENCE, after(899), &key).is_ok());
        let mut parts: Vec<String> = token.split('.').map(str::to_owned).collect();
        let flipped = if parts[3].starts_with('A') { "B" } else { "A" };
        parts[3].replace_range(0..1, flipped);
        check("tampered", import(&parts.join("."), AUDIENCE, at(NOW), &key), "can_not_be_opened", 401);
        let stranger = AgreementKey::generate(&Seeded::dangerous_new("stranger"));
        let error = Received::open(token, &stranger).unwrap_err();
        assert!(matches!(error, ShareError::OtherKey), "{error}");
    }
    check("not a token", import("a.b.c", AUDIENCE, at(NOW), &key), "not_a_share_token", 401);
    check("oversize", import(&"x".repeat(MAX_BYTES + 1), AUDIENCE, at(NOW), &key), "too_large", 401);
    let other = SigningKey::generate_p256(&Seeded::dangerous_new("other"));
    check("another holder", import(&wallet, AUDIENCE, at(NOW), &other.public_key()), "issuer_mismatch", 401);
    let Ok(Claimed::Issuer(share)) = Received::open(&issuers, &partner()).unwrap().addressed_to(AUDIENCE, at(NOW))
    else {
        panic!("an issuer's share");
    };
    let foreign = [issuer("another").0.certificate().clone()];
    check("unknown issuer", share.authenticate(&foreign, at(NOW)), "untrusted_certificate", 401);
    assert_eq!(ShareError::AlreadyImported.http_status(), 403);
    assert_eq!(ShareError::SourceGone.http_status(), 404);
}

/// Whoever knows the partner's public key can seal anything to it: the envelope must prove nothing.
#[test]
fn a_forged_inside_is_refused() {
    let open = |token: &str| -> Value {
        let opened = Sealed::parse(token).unwrap().decrypt(&partner()).unwrap();
        serde_json::from_slice(&opened).unwrap()
    };
    let seal_again = |body: &Value, typ: &str, encryption| {
        let header = Map::from_iter([("typ".to_owned(), json!(typ))]);
        encrypt(body.to_string().as_bytes(), &partner().public_jwk(), encryption, header, &entropy()).unwrap()
    };
    let check = |what: &str, token: &str, rule: &str| {
        let error = import(token, AUDIENCE, at(NOW), &holder().public_key()).expect_err(what);
        assert_eq!(error.rule(), rule, "{what}: {error}");
    };
    let (_, wallet) = from_wallet();
    let (_, issuers) = from_issuer();
    for (token, kind) in [(&wallet, "wallet"), (&issuers, "issuer")] {
        let body = open(token);
        let again = seal_again(&body, TYP, Encryption::A256Gcm);
        assert!(import(&again, AUDIENCE, at(NOW), &holder().public_key()).is_ok(), "{kind}: unchanged");
        check("typ", &seal_again(&body, "JWT", Encryption::A256Gcm), "wrong_type");
        check("enc", &seal_again(&body, TYP, Encryption::A128Gcm), "wrong_encryption");
        let changed = |member: &str, value: Value| {
            let mut body = body.clone();
            body[member] = value;
            seal_again(&body, TYP, Encryption::A256Gcm)
        };
        let iat = at(NOW).as_second();
        check("longer life", &changed("exp", json!(iat + 3600)), "signature_of_another_share");
        check("too long a life", &changed("exp", json!(iat + MAX_LIFE + 1)), "life_out_of_range");
        check("too short a life", &changed("exp", json!(iat + 59)), "life_out_of_range");
        check("endless", &changed("exp", json!(i64::MAX)), "malformed");
        check("another purpose", &changed("purpose", json!("marketing")), "signature_of_another_share");
        check("another scope", &changed("scope", json!(["liveness"])), "signature_of_another_share");
        check("another share", &changed("jti", json!(Uuid::from_u128(9))), "signature_of_another_share");
        check("no scope", &changed("scope", json!([])), "malformed");
        check("unknown scope", &changed("scope", json!(["everything"])), "malformed");
        check("unknown member", &changed("more", json!(1)), "malformed");
        check(
            "both payloads",
            &{
                let mut body = body.clone();
                body["presentation"] = json!(PRESENTATION);
                body["decision"] = json!("a.b.c");
                seal_again(&body, TYP, Encryption::A256Gcm)
            },
            "malformed",
        );
        check(
            "no consent",
            &{
                let mut body = body.clone();
                body.as_object_mut().unwrap().remove("consent");
                seal_again(&body, TYP, Encryption::A256Gcm)
            },
            "malformed",
        );
    }
    let mut body = open(&wallet);
    body["consent"] = serde_json::to_value(receipt()).unwrap();
    check("unsigned consent", &seal_again(&body, TYP, Encryption::A256Gcm), "malformed");
    let mut body = open(&issuers);
    body["consent"]["pii_processing"]["retention_period"] = json!("P50Y");
    check("changed consent", &seal_again(&body, TYP, Encryption::A256Gcm), "signature_of_another_share");
    body = open(&issuers);
    body["decision"] = json!(open(&wallet)["consent"].as_str().unwrap());
    check("a receipt as decision", &seal_again(&body, TYP, Encryption::A256Gcm), "bad_signature");
}

/// A consent that speaks of something else does not let a share be made.
#[test]
fn consent_must_fit_the_share() {
    let check = |what: &'static str, change: fn(&mut Receipt)| {
        let terms = Terms::new(holder_share(), at(NOW), &entropy()).unwrap();
        let mut other = receipt();
        change(&mut other);
        let made = Content::from_wallet(&terms, &other, PRESENTATION.to_owned(), &holder());
        assert!(matches!(made, Err(ShareError::ConsentMismatch(found)) if found == what), "{what}");
    };
    check("person", |receipt| {
        receipt.pii_principal_id = UserPid::derive(&warifu_keys::Secret::new(vec![1; 32]), "", "x")
    });
    check("purpose", |receipt| receipt.pii_processing.purposes[0].purpose = "marketing".to_owned());
    check("recipient", |receipt| {
        receipt.pii_processing.recipient_third_parties = vec!["partner-a".to_owned()];
        receipt.pii_processing.pii_controllers = vec!["partner-a".to_owned()];
        receipt.party_identification[0].party_id = "partner-a".to_owned();
    });
    // A receipt for another share of the same kind, moved over, does not fit either.
    let (_, one) = from_wallet();
    let terms = Terms::new(holder_share(), at(NOW), &Seeded::dangerous_new("second")).unwrap();
    let body = Sealed::parse(&one).unwrap().decrypt(&partner()).unwrap();
    let body: Value = serde_json::from_slice(&body).unwrap();
    let moved = Content {
        consent: Consent::Signed(SignedReceipt::from_compact(body["consent"].as_str().unwrap())),
        payload: Payload::Presentation(PRESENTATION.to_owned()),
    };
    let token = seal(&terms, moved, &partner().public_jwk(), &entropy()).unwrap();
    let error = import(&token, AUDIENCE, at(NOW), &holder().public_key()).unwrap_err();
    assert!(matches!(error, ShareError::OtherShare), "{error}");
}

#[test]
fn issuers_share_only_decided_sessions_within_scope() {
    let (_, chain, key) = issuer("issuer");
    let terms = Terms::new(new_share(ISSUER), at(NOW), &entropy()).unwrap();
    for status in Status::ALL {
        let session = Decision { status: *status, ..decision() };
        let made = Content::from_issuer(&terms, receipt(), &session, &chain, &key);
        assert_eq!(made.is_ok(), status.is_decided(), "{status}");
    }
    // An issuer that signs more than the scope is refused by the importer.
    let narrow = NewShare { scope: vec![Scope::Liveness], ..new_share(ISSUER) };
    let terms = Terms::new(narrow, at(NOW), &entropy()).unwrap();
    let consent = Consent::Recorded(Box::new(receipt()));
    let claims = Map::from_iter([
        ("share_digest".to_owned(), json!(terms.digest_with(Some(&consent)))),
        ("decision".to_owned(), serde_json::to_value(decision()).unwrap()),
    ]);
    let jws = warifu_keys::jws::sign_claims(Header::typ(DECISION_TYP).x5c(&chain), &claims, &key).unwrap();
    let content = Content { consent, payload: Payload::Decision(jws) };
    let token = seal(&terms, content, &partner().public_jwk(), &entropy()).unwrap();
    let error = import(&token, AUDIENCE, at(NOW), &holder().public_key()).unwrap_err();
    assert!(matches!(error, ShareError::BeyondScope), "{error}");
}

#[test]
fn lives() {
    for (seconds, good) in [(59, false), (60, true), (900, true), (86_400, true), (86_401, false), (-1, false)] {
        assert_eq!(Life::from_seconds(seconds).is_ok(), good, "{seconds}");
    }
    assert_eq!((Life::default().seconds(), Life::HOUR.seconds()), (900, 3600));
    for word in ["kyc", "id_verification", "liveness", "face_match"] {
        assert_eq!(word.parse::<Scope>().unwrap().word(), word);
    }
    assert!("all".parse::<Scope>().is_err());
}

proptest::proptest! {
    #[test]
    fn never_panics(text in "[A-Za-z0-9_.-]{0,200}") {
        let _ = Received::open(&text, &partner());
    }

    /// Anything sealed to the partner's key either opens as a share or is refused.
    #[test]
    fn the_inside_never_panics(text in "\\PC{0,80}", member in 0usize..6) {
        let (_, token) = from_wallet();
        let opened = Sealed::parse(&token).unwrap().decrypt(&partner()).unwrap();
        let mut body: Value = serde_json::from_slice(&opened).unwrap();
        let names = ["jti", "exp", "scope", "consent", "presentation", "user_pid"];
        body[names[member]] = json!(text);
        let header = Map::from_iter([("typ".to_owned(), json!(TYP))]);
        let token = encrypt(body.to_string().as_bytes(), &partner().public_jwk(), Encryption::A256Gcm, header, &entropy()).unwrap();
        let _ = import(&token, AUDIENCE, at(NOW), &holder().public_key());
    }
}
