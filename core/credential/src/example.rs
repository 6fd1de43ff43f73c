//! One issuer, one holder and one clock for the tests, and the shared vectors.

use jiff::Timestamp;
use jiff::civil::date;
use serde_json::{Map, Value, json};
use url::Url;
use warifu_keys::entropy::Seeded;
use warifu_keys::jws::{self, Header};
use warifu_keys::x509::issue::{Authority, Period, Request, Subject};
use warifu_keys::x509::{Certificate, Purpose};
use warifu_keys::{PublicKey, Signer as _, SigningKey, base64url, sha256};

use crate::kyc::{Assurance, KycClaims, Level, Method};
use crate::person::{PlaceOfBirth, Sex};
use crate::sd_jwt::{Claims, IssuerKey, KeyBinding, KeyBindingRules, Registered, TYP, issue};
use crate::status::{Bits, Status, StatusList, StatusReference, TokenClaims};

pub(crate) const VCT: &str = "https://issuer.example/vct/kyc-identity/1";
pub(crate) const AUDIENCE: &str = "x509_hash:verifier";
pub(crate) const NONCE: &str = "n-0S6_WzA2Mj";

/// 2026-11-23T09:30:00Z.
pub(crate) fn now() -> Timestamp {
    "2026-11-23T09:30:00Z".parse().unwrap()
}

pub(crate) fn after(seconds: i64) -> Timestamp {
    Timestamp::from_second(now().as_second() + seconds).unwrap()
}

pub(crate) struct World {
    pub(crate) entropy: Seeded,
    pub(crate) root: Certificate,
    pub(crate) chain: Vec<Certificate>,
    pub(crate) signer: SigningKey,
    pub(crate) holder: SigningKey,
}

pub(crate) fn world(seed: &str) -> World {
    let entropy = Seeded::dangerous_new(seed);
    let period = Period::days(after(-86_400 * 30), 400);
    let subject =
        |name: &str| Subject { common_name: format!("{name} {seed}"), organization: None, country: "UT".to_owned() };
    let authority = Authority::self_signed(
        &subject("Root"),
        SigningKey::generate_p256(&entropy),
        period,
        "https://issuer.example/",
        &entropy,
    )
    .unwrap();
    let signer = SigningKey::generate_p256(&entropy);
    let request = Request {
        subject: subject("Document signer"),
        public_key: &signer.public_key(),
        period,
        purpose: Purpose::DocumentSigner,
        dns_names: vec!["issuer.example".to_owned()],
        uris: Vec::new(),
    };
    let leaf = authority.issue(&request, &entropy).unwrap();
    let holder = SigningKey::generate_p256(&entropy);
    World { root: authority.certificate().clone(), chain: vec![leaf], signer, holder, entropy }
}

impl World {
    pub(crate) fn anchors(&self) -> [Certificate; 1] {
        [self.root.clone()]
    }

    pub(crate) fn issuer(&self) -> IssuerKey<'_> {
        IssuerKey { signer: &self.signer, chain: &self.chain }
    }

    /// A credential over `claims` for the holder.
    pub(crate) fn issue(&self, claims: &Claims, status: Option<&StatusReference>) -> String {
        let key = self.holder.public_key();
        let registered = Registered {
            vct: VCT,
            issuer: None,
            issued_at: Some(now()),
            not_before: Some(now()),
            expires: Some(after(3600)),
            holder_key: Some(&key),
            status,
        };
        issue(claims, &registered, self.issuer(), &self.entropy).unwrap()
    }

    /// Whatever payload and disclosures the test wants, well signed. `vct` and `cnf` are added unless given.
    pub(crate) fn signed(&self, mut payload: Value, disclosures: &[String]) -> String {
        let claims = payload.as_object_mut().unwrap();
        claims.entry("vct").or_insert_with(|| json!(VCT));
        claims.entry("cnf").or_insert_with(|| cnf(&self.holder.public_key()));
        claims.retain(|_, value| *value != json!("absent"));
        let payload = payload.to_string();
        let jwt = jws::sign(Header::typ(TYP).x5c(&self.chain), payload.as_bytes(), &self.signer).unwrap();
        disclosures.iter().fold(jwt + "~", |text, disclosure| text + disclosure + "~")
    }

    /// A status token over one-bit entries of which `revoked` are set.
    pub(crate) fn status_token(&self, uri: &Url, len: usize, revoked: &[u64]) -> String {
        let mut list = StatusList::new(Bits::Two, len).unwrap();
        for idx in revoked {
            list.set(*idx, Status::Invalid).unwrap();
        }
        list.sign(&token_claims(uri), &self.chain, &self.signer).unwrap()
    }
}

pub(crate) fn token_claims(uri: &Url) -> TokenClaims {
    TokenClaims {
        uri: uri.clone(),
        issued_at: after(-60),
        expires: after(7200),
        ttl: jiff::SignedDuration::from_secs(600),
        aggregation_uri: None,
    }
}

pub(crate) fn list_uri() -> Url {
    Url::parse("https://issuer.example/status/1").unwrap()
}

pub(crate) fn cnf(key: &PublicKey) -> Value {
    json!({ "jwk": key.to_jwk().to_value() })
}

/// A disclosure over any JSON text, and its digest.
pub(crate) fn disclosure(json: &str) -> (String, String) {
    let text = base64url::encode(json.as_bytes());
    let digest = base64url::encode(&sha256(text.as_bytes()));
    (text, digest)
}

pub(crate) fn binding() -> KeyBinding {
    KeyBinding { audience: AUDIENCE.to_owned(), nonce: NONCE.to_owned(), issued_at: now(), extra: Map::new() }
}

pub(crate) fn rules() -> KeyBindingRules<'static> {
    KeyBindingRules {
        audience: AUDIENCE,
        nonce: NONCE,
        max_age: jiff::SignedDuration::from_secs(300),
        leeway: jiff::SignedDuration::from_secs(30),
    }
}

/// Somebody whose identity was verified, with one nationality and no picture.
pub(crate) fn identity() -> KycClaims {
    KycClaims {
        family_name: "MUSTERMANN".to_owned(),
        given_name: "ERIKA".to_owned(),
        birthdate: date(1964, 8, 12),
        nationalities: vec!["DE".parse().unwrap()],
        sex: Sex::Female,
        place_of_birth: Some(PlaceOfBirth { locality: Some("BERLIN".to_owned()), ..PlaceOfBirth::default() }),
        picture: None,
        issuing_country: "DE".parse().unwrap(),
        issuing_authority: Some("STADT KÖLN".to_owned()),
        date_of_issuance: Some(date(2021, 11, 1)),
        date_of_expiry: Some(date(2031, 10, 31)),
        document_number: Some("T22000129".to_owned()),
        assurance: Assurance {
            level: Level::Substantial,
            verified_at: now(),
            method: Method::Document,
            checks: vec!["document.mrz".to_owned(), "face.match".to_owned()],
        },
        face_template: None,
    }
}
