//! Copies of one credential, as a batch gives them to a wallet, laid side by side.
//!
//! What two copies have in common is what very many people's credentials have in common: header (the issuer's chain),
//! `vct`, the days of `iat`, `nbf` and `exp`, the address of the status list, `_sd_alg`, and the number of digests, which
//! comes in multiples. All else differs. What a holder discloses links of course by its own value.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::date;

use super::*;
use crate::example::identity;
use crate::kyc::KycClaims;
use crate::profile::{Minting, ProfileClaims, mint_sd_jwt};
use crate::status::StatusReference;

fn claims_of(identity: &KycClaims) -> ProfileClaims {
    identity.to_claims(date(2026, 11, 23)).unwrap()
}

/// One copy taken apart.
struct Copy {
    header: String,
    payload: Map<String, Value>,
    signature: Vec<u8>,
    disclosures: Vec<Vec<Value>>,
    /// What each disclosure is known by, in the same order.
    digests: Vec<String>,
    key: SigningKey,
}

impl Copy {
    /// The copy with this number, minted some minutes after the ones before it.
    fn minted(world: &World, claims: &ProfileClaims, number: u64) -> Self {
        let key = SigningKey::generate_p256(&world.entropy);
        let status = StatusReference { uri: list_uri(), idx: world.entropy_below(1 << 20) };
        let minting = Minting {
            vct: VCT,
            holder_key: &key.public_key(),
            status: Some(&status),
            lifetime_days: 90,
            now: after(i64::try_from(number).unwrap() * 421),
        };
        let text = mint_sd_jwt(claims, &minting, world.issuer(), &world.entropy).unwrap();
        let mut parts = text.trim_end_matches('~').split('~');
        let jwt: Vec<&str> = parts.next().unwrap().split('.').collect();
        let texts: Vec<&str> = parts.collect();
        Self {
            header: jwt[0].to_owned(),
            payload: serde_json::from_slice(&base64url::decode(jwt[1]).unwrap()).unwrap(),
            signature: base64url::decode(jwt[2]).unwrap(),
            disclosures: texts
                .iter()
                .map(|text| serde_json::from_slice(&base64url::decode(text).unwrap()).unwrap())
                .collect(),
            digests: texts.iter().map(|text| digest(HashAlgorithm::Sha256, text)).collect(),
            key,
        }
    }

    /// Payload and disclosures with every digest, salt, key and index replaced by a mark: what is left is shape.
    fn shape(&self) -> (Value, Vec<Value>) {
        let mut payload = Value::Object(self.payload.clone());
        payload["cnf"]["jwk"]["x"] = json!("key");
        payload["cnf"]["jwk"]["y"] = json!("key");
        payload["status"]["status_list"]["idx"] = json!("idx");
        let disclosures = self.disclosures.iter().map(|items| {
            let mut items = items.clone();
            items[0] = json!("salt");
            marked(Value::Array(items))
        });
        (marked(payload), disclosures.collect())
    }
}

impl World {
    fn entropy_below(&self, bound: u64) -> u64 {
        let entropy: &dyn warifu_keys::Entropy = &self.entropy;
        entropy.below(bound)
    }
}

fn marked(value: Value) -> Value {
    match value {
        Value::Object(map) => map
            .into_iter()
            .map(|(name, value)| match name.as_str() {
                "_sd" => (name, value.as_array().unwrap().iter().map(|_| json!("digest")).collect()),
                "..." => (name, json!("digest")),
                _ => (name, marked(value)),
            })
            .collect(),
        Value::Array(items) => items.into_iter().map(marked).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value,
    }
}

/// Every digest anywhere in a value.
fn digests(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            for (name, value) in map {
                match (name.as_str(), value) {
                    ("_sd", Value::Array(list)) => {
                        found.extend(list.iter().map(|digest| digest.as_str().unwrap().to_owned()));
                    }
                    ("...", Value::String(digest)) => found.push(digest.clone()),
                    (_, _) => digests(value, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| digests(item, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn copies_share_only_what_everybody_shares() {
    let world = world("batch");
    let claims = claims_of(&identity());
    let copies: Vec<Copy> = (0..6).map(|number| Copy::minted(&world, &claims, number)).collect();
    let shared = ["vct", "iat", "nbf", "exp", "_sd_alg"];
    for (at, one) in copies.iter().enumerate() {
        for two in &copies[..at] {
            assert_eq!(one.header, two.header);
            assert_ne!(one.signature, two.signature);
            assert_ne!(one.key.public_key(), two.key.public_key());
            // Member by member.
            assert!(one.payload.keys().eq(two.payload.keys()));
            for (name, value) in &one.payload {
                assert_eq!(shared.contains(&name.as_str()), two.payload[name] == *value, "`{name}`");
            }
            let status = |copy: &Copy| copy.payload["status"]["status_list"].clone();
            assert_eq!(status(one)["uri"], status(two)["uri"]);
            assert_ne!(status(one)["idx"], status(two)["idx"]);
            assert_eq!(one.shape(), two.shape());
        }
        assert_eq!(one.payload["iat"], json!(1_795_392_000), "the start of the day");
    }
    // No random value occurs twice, in one copy or among them.
    let salts: Vec<&Value> = copies.iter().flat_map(|copy| copy.disclosures.iter().map(|items| &items[0])).collect();
    let mut all = Vec::new();
    for copy in &copies {
        digests(&Value::Object(copy.payload.clone()), &mut all);
        copy.disclosures.iter().for_each(|items| digests(&json!(items), &mut all));
    }
    for (values, what) in [
        (salts.iter().map(|salt| salt.as_str().unwrap()).collect::<Vec<_>>(), "salts"),
        (all.iter().map(String::as_str).collect(), "digests"),
    ] {
        assert_eq!(values.iter().collect::<BTreeSet<_>>().len(), values.len(), "{what}");
        // Bit by bit: two random values differ in about half of their bits; 4 standard deviations and more away from
        // that would be a pattern.
        let bytes: Vec<Vec<u8>> = values.iter().map(|value| base64url::decode(value).unwrap()).collect();
        for (at, one) in bytes.iter().enumerate() {
            for two in &bytes[..at] {
                let differing: u32 = one.iter().zip(two).map(|(a, b)| (a ^ b).count_ones()).sum();
                let bits = u32::try_from(one.len() * 8).unwrap();
                assert!((bits / 4..=bits * 3 / 4).contains(&differing), "{what}: {differing} of {bits} bits");
            }
        }
    }
}

/// The place of a claim's digest says nothing about the claim: over many copies each is everywhere.
#[test]
fn order_of_digests_is_no_order_of_claims() {
    const COPIES: u64 = 120;
    let world = world("order");
    let claims = claims_of(&identity());
    let mut places: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    let mut length = 0;
    for number in 0..COPIES {
        let copy = Copy::minted(&world, &claims, number % 8);
        let listed: Vec<&str> =
            copy.payload["_sd"].as_array().unwrap().iter().map(|digest| digest.as_str().unwrap()).collect();
        length = listed.len();
        for (items, digest) in copy.disclosures.iter().zip(&copy.digests) {
            if let Some(place) = listed.iter().position(|listed| listed == digest) {
                places.entry(items[1].as_str().unwrap().to_owned()).or_default().push(place);
            }
        }
    }
    let middle = (length as f64 - 1.0) / 2.0;
    // A uniform place among n has a standard deviation of n / sqrt(12); five of the mean's are allowed.
    let allowed = 5.0 * length as f64 / 12f64.sqrt() / (COPIES as f64).sqrt();
    assert!(places.len() >= 12);
    for (claim, places) in places {
        assert_eq!(places.len() as u64, COPIES, "{claim}");
        let mean = places.iter().sum::<usize>() as f64 / COPIES as f64;
        assert!((mean - middle).abs() < allowed, "{claim} is at {mean} on average, {middle} expected");
        assert!(places.iter().collect::<BTreeSet<_>>().len() > length / 2, "{claim} keeps its place");
    }
}

/// A claim more or less, a second nationality or a longer list of checks: the credential shows the same digests.
#[test]
fn people_are_alike_in_shape() {
    let world = world("people");
    let shape = |identity: &KycClaims| {
        let copy = Copy::minted(&world, &claims_of(identity), 0);
        let mut found = Vec::new();
        digests(&Value::Object(copy.payload.clone()), &mut found);
        let nationalities = copy.disclosures.iter().find(|items| items[1] == "nationalities").unwrap();
        assert_eq!(nationalities[2].as_array().unwrap().len() % 4, 0);
        (found.len(), nationalities[2].as_array().unwrap().len())
    };
    let plain = shape(&identity());
    assert_eq!(plain.0 % 4, 0);
    let two = KycClaims { nationalities: vec!["DE".parse().unwrap(), "JP".parse().unwrap()], ..identity() };
    assert_eq!(shape(&two), plain);
    let fewer = KycClaims { date_of_issuance: None, ..identity() };
    assert_eq!(shape(&fewer), plain);
}
