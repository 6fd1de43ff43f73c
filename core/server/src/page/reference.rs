//! An OpenAPI document as a page: each operation with what it takes and what it answers beside each other, and a line to copy.
//!
//! The words around the operations are the reader's, what the document says stays in its own language and is marked so. The
//! page needs no script; [`Script::Copy`](crate::assets::Script::Copy) adds the buttons.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use maud::{Markup, html};
use serde_json::{Map, Value};

use super::components;
use crate::openapi::{follow, operations as all};
use crate::text::{Lang, Words};

/// Deepest nesting that an example shows.
const DEPTH: usize = 12;

/// Where the operations are asked for.
#[derive(Clone, Copy, Debug)]
pub struct Asks<'a> {
    /// Address of the role, without a slash at its end.
    pub base: &'a str,
    /// Address of the document as JSON.
    pub document: &'a str,
}

/// All operations of a document under their tags, with a table of contents.
#[must_use]
pub fn operations(words: &Words<'_>, document: &Value, asks: &Asks<'_>) -> Markup {
    let mut tagged: BTreeMap<&str, Vec<Operation<'_>>> = BTreeMap::new();
    for (path, method, operation) in all(document) {
        let tag = operation["tags"][0].as_str().unwrap_or_default();
        tagged.entry(tag).or_default().push(Operation { path, method, operation });
    }
    // In the order in which the document describes the tags.
    let tags = document["tags"].as_array().into_iter().flatten();
    let tags: Vec<(&Value, &Vec<Operation<'_>>)> =
        tags.filter_map(|tag| Some((tag, tagged.get(tag["name"].as_str()?)?))).collect();
    html! {
        div class="prose" lang=[foreign(words)] { (prose(document["info"]["description"].as_str().unwrap_or_default())) }
        p { (words.say("reference-key-how")) " " a href=(asks.document) { (words.say("reference-document")) } }
        nav class="contents" aria-labelledby="reference-contents" {
            h2 id="reference-contents" { (words.say("reference-contents")) }
            @for (tag, rows) in &tags {
                details {
                    summary { code { (name(tag)) } " " span class="count" { (rows.len()) } }
                    ul class="doors" {
                        @for row in rows.iter() {
                            li {
                                a href={ "#" (row.id()) } { (row.method()) " " code { (row.path) } }
                                span lang=[foreign(words)] { (row.text("summary")) }
                            }
                        }
                    }
                }
            }
        }
        @for (tag, rows) in &tags {
            section class="operations" aria-labelledby={ "tag-" (name(tag)) } {
                h2 id={ "tag-" (name(tag)) } { code { (name(tag)) } }
                p lang=[foreign(words)] { (inline(tag["description"].as_str().unwrap_or_default())) }
                @for row in rows.iter() { (row.article(words, document, asks)) }
            }
        }
    }
}

fn name(tag: &Value) -> &str {
    tag["name"].as_str().unwrap_or_default()
}

/// The language of the document, where the page has another.
fn foreign(words: &Words<'_>) -> Option<&'static str> {
    (words.lang != Lang::En).then_some("en")
}

struct Operation<'a> {
    path: &'a str,
    method: &'a str,
    operation: &'a Value,
}

impl Operation<'_> {
    fn text(&self, member: &str) -> Markup {
        inline(self.operation[member].as_str().unwrap_or_default())
    }

    fn id(&self) -> &str {
        self.operation["operationId"].as_str().unwrap_or_default()
    }

    fn method(&self) -> Markup {
        html! { span class={ "method " (self.method) } { (self.method.to_ascii_uppercase()) } }
    }

    fn parameters(&self) -> impl Iterator<Item = &Value> {
        self.operation["parameters"].as_array().into_iter().flatten()
    }

    fn article(&self, words: &Words<'_>, document: &Value, asks: &Asks<'_>) -> Markup {
        let id = self.id();
        let body = self.body(document);
        let foreign = foreign(words);
        let description = self.operation["description"].as_str().unwrap_or_default();
        html! {
            article class="operation" aria-labelledby=(id) {
                h3 id=(id) { a href={ "#" (id) } { (self.method()) " " code { (spread(self.path)) } } }
                div class="prose" lang=[foreign] {
                    p { strong { (self.text("summary")) } }
                    (prose(description))
                }
                div class="cols" {
                    div {
                        p class="reference-key" { (self.key(words, document)) }
                        @if self.parameters().next().is_some() {
                            h4 { (words.say("reference-parameters")) }
                            (rows(self.parameters().map(|it| parameter(words, it)).collect()))
                        }
                        @if let Some((schema, _)) = &body {
                            h4 { (words.say("reference-body")) }
                            (rows(members(document, schema).iter().map(|it| member(words, it)).collect()))
                        }
                        h4 { (words.say("reference-answers")) }
                        dl class="fields answers" {
                            @for (status, response) in self.operation["responses"].as_object().into_iter().flatten() {
                                @let response = follow(document, response).unwrap_or(response);
                                div {
                                    dt { code { (status) } }
                                    dd { span lang=[foreign] { (inline(response["description"].as_str().unwrap_or_default())) } }
                                }
                            }
                        }
                    }
                    div {
                        (components::code_block(words, &format!("{id}-curl"), &words.say("reference-request"), &self.curl(asks, document, body.as_ref().map(|(_, example)| example))))
                        @if let Some((status, example)) = self.success(document) {
                            @let label = words.fill("reference-answer", &[("status", status.into())]);
                            (components::code_block(words, &format!("{id}-answer"), &label, &pretty(&example)))
                        }
                    }
                }
            }
        }
    }

    /// Which key it needs.
    fn key(&self, words: &Words<'_>, document: &Value) -> Markup {
        let headers = self.headers(document);
        html! {
            @if headers.is_empty() { (words.say("reference-no-key")) } @else {
                (words.say("reference-key")) " "
                @for (n, header) in headers.iter().enumerate() {
                    @if n > 0 { " " (words.say("reference-or")) " " }
                    code { (header) }
                }
            }
        }
    }

    fn headers<'d>(&self, document: &'d Value) -> Vec<&'d str> {
        let schemes = self.operation["security"].as_array().into_iter().flatten().filter_map(Value::as_object);
        let names = schemes.flat_map(Map::keys);
        names.filter_map(|name| document["components"]["securitySchemes"][name]["name"].as_str()).collect()
    }

    /// The schema of the body with an example, where one is taken.
    fn body<'d>(&'d self, document: &'d Value) -> Option<(&'d Value, Value)> {
        let schema = &self.operation["requestBody"]["content"]["application/json"]["schema"];
        (!schema.is_null()).then(|| (schema, example(document, schema, 0)))
    }

    /// The first answer that is no refusal, with an example where it is JSON.
    fn success(&self, document: &Value) -> Option<(String, Value)> {
        let responses = self.operation["responses"].as_object()?;
        let (status, response) = responses.iter().find(|(status, _)| status.starts_with('2'))?;
        let schema = &follow(document, response)?["content"]["application/json"]["schema"];
        (!schema.is_null()).then(|| (status.clone(), example(document, schema, 0)))
    }

    /// A line for a shell, with the key and the identifiers as its variables.
    fn curl(&self, asks: &Asks<'_>, document: &Value, body: Option<&Value>) -> String {
        let path =
            self.path.split('/').map(|part| match part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) {
                Some(name) => format!("${}", name.to_ascii_uppercase()),
                None => part.to_owned(),
            });
        let path = path.collect::<Vec<_>>().join("/");
        let method =
            if self.method == "get" { String::new() } else { format!(" -X {}", self.method.to_ascii_uppercase()) };
        let mut line = format!("curl{method} \"{}{path}\"", asks.base);
        if let Some(header) = self.headers(document).first() {
            let variable = header.trim_start_matches("x-").replace('-', "_").to_ascii_uppercase();
            let _ = write!(line, " \\\n  -H \"{header}: ${variable}\"");
        }
        if let Some(body) = body {
            let body = pretty(body).replace('\'', "'\\''");
            let _ = write!(line, " \\\n  -H 'content-type: application/json' \\\n  -d '{body}'");
        }
        line
    }
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}

/// A path that may break after each slash.
fn spread(path: &str) -> Markup {
    html! { @for (n, part) in path.split('/').enumerate() { @if n > 0 { "/" wbr; } (part) } }
}

/// Name, where it stands or its type, whether it must be there, and what it is.
struct Row {
    name: String,
    kind: String,
    required: bool,
    text: String,
}

fn rows(rows: Vec<Markup>) -> Markup {
    html! { dl class="fields" { @for row in rows { (row) } } }
}

fn row(words: &Words<'_>, row: &Row) -> Markup {
    html! {
        div {
            dt { code { (row.name) } br; small { (row.kind) } }
            dd {
                span lang=[foreign(words)] { (inline(&row.text)) }
                @if row.required { span class="field-source" { (words.say("reference-required")) } }
            }
        }
    }
}

fn parameter(words: &Words<'_>, parameter: &Value) -> Markup {
    let place = parameter["in"].as_str().unwrap_or_default();
    let text = |name: &str| parameter[name].as_str().unwrap_or_default().to_owned();
    row(
        words,
        &Row {
            name: text("name"),
            kind: words.say(&format!("reference-in-{place}")),
            required: parameter["required"] == true,
            text: text("description"),
        },
    )
}

fn member(words: &Words<'_>, (name, schema, required): &(String, Value, bool)) -> Markup {
    let text = schema["description"].as_str().unwrap_or_default().to_owned();
    row(words, &Row { name: name.clone(), kind: kind(schema), required: *required, text })
}

/// The members of an object, each with its schema and whether it must be there.
fn members(document: &Value, schema: &Value) -> Vec<(String, Value, bool)> {
    let Some(schema) = not_null(document, schema) else { return Vec::new() };
    let parts = schema["allOf"].as_array().into_iter().flatten().flat_map(|part| members(document, part));
    let required: Vec<&Value> = schema["required"].as_array().into_iter().flatten().collect();
    let own = schema["properties"].as_object().into_iter().flatten();
    let own = own.map(|(name, member)| {
        let described = Some(member).filter(|it| it.get("description").is_some());
        let described = described.or_else(|| not_null(document, member)).unwrap_or(member).clone();
        (name.clone(), described, required.iter().any(|it| *it == name))
    });
    parts.chain(own).collect()
}

/// A schema behind its reference and behind "or null".
fn not_null<'a>(document: &'a Value, schema: &'a Value) -> Option<&'a Value> {
    let schema = follow(document, schema)?;
    let choices = schema["oneOf"].as_array().or_else(|| schema["anyOf"].as_array());
    match choices.and_then(|all| all.iter().find(|one| one["type"] != "null")) {
        Some(choice) => follow(document, choice),
        None => Some(schema),
    }
}

/// The type of a value, in a word: `uuid`, `string`, `array`.
fn kind(schema: &Value) -> String {
    let types = match &schema["type"] {
        Value::Array(all) => all.iter().filter_map(Value::as_str).find(|one| *one != "null"),
        other => other.as_str(),
    };
    schema["format"].as_str().or(types).unwrap_or("any").to_owned()
}

/// An example of a schema: its own, else one put together of its members.
fn example(document: &Value, schema: &Value, depth: usize) -> Value {
    let Some(schema) = not_null(document, schema).filter(|_| depth < DEPTH) else { return Value::Null };
    let given = schema.get("example").or_else(|| schema["examples"].get(0)).or_else(|| schema.get("default"));
    if let Some(given) = given.or_else(|| schema["enum"].get(0)) {
        return given.clone();
    }
    let below = |schema: &Value| example(document, schema, depth + 1);
    let mut merged = Map::new();
    for part in schema["allOf"].as_array().into_iter().flatten() {
        if let Value::Object(members) = below(part) {
            merged.extend(members);
        }
    }
    for (name, member) in schema["properties"].as_object().into_iter().flatten() {
        merged.insert(name.clone(), below(member));
    }
    if !merged.is_empty() {
        return Value::Object(merged);
    }
    match kind(schema).as_str() {
        "object" => Value::Object(Map::new()),
        "array" => Value::Array(schema.get("items").map(below).into_iter().collect()),
        "boolean" => Value::Bool(true),
        "string" => "text".into(),
        "uuid" => "0b1c6b52-8f0d-4a53-8f86-4e2a5f1c9d10".into(),
        "date-time" => "2026-11-22T10:00:00Z".into(),
        "date" => "1974-08-12".into(),
        "uri" => "https://app.example/".into(),
        "double" | "float" | "number" => 88.25.into(),
        "integer" | "int32" | "int64" | "uint" => 1.into(),
        _ => Value::Null,
    }
}

/// Paragraphs of plain text with `code` in them.
fn prose(text: &str) -> Markup {
    html! { @for paragraph in text.split("\n\n").filter(|it| !it.trim().is_empty()) { p { (inline(paragraph)) } } }
}

fn inline(text: &str) -> Markup {
    html! { @for (n, part) in text.split('`').enumerate() { @if n % 2 == 1 { code { (part) } } @else { (part) } } }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::text::Catalogue;

    fn document() -> Value {
        json!({
            "info": { "description": "About `it`.\n\nMore <b>of</b> it." },
            "tags": [{ "name": "things", "description": "All of them." }],
            "paths": { "/things/{id}/": { "patch": {
                "operationId": "thing", "summary": "A thing.", "tags": ["things"], "security": [{ "key": [] }],
                "parameters": [{ "name": "id", "in": "path", "required": true, "description": "Which.", "schema": {} }],
                "requestBody": { "content": { "application/json": { "schema": { "oneOf": [
                    { "type": "null" }, { "$ref": "#/components/schemas/Thing" } ] } } } },
                "responses": { "200": { "description": "Done.", "content": { "application/json": {
                    "schema": { "type": "array", "items": { "$ref": "#/components/schemas/Thing" } } } } } },
            } } },
            "components": {
                "schemas": { "Thing": { "type": "object", "required": ["name"], "properties": {
                    "name": { "type": "string", "example": "it's", "description": "Its name." },
                    "at": { "type": ["string", "null"], "format": "date" },
                    "again": { "$ref": "#/components/schemas/Thing" },
                } } },
                "securitySchemes": { "key": { "type": "apiKey", "in": "header", "name": "x-api-key" } },
            },
        })
    }

    fn shown(lang: Lang) -> String {
        let catalogue = Catalogue::new(&[]).unwrap();
        let asks = Asks { base: "https://issuer.example", document: "/v3/openapi.json" };
        operations(&catalogue.words(lang), &document(), &asks).into_string()
    }

    #[test]
    fn an_operation_stands_with_a_line_to_copy() {
        let page = shown(Lang::En);
        let line =
            "curl -X PATCH &quot;https://issuer.example/things/$ID/&quot; \\\n  -H &quot;x-api-key: $API_KEY&quot;";
        for part in [line, "it'\\''s", "Its name.", "id=\"thing\"", "href=\"#thing\"", "/v3/openapi.json"] {
            assert!(page.contains(part), "{part} in {page}");
        }
        assert!(page.contains("<code>it</code>") && page.contains("&lt;b&gt;"), "only code is marked: {page}");
        assert!(!page.contains("lang=\"en\""));
    }

    #[test]
    fn what_the_document_says_is_marked_as_english() {
        let page = shown(Lang::Ja);
        assert!(page.contains("lang=\"en\"") && !page.contains(">reference-"), "{page}");
    }

    #[test]
    fn an_example_of_a_schema_that_holds_itself_ends() {
        let document = document();
        let example = example(&document, &json!({ "$ref": "#/components/schemas/Thing" }), 0);
        assert_eq!((&example["name"], &example["at"]), (&json!("it's"), &json!("1974-08-12")));
    }
}
