//! What the hosted pages look like: which page a session shows, and what every page has. The steps, the result, the way
//! to another device and the events for embedding pages each have a module.

use axum::http::Uri;
use axum::response::{IntoResponse, Response};
use maud::html;
use serde_json::{Value, json};
use warifu_server::Problem;
use warifu_server::assets::Script;
use warifu_server::page::components::{self, Tone};
use warifu_server::page::{Focus, Icon, Page};
use warifu_server::run;
use warifu_server::text::{Lang, Words};
use warifu_session::Status;
use warifu_session::share::Scope;

use super::person::Wants;
use super::questions::Filled;
use super::{api, questions};
use crate::kyc::check::Code;
use crate::kyc::presented::Asked;
use crate::kyc::questions::Slot;
use crate::kyc::service::View;
use crate::kyc::workflow::{Environment, Kind};
use crate::{Error, Issuer, Next};

pub(super) mod embed;
pub(super) mod handoff;
mod result;
pub(super) mod steps;

pub(super) use result::measured;

/// The reason of a check in the reader's language, with what to do.
pub(super) fn reason(issuer: &Issuer, lang: Lang, code: Code) -> String {
    issuer.catalogue.words(lang).say(&format!("reason-{code}"))
}

/// `/`.
pub(super) fn home(issuer: &Issuer, lang: Lang, uri: &Uri) -> Response {
    let words = issuer.catalogue.words(lang);
    let config = issuer.config();
    let page = shell(issuer, words, words.say("home-title"), config.environment).at(uri);
    page.main(html! {
        p { (words.fill("home-what", &[("name", config.name.as_str().into())])) }
        p { (words.say("home-how")) }
        p { (words.fill("home-operator", &[("authority", config.authority.as_str().into()), ("country", config.country.as_str().into())])) }
        p { a href="/.well-known/openid-credential-issuer" { (words.say("home-metadata")) } }
    })
    .into_response()
}

/// Where a person is in a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Here {
    /// Before the first step.
    Welcome,
    /// At the document.
    Document,
    /// Asked for a credential.
    Credential,
    /// At the selfie.
    Selfie,
    /// At questions, which may be asked more than once.
    Questions(Slot),
    /// Looking at the code that leads another device here.
    Handoff,
    /// Where nothing more can be done, and nothing was decided.
    Over,
    /// At the result.
    Result,
}

impl Here {
    /// The word for it in events; only steps have one.
    fn word(self) -> Option<&'static str> {
        match self {
            Self::Document => Some("document_front"),
            Self::Credential => Some("credential"),
            Self::Selfie => Some("face"),
            Self::Questions(_) => Some("questionnaire"),
            Self::Welcome | Self::Handoff | Self::Over | Self::Result => None,
        }
    }

    /// The word for it to a device that waits.
    fn name(self) -> &'static str {
        match self {
            Self::Welcome | Self::Document => "document",
            Self::Credential => "credential",
            Self::Selfie => "selfie",
            Self::Questions(_) => "questionnaire",
            Self::Handoff => "handoff",
            Self::Over => "over",
            Self::Result => "result",
        }
    }

    /// The title of its page.
    fn title(self, view: &View) -> &'static str {
        match (self, view.progress.status) {
            (Self::Welcome, _) => "welcome-title",
            (Self::Document, _) => "document-title",
            (Self::Credential, _) => "presented-title",
            (Self::Selfie, _) => "selfie-title",
            (Self::Questions(_), _) => "questions-title",
            (Self::Handoff, _) => "handoff-title",
            (Self::Over, _) if view.progress.tries_left == 0 => "refused-tries",
            (Self::Over, _) => "over-title",
            (Self::Result, Status::Approved) => "approved-title",
            (Self::Result, Status::Declined) => "declined-title",
            (Self::Result, _) => "review-title",
        }
    }

    /// Where a session is, and which of its pages is asked for.
    fn of(view: &View, step: Option<&str>) -> Self {
        match (view.progress.status, view.progress.next, step) {
            (Status::Expired | Status::Abandoned | Status::KycExpired, _, _) => Self::Over,
            (_, Next::Result, _) => Self::Result,
            _ if view.is_late || view.progress.tries_left == 0 => Self::Over,
            (_, _, Some("handoff")) => Self::Handoff,
            // Whoever is asked once more knows what this is about.
            (_, Next::Document, None) if view.again.is_none() => Self::Welcome,
            (_, Next::Document, _) => Self::Document,
            (_, Next::Credential, _) => Self::Credential,
            (Status::NotStarted, Next::Questionnaire, None) => Self::Welcome,
            (_, Next::Questionnaire, _) => {
                Self::Questions(view.asking.as_ref().map_or(Slot::Last, |asking| asking.slot))
            }
            (_, Next::Selfie, Some("again")) if steps::may_retake(view) => Self::Document,
            (_, Next::Selfie, _) => Self::Selfie,
        }
    }
}

/// What a visit to the page of a session asks for.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Visit<'a> {
    /// The page of the session, where it is not the one that is due.
    pub(super) step: Option<&'a str>,
    /// What was wrong with the last upload.
    pub(super) note: Option<Code>,
    /// Whether another page shows this one in a frame.
    pub(super) framed: bool,
}

/// The page of a session: whatever it waits for.
pub(super) fn session(issuer: &Issuer, lang: Lang, uri: &Uri, view: &View, visit: Visit<'_>) -> Response {
    let words = issuer.catalogue.words(lang);
    let here = Here::of(view, visit.step);
    let page = match &view.asking {
        // What a questionnaire is called, it says itself.
        Some(asking) if matches!(here, Here::Questions(_)) => {
            shell(issuer, words, questions::title(lang, asking), view.environment)
        }
        Some(_) | None => shell(issuer, words, words.say(here.title(view)), view.environment),
    };
    let page = page.at(uri);
    // In a frame the reader may be somewhere else on the page around it.
    let focus = match here {
        _ if visit.framed => Focus::Framed,
        Here::Welcome | Here::Handoff | Here::Over => Focus::Title,
        Here::Document | Here::Credential | Here::Selfie | Here::Questions(_) | Here::Result => Focus::TitleAndStep,
    };
    let page = embed::open(page, &view.embedders).focus(focus);
    let (page, content) = match here {
        Here::Welcome => (page, steps::welcome(words, view)),
        Here::Document => (page.script(Script::Camera), steps::document(words, view, visit)),
        Here::Credential => (
            page.script(Script::Poll).script(Script::Copy).form_may_lead_to("openid4vp:"),
            steps::credential(issuer, words, view),
        ),
        Here::Selfie => (page.script(Script::Capture), steps::selfie(words, view, visit)),
        Here::Handoff => (page.script(Script::Poll).script(Script::Copy), handoff::page(issuer, words, view)),
        Here::Questions(_) => (page.script(Script::Countries), questions::content(words, view, &Filled::default())),
        Here::Over => (page, steps::over(words, view)),
        Here::Result => {
            let page = page.script(Script::Poll).script(Script::Copy).script(Script::Return);
            (page.form_may_lead_to("openid-credential-offer:"), result::result(issuer, words, view, visit.step))
        }
    };
    page.main(html! { (content) (embed::told(words, &embed::Facts::of(view, here))) }).into_response()
}

/// How a session stands, as `poll.js` and programs read it.
pub(super) fn state(issuer: &Issuer, lang: Lang, view: &View) -> Value {
    let words = issuer.catalogue.words(lang);
    let (state, text) = match view.progress.status {
        Status::Approved if view.taken => ("done", "state-taken"),
        Status::Approved if view.kind == Kind::BiometricAuthentication => ("done", "recognised-what"),
        Status::Approved => ("waiting", "state-offer"),
        Status::Declined => ("failed", "declined-title"),
        Status::InReview => ("waiting", "review-title"),
        Status::Expired | Status::Abandoned | Status::KycExpired => ("failed", "over-title"),
        Status::NotStarted | Status::InProgress | Status::AwaitingUser | Status::Resubmitted => {
            ("active", "state-active")
        }
    };
    json!({
        "state": state,
        "text": words.say(text),
        "status": view.progress.status,
        "waits_for": view.progress.next,
        "tries_left": view.progress.tries_left,
        "credential_taken": view.taken,
    })
}

/// How the request for a credential stands, as `poll.js` and programs read it.
pub(super) fn credential_state(issuer: &Issuer, lang: Lang, view: &View) -> Value {
    let words = issuer.catalogue.words(lang);
    let (state, text) = match view.asked {
        Asked::Waiting => ("waiting", "presented-waiting"),
        Asked::Opened => ("active", "presented-opened"),
        Asked::Refused => ("done", "presented-again"),
        Asked::Not | Asked::Shown => ("done", "state-active"),
    };
    let next = (state == "done").then(|| format!("/{lang}/session/{}", view.token));
    json!({ "state": state, "text": words.say(text), "next": next })
}

/// Asks whether to share the decision.
pub(super) fn consent(
    issuer: &Issuer,
    lang: Lang,
    view: &View,
    recipient: &str,
    audience: &str,
    purpose: &str,
    scope: &[Scope],
) -> Response {
    let words = issuer.catalogue.words(lang);
    let covers = |part: Scope| scope.iter().any(|word| word.covers(part));
    let mut shared: Vec<(String, String)> = vec![(words.say("field-status"), view.progress.status.word().to_owned())];
    if let Some(who) = view.identity.as_ref().filter(|_| covers(Scope::IdVerification)) {
        let day = |date: Option<jiff::civil::Date>| date.map(|date| lang.date(date)).unwrap_or_default();
        shared.extend([
            (words.say("field-name"), who.full_name()),
            (words.say("field-birth-date"), day(who.birth_date)),
            (words.say("field-nationality"), who.nationality.clone()),
            (words.say("field-document"), format!("{} {}", who.issuing_state, who.document_number)),
            (words.say("field-expires"), day(who.expires)),
        ]);
    }
    if covers(Scope::Liveness) {
        shared.push((words.say("check-passive_liveness"), words.say("field-result")));
    }
    if covers(Scope::FaceMatch) {
        shared.push((words.say("check-face_match"), words.say("field-result")));
    }
    let shared: Vec<(&str, &str)> = shared.iter().map(|(label, value)| (label.as_str(), value.as_str())).collect();
    let hidden = [words.say("hidden-pictures"), words.say("hidden-template")];
    let hidden: Vec<&str> = hidden.iter().map(String::as_str).collect();
    let known_as = words.fill("consent-known-as", &[("audience", audience.into())]);
    let kept = words.say("consent-kept-by-recipient");
    let panel = components::Consent {
        asker: recipient,
        known: true,
        known_as: &known_as,
        purpose,
        shared: &shared,
        hidden: &hidden,
        kept: &kept,
    };
    let scope: Vec<&str> = scope.iter().map(|scope| scope.word()).collect();
    let button = words.fill("consent-agree", &[("count", shared.len().into()), ("name", recipient.into())]);
    shell(issuer, words, words.say("consent-title"), view.environment)
        .main(html! {
            (components::consent(&words, &panel))
            form method="post" action={ "/session/" (view.token) "/consent?lang=" (lang) } {
                input type="hidden" name="audience" value=(audience);
                input type="hidden" name="purpose" value=(purpose);
                input type="hidden" name="scope" value=(scope.join(" "));
                div class="actions" {
                    button class="button" type="submit" { (Icon::Share) (button) }
                    a class="button secondary" href={ "/" (lang) "/session/" (view.token) } { (words.say("consent-refuse")) }
                }
            }
        })
        .into_response()
}

/// A refusal: a page for a person, a problem document for a program.
pub(super) fn refused(issuer: &Issuer, lang: Lang, error: &Error, wants: Wants) -> Response {
    refused_in(issuer, lang, error, wants, None)
}

/// The same inside a session, whose pages may be embedded.
pub(super) fn refused_in(
    issuer: &Issuer,
    lang: Lang,
    error: &Error,
    wants: Wants,
    place: Option<&embed::Facts>,
) -> Response {
    let status = api::status(error);
    let (code, title, text) = match error {
        Error::NoSuchSession => ("no_such_session", "refused-no-session", "refused-no-session-what"),
        Error::OutOfTurn(_) => ("out_of_turn", "refused-out-of-turn", "refused-out-of-turn-what"),
        Error::Over(_) => ("session_over", "over-title", "over-what"),
        Error::TooManyTries => ("too_many_tries", "refused-tries", "refused-tries-what"),
        Error::Erased => ("erased", "refused-erased", "refused-erased-what"),
        Error::Revoked => ("revoked", "approved-revoked", "approved-revoked-what"),
        Error::Suspended => ("suspended", "approved-suspended", "approved-suspended-what"),
        Error::Audience { .. } => ("audience_not_trusted", "refused-audience", "refused-audience-what"),
        Error::NoConsent(_) => ("no_consent", "refused-audience", "refused-audience-what"),
        Error::ConsentWithdrawn { .. } => ("consent_withdrawn", "refused-withdrawn", "refused-withdrawn-what"),
        Error::OnHold { .. } => ("on_hold", "refused-out-of-turn", "refused-out-of-turn-what"),
        Error::NoSuchConsent => ("no_such_consent", "refused-no-consent", "refused-no-consent-what"),
        Error::Busy => ("busy", "refused-busy", "refused-busy-what"),
        Error::Field { .. } | Error::Consent(_) | Error::NoSuchWorkflow | Error::Workflow(_) => {
            ("bad_request", "refused-field", "refused-field-what")
        }
        Error::NotDecided(_) | Error::NotApproved(_) | Error::NoReport(_) => {
            ("not_decided", "refused-out-of-turn", "refused-out-of-turn-what")
        }
        Error::NoSuchRequest => ("no_such_request", "refused-no-session", "refused-no-session-what"),
        Error::NoAccessCertificate => ("no_access_certificate", "refused-field", "refused-field-what"),
        Error::Unreadable => ("unreadable", "refused-field", "refused-field-what"),
        Error::NoSuchOffer => ("no_such_offer", "refused-no-session", "refused-no-session-what"),
        Error::NoSuchList | Error::NoHistory | Error::NotInHistory => {
            ("no_such_list", "refused-no-session", "refused-no-session-what")
        }
        Error::NotSuspendable => ("not_suspendable", "refused-field", "refused-field-what"),
        Error::NoReference | Error::NoFace => {
            ("no_reference_image", "refused-no-reference", "refused-no-reference-what")
        }
        Error::OtherModel => ("other_model", "refused-other-model", "refused-other-model-what"),
        Error::NoIdentity => ("no_identity", "refused-out-of-turn", "refused-out-of-turn-what"),
        Error::ApiKey | Error::OperatorKey => ("api_key", "refused-field", "refused-field-what"),
        Error::NoSuchDestination | Error::NoSuchDelivery => {
            ("no_such_webhook", "refused-no-session", "refused-no-session-what")
        }
        Error::NoSuchApplication => ("no_such_application", "refused-no-session", "refused-no-session-what"),
        Error::Transition(_) => ("out_of_turn", "refused-out-of-turn", "refused-out-of-turn-what"),
        Error::ApprovedByReviewer | Error::SandboxSession => {
            ("sandbox_session", "refused-out-of-turn", "refused-out-of-turn-what")
        }
        Error::Share(_) => ("share_refused", "refused-audience", "refused-audience-what"),
        Error::Models(_) => ("models_missing", "refused-models", "refused-models-what"),
        Error::Setting(_)
        | Error::Store(_)
        | Error::Vault(_)
        | Error::Mint(_)
        | Error::Template(_)
        | Error::Status(_)
        | Error::Asking(_)
        | Error::Task(_) => ("internal", "refused-internal", "refused-internal-what"),
    };
    let detail = api::text_of(error, status);
    if wants == Wants::Json {
        return Problem::new(status, code, detail).into_response();
    }
    let words = issuer.catalogue.words(lang);
    let reference = run::correlation().map_or_else(|| code.to_owned(), |id| format!("{code} {id}"));
    let page = shell(issuer, words, words.say("refused-title"), issuer.config().environment).status(status);
    let page = embed::open(page, place.map_or(&[], embed::Facts::embedders));
    page.main(html! {
        (components::notice(&words, Tone::Stop, &words.say(title), &words.say(text), Some(&reference)))
        @if let Some(place) = place { (embed::told(words, place)) }
    })
    .into_response()
}

pub(super) fn shell<'w>(issuer: &Issuer, words: Words<'w>, title: String, environment: Environment) -> Page<'w> {
    let page = Page::new(words, title).role(issuer.config().name.clone());
    match environment {
        Environment::Live => page,
        Environment::Sandbox => page.sandbox(),
    }
}
