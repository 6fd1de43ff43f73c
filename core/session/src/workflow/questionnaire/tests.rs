use serde_json::{Value, json};

use super::*;
use crate::status::FeatureStatus;

fn all_types() -> Value {
    let element = |kind: &ElementType| {
        let mut element = json!({"id": kind.word().to_lowercase(), "element_type": kind, "title": {"en": kind.word(), "ja": "日本語"}});
        if kind.has_choices() {
            element["choices"] = json!(["a", {"value": "b", "title": {"en": "B", "ja": "ビー"}}]);
        }
        if *kind == ElementType::RepeatableGroup {
            element["form_elements"] = json!([
                {"id": "name", "element_type": "SHORT_TEXT", "title": "Name", "is_required": true},
                {"id": "age", "element_type": "NUMBER", "title": "Age", "min": 0, "max": 120}]);
            element["max"] = json!(2);
        }
        element
    };
    json!({"title": {"en": "About you", "ja": "あなたについて"}, "default_language": "en", "languages": ["en", "ja"],
        "form_elements": ElementType::ALL.iter().map(element).collect::<Vec<_>>()})
}

fn read(value: Value) -> Questionnaire {
    Questionnaire::try_from(value).unwrap()
}

fn faults(value: Value) -> Vec<String> {
    let Err(NotAQuestionnaire(problems)) = Questionnaire::try_from(value) else { return Vec::new() };
    problems.into_iter().map(|problem| problem.field).collect()
}

#[test]
fn every_type_is_read_and_written() {
    assert_eq!(ElementType::ALL.len(), 20);
    let questionnaire = read(all_types());
    assert_eq!(questionnaire.elements().len(), 20);
    assert!(questionnaire.takes_files());
    assert_eq!(questionnaire.elements()[0].title.text("ja", "en"), "日本語");
    assert_eq!(questionnaire.elements()[0].title.text("fr", "en"), "SHORT_TEXT");
    let written = serde_json::to_value(&questionnaire).unwrap();
    assert_eq!(serde_json::from_value::<Questionnaire>(written).unwrap(), questionnaire);
}

#[test]
fn what_was_left_out_is_read_again() {
    let questionnaire = read(json!({"title": "T", "form_elements": [
        {"element_type": "SEPARATOR"}, {"element_type": "NUMBER", "title": "N"},
        {"element_type": "REPEATABLE_GROUP", "title": "G", "form_elements": [{"element_type": "SEPARATOR"}]}]}));
    let written = serde_json::to_value(&questionnaire).unwrap();
    assert_eq!(serde_json::from_value::<Questionnaire>(written).unwrap(), questionnaire);
}

#[test]
fn older_spellings() {
    let questionnaire = read(json!({"title": "T", "form_elements": [
        {"element_type": "single_choice", "label": "Which", "options": ["x", "y"], "is_required": true}]}));
    let element = &questionnaire.elements()[0];
    assert_eq!((element.id.as_str(), element.element_type), ("q1", ElementType::SingleChoice));
    assert_eq!(element.title.text("en", "en"), "Which");
    assert!(!questionnaire.takes_files());
}

#[test]
fn what_is_wrong_by_its_place() {
    let with = |change: fn(&mut Value)| {
        let mut value = all_types();
        change(&mut value);
        faults(value)
    };
    assert!(with(|_| ()).is_empty());
    assert_eq!(with(|q| q["title"] = json!("")), ["title"]);
    assert_eq!(with(|q| q["title"] = json!({"ja": "日本語"})), ["title"]);
    assert_eq!(with(|q| q["title"]["fr"] = json!("fr")), ["title"]);
    assert_eq!(with(|q| q["languages"] = json!(["ja"]))[0], "default_language");
    assert_eq!(with(|q| q["languages"] = json!(["en", "ja", "en"])), ["languages[2]"]);
    assert_eq!(with(|q| q["form_elements"] = json!([])), ["form_elements"]);
    assert_eq!(with(|q| q["form_elements"][0]["element_type"] = json!("TEXT")), ["form_elements[0].element_type"]);
    assert_eq!(with(|q| q["form_elements"][0]["id"] = json!("status")), ["form_elements[0].id"]);
    assert_eq!(with(|q| q["form_elements"][0]["id"] = json!("long_text")), ["form_elements[1].id"]);
    assert_eq!(with(|q| q["form_elements"][0]["is_required"] = json!("yes")), ["form_elements[0].is_required"]);
    assert_eq!(with(|q| q["form_elements"][3]["choices"] = json!([])), ["form_elements[3].choices"]);
    assert_eq!(with(|q| q["form_elements"][3]["choices"] = json!(["a", "a"])), ["form_elements[3].choices[1]"]);
    assert_eq!(with(|q| q["form_elements"][6]["min"] = json!("0")), ["form_elements[6].min"]);
    assert_eq!(
        with(|q| {
            q["form_elements"][6]["min"] = json!(2);
            q["form_elements"][6]["max"] = json!(1);
        }),
        ["form_elements[6].max"]
    );
    assert_eq!(with(|q| q["form_elements"][19]["max"] = json!(51)), ["form_elements[19].max"]);
    assert_eq!(with(|q| q["form_elements"][19]["form_elements"] = json!(7)), ["form_elements[19].form_elements"]);
    assert_eq!(
        with(|q| q["form_elements"][19]["form_elements"][0] =
            json!({"element_type": "REPEATABLE_GROUP", "title": "g", "form_elements": []})),
        ["form_elements[19].form_elements[0]"]
    );
    let many: Vec<_> = (0..201).map(|_| json!({"element_type": "SEPARATOR"})).collect();
    assert!(!faults(json!({"title": "T", "form_elements": many})).is_empty());
    assert!(Questionnaire::from_json(&vec![b' '; MAX_BYTES + 1]).is_err());
    assert!(Questionnaire::from_json(b"[]").is_err());
}

/// Asks one question and gives the answer that is taken, or the fault.
#[track_caller]
fn check(element: Value, given: Value, expected: Result<Value, AnswerFault>) {
    let mut element = element;
    element["id"] = json!("q");
    element["title"] = json!("Q");
    let questionnaire = read(json!({"title": "T", "form_elements": [element]}));
    let given = json!({ "q": given });
    let answer = questionnaire.answer(given.as_object().unwrap());
    let answer = answer.map(|answers| answers.values().get("q").cloned().unwrap_or(Value::Null));
    let answer = answer.map_err(|problems| {
        assert_eq!(problems.len(), 1);
        problems[0].fault.clone()
    });
    assert_eq!(answer, expected, "{given}");
}

#[test]
fn texts() {
    let short = || json!({"element_type": "SHORT_TEXT", "is_required": true, "max": 5});
    check(short(), json!(" abc "), Ok(json!("abc")));
    check(short(), json!("山田太郎様"), Ok(json!("山田太郎様")));
    check(short(), json!("abcdef"), Err(AnswerFault::TooLong(5)));
    check(short(), json!("a\nb"), Err(AnswerFault::NotAText));
    check(short(), json!("  "), Err(AnswerFault::Needed));
    check(short(), json!(null), Err(AnswerFault::Needed));
    check(short(), json!(5), Err(AnswerFault::NotAText));
    check(json!({"element_type": "SHORT_TEXT"}), json!(""), Ok(Value::Null));
    check(json!({"element_type": "LONG_TEXT"}), json!("a\nb"), Ok(json!("a\nb")));
    check(json!({"element_type": "LONG_TEXT"}), json!("a\u{0}b"), Err(AnswerFault::NotAText));
    check(json!({"element_type": "LONG_TEXT"}), json!("a".repeat(5001)), Err(AnswerFault::TooLong(5000)));
}

#[test]
fn choices() {
    let one = |kind: &str| json!({"element_type": kind, "choices": ["a", "b", "c"]});
    for kind in ["DROPDOWN", "SINGLE_CHOICE"] {
        check(one(kind), json!("a"), Ok(json!("a")));
        check(one(kind), json!("d"), Err(AnswerFault::NotAChoice));
        check(one(kind), json!(["a"]), Err(AnswerFault::NotAChoice));
    }
    let many = || one("MULTIPLE_CHOICE");
    check(many(), json!(["a", "c", "a"]), Ok(json!(["a", "c"])));
    check(many(), json!("b"), Ok(json!(["b"])));
    check(many(), json!(["a", "d"]), Err(AnswerFault::NotAChoice));
    check(many(), json!(["a", "a", "a", "a"]), Err(AnswerFault::NotAChoice));
    let mut needed = many();
    needed["is_required"] = json!(true);
    check(needed, json!([]), Err(AnswerFault::Needed));
}

#[test]
fn numbers_and_times() {
    let number = || json!({"element_type": "NUMBER", "min": -1, "max": 10});
    check(number(), json!(10), Ok(json!(10)));
    check(number(), json!(" 2.5 "), Ok(json!(2.5)));
    check(number(), json!("7"), Ok(json!(7)));
    check(number(), json!(10.01), Err(AnswerFault::OutOfRange));
    check(number(), json!(-2), Err(AnswerFault::OutOfRange));
    for wrong in [json!("ten"), json!("NaN"), json!("inf"), json!(true), json!([1])] {
        check(number(), wrong, Err(AnswerFault::NotANumber));
    }
    check(json!({"element_type": "TIME"}), json!("14:30"), Ok(json!("14:30:00")));
    for wrong in [json!("25:00"), json!("noon"), json!(14)] {
        check(json!({"element_type": "TIME"}), wrong, Err(AnswerFault::NotATime));
    }
    check(json!({"element_type": "DATE_PICKER"}), json!("2024-02-29"), Ok(json!("2024-02-29")));
    for wrong in [json!("2023-02-29"), json!("29.02.2024"), json!("20240229T0")] {
        check(json!({"element_type": "DATE_PICKER"}), wrong, Err(AnswerFault::NotADate));
    }
}

#[test]
fn ways_to_reach_someone() {
    check(json!({"element_type": "EMAIL"}), json!("a.b+c@example.co.jp"), Ok(json!("a.b+c@example.co.jp")));
    for wrong in
        ["a", "a@b", "@example.com", "a@@example.com", "a b@example.com", "a@-x.com", "a..b@example.com", "a@x..com"]
    {
        check(json!({"element_type": "EMAIL"}), json!(wrong), Err(AnswerFault::NotAnEmail));
    }
    check(json!({"element_type": "PHONE"}), json!("+81 3-1234-5678"), Ok(json!("+81312345678")));
    for wrong in ["0312345678", "+0312345678", "+123456", "+1234567890123456", "+12ab34567"] {
        check(json!({"element_type": "PHONE"}), json!(wrong), Err(AnswerFault::NotAPhone));
    }
    check(json!({"element_type": "COUNTRY"}), json!("JP"), Ok(json!("JP")));
    for wrong in ["ZZ", "jp", "JPN", "J"] {
        check(json!({"element_type": "COUNTRY"}), json!(wrong), Err(AnswerFault::NotACountry));
    }
    assert_eq!(answers::countries().count(), 249);
    let parts = json!({"street_1": " 1 Road ", "country": "UT"});
    check(json!({"element_type": "ADDRESS"}), parts, Ok(json!({"street_1": "1 Road", "country": "UT"})));
    check(json!({"element_type": "ADDRESS"}), json!("1 Road, Town"), Ok(json!("1 Road, Town")));
    for wrong in [json!({"planet": "x"}), json!({"city": 1}), json!({}), json!(7)] {
        check(json!({"element_type": "ADDRESS"}), wrong, Err(AnswerFault::NotAnAddress));
    }
}

#[test]
fn consent_is_given_or_not() {
    let needed = || json!({"element_type": "CONSENT", "is_required": true});
    check(needed(), json!(true), Ok(json!(true)));
    check(needed(), json!("on"), Ok(json!(true)));
    check(needed(), json!(false), Err(AnswerFault::Needed));
    check(needed(), json!("false"), Err(AnswerFault::NotABoolean));
    check(needed(), json!(null), Err(AnswerFault::Needed));
    check(needed(), json!("yes"), Err(AnswerFault::NotABoolean));
    check(json!({"element_type": "CONSENT"}), json!(false), Ok(json!(false)));
}

#[test]
fn files_are_named_not_carried() {
    for kind in ["IMAGE", "FILE_UPLOAD"] {
        check(json!({"element_type": kind}), json!("f-1"), Ok(json!(["f-1"])));
        check(json!({"element_type": kind}), json!(["f1", "f2"]), Ok(json!(["f1", "f2"])));
        for wrong in [json!("../etc"), json!(vec!["f"; 11]), json!({"file": "x"}), json!(["x".repeat(65)])] {
            check(json!({"element_type": kind}), wrong, Err(AnswerFault::NotFiles));
        }
    }
}

#[test]
fn groups() {
    let group = || {
        json!({"element_type": "REPEATABLE_GROUP", "is_required": true, "max": 2, "form_elements": [
            {"id": "name", "element_type": "SHORT_TEXT", "title": "N", "is_required": true}]})
    };
    check(group(), json!([{"name": "A"}, {"name": " B "}]), Ok(json!([{"name": "A"}, {"name": "B"}])));
    check(group(), json!([]), Err(AnswerFault::Entries { min: 1, max: 2 }));
    check(group(), json!(vec![json!({"name": "A"}); 3]), Err(AnswerFault::Entries { min: 1, max: 2 }));
    check(group(), json!([{}]), Err(AnswerFault::Needed));
    check(group(), json!([{"name": "A", "more": 1}]), Err(AnswerFault::NotAsked));
    check(group(), json!(["A"]), Err(AnswerFault::NotAList));
    check(group(), json!({"name": "A"}), Err(AnswerFault::NotAList));
}

#[test]
fn all_problems_at_once_by_their_element() {
    let questionnaire = read(all_types());
    let given = json!({"short_text": 1, "heading": "x", "zz": 1, "number": "x",
        "repeatable_group": [{"name": "A", "age": 200}, {}]});
    let problems = questionnaire.answer(given.as_object().unwrap()).unwrap_err();
    let mut places: Vec<_> = problems.iter().map(|problem| problem.element.as_str()).collect();
    places.sort_unstable();
    let expected = ["heading", "number", "repeatable_group[0].age", "repeatable_group[1].name", "short_text", "zz"];
    assert_eq!(places, expected);
}

#[test]
fn the_response_of_a_decision() {
    let questionnaire = read(json!({"title": {"en": "About you"}, "description": "Some questions", "form_elements": [
        {"id": "job", "element_type": "SHORT_TEXT", "title": "Job", "is_required": true},
        {"element_type": "SECTION_HEADER", "title": "Money"},
        {"element_type": "PARAGRAPH", "title": "Read this"},
        {"id": "pep", "element_type": "CONSENT", "title": "I hold no office"}]}));
    let answers = questionnaire.answer(json!({"job": "Baker", "pep": true}).as_object().unwrap()).unwrap();
    let about =
        About { node_id: "q", status: FeatureStatus::Approved, questionnaire_id: uuid::Uuid::nil(), version: 2 };
    let response = questionnaire.response(&answers, &about);
    assert_eq!(response["questionnaire_id"], "00000000-0000-0000-0000-000000000000");
    assert_eq!((&response["version"], &response["status"]), (&json!(2), &json!("Approved")));
    assert_eq!(response["sections"][0]["items"][0]["answer"], "Baker");
    assert_eq!(response["sections"][1]["title"], "Money");
    assert_eq!(
        response["sections"][1]["items"],
        json!([{"uuid": "pep", "element_type": "CONSENT", "title": "I hold no office",
        "is_required": false, "choices": [], "answer": true}])
    );
}

fn fields(texts: &[(&str, &str)]) -> form::Fields {
    let texts = texts.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
    form::Fields { texts, files: BTreeMap::new() }
}

#[test]
fn a_form_says_what_json_says() {
    let questionnaire = read(all_types());
    let mut sent = fields(&[
        ("short_text", " Anna "),
        ("multiple_choice[1]", "b"),
        ("number", "1.5"),
        ("address.city", "Kyoto"),
        ("address.country", "JP"),
        ("address.street_2", " "),
        ("consent", "on"),
        ("repeatable_group[0]", ""),
        ("repeatable_group[0].name", "A"),
        ("repeatable_group[0].age", ""),
        ("repeatable_group[1]", ""),
        ("repeatable_group[1].name", ""),
    ]);
    sent.files.insert("image".to_owned(), vec!["f1".to_owned()]);
    assert_eq!(sent.entries("repeatable_group"), 2);
    let answers = questionnaire.answer(&questionnaire.given(sent)).unwrap();
    let expected = json!({"short_text": "Anna", "multiple_choice": ["b"], "number": 1.5, "consent": true,
        "address": {"city": "Kyoto", "country": "JP"}, "repeatable_group": [{"name": "A"}], "image": ["f1"]});
    assert_eq!(Value::Object(answers.values().clone()), expected);
}

#[test]
fn a_form_can_not_say_more() {
    let questionnaire = read(all_types());
    let refused = |texts: &[(&str, &str)]| {
        let problems = questionnaire.answer(&questionnaire.given(fields(texts))).unwrap_err();
        problems.into_iter().map(|problem| (problem.element, problem.fault)).collect::<Vec<_>>()
    };
    let not_asked = |name: &str| vec![(name.to_owned(), AnswerFault::NotAsked)];
    assert_eq!(refused(&[("other", "x")]), not_asked("other"));
    assert_eq!(refused(&[("heading", "x")]), not_asked("heading"));
    assert_eq!(refused(&[("short_text[0]", "x")]), not_asked("short_text[0]"));
    assert_eq!(refused(&[("multiple_choice[2]", "a")]), not_asked("multiple_choice[2]"));
    assert_eq!(refused(&[("address.planet", "x")]), not_asked("address.planet"));
    assert_eq!(refused(&[("repeatable_group[50].name", "x")]), not_asked("repeatable_group[50].name"));
    assert_eq!(
        refused(&[("repeatable_group[0].name", "A"), ("repeatable_group[0].child.name", "x")]),
        not_asked("repeatable_group[0].child.name")
    );
    // The first entry is there though nothing is in it: the second one is meant as the second.
    assert_eq!(
        refused(&[("repeatable_group[1].name", "B")]),
        vec![("repeatable_group[0].name".to_owned(), AnswerFault::Needed)]
    );
}

#[test]
fn a_box_that_was_not_ticked_is_a_no() {
    let of = |required: bool| {
        let questionnaire = read(json!({"title": "T", "form_elements": [
            {"id": "agree", "element_type": "CONSENT", "title": "I agree", "is_required": required}]}));
        questionnaire.answer(&questionnaire.given(form::Fields::default())).map(|answers| answers.values().clone())
    };
    assert_eq!(Value::Object(of(false).unwrap()), json!({"agree": false}));
    assert_eq!(of(true).unwrap_err()[0].fault, AnswerFault::Needed);
}
