//! Disclosures and putting them where their digests stand (RFC 9901 sections 4.2 and 7.1).

use std::collections::{BTreeSet, HashMap};

use serde_json::{Map, Value};
use warifu_keys::{base64url, json};

use super::{Error, HASH, MAX_DEPTH, NEVER_SELECTIVE, digest, json_problem};
use crate::claim_path::{ClaimPath, PathStep};

/// What a disclosure reveals.
#[derive(Clone)]
pub(super) enum Content {
    /// `[salt, name, value]`: a member of an object.
    Member { name: String, value: Value },
    /// `[salt, value]`: an entry of an array.
    Entry { value: Value },
}

/// One disclosure, as text and read.
#[derive(Clone)]
pub(super) struct Disclosure {
    pub(super) text: String,
    pub(super) digest: String,
    pub(super) content: Content,
}

impl Disclosure {
    /// Reads the disclosure at position `at`.
    pub(super) fn parse(at: usize, text: &str) -> Result<Self, Error> {
        let bytes =
            base64url::decode(text).map_err(|_| Error::DisclosureEncoding { at, why: "not base64url".to_owned() })?;
        let Value::Array(items) = json::parse(&bytes).map_err(|error| json_problem(at, &error))? else {
            return Err(Error::DisclosureShape { at });
        };
        let mut items = items.into_iter();
        let content = match (items.next(), items.next(), items.next(), items.next()) {
            (Some(Value::String(_)), Some(Value::String(name)), Some(value), None) => {
                if matches!(name.as_str(), "_sd" | "..." | "_sd_alg") {
                    return Err(Error::ReservedName(name));
                }
                Content::Member { name, value }
            }
            (Some(Value::String(_)), Some(value), None, None) => Content::Entry { value },
            (_, _, _, _) => return Err(Error::DisclosureShape { at }),
        };
        Ok(Self { text: text.to_owned(), digest: digest(text), content })
    }

    /// The disclosure of a member (`name` given) or an entry, under a fresh salt of 128 bits.
    pub(super) fn text_of(salt: [u8; 16], name: Option<&str>, value: &Value) -> String {
        let salt = Value::from(base64url::encode(&salt));
        let items = match name {
            Some(name) => vec![salt, Value::from(name), value.clone()],
            None => vec![salt, value.clone()],
        };
        base64url::encode(json::canonical(&Value::Array(items)).as_bytes())
    }
}

/// Where a disclosure belongs.
#[derive(Clone)]
pub(super) struct Place {
    /// The claim that it reveals, positions counted in the array as disclosed.
    pub(super) path: ClaimPath,
}

/// A payload with its disclosures in place.
pub(super) struct Unpacked {
    pub(super) claims: Map<String, Value>,
    /// In the order of the disclosures.
    pub(super) places: Vec<Place>,
    pub(super) withheld: BTreeSet<String>,
}

/// Puts `disclosures` into `payload` and removes every digest, by the rules of RFC 9901 section 7.1 step 3.
pub(super) fn unpack(mut payload: Map<String, Value>, disclosures: &[Disclosure]) -> Result<Unpacked, Error> {
    match payload.remove("_sd_alg") {
        None => (),
        Some(Value::String(name)) if name == HASH => (),
        Some(Value::String(name)) => return Err(Error::HashAlgorithm(name.chars().take(20).collect())),
        Some(_) => return Err(Error::HashAlgorithm(String::new())),
    }
    for name in NEVER_SELECTIVE {
        if payload.get(name).is_some_and(has_digests) {
            return Err(Error::NeverSelective(name.to_owned()));
        }
    }
    let top_level = match payload.get("_sd") {
        Some(Value::Array(digests)) => digests.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        Some(_) | None => Vec::new(),
    };
    let mut by_digest = HashMap::new();
    for (at, disclosure) in disclosures.iter().enumerate() {
        if by_digest.insert(disclosure.digest.as_str(), at).is_some() {
            return Err(Error::DuplicateDisclosure { at });
        }
    }
    let mut walk =
        Walk { disclosures, by_digest, seen: BTreeSet::new(), places: vec![None; disclosures.len()], path: Vec::new() };
    let claims = walk.object(payload)?;
    let mut places = Vec::new();
    for (at, place) in walk.places.into_iter().enumerate() {
        places.push(place.ok_or(Error::UnreferencedDisclosure { at })?);
    }
    let withheld = top_level.into_iter().filter(|digest| !walk.by_digest.contains_key(digest.as_str())).collect();
    Ok(Unpacked { claims, places, withheld })
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

struct Walk<'a> {
    disclosures: &'a [Disclosure],
    by_digest: HashMap<&'a str, usize>,
    /// Every digest met, to find the second of its kind.
    seen: BTreeSet<String>,
    places: Vec<Option<Place>>,
    path: Vec<PathStep>,
}

impl<'a> Walk<'a> {
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
        let digests = map.remove("_sd");
        let mut claims = Map::new();
        for (name, value) in map {
            match name.as_str() {
                "..." => return Err(Error::Placeholder),
                "_sd_alg" => return Err(Error::ReservedName(name)),
                _ => (),
            }
            let value = self.at(PathStep::Name(name.clone()), |walk| walk.value(value))?;
            claims.insert(name, value);
        }
        let digests = match digests {
            None => Vec::new(),
            Some(Value::Array(digests)) => digests,
            Some(_) => return Err(Error::DigestList),
        };
        for digest in digests {
            let Value::String(digest) = digest else { return Err(Error::DigestList) };
            let Some((at, disclosure)) = self.disclosure(digest)? else { continue };
            let Content::Member { name, value } = &disclosure.content else {
                return Err(Error::DisclosureShape { at });
            };
            if self.path.is_empty() && NEVER_SELECTIVE.contains(&name.as_str()) {
                return Err(Error::NeverSelective(name.clone()));
            }
            if claims.contains_key(name) {
                return Err(Error::NameExists(name.chars().take(40).collect()));
            }
            let value = self.disclose(at, PathStep::Name(name.clone()), value)?;
            claims.insert(name.clone(), value);
        }
        Ok(claims)
    }

    fn array(&mut self, items: Vec<Value>) -> Result<Vec<Value>, Error> {
        let mut entries = Vec::new();
        for item in items {
            let step = PathStep::Index(entries.len());
            let placeholder = item.as_object().and_then(|map| map.get("...").map(|digest| (map.len(), digest)));
            match placeholder {
                None => entries.push(self.at(step, |walk| walk.value(item))?),
                Some((1, Value::String(digest))) => {
                    // An entry that was not disclosed disappears (RFC 9901 section 7.1 step 3.d).
                    let Some((at, disclosure)) = self.disclosure(digest.clone())? else { continue };
                    let Content::Entry { value } = &disclosure.content else {
                        return Err(Error::DisclosureShape { at });
                    };
                    entries.push(self.disclose(at, step, value)?);
                }
                Some((_, _)) => return Err(Error::Placeholder),
            }
        }
        Ok(entries)
    }

    /// The disclosure of a digest, if it was sent; a digest met before is refused.
    fn disclosure(&mut self, digest: String) -> Result<Option<(usize, &'a Disclosure)>, Error> {
        let found = self.by_digest.get(digest.as_str()).copied();
        if !self.seen.insert(digest) {
            return Err(Error::DuplicateDigest);
        }
        Ok(found.and_then(|at| Some((at, self.disclosures.get(at)?))))
    }

    fn disclose(&mut self, at: usize, step: PathStep, value: &Value) -> Result<Value, Error> {
        self.at(step, |walk| {
            // The path has between 1 and MAX_DEPTH components here.
            let path = ClaimPath::new(walk.path.clone()).map_err(|_| Error::TooDeep)?;
            if let Some(place) = walk.places.get_mut(at) {
                *place = Some(Place { path });
            }
            walk.value(value.clone())
        })
    }
}
