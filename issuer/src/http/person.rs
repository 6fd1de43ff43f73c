//! The hosted flow for people: welcome, document, selfie, result, consent to share. Works without scripts; with them the
//! camera is used in place.

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRequest, Multipart, Request, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::middleware;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use warifu_models::liveness::{NotARecording, Recording, framing};
use warifu_server::extract::{FormParts, Json, Path, Query};
use warifu_server::page::components::RECORDING;
use warifu_server::text::Lang;
use warifu_server::{Now, Problem, csrf};

use super::device::Visitor;
use super::pages::Visit;
use super::pages::embed::Facts;
use super::pages::handoff::ELSEWHERE;
use super::{Front, api, pages};
use crate::kyc::capture::Submission;
use crate::kyc::check::Code;
use crate::kyc::device::DeviceId;
use crate::kyc::service::View;
use crate::vci::Renew;
use crate::{Consented, Error, Next, Progress};

/// Largest upload that is taken in, in bytes. Larger than any picture that is read, so that the answer to a large one is
/// an explanation and not a broken connection.
const UPLOAD: usize = 39 * 1024 * 1024;

/// The doors for pictures.
pub(super) fn uploads() -> Router<Front> {
    Router::new()
        .route("/session/{token}/document", post(document))
        .route("/session/{token}/selfie", post(selfie))
        .route("/session/{token}/challenge", post(challenge))
        .route("/session/{token}/look", post(look))
        .layer(DefaultBodyLimit::max(UPLOAD))
        .layer(middleware::from_fn(csrf::same_origin))
}

/// All others.
pub(super) fn router() -> Router<Front> {
    Router::new()
        .route("/", get(home))
        .route("/en/", get(home))
        .route("/ja/", get(home))
        .route("/{lang}/session/{token}", get(session))
        .route("/{lang}/session/{token}/consent", get(ask_consent))
        .route("/session/{token}/state", get(state))
        .route("/session/{token}/step", get(step))
        .route("/session/{token}/credential", get(credential_state))
        .route("/session/{token}/consent", post(consent))
        .layer(middleware::from_fn(csrf::same_origin))
}

/// `GET /`: what this address is.
async fn home(State(front): State<Front>, lang: Lang, uri: Uri) -> Response {
    pages::home(&front.0, lang, &uri)
}

#[derive(Deserialize)]
pub(super) struct SessionPath {
    lang: String,
    pub(super) token: String,
}

/// Which page an upload answers; programs need not say.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Answered {
    turn: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Asked {
    step: Option<String>,
    note: Option<Code>,
}

/// `GET /{lang}/session/{token}`: whatever the session waits for.
async fn session(
    State(front): State<Front>,
    Now(now): Now,
    Path(path): Path<SessionPath>,
    Query(asked): Query<Asked>,
    visitor: Visitor,
    lang: Lang,
    uri: Uri,
) -> Result<Response, Response> {
    if path.lang.parse::<Lang>().is_err() {
        return Err(Problem::not_found("there is nothing at this address").into_response());
    }
    let renew = if matches!(asked.step.as_deref(), Some("offer" | "request")) { Renew::Now } else { Renew::WhenOver };
    let token = &path.token;
    match opened(&front, token, &visitor, renew, now).await {
        Ok((view, device)) => {
            let visit = Visit { step: asked.step.as_deref(), note: asked.note, framed: visitor.framed };
            let mut response = pages::session(&front.0, lang, &uri, &view, visit);
            if let Some(device) = device.filter(|_| visitor.device.is_none()) {
                visitor.remember(&mut response, &front.0, token, &device);
            }
            Ok(response)
        }
        Err(error) => Err(refusal(&front, lang, token, &error, Wants::Page).await),
    }
}

/// What the page of a session shows on this device, which is noted.
async fn opened(
    front: &Front,
    token: &str,
    visitor: &Visitor,
    renew: Renew,
    now: Timestamp,
) -> Result<(View, Option<DeviceId>), Error> {
    let device = match visitor.looks_ahead {
        true => visitor.device.clone(),
        false => Some(front.0.opened_on(token, visitor.device.clone(), now).await?),
    };
    Ok((front.0.view_on(token, device.as_ref(), Some(renew), now).await?, device))
}

/// A refusal at the pages of a session, which may stand in a frame.
async fn refusal(front: &Front, lang: Lang, token: &str, error: &Error, wants: Wants) -> Response {
    let place = front.0.place(token).await;
    let facts = place.map(|(session, embedders)| Facts::of_refusal(session, embedders, error));
    pages::refused_in(&front.0, lang, error, wants, facts.as_ref())
}

/// `POST /session/{token}/document`: the picture of the document.
async fn document(
    State(front): State<Front>,
    Now(now): Now,
    Path(token): Path<String>,
    Query(answered): Query<Answered>,
    lang: Lang,
    headers: HeaderMap,
    request: Request,
) -> Response {
    let picture = match picture(request, &front).await {
        Ok(picture) => picture,
        Err(problem) => return problem.into_response(),
    };
    let done = match front.0.check_turn(&token, answered.turn.as_deref()).await {
        Ok(()) => front.0.submit_document(&token, picture, now).await,
        Err(error) => Err(error),
    };
    uploaded(&front, lang, &headers, (&token, Next::Document), done, now).await
}

/// `POST /session/{token}/selfie`.
async fn selfie(
    State(front): State<Front>,
    Now(now): Now,
    Path(token): Path<String>,
    Query(answered): Query<Answered>,
    lang: Lang,
    headers: HeaderMap,
    request: Request,
) -> Response {
    let submission = match submission(request, &front).await {
        Ok(submission) => submission,
        Err(problem) => return problem.into_response(),
    };
    let done = match front.0.check_turn(&token, answered.turn.as_deref()).await {
        Ok(()) => front.0.submit_selfie(&token, submission, now).await,
        Err(error) => Err(error),
    };
    uploaded(&front, lang, &headers, (&token, Next::Selfie), done, now).await
}

/// `POST /session/{token}/challenge`: what the person is to do in front of the camera.
async fn challenge(
    State(front): State<Front>,
    Now(now): Now,
    Path(token): Path<String>,
    lang: Lang,
) -> Result<Response, Response> {
    let refuse = |error: Error| pages::refused(&front.0, lang, &error, Wants::Json);
    let challenge = front.0.give_challenge(&token, now).await.map_err(refuse)?;
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(challenge.page())).into_response())
}

/// `POST /session/{token}/look`: what to do about a live frame, a small picture as the body.
async fn look(
    State(front): State<Front>,
    Now(now): Now,
    Path(token): Path<String>,
    Query(question): Query<framing::Question>,
    lang: Lang,
    frame: Bytes,
) -> Result<Response, Response> {
    let refuse = |error: Error| pages::refused(&front.0, lang, &error, Wants::Json);
    let framing = front.0.look(&token, frame.to_vec(), question, now).await.map_err(refuse)?;
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(framing)).into_response())
}

/// A selfie as one picture, or as the recording for a challenge: several files `image` and their description.
async fn submission(request: Request, front: &Front) -> Result<Submission, Problem> {
    if !is_form(&request) {
        return Ok(picture(request, front).await?.into());
    }
    let mut parts = form(request, front).await?;
    let Some(description) = parts.text(RECORDING).filter(|text| !text.is_empty()).map(str::to_owned) else {
        return Ok(parts.file("image").map(|file| file.bytes).unwrap_or_default().into());
    };
    let files = parts.files("image").into_iter().map(|file| file.bytes).collect();
    let bad = |error: NotARecording| Problem::bad_request("bad_recording", error.to_string());
    Ok(Submission::Recording(Recording::parse(&description, files).map_err(bad)?))
}

fn is_form(request: &Request) -> bool {
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    kind.to_ascii_lowercase().starts_with("multipart/form-data")
}

async fn form(request: Request, front: &Front) -> Result<FormParts, Problem> {
    let refused = |_| Problem::bad_request("bad_form", "the form is not `multipart/form-data`");
    let form = Multipart::from_request(request, front).await.map_err(refused)?;
    FormParts::read(form, UPLOAD).await
}

/// The file of a form's field `image`, or a raw body.
async fn picture(request: Request, front: &Front) -> Result<Vec<u8>, Problem> {
    if is_form(&request) {
        // A form without a file is an empty picture: the answer says to choose one.
        return Ok(form(request, front).await?.file("image").map(|file| file.bytes).unwrap_or_default());
    }
    let bytes = Bytes::from_request(request, front).await;
    bytes.map(Vec::from).map_err(|error| Problem::new(error.status(), "body_unreadable", error.body_text()))
}

/// Who reads the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wants {
    /// A person.
    Page,
    /// A program.
    Json,
}

impl Wants {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if accept.contains("text/html") || !accept.contains("json") { Self::Page } else { Self::Json }
    }
}

/// The answer to an upload: JSON for programs, the next page for people. Whoever answered a page that was left behind is
/// shown the one that is due.
pub(super) async fn uploaded(
    front: &Front,
    lang: Lang,
    headers: &HeaderMap,
    (token, handed): (&str, Next),
    done: Result<Progress, Error>,
    now: Timestamp,
) -> Response {
    let wants = Wants::of(headers);
    let progress = match done {
        Ok(progress) => progress,
        Err(Error::OutOfTurn(_)) if wants == Wants::Page => {
            return Redirect::to(&format!("/{lang}/session/{token}?step={ELSEWHERE}")).into_response();
        }
        Err(error) => return refusal(front, lang, token, &error, wants).await,
    };
    if let (true, Next::Result, Some(device)) = (progress.accepted, progress.next, Visitor::of(headers).device)
        && let Err(error) = front.0.completed_on(token, &device, now).await
    {
        // The picture is taken; only the way back is less certain.
        tracing::warn!(%error, "the device that finished could not be noted");
    }
    match wants {
        Wants::Page => Redirect::to(&next_page(lang, token, handed, &progress)).into_response(),
        Wants::Json => {
            let problem = |signal: &crate::kyc::check::Signal| {
                json!({
                    "code": signal.code,
                    "check": signal.name,
                    "outcome": signal.outcome,
                    "message": pages::reason(&front.0, lang, signal.code),
                    "value": signal.value,
                    "threshold": signal.threshold,
                })
            };
            let answer = json!({
                "status": progress.status,
                "next": progress.next,
                "accepted": progress.accepted,
                "problems": progress.problems.iter().map(problem).collect::<Vec<Value>>(),
                "tries_left": progress.tries_left,
            });
            (upload_status(&progress), Json(answer)).into_response()
        }
    }
}

fn upload_status(progress: &Progress) -> StatusCode {
    match progress.problems.first().map(|problem| problem.code) {
        _ if progress.accepted => StatusCode::OK,
        Some(Code::PictureUnknown) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        Some(_) | None => StatusCode::UNPROCESSABLE_ENTITY,
    }
}

fn next_page(lang: Lang, token: &str, handed: Next, progress: &Progress) -> String {
    let step = match progress.next {
        Next::Document => "?step=document",
        Next::Credential => "",
        Next::Selfie if progress.accepted || handed == Next::Selfie => "?step=selfie",
        // A document handed over again that could not be used.
        Next::Selfie => "?step=again",
        Next::Questionnaire | Next::Result => "",
    };
    let note = progress.problems.first().map(|problem| format!("note={}", problem.code)).unwrap_or_default();
    let mark = match (step.is_empty(), note.is_empty()) {
        (_, true) => "",
        (true, false) => "?",
        (false, false) => "&",
    };
    format!("/{lang}/session/{token}{step}{mark}{note}")
}

/// `GET /session/{token}/state`: how the session stands, for pages that update themselves.
async fn state(State(front): State<Front>, Now(now): Now, Path(token): Path<String>, lang: Lang) -> Response {
    let refuse = |error: Error| pages::refused(&front.0, lang, &error, Wants::Json);
    let view = match front.0.view(&token, None, now).await {
        Ok(view) => view,
        Err(error) => return refuse(error),
    };
    ([(header::CACHE_CONTROL, "no-store")], Json(pages::state(&front.0, lang, &view))).into_response()
}

/// `GET /session/{token}/step`: which step is due and nothing else, for the device that shows the code for another one.
async fn step(
    State(front): State<Front>,
    Now(now): Now,
    Path(token): Path<String>,
    lang: Lang,
) -> Result<Response, Response> {
    let refuse = |error: Error| pages::refused(&front.0, lang, &error, Wants::Json);
    let view = front.0.view(&token, None, now).await.map_err(refuse)?;
    let step = pages::handoff::step(&front.0, lang, &view);
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(step)).into_response())
}

/// `GET /session/{token}/credential`: how the request for a credential stands.
async fn credential_state(
    State(front): State<Front>,
    Now(now): Now,
    Path(token): Path<String>,
    lang: Lang,
) -> Result<Response, Response> {
    let refuse = |error: Error| pages::refused(&front.0, lang, &error, Wants::Json);
    let view = front.0.view(&token, None, now).await.map_err(refuse)?;
    let state = pages::credential_state(&front.0, lang, &view);
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(state)).into_response())
}

#[derive(Deserialize)]
struct ConsentQuestion {
    audience: String,
    purpose: String,
    scope: Option<String>,
}

/// `GET /{lang}/session/{token}/consent?audience=…&purpose=…&scope=…`: asks whether to share.
async fn ask_consent(
    State(front): State<Front>,
    Now(now): Now,
    Path(path): Path<SessionPath>,
    Query(question): Query<ConsentQuestion>,
    lang: Lang,
) -> Result<Response, Response> {
    let refuse = |error: Error| pages::refused(&front.0, lang, &error, Wants::Page);
    let scope = words(question.scope.as_deref().unwrap_or("kyc")).map_err(refuse)?;
    let view = front.0.view(&path.token, None, now).await.map_err(refuse)?;
    let (recipient, _) = front.0.receiver(&question.audience, now).await.map_err(refuse)?;
    Ok(pages::consent(&front.0, lang, &view, &recipient.name, &question.audience, &question.purpose, &scope))
}

/// `POST /session/{token}/consent`: records the consent.
async fn consent(
    State(front): State<Front>,
    Now(now): Now,
    Path(token): Path<String>,
    lang: Lang,
    headers: HeaderMap,
    request: Request,
) -> Response {
    let wants = Wants::of(&headers);
    let consented = match consented(request, &front, lang).await {
        Ok(consented) => consented,
        Err(response) => return response,
    };
    match front.0.record_consent(&token, consented, now).await {
        Ok(id) if wants == Wants::Json => Json(json!({ "consent_id": id })).into_response(),
        Ok(_) => Redirect::to(&format!("/{lang}/session/{token}?step=shared")).into_response(),
        Err(error) => pages::refused(&front.0, lang, &error, wants),
    }
}

/// A consent as JSON, or as the page's form.
async fn consented(request: Request, front: &Front, lang: Lang) -> Result<Consented, Response> {
    let wants = Wants::of(request.headers());
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let (audience, purpose, scope) = if kind.starts_with("application/json") {
        #[derive(Deserialize)]
        struct Body {
            audience: String,
            purpose: String,
            scope: Value,
        }
        let Json(body) = Json::<Body>::from_request(request, front).await.map_err(IntoResponse::into_response)?;
        (body.audience, body.purpose, api::scope(&body.scope))
    } else {
        let form = warifu_server::extract::Form::<ConsentQuestion>::from_request(request, front).await;
        let form = form.map_err(IntoResponse::into_response)?.0;
        let scope = words(form.scope.as_deref().unwrap_or_default());
        (form.audience, form.purpose, scope)
    };
    let scope = scope.map_err(|error| pages::refused(&front.0, lang, &error, wants))?;
    Ok(Consented { audience, purpose, scope, language: lang.tag().to_owned() })
}

fn words(text: &str) -> Result<Vec<warifu_session::share::Scope>, Error> {
    api::scope(&Value::from(text.split_whitespace().collect::<Vec<_>>()))
}
