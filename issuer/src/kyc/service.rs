//! The services around a session: take document and selfie, decide.
//!
//! Each loads, decides in pure code and commits by compare-and-set with its audit entry. Bad input changes nothing but a
//! counter, so a person can always try again.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;
use url::Url;
use uuid::Uuid;
use warifu_models::picture::Limits;
use warifu_models::{Models, ModelsError};
use warifu_session::Status;
use warifu_session::workflow::Feature;
use warifu_store::audit::{Entry, Log};
use warifu_store::{Batch, Collection, Loaded, Version};

use crate::embed::EmbedOrigin;
use crate::kyc::capture::{Asked, Submission};
use crate::kyc::check::{CheckName, Outcome, Signal};
use crate::kyc::checks;
use crate::kyc::decision;
use crate::kyc::device::DeviceId;
use crate::kyc::evidence::{Against, Evidence, Handed, Kept};
use crate::kyc::identity::Identity;
use crate::kyc::presented;
use crate::kyc::questions::{Asking, Slot};
use crate::kyc::read::{self, ReadError};
use crate::kyc::resubmit::{Again, Part};
use crate::kyc::session::{OpenSession, Session, token_hash};
use crate::kyc::stage::{OutOfTurn, Stage};
use crate::kyc::verdict::{Cause, Verdict};
use crate::kyc::workflow::{Environment, Kind, Workflow};
use crate::status::Standing;
use crate::vci::{Renew, Shown};
use crate::webhook::News;
use crate::{Error, Issuer};

/// How often a commit is tried again when someone wrote meanwhile.
pub(crate) const TRIES: usize = 6;

/// What a session waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Next {
    /// The document.
    Document,
    /// A credential of this issuer's, from the person's wallet.
    Credential,
    /// The selfie.
    Selfie,
    /// Answers to questions.
    Questionnaire,
    /// Nothing more: there is a result.
    Result,
}

/// How far a session is, and what was wrong with the last upload.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Progress {
    /// Status word.
    pub status: Status,
    /// What it waits for.
    pub next: Next,
    /// Whether the upload was taken; always true where nothing was uploaded.
    pub accepted: bool,
    /// What to do better, or what a person will have to look at.
    pub problems: Vec<Signal>,
    /// How many uploads that cannot be used are left.
    pub tries_left: u32,
}

/// What the pages of a session show.
#[derive(Debug)]
pub(crate) struct View {
    pub(crate) token: String,
    pub(crate) progress: Progress,
    pub(crate) environment: Environment,
    pub(crate) kind: Kind,
    pub(crate) takes_files: bool,
    pub(crate) signals: Vec<Signal>,
    pub(crate) causes: Vec<Cause>,
    pub(crate) identity: Option<Identity>,
    /// Where the person goes back to; nowhere on a device that does not.
    pub(crate) callback: Option<Url>,
    /// Whether it is another device of the person's that goes back.
    pub(crate) returns_elsewhere: bool,
    pub(crate) id: Uuid,
    /// Which page this is for; whoever answers another one comes late.
    pub(crate) turn: String,
    /// Whether the person has it open on several devices.
    pub(crate) has_others: bool,
    /// What a reviewer asked for once more, while that is due.
    pub(crate) again: Option<Again>,
    /// Whether the time to hand something in is over.
    pub(crate) is_late: bool,
    /// Whose pages may embed this one.
    pub(crate) embedders: Vec<EmbedOrigin>,
    /// The nodes of its graph, where it has one: of the document and of the selfie.
    pub(crate) nodes: [Option<String>; 2],
    /// Where it asks questions.
    pub(crate) slots: Vec<Slot>,
    pub(crate) taken: bool,
    pub(crate) standing: Standing,
    pub(crate) offer: Option<Shown>,
    pub(crate) asked: presented::Asked,
    /// The questions that the person is asked, where the session waits for answers.
    pub(crate) asking: Option<Asking>,
    /// What the person is asked to show, where the session waits for that.
    pub(crate) request: Option<presented::Shown>,
    pub(crate) has_consents: bool,
}

/// Where the person goes back to, with the two parameters that integrators expect.
fn returned(mut callback: Url, session: &Session) -> Url {
    let status = session.status.word();
    callback
        .query_pairs_mut()
        .append_pair("verificationSessionId", &session.id.to_string())
        .append_pair("status", status);
    callback
}

/// Which session is meant.
#[derive(Clone, Copy)]
pub(crate) enum Which<'a> {
    /// The one of a person's link.
    Token(&'a str),
    /// The one with this identifier.
    Id(Uuid),
}

impl<'a> From<&'a str> for Which<'a> {
    fn from(token: &'a str) -> Self {
        Self::Token(token)
    }
}

impl<'a> From<&'a String> for Which<'a> {
    fn from(token: &'a String) -> Self {
        Self::Token(token)
    }
}

impl From<Uuid> for Which<'_> {
    fn from(id: Uuid) -> Self {
        Self::Id(id)
    }
}

/// A session that is open in memory, and the version it was read at.
pub(crate) struct Seen {
    pub(crate) seen: Version,
    pub(crate) open: OpenSession,
}

impl Issuer {
    /// How far a session is after something was taken from the person.
    pub(crate) fn progress_of(&self, seen: &Seen, advice: Vec<Signal>, now: Timestamp) -> Progress {
        self.stands(&seen.open, true, advice, now)
    }

    fn stands(&self, open: &OpenSession, accepted: bool, problems: Vec<Signal>, now: Timestamp) -> Progress {
        let session = &open.session;
        let next = match &open.personal.stage {
            // The graph of a workflow may end a session before everything was handed over, or go on after that.
            _ if session.status.is_decided() => Next::Result,
            _ if self.asks_questions(open, now) => Next::Questionnaire,
            Stage::Opened | Stage::DocumentAgain { .. } => Next::Document,
            Stage::AwaitingCredential => Next::Credential,
            Stage::DocumentRead { .. } | Stage::AwaitingFace { .. } => Next::Selfie,
            Stage::Complete { .. } | Stage::Decided { .. } | Stage::Compared { .. } => Next::Result,
        };
        let tries_left = session.workflow.attempts.saturating_sub(session.attempts);
        Progress { status: session.status, next, accepted, problems, tries_left }
    }
}

/// What a change of a session writes beside the session.
pub(crate) struct Written {
    action: &'static str,
    facts: Vec<(&'static str, String)>,
    also: Batch,
    told: Option<News>,
}

impl From<&'static str> for Written {
    /// Its audit entry alone.
    fn from(action: &'static str) -> Self {
        Self { action, facts: Vec::new(), also: Batch::new(), told: None }
    }
}

impl Written {
    /// Adds a fact to the entry.
    pub(crate) fn fact(mut self, name: &'static str, value: impl std::fmt::Display) -> Self {
        self.facts.push((name, value.to_string()));
        self
    }

    /// Tells the application's servers. A change of status is told in any case.
    pub(crate) fn told(self, news: News) -> Self {
        Self { told: Some(news), ..self }
    }

    /// Adds further records to the commit.
    pub(crate) fn also(self, batch: Batch) -> Self {
        Self { also: self.also.and(batch), ..self }
    }
}

impl Issuer {
    /// Whether a session is this application's. Another one's is as if it were not there.
    ///
    /// # Errors
    /// [`Error::NoSuchSession`].
    pub(crate) async fn check_owner(&self, application: Uuid, session: Uuid) -> Result<(), Error> {
        let found = self.sessions().load(&session).await?;
        found.filter(|found| found.value.application == application).map(|_| ()).ok_or(Error::NoSuchSession)
    }

    /// The address of the hosted pages for a token.
    pub(crate) fn hosted_url(&self, language: &str, token: &str) -> String {
        let language = if language.starts_with("ja") { "ja" } else { "en" };
        self.config.address(&format!("/{language}/session/{token}"))
    }

    /// How far the session behind a link is.
    ///
    /// # Errors
    /// [`Error::NoSuchSession`] for unknown tokens.
    pub async fn progress(&self, token: &str, now: Timestamp) -> Result<Progress, Error> {
        let mut seen = self.seen_by_token(token).await?;
        seen.open.session.status = seen.open.session.status_at(now);
        Ok(self.progress_of(&seen, Vec::new(), now))
    }

    /// Refuses what answers a page that the session has left behind: another device, or another window, went on meanwhile.
    ///
    /// # Errors
    /// [`Error::OutOfTurn`], and as [`Issuer::progress`].
    pub(crate) async fn check_turn(&self, token: &str, turn: Option<&str>) -> Result<(), Error> {
        let Some(turn) = turn else { return Ok(()) };
        let now = self.seen_by_token(token).await?.open.personal.stage.turn();
        if now == turn { Ok(()) } else { Err(OutOfTurn("page that was answered").into()) }
    }

    /// Everything the pages of a session show. Where `shown` is given, the offer of an approved session and the request of
    /// one that waits for a credential are among it, made anew where that is due.
    ///
    /// # Errors
    /// As [`Issuer::progress`].
    pub(crate) async fn view(&self, token: &str, shown: Option<Renew>, now: Timestamp) -> Result<View, Error> {
        self.view_on(token, None, shown, now).await
    }

    /// The same on one of the person's devices, which may be the one that goes back to the client.
    pub(crate) async fn view_on(
        &self,
        token: &str,
        device: Option<&DeviceId>,
        shown: Option<Renew>,
        now: Timestamp,
    ) -> Result<View, Error> {
        let mut seen = self.seen_by_token(token).await?;
        seen.open.session.status = seen.open.session.status_at(now);
        let session = &seen.open.session;
        let standing = self.credential_standing(session.id).await?;
        let waits = matches!(session.status, Status::NotStarted | Status::InProgress | Status::Resubmitted);
        let waits = waits && !session.is_late_at(now);
        let goes_back = seen.open.personal.devices.goes_back(session.callback_method, device);
        let graph = session.workflow.graph.as_ref();
        let node = |feature: Feature| {
            let (id, _) = graph?.features().find(|(_, node)| node.feature == feature)?;
            Some(id.to_string())
        };
        let request = match (shown, &seen.open.personal.stage) {
            (Some(renew), Stage::AwaitingCredential) if waits => Some(self.shown_request(token, renew, now).await?),
            (_, _) => None,
        };
        let offer = match shown {
            Some(renew)
                if session.workflow.kind == Kind::FirstVerification
                    && session.status == Status::Approved
                    && standing == Standing::Valid
                    && self.evidenced(&seen.open, now).is_some() =>
            {
                Some(self.shown_offer(token, renew, now).await?)
            }
            Some(_) | None => None,
        };
        let asking = self.asking(&seen.open, now);
        Ok(View {
            token: token.to_owned(),
            progress: self.progress_of(&seen, Vec::new(), now),
            environment: session.workflow.environment,
            kind: session.workflow.kind,
            takes_files: session.workflow.takes_files(),
            signals: seen.open.personal.stage.signals().to_vec(),
            causes: decision::Explained::of(&seen.open, self, now).causes,
            identity: seen.open.personal.stage.identity().cloned(),
            callback: session.callback.clone().filter(|_| goes_back).map(|url| returned(url, session)),
            returns_elsewhere: session.callback.is_some() && !goes_back,
            id: session.id,
            turn: seen.open.personal.stage.turn(),
            has_others: seen.open.personal.devices.has_others(),
            again: seen.open.personal.again.clone().filter(|_| session.status == Status::Resubmitted),
            is_late: session.is_late_at(now),
            embedders: self.embedders(session.application).await?,
            slots: seen.open.slots(asking.as_ref().map(|asking| &asking.node)),
            nodes: [node(Feature::Ocr), node(Feature::Liveness).or_else(|| node(Feature::FaceMatch))],
            taken: self.offer_is_taken(&seen.open, now).await?,
            standing,
            offer,
            asked: seen.open.personal.showing.asked(),
            asking,
            request,
            has_consents: !seen.open.personal.consents.is_empty(),
        })
    }

    /// Takes the picture of the document, and reads it. A document may be handed over again until the selfie is there.
    ///
    /// # Errors
    /// [`Error::OutOfTurn`], [`Error::Over`], [`Error::TooManyTries`]. A picture that cannot be used is no error: the
    /// answer says what to do.
    pub async fn submit_document(&self, token: &str, picture: Vec<u8>, now: Timestamp) -> Result<Progress, Error> {
        let seen = self.seen_by_token(token).await?;
        self.check_due(&seen.open, now)?;
        if !repeats(&seen.open, Part::Document) {
            return Err(OutOfTurn("document").into());
        }
        let turn = seen.open.personal.stage.turn();
        let stayed = match &seen.open.personal.stage {
            Stage::Opened | Stage::DocumentRead { .. } => None,
            Stage::DocumentAgain { selfie } => Some(selfie.read.clone()),
            Stage::Complete { .. }
            | Stage::Decided { .. }
            | Stage::AwaitingCredential
            | Stage::AwaitingFace { .. }
            | Stage::Compared { .. } => return Err(OutOfTurn("document").into()),
        };
        if let Some(scenario) = seen.open.personal.scenario {
            return self.play(token, scenario, picture, now).await;
        }
        let day = today(now);
        let reader = move |models: &Models, bytes: &[u8], limits: &Limits| read::document(models, bytes, limits, day);
        let (picture, read) = self.read(picture, reader).await?;
        let read = match read {
            Ok(read) => read,
            Err(signal) => return self.refuse(token, vec![signal], now).await,
        };
        let evidence = Evidence { against: Against::Document(&read.value), selfie: None, today: today(now) };
        let signals = checks::run(&checks::of_document(&seen.open.session.workflow), &evidence);
        let blocking: Vec<Signal> = signals.iter().filter(|signal| stops_document(signal)).cloned().collect();
        if !blocking.is_empty() || read.value.identity.is_none() {
            return self.refuse(token, blocking, now).await;
        }
        let advice = signals.into_iter().filter(is_advice).collect();
        // Who else has the face that stayed is asked anew: the document may name another person than the one before.
        let searched = match &stayed {
            Some(selfie) => Some(self.search_faces(&seen.open, read.value.identity.as_ref(), selfie).await?),
            None => None,
        };
        let kept = self.keep(&seen.open, "document", &picture, read.media_type).await?;
        let document = Handed { picture: kept, read: read.value };
        let mut dropped = None;
        let done = self
            .change(token, now, |open| {
                // Another device was faster while this picture was read.
                if open.personal.stage.turn() != turn {
                    return Err(OutOfTurn("document").into());
                }
                dropped = open.personal.stage.document().map(|document| document.picture.blob);
                let mut next = open.personal.stage.clone().with_document(document.clone())?;
                if let (Stage::Complete { selfie, .. }, Some(searched)) = (&mut next, &searched) {
                    selfie.read.searched = searched.clone();
                    next = decide(next, open, now)?;
                }
                open.personal.stage = next;
                Ok(self.settle(open, "session.document_received", now))
            })
            .await;
        match done {
            Ok(seen) => {
                if let Some(blob) = dropped {
                    self.blobs.delete(blob).await?;
                }
                Ok(self.progress_of(&seen, advice, now))
            }
            Err(error) => {
                self.blobs.delete(document.picture.blob).await?;
                Err(error)
            }
        }
    }

    /// Takes the selfie, compares, and decides.
    ///
    /// # Errors
    /// As [`Issuer::submit_document`].
    pub async fn submit_selfie(
        &self,
        token: &str,
        shown: impl Into<Submission>,
        now: Timestamp,
    ) -> Result<Progress, Error> {
        let seen = self.seen_by_token(token).await?;
        self.check_due(&seen.open, now)?;
        if let Stage::AwaitingFace { reference } = &seen.open.personal.stage {
            let reference = reference.clone();
            return self.submit_reuse_selfie(token, seen, reference, shown.into(), now).await;
        }
        let Stage::DocumentRead { document, identity } = &seen.open.personal.stage else {
            return Err(OutOfTurn("selfie").into());
        };
        let asked = Asked { against: Against::Document(&document.read), identity: Some(identity) };
        let selfie = match self.receive_selfie(token, &seen, asked, shown.into(), now).await? {
            Ok(selfie) => selfie,
            Err(refused) => return Ok(refused),
        };
        self.conclude_selfie(token, &selfie, now, |open| {
            let complete = open.personal.stage.clone().with_selfie(selfie.clone())?;
            open.personal.stage = decide(complete, open, now)?;
            Ok(self.settle(open, "session.in_review", now))
        })
        .await
    }

    /// The decision as the v3 API says it, with `signals` and `causes` beside it.
    ///
    /// # Errors
    /// [`Error::NoSuchSession`], [`Error::Erased`].
    pub async fn decision(&self, id: Uuid, now: Timestamp) -> Result<decision::Explained, Error> {
        let seen = self.seen_by_id(id).await?;
        let mut explained = decision::Explained::of(&seen.open, self, now);
        self.name_matches(&mut explained.decision).await?;
        Ok(explained)
    }

    /// What the audit log says of a session, oldest first, at most a page of it.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn events(&self, id: Uuid) -> Result<Vec<serde_json::Value>, Error> {
        let page = Log::of(&self.store).about(&self.session_reference(id), None).await?;
        Ok(page
            .items
            .iter()
            .map(|sealed| {
                serde_json::json!({
                    "at": sealed.entry.at,
                    "type": sealed.entry.action,
                    "facts": sealed.entry.facts,
                })
            })
            .collect())
    }

    pub(crate) fn sessions(&self) -> Collection<Session> {
        Collection::of(&self.store)
    }

    pub(crate) async fn seen_by_id(&self, id: Uuid) -> Result<Seen, Error> {
        let Loaded { seen, value } = self.sessions().load(&id).await?.ok_or(Error::NoSuchSession)?;
        let open = OpenSession::open(value, &self.vault)?.ok_or(Error::Erased)?;
        Ok(Seen { seen, open })
    }

    pub(crate) async fn seen_by_token(&self, token: &str) -> Result<Seen, Error> {
        // The index holds only hashes, so looking one up tells nothing about those beside it.
        let found = self.sessions().find("token", &token_hash(token)).await?;
        let Loaded { seen, value } = found.ok_or(Error::NoSuchSession)?;
        let open = OpenSession::open(value, &self.vault)?.ok_or(Error::Erased)?;
        Ok(Seen { seen, open })
    }

    pub(crate) fn entry(&self, session: &Session, action: &str, now: Timestamp) -> Entry {
        let entry = Entry::new(now, action, self.actor("hosted"), self.session_reference(session.id));
        entry.fact("status", session.status)
    }

    /// Loads, changes and commits a session, again when someone wrote meanwhile. `change` gives the audit action, and may
    /// give more to write. Where it approves a person, their face is kept in the same commit.
    pub(crate) async fn change<W: Into<Written>>(
        &self,
        which: impl Into<Which<'_>>,
        now: Timestamp,
        mut change: impl FnMut(&mut OpenSession) -> Result<W, Error>,
    ) -> Result<Seen, Error> {
        let which = which.into();
        for _ in 0..TRIES {
            let Seen { seen, mut open } = match which {
                Which::Token(token) => self.seen_by_token(token).await?,
                Which::Id(id) => self.seen_by_id(id).await?,
            };
            let before = open.session.status;
            let called = open.personal.called.clone();
            // What comes over the person's link begins the session; nothing that a client does is the person.
            if matches!(which, Which::Token(_)) {
                begin(&mut open.session);
            }
            let under_way = open.session.status;
            open.session.retention.last_activity = Some(now);
            let Written { action, facts, also, told } = change(&mut open)?.into();
            let entry = self.entry(&open.session, action, now);
            let entry = facts.into_iter().fold(entry, |entry, (name, value)| entry.fact(name, value));
            let (face_key, face_kept) = self.enrolment(before, &open, now).await?.unzip();
            let reached = self.reached_events(&called, under_way, &mut open, now).await?;
            let events = reached.and(self.status_event(Some(before), &mut open, now).await?);
            let events = match told {
                Some(news) => events.and(self.event(news, &mut open, now).await?),
                None => events,
            };
            let batch = Batch::new().replace(seen, &open.seal(self.entropy())?).audit(entry).and(also);
            match self.store.commit(batch.and(face_kept.unwrap_or_default()).and(events)).await {
                Ok(receipt) => {
                    self.posted();
                    if let Some(key) = face_key {
                        self.refresh_face(key).await;
                    }
                    return Ok(Seen { seen: receipt.version, open });
                }
                Err(error) if error.is_conflict() => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::Busy)
    }

    /// Counts an upload that could not be used, and says why. Nothing else is written.
    pub(crate) async fn refuse(&self, token: &str, problems: Vec<Signal>, now: Timestamp) -> Result<Progress, Error> {
        let seen = self
            .change(token, now, |open| {
                open.session.attempts = open.session.attempts.saturating_add(1);
                Ok("session.upload_refused")
            })
            .await?;
        Ok(self.stands(&seen.open, false, problems, now))
    }

    pub(crate) fn check_open(&self, session: &Session, now: Timestamp) -> Result<(), Error> {
        match session.status_at(now) {
            Status::Resubmitted if session.is_late_at(now) => return Err(Error::Over(Status::Expired)),
            Status::NotStarted | Status::InProgress | Status::Resubmitted => {}
            Status::Approved | Status::Declined | Status::InReview => return Err(OutOfTurn("picture").into()),
            over @ (Status::AwaitingUser | Status::Expired | Status::KycExpired | Status::Abandoned) => {
                return Err(Error::Over(over));
            }
        }
        if session.attempts >= session.workflow.attempts { Err(Error::TooManyTries) } else { Ok(()) }
    }

    /// Runs a reader on a blocking thread, no more of them at a time than the settings say. A picture that cannot be read
    /// comes back as what to tell the person.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        picture: Vec<u8>,
        reader: impl FnOnce(&Models, &[u8], &Limits) -> Result<T, ReadError> + Send + 'static,
    ) -> Result<(Vec<u8>, Result<T, Signal>), Error> {
        let limits = self.config.picture_limits;
        let (picture, read) = self
            .on_models(move |models| {
                let read = reader(models, &picture, &limits);
                Ok((picture, read))
            })
            .await?;
        match read {
            Ok(read) => Ok((picture, Ok(read))),
            Err(ReadError::Picture(code)) => {
                Ok((picture, Err(Signal::new(CheckName::ImageQuality, Outcome::Fail, code))))
            }
            Err(ReadError::Models(error)) => Err(error.into()),
        }
    }

    /// Runs something on the models, on a blocking thread, no more of them at a time than the settings say.
    pub(crate) async fn on_models<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Models) -> Result<T, ModelsError> + Send + 'static,
    ) -> Result<T, Error> {
        let _place = self.readers.acquire().await.map_err(|error| Error::Task(error.to_string()))?;
        let models = self.models.clone();
        let work = tokio::task::spawn_blocking(move || work(&models));
        Ok(work.await.map_err(|error| Error::Task(error.to_string()))??)
    }

    /// Opens a picture that was kept.
    pub(crate) fn open_kept(&self, open: &OpenSession, what: &str, sealed: &[u8]) -> Result<Vec<u8>, Error> {
        Ok(open.key.open(&picture_context(open.session.id, what), sealed)?.expose().to_vec())
    }

    /// Seals a picture and keeps it.
    pub(crate) async fn keep(
        &self,
        open: &OpenSession,
        what: &str,
        picture: &[u8],
        media_type: &str,
    ) -> Result<Kept, Error> {
        let sealed = open.key.seal(&picture_context(open.session.id, what), picture, self.entropy())?;
        let blob = self.blobs.put(sealed).await?;
        Ok(Kept { blob, media_type: media_type.to_owned(), bytes: picture.len() as u64 })
    }
}

/// What a picture is sealed for.
fn picture_context(id: Uuid, what: &str) -> String {
    format!("warifu {what} of session {id}")
}

/// Whether this part may be handed in: in a session that a reviewer opened again only what was asked for.
fn repeats(open: &OpenSession, part: Part) -> bool {
    let asked = open.personal.again.as_ref().filter(|_| open.session.status == Status::Resubmitted);
    asked.is_none_or(|again| again.parts.contains(&part))
}

/// The first thing that arrives begins the session.
fn begin(session: &mut Session) {
    if let Ok(status) = session.status.to(Status::InProgress) {
        session.status = status;
    }
}

/// Runs all checks on a complete session.
fn decide(complete: Stage, open: &OpenSession, now: Timestamp) -> Result<Stage, OutOfTurn> {
    let Stage::Complete { document, selfie, .. } = &complete else { return Err(OutOfTurn("verdict")) };
    let against = Against::Document(&document.read);
    let evidence = Evidence { against, selfie: Some(&selfie.read), today: today(now) };
    let mut signals = checks::run(&checks::all(&open.session.workflow), &evidence);
    signals.extend(expectations(open, complete.identity()));
    complete.decided(signals, now)
}

/// What the client expected of the document, where it did.
pub(crate) fn expectations(open: &OpenSession, who: Option<&Identity>) -> Vec<Signal> {
    let expected = open.personal.expected.as_ref();
    expected.zip(who).map(|(expected, who)| expected.compare(who)).unwrap_or_default()
}

/// The status that a verdict gives a session, and the name of the change in the audit log.
pub(crate) fn status_of(stage: &Stage, workflow: &Workflow) -> (Status, &'static str) {
    match stage.verdict(workflow) {
        Some(Verdict::Approved(_)) => (Status::Approved, "session.approved"),
        Some(Verdict::Recognised(_)) => (Status::Approved, "session.recognised"),
        Some(Verdict::Declined { .. }) => (Status::Declined, "session.declined"),
        Some(Verdict::InReview { .. }) | None => (Status::InReview, "session.in_review"),
    }
}

/// The day of `now` in UTC.
pub(crate) fn today(now: Timestamp) -> jiff::civil::Date {
    now.to_zoned(TimeZone::UTC).date()
}

/// What another picture, or another document, can mend: the person hears it at once. The rest goes into the verdict.
fn stops_document(signal: &Signal) -> bool {
    let mends = [
        CheckName::ImageQuality,
        CheckName::DocumentFound,
        CheckName::MrzFound,
        CheckName::DocumentExpiry,
        CheckName::DocumentIssuer,
        CheckName::PortraitFound,
    ];
    signal.outcome == Outcome::Fail && mends.contains(&signal.name)
}

pub(crate) fn stops_selfie(signal: &Signal) -> bool {
    signal.outcome == Outcome::Fail && signal.name == CheckName::OneLiveFace
}

/// What a better picture would make certain; without it a person will look.
fn is_advice(signal: &Signal) -> bool {
    let certain =
        [CheckName::MrzCheckDigits, CheckName::MrzVisualZone, CheckName::PortraitFound, CheckName::ImageQuality];
    matches!(signal.outcome, Outcome::Warn | Outcome::Fail) && certain.contains(&signal.name)
}
