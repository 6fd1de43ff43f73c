//! The records behind the status lists: the lists, their entries with what became of them, and the marks of sessions.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use warifu_credential::status::{Bits, Status};
use warifu_store::Stored;

/// A list that was begun. Its size and its bits stay what they were, whatever the settings become.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct List {
    pub(super) number: u32,
    /// Bits per entry.
    pub(super) bits: u8,
    /// Entries.
    pub(super) length: u32,
    pub(super) begun: Timestamp,
    /// Whether new entries still go here.
    pub(super) open: bool,
}

impl Stored for List {
    const NAME: &'static str = "status_lists";
    const INDEXES: &'static [&'static str] = &["open"];

    fn key(&self) -> String {
        key_of_list(self.number)
    }

    fn indexes(&self) -> Vec<(&'static str, String)> {
        if self.open { vec![("open", self.bits.to_string())] } else { Vec::new() }
    }
}

pub(super) fn key_of_list(number: u32) -> String {
    format!("{number:08x}")
}

/// What a credential is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// As good as it says.
    Valid,
    /// Worth nothing for now.
    Suspended,
    /// Worth nothing for good.
    Revoked,
}

impl From<Standing> for Status {
    fn from(standing: Standing) -> Self {
        match standing {
            Standing::Valid => Self::Valid,
            Standing::Suspended => Self::Suspended,
            Standing::Revoked => Self::Invalid,
        }
    }
}

/// A change of standing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Change {
    at: Timestamp,
    to: Standing,
}

/// The record of one credential's entry. Fields that are not known are refused: a record that says more than is read here
/// might say that it is revoked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Entry {
    pub(super) list: u32,
    pub(super) idx: u32,
    bits: u8,
    pub(super) session: Uuid,
    /// Oldest first; empty for a credential that was valid all the time.
    changes: Vec<Change>,
}

impl Stored for Entry {
    const NAME: &'static str = "status_entries";
    const INDEXES: &'static [&'static str] = &["session", "changed"];

    fn key(&self) -> String {
        Self::key_at(self.list, self.idx)
    }

    fn indexes(&self) -> Vec<(&'static str, String)> {
        let mut indexes = vec![("session", self.session.to_string())];
        if !self.changes.is_empty() {
            indexes.push(("changed", key_of_list(self.list)));
        }
        indexes
    }
}

impl Entry {
    pub(super) fn key_at(list: u32, idx: u32) -> String {
        format!("{}.{idx:08x}", key_of_list(list))
    }

    pub(super) fn new(list: &List, idx: u32, session: Uuid) -> Self {
        Self { list: list.number, idx, bits: list.bits, session, changes: Vec::new() }
    }

    /// Number of its list.
    pub(crate) fn list(&self) -> u32 {
        self.list
    }

    /// The session that its credential was minted for.
    pub(crate) fn session(&self) -> Uuid {
        self.session
    }

    pub(crate) fn standing(&self) -> Standing {
        self.changes.last().map_or(Standing::Valid, |change| change.to)
    }

    /// The standing at a time that has passed.
    pub(super) fn standing_at(&self, time: Timestamp) -> Standing {
        self.changes.iter().rev().find(|change| change.at <= time).map_or(Standing::Valid, |change| change.to)
    }

    /// When the standing changed, oldest first.
    pub(super) fn changed_at(&self) -> impl Iterator<Item = Timestamp> {
        self.changes.iter().map(|change| change.at)
    }

    /// Whether its list can say that it is suspended.
    pub(super) fn is_suspendable(&self) -> bool {
        Bits::from_count(u64::from(self.bits)).is_ok_and(|bits| bits != Bits::One)
    }

    /// The entry with a new standing; `None` where there is nothing to change. Who is revoked stays revoked.
    pub(super) fn changed(&self, to: Standing, now: Timestamp) -> Option<Self> {
        match (self.standing(), to) {
            (Standing::Revoked, _)
            | (Standing::Valid, Standing::Valid)
            | (Standing::Suspended, Standing::Suspended) => None,
            (Standing::Valid | Standing::Suspended, to) => {
                // A clock that was set back must not change the order of what happened.
                let at = self.changes.last().map_or(now, |last| now.max(last.at));
                let changes = self.changes.iter().cloned().chain([Change { at, to }]).collect();
                Some(Self { changes, ..self.clone() })
            }
        }
    }
}

/// The mark that a session's credentials were revoked.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Revocation {
    pub(super) session: Uuid,
    pub(super) at: Timestamp,
}

impl Stored for Revocation {
    const NAME: &'static str = "revocations";

    fn key(&self) -> String {
        self.session.to_string()
    }
}

/// The mark that a session's credentials are suspended; it goes when they are reinstated.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Suspension {
    pub(super) session: Uuid,
    pub(super) at: Timestamp,
}

impl Stored for Suspension {
    const NAME: &'static str = "suspensions";

    fn key(&self) -> String {
        self.session.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn entry() -> Entry {
        let list = List { number: 7, bits: 2, length: 10_000, begun: at(0), open: true };
        Entry::new(&list, 5, Uuid::nil())
    }

    #[test]
    fn revoked_never_comes_back() {
        use Standing::{Revoked, Suspended, Valid};
        let check = |standings: &[Standing], to: Standing, expected: Option<Standing>| {
            let before = standings.iter().fold(entry(), |entry, to| entry.changed(*to, at(1)).unwrap());
            assert_eq!(before.changed(to, at(2)).map(|entry| entry.standing()), expected, "{standings:?} {to:?}");
        };
        check(&[], Valid, None);
        check(&[], Suspended, Some(Suspended));
        check(&[], Revoked, Some(Revoked));
        check(&[Suspended], Valid, Some(Valid));
        check(&[Suspended], Suspended, None);
        check(&[Suspended], Revoked, Some(Revoked));
        check(&[Suspended, Valid], Suspended, Some(Suspended));
        check(&[Suspended, Valid, Revoked], Valid, None);
        for to in [Valid, Suspended, Revoked] {
            check(&[Revoked], to, None);
        }
    }

    #[test]
    fn remembers_when() {
        let entry = entry().changed(Standing::Suspended, at(10)).unwrap();
        let entry = entry.changed(Standing::Valid, at(20)).unwrap();
        // The clock was set back.
        let entry = entry.changed(Standing::Revoked, at(15)).unwrap();
        let entry: Entry = serde_json::from_value(serde_json::to_value(entry).unwrap()).unwrap();
        for (time, expected) in [
            (9, Standing::Valid),
            (10, Standing::Suspended),
            (19, Standing::Suspended),
            (20, Standing::Revoked),
            (99, Standing::Revoked),
        ] {
            assert_eq!(entry.standing_at(at(time)), expected, "{time}");
        }
        assert_eq!(entry.changed_at().collect::<Vec<_>>(), [at(10), at(20), at(20)]);
        assert_eq!(entry.indexes().last().unwrap(), &("changed", "00000007".to_owned()));
    }

    #[test]
    fn a_record_that_is_not_understood_is_not_read() {
        let mut record = serde_json::to_value(entry()).unwrap();
        record["revoked"] = "2026-11-23T09:30:00Z".into();
        assert!(serde_json::from_value::<Entry>(record).is_err());
    }
}
