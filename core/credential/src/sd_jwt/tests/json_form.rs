//! The JSON form says the same as the compact one.

use super::*;
use crate::sd_jwt::json_form::{JsonFormError, to_compact};

/// A compact SD-JWT in flattened JSON form.
fn flattened(text: &str) -> Value {
    let parts: Vec<&str> = text.split('~').collect();
    let (disclosures, key_binding) = (&parts[1..parts.len() - 1], parts[parts.len() - 1]);
    let jwt: Vec<&str> = parts[0].split('.').collect();
    let mut header = json!({ "disclosures": disclosures, "kid": "not protected" });
    if !key_binding.is_empty() {
        header["kb_jwt"] = json!(key_binding);
    }
    json!({ "payload": jwt[1], "protected": jwt[0], "signature": jwt[2], "header": header })
}

fn general(mut flattened: Value) -> Value {
    let payload = flattened.as_object_mut().unwrap().remove("payload").unwrap();
    json!({ "payload": payload, "signatures": [flattened] })
}

#[test]
fn both_forms_are_read() {
    let world = world("json");
    let issued = world.issue(&claims(), None);
    let presented = held(&world).present(&paths(json!([["sex"]])), &binding(), &world.holder).unwrap();
    for json in [flattened(&issued), general(flattened(&issued))] {
        assert_eq!(to_compact(json.to_string().as_bytes()).unwrap(), issued);
        let received = Received::parse_json(json.to_string().as_bytes()).unwrap();
        received.authenticate(&world.anchors(), now()).unwrap();
        let unbound = Presentation::parse_json(json.to_string().as_bytes());
        assert!(matches!(unbound, Err(Error::NoKeyBinding)));
    }
    for json in [flattened(&presented), general(flattened(&presented))] {
        let presentation = Presentation::parse_json(json.to_string().as_bytes()).unwrap();
        let (_, bound) = presentation.authenticate(&world.anchors(), now(), &rules()).unwrap();
        assert_eq!(bound.claims()["nonce"], NONCE);
        let bound = Received::parse_json(json.to_string().as_bytes());
        assert!(matches!(bound, Err(Error::KeyBindingFromIssuer)));
    }
    // One disclosure less is not what the holder signed.
    let mut fewer = flattened(&presented);
    fewer["header"]["disclosures"] = json!([]);
    let fewer = Presentation::parse_json(fewer.to_string().as_bytes()).unwrap();
    assert!(matches!(fewer.authenticate(&world.anchors(), now(), &rules()), Err(Error::SdHash)));
}

#[test]
fn refuses() {
    let world = world("json refused");
    let text = held(&world).present(&paths(json!([["sex"]])), &binding(), &world.holder).unwrap();
    let check = |change: &dyn Fn(&mut Value), expected: JsonFormError| {
        let mut json = flattened(&text);
        change(&mut json);
        assert_eq!(to_compact(json.to_string().as_bytes()).unwrap_err(), expected, "{json}");
    };
    let member = JsonFormError::Member;
    for name in ["payload", "protected", "signature"] {
        check(&|json| drop(json.as_object_mut().unwrap().remove(name)), member(name));
        check(&|json| json[name] = json!(1), member(name));
        check(&|json| json[name] = json!("a~b"), member(name));
        check(&|json| json[name] = json!("a.b"), member(name));
    }
    check(&|json| json["header"] = json!([]), member("header"));
    check(&|json| json["header"]["disclosures"] = json!("x"), member("disclosures"));
    check(&|json| json["header"]["disclosures"][0] = json!(1), member("disclosures"));
    check(&|json| json["header"]["disclosures"][0] = json!("a~b"), member("disclosures"));
    check(&|json| json["header"]["kb_jwt"] = json!(""), member("kb_jwt"));
    check(&|json| json["header"]["kb_jwt"] = json!("~a.b.c"), member("kb_jwt"));
    check(&|json| json["header"]["kb_jwt"] = json!(null), member("kb_jwt"));
    check(&|json| json["header"]["crit"] = json!([]), JsonFormError::Critical);
    check(&|json| json["header"]["typ"] = json!("x"), JsonFormError::HeaderTwice("typ".to_owned()));
    check(&|json| json["header"]["disclosures"] = json!(vec!["a"; 1001]), JsonFormError::TooManyDisclosures(1001));
    check(&|json| json["signatures"] = json!([]), JsonFormError::Mixed);
    check(&|json| *json = general(json.take())["signatures"].take(), JsonFormError::Json(json::JsonError::NotAnObject));
    check(
        &|json| {
            *json = general(json.take());
            json["signatures"] = json!([]);
        },
        JsonFormError::Signatures(0),
    );
    check(
        &|json| {
            *json = general(json.take());
            let first = json["signatures"][0].clone();
            json["signatures"].as_array_mut().unwrap().push(first);
        },
        JsonFormError::Signatures(2),
    );
    check(
        &|json| {
            *json = general(json.take());
            json["signatures"] = json!({});
        },
        member("signatures"),
    );
    assert!(matches!(to_compact(b"{\"payload\":\"a\",\"payload\":\"b\"}"), Err(JsonFormError::Json(_))));
}
