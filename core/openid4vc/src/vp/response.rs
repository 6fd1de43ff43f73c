//! What comes back: `vp_token`, errors, and the answer of the response endpoint (OpenID4VP 1.0 section 8).

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use url::Url;
use warifu_keys::json::{self, JsonError};
use warifu_keys::jwe::{JweError, Sealed};

use crate::dcql::Query;
use crate::http::{self, UrlError};

/// Longest body of a response, in bytes.
pub const MAX_BYTES: usize = 4 * 1024 * 1024;
/// Most presentations for one credential query.
pub const MAX_PRESENTATIONS: usize = 64;

/// One presentation, as it travels. `Debug` does not show it.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Presentation {
    /// `dc+sd-jwt`, `mso_mdoc`, `jwt_vc_json`.
    Text(String),
    /// `ldp_vc`.
    Object(Map<String, Value>),
}

impl fmt::Debug for Presentation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Text(_) => "Text(..)",
            Self::Object(_) => "Object(..)",
        })
    }
}

impl Presentation {
    /// The text; `None` for an object.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Object(_) => None,
        }
    }
}

/// Presentations by credential query identifier (section 8.1).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct VpToken(pub BTreeMap<String, Vec<Presentation>>);

/// Why a `vp_token` does not fit the query.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VpTokenError {
    /// Not an object of arrays of texts or objects.
    #[error("the vp_token is malformed")]
    Malformed,
    /// An answer to a query that was not asked.
    #[error("`{0}` was not asked for")]
    NotAsked(String),
    /// No presentation, more than one where `multiple` is false, or more than [`MAX_PRESENTATIONS`].
    #[error("{found} presentations for `{query_id}`")]
    Count {
        /// Which query.
        query_id: String,
        /// How many came.
        found: usize,
    },
}

impl VpToken {
    /// A token with one text presentation for each query.
    #[must_use]
    pub fn of<I: IntoIterator<Item = (String, String)>>(presentations: I) -> Self {
        Self(presentations.into_iter().map(|(id, text)| (id, vec![Presentation::Text(text)])).collect())
    }

    /// Reads the member, whose shape must fit `query`. Whether it answers the query is
    /// [`check_response`](crate::dcql::check_response), once the presentations are verified.
    pub fn from_value(value: &Value, query: &Query) -> Result<Self, VpTokenError> {
        let token: Self = serde_json::from_value(value.clone()).map_err(|_| VpTokenError::Malformed)?;
        token.check(query)?;
        Ok(token)
    }

    /// Whether every entry was asked for and has an allowed number of presentations.
    pub fn check(&self, query: &Query) -> Result<(), VpTokenError> {
        if self.0.is_empty() {
            return Err(VpTokenError::Malformed);
        }
        for (id, presentations) in &self.0 {
            let asked = query.credential(id).ok_or_else(|| VpTokenError::NotAsked(http::shorten(id)))?;
            let most = if asked.multiple { MAX_PRESENTATIONS } else { 1 };
            if presentations.is_empty() || presentations.len() > most {
                return Err(VpTokenError::Count { query_id: id.clone(), found: presentations.len() });
            }
        }
        Ok(())
    }

    /// The member as a JSON value.
    #[must_use]
    pub fn to_value(&self) -> Value {
        serde_json::to_value(self).unwrap_or(Value::Null)
    }
}

/// Why a wallet does not present (section 8.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorCode {
    /// The request is malformed or breaks a rule.
    InvalidRequest,
    /// `client_metadata` was sent though the wallet knows the verifier.
    InvalidClient,
    /// No credential, no consent or no user: which of them stays with the wallet.
    AccessDenied,
    /// The scope is not known.
    InvalidScope,
    /// None of the formats can be presented.
    VpFormatsNotSupported,
    /// `request_uri_method` is neither `get` nor `post`.
    InvalidRequestUriMethod,
    /// Transaction data that the wallet does not know or can not bind.
    InvalidTransactionData,
    /// The wallet can not answer now.
    WalletUnavailable,
}

impl ErrorCode {
    /// The code as it stands in `error`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::InvalidClient => "invalid_client",
            Self::AccessDenied => "access_denied",
            Self::InvalidScope => "invalid_scope",
            Self::VpFormatsNotSupported => "vp_formats_not_supported",
            Self::InvalidRequestUriMethod => "invalid_request_uri_method",
            Self::InvalidTransactionData => "invalid_transaction_data",
            Self::WalletUnavailable => "wallet_unavailable",
        }
    }
}

/// A wallet's refusal as the verifier receives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The value of `error`, cut to 80 characters.
    pub error: String,
    /// The value of `error_description`, cut to 80 characters.
    pub description: Option<String>,
}

impl Refusal {
    /// The refusal in these members, if they hold one.
    pub(super) fn of<'a>(member: impl Fn(&str) -> Option<&'a str>) -> Option<Self> {
        let error = http::shorten(member("error")?);
        Some(Self { error, description: member("error_description").map(http::shorten) })
    }
}

/// The body of a `direct_post.jwt` response, before it is matched with the request that it answers.
#[derive(Debug, Clone)]
pub enum Received {
    /// An encrypted response.
    Encrypted(Sealed),
    /// Form fields in the clear: only errors may come like this.
    Plain(PlainFields),
}

/// The fields of a response in the clear; silent in `Debug`.
#[derive(Clone)]
pub struct PlainFields(Vec<(String, String)>);

impl fmt::Debug for PlainFields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PlainFields({} fields)", self.0.len())
    }
}

impl PlainFields {
    /// The field of this name.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&str> {
        http::field(&self.0, name)
    }
}

/// Why a body is no response.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// Longer than [`MAX_BYTES`].
    #[error("the response of {0} bytes is too large")]
    TooLarge(usize),
    /// A form field that occurs twice.
    #[error("form field `{0}` is repeated")]
    Repeated(String),
    /// Not a JWE that can be opened here; names `alg` or `enc` where it is that.
    #[error("the response: {0}")]
    Jwe(#[from] JweError),
}

impl Received {
    /// Parses the form body.
    pub fn parse(body: &[u8]) -> Result<Self, BodyError> {
        if body.len() > MAX_BYTES {
            return Err(BodyError::TooLarge(body.len()));
        }
        let fields = http::form_fields(body).map_err(BodyError::Repeated)?;
        match http::field(&fields, "response") {
            Some(response) => Ok(Self::Encrypted(Sealed::parse(response)?)),
            None => Ok(Self::Plain(PlainFields(fields))),
        }
    }

    /// The `kid` of the key that the response is encrypted to: names the request that it answers.
    #[must_use]
    pub fn key_id(&self) -> Option<&str> {
        match self {
            Self::Encrypted(sealed) => sealed.kid(),
            Self::Plain(_) => None,
        }
    }

    /// The `state` of a response in the clear.
    #[must_use]
    pub fn state(&self) -> Option<&str> {
        match self {
            Self::Encrypted(_) => None,
            Self::Plain(fields) => fields.field("state"),
        }
    }
}

/// Why the answer of the response endpoint can not be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// Not 200: the verifier did not take the response.
    #[error("the verifier answered with status {0}")]
    Status(u16),
    /// The body is not acceptable JSON.
    #[error("the verifier's answer: {0}")]
    Json(#[from] JsonError),
    /// `redirect_uri` can not be opened.
    #[error("redirect_uri: {0}")]
    Url(#[from] UrlError),
}

/// The answer of the response endpoint (section 8.2).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ResponseAnswer {
    /// Where the wallet must send the user's browser, with the response code inside.
    pub redirect_uri: Option<Url>,
}

impl ResponseAnswer {
    /// Parses what the wallet gets. An empty body is an answer without a redirect.
    pub fn parse(response: &http::Response) -> Result<Self, AnswerError> {
        if response.status != 200 {
            return Err(AnswerError::Status(response.status));
        }
        if response.body.is_empty() {
            return Ok(Self::default());
        }
        let object = json::parse_object(&response.body)?;
        let redirect_uri = match object.get("redirect_uri") {
            None => None,
            Some(Value::String(text)) => Some(openable(text)?),
            Some(_) => return Err(JsonError::Malformed("redirect_uri".to_owned()).into()),
        };
        Ok(Self { redirect_uri })
    }

    /// What the verifier answers: 200, JSON.
    #[must_use]
    pub fn respond(&self) -> http::Response {
        let mut body = Map::new();
        if let Some(url) = &self.redirect_uri {
            body.insert("redirect_uri".to_owned(), Value::from(url.as_str()));
        }
        http::Response::json(200, &body)
    }
}

/// A URL for a browser: as [`http::callable`], and a fragment is allowed because the response code stands there.
fn openable(text: &str) -> Result<Url, UrlError> {
    http::callable(text.split('#').next().unwrap_or_default())?;
    Url::parse(text).map_err(|_| UrlError::Malformed(http::shorten(text)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn answers() {
        let parse = |status, body: &str| {
            ResponseAnswer::parse(&http::Response { status, headers: Vec::new(), body: body.as_bytes().to_vec() })
        };
        let url = "https://verifier.example/done#response_code=abc";
        let answer = parse(200, &json!({ "redirect_uri": url }).to_string()).unwrap();
        assert_eq!(answer.redirect_uri.as_ref().map(Url::as_str), Some(url));
        assert_eq!(ResponseAnswer::parse(&answer.respond()).unwrap(), answer);
        assert_eq!(parse(200, "").unwrap(), parse(200, "{}").unwrap());
        assert_eq!(parse(400, "{}"), Err(AnswerError::Status(400)));
        assert!(matches!(parse(200, "[]"), Err(AnswerError::Json(_))));
        for bad in ["javascript:alert(1)", "http://verifier.example/", "data:text/html,x", ""] {
            assert!(
                matches!(parse(200, &json!({ "redirect_uri": bad }).to_string()), Err(AnswerError::Url(_))),
                "`{bad}`"
            );
        }
    }

    proptest::proptest! {
        #[test]
        fn never_panics(text in ".{0,120}", bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            let _ = Received::parse(&bytes);
            let _ = Received::parse(format!("response={text}").as_bytes());
            let _ = ResponseAnswer::parse(&http::Response { status: 200, headers: Vec::new(), body: bytes });
        }
    }
}
