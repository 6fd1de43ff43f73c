//! Which types a credential is one of beside its own: those that its type extends, by type metadata (SD-JWT VC draft-19). So
//! who asks for a type is answered with every type that extends it, as a wallet selects by the same rule.
//!
//! Metadata is fetched for a type that was not asked for by name, and only once the credential's signature has been verified:
//! the address is its issuer's. What was learned is kept for an hour.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};
use url::Url;
use warifu_credential::type_metadata::{MAX_BYTES, Progress, Resolving, TypeMetadataError};
use warifu_schemas::pid;
use warifu_server::fetch::Fetcher;

/// How long it is believed what a type extends.
const LIFE: SignedDuration = SignedDuration::from_hours(1);
/// Most types that are remembered.
const MAX_TYPES: usize = 256;

/// Why it is not known what a type extends.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InheritanceError {
    /// The type is no address.
    #[error("`{0}` is no address of type metadata")]
    NoAddress(String),
    /// It can not be had.
    #[error("its type metadata can not be fetched: {0}")]
    Unreachable(String),
    /// It is not what it should be.
    #[error(transparent)]
    Unusable(#[from] TypeMetadataError),
}

/// The types this verifier knows.
pub(crate) struct Types {
    fetcher: Fetcher,
    kept: Mutex<HashMap<Named, Kept>>,
}

/// A type as a credential names it: `vct`, and `vct#integrity` where it is given.
type Named = (String, Option<String>);

struct Kept {
    extends: Vec<String>,
    until: Timestamp,
}

impl Types {
    pub(crate) fn new(fetcher: Fetcher) -> Self {
        Self { fetcher, kept: Mutex::default() }
    }

    /// The types that `vct` extends, nearest first.
    pub(crate) async fn extended_by(
        &self,
        vct: &str,
        integrity: Option<&str>,
        now: Timestamp,
    ) -> Result<Vec<String>, InheritanceError> {
        let named = (vct.to_owned(), integrity.map(str::to_owned));
        if let Some(kept) = self.kept().get(&named).filter(|kept| now < kept.until) {
            return Ok(kept.extends.clone());
        }
        let mut resolving = Resolving::start(vct, integrity)?;
        let extends = loop {
            let document = self.document(resolving.wanted()).await?;
            match resolving.feed(&document)? {
                Progress::Done(metadata) => break metadata.extends,
                Progress::More(next) => resolving = next,
            }
        };
        let mut kept = self.kept();
        if kept.len() >= MAX_TYPES {
            kept.clear();
        }
        kept.insert(named, Kept { extends: extends.clone(), until: now.saturating_add(LIFE).unwrap_or(now) });
        Ok(extends)
    }

    /// The document of one type. That of person identification data lies at no address, and is known here.
    async fn document(&self, vct: &str) -> Result<Vec<u8>, InheritanceError> {
        if vct == pid::VCT {
            return Ok(warifu_schemas::type_metadata(&pid::PROFILE, pid::VCT).to_string().into_bytes());
        }
        let address = Url::parse(vct).ok().filter(Url::has_host);
        let address = address.ok_or_else(|| InheritanceError::NoAddress(vct.chars().take(80).collect()))?;
        let unreachable = |why: String| InheritanceError::Unreachable(why);
        let answer = self.fetcher.get(&address, "application/json").await.map_err(|e| unreachable(e.to_string()))?;
        if !answer.status.is_success() {
            return Err(unreachable(format!("the answer is {}", answer.status.as_u16())));
        }
        if answer.body.len() > MAX_BYTES {
            return Err(unreachable("the answer is too large".to_owned()));
        }
        Ok(answer.body)
    }

    fn kept(&self) -> MutexGuard<'_, HashMap<Named, Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
