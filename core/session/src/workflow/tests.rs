use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::edit::{EditError, Operation};
use super::engine::{Evidence, Finding, STATUS_RULE_RISK, Step, Walk, ab_bucket, walk};
use super::flat::{FlatFeature, NotFlat, from_features, from_switches};
use super::graph::{Action, Ending, MAX_NODES, NotADraft};
use super::ready::{FIRST_VERIFICATION, READY, REUSABLE_KYC, Ready};
use super::validate::check;
use super::{Draft, Feature, Graph, Kind, NodeId};
use crate::decision::LogType;
use crate::status::{FeatureStatus, Status};

/// The graph of the v3 session API's own pages, with an action and a webhook on the way to review.
fn example() -> Value {
    json!({"start_node": "n1", "nodes": {
        "n1": {"node_type": "feature", "feature": "OCR", "config": {"minimum_age": 18}, "next": "b1"},
        "b1": {"node_type": "branch", "branches": [
            {"id": "bad", "logic": "or", "goto": "s0", "rules": [
                {"field": "kyc.status", "operator": "equals", "value": "Declined"}]},
            {"id": "odd", "logic": "and", "goto": "a1", "rules": [
                {"field": "kyc.issuing_state", "operator": "in", "value": ["UTO", "ZZZ"]},
                {"field": "session.ab_bucket", "operator": "less_than", "value": 50}]},
            {"id": "else", "logic": "and", "rules": [], "goto": "n2"}]},
        "a1": {"node_type": "action", "action": "ADD_TAG", "config": {"tag": "specimen"}, "next": "w1"},
        "w1": {"node_type": "webhook", "next": "s2"},
        "n2": {"node_type": "feature", "feature": "LIVENESS", "config": {"face_liveness_method": "PASSIVE"},
            "status_rules": [{"field": "score", "operator": "less_than", "value": 40, "status": "Declined"}],
            "next": "s1"},
        "s0": {"node_type": "status", "session_status": "Declined"},
        "s1": {"node_type": "status", "session_status": "Determine"},
        "s2": {"node_type": "status", "session_status": "In Review"}}})
}

fn draft(value: Value) -> Draft {
    Draft::try_from(value).unwrap()
}

fn graph(value: Value) -> Graph {
    check(&draft(value), Kind::Kyc).unwrap()
}

fn id(text: &str) -> NodeId {
    text.parse().unwrap()
}

fn finding(status: FeatureStatus, facts: Value) -> Finding {
    Finding { status, facts: facts.as_object().unwrap().clone() }
}

/// Evidence of the session with this bucket.
fn bucket(bucket: u8) -> Evidence {
    Evidence { session: Map::from_iter([("ab_bucket".to_owned(), bucket.into())]), ..Evidence::default() }
}

fn path<'a>(walk: &Walk<'a>) -> Vec<&'a str> {
    walk.passed.iter().map(|node| node.as_str()).collect()
}

mod engine {
    use super::*;

    #[test]
    fn follows_the_example() {
        let graph = graph(example());
        let mut evidence = bucket(49);
        let first = walk(&graph, &evidence);
        assert!(
            matches!(first.step, Step::Ask { node, feature } if *node == id("n1") && feature.feature == Feature::Ocr)
        );
        assert_eq!(first.status(), None);

        evidence.findings.insert(id("n1"), finding(FeatureStatus::NotFinished, json!({})));
        assert!(matches!(walk(&graph, &evidence).step, Step::Ask { node, .. } if *node == id("n1")), "asked again");

        evidence.findings.insert(id("n1"), finding(FeatureStatus::Approved, json!({"issuing_state": "UTO"})));
        let action = walk(&graph, &evidence);
        assert_eq!(action.step, Step::Run { node: &id("a1"), action: &Action::AddTag { tag: "specimen".into() } });
        evidence.carried_out.insert(id("a1"));
        assert!(matches!(walk(&graph, &evidence).step, Step::Call { node, .. } if *node == id("w1")));
        evidence.carried_out.insert(id("w1"));
        let end = walk(&graph, &evidence);
        assert_eq!(end.status(), Some(Status::InReview));
        assert_eq!(path(&end), ["n1", "b1", "a1", "w1"]);

        // The other half of the people.
        let other = Evidence { findings: evidence.findings.clone(), ..bucket(50) };
        assert!(matches!(walk(&graph, &other).step, Step::Ask { node, .. } if *node == id("n2")));
        // An early end.
        let mut declined = bucket(0);
        declined.findings.insert(id("n1"), finding(FeatureStatus::Declined, json!({"issuing_state": "UTO"})));
        assert_eq!(walk(&graph, &declined).status(), Some(Status::Declined));
    }

    #[test]
    fn status_rules_make_it_worse_and_never_better() {
        let graph = graph(example());
        let with = |status, score: Value| {
            let mut evidence = bucket(99);
            evidence.findings.insert(id("n1"), finding(FeatureStatus::Approved, json!({})));
            evidence.findings.insert(id("n2"), finding(status, json!({ "score": score })));
            let walked = walk(&graph, &evidence);
            let warnings: Vec<_> = walked.triggered.iter().map(|triggered| triggered.warning()).collect();
            (walked.status().unwrap(), warnings)
        };
        assert_eq!(with(FeatureStatus::Approved, json!(40)), (Status::Approved, vec![]));
        assert_eq!(with(FeatureStatus::InReview, json!(40)), (Status::InReview, vec![]));
        assert_eq!(with(FeatureStatus::Approved, json!("10")).0, Status::Approved, "another type matches nothing");
        let (status, warnings) = with(FeatureStatus::Approved, json!(39.5));
        assert_eq!(status, Status::Declined);
        assert_eq!((warnings[0].risk.as_str(), warnings[0].log_type), (STATUS_RULE_RISK, LogType::Error));
        assert_eq!(warnings[0].node_id.as_deref(), Some("n2"));
        assert_eq!(
            warnings[0].additional_data,
            Some(json!({"field": "liveness.score", "operator": "less_than", "rule_value": 40, "actual_value": 39.5,
                "target_status": "Declined"}))
        );
    }

    /// What a feature finds later does not turn a branch that was passed before it.
    #[test]
    fn later_evidence_turns_no_earlier_branch() {
        let graph = graph(json!({"start_node": "a", "nodes": {
            "a": {"node_type": "feature", "feature": "OCR", "next": "b"},
            "b": {"node_type": "branch", "branches": [
                {"id": "old", "rules": [{"field": "kyc.age", "operator": "greater_than", "value": 30}], "goto": "end"},
                {"id": "else", "rules": [], "goto": "again"}]},
            "again": {"node_type": "feature", "feature": "OCR", "next": "c"},
            "c": {"node_type": "branch", "branches": [
                {"id": "same", "goto": "review", "rules": [
                    {"field": "nodes.a.age", "operator": "equals", "value": 20},
                    {"field": "kyc.age", "operator": "equals", "value": 40}]},
                {"id": "else", "rules": [], "goto": "end"}]},
            "review": {"node_type": "status", "session_status": "In Review"},
            "end": {"node_type": "status", "session_status": "Determine"}}}));
        let mut evidence = Evidence::default();
        evidence.findings.insert(id("a"), finding(FeatureStatus::Approved, json!({"age": 20})));
        assert!(matches!(walk(&graph, &evidence).step, Step::Ask { node, .. } if *node == id("again")));
        evidence.findings.insert(id("again"), finding(FeatureStatus::Approved, json!({"age": 40})));
        let walked = walk(&graph, &evidence);
        assert_eq!(path(&walked), ["a", "b", "again", "c"]);
        assert_eq!(walked.status(), Some(Status::InReview), "each node keeps what it found");
    }

    #[test]
    fn determined_by_the_worst() {
        let graph = check(&FIRST_VERIFICATION.draft(), Kind::Kyc).unwrap();
        use FeatureStatus::{Approved, Declined, Expired, InReview};
        for (statuses, expected) in [
            ([Approved, Approved, Approved], Status::Approved),
            ([Approved, InReview, Approved], Status::InReview),
            ([InReview, Approved, Declined], Status::Declined),
            ([Expired, InReview, Approved], Status::Declined),
        ] {
            let mut evidence = Evidence::of("x");
            for (node, status) in ["n1", "n2", "n3"].into_iter().zip(statuses) {
                evidence.findings.insert(id(node), finding(status, json!({})));
            }
            assert_eq!(walk(&graph, &evidence).status(), Some(expected), "{statuses:?}");
        }
    }

    #[test]
    fn buckets_are_stable_and_even() {
        // Changing these would move people from one arm of a running test to the other.
        assert_eq!([ab_bucket("a"), ab_bucket("b"), ab_bucket("session-1")], BUCKETS);
        let mut counts = [0_u32; 100];
        (0..20_000).for_each(|i| counts[usize::from(ab_bucket(&format!("seed {i}")))] += 1);
        assert!(counts.iter().all(|count| (120..=280).contains(count)), "{counts:?}");
        assert_eq!(Evidence::of("a").session["ab_bucket"], BUCKETS[0]);
    }

    const BUCKETS: [u8; 3] = [89, 42, 90];
}

mod validation {
    use super::*;

    /// The problems of the example after a change, as `node field code`.
    fn problems(change: impl FnOnce(&mut Value)) -> Vec<String> {
        let mut value = example();
        change(&mut value);
        of(value, Kind::Kyc)
    }

    fn of(value: Value, kind: Kind) -> Vec<String> {
        let Err(problems) = check(&draft(value), kind) else { return Vec::new() };
        assert!(!problems.is_empty());
        let wire = |problem| serde_json::to_value(problem).unwrap();
        let line = |wire: Value| {
            assert!(!wire["message"].as_str().unwrap().is_empty());
            let text = |name: &str| wire[name].as_str().unwrap_or("-").to_owned();
            format!("{} {} {}", text("node_id"), text("field"), text("code"))
        };
        problems.iter().map(wire).map(line).collect()
    }

    /// Exactly this is wrong, but for what can no longer be reached because of it.
    #[track_caller]
    fn one(expected: &str, change: impl FnOnce(&mut Value)) {
        let mut found = problems(change);
        found.retain(|problem| problem == expected || !problem.ends_with(" unreachable"));
        assert_eq!(found, [expected]);
    }

    #[test]
    fn the_example_has_none() {
        assert_eq!(problems(|_| ()), Vec::<String>::new());
        for ready in READY {
            let graph = check(&ready.draft(), ready.kind).unwrap();
            let features: Vec<_> = graph.flat().unwrap().into_iter().map(|flat| flat.feature).collect();
            assert_eq!(features, ready.features);
            assert_eq!(Ready::named(ready.name), Some(ready));
        }
        assert_eq!(Ready::named("wf_other"), None);
        assert!(check(&REUSABLE_KYC.draft(), Kind::Kyc).is_err(), "a face match needs something to match");
    }

    #[test]
    fn each_rule_by_node_and_field() {
        let branch = |value: &mut Value| value["nodes"]["b1"]["branches"].take();
        one("- start_node missing", |g| g["start_node"] = json!(null));
        one("- start_node dangling", |g| g["start_node"] = json!("n9"));
        one("- start_node bad_node_id", |g| g["start_node"] = json!("n 1"));
        one("n1 feature unknown_word", |g| g["nodes"]["n1"]["feature"] = json!("OCX"));
        one("n2 next no_exit", |g| g["nodes"]["n2"]["next"] = json!(null));
        one("n2 next dangling", |g| g["nodes"]["n2"]["next"] = json!("nowhere"));
        one("n2 next bad_node_id", |g| g["nodes"]["n2"]["next"] = json!("no where"));
        one("n2 config missing", |g| g["nodes"]["n2"]["config"] = json!([]));
        one("n2 label missing", |g| g["nodes"]["n2"]["label"] = json!(7));
        one("n1 config.minimum_age bad_setting", |g| g["nodes"]["n1"]["config"]["minimum_age"] = json!(400));
        one("n1 config.maximum_age thresholds_reversed", |g| g["nodes"]["n1"]["config"]["maximum_age"] = json!(17));
        one("n2 status_rules[0].status unknown_word", |g| {
            g["nodes"]["n2"]["status_rules"][0]["status"] = json!("Approved");
        });
        one("n2 status_rules[0].operator unknown_operator", |g| {
            g["nodes"]["n2"]["status_rules"][0]["operator"] = json!("below");
        });
        one("n2 status_rules too_many", |g| {
            let rule = g["nodes"]["n2"]["status_rules"][0].clone();
            g["nodes"]["n2"]["status_rules"] = json!(vec![rule; 21]);
        });
        one("s1 session_status unknown_word", |g| g["nodes"]["s1"]["session_status"] = json!("Expired"));
        one("a1 action unknown_word", |g| g["nodes"]["a1"]["action"] = json!("DELETE_ALL"));
        one("a1 config.tag missing", |g| g["nodes"]["a1"]["config"] = json!({}));
        one("w1 config.destination missing", |g| {
            g["nodes"]["w1"]["config"] = json!({"destination": "http://10.0.0.1"})
        });
        one("w1 node_type unknown_word", |g| g["nodes"]["w1"]["node_type"] = json!("http"));
        one("b1 branches[0].goto dangling", |g| g["nodes"]["b1"]["branches"][0]["goto"] = json!("zz"));
        one("b1 branches[0].logic unknown_word", |g| g["nodes"]["b1"]["branches"][0]["logic"] = json!("xor"));
        one("b1 branches[1].id duplicate", |g| g["nodes"]["b1"]["branches"][1]["id"] = json!("bad"));
        one("b1 branches[0].rules else_not_last", |g| g["nodes"]["b1"]["branches"][0]["rules"] = json!([]));
        one("b1 branches no_else", |g| {
            let rules = g["nodes"]["b1"]["branches"][0]["rules"].clone();
            g["nodes"]["b1"]["branches"][2]["rules"] = rules;
        });
        one("b1 branches[0].rules[0].operator unknown_operator", |g| {
            g["nodes"]["b1"]["branches"][0]["rules"][0]["operator"] = json!("like");
        });
        one("b1 branches[0].rules[0].field unknown_field", |g| {
            g["nodes"]["b1"]["branches"][0]["rules"][0]["field"] = json!("kyk.status");
        });
        one("b1 branches[0].rules[0].field never_known", |g| {
            g["nodes"]["b1"]["branches"][0]["rules"][0]["field"] = json!("liveness.score");
        });
        one("b1 branches[0].rules[0].field not_before", |g| {
            g["nodes"]["b1"]["branches"][0]["rules"][0]["field"] = json!("nodes.n2.score");
        });
        one("b1 branches[1].rules[1].value bad_bucket", |g| {
            g["nodes"]["b1"]["branches"][1]["rules"][1]["value"] = json!(100);
        });
        one("b1 branches[0].rules[0].value bad_pattern", |g| {
            g["nodes"]["b1"]["branches"][0]["rules"][0] =
                json!({"field": "kyc.first_name", "operator": "regex", "value": "(a"});
        });
        one("lost  unreachable", |g| g["nodes"]["lost"] = json!({"node_type": "status", "session_status": "Declined"}));
        one("- nodes feature_needed", |g| {
            g["nodes"]["n1"]["feature"] = json!("LIVENESS");
            g["nodes"]["n1"]["config"] = json!({});
            branch(g);
            g["nodes"]["b1"] = json!({"node_type": "branch", "branches": [
                {"id": "x", "rules": [{"field": "session.ab_bucket", "operator": "equals", "value": 1}], "goto": "s0"},
                {"id": "y", "rules": [{"field": "session.ab_bucket", "operator": "equals", "value": 2}], "goto": "a1"},
                {"id": "else", "rules": [], "goto": "n2"}]});
        });
    }

    #[test]
    fn the_start_is_a_feature() {
        let found = of(
            json!({"start_node": "s", "nodes": {"s": {"node_type": "status", "session_status": "Approved"}}}),
            Kind::Kyc,
        );
        assert_eq!(found, ["- nodes feature_needed", "s node_type start_not_feature"]);
        assert_eq!(of(json!({}), Kind::Kyc), ["- start_node missing", "- nodes feature_needed"]);
    }

    #[test]
    fn everything_at_once() {
        let found = problems(|g| {
            g["nodes"]["n1"]["config"]["minimum_age"] = json!("old");
            g["nodes"]["b1"]["branches"][0]["goto"] = json!("zz");
            g["nodes"]["n2"]["status_rules"][0]["operator"] = json!("below");
            g["nodes"]["a b"] = json!({});
        });
        assert_eq!(
            found,
            [
                "a b  bad_node_id",
                "b1 branches[0].goto dangling",
                "n1 config.minimum_age bad_setting",
                "n2 status_rules[0].operator unknown_operator",
                "s0  unreachable",
            ]
        );
    }

    #[test]
    fn features_that_need_another_before_them() {
        let two_ways = |feature: &str, longer: &str| {
            json!({"start_node": "q", "nodes": {
                "q": {"node_type": "feature", "feature": "LIVENESS", "next": "b"},
                "b": {"node_type": "branch", "branches": [
                    {"id": "x", "rules": [{"field": "liveness.score", "operator": "less_than", "value": 1}], "goto": longer},
                    {"id": "else", "rules": [], "goto": "ocr"}]},
                "ocr": {"node_type": "feature", "feature": "OCR", "next": "f"},
                "f": {"node_type": "feature", "feature": feature, "next": "end"},
                "end": {"node_type": "status", "session_status": "Determine"}}})
        };
        for feature in ["FACE_MATCH", "NFC", "DATABASE_VALIDATION"] {
            assert_eq!(of(two_ways(feature, "f"), Kind::Kyc), ["f feature needs_before"], "around the document");
            assert!(of(two_ways(feature, "ocr"), Kind::Kyc).is_empty());
        }
        assert!(of(two_ways("FACE_MATCH", "f"), Kind::BiometricAuthentication).is_empty());
        assert_eq!(of(two_ways("NFC", "f"), Kind::BiometricAuthentication), ["f feature needs_before"]);
        let alone = json!({"start_node": "f", "nodes": {
            "f": {"node_type": "feature", "feature": "FACE_MATCH", "next": "end"},
            "end": {"node_type": "status", "session_status": "Determine"}}});
        assert_eq!(of(alone, Kind::BiometricAuthentication), ["- nodes feature_needed", "f feature needs_before"]);
    }

    #[test]
    fn what_is_behind_every_session() {
        let before = super::super::validate::always_before(&graph(example()));
        assert_eq!(before[&id("s1")].iter().copied().collect::<Vec<_>>(), [Feature::Ocr, Feature::Liveness]);
        assert_eq!(before[&id("s2")].iter().copied().collect::<Vec<_>>(), [Feature::Ocr]);
        assert!(before[&id("n1")].is_empty());
    }

    #[test]
    fn circles() {
        let found = problems(|g| g["nodes"]["n2"]["next"] = json!("b1"));
        assert_eq!(found, ["b1  cycle", "n2  cycle", "s1  unreachable"]);
        assert_eq!(problems(|g| g["nodes"]["n2"]["next"] = json!("n2")), ["n2  cycle", "s1  unreachable"]);
    }

    #[test]
    fn what_is_stored_is_read_again_and_not_without_its_sense() {
        let graph = graph(example());
        let text = serde_json::to_string(&graph).unwrap();
        assert_eq!(serde_json::from_str::<Graph>(&text).unwrap(), graph);
        // A setting out of today's range keeps nobody from walking what was published; a circle does.
        let mut value = example();
        value["nodes"]["n1"]["config"]["minimum_age"] = json!(400);
        assert!(serde_json::from_value::<Graph>(value.clone()).is_ok());
        value["nodes"]["n2"]["next"] = json!("n1");
        assert!(serde_json::from_value::<Graph>(value).is_err());
    }

    #[test]
    fn members_that_no_feature_has_are_named() {
        let mut value = example();
        value["nodes"]["n1"]["config"]["minimun_age_action"] = json!("DECLINE");
        value["unknown"] = json!(true);
        value["nodes"]["n1"]["position"] = json!({"x": 1, "y": 2});
        assert_eq!(graph(value).ignored(), [(id("n1"), "minimun_age_action".to_owned())]);
    }

    /// Everything is refused, or accepted, in a moment: were the time to grow with the number of ways, this would not end in years.
    #[test]
    fn hostile_sizes() {
        let status = json!({"node_type": "status", "session_status": "Determine"});
        let many: Map<String, Value> = (0..10_000).map(|i| (format!("n{i}"), json!({}))).collect();
        let many = json!({"start_node": "n0", "nodes": many});
        assert_eq!(Draft::try_from(many.clone()), Err(NotADraft::TooManyNodes(10_000)));
        assert!(Draft::from_json(&serde_json::to_vec(&many).unwrap()).is_err());
        assert!(matches!(Draft::from_json(&vec![b' '; 1 << 20]), Err(NotADraft::TooLarge)));
        let long = json!({"nodes": {"n": {"label": "x".repeat(300_000)}}});
        assert!(matches!(Draft::try_from(long), Err(NotADraft::TooLarge)));
        let deep = format!("{{\"nodes\":{}1{}}}", "{\"a\":".repeat(20_000), "}".repeat(20_000));
        assert!(Draft::from_json(deep.as_bytes()).is_err());

        // 2 to the power of 66 ways: two nodes wide, 66 long; then the same with every exit going back to the start.
        let diamonds = |back: bool| {
            let mut nodes = Map::new();
            let exit = |i: usize| if i == 66 { "end".to_owned() } else { format!("b{i}") };
            for i in 0..66 {
                let rule = json!({"field": "session.ab_bucket", "operator": "equals", "value": i});
                let goto = |side: &str| format!("{side}{i}");
                nodes.insert(
                    exit(i),
                    json!({"node_type": "branch", "branches": [
                    {"id": "l", "rules": [rule], "goto": goto("l")}, {"id": "else", "rules": [], "goto": goto("r")}]}),
                );
                for side in ["l", "r"] {
                    let next = if back { "start".to_owned() } else { exit(i + 1) };
                    nodes.insert(goto(side), json!({"node_type": "feature", "feature": "AML", "next": next}));
                }
            }
            nodes.insert("start".into(), json!({"node_type": "feature", "feature": "OCR", "next": "b0"}));
            nodes.insert("end".into(), status.clone());
            assert_eq!(nodes.len(), MAX_NODES);
            json!({"start_node": "start", "nodes": nodes})
        };
        let wide = graph(diamonds(false));
        let mut evidence = bucket(3);
        loop {
            match walk(&wide, &evidence).step {
                Step::Ask { node, .. } => {
                    evidence.findings.insert(node.clone(), finding(FeatureStatus::Approved, json!({})));
                }
                Step::End { ending: Ending::Determine, .. } => break,
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(walk(&wide, &evidence).passed.len(), 1 + 2 * 66);
        assert!(of(diamonds(true), Kind::Kyc).iter().any(|problem| problem.ends_with("cycle")));

        // All nodes lead to 8 others.
        let tangled: Map<String, Value> = (0..MAX_NODES)
            .map(|i| {
                let branch = |j: usize| {
                    let mut branch = json!({"id": j.to_string(), "goto": format!("n{}", (i * 7 + j * 11) % MAX_NODES)});
                    if j < 7 {
                        branch["rules"] = json!([{"field": "kyc.status", "operator": "is_empty"}]);
                    }
                    branch
                };
                let node = json!({"node_type": "branch", "branches": (0..8).map(branch).collect::<Vec<_>>()});
                (format!("n{i}"), node)
            })
            .collect();
        let found = of(json!({"start_node": "n0", "nodes": tangled}), Kind::Kyc);
        assert!(found.iter().filter(|problem| problem.ends_with("cycle")).count() > 100);

        let patterns: Vec<_> = (0..20).map(|_| json!({"field": "kyc.a", "operator": "regex", "value": "a"})).collect();
        let mut nodes = Map::new();
        for i in 0..4 {
            nodes.insert(format!("b{i}"), json!({"node_type": "branch", "branches": [
                {"id": "x", "rules": patterns, "goto": "end"}, {"id": "else", "rules": [], "goto": format!("b{}", i + 1)}]}));
        }
        nodes.insert("b4".into(), status.clone());
        nodes.insert("end".into(), status);
        nodes.insert("o".into(), json!({"node_type": "feature", "feature": "OCR", "next": "b0"}));
        assert_eq!(of(json!({"start_node": "o", "nodes": nodes}), Kind::Kyc), ["b3  too_many"]);
    }
}

mod forms {
    use super::*;

    fn feature(feature: Feature, config: Value) -> FlatFeature {
        FlatFeature { feature, config: config.as_object().unwrap().clone(), label: None }
    }

    #[test]
    fn a_list_becomes_a_graph_and_a_list_again() {
        let features = [
            feature(Feature::Ocr, json!({"minimum_age": 18})),
            FlatFeature { label: Some("Selfie".into()), ..feature(Feature::Liveness, json!({})) },
            feature(Feature::FaceMatch, json!({"face_match_score_review_threshold": 70})),
        ];
        let list = check(&from_features(&features).unwrap(), Kind::Kyc).unwrap();
        assert_eq!(list.flat().unwrap(), features);
        assert_eq!(graph(example()).flat(), None);
        assert_eq!(from_features(&[]), Err(NotFlat::Empty));
        assert_eq!(from_features(&vec![features[0].clone(); 51]), Err(NotFlat::TooMany(51)));
        let read: FlatFeature = serde_json::from_value(json!({"feature": "LIVENESS", "new": 1})).unwrap();
        assert_eq!(read.feature, Feature::Liveness);
        assert!(serde_json::from_value::<FlatFeature>(json!({"feature": "liveness"})).is_err());
    }

    #[test]
    fn a_status_other_than_determined_is_no_list() {
        for change in [json!({"session_status": "Approved"}), json!({"session_status": "In Review"})] {
            let mut value = Value::from(FIRST_VERIFICATION.draft());
            value["nodes"]["end"]["session_status"] = change["session_status"].clone();
            assert_eq!(graph(value).flat(), None);
        }
        let mut value = Value::from(FIRST_VERIFICATION.draft());
        value["nodes"]["n2"]["status_rules"] =
            json!([{"field": "score", "operator": "less_than", "value": 1, "status": "In Review"}]);
        assert_eq!(graph(value).flat(), None, "a list has no status rules");
    }

    #[test]
    fn switches() {
        let workflow = json!({"workflow_label": "x", "is_liveness_enabled": true, "is_face_match_enabled": true, "is_aml_enabled": false,
            "face_liveness_method": "FLASHING", "face_match_score_decline_threshold": 50, "minimum_age": 21});
        let read = from_switches(workflow.as_object().unwrap(), Kind::Kyc).unwrap();
        assert_eq!(
            read,
            [
                feature(Feature::Ocr, json!({"minimum_age": 21})),
                feature(Feature::Liveness, json!({"face_liveness_method": "FLASHING"})),
                feature(Feature::FaceMatch, json!({"face_match_score_decline_threshold": 50})),
            ]
        );
        assert!(check(&from_features(&read).unwrap(), Kind::Kyc).is_ok());
        for kind in Kind::ALL {
            let own = from_switches(&Map::new(), *kind).unwrap();
            assert_eq!(own.iter().map(|flat| Some(flat.feature)).collect::<Vec<_>>(), [kind.feature()]);
        }
        let wrong = json!({"is_aml_enabled": "yes"});
        assert_eq!(from_switches(wrong.as_object().unwrap(), Kind::Kyc), Err(NotFlat::Switch("is_aml_enabled")));
    }

    fn operations(value: Value) -> Vec<Operation> {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn edits() {
        let edited = draft(example())
            .edited(&operations(json!([
                {"op": "set_node", "node_id": "f", "node": {"node_type": "feature", "feature": "FACE_MATCH", "next": "s1"}},
                {"op": "set_next", "node_id": "n2", "next": "f"},
                {"op": "merge_node_config", "node_id": "n1", "config": {"maximum_age": 90, "minimum_age": null}},
                {"op": "set_branches", "node_id": "b1", "branches": [{"id": "else", "goto": "n2"}]},
                {"op": "remove_node", "node_id": "s0"},
                {"op": "remove_node", "node_id": "a1"},
                {"op": "remove_node", "node_id": "w1"},
                {"op": "remove_node", "node_id": "s2"},
                {"op": "set_start", "node_id": "n1"},
            ])))
            .unwrap();
        let graph = check(&edited, Kind::Kyc).unwrap();
        let features: Vec<_> = graph.features().map(|(id, node)| (id.as_str(), node.feature)).collect();
        assert_eq!(features, [("f", Feature::FaceMatch), ("n1", Feature::Ocr), ("n2", Feature::Liveness)]);
        assert_eq!(graph.features().nth(1).unwrap().1.config, *json!({"maximum_age": 90}).as_object().unwrap());
    }

    #[test]
    fn edits_that_can_not_be_made() {
        for operation in [
            json!({"op": "remove_node", "node_id": "zz"}),
            json!({"op": "set_next", "node_id": "zz", "next": "n1"}),
            json!({"op": "set_branches", "node_id": "zz", "branches": []}),
            json!({"op": "set_start", "node_id": "zz"}),
            json!({"op": "merge_node_config", "node_id": "zz", "config": {}}),
        ] {
            let refused = draft(example()).edited(&operations(json!([operation])));
            assert_eq!(refused, Err(EditError::NoNode { at: 0, node: "zz".into() }));
        }
        let bad = operations(json!([{"op": "set_node", "node_id": "z z", "node": {}}]));
        assert!(matches!(draft(example()).edited(&bad), Err(EditError::Id { at: 0, .. })));
        let node = |i: usize| json!({"op": "set_node", "node_id": format!("x{i}"), "node": {}});
        let many = operations((0..300).map(node).collect());
        assert!(matches!(draft(example()).edited(&many), Err(EditError::Size(NotADraft::TooManyNodes(_)))));
        let many = operations((0..501).map(node).collect());
        assert_eq!(draft(example()).edited(&many), Err(EditError::TooMany(501)));
        assert!(serde_json::from_value::<Operation>(json!({"op": "drop_all"})).is_err());
    }
}

mod properties {
    use super::*;

    /// JSON that looks enough like a graph to be one now and then: few names, so that ways meet.
    fn node() -> impl Strategy<Value = Value> {
        let target = prop_oneof![9 => (0..8_u8).prop_map(|i| Value::from(format!("n{i}"))), 1 => Just(Value::Null)];
        let field = prop::sample::select(vec![
            "kyc.status",
            "kyc.x",
            "liveness.score",
            "session.ab_bucket",
            "nodes.n0.status",
            "bad",
        ]);
        let operator = prop::sample::select(
            super::super::rule::Operator::ALL.iter().map(|operator| operator.word()).chain(["bad"]).collect::<Vec<_>>(),
        );
        let value = prop_oneof![
            Just(json!(5)),
            Just(json!("Approved")),
            Just(json!(["Approved", 5])),
            Just(json!("2001-02-03")),
            Just(Value::Null)
        ];
        let rule = (field, operator, value)
            .prop_map(|(field, operator, value)| json!({"field": field, "operator": operator, "value": value, "status": "Declined"}));
        let rules = prop::collection::vec(rule, 0..3);
        let branch = (rules.clone(), target.clone()).prop_map(|(rules, goto)| json!({"rules": rules, "goto": goto}));
        let feature = prop::sample::select(vec!["OCR", "LIVENESS", "FACE_MATCH", "AML", "XX"]);
        prop_oneof![
            4 => (feature, rules, target.clone()).prop_map(|(feature, rules, next)|
                json!({"node_type": "feature", "feature": feature, "status_rules": rules, "next": next})),
            2 => (prop::collection::vec(branch, 0..3), target.clone()).prop_map(|(mut branches, goto)| {
                branches.push(json!({"goto": goto}));
                json!({"node_type": "branch", "branches": branches})
            }),
            1 => target.clone().prop_map(|next| json!({"node_type": "webhook", "next": next})),
            1 => target.prop_map(|next| json!({"node_type": "action", "action": "ADD_NOTE", "config": {"comment": "c"}, "next": next})),
            2 => prop::sample::select(vec!["Approved", "Declined", "Determine", "x"])
                .prop_map(|status| json!({"node_type": "status", "session_status": status})),
        ]
    }

    /// Nodes whose exits all lead onwards, so that many of them are sound.
    fn forward() -> impl Strategy<Value = Value> {
        prop::collection::vec((0..4_u8, 0..3_usize, 0..3_usize, 0..14_usize), 1..30).prop_map(|rows| {
            let last = rows.len();
            let name = |i: usize| if i >= last { "end".to_owned() } else { format!("n{i}") };
            let mut nodes = Map::new();
            for (i, (kind, near, far, operator)) in rows.iter().enumerate() {
                let (near, far) = (name(i + 1), name(i + 1 + near + far));
                let operator = super::super::rule::Operator::ALL[*operator];
                let value = match operator.word() {
                    "in" | "not_in" => json!(["Approved", 1]),
                    "regex" | "fuzzy_match" | "contains" | "not_contains" => json!("App"),
                    _ => json!(1),
                };
                let rule = json!({"field": "kyc.fact", "operator": operator, "value": value, "status": "In Review"});
                let node = match kind {
                    _ if i == 0 => {
                        json!({"node_type": "feature", "feature": "OCR", "status_rules": [rule], "next": near})
                    }
                    0 => json!({"node_type": "feature", "feature": "FACE_MATCH", "next": near}),
                    1 => json!({"node_type": "branch", "branches": [{"rules": [rule], "goto": far}, {"goto": near}]}),
                    2 => json!({"node_type": "webhook", "next": near}),
                    _ => json!({"node_type": "feature", "feature": "LIVENESS", "status_rules": [rule], "next": near}),
                };
                nodes.insert(name(i), node);
            }
            nodes.insert("end".into(), json!({"node_type": "status", "session_status": "Determine"}));
            json!({"start_node": "n0", "nodes": nodes})
        })
    }

    /// Answers every step until the end; each answer is `facts`.
    fn run(graph: &Graph, facts: &Value) -> Option<Status> {
        let mut evidence = Evidence::of("seed");
        for round in 0..=graph.nodes().len() {
            let walked = walk(graph, &evidence);
            assert_eq!(walked, walk(graph, &evidence), "the same evidence gives the same step");
            match walked.step {
                Step::Ask { node, .. } => {
                    let found = finding(FeatureStatus::Approved, json!({ "fact": facts }));
                    assert!(evidence.findings.insert(node.clone(), found).is_none(), "asked twice");
                }
                Step::Run { node, .. } | Step::Call { node, .. } => assert!(evidence.carried_out.insert(node.clone())),
                Step::End { .. } => {
                    walked.triggered.iter().for_each(|triggered| drop(triggered.warning()));
                    return walked.status();
                }
            }
            assert!(round < graph.nodes().len());
        }
        None
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            ".{0,20}".prop_map(Value::from),
            Just(json!("2001-02-03")),
        ];
        leaf.prop_recursive(3, 20, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map(
                    prop_oneof![Just("node_type".to_owned()), Just("nodes".to_owned()), "[a-z_]{1,8}"],
                    inner,
                    0..4
                )
                .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_accepted_ends(nodes in prop::collection::btree_map("n[0-7]", node(), 0..8), facts in any_json()) {
            let value = json!({"start_node": "n0", "nodes": nodes});
            for kind in [Kind::Kyc, Kind::BiometricAuthentication] {
                if let Ok(graph) = check(&draft(value.clone()), kind) {
                    prop_assert!(run(&graph, &facts).is_some());
                }
            }
            // What can be read from the store, can be walked to its end too.
            if let Ok(graph) = serde_json::from_value::<Graph>(value) {
                prop_assert!(run(&graph, &facts).is_some());
            }
        }

        #[test]
        fn what_only_leads_onwards_is_accepted_and_ends(value in forward(), facts in any_json()) {
            match check(&draft(value), Kind::Kyc) {
                Ok(graph) => prop_assert!(run(&graph, &facts).is_some()),
                Err(problems) => {
                    let far = problems.iter().all(|problem| {
                        ["bad_value", "unreachable"].contains(&problem.fault.code())
                    });
                    prop_assert!(far, "{problems:?}");
                }
            }
        }

        #[test]
        fn nothing_panics(value in any_json()) {
            if let Ok(draft) = Draft::try_from(json!({"start_node": "n0", "nodes": {"n0": value.clone()}})) {
                let _ = check(&draft, Kind::Kyc);
            }
            let _ = super::super::questionnaire::Questionnaire::try_from(json!({"title": "t", "form_elements": [value]}));
        }
    }
}
