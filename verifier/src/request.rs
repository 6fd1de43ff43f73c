//! Presentation requests: how they are made, and what is known of one at each stage.
//!
//! Every request carries its purpose to the wallet, of the format [`warifu_openid4vc::vp::purpose::FORMAT`] in
//! `verifier_info` (OpenID4VP 1.0 section 5.11).

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::Url;
use warifu_credential::selfie_reauth::{self, Entry as ReauthEntry};
use warifu_keys::{Secret, base64url, json as strict};
use warifu_openid4vc::dcql::Query;
use warifu_openid4vc::http::Method;
use warifu_openid4vc::link::Link;
use warifu_openid4vc::vp::client_id::Prefix;
use warifu_openid4vc::vp::holder::{RequestUri, Scheme};
use warifu_openid4vc::vp::purpose::{self, Purpose};
use warifu_openid4vc::vp::registration::{Beyond, check_registered};
use warifu_openid4vc::vp::request::ResponseMode;
use warifu_openid4vc::vp::response::BodyError;
use warifu_openid4vc::vp::transaction_data::TransactionData;
use warifu_openid4vc::vp::verifier::{AwaitingResponse, RequestBuilder};
use warifu_openid4vc::vp::wallet_metadata::WalletMetadataError;
use warifu_server::text::Lang;
use warifu_store::audit::{Entry, Reference};
use warifu_store::{Batch, Loaded};

use crate::Verifier;
use crate::confirmation::Way;
use crate::identity;
use crate::policies::Named;
use crate::policy::{Formats, Policy, QueryError, Reauth};
use crate::transaction::{Frontend, TransactionId};

mod record;

pub use record::{Delivery, Handles, Record, Stage};

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
    /// Where the page of the request leads back to, at one of the configured origins.
    pub return_url: Option<Url>,
    /// The language of `page_url`, `en` or `ja`; English when absent.
    pub language: Option<String>,
    /// The client identifier prefix to ask by, one of those configured; the first of them when absent.
    pub client_id_prefix: Option<String>,
    /// `direct_post.jwt`, which is meant when absent, or `direct_post`: answered in the clear, which HAIP 1.0 does not allow.
    pub response_mode: Option<String>,
    /// `get`, which is meant when absent, or `post`: what the link tells the wallet to do at the request URI.
    pub request_uri_method: Option<String>,
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
    /// The link for a wallet, for a QR code of your own. It carries a key that stands on no page: an answer by it counts at
    /// once (`confirmed_by` is `none`), so that it is you who knows to whom it was given.
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
    /// A client identifier prefix that is not configured.
    #[error("requests are not made under client identifier prefix `{0}` here")]
    ClientIdPrefix(String),
    /// Neither `direct_post` nor `direct_post.jwt`.
    #[error("response mode `{0}` is not known here")]
    ResponseMode(String),
    /// Neither `get` nor `post`.
    #[error("request URI method `{0}` is not known here")]
    RequestUriMethod(String),
    /// The query asks beyond the registration certificate.
    #[error("{0}")]
    Unregistered(#[from] Beyond),
    /// The registration certificate has ended.
    #[error("the registration certificate expired at {at}")]
    RegistrationExpired {
        /// When it ended.
        at: Timestamp,
    },
    /// The wallet could not answer, by what it says about itself, or says it in a wrong form.
    #[error(transparent)]
    Wallet(#[from] WalletMetadataError),
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
    /// The page does not lead to this address.
    #[error("the origin of `return_url` is not one of the configured `return_origins`")]
    ReturnUrl,
    /// The page does not speak this language.
    #[error("the page does not speak `{0}`")]
    Language(String),
    /// There is no result yet, or there will be none.
    #[error("the request has no result")]
    NotAnswered,
    /// The values were handed over before, or waited for too long.
    #[error("the values were collected before, or have waited for too long; the verdict is still here")]
    Collected,
    /// A response code that is not the request's.
    #[error("the response code is another one")]
    ResponseCode,
    /// A confirmation code that is not the request's.
    #[error("the confirmation code is another one; it may be wrong {left} more times")]
    ConfirmationCode {
        /// Tries that are left.
        left: u8,
    },
    /// This is not the browser that began the request.
    #[error("the request was begun in another browser")]
    OtherBrowser,
    /// The page that answers is not the verifier's own.
    #[error("the response came from another origin")]
    OtherOrigin,
    /// None of the exchange protocols that are asked for can be had.
    #[error("none of these exchange protocols can be had")]
    Protocols,
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
        let (ticket, key) = (TransactionId::generate(&*self.entropy), TransactionId::generate(&*self.entropy));
        let handles = Handles { ticket: ticket.hash(), link: key.hash() };
        let named = self.named(&new).await?;
        let language = match new.language.as_deref() {
            None => Lang::En,
            Some(tag) => tag.parse().map_err(|_| RequestError::Language(shorten(tag)))?,
        };
        let record = self.prepare(new, named, Some(handles), now)?;
        self.store.commit(Batch::new().insert(&record).audit(self.request_entry("request.made", &record, now))).await?;
        let mut page_url = self.config.at(&format!("{language}/request/{}", record.id));
        page_url.query_pairs_mut().append_pair("ticket", ticket.as_str());
        let link = self.link_with(&record, Some(("key", key.as_str())));
        Ok(Created { page_url, link, request_id: record.id, expires_at: record.expires })
    }

    /// Makes a request by the named policy for somebody at our own page; their browser alone will see the result.
    pub async fn begin(&self, policy: Option<String>, now: Timestamp) -> Result<Begun, RequestError> {
        let new = NewRequest { policy, ..NewRequest::default() };
        let named = self.named(&new).await?;
        let record = self.prepare(new, named, None, now)?;
        let transaction = TransactionId::generate(&*self.entropy);
        let frontend = Frontend { request_id: record.id.clone(), transaction: transaction.hash() };
        let batch = Batch::new().insert(&record).insert(&frontend);
        self.store.commit(batch.audit(self.request_entry("request.made", &record, now))).await?;
        Ok(Begun { request_id: record.id, transaction })
    }

    /// The policy that a new request is made from: the one it names, or its own query under no name.
    async fn named(&self, new: &NewRequest) -> Result<Named, RequestError> {
        match (new.policy.as_deref(), &new.dcql_query) {
            (Some(_), Some(_)) => Err(RequestError::PolicyAndQuery),
            (None, Some(query)) => {
                let (purpose, dcql_query) = (self.config.name.clone(), query.clone());
                Ok(Named { policy: Policy { purpose, dcql_query, ..Policy::default() }, version: None })
            }
            (name, None) => {
                let found = self.named_policy(name).await?;
                found.ok_or_else(|| RequestError::UnknownPolicy(shorten(name.unwrap_or_default())))
            }
        }
    }

    /// A new request with its own nonce, state and encryption key, not stored yet.
    fn prepare(
        &self,
        new: NewRequest,
        named: Named,
        partner: Option<Handles>,
        now: Timestamp,
    ) -> Result<Record, RequestError> {
        let manner = self.manner(&new)?;
        if let Some(url) = &new.return_url
            && !self.config.return_origins.iter().any(|origin| origin.as_str() == url.origin().ascii_serialization())
        {
            return Err(RequestError::ReturnUrl);
        }
        let Named { policy, version: policy_version } = named;
        let policy = match new.purpose {
            Some(purpose) => Policy { purpose, purposes: BTreeMap::new(), ..policy },
            None => policy,
        };
        let purpose = policy.whole_purpose()?;
        let policy = policy.taking(new.formats)?;
        let query = policy.query()?;
        let demands = policy.demands();
        demands.check_asked(&query)?;
        if let Some(own) = &self.config.identity.registration {
            let registration = own.registration();
            if now >= registration.expires() {
                return Err(RequestError::RegistrationExpired { at: registration.expires() });
            }
            check_registered(std::slice::from_ref(registration), &query)?;
        }
        let reauth = match new.selfie_reauth {
            None => policy.selfie_reauth,
            Some(ReauthWish::Plain(false)) => None,
            Some(ReauthWish::Plain(true)) => Some(policy.selfie_reauth.unwrap_or_default()),
            Some(ReauthWish::Full(reauth)) => Some(reauth),
        };
        let reauth = reauth.map(|reauth| reauth.entry(&policy.purpose, &query)).transpose()?;
        let id = self.entropy.token();
        let awaiting = self.awaiting(&id, query, &purpose, reauth.as_ref(), &manner, now)?;
        Ok(Record {
            policy: Some(policy.name).filter(|name| !name.is_empty()),
            purpose: policy.purpose,
            purposes: policy.purposes,
            created: now,
            expires: awaiting.expires(),
            reauth: reauth.map(|entry| entry.encoded().to_owned()),
            partner,
            delivery: delivery(&awaiting, manner.method, now)?,
            policy_version,
            demands,
            keep: policy.keep,
            return_url: new.return_url,
            ended: None,
            collected: None,
            stage: Stage::Opened { awaiting: self.seal(&id, &awaiting)? },
            id,
        })
    }

    /// In which manner a request is made, where that can be chosen.
    fn manner(&self, new: &NewRequest) -> Result<Manner, RequestError> {
        let prefixes = &self.config.identity.prefixes;
        let prefix = match new.client_id_prefix.as_deref() {
            None => prefixes.first().copied(),
            Some(name) => Prefix::from_name(name).filter(|prefix| prefixes.contains(prefix)),
        };
        let mode = match new.response_mode.as_deref() {
            None => Some(ResponseMode::DirectPostJwt),
            Some(name) => ResponseMode::from_name(name)
                .filter(|mode| [ResponseMode::DirectPost, ResponseMode::DirectPostJwt].contains(mode)),
        };
        let method = match new.request_uri_method.as_deref() {
            None | Some("get") => Some(Method::Get),
            Some("post") => Some(Method::Post),
            Some(_) => None,
        };
        let named = |name: &Option<String>| shorten(name.as_deref().unwrap_or_default());
        Ok(Manner {
            prefix: prefix.ok_or_else(|| RequestError::ClientIdPrefix(named(&new.client_id_prefix)))?,
            mode: mode.ok_or_else(|| RequestError::ResponseMode(named(&new.response_mode)))?,
            method: method.ok_or_else(|| RequestError::RequestUriMethod(named(&new.request_uri_method)))?,
        })
    }

    fn awaiting(
        &self,
        id: &str,
        query: Query,
        purpose: &Purpose,
        reauth: Option<&ReauthEntry>,
        manner: &Manner,
        now: Timestamp,
    ) -> Result<AwaitingResponse, RequestError> {
        let config = &self.config;
        let client_id = config.identity.client_id(manner.prefix, config, &self.bundle).map_err(make)?;
        let response_uri = if manner.prefix.is_signed() {
            identity::address_for(manner.prefix, config, &format!("vp/{id}/response"))
        } else {
            identity::response_address(config)
        };
        let info: Vec<Value> = std::iter::once(purpose.to_entry())
            .chain(config.identity.registration.as_ref().map(identity::OwnRegistration::to_entry))
            .collect();
        let mut builder = RequestBuilder::by(client_id, response_uri, query)
            .life(SignedDuration::from_secs(i64::from(config.request_seconds)))
            .verifier_info(Value::Array(info));
        if !manner.mode.is_encrypted() {
            builder = builder.answered_in_the_clear();
        }
        if let Some(entry) = reauth {
            builder = builder.transaction_data(TransactionData::parse(entry.encoded()).map_err(make)?);
        }
        // Query and demand were checked by now, and the address is the configuration's: what fails here is our fault.
        builder.build(&*self.entropy, now).map_err(make)
    }

    /// The link for the QR code of the page.
    #[must_use]
    pub fn link_on_screen(&self, record: &Record) -> String {
        self.link_with(record, None)
    }

    /// The link of the page for a wallet on the same device.
    #[must_use]
    pub fn link_on_device(&self, record: &Record) -> String {
        self.link_with(record, Some(("on", "device")))
    }

    /// A link that a wallet opens: `client_id` and `request_uri` (OpenID4VP 1.0 section 5.4), or the whole request.
    fn link_with(&self, record: &Record, mark: Option<(&str, &str)>) -> String {
        match &record.delivery {
            Delivery::ByValue { link, .. } => link.clone(),
            Delivery::ByReference { client_id, post } => {
                let path = format!("vp/{}/request", record.id);
                let mut request_uri = identity::address_for(client_id.prefix(), &self.config, &path);
                if let Some((name, value)) = mark {
                    request_uri.query_pairs_mut().append_pair(name, value);
                }
                let method = if *post { Method::Post } else { Method::Get };
                Link::Request(RequestUri { client_id: client_id.clone(), request_uri, method }).to_uri()
            }
        }
    }

    /// A request as it stands at `now`.
    pub async fn request(&self, id: &str, now: Timestamp) -> Result<Record, RequestError> {
        let record = self.load(id).await?.value;
        Ok(if record.is_over(now) { record.with(Stage::Expired) } else { record.at(now) })
    }

    pub(crate) async fn load(&self, id: &str) -> Result<Loaded<Record>, RequestError> {
        // Identifiers are tokens of 43 characters; anything else can not be one and never reaches the store.
        if id.len() != 43 || base64url::decode(id).is_err() {
            return Err(RequestError::NotFound);
        }
        self.requests.load(id).await?.ok_or(RequestError::NotFound)
    }

    /// The way that a key in a link opens, or the lack of one.
    pub(crate) fn way_of(record: &Record, key: Option<&str>, on: Option<&str>) -> Result<Way, RequestError> {
        match (key, on) {
            (Some(key), _) => {
                let key = TransactionId::parse(key).ok_or(RequestError::NotFound)?;
                let known = record.partner.as_ref().is_some_and(|partner| key.is(&partner.link));
                if known { Ok(Way::Link) } else { Err(RequestError::NotFound) }
            }
            (None, Some("device")) => Ok(Way::Device),
            (None, _) => Ok(Way::Screen),
        }
    }

    pub(crate) fn request_entry(&self, action: &'static str, record: &Record, now: Timestamp) -> Entry {
        Entry::new(
            now,
            action,
            Reference::public("verifier", &self.config.audience),
            Reference::public("request", &record.id),
        )
        .fact("state", record.state())
        .fact("policy", record.policy.as_deref().unwrap_or("own query"))
    }

    /// Seals what may not lie open in the store: private keys, and answers that nobody has confirmed. It opens for this
    /// request alone.
    pub(crate) fn seal(&self, id: &str, value: &impl Serialize) -> Result<String, RequestError> {
        let text = Secret::new(serde_json::to_vec(value).map_err(make)?);
        let sealed = self.at_rest.seal(&context(id), text.expose(), &*self.entropy).map_err(make)?;
        Ok(base64url::encode(&sealed))
    }

    /// Opens what [`Verifier::seal`] closed.
    pub(crate) fn unseal<T: DeserializeOwned>(&self, id: &str, sealed: &str) -> Result<T, RequestError> {
        let sealed = base64url::decode(sealed).map_err(make)?;
        let opened = self.at_rest.open(&context(id), &sealed).map_err(make)?;
        strict::parse_as(opened.expose()).map_err(make)
    }
}

fn context(id: &str) -> String {
    format!("warifu request {id}")
}

/// What can be chosen for a request, beside what it asks.
struct Manner {
    prefix: Prefix,
    mode: ResponseMode,
    method: Method,
}

/// How wallets get this request: by reference where somebody can sign it.
fn delivery(awaiting: &AwaitingResponse, method: Method, now: Timestamp) -> Result<Delivery, RequestError> {
    let client_id = awaiting.request().client_id.clone();
    if client_id.prefix().is_signed() {
        return Ok(Delivery::ByReference { client_id, post: method == Method::Post });
    }
    let carried = [awaiting.state(), awaiting.key_id()].into_iter().filter(|carried| !carried.is_empty());
    Ok(Delivery::ByValue {
        link: awaiting.unsigned_link(Scheme::Openid4vp, now).map_err(make)?,
        answers: carried.map(Record::answer_key).collect(),
    })
}

/// What goes wrong on our side while a request is made.
pub(crate) fn make(error: impl std::fmt::Display) -> RequestError {
    RequestError::Make(error.to_string())
}

fn shorten(text: &str) -> String {
    text.chars().take(60).collect()
}
