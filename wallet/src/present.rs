//! Request to answer (OpenID4VP 1.0): who asks is made sure of, what is asked is matched with what is held, the user is
//! asked, and only a [`Ready`] request is answered.
//!
//! Who asks is the business of [`asker`], what would be given that of [`plan`]. The selfie protocol is that of
//! [`warifu_credential::selfie_reauth`].
//!
//! Where several credentials answer, the newest is taken unless the user chooses another; optional credential sets are
//! given only where the user adds them ([`Wallet::choose`]). Left out: choosing another option of a required set than the
//! first that can be answered, and giving several credentials for one query.
//!
//! A verifier learns the same, by the same words and at the user's own pace, when nothing matches and when the user
//! refuses: in either case nothing is sent before the user says so.

use jiff::Timestamp;
use serde::Serialize;
use url::Url;
use warifu_credential::selfie_reauth;
use warifu_openid4vc::vp::VpToken;
use warifu_openid4vc::vp::holder::{self, PresentationRequest};
use warifu_openid4vc::vp::registration::RegistrationError;
use warifu_openid4vc::vp::response::{AnswerError, ErrorCode, ResponseAnswer};
use warifu_trust::Refusal;
use warifu_w3c::did::DidError;

use crate::consent::{Asked, ConsentUnusable, Question, Ready, sealed};
use crate::history::{Channel, Entry, Party, TransactionResult, TransactionType};
use crate::holding::{CredentialId, Exchange, Reauth, Supply};
use crate::presence::{Demand, MatchUnusable, Matched};
use crate::store::{Contents, StoreError};
use crate::wire::Unanswered;
use crate::{Error, Wallet};

mod asker;
mod plan;

use asker::Asking;
pub use plan::Picks;
pub(crate) use plan::of_supply;
use plan::{Planned, assertion};

/// How often an answer is made anew because another one took the copy of the credential meanwhile.
const ATTEMPTS: u32 = 4;

/// Why a request was not answered.
#[derive(Debug, thiserror::Error)]
pub enum PresentError {
    /// The link, or the request object behind it.
    #[error("the request: {0}")]
    Request(#[from] holder::Error),
    /// Nobody answered.
    #[error("{0}")]
    Unanswered(#[from] Unanswered),
    /// The verifier is not trusted.
    #[error("the verifier is not trusted: {0}")]
    UnknownVerifier(#[source] Refusal),
    /// The key of the verifier's DID can not be had.
    #[error("the verifier's identifier: {0}")]
    Did(#[from] DidError),
    /// The verifier shows a registration that is forged, another's, malformed or out of date.
    #[error("the verifier's registration: {0}")]
    Registration(#[from] RegistrationError),
    /// The verifier's registration was taken back, or nobody can say whether it was.
    #[error("the verifier's registration is not known to be in force: {0}")]
    RegistrationStatus(String),
    /// Nothing held answers the request. Nobody was told: [`Wallet::say_nothing_fits`] does, where the user wants it.
    #[error("no credential in the wallet answers this request")]
    NoMatch(Option<Box<NothingFits>>),
    /// The user's choice is none that was offered.
    #[error("this choice was not offered")]
    NoSuchChoice,
    /// The selfie demand can not be read, there are several, or it is for a credential that is not presented.
    #[error("the request's selfie demand: {0}")]
    SelfieDemand(String),
    /// The verifier did not accept the answer. What the history says was sent may have arrived.
    #[error("the verifier did not accept the answer: {0}")]
    Answer(#[from] AnswerError),
    /// The match lacks what the verifier must be told.
    #[error("the selfie match can not be put into words for the verifier")]
    Assertion,
}

impl PresentError {
    /// Stable name for the history and for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Request(holder::Error::Expired { .. }) => "expired",
            Self::Request(holder::Error::NotEncrypted) => "answer_not_encrypted",
            Self::Request(_) => "bad_request",
            Self::Unanswered(_) => "unanswered",
            Self::UnknownVerifier(Refusal::NoList { .. } | Refusal::ListExpired { .. }) => "no_trusted_list",
            Self::UnknownVerifier(_) => "unknown_verifier",
            Self::Did(_) => "did_not_resolved",
            Self::Registration(_) => "bad_registration",
            Self::RegistrationStatus(_) => "registration_not_in_force",
            Self::NoMatch(_) => "no_matching_credential",
            Self::NoSuchChoice => "no_such_choice",
            Self::SelfieDemand(_) => "bad_selfie_demand",
            Self::Answer(_) => "answer_refused",
            Self::Assertion => "bad_assertion",
        }
    }
}

/// A request that nothing held answers, by a party that is trusted. It can be told so, as it is told of a refusal.
#[derive(Debug, Clone)]
pub struct NothingFits {
    request: PresentationRequest,
    verifier: String,
    mark: String,
}

impl NothingFits {
    /// Who asked, by the trusted list.
    #[must_use]
    pub fn verifier(&self) -> &str {
        &self.verifier
    }

    /// A fresh mark that names it.
    #[must_use]
    pub fn mark(&self) -> &str {
        &self.mark
    }
}

/// A request whose maker is trusted and which can be answered, with the question to the user.
#[derive(Debug, Clone)]
pub struct Request {
    asking: Asking,
    question: Question,
    demand: Option<Demand>,
    /// The selfie demand of the request and the query that carries the answer.
    entry: Option<(selfie_reauth::Entry, String)>,
    planned: Vec<Planned>,
    /// What the user picked to come to this.
    picks: Picks,
}

impl sealed::Sealed for Request {}

impl Asked for Request {
    fn question(&self) -> &Question {
        &self.question
    }

    fn demand(&self) -> Option<&Demand> {
        self.demand.as_ref()
    }
}

/// A request that was answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PresentedFacts {
    /// Who asked.
    pub verifier: String,
    /// Its client identifier.
    pub client_id: String,
    /// Names of the claims that left.
    pub claims: Vec<String>,
    /// What was done about liveness, if a selfie was matched.
    pub selfie: Option<&'static str>,
    /// Where the user's browser goes next.
    pub redirect_uri: Option<Url>,
}

/// An answer that can be sent, and which copy of which credential is in it.
type Made = (warifu_openid4vc::http::Request, Vec<(CredentialId, u32)>);

impl Wallet {
    /// Fetches a request, makes sure who asks, and says what answering would disclose. Nothing is answered yet, also where
    /// nothing held matches ([`PresentError::NoMatch`]).
    pub async fn inspect_request(&self, link: &str, now: Timestamp) -> Result<Request, Error> {
        self.inspect_request_in(link, &self.language()?, now).await
    }

    /// [`Wallet::inspect_request`] with labels in `language`.
    pub async fn inspect_request_in(&self, link: &str, language: &str, now: Timestamp) -> Result<Request, Error> {
        let asking = self.asking(link, language, now).await?;
        let party = Party {
            name: asking.asker.name.clone(),
            identifier: asking.asker.identifier.clone(),
            registrar: asking.asker.registry.clone(),
        };
        let mark = self.entropy().token();
        match self.plan(asking.clone(), &Picks::default(), mark.clone(), language, now) {
            Ok(planned) => Ok(planned),
            Err(Error::Present(PresentError::NoMatch(_))) => {
                let nothing = NothingFits { request: asking.request, verifier: asking.asker.name, mark };
                self.stop(party, PresentError::NoMatch(Some(Box::new(nothing))).into(), now)
            }
            Err(error) => self.stop(party, error, now),
        }
    }

    /// The same request with what the user picked: another credential of a choice, something that was offered beside.
    /// Everything that it would give away was shown in the question before.
    pub fn choose(&self, request: Request, picks: &Picks, language: &str, now: Timestamp) -> Result<Request, Error> {
        if !picks.fit(&request.question) {
            return Err(PresentError::NoSuchChoice.into());
        }
        if *picks == request.picks {
            return Ok(request);
        }
        let shown = request.question;
        let chosen = self.plan(request.asking, picks, shown.mark.clone(), language, now)?;
        if shown.shows_all_of(&chosen.question) { Ok(chosen) } else { Err(ConsentUnusable::OtherQuestion.into()) }
    }

    /// Answers a request that the user agreed to, with the selfie match where one was demanded.
    pub async fn present(&self, ready: Ready<Request>, now: Timestamp) -> Result<PresentedFacts, Error> {
        let Ready { asked: request, matched } = ready;
        let mut entry = self.entry_for(&request.question, now);
        let answer = match self.commit_answer(&request, matched.as_ref(), &mut entry, now) {
            Ok(answer) => answer,
            Err(error) => {
                self.record(entry.not_completed(error.code()))?;
                return Err(error);
            }
        };
        let response = self.wire().send(answer).await.map_err(PresentError::from)?;
        let accepted = ResponseAnswer::parse(&response);
        let reason = accepted.as_ref().err().map(|_| "answer_refused".to_owned());
        self.store().update(|contents: &mut Contents| {
            let identifier = &entry.transaction_identifier;
            let sent = contents.history.iter_mut().rev().find(|sent| sent.transaction_identifier == *identifier);
            if let Some(sent) = sent {
                if reason.is_none() {
                    sent.transaction_result = TransactionResult::Completed;
                }
                sent.reason_of_noncompletion.clone_from(&reason);
            }
            Ok::<_, StoreError>(())
        })?;
        let redirect_uri = accepted.map_err(PresentError::from)?.redirect_uri;
        let question = &request.question;
        Ok(PresentedFacts {
            verifier: question.asker.name.clone(),
            client_id: question.asker.identifier.clone(),
            claims: question.disclosures.iter().flat_map(|d| d.shared.iter().map(|row| row.name.clone())).collect(),
            selfie: matched.map(|matched| matched.liveness().name()),
            redirect_uri,
        })
    }

    /// The answer, after the history says that it is being sent and the copies in it are used up, in one commit: whatever
    /// happens then, the history says what may have left, and no copy is shown twice.
    fn commit_answer(
        &self,
        request: &Request,
        matched: Option<&Matched>,
        entry: &mut Entry,
        now: Timestamp,
    ) -> Result<warifu_openid4vc::http::Request, Error> {
        for _ in 0..ATTEMPTS {
            let (answer, copies) = self.answer(request, matched, now)?;
            entry.list_of_claims_presented = request.question.presented();
            entry.selfie = matched.map(|matched| matched.liveness().name().to_owned());
            let sending = Entry {
                transaction_result: TransactionResult::NotCompleted,
                reason_of_noncompletion: Some("answer_not_confirmed".to_owned()),
                ..entry.clone()
            };
            match self.record_use(sending, &copies) {
                Ok(()) => return Ok(answer),
                // Another answer took a copy meanwhile: this one is made again with the next.
                Err(Error::Store(StoreError::Busy)) => {}
                Err(error) => return Err(error),
            }
        }
        Err(StoreError::Busy.into())
    }

    /// The user refuses. The verifier learns what it learns when nothing matches: `access_denied`. Gives where the user's
    /// browser goes next, if the verifier says so.
    pub async fn refuse_request(&self, request: Request, now: Timestamp) -> Result<Option<Url>, Error> {
        let onward = self.deny(&request.asking.request).await;
        self.record(self.entry_for(&request.question, now).not_completed("refused_by_user"))?;
        Ok(onward)
    }

    /// Tells the verifier of a request that nothing answers what it is told of a refusal. Gives where the user's browser
    /// goes next, if the verifier says so.
    pub async fn say_nothing_fits(&self, nothing: &NothingFits) -> Option<Url> {
        self.deny(&nothing.request).await
    }

    /// Best effort: a verifier that can not be told learns it by the clock.
    async fn deny(&self, request: &PresentationRequest) -> Option<Url> {
        match self.wire().send(request.refuse(ErrorCode::AccessDenied)).await {
            Ok(answer) => ResponseAnswer::parse(&answer).ok()?.redirect_uri,
            Err(error) => {
                tracing::info!(%error, "the verifier could not be told");
                None
            }
        }
    }

    /// Records that nothing came of a request, and hands the reason on.
    fn stop<T>(&self, party: Party, error: Error, now: Timestamp) -> Result<T, Error> {
        let mut entry = self.entry(TransactionType::Presentation, party, now);
        entry.channel = Some(Channel::Request);
        self.record(entry.not_completed(error.code()))?;
        Err(error)
    }

    /// The answer, ready to be sent.
    fn answer(&self, asked: &Request, matched: Option<&Matched>, now: Timestamp) -> Result<Made, Error> {
        let request = &asked.asking.request;
        let transcript = request.session_transcript().map_err(Error::Key)?;
        let exchange =
            Exchange { audience: request.client_id().as_str(), nonce: request.nonce(), transcript: &transcript, now };
        let mut presentations = Vec::with_capacity(asked.planned.len());
        // Two queries can be answered with one credential; both show the same copy.
        let mut copies: Vec<(CredentialId, u32)> = Vec::with_capacity(asked.planned.len());
        for Planned { query_id, credential, paths } in &asked.planned {
            let holding = self.holding(credential)?;
            if holding.supply() == Supply::Spent {
                return Err(PresentError::NoMatch(None).into());
            }
            let held = holding.held().map_err(Error::Held)?;
            let told = match (&asked.entry, matched) {
                (Some((entry, query)), Some(matched)) if query == query_id => {
                    // The match is with the template of one copy. Another took its place: look into the camera again.
                    if held.face_template().is_none_or(|(_, digest)| digest != matched.template_digest()) {
                        return Err(ConsentUnusable::Match(MatchUnusable::OtherCredential).into());
                    }
                    Some((assertion(matched)?, [entry.encoded()]))
                }
                (_, _) => None,
            };
            let reauth = told.as_ref().map(|(assertion, transaction_data)| Reauth { assertion, transaction_data });
            let key = holding.key().signing_key().map_err(Error::Key)?;
            let presentation = held.present(paths, &exchange, reauth.as_ref(), &key).map_err(Error::Held)?;
            presentations.push((query_id.clone(), presentation));
            if !copies.iter().any(|(known, _)| known == credential) {
                copies.push((credential.clone(), holding.copy_number()));
            }
        }
        let token = VpToken::of(presentations);
        Ok((request.respond(&token, self.entropy()).map_err(PresentError::from)?, copies))
    }
}
