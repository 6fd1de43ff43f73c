//! Request to answer (OpenID4VP 1.0): who asks is made sure of, what is asked is matched with what is held, the user is
//! asked, and only a [`Ready`] request is answered.
//!
//! The selfie protocol is that of [`warifu_credential::selfie_reauth`]. Left out: choosing between several credentials
//! that match (the newest is taken), optional credential sets (not given), requests by value.
//!
//! The purpose that the user reads is the request's own, of the format [`warifu_openid4vc::vp::purpose::FORMAT`] in
//! `verifier_info`; without one it is the selfie demand's.
//!
//! The face template of a credential is given to whoever issued it, where the user agrees, and to nobody else.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::Value;
use url::Url;
use warifu_credential::selfie_reauth::{self, Assertion, Liveness};
use warifu_credential::{ClaimPath, PathStep};
use warifu_openid4vc::dcql::{self, Candidate, Query, Selection};
use warifu_openid4vc::vp::VpToken;
use warifu_openid4vc::vp::holder::{self, PresentationRequest, RequestUri};
use warifu_openid4vc::vp::purpose::Purpose;
use warifu_openid4vc::vp::response::{AnswerError, ErrorCode, ResponseAnswer};
use warifu_trust::{Refusal, Trust};

use crate::consent::{Asked, Asker, DemandedBy, Disclosure, Question, Ready, Receiver, SelfieQuestion, sealed};
use crate::history::{Channel, Entry, Party, TransactionResult, TransactionType};
use crate::holding::{CredentialId, Exchange, FACE_TEMPLATE, Holding, Reauth, touches_face_template};
use crate::presence::{self, Demand, LivenessDemand, LivenessDone, Matched};
use crate::store::{Contents, SelfieRule, StoreError};
use crate::wire::Unanswered;
use crate::{Error, Wallet};

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
    /// Nothing held answers the request.
    #[error("no credential in the wallet answers this request")]
    NoMatch,
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
            Self::Request(_) => "bad_request",
            Self::Unanswered(_) => "unanswered",
            Self::UnknownVerifier(Refusal::NoList { .. } | Refusal::ListExpired { .. }) => "no_trusted_list",
            Self::UnknownVerifier(_) => "unknown_verifier",
            Self::NoMatch => "no_matching_credential",
            Self::SelfieDemand(_) => "bad_selfie_demand",
            Self::Answer(_) => "answer_refused",
            Self::Assertion => "bad_assertion",
        }
    }
}

/// One presentation that would be made.
#[derive(Debug, Clone)]
struct Planned {
    query_id: String,
    credential: CredentialId,
    paths: Vec<ClaimPath>,
}

/// A request whose maker is trusted and which can be answered, with the question to the user.
#[derive(Debug, Clone)]
pub struct Request {
    request: PresentationRequest,
    question: Question,
    demand: Option<Demand>,
    /// The selfie demand of the request and the query that carries the answer.
    entry: Option<(selfie_reauth::Entry, String)>,
    planned: Vec<Planned>,
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

impl Wallet {
    /// Fetches a request, makes sure who asks, and says what answering would disclose. Nothing is answered yet, except
    /// where nothing held matches: then the verifier is told what it is told when a user refuses.
    pub async fn inspect_request(&self, link: &str, now: Timestamp) -> Result<Request, Error> {
        self.inspect_request_in(link, &self.language()?, now).await
    }

    /// [`Wallet::inspect_request`] with labels in `language`.
    pub async fn inspect_request_in(&self, link: &str, language: &str, now: Timestamp) -> Result<Request, Error> {
        let fetching = RequestUri::parse(link).map_err(PresentError::from)?.fetch(self.entropy());
        let answer = self.wire().send(fetching.request().clone()).await.map_err(PresentError::from)?;
        let received = fetching.answer(&answer).map_err(PresentError::from)?;
        let authentic = received.authenticate(now).map_err(PresentError::from)?;
        let certificate_name = authentic.chain().first().and_then(|leaf| leaf.organization().or(leaf.common_name()));
        let mut party = Party {
            name: certificate_name.clone().unwrap_or_default(),
            identifier: authentic.client_id().as_str().to_owned(),
            registrar: self.registrar()?,
        };
        let trust = self.trust(now).await?;
        let entity = match trust.may_request(authentic.chain(), now) {
            Ok(entity) => entity,
            Err(refusal) => return self.stop(party, PresentError::UnknownVerifier(refusal).into(), now),
        };
        party.name.clone_from(&entity.name);
        let asks = Asks { entity: entity.id.clone(), trust };
        let request = match authentic.understand(&[selfie_reauth::TYPE]) {
            Ok(request) => request,
            Err(misunderstood) => return self.stop(party, PresentError::Request(misunderstood.reason).into(), now),
        };
        let asker = Asker {
            name: entity.name,
            identifier: party.identifier.clone(),
            certificate_name,
            website: entity.website,
            contact: entity.contact,
            registry: party.registrar.clone(),
        };
        match self.plan(request.clone(), asker, &asks, language, now) {
            Ok(planned) => Ok(planned),
            Err(error) => {
                if let Error::Present(PresentError::NoMatch) = error {
                    self.deny(&request).await;
                }
                self.stop(party, error, now)
            }
        }
    }

    /// Answers a request that the user agreed to, with the selfie match where one was demanded.
    pub async fn present(&self, ready: Ready<Request>, now: Timestamp) -> Result<PresentedFacts, Error> {
        let Ready { asked: request, matched } = ready;
        let mut entry = self.entry_for(&request.question, now);
        let answer = match self.answer(&request, matched.as_ref(), now) {
            Ok(answer) => answer,
            Err(error) => {
                self.record(entry.not_completed(error.code()))?;
                return Err(error);
            }
        };
        // Written before it is sent: whatever happens then, the history says what may have left.
        entry.list_of_claims_presented = request.question.presented();
        entry.selfie = matched.as_ref().map(|matched| matched.liveness().name().to_owned());
        let sending = Entry {
            transaction_result: TransactionResult::NotCompleted,
            reason_of_noncompletion: Some("answer_not_confirmed".to_owned()),
            ..entry.clone()
        };
        self.record(sending)?;
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

    /// The user refuses. The verifier learns what it learns when nothing matches: `access_denied`.
    pub async fn refuse_request(&self, request: Request, now: Timestamp) -> Result<(), Error> {
        self.deny(&request.request).await;
        self.record(self.entry_for(&request.question, now).not_completed("refused_by_user"))
    }

    /// Best effort: a verifier that can not be told learns it by the clock.
    async fn deny(&self, request: &PresentationRequest) {
        if let Err(error) = self.wire().send(request.refuse(ErrorCode::AccessDenied)).await {
            tracing::info!(%error, "the verifier could not be told");
        }
    }

    /// Records that nothing came of a request, and hands the reason on.
    fn stop<T>(&self, party: Party, error: Error, now: Timestamp) -> Result<T, Error> {
        let mut entry = self.entry(TransactionType::Presentation, party, now);
        entry.channel = Some(Channel::Request);
        self.record(entry.not_completed(error.code()))?;
        Err(error)
    }

    /// Request and holdings to the question.
    fn plan(
        &self,
        request: PresentationRequest,
        asker: Asker,
        asks: &Asks,
        language: &str,
        now: Timestamp,
    ) -> Result<Request, Error> {
        let template = template_wish(request.query());
        let (holdings, rule) = self.store().read(|contents| (contents.holdings.clone(), contents.settings.selfie))?;
        let receiver = |holding: &Holding| asks.as_receiver(holding, now);
        match template {
            TemplateWish::None => {}
            TemplateWish::Whole if holdings.iter().any(|holding| receiver(holding) == Receiver::ItsIssuer) => {}
            TemplateWish::Whole | TemplateWish::Otherwise => return Err(Error::FaceTemplateAsked),
        }
        // The newest first: it is the one that is taken.
        let candidates: Vec<Candidate> = holdings
            .iter()
            .rev()
            .filter_map(|holding| candidate(holding, template, receiver(holding), now).transpose())
            .collect::<Result<_, _>>()?;
        let selection = dcql::select(request.query(), &candidates).map_err(|_| PresentError::NoMatch)?;
        let planned = planned(&selection)?;
        let mut disclosures = Vec::with_capacity(planned.len());
        for Planned { query_id, credential, paths } in &planned {
            let holding = holdings.iter().find(|holding| holding.id == *credential);
            let holding = holding.ok_or_else(|| Error::NoSuchCredential(credential.clone()))?;
            let claims = request.query().credential(query_id).and_then(|query| query.claims.as_ref());
            let requested = claims.map(|claims| claims.iter().map(|claim| claim.path.clone()).collect());
            disclosures.push(Disclosure::of(
                holding,
                paths,
                receiver(holding),
                requested.unwrap_or_default(),
                language,
            )?);
        }
        let entry = selfie_entry(&request, &planned)?;
        let (demand, demanded_by) = match (&entry, rule) {
            (Some((entry, _)), _) => (Some(demand_of(entry)?), DemandedBy::Asker),
            (None, SelfieRule::Always) => (Some(Demand::default()), DemandedBy::OwnSetting),
            (None, SelfieRule::WhenAsked) => (None, DemandedBy::OwnSetting),
        };
        let selfie = match &demand {
            None => None,
            Some(demand) => {
                let query = entry.as_ref().map(|(_, query)| query.as_str());
                let fits = |plan: &&Planned| query.is_none_or(|query| plan.query_id == query);
                let credential = planned.iter().find(fits).map(|plan| plan.credential.clone());
                let credential = credential.ok_or(PresentError::NoMatch)?;
                // Found out now, so that nobody takes a selfie in vain.
                self.reference(&credential)?;
                if entry.is_some() && !self.holding(&credential)?.held().map_err(Error::Held)?.may_tell_of_a_selfie() {
                    let why = "the issuer does not let the credential's key answer it";
                    return Err(PresentError::SelfieDemand(why.to_owned()).into());
                }
                Some(SelfieQuestion {
                    demanded_by,
                    credential,
                    operating_point: demand.operating_point.as_str(),
                    liveness: demand.liveness,
                    max_age_seconds: demand.max_age.as_secs(),
                })
            }
        };
        let question = Question {
            channel: Channel::Request,
            asker,
            purpose: purpose(request.object().verifier_info.as_ref(), entry.as_ref().map(|(entry, _)| entry), language),
            disclosures,
            selfie,
            expires_at: request.object().expires,
            mark: self.entropy().token(),
        };
        Ok(Request { request, question, demand, entry, planned })
    }

    /// The encrypted answer, ready to be sent.
    fn answer(
        &self,
        request: &Request,
        matched: Option<&Matched>,
        now: Timestamp,
    ) -> Result<warifu_openid4vc::http::Request, Error> {
        let transcript = request.request.session_transcript().map_err(Error::Key)?;
        let exchange = Exchange {
            audience: request.request.client_id().as_str(),
            nonce: request.request.nonce(),
            transcript: &transcript,
            now,
        };
        let mut presentations = Vec::with_capacity(request.planned.len());
        for Planned { query_id, credential, paths } in &request.planned {
            let told = match (&request.entry, matched) {
                (Some((entry, query)), Some(matched)) if query == query_id => {
                    Some((assertion(matched)?, [entry.encoded()]))
                }
                (_, _) => None,
            };
            let reauth = told.as_ref().map(|(assertion, transaction_data)| Reauth { assertion, transaction_data });
            let holding = self.holding(credential)?;
            let key = holding.key().signing_key().map_err(Error::Key)?;
            let held = holding.held().map_err(Error::Held)?;
            let presentation = held.present(paths, &exchange, reauth.as_ref(), &key).map_err(Error::Held)?;
            presentations.push((query_id.clone(), presentation));
        }
        let token = VpToken::of(presentations);
        Ok(request.request.respond(&token, self.entropy()).map_err(PresentError::from)?)
    }
}

/// Who asks, as the trusted list knows them.
struct Asks {
    entity: String,
    trust: Arc<Trust>,
}

impl Asks {
    /// What they are to a credential: the list has to say that its issuer is the same entity, today.
    fn as_receiver(&self, holding: &Holding, now: Timestamp) -> Receiver {
        let chain = holding.held().map(|held| held.issuer_chain()).unwrap_or_default();
        match self.trust.may_issue(&chain, now) {
            Ok(issuer) if issuer.id == self.entity => Receiver::ItsIssuer,
            Ok(_) | Err(_) => Receiver::Another,
        }
    }
}

/// What a query can ask about a holding; `None` when it has expired. The face template is there to be asked for only by
/// its issuer.
fn candidate(
    holding: &Holding,
    template: TemplateWish,
    receiver: Receiver,
    now: Timestamp,
) -> Result<Option<Candidate>, Error> {
    let held = holding.held().map_err(Error::Held)?;
    if held.expires().is_some_and(|at| now >= at) {
        return Ok(None);
    }
    let chain = held.issuer_chain();
    Ok(Some(Candidate {
        id: holding.id.to_string(),
        format: held.format().identifier().to_owned(),
        types: held.types(),
        claims: match (template, receiver) {
            (TemplateWish::Whole, Receiver::ItsIssuer) => held.claims().clone(),
            (TemplateWish::None | TemplateWish::Whole | TemplateWish::Otherwise, _) => held.askable(),
        },
        authority_key_identifiers: chain
            .iter()
            .filter_map(|certificate| certificate.authority_key_identifier())
            .collect(),
        // No list of ETSI TS 119 612 and no federation is read here.
        trusted_lists: Vec::new(),
        federation_entities: Vec::new(),
        holder_bound: held.holder_bound(),
    }))
}

/// What a query wants of face templates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TemplateWish {
    /// Nothing.
    None,
    /// The whole claim of an SD-JWT VC, by its name: what an issuer may ask of its own credentials.
    Whole,
    /// Parts of one, one in an mdoc, or whatever there is: nobody may.
    Otherwise,
}

fn template_wish(query: &Query) -> TemplateWish {
    let claims = query.credentials.iter().flat_map(|credential| credential.claims.iter().flatten());
    let wishes = claims.filter_map(|claim| match claim.path.steps() {
        [PathStep::Name(name)] if name == FACE_TEMPLATE => Some(TemplateWish::Whole),
        [PathStep::Every, ..] => Some(TemplateWish::Otherwise),
        _ if touches_face_template(&claim.path) => Some(TemplateWish::Otherwise),
        _ => None,
    });
    wishes.fold(TemplateWish::None, |found, wish| match (found, wish) {
        (TemplateWish::None | TemplateWish::Whole, TemplateWish::Whole) => TemplateWish::Whole,
        (_, _) => TemplateWish::Otherwise,
    })
}

/// What the request is for: its own purpose in the reader's language, else the selfie demand's. One that can not be read
/// is ignored as an entry of an unknown format is (OpenID4VP 1.0 section 5.11): the user reads that there is none.
fn purpose(info: Option<&Value>, selfie: Option<&selfie_reauth::Entry>, language: &str) -> Option<String> {
    let own = info.map_or(Ok(None), Purpose::from_verifier_info).unwrap_or_else(|error| {
        tracing::info!(%error, "the purpose of a request can not be read");
        None
    });
    let own = own.map(|purpose| purpose.in_language(language).to_owned());
    own.or_else(|| selfie.map(|entry| entry.demand().purpose.clone()))
}

/// The first choice of every answer that is needed.
fn planned(selection: &Selection) -> Result<Vec<Planned>, Error> {
    let answers = selection.answers.iter().filter(|answer| !answer.optional);
    let planned: Vec<Planned> = answers
        .filter_map(|answer| {
            let choice = answer.choices.first()?;
            let credential = choice.candidate.parse().ok()?;
            let paths = choice.disclose.iter().flat_map(|disclosure| disclosure.resolved.iter().cloned()).collect();
            Some(Planned { query_id: answer.query_id.clone(), credential, paths })
        })
        .collect();
    if planned.is_empty() { Err(PresentError::NoMatch.into()) } else { Ok(planned) }
}

/// The selfie demand of a request and the credential query that will carry the answer.
fn selfie_entry(
    request: &PresentationRequest,
    planned: &[Planned],
) -> Result<Option<(selfie_reauth::Entry, String)>, PresentError> {
    let bad = |why: &str| PresentError::SelfieDemand(why.to_owned());
    let entry = match request.transaction_data() {
        [] => return Ok(None),
        [one] => selfie_reauth::Entry::parse(one.encoded()).map_err(|error| bad(&error.to_string()))?,
        [_, _, ..] => return Err(bad("there are several")),
    };
    let carrier = planned.iter().find(|plan| entry.demand().credential_ids.contains(&plan.query_id));
    let query = carrier.ok_or_else(|| bad("it is for a credential that is not presented"))?.query_id.clone();
    Ok(Some((entry, query)))
}

fn demand_of(entry: &selfie_reauth::Entry) -> Result<Demand, PresentError> {
    let asked = entry.demand();
    let operating_point = presence::operating_point(&asked.operating_point)
        .ok_or_else(|| PresentError::SelfieDemand("its operating point is not known".to_owned()))?;
    Ok(Demand {
        operating_point,
        liveness: match asked.liveness {
            Liveness::Passive => LivenessDemand::Passive,
            Liveness::Active => LivenessDemand::Active,
        },
        max_age: SignedDuration::from_secs(i64::from(asked.max_age)),
    })
}

/// What the verifier is told about a match: no picture, no template, no score.
fn assertion(matched: &Matched) -> Result<Assertion, PresentError> {
    let liveness = match matched.liveness() {
        LivenessDone::Passive => Liveness::Passive,
        LivenessDone::Active => Liveness::Active,
        // There is no word for it, and a request always demands one of the others.
        LivenessDone::NotPerformed => return Err(PresentError::Assertion),
    };
    Ok(Assertion {
        matched_at: Timestamp::from_second(matched.at().as_second()).map_err(|_| PresentError::Assertion)?,
        model: matched.model().parse().map_err(|_| PresentError::Assertion)?,
        operating_point: matched.operating_point().as_str().to_owned(),
        liveness,
        template_digest: matched.template_digest().to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_purpose_is_the_requests_or_else_the_selfie_demands() {
        let selfie = selfie_reauth::Entry::new(&selfie_reauth::Demand {
            credential_ids: vec!["kyc".to_owned()],
            purpose: "login".to_owned(),
            max_age: 60,
            liveness: Liveness::Passive,
            operating_point: "fmr-1e-3".to_owned(),
        });
        let selfie = selfie.unwrap();
        let texts = vec![("en".to_owned(), "Open an account".to_owned()), ("ja".to_owned(), "口座の開設".to_owned())];
        let own = json!([Purpose::new(texts).unwrap().to_entry()]);
        let unreadable = json!([{ "format": warifu_openid4vc::vp::purpose::FORMAT, "data": "x" }]);
        let unknown =
            json!([{ "format": "urn:example:other", "data": { "purpose": [{ "lang": "en", "value": "x" }] } }]);
        let check = |info: Option<&Value>, selfie: Option<&selfie_reauth::Entry>, expected: [Option<&str>; 3]| {
            let found = ["en", "ja", "de"].map(|language| purpose(info, selfie, language));
            assert_eq!(found.each_ref().map(Option::as_deref), expected, "{info:?}");
        };
        let in_own_words = [Some("Open an account"), Some("口座の開設"), Some("Open an account")];
        check(Some(&own), None, in_own_words);
        check(Some(&own), Some(&selfie), in_own_words);
        for info in [None, Some(&unreadable), Some(&unknown)] {
            check(info, None, [None; 3]);
            check(info, Some(&selfie), [Some("login"); 3]);
        }
    }
}
