//! DPoP: proof that the sender of a request holds the key its token is bound to (RFC 9449).
//!
//! [`prove`] makes the header of one request; [`Received::verify`] checks it. Whether a `jti` was seen before is the
//! caller's compare-and-set on [`Proven::replay_marker`], kept until [`Proven::expires`].

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};
use url::Url;
use warifu_keys::jws::{self, Header, JwsError, Unverified};
use warifu_keys::signer::SignerError;
use warifu_keys::{Signer, base64url, equal_in_constant_time, sha256};

use crate::http::{Method, without_query};

use super::{Code, OAuthError, token};

/// How old a proof may be.
pub const MAX_AGE: SignedDuration = SignedDuration::from_secs(60);
/// How far ahead of this clock a proof may be dated.
pub const MAX_AHEAD: SignedDuration = SignedDuration::from_secs(5);
/// Longest proof accepted, in bytes.
pub const MAX_BYTES: usize = 8192;

/// Why a proof was refused.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Longer than [`MAX_BYTES`].
    #[error("the proof of {0} bytes is too large")]
    TooLarge(usize),
    /// Not a signed JWT of type `dpop+jwt` with a public `jwk` in its header.
    #[error("the proof: {0}")]
    Jws(#[from] JwsError),
    /// A claim is missing or has the wrong type.
    #[error("claim `{0}` is missing or malformed")]
    Claim(&'static str),
    /// `htm` is another method.
    #[error("the proof is for another method")]
    OtherMethod,
    /// `htu` is another URL.
    #[error("the proof is for another URL")]
    OtherUrl,
    /// `iat` lies more than [`MAX_AGE`] back.
    #[error("the proof is too old")]
    TooOld,
    /// `iat` lies more than [`MAX_AHEAD`] ahead.
    #[error("the proof is dated ahead")]
    Ahead,
    /// `ath` is missing or is not the hash of the token.
    #[error("the proof is for another access token")]
    OtherToken,
}

impl From<Error> for OAuthError {
    fn from(error: Error) -> Self {
        Self::new(Code::InvalidDpopProof, error.to_string())
    }
}

/// What a proof is about.
#[derive(Clone, Copy)]
pub struct Claims<'a> {
    /// Method of the request.
    pub method: Method,
    /// URL of the request; query and fragment are left out of the proof.
    pub url: &'a Url,
    /// When the proof is made.
    pub iat: Timestamp,
    /// Unique identifier, at least 96 random bits.
    pub jti: &'a str,
    /// The access token that travels with the request, at a protected resource.
    pub access_token: Option<&'a str>,
    /// The nonce that the server asked for.
    pub nonce: Option<&'a str>,
}

/// Makes the value of the `DPoP` header (RFC 9449 section 4.2).
pub fn prove(signer: &dyn Signer, claims: &Claims<'_>) -> Result<String, SignerError> {
    let mut body = Map::new();
    body.insert("htm".to_owned(), Value::from(claims.method.name()));
    body.insert("htu".to_owned(), Value::from(without_query(claims.url).as_str()));
    body.insert("iat".to_owned(), Value::from(claims.iat.as_second()));
    body.insert("jti".to_owned(), Value::from(claims.jti));
    if let Some(access_token) = claims.access_token {
        body.insert("ath".to_owned(), Value::from(token::hash(access_token)));
    }
    if let Some(nonce) = claims.nonce {
        body.insert("nonce".to_owned(), Value::from(nonce));
    }
    jws::sign_claims(Header::typ("dpop+jwt").jwk(&signer.public_key()), &body, signer)
}

/// A proof that came with a request; nothing in it is believed.
#[derive(Debug, Clone)]
pub struct Received(Unverified);

/// A proof that was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proven {
    /// Base64url SHA-256 thumbprint of the key (RFC 7638): what an access token is bound to.
    pub jkt: String,
    /// The proof's identifier.
    pub jti: String,
    /// The nonce in the proof, for the caller who handed one out.
    pub nonce: Option<String>,
    /// From this instant on the proof is refused as too old, so its marker may be forgotten.
    pub expires: Timestamp,
}

impl Proven {
    /// Key under which the caller remembers the proof: the same for every replay, of fixed length.
    #[must_use]
    pub fn replay_marker(&self) -> String {
        base64url::encode(&sha256(format!("{}.{}", self.jkt, self.jti).as_bytes()))
    }
}

impl Received {
    /// Parses the header value; checks size, `typ` and that the header names an algorithm and no private key.
    pub fn parse(header: &str) -> Result<Self, Error> {
        if header.len() > MAX_BYTES {
            return Err(Error::TooLarge(header.len()));
        }
        let jws = Unverified::parse(header)?;
        jws.expect_typ("dpop+jwt")?;
        Ok(Self(jws))
    }

    /// Checks every rule of RFC 9449 section 4.3 but the replay: signature by the key in the header, method, URL, time,
    /// and the hash of `access_token` where one travels with the request.
    pub fn verify(
        self,
        method: Method,
        url: &Url,
        now: Timestamp,
        access_token: Option<&str>,
    ) -> Result<Proven, Error> {
        let key = self.0.jwk()?;
        let claims = self.0.verify_claims(&key)?;
        let text = |name: &'static str| claims.get(name).and_then(Value::as_str).ok_or(Error::Claim(name));
        if text("htm")? != method.name() {
            return Err(Error::OtherMethod);
        }
        // RFC 9449 section 4.3: compared after syntax- and scheme-based normalisation, without query and fragment.
        let htu = Url::parse(text("htu")?).map_err(|_| Error::Claim("htu"))?;
        if without_query(&htu) != without_query(url) {
            return Err(Error::OtherUrl);
        }
        let seconds = claims.get("iat").and_then(Value::as_i64).ok_or(Error::Claim("iat"))?;
        let iat = Timestamp::from_second(seconds).map_err(|_| Error::Claim("iat"))?;
        if now.duration_since(iat) > MAX_AGE {
            return Err(Error::TooOld);
        }
        if iat.duration_since(now) > MAX_AHEAD {
            return Err(Error::Ahead);
        }
        let jti = text("jti")?;
        if jti.is_empty() || jti.len() > 256 {
            return Err(Error::Claim("jti"));
        }
        if let Some(access_token) = access_token {
            let ath = claims.get("ath").and_then(Value::as_str).ok_or(Error::OtherToken)?;
            if !equal_in_constant_time(ath.as_bytes(), token::hash(access_token).as_bytes()) {
                return Err(Error::OtherToken);
            }
        }
        let nonce = match claims.get("nonce") {
            None => None,
            Some(Value::String(nonce)) => Some(nonce.clone()),
            Some(_) => return Err(Error::Claim("nonce")),
        };
        let expires = iat.checked_add(MAX_AGE + SignedDuration::from_secs(1)).map_err(|_| Error::Claim("iat"))?;
        Ok(Proven { jkt: base64url::encode(&key.thumbprint()), jti: jti.to_owned(), nonce, expires })
    }
}

#[cfg(test)]
mod tests {
    use warifu_keys::SigningKey;
    use warifu_keys::entropy::Seeded;
    use warifu_keys::jwk::KeyError;

    use super::*;

    const NOW: &str = "2026-11-23T10:00:00Z";

    fn now() -> Timestamp {
        NOW.parse().unwrap()
    }

    fn key() -> SigningKey {
        SigningKey::generate_p256(&Seeded::dangerous_new("dpop"))
    }

    fn url() -> Url {
        Url::parse("https://issuer.example/token").unwrap()
    }

    fn claims(url: &Url) -> Claims<'_> {
        Claims { method: Method::Post, url, iat: now(), jti: "id-1", access_token: Some("tok"), nonce: None }
    }

    fn verify(header: &str) -> Result<Proven, Error> {
        Received::parse(header)?.verify(Method::Post, &url(), now(), Some("tok"))
    }

    #[test]
    fn round_trip() {
        let asked = Url::parse("https://issuer.example/token?x=1#y").unwrap();
        let header = prove(&key(), &Claims { nonce: Some("n"), ..claims(&asked) }).unwrap();
        let proven = verify(&header).unwrap();
        assert_eq!(proven.jkt, base64url::encode(&key().public_key().thumbprint()));
        assert_eq!((proven.jti.as_str(), proven.nonce.as_deref()), ("id-1", Some("n")));
        assert_eq!(proven.replay_marker(), verify(&header).unwrap().replay_marker());
        let other = prove(&key(), &Claims { jti: "id-2", ..claims(&asked) }).unwrap();
        assert_ne!(proven.replay_marker(), verify(&other).unwrap().replay_marker());
    }

    #[test]
    fn each_rule_broken_once() {
        let (here, there) = (url(), Url::parse("https://issuer.example/other").unwrap());
        let good = claims(&here);
        let seconds = |n| now() + SignedDuration::from_secs(n);
        let check = |claims: Claims<'_>, expected: fn(&Error) -> bool| {
            let error = verify(&prove(&key(), &claims).unwrap()).unwrap_err();
            assert!(expected(&error), "{error}");
        };
        check(Claims { method: Method::Get, ..good }, |e| matches!(e, Error::OtherMethod));
        check(Claims { url: &there, ..good }, |e| matches!(e, Error::OtherUrl));
        check(Claims { iat: seconds(-61), ..good }, |e| matches!(e, Error::TooOld));
        check(Claims { iat: seconds(-3600), ..good }, |e| matches!(e, Error::TooOld));
        check(Claims { iat: seconds(6), ..good }, |e| matches!(e, Error::Ahead));
        check(Claims { jti: "", ..good }, |e| matches!(e, Error::Claim("jti")));
        check(Claims { access_token: None, ..good }, |e| matches!(e, Error::OtherToken));
        check(Claims { access_token: Some("other"), ..good }, |e| matches!(e, Error::OtherToken));
        for edge in [-60, 5] {
            verify(&prove(&key(), &Claims { iat: seconds(edge), ..good }).unwrap()).unwrap();
        }
    }

    #[test]
    fn refuses_other_messages() {
        let body = Map::new();
        let plain = jws::sign_claims(Header::typ("JWT").jwk(&key().public_key()), &body, &key()).unwrap();
        assert!(matches!(verify(&plain), Err(Error::Jws(JwsError::Type { .. }))));
        let keyless = jws::sign_claims(Header::typ("dpop+jwt"), &body, &key()).unwrap();
        assert!(matches!(verify(&keyless), Err(Error::Jws(JwsError::Key(_)))));
        let mut private = key().public_key().to_jwk().to_value();
        private["d"] = Value::from("AAAA");
        let leaky = jws::sign_claims(Header::typ("dpop+jwt").with("jwk", private), &body, &key()).unwrap();
        assert!(matches!(verify(&leaky), Err(Error::Jws(JwsError::Key(KeyError::PrivateMaterial)))));
        let stranger = SigningKey::generate_p256(&Seeded::dangerous_new("stranger"));
        let forged = jws::sign_claims(Header::typ("dpop+jwt").jwk(&key().public_key()), &body, &stranger).unwrap();
        assert!(matches!(verify(&forged), Err(Error::Jws(JwsError::BadSignature))));
        assert!(matches!(verify(&"a".repeat(9000)), Err(Error::TooLarge(9000))));
    }

    proptest::proptest! {
        #[test]
        fn never_panics(text in "[A-Za-z0-9_.-]{0,200}") {
            let _ = verify(&text);
        }
    }
}
