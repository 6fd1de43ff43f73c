//! How a selfie comes in: hints while the person finds their place, a challenge, and the recording or picture.
//!
//! A challenge is kept with the session, sealed, and used up by the first recording that comes for it. A recording that
//! fails its challenge may be made again, as often as the workflow allows; the last one goes into the verdict as it is.

use jiff::Timestamp;
use warifu_models::liveness::framing::{self, Framing};
use warifu_models::liveness::{Challenge, Recording};
use warifu_models::picture::{Limits, Picture};

use crate::kyc::check::{CheckName, Code, Outcome, Signal};
use crate::kyc::checks;
use crate::kyc::checks::capture::of_reason;
use crate::kyc::evidence::{Against, Evidence, Handed, Selfie, Taken};
use crate::kyc::identity::Identity;
use crate::kyc::read::{self, Judged, Read, ReadError};
use crate::kyc::service::{Progress, Seen, stops_selfie, today};
use crate::kyc::session::OpenSession;
use crate::kyc::stage::{OutOfTurn, Stage};
use crate::{Error, Issuer};

/// Limits for live frames, which are small.
const LIVE: Limits = Limits { bytes: 400_000, pixels: 1_000_000, side: 1_500 };

/// What a person showed as their selfie.
#[derive(Debug)]
pub enum Submission {
    /// A picture file.
    File(Vec<u8>),
    /// The recording for the session's challenge.
    Recording(Recording),
}

impl From<Vec<u8>> for Submission {
    fn from(file: Vec<u8>) -> Self {
        Self::File(file)
    }
}

/// What a selfie is taken for.
pub(crate) struct Asked<'a> {
    /// What it is held against.
    pub(crate) against: Against<'a>,
    /// Whom the document names, where there is one: a known face under the same name is no stranger's.
    pub(crate) identity: Option<&'a Identity>,
}

/// A selfie that can be used, or what to tell the person.
type Taking = Result<(Vec<u8>, Read<Selfie>), Signal>;

impl Issuer {
    /// A fresh challenge for a session that waits for its selfie. The one before it is worth nothing any more.
    ///
    /// # Errors
    /// [`Error::NoSuchSession`], [`Error::OutOfTurn`], [`Error::Over`], [`Error::TooManyTries`].
    pub async fn give_challenge(&self, token: &str, now: Timestamp) -> Result<Challenge, Error> {
        let seen = self.seen_by_token(token).await?;
        self.check_due(&seen.open, now)?;
        waits_for_selfie(&seen.open.personal.stage)?;
        let challenge = Challenge::new(seen.open.session.workflow.liveness_method, self.entropy().array(), now);
        self.change(token, now, |open| {
            open.personal.challenge = Some(challenge.clone());
            Ok("session.challenge_given")
        })
        .await?;
        Ok(challenge)
    }

    /// What to do about a live frame, for the hints of the page. Nothing of it is kept, and nothing follows from it.
    ///
    /// # Errors
    /// As [`Issuer::give_challenge`], and [`Error::Field`] for what is no small picture.
    pub async fn look(
        &self,
        token: &str,
        frame: Vec<u8>,
        question: framing::Question,
        now: Timestamp,
    ) -> Result<Framing, Error> {
        let seen = self.seen_by_token(token).await?;
        self.check_due(&seen.open, now)?;
        waits_for_selfie(&seen.open.personal.stage)?;
        let look = move |models: &warifu_models::Models, bytes: &[u8], _: &Limits| {
            let picture = Picture::decode(bytes, &LIVE).map_err(|_| ReadError::Picture(Code::PictureDamaged))?;
            Ok(framing::look(models, &picture, &question)?)
        };
        let (_, seen) = self.read(frame, look).await?;
        seen.map_err(|signal| Error::Field { field: "frame", why: signal.reason })
    }

    /// Takes a selfie in: measured, found usable, searched among the known faces, kept. What can be mended is counted, and
    /// comes back as what to tell the person.
    pub(crate) async fn receive_selfie(
        &self,
        token: &str,
        seen: &Seen,
        asked: Asked<'_>,
        shown: Submission,
        now: Timestamp,
    ) -> Result<Result<Handed<Selfie>, Progress>, Error> {
        let (picture, Read { value: mut read, media_type }) = match self.take_selfie(token, seen, shown, now).await? {
            Ok(taken) => taken,
            Err(signal) => return Ok(Err(self.refuse(token, vec![signal], now).await?)),
        };
        let evidence = Evidence { against: asked.against, selfie: Some(&read), today: today(now) };
        let signals = checks::run(&checks::of_selfie(&seen.open.session.workflow), &evidence);
        let blocking: Vec<Signal> = signals.into_iter().filter(stops_selfie).collect();
        if !blocking.is_empty() {
            return Ok(Err(self.refuse(token, blocking, now).await?));
        }
        read.searched = self.search_faces(&seen.open, asked.identity, &read).await?;
        let picture = self.keep(&seen.open, "selfie", &picture, media_type).await?;
        Ok(Ok(Handed { picture, read }))
    }

    /// Commits what follows from a selfie that was taken in. Where nothing can be committed, its picture goes.
    pub(crate) async fn conclude_selfie(
        &self,
        token: &str,
        selfie: &Handed<Selfie>,
        now: Timestamp,
        change: impl FnMut(&mut OpenSession) -> Result<&'static str, Error>,
    ) -> Result<Progress, Error> {
        match self.change(token, now, change).await {
            Ok(seen) => Ok(self.progress_of(&seen, Vec::new(), now)),
            Err(error) => {
                self.blobs.delete(selfie.picture.blob).await?;
                Err(error)
            }
        }
    }

    /// Measures what the person showed. Problems that they can mend come back as what to tell them.
    async fn take_selfie(&self, token: &str, seen: &Seen, shown: Submission, now: Timestamp) -> Result<Taking, Error> {
        let workflow = &seen.open.session.workflow;
        let refused = |code| Signal::new(CheckName::SelfieCapture, Outcome::Fail, code);
        let recording = match shown {
            Submission::File(_) if !workflow.takes_files() => return Ok(Err(refused(Code::CaptureNeeded))),
            Submission::File(picture) => {
                let (picture, read) = self.read(picture, read::selfie).await?;
                return Ok(read.map(|read| (picture, read)));
            }
            Submission::Recording(recording) => recording,
        };
        let Some(challenge) = self.use_challenge(token, now).await? else {
            return Ok(Err(refused(Code::RecordingUnusable)));
        };
        if challenge.method() != workflow.liveness_method {
            return Ok(Err(refused(Code::RecordingUnusable)));
        }
        let footage = match challenge.admit(recording, now) {
            Ok(footage) => footage,
            Err(refusal) => {
                tracing::info!(code = refusal.code(), "a recording was refused");
                return Ok(Err(refused(of_reason(refusal.code()))));
            }
        };
        let judged = self.on_models(move |models| read::recording(models, footage)).await?;
        let Judged { picture, read } = match judged {
            Ok(judged) => judged,
            Err(reason) => return Ok(Err(Signal::new(CheckName::OneLiveFace, Outcome::Fail, of_reason(reason)))),
        };
        let last = seen.open.personal.failed_challenges + 1 >= workflow.liveness_attempts;
        match &read.value.taken {
            Taken::Recorded(recorded) if !last => match recorded.reasons.first() {
                None => Ok(Ok((picture, read))),
                Some(reason) => {
                    tracing::info!(code = reason, "a challenge was not met");
                    self.change(token, now, |open| {
                        open.personal.failed_challenges += 1;
                        Ok("session.challenge_failed")
                    })
                    .await?;
                    Ok(Err(Signal::new(CheckName::ActiveLiveness, Outcome::Fail, of_reason(reason))))
                }
            },
            Taken::Recorded(_) | Taken::Uploaded => Ok(Ok((picture, read))),
        }
    }

    /// The session's challenge, once.
    async fn use_challenge(&self, token: &str, now: Timestamp) -> Result<Option<Challenge>, Error> {
        let mut challenge = None;
        self.change(token, now, |open| {
            challenge = open.personal.challenge.take();
            Ok("session.challenge_used")
        })
        .await?;
        Ok(challenge)
    }
}

fn waits_for_selfie(stage: &Stage) -> Result<(), OutOfTurn> {
    match stage {
        Stage::DocumentRead { .. } | Stage::AwaitingFace { .. } => Ok(()),
        Stage::Opened
        | Stage::DocumentAgain { .. }
        | Stage::Complete { .. }
        | Stage::Decided { .. }
        | Stage::AwaitingCredential
        | Stage::Compared { .. } => Err(OutOfTurn("selfie")),
    }
}
