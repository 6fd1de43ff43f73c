//! Challenges over several frames, answered by moved pictures of people and by the ways to cheat.
//!
//! Needs the weights and the shared pictures, as `faces.rs`; without them the tests say so and pass. The optional weights
//! of passive liveness are left out here on purpose: what is tested is that the challenge alone tells them apart.

#![expect(clippy::unwrap_used, clippy::panic, reason = "test helpers")]

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::OnceLock;

use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};
use warifu_models::face;
use warifu_models::liveness::flashing::{Light, Response, Unlit};
use warifu_models::liveness::{self, Challenge, Colour, Judgement, Method, Reason, Recording};
use warifu_models::picture::{Limits, Picture};
use warifu_models::specimen::Puppet;
use warifu_models::specimen::film::{self, Lamp};
use warifu_models::weights::Folder;
use warifu_models::{Models, ModelsError, Parts, WeightsError};

const TRIES: u64 = 50;

fn models() -> Option<&'static Models> {
    static MODELS: OnceLock<Option<Models>> = OnceLock::new();
    let parts = Parts { face: true, liveness: false, document: false };
    let load = || match Models::load(&Folder::from_environment()?, parts) {
        Ok(models) => Some(models),
        Err(ModelsError::Weights(WeightsError::Missing { .. })) => None,
        Err(other) => panic!("{other}"),
    };
    MODELS.get_or_init(load).as_ref()
}

/// Pictures of different people, frontal and with room around the face, of the size of a camera's frame.
fn people() -> Option<Vec<(String, Picture)>> {
    let root = std::env::var_os("WARIFU_SHARED")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").join("..").join("shared"), PathBuf::from);
    let faces = root.join("faces");
    let models = models()?;
    let mut people = Vec::new();
    for entry in std::fs::read_dir(faces).ok()? {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|kind| kind != "jpg") {
            continue;
        }
        let picture = Picture::decode(&std::fs::read(&path).unwrap(), &Limits::default()).unwrap();
        let scale = (640.0 / picture.width().max(picture.height()) as f32).min(1.0);
        let side = |side: u32| (side as f32 * scale) as u32;
        let picture = picture.resize(side(picture.width()), side(picture.height()));
        let framing = liveness::framing::look(models, &picture, &Default::default()).unwrap();
        let Ok(face) = face::measure_single(models, &picture) else { continue };
        // Lids are closed by moving the points of the mesh, which would move the reflections in these glasses too.
        if path.file_stem().is_some_and(|name| name.to_string_lossy().starts_with("p13")) {
            continue;
        }
        // What the camera panel would take, of the resolution of a camera.
        let good = framing.hint.is_none() && face.quality.yaw.abs() < 0.35 && face.quality.eye_distance >= 60.0;
        if good {
            people.push((path.file_stem().unwrap().to_str().unwrap().to_owned(), picture));
        }
    }
    people.sort_by(|a, b| a.0.cmp(&b.0));
    Some(people)
}

fn challenge(method: Method, seed: u64) -> Challenge {
    Challenge::new(method, Sha256::digest(seed.to_be_bytes()).into(), Timestamp::UNIX_EPOCH)
}

fn judge(challenge: &Challenge, recording: Recording) -> Judgement {
    let received = Timestamp::UNIX_EPOCH + SignedDuration::from_secs(60);
    let footage = challenge.admit(recording, received).unwrap();
    liveness::judge(models().unwrap(), footage).unwrap()
}

fn count(reasons: &mut HashMap<String, usize>, judgement: &Judgement) {
    for reason in &judgement.reasons {
        *reasons.entry(format!("{reason:?}")).or_default() += 1;
    }
}

macro_rules! people_or_skip {
    ($test:literal) => {{
        let Some(people) = people() else {
            println!("skipped: {}: weights or shared pictures are absent", $test);
            return;
        };
        assert!(people.len() >= 8, "{} pictures", people.len());
        people
    }};
}

#[test]
fn a_person_who_moves_as_asked_is_live() {
    let people = people_or_skip!("a_person_who_moves_as_asked_is_live");
    let models = models().unwrap();
    let (mut live, mut reasons) = (0, HashMap::new());
    for seed in 0..TRIES {
        let (name, picture) = &people[seed as usize % people.len()];
        let puppet = Puppet::new(models, picture.clone()).unwrap();
        let challenge = challenge(Method::Active3d, seed);
        let recording = film::perform(&puppet, &challenge.prompts(), Lamp::NONE, seed).unwrap();
        let judgement = judge(&challenge, recording);
        live += usize::from(judgement.is_live());
        if !judgement.is_live() {
            println!("{name} {seed}: {:?}", judgement.reasons);
        }
        count(&mut reasons, &judgement);
    }
    println!("live {live} of {TRIES}; {reasons:?}");
    assert!(live >= 45, "{live} of {TRIES}: {reasons:?}");
}

#[test]
fn a_still_picture_moved_about_is_never_live() {
    let people = people_or_skip!("a_still_picture_moved_about_is_never_live");
    let mut reasons = HashMap::new();
    for seed in 0..TRIES {
        let (name, picture) = &people[seed as usize % people.len()];
        let challenge = challenge(Method::Active3d, seed);
        let judgement = judge(&challenge, film::still(picture, &challenge.prompts(), seed).unwrap());
        assert!(!judgement.is_live() && judgement.score < 0.5, "{name} {seed}: {judgement:?}");
        assert!(
            judgement.reasons.iter().any(|reason| matches!(reason, Reason::Movement(..) | Reason::Flat)),
            "{name} {seed}: {:?}",
            judgement.reasons
        );
        count(&mut reasons, &judgement);
    }
    println!("{reasons:?}");
}

#[test]
fn movements_for_another_challenge_are_not_live() {
    let people = people_or_skip!("movements_for_another_challenge_are_not_live");
    let puppet = Puppet::new(models().unwrap(), people[0].1.clone()).unwrap();
    let mut tried = 0;
    for seed in 0..10 {
        let (asked, other) = (challenge(Method::Active3d, seed), challenge(Method::Active3d, seed + 100));
        let tasks = |challenge: &Challenge| challenge.prompts().iter().map(|prompt| prompt.task).collect::<Vec<_>>();
        if tasks(&asked) == tasks(&other) {
            continue;
        }
        tried += 1;
        // The film was made for the other challenge; its frames are given the nonces of this one.
        let mut film = film::perform(&puppet, &other.prompts(), Lamp::NONE, seed).unwrap();
        let (asked_prompts, other_prompts) = (asked.prompts(), other.prompts());
        for frame in &mut film.frames {
            let at = other_prompts.iter().position(|prompt| prompt.nonce == frame.nonce).unwrap();
            frame.nonce.clone_from(&asked_prompts[at].nonce);
        }
        let judgement = judge(&asked, film);
        assert!(!judgement.is_live(), "{seed}: {:?} for {:?}", tasks(&other), tasks(&asked));
    }
    assert!(tried >= 7);
}

#[test]
fn another_face_in_the_middle_is_not_live() {
    let people = people_or_skip!("another_face_in_the_middle_is_not_live");
    let models = models().unwrap();
    let (first, second) = (&people[0], people.iter().find(|other| other.0[..3] != people[0].0[..3]).unwrap());
    let puppets = [first, second].map(|(_, picture)| Puppet::new(models, picture.clone()).unwrap());
    for seed in 0..6 {
        let challenge = challenge(Method::Active3d, seed);
        let prompts = challenge.prompts();
        let [one, two] = puppets.each_ref().map(|puppet| film::perform(puppet, &prompts, Lamp::NONE, seed).unwrap());
        // One person's face for the match, another person's movements for all that is asked.
        let swapped = one.frames.into_iter().zip(two.frames).map(
            |(one, two)| {
                if one.nonce == prompts[0].nonce { one } else { two }
            },
        );
        let judgement = judge(&challenge, Recording { frames: swapped.collect(), camera: None });
        assert!(judgement.reasons.contains(&Reason::OtherFace), "{seed}: {:?}", judgement.reasons);
    }
}

#[test]
fn a_face_in_the_light_of_the_screen_is_live() {
    let people = people_or_skip!("a_face_in_the_light_of_the_screen_is_live");
    let models = models().unwrap();
    let small = |it: &Picture| it.resize(it.width() * 3 / 4, it.height() * 3 / 4);
    let puppets: Vec<Puppet> = people.iter().map(|(_, it)| Puppet::new(models, small(it)).unwrap()).collect();
    // Burnt-out faces show no colour; black and burnt-out backgrounds leave nothing to hold a face against. Both are
    // refused by name.
    let (puppets, without): (Vec<Puppet>, Vec<Puppet>) = puppets.into_iter().partition(|puppet| {
        let light = Light::measure(puppet.picture(), puppet.face());
        light.behind.is_some() && light.face != [0.0; 3]
    });
    assert!(puppets.len() >= 5);
    println!("{} pictures with a background, {} without", puppets.len(), without.len());
    let mut live = 0;
    for seed in 0..TRIES {
        let puppet = &puppets[seed as usize % puppets.len()];
        let challenge = challenge(Method::Flashing, seed);
        let prompts = challenge.prompts();
        let shown = film::colours(&prompts);
        let film = |shown: &[Colour], lamp| film::perform_lit(puppet, &prompts, shown, lamp, seed).unwrap();
        // The light alone, measured where the face is; every fifth film is judged as a whole.
        let answer = |film: &Recording| {
            let lights: Vec<Light> = prompts[1..]
                .iter()
                .map(|prompt| {
                    let frames = film.frames.iter().filter(|frame| frame.nonce == prompt.nonce);
                    let decoded = frames.map(|frame| Picture::decode(&frame.picture, &Limits::default()).unwrap());
                    // The head sways, and the light is measured where it is: only looking for it is left out.
                    let light = |it: Picture| {
                        let seen = face::measure(models, &it, &puppet.face().face).unwrap();
                        Light::measure(&it, &seen)
                    };
                    Light::mean(&decoded.map(light).collect::<Vec<_>>()).unwrap()
                })
                .collect();
            let Some(response) = Response::of(&shown, &lights) else {
                return Err((Unlit::NoReflection, None));
            };
            response.judge().map_err(|unlit| (unlit, Some(response)))
        };
        let check = |film: Recording, expected: &[Result<(), Unlit>]| {
            let found = answer(&film).map_err(|(unlit, _)| unlit);
            if seed.is_multiple_of(5) {
                let judged = judge(&challenge, film);
                assert_eq!(judged.is_live(), found.is_ok(), "{seed}: {:?} and {found:?}", judged.reasons);
            }
            expected.contains(&found)
        };
        let lit = film(&shown, Lamp::PHONE);
        let found = answer(&lit);
        if found.is_err() {
            println!("{seed}: {found:?}");
        }
        live += usize::from(check(lit, &[Ok(())]));
        let unlit = [Err(Unlit::NoReflection), Err(Unlit::OtherOrder)];
        assert!(check(film(&shown, Lamp::NONE), &unlit), "{seed} unlit");
        // Recorded for another order: two colours changed places.
        let mut other = shown.clone();
        other.swap(seed as usize % 5, 5);
        assert!(check(film(&other, Lamp::PHONE), &unlit), "{seed} other order");
        // A picture that is tinted, by someone who knows the order.
        if seed < 16 {
            let everywhere = Lamp { face: 0.06, behind: 0.06 };
            let tinted = film(&shown, everywhere);
            let found = answer(&tinted);
            assert!(!check(tinted, &[Ok(())]), "{seed} tinted everywhere: {found:?}");
        }
    }
    println!("live {live} of {TRIES}");
    assert!(live >= 45, "{live} of {TRIES}");
}

#[test]
fn what_can_not_be_compared_is_refused_by_name() {
    let people = people_or_skip!("what_can_not_be_compared_is_refused_by_name");
    let one = &people[0].1;
    let mut two = Picture::filled(one.width() * 2, one.height(), [0; 3]);
    two.paste(one, 0, 0);
    two.paste(&one.mirrored(), one.width(), 0);
    let mut dark = one.clone();
    dark.rgb_mut().iter_mut().for_each(|value| *value /= 7);
    let blank = Picture::filled(480, 480, [120; 3]);
    let challenge = challenge(Method::Active3d, 1);
    for (picture, expected) in [
        (&two, liveness::framing::Hint::SeveralFaces),
        (&dark, liveness::framing::Hint::TooDark),
        (&blank, liveness::framing::Hint::NoFace),
    ] {
        let judgement = judge(&challenge, film::still(picture, &challenge.prompts(), 1).unwrap());
        assert!(judgement.reasons.contains(&Reason::Framing(expected)), "{expected:?}: {:?}", judgement.reasons);
        assert!(judgement.likeness.is_none());
    }
    let mut broken = film::still(one, &challenge.prompts(), 1).unwrap();
    broken.frames[3].picture.truncate(200);
    assert_eq!(judge(&challenge, broken).reasons, [Reason::Unreadable]);
}

#[test]
fn without_weights_the_passive_method_is_not_performed() {
    let people = people_or_skip!("without_weights_the_passive_method_is_not_performed");
    let challenge = challenge(Method::Passive, 1);
    let judgement = judge(&challenge, film::still(&people[0].1, &challenge.prompts(), 1).unwrap());
    let expected = liveness::Outcome::NotPerformed(liveness::NotPerformed::WeightsAbsent);
    assert_eq!((judgement.outcome, judgement.score, judgement.likeness.is_some()), (expected, 0.0, true));
}
