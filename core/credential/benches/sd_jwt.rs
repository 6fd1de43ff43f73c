//! What an SD-JWT VC costs with 11 claims, each selectively disclosable: issued, and verified with all of them disclosed,
//! its key binding JWT checked and its issuer's chain known from before.
//!
//! With the feature `aws-lc` the same runs on AWS-LC. Signatures alone are measured in `core/keys`.

#![expect(clippy::unwrap_used, reason = "a bench that can not start fails")]

use criterion::{Criterion, criterion_group, criterion_main};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};
use warifu_credential::ChainCache;
use warifu_credential::sd_jwt::{
    Claims, Held, IssuerKey, KeyBinding, KeyBindingRules, Presentation, Received, Registered, issue,
};
use warifu_keys::entropy::Seeded;
use warifu_keys::x509::issue::{Authority, Period, Request, Subject};
use warifu_keys::x509::{Certificate, Purpose};
use warifu_keys::{Entropy, Signer as _, SigningKey};

/// 2026-11-23T09:30:00Z.
const NOW: i64 = 1_795_426_200;
const VCT: &str = "https://issuer.example/vct/kyc-identity/1";
const AUDIENCE: &str = "x509_hash:verifier";
const NONCE: &str = "n-0S6_WzA2Mj";

struct World {
    entropy: Seeded,
    root: Certificate,
    chain: Vec<Certificate>,
    signer: SigningKey,
    holder: SigningKey,
    now: Timestamp,
}

fn world() -> World {
    let entropy = Seeded::dangerous_new("bench");
    let now = Timestamp::from_second(NOW).unwrap();
    let period = Period::days(Timestamp::from_second(NOW - 86_400).unwrap(), 400);
    let subject = |name: &str| Subject {
        common_name: name.to_owned(),
        organization: Some("Utopia KYC".to_owned()),
        country: "UT".to_owned(),
    };
    let key = || SigningKey::generate_p256(&entropy);
    let authority =
        Authority::self_signed(&subject("Root"), key(), period, "https://issuer.example/", &entropy).unwrap();
    let signer = key().with_fast_path();
    let request = Request {
        subject: subject("Document signer"),
        public_key: &signer.public_key(),
        period,
        purpose: Purpose::DocumentSigner,
        dns_names: vec!["issuer.example".to_owned()],
        uris: Vec::new(),
    };
    let chain = vec![authority.issue(&request, &entropy).unwrap()];
    let holder = key();
    World { root: authority.certificate().clone(), chain, signer, holder, now, entropy }
}

fn claims() -> Claims {
    let values = json!({
        "family_name": "MUSTERMANN", "given_name": "ERIKA", "birthdate": "1964-08-12", "birth_family_name": "GABLER",
        "nationality": "DE", "sex": 2, "place_of_birth": "BERLIN", "issuing_country": "DE",
        "issuing_authority": "STADT KÖLN", "date_of_expiry": "2031-10-31", "document_number": "T22000129",
    });
    let values: Map<String, Value> = values.as_object().unwrap().clone();
    assert_eq!(values.len(), 11);
    Claims::new(values).selective_throughout()
}

impl World {
    fn issue(&self, claims: &Claims, entropy: &dyn Entropy) -> String {
        let key = self.holder.public_key();
        let registered = Registered {
            vct: VCT,
            issuer: None,
            issued_at: Some(self.now),
            not_before: Some(self.now),
            expires: Some(Timestamp::from_second(NOW + 86_400).unwrap()),
            holder_key: Some(&key),
            status: None,
        };
        issue(claims, &registered, IssuerKey { signer: &self.signer, chain: &self.chain }, entropy).unwrap()
    }

    fn present(&self, text: &str) -> String {
        let authentic =
            Received::parse(text).unwrap().authenticate(std::slice::from_ref(&self.root), self.now).unwrap();
        let held = Held::keep(authentic.settle_without_status(self.now).unwrap()).unwrap();
        let binding = KeyBinding {
            audience: AUDIENCE.to_owned(),
            nonce: NONCE.to_owned(),
            issued_at: self.now,
            extra: Map::new(),
        };
        held.present(&held.available(), &binding, &self.holder).unwrap()
    }
}

fn sd_jwt(criterion: &mut Criterion) {
    let world = world();
    let claims = claims();
    let mut group = criterion.benchmark_group(if cfg!(feature = "aws-lc") { "aws-lc" } else { "p256" });

    group.bench_function("issue", |bencher| bencher.iter(|| world.issue(&claims, &world.entropy)));

    let text = world.present(&world.issue(&claims, &world.entropy));
    assert_eq!(text.matches('~').count(), 12);
    let rules = KeyBindingRules {
        audience: AUDIENCE,
        nonce: NONCE,
        max_age: SignedDuration::from_secs(300),
        leeway: SignedDuration::from_secs(30),
    };
    let anchors = [world.root.clone()];
    let mut chains = ChainCache::new(16);
    group.bench_function("verify, chain kept", |bencher| {
        bencher.iter(|| {
            let presentation = Presentation::parse(&text).unwrap();
            let (authentic, _) = presentation.authenticate_with(&mut chains, &anchors, world.now, &rules).unwrap();
            authentic.settle_without_status(world.now).unwrap()
        });
    });
    group.bench_function("verify, chain too", |bencher| {
        bencher.iter(|| {
            let presentation = Presentation::parse(&text).unwrap();
            let (authentic, _) = presentation.authenticate(&anchors, world.now, &rules).unwrap();
            authentic.settle_without_status(world.now).unwrap()
        });
    });
    group.finish();
}

criterion_group!(benches, sd_jwt);
criterion_main!(benches);
