//! The wallet's side: which credentials answer a query, and with which claims (OpenID4VP 1.0 section 6.4).

use std::collections::BTreeSet;

use serde_json::Value;
use warifu_credential::{ClaimPath, PathStep};
use warifu_keys::base64url;

use super::query::{AuthorityType, ClaimsQuery, CredentialQuery, Meta, Query, TrustedAuthority};

/// A credential that could answer, as far as a query can ask about it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Candidate {
    /// The caller's own name for the credential.
    pub id: String,
    /// Format identifier.
    pub format: String,
    /// Types it has: the `vct` and those it extends, the doctype, or all W3C types, fully expanded.
    pub types: Vec<String>,
    /// All claims: the processed payload of an SD-JWT VC, `{namespace: {element: value}}` of an mdoc, the W3C credential.
    pub claims: Value,
    /// Authority key identifiers of the certificates in its chain.
    pub authority_key_identifiers: Vec<Vec<u8>>,
    /// Identifiers of the trusted lists (ETSI TS 119 612), cascading ones included, that have an entry for a certificate of
    /// its chain; empty where the caller reads none.
    pub trusted_lists: Vec<String>,
    /// Entity identifiers on a valid path of its issuer's federation; empty where the caller resolves none.
    pub federation_entities: Vec<String>,
    /// Whether possession of its key can be (wallet) or was (verifier) proved.
    pub holder_bound: bool,
}

/// How a query is answered.
#[derive(Debug, Clone, PartialEq)]
pub struct Selection {
    /// One for each credential query to be answered, in the order of the query.
    pub answers: Vec<Answer>,
    /// What can be given beyond what is needed, one for each optional set that can be answered: the identifiers of an
    /// option, to be given whole or not at all. Some of them may be needed anyway, never all.
    pub extras: Vec<Vec<String>>,
}

impl Selection {
    /// The answer to this credential query.
    #[must_use]
    pub fn answer(&self, query_id: &str) -> Option<&Answer> {
        self.answers.iter().find(|answer| answer.query_id == query_id)
    }
}

/// The credentials that answer one credential query.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// Which query.
    pub query_id: String,
    /// Whether the user can leave it out: it stands in optional sets only.
    pub optional: bool,
    /// Whether more than one of the choices may be given.
    pub multiple: bool,
    /// The credentials that match, never empty, in the order of the candidates.
    pub choices: Vec<Choice>,
}

/// One credential that matches, and what it must disclose.
#[derive(Debug, Clone, PartialEq)]
pub struct Choice {
    /// [`Candidate::id`].
    pub candidate: String,
    /// What to disclose; empty says nothing beyond what the credential always shows.
    pub disclose: Vec<Disclosure>,
}

/// One claim to be disclosed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disclosure {
    /// The path in the query.
    pub path: ClaimPath,
    /// Where that leads in this credential: names and positions only, entries outside `values` left out.
    pub resolved: Vec<ClaimPath>,
}

/// The query can not be answered: the wallet gives nothing, as if the user had refused (section 6.4.2).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the query can not be answered")]
pub struct NotSatisfiable {
    /// Why, for each credential query without a match.
    pub unmet: Vec<Unmet>,
}

/// A credential query without a match. For the user's eyes only: a verifier must not learn it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unmet {
    /// Which query.
    pub query_id: String,
    /// Whether a credential of the right format and type is there at all.
    pub type_held: bool,
}

/// Finds the credentials that answer `query`.
///
/// Without `credential_sets` every credential query needs a match. With them, of every set the first option whose queries
/// all match is taken; a required set without one makes the query unanswerable, an optional one is left out.
pub fn select(query: &Query, candidates: &[Candidate]) -> Result<Selection, NotSatisfiable> {
    let matched: Vec<(&CredentialQuery, Vec<Choice>)> = query
        .credentials
        .iter()
        .map(|credential| {
            (credential, candidates.iter().filter_map(|candidate| choice(credential, candidate)).collect())
        })
        .collect();
    let has_match =
        |id: &String| matched.iter().any(|(credential, choices)| credential.id == *id && !choices.is_empty());
    let (mut needed, mut offered) = (BTreeSet::new(), Vec::new());
    let mut satisfied = true;
    match &query.credential_sets {
        None => {
            needed.extend(query.credentials.iter().map(|credential| &credential.id));
            satisfied = needed.iter().all(|id| has_match(id));
        }
        Some(sets) => {
            for set in sets {
                let option = set.options.iter().find(|option| option.iter().all(has_match));
                match (option, set.required) {
                    (Some(option), true) => needed.extend(option),
                    (Some(option), false) => offered.push(option),
                    (None, true) => satisfied = false,
                    (None, false) => {}
                }
            }
        }
    }
    if !satisfied {
        let unmet = matched.iter().filter(|(_, choices)| choices.is_empty()).map(|(credential, _)| Unmet {
            query_id: credential.id.clone(),
            type_held: candidates.iter().any(|candidate| has_type(credential, candidate)),
        });
        return Err(NotSatisfiable { unmet: unmet.collect() });
    }
    offered.retain(|option| !option.iter().all(|id| needed.contains(id)));
    let mut extras: Vec<Vec<String>> = Vec::with_capacity(offered.len());
    for option in offered {
        if !extras.contains(option) {
            extras.push(option.clone());
        }
    }
    let wanted = |id: &String| needed.contains(id) || extras.iter().any(|option| option.contains(id));
    let answers = matched.into_iter().filter(|(credential, _)| wanted(&credential.id));
    let answers = answers.map(|(credential, choices)| Answer {
        query_id: credential.id.clone(),
        optional: !needed.contains(&credential.id),
        multiple: credential.multiple,
        choices,
    });
    let answers = answers.collect();
    Ok(Selection { answers, extras })
}

/// Whether a path's positions may be taken at their word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Positions {
    /// In the whole credential, which the wallet sees.
    Exact,
    /// In what was disclosed: entries that were not are gone, so a position stands for any entry of its array.
    Shrunk,
}

fn choice(query: &CredentialQuery, candidate: &Candidate) -> Option<Choice> {
    let disclose = disclosures(query, candidate, Positions::Exact)?;
    Some(Choice { candidate: candidate.id.clone(), disclose })
}

/// Format and type (`meta`).
pub(super) fn has_type(query: &CredentialQuery, candidate: &Candidate) -> bool {
    let has = |wanted: &String| candidate.types.contains(wanted);
    query.format == candidate.format
        && match &query.meta {
            Meta::SdJwtVc(values) => values.iter().any(has),
            Meta::Mdoc(value) => has(value),
            Meta::W3c(values) => values.iter().any(|types| types.iter().all(has)),
            Meta::Other(_) => false,
        }
}

/// Section 6.1.1: one value of one of the authorities is enough. A type that is not known matches nothing, which leaves a
/// query that names nothing else unanswered rather than answered wrongly.
pub(super) fn has_authority(query: &CredentialQuery, candidate: &Candidate) -> bool {
    let stands_behind = |authority: &TrustedAuthority| {
        authority.values.iter().any(|value| match &authority.r#type {
            AuthorityType::Aki => {
                base64url::decode(value).is_ok_and(|wanted| candidate.authority_key_identifiers.contains(&wanted))
            }
            AuthorityType::EtsiTl => candidate.trusted_lists.contains(value),
            AuthorityType::OpenidFederation => candidate.federation_entities.contains(value),
            AuthorityType::Other(_) => false,
        })
    };
    query.trusted_authorities.is_empty() || query.trusted_authorities.iter().any(stands_behind)
}

/// What `candidate` must disclose for `query`; `None` when it does not match.
pub(super) fn disclosures(
    query: &CredentialQuery,
    candidate: &Candidate,
    positions: Positions,
) -> Option<Vec<Disclosure>> {
    let bound = candidate.holder_bound || !query.require_cryptographic_holder_binding;
    if !has_type(query, candidate) || !bound || !has_authority(query, candidate) {
        return None;
    }
    let Some(claims) = &query.claims else { return Some(Vec::new()) };
    let all = |wanted: Vec<&ClaimsQuery>| -> Option<Vec<Disclosure>> {
        without_repetition(wanted).map(|claim| disclosure(claim, &candidate.claims, positions)).collect()
    };
    match &query.claim_sets {
        None => all(claims.iter().collect()),
        // The first set that can be given whole; none says that the credential does not match (section 6.4.1).
        Some(sets) => sets.iter().find_map(|set| {
            let named = |id: &String| claims.iter().find(|claim| claim.id.as_ref() == Some(id));
            all(set.iter().map(named).collect::<Option<_>>()?)
        }),
    }
}

/// Section 6.1: of several queries that point to one claim, the first counts.
fn without_repetition(claims: Vec<&ClaimsQuery>) -> impl Iterator<Item = &ClaimsQuery> {
    let mut seen = BTreeSet::new();
    claims.into_iter().filter(move |claim| seen.insert(&claim.path))
}

/// Where a claim stands in `claims`. A path that does not fit the credential's structure, and values that are not among
/// those asked for by type and value, count as an absent claim (sections 6.4.1 and 7.1). 1 and 1.0 are different values
/// here: only whole numbers can be asked for.
fn disclosure(claim: &ClaimsQuery, claims: &Value, positions: Positions) -> Option<Disclosure> {
    let found = |path: &ClaimPath| -> Option<Disclosure> {
        let (values, places) = (path.select(claims).ok()?, path.resolve(claims).ok()?);
        let wanted = |value: &Value| claim.values.as_ref().is_none_or(|wanted| wanted.contains(value));
        let resolved: Vec<ClaimPath> =
            values.into_iter().zip(places).filter(|(value, _)| wanted(value)).map(|(_, place)| place).collect();
        if resolved.is_empty() { None } else { Some(Disclosure { path: claim.path.clone(), resolved }) }
    };
    match positions {
        Positions::Exact => found(&claim.path),
        // Where every entry came, the position may still be meant to the letter.
        Positions::Shrunk => found(&claim.path).or_else(|| found(&without_positions(&claim.path))),
    }
}

fn without_positions(path: &ClaimPath) -> ClaimPath {
    let steps = path.steps().iter().map(|step| match step {
        PathStep::Index(_) => PathStep::Every,
        PathStep::Name(_) | PathStep::Every => step.clone(),
    });
    ClaimPath::new(steps.collect()).unwrap_or_else(|_| path.clone())
}
