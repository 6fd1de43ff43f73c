//! The verifier's side: does what came back answer the query (OpenID4VP 1.0 section 8.6)?

use std::collections::BTreeMap;

use super::query::{CredentialQuery, Query};
use super::select::{Candidate, Positions, disclosures, has_authority, has_type};

/// Why an answer does not satisfy the query.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ResponseError {
    /// An answer to a query that was not asked.
    #[error("`{0}` was not asked for")]
    NotAsked(String),
    /// No credential, or more than one where `multiple` is false.
    #[error("{found} credentials for `{query_id}`")]
    Count {
        /// Which query.
        query_id: String,
        /// How many came.
        found: usize,
    },
    /// Another format or type.
    #[error("the credential for `{0}` is of another type")]
    OtherType(String),
    /// The holder did not prove possession of the key.
    #[error("the credential for `{0}` is not bound to the holder")]
    NotBound(String),
    /// None of the trusted authorities stands behind the credential.
    #[error("the credential for `{0}` is of another authority")]
    OtherAuthority(String),
    /// Claims that were asked for are missing or have another value.
    #[error("the credential for `{0}` does not disclose what was asked for")]
    Claims(String),
    /// A credential query, or a required set of them, was not answered.
    #[error("what was asked for is incomplete")]
    Incomplete,
    /// An answer to a credential query that belongs to no option answered whole: nobody asked for it alone.
    #[error("the answer to `{0}` is not needed by any combination that was asked for")]
    Surplus(String),
}

/// Checks the disclosed claims of every presentation, by credential query identifier, against the query.
///
/// The caller has verified signatures, status and holder binding before, and has taken presentations out that failed.
/// A position in a path stands for any entry of its array: entries that were not disclosed are gone from what is checked.
pub fn check_response(query: &Query, presented: &BTreeMap<String, Vec<Candidate>>) -> Result<(), ResponseError> {
    for (id, candidates) in presented {
        let credential = query.credential(id).ok_or_else(|| ResponseError::NotAsked(id.chars().take(40).collect()))?;
        if candidates.is_empty() || (candidates.len() > 1 && !credential.multiple) {
            return Err(ResponseError::Count { query_id: id.clone(), found: candidates.len() });
        }
        for candidate in candidates {
            check(credential, candidate)?;
        }
    }
    let answered = |option: &Vec<String>| option.iter().all(|id| presented.contains_key(id));
    let Some(sets) = &query.credential_sets else {
        let complete = query.credentials.iter().all(|credential| presented.contains_key(&credential.id));
        return if complete { Ok(()) } else { Err(ResponseError::Incomplete) };
    };
    if !sets.iter().filter(|set| set.required).all(|set| set.options.iter().any(answered)) {
        return Err(ResponseError::Incomplete);
    }
    // Section 6.4.2: what is asked for is whole options, so a part of one, and what stands in none, is too much.
    let whole = || sets.iter().flat_map(|set| &set.options).filter(|option| answered(option));
    match presented.keys().find(|id| !whole().any(|option| option.contains(id))) {
        None => Ok(()),
        Some(id) => Err(ResponseError::Surplus(id.clone())),
    }
}

fn check(query: &CredentialQuery, candidate: &Candidate) -> Result<(), ResponseError> {
    let id = || query.id.clone();
    if !has_type(query, candidate) {
        return Err(ResponseError::OtherType(id()));
    }
    if query.require_cryptographic_holder_binding && !candidate.holder_bound {
        return Err(ResponseError::NotBound(id()));
    }
    if !has_authority(query, candidate) {
        return Err(ResponseError::OtherAuthority(id()));
    }
    match disclosures(query, candidate, Positions::Shrunk) {
        Some(_) => Ok(()),
        None => Err(ResponseError::Claims(id())),
    }
}
