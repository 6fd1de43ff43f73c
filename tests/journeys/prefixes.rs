//! In the sandbox the partners ask under every client identifier prefix, and the trusted list names what no certificate proves.

use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use url::Url;
use warifu_openid4vc::vp::client_id::{ClientId, Prefix};
use warifu_tests::{World, models};
use warifu_trust::entity::ServiceType;

#[tokio::test(flavor = "multi_thread")]
async fn partners_ask_by_every_name_that_is_listed() -> Result<()> {
    let name = "partners_ask_by_every_name_that_is_listed";
    let Some(models) = models(name) else { return Ok(()) };
    let world = World::start(models, name).await?;
    let parties = world.sandbox.operator.parties().await?;
    for partner in &world.sandbox.partners {
        let audience = &partner.role.config().audience;
        let entity = parties.iter().find(|entity| entity.id == *audience).context("a listed partner")?;
        let access = entity.services_of(ServiceType::Access).next().context("an access service")?;
        for prefix in Prefix::ALL {
            let wanted = json!({"policy": "identity", "client_id_prefix": prefix.name()});
            let created = world.sandbox.post(partner, "v1/requests", &wanted).await?.expect(201)?;
            let link: Url = created["link"].as_str().context("a link")?.parse()?;
            let client_id = link.query_pairs().find(|(name, _)| name == "client_id").context("a client identifier")?.1;
            let client_id = ClientId::parse(&client_id)?;
            ensure!(client_id.prefix() == prefix);
            let proved = access.certificates.iter().any(|leaf| client_id.is_of(leaf));
            let named = access.identifiers.iter().any(|known| known == client_id.as_str());
            match prefix {
                Prefix::X509Hash => ensure!(proved && named),
                Prefix::X509SanDns => ensure!(proved),
                Prefix::DecentralizedIdentifier | Prefix::VerifierAttestation | Prefix::RedirectUri => ensure!(named),
            }
        }
    }
    world.sandbox.stop().await;
    Ok(())
}
