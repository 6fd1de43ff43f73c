//! The issuer's half of the pre-authorised code flow, as state values.
//!
//! [`OfferState`] is stored under [`code_key`] when an offer is made. A token request loads it, [`OfferState::redeem`]
//! gives the next state with the outcome, and the role commits that state by compare-and-set *before* it answers: so a
//! code is redeemed once and wrong transaction codes are counted, whatever is sent in parallel. [`AccessGrant`] is stored
//! under [`AccessGrant::key`]; [`AccessGrant::authorize`] and [`AccessGrant::order`] guard the credential endpoint.
//!
//! Neither the code nor the transaction code nor the access token is stored. The transaction code is hashed together with
//! the pre-authorised code, whose 256 bits are not in the store either, so its few digits can not be searched.

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use warifu_keys::{Entropy, PublicKey, equal_in_constant_time};

use crate::oauth::{self, AccessToken, Code, OAuthError, Scheme, dpop};

use super::credential::{CredentialRequest, Proofs, Wanted};
use super::metadata::{Configuration, IssuerIdentifier, IssuerMetadata};
use super::nonce::{NonceKey, SingleUse};
use super::offer::{CredentialOffer, Grants, InputMode, PreAuthorizedCode, TxCode};
use super::proof;
use super::token::{AuthorizationDetails, TokenRequest, TokenResponse};

/// Wrong transaction codes after which an offer is dead (OpenID4VCI 1.0 section 13.6.2 asks for a limit).
pub const MAX_WRONG_TX_CODES: u8 = 5;
/// Life of an access token that is bound to a key.
pub const BOUND_TOKEN_LIFE: SignedDuration = SignedDuration::from_secs(15 * 60);
/// Life of one that is not: longer ones must be bound (OpenID4VCI 1.0 section 13.10).
pub const BEARER_TOKEN_LIFE: SignedDuration = SignedDuration::from_secs(5 * 60);

/// What an offer is to be.
#[derive(Debug, Clone)]
pub struct Terms {
    /// The issuer.
    pub credential_issuer: IssuerIdentifier,
    /// What is offered, by configuration identifier.
    pub configuration_ids: Vec<String>,
    /// The role's own name for what the offer stands for, such as a session identifier; it comes back in the grant.
    pub subject: String,
    /// How long the offer is good.
    pub life: SignedDuration,
    /// Whether a transaction code is needed.
    pub tx_code: TxCodeTerms,
}

/// Whether a transaction code is needed, and what it is to be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum TxCodeTerms {
    /// None: whoever has the link can redeem it.
    #[default]
    None,
    /// Random digits.
    Numeric {
        /// How many, 4 to 12; other values are brought into that range.
        digits: u8,
        /// Tells the user where the code comes from, at most 300 characters.
        description: Option<String>,
    },
}

/// A new offer: what goes to the user, and what is stored.
#[derive(Clone)]
pub struct NewOffer {
    /// The offer, for a link or to lie behind a reference.
    pub offer: CredentialOffer,
    /// The transaction code, to reach the user on another way than the offer.
    pub tx_code: Option<String>,
    /// To be stored under [`OfferState::key`].
    pub state: OfferState,
}

impl fmt::Debug for NewOffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewOffer").field("offer", &self.offer).field("state", &self.state).finish_non_exhaustive()
    }
}

/// An offer as the issuer stores it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfferState {
    code_hash: String,
    configuration_ids: Vec<String>,
    subject: String,
    expires: Timestamp,
    stage: Stage,
}

/// How far an offer is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "stage")]
pub enum Stage {
    /// To be redeemed.
    Open {
        /// Hash of both codes, when a transaction code is needed.
        tx_code_hash: Option<String>,
        /// Wrong transaction codes so far.
        wrong_tx_codes: u8,
    },
    /// Redeemed once, and for good.
    Redeemed {
        /// When.
        at: Timestamp,
    },
    /// Killed by wrong transaction codes.
    Dead {
        /// When.
        at: Timestamp,
    },
}

/// The key in the store that belongs to a pre-authorised code.
#[must_use]
pub fn code_key(pre_authorized_code: &str) -> String {
    oauth::token_hash(pre_authorized_code)
}

/// The refusal for a code whose [`code_key`] is not in the store: the same as for a used one.
#[must_use]
pub fn unknown_code() -> OAuthError {
    OAuthError::new(Code::InvalidGrant, "the pre-authorized code is unknown, used or expired")
}

/// The refusal when a nonce marker of an [`Order`] exists already.
#[must_use]
pub fn nonce_used() -> OAuthError {
    OAuthError::new(Code::InvalidNonce, "the nonce was used before")
}

/// What the token endpoint demands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenPolicy {
    /// Whether tokens must be bound to a key.
    pub binding: Binding,
    /// Whether wallets may stay anonymous.
    pub clients: Clients,
}

/// Whether access tokens must be bound to a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Binding {
    /// Every token request carries a DPoP proof (HAIP 1.0).
    Dpop,
    /// Without a proof a bearer token of short life is given.
    DpopOrBearer,
}

/// Whether wallets may stay anonymous.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clients {
    /// A `client_id` is optional (`pre-authorized_grant_anonymous_access_supported`).
    Anonymous,
    /// A `client_id` must be given.
    Named,
}

/// The next state of an offer, and what to answer once it is committed.
#[derive(Debug)]
pub struct Transition {
    /// To be committed by compare-and-set, even when the outcome is a refusal.
    pub state: OfferState,
    /// The outcome.
    pub outcome: Result<Redeemed, OAuthError>,
}

/// A redeemed code.
#[derive(Debug, Clone)]
pub struct Redeemed {
    /// The answer for the wallet.
    pub response: TokenResponse,
    /// To be stored under [`AccessGrant::key`], in the commit of the state.
    pub grant: AccessGrant,
}

impl OfferState {
    /// Makes an offer with a fresh code.
    #[must_use]
    pub fn open(terms: Terms, entropy: &dyn Entropy, now: Timestamp) -> NewOffer {
        let code = entropy.token();
        let (tx_code, shape) = match terms.tx_code {
            TxCodeTerms::None => (None, None),
            TxCodeTerms::Numeric { digits, description } => {
                let digits = digits.clamp(4, 12);
                let number = entropy.below(10_u64.pow(u32::from(digits)));
                let shape =
                    TxCode { input_mode: Some(InputMode::Numeric), length: Some(u32::from(digits)), description };
                (Some(format!("{number:0width$}", width = usize::from(digits))), Some(shape))
            }
        };
        let state = Self {
            code_hash: code_key(&code),
            configuration_ids: terms.configuration_ids.clone(),
            subject: terms.subject,
            expires: now.checked_add(terms.life).unwrap_or(Timestamp::MAX),
            stage: Stage::Open {
                tx_code_hash: tx_code.as_deref().map(|tx_code| hash_tx_code(&code, tx_code)),
                wrong_tx_codes: 0,
            },
        };
        let grant = PreAuthorizedCode { code, tx_code: shape, authorization_server: None };
        let offer = CredentialOffer {
            credential_issuer: terms.credential_issuer,
            credential_configuration_ids: terms.configuration_ids,
            grants: Some(Grants { authorization_code: None, pre_authorized_code: Some(grant) }),
        };
        NewOffer { offer, tx_code, state }
    }

    /// Key in the store: the hash of the pre-authorised code.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.code_hash
    }

    /// The role's own name for what the offer stands for.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// When the offer ends.
    #[must_use]
    pub fn expires(&self) -> Timestamp {
        self.expires
    }

    /// How far the offer is.
    #[must_use]
    pub fn stage(&self) -> &Stage {
        &self.stage
    }

    /// Redeems the code (OpenID4VCI 1.0 section 6.1 to 6.3). `proof` is the checked DPoP proof of the request.
    ///
    /// Mistakes of form (a missing proof, `client_id` or transaction code, details beyond the offer) do not use the code
    /// up; a wrong transaction code counts, and the fifth kills the offer.
    #[must_use]
    pub fn redeem(
        self,
        request: &TokenRequest,
        proof: Option<&dpop::Proven>,
        policy: TokenPolicy,
        entropy: &dyn Entropy,
        now: Timestamp,
    ) -> Transition {
        let refuse = |code, why: &'static str| Err(OAuthError::new(code, why));
        if proof.is_none() && policy.binding == Binding::Dpop {
            return self.unchanged(refuse(Code::InvalidDpopProof, "a DPoP proof is needed"));
        }
        if request.client_id.is_none() && policy.clients == Clients::Named {
            return self.unchanged(refuse(Code::InvalidClient, "a client_id is needed"));
        }
        let given = code_key(&request.pre_authorized_code);
        let (tx_code_hash, wrong_tx_codes) = match &self.stage {
            Stage::Open { tx_code_hash, wrong_tx_codes } => (tx_code_hash.clone(), *wrong_tx_codes),
            Stage::Redeemed { .. } | Stage::Dead { .. } => return self.unchanged(Err(unknown_code())),
        };
        if now >= self.expires || !equal_in_constant_time(given.as_bytes(), self.code_hash.as_bytes()) {
            return self.unchanged(Err(unknown_code()));
        }
        let configuration_ids = match &request.authorization_details {
            None => self.configuration_ids.clone(),
            Some(ids) if ids.iter().all(|id| self.configuration_ids.contains(id)) => ids.clone(),
            Some(_) => return self.unchanged(refuse(Code::InvalidAuthorizationDetails, "this was not offered")),
        };
        match (&tx_code_hash, &request.tx_code) {
            (None, None) => {}
            (None, Some(_)) => return self.unchanged(refuse(Code::InvalidRequest, "no tx_code is expected")),
            (Some(_), None) => return self.unchanged(refuse(Code::InvalidRequest, "the tx_code is missing")),
            (Some(expected), Some(tx_code)) => {
                let found = hash_tx_code(&request.pre_authorized_code, tx_code);
                if !equal_in_constant_time(found.as_bytes(), expected.as_bytes()) {
                    let wrong_tx_codes = wrong_tx_codes.saturating_add(1);
                    let stage = if wrong_tx_codes >= MAX_WRONG_TX_CODES {
                        Stage::Dead { at: now }
                    } else {
                        Stage::Open { tx_code_hash, wrong_tx_codes }
                    };
                    let state = Self { stage, ..self };
                    return Transition { state, outcome: refuse(Code::InvalidGrant, "the tx_code is wrong") };
                }
            }
        }
        let access_token = entropy.token();
        let life = if proof.is_some() { BOUND_TOKEN_LIFE } else { BEARER_TOKEN_LIFE };
        let identifiers = request.authorization_details.is_some();
        let details = identifiers
            .then(|| configuration_ids.iter().map(|id| AuthorizationDetails::of(id, Some(vec![id.clone()]))).collect());
        let grant = AccessGrant {
            token_hash: oauth::token_hash(&access_token),
            jkt: proof.map(|proof| proof.jkt.clone()),
            client_id: request.client_id.clone(),
            configuration_ids,
            identifiers,
            subject: self.subject.clone(),
            expires: now.checked_add(life).unwrap_or(Timestamp::MAX),
        };
        let response = TokenResponse {
            access_token,
            token_type: if proof.is_some() { "DPoP" } else { "Bearer" }.to_owned(),
            expires_in: u64::try_from(life.as_secs()).ok(),
            authorization_details: details,
        };
        let state = Self { stage: Stage::Redeemed { at: now }, ..self };
        Transition { state, outcome: Ok(Redeemed { response, grant }) }
    }

    fn unchanged(self, outcome: Result<Redeemed, OAuthError>) -> Transition {
        Transition { state: self, outcome }
    }
}

fn hash_tx_code(code: &str, tx_code: &str) -> String {
    oauth::token_hash(&format!("{code}.{tx_code}"))
}

/// What an access token allows, as the issuer stores it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessGrant {
    token_hash: String,
    /// Thumbprint of the key the token is bound to; `None` for a bearer token.
    jkt: Option<String>,
    client_id: Option<String>,
    configuration_ids: Vec<String>,
    /// Whether the token response named credential identifiers; each is its configuration's identifier.
    identifiers: bool,
    subject: String,
    expires: Timestamp,
}

/// The refusal for an access token whose hash is not in the store.
#[must_use]
pub fn unknown_token() -> OAuthError {
    OAuthError::new(Code::InvalidToken, "the access token is unknown or expired")
}

impl AccessGrant {
    /// Key in the store: the token's hash, as [`AccessToken::hash`] gives it.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.token_hash
    }

    /// The role's own name for what the offer stood for.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// When the token ends.
    #[must_use]
    pub fn expires(&self) -> Timestamp {
        self.expires
    }

    /// The configurations that may be asked for.
    #[must_use]
    pub fn configuration_ids(&self) -> &[String] {
        &self.configuration_ids
    }

    /// The client that redeemed the code; `None` for an anonymous wallet.
    #[must_use]
    pub fn client_id(&self) -> Option<&str> {
        self.client_id.as_deref()
    }

    /// Checks that `token` is this grant's, not expired, and presented as it was bound (RFC 9449 section 7.1): a bound
    /// token with the scheme `DPoP` and a proof, checked against this token, of the same key.
    pub fn authorize(
        &self,
        token: &AccessToken,
        proof: Option<&dpop::Proven>,
        now: Timestamp,
    ) -> Result<(), OAuthError> {
        if now >= self.expires || !equal_in_constant_time(token.hash().as_bytes(), self.token_hash.as_bytes()) {
            return Err(unknown_token());
        }
        match (&self.jkt, token.scheme(), proof) {
            (None, Scheme::Bearer, _) => Ok(()),
            (Some(jkt), Scheme::Dpop, Some(proof)) if *jkt == proof.jkt => Ok(()),
            (Some(_), Scheme::Dpop, None) => Err(OAuthError::new(Code::InvalidDpopProof, "a DPoP proof is needed")),
            (Some(_), Scheme::Dpop, Some(_)) => {
                Err(OAuthError::new(Code::InvalidToken, "the token is bound to another key"))
            }
            (Some(_), Scheme::Bearer, _) | (None, Scheme::Dpop, _) => {
                Err(OAuthError::new(Code::InvalidToken, "the token was given for another scheme"))
            }
        }
    }

    /// Checks a credential request against this grant and the issuer's own metadata: what is asked for, and the proofs
    /// (section 8.2, appendix F). The caller mints one credential for each key, and creates the nonces' markers in the
    /// same commit; a marker that exists is [`nonce_used`].
    pub fn order(
        &self,
        request: &CredentialRequest,
        metadata: &IssuerMetadata,
        nonce_key: &NonceKey,
        now: Timestamp,
    ) -> Result<Order, OAuthError> {
        let (id, configuration) = self.configuration(&request.wanted, metadata)?;
        let mut order = Order { configuration_id: id.to_owned(), keys: Vec::new(), nonces: Vec::new() };
        if configuration.needs_proof() {
            let proofs = match &request.proofs {
                Some(Proofs::Jwt(proofs)) => proofs,
                Some(Proofs::Other(name)) => return Err(proof::Error::Type(name.clone()).into()),
                None => return Err(proof::Error::Missing.into()),
            };
            let accepted = configuration.proof_types_supported.get("jwt");
            let accepted = accepted.ok_or_else(|| proof::Error::Type("jwt".to_owned()))?;
            let rules = proof::Rules {
                issuer: metadata.credential_issuer.as_str(),
                algorithms: &accepted.proof_signing_alg_values_supported,
                nonce_key,
                client_id: self.client_id(),
                batch_size: metadata.batch_size(),
            };
            let proven = proof::verify_all(proofs, &rules, now)?;
            order.keys = proven.keys;
            order.nonces = proven.nonces;
        }
        Ok(order)
    }

    fn configuration<'a>(
        &self,
        wanted: &'a Wanted,
        metadata: &'a IssuerMetadata,
    ) -> Result<(&'a str, &'a Configuration), OAuthError> {
        let (id, unknown) = match wanted {
            Wanted::Configuration(id) => (id, Code::UnknownCredentialConfiguration),
            Wanted::Identifier(id) if self.identifiers && self.configuration_ids.contains(id) => {
                (id, Code::UnknownCredentialIdentifier)
            }
            Wanted::Identifier(_) => {
                return Err(OAuthError::new(
                    Code::UnknownCredentialIdentifier,
                    "the credential identifier is not known",
                ));
            }
        };
        let configuration = metadata.credential_configurations_supported.get(id);
        let configuration = configuration.ok_or_else(|| OAuthError::new(unknown, "the credential is not known"))?;
        if !self.configuration_ids.contains(id) {
            return Err(OAuthError::new(Code::CredentialRequestDenied, "the access token is not for this credential"));
        }
        Ok((id, configuration))
    }
}

/// A credential request that may be fulfilled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// What to mint.
    pub configuration_id: String,
    /// The holder's keys: one credential for each; empty where the configuration is not bound to a key.
    pub keys: Vec<PublicKey>,
    /// Markers of the nonces in the proofs.
    pub nonces: Vec<SingleUse>,
}

#[cfg(test)]
mod tests;
