//! An access token as it is presented (RFC 6750 section 2.1, RFC 9449 section 7.1).

use std::fmt;

use warifu_keys::{base64url, sha256};

use super::{Code, OAuthError};

/// How a token is presented.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// Whoever holds it may use it.
    Bearer,
    /// Only together with a proof of the key it is bound to.
    Dpop,
}

/// Longest access token accepted, in bytes.
const MAX_BYTES: usize = 2048;

/// The access token of an `Authorization` header; silent in `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct AccessToken {
    scheme: Scheme,
    token: String,
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AccessToken({:?} ..)", self.scheme)
    }
}

impl AccessToken {
    /// Reads the `Authorization` header. No header is [`Code::MissingToken`]; another scheme or a token outside the
    /// characters of RFC 6750 section 2.1 is [`Code::InvalidToken`].
    pub fn parse(authorization: Option<&str>) -> Result<Self, OAuthError> {
        let header = authorization.ok_or_else(|| OAuthError::new(Code::MissingToken, "an access token is needed"))?;
        let refuse = || OAuthError::new(Code::InvalidToken, "the authorization header is malformed");
        let (scheme, token) = header.split_once(' ').ok_or_else(refuse)?;
        let scheme = if scheme.eq_ignore_ascii_case("dpop") {
            Scheme::Dpop
        } else if scheme.eq_ignore_ascii_case("bearer") {
            Scheme::Bearer
        } else {
            return Err(refuse());
        };
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | '~' | '+' | '/' | '=');
        if token.is_empty() || token.len() > MAX_BYTES || !token.chars().all(allowed) {
            return Err(refuse());
        }
        Ok(Self { scheme, token: token.to_owned() })
    }

    /// How it was presented.
    #[must_use]
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The token itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.token
    }

    /// Base64url SHA-256 of the token: what an issuer stores and looks up, and DPoP's `ath` (RFC 9449 section 4.2).
    #[must_use]
    pub fn hash(&self) -> String {
        hash(&self.token)
    }
}

/// Base64url SHA-256 of a secret text.
pub(crate) fn hash(text: &str) -> String {
    base64url::encode(&sha256(text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_header() {
        let token = AccessToken::parse(Some("DPoP abc.def")).unwrap();
        assert_eq!((token.scheme(), token.expose()), (Scheme::Dpop, "abc.def"));
        assert_eq!(AccessToken::parse(Some("bearer x")).unwrap().scheme(), Scheme::Bearer);
        assert_eq!(AccessToken::parse(None).unwrap_err().code, Code::MissingToken);
        for bad in ["", "DPoP", "DPoP ", "Basic abc", "DPoP a b", "DPoP \u{e9}", &format!("DPoP {}", "a".repeat(3000))]
        {
            assert_eq!(AccessToken::parse(Some(bad)).unwrap_err().code, Code::InvalidToken, "`{bad}`");
        }
        assert!(!format!("{token:?}").contains("abc"));
    }
}
