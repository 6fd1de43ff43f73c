//! The two calls of a wallet: it fetches the signed request object once (OpenID4VP 1.0 section 5.10), by `GET` or by `POST`,
//! and answers once (section 8.2). A request by value is not fetched: there the answer alone uses it up.
//!
//! Both are load, decide, commit: of several wallets or copies of a response the first commit wins.

use std::collections::BTreeMap;

use jiff::Timestamp;
use url::Url;
use warifu_credential::mdoc::SessionTranscript;
use warifu_credential::selfie_reauth::Entry as ReauthEntry;
use warifu_openid4vc::dcql::Query;
use warifu_openid4vc::vp::response::Received;
use warifu_openid4vc::vp::verifier::{self as vp, Answer, AwaitingResponse};
use warifu_openid4vc::vp::wallet_metadata::RequestUriPost;
use warifu_openid4vc::vp::{Presentation, VpToken};
use warifu_store::audit::Entry;
use warifu_store::{Batch, Loaded, Version};

use crate::Verifier;
use crate::check::Report;
use crate::confirmation::{ConfirmedBy, Way};
use crate::presentation::{Binding, Expected};
use crate::request::{Delivery, Record, RequestError, Stage, make};

/// What became of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taken {
    /// Every check holds. `redirect_uri` is where the wallet sends its user's browser, if anywhere.
    Accepted {
        /// With the response code inside.
        redirect_uri: Option<Url>,
    },
    /// A check does not hold.
    Refused,
    /// The wallet or its user shared nothing.
    Denied {
        /// Back to the page, where that is on the same device.
        redirect_uri: Option<Url>,
    },
}

/// Presentations, whatever way they came, and what they are held against.
pub(crate) struct Presented<'a> {
    pub(crate) vp_token: &'a VpToken,
    pub(crate) query: &'a Query,
    pub(crate) audience: &'a str,
    pub(crate) nonce: &'a str,
    pub(crate) transcript: &'a SessionTranscript,
}

impl Verifier {
    /// The signed request object; handed out once, so that a copied QR code can not be used by two wallets. `key` and `on`
    /// are the marks of the link, `post` is what a wallet says that posts. A wallet that says it could not answer leaves the
    /// request as it was.
    pub async fn hand_out(
        &self,
        id: &str,
        (key, on): (Option<&str>, Option<&str>),
        post: Option<&RequestUriPost>,
        now: Timestamp,
    ) -> Result<String, RequestError> {
        let Loaded { seen, value } = self.load(id).await?;
        let way = Self::way_of(&value, key, on)?;
        let Delivery::ByReference { client_id, .. } = &value.delivery else { return Err(RequestError::NotFound) };
        if now >= value.expires {
            return Err(RequestError::Expired);
        }
        let Stage::Opened { awaiting: sealed } = &value.stage else { return Err(RequestError::OutOfTurn) };
        let awaiting: AwaitingResponse = self.unseal(id, sealed)?;
        let access = &self.bundle.access;
        let evidence = self.config.identity.evidence(client_id.prefix(), &self.bundle);
        let proof = evidence.proof(&access.chain).ok_or(RequestError::NotFound)?;
        let object = match post {
            None => awaiting.sign(proof, &access.key, None, now),
            Some(post) => awaiting.sign_for(proof, &access.key, post, &*self.entropy, now),
        };
        let object = object.map_err(|error| match error {
            vp::Error::Wallet(error) => RequestError::Wallet(error),
            other => make(other),
        })?;
        let next = value.clone().with(Stage::Fetched { awaiting: sealed.clone(), way });
        self.turn(seen, &next, self.request_entry("request.fetched", &next, now)).await?;
        Ok(object)
    }

    /// Takes the wallet's answer: verifies it and records the report. What is no answer to this request leaves it as it
    /// was; an answer, whatever comes of it, uses it up.
    pub async fn take_answer(&self, id: &str, body: &[u8], now: Timestamp) -> Result<Taken, RequestError> {
        let Loaded { seen, value } = self.load(id).await?;
        let Delivery::ByReference { .. } = &value.delivery else { return Err(RequestError::NotFound) };
        self.take(seen, value, body, now).await
    }

    /// [`Verifier::take_answer`] for requests by value, whose answers all come to one address: the request is found by the
    /// `state` or key that the answer names.
    pub async fn take_answer_by_value(&self, body: &[u8], now: Timestamp) -> Result<Taken, RequestError> {
        let received = Received::parse(body)?;
        let carried = received.key_id().or_else(|| received.state()).ok_or(RequestError::NotFound)?;
        let found = self.requests.find(Record::ANSWERS, &Record::answer_key(carried)).await?;
        let Loaded { seen, value } = found.ok_or(RequestError::NotFound)?;
        self.take(seen, value, body, now).await
    }

    async fn take(&self, seen: Version, record: Record, body: &[u8], now: Timestamp) -> Result<Taken, RequestError> {
        if now >= record.expires {
            return Err(RequestError::Expired);
        }
        let (awaiting, way) = match (&record.stage, &record.delivery) {
            (Stage::Fetched { awaiting, way }, _) => (awaiting, *way),
            // Nobody fetches it. Where a partner has the link, no page shows it.
            (Stage::Opened { awaiting }, Delivery::ByValue { .. }) => {
                (awaiting, if record.partner.is_some() { Way::Link } else { Way::Screen })
            }
            (_, Delivery::ByReference { .. } | Delivery::ByValue { .. }) => return Err(RequestError::OutOfTurn),
        };
        let awaiting: AwaitingResponse = self.unseal(&record.id, awaiting)?;
        let received = Received::parse(body)?;
        if !awaiting.is_meant_by(&received) {
            return Err(RequestError::Response("it belongs to another request".to_owned()));
        }
        let (stage, outcome) = match awaiting.accept(received, now) {
            Ok(Answer::Presented(response)) => {
                let presented = Presented {
                    vp_token: &response.vp_token,
                    query: &response.request.query,
                    audience: response.request.client_id.as_str(),
                    nonce: &response.request.nonce,
                    transcript: &response.request.session_transcript().map_err(make)?,
                };
                let report = self.report(&presented, &record, now).await?;
                if report.is_accepted() {
                    let (stage, redirect_uri) = self.after_acceptance(&record, way, report, now)?;
                    (stage, Ok(Taken::Accepted { redirect_uri }))
                } else {
                    (Stage::Answered { report, confirmed_by: ConfirmedBy::None }, Ok(Taken::Refused))
                }
            }
            Ok(Answer::Refused(_)) => {
                let redirect_uri = (way == Way::Device).then(|| self.way_back(&record));
                (Stage::Refused, Ok(Taken::Denied { redirect_uri }))
            }
            Err(error) => {
                (Stage::Failed { reason: reason(&error).to_owned() }, Err(RequestError::Response(error.to_string())))
            }
        };
        let next = record.with(stage);
        self.turn(seen, &next, self.request_entry("request.answered", &next, now)).await?;
        outcome
    }

    /// Verifies what came for a request.
    pub(crate) async fn report(
        &self,
        presented: &Presented<'_>,
        record: &Record,
        now: Timestamp,
    ) -> Result<Report, RequestError> {
        // A presentation that is no text is none of ours; the empty text is refused as malformed in its place.
        let texts = |list: &Vec<Presentation>| {
            list.iter().map(|presentation| presentation.text().unwrap_or_default().to_owned()).collect()
        };
        let vp_token: BTreeMap<String, Vec<String>> =
            presented.vp_token.0.iter().map(|(id, list)| (id.clone(), texts(list))).collect();
        let reauth = record.reauth.as_deref().map(ReauthEntry::parse).transpose()?;
        let expected = Expected {
            transcript: presented.transcript,
            query: presented.query,
            binding: Binding {
                audience: presented.audience,
                nonce: presented.nonce,
                max_age: record.expires.duration_since(record.created),
            },
            reauth: reauth.as_ref(),
            demands: &record.demands,
        };
        Ok(self.verify_answer(&vp_token, &expected, now).await)
    }

    /// Commits the next stage; whoever comes second finds the request used.
    pub(crate) async fn turn(&self, seen: Version, next: &Record, entry: Entry) -> Result<(), RequestError> {
        self.turn_with(Batch::new(), seen, next, entry).await
    }

    /// [`Verifier::turn`] with more in the same commit. What the partner's server is told of it goes along.
    pub(crate) async fn turn_with(
        &self,
        batch: Batch,
        seen: Version,
        next: &Record,
        entry: Entry,
    ) -> Result<(), RequestError> {
        let now = entry.at;
        let next = &Record { ended: next.ending().map(|_| now), ..next.clone() };
        let batch = batch.replace(seen, next).audit(entry).and(self.notice(next, now));
        match self.store.commit(batch).await {
            Ok(_) => {
                self.changed(&next.id);
                Ok(())
            }
            Err(error) if error.is_conflict() => Err(RequestError::OutOfTurn),
            Err(error) => Err(error.into()),
        }
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
        | vp::Error::Query(_)
        | vp::Error::ForeignResponseUri(_)
        | vp::Error::Proof(_)
        | vp::Error::Wallet(_)
        | vp::Error::Encryption(_)
        | vp::Error::Signer(_) => "internal",
    }
}
