//! Liveness by challenge over the wire, at the issuer: a person who does what is asked, and the ways around it.

use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use warifu_cli::demo::{Answer, Person};
use warifu_cli::sandbox::Sandbox;
use warifu_models::Models;
use warifu_models::liveness::{Action, Colour, Prompt, Recording, Task};
use warifu_models::picture::{Limits, Picture};
use warifu_models::specimen::Puppet;
use warifu_models::specimen::film::{self, Lamp};
use warifu_tests::{World, models};

/// The sandbox's workflow that asks for movements.
const MOVEMENTS: &str = "6b796301-0000-4000-8000-000000000006";
/// The one that shows colours.
const COLOURS: &str = "6b796301-0000-4000-8000-000000000007";

/// A session that waits for its selfie.
struct Waiting<'w> {
    world: &'w World,
    id: String,
    token: String,
}

impl<'w> Waiting<'w> {
    async fn under(world: &'w World, person: &Person, workflow: &str) -> Result<Self> {
        let sandbox = &world.sandbox;
        let created =
            sandbox.post(&sandbox.issuer, "v3/session/", &json!({"workflow_id": workflow})).await?.expect(201)?;
        let text = |name: &str| created[name].as_str().map(str::to_owned).context("a text");
        let waiting = Self { world, id: text("session_id")?, token: text("session_token")? };
        sandbox.upload(&waiting.door("document"), &person.document).await?.success()?;
        Ok(waiting)
    }

    fn sandbox(&self) -> &Sandbox {
        &self.world.sandbox
    }

    fn door(&self, name: &str) -> String {
        format!("session/{}/{name}", self.token)
    }

    /// The prompts of a fresh challenge, as a page gets them.
    async fn challenge(&self) -> Result<Vec<Prompt>> {
        let page = self.sandbox().post(&self.sandbox().issuer, &self.door("challenge"), &json!({})).await?.success()?;
        let prompts = page["prompts"].as_array().context("prompts")?;
        prompts.iter().map(prompt).collect()
    }

    /// Hands a recording in, a minute after it was asked for.
    async fn hand_in(&self, recording: Recording) -> Result<Answer> {
        self.world.hands.step(Duration::from_secs(60));
        self.sandbox().record(&self.door("selfie"), recording).await
    }

    /// Hands a recording in that is refused for `code`.
    async fn refused(&self, recording: Recording, code: &str) -> Result<()> {
        let answer = self.hand_in(recording).await?;
        assert_eq!((answer.status, answer.body["problems"][0]["code"].as_str()), (422, Some(code)), "{}", answer.body);
        Ok(())
    }

    async fn decision(&self) -> Result<Value> {
        let path = format!("v3/session/{}/decision/", self.id);
        self.sandbox().get(&self.sandbox().issuer, &path).await?.expect(200)
    }
}

fn prompt(written: &Value) -> Result<Prompt> {
    let (name, nonce) = (written["task"].as_str().context("a task")?, written["nonce"].as_str().context("a nonce")?);
    let action = Action::ALL.into_iter().find(|action| action.as_str() == name).map(Task::Do);
    let colour = Colour::ALL.into_iter().find(|colour| colour.as_str() == name).map(Task::Shine);
    let task = action.or(colour).unwrap_or(Task::LookStraight);
    Ok(Prompt { task, nonce: nonce.to_owned() })
}

/// The person before a camera of 640 pixels.
fn puppet(models: &Models, person: &Person) -> Result<Puppet> {
    let picture = Picture::decode(&person.second_selfie, &Limits::default())?;
    let scale = 640.0 / f64::from(picture.width().max(picture.height()));
    let side = |side: u32| (f64::from(side) * scale.min(1.0)) as u32;
    Ok(Puppet::new(models, picture.resize(side(picture.width()), side(picture.height())))?)
}

fn signal<'d>(decision: &'d Value, name: &str) -> &'d Value {
    let signals = decision["signals"].as_array().into_iter().flatten();
    signals.into_iter().find(|signal| signal["name"] == name).unwrap_or(&Value::Null)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_who_moves_as_asked_is_approved() -> Result<()> {
    let Some(models) = models("a_person_who_moves_as_asked_is_approved") else { return Ok(()) };
    let person = Person::fictional(&models)?;
    let puppet = puppet(&models, &person)?;
    let world = World::start(models, "moves as asked").await?;
    let waiting = Waiting::under(&world, &person, MOVEMENTS).await?;
    // A picture is not enough here, whoever is on it.
    let file = waiting.sandbox().upload(&waiting.door("selfie"), &person.selfie).await?;
    assert_eq!((file.status, &file.body["problems"][0]["code"]), (422, &json!("capture-needed")), "{}", file.body);

    let film = film::perform(&puppet, &waiting.challenge().await?, Lamp::NONE, 1)?;
    let answer = waiting.hand_in(film).await?.success()?;
    assert_eq!(answer["accepted"], true, "{answer}");
    let decision = waiting.decision().await?;
    assert_eq!(decision["status"], "Approved", "{decision}");
    let liveness = &decision["liveness_checks"][0];
    assert_eq!((&liveness["method"], &liveness["status"]), (&json!("ACTIVE_3D"), &json!("Approved")), "{liveness}");
    assert!(liveness["score"].as_f64().is_some_and(|score| score >= 50.0), "{liveness}");
    for name in ["active_liveness", "selfie_capture", "face_match"] {
        assert_eq!(signal(&decision, name)["outcome"], "pass", "{name}: {decision}");
    }
    world.sandbox.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_challenge_is_met_once_by_its_own_recording() -> Result<()> {
    let Some(models) = models("a_challenge_is_met_once_by_its_own_recording") else { return Ok(()) };
    let person = Person::fictional(&models)?;
    let puppet = puppet(&models, &person)?;
    let world = World::start(models, "met once").await?;
    let waiting = Waiting::under(&world, &person, MOVEMENTS).await?;
    let still = |prompts: &[Prompt], seed| film::still(puppet.picture(), prompts, seed);
    let moving = |prompts: &[Prompt], seed| film::perform(&puppet, prompts, Lamp::NONE, seed);

    // For a challenge that was replaced, for one that is over, for none.
    let first = waiting.challenge().await?;
    let second = waiting.challenge().await?;
    waiting.refused(moving(&first, 1)?, "recording-unusable").await?;
    waiting.refused(moving(&second, 1)?, "recording-unusable").await?;
    let late = waiting.challenge().await?;
    world.hands.step(Duration::from_secs(100));
    waiting.refused(moving(&late, 1)?, "recording-late").await?;
    // For another session.
    let other = Waiting::under(&world, &person, MOVEMENTS).await?;
    waiting.challenge().await?;
    waiting.refused(moving(&other.challenge().await?, 1)?, "recording-unusable").await?;
    // A picture held before the camera: twice it is said what to do, then a person looks.
    for seed in 0..2 {
        waiting.refused(still(&waiting.challenge().await?, seed)?, "challenge-movement").await?;
    }
    let last = waiting.hand_in(still(&waiting.challenge().await?, 9)?).await?.success()?;
    assert_eq!(last["accepted"], true, "{last}");
    let decision = waiting.decision().await?;
    assert_eq!(decision["status"], "In Review", "{decision}");
    assert_eq!(signal(&decision, "active_liveness")["outcome"], "fail", "{decision}");
    assert!(decision["liveness_checks"][0]["score"].as_f64().is_some_and(|score| score < 50.0), "{decision}");
    world.sandbox.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_light_of_the_screen_must_fall_on_the_face() -> Result<()> {
    let Some(models) = models("the_light_of_the_screen_must_fall_on_the_face") else { return Ok(()) };
    let person = Person::fictional(&models)?;
    let puppet = puppet(&models, &person)?;
    let world = World::start(models, "light of the screen").await?;
    let waiting = Waiting::under(&world, &person, COLOURS).await?;
    let dark = film::perform(&puppet, &waiting.challenge().await?, Lamp::NONE, 1)?;
    waiting.refused(dark, "challenge-light").await?;
    let lit = film::perform(&puppet, &waiting.challenge().await?, Lamp::PHONE, 1)?;
    waiting.hand_in(lit).await?.success()?;
    let decision = waiting.decision().await?;
    assert_eq!(
        (&decision["status"], &decision["liveness_checks"][0]["method"]),
        (&json!("Approved"), &json!("FLASHING")),
        "{decision}"
    );
    world.sandbox.stop().await;
    Ok(())
}
