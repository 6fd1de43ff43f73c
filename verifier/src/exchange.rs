//! The two calls of a wallet: it fetches the signed request object once (OpenID4VP 1.0 section 5.10) and answers once
//! (section 8.3.1, `direct_post.jwt`).
//!
//! Both are load, decide, commit: of several wallets or copies of a response the first commit wins.

use std::collections::BTreeMap;

use jiff::Timestamp;
use warifu_credential::selfie_reauth::Entry as ReauthEntry;
use warifu_keys::json as strict;
use warifu_keys::jwe::Sealed;
use warifu_openid4vc::vp::Presentation;
use warifu_openid4vc::vp::response::Received;
use warifu_openid4vc::vp::verifier::{self as vp, Answer, AwaitingResponse};
use warifu_store::audit::Entry;
use warifu_store::{Batch, Loaded};

use crate::Verifier;
use crate::check::Report;
use crate::presentation::{Binding, Expected};
use crate::request::{Record, RequestError, Stage};

/// What became of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// Every check holds.
    Accepted,
    /// A check does not hold.
    Refused,
    /// The wallet or its user shared nothing.
    Denied,
}

impl Verifier {
    /// The signed request object; handed out once, so that a copied QR code can not be used by two wallets.
    pub async fn hand_out(&self, id: &str, now: Timestamp) -> Result<String, RequestError> {
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

    /// Takes the wallet's answer: verifies it and records the report. What is no answer to this request leaves it as it
    /// was; an answer, whatever comes of it, uses it up.
    pub async fn take_answer(&self, id: &str, body: &[u8], now: Timestamp) -> Result<Taken, RequestError> {
        let Loaded { seen, value } = self.load(id).await?;
        if now >= value.expires {
            return Err(RequestError::Expired);
        }
        let Stage::Fetched { awaiting } = &value.stage else { return Err(RequestError::OutOfTurn) };
        let awaiting = self.unseal(awaiting)?;
        let received = Received::parse(body)?;
        if !awaiting.is_meant_by(&received) {
            return Err(RequestError::Response("it belongs to another request".to_owned()));
        }
        let (stage, outcome) = match awaiting.accept(received, now) {
            Ok(Answer::Presented(response)) => {
                let report = self.report(&response, &value, now).await?;
                let taken = if report.is_accepted() { Taken::Accepted } else { Taken::Refused };
                (Stage::Answered { report }, Ok(taken))
            }
            Ok(Answer::Refused(_)) => (Stage::Refused, Ok(Taken::Denied)),
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
        record: &Record,
        now: Timestamp,
    ) -> Result<Report, RequestError> {
        // A presentation that is no text is none of ours; the empty text is refused as malformed in its place.
        let texts = |list: &Vec<Presentation>| {
            list.iter().map(|presentation| presentation.text().unwrap_or_default().to_owned()).collect()
        };
        let vp_token: BTreeMap<String, Vec<String>> =
            response.vp_token.0.iter().map(|(id, list)| (id.clone(), texts(list))).collect();
        let reauth = record.reauth.as_deref().map(ReauthEntry::parse).transpose()?;
        let transcript = response.request.session_transcript();
        let transcript = transcript.map_err(|error| RequestError::Make(error.to_string()))?;
        let expected = Expected {
            transcript: &transcript,
            query: &response.request.query,
            binding: Binding {
                audience: response.request.client_id.as_str(),
                nonce: &response.request.nonce,
                max_age: record.expires.duration_since(record.created),
            },
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
        | vp::Error::Query(_)
        | vp::Error::ForeignResponseUri(_)
        | vp::Error::Proof(_)
        | vp::Error::Wallet(_)
        | vp::Error::Encryption(_)
        | vp::Error::Signer(_) => "internal",
    }
}
