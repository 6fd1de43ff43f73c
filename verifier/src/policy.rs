//! What a verifier asks for and what it demands of the answer.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use warifu_credential::selfie_reauth::{self, Demand, Liveness};
use warifu_credential::{ClaimPath, Format};
use warifu_openid4vc::dcql::{CredentialQuery, DcqlError, Query};
use warifu_openid4vc::vp::purpose::{self, Purpose};

/// The identifier of the one credential query that built-in policies make.
pub const QUERY_ID: &str = "kyc";

/// A named policy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Policy {
    /// Name by which requests choose it.
    pub name: String,
    /// What the claims are for, in English; shown before people consent.
    pub purpose: String,
    /// The same in other languages, by language tag: pages know `ja`, wallets may know more.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub purposes: BTreeMap<String, String>,
    /// What is asked for (DCQL, OpenID4VP 1.0 section 6).
    pub dcql_query: Value,
    /// Whether a selfie has to match before the wallet answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selfie_reauth: Option<Reauth>,
}

/// Why a query is not asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// It is no query.
    #[error(transparent)]
    Dcql(#[from] DcqlError),
    /// It asks for what can not be verified here.
    #[error("credential query `{id}` asks for {what}, which is not supported here")]
    Unsupported {
        /// The credential query.
        id: String,
        /// What is not supported.
        what: &'static str,
    },
}

/// The selfie reauth a policy demands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Reauth {
    /// Oldest match accepted, in seconds.
    pub max_age: u32,
    /// The check of liveness that has to be passed, `passive` or `active`.
    #[serde(with = "liveness")]
    pub liveness: Liveness,
    /// Name of the operating point that the match has to reach.
    pub operating_point: String,
}

impl Default for Reauth {
    fn default() -> Self {
        Self { max_age: 60, liveness: Liveness::Passive, operating_point: "fmr-1e-3".to_owned() }
    }
}

mod liveness {
    use serde::{Deserialize as _, Deserializer, Serializer, de};
    use warifu_credential::selfie_reauth::Liveness;

    pub(super) fn serialize<S: Serializer>(liveness: &Liveness, writer: S) -> Result<S::Ok, S::Error> {
        writer.serialize_str(liveness.name())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(reader: D) -> Result<Liveness, D::Error> {
        let name = String::deserialize(reader)?;
        Liveness::from_name(&name).ok_or_else(|| de::Error::custom("liveness is `passive` or `active`"))
    }
}

impl Reauth {
    /// The transaction data entry that carries the demand in a request; any one credential of `query` may answer it.
    pub fn entry(&self, purpose: &str, query: &Query) -> Result<selfie_reauth::Entry, selfie_reauth::Error> {
        selfie_reauth::Entry::new(&Demand {
            credential_ids: query.credentials.iter().map(|credential| credential.id.clone()).collect(),
            purpose: purpose.to_owned(),
            max_age: self.max_age,
            liveness: self.liveness,
            operating_point: self.operating_point.clone(),
        })
    }
}

impl Policy {
    /// A policy that asks a KYC attestation of type `vct` for these claims.
    #[must_use]
    pub fn for_claims(
        name: &str,
        purpose: &str,
        vct: &str,
        claims: &[ClaimPath],
        selfie_reauth: Option<Reauth>,
    ) -> Self {
        let credentials = vec![CredentialQuery::sd_jwt_vc(QUERY_ID, vct, claims.to_vec())];
        let query = Query { credentials, credential_sets: None };
        Self {
            name: name.to_owned(),
            purpose: purpose.to_owned(),
            purposes: BTreeMap::new(),
            dcql_query: query.to_value(),
            selfie_reauth,
        }
    }

    /// The same policy with its purpose in a further language.
    #[must_use]
    pub fn also_in(mut self, language: &str, purpose: &str) -> Self {
        self.purposes.insert(language.to_owned(), purpose.to_owned());
        self
    }

    /// The purpose for readers of a language; in English where it is not given in theirs.
    #[must_use]
    pub fn purpose_in(&self, language: &str) -> &str {
        self.purposes.get(language).unwrap_or(&self.purpose)
    }

    /// The purpose in all its languages as it travels in a request, English first.
    pub fn whole_purpose(&self) -> Result<Purpose, purpose::Error> {
        let english = ("en".to_owned(), self.purpose.clone());
        let others = self.purposes.iter().map(|(language, text)| (language.clone(), text.clone()));
        Purpose::new(std::iter::once(english).chain(others).collect())
    }

    /// Names of the policies that [`Policy::built_in`] makes; the pages have words of their own for them.
    pub const BUILT_IN: [&str; 3] = ["identity", "identity-selfie", "of-age"];

    /// The policies that a verifier starts with: identity, identity with a selfie, and of age.
    #[must_use]
    pub fn built_in(vct: &str) -> Vec<Self> {
        let identity: Vec<_> = ["given_name", "family_name", "birthdate"].map(ClaimPath::claim).into();
        let of_age = [ClaimPath::claim("age_equal_or_over").name("18")];
        let [plain, selfie, age] = Self::BUILT_IN;
        vec![
            Self::for_claims(plain, "Open an account", vct, &identity, None).also_in("ja", "口座の開設"),
            Self::for_claims(selfie, "Open an account", vct, &identity, Some(Reauth::default()))
                .also_in("ja", "口座の開設"),
            Self::for_claims(age, "Prove that you are of age", vct, &of_age, None)
                .also_in("ja", "18 歳以上であることの証明"),
        ]
    }

    /// The query, parsed and capped. One whose answer could never be accepted here is refused now, and not when a
    /// wallet has answered it.
    pub fn query(&self) -> Result<Query, QueryError> {
        let query = Query::from_value(&self.dcql_query)?;
        for credential in &query.credentials {
            let refuse = |what| Err(QueryError::Unsupported { id: credential.id.clone(), what });
            // Answers are read as SD-JWT VC only, so nothing else is asked for.
            if Format::from_identifier(&credential.format) != Some(Format::SdJwtVc) {
                return refuse("another format than `dc+sd-jwt`");
            }
            if !credential.require_cryptographic_holder_binding {
                return refuse("a presentation without key binding");
            }
            if credential.trusted_authorities.iter().any(|authority| authority.r#type != "aki") {
                return refuse("another kind of trusted authority than `aki`");
            }
        }
        Ok(query)
    }
}
