//! A wallet made by hand: it keeps the protocols and says what a test lets it say.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use warifu_credential::selfie_reauth::TYPE;
use warifu_keys::entropy::Seeded;
use warifu_keys::{Signer, SigningKey};
use warifu_openid4vc::vci::holder::{Acceptance, Choice, Offered, Progress};
use warifu_openid4vc::vci::offer::{CredentialOffer, OfferLink};
use warifu_openid4vc::vp::holder::{PresentationRequest, RequestUri};
use warifu_tests::World;
use warifu_wallet::wire::Wire;

use crate::refusals::offer;

/// A credential and its key, in the open.
pub(crate) struct ByHand {
    /// The credential as it came.
    pub(crate) text: String,
    /// The key that it is bound to.
    pub(crate) key: SigningKey,
    pub(crate) entropy: Seeded,
}

impl ByHand {
    /// Fetches the credential of an approved session, as an honest wallet does.
    pub(crate) async fn accept(world: &World, session: &str, configuration: &str, seed: &str) -> Result<Self> {
        let entropy = Seeded::dangerous_new(seed);
        let now = world.hands.clock().now();
        let wire: &dyn Wire = world.sandbox.fetcher();
        let (link, code) = offer(world, session).await?;
        let offer = match OfferLink::parse(&link)? {
            OfferLink::ByValue(offer) => offer,
            OfferLink::ByReference(url) => {
                let get = warifu_openid4vc::http::Request::get(url, "application/json");
                CredentialOffer::parse(&wire.send(get).await?.body)?
            }
        };
        let offered = Offered::new(offer)?;
        let answer = wire.send(offered.request()).await?;
        let server = offered.answer(&answer)?;
        let answer = wire.send(server.request()).await?;
        let described = server.answer(&answer)?;
        let key = SigningKey::generate_p256(&entropy);
        let device: Arc<dyn Signer> = Arc::new(key.clone());
        let acceptance = Acceptance {
            tx_code: Some(code),
            client_id: None,
            dpop: Arc::new(SigningKey::generate_p256(&entropy)),
            choices: vec![Choice { configuration_id: configuration.to_owned(), keys: vec![device] }],
        };
        let mut accepting = described.accept(acceptance, &entropy, now)?;
        let issued = loop {
            let answer = wire.send(accepting.request().clone()).await?;
            match accepting.answer(&answer, &entropy, now)? {
                Progress::Again(next) => accepting = next,
                Progress::Issued(issued) => break issued,
            }
        };
        let text = issued[0].credentials[0].as_str().context("a text")?.to_owned();
        Ok(Self { text, key, entropy })
    }
}

/// Fetches and reads a presentation request.
pub(crate) async fn open(world: &World, link: &str, entropy: &Seeded) -> Result<PresentationRequest> {
    let awaiting = RequestUri::parse(link)?.fetch(entropy);
    let answer = Wire::send(world.sandbox.fetcher(), awaiting.request().clone()).await?;
    Ok(awaiting.answer(&answer)?.authenticate(world.hands.clock().now())?.understand(&[TYPE])?)
}
