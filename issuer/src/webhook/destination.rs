//! Where an application wants to be told of what, and the secret it shares with us for that.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use url::Url;
use uuid::Uuid;
use warifu_keys::{Entropy, base64url, sha256};
use warifu_session::webhook::{EventType, Version, WebhookSecret};
use warifu_store::audit::Entry;
use warifu_store::{Batch, Collection, Loaded, Query, Range, Stored};

use super::outbox::Summary;
use crate::kyc::service::TRIES;
use crate::kyc::vault::{Vault, VaultError, WrappedKey};
use crate::{Error, Issuer};

/// Longest label, in characters.
const LABEL: usize = 100;
/// Longest address, in bytes.
const ADDRESS: usize = 2048;
/// Most destinations of one application: every event is written once for each.
const MOST: usize = 20;

/// A server of an application that wants to be told.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Destination {
    /// Identifier.
    pub id: Uuid,
    /// Whose it is; nobody else's key finds it.
    pub application: Uuid,
    /// Name for people.
    pub label: String,
    /// Where to.
    pub url: Url,
    /// Whether anything is sent there. What happens meanwhile is not told later.
    pub enabled: bool,
    /// Shape of the decision.
    pub webhook_version: Version,
    /// What it is told of; never empty.
    pub subscribed_events: Vec<EventType>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was changed.
    pub updated_at: Timestamp,
    /// Whether it is the one of the older API, which knows one destination per application.
    #[serde(default)]
    pub single: bool,
    data_key: WrappedKey,
    /// The secret, sealed under the issuer's master key.
    secret: String,
}

impl Destination {
    /// The secret as it is now: what is sent is signed with it, whenever it was written.
    pub(super) fn secret(&self, vault: &Vault) -> Result<WebhookSecret, VaultError> {
        let sealed = base64url::decode(&self.secret).map_err(|_| VaultError::Sealed)?;
        let key = vault.unwrap_key(&owner(self.id), &self.data_key)?;
        Ok(WebhookSecret::from_secret(key.open(&owner(self.id), &sealed)?))
    }

    fn rotate(&mut self, vault: &Vault, entropy: &dyn Entropy) -> Result<WebhookSecret, VaultError> {
        let secret = WebhookSecret::generate(entropy);
        (self.data_key, self.secret) = sealed(self.id, &secret, vault, entropy)?;
        Ok(secret)
    }
}

fn owner(id: Uuid) -> String {
    format!("webhook destination {id}")
}

fn sealed(
    id: Uuid,
    secret: &WebhookSecret,
    vault: &Vault,
    entropy: &dyn Entropy,
) -> Result<(WrappedKey, String), VaultError> {
    let (key, wrapped) = vault.data_key(&owner(id), entropy)?;
    Ok((wrapped, base64url::encode(&key.seal(&owner(id), secret.expose(), entropy)?)))
}

impl Stored for Destination {
    const NAME: &'static str = "webhook_destinations";
    const INDEXES: &'static [&'static str] = &["application"];

    fn key(&self) -> String {
        self.id.to_string()
    }

    fn indexes(&self) -> Vec<(&'static str, String)> {
        vec![("application", self.application.to_string())]
    }
}

/// That an application has a destination at this address: there is one at most.
#[derive(Debug, Serialize, Deserialize)]
struct Taken {
    key: String,
    destination: Uuid,
}

impl Taken {
    fn by(destination: &Destination) -> Self {
        let text = format!("{}\n{}", destination.application, destination.url);
        Self { key: base64url::encode(&sha256(text.as_bytes())), destination: destination.id }
    }
}

impl Stored for Taken {
    const NAME: &'static str = "webhook_addresses";

    fn key(&self) -> String {
        self.key.clone()
    }
}

/// What a destination is made from.
#[derive(Debug, Clone)]
pub struct NewDestination {
    /// Name for people.
    pub label: String,
    /// Where to.
    pub url: Url,
    /// Whether anything is sent there.
    pub enabled: bool,
    /// Shape of the decision.
    pub webhook_version: Version,
    /// What it is told of.
    pub subscribed_events: Vec<EventType>,
    /// Whether it is the one of the older API.
    pub single: bool,
}

/// What is to be different; what is `None` stays.
#[derive(Debug, Clone, Default)]
pub struct DestinationChange {
    /// Name for people.
    pub label: Option<String>,
    /// Where to.
    pub url: Option<Url>,
    /// Whether anything is sent there.
    pub enabled: Option<bool>,
    /// Shape of the decision.
    pub webhook_version: Option<Version>,
    /// What it is told of.
    pub subscribed_events: Option<Vec<EventType>>,
    /// A fresh secret, in place of the one before, from now on.
    pub rotate: bool,
}

/// A destination, how it has done, and its secret where it is new: it is shown this once.
#[derive(Debug)]
pub struct Shared {
    /// The destination.
    pub destination: Destination,
    /// How it has done.
    pub summary: Summary,
    /// Its secret.
    pub secret: Option<WebhookSecret>,
}

impl Issuer {
    /// Makes a destination.
    ///
    /// # Errors
    /// [`Error::Field`] for an address that is taken, private or no web address, for no events, for a bad label, and beyond 20
    /// destinations.
    pub async fn create_destination(
        &self,
        application: Uuid,
        wanted: NewDestination,
        now: Timestamp,
    ) -> Result<Shared, Error> {
        let NewDestination { label, url, enabled, webhook_version, subscribed_events, single } = wanted;
        let all = self.destination_records(application).await?;
        if all.len() >= MOST {
            return Err(bad("url", "There are 20 destinations already."));
        }
        let id = self.fresh_id();
        let secret = WebhookSecret::generate(self.entropy());
        let (data_key, kept) = sealed(id, &secret, &self.vault, self.entropy())?;
        let mut destination = Destination {
            id,
            application,
            label,
            url,
            enabled,
            webhook_version,
            subscribed_events,
            created_at: now,
            updated_at: now,
            single,
            data_key,
            secret: kept,
        };
        self.check_destination(&mut destination)?;
        let entry = self.destination_entry("webhook.destination_created", id, now);
        let batch = Batch::new().insert(&destination).insert(&Taken::by(&destination)).audit(entry);
        // Identifiers are random: what is there already is the address.
        self.store.commit(batch).await.map_err(taken)?;
        Ok(Shared { summary: Summary::empty(id), destination, secret: Some(secret) })
    }

    /// The destinations of an application, oldest first, with how each has done.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn destinations(&self, application: Uuid) -> Result<Vec<Shared>, Error> {
        let mut all = Vec::new();
        for destination in self.destination_records(application).await? {
            let summary = self.summary_of(destination.id).await?;
            all.push(Shared { destination, summary, secret: None });
        }
        all.sort_by_key(|shared| (shared.destination.created_at, shared.destination.id));
        Ok(all)
    }

    /// One destination, with how it has done.
    ///
    /// # Errors
    /// [`Error::NoSuchDestination`], also for another application's.
    pub async fn destination(&self, application: Uuid, id: Uuid) -> Result<Shared, Error> {
        let destination = self.own_destination(application, id).await?.value;
        Ok(Shared { summary: self.summary_of(id).await?, destination, secret: None })
    }

    /// Changes a destination.
    ///
    /// # Errors
    /// [`Error::NoSuchDestination`]; as [`Issuer::create_destination`].
    pub async fn change_destination(
        &self,
        application: Uuid,
        id: Uuid,
        change: DestinationChange,
        now: Timestamp,
    ) -> Result<Shared, Error> {
        for _ in 0..TRIES {
            let Loaded { seen, value: before } = self.own_destination(application, id).await?;
            let mut next = before.clone();
            let DestinationChange { label, url, enabled, webhook_version, subscribed_events, rotate } = change.clone();
            next.label = label.unwrap_or(next.label);
            next.url = url.unwrap_or(next.url);
            next.enabled = enabled.unwrap_or(next.enabled);
            next.webhook_version = webhook_version.unwrap_or(next.webhook_version);
            next.subscribed_events = subscribed_events.unwrap_or(next.subscribed_events);
            next.updated_at = now;
            self.check_destination(&mut next)?;
            let secret = if rotate { Some(next.rotate(&self.vault, self.entropy())?) } else { None };
            let action = if rotate { "webhook.secret_rotated" } else { "webhook.destination_changed" };
            let mut batch = Batch::new().replace(seen, &next).audit(self.destination_entry(action, id, now));
            let moved = next.url != before.url;
            if moved {
                batch = batch.erase::<Taken>(&Taken::by(&before).key).insert(&Taken::by(&next));
            }
            match self.store.commit(batch).await {
                Ok(_) => return Ok(Shared { summary: self.summary_of(id).await?, destination: next, secret }),
                Err(warifu_store::Error::Conflict { collection, .. }) if collection == Taken::NAME => {
                    return Err(address_taken());
                }
                Err(error) if error.is_conflict() => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::Busy)
    }

    /// Removes a destination. What was still to be sent there is dropped, and its log is gone.
    ///
    /// # Errors
    /// [`Error::NoSuchDestination`].
    pub async fn delete_destination(&self, application: Uuid, id: Uuid, now: Timestamp) -> Result<(), Error> {
        for _ in 0..TRIES {
            let Loaded { seen, value } = self.own_destination(application, id).await?;
            let batch = Batch::new()
                .remove(seen, &value)
                .erase::<Taken>(&Taken::by(&value).key)
                .erase::<Summary>(&id)
                .audit(self.destination_entry("webhook.destination_deleted", id, now));
            match self.store.commit(batch).await {
                Ok(_) => {
                    self.posted();
                    return Ok(());
                }
                Err(error) if error.is_conflict() => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Error::Busy)
    }

    pub(super) async fn own_destination(&self, application: Uuid, id: Uuid) -> Result<Loaded<Destination>, Error> {
        let found = Collection::<Destination>::of(&self.store).load(&id).await?;
        found.filter(|found| found.value.application == application).ok_or(Error::NoSuchDestination)
    }

    async fn destination_records(&self, application: Uuid) -> Result<Vec<Destination>, Error> {
        let query = Query::by("application", Range::Is(application.to_string()));
        let found = Collection::<Destination>::of(&self.store).collect(query).await?;
        Ok(found.into_iter().map(|loaded| loaded.value).collect())
    }

    async fn summary_of(&self, destination: Uuid) -> Result<Summary, Error> {
        let found = Collection::<Summary>::of(&self.store).load(&destination).await?;
        Ok(found.map_or_else(|| Summary::empty(destination), |loaded| loaded.value))
    }

    /// Refuses what could not be sent to, and brings lists in order.
    fn check_destination(&self, destination: &mut Destination) -> Result<(), Error> {
        let label = destination.label.trim();
        if label.chars().count() > LABEL || label.chars().any(char::is_control) {
            return Err(bad("label", "Ensure this field has at most 100 characters."));
        }
        destination.label = label.to_owned();
        destination.subscribed_events.sort_unstable();
        destination.subscribed_events.dedup();
        if destination.subscribed_events.is_empty() {
            return Err(bad("subscribed_events", "This list may not be empty."));
        }
        let url = &destination.url;
        if url.as_str().len() > ADDRESS || url.fragment().is_some() {
            return Err(bad("url", "Enter a valid URL."));
        }
        self.fetcher.allows(url).map_err(|error| Error::Field { field: "url", why: error.to_string() })
    }

    fn destination_entry(&self, action: &str, id: Uuid, now: Timestamp) -> Entry {
        let subject = warifu_store::audit::Reference::public("webhook_destination", &id.to_string());
        Entry::new(now, action, self.actor("api"), subject)
    }
}

fn bad(field: &'static str, why: &str) -> Error {
    Error::Field { field, why: why.to_owned() }
}

fn address_taken() -> Error {
    bad("url", "A destination with this URL already exists.")
}

fn taken(error: warifu_store::Error) -> Error {
    if error.is_conflict() { address_taken() } else { error.into() }
}
