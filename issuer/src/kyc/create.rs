//! Making a session: checked, numbered, idempotent for an unfinished one.

use jiff::Timestamp;
use uuid::Uuid;
use warifu_store::{Batch, Collection, Loaded};

use crate::kyc::reuse::Reference;
use crate::kyc::scenario::check_armable;
use crate::kyc::service::TRIES;
use crate::kyc::session::{LastNumber, METADATA, NewSession, OpenSession, Seed, Session, VENDOR_DATA, WorkflowName};
use crate::kyc::stage::Stage;
use crate::kyc::workflow::{Environment, Workflow};
use crate::{Error, Issuer};

/// Session numbers reserved at once; what is left of them when the process ends is skipped.
const NUMBERS: u64 = 64;

/// A new session, or the unfinished one of the same person.
#[derive(Debug)]
pub struct Created {
    /// The record.
    pub session: Session,
    /// The person's link.
    pub url: String,
    /// The token in it.
    pub token: String,
}

impl Issuer {
    /// Makes a session. The same `vendor_data` with an unfinished session on the same version of the workflow gives that
    /// session again, with the new callback and metadata.
    ///
    /// # Errors
    /// [`Error::Field`], [`Error::NoSuchWorkflow`]; [`Error::NoReference`] and [`Error::OtherModel`] for a reuse session.
    pub async fn create_session(&self, mut wanted: NewSession, now: Timestamp) -> Result<Created, Error> {
        check_wanted(&wanted)?;
        let environment = wanted.application.as_ref().map_or(self.config.environment, |one| one.environment);
        let application = wanted.application_id();
        let workflow = self.workflow(environment, application, wanted.workflow.as_ref()).await?;
        let workflow = &workflow.ok_or(Error::NoSuchWorkflow)?;
        if wanted.scenario.is_some() {
            check_armable(workflow)?;
        }
        let stage = self.beginning(workflow, &mut wanted).await?;
        // A portrait, a credential and a scenario are for this session alone: another one is not continued with them.
        let may_continue = wanted.scenario.is_none()
            && matches!(stage, Stage::Opened | Stage::AwaitingFace { reference: Reference::Enrolled(_) });
        if let Some(vendor_data) = wanted.vendor_data.as_ref().filter(|_| may_continue) {
            let found =
                self.sessions().find("unfinished", &Session::vendor_key(application, workflow, vendor_data)).await?;
            if let Some(Loaded { seen, value }) = found.filter(|found| now <= found.value.expires_at)
                && let Some(mut open) = OpenSession::open(value, &self.vault)?
                && !begins_otherwise(&open.personal.stage)
                && open.personal.scenario.is_none()
                && open.personal.expected == wanted.expected
            {
                open.session.callback = wanted.callback;
                open.session.metadata = wanted.metadata;
                open.session.retention.last_activity = Some(now);
                let entry = self.entry(&open.session, "session.reused", now);
                self.store.commit(Batch::new().replace(seen, &open.session).audit(entry)).await?;
                return Ok(self.created(open));
            }
        }
        let id = self.fresh_id();
        let number = self.next_number(application).await?;
        let expires_at = now.saturating_add(self.config.session_life).unwrap_or(Timestamp::MAX);
        let seed = Seed { id, number, workflow, wanted, now, expires_at };
        let mut open = OpenSession::create(seed, &self.vault, self.entropy())?;
        open.personal.stage = stage;
        let entry = self.entry(&open.session, "session.created", now).fact("workflow", workflow.id);
        let events = self.status_event(None, &mut open, now).await?;
        self.store.commit(Batch::new().insert(&open.seal(self.entropy())?).audit(entry).and(events)).await?;
        self.posted();
        Ok(self.created(open))
    }

    /// The workflow that is asked for: one of the settings for this environment, or one that the application published. When none
    /// is named, the one that the application made its default, else the first one of the settings.
    async fn workflow(
        &self,
        environment: Environment,
        application: Uuid,
        wanted: Option<&WorkflowName>,
    ) -> Result<Option<Workflow>, Error> {
        let mut ready = self.config.workflows_of(environment).into_iter();
        match wanted {
            None => Ok(self.default_rules(application).await?.or_else(|| ready.next())),
            Some(WorkflowName::Kind(kind)) => Ok(ready.find(|workflow| workflow.kind == *kind)),
            Some(WorkflowName::Id(id)) => match ready.find(|workflow| workflow.id == *id) {
                Some(workflow) => Ok(Some(workflow)),
                None => self.published_rules(application, *id).await,
            },
        }
    }

    fn created(&self, open: OpenSession) -> Created {
        let token = open.personal.token.expose().to_owned();
        let url = self.hosted_url(&open.session.language, &token);
        Created { url, token, session: open.session }
    }

    /// The next running number. Numbers are reserved in blocks, so sessions made in parallel do not wait for each other.
    async fn next_number(&self, application: Uuid) -> Result<u64, Error> {
        let mut numbers = self.numbers.lock().await;
        if let Some(number) = numbers.get_mut(&application).and_then(Iterator::next) {
            return Ok(number);
        }
        let counters = Collection::<LastNumber>::of(&self.store);
        for _ in 0..TRIES {
            let loaded = counters.load(&LastNumber::key_of(application)).await?;
            let last = loaded.as_ref().map_or(0, |loaded| loaded.value.last);
            let next = LastNumber { application, last: last.saturating_add(NUMBERS) };
            let batch = match loaded {
                Some(loaded) => Batch::new().replace(loaded.seen, &next),
                None => Batch::new().insert(&next),
            };
            match self.store.commit(batch).await {
                Ok(_) => {
                    numbers.insert(application, last + 2..next.last + 1);
                    return Ok(last + 1);
                }
                Err(error) if error.is_conflict() => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::Busy)
    }
}

/// Whether a session has a reference that was meant for it alone.
fn begins_otherwise(stage: &Stage) -> bool {
    match stage {
        Stage::AwaitingCredential => true,
        Stage::AwaitingFace { reference } => !matches!(reference, Reference::Enrolled(_)),
        Stage::Opened
        | Stage::DocumentRead { .. }
        | Stage::DocumentAgain { .. }
        | Stage::Complete { .. }
        | Stage::Decided { .. }
        | Stage::Compared { .. } => false,
    }
}

fn check_wanted(wanted: &NewSession) -> Result<(), Error> {
    let bad = |field, why: &str| Err(Error::Field { field, why: why.to_owned() });
    if wanted.vendor_data.as_ref().is_some_and(|text| text.chars().count() > VENDOR_DATA || text.is_empty()) {
        return bad("vendor_data", "Ensure this field has 1 to 256 characters.");
    }
    if wanted.metadata.as_ref().is_some_and(|value| value.to_string().len() > METADATA) {
        return bad("metadata", "Ensure this field has at most 16384 bytes of JSON.");
    }
    if wanted.callback.as_ref().is_some_and(|url| !matches!(url.scheme(), "http" | "https")) {
        return bad("callback", "Enter a valid URL.");
    }
    if wanted.language.as_ref().is_some_and(|tag| !is_language(tag)) {
        return bad("language", "Enter a language code.");
    }
    Ok(())
}

/// The languages that clients may name. Pages are in English and Japanese so far; the others see English.
const LANGUAGES: &[&str] = &[
    "en", "ar", "bg", "bn", "bs", "ca", "cnr", "cs", "da", "de", "el", "es", "et", "fa", "fi", "fr", "he", "hi", "hr",
    "hu", "hy", "id", "it", "ja", "ka", "kk", "ko", "ky", "lt", "lv", "mk", "mn", "ms", "nl", "no", "pl", "pt", "ro",
    "ru", "sk", "sl", "so", "sq", "sr", "sv", "th", "tr", "uk", "uz", "vi", "zh",
];

/// Whether a tag is one of the languages, with or without a region.
fn is_language(tag: &str) -> bool {
    let plain = tag.len() <= 16 && tag.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let primary = tag.split('-').next().unwrap_or_default();
    plain && LANGUAGES.iter().any(|language| language.eq_ignore_ascii_case(primary))
}
