//! Sharing with a partner: held credential, consent and audience to a share token (the sealed form is
//! [`warifu_session::share`]).
//!
//! The token holds a fresh presentation whose key binding names the partner and this one share, and a consent receipt
//! signed by the same device key. Only the partner's key in the trusted list can open it. What is shared is an SD-JWT VC:
//! an mdoc answers requests only.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Map;
use uuid::Uuid;
use warifu_credential::ClaimPath;
use warifu_credential::sd_jwt::KeyBinding;
use warifu_keys::{Jwk, Signer as _};
use warifu_session::consent::{ClaimName, Given, Party as ReceiptParty, Receipt, UserPid};
use warifu_session::decision::SessionKind;
use warifu_session::share::{self, Content, Life, NewShare, Scope, ShareError, Terms};
use warifu_trust::{Refusal, ServiceType};

use crate::consent::{Asked, Asker, DemandedBy, Disclosure, Question, Ready, Receiver, SelfieQuestion, sealed};
use crate::history::{Channel, Party, TransactionType};
use crate::holding::{CredentialId, Holding, Supply, touches_face_template};
use crate::presence::Demand;
use crate::present::of_supply;
use crate::store::SelfieRule;
use crate::{Error, Wallet};

/// The claim with the portrait; shared only when it is named.
const PICTURE: &str = "picture";
/// The claim that says how the identity was verified.
const ASSURANCE: &str = "assurance";

/// A share to be made.
#[derive(Debug, Clone)]
pub struct NewShareRequest {
    /// Identifier of the partner in the trusted list, such as `partner-b`.
    pub partner: String,
    /// What for, in a word or a few.
    pub purpose: String,
    /// What is shared; empty counts as `kyc`.
    pub scope: Vec<Scope>,
    /// Names of the claims to share, such as `family_name` or `age_equal_or_over.18`; `None` shares all that the scope
    /// covers, except portrait and face template.
    pub claims: Option<Vec<String>>,
    /// The credential; `None` takes the newest valid one.
    pub credential: Option<CredentialId>,
    /// How long the share can be used.
    pub life: Life,
}

/// Why no share was made.
#[derive(Debug, thiserror::Error)]
pub enum ShareRefused {
    /// The partner is not listed as one that receives shares.
    #[error("the partner can not receive shares: {0}")]
    Partner(#[source] Refusal),
    /// Nothing that could be shared is held.
    #[error("no valid credential is held")]
    NoCredential,
    /// The credential is of a format that shares can not hold.
    #[error("only an SD-JWT VC can be shared; this credential is of another format")]
    Format,
    /// A claim to share is not in the credential.
    #[error("the credential has no `{0}`")]
    NoSuchClaim(String),
    /// Purpose, scope, life, consent or sealing.
    #[error("{0}")]
    Share(#[from] ShareError),
}

impl ShareRefused {
    /// Stable name for the history and for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Partner(Refusal::NoList { .. } | Refusal::ListExpired { .. }) => "no_trusted_list",
            Self::Partner(_) => "partner_not_listed",
            Self::NoCredential => "no_credential",
            Self::Format => "format_not_shared",
            Self::NoSuchClaim(_) => "no_such_claim",
            Self::Share(_) => "share_failed",
        }
    }
}

/// A partner that receives shares, for choosing one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Partner {
    /// Identifier to share to.
    pub id: String,
    /// Name.
    pub name: String,
}

/// A share that the user is asked about.
#[derive(Debug, Clone)]
pub struct Proposal {
    question: Question,
    demand: Option<Demand>,
    terms: Terms,
    key: Jwk,
    recipient: ReceiptParty,
    website: String,
    country: String,
    credential: CredentialId,
    paths: Vec<ClaimPath>,
}

impl sealed::Sealed for Proposal {}

impl Asked for Proposal {
    fn question(&self) -> &Question {
        &self.question
    }

    fn demand(&self) -> Option<&Demand> {
        self.demand.as_ref()
    }
}

/// A share that was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ShareFacts {
    /// The token, to be given to the partner.
    pub share_token: String,
    /// Identifier of the share.
    pub share_id: Uuid,
    /// Who can import it.
    pub audience: String,
    /// Name of the partner.
    pub audience_name: String,
    /// Words of scope.
    pub scope: Vec<Scope>,
    /// Names of the claims inside.
    pub claims: Vec<String>,
    /// Until when it can be imported.
    pub expires_at: Timestamp,
}

impl Wallet {
    /// The partners that receive shares at `now`, by name.
    pub async fn partners(&self, now: Timestamp) -> Result<Vec<Partner>, Error> {
        let trust = self.trust(now).await?;
        let entities = trust.list().map(|list| list.entities()).unwrap_or_default();
        let mut partners: Vec<Partner> = entities
            .iter()
            .flat_map(|entity| {
                let services = entity.services_of(ServiceType::ShareReceiving);
                services.flat_map(|service| &service.identifiers).map(|id| (id.clone(), entity.name.clone()))
            })
            .filter(|(id, _)| trust.may_receive(id, now).is_ok())
            .map(|(id, name)| Partner { id, name })
            .collect();
        partners.sort_by(|a, b| (&a.name, &a.id).cmp(&(&b.name, &b.id)));
        partners.dedup();
        Ok(partners)
    }

    /// What a share would give away; nothing is made yet.
    pub async fn propose_share(&self, new: NewShareRequest, now: Timestamp) -> Result<Proposal, Error> {
        self.propose_share_in(new, &self.language()?, now).await
    }

    /// [`Wallet::propose_share`] with labels in `language`. One that can not be made stands in the history.
    pub async fn propose_share_in(
        &self,
        new: NewShareRequest,
        language: &str,
        now: Timestamp,
    ) -> Result<Proposal, Error> {
        let (partner, purpose, scope) = (new.partner.clone(), new.purpose.clone(), new.scope.clone());
        let proposed = self.proposal(new, language, now).await;
        if let Err(error) = &proposed {
            let party = Party { name: String::new(), identifier: partner, registrar: self.registrar()? };
            let mut entry = self.entry(TransactionType::Presentation, party, now).with_purpose(Some(&purpose));
            entry.channel = Some(Channel::Share);
            entry.scope = scope;
            self.record(entry.not_completed(error.code()))?;
        }
        proposed
    }

    async fn proposal(&self, new: NewShareRequest, language: &str, now: Timestamp) -> Result<Proposal, Error> {
        let trust = self.trust(now).await?;
        let (partner, key) = trust.may_receive(&new.partner, now).map_err(ShareRefused::Partner)?;
        let holding = self.choose_shared(new.credential.as_ref(), now)?;
        let scope = if new.scope.is_empty() { vec![Scope::Kyc] } else { new.scope };
        let paths = chosen(&holding, &scope, new.claims.as_deref())?;
        let disclosure = Disclosure::of(&holding, &paths, Receiver::Another, paths.clone(), language)?;
        let holder = holding.key().signing_key().map_err(Error::Key)?;
        let secret = self.store().read(|contents| contents.pairwise_secret.secret())?;
        let terms = Terms::new(
            NewShare {
                issuer: share::holder_issuer(&holder.public_key()),
                audience: new.partner.clone(),
                session_kind: SessionKind::User,
                purpose: new.purpose.clone(),
                scope,
                user_pid: UserPid::derive(&secret, "holder", &new.partner),
                life: new.life,
            },
            now,
            self.entropy(),
        )
        .map_err(ShareRefused::from)?;
        let rule = self.store().read(|contents| contents.settings.selfie)?;
        let demand = match rule {
            SelfieRule::Always => Some(Demand::default()),
            SelfieRule::WhenAsked => None,
        };
        let registry = self.registrar()?;
        let question = Question {
            channel: Channel::Share,
            asker: Asker {
                name: partner.name.clone(),
                identifier: new.partner.clone(),
                certificate_name: None,
                website: partner.website.clone(),
                contact: partner.contact.clone(),
                registry,
            },
            purpose: Some(new.purpose),
            disclosures: vec![disclosure],
            choices: vec![],
            extras: vec![],
            warnings: of_supply(&holding).into_iter().collect(),
            selfie: demand.as_ref().map(|demand| SelfieQuestion {
                demanded_by: DemandedBy::OwnSetting,
                credential: holding.id.clone(),
                operating_point: demand.operating_point.as_str(),
                liveness: demand.liveness,
                max_age_seconds: demand.max_age.as_secs(),
            }),
            expires_at: Some(terms.expires_at()),
            mark: terms.id().to_string(),
        };
        let recipient = ReceiptParty {
            party_id: new.partner,
            party_address: format!("{}, {}", partner.street, partner.country),
            party_name: partner.name.clone(),
            party_contact: partner.contact.clone(),
            party_type: "PII controller".to_owned(),
        };
        let (website, country) = (partner.website, partner.country);
        let credential = holding.id.clone();
        Ok(Proposal { question, demand, terms, key, recipient, website, country, credential, paths })
    }

    /// Makes the share token that the user agreed to.
    pub fn share(&self, ready: Ready<Proposal>, now: Timestamp) -> Result<ShareFacts, Error> {
        let Ready { asked: proposal, matched } = ready;
        let entry = self.entry_for(&proposal.question, now).with_terms(&proposal.terms);
        match self.seal_share(&proposal, now) {
            Ok((facts, copy)) => {
                let mut entry = entry;
                entry.list_of_claims_presented = proposal.question.presented();
                entry.selfie = matched.map(|matched| matched.liveness().name().to_owned());
                entry.expires_at = Some(proposal.terms.expires_at());
                self.record_use(entry, &[(proposal.credential.clone(), copy)])?;
                Ok(facts)
            }
            Err(error) => {
                self.record(entry.not_completed(error.code()))?;
                Err(error)
            }
        }
    }

    /// The user decided not to share.
    pub fn refuse_share(&self, proposal: &Proposal, now: Timestamp) -> Result<(), Error> {
        let entry = self.entry_for(&proposal.question, now).with_terms(&proposal.terms);
        self.record(entry.not_completed("refused_by_user"))
    }

    /// The token, and which copy of the credential is in it.
    fn seal_share(&self, proposal: &Proposal, now: Timestamp) -> Result<(ShareFacts, u32), Error> {
        let terms = &proposal.terms;
        let holding = self.holding(&proposal.credential)?;
        if holding.supply() == Supply::Spent {
            return Err(ShareRefused::NoCredential.into());
        }
        let held = holding.held().map_err(Error::Held)?;
        let held = held.sd_jwt().ok_or(ShareRefused::Format)?;
        let holder = holding.key().signing_key().map_err(Error::Key)?;
        let binding = KeyBinding {
            audience: terms.audience().to_owned(),
            nonce: terms.id().to_string(),
            issued_at: now,
            extra: Map::new(),
        };
        let presentation = held.present(&proposal.paths, &binding, &holder);
        let presentation = presentation.map_err(|error| Error::Held(error.into()))?;
        let names: Vec<String> =
            proposal.question.disclosures.iter().flat_map(|d| d.shared.iter().map(|row| row.name.clone())).collect();
        let receipt = Receipt::given(
            Given {
                id: uuid::Builder::from_random_bytes(self.entropy().array()).into_uuid(),
                user_pid: terms.user_pid().clone(),
                purpose: terms.purpose().to_owned(),
                claims: names.iter().filter_map(|name| receipt_name(name)).collect(),
                recipient: proposal.recipient.clone(),
                privacy_notice: proposal.website.clone(),
                language: self.language()?,
                // The list does not say how long the partner keeps data; its own notice does.
                retention_period: format!("as stated at {}", proposal.website),
                jurisdiction: proposal.country.clone(),
                withdrawal_method: proposal.recipient.party_contact.clone(),
                validity_seconds: u64::try_from(terms.expires_at().duration_since(terms.issued_at()).as_secs())
                    .unwrap_or_default(),
            },
            terms.issued_at(),
        );
        let content = Content::from_wallet(terms, &receipt, presentation, &holder).map_err(ShareRefused::from)?;
        let share_token = share::seal(terms, content, &proposal.key, self.entropy()).map_err(ShareRefused::from)?;
        let facts = ShareFacts {
            share_token,
            share_id: terms.id(),
            audience: terms.audience().to_owned(),
            audience_name: proposal.question.asker.name.clone(),
            scope: terms.scope().to_vec(),
            claims: names,
            expires_at: terms.expires_at(),
        };
        Ok((facts, holding.copy_number()))
    }

    /// The credential of this name, or the newest that can be shared and has not expired.
    fn choose_shared(&self, id: Option<&CredentialId>, now: Timestamp) -> Result<Holding, Error> {
        if let Some(id) = id {
            let named = self.holding(id)?;
            if named.supply() == Supply::Spent {
                return Err(ShareRefused::NoCredential.into());
            }
            return match named.held().map_err(Error::Held)?.sd_jwt() {
                Some(_) => Ok(named),
                None => Err(ShareRefused::Format.into()),
            };
        }
        let newest = self.store().read(|contents| {
            let valid = |holding: &&Holding| {
                holding.held().is_ok_and(|held| held.sd_jwt().is_some() && held.expires().is_none_or(|at| now < at))
                    && holding.supply() != Supply::Spent
            };
            contents.holdings.iter().rev().find(valid).cloned()
        })?;
        newest.ok_or(ShareRefused::NoCredential.into())
    }
}

/// A claim path as a receipt writes it: positions as numbers between dots.
fn receipt_name(name: &str) -> Option<ClaimName> {
    name.replace("[]", "").replace('[', ".").replace(']', "").parse().ok()
}

/// The paths that scope and choice lead to.
fn chosen(holding: &Holding, scope: &[Scope], names: Option<&[String]>) -> Result<Vec<ClaimPath>, Error> {
    let all = holding.held().map_err(Error::Held)?.rows("en");
    if let Some(names) = names {
        let path = |name: &String| {
            // A parent stands for all its parts.
            let below = format!("{name}.");
            let found: Vec<ClaimPath> = all
                .iter()
                .filter(|row| row.name == *name || row.name.starts_with(&below))
                .map(|row| row.path.clone())
                .collect();
            if found.is_empty() { Err(ShareRefused::NoSuchClaim(name.chars().take(80).collect())) } else { Ok(found) }
        };
        let paths = names.iter().map(path).collect::<Result<Vec<_>, _>>()?;
        return Ok(paths.concat());
    }
    let identity = scope.iter().any(|word| word.covers(Scope::IdVerification));
    let wanted = |path: &ClaimPath| {
        let top = |name: &str| path.steps().first() == Some(&warifu_credential::PathStep::Name(name.to_owned()));
        top(ASSURANCE) || (identity && !top(PICTURE))
    };
    Ok(all.into_iter().map(|row| row.path).filter(|path| wanted(path) && !touches_face_template(path)).collect())
}
