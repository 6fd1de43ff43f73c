//! What a log says about its own processing (did:webvh 1.0, section "DID Method Parameters").

use serde_json::{Map, Value};
use warifu_keys::PublicKey;

use super::{LogError, METHOD};
use crate::did::{Did, key};

/// Most keys, hashes, witnesses or watchers in one list.
const MAX_LIST: usize = 128;

/// The parameters in force after an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameters {
    /// Multikeys that may update the identifier.
    pub update_keys: Vec<String>,
    /// Hashes of the keys that the next entry may use; not empty while pre-rotation is active.
    pub next_key_hashes: Vec<String>,
    /// Who must approve updates; `None` if nobody has to.
    pub witness: Option<Witnesses>,
    /// URLs of watchers.
    pub watchers: Vec<String>,
    /// Whether the identifier may move to another location.
    pub portable: bool,
    /// Whether the identifier has ended.
    pub deactivated: bool,
    /// How long a resolved document may be kept, in seconds.
    pub ttl: u32,
}

/// Who approves updates, and how many of them have to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Witnesses {
    /// How many distinct witnesses must approve.
    pub threshold: usize,
    /// did:key identifiers, each once, with Ed25519 keys.
    pub witnesses: Vec<String>,
}

impl Parameters {
    /// The parameters of the first entry, and its SCID.
    pub(super) fn first(members: &Map<String, Value>) -> Result<(Self, String), LogError> {
        let before = Self {
            update_keys: Vec::new(),
            next_key_hashes: Vec::new(),
            witness: None,
            watchers: Vec::new(),
            portable: false,
            deactivated: false,
            ttl: 3600,
        };
        let text = |name: &'static str| {
            members.get(name).and_then(Value::as_str).ok_or(LogError::Parameter { version: 1, name })
        };
        text("method")?;
        let scid = text("scid")?.to_owned();
        if !members.contains_key("updateKeys") {
            return Err(LogError::Parameter { version: 1, name: "updateKeys" });
        }
        Ok((before.after(members, 1)?, scid))
    }

    /// The parameters after the entry `version` with these `members`.
    pub(super) fn after(&self, members: &Map<String, Value>, version: usize) -> Result<Self, LogError> {
        let mut next = self.clone();
        for (name, value) in members {
            let refused = |name: &'static str| LogError::Parameter { version, name };
            let boolean = |name| match value {
                Value::Null => Ok(false),
                Value::Bool(value) => Ok(*value),
                Value::Number(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => Err(refused(name)),
            };
            match name.as_str() {
                "method" if value.as_str() == Some(METHOD) => {}
                "method" => return Err(refused("method")),
                "scid" if version == 1 => {}
                "scid" => return Err(refused("scid")),
                "updateKeys" => next.update_keys = texts(value).ok_or_else(|| refused("updateKeys"))?,
                "nextKeyHashes" => next.next_key_hashes = texts(value).ok_or_else(|| refused("nextKeyHashes"))?,
                "watchers" => next.watchers = texts(value).ok_or_else(|| refused("watchers"))?,
                "witness" => next.witness = Witnesses::parse(value).ok_or_else(|| refused("witness"))?,
                "portable" => {
                    next.portable = boolean("portable")?;
                    // Only an identifier that was born portable is.
                    if next.portable && version > 1 {
                        return Err(refused("portable"));
                    }
                }
                "deactivated" => next.deactivated = boolean("deactivated")?,
                "ttl" if value.is_null() => next.ttl = 3600,
                "ttl" => {
                    let ttl = value.as_u64().filter(|ttl| *ttl <= 1 << 31).and_then(|ttl| u32::try_from(ttl).ok());
                    next.ttl = ttl.ok_or_else(|| refused("ttl"))?;
                }
                other => {
                    let name = other.chars().take(40).collect();
                    return Err(LogError::UnknownParameter { version, name });
                }
            }
        }
        Ok(next)
    }
}

impl Witnesses {
    /// `Some(None)` for the empty object, which ends witnessing; `None` for what is no witness parameter.
    #[expect(clippy::option_option, reason = "absent and refused are two answers")]
    fn parse(value: &Value) -> Option<Option<Self>> {
        let members = match value {
            Value::Null => return Some(None),
            Value::Object(members) if members.is_empty() => return Some(None),
            other => other.as_object()?,
        };
        let threshold = usize::try_from(members.get("threshold")?.as_u64()?).ok()?;
        let list = members.get("witnesses")?.as_array().filter(|list| list.len() <= MAX_LIST)?;
        let mut witnesses = Vec::with_capacity(list.len());
        for entry in list {
            let id = entry.get("id")?.as_str()?.to_owned();
            let ed25519 = matches!(key::key(&Did::parse(&id).ok()?).ok()?, PublicKey::Ed25519(_));
            if !ed25519 || witnesses.contains(&id) {
                return None;
            }
            witnesses.push(id);
        }
        (1..=witnesses.len()).contains(&threshold).then_some(Some(Self { threshold, witnesses }))
    }
}

/// A list of distinct texts; `null` is the empty list.
fn texts(value: &Value) -> Option<Vec<String>> {
    if value.is_null() {
        return Some(Vec::new());
    }
    let list = value.as_array().filter(|list| list.len() <= MAX_LIST)?;
    let mut texts: Vec<String> = Vec::with_capacity(list.len());
    for entry in list {
        let text = entry.as_str()?.to_owned();
        if texts.contains(&text) {
            return None;
        }
        texts.push(text);
    }
    Some(texts)
}
