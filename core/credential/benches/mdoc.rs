//! What an mdoc costs: issued with 20 elements, presented with 6 of them, and verified with the device's signature and the
//! issuer's chain known from before or not.
//!
//! With the feature `aws-lc` the same runs on AWS-LC. Signatures alone are measured in `core/keys`.

#![expect(clippy::unwrap_used, reason = "a bench that can not start fails")]

use criterion::{Criterion, criterion_group, criterion_main};
use jiff::Timestamp;
use warifu_credential::ChainCache;
use warifu_credential::mdoc::{
    DataElements, DeviceKey, DeviceResponse, Handover, Held, Issuance, KeyAuthorizations, Received, Session,
    SessionTranscript, Validity, issue,
};
use warifu_credential::sd_jwt::IssuerKey;
use warifu_keys::cbor::Value;
use warifu_keys::entropy::Seeded;
use warifu_keys::x509::issue::{Authority, Period, Request, Subject};
use warifu_keys::x509::{Certificate, Purpose};
use warifu_keys::{PublicKey, Signer as _, SigningKey};

/// 2026-11-23T09:30:00Z.
const NOW: i64 = 1_795_426_200;
const NAMESPACE: &str = "org.warifu.kyc.1";

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
    let subject = |name: &str| Subject { common_name: name.to_owned(), organization: None, country: "UT".to_owned() };
    let key = || SigningKey::generate_p256(&entropy);
    let authority =
        Authority::self_signed(&subject("Root"), key(), period, "https://issuer.example/", &entropy).unwrap();
    let signer = key().with_fast_path();
    let request = Request {
        subject: subject("Document signer"),
        public_key: &signer.public_key(),
        period,
        purpose: Purpose::DocumentSigner,
        dns_names: Vec::new(),
        uris: Vec::new(),
    };
    let chain = vec![authority.issue(&request, &entropy).unwrap()];
    let holder = key().with_fast_path();
    World { root: authority.certificate().clone(), chain, signer, holder, now, entropy }
}

/// Twenty elements, among them what the `kyc` profile has.
fn elements() -> DataElements {
    let date = |text: &str| Value::Tag(1004, Box::new(Value::from(text)));
    let known = DataElements::new()
        .with(NAMESPACE, "family_name", Value::from("ERIKSSON"))
        .with(NAMESPACE, "given_name", Value::from("ANNA MARIA"))
        .with(NAMESPACE, "birth_date", date("1974-08-12"))
        .with(NAMESPACE, "nationality", Value::Array(vec!["SE".into(), "FI".into()]))
        .with(NAMESPACE, "document_number", Value::from("L898902C3"))
        .with(NAMESPACE, "age_over_18", Value::Bool(true));
    (0..14).fold(known, |elements, at| elements.with(NAMESPACE, &format!("element_{at}"), Value::from("a short text")))
}

const SHOWN: [(&str, &str); 6] = [
    (NAMESPACE, "family_name"),
    (NAMESPACE, "given_name"),
    (NAMESPACE, "birth_date"),
    (NAMESPACE, "nationality"),
    (NAMESPACE, "document_number"),
    (NAMESPACE, "age_over_18"),
];

fn issued(world: &World, elements: &DataElements, device_key: &PublicKey) -> Vec<u8> {
    let validity = Validity {
        signed: world.now,
        valid_from: world.now,
        valid_until: Timestamp::from_second(NOW + 86_400).unwrap(),
        expected_update: None,
    };
    let key_authorizations = KeyAuthorizations::default();
    let issuance =
        Issuance { doc_type: NAMESPACE, device_key, key_authorizations: &key_authorizations, validity, status: None };
    let issuer = IssuerKey { signer: &world.signer, chain: &world.chain };
    issue(elements, &issuance, issuer, &world.entropy).unwrap()
}

fn mdoc(criterion: &mut Criterion) {
    let world = world();
    let (elements, device_key, anchors) = (elements(), world.holder.public_key(), [world.root.clone()]);
    let mut group = criterion.benchmark_group("mdoc");
    group.bench_function("issue 20 elements", |bencher| bencher.iter(|| issued(&world, &elements, &device_key)));

    let authentic = Received::parse(&issued(&world, &elements, &device_key)).unwrap();
    let authentic = authentic.authenticate(&anchors, world.now).unwrap();
    let held = Held::keep(authentic.settle_without_status(world.now).unwrap()).unwrap();
    let transcript = SessionTranscript::new(&Handover::OpenId4Vp {
        client_id: "x509_hash:verifier",
        nonce: "n-0S6_WzA2Mj",
        encryption_key: Some(&device_key),
        response_uri: "https://verifier.example/response",
    });
    let present = || held.present(&SHOWN, &DataElements::new(), &transcript, DeviceKey::Signs(&world.holder)).unwrap();
    group.bench_function("present 6 elements", |bencher| bencher.iter(present));

    let response = present();
    let session = Session { transcript: &transcript, reader_key: None };
    let document = || DeviceResponse::parse(&response).unwrap().only().unwrap();
    group.bench_function("verify 6 elements, chain verified before", |bencher| {
        let mut chains = ChainCache::new(16);
        bencher.iter(|| document().authenticate_with(&mut chains, &anchors, world.now, &session).unwrap());
    });
    group.bench_function("verify 6 elements and the chain", |bencher| {
        bencher.iter(|| document().authenticate(&anchors, world.now, &session).unwrap());
    });
    group.bench_function("read a response of 6 elements", |bencher| bencher.iter(document));
    group.finish();
}

criterion_group!(benches, mdoc);
criterion_main!(benches);
