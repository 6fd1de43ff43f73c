//! The list a role decides from, kept between decisions: when to ask the registry again, and what serves until then.
//!
//! No input and no output: the role asks whether the list [is due](Keeper::is_due), fetches it, and hands over what came
//! ([`Keeper::answered`]). A list that was verified serves until its own next update, also while the registry is away;
//! after that, and when there never was one, every decision is a refusal.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use warifu_keys::x509::Certificate;

use crate::{Trust, TrustedList};

/// How long a list is used before the registry is asked again: within this time a suspension takes effect.
pub const REFRESH: SignedDuration = SignedDuration::from_secs(60);
/// How long after a failure the registry is asked again.
pub const RETRY: SignedDuration = SignedDuration::from_secs(5);

/// The trusted list of one registry, as one reader knows it.
#[derive(Debug)]
pub struct Keeper {
    operator: Vec<Certificate>,
    /// The highest sequence number ever accepted; no list with a lower one is.
    seen: Option<u64>,
    trust: Arc<Trust>,
    asked: Option<(Timestamp, SignedDuration)>,
}

impl Keeper {
    /// A reader that pins `operator` and has accepted lists up to the sequence number `seen` before.
    #[must_use]
    pub fn new(operator: Certificate, seen: Option<u64>) -> Self {
        let trust = Arc::new(Trust::without_list("the registry was not asked yet"));
        Self { operator: vec![operator], seen, trust, asked: None }
    }

    /// Whether the registry has to be asked before anything is decided at `now`. A clock that went back asks again.
    #[must_use]
    pub fn is_due(&self, now: Timestamp) -> bool {
        !self.asked.is_some_and(|(at, good_for)| now >= at && now.duration_since(at) < good_for)
    }

    /// Takes what came of asking: the body of the registry's answer, or why there is none. Gives the reason when nothing
    /// new could be believed.
    pub fn answered(&mut self, answer: Result<&[u8], String>, now: Timestamp) -> Result<(), String> {
        let read = answer.and_then(|body| {
            let text = std::str::from_utf8(body).map_err(|_| "the registry's answer is not text".to_owned())?;
            TrustedList::verify(text.trim(), &self.operator, now, self.seen).map_err(|error| error.to_string())
        });
        match read {
            Ok(list) => {
                self.seen = self.seen.max(Some(list.sequence()));
                self.trust = Arc::new(Trust::from(list));
                self.asked = Some((now, REFRESH));
                Ok(())
            }
            Err(why) => {
                if !self.holds(now) {
                    self.trust = Arc::new(Trust::without_list(&why));
                }
                self.asked = Some((now, RETRY));
                Err(why)
            }
        }
    }

    /// What to decide from at `now`.
    #[must_use]
    pub fn trust(&self, now: Timestamp) -> Arc<Trust> {
        match self.trust.list() {
            Some(list) => match list.check_now(now) {
                Ok(()) => Arc::clone(&self.trust),
                Err(error) => Arc::new(Trust::without_list(&error.to_string())),
            },
            None => Arc::clone(&self.trust),
        }
    }

    /// The highest sequence number accepted, to be remembered across restarts.
    #[must_use]
    pub fn seen(&self) -> Option<u64> {
        self.seen
    }

    /// The pinned certificate.
    #[must_use]
    pub fn operator(&self) -> Option<&Certificate> {
        self.operator.first()
    }

    fn holds(&self, now: Timestamp) -> bool {
        self.trust.list().is_some_and(|list| list.check_now(now).is_ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{Scheme, at};

    /// The scheme's list with this sequence number, issued at `issued`, good for a day.
    fn signed(scheme: &Scheme, sequence: u64, issued: &str) -> String {
        let issued = at(issued);
        let next = issued + SignedDuration::from_hours(24);
        let list = TrustedList::new(scheme.operator(), sequence, issued, next, scheme.entities()).unwrap();
        list.sign(&scheme.list_chain, &scheme.list_key, issued).unwrap()
    }

    #[test]
    fn asks_serves_and_fails_closed() {
        let scheme = Scheme::new();
        let mut keeper = Keeper::new(scheme.root.certificate().clone(), None);
        let now = at("2026-11-23T00:00:00Z");
        let later = |seconds: i64| now + SignedDuration::from_secs(seconds);
        let trusts = |keeper: &Keeper, at: Timestamp| keeper.trust(at).may_issue(&scheme.document_chain, at).is_ok();

        // Before anything came there is nothing to decide from.
        assert!(keeper.is_due(now) && !trusts(&keeper, now));
        keeper.answered(Err("no route".to_owned()), now).unwrap_err();
        assert!(!trusts(&keeper, now) && !keeper.is_due(later(4)) && keeper.is_due(later(5)));

        let second = signed(&scheme, 2, "2026-11-23T00:00:00Z");
        keeper.answered(Ok(second.as_bytes()), now).unwrap();
        assert!(trusts(&keeper, now) && !keeper.is_due(later(59)) && keeper.is_due(later(60)));
        assert!(keeper.is_due(later(-1)), "a clock that went back asks again");
        assert_eq!(keeper.seen(), Some(2));

        // Outage, garbage and rollback: the list at hand serves, until its own end.
        let first = signed(&scheme, 1, "2026-11-23T00:00:00Z");
        for answer in [Err("no route".to_owned()), Ok(&b"\xff"[..]), Ok(b"garbage"), Ok(first.as_bytes())] {
            keeper.answered(answer, later(60)).unwrap_err();
            assert!(trusts(&keeper, later(60)));
        }
        assert!(!trusts(&keeper, later(24 * 3600)));
        keeper.answered(Err("no route".to_owned()), later(24 * 3600)).unwrap_err();
        assert!(!trusts(&keeper, later(24 * 3600)));
        // What was seen stays seen.
        assert!(keeper.answered(Ok(first.as_bytes()), now).is_err());
    }

    #[test]
    fn a_restart_remembers_the_sequence() {
        let scheme = Scheme::new();
        let first = signed(&scheme, 1, "2026-11-23T00:00:00Z");
        let mut keeper = Keeper::new(scheme.root.certificate().clone(), Some(2));
        assert!(keeper.answered(Ok(first.as_bytes()), at("2026-11-23T00:00:00Z")).is_err());
    }
}
