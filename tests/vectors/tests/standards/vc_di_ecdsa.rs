//! Data Integrity ECDSA Cryptosuites 1.0: the test vectors of `ecdsa-rdfc-2019` and `ecdsa-jcs-2019`, on both curves.

use serde_json::{Map, Value, json};
use warifu_keys::{Algorithm, HashAlgorithm};
use warifu_vectors::{vector, vector_text};
use warifu_w3c::data_integrity::Cryptosuite;
use warifu_w3c::rdfc::{self, Quad, Term};

use crate::vc_di::{check, contexts, credential, hash_data, object};

const P256: &str = "zDnaepBuvsQ8cpsWrVKw8fbpGpvPeNSjVPTWoq6cRqaYzBKVP";
const P384: &str = "z82LkuBieyGShVBhvtE2zoiD6Kma4tJGFtkAhxR5pfkp5QPw4LutoYWhvQCnGjdVn14kujQ";

#[test]
fn rdfc_on_p256() {
    let folder = "vc_di_ecdsa/rdfc-2019-p256";
    let Some(signed) = vector("rdfc_on_p256", &format!("{folder}/signedECDSAP256.json")) else { return };
    let signed = object(serde_json::from_slice(&signed).unwrap());
    let text = |name: &str| vector_text("rdfc_on_p256", &format!("{folder}/{name}")).unwrap().trim().to_owned();
    let combined = text("combinedHashECDSAP256.txt");
    assert_eq!(combined, text("proofHashECDSAP256.txt") + &text("docHashECDSAP256.txt"));
    assert_eq!(hash_data(Cryptosuite::EcdsaRdfc2019, Algorithm::Es256, &signed), combined);
    check(&signed, Cryptosuite::EcdsaRdfc2019);
}

fn signed(suite: Cryptosuite, key: &str, value: &str) -> Map<String, Value> {
    let mut signed = credential();
    let mut proof = json!({
        "type": "DataIntegrityProof",
        "cryptosuite": suite.name(),
        "created": "2023-02-24T23:36:38Z",
        "verificationMethod": format!("did:key:{key}#{key}"),
        "proofPurpose": "assertionMethod",
        "proofValue": value,
    });
    if suite == Cryptosuite::EcdsaJcs2019 {
        proof["@context"] = signed["@context"].clone();
    }
    signed.insert("proof".to_owned(), proof);
    signed
}

/// Appendix A.2 of the standard.
#[test]
fn jcs_on_p256() {
    let value = "z5ptCet75SaEgzG4v4zJhbJtfNi74Wv7Fq15hhKouJQQjEPQvPZKaYxcMXAMLPQS2FXrkCWokNJkFVkwxNzZfD5oT";
    check(&signed(Cryptosuite::EcdsaJcs2019, P256, value), Cryptosuite::EcdsaJcs2019);
}

/// Appendix A.1 of the standard, second half.
#[test]
fn rdfc_on_p384() {
    let value = "z967Mvv5bxtmLNqTzPZ8KmJjFmFXaAKeQNzq7GWnQkMcLtaGSSmuozE5WtJ8PipMe178B1tE28K1vsJur9bGVJhz6jgSJsRHFSQeqgH8\
                 hhjcg8gZDFJC1b9FsR5ggNmDBqHv";
    check(&signed(Cryptosuite::EcdsaRdfc2019, P384, value), Cryptosuite::EcdsaRdfc2019);
}

/// Appendix A.2 of the standard, second half.
#[test]
fn jcs_on_p384() {
    let value = "zq3EuTeLiGurmB2JR5oL8oWEsT7u2tba4HT1oZbiMYWc5qzsoW2kLYcBcF4HM5vCpJyTkceULKrVXuJQkXeN5seL4uXrFNFRMm53GWy1\
                 Yrto8rTWxZi9DkNeWP7yUPs7ELAm";
    check(&signed(Cryptosuite::EcdsaJcs2019, P384, value), Cryptosuite::EcdsaJcs2019);
}

/// With P-384 the blank nodes too are hashed with SHA-384: in the vectors of both curves the same three nodes come out in
/// another order. Here the same shape, and what each hash makes of it.
#[test]
fn the_curve_decides_the_order_of_blank_nodes() {
    let mut document = credential();
    document.remove("id");
    document["credentialSubject"] = json!({ "alumniOf": { "type": "School", "name": "The School of Examples" } });
    let canonical = |algorithm| Cryptosuite::EcdsaRdfc2019.canonical(&document, algorithm, &contexts()).unwrap();
    let (short, long) = (canonical(Algorithm::Es256), canonical(Algorithm::Es384));
    assert_ne!(short, long);
    assert_eq!(short.lines().count(), long.lines().count());
}

/// RDFC-1.0, section 4.8 and the examples "duplicate paths" and "double circle" of its appendix: nodes that look alike
/// get their names whatever they were called before; a graph made to take forever is refused.
#[test]
fn look_alike_blank_nodes() {
    let blank = |name: &str| Term::Blank(name.to_owned());
    let quad = |subject: &str, predicate: &str, object: &str| Quad {
        subject: blank(subject),
        predicate: format!("http://example.com/#{predicate}"),
        object: blank(object),
        graph: None,
    };
    let circle = |names: [&str; 4]| {
        let [a, b, c, d] = names;
        let quads = [quad(a, "next", b), quad(b, "next", a), quad(c, "next", d), quad(d, "next", c)];
        rdfc::canonical(&quads, HashAlgorithm::Sha256).unwrap()
    };
    let expected = "_:c14n0 <http://example.com/#next> _:c14n1 .\n_:c14n1 <http://example.com/#next> _:c14n0 .\n\
                    _:c14n2 <http://example.com/#next> _:c14n3 .\n_:c14n3 <http://example.com/#next> _:c14n2 .\n";
    assert_eq!(circle(["a", "b", "c", "d"]), expected);
    assert_eq!(circle(["d", "c", "a", "b"]), expected);
    assert_eq!(circle(["x", "a", "m", "b"]), expected);

    let names: Vec<String> = (0..12).map(|at| format!("n{at}")).collect();
    let clique: Vec<Quad> =
        names.iter().flat_map(|a| names.iter().filter(move |b| *b != a).map(move |b| quad(a, "p", b))).collect();
    assert_eq!(rdfc::canonical(&clique, HashAlgorithm::Sha256), Err(rdfc::Poisoned));
}
