//! SD-JWT (RFC 9901): the parts, and which disclosure stands where.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use warifu_keys::hash::HashAlgorithm;
use warifu_keys::jwk::Jwk;
use warifu_keys::{base64url, json as strict};

use super::{jwt, note, show_header, validity};
use crate::sd_jwt::{MAX_DEPTH, MAX_DISCLOSURES};

/// One disclosure as it came.
struct Disclosure {
    digest: String,
    salt: String,
    name: Option<String>,
    value: Value,
}

pub(super) fn inspect(text: &str) -> Value {
    let mut problems = Vec::new();
    let (front, key_binding) = text.rsplit_once('~').unwrap_or((text, ""));
    let mut parts = front.split('~');
    let jws = parts.next().unwrap_or_default();
    let (header, payload) = jwt(jws, &mut problems).unwrap_or_else(|| {
        problems.push("what stands before the first `~` is no JWS".to_owned());
        (Map::new(), Map::new())
    });
    let hash = match payload.get("_sd_alg") {
        None => HashAlgorithm::Sha256,
        Some(name) => name.as_str().and_then(HashAlgorithm::from_sd_jwt_name).unwrap_or_else(|| {
            problems.push(format!("the digest algorithm {name} is not known; digests below are SHA-256"));
            HashAlgorithm::Sha256
        }),
    };
    let mut disclosures = Vec::new();
    for (at, part) in parts.take(MAX_DISCLOSURES).enumerate() {
        match disclosure(part, hash) {
            Some(disclosure) => disclosures.push(disclosure),
            None => problems.push(format!("disclosure {at} is not base64url of an array of two or three")),
        }
    }
    let Places { found, withheld, .. } = Places::of(&payload, &disclosures);
    for (disclosure, _) in disclosures.iter().zip(&found).filter(|(_, place)| place.is_none()) {
        problems.push(format!("the disclosure with digest {} has no digest in the credential", disclosure.digest));
    }
    let mut report = Map::from_iter([
        ("format".to_owned(), header.get("typ").cloned().unwrap_or_else(|| Value::from("SD-JWT"))),
        ("type".to_owned(), payload.get("vct").cloned().unwrap_or(Value::Null)),
        ("header".to_owned(), Value::Object(show_header(header))),
        ("validity".to_owned(), validity(&payload)),
        ("status".to_owned(), payload.get("status").cloned().unwrap_or(Value::Null)),
        ("holder_key".to_owned(), holder_key(&payload)),
        ("digest_algorithm".to_owned(), Value::from(hash.sd_jwt_name())),
        ("disclosures".to_owned(), disclosures.iter().zip(&found).map(show).collect()),
        ("digests_without_disclosure".to_owned(), Value::from(withheld)),
        ("payload".to_owned(), Value::Object(payload)),
    ]);
    if !key_binding.is_empty() {
        report.insert("key_binding".to_owned(), bound(key_binding, &text[..=front.len()], hash, &mut problems));
    }
    note(&mut report, problems);
    Value::Object(report)
}

fn disclosure(text: &str, hash: HashAlgorithm) -> Option<Disclosure> {
    let Ok(Value::Array(items)) = strict::parse(&base64url::decode(text).ok()?) else { return None };
    let (salt, name, value) = match <[Value; 3]>::try_from(items) {
        Ok([Value::String(salt), Value::String(name), value]) => (salt, Some(name), value),
        Ok(_) => return None,
        Err(items) => match <[Value; 2]>::try_from(items) {
            Ok([Value::String(salt), value]) => (salt, None, value),
            Ok(_) | Err(_) => return None,
        },
    };
    let digest = base64url::encode(&hash.digest(text.as_bytes()));
    Some(Disclosure { digest, salt, name, value })
}

/// Finds out where each disclosure stands.
struct Places<'a> {
    disclosures: &'a [Disclosure],
    by_digest: BTreeMap<&'a str, usize>,
    found: Vec<Option<Vec<Value>>>,
    /// Digests that no disclosure belongs to: claims withheld, or decoys.
    withheld: usize,
    path: Vec<Value>,
}

impl<'a> Places<'a> {
    fn of(payload: &Map<String, Value>, disclosures: &'a [Disclosure]) -> Self {
        let by_digest = disclosures.iter().enumerate().map(|(at, one)| (one.digest.as_str(), at)).collect();
        let found = vec![None; disclosures.len()];
        let mut places = Self { disclosures, by_digest, found, withheld: 0, path: Vec::new() };
        places.object(payload);
        places
    }

    fn value(&mut self, value: &Value) {
        match value {
            Value::Object(map) => self.object(map),
            Value::Array(items) => {
                for (at, item) in items.iter().enumerate() {
                    match item.get("...").and_then(Value::as_str) {
                        Some(digest) => self.digest(digest, Some(at)),
                        None => self.below(Value::from(at), item),
                    }
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    fn object(&mut self, map: &Map<String, Value>) {
        for (name, inner) in map {
            match inner {
                Value::Array(digests) if name == "_sd" => {
                    digests.iter().filter_map(Value::as_str).for_each(|digest| self.digest(digest, None));
                }
                inner => self.below(Value::from(name.as_str()), inner),
            }
        }
    }

    fn below(&mut self, step: Value, value: &Value) {
        if self.path.len() < MAX_DEPTH {
            self.path.push(step);
            self.value(value);
            self.path.pop();
        }
    }

    fn digest(&mut self, digest: &str, index: Option<usize>) {
        // A disclosure is placed once, so a digest that occurs twice can not lead in circles.
        let at = self.by_digest.get(digest).copied().filter(|at| self.found.get(*at).is_some_and(Option::is_none));
        let Some((at, disclosure)) = at.and_then(|at| Some((at, self.disclosures.get(at)?))) else {
            self.withheld += 1;
            return;
        };
        let step = index.map(Value::from).or_else(|| disclosure.name.clone().map(Value::from)).unwrap_or(Value::Null);
        if let Some(place) = self.found.get_mut(at) {
            *place = Some(self.path.iter().cloned().chain([step.clone()]).collect());
        }
        self.below(step, &disclosure.value);
    }
}

fn show((disclosure, path): (&Disclosure, &Option<Vec<Value>>)) -> Value {
    // What stands inside of a disclosure by a digest of its own is shown with that one.
    json!({
        "path": path,
        "value": disclosure.value,
        "digest": disclosure.digest,
        "salt": disclosure.salt,
    })
}

fn holder_key(payload: &Map<String, Value>) -> Value {
    let Some(jwk) = payload.get("cnf").and_then(|cnf| cnf.get("jwk")) else { return Value::Null };
    let key = Jwk::from_value(jwk).and_then(|jwk| jwk.public_key());
    match key {
        Ok(key) => json!({
            "algorithm": key.algorithm().name(),
            "thumbprint": base64url::encode(&key.thumbprint()),
        }),
        Err(error) => Value::from(error.to_string()),
    }
}

fn bound(text: &str, sd_jwt: &str, hash: HashAlgorithm, problems: &mut Vec<String>) -> Value {
    let Some((header, payload)) = jwt(text, problems) else {
        problems.push("what stands after the last `~` is no JWS".to_owned());
        return Value::Null;
    };
    let expected = base64url::encode(&hash.digest(sd_jwt.as_bytes()));
    let fits = payload.get("sd_hash").and_then(Value::as_str) == Some(expected.as_str());
    if !fits {
        problems.push(format!("the key binding JWT is of other disclosures: `sd_hash` would be {expected}"));
    }
    json!({ "header": header, "payload": payload, "validity": validity(&payload), "sd_hash_fits": fits })
}
