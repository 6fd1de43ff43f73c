//! Registration certificates: what a verifier has registered to ask for, and why (ETSI TS 119 475 V1.2.1 section 5.2), as
//! entries of `verifier_info` (OpenID4VP 1.0 section 5.11).
//!
//! [`ReceivedRegistration`] is what came, [`Registration`] what a registrar says. A wallet asks whether it is the asking
//! party's ([`Registration::check_party`]) and whether the request stays within it ([`check_registered`]); where not, it
//! warns its user or refuses (ARF 3.0 RPRC_17, RPRC_21).
//!
//! The value of `format` in ETSI TS 119 472-2 is not public, so every one that was seen is read ([`FORMATS`]). Left out: the
//! CWT form, whose claim keys are not defined, and fetching the status list, which is the caller's.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};
use warifu_credential::status::StatusReference;
use warifu_credential::{ClaimPath, PathStep};
use warifu_keys::jws::{JwsError, Unverified};
use warifu_keys::x509::{Certificate, Purpose as CertificatePurpose, X509Error, verify_chain};

use crate::dcql::{CredentialQuery, Meta, Query};
use crate::http;

use super::identity::MAX_AHEAD;
use super::purpose::Purpose;
use super::request::{self, MAX_VERIFIER_INFO};

/// `typ` of a registration certificate.
pub const TYP: &str = "rc-wrp+jwt";
/// The values of `format` under which registration certificates are read. `jwt` is shared with other attestations: there
/// the `typ` decides.
pub const FORMATS: [&str; 3] = ["registration_cert", "registration_certificate_jwt", SHARED_FORMAT];
const SHARED_FORMAT: &str = "jwt";
/// Longest life of a registration certificate: twelve months, one of them a leap year's.
const MAX_LIFE: SignedDuration = SignedDuration::from_hours(24 * 366);
/// Most registered credentials, and claims of one.
const MAX_CREDENTIALS: usize = 256;
/// Most entitlements.
const MAX_ENTITLEMENTS: usize = 32;

/// Why a registration certificate was refused.
#[derive(Debug, thiserror::Error)]
pub enum RegistrationError {
    /// Not a signed JWT of this type, or its signature is wrong.
    #[error("the registration certificate: {0}")]
    Jws(#[from] JwsError),
    /// It was not signed by a registrar.
    #[error("the registration certificate's signer: {0}")]
    Signer(#[from] X509Error),
    /// A claim is missing or malformed.
    #[error("claim `{0}` of the registration certificate is missing or malformed")]
    Claim(&'static str),
    /// An entry of `verifier_info` under a format of its own that is no text.
    #[error("the registration certificate is not a text")]
    NotText,
    /// `exp` has passed, or twelve months since `iat`.
    #[error("the registration certificate expired at {at}")]
    Expired {
        /// When it ended.
        at: Timestamp,
    },
    /// `iat` lies ahead.
    #[error("the registration certificate is dated ahead")]
    Ahead,
    /// It is another party's than the access certificate's.
    #[error("the registration certificate is that of `{registered}`")]
    OtherParty {
        /// Whose it is.
        registered: String,
    },
}

/// A registration certificate that came with a request: nothing in it may be believed.
#[derive(Debug, Clone)]
pub struct ReceivedRegistration {
    jws: Unverified,
    credential_ids: Option<Vec<String>>,
}

impl ReceivedRegistration {
    /// Every registration certificate in `verifier_info`; entries of other formats are passed over.
    pub fn from_verifier_info(info: &Value) -> Result<Vec<Self>, RegistrationError> {
        let mut found = Vec::new();
        for entry in info.as_array().into_iter().flatten().take(MAX_VERIFIER_INFO) {
            let format = entry.get("format").and_then(Value::as_str).unwrap_or_default();
            if !FORMATS.contains(&format) {
                continue;
            }
            let parsed = entry.get("data").and_then(Value::as_str).map(Unverified::parse);
            let jws = match (parsed, format == SHARED_FORMAT) {
                (Some(Ok(jws)), true) if jws.expect_typ(TYP).is_err() => continue,
                (Some(Ok(jws)), _) => jws,
                (Some(Err(_)) | None, true) => continue,
                (Some(Err(error)), false) => return Err(error.into()),
                (None, false) => return Err(RegistrationError::NotText),
            };
            let ids = entry.get("credential_ids").and_then(Value::as_array);
            let ids = ids.map(|ids| ids.iter().filter_map(|id| id.as_str().map(str::to_owned)).collect());
            found.push(Self { jws, credential_ids: ids });
        }
        Ok(found)
    }

    /// Checks that a registrar under one of `anchors` signed it, and that it is in date. Whether it was revoked says
    /// [`Registration::status`].
    pub fn authenticate(self, anchors: &[Certificate], now: Timestamp) -> Result<Registration, RegistrationError> {
        self.jws.expect_typ(TYP)?;
        let chain = self.jws.x5c()?;
        let signer = verify_chain(&chain, anchors, CertificatePurpose::Registrar, now)?;
        let claims = self.jws.verify_claims(&signer.leaf.public_key()?)?;
        let registration = Registration::from_claims(&claims, self.credential_ids)?;
        if now >= registration.expires {
            return Err(RegistrationError::Expired { at: registration.expires });
        }
        if registration.issued.duration_since(now) > MAX_AHEAD {
            return Err(RegistrationError::Ahead);
        }
        Ok(registration)
    }
}

/// What a registrar says about a relying party and one intended use.
#[derive(Debug, Clone, PartialEq)]
pub struct Registration {
    subject: String,
    name: String,
    entitlements: Vec<String>,
    intended_use: Option<String>,
    credentials: Vec<RegisteredCredential>,
    purpose: Option<Purpose>,
    privacy_policy: Option<String>,
    status: Option<StatusReference>,
    issued: Timestamp,
    expires: Timestamp,
    credential_ids: Option<Vec<String>>,
}

/// A credential that may be asked for, and which of its claims; `None` says all.
#[derive(Debug, Clone, PartialEq)]
struct RegisteredCredential {
    format: String,
    meta: Meta,
    claims: Option<Vec<ClaimPath>>,
}

/// What a request asks beyond what is registered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Beyond {
    /// A credential of a type that is not registered.
    #[error("the type of credential `{query_id}` is not registered")]
    Type {
        /// Which credential query.
        query_id: String,
    },
    /// A credential without naming claims, which may be the whole of it, where only some are registered.
    #[error("credential `{query_id}` is asked for as a whole, and only parts of it are registered")]
    Whole {
        /// Which credential query.
        query_id: String,
    },
    /// A claim that is not registered.
    #[error("claim {path} of credential `{query_id}` is not registered")]
    Claim {
        /// Which credential query.
        query_id: String,
        /// The path in the query.
        path: ClaimPath,
    },
}

/// Whether everything that is asked for is registered. Each credential query must be covered by one of the certificates, of
/// those that are for it; without any, nothing is registered.
pub fn check_registered(registrations: &[Registration], query: &Query) -> Result<(), Beyond> {
    for credential in &query.credentials {
        let mut beyond = Some(Beyond::Type { query_id: credential.id.clone() });
        for registration in registrations.iter().filter(|registration| registration.is_for(&credential.id)) {
            match registration.check(credential) {
                Ok(()) => beyond = None,
                // The most telling reason: of a certificate that knows the type.
                Err(found) if matches!(beyond, Some(Beyond::Type { .. })) => beyond = Some(found),
                Err(_) => {}
            }
        }
        if let Some(beyond) = beyond {
            return Err(beyond);
        }
    }
    Ok(())
}

impl Registration {
    /// Reads a registration certificate without any check of its signer and its time: for the party itself, which got it from
    /// the registrar and holds its own requests against it. Never for one that came with a request.
    pub fn dangerous_read(jwt: &str) -> Result<Self, RegistrationError> {
        let jws = Unverified::parse(jwt)?;
        jws.expect_typ(TYP)?;
        Self::from_claims(&jws.dangerous_claims()?, None)
    }

    /// The relying party's identifier, such as `VATES-…`.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// The name that it trades under.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it is entitled to, as URIs of ETSI TS 119 475 annex A.
    #[must_use]
    pub fn entitlements(&self) -> &[String] {
        &self.entitlements
    }

    /// The identifier of the intended use.
    #[must_use]
    pub fn intended_use(&self) -> Option<&str> {
        self.intended_use.as_deref()
    }

    /// What it asks for, in the words that were registered.
    #[must_use]
    pub fn purpose(&self) -> Option<&Purpose> {
        self.purpose.as_ref()
    }

    /// Where its privacy policy stands; a text, not fit to be opened unseen.
    #[must_use]
    pub fn privacy_policy(&self) -> Option<&str> {
        self.privacy_policy.as_deref()
    }

    /// Where to see whether the certificate was revoked.
    #[must_use]
    pub fn status(&self) -> Option<&StatusReference> {
        self.status.as_ref()
    }

    /// When it ends.
    #[must_use]
    pub fn expires(&self) -> Timestamp {
        self.expires
    }

    /// Whether the certificate is that of the party with this organisation identifier: that of the access certificate which
    /// signed the request ([`Certificate::organization_identifier`]). A party without one has none.
    pub fn check_party(&self, organization_identifier: Option<&str>) -> Result<(), RegistrationError> {
        if organization_identifier == Some(self.subject.as_str()) {
            Ok(())
        } else {
            Err(RegistrationError::OtherParty { registered: http::shorten(&self.subject) })
        }
    }

    /// Whether the verifier brought the certificate for this credential query.
    fn is_for(&self, query_id: &str) -> bool {
        self.credential_ids.as_ref().is_none_or(|ids| ids.iter().any(|id| id == query_id))
    }

    /// Every type that the query takes must be registered with every claim: the wallet could answer with any of them.
    fn check(&self, query: &CredentialQuery) -> Result<(), Beyond> {
        let query_id = || query.id.clone();
        for wanted in each_type(&query.meta) {
            let same = |registered: &&RegisteredCredential| {
                registered.format == query.format && each_type(&registered.meta).contains(&wanted)
            };
            let registered: Vec<&RegisteredCredential> = self.credentials.iter().filter(same).collect();
            if registered.is_empty() {
                return Err(Beyond::Type { query_id: query_id() });
            }
            if registered.iter().any(|credential| credential.claims.is_none()) {
                continue;
            }
            let Some(claims) = &query.claims else { return Err(Beyond::Whole { query_id: query_id() }) };
            let paths = || registered.iter().flat_map(|credential| credential.claims.iter().flatten());
            if let Some(claim) = claims.iter().find(|claim| !paths().any(|path| covers(path, &claim.path))) {
                return Err(Beyond::Claim { query_id: query_id(), path: claim.path.clone() });
            }
        }
        if each_type(&query.meta).is_empty() { Err(Beyond::Type { query_id: query_id() }) } else { Ok(()) }
    }

    fn from_claims(
        claims: &Map<String, Value>,
        credential_ids: Option<Vec<String>>,
    ) -> Result<Self, RegistrationError> {
        let malformed = RegistrationError::Claim;
        let optional = |name: &'static str| match claims.get(name) {
            None => Ok(None),
            Some(Value::String(text)) if !text.is_empty() && text.len() <= http::MAX_URL_BYTES => {
                Ok(Some(text.clone()))
            }
            Some(_) => Err(RegistrationError::Claim(name)),
        };
        let text = |name: &'static str| optional(name)?.ok_or(RegistrationError::Claim(name));
        let list = |name: &'static str, most: usize| {
            let list = claims.get(name).and_then(Value::as_array).filter(|list| (1..=most).contains(&list.len()));
            list.ok_or(RegistrationError::Claim(name))
        };
        let entitlement = |item: &Value| item.as_str().map(str::to_owned).ok_or(malformed("entitlements"));
        let instant = |name: &'static str| request::instant(claims, name).map_err(|_| RegistrationError::Claim(name));
        let issued = instant("iat")?.ok_or(malformed("iat"))?;
        let longest = issued.checked_add(MAX_LIFE).unwrap_or(Timestamp::MAX);
        let expires = instant("exp")?.unwrap_or(longest);
        if expires > longest {
            return Err(malformed("exp"));
        }
        let status = claims.get("status").map(StatusReference::from_status_claim).transpose();
        let registered = list("credentials", MAX_CREDENTIALS)?.iter();
        Ok(Self {
            subject: text("sub")?,
            name: text("name")?,
            entitlements: list("entitlements", MAX_ENTITLEMENTS)?.iter().map(entitlement).collect::<Result<_, _>>()?,
            intended_use: optional("intended_use_id")?,
            credentials: registered.map(RegisteredCredential::from_value).collect::<Result<_, _>>()?,
            purpose: purpose(claims)?,
            privacy_policy: optional("privacy_policy")?,
            status: status.map_err(|_| malformed("status"))?,
            issued,
            expires,
            credential_ids,
        })
    }
}

/// `purpose`: texts with `lang`, and `value` or `content` (both spellings stand in TS 119 475).
fn purpose(claims: &Map<String, Value>) -> Result<Option<Purpose>, RegistrationError> {
    let malformed = || RegistrationError::Claim("purpose");
    let Some(value) = claims.get("purpose") else { return Ok(None) };
    let text = |item: &Value| {
        let lang = item.get("lang")?.as_str()?.to_owned();
        Some((lang, item.get("value").or_else(|| item.get("content"))?.as_str()?.to_owned()))
    };
    let texts = value.as_array().ok_or_else(malformed)?.iter().map(text).collect::<Option<Vec<_>>>();
    Purpose::new(texts.ok_or_else(malformed)?).map(Some).map_err(|_| malformed())
}

impl RegisteredCredential {
    /// One of `credentials`: format and meta as in a query, claims under `claim` or `claims`.
    fn from_value(value: &Value) -> Result<Self, RegistrationError> {
        let malformed = || RegistrationError::Claim("credentials");
        let member = |name: &str| value.get(name).cloned().unwrap_or_default();
        let same =
            json!({ "credentials": [{ "id": "registered", "format": member("format"), "meta": member("meta") }] });
        let query = Query::from_value(&same).map_err(|_| malformed())?.credentials.into_iter().next();
        let CredentialQuery { format, meta, .. } = query.ok_or_else(malformed)?;
        let claims = match value.get("claim").or_else(|| value.get("claims")) {
            None => None,
            Some(Value::Array(list)) if (1..=MAX_CREDENTIALS).contains(&list.len()) => {
                let path = |item: &Value| item.get("path").and_then(|path| ClaimPath::from_value(path).ok());
                Some(list.iter().map(path).collect::<Option<_>>().ok_or_else(malformed)?)
            }
            Some(_) => return Err(malformed()),
        };
        Ok(Self { format, meta, claims })
    }
}

/// The types that a `meta` names, each whole; none for a format that is not known.
fn each_type(meta: &Meta) -> Vec<Vec<String>> {
    match meta {
        Meta::SdJwtVc(values) => values.iter().map(|value| vec![value.clone()]).collect(),
        Meta::Mdoc(value) => vec![vec![value.clone()]],
        Meta::W3c(values) => values
            .iter()
            .map(|types| {
                let mut types = types.clone();
                types.sort();
                types
            })
            .collect(),
        Meta::Other(_) => Vec::new(),
    }
}

/// Whether a registered path leads to what is asked for, or to something around it.
fn covers(registered: &ClaimPath, asked: &ClaimPath) -> bool {
    registered.steps().len() <= asked.steps().len()
        && registered.steps().iter().zip(asked.steps()).all(|(registered, asked)| match (registered, asked) {
            (PathStep::Every, PathStep::Index(_)) => true,
            (registered, asked) => registered == asked,
        })
}
