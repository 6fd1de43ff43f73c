//! The `jwt` proof type: possession of the keys that credentials are to be bound to (OpenID4VCI 1.0 appendix F.1, F.4).
//!
//! Keys come as `jwk` in the header. Keys by DID (`kid`), by certificate (`x5c`) and by key attestation are refused by
//! name until they are supported.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};
use warifu_keys::jws::{self, Header, JwsError, Unverified};
use warifu_keys::signer::SignerError;
use warifu_keys::{PublicKey, Signer};

use crate::oauth::{Code, OAuthError};

use super::nonce::{NonceError, NonceKey, SingleUse};

/// `typ` of a proof.
pub const TYP: &str = "openid4vci-proof+jwt";
/// How old a proof may be: as old as a nonce may be, and the clocks' difference.
pub const MAX_AGE: SignedDuration = SignedDuration::from_secs(360);
/// How far ahead of this clock a proof may be dated.
pub const MAX_AHEAD: SignedDuration = SignedDuration::from_secs(60);
/// Longest proof accepted, in bytes.
pub const MAX_BYTES: usize = 8192;

/// Why a proof was refused.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No proof where the configuration demands one.
    #[error("a proof is needed")]
    Missing,
    /// A proof type that the metadata does not list.
    #[error("proof type `{0}` is not supported")]
    Type(String),
    /// More proofs than `batch_size`.
    #[error("{found} proofs, at most {most} are allowed")]
    TooMany {
        /// Proofs in the request.
        found: usize,
        /// `batch_size`, or 1.
        most: usize,
    },
    /// Longer than [`MAX_BYTES`].
    #[error("the proof of {0} bytes is too large")]
    TooLarge(usize),
    /// Not a signed JWT of type [`TYP`] with a usable public key; unknown critical extensions and private keys included.
    #[error("the proof: {0}")]
    Jws(#[from] JwsError),
    /// The algorithm is not in `proof_signing_alg_values_supported`.
    #[error("algorithm `{0}` is not in the metadata")]
    Algorithm(&'static str),
    /// The header names its key by none or several of `jwk`, `kid`, `x5c`, or by one that is not supported.
    #[error("the key must be given as `jwk` and in no other way")]
    KeyReference,
    /// A claim is missing or has the wrong type.
    #[error("claim `{0}` is missing or malformed")]
    Claim(&'static str),
    /// `aud` is not this issuer.
    #[error("the proof is for another issuer")]
    OtherAudience,
    /// `iss` is not the client of the access token, or there is one though the client is anonymous.
    #[error("the proof is of another client")]
    OtherClient,
    /// `iat` lies more than [`MAX_AGE`] back.
    #[error("the proof is too old")]
    TooOld,
    /// `iat` lies more than [`MAX_AHEAD`] ahead.
    #[error("the proof is dated ahead")]
    Ahead,
    /// Two proofs of one key.
    #[error("two proofs are of the same key")]
    SameKey,
    /// The `c_nonce` is foreign or expired.
    #[error("the proof's nonce: {0}")]
    Nonce(#[from] NonceError),
}

impl From<Error> for OAuthError {
    fn from(error: Error) -> Self {
        let code = if matches!(error, Error::Nonce(_)) { Code::InvalidNonce } else { Code::InvalidProof };
        Self::new(code, error.to_string())
    }
}

/// What every proof of a request is held against.
#[derive(Debug, Clone, Copy)]
pub struct Rules<'a> {
    /// This issuer's identifier, the demanded `aud`.
    pub issuer: &'a str,
    /// `proof_signing_alg_values_supported` of the configuration.
    pub algorithms: &'a [String],
    /// Checks the `c_nonce`.
    pub nonce_key: &'a NonceKey,
    /// Client of the access token; `None` where the wallet is anonymous.
    pub client_id: Option<&'a str>,
    /// Most proofs in one request.
    pub batch_size: usize,
}

/// The keys that a request proved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proven {
    /// One key for each proof, in order, all different.
    pub keys: Vec<PublicKey>,
    /// The nonces' markers, each once: the caller creates them, and a marker that exists is `invalid_nonce`.
    pub nonces: Vec<SingleUse>,
}

/// Makes one proof for `signer`'s key.
pub fn prove(
    signer: &dyn Signer,
    issuer: &str,
    client_id: Option<&str>,
    nonce: Option<&str>,
    now: Timestamp,
) -> Result<String, SignerError> {
    let mut claims = Map::new();
    claims.insert("aud".to_owned(), Value::from(issuer));
    claims.insert("iat".to_owned(), Value::from(now.as_second()));
    if let Some(client_id) = client_id {
        claims.insert("iss".to_owned(), Value::from(client_id));
    }
    if let Some(nonce) = nonce {
        claims.insert("nonce".to_owned(), Value::from(nonce));
    }
    jws::sign_claims(Header::typ(TYP).jwk(&signer.public_key()), &claims, signer)
}

/// Checks all `jwt` proofs of one request.
pub fn verify_all(proofs: &[String], rules: &Rules<'_>, now: Timestamp) -> Result<Proven, Error> {
    if proofs.is_empty() {
        return Err(Error::Missing);
    }
    if proofs.len() > rules.batch_size {
        return Err(Error::TooMany { found: proofs.len(), most: rules.batch_size });
    }
    let mut proven = Proven { keys: Vec::with_capacity(proofs.len()), nonces: Vec::new() };
    for proof in proofs {
        let (key, nonce) = verify(proof, rules, now)?;
        if proven.keys.contains(&key) {
            return Err(Error::SameKey);
        }
        proven.keys.push(key);
        if !proven.nonces.contains(&nonce) {
            proven.nonces.push(nonce);
        }
    }
    Ok(proven)
}

/// Checks one `jwt` proof by every rule of appendix F.4 and gives the holder's key with the nonce's marker.
pub fn verify(proof: &str, rules: &Rules<'_>, now: Timestamp) -> Result<(PublicKey, SingleUse), Error> {
    if proof.len() > MAX_BYTES {
        return Err(Error::TooLarge(proof.len()));
    }
    let jws = Unverified::parse(proof)?;
    jws.expect_typ(TYP)?;
    let algorithm = jws.algorithm().name();
    if !rules.algorithms.iter().any(|allowed| allowed == algorithm) {
        return Err(Error::Algorithm(algorithm));
    }
    let given = ["jwk", "kid", "x5c", "trust_chain"].map(|member| jws.header(member).is_some());
    if given != [true, false, false, false] {
        return Err(Error::KeyReference);
    }
    let key = jws.jwk()?;
    let claims = jws.verify_claims(&key)?;
    // A list of audiences is not what appendix F.1 says, even when it names this issuer.
    if claims.get("aud").and_then(Value::as_str).ok_or(Error::Claim("aud"))? != rules.issuer {
        return Err(Error::OtherAudience);
    }
    let iss = claims.get("iss").map(|iss| iss.as_str().ok_or(Error::Claim("iss"))).transpose()?;
    if iss.is_some_and(|iss| Some(iss) != rules.client_id) {
        return Err(Error::OtherClient);
    }
    let seconds = claims.get("iat").and_then(Value::as_i64).ok_or(Error::Claim("iat"))?;
    let iat = Timestamp::from_second(seconds).map_err(|_| Error::Claim("iat"))?;
    if now.duration_since(iat) > MAX_AGE {
        return Err(Error::TooOld);
    }
    if iat.duration_since(now) > MAX_AHEAD {
        return Err(Error::Ahead);
    }
    let nonce = claims.get("nonce").and_then(Value::as_str).ok_or(Error::Claim("nonce"))?;
    Ok((key, rules.nonce_key.check(nonce, now)?))
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use warifu_keys::SigningKey;
    use warifu_keys::entropy::Seeded;
    use warifu_keys::jwk::KeyError;

    use super::*;

    const ISSUER: &str = "https://issuer.example/a";

    struct Scene {
        entropy: Seeded,
        nonce_key: NonceKey,
        algorithms: Vec<String>,
        now: Timestamp,
    }

    impl Scene {
        fn new() -> Self {
            let entropy = Seeded::dangerous_new("proof");
            let nonce_key = NonceKey::generate(&entropy);
            let now = "2026-11-23T10:00:00Z".parse().unwrap();
            Self { entropy, nonce_key, algorithms: vec!["ES256".to_owned()], now }
        }

        fn rules(&self) -> Rules<'_> {
            let (issuer, algorithms, nonce_key) = (ISSUER, &self.algorithms[..], &self.nonce_key);
            Rules { issuer, algorithms, nonce_key, client_id: None, batch_size: 2 }
        }

        fn nonce(&self) -> String {
            self.nonce_key.mint(&self.entropy, self.now)
        }

        fn claims(&self) -> Value {
            json!({ "aud": ISSUER, "iat": self.now.as_second(), "nonce": self.nonce() })
        }

        fn sign(&self, header: Header, claims: &Value, key: &SigningKey) -> String {
            jws::sign_claims(header, claims.as_object().unwrap(), key).unwrap()
        }
    }

    #[test]
    fn good_proofs() {
        let scene = Scene::new();
        let keys = [SigningKey::generate_p256(&scene.entropy), SigningKey::generate_p256(&scene.entropy)];
        let nonce = scene.nonce();
        let proofs: Vec<String> =
            keys.iter().map(|key| prove(key, ISSUER, None, Some(&nonce), scene.now).unwrap()).collect();
        let proven = verify_all(&proofs, &scene.rules(), scene.now).unwrap();
        assert_eq!(proven.keys, keys.each_ref().map(Signer::public_key));
        assert_eq!(proven.nonces.len(), 1);
        let with_client = prove(&keys[0], ISSUER, Some("wallet"), Some(&nonce), scene.now).unwrap();
        let rules = Rules { client_id: Some("wallet"), ..scene.rules() };
        verify(&with_client, &rules, scene.now).unwrap();
        assert!(matches!(verify(&with_client, &scene.rules(), scene.now), Err(Error::OtherClient)));
    }

    #[test]
    fn each_claim_rule_broken_once() {
        let scene = Scene::new();
        let key = SigningKey::generate_p256(&scene.entropy);
        let check = |member: &str, value: Value, expected: fn(&Error) -> bool| {
            let mut claims = scene.claims();
            match value {
                Value::Null => drop(claims.as_object_mut().unwrap().remove(member)),
                value => claims[member] = value,
            }
            let proof = scene.sign(Header::typ(TYP).jwk(&key.public_key()), &claims, &key);
            let error = verify(&proof, &scene.rules(), scene.now).unwrap_err();
            assert!(expected(&error), "{member}: {error}");
        };
        let second = scene.now.as_second();
        check("aud", Value::Null, |e| matches!(e, Error::Claim("aud")));
        check("aud", json!("https://issuer.example/a/"), |e| matches!(e, Error::OtherAudience));
        check("aud", json!([ISSUER]), |e| matches!(e, Error::Claim("aud")));
        check("iat", Value::Null, |e| matches!(e, Error::Claim("iat")));
        check("iat", json!("now"), |e| matches!(e, Error::Claim("iat")));
        check("iat", json!(i64::MAX), |e| matches!(e, Error::Claim("iat")));
        check("iat", json!(second - 3600), |e| matches!(e, Error::TooOld));
        check("iat", json!(second + 86_400), |e| matches!(e, Error::Ahead));
        check("nonce", Value::Null, |e| matches!(e, Error::Claim("nonce")));
        check("nonce", json!("guess"), |e| matches!(e, Error::Nonce(NonceError::Foreign)));
        let old = scene.nonce_key.mint(&scene.entropy, scene.now - SignedDuration::from_mins(6));
        check("nonce", json!(old), |e| matches!(e, Error::Nonce(NonceError::Expired)));
        check("iss", json!("somebody"), |e| matches!(e, Error::OtherClient));
    }

    #[test]
    fn each_header_rule_broken_once() {
        let scene = Scene::new();
        let key = SigningKey::generate_p256(&scene.entropy);
        let public = key.public_key();
        let check = |header: Header, signer: &SigningKey, expected: fn(&Error) -> bool| {
            let proof = scene.sign(header, &scene.claims(), signer);
            let error = verify(&proof, &scene.rules(), scene.now).unwrap_err();
            assert!(expected(&error), "{error}");
        };
        let good = || Header::typ(TYP).jwk(&public);
        check(Header::typ("JWT").jwk(&public), &key, |e| matches!(e, Error::Jws(JwsError::Type { .. })));
        check(Header::default().jwk(&public), &key, |e| matches!(e, Error::Jws(JwsError::Type { .. })));
        check(good().with("crit", json!(["unknown"])), &key, |e| matches!(e, Error::Jws(JwsError::Critical)));
        check(Header::typ(TYP), &key, |e| matches!(e, Error::KeyReference));
        check(good().kid("did:example:1#0"), &key, |e| matches!(e, Error::KeyReference));
        check(Header::typ(TYP).kid("did:example:1#0"), &key, |e| matches!(e, Error::KeyReference));
        check(good().with("x5c", json!(["AA=="])), &key, |e| matches!(e, Error::KeyReference));
        let mut private = public.to_jwk().to_value();
        private["d"] = json!("AAAA");
        check(Header::typ(TYP).with("jwk", private), &key, |e| {
            matches!(e, Error::Jws(JwsError::Key(KeyError::PrivateMaterial)))
        });
        let stranger = SigningKey::generate_p256(&scene.entropy);
        check(good(), &stranger, |e| matches!(e, Error::Jws(JwsError::BadSignature)));
        // EdDSA is a sound algorithm, but this configuration's metadata lists ES256 only.
        let edwards = SigningKey::generate_ed25519(&scene.entropy);
        check(Header::typ(TYP).jwk(&edwards.public_key()), &edwards, |e| matches!(e, Error::Algorithm("EdDSA")));
    }

    #[test]
    fn rules_over_several_proofs() {
        let scene = Scene::new();
        let key = SigningKey::generate_p256(&scene.entropy);
        let proof = || prove(&key, ISSUER, None, Some(&scene.nonce()), scene.now).unwrap();
        let all = |proofs: &[String]| verify_all(proofs, &scene.rules(), scene.now).unwrap_err();
        assert!(matches!(all(&[]), Error::Missing));
        assert!(matches!(all(&[proof(), proof()]), Error::SameKey));
        assert!(matches!(all(&[proof(), proof(), proof()]), Error::TooMany { found: 3, most: 2 }));
        assert!(matches!(all(&["a".repeat(9000)]), Error::TooLarge(9000)));
    }

    /// The signed example of OpenID4VCI 1.0 appendix F.1: our checks get as far as its nonce, which another made.
    #[test]
    fn example_of_the_standard() {
        let scene = Scene::new();
        let proof = "eyJ0eXAiOiJvcGVuaWQ0dmNpLXByb29mK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwiY3J2IjoiUC0yNTYiLCJ4IjoiblVXQW9BdjNYWml0aDhFN2kxOU9kYXhPTFlGT3dNLVoyRXVNMDJUaXJUNCIsInkiOiJIc2tIVThCalVpMVU5WHFpN1N3bWo4Z3dBS18weGtjRGpFV183MVNvc0VZIn19.eyJhdWQiOiJodHRwczovL2NyZWRlbnRpYWwtaXNzdWVyLmV4YW1wbGUuY29tIiwiaWF0IjoxNzAxOTYwNDQ0LCJub25jZSI6IkxhclJHU2JtVVBZdFJZTzZCUTR5bjgifQ.-a3EDsxClUB4O3LeDD5DVGEnNMT01FCQW4P6-2-BNBqc_Zxf0Qw4CWayLEpqkAomlkLb9zioZoipdP-jvh1WlA";
        let now = Timestamp::from_second(1_701_960_450).unwrap();
        let rules = Rules { issuer: "https://credential-issuer.example.com", ..scene.rules() };
        assert!(matches!(verify(proof, &rules, now), Err(Error::Nonce(NonceError::Foreign))));
        assert!(matches!(verify(proof, &rules, scene.now), Err(Error::TooOld)));
    }

    proptest::proptest! {
        #[test]
        fn never_panics(text in "[A-Za-z0-9_.-]{0,200}") {
            let scene = Scene::new();
            let _ = verify(&text, &scene.rules(), scene.now);
        }
    }
}
