use jiff::Timestamp;
use serde_json::{Map, Value, json};
use warifu_keys::entropy::Seeded;
use warifu_keys::json;
use warifu_keys::jwk::{Jwk, KeyError};
use warifu_keys::jws::{self, Header, JwsError};
use warifu_keys::x509::X509Error;
use warifu_keys::{Signer as _, SigningKey};

use super::*;
use crate::claim_path::{ClaimPath, PathError};
use crate::example::{AUDIENCE, NONCE, VCT, World, after, binding, cnf, disclosure, list_uri, now, rules, world};
use crate::{SettleError, Verified};

mod batch;
mod issue;
mod issuer_metadata;
mod json_form;
mod key_binding;
mod mutation;
mod present;
mod properties;
mod rules;
mod settle;
mod standard;

fn person() -> Map<String, Value> {
    let value = json!({
        "given_name": "ERIKA",
        "family_name": "MUSTERMANN",
        "nationalities": ["DE", "JP"],
        "address": { "locality": "KÖLN", "country": "DE", "lines": ["HEIDESTRASSE 17", "51147"] },
        "sex": 2,
    });
    value.as_object().unwrap().clone()
}

fn claims() -> Claims {
    Claims::new(person()).selective_throughout()
}

fn verified(world: &World, text: &str) -> Verified {
    Received::parse(text).unwrap().authenticate(&world.anchors(), now()).unwrap().settle_without_status(now()).unwrap()
}

fn held(world: &World) -> Held {
    Held::keep(verified(world, &world.issue(&claims(), None))).unwrap()
}

fn paths(list: Value) -> Vec<ClaimPath> {
    list.as_array().unwrap().iter().map(|path| ClaimPath::from_value(path).unwrap()).collect()
}
