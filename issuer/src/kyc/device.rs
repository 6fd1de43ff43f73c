//! On which devices a person goes through a session: the one that opened its link first, and others that a code on its
//! screen brought in.
//!
//! Which step is due stands in the session, so no device knows more than another. What a device is told apart for is the
//! way back: to the client goes the device that opened the session, the one that finished it, or both
//! ([`CallbackMethod`]). Devices are known by a random value in a cookie of the hosted pages; kept are hashes of it, sealed.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use warifu_keys::{Entropy, base64url};
use warifu_session::Status;

use crate::kyc::session::{CallbackMethod, token_hash};
use crate::{Error, Issuer};

/// What a device is known by: 22 URL-safe characters, 128 random bits. Silent in `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct DeviceId(String);

impl std::fmt::Debug for DeviceId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DeviceId(..)")
    }
}

impl DeviceId {
    /// A fresh one.
    #[must_use]
    pub fn generate(entropy: &dyn Entropy) -> Self {
        Self(base64url::encode(&entropy.array::<16>()))
    }

    /// The one that a cookie holds; `None` for what cannot be one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
        (text.len() == 22 && plain).then(|| Self(text.to_owned()))
    }

    /// The value of the cookie.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    fn hash(&self) -> String {
        token_hash(&self.0)
    }
}

/// The devices of a session.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Devices {
    /// Hash of the one that opened the link first.
    initiator: Option<String>,
    /// Hash of the one that handed in what was missing last.
    completer: Option<String>,
    /// Whether another one than the first opened the link.
    pub(crate) others: bool,
}

impl Devices {
    /// Whether this device goes back to the client at the end. Where nobody was told apart, everybody does.
    #[must_use]
    pub fn goes_back(&self, method: CallbackMethod, device: Option<&DeviceId>) -> bool {
        let is = |one: &Option<String>| one.is_none() || device.map(DeviceId::hash) == *one;
        match method {
            CallbackMethod::Both => true,
            CallbackMethod::Initiator => is(&self.initiator),
            CallbackMethod::Completer => is(&self.completer),
        }
    }

    /// Whether another device than this one has the session open too.
    pub(crate) fn has_others(&self) -> bool {
        self.others
    }

    /// Notes that this device opened the link. Says whether that is news.
    fn opened_on(&mut self, device: &DeviceId) -> bool {
        let hash = device.hash();
        match &self.initiator {
            None => {
                self.initiator = Some(hash);
                true
            }
            Some(first) if *first != hash && !self.others => {
                self.others = true;
                true
            }
            Some(_) => false,
        }
    }
}

impl Issuer {
    /// Notes that a device opened the link of a session that still waits for something. Gives the device: a new one where
    /// it brought nothing to know it by.
    ///
    /// # Errors
    /// [`Error::NoSuchSession`], [`Error::Erased`].
    pub(crate) async fn opened_on(
        &self,
        token: &str,
        device: Option<DeviceId>,
        now: Timestamp,
    ) -> Result<DeviceId, Error> {
        let device = device.unwrap_or_else(|| DeviceId::generate(self.entropy()));
        let seen = self.seen_by_token(token).await?;
        let waits =
            matches!(seen.open.session.status_at(now), Status::NotStarted | Status::InProgress | Status::Resubmitted);
        // The clone tells whether there is something to write: most visits change nothing.
        if waits && seen.open.personal.devices.clone().opened_on(&device) {
            // By identifier: to look at a page is not to begin.
            self.change(seen.open.session.id, now, |open| {
                open.personal.devices.opened_on(&device);
                Ok("session.opened")
            })
            .await?;
        }
        Ok(device)
    }

    /// Notes which device handed in what was missing last.
    ///
    /// # Errors
    /// As [`Issuer::opened_on`].
    pub(crate) async fn completed_on(&self, token: &str, device: &DeviceId, now: Timestamp) -> Result<(), Error> {
        let id = self.seen_by_token(token).await?.open.session.id;
        self.change(id, now, |open| {
            open.personal.devices.completer = Some(device.hash());
            Ok("session.completed")
        })
        .await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use warifu_keys::entropy::Seeded;

    use super::*;

    #[test]
    fn each_way_back_is_for_its_device() {
        let entropy = &Seeded::dangerous_new("devices");
        let [desktop, phone, stranger] = [(); 3].map(|()| DeviceId::generate(entropy));
        let mut devices = Devices::default();
        assert!(devices.goes_back(CallbackMethod::Initiator, None), "nobody was told apart");
        assert!(devices.opened_on(&desktop) && !devices.opened_on(&desktop));
        assert!(devices.opened_on(&phone) && !devices.opened_on(&stranger), "one other is enough to know of");
        devices.completer = Some(phone.hash());
        let check = |method, expected: [bool; 4]| {
            let asked = [Some(&desktop), Some(&phone), Some(&stranger), None];
            assert_eq!(asked.map(|device| devices.goes_back(method, device)), expected, "{method:?}");
        };
        check(CallbackMethod::Initiator, [true, false, false, false]);
        check(CallbackMethod::Completer, [false, true, false, false]);
        check(CallbackMethod::Both, [true; 4]);
    }

    #[test]
    fn a_cookie_of_another_shape_is_no_device() {
        let good = DeviceId::generate(&Seeded::dangerous_new("device"));
        assert_eq!(DeviceId::parse(good.expose()), Some(good.clone()));
        for bad in ["", "x", &"a".repeat(23), "aaaaaaaaaaaaaaaaaaaaa;"] {
            assert_eq!(DeviceId::parse(bad), None, "`{bad}`");
        }
    }
}
