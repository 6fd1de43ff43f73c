//! Policies that are stored: made, changed and retired by the partner's own servers while the verifier runs.
//!
//! Each change is a new version and no version is changed afterwards, so that a request can be explained years later by
//! the words it was made with. Policies of the configuration are there beside them, by other names, and are not changed here.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use warifu_store::audit::{Entry, Reference};
use warifu_store::{Batch, Collection, Loaded, Query, Range, Stored};

use crate::Verifier;
use crate::policy::{Policy, PolicyError};

/// Most stored policies, the retired ones among them.
pub const MAX_POLICIES: usize = 1000;

/// One version of a stored policy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PolicyVersion {
    /// Counts from 1.
    pub version: u32,
    /// When it was made.
    pub created: Timestamp,
    /// Whether requests can be made from it.
    pub standing: Standing,
    /// What it says.
    pub policy: Policy,
}

/// Whether requests can be made from a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// They can.
    Active,
    /// They can not any more; a further version would make it active again.
    Retired,
}

impl Stored for PolicyVersion {
    const NAME: &'static str = "policies";

    /// One record a name, which holds the newest version; [`PastVersion`] keeps the others.
    fn key(&self) -> String {
        self.policy.name.clone()
    }
}

/// A version of a policy, kept for good.
#[derive(Debug, Serialize, Deserialize)]
struct PastVersion(PolicyVersion);

impl PastVersion {
    /// The keys of all versions of a policy begin with this.
    fn prefix(name: &str) -> String {
        format!("{name}/")
    }

    /// In the order of versions.
    fn key_of(name: &str, version: u32) -> String {
        format!("{}{version:010}", Self::prefix(name))
    }
}

impl Stored for PastVersion {
    const NAME: &'static str = "policy_versions";

    fn key(&self) -> String {
        Self::key_of(&self.0.policy.name, self.0.version)
    }
}

/// A policy that requests can be made from, wherever it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Named {
    /// What it says.
    pub policy: Policy,
    /// Its version; `None` for one of the configuration.
    pub version: Option<u32>,
}

/// Why a policy could not be stored or found.
#[derive(Debug, thiserror::Error)]
pub enum PoliciesError {
    /// It is not usable.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// The name belongs to the configuration.
    #[error("policy `{0}` stands in the configuration and is changed there")]
    Configured(String),
    /// No policy of that name, or no such version.
    #[error("there is no such policy")]
    NotFound,
    /// Somebody else changed it meanwhile.
    #[error("the policy was changed meanwhile; look at it again")]
    Changed,
    /// There are enough.
    #[error("there are {MAX_POLICIES} policies already")]
    TooMany,
    /// The store failed.
    #[error("the policy could not be stored")]
    Store(#[from] warifu_store::Error),
}

impl Verifier {
    fn stored_policies(&self) -> Collection<PolicyVersion> {
        Collection::of(&self.store)
    }

    /// The policy that a request is made from: that of the name, or the first of the configuration. Nothing where it is
    /// retired or unknown.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn named_policy(&self, name: Option<&str>) -> Result<Option<Named>, warifu_store::Error> {
        if let Some(policy) = self.config.policy(name) {
            return Ok(Some(Named { policy: policy.clone(), version: None }));
        }
        let Some(name) = name.filter(|name| Policy::is_name(name)) else { return Ok(None) };
        let stored = self.stored_policies().load(name).await?.map(|loaded| loaded.value);
        let active = stored.filter(|stored| stored.standing == Standing::Active);
        Ok(active.map(|stored| Named { policy: stored.policy, version: Some(stored.version) }))
    }

    /// The newest version of every stored policy, by name.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn policies(&self) -> Result<Vec<PolicyVersion>, warifu_store::Error> {
        let all = Query::all().limit(MAX_POLICIES);
        Ok(self.stored_policies().scan(&all).await?.items.into_iter().map(|loaded| loaded.value).collect())
    }

    /// A version of a stored policy, the newest where none is named.
    ///
    /// # Errors
    /// [`PoliciesError::NotFound`].
    pub async fn policy_version(&self, name: &str, version: Option<u32>) -> Result<PolicyVersion, PoliciesError> {
        if !Policy::is_name(name) {
            return Err(PoliciesError::NotFound);
        }
        let newest = self.stored_policies().load(name).await?.ok_or(PoliciesError::NotFound)?.value;
        match version {
            None => Ok(newest),
            Some(version) if version == newest.version => Ok(newest),
            Some(version) => {
                let past = Collection::<PastVersion>::of(&self.store).load(&PastVersion::key_of(name, version)).await?;
                past.map(|past| past.value.0).ok_or(PoliciesError::NotFound)
            }
        }
    }

    /// Stores a policy: as version 1 where the name is new, else as the next version. The same words again change nothing.
    ///
    /// # Errors
    /// [`PoliciesError::Policy`], [`PoliciesError::Configured`], [`PoliciesError::Changed`].
    pub async fn put_policy(&self, policy: Policy, now: Timestamp) -> Result<PolicyVersion, PoliciesError> {
        self.config.check_policy(&policy)?;
        if self.config.policy(Some(&policy.name)).is_some() {
            return Err(PoliciesError::Configured(policy.name));
        }
        let stored = self.stored_policies().load(&policy.name).await?;
        if let Some(Loaded { value, .. }) = &stored
            && value.policy == policy
            && value.standing == Standing::Active
        {
            return Ok(value.clone());
        }
        if stored.is_none() && self.policies().await?.len() >= MAX_POLICIES {
            return Err(PoliciesError::TooMany);
        }
        let version = stored.as_ref().map_or(1, |stored| stored.value.version.saturating_add(1));
        let next = PolicyVersion { version, created: now, standing: Standing::Active, policy };
        self.commit_policy(stored, next, "policy.stored", now).await
    }

    /// Retires a stored policy: no request is made from it any more. It stays readable.
    ///
    /// # Errors
    /// [`PoliciesError::NotFound`], [`PoliciesError::Configured`], [`PoliciesError::Changed`].
    pub async fn retire_policy(&self, name: &str, now: Timestamp) -> Result<PolicyVersion, PoliciesError> {
        if self.config.policy(Some(name)).is_some() {
            return Err(PoliciesError::Configured(name.to_owned()));
        }
        if !Policy::is_name(name) {
            return Err(PoliciesError::NotFound);
        }
        let stored = self.stored_policies().load(name).await?.ok_or(PoliciesError::NotFound)?;
        if stored.value.standing == Standing::Retired {
            return Ok(stored.value);
        }
        let version = stored.value.version.saturating_add(1);
        let next = PolicyVersion { version, created: now, standing: Standing::Retired, ..stored.value.clone() };
        self.commit_policy(Some(stored), next, "policy.retired", now).await
    }

    async fn commit_policy(
        &self,
        stored: Option<Loaded<PolicyVersion>>,
        next: PolicyVersion,
        action: &'static str,
        now: Timestamp,
    ) -> Result<PolicyVersion, PoliciesError> {
        let actor = Reference::public("verifier", &self.config.audience);
        let entry = Entry::new(now, action, actor, Reference::public("policy", &next.policy.name));
        let batch = match stored {
            Some(Loaded { seen, .. }) => Batch::new().replace(seen, &next),
            None => Batch::new().insert(&next),
        };
        let batch = batch.insert(&PastVersion(next.clone())).audit(entry.fact("version", next.version));
        match self.store.commit(batch).await {
            Ok(_) => Ok(next),
            Err(error) if error.is_conflict() => Err(PoliciesError::Changed),
            Err(error) => Err(error.into()),
        }
    }

    /// All versions of a stored policy, the newest first.
    ///
    /// # Errors
    /// [`PoliciesError::NotFound`].
    pub async fn policy_history(&self, name: &str) -> Result<Vec<PolicyVersion>, PoliciesError> {
        if !Policy::is_name(name) {
            return Err(PoliciesError::NotFound);
        }
        let query = Query::keys(Range::Prefix(PastVersion::prefix(name))).descending().limit(MAX_POLICIES);
        let found = Collection::<PastVersion>::of(&self.store).scan(&query).await?;
        if found.items.is_empty() {
            return Err(PoliciesError::NotFound);
        }
        Ok(found.items.into_iter().map(|loaded| loaded.value.0).collect())
    }
}
