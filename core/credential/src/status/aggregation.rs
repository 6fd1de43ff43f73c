//! Status List Aggregation (draft-ietf-oauth-status-list-20 section 9): where all lists of an issuer are, so that a
//! verifier can fetch them before it needs them and tells nobody which credential it looks at.

use serde_json::{Value, json};
use url::Url;
use warifu_keys::json;

use super::{Error, http_url};

/// Most lists that one aggregation may name.
pub const MAX_LISTS: usize = 10_000;

/// The lists of an issuer, in the order given. Served as `application/json`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Aggregation(Vec<Url>);

impl Aggregation {
    /// The aggregation of these lists; at most [`MAX_LISTS`].
    pub fn new(lists: Vec<Url>) -> Result<Self, Error> {
        if lists.len() > MAX_LISTS { Err(Error::Aggregation("it has too many lists")) } else { Ok(Self(lists)) }
    }

    /// Reads a fetched document. Other members than `status_lists` are ignored; one URI that is none refuses the whole.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let document = json::parse_object(bytes).map_err(|_| Error::Aggregation("it is no JSON object"))?;
        let lists = document.get("status_lists").and_then(Value::as_array);
        let lists = lists.ok_or(Error::Aggregation("`status_lists` is missing or no array"))?;
        if lists.len() > MAX_LISTS {
            return Err(Error::Aggregation("it has too many lists"));
        }
        let uri = |value: &Value| value.as_str().and_then(http_url).ok_or(Error::Aggregation("an entry is no URI"));
        lists.iter().map(uri).collect::<Result<_, _>>().map(Self)
    }

    /// The document.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({ "status_lists": self.0.iter().map(Url::as_str).collect::<Vec<_>>() })
    }

    /// Where the lists are.
    #[must_use]
    pub fn lists(&self) -> &[Url] {
        &self.0
    }
}
