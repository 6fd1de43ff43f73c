//! Every query and wallet of a small universe, held against a reading of the rules that enumerates instead of choosing
//! (OpenID4VP 1.0 sections 6.4 and 7.1).

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};
use warifu_credential::{ClaimPath, PathStep};

use super::*;

const IDS: [&str; 3] = ["a", "b", "c"];

/// A combination of credential queries, one bit for each of [`IDS`].
type Ids = u8;
const ALL: Ids = 0b111;

fn names(ids: Ids) -> Vec<&'static str> {
    IDS.iter().enumerate().filter(|(at, _)| ids & (1 << at) != 0).map(|(_, id)| *id).collect()
}

/// A credential set: its options, and whether it is required.
type Set = (Vec<Ids>, bool);

/// All sets of one option, or of two in either order.
fn every_set() -> Vec<Set> {
    let one = (1..=ALL).map(|option| vec![option]);
    let two = (1..=ALL).flat_map(|first| (1..=ALL).map(move |second| vec![first, second]));
    one.chain(two).flat_map(|options| [(options.clone(), true), (options, false)]).collect()
}

fn query_of(sets: &[Set]) -> Query {
    let credential = |id: &str| json!({ "id": id, "format": "dc+sd-jwt", "meta": { "vct_values": [id] } });
    let mut query = json!({ "credentials": IDS.map(credential) });
    if !sets.is_empty() {
        let set = |(options, required): &Set| json!({ "options": options.iter().map(|o| names(*o)).collect::<Vec<_>>(), "required": required });
        query["credential_sets"] = sets.iter().map(set).collect();
    }
    Query::from_value(&query).unwrap()
}

fn credential_of(id: &str) -> Candidate {
    Candidate {
        id: id.to_owned(),
        format: "dc+sd-jwt".to_owned(),
        types: vec![id.to_owned()],
        claims: json!({}),
        holder_bound: true,
        ..Candidate::default()
    }
}

/// Every union of one option of each required set and at most one of each other set.
fn allowed(sets: &[Set]) -> BTreeSet<Ids> {
    if sets.is_empty() {
        return BTreeSet::from([ALL]);
    }
    sets.iter().fold(BTreeSet::from([0]), |unions, (options, required)| {
        let choices = options.iter().copied().chain(if *required { None } else { Some(0) });
        choices.flat_map(|choice| unions.iter().map(move |union| union | choice)).collect()
    })
}

/// Whether `shown` is a union of options, of each set as many as one likes, of a required one at least one.
fn is_made_of_options(sets: &[Set], shown: Ids) -> bool {
    if sets.is_empty() {
        return shown == ALL;
    }
    let options: Vec<(usize, Ids)> = sets
        .iter()
        .enumerate()
        .flat_map(|(at, (options, _))| options.iter().map(move |option| (at, *option)))
        .collect();
    (0u32..1 << options.len()).any(|taken| {
        let taken: Vec<(usize, Ids)> =
            options.iter().enumerate().filter(|(at, _)| taken & (1 << at) != 0).map(|(_, option)| *option).collect();
        let union = taken.iter().fold(0, |union, (_, option)| union | option);
        let met = |at: usize| taken.iter().any(|(set, _)| *set == at);
        union == shown && sets.iter().enumerate().all(|(at, (_, required))| !required || met(at))
    })
}

fn ids<'a>(answers: impl Iterator<Item = &'a Answer>) -> Ids {
    answers.fold(0, |ids, answer| ids | (1 << IDS.iter().position(|id| *id == answer.query_id).unwrap()))
}

fn check_sets(sets: &[Set]) {
    let (query, allowed) = (query_of(sets), allowed(sets));
    for held in 0..=ALL {
        let candidates: Vec<Candidate> = names(held).into_iter().map(credential_of).collect();
        let possible: BTreeSet<Ids> = allowed.iter().copied().filter(|shown| shown & !held == 0).collect();
        match select(&query, &candidates) {
            Err(_) => assert!(possible.is_empty(), "{sets:?} {held:03b}: {possible:?} would answer"),
            Ok(selection) => {
                let all = ids(selection.answers.iter());
                let needed = ids(selection.answers.iter().filter(|answer| !answer.optional));
                // What is selected answers, and so does what is left when the user takes every optional part out.
                assert!(
                    possible.contains(&all) && possible.contains(&needed),
                    "{sets:?} {held:03b}: {all:03b} {needed:03b}"
                );
                for (options, required) in sets {
                    let best = options.iter().find(|option| *option & !held == 0);
                    let within = if *required { needed } else { all };
                    assert!(best.is_none_or(|best| best & !within == 0), "{sets:?} {held:03b}: not the first option");
                }
            }
        }
    }
    for shown in 0..=ALL {
        let presented = names(shown).into_iter().map(|id| (id.to_owned(), vec![credential_of(id)])).collect();
        assert_eq!(
            check_response(&query, &presented).is_ok(),
            is_made_of_options(sets, shown),
            "{sets:?} answered by {shown:03b}"
        );
    }
}

#[test]
fn credential_sets() {
    check_sets(&[]);
    let every = every_set();
    for first in &every {
        check_sets(std::slice::from_ref(first));
        for second in &every {
            check_sets(&[first.clone(), second.clone()]);
        }
    }
}

/// Every place in a value, from the root on.
fn places(value: &Value) -> Vec<(Vec<PathStep>, &Value)> {
    let mut found = vec![(Vec::new(), value)];
    let below: Vec<(PathStep, &Value)> = match value {
        Value::Object(members) => members.iter().map(|(name, member)| (PathStep::Name(name.clone()), member)).collect(),
        Value::Array(entries) => entries.iter().enumerate().map(|(at, entry)| (PathStep::Index(at), entry)).collect(),
        _ => Vec::new(),
    };
    for (step, value) in below {
        found.extend(places(value).into_iter().map(|(rest, value)| {
            let path = [step.clone()].into_iter().chain(rest).collect();
            (path, value)
        }));
    }
    found
}

/// How a path is read: to the letter, or with a position as any entry.
#[derive(Clone, Copy, PartialEq)]
enum Reading {
    Wallet,
    Verifier,
}

/// The places that a claims query asks for; none is an absent claim.
fn asked(claim: &ClaimsQuery, claims: &Value, reading: Reading) -> BTreeSet<Vec<PathStep>> {
    let fits = |pattern: &[PathStep], path: &[PathStep]| {
        pattern.len() == path.len()
            && pattern.iter().zip(path).all(|(pattern, step)| match (pattern, step) {
                (PathStep::Every, PathStep::Index(_)) => true,
                (PathStep::Index(_), PathStep::Index(_)) if reading == Reading::Verifier => true,
                (pattern, step) => pattern == step,
            })
    };
    let (all, steps) = (places(claims), claim.path.steps());
    for (at, step) in steps.iter().enumerate() {
        let wrong = all.iter().filter(|(path, _)| fits(&steps[..at], path)).any(|(_, value)| match step {
            PathStep::Name(_) => !value.is_object(),
            PathStep::Index(_) | PathStep::Every => !value.is_array(),
        });
        if wrong {
            return BTreeSet::new();
        }
    }
    let wanted = |value: &Value| claim.values.as_ref().is_none_or(|values| values.contains(value));
    all.into_iter().filter(|(path, value)| fits(steps, path) && wanted(value)).map(|(path, _)| path).collect()
}

/// Of each combination that the verifier takes, in its order, the places; none where one of its claims is absent.
fn combinations(query: &CredentialQuery, claims: &Value, reading: Reading) -> Vec<Option<BTreeSet<Vec<PathStep>>>> {
    let list = query.claims.as_ref().unwrap();
    let every = || vec![list.iter().map(|claim| claim.id.clone().unwrap()).collect()];
    let read = |set: &Vec<String>| {
        let (mut seen, mut union) = (BTreeSet::new(), BTreeSet::new());
        for id in set {
            let claim = list.iter().find(|claim| claim.id.as_ref() == Some(id)).unwrap();
            if seen.insert(claim.path.clone()) {
                let found = asked(claim, claims, reading);
                if found.is_empty() {
                    return None;
                }
                union.extend(found);
            }
        }
        Some(union)
    };
    query.claim_sets.clone().unwrap_or_else(every).iter().map(read).collect()
}

/// The claims without the places that are not disclosed: members fall out, entries close up.
fn disclosed(claims: &Value, keep: &BTreeSet<Vec<PathStep>>) -> Value {
    fn cut(value: &Value, here: &[PathStep], keep: &BTreeSet<Vec<PathStep>>) -> Option<Value> {
        let whole = keep.iter().any(|path| here.starts_with(path));
        let leads = keep.iter().any(|path| path.starts_with(here));
        let below = |step: PathStep| here.iter().cloned().chain([step]).collect::<Vec<_>>();
        match value {
            _ if whole => Some(value.clone()),
            _ if !leads => None,
            Value::Object(members) => {
                let kept = members.iter().filter_map(|(name, member)| {
                    Some((name.clone(), cut(member, &below(PathStep::Name(name.clone())), keep)?))
                });
                Some(Value::Object(kept.collect::<Map<_, _>>()))
            }
            Value::Array(entries) => {
                let kept = entries.iter().enumerate();
                Some(kept.filter_map(|(at, entry)| cut(entry, &below(PathStep::Index(at)), keep)).collect())
            }
            _ => None,
        }
    }
    cut(claims, &[], keep).unwrap_or_else(|| json!({}))
}

fn every_credential() -> Vec<Value> {
    let x = [None, Some(json!(1)), Some(json!("1")), Some(json!(true))];
    let y = [
        None,
        Some(json!([])),
        Some(json!([1])),
        Some(json!([1, 2])),
        Some(json!("s")),
        Some(json!([[2], { "k": 1 }])),
    ];
    let z = [None, Some(json!({ "k": 1 }))];
    let mut all = Vec::new();
    for x in &x {
        for y in &y {
            for z in &z {
                let members = [("x", x), ("y", y), ("z", z)].into_iter();
                let members = members.filter_map(|(name, value)| Some((name.to_owned(), value.clone()?)));
                all.push(Value::Object(members.collect()));
            }
        }
    }
    all
}

fn every_claim() -> Vec<Value> {
    vec![
        json!({ "path": ["x"] }),
        json!({ "path": ["x"], "values": [1] }),
        json!({ "path": ["x"], "values": ["1", true] }),
        json!({ "path": ["x", "k"] }),
        json!({ "path": ["y"] }),
        json!({ "path": ["y", null] }),
        json!({ "path": ["y", 0] }),
        json!({ "path": ["y", 1] }),
        json!({ "path": ["y", 1, "k"] }),
        json!({ "path": ["y", null], "values": [2] }),
        json!({ "path": ["y", null, null] }),
        json!({ "path": ["z", "k"], "values": [1] }),
    ]
}

#[test]
fn claims_and_claim_sets() {
    let sets = [
        Value::Null,
        json!([["0"]]),
        json!([["1"]]),
        json!([["0", "1"]]),
        json!([["0"], ["1"]]),
        json!([["1"], ["0"]]),
        json!([["0", "1"], ["0"]]),
        json!([["1", "0"], ["1"], ["0"]]),
    ];
    let (claims, credentials) = (every_claim(), every_credential());
    for first in &claims {
        for second in &claims {
            for set in &sets {
                let named = [first, second].into_iter().enumerate().map(|(at, claim)| {
                    let mut claim = claim.clone();
                    claim["id"] = json!(at.to_string());
                    claim
                });
                let mut credential = json!({ "id": "q", "format": "dc+sd-jwt", "meta": { "vct_values": ["q"] }, "claims": named.collect::<Vec<_>>() });
                if !set.is_null() {
                    credential["claim_sets"] = set.clone();
                }
                let query = Query::from_value(&json!({ "credentials": [credential] })).unwrap();
                credentials.iter().for_each(|credential| check_claims(&query, credential));
            }
        }
    }
}

fn check_claims(query: &Query, credential: &Value) {
    let candidate = Candidate { claims: credential.clone(), ..credential_of("q") };
    let expected = combinations(&query.credentials[0], credential, Reading::Wallet).into_iter().flatten().next();
    let selection = select(query, std::slice::from_ref(&candidate)).ok();
    let found = selection.map(|selection| -> BTreeSet<Vec<PathStep>> {
        let disclose = &selection.answers[0].choices[0].disclose;
        disclose.iter().flat_map(|item| &item.resolved).map(|path| path.steps().to_vec()).collect()
    });
    assert_eq!(found, expected, "{:?} of {credential}", query.credentials[0]);

    // What the verifier takes: every disclosure of some of the places, and first of all what the wallet selects.
    let accepts = |shown: &Value| {
        let presented = Candidate { claims: shown.clone(), ..candidate.clone() };
        check_response(query, &BTreeMap::from([("q".to_owned(), vec![presented])])).is_ok()
    };
    if let Some(places) = expected {
        let shown = disclosed(credential, &places);
        assert!(accepts(&shown), "{:?} answered by {shown}", query.credentials[0]);
    }
    let parts: Vec<Vec<PathStep>> =
        places(credential).into_iter().map(|(path, _)| path).filter(|p| !p.is_empty()).collect();
    for taken in 0u32..1 << parts.len().min(6) {
        let keep =
            parts.iter().enumerate().filter(|(at, _)| taken & (1 << at) != 0).map(|(_, path)| path.clone()).collect();
        let shown = disclosed(credential, &keep);
        let satisfied = |reading| combinations(&query.credentials[0], &shown, reading).iter().any(Option::is_some);
        let expected = satisfied(Reading::Verifier) || satisfied(Reading::Wallet);
        assert_eq!(accepts(&shown), expected, "{:?} answered by {shown}", query.credentials[0]);
    }
}

/// Types, formats, binding and authorities: each credential query looks at one credential alone, so all pairs are enough.
#[test]
fn what_a_credential_is() {
    let flags = [false, true];
    for (format, types, bound, authority) in flags.into_iter().flat_map(|format| {
        flags.into_iter().flat_map(move |types| {
            flags.into_iter().flat_map(move |bound| (0..5).map(move |authority| (format, types, bound, authority)))
        })
    }) {
        let candidate = Candidate {
            id: "held".to_owned(),
            format: if format { "dc+sd-jwt" } else { "mso_mdoc" }.to_owned(),
            types: vec![if types { "t" } else { "u" }.to_owned(), "base".to_owned()],
            claims: json!({}),
            holder_bound: bound,
            authority_key_identifiers: if authority == 1 { vec![vec![0, 0, 0]] } else { vec![vec![9]] },
            trusted_lists: if authority == 2 { vec!["https://list".to_owned()] } else { vec![] },
            federation_entities: if authority == 3 { vec!["https://anchor".to_owned()] } else { vec![] },
        };
        let accepted: [(Value, &[u8]); 7] = [
            (Value::Null, &[0, 1, 2, 3, 4]),
            (json!([{ "type": "aki", "values": ["AQ", "AAAA"] }]), &[1]),
            (json!([{ "type": "etsi_tl", "values": ["https://list"] }]), &[2]),
            (json!([{ "type": "openid_federation", "values": ["https://anchor"] }]), &[3]),
            (
                json!([{ "type": "aki", "values": ["AAAA"] }, { "type": "etsi_tl", "values": ["x", "https://list"] }]),
                &[1, 2],
            ),
            // A type that is not known, and values of another type, match nothing.
            (json!([{ "type": "other", "values": ["AAAA", "https://list"] }]), &[]),
            (json!([{ "type": "etsi_tl", "values": ["AAAA", "https://anchor"] }]), &[]),
        ];
        for (vct, needs_binding) in [("t", true), ("t", false), ("base", true), ("x", false)] {
            for (authorities, of) in &accepted {
                let mut credential = json!({ "id": "q", "format": "dc+sd-jwt", "meta": { "vct_values": ["y", vct] },
                    "require_cryptographic_holder_binding": needs_binding });
                if !authorities.is_null() {
                    credential["trusted_authorities"] = authorities.clone();
                }
                let query = Query::from_value(&json!({ "credentials": [credential] })).unwrap();
                let expected = format
                    && (vct == "base" || (vct == "t" && types))
                    && (bound || !needs_binding)
                    && of.contains(&authority);
                assert_eq!(
                    select(&query, std::slice::from_ref(&candidate)).is_ok(),
                    expected,
                    "{query:?} {candidate:?}"
                );
                let presented = BTreeMap::from([("q".to_owned(), vec![candidate.clone()])]);
                assert_eq!(check_response(&query, &presented).is_ok(), expected, "{query:?} {candidate:?}");
            }
        }
    }
}

/// A path to the root itself is none, so that "everything" can not be asked for by one.
#[test]
fn no_path_is_everything() {
    assert!(ClaimPath::from_value(&json!([])).is_err());
}
