//! The same request over the Digital Credentials API (OpenID4VP 1.0 appendix A): the page of a request asks the browser, which
//! asks a wallet, and the page hands the answer back.
//!
//! The browser that began the request is asked and answers, so that nothing has to be confirmed afterwards. Its origin binds
//! the presentation: the one that the browser itself names in the `Origin` header, which no script can set. Each beginning has
//! a nonce and a key of its own, and the last one counts; an answer of another wallet by link or QR code, if it comes first,
//! uses the request up as this one would.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use warifu_openid4vc::vp::client_id::{ClientId, Prefix};
use warifu_openid4vc::vp::dc_api::verifier::{
    self as dc_api, Answer, AwaitingResponse, RequestBuilder, RequestData, Signature,
};
use warifu_openid4vc::vp::dc_api::{Origin, Protocol};
use warifu_openid4vc::vp::verifier as vp;
use warifu_store::{Batch, Loaded, Stored};

use crate::Verifier;
use crate::confirmation::ConfirmedBy;
use crate::exchange::Presented;
use crate::identity::Evidence;
use crate::request::{Record, RequestError, Stage, make};
use crate::transaction::{TransactionId, Viewer};

/// What waits for the answer of the browser.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct DigitalRequest {
    request_id: String,
    /// Sealed: it holds the private key for the response.
    awaiting: String,
}

impl Stored for DigitalRequest {
    const NAME: &'static str = "digital_requests";

    fn key(&self) -> String {
        self.request_id.clone()
    }
}

/// A client identifier of this verifier with what proves it.
struct Signed {
    client_id: ClientId,
    evidence: Evidence,
}

impl Verifier {
    /// The data for `navigator.credentials.get`, one entry for each of `protocols`, for the browser that began the request.
    pub async fn begin_digital(
        &self,
        id: &str,
        transaction: Option<&TransactionId>,
        protocols: &[Protocol],
        now: Timestamp,
    ) -> Result<Vec<RequestData>, RequestError> {
        let Loaded { value: record, .. } = self.open_for(id, transaction, now).await?;
        let Some(sealed) = record.awaiting() else { return Err(RequestError::OutOfTurn) };
        let posted: vp::AwaitingResponse = self.unseal(id, sealed)?;
        let asked = posted.request();
        let origin = Origin::of(&self.config.base_url).map_err(make)?;
        let mut builder =
            RequestBuilder::new(vec![origin], asked.query.clone()).life(record.expires.duration_since(now));
        for entry in &asked.transaction_data {
            builder = builder.transaction_data(entry.clone());
        }
        if asked.encryption_key().is_none() {
            builder = builder.answered_in_the_clear();
        }
        let awaiting = builder.build(&*self.entropy, now).map_err(make)?;
        let info = asked.verifier_info.as_ref();
        let signers = self.signers(&asked.client_id)?;
        let mut requests = Vec::new();
        for protocol in protocols {
            requests.extend(self.data(*protocol, &awaiting, &signers, info, now)?);
        }
        if requests.is_empty() {
            return Err(RequestError::Protocols);
        }
        let digital = DigitalRequest { request_id: record.id.clone(), awaiting: self.seal(id, &awaiting)? };
        let entry = self.request_entry("request.browser_asked", &record, now);
        self.store.commit(Batch::new().overwrite(&digital).audit(entry)).await?;
        Ok(requests)
    }

    /// Takes what the browser gave the page: `{protocol, data}`. `origin` is the `Origin` header. What comes from another page
    /// or another browser leaves the request as it was; an answer, whatever comes of it, uses it up.
    pub async fn take_digital(
        &self,
        id: &str,
        transaction: Option<&TransactionId>,
        origin: Option<&str>,
        message: &[u8],
        now: Timestamp,
    ) -> Result<(), RequestError> {
        let Loaded { seen, value: record } = self.open_for(id, transaction, now).await?;
        let origin = origin.and_then(|origin| Origin::parse(origin).ok()).ok_or(RequestError::OtherOrigin)?;
        let kept = self.digital_requests.load(id).await?.ok_or(RequestError::OutOfTurn)?.value;
        let awaiting: AwaitingResponse = self.unseal(id, &kept.awaiting)?;
        let (stage, outcome) = match awaiting.accept(message, &origin, now) {
            Ok(Answer::Presented(response)) => {
                let presented = Presented {
                    vp_token: &response.vp_token,
                    query: &response.content.query,
                    audience: &response.audience(),
                    nonce: &response.content.nonce,
                    transcript: &response.session_transcript().map_err(make)?,
                };
                let report = self.report(&presented, &record, now).await?;
                (Stage::Answered { report, confirmed_by: ConfirmedBy::DcApi }, Ok(()))
            }
            Ok(Answer::Refused(_)) => (Stage::Refused, Ok(())),
            Err(dc_api::Error::OtherOrigin) => return Err(RequestError::OtherOrigin),
            Err(error) => {
                (Stage::Failed { reason: reason(&error).to_owned() }, Err(RequestError::Response(error.to_string())))
            }
        };
        let next = record.with(stage);
        let entry = self.request_entry("request.answered", &next, now);
        self.turn_with(Batch::new().erase::<DigitalRequest>(id), seen, &next, entry).await?;
        outcome
    }

    /// A request that nobody has answered, for the browser that began it.
    async fn open_for(
        &self,
        id: &str,
        transaction: Option<&TransactionId>,
        now: Timestamp,
    ) -> Result<Loaded<Record>, RequestError> {
        let loaded = self.load(id).await?;
        if self.viewer(id, transaction).await? != Viewer::Beginner {
            return Err(RequestError::OtherBrowser);
        }
        if now >= loaded.value.expires {
            return Err(RequestError::Expired);
        }
        match loaded.value.awaiting() {
            Some(_) => Ok(loaded),
            None => Err(RequestError::OutOfTurn),
        }
    }

    /// The client identifiers that can sign, the request's own first.
    fn signers(&self, own: &ClientId) -> Result<Vec<Signed>, RequestError> {
        let identity = &self.config.identity;
        let mut prefixes: Vec<Prefix> = identity.prefixes.iter().copied().filter(|prefix| prefix.is_signed()).collect();
        prefixes.sort_by_key(|prefix| *prefix != own.prefix());
        let signed = |prefix: Prefix| {
            let client_id = identity.client_id(prefix, &self.config, &self.bundle).map_err(make)?;
            Ok(Signed { client_id, evidence: identity.evidence(prefix, &self.bundle) })
        };
        prefixes.into_iter().map(signed).collect()
    }

    /// The data of one protocol; `None` for a signed one where nobody can sign.
    fn data(
        &self,
        protocol: Protocol,
        awaiting: &AwaitingResponse,
        signers: &[Signed],
        info: Option<&Value>,
        now: Timestamp,
    ) -> Result<Option<RequestData>, RequestError> {
        let access = &self.bundle.access;
        let mut signatures: Vec<Signature<'_>> = Vec::new();
        for Signed { client_id, evidence } in signers {
            if let Some(proof) = evidence.proof(&access.chain) {
                signatures.push(Signature { client_id, proof, signer: &access.key, verifier_info: info });
            }
        }
        match (protocol, &signatures[..]) {
            (Protocol::Unsigned, _) => Ok(Some(awaiting.unsigned())),
            (Protocol::Signed, [first, ..]) => awaiting.signed(first, now).map(Some).map_err(make),
            (Protocol::Multisigned, [_, ..]) => awaiting.multisigned(&signatures, now).map(Some).map_err(make),
            (Protocol::Signed | Protocol::Multisigned, []) => Ok(None),
        }
    }
}

/// A stable name for what was wrong with a response.
fn reason(error: &dc_api::Error) -> &'static str {
    match error {
        dc_api::Error::Expired { .. } => "expired",
        dc_api::Error::OtherOrigin => "other_origin",
        dc_api::Error::NotEncrypted => "not_encrypted",
        dc_api::Error::OtherKey => "other_key",
        dc_api::Error::Decryption(_) => "can_not_be_decrypted",
        dc_api::Error::TooLarge(_) | dc_api::Error::Json(_) | dc_api::Error::Member(_) => "malformed",
        dc_api::Error::NoVpToken | dc_api::Error::VpToken(_) => "no_usable_vp_token",
        dc_api::Error::Origins(_)
        | dc_api::Error::Signatures(_)
        | dc_api::Error::Query(_)
        | dc_api::Error::Request(_)
        | dc_api::Error::Proof(_)
        | dc_api::Error::Signer(_) => "internal",
    }
}
