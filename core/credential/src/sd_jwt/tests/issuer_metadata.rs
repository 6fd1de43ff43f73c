//! Issuer keys from the web.

use super::*;
use crate::sd_jwt::issuer_metadata::{IssuerKeys, IssuerMetadata, IssuerMetadataError, MAX_KEYS, url};
use crate::status::StatusToken;

const ISS: &str = "https://issuer.example/tenant/1";

fn jwk(key: &SigningKey, kid: Option<&str>) -> Value {
    let mut jwk = key.public_key().to_jwk().to_value();
    if let Some(kid) = kid {
        jwk["kid"] = json!(kid);
    }
    jwk
}

fn keys(list: Value) -> Result<IssuerKeys, IssuerMetadataError> {
    let document = json!({ "issuer": ISS, "jwks": { "keys": list } });
    match IssuerMetadata::parse(document.to_string().as_bytes(), ISS)? {
        IssuerMetadata::Keys(keys) => Ok(keys),
        IssuerMetadata::Elsewhere(_) => panic!("`jwks` is there"),
    }
}

/// A credential without certificates, as such issuers make it.
fn signed(world: &World, kid: Option<&str>, iss: &str) -> String {
    let header = kid.map_or_else(|| Header::typ(TYP), |kid| Header::typ(TYP).kid(kid));
    let payload = json!({ "vct": VCT, "iss": iss, "cnf": cnf(&world.holder.public_key()) });
    jws::sign(header, payload.to_string().as_bytes(), &world.signer).unwrap() + "~"
}

/// SD-JWT VC draft-19, section on the JWT VC issuer metadata request, and what surrounds it.
#[test]
fn where_the_metadata_lies() {
    let check = |iss: &str, expected: &str| assert_eq!(url(iss).unwrap().as_str(), expected, "{iss}");
    check("https://example.com", "https://example.com/.well-known/jwt-vc-issuer");
    check("https://example.com/", "https://example.com/.well-known/jwt-vc-issuer");
    check("https://example.com/tenant/1234", "https://example.com/.well-known/jwt-vc-issuer/tenant/1234");
    check("https://example.com/tenant/1234/", "https://example.com/.well-known/jwt-vc-issuer/tenant/1234");
    check("https://example.com:8443/a%20b", "https://example.com:8443/.well-known/jwt-vc-issuer/a%20b");
    for bad in [
        "http://example.com",
        "did:web:example.com",
        "example.com",
        "https://a@example.com",
        "https://a.b/?x",
        "https://a.b/#x",
        "",
    ] {
        assert_eq!(url(bad), Err(IssuerMetadataError::Identifier(bad.to_owned())), "`{bad}`");
    }
}

#[test]
fn trust_from_the_web_shows_in_the_type() {
    let world = world("web");
    let received = || Received::parse(&signed(&world, Some("k1"), ISS)).unwrap();
    assert_eq!(received().dangerous_issuer().as_deref(), Some(ISS));
    let keys = keys(json!([jwk(&world.holder, Some("k0")), jwk(&world.signer, Some("k1"))])).unwrap();
    let authentic: Authentic<WebIssuer> = received().authenticate_by_metadata(&keys, now()).unwrap();
    assert_eq!(authentic.issuer().identifier(), ISS);
    assert_eq!(authentic.issuer().key(), &world.signer.public_key());
    let held = Held::keep(authentic.settle_without_status(now()).unwrap()).unwrap();
    // The normal door wants a chain.
    let by_chain = received().authenticate(&world.anchors(), now());
    assert!(matches!(by_chain, Err(Error::Jws(JwsError::Certificate(X509Error::Missing)))));

    let text = held.present(&[], &binding(), &world.holder).unwrap();
    let presented = Presentation::parse(&text).unwrap();
    assert_eq!(presented.dangerous_issuer().as_deref(), Some(ISS));
    presented.authenticate_by_metadata(&keys, now(), &rules()).unwrap();
    let late = Presentation::parse(&text).unwrap().authenticate_by_metadata(&keys, after(3600), &rules());
    assert!(matches!(late, Err(Error::KeyBindingTooOld { .. })));
}

#[test]
fn keys_by_reference() {
    let document = json!({ "issuer": ISS, "jwks_uri": "https://keys.example/set.jwks" }).to_string();
    let IssuerMetadata::Elsewhere(elsewhere) = IssuerMetadata::parse(document.as_bytes(), ISS).unwrap() else {
        panic!("`jwks_uri` is there");
    };
    assert_eq!(elsewhere.uri().as_str(), "https://keys.example/set.jwks");
    let world = world("reference");
    let set = json!({ "keys": [jwk(&world.signer, None)] }).to_string();
    let keys = elsewhere.clone().parse(set.as_bytes()).unwrap();
    Received::parse(&signed(&world, None, ISS)).unwrap().authenticate_by_metadata(&keys, now()).unwrap();
    assert_eq!(elsewhere.parse(b"{}"), Err(IssuerMetadataError::JwkSet));
}

#[test]
fn which_key() {
    let world = world("which key");
    let ed25519 = SigningKey::generate_ed25519(&Seeded::dangerous_new("ed"));
    let attempt = |kid: Option<&str>, list: Value| {
        let received = Received::parse(&signed(&world, kid, ISS)).unwrap();
        received.authenticate_by_metadata(&keys(list).unwrap(), now()).map(drop)
    };
    let (signer, other) = (&world.signer, &world.holder);
    attempt(None, json!([jwk(signer, Some("any")), jwk(&ed25519, None)])).unwrap();
    attempt(Some("a"), json!([jwk(signer, Some("a")), jwk(other, Some("b"))])).unwrap();
    attempt(Some("a"), json!([jwk(signer, Some("a")), jwk(&ed25519, Some("a")), { "kty": "RSA" }])).unwrap();
    let unknown = |kid: &str| IssuerMetadataError::UnknownKey(kid.to_owned());
    for (kid, list, expected) in [
        (Some("a"), json!([jwk(signer, Some("b")), jwk(signer, None)]), unknown("a")),
        (Some("a"), json!([]), unknown("a")),
        (None, json!([jwk(signer, None), jwk(other, None)]), unknown("")),
        (
            Some("a"),
            json!([jwk(signer, Some("a")), jwk(other, Some("a"))]),
            IssuerMetadataError::AmbiguousKey("a".to_owned()),
        ),
    ] {
        assert!(matches!(attempt(kid, list), Err(Error::IssuerMetadata(found)) if found == expected), "{expected:?}");
    }
    let mut encrypts = jwk(signer, Some("a"));
    encrypts["use"] = json!("enc");
    assert!(matches!(attempt(Some("a"), json!([encrypts])), Err(Error::IssuerMetadata(_))));
    let mut other_alg = jwk(signer, Some("a"));
    other_alg["alg"] = json!("ES384");
    assert!(matches!(attempt(Some("a"), json!([other_alg])), Err(Error::IssuerMetadata(_))));
    // The right name on a foreign key.
    let forged = attempt(Some("a"), json!([jwk(other, Some("a"))]));
    assert!(matches!(forged, Err(Error::Jws(JwsError::BadSignature))));
    // Another issuer's credential under the same key.
    let foreign = Received::parse(&signed(&world, Some("a"), "https://other.example")).unwrap();
    let foreign = foreign.authenticate_by_metadata(&keys(json!([jwk(signer, Some("a"))])).unwrap(), now());
    assert!(matches!(foreign, Err(Error::IssuerMetadata(IssuerMetadataError::OtherIssuer))));
}

/// A status list counts if a key of the same issuer signed it.
#[test]
fn status_from_the_same_issuer() {
    let (world, stranger) = (world("web status"), world("web stranger"));
    let payload = json!({ "vct": VCT, "iss": ISS,
        "status": { "status_list": { "idx": 6, "uri": list_uri().as_str() } } });
    let signed = jws::sign(Header::typ(TYP), payload.to_string().as_bytes(), &world.signer).unwrap() + "~";
    let keys = keys(json!([jwk(&world.signer, None)])).unwrap();
    let authentic = || Received::parse(&signed).unwrap().authenticate_by_metadata(&keys, now()).unwrap();
    let authentic_at = authentic();
    let wanted = authentic_at.wanted_status().unwrap();
    let token = |world: &World, revoked: &[u64]| {
        wanted.check::<StatusToken>(world.status_token(&list_uri(), 100, revoked).as_bytes(), now())
    };
    assert_eq!(authentic().settle(&token(&world, &[]).unwrap(), now()).unwrap().claims()["vct"], VCT);
    assert!(matches!(authentic().settle(&token(&world, &[6]).unwrap(), now()), Err(SettleError::Revoked)));
    assert!(token(&stranger, &[]).is_err());
    assert!(matches!(authentic().settle_without_status(now()), Err(SettleError::StatusNotLookedUp)));
    // A list that was accepted under a chain is not this issuer's, though the key is the same.
    let by_chain =
        StatusToken::verify(world.status_token(&list_uri(), 100, &[]).as_bytes(), &list_uri(), &world.root, now());
    assert!(matches!(authentic().settle(&by_chain.unwrap(), now()), Err(SettleError::OtherAnchor)));
}

#[test]
fn documents_that_are_refused() {
    let check = |document: Value, expected: IssuerMetadataError| {
        assert_eq!(IssuerMetadata::parse(document.to_string().as_bytes(), ISS).unwrap_err(), expected, "{document}");
    };
    let set = json!({ "keys": [] });
    check(json!({ "issuer": format!("{ISS}/"), "jwks": set }), IssuerMetadataError::OtherIssuer);
    check(json!({ "jwks": set }), IssuerMetadataError::OtherIssuer);
    check(json!({ "issuer": ISS }), IssuerMetadataError::OneOfJwks);
    check(json!({ "issuer": ISS, "jwks": set, "jwks_uri": "https://a.example" }), IssuerMetadataError::OneOfJwks);
    check(json!({ "issuer": ISS, "jwks_uri": "http://a.example" }), IssuerMetadataError::JwksUri);
    check(json!({ "issuer": ISS, "jwks_uri": 1 }), IssuerMetadataError::JwksUri);
    check(json!({ "issuer": ISS, "jwks": [] }), IssuerMetadataError::JwkSet);
    check(json!({ "issuer": ISS, "jwks": { "keys": vec![json!({}); MAX_KEYS + 1] } }), IssuerMetadataError::JwkSet);
    let mut private = jwk(&world("private").signer, None);
    private["d"] = json!("AA");
    check(json!({ "issuer": ISS, "jwks": { "keys": [private] } }), IssuerMetadataError::PrivateKey);
    assert!(matches!(IssuerMetadata::parse(b"[]", ISS), Err(IssuerMetadataError::Json(_))));
}
