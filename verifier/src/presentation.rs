//! Verifies what a wallet answered and names every check (OpenID4VP 1.0 section 8.6, in that order).

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use warifu_credential::sd_jwt::{Error as SdJwtError, KeyBindingRules, KeyBound, Presentation};
use warifu_credential::selfie_reauth::{self, Entry};
use warifu_credential::{Authentic, SettleError, Verified};
use warifu_keys::PublicKey;
use warifu_openid4vc::dcql::{Candidate, Query, check_response};

use crate::Verifier;

/// How old a key binding JWT may be: the life of a request, since its nonce is the request's own.
const KEY_BINDING_AGE: SignedDuration = SignedDuration::from_mins(15);
/// How far the wallet's clock may run ahead.
const LEEWAY: SignedDuration = SignedDuration::from_secs(60);

/// The checks, in the order in which they are made and shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckName {
    /// The issuer's signature over the credential, and every disclosure has its digest in it.
    Signature,
    /// The issuer is granted KYC issuance in the trusted list.
    IssuerTrusted,
    /// The holder signed this presentation with the key the credential is bound to.
    KeyBinding,
    /// The presentation was made for this verifier.
    Aud,
    /// The presentation was made for this request.
    Nonce,
    /// Only allowed algorithms.
    AlgAllowed,
    /// The credential is within its validity.
    NotExpired,
    /// The issuer's status list says valid.
    NotRevoked,
    /// What was asked for came, no more.
    QuerySatisfied,
    /// A fresh selfie matched the template that the credential commits to.
    SelfieReauth,
}

impl CheckName {
    /// All checks.
    pub const ALL: [Self; 10] = [
        Self::Signature,
        Self::IssuerTrusted,
        Self::KeyBinding,
        Self::Aud,
        Self::Nonce,
        Self::AlgAllowed,
        Self::NotExpired,
        Self::NotRevoked,
        Self::QuerySatisfied,
        Self::SelfieReauth,
    ];

    /// The name on the wire.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Signature => "signature",
            Self::IssuerTrusted => "issuer_trusted",
            Self::KeyBinding => "key_binding",
            Self::Aud => "aud",
            Self::Nonce => "nonce",
            Self::AlgAllowed => "alg_allowed",
            Self::NotExpired => "not_expired",
            Self::NotRevoked => "not_revoked",
            Self::QuerySatisfied => "query_satisfied",
            Self::SelfieReauth => "selfie_reauth",
        }
    }
}

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It holds.
    Pass,
    /// It does not hold.
    Fail,
    /// It was not reached, or not asked for.
    NotRun,
}

/// One check with its outcome and, where there is one, the value or reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// Which check.
    pub name: CheckName,
    /// How it ended.
    pub outcome: Outcome,
    /// The value found or the reason, in words; no claim values.
    pub detail: String,
}

/// What came of verifying one answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Every check, also those that were not reached.
    pub checks: Vec<Check>,
    /// The disclosed claims; empty unless every check holds.
    pub claims: Map<String, Value>,
    /// Name of the issuer in the trusted list, once known.
    pub issuer: Option<String>,
}

impl Report {
    /// A report in which no check was reached.
    #[must_use]
    pub fn nothing() -> Self {
        Tally::new().into_report(Map::new())
    }

    /// Whether no check failed and all that were asked for were made.
    #[must_use]
    pub fn is_accepted(&self) -> bool {
        self.checks.iter().all(|check| match (check.name, check.outcome) {
            (_, Outcome::Pass) => true,
            // Only a reauth that nobody demanded may be left out.
            (CheckName::SelfieReauth, Outcome::NotRun) => check.detail == NOT_DEMANDED,
            (_, Outcome::Fail | Outcome::NotRun) => false,
        })
    }

    /// The first check that failed.
    #[must_use]
    pub fn failure(&self) -> Option<&Check> {
        self.checks.iter().find(|check| check.outcome == Outcome::Fail)
    }
}

const NOT_DEMANDED: &str = "not demanded";

/// What the presentation must be bound to.
#[derive(Debug, Clone)]
pub(crate) struct Expected<'a> {
    pub(crate) query: &'a Query,
    pub(crate) audience: &'a str,
    pub(crate) nonce: &'a str,
    pub(crate) reauth: Option<&'a Entry>,
}

/// A presentation that passed everything but the query and the reauth.
pub(crate) struct Settled {
    pub(crate) verified: Verified,
    pub(crate) bound: KeyBound,
    pub(crate) issuer: String,
}

impl Settled {
    /// The key that signed the presentation.
    pub(crate) fn bound_key(&self) -> Option<PublicKey> {
        self.verified.holder_key().cloned()
    }
}

/// The checks so far.
pub(crate) struct Tally {
    checks: BTreeMap<CheckName, (Outcome, String)>,
    issuer: Option<String>,
}

impl Tally {
    pub(crate) fn new() -> Self {
        Self { checks: BTreeMap::new(), issuer: None }
    }

    fn pass(&mut self, name: CheckName, detail: impl Into<String>) {
        self.checks.insert(name, (Outcome::Pass, detail.into()));
    }

    fn fail(&mut self, name: CheckName, detail: impl Into<String>) {
        self.checks.insert(name, (Outcome::Fail, detail.into()));
    }

    /// The check that ended the verification.
    pub(crate) fn first_failure(&self) -> Check {
        let failed = self.checks.iter().find(|(_, (outcome, _))| *outcome == Outcome::Fail);
        failed.map_or(
            Check { name: CheckName::Signature, outcome: Outcome::Fail, detail: "not verified".to_owned() },
            |(name, (outcome, detail))| Check { name: *name, outcome: *outcome, detail: detail.clone() },
        )
    }

    fn into_report(mut self, claims: Map<String, Value>) -> Report {
        let checks = CheckName::ALL.map(|name| {
            let (outcome, detail) = self.checks.remove(&name).unwrap_or((Outcome::NotRun, "not reached".to_owned()));
            Check { name, outcome, detail }
        });
        let mut report = Report { checks: checks.into(), claims, issuer: self.issuer };
        // Nothing of a presentation that failed is kept.
        if !report.is_accepted() {
            report.claims.clear();
        }
        report
    }
}

impl Verifier {
    /// Verifies the one presentation of a `vp_token` against what was asked.
    pub(crate) async fn verify_answer(
        &self,
        vp_token: &BTreeMap<String, Vec<String>>,
        expected: &Expected<'_>,
        now: Timestamp,
    ) -> Report {
        let mut tally = Tally::new();
        let mut presented = BTreeMap::new();
        let mut claims = Map::new();
        for (query_id, presentations) in vp_token {
            for text in presentations {
                let Some(settled) = self.settle(text, expected.audience, expected.nonce, now, &mut tally).await else {
                    return tally.into_report(Map::new());
                };
                check_reauth(&settled, expected, &self.reauth_policy(expected), now, &mut tally);
                let shown = shown_claims(settled.verified.claims());
                presented.entry(query_id.clone()).or_insert_with(Vec::new).push(candidate(query_id, &settled.verified));
                claims.extend(shown);
            }
        }
        match check_response(expected.query, &presented) {
            Ok(()) => tally.pass(CheckName::QuerySatisfied, "everything asked for"),
            Err(error) => tally.fail(CheckName::QuerySatisfied, error.to_string()),
        }
        tally.into_report(claims)
    }

    /// Signature, trust, key binding, validity and status of one presentation; `None` once a check failed.
    pub(crate) async fn settle(
        &self,
        text: &str,
        audience: &str,
        nonce: &str,
        now: Timestamp,
        tally: &mut Tally,
    ) -> Option<Settled> {
        let trust = self.trust(now).await;
        let rules = KeyBindingRules { audience, nonce, max_age: KEY_BINDING_AGE, leeway: LEEWAY };
        let received = Presentation::parse(text);
        let authenticated = received.and_then(|it| it.authenticate(&trust.issuer_anchors(now), now, &rules));
        let (authentic, bound) = match authenticated {
            Ok(pair) => pair,
            Err(error) => {
                let name = place(&error);
                for earlier in held_before(name) {
                    tally.pass(*earlier, "");
                }
                tally.fail(name, error.to_string());
                return None;
            }
        };
        tally.pass(CheckName::Signature, authentic.issuer().leaf.subject());
        let issuer = match trust.may_issue(std::slice::from_ref(&authentic.issuer().leaf), now) {
            Ok(entity) => entity.name,
            Err(refusal) => {
                tally.fail(CheckName::IssuerTrusted, refusal.to_string());
                return None;
            }
        };
        tally.issuer = Some(issuer.clone());
        tally.pass(CheckName::IssuerTrusted, issuer.clone());
        tally.pass(CheckName::KeyBinding, "signed with the holder's key");
        tally.pass(CheckName::Aud, audience);
        tally.pass(CheckName::Nonce, "this request's");
        tally.pass(CheckName::AlgAllowed, authentic.holder_key().map_or("ES256", |key| key.algorithm().name()));
        let verified = self.check_status(authentic, now, tally).await?;
        tally.pass(CheckName::NotExpired, verified.expires().map(|at| at.to_string()).unwrap_or_default());
        tally.pass(CheckName::NotRevoked, "valid");
        Some(Settled { verified, bound, issuer })
    }

    async fn check_status(&self, authentic: Authentic, now: Timestamp, tally: &mut Tally) -> Option<Verified> {
        let settled = match authentic.status_reference().cloned() {
            None => authentic.settle_without_status(now),
            Some(reference) => match self.statuses.at(&reference.uri, &authentic.issuer().anchor, now).await {
                Ok(token) => authentic.settle(&token, now),
                Err(error) => {
                    tally.fail(CheckName::NotRevoked, error.to_string());
                    return None;
                }
            },
        };
        match settled {
            Ok(verified) => Some(verified),
            Err(error @ SettleError::Expired { .. }) => {
                tally.fail(CheckName::NotExpired, error.to_string());
                None
            }
            Err(error) => {
                tally.pass(CheckName::NotExpired, "");
                tally.fail(CheckName::NotRevoked, error.to_string());
                None
            }
        }
    }

    fn reauth_policy(&self, expected: &Expected<'_>) -> selfie_reauth::Policy {
        let seconds = expected.reauth.map_or(0, |entry| i64::from(entry.demand().max_age));
        selfie_reauth::Policy {
            allowed_models: self.config.allowed_models.clone(),
            max_age: SignedDuration::from_secs(seconds),
        }
    }
}

fn check_reauth(
    settled: &Settled,
    expected: &Expected<'_>,
    policy: &selfie_reauth::Policy,
    now: Timestamp,
    tally: &mut Tally,
) {
    let Some(entry) = expected.reauth else {
        tally.checks.insert(CheckName::SelfieReauth, (Outcome::NotRun, NOT_DEMANDED.to_owned()));
        return;
    };
    match selfie_reauth::check(entry, &settled.bound, &settled.verified, policy, now) {
        Ok(facts) => tally.pass(
            CheckName::SelfieReauth,
            format!(
                "matched {} s ago at {}, liveness {}, model {}",
                facts.age.as_secs(),
                facts.operating_point,
                facts.liveness.name(),
                facts.model
            ),
        ),
        Err(error) => tally.fail(CheckName::SelfieReauth, error.to_string()),
    }
}

/// Which check an error of the credential layer belongs to.
fn place(error: &SdJwtError) -> CheckName {
    match error {
        SdJwtError::Issuer(_) | SdJwtError::IssuerChain(_) => CheckName::IssuerTrusted,
        SdJwtError::NotYetValid { .. } | SdJwtError::IssuedInFuture { .. } | SdJwtError::Expired { .. } => {
            CheckName::NotExpired
        }
        SdJwtError::Audience { .. } => CheckName::Aud,
        SdJwtError::Nonce => CheckName::Nonce,
        SdJwtError::KeyBindingAlgorithm | SdJwtError::HashAlgorithm(_) => CheckName::AlgAllowed,
        SdJwtError::NoKeyBinding
        | SdJwtError::NoHolderKey
        | SdJwtError::KeyBinding(_)
        | SdJwtError::KeyBindingType(_)
        | SdJwtError::KeyBindingSignature
        | SdJwtError::KeyBindingClaim(_)
        | SdJwtError::SdHash
        | SdJwtError::KeyBindingTooOld { .. }
        | SdJwtError::KeyBindingInFuture { .. } => CheckName::KeyBinding,
        _ => CheckName::Signature,
    }
}

/// The checks that the credential layer had made, and that held, when the named one failed.
fn held_before(failed: CheckName) -> &'static [CheckName] {
    use CheckName as Name;
    match failed {
        Name::NotExpired => &[Name::Signature, Name::IssuerTrusted],
        Name::KeyBinding | Name::AlgAllowed | Name::Aud => &[Name::Signature, Name::IssuerTrusted, Name::NotExpired],
        Name::Nonce => &[Name::Signature, Name::IssuerTrusted, Name::NotExpired, Name::Aud],
        Name::Signature | Name::IssuerTrusted | Name::NotRevoked | Name::QuerySatisfied | Name::SelfieReauth => &[],
    }
}

fn candidate(query_id: &str, verified: &Verified) -> Candidate {
    Candidate {
        id: query_id.to_owned(),
        format: verified.format().identifier().to_owned(),
        types: vec![verified.vct().to_owned()],
        claims: verified.claims().clone(),
        authority_key_identifiers: verified.issuer().leaf.authority_key_identifier().into_iter().collect(),
        holder_bound: verified.holder_key().is_some(),
    }
}

/// The claims about the person, without the registered ones that belong to the credential.
pub(crate) fn shown_claims(claims: &Value) -> Map<String, Value> {
    let registered = ["iss", "nbf", "exp", "iat", "cnf", "vct", "vct#integrity", "aka_vcts", "status", "sub"];
    let empty = json!({});
    let members = claims.as_object().or_else(|| empty.as_object()).into_iter().flatten();
    members
        .filter(|(name, _)| !registered.contains(&name.as_str()))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}
