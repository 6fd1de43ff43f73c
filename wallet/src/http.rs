//! The wallet as pages on this machine: what `warifu wallet serve` shows.
//!
//! For one person on one computer. It answers on the loopback address only, to its own host names only (so that a page
//! elsewhere can not reach it by renaming itself), and only to the browser that opened it with a link holding a token
//! that works once. Every form carries a CSRF token. All pages work without scripts except the camera.

mod ask;
mod home;
mod open;
mod show;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRef, FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use jiff::Timestamp;
use maud::html;
use serde::Deserialize;
use warifu_keys::{Entropy, equal_in_constant_time, sha256};
use warifu_models::liveness::{Challenge, Method};
use warifu_server::csrf::{self, Csrf};
use warifu_server::extract::Query;
use warifu_server::page::Page;
use warifu_server::page::components::{Tone, notice};
use warifu_server::text::{BadCatalogue, Catalogue, Lang, Words};
use warifu_server::{Clock, Problem, assets};

use crate::present::{NothingFits, Request as Presentation};
use crate::share::Proposal;
use crate::{Error, Wallet};

/// Name of the cookie that opens the pages.
const COOKIE: &str = "warifu_wallet";
/// Largest picture that is taken, in bytes.
const PICTURE_BYTES: usize = 15_000_000;
/// Largest live frame that is looked at for hints, in bytes.
const LOOK_BYTES: usize = 400_000;
/// Questions that wait for an answer at the same time; the oldest is dropped beyond it.
const MAX_PENDING: usize = 16;
/// Links that were not used yet; the oldest is dropped beyond it.
const MAX_ENTRIES: usize = 16;

/// The messages of the pages.
const MESSAGES: [(Lang, &str); 2] =
    [(Lang::En, include_str!("../locales/en.ftl")), (Lang::Ja, include_str!("../locales/ja.ftl"))];

/// A wallet with its pages.
pub struct Agent {
    wallet: Arc<Wallet>,
    clock: Clock,
    entropy: Arc<dyn Entropy>,
    catalogue: Catalogue,
    csrf: Csrf,
    /// What the cookie holds.
    session: String,
    address: SocketAddr,
    /// Hashes of the entry tokens that were not used yet.
    entries: Mutex<VecDeque<[u8; 32]>>,
    pending: Mutex<VecDeque<Pending>>,
    /// The last challenge given for each question, by its mark.
    challenges: Mutex<VecDeque<(String, Challenge)>>,
}

impl std::fmt::Debug for Agent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Agent({})", self.address)
    }
}

/// Something the person is asked and has not decided yet.
enum Pending {
    Request(Box<Presentation>),
    Share(Box<Proposal>),
    /// Nothing fits, and whoever asked has not been told.
    Nothing(Box<NothingFits>),
}

impl Agent {
    /// Pages for `wallet`, to be served at `address`, which must be a loopback address.
    pub fn new(
        wallet: Arc<Wallet>,
        clock: Clock,
        entropy: Arc<dyn Entropy>,
        address: SocketAddr,
    ) -> Result<Self, AgentError> {
        if !address.ip().is_loopback() {
            return Err(AgentError::NotLoopback(address));
        }
        let catalogue = Catalogue::new(&MESSAGES)?;
        let source: &dyn Entropy = entropy.as_ref();
        let (secret, session) = (source.array(), source.token());
        Ok(Self {
            wallet,
            clock,
            catalogue,
            csrf: Csrf::new(secret),
            session,
            address,
            entries: Mutex::default(),
            pending: Mutex::default(),
            challenges: Mutex::default(),
            entropy,
        })
    }

    /// A fresh link that opens the pages once, in one browser.
    #[must_use]
    pub fn entry(&self) -> String {
        let source: &dyn Entropy = self.entropy.as_ref();
        let token = source.token();
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.len() >= MAX_ENTRIES {
            entries.pop_front();
        }
        entries.push_back(sha256(token.as_bytes()));
        format!("http://{}/?token={token}", self.address)
    }

    /// Uses an entry token up.
    fn redeem(&self, token: &str) -> bool {
        let hash = sha256(token.as_bytes());
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let at = entries.iter().position(|known| equal_in_constant_time(known, &hash));
        at.is_some_and(|at| entries.remove(at).is_some())
    }

    fn is_own_host(&self, headers: &HeaderMap) -> bool {
        let Some(host) = headers.get(header::HOST).and_then(|host| host.to_str().ok()) else { return false };
        host == self.address.to_string() || host == format!("localhost:{}", self.address.port())
    }

    fn has_cookie(&self, headers: &HeaderMap) -> bool {
        let cookies = headers.get_all(header::COOKIE).iter().filter_map(|cookies| cookies.to_str().ok());
        let mut values = cookies.flat_map(|cookies| cookies.split(';')).filter_map(|pair| pair.trim().split_once('='));
        values.any(|(name, value)| name == COOKIE && equal_in_constant_time(value.as_bytes(), self.session.as_bytes()))
    }

    fn words(&self, lang: Lang) -> Words<'_> {
        self.catalogue.words(lang)
    }

    fn form_token(&self) -> String {
        self.csrf.token(&self.session)
    }

    fn check_form(&self, token: Option<&str>) -> Result<(), Problem> {
        self.csrf.check(&self.session, token.unwrap_or_default())
    }

    fn is_sandbox(&self) -> bool {
        self.wallet.settings().is_ok_and(|settings| settings.sandbox)
    }

    fn keep(&self, pending: Pending) -> String {
        let mark = pending.mark().to_owned();
        let mut waiting = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() >= MAX_PENDING {
            waiting.pop_front();
        }
        waiting.push_back(pending);
        mark
    }

    /// A fresh challenge for a question; the one before it is worth nothing any more.
    fn challenge(&self, mark: &str, method: Method, now: Timestamp) -> Challenge {
        let source: &dyn Entropy = self.entropy.as_ref();
        let challenge = Challenge::new(method, source.array(), now);
        let mut given = self.challenges.lock().unwrap_or_else(PoisonError::into_inner);
        given.retain(|(known, _)| known != mark);
        if given.len() >= MAX_PENDING {
            given.pop_front();
        }
        given.push_back((mark.to_owned(), challenge.clone()));
        challenge
    }

    /// Uses the challenge of a question up.
    fn take_challenge(&self, mark: &str) -> Option<Challenge> {
        let mut given = self.challenges.lock().unwrap_or_else(PoisonError::into_inner);
        let at = given.iter().position(|(known, _)| known == mark)?;
        given.remove(at).map(|(_, challenge)| challenge)
    }

    /// Looks at a question without taking it.
    fn peek<T>(&self, mark: &str, look: impl FnOnce(&crate::consent::Question) -> T) -> Option<T> {
        let waiting = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.iter().find(|pending| pending.mark() == mark)?.question().map(look)
    }

    fn take(&self, mark: &str) -> Option<Pending> {
        let mut waiting = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        let at = waiting.iter().position(|pending| pending.mark() == mark)?;
        waiting.remove(at)
    }
}

/// Why the pages can not be served.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// The address can be reached from other machines.
    #[error("the wallet's pages are served to this machine only, not at {0}")]
    NotLoopback(SocketAddr),
    /// The messages do not read; a fault of this program.
    #[error(transparent)]
    Messages(#[from] BadCatalogue),
}

/// The pages. Serve them with [`warifu_server::run::Listener`] at the address given to [`Agent::new`].
pub fn router(agent: Arc<Agent>) -> Router {
    let pages = Router::new()
        .route("/", get(home::home))
        .route("/credential/{id}", get(show::credential))
        .route("/history", get(show::history))
        .route("/open", get(open::form).post(open::link))
        .route("/open/picture", post(open::picture).layer(DefaultBodyLimit::max(PICTURE_BYTES + 100_000)))
        .route("/open/scan", post(open::scan).layer(DefaultBodyLimit::max(LOOK_BYTES)))
        .route("/accept", post(open::accept))
        .route(
            "/ask/{mark}",
            get(ask::question).post(ask::answer).layer(DefaultBodyLimit::max(PICTURE_BYTES + 100_000)),
        )
        .route("/ask/{mark}/challenge", post(ask::challenge))
        .route("/ask/{mark}/look", post(ask::look).layer(DefaultBodyLimit::max(LOOK_BYTES)))
        .route("/ask/{mark}/refuse", post(ask::refuse))
        .route("/share", get(ask::share_form).post(ask::propose))
        .layer(middleware::from_fn_with_state(Arc::clone(&agent), only_the_owner));
    pages
        .merge(assets::router())
        .layer(middleware::from_fn(csrf::same_origin))
        .layer(middleware::from_fn_with_state(Arc::clone(&agent), only_this_host))
        .layer(middleware::from_fn(assets::security_headers))
        .with_state(AgentState(agent))
}

/// The state of the router.
#[derive(Clone)]
struct AgentState(Arc<Agent>);

impl FromRef<AgentState> for Clock {
    fn from_ref(state: &AgentState) -> Self {
        state.0.clock.clone()
    }
}

impl FromRef<AgentState> for Arc<Agent> {
    fn from_ref(state: &AgentState) -> Self {
        Arc::clone(&state.0)
    }
}

/// Refuses requests under another name than our own: a page elsewhere that renamed itself to this address (DNS
/// rebinding) still sends its own name.
async fn only_this_host(State(agent): State<Arc<Agent>>, request: Request, next: Next) -> Response {
    if agent.is_own_host(request.headers()) {
        return next.run(request).await;
    }
    Problem::new(StatusCode::MISDIRECTED_REQUEST, "wrong_host", "this wallet does not answer under that name")
        .into_response()
}

#[derive(Deserialize)]
struct Entry {
    token: Option<String>,
}

/// Lets the browser with the cookie in; changes an entry token into the cookie.
async fn only_the_owner(State(agent): State<Arc<Agent>>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let token = entry_token(&mut parts).await;
    if agent.has_cookie(&parts.headers) {
        // A used link that is opened again leads home without its token in the address.
        return match token {
            Some(_) => Redirect::to("/").into_response(),
            None => next.run(Request::from_parts(parts, body)).await,
        };
    }
    if token.is_some_and(|token| agent.redeem(&token)) {
        let cookie = format!("{COOKIE}={}; Path=/; HttpOnly; SameSite=Strict", agent.session);
        let mut response = Redirect::to("/").into_response();
        if let Ok(cookie) = HeaderValue::try_from(cookie) {
            response.headers_mut().insert(header::SET_COOKIE, cookie);
        }
        return response;
    }
    let words = agent.words(Lang::asked(&parts));
    let text = words.say("wallet-locked-lead");
    let main = html! { p { (text) } };
    let title = words.say("wallet-locked-title");
    Page::new(words, title).role(words.say("wallet-title")).status(StatusCode::UNAUTHORIZED).main(main).into_response()
}

async fn entry_token(parts: &mut Parts) -> Option<String> {
    if parts.uri.path() != "/" {
        return None;
    }
    Query::<Entry>::from_request_parts(parts, &()).await.ok()?.0.token
}

impl Pending {
    fn mark(&self) -> &str {
        match self {
            Self::Request(request) => &crate::consent::Asked::question(request.as_ref()).mark,
            Self::Share(proposal) => &crate::consent::Asked::question(proposal.as_ref()).mark,
            Self::Nothing(nothing) => nothing.mark(),
        }
    }
}

/// Where the reader is, for the header's links.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Here {
    Home,
    Open,
    Share,
    History,
    Elsewhere,
}

/// The shell of every page.
fn page<'w>(agent: &'w Agent, words: Words<'w>, here: Here, title: String) -> Page<'w> {
    let links = [
        (Here::Home, "/", "wallet-home-short"),
        (Here::Open, "/open", "wallet-open"),
        (Here::Share, "/share", "wallet-share"),
        (Here::History, "/history", "wallet-history"),
    ];
    let mut page = Page::new(words, title).role(words.say("wallet-title"));
    for (place, to, label) in links {
        page = if place == here { page.link_here(to, words.say(label)) } else { page.link(to, words.say(label)) };
    }
    if agent.is_sandbox() { page.sandbox() } else { page }
}

/// What was stopped by an error, for its page.
#[derive(Clone, Copy)]
enum Stopped {
    /// Nothing was stored.
    Storing,
    /// Nothing was sent.
    Sending,
    /// Nothing but looking.
    Looking,
}

/// The page that explains an error and says what to do.
fn error_page(agent: &Agent, lang: Lang, stopped: Stopped, error: &Error) -> Response {
    tracing::info!(code = error.code(), %error, "refused");
    let words = agent.words(lang);
    let status = match error {
        Error::Store(_) | Error::CutOff => StatusCode::INTERNAL_SERVER_ERROR,
        Error::NoSuchCredential(_) => StatusCode::NOT_FOUND,
        _ => StatusCode::UNPROCESSABLE_ENTITY,
    };
    let main = html! {
        (error_notice(words, stopped, error))
        div class="actions" { a class="button" href="/open" { (words.say("wallet-error-again")) } }
    };
    page(agent, words, Here::Elsewhere, words.say("wallet-error-title")).status(status).main(main).into_response()
}

/// What was seen and what to do; the stable name of the reason below.
fn error_notice(words: Words<'_>, stopped: Stopped, error: &Error) -> maud::Markup {
    let id = message_of(error.code());
    let act = words.say(&format!("{id}-do"));
    let and_kept =
        |kept| words.fill("wallet-error-do-kept", &[("do", act.clone().into()), ("kept", words.say(kept).into())]);
    let text = match stopped {
        Stopped::Storing => and_kept("wallet-error-nothing-stored"),
        Stopped::Sending => and_kept("wallet-error-nothing-sent"),
        Stopped::Looking => act,
    };
    html! {
        (notice(&words, Tone::Stop, &words.say(id), &text, None))
        p class="reference" { (words.say("wallet-error-code")) ": " code { (error.code()) } }
    }
}

/// The message for a reason: what was seen. What to do about it has the same name followed by `-do`.
fn message_of(code: &str) -> &'static str {
    match code {
        "not_a_wallet_link" | "bad_offer" => "wallet-error-link",
        "no_qr_code" => "wallet-error-qr",
        "several_qr_codes" => "wallet-error-qr-several",
        "bad_picture" => "wallet-error-picture",
        "code_refused" => "wallet-error-tx-code",
        "tx_code_needed" => "wallet-error-tx-code-needed",
        "tx_code_not_expected" => "wallet-error-tx-code-unexpected",
        "unknown_issuer" => "wallet-error-issuer",
        "no_trusted_list" => "wallet-error-registry",
        "credential_not_authentic" | "wrong_key" | "copies_differ" | "other_type" | "type_metadata" => {
            "wallet-error-credential"
        }
        "no_known_format" => "wallet-error-format",
        "deferred" => "wallet-error-deferred",
        "revoked" | "suspended" | "status_not_valid" => "wallet-error-revoked",
        "unknown_verifier" => "wallet-error-verifier",
        "did_not_resolved" => "wallet-error-did",
        "bad_registration" | "registration_not_in_force" => "wallet-error-registration",
        "answer_not_encrypted" => "wallet-error-in-the-clear",
        "portrait_not_agreed" => "wallet-error-portrait",
        "partner_not_listed" => "wallet-error-partner",
        "bad_request" | "bad_selfie_demand" | "face_template_asked" => "wallet-error-request",
        "expired" | "consent_stale" | "consent_for_another_request" | "no_such_choice" => "wallet-error-expired",
        "no_matching_credential" | "no_credential" | "no_such_credential" | "no_such_claim" | "format_not_shared" => {
            "wallet-error-no-match"
        }
        "face_does_not_match" => "wallet-error-face",
        "no_face_template" | "other_face_model" => "wallet-error-no-face",
        "selfie_not_live" | "looks_like_picture" | "flat" => "wallet-error-not-live",
        "liveness_not_performed" => "wallet-error-liveness",
        "challenge_needed" => "wallet-error-challenge",
        "movement_not_seen" | "movement_other_way" | "movement_too_early" | "movement_no_return" => {
            "wallet-error-movement"
        }
        "other_face" => "wallet-error-other-face",
        "no_reflection" | "other_colours" | "tinted" | "no_background" => "wallet-error-light",
        "frame_count" | "frame_size" | "frame_nonce" | "frame_order" | "frame_timing" | "frame_gap"
        | "frame_repeated" | "frame_unreadable" | "challenge_late" | "bad_recording" => "wallet-error-recording",
        "models_unavailable" => "wallet-error-models",
        "face_covered" | "covered" => "wallet-error-selfie-covered",
        "no_face" | "several_faces" | "face_too_small" | "face_not_clear" | "face_not_read" | "too_far"
        | "too_close" | "off_centre" | "too_dark" | "too_bright" | "blurred" | "look_straight" | "open_eyes" => {
            "wallet-error-selfie"
        }
        "selfie_demanded" | "selfie_stale" | "selfie_other_credential" | "selfie_too_loose" => {
            "wallet-error-selfie-fresh"
        }
        "unanswered" | "issuance_failed" | "status_unavailable" => "wallet-error-network",
        "answer_refused" => "wallet-error-answer",
        _ => "wallet-error-other",
    }
}

/// The address with no other query than the language chosen, for pages whose query must not be repeated.
fn bare(uri: &Uri) -> Uri {
    let lang = uri.query().unwrap_or_default().split('&').find(|pair| pair.starts_with("lang="));
    let address = lang.map_or_else(|| uri.path().to_owned(), |lang| format!("{}?{lang}", uri.path()));
    address.parse().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use warifu_models::liveness::framing::Hint;

    use super::*;

    #[test]
    fn every_message_is_there_in_every_language() {
        let catalogue = Catalogue::new(&MESSAGES).unwrap();
        assert_eq!(catalogue.gaps(), [""; 0]);
        // Every arm of `message_of` once.
        let codes = [
            "bad_offer no_qr_code several_qr_codes bad_picture code_refused tx_code_needed tx_code_not_expected",
            "unknown_issuer no_trusted_list credential_not_authentic no_known_format deferred revoked unknown_verifier",
            "partner_not_listed bad_request expired no_matching_credential face_does_not_match no_face_template",
            "selfie_not_live liveness_not_performed models_unavailable no_face selfie_stale unanswered answer_refused",
            "did_not_resolved bad_registration answer_not_encrypted portrait_not_agreed",
            "challenge_needed movement_not_seen other_face no_reflection frame_nonce challenge_late flat covered",
        ];
        let codes = codes.iter().flat_map(|line| line.split(' '));
        let hints = Hint::ALL.map(Hint::code);
        for code in codes.clone().chain(hints) {
            assert_ne!(message_of(code), "wallet-error-other", "{code}");
        }
        for code in codes.chain(["anything else"]) {
            let id = message_of(code);
            for id in [id.to_owned(), format!("{id}-do")] {
                assert_ne!(catalogue.say(Lang::Ja, &id, &[]), id, "{code}");
            }
        }
    }
}
