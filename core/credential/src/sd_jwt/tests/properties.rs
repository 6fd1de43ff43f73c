//! Any JSON, any selection, any bytes.

use std::sync::LazyLock;

use proptest::prelude::*;

use super::*;
use crate::claim_path::PathStep;
use crate::sd_jwt::disclosure::{read, unpack};
use crate::sd_jwt::json_form::to_compact;

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            proptest::collection::btree_map("[a-z]{1,6}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// JSON that often has digest members in odd places.
fn odd_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![Just(Value::Null), any::<i64>().prop_map(Value::from), "[a-z.]{0,4}".prop_map(Value::from)];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            proptest::collection::btree_map(r"(_sd|\.\.\.|_sd_alg|vct|cnf|status|exp|a|b)", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// Every member and entry of `value`, parents first.
fn nodes(value: &Value, path: &[PathStep], found: &mut Vec<Vec<PathStep>>) {
    let below: Vec<(PathStep, &Value)> = match value {
        Value::Object(map) => map.iter().map(|(name, value)| (PathStep::Name(name.clone()), value)).collect(),
        Value::Array(items) => items.iter().enumerate().map(|(at, value)| (PathStep::Index(at), value)).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    };
    for (step, value) in below {
        let path = [path, &[step]].concat();
        found.push(path.clone());
        nodes(value, &path, found);
    }
}

/// What remains of `value` when of the `selective` nodes only those are shown that lie on the branch of a `chosen` one:
/// the rule in one place, without digests.
fn shown(value: &Value, path: &[PathStep], selective: &[Vec<PathStep>], chosen: &[Vec<PathStep>]) -> Value {
    let visible = |path: &[PathStep]| {
        let named = |chosen: &Vec<PathStep>| chosen.starts_with(path) || path.starts_with(chosen);
        !selective.iter().any(|node| node == path) || chosen.iter().any(named)
    };
    match value {
        Value::Object(map) => map
            .iter()
            .map(|(name, value)| (name, [path, &[PathStep::Name(name.clone())]].concat(), value))
            .filter(|(_, path, _)| visible(path))
            .map(|(name, path, value)| (name.clone(), shown(value, &path, selective, chosen)))
            .collect(),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .map(|(at, value)| ([path, &[PathStep::Index(at)]].concat(), value))
            .filter(|(path, _)| visible(path))
            .map(|(path, value)| shown(value, &path, selective, chosen))
            .collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

fn picked(nodes: &[Vec<PathStep>], picks: &[u8], share: u8) -> Vec<Vec<PathStep>> {
    nodes.iter().zip(picks.iter().cycle()).filter(|(_, pick)| **pick < share).map(|(node, _)| node.clone()).collect()
}

fn to_paths(nodes: &[Vec<PathStep>]) -> Vec<ClaimPath> {
    nodes.iter().map(|node| ClaimPath::new(node.clone()).unwrap()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn parsers_never_panic(text in "[A-Za-z0-9_.~-]{0,200}") {
        let _ = Received::parse(&text);
        let _ = Presentation::parse(&text);
        let _ = Held::dangerous_reload(&text);
    }

    #[test]
    fn json_forms_never_panic(value in odd_value(), bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = to_compact(&bytes);
        let _ = to_compact(value.to_string().as_bytes());
        let whole = json!({ "payload": "e30", "signatures": [{ "protected": "e30", "signature": "AA", "header": value }] });
        if let Ok(text) = to_compact(whole.to_string().as_bytes()) {
            prop_assert!(text.starts_with("e30.e30.AA~"));
        }
    }

    #[test]
    fn unpacking_never_panics(payload in odd_value(), disclosures in proptest::collection::vec(odd_value(), 0..4)) {
        let Value::Object(mut payload) = payload else { return Ok(()) };
        let texts: Vec<String> =
            disclosures.iter().map(|value| base64url::encode(value.to_string().as_bytes())).collect();
        let known: Vec<(&str, _)> =
            texts.iter().filter_map(|text| Some((text.as_str(), read(0, text).ok()?))).collect();
        let digests: Vec<String> = known.iter().map(|(text, _)| digest(HashAlgorithm::Sha256, text)).collect();
        payload.insert("_sd".to_owned(), Value::from(digests));
        let (texts, contents): (Vec<&str>, Vec<_>) = known.into_iter().unzip();
        let _ = unpack(payload, texts.into_iter(), contents);
    }

    /// Random JSON, of which a random part can be withheld, of which a random part is named: exactly that arrives.
    #[test]
    fn exactly_the_named_claims_arrive(
        values in proptest::collection::btree_map("[a-z]{1,6}", json_value(), 0..6),
        selective in proptest::collection::vec(any::<u8>(), 1..40),
        chosen in proptest::collection::vec(any::<u8>(), 1..40),
        decoys in 0u8..4,
        hash in prop::sample::select(HashAlgorithm::ALL.to_vec()),
    ) {
        let values: Map<String, Value> = values.into_iter().collect();
        prop_assume!(!values.keys().any(|name| NEVER_SELECTIVE.contains(&name.as_str()) || matches!(name.as_str(), "iat" | "aud")));
        let root = Value::Object(values.clone());
        let mut all = Vec::new();
        nodes(&root, &[], &mut all);
        let (selective, chosen) = (picked(&all, &selective, 128), picked(&all, &chosen, 60));

        static WORLD: LazyLock<World> = LazyLock::new(|| world("property"));
        let world = &*WORLD;
        let claims = Claims::new(values).with_decoys(decoys).hashed_with(hash);
        let claims = to_paths(&selective).into_iter().fold(claims, Claims::selective);
        let held = Held::keep(verified(world, &world.issue(&claims, None))).unwrap();
        let available: std::collections::BTreeSet<ClaimPath> = held.available().into_iter().collect();
        prop_assert_eq!(available, to_paths(&selective).into_iter().collect());

        let text = held.present(&to_paths(&chosen), &binding(), &world.holder).unwrap();
        let (authentic, _) = Presentation::parse(&text).unwrap().authenticate(&world.anchors(), now(), &rules()).unwrap();
        let verified = authentic.settle_without_status(now()).unwrap();
        prop_assert_eq!(verified.claims(), &held.reveals(&to_paths(&chosen)).unwrap());
        let mut found = verified.claims().clone();
        found.as_object_mut().unwrap().retain(|name, _| root.get(name).is_some());
        prop_assert_eq!(found, shown(&root, &[], &selective, &chosen));
    }
}
