//! Looking up: which signed list is wanted, and the lists at hand while they are fresh.
//!
//! The caller fetches; the rest is here:
//! ```text
//! cache.look_up(&wanted, now)                      // fresh? done
//! GET wanted.uri, Accept: wanted.accept()          // else the caller's client
//! cache.take_in(&wanted, &body, now)               // checked, kept, given back; or `check` and `keep`
//! ```
//! A list that can not be had, does not verify or is stale is an error at whoever asked: nothing here says "valid" in its
//! place.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use url::Url;

use super::Error;
use super::token::{Encoding, ListSigner, StatusToken, TrustedSigner};
use crate::sd_jwt::WebIssuer;
use crate::{Authentic, Format};

/// A signed list that someone wants to see.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// Where it is served, as the credential says.
    pub uri: &'a Url,
    /// Whose signature counts.
    pub signer: TrustedSigner<'a>,
    /// The encoding that the credential's format demands. JSON-based credentials take either.
    pub encoding: Encoding,
}

impl Wanted<'_> {
    /// The `Accept` header to ask with for a `T`.
    #[must_use]
    pub fn accept<T: Listed>(&self) -> &'static str {
        T::accept(self.encoding)
    }

    /// Checks what was fetched.
    pub fn check<T: Listed>(&self, fetched: &[u8], now: Timestamp) -> Result<T, Error> {
        T::check(fetched, self, now)
    }
}

impl Authentic {
    /// The status list to look up before [`Authentic::settle`]; `None` if the credential can not be revoked.
    #[must_use]
    pub fn wanted_status(&self) -> Option<Wanted<'_>> {
        let encoding = match self.format() {
            Format::SdJwtVc => Encoding::Jwt,
            Format::Mdoc => Encoding::Cwt,
        };
        let signer = TrustedSigner::Anchor(self.status_list_anchor());
        self.status_reference().map(|reference| Wanted { uri: &reference.uri, signer, encoding })
    }

    /// The identifier list to look up before [`Authentic::settle_with_identifiers`]; `None` if the credential names none.
    #[must_use]
    pub fn wanted_identifiers(&self) -> Option<Wanted<'_>> {
        let signer = TrustedSigner::Anchor(self.identifier_list_anchor());
        let reference = self.identifier_reference()?;
        Some(Wanted { uri: &reference.uri, signer, encoding: Encoding::Cwt })
    }
}

impl Authentic<WebIssuer> {
    /// The status list to look up before `settle`; `None` if the credential can not be revoked.
    #[must_use]
    pub fn wanted_status(&self) -> Option<Wanted<'_>> {
        let (signer, encoding) = (self.issuer().list_signer(), Encoding::Jwt);
        self.status_reference().map(|reference| Wanted { uri: &reference.uri, signer, encoding })
    }
}

/// A signed list that a [`Cache`] can keep.
pub trait Listed: Sized {
    /// The `Accept` header to ask with.
    fn accept(encoding: Encoding) -> &'static str;
    /// Checks a fetched list.
    fn check(bytes: &[u8], wanted: &Wanted<'_>, now: Timestamp) -> Result<Self, Error>;
    /// Who signed it.
    fn signer(&self) -> &ListSigner;
    /// How it was encoded.
    fn encoding(&self) -> Encoding;
    /// Last instant at which it may be used.
    fn fresh_until(&self) -> Timestamp;
    /// Bytes of memory that it takes, about.
    fn size(&self) -> usize;
}

impl Listed for StatusToken {
    fn accept(encoding: Encoding) -> &'static str {
        match encoding {
            Encoding::Jwt => "application/statuslist+jwt, application/statuslist+cwt;q=0.5",
            Encoding::Cwt => "application/statuslist+cwt",
        }
    }

    fn check(bytes: &[u8], wanted: &Wanted<'_>, now: Timestamp) -> Result<Self, Error> {
        Self::verify(bytes, wanted.uri, wanted.signer, now)
    }

    fn signer(&self) -> &ListSigner {
        self.signer()
    }

    fn encoding(&self) -> Encoding {
        self.encoding()
    }

    fn fresh_until(&self) -> Timestamp {
        self.fresh_until()
    }

    fn size(&self) -> usize {
        self.size()
    }
}

/// How much a [`Cache`] keeps, and how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Lists.
    pub entries: usize,
    /// Bytes of all lists together, after inflation.
    pub bytes: usize,
    /// The longest that a copy is used, whatever its `ttl` and `exp` allow (draft-20 section 11.4).
    pub longest: SignedDuration,
}

impl Default for Limits {
    /// 256 lists, 64 MiB, 12 hours.
    fn default() -> Self {
        Self { entries: 256, bytes: 64 * 1024 * 1024, longest: SignedDuration::from_hours(12) }
    }
}

struct Kept<T> {
    list: Arc<T>,
    until: Timestamp,
}

/// Checked lists, by address and by whom they are trusted through: one issuer's list is never believed under another's
/// trust.
pub struct Cache<T> {
    limits: Limits,
    kept: HashMap<Url, Vec<Kept<T>>>,
    entries: usize,
    bytes: usize,
}

impl<T: Listed> Cache<T> {
    /// An empty cache.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self { limits, kept: HashMap::new(), entries: 0, bytes: 0 }
    }

    /// The list, if a copy is at hand that is fresh at `now`.
    #[must_use]
    pub fn look_up(&self, wanted: &Wanted<'_>, now: Timestamp) -> Option<Arc<T>> {
        let kept = self.kept.get(wanted.uri)?.iter().find(|kept| suits(&*kept.list, wanted) && now <= kept.until)?;
        Some(Arc::clone(&kept.list))
    }

    /// Checks what was fetched, keeps it, and gives it back. A list that is larger than the whole cache is given back
    /// all the same.
    pub fn take_in(&mut self, wanted: &Wanted<'_>, fetched: &[u8], now: Timestamp) -> Result<Arc<T>, Error> {
        let list = Arc::new(wanted.check::<T>(fetched, now)?);
        self.keep(wanted, Arc::clone(&list), now);
        Ok(list)
    }

    /// Keeps a list that was checked for `wanted`, in place of the copy before.
    pub fn keep(&mut self, wanted: &Wanted<'_>, list: Arc<T>, now: Timestamp) {
        self.drop_where(|uri, kept| uri == wanted.uri && suits(&*kept.list, wanted));
        if list.size() > self.limits.bytes || self.limits.entries == 0 {
            return;
        }
        if !self.fits(list.size()) {
            self.drop_where(|_, kept| kept.until < now);
        }
        while !self.fits(list.size()) && self.drop_soonest() {}
        let longest = now.saturating_add(self.limits.longest).unwrap_or(Timestamp::MAX);
        let until = list.fresh_until().min(longest);
        self.entries += 1;
        self.bytes += list.size();
        self.kept.entry(wanted.uri.clone()).or_default().push(Kept { list, until });
    }

    /// Lists at hand, stale ones included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries
    }

    /// Whether nothing is at hand.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries == 0
    }

    /// Bytes of all lists at hand.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    fn fits(&self, size: usize) -> bool {
        self.entries < self.limits.entries && self.bytes.saturating_add(size) <= self.limits.bytes
    }

    /// Drops the list that is fresh for the shortest time; false where there is none.
    fn drop_soonest(&mut self) -> bool {
        let all = self.kept.values().flatten();
        let Some(soonest) = all.min_by_key(|kept| kept.until).map(|kept| Arc::clone(&kept.list)) else { return false };
        self.drop_where(|_, kept| Arc::ptr_eq(&kept.list, &soonest));
        true
    }

    fn drop_where(&mut self, leave: impl Fn(&Url, &Kept<T>) -> bool) {
        self.kept.retain(|uri, lists| {
            lists.retain(|kept| !leave(uri, kept));
            !lists.is_empty()
        });
        let lists = self.kept.values().flatten();
        (self.entries, self.bytes) = lists.fold((0, 0), |(n, bytes), kept| (n + 1, bytes + kept.list.size()));
    }
}

impl<T> std::fmt::Debug for Cache<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Cache({} lists, {} bytes)", self.entries, self.bytes)
    }
}

/// Whether a list was signed by whom it should be, in an encoding that will do.
fn suits<T: Listed>(list: &T, wanted: &Wanted<'_>) -> bool {
    let encoding = match wanted.encoding {
        Encoding::Jwt => true,
        Encoding::Cwt => list.encoding() == Encoding::Cwt,
    };
    encoding && list.signer().is(&wanted.signer)
}
