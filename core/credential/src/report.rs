//! Verifying for somebody who wants to know why: every check by name, with its outcome and, for a failure, the field, the
//! expected and the found value.
//!
//! The checks are those of the formats' own `authenticate` and of [`Authentic::settle`]; nothing is checked twice or
//! otherwise. They run in order and end at the first failure, so what stands behind it was not reached.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::Value;
use warifu_keys::x509::{Certificate, X509Error};
use warifu_keys::{PublicKey, base64url, cbor};

use crate::inspect::from_hex;
use crate::status::{StatusReference, StatusToken};
use crate::{Authentic, Format, SettleError, mdoc, sd_jwt};

mod failure;

use failure::Failure;

/// How long ago a presentation may have been made.
const MAX_AGE: SignedDuration = SignedDuration::from_mins(5);
/// How far the holder's clock may be off.
const LEEWAY: SignedDuration = SignedDuration::from_secs(60);

/// The checks, in the order in which they are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckName {
    /// The bytes are of the format, and of an acceptable version, type and algorithm.
    WellFormed,
    /// The issuer's certificate chain ends at a trusted certificate and is made for signing credentials.
    IssuerTrusted,
    /// The issuer's signature is right.
    Signature,
    /// Everything disclosed is what the issuer signed.
    Digests,
    /// The credential is within its validity.
    NotExpired,
    /// The holder signed this presentation, as it came and lately, with the key the credential is bound to.
    KeyBinding,
    /// The presentation was made for this verifier.
    Aud,
    /// The presentation was made for this request.
    Nonce,
    /// The issuer's status list says valid.
    NotRevoked,
}

impl CheckName {
    /// All checks.
    pub const ALL: [Self; 9] = [
        Self::WellFormed,
        Self::IssuerTrusted,
        Self::Signature,
        Self::Digests,
        Self::NotExpired,
        Self::KeyBinding,
        Self::Aud,
        Self::Nonce,
        Self::NotRevoked,
    ];

    /// The name on the wire.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::WellFormed => "well_formed",
            Self::IssuerTrusted => "issuer_trusted",
            Self::Signature => "signature",
            Self::Digests => "digests",
            Self::NotExpired => "not_expired",
            Self::KeyBinding => "key_binding",
            Self::Aud => "aud",
            Self::Nonce => "nonce",
            Self::NotRevoked => "not_revoked",
        }
    }
}

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It holds.
    Pass,
    /// It does not hold.
    Fail,
    /// It was not reached, or not asked for.
    NotRun,
}

/// One check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// Which.
    pub name: CheckName,
    /// How it ended.
    pub outcome: Outcome,
    /// What was looked at, where a failure is about one field.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// What should have stood there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
    /// What stood there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub found: Option<String>,
    /// The value or the reason, in words.
    pub detail: String,
}

/// What the verifier knows.
#[derive(Debug, Clone, Copy)]
pub struct Terms<'a> {
    /// Certificates of trusted issuers or of the authorities above them.
    pub anchors: &'a [Certificate],
    /// The instant of the check.
    pub now: Timestamp,
    /// The request that was answered; `None` looks at the credential only.
    pub request: Option<Request<'a>>,
}

/// The request that a presentation answers.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The verifier's client identifier with its prefix, or `origin:…` for the Digital Credentials API.
    pub audience: &'a str,
    /// Its nonce.
    pub nonce: &'a str,
    /// Where the answer went, which an mdoc answer signs too.
    pub response_uri: Option<&'a str>,
    /// The key that the answer was encrypted to, which an mdoc answer signs too.
    pub encryption_key: Option<&'a PublicKey>,
}

impl<'a> Request<'a> {
    fn handover(&self) -> mdoc::Handover<'a> {
        let Self { audience, nonce, response_uri, encryption_key } = *self;
        match audience.strip_prefix("origin:") {
            Some(origin) => mdoc::Handover::OpenId4VpDcApi { origin, nonce, encryption_key },
            None => mdoc::Handover::OpenId4Vp {
                client_id: audience,
                nonce,
                encryption_key,
                response_uri: response_uri.unwrap_or_default(),
            },
        }
    }
}

/// The checks of a credential up to its status.
#[derive(Debug)]
pub struct Verification {
    format: Option<Format>,
    checks: Vec<Check>,
    authentic: Option<Authentic>,
}

/// Every check of a credential.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Whether no check failed and none that matters was left out.
    pub verified: bool,
    /// Format identifier, where it was recognised.
    pub format: Option<&'static str>,
    /// Every check, in the order of [`CheckName::ALL`].
    pub checks: Vec<Check>,
    /// The disclosed claims; only of a credential that is verified.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub claims: Option<Value>,
}

/// Runs every check but the status: on an SD-JWT VC (compact or JSON form) or an mdoc (`IssuerSigned` or `DeviceResponse`,
/// as CBOR, base64url or hexadecimal), with or without a proof of possession.
#[must_use]
pub fn verify(bytes: &[u8], terms: &Terms<'_>) -> Verification {
    let mut verification =
        Verification { format: None, checks: CheckName::ALL.map(not_reached).into(), authentic: None };
    let text = std::str::from_utf8(bytes).ok().map(str::trim);
    match text {
        Some(text) if text.contains('~') => verification.sd_jwt(text, terms),
        Some(text) if text.starts_with('{') => match sd_jwt::to_compact(text.as_bytes()) {
            Ok(compact) => verification.sd_jwt(&compact, terms),
            Err(error) => verification.unknown(&error.to_string()),
        },
        _ => match mdoc_bytes(bytes, text) {
            Some(bytes) => verification.mdoc(&bytes, terms),
            None => verification.unknown("neither SD-JWT VC nor mdoc"),
        },
    }
    verification
}

/// The CBOR behind bytes, base64url or hexadecimal digits.
fn mdoc_bytes(bytes: &[u8], text: Option<&str>) -> Option<Vec<u8>> {
    let decoded = [Some(bytes.to_vec()), text.and_then(|text| base64url::decode(text).ok()), text.and_then(from_hex)];
    decoded.into_iter().flatten().find(|bytes| matches!(cbor::parse(bytes), Ok(value) if value.is_map()))
}

fn not_reached(name: CheckName) -> Check {
    let detail = "not reached".to_owned();
    Check { name, outcome: Outcome::NotRun, field: None, expected: None, found: None, detail }
}

impl Verification {
    /// The status list entry to look up before [`Verification::settle`]; `None` where there is none or an earlier check
    /// failed.
    #[must_use]
    pub fn status_reference(&self) -> Option<&StatusReference> {
        self.authentic.as_ref()?.status_reference()
    }

    /// The issuer's chain, once it is known.
    #[must_use]
    pub fn authentic(&self) -> Option<&Authentic> {
        self.authentic.as_ref()
    }

    /// The report, with the status by `token`, or why there is none; a credential that names no list needs none.
    #[must_use]
    pub fn settle(mut self, token: Option<Result<&StatusToken, String>>, now: Timestamp) -> Report {
        let Some(authentic) = self.authentic.take() else { return self.report(None) };
        let settled = match (authentic.status_reference().is_some(), token) {
            (false, _) => {
                self.pass(CheckName::NotRevoked, "the credential names no status list");
                authentic.settle_without_status(now)
            }
            (true, Some(Ok(token))) => {
                self.pass(CheckName::NotRevoked, "valid");
                authentic.settle(token, now)
            }
            (true, Some(Err(why))) => {
                self.fail(CheckName::NotRevoked, Failure::plain(CheckName::NotRevoked, why));
                return self.report(None);
            }
            (true, None) => {
                self.leave(CheckName::NotRevoked, "the status list was not looked up");
                return self.report(None);
            }
        };
        match settled {
            Ok(verified) => self.report(Some(verified.claims().clone())),
            Err(error @ SettleError::Expired { .. }) => {
                self.fail(CheckName::NotExpired, Failure::plain(CheckName::NotExpired, error.to_string()));
                self.report(None)
            }
            Err(error) => {
                self.fail(CheckName::NotRevoked, Failure::of_status(&error));
                self.report(None)
            }
        }
    }

    fn report(self, claims: Option<Value>) -> Report {
        let verified = claims.is_some() && self.checks.iter().all(|check| check.outcome != Outcome::Fail);
        Report { verified, format: self.format.map(Format::identifier), checks: self.checks, claims }
    }

    fn unknown(&mut self, why: &str) {
        self.fail(CheckName::WellFormed, Failure::plain(CheckName::WellFormed, why.to_owned()));
    }

    fn sd_jwt(&mut self, text: &str, terms: &Terms<'_>) {
        self.format = Some(Format::SdJwtVc);
        let end = text.rfind('~').map_or(text.len(), |at| at + 1);
        let is_bound = end < text.len();
        let outcome = match terms.request {
            Some(request) if is_bound => {
                let rules = sd_jwt::KeyBindingRules {
                    audience: request.audience,
                    nonce: request.nonce,
                    max_age: MAX_AGE,
                    leeway: LEEWAY,
                };
                let presentation = sd_jwt::Presentation::parse(text);
                presentation
                    .and_then(|presentation| presentation.authenticate(terms.anchors, terms.now, &rules))
                    .map(|(authentic, _)| authentic)
            }
            Some(_) | None => sd_jwt::Received::parse(&text[..end])
                .and_then(|received| received.authenticate(terms.anchors, terms.now)),
        };
        match outcome {
            Ok(authentic) => {
                self.passed(&authentic);
                match (terms.request, is_bound) {
                    (Some(_), false) => {
                        let missing = Failure::of_sd_jwt(&sd_jwt::Error::NoKeyBinding, terms);
                        self.fail(CheckName::KeyBinding, missing);
                    }
                    (Some(request), true) => self.bound(&request, "the holder key signed this presentation"),
                    (None, _) => self.unasked(),
                }
                let failed = self.checks.iter().any(|check| check.outcome == Outcome::Fail);
                self.authentic = (!failed).then_some(authentic);
            }
            Err(error) => self.failed(Failure::of_sd_jwt(&error, terms)),
        }
    }

    fn mdoc(&mut self, bytes: &[u8], terms: &Terms<'_>) {
        self.format = Some(Format::Mdoc);
        let is_response = cbor::parse(bytes).is_ok_and(|value| cbor::member(&value, "issuerAuth").is_none());
        let outcome = match (is_response, terms.request) {
            (false, _) => {
                mdoc::Received::parse(bytes).and_then(|received| received.authenticate(terms.anchors, terms.now))
            }
            (true, Some(request)) => {
                let transcript = mdoc::SessionTranscript::new(&request.handover());
                let session = mdoc::Session { transcript: &transcript, reader_key: None };
                mdoc::DeviceResponse::parse(bytes)
                    .and_then(mdoc::DeviceResponse::only)
                    .and_then(|document| document.authenticate(terms.anchors, terms.now, &session))
                    .map(|(authentic, _)| authentic)
            }
            (true, None) => mdoc::DeviceResponse::parse(bytes)
                .and_then(mdoc::DeviceResponse::only)
                .and_then(|document| document.authenticate_without_device(terms.anchors, terms.now)),
        };
        match outcome {
            Ok(authentic) => {
                self.passed(&authentic);
                match (terms.request, is_response) {
                    (Some(_), false) => {
                        let why = "the device signed nothing: this is what the issuer handed out".to_owned();
                        self.fail(CheckName::KeyBinding, Failure::plain(CheckName::KeyBinding, why));
                    }
                    (Some(request), true) => self.bound(&request, "the device key signed this session"),
                    (None, _) => self.unasked(),
                }
                let failed = self.checks.iter().any(|check| check.outcome == Outcome::Fail);
                self.authentic = (!failed).then_some(authentic);
            }
            Err(error) => self.failed(Failure::of_mdoc(&error, terms)),
        }
    }

    /// Everything that makes a credential authentic holds.
    fn passed(&mut self, authentic: &Authentic) {
        let issuer = authentic.issuer();
        self.pass(CheckName::WellFormed, authentic.vct());
        self.pass(CheckName::IssuerTrusted, &format!("{} under {}", issuer.leaf.subject(), issuer.anchor.subject()));
        self.pass(CheckName::Signature, "by the key of the issuer's certificate");
        self.pass(CheckName::Digests, "everything disclosed was signed");
        let until = authentic.expires().map_or("without end".to_owned(), |at| format!("until {at}"));
        self.pass(CheckName::NotExpired, &until);
    }

    fn bound(&mut self, request: &Request<'_>, by: &str) {
        self.pass(CheckName::KeyBinding, by);
        self.pass(CheckName::Aud, request.audience);
        self.pass(CheckName::Nonce, request.nonce);
    }

    fn unasked(&mut self) {
        for name in [CheckName::KeyBinding, CheckName::Aud, CheckName::Nonce] {
            self.leave(name, "not asked for: no nonce and audience were given");
        }
    }

    fn failed(&mut self, failure: Failure) {
        for name in failure.behind.iter().copied() {
            self.pass(name, "");
        }
        self.fail(failure.check, failure);
    }

    fn pass(&mut self, name: CheckName, detail: &str) {
        self.set(Check { outcome: Outcome::Pass, detail: detail.to_owned(), ..not_reached(name) });
    }

    fn leave(&mut self, name: CheckName, detail: &str) {
        self.set(Check { detail: detail.to_owned(), ..not_reached(name) });
    }

    fn fail(&mut self, name: CheckName, failure: Failure) {
        let Failure { field, expected, found, detail, .. } = failure;
        self.set(Check { name, outcome: Outcome::Fail, field, expected, found, detail });
    }

    fn set(&mut self, check: Check) {
        if let Some(place) = self.checks.iter_mut().find(|place| place.name == check.name) {
            *place = check;
        }
    }
}

#[cfg(test)]
mod tests;
