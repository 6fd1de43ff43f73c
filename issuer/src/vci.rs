//! OpenID4VCI 1.0 at this issuer: offers for approved sessions, the token, nonce and credential endpoints.
//!
//! The protocol is `warifu_openid4vc::vci`; here its states are loaded, advanced and committed. A state is committed
//! before the answer leaves, so a code is redeemed once, a nonce used once and a DPoP proof taken once, whatever is sent
//! in parallel.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::Url;
use utoipa::ToSchema;
use uuid::Uuid;
use warifu_credential::profile::Minting;
use warifu_credential::sd_jwt::IssuerKey;
use warifu_keys::PublicKey;
use warifu_openid4vc::http::Method;
use warifu_openid4vc::oauth::{AccessToken, Code, OAuthError, ServerMetadata, dpop};
use warifu_openid4vc::vci::credential::{CredentialRequest, CredentialResponse, Issued};
use warifu_openid4vc::vci::issuer::{
    self, AccessGrant, Binding, Clients, OfferState, Order, Redeemed, Terms, TokenPolicy, TxCodeTerms, code_key,
    nonce_used, unknown_code, unknown_token,
};
use warifu_openid4vc::vci::metadata::{Batch as BatchIssuance, Display, IssuerIdentifier, IssuerMetadata};
use warifu_openid4vc::vci::nonce::NonceResponse;
use warifu_openid4vc::vci::offer::{CredentialOffer, OfferLink, Scheme};
use warifu_openid4vc::vci::token::{TokenRequest, TokenResponse};
use warifu_session::Status;
use warifu_store::{Batch, Collection, Loaded, Stored};

use crate::kyc::service::TRIES;
use crate::kyc::session::{KeptOffer, OpenSession};
use crate::kyc::workflow::Environment;
use crate::{BadSetting, Config, Error, Issuer};

mod configuration;

pub use configuration::CredentialConfiguration;

use configuration::Evidenced;

/// Digits of a transaction code.
const TX_CODE_DIGITS: u8 = 6;

/// What the issuer says about itself; made once.
pub(crate) struct Metadata {
    pub(crate) issuer: IssuerMetadata,
    pub(crate) server: ServerMetadata,
    pub(crate) status_lists: Url,
    token_endpoint: Url,
}

/// An offer as it goes to the person. `Debug` shows no code.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = CredentialOfferLinks)]
pub struct Offered {
    /// Link by reference, for the QR code.
    pub offer: String,
    /// The same by value.
    pub offer_by_value: String,
    /// The transaction code, to be typed into the wallet.
    pub tx_code: String,
    /// Until when.
    pub expires_at: Timestamp,
}

impl std::fmt::Debug for Offered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Offered(until {})", self.expires_at)
    }
}

/// Whether a result page asks for a new offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Renew {
    /// Only when the last one is over.
    WhenOver,
    /// In any case: the last one went into another wallet, or nowhere.
    Now,
}

/// The offer on a result page.
#[derive(Debug, Clone)]
pub enum Shown {
    /// To be taken up.
    Open(Offered),
    /// A wallet took it up.
    Taken,
}

/// An offer's state, under the hash of its code.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(transparent)]
struct StoredOffer(OfferState);

impl Stored for StoredOffer {
    const NAME: &'static str = "vci_offers";

    fn key(&self) -> String {
        self.0.key().to_owned()
    }
}

/// An offer behind a reference: the person's link leads here until it is taken up or over. It holds the code in clear,
/// as whoever fetches it needs it; the transaction code is what protects it.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Reference {
    id: String,
    offer: CredentialOffer,
    expires: Timestamp,
}

impl Stored for Reference {
    const NAME: &'static str = "vci_offer_references";

    fn key(&self) -> String {
        warifu_keys::base64url::encode(&warifu_keys::sha256(self.id.as_bytes()))
    }
}

/// What an access token allows.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(transparent)]
struct StoredGrant(AccessGrant);

impl Stored for StoredGrant {
    const NAME: &'static str = "vci_grants";

    fn key(&self) -> String {
        self.0.key().to_owned()
    }
}

/// A marker that may exist once: a used nonce, or a DPoP proof that was taken.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Once {
    marker: String,
    expires: Timestamp,
}

impl Stored for Once {
    const NAME: &'static str = "vci_once";
    const INDEXES: &'static [&'static str] = &["expires"];

    fn key(&self) -> String {
        self.marker.clone()
    }

    fn indexes(&self) -> Vec<(&'static str, String)> {
        vec![("expires", warifu_store::sortable(self.expires.as_second()))]
    }
}

impl Metadata {
    pub(crate) fn new(config: &Config, signer: &PublicKey) -> Result<Self, BadSetting> {
        let bad = |_| BadSetting { setting: "base_url", why: "it is no credential issuer identifier" };
        let identifier = IssuerIdentifier::parse(&config.address("")).map_err(bad)?;
        let url = |path: &str| {
            let why = "it cannot be joined with a path";
            Url::parse(&config.address(path)).map_err(|_| BadSetting { setting: "base_url", why })
        };
        let configurations =
            config.configurations.iter().map(|one| (one.id().to_owned(), one.metadata(config, signer)));
        let status_lists = url("/status")?;
        let issuer = IssuerMetadata {
            status_list_aggregation_endpoint: Some(status_lists.clone()),
            credential_issuer: identifier.clone(),
            authorization_servers: None,
            credential_endpoint: url("/credential")?,
            nonce_endpoint: Some(url("/nonce")?),
            deferred_credential_endpoint: None,
            notification_endpoint: None,
            credential_request_encryption: None,
            credential_response_encryption: None,
            batch_credential_issuance: (config.batch_size >= 2)
                .then_some(BatchIssuance { batch_size: config.batch_size }),
            display: vec![Display {
                name: Some(config.name.clone()),
                locale: Some("en".to_owned()),
                ..Display::default()
            }],
            credential_configurations_supported: configurations.collect(),
        };
        let token_endpoint = url("/token")?;
        let server = ServerMetadata {
            status_list_aggregation_endpoint: Some(status_lists.clone()),
            ..ServerMetadata::pre_authorized(identifier.as_str(), token_endpoint.clone())
        };
        Ok(Self { issuer, server, status_lists, token_endpoint })
    }
}

impl Issuer {
    /// Makes a credential offer for an approved session. Every call makes a new one; each can be taken up once.
    ///
    /// # Errors
    /// [`Error::NotApproved`], [`Error::Revoked`], [`Error::Suspended`], [`Error::NoSuchSession`], [`Error::NoIdentity`] for
    /// a reuse session.
    pub async fn offer(&self, session: Uuid, now: Timestamp) -> Result<Offered, Error> {
        let seen = self.seen_by_id(session).await?;
        if seen.open.session.status != Status::Approved {
            return Err(Error::NotApproved(seen.open.session.status_at(now)));
        }
        self.check_standing(session).await?;
        let (offered, batch, _) = self.new_offer(&seen.open, now)?;
        self.store.commit(batch).await?;
        Ok(offered)
    }

    /// The offer that the result page of an approved session shows: the one it showed before while that is good, else a
    /// new one; a new one in any case with `renew`.
    ///
    /// # Errors
    /// As [`Issuer::offer`].
    pub(crate) async fn shown_offer(&self, token: &str, renew: Renew, now: Timestamp) -> Result<Shown, Error> {
        for _ in 0..TRIES {
            let mut seen = self.seen_by_token(token).await?;
            if seen.open.session.status != Status::Approved {
                return Err(Error::NotApproved(seen.open.session.status_at(now)));
            }
            self.check_standing(seen.open.session.id).await?;
            if let (Some(kept), Renew::WhenOver) = (&seen.open.personal.offer, renew)
                && let Some(shown) = self.standing(kept, now).await?
            {
                return Ok(shown);
            }
            let (offered, batch, key) = self.new_offer(&seen.open, now)?;
            seen.open.personal.offer = Some(KeptOffer { offered: offered.clone(), key });
            match self.store.commit(batch.replace(seen.seen, &seen.open.seal(self.entropy())?)).await {
                Ok(_) => return Ok(Shown::Open(offered)),
                Err(error) if error.is_conflict() => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::Busy)
    }

    /// Whether the offer of a result page was taken up.
    pub(crate) async fn offer_is_taken(&self, open: &OpenSession, now: Timestamp) -> Result<bool, Error> {
        match &open.personal.offer {
            Some(kept) => Ok(matches!(self.standing(kept, now).await?, Some(Shown::Taken))),
            None => Ok(false),
        }
    }

    /// How a shown offer stands; `None` once it is over or dead.
    async fn standing(&self, kept: &KeptOffer, now: Timestamp) -> Result<Option<Shown>, Error> {
        let state = Collection::<StoredOffer>::of(&self.store).load(&kept.key).await?;
        Ok(match state.as_ref().map(|state| state.value.0.stage()) {
            Some(issuer::Stage::Open { .. }) if now < kept.offered.expires_at => {
                Some(Shown::Open(kept.offered.clone()))
            }
            Some(issuer::Stage::Redeemed { .. }) => Some(Shown::Taken),
            Some(issuer::Stage::Open { .. } | issuer::Stage::Dead { .. }) | None => None,
        })
    }

    /// The configurations that an approved session can have credentials of: what the evidence does not show can not be
    /// minted, so it is not offered either.
    fn mintable(&self, open: &OpenSession, now: Timestamp) -> Vec<CredentialConfiguration> {
        let Some(evidenced) = self.evidenced(open, now) else { return Vec::new() };
        let can = |one: &CredentialConfiguration| one.claims(&self.config, &evidenced).is_ok();
        self.config.configurations.iter().copied().filter(can).collect()
    }

    /// What a credential of this session is made of; nothing where none may be.
    pub(crate) fn evidenced<'a>(&self, open: &'a OpenSession, now: Timestamp) -> Option<Evidenced<'a>> {
        Evidenced::of(open, now).filter(|_| self.may_mint(open))
    }

    /// Whether this issuer signs for sessions of this environment: what a sandbox application did, with specimens or
    /// scenarios, is nothing that an issuer for real people vouches for.
    fn may_mint(&self, open: &OpenSession) -> bool {
        self.config.environment == Environment::Sandbox || open.session.workflow.environment == Environment::Live
    }

    /// A new offer, the changes that keep it, and the key of its state.
    fn new_offer(&self, open: &OpenSession, now: Timestamp) -> Result<(Offered, Batch, String), Error> {
        // A reuse session is approved too, and there is nobody in it to make a credential of.
        if self.evidenced(open, now).is_none() {
            return Err(match open.personal.overridden {
                _ if !self.may_mint(open) => Error::SandboxSession,
                Some(_) => Error::ApprovedByReviewer,
                None => Error::NoIdentity,
            });
        }
        let terms = Terms {
            credential_issuer: self.metadata.issuer.credential_issuer.clone(),
            configuration_ids: self.mintable(open, now).iter().map(|one| one.id().to_owned()).collect(),
            subject: open.session.id.to_string(),
            life: self.config.offer_life,
            tx_code: TxCodeTerms::Numeric {
                digits: TX_CODE_DIGITS,
                description: Some("The code is shown on the page with the result.".to_owned()),
            },
        };
        let new = OfferState::open(terms, self.entropy(), now);
        let reference =
            Reference { id: self.entropy().token(), offer: new.offer.clone(), expires: new.state.expires() };
        let address = self.config.address(&format!("/offer/{}", reference.id));
        let address = Url::parse(&address).map_err(|error| Error::Task(error.to_string()))?;
        let expires_at = new.state.expires();
        let entry = self.entry(&open.session, "offer.made", now).fact("expires", expires_at);
        let key = new.state.key().to_owned();
        let batch = Batch::new().insert(&StoredOffer(new.state)).insert(&reference).audit(entry);
        let offered = Offered {
            offer: OfferLink::ByReference(address).to_uri(Scheme::OpenidCredentialOffer),
            offer_by_value: OfferLink::ByValue(new.offer).to_uri(Scheme::OpenidCredentialOffer),
            tx_code: new.tx_code.unwrap_or_default(),
            expires_at,
        };
        Ok((offered, batch, key))
    }

    /// The offer behind a reference.
    ///
    /// # Errors
    /// [`Error::NoSuchOffer`] for unknown ones and those that have ended.
    pub async fn offer_object(&self, id: &str, now: Timestamp) -> Result<CredentialOffer, Error> {
        if id.len() > 64 {
            return Err(Error::NoSuchOffer);
        }
        let key = warifu_keys::base64url::encode(&warifu_keys::sha256(id.as_bytes()));
        let found = Collection::<Reference>::of(&self.store).load(&key).await?;
        match found {
            Some(Loaded { value, .. }) if now < value.expires => Ok(value.offer),
            Some(_) | None => Err(Error::NoSuchOffer),
        }
    }

    /// A fresh `c_nonce` (OpenID4VCI 1.0 section 7).
    #[must_use]
    pub fn nonce(&self, now: Timestamp) -> NonceResponse {
        NonceResponse { c_nonce: self.nonce_key.mint(self.entropy(), now) }
    }

    /// The token endpoint (OpenID4VCI 1.0 section 6): `body` is the form, `proof` the `DPoP` header.
    ///
    /// # Errors
    /// As RFC 6749 section 5.2 and RFC 9449 say them. A wrong transaction code counts; the fifth kills the offer.
    pub async fn token(&self, body: &[u8], proof: Option<&str>, now: Timestamp) -> Result<TokenResponse, OAuthError> {
        let request = TokenRequest::parse(body)?;
        let proof = self.proof(proof, &self.metadata.token_endpoint, None, now)?;
        let policy = TokenPolicy { binding: Binding::Dpop, clients: Clients::Anonymous };
        let offers = Collection::<StoredOffer>::of(&self.store);
        let key = code_key(&request.pre_authorized_code);
        for _ in 0..TRIES {
            let Some(Loaded { seen, value }) = offers.load(&key).await.map_err(|error| failed(&error))? else {
                return Err(unknown_code());
            };
            let session: Option<Uuid> = value.0.subject().parse().ok();
            let before = value.0.clone();
            let issuer::Transition { state, outcome } =
                value.0.redeem(&request, proof.as_ref(), policy, self.entropy(), now);
            if state == before {
                // Nothing to commit, so nothing to win by racing.
                return outcome.map(|redeemed| redeemed.response);
            }
            let mut batch = Batch::new().replace(seen, &StoredOffer(state));
            if let Some(proof) = &proof {
                batch = batch.insert(&Once { marker: proof.replay_marker(), expires: proof.expires });
            }
            let action = if outcome.is_ok() { "offer.redeemed" } else { "offer.wrong_tx_code" };
            if let Some(id) = session {
                let subject = self.session_reference(id);
                batch = batch.audit(warifu_store::audit::Entry::new(now, action, self.actor("token"), subject));
            }
            if let Ok(Redeemed { grant, .. }) = &outcome {
                batch = batch.insert(&StoredGrant(grant.clone()));
            }
            match self.store.commit(batch).await {
                Ok(_) => return outcome.map(|redeemed| redeemed.response),
                Err(warifu_store::Error::Conflict { collection, .. }) if collection == Once::NAME => {
                    return Err(OAuthError::new(Code::InvalidDpopProof, "the proof was used before"));
                }
                Err(error) if error.is_conflict() => {}
                Err(error) => return Err(failed(&error)),
            }
        }
        Err(failed(&Error::Busy))
    }

    /// The credential endpoint (OpenID4VCI 1.0 section 8): one credential for every key that was proven.
    ///
    /// # Errors
    /// As OpenID4VCI 1.0 section 8.3.1.2 and RFC 6750 section 3 say them.
    pub async fn credential(
        &self,
        authorization: Option<&str>,
        proof: Option<&str>,
        body: &[u8],
        now: Timestamp,
    ) -> Result<CredentialResponse, OAuthError> {
        let token = AccessToken::parse(authorization)?;
        let endpoint = &self.metadata.issuer.credential_endpoint;
        let proof = self.proof(proof, endpoint, Some(token.expose()), now)?;
        let grants = Collection::<StoredGrant>::of(&self.store);
        let loaded = grants.load(&token.hash()).await.map_err(|error| failed(&error))?;
        let grant = loaded.ok_or_else(unknown_token)?.value.0;
        grant.authorize(&token, proof.as_ref(), now)?;
        let request = CredentialRequest::parse(body)?;
        let order = grant.order(&request, &self.metadata.issuer, &self.nonce_key, now)?;
        let session: Uuid = grant.subject().parse().map_err(|_| unknown_token())?;
        let credentials = self.issue(session, &order, proof.as_ref(), now).await?;
        // For wallets that look for the nonce of their next request here, as the drafts before the standard had it.
        let issued = Issued::new(credentials).with_c_nonce(self.nonce(now).c_nonce);
        Ok(CredentialResponse::Issued(issued))
    }

    /// Mints one credential for each key of the order and commits status entries, nonces and proof together.
    async fn issue(
        &self,
        session: Uuid,
        order: &Order,
        proof: Option<&dpop::Proven>,
        now: Timestamp,
    ) -> Result<Vec<Value>, OAuthError> {
        let denied = || OAuthError::new(Code::CredentialRequestDenied, "the session has no credential");
        let configuration = CredentialConfiguration::from_id(&order.configuration_id).ok_or_else(denied)?;
        for _ in 0..TRIES {
            let seen = match self.seen_by_id(session).await {
                Ok(seen) => seen,
                Err(Error::NoSuchSession | Error::Erased) => return Err(denied()),
                Err(error) => return Err(failed(&error)),
            };
            match self.check_standing(session).await {
                Ok(()) => {}
                Err(Error::Revoked | Error::Suspended) => return Err(denied()),
                Err(error) => return Err(failed(&error)),
            }
            let open = &seen.open;
            let evidenced = self.evidenced(open, now).ok_or_else(denied)?;
            let claims = configuration.claims(&self.config, &evidenced).map_err(|error| failed(&error))?;
            let vct = configuration.vct(&self.config);
            let bits = configuration.status_bits(&self.config);
            let entries = self.draw_entries(session, order.keys.len(), bits, now).await;
            let entries = entries.map_err(|error| failed(&error))?;
            let mut credentials = Vec::with_capacity(order.keys.len());
            for (key, entry) in order.keys.iter().zip(&entries) {
                let status = self.status_reference_of(entry).map_err(|error| failed(&error))?;
                let minting = Minting {
                    vct: &vct,
                    holder_key: key,
                    status: Some(&status),
                    lifetime_days: self.config.credential_days,
                    now,
                };
                let issuer = IssuerKey { signer: &*self.document_signer, chain: &self.chain };
                let credential = configuration.mint(&claims, &minting, issuer, self.entropy(), &self.config);
                credentials.push(credential.map_err(|error| failed(&error))?);
            }
            let entry = self.entry(&open.session, "credentials.issued", now).fact("count", credentials.len());
            // The session is written back unchanged: a revocation or erasure meanwhile makes this commit fail.
            let batch = Batch::new().replace(seen.seen, &open.session).audit(entry);
            let mut batch = entries.iter().fold(batch, |batch, entry| batch.insert(entry));
            for nonce in &order.nonces {
                batch = batch.insert(&Once { marker: nonce.marker.clone(), expires: nonce.expires });
            }
            let replay = proof.map(dpop::Proven::replay_marker);
            if let (Some(proof), Some(marker)) = (proof, &replay) {
                batch = batch.insert(&Once { marker: marker.clone(), expires: proof.expires });
            }
            match self.store.commit(batch).await {
                Ok(_) => return Ok(credentials),
                Err(warifu_store::Error::Conflict { collection, key }) if collection == Once::NAME => {
                    let replayed = replay.is_some_and(|marker| marker == key);
                    return Err(if replayed {
                        OAuthError::new(Code::InvalidDpopProof, "the proof was used before")
                    } else {
                        nonce_used()
                    });
                }
                // A status index was taken or the session changed meanwhile: look again.
                Err(error) if error.is_conflict() => {}
                Err(error) => return Err(failed(&error)),
            }
        }
        Err(failed(&Error::Busy))
    }

    /// Forgets single-use markers and grants whose time is over; they would be refused as expired anyhow. To be called now
    /// and then by whoever runs the issuer. Says how many were forgotten.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn forget_expired(&self, now: Timestamp) -> Result<usize, Error> {
        let once = Collection::<Once>::of(&self.store);
        let until = warifu_store::sortable(now.as_second());
        let range = warifu_store::Range::Between(warifu_store::sortable(0), until);
        let page = once.scan(&warifu_store::Query::by("expires", range).limit(1000)).await?;
        let count = page.items.len();
        if count > 0 {
            let batch = page.items.iter().fold(Batch::new(), |batch, item| batch.erase::<Once>(&item.value.marker));
            self.store.commit(batch).await?;
        }
        Ok(count)
    }

    fn proof(
        &self,
        header: Option<&str>,
        url: &Url,
        access_token: Option<&str>,
        now: Timestamp,
    ) -> Result<Option<dpop::Proven>, OAuthError> {
        let Some(header) = header else { return Ok(None) };
        Ok(Some(dpop::Received::parse(header)?.verify(Method::Post, url, now, access_token)?))
    }
}

/// Our own failure: the cause goes to the log, not to the wallet.
fn failed(cause: &dyn std::fmt::Display) -> OAuthError {
    tracing::error!(%cause, "issuance failed");
    OAuthError::new(Code::ServerError, "something failed on our side")
}
