//! The reauth by mdoc: the wallet's holder gets in, nobody else does, and a wallet that lies is refused by name.

use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::{Value as Json, json};
use warifu_cli::demo::Person;
use warifu_credential::face_template::{ModelId, mdoc_template_digest};
use warifu_credential::mdoc::{DataElements, DeviceKey, Held, SessionTranscript};
use warifu_credential::selfie_reauth::{Assertion, Liveness};
use warifu_keys::cbor::{self, Value};
use warifu_keys::entropy::Seeded;
use warifu_keys::{SigningKey, base64url};
use warifu_openid4vc::vp::VpToken;
use warifu_openid4vc::vp::holder::PresentationRequest;
use warifu_tests::{World, models, shared};
use warifu_wallet::consent::{Asked as _, Ready};
use warifu_wallet::wire::Wire;

use crate::by_hand::{ByHand, open};
use crate::refusals::{approved, offer, state};

const NAMESPACE: &str = "org.warifu.kyc.1";
const ASKED: [&str; 3] = ["given_name", "family_name", "birth_date"];

/// A request of the first partner, made from `body`.
async fn request(world: &World, body: &Json) -> Result<(String, String)> {
    let created = world.sandbox.post(&world.sandbox.partners[0], "v1/requests", body).await?.expect(201)?;
    let text = |name: &str| created[name].as_str().map(str::to_owned).context("a member");
    Ok((text("request_id")?, text("link")?))
}

fn selfie_by_mdoc() -> Json {
    json!({"policy": "identity-selfie", "formats": "mso_mdoc"})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_selfie_by_mdoc_serves_its_holder_only() -> Result<()> {
    let name = "a_selfie_by_mdoc_serves_its_holder_only";
    let (Some(models), Some(faces)) = (models(name), shared(name, "faces")) else { return Ok(()) };
    if !models.has_liveness() {
        warifu_tests::skip(name, "the liveness weights are absent");
        return Ok(());
    }
    let person = Person::fictional(&models)?;
    let world = World::start(models, name).await?;
    let wallet = &world.sandbox.wallet;
    let now = || world.hands.clock().now();
    let (session, _) = approved(&world, &person).await?;
    let (link, code) = offer(&world, &session).await?;
    let accepted = wallet.accept(&link, Some(&code), now()).await?;
    let mdoc = accepted.further.first().context("an mdoc")?;
    assert_eq!((mdoc.format, mdoc.has_face_template), ("mso_mdoc", true));

    // Somebody else at the wallet: nothing leaves.
    let (id, link) = request(&world, &selfie_by_mdoc()).await?;
    let asked = wallet.inspect_request(&link, now()).await?;
    assert_eq!(asked.question().disclosures[0].credential, mdoc.id);
    let mut codes = Vec::new();
    for impostor in ["p01_1.jpg", "p04_1.jpg", "p05_1.jpg"] {
        let selfie = std::fs::read(faces.join(impostor))?;
        let error = wallet.match_selfie(&asked, selfie, now()).await.expect_err("somebody else");
        codes.push(error.code());
    }
    assert!(codes.contains(&"face_does_not_match"), "{codes:?}");
    assert_eq!(state(&world, &id).await?["state"], "opened");

    // The holder.
    let consent = asked.question().agree(now());
    let matched = wallet.match_selfie(&asked, person.second_selfie.clone(), now()).await?;
    let facts = wallet.present(Ready::matched(asked, consent, matched, now())?, now()).await?;
    assert_eq!(facts.selfie, Some("passive"));
    let result = state(&world, &id).await?;
    assert_eq!(result["state"], "accepted", "{result}");
    let elements = result["claims"][NAMESPACE].as_object().context("elements")?;
    assert_eq!(elements.keys().collect::<Vec<_>>(), ["birth_date", "family_name", "given_name"]);
    assert!(!result.to_string().contains("face_template"), "{result}");

    // A policy that takes either is answered in one format.
    let (id, link) = request(&world, &json!({"policy": "identity"})).await?;
    let asked = wallet.inspect_request(&link, now()).await?;
    assert_eq!(asked.question().disclosures.len(), 1);
    let consent = asked.question().agree(now());
    wallet.present(Ready::agreed(asked, consent, now())?, now()).await?;
    assert_eq!(state(&world, &id).await?["state"], "accepted");

    // The face template, asked for with everything else in order.
    let elements = ["family_name", "face_template"].map(|element| json!({"path": [NAMESPACE, element]}));
    let query = json!({"credentials": [
        {"id": "kyc", "format": "mso_mdoc", "meta": {"doctype_value": NAMESPACE}, "claims": elements},
    ]});
    let (id, link) = request(&world, &json!({"dcql_query": query})).await?;
    let error = wallet.inspect_request(&link, now()).await.expect_err("the template never leaves");
    assert_eq!(error.code(), "face_template_asked");
    assert_eq!(state(&world, &id).await?["state"], "opened");
    world.sandbox.stop().await;
    Ok(())
}

/// A wallet that keeps the protocol and says what it likes.
struct Liar {
    held: Held,
    key: SigningKey,
    entropy: Seeded,
}

impl Liar {
    /// Fetches the mdoc of an approved session, as an honest wallet does.
    async fn accept(world: &World, session: &str, seed: &str) -> Result<Self> {
        let ByHand { text, key, entropy } = ByHand::accept(world, session, "kyc-identity-mdoc", seed).await?;
        Ok(Self { held: Held::dangerous_reload(&base64url::decode(&text)?)?, key, entropy })
    }

    fn assertion(&self, world: &World) -> Result<Assertion> {
        Ok(Assertion {
            matched_at: world.hands.clock().now() - Duration::from_secs(5),
            model: world.sandbox.partners[0].role.config().allowed_models[0].clone(),
            operating_point: "fmr-1e-3".to_owned(),
            liveness: Liveness::Passive,
            template_digest: mdoc_template_digest(&self.held)?,
        })
    }

    fn present(&self, said: &DataElements, transcript: &SessionTranscript) -> Result<Vec<u8>> {
        let elements = ASKED.map(|element| (NAMESPACE, element));
        Ok(self.held.present(&elements, said, transcript, DeviceKey::Signs(&self.key))?)
    }
}

/// What a lying wallet changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lie {
    Nothing,
    DeviceSignature,
    OtherRequest,
    NoReauth,
    NoAssertion,
    OtherDemand,
    OtherCredential,
    Stale,
    OtherModel,
    Weaker,
}

/// What the device says in answer to the request, with one lie in it.
fn said(request: &PresentationRequest, honest: Assertion, other: &Held, lie: Lie) -> Result<DataElements> {
    let mut assertion = honest;
    match lie {
        Lie::OtherCredential => assertion.template_digest = mdoc_template_digest(other)?,
        Lie::Stale => assertion.matched_at -= Duration::from_secs(60),
        Lie::OtherModel => assertion.model = ModelId::new("other", &[2; 32])?,
        Lie::Weaker => assertion.operating_point = "fmr-1e-1".to_owned(),
        Lie::NoReauth => return Ok(DataElements::new()),
        Lie::OtherDemand => return Ok(assertion.device_elements(&["b3RoZXI"])),
        Lie::Nothing | Lie::DeviceSignature | Lie::OtherRequest | Lie::NoAssertion => {}
    }
    let entries: Vec<&str> = request.transaction_data().iter().map(|entry| entry.encoded()).collect();
    let whole = assertion.device_elements(&entries);
    let kept = whole.iter().filter(|(_, element, _)| lie != Lie::NoAssertion || *element != "selfie_reauth");
    Ok(kept.fold(DataElements::new(), |all, (namespace, element, value)| all.with(namespace, element, value.clone())))
}

/// The response with another device signature.
fn forged(response: &[u8]) -> Result<Vec<u8>> {
    let mut value = cbor::parse(response)?;
    let path = ["documents", "0", "deviceSigned", "deviceAuth", "deviceSignature", "3"];
    let signature = path.iter().try_fold(&mut value, |value, name| match value {
        Value::Array(items) => items.get_mut(name.parse::<usize>().ok()?),
        Value::Map(pairs) => pairs.iter_mut().find(|(key, _)| key.as_text() == Some(*name)).map(|(_, value)| value),
        _ => None,
    });
    signature.and_then(Value::as_bytes_mut).context("a signature")?[7] ^= 1;
    Ok(cbor::encode(&value))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wallet_that_lies_is_refused_by_name() -> Result<()> {
    let name = "a_wallet_that_lies_is_refused_by_name";
    let Some(models) = models(name) else { return Ok(()) };
    let person = Person::fictional(&models)?;
    let world = World::start(models, name).await?;
    let (session, _) = approved(&world, &person).await?;
    let liar = Liar::accept(&world, &session, "liar").await?;
    let other = Liar::accept(&world, &session, "another credential").await?;
    let rows = [
        (Lie::Nothing, None),
        (Lie::DeviceSignature, Some("key_binding")),
        (Lie::OtherRequest, Some("key_binding")),
        (Lie::NoReauth, Some("selfie_reauth")),
        (Lie::NoAssertion, Some("selfie_reauth")),
        (Lie::OtherDemand, Some("selfie_reauth")),
        (Lie::OtherCredential, Some("selfie_reauth")),
        (Lie::Stale, Some("selfie_reauth")),
        (Lie::OtherModel, Some("selfie_reauth")),
        (Lie::Weaker, Some("selfie_reauth")),
    ];
    for (lie, expected) in rows {
        let (id, link) = request(&world, &selfie_by_mdoc()).await?;
        let asked = open(&world, &link, &liar.entropy).await?;
        let said = said(&asked, liar.assertion(&world)?, &other.held, lie)?;
        let session = match lie {
            Lie::OtherRequest => {
                let (_, link) = request(&world, &selfie_by_mdoc()).await?;
                open(&world, &link, &liar.entropy).await?.session_transcript()?
            }
            _ => asked.session_transcript()?,
        };
        let response = liar.present(&said, &session)?;
        let response = if lie == Lie::DeviceSignature { forged(&response)? } else { response };
        let vp_token = VpToken::of([("kyc-mdoc".to_owned(), base64url::encode(&response))]);
        let answer = Wire::send(world.sandbox.fetcher(), asked.respond(&vp_token, &liar.entropy)?).await?;
        assert_eq!(answer.status, if expected.is_some() { 400 } else { 200 }, "{lie:?}");
        let result = state(&world, &id).await?;
        let checks = result["checks"].as_array().context("checks")?;
        let failed: Vec<&str> = checks
            .iter()
            .filter(|check| check["outcome"] == "fail")
            .filter_map(|check| check["name"].as_str())
            .collect();
        assert_eq!(failed, Vec::from_iter(expected), "{lie:?}: {result}");
        assert_eq!(result["state"], if expected.is_some() { "refused" } else { "accepted" }, "{lie:?}");
        let claims = result["claims"].as_object();
        assert_eq!(claims.is_none_or(serde_json::Map::is_empty), expected.is_some(), "{lie:?}: {result}");
    }
    world.sandbox.stop().await;
    Ok(())
}
