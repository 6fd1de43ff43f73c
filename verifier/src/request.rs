//! Presentation requests: made, handed out once, answered once.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use url::Url;
use warifu_credential::selfie_reauth::{self, Entry as ReauthEntry};
use warifu_keys::jwe::{self, Encryption, Sealed};
use warifu_keys::{base64url, json as strict};
use warifu_openid4vc::dcql::{DcqlError, Query};
use warifu_openid4vc::http::Method;
use warifu_openid4vc::link::Link;
use warifu_openid4vc::vp::holder::RequestUri;
use warifu_openid4vc::vp::request::ClientId;
use warifu_openid4vc::vp::response::{BodyError, Received};
use warifu_openid4vc::vp::transaction_data::TransactionData;
use warifu_openid4vc::vp::verifier::{self as vp, Answer, AwaitingResponse, RequestBuilder};
use warifu_store::audit::{Entry, Reference};
use warifu_store::{Batch, Loaded, Stored};

use crate::Verifier;
use crate::policy::{Policy, Reauth};
use crate::presentation::{Expected, Report};

/// What a partner's server sends to make a request.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct NewRequest {
    /// A named policy; the first one when neither policy nor query is given.
    pub policy: Option<String>,
    /// A query of the caller's own instead of a policy's.
    pub dcql_query: Option<Value>,
    /// `true` for the default demand, or the demand itself; overrides the policy's.
    pub selfie_reauth: Option<ReauthWish>,
    /// What the claims are for; overrides the policy's.
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Created {
    /// Identifier.
    pub request_id: String,
    /// The page with the QR code, for people.
    pub page_url: Url,
    /// The link that the QR code holds, for wallets.
    pub link: String,
    /// When the request ends.
    pub expires_at: Timestamp,
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
    /// What the claims are for.
    pub purpose: String,
    /// When it was made.
    pub created: Timestamp,
    /// When it ends.
    pub expires: Timestamp,
    /// The reauth demanded, as the transaction data entry that travels.
    pub reauth: Option<String>,
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
            Stage::Answered { report } => (
                if report.is_accepted() { "accepted" } else { "refused" },
                json!({"checks": report.checks, "claims": report.claims, "issuer": report.issuer}),
            ),
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

    fn awaiting(&self) -> Option<&str> {
        match &self.stage {
            Stage::Opened { awaiting } | Stage::Fetched { awaiting } => Some(awaiting),
            Stage::Answered { .. } | Stage::Refused | Stage::Failed { .. } | Stage::Expired => None,
        }
    }

    fn with(self, stage: Stage) -> Self {
        Self { stage, ..self }
    }
}

/// Why a request could not be made, fetched or answered.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// No policy of that name.
    #[error("policy `{0}` is not known here")]
    UnknownPolicy(String),
    /// The query is not usable.
    #[error("the query is not usable: {0}")]
    Query(#[from] DcqlError),
    /// The purpose is empty or too long.
    #[error("a purpose has 1 to 200 characters")]
    Purpose,
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
    /// Makes a request with its own nonce, state and encryption key.
    pub async fn create_request(&self, new: NewRequest, now: Timestamp) -> Result<Created, RequestError> {
        let named = |name: &str| RequestError::UnknownPolicy(name.chars().take(60).collect());
        let policy = match (&new.policy, &new.dcql_query) {
            (None, Some(query)) => Policy {
                name: String::new(),
                purpose: self.config.name.clone(),
                dcql_query: query.clone(),
                selfie_reauth: None,
            },
            (name, _) => {
                let name = name.as_deref();
                self.config.policy(name).cloned().ok_or_else(|| named(name.unwrap_or_default()))?
            }
        };
        let purpose = new.purpose.unwrap_or(policy.purpose.clone());
        if !(1..=200).contains(&purpose.chars().count()) {
            return Err(RequestError::Purpose);
        }
        let reauth = match new.selfie_reauth {
            None => policy.selfie_reauth.clone(),
            Some(ReauthWish::Plain(false)) => None,
            Some(ReauthWish::Plain(true)) => Some(policy.selfie_reauth.clone().unwrap_or_default()),
            Some(ReauthWish::Full(reauth)) => Some(reauth),
        };
        let reauth = reauth.map(|reauth| reauth.entry(&purpose)).transpose()?;
        let id = self.entropy.token();
        let awaiting = self.awaiting(&id, policy.query()?, reauth.as_ref(), now)?;
        let record = Record {
            policy: Some(policy.name).filter(|name| !name.is_empty()),
            purpose,
            created: now,
            expires: awaiting.expires(),
            reauth: reauth.map(|entry| entry.encoded().to_owned()),
            stage: Stage::Opened { awaiting: self.seal(&awaiting)? },
            id,
        };
        self.store.commit(Batch::new().insert(&record).audit(self.request_entry("request.made", &record, now))).await?;
        Ok(Created {
            page_url: self.config.at(&format!("en/request/{}", record.id)),
            link: self.link(&record),
            request_id: record.id,
            expires_at: record.expires,
        })
    }

    fn awaiting(
        &self,
        id: &str,
        query: Query,
        reauth: Option<&ReauthEntry>,
        now: Timestamp,
    ) -> Result<AwaitingResponse, RequestError> {
        let make = |error: &dyn std::fmt::Display| RequestError::Make(error.to_string());
        let leaf =
            self.bundle.access.certificate().ok_or_else(|| RequestError::Make("no access certificate".to_owned()))?;
        let life = SignedDuration::from_secs(i64::from(self.config.request_seconds));
        let mut builder = RequestBuilder::new(leaf, self.config.at(&format!("vp/{id}/response")), query).life(life);
        if let Some(entry) = reauth {
            builder = builder.transaction_data(TransactionData::parse(entry.encoded()).map_err(|error| make(&error))?);
        }
        // What does not make a request is the query's or the demand's fault: everything else was checked at the start.
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

    async fn load(&self, id: &str) -> Result<Loaded<Record>, RequestError> {
        // Identifiers are tokens of 43 characters; anything else can not be one and never reaches the store.
        if id.len() != 43 || base64url::decode(id).is_err() {
            return Err(RequestError::NotFound);
        }
        self.requests.load(id).await?.ok_or(RequestError::NotFound)
    }

    /// The signed request object; handed out once, so that a copied QR code can not be used by two wallets.
    pub(crate) async fn hand_out(&self, id: &str, now: Timestamp) -> Result<String, RequestError> {
        let Loaded { seen, value } = self.load(id).await?;
        if now >= value.expires {
            return Err(RequestError::Expired);
        }
        let Stage::Opened { awaiting } = &value.stage else { return Err(RequestError::OutOfTurn) };
        let object = self
            .unseal(awaiting)?
            .sign(&self.bundle.access.chain, &self.bundle.access.key, None, now)
            .map_err(|error| RequestError::Make(error.to_string()))?;
        let next = value.clone().with(Stage::Fetched { awaiting: awaiting.clone() });
        self.turn(seen, &next, self.request_entry("request.fetched", &next, now)).await?;
        Ok(object)
    }

    /// Takes the wallet's answer: verifies it and records the report. Whatever came, the request is used up.
    pub(crate) async fn take_answer(&self, id: &str, body: &[u8], now: Timestamp) -> Result<Report, RequestError> {
        let Loaded { seen, value } = self.load(id).await?;
        if now >= value.expires {
            return Err(RequestError::Expired);
        }
        let Stage::Fetched { awaiting } = &value.stage else { return Err(RequestError::OutOfTurn) };
        let awaiting = self.unseal(awaiting)?;
        // Noise from strangers must not end the request of somebody else: only what was encrypted to this request's key,
        // or carries its state, counts as its answer.
        let received = Received::parse(body)?;
        let ours = match &received {
            Received::Encrypted(_) => received.key_id() == Some(awaiting.key_id()),
            Received::Plain(_) => received.state() == Some(awaiting.state()),
        };
        if !ours {
            return Err(RequestError::Response("it belongs to another request".to_owned()));
        }
        let (stage, outcome) = match awaiting.accept(received, now) {
            Ok(Answer::Presented(response)) => {
                let report = self.report(&response, value.reauth.as_deref(), now).await?;
                (Stage::Answered { report: report.clone() }, Ok(report))
            }
            Ok(Answer::Refused(_)) => (Stage::Refused, Ok(Report::nothing())),
            Err(error) => {
                (Stage::Failed { reason: reason(&error).to_owned() }, Err(RequestError::Response(error.to_string())))
            }
        };
        let next = value.with(stage);
        self.turn(seen, &next, self.request_entry("request.answered", &next, now)).await?;
        outcome
    }

    async fn report(
        &self,
        response: &vp::ReceivedResponse,
        reauth: Option<&str>,
        now: Timestamp,
    ) -> Result<Report, RequestError> {
        let texts = |list: &Vec<_>| {
            list.iter().filter_map(warifu_openid4vc::vp::Presentation::text).map(str::to_owned).collect()
        };
        let vp_token: BTreeMap<String, Vec<String>> =
            response.vp_token.0.iter().map(|(id, list)| (id.clone(), texts(list))).collect();
        let reauth = reauth.map(ReauthEntry::parse).transpose()?;
        let expected = Expected {
            query: &response.request.query,
            audience: response.request.client_id.as_str(),
            nonce: &response.request.nonce,
            reauth: reauth.as_ref(),
        };
        Ok(self.verify_answer(&vp_token, &expected, now).await)
    }

    /// Commits the next stage; whoever comes second finds the request used.
    async fn turn(&self, seen: warifu_store::Version, next: &Record, entry: Entry) -> Result<(), RequestError> {
        match self.store.commit(Batch::new().replace(seen, next).audit(entry)).await {
            Ok(_) => Ok(()),
            Err(error) if error.is_conflict() => Err(RequestError::OutOfTurn),
            Err(error) => Err(error.into()),
        }
    }

    fn request_entry(&self, action: &'static str, record: &Record, now: Timestamp) -> Entry {
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

    fn unseal(&self, sealed: &str) -> Result<AwaitingResponse, RequestError> {
        let make = |error: &dyn std::fmt::Display| RequestError::Make(error.to_string());
        let opened =
            Sealed::parse(sealed).and_then(|sealed| sealed.decrypt(&self.bundle.share)).map_err(|e| make(&e))?;
        strict::parse_as(&opened).map_err(|error| make(&error))
    }
}

/// A stable name for what was wrong with a response.
fn reason(error: &vp::Error) -> &'static str {
    match error {
        vp::Error::Expired { .. } => "expired",
        vp::Error::NotEncrypted => "not_encrypted",
        vp::Error::OtherKey => "other_key",
        vp::Error::Decryption(_) => "can_not_be_decrypted",
        vp::Error::State => "wrong_state",
        vp::Error::Json(_) | vp::Error::Body(_) => "malformed",
        vp::Error::NoVpToken | vp::Error::VpToken(_) => "no_usable_vp_token",
        vp::Error::ResponseUri(_)
        | vp::Error::Request(_)
        | vp::Error::OtherCertificate(_)
        | vp::Error::Certificate(_)
        | vp::Error::Signer(_) => "internal",
    }
}
