//! What a signature costs: ES256 by `p256` alone, and every algorithm through [`SigningKey`] and [`PublicKey`], which with
//! the feature `aws-lc` use AWS-LC. Compare within one run; the message is 1 KiB and its hash is included.

use criterion::{Criterion, criterion_group, criterion_main};
use p256::ecdsa::signature::{Signer as _, Verifier as _};
use warifu_keys::entropy::Seeded;
use warifu_keys::{Algorithm, PublicKey, Signer as _, SigningKey};

const MESSAGE: [u8; 1024] = [0x5a; 1024];

fn key(algorithm: Algorithm) -> (SigningKey, PublicKey, Vec<u8>) {
    let key = SigningKey::generate(algorithm, &Seeded::dangerous_new("bench")).with_fast_path();
    let (public, signature) = (key.public_key(), key.sign(&MESSAGE).unwrap_or_default());
    (key, public, signature)
}

fn signatures(criterion: &mut Criterion) {
    let Ok(bare) = p256::ecdsa::SigningKey::from_slice(&[7; 32]) else { return };
    let signature: p256::ecdsa::Signature = bare.sign(&MESSAGE);
    let mut group = criterion.benchmark_group("ES256 sign");
    group.bench_function("p256", |bencher| bencher.iter(|| -> p256::ecdsa::Signature { bare.sign(&MESSAGE) }));
    let (fast, public, fast_signature) = key(Algorithm::Es256);
    group.bench_function("aws-lc", |bencher| bencher.iter(|| fast.sign(&MESSAGE)));
    group.finish();
    let mut group = criterion.benchmark_group("ES256 verify");
    let verifying = *bare.verifying_key();
    group.bench_function("p256", |bencher| bencher.iter(|| verifying.verify(&MESSAGE, &signature)));
    group.bench_function("aws-lc", |bencher| bencher.iter(|| public.verify(&MESSAGE, &fast_signature)));
    group.finish();

    for algorithm in [Algorithm::Es384, Algorithm::Es512, Algorithm::EdDsa] {
        let (key, public, signature) = key(algorithm);
        let mut group = criterion.benchmark_group(algorithm.name());
        group.bench_function("sign", |bencher| bencher.iter(|| key.sign(&MESSAGE)));
        group.bench_function("verify", |bencher| bencher.iter(|| public.verify(&MESSAGE, &signature)));
        group.finish();
    }
}

criterion_group!(benches, signatures);
criterion_main!(benches);
