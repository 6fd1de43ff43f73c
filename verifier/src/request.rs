//! Presentation requests: how they are made, and what is known of one at each stage.
//!
//! Every request carries its purpose to the wallet, of the format [`warifu_openid4vc::vp::purpose::FORMAT`] in
//! `verifier_info` (OpenID4VP 1.0 section 5.11).

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use url::Url;
use warifu_credential::selfie_reauth::{self, Entry as ReauthEntry};
use warifu_keys::base64url;
use warifu_keys::jwe::{self, Encryption};
use warifu_openid4vc::dcql::Query;
use warifu_openid4vc::http::Method;
use warifu_openid4vc::link::Link;
use warifu_openid4vc::vp::client_id::ClientId;
use warifu_openid4vc::vp::holder::RequestUri;
use warifu_openid4vc::vp::purpose::{self, Purpose};
use warifu_openid4vc::vp::response::BodyError;
use warifu_openid4vc::vp::transaction_data::TransactionData;
use warifu_openid4vc::vp::verifier::{AwaitingResponse, RequestBuilder};
use warifu_store::audit::{Entry, Reference};
use warifu_store::{Batch, Loaded, Stored};

use crate::Verifier;
use crate::check::Report;
use crate::policy::{Formats, Policy, QueryError, Reauth};
use crate::transaction::{Frontend, TransactionId};

/// What a partner's server sends to make a request. A member that is not known is refused: left out in silence, a
/// misspelt demand would make a weaker request.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NewRequest {
    /// A named policy; the first one when neither policy nor query is given.
    pub policy: Option<String>,
    /// A query of the caller's own, in place of a policy.
    pub dcql_query: Option<Value>,
    /// The formats in which it may be answered, of those that the policy or query takes; all of them when absent.
    pub formats: Formats,
    /// `true` for the default demand, or the demand itself; overrides the policy's.
    pub selfie_reauth: Option<ReauthWish>,
    /// What the claims are for; overrides the policy's in every language.
    pub purpose: Option<String>,
}

/// A selfie reauth, asked for shortly or in full.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum ReauthWish {
    /// The default demand, or none.
    Plain(bool),
    /// This demand.
    Full(Reauth),
}

/// The answer to whoever made a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[schema(as = CreatedRequest)]
pub struct Created {
    /// Identifier.
    pub request_id: String,
    /// The page with the QR code, for people. It carries a ticket: the first browser that opens it will see the result.
    pub page_url: Url,
    /// The link that the QR code holds, for wallets.
    pub link: String,
    /// When the request ends.
    pub expires_at: Timestamp,
}

/// A request made on our own page, and the secret of the browser that asked for it.
#[derive(Debug, Clone)]
pub struct Begun {
    /// Identifier.
    pub request_id: String,
    /// What the browser shows to see the result.
    pub transaction: TransactionId,
}

/// How a request stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "stage", rename_all = "snake_case")]
pub enum Stage {
    /// No wallet has fetched it.
    Opened {
        /// What waits for the answer, sealed: it holds the private key for the response.
        awaiting: String,
    },
    /// A wallet has the signed request object.
    Fetched {
        /// As in [`Stage::Opened`].
        awaiting: String,
    },
    /// An answer came and was verified.
    Answered {
        /// Every check.
        report: Report,
    },
    /// The wallet or its user shared nothing.
    Refused,
    /// What came was no answer.
    Failed {
        /// The name of the reason.
        reason: String,
    },
    /// Nothing came in time.
    Expired,
}

/// A request as it is stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Identifier: 256 random bits, known to the wallet and to whoever sees the QR code.
    pub id: String,
    /// Name of the policy it was made from, if any.
    pub policy: Option<String>,
    /// What the claims are for, in English.
    pub purpose: String,
    /// The same in other languages, by language tag.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub purposes: BTreeMap<String, String>,
    /// When it was made.
    pub created: Timestamp,
    /// When it ends.
    pub expires: Timestamp,
    /// The reauth demanded, as the transaction data entry that travels.
    pub reauth: Option<String>,
    /// Hash of the ticket in `page_url`; none where the request was made on our own page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<String>,
    /// How it stands.
    #[serde(flatten)]
    pub stage: Stage,
}

impl Stored for Record {
    const NAME: &'static str = "requests";

    fn key(&self) -> String {
        self.id.clone()
    }
}

impl Record {
    /// What the partner's server learns.
    #[must_use]
    pub fn public(&self) -> Value {
        let mut value = json!({
            "request_id": self.id, "policy": self.policy, "purpose": self.purpose,
            "created_at": self.created, "expires_at": self.expires,
        });
        let (state, more) = match &self.stage {
            Stage::Opened { .. } => ("waiting", json!({})),
            Stage::Fetched { .. } => ("opened", json!({})),
            Stage::Answered { report } => {
                let mut members = json!({"checks": report.checks(), "presentations": report.presentations()});
                // The common case without a detour: one presentation, whose parts stand at the top as well.
                if let [shown] = report.presentations() {
                    members["claims"] = json!(shown.claims);
                    members["issuer"] = json!(shown.issuer);
                }
                (if report.is_accepted() { "accepted" } else { "refused" }, members)
            }
            Stage::Refused => ("denied", json!({})),
            Stage::Failed { reason } => ("failed", json!({"reason": reason})),
            Stage::Expired => ("expired", json!({})),
        };
        value["state"] = json!(state);
        if let (Some(members), Value::Object(more)) = (value.as_object_mut(), more) {
            members.extend(more);
        }
        value
    }

    /// The purpose for readers of a language; in English where it is not given in theirs.
    #[must_use]
    pub fn purpose_in(&self, language: &str) -> &str {
        self.purposes.get(language).unwrap_or(&self.purpose)
    }

    fn awaiting(&self) -> Option<&str> {
        match &self.stage {
            Stage::Opened { awaiting } | Stage::Fetched { awaiting } => Some(awaiting),
            Stage::Answered { .. } | Stage::Refused | Stage::Failed { .. } | Stage::Expired => None,
        }
    }

    pub(crate) fn with(self, stage: Stage) -> Self {
        Self { stage, ..self }
    }
}

/// Why a request could not be made, fetched or answered.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// No policy of that name.
    #[error("policy `{0}` is not known here")]
    UnknownPolicy(String),
    /// A policy and a query at once.
    #[error("give either `policy` or `dcql_query`")]
    PolicyAndQuery,
    /// The query is not usable.
    #[error("the query is not usable: {0}")]
    Query(#[from] QueryError),
    /// The purpose is empty or too long.
    #[error(transparent)]
    Purpose(#[from] purpose::Error),
    /// The demanded reauth is not usable.
    #[error("the selfie reauth is not usable: {0}")]
    Reauth(#[from] selfie_reauth::Error),
    /// No such request.
    #[error("there is no such request")]
    NotFound,
    /// The request ended.
    #[error("the request has expired")]
    Expired,
    /// It was fetched before, or answered already.
    #[error("the request was used already")]
    OutOfTurn,
    /// What came is no answer to it.
    #[error("the response is not acceptable: {0}")]
    Response(String),
    /// The request object could not be made.
    #[error("the request could not be made: {0}")]
    Make(String),
    /// The store failed.
    #[error("the request could not be stored")]
    Store(#[from] warifu_store::Error),
}

impl From<BodyError> for RequestError {
    fn from(error: BodyError) -> Self {
        Self::Response(error.to_string())
    }
}

impl Verifier {
    /// Makes a request for a partner's server. The browser that first opens its `page_url` will see the result there.
    pub async fn create_request(&self, new: NewRequest, now: Timestamp) -> Result<Created, RequestError> {
        let ticket = TransactionId::generate(&*self.entropy);
        let record = self.prepare(new, Some(&ticket), now)?;
        self.store.commit(Batch::new().insert(&record).audit(self.request_entry("request.made", &record, now))).await?;
        let mut page_url = self.config.at(&format!("en/request/{}", record.id));
        page_url.query_pairs_mut().append_pair("ticket", ticket.as_str());
        let link = self.link(&record);
        Ok(Created { page_url, link, request_id: record.id, expires_at: record.expires })
    }

    /// Makes a request by the named policy for somebody at our own page; their browser alone will see the result.
    pub async fn begin(&self, policy: Option<String>, now: Timestamp) -> Result<Begun, RequestError> {
        let record = self.prepare(NewRequest { policy, ..NewRequest::default() }, None, now)?;
        let transaction = TransactionId::generate(&*self.entropy);
        let frontend = Frontend { request_id: record.id.clone(), transaction: transaction.hash() };
        let batch = Batch::new().insert(&record).insert(&frontend);
        self.store.commit(batch.audit(self.request_entry("request.made", &record, now))).await?;
        Ok(Begun { request_id: record.id, transaction })
    }

    /// A new request with its own nonce, state and encryption key, not stored yet.
    fn prepare(&self, new: NewRequest, ticket: Option<&TransactionId>, now: Timestamp) -> Result<Record, RequestError> {
        let policy = match (new.policy.as_deref(), new.dcql_query) {
            (Some(_), Some(_)) => return Err(RequestError::PolicyAndQuery),
            (None, Some(dcql_query)) => Policy {
                name: String::new(),
                purpose: self.config.name.clone(),
                purposes: BTreeMap::new(),
                dcql_query,
                selfie_reauth: None,
            },
            (name, None) => {
                let unknown = || RequestError::UnknownPolicy(name.unwrap_or_default().chars().take(60).collect());
                self.config.policy(name).cloned().ok_or_else(unknown)?
            }
        };
        let policy = match new.purpose {
            Some(purpose) => Policy { purpose, purposes: BTreeMap::new(), ..policy },
            None => policy,
        };
        let purpose = policy.whole_purpose()?;
        let policy = policy.taking(new.formats)?;
        let query = policy.query()?;
        let reauth = match new.selfie_reauth {
            None => policy.selfie_reauth,
            Some(ReauthWish::Plain(false)) => None,
            Some(ReauthWish::Plain(true)) => Some(policy.selfie_reauth.unwrap_or_default()),
            Some(ReauthWish::Full(reauth)) => Some(reauth),
        };
        let reauth = reauth.map(|reauth| reauth.entry(&policy.purpose, &query)).transpose()?;
        let id = self.entropy.token();
        let awaiting = self.awaiting(&id, query, &purpose, reauth.as_ref(), now)?;
        Ok(Record {
            policy: Some(policy.name).filter(|name| !name.is_empty()),
            purpose: policy.purpose,
            purposes: policy.purposes,
            created: now,
            expires: awaiting.expires(),
            reauth: reauth.map(|entry| entry.encoded().to_owned()),
            ticket: ticket.map(TransactionId::hash),
            stage: Stage::Opened { awaiting: self.seal(&awaiting)? },
            id,
        })
    }

    fn awaiting(
        &self,
        id: &str,
        query: Query,
        purpose: &Purpose,
        reauth: Option<&ReauthEntry>,
        now: Timestamp,
    ) -> Result<AwaitingResponse, RequestError> {
        let make = |error: &dyn std::fmt::Display| RequestError::Make(error.to_string());
        let leaf =
            self.bundle.access.certificate().ok_or_else(|| RequestError::Make("no access certificate".to_owned()))?;
        let life = SignedDuration::from_secs(i64::from(self.config.request_seconds));
        let mut builder = RequestBuilder::new(leaf, self.config.at(&format!("vp/{id}/response")), query)
            .life(life)
            .verifier_info(json!([purpose.to_entry()]));
        if let Some(entry) = reauth {
            builder = builder.transaction_data(TransactionData::parse(entry.encoded()).map_err(|error| make(&error))?);
        }
        // Query and demand were checked by now, and the address is the configuration's: what fails here is our fault.
        builder.build(&*self.entropy, now).map_err(|error| make(&error))
    }

    /// The link that a wallet opens: `client_id` and `request_uri` (OpenID4VP 1.0 section 5.4).
    #[must_use]
    pub fn link(&self, record: &Record) -> String {
        let request_uri = self.config.at(&format!("vp/{}/request", record.id));
        self.bundle.access.certificate().map_or_else(String::new, |leaf| {
            let client_id = ClientId::x509_hash(leaf);
            Link::Request(RequestUri { client_id, request_uri, method: Method::Get }).to_uri()
        })
    }

    /// A request as it stands at `now`.
    pub async fn request(&self, id: &str, now: Timestamp) -> Result<Record, RequestError> {
        let record = self.load(id).await?.value;
        let over = record.awaiting().is_some() && now >= record.expires;
        Ok(if over { record.with(Stage::Expired) } else { record })
    }

    pub(crate) async fn load(&self, id: &str) -> Result<Loaded<Record>, RequestError> {
        // Identifiers are tokens of 43 characters; anything else can not be one and never reaches the store.
        if id.len() != 43 || base64url::decode(id).is_err() {
            return Err(RequestError::NotFound);
        }
        self.requests.load(id).await?.ok_or(RequestError::NotFound)
    }

    pub(crate) fn request_entry(&self, action: &'static str, record: &Record, now: Timestamp) -> Entry {
        let outcome = record.public();
        Entry::new(
            now,
            action,
            Reference::public("verifier", &self.config.audience),
            Reference::public("request", &record.id),
        )
        .fact("state", outcome.get("state").and_then(Value::as_str).unwrap_or_default())
        .fact("policy", record.policy.as_deref().unwrap_or("own query"))
    }

    /// The waiting half holds a private key, so it is stored encrypted to the verifier's own share key.
    fn seal(&self, awaiting: &AwaitingResponse) -> Result<String, RequestError> {
        let text = serde_json::to_vec(awaiting).map_err(|error| RequestError::Make(error.to_string()))?;
        jwe::encrypt(&text, &self.bundle.share_jwk(), Encryption::A256Gcm, Map::new(), &*self.entropy)
            .map_err(|error| RequestError::Make(error.to_string()))
    }
}
