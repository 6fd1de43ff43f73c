//! Offer to stored credential (OpenID4VCI 1.0, pre-authorised code).
//!
//! What comes in is believed step by step: issuer in the trusted list, signature, key, type metadata, status; only then
//! something is stored, credential and history entry in one write. A failure stores nothing but a history entry that
//! says so. Left out: deferred issuance, batches of more than one copy, notifications to the issuer.

use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use url::Url;
use warifu_credential::sd_jwt::{self, Held, Received};
use warifu_credential::status::{self, StatusToken};
use warifu_credential::type_metadata::{self, Resolving, TypeMetadata, TypeMetadataError};
use warifu_credential::{Authentic, Format, SettleError, Verified};
use warifu_keys::jws::Unverified;
use warifu_keys::{PublicKey, Signer, SigningKey};
use warifu_openid4vc::http::{self, Request, UrlError};
use warifu_openid4vc::vci::holder;
use warifu_openid4vc::vci::holder::{Acceptance, Choice, Described, Offered, Progress};
use warifu_openid4vc::vci::offer::{self, CredentialOffer, OfferLink, TxCode};
use warifu_trust::{Refusal, Trust};

use crate::history::{ClaimsOf, Party, TransactionType};
use crate::holding::{CredentialFacts, CredentialId, DeviceKey, Holding, Origin, rows};
use crate::store::StoreError;
use crate::wire::{self, Unanswered};
use crate::{Error, Wallet};

/// Why an offer did not become a stored credential.
#[derive(Debug, thiserror::Error)]
pub enum AcceptError {
    /// The link or the offer behind it.
    #[error("{0}")]
    Offer(#[from] offer::Error),
    /// The exchange with the issuer.
    #[error("{0}")]
    Exchange(#[from] holder::Error),
    /// The transaction code is wrong, or the offer was used or has expired; the issuer does not say which.
    #[error("the code is wrong, or the offer has expired or was used before")]
    CodeRefused,
    /// Nobody answered.
    #[error("{0}")]
    Unanswered(#[from] Unanswered),
    /// Nothing offered is of a format that this wallet holds.
    #[error("nothing offered is of a format that this wallet holds")]
    NoKnownFormat,
    /// The answer holds no credential.
    #[error("the issuer's answer holds no credential")]
    NoCredential,
    /// The issuer is not trusted.
    #[error("the issuer is not trusted: {0}")]
    UnknownIssuer(#[source] Refusal),
    /// The credential is malformed, was changed, or is not valid now.
    #[error("the credential: {0}")]
    Tampered(#[source] sd_jwt::Error),
    /// The credential is bound to another key than the one of this wallet.
    #[error("the credential is bound to a key that is not this wallet's")]
    WrongKey,
    /// The credential is of another type than the one offered.
    #[error("the credential is of type `{found}`, not of the offered type")]
    OtherType {
        /// Its `vct`, shortened.
        found: String,
    },
    /// The type is no address where its metadata could be fetched.
    #[error("the credential's type: {0}")]
    TypeAddress(#[source] UrlError),
    /// The type metadata, or the credential against it.
    #[error("{0}")]
    TypeMetadata(#[from] TypeMetadataError),
    /// The status list is at no address that can be called.
    #[error("the credential's status list: {0}")]
    StatusAddress(#[source] UrlError),
    /// The status list could not be read.
    #[error("the credential's status: {0}")]
    StatusList(#[from] status::Error),
    /// The credential is revoked, suspended, or its status is unknown.
    #[error("{0}")]
    NotValid(#[from] SettleError),
    /// A key could not be kept.
    #[error("the device key: {0}")]
    Key(#[from] warifu_keys::jwk::KeyError),
}

impl AcceptError {
    /// Stable name for the history and for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Offer(_) => "bad_offer",
            Self::Exchange(error) => match error {
                holder::Error::TxCode { needed: true } => "tx_code_needed",
                holder::Error::TxCode { needed: false } => "tx_code_not_expected",
                holder::Error::Deferred { .. } => "deferred",
                _ => "issuance_failed",
            },
            Self::CodeRefused => "code_refused",
            Self::Unanswered(_) => "unanswered",
            Self::NoKnownFormat => "no_known_format",
            Self::NoCredential => "no_credential",
            Self::UnknownIssuer(refusal) => match refusal {
                Refusal::NoList { .. } | Refusal::ListExpired { .. } => "no_trusted_list",
                _ => "unknown_issuer",
            },
            Self::Tampered(_) => "credential_not_authentic",
            Self::WrongKey => "wrong_key",
            Self::OtherType { .. } => "other_type",
            Self::TypeAddress(_) | Self::TypeMetadata(_) => "type_metadata",
            Self::StatusAddress(_) | Self::StatusList(_) => "status_unavailable",
            Self::NotValid(SettleError::Revoked) => "revoked",
            Self::NotValid(SettleError::Suspended) => "suspended",
            Self::NotValid(_) => "status_not_valid",
            Self::Key(_) => "device_key",
        }
    }
}

/// What is known of an offer before anything is fetched for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OfferFacts {
    /// Who offers, by the link's word: the credential issuer identifier, or the host of the reference.
    pub issuer: String,
    /// Whether the offer itself has still to be fetched from there.
    pub by_reference: bool,
    /// Whether a transaction code is needed; `None` while the offer was not fetched.
    pub tx_code_needed: Option<bool>,
}

/// What an offer link says, without asking anyone.
pub fn inspect_offer(link: &str) -> Result<OfferFacts, AcceptError> {
    Ok(match OfferLink::parse(link)? {
        OfferLink::ByValue(offer) => OfferFacts {
            tx_code_needed: Some(offer.pre_authorized_code().is_some_and(|grant| grant.tx_code.is_some())),
            issuer: offer.credential_issuer.as_str().to_owned(),
            by_reference: false,
        },
        OfferLink::ByReference(url) => {
            OfferFacts { issuer: url.origin().ascii_serialization(), by_reference: true, tx_code_needed: None }
        }
    })
}

/// An offer whose issuer has been asked what it offers.
struct Asked {
    described: Described,
    key: Arc<SigningKey>,
    configuration_id: String,
    vct: Option<String>,
}

impl Wallet {
    /// Accepts an offer link or the text of its QR code and stores the credential that comes of it.
    ///
    /// `tx_code` is what the user typed; leave it out where the offer asks for none. Nothing is stored on failure but a
    /// history entry "not completed".
    pub async fn accept(&self, link: &str, tx_code: Option<&str>, now: Timestamp) -> Result<CredentialFacts, Error> {
        let offer = self.fetch_offer(link).await.map_err(Error::from)?;
        let issuer = offer.credential_issuer.as_str().to_owned();
        let outcome = self.accept_offer(offer, tx_code, now).await;
        match outcome {
            Ok(holding) => {
                let facts = holding.facts(self.language()?.as_str(), now).map_err(AcceptError::Tampered)?;
                let held = holding.held().map_err(AcceptError::Tampered)?;
                let claims = rows(held.claims(), &holding.metadata, "en").into_iter().map(|row| row.path).collect();
                let party = Party { name: facts.issuer_name.clone(), identifier: issuer, registrar: self.registrar()? };
                let mut entry = self.entry(TransactionType::CredentialIssuance, party, now);
                entry.list_of_claims_presented = vec![ClaimsOf { credential_identifier: facts.vct.clone(), claims }];
                self.store().update(|contents| {
                    contents.holdings.push(holding.clone());
                    contents.history.push(entry.clone());
                    Ok::<_, StoreError>(())
                })?;
                Ok(facts)
            }
            Err(error) => {
                let party = Party { name: issuer.clone(), identifier: issuer, registrar: None };
                let entry = self.entry(TransactionType::CredentialIssuance, party, now).not_completed(error.code());
                self.record(entry)?;
                Err(error)
            }
        }
    }

    async fn fetch_offer(&self, link: &str) -> Result<CredentialOffer, AcceptError> {
        match OfferLink::parse(link)? {
            OfferLink::ByValue(offer) => Ok(offer),
            OfferLink::ByReference(url) => {
                let body = wire::get(self.wire(), &url, "application/json").await?;
                Ok(CredentialOffer::parse(&body)?)
            }
        }
    }

    /// What the offer behind a link says about the transaction code, after fetching it where it lies elsewhere.
    pub async fn offer_tx_code(&self, link: &str) -> Result<Option<TxCode>, Error> {
        let offer = self.fetch_offer(link).await?;
        Ok(offer.pre_authorized_code().and_then(|grant| grant.tx_code.clone()))
    }

    async fn accept_offer(
        &self,
        offer: CredentialOffer,
        tx_code: Option<&str>,
        now: Timestamp,
    ) -> Result<Holding, Error> {
        let issuer = offer.credential_issuer.as_str().to_owned();
        // Without a usable list nothing could be stored, so nothing is redeemed either.
        let trust = self.trust(now).await?;
        if let Some(refusal) = no_list(&trust, now) {
            return Err(AcceptError::UnknownIssuer(refusal).into());
        }
        let opened = self.describe(offer).await?;
        let key = Arc::clone(&opened.key);
        let vct = opened.vct.clone();
        let text = self.redeem(opened, tx_code, now).await?;
        let (held, origin) = self.check(&text, &key.public_key(), vct.as_deref(), &trust, now).await?;
        let key = DeviceKey::keep(&key).map_err(AcceptError::Key)?;
        let origin = Origin { issuer, ..origin };
        Ok(Holding::new(CredentialId::generate(self.entropy()), &held, key, origin, now))
    }

    /// Asks the issuer and its authorization server what they are.
    async fn describe(&self, offer: CredentialOffer) -> Result<Asked, AcceptError> {
        let offered = Offered::new(offer)?;
        let answer = self.wire().send(offered.request()).await?;
        let server = offered.answer(&answer)?;
        let answer = self.wire().send(server.request()).await?;
        let described = server.answer(&answer)?;
        let known = described
            .configurations()
            .find(|(_, configuration)| Format::from_identifier(&configuration.format) == Some(Format::SdJwtVc))
            .map(|(id, configuration)| (id.to_owned(), configuration.vct.clone()));
        let (configuration_id, vct) = known.ok_or(AcceptError::NoKnownFormat)?;
        let key = Arc::new(SigningKey::generate_p256(self.entropy()));
        Ok(Asked { described, key, configuration_id, vct })
    }

    /// Token, nonce, credential.
    async fn redeem(&self, opened: Asked, tx_code: Option<&str>, now: Timestamp) -> Result<String, AcceptError> {
        let Asked { described, key, configuration_id, .. } = opened;
        let device: Arc<dyn Signer> = key;
        let acceptance = Acceptance {
            tx_code: tx_code.map(|code| code.trim().to_owned()).filter(|code| !code.is_empty()),
            client_id: None,
            dpop: Arc::new(SigningKey::generate_p256(self.entropy())),
            choices: vec![Choice { configuration_id, keys: vec![device] }],
        };
        let mut accepting = described.accept(acceptance, self.entropy(), now)?;
        let issued = loop {
            let answer = self.wire().send(Request::clone(accepting.request())).await?;
            match accepting.answer(&answer, self.entropy(), now) {
                Ok(Progress::Again(next)) => accepting = next,
                Ok(Progress::Issued(issued)) => break issued,
                Err(stopped) => return Err(refused(stopped.reason)),
            }
        };
        let credential = issued.into_iter().flat_map(|issuance| issuance.credentials).next();
        match credential {
            Some(Value::String(text)) => Ok(text),
            Some(_) | None => Err(AcceptError::NoCredential),
        }
    }

    /// Received to held: the checks in the order in which trust grows.
    async fn check(
        &self,
        text: &str,
        key: &PublicKey,
        vct: Option<&str>,
        trust: &Trust,
        now: Timestamp,
    ) -> Result<(Held, Origin), AcceptError> {
        let received = Received::parse(text).map_err(AcceptError::Tampered)?;
        let chain = text
            .split('~')
            .next()
            .and_then(|jwt| Unverified::parse(jwt).ok())
            .and_then(|jws| jws.x5c().ok())
            .unwrap_or_default();
        let entity = trust.may_issue(&chain, now).map_err(AcceptError::UnknownIssuer)?;
        let authentic = received.authenticate(&trust.issuer_anchors(now), now).map_err(AcceptError::Tampered)?;
        if authentic.holder_key() != Some(key) {
            return Err(AcceptError::WrongKey);
        }
        if vct.is_some_and(|offered| offered != authentic.vct()) {
            return Err(AcceptError::OtherType { found: authentic.vct().chars().take(80).collect() });
        }
        let verified = self.settle(authentic, now).await?;
        let held = Held::keep(verified).ok_or(AcceptError::NoKnownFormat)?;
        let metadata = self.type_metadata(&held).await?;
        metadata.check_held(&held)?;
        Ok((held, Origin { metadata, issuer: String::new(), issuer_name: entity.name }))
    }

    /// Demands that the status list which the credential names says valid.
    async fn settle(&self, authentic: Authentic, now: Timestamp) -> Result<Verified, AcceptError> {
        let Some(wanted) = authentic.wanted_status() else { return Ok(authentic.settle_without_status(now)?) };
        http::check_callable(wanted.uri).map_err(AcceptError::StatusAddress)?;
        let kept = self.statuses().look_up(&wanted, now);
        let token = match kept {
            Some(token) => token,
            None => {
                let body = wire::get(self.wire(), wanted.uri, wanted.accept::<StatusToken>()).await?;
                self.statuses().take_in(&wanted, &body, now)?
            }
        };
        Ok(authentic.settle(&token, now)?)
    }

    /// What the credential's type says, with every type that it extends. Types that are no address to fetch from are
    /// not asked for anywhere else.
    async fn type_metadata(&self, held: &Held) -> Result<TypeMetadata, AcceptError> {
        let integrity = held.claims().get("vct#integrity").and_then(Value::as_str);
        let mut resolving = Resolving::start(held.vct(), integrity)?;
        loop {
            let url: Url = http::callable(resolving.wanted()).map_err(AcceptError::TypeAddress)?;
            let body = wire::get(self.wire(), &url, "application/json").await?;
            match resolving.feed(&body)? {
                type_metadata::Progress::Done(metadata) => return Ok(metadata),
                type_metadata::Progress::More(next) => resolving = next,
            }
        }
    }
}

/// The refusal of every question, if there is no usable list.
pub(crate) fn no_list(trust: &Trust, now: Timestamp) -> Option<Refusal> {
    match trust.may_issue(&[], now) {
        Err(refusal @ (Refusal::NoList { .. } | Refusal::ListExpired { .. })) => Some(refusal),
        Ok(_) | Err(_) => None,
    }
}

/// `invalid_grant` covers a wrong code, a used offer and an expired one alike (OpenID4VCI 1.0 section 6.3).
fn refused(reason: holder::Error) -> AcceptError {
    match reason {
        holder::Error::Refused { ref code, .. } if code == "invalid_grant" => AcceptError::CodeRefused,
        other => AcceptError::Exchange(other),
    }
}
