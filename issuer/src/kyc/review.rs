//! What a client's reviewers do with a session: another status, another word on one feature, corrections, notes.
//!
//! A reviewer's word changes what the session is called, never what the checks found: the verdict still follows from the
//! signals alone ([`crate::kyc::stage::Stage::verdict`]), so nothing is minted of an approval against them. Corrections
//! stand beside what was read. All of it is sealed with the session and goes when it is erased.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use uuid::Uuid;
use warifu_session::decision::{Correction, StatusOverride};
use warifu_session::{FeatureStatus, Status};

use crate::kyc::decision;
use crate::kyc::resubmit::{Reopen, reopen};
use crate::kyc::reuse::Reference;
use crate::kyc::service::{Written, status_of};
use crate::kyc::session::OpenSession;
use crate::kyc::stage::Stage;
use crate::webhook::News;
use crate::{Error, Issuer};

/// Longest comment, in characters.
pub const COMMENT: usize = 2_000;
/// Most entries of a session's activity.
const ACTIVITY: usize = 1_000;
/// Longest corrected value, in characters.
const VALUE: usize = 256;

/// A feature of the v3 API that runs here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = FeatureName)]
pub enum Feature {
    /// The document.
    #[serde(rename = "ID_VERIFICATION")]
    IdVerification,
    /// Liveness of the selfie.
    #[serde(rename = "LIVENESS")]
    Liveness,
    /// Selfie against portrait.
    #[serde(rename = "FACEMATCH")]
    FaceMatch,
}

impl Feature {
    /// The feature of a name, in either of the spellings that the API has.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "ID_VERIFICATION" | "OCR" => Some(Self::IdVerification),
            "LIVENESS" => Some(Self::Liveness),
            "FACEMATCH" | "FACE_MATCH" => Some(Self::FaceMatch),
            _ => None,
        }
    }

    /// The name in a decision.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::IdVerification => "ID_VERIFICATION",
            Self::Liveness => "LIVENESS",
            Self::FaceMatch => "FACEMATCH",
        }
    }
}

/// What kind of entry stands in a session's activity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ActivityType {
    /// The status was changed.
    StatusUpdated,
    /// The word on a feature was changed.
    FeatureUpdated,
    /// Values were corrected.
    DataUpdated,
    /// A note.
    Note,
}

/// One entry of a session's activity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Activity {
    /// Identifier.
    pub uuid: Uuid,
    /// What was done.
    pub activity_type: ActivityType,
    /// Always an application: its own people are its affair.
    pub actor_type: String,
    /// Name of the application.
    pub actor_name: String,
    /// The status before.
    pub previous_status: Status,
    /// The status after; the same where nothing changed. In a note, what the note says it should be.
    pub new_status: Status,
    /// Why.
    pub comment: String,
    /// Names of what changed.
    pub changed_fields: Vec<String>,
    /// When.
    pub created_at: Timestamp,
}

/// A reviewer's word on one feature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ruling {
    /// The feature.
    pub feature: Feature,
    /// What it is from now on.
    pub status: FeatureStatus,
    /// When.
    pub at: Timestamp,
}

/// A change of status that a reviewer asks for.
#[derive(Debug, Clone)]
pub struct StatusChange {
    /// `Approved`, `Declined` or `Resubmitted`.
    pub status: Status,
    /// Why.
    pub comment: String,
    /// Where a resubmission begins.
    pub reopen: Reopen,
}

impl Issuer {
    /// Gives a session another status, and reopens it where that is `Resubmitted`: the person's link works again and leads
    /// to what is to be repeated; what was handed over for it before is dropped, and the rest stays.
    ///
    /// # Errors
    /// [`Error::Transition`] for a change that may not happen, [`Error::OutOfTurn`] where there is nothing to repeat,
    /// [`Error::Field`] for a step that the session does not have.
    pub async fn update_status(&self, id: Uuid, change: StatusChange, by: &str, now: Timestamp) -> Result<(), Error> {
        let fresh = self.seen_by_id(id).await?.open;
        let reference = self.kept_reference(&fresh).await?;
        let entry_id = self.fresh_id();
        let mut dropped = Vec::new();
        self.change(id, now, |open| {
            let before = open.session.status_at(now);
            // Who is not decided yet, or was left too late to begin, is not a reviewer's to judge.
            if matches!(before, Status::NotStarted | Status::InProgress | Status::AwaitingUser | Status::Expired) {
                return Err(warifu_session::status::OutOfTurn { from: before, to: change.status }.into());
            }
            let after = before.to(change.status)?;
            if after == Status::Resubmitted {
                dropped = reopen(open, &change.reopen, &change.comment, reference.clone())?;
                let life = self.config.session_life;
                open.session.expires_at = now.saturating_add(life).unwrap_or(Timestamp::MAX);
                open.session.attempts = 0;
                open.personal.overridden = None;
            } else {
                let (automatic_status, _) = status_of(&open.personal.stage, &open.session.workflow);
                open.personal.overridden =
                    (automatic_status != after).then_some(StatusOverride { overridden_at: now, automatic_status });
            }
            open.session.status = after;
            log(
                open,
                Activity {
                    uuid: entry_id,
                    activity_type: ActivityType::StatusUpdated,
                    actor_type: "application".to_owned(),
                    actor_name: by.to_owned(),
                    previous_status: before,
                    new_status: after,
                    comment: change.comment.clone(),
                    changed_fields: vec!["status".to_owned()],
                    created_at: now,
                },
            )?;
            Ok("session.reviewed")
        })
        .await?;
        for blob in dropped {
            self.blobs.delete(blob).await?;
        }
        Ok(())
    }

    /// Gives one feature another status. The session's own status stays.
    ///
    /// # Errors
    /// [`Error::NotDecided`] for a session without verdict, [`Error::Field`] for a feature that it does not run.
    pub async fn update_feature(
        &self,
        id: Uuid,
        (feature, status): (Feature, FeatureStatus),
        comment: &str,
        by: &str,
        now: Timestamp,
    ) -> Result<(), Error> {
        let entry_id = self.fresh_id();
        self.change(id, now, |open| {
            let session = &open.session;
            if open.personal.stage.signals().is_empty() {
                return Err(Error::NotDecided(session.status_at(now)));
            }
            if !decision::runs(&session.workflow).contains(&feature.word()) {
                let why = format!("This session does not run {}.", feature.word());
                return Err(Error::Field { field: "feature", why });
            }
            open.personal.rulings.retain(|other| other.feature != feature);
            open.personal.rulings.push(Ruling { feature, status, at: now });
            let unchanged = open.session.status;
            log(
                open,
                Activity {
                    uuid: entry_id,
                    activity_type: ActivityType::FeatureUpdated,
                    actor_type: "application".to_owned(),
                    actor_name: by.to_owned(),
                    previous_status: unchanged,
                    new_status: unchanged,
                    comment: comment.to_owned(),
                    changed_fields: vec![format!("{}.status", feature.word())],
                    created_at: now,
                },
            )?;
            Ok("session.feature_reviewed")
        })
        .await?;
        Ok(())
    }

    /// Keeps corrections beside what was read; `null` takes one back. Says which fields were changed.
    ///
    /// # Errors
    /// [`Error::NotDecided`] before a document was read, [`Error::Field`] for a value that can not be right.
    pub async fn update_data(
        &self,
        id: Uuid,
        body: &Map<String, Value>,
        by: &str,
        now: Timestamp,
    ) -> Result<Vec<String>, Error> {
        let wanted = corrections(body)?;
        let entry_id = self.fresh_id();
        let names: Vec<String> = wanted.iter().map(|(name, _)| (*name).to_owned()).collect();
        self.change(id, now, |open| {
            if open.personal.stage.identity().is_none() {
                return Err(Error::NotDecided(open.session.status_at(now)));
            }
            for (name, value) in &wanted {
                let read = decision::read_value(open, name);
                match value {
                    Some(value) => {
                        let by = Some(by.to_owned());
                        let correction = Correction { read, corrected: value.clone(), by, at: now };
                        open.personal.corrections.insert((*name).to_owned(), correction);
                    }
                    None => {
                        open.personal.corrections.remove(*name);
                    }
                }
            }
            let unchanged = open.session.status;
            log(
                open,
                Activity {
                    uuid: entry_id,
                    activity_type: ActivityType::DataUpdated,
                    actor_type: "application".to_owned(),
                    actor_name: by.to_owned(),
                    previous_status: unchanged,
                    new_status: unchanged,
                    comment: String::new(),
                    changed_fields: names.clone(),
                    created_at: now,
                },
            )?;
            Ok(Written::from("session.data_corrected").told(News::DataUpdated))
        })
        .await?;
        Ok(names)
    }

    /// Adds a note, which changes nothing.
    ///
    /// # Errors
    /// [`Error::NoSuchSession`], [`Error::Erased`].
    pub async fn add_note(
        &self,
        id: Uuid,
        (status, comment): (Option<Status>, &str),
        by: &str,
        now: Timestamp,
    ) -> Result<Activity, Error> {
        let entry_id = self.fresh_id();
        let seen = self
            .change(id, now, |open| {
                let status_now = open.session.status_at(now);
                log(
                    open,
                    Activity {
                        uuid: entry_id,
                        activity_type: ActivityType::Note,
                        actor_type: "application".to_owned(),
                        actor_name: by.to_owned(),
                        previous_status: status_now,
                        new_status: status.unwrap_or(status_now),
                        comment: comment.to_owned(),
                        changed_fields: Vec::new(),
                        created_at: now,
                    },
                )?;
                Ok("session.noted")
            })
            .await?;
        seen.open.personal.reviews.last().cloned().ok_or(Error::Busy)
    }

    /// What reviewers did and noted, oldest first.
    ///
    /// # Errors
    /// [`Error::NoSuchSession`], [`Error::Erased`].
    pub async fn activity(&self, id: Uuid) -> Result<Vec<Activity>, Error> {
        Ok(self.seen_by_id(id).await?.open.personal.reviews)
    }

    /// The face that a reuse session can be compared with once more: the kept one of the person. A portrait that the client
    /// handed in and a credential that was shown are not there any more.
    async fn kept_reference(&self, open: &OpenSession) -> Result<Option<Reference>, Error> {
        let Stage::Compared { .. } = &open.personal.stage else { return Ok(None) };
        let Some(vendor_data) = open.session.vendor_data.as_deref() else { return Ok(None) };
        let key = self.face_secret.owner(open.session.application, vendor_data);
        Ok(self.faces().load(&key).await?.map(|_| Reference::Enrolled(key)))
    }
}

fn log(open: &mut OpenSession, entry: Activity) -> Result<(), Error> {
    if open.personal.reviews.len() >= ACTIVITY {
        let why = "There are 1000 entries already.".to_owned();
        return Err(Error::Field { field: "comment", why });
    }
    open.personal.reviews.push(entry);
    Ok(())
}

/// How a corrected value has to look.
#[derive(Clone, Copy)]
enum Form {
    Text,
    Date,
    Country,
    Gender,
}

const FIELDS: &[(&str, Form)] = &[
    ("document_type", Form::Text),
    ("document_number", Form::Text),
    ("personal_number", Form::Text),
    ("first_name", Form::Text),
    ("last_name", Form::Text),
    ("date_of_birth", Form::Date),
    ("expiration_date", Form::Date),
    ("date_of_issue", Form::Date),
    ("issuing_state", Form::Country),
    ("nationality", Form::Country),
    ("gender", Form::Gender),
    ("place_of_birth", Form::Text),
    ("marital_status", Form::Text),
    ("address", Form::Text),
    ("formatted_address", Form::Text),
];

/// The corrections in a request. Members that are no fields of a document are passed over.
fn corrections(body: &Map<String, Value>) -> Result<Vec<(&'static str, Option<String>)>, Error> {
    let bad = |field, why: &str| Err(Error::Field { field, why: why.to_owned() });
    let mut found = Vec::new();
    for (name, form) in FIELDS {
        let text = match body.get(*name) {
            None => continue,
            Some(Value::Null) => {
                found.push((*name, None));
                continue;
            }
            Some(Value::String(text)) => text.trim(),
            Some(_) => return bad(name, "Not a valid string."),
        };
        if text.is_empty() || text.chars().count() > VALUE || text.chars().any(char::is_control) {
            return bad(name, "Ensure this field has 1 to 256 characters.");
        }
        let fits = match form {
            Form::Text => true,
            Form::Date => text.parse::<Date>().is_ok(),
            Form::Country => text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_uppercase()),
            Form::Gender => matches!(text, "M" | "F" | "U"),
        };
        if !fits {
            return bad(
                name,
                match form {
                    Form::Text => "Not a valid string.",
                    Form::Date => "Date has wrong format. Use YYYY-MM-DD.",
                    Form::Country => "Enter an ISO 3166-1 alpha-3 code.",
                    Form::Gender => "Must be one of M, F, U.",
                },
            );
        }
        found.push((*name, Some(text.to_owned())));
    }
    if found.is_empty() {
        return bad("detail", "Name at least one field of the document.");
    }
    Ok(found)
}
