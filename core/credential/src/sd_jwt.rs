//! SD-JWT VC (draft-ietf-oauth-sd-jwt-vc-19) on SD-JWT (RFC 9901), compact serialisation.
//!
//! The issuer's half is [`Claims`] and [`issue`]; the wallet keeps a [`Held`] and presents from it; the verifier starts
//! at [`Presentation`]. Issuers are known by their `x5c` chain (HAIP 1.0); fetching issuer keys from
//! `/.well-known/jwt-vc-issuer`, the JSON serialisation and hashes other than SHA-256 are left out.

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};
use warifu_keys::json::JsonError;
use warifu_keys::jwk::{Jwk, KeyError};
use warifu_keys::jws::{JwsError, Unverified};
use warifu_keys::signer::SignerError;
use warifu_keys::x509::{self, Certificate, Purpose, X509Error};
use warifu_keys::{PublicKey, base64url, sha256};

mod disclosure;
mod held;
mod issue;
mod key_binding;

pub use held::Held;
pub use issue::{Claims, IssuerKey, Registered, issue};
pub use key_binding::{KeyBinding, KeyBindingRules, KeyBound, Presentation};

use disclosure::{Disclosure, Place, Unpacked, unpack};

use crate::authentic::Contents;
use crate::claim_path::PathError;
use crate::status::StatusReference;
use crate::{Authentic, Format};

/// Header `typ` of the issuer-signed JWT.
pub const TYP: &str = "dc+sd-jwt";
/// Media type of an SD-JWT VC.
pub const MEDIA_TYPE: &str = "application/dc+sd-jwt";
/// Header `typ` of a key binding JWT.
pub const KEY_BINDING_TYP: &str = "kb+jwt";
/// The only digest algorithm used (`_sd_alg`), and the default of RFC 9901 section 4.1.1.
pub const HASH: &str = "sha-256";
/// Longest SD-JWT accepted, in bytes; enough for a portrait of several hundred kilobytes.
pub const MAX_BYTES: usize = 2 * 1024 * 1024;
/// Most disclosures accepted.
pub const MAX_DISCLOSURES: usize = 1000;
/// Deepest nesting accepted, disclosures put in their places.
pub const MAX_DEPTH: usize = 32;
/// How far a clock that wrote an `iat` or `nbf` may run ahead of ours.
pub const CLOCK_SKEW: SignedDuration = SignedDuration::from_secs(60);

/// Claims that are never selectively disclosable, parts included (SD-JWT VC draft-19 section 2.2.2.3).
pub const NEVER_SELECTIVE: [&str; 8] = ["iss", "nbf", "exp", "cnf", "vct", "vct#integrity", "aka_vcts", "status"];

/// Why an SD-JWT VC was refused or could not be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not `<jwt>~<disclosure>~…~`, or longer than [`MAX_BYTES`].
    #[error("not an SD-JWT in compact form")]
    Malformed,
    /// More than [`MAX_DISCLOSURES`].
    #[error("{0} disclosures are too many")]
    TooManyDisclosures(usize),
    /// Nested deeper than [`MAX_DEPTH`].
    #[error("nested too deep")]
    TooDeep,
    /// An issuer hands out credentials without key binding (RFC 9901 section 7.2).
    #[error("a credential with a key binding JWT came where none may be")]
    KeyBindingFromIssuer,
    /// The issuer-signed JWT is malformed, of another type, or its signature is wrong.
    #[error("issuer-signed JWT: {0}")]
    Jws(#[from] JwsError),
    /// The issuer's certificate chain was refused.
    #[error("issuer: {0}")]
    Issuer(#[from] X509Error),
    /// `_sd_alg` is not SHA-256.
    #[error("digest algorithm `{0}` is not supported")]
    HashAlgorithm(String),
    /// A disclosure is not base64url of acceptable JSON.
    #[error("disclosure {at} is not base64url of JSON: {why}")]
    DisclosureEncoding {
        /// Position, from 0.
        at: usize,
        /// What was wrong with the JSON, if that was reached.
        why: String,
    },
    /// A disclosure is no array of two or three, its salt or name no string, or it has the arity of the other kind than
    /// the place its digest stands in.
    #[error("disclosure {at} has the wrong shape for its place")]
    DisclosureShape {
        /// Position, from 0.
        at: usize,
    },
    /// The same disclosure twice.
    #[error("disclosure {at} was sent before")]
    DuplicateDisclosure {
        /// Position of the second, from 0.
        at: usize,
    },
    /// A disclosure whose digest stands nowhere.
    #[error("disclosure {at} has no digest in the credential")]
    UnreferencedDisclosure {
        /// Position, from 0.
        at: usize,
    },
    /// A claim is called `_sd`, `...` or, below the top level, `_sd_alg`.
    #[error("a claim is called `{0}`")]
    ReservedName(String),
    /// `_sd` is not an array of strings.
    #[error("`_sd` is not an array of digests")]
    DigestList,
    /// An object with `...` is not exactly an array's `{"...": "<digest>"}`.
    #[error("a placeholder `...` is malformed or in the wrong place")]
    Placeholder,
    /// One digest stands in two places.
    #[error("a digest occurs twice")]
    DuplicateDigest,
    /// A disclosed claim's name is already taken at its level.
    #[error("disclosed claim `{0}` is there already")]
    NameExists(String),
    /// A claim that may never be selectively disclosable is.
    #[error("claim `{0}` may not be selectively disclosable")]
    NeverSelective(String),
    /// A registered claim is missing or of the wrong kind.
    #[error("claim `{0}` is missing or malformed")]
    Claim(&'static str),
    /// The `cnf` key can not be used.
    #[error("holder key: {0}")]
    HolderKey(KeyError),
    /// `nbf` lies in the future.
    #[error("valid only from {from}")]
    NotYetValid {
        /// Its `nbf`.
        from: Timestamp,
    },
    /// `iat` lies in the future.
    #[error("issued in the future, at {at}")]
    IssuedInFuture {
        /// Its `iat`.
        at: Timestamp,
    },
    /// `exp` has passed.
    #[error("expired at {at}")]
    Expired {
        /// Its `exp`.
        at: Timestamp,
    },
    /// The verifier wants proof of possession and none came.
    #[error("no key binding JWT")]
    NoKeyBinding,
    /// The credential names no holder key.
    #[error("the credential is bound to no key")]
    NoHolderKey,
    /// The key binding JWT is not a JWS, or not with an allowed algorithm.
    #[error("key binding JWT: {0}")]
    KeyBinding(#[source] JwsError),
    /// The key binding JWT has another `typ` than [`KEY_BINDING_TYP`].
    #[error("the key binding JWT has type `{0}`")]
    KeyBindingType(String),
    /// The key binding JWT was signed with another algorithm than the holder key's.
    #[error("the key binding JWT has an algorithm that is not the holder key's")]
    KeyBindingAlgorithm,
    /// The key binding JWT was not signed by the holder key.
    #[error("the key binding JWT was not signed by the holder key")]
    KeyBindingSignature,
    /// A claim of the key binding JWT is missing or of the wrong kind.
    #[error("claim `{0}` of the key binding JWT is missing or malformed")]
    KeyBindingClaim(&'static str),
    /// The presentation was made for someone else.
    #[error("the presentation was made for `{found}`")]
    Audience {
        /// What `aud` says, shortened.
        found: String,
    },
    /// The presentation was made for another request.
    #[error("the presentation was made for another request: wrong nonce")]
    Nonce,
    /// The presentation was made too long ago.
    #[error("the presentation was made at {at}, too long ago")]
    KeyBindingTooOld {
        /// Its `iat`.
        at: Timestamp,
    },
    /// The presentation was made in the future.
    #[error("the presentation was made in the future, at {at}")]
    KeyBindingInFuture {
        /// Its `iat`.
        at: Timestamp,
    },
    /// The key binding JWT belongs to other disclosures.
    #[error("the key binding JWT belongs to other disclosures: wrong sd_hash")]
    SdHash,
    /// The issuer's certificate chain contains a self-signed certificate, or its leaf is not of the signing key.
    #[error("the issuer's chain does not fit: {0}")]
    IssuerChain(&'static str),
    /// A path that selects nothing in this credential.
    #[error("`{path}` is not in the credential: {source}")]
    NotHeld {
        /// The path.
        path: String,
        /// Why.
        source: PathError,
    },
    /// The signer is not the holder key.
    #[error("the signing key is not the one the credential is bound to")]
    NotTheHolderKey,
    /// An extra claim would replace one of the key binding JWT's own.
    #[error("extra claim `{0}` belongs to the key binding JWT itself")]
    ExtraClaim(String),
    /// The private key could not be used.
    #[error(transparent)]
    Signer(#[from] SignerError),
}

/// The parts of an SD-JWT as text, with every disclosure read.
#[derive(Clone)]
pub(crate) struct SdJwt {
    jwt: String,
    disclosures: Vec<Disclosure>,
    /// One for each disclosure once the payload was unpacked.
    places: Vec<Place>,
}

impl SdJwt {
    /// Splits the text into the SD-JWT and what follows its last `~`.
    fn parse(text: &str) -> Result<(Self, &str), Error> {
        if text.len() > MAX_BYTES {
            return Err(Error::Malformed);
        }
        let (front, key_binding) = text.rsplit_once('~').ok_or(Error::Malformed)?;
        let mut parts = front.split('~');
        let jwt = parts.next().unwrap_or_default().to_owned();
        let count = parts.clone().count();
        if count > MAX_DISCLOSURES {
            return Err(Error::TooManyDisclosures(count));
        }
        let disclosures = parts.enumerate().map(|(at, part)| Disclosure::parse(at, part)).collect::<Result<_, _>>()?;
        Ok((Self { jwt, disclosures, places: Vec::new() }, key_binding))
    }

    /// `<jwt>~<disclosure>~…~` with the disclosures that `keep` names.
    fn text(&self, keep: impl Fn(usize) -> bool) -> String {
        let mut text = self.jwt.clone();
        text.push('~');
        for (at, disclosure) in self.disclosures.iter().enumerate() {
            if keep(at) {
                text.push_str(&disclosure.text);
                text.push('~');
            }
        }
        text
    }

    /// What a key binding JWT over all disclosures signs (RFC 9901 section 4.3.1).
    pub(crate) fn sd_hash(&self) -> String {
        sd_hash(&self.text(|_| true))
    }

    /// Unpacks a payload that was verified, and reads the registered claims.
    fn read(mut self, payload: Map<String, Value>) -> Result<(Self, Contents), Error> {
        let Unpacked { claims, places, withheld } = unpack(payload, &self.disclosures)?;
        self.places = places;
        let time = |name: &'static str| {
            claims.get(name).map(|value| numeric_date(value).ok_or(Error::Claim(name))).transpose()
        };
        let type_identifier = match claims.get("vct") {
            Some(Value::String(vct)) if !vct.is_empty() => vct.clone(),
            Some(_) | None => return Err(Error::Claim("vct")),
        };
        match claims.get("aka_vcts") {
            None => {}
            Some(Value::Array(types))
                if !types.is_empty() && types.iter().all(|other| other.is_string() && *other != type_identifier) => {}
            Some(_) => return Err(Error::Claim("aka_vcts")),
        }
        let contents = Contents {
            format: Format::SdJwtVc,
            issued_at: time("iat")?,
            not_before: time("nbf")?,
            expires: time("exp")?,
            status: match claims.get("status") {
                // A status mechanism that is not understood can not be checked, so the credential is refused.
                Some(status) => Some(StatusReference::from_status_claim(status).map_err(|_| Error::Claim("status"))?),
                None => None,
            },
            holder_key: claims.get("cnf").map(holder_key).transpose()?,
            type_identifier,
            claims: Value::Object(claims),
            withheld,
        };
        Ok((self, contents))
    }
}

/// A credential that came over the wire: nothing in it may be believed.
pub struct Received {
    sd_jwt: SdJwt,
    jws: Unverified,
}

/// Shows nothing: claims are personal data.
impl fmt::Debug for Received {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Received(..)")
    }
}

impl Received {
    /// Reads an SD-JWT as an issuer sends it: without a key binding JWT (RFC 9901 section 7.2).
    pub fn parse(text: &str) -> Result<Self, Error> {
        let (sd_jwt, key_binding) = SdJwt::parse(text)?;
        if !key_binding.is_empty() {
            return Err(Error::KeyBindingFromIssuer);
        }
        let jws = Unverified::parse(&sd_jwt.jwt)?;
        Ok(Self { sd_jwt, jws })
    }

    /// Checks the type, the issuer's chain up to one of `anchors`, the signature, every disclosure (RFC 9901 section
    /// 7.1) and the validity at `now`.
    pub fn authenticate(self, anchors: &[Certificate], now: Timestamp) -> Result<Authentic, Error> {
        authenticate(&self.jws, self.sd_jwt, anchors, now)
    }
}

fn authenticate(jws: &Unverified, sd_jwt: SdJwt, anchors: &[Certificate], now: Timestamp) -> Result<Authentic, Error> {
    jws.expect_typ(TYP)?;
    let issuer = x509::verify_chain(&jws.x5c()?, anchors, Purpose::DocumentSigner, now)?;
    let (sd_jwt, contents) = open(jws, sd_jwt, &issuer.leaf.public_key()?, now)?;
    Ok(Authentic { contents, issuer, sd_jwt })
}

/// Everything after the issuer's key is known.
fn open(jws: &Unverified, sd_jwt: SdJwt, key: &PublicKey, now: Timestamp) -> Result<(SdJwt, Contents), Error> {
    let (sd_jwt, contents) = sd_jwt.read(jws.verify_claims(key)?)?;
    let soon = now.saturating_add(CLOCK_SKEW).unwrap_or(Timestamp::MAX);
    match (contents.not_before, contents.issued_at, contents.expires) {
        (Some(from), _, _) if from > soon => Err(Error::NotYetValid { from }),
        (_, Some(at), _) if at > soon => Err(Error::IssuedInFuture { at }),
        (_, _, Some(at)) if now >= at => Err(Error::Expired { at }),
        (_, _, _) => Ok((sd_jwt, contents)),
    }
}

fn holder_key(cnf: &Value) -> Result<PublicKey, Error> {
    let jwk = cnf.get("jwk").ok_or(Error::Claim("cnf"))?;
    Jwk::from_value(jwk).and_then(|jwk| jwk.public_key()).map_err(Error::HolderKey)
}

/// A NumericDate (RFC 7519 section 2): seconds since 1970, fractions cut off.
pub(crate) fn numeric_date(value: &Value) -> Option<Timestamp> {
    let seconds = value.as_i64().or_else(|| {
        let seconds = value.as_f64()?.floor();
        // Well inside of what both types hold; year 9999 is about 2.5e11.
        (seconds.abs() < 1e12).then_some(seconds as i64)
    })?;
    Timestamp::from_second(seconds).ok()
}

/// Digest of an ASCII text as SD-JWT writes it (RFC 9901 section 4.2.3).
fn digest(text: &str) -> String {
    base64url::encode(&sha256(text.as_bytes()))
}

fn sd_hash(sd_jwt: &str) -> String {
    digest(sd_jwt)
}

fn json_problem(at: usize, error: &JsonError) -> Error {
    Error::DisclosureEncoding { at, why: error.to_string() }
}

#[cfg(test)]
mod tests;
