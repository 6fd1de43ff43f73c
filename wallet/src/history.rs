//! What was done with the wallet: issuances, presentations, shares, also those that failed or were refused.
//!
//! Members are named as in the EUDI specification TS10 1.2, and like there an entry holds attribute names and never
//! attribute values (ARF 3.0 Topic 19, DASH_03a). Left out until their issue comes: export, deletion requests and
//! reports to a data protection authority.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use url::Url;
use uuid::Uuid;
use warifu_credential::ClaimPath;
use warifu_credential::type_metadata::{TypeMetadata, path_text};
use warifu_session::consent::UserPid;
use warifu_session::share::{Scope, Terms};

use crate::holding::label;

/// Longest text of a stranger that is kept, in characters.
const MAX_TEXT: usize = 300;

/// One thing that was done or tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// Random identifier of the entry.
    pub transaction_identifier: String,
    /// When.
    pub time: Timestamp,
    /// What.
    pub transaction_type: TransactionType,
    /// How the data left, for presentations.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub channel: Option<Channel>,
    /// Whether it was done.
    pub transaction_result: TransactionResult,
    /// The issuer or the verifier.
    #[serde(flatten)]
    pub party: Party,
    /// What the data was asked for, in the other party's words.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub purpose: Option<String>,
    /// Types and names of attributes that were asked for.
    pub list_of_claims_requested: Vec<ClaimsOf>,
    /// Types and names of attributes that left the wallet, or that came in with an issuance.
    pub list_of_claims_presented: Vec<ClaimsOf>,
    /// Whether a selfie was matched on this device for it, and with which liveness check.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub selfie: Option<String>,
    /// Words of scope of a share.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub scope: Vec<Scope>,
    /// Identifier of a share, by which the partner's log names it too.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub share_id: Option<Uuid>,
    /// The user towards the partner of a share.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub user_pid: Option<UserPid>,
    /// Until when a share can be used.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub expires_at: Option<Timestamp>,
    /// Name of the reason why it was not done, such as `face_does_not_match`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason_of_noncompletion: Option<String>,
}

/// Kinds of entries, by their TS10 names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum TransactionType {
    /// A credential was received.
    CredentialIssuance,
    /// Attributes were asked for or shared.
    Presentation,
    /// A credential was deleted by the user.
    CredentialDeletion,
}

/// How a presentation left the wallet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// As the answer to an OpenID4VP request.
    Request,
    /// As a share token.
    Share,
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum TransactionResult {
    /// Done.
    Completed,
    /// Failed or refused.
    NotCompleted,
}

/// The other side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Party {
    /// Name for people.
    #[serde(rename = "interactingPartyName")]
    pub name: String,
    /// Identifier: a `client_id`, a partner id or a credential issuer identifier.
    #[serde(rename = "interactingPartyIdentifier")]
    pub identifier: String,
    /// The registry whose list names the party.
    #[serde(rename = "registrarURL", skip_serializing_if = "Option::is_none", default)]
    pub registrar: Option<String>,
}

/// Attribute names of one credential type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClaimsOf {
    /// `vct` of the credential.
    pub credential_identifier: String,
    /// Claims path pointers (OpenID4VP 1.0 section 7).
    pub claims: Vec<ClaimPath>,
}

impl Party {
    /// The party as people are told of it: its name, or the host of one that is known by its address only.
    #[must_use]
    pub fn shown(&self) -> String {
        let name = if self.name.is_empty() { &self.identifier } else { &self.name };
        let address = Some(name).filter(|name| **name == self.identifier).and_then(|name| Url::parse(name).ok());
        match address.as_ref().and_then(|address| Some((address.host_str()?, address.port()))) {
            Some((host, Some(port))) => format!("{host}:{port}"),
            Some((host, None)) => host.to_owned(),
            None => name.clone(),
        }
    }
}

impl ClaimsOf {
    /// What people call the attributes, by what the types in `known` say, else by our own profile; the path where
    /// neither has a word for one.
    pub(crate) fn labels(&self, known: &[TypeMetadata], language: &str) -> Vec<String> {
        let metadata = known.iter().find(|metadata| metadata.vct == self.credential_identifier);
        let word = |path| label(metadata, path, language).map_or_else(|| path_text(path), str::to_owned);
        self.claims.iter().map(word).collect()
    }
}

impl Entry {
    /// A new entry, completed; `identifier` is a fresh random name.
    #[must_use]
    pub fn new(identifier: String, transaction_type: TransactionType, party: Party, time: Timestamp) -> Self {
        let short = |text: &str| text.chars().take(MAX_TEXT).collect::<String>();
        Self {
            transaction_identifier: identifier,
            time,
            transaction_type,
            channel: None,
            transaction_result: TransactionResult::Completed,
            party: Party { name: short(&party.name), identifier: short(&party.identifier), registrar: party.registrar },
            purpose: None,
            list_of_claims_requested: vec![],
            list_of_claims_presented: vec![],
            selfie: None,
            scope: vec![],
            share_id: None,
            user_pid: None,
            expires_at: None,
            reason_of_noncompletion: None,
        }
    }

    /// The same entry with what a share says about itself.
    #[must_use]
    pub(crate) fn with_terms(mut self, terms: &Terms) -> Self {
        self.scope = terms.scope().to_vec();
        self.share_id = Some(terms.id());
        self.user_pid = Some(terms.user_pid().clone());
        self
    }

    /// The same entry with the purpose, cut to a bearable length.
    #[must_use]
    pub fn with_purpose(mut self, purpose: Option<&str>) -> Self {
        self.purpose = purpose.map(|text| text.chars().take(MAX_TEXT).collect());
        self
    }

    /// The entry as not completed: nothing was presented. `reason` is a fixed name, never a message with values in it.
    #[must_use]
    pub fn not_completed(mut self, reason: &'static str) -> Self {
        self.transaction_result = TransactionResult::NotCompleted;
        self.list_of_claims_presented.clear();
        self.selfie = None;
        self.expires_at = None;
        self.reason_of_noncompletion = Some(reason.to_owned());
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_party_without_a_name_is_shown_by_its_host() {
        let check = |name: &str, identifier: &str, expected: &str| {
            let (name, identifier) = (name.to_owned(), identifier.to_owned());
            assert_eq!(Party { name, identifier, registrar: None }.shown(), expected);
        };
        let address = "https://issuer.example/tenant";
        check("KYC Authority", address, "KYC Authority");
        check(address, address, "issuer.example");
        check("", "http://127.0.0.1:7002", "127.0.0.1:7002");
        check("", "x509_hash:abc", "x509_hash:abc");
        // A name that only looks like an address is somebody's word, not where an answer came from.
        check("https://bank.example", address, "https://bank.example");
    }
}
