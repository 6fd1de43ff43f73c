//! Securing Verifiable Credentials using JOSE (W3C VC-JOSE-COSE 1.0): the credential or presentation is the payload of a
//! JWS, whole and without a `vc` claim.
//!
//! Left out: `vc+sd-jwt` (SD-JWT VC is the format for selective disclosure here), COSE, and keys by `x5c` or issuer
//! metadata; the key is a verification method named by `kid`.

use jiff::Timestamp;
use serde_json::{Map, Value};
use warifu_keys::jws::{Header, JwsError, Unverified, sign};
use warifu_keys::signer::SignerError;
use warifu_keys::{PublicKey, Signer};

use crate::credential::{Credential, ModelError, Presentation};
use crate::did::{Did, DidError, Documents, Relationship};
use crate::time;

/// Why a secured credential or presentation was refused or could not be made.
#[derive(Debug, thiserror::Error)]
pub enum JoseError {
    /// The JWS itself.
    #[error(transparent)]
    Jws(#[from] JwsError),
    /// `cty` says that something else is inside.
    #[error("`cty` is `{0}`")]
    ContentType(String),
    /// `kid` is absent, and the key can not be found without.
    #[error("the header names no key")]
    NoKey,
    /// The key can not be used.
    #[error(transparent)]
    Did(#[from] DidError),
    /// The payload is in the form of VCDM 1.1, inside a claim `vc` or `vp`.
    #[error("the payload is of an older data model")]
    OldModel,
    /// The payload is no credential or presentation.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// `iss` is not the issuer or holder that the payload names (VC-JOSE-COSE 1.0 section 3.3.2).
    #[error("`iss` is `{iss}`, the document says `{named}`")]
    Issuer {
        /// The claim.
        iss: String,
        /// The document's word.
        named: String,
    },
    /// A registered claim has not its type.
    #[error("the claim `{0}` is malformed")]
    Claim(&'static str),
    /// `exp` has passed.
    #[error("the signature expired")]
    Expired,
    /// `nbf` or `iat` has not come.
    #[error("the signature is not valid yet")]
    NotYetValid,
    /// `nonce` is not the one that was asked for.
    #[error("`nonce` is not the expected one")]
    Nonce,
    /// `aud` does not name us.
    #[error("`aud` is not the expected one")]
    Audience,
    /// The private key could not be used.
    #[error(transparent)]
    Signer(#[from] SignerError),
}

/// Secures a credential as `vc+jwt` with the key of `method`.
pub fn sign_credential(credential: &Credential, method: &str, signer: &dyn Signer) -> Result<String, JoseError> {
    let header = Header::typ("vc+jwt").with("cty", "vc".into()).kid(method);
    Ok(sign(header, bytes(credential.members()).as_bytes(), signer)?)
}

/// What a presentation answers.
#[derive(Debug, Clone, Copy, Default)]
pub struct Answer<'a> {
    /// The verifier's nonce.
    pub nonce: Option<&'a str>,
    /// The verifier.
    pub audience: Option<&'a str>,
}

/// Secures a presentation as `vp+jwt` with the key of `method`, made at `now`.
pub fn sign_presentation(
    presentation: &Presentation,
    answer: &Answer<'_>,
    method: &str,
    signer: &dyn Signer,
    now: Timestamp,
) -> Result<String, JoseError> {
    let mut claims = presentation.members().clone();
    claims.insert("iat".to_owned(), now.as_second().into());
    claims.extend(answer.nonce.map(|nonce| ("nonce".to_owned(), nonce.into())));
    claims.extend(answer.audience.map(|audience| ("aud".to_owned(), audience.into())));
    let header = Header::typ("vp+jwt").with("cty", "vp".into()).kid(method);
    Ok(sign(header, bytes(&claims).as_bytes(), signer)?)
}

/// Verifies a `vc+jwt` and gives the credential with the owner of the key.
pub fn verify_credential(jwt: &str, documents: &Documents, now: Timestamp) -> Result<(Credential, Did), JoseError> {
    let jws = Unverified::parse(jwt)?;
    let (claims, signer) = verify(&jws, ["vc+jwt", "vc"], Relationship::AssertionMethod, documents, now)?;
    let credential = Credential::from_members(claims)?;
    check_issuer(credential.members(), credential.issuer())?;
    Ok((credential, signer))
}

/// Verifies a `vp+jwt` and gives the presentation with the owner of the key.
pub fn verify_presentation(
    jwt: &str,
    answer: &Answer<'_>,
    documents: &Documents,
    now: Timestamp,
) -> Result<(Presentation, Did), JoseError> {
    let jws = Unverified::parse(jwt)?;
    let (claims, signer) = verify(&jws, ["vp+jwt", "vp"], Relationship::Authentication, documents, now)?;
    let text = |name: &str| claims.get(name).and_then(Value::as_str).unwrap_or_default();
    if answer
        .nonce
        .is_some_and(|nonce| !warifu_keys::equal_in_constant_time(nonce.as_bytes(), text("nonce").as_bytes()))
    {
        return Err(JoseError::Nonce);
    }
    let audiences = match claims.get("aud") {
        None => Vec::new(),
        Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).collect(),
        Some(one) => one.as_str().into_iter().collect(),
    };
    if answer.audience.is_some_and(|audience| !audiences.contains(&audience)) {
        return Err(JoseError::Audience);
    }
    let presentation = Presentation::from_members(claims)?;
    if let Some(holder) = presentation.holder() {
        check_issuer(presentation.members(), holder)?;
    }
    Ok((presentation, signer))
}

/// The claims of a JWS by the key that its `kid` names, once type, content type, signature and times hold.
fn verify(
    jws: &Unverified,
    [typ, cty]: [&'static str; 2],
    purpose: Relationship,
    documents: &Documents,
    now: Timestamp,
) -> Result<(Map<String, Value>, Did), JoseError> {
    jws.expect_typ(typ)?;
    if let Some(found) = jws.header("cty") {
        let found = found.as_str().unwrap_or_default();
        let bare = found.strip_prefix("application/").unwrap_or(found);
        if !bare.eq_ignore_ascii_case(cty) {
            return Err(JoseError::ContentType(found.chars().take(40).collect()));
        }
    }
    let (signer, key) = key(jws, purpose, documents)?;
    let claims = jws.verify_claims(&key)?;
    if claims.contains_key("vc") || claims.contains_key("vp") {
        return Err(JoseError::OldModel);
    }
    let second = |name: &'static str| match claims.get(name) {
        None => Ok(None),
        Some(value) => value.as_f64().map(Some).ok_or(JoseError::Claim(name)),
    };
    #[expect(clippy::cast_precision_loss, reason = "seconds of this era are far below 2^53")]
    let (now, leeway) = (now.as_second() as f64, time::LEEWAY as f64);
    if second("exp")?.is_some_and(|exp| exp <= now) {
        return Err(JoseError::Expired);
    }
    for name in ["nbf", "iat"] {
        if second(name)?.is_some_and(|from| from > now + leeway) {
            return Err(JoseError::NotYetValid);
        }
    }
    Ok((claims, signer))
}

/// The key named by `kid`: a DID URL, or a fragment of the identifier in `iss`.
fn key(jws: &Unverified, purpose: Relationship, documents: &Documents) -> Result<(Did, PublicKey), JoseError> {
    let kid = jws.header_text("kid").ok_or(JoseError::NoKey)?;
    if kid.starts_with("did:") {
        return Ok(documents.key(kid, purpose)?);
    }
    let issuer = jws.header_text("iss").map(str::to_owned);
    let issuer = match issuer {
        Some(issuer) => issuer,
        None => {
            // Only to know whose key to look for; the signature decides.
            let claims = jws.dangerous_claims()?;
            claims.get("iss").and_then(Value::as_str).map(str::to_owned).ok_or(JoseError::NoKey)?
        }
    };
    Ok(documents.key(&format!("{issuer}#{}", kid.trim_start_matches('#')), purpose)?)
}

fn check_issuer(members: &Map<String, Value>, named: &str) -> Result<(), JoseError> {
    match members.get("iss") {
        None => Ok(()),
        Some(iss) if iss == named => Ok(()),
        Some(iss) => {
            let short = |text: &str| text.chars().take(80).collect();
            Err(JoseError::Issuer { iss: short(iss.as_str().unwrap_or_default()), named: short(named) })
        }
    }
}

fn bytes(members: &Map<String, Value>) -> String {
    Value::Object(members.clone()).to_string()
}
