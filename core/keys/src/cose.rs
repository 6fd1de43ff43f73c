//! COSE (RFC 9052, RFC 9053): signatures by one signer (COSE_Sign1), message authentication codes (COSE_Mac0), keys
//! (COSE_Key), and certificate chains in their headers (RFC 9360).
//!
//! A [`Sign1`] shows its headers, because they say which key to look for; its payload comes out only through
//! [`Sign1::verify`] with a key. Signatures are checked over the received bytes of the protected header and of the
//! payload. `alg` has to be protected, critical headers are refused, and so is a label in both headers.
//!
//! Left out: several signers, encryption, counter signatures, `x5t`, `x5u`, keys for the MAC in recipients.

use std::fmt;

use coset::iana::{self, EnumI64 as _};
use coset::{AsCborValue as _, Header as CosetHeader, Label, MacContext, ProtectedHeader, SignatureContext};
use hmac::{Hmac, KeyInit as _, Mac as _};
use p256::elliptic_curve::sec1::ToSec1Point as _;
use sha2::Sha256;

use crate::cbor::{self, CborError, Value};
use crate::jwe::AgreementKey;
use crate::jwk::{Algorithm, KeyError, PublicKey};
use crate::secret::Secret;
use crate::signer::{Signer, SignerError};
use crate::x509::{Certificate, MAX_CHAIN, X509Error};

/// CBOR tag of a COSE_Sign1 (RFC 9052 section 2).
pub const SIGN1_TAG: u64 = 18;
/// Header `typ` (RFC 9596).
const TYP: i64 = 16;
/// Header `x5chain` (RFC 9360 section 2).
const X5CHAIN: i64 = 33;
/// `alg` HMAC 256/256 (RFC 9053 section 3.1).
const HMAC_256: i64 = iana::Algorithm::HMAC_256_256 as i64;

/// Why a COSE message or key was refused or could not be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CoseError {
    /// Not acceptable CBOR.
    #[error(transparent)]
    Cbor(#[from] CborError),
    /// Not the structure of the standard.
    #[error("not a COSE message: {0}")]
    Malformed(String),
    /// Tagged where no tag may be, or the other way round.
    #[error("the COSE message is {found}, expected {expected}")]
    Tag {
        /// What this place demands.
        expected: &'static str,
        /// What came.
        found: &'static str,
    },
    /// `alg` is missing in the protected header, or outside the supported set.
    #[error("algorithm {0} is not allowed")]
    Algorithm(String),
    /// `alg` does not belong to the key.
    #[error("algorithm `{alg}` does not belong to the key")]
    AlgorithmMismatch {
        /// The header's algorithm.
        alg: Algorithm,
    },
    /// The header demands an extension that is not understood (RFC 9052 section 3.1, `crit`).
    #[error("the header has critical labels")]
    Critical,
    /// A label stands in the protected and in the unprotected header (RFC 9052 section 3).
    #[error("label {0} stands in both headers")]
    DuplicateLabel(String),
    /// `typ` is not the expected one.
    #[error("`typ` is `{found}`, expected `{expected}`")]
    Type {
        /// The type that this place demands.
        expected: &'static str,
        /// What the header says.
        found: String,
    },
    /// The header's certificates are missing or unusable.
    #[error("the header's certificates: {0}")]
    Certificate(#[from] X509Error),
    /// The payload is not in the message, and none was given.
    #[error("the payload is detached")]
    Detached,
    /// The payload is in the message where it may not be.
    #[error("the payload is attached")]
    Attached,
    /// The signature is wrong.
    #[error("the signature is wrong")]
    BadSignature,
    /// The message authentication code is wrong.
    #[error("the message authentication code is wrong")]
    BadTag,
    /// A key can not be used.
    #[error("the key: {0}")]
    Key(#[from] KeyError),
    /// The private key could not be used.
    #[error("the signing key could not be used: {0}")]
    Signer(String),
}

impl From<SignerError> for CoseError {
    fn from(error: SignerError) -> Self {
        Self::Signer(error.0)
    }
}

/// The COSE algorithm identifier that is written for `algorithm` (RFC 9053 section 2).
#[must_use]
pub fn identifier(algorithm: Algorithm) -> i64 {
    match algorithm {
        Algorithm::Es256 => iana::Algorithm::ES256 as i64,
        Algorithm::Es384 => iana::Algorithm::ES384 as i64,
        Algorithm::Es512 => iana::Algorithm::ES512 as i64,
        Algorithm::EdDsa => iana::Algorithm::EdDSA as i64,
    }
}

/// The algorithm of a COSE identifier, the fully specified ones of RFC 9864 included; `None` for any other.
#[must_use]
pub fn algorithm(identifier: i64) -> Option<Algorithm> {
    match iana::Algorithm::from_i64(identifier)? {
        iana::Algorithm::ES256 | iana::Algorithm::ESP256 => Some(Algorithm::Es256),
        iana::Algorithm::ES384 | iana::Algorithm::ESP384 => Some(Algorithm::Es384),
        iana::Algorithm::ES512 | iana::Algorithm::ESP512 => Some(Algorithm::Es512),
        iana::Algorithm::EdDSA | iana::Algorithm::Ed25519 => Some(Algorithm::EdDsa),
        _ => None,
    }
}

/// `key` as a COSE_Key with no optional members (RFC 9053 section 7).
#[must_use]
pub fn key_to_value(key: &PublicKey) -> Value {
    let pair = |label: i64, value: Value| (Value::from(label), value);
    let ec2 = |curve: iana::EllipticCurve, point: &[u8]| {
        let (x, y) = point.get(1..).unwrap_or_default().split_at(point.len() / 2);
        Value::Map(vec![
            pair(1, Value::from(iana::KeyType::EC2 as i64)),
            pair(-1, Value::from(curve as i64)),
            pair(-2, Value::Bytes(x.to_vec())),
            pair(-3, Value::Bytes(y.to_vec())),
        ])
    };
    match key {
        PublicKey::P256(key) => ec2(iana::EllipticCurve::P_256, key.to_sec1_point(false).as_bytes()),
        PublicKey::P384(key) => ec2(iana::EllipticCurve::P_384, key.to_sec1_point(false).as_bytes()),
        PublicKey::P521(key) => ec2(iana::EllipticCurve::P_521, key.to_sec1_point(false).as_bytes()),
        PublicKey::Ed25519(key) => Value::Map(vec![
            pair(1, Value::from(iana::KeyType::OKP as i64)),
            pair(-1, Value::from(iana::EllipticCurve::Ed25519 as i64)),
            pair(-2, Value::Bytes(key.as_bytes().to_vec())),
        ]),
    }
}

/// Reads a public COSE_Key.
///
/// [`KeyError::PrivateMaterial`] if it holds a private part, [`KeyError::Unsupported`] for other curves,
/// [`KeyError::Malformed`] for a point off the curve or an `alg` that does not belong to it.
pub fn key_from_value(value: &Value) -> Result<PublicKey, KeyError> {
    let key = coset::CoseKey::from_cbor_value(value.clone()).map_err(|_| KeyError::Malformed)?;
    let parameter = |label: i64| key.params.iter().find(|(l, _)| *l == Label::Int(label)).map(|(_, value)| value);
    if parameter(-4).is_some() {
        return Err(KeyError::PrivateMaterial);
    }
    let curve = parameter(-1).and_then(Value::as_integer).and_then(|curve| i64::try_from(curve).ok());
    let x = || parameter(-2).and_then(Value::as_bytes).ok_or(KeyError::Malformed);
    let found = match (&key.kty, curve.and_then(iana::EllipticCurve::from_i64)) {
        (coset::KeyType::Assigned(iana::KeyType::EC2), Some(iana::EllipticCurve::P_256)) => {
            let point = sec1(x()?, parameter(-3), 32)?;
            p256::PublicKey::from_sec1_bytes(&point).map(PublicKey::P256).map_err(|_| KeyError::Malformed)?
        }
        (coset::KeyType::Assigned(iana::KeyType::EC2), Some(iana::EllipticCurve::P_384)) => {
            let point = sec1(x()?, parameter(-3), 48)?;
            p384::PublicKey::from_sec1_bytes(&point).map(PublicKey::P384).map_err(|_| KeyError::Malformed)?
        }
        (coset::KeyType::Assigned(iana::KeyType::EC2), Some(iana::EllipticCurve::P_521)) => {
            let point = sec1(x()?, parameter(-3), 66)?;
            p521::PublicKey::from_sec1_bytes(&point).map(PublicKey::P521).map_err(|_| KeyError::Malformed)?
        }
        (coset::KeyType::Assigned(iana::KeyType::OKP), Some(iana::EllipticCurve::Ed25519)) => {
            let bytes: [u8; 32] = x()?.as_slice().try_into().map_err(|_| KeyError::Malformed)?;
            let key = ed25519_dalek::VerifyingKey::from_bytes(&bytes).map_err(|_| KeyError::Malformed)?;
            PublicKey::Ed25519(key)
        }
        (kty, _) => {
            let curve = curve.map_or_else(|| "none".to_owned(), |curve| curve.to_string());
            return Err(KeyError::Unsupported(format!("{kty:?} curve {curve}").chars().take(60).collect()));
        }
    };
    match key.alg.as_ref().map(number) {
        Some(alg) if alg.and_then(algorithm) != Some(found.algorithm()) => Err(KeyError::Malformed),
        Some(_) | None => Ok(found),
    }
}

/// A point in SEC 1 form: `y` is a coordinate of `width` bytes, or the sign bit of a compressed point (RFC 9053 section
/// 7.1.1).
fn sec1(x: &[u8], y: Option<&Value>, width: usize) -> Result<Vec<u8>, KeyError> {
    if x.len() != width {
        return Err(KeyError::Malformed);
    }
    match y {
        Some(Value::Bytes(y)) if y.len() == width => Ok([&[4][..], x, y].concat()),
        Some(Value::Bool(odd)) => Ok([&[2 + u8::from(*odd)][..], x].concat()),
        Some(_) | None => Err(KeyError::Malformed),
    }
}

fn number(algorithm: &coset::Algorithm) -> Option<i64> {
    match algorithm {
        coset::Algorithm::Assigned(assigned) => Some(assigned.to_i64()),
        coset::Algorithm::PrivateUse(number) => Some(*number),
        coset::Algorithm::Text(_) => None,
    }
}

/// Headers of a message to be made; `alg` is set by the signer, protected.
#[derive(Debug, Clone, Default)]
pub struct Headers {
    protected: Vec<(i64, Value)>,
    unprotected: Vec<(i64, Value)>,
}

impl Headers {
    /// Adds `typ`, protected (RFC 9596).
    #[must_use]
    pub fn typ(mut self, typ: &str) -> Self {
        self.protected.push((TYP, Value::from(typ)));
        self
    }

    /// Adds the chain as `x5chain` to the unprotected header, leaf first, the anchor left out: where ISO/IEC 18013-5
    /// has it.
    #[must_use]
    pub fn x5chain(mut self, chain: &[Certificate]) -> Self {
        self.unprotected.push((X5CHAIN, x5chain(chain)));
        self
    }

    /// Adds the chain as `x5chain` to the protected header: where ISO/IEC 18013-5 has it in status lists.
    #[must_use]
    pub fn protected_x5chain(mut self, chain: &[Certificate]) -> Self {
        self.protected.push((X5CHAIN, x5chain(chain)));
        self
    }

    fn protected(&self, alg: iana::Algorithm) -> ProtectedHeader {
        let alg = Some(coset::Algorithm::Assigned(alg));
        ProtectedHeader { original_data: None, header: CosetHeader { alg, ..rest(&self.protected) } }
    }
}

fn rest(pairs: &[(i64, Value)]) -> CosetHeader {
    let rest = pairs.iter().map(|(label, value)| (Label::Int(*label), value.clone())).collect();
    CosetHeader { rest, ..CosetHeader::default() }
}

/// One certificate is a byte string, several are an array of them (RFC 9360 section 2).
fn x5chain(chain: &[Certificate]) -> Value {
    let bytes = |certificate: &Certificate| Value::Bytes(certificate.der().to_vec());
    match chain {
        [one] => bytes(one),
        several => Value::Array(several.iter().map(bytes).collect()),
    }
}

/// Where the payload of a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Payload<'a> {
    /// In the message.
    Attached(&'a [u8]),
    /// Known to both sides; `nil` stands in the message.
    Detached(&'a [u8]),
}

impl<'a> Payload<'a> {
    fn bytes(self) -> &'a [u8] {
        match self {
            Self::Attached(bytes) | Self::Detached(bytes) => bytes,
        }
    }

    fn attached(self) -> Option<Vec<u8>> {
        match self {
            Self::Attached(bytes) => Some(bytes.to_vec()),
            Self::Detached(_) => None,
        }
    }
}

/// Makes a COSE_Sign1 (RFC 9052 section 4.4).
pub fn sign1(
    headers: &Headers,
    payload: Payload<'_>,
    external_aad: &[u8],
    signer: &dyn Signer,
) -> Result<Sign1, CoseError> {
    let algorithm = signer.algorithm();
    let alg = iana::Algorithm::from_i64(identifier(algorithm));
    let alg = alg.ok_or_else(|| CoseError::Algorithm(algorithm.name().to_owned()))?;
    let protected = headers.protected(alg);
    let message = sign1_structure(&protected, external_aad, payload.bytes());
    let message = coset::CoseSign1 {
        protected,
        unprotected: rest(&headers.unprotected),
        payload: payload.attached(),
        signature: signer.sign(&message)?,
    };
    Ok(Sign1 { message, algorithm })
}

/// A COSE_Sign1 whose signature was not checked yet.
#[derive(Clone, PartialEq)]
pub struct Sign1 {
    message: coset::CoseSign1,
    algorithm: Algorithm,
}

impl fmt::Debug for Sign1 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sign1({})", self.algorithm)
    }
}

impl Sign1 {
    /// Reads a message without a tag, as ISO/IEC 18013-5 has it.
    pub fn parse(bytes: &[u8]) -> Result<Self, CoseError> {
        match cbor::parse(bytes)? {
            Value::Tag(..) => Err(CoseError::Tag { expected: "untagged", found: "tagged" }),
            value => Self::from_value(value),
        }
    }

    /// Reads a message with tag [`SIGN1_TAG`], as a CWT has it.
    pub fn parse_tagged(bytes: &[u8]) -> Result<Self, CoseError> {
        match cbor::parse(bytes)? {
            Value::Tag(SIGN1_TAG, value) => Self::from_value(*value),
            Value::Tag(..) => Err(CoseError::Tag { expected: "tagged 18", found: "tagged otherwise" }),
            _ => Err(CoseError::Tag { expected: "tagged 18", found: "untagged" }),
        }
    }

    /// Reads an untagged message out of a structure that [`cbor::parse`] read.
    pub fn from_value(value: Value) -> Result<Self, CoseError> {
        let alg = protected_alg(&value)?;
        let algorithm = algorithm(alg).ok_or_else(|| CoseError::Algorithm(alg.to_string()))?;
        let message = coset::CoseSign1::from_cbor_value(value).map_err(malformed)?;
        check_headers(&message.protected, &message.unprotected)?;
        Ok(Self { message, algorithm })
    }

    /// The message without a tag, as part of another structure.
    pub fn to_value(&self) -> Result<Value, CoseError> {
        self.message.clone().to_cbor_value().map_err(malformed)
    }

    /// The message as bytes, without a tag.
    pub fn to_bytes(&self) -> Result<Vec<u8>, CoseError> {
        Ok(cbor::encode(&self.to_value()?))
    }

    /// The message as bytes, with tag [`SIGN1_TAG`].
    pub fn to_tagged_bytes(&self) -> Result<Vec<u8>, CoseError> {
        Ok(cbor::encode(&Value::Tag(SIGN1_TAG, Box::new(self.to_value()?))))
    }

    /// The protected header's algorithm.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Demands this `typ` in the protected header, compared without regard to case and to a leading `application/`
    /// (RFC 9596 section 2).
    pub fn expect_typ(&self, expected: &'static str) -> Result<(), CoseError> {
        let bare = |text: &str| text.strip_prefix("application/").unwrap_or(text).to_ascii_lowercase();
        let found = find(&self.message.protected.header, TYP).and_then(Value::as_text).unwrap_or_default();
        if bare(found) == bare(expected) {
            Ok(())
        } else {
            Err(CoseError::Type { expected, found: found.chars().take(60).collect() })
        }
    }

    /// The certificates of `x5chain`, leaf first, from whichever header has it; nothing about them is verified.
    pub fn x5chain(&self) -> Result<Vec<Certificate>, CoseError> {
        parsed(&self.x5chain_der()?)
    }

    /// As [`Sign1::x5chain`], before the certificates are read: to know a chain again.
    pub fn x5chain_der(&self) -> Result<Vec<&[u8]>, CoseError> {
        let protected = find(&self.message.protected.header, X5CHAIN);
        certificates(protected.or_else(|| find(&self.message.unprotected, X5CHAIN)))
    }

    /// The certificates of `x5chain` in the protected header only.
    pub fn protected_x5chain(&self) -> Result<Vec<Certificate>, CoseError> {
        parsed(&certificates(find(&self.message.protected.header, X5CHAIN))?)
    }

    /// Checks the signature over the payload inside, and gives that.
    pub fn verify(&self, key: &PublicKey, external_aad: &[u8]) -> Result<&[u8], CoseError> {
        let payload = self.message.payload.as_deref().ok_or(CoseError::Detached)?;
        self.check(key, external_aad, payload)?;
        Ok(payload)
    }

    /// Checks the signature over a payload that both sides know; a message that has its own is refused.
    pub fn verify_detached(&self, key: &PublicKey, external_aad: &[u8], payload: &[u8]) -> Result<(), CoseError> {
        if self.message.payload.is_some() {
            return Err(CoseError::Attached);
        }
        self.check(key, external_aad, payload)
    }

    /// The payload as nobody has verified it; `None` if it is detached. Verify before acting on anything in it.
    #[must_use]
    pub fn dangerous_payload(&self) -> Option<&[u8]> {
        self.message.payload.as_deref()
    }

    fn check(&self, key: &PublicKey, external_aad: &[u8], payload: &[u8]) -> Result<(), CoseError> {
        if key.algorithm() != self.algorithm {
            return Err(CoseError::AlgorithmMismatch { alg: self.algorithm });
        }
        let message = sign1_structure(&self.message.protected, external_aad, payload);
        key.verify(&message, &self.message.signature).map_err(|_| CoseError::BadSignature)
    }
}

/// The key of a COSE_Mac0 (HMAC 256/256), agreed between the two sides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MacKey(Secret);

impl MacKey {
    /// The key that the holders of two P-256 keys share: HKDF-SHA-256 over their ECDH secret (ISO/IEC 18013-5 section
    /// 9.1.3.5; RFC 5869).
    ///
    /// Both sides get the same key. [`KeyError::Unsupported`] if the other key is not P-256.
    pub fn agree(own: &AgreementKey, other: &PublicKey, salt: &[u8], info: &[u8]) -> Result<Self, KeyError> {
        let PublicKey::P256(other) = other else {
            return Err(KeyError::Unsupported("key agreement needs P-256 keys".to_owned()));
        };
        let shared = own.shared_secret(other);
        let mut key = Secret::new(vec![0; 32]);
        shared.extract::<Sha256>(Some(salt)).expand(info, key.expose_mut()).map_err(|_| KeyError::Malformed)?;
        Ok(Self(key))
    }

    fn code(&self, message: &[u8]) -> Result<Hmac<Sha256>, KeyError> {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.0.expose()).map_err(|_| KeyError::Malformed)?;
        mac.update(message);
        Ok(mac)
    }
}

/// Makes a COSE_Mac0 with HMAC 256/256 (RFC 9052 section 6.2).
pub fn mac0(payload: Payload<'_>, external_aad: &[u8], key: &MacKey) -> Result<Mac0, CoseError> {
    let protected = Headers::default().protected(iana::Algorithm::HMAC_256_256);
    let message = mac0_structure(&protected, external_aad, payload.bytes());
    Ok(Mac0(coset::CoseMac0 {
        protected,
        unprotected: CosetHeader::default(),
        payload: payload.attached(),
        tag: key.code(&message)?.finalize().into_bytes().to_vec(),
    }))
}

/// A COSE_Mac0 whose code was not checked yet.
#[derive(Clone, PartialEq)]
pub struct Mac0(coset::CoseMac0);

impl fmt::Debug for Mac0 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mac0(HMAC 256/256)")
    }
}

impl Mac0 {
    /// Reads an untagged message out of a structure that [`cbor::parse`] read; `alg` must be HMAC 256/256.
    pub fn from_value(value: Value) -> Result<Self, CoseError> {
        let alg = protected_alg(&value)?;
        if alg != HMAC_256 {
            return Err(CoseError::Algorithm(alg.to_string()));
        }
        let message = coset::CoseMac0::from_cbor_value(value).map_err(malformed)?;
        check_headers(&message.protected, &message.unprotected)?;
        Ok(Self(message))
    }

    /// The message without a tag, as part of another structure.
    pub fn to_value(&self) -> Result<Value, CoseError> {
        self.0.clone().to_cbor_value().map_err(malformed)
    }

    /// Checks the code over a payload that both sides know, in constant time; a message that has its own is refused.
    pub fn verify_detached(&self, key: &MacKey, external_aad: &[u8], payload: &[u8]) -> Result<(), CoseError> {
        if self.0.payload.is_some() {
            return Err(CoseError::Attached);
        }
        let message = mac0_structure(&self.0.protected, external_aad, payload);
        key.code(&message)?.verify_slice(&self.0.tag).map_err(|_| CoseError::BadTag)
    }
}

fn sign1_structure(protected: &ProtectedHeader, external_aad: &[u8], payload: &[u8]) -> Vec<u8> {
    coset::sig_structure_data(SignatureContext::CoseSign1, protected.clone(), None, external_aad, payload)
}

fn mac0_structure(protected: &ProtectedHeader, external_aad: &[u8], payload: &[u8]) -> Vec<u8> {
    coset::mac_structure_data(MacContext::CoseMac0, protected.clone(), external_aad, payload)
}

/// `alg` in the protected header of any COSE message, which has to be acceptable CBOR of its own.
fn protected_alg(message: &Value) -> Result<i64, CoseError> {
    let protected = message.as_array().and_then(|parts| parts.first()).and_then(Value::as_bytes);
    let protected = protected.ok_or_else(|| CoseError::Malformed("no protected header".to_owned()))?;
    let missing = || CoseError::Algorithm("(none in the protected header)".to_owned());
    // An empty header is a byte string without bytes (RFC 9052 section 3).
    let header = if protected.is_empty() { return Err(missing()) } else { cbor::parse(protected)? };
    let header = header.as_map().ok_or_else(|| CoseError::Malformed("the header is no map".to_owned()))?;
    let (_, alg) = header.iter().find(|(label, _)| *label == Value::from(1)).ok_or_else(missing)?;
    let number = alg.as_integer().and_then(|number| i64::try_from(number).ok());
    number.ok_or_else(|| CoseError::Algorithm(format!("{alg:?}").chars().take(40).collect()))
}

fn check_headers(protected: &ProtectedHeader, unprotected: &CosetHeader) -> Result<(), CoseError> {
    let protected = &protected.header;
    if !protected.crit.is_empty() || !unprotected.crit.is_empty() {
        return Err(CoseError::Critical);
    }
    if unprotected.alg.is_some() {
        return Err(CoseError::DuplicateLabel("1".to_owned()));
    }
    let twice = protected.rest.iter().find(|(label, _)| unprotected.rest.iter().any(|(other, _)| other == label));
    match twice {
        Some((Label::Int(label), _)) => Err(CoseError::DuplicateLabel(label.to_string())),
        Some((Label::Text(label), _)) => Err(CoseError::DuplicateLabel(label.chars().take(40).collect())),
        None => Ok(()),
    }
}

fn find(header: &CosetHeader, label: i64) -> Option<&Value> {
    header.rest.iter().find(|(found, _)| *found == Label::Int(label)).map(|(_, value)| value)
}

fn parsed(chain: &[&[u8]]) -> Result<Vec<Certificate>, CoseError> {
    Ok(chain.iter().map(|der| Certificate::from_der(der)).collect::<Result<_, _>>()?)
}

fn certificates(chain: Option<&Value>) -> Result<Vec<&[u8]>, CoseError> {
    fn der(value: &Value) -> Result<&[u8], CoseError> {
        let der = value.as_bytes().ok_or_else(|| X509Error::Malformed("x5chain".to_owned()))?;
        Ok(der)
    }
    match chain {
        None => Err(X509Error::Missing.into()),
        Some(Value::Array(list)) if list.is_empty() => Err(X509Error::Missing.into()),
        Some(Value::Array(list)) if list.len() > MAX_CHAIN => Err(X509Error::TooLong(list.len()).into()),
        Some(Value::Array(list)) => list.iter().map(der).collect(),
        Some(one) => Ok(vec![der(one)?]),
    }
}

fn malformed(error: coset::CoseError) -> CoseError {
    CoseError::Malformed(error.to_string().chars().take(120).collect())
}

#[cfg(test)]
mod tests;
