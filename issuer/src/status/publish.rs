//! The signed lists as they are served: now, and as they were.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::Arc;

use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::{SignedDuration, Timestamp};
use url::Url;
use warifu_credential::status::{Aggregation, Bits, Encoding, MAX_LISTS, StatusList, TokenClaims};
use warifu_store::{Collection, Query, Range};

use super::record::{Entry, List, key_of_list};
use crate::{Error, Issuer};

/// How long a status list token is valid beyond its `ttl`.
const VALID: SignedDuration = SignedDuration::from_hours(24);

/// Signed lists at hand.
pub(crate) type Cache = BTreeMap<(u32, Encoding), Cached>;

/// A signed list and when it was signed.
pub(crate) struct Cached {
    token: Arc<Token>,
    signed: Timestamp,
}

/// A status list token as it goes out.
#[derive(Debug, PartialEq, Eq)]
pub struct Token {
    /// The token.
    pub bytes: Vec<u8>,
    /// The same compressed; only for JWTs, whose base64url has room for it (draft-20 section 8.2).
    pub gzip: Option<Vec<u8>>,
    /// How it is encoded.
    pub encoding: Encoding,
    /// How long whoever fetched it may keep it.
    pub max_age: SignedDuration,
}

/// When a token says that it holds.
struct Times {
    issued_at: Timestamp,
    expires: Timestamp,
    ttl: SignedDuration,
}

impl Issuer {
    /// The signed token of a list, made at most once in its `ttl` and again after a change on this node.
    ///
    /// # Errors
    /// [`Error::NoSuchList`] for numbers that were never begun.
    pub async fn status_list(&self, list: u32, encoding: Encoding, now: Timestamp) -> Result<Arc<Token>, Error> {
        let mut lists = self.lists.lock().await;
        if let Some(cached) = lists.get(&(list, encoding))
            && now.duration_since(cached.signed).abs() < self.config.status_ttl
        {
            return Ok(Arc::clone(&cached.token));
        }
        let found = self.begun(list).await?;
        let entries = self.changed_entries(list).await?;
        let ttl = self.config.status_ttl;
        let expires = now.saturating_add(ttl).and_then(|until| until.saturating_add(VALID)).unwrap_or(Timestamp::MAX);
        let standing = |entry: &Entry| entry.standing();
        let token = self.signed(&found, &entries, standing, encoding, Times { issued_at: now, expires, ttl })?;
        let token = Arc::new(token);
        lists.insert((list, encoding), Cached { token: Arc::clone(&token), signed: now });
        Ok(token)
    }

    /// The token of a list that says what was valid at `time`, in seconds since 1970, made anew from the records (draft-20 section 8.4): it holds
    /// from the change before that time, or a `ttl` before, to the change after, or a `ttl` after.
    ///
    /// # Errors
    /// [`Error::NoHistory`] where the settings keep none, [`Error::NotInHistory`] for times to come, before the list was
    /// begun, or longer ago than the settings keep; [`Error::NoSuchList`].
    pub async fn status_list_at(
        &self,
        list: u32,
        encoding: Encoding,
        time: i64,
        now: Timestamp,
    ) -> Result<Token, Error> {
        let kept = self.config.status_history.ok_or(Error::NoHistory)?;
        let found = self.begun(list).await?;
        let time = Timestamp::from_second(time).map_err(|_| Error::NotInHistory)?;
        if time > now || time < found.begun || now.duration_since(time) > kept {
            return Err(Error::NotInHistory);
        }
        let entries = self.changed_entries(list).await?;
        let ttl = self.config.status_ttl;
        let changes = || entries.iter().flat_map(Entry::changed_at);
        let earliest = time.saturating_sub(ttl).unwrap_or(Timestamp::MIN).max(found.begun);
        let latest = time.saturating_add(ttl).unwrap_or(Timestamp::MAX);
        let issued_at = changes().filter(|at| *at <= time).fold(earliest, Timestamp::max);
        let expires = changes().filter(|at| *at > time).fold(latest, Timestamp::min);
        // `time` is a whole second, so rounding up moves neither end across it.
        let times = Times { issued_at: rounded_up(issued_at), expires: rounded_up(expires), ttl };
        self.signed(&found, &entries, |entry| entry.standing_at(time), encoding, times)
    }

    /// Where all lists are (draft-20 section 9), the oldest first.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn status_lists(&self) -> Result<Aggregation, Error> {
        let lists = Collection::<List>::of(&self.store).collect(Query::all()).await?;
        // More than an aggregation may name are millions of credentials: the newest are the ones still in use.
        let skip = lists.len().saturating_sub(MAX_LISTS);
        let addresses = lists.iter().skip(skip).map(|list| self.list_address(list.value.number));
        Ok(Aggregation::new(addresses.collect::<Result<_, _>>()?)?)
    }

    /// Where a list is served.
    pub(crate) fn list_address(&self, list: u32) -> Result<Url, Error> {
        Url::parse(&self.config.address(&format!("/status/{list}"))).map_err(|_| Error::NoSuchList)
    }

    /// Length and bits of a list, and how each entry that ever changed stands.
    pub(crate) async fn listed(&self, list: u32) -> Result<(u64, Bits, Vec<(u64, super::Standing)>), Error> {
        let found = self.begun(list).await?;
        let entries = self.changed_entries(list).await?;
        let standing = entries.iter().map(|entry| (u64::from(entry.idx), entry.standing())).collect();
        Ok((u64::from(found.length), Bits::from_count(u64::from(found.bits))?, standing))
    }

    async fn begun(&self, list: u32) -> Result<List, Error> {
        let found = Collection::<List>::of(&self.store).load(&key_of_list(list)).await?;
        Ok(found.ok_or(Error::NoSuchList)?.value)
    }

    async fn changed_entries(&self, list: u32) -> Result<Vec<Entry>, Error> {
        let changed = Query::by("changed", Range::Is(key_of_list(list)));
        let entries = Collection::<Entry>::of(&self.store).collect(changed).await?;
        Ok(entries.into_iter().map(|loaded| loaded.value).collect())
    }

    /// Entries that were never given to anyone say valid like all others, so nobody can count the credentials.
    fn signed(
        &self,
        list: &List,
        entries: &[Entry],
        standing: impl Fn(&Entry) -> super::Standing,
        encoding: Encoding,
        times: Times,
    ) -> Result<Token, Error> {
        let length = usize::try_from(list.length).unwrap_or(usize::MAX);
        let mut statuses = StatusList::new(Bits::from_count(u64::from(list.bits))?, length)?;
        for entry in entries {
            statuses.set(u64::from(entry.idx), standing(entry).into())?;
        }
        let Times { issued_at, expires, ttl } = times;
        let aggregation_uri = Some(self.metadata.status_lists.clone());
        let claims = TokenClaims { uri: self.list_address(list.number)?, issued_at, expires, ttl, aggregation_uri };
        let (signer, chain) = match &self.status_signer {
            Some(own) => (&*own.signer, own.chain.as_slice()),
            None => (&*self.document_signer, self.chain.as_slice()),
        };
        let (bytes, gzip) = match encoding {
            Encoding::Jwt => {
                let token = statuses.sign(&claims, chain, signer)?.into_bytes();
                let gzip = gzipped(&token);
                (token, gzip)
            }
            Encoding::Cwt => (statuses.sign_cwt(&claims, chain, signer)?, None),
        };
        Ok(Token { bytes, gzip, encoding, max_age: ttl })
    }
}

/// The next whole second: tokens know no parts of one.
fn rounded_up(at: Timestamp) -> Timestamp {
    let second = at.as_second().saturating_add(i64::from(at.subsec_nanosecond() > 0));
    Timestamp::from_second(second).unwrap_or(Timestamp::MAX)
}

fn gzipped(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).and_then(|()| encoder.finish()).ok()
}
