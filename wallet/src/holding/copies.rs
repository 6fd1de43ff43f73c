//! Copies of one credential, each for one presentation (OpenID4VCI 1.0 section 3.3, ARF 3.0 Topic 10 method A).
//!
//! An issuer may give several copies of a credential, each with its own key, salts and status entry, so that two verifiers
//! who compare what they were shown can not tell that it was one person. Every presentation takes a copy that was not
//! shown before, and the copy is gone with the history entry that says so, in one commit.
//!
//! When the last one is taken the issuer's policy decides (`credential_reuse_policy`): where it says `once_only` the
//! credential is presented no more; otherwise the last copy is shown again, and the user is warned before. A credential
//! that came alone is no batch: it is shown again and again, without a warning.

use serde::{Deserialize, Serialize};
use warifu_openid4vc::vci::metadata::ReusePolicy;

use super::held::Kept;
use super::{DeviceKey, Held, Holding};

/// Copies asked for at most, where the issuer gives as many.
pub(crate) const MAX_COPIES: usize = 10;
/// So many unused copies are few, where the issuer's policy has no number.
const FEW: u32 = 2;

/// The copies beside the one that is presented next.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(super) struct Copies {
    /// How many came.
    issued: u32,
    /// How many presentations were made.
    presented: u32,
    once_only: bool,
    few: u32,
    spare: Vec<Spare>,
}

/// A copy that was not shown to anyone.
#[derive(Clone, Serialize, Deserialize)]
struct Spare {
    credential: Kept,
    key: DeviceKey,
}

/// What can be said about the unused copies of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Supply {
    /// Enough, or no batch at all.
    Enough,
    /// So many and no more.
    Few(u32),
    /// None; the last one would be shown again.
    Again,
    /// None, and none may be shown again.
    Spent,
}

impl Copies {
    /// One copy that came alone.
    pub(super) fn alone() -> Self {
        Self { issued: 1, ..Self::default() }
    }
}

impl Holding {
    /// The same credential with further copies of it.
    pub(crate) fn with_copies(mut self, further: Vec<(Held, DeviceKey)>, policy: ReusePolicy) -> Self {
        let spare = further.into_iter().map(|(held, key)| Spare { credential: held.to_kept(), key });
        let spare: Vec<Spare> = spare.collect();
        self.copies = Copies {
            issued: u32::try_from(spare.len()).unwrap_or(u32::MAX).saturating_add(1),
            presented: 0,
            once_only: policy.once_only,
            few: policy.reissue_trigger_unused.unwrap_or(FEW),
            spare,
        };
        self
    }

    /// Which copy is presented next: a number that no other copy of this credential has.
    pub(crate) fn copy_number(&self) -> u32 {
        self.copies.presented
    }

    /// Copies that were not presented yet; `None` for a credential that came alone.
    #[must_use]
    pub fn copies_left(&self) -> Option<u32> {
        let Copies { issued, presented, once_only, .. } = self.copies;
        (issued > 1 || once_only).then(|| issued.saturating_sub(presented))
    }

    pub(crate) fn supply(&self) -> Supply {
        match self.copies_left() {
            None => Supply::Enough,
            Some(0) if self.copies.once_only => Supply::Spent,
            Some(0) => Supply::Again,
            Some(left) if left <= self.copies.few => Supply::Few(left),
            Some(_) => Supply::Enough,
        }
    }

    /// The copy was presented: it is gone, and the next one takes its place; the last one stays.
    pub(crate) fn use_up(&mut self) {
        self.copies.presented = self.copies.presented.saturating_add(1);
        if !self.copies.spare.is_empty() {
            let Spare { credential, key } = self.copies.spare.remove(0);
            self.credential = credential;
            self.key = key;
        }
    }
}
