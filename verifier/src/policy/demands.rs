//! What a policy demands beyond its query: whose credentials, and how young and how strong the verification behind them.
//!
//! Age and strength are judged by the claim `assurance` of the `kyc` profile, so a policy that demands them has to ask for
//! it: what is judged is what the person agreed to show.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use warifu_credential::{ClaimPath, Format, PathStep};
use warifu_openid4vc::dcql::{CredentialQuery, Query};

use super::QueryError;
use crate::acceptance::{self, Assurance, Verification};
use crate::check::CheckName;

const ASSURANCE: &str = "assurance";
const VERIFIED_AT: &str = "verified_at";
const METHOD: &str = "method";

/// What is demanded of whoever issued and of the verification behind a credential.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Demands {
    /// Whose credentials are accepted; those of every issuer in the trusted list when empty.
    pub issuers: Vec<String>,
    /// How many days ago the person may have been verified.
    pub max_age_days: Option<u32>,
    /// How the person must have been verified at least.
    pub minimum_assurance: Option<Assurance>,
}

impl Demands {
    /// Whether the query asks for all that the demands are judged by.
    pub(crate) fn check_asked(&self, query: &Query) -> Result<(), QueryError> {
        let needed = [
            (self.max_age_days.is_some(), VERIFIED_AT, "max_age_days"),
            (self.minimum_assurance.is_some(), METHOD, "minimum_assurance"),
        ];
        for (_, part, demand) in needed.into_iter().filter(|(is_needed, ..)| *is_needed) {
            if let Some(credential) = query.credentials.iter().find(|credential| !asks(credential, part)) {
                let claim = format!("{ASSURANCE}.{part}");
                return Err(QueryError::NotAsked { id: credential.id.clone(), claim, demand });
            }
        }
        Ok(())
    }

    /// Whether a credential that was verified meets the demands: of this issuer, with these claims.
    ///
    /// # Errors
    /// The check that it does not meet, and why.
    pub(crate) fn judge(
        &self,
        issuer: &str,
        claims: &Map<String, Value>,
        now: Timestamp,
    ) -> Result<(), (CheckName, String)> {
        if !self.issuers.is_empty() && !self.issuers.iter().any(|accepted| accepted == issuer) {
            let issuer: String = issuer.chars().take(200).collect();
            return Err((CheckName::IssuerTrusted, format!("the policy does not accept credentials of `{issuer}`")));
        }
        let refused = |error: acceptance::NotAccepted| (CheckName::QuerySatisfied, error.to_string());
        acceptance::check(self.max_age_days, self.minimum_assurance, verification(claims), now).map_err(refused)
    }
}

/// Whether a credential query asks for a part of `assurance`, in every set of claims that may answer it.
fn asks(credential: &CredentialQuery, part: &str) -> bool {
    let claims = credential.claims.iter().flatten();
    let mdoc = Format::from_identifier(&credential.format) == Some(Format::Mdoc);
    let shows = |path: &ClaimPath| {
        let names = path.steps().iter().map(|step| match step {
            PathStep::Name(name) => Some(name.as_str()),
            PathStep::Every | PathStep::Index(_) => None,
        });
        let names: Option<Vec<&str>> = names.collect();
        match (names.as_deref(), mdoc) {
            (Some([first]), false) | (Some([_, first]), true) => *first == ASSURANCE,
            (Some([first, second]), false) => *first == ASSURANCE && *second == part,
            _ => false,
        }
    };
    let showing: Vec<Option<&String>> =
        claims.filter(|claim| shows(&claim.path)).map(|claim| claim.id.as_ref()).collect();
    match &credential.claim_sets {
        None => !showing.is_empty(),
        Some(sets) => sets.iter().all(|set| set.iter().any(|id| showing.contains(&Some(id)))),
    }
}

/// What the claims say of the verification; of an mdoc they stand below their namespace.
fn verification(claims: &Map<String, Value>) -> Verification {
    let below = || claims.values().find_map(|namespace| namespace.get(ASSURANCE));
    let assurance = claims.get(ASSURANCE).or_else(below);
    let part = |name| assurance.and_then(|assurance| assurance.get(name)).and_then(Value::as_str);
    Verification {
        at: part(VERIFIED_AT).and_then(|at| at.parse().ok()),
        assurance: part(METHOD).and_then(Assurance::named),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn now() -> Timestamp {
        "2026-11-23T09:30:00Z".parse().unwrap()
    }

    #[test]
    fn what_is_judged_is_asked_for() {
        let demands =
            Demands { max_age_days: Some(30), minimum_assurance: Some(Assurance::Cryptographic), ..Demands::default() };
        let check = |credential: Value, expected: Option<&str>| {
            let query = Query::from_value(&json!({"credentials": [credential]})).unwrap();
            let missing = match demands.check_asked(&query) {
                Ok(()) => None,
                Err(QueryError::NotAsked { claim, .. }) => Some(claim),
                Err(other) => panic!("{other}"),
            };
            assert_eq!(missing.as_deref(), expected, "{credential}");
        };
        let vc =
            |claims: Value| json!({"id": "a", "format": "dc+sd-jwt", "meta": {"vct_values": ["v"]}, "claims": claims});
        check(vc(json!([{"path": ["assurance"]}])), None);
        check(vc(json!([{"path": ["assurance", "verified_at"]}, {"path": ["assurance", "method"]}])), None);
        check(vc(json!([{"path": ["assurance", "verified_at"]}])), Some("assurance.method"));
        check(vc(json!([{"path": ["assurance", "method"]}])), Some("assurance.verified_at"));
        check(vc(json!([{"path": ["given_name"]}])), Some("assurance.verified_at"));
        let mdoc = |element: &str| json!({"id": "a", "format": "mso_mdoc", "meta": {"doctype_value": "d"}, "claims": [{"path": ["d", element]}]});
        check(mdoc("assurance"), None);
        check(mdoc("given_name"), Some("assurance.verified_at"));
        // Of two sets that may answer, one does not show it.
        let mut sets = vc(json!([{"id": "x", "path": ["assurance"]}, {"id": "y", "path": ["given_name"]}]));
        sets["claim_sets"] = json!([["x", "y"], ["y"]]);
        check(sets.clone(), Some("assurance.verified_at"));
        sets["claim_sets"] = json!([["x", "y"], ["x"]]);
        check(sets, None);
    }

    #[test]
    fn a_credential_of_another_issuer_or_an_older_or_weaker_one_is_refused() {
        let demands = Demands {
            issuers: vec!["issuer-a".to_owned()],
            max_age_days: Some(30),
            minimum_assurance: Some(Assurance::Documentary),
        };
        let check = |issuer: &str, claims: Value, expected: Option<CheckName>| {
            let found = demands.judge(issuer, claims.as_object().unwrap(), now()).map_err(|(name, _)| name);
            assert_eq!(found.err(), expected, "{issuer} {claims}");
        };
        let assurance = |at: &str, method: &str| json!({"verified_at": at, "method": method});
        let good = assurance("2026-11-01T00:00:00Z", "document");
        check("issuer-a", json!({"assurance": good}), None);
        check("issuer-a", json!({"org.warifu.kyc.1": {"assurance": good}}), None);
        check("issuer-b", json!({"assurance": good}), Some(CheckName::IssuerTrusted));
        for bad in [
            assurance("2026-10-01T00:00:00Z", "document"),
            assurance("2026-12-01T00:00:00Z", "document"),
            assurance("long ago", "document"),
            assurance("2026-11-01T00:00:00Z", "data_match"),
            assurance("2026-11-01T00:00:00Z", "word of honour"),
            json!({}),
            json!(7),
        ] {
            check("issuer-a", json!({"assurance": bad}), Some(CheckName::QuerySatisfied));
        }
        check("issuer-a", json!({}), Some(CheckName::QuerySatisfied));
        assert_eq!(Demands::default().judge("anybody", &Map::new(), now()), Ok(()));
    }
}
