//! Status lists and their tokens in JSON (draft-ietf-oauth-status-list-20 sections 4.2 and 5.1).

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};
use url::Url;
use warifu_keys::Signer;
use warifu_keys::jws::{self, Header};
use warifu_keys::x509::Certificate;

use super::token::{Encoding, Read, StatusToken, TokenClaims, TrustedSigner};
use super::{Bits, Error, StatusList, TYP, http_url};
use crate::sd_jwt::numeric_date;

impl StatusList {
    /// The claim `status_list`.
    pub fn to_json(&self, aggregation_uri: Option<&Url>) -> Result<Value, Error> {
        let mut list = json!({ "bits": self.bits().count(), "lst": self.encode()? });
        if let Some(uri) = aggregation_uri {
            list["aggregation_uri"] = Value::from(uri.as_str());
        }
        Ok(list)
    }

    /// Reads the claim `status_list`.
    pub fn from_json(list: &Value) -> Result<Self, Error> {
        let bits = list.get("bits").and_then(Value::as_u64).ok_or(Error::Claim("bits"))?;
        let lst = list.get("lst").and_then(Value::as_str).ok_or(Error::Claim("lst"))?;
        Self::decode(Bits::from_count(bits)?, lst)
    }

    /// Signs the list as a status list token in JWT form. `chain` is the signer's, leaf first, without the root.
    ///
    /// Deployed verifiers demand the key that signed the credentials, so sign with the document signer.
    pub fn sign(&self, claims: &TokenClaims, chain: &[Certificate], signer: &dyn Signer) -> Result<String, Error> {
        let mut payload = Map::new();
        payload.insert("sub".to_owned(), Value::from(claims.uri.as_str()));
        payload.insert("iat".to_owned(), Value::from(claims.issued_at.as_second()));
        payload.insert("exp".to_owned(), Value::from(claims.expires.as_second()));
        payload.insert("ttl".to_owned(), Value::from(claims.ttl.as_secs()));
        payload.insert("status_list".to_owned(), self.to_json(claims.aggregation_uri.as_ref())?);
        Ok(jws::sign_claims(Header::typ(TYP).x5c(chain), &payload, signer)?)
    }
}

impl StatusToken {
    /// Checks a token in JWT form.
    pub(super) fn verify_jwt(
        token: &[u8],
        uri: &Url,
        signer: &TrustedSigner<'_>,
        now: Timestamp,
    ) -> Result<Self, Error> {
        let text = std::str::from_utf8(token).map_err(|_| Error::Jws("it is not text".to_owned()))?;
        let jws = jws::Unverified::parse(text.trim())?;
        jws.expect_typ(TYP)?;
        let (signer, claims) = signer.verify(|| Ok(jws.x5c()?), |key| Ok(jws.verify_claims(key)?), now)?;
        let read = Read {
            sub: claims.get("sub").and_then(Value::as_str).ok_or(Error::Claim("sub"))?,
            issued_at: claims.get("iat").and_then(numeric_date).ok_or(Error::Claim("iat"))?,
            expires: claims.get("exp").map(|exp| numeric_date(exp).ok_or(Error::Claim("exp"))).transpose()?,
            ttl: claims.get("ttl").map(|ttl| seconds(ttl).ok_or(Error::Claim("ttl"))).transpose()?,
        };
        let validity = read.check(uri, now)?;
        let list = claims.get("status_list").ok_or(Error::Claim("status_list"))?;
        let aggregation_uri = match list.get("aggregation_uri") {
            None => None,
            Some(uri) => Some(uri.as_str().and_then(http_url).ok_or(Error::Claim("aggregation_uri"))?),
        };
        let list = StatusList::from_json(list)?;
        let encoding = Encoding::Jwt;
        Ok(Self { uri: uri.clone(), list, signer, validity, aggregation_uri, encoding, protected_chain: true })
    }
}

/// A positive number of seconds.
fn seconds(ttl: &Value) -> Option<SignedDuration> {
    let seconds = ttl.as_f64().filter(|seconds| *seconds > 0.0)?;
    Some(SignedDuration::try_from_secs_f64(seconds).unwrap_or(SignedDuration::MAX))
}
