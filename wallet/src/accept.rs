//! Offer to stored credentials (OpenID4VCI 1.0, pre-authorised code).
//!
//! Every configuration of the offer whose format this wallet holds is asked for, each with keys, a nonce and proofs of its
//! own: as many copies as the issuer gives, at most ten, each to be presented once. What comes in is believed step by step: issuer in the trusted list, signature, key, type, status; only then
//! something is stored, credentials and history entry in one write. One credential that is not believed stores nothing
//! but a history entry that says so. Where the issuer stops half-way, what came before is kept, for the code is used up,
//! and the history says that the rest did not come. Left out: deferred issuance, notifications to
//! the issuer, fresh copies when the first are used up.

use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use url::Url;
use warifu_credential::status::{self, StatusToken};
use warifu_credential::type_metadata::{self, Resolving, TypeMetadata, TypeMetadataError};
use warifu_credential::{Authentic, Format, SettleError, Verified, mdoc, sd_jwt};
use warifu_keys::jws::Unverified;
use warifu_keys::x509::Certificate;
use warifu_keys::{Algorithm, Signer, SigningKey};
use warifu_openid4vc::http::{self, Request, UrlError};
use warifu_openid4vc::vci::holder;
use warifu_openid4vc::vci::holder::{Acceptance, Choice, Described, Issuance, Offered, Progress};
use warifu_openid4vc::vci::metadata::{Configuration, CredentialMetadata, ReusePolicy};
use warifu_openid4vc::vci::offer::{self, CredentialOffer, OfferLink, TxCode};
use warifu_schemas::pid;
use warifu_trust::{Refusal, Trust};

use crate::history::{ClaimsOf, Party, TransactionType};
use crate::holding::{CredentialError, CredentialFacts, CredentialId, DeviceKey, Held, Holding, MAX_COPIES, Origin};
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
    Tampered(#[source] CredentialError),
    /// The credential is bound to another key than the one of this wallet, or two copies to the same.
    #[error("the credential is bound to a key that is not this wallet's")]
    WrongKey,
    /// The copies of a batch do not say the same.
    #[error("the copies of the credential differ from each other")]
    CopiesDiffer,
    /// The credential is of another type than the one offered.
    #[error("the credential is of type `{found}`, not of the offered type")]
    OtherType {
        /// Its `vct` or `docType`, shortened.
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
            Self::CopiesDiffer => "copies_differ",
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

/// What came of an offer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Accepted {
    /// The credential that the issuer prefers.
    #[serde(flatten)]
    pub credential: CredentialFacts,
    /// The same in further formats, as the issuer offered them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub further: Vec<CredentialFacts>,
}

/// One credential to be asked for, with the keys that its copies are to be bound to.
struct Asked {
    configuration_id: String,
    format: Format,
    /// The type that is offered.
    vct: Option<String>,
    keys: Vec<Arc<SigningKey>>,
    reuse: ReusePolicy,
}

/// One copy that may be stored.
struct Checked {
    held: Held,
    /// Which of the keys it is bound to.
    key: usize,
    issuer_name: String,
}

/// What the issuer gave, and why it stopped if it did.
struct Redeemed {
    issued: Vec<Issuance>,
    stopped: Option<AcceptError>,
}

impl Wallet {
    /// Accepts an offer link or the text of its QR code and stores the credentials that come of it.
    ///
    /// `tx_code` is what the user typed; leave it out where the offer asks for none. Nothing is stored on failure but a
    /// history entry "not completed".
    pub async fn accept(&self, link: &str, tx_code: Option<&str>, now: Timestamp) -> Result<Accepted, Error> {
        let offer = self.fetch_offer(link).await.map_err(Error::from)?;
        let issuer = offer.credential_issuer.as_str().to_owned();
        match self.accept_offer(offer, tx_code, now).await {
            Ok((holdings, stopped)) => self.keep(&holdings, stopped.as_ref(), issuer, now),
            Err(error) => {
                let party = Party { name: issuer.clone(), identifier: issuer, registrar: None };
                let entry = self.entry(TransactionType::CredentialIssuance, party, now).not_completed(error.code());
                self.record(entry)?;
                Err(error)
            }
        }
    }

    /// Stores what was verified, with its entry in the history and one for what did not come.
    fn keep(
        &self,
        holdings: &[Holding],
        stopped: Option<&AcceptError>,
        issuer: String,
        now: Timestamp,
    ) -> Result<Accepted, Error> {
        let language = self.language()?;
        let facts = holdings.iter().map(|holding| holding.facts(&language, now)).collect::<Result<Vec<_>, _>>();
        let mut facts = facts.map_err(AcceptError::Tampered)?.into_iter();
        let credential = facts.next().ok_or(AcceptError::NoCredential)?;
        let claims = |holding: &Holding| {
            let held = holding.held()?;
            let claims = held.rows("en").into_iter().map(|row| row.path).collect();
            Ok(ClaimsOf { credential_identifier: held.vct().to_owned(), claims })
        };
        let came = holdings.iter().map(claims).collect::<Result<Vec<_>, _>>().map_err(AcceptError::Tampered)?;
        let party = Party { name: credential.issuer_name.clone(), identifier: issuer, registrar: self.registrar()? };
        let mut entry = self.entry(TransactionType::CredentialIssuance, party.clone(), now);
        entry.list_of_claims_presented = came;
        let missing = stopped.map(|stopped| {
            tracing::warn!(error = %stopped, "the issuer gave a part of what it offered");
            self.entry(TransactionType::CredentialIssuance, party, now).not_completed(stopped.code())
        });
        self.store().update(|contents| {
            // The newest is taken where several fit, so what the issuer prefers comes last.
            contents.holdings.extend(holdings.iter().rev().cloned());
            contents.history.push(entry.clone());
            contents.history.extend(missing.clone());
            Ok::<_, StoreError>(())
        })?;
        Ok(Accepted { credential, further: facts.collect() })
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

    /// Everything up to the credentials that may be stored; with why the rest of them did not come.
    async fn accept_offer(
        &self,
        offer: CredentialOffer,
        tx_code: Option<&str>,
        now: Timestamp,
    ) -> Result<(Vec<Holding>, Option<AcceptError>), Error> {
        let issuer = offer.credential_issuer.as_str().to_owned();
        // Without a usable list nothing could be stored, so nothing is redeemed either.
        let trust = self.trust(now).await?;
        if let Some(refusal) = no_list(&trust, now) {
            return Err(AcceptError::UnknownIssuer(refusal).into());
        }
        let described = self.describe(offer).await?;
        let asked = self.choose_configurations(&described)?;
        let Redeemed { issued, stopped } = self.redeem(described, &asked, tx_code, now).await?;
        let mut holdings = Vec::with_capacity(issued.len());
        for issuance in issued {
            let of = |asked: &&Asked| asked.configuration_id == issuance.configuration_id;
            let asked = asked.iter().find(of).ok_or(AcceptError::NoCredential)?;
            let (copies, issuer_name) = self.check_copies(issuance.credentials, asked, &trust, now).await?;
            let mut copies = copies.into_iter();
            let (held, key) = copies.next().ok_or(AcceptError::NoCredential)?;
            let origin = Origin { issuer: issuer.clone(), issuer_name };
            let holding = Holding::new(CredentialId::generate(self.entropy()), &held, key, origin, now);
            holdings.push(holding.with_copies(copies.collect(), asked.reuse));
        }
        match (holdings.is_empty(), stopped) {
            (false, stopped) => Ok((holdings, stopped)),
            (true, stopped) => Err(stopped.unwrap_or(AcceptError::NoCredential).into()),
        }
    }

    /// Asks the issuer and its authorization server what they are.
    async fn describe(&self, offer: CredentialOffer) -> Result<Described, AcceptError> {
        let offered = Offered::new(offer)?;
        let answer = self.wire().send(offered.request()).await?;
        let server = offered.answer(&answer)?;
        let answer = self.wire().send(server.request()).await?;
        Ok(server.answer(&answer)?)
    }

    /// Every configuration of a format that is held here, in the issuer's order, each with fresh keys. One that demands
    /// proofs which this wallet can not give is left out beside others; alone it is refused for that reason.
    fn choose_configurations(&self, described: &Described) -> Result<Vec<Asked>, AcceptError> {
        let copies = described.batch_size().clamp(1, MAX_COPIES);
        let known = |(id, configuration): (&str, &Configuration)| {
            let keys = || Arc::new(SigningKey::generate_p256(self.entropy()));
            let asked = Asked {
                configuration_id: id.to_owned(),
                format: Format::from_identifier(&configuration.format)?,
                vct: configuration.vct.clone().or_else(|| configuration.doctype.clone()),
                keys: std::iter::repeat_with(keys).take(copies).collect(),
                reuse: configuration.credential_metadata.as_ref().map(CredentialMetadata::reuse).unwrap_or_default(),
            };
            Some((asked, holder::check_proof(configuration, Algorithm::Es256)))
        };
        let (mut chosen, mut refusal) = (Vec::new(), None);
        for (asked, provable) in described.configurations().filter_map(known) {
            match provable {
                Ok(()) => chosen.push(asked),
                Err(error) => refusal = refusal.or(Some(error)),
            }
        }
        match (chosen.is_empty(), refusal) {
            (false, _) => Ok(chosen),
            (true, Some(error)) => Err(error.into()),
            (true, None) => Err(AcceptError::NoKnownFormat),
        }
    }

    /// Token, then nonce and credential for each.
    async fn redeem(
        &self,
        described: Described,
        asked: &[Asked],
        tx_code: Option<&str>,
        now: Timestamp,
    ) -> Result<Redeemed, AcceptError> {
        let choice = |asked: &Asked| {
            let device = |key: &Arc<SigningKey>| -> Arc<dyn Signer> { Arc::<SigningKey>::clone(key) };
            Choice { configuration_id: asked.configuration_id.clone(), keys: asked.keys.iter().map(device).collect() }
        };
        let acceptance = Acceptance {
            tx_code: tx_code.map(|code| code.trim().to_owned()).filter(|code| !code.is_empty()),
            client_id: None,
            dpop: Arc::new(SigningKey::generate_p256(self.entropy())),
            choices: asked.iter().map(choice).collect(),
        };
        let mut accepting = described.accept(acceptance, self.entropy(), now)?;
        loop {
            let answer = match self.wire().send(Request::clone(accepting.request())).await {
                Ok(answer) => answer,
                Err(error) => return Ok(Redeemed { issued: accepting.give_up(), stopped: Some(error.into()) }),
            };
            match accepting.answer(&answer, self.entropy(), now) {
                Ok(Progress::Again(next)) => accepting = next,
                Ok(Progress::Issued(issued)) => return Ok(Redeemed { issued, stopped: None }),
                Err(stopped) => {
                    return Ok(Redeemed { issued: stopped.issued, stopped: Some(refused(stopped.reason)) });
                }
            }
        }
    }

    /// Received to held, copy by copy, each with its key, and the issuer's name. One that is not believed, is bound to no
    /// key of its own or says something else than the others refuses all.
    async fn check_copies(
        &self,
        credentials: Vec<Value>,
        asked: &Asked,
        trust: &Trust,
        now: Timestamp,
    ) -> Result<(Vec<(Held, DeviceKey)>, String), AcceptError> {
        let mut keys = asked.keys.clone();
        let (mut copies, mut issuer_name) = (Vec::<(Held, DeviceKey)>::with_capacity(credentials.len()), String::new());
        for credential in credentials {
            let Value::String(text) = credential else { return Err(AcceptError::NoCredential) };
            let metadata = copies.first().and_then(|(first, _)| first.metadata().cloned());
            let checked = self.check(&text, asked, &keys, metadata, trust, now).await?;
            let key = keys.swap_remove(checked.key);
            if copies.first().is_some_and(|(first, _)| first.rows("en") != checked.held.rows("en")) {
                return Err(AcceptError::CopiesDiffer);
            }
            issuer_name = checked.issuer_name;
            copies.push((checked.held, DeviceKey::keep(&key)?));
        }
        if copies.is_empty() { Err(AcceptError::NoCredential) } else { Ok((copies, issuer_name)) }
    }

    /// One copy: the checks in the order in which trust grows. `known` is what its type says about itself, where an
    /// earlier copy of that type said it.
    async fn check(
        &self,
        text: &str,
        asked: &Asked,
        keys: &[Arc<SigningKey>],
        known: Option<TypeMetadata>,
        trust: &Trust,
        now: Timestamp,
    ) -> Result<Checked, AcceptError> {
        let received = Received::parse(asked.format, text).map_err(AcceptError::Tampered)?;
        let entity = trust.may_issue(&received.issuer_chain(), now).map_err(AcceptError::UnknownIssuer)?;
        let authentic = received.authenticate(&trust.issuer_anchors(now), now).map_err(AcceptError::Tampered)?;
        let key = keys.iter().position(|key| authentic.holder_key() == Some(&key.public_key()));
        let key = key.ok_or(AcceptError::WrongKey)?;
        if asked.vct.as_ref().is_some_and(|offered| offered != authentic.vct()) {
            return Err(AcceptError::OtherType { found: authentic.vct().chars().take(80).collect() });
        }
        let verified = self.settle(authentic, now).await?;
        let held = match verified.format() {
            Format::SdJwtVc => {
                let held = sd_jwt::Held::keep(verified).ok_or(AcceptError::NoKnownFormat)?;
                let metadata = match known.filter(|known| known.vct == held.vct()) {
                    Some(known) => known,
                    None => self.type_metadata(&held).await?,
                };
                metadata.check_held(&held)?;
                Held::SdJwtVc(Box::new(held), Box::new(metadata))
            }
            Format::Mdoc => Held::Mdoc(Box::new(mdoc::Held::keep(verified).ok_or(AcceptError::NoKnownFormat)?)),
        };
        Ok(Checked { held, key, issuer_name: entity.name })
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
    /// not asked for anywhere else; the one of person identification data is known here.
    async fn type_metadata(&self, held: &sd_jwt::Held) -> Result<TypeMetadata, AcceptError> {
        let integrity = held.claims().get("vct#integrity").and_then(Value::as_str);
        let mut resolving = Resolving::start(held.vct(), integrity)?;
        loop {
            if resolving.wanted() == pid::VCT {
                let known = warifu_schemas::type_metadata(&pid::PROFILE, pid::VCT).to_string();
                match resolving.feed(known.as_bytes())? {
                    type_metadata::Progress::Done(metadata) => return Ok(metadata),
                    type_metadata::Progress::More(next) => resolving = next,
                }
                continue;
            }
            let url: Url = http::callable(resolving.wanted()).map_err(AcceptError::TypeAddress)?;
            let body = wire::get(self.wire(), &url, "application/json").await?;
            match resolving.feed(&body)? {
                type_metadata::Progress::Done(metadata) => return Ok(metadata),
                type_metadata::Progress::More(next) => resolving = next,
            }
        }
    }
}

/// A credential as it came over the wire, in any format that is held here: nothing in it may be believed.
enum Received {
    SdJwtVc(Box<sd_jwt::Received>, Vec<Certificate>),
    Mdoc(Box<mdoc::Received>),
}

impl Received {
    fn parse(format: Format, text: &str) -> Result<Self, CredentialError> {
        Ok(match format {
            Format::SdJwtVc => {
                let jwt = text.split('~').next().unwrap_or_default();
                let chain = Unverified::parse(jwt).and_then(|jws| jws.x5c()).unwrap_or_default();
                Self::SdJwtVc(Box::new(sd_jwt::Received::parse(text)?), chain)
            }
            Format::Mdoc => Self::Mdoc(Box::new(mdoc::Received::from_base64url(text)?)),
        })
    }

    /// The certificates that the issuer is said to have; none where they can not be read.
    fn issuer_chain(&self) -> Vec<Certificate> {
        match self {
            Self::SdJwtVc(_, chain) => chain.clone(),
            Self::Mdoc(received) => received.issuer_chain().unwrap_or_default(),
        }
    }

    fn authenticate(self, anchors: &[Certificate], now: Timestamp) -> Result<Authentic, CredentialError> {
        Ok(match self {
            Self::SdJwtVc(received, _) => received.authenticate(anchors, now)?,
            Self::Mdoc(received) => received.authenticate(anchors, now)?,
        })
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
