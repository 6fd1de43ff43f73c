//! A sandbox scheme with seeded keys and a registry over the memory store, for the tests of this crate.

use std::fs;

use jiff::Timestamp;
use warifu_keys::entropy::Seeded;
use warifu_server::extract::ApiKeyHash;
use warifu_trust::bundle::{IssuerBundle, VerifierBundle};

use crate::setup::Setup;
use crate::{Actor, Config, Registry};

pub(crate) const TOKEN: &str = "an administrator token for tests";

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub(crate) struct Sandbox {
    home: tempfile::TempDir,
    pub(crate) issuer: IssuerBundle,
    pub(crate) partner_b: VerifierBundle,
}

impl Sandbox {
    pub(crate) fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let now = at("2026-11-23T00:00:00Z");
        Registry::init(home.path(), &Setup::sandbox(), now, &Seeded::dangerous_new("sandbox")).unwrap();
        let read = |place: &'static str| {
            let home = home.path().to_owned();
            move |file: &str| fs::read_to_string(home.join(place).join(file))
        };
        let issuer = IssuerBundle::load(&read("issuer")).unwrap();
        let partner_b = VerifierBundle::load(&read("verifiers/partner-b")).unwrap();
        Self { home, issuer, partner_b }
    }

    /// A registry that has published its first list at the beginning of 23 November 2026.
    pub(crate) async fn registry(&self) -> Registry {
        let scheme = Registry::load_scheme(self.home.path()).unwrap();
        let config = Config::new(scheme.operator).sandbox().admin(ApiKeyHash::of(TOKEN));
        let registry = Registry::new(warifu_store::memory::open().unwrap(), scheme.keys, config);
        let by = Actor::registry("set-up");
        registry.admit_missing(&scheme.parties, &by, at("2026-11-23T00:00:00Z")).await.unwrap();
        registry.admit_missing(&scheme.parties, &by, at("2026-11-23T00:00:00Z")).await.unwrap();
        registry
    }
}
