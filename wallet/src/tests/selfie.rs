//! The selfie step with real faces and models; skipped by name where either is absent.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use jiff::{SignedDuration, Timestamp};
use warifu_credential::ClaimPath;
use warifu_credential::face_template::{FaceTemplateClaim, Source};
use warifu_credential::mdoc::{DeviceResponse, Session};
use warifu_credential::sd_jwt::{KeyBindingRules, Presentation};
use warifu_credential::selfie_reauth::{Demand, Entry, Liveness, Policy, ReauthFacts};
use warifu_credential::status::{Bits, StatusList, StatusToken, TokenClaims};
use warifu_models::face;
use warifu_models::liveness::{Action, Challenge, Method, Recording, Task};
use warifu_models::picture::{Limits, Picture};
use warifu_models::specimen::Puppet;
use warifu_models::specimen::film::{self, Lamp};
use warifu_models::weights::Folder;
use warifu_models::{Models, ModelsError, Parts, WeightsError};
use warifu_openid4vc::vp::response::Received;
use warifu_openid4vc::vp::verifier::Answer;

use super::world::{World, now};
use crate::Wallet;
use crate::consent::{Asked, ConsentUnusable, Ready};
use crate::history::TransactionResult;
use crate::presence::{LivenessDemand, MatchUnusable, Selfie};
use crate::present::Request;
use crate::store::SelfieRule;

fn models(test: &str) -> Option<&'static Models> {
    static MODELS: OnceLock<Option<Models>> = OnceLock::new();
    let models = MODELS.get_or_init(|| match Models::load(&Folder::from_environment()?, Parts::FACE) {
        Ok(models) => Some(models),
        Err(ModelsError::Weights(WeightsError::Missing { .. })) => None,
        Err(other) => panic!("{other}"),
    });
    if models.is_none() {
        println!("skipped: {test}: the weights are absent");
    }
    models.as_ref()
}

fn faces(test: &str) -> Option<PathBuf> {
    let beside = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").join("..").join("shared");
    let root = std::env::var_os("WARIFU_SHARED").map_or_else(beside, PathBuf::from).join("faces");
    if root.join("p01_1.jpg").exists() {
        return Some(root);
    }
    println!("skipped: {test}: shared data is absent");
    None
}

fn template_of(models: &Models, file: &[u8]) -> FaceTemplateClaim {
    let picture = Picture::decode(file, &Limits::default()).unwrap();
    let reading = face::read_single(models, &picture).unwrap();
    let template = reading.embedding.template();
    let values: Vec<i8> = template.to_bytes().iter().map(|byte| byte.cast_signed()).collect();
    let model = template.model().as_str().parse().unwrap();
    let day = "2026-11-22".parse().unwrap();
    FaceTemplateClaim::new(model, &values, template.scale(), Source::Selfie, day, 90).unwrap()
}

fn demand(liveness: Liveness) -> Demand {
    Demand {
        credential_ids: vec!["kyc".to_owned()],
        purpose: "login".to_owned(),
        max_age: 60,
        liveness,
        operating_point: "fmr-1e-3".to_owned(),
    }
}

async fn holder_of(world: &Arc<World>, models: &'static Models, rule: SelfieRule) -> Wallet {
    let mut seams = world.seams();
    seams.load_models = Box::new(|| Ok(models.clone()));
    let wallet = world.wallet_with(seams, rule);
    let (link, code) = world.offer();
    wallet.accept(&link, Some(&code), now()).await.unwrap();
    wallet
}

fn names() -> Vec<ClaimPath> {
    vec![ClaimPath::claim("given_name")]
}

async fn inspect(world: &World, wallet: &Wallet, demand: &Demand) -> Request {
    wallet.inspect_request(&world.request(&names(), Some(demand)), now()).await.unwrap()
}

#[tokio::test]
async fn only_the_holders_face_opens_the_way() {
    let test = "only_the_holders_face_opens_the_way";
    let Some((models, faces)) = models(test).zip(faces(test)) else { return };
    if !models.has_liveness() {
        println!("skipped: {test}: the liveness weights are absent");
        return;
    }
    let file = |name: &str| std::fs::read(faces.join(name)).unwrap();
    let world = World::new(Some(template_of(models, &file("p01_1.jpg"))));
    let wallet = holder_of(&world, models, SelfieRule::WhenAsked).await;
    let asked = demand(Liveness::Passive);
    let request = inspect(&world, &wallet, &asked).await;
    let selfie = request.question().selfie.clone().unwrap();
    assert_eq!((selfie.liveness, selfie.operating_point), (LivenessDemand::Passive, "fmr-1e-3"));
    let agreed = Ready::agreed(request.clone(), request.question().agree(now()), now());
    assert_eq!(agreed.unwrap_err(), ConsentUnusable::SelfieDemanded);

    let mut codes = Vec::new();
    for name in ["p03_1.jpg", "p04_1.jpg", "p06_1.jpg", "p07_1.jpg", "p09_1.jpg"] {
        let error = wallet.match_selfie(&request, file(name), now()).await.unwrap_err();
        let entry = wallet.history().unwrap().remove(0);
        assert_eq!(entry.transaction_result, TransactionResult::NotCompleted);
        assert_eq!(entry.reason_of_noncompletion.as_deref(), Some(error.code()));
        assert!(entry.list_of_claims_presented.is_empty());
        codes.push(error.code());
    }
    assert!(codes.contains(&"face_does_not_match"), "{codes:?}");
    for name in ["spoof/spoof_F1.jpg", "spoof/spoof_F2.jpg"] {
        let attack = wallet.match_selfie(&request, file(name), now()).await.unwrap_err();
        println!("{name}: {}", attack.code());
    }
    let broken = wallet.match_selfie(&request, b"\xff\xd8\xff".to_vec(), now()).await.unwrap_err();
    assert_eq!(broken.code(), "bad_picture");
    assert!(world.posted().is_empty(), "nothing was sent");

    // Too old for the demand.
    let matched = wallet.match_selfie(&request, file("p01_2.jpg"), now()).await.unwrap();
    let late = now() + SignedDuration::from_secs(61);
    let stale = Ready::matched(request.clone(), request.question().agree(late), matched, late).unwrap_err();
    assert_eq!(stale, ConsentUnusable::Match(MatchUnusable::Stale));

    let matched = wallet.match_selfie(&request, file("p01_2.jpg"), now()).await.unwrap();
    let consent = request.question().agree(now());
    let facts = wallet.present(Ready::matched(request, consent, matched, now()).unwrap(), now()).await.unwrap();
    assert_eq!(facts.selfie, Some("passive"));
    assert_eq!(wallet.history().unwrap()[0].selfie.as_deref(), Some("passive"));
    assert_eq!(check_at_verifier(&world, &asked, now()).liveness, Liveness::Passive);
}

/// The verifier's side of the selfie protocol on what was posted for request 0.
fn check_at_verifier(world: &World, asked: &Demand, at: Timestamp) -> ReauthFacts {
    let body = world.posted().remove(0);
    let Answer::Presented(answer) = world.awaiting("0").accept(Received::parse(&body).unwrap(), at).unwrap() else {
        panic!("the wallet refused")
    };
    let text = answer.vp_token.0["kyc"][0].text().unwrap();
    let rules = KeyBindingRules {
        audience: answer.request.client_id.as_str(),
        nonce: &answer.request.nonce,
        max_age: SignedDuration::from_mins(5),
        leeway: SignedDuration::from_secs(30),
    };
    let anchor = world.issuer_anchor();
    let (authentic, bound) =
        Presentation::parse(text).unwrap().authenticate(std::slice::from_ref(&anchor), at, &rules).unwrap();
    let (chain, signer) = world.issuer_signer();
    let uri = authentic.status_reference().unwrap().uri.clone();
    let list = StatusList::new(Bits::from_count(1).unwrap(), 1024).unwrap();
    let token = list.sign(&token_claims(&uri), &[chain], signer).unwrap();
    let verified = authentic.settle(&StatusToken::verify(&token, &uri, &anchor, now()).unwrap(), now()).unwrap();
    assert!(verified.claims().get("face_template").is_none(), "the template stays on the device");
    let entry = Entry::parse(answer.request.transaction_data[0].encoded()).unwrap();
    assert_eq!(entry.demand(), asked);
    let template = world.claims().face_template.as_ref().unwrap();
    let policy = Policy { allowed_models: vec![template.model().clone()], max_age: SignedDuration::from_secs(60) };
    warifu_credential::selfie_reauth::check(&entry, &bound, &verified, &policy, at).unwrap()
}

/// The device of an mdoc signs what a key binding JWT says of an SD-JWT VC; a match with the one serves not for the other.
#[tokio::test]
async fn an_mdocs_device_tells_of_the_match() {
    let test = "an_mdocs_device_tells_of_the_match";
    let Some((models, faces)) = models(test).zip(faces(test)) else { return };
    if !models.has_liveness() {
        println!("skipped: {test}: the liveness weights are absent");
        return;
    }
    let file = |name: &str| std::fs::read(faces.join(name)).unwrap();
    let world = World::new(Some(template_of(models, &file("p01_1.jpg"))));
    let wallet = holder_of(&world, models, SelfieRule::WhenAsked).await;
    let (link, code) = world.offer_of(&["kyc-mdoc"]);
    wallet.accept(&link, Some(&code), now()).await.unwrap();
    let asked = demand(Liveness::Passive);
    let request = wallet.inspect_request(&world.mdoc_request(&["given_name"], Some(&asked)), now()).await.unwrap();
    let agreed = Ready::agreed(request.clone(), request.question().agree(now()), now());
    assert_eq!(agreed.unwrap_err(), ConsentUnusable::SelfieDemanded);
    let impostor = wallet.match_selfie(&request, file("p09_1.jpg"), now()).await.unwrap_err();
    assert!(wallet.history().unwrap()[0].reason_of_noncompletion.as_deref() == Some(impostor.code()));
    // The same face, matched for the SD-JWT VC of the same person.
    let other = inspect(&world, &wallet, &asked).await;
    let matched = wallet.match_selfie(&other, file("p01_2.jpg"), now()).await.unwrap();
    let refusal = Ready::matched(request.clone(), request.question().agree(now()), matched, now()).unwrap_err();
    assert_eq!(refusal, ConsentUnusable::Match(MatchUnusable::OtherCredential));
    assert!(world.posted().is_empty(), "nothing was sent");

    let matched = wallet.match_selfie(&request, file("p01_2.jpg"), now()).await.unwrap();
    let consent = request.question().agree(now());
    let facts = wallet.present(Ready::matched(request, consent, matched, now()).unwrap(), now()).await.unwrap();
    assert_eq!(facts.selfie, Some("passive"));

    let body = world.posted().remove(0);
    let Answer::Presented(answer) = world.awaiting("0").accept(Received::parse(&body).unwrap(), now()).unwrap() else {
        panic!("the wallet refused")
    };
    let transcript = answer.request.session_transcript().unwrap();
    let session = Session { transcript: &transcript, reader_key: None };
    let response = DeviceResponse::from_base64url(answer.vp_token.0["kyc"][0].text().unwrap()).unwrap();
    let anchor = world.issuer_anchor();
    let (authentic, device) =
        response.only().unwrap().authenticate(std::slice::from_ref(&anchor), now(), &session).unwrap();
    let uri = authentic.status_reference().unwrap().uri.clone();
    let list = StatusList::new(Bits::from_count(1).unwrap(), 1024).unwrap();
    let (chain, signer) = world.issuer_signer();
    let token = list.sign_cwt(&token_claims(&uri), &[chain], signer).unwrap();
    let verified = authentic.settle(&StatusToken::verify(&token, &uri, &anchor, now()).unwrap(), now()).unwrap();
    assert!(!verified.claims().to_string().contains("face_template"), "the template stays on the device");
    let entry = Entry::parse(answer.request.transaction_data[0].encoded()).unwrap();
    let template = world.claims().face_template.as_ref().unwrap();
    let policy = Policy { allowed_models: vec![template.model().clone()], max_age: SignedDuration::from_secs(60) };
    let facts =
        warifu_credential::selfie_reauth::check_device_signed(&entry, &device, &verified, &policy, now()).unwrap();
    assert_eq!(facts.liveness, Liveness::Passive);
}

fn token_claims(uri: &url::Url) -> TokenClaims {
    TokenClaims {
        uri: uri.clone(),
        issued_at: now(),
        expires: now() + SignedDuration::from_hours(1),
        ttl: SignedDuration::from_mins(10),
        aggregation_uri: None,
    }
}

#[tokio::test]
async fn a_selfie_for_one_credential_serves_no_other() {
    let test = "a_selfie_for_one_credential_serves_no_other";
    let Some((models, faces)) = models(test).zip(faces(test)) else { return };
    let file = |name: &str| std::fs::read(faces.join(name)).unwrap();
    let world = World::new(Some(template_of(models, &file("p01_1.jpg"))));
    let wallet = holder_of(&world, models, SelfieRule::Always).await;
    let plain = |world: &World| world.request(&names(), None);
    let first = wallet.inspect_request(&plain(&world), now()).await.unwrap();
    assert_eq!(first.question().selfie.as_ref().unwrap().liveness, LivenessDemand::None);
    let matched = wallet.match_selfie(&first, file("p01_2.jpg"), now()).await.unwrap();
    let (link, code) = world.offer();
    wallet.accept(&link, Some(&code), now()).await.unwrap();
    // The newest credential is the one to be presented now.
    let second = wallet.inspect_request(&plain(&world), now()).await.unwrap();
    let consent = second.question().agree(now());
    let refusal = Ready::matched(second, consent, matched, now()).unwrap_err();
    assert_eq!(refusal, ConsentUnusable::Match(MatchUnusable::OtherCredential));

    let strict = demand(Liveness::Active);
    let active = inspect(&world, &wallet, &strict).await;
    let error = wallet.match_selfie(&active, file("p01_2.jpg"), now()).await.unwrap_err();
    assert_eq!(error.code(), "challenge_needed");
}

/// Seconds after [`now`] at which a recording arrives: longer than any of them.
const RECORDED: i64 = 40;

fn recorded(challenge: &Challenge, recording: Recording) -> Selfie {
    Selfie::Recorded { challenge: challenge.clone(), recording }
}

#[tokio::test]
async fn a_challenge_is_answered_by_the_holder_moving_and_by_nothing_else() {
    let test = "a_challenge_is_answered_by_the_holder_moving_and_by_nothing_else";
    let Some((models, faces)) = models(test).zip(faces(test)) else { return };
    let file = |name: &str| std::fs::read(faces.join(name)).unwrap();
    let picture = |name: &str| Picture::decode(&file(name), &Limits::default()).unwrap();
    let world = World::new(Some(template_of(models, &file("p01_1.jpg"))));
    let wallet = holder_of(&world, models, SelfieRule::WhenAsked).await;
    let strict = demand(Liveness::Active);
    let active = inspect(&world, &wallet, &strict).await;
    assert_eq!(active.question().selfie.as_ref().unwrap().liveness.method(), Method::Active3d);
    let later = now() + SignedDuration::from_secs(RECORDED);

    // Turns and a nod: what every picture can be made to do.
    let challenge = (0..=255u8)
        .map(|seed| Challenge::new(Method::Active3d, [seed; 32], now()))
        .find(|challenge| challenge.prompts().iter().all(|prompt| prompt.task != Task::Do(Action::Blink)))
        .unwrap();
    let prompts = challenge.prompts();
    let puppet = |name: &str| Puppet::new(models, picture(name)).unwrap();
    let mine = |seed| film::perform(&puppet("p01_2.jpg"), &prompts, Lamp::NONE, seed).unwrap();
    let matched = wallet.match_selfie(&active, recorded(&challenge, mine(1)), later).await.unwrap();
    assert_eq!(matched.liveness().name(), "active");
    let ready = Ready::matched(active.clone(), active.question().agree(later), matched, later).unwrap();
    wallet.present(ready, later).await.unwrap();
    assert_eq!(check_at_verifier(&world, &strict, later).liveness, Liveness::Active);

    let refuse = async |selfie: Selfie, at, expected: &str| {
        let error = wallet.match_selfie(&active, selfie, at).await.unwrap_err();
        assert_eq!(error.code(), expected);
        let entry = wallet.history().unwrap().remove(0);
        assert_eq!(entry.reason_of_noncompletion.as_deref(), Some(expected));
    };
    let other = film::perform(&puppet("p05_1.jpg"), &prompts, Lamp::NONE, 1).unwrap();
    refuse(recorded(&challenge, other), later, "face_does_not_match").await;
    let still = film::still(&picture("p01_2.jpg"), &prompts, 1).unwrap();
    refuse(recorded(&challenge, still), later, "movement_not_seen").await;
    let late = now() + SignedDuration::from_secs(121);
    refuse(recorded(&challenge, mine(1)), late, "challenge_late").await;
    let others = Challenge::new(Method::Active3d, [99; 32], now());
    refuse(recorded(&others, mine(1)), later, "frame_nonce").await;
    // The recording of a lesser challenge, and no recording at all.
    let passive = Challenge::new(Method::Passive, [7; 32], now());
    let ahead = film::perform(&puppet("p01_2.jpg"), &passive.prompts(), Lamp::NONE, 1).unwrap();
    refuse(recorded(&passive, ahead), later, "challenge_needed").await;
    refuse(file("p01_2.jpg").into(), later, "challenge_needed").await;
}

#[tokio::test]
async fn a_template_of_another_model_is_not_compared() {
    let test = "a_template_of_another_model_is_not_compared";
    let Some((models, faces)) = models(test).zip(faces(test)) else { return };
    let model = warifu_credential::face_template::ModelId::new("other", &[7; 32]).unwrap();
    let day = "2026-11-22".parse().unwrap();
    let template = FaceTemplateClaim::new(model, &[1; 128], 200, Source::Selfie, day, 90).unwrap();
    let world = World::new(Some(template));
    let wallet = holder_of(&world, models, SelfieRule::Always).await;
    let request = wallet.inspect_request(&world.request(&names(), None), now()).await.unwrap();
    let selfie = std::fs::read(faces.join("p01_2.jpg")).unwrap();
    assert_eq!(wallet.match_selfie(&request, selfie, now()).await.unwrap_err().code(), "other_face_model");
}

#[tokio::test]
async fn genuine_pairs_and_time() {
    let test = "genuine_pairs_and_time";
    let Some((models, faces)) = models(test).zip(faces(test)) else { return };
    let (mut accepted, mut others, mut times) = (0, Vec::new(), Vec::new());
    for person in 1..=28 {
        let paths = [1, 2].map(|shot| faces.join(format!("p{person:02}_{shot}.jpg")));
        let [Ok(first), Ok(second)] = paths.map(std::fs::read) else { continue };
        let world = World::new(Some(template_of(models, &first)));
        let wallet = holder_of(&world, models, SelfieRule::Always).await;
        let request = wallet.inspect_request(&world.request(&names(), None), now()).await.unwrap();
        let begun = Instant::now();
        match wallet.match_selfie(&request, second, now()).await {
            Ok(_) => accepted += 1,
            Err(error) => others.push(format!("p{person:02}: {}", error.code())),
        }
        times.push(begun.elapsed());
    }
    times.sort();
    println!(
        "{accepted} of {} matched; {others:?}; warm p50 {:.0} ms, max {:.0} ms",
        times.len(),
        times[times.len() / 2].as_secs_f64() * 1000.0,
        times[times.len() - 1].as_secs_f64() * 1000.0
    );
    assert!(accepted * 4 >= times.len() * 3, "{accepted} of {}: {others:?}", times.len());
}
