//! What a verifier asks for and what it demands of the answer.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use warifu_credential::selfie_reauth::{self, Demand, Liveness};
use warifu_credential::{ClaimPath, Format};
use warifu_openid4vc::dcql::{AuthorityType, CredentialQuery, CredentialSetQuery, DcqlError, Query};
use warifu_openid4vc::vp::purpose::{self, Purpose};
use warifu_openid4vc::vp::registration::Beyond;
use warifu_schemas::kyc;

use crate::acceptance::Assurance;

mod demands;

pub use demands::Demands;

/// The identifier of the credential query that built-in policies make for an SD-JWT VC.
pub const QUERY_ID: &str = "kyc";
/// The identifier of the one that they make for an mdoc.
pub const MDOC_QUERY_ID: &str = "kyc-mdoc";

/// What the built-in policies ask for: a claim of the `kyc` profile, and the mdoc element that holds the same.
type Asked = (&'static [&'static str], &'static str);
const IDENTITY: &[Asked] =
    &[(&["given_name"], "given_name"), (&["family_name"], "family_name"), (&["birthdate"], "birth_date")];
const OF_AGE: &[Asked] = &[(&["age_equal_or_over", "18"], "age_over_18")];

/// In which formats an attestation is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Formats {
    /// As SD-JWT VC only.
    #[serde(rename = "dc+sd-jwt")]
    SdJwtVc,
    /// As mdoc only.
    #[serde(rename = "mso_mdoc")]
    Mdoc,
    /// In either format, one of them: as SD-JWT VC where the wallet has both.
    #[default]
    #[serde(rename = "either")]
    Either,
}

impl Formats {
    /// Whether a credential of this format is taken.
    #[must_use]
    pub fn take(self, format: Format) -> bool {
        match (self, format) {
            (Self::Either, Format::SdJwtVc | Format::Mdoc)
            | (Self::SdJwtVc, Format::SdJwtVc)
            | (Self::Mdoc, Format::Mdoc) => true,
            (Self::SdJwtVc, Format::Mdoc) | (Self::Mdoc, Format::SdJwtVc) => false,
        }
    }
}

/// A named policy. A member that is not known is refused: a misspelt demand would make a weaker policy.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
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
    /// Whose credentials are accepted, by their identifiers in the trusted list; those of every issuer in it when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub issuers: Vec<String>,
    /// How many days ago the person may have been verified; at any time when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_age_days: Option<u32>,
    /// How the person must have been verified at least; in any way when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minimum_assurance: Option<Assurance>,
    /// What is kept of the values; when absent, the verdict alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep: Option<Keep>,
}

/// Which values of an answer are kept, and for how long. All others go once they were collected, or after
/// [`HOLD`](crate::keeping::HOLD).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Keep {
    /// Names of the claims; of an mdoc the names of elements.
    pub claims: Vec<String>,
    /// For how many days, 1 to 3650.
    pub days: u16,
}

/// Most days for which values are kept.
const MAX_KEPT_DAYS: u16 = 3650;
/// Most names in a list of a policy.
const MAX_NAMES: usize = 64;

/// Why a policy is not usable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// The name is empty, too long or spelled with other characters.
    #[error("a policy's name has 1 to 64 characters of a-z, 0-9, `-` and `_`")]
    Name,
    /// The purpose is empty or too long.
    #[error(transparent)]
    Purpose(#[from] purpose::Error),
    /// The query is not usable, or does not ask for what the policy demands.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// The demanded reauth is not usable.
    #[error("the selfie reauth: {0}")]
    Reauth(#[from] selfie_reauth::Error),
    /// The query asks beyond what is registered of the verifier.
    #[error(transparent)]
    Unregistered(#[from] Beyond),
    /// Nothing to keep, or for no time, or for too long.
    #[error("`keep` needs 1 to 64 names of claims and 1 to 3650 days")]
    Keep,
    /// An issuer without a name, or too many.
    #[error("`issuers` has at most 64 identifiers, none of them empty")]
    Issuers,
}

/// Why a query is not asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// It is no query.
    #[error(transparent)]
    Dcql(#[from] DcqlError),
    /// It can not be answered in the formats that are wanted.
    #[error("the query can not be answered in this format alone")]
    Format,
    /// It asks for what can not be verified here.
    #[error("credential query `{id}` asks for {what}, which is not supported here")]
    Unsupported {
        /// The credential query.
        id: String,
        /// What is not supported.
        what: &'static str,
    },
    /// It does not ask for the claim that a demand is judged by.
    #[error("credential query `{id}` does not ask for `{claim}`, by which `{demand}` is judged")]
    NotAsked {
        /// The credential query.
        id: String,
        /// The claim.
        claim: String,
        /// The member of the policy.
        demand: &'static str,
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
    /// A policy of our own `kyc` profile: an SD-JWT VC of type `vct`, an mdoc of the profile's document type, or one of
    /// the two (`credential_sets`, OpenID4VP 1.0 section 6.2).
    fn of_profile(
        name: &str,
        purpose: &str,
        vct: &str,
        formats: Formats,
        asked: &[Asked],
        selfie_reauth: Option<Reauth>,
    ) -> Self {
        let claim = |(path, _): &Asked| {
            let (first, rest) = path.split_first().unwrap_or((&"", &[]));
            rest.iter().fold(ClaimPath::claim(first), |path, name| path.name(name))
        };
        let element = |(_, element): &Asked| ClaimPath::claim(kyc::PROFILE.doctype).name(element);
        let sd_jwt_vc = CredentialQuery::sd_jwt_vc(QUERY_ID, vct, asked.iter().map(claim).collect());
        let mdoc = CredentialQuery::mdoc(MDOC_QUERY_ID, kyc::PROFILE.doctype, asked.iter().map(element).collect());
        let query = match formats {
            Formats::SdJwtVc => Query { credentials: vec![sd_jwt_vc], credential_sets: None },
            Formats::Mdoc => Query { credentials: vec![mdoc], credential_sets: None },
            Formats::Either => {
                let options = vec![vec![QUERY_ID.to_owned()], vec![MDOC_QUERY_ID.to_owned()]];
                let one_of = CredentialSetQuery { options, required: true };
                Query { credentials: vec![sd_jwt_vc, mdoc], credential_sets: Some(vec![one_of]) }
            }
        };
        Self {
            name: name.to_owned(),
            purpose: purpose.to_owned(),
            dcql_query: query.to_value(),
            selfie_reauth,
            ..Self::default()
        }
    }

    /// The same policy where only credentials of these formats are asked for; [`QueryError::Format`] where what is left
    /// could not answer what it demands.
    pub fn taking(self, formats: Formats) -> Result<Self, QueryError> {
        if formats == Formats::Either {
            return Ok(self);
        }
        let mut query = Query::from_value(&self.dcql_query)?;
        let taken =
            |query: &CredentialQuery| Format::from_identifier(&query.format).is_some_and(|format| formats.take(format));
        let kept: Vec<CredentialQuery> = query.credentials.iter().filter(|query| taken(query)).cloned().collect();
        let is_kept = |id: &String| kept.iter().any(|query| query.id == *id);
        match &mut query.credential_sets {
            // All of them are needed.
            None if kept.len() < query.credentials.len() => return Err(QueryError::Format),
            None => return Ok(self),
            Some(sets) => {
                for set in sets.iter_mut() {
                    set.options.retain(|option| option.iter().all(is_kept));
                }
                if sets.iter().any(|set| set.required && set.options.is_empty()) {
                    return Err(QueryError::Format);
                }
                sets.retain(|set| !set.options.is_empty());
                if sets.is_empty() {
                    return Err(QueryError::Format);
                }
            }
        }
        query.credentials = kept;
        Ok(Self { dcql_query: query.to_value(), ..self })
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
    pub const BUILT_IN: [&str; 4] = ["identity", "identity-selfie", "identity-live", "of-age"];

    /// The policies that a verifier starts with: identity, identity with a selfie, identity with a selfie and movements in
    /// front of the camera, and of age.
    #[must_use]
    pub fn built_in(vct: &str, formats: Formats) -> Vec<Self> {
        let [plain, selfie, live, age] = Self::BUILT_IN;
        let active = Reauth { liveness: Liveness::Active, ..Reauth::default() };
        let policy = |name, purpose, asked, reauth| Self::of_profile(name, purpose, vct, formats, asked, reauth);
        vec![
            policy(plain, "Open an account", IDENTITY, None).also_in("ja", "口座の開設"),
            policy(selfie, "Open an account", IDENTITY, Some(Reauth::default())).also_in("ja", "口座の開設"),
            policy(live, "Open an account", IDENTITY, Some(active)).also_in("ja", "口座の開設"),
            policy(age, "Prove that you are of age", OF_AGE, None).also_in("ja", "18 歳以上であることの証明"),
        ]
    }

    /// Whether a text is spelled as the name of a policy: 1 to 64 characters of a-z, 0-9, `-` and `_`.
    #[must_use]
    pub fn is_name(text: &str) -> bool {
        let spelled = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte);
        (1..=64).contains(&text.len()) && text.bytes().all(spelled)
    }

    /// Whether requests can be made from this policy and their answers judged.
    pub fn check(&self) -> Result<(), PolicyError> {
        if !Self::is_name(&self.name) {
            return Err(PolicyError::Name);
        }
        self.whole_purpose()?;
        let query = self.query()?;
        if let Some(reauth) = &self.selfie_reauth {
            reauth.entry(&self.purpose, &query)?;
        }
        self.demands().check_asked(&query)?;
        if self.issuers.len() > MAX_NAMES || self.issuers.iter().any(String::is_empty) {
            return Err(PolicyError::Issuers);
        }
        let fits = |keep: &Keep| {
            let (names, days) = (1..=MAX_NAMES, 1..=MAX_KEPT_DAYS);
            names.contains(&keep.claims.len()) && days.contains(&keep.days) && !keep.claims.iter().any(String::is_empty)
        };
        if self.keep.as_ref().is_some_and(|keep| !fits(keep)) { Err(PolicyError::Keep) } else { Ok(()) }
    }

    /// What is demanded of whoever issued and of the verification behind a credential.
    #[must_use]
    pub fn demands(&self) -> Demands {
        Demands {
            issuers: self.issuers.clone(),
            max_age_days: self.max_age_days,
            minimum_assurance: self.minimum_assurance,
        }
    }

    /// The query, parsed and capped. One whose answer could never be accepted here is refused now, and not when a
    /// wallet has answered it.
    pub fn query(&self) -> Result<Query, QueryError> {
        let query = Query::from_value(&self.dcql_query)?;
        query.check_own()?;
        for credential in &query.credentials {
            let refuse = |what| Err(QueryError::Unsupported { id: credential.id.clone(), what });
            // Answers are read in these formats only, so nothing else is asked for.
            if Format::from_identifier(&credential.format).is_none() {
                return refuse("another format than `dc+sd-jwt` and `mso_mdoc`");
            }
            if !credential.require_cryptographic_holder_binding {
                return refuse("a presentation without holder binding");
            }
            if credential.trusted_authorities.iter().any(|authority| authority.r#type != AuthorityType::Aki) {
                return refuse("another kind of trusted authority than `aki`");
            }
        }
        Ok(query)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use warifu_schemas::Step;

    use super::*;

    const VCT: &str = "https://issuer.example/vct/kyc-identity/1";

    #[test]
    fn claim_and_element_are_the_same_row_of_the_profile() {
        for (path, element) in IDENTITY.iter().chain(OF_AGE) {
            let steps: Vec<Step> = path.iter().map(|name| Step::Name(name)).collect();
            let row = kyc::PROFILE.attribute(&steps);
            assert!(row.is_some_and(|row| row.element == Some(element)), "{path:?} {element}");
        }
    }

    #[test]
    fn either_format_is_one_of_two_and_never_both() {
        let built_in = Policy::built_in(VCT, Formats::Either);
        let either = built_in.iter().find(|policy| policy.name == "of-age").unwrap();
        let doctype = "org.warifu.kyc.1";
        let sd_jwt_vc = json!({"id": "kyc", "format": "dc+sd-jwt", "meta": {"vct_values": [VCT]},
            "claims": [{"path": ["age_equal_or_over", "18"]}]});
        let mdoc = json!({"id": "kyc-mdoc", "format": "mso_mdoc", "meta": {"doctype_value": doctype},
            "claims": [{"path": [doctype, "age_over_18"]}]});
        assert_eq!(
            either.dcql_query,
            json!({"credentials": [sd_jwt_vc, mdoc], "credential_sets": [{"options": [["kyc"], ["kyc-mdoc"]]}]})
        );
        let check = |formats: Formats, expected: &[&str]| {
            let query = either.clone().taking(formats).unwrap().query().unwrap();
            assert_eq!(query.credentials.iter().map(|query| query.id.as_str()).collect::<Vec<_>>(), expected);
            let options: Vec<_> = query.credential_sets.iter().flatten().flat_map(|set| &set.options).collect();
            assert_eq!(options.len(), expected.len(), "{formats:?}");
        };
        check(Formats::Either, &["kyc", "kyc-mdoc"]);
        check(Formats::SdJwtVc, &["kyc"]);
        check(Formats::Mdoc, &["kyc-mdoc"]);
        let one = &Policy::built_in(VCT, Formats::SdJwtVc)[0];
        assert_eq!(one.clone().taking(Formats::Either).as_ref(), Ok(one));
        assert_eq!(one.clone().taking(Formats::Mdoc), Err(QueryError::Format));
    }

    #[test]
    fn what_can_not_be_verified_is_not_asked_for() {
        let check = |query: Value, expected: bool| {
            let policy = Policy { dcql_query: query.clone(), ..Policy::built_in(VCT, Formats::Either).remove(0) };
            assert_eq!(policy.query().is_ok(), expected, "{query}");
        };
        let query = |format: &str, meta: Value| json!({"credentials": [{"id": "a", "format": format, "meta": meta}]});
        check(query("dc+sd-jwt", json!({"vct_values": ["x"]})), true);
        check(query("mso_mdoc", json!({"doctype_value": "org.iso.18013.5.1.mDL"})), true);
        check(query("mso_mdoc", json!({"vct_values": ["x"]})), false);
        check(query("ldp_vc", json!({"type_values": [["x"]]})), false);
        let mut unbound = query("mso_mdoc", json!({"doctype_value": "x"}));
        unbound["credentials"][0]["require_cryptographic_holder_binding"] = json!(false);
        check(unbound, false);
        // In an mdoc a claim without its namespace is no claim.
        let mut bare = query("mso_mdoc", json!({"doctype_value": "x"}));
        bare["credentials"][0]["claims"] = json!([{"path": ["face_template"]}]);
        check(bare, false);
    }
}
