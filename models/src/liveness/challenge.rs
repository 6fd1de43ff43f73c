//! What a person is asked to do in front of the camera, chosen by whoever judges the frames.
//!
//! A challenge is a list of prompts that follow from a secret random seed: what to do or which colour the screen shows,
//! and a nonce for each. A frame carries the nonce of the prompt that stood on the screen when it was taken, so frames
//! that were made before the challenge, or for another one, can not answer it. Pure: the seed and the time are
//! arguments; the seed is kept by the judge and never sent.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use base64ct::{Base64UrlUnpadded, Encoding};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// How liveness is established, by the names of the v3 session API (`face_liveness_method`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Method {
    /// From how the pictures look ([`crate::liveness::passive`]).
    #[serde(rename = "PASSIVE")]
    Passive,
    /// From movements in an order chosen by the judge.
    #[serde(rename = "ACTIVE_3D")]
    Active3d,
    /// From colours of the screen, in an order chosen by the judge, that the face reflects.
    #[serde(rename = "FLASHING")]
    Flashing,
}

impl Method {
    /// All methods, the least demanding first.
    pub const ALL: [Self; 3] = [Self::Passive, Self::Flashing, Self::Active3d];

    /// The name as it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Passive => "PASSIVE",
            Self::Active3d => "ACTIVE_3D",
            Self::Flashing => "FLASHING",
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that names no [`Method`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not one of PASSIVE, ACTIVE_3D, FLASHING")]
pub struct NotAMethod;

impl FromStr for Method {
    type Err = NotAMethod;

    fn from_str(text: &str) -> Result<Self, NotAMethod> {
        Self::ALL.into_iter().find(|method| method.as_str() == text).ok_or(NotAMethod)
    }
}

/// A movement and the way back from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Turn the head to the person's own left.
    TurnLeft,
    /// Turn the head to the person's own right.
    TurnRight,
    /// Lower the chin.
    Nod,
    /// Close both eyes.
    Blink,
    /// Come closer to the camera.
    ComeCloser,
}

impl Action {
    /// All movements.
    pub const ALL: [Self; 5] = [Self::TurnLeft, Self::TurnRight, Self::Nod, Self::Blink, Self::ComeCloser];

    /// The name as it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TurnLeft => "turn_left",
            Self::TurnRight => "turn_right",
            Self::Nod => "nod",
            Self::Blink => "blink",
            Self::ComeCloser => "come_closer",
        }
    }
}

/// A colour that fills the screen: the six full hues.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Colour {
    /// `#ff0000`
    Red,
    /// `#ffff00`
    Yellow,
    /// `#00ff00`
    Green,
    /// `#00ffff`
    Cyan,
    /// `#0000ff`
    Blue,
    /// `#ff00ff`
    Magenta,
}

impl Colour {
    /// All colours, around the circle of hues.
    pub const ALL: [Self; 6] = [Self::Red, Self::Yellow, Self::Green, Self::Cyan, Self::Blue, Self::Magenta];

    /// Red, green and blue, each 0 or 1.
    pub fn rgb(self) -> [f32; 3] {
        match self {
            Self::Red => [1.0, 0.0, 0.0],
            Self::Yellow => [1.0, 1.0, 0.0],
            Self::Green => [0.0, 1.0, 0.0],
            Self::Cyan => [0.0, 1.0, 1.0],
            Self::Blue => [0.0, 0.0, 1.0],
            Self::Magenta => [1.0, 0.0, 1.0],
        }
    }

    /// The name as it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Red => "red",
            Self::Yellow => "yellow",
            Self::Green => "green",
            Self::Cyan => "cyan",
            Self::Blue => "blue",
            Self::Magenta => "magenta",
        }
    }
}

/// What one prompt asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Task {
    /// Look straight into the camera. Every challenge begins with it.
    LookStraight,
    /// Do this and come back.
    Do(Action),
    /// Keep still while the screen shows this colour.
    Shine(Colour),
}

/// One prompt of a challenge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prompt {
    /// What is asked.
    pub task: Task,
    /// What frames taken under it must carry: 22 characters of base64url.
    pub nonce: String,
}

/// Movements in one challenge.
pub const ACTIONS: usize = 3;

/// What a person is asked to do, and when it was asked.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct Challenge {
    method: Method,
    seed: [u8; 32],
    issued_at: Timestamp,
}

impl fmt::Debug for Challenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Challenge({} at {})", self.method, self.issued_at)
    }
}

impl Challenge {
    /// How long a challenge can be answered.
    pub const LIFE: Duration = Duration::from_secs(120);

    /// A challenge from 32 random bytes, given to the person at `issued_at`.
    pub fn new(method: Method, seed: [u8; 32], issued_at: Timestamp) -> Self {
        Self { method, seed, issued_at }
    }

    /// How it establishes liveness.
    pub fn method(&self) -> Method {
        self.method
    }

    /// When it was given.
    pub fn issued_at(&self) -> Timestamp {
        self.issued_at
    }

    /// The prompts, in their order: a look straight ahead; then for [`Method::Active3d`] three different movements, at
    /// least one of them a turn of the head (54 lists of equal or nearly equal chance), for [`Method::Flashing`] all six
    /// colours (720 orders).
    pub fn prompts(&self) -> Vec<Prompt> {
        let mut tasks = vec![Task::LookStraight];
        match self.method {
            Method::Passive => {}
            Method::Active3d => {
                // Orders without a turn are drawn again: a picture that is moved about can imitate the other movements.
                let draw = |round| self.shuffled(&Action::ALL, round).into_iter().take(ACTIONS).collect::<Vec<_>>();
                let turns = |actions: &Vec<Action>| {
                    actions.iter().any(|action| matches!(action, Action::TurnLeft | Action::TurnRight))
                };
                // Three of five leave out both turns in one draw of ten.
                let drawn = (0..32).map(draw).find(turns);
                let certain = || vec![Action::TurnLeft, Action::Blink, Action::TurnRight];
                tasks.extend(drawn.unwrap_or_else(certain).into_iter().map(Task::Do));
            }
            Method::Flashing => tasks.extend(self.shuffled(&Colour::ALL, 0).into_iter().map(Task::Shine)),
        }
        let nonce = |at: usize| Base64UrlUnpadded::encode_string(&self.derive("nonce", at as u64)[..16]);
        tasks.into_iter().enumerate().map(|(at, task)| Prompt { task, nonce: nonce(at) }).collect()
    }

    /// The challenge as a page needs it: `{"method": …, "prompts": [{"nonce": …, "task": …, "movement": …, "colour": …}]}`
    /// with `#rrggbb` for the colour of the screen. The seed stays.
    pub fn page(&self) -> Value {
        let prompts: Vec<Value> = self
            .prompts()
            .into_iter()
            .map(|Prompt { task, nonce }| match task {
                Task::LookStraight => json!({"nonce": nonce, "task": "look_straight"}),
                Task::Do(action) => json!({"nonce": nonce, "task": action.as_str(), "movement": true}),
                Task::Shine(colour) => {
                    let [r, g, b] = colour.rgb().map(|value| (value * 255.0) as u8);
                    json!({"nonce": nonce, "task": colour.as_str(), "colour": format!("#{r:02x}{g:02x}{b:02x}")})
                }
            })
            .collect();
        json!({"method": self.method.as_str(), "prompts": prompts})
    }

    fn derive(&self, what: &str, at: u64) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(b"warifu liveness challenge ");
        hash.update(what.as_bytes());
        hash.update(at.to_be_bytes());
        hash.update(self.seed);
        hash.finalize().into()
    }

    /// Fisher and Yates.
    fn shuffled<T: Copy>(&self, all: &[T], round: u64) -> Vec<T> {
        let bytes = self.derive("order", round);
        let mut all = all.to_vec();
        for at in (1..all.len()).rev() {
            let random = u32::from_be_bytes([bytes[4 * at], bytes[4 * at + 1], bytes[4 * at + 2], bytes[4 * at + 3]]);
            all.swap(at, random as usize % (at + 1));
        }
        all
    }
}

/// How a challenge is kept by its judge.
#[derive(Serialize, Deserialize)]
struct Written {
    method: Method,
    seed: String,
    issued_at: Timestamp,
}

impl From<Challenge> for Written {
    fn from(challenge: Challenge) -> Self {
        let seed = Base64UrlUnpadded::encode_string(&challenge.seed);
        Self { method: challenge.method, seed, issued_at: challenge.issued_at }
    }
}

impl TryFrom<Written> for Challenge {
    type Error = &'static str;

    fn try_from(written: Written) -> Result<Self, &'static str> {
        let mut seed = [0; 32];
        match Base64UrlUnpadded::decode(&written.seed, &mut seed).map(<[u8]>::len) {
            Ok(32) => Ok(Self { method: written.method, seed, issued_at: written.issued_at }),
            Ok(_) | Err(_) => Err("not 32 bytes of base64url"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use super::*;

    fn challenge(method: Method, number: u64) -> Challenge {
        Challenge::new(method, Sha256::digest(number.to_be_bytes()).into(), Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn movements_are_drawn_fairly_and_always_with_a_turn() {
        let mut seen: HashMap<Vec<Task>, usize> = HashMap::new();
        for number in 0..5_400 {
            let tasks: Vec<Task> =
                challenge(Method::Active3d, number).prompts().iter().map(|prompt| prompt.task).collect();
            assert_eq!((tasks[0], tasks.len()), (Task::LookStraight, 1 + ACTIONS));
            assert!(tasks.iter().any(|task| matches!(task, Task::Do(Action::TurnLeft | Action::TurnRight))));
            assert_eq!(tasks.iter().collect::<HashSet<_>>().len(), tasks.len(), "nothing twice");
            *seen.entry(tasks).or_default() += 1;
        }
        assert_eq!(seen.len(), 54, "60 lists of three, less the 6 without a turn");
        assert!(seen.values().all(|count| (50..160).contains(count)), "{seen:?}");
    }

    #[test]
    fn colours_come_in_all_orders() {
        let order = |number| challenge(Method::Flashing, number).prompts().iter().map(|it| it.task).collect::<Vec<_>>();
        let orders: HashSet<Vec<Task>> = (0..2_000).map(order).collect();
        assert!(orders.len() > 600, "{} of 720", orders.len());
        assert!(orders.iter().all(|order| order.len() == 7));
    }

    #[test]
    fn nonces_belong_to_one_prompt_of_one_challenge() {
        let all: Vec<String> = (0..100)
            .flat_map(|number| Method::ALL.map(|method| challenge(method, number)))
            .flat_map(|challenge| challenge.prompts())
            .map(|prompt| prompt.nonce)
            .collect();
        // The nonces follow from the seed alone: a seed is used once.
        let different: HashSet<&String> = all.iter().collect();
        assert_eq!(different.len(), 100 * 7);
        assert!(all.iter().all(|nonce| nonce.len() == 22));
    }

    #[test]
    fn a_page_learns_the_prompts_and_not_the_seed() {
        let challenge = Challenge::new(Method::Flashing, [7; 32], Timestamp::UNIX_EPOCH);
        let page = challenge.page();
        assert_eq!(page["method"], "FLASHING");
        let colours: HashSet<&str> =
            page["prompts"].as_array().unwrap().iter().filter_map(|prompt| prompt["colour"].as_str()).collect();
        assert_eq!(colours, HashSet::from(["#ff0000", "#ffff00", "#00ff00", "#00ffff", "#0000ff", "#ff00ff"]));
        assert_eq!(page["prompts"][0]["task"], "look_straight");
        assert!(!page.to_string().contains("BwcHBwcH"), "the seed");
    }

    #[test]
    fn what_is_kept_reads_back() {
        let kept = challenge(Method::Flashing, 7);
        let text = serde_json::to_string(&kept).unwrap();
        assert_eq!(serde_json::from_str::<Challenge>(&text).unwrap(), kept);
        assert!(serde_json::from_str::<Challenge>(&text.replace("\"seed\":\"", "\"seed\":\"AA")).is_err());
        assert_eq!("ACTIVE_3D".parse(), Ok(Method::Active3d));
        assert_eq!("active".parse::<Method>(), Err(NotAMethod));
        assert!(!format!("{kept:?}").contains("seed"));
    }
}
