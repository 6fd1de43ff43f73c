//! How a verifier proves that a client identifier is its own, prefix by prefix: both halves (OpenID4VP 1.0 sections 5.9.3
//! and 12).
//!
//! [`Proof`] is what a verifier signs with, [`Maker`] what a wallet knows afterwards. Resolving a DID and knowing who may
//! attest verifiers are the wallet's own business: it brings both in [`Terms`]. Whether the maker may ask is the question
//! to its trusted lists.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};
use url::Url;
use warifu_keys::jws::{Header, JwsError, Unverified};
use warifu_keys::signer::SignerError;
use warifu_keys::x509::{Certificate, X509Error};
use warifu_keys::{Jwk, PublicKey, Signer};

use crate::http;

use super::client_id::{ClientId, Prefix};
use super::holder::Error;
use super::request;

/// `typ` of a verifier attestation.
pub const ATTESTATION_TYP: &str = "verifier-attestation+jwt";
/// Most addresses in a verifier attestation.
const MAX_REDIRECT_URIS: usize = 64;
/// How far ahead of this clock a request or attestation may be dated.
pub(super) const MAX_AHEAD: SignedDuration = SignedDuration::from_secs(60);

/// What a verifier proves its client identifier with.
#[derive(Debug, Clone, Copy)]
pub enum Proof<'a> {
    /// `x509_hash` and `x509_san_dns`: the access certificate with its intermediates, leaf first, anchor left out.
    Certificate(&'a [Certificate]),
    /// `decentralized_identifier`: the DID URL of the verification method with the signer's key.
    VerificationMethod(&'a str),
    /// `verifier_attestation`: the attestation for the signer's key.
    Attestation(&'a str),
}

impl<'a> From<&'a [Certificate]> for Proof<'a> {
    fn from(chain: &'a [Certificate]) -> Self {
        Self::Certificate(chain)
    }
}

impl<'a> From<&'a Vec<Certificate>> for Proof<'a> {
    fn from(chain: &'a Vec<Certificate>) -> Self {
        Self::Certificate(chain)
    }
}

/// Why something does not prove a client identifier.
#[derive(Debug, thiserror::Error)]
pub enum ProofError {
    /// The leaf is not the certificate that the client identifier names, or the key not the leaf's.
    #[error("the certificate or key is not the one of client identifier `{0}`")]
    OtherCertificate(ClientId),
    /// The verification method is not the DID's.
    #[error("the verification method is not one of client identifier `{0}`")]
    OtherMethod(ClientId),
    /// The attestation is for another client identifier or another key.
    #[error("the attestation is not for client identifier `{0}` and this key")]
    OtherAttestation(ClientId),
    /// The prefix is proved in another way, or in none.
    #[error("client identifier `{0}` is not proved like this")]
    OtherWay(ClientId),
    /// A certificate can not be used.
    #[error(transparent)]
    Certificate(#[from] X509Error),
    /// The attestation can not be used.
    #[error(transparent)]
    Attestation(#[from] AttestationError),
    /// The key could not be used.
    #[error(transparent)]
    Signer(#[from] SignerError),
}

impl Proof<'_> {
    /// The header of a request object that `signer` makes for `client_id`; refused where a wallet would.
    pub(super) fn header(&self, client_id: &ClientId, signer: &dyn Signer) -> Result<Header, ProofError> {
        let header = Header::typ(request::TYP);
        match (self, client_id.prefix()) {
            (Self::Certificate(chain), Prefix::X509Hash | Prefix::X509SanDns) => {
                let [leaf, ..] = chain else { return Err(X509Error::Missing.into()) };
                if !client_id.is_of(leaf) || leaf.public_key()? != signer.public_key() {
                    return Err(ProofError::OtherCertificate(client_id.clone()));
                }
                Ok(header.x5c(chain))
            }
            (Self::VerificationMethod(method), Prefix::DecentralizedIdentifier) => {
                if !is_method_of(method, client_id) {
                    return Err(ProofError::OtherMethod(client_id.clone()));
                }
                Ok(header.kid(method))
            }
            (Self::Attestation(jwt), Prefix::VerifierAttestation) => {
                let attestation = Unverified::parse(jwt).map_err(AttestationError::Jws)?;
                let claims = attestation.dangerous_claims().map_err(AttestationError::Jws)?;
                let attestation = Attestation::read(&claims)?;
                if attestation.subject != client_id.original() || attestation.key != signer.public_key() {
                    return Err(ProofError::OtherAttestation(client_id.clone()));
                }
                Ok(header.with("jwt", Value::from(*jwt)))
            }
            (Self::Certificate(_) | Self::VerificationMethod(_) | Self::Attestation(_), _) => {
                Err(ProofError::OtherWay(client_id.clone()))
            }
        }
    }
}

/// Whether a DID URL is a verification method of the identifier's DID.
fn is_method_of(method: &str, client_id: &ClientId) -> bool {
    method.split_once('#').is_some_and(|(did, fragment)| did == client_id.original() && !fragment.is_empty())
}

/// What a wallet brings to a request, beside the request itself. The default knows no DID and no attester, and answers in
/// encrypted form only (HAIP 1.0 section 5).
#[derive(Debug, Clone, Copy, Default)]
pub struct Terms<'a> {
    /// Verification methods that the caller resolved for this request: DID URL and key. The methods that a request names are
    /// those of [`ReceivedRequest::verification_method`](super::holder::ReceivedRequest::verification_method).
    pub verification_methods: &'a [(String, PublicKey)],
    /// Who may attest verifiers.
    pub attesters: &'a [Attester],
    /// In which form the wallet answers.
    pub answers: Answers,
}

/// In which form a wallet answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Answers {
    /// Encrypted, or not at all.
    #[default]
    Encrypted,
    /// As the verifier asks, in the clear too.
    AsAsked,
}

/// A party that a wallet trusts to attest verifiers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attester {
    /// `iss` of its attestations.
    pub identifier: String,
    /// The key of its attestations.
    pub key: PublicKey,
}

/// Who made a request, and how that is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Maker {
    /// The holder of the key in the first of these certificates, which is the one that the client identifier names. Nothing
    /// else about the chain is checked.
    Certificate(Vec<Certificate>),
    /// The holder of the key of a DID's verification method.
    VerificationMethod {
        /// The DID URL.
        method: String,
        /// The key.
        key: PublicKey,
    },
    /// The subject of an attestation by one of [`Terms::attesters`].
    Attested(Attestation),
    /// Anybody: the request is not signed.
    Anybody,
}

impl Maker {
    /// The certificates, leaf first; empty for whoever is known in another way.
    #[must_use]
    pub fn chain(&self) -> &[Certificate] {
        match self {
            Self::Certificate(chain) => chain,
            Self::VerificationMethod { .. } | Self::Attested(_) | Self::Anybody => &[],
        }
    }

    /// Whether the maker may be answered at `response_uri`, written as `written` (section 5.9.3).
    pub(super) fn check_response_uri(&self, client_id: &ClientId, written: &str, url: &Url) -> Result<(), Error> {
        let attested = match self {
            Self::Attested(attestation) => {
                attestation.redirect_uris.as_ref().is_none_or(|uris| uris.iter().any(|uri| uri == written))
            }
            Self::Certificate(_) | Self::VerificationMethod { .. } | Self::Anybody => true,
        };
        if attested && client_id.may_be_answered_at(written, url) { Ok(()) } else { Err(Error::ForeignResponseUri) }
    }
}

/// A verifier attestation that was verified (section 12).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attestation {
    issuer: String,
    subject: String,
    key: PublicKey,
    redirect_uris: Option<Vec<String>>,
    expires: Timestamp,
}

/// Why a verifier attestation was refused.
#[derive(Debug, thiserror::Error)]
pub enum AttestationError {
    /// Not a signed attestation, of another `typ`, or its signature is wrong.
    #[error("the verifier attestation: {0}")]
    Jws(#[from] JwsError),
    /// There is none in the header.
    #[error("the request carries no verifier attestation")]
    Missing,
    /// A claim is missing or malformed.
    #[error("claim `{0}` of the verifier attestation is missing or malformed")]
    Claim(&'static str),
    /// Nobody that this wallet lets attest verifiers.
    #[error("`{0}` may not attest verifiers")]
    UnknownAttester(String),
    /// It is another verifier's.
    #[error("the verifier attestation is for another client identifier")]
    OtherSubject,
    /// `exp` has passed.
    #[error("the verifier attestation expired at {at}")]
    Expired {
        /// When it ended.
        at: Timestamp,
    },
    /// `iat` or `nbf` lies ahead.
    #[error("the verifier attestation is dated ahead")]
    Ahead,
}

impl Attestation {
    /// Who attested.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Whom: the client identifier without its prefix.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }

    fn verify(
        jwt: &str,
        client_id: &ClientId,
        attesters: &[Attester],
        now: Timestamp,
    ) -> Result<Self, AttestationError> {
        let jws = Unverified::parse(jwt)?;
        jws.expect_typ(ATTESTATION_TYP)?;
        let named = jws.dangerous_claims()?.get("iss").and_then(Value::as_str).map(str::to_owned);
        let named = named.ok_or(AttestationError::Claim("iss"))?;
        let mut failure = AttestationError::UnknownAttester(http::shorten(&named));
        for attester in attesters.iter().filter(|attester| attester.identifier == named) {
            match jws.verify_claims(&attester.key) {
                Ok(claims) => return Self::of_claims(&claims, client_id, now),
                Err(error) => failure = error.into(),
            }
        }
        Err(failure)
    }

    fn of_claims(claims: &Map<String, Value>, client_id: &ClientId, now: Timestamp) -> Result<Self, AttestationError> {
        let attestation = Self::read(claims)?;
        if attestation.subject != client_id.original() {
            return Err(AttestationError::OtherSubject);
        }
        if now >= attestation.expires {
            return Err(AttestationError::Expired { at: attestation.expires });
        }
        for name in ["iat", "nbf"] {
            let at = request::instant(claims, name).map_err(|_| AttestationError::Claim(name))?;
            if at.is_some_and(|at| at.duration_since(now) > MAX_AHEAD) {
                return Err(AttestationError::Ahead);
            }
        }
        Ok(attestation)
    }

    fn read(claims: &Map<String, Value>) -> Result<Self, AttestationError> {
        let malformed = AttestationError::Claim;
        let text = |name: &'static str| {
            claims.get(name).and_then(Value::as_str).map(str::to_owned).ok_or(AttestationError::Claim(name))
        };
        let jwk = claims.get("cnf").and_then(|cnf| cnf.get("jwk")).ok_or(malformed("cnf"))?;
        let key = Jwk::from_value(jwk).and_then(|jwk| jwk.public_key()).map_err(|_| malformed("cnf"))?;
        let redirect_uris = match claims.get("redirect_uris") {
            None => None,
            Some(Value::Array(list)) if list.len() <= MAX_REDIRECT_URIS => {
                let uris = list.iter().map(|uri| uri.as_str().map(str::to_owned).ok_or(malformed("redirect_uris")));
                Some(uris.collect::<Result<_, _>>()?)
            }
            Some(_) => return Err(malformed("redirect_uris")),
        };
        let expires = request::instant(claims, "exp").ok().flatten().ok_or(malformed("exp"))?;
        Ok(Self { issuer: text("iss")?, subject: text("sub")?, key, redirect_uris, expires })
    }
}

/// Whose request object this is, and its claims: the one place where a request is authenticated, whatever its prefix.
pub(super) fn authenticate(
    jws: &Unverified,
    client_id: &ClientId,
    terms: &Terms<'_>,
    now: Timestamp,
) -> Result<(Maker, Map<String, Value>), Error> {
    jws.expect_typ(request::TYP)?;
    let (maker, key) = match client_id.prefix() {
        Prefix::X509Hash | Prefix::X509SanDns => {
            let chain = jws.x5c()?;
            let [leaf, ..] = &chain[..] else { return Err(X509Error::Missing.into()) };
            if !client_id.is_of(leaf) {
                return Err(Error::OtherCertificate);
            }
            let key = leaf.public_key()?;
            (Maker::Certificate(chain), key)
        }
        Prefix::DecentralizedIdentifier => {
            let method = jws.header_text("kid").filter(|method| is_method_of(method, client_id));
            let method = method.ok_or(Error::OtherMethod)?;
            let known = terms.verification_methods.iter().find(|(known, _)| known == method);
            let (method, key) = known.ok_or_else(|| Error::UnresolvedMethod(http::shorten(method)))?;
            (Maker::VerificationMethod { method: method.clone(), key: key.clone() }, key.clone())
        }
        Prefix::VerifierAttestation => {
            let jwt = jws.header_text("jwt").ok_or(AttestationError::Missing)?;
            let attestation = Attestation::verify(jwt, client_id, terms.attesters, now)?;
            let key = attestation.key.clone();
            (Maker::Attested(attestation), key)
        }
        // Section 5.9.3: there is no key that could be trusted, so a signature proves nothing.
        Prefix::RedirectUri => return Err(Error::CanNotBeSigned),
    };
    let claims = jws.verify_claims(&key)?;
    Ok((maker, claims))
}
