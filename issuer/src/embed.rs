//! Whose pages may embed the hosted pages.
//!
//! Nobody's may by default. An application names the origins of its own pages (or its operator does, in the settings, for
//! the application that is built in): only they can put a session of that application into a frame, and only they hear
//! of its events.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use url::{Host, Url};
use uuid::Uuid;

use crate::application::BUILT_IN;
use crate::{Error, Issuer};

/// Most origins of one application.
pub const MOST: usize = 20;

/// The origin of a page that may embed: `https://bank.example`, on this machine also by plain http. Never a pattern.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EmbedOrigin(String);

/// A text that is no origin of an embedding page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an origin looks like https://bank.example, without path; plain http only on this machine")]
pub struct NotAnOrigin;

impl EmbedOrigin {
    /// The origin as browsers write it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for EmbedOrigin {
    type Err = NotAnOrigin;

    fn from_str(text: &str) -> Result<Self, NotAnOrigin> {
        let url = Url::parse(text).map_err(|_| NotAnOrigin)?;
        let local = match url.host().ok_or(NotAnOrigin)? {
            Host::Domain(name) => name == "localhost",
            Host::Ipv4(address) => address.is_loopback(),
            Host::Ipv6(address) => address.is_loopback(),
        };
        let safe = url.scheme() == "https" || (url.scheme() == "http" && local);
        let origin = url.origin().ascii_serialization();
        // What is written beyond the origin would be promised and not kept.
        let bare = text == origin || text.strip_suffix('/') == Some(origin.as_str());
        // A host may hold characters that end a directive of a policy (URL Standard section 3.5); an origin here may not.
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-:/[]".contains(&byte);
        if safe && bare && origin.bytes().all(plain) { Ok(Self(origin)) } else { Err(NotAnOrigin) }
    }
}

impl TryFrom<String> for EmbedOrigin {
    type Error = NotAnOrigin;

    fn try_from(text: String) -> Result<Self, NotAnOrigin> {
        text.parse()
    }
}

impl From<EmbedOrigin> for String {
    fn from(origin: EmbedOrigin) -> Self {
        origin.0
    }
}

impl fmt::Display for EmbedOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Issuer {
    /// The origins whose pages may embed the sessions of an application.
    ///
    /// # Errors
    /// Those of the store.
    pub(crate) async fn embedders(&self, application: Uuid) -> Result<Vec<EmbedOrigin>, Error> {
        if application == BUILT_IN {
            return Ok(self.config().embed_origins.clone());
        }
        Ok(self.applications().by_id(application).await?.map(|found| found.embed_origins).unwrap_or_default())
    }

    /// The session behind a link and who may embed it, as far as that can be told at all.
    pub(crate) async fn place(&self, token: &str) -> Option<(Uuid, Vec<EmbedOrigin>)> {
        let session = self.seen_by_token(token).await.ok()?.open.session;
        let embedders = self.embedders(session.application).await.ok()?;
        Some((session.id, embedders))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_exact() {
        for (text, origin) in [
            ("https://bank.example", "https://bank.example"),
            ("https://bank.example/", "https://bank.example"),
            ("https://bank.example:8443", "https://bank.example:8443"),
            ("http://127.0.0.1:7000", "http://127.0.0.1:7000"),
            ("http://localhost:7000", "http://localhost:7000"),
        ] {
            assert_eq!(text.parse::<EmbedOrigin>().unwrap().as_str(), origin);
        }
        for bad in [
            "",
            "*",
            "null",
            "bank.example",
            "http://bank.example",
            "https://*.bank.example",
            "https://bank.example/kyc",
            "https://bank.example?x",
            "https://user@bank.example",
            "https://bank.example;x",
            "https://bank.example,x",
            "https://bank.example'x",
            "data:text/html,x",
            "https://bank.example https://evil.example",
        ] {
            assert_eq!(bad.parse::<EmbedOrigin>(), Err(NotAnOrigin), "`{bad}`");
        }
    }
}
