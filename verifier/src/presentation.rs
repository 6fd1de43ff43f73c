//! Verifies what a wallet answered, check by check (OpenID4VP 1.0 section 8.6).

use std::collections::BTreeMap;
use std::fmt::Display;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};
use warifu_credential::mdoc::{DeviceSigned, SessionTranscript};
use warifu_credential::sd_jwt::{Error as SdJwtError, Held, KeyBindingRules, KeyBound, Presentation};
use warifu_credential::selfie_reauth::{self, Entry};
use warifu_credential::{Authentic, ClaimPath, Format, PathStep, SettleError, Verified};
use warifu_keys::PublicKey;
use warifu_keys::jws::{JwsError, Unverified};
use warifu_keys::x509::Certificate;
use warifu_openid4vc::dcql::{Candidate, ClaimsQuery, CredentialQuery, Meta, Query, ResponseError, check_response};
use warifu_trust::Trust;

use crate::Verifier;
use crate::check::{CheckName, Report, Shown, Tally};
use crate::policy::Demands;

mod mdoc;

/// How far the wallet's clock may be off.
const LEEWAY: SignedDuration = SignedDuration::from_secs(60);

/// What an answer is held against.
#[derive(Debug, Clone)]
pub(crate) struct Expected<'a> {
    pub(crate) query: &'a Query,
    pub(crate) binding: Binding<'a>,
    /// What an mdoc's device must have signed over.
    pub(crate) transcript: &'a SessionTranscript,
    pub(crate) reauth: Option<&'a Entry>,
    pub(crate) demands: &'a Demands,
}

/// What a presentation must be bound to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Binding<'a> {
    pub(crate) audience: &'a str,
    pub(crate) nonce: &'a str,
    /// How long ago it may have been made: the life of the request or share that the nonce belongs to.
    pub(crate) max_age: SignedDuration,
}

/// A presentation that passed everything but the query and the reauth.
pub(crate) struct Settled {
    verified: Verified,
    proof: Proof,
    issuer: String,
    /// The certificates that came, leaf first; the leaf and its way to an anchor are verified.
    chain: Vec<Certificate>,
    /// The types that its type extends, or why they are not known; none where nobody needed to know.
    inherited: Result<Vec<String>, String>,
}

/// How the holder proved to have the key, and what was said with it.
enum Proof {
    /// By a key binding JWT.
    KeyBinding(KeyBound),
    /// By the device of an mdoc.
    Device(DeviceSigned),
}

impl Settled {
    /// The key that signed the presentation.
    pub(crate) fn holder_key(&self) -> Option<&PublicKey> {
        self.verified.holder_key()
    }

    /// Everything that the holder chose to disclose.
    pub(crate) fn disclosed(&self) -> Vec<ClaimPath> {
        let verified = self.verified.clone();
        match verified.format() {
            Format::SdJwtVc => Held::keep(verified).map(|held| held.available()),
            Format::Mdoc => warifu_credential::mdoc::Held::keep(verified).map(|held| held.available()),
        }
        .unwrap_or_default()
    }

    /// The claims about the person, without the registered ones that belong to the credential; of an mdoc by namespace.
    pub(crate) fn claims(&self) -> Map<String, Value> {
        let members = self.verified.claims().as_object().into_iter().flatten();
        members
            .filter(|(name, _)| !REGISTERED.contains(&name.as_str()))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    }
}

/// Claims that speak of the credential and not of the person (SD-JWT VC draft-19 section 2.2.2).
const REGISTERED: [&str; 10] = ["iss", "nbf", "exp", "iat", "cnf", "vct", "vct#integrity", "aka_vcts", "status", "sub"];

impl Verifier {
    /// Verifies every presentation of a `vp_token` against what was asked.
    pub(crate) async fn verify_answer(
        &self,
        vp_token: &BTreeMap<String, Vec<String>>,
        expected: &Expected<'_>,
        now: Timestamp,
    ) -> Report {
        let trust = self.trust(now).await;
        let (mut tallies, mut presented) = (Vec::new(), Vec::new());
        for (query_id, presentations) in vp_token {
            for text in presentations {
                let mut tally = Tally::default();
                let asked = expected.query.credential(query_id);
                let settled = match asked.and_then(|asked| Format::from_identifier(&asked.format)) {
                    Some(Format::Mdoc) => {
                        let (audience, transcript) = (expected.binding.audience, expected.transcript);
                        self.settle_mdoc(text, audience, transcript, &trust, now, &mut tally).await
                    }
                    Some(Format::SdJwtVc) | None => self.settle(text, expected.binding, &trust, now, &mut tally).await,
                };
                tallies.push(tally);
                if let Some(mut settled) = settled {
                    self.inherit(asked, &mut settled, now).await;
                    presented.push((query_id.as_str(), settled));
                }
            }
        }
        let mut tally = Tally::worst(&tallies);
        if !tally.has_failed() {
            match check_query(expected.query, &presented) {
                Ok(()) => tally.pass(CheckName::QuerySatisfied, "everything asked for, nothing else"),
                Err(reason) => tally.fail(CheckName::QuerySatisfied, reason),
            }
            if let Err((name, reason)) = meets(expected.demands, &presented, &trust, now) {
                tally.fail(name, reason);
            }
            self.check_reauth(expected.reauth, &presented, now, &mut tally);
        } else if expected.reauth.is_none() {
            tally.leave(CheckName::SelfieReauth, NOT_DEMANDED);
        }
        let shown = presented.into_iter().map(|(query_id, settled)| Shown {
            query_id: query_id.to_owned(),
            claims: settled.claims(),
            valid_until: settled.verified.expires(),
            issuer: settled.issuer,
        });
        let demands_selfie = expected.reauth.is_some();
        let demanded = CheckName::ALL.into_iter().filter(|name| demands_selfie || *name != CheckName::SelfieReauth);
        tally.into_report(&demanded.collect::<Vec<_>>(), shown.collect())
    }

    /// Looks up what the credential's type extends, where it is another one than was asked for.
    async fn inherit(&self, asked: Option<&CredentialQuery>, settled: &mut Settled, now: Timestamp) {
        let Some(Meta::SdJwtVc(wanted)) = asked.map(|asked| &asked.meta) else { return };
        if settled.verified.format() != Format::SdJwtVc
            || own_types(&settled.verified).iter().any(|own| wanted.contains(own))
        {
            return;
        }
        let integrity = settled.verified.claims().get("vct#integrity").and_then(Value::as_str);
        let extended = self.types.extended_by(settled.verified.vct(), integrity, now).await;
        settled.inherited = extended.map_err(|error| error.to_string());
    }

    /// Signature, trust, key binding, validity and status of one SD-JWT VC; `None` once a check failed.
    pub(crate) async fn settle(
        &self,
        text: &str,
        binding: Binding<'_>,
        trust: &Trust,
        now: Timestamp,
        tally: &mut Tally,
    ) -> Option<Settled> {
        let received = match Presentation::parse(text) {
            Ok(received) => received,
            Err(error) => {
                tally.fail(place(&error), error.to_string());
                return None;
            }
        };
        let chain = named_chain(text);
        let issuer = named_issuer(&chain, trust, now, tally)?;
        let rules = KeyBindingRules {
            audience: binding.audience,
            nonce: binding.nonce,
            max_age: binding.max_age,
            leeway: LEEWAY,
        };
        let (authentic, bound) = match received.authenticate(&trust.issuer_anchors(now), now, &rules) {
            Ok(pair) => pair,
            Err(error) => {
                let known = Known { issuer: &issuer, chain: &chain, audience: binding.audience };
                failed(held_before(&error), place(&error), &error, &known, tally);
                return None;
            }
        };
        passed(&authentic, &issuer, binding.audience, tally);
        tally.pass(CheckName::KeyBinding, "signed with the holder's key");
        let verified = self.check_status(authentic, trust, now, tally).await?;
        Some(Settled { verified, proof: Proof::KeyBinding(bound), issuer, chain, inherited: Ok(Vec::new()) })
    }

    async fn check_status(
        &self,
        authentic: Authentic,
        trust: &Trust,
        now: Timestamp,
        tally: &mut Tally,
    ) -> Option<Verified> {
        let until = authentic.expires().map_or_else(|| "it names no end".to_owned(), |at| format!("until {at}"));
        let (settled, valid) = match authentic.wanted_status() {
            None => (authentic.settle_without_status(now), "can not be revoked"),
            Some(wanted) => match self.statuses.at(&wanted, now).await {
                // The signer of the list must be allowed to publish lists, beside being the issuer's.
                Ok(token) if !token.signer().anchor().is_some_and(|it| trust.status_anchors(now).contains(it)) => {
                    tally.pass(CheckName::NotExpired, until);
                    tally.fail(CheckName::NotRevoked, "the signer of the status list is not trusted for status lists");
                    return None;
                }
                Ok(token) => (authentic.settle(&token, now), "valid"),
                Err(error) => {
                    tally.pass(CheckName::NotExpired, until);
                    tally.fail(CheckName::NotRevoked, error.to_string());
                    return None;
                }
            },
        };
        match settled {
            Ok(verified) => {
                tally.pass(CheckName::NotExpired, until);
                tally.pass(CheckName::NotRevoked, valid);
                Some(verified)
            }
            Err(error @ SettleError::Expired { .. }) => {
                tally.fail(CheckName::NotExpired, error.to_string());
                None
            }
            Err(error) => {
                tally.pass(CheckName::NotExpired, until);
                tally.fail(CheckName::NotRevoked, error.to_string());
                None
            }
        }
    }

    /// A demanded reauth must stand in one of the presentations that may carry it (OpenID4VP 1.0 section 8.4: the wallet
    /// uses exactly one).
    fn check_reauth(&self, demand: Option<&Entry>, presented: &[(&str, Settled)], now: Timestamp, tally: &mut Tally) {
        let Some(entry) = demand else {
            tally.leave(CheckName::SelfieReauth, NOT_DEMANDED);
            return;
        };
        let policy = selfie_reauth::Policy {
            allowed_models: self.config.allowed_models.clone(),
            max_age: SignedDuration::from_secs(i64::from(entry.demand().max_age)),
        };
        let carries = |query_id: &str| entry.demand().credential_ids.iter().any(|id| id == query_id);
        let mut reason = "no presentation carries it".to_owned();
        for (_, settled) in presented.iter().filter(|(query_id, _)| carries(query_id)) {
            let checked = match &settled.proof {
                Proof::KeyBinding(bound) => selfie_reauth::check(entry, bound, &settled.verified, &policy, now),
                Proof::Device(device) => {
                    selfie_reauth::check_device_signed(entry, device, &settled.verified, &policy, now)
                }
            };
            match checked {
                Ok(facts) => {
                    let detail = format!(
                        "matched {} s ago at {}, liveness {}, model {}",
                        facts.age.as_secs(),
                        facts.operating_point,
                        facts.liveness.name(),
                        facts.model
                    );
                    tally.pass(CheckName::SelfieReauth, detail);
                    return;
                }
                Err(error) => reason = error.to_string(),
            }
        }
        tally.fail(CheckName::SelfieReauth, reason);
    }
}

const NOT_DEMANDED: &str = "not demanded";

/// Name of the issuer that a credential names, in the trusted list; `None` where it may not issue.
///
/// It is looked up before the signature is checked, because a refusal of the trusted list says more than a chain that ends
/// nowhere. It counts as held once the signature proves that the credential is theirs.
fn named_issuer(chain: &[Certificate], trust: &Trust, now: Timestamp, tally: &mut Tally) -> Option<String> {
    match trust.may_issue(chain, now) {
        Ok(entity) => Some(entity.name),
        Err(refusal) => {
            tally.fail(CheckName::IssuerTrusted, refusal.to_string());
            None
        }
    }
}

/// What holds of every presentation that authenticated, whatever its format.
fn passed(authentic: &Authentic, issuer: &str, audience: &str, tally: &mut Tally) {
    tally.pass(CheckName::Signature, authentic.issuer().leaf.subject());
    tally.pass(CheckName::IssuerTrusted, issuer);
    tally.pass(CheckName::Aud, audience);
    tally.pass(CheckName::Nonce, SAME_NONCE);
    let issuer_key = authentic.issuer().leaf.public_key();
    let issuer_key = issuer_key.map_or("unknown", |key| key.algorithm().name());
    let holder_key = authentic.holder_key().map_or("none", |key| key.algorithm().name());
    tally.pass(CheckName::AlgAllowed, format!("issuer {issuer_key}, holder {holder_key}"));
}

const SAME_NONCE: &str = "this request's";

/// What is known of a presentation before it is authenticated: true where the checks of it hold.
struct Known<'a> {
    issuer: &'a str,
    chain: &'a [Certificate],
    audience: &'a str,
}

/// What is known of a presentation that did not authenticate.
fn failed(held: &[CheckName], at: CheckName, error: &dyn Display, known: &Known<'_>, tally: &mut Tally) {
    for earlier in held {
        let value = match earlier {
            CheckName::Signature => known.chain.first().map_or_else(String::new, Certificate::subject),
            CheckName::IssuerTrusted => known.issuer.to_owned(),
            CheckName::Aud => known.audience.to_owned(),
            CheckName::Nonce => SAME_NONCE.to_owned(),
            CheckName::NotExpired => "within its validity".to_owned(),
            CheckName::KeyBinding
            | CheckName::AlgAllowed
            | CheckName::NotRevoked
            | CheckName::QuerySatisfied
            | CheckName::SelfieReauth => "it holds".to_owned(),
        };
        tally.pass(*earlier, value);
    }
    tally.fail(at, error.to_string());
}

/// The certificates that a credential names, leaf first; nothing about them is verified. Empty where there are none.
pub(crate) fn named_chain(presentation: &str) -> Vec<Certificate> {
    let jwt = presentation.split('~').next().unwrap_or_default();
    Unverified::parse(jwt).and_then(|jws| jws.x5c()).unwrap_or_default()
}

/// Whether every presentation meets what the policy demands of its issuer and of the verification behind it.
fn meets(
    demands: &Demands,
    presented: &[(&str, Settled)],
    trust: &Trust,
    now: Timestamp,
) -> Result<(), (CheckName, String)> {
    if *demands == Demands::default() {
        return Ok(());
    }
    for (_, settled) in presented {
        let issuer = trust.may_issue(&settled.chain, now);
        let issuer = issuer.map_err(|refusal| (CheckName::IssuerTrusted, refusal.to_string()))?;
        demands.judge(&issuer.id, &settled.claims(), now)?;
    }
    Ok(())
}

/// Whether the presentations answer the query and hold nothing else that could have been withheld.
fn check_query(query: &Query, presented: &[(&str, Settled)]) -> Result<(), String> {
    let mut candidates: BTreeMap<String, Vec<Candidate>> = BTreeMap::new();
    for (query_id, settled) in presented {
        candidates.entry((*query_id).to_owned()).or_default().push(candidate(query_id, settled));
    }
    check_response(query, &candidates).map_err(|error| {
        let unknown = presented.iter().find_map(|(_, settled)| settled.inherited.as_ref().err());
        match (&error, unknown) {
            (ResponseError::OtherType(_), Some(why)) => format!("{error}, as far as is known: {why}"),
            (_, _) => error.to_string(),
        }
    })?;
    for (query_id, settled) in presented {
        let asked = query.credential(query_id);
        if let Some(extra) = asked.and_then(|asked| unasked(asked, settled)) {
            return Err(format!("`{extra}` was disclosed and not asked for"));
        }
    }
    Ok(())
}

/// The types that the credential itself names. What the issuer says that it is also known as is signed, and never withheld
/// (SD-JWT VC draft-19).
fn own_types(verified: &Verified) -> Vec<String> {
    let also = verified.claims().get("aka_vcts").and_then(Value::as_array).into_iter().flatten();
    let also = also.filter_map(|vct| vct.as_str().map(str::to_owned));
    let also = also.filter(|_| verified.format() == Format::SdJwtVc);
    std::iter::once(verified.vct().to_owned()).chain(also).collect()
}

fn candidate(query_id: &str, settled: &Settled) -> Candidate {
    let Settled { verified, chain, inherited, .. } = settled;
    let mut types = own_types(verified);
    types.extend(inherited.iter().flatten().cloned());
    Candidate {
        id: query_id.to_owned(),
        format: verified.format().identifier().to_owned(),
        types,
        claims: verified.claims().clone(),
        authority_key_identifiers: authorities(chain),
        holder_bound: verified.holder_key().is_some(),
        ..Candidate::default()
    }
}

/// The authority key identifiers of every certificate that came: an authority may stand above the one that signed the
/// issuer's (OpenID4VP 1.0 section 6.1.1.1).
fn authorities(chain: &[Certificate]) -> Vec<Vec<u8>> {
    chain.iter().filter_map(Certificate::authority_key_identifier).collect()
}

/// The first claim that was disclosed though it was not asked for (OpenID4VP 1.0 section 6.4.1: the wallet must not).
/// Of several claim sets one must cover all that came.
fn unasked(query: &CredentialQuery, settled: &Settled) -> Option<ClaimPath> {
    let claims: Vec<&ClaimsQuery> = query.claims.iter().flatten().collect();
    let of = |set: &Vec<String>| -> Vec<&ClaimsQuery> {
        let named = |claim: &&ClaimsQuery| claim.id.as_ref().is_some_and(|id| set.contains(id));
        claims.iter().copied().filter(named).collect()
    };
    let alternatives: Vec<Vec<&ClaimsQuery>> =
        query.claim_sets.as_ref().map_or_else(|| vec![claims.clone()], |sets| sets.iter().map(of).collect());
    let disclosed = settled.disclosed();
    let beyond = |asked: &Vec<&ClaimsQuery>| {
        disclosed.iter().find(|path| !asked.iter().any(|claim| same_branch(&claim.path, path))).cloned()
    };
    let mut extra = None;
    for asked in &alternatives {
        match beyond(asked) {
            None => return None,
            found => extra = extra.or(found),
        }
    }
    extra
}

/// Whether one path leads to the other. Entries that were not disclosed are gone from their array, so a position or a
/// wildcard stands for any entry.
fn same_branch(asked: &ClaimPath, disclosed: &ClaimPath) -> bool {
    asked.steps().iter().zip(disclosed.steps()).all(|(asked, found)| match (asked, found) {
        (PathStep::Every | PathStep::Index(_), PathStep::Index(_)) => true,
        (PathStep::Every | PathStep::Index(_) | PathStep::Name(_), _) => asked == found,
    })
}

/// Which check an error of the credential layer belongs to.
fn place(error: &SdJwtError) -> CheckName {
    match error {
        SdJwtError::Issuer(_) | SdJwtError::IssuerChain(_) | SdJwtError::IssuerMetadata(_) => CheckName::IssuerTrusted,
        SdJwtError::NotYetValid { .. } | SdJwtError::IssuedInFuture { .. } | SdJwtError::Expired { .. } => {
            CheckName::NotExpired
        }
        SdJwtError::Audience { .. } | SdJwtError::CredentialAudience | SdJwtError::KeyBindingClaim("aud") => {
            CheckName::Aud
        }
        SdJwtError::Nonce | SdJwtError::KeyBindingClaim("nonce") => CheckName::Nonce,
        SdJwtError::KeyBindingAlgorithm
        | SdJwtError::HashAlgorithm(_)
        | SdJwtError::Jws(JwsError::Algorithm(_) | JwsError::AlgorithmMismatch { .. })
        | SdJwtError::KeyBinding(JwsError::Algorithm(_)) => CheckName::AlgAllowed,
        SdJwtError::NoKeyBinding
        | SdJwtError::NoHolderKey
        | SdJwtError::KeyBinding(_)
        | SdJwtError::KeyBindingType(_)
        | SdJwtError::KeyBindingSignature
        | SdJwtError::KeyBindingClaim(_)
        | SdJwtError::SdHash
        | SdJwtError::KeyBindingTooOld { .. }
        | SdJwtError::KeyBindingInFuture { .. }
        | SdJwtError::KeyBindingExpired { .. }
        | SdJwtError::KeyBindingNotYetValid { .. } => CheckName::KeyBinding,
        SdJwtError::Malformed
        | SdJwtError::JsonForm(_)
        | SdJwtError::TooManyDisclosures(_)
        | SdJwtError::TooDeep
        | SdJwtError::KeyBindingFromIssuer
        | SdJwtError::Jws(_)
        | SdJwtError::DisclosureEncoding { .. }
        | SdJwtError::DisclosureJson { .. }
        | SdJwtError::DisclosureShape { .. }
        | SdJwtError::EntryInObject { .. }
        | SdJwtError::MemberInArray { .. }
        | SdJwtError::NameTooLong
        | SdJwtError::DuplicateDisclosure { .. }
        | SdJwtError::UnreferencedDisclosure { .. }
        | SdJwtError::ReservedName(_)
        | SdJwtError::DigestList
        | SdJwtError::Placeholder
        | SdJwtError::DuplicateDigest
        | SdJwtError::NameExists(_)
        | SdJwtError::NeverSelective(_)
        | SdJwtError::Claim(_)
        | SdJwtError::HolderKey(_)
        | SdJwtError::NotHeld { .. }
        | SdJwtError::NotTheHolderKey
        | SdJwtError::ExtraClaim(_)
        | SdJwtError::Signer(_) => CheckName::Signature,
    }
}

/// The checks that held when authentication, in the order of the credential layer, ended with this error: signature and
/// disclosures, validity, then the key binding with its own signature, `aud`, `nonce`, `sd_hash` and time.
fn held_before(error: &SdJwtError) -> &'static [CheckName] {
    use CheckName as Name;
    const CREDENTIAL: &[CheckName] = &[Name::Signature, Name::IssuerTrusted, Name::NotExpired];
    match (place(error), error) {
        (Name::NotExpired, _) => &[Name::Signature, Name::IssuerTrusted],
        (Name::AlgAllowed, SdJwtError::KeyBindingAlgorithm | SdJwtError::KeyBinding(_)) => CREDENTIAL,
        (
            Name::KeyBinding,
            SdJwtError::SdHash
            | SdJwtError::KeyBindingTooOld { .. }
            | SdJwtError::KeyBindingInFuture { .. }
            | SdJwtError::KeyBindingExpired { .. }
            | SdJwtError::KeyBindingNotYetValid { .. }
            | SdJwtError::KeyBindingClaim(_),
        ) => &[Name::Signature, Name::IssuerTrusted, Name::NotExpired, Name::Aud, Name::Nonce],
        (Name::KeyBinding | Name::Aud, _) => CREDENTIAL,
        (Name::Nonce, _) => &[Name::Signature, Name::IssuerTrusted, Name::NotExpired, Name::Aud],
        (
            Name::Signature
            | Name::IssuerTrusted
            | Name::AlgAllowed
            | Name::NotRevoked
            | Name::QuerySatisfied
            | Name::SelfieReauth,
            _,
        ) => &[],
    }
}

#[cfg(test)]
mod tests {
    use warifu_keys::Signer as _;
    use warifu_keys::SigningKey;
    use warifu_keys::entropy::Seeded;
    use warifu_keys::x509::Purpose;
    use warifu_keys::x509::issue::{Authority, Period, Request, Subject};

    use super::*;

    #[test]
    fn authorities_stand_anywhere_in_the_chain() {
        let entropy = Seeded::dangerous_new("authorities");
        let subject = || Subject { common_name: "CA".to_owned(), organization: None, country: "UT".to_owned() };
        let period = Period::days(Timestamp::UNIX_EPOCH, 30);
        let pair = || {
            let key = SigningKey::generate_p256(&entropy);
            let authority = Authority::self_signed(&subject(), key, period, "https://example.org", &entropy).unwrap();
            let public_key = SigningKey::generate_p256(&entropy).public_key();
            let request = Request {
                subject: subject(),
                public_key: &public_key,
                period,
                purpose: Purpose::DocumentSigner,
                dns_names: Vec::new(),
                uris: Vec::new(),
            };
            (authority.certificate().key_identifier(), authority.issue(&request, &entropy).unwrap())
        };
        let ((lower, leaf), (upper, middle)) = (pair(), pair());
        assert_eq!(authorities(&[leaf, middle]), [lower, upper]);
        assert!(authorities(&[]).is_empty());
    }
}
