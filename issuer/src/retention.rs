//! For how long what is kept of people is kept, and how it goes.
//!
//! Every class of data has a clock ([`Rules`]). It runs from the end of the relationship, which the client tells
//! ([`Issuer::end_relationship`]), else from the last thing that happened to the session. What is due is purged by
//! [`Issuer::purge_due`]: the key it was sealed under is destroyed in the same commit, so that copies in backups are noise,
//! and a [`PurgeReceipt`] says what went, how much, when and by which rule. A session under a [`Hold`] keeps everything.
//!
//! The audit log has no clock: its entries speak of people by keyed references only, which point nowhere once the session
//! they were made from is gone. Entries of the blocklist stay until a client takes them off.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;
use warifu_store::{Batch, Loaded, Stored};

use crate::config::BadSetting;
use crate::kyc::service::TRIES;
use crate::kyc::session::Session;
use crate::{Error, Issuer};

mod purge;

/// Longest reason of a hold, in characters.
const REASON: usize = 200;

/// A class of data with a clock of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = DataClass)]
pub enum Class {
    /// The pictures of document and selfie.
    Evidence,
    /// The face that is searched and compared in later sessions.
    Face,
    /// Everything else of the session about the person: identity, measures, decision.
    Identity,
    /// The signed receipts of consents.
    Consents,
    /// What was, or is to be, told to others about the session.
    Events,
}

impl Class {
    /// All of them, in the order in which they are purged.
    pub const ALL: [Self; 5] = [Self::Evidence, Self::Face, Self::Identity, Self::Consents, Self::Events];

    /// The word in settings, receipts and the audit log.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Evidence => "evidence",
            Self::Face => "face",
            Self::Identity => "identity",
            Self::Consents => "consents",
            Self::Events => "events",
        }
    }

    /// What goes with the key of a session.
    const SEALED: [Self; 3] = [Self::Evidence, Self::Face, Self::Identity];
}

/// For how many days each class is kept after the relationship ended. Default: five years
/// (Regulation (EU) 2024/1624 article 77) for all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rules {
    /// Pictures.
    pub evidence: u32,
    /// The kept face.
    pub face: u32,
    /// Identity and decision.
    pub identity: u32,
    /// Receipts of consents.
    pub consents: u32,
    /// Events.
    pub events: u32,
}

impl Default for Rules {
    fn default() -> Self {
        // Five years, the leap days among them.
        Self { evidence: 1826, face: 1826, identity: 1826, consents: 1826, events: 1826 }
    }
}

impl Rules {
    /// The days of a class.
    #[must_use]
    pub fn days(&self, class: Class) -> u32 {
        match class {
            Class::Evidence => self.evidence,
            Class::Face => self.face,
            Class::Identity => self.identity,
            Class::Consents => self.consents,
            Class::Events => self.events,
        }
    }

    /// The newest start of a clock that has run out at `now`.
    fn due(&self, class: Class, now: Timestamp) -> Timestamp {
        let life = SignedDuration::from_hours(24 * i64::from(self.days(class)));
        now.saturating_sub(life).unwrap_or(Timestamp::MIN)
    }

    pub(crate) fn check(&self) -> Result<(), BadSetting> {
        let why = if Class::ALL.into_iter().any(|class| self.days(class) == 0) {
            "every class is kept for at least a day"
        } else if self.evidence > self.identity || self.face > self.identity {
            "pictures and faces go with the identity they belong to: evidence and face must not exceed identity"
        } else {
            return Ok(());
        };
        Err(BadSetting { setting: "retention", why })
    }
}

/// What the clocks of a session go by.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retention {
    /// When something last happened to the session; its making in records from before.
    #[serde(default)]
    pub last_activity: Option<Timestamp>,
    /// When the client said that the relationship ended.
    #[serde(default)]
    pub ended_at: Option<Timestamp>,
    /// Why nothing may go.
    #[serde(default)]
    pub hold: Option<Hold>,
    /// What is gone.
    #[serde(default)]
    pub purged: BTreeSet<Class>,
}

/// A legal hold: nothing of the session is purged or erased until it is lifted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = LegalHold)]
pub struct Hold {
    /// Since when.
    pub since: Timestamp,
    /// Why: the number of a case, never a name.
    pub reason: String,
}

impl Retention {
    /// The marks of what goes when the key of the session goes.
    pub(crate) fn erase(&mut self) {
        self.purged.extend(Class::SEALED);
    }

    /// The index keys of what is still to be purged; none under a hold.
    pub(crate) fn index_keys(&self, created_at: Timestamp) -> Vec<String> {
        if self.hold.is_some() {
            return Vec::new();
        }
        let start = self.ended_at.or(self.last_activity).unwrap_or(created_at);
        let left = Class::ALL.into_iter().filter(|class| !self.purged.contains(class));
        left.map(|class| index_key(class, start.as_second())).collect()
    }
}

fn index_key(class: Class, second: i64) -> String {
    format!("{}.{}", class.word(), warifu_store::sortable(second))
}

/// What was purged in one run of one rule. Says nothing of anyone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PurgeReceipt {
    /// Identifier, which stands in the audit entries too.
    pub id: Uuid,
    /// When.
    pub at: Timestamp,
    /// What.
    pub class: Class,
    /// By which rule.
    pub rule: String,
    /// Of how many sessions.
    pub sessions: u64,
    /// How many pictures, faces, receipts or events; sessions for identities.
    pub items: u64,
}

impl Stored for PurgeReceipt {
    const NAME: &'static str = "purge_receipts";
    const INDEXES: &'static [&'static str] = &["at"];

    fn key(&self) -> String {
        self.id.to_string()
    }

    fn indexes(&self) -> Vec<(&'static str, String)> {
        vec![("at", warifu_store::sortable(self.at.as_second()))]
    }
}

impl Issuer {
    /// Says when the relationship with the person ended, or with `None` that it goes on.
    ///
    /// # Errors
    /// [`Error::NoSuchSession`].
    pub async fn end_relationship(
        &self,
        id: Uuid,
        ended_at: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<Retention, Error> {
        let action = if ended_at.is_some() { "relationship.ended" } else { "relationship.resumed" };
        let fact = ("ended_at", ended_at.map_or_else(|| "none".to_owned(), |at| at.to_string()));
        self.change_retention(id, action, fact, now, |retention| retention.ended_at = ended_at).await
    }

    /// Puts a session under a legal hold: neither the clocks nor a client erase anything of it.
    ///
    /// # Errors
    /// [`Error::NoSuchSession`], [`Error::Field`] without a reason.
    pub async fn hold(&self, id: Uuid, reason: &str, now: Timestamp) -> Result<Retention, Error> {
        let reason = checked(reason)?;
        let hold = Hold { since: now, reason: reason.clone() };
        self.change_retention(id, "hold.set", ("reason", reason), now, |retention| {
            retention.hold.get_or_insert_with(|| hold.clone());
        })
        .await
    }

    /// Lifts a legal hold; one that is not there is fine. The clocks go on as if it had not been.
    ///
    /// # Errors
    /// [`Error::NoSuchSession`], [`Error::Field`] without a reason.
    pub async fn lift_hold(&self, id: Uuid, reason: &str, now: Timestamp) -> Result<Retention, Error> {
        let reason = checked(reason)?;
        self.change_retention(id, "hold.lifted", ("reason", reason), now, |retention| retention.hold = None).await
    }

    async fn change_retention(
        &self,
        id: Uuid,
        action: &str,
        (name, value): (&str, String),
        now: Timestamp,
        change: impl Fn(&mut Retention),
    ) -> Result<Retention, Error> {
        for _ in 0..TRIES {
            let Loaded { seen, value: mut session } = self.sessions().load(&id).await?.ok_or(Error::NoSuchSession)?;
            change(&mut session.retention);
            let entry = self.entry(&session, action, now).fact(name, &value);
            match self.store.commit(Batch::new().replace(seen, &session).audit(entry)).await {
                Ok(_) => return Ok(session.retention),
                Err(error) if error.is_conflict() => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::Busy)
    }
}

impl Session {
    /// [`Error::OnHold`] for a session of which nothing may go.
    pub(crate) fn check_hold(&self) -> Result<(), Error> {
        match &self.retention.hold {
            Some(hold) => Err(Error::OnHold { since: hold.since }),
            None => Ok(()),
        }
    }
}

fn checked(reason: &str) -> Result<String, Error> {
    let reason = reason.trim();
    if reason.is_empty() || reason.chars().count() > REASON || reason.chars().any(char::is_control) {
        let why = "Say why in 1 to 200 characters: the number of a case, never a name.".to_owned();
        return Err(Error::Field { field: "reason", why });
    }
    Ok(reason.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_that_contradict_each_other_are_refused() {
        let check = |change: fn(&mut Rules), expected: bool| {
            let mut rules = Rules::default();
            change(&mut rules);
            assert_eq!(rules.check().is_ok(), expected, "{rules:?}");
        };
        check(|_| (), true);
        check(|it| (it.evidence, it.face) = (30, 30), true);
        check(|it| it.consents = 9000, true);
        check(|it| it.evidence = 0, false);
        check(|it| it.events = 0, false);
        check(|it| it.identity = 1000, false);
        check(|it| it.face = 2000, false);
    }

    #[test]
    fn a_clock_runs_from_the_end_else_from_the_last_activity_else_from_the_beginning() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let check = |retention: Retention, expected: Option<i64>| {
            let keys = retention.index_keys(at(100));
            assert_eq!(keys.first().cloned(), expected.map(|second| index_key(Class::Evidence, second)));
        };
        let (last_activity, ended_at) = (Some(at(200)), Some(at(300)));
        check(Retention::default(), Some(100));
        check(Retention { last_activity, ..Retention::default() }, Some(200));
        check(Retention { last_activity, ended_at, ..Retention::default() }, Some(300));
        let hold = Some(Hold { since: at(1), reason: "case 7".to_owned() });
        check(Retention { last_activity, ended_at, hold, ..Retention::default() }, None);
    }
}
