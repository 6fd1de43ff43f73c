//! Which check an error belongs to, and the values it speaks of.

use warifu_keys::cose::CoseError;
use warifu_keys::jws::JwsError;

use super::{CheckName, Terms, X509Error};
use crate::{SettleError, mdoc, sd_jwt};

/// Why a check failed.
pub(super) struct Failure {
    pub(super) check: CheckName,
    /// The checks that passed before it.
    pub(super) behind: &'static [CheckName],
    pub(super) field: Option<String>,
    pub(super) expected: Option<String>,
    pub(super) found: Option<String>,
    pub(super) detail: String,
}

use CheckName::{Aud, Digests, IssuerTrusted, KeyBinding, Nonce, NotExpired, NotRevoked, Signature, WellFormed};

/// The order in which the checks of an SD-JWT VC run.
const SD_JWT: &[CheckName] = &[WellFormed, IssuerTrusted, Signature, Digests, NotExpired, KeyBinding, Aud, Nonce];
/// The order in which the checks of an mdoc run.
const MDOC: &[CheckName] = &[WellFormed, IssuerTrusted, Signature, NotExpired, Digests, KeyBinding];

impl Failure {
    pub(super) fn plain(check: CheckName, detail: String) -> Self {
        Self { check, behind: &[], field: None, expected: None, found: None, detail }
    }

    fn at(check: CheckName, order: &'static [CheckName], detail: String) -> Self {
        let before = order.iter().position(|name| *name == check).unwrap_or_default();
        Self { behind: order.get(..before).unwrap_or_default(), ..Self::plain(check, detail) }
    }

    fn field(mut self, field: &str) -> Self {
        self.field = Some(field.to_owned());
        self
    }

    fn expected(mut self, expected: impl ToString) -> Self {
        self.expected = Some(expected.to_string());
        self
    }

    fn found(mut self, found: impl ToString) -> Self {
        self.found = Some(found.to_string());
        self
    }

    pub(super) fn of_status(error: &SettleError) -> Self {
        let failure = Self::plain(NotRevoked, error.to_string()).field("status");
        match error {
            SettleError::Revoked => failure.expected("valid").found("revoked"),
            SettleError::Suspended => failure.expected("valid").found("suspended"),
            SettleError::UnknownStatus(value) => failure.expected("valid").found(value),
            _ => failure,
        }
    }

    pub(super) fn of_sd_jwt(error: &sd_jwt::Error, terms: &Terms<'_>) -> Self {
        use sd_jwt::Error;
        let now = terms.now;
        let here = |check| Self::at(check, SD_JWT, error.to_string());
        // The holder's signature, the audience and the nonce were right before these are looked at.
        let late = || Self { behind: SD_JWT, ..here(KeyBinding) };
        match error {
            Error::Jws(error) => Self::of_jws(error, &here),
            Error::Issuer(error) => here(IssuerTrusted).of_chain(error),
            Error::IssuerMetadata(_) => here(IssuerTrusted).field("iss"),
            Error::HashAlgorithm(found) => {
                here(Digests).field("_sd_alg").expected("sha-256, sha-384 or sha-512").found(found)
            }
            Error::ReservedName(name) | Error::NameExists(name) => here(Digests).field(name),
            Error::NeverSelective(name) => here(Digests).field(name).expected("always visible").found("a disclosure"),
            Error::EntryInObject { at } => disclosure(here(Digests), *at).expected("salt, name, value"),
            Error::MemberInArray { at } => disclosure(here(Digests), *at).expected("salt, value"),
            Error::DuplicateDisclosure { at } | Error::UnreferencedDisclosure { at } => disclosure(here(Digests), *at),
            Error::TooDeep | Error::DigestList | Error::Placeholder | Error::DuplicateDigest | Error::NameTooLong => {
                here(Digests)
            }
            Error::DisclosureEncoding { at } | Error::DisclosureJson { at, .. } | Error::DisclosureShape { at } => {
                disclosure(here(WellFormed), *at)
            }
            Error::Claim(name) => here(Digests).field(name),
            Error::HolderKey(_) => here(Digests).field("cnf"),
            Error::NotYetValid { from } => here(NotExpired).field("nbf").expected(format!("before {now}")).found(from),
            Error::IssuedInFuture { at } => here(NotExpired).field("iat").expected(format!("before {now}")).found(at),
            Error::Expired { at } => here(NotExpired).field("exp").expected(format!("after {now}")).found(at),
            Error::CredentialAudience => here(KeyBinding).field("aud of the credential").expected(audience(terms)),
            Error::NoKeyBinding => here(KeyBinding).expected("a key binding JWT").found("none"),
            Error::NoHolderKey => here(KeyBinding).field("cnf").expected("a key").found("none"),
            Error::KeyBinding(_) | Error::KeyBindingAlgorithm | Error::KeyBindingSignature => here(KeyBinding),
            Error::KeyBindingType(found) => {
                here(KeyBinding).field("typ").expected(sd_jwt::KEY_BINDING_TYP).found(found)
            }
            Error::KeyBindingClaim(name) => here(KeyBinding).field(name),
            Error::Audience { found } => here(Aud).field("aud").expected(audience(terms)).found(found),
            Error::Nonce => {
                here(Nonce).field("nonce").expected(terms.request.map(|request| request.nonce).unwrap_or_default())
            }
            Error::KeyBindingTooOld { at } | Error::KeyBindingInFuture { at } => {
                late().field("iat").expected(format!("about {now}")).found(at)
            }
            Error::KeyBindingExpired { at } => late().field("exp").expected(format!("after {now}")).found(at),
            Error::KeyBindingNotYetValid { from } => late().field("nbf").expected(format!("before {now}")).found(from),
            Error::SdHash => late().field("sd_hash"),
            Error::Malformed
            | Error::JsonForm(_)
            | Error::TooManyDisclosures(_)
            | Error::KeyBindingFromIssuer
            | Error::IssuerChain(_)
            | Error::NotHeld { .. }
            | Error::NotTheHolderKey
            | Error::ExtraClaim(_)
            | Error::Signer(_) => here(WellFormed),
        }
    }

    fn of_jws(error: &JwsError, here: &dyn Fn(CheckName) -> Self) -> Self {
        match error {
            JwsError::Type { expected, found } => here(WellFormed).field("typ").expected(expected).found(found),
            JwsError::Algorithm(found) => {
                here(WellFormed).field("alg").expected("ES256, ES384, ES512 or EdDSA").found(found)
            }
            JwsError::AlgorithmMismatch { alg } => {
                here(Signature).field("alg").expected("the algorithm of the certificate's key").found(alg)
            }
            JwsError::BadSignature => here(Signature),
            JwsError::Certificate(error) => here(IssuerTrusted).of_chain(error),
            JwsError::Key(_) => here(IssuerTrusted),
            _ => here(WellFormed),
        }
    }

    /// Where a chain has two values to hold against each other, they are named; the others say it in their text.
    fn of_chain(self, error: &X509Error) -> Self {
        let failure = Self { detail: error.to_string(), ..self }.field("x5c");
        match error {
            X509Error::Missing => failure.expected("a certificate chain").found("none"),
            X509Error::NotValidNow { subject, from, until, now } => {
                failure.field(&format!("validity of {subject}")).expected(format!("{from} to {until}")).found(now)
            }
            X509Error::NoAnchor { issuer } => {
                failure.field("issuer").expected("the subject of a trusted certificate").found(issuer)
            }
            X509Error::NameMismatch { subject, issuer } => {
                failure.field(&format!("issuer of {subject}")).expected(issuer)
            }
            X509Error::WrongPurpose { subject, expected } => {
                failure.field(&format!("extended key usage of {subject}")).expected(expected)
            }
            _ => failure,
        }
    }

    pub(super) fn of_mdoc(error: &mdoc::Error, terms: &Terms<'_>) -> Self {
        use mdoc::Error;
        let now = terms.now;
        let here = |check| Self::at(check, MDOC, error.to_string());
        match error {
            Error::Issuer(error) | Error::IssuerAuth(CoseError::Certificate(error)) => {
                here(IssuerTrusted).of_chain(error)
            }
            Error::SignerCountry { signer, authority } => {
                here(IssuerTrusted).field("countryName").expected(authority).found(signer)
            }
            Error::IssuerAuth(_) => here(Signature).field("issuerAuth"),
            Error::ValidityInfo(_) => here(NotExpired).field("validityInfo"),
            Error::SignedInFuture { at } => {
                here(NotExpired).field("signed").expected(format!("before {now}")).found(at)
            }
            Error::NotYetValid { from } => {
                here(NotExpired).field("validFrom").expected(format!("before {now}")).found(from)
            }
            Error::Expired { at } => here(NotExpired).field("validUntil").expected(format!("after {now}")).found(at),
            Error::DocType { document, signed } => here(Digests).field("docType").expected(signed).found(document),
            Error::NoDigest { namespace, element } | Error::DigestMismatch { namespace, element } => {
                here(Digests).field(&format!("{namespace}/{element}"))
            }
            Error::IssuingCountry { found, signer } => {
                here(Digests).field("issuing_country").expected(signer).found(found)
            }
            Error::DeviceSignature(_) => here(KeyBinding).field("deviceSignature"),
            Error::DeviceMac(_) | Error::NoReaderKey => here(KeyBinding).field("deviceMac"),
            Error::NotAuthorized { namespace, element } => {
                here(KeyBinding).field(&format!("{namespace}/{element}")).expected("named in keyAuthorizations")
            }
            Error::Version { part, found } => here(WellFormed).field(part).expected(mdoc::VERSION).found(found),
            Error::Status(found) => here(WellFormed).field("status").expected(0).found(found),
            Error::SeveralDocuments(found) => here(WellFormed).field("documents").expected(1).found(found),
            Error::Member(name) => here(WellFormed).field(name),
            Error::DigestAlgorithm(found) => {
                here(WellFormed).field("digestAlgorithm").expected("SHA-256, SHA-384 or SHA-512").found(found)
            }
            Error::DuplicateElement { namespace, element } => here(WellFormed).field(&format!("{namespace}/{element}")),
            Error::ShortRandom { element, length } => {
                here(WellFormed).field(element).expected("16 bytes or more").found(length)
            }
            _ => here(WellFormed),
        }
    }
}

fn disclosure(failure: Failure, at: usize) -> Failure {
    failure.field(&format!("disclosure {at}"))
}

fn audience(terms: &Terms<'_>) -> String {
    terms.request.map(|request| request.audience.to_owned()).unwrap_or_default()
}
