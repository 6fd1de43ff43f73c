use std::collections::BTreeMap;

use serde_json::{Value, json};
use warifu_credential::ClaimPath;
use warifu_keys::base64url;

use super::*;

fn query(value: Value) -> Query {
    Query::from_value(&value).unwrap()
}

/// A query for one SD-JWT VC of type `t` with these claims and what else is given.
fn one(claims: Value, more: Value) -> Query {
    let mut credential = json!({ "id": "q", "format": "dc+sd-jwt", "meta": { "vct_values": ["t"] }, "claims": claims });
    for (name, value) in more.as_object().unwrap() {
        credential[name] = value.clone();
    }
    query(json!({ "credentials": [credential] }))
}

fn candidate(id: &str, types: &[&str], claims: Value) -> Candidate {
    Candidate {
        id: id.to_owned(),
        format: "dc+sd-jwt".to_owned(),
        types: types.iter().map(|name| (*name).to_owned()).collect(),
        claims,
        authority_key_identifiers: vec![vec![1, 2, 3]],
        holder_bound: true,
        ..Candidate::default()
    }
}

fn person() -> Candidate {
    candidate(
        "person",
        &["t", "base"],
        json!({ "given_name": "Ada", "age": 36, "member": true, "nationalities": ["UT", "XX", "UT"],
                "address": { "locality": "Town", "zip": "1" }, "degrees": [{ "type": "BSc" }, { "year": 3 }] }),
    )
}

/// The paths that `person` must disclose for these claims; `None` when it does not match.
fn disclosed(claims: Value, more: Value) -> Option<Vec<Value>> {
    let selection = select(&one(claims, more), &[person()]).ok()?;
    let choice = &selection.answers[0].choices[0];
    Some(choice.disclose.iter().flat_map(|item| &item.resolved).map(ClaimPath::to_value).collect())
}

#[track_caller]
fn check(claims: Value, more: Value, expected: Option<Value>) {
    assert_eq!(disclosed(claims.clone(), more.clone()).map(Value::from), expected, "{claims} {more}");
}

#[test]
fn paths() {
    let none = || json!({});
    check(json!([{ "path": ["given_name"] }]), none(), Some(json!([["given_name"]])));
    check(json!([{ "path": ["address"] }]), none(), Some(json!([["address"]])));
    check(json!([{ "path": ["address", "zip"] }]), none(), Some(json!([["address", "zip"]])));
    check(json!([{ "path": ["nationalities", 1] }]), none(), Some(json!([["nationalities", 1]])));
    check(json!([{ "path": ["nationalities", 3] }]), none(), None);
    check(json!([{ "path": ["degrees", null, "type"] }]), none(), Some(json!([["degrees", 0, "type"]])));
    check(
        json!([{ "path": ["nationalities", null] }]),
        none(),
        Some(json!([["nationalities", 0], ["nationalities", 1], ["nationalities", 2]])),
    );
    // A structure that does not fit is an absent claim, not a failure of the whole query.
    check(json!([{ "path": ["given_name", "first"] }]), none(), None);
    check(json!([{ "path": ["address", null] }]), none(), None);
    check(json!([{ "path": ["given_name"] }, { "path": ["nothing"] }]), none(), None);
}

#[test]
fn values() {
    let value = |path: Value, values: Value| json!([{ "path": path, "values": values }]);
    check(value(json!(["given_name"]), json!(["Eve", "Ada"])), json!({}), Some(json!([["given_name"]])));
    check(value(json!(["given_name"]), json!(["ada"])), json!({}), None);
    check(value(json!(["age"]), json!([36])), json!({}), Some(json!([["age"]])));
    check(value(json!(["age"]), json!(["36"])), json!({}), None);
    check(value(json!(["member"]), json!([true])), json!({}), Some(json!([["member"]])));
    check(value(json!(["member"]), json!([1])), json!({}), None);
    // Of several entries only those with an asked value are disclosed.
    let at = |index: usize| json!(["nationalities", index]);
    check(value(json!(["nationalities", null]), json!(["UT"])), json!({}), Some(json!([at(0), at(2)])));
    check(value(json!(["nationalities", null]), json!(["ZZ"])), json!({}), None);
    check(value(json!(["nationalities", 1]), json!(["UT"])), json!({}), None);
    check(value(json!(["address"]), json!(["Town"])), json!({}), None);
}

#[test]
fn claim_sets() {
    let claims = || {
        json!([
            { "id": "a", "path": ["given_name"] }, { "id": "b", "path": ["nothing"] }, { "id": "c", "path": ["age"] }
        ])
    };
    let sets = |sets: Value| json!({ "claim_sets": sets });
    check(claims(), sets(json!([["a", "b"], ["c"], ["a"]])), Some(json!([["age"]])));
    check(claims(), sets(json!([["a", "c"]])), Some(json!([["given_name"], ["age"]])));
    check(claims(), sets(json!([["b"], ["a", "b", "c"]])), None);
}

#[test]
fn no_claims_is_no_disclosure() {
    let asked =
        query(json!({ "credentials": [{ "id": "q", "format": "dc+sd-jwt", "meta": { "vct_values": ["t"] } }] }));
    assert!(select(&asked, &[person()]).unwrap().answers[0].choices[0].disclose.is_empty());
}

#[track_caller]
fn matches(credential: Value, candidate: &Candidate, expected: bool) {
    let asked = query(json!({ "credentials": [credential] }));
    assert_eq!(select(&asked, std::slice::from_ref(candidate)).is_ok(), expected, "{:?}", asked.credentials[0]);
}

#[test]
fn types_and_formats() {
    let sd_jwt = |vct: Value| json!({ "id": "q", "format": "dc+sd-jwt", "meta": { "vct_values": vct } });
    matches(sd_jwt(json!(["x", "t"])), &person(), true);
    matches(sd_jwt(json!(["base"])), &person(), true);
    matches(sd_jwt(json!(["x"])), &person(), false);
    let mdoc = |doctype: &str| json!({ "id": "q", "format": "mso_mdoc", "meta": { "doctype_value": doctype } });
    matches(mdoc("t"), &person(), false);
    let licence = Candidate { format: "mso_mdoc".to_owned(), ..person() };
    matches(mdoc("t"), &licence, true);
    matches(mdoc("x"), &licence, false);
    let w3c = |types: Value| json!({ "id": "q", "format": "ldp_vc", "meta": { "type_values": types } });
    let degree = Candidate { format: "ldp_vc".to_owned(), ..person() };
    matches(w3c(json!([["x"], ["t", "base"]])), &degree, true);
    matches(w3c(json!([["t", "x"]])), &degree, false);
    matches(
        json!({ "id": "q", "format": "other", "meta": {} }),
        &Candidate { format: "other".to_owned(), ..person() },
        false,
    );
}

#[test]
fn mdoc_paths_are_namespace_and_element() {
    let mdoc = Candidate {
        format: "mso_mdoc".to_owned(),
        claims: json!({ "org.iso.18013.5.1": { "given_name": "Ada", "portrait": "AA" } }),
        ..person()
    };
    let credential = |path: Value| {
        json!({ "id": "q", "format": "mso_mdoc", "meta": { "doctype_value": "t" },
        "claims": [{ "path": path, "intent_to_retain": true }] })
    };
    matches(credential(json!(["org.iso.18013.5.1", "given_name"])), &mdoc, true);
    matches(credential(json!(["org.iso.18013.5.1.aamva", "given_name"])), &mdoc, false);
}

#[test]
fn authorities_and_binding() {
    let asked = |more: Value| {
        let mut credential = json!({ "id": "q", "format": "dc+sd-jwt", "meta": { "vct_values": ["t"] } });
        credential.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        credential
    };
    let aki = |bytes: &[u8]| json!({ "trusted_authorities": [{ "type": "aki", "values": ["AA", base64url::encode(bytes)] }] });
    matches(asked(aki(&[1, 2, 3])), &person(), true);
    matches(asked(aki(&[1, 2])), &person(), false);
    let list = json!({ "type": "etsi_tl", "values": ["https://lists.example/tl"] });
    matches(asked(json!({ "trusted_authorities": [list] })), &person(), false);
    let mut both = aki(&[1, 2, 3]);
    both["trusted_authorities"].as_array_mut().unwrap().push(list);
    matches(asked(both), &person(), true);
    let unbound = Candidate { holder_bound: false, ..person() };
    matches(asked(json!({})), &unbound, false);
    matches(asked(json!({ "require_cryptographic_holder_binding": false })), &unbound, true);
    matches(asked(json!({ "require_cryptographic_holder_binding": false })), &person(), true);
}

fn sets(sets: Value) -> Query {
    let credential = |id: &str| json!({ "id": id, "format": "dc+sd-jwt", "meta": { "vct_values": [id] } });
    let credentials: Vec<Value> = ["a", "b", "c", "d"].map(credential).to_vec();
    query(json!({ "credentials": credentials, "credential_sets": sets }))
}

/// Which queries are answered by a wallet that holds these types; a star marks those that may be left out.
fn answered(query: &Query, held: &[&str]) -> Option<String> {
    let candidates: Vec<Candidate> = held.iter().map(|name| candidate(name, &[name], json!({}))).collect();
    let selection = select(query, &candidates).ok()?;
    Some(
        selection
            .answers
            .iter()
            .map(|answer| format!("{}{}", answer.query_id, if answer.optional { "*" } else { "" }))
            .collect(),
    )
}

#[test]
fn credential_sets() {
    let check = |list: Value, held: &[&str], expected: Option<&str>| {
        assert_eq!(answered(&sets(list.clone()), held).as_deref(), expected, "{list} {held:?}");
    };
    let alternatives = || json!([{ "options": [["a"], ["b", "c"]] }, { "required": false, "options": [["d"]] }]);
    check(alternatives(), &["a", "b", "c"], Some("a"));
    check(alternatives(), &["a", "d"], Some("ad*"));
    check(alternatives(), &["b", "c"], Some("bc"));
    check(alternatives(), &["b", "d"], None);
    check(alternatives(), &[], None);
    // Queries in no chosen option are not answered, even when they could be.
    check(json!([{ "options": [["a"]] }]), &["a", "b", "c", "d"], Some("a"));
    // Nothing required: nothing held is an answer of nothing.
    check(json!([{ "required": false, "options": [["a"]] }]), &[], Some(""));
    // What one set needs is not optional because another set makes it so.
    check(json!([{ "required": false, "options": [["a"]] }, { "options": [["a", "b"]] }]), &["a", "b"], Some("ab"));
    check(json!([{ "options": [["a"]] }, { "options": [["b"]] }]), &["a"], None);
}

#[test]
fn optional_options_are_offered_whole() {
    let check = |list: Value, held: &[&str], expected: &[&[&str]]| {
        let candidates: Vec<Candidate> = held.iter().map(|name| candidate(name, &[name], json!({}))).collect();
        let selection = select(&sets(list.clone()), &candidates).unwrap();
        assert_eq!(selection.extras, expected, "{list} {held:?}");
        // Whatever stands in an offer is among the answers, and every answer that may be left out is in an offer.
        for id in selection.extras.iter().flatten() {
            assert!(selection.answer(id).is_some(), "{list} {held:?} {id}");
        }
        for answer in selection.answers.iter().filter(|answer| answer.optional) {
            assert!(selection.extras.iter().flatten().any(|id| *id == answer.query_id), "{list} {held:?}");
        }
    };
    let optional = |options: Value| json!([{ "options": [["a"]] }, { "required": false, "options": options }]);
    check(optional(json!([["b", "c"]])), &["a", "b", "c"], &[&["b", "c"]]);
    check(optional(json!([["b", "c"]])), &["a", "b"], &[]);
    // The first that matches; one that needs a credential which is given anyway.
    check(optional(json!([["d"], ["a", "b"], ["c"]])), &["a", "b", "c"], &[&["a", "b"]]);
    // What is given anyway is no offer, and one offer is made once.
    check(optional(json!([["a"]])), &["a"], &[]);
    let twice = json!([{ "required": false, "options": [["b"]] }, { "required": false, "options": [["c"], ["b"]] }]);
    check(twice.clone(), &["b"], &[&["b"]]);
    check(twice, &["b", "c"], &[&["b"], &["c"]]);
    check(json!([{ "required": false, "options": [["a"]] }, { "options": [["a", "b"]] }]), &["a", "b"], &[]);
}

#[test]
fn without_sets_all_are_needed() {
    let asked = Query { credential_sets: None, ..sets(json!([{ "options": [["a"]] }])) };
    assert_eq!(answered(&asked, &["d", "c", "b", "a"]).as_deref(), Some("abcd"));
    let error = select(&asked, &[candidate("a", &["a"], json!({}))]).unwrap_err();
    assert_eq!(error.unmet.iter().map(|unmet| unmet.query_id.as_str()).collect::<Vec<_>>(), ["b", "c", "d"]);
    assert!(error.unmet.iter().all(|unmet| !unmet.type_held));
    let missing = select(&one(json!([{ "path": ["nothing"] }]), json!({})), &[person()]).unwrap_err();
    assert!(missing.unmet[0].type_held);
}

#[test]
fn every_match_is_a_choice() {
    let held =
        [candidate("1", &["t"], json!({})), candidate("2", &["x"], json!({})), candidate("3", &["t"], json!({}))];
    let asked = query(
        json!({ "credentials": [{ "id": "q", "format": "dc+sd-jwt", "meta": { "vct_values": ["t"] }, "multiple": true }] }),
    );
    let selection = select(&asked, &held).unwrap();
    let answer = selection.answer("q").unwrap();
    assert!(answer.multiple);
    assert_eq!(answer.choices.iter().map(|choice| choice.candidate.as_str()).collect::<Vec<_>>(), ["1", "3"]);
}

#[track_caller]
fn refused(value: Value, expected: DcqlError) {
    assert_eq!(Query::from_value(&value), Err(expected), "{value}");
}

#[test]
fn malformed_queries() {
    let with = |more: Value| {
        let mut credential = json!({ "id": "q", "format": "dc+sd-jwt", "meta": { "vct_values": ["t"] } });
        for (name, value) in more.as_object().unwrap() {
            match value {
                Value::Null => drop(credential.as_object_mut().unwrap().remove(name)),
                value => credential[name] = value.clone(),
            }
        }
        json!({ "credentials": [credential] })
    };
    refused(json!([]), DcqlError::Member("dcql_query"));
    refused(json!({}), DcqlError::Member("credentials"));
    refused(json!({ "credentials": [] }), DcqlError::Member("credentials"));
    refused(json!({ "credentials": ["x"] }), DcqlError::Member("credentials"));
    for name in ["id", "format", "meta"] {
        refused(with(json!({ name: null })), DcqlError::Member(name));
    }
    for id in ["", "a b", "é", "a.b"] {
        refused(with(json!({ "id": id })), DcqlError::Member("id"));
    }
    refused(with(json!({ "meta": {} })), DcqlError::Member("vct_values"));
    refused(with(json!({ "meta": { "vct_values": [] } })), DcqlError::Member("vct_values"));
    refused(with(json!({ "format": "mso_mdoc" })), DcqlError::Member("doctype_value"));
    let mdoc =
        json!({ "format": "mso_mdoc", "meta": { "doctype_value": "t" }, "claims": [{ "path": ["given_name"] }] });
    refused(with(mdoc), DcqlError::Member("path"));
    for path in [json!(["ns", null]), json!(["ns", "e", "below"]), json!(["ns", "e", 0])] {
        let mdoc = json!({ "format": "mso_mdoc", "meta": { "doctype_value": "t" }, "claims": [{ "path": path }] });
        refused(with(mdoc), DcqlError::Member("path"));
    }
    refused(with(json!({ "format": "ldp_vc", "meta": { "type_values": [[]] } })), DcqlError::Member("type_values"));
    refused(with(json!({ "multiple": "yes" })), DcqlError::Member("multiple"));
    refused(with(json!({ "claims": [] })), DcqlError::Member("claims"));
    refused(with(json!({ "claims": [{}] })), DcqlError::Member("path"));
    refused(with(json!({ "claims": [{ "path": [] }] })), DcqlError::Member("path"));
    refused(with(json!({ "claims": [{ "path": [-1] }] })), DcqlError::Member("path"));
    for values in [json!([]), json!([1.5]), json!([{}]), json!([null]), json!("x")] {
        refused(with(json!({ "claims": [{ "path": ["a"], "values": values }] })), DcqlError::Member("values"));
    }
    let two = json!([{ "id": "a", "path": ["a"] }, { "id": "a", "path": ["b"] }]);
    refused(with(json!({ "claims": two })), DcqlError::Repeated("a".to_owned()));
    refused(with(json!({ "claim_sets": [["a"]] })), DcqlError::ClaimSetsWithoutIds);
    refused(with(json!({ "claims": [{ "path": ["a"] }], "claim_sets": [["a"]] })), DcqlError::ClaimSetsWithoutIds);
    let named = || json!([{ "id": "a", "path": ["a"] }]);
    refused(with(json!({ "claims": named(), "claim_sets": [["b"]] })), DcqlError::Undefined("b".to_owned()));
    refused(with(json!({ "claims": named(), "claim_sets": [] })), DcqlError::Member("claim_sets"));
    refused(with(json!({ "claims": named(), "claim_sets": [[]] })), DcqlError::Member("claim_sets"));
    refused(with(json!({ "trusted_authorities": [] })), DcqlError::Member("trusted_authorities"));
    refused(with(json!({ "trusted_authorities": [{ "type": "aki" }] })), DcqlError::Member("values"));
    let mut twice = with(json!({}));
    let first = twice["credentials"][0].clone();
    twice["credentials"].as_array_mut().unwrap().push(first);
    refused(twice, DcqlError::Repeated("q".to_owned()));
    let mut set = with(json!({}));
    set["credential_sets"] = json!([{ "options": [["r"]] }]);
    refused(set.clone(), DcqlError::Undefined("r".to_owned()));
    set["credential_sets"] = json!([{}]);
    refused(set.clone(), DcqlError::Member("options"));
    set["credential_sets"] = json!([]);
    refused(set, DcqlError::Member("credential_sets"));
    assert!(Query::parse(br#"{"credentials":[],"credentials":[]}"#).is_err());
}

#[test]
fn caps() {
    let credential = |id: usize, claims: Value| json!({ "id": id.to_string(), "format": "dc+sd-jwt", "meta": { "vct_values": ["t"] }, "claims": claims });
    let one = || json!([{ "path": ["a"] }]);
    let many: Vec<Value> = (0..=limits::CREDENTIALS).map(|id| credential(id, one())).collect();
    refused(json!({ "credentials": many }), DcqlError::TooLarge("credentials"));
    let claims = vec![json!({ "path": ["a"] }); limits::CLAIMS + 1];
    refused(json!({ "credentials": [credential(0, json!(claims))] }), DcqlError::TooLarge("claims"));
    let values = vec![json!("v"); limits::VALUES + 1];
    refused(
        json!({ "credentials": [credential(0, json!([{ "path": ["a"], "values": values }]))] }),
        DcqlError::TooLarge("values"),
    );
    refused(
        json!({ "credentials": [credential(0, one())], "credential_sets": vec![json!({ "options": [["0"]] }); limits::CREDENTIAL_SETS + 1] }),
        DcqlError::TooLarge("credential_sets"),
    );
    let long = "x".repeat(limits::TEXT + 1);
    refused(json!({ "credentials": [{ "id": "a", "format": long, "meta": {} }] }), DcqlError::TooLarge("format"));
    let long_value = json!([{ "path": ["a"], "values": ["x".repeat(limits::TEXT + 1)] }]);
    refused(json!({ "credentials": [credential(0, long_value)] }), DcqlError::TooLarge("values"));
    let wide = vec![json!({ "path": ["x".repeat(200), "y".repeat(200), "z".repeat(200)] }); limits::CLAIMS];
    refused(json!({ "credentials": [credential(0, json!(wide))] }), DcqlError::TooLarge("bytes"));
    assert_eq!(Query::parse(&vec![b' '; limits::BYTES + 1]), Err(DcqlError::TooLarge("bytes")));
}

/// What the verifier gets when the wallet discloses exactly these claims.
fn response(query: &Query, presented: Vec<(&str, Vec<Candidate>)>) -> Result<(), ResponseError> {
    let presented = presented.into_iter().map(|(id, list)| (id.to_owned(), list)).collect::<BTreeMap<_, _>>();
    check_response(query, &presented)
}

#[test]
fn response_is_checked_again() {
    let asked =
        one(json!([{ "path": ["given_name"], "values": ["Ada"] }, { "path": ["nationalities", 1] }]), json!({}));
    let shown = |claims: Value| vec![("q", vec![Candidate { claims, ..person() }])];
    // Position 1 of the credential is position 0 of what was disclosed.
    let good = || json!({ "given_name": "Ada", "nationalities": ["XX"] });
    assert_eq!(response(&asked, shown(good())), Ok(()));
    assert_eq!(response(&asked, shown(json!({ "given_name": "Ada" }))), Err(ResponseError::Claims("q".to_owned())));
    let other = json!({ "given_name": "Eve", "nationalities": ["XX"] });
    assert_eq!(response(&asked, shown(other)), Err(ResponseError::Claims("q".to_owned())));
    assert_eq!(response(&asked, vec![]), Err(ResponseError::Incomplete));
    assert_eq!(response(&asked, vec![("x", vec![person()])]), Err(ResponseError::NotAsked("x".to_owned())));
    for list in [vec![], vec![person(), person()]] {
        let expected = ResponseError::Count { query_id: "q".to_owned(), found: list.len() };
        assert_eq!(response(&asked, vec![("q", list)]), Err(expected));
    }
    let other_type = Candidate { types: vec!["x".to_owned()], ..person() };
    assert_eq!(response(&asked, vec![("q", vec![other_type])]), Err(ResponseError::OtherType("q".to_owned())));
    let unbound = Candidate { holder_bound: false, ..person() };
    assert_eq!(response(&asked, vec![("q", vec![unbound])]), Err(ResponseError::NotBound("q".to_owned())));
    let aki = json!({ "trusted_authorities": [{ "type": "aki", "values": ["AAAA"] }] });
    let asked = one(json!([{ "path": ["age"] }]), aki);
    assert_eq!(response(&asked, vec![("q", vec![person()])]), Err(ResponseError::OtherAuthority("q".to_owned())));
}

#[test]
fn response_needs_the_required_sets() {
    let asked = sets(json!([{ "options": [["a"], ["b", "c"]] }, { "required": false, "options": [["d"]] }]));
    let shown = |ids: &[&'static str]| ids.iter().map(|id| (*id, vec![candidate(id, &[id], json!({}))])).collect();
    for (ids, expected) in [
        (&["a"][..], Ok(())),
        (&["b", "c"], Ok(())),
        (&["b", "c", "d"], Ok(())),
        (&["a", "d"], Ok(())),
        (&["a", "b"], Err(ResponseError::Surplus("b".to_owned()))),
        (&["b", "d"], Err(ResponseError::Incomplete)),
        (&["d"], Err(ResponseError::Incomplete)),
    ] {
        assert_eq!(response(&asked, shown(ids)), expected, "{ids:?}");
    }
}

/// A verifier must not point to one claim twice; a wallet that meets it reads the first only (section 6.1).
#[test]
fn one_claim_twice() {
    let twice = || json!([{ "path": ["age"], "values": [36] }, { "path": ["age"], "values": [7] }]);
    check(twice(), json!({}), Some(json!([["age"]])));
    assert_eq!(one(twice(), json!({})).check_own(), Err(DcqlError::SameClaimTwice("q".to_owned())));
    assert_eq!(one(json!([{ "path": ["age"] }, { "path": ["member"] }]), json!({})).check_own(), Ok(()));
}

/// Any JSON a stranger may send as a query: never a panic, and what is accepted is written and read back the same.
fn any_json() -> impl proptest::strategy::Strategy<Value = Value> {
    use proptest::prelude::*;
    let names = prop::sample::select(vec![
        "credentials",
        "id",
        "format",
        "meta",
        "vct_values",
        "claims",
        "path",
        "values",
        "claim_sets",
        "credential_sets",
        "options",
        "required",
        "multiple",
        "trusted_authorities",
        "type",
        "doctype_value",
    ]);
    let texts = prop::sample::select(vec!["a", "b", "dc+sd-jwt", "mso_mdoc", "aki", ""]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-2i64..5).prop_map(Value::from),
        texts.prop_map(Value::from)
    ];
    leaf.prop_recursive(5, 40, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((names.clone(), inner), 0..6)
                .prop_map(|members| members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()),
        ]
    })
}

proptest::proptest! {
    #[test]
    fn never_panics(value in any_json(), credential in any_json(), bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..100)) {
        let _ = Query::parse(&bytes);
        let mut wrapped = json!({ "credentials": [{ "id": "q", "format": "dc+sd-jwt", "meta": { "vct_values": ["t"] } }] });
        if let (Some(into), Some(from)) = (wrapped["credentials"][0].as_object_mut(), credential.as_object()) {
            into.extend(from.clone());
        }
        for value in [value, wrapped] {
            if let Ok(query) = Query::from_value(&value) {
                assert_eq!(Query::from_value(&query.to_value()), Ok(query.clone()));
                let _ = select(&query, &[person(), Candidate::default()]);
                let _ = check_response(&query, &BTreeMap::from([("q".to_owned(), vec![person()])]));
            }
        }
    }

    /// Whatever the wallet selects, the verifier accepts when all claims are shown.
    #[test]
    fn selected_is_accepted(held in proptest::collection::vec(0usize..4, 0..6), options in proptest::collection::vec((proptest::collection::vec(proptest::collection::vec(0usize..4, 1..4), 1..4), proptest::bool::ANY), 1..4)) {
        let names = ["a", "b", "c", "d"];
        let list: Vec<Value> = options.iter().map(|(options, required)| json!({ "required": required,
            "options": options.iter().map(|option| option.iter().map(|at| names[*at]).collect::<Vec<_>>()).collect::<Vec<_>>() })).collect();
        let asked = sets(json!(list));
        let candidates: Vec<Candidate> = held.iter().map(|at| candidate(names[*at], &[names[*at]], json!({}))).collect();
        match select(&asked, &candidates) {
            Ok(selection) => {
                let presented = selection.answers.iter().map(|answer| {
                    let chosen = &answer.choices[0].candidate;
                    (answer.query_id.clone(), vec![candidates.iter().find(|candidate| candidate.id == *chosen).unwrap().clone()])
                });
                assert_eq!(check_response(&asked, &presented.collect()), Ok(()));
            }
            Err(_) => {
                // No wallet could do better: showing everything held is not enough either.
                let all = candidates.iter().map(|candidate| (candidate.id.clone(), vec![candidate.clone()])).collect();
                assert_eq!(check_response(&asked, &all), Err(ResponseError::Incomplete));
            }
        }
    }
}
