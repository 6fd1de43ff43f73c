//! Status lists of a million entries: made, looked at for the first time, looked at again.
//!
//! Budgets: build, compress and sign within 100 ms; read and check one index within 20 ms cold and 1 µs from the cache.

#![expect(clippy::unwrap_used, reason = "a benchmark may stop")]

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use jiff::{SignedDuration, Timestamp};
use url::Url;
use warifu_credential::status::{
    Bits, Cache, Encoding, Limits, Status, StatusList, StatusToken, TokenClaims, TrustedSigner, Wanted,
};
use warifu_keys::entropy::Seeded;
use warifu_keys::x509::issue::{Authority, Period, Request, Subject};
use warifu_keys::x509::{Certificate, Purpose};
use warifu_keys::{Entropy, Signer as _, SigningKey};

const ENTRIES: u64 = 1_000_000;
/// Revoked entries of a thousand.
const RATES: [u64; 3] = [1, 10, 50];

struct Issuer {
    root: Certificate,
    chain: Vec<Certificate>,
    key: SigningKey,
    claims: TokenClaims,
}

fn now() -> Timestamp {
    "2026-11-23T09:30:00Z".parse().unwrap()
}

fn issuer() -> Issuer {
    let entropy = Seeded::dangerous_new("status bench");
    let period = Period::days(now() - SignedDuration::from_hours(1), 400);
    let subject = |name: &str| Subject { common_name: name.to_owned(), organization: None, country: "UT".to_owned() };
    let key = SigningKey::generate_p256(&entropy);
    let authority = Authority::self_signed(&subject("Root"), key, period, "https://issuer.example/", &entropy).unwrap();
    let key = SigningKey::generate_p256(&entropy);
    let request = Request {
        subject: subject("Document signer"),
        public_key: &key.public_key(),
        period,
        purpose: Purpose::DocumentSigner,
        dns_names: Vec::new(),
        uris: Vec::new(),
    };
    let claims = TokenClaims {
        uri: Url::parse("https://issuer.example/status/1").unwrap(),
        issued_at: now(),
        expires: now() + SignedDuration::from_hours(24),
        ttl: SignedDuration::from_mins(5),
        aggregation_uri: None,
    };
    let chain = vec![authority.issue(&request, &entropy).unwrap()];
    Issuer { root: authority.certificate().clone(), chain, key, claims }
}

/// The indexes of revoked credentials, at random places.
fn revoked(rate: u64) -> Vec<u64> {
    let entropy = Seeded::dangerous_new("revoked");
    let entropy: &dyn Entropy = &entropy;
    (0..ENTRIES * rate / 1000).map(|_| entropy.below(ENTRIES)).collect()
}

fn build(bits: Bits, revoked: &[u64]) -> StatusList {
    let mut list = StatusList::new(bits, ENTRIES as usize).unwrap();
    for idx in revoked {
        list.set(*idx, Status::Invalid).unwrap();
    }
    list
}

fn publish(c: &mut Criterion) {
    let issuer = issuer();
    let mut group = c.benchmark_group("status list of 1,000,000: build, compress, sign");
    for (bits, rate) in [Bits::One, Bits::Two].into_iter().flat_map(|bits| RATES.map(|rate| (bits, rate))) {
        let revoked = revoked(rate);
        let name = format!("{} bit, {} per mille revoked", bits.count(), rate);
        group.bench_function(BenchmarkId::new("JWT", &name), |b| {
            b.iter(|| build(bits, &revoked).sign(&issuer.claims, &issuer.chain, &issuer.key).unwrap());
        });
        if bits == Bits::One {
            group.bench_function(BenchmarkId::new("CWT", &name), |b| {
                b.iter(|| build(bits, &revoked).sign_cwt(&issuer.claims, &issuer.chain, &issuer.key).unwrap());
            });
        }
    }
    group.finish();
}

fn look_up(c: &mut Criterion) {
    let issuer = issuer();
    let uri = &issuer.claims.uri;
    let mut group = c.benchmark_group("status list of 1,000,000: one index");
    for rate in RATES {
        let list = build(Bits::One, &revoked(rate));
        let jwt = list.sign(&issuer.claims, &issuer.chain, &issuer.key).unwrap();
        let cwt = list.sign_cwt(&issuer.claims, &issuer.chain, &issuer.key).unwrap();
        for (name, token) in [("JWT", jwt.as_bytes()), ("CWT", &cwt)] {
            group.bench_function(BenchmarkId::new(format!("cold, {name}"), format!("{rate} per mille")), |b| {
                b.iter(|| StatusToken::verify(token, uri, &issuer.root, now()).unwrap().status(412_345).unwrap());
            });
        }
    }
    // Among as many lists as a cache keeps.
    let mut cache = Cache::<StatusToken>::new(Limits::default());
    let list = StatusList::new(Bits::One, 100_000).unwrap();
    for number in 0..Limits::default().entries {
        let uri = Url::parse(&format!("https://issuer.example/status/{number}")).unwrap();
        let token = list.sign(&TokenClaims { uri: uri.clone(), ..issuer.claims.clone() }, &issuer.chain, &issuer.key);
        let wanted = Wanted { uri: &uri, signer: TrustedSigner::Anchor(&issuer.root), encoding: Encoding::Jwt };
        cache.take_in(&wanted, token.unwrap().as_bytes(), now()).unwrap();
    }
    let wanted = Wanted { uri, signer: TrustedSigner::Anchor(&issuer.root), encoding: Encoding::Jwt };
    group.bench_function("cached", |b| {
        b.iter(|| cache.look_up(&wanted, now_again()).unwrap().status(12_345).unwrap());
    });
    group.finish();
}

/// A time that is not parsed while the clock runs.
fn now_again() -> Timestamp {
    std::hint::black_box(Timestamp::constant(1_795_426_200, 0))
}

criterion_group!(benches, publish, look_up);
criterion_main!(benches);
