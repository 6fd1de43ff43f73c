//! Disclosures and putting them where their digests stand (RFC 9901 sections 4.2 and 7.1).

use std::collections::{BTreeSet, HashMap, HashSet};

use serde_json::{Map, Value};
use warifu_keys::hash::HashAlgorithm;
use warifu_keys::{base64url, json};

use super::{Error, MAX_DEPTH, NEVER_SELECTIVE, digest};
use crate::claim_path::{ClaimPath, PathStep};

/// What a disclosure reveals.
#[derive(Clone)]
pub(super) enum Content {
    /// `[salt, name, value]`: a member of an object.
    Member { name: String, value: Value },
    /// `[salt, value]`: an entry of an array.
    Entry { value: Value },
}

/// Reads the disclosure at position `at`.
pub(super) fn read(at: usize, text: &str) -> Result<Content, Error> {
    let bytes = base64url::decode(text).map_err(|_| Error::DisclosureEncoding { at })?;
    let items = match json::parse(&bytes).map_err(|source| Error::DisclosureJson { at, source })? {
        Value::Array(items) => items,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {
            return Err(Error::DisclosureShape { at });
        }
    };
    let mut items = items.into_iter();
    match (items.next(), items.next(), items.next(), items.next()) {
        (Some(Value::String(_)), Some(Value::String(name)), Some(value), None) => {
            if is_reserved(&name) {
                return Err(Error::ReservedName(name));
            }
            Ok(Content::Member { name, value })
        }
        (Some(Value::String(_)), Some(value), None, None) => Ok(Content::Entry { value }),
        (_, _, _, _) => Err(Error::DisclosureShape { at }),
    }
}

/// The disclosure of a member (`name` given) or an entry, under a salt of 128 bits.
pub(super) fn write(salt: [u8; 16], name: Option<&str>, value: &Value) -> String {
    let mut text = String::from("[\"");
    text.push_str(&base64url::encode(&salt));
    text.push_str("\",");
    if let Some(name) = name {
        text.push_str(&Value::from(name).to_string());
        text.push(',');
    }
    text.push_str(&value.to_string());
    text.push(']');
    base64url::encode(text.as_bytes())
}

/// Names that mean something to SD-JWT itself (RFC 9901 sections 4.1.1, 4.2.1 and 4.2.4).
pub(super) fn is_reserved(name: &str) -> bool {
    matches!(name, "_sd" | "..." | "_sd_alg")
}

/// A payload with its disclosures in place.
pub(super) struct Unpacked {
    /// `_sd_alg`.
    pub(super) hash: HashAlgorithm,
    pub(super) claims: Map<String, Value>,
    /// What each disclosure reveals, positions counted in the array as disclosed.
    pub(super) places: Vec<ClaimPath>,
    pub(super) withheld: BTreeSet<String>,
}

/// Puts disclosures into `payload` and removes every digest, by the rules of RFC 9901 section 7.1 steps 2.d to 5.
/// `texts` are the disclosures as they came, `contents` what [`read`] made of them.
pub(super) fn unpack<'a>(
    mut payload: Map<String, Value>,
    texts: impl Iterator<Item = &'a str>,
    contents: Vec<Content>,
) -> Result<Unpacked, Error> {
    let hash = match payload.remove("_sd_alg") {
        None => HashAlgorithm::Sha256,
        Some(Value::String(name)) => HashAlgorithm::from_sd_jwt_name(&name)
            .ok_or_else(|| Error::HashAlgorithm(name.chars().take(20).collect()))?,
        Some(other) => return Err(Error::HashAlgorithm(other.to_string().chars().take(20).collect())),
    };
    for name in NEVER_SELECTIVE {
        if payload.get(name).is_some_and(has_digests) {
            return Err(Error::NeverSelective(name.to_owned()));
        }
    }
    let mut by_digest = HashMap::with_capacity(contents.len());
    for (at, text) in texts.enumerate() {
        if by_digest.insert(digest(hash, text), at).is_some() {
            return Err(Error::DuplicateDisclosure { at });
        }
    }
    let mut walk = Walk {
        places: vec![None; contents.len()],
        contents: contents.into_iter().map(Some).collect(),
        by_digest,
        seen: HashSet::new(),
        withheld: BTreeSet::new(),
        path: Vec::new(),
    };
    let claims = walk.object(payload)?;
    let place = |(at, place): (usize, Option<ClaimPath>)| place.ok_or(Error::UnreferencedDisclosure { at });
    let places = walk.places.into_iter().enumerate().map(place).collect::<Result<_, _>>()?;
    Ok(Unpacked { hash, claims, places, withheld: walk.withheld })
}

/// Whether digests stand anywhere in `value`.
fn has_digests(value: &Value) -> bool {
    match value {
        Value::Object(map) => {
            map.iter().any(|(name, item)| matches!(name.as_str(), "_sd" | "...") || has_digests(item))
        }
        Value::Array(items) => items.iter().any(has_digests),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

struct Walk {
    /// Taken out as they find their places.
    contents: Vec<Option<Content>>,
    by_digest: HashMap<String, usize>,
    /// Every digest met, to find the second of its kind.
    seen: HashSet<String>,
    /// Digests of top-level claims that were not disclosed.
    withheld: BTreeSet<String>,
    places: Vec<Option<ClaimPath>>,
    path: Vec<PathStep>,
}

impl Walk {
    fn at<T>(&mut self, step: PathStep, work: impl FnOnce(&mut Self) -> Result<T, Error>) -> Result<T, Error> {
        if self.path.len() >= MAX_DEPTH {
            return Err(Error::TooDeep);
        }
        self.path.push(step);
        let result = work(self);
        self.path.pop();
        result
    }

    fn value(&mut self, value: Value) -> Result<Value, Error> {
        match value {
            Value::Object(map) => self.object(map).map(Value::Object),
            Value::Array(items) => self.array(items).map(Value::Array),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(value),
        }
    }

    fn object(&mut self, mut map: Map<String, Value>) -> Result<Map<String, Value>, Error> {
        let digests = match map.remove("_sd") {
            None => Vec::new(),
            Some(Value::Array(digests)) => digests,
            Some(_) => return Err(Error::DigestList),
        };
        let mut claims = Map::new();
        for (name, value) in map {
            match name.as_str() {
                "..." => return Err(Error::Placeholder),
                "_sd_alg" => return Err(Error::ReservedName(name)),
                _ => (),
            }
            let value = match value {
                Value::Object(_) | Value::Array(_) => {
                    self.at(PathStep::Name(name.clone()), |walk| walk.value(value))?
                }
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value,
            };
            claims.insert(name, value);
        }
        for digest in digests {
            let Value::String(digest) = digest else { return Err(Error::DigestList) };
            let Some((at, content)) = self.disclosure(digest)? else { continue };
            let Content::Member { name, value } = content else { return Err(Error::EntryInObject { at }) };
            if self.path.is_empty() && NEVER_SELECTIVE.contains(&name.as_str()) {
                return Err(Error::NeverSelective(name));
            }
            if claims.contains_key(&name) {
                return Err(Error::NameExists(name.chars().take(40).collect()));
            }
            let value = self.disclose(at, PathStep::Name(name.clone()), value)?;
            claims.insert(name, value);
        }
        Ok(claims)
    }

    fn array(&mut self, items: Vec<Value>) -> Result<Vec<Value>, Error> {
        let mut entries = Vec::with_capacity(items.len());
        for item in items {
            let step = PathStep::Index(entries.len());
            match placeholder(item)? {
                Entry::Plain(value @ (Value::Object(_) | Value::Array(_))) => {
                    entries.push(self.at(step, |walk| walk.value(value))?);
                }
                Entry::Plain(value) => entries.push(value),
                Entry::Digest(digest) => {
                    // An entry that was not disclosed disappears (RFC 9901 section 7.1 step 3.d).
                    let Some((at, content)) = self.disclosure(digest)? else { continue };
                    let Content::Entry { value } = content else { return Err(Error::MemberInArray { at }) };
                    entries.push(self.disclose(at, step, value)?);
                }
            }
        }
        Ok(entries)
    }

    /// The disclosure of a digest, if it was sent; a digest met before is refused.
    fn disclosure(&mut self, digest: String) -> Result<Option<(usize, Content)>, Error> {
        let found = self.by_digest.get(&digest).copied();
        if found.is_none() && self.path.is_empty() {
            self.withheld.insert(digest.clone());
        }
        if !self.seen.insert(digest) {
            return Err(Error::DuplicateDigest);
        }
        Ok(found.and_then(|at| Some((at, self.contents.get_mut(at)?.take()?))))
    }

    fn disclose(&mut self, at: usize, step: PathStep, value: Value) -> Result<Value, Error> {
        self.at(step, |walk| {
            // The path has between 1 and MAX_DEPTH components here, so that only a name can be at fault.
            let path = ClaimPath::new(walk.path.clone()).map_err(|_| Error::NameTooLong)?;
            if let Some(place) = walk.places.get_mut(at) {
                *place = Some(path);
            }
            walk.value(value)
        })
    }
}

enum Entry {
    Plain(Value),
    Digest(String),
}

/// An entry of an array, or the digest that stands for one (RFC 9901 section 4.2.4.2).
fn placeholder(item: Value) -> Result<Entry, Error> {
    match item {
        Value::Object(mut map) if map.contains_key("...") => match (map.len(), map.remove("...")) {
            (1, Some(Value::String(digest))) => Ok(Entry::Digest(digest)),
            (_, _) => Err(Error::Placeholder),
        },
        other => Ok(Entry::Plain(other)),
    }
}
