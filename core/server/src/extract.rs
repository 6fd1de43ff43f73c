//! Taking a request apart: the extractors of axum, strict where it matters and with problems for refusals.
//!
//! Each takes its size limit from the route (`DefaultBodyLimit`), or from the server's own. A door that speaks another
//! dialect, such as an OAuth endpoint, takes `Result<Json<T>, Problem>` and says it in its own words.

use std::{any::TypeId, collections::BTreeMap, fmt};

use axum::{
    body::Bytes,
    extract::{
        FromRequest, FromRequestParts, Multipart, Request, multipart::MultipartError, rejection::BytesRejection,
    },
    http::{HeaderMap, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use serde::{Serialize, de::DeserializeOwned};
use warifu_keys::{
    equal_in_constant_time,
    json::{self, JsonError},
    sha256,
};

use crate::Problem;

/// A JSON body, read strictly: an object without duplicate members, of capped depth (see [`warifu_keys::json`]). Only
/// who takes a [`json::Value`] gets other JSON and judges it. As an answer, the value as JSON.
#[derive(Clone, Copy, Debug)]
pub struct Json<T>(pub T);

impl<T: DeserializeOwned + 'static, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        if !is_json(request.headers()) {
            return Err(Problem::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "not_json",
                "send JSON, with the header `content-type: application/json`",
            ));
        }
        let bytes = body(request, state).await?;
        let bad = |error: JsonError| Problem::bad_request("bad_json", error.to_string());
        let value = json::parse(&bytes).map_err(bad)?;
        // Serde would read a struct from an array as well, and one whose members have defaults from `[]`.
        if !value.is_object() && TypeId::of::<T>() != TypeId::of::<json::Value>() {
            return Err(bad(JsonError::NotAnObject));
        }
        let malformed = |error: serde_json::Error| JsonError::Malformed(error.to_string().chars().take(160).collect());
        serde_json::from_value(value).map(Self).map_err(|error| bad(malformed(error)))
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self.0) {
            Ok(body) => ([(header::CONTENT_TYPE, "application/json")], body).into_response(),
            Err(error) => Problem::internal(&error).into_response(),
        }
    }
}

/// An `application/x-www-form-urlencoded` body. A parameter given twice is refused (RFC 6749 section 3.2).
#[derive(Clone, Copy, Debug)]
pub struct Form<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Form<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        if essence(request.headers()).as_deref() != Some("application/x-www-form-urlencoded") {
            return Err(Problem::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "not_a_form",
                "send a form, with the header `content-type: application/x-www-form-urlencoded`",
            ));
        }
        let bytes = body(request, state).await?;
        // axum's own reader, on bytes that are already here.
        let request = Request::post("/")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(bytes.into())
            .map_err(|error| Problem::internal(&error))?;
        match axum::Form::<T>::from_request(request, &()).await {
            Ok(axum::Form(value)) => Ok(Self(value)),
            Err(error) => Err(Problem::bad_request("bad_form", error.body_text())),
        }
    }
}

/// The query string, as a value.
#[derive(Clone, Copy, Debug)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match axum::extract::Query::from_request_parts(parts, state).await {
            Ok(axum::extract::Query(value)) => Ok(Self(value)),
            Err(error) => Err(Problem::bad_request("bad_query", error.body_text())),
        }
    }
}

/// The variable parts of the path. One that does not read as its type is a 404: no such thing can be there.
#[derive(Clone, Copy, Debug)]
pub struct Path<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match axum::extract::Path::from_request_parts(parts, state).await {
            Ok(axum::extract::Path(value)) => Ok(Self(value)),
            Err(_) => Err(Problem::not_found("there is nothing at this address")),
        }
    }
}

/// The key a program names itself with, from `x-api-key` or `authorization: Bearer`.
pub struct ApiKey(String);

/// What is kept of an API key: its SHA-256. Keys are random, so nothing slower is needed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ApiKeyHash([u8; 32]);

impl ApiKey {
    /// The key in these headers, or `None`.
    #[must_use]
    pub fn from_headers(headers: &HeaderMap) -> Option<Self> {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let bearer = || {
            text("authorization")
                .and_then(|value| value.split_once(' '))
                .and_then(|(scheme, key)| scheme.eq_ignore_ascii_case("bearer").then_some(key))
        };
        Self::of(text("x-api-key").or_else(bearer)?)
    }

    /// The key in a header of another name, or `None`.
    #[must_use]
    pub fn from_header(headers: &HeaderMap, name: &str) -> Option<Self> {
        Self::of(headers.get(name)?.to_str().ok()?)
    }

    fn of(text: &str) -> Option<Self> {
        let key = text.trim();
        (1..=512).contains(&key.len()).then(|| Self(key.to_owned()))
    }

    /// The hash under which the key is known.
    #[must_use]
    pub fn hash(&self) -> ApiKeyHash {
        ApiKeyHash::of(&self.0)
    }

    /// Whether this is the key behind `kept`, in constant time.
    #[must_use]
    pub fn is(&self, kept: &ApiKeyHash) -> bool {
        equal_in_constant_time(&self.hash().0, &kept.0)
    }
}

impl ApiKeyHash {
    /// The hash of a key.
    #[must_use]
    pub fn of(key: &str) -> Self {
        Self(sha256(key.as_bytes()))
    }

    /// A hash read back from where it was kept: 43 characters of base64url.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        warifu_keys::base64url::decode(text).ok()?.try_into().ok().map(Self)
    }
}

impl fmt::Display for ApiKeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&warifu_keys::base64url::encode(&self.0))
    }
}

impl fmt::Debug for ApiKeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKeyHash")
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey")
    }
}

impl<S: Send + Sync> FromRequestParts<S> for ApiKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Self::from_headers(&parts.headers).ok_or_else(|| {
            let detail = "name your key in the header `x-api-key`";
            Problem::new(StatusCode::UNAUTHORIZED, "api_key_missing", detail)
        })
    }
}

/// The fields of a `multipart/form-data` body. See [`Parts::read`](FormParts::read).
#[derive(Debug, Default)]
pub struct FormParts {
    texts: BTreeMap<String, String>,
    files: BTreeMap<String, Vec<Upload>>,
}

/// An uploaded file.
#[derive(Clone, PartialEq, Eq)]
pub struct Upload {
    /// The content.
    pub bytes: Vec<u8>,
    /// What the first bytes say it is: `image/jpeg`, `image/png`, `image/webp`, `image/heic`, `application/pdf`, or
    /// `application/octet-stream` for anything else. What the sender calls it is not believed.
    pub mime: &'static str,
    /// The sender's name for the file, shortened; for showing only.
    pub name: Option<String>,
}

impl fmt::Debug for Upload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Upload({}, {} bytes)", self.mime, self.bytes.len())
    }
}

/// Most fields of a form, each file counted.
const FIELDS: usize = 160;
/// Longest text field, in bytes.
const TEXT_CAP: usize = 64 * 1024;

impl FormParts {
    /// Reads all fields; no file may be larger than `file_cap` bytes.
    ///
    /// Fields with a file name are files, the others texts; an empty file (a picker that was left alone) counts as
    /// absent. Several files of one name are what a picker for several sends. The route's body limit bounds all of them
    /// together and must leave room: `DefaultBodyLimit::max(...)`.
    ///
    /// # Errors
    /// 400 for what is no form, repeats a text or has too many fields; 413 for what is too large.
    pub async fn read(multipart: Multipart, file_cap: usize) -> Result<Self, Problem> {
        Self::read_up_to(multipart, file_cap, FIELDS).await
    }

    /// As [`FormParts::read`], of a form with at most so many fields.
    ///
    /// # Errors
    /// As [`FormParts::read`].
    pub async fn read_up_to(mut multipart: Multipart, file_cap: usize, fields: usize) -> Result<Self, Problem> {
        let mut parts = Self::default();
        let mut count = 0;
        while let Some(mut field) = multipart.next_field().await.map_err(|error| refused(&error))? {
            count += 1;
            let Some(name) = field.name().map(str::to_owned).filter(|name| name.len() <= 64) else {
                return Err(Problem::bad_request("bad_form", "a field of the form has no usable name"));
            };
            if count > fields {
                return Err(Problem::bad_request("bad_form", format!("a form has at most {fields} fields")));
            }
            let file_name = field.file_name().map(|name| name.chars().take(100).collect::<String>());
            let is_file = file_name.is_some() || field.content_type().is_some_and(|kind| !kind.starts_with("text/"));
            if parts.texts.contains_key(&name) || (!is_file && parts.files.contains_key(&name)) {
                return Err(Problem::bad_request("bad_form", format!("the field `{name}` is given twice")));
            }
            let cap = if is_file { file_cap } else { TEXT_CAP };
            let mut bytes = Vec::new();
            while let Some(chunk) = field.chunk().await.map_err(|error| refused(&error))? {
                if bytes.len() + chunk.len() > cap {
                    let detail = format!("`{name}` is larger than {}", size(cap));
                    return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "file_too_large", detail));
                }
                bytes.extend_from_slice(&chunk);
            }
            if is_file {
                if !bytes.is_empty() {
                    let upload = Upload { mime: sniffed(&bytes), name: file_name, bytes };
                    parts.files.entry(name).or_default().push(upload);
                }
            } else {
                let text = String::from_utf8(bytes)
                    .map_err(|_| Problem::bad_request("bad_form", format!("the field `{name}` is not text")))?;
                parts.texts.insert(name, text);
            }
        }
        Ok(parts)
    }

    /// Everything: texts and files, each by the name of its field.
    #[must_use]
    pub fn into_parts(self) -> (BTreeMap<String, String>, BTreeMap<String, Vec<Upload>>) {
        (self.texts, self.files)
    }

    /// A text field.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.texts.get(name).map(String::as_str)
    }

    /// Takes the one file of this name out.
    ///
    /// # Errors
    /// 400 when there is none, or more than one.
    pub fn file(&mut self, name: &str) -> Result<Upload, Problem> {
        let mut files = self.files(name);
        match (files.pop(), files.is_empty()) {
            (Some(file), true) => Ok(file),
            (Some(_), false) => Err(Problem::bad_request("bad_form", format!("the file `{name}` is given twice"))),
            (None, _) => Err(Problem::bad_request("file_missing", format!("the form has no file `{name}`"))),
        }
    }

    /// Takes all files of this name out, in the order they were sent.
    pub fn files(&mut self, name: &str) -> Vec<Upload> {
        self.files.remove(name).unwrap_or_default()
    }
}

async fn body<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes, Problem> {
    Bytes::from_request(request, state).await.map_err(|error: BytesRejection| {
        if error.status() == StatusCode::PAYLOAD_TOO_LARGE {
            Problem::new(error.status(), "body_too_large", "the body is larger than this address takes")
        } else {
            Problem::bad_request("body_unreadable", "the body ended early or could not be read")
        }
    })
}

fn refused(error: &MultipartError) -> Problem {
    if error.status() == StatusCode::PAYLOAD_TOO_LARGE {
        Problem::new(error.status(), "body_too_large", "the form is larger than this address takes")
    } else {
        Problem::bad_request("bad_form", "the form ended early or is not `multipart/form-data`")
    }
}

/// The media type without parameters, in lower case.
fn essence(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    Some(text.split(';').next().unwrap_or("").trim().to_ascii_lowercase())
}

fn is_json(headers: &HeaderMap) -> bool {
    essence(headers)
        .is_some_and(|kind| kind == "application/json" || (kind.starts_with("application/") && kind.ends_with("+json")))
}

fn sniffed(bytes: &[u8]) -> &'static str {
    match bytes {
        [0xff, 0xd8, 0xff, ..] => "image/jpeg",
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => "image/png",
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => "image/webp",
        [_, _, _, _, b'f', b't', b'y', b'p', b'h', b'e', b'i', b'c' | b'x', ..]
        | [_, _, _, _, b'f', b't', b'y', b'p', b'm', b'i', b'f', b'1', ..] => "image/heic",
        [b'%', b'P', b'D', b'F', b'-', ..] => "application/pdf",
        _ => "application/octet-stream",
    }
}

fn size(bytes: usize) -> String {
    match bytes {
        0..1024 => format!("{bytes} bytes"),
        1024..1_048_576 => format!("{} KiB", bytes / 1024),
        _ => format!("{} MiB", bytes / 1_048_576),
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize, PartialEq)]
    struct Order {
        grant_type: String,
    }

    async fn post<T: FromRequest<(), Rejection = Problem>>(kind: &str, body: &str) -> Result<T, (u16, &'static str)> {
        let request = Request::post("/").header("content-type", kind).body(Body::from(body.to_owned())).unwrap();
        T::from_request(request, &()).await.map_err(|problem| (problem.status.as_u16(), problem.code))
    }

    #[tokio::test]
    async fn json_is_read_strictly() {
        let check = async |kind, body, expected: Result<&str, (u16, &str)>| {
            let got = post::<Json<Order>>(kind, body).await.map(|Json(order)| order.grant_type);
            assert_eq!(got.as_deref().map_err(|e| *e), expected, "{kind} {body}");
        };
        check("application/json; charset=utf-8", r#"{"grant_type":"a"}"#, Ok("a")).await;
        check("application/vnd.x+json", r#"{"grant_type":"a"}"#, Ok("a")).await;
        check("text/plain", r#"{"grant_type":"a"}"#, Err((415, "not_json"))).await;
        check("application/json", r#"{"grant_type":"a","grant_type":"b"}"#, Err((400, "bad_json"))).await;
        check("application/json", "{", Err((400, "bad_json"))).await;
        check("application/json", "{}", Err((400, "bad_json"))).await;
        check("application/json", r#"["a"]"#, Err((400, "bad_json"))).await;
        #[derive(Debug, Deserialize)]
        #[serde(default)]
        struct Defaults {
            _size: u8,
        }
        impl Default for Defaults {
            fn default() -> Self {
                Self { _size: 1 }
            }
        }
        assert!(post::<Json<Defaults>>("application/json", "{}").await.is_ok());
        for body in ["[]", "[7]", "null", "7"] {
            let refused = post::<Json<Defaults>>("application/json", body).await.unwrap_err();
            assert_eq!(refused, (400, "bad_json"), "{body}");
            assert!(post::<Json<json::Value>>("application/json", body).await.is_ok(), "{body}");
        }
        let large = format!(r#"{{"grant_type":"{}"}}"#, "x".repeat(3 << 20));
        check("application/json", &large, Err((413, "body_too_large"))).await;
    }

    #[tokio::test]
    async fn forms_take_each_parameter_once() {
        let check = async |kind, body, expected: Result<&str, (u16, &str)>| {
            let got = post::<Form<Order>>(kind, body).await.map(|Form(order)| order.grant_type);
            assert_eq!(got.as_deref().map_err(|e| *e), expected, "{kind} {body}");
        };
        let kind = "application/x-www-form-urlencoded";
        check(kind, "grant_type=a%20b", Ok("a b")).await;
        check(kind, "grant_type=a&grant_type=b", Err((400, "bad_form"))).await;
        check(kind, "other=a", Err((400, "bad_form"))).await;
        check("application/json", "grant_type=a", Err((415, "not_a_form"))).await;
    }

    async fn upload(body: &str, cap: usize) -> Result<FormParts, (u16, &'static str)> {
        let request = Request::post("/")
            .header("content-type", "multipart/form-data; boundary=B")
            .body(Body::from(body.replace('\n', "\r\n")))
            .unwrap();
        let multipart = Multipart::from_request(request, &()).await.unwrap();
        FormParts::read(multipart, cap).await.map_err(|problem| (problem.status.as_u16(), problem.code))
    }

    #[tokio::test]
    async fn uploads_are_capped_and_named_by_their_content() {
        let text = "--B\nContent-Disposition: form-data; name=\"csrf\"\n\ntoken\n";
        let file = "--B\nContent-Disposition: form-data; name=\"selfie\"; filename=\"me.png\"\n\
                    Content-Type: image/png\n\n%PDF-1.7\n";
        let none = "--B\nContent-Disposition: form-data; name=\"back\"; filename=\"\"\n\n\n";
        let body = format!("{text}{file}{none}--B--\n");
        let mut parts = upload(&body, 100).await.unwrap();
        assert_eq!(parts.text("csrf"), Some("token"));
        let selfie = parts.file("selfie").unwrap();
        assert_eq!((selfie.mime, selfie.name.as_deref()), ("application/pdf", Some("me.png")));
        assert_eq!(parts.file("back").unwrap_err().code, "file_missing");
        assert_eq!(upload(&body, 7).await.unwrap_err(), (413, "file_too_large"));
        assert_eq!(upload(&format!("{text}{text}--B--\n"), 7).await.unwrap_err(), (400, "bad_form"));
        assert_eq!(upload(&body, 100).await.unwrap().files("selfie").len(), 1);
        let mut several = upload(&format!("{file}{file}--B--\n"), 100).await.unwrap();
        assert_eq!(several.file("selfie").unwrap_err().code, "bad_form");
        assert_eq!(upload(&format!("{file}{file}{file}--B--\n"), 100).await.unwrap().files("selfie").len(), 3);
        let named = text.replace("csrf", "selfie");
        assert_eq!(upload(&format!("{named}{file}--B--\n"), 100).await.unwrap_err(), (400, "bad_form"));
        assert_eq!(upload(&file.repeat(161), 100).await.unwrap_err(), (400, "bad_form"));
        assert_eq!(upload("--B\nContent-Disp", 7).await.unwrap_err(), (400, "bad_form"));
    }

    #[test]
    fn an_api_key_is_known_by_its_hash() {
        let key = |name: &'static str, value: &str| {
            ApiKey::from_headers(&HeaderMap::from_iter([(name.parse().unwrap(), value.parse().unwrap())]))
        };
        let kept = ApiKeyHash::parse(&ApiKeyHash::of("wk_secret").to_string()).unwrap();
        assert!(key("x-api-key", "wk_secret").unwrap().is(&kept));
        assert!(key("authorization", "bearer wk_secret").unwrap().is(&kept));
        assert!(!key("x-api-key", "wk_other").unwrap().is(&kept));
        assert!(key("authorization", "Basic wk_secret").is_none());
        assert!(key("x-api-key", "").is_none());
    }
}
