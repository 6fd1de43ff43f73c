//! What the OpenAPI 3.1 documents of all roles have in common, and what is asked of them.
//!
//! A role collects a document from its handlers; [`complete`] adds what the server itself does at every door, so that no
//! handler has to say it: keys, rates, sizes. [`faults`] and [`served`] are what the tests of the roles hold a document
//! against: the specification, and the router.
//!
//! Left out on purpose: a validation of the schemas beyond their references. They are made by a library, never by hand.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

/// Methods that a path can have.
const METHODS: [&str; 7] = ["get", "put", "post", "delete", "options", "head", "patch"];

/// The operations of a document, as (path, method, operation), in the order of the paths.
pub fn operations(document: &Value) -> impl Iterator<Item = (&str, &str, &Value)> {
    let paths = document["paths"].as_object().into_iter().flatten();
    paths.flat_map(|(path, item)| {
        METHODS.iter().filter_map(move |method| Some((path.as_str(), *method, item.get(*method)?)))
    })
}

/// What a `$ref` inside the document leads to.
#[must_use]
pub fn follow<'a>(document: &'a Value, value: &'a Value) -> Option<&'a Value> {
    match value.get("$ref") {
        None => Some(value),
        Some(target) => document.pointer(target.as_str()?.strip_prefix('#')?),
    }
}

/// Adds what every door answers by itself: 403 where a key is needed, 400, 413 and 415 where a body is taken, 400 where the
/// query says something, 429 and 500 always. What a handler says itself stays.
///
/// `refusal` is the schema of these answers. `keys` are the security schemes by name, each with its header and what it is;
/// the first one is needed wherever an operation does not say otherwise.
pub fn complete(document: &mut Value, refusal: &Value, keys: &[(&str, &str, &str)]) {
    let schemes = keys.iter().map(|(name, header, what)| {
        ((*name).to_owned(), json!({ "type": "apiKey", "in": "header", "name": header, "description": what }))
    });
    document["components"]["securitySchemes"] = Value::Object(schemes.collect());
    let said = |text: &str| json!({ "description": text, "content": { "application/json": { "schema": refusal } } });
    let limit = |text: &str| json!({ "description": text, "schema": { "type": "integer" } });
    let mut slow = said("Too many calls. Wait for as long as `Retry-After` says.");
    slow["headers"] = json!({
        "X-RateLimit-Limit": limit("Calls in a full bucket."),
        "X-RateLimit-Remaining": limit("Calls that are left."),
        "X-RateLimit-Reset": limit("When the bucket is full again, in Unix seconds."),
        "Retry-After": limit("Seconds until the next call is allowed."),
    });
    document["components"]["responses"] = json!({
        "BadRequest": said("Something in the request can not be right. The body names the field, or says what is wrong."),
        "Forbidden": said("The key is missing or wrong, or may not do this."),
        "TooLarge": said("The body is larger than this door takes."),
        "NotJson": said("The body is not `application/json`."),
        "TooManyRequests": slow,
        "Internal": said("Something failed on our side. Try again; the log has the reason."),
    });
    let first = keys.first().map(|(name, ..)| json!([{ *name: [] }]));
    for item in document["paths"].as_object_mut().into_iter().flat_map(Map::values_mut) {
        for method in METHODS {
            let Some(operation) = item.get_mut(method) else { continue };
            let security = operation["security"].as_array().cloned();
            // An empty alternative means that no key is needed.
            let open = security.as_ref().is_some_and(|all| all.iter().all(|one| *one == json!({})));
            match &first {
                _ if open => operation["security"] = json!([]),
                Some(first) if security.is_none() => operation["security"] = first.clone(),
                Some(_) | None => {}
            }
            let takes_body = operation.get("requestBody").is_some();
            let asks = |parameter: &Value| parameter["in"] == "query";
            let has_query = operation["parameters"].as_array().is_some_and(|all| all.iter().any(asks));
            let mut shared = vec![("429", "TooManyRequests"), ("500", "Internal")];
            if !open {
                shared.push(("403", "Forbidden"));
            }
            if takes_body || has_query {
                shared.push(("400", "BadRequest"));
            }
            if takes_body {
                shared.extend([("413", "TooLarge"), ("415", "NotJson")]);
            }
            if let Some(responses) = operation["responses"].as_object_mut() {
                for (status, name) in shared {
                    let reference = json!({ "$ref": format!("#/components/responses/{name}") });
                    responses.entry(status).or_insert(reference);
                }
                // By status, whatever order this build keeps members in.
                let sorted: BTreeMap<String, Value> = std::mem::take(responses).into_iter().collect();
                responses.extend(sorted);
            }
        }
    }
}

/// Describes the doors of the audit log ([`crate::audit::router`]), which are the same in every role, under the tag `audit`.
/// `security` says who may come in.
pub fn describe_audit(document: &mut Value, security: &Value) {
    let described: Value = serde_json::from_str(include_str!("openapi/audit.json")).unwrap_or_default();
    for (path, mut item) in described["paths"].as_object().cloned().unwrap_or_default() {
        item["get"]["security"] = security.clone();
        document["paths"][path] = item;
    }
    for (name, schema) in described["schemas"].as_object().cloned().unwrap_or_default() {
        document["components"]["schemas"][name] = schema;
    }
}

/// What is wrong with a document, by OpenAPI 3.1.0: members that must be there, references that lead nowhere, operations
/// without or with shared identifiers, without answers, without text, and path parameters that are not both in the path and
/// described. Components that nothing refers to are named too.
#[must_use]
pub fn faults(document: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    if document["openapi"].as_str().is_none_or(|version| !version.starts_with("3.1.")) {
        faults.push("openapi: not 3.1".to_owned());
    }
    for member in ["/info/title", "/info/version", "/paths"] {
        if document.pointer(member).is_none() {
            faults.push(format!("{member} is missing"));
        }
    }
    let mut references = BTreeSet::new();
    collect(document, &mut references);
    faults.extend(references.iter().filter_map(|target| {
        let found = target.strip_prefix('#').and_then(|pointer| document.pointer(pointer));
        found.is_none().then(|| format!("{target} leads nowhere"))
    }));
    for (kind, members) in document["components"].as_object().into_iter().flatten() {
        // Schemes are referred to by name.
        for name in
            members.as_object().into_iter().flatten().map(|(name, _)| name).filter(|_| kind != "securitySchemes")
        {
            if !references.contains(&format!("#/components/{kind}/{name}")) {
                faults.push(format!("components/{kind}/{name} is not used"));
            }
        }
    }
    let tags: BTreeSet<&str> =
        document["tags"].as_array().into_iter().flatten().filter_map(|tag| tag["name"].as_str()).collect();
    let mut ids = BTreeMap::new();
    for (path, method, operation) in operations(document) {
        let mut fault = |what: &str| faults.push(format!("{method} {path}: {what}"));
        match operation["operationId"].as_str() {
            None | Some("") => fault("no operationId"),
            Some(id) => {
                if let Some(other) = ids.insert(id.to_owned(), path) {
                    fault(&format!("operationId {id} is that of {other} too"));
                }
            }
        }
        if operation["summary"].as_str().is_none_or(str::is_empty) {
            fault("no summary");
        }
        for tag in operation["tags"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            if !tags.contains(tag) {
                fault(&format!("tag {tag} is not described"));
            }
        }
        let responses = operation["responses"].as_object();
        if responses.is_none_or(|all| !all.keys().any(|status| status.starts_with('2') || status.starts_with('3'))) {
            fault("no answer for success");
        }
        for (status, response) in responses.into_iter().flatten() {
            let response = follow(document, response).unwrap_or(response);
            if response["description"].as_str().is_none_or(str::is_empty) {
                fault(&format!("{status} is not described"));
            }
        }
        for scheme in operation["security"].as_array().into_iter().flatten().filter_map(Value::as_object) {
            for name in scheme.keys() {
                if document.pointer(&format!("/components/securitySchemes/{name}")).is_none() {
                    fault(&format!("security scheme {name} is not described"));
                }
            }
        }
        let named: BTreeSet<&str> = path.split('/').filter_map(|it| it.strip_prefix('{')?.strip_suffix('}')).collect();
        let described: BTreeSet<&str> = operation["parameters"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|parameter| parameter["in"] == "path" && parameter["required"] == true)
            .filter_map(|parameter| parameter["name"].as_str())
            .collect();
        if named != described {
            fault(&format!("the path has {named:?}, described are {described:?}"));
        }
    }
    faults
}

fn collect(value: &Value, references: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            if let Some(Value::String(target)) = members.get("$ref") {
                references.insert(target.clone());
            }
            members.values().for_each(|value| collect(value, references));
        }
        Value::Array(items) => items.iter().for_each(|value| collect(value, references)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Every path of a router with its methods, in lower case, as the router itself tells in its `Debug` form. For tests: axum has
/// no other way to ask. `HEAD`, which comes with every `GET`, is left out.
#[must_use]
pub fn served<S>(router: &axum::Router<S>) -> BTreeMap<String, BTreeSet<String>> {
    let text = format!("{router:?}");
    // Behind the doors stand those of whatever is not found.
    let text = text.split_once("fallback_router").map_or(text.as_str(), |(doors, _)| doors);
    // `paths: {RouteId(1): "/a", …}` and `RouteId(1): MethodRouter(MethodRouter { …, allow_header: Bytes(b"GET,HEAD") })`.
    let methods = |id: &str| -> BTreeSet<String> {
        let begin = text.find(&format!("{id}: MethodRouter(")).map_or("", |at| &text[at..]);
        let allowed = begin.split_once("allow_header: Bytes(b\"").map_or("", |(_, rest)| rest);
        let allowed = allowed.split('"').next().unwrap_or("").split(',');
        allowed.filter(|method| !method.is_empty() && *method != "HEAD").map(str::to_ascii_lowercase).collect()
    };
    let paths = text.split("RouteId(").skip(1).filter_map(|piece| {
        let (id, rest) = piece.split_once("): \"")?;
        id.bytes()
            .all(|byte| byte.is_ascii_digit())
            .then(|| (format!("RouteId({id})"), rest.split('"').next().unwrap_or("")))
    });
    paths.map(|(id, path)| (path.to_owned(), methods(&id))).collect()
}

/// What of `value` the schema does not allow: types, members that must be there, members that are not described, words that are
/// no choice. As much of JSON Schema as the documents use, for tests that hold real answers against them.
#[must_use]
pub fn mismatches(document: &Value, schema: &Value, value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    judge(document, schema, value, Part::Whole, "", &mut found);
    found
}

/// Whether a schema is all that is said of a value, or one of several that add up.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Whole,
    OneOfAll,
}

/// The members that a schema describes; `None` where others may be there.
fn described(document: &Value, schema: &Value) -> Option<BTreeSet<String>> {
    let schema = follow(document, schema)?;
    if schema.get("additionalProperties").is_some_and(|other| *other != json!(false)) {
        return None;
    }
    if let Some(parts) = schema["allOf"].as_array() {
        return parts.iter().map(|part| described(document, part)).try_fold(BTreeSet::new(), |mut all, part| {
            all.extend(part?);
            Some(all)
        });
    }
    Some(schema["properties"].as_object()?.keys().cloned().collect())
}

fn judge(document: &Value, schema: &Value, value: &Value, part: Part, at: &str, found: &mut Vec<String>) {
    let Some(schema) = follow(document, schema) else {
        found.push(format!("{at}: the schema leads nowhere"));
        return;
    };
    for schema in schema["allOf"].as_array().into_iter().flatten() {
        judge(document, schema, value, Part::OneOfAll, at, found);
    }
    for any in ["oneOf", "anyOf"] {
        if let Some(choices) = schema[any].as_array() {
            let why: Vec<_> = choices.iter().map(|choice| mismatches(document, choice, value)).collect();
            if !why.iter().any(Vec::is_empty) {
                found.push(format!("{at}: none of {any} fits {value}: {why:?}"));
            }
        }
    }
    let types: Vec<&str> = match &schema["type"] {
        Value::String(one) => vec![one],
        Value::Array(all) => all.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let is = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let whole = is == "integer" && types.contains(&"number");
    if !(types.is_empty() || whole || types.contains(&is)) {
        found.push(format!("{at}: {is} in place of {types:?}"));
    }
    if let Some(words) = schema["enum"].as_array().filter(|words| !words.contains(value)) {
        found.push(format!("{at}: {value} is none of {words:?}"));
    }
    if let Some(members) = value.as_object() {
        for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            if !members.contains_key(name) {
                found.push(format!("{at}/{name} is missing"));
            }
        }
        let known = described(document, schema).filter(|_| part == Part::Whole);
        for (name, member) in members {
            if known.as_ref().is_some_and(|known| !known.contains(name)) {
                found.push(format!("{at}/{name} is not described"));
            }
            if let Some(schema) = schema["properties"].get(name) {
                judge(document, schema, member, Part::Whole, &format!("{at}/{name}"), found);
            }
        }
    }
    if let (Some(items), Some(schema)) = (value.as_array(), schema.get("items")) {
        for (n, item) in items.iter().enumerate() {
            judge(document, schema, item, Part::Whole, &format!("{at}/{n}"), found);
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::routing::{get, post};

    use super::*;

    fn document() -> Value {
        json!({
            "openapi": "3.1.0",
            "info": { "title": "t", "version": "1" },
            "tags": [{ "name": "things" }],
            "paths": { "/things/{id}/": { "post": {
                "operationId": "thing", "summary": "A thing.", "tags": ["things"],
                "parameters": [{ "name": "id", "in": "path", "required": true, "schema": { "type": "string" } }],
                "requestBody": { "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Thing" } } } },
                "responses": { "200": { "description": "Done." } },
            } } },
            "components": { "schemas": { "Thing": { "type": "object" }, "Refusal": { "type": "object" } } },
        })
    }

    fn completed() -> Value {
        let mut document = document();
        complete(&mut document, &json!({ "$ref": "#/components/schemas/Refusal" }), &[("key", "x-key", "A key.")]);
        document
    }

    #[test]
    fn a_door_that_takes_a_body_and_a_key_says_so() {
        let document = completed();
        let operation = &document["paths"]["/things/{id}/"]["post"];
        let statuses: Vec<&String> = operation["responses"].as_object().unwrap().keys().collect();
        assert_eq!(statuses, ["200", "400", "403", "413", "415", "429", "500"]);
        assert_eq!(operation["security"], json!([{ "key": [] }]));
        assert_eq!(faults(&document), Vec::<String>::new());
    }

    #[test]
    fn every_fault_is_named() {
        let check = |pointer: &str, value: Value, expected: &str| {
            let mut document = completed();
            let (parent, name) = pointer.rsplit_once('|').unwrap();
            match value {
                Value::Null => drop(document.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(name)),
                value => document.pointer_mut(parent).unwrap()[name] = value,
            }
            let faults = faults(&document);
            assert!(faults.iter().any(|fault| fault.contains(expected)), "{pointer}: {faults:?}");
        };
        check("|openapi", json!("3.0.3"), "not 3.1");
        check("/info|title", Value::Null, "/info/title is missing");
        check("/components/schemas|Thing", Value::Null, "leads nowhere");
        check("/components/schemas|Other", json!({}), "schemas/Other is not used");
        let operation = "/paths/~1things~1{id}~1/post";
        check(&format!("{operation}|operationId"), Value::Null, "no operationId");
        check(&format!("{operation}|summary"), Value::Null, "no summary");
        check(&format!("{operation}|tags"), json!(["others"]), "tag others");
        check(&format!("{operation}|responses"), json!({ "400": { "description": "No." } }), "no answer for success");
        check(&format!("{operation}|parameters"), json!([]), "the path has");
        check(&format!("{operation}|security"), json!([{ "nothing": [] }]), "security scheme nothing");
        check("/paths|/other/", document()["paths"]["/things/{id}/"].clone(), "operationId thing is that of");
    }

    #[test]
    fn a_router_tells_its_doors() {
        async fn nothing() {}
        let inner = Router::<()>::new().route("/b/{id}", post(nothing).delete(nothing));
        let router = Router::new().route("/a/", get(nothing)).merge(inner);
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<BTreeSet<_>>();
        let expected = [("/a/".to_owned(), words(&["get"])), ("/b/{id}".to_owned(), words(&["delete", "post"]))];
        assert_eq!(served(&router), expected.into());
    }

    #[test]
    fn an_answer_is_held_against_its_schema() {
        let document = json!({ "components": { "schemas": { "Word": { "type": "string", "enum": ["a"] } } } });
        let schema = json!({
            "type": "object", "required": ["word"],
            "properties": {
                "word": { "$ref": "#/components/schemas/Word" },
                "when": { "type": ["string", "null"] },
                "list": { "type": "array", "items": { "type": "object", "properties": { "n": { "type": "number" } } } },
            },
        });
        let check = |value: Value, wrong: usize| {
            let found = mismatches(&document, &schema, &value);
            assert_eq!(found.len(), wrong, "{value}: {found:?}");
        };
        check(json!({ "word": "a", "when": null, "list": [{ "n": 1 }] }), 0);
        check(json!({ "word": "b" }), 1);
        check(json!({ "when": 7 }), 2);
        check(json!({ "word": "a", "other": 1 }), 1);
        check(json!({ "word": "a", "list": [{ "n": "x", "m": 1 }] }), 2);
    }
}
