//! The trusted list as the wallet knows it: fetched when it is due, kept by [`warifu_trust::keeper`], with the highest
//! sequence number remembered in the store so that a restart does not open the door to an older list.

use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::Mutex;
use url::Url;
use warifu_keys::x509::Certificate;
use warifu_trust::list::MEDIA_TYPE;
use warifu_trust::{Keeper, Trust};

use crate::store::{Contents, Store, StoreError};
use crate::wire::{self, Wire};

/// The list of the registry in the settings.
#[derive(Debug, Default)]
pub(crate) struct TrustedLists {
    kept: Mutex<Option<(Url, Keeper)>>,
}

/// Address of the list below the registry's base address.
pub(crate) fn address(registry: &Url) -> Option<Url> {
    let mut url = registry.clone();
    url.path_segments_mut().ok()?.pop_if_empty().push("trusted-list");
    Some(url)
}

impl TrustedLists {
    /// What to decide from at `now`; asks the registry first where that is due. Other settings than last time begin anew.
    pub(crate) async fn trust(&self, wire: &dyn Wire, store: &Store, now: Timestamp) -> Result<Arc<Trust>, StoreError> {
        let (registry, pinned, seen) = store.read(|contents| {
            let settings = &contents.settings;
            (settings.registry.clone(), settings.operator_certificate.clone(), contents.trusted_list_sequence)
        })?;
        let refuse = |why: String| Ok(Arc::new(Trust::without_list(&why)));
        let operator = match Certificate::from_pem(&pinned) {
            Ok(operator) => operator,
            Err(error) => return refuse(format!("the pinned operator certificate is unusable: {error}")),
        };
        let Some(address) = address(&registry) else { return refuse("the registry's address is unusable".to_owned()) };
        let mut kept = self.kept.lock().await;
        let same = kept.as_ref().is_some_and(|(at, keeper)| *at == address && keeper.operator() == Some(&operator));
        if !same {
            *kept = Some((address, Keeper::new(operator, seen)));
        }
        let Some((address, keeper)) = kept.as_mut() else { return refuse("the list was not kept".to_owned()) };
        if keeper.is_due(now) {
            let body = wire::get(wire, address, MEDIA_TYPE).await.map_err(|error| error.to_string());
            match keeper.answered(body.as_deref().map_err(Clone::clone), now) {
                Err(why) => tracing::warn!(%why, "no new trusted list"),
                Ok(()) if keeper.seen() > seen => store.update(|contents: &mut Contents| {
                    contents.trusted_list_sequence = contents.trusted_list_sequence.max(keeper.seen());
                    Ok::<_, StoreError>(())
                })?,
                Ok(()) => (),
            }
        }
        Ok(keeper.trust(now))
    }
}
