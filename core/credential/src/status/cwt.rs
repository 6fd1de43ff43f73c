//! Status lists and their tokens in CBOR (draft-ietf-oauth-status-list-20 sections 4.3 and 5.2; RFC 8392).

use jiff::{SignedDuration, Timestamp};
use url::Url;
use warifu_keys::cbor::{self, Value};
use warifu_keys::cose::{self, Headers, Payload, Sign1};
use warifu_keys::x509::{Certificate, X509Error};
use warifu_keys::{PublicKey, Signer};

use super::token::{Encoding, ListSigner, Read, StatusToken, TokenClaims, TrustedSigner};
use super::{Bits, Error, MEDIA_TYPE_CWT, StatusList, http_url};

/// Claim `sub` (RFC 8392 section 3.1.2).
const SUB: i64 = 2;
/// Claim `exp` (RFC 8392 section 3.1.4).
const EXP: i64 = 4;
/// Claim `iat` (RFC 8392 section 3.1.6).
const IAT: i64 = 6;
/// Claim `status_list` (draft-20 section 5.2).
const STATUS_LIST: i64 = 65533;
/// Claim `ttl` (draft-20 section 5.2).
const TTL: i64 = 65534;

impl StatusList {
    /// The claim 65533.
    pub fn to_cbor(&self, aggregation_uri: Option<&Url>) -> Result<Value, Error> {
        let mut list = vec![
            (Value::from("bits"), Value::from(self.bits().count())),
            (Value::from("lst"), Value::Bytes(self.compress()?)),
        ];
        list.extend(aggregation_member(aggregation_uri));
        Ok(Value::Map(list))
    }

    /// Reads the claim 65533.
    pub fn from_cbor(list: &Value) -> Result<Self, Error> {
        let bits = cbor::member(list, "bits").and_then(Value::as_integer).and_then(|bits| u64::try_from(bits).ok());
        let bits = Bits::from_count(bits.ok_or(Error::Claim("bits"))?)?;
        let lst = cbor::member(list, "lst").and_then(Value::as_bytes).ok_or(Error::Claim("lst"))?;
        Self::inflate(bits, lst)
    }

    /// Signs the list as a status list token in CWT form: a tagged COSE_Sign1 with the signer's `chain`, leaf first and
    /// without the root, in the protected header, where ISO/IEC 18013-5 section 12.3.6 demands it.
    ///
    /// Deployed verifiers demand the key that signed the credentials, so sign with the document signer.
    pub fn sign_cwt(&self, claims: &TokenClaims, chain: &[Certificate], signer: &dyn Signer) -> Result<Vec<u8>, Error> {
        let list = (STATUS_LIST, self.to_cbor(claims.aggregation_uri.as_ref())?);
        sign(MEDIA_TYPE_CWT, claims, list, chain, signer)
    }
}

impl StatusToken {
    /// Checks a token in CWT form.
    pub(super) fn verify_cwt(
        token: &[u8],
        uri: &Url,
        signer: &TrustedSigner<'_>,
        now: Timestamp,
    ) -> Result<Self, Error> {
        let Cwt { claims, signer, protected_chain } = Cwt::verify(token, MEDIA_TYPE_CWT, cbor::LIMITS, signer, now)?;
        let validity = claims.read()?.check(uri, now)?;
        let list = claims.get(STATUS_LIST).ok_or(Error::Claim("status_list"))?;
        let aggregation_uri = aggregation_uri(list)?;
        let list = StatusList::from_cbor(list)?;
        let encoding = Encoding::Cwt;
        Ok(Self { uri: uri.clone(), list, signer, validity, aggregation_uri, encoding, protected_chain })
    }
}

/// Signs a list of either kind.
pub(super) fn sign(
    typ: &str,
    claims: &TokenClaims,
    (label, list): (i64, Value),
    chain: &[Certificate],
    signer: &dyn Signer,
) -> Result<Vec<u8>, Error> {
    let claim = |label: i64, value: Value| (Value::from(label), value);
    let claims = vec![
        claim(SUB, Value::from(claims.uri.as_str())),
        claim(EXP, Value::from(claims.expires.as_second())),
        claim(IAT, Value::from(claims.issued_at.as_second())),
        claim(label, list),
        claim(TTL, Value::from(claims.ttl.as_secs())),
    ];
    let payload = cbor::encode(&Value::Map(claims));
    let headers = Headers::default().typ(typ).protected_x5chain(chain);
    Ok(cose::sign1(&headers, Payload::Attached(&payload), &[], signer)?.to_tagged_bytes()?)
}

/// A CWT whose signature was checked.
pub(super) struct Cwt {
    pub(super) claims: Claims,
    pub(super) signer: ListSigner,
    pub(super) protected_chain: bool,
}

impl Cwt {
    pub(super) fn verify(
        token: &[u8],
        typ: &'static str,
        limits: cbor::Limits,
        signer: &TrustedSigner<'_>,
        now: Timestamp,
    ) -> Result<Self, Error> {
        // Tagged 18, and not wrapped in the tag of a CWT (draft-20 section 5.2).
        let message = Sign1::parse_tagged(token)?;
        message.expect_typ(typ)?;
        let verify = |key: &PublicKey| Ok(message.verify(key, &[])?.to_vec());
        let (signer, payload) = signer.verify(|| Ok(message.x5chain()?), verify, now)?;
        let protected_chain = match message.protected_x5chain() {
            Ok(_) => true,
            Err(cose::CoseError::Certificate(X509Error::Missing)) => false,
            Err(error) => return Err(error.into()),
        };
        match cbor::parse_within(&payload, limits)? {
            Value::Map(claims) => Ok(Self { claims: Claims(claims), signer, protected_chain }),
            _ => Err(Error::Claim("claims")),
        }
    }
}

/// The claims of a CWT.
pub(super) struct Claims(Vec<(Value, Value)>);

impl Claims {
    pub(super) fn get(&self, label: i64) -> Option<&Value> {
        self.0.iter().find(|(key, _)| *key == Value::from(label)).map(|(_, value)| value)
    }

    pub(super) fn read(&self) -> Result<Read<'_>, Error> {
        let time = |label, name| self.get(label).map(|at| numeric_date(at).ok_or(Error::Claim(name))).transpose();
        Ok(Read {
            sub: self.get(SUB).and_then(Value::as_text).ok_or(Error::Claim("sub"))?,
            issued_at: time(IAT, "iat")?.ok_or(Error::Claim("iat"))?,
            expires: time(EXP, "exp")?,
            ttl: self.get(TTL).map(|ttl| seconds(ttl).ok_or(Error::Claim("ttl"))).transpose()?,
        })
    }
}

pub(super) fn aggregation_member(uri: Option<&Url>) -> Option<(Value, Value)> {
    uri.map(|uri| (Value::from("aggregation_uri"), Value::from(uri.as_str())))
}

pub(super) fn aggregation_uri(list: &Value) -> Result<Option<Url>, Error> {
    let uri = |uri: &Value| uri.as_text().and_then(http_url).ok_or(Error::Claim("aggregation_uri"));
    cbor::member(list, "aggregation_uri").map(uri).transpose()
}

/// A NumericDate of a CWT: seconds, whole or not, without a tag (RFC 8392 section 2).
fn numeric_date(value: &Value) -> Option<Timestamp> {
    let seconds = match value {
        Value::Integer(seconds) => i64::try_from(*seconds).ok()?,
        // Well inside of what both types hold; year 9999 is about 2.5e11.
        Value::Float(seconds) if seconds.abs() < 1e12 => seconds.floor() as i64,
        _ => return None,
    };
    Timestamp::from_second(seconds).ok()
}

/// An unsigned number of seconds above 0.
fn seconds(ttl: &Value) -> Option<SignedDuration> {
    let seconds = u64::try_from(ttl.as_integer()?).ok().filter(|seconds| *seconds > 0)?;
    Some(SignedDuration::from_secs(i64::try_from(seconds).unwrap_or(i64::MAX)))
}
