//! What answering a request would give away: holdings and the user's picks to the question.
//!
//! The purpose that the user reads is the request's own, of the format [`warifu_openid4vc::vp::purpose::FORMAT`] in
//! `verifier_info`; without one it is the registered one, else the selfie demand's.
//!
//! The face template of a credential is given to whoever issued it, where the user agrees, and to nobody else.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use warifu_credential::selfie_reauth::{self, Assertion, Liveness};
use warifu_credential::{ClaimPath, PathStep};
use warifu_openid4vc::dcql::{self, Answer, Candidate, Query, Selection};
use warifu_openid4vc::vp::holder::PresentationRequest;
use warifu_openid4vc::vp::purpose::Purpose;

use super::asker::Asking;
use super::{PresentError, Request};
use crate::consent::{Choice, DemandedBy, Disclosure, Extra, Question, Receiver, SelfieQuestion, Warning};
use crate::history::Channel;
use crate::holding::{CredentialId, FACE_TEMPLATE, Holding, Supply, touches_face_template};
use crate::presence::{self, Demand, LivenessDemand, LivenessDone, Matched};
use crate::store::SelfieRule;
use crate::{Error, Wallet};

/// One presentation that would be made.
#[derive(Debug, Clone)]
pub(super) struct Planned {
    pub(super) query_id: String,
    pub(super) credential: CredentialId,
    pub(super) paths: Vec<ClaimPath>,
}

/// What the user picked of what a question offers; nothing by default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Picks {
    /// The credential for a query, by its identifier.
    pub credentials: BTreeMap<String, CredentialId>,
    /// Numbers of the extras that are added.
    pub extras: BTreeSet<usize>,
}

impl Picks {
    /// Whether everything that was picked was offered.
    pub(super) fn fit(&self, shown: &Question) -> bool {
        let offers = |(query, id): (&String, &CredentialId)| {
            let choice = shown.choices.iter().find(|choice| choice.query_id == *query);
            choice.is_some_and(|choice| choice.offered.iter().any(|offered| offered.credential == *id))
        };
        self.credentials.iter().all(offers)
            && self.extras.iter().all(|number| shown.extras.iter().any(|extra| extra.number == *number))
    }
}

/// Everything that is held, for one request.
struct Held<'a> {
    asking: &'a Asking,
    holdings: &'a [Holding],
    language: &'a str,
    now: Timestamp,
}

impl Wallet {
    /// Request, holdings and picks to the question.
    pub(super) fn plan(
        &self,
        asking: Asking,
        picks: &Picks,
        mark: String,
        language: &str,
        now: Timestamp,
    ) -> Result<Request, Error> {
        let request = &asking.request;
        let template = template_wish(request.query());
        let (holdings, rule) = self.store().read(|contents| (contents.holdings.clone(), contents.settings.selfie))?;
        let receiver = |holding: &Holding| asking.asks.as_receiver(holding, now);
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
        let selection = dcql::select(request.query(), &candidates).map_err(|_| PresentError::NoMatch(None))?;
        let held = Held { asking: &asking, holdings: &holdings, language, now };
        let given = given(&selection, picks);
        let planned = given.iter().map(|answer| planned(answer, picks)).collect::<Result<Vec<_>, _>>()?;
        // Nothing is needed and something could be added: the user is asked. Nothing at all could be given: no match.
        if planned.is_empty() && selection.extras.is_empty() {
            return Err(PresentError::NoMatch(None).into());
        }
        let disclosures = planned.iter().map(|plan| held.disclosure(plan)).collect::<Result<Vec<_>, _>>()?;
        let (choices, extras) = (held.choices(&selection)?, held.extras(&selection, picks)?);
        let entry = selfie_entry(request, &planned)?;
        let (demand, demanded_by) = match (&entry, rule) {
            (Some((entry, _)), _) => (Some(demand_of(entry)?), DemandedBy::Asker),
            (None, SelfieRule::Always) if !planned.is_empty() => (Some(Demand::default()), DemandedBy::OwnSetting),
            (None, SelfieRule::Always | SelfieRule::WhenAsked) => (None, DemandedBy::OwnSetting),
        };
        let selfie = match &demand {
            None => None,
            Some(demand) => {
                let query = entry.as_ref().map(|(_, query)| query.as_str());
                let fits = |plan: &&Planned| query.is_none_or(|query| plan.query_id == query);
                let credential = planned.iter().find(fits).map(|plan| plan.credential.clone());
                let credential = credential.ok_or(PresentError::NoMatch(None))?;
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
        let object = request.object();
        let selfie_demand = entry.as_ref().map(|(entry, _)| entry);
        let registered = asking.registered_purpose.as_ref();
        let question = Question {
            channel: Channel::Request,
            asker: asking.asker.clone(),
            purpose: purpose(object.verifier_info.as_ref(), registered, selfie_demand, language),
            warnings: asking.warnings.iter().cloned().chain(held.supplies(&planned)).collect(),
            disclosures,
            choices,
            extras,
            selfie,
            expires_at: object.expires,
            mark,
        };
        Ok(Request { question, demand, entry, planned, picks: picks.clone(), asking })
    }
}

impl Held<'_> {
    fn holding(&self, id: &CredentialId) -> Result<&Holding, Error> {
        self.holdings.iter().find(|held| held.id == *id).ok_or_else(|| Error::NoSuchCredential(id.clone()))
    }

    fn disclosure(&self, plan: &Planned) -> Result<Disclosure, Error> {
        let holding = self.holding(&plan.credential)?;
        let query = self.asking.request.query().credential(&plan.query_id);
        let claims = query.and_then(|query| query.claims.as_ref());
        let requested = claims.map(|claims| claims.iter().map(|claim| claim.path.clone()).collect());
        let receiver = self.asking.asks.as_receiver(holding, self.now);
        let disclosure = Disclosure::of(holding, &plan.paths, receiver, requested.unwrap_or_default(), self.language)?;
        Ok(Disclosure { query_id: Some(plan.query_id.clone()), ..disclosure })
    }

    /// Where several credentials answer a query.
    fn choices(&self, selection: &Selection) -> Result<Vec<Choice>, Error> {
        let several = selection.answers.iter().filter(|answer| answer.choices.len() > 1);
        let choice = |answer: &Answer| {
            let offered = answer.choices.iter().map(|choice| self.disclosure(&of(answer, choice)?));
            Ok(Choice { query_id: answer.query_id.clone(), offered: offered.collect::<Result<_, Error>>()? })
        };
        several.map(choice).collect()
    }

    /// What can be added: of every optional set that can be answered what is not needed anyway.
    fn extras(&self, selection: &Selection, picks: &Picks) -> Result<Vec<Extra>, Error> {
        let extra = |(number, option): (usize, &Vec<String>)| {
            let answers = option.iter().filter_map(|id| selection.answer(id)).filter(|answer| answer.optional);
            let disclosures = answers.map(|answer| self.disclosure(&planned(answer, picks)?));
            let disclosures = disclosures.collect::<Result<_, Error>>()?;
            Ok(Extra { number, added: picks.extras.contains(&number), disclosures })
        };
        selection.extras.iter().enumerate().map(extra).collect()
    }

    /// What is to be said about copies that run out.
    fn supplies(&self, planned: &[Planned]) -> Vec<Warning> {
        let used: BTreeSet<&CredentialId> = planned.iter().map(|plan| &plan.credential).collect();
        used.into_iter().filter_map(|id| of_supply(self.holding(id).ok()?)).collect()
    }
}

/// What is to be said about the copies of a credential.
pub(crate) fn of_supply(holding: &Holding) -> Option<Warning> {
    let credential = || holding.id.clone();
    match holding.supply() {
        Supply::Enough => None,
        Supply::Few(left) => Some(Warning::FewCopies { credential: credential(), left }),
        Supply::Again | Supply::Spent => Some(Warning::ShownBefore { credential: credential() }),
    }
}

/// The answers that are needed, and those of the options that the user added: whole, or not at all.
fn given<'a>(selection: &'a Selection, picks: &Picks) -> Vec<&'a Answer> {
    let added = |id: &String| {
        let options = selection.extras.iter().enumerate().filter(|(number, _)| picks.extras.contains(number));
        options.into_iter().any(|(_, option)| option.contains(id))
    };
    selection.answers.iter().filter(|answer| !answer.optional || added(&answer.query_id)).collect()
}

/// The credential that was picked for an answer; the newest where none was.
fn planned(answer: &Answer, picks: &Picks) -> Result<Planned, Error> {
    let choice = match picks.credentials.get(&answer.query_id) {
        Some(id) => answer.choices.iter().find(|choice| choice.candidate == id.to_string()),
        None => answer.choices.first(),
    };
    of(answer, choice.ok_or(PresentError::NoSuchChoice)?)
}

fn of(answer: &Answer, choice: &dcql::Choice) -> Result<Planned, Error> {
    let credential = choice.candidate.parse().map_err(|_| PresentError::NoSuchChoice)?;
    let paths = choice.disclose.iter().flat_map(|disclosure| disclosure.resolved.iter().cloned()).collect();
    Ok(Planned { query_id: answer.query_id.clone(), credential, paths })
}

/// What a query can ask about a holding; `None` when it has expired or no copy of it may be shown any more. The face template is there to be asked for only by
/// its issuer.
fn candidate(
    holding: &Holding,
    template: TemplateWish,
    receiver: Receiver,
    now: Timestamp,
) -> Result<Option<Candidate>, Error> {
    let held = holding.held().map_err(Error::Held)?;
    if held.expires().is_some_and(|at| now >= at) || holding.supply() == Supply::Spent {
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

/// What the request is for: its own purpose in the reader's language, else the registered one, else the selfie demand's.
/// One that can not be read
/// is ignored as an entry of an unknown format is (OpenID4VP 1.0 section 5.11): the user reads that there is none.
fn purpose(
    info: Option<&Value>,
    registered: Option<&Purpose>,
    selfie: Option<&selfie_reauth::Entry>,
    language: &str,
) -> Option<String> {
    let own = info.map_or(Ok(None), Purpose::from_verifier_info).unwrap_or_else(|error| {
        tracing::info!(%error, "the purpose of a request can not be read");
        None
    });
    let own = own.as_ref().or(registered).map(|purpose| purpose.in_language(language).to_owned());
    own.or_else(|| selfie.map(|entry| entry.demand().purpose.clone()))
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
pub(super) fn assertion(matched: &Matched) -> Result<Assertion, PresentError> {
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
            let found = ["en", "ja", "de"].map(|language| purpose(info, None, selfie, language));
            assert_eq!(found.each_ref().map(Option::as_deref), expected, "{info:?}");
        };
        let in_own_words = [Some("Open an account"), Some("口座の開設"), Some("Open an account")];
        check(Some(&own), None, in_own_words);
        check(Some(&own), Some(&selfie), in_own_words);
        let registered = Purpose::new(vec![("en".to_owned(), "As registered".to_owned())]).unwrap();
        assert_eq!(purpose(Some(&own), Some(&registered), None, "en").as_deref(), Some("Open an account"));
        assert_eq!(purpose(None, Some(&registered), Some(&selfie), "ja").as_deref(), Some("As registered"));
        for info in [None, Some(&unreadable), Some(&unknown)] {
            check(info, None, [None; 3]);
            check(info, Some(&selfie), [Some("login"); 3]);
        }
    }
}
